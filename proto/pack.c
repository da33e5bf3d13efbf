/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing msgpack in its shortest form (msgpack-c's packer) and reading it with a cursor (by hand,
 * since msgpack-c's reader allocates what a header asks for). The cursor never reads beyond its
 * bytes, even when nobody validated them; it refuses ext types and float32 as the validator does.
 */
#include "proto/pack.h"

#include <string.h>

#include <msgpack/pack.h>

static int put(void *context, const char *data, size_t len)
{
    mst_buf_put(context, data, len);
    return 0; /* a failure is remembered in the buffer */
}

static msgpack_packer packer_of(struct mst_buf *buf)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, buf, put);
    return packer;
}

void mst_pack_map(struct mst_buf *buf, size_t pairs)
{
    msgpack_packer packer = packer_of(buf);
    msgpack_pack_map(&packer, pairs);
}

void mst_pack_array(struct mst_buf *buf, size_t items)
{
    msgpack_packer packer = packer_of(buf);
    msgpack_pack_array(&packer, items);
}

void mst_pack_text_slice(struct mst_buf *buf, struct mst_slice s)
{
    if (!s.data) {
        mst_pack_nil(buf);
        return;
    }
    msgpack_packer packer = packer_of(buf);
    msgpack_pack_str(&packer, s.len);
    mst_buf_put(buf, s.data, s.len);
}

void mst_pack_text(struct mst_buf *buf, const char *s)
{
    mst_pack_text_slice(buf, mst_text(s));
}

void mst_pack_bin(struct mst_buf *buf, const void *data, size_t len)
{
    msgpack_packer packer = packer_of(buf);
    msgpack_pack_bin(&packer, len);
    mst_buf_put(buf, data, len);
}

void mst_pack_uint(struct mst_buf *buf, uint64_t value)
{
    msgpack_packer packer = packer_of(buf);
    msgpack_pack_uint64(&packer, value);
}

void mst_pack_int(struct mst_buf *buf, int64_t value)
{
    msgpack_packer packer = packer_of(buf);
    msgpack_pack_int64(&packer, value);
}

void mst_pack_double(struct mst_buf *buf, double value)
{
    msgpack_packer packer = packer_of(buf);
    msgpack_pack_double(&packer, value);
}

