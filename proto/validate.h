/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict gate in front of every msgpack reader: iterative, bounded, allocates nothing.
 * Accepts exactly one value of: nil, bool, integers, doubles that are finite, str in valid UTF-8
 * without NUL, bin, array, map with distinct TEXT keys. Integers need not be in their shortest
 * form. Refuses ext types, float32, trailing bytes, counts larger than the bytes that remain, maps
 * of more pairs than the limit, and nesting beyond the limit.
 */
#ifndef MST_PROTO_VALIDATE_H
#define MST_PROTO_VALIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/err.h"
#include "proto/pack.h"

#define MST_DEPTH_MAX 16
#define MST_MAP_PAIRS_MAX 512

/* MST_E_PROTOCOL with the byte offset and the reason. */
MST_MUST_CHECK int mst_validate(const void *data, size_t len, struct mst_err *err);

/*
 * The first four bytes and the last four, which may be the same ones; of less than four, each
 * beside 01s. Two texts of the same length have the same mark if they are the same, and up to 8
 * bytes only then. For comparing, on this machine: its byte order decides the number.
 */
static inline uint64_t mst_text_mark(const void *text, size_t len)
{
    const uint8_t *s = (const uint8_t *)text;
    if (len >= 4) {
        uint32_t first, last;
        memcpy(&first, s, sizeof first);
        memcpy(&last, s + len - sizeof last, sizeof last);
        return (uint64_t)first << 32 | last;
    }
    const uint64_t ones = UINT64_C(0x0101010101010101);
    if (len == 0)
        return ones;
    return ones << 24 | (uint64_t)s[0] << 16 | (uint64_t)s[len / 2] << 8 | s[len - 1];
}

/* What a map's pairs were found to be while they were validated; all of it borrowed from the bytes.
 */
struct mst_pair {
    struct mst_slice key;  /* TEXT */
    uint64_t mark;         /* mst_text_mark() of the key */
    struct mst_slice raw;  /* the value's bytes, head included */
    struct mst_value head; /* the value, or the head of an array or map */
};
struct mst_pairs {
    bool is_map; /* false: the value is none, and there are no pairs */
    size_t count;
    struct mst_pair items[MST_MAP_PAIRS_MAX]; /* in the bytes' order */
};

/* The same, and in the same walk what the pairs of the outermost map are. After a refusal ret_pairs
 * means nothing. */
MST_MUST_CHECK int mst_validate_pairs(const void *data, size_t len, struct mst_pairs *ret_pairs,
                                      struct mst_err *err);

/* UTF-8 in its shortest form, without surrogates and without NUL. Empty is valid. */
bool mst_utf8_check(const void *data, size_t len);

#endif
