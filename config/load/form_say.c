/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a body, in words for people. The checker itself knows none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/load/field.h"
#include "config/load/lang.h"
#include "config/model/programme.h"

/* What was found may be as long as a report. */
#define WORD_SHOWN_MAX 96

static const char *label_of(const struct mst_form_field *field)
{
    return field ? mst_label(&field->label) : _("the report");
}

/* The nearest of the ids that could have been meant, or all of them. */
static void suggest(const char *word, const char *const *ids, size_t count, const char *otherwise,
                    char hint[MST_ERR_HINT_MAX])
{
    char list[MST_ERR_HINT_MAX - 64], all[MST_ERR_HINT_MAX];
    const struct mst_words words = {ids, count};
    if (!otherwise)
        snprintf(all, sizeof all, _("known here: %s"), mst_words_join(words, list, sizeof list));
    mst_hint_nearest(word, words, otherwise ? otherwise : all, hint);
}

static size_t ids_of(const struct mst_form_fault *fault, const struct mst_form_names *names,
                     const char **ids, size_t max)
{
    size_t n = 0;
    if (fault->kind == MST_FORM_UNKNOWN_FIELD) {
        for (; n < fault->among_count && n < max; n++)
            ids[n] = fault->among[n].id;
    } else if (fault->kind == MST_FORM_NO_CHOICE) {
        for (; n < fault->field->choices_count && n < max; n++)
            ids[n] = fault->field->choices[n].id;
    } else if (fault->kind == MST_FORM_NO_AREA) {
        for (; n < names->areas_count && n < max; n++)
            ids[n] = names->areas[n].id;
    } else if (fault->kind == MST_FORM_NO_UNIT) {
        for (; n < names->units_count && n < max; n++)
            ids[n] = names->units[n].id;
    }
    return n;
}

static const char *hint_of_type(const struct mst_form_field *field)
{
    if (!field || field->type == MST_FIELD_RECORD)
        return _("write `key: value` lines, indented below it");
    if (field->type == MST_FIELD_INTEGER)
        return _("write digits alone: 1200");
    if (mst_field_is_number(field))
        return _("write digits alone, and a point before decimals: 1200.50");
    switch (field->type) {
    case MST_FIELD_ROWS:
    case MST_FIELD_UNITS:
        return _("write each item on a line that begins with -");
    case MST_FIELD_BOOLEAN:
        return _("write true or false");
    default:
        return _("write text; several lines go after a |");
    }
}

/* One of a table's, and not the table. */
static bool is_row(const struct mst_form_fault *fault)
{
    size_t len = strlen(fault->path);
    return fault->field && fault->field->type == MST_FIELD_ROWS && len &&
           fault->path[len - 1] == ']';
}

void mst_form_say(const struct mst_form_fault *fault, const struct mst_form_names *names,
                  char text[MST_ERR_TEXT_MAX], char hint[MST_ERR_HINT_MAX])
{
    char word[WORD_SHOWN_MAX], more[MST_ERR_TEXT_MAX / 2], row[MST_ERR_TEXT_MAX / 2];
    const char *label = label_of(fault->field);
    const char *ids[MST_FORM_FIELDS_MAX];
    mst_slice_show(fault->word, word, sizeof word);
    snprintf(more, sizeof more, "%s", fault->bound[0] ? fault->bound : word);
    snprintf(hint, MST_ERR_HINT_MAX, "%s", _(mst_form_fault_hint(fault->kind)));
    size_t count = ids_of(fault, names, ids, MST_FORM_FIELDS_MAX);
    if (count)
        suggest(word, ids, count,
                fault->kind == MST_FORM_UNKNOWN_FIELD ? _(mst_form_fault_hint(fault->kind)) : NULL,
                hint);
    if (fault->kind == MST_FORM_UNKNOWN_FIELD) {
        label = word;
    } else if (fault->kind == MST_FORM_WRONG_TYPE && is_row(fault)) {
        snprintf(row, sizeof row, _("each row of %s"), label);
        label = row;
        snprintf(more, sizeof more, "%s", _(mst_field_type_words(MST_FIELD_RECORD)));
        snprintf(hint, MST_ERR_HINT_MAX, "%s", hint_of_type(NULL));
    } else if (fault->kind == MST_FORM_WRONG_TYPE) {
        snprintf(more, sizeof more, "%s",
                 fault->field ? _(mst_field_type_words(fault->field->type)) : _("a map"));
        snprintf(hint, MST_ERR_HINT_MAX, "%s", hint_of_type(fault->field));
    } else if ((fault->kind == MST_FORM_ABOVE || fault->kind == MST_FORM_BELOW) &&
               fault->field->measure.en) {
        snprintf(more, sizeof more, "%s %s", fault->bound, mst_label(&fault->field->measure));
    } else if (fault->kind == MST_FORM_NOT_COVERED) {
        for (size_t i = 0; i < names->areas_count; i++) {
            if (mst_slice_is(fault->word, names->areas[i].id))
                snprintf(more, sizeof more, "%s (%.*s)", word, (int)sizeof more / 2,
                         mst_label(&names->areas[i].title));
        }
    }
    snprintf(text, MST_ERR_TEXT_MAX, _(mst_form_fault_text(fault->kind)), label, more);
}

/* ---- what a field wants ---- */

static void add(char *buf, size_t size, const char *text)
{
    size_t used = strlen(buf);
    if (used < size)
        snprintf(buf + used, size - used, "%s%s", used ? ", " : "", text);
}

static void add_bound(char *buf, size_t size, const char *fmt, int64_t bound, int decimals)
{
    char number[24], text[128];
    snprintf(text, sizeof text, fmt, mst_number_format(bound, decimals, number));
    add(buf, size, text);
}

static void add_bounds(const struct mst_form_field *field, char *buf, size_t size)
{
    int64_t most = 1;
    for (int i = 0; i < MST_FORM_DIGITS_MAX; i++)
        most *= 10;
    bool list = field->type == MST_FIELD_ROWS || field->type == MST_FIELD_UNITS;
    bool number = mst_field_is_number(field);
    if ((number && field->min > 1 - most) || (list && field->min > 0))
        add_bound(buf, size, _("at least %s"), field->min, field->decimals);
    if ((number && field->max < most - 1) || list)
        add_bound(buf, size, _("at most %s"), field->max, field->decimals);
    if (number && field->decimals > 0)
        add_bound(buf, size, _("at most %s decimals"), field->decimals, 0);
    bool words = field->type == MST_FIELD_TEXT || field->type == MST_FIELD_AMOUNT;
    if (words && field->max < MST_FORM_TEXT_MAX)
        add_bound(buf, size, _("at most %s characters"), field->max, 0);
}

char *mst_form_wants(const struct mst_form_field *field, char *buf, size_t size)
{
    buf[0] = '\0';
    add(buf, size, _(mst_field_type_words(field->type)));
    if (field->measure.en)
        add(buf, size, mst_label(&field->measure));
    add_bounds(field, buf, size);
    add(buf, size, field->required ? _("needed") : _("may stay empty"));
    return buf;
}
