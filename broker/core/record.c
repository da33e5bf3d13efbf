/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored form of an obligation, from one table: a msgpack map with named fields. Unknown fields
 * are skipped and missing ones stay zero, so that a record outlives the version that wrote it; a
 * field of another kind, or a value that does not fit, means that the store is damaged.
 */
#include <string.h>

#include "broker/core/obligation.h"
#include "proto/pack.h"
#include "proto/validate.h"

enum kind { TEXT, BIN, INT, UINT, BOOL, ENUM, VERSION, VERSIONS, DAYS, HOLDERS };

struct field {
    const char *name;
    enum kind kind;
    size_t offset, size;
};

#define RECORD(kind, name)                                                                         \
    {#name, kind, offsetof(struct mst_obligation, name),                                           \
     sizeof(((struct mst_obligation *)NULL)->name)},
static const struct field fields[] = {
#include "broker/core/record.def"
};
#undef RECORD

enum { FIELDS = sizeof fields / sizeof fields[0] };

/* ---- integers of any width ---- */

static int64_t load_int(const void *at, size_t size)
{
    if (size == sizeof(int64_t)) {
        int64_t v;
        memcpy(&v, at, sizeof v);
        return v;
    }
    int32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static uint64_t load_uint(const void *at, size_t size)
{
    if (size == sizeof(uint64_t)) {
        uint64_t v;
        memcpy(&v, at, sizeof v);
        return v;
    }
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static bool store_int(void *at, size_t size, int64_t v)
{
    if (size == sizeof v) {
        memcpy(at, &v, sizeof v);
        return true;
    }
    int32_t narrow = (int32_t)v;
    memcpy(at, &narrow, sizeof narrow);
    return narrow == v;
}

static bool store_uint(void *at, size_t size, uint64_t v)
{
    if (size == sizeof v) {
        memcpy(at, &v, sizeof v);
        return true;
    }
    uint32_t narrow = (uint32_t)v;
    memcpy(at, &narrow, sizeof narrow);
    return narrow == v;
}

static uint32_t inline_versions(const struct mst_obligation *o)
{
    return o->versions_count < MST_VERSIONS_MAX ? o->versions_count : MST_VERSIONS_MAX;
}

static uint32_t inline_minutes(const struct mst_obligation *o)
{
    if (o->kind != MST_DUTY_QUOTA)
        return 0;
    return o->counted < MST_QUOTA_MAX ? o->counted : MST_QUOTA_MAX;
}

/* ---- writing ---- */

static void pack_version(const struct mst_version *v, struct mst_buf *out)
{
    mst_pack_array(out, 2);
    mst_pack_int(out, v->at);
    mst_pack_uint(out, v->row);
}

static void pack_holder(const struct mst_holder *h, struct mst_buf *out)
{
    mst_pack_array(out, 6);
    mst_pack_text(out, h->post);
    mst_pack_text(out, h->name);
    mst_pack_text(out, h->phone);
    mst_pack_text(out, h->address);
    mst_pack_int(out, h->from);
    mst_pack_int(out, h->until);
}

static void pack_field(const struct mst_obligation *o, const struct field *f, struct mst_buf *out)
{
    const void *at = (const char *)o + f->offset;
    mst_pack_text(out, f->name);
    switch (f->kind) {
    case TEXT:
        mst_pack_text(out, at);
        break;
    case BIN:
        mst_pack_bin(out, at, f->size);
        break;
    case INT:
        mst_pack_int(out, load_int(at, f->size));
        break;
    case UINT:
    case ENUM:
        mst_pack_uint(out, load_uint(at, f->size));
        break;
    case BOOL:
        mst_pack_bool(out, *(const bool *)at);
        break;
    case VERSION:
        pack_version(at, out);
        break;
    case VERSIONS:
        mst_pack_array(out, inline_versions(o));
        for (uint32_t i = 0; i < inline_versions(o); i++)
            pack_version(&o->versions[i], out);
        break;
    case DAYS:
        mst_pack_array(out, inline_minutes(o));
        for (uint32_t i = 0; i < inline_minutes(o); i++)
            mst_pack_int(out, o->minutes[i]);
        break;
    case HOLDERS:
        mst_pack_array(out, o->holders_count);
        for (uint32_t i = 0; i < o->holders_count; i++)
            pack_holder(&o->holders[i], out);
        break;
    }
}

void mst_obligation_pack(const struct mst_obligation *o, struct mst_buf *out)
{
    mst_pack_map(out, FIELDS);
    for (size_t i = 0; i < FIELDS; i++)
        pack_field(o, &fields[i], out);
}

/* ---- reading ---- */

static bool read_uint(struct mst_unpack *u, uint64_t *ret)
{
    struct mst_value v;
    if (!mst_unpack_next(u, &v))
        return false;
    if (v.kind == MST_VALUE_UINT) {
        *ret = v.u;
        return true;
    }
    *ret = v.kind == MST_VALUE_INT ? (uint64_t)v.i : 0;
    return v.kind == MST_VALUE_INT && v.i >= 0;
}

static bool read_int(struct mst_unpack *u, int64_t *ret)
{
    struct mst_value v;
    if (!mst_unpack_next(u, &v) || v.kind != MST_VALUE_INT)
        return false;
    *ret = v.i;
    return true;
}

static bool read_version(struct mst_unpack *u, struct mst_version *ret)
{
    struct mst_value v;
    return mst_unpack_next(u, &v) && v.kind == MST_VALUE_ARRAY && v.count == 2 &&
           read_int(u, &ret->at) && read_uint(u, &ret->row);
}

static bool read_versions(struct mst_unpack *u, struct mst_version *ret)
{
    struct mst_value v;
    if (!mst_unpack_next(u, &v) || v.kind != MST_VALUE_ARRAY || v.count > MST_VERSIONS_MAX)
        return false;
    for (size_t i = 0; i < v.count; i++) {
        if (!read_version(u, &ret[i]))
            return false;
    }
    return true;
}

static bool read_days(struct mst_unpack *u, mst_day *ret)
{
    struct mst_value v;
    int64_t day;
    if (!mst_unpack_next(u, &v) || v.kind != MST_VALUE_ARRAY || v.count > MST_QUOTA_MAX)
        return false;
    for (size_t i = 0; i < v.count; i++) {
        if (!read_int(u, &day) || !store_int(&ret[i], sizeof ret[i], day))
            return false;
    }
    return true;
}

static bool read_text(struct mst_unpack *u, char *ret, size_t size)
{
    struct mst_value v;
    if (!mst_unpack_next(u, &v) || v.kind != MST_VALUE_TEXT || v.s.len >= size)
        return false;
    mst_slice_copy(v.s, ret, size);
    return true;
}

static bool read_holders(struct mst_unpack *u, struct mst_holder *ret)
{
    struct mst_value v, head;
    if (!mst_unpack_next(u, &v) || v.kind != MST_VALUE_ARRAY || v.count > MST_HOLDERS_MAX)
        return false;
    for (size_t i = 0; i < v.count; i++) {
        struct mst_holder *h = &ret[i];
        if (!mst_unpack_next(u, &head) || head.kind != MST_VALUE_ARRAY || head.count != 6 ||
            !read_text(u, h->post, sizeof h->post) || !read_text(u, h->name, sizeof h->name) ||
            !read_text(u, h->phone, sizeof h->phone) ||
            !read_text(u, h->address, sizeof h->address) || !read_int(u, &h->from) ||
            !read_int(u, &h->until))
            return false;
    }
    return true;
}

static bool read_field(struct mst_unpack *u, const struct field *f, struct mst_obligation *o)
{
    void *at = (char *)o + f->offset;
    struct mst_value v;
    int64_t i;
    uint64_t n;
    switch (f->kind) {
    case TEXT:
        return read_text(u, at, f->size);
    case BIN:
        if (!mst_unpack_next(u, &v) || v.kind != MST_VALUE_BIN || v.s.len != f->size)
            return false;
        memcpy(at, v.s.data, f->size);
        return true;
    case INT:
        return read_int(u, &i) && store_int(at, f->size, i);
    case UINT:
    case ENUM:
        return read_uint(u, &n) && store_uint(at, f->size, n);
    case BOOL:
        if (!mst_unpack_next(u, &v) || v.kind != MST_VALUE_BOOL)
            return false;
        *(bool *)at = v.boolean;
        return true;
    case VERSION:
        return read_version(u, at);
    case VERSIONS:
        return read_versions(u, at);
    case DAYS:
        return read_days(u, at);
    case HOLDERS:
        return read_holders(u, at);
    }
    return false;
}

/* Fields mostly come in the order in which they were written: look there first. */
static const struct field *field_named(struct mst_slice name, size_t expected)
{
    for (size_t i = 0; i < FIELDS; i++) {
        const struct field *f = &fields[(expected + i) % FIELDS];
        if (mst_slice_is(name, f->name))
            return f;
    }
    return NULL;
}

static bool sound(const struct mst_obligation *o)
{
    return o->id[0] && (unsigned)o->work < MST_WORKS && (unsigned)o->verdict < MST_VERDICTS &&
           (unsigned)o->closing <= MST_CLOSE_NONE && (unsigned)o->kind <= MST_DUTY_ATTESTED &&
           (o->kind != MST_DUTY_QUOTA || o->counted <= MST_QUOTA_MAX) &&
           o->holders_count <= MST_HOLDERS_MAX;
}

int mst_obligation_unpack(struct mst_slice bytes, struct mst_obligation *ret_o, struct mst_err *err)
{
    if (mst_validate(bytes.data, bytes.len, NULL))
        return mst_fail_on(err, MST_E_CORRUPT, "obligation");
    struct mst_obligation o;
    struct mst_unpack u;
    struct mst_value map, key;
    memset(&o, 0, sizeof o);
    mst_unpack_init(&u, bytes.data, bytes.len);
    if (!mst_unpack_next(&u, &map) || map.kind != MST_VALUE_MAP)
        return mst_fail_on(err, MST_E_CORRUPT, "obligation");
    for (size_t i = 0; i < map.count; i++) {
        if (!mst_unpack_next(&u, &key) || key.kind != MST_VALUE_TEXT)
            return mst_fail_on(err, MST_E_CORRUPT, "obligation");
        const struct field *f = field_named(key.s, i % FIELDS);
        if (f ? !read_field(&u, f, &o) : !mst_unpack_skip(&u, NULL))
            return mst_fail_on(err, MST_E_CORRUPT, f ? f->name : "obligation");
    }
    if (!sound(&o))
        return mst_fail_on(err, MST_E_CORRUPT, "obligation");
    memcpy(ret_o, &o, sizeof o);
    return 0;
}
