/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine itself: life, time, and the step that ties them together. It knows nothing of duties'
 * meaning; ladder.c, events.c and reports.c do.
 */
#include "broker/core/core.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/inside.h"

/* ---- life ---- */

struct mst_core *mst_core_new(struct mst_programme *programme, mst_time from)
{
    struct mst_core *core = calloc(1, sizeof *core);
    if (!core || mst_names_init(&core->names, programme)) {
        free(core);
        return NULL;
    }
    core->programme = mst_programme_ref(programme);
    core->next_opening = mst_schedule_next_opening(programme, from);
    core->next_succession = mst_succession_next(programme, from - 1);
    core->next_old = core->next_expiry = MST_NEVER;
    return core;
}

void mst_core_free(struct mst_core *core)
{
    if (!core)
        return;
    mst_effects_done(&core->pending);
    mst_heap_done(&core->heap);
    mst_table_done(&core->table);
    mst_items_done(&core->items);
    mst_names_done(&core->names);
    mst_programme_unref(core->programme);
    free(core->touched);
    free(core);
}

static bool holds_contacts(const struct mst_duty *duty)
{
    return mst_duty_post(duty, "deputy") || mst_duty_post(duty, "head");
}

const struct mst_slot *mst_core_contacts(const struct mst_core *core, uint32_t unit)
{
    uint32_t index = unit == MST_NONE ? 0 : core->names.contacts[unit];
    return index ? mst_table_at(&core->table, index - 1) : NULL;
}

void mst_slot_resolve(struct mst_core *core, struct mst_slot *slot)
{
    const struct mst_programme *p = core->programme;
    const struct mst_obligation *o = &slot->o;
    slot->duty = mst_names_duty(p, mst_text(o->duty));
    slot->bearer = mst_names_unit(&core->names, p, mst_text(o->bearer));
    slot->counterpart = mst_names_unit(&core->names, p, mst_text(o->counterpart));
    slot->group = slot->bearer == MST_NONE ? MST_NONE : core->names.group_of[slot->bearer];
    /* Mostly it is the bearer's own; a unit outside may owe something to a group. */
    if (o->group[0] &&
        (slot->group == MST_NONE || strcmp(p->groups[slot->group].id, o->group) != 0)) {
        size_t group = mst_programme_group(p, o->group);
        slot->group = group == SIZE_MAX ? MST_NONE : (uint32_t)group;
    }
    if (slot->bearer == MST_NONE || !holds_contacts(mst_slot_duty(core, slot)))
        return;
    const struct mst_slot *other = mst_core_contacts(core, slot->bearer);
    if (!other || other->o.number < o->number)
        core->names.contacts[slot->bearer] = slot->index + 1;
}

const struct mst_duty *mst_slot_duty(const struct mst_core *core, const struct mst_slot *slot)
{
    return slot->duty == MST_NONE ? NULL : &core->programme->duties[slot->duty];
}

/* When the slot has to be looked at next. */
static mst_time next_of(struct mst_core *core, const struct mst_slot *slot)
{
    const struct mst_obligation *o = &slot->o;
    if (mst_obligation_ball_with_bearer(o)) {
        if (o->locked)
            return MST_NEVER;
        mst_time rung = mst_ladder_next(core, slot), pace = mst_quota_pace_next(core, slot);
        mst_time next = rung < pace ? rung : pace;
        return next <= o->locks ? next : o->locks;
    }
    bool judged = o->work == MST_WORK_SUBMITTED || o->work == MST_WORK_UNDER_REVIEW;
    return judged && o->review_due && !o->review_told ? o->review_due : MST_NEVER;
}

static void schedule(struct mst_core *core, struct mst_slot *slot)
{
    slot->next = next_of(core, slot);
    mst_heap_place(&core->heap, slot);
}

void mst_step_schedule(struct mst_step *s, struct mst_slot *slot)
{
    if (!s->failed)
        schedule(s->core, slot);
}

int mst_core_restore(struct mst_core *core, const struct mst_obligation *o, struct mst_err *err)
{
    if (mst_table_by_id(&core->table, mst_text(o->id)))
        return mst_fail_on(err, MST_E_EXISTS, o->id);
    struct mst_slot *slot = NULL;
    if (mst_heap_reserve(&core->heap, core->table.count + 1) ||
        !(slot = mst_table_add(&core->table, o)))
        return mst_fail_on(err, MST_E_NOMEM, o->id);
    if (o->number > core->number_last)
        core->number_last = o->number;
    mst_slot_resolve(core, slot);
    schedule(core, slot);
    return 0;
}

