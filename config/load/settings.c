/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings from settings.def: defaults, a YAML file, and NAME=VALUE from a command line. Every row
 * of the table is handled by its type alone; no setting is known here by name.
 */
#include "config/load/settings.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config/load/field.h"

#define FALLBACK_INT(value) #value
#define FALLBACK_TEXT(value) value
#define FALLBACK_TEXTS(value) value
#define FALLBACK_BOOL(value) #value

static const struct mst_setting_row rows[] = {
#define SETTING(scope, name, type, fallback, min, max, unit, doc)                                  \
    {MST_SCOPE_##scope, MST_SETTING_##type, #name, FALLBACK_##type(fallback), unit, doc, min, max},
#include "config/settings.def"
#undef SETTING
};
#define ROWS (sizeof rows / sizeof rows[0])

static const size_t offsets[ROWS] = {
#define SETTING(scope, name, type, fallback, min, max, unit, doc)                                  \
    offsetof(struct mst_settings, scope##_##name),
#include "config/settings.def"
#undef SETTING
};

const struct mst_setting_row *mst_settings_table(size_t *ret_count)
{
    *ret_count = ROWS;
    return rows;
}

static void *field_of(struct mst_settings *settings, size_t row)
{
    return (char *)settings + offsets[row];
}

/* Out-of-range values are told by the caller, which knows the place. */
static bool in_range(const struct mst_setting_row *row, int64_t value)
{
    return value >= row->min && value <= row->max;
}

static bool parse_int(const char *text, int64_t *ret_value)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *ret_value = value;
    return text[0] && *end == '\0' && errno == 0;
}

/* Comma-separated, since a command line has no lists; empty for none. */
static bool parse_texts(struct mst_arena *arena, const char *text, struct mst_texts *ret)
{
    size_t count = text[0] ? 1 : 0;
    for (const char *at = text; *at; at++)
        count += *at == ',';
    const char **items = mst_arena_alloc(arena, count * sizeof *items);
    if (!items)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t len = strcspn(text, ",");
        items[i] = mst_arena_strndup(arena, text, len);
        if (!items[i])
            return false;
        text += len + (text[len] == ',');
    }
    *ret = (struct mst_texts){.items = items, .count = count};
    return true;
}

/* What a value given as text must be, e.g. "a whole number". */
static int refuse(const struct mst_setting_row *row, const char *text, const char *wanted,
                  struct mst_err *err)
{
    mst_fail(err, MST_E_INVALID, _("%s must be %s, not %s"), row->name, wanted, text);
    mst_hint(err, "%s", _("see all settings with `musterctl settings`"));
    return MST_E_INVALID;
}

static int refuse_range(const struct mst_setting_row *row, int64_t value, struct mst_err *err)
{
    mst_fail(err, MST_E_INVALID, _("%s must be between %lld and %lld, not %lld"), row->name,
             (long long)row->min, (long long)row->max, (long long)value);
    mst_hint(err, _("in %s"), _(row->unit));
    return MST_E_INVALID;
}

static int refuse_length(const struct mst_setting_row *row, struct mst_err *err)
{
    const char *format = row->type == MST_SETTING_TEXTS
                             ? _("%s must have between %lld and %lld items")
                             : _("%s must have between %lld and %lld bytes");
    return mst_fail(err, MST_E_INVALID, format, row->name, (long long)row->min,
                    (long long)row->max);
}

static int vet(const struct mst_settings *settings, const struct mst_setting_row *row,
               const char *text, struct mst_err *err)
{
    return settings->vet ? settings->vet(row->name, text, err) : 0;
}

static int vet_all(const struct mst_settings *settings, const struct mst_setting_row *row,
                   const struct mst_texts *texts, struct mst_err *err)
{
    int code = 0;
    for (size_t i = 0; !code && i < texts->count; i++)
        code = vet(settings, row, texts->items[i], err);
    return code;
}

static int set_text(struct mst_settings *settings, size_t index, const char *text,
                    struct mst_err *err)
{
    const struct mst_setting_row *row = &rows[index];
    void *field = field_of(settings, index);
    struct mst_texts texts;
    int64_t value;
    switch (row->type) {
    case MST_SETTING_INT:
        if (!parse_int(text, &value))
            return refuse(row, text, _("a whole number"), err);
        if (!in_range(row, value))
            return refuse_range(row, value, err);
        if (vet(settings, row, text, err))
            return MST_E_INVALID;
        *(int64_t *)field = value;
        return 0;
    case MST_SETTING_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return refuse(row, text, _("true or false"), err);
        *(bool *)field = text[0] == 't';
        return 0;
    case MST_SETTING_TEXT:
        if (!in_range(row, (int64_t)strlen(text)))
            return refuse_length(row, err);
        if (vet(settings, row, text, err))
            return MST_E_INVALID;
        *(const char **)field = mst_arena_strdup(settings->arena, text);
        return *(const char **)field ? 0 : mst_no_memory(err, row->name);
    case MST_SETTING_TEXTS:
        if (!parse_texts(settings->arena, text, &texts))
            return mst_no_memory(err, row->name);
        if (!in_range(row, (int64_t)texts.count))
            return refuse_length(row, err);
        if (vet_all(settings, row, &texts, err))
            return MST_E_INVALID;
        *(struct mst_texts *)field = texts;
        return 0;
    }
    return mst_fail_on(err, MST_E_INTERNAL, row->name);
}

