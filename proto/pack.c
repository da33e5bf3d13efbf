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

/* What stands behind a first byte of 0xc0 to 0xdf: a big-endian number of so many bytes, which is
 * the value or says how long it is. NONE: not used here. */
enum form { NONE, NIL, BOOL, BIN, DOUBLE, UINT, INT, TEXT, ARRAY, MAP };

static const struct head {
    uint8_t form, bytes;
} heads[] = {
    {NIL, 0},   {NONE, 0},  {BOOL, 0}, {BOOL, 0},   /* c0: nil, never used, false, true */
    {BIN, 1},   {BIN, 2},   {BIN, 4},  {NONE, 0},   /* c4: bin; from c7 on ext */
    {NONE, 0},  {NONE, 0},  {NONE, 0}, {DOUBLE, 8}, /* c8: ext, ext, float32, float64 */
    {UINT, 1},  {UINT, 2},  {UINT, 4}, {UINT, 8},   /* cc: uint */
    {INT, 1},   {INT, 2},   {INT, 4},  {INT, 8},    /* d0: int */
    {NONE, 0},  {NONE, 0},  {NONE, 0}, {NONE, 0},   /* d4: ext of a fixed length, also d8 */
    {NONE, 0},  {TEXT, 1},  {TEXT, 2}, {TEXT, 4},   /* d9: str */
    {ARRAY, 2}, {ARRAY, 4}, {MAP, 2},  {MAP, 4},    /* dc: array, map */
};

static uint32_t read_be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t read_be(const uint8_t *at, size_t bytes)
{
    switch (bytes) {
    case 0:
        return 0;
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
    uint64_t sign = UINT64_C(1) << ((8 * bytes - 1) & 63);
    n = (n ^ sign) - sign;
    v->kind = MST_VALUE_INT;
    memcpy(&v->i, &n, sizeof n);
}

bool mst_unpack_typed(struct mst_unpack *u, struct mst_value *ret_value)
{
    struct mst_value *v = ret_value;
    const uint8_t *at = u->at;
    uint8_t type = *at++;
    if (type >= 0xe0) {
        set_int(v, type, 1);
        u->at = at;
        return true;
    }
    const struct head *head = &heads[type - 0xc0];
    if ((size_t)(u->end - at) < head->bytes)
        return false;
    uint64_t n = read_be(at, head->bytes);
    at += head->bytes;
    switch ((enum form)head->form) {
    case NONE:
        return false;
    case NIL:
        v->kind = MST_VALUE_NIL;
        break;
    case BOOL:
        v->kind = MST_VALUE_BOOL;
        v->boolean = type == 0xc3;
        break;
    case DOUBLE:
        v->kind = MST_VALUE_DOUBLE;
        memcpy(&v->d, &n, sizeof n);
        break;
    case UINT:
        set_uint(v, n);
        break;
    case INT:
        set_int(v, n, head->bytes);
        break;
    case BIN:
    case TEXT:
        if ((uint64_t)(u->end - at) < n)
            return false;
        v->kind = head->form == BIN ? MST_VALUE_BIN : MST_VALUE_TEXT;
        v->s = mst_bytes(at, (size_t)n);
        at += n;
        break;
    case ARRAY:
    case MAP:
        v->kind = head->form == MAP ? MST_VALUE_MAP : MST_VALUE_ARRAY;
        v->count = (size_t)n;
        break;
    }
    u->at = at;
    return true;
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
    size_t len = strlen(key);
    for (size_t left = v.count; left > 0; left--) {
        struct mst_value k;
        struct mst_slice raw;
        if (!mst_unpack_next(&u, &k) || k.kind != MST_VALUE_TEXT || !mst_unpack_skip(&u, &raw))
            return false;
        if (k.s.len == len && memcmp(k.s.data, key, len) == 0) {
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
