/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moves an obligation. moves.c has decided that the event may happen in this state and by this
 * actor; the functions here hold the guards that look at more than that, and do it. Each checks
 * before it changes anything, so that a refusal leaves no trace.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "broker/core/events.h"
#include "proto/pack.h"

static const char *const by_time = "clock";
static const char *const by_itself = "automatic";

static bool with_judge(const struct mst_obligation *o)
{
    return o->work == MST_WORK_SUBMITTED || o->work == MST_WORK_UNDER_REVIEW;
}

/* The office, and the lead whose part it is to receive. */
static uint32_t reviewers(const struct mst_obligation *o)
{
    if (!o->bearer[0])
        return MST_TO(DIRECTOR);
    return MST_TO(OFFICE) | (o->counterpart[0] ? MST_TO(COUNTERPART) : 0);
}

static void start_review_clock(struct mst_step *s, struct mst_slot *slot)
{
    const struct mst_duty *duty = mst_slot_duty(s->core, slot);
    slot->o.review_told = false;
    slot->o.review_due = duty && duty->review_days > 0
                             ? mst_workdays_after(s->core->programme, s->now, duty->review_days)
                             : 0;
}

void mst_happen_annul(struct mst_step *s, struct mst_slot *slot, const char *actor)
{
    const char *was = mst_verdict_word(slot->o.verdict);
    slot->o.verdict = MST_VERDICT_NONE;
    slot->o.days_late = 0;
    slot->o.decided_at = 0;
    slot->o.correction_days_late = 0;
    mst_emit_transition(s, slot, "annul", slot->o.work, actor, mst_text(was), s->now);
}

void mst_happen_closed(struct mst_step *s, struct mst_slot *slot, struct mst_slice reason)
{
    slot->o.closed_at = s->now;
    slot->o.review_due = 0;
    mst_notice_send(s, slot, MST_NOTICE_CLOSED, MST_TO(CLERK), reason, s->now);
}

static void close(struct mst_step *s, struct mst_slot *slot, const char *event, const char *actor,
                  struct mst_slice reason)
{
    mst_emit_transition(s, slot, event, MST_WORK_CLOSED, actor, reason, s->now);
    mst_happen_closed(s, slot, reason);
}

/* ---- the bearer's ---- */

void mst_fault_name(const struct mst_form_fault *fault, char *words, size_t size)
{
    char text[MST_FORM_PATH_MAX + 32];
    snprintf(text, sizeof text, "body%s%s: %s", fault->path[0] ? "." : "", fault->path,
             mst_form_fault_word(fault->kind));
    mst_slice_copy(mst_text(text), words, size);
}

static bool name_fault(void *context, const struct mst_form_fault *fault)
{
    struct mst_move *move = context;
    mst_fault_name(fault, move->field, sizeof move->field);
    move->refused = move->field;
    return false;
}

/* By the form in force at the instant of submission: a correction years later is measured by what
 * the programme then asks for. */
static bool body_is_right(const struct mst_core *core, const struct mst_slot *slot,
                          struct mst_move *move)
{
    const struct mst_duty *duty = mst_slot_duty(core, slot);
    struct mst_form_names names =
        mst_programme_names(core->programme, slot->group == MST_NONE ? SIZE_MAX : slot->group);
    if (slot->o.kind == MST_DUTY_REPORT && slot->bearer != MST_NONE) {
        names.bearer = slot->o.bearer;
        names.matters = &core->programme->matters;
    }
    if (!duty || !duty->form)
        return mst_form_check_any(&names, move->body, name_fault, move);
    names.tasks = duty->tasks != MST_TASKS_NONE;
    return mst_form_check(duty->form, &names, move->body, name_fault, move);
}

void mst_happen_version(struct mst_step *s, struct mst_obligation *o, uint64_t row)
{
    o->latest = (struct mst_version){.at = s->now, .row = row};
    if (o->versions_count < MST_VERSIONS_MAX)
        o->versions[o->versions_count] = o->latest;
    o->versions_count++;
}

void mst_happen_settle(struct mst_step *s, struct mst_slot *slot, const struct mst_move *move,
                       const char *event, enum mst_work to)
{
    struct mst_obligation *o = &slot->o;
    if (mst_obligation_correcting(o) && s->now >= o->correction_due)
        o->correction_days_late +=
            mst_schedule_days_late(s->core->programme, o->correction_due, s->now);
    o->extension_pending = false;
    o->extension_until = 0;
    mst_happen_version(s, o, move->row);
    mst_emit_transition(s, slot, event, to, move->actor.name, move->reason, s->now);
    mst_verdict_stamp(s, slot, move->claimed);
    o->correction_due = 0;
    if (o->overdue_told)
        mst_notice_send(s, slot, MST_NOTICE_CLEARED, o->told, mst_text(NULL), s->now);
    o->overdue_told = false;
    o->told = 0;
}

