/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One codec for all messages, driven by messages.def: each field is a row that says where it stands
 * in the struct, what it is and what range it has. No message has code of its own. Refuses what the
 * table does not know, so that a message means the same to everybody who accepts it.
 */
#include "proto/msg.h"

#include <inttypes.h>
#include <string.h>

#include "proto/pack.h"
#include "proto/validate.h"

enum kind { KIND_UINT, KIND_BOOL, KIND_TEXT, KIND_BIN, KIND_MAP, KIND_TEXTS, KIND_BINS, KIND_MAPS };
enum need { NEED_OPTIONAL, NEED_REQUIRED };

struct field_row {
    const char *name;
    size_t name_bytes, offset;
    uint64_t bit; /* of `has` */
    uint64_t min, max;
    enum kind kind;
    enum need need;
};

/* The table's MAX: what every language, and the store, has a signed integer for. */
#define MAX INT64_MAX
/* clang-format off */
#define MESSAGE(name, word, direction, doc)                                                        \
    _Static_assert(MST_F_##name##__N <= 64, "`has` has 64 bits");                                  \
    _Static_assert(offsetof(struct mst_msg_##name, has) == 0, "`has` comes first");                \
    static const struct field_row fields_of_##name[] = {
#define FIELD(message, name, kind, need, min, max, doc)                                            \
        {#name, sizeof #name - 1, offsetof(struct mst_msg_##message, name),                        \
         UINT64_C(1) << MST_F_##message##_##name, min, max, KIND_##kind, NEED_##need},
#define END(message) {0}};
/* clang-format on */
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
#undef MAX

struct message_row {
    const char *word;
    enum mst_direction direction;
    const struct field_row *fields;
    size_t count;
    size_t bytes;      /* of the struct */
    uint64_t required; /* as bits of `has` */
};

static const struct message_row messages[MST_MSG_TYPES] = {
#define MESSAGE(name, word, direction, doc)                                                        \
    {                                                                                              \
        word, MST_##direction, fields_of_##name, MST_F_##name##__N, sizeof(struct mst_msg_##name), 0
#define FIELD(message, name, kind, need, min, max, doc)                                            \
    | (uint64_t)NEED_##need << MST_F_##message##_##name
#define END(message)                                                                               \
    }                                                                                              \
    ,
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
};

const char *mst_msg_word(enum mst_msg_type type)
{
    return (unsigned)type < MST_MSG_TYPES ? messages[type].word : "?";
}

/* ---- slices ---- */

char *mst_slice_copy(struct mst_slice slice, char *dst, size_t size)
{
    if (size == 0)
        return dst;
    size_t len = slice.len < size ? slice.len : size - 1;
    /* Where text is cut, it is cut between characters. */
    while (len > 0 && len < slice.len && (slice.data[len] & 0xc0) == 0x80)
        len--;
    if (len > 0)
        memcpy(dst, slice.data, len);
    dst[len] = '\0';
    return dst;
}

char *mst_slice_show(struct mst_slice slice, char *dst, size_t size)
{
    mst_slice_copy(slice, dst, size);
    for (size_t i = 0; i < size && dst[i]; i++) {
        if ((unsigned char)dst[i] < 0x20 || dst[i] == 0x7f)
            dst[i] = '?';
    }
    return dst;
}

/* ---- refusals ---- */

/* fmt: the message's word, then the field's name. */
static int refuse(struct mst_err *err, enum mst_code code, const char *fmt,
                  const struct message_row *m, const char *field)
{
    return mst_fail(err, code, mst_tr(fmt), m->word, field);
}

/* Names come from strangers and end in logs. */
static int refuse_name(struct mst_err *err, const char *fmt, const char *where,
                       struct mst_slice name)
{
    char shown[MST_NAME_SHOWN_MAX];
    return mst_fail(err, MST_E_PROTOCOL, mst_tr(fmt), where,
                    mst_slice_show(name, shown, sizeof shown));
}

static int refuse_range(struct mst_err *err, enum mst_code code, const struct message_row *m,
                        const struct field_row *row)
{
    return mst_fail(err, code, _("%s: \"%s\" is out of range (%" PRIu64 " to %" PRIu64 ")"),
                    m->word, row->name, row->min, row->max);
}

static bool in_range(const struct field_row *row, uint64_t n)
{
    return n >= row->min && n <= row->max;
}

/* ---- decoding ---- */

struct decoder {
    const struct message_row *m;
    struct mst_msg_scratch *scratch;
    struct mst_err *err;
};

/* What a field's value is, or each element of it. */
static const enum mst_value_kind element_kinds[] = {
    [KIND_UINT] = MST_VALUE_INT, [KIND_BOOL] = MST_VALUE_BOOL, [KIND_TEXT] = MST_VALUE_TEXT,
    [KIND_BIN] = MST_VALUE_BIN,  [KIND_MAP] = MST_VALUE_MAP,   [KIND_TEXTS] = MST_VALUE_TEXT,
    [KIND_BINS] = MST_VALUE_BIN, [KIND_MAPS] = MST_VALUE_MAP,
};

static int refuse_kind(const struct decoder *d, const struct field_row *row)
{
    return refuse(d->err, MST_E_PROTOCOL, N_("%s: \"%s\" is of the wrong kind"), d->m, row->name);
}

/* One TEXT, BIN or MAP; of a map all its bytes, head included. */
static bool take_slice(struct mst_unpack *u, enum mst_value_kind want, struct mst_slice *ret)
{
    struct mst_unpack ahead = *u;
    struct mst_value v;
    if (!mst_unpack_next(&ahead, &v) || v.kind != want)
        return false;
    if (want == MST_VALUE_MAP)
        return mst_unpack_skip(u, ret);
    *u = ahead;
    *ret = v.s;
    return true;
}

static int decode_array(const struct decoder *d, const struct field_row *row,
                        const struct mst_pair *pair, struct mst_slices *ret)
{
    size_t count = pair->head.count;
    if (pair->head.kind != MST_VALUE_ARRAY)
        return refuse_kind(d, row);
    if (!in_range(row, count))
        return refuse_range(d->err, MST_E_PROTOCOL, d->m, row);
    struct mst_msg_scratch *scratch = d->scratch;
    if (!scratch || scratch->used > MST_MSG_SCRATCH_MAX ||
        count > MST_MSG_SCRATCH_MAX - scratch->used)
        return refuse(d->err, MST_E_PROTOCOL, N_("%s: \"%s\" has too many elements"), d->m,
                      row->name);
    struct mst_slice *items = scratch->items + scratch->used;
    struct mst_unpack u;
    struct mst_value head;
    mst_unpack_init(&u, pair->raw.data, pair->raw.len);
    (void)mst_unpack_next(&u, &head);
    for (size_t i = 0; i < count; i++) {
        if (!take_slice(&u, element_kinds[row->kind], &items[i]))
            return refuse_kind(d, row);
    }
    scratch->used += count;
    *ret = (struct mst_slices){items, count};
    return 0;
}

static int decode_slice(const struct decoder *d, const struct field_row *row,
                        const struct mst_pair *pair, struct mst_slice *ret)
{
    if (pair->head.kind != element_kinds[row->kind])
        return refuse_kind(d, row);
    struct mst_slice s = row->kind == KIND_MAP ? pair->raw : pair->head.s;
    if (!in_range(row, s.len))
        return refuse_range(d->err, MST_E_PROTOCOL, d->m, row);
    *ret = s;
    return 0;
}

static int decode_uint(const struct decoder *d, const struct field_row *row,
                       const struct mst_value *v, uint64_t *ret)
{
    if (v->kind != MST_VALUE_INT && v->kind != MST_VALUE_UINT)
        return refuse_kind(d, row);
    if (v->kind == MST_VALUE_UINT || v->i < 0 || !in_range(row, (uint64_t)v->i))
        return refuse_range(d->err, MST_E_PROTOCOL, d->m, row);
    *ret = (uint64_t)v->i;
    return 0;
}

static int decode_value(const struct decoder *d, const struct field_row *row,
                        const struct mst_pair *pair, void *at)
{
    switch (row->kind) {
    case KIND_UINT:
        return decode_uint(d, row, &pair->head, at);
    case KIND_BOOL:
        if (pair->head.kind != MST_VALUE_BOOL)
            return refuse_kind(d, row);
        *(bool *)at = pair->head.boolean;
        return 0;
    case KIND_TEXT:
    case KIND_BIN:
    case KIND_MAP:
        return decode_slice(d, row, pair, at);
    case KIND_TEXTS:
    case KIND_BINS:
    case KIND_MAPS:
        break;
    }
    return decode_array(d, row, pair, at);
}

static bool is_named(const struct field_row *row, const struct mst_pair *pair)
{
    size_t len = pair->key.len;
    return row->name_bytes == len && mst_text_mark(row->name, len) == pair->mark &&
           (len <= 8 || memcmp(row->name, pair->key.data, len) == 0);
}

/*
 * The row of a pair. Fields mostly come in the table's order, so the search begins behind the one
 * found last and each costs one comparison.
 */
static const struct field_row *find_field(const struct message_row *m, const struct mst_pair *pair,
                                          const struct field_row **next)
{
    const struct field_row *row = *next, *end = m->fields + m->count;
    for (size_t left = m->count; left > 0; left--, row++) {
        if (row == end)
            row = m->fields;
        if (is_named(row, pair)) {
            *next = row + 1;
            return row;
        }
    }
    return NULL;
}

static int check_complete(const struct decoder *d, uint64_t has)
{
    uint64_t missing = d->m->required & ~has;
    const struct field_row *row = d->m->fields;
    if (!missing)
        return 0;
    while (!(missing & row->bit))
        row++;
    return refuse(d->err, MST_E_PROTOCOL, N_("%s: \"%s\" is missing"), d->m, row->name);
}

/* Decode a map's pairs, but for the one that named the message, into the message's own struct. Two
 * equal keys cannot be: the validator refused them. */
static int decode_fields(const struct message_row *m, const struct mst_pairs *pairs,
                         const struct mst_pair *type, struct mst_msg_scratch *scratch, void *ret,
                         struct mst_err *err)
{
    union mst_msg_any u; /* of it, the message's part is set */
    const struct decoder d = {.m = m, .scratch = scratch, .err = err};
    if (!pairs->is_map)
        return mst_fail(err, MST_E_PROTOCOL, _("%s: not a map"), m->word);
    uint8_t *base = (uint8_t *)&u;
    memset(base, 0, m->bytes);
    uint64_t has = 0;
    const struct field_row *next = m->fields;
    for (size_t i = 0; i < pairs->count; i++) {
        const struct mst_pair *pair = &pairs->items[i];
        if (pair == type)
            continue;
        const struct field_row *row = find_field(m, pair, &next);
        if (!row)
            return refuse_name(err, N_("%s: \"%s\" is not known"), m->word, pair->key);
        int rc = decode_value(&d, row, pair, base + row->offset);
        if (rc)
            return rc;
        has |= row->bit;
    }
    int rc = check_complete(&d, has);
    if (rc)
        return rc;
    memcpy(base, &has, sizeof has);
    memcpy(ret, base, m->bytes);
    return 0;
}

/* NULL: there is none, or it is not text. */
static const struct mst_pair *find_type(const struct mst_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const struct mst_pair *pair = &pairs->items[i];
        if (mst_slice_is(pair->key, "type"))
            return pair->head.kind == MST_VALUE_TEXT ? pair : NULL;
    }
    return NULL;
}

int mst_msg_decode(const void *data, size_t len, enum mst_direction direction,
                   struct mst_msg_scratch *scratch, struct mst_msg *ret_msg, struct mst_err *err)
{
    struct mst_pairs pairs; /* large; what was found is set */
    int rc = mst_validate_pairs(data, len, &pairs, err);
    if (rc)
        return rc;
    const struct mst_pair *type = find_type(&pairs);
    if (!type)
        return mst_fail(err, MST_E_PROTOCOL, _("not a map with a \"type\" that is text"));
    if (scratch)
        scratch->used = 0;
    for (int i = 0; i < MST_MSG_TYPES; i++) {
        const struct message_row *m = &messages[i];
        if (m->direction == direction && mst_slice_is(type->head.s, m->word)) {
            rc = decode_fields(m, &pairs, type, scratch, &ret_msg->u, err);
            if (!rc)
                ret_msg->type = (enum mst_msg_type)i;
            return rc;
        }
    }
    return refuse_name(err,
                       direction == MST_UP ? N_("%s: \"%s\" is not a message to the broker")
                                           : N_("%s: \"%s\" is not a message from the broker"),
                       "type", type->head.s);
}

int mst_msg_decode_report(struct mst_slice bytes, struct mst_msg_report *ret, struct mst_err *err)
{
    struct mst_pairs pairs;
    int rc = mst_validate_pairs(bytes.data, bytes.len, &pairs, err);
    return rc ? rc : decode_fields(&messages[MST_MSG_report], &pairs, NULL, NULL, ret, err);
}

/* ---- encoding ---- */

static bool begins_as_map(struct mst_slice raw)
{
    return raw.len > 0 && ((raw.data[0] & 0xf0) == 0x80 || (raw.data[0] & 0xfe) == 0xde);
}

/* Is the element such as a decoder takes? Whole maps are walked in test builds only: they cost. */
static bool element_is_sound(enum mst_value_kind kind, struct mst_slice s)
{
    if (!s.data)
        return false;
    if (kind == MST_VALUE_TEXT)
        return mst_utf8_check(s.data, s.len);
    if (kind != MST_VALUE_MAP)
        return true;
#ifdef MUSTER_TESTING
    if (mst_validate(s.data, s.len, NULL))
        return false;
#endif
    return begins_as_map(s);
}

static void put_element(struct mst_buf *out, enum mst_value_kind kind, struct mst_slice s)
{
    if (kind == MST_VALUE_TEXT)
        mst_pack_text_slice(out, s);
    else if (kind == MST_VALUE_BIN)
        mst_pack_bin(out, s.data, s.len);
    else
        mst_buf_put(out, s.data, s.len);
}

static bool is_present(const struct field_row *row, const void *at, bool bit)
{
    if (row->need == NEED_REQUIRED)
        return true;
    switch (row->kind) {
    case KIND_UINT:
    case KIND_BOOL:
        return bit;
    case KIND_TEXT:
    case KIND_BIN:
    case KIND_MAP:
        return ((const struct mst_slice *)at)->data != NULL;
    case KIND_TEXTS:
    case KIND_BINS:
    case KIND_MAPS:
        break;
    }
    return ((const struct mst_slices *)at)->items != NULL;
}

static int encode_array(const struct message_row *m, const struct field_row *row,
                        const struct mst_slices *list, struct mst_buf *out, struct mst_err *err)
{
    if (!in_range(row, list->count))
        return refuse_range(err, MST_E_INVALID, m, row);
    enum mst_value_kind kind = element_kinds[row->kind];
    mst_pack_array(out, list->count);
    for (size_t i = 0; i < list->count; i++) {
        if (!element_is_sound(kind, list->items[i]))
            return refuse(err, MST_E_INVALID, N_("%s: \"%s\" cannot be sent"), m, row->name);
        put_element(out, kind, list->items[i]);
    }
    return 0;
}

static int encode_value(const struct message_row *m, const struct field_row *row, const void *at,
                        struct mst_buf *out, struct mst_err *err)
{
    if (row->kind == KIND_BOOL) {
        mst_pack_bool(out, *(const bool *)at);
        return 0;
    }
    if (row->kind == KIND_UINT) {
        uint64_t n = *(const uint64_t *)at;
        if (!in_range(row, n))
            return refuse_range(err, MST_E_INVALID, m, row);
        mst_pack_uint(out, n);
        return 0;
    }
    if (row->kind == KIND_TEXTS || row->kind == KIND_BINS || row->kind == KIND_MAPS)
        return encode_array(m, row, at, out, err);
    const struct mst_slice *s = at;
    if (!s->data)
        return refuse(err, MST_E_INVALID, N_("%s: \"%s\" is missing"), m, row->name);
    if (!in_range(row, s->len))
        return refuse_range(err, MST_E_INVALID, m, row);
    enum mst_value_kind kind = element_kinds[row->kind];
    if (!element_is_sound(kind, *s))
        return refuse(err, MST_E_INVALID, N_("%s: \"%s\" cannot be sent"), m, row->name);
    put_element(out, kind, *s);
    return 0;
}

static int encode_fields(const struct message_row *m, const uint8_t *base, uint64_t has,
                         struct mst_buf *out, struct mst_err *err)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct field_row *row = &m->fields[i];
        if (!is_present(row, base + row->offset, has & row->bit))
            continue;
        mst_pack_text_slice(out, mst_bytes(row->name, row->name_bytes));
        int rc = encode_value(m, row, base + row->offset, out, err);
        if (rc)
            return rc;
    }
    return 0;
}

int mst_msg_encode(const struct mst_msg *msg, struct mst_buf *out, struct mst_err *err)
{
    const struct message_row *m = &messages[msg->type];
    const uint8_t *base = (const uint8_t *)&msg->u;
    uint64_t has;
    memcpy(&has, base, sizeof has);
    size_t start = out->len;
    size_t pairs = m->direction == MST_PART ? 0 : 1;
    for (size_t i = 0; i < m->count; i++)
        pairs += is_present(&m->fields[i], base + m->fields[i].offset, has & m->fields[i].bit);
    mst_pack_map(out, pairs);
    if (m->direction != MST_PART) {
        mst_pack_text(out, "type");
        mst_pack_text(out, m->word);
    }
    int rc = encode_fields(m, base, has, out, err);
    if (!rc && out->failed)
        rc = mst_fail_on(err, MST_E_NOMEM, m->word);
    if (rc)
        out->len = start;
    return rc;
}
