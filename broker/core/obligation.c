/* SPDX-License-Identifier: Apache-2.0 */
/* An obligation's words, and what time makes of it. Computes only; nothing here moves anything. */
#include "broker/core/obligation.h"

#include <string.h>

#include "broker/core/inside.h"

const char *mst_work_word(enum mst_work work)
{
    static const char *const words[MST_WORKS] = {
        [MST_WORK_AWAITING] = "awaiting",
        [MST_WORK_SUBMITTED] = "submitted",
        [MST_WORK_UNDER_REVIEW] = "under-review",
        [MST_WORK_RETURNED] = "returned",
        [MST_WORK_CLOSED] = "closed",
        [MST_WORK_WAIVED] = "waived",
        [MST_WORK_SUPERSEDED] = "superseded",
        [MST_WORK_CANCELLED] = "cancelled",
        [MST_WORK_NOT_APPLICABLE] = "not-applicable",
    };
    return words[work];
}

const char *mst_phase_word(enum mst_phase phase)
{
    static const char *const words[MST_PHASES] = {
        [MST_PHASE_UPCOMING] = "upcoming", [MST_PHASE_OPEN] = "open",
        [MST_PHASE_DUE_SOON] = "due-soon", [MST_PHASE_GRACE] = "grace",
        [MST_PHASE_OVERDUE] = "overdue",   [MST_PHASE_ESCALATED] = "escalated",
        [MST_PHASE_LOCKED] = "locked",
    };
    return words[phase];
}

const char *mst_verdict_word(enum mst_verdict verdict)
{
    static const char *const words[MST_VERDICTS] = {
        [MST_VERDICT_NONE] = "",
        [MST_VERDICT_ON_TIME] = "on-time",
        [MST_VERDICT_ON_TIME_ATTESTED] = "on-time-attested",
        [MST_VERDICT_IN_GRACE] = "in-grace",
        [MST_VERDICT_LATE] = "late",
        [MST_VERDICT_MISSING] = "missing",
    };
    return words[verdict];
}

bool mst_obligation_ball_with_bearer(const struct mst_obligation *o)
{
    return o->work == MST_WORK_AWAITING || o->work == MST_WORK_RETURNED;
}

bool mst_obligation_correcting(const struct mst_obligation *o)
{
    return o->correction_due && (o->work == MST_WORK_RETURNED ||
                                 (o->kind == MST_DUTY_POST && o->work == MST_WORK_AWAITING));
}

const struct mst_holder *mst_obligation_holder(const struct mst_obligation *o, const char *post)
{
    for (uint32_t i = 0; i < o->holders_count; i++) {
        const struct mst_holder *h = &o->holders[i];
        if (h->until == 0 && strcmp(h->post, post) == 0)
            return h;
    }
    return NULL;
}

struct mst_deadline mst_obligation_deadline(const struct mst_programme *p,
                                            const struct mst_obligation *o)
{
    if (mst_obligation_correcting(o))
        return (struct mst_deadline){
            .day = mst_zone_day(p->zone, o->correction_due - 1),
            .due = o->correction_due,
            .until = o->correction_due,
        };
    return (struct mst_deadline){.day = o->due_day, .due = o->due, .until = o->grace_until};
}

/* The instant at which the bearer's clock is read: it stands still while the ball is elsewhere. */
static mst_time clock_at(const struct mst_obligation *o, mst_time now)
{
    if (mst_obligation_ball_with_bearer(o))
        return now;
    mst_time stopped = o->versions_count ? o->latest.at : o->changed_at;
    return stopped < now ? stopped : now;
}

static const struct mst_ladder *ladder_of(const struct mst_programme *p,
                                          const struct mst_obligation *o)
{
    size_t duty = mst_programme_duty(p, o->duty);
    return duty == SIZE_MAX ? NULL : &p->ladders[p->duties[duty].ladder];
}

/* The level of the highest rung reached after the end of grace, 1 at least. */
static int level_at(const struct mst_programme *p, const struct mst_ladder *ladder,
                    const struct mst_deadline *deadline, mst_time at)
{
    int level = 1;
    for (size_t i = 0; ladder && i < ladder->rungs_count; i++) {
        const struct mst_rung *rung = &ladder->rungs[i];
        if (rung->days >= 0 && rung->level > level &&
            mst_schedule_rung(p, rung, deadline->day, deadline->until, 0) <= at)
            level = rung->level;
    }
    return level;
}

static bool due_soon(const struct mst_programme *p, const struct mst_ladder *ladder,
                     const struct mst_deadline *deadline, mst_time at)
{
    for (size_t i = 0; ladder && i < ladder->rungs_count; i++) {
        const struct mst_rung *rung = &ladder->rungs[i];
        if (rung->days < 0 && mst_schedule_rung(p, rung, deadline->day, deadline->until, 0) <= at)
            return true;
    }
    return false;
}

bool mst_obligation_period(const struct mst_programme *p, const struct mst_obligation *o,
                           struct mst_period *ret_period)
{
    if (!o->subject[0])
        return mst_period_parse(o->period, p->fiscal_month, p->issued, ret_period, NULL) == 0;
    *ret_period = mst_period_once(o->event_day);
    return true;
}

enum mst_phase mst_obligation_phase(const struct mst_programme *p, const struct mst_obligation *o,
                                    mst_time now, int *ret_level)
{
    const struct mst_ladder *ladder = ladder_of(p, o);
    struct mst_deadline deadline = mst_obligation_deadline(p, o);
    mst_time at = clock_at(o, now);
    int level = 0;
    enum mst_phase phase;
    if (o->work == MST_WORK_NOT_APPLICABLE) {
        phase = MST_PHASE_UPCOMING; /* its clock never starts */
    } else if (o->locked || (mst_obligation_ball_with_bearer(o) && at >= o->locks)) {
        phase = MST_PHASE_LOCKED;
        level = level_at(p, ladder, &deadline, at);
    } else if (at < o->opens) {
        phase = MST_PHASE_UPCOMING;
    } else if (at < deadline.due) {
        phase = due_soon(p, ladder, &deadline, at) ? MST_PHASE_DUE_SOON : MST_PHASE_OPEN;
    } else if (at < deadline.until) {
        phase = MST_PHASE_GRACE;
    } else {
        level = level_at(p, ladder, &deadline, at);
        phase = level > 1 ? MST_PHASE_ESCALATED : MST_PHASE_OVERDUE;
    }
    if (ret_level)
        *ret_level = level;
    return phase;
}

bool mst_obligation_phase_tells(enum mst_phase phase, const struct mst_obligation *o)
{
    bool ended = o->work >= MST_WORK_CLOSED;
    return !ended && (phase < MST_PHASE_DUE_SOON || phase > MST_PHASE_ESCALATED ||
                      mst_obligation_ball_with_bearer(o));
}

const char *mst_obligation_phase_word(const struct mst_programme *p, const struct mst_obligation *o,
                                      mst_time now)
{
    enum mst_phase phase = mst_obligation_phase(p, o, now, NULL);
    return mst_obligation_phase_tells(phase, o) ? mst_phase_word(phase) : "";
}
