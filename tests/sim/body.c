/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of reports: right ones by whatever form the duty has, and what a scenario puts into them.
 */
#include "tests/sim/body.h"

#include <string.h>

#include "proto/pack.h"

static void put_fields(struct mst_buf *out, const struct mst_form_names *names,
                       const struct mst_form_field *fields, size_t count, const char *area);

static const struct mst_form_field *every_column(const struct mst_form_field *field)
{
    for (size_t i = 0; i < field->fields_count; i++) {
        if (field->fields[i].every)
            return &field->fields[i];
    }
    return NULL;
}

static void put_rows(struct mst_buf *out, const struct mst_form_names *names,
                     const struct mst_form_field *field)
{
    bool every = every_column(field) && names->areas_count;
    size_t rows = every ? names->areas_count : (size_t)field->min;
    mst_pack_array(out, rows);
    for (size_t i = 0; i < rows; i++)
        put_fields(out, names, field->fields, field->fields_count,
                   every ? names->areas[i].id : NULL);
}

static void put_number(struct mst_buf *out, const struct mst_form_field *field)
{
    char text[24];
    int64_t value = field->min > 0 ? field->min : field->max < 0 ? field->max : 0;
    if (field->type == MST_FIELD_INTEGER)
        mst_pack_int(out, value);
    else
        mst_pack_text(out, mst_number_format(value, field->decimals, text));
}

static void put_value(struct mst_buf *out, const struct mst_form_names *names,
                      const struct mst_form_field *field, const char *area)
{
    const char *unit = names->units_count ? names->units[0].id : "u";
    switch (field->type) {
    case MST_FIELD_INTEGER:
    case MST_FIELD_DECIMAL:
    case MST_FIELD_PERCENT:
        put_number(out, field);
        break;
    case MST_FIELD_DATE:
        mst_pack_text(out, "2023-01-31");
        break;
    case MST_FIELD_BOOLEAN:
        mst_pack_bool(out, true);
        break;
    case MST_FIELD_CHOICE:
        mst_pack_text(out, field->choices[0].id);
        break;
    case MST_FIELD_UNIT:
        mst_pack_text(out, unit);
        break;
    case MST_FIELD_UNITS:
        mst_pack_array(out, 1);
        mst_pack_text(out, unit);
        break;
    case MST_FIELD_AREA:
        mst_pack_text(out, area ? area : names->areas_count ? names->areas[0].id : "a");
        break;
    case MST_FIELD_RECORD:
        put_fields(out, names, field->fields, field->fields_count, area);
        break;
    case MST_FIELD_ROWS:
        put_rows(out, names, field);
        break;
    default:
        mst_pack_text(out, "x");
    }
}

static bool is_said(const struct mst_form_names *names, const struct mst_form_field *field)
{
    return field->required ||
           (field->type == MST_FIELD_ROWS && every_column(field) && names->areas_count);
}

static void put_fields(struct mst_buf *out, const struct mst_form_names *names,
                       const struct mst_form_field *fields, size_t count, const char *area)
{
    size_t said = 0;
    for (size_t i = 0; i < count; i++)
        said += is_said(names, &fields[i]);
    mst_pack_map(out, said);
    for (size_t i = 0; i < count; i++) {
        if (!is_said(names, &fields[i]))
            continue;
        mst_pack_text(out, fields[i].id);
        put_value(out, names, &fields[i], area);
    }
}

/* What has to be there, and one thing more where that is the header alone. */
void body_right(struct mst_buf *out, const struct mst_form_names *names,
                const struct mst_form *form)
{
    size_t said = 0;
    const struct mst_form_field *more = NULL;
    for (size_t i = 0; i < form->fields_count; i++) {
        bool header = strcmp(form->fields[i].id, mst_form_header.id) == 0;
        said += is_said(names, &form->fields[i]);
        if (!header && is_said(names, &form->fields[i]))
            more = &form->fields[i];
    }
    bool extra = !more;
    for (size_t i = 0; extra && i < form->fields_count && !more; i++) {
        if (!is_said(names, &form->fields[i]))
            more = &form->fields[i];
    }
    mst_pack_map(out, said + (extra && more));
    for (size_t i = 0; i < form->fields_count; i++) {
        if (!is_said(names, &form->fields[i]) && !(extra && more == &form->fields[i]))
            continue;
        mst_pack_text(out, form->fields[i].id);
        put_value(out, names, &form->fields[i], NULL);
    }
}

/* "a,b"; "none": nobody. */
static void put_list(struct mst_buf *out, const char *words)
{
    size_t count = strcmp(words, "none") != 0;
    for (const char *at = words; (at = strchr(at, ',')); at++)
        count++;
    mst_pack_array(out, count);
    for (const char *at = words; count > 0; count--) {
        size_t len = strcspn(at, ",");
        mst_pack_text_slice(out, mst_bytes(at, len));
        at += len + (at[len] == ',');
    }
}

void body_pairs(struct mst_buf *out, const struct word_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mst_pack_text(out, pairs[i].key);
        if (strcmp(pairs[i].key, "helpers") == 0)
            put_list(out, pairs[i].value);
        else
            mst_pack_text(out, pairs[i].value);
    }
}

void body_said(struct mst_buf *out, const struct mst_form *form, const struct word_pair *pairs,
               size_t count)
{
    static const struct mst_form_names nobody = {0};
    const struct mst_form_field *header =
        mst_form_field(form->fields, form->fields_count, mst_text(mst_form_header.id));
    mst_pack_map(out, count + (header ? 1 : 0));
    if (header) {
        mst_pack_text(out, header->id);
        put_value(out, &nobody, header, NULL);
    }
    body_pairs(out, pairs, count);
}
