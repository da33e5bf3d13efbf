/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schedule: from a programme's rules to instants and bearers. Every date is worked out from its
 * period's own first or last day, never from another date, and nothing is remembered between calls.
 *
 * Openings ascend with the periods, since each rule moves with its period; so the first opening at
 * or after an instant is found by bisection, without walking there from the first period.
 */
#include "config/model/schedule.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* One call of mst_calendar_add() counts no further. */
#define WORKING_DAYS_MAX 4000

static bool in_range(int64_t day)
{
    return day >= MST_DAY_FIRST && day <= MST_DAY_LAST;
}

/* n days on; MST_DAY_NONE outside the calendar and for MST_DAY_NONE. */
static mst_day shift(mst_day day, int64_t n)
{
    return in_range(day) && in_range(day + n) ? (mst_day)(day + n) : MST_DAY_NONE;
}

/* Remember that every day from `a` to `b`, in either order, was asked whether it works. */
static void counted(const struct mst_programme *p, mst_day a, mst_day b, bool *provisional)
{
    if (!in_range(a) || !in_range(b))
        return;
    if (!mst_calendar_covers(p->calendar, a < b ? a : b, a < b ? b : a))
        *provisional = true;
}

static mst_day fixed_day(const struct mst_programme *p, const struct mst_date_rule *rule,
                         const struct mst_period *period)
{
    /* `once` has no year of its own; it happens in that of the issue date. */
    int base = period->kind == MST_PERIOD_ONCE ? mst_civil_of(p->issued).year : period->year;
    int64_t year = (int64_t)base + rule->year_offset;
    if (year < 1 || year > 9999 || rule->month < 1 || rule->month > 12)
        return MST_DAY_NONE;
    int last = mst_days_in_month((int)year, rule->month);
    return mst_day_of((int)year, rule->month, rule->day < last ? rule->day : last);
}

static mst_day working_days_from(const struct mst_programme *p, const struct mst_date_rule *rule,
                                 const struct mst_period *period, bool *provisional)
{
    mst_day base, first_counted;
    if (rule->anchor == MST_ANCHOR_START) {
        base = rule->n > 0 ? shift(period->first, -1) : period->first;
        first_counted = rule->n > 0 ? period->first : shift(period->first, -1);
    } else if (rule->n > 0) {
        base = period->last;
        first_counted = shift(period->last, 1);
    } else {
        base = mst_calendar_roll(p->calendar, period->last, MST_ROLL_PRECEDING);
        first_counted = period->last;
    }
    mst_day day = mst_calendar_add(p->calendar, base, rule->n);
    counted(p, first_counted, day, provisional);
    return day;
}

static mst_day offset_day(const struct mst_programme *p, const struct mst_date_rule *rule,
                          const struct mst_period *period, bool *provisional)
{
    bool from_start = rule->anchor == MST_ANCHOR_START;
    mst_day anchor = from_start ? period->first : period->last;
    if (rule->n == 0)
        return anchor;
    switch (rule->unit) {
    case MST_OFFSET_WORKING_DAYS:
        return working_days_from(p, rule, period, provisional);
    case MST_OFFSET_DAYS:
        /* After the start, the first day is day 1. */
        return shift(anchor, (int64_t)rule->n - (from_start && rule->n > 0));
    case MST_OFFSET_MONTHS:
        return shift(mst_day_add_months(anchor, rule->n), from_start ? -1 : 0);
    }
    return MST_DAY_NONE;
}

/* The day of a rule, rolled; MST_DAY_NONE where there is none. */
static mst_day rule_day(const struct mst_programme *p, const struct mst_date_rule *rule,
                        const struct mst_period *period, bool *provisional)
{
    mst_day day =
        rule->fixed ? fixed_day(p, rule, period) : offset_day(p, rule, period, provisional);
    if (day == MST_DAY_NONE || rule->roll == MST_ROLL_NONE)
        return day;
    mst_day rolled = mst_calendar_roll(p->calendar, day, rule->roll);
    counted(p, day, rolled, provisional);
    return rolled;
}

