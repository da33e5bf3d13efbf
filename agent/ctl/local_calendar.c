/* SPDX-License-Identifier: Apache-2.0 */
/*
 * musterctl calendar: who owes what when, from a programme file, without a broker. Duties that are
 * owed upon an event have no place in a calendar and are left out.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/ctl/ctl.h"
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

static void pack_instant(struct mst_buf *out, const char *key, const struct mst_programme *p,
                         mst_time at)
{
    char text[MST_INSTANT_TEXT_MAX];
    mst_pack_text(out, key);
    mst_pack_text(out, mst_zone_format(p->zone, at, text));
}

static void pack_pair(struct mst_buf *out, const char *key, const char *value)
{
    mst_pack_text(out, key);
    mst_pack_text(out, value);
}

static const char *counterpart_of(const struct mst_programme *p, const struct mst_expected *e)
{
    if (e->counterpart != SIZE_MAX)
        return p->units[e->counterpart].id;
    return e->counterpart_kind == MST_COUNTERPART_DIRECTOR ? "director" : "office";
}

static void pack_expected(struct mst_buf *out, const struct mst_programme *p,
                          const struct mst_expected *e)
{
    const struct mst_duty *duty = &p->duties[e->duty];
    const struct mst_group *group = e->group == SIZE_MAX ? NULL : &p->groups[e->group];
    char id[MST_OBLIGATION_ID_MAX], day[11];
    mst_schedule_id(p, e, id);
    mst_pack_map(out, 20);
    pack_pair(out, "id", id);
    pack_pair(out, "programme", p->id);
    pack_pair(out, "duty", duty->id);
    pack_pair(out, "kind", mst_duty_kind_word(duty->kind));
    mst_pack_text(out, "enforced");
    mst_pack_bool(out, duty->enforced);
    pack_pair(out, "title", mst_label(&duty->title));
    pack_pair(out, "period", e->period.key);
    pack_pair(out, "bearer", e->bearer == SIZE_MAX ? "office" : p->units[e->bearer].id);
    pack_pair(out, "group", group ? group->id : NULL);
    pack_pair(out, "area", group && e->area != SIZE_MAX ? group->areas[e->area].id : NULL);
    pack_pair(out, "counterpart", counterpart_of(p, e));
    pack_pair(out, "closing", mst_closing_word(duty->closing));
    pack_instant(out, "opens", p, e->dates.opens);
    pack_instant(out, "due", p, e->dates.due);
    pack_pair(out, "due_day", mst_day_format(e->dates.due_day, day));
    pack_instant(out, "grace_until", p, e->dates.grace_until);
    mst_pack_text(out, "provisional");
    mst_pack_bool(out, e->dates.provisional);
    mst_pack_text(out, "applicable");
    mst_pack_bool(out, e->dates.applicable);
    pack_pair(out, "reason", e->dates.reason);
    pack_pair(out, "clause", duty->clause);
}

static int take_expected(void *context, const struct mst_expected *e)
{
    struct listing *l = context;
    if (e->dates.due_day < l->from || e->dates.due_day > l->to)
        return 0;
    if ((l->unit != SIZE_MAX && l->unit != e->bearer) ||
        (l->group != SIZE_MAX && l->group != e->group))
        return 0;
    if (l->count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct row *rows = realloc(l->rows, cap * sizeof *rows);
        if (!rows)
            return MST_E_NOMEM;
        l->rows = rows;
        l->cap = cap;
    }
    size_t at = l->bytes.len;
    pack_expected(&l->bytes, l->p, e);
    l->rows[l->count] = (struct row){e->dates.due, l->count, at, l->bytes.len - at};
    l->count++;
    return l->bytes.failed ? MST_E_NOMEM : 0;
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
    int code = mst_day_parse(text, ret_day, err);
    return code ? mst_wrap(err, "--%s", option) : 0;
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

static int print_rows(const struct mst_ctl_call *call, const struct listing *l, struct mst_err *err)
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

int mst_ctl_calendar(const struct mst_ctl_call *call)
{
    struct mst_diags diags = {0};
    struct mst_programme *p = NULL;
    struct mst_err err;
    int code = mst_programme_load(mst_ctl_value(call, "file"), &diags, &p, &err);
    mst_diags_print(&diags, stderr);
    if (!code)
        code = list(call, p, &err);
    mst_programme_unref(p);
    mst_diags_done(&diags);
    return code ? mst_complain(call->line->app->program, &err) : MST_EXIT_OK;
}
