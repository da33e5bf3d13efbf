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

#include "broker/core/inside.h"

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
           duty->version == o->rule_version &&
           mst_period_parse(o->period, p->fiscal_month, p->issued, &period, NULL) == 0 &&
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

static void move_dates(struct mst_step *s, struct mst_slot *slot, const struct mst_dates *dates)
{
    const struct mst_programme *p = s->core->programme;
    struct mst_obligation *o = &slot->o;
    bool moved = dates->due != o->due || dates->grace_until != o->grace_until;
    uint32_t told = o->told | MST_TO(CLERK);
    char why[1025];
    say_why(p, dates->due_day, why, sizeof why);
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

/* All slots in order of materialisation: after a restart the table's own order is another. */
static struct mst_slot **in_order(const struct mst_table *t)
{
    struct mst_slot **slots = malloc((t->count + 1) * sizeof *slots);
    if (!slots)
        return NULL;
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
    struct mst_slot **slots = in_order(&core->table);
    if (!slots) {
        s->failed = true;
        return;
    }
    for (uint32_t i = 0; i < count && !s->failed; i++) {
        struct mst_dates dates;
        mst_slot_resolve(core, slots[i]);
        if (recomputed(core, slots[i], &dates) && takes(&slots[i]->o, &dates, s->now) &&
            mst_step_touch(s, slots[i]))
            move_dates(s, slots[i], &dates);
        mst_step_schedule(s, slots[i]);
    }
    free(slots);
    mst_time from = mst_zone_midnight(p->zone, p->issued);
    for (size_t d = 0; d < p->duties_count && !s->failed; d++)
        mst_walk_openings(core, d, from, s->now + 1, add_if_ahead, s);
}