static mst_time midnight_after(const struct mst_programme *p, mst_day day)
{
    return mst_zone_midnight(p->zone, day + 1);
}

static mst_time later(mst_time a, mst_time b)
{
    return a > b ? a : b;
}

static int no_date(const struct mst_duty *duty, const struct mst_period *period, const char *field,
                   struct mst_err *err)
{
    return mst_fail(err, MST_E_INVALID,
                    _("duty \"%s\", period %s: \"%s\" leads to no day of the calendar"), duty->id,
                    period->key, field);
}

/* When the rule says that it opens, before the issue date is looked at. */
static int opening_by_rule(const struct mst_programme *p, const struct mst_duty *duty,
                           const struct mst_period *period, mst_time *ret_opens,
                           struct mst_err *err)
{
    bool provisional = false; /* an opening says nothing of the due date */
    mst_day day = rule_day(p, &duty->opens, period, &provisional);
    if (day == MST_DAY_NONE)
        return no_date(duty, period, "opens", err);
    *ret_opens = mst_zone_midnight(p->zone, day);
    return 0;
}

static int grace_end(const struct mst_programme *p, const struct mst_duty *duty,
                     const struct mst_period *period, struct mst_dates *dates, struct mst_err *err)
{
    mst_day last = dates->due_day;
    switch (duty->grace.kind) {
    case MST_GRACE_NONE:
        break;
    case MST_GRACE_WORKING_DAYS:
        last = mst_calendar_add(p->calendar, dates->due_day, duty->grace.n);
        if (last > dates->due_day)
            counted(p, dates->due_day + 1, last, &dates->provisional);
        break;
    case MST_GRACE_DAYS:
        last = shift(dates->due_day, duty->grace.n);
        break;
    case MST_GRACE_THROUGH:
        last = rule_day(p, &duty->grace.through, period, &dates->provisional);
        break;
    }
    if (last == MST_DAY_NONE)
        return no_date(duty, period, "grace", err);
    dates->grace_until = later(midnight_after(p, last), dates->due);
    return 0;
}

static const struct mst_period_note *note_of(const struct mst_duty *duty, const char *key)
{
    for (size_t i = 0; i < duty->notes_count; i++) {
        if (strcmp(duty->notes[i].key, key) == 0)
            return &duty->notes[i];
    }
    return NULL;
}

int mst_schedule_dates(const struct mst_programme *p, const struct mst_duty *duty,
                       const struct mst_period *period, struct mst_dates *ret_dates,
                       struct mst_err *err)
{
    struct mst_dates dates = {.locks = MST_NEVER, .applicable = true};
    const struct mst_period_note *note = note_of(duty, period->key);
    mst_day transitional = note ? note->due : MST_DAY_NONE;
    int rc = opening_by_rule(p, duty, period, &dates.opens, err);
    if (rc != 0)
        return rc;
    dates.due_day = transitional != MST_DAY_NONE
                        ? transitional
                        : rule_day(p, &duty->due, period, &dates.provisional);
    if (dates.due_day == MST_DAY_NONE)
        return no_date(duty, period, "due", err);
    dates.due = midnight_after(p, dates.due_day);
    mst_time issued = mst_zone_midnight(p->zone, p->issued);
    if (dates.opens > dates.due || (transitional != MST_DAY_NONE && issued > dates.due))
        return mst_fail(err, MST_E_INVALID, _("duty \"%s\", period %s: opens after it is due"),
                        duty->id, period->key);
    rc = grace_end(p, duty, period, &dates, err);
    if (rc != 0)
        return rc;
    if (duty->lock_days > 0) {
        mst_day last = mst_calendar_add(p->calendar, dates.due_day, duty->lock_days);
        if (last == MST_DAY_NONE)
            return no_date(duty, period, "lock", err);
        dates.locks = later(midnight_after(p, last), dates.grace_until);
    }
    if (note && transitional == MST_DAY_NONE) {
        dates.applicable = false;
        dates.reason = note->reason;
    } else if (!note && dates.due <= issued) {
        dates.applicable = false;
        dates.reason = N_("due before the programme was issued");
    }
    dates.opens = later(dates.opens, issued);
    *ret_dates = dates;
    return 0;
}

