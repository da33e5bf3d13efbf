/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A form as it travels to the agents: a map with one-letter keys, and only what differs from the
 * usual. The reader believes nothing: what breaks an invariant of form.h is no form.
 */
#include "config/model/form.h"

#include <string.h>

#include "proto/pack.h"

/* ---- writing ---- */

static void put_text(struct mst_buf *out, const char *key, const char *value)
{
    if (!value)
        return;
    mst_pack_text(out, key);
    mst_pack_text(out, value);
}

static void put_int(struct mst_buf *out, const char *key, int64_t value)
{
    if (!value)
        return;
    mst_pack_text(out, key);
    mst_pack_int(out, value);
}

static void put_choices(struct mst_buf *out, const struct mst_form_field *field)
{
    if (!field->choices_count)
        return;
    mst_pack_text(out, "c");
    mst_pack_array(out, field->choices_count);
    for (size_t i = 0; i < field->choices_count; i++) {
        mst_pack_map(out, 3);
        put_text(out, "i", field->choices[i].id);
        put_text(out, "z", field->choices[i].label.zh);
        put_text(out, "e", field->choices[i].label.en);
    }
}

static void put_fields(struct mst_buf *out, const struct mst_form_field *fields, size_t count);

enum { REQUIRED = 1, FIGURE = 2, UNIQUE = 4, EVERY = 8, CARRY = 16, OTHERS = 32 };

static void put_field(struct mst_buf *out, const struct mst_form_field *f)
{
    int flags = (f->required ? REQUIRED : 0) | (f->figure ? FIGURE : 0) | (f->unique ? UNIQUE : 0) |
                (f->every ? EVERY : 0) | (f->carry ? CARRY : 0) | (f->others ? OTHERS : 0);
    mst_pack_map(out, 4u + (f->measure.zh ? 2 : 0) + (flags ? 1 : 0) + (f->decimals ? 1 : 0) +
                          (f->min ? 1 : 0) + (f->max ? 1 : 0) + (f->choices_count ? 1 : 0) +
                          (f->fields_count ? 1 : 0));
    put_text(out, "i", f->id);
    put_text(out, "z", f->label.zh);
    put_text(out, "e", f->label.en);
    put_text(out, "t", mst_field_type_word(f->type));
    put_text(out, "mz", f->measure.zh);
    put_text(out, "me", f->measure.zh ? f->measure.en : NULL);
    put_int(out, "o", flags);
    put_int(out, "d", f->decimals);
    put_int(out, "n", f->min);
    put_int(out, "x", f->max);
    put_choices(out, f);
    if (f->fields_count) {
        mst_pack_text(out, "f");
        put_fields(out, f->fields, f->fields_count);
    }
}

static void put_fields(struct mst_buf *out, const struct mst_form_field *fields, size_t count)
{
    mst_pack_array(out, count);
    for (size_t i = 0; i < count; i++)
        put_field(out, &fields[i]);
}

void mst_form_pack(const struct mst_form *form, struct mst_buf *out)
{
    mst_pack_map(out, form->open ? 3 : 2);
    put_text(out, "id", form->id);
    if (form->open) {
        mst_pack_text(out, "open");
        mst_pack_bool(out, true);
    }
    mst_pack_text(out, "fields");
    put_fields(out, form->fields, form->fields_count);
}

/* ---- reading ---- */

struct reading {
    struct mst_arena *arena;
    bool bad;
};

static const char *take_text(struct reading *r, struct mst_slice map, const char *key)
{
    struct mst_slice text = mst_unpack_text(map, key);
    const char *copy =
        text.data ? mst_arena_strndup(r->arena, (const char *)text.data, text.len) : NULL;
    if (!copy)
        r->bad = true;
    return copy;
}

/* A list's items; NULL where there are none, too many, or no memory. */
static struct mst_slice *take_list(struct reading *r, struct mst_slice map, const char *key,
                                   size_t max, size_t *ret_count)
{
    struct mst_unpack u;
    struct mst_slice raw;
    struct mst_value head;
    *ret_count = 0;
    if (!mst_unpack_find(map, key, &raw))
        return NULL;
    mst_unpack_init(&u, raw.data, raw.len);
    if (!mst_unpack_next(&u, &head) || head.kind != MST_VALUE_ARRAY || head.count > max) {
        r->bad = true;
        return NULL;
    }
    struct mst_slice *items = mst_arena_alloc(r->arena, head.count * sizeof *items);
    for (size_t i = 0; items && i < head.count && !r->bad; i++)
        r->bad = !mst_unpack_skip(&u, &items[i]);
    r->bad = r->bad || !items;
    *ret_count = r->bad ? 0 : head.count;
    return items;
}

