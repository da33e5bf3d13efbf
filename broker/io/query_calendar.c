/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The year ahead of a running programme: what the schedule expects, with the dates of what has
 * opened already as they stand, extensions included. What the asker may not read is left out.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/io/query.h"
#include "config/load/load.h"

/* An obligation that has opened. The walk gives them by id. */
struct opened {
    char id[MST_OBLIGATION_ID_MAX];
    mst_time due, grace_until;
    mst_day due_day;
    bool provisional;
};

struct year {
    struct mst_query *q;
    mst_day from, to;
    struct opened *opened;
    size_t opened_count, opened_cap;
    struct mst_expected *expected;
    size_t count, cap;
    int code;
    struct mst_err *err;
};

/* Room for one more of `size` bytes; NULL: out of memory. */
static void *grown(void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    size_t more = *cap ? 2 * *cap : 128;
    void *moved = realloc(items, more * size);
    if (moved)
        *cap = more;
    return moved;
}

static int take_opened(void *context, const char *id, struct mst_slice bytes)
{
    struct year *y = context;
    struct mst_obligation o;
    (void)id;
    y->code = mst_obligation_unpack(bytes, &o, y->err);
    if (y->code)
        return y->code;
    struct opened *items = grown(y->opened, y->opened_count, &y->opened_cap, sizeof *items);
    if (!items) {
        y->code = mst_fail_on(y->err, MST_E_NOMEM, "calendar");
        return y->code;
    }
    y->opened = items;
    struct opened *mine = &items[y->opened_count++];
    memcpy(mine->id, o.id, sizeof mine->id);
    mine->due = o.due;
    mine->grace_until = o.grace_until;
    mine->due_day = o.due_day;
    mine->provisional = o.provisional;
    return 0;
}

static int by_id(const void *key, const void *item)
{
    return strcmp(key, ((const struct opened *)item)->id);
}

static int take_expected(void *context, const struct mst_expected *e)
{
    struct year *y = context;
    const struct mst_programme *p = y->q->programme;
    const char *bearer = e->bearer == SIZE_MAX ? "" : p->units[e->bearer].id;
    const char *group = e->group == SIZE_MAX ? "" : p->groups[e->group].id;
    char id[MST_OBLIGATION_ID_MAX];
    if (!mst_query_matches(y->q, "unit", bearer[0] ? bearer : "office") ||
        !mst_query_matches(y->q, "group", group) || !mst_query_may(y->q, bearer, group))
        return 0;
    struct mst_expected one = *e;
    mst_schedule_id(p, e, id);
    const struct opened *opened =
        y->opened_count ? bsearch(id, y->opened, y->opened_count, sizeof *opened, by_id) : NULL;
    if (opened) {
        one.dates.due = opened->due;
        one.dates.due_day = opened->due_day;
        one.dates.grace_until = opened->grace_until;
        one.dates.provisional = opened->provisional;
    }
    if (one.dates.due_day < y->from || one.dates.due_day > y->to)
        return 0;
    struct mst_expected *items = grown(y->expected, y->count, &y->cap, sizeof *items);
    if (!items)
        return MST_E_NOMEM;
    y->expected = items;
    items[y->count++] = one;
    return 0;
}

static int by_due(const void *a, const void *b)
{
    const struct mst_expected *x = a, *z = b;
    if (x->dates.due != z->dates.due)
        return x->dates.due < z->dates.due ? -1 : 1;
    if (x->duty != z->duty)
        return x->duty < z->duty ? -1 : 1;
    return x->bearer < z->bearer ? -1 : x->bearer > z->bearer;
}

static int day_of(struct mst_query *q, const char *name, mst_day *day, struct mst_err *err)
{
    char text[32];
    if (!mst_query_arg(q, name, text, sizeof text))
        return 0;
    return mst_day_parse(text, day, NULL)
               ? mst_fail(err, MST_E_USAGE, "--%s %s: %s", name, text, N_("it is no date"))
               : 0;
}

/* Without --from: from today; without --to: a year. */
static int range_of(struct year *y, struct mst_err *err)
{
    y->from = mst_zone_day(y->q->programme->zone, y->q->now);
    int code = day_of(y->q, "from", &y->from, err);
    y->to = mst_day_add_months(y->from, 12) - 1;
    if (!code)
        code = day_of(y->q, "to", &y->to, err);
    return !code && y->to < y->from
               ? mst_fail(err, MST_E_USAGE, "--to: %s", N_("must not lie before --from"))
               : code;
}

static int gather(struct year *y, struct mst_err *err)
{
    const struct mst_programme *p = y->q->programme;
    mst_time from = mst_zone_midnight(p->zone, p->issued);
    mst_time to = mst_zone_midnight(p->zone, y->to + 1);
    int code = mst_reader_obligations(y->q->reader, y->q->pid, take_opened, y, err);
    if (!code)
        code = y->code;
    for (size_t i = 0; !code && i < p->duties_count; i++) {
        if (mst_duty_is_scheduled(&p->duties[i]) &&
            mst_query_matches(y->q, "duty", p->duties[i].id))
            code = mst_schedule_opening(p, i, from, to, take_expected, y, err);
        if (code == MST_E_NOMEM)
            mst_fail_on(err, MST_E_NOMEM, "calendar");
    }
    if (!code && y->count)
        qsort(y->expected, y->count, sizeof *y->expected, by_due);
    return code;
}

int mst_query_calendar(struct mst_query *q, struct mst_err *err)
{
    struct year y = {.q = q, .err = err};
    int code = range_of(&y, err);
    if (!code)
        code = gather(&y, err);
    for (size_t i = 0; !code && i < y.count; i++) {
        mst_expected_pack(q->programme, &y.expected[i], mst_query_row(q));
        code = mst_query_row_end(q, err);
    }
    free(y.expected);
    free(y.opened);
    return code;
}