/* Whether the id is scoped: one unit, or the office, may bear the duty several times a period. */
static const char *scope_id(const struct mst_programme *p, const struct mst_expected *e)
{
    const struct mst_duty *duty = &p->duties[e->duty];
    if (e->subject)
        return e->subject;
    if (e->area != SIZE_MAX)
        return p->groups[e->group].areas[e->area].id;
    bool fixed_bearer = duty->bearer == MST_BEARER_UNIT || duty->bearer == MST_BEARER_OFFICE;
    if (fixed_bearer && duty->scope == MST_SCOPE_GROUP)
        return p->groups[e->group].id;
    return NULL;
}

/* The length that the whole id has, as of snprintf(). */
static int write_id(const struct mst_programme *p, const struct mst_expected *e,
                    char id[MST_OBLIGATION_ID_MAX])
{
    const char *scope = scope_id(p, e);
    return snprintf(id, MST_OBLIGATION_ID_MAX, "%s/%s/%s%s%s", p->duties[e->duty].id, e->period.key,
                    e->bearer == SIZE_MAX ? "office" : p->units[e->bearer].id, scope ? "/" : "",
                    scope ? scope : "");
}

void mst_schedule_id(const struct mst_programme *p, const struct mst_expected *expected,
                     char id[MST_OBLIGATION_ID_MAX])
{
    int length = write_id(p, expected, id);
    assert(length < MST_OBLIGATION_ID_MAX);
    (void)length;
}

static int check_id(const struct mst_programme *p, const struct mst_expected *e,
                    struct mst_err *err)
{
    char id[MST_OBLIGATION_ID_MAX];
    if (write_id(p, e, id) < MST_OBLIGATION_ID_MAX)
        return 0;
    return mst_fail(err, MST_E_INVALID,
                    _("duty \"%s\": the name of its obligation is too long: %.100s…"),
                    p->duties[e->duty].id, id);
}

/* One period of one duty, on its way through the bearers. */
struct walk {
    const struct mst_programme *p;
    const struct mst_duty *duty;
    struct mst_expected expected;
    mst_expected_fn fn;
    void *context;
    struct mst_err *err;
};

void mst_schedule_counterpart(const struct mst_programme *p, struct mst_expected *e)
{
    e->counterpart_kind = p->duties[e->duty].counterpart;
    e->counterpart = SIZE_MAX;
    if (e->counterpart_kind == MST_COUNTERPART_LEAD) {
        size_t lead = e->group == SIZE_MAX ? SIZE_MAX : p->groups[e->group].lead;
        if (lead == SIZE_MAX || lead == e->bearer)
            e->counterpart_kind = MST_COUNTERPART_OFFICE;
        else
            e->counterpart = lead;
    }
    bool is_office =
        e->bearer == SIZE_MAX || (p->offices_count > 0 && p->offices[0].host == e->bearer);
    if (e->counterpart_kind == MST_COUNTERPART_OFFICE && is_office)
        e->counterpart_kind = MST_COUNTERPART_DIRECTOR;
}

static int emit(struct walk *walk, size_t bearer, size_t group, size_t area)
{
    struct mst_expected *e = &walk->expected;
    e->bearer = bearer;
    e->group = group;
    e->area = area;
    if (bearer != SIZE_MAX &&
        mst_unit_ended(&walk->p->units[bearer], mst_zone_day(walk->p->zone, e->dates.opens)))
        return 0;
    mst_schedule_counterpart(walk->p, e);
    int rc = check_id(walk->p, e, walk->err);
    return rc ? rc : walk->fn(walk->context, e);
}

int mst_schedule_event(const struct mst_programme *p, mst_day day, struct mst_expected *e,
                       struct mst_err *err)
{
    e->period = mst_period_once(day);
    e->area = SIZE_MAX;
    mst_schedule_counterpart(p, e);
    int rc = check_id(p, e, err);
    return rc ? rc : mst_schedule_dates(p, &p->duties[e->duty], &e->period, &e->dates, err);
}

