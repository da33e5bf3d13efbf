/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task lists: what a submitted list proposes, what its approval, issue or recording makes of it,
 * signing for a task, and the progress that is told of it.
 *
 *   proposed ──approve──► approved ──issue──► issued ──sign-for──► signed ──100 %──► done
 *      │ └──── a plan is put on record ──────────┘
 *      └── no longer in the list, withdrawn, void ──► dropped
 *
 * A list's items follow the state of the obligation that it was submitted for, until they are
 * issued; what was issued stays, whatever becomes of the list. Everything is checked before
 * anything changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/events.h"
#include "broker/core/task.h"

/* ---- which items ---- */

struct items {
    struct mst_item **all;
    size_t count;
};

/* Those that this obligation's reports have listed, to be freed; none when the step has failed. */
static struct items listed_by(struct mst_step *s, const struct mst_obligation *o)
{
    const struct mst_items *items = &s->core->items;
    struct items found = {.all = calloc(items->count + 1, sizeof(struct mst_item *))};
    if (!found.all)
        s->failed = true;
    for (uint32_t i = 0; found.all && i < items->count; i++) {
        struct mst_item *item = &items->all[i]->item;
        if (item->kind == MST_ITEM_TASK && strcmp(item->group, o->group) == 0 &&
            mst_slice_is(mst_unpack_text(item->data, "list"), o->id))
            found.all[found.count++] = item;
    }
    return found;
}

static bool unissued(const struct mst_item *item)
{
    return item->state == MST_ITEM_PROPOSED || item->state == MST_ITEM_APPROVED;
}

/* The first duty of a kind that is kept; MST_NONE: the programme has none. */
static uint32_t duty_of_kind(const struct mst_programme *p, enum mst_duty_kind kind)
{
    for (uint32_t i = 0; i < p->duties_count; i++) {
        if (p->duties[i].kind == kind && p->duties[i].enforced)
            return i;
    }
    return MST_NONE;
}

void mst_task_contain(struct mst_step *s, struct mst_item *item, const struct mst_task_data *data)
{
    struct mst_buf bytes = {0};
    mst_task_data_pack(data, &bytes);
    if (bytes.failed)
        s->failed = true;
    else if (bytes.len != item->data.len || memcmp(bytes.data, item->data.data, bytes.len) != 0)
        mst_item_contain(s, item, mst_bytes(bytes.data, bytes.len));
    mst_buf_done(&bytes);
}

/* ---- faults, in words ---- */

/* As many as fit; `more` counts the others. */
struct words {
    char *text;
    size_t size, used, more;
};

static void say(struct words *w, const char *text)
{
    const char *separator = w->used ? "; " : "";
    int n = snprintf(w->text + w->used, w->size - w->used, "%s%s", separator, text);
    const size_t room_for_more = 16;
    if (n > 0 && w->used + (size_t)n + room_for_more < w->size && w->more == 0) {
        w->used += (size_t)n;
        return;
    }
    snprintf(w->text + w->used, w->size - w->used, "; +%zu", ++w->more);
}

static void say_fault(void *context, const struct mst_task_fault *fault)
{
    char text[160], what[48] = "";
    if (fault->what.data)
        mst_slice_show(fault->what, what, MST_NAME_SHOWN_MAX);
    const char *colon = what[0] ? ": " : "";
    if (fault->index == MST_TASK_NONE)
        snprintf(text, sizeof text, "%s: %s%s%s", fault->field, fault->text, colon, what);
    else
        snprintf(text, sizeof text, "task %zu%s%s: %s%s%s", fault->index + 1,
                 fault->field[0] ? ", " : "", fault->field, fault->text, colon, what);
    say(context, text);
}

/* ---- a submitted list ---- */

struct scope {
    const struct mst_core *core;
    const struct mst_group *group; /* NULL: of no group */
};

static const char *scope_area(void *context, size_t index)
{
    return ((const struct scope *)context)->group->areas[index].id;
}

static uint32_t unit_of(const struct scope *scope, struct mst_slice id)
{
    return mst_names_unit(&scope->core->names, scope->core->programme, id);
}

static bool scope_helper(void *context, struct mst_slice id)
{
    return unit_of(context, id) != MST_NONE;
}

