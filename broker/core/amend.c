/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The office amends a task in force: another owner, other helpers, another due date, with a reason.
 *
 * What is listed, but not issued yet, is changed by another version of its list, and what is done
 * is not changed any more. Who owns it after that signs for it anew, unless all that changed is
 * who helps; whoever has to do with it is told, before and after. Everything is checked before
 * anything changes, by the function that shows what would change, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/authz.h"
#include "broker/core/events.h"
#include "broker/core/task.h"

enum field { OWNER, HELPERS, DUE, FIELDS };
static const char *const fields[FIELDS] = {"owner", "helpers", "due"};

/* A change that may be made: the task as it is and as it will be. */
struct change {
    struct mst_item *item;
    struct mst_task_data was, is;
    bool differs[FIELDS];
};

/* ---- what is asked for ---- */

static size_t helpers_of(const struct mst_task *task, struct mst_unpack *u)
{
    struct mst_value head;
    if (!task->helpers.data)
        return 0;
    mst_unpack_init(u, task->helpers.data, task->helpers.len);
    return mst_unpack_next(u, &head) && head.kind == MST_VALUE_ARRAY ? head.count : 0;
}

static bool same_text(struct mst_slice a, struct mst_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Units of the programme, each once, and not the owner. */
static bool sound_helpers(const struct mst_core *core, const struct mst_task *task)
{
    struct mst_unpack u;
    struct mst_value v;
    struct mst_slice seen[MST_TASK_HELPERS_MAX];
    size_t count = helpers_of(task, &u);
    if (count > MST_TASK_HELPERS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!mst_unpack_next(&u, &v) || v.kind != MST_VALUE_TEXT || same_text(v.s, task->owner) ||
            mst_names_unit(&core->names, core->programme, v.s) == MST_NONE)
            return false;
        seen[i] = v.s;
        for (size_t k = 0; k < i; k++) {
            if (same_text(seen[k], v.s))
                return false;
        }
    }
    return true;
}

static bool is_list(struct mst_slice raw)
{
    struct mst_unpack u;
    struct mst_value head;
    mst_unpack_init(&u, raw.data, raw.len);
    return mst_unpack_next(&u, &head) && head.kind == MST_VALUE_ARRAY;
}

static bool read_due(struct mst_slice text, mst_day *ret)
{
    char date[16];
    return text.len < sizeof date &&
           mst_day_parse(mst_slice_copy(text, date, sizeof date), ret, NULL) == 0;
}

static bool may_own(const struct mst_core *core, const char *group, struct mst_slice id,
                    mst_day today)
{
    const struct mst_programme *p = core->programme;
    uint32_t unit = mst_names_unit(&core->names, p, id);
    return unit != MST_NONE && !mst_unit_ended(&p->units[unit], today) &&
           mst_task_may_own(core, group, id);
}

static const char *const no_change = "owner, helpers, due: " N_("nothing would change");

/* NULL: it is right, else which field is not and why, or all of them where nothing is to change. */
static const char *read_change(const struct mst_core *core, struct mst_slice body, mst_day today,
                               struct change *c)
{
    struct mst_task *task = &c->is.task;
    struct mst_slice owner = mst_unpack_text(body, "owner"), due = mst_unpack_text(body, "due");
    struct mst_slice helpers;
    mst_task_data_read(c->item, &c->was);
    c->is = c->was;
    task->owner = owner.data ? owner : mst_text(c->item->owner);
    if (mst_unpack_find(body, "helpers", &helpers)) {
        if (!is_list(helpers))
            return "helpers: " N_("must be a list of units");
        task->helpers = helpers;
        c->differs[HELPERS] = c->was.task.helpers.data ? !same_text(c->was.task.helpers, helpers)
                                                       : helpers_of(task, &(struct mst_unpack){0});
    }
    c->differs[OWNER] = !mst_slice_is(task->owner, c->item->owner);
    if (c->differs[OWNER] && !may_own(core, c->item->group, task->owner, today))
        return "owner: " N_("no unit that can own a task of this group");
    if (!sound_helpers(core, task))
        return "helpers: " N_("must be other known units, each once");
    if (due.data && (!read_due(due, &task->due) || task->due <= today || task->due < c->is.from))
        return "due: " N_("must be a date ahead, and not before the task begins");
    c->differs[DUE] = task->due != c->was.task.due;
    bool any = c->differs[OWNER] || c->differs[HELPERS] || c->differs[DUE];
    return any ? NULL : no_change;
}