enum mst_code mst_event_submit(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    if (o->kind != MST_DUTY_QUOTA && (o->kind != MST_DUTY_REPORT || o->work == MST_WORK_CLOSED))
        return MST_R_STATE;
    if (!body_is_right(s->core, slot, move))
        return MST_R_FORM;
    if (o->kind == MST_DUTY_QUOTA)
        return mst_quota_submit(s, slot, move);
    enum mst_code code = mst_tasks_check_submission(s, slot, move);
    if (code != MST_OK)
        return code;
    mst_happen_settle(s, slot, move, "submit", MST_WORK_SUBMITTED);
    mst_tasks_submitted(s, slot, move);
    if (slot->bearer != MST_NONE) {
        mst_difficulties_submitted(s, move->body, slot->bearer, o->id);
        mst_projects_submitted(s, move->body, slot->bearer, o->id);
    }
    if (o->closing == MST_CLOSE_AUTOMATIC)
        close(s, slot, "receive", by_itself, mst_text(NULL));
    else
        start_review_clock(s, slot);
    return MST_OK;
}

enum mst_code mst_event_withdraw(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    if (s->now >= slot->o.due)
        return MST_R_AFTER_DUE;
    slot->o.review_due = 0;
    mst_emit_transition(s, slot, "withdraw", MST_WORK_AWAITING, move->actor.name, move->reason,
                        s->now);
    mst_happen_annul(s, slot, move->actor.name);
    mst_ladder_restart(s, slot, false);
    return MST_OK;
}

enum mst_code mst_event_extension(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    const struct mst_programme *p = s->core->programme;
    struct mst_slice until = mst_unpack_text(move->body, "until");
    char text[16], told[1025 + 32]; /* a reason, and the date before it */
    struct mst_slice reason = move->reason;
    mst_day day = MST_DAY_NONE;
    if (s->now >= mst_obligation_deadline(p, o).until)
        return MST_R_AFTER_DUE;
    if (until.data && mst_day_parse(mst_slice_copy(until, text, sizeof text), &day, NULL)) {
        move->refused = "body.until: " N_("is no date");
        return MST_R_FORM;
    }
    o->extension_pending = true;
    o->extension_until = until.data ? mst_zone_midnight(p->zone, day + 1) : 0;
    mst_emit_transition(s, slot, "extension", o->work, move->actor.name, move->reason, s->now);
    /* Who decides it wants the date first; the alert has no field for it. */
    if (until.data) {
        snprintf(told, sizeof told, "until %s: %.*s", text, (int)reason.len,
                 (const char *)reason.data);
        reason = mst_text(told);
    }
    mst_notice_send(s, slot, MST_NOTICE_EXTENSION_REQUESTED, MST_TO(OFFICE), reason, s->now);
    return MST_OK;
}

/* ---- the judge's ---- */

enum mst_code mst_event_receive(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    /* Receiving, approving and putting on record are three things; a duty closes by its own. */
    if (slot->o.closing == MST_CLOSE_APPROVE || slot->o.closing == MST_CLOSE_RECORD)
        return MST_R_STATE;
    close(s, slot, "receive", move->actor.name, move->reason);
    return MST_OK;
}

enum mst_code mst_event_review(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    mst_emit_transition(s, slot, "review", MST_WORK_UNDER_REVIEW, move->actor.name, move->reason,
                        s->now);
    return MST_OK;
}

void mst_happen_correction(struct mst_step *s, struct mst_slot *slot)
{
    const struct mst_programme *p = s->core->programme;
    const struct mst_duty *duty = mst_slot_duty(s->core, slot);
    struct mst_obligation *o = &slot->o;
    const int days_by_default = 5;
    o->correction_due =
        mst_workdays_after(p, s->now, duty ? duty->correction_days : days_by_default);
    if (o->locks == MST_NEVER)
        return;
    mst_time locks = mst_workdays_after(p, o->correction_due - 1, duty ? duty->lock_days : 0);
    if (locks > o->locks)
        o->locks = locks;
}

enum mst_code mst_event_return(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    o->returns++;
    o->review_due = 0;
    o->closed_at = 0;
    mst_emit_transition(s, slot, "return", MST_WORK_RETURNED, move->actor.name, move->reason,
                        s->now);
    mst_happen_correction(s, slot);
    mst_ladder_restart(s, slot, false);
    mst_notice_send(s, slot, MST_NOTICE_RETURNED, MST_TO(CLERK), move->reason, s->now);
    return MST_OK;
}

enum mst_code mst_event_approve(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    if (slot->o.closing != MST_CLOSE_APPROVE)
        return MST_R_STATE;
    close(s, slot, "approve", move->actor.name, move->reason);
    return MST_OK;
}