bool mst_task_may_own(const struct mst_core *core, const char *group, struct mst_slice unit)
{
    const struct mst_programme *p = core->programme;
    uint32_t index = mst_names_unit(&core->names, p, unit);
    if (index == MST_NONE)
        return false;
    uint32_t its = core->names.group_of[index];
    if (!group[0] || its == MST_NONE)
        return !group[0] || p->tasks.outside;
    return strcmp(p->groups[its].id, group) == 0;
}

static bool scope_owner(void *context, struct mst_slice id)
{
    const struct scope *scope = context;
    return mst_task_may_own(scope->core, scope->group ? scope->group->id : "", id);
}

static enum mst_code check_list(struct mst_step *s, const struct mst_slot *slot,
                                struct mst_move *move, struct words *words)
{
    const struct mst_programme *p = s->core->programme;
    struct scope scope = {s->core, slot->group == MST_NONE ? NULL : &p->groups[slot->group]};
    const struct mst_task_scope by = {
        .areas = scope.group ? scope.group->areas_count : 0,
        .area = scope_area,
        .owner = scope_owner,
        .helper = scope_helper,
        .context = &scope,
        .after = mst_zone_day(p->zone, s->now),
        .tasks_max = (size_t)p->tasks.max,
    };
    return mst_tasks_check(move->body, &by, say_fault, words) ? MST_R_FORM : MST_OK;
}

/* The next id of the group's tasks: GROUP-NN. Items never go, so counting them is enough. */
static void next_id(const struct mst_core *core, const struct mst_obligation *o,
                    char id[MST_ITEM_ID_MAX])
{
    const char *prefix = o->group[0] ? o->group : o->bearer;
    unsigned count = 1;
    for (uint32_t i = 0; i < core->items.count; i++) {
        const struct mst_item *item = &core->items.all[i]->item;
        count += item->kind == MST_ITEM_TASK && strcmp(item->group, o->group) == 0;
    }
    do
        snprintf(id, MST_ITEM_ID_MAX, "%s-%02u", prefix, count++);
    while (mst_core_item(core, MST_ITEM_TASK, id));
}

static struct mst_item *same_task(const struct items *listed, const struct mst_task *task)
{
    for (size_t i = 0; i < listed->count; i++) {
        struct mst_task_data data;
        mst_task_data_read(listed->all[i], &data);
        if (mst_task_same(&data.task, task))
            return listed->all[i];
    }
    return NULL;
}

/* One task of the list, new or as it is said now. */
static void propose(struct mst_step *s, const struct mst_obligation *o, struct mst_item *item,
                    const struct mst_task *task, const char *actor)
{
    struct mst_task_data data = {
        .task = *task, .list = mst_text(o->id), .from = MST_DAY_NONE, .signing = 1};
    char id[MST_ITEM_ID_MAX];
    bool fresh = item == NULL;
    next_id(s->core, o, id);
    if (fresh ? !(item = mst_item_add(s, MST_ITEM_TASK, id)) : !mst_item_touch(s, item))
        return;
    const void *before = item->data.data;
    mst_task_contain(s, item, &data);
    mst_slice_copy(task->owner, item->owner, sizeof item->owner);
    snprintf(item->group, sizeof item->group, "%s", o->group);
    if (fresh || item->state == MST_ITEM_DROPPED || item->data.data != before)
        mst_item_move(s, item, "propose", MST_ITEM_PROPOSED, actor, mst_text(NULL));
}

static bool is_in(struct mst_slice body, const struct mst_item *item)
{
    struct mst_tasks_cursor cursor = mst_tasks_open(body);
    struct mst_task_data data;
    struct mst_task task;
    mst_task_data_read(item, &data);
    while (mst_tasks_next(&cursor, &task)) {
        if (mst_task_same(&task, &data.task))
            return true;
    }
    return false;
}

static void take_list(struct mst_step *s, struct mst_slot *slot, const struct mst_move *move)
{
    struct items listed = listed_by(s, &slot->o);
    struct mst_tasks_cursor cursor = mst_tasks_open(move->body);
    struct mst_task task;
    for (size_t i = 0; i < listed.count && !s->failed; i++) {
        struct mst_item *item = listed.all[i];
        if (unissued(item) && !is_in(move->body, item) && mst_item_touch(s, item))
            mst_item_move(s, item, "drop", MST_ITEM_DROPPED, move->actor.name, mst_text(NULL));
    }
    while (!s->failed && mst_tasks_next(&cursor, &task)) {
        struct mst_item *item = same_task(&listed, &task);
        if (!item || unissued(item) || item->state == MST_ITEM_DROPPED)
            propose(s, &slot->o, item, &task, move->actor.name);
    }
    free(listed.all);
}

