/* SPDX-License-Identifier: Apache-2.0 */
/* Queries about who owes what, how it stands, and how it came to stand so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/driver/history.h"
#include "broker/io/query.h"

struct walk {
    struct mst_query *q;
    struct mst_err *err;
    int code;
};

static const struct mst_duty *duty_of(const struct mst_query *q, const struct mst_obligation *o)
{
    size_t duty = mst_programme_duty(q->programme, o->duty);
    return duty == SIZE_MAX ? NULL : &q->programme->duties[duty];
}

/*
 * Who asks for what is overdue wants what is escalated, too, and nothing that has been handed in.
 */
static bool in_wanted_phase(const struct mst_query *q, const struct mst_obligation *o)
{
    struct mst_slice phase_wanted = mst_unpack_text(q->args, "phase");
    if (!phase_wanted.data)
        return true;
    enum mst_phase phase = mst_obligation_phase(q->programme, o, q->now, NULL);
    if (!mst_obligation_phase_tells(phase, o))
        return false;
    return mst_slice_is(phase_wanted, mst_phase_word(phase)) ||
           (phase == MST_PHASE_ESCALATED &&
            mst_slice_is(phase_wanted, mst_phase_word(MST_PHASE_OVERDUE)));
}

static bool wanted(const struct mst_query *q, const struct mst_obligation *o)
{
    return mst_query_matches(q, "unit", o->bearer) && mst_query_matches(q, "group", o->group) &&
           mst_query_matches(q, "duty", o->duty) && mst_query_matches(q, "period", o->period) &&
           in_wanted_phase(q, o) && mst_query_matches(q, "work", mst_work_word(o->work)) &&
           mst_query_matches(q, "verdict", mst_verdict_word(o->verdict)) &&
           (o->extension_pending || !mst_unpack_text(q->args, "asked").data);
}

/* What the office owes itself has no unit as its bearer; people and the calendar say "office". */
static const char *bearer_word(const struct mst_obligation *o)
{
    return o->bearer[0] ? o->bearer : "office";
}

/* ---- why more time is asked for ---- */

static int take_asked_reason(void *context, const struct mst_row *row)
{
    char **reason = context;
    struct mst_slice why = mst_unpack_text(row->bytes, "reason");
    if (!mst_slice_is(mst_unpack_text(row->bytes, "event"), "extension") || !why.data)
        return 0;
    free(*reason);
    *reason = strndup((const char *)why.data, why.len);
    return 0;
}

/* The last request's, from the history: the obligation itself keeps only the date. NULL: it gives
 * none; otherwise the caller's. */
static int find_asked_reason(struct mst_query *q, const char *id, char **ret_reason,
                             struct mst_err *err)
{
    *ret_reason = NULL;
    return mst_history_rows(q->reader, q->pid, id, take_asked_reason, ret_reason, err);
}

static int put_row(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    const struct mst_duty *duty = duty_of(q, o);
    char due_day[16];
    int level = 0;
    enum mst_phase phase = mst_obligation_phase(q->programme, o, q->now, &level);
    bool phase_tells = mst_obligation_phase_tells(phase, o);
    char *asked_reason = NULL;
    int code = o->extension_pending ? find_asked_reason(q, o->id, &asked_reason, err) : 0;
    if (code)
        return code;
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 28 + MST_NAMED_PAIRS);
    mst_query_pack_text(b, "id", o->id);
    mst_query_pack_text(b, "programme", q->programme->id);
    mst_query_pack_text(b, "duty", o->duty);
    mst_query_pack_text(b, "title_zh", duty ? duty->title.zh : "");
    mst_query_pack_text(b, "title_en", duty ? duty->title.en : "");
    mst_query_pack_text(b, "period", o->period);
    mst_query_pack_unit(q, b, "bearer", bearer_word(o));
    mst_query_pack_text(b, "group", o->group);
    mst_query_pack_text(b, "counterpart", mst_query_counterpart(o));
    mst_query_pack_instant(q, b, "opens", o->opens);
    mst_query_pack_instant(q, b, "due", o->due);
    mst_query_pack_text(b, "due_day", mst_day_format(o->due_day, due_day));
    mst_query_pack_instant(q, b, "grace_until", o->grace_until);
    mst_query_pack_instant(q, b, "original_due", o->original_due);
    mst_query_pack_instant(q, b, "locks", o->locks);
    mst_pack_text(b, "provisional");
    mst_pack_bool(b, o->provisional);
    mst_query_pack_text(b, "phase", phase_tells ? mst_phase_word(phase) : "");
    mst_pack_text(b, "level");
    mst_pack_int(b, level);
    mst_query_pack_text(b, "work", mst_work_word(o->work));
    mst_query_pack_text(b, "verdict", mst_verdict_word(o->verdict));
    mst_pack_text(b, "days_late");
    mst_pack_int(b, o->days_late);
    mst_query_pack_instant(q, b, "submitted", o->versions_count ? o->latest.at : 0);
    mst_pack_text(b, "receipt");
    mst_pack_uint(b, o->versions_count ? o->latest.row : 0);
    mst_pack_text(b, "returns");
    mst_pack_uint(b, o->returns);
    mst_query_pack_text(b, "record_number", o->record_number);
    mst_pack_text(b, "asked");
    mst_pack_bool(b, o->extension_pending);
    mst_query_pack_instant(q, b, "asked_until", o->extension_until);
    mst_query_pack_text(b, "asked_reason", asked_reason ? asked_reason : "");
    free(asked_reason);
    mst_query_pack_text(b, "clause", duty ? duty->clause : "");
    return mst_query_row_end(q, err);
}