/* ---- the office's ---- */

/* The number behind "PERIOD-" in a record number that was made here; 0: another sort of number. */
static unsigned made_number(const char *number, const char *period)
{
    size_t len = strlen(period);
    unsigned n = 0;
    if (strncmp(number, period, len) != 0 || number[len] != '-')
        return 0;
    for (const char *c = number + len + 1; *c; c++) {
        if (*c < '0' || *c > '9' || n > 1000000)
            return 0;
        n = n * 10 + (unsigned)(*c - '0');
    }
    return n;
}

/* Highest number made for this duty and period so far; *ret_taken: `number` is another's already.
 */
static unsigned records_so_far(const struct mst_core *core, const struct mst_slot *slot,
                               const char *number, bool *ret_taken)
{
    const struct mst_obligation *o = &slot->o;
    unsigned highest = 0;
    *ret_taken = false;
    for (uint32_t i = 0; i < core->table.count; i++) {
        const struct mst_slot *other = mst_table_at(&core->table, i);
        const struct mst_obligation *x = &other->o;
        if (!x->record_number[0] || other == slot || strcmp(x->duty, o->duty) != 0)
            continue;
        if (number && strcmp(number, x->record_number) == 0)
            *ret_taken = true;
        unsigned n = strcmp(x->period, o->period) ? 0 : made_number(x->record_number, o->period);
        if (n > highest)
            highest = n;
    }
    return highest;
}

enum mst_code mst_number_free(const struct mst_core *core, const struct mst_slot *slot,
                              struct mst_move *move)
{
    bool taken = false;
    if (!move->number[0] || strlen(move->number) >= MST_RECORD_NUMBER_MAX) {
        move->refused = "number: " N_("is empty or too long");
        return MST_R_FORM;
    }
    (void)records_so_far(core, slot, move->number, &taken);
    if (taken)
        move->refused = move->number;
    return taken ? MST_E_EXISTS : MST_OK;
}

enum mst_code mst_event_record(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    bool taken = false;
    if (o->closing != MST_CLOSE_RECORD)
        return MST_R_STATE;
    enum mst_code code = move->number ? mst_number_free(s->core, slot, move) : MST_OK;
    if (code != MST_OK)
        return code;
    unsigned highest = records_so_far(s->core, slot, NULL, &taken);
    if (move->number)
        snprintf(o->record_number, sizeof o->record_number, "%s", move->number);
    else if (!o->record_number[0]) /* one that was reopened keeps its number */
        snprintf(o->record_number, sizeof o->record_number, "%s-%02u", o->period, highest + 1);
    close(s, slot, "record", move->actor.name,
          move->reason.data ? move->reason : mst_text(o->record_number));
    return MST_OK;
}

enum mst_code mst_event_void(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    if (slot->o.kind == MST_DUTY_QUOTA)
        return mst_quota_void(s, slot, move);
    if (slot->o.work == MST_WORK_AWAITING)
        return MST_R_STATE;
    slot->o.review_due = 0;
    slot->o.correction_due = 0;
    slot->o.closed_at = 0;
    mst_emit_transition(s, slot, "void", MST_WORK_AWAITING, move->actor.name, move->reason, s->now);
    mst_happen_annul(s, slot, move->actor.name);
    mst_notice_send(s, slot, MST_NOTICE_VOIDED, MST_TO(CLERK), move->reason, s->now);
    /* Nothing has been submitted, then: where the deadline has passed it is overdue as of then; and
     * where the lock has passed too, that is all there is to be told. */
    mst_ladder_restart(s, slot, s->now < slot->o.locks);
    return MST_OK;
}

enum mst_code mst_event_urge(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    slot->o.urges++;
    mst_emit_transition(s, slot, "urge", slot->o.work, move->actor.name, move->reason, s->now);
    mst_notice_send(s, slot, MST_NOTICE_URGE, MST_TO(CLERK), move->reason, s->now);
    return MST_OK;
}

/* While returned, or vacated, it is the correction's clock that is extended: v1's timeliness
 * stands. */
static void move_deadline(struct mst_step *s, struct mst_slot *slot, mst_day day)
{
    struct mst_obligation *o = &slot->o;
    if (!mst_obligation_correcting(o)) {
        mst_dates_extend(s->core, slot, day);
        return;
    }
    o->correction_due = mst_zone_midnight(s->core->programme->zone, day + 1);
    if (o->locks != MST_NEVER && o->locks < o->correction_due)
        o->locks = o->correction_due;
}

