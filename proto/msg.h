/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages as C structs, generated from messages.def, with one codec for all of them.
 *
 * Decoding is strict (in the walk of validate.h): well-formed msgpack, one map, known fields only,
 * none twice, none missing, each of its kind and in its range. A decoded struct borrows from the
 * buffer it was decoded from, which must outlive it; arrays come from the scratch area that the
 * caller gives. Encoding appends to a growing buffer; a struct that breaks the table's ranges is
 * refused.
 */
#ifndef MST_PROTO_MSG_H
#define MST_PROTO_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/err.h"

#define MST_PROTOCOL_VERSION 1
/* A broker that lists this capability takes `head` in `subscribe`. */
#define MST_CAN_PLACES "places"
/* Rows of a list (reports, alerts, ledger) where the request names no limit. */
#define MST_LIST_ROWS_DEFAULT 1000
#define MST_ALG_ED25519_BLAKE2B "ed25519+blake2b"

/* A borrowed run of bytes; for TEXT it is UTF-8 without a NUL. data NULL: the field is absent. */
struct mst_slice {
    const uint8_t *data;
    size_t len;
};
struct mst_slices {
    const struct mst_slice *items;
    size_t count;
};

#define MST_FIELD_TYPE_UINT uint64_t
#define MST_FIELD_TYPE_BOOL bool
#define MST_FIELD_TYPE_TEXT struct mst_slice
#define MST_FIELD_TYPE_BIN struct mst_slice
#define MST_FIELD_TYPE_MAP struct mst_slice
#define MST_FIELD_TYPE_TEXTS struct mst_slices
#define MST_FIELD_TYPE_BINS struct mst_slices
#define MST_FIELD_TYPE_MAPS struct mst_slices

/* struct mst_msg_hello { uint64_t has; … }: bit n of `has` is set when the n-th field is present.
 */
#define MESSAGE(name, word, direction, doc)                                                        \
    struct mst_msg_##name {                                                                        \
        uint64_t has;
#define FIELD(message, name, kind, need, min, max, doc) MST_FIELD_TYPE_##kind name;
#define END(message)                                                                               \
    }                                                                                              \
    ;
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

enum mst_msg_type {
#define MESSAGE(name, word, direction, doc) MST_MSG_##name,
#define FIELD(message, name, kind, need, min, max, doc)
#define END(message)
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
    MST_MSG_TYPES
};

/* Field numbers: MST_F_hello_version is the bit number in `has`. */
#define MESSAGE(name, word, direction, doc)                                                        \
    enum mst_fields_##name                                                                         \
    {
#define FIELD(message, name, kind, need, min, max, doc) MST_F_##message##_##name,
#define END(message)                                                                               \
    MST_F_##message##__N                                                                           \
    }                                                                                              \
    ;
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

union mst_msg_any {
#define MESSAGE(name, word, direction, doc) struct mst_msg_##name name;
#define FIELD(message, name, kind, need, min, max, doc)
#define END(message)
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
};

struct mst_msg {
    enum mst_msg_type type;
    union mst_msg_any u;
};

/*
 * Room for decoded arrays; 4096 elements in all hold any valid message. Decoding a frame begins at
 * its start, whatever `used` says. NULL does for messages without arrays.
 */
#define MST_MSG_SCRATCH_MAX 4200
struct mst_msg_scratch {
    size_t used;
    struct mst_slice items[MST_MSG_SCRATCH_MAX];
};

enum mst_direction { MST_UP, MST_DOWN, MST_PART };

/*
 * Decode one frame: a map whose "type" names the message. Types of another direction are refused.
 * MST_E_PROTOCOL with field and reason. The struct is filled on success only.
 */
MST_MUST_CHECK int mst_msg_decode(const void *data, size_t len, enum mst_direction direction,
                                  struct mst_msg_scratch *scratch, struct mst_msg *ret_msg,
                                  struct mst_err *err);
/* Decode a report's bytes, the only PART; its map has no "type", and no arrays. */
MST_MUST_CHECK int mst_msg_decode_report(struct mst_slice bytes, struct mst_msg_report *ret,
                                         struct mst_err *err);
/*
 * Append the frame. Every REQUIRED field is written; an OPTIONAL one when its value is not empty
 * (TEXT, BIN, MAP with data; arrays with items, though `count` be 0; UINT and BOOL when its bit is
 * set in `has`). Fields stand in the table's order and integers are in their shortest form, so that
 * equal structs give equal bytes. MST_E_INVALID with the field when a value is out of the table's
 * range; `out` is then as before.
 */
MST_MUST_CHECK int mst_msg_encode(const struct mst_msg *msg, struct mst_buf *out,
                                  struct mst_err *err);

const char *mst_msg_word(enum mst_msg_type type);

/* Helpers for TEXT. mst_text("") is present and empty; mst_text(NULL) is absent. */
static inline struct mst_slice mst_bytes(const void *data, size_t len)
{
    return (struct mst_slice){(const uint8_t *)data, len};
}
static inline struct mst_slice mst_text(const char *s)
{
    return mst_bytes(s, s ? strlen(s) : 0);
}
static inline bool mst_slice_is(struct mst_slice slice, const char *s)
{
    size_t len = strlen(s);
    return slice.data && slice.len == len && memcmp(slice.data, s, len) == 0;
}

/* Is it among these? */
static inline bool mst_slices_have(struct mst_slices all, const char *s)
{
    for (size_t i = 0; i < all.count; i++) {
        if (mst_slice_is(all.items[i], s))
            return true;
    }
    return false;
}
/* Copies with a NUL, cutting between characters at size - 1 or before. Returns dst. */
char *mst_slice_copy(struct mst_slice slice, char *dst, size_t size);
/* The same for showing what a stranger sent: control characters become '?'. */
#define MST_NAME_SHOWN_MAX 41
char *mst_slice_show(struct mst_slice slice, char *dst, size_t size);

#endif