/* For one bearer in one group: once, or once per focus area. */
static int emit_in_group(struct walk *walk, size_t bearer, size_t group)
{
    if (walk->duty->scope != MST_SCOPE_AREA)
        return emit(walk, bearer, group, SIZE_MAX);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < walk->p->groups[group].areas_count; i++)
        rc = emit(walk, bearer, group, i);
    return rc;
}

static int emit_group(struct walk *walk, size_t group)
{
    const struct mst_group *g = &walk->p->groups[group];
    enum mst_bearer_kind bearer = walk->duty->bearer;
    int rc = 0;
    if (bearer != MST_BEARER_MEMBERS && g->lead != SIZE_MAX)
        rc = emit_in_group(walk, g->lead, group);
    if (bearer == MST_BEARER_LEADS)
        return rc;
    for (size_t i = 0; rc == 0 && i < g->members_count; i++)
        rc = emit_in_group(walk, g->members[i], group);
    return rc;
}

static int emit_bearers(struct walk *walk)
{
    const struct mst_duty *duty = walk->duty;
    bool fixed_bearer = duty->bearer == MST_BEARER_UNIT || duty->bearer == MST_BEARER_OFFICE;
    size_t bearer = duty->bearer == MST_BEARER_UNIT ? duty->bearer_unit : SIZE_MAX;
    if (fixed_bearer && duty->scope != MST_SCOPE_GROUP && duty->scope != MST_SCOPE_AREA)
        return emit(walk, bearer, mst_programme_group_of(walk->p, bearer), SIZE_MAX);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < walk->p->groups_count; i++)
        rc = fixed_bearer ? emit_in_group(walk, bearer, i) : emit_group(walk, i);
    return rc;
}

static int first_period(const struct mst_programme *p, const struct mst_duty *duty,
                        struct mst_period *ret_period, struct mst_err *err)
{
    if (!duty->first || duty->period == MST_PERIOD_ONCE) {
        *ret_period = mst_period_containing(duty->period, p->fiscal_month, p->issued);
        return 0;
    }
    struct mst_period period;
    if (mst_period_parse(duty->first, p->fiscal_month, p->issued, &period, NULL) != 0 ||
        period.kind != duty->period)
        return mst_fail(err, MST_E_INVALID, _("duty \"%s\": its first period \"%s\" is no %s"),
                        duty->id, duty->first, mst_period_kind_word(duty->period));
    *ret_period = period;
    return 0;
}

/* Whether the period around a day opens at or after an instant. One that cannot be worked out
 * counts as one that does: the walk then comes to it and says what is wrong. */
static bool opens_from(const struct mst_programme *p, const struct mst_duty *duty, mst_day day,
                       mst_time from)
{
    mst_time opens;
    struct mst_period period = mst_period_containing(duty->period, p->fiscal_month, day);
    return opening_by_rule(p, duty, &period, &opens, NULL) != 0 || opens >= from;
}

/* Move *period, the duty's first, to the earliest that opens at or after an instant; false: none.
 */
static bool seek(const struct mst_programme *p, const struct mst_duty *duty, mst_time from,
                 struct mst_period *period)
{
    /* Nothing opens before the issue date: what the rules put there opens on it. */
    if (from <= mst_zone_midnight(p->zone, p->issued) || opens_from(p, duty, period->first, from))
        return true;
    if (duty->period == MST_PERIOD_ONCE || period->last == MST_DAY_LAST)
        return false;
    mst_day lo = period->first; /* opens before */
    mst_day hi = mst_zone_day(p->zone, from);
    if (hi <= lo)
        hi = lo + 1;
    int step = 32;
    while (!opens_from(p, duty, hi, from)) {
        if (hi == MST_DAY_LAST)
            return false;
        lo = hi;
        hi = MST_DAY_LAST - hi < step ? MST_DAY_LAST : hi + step;
        step *= 2;
    }
    for (step = 32; hi - lo > step && opens_from(p, duty, hi - step, from); step *= 2)
        hi -= step;
    if (hi - lo > step)
        lo = hi - step;
    while (hi - lo > 1) {
        mst_day mid = lo + (hi - lo) / 2;
        if (opens_from(p, duty, mid, from))
            hi = mid;
        else
            lo = mid;
    }
    *period = mst_period_containing(duty->period, p->fiscal_month, hi);
    return true;
}

