/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts, and the dates that move after materialisation. All bounds are half-open: the first
 * millisecond of the next day is late. A verdict that stands is never rewritten here.
 */
#include "broker/core/inside.h"

/* A report that was held up by our own downtime counts only if it comes this soon after its end. */
static const mst_time attested_within_ms = 60 * 60 * 1000;

enum mst_verdict mst_verdict_of(const struct mst_programme *p, mst_time due, mst_time grace_until,
                                mst_time at, int *ret_days_late)
{
    *ret_days_late = 0;
    if (at < due)
        return MST_VERDICT_ON_TIME;
    if (at < grace_until)
        return MST_VERDICT_IN_GRACE;
    *ret_days_late = mst_schedule_days_late(p, grace_until, at);
    return MST_VERDICT_LATE;
}

/* Was the broker down at this instant, by its own record, and is this soon after it came back? */
static bool down_at(const struct mst_core *core, mst_time instant, mst_time now)
{
    for (size_t i = 0; i < core->downs_count; i++) {
        const struct mst_down *down = &core->downs[i];
        if (down->from <= instant && instant < down->to && now >= down->to &&
            now - down->to <= attested_within_ms)
            return true;
    }
    return false;
}

/*
 * The agent's clock is evidence, not a deadline's instant: it is believed only where the broker's
 * own ledger says that it was not there to take the report.
 */
static enum mst_verdict attested(const struct mst_core *core, const struct mst_obligation *o,
                                 mst_time claimed, mst_time now, enum mst_verdict by_arrival)
{
    if (core->programme->unattested)
        return by_arrival;
    if (now >= o->due && claimed < o->due && down_at(core, o->due, now))
        return MST_VERDICT_ON_TIME_ATTESTED;
    if (now >= o->grace_until && claimed < o->grace_until && down_at(core, o->grace_until, now))
        return MST_VERDICT_IN_GRACE;
    return by_arrival;
}

void mst_verdict_stamp(struct mst_step *s, struct mst_slot *slot, mst_time claimed)
{
    struct mst_obligation *o = &slot->o;
    if (o->verdict != MST_VERDICT_NONE)
        return;
    int days = 0;
    enum mst_verdict verdict =
        mst_verdict_of(s->core->programme, o->due, o->grace_until, s->now, &days);
    o->verdict = attested(s->core, o, claimed, s->now, verdict);
    o->days_late = o->verdict == MST_VERDICT_LATE ? days : 0;
    o->decided_at = s->now;
    mst_emit_verdict(s, slot);
}

enum mst_verdict mst_obligation_original_verdict(const struct mst_programme *p,
                                                 const struct mst_obligation *o, int *ret_days_late)
{
    *ret_days_late = o->days_late;
    if (o->due_revision == 0 || o->versions_count == 0 || o->verdict == MST_VERDICT_NONE ||
        o->verdict == MST_VERDICT_MISSING)
        return o->verdict;
    /* Records of before have no such field. */
    mst_time at = o->decided_at ? o->decided_at : o->versions[0].at;
    return mst_verdict_of(p, o->original_due, o->original_grace_until, at, ret_days_late);
}

mst_time mst_workdays_after(const struct mst_programme *p, mst_time from, int n)
{
    mst_day day = mst_calendar_add(p->calendar, mst_zone_day(p->zone, from), n);
    return day == MST_DAY_NONE ? MST_NEVER : mst_zone_midnight(p->zone, day + 1);
}

static mst_time later(mst_time a, mst_time b)
{
    return a > b ? a : b;
}

/* The end of grace that a rule gives to another last day; a date named by the rule stays itself. */
static mst_time grace_after(const struct mst_programme *p, const struct mst_obligation *o,
                            const struct mst_duty *duty, mst_day day)
{
    mst_time due = mst_zone_midnight(p->zone, day + 1);
    if (!duty)
        return due;
    switch (duty->grace.kind) {
    case MST_GRACE_WORKING_DAYS:
        return later(due, mst_workdays_after(p, due - 1, duty->grace.n));
    case MST_GRACE_DAYS:
        return mst_zone_midnight(p->zone, day + 1 + duty->grace.n);
    case MST_GRACE_THROUGH:
        return later(due, o->original_grace_until);
    case MST_GRACE_NONE:
        break;
    }
    return due;
}

void mst_dates_extend(const struct mst_core *core, struct mst_slot *slot, mst_day day)
{
    const struct mst_programme *p = core->programme;
    const struct mst_duty *duty = mst_slot_duty(core, slot);
    struct mst_obligation *o = &slot->o;
    o->due_day = day;
    o->due = mst_zone_midnight(p->zone, day + 1);
    o->grace_until = grace_after(p, o, duty, day);
    o->provisional = !mst_calendar_covers(p->calendar, day, day);
    if (o->locks != MST_NEVER && duty)
        o->locks = later(o->locks, mst_workdays_after(p, o->due - 1, duty->lock_days));
    if (o->locks != MST_NEVER)
        o->locks = later(o->locks, o->grace_until);
}
