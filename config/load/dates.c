/* SPDX-License-Identifier: Apache-2.0 */
/* The dates of a duty: rules relative to a period, grace, and periods that are treated apart. */
#include <stdlib.h>
#include <string.h>

#include "config/load/loader.h"

/* Beyond any offset that makes sense; well inside what the calendar counts. */
#define OFFSET_MAX 1000
#define YEAR_OFFSET_MAX 10

#define ROLLS (MST_ROLL_MODIFIED_PRECEDING + 1)
static const char *const offset_words[] = {"working-days", "days",
                                           "months"}; /* as enum mst_offset_unit */

static enum mst_roll read_roll(struct mst_loader *l, const struct mst_node *map)
{
    const char *words[ROLLS];
    for (size_t i = 0; i < ROLLS; i++)
        words[i] = mst_roll_word((enum mst_roll)i);
    return (enum mst_roll)mst_read_word(&l->r, map, "roll", (struct mst_words){words, ROLLS},
                                        MST_ROLL_NONE);
}

/* "11-30": month and day. 02-29 is allowed and clamped in other years. */
static bool read_month_day(struct mst_loader *l, const struct mst_node *node,
                           struct mst_date_rule *rule)
{
    const char *text = mst_read_letters_of(&l->r, node);
    mst_day day;
    char date[16];
    if (!text)
        return false;
    /* In a leap year every day that a year can have exists. */
    snprintf(date, sizeof date, "2000-%.10s", text);
    if (mst_day_parse(date, &day, NULL) != 0) {
        MST_FAULT(&l->r, node, _("write month-day as in 11-30"), _("%s is not a day of the year"),
                  text);
        return false;
    }
    struct mst_civil civil = mst_civil_of(day);
    rule->fixed = true;
    rule->month = civil.month;
    rule->day = civil.day;
    return true;
}

/* "5 working-days" */
static bool read_offset(struct mst_loader *l, const struct mst_node *node, int *ret_n,
                        enum mst_offset_unit *ret_unit)
{
    const char *text = mst_read_letters_of(&l->r, node);
    if (!text)
        return false;
    char *end;
    long n = strtol(text, &end, 10);
    bool good = text[0] >= '0' && text[0] <= '9' && *end == ' ' && n <= OFFSET_MAX;
    for (size_t i = 0; good && i < 3; i++) {
        if (strcmp(end + 1, offset_words[i]) == 0) {
            *ret_n = (int)n;
            *ret_unit = (enum mst_offset_unit)i;
            return true;
        }
    }
    MST_FAULT(&l->r, node, _("write a number from 0 to 1000 and working-days, days or months"),
              _("%s is not a span such as \"5 working-days\""), text);
    return false;
}

static const struct anchor_row {
    const char *key;
    enum mst_anchor anchor;
    int sign;
} anchor_rows[] = {
    {"after-end", MST_ANCHOR_END, 1},
    {"before-end", MST_ANCHOR_END, -1},
    {"after-start", MST_ANCHOR_START, 1},
    {"before-start", MST_ANCHOR_START, -1},
};

void mst_load_date_rule(struct mst_loader *l, const struct mst_node *node,
                        struct mst_date_rule *ret_rule)
{
    if (!mst_read_is_map(&l->r, node,
                         MST_WORDS("after-end", "before-end", "after-start", "before-start", "on",
                                   "year", "roll")))
        return;
    struct mst_date_rule rule = {.unit = MST_OFFSET_DAYS};
    int given = 0;
    const struct mst_node *on = mst_read_field(&l->r, node, "on", MST_MAY_LACK);
    if (on) {
        given++;
        read_month_day(l, on, &rule);
    }
    for (size_t i = 0; i < sizeof anchor_rows / sizeof anchor_rows[0]; i++) {
        const struct mst_node *offset =
            mst_read_field(&l->r, node, anchor_rows[i].key, MST_MAY_LACK);
        if (!offset)
            continue;
        given++;
        rule.anchor = anchor_rows[i].anchor;
        if (read_offset(l, offset, &rule.n, &rule.unit))
            rule.n *= anchor_rows[i].sign;
    }
    rule.roll = read_roll(l, node);
    const struct mst_node *year = mst_read_field(&l->r, node, "year", MST_MAY_LACK);
    if (year && !on)
        MST_FAULT(&l->r, year, _("use it with `on`"), _("year means nothing here"));
    rule.year_offset = mst_read_int(&l->r, node, "year", -YEAR_OFFSET_MAX, YEAR_OFFSET_MAX, 0);
    if (given != 1)
        MST_FAULT(&l->r, node,
                  _("give one of after-end, before-end, after-start, before-start, on"),
                  given ? _("more than one date is given") : _("no date is given"));
    *ret_rule = rule;
}

