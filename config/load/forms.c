/* SPDX-License-Identifier: Apache-2.0 */
/* Forms: what a report of a duty holds, field by field. A duty names its form, so that several
 * duties may share one. */
#include <stdio.h>
#include <string.h>

#include "config/load/loader.h"
#include "config/model/matters.h"
#include "config/model/tasks.h"

#define ROWS_DEFAULT 100
#define DECIMALS_DEFAULT 2
#define PERCENT_DECIMALS_DEFAULT 1

#define BIT(name) (1u << MST_FIELD_##name)
#define NUMBERS (BIT(INTEGER) | BIT(DECIMAL) | BIT(PERCENT))
#define LISTS (BIT(ROWS) | BIT(UNITS))

/* Keys that mean something for some types only. */
static const struct {
    const char *key;
    unsigned types;
} particular[] = {
    {"measure", NUMBERS},
    {"figure", NUMBERS},
    {"decimals", BIT(DECIMAL) | BIT(PERCENT)},
    {"min", NUMBERS | LISTS},
    {"max", NUMBERS | LISTS | BIT(TEXT) | BIT(AMOUNT)},
    {"choices", BIT(CHOICE)},
    {"fields", BIT(ROWS) | BIT(RECORD)},
    {"every", BIT(AREA)},
};

/* Where a field stands. */
struct place {
    int depth;
    bool column; /* of rows */
    bool header; /* beside the header */
};

static bool load_fields(struct mst_loader *l, const struct mst_node *map, struct place place,
                        const struct mst_form_field **ret_fields, size_t *ret_count);

static enum mst_field_type load_type(struct mst_loader *l, const struct mst_node *map)
{
    const char *words[MST_FIELD_TYPES];
    for (size_t i = 0; i < MST_FIELD_TYPES; i++)
        words[i] = mst_field_type_word((enum mst_field_type)i);
    return (enum mst_field_type)mst_read_word(
        &l->r, map, "type", (struct mst_words){words, MST_FIELD_TYPES}, MST_FIELD_TEXT);
}

/* Letters, digits, _ and -: field ids become keys of report files. */
static const char *load_field_id(struct mst_loader *l, const struct mst_node *map,
                                 struct place place)
{
    static const char *const taken[] = {"duty", "period", "obligation", "unit"};
    const struct mst_node *node = mst_read_field(&l->r, map, "id", MST_NEEDED);
    const char *id = node ? mst_read_text_of(&l->r, node, MST_ID_MAX - 1) : NULL;
    if (!id)
        return "";
    if (id[0] < 'a' || id[0] > 'z' ||
        id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_")] != '\0') {
        MST_FAULT(&l->r, node, _("begin with a letter; use lower-case letters, digits, - and _"),
                  _("%s is no name for a field"), id);
        return "";
    }
    bool is_taken = place.header && strcmp(id, mst_form_header.id) == 0;
    for (size_t i = 0; place.depth == 0 && i < sizeof taken / sizeof taken[0]; i++)
        is_taken = is_taken || strcmp(id, taken[i]) == 0;
    if (is_taken)
        MST_FAULT(&l->r, node, _("choose another"), _("every report has %s already"), id);
    return id;
}

/* A bound of a number, exact as in a report. */
static int64_t load_bound(struct mst_loader *l, const struct mst_node *map, const char *key,
                          int decimals, int64_t fallback)
{
    const struct mst_node *node = mst_read_field(&l->r, map, key, MST_MAY_LACK);
    const char *text = node ? mst_read_letters_of(&l->r, node) : NULL;
    int64_t value = fallback;
    if (!text)
        return fallback;
    if (mst_number_parse(mst_text(text), decimals, &value) >= 0)
        MST_FAULT(&l->r, node, _("write digits, and a point before decimals"),
                  _("%s must be a number with at most %d decimals, not %s"), key, decimals, text);
    return value;
}