/* An office that hands its own host's tasks on would judge itself: the director does. */
static bool is_the_offices(const struct mst_core *core, const struct change *c)
{
    const struct mst_programme *p = core->programme;
    const char *host = p->offices_count ? p->units[p->offices[0].host].id : "";
    return strcmp(c->item->owner, host) == 0 || mst_slice_is(c->is.task.owner, host);
}

static enum mst_code check(const struct mst_core *core, const struct mst_input_act *act,
                           mst_time now, struct change *c, const char **subject)
{
    const struct mst_actor actor = {.principal = act->actor, .roles = act->roles};
    const char *id = act->obligation ? act->obligation : "";
    *c = (struct change){.item = NULL};
    *subject = id;
    if (!mst_authz(core->programme, &actor, act->act, NULL))
        return MST_E_DENIED;
    c->item = mst_items_find(&core->items, MST_ITEM_TASK, mst_text(id));
    if (!c->item)
        return MST_E_UNKNOWN;
    if (!mst_task_stands(c->item) || c->item->state == MST_ITEM_DONE)
        return MST_R_STATE;
    const char *wrong =
        act->body.data ? read_change(core, act->body, mst_zone_day(core->programme->zone, now), c)
                       : no_change;
    if (wrong) {
        *subject = wrong;
        return MST_R_FORM;
    }
    if (is_the_offices(core, c) && !(act->roles & MST_ROLE_DIRECTOR))
        return MST_R_CONFLICT_OF_INTEREST;
    return act->reason && act->reason[0] ? MST_OK : MST_R_REASON;
}

/* ---- before and after ---- */

static void show(const struct mst_task *task, enum field field, char *text, size_t size)
{
    struct mst_unpack u;
    struct mst_value v;
    size_t count = field == HELPERS ? helpers_of(task, &u) : 0, used = 0;
    text[0] = '\0';
    if (field == OWNER)
        mst_slice_copy(task->owner, text, size);
    if (field == DUE)
        mst_day_format(task->due, text);
    for (size_t i = 0; i < count && used < size && mst_unpack_next(&u, &v); i++)
        used += (size_t)snprintf(text + used, size - used, "%s%.*s", i ? " " : "", (int)v.s.len,
                                 (const char *)v.s.data);
}

static size_t rows_of(const struct change *c, struct mst_amended ret[MST_AMENDED_MAX])
{
    size_t count = 0;
    struct mst_task was = c->was.task;
    was.owner = mst_text(c->item->owner); /* who may be the successor of whom the list named */
    for (int field = 0; field < FIELDS; field++) {
        if (!c->differs[field])
            continue;
        ret[count].field = fields[field];
        show(&was, (enum field)field, ret[count].was, sizeof ret[count].was);
        show(&c->is.task, (enum field)field, ret[count].is, sizeof ret[count].is);
        count++;
    }
    return count;
}

enum mst_code mst_core_amend_preview(const struct mst_core *core, const struct mst_input_act *act,
                                     mst_time now, struct mst_amended ret[MST_AMENDED_MAX],
                                     size_t *ret_count, const char **ret_subject)
{
    struct change c;
    enum mst_code code = check(core, act, now, &c, ret_subject);
    *ret_count = code == MST_OK ? rows_of(&c, ret) : 0;
    return code;
}

/* ---- who is told ---- */

/* Owners and helpers before and after, the lead, and the cc list. */
#define TOLD_MAX (2 * (MST_TASK_HELPERS_MAX + 1) + 2)

struct told {
    struct mst_address to[TOLD_MAX];
    size_t count;
};

static void add(struct told *told, struct mst_slice unit, const char *role)
{
    char audience[65];
    if (unit.len == 0)
        return;
    snprintf(audience, sizeof audience, "unit:%.*s", (int)unit.len, (const char *)unit.data);
    for (size_t i = 0; i < told->count; i++) {
        if (strcmp(told->to[i].audience, audience) == 0)
            return;
    }
    memcpy(told->to[told->count].audience, audience, sizeof audience);
    told->to[told->count++].role = role;
}

static void add_helpers(struct told *told, const struct mst_task *task)
{
    struct mst_unpack u;
    struct mst_value v;
    for (size_t left = helpers_of(task, &u); left > 0 && mst_unpack_next(&u, &v); left--)
        add(told, v.s, "helper");
}

/* Who is on the cc list was told of the batch, and hears of what it says no longer. Plans on record
 * were never told to it. */
static bool was_issued(const struct mst_core *core, const struct mst_task_data *data)
{
    const struct mst_slot *slot = mst_table_by_id(&core->table, data->list);
    const struct mst_duty *duty = slot ? mst_slot_duty(core, slot) : NULL;
    return duty && duty->tasks == MST_TASKS_LIST;
}

/* What is told, and to whom: the owners and helpers that were and are, the lead of the group, and
 * those who read what is issued. Made before the task changes, since it speaks of both. */
