/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units that end, and units that move. What a unit owes when it merges or splits passes to the
 * named successor: its own obligation of that duty and period, or one that is made now with the
 * same dates. What is with the judge, locked or over stays what it is: the past is untouched. What
 * the successor does not owe at all is cancelled.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/events.h"

static mst_time end_of(const struct mst_programme *p, const struct mst_unit *unit)
{
    return unit->successors_count ? mst_zone_midnight(p->zone, unit->ended) : MST_NEVER;
}

mst_time mst_succession_next(const struct mst_programme *p, mst_time after)
{
    mst_time next = MST_NEVER;
    for (size_t i = 0; i < p->units_count; i++) {
        mst_time end = end_of(p, &p->units[i]);
        if (end > after && end < next)
            next = end;
    }
    return next;
}

/* ---- the successor's ---- */

static size_t area_of(const struct mst_group *group, const char *obligation)
{
    const char *last = strrchr(obligation, '/') + 1;
    for (size_t i = 0; group && i < group->areas_count; i++) {
        if (strcmp(group->areas[i].id, last) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* What the successor owes in the place of `o`; false: it does not owe such a thing. */
static bool expected_of(const struct mst_core *core, const struct mst_slot *slot, uint32_t unit,
                        struct mst_expected *ret_expected)
{
    const struct mst_programme *p = core->programme;
    const struct mst_duty *duty = mst_slot_duty(core, slot);
    const struct mst_obligation *o = &slot->o;
    bool upon_event = o->subject[0] != '\0';
    if (!duty || (!upon_event && !mst_unit_bears(core, duty, unit)))
        return false;
    /* What is owed upon an event stays with the group that it is about. */
    uint32_t group =
        upon_event || duty->bearer == MST_BEARER_UNIT ? slot->group : core->names.group_of[unit];
    struct mst_expected e = {
        .duty = slot->duty,
        .bearer = unit,
        .group = group == MST_NONE ? SIZE_MAX : group,
        .area = SIZE_MAX,
        .subject = upon_event ? o->subject : NULL,
        .dates = {.opens = o->opens,
                  .due_day = o->due_day,
                  .due = o->due,
                  .grace_until = o->grace_until,
                  .locks = o->locks,
                  .provisional = o->provisional,
                  .applicable = true},
    };
    if (duty->scope == MST_SCOPE_AREA)
        e.area = area_of(group == MST_NONE ? NULL : &p->groups[group], o->id);
    if (duty->scope == MST_SCOPE_AREA && e.area == SIZE_MAX)
        return false;
    if (!mst_obligation_period(p, o, &e.period))
        return false;
    mst_schedule_counterpart(p, &e);
    *ret_expected = e;
    return true;
}

static void pass_on(struct mst_step *s, struct mst_slot *slot, const struct mst_unit *unit,
                    mst_time at)
{
    struct mst_core *core = s->core;
    const struct mst_programme *p = core->programme;
    struct mst_expected expected;
    char id[MST_OBLIGATION_ID_MAX], why[160];
    snprintf(why, sizeof why, "%s: %s", unit->successors_count > 1 ? "split" : "merged",
             p->units[unit->successors[0]].id);
    struct mst_move move = {.actor = {.name = "programme"}, .reason = mst_text(why)};
    if (!mst_step_touch(s, slot))
        return;
    if (!expected_of(core, slot, (uint32_t)unit->successors[0], &expected)) {
        (void)mst_event_cancel(s, slot, &move);
        mst_tasks_follow(s, slot, move.actor.name);
        mst_step_schedule(s, slot);
        return;
    }
    mst_schedule_id(p, &expected, id);
    if (!mst_table_by_id(&core->table, mst_text(id))) {
        mst_step_materialise(s, &expected, at);
        struct mst_slot *made = mst_table_by_id(&core->table, mst_text(id));
        if (s->failed || !made)
            return;
        /* Its predecessor has been told of what lies behind; that it is overdue is told anew. */
        mst_ladder_skip(s, made, at, true);
        mst_step_schedule(s, made);
    }
    move.successor = id;
    if (mst_superseded_by(core, mst_table_by_id(&core->table, mst_text(id)), slot))
        (void)mst_event_cancel(s, slot, &move);
    else
        mst_happen_supersede(s, slot, &move);
    mst_tasks_follow(s, slot, move.actor.name);
    mst_step_schedule(s, slot);
}

/* What a unit that has ended owned is its first successor's. A right to read others is not passed
 * on: it was given to that unit, for its reason. */
static void pass_items_on(struct mst_step *s, mst_time after, mst_time until)
{
    const struct mst_core *core = s->core;
    const struct mst_programme *p = core->programme;
    for (uint32_t i = 0; i < core->items.count && !s->failed; i++) {
        struct mst_item *item = &core->items.all[i]->item;
        uint32_t owner = mst_names_unit(&core->names, p, mst_text(item->owner));
        mst_time end = owner == MST_NONE ? MST_NEVER : end_of(p, &p->units[owner]);
        if (item->kind == MST_ITEM_GRANT || end <= after || end > until || !mst_item_touch(s, item))
            continue;
        snprintf(item->owner, sizeof item->owner, "%s", p->units[p->units[owner].successors[0]].id);
        mst_item_move(s, item, "pass-on", item->state, "programme", mst_text(p->units[owner].id));
    }
}

void mst_succession_apply(struct mst_step *s, mst_time after, mst_time until)
{
    const struct mst_programme *p = s->core->programme;
    if (mst_succession_next(p, after) > until)
        return;
    pass_items_on(s, after, until);
    uint32_t count = s->core->table.count;
    struct mst_slot **slots = mst_slots_in_order(s);
    for (uint32_t i = 0; slots && i < count && !s->failed; i++) {
        const struct mst_slot *slot = slots[i];
        if (slot->bearer == MST_NONE)
            continue;
        const struct mst_unit *unit = &p->units[slot->bearer];
        mst_time end = end_of(p, unit);
        if (end > after && end <= until && mst_obligation_ball_with_bearer(&slot->o) &&
            !slot->o.locked)
            pass_on(s, slots[i], unit, until);
    }
    free(slots);
}

/* ---- moves between groups ---- */

static const char *group_id(const struct mst_programme *p, size_t group)
{
    return group == SIZE_MAX ? "" : p->groups[group].id;
}

/* A post stays with its unit even while it is filled. */
static bool is_open(const struct mst_obligation *o)
{
    return mst_obligation_ball_with_bearer(o) || o->kind == MST_DUTY_POST ||
           o->work == MST_WORK_SUBMITTED || o->work == MST_WORK_UNDER_REVIEW;
}

void mst_regroup(struct mst_step *s, struct mst_slot *slot)
{
    struct mst_core *core = s->core;
    const struct mst_programme *p = core->programme;
    const struct mst_duty *duty = mst_slot_duty(core, slot);
    struct mst_obligation *o = &slot->o;
    /* What a named unit owes to a group stays with that group. */
    if (!is_open(o) || !duty || o->subject[0] || slot->bearer == MST_NONE ||
        duty->bearer == MST_BEARER_UNIT || duty->scope == MST_SCOPE_AREA ||
        !mst_unit_bears(core, duty, slot->bearer))
        return;
    struct mst_expected e = {
        .duty = slot->duty, .bearer = slot->bearer, .group = core->names.group_of[slot->bearer]};
    mst_schedule_counterpart(p, &e);
    const char *group = group_id(p, e.group);
    const char *lead = e.counterpart == SIZE_MAX ? "" : p->units[e.counterpart].id;
    /* Who judges is the rule's, which is pinned: only one lead takes another's place. */
    bool relead = o->counterpart[0] && lead[0] && strcmp(o->counterpart, lead) != 0;
    if ((strcmp(o->group, group) == 0 && !relead) || !mst_step_touch(s, slot))
        return;
    char why[256];
    snprintf(why, sizeof why, "%s %s -> %s %s", o->group, o->counterpart, group, lead);
    snprintf(o->group, sizeof o->group, "%s", group);
    if (relead)
        snprintf(o->counterpart, sizeof o->counterpart, "%s", lead);
    mst_slot_resolve(core, slot);
    mst_emit_transition(s, slot, "regroup", o->work, "programme", mst_text(why), s->now);
}
