/* SPDX-License-Identifier: Apache-2.0 */
/*
 * musterctl calendar: who owes what when, from a programme file, or from a broker, which knows what
 * has been extended. Duties that are owed upon an event have no place in a calendar and are left
 * out.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/ctl/ctl.h"
#include "agent/ctl/ical.h"
#include "config/load/lang.h"
#include "config/load/load.h"
#include "config/model/schedule.h"
#include "proto/pack.h"

struct row {
    mst_time due;
    size_t found; /* keeps the programme's order among equal instants */
    size_t at, len;
};

struct listing {
    const struct mst_programme *p;
    mst_day from, to;         /* days on which it is due, both inside */
    size_t unit, group, duty; /* SIZE_MAX: all */
    struct mst_buf bytes;
    struct row *rows;
    size_t count, cap;
};

/* Its bytes have been put from `at` on. */
static int add_row(struct listing *l, mst_time due, size_t at)
{
    if (l->count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct row *rows = realloc(l->rows, cap * sizeof *rows);
        if (!rows)
            return MST_E_NOMEM;
        l->rows = rows;
        l->cap = cap;
    }
    l->rows[l->count] = (struct row){due, l->count, at, l->bytes.len - at};
    l->count++;
    return l->bytes.failed ? MST_E_NOMEM : 0;
}

static int take_expected(void *context, const struct mst_expected *e)
{
    struct listing *l = context;
    if (e->dates.due_day < l->from || e->dates.due_day > l->to)
        return 0;
    if ((l->unit != SIZE_MAX && l->unit != e->bearer) ||
        (l->group != SIZE_MAX && l->group != e->group))
        return 0;
    size_t at = l->bytes.len;
    mst_expected_pack(l->p, e, &l->bytes);
    return add_row(l, e->dates.due, at);
}

static int by_due(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->due != y->due)
        return x->due < y->due ? -1 : 1;
    return x->found < y->found ? -1 : x->found > y->found;
}

static int gather(struct listing *l, struct mst_err *err)
{
    const struct mst_programme *p = l->p;
    /* What was due before the issue date is listed, too: as not applicable. */
    mst_day last = l->to > p->issued ? l->to : p->issued;
    mst_time from = mst_zone_midnight(p->zone, p->issued);
    mst_time to = mst_zone_midnight(p->zone, last + 1);
    for (size_t i = 0; i < p->duties_count; i++) {
        if (!mst_duty_is_scheduled(&p->duties[i]) || (l->duty != SIZE_MAX && l->duty != i))
            continue;
        int code = mst_schedule_opening(p, i, from, to, take_expected, l, err);
        if (code == MST_E_NOMEM)
            mst_fail_on(err, MST_E_NOMEM, "calendar");
        if (code)
            return code;
    }
    if (l->count)
        qsort(l->rows, l->count, sizeof *l->rows, by_due);
    return 0;
}

static int parse_day(const char *text, const char *option, mst_day *ret_day, struct mst_err *err)
{
    if (!text)
        return 0;
    return mst_day_parse(text, ret_day, NULL)
               ? mst_fail(err, MST_E_USAGE, _("--%s takes a date, not %s"), option, text)
               : 0;
}

/* Without --from: from the issue date to the end of the next year; with it, a year. */
static int parse_range(const struct mst_ctl_call *call, struct listing *l, struct mst_err *err)
{
    const char *from = mst_ctl_value(call, "from"), *to = mst_ctl_value(call, "to");
    l->from = l->p->issued;
    int code = parse_day(from, "from", &l->from, err);
    if (code)
        return code;
    l->to = from ? mst_day_add_months(l->from, 12) - 1
                 : mst_day_of(mst_civil_of(l->p->issued).year + 1, 12, 31);
    code = parse_day(to, "to", &l->to, err);
    if (!code && l->to < l->from)
        code = mst_fail(err, MST_E_USAGE, _("--to is before --from"));
    return code;
}

enum thing { UNITS, GROUPS, DUTIES };

static size_t things_count(const struct mst_programme *p, enum thing thing)
{
    return thing == UNITS ? p->units_count : thing == GROUPS ? p->groups_count : p->duties_count;
}

static const char *thing_id(const struct mst_programme *p, enum thing thing, size_t index)
{
    return thing == UNITS    ? p->units[index].id
           : thing == GROUPS ? p->groups[index].id
                             : p->duties[index].id;
}