/* ---- in force ---- */

void mst_task_owe_signing(struct mst_step *s, const struct mst_item *item)
{
    const struct mst_core *core = s->core;
    const struct mst_programme *p = core->programme;
    uint32_t duty = duty_of_kind(p, MST_DUTY_SIGN_FOR);
    uint32_t owner = mst_names_unit(&core->names, p, mst_text(item->owner));
    size_t group = mst_programme_group(p, item->group);
    char subject[MST_SUBJECT_MAX];
    int signing = (int)mst_unpack_int(item->data, "signing", 1);
    if (duty != MST_NONE && owner != MST_NONE)
        (void)mst_step_owe(s, duty, owner, group == SIZE_MAX ? MST_NONE : (uint32_t)group,
                           mst_task_subject(item, signing, subject));
}

bool mst_task_amended_since(const struct mst_core *core, const struct mst_obligation *o)
{
    char id[MST_ITEM_ID_MAX], subject[MST_SUBJECT_MAX];
    const struct mst_item *item =
        o->kind == MST_DUTY_SIGN_FOR
            ? mst_core_item(core, MST_ITEM_TASK, mst_task_of_subject(o->subject, id))
            : NULL;
    if (!item)
        return false;
    int signing = (int)mst_unpack_int(item->data, "signing", 1);
    return strcmp(o->subject, mst_task_subject(item, signing, subject)) != 0;
}

/* Under a number, from a day on; its owner is to sign for it. */
static void put_in_force(struct mst_step *s, struct mst_item *item, const char *number,
                         const struct mst_period *period, const char *event, const char *actor)
{
    struct mst_task_data data;
    if (!mst_item_touch(s, item))
        return;
    mst_task_data_read(item, &data);
    data.source = mst_text(number);
    data.from = period->first;
    data.year = mst_civil_of(period->last).year;
    mst_task_contain(s, item, &data);
    mst_item_move(s, item, event, MST_ITEM_ISSUED, actor, mst_text(number));
    mst_task_owe_signing(s, item);
}

/* The office has a batch to issue: due from the latest approval on. */
static void owe_issue(struct mst_step *s, uint32_t duty, const char *approved)
{
    struct mst_core *core = s->core;
    const struct mst_programme *p = core->programme;
    unsigned batches = 0;
    char subject[MST_SUBJECT_MAX];
    for (uint32_t i = 0; i < core->table.count; i++) {
        struct mst_slot *slot = mst_table_at(&core->table, i);
        if (slot->duty != duty)
            continue;
        batches++;
        if (!mst_obligation_ball_with_bearer(&slot->o) || slot->o.locked)
            continue;
        struct mst_expected e = {
            .duty = duty, .bearer = SIZE_MAX, .group = SIZE_MAX, .subject = slot->o.subject};
        if (mst_schedule_event(p, mst_zone_day(p->zone, s->now), &e, NULL) == 0 &&
            e.dates.due > slot->o.due && mst_step_touch(s, slot)) {
            slot->o.event_day = e.period.first;
            mst_dates_move(s, slot, &e.dates, approved);
            mst_step_schedule(s, slot);
        }
        return;
    }
    snprintf(subject, sizeof subject, "%u", batches + 1);
    (void)mst_step_owe(s, duty, MST_NONE, MST_NONE, subject);
}

/* What a list's items are while its obligation is in this state. */
static enum mst_item_state state_by(enum mst_work work)
{
    switch (work) {
    case MST_WORK_CLOSED:
        return MST_ITEM_APPROVED;
    case MST_WORK_SUBMITTED:
    case MST_WORK_UNDER_REVIEW:
    case MST_WORK_RETURNED:
        return MST_ITEM_PROPOSED;
    default:
        return MST_ITEM_DROPPED;
    }
}

static void follow(struct mst_step *s, struct mst_item *item, enum mst_item_state to,
                   const char *actor)
{
    static const char *const events[MST_ITEM_STATES] = {[MST_ITEM_PROPOSED] = "reopen",
                                                        [MST_ITEM_APPROVED] = "approve",
                                                        [MST_ITEM_DROPPED] = "drop"};
    if (mst_item_touch(s, item))
        mst_item_move(s, item, events[to], to, actor, mst_text(NULL));
}

