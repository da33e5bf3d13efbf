/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a report or an act to the obligation that it means. Each input gets exactly one answer:
 * accepted, or refused with a code and a subject.
 */
#include <stdio.h>
#include <string.h>

#include "broker/core/authz.h"
#include "broker/core/inside.h"
#include "config/model/tasks.h"

/* ---- progress: stored, and nothing else; the hot path, so no walk over obligations ---- */

/* Whose duty is it: may this unit ever bear it? */
bool mst_unit_bears(const struct mst_core *core, const struct mst_duty *duty, uint32_t unit)
{
    const struct mst_programme *p = core->programme;
    uint32_t group = core->names.group_of[unit];
    bool leads = group != MST_NONE && p->groups[group].lead == unit;
    switch (duty->bearer) {
    case MST_BEARER_LEADS:
        return leads;
    case MST_BEARER_MEMBERS:
        return group != MST_NONE && !leads;
    case MST_BEARER_UNIT:
        return duty->bearer_unit == unit;
    case MST_BEARER_ALL:
        return group != MST_NONE;
    case MST_BEARER_OFFICE:
        break;
    }
    return false;
}

/* Progress on a duty comes from its bearer, or from anybody in the bearer's group. */
static bool concerns(const struct mst_core *core, const struct mst_duty *duty, uint32_t unit)
{
    uint32_t group = core->names.group_of[unit];
    if (mst_unit_bears(core, duty, unit))
        return true;
    if (duty->bearer == MST_BEARER_LEADS || duty->bearer == MST_BEARER_MEMBERS)
        return group != MST_NONE; /* every group has both */
    return duty->bearer == MST_BEARER_UNIT && group != MST_NONE &&
           core->names.group_of[duty->bearer_unit] == group;
}

/* The period that a key names, of the duty's kind and not over before the programme was issued. */
static bool period_of(const struct mst_core *core, const struct mst_duty *duty,
                      struct mst_slice key, struct mst_period *ret_period)
{
    const struct mst_programme *p = core->programme;
    char text[MST_PERIOD_KEY_MAX];
    if (!key.data || key.len >= sizeof text)
        return false;
    mst_slice_copy(key, text, sizeof text);
    return mst_period_parse(text, p->fiscal_month, p->issued, ret_period, NULL) == 0 &&
           ret_period->kind == duty->period && ret_period->last >= p->issued;
}

static enum mst_code progress(const struct mst_core *core, const struct mst_msg_report *r,
                              uint32_t unit, const struct mst_duty **ret_duty)
{
    uint32_t index = mst_names_duty(core->programme, r->duty);
    struct mst_period period;
    if (index == MST_NONE)
        return MST_R_NO_OBLIGATION;
    const struct mst_duty *duty = *ret_duty = &core->programme->duties[index];
    if (!concerns(core, duty, unit))
        return MST_R_NOT_BEARER;
    if (mst_table_by_key(&core->table, r->duty, r->period, core->programme->units[unit].id))
        return MST_OK;
    return period_of(core, duty, r->period, &period) ? MST_OK : MST_R_NO_OBLIGATION;
}

/* ---- finding what is meant ---- */

struct subject {
    char text[256];
};

static void say_key(struct subject *subject, const struct mst_msg_report *r, const char *unit)
{
    snprintf(subject->text, sizeof subject->text, "%.*s/%.*s/%s", (int)r->duty.len,
             r->duty.data ? (const char *)r->duty.data : "", (int)r->period.len,
             r->period.data ? (const char *)r->period.data : "", unit);
}

/* Why nothing is owed under this key: to say "not open yet" where that is all that is wrong. */
static enum mst_code why_nothing(const struct mst_core *core, const struct mst_msg_report *r,
                                 uint32_t unit)
{
    const struct mst_programme *p = core->programme;
    uint32_t index = mst_names_duty(p, r->duty);
    struct mst_period period;
    struct mst_dates dates;
    if (index == MST_NONE || !p->duties[index].enforced)
        return MST_R_NO_OBLIGATION;
    const struct mst_duty *duty = &p->duties[index];
    if (!mst_unit_bears(core, duty, unit))
        return MST_R_NOT_BEARER;
    if (mst_duty_upon_event(duty) || !period_of(core, duty, r->period, &period) ||
        mst_schedule_dates(p, duty, &period, &dates, NULL) != 0)
        return MST_R_NO_OBLIGATION;
    if (!dates.applicable)
        return MST_R_NOT_APPLICABLE;
    return dates.opens > core->now ? MST_R_NOT_OPEN : MST_R_NO_OBLIGATION;
}