int mst_settings_init(struct mst_settings *settings, struct mst_err *err)
{
    *settings = (struct mst_settings){
#define DEFAULT_INT(value) value
#define DEFAULT_TEXT(value) value
#define DEFAULT_TEXTS(value)                                                                       \
    {                                                                                              \
        0                                                                                          \
    }
#define DEFAULT_BOOL(value) value
#define SETTING(scope, name, type, fallback, min, max, unit, doc)                                  \
    .scope##_##name = DEFAULT_##type(fallback),
#include "config/settings.def"
#undef SETTING
    };
    settings->arena = mst_arena_new();
    if (!settings->arena)
        return mst_no_memory(err, "settings");
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].type == MST_SETTING_TEXTS &&
            !parse_texts(settings->arena, rows[i].fallback_text, field_of(settings, i))) {
            mst_settings_done(settings);
            return mst_no_memory(err, "settings");
        }
    }
    return 0;
}

void mst_settings_done(struct mst_settings *settings)
{
    mst_arena_free(settings->arena);
    settings->arena = NULL;
}

static size_t find_row(enum mst_setting_scope scope, const char *name, size_t len)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].scope == scope && strlen(rows[i].name) == len &&
            memcmp(rows[i].name, name, len) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* The names of a scope, for hints; returns how many. */
static size_t scope_names(enum mst_setting_scope scope, const char *names[ROWS])
{
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].scope == scope)
            names[count++] = rows[i].name;
    }
    return count;
}

/* A list in the file: checked item by item, then taken whole. */
static void load_texts(struct mst_reader *r, const struct mst_node *list, size_t index,
                       struct mst_settings *settings)
{
    if (!mst_read_is_list(r, list))
        return;
    if (!in_range(&rows[index], (int64_t)list->count)) {
        struct mst_err err;
        refuse_length(&rows[index], &err);
        MST_FAULT(r, list, NULL, "%s", err.text);
        return;
    }
    const char **items = mst_arena_alloc(settings->arena, list->count * sizeof *items);
    size_t count = 0;
    for (const struct mst_node *node = list->first; node && items; node = node->next) {
        struct mst_err err;
        const char *text = mst_read_text_of(r, node, MST_FILE_BYTES_MAX);
        if (text && vet(settings, &rows[index], text, &err))
            MST_FAULT(r, node, err.hint, "%s", err.text);
        items[count] = text ? mst_arena_strdup(settings->arena, text) : "";
        if (!items[count++])
            r->no_memory = true;
    }
    if (!items)
        r->no_memory = true;
    else
        *(struct mst_texts *)field_of(settings, index) =
            (struct mst_texts){.items = items, .count = count};
}

static void load_row(struct mst_reader *r, const struct mst_node *node, size_t index,
                     struct mst_settings *settings)
{
    const struct mst_setting_row *row = &rows[index];
    void *field = field_of(settings, index);
    struct mst_err err;
    switch (row->type) {
    case MST_SETTING_INT:
        if (mst_read_int_of(r, node, row->min, row->max, field) &&
            vet(settings, row, node->text, &err))
            MST_FAULT(r, node, err.hint, "%s", err.text);
        break;
    case MST_SETTING_BOOL:
        mst_read_bool_of(r, node, field);
        break;
    case MST_SETTING_TEXTS:
        load_texts(r, node, index, settings);
        break;
    case MST_SETTING_TEXT:
        /* An empty text is a value here: it switches a hook off. */
        if (!node->bad && node->kind == MST_NODE_SCALAR && !node->plain && !node->text[0] &&
            row->min == 0)
            *(const char **)field = "";
        else if (mst_read_text_of(r, node, MST_FILE_BYTES_MAX) &&
                 set_text(settings, index, node->text, &err))
            MST_FAULT(r, node, err.hint, "%s", err.text);
        break;
    }
}

int mst_settings_load(struct mst_settings *settings, enum mst_setting_scope scope, const char *path,
                      struct mst_diags *diags, struct mst_err *err)
{
    size_t before = diags->errors;
    struct mst_yaml *yaml = NULL;
    int code = mst_yaml_read(path, diags, &yaml, err);
    if (code)
        return code;
    const char *names[ROWS];
    struct mst_reader r = {.file = yaml->file, .diags = diags, .arena = yaml->arena};
    struct mst_words keys = {names, scope_names(scope, names)};
    if (mst_read_is_map(&r, yaml->root, keys)) {
        for (const struct mst_node *node = yaml->root->first; node; node = node->next) {
            size_t index = find_row(scope, node->key, strlen(node->key));
            if (index != SIZE_MAX &&
                mst_read_field(&r, yaml->root, node->key, MST_MAY_LACK) == node)
                load_row(&r, node, index, settings);
        }
    }
    mst_diags_sort(diags);
    code = r.no_memory ? mst_no_memory(err, path) : mst_diags_verdict(diags, before, path, err);
    mst_yaml_free(yaml);
    return code;
}

int mst_settings_set(struct mst_settings *settings, enum mst_setting_scope scope,
                     const char *assignment, struct mst_err *err)
{
    const char *equals = strchr(assignment, '=');
    if (!equals) {
        mst_fail(err, MST_E_USAGE, _("%s is no assignment"), assignment);
        mst_hint(err, "%s", _("write NAME=VALUE"));
        return MST_E_USAGE;
    }
    size_t index = find_row(scope, assignment, (size_t)(equals - assignment));
    if (index != SIZE_MAX)
        return set_text(settings, index, equals + 1, err);
    const char *names[ROWS];
    size_t count = scope_names(scope, names);
    char name[MST_ERR_HINT_MAX], hint[MST_ERR_HINT_MAX];
    snprintf(name, sizeof name, "%.*s", (int)(equals - assignment), assignment);
    mst_fail(err, MST_E_UNKNOWN, _("unknown setting %s"), name);
    mst_hint(err, "%s",
             mst_hint_nearest(name, (struct mst_words){names, count},
                              _("see all settings with `musterctl settings`"), hint));
    return MST_E_UNKNOWN;
}
