/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body against its form. It walks the body once, in the body's own order, keeps no memory and
 * stops nowhere: whoever listens says when it has heard enough. What it costs is bounded by the
 * body's bytes and the bounds of form.h.
 */
#include "config/model/form.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/model/matters.h"
#include "config/model/programme.h"
#include "config/model/tasks.h"
#include "proto/pack.h"

struct check {
    const struct mst_form_names *names;
    mst_form_fault_fn fn;
    void *context;
    char path[MST_FORM_PATH_MAX];
    bool wrong; /* something was told */
    bool done;  /* nobody listens any more */
    bool said;  /* there is something besides the header */
};

/* ---- telling ---- */

static void tell(struct check *c, struct mst_form_fault fault)
{
    c->wrong = true;
    if (c->done)
        return;
    fault.path = c->path;
    c->done = !c->fn(c->context, &fault);
}

static void tell_word(struct check *c, enum mst_form_fault_kind kind,
                      const struct mst_form_field *field, struct mst_slice word)
{
    tell(c, (struct mst_form_fault){.kind = kind, .field = field, .word = word});
}

static void tell_bound(struct check *c, enum mst_form_fault_kind kind,
                       const struct mst_form_field *field, int64_t bound, int decimals)
{
    struct mst_form_fault fault = {.kind = kind, .field = field};
    mst_number_format(bound, decimals, fault.bound);
    tell(c, fault);
}

/* The path grows by a key or an index while what lies there is looked at. Ids have at most 47
 * bytes and nest no deeper than MST_FORM_DEPTH_MAX; a key that no field has may be cut. */
static size_t enter(struct check *c, struct mst_slice key)
{
    size_t was = strlen(c->path);
    char word[2 * MST_ID_MAX];
    snprintf(c->path + was, sizeof c->path - was, "%s%s", was ? "." : "",
             mst_slice_show(key, word, sizeof word));
    return was;
}

static size_t enter_row(struct check *c, size_t index)
{
    size_t was = strlen(c->path);
    snprintf(c->path + was, sizeof c->path - was, "[%zu]", index);
    return was;
}

static void leave(struct check *c, size_t was)
{
    c->path[was] = '\0';
}

/* ---- single values ---- */

static bool is_blank(struct mst_slice text)
{
    static const char blanks[] = {' ', '\t', '\r', '\n'};
    for (size_t i = 0; i < text.len; i++) {
        if (!memchr(blanks, text.data[i], sizeof blanks))
            return false;
    }
    return true;
}

static size_t characters(struct mst_slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += (text.data[i] & 0xC0) != 0x80;
    return n;
}

static void check_number(struct check *c, const struct mst_form_field *field,
                         const struct mst_value *v)
{
    int64_t value = 0;
    char digits[24];
    struct mst_slice text = v->s;
    int fault = MST_FORM_WRONG_TYPE;
    if (v->kind == MST_VALUE_INT)
        text = mst_text(mst_number_format(v->i, 0, digits));
    if (v->kind == MST_VALUE_INT || (v->kind == MST_VALUE_TEXT && field->type != MST_FIELD_INTEGER))
        fault = mst_number_parse(text, field->decimals, &value);
    else if (v->kind == MST_VALUE_UINT)
        fault = MST_FORM_TOO_BIG;
    if (fault == MST_FORM_TOO_FINE)
        tell_bound(c, MST_FORM_TOO_FINE, field, field->decimals, 0);
    else if (fault == MST_FORM_TOO_BIG)
        tell_bound(c, MST_FORM_TOO_BIG, field, MST_FORM_DIGITS_MAX, 0);
    else if (fault >= 0)
        tell_word(c, MST_FORM_WRONG_TYPE, field, v->kind == MST_VALUE_TEXT ? v->s : mst_text(NULL));
    else if (value < field->min)
        tell_bound(c, MST_FORM_BELOW, field, field->min, field->decimals);
    else if (value > field->max)
        tell_bound(c, MST_FORM_ABOVE, field, field->max, field->decimals);
}