static enum mst_code find(const struct mst_core *core, const struct mst_msg_report *r,
                          const char *event, uint32_t unit, struct mst_slot **ret_slot,
                          struct subject *subject)
{
    const char *id = core->programme->units[unit].id;
    if (!mst_event_known(event)) {
        snprintf(subject->text, sizeof subject->text, "%s", event);
        return MST_E_UNKNOWN;
    }
    if (r->obligation.data && r->obligation.len) {
        mst_slice_copy(r->obligation, subject->text, sizeof subject->text);
        *ret_slot = mst_table_by_id(&core->table, r->obligation);
        return *ret_slot ? MST_OK : MST_R_NO_OBLIGATION;
    }
    if (!mst_event_by_bearer(event) || !r->duty.data || !r->period.data) {
        bool named = mst_event_by_bearer(event);
        snprintf(subject->text, sizeof subject->text, "%s",
                 !named         ? "obligation"
                 : r->duty.data ? "period"
                                : "duty");
        return MST_R_FORM;
    }
    say_key(subject, r, id);
    *ret_slot = mst_table_by_key(&core->table, r->duty, r->period, id);
    if (!*ret_slot)
        return why_nothing(core, r, unit);
    if ((*ret_slot)->same != MST_NONE) {
        /* One unit bears it for several groups or areas: which one must be said. */
        snprintf(subject->text, sizeof subject->text, "obligation");
        return MST_R_FORM;
    }
    return MST_OK;
}

/* "ID", or "ID: what of the move is refused". */
static void say_move(struct subject *subject, const struct mst_slot *slot,
                     const struct mst_move *move)
{
    char whole[2 * sizeof subject->text];
    snprintf(whole, sizeof whole, "%s%s%s", slot->o.id, move->refused ? ": " : "",
             move->refused ? move->refused : "");
    mst_slice_copy(mst_text(whole), subject->text, sizeof subject->text);
}

static void answer(struct mst_step *s, enum mst_code code, const char *subject)
{
    if (code == MST_OK)
        mst_emit_accepted(s);
    else
        mst_emit_refused(s, code, subject);
}

/* Under another duty nobody would look for it, and the task would stay as it was. */
static enum mst_code progress_of_tasks(struct mst_step *s, const struct mst_msg_report *r,
                                       uint32_t unit, const struct mst_duty *duty,
                                       struct subject *subject)
{
    if (duty->tasks == MST_TASKS_PROGRESS)
        return mst_tasks_progress(s, r->body, unit, subject->text, sizeof subject->text);
    snprintf(subject->text, sizeof subject->text, "tasks; %s", duty->id);
    return MST_R_FORM;
}

void mst_report_apply(struct mst_step *s, const struct mst_input_report *input)
{
    const struct mst_msg_report *r = input->report;
    struct mst_core *core = s->core;
    struct subject subject; /* every report has one, and few need it */
    subject.text[0] = '\0';
    uint32_t unit = mst_names_unit(&core->names, core->programme, mst_text(input->unit));
    if (unit == MST_NONE) {
        mst_emit_refused(s, MST_E_UNKNOWN, input->unit);
        return;
    }
    if (mst_slice_is(r->act, "progress")) {
        const struct mst_duty *duty = NULL;
        enum mst_code code = progress(core, r, unit, &duty);
        if (code != MST_OK)
            say_key(&subject, r, input->unit);
        else if (mst_tasks_said(r->body))
            code = progress_of_tasks(s, r, unit, duty, &subject);
        answer(s, code, subject.text);
        return;
    }
    if (mst_difficulty_act(r->act)) {
        answer(s, mst_difficulty_report(s, r, unit, subject.text, sizeof subject.text),
               subject.text);
        return;
    }
    struct mst_slot *slot = NULL;
    char event[33];
    mst_slice_copy(r->act, event, sizeof event);
    enum mst_code code = find(core, r, event, unit, &slot, &subject);
    if (code == MST_OK) {
        struct mst_move move = {
            .actor = {.name = input->unit, .roles = MST_ROLE_UNIT, .unit = input->unit},
            .reason = r->reason,
            .body = r->body,
            .until = MST_DAY_NONE,
            .claimed = (mst_time)(r->at <= (uint64_t)INT64_MAX ? r->at : (uint64_t)INT64_MAX),
            .row = input->row,
        };
        code = mst_move_apply(s, slot, event, &move);
        say_move(&subject, slot, &move);
    }
    answer(s, code, subject.text);
}

void mst_act_apply(struct mst_step *s, const struct mst_input_act *act)
{
    if (mst_silence_apply(s, act) || mst_amend_apply(s, act) || mst_grant_apply(s, act))
        return;
    const char *id = act->obligation ? act->obligation : "";
    struct mst_slot *slot = mst_table_by_id(&s->core->table, mst_text(id));
    if (!slot) {
        mst_emit_refused(s, MST_R_NO_OBLIGATION, id);
        return;
    }
    struct mst_move move = {
        .actor = {.name = act->actor, .roles = act->roles},
        .reason = mst_text(act->reason),
        .body = act->body,
        .number = act->number,
        .successor = act->successor,
        .claimed = s->now,
        .until = act->until ? mst_zone_day(s->core->programme->zone, act->until) : MST_DAY_NONE,
        .override = act->override,
    };
    enum mst_code code = mst_move_apply(s, slot, act->act, &move);
    struct subject subject;
    say_move(&subject, slot, &move);
    answer(s, code, subject.text);
}