int mst_schedule_opening(const struct mst_programme *p, size_t duty, mst_time from, mst_time to,
                         mst_expected_fn fn, void *context, struct mst_err *err)
{
    assert(duty < p->duties_count);
    struct walk walk = {.p = p,
                        .duty = &p->duties[duty],
                        .expected = {.duty = duty},
                        .fn = fn,
                        .context = context,
                        .err = err};
    struct mst_period *period = &walk.expected.period;
    mst_time issued = mst_zone_midnight(p->zone, p->issued);
    mst_time opens;
    int rc = first_period(p, walk.duty, period, err);
    if (rc != 0)
        return rc;
    if (!seek(p, walk.duty, from, period))
        return 0;
    for (;;) {
        rc = opening_by_rule(p, walk.duty, period, &opens, err);
        if (rc != 0 || later(opens, issued) >= to)
            return rc;
        rc = mst_schedule_dates(p, walk.duty, period, &walk.expected.dates, err);
        if (rc == 0)
            rc = emit_bearers(&walk);
        if (rc != 0 || period->kind == MST_PERIOD_ONCE || period->last == MST_DAY_LAST)
            return rc;
        *period = mst_period_next(period, p->fiscal_month);
    }
}

mst_time mst_schedule_next_opening(const struct mst_programme *p, mst_time from)
{
    mst_time issued = mst_zone_midnight(p->zone, p->issued);
    mst_time next = MST_NEVER;
    for (size_t i = 0; i < p->duties_count; i++) {
        const struct mst_duty *duty = &p->duties[i];
        struct mst_period period;
        mst_time opens;
        if (!duty->enforced || mst_duty_upon_event(duty) ||
            first_period(p, duty, &period, NULL) != 0)
            continue;
        if (!seek(p, duty, from, &period) || opening_by_rule(p, duty, &period, &opens, NULL) != 0)
            continue;
        if (later(opens, issued) < next)
            next = later(opens, issued);
    }
    return next;
}

/* The n-th working day on; for one who has been late for decades, in several goes. */
static mst_day far_working_day(const struct mst_programme *p, mst_day day, int64_t n)
{
    while (n != 0) {
        int64_t part = n > WORKING_DAYS_MAX    ? WORKING_DAYS_MAX
                       : n < -WORKING_DAYS_MAX ? -WORKING_DAYS_MAX
                                               : n;
        mst_day there = mst_calendar_add(p->calendar, day, (int)part);
        if (there == MST_DAY_NONE) {
            there = shift(day, n);
            return there != MST_DAY_NONE ? there : n < 0 ? MST_DAY_FIRST : MST_DAY_LAST;
        }
        day = there;
        n -= part;
    }
    return day;
}

mst_time mst_schedule_rung(const struct mst_programme *p, const struct mst_rung *rung,
                           mst_day due_day, mst_time grace_until, int repeat)
{
    int64_t n = rung->days + (int64_t)repeat * rung->repeat_days;
    if (rung->days < 0)
        return mst_zone_instant(p->zone, far_working_day(p, due_day, n), rung->at_ms);
    if (n == 0)
        return grace_until;
    mst_day last_of_grace = mst_zone_day(p->zone, grace_until) - 1;
    mst_day day = far_working_day(p, last_of_grace, n);
    return later(mst_zone_instant(p->zone, day, rung->at_ms), grace_until);
}

int mst_schedule_days_late(const struct mst_programme *p, mst_time grace_until, mst_time at)
{
    int days = mst_calendar_count(p->calendar, mst_zone_day(p->zone, grace_until),
                                  mst_zone_day(p->zone, at) + 1);
    return days > 0 ? days : 1;
}