/* What is no number is words, which have a length and no sign. */
static void check_amount(struct check *c, const struct mst_form_field *field,
                         const struct mst_value *v)
{
    int64_t value;
    bool number = v->kind != MST_VALUE_TEXT;
    bool negative =
        (v->kind == MST_VALUE_INT && v->i < 0) || (v->kind == MST_VALUE_DOUBLE && v->d < 0) ||
        (!number && mst_number_parse(v->s, MST_FORM_DECIMALS_MAX, &value) < 0 && value < 0);
    if (negative)
        tell_bound(c, MST_FORM_BELOW, field, 0, 0);
    else if (!number && characters(v->s) > (size_t)field->max)
        tell_bound(c, MST_FORM_TOO_LONG, field, field->max, 0);
}

static bool is_area(const struct mst_form_names *names, struct mst_slice id)
{
    for (size_t i = 0; i < names->areas_count; i++) {
        if (mst_slice_is(id, names->areas[i].id))
            return true;
    }
    return names->areas_count == 0;
}

static bool is_unit(const struct mst_form_names *names, struct mst_slice id)
{
    for (size_t i = 0; i < names->units_count; i++) {
        if (mst_slice_is(id, names->units[i].id))
            return true;
    }
    return names->units_count == 0;
}

static bool is_choice(const struct mst_form_field *field, struct mst_slice id)
{
    for (size_t i = 0; i < field->choices_count; i++) {
        if (mst_slice_is(id, field->choices[i].id))
            return true;
    }
    return false;
}

static bool is_date(struct mst_slice text)
{
    char date[16];
    mst_day day;
    return text.len < sizeof date &&
           mst_day_parse(mst_slice_copy(text, date, sizeof date), &day, NULL) == 0;
}

static void check_text(struct check *c, const struct mst_form_field *field, struct mst_slice text)
{
    switch (field->type) {
    case MST_FIELD_DATE:
        if (!is_date(text))
            tell_word(c, MST_FORM_BAD_DATE, field, text);
        break;
    case MST_FIELD_CHOICE:
        if (!is_choice(field, text))
            tell_word(c, MST_FORM_NO_CHOICE, field, text);
        break;
    case MST_FIELD_UNIT:
        if (!is_unit(c->names, text))
            tell_word(c, MST_FORM_NO_UNIT, field, text);
        break;
    case MST_FIELD_AREA:
        if (!is_area(c->names, text))
            tell_word(c, MST_FORM_NO_AREA, field, text);
        break;
    default:
        if (field->max && characters(text) > (size_t)field->max)
            tell_bound(c, MST_FORM_TOO_LONG, field, field->max, 0);
    }
}

/* ---- lists, rows and records ---- */

static void check_value(struct check *c, const struct mst_form_field *field, struct mst_slice raw);
static void check_map(struct check *c, const struct mst_form_field *fields, size_t count, bool open,
                      struct mst_slice map);

/* false: there are more than anybody should read. */
static bool check_count(struct check *c, const struct mst_form_field *field, size_t count)
{
    if (count < (size_t)field->min)
        tell_bound(c, MST_FORM_TOO_FEW, field, field->min, 0);
    if (count > (size_t)field->max)
        tell_bound(c, MST_FORM_TOO_MANY, field, field->max, 0);
    return count <= (size_t)field->max;
}

static void check_units(struct check *c, const struct mst_form_field *field, struct mst_slice list)
{
    struct mst_unpack u;
    struct mst_value v;
    struct mst_slice seen[MST_FORM_ROWS_MAX];
    mst_unpack_init(&u, list.data, list.len);
    if (!mst_unpack_next(&u, &v) || !check_count(c, field, v.count))
        return;
    size_t count = v.count;
    for (size_t i = 0; i < count && !c->done; i++) {
        struct mst_slice raw;
        struct mst_unpack one;
        size_t was = enter_row(c, i);
        seen[i] = mst_text("");
        if (!mst_unpack_skip(&u, &raw))
            return;
        mst_unpack_init(&one, raw.data, raw.len);
        if (!mst_unpack_next(&one, &v) || v.kind != MST_VALUE_TEXT)
            tell_word(c, MST_FORM_WRONG_TYPE, field, mst_text(NULL));
        else if (!is_unit(c->names, v.s))
            tell_word(c, MST_FORM_NO_UNIT, field, v.s);
        else if (field->others && c->names->bearer && mst_slice_is(v.s, c->names->bearer))
            tell_word(c, MST_FORM_ITSELF, field, v.s);
        else
            seen[i] = v.s;
        for (size_t j = 0; j < i && seen[i].len; j++) {
            if (seen[j].len == seen[i].len &&
                memcmp(seen[j].data, seen[i].data, seen[i].len) == 0) {
                tell_word(c, MST_FORM_TWICE, field, seen[i]);
                break;
            }
        }
        leave(c, was);
    }
}