void mst_core_restore_now(struct mst_core *core, mst_time now)
{
    core->now = now;
    core->next_opening = mst_schedule_next_opening(core->programme, now + 1);
    core->next_succession = mst_succession_next(core->programme, now);
}

void mst_core_restore_down(struct mst_core *core, mst_time from, mst_time to)
{
    if (core->downs_count == MST_DOWNS_MAX) {
        /* Only the last hour's are of any use, and the latest. */
        memmove(core->downs, core->downs + 1, (MST_DOWNS_MAX - 1) * sizeof core->downs[0]);
        core->downs_count--;
    }
    core->downs[core->downs_count++] = (struct mst_down){.from = from, .to = to};
}

/* ---- what a step changes, and how it is undone ---- */

bool mst_step_touch(struct mst_step *s, struct mst_slot *slot)
{
    struct mst_core *core = s->core;
    if (s->failed)
        return false;
    if (slot->touched != MST_NONE)
        return true;
    if (core->touched_count == core->touched_cap) {
        size_t cap = core->touched_cap ? core->touched_cap * 2 : 16;
        struct mst_touched *items = realloc(core->touched, cap * sizeof *items);
        if (!items) {
            s->failed = true;
            return false;
        }
        core->touched = items;
        core->touched_cap = cap;
    }
    slot->touched = (uint32_t)core->touched_count++;
    struct mst_touched *touched = &core->touched[slot->touched];
    touched->index = slot->index;
    touched->fresh = false;
    memcpy(&touched->before, &slot->o, sizeof touched->before);
    return true;
}

/* What a step may change besides obligations. */
struct checkpoint {
    uint32_t table_count;
    uint64_t number_last;
    mst_time now, next_opening, next_succession;
    struct mst_down downs[MST_DOWNS_MAX];
    size_t downs_count;
};

static struct checkpoint checkpoint_of(const struct mst_core *core)
{
    struct checkpoint c = {
        .table_count = core->table.count,
        .number_last = core->number_last,
        .now = core->now,
        .next_opening = core->next_opening,
        .next_succession = core->next_succession,
        .downs_count = core->downs_count,
    };
    memcpy(c.downs, core->downs, sizeof c.downs);
    return c;
}

static void forget_touched(struct mst_core *core)
{
    for (size_t i = 0; i < core->touched_count; i++) {
        uint32_t index = core->touched[i].index;
        if (index < core->table.count)
            mst_table_at(&core->table, index)->touched = MST_NONE;
    }
    core->touched_count = 0;
}

/* Needs no memory: everything it fills again has been as large before. */
static void undo(struct mst_core *core, const struct checkpoint *c)
{
    mst_effects_clear(&core->pending);
    mst_heap_clear(&core->heap);
    mst_table_cut(&core->table, c->table_count);
    for (size_t i = 0; i < core->touched_count; i++) {
        const struct mst_touched *touched = &core->touched[i];
        if (touched->index < c->table_count)
            memcpy(&mst_table_at(&core->table, touched->index)->o, &touched->before,
                   sizeof touched->before);
    }
    forget_touched(core);
    mst_items_undo(&core->items);
    if (core->state_touched)
        core->state = core->state_before;
    core->state_touched = false;
    core->number_last = c->number_last;
    core->now = c->now;
    core->next_opening = c->next_opening;
    core->next_succession = c->next_succession;
    memcpy(core->downs, c->downs, sizeof core->downs);
    core->downs_count = c->downs_count;
    mst_difficulties_reckon(core);
    mst_grants_reckon(core);
    memset(core->names.contacts, 0, core->programme->units_count * sizeof *core->names.contacts);
    for (uint32_t i = 0; i < core->table.count; i++) {
        struct mst_slot *slot = mst_table_at(&core->table, i);
        mst_slot_resolve(core, slot);
        schedule(core, slot);
    }
}

static void append(struct mst_effects *effects, const struct mst_effect *e)
{
    effects->items[effects->count++] = *e;
}

/*
 * Snapshots first, then what time brought, oldest first, then the input's own: what moved, the
 * answer, and last the alerts that mention it. `own`: where the input's effects begin.
 */
