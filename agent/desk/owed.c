/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the unit owes, as the broker has told this agent: held against what somebody is about to
 * write or ask for. Refuses only what no broker could take; the rest is told, since the broker may
 * know more by now.
 */
#include "agent/desk/desk.h"

#include <stdio.h>
#include <string.h>

#include "config/load/load.h"
#include "config/model/date.h"
#include "config/model/zone.h"
#include "proto/pack.h"

#define PERIODS_SHOWN_MAX 8

/* The next of the unit's obligations; `cursor` begins as 0. */
static bool next_obligation(const struct mst_brief *brief, size_t *cursor, struct mst_slice *ret)
{
    struct mst_unpack u;
    if (*cursor >= brief->obligations.len)
        return false;
    mst_unpack_init(&u, brief->obligations.data + *cursor, brief->obligations.len - *cursor);
    if (!mst_unpack_skip(&u, ret))
        return false;
    *cursor += ret->len;
    return true;
}

static bool find_by_id(const struct mst_brief *brief, const char *id, struct mst_slice *ret)
{
    size_t cursor = 0;
    while (next_obligation(brief, &cursor, ret)) {
        if (mst_slice_is(mst_unpack_text(*ret, "id"), id))
            return true;
    }
    return false;
}

static bool find(const struct mst_brief *brief, const char *duty, const char *period,
                 struct mst_slice *ret)
{
    size_t cursor = 0;
    while (next_obligation(brief, &cursor, ret)) {
        if (mst_slice_is(mst_unpack_text(*ret, "duty"), duty) &&
            mst_slice_is(mst_unpack_text(*ret, "period"), period))
            return true;
    }
    return false;
}

/* "2023Q3, 2023Q4": the periods for which something of this duty is still to come. */
static void list_periods(const struct mst_brief *brief, const char *duty, char *text, size_t size)
{
    struct mst_slice row;
    size_t cursor = 0, used = 0, shown = 0;
    text[0] = '\0';
    while (next_obligation(brief, &cursor, &row) && shown < PERIODS_SHOWN_MAX && used < size) {
        struct mst_slice work = mst_unpack_text(row, "work");
        char period[16];
        if (!mst_slice_is(mst_unpack_text(row, "duty"), duty) ||
            !(mst_slice_is(work, "awaiting") || mst_slice_is(work, "returned")))
            continue;
        mst_slice_copy(mst_unpack_text(row, "period"), period, sizeof period);
        used += (size_t)snprintf(text + used, size - used, "%s%s", shown++ ? ", " : "", period);
    }
}

void mst_desk_tell_not_owed(const struct mst_brief *brief, const char *duty, const char *period)
{
    struct mst_slice row;
    char periods[160];
    if (!brief->known || find(brief, duty, period, &row))
        return;
    list_periods(brief, duty, periods, sizeof periods);
    fprintf(stderr, _("as far as the broker has told, nothing is owed under %s for %s"), duty,
            period);
    if (periods[0])
        fprintf(stderr, _("; owed: %s"), periods);
    fputc('\n', stderr);
}

/* The last day on which it is in time; MST_DAY_NONE: not known, or it is a correction that is due.
 */
static mst_day due_day(struct mst_slice row)
{
    static const char midnight[] = "T00:00:00";
    struct mst_slice due = mst_unpack_text(row, "due");
    char date[sizeof "2023-10-11"];
    mst_day day;
    size_t len = sizeof date - 1;
    if (mst_slice_is(mst_unpack_text(row, "work"), "returned") ||
        due.len < len + sizeof midnight - 1 ||
        mst_day_parse(mst_slice_copy(due, date, sizeof date), &day, NULL))
        return MST_DAY_NONE;
    return memcmp(due.data + len, midnight, sizeof midnight - 1) == 0 ? day - 1 : day;
}

static bool find_aim(const struct mst_brief *brief, const struct mst_desk_aim *aim,
                     struct mst_slice *ret)
{
    return brief->known && (aim->obligation[0] ? find_by_id(brief, aim->obligation, ret)
                                               : find(brief, aim->duty, aim->period, ret));
}

int mst_desk_check_later(const struct mst_brief *brief, const struct mst_desk_aim *aim,
                         mst_day until, struct mst_err *err)
{
    struct mst_slice row;
    char date[16];
    bool found = find_aim(brief, aim, &row);
    mst_day due = found ? due_day(row) : MST_DAY_NONE;
    if (due == MST_DAY_NONE || until > due)
        return 0;
    mst_fail(err, MST_E_INVALID, _("--until %s is no later than the due date"),
             mst_day_format(until, date));
    mst_hint(err, _("it is due on %s; ask for a later date"), mst_day_format(due, date));
    return MST_E_INVALID;
}

/* ---- what was submitted already ---- */

static bool is_past_due(struct mst_slice row, mst_time now)
{
    char due[MST_INSTANT_TEXT_MAX];
    mst_time at;
    mst_slice_copy(mst_unpack_text(row, "due"), due, sizeof due);
    /* The broker writes it with its offset: no zone is asked. */
    static const struct mst_zone utc = {.name = "UTC"};
    return mst_zone_parse(&utc, due, &at, NULL) == 0 && now >= at;
}