static void take_choices(struct reading *r, struct mst_slice map, struct mst_form_field *field)
{
    struct mst_slice *items = take_list(r, map, "c", MST_FORM_ROWS_MAX, &field->choices_count);
    struct mst_choice *choices = mst_arena_alloc(r->arena, field->choices_count * sizeof *choices);
    for (size_t i = 0; choices && i < field->choices_count; i++) {
        choices[i].id = take_text(r, items[i], "i");
        choices[i].label.zh = take_text(r, items[i], "z");
        choices[i].label.en = take_text(r, items[i], "e");
    }
    r->bad = r->bad || !choices || (field->choices_count > 0) != (field->type == MST_FIELD_CHOICE);
    field->choices = choices;
}

static enum mst_field_type take_type(struct mst_slice map)
{
    struct mst_slice word = mst_unpack_text(map, "t");
    for (int i = 0; i < MST_FIELD_TYPES; i++) {
        if (mst_slice_is(word, mst_field_type_word((enum mst_field_type)i)))
            return (enum mst_field_type)i;
    }
    return MST_FIELD_TYPES;
}

static const struct mst_form_field *take_fields(struct reading *r, struct mst_slice map,
                                                const char *key, int depth, size_t *ret_count);

static void take_field(struct reading *r, struct mst_slice map, int depth, struct mst_form_field *f)
{
    int64_t flags = mst_unpack_int(map, "o", 0);
    int64_t decimals = mst_unpack_int(map, "d", 0);
    f->type = take_type(map);
    f->id = take_text(r, map, "i");
    f->label.zh = take_text(r, map, "z");
    f->label.en = take_text(r, map, "e");
    if (mst_unpack_text(map, "mz").data) {
        f->measure.zh = take_text(r, map, "mz");
        f->measure.en = take_text(r, map, "me");
    }
    f->required = flags & REQUIRED;
    f->figure = flags & FIGURE;
    f->unique = flags & UNIQUE;
    f->every = flags & EVERY;
    f->carry = flags & CARRY;
    f->others = flags & OTHERS;
    f->decimals = (int)decimals;
    f->min = mst_unpack_int(map, "n", 0);
    f->max = mst_unpack_int(map, "x", 0);
    bool list = f->type == MST_FIELD_ROWS || f->type == MST_FIELD_UNITS;
    bool inside = f->type == MST_FIELD_ROWS || f->type == MST_FIELD_RECORD;
    if (f->type == MST_FIELD_TYPES || decimals < 0 || decimals > MST_FORM_DECIMALS_MAX ||
        (list && (f->min < 0 || f->max > MST_FORM_ROWS_MAX || f->max < 0))) {
        r->bad = true;
        return;
    }
    take_choices(r, map, f);
    f->fields = take_fields(r, map, "f", depth + 1, &f->fields_count);
    r->bad = r->bad || (f->fields_count > 0) != inside;
}

static const struct mst_form_field *take_fields(struct reading *r, struct mst_slice map,
                                                const char *key, int depth, size_t *ret_count)
{
    struct mst_slice *items = take_list(r, map, key, MST_FORM_FIELDS_MAX, ret_count);
    if (!items || r->bad)
        return NULL;
    struct mst_form_field *fields = mst_arena_alloc(r->arena, *ret_count * sizeof *fields);
    r->bad = !fields || depth > MST_FORM_DEPTH_MAX;
    for (size_t i = 0; i < *ret_count && !r->bad; i++)
        take_field(r, items[i], depth, &fields[i]);
    return fields;
}

const struct mst_form *mst_form_unpack(struct mst_slice bytes, struct mst_arena *arena)
{
    struct reading r = {.arena = arena};
    struct mst_form *form = mst_arena_alloc(arena, sizeof *form);
    if (!form)
        return NULL;
    form->id = take_text(&r, bytes, "id");
    form->open = mst_unpack_bool(bytes, "open", false);
    form->fields = take_fields(&r, bytes, "fields", 0, &form->fields_count);
    return r.bad || !form->fields ? NULL : form;
}