static void load_number(struct mst_loader *l, const struct mst_node *map,
                        struct mst_form_field *field)
{
    static const int usual[] = {
        [MST_FIELD_DECIMAL] = DECIMALS_DEFAULT, [MST_FIELD_PERCENT] = PERCENT_DECIMALS_DEFAULT};
    bool whole = field->type == MST_FIELD_INTEGER, percent = field->type == MST_FIELD_PERCENT;
    int64_t hundred = 100, most = 1;
    field->decimals =
        whole ? 0
              : mst_read_int(&l->r, map, "decimals", 0, MST_FORM_DECIMALS_MAX, usual[field->type]);
    for (int i = 0; i < field->decimals; i++)
        hundred *= 10;
    for (int i = 0; i < MST_FORM_DIGITS_MAX; i++)
        most *= 10;
    field->min = load_bound(l, map, "min", field->decimals, percent ? 0 : 1 - most);
    field->max = load_bound(l, map, "max", field->decimals, percent ? hundred : most - 1);
    field->figure = mst_read_bool(&l->r, map, "figure", true);
    if (mst_read_field(&l->r, map, "measure", MST_MAY_LACK))
        field->measure = mst_load_label(l, map, "measure");
}

static void load_choices(struct mst_loader *l, const struct mst_node *map,
                         struct mst_form_field *field)
{
    const struct mst_node *list = mst_read_field(&l->r, map, "choices", MST_NEEDED);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    if (list->count < 2 || list->count > MST_FORM_FIELDS_MAX) {
        MST_FAULT(&l->r, list, _("write each as {id: …, label: …}"),
                  _("there are 2 to %d choices, not %zu"), MST_FORM_FIELDS_MAX, list->count);
        return;
    }
    struct mst_choice *choices = mst_read_alloc(&l->r, list->count, sizeof *choices);
    struct mst_name *names = mst_read_alloc(&l->r, list->count, sizeof *names);
    if (!choices || !names)
        return;
    for (const struct mst_node *node = list->first; node; node = node->next) {
        struct mst_choice *choice = &choices[field->choices_count];
        *choice = (struct mst_choice){.id = "", .label = {"", ""}};
        if (mst_read_is_map(&l->r, node, MST_WORDS("id", "label"))) {
            choice->id = mst_read_id(&l->r, node);
            choice->label = mst_load_label(l, node, "label");
        }
        names[field->choices_count] = (struct mst_name){choice->id, field->choices_count, node};
        field->choices_count++;
    }
    field->choices = choices;
    mst_read_distinct(&l->r, names, field->choices_count);
}

static void load_inside(struct mst_loader *l, const struct mst_node *map, struct place place,
                        struct mst_form_field *field)
{
    struct place inside = {.depth = place.depth + 1, .column = field->type == MST_FIELD_ROWS};
    if (inside.depth > MST_FORM_DEPTH_MAX) {
        MST_FAULT(&l->r, map, _("make a field of its own of it"),
                  _("rows and records are nested deeper than %d"), MST_FORM_DEPTH_MAX);
        return;
    }
    load_fields(l, map, inside, &field->fields, &field->fields_count);
}

static void load_by_type(struct mst_loader *l, const struct mst_node *map, struct place place,
                         struct mst_form_field *field)
{
    if (mst_field_is_number(field))
        load_number(l, map, field);
    bool words = field->type == MST_FIELD_TEXT || field->type == MST_FIELD_AMOUNT;
    if (words)
        field->max = mst_read_int(&l->r, map, "max", 1, MST_FORM_TEXT_MAX, MST_FORM_TEXT_MAX);
    if (field->type == MST_FIELD_CHOICE)
        load_choices(l, map, field);
    if (1u << field->type & LISTS) {
        field->min = mst_read_int(&l->r, map, "min", 0, MST_FORM_ROWS_MAX, field->required);
        field->max = mst_read_int(&l->r, map, "max", 1, MST_FORM_ROWS_MAX, ROWS_DEFAULT);
    }
    if (field->type == MST_FIELD_ROWS || field->type == MST_FIELD_RECORD)
        load_inside(l, map, place, field);
    if (!words && field->min > field->max)
        MST_FAULT(&l->r, map, NULL, _("min is above max"));
}

