/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading msgpack maps by hand, for rows, bodies and stored records. Writing always
 * uses the shortest form. Reading is for bytes that mst_validate() has accepted.
 */
#ifndef MST_PROTO_PACK_H
#define MST_PROTO_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/msg.h"

void mst_pack_map(struct mst_buf *buf, size_t pairs);
void mst_pack_array(struct mst_buf *buf, size_t items);
void mst_pack_text(struct mst_buf *buf, const char *s); /* NULL writes nil */
void mst_pack_text_slice(struct mst_buf *buf, struct mst_slice s);
void mst_pack_bin(struct mst_buf *buf, const void *data, size_t len);
void mst_pack_uint(struct mst_buf *buf, uint64_t value);
void mst_pack_int(struct mst_buf *buf, int64_t value);
void mst_pack_double(struct mst_buf *buf, double value);
void mst_pack_bool(struct mst_buf *buf, bool value);
void mst_pack_nil(struct mst_buf *buf);

enum mst_value_kind {
    MST_VALUE_NIL,
    MST_VALUE_BOOL,
    MST_VALUE_INT,  /* also every UINT up to INT64_MAX */
    MST_VALUE_UINT, /* above INT64_MAX only */
    MST_VALUE_DOUBLE,
    MST_VALUE_TEXT,
    MST_VALUE_BIN,
    MST_VALUE_ARRAY, /* items follow */
    MST_VALUE_MAP,   /* key and value pairs follow */
};

struct mst_value {
    enum mst_value_kind kind;
    union {
        bool boolean;
        int64_t i;
        uint64_t u;
        double d;
        struct mst_slice s; /* TEXT, BIN */
        size_t count;       /* ARRAY: items; MAP: pairs */
    };
};

/* A cursor over validated bytes. */
struct mst_unpack {
    const uint8_t *at;
    const uint8_t *end;
};

void mst_unpack_init(struct mst_unpack *u, const void *data, size_t len);
/* What begins with a byte of 0xc0 to 0xff, for mst_unpack_next(), which everybody else calls. */
bool mst_unpack_typed(struct mst_unpack *u, struct mst_value *ret_value);

/*
 * The next value (for arrays and maps its head). false at the end of the bytes, and where they are
 * not a value that is used here; the cursor then stays where it was. In place, since most values
 * are short and every byte that a stranger sends comes by here.
 */
static inline bool mst_unpack_next(struct mst_unpack *u, struct mst_value *ret_value)
{
    size_t left = (size_t)(u->end - u->at);
    if (left == 0)
        return false;
    uint8_t type = *u->at;
    if (type >= 0xc0)
        return mst_unpack_typed(u, ret_value);
    size_t len = 0;
    if (type < 0x80) {
        ret_value->kind = MST_VALUE_INT;
        ret_value->i = type;
    } else if (type < 0xa0) {
        ret_value->kind = type < 0x90 ? MST_VALUE_MAP : MST_VALUE_ARRAY;
        ret_value->count = type & 0x0fU;
    } else {
        len = type & 0x1fU;
        if (len >= left)
            return false;
        ret_value->kind = MST_VALUE_TEXT;
        ret_value->s = (struct mst_slice){u->at + 1, len};
    }
    u->at += 1 + len;
    return true;
}

/* Skip one whole value, nested ones included; ret_raw, if not NULL, gets its bytes. */
bool mst_unpack_skip(struct mst_unpack *u, struct mst_slice *ret_raw);
/*
 * Find a key in a map given as bytes; ret_raw gets the value's bytes. false when the bytes are not
 * a map or the key is not in it.
 */
bool mst_unpack_find(struct mst_slice map, const char *key, struct mst_slice *ret_raw);
/* Conveniences on top of it; the default is returned when the key is absent or of another kind. */
struct mst_slice mst_unpack_text(struct mst_slice map, const char *key); /* data NULL: absent */
struct mst_slice mst_unpack_bin(struct mst_slice map, const char *key);
int64_t mst_unpack_int(struct mst_slice map, const char *key, int64_t fallback);
bool mst_unpack_bool(struct mst_slice map, const char *key, bool fallback);

#endif