enum mst_code mst_event_extend(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    const struct mst_programme *p = s->core->programme;
    struct mst_deadline deadline = mst_obligation_deadline(p, o);
    uint32_t told = o->told | MST_TO(CLERK);
    /* Asked for in time and granted late is what a pending request is for. */
    if (s->now >= deadline.until && !o->extension_pending && !move->override)
        return MST_R_AFTER_DUE;
    if (move->until == MST_DAY_NONE || move->until <= deadline.day ||
        mst_zone_midnight(p->zone, move->until + 1) <= s->now) {
        move->refused = "until: " N_("must lie after the due date in force, and ahead");
        return MST_R_FORM;
    }
    move_deadline(s, slot, move->until);
    o->due_revision++;
    o->extension_pending = false;
    o->extension_until = 0;
    mst_emit_transition(s, slot, "extend", o->work, move->actor.name, move->reason, s->now);
    mst_ladder_restart(s, slot, false);
    mst_notice_send(s, slot, MST_NOTICE_EXTENDED, told, move->reason, s->now);
    return MST_OK;
}

enum mst_code mst_event_refuse_extension(struct mst_step *s, struct mst_slot *slot,
                                         struct mst_move *move)
{
    if (!slot->o.extension_pending)
        return MST_R_STATE;
    slot->o.extension_pending = false;
    slot->o.extension_until = 0;
    mst_emit_transition(s, slot, "refuse-extension", slot->o.work, move->actor.name, move->reason,
                        s->now);
    mst_notice_send(s, slot, MST_NOTICE_EXTENSION_REFUSED, MST_TO(CLERK), move->reason, s->now);
    return MST_OK;
}

enum mst_code mst_event_waive(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    uint32_t told = slot->o.told | MST_TO(CLERK);
    slot->o.extension_pending = false;
    slot->o.overdue_told = false;
    slot->o.told = 0;
    mst_emit_transition(s, slot, "waive", MST_WORK_WAIVED, move->actor.name, move->reason, s->now);
    mst_notice_send(s, slot, MST_NOTICE_WAIVED, told, move->reason, s->now);
    return MST_OK;
}

enum mst_code mst_event_unlock(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    const struct mst_duty *duty = mst_slot_duty(s->core, slot);
    if (!o->locked)
        return MST_R_STATE;
    o->locked = false;
    /* It is open for as long again as it was after the due date; the verdict stays what it is. */
    o->locks = duty && duty->lock_days > 0
                   ? mst_workdays_after(s->core->programme, s->now, duty->lock_days)
                   : MST_NEVER;
    mst_emit_transition(s, slot, "unlock", o->work, move->actor.name, move->reason, s->now);
    mst_ladder_skip(s, slot, s->now, false);
    mst_notice_send(s, slot, MST_NOTICE_UNLOCKED, MST_TO(CLERK), move->reason, s->now);
    return MST_OK;
}

enum mst_code mst_event_reopen(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    if (mst_task_amended_since(s->core, &slot->o))
        return MST_R_STATE;
    /* Neither is a report to be reviewed: a name is vacated, a difficulty is raised again. */
    if (slot->o.kind == MST_DUTY_POST || slot->o.kind == MST_DUTY_REPLY)
        return MST_R_STATE;
    /* closed_at and the record number stay: the old closure is kept until there is a new one. */
    mst_emit_transition(s, slot, "reopen", MST_WORK_UNDER_REVIEW, move->actor.name, move->reason,
                        s->now);
    start_review_clock(s, slot);
    mst_notice_send(s, slot, MST_NOTICE_REOPENED, MST_TO(CLERK), move->reason, s->now);
    return MST_OK;
}

/* ---- time's own ---- */

static void lock(struct mst_step *s, struct mst_slot *slot)
{
    struct mst_obligation *o = &slot->o;
    bool missing = o->verdict == MST_VERDICT_NONE;
    o->locked = true;
    if (missing)
        o->verdict = MST_VERDICT_MISSING;
    mst_emit_transition(s, slot, "lock", o->work, by_time, mst_text(NULL), o->locks);
    if (missing)
        mst_emit_verdict(s, slot);
    mst_notice_send(s, slot, MST_NOTICE_LOCKED, MST_TO(CLERK) | MST_TO(OFFICE) | o->told,
                    mst_text(NULL), o->locks);
}

void mst_event_time(struct mst_step *s, struct mst_slot *slot)
{
    struct mst_obligation *o = &slot->o;
    if (with_judge(o)) {
        assert(o->review_due && !o->review_told);
        o->review_told = true;
        mst_notice_send(s, slot, MST_NOTICE_REVIEW_OVERDUE, reviewers(o), mst_text(NULL),
                        o->review_due);
        return;
    }
    mst_time pace = mst_quota_pace_next(s->core, slot), rung = mst_ladder_next(s->core, slot);
    if (pace <= rung && pace <= o->locks)
        mst_quota_pace_tell(s, slot);
    else if (rung <= o->locks)
        mst_ladder_fire(s, slot);
    else
        lock(s, slot);
}