/* A column whose values must differ: what each row has there. */
static void check_column(struct check *c, const struct mst_form_field *table,
                         const struct mst_form_field *column, const struct mst_slice *rows,
                         size_t count)
{
    struct mst_slice values[MST_FORM_ROWS_MAX];
    for (size_t i = 0; i < count && !c->done; i++) {
        struct mst_slice raw;
        values[i] = mst_text(NULL);
        if (!mst_unpack_find(rows[i], column->id, &raw))
            continue;
        struct mst_unpack u;
        struct mst_value v;
        mst_unpack_init(&u, raw.data, raw.len);
        bool text = mst_unpack_next(&u, &v) && v.kind == MST_VALUE_TEXT;
        if (text && is_blank(v.s))
            continue;
        values[i] = text ? v.s : raw;
        for (size_t j = 0; j < i; j++) {
            if (!values[j].data || values[j].len != values[i].len ||
                memcmp(values[j].data, values[i].data, values[i].len) != 0)
                continue;
            size_t row = enter_row(c, i), field = enter(c, mst_text(column->id));
            tell_word(c, MST_FORM_TWICE, column, text ? v.s : mst_text(""));
            leave(c, field);
            leave(c, row);
            break;
        }
    }
    for (size_t a = 0; column->every && a < c->names->areas_count && !c->done; a++) {
        bool covered = false;
        for (size_t i = 0; i < count && !covered; i++)
            covered = mst_slice_is(values[i], c->names->areas[a].id);
        if (!covered)
            tell_word(c, MST_FORM_NOT_COVERED, table, mst_text(c->names->areas[a].id));
    }
}

static void check_rows(struct check *c, const struct mst_form_field *field, struct mst_slice list)
{
    struct mst_unpack u;
    struct mst_value v;
    struct mst_slice rows[MST_FORM_ROWS_MAX];
    mst_unpack_init(&u, list.data, list.len);
    if (!mst_unpack_next(&u, &v) || !check_count(c, field, v.count))
        return;
    size_t count = v.count;
    for (size_t i = 0; i < count && !c->done; i++) {
        if (!mst_unpack_skip(&u, &rows[i]))
            return;
        size_t was = enter_row(c, i);
        struct mst_unpack one;
        mst_unpack_init(&one, rows[i].data, rows[i].len);
        if (mst_unpack_next(&one, &v) && v.kind == MST_VALUE_MAP)
            check_map(c, field->fields, field->fields_count, false, rows[i]);
        else
            tell_word(c, MST_FORM_WRONG_TYPE, field, mst_text(NULL));
        leave(c, was);
    }
    for (size_t i = 0; i < field->fields_count && !c->done; i++) {
        if (field->fields[i].unique || field->fields[i].every)
            check_column(c, field, &field->fields[i], rows, count);
    }
}

/* Whether a value of that kind may stand in the field at all. */
static bool fits(const struct mst_form_field *field, enum mst_value_kind kind)
{
    switch (field->type) {
    case MST_FIELD_BOOLEAN:
        return kind == MST_VALUE_BOOL;
    case MST_FIELD_UNITS:
    case MST_FIELD_ROWS:
        return kind == MST_VALUE_ARRAY;
    case MST_FIELD_RECORD:
        return kind == MST_VALUE_MAP;
    case MST_FIELD_INTEGER:
    case MST_FIELD_DECIMAL:
    case MST_FIELD_PERCENT:
        return true; /* looked at more closely */
    case MST_FIELD_AMOUNT:
        return kind == MST_VALUE_INT || kind == MST_VALUE_UINT || kind == MST_VALUE_DOUBLE ||
               kind == MST_VALUE_TEXT;
    default:
        return kind == MST_VALUE_TEXT;
    }
}