static bool deliver(struct mst_core *core, size_t own, struct mst_effects *effects)
{
    struct mst_effects *pending = &core->pending;
    const struct mst_items *items = &core->items;
    if (!mst_effects_reserve(effects,
                             1 + core->touched_count + items->touched_count + pending->count))
        return false;
    /* A difference in padding would only store a snapshot more, here as below.
     * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    if (core->state_touched && memcmp(&core->state, &core->state_before, sizeof core->state) != 0)
        append(effects, &(struct mst_effect){.kind = MST_EFFECT_STATE});
    core->state_touched = false;
    for (size_t i = 0; i < core->touched_count; i++) {
        const struct mst_touched *touched = &core->touched[i];
        const struct mst_obligation *o = &mst_table_at(&core->table, touched->index)->o;
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): as above */
        if (touched->fresh || memcmp(&touched->before, o, sizeof *o) != 0)
            append(effects, &(struct mst_effect){.kind = MST_EFFECT_OBLIGATION, .u.obligation = o});
    }
    for (uint32_t i = 0; i < items->touched_count; i++)
        append(effects, &(struct mst_effect){.kind = MST_EFFECT_ITEM,
                                             .u.item = &items->touched[i].slot->item});
    for (size_t i = 0; i < own; i++)
        append(effects, &pending->items[i]);
    static const unsigned order[] = {1u << MST_EFFECT_TRANSITION | 1u << MST_EFFECT_ITEM_MOVE,
                                     1u << MST_EFFECT_ACCEPTED, 1u << MST_EFFECT_REFUSED,
                                     1u << MST_EFFECT_ALERT};
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
        for (size_t i = own; i < pending->count; i++) {
            if (order[k] & 1u << pending->items[i].kind)
                append(effects, &pending->items[i]);
        }
    }
    mst_items_keep(&core->items);
    pending->count = 0; /* what they own has moved over */
    forget_touched(core);
    return true;
}

/* ---- time ---- */

static void copy_id(char dst[MST_ID_MAX], const char *id)
{
    snprintf(dst, MST_ID_MAX, "%s", id);
}

static struct mst_obligation obligation_of(const struct mst_core *core,
                                           const struct mst_expected *e)
{
    const struct mst_programme *p = core->programme;
    const struct mst_duty *duty = &p->duties[e->duty];
    struct mst_obligation o;
    memset(&o, 0, sizeof o);
    mst_schedule_id(p, e, o.id);
    copy_id(o.duty, duty->id);
    memcpy(o.period, e->period.key, sizeof o.period);
    copy_id(o.bearer, e->bearer == SIZE_MAX ? "" : p->units[e->bearer].id);
    snprintf(o.subject, sizeof o.subject, "%s", e->subject ? e->subject : "");
    o.event_day = e->subject ? e->period.first : 0;
    copy_id(o.group, e->group == SIZE_MAX ? "" : p->groups[e->group].id);
    copy_id(o.counterpart, e->counterpart == SIZE_MAX ? "" : p->units[e->counterpart].id);
    o.number = core->number_last + 1;
    o.director = e->counterpart_kind == MST_COUNTERPART_DIRECTOR;
    o.closing = duty->closing;
    o.kind = duty->kind;
    if (duty->kind == MST_DUTY_QUOTA)
        o.needed = (uint32_t)duty->quota;
    else if (duty->kind == MST_DUTY_POST)
        o.needed = duty->posts_count ? (uint32_t)duty->posts_count : 1;
    o.rule_version = duty->version;
    memcpy(o.calendar, p->calendar->digest, sizeof o.calendar);
    memcpy(o.zone, p->zone->digest, sizeof o.zone);
    o.provisional = e->dates.provisional;
    o.opens = e->dates.opens;
    o.original_due = o.due = e->dates.due;
    o.original_grace_until = o.grace_until = e->dates.grace_until;
    o.due_day = e->dates.due_day;
    o.locks = e->dates.locks;
    o.work = MST_WORK_AWAITING;
    return o;
}

