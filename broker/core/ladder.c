/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder: reminders before the deadline, the overdue fact at the end of grace, escalations and
 * nags after it. It runs only while the ball is with the bearer, which the caller sees to.
 *
 * Reminders are worth something only when they come, so those missed together (before the
 * obligation opened, or while nobody was there to send them) become one that says how many it
 * stands for; so do nags. Overdue and escalations are facts: each keeps its own instant.
 *
 * A rung with no audience on record falls through to the next at once, whose own instant then
 * passes silently. A reminder falls through to reminders only: nothing is overdue before its time.
 */
#include <assert.h>

#include "broker/core/inside.h"

/* The wire's own bound (messages.def). */
static const uint32_t missed_max = 255;

static const struct mst_ladder *ladder_of(const struct mst_core *core, const struct mst_slot *slot)
{
    const struct mst_duty *duty = mst_slot_duty(core, slot);
    return duty ? &core->programme->ladders[duty->ladder] : NULL;
}

static mst_time rung_at(struct mst_core *core, const struct mst_slot *slot,
                        const struct mst_rung *rung, uint32_t repeat)
{
    struct mst_deadline deadline = mst_obligation_deadline(core->programme, &slot->o);
    uint32_t mix = (uint32_t)deadline.day * 31u + (uint32_t)(rung->days + 64) * 7u + repeat +
                   slot->duty * 131u;
    struct mst_rung_memo *memo = &core->memos[mix % MST_RUNG_MEMOS];
    if (memo->rung != rung || memo->day != deadline.day || memo->until != deadline.until ||
        memo->repeat != repeat)
        *memo = (struct mst_rung_memo){
            .rung = rung,
            .day = deadline.day,
            .until = deadline.until,
            .repeat = repeat,
            .at =
                mst_schedule_rung(core->programme, rung, deadline.day, deadline.until, (int)repeat),
        };
    return memo->at;
}

/* What fires next: a rung, or a repetition of the last one. */
struct position {
    const struct mst_rung *rung; /* NULL: nothing */
    uint32_t repeat;             /* 0: the rung itself */
};

static struct position position_of(const struct mst_core *core, const struct mst_slot *slot)
{
    const struct mst_ladder *ladder = ladder_of(core, slot);
    if (!ladder || ladder->rungs_count == 0)
        return (struct position){0};
    if (slot->o.rung_next < ladder->rungs_count)
        return (struct position){.rung = &ladder->rungs[slot->o.rung_next]};
    const struct mst_rung *last = &ladder->rungs[ladder->rungs_count - 1];
    if (last->repeat_days <= 0)
        return (struct position){0};
    return (struct position){.rung = last, .repeat = slot->o.nags + 1};
}

/* A rung that lies before the opening fires at the opening. */
static mst_time instant_of(struct mst_core *core, const struct mst_slot *slot,
                           struct position position)
{
    mst_time at = rung_at(core, slot, position.rung, position.repeat);
    return at < slot->o.opens ? slot->o.opens : at;
}

mst_time mst_ladder_next(struct mst_core *core, const struct mst_slot *slot)
{
    struct position position = position_of(core, slot);
    return position.rung ? instant_of(core, slot, position) : MST_NEVER;
}

static void pass(struct mst_slot *slot, const struct position *position)
{
    if (position->repeat)
        slot->o.nags = position->repeat;
    else
        slot->o.rung_next++;
}

static const char *kind_of(const struct position *position)
{
    if (position->repeat)
        return "nag";
    if (position->rung->days < 0)
        return "reminder";
    return position->rung->level <= 1 ? "overdue" : "escalation";
}

/* Tell a rung's audiences; false when none is on record. */
static bool tell(struct mst_step *s, struct mst_slot *slot, struct position position,
                 mst_time instant, uint32_t missed)
{
    const struct mst_rung *rung = position.rung;
    /* Its instant passes; nobody is told, so that nobody has to hear of its end. */
    if (mst_silenced(s->core, &slot->o, s->now))
        return true;
    struct mst_address addresses[MST_AUDIENCES];
    size_t count = mst_audience_all(s->core, slot, rung->to, addresses);
    struct mst_alert_head head = {
        .kind = kind_of(&position),
        .rung = (uint32_t)(rung - ladder_of(s->core, slot)->rungs),
        .level = (uint32_t)rung->level,
        .occurrence = position.repeat,
        .missed = missed < missed_max ? missed : missed_max,
        .instant = instant,
    };
    /* Whoever is told of an open deadline should know that the bearer has asked for more time. */
    if (slot->o.extension_pending)
        head.reason = mst_text(N_("an extension is asked for and not yet decided"));
    for (size_t i = 0; i < count; i++)
        mst_alert_send(s, slot, &addresses[i], &head);
    if (count && rung->days >= 0) {
        slot->o.told |= rung->to;
        slot->o.overdue_told = true;
    }
    return count > 0;
}

/* Fire one position, falling through empty rungs to the next that has an audience. */
static void fire(struct mst_step *s, struct mst_slot *slot, struct position position,
                 mst_time instant, uint32_t missed)
{
    bool reminder = position.rung->days < 0;
    while (!tell(s, slot, position, instant, missed) && !s->failed) {
        if (position.repeat)
            return;
        position = position_of(s->core, slot);
        if (!position.rung || position.repeat || (position.rung->days < 0) != reminder)
            return;
        pass(slot, &position);
    }
}

void mst_ladder_fire(struct mst_step *s, struct mst_slot *slot)
{
    struct position position = position_of(s->core, slot);
    assert(position.rung);
    mst_time instant = instant_of(s->core, slot, position);
    uint32_t missed = 0;
    pass(slot, &position);
    while (position.rung->days < 0 || position.repeat) {
        struct position next = position_of(s->core, slot);
        if (!next.rung || (next.rung->days < 0) != (position.rung->days < 0))
            break;
        mst_time at = instant_of(s->core, slot, next);
        if (at > s->now || at >= slot->o.locks)
            break;
        position = next;
        instant = at;
        missed++;
        pass(slot, &position);
    }
    fire(s, slot, position, instant, missed);
}

void mst_ladder_skip(struct mst_step *s, struct mst_slot *slot, mst_time until, bool tell_overdue)
{
    for (;;) {
        struct position position = position_of(s->core, slot);
        if (!position.rung)
            return;
        mst_time instant = instant_of(s->core, slot, position);
        if (instant > until)
            return;
        pass(slot, &position);
        if (tell_overdue && position.rung->days >= 0) {
            tell_overdue = false;
            fire(s, slot, position, instant, 0);
        }
    }
}

void mst_ladder_restart(struct mst_step *s, struct mst_slot *slot, bool tell_overdue)
{
    struct mst_obligation *o = &slot->o;
    o->clock++;
    o->rung_next = 0;
    o->nags = 0;
    o->told = 0;
    o->overdue_told = false;
    o->acknowledged_at = 0;
    mst_ladder_skip(s, slot, s->now, tell_overdue);
}