/* A table of every area is needed where there are areas. */
static bool is_needed(const struct check *c, const struct mst_form_field *field)
{
    bool every = false;
    for (size_t i = 0; field->type == MST_FIELD_ROWS && i < field->fields_count; i++)
        every = every || field->fields[i].every;
    return field->required || (every && c->names->areas_count > 0);
}

static bool in_header(const struct check *c)
{
    size_t len = strlen(mst_form_header.id);
    return strncmp(c->path, mst_form_header.id, len) == 0 &&
           (c->path[len] == '\0' || c->path[len] == '.');
}

static bool is_empty(const struct mst_value *v)
{
    return v->kind == MST_VALUE_NIL || (v->kind == MST_VALUE_TEXT && is_blank(v->s));
}

static void check_value(struct check *c, const struct mst_form_field *field, struct mst_slice raw)
{
    struct mst_unpack u;
    struct mst_value v;
    mst_unpack_init(&u, raw.data, raw.len);
    if (!mst_unpack_next(&u, &v))
        return;
    if (is_empty(&v)) {
        if (is_needed(c, field))
            tell_word(c, MST_FORM_EMPTY, field, mst_text(NULL));
        return;
    }
    if (!in_header(c) && (v.kind != MST_VALUE_ARRAY || v.count) &&
        (v.kind != MST_VALUE_MAP || v.count))
        c->said = true;
    if (!fits(field, v.kind))
        tell_word(c, MST_FORM_WRONG_TYPE, field, v.kind == MST_VALUE_TEXT ? v.s : mst_text(NULL));
    else if (mst_field_is_number(field))
        check_number(c, field, &v);
    else if (field->type == MST_FIELD_AMOUNT)
        check_amount(c, field, &v);
    else if (field->type == MST_FIELD_UNITS)
        check_units(c, field, raw);
    else if (field->type == MST_FIELD_ROWS)
        check_rows(c, field, raw);
    else if (field->type == MST_FIELD_RECORD)
        check_map(c, field->fields, field->fields_count, false, raw);
    else if (v.kind == MST_VALUE_TEXT)
        check_text(c, field, v.s);
}

static bool beside_form(const struct check *c, struct mst_slice key)
{
    return c->names && c->names->tasks && mst_tasks_key(key);
}

static bool is_text_or_nothing(struct mst_slice raw)
{
    struct mst_unpack u;
    struct mst_value v;
    mst_unpack_init(&u, raw.data, raw.len);
    return mst_unpack_next(&u, &v) && (v.kind == MST_VALUE_TEXT || v.kind == MST_VALUE_NIL);
}

/* A body's difficulties or projects, where they are more than a remark; false: they are not. A
 * form that has a table of that name asks for what it wants beside. */
static bool check_matters(struct check *c, const struct mst_form_field *field, struct mst_slice key,
                          struct mst_slice raw)
{
    struct mst_matter_field matter;
    if (!c->names || !c->names->matters || is_text_or_nothing(raw) ||
        !mst_matter_field(key, c->names->matters, &matter))
        return false;
    check_value(c, &matter.list, raw);
    return !field || field->type == MST_FIELD_TEXT;
}

static void check_map(struct check *c, const struct mst_form_field *fields, size_t count, bool open,
                      struct mst_slice map)
{
    struct mst_unpack u;
    struct mst_value head, key;
    uint64_t seen = 0;
    assert(count <= MST_FORM_FIELDS_MAX);
    mst_unpack_init(&u, map.data, map.len);
    if (!mst_unpack_next(&u, &head))
        return;
    for (size_t i = 0; i < head.count && !c->done; i++) {
        struct mst_slice raw;
        if (!mst_unpack_next(&u, &key) || !mst_unpack_skip(&u, &raw))
            return;
        const struct mst_form_field *field = mst_form_field(fields, count, key.s);
        size_t was = enter(c, key.s);
        if (field)
            seen |= UINT64_C(1) << (field - fields);
        if (was == 0 && check_matters(c, field, key.s, raw)) {
            c->said = true;
        } else if (field) {
            check_value(c, field, raw);
        } else if (!open && !(was == 0 && beside_form(c, key.s))) {
            tell(c, (struct mst_form_fault){.kind = MST_FORM_UNKNOWN_FIELD,
                                            .word = key.s,
                                            .among = fields,
                                            .among_count = count});
        } else {
            c->said = true;
        }
        leave(c, was);
    }
    for (size_t i = 0; i < count && !c->done; i++) {
        if (!is_needed(c, &fields[i]) || (seen >> i & 1))
            continue;
        size_t was = enter(c, mst_text(fields[i].id));
        tell_word(c, MST_FORM_MISSING, &fields[i], mst_text(NULL));
        leave(c, was);
    }
}