void mst_desk_hint_submitted(const struct mst_brief *brief, const struct mst_desk_aim *aim,
                             mst_time now, struct mst_err *err)
{
    struct mst_slice row;
    char work[24], id[128];
    if (!find_aim(brief, aim, &row))
        return;
    mst_slice_copy(mst_unpack_text(row, "work"), work, sizeof work);
    mst_slice_copy(mst_unpack_text(row, "id"), id, sizeof id);
    if (strcmp(work, "submitted") == 0 && now && !is_past_due(row, now))
        mst_hint(err,
                 _("it is with the receiver; `muster-agent withdraw %s` takes it back before its "
                   "review and its due date"),
                 id);
    else if (strcmp(work, "submitted") == 0)
        mst_hint(err, "%s",
                 _("it is with the receiver, and after its due date nothing is taken back: ask "
                   "them to return it"));
    else if (strcmp(work, "under-review") == 0)
        mst_hint(err, "%s", _("its review has begun: ask the receiver to return it"));
    else if (strcmp(work, "closed") == 0)
        mst_hint(err, "%s",
                 _("it is closed; the office can open it again (`musterctl reopen`) and return "
                   "it"));
}

void mst_desk_hint_duty(const struct mst_brief *brief, const char *word,
                        char hint[MST_ERR_HINT_MAX])
{
    const char *ids[MST_DESK_DUTIES_MAX];
    size_t used;
    for (size_t i = 0; i < brief->duties_count; i++)
        ids[i] = brief->duties[i].id;
    const char *near = mst_nearest(word, ids, brief->duties_count);
    if (near) {
        snprintf(hint, MST_ERR_HINT_MAX, _("did you mean %s?"), near);
        return;
    }
    used = (size_t)snprintf(hint, MST_ERR_HINT_MAX, "%s", _("it has: "));
    for (size_t i = 0; i < brief->duties_count && used < MST_ERR_HINT_MAX; i++)
        used +=
            (size_t)snprintf(hint + used, MST_ERR_HINT_MAX - used, "%s%s", i ? ", " : "", ids[i]);
}

int mst_desk_check_duty(const struct mst_brief *brief, const char *duty, struct mst_err *err)
{
    if (brief->duties_count == 0 || mst_brief_duty(brief, duty))
        return 0;
    mst_fail(err, MST_E_UNKNOWN, _("the unit has no duty %s"), duty);
    mst_desk_hint_duty(brief, duty, err->hint);
    return MST_E_UNKNOWN;
}

/* ---- what a command is aimed at ---- */

static int refuse_aim(struct mst_err *err)
{
    int code =
        mst_fail(err, MST_E_USAGE, "%s", _("either an obligation's id, or a duty and its period"));
    mst_hint(err, "%s", _("`muster-agent status` lists the ids"));
    return code;
}

static int no_such(const char *what, struct mst_err *err)
{
    int code =
        mst_fail(err, MST_E_UNKNOWN, _("%s is no obligation, duty or task of the unit"), what);
    mst_hint(err, "%s",
             _("`muster-agent status` lists the obligations by their ids, `muster-agent tasks` the "
               "tasks"));
    return code;
}

/* "DUTY/PERIOD/BEARER", and what may follow. */
static int aim_at_id(const struct mst_brief *brief, const char *id, struct mst_desk_aim *aim,
                     struct mst_err *err)
{
    struct mst_slice row;
    const char *period = strchr(id, '/') + 1, *bearer = strchr(period, '/');
    struct mst_desk_aim found = {.task = ""};
    if (!bearer || !bearer[1] || (size_t)(period - id) > sizeof found.duty ||
        (size_t)(bearer - period) >= sizeof found.period || strlen(id) >= sizeof found.obligation)
        return no_such(id, err);
    mst_slice_copy(mst_bytes(id, (size_t)(period - id) - 1), found.duty, sizeof found.duty);
    mst_slice_copy(mst_bytes(period, (size_t)(bearer - period)), found.period, sizeof found.period);
    snprintf(found.obligation, sizeof found.obligation, "%s", id);
    bool known = brief->known && find_by_id(brief, id, &row);
    if (!known && mst_desk_check_period(found.period, err))
        return no_such(id, err);
    if (!known)
        mst_desk_tell_not_owed(brief, found.duty, found.period);
    *aim = found;
    return 0;
}

static bool is_task(const struct mst_brief *brief, const char *id)
{
    struct mst_slice row;
    size_t cursor = 0;
    while (mst_brief_task(brief, &cursor, &row)) {
        if (mst_slice_is(mst_unpack_text(row, "id"), id))
            return true;
    }
    return false;
}

/* A word alone: a task, or a duty that lacks its period. */
static int aim_at_word(const struct mst_brief *brief, const char *word, struct mst_desk_aim *aim,
                       struct mst_err *err)
{
    char periods[160];
    if (is_task(brief, word)) {
        *aim = (struct mst_desk_aim){.task = ""};
        snprintf(aim->task, sizeof aim->task, "%s", word);
        snprintf(aim->duty, sizeof aim->duty, "%s", brief->tasks_under);
        snprintf(aim->period, sizeof aim->period, "%s", brief->tasks_period);
        return 0;
    }
    if (brief->known && !mst_brief_duty(brief, word))
        return no_such(word, err);
    int code = refuse_aim(err);
    list_periods(brief, word, periods, sizeof periods);
    if (periods[0])
        mst_hint(err, _("of %s is owed: %s"), word, periods);
    return code;
}

int mst_desk_aim(const struct mst_brief *brief, const char *what, const char *period,
                 struct mst_desk_aim *ret, struct mst_err *err)
{
    bool is_id = strchr(what, '/') != NULL;
    if (is_id && period)
        return refuse_aim(err);
    if (is_id)
        return aim_at_id(brief, what, ret, err);
    if (!period)
        return aim_at_word(brief, what, ret, err);
    int code = mst_desk_check_period(period, err);
    if (code)
        return code;
    *ret = (struct mst_desk_aim){.task = ""};
    snprintf(ret->duty, sizeof ret->duty, "%s", what);
    snprintf(ret->period, sizeof ret->period, "%s", period);
    return 0;
}