struct news {
    struct told told;
    char words[1024];
};

static void write_news(const struct mst_core *core, const struct change *c, const char *why,
                       struct news *news)
{
    const struct mst_programme *p = core->programme;
    struct mst_amended rows[MST_AMENDED_MAX];
    size_t count = rows_of(c, rows), group = mst_programme_group(p, c->item->group), used;
    char *words = news->words;
    used = (size_t)snprintf(words, sizeof news->words, "%s", c->item->id);
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(words + used, sizeof news->words - used, "; %s: %.200s → %.200s",
                                 rows[i].field, rows[i].was, rows[i].is);
    used += (size_t)snprintf(words + used, sizeof news->words - used, ": ");
    mst_slice_copy(mst_text(why), words + used, sizeof news->words - used);
    news->told.count = 0;
    add(&news->told, mst_text(c->item->owner), "owner");
    add(&news->told, c->is.task.owner, "owner");
    add_helpers(&news->told, &c->was.task);
    add_helpers(&news->told, &c->is.task);
    if (group != SIZE_MAX && p->groups[group].lead != SIZE_MAX)
        add(&news->told, mst_text(p->units[p->groups[group].lead].id), "lead");
    if (was_issued(core, &c->was)) {
        struct mst_address *cc = &news->told.to[news->told.count++];
        snprintf(cc->audience, sizeof cc->audience, "%s", MST_AUDIENCE_CC);
        cc->role = MST_AUDIENCE_CC;
    }
}

static void tell(struct mst_step *s, const struct mst_item *item, const struct news *news)
{
    char about[MST_OBLIGATION_ID_MAX];
    snprintf(about, sizeof about, "task/%s", item->id);
    for (size_t i = 0; i < news->told.count; i++) {
        const struct mst_about what = {.id = about, .bearer = item->owner, .group = item->group};
        mst_notice_about(s, &what, MST_NOTICE_TASK_AMENDED, item->moves, &news->told.to[i],
                         mst_text(news->words), s->now);
    }
}

/* ---- the change ---- */

/* Nobody signs any more for what was. */
static void cancel_signing(struct mst_step *s, const struct mst_item *item, const char *actor,
                           const char *why)
{
    uint32_t count = s->core->table.count;
    struct mst_slot **slots = mst_slots_in_order(s);
    for (uint32_t i = 0; slots && i < count && !s->failed; i++) {
        const struct mst_obligation *o = &slots[i]->o;
        struct mst_move move = {.actor = {.name = actor}, .reason = mst_text(why)};
        char id[MST_ITEM_ID_MAX];
        bool ends = mst_obligation_ball_with_bearer(o) || o->work == MST_WORK_UNDER_REVIEW;
        if (o->kind != MST_DUTY_SIGN_FOR || !ends ||
            strcmp(mst_task_of_subject(o->subject, id), item->id) != 0 ||
            !mst_step_touch(s, slots[i]))
            continue;
        (void)mst_event_cancel(s, slots[i], &move);
        mst_step_schedule(s, slots[i]);
    }
    free(slots);
}

static void carry_out(struct mst_step *s, struct change *c, const struct mst_input_act *act)
{
    struct mst_item *item = c->item;
    struct mst_task_data *is = &c->is;
    /* What is not signed for yet is signed for as it stands then. */
    bool anew = c->differs[OWNER] || (c->differs[DUE] && is->signed_for);
    is->amended++;
    if (anew) {
        is->signing++;
        is->signed_for = false;
    }
    if (c->differs[OWNER])
        mst_slice_copy(is->task.owner, item->owner, sizeof item->owner);
    mst_task_contain(s, item, is);
    if (s->failed)
        return;
    mst_item_move(s, item, "amend", anew ? MST_ITEM_ISSUED : item->state, act->actor,
                  mst_text(act->reason));
    if (!anew)
        return;
    cancel_signing(s, item, act->actor, act->reason);
    mst_task_owe_signing(s, item);
}

bool mst_amend_apply(struct mst_step *s, const struct mst_input_act *act)
{
    struct change c;
    struct news news;
    const char *subject;
    if (strcmp(act->act, "amend-task") != 0)
        return false;
    enum mst_code code = check(s->core, act, s->now, &c, &subject);
    if (code != MST_OK) {
        mst_emit_refused(s, code, subject);
        return true;
    }
    if (!mst_item_touch(s, c.item))
        return true;
    write_news(s->core, &c, act->reason, &news);
    carry_out(s, &c, act);
    if (!s->failed)
        tell(s, c.item, &news);
    mst_emit_accepted(s);
    return true;
}