/* false: it is no map, and that was told. */
static bool is_map(struct check *c, struct mst_slice body)
{
    struct mst_unpack u;
    struct mst_value head = {.kind = MST_VALUE_NIL};
    if (body.data)
        mst_unpack_init(&u, body.data, body.len);
    if (body.data && mst_unpack_next(&u, &head) && head.kind == MST_VALUE_MAP)
        return true;
    tell_word(c, MST_FORM_WRONG_TYPE, NULL, mst_text(NULL));
    return false;
}

bool mst_form_check(const struct mst_form *form, const struct mst_form_names *names,
                    struct mst_slice body, mst_form_fault_fn fn, void *context)
{
    struct check c = {.names = names, .fn = fn, .context = context};
    if (!is_map(&c, body))
        return false;
    check_map(&c, form->fields, form->fields_count, form->open, body);
    if (!c.wrong && !c.said)
        tell_word(&c, MST_FORM_NOTHING, NULL, mst_text(NULL));
    return !c.wrong;
}

bool mst_form_check_any(const struct mst_form_names *names, struct mst_slice body,
                        mst_form_fault_fn fn, void *context)
{
    struct check c = {.names = names, .fn = fn, .context = context};
    if (is_map(&c, body))
        check_map(&c, NULL, 0, true, body);
    return !c.wrong;
}

/* ---- figures ---- */

static void visit(const struct mst_form_field *fields, size_t count, struct mst_slice map,
                  mst_figure_fn fn, void *context);

static void visit_rows(const struct mst_form_field *field, struct mst_slice list, mst_figure_fn fn,
                       void *context)
{
    struct mst_unpack u;
    struct mst_value head;
    struct mst_slice row;
    mst_unpack_init(&u, list.data, list.len);
    if (!mst_unpack_next(&u, &head) || head.kind != MST_VALUE_ARRAY)
        return;
    for (size_t i = 0; i < head.count && mst_unpack_skip(&u, &row); i++)
        visit(field->fields, field->fields_count, row, fn, context);
}

/* The value, where it is right by itself: bounds may have changed since it was taken. */
static bool figure_of(const struct mst_form_field *field, struct mst_slice raw, int64_t *ret_value)
{
    struct mst_unpack u;
    struct mst_value v;
    char digits[24];
    mst_unpack_init(&u, raw.data, raw.len);
    if (!mst_unpack_next(&u, &v) || (v.kind != MST_VALUE_INT && v.kind != MST_VALUE_TEXT))
        return false;
    struct mst_slice text =
        v.kind == MST_VALUE_INT ? mst_text(mst_number_format(v.i, 0, digits)) : v.s;
    return mst_number_parse(text, field->decimals, ret_value) < 0;
}

static void visit(const struct mst_form_field *fields, size_t count, struct mst_slice map,
                  mst_figure_fn fn, void *context)
{
    for (size_t i = 0; i < count; i++) {
        const struct mst_form_field *field = &fields[i];
        struct mst_slice raw;
        int64_t value;
        bool inside = field->type == MST_FIELD_ROWS || field->type == MST_FIELD_RECORD;
        if ((!inside && !field->figure) || !mst_unpack_find(map, field->id, &raw))
            continue;
        if (field->type == MST_FIELD_ROWS)
            visit_rows(field, raw, fn, context);
        else if (field->type == MST_FIELD_RECORD)
            visit(field->fields, field->fields_count, raw, fn, context);
        else if (figure_of(field, raw, &value))
            fn(context, field, value);
    }
}

void mst_form_figures(const struct mst_form *form, struct mst_slice body, mst_figure_fn fn,
                      void *context)
{
    visit(form->fields, form->fields_count, body, fn, context);
}
