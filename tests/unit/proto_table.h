/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages.def as rows that tests walk: where each field stands in its struct, what it is, and its
 * range. Apart from the codec's own rows on purpose, so that a fault there is not repeated here.
 */
#ifndef MST_TESTS_PROTO_TABLE_H
#define MST_TESTS_PROTO_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "proto/msg.h"

enum table_kind { T_UINT, T_BOOL, T_TEXT, T_BIN, T_MAP, T_TEXTS, T_BINS, T_MAPS };

struct table_field {
    enum mst_msg_type message;
    const char *name;
    unsigned bit;
    size_t offset;
    enum table_kind kind;
    bool required;
    uint64_t min, max;
};

#define REQUIRED true
#define OPTIONAL false
#define MAX INT64_MAX
#define MESSAGE(name, word, direction, doc)
#define END(message)
#define FIELD(message, name, kind, need, min, max, doc)                                            \
    {MST_MSG_##message,                                                                            \
     #name,                                                                                        \
     MST_F_##message##_##name,                                                                     \
     offsetof(struct mst_msg_##message, name),                                                     \
     T_##kind,                                                                                     \
     need,                                                                                         \
     min,                                                                                          \
     max},
static const struct table_field table_fields[] = {
#include "proto/messages.def"
};
#undef MESSAGE
#undef FIELD
#define MESSAGE(name, word, direction, doc) MST_##direction,
#define FIELD(message, name, kind, need, min, max, doc)
static const enum mst_direction table_directions[] = {
#include "proto/messages.def"
};
#undef MESSAGE
#undef FIELD
#undef END
#undef MAX
#undef REQUIRED
#undef OPTIONAL

#define TABLE_FIELDS (sizeof table_fields / sizeof table_fields[0])

static inline void *table_at(struct mst_msg *msg, const struct table_field *f)
{
    return (char *)&msg->u + f->offset;
}

/* Every message begins with its `has`. */
static inline uint64_t *table_has(struct mst_msg *msg)
{
    return (uint64_t *)(void *)&msg->u;
}

static inline int table_decode(const struct mst_msg *like, const void *data, size_t len,
                               struct mst_msg_scratch *scratch, struct mst_msg *ret)
{
    enum mst_direction direction = table_directions[like->type];
    if (direction != MST_PART)
        return mst_msg_decode(data, len, direction, scratch, ret, NULL);
    ret->type = MST_MSG_report;
    return mst_msg_decode_report(mst_bytes(data, len), &ret->u.report, NULL);
}

static inline bool table_slices_equal(struct mst_slice a, struct mst_slice b)
{
    if (!a.data || !b.data)
        return a.data == b.data && a.len == b.len;
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* Field by field: what is absent on one side is absent on the other. NULL: equal; else the field.
 */
static inline const char *table_difference(struct mst_msg *a, struct mst_msg *b)
{
    if (a->type != b->type)
        return "type";
    for (size_t i = 0; i < TABLE_FIELDS; i++) {
        const struct table_field *f = &table_fields[i];
        if (f->message != a->type)
            continue;
        void *x = table_at(a, f), *y = table_at(b, f);
        bool same = (*table_has(a) >> f->bit & 1) == (*table_has(b) >> f->bit & 1);
        if (f->kind == T_UINT) {
            same = same && *(uint64_t *)x == *(uint64_t *)y;
        } else if (f->kind == T_BOOL) {
            same = same && *(bool *)x == *(bool *)y;
        } else if (f->kind < T_TEXTS) {
            same = same && table_slices_equal(*(struct mst_slice *)x, *(struct mst_slice *)y);
        } else {
            const struct mst_slices *p = x, *q = y;
            same = same && p->count == q->count;
            for (size_t k = 0; same && k < p->count; k++)
                same = table_slices_equal(p->items[k], q->items[k]);
        }
        if (!same)
            return f->name;
    }
    return NULL;
}

#endif