void mst_step_materialise(struct mst_step *s, const struct mst_expected *expected, mst_time instant)
{
    struct mst_core *core = s->core;
    struct mst_obligation o = obligation_of(core, expected);
    const struct mst_duty *duty = &core->programme->duties[expected->duty];
    if (s->failed || !duty->enforced || mst_table_by_id(&core->table, mst_text(o.id)))
        return;
    struct mst_slot *slot = NULL;
    if (mst_heap_reserve(&core->heap, core->table.count + 1) ||
        !(slot = mst_table_add(&core->table, &o))) {
        s->failed = true;
        return;
    }
    core->number_last++;
    mst_slot_resolve(core, slot);
    if (!mst_step_touch(s, slot))
        return;
    core->touched[slot->touched].fresh = true;
    bool applies = expected->dates.applicable;
    mst_emit_transition(s, slot, "materialise",
                        applies ? MST_WORK_AWAITING : MST_WORK_NOT_APPLICABLE, "clock",
                        mst_text(applies ? NULL : expected->dates.reason), instant);
    mst_step_schedule(s, slot);
}

/* A duty without dates in some period (beyond the year 9999, say) is owed by nobody in it: the
 * loader has told of it, and time goes on. */
void mst_walk_openings(const struct mst_core *core, size_t duty, mst_time from, mst_time to,
                       mst_expected_fn fn, void *context)
{
    const struct mst_programme *p = core->programme;
    bool by_calendar = p->duties[duty].enforced && !mst_duty_upon_event(&p->duties[duty]);
    if (by_calendar && mst_schedule_opening(p, duty, from, to, fn, context, NULL) != 0)
        return;
}

struct mst_slot *mst_step_owe(struct mst_step *s, uint32_t duty, uint32_t bearer, uint32_t group,
                              const char *subject)
{
    const struct mst_core *core = s->core;
    const struct mst_programme *p = core->programme;
    char id[MST_OBLIGATION_ID_MAX];
    struct mst_expected e = {
        .duty = duty,
        .bearer = bearer == MST_NONE ? SIZE_MAX : bearer,
        .group = group == MST_NONE ? SIZE_MAX : group,
        .subject = subject,
    };
    /* Without a date, beyond the year 9999, nobody owes it; the loader has told of it. */
    if (mst_schedule_event(p, mst_zone_day(p->zone, s->now), &e, NULL) != 0)
        return NULL;
    e.dates.opens = s->now;
    mst_step_materialise(s, &e, s->now);
    mst_schedule_id(p, &e, id);
    return s->failed ? NULL : mst_table_by_id(&core->table, mst_text(id));
}

struct opening {
    struct mst_step *step;
    mst_time at;
};

static int open_one(void *context, const struct mst_expected *expected)
{
    struct opening *opening = context;
    mst_step_materialise(opening->step, expected, opening->at);
    return 0;
}

static void open_all(struct mst_step *s, mst_time at)
{
    struct mst_core *core = s->core;
    struct opening opening = {.step = s, .at = at};
    for (size_t d = 0; d < core->programme->duties_count; d++)
        mst_walk_openings(core, d, at, at + 1, open_one, &opening);
    core->next_opening = mst_schedule_next_opening(core->programme, at + 1);
}

static void succeed(struct mst_step *s, mst_time at)
{
    mst_succession_apply(s, at - 1, at);
    s->core->next_succession = mst_succession_next(s->core->programme, at);
}

/* When time itself next does something to an item. */
static mst_time next_of_items(const struct mst_core *core)
{
    return core->next_expiry < core->next_old ? core->next_expiry : core->next_old;
}

static void advance(struct mst_step *s)
{
    struct mst_core *core = s->core;
    while (!s->failed) {
        struct mst_slot *top = mst_heap_top(&core->heap);
        mst_time of_items = next_of_items(core);
        mst_time next = top && top->next < of_items ? top->next : of_items;
        /* A unit that ends at an instant owes nothing that opens at it, nor hears of it. Openings
         * go before alerts: what opens at an instant is already there for it. */
        if (core->next_succession <= next && core->next_succession <= core->next_opening &&
            core->next_succession <= s->now) {
            succeed(s, core->next_succession);
        } else if (core->next_opening <= next && core->next_opening <= s->now) {
            open_all(s, core->next_opening);
        } else if (next <= s->now && next == core->next_expiry) {
            mst_grants_expire(s, next);
        } else if (next <= s->now && next == core->next_old) {
            mst_difficulties_age(s, next);
        } else if (next <= s->now) {
            if (!mst_step_touch(s, top))
                return;
            mst_event_time(s, top);
            mst_step_schedule(s, top);
        } else {
            core->now = s->now;
            return;
        }
    }
}

/* ---- operations ---- */