void mst_tasks_follow(struct mst_step *s, const struct mst_slot *slot, const char *actor)
{
    const struct mst_duty *duty = mst_slot_duty(s->core, slot);
    const struct mst_obligation *o = &slot->o;
    struct mst_period period;
    if (s->failed || !duty || (duty->tasks != MST_TASKS_LIST && duty->tasks != MST_TASKS_PLAN))
        return;
    enum mst_item_state to = state_by(o->work);
    uint32_t issue = duty_of_kind(s->core->programme, MST_DUTY_ISSUE);
    bool plan = duty->tasks == MST_TASKS_PLAN, approved = false;
    /* A plan's tasks, and a list's where nobody issues, are in force as soon as it is closed. */
    bool at_once = to == MST_ITEM_APPROVED && (plan || issue == MST_NONE);
    if (!plan)
        period = mst_period_once(mst_zone_day(s->core->programme->zone, s->now));
    else if (!mst_obligation_period(s->core->programme, o, &period))
        return;
    struct items listed = listed_by(s, o);
    for (size_t i = 0; i < listed.count && !s->failed; i++) {
        struct mst_item *item = listed.all[i];
        if (!unissued(item) || item->state == to)
            continue;
        if (at_once)
            put_in_force(s, item, o->record_number[0] ? o->record_number : o->id, &period,
                         plan ? "record" : "approve", actor);
        else
            follow(s, item, to, actor);
        approved = approved || item->state == MST_ITEM_APPROVED;
    }
    free(listed.all);
    if (approved && !s->failed)
        owe_issue(s, issue, o->id);
}

enum mst_code mst_event_issue(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    const struct mst_items *items = &s->core->items;
    struct mst_period today = mst_period_once(mst_zone_day(s->core->programme->zone, s->now));
    bool any = false;
    for (uint32_t i = 0; i < items->count; i++)
        any = any || items->all[i]->item.state == MST_ITEM_APPROVED;
    if (o->kind != MST_DUTY_ISSUE || !any)
        return MST_R_STATE;
    if (!move->number) {
        move->refused = "number";
        return MST_R_FORM;
    }
    enum mst_code code = mst_number_free(s->core, slot, move);
    if (code != MST_OK)
        return code;
    snprintf(o->record_number, sizeof o->record_number, "%s", move->number);
    mst_happen_settle(s, slot, move, "issue", MST_WORK_CLOSED);
    mst_happen_closed(s, slot, mst_text(o->record_number));
    mst_notice_issued(s, slot, mst_text(o->record_number));
    for (uint32_t i = 0; i < items->count && !s->failed; i++) {
        struct mst_item *item = &items->all[i]->item;
        if (item->kind == MST_ITEM_TASK && item->state == MST_ITEM_APPROVED)
            put_in_force(s, item, o->record_number, &today, "issue", move->actor.name);
    }
    return MST_OK;
}

enum mst_code mst_event_sign_for(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    char id[MST_ITEM_ID_MAX];
    struct mst_item *item = mst_items_find(&s->core->items, MST_ITEM_TASK,
                                           mst_text(mst_task_of_subject(o->subject, id)));
    struct mst_task_data data;
    if (o->kind != MST_DUTY_SIGN_FOR || !item)
        return MST_R_STATE;
    mst_happen_settle(s, slot, move, "sign-for", MST_WORK_CLOSED);
    mst_happen_closed(s, slot, move->reason);
    if (!mst_item_touch(s, item))
        return MST_OK;
    mst_task_data_read(item, &data);
    data.signed_for = true;
    mst_task_contain(s, item, &data);
    mst_item_move(s, item, "sign-for",
                  item->state == MST_ITEM_ISSUED ? MST_ITEM_SIGNED : item->state, move->actor.name,
                  move->reason);
    return MST_OK;
}

/* ---- progress ---- */

/* Who tells of progress, for the check of what is told. */
struct teller {
    struct words words; /* first, since say_fault() gets the whole */
    const struct mst_core *core;
    uint32_t unit;
};

/* A task in force that this unit owns, helps with, or leads the group of. */
static bool may_tell(void *context, struct mst_slice id)
{
    const struct teller *t = context;
    const struct mst_programme *p = t->core->programme;
    const struct mst_item *item = mst_items_find(&t->core->items, MST_ITEM_TASK, id);
    const char *unit = p->units[t->unit].id;
    struct mst_task_data data;
    if (!item || !mst_task_stands(item))
        return false;
    size_t group = mst_programme_group(p, item->group);
    if (strcmp(item->owner, unit) == 0 || (group != SIZE_MAX && p->groups[group].lead == t->unit))
        return true;
    mst_task_data_read(item, &data);
    return mst_task_helped_by(&data.task, unit);
}