static size_t thing_find(const struct mst_programme *p, enum thing thing, const char *word)
{
    return thing == UNITS    ? mst_programme_unit_by_name(p, word)
           : thing == GROUPS ? mst_programme_group(p, word)
                             : mst_programme_duty(p, word);
}

/* SIZE_MAX in *ret where the option is not given. */
static int parse_filter(const struct mst_ctl_call *call, const struct mst_programme *p,
                        enum thing thing, size_t *ret, struct mst_err *err)
{
    static const char *const options[] = {"unit", "group", "duty"}; /* as enum thing */
    const char *word = mst_ctl_value(call, options[thing]);
    *ret = word ? thing_find(p, thing, word) : SIZE_MAX;
    if (!word || *ret != SIZE_MAX)
        return 0;
    mst_fail_on(err, MST_E_UNKNOWN, word);
    size_t count = things_count(p, thing);
    const char **ids = malloc((count + 1) * sizeof *ids);
    for (size_t i = 0; ids && i < count; i++)
        ids[i] = thing_id(p, thing, i);
    const char *nearest = ids ? mst_nearest(word, ids, count) : NULL;
    if (nearest)
        mst_hint(err, _("did you mean %s?"), nearest);
    free(ids);
    return MST_E_UNKNOWN;
}

static int print_table(const struct mst_ctl_call *call, const struct listing *l,
                       struct mst_err *err)
{
    struct mst_table *table = mst_table_new(call->format, call->command->columns, stdout);
    if (!table)
        return mst_fail_on(err, MST_E_NOMEM, "calendar");
    int code = 0;
    for (size_t i = 0; !code && i < l->count; i++)
        code = mst_table_row(table, mst_bytes(l->bytes.data + l->rows[i].at, l->rows[i].len), err);
    int end = mst_table_end(table, code ? NULL : err);
    return code ? code : end;
}

static int print_ical(const struct listing *l, struct mst_err *err)
{
    struct mst_ical *ical = mst_ical_new();
    int code = ical ? 0 : mst_fail_on(err, MST_E_NOMEM, "calendar");
    for (size_t i = 0; !code && i < l->count; i++)
        code = mst_ical_row(ical, mst_bytes(l->bytes.data + l->rows[i].at, l->rows[i].len),
                            (int64_t)time(NULL), err);
    if (!code)
        code = mst_ical_write(ical, stdout, err);
    mst_ical_free(ical);
    return code;
}

static int print_rows(const struct mst_ctl_call *call, const struct listing *l, struct mst_err *err)
{
    return mst_ctl_value(call, "ical") ? print_ical(l, err) : print_table(call, l, err);
}

static int list(const struct mst_ctl_call *call, const struct mst_programme *p, struct mst_err *err)
{
    struct listing l = {.p = p};
    int code = parse_range(call, &l, err);
    if (!code)
        code = parse_filter(call, p, UNITS, &l.unit, err);
    if (!code)
        code = parse_filter(call, p, GROUPS, &l.group, err);
    if (!code)
        code = parse_filter(call, p, DUTIES, &l.duty, err);
    if (!code)
        code = gather(&l, err);
    if (!code)
        code = print_rows(call, &l, err);
    mst_buf_done(&l.bytes);
    free(l.rows);
    return code;
}

/* The broker has sorted them. */
static int take_row(void *context, struct mst_slice row)
{
    struct listing *l = context;
    size_t at = l->bytes.len;
    mst_buf_put(&l->bytes, row.data, row.len);
    return add_row(l, 0, at);
}

static int from_broker(const struct mst_ctl_call *call, struct mst_err *err)
{
    struct listing l = {.p = NULL};
    int code = mst_ctl_ask(call, call->command->word, take_row, &l, err);
    if (!code)
        code = print_rows(call, &l, err);
    mst_buf_done(&l.bytes);
    free(l.rows);
    return code;
}

static int from_file(const struct mst_ctl_call *call, const char *path, struct mst_err *err)
{
    struct mst_diags diags = {0};
    struct mst_programme *p = NULL;
    int code = mst_programme_load(path, &diags, &p, err);
    mst_diags_print(&diags, stderr);
    if (!code)
        code = list(call, p, err);
    mst_programme_unref(p);
    mst_diags_done(&diags);
    return code;
}

int mst_ctl_calendar(const struct mst_ctl_call *call)
{
    const char *path = mst_ctl_value(call, "file");
    struct mst_err err;
    int code = path ? from_file(call, path, &err) : from_broker(call, &err);
    return code ? mst_complain(call->line->app->program, &err) : MST_EXIT_OK;
}
