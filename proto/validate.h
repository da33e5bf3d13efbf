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

#include "proto/err.h"

#define MST_DEPTH_MAX 16
#define MST_MAP_PAIRS_MAX 512

/* MST_E_PROTOCOL with the byte offset and the reason. */
MST_MUST_CHECK int mst_validate(const void *data, size_t len, struct mst_err *err);

/* UTF-8 in its shortest form, without surrogates and without NUL. Empty is valid. */
bool mst_utf8_check(const void *data, size_t len);

#endif