/* Tasks of the group that were in force in the period and are not done have to be told of. */
static enum mst_code check_missing(struct mst_step *s, const struct mst_slot *slot,
                                   struct mst_slice body, struct words *words)
{
    const struct mst_items *items = &s->core->items;
    struct mst_tasks_cursor cursor = mst_tasks_open(body);
    struct mst_task_progress told;
    struct mst_period period;
    bool *seen = calloc(items->number_last + 1, sizeof *seen);
    size_t missing = 0;
    if (!seen || !mst_obligation_period(s->core->programme, &slot->o, &period)) {
        s->failed = s->failed || !seen;
        free(seen);
        return MST_OK;
    }
    while (mst_tasks_next_progress(&cursor, &told)) {
        const struct mst_item *item = mst_items_find(items, MST_ITEM_TASK, told.id);
        if (item)
            seen[item->number] = true;
    }
    for (uint32_t i = 0; i < items->count; i++) {
        const struct mst_item *item = &items->all[i]->item;
        if (!mst_task_stands(item) || item->state == MST_ITEM_DONE || seen[item->number] ||
            strcmp(item->group, slot->o.group) != 0 ||
            mst_unpack_int(item->data, "from", MST_DAY_NONE) > period.last)
            continue;
        if (missing++ == 0)
            say(words, "tasks: " N_("these are missing"));
        say(words, item->id);
    }
    free(seen);
    return missing ? MST_R_FORM : MST_OK;
}

static void take_progress(struct mst_step *s, struct mst_slice body, const char *actor)
{
    struct mst_tasks_cursor cursor = mst_tasks_open(body);
    struct mst_task_progress told;
    while (!s->failed && mst_tasks_next_progress(&cursor, &told)) {
        struct mst_item *item = mst_items_find(&s->core->items, MST_ITEM_TASK, told.id);
        struct mst_task_data data;
        if (!item || !mst_item_touch(s, item))
            return;
        mst_task_data_read(item, &data);
        if (!told.has_value) { /* a figure stands until there is another */
            told.has_value = data.progress.has_value;
            told.value = data.progress.value;
        }
        data.progress = told;
        data.reported_at = s->now;
        mst_task_contain(s, item, &data);
        mst_item_move(s, item, "progress",
                      told.percent == 100 ? MST_ITEM_DONE
                      : data.signed_for   ? MST_ITEM_SIGNED
                                          : MST_ITEM_ISSUED,
                      actor, mst_text(NULL));
    }
}

enum mst_code mst_tasks_progress(struct mst_step *s, struct mst_slice body, uint32_t unit,
                                 char *words, size_t size)
{
    struct teller teller = {.words = {.text = words, .size = size}, .core = s->core, .unit = unit};
    if (mst_tasks_check_progress(body, may_tell, say_fault, &teller))
        return MST_R_FORM;
    take_progress(s, body, s->core->programme->units[unit].id);
    return MST_OK;
}

/* ---- submissions ---- */

enum mst_code mst_tasks_check_submission(struct mst_step *s, const struct mst_slot *slot,
                                         struct mst_move *move)
{
    const struct mst_duty *duty = mst_slot_duty(s->core, slot);
    struct words words = {.text = move->field, .size = sizeof move->field};
    struct teller teller = {.words = words, .core = s->core, .unit = slot->bearer};
    enum mst_code code = MST_OK;
    if (!duty || duty->tasks == MST_TASKS_NONE)
        return MST_OK;
    if (duty->tasks != MST_TASKS_PROGRESS)
        code = check_list(s, slot, move, &words);
    else if (mst_tasks_said(move->body) && slot->bearer != MST_NONE &&
             mst_tasks_check_progress(move->body, may_tell, say_fault, &teller))
        code = MST_R_FORM;
    else
        code = check_missing(s, slot, move->body, &words);
    if (code != MST_OK)
        move->refused = move->field;
    return code;
}

void mst_tasks_submitted(struct mst_step *s, struct mst_slot *slot, const struct mst_move *move)
{
    const struct mst_duty *duty = mst_slot_duty(s->core, slot);
    if (s->failed || !duty || duty->tasks == MST_TASKS_NONE)
        return;
    if (duty->tasks == MST_TASKS_PROGRESS)
        take_progress(s, move->body, move->actor.name);
    else
        take_list(s, slot, move);
}
