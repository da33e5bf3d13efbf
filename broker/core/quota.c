/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotas: at least so many meetings in a period, each shown by its minutes. The last one that is
 * needed closes the obligation and earns the verdict; those after it are counted, and change
 * nothing else. Two minutes of one date are one meeting: the later is a new version of the earlier.
 *
 * A pace only warns. It is looked at when a part of the period ends, and what was missed meanwhile
 * becomes one warning.
 */
#include <stdio.h>
#include <string.h>

#include "broker/core/events.h"
#include "proto/pack.h"

/* ---- minutes ---- */

/* The date of the meeting: inside the period, and not to come. */
static bool date_of(const struct mst_core *core, const struct mst_obligation *o,
                    struct mst_slice body, mst_time now, mst_day *ret_day)
{
    const struct mst_programme *p = core->programme;
    struct mst_slice date = mst_unpack_text(body, "date");
    struct mst_period period;
    char text[16];
    return date.data && date.len < sizeof text &&
           mst_day_parse(mst_slice_copy(date, text, sizeof text), ret_day, NULL) == 0 &&
           *ret_day <= mst_zone_day(p->zone, now) &&
           mst_period_parse(o->period, p->fiscal_month, p->issued, &period, NULL) == 0 &&
           *ret_day >= period.first && *ret_day <= period.last;
}

static bool counted_already(const struct mst_obligation *o, mst_day day)
{
    for (uint32_t i = 0; i < o->counted; i++) {
        if (o->minutes[i] == day)
            return true;
    }
    return false;
}

enum mst_code mst_quota_submit(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    mst_day day = MST_DAY_NONE;
    if (!date_of(s->core, o, move->body, s->now, &day)) {
        move->refused = "body.date: " N_("must lie within the period, and not ahead");
        return MST_R_FORM;
    }
    bool fresh = !counted_already(o, day);
    if (fresh && o->counted == MST_QUOTA_MAX)
        return MST_E_FULL;
    if (fresh)
        o->minutes[o->counted++] = day;
    bool settles =
        o->work == MST_WORK_RETURNED || (o->work == MST_WORK_AWAITING && o->counted >= o->needed);
    if (!settles) {
        mst_happen_version(s, o, move->row);
        mst_emit_transition(s, slot, "submit", o->work, move->actor.name, move->reason, s->now);
        return MST_OK;
    }
    mst_happen_settle(s, slot, move, "submit", MST_WORK_CLOSED);
    mst_happen_closed(s, slot, mst_text(NULL));
    return MST_OK;
}

/* The minutes filed last are none. What is lacking then is owed again. */
enum mst_code mst_quota_void(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    if (o->counted == 0)
        return MST_R_STATE;
    o->minutes[--o->counted] = 0;
    o->review_due = 0;
    o->correction_due = 0;
    bool enough = o->counted >= o->needed, was_closed = o->work != MST_WORK_AWAITING;
    mst_emit_transition(s, slot, "void", enough ? MST_WORK_CLOSED : MST_WORK_AWAITING,
                        move->actor.name, move->reason, s->now);
    if (!enough && was_closed) {
        o->closed_at = 0;
        mst_happen_annul(s, slot, move->actor.name);
        mst_ladder_restart(s, slot, s->now < o->locks);
    }
    mst_notice_send(s, slot, MST_NOTICE_VOIDED, MST_TO(CLERK), move->reason, s->now);
    return MST_OK;
}

/* ---- the pace ---- */

static int months_of(enum mst_period_kind kind)
{
    switch (kind) {
    case MST_PERIOD_YEAR:
        return 12;
    case MST_PERIOD_HALF:
        return 6;
    case MST_PERIOD_QUARTER:
        return 3;
    case MST_PERIOD_ONCE:
    case MST_PERIOD_MONTH:
    case MST_PERIOD_WEEK:
    case MST_PERIOD_DAY:
        break;
    }
    return 0;
}

/* The end of the k-th of n parts: of whole months where they come out even, else of days. */
static mst_time part_end(const struct mst_programme *p, const struct mst_period *period, int k,
                         int n)
{
    int months = months_of(period->kind);
    mst_day next = period->first + (mst_day)((int64_t)(period->last - period->first + 1) * k / n);
    if (months && months % n == 0)
        next = mst_day_add_months(period->first, k * (months / n));
    return mst_zone_midnight(p->zone, next);
}

/* The end of the part after those that have been looked at. */
static mst_time pace_at(const struct mst_core *core, const struct mst_slot *slot, uint32_t part)
{
    const struct mst_programme *p = core->programme;
    const struct mst_obligation *o = &slot->o;
    const struct mst_duty *duty = mst_slot_duty(core, slot);
    struct mst_period period;
    if (!duty || !duty->pace || part >= o->needed ||
        mst_period_parse(o->period, p->fiscal_month, p->issued, &period, NULL) != 0)
        return MST_NEVER;
    return part_end(p, &period, (int)part, (int)o->needed);
}

mst_time mst_quota_pace_next(const struct mst_core *core, const struct mst_slot *slot)
{
    const struct mst_obligation *o = &slot->o;
    if (o->kind != MST_DUTY_QUOTA || o->work != MST_WORK_AWAITING)
        return MST_NEVER;
    mst_time at = pace_at(core, slot, o->pace_told + 1);
    return at < o->opens ? o->opens : at;
}

void mst_quota_pace_tell(struct mst_step *s, struct mst_slot *slot)
{
    struct mst_obligation *o = &slot->o;
    uint32_t missed = 0;
    mst_time at = MST_NEVER;
    char text[32];
    for (; pace_at(s->core, slot, o->pace_told + 1) <= s->now; missed++)
        at = pace_at(s->core, slot, ++o->pace_told);
    /* What was over before it opened is nobody's fault. */
    if (at <= o->opens || o->counted >= o->pace_told || mst_silenced(s->core, o, s->now))
        return;
    snprintf(text, sizeof text, "%u/%u", (unsigned)o->counted, (unsigned)o->pace_told);
    mst_notice_send_nth(s, slot, MST_NOTICE_BEHIND_PACE, MST_TO(CLERK), o->pace_told, missed - 1,
                        mst_text(text), at);
}