static int change_programme(struct mst_core *core, struct mst_programme *programme,
                            struct mst_names *ret_names, struct mst_err *err)
{
    if (strcmp(programme->id, core->programme->id) != 0)
        return mst_fail(err, MST_E_INVALID, _("programme %s cannot take the place of %s"),
                        programme->id, core->programme->id);
    if (mst_names_init(ret_names, programme))
        return mst_fail_on(err, MST_E_NOMEM, programme->id);
    return 0;
}

static void swap_programme(struct mst_core *core, struct mst_programme **programme,
                           struct mst_names *names)
{
    struct mst_programme *other = core->programme;
    struct mst_names other_names = core->names;
    core->programme = *programme;
    core->names = *names;
    *programme = other;
    *names = other_names;
    memset(core->memos, 0, sizeof core->memos);
}

static void apply(struct mst_step *s, const struct mst_input *input)
{
    switch (input->kind) {
    case MST_INPUT_TICK:
        break;
    case MST_INPUT_REPORT:
        mst_report_apply(s, &input->u.report);
        break;
    case MST_INPUT_ACT:
        mst_act_apply(s, &input->u.act);
        break;
    case MST_INPUT_PROGRAMME:
        mst_rebase_apply(s);
        s->core->next_opening = mst_schedule_next_opening(s->core->programme, s->now + 1);
        s->core->next_succession = mst_succession_next(s->core->programme, s->now);
        mst_difficulties_reckon(s->core);
        mst_grants_reckon(s->core);
        break;
    case MST_INPUT_DOWN:
        mst_core_restore_down(s->core, input->u.down_from, s->now);
        break;
    case MST_INPUT_CONTACTS:
        mst_contacts_apply(s, &input->u.contacts);
        break;
    case MST_INPUT_SECURITY:
        mst_security_apply(s, &input->u.security);
        break;
    }
}

int mst_core_step(struct mst_core *core, const struct mst_input *input, struct mst_effects *effects,
                  struct mst_err *err)
{
    assert(input->now >= core->now);
    struct mst_step s = {.core = core, .now = input->now};
    struct checkpoint before = checkpoint_of(core);
    struct mst_programme *other = NULL;
    struct mst_names names = {0};
    if (input->kind == MST_INPUT_PROGRAMME) {
        other = input->u.programme;
        int r = change_programme(core, other, &names, err);
        if (r)
            return r;
        (void)mst_programme_ref(other);
    }
    advance(&s);
    size_t own = core->pending.count;
    if (other)
        swap_programme(core, &other, &names);
    if (!s.failed)
        apply(&s, input);
    advance(&s); /* what the input has made due, a lock that has passed for one */
    bool done = !s.failed && deliver(core, own, effects);
    if (!done) {
        if (other)
            swap_programme(core, &other, &names);
        undo(core, &before);
    }
    mst_programme_unref(other);
    mst_names_done(&names);
    return done ? 0 : mst_fail_on(err, MST_E_NOMEM, core->programme->id);
}

/* ---- queries ---- */

mst_time mst_core_next_due(const struct mst_core *core)
{
    const struct mst_slot *top = mst_heap_top(&core->heap);
    mst_time next =
        core->next_opening < core->next_succession ? core->next_opening : core->next_succession;
    if (next_of_items(core) < next)
        next = next_of_items(core);
    return top && top->next < next ? top->next : next;
}

mst_time mst_core_now(const struct mst_core *core)
{
    return core->now;
}

const struct mst_programme *mst_core_programme(const struct mst_core *core)
{
    return core->programme;
}

const struct mst_obligation *mst_core_find(const struct mst_core *core, const char *id)
{
    const struct mst_slot *slot = mst_table_by_id(&core->table, mst_text(id));
    return slot ? &slot->o : NULL;
}

size_t mst_core_count(const struct mst_core *core)
{
    return core->table.count;
}

const struct mst_obligation *mst_core_at(const struct mst_core *core, size_t index)
{
    assert(index < core->table.count);
    return &mst_table_at(&core->table, (uint32_t)index)->o;
}

void mst_core_say_state(const struct mst_core *core, char subject[256])
{
    const struct mst_obligation *o = mst_core_find(core, subject);
    const struct mst_item *item = o ? NULL : mst_core_item(core, MST_ITEM_TASK, subject);
    size_t used = strlen(subject);
    if (o || item)
        snprintf(subject + used, 256 - used, ": %s",
                 o ? mst_work_word(o->work) : mst_item_state_word(item->state));
}