void mst_load_grace(struct mst_loader *l, const struct mst_node *node, struct mst_grace *ret_grace)
{
    struct mst_grace grace = {.kind = MST_GRACE_NONE};
    if (node->kind == MST_NODE_SCALAR) {
        mst_read_word_of(&l->r, node, MST_WORDS("none"));
        return;
    }
    if (!mst_read_is_map(&l->r, node, MST_WORDS("working-days", "days", "through", "year", "roll")))
        return;
    int given = 0;
    if (mst_read_field(&l->r, node, "working-days", MST_MAY_LACK)) {
        given++;
        grace.kind = MST_GRACE_WORKING_DAYS;
        grace.n = mst_read_int(&l->r, node, "working-days", 1, OFFSET_MAX, 1);
    }
    if (mst_read_field(&l->r, node, "days", MST_MAY_LACK)) {
        given++;
        grace.kind = MST_GRACE_DAYS;
        grace.n = mst_read_int(&l->r, node, "days", 1, OFFSET_MAX, 1);
    }
    const struct mst_node *through = mst_read_field(&l->r, node, "through", MST_MAY_LACK);
    if (through) {
        given++;
        grace.kind = MST_GRACE_THROUGH;
        read_month_day(l, through, &grace.through);
        grace.through.year_offset =
            mst_read_int(&l->r, node, "year", -YEAR_OFFSET_MAX, YEAR_OFFSET_MAX, 0);
        grace.through.roll = read_roll(l, node);
    }
    if (given != 1)
        MST_FAULT(&l->r, node, _("give one of working-days, days, through"),
                  given ? _("more than one grace is given") : _("no grace is given"));
    *ret_grace = grace;
}

static const char *period_example(enum mst_period_kind kind)
{
    switch (kind) {
    case MST_PERIOD_YEAR:
        return "2023";
    case MST_PERIOD_HALF:
        return "2023H1";
    case MST_PERIOD_QUARTER:
        return "2023Q3";
    case MST_PERIOD_MONTH:
        return "2023-07";
    case MST_PERIOD_WEEK:
        return "2023W05";
    case MST_PERIOD_DAY:
        return "2023-07-14";
    case MST_PERIOD_ONCE:
        break;
    }
    return "once";
}

const char *mst_load_period_key(struct mst_loader *l, const struct mst_node *node,
                                const char *letters, const struct mst_duty *duty)
{
    struct mst_period period;
    if (mst_period_parse(letters, l->p->fiscal_month, 0, &period, NULL) == 0 &&
        period.kind == duty->period)
        return letters;
    char hint[MST_ERR_HINT_MAX];
    snprintf(hint, sizeof hint, _("write it as in %s"), period_example(duty->period));
    MST_FAULT(&l->r, node, hint, _("%s is not a period of the kind %s"), letters,
              mst_period_kind_word(duty->period));
    return NULL;
}

static void load_note(struct mst_loader *l, const struct mst_node *node, bool exempt,
                      struct mst_duty *duty, struct mst_period_note *notes)
{
    const char *key = mst_load_period_key(l, node, node->key, duty);
    struct mst_period_note note = {.key = key, .due = MST_DAY_NONE};
    if (exempt)
        note.reason = mst_read_text_of(&l->r, node, MST_TITLE_BYTES_MAX);
    else if (!mst_read_day_of(&l->r, node, &note.due))
        return;
    if (!key || (exempt && !note.reason))
        return;
    for (size_t i = 0; i < duty->notes_count; i++) {
        if (strcmp(notes[i].key, key) == 0) {
            MST_FAULT(&l->r, node, _("keep one of the two"),
                      _("the period %s is both exempt and transitional"), key);
            return;
        }
    }
    notes[duty->notes_count++] = note;
}

void mst_load_notes(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty)
{
    static const char *const keys[] = {"exempt", "transitional"};
    const struct mst_node *maps[2];
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        maps[i] = mst_read_field(&l->r, map, keys[i], MST_MAY_LACK);
        if (maps[i] && maps[i]->kind != MST_NODE_MAP) {
            mst_read_is_map(&l->r, maps[i], MST_WORDS("once"));
            maps[i] = NULL;
        }
        count += maps[i] ? maps[i]->count : 0;
    }
    struct mst_period_note *notes = mst_read_alloc(&l->r, count, sizeof *notes);
    if (!notes)
        return;
    for (size_t i = 0; i < 2; i++) {
        for (const struct mst_node *node = maps[i] ? maps[i]->first : NULL; node;
             node = node->next) {
            if (!node->bad)
                load_note(l, node, i == 0, duty, notes);
        }
    }
    duty->notes = notes;
}