static void check_particular(struct mst_loader *l, const struct mst_node *map,
                             const struct mst_form_field *field)
{
    for (size_t i = 0; i < sizeof particular / sizeof particular[0]; i++) {
        const struct mst_node *node = mst_read_field(&l->r, map, particular[i].key, MST_MAY_LACK);
        if (node && !node->bad && !(particular[i].types & 1u << field->type))
            MST_FAULT(&l->r, node, _("leave the key out, or choose another type"),
                      _("%s means nothing for the type %s"), particular[i].key,
                      mst_field_type_word(field->type));
    }
}

/* Where a report may list difficulties or projects, a field can only be the remark beside it. */
static void check_reserved(struct mst_loader *l, const struct mst_node *node, struct place place,
                           const struct mst_form_field *field)
{
    if (place.depth == 0 && mst_matters_key(mst_text(field->id)) && field->type != MST_FIELD_TEXT)
        MST_FAULT(&l->r, mst_node_get(node, "id"), _("make it text, or choose another"),
                  _("every report may list its %s there, so the field can only be text"),
                  field->id);
}

static void load_field(struct mst_loader *l, const struct mst_node *node, struct place place,
                       struct mst_form_field *field)
{
    *field = (struct mst_form_field){.id = "", .label = {"", ""}};
    if (!mst_read_is_map(&l->r, node,
                         MST_WORDS("id", "label", "type", "required", "measure", "figure",
                                   "decimals", "min", "max", "choices", "fields", "unique", "every",
                                   "carry")))
        return;
    field->id = load_field_id(l, node, place);
    field->label = mst_load_label(l, node, "label");
    field->type = load_type(l, node);
    field->required = mst_read_bool(&l->r, node, "required", false);
    field->unique = mst_read_bool(&l->r, node, "unique", false);
    field->every = mst_read_bool(&l->r, node, "every", false);
    field->carry = mst_read_bool(&l->r, node, "carry", false);
    check_particular(l, node, field);
    check_reserved(l, node, place, field);
    if ((field->unique || field->every) && !place.column)
        MST_FAULT(&l->r, node, _("leave the key out"), _("only a column of rows can be %s"),
                  field->unique ? "unique" : "every");
    load_by_type(l, node, place, field);
}

/* false: there are none, or memory is out. */
static bool load_fields(struct mst_loader *l, const struct mst_node *map, struct place place,
                        const struct mst_form_field **ret_fields, size_t *ret_count)
{
    const struct mst_node *list = mst_read_field(&l->r, map, "fields", MST_NEEDED);
    if (!list || !mst_read_is_list(&l->r, list))
        return false;
    if (!list->count || list->count >= MST_FORM_FIELDS_MAX) {
        MST_FAULT(&l->r, list, NULL, _("there are 1 to %d fields beside each other, not %zu"),
                  MST_FORM_FIELDS_MAX - 1, list->count);
        return false;
    }
    struct mst_form_field *fields = mst_read_alloc(&l->r, list->count + 1, sizeof *fields);
    struct mst_name *names = mst_read_alloc(&l->r, list->count, sizeof *names);
    if (!fields || !names)
        return false;
    size_t count = 0, named = 0;
    if (place.header)
        fields[count++] = mst_form_header;
    for (const struct mst_node *node = list->first; node; node = node->next, count++) {
        load_field(l, node, place, &fields[count]);
        names[named++] = (struct mst_name){fields[count].id, count, node};
    }
    mst_read_distinct(&l->r, names, named);
    *ret_fields = fields;
    *ret_count = count;
    return true;
}

/* A form travels to the agents in one row. */
static void check_size(struct mst_loader *l, const struct mst_node *node,
                       const struct mst_form *form)
{
    struct mst_buf packed = {0};
    mst_form_pack(form, &packed);
    l->r.no_memory = l->r.no_memory || packed.failed;
    if (packed.len > MST_FORM_BYTES_MAX)
        MST_FAULT(&l->r, node, _("shorten its labels, or split it"),
                  _("the form has %zu bytes; at most %d are taken"), packed.len,
                  MST_FORM_BYTES_MAX);
    mst_buf_done(&packed);
}

