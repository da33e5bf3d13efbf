/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new version of the programme. What is owed already keeps its pinned rule and dates; only a
 * calendar or zone that has changed moves them: freely where the date was provisional, and
 * otherwise in the bearer's favour alone. A verdict that stands, an extension granted and a clock
 * of correction are left alone, and what belongs to a unit or duty that has gone stays as it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/events.h"

static bool calendar_changed(const struct mst_programme *p, const struct mst_obligation *o)
{
    return memcmp(o->calendar, p->calendar->digest, MST_DIGEST_BYTES) != 0 ||
           memcmp(o->zone, p->zone->digest, MST_DIGEST_BYTES) != 0;
}

/* The dates as the new calendar gives them; false where they are not to be looked at again. */
static bool recomputed(const struct mst_core *core, const struct mst_slot *slot,
                       struct mst_dates *ret_dates)
{
    const struct mst_programme *p = core->programme;
    const struct mst_obligation *o = &slot->o;
    const struct mst_duty *duty = mst_slot_duty(core, slot);
    struct mst_period period;
    return o->work == MST_WORK_AWAITING && o->verdict == MST_VERDICT_NONE && !o->locked &&
           o->due_revision == 0 && calendar_changed(p, o) && duty &&
           duty->version == o->rule_version && mst_obligation_period(p, o, &period) &&
           mst_schedule_dates(p, duty, &period, ret_dates, NULL) == 0 && ret_dates->applicable;
}

static bool takes(const struct mst_obligation *o, const struct mst_dates *dates, mst_time now)
{
    bool favours = dates->due >= o->due && dates->grace_until >= o->grace_until;
    if (o->provisional)
        return favours || dates->due > now;
    return favours && (dates->due > o->due || dates->grace_until > o->grace_until);
}

/* The notice that covers the year of the due date is why it moved. */
static void say_why(const struct mst_programme *p, mst_day due_day, char *text, size_t size)
{
    const struct mst_calendar *cal = p->calendar;
    int year = mst_civil_of(due_day).year;
    const char *notice = "";
    for (size_t i = 0; i < cal->years_count; i++) {
        if (cal->years[i].year == year && cal->years[i].notice)
            notice = cal->years[i].notice;
    }
    snprintf(text, size, "calendar %02x%02x%02x%02x%s%s", cal->digest[0], cal->digest[1],
             cal->digest[2], cal->digest[3], notice[0] ? ": " : "", notice);
}

void mst_dates_move(struct mst_step *s, struct mst_slot *slot, const struct mst_dates *dates,
                    const char *why)
{
    const struct mst_programme *p = s->core->programme;
    struct mst_obligation *o = &slot->o;
    bool moved = dates->due != o->due || dates->grace_until != o->grace_until;
    uint32_t told = o->told | MST_TO(CLERK);
    o->due_day = dates->due_day;
    o->due = o->original_due = dates->due;
    o->grace_until = o->original_grace_until = dates->grace_until;
    o->locks = dates->locks;
    o->provisional = dates->provisional;
    memcpy(o->calendar, p->calendar->digest, sizeof o->calendar);
    memcpy(o->zone, p->zone->digest, sizeof o->zone);
    mst_emit_transition(s, slot, "recompute", o->work, "programme", mst_text(why), s->now);
    if (!moved)
        return;
    mst_ladder_restart(s, slot, false);
    mst_notice_send(s, slot, MST_NOTICE_MOVED, told, mst_text(why), s->now);
}

static int add_if_ahead(void *context, const struct mst_expected *expected)
{
    struct mst_step *s = context;
    /* What has been due before anybody was told of it is owed by nobody. */
    if (expected->dates.due > s->now)
        mst_step_materialise(s, expected, s->now);
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct mst_slot *const *x = a, *const *y = b;
    return ((*x)->o.number > (*y)->o.number) - ((*x)->o.number < (*y)->o.number);
}

struct mst_slot **mst_slots_in_order(struct mst_step *s)
{
    const struct mst_table *t = &s->core->table;
    struct mst_slot **slots = malloc((t->count + 1) * sizeof *slots);
    if (!slots) {
        s->failed = true;
        return NULL;
    }
    for (uint32_t i = 0; i < t->count; i++)
        slots[i] = mst_table_at(t, i);
    qsort(slots, t->count, sizeof(struct mst_slot *), by_number);
    return slots;
}

void mst_rebase_apply(struct mst_step *s)
{
    struct mst_core *core = s->core;
    const struct mst_programme *p = core->programme;
    uint32_t count = core->table.count;
    struct mst_slot **slots = mst_slots_in_order(s);
    if (!slots)
        return;
    for (uint32_t i = 0; i < count; i++)
        mst_slot_resolve(core, slots[i]);
    for (uint32_t i = 0; i < count && !s->failed; i++) {
        struct mst_dates dates;
        char why[1025];
        mst_regroup(s, slots[i]);
        if (recomputed(core, slots[i], &dates) && takes(&slots[i]->o, &dates, s->now) &&
            mst_step_touch(s, slots[i])) {
            say_why(p, dates.due_day, why, sizeof why);
            mst_dates_move(s, slots[i], &dates, why);
        }
        mst_step_schedule(s, slots[i]);
    }
    free(slots);
    mst_time from = mst_zone_midnight(p->zone, p->issued);
    mst_succession_apply(s, from - 1, s->now);
    for (size_t d = 0; d < p->duties_count && !s->failed; d++)
        mst_walk_openings(core, d, from, s->now + 1, add_if_ahead, s);
}

/* ---- the explicit rebase of one obligation ---- */

/* By the rule in force, but not so soon that the bearer has less than the notice. */
static mst_day rebased_day(const struct mst_programme *p, const struct mst_dates *dates,
                           mst_time now)
{
    mst_day soonest = mst_zone_day(p->zone, mst_workdays_after(p, now, p->notice_days) - 1);
    return dates->due_day > soonest ? dates->due_day : soonest;
}

enum mst_code mst_event_rebase(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    const struct mst_programme *p = s->core->programme;
    const struct mst_duty *duty = mst_slot_duty(s->core, slot);
    struct mst_obligation *o = &slot->o;
    struct mst_period period;
    struct mst_dates dates;
    if (!duty || duty->kind != o->kind || o->verdict != MST_VERDICT_NONE ||
        duty->version == o->rule_version || !mst_obligation_period(p, o, &period) ||
        mst_schedule_dates(p, duty, &period, &dates, NULL) != 0)
        return MST_R_STATE;
    uint32_t told = o->told | MST_TO(CLERK);
    mst_day day = rebased_day(p, &dates, s->now);
    char why[64];
    snprintf(why, sizeof why, "%u -> %u", (unsigned)o->rule_version, (unsigned)duty->version);
    o->rule_version = duty->version;
    o->closing = duty->closing;
    if (o->kind == MST_DUTY_QUOTA)
        o->needed = (uint32_t)duty->quota;
    o->locks = dates.locks;
    mst_dates_extend(s->core, slot, day);
    if (day == dates.due_day) {
        o->grace_until = dates.grace_until;
        o->provisional = dates.provisional;
    }
    memcpy(o->calendar, p->calendar->digest, sizeof o->calendar);
    memcpy(o->zone, p->zone->digest, sizeof o->zone);
    o->due_revision++;
    o->extension_pending = false;
    o->extension_until = 0;
    mst_emit_transition(s, slot, "rebase", o->work, move->actor.name, move->reason, s->now);
    mst_ladder_restart(s, slot, false);
    mst_notice_send(s, slot, MST_NOTICE_MOVED, told, mst_text(why), s->now);
    return MST_OK;
}
