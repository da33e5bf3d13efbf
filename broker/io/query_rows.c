/* SPDX-License-Identifier: Apache-2.0 */
/* What queries share: arguments, and packing values into rows. Knows no thread and sends nothing.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/io/query.h"
#include "proto/validate.h"

const char *mst_query_arg(const struct mst_query *q, const char *name, char *buf, size_t size)
{
    struct mst_slice value = mst_unpack_text(q->args, name);
    return value.data ? mst_slice_copy(value, buf, size) : NULL;
}

int64_t mst_query_number(const struct mst_query *q, const char *name, int64_t fallback)
{
    char text[32], *end;
    if (!mst_query_arg(q, name, text, sizeof text))
        return fallback;
    long long value = strtoll(text, &end, 10);
    return *text && !*end ? value : -1;
}

bool mst_query_matches(const struct mst_query *q, const char *name, const char *value)
{
    struct mst_slice wanted = mst_unpack_text(q->args, name);
    return !wanted.data || mst_slice_is(wanted, value);
}

static bool may(const struct mst_query *q, const char *action, const char *unit, const char *group)
{
    struct mst_target target = {.unit = unit && unit[0] ? unit : NULL,
                                .group = group && group[0] ? group : NULL};
    return mst_authz(q->programme, &q->actor, action, &target);
}

bool mst_query_may(const struct mst_query *q, const char *unit, const char *group)
{
    return may(q, q->action, unit, group);
}

bool mst_query_may_progress(const struct mst_query *q, enum mst_duty_kind kind, const char *unit,
                            const char *group)
{
    if (may(q, q->action, unit, group))
        return true;
    switch (kind) {
    case MST_DUTY_REPORT:
    case MST_DUTY_QUOTA:
    case MST_DUTY_SIGN_FOR:
    case MST_DUTY_ISSUE:
    case MST_DUTY_ASSESSMENT:
        return may(q, "read-progress", unit, group);
    case MST_DUTY_POST:
    case MST_DUTY_REPLY:
    case MST_DUTY_ATTESTED:
        break;
    }
    return false;
}

struct one_obligation {
    struct mst_obligation *ret;
    bool found;
    int code;
    struct mst_err *err;
};

static int take_one(void *context, const char *id, struct mst_slice bytes)
{
    struct one_obligation *one = context;
    (void)id;
    one->code = mst_obligation_unpack(bytes, one->ret, one->err);
    one->found = !one->code;
    return 1;
}

int mst_query_obligation(struct mst_query *q, const char *id, bool *ret_found,
                         struct mst_obligation *ret, struct mst_err *err)
{
    struct one_obligation one = {.ret = ret, .err = err};
    int code = mst_reader_obligation(q->reader, q->pid, id, take_one, &one, err);
    *ret_found = one.found;
    return code ? code : one.code;
}

const char *mst_query_counterpart(const struct mst_obligation *o)
{
    return o->counterpart[0] ? o->counterpart : o->director ? "director" : "office";
}

bool mst_query_may_issued(const struct mst_query *q)
{
    return may(q, "read-issued", NULL, NULL);
}

struct mst_slice mst_query_map(const struct mst_row *row)
{
    bool sound =
        row->kind != MST_ROW_REPORT || mst_validate(row->bytes.data, row->bytes.len, NULL) == 0;
    return sound ? row->bytes : (struct mst_slice){0};
}

void mst_query_pack_text(struct mst_buf *b, const char *key, const char *value)
{
    mst_pack_text(b, key);
    mst_pack_text(b, value ? value : "");
}

static void pack_named(struct mst_buf *b, const char *key, const char *id,
                       const struct mst_label *name)
{
    char named[48];
    mst_query_pack_text(b, key, id);
    snprintf(named, sizeof named, "%s_zh", key);
    mst_query_pack_text(b, named, name ? name->zh : "");
    snprintf(named, sizeof named, "%s_en", key);
    mst_query_pack_text(b, named, name ? name->en : "");
}

void mst_query_pack_unit(const struct mst_query *q, struct mst_buf *b, const char *key,
                         const char *id)
{
    size_t at = mst_programme_unit(q->programme, id);
    pack_named(b, key, id, at == SIZE_MAX ? NULL : &q->programme->units[at].name);
}

void mst_query_pack_group(const struct mst_query *q, struct mst_buf *b, const char *key,
                          const char *id)
{
    size_t at = mst_programme_group(q->programme, id);
    pack_named(b, key, id, at == SIZE_MAX ? NULL : &q->programme->groups[at].name);
}

void mst_query_pack_audience(const struct mst_query *q, struct mst_buf *b, const char *key,
                             const char *audience)
{
    const struct mst_programme *p = q->programme;
    const char *id = strchr(audience, ':');
    size_t unit = SIZE_MAX, group = SIZE_MAX;
    if (id && strncmp(audience, "unit:", 5) == 0)
        unit = mst_programme_unit(p, id + 1);
    else if (id)
        group = mst_programme_group(p, id + 1);
    pack_named(b, key, audience,
               unit != SIZE_MAX    ? &p->units[unit].name
               : group != SIZE_MAX ? &p->groups[group].name
                                   : NULL);
}

void mst_query_pack_duty(const struct mst_query *q, struct mst_buf *b, const char *key,
                         const char *id)
{
    size_t at = mst_programme_duty(q->programme, id);
    pack_named(b, key, id, at == SIZE_MAX ? NULL : &q->programme->duties[at].title);
}

static size_t count_fields(const struct mst_form_field *fields, size_t count)
{
    size_t all = count;
    for (size_t i = 0; i < count; i++)
        all += count_fields(fields[i].fields, fields[i].fields_count);
    return all;
}

static void pack_fields(struct mst_buf *b, const struct mst_form_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mst_pack_array(b, 3);
        mst_pack_text(b, fields[i].id);
        mst_pack_text(b, fields[i].label.zh);
        mst_pack_text(b, fields[i].label.en);
        pack_fields(b, fields[i].fields, fields[i].fields_count);
    }
}

void mst_query_pack_labels(const struct mst_query *q, struct mst_buf *b, const char *duty)
{
    size_t at = mst_programme_duty(q->programme, duty);
    const struct mst_form *form = at == SIZE_MAX ? NULL : mst_duty_form(&q->programme->duties[at]);
    mst_pack_text(b, "labels");
    mst_pack_array(b, form ? count_fields(form->fields, form->fields_count) : 0);
    if (form)
        pack_fields(b, form->fields, form->fields_count);
}

void mst_query_pack_instant(const struct mst_query *q, struct mst_buf *b, const char *key,
                            mst_time at)
{
    char text[MST_INSTANT_TEXT_MAX] = "";
    if (at != 0 && at != MST_NEVER)
        mst_zone_format(q->programme->zone, at, text);
    mst_query_pack_text(b, key, text);
}

int mst_query_pair(struct mst_query *q, const char *name, const char *value, struct mst_err *err)
{
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 2);
    mst_query_pack_text(b, "name", name);
    mst_query_pack_text(b, "value", value);
    return mst_query_row_end(q, err);
}

int mst_query_pairs(struct mst_query *q, const struct mst_query_pair *pairs, size_t count,
                    struct mst_err *err)
{
    int code = 0;
    for (size_t i = 0; !code && i < count; i++) {
        struct mst_buf *b = mst_query_row(q);
        mst_pack_map(b, 1 + (pairs[i].pack ? MST_NAMED_PAIRS : 1));
        mst_query_pack_text(b, "name", pairs[i].name);
        if (pairs[i].pack)
            pairs[i].pack(q, b, "value", pairs[i].value);
        else
            mst_query_pack_text(b, "value", pairs[i].value);
        code = mst_query_row_end(q, err);
    }
    return code;
}

int mst_query_pair_instant(struct mst_query *q, const char *name, mst_time at, struct mst_err *err)
{
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 2);
    mst_query_pack_text(b, "name", name);
    mst_query_pack_instant(q, b, "value", at);
    return mst_query_row_end(q, err);
}

int mst_query_pair_hex(struct mst_query *q, const char *name, const uint8_t *data, size_t len,
                       struct mst_err *err)
{
    char hex[2 * 64 + 1];
    sodium_bin2hex(hex, sizeof hex, data, len < 64 ? len : 64);
    return mst_query_pair(q, name, hex, err);
}

int mst_query_note(struct mst_query *q, const char *text, struct mst_err *err)
{
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 1);
    mst_query_pack_text(b, "note", text);
    return mst_query_row_end(q, err);
}