static void load_form(struct mst_loader *l, const struct mst_node *node, struct mst_form *form)
{
    *form = (struct mst_form){.id = ""};
    if (!mst_read_is_map(&l->r, node, MST_WORDS("id", "header", "open", "fields")))
        return;
    form->id = mst_read_id(&l->r, node);
    form->open = mst_read_bool(&l->r, node, "open", false);
    struct place top = {.header = mst_read_bool(&l->r, node, "header", true)};
    if (load_fields(l, node, top, &form->fields, &form->fields_count) &&
        l->r.diags->errors == l->errors_before)
        check_size(l, node, form);
}

/* Words that say what is filed where a duty names no form. */
static void check_form_id(struct mst_loader *l, const struct mst_node *node, const char *id)
{
    static const char *const taken[] = {"text", "areas", "minutes", "any", "post"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (strcmp(id, taken[i]) == 0)
            MST_FAULT(&l->r, mst_node_get(node, "id"), _("choose another"),
                      _("%s is the name of a form that is there already"), id);
    }
}

void mst_load_forms(struct mst_loader *l)
{
    const struct mst_node *list = mst_read_field(&l->r, l->root, "forms", MST_MAY_LACK);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    struct mst_form *forms = mst_read_alloc(&l->r, list->count, sizeof *forms);
    struct mst_name *names = mst_read_alloc(&l->r, list->count, sizeof *names);
    if (!forms || !names)
        return;
    size_t count = 0;
    for (const struct mst_node *node = list->first; node; node = node->next, count++) {
        const struct mst_node *id = mst_node_get(node, "id");
        load_form(l, node, &forms[count]);
        check_form_id(l, node, forms[count].id);
        names[count] = (struct mst_name){forms[count].id, count, id ? id : node};
    }
    l->p->forms = forms;
    l->p->forms_count = count;
    mst_read_distinct(&l->r, names, count);
}

/* The date of a meeting is what tells two minutes apart. */
static void check_minutes(struct mst_loader *l, const struct mst_node *node,
                          const struct mst_form *form)
{
    const struct mst_form_field *date =
        mst_form_field(form->fields, form->fields_count, mst_text("date"));
    if (!date || date->type != MST_FIELD_DATE || !date->required)
        MST_FAULT(&l->r, node, _("add {id: date, type: date, required: true}"),
                  _("the form of minutes needs a field date"));
}

/* A report about tasks has them beside its form's fields. */
static void check_tasks(struct mst_loader *l, const struct mst_node *node,
                        const struct mst_duty *duty)
{
    const struct mst_form *form = duty->form;
    for (size_t i = 0; duty->tasks != MST_TASKS_NONE && i < form->fields_count; i++) {
        if (mst_tasks_key(mst_text(form->fields[i].id)))
            MST_FAULT(&l->r, node, _("give the field another id, or the duty another form"),
                      _("reports about tasks have %s already, and the form %s has a field of that "
                        "id"),
                      form->fields[i].id, form->id);
    }
}

void mst_load_duty_form(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty)
{
    const struct mst_node *node = mst_read_field(&l->r, map, "form", MST_MAY_LACK);
    const char *id = node ? mst_read_text_of(&l->r, node, MST_ID_MAX - 1) : NULL;
    if (duty->kind == MST_DUTY_QUOTA)
        duty->form = &mst_form_minutes;
    if (!id)
        return;
    if (duty->kind != MST_DUTY_QUOTA && duty->kind != MST_DUTY_REPORT) {
        MST_FAULT(&l->r, node, _("leave the key out, or choose another kind"),
                  _("no report is filed for a duty of kind %s"), mst_duty_kind_word(duty->kind));
        return;
    }
    const char **ids = mst_read_alloc(&l->r, l->p->forms_count + 1, sizeof *ids);
    for (size_t i = 0; ids && i < l->p->forms_count; i++) {
        ids[i] = l->p->forms[i].id;
        if (strcmp(ids[i], id) != 0)
            continue;
        duty->form = &l->p->forms[i];
        if (duty->kind == MST_DUTY_QUOTA)
            check_minutes(l, node, duty->form);
        check_tasks(l, node, duty);
        return;
    }
    char hint[MST_ERR_HINT_MAX];
    if (ids)
        MST_FAULT(&l->r, node,
                  mst_hint_nearest(id, (struct mst_words){ids, l->p->forms_count},
                                   _("list it under forms first"), hint),
                  _("unknown form %s"), id);
}