void mst_pack_bool(struct mst_buf *buf, bool value)
{
    msgpack_packer packer = packer_of(buf);
    if (value)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void mst_pack_nil(struct mst_buf *buf)
{
    msgpack_packer packer = packer_of(buf);
    msgpack_pack_nil(&packer);
}

void mst_unpack_init(struct mst_unpack *u, const void *data, size_t len)
{
    u->at = data;
    u->end = len ? u->at + len : u->at;
}

static uint32_t read_be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Big-endian number of 1, 2, 4 or 8 bytes. */
static uint64_t read_be(const uint8_t *at, size_t bytes)
{
    switch (bytes) {
    case 1:
        return at[0];
    case 2:
        return (uint64_t)at[0] << 8 | at[1];
    case 4:
        return read_be32(at);
    default:
        return (uint64_t)read_be32(at) << 32 | read_be32(at + 4);
    }
}

/* false: the bytes end before the number does. */
static bool take_be(struct mst_unpack *u, size_t bytes, uint64_t *ret)
{
    if ((size_t)(u->end - u->at) < bytes)
        return false;
    *ret = read_be(u->at, bytes);
    u->at += bytes;
    return true;
}

static bool take_run(struct mst_unpack *u, enum mst_value_kind kind, uint64_t len,
                     struct mst_value *v)
{
    if ((uint64_t)(u->end - u->at) < len)
        return false;
    v->kind = kind;
    v->s = (struct mst_slice){u->at, (size_t)len};
    u->at += len;
    return true;
}

static void set_count(struct mst_value *v, enum mst_value_kind kind, uint64_t count)
{
    v->kind = kind;
    v->count = (size_t)count;
}

static void set_uint(struct mst_value *v, uint64_t n)
{
    if (n <= INT64_MAX) {
        v->kind = MST_VALUE_INT;
        v->i = (int64_t)n;
    } else {
        v->kind = MST_VALUE_UINT;
        v->u = n;
    }
}

static void set_int(struct mst_value *v, uint64_t n, size_t bytes)
{
    /* Sign-extend without relying on what a right shift of a negative number does. */
    uint64_t sign = UINT64_C(1) << (8 * bytes - 1);
    n = (n ^ sign) - sign;
    v->kind = MST_VALUE_INT;
    memcpy(&v->i, &n, sizeof n);
}

/* Heads whose first byte is 0xc0 or above: a type byte, then mostly a length or value. */
static bool take_typed(struct mst_unpack *u, uint8_t type, struct mst_value *v)
{
    uint64_t n = 0;
    if (type >= 0xe0) {
        set_int(v, type, 1);
        return true;
    }
    switch (type) {
    case 0xc0:
        v->kind = MST_VALUE_NIL;
        return true;
    case 0xc2:
    case 0xc3:
        v->kind = MST_VALUE_BOOL;
        v->boolean = type == 0xc3;
        return true;
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return take_be(u, (size_t)1 << (type - 0xc4), &n) && take_run(u, MST_VALUE_BIN, n, v);
    case 0xcb:
        if (!take_be(u, 8, &n))
            return false;
        v->kind = MST_VALUE_DOUBLE;
        memcpy(&v->d, &n, sizeof n);
        return true;
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        if (!take_be(u, (size_t)1 << (type - 0xcc), &n))
            return false;
        set_uint(v, n);
        return true;
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: {
        size_t bytes = (size_t)1 << (type - 0xd0);
        if (!take_be(u, bytes, &n))
            return false;
        set_int(v, n, bytes);
        return true;
    }
    case 0xd9:
    case 0xda:
    case 0xdb:
        return take_be(u, (size_t)1 << (type - 0xd9), &n) && take_run(u, MST_VALUE_TEXT, n, v);
    case 0xdc:
    case 0xdd:
        if (!take_be(u, (size_t)2 << (type - 0xdc), &n))
            return false;
        set_count(v, MST_VALUE_ARRAY, n);
        return true;
    case 0xde:
    case 0xdf:
        if (!take_be(u, (size_t)2 << (type - 0xde), &n))
            return false;
        set_count(v, MST_VALUE_MAP, n);
        return true;
    default: /* never used (c1), ext (c7-c9, d4-d8), float32 (ca) */
        return false;
    }
}

bool mst_unpack_typed(struct mst_unpack *u, struct mst_value *ret_value)
{
    struct mst_unpack ahead = {u->at + 1, u->end};
    bool good = take_typed(&ahead, *u->at, ret_value);
    if (good)
        u->at = ahead.at;
    return good;
}

bool mst_unpack_skip(struct mst_unpack *u, struct mst_slice *ret_raw)
{
    struct mst_unpack cursor = *u;
    for (uint64_t left = 1; left > 0; left--) {
        struct mst_value v;
        if (!mst_unpack_next(&cursor, &v))
            return false;
        if (v.kind == MST_VALUE_ARRAY)
            left += v.count;
        else if (v.kind == MST_VALUE_MAP)
            left += 2 * (uint64_t)v.count;
    }
    if (ret_raw)
        *ret_raw = (struct mst_slice){u->at, (size_t)(cursor.at - u->at)};
    *u = cursor;
    return true;
}

bool mst_unpack_find(struct mst_slice map, const char *key, struct mst_slice *ret_raw)
{
    struct mst_unpack u;
    mst_unpack_init(&u, map.data, map.len);
    struct mst_value v;
    if (!mst_unpack_next(&u, &v) || v.kind != MST_VALUE_MAP)
        return false;
    for (size_t left = v.count; left > 0; left--) {
        struct mst_value k;
        struct mst_slice raw;
        if (!mst_unpack_next(&u, &k) || k.kind != MST_VALUE_TEXT || !mst_unpack_skip(&u, &raw))
            return false;
        if (mst_slice_is(k.s, key)) {
            *ret_raw = raw;
            return true;
        }
    }
    return false;
}

static bool find_value(struct mst_slice map, const char *key, enum mst_value_kind kind,
                       struct mst_value *ret)
{
    struct mst_slice raw;
    if (!mst_unpack_find(map, key, &raw))
        return false;
    struct mst_unpack u;
    mst_unpack_init(&u, raw.data, raw.len);
    return mst_unpack_next(&u, ret) && ret->kind == kind;
}

struct mst_slice mst_unpack_text(struct mst_slice map, const char *key)
{
    struct mst_value v;
    return find_value(map, key, MST_VALUE_TEXT, &v) ? v.s : (struct mst_slice){0};
}

struct mst_slice mst_unpack_bin(struct mst_slice map, const char *key)
{
    struct mst_value v;
    return find_value(map, key, MST_VALUE_BIN, &v) ? v.s : (struct mst_slice){0};
}

int64_t mst_unpack_int(struct mst_slice map, const char *key, int64_t fallback)
{
    struct mst_value v;
    return find_value(map, key, MST_VALUE_INT, &v) ? v.i : fallback;
}

bool mst_unpack_bool(struct mst_slice map, const char *key, bool fallback)
{
    struct mst_value v;
    return find_value(map, key, MST_VALUE_BOOL, &v) ? v.boolean : fallback;
}