static int visit(void *context, const char *id, struct mst_slice bytes)
{
    struct walk *w = context;
    struct mst_obligation o;
    (void)id;
    w->code = mst_obligation_unpack(bytes, &o, w->err);
    if (!w->code && mst_query_may_progress(w->q, o.kind, o.bearer, o.group) && wanted(w->q, &o))
        w->code = put_row(w->q, &o, w->err);
    return w->code;
}

int mst_query_obligations(struct mst_query *q, struct mst_err *err)
{
    struct walk w = {.q = q, .err = err};
    int code = mst_reader_obligations(q->reader, q->pid, visit, &w, err);
    return code ? code : w.code;
}

/* ---- one, with its history ---- */

struct history {
    struct mst_query *q;
    struct mst_err *err;
    int code;
};

static int visit_transition(void *context, const struct mst_row *row)
{
    struct history *h = context;
    char name[32];
    snprintf(name, sizeof name, "row %llu", (unsigned long long)row->row);
    h->code = mst_query_say_transition(h->q, name, MST_SAY_MOVED, row, h->err);
    return h->code;
}

static int put_pairs(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    const struct mst_duty *duty = duty_of(q, o);
    enum mst_phase phase = mst_obligation_phase(q->programme, o, q->now, NULL);
    char late[16], returns[16], receipt[24] = ""; /* nothing was received: it has none */
    snprintf(late, sizeof late, "%d", o->days_late);
    snprintf(returns, sizeof returns, "%u", o->returns);
    if (o->versions_count)
        snprintf(receipt, sizeof receipt, "%llu", (unsigned long long)o->latest.row);
    const struct mst_query_pair texts[] = {
        {"id", o->id, NULL},
        {"duty", o->duty, mst_query_pack_duty},
        {"clause", duty ? duty->clause : "", NULL},
        {"period", o->period, NULL},
        {"bearer", bearer_word(o), mst_query_pack_unit},
        {"group", o->group, mst_query_pack_group},
        {"counterpart", mst_query_counterpart(o), mst_query_pack_unit},
        {"phase", mst_obligation_phase_tells(phase, o) ? mst_phase_word(phase) : "", NULL},
        {"work", mst_work_word(o->work), NULL},
        {"verdict", mst_verdict_word(o->verdict), NULL},
        {"days_late", late, NULL},
        {"returns", returns, NULL},
        {"receipt", receipt, NULL},
        {"record_number", o->record_number, NULL},
    };
    const struct {
        const char *name;
        mst_time at;
    } instants[] = {
        {"opens", o->opens},
        {"due", o->due},
        {"grace_until", o->grace_until},
        {"original_due", o->original_due},
        {"locks", o->locks},
        {"correction_due", o->correction_due},
        {"review_due", o->review_due},
        {"submitted", o->versions_count ? o->latest.at : 0},
        {"closed", o->closed_at},
        {"acknowledged", o->acknowledged_at},
        {"asked_until", o->extension_pending ? o->extension_until : 0},
    };
    int code = mst_query_pairs(q, texts, sizeof texts / sizeof texts[0], err);
    for (size_t i = 0; !code && i < sizeof instants / sizeof instants[0]; i++)
        code = mst_query_pair_instant(q, instants[i].name, instants[i].at, err);
    return code;
}

/* Who holds a post, and who held it: names and dates; how to reach them is in the programme. */
static int put_holders(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    size_t at = mst_programme_duty(q->programme, o->duty);
    const struct mst_duty *duty = at == SIZE_MAX ? NULL : &q->programme->duties[at];
    int code = 0;
    for (uint32_t i = 0; !code && i < o->holders_count; i++) {
        const struct mst_holder *h = &o->holders[i];
        char name[32];
        snprintf(name, sizeof name, "holder %u", i + 1);
        const struct mst_post *post = mst_duty_post(duty, h->post);
        struct mst_buf *b = mst_query_say(q, name, MST_SAY_HOLDER, 6);
        mst_query_pack_text(b, "post", h->post);
        mst_query_pack_text(b, "post_zh", post ? post->name.zh : "");
        mst_query_pack_text(b, "post_en", post ? post->name.en : "");
        mst_query_pack_text(b, "name", h->name);
        mst_query_pack_instant(q, b, "from", h->from);
        mst_query_pack_instant(q, b, "until", h->until);
        code = mst_query_row_end(q, err);
    }
    return code;
}

int mst_query_show(struct mst_query *q, struct mst_err *err)
{
    char id[MST_OBLIGATION_ID_MAX];
    struct mst_obligation o;
    bool found;
    if (!mst_query_arg(q, "obligation", id, sizeof id))
        return mst_fail(err, MST_E_USAGE, "obligation");
    int code = mst_query_obligation(q, id, &found, &o, err);
    if (!code && !(found && mst_query_may_progress(q, o.kind, o.bearer, o.group)))
        return mst_fail(err, MST_R_NO_SUCH, "%s", id);
    if (!code)
        code = put_pairs(q, &o, err);
    if (!code)
        code = put_holders(q, &o, err);
    struct history h = {.q = q, .err = err};
    if (!code)
        code = mst_history_rows(q->reader, q->pid, id, visit_transition, &h, err);
    return code ? code : h.code;
}

/* ---- units ---- */

struct tally {
    const struct mst_programme *programme;
    mst_time now;
    const char *unit;
    unsigned open, overdue;
    int code;
    struct mst_err *err;
};

static int tally_one(void *context, const char *id, struct mst_slice bytes)
{
    struct tally *t = context;
    struct mst_obligation o;
    (void)id;
    t->code = mst_obligation_unpack(bytes, &o, t->err);
    if (t->code || strcmp(o.bearer, t->unit) != 0 || !mst_obligation_ball_with_bearer(&o))
        return t->code;
    enum mst_phase phase = mst_obligation_phase(t->programme, &o, t->now, NULL);
    t->open++;
    t->overdue += phase >= MST_PHASE_OVERDUE;
    return 0;
}

static int put_unit(struct mst_query *q, size_t index, struct mst_err *err)
{
    const struct mst_programme *p = q->programme;
    const struct mst_unit *unit = &p->units[index];
    size_t group = mst_programme_group_of(p, index);
    const char *group_id = group == SIZE_MAX ? "" : p->groups[group].id;
    const char *role = mst_programme_leads(p, index) ? "lead"
                       : group == SIZE_MAX           ? "outside"
                                                     : "member";
    if (!mst_query_matches(q, "group", group_id) || !mst_query_may(q, unit->id, group_id))
        return 0;
    struct tally t = {.programme = p, .now = q->now, .unit = unit->id, .err = err};
    int code = mst_reader_obligations(q->reader, q->pid, tally_one, &t, err);
    if (code || t.code)
        return code ? code : t.code;
    mst_time seen = 0;
    bool connected = false;
    for (size_t i = 0; i < q->seen_count; i++) {
        if (strcmp(q->seen[i].unit, unit->id) == 0) {
            seen = q->seen[i].wall_ms > seen ? q->seen[i].wall_ms : seen;
            connected = connected || q->seen[i].connected;
        }
    }
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 9);
    mst_query_pack_text(b, "id", unit->id);
    mst_query_pack_text(b, "name", unit->name.zh);
    mst_query_pack_text(b, "name_en", unit->name.en);
    mst_query_pack_text(b, "group", group_id);
    mst_query_pack_text(b, "role", role);
    mst_pack_text(b, "open");
    mst_pack_uint(b, t.open);
    mst_pack_text(b, "overdue");
    mst_pack_uint(b, t.overdue);
    mst_query_pack_instant(q, b, "last_contact", seen);
    mst_pack_text(b, "connected");
    mst_pack_bool(b, connected);
    return mst_query_row_end(q, err);
}

int mst_query_units(struct mst_query *q, struct mst_err *err)
{
    int code = 0;
    for (size_t i = 0; !code && i < q->programme->units_count; i++)
        code = put_unit(q, i, err);
    return code;
}
