/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an obligation stands as it does: who owes what to whom by which clause; how its due instant
 * came about, day by day; what moved it since; and the event that decided its verdict. Repeats the
 * reckoning in words; what counts is what the core did, which the ledger's rows show.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/io/query.h"

/* A rule counts tens of days; what is longer is not read by anybody. */
#define DAYS_SHOWN_MAX 90

static const char *occasion_of(const struct mst_calendar *cal, mst_day day)
{
    for (size_t i = 0; i < cal->exceptions_count; i++) {
        if (cal->exceptions[i].day == day)
            return cal->exceptions[i].occasion;
    }
    return NULL;
}

/* One day of the count, "day 2023-10-07": "Sat, working day 1 (…)". Names are unique. */
static int put_day(struct mst_query *q, mst_day day, int counted, const char *what,
                   struct mst_err *err)
{
    static const char *const weekdays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    const char *occasion = occasion_of(q->programme->calendar, day);
    bool works = mst_calendar_works(q->programme->calendar, day);
    char date[16], name[24], kind[48], text[256];
    if (what)
        snprintf(kind, sizeof kind, "%s", what);
    else if (works)
        snprintf(kind, sizeof kind, "working day %d", counted);
    else
        snprintf(kind, sizeof kind, occasion ? "holiday" : "day off");
    snprintf(name, sizeof name, "day %s", mst_day_format(day, date));
    snprintf(text, sizeof text, "%s, %s%s%s%s", weekdays[mst_weekday(day)], kind,
             occasion ? " (" : "", occasion ? occasion : "", occasion ? ")" : "");
    return mst_query_pair(q, name, text, err);
}

/* Count n working days from `day` on, exclusively, in the direction of n. */
static int put_counted(struct mst_query *q, mst_day day, int n, struct mst_err *err)
{
    int step = n < 0 ? -1 : 1, counted = 0, wanted = n < 0 ? -n : n, code = 0;
    for (int shown = 0; !code && counted < wanted && shown < DAYS_SHOWN_MAX; shown++) {
        day += step;
        if (mst_calendar_works(q->programme->calendar, day))
            counted++;
        code = put_day(q, day, counted, NULL, err);
    }
    return code;
}

/* Days passed over while a date is rolled to a working day. */
static int put_rolled(struct mst_query *q, mst_day from, mst_day to, struct mst_err *err)
{
    int step = to < from ? -1 : 1, code = 0;
    for (mst_day day = from; !code && day != to; day += step)
        code = put_day(q, day, 0, "rolled on", err);
    return code;
}

/* Working days as mst_schedule_dates() counts them: see mst_date_rule. */
static int put_working_days(struct mst_query *q, const struct mst_date_rule *r,
                            const struct mst_period *period, struct mst_err *err)
{
    const struct mst_calendar *cal = q->programme->calendar;
    if (r->anchor == MST_ANCHOR_END && r->n < 0) {
        mst_day zero = mst_calendar_roll(cal, period->last, MST_ROLL_PRECEDING);
        int code = put_rolled(q, period->last, zero, err);
        if (!code)
            code = put_day(q, zero, 0, "day 0, the last working day of the period", err);
        return code ? code : put_counted(q, zero, r->n, err);
    }
    /* After the end and before the start the next day counts; after the start the first itself. */
    mst_day from = r->anchor == MST_ANCHOR_END ? period->last
                   : r->n < 0                  ? period->first
                                               : period->first - 1;
    return put_counted(q, from, r->n, err);
}

static int put_fixed(struct mst_query *q, const struct mst_date_rule *r,
                     const struct mst_period *period, struct mst_err *err)
{
    const struct mst_calendar *cal = q->programme->calendar;
    int year = period->year + r->year_offset;
    int days = mst_days_in_month(year, r->month);
    mst_day day = mst_day_of(year, r->month, r->day < days ? r->day : days);
    mst_day rolled = mst_calendar_roll(cal, day, r->roll);
    int code = put_rolled(q, day, rolled, err);
    return code ? code : put_day(q, rolled, 0, "the date of the rule", err);
}

static int put_days(struct mst_query *q, const struct mst_duty *duty,
                    const struct mst_obligation *o, const struct mst_period *period,
                    struct mst_err *err)
{
    const struct mst_date_rule *r = &duty->due;
    if (memcmp(o->calendar, q->programme->calendar->digest, MST_DIGEST_BYTES) != 0 ||
        o->rule_version != duty->version)
        return mst_query_pair(q, "note",
                              "pinned by an earlier rule or calendar than the one in force", err);
    for (size_t i = 0; i < duty->notes_count; i++) {
        if (strcmp(duty->notes[i].key, o->period) == 0)
            return mst_query_pair(q, "note", "the programme names the date for this period", err);
    }
    if (r->fixed)
        return put_fixed(q, r, period, err);
    if (r->unit == MST_OFFSET_WORKING_DAYS && r->n != 0)
        return put_working_days(q, r, period, err);
    return 0;
}

/* ---- what happened ---- */

struct telling {
    struct mst_query *q;
    const char *id;
    struct mst_err *err;
    int code;
    char decided[560]; /* the row that wrote the verdict that stands */
};

static int tell_row(void *context, const struct mst_row *row)
{
    struct telling *t = context;
    if (row->kind != MST_ROW_TRANSITION ||
        !mst_slice_is(mst_unpack_text(row->bytes, "obligation"), t->id))
        return 0;
    char event[48], verdict[24], actor[72], reason[257], at[MST_INSTANT_TEXT_MAX];
    char name[32], text[512];
    mst_slice_copy(mst_unpack_text(row->bytes, "event"), event, sizeof event);
    mst_slice_copy(mst_unpack_text(row->bytes, "verdict"), verdict, sizeof verdict);
    mst_slice_copy(mst_unpack_text(row->bytes, "actor"), actor, sizeof actor);
    mst_slice_copy(mst_unpack_text(row->bytes, "reason"), reason, sizeof reason);
    mst_zone_format(t->q->programme->zone, mst_unpack_int(row->bytes, "instant", row->at), at);
    snprintf(name, sizeof name, "row %" PRIu64, row->row);
    snprintf(text, sizeof text, "%s by %s, %s%s%s", event, actor, at, reason[0] ? ": " : "",
             reason);
    if (verdict[0])
        snprintf(t->decided, sizeof t->decided, "%s: %s", name, text);
    static const char *const moving[] = {
        "extend", "extension", "refuse-extension", "recompute", "rebase", "waive", "unlock"};
    for (size_t i = 0; i < sizeof moving / sizeof moving[0]; i++) {
        if (strcmp(event, moving[i]) == 0)
            t->code = mst_query_pair(t->q, name, text, t->err);
    }
    return t->code;
}

/* Why the verdict is what it is: the instants side by side. */
static int put_why(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    char at[MST_INSTANT_TEXT_MAX] = "", due[MST_INSTANT_TEXT_MAX], grace[MST_INSTANT_TEXT_MAX];
    char text[320] = "";
    const struct mst_zone *zone = q->programme->zone;
    if (o->versions_count)
        mst_zone_format(zone, o->versions[0].at, at);
    mst_zone_format(zone, o->due, due);
    mst_zone_format(zone, o->grace_until, grace);
    switch (o->verdict) {
    case MST_VERDICT_ON_TIME:
        snprintf(text, sizeof text, "received %s, before %s", at, due);
        break;
    case MST_VERDICT_ON_TIME_ATTESTED:
        snprintf(text, sizeof text,
                 "received %s, queued before %s while the ledger shows the broker down", at, due);
        break;
    case MST_VERDICT_IN_GRACE:
        snprintf(text, sizeof text, "received %s, after %s and before the end of grace %s", at, due,
                 grace);
        break;
    case MST_VERDICT_LATE:
        snprintf(text, sizeof text, "received %s; working days begun since the end of grace %s: %d",
                 at, grace, o->days_late);
        break;
    case MST_VERDICT_MISSING:
        snprintf(text, sizeof text, "nothing was received before it was locked");
        break;
    default:
        snprintf(text, sizeof text, "none yet: nothing was received");
        break;
    }
    return mst_query_pair(q, "why", text, err);
}

static int put_parties(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    size_t index = mst_programme_duty(q->programme, o->duty);
    const struct mst_duty *duty = index == SIZE_MAX ? NULL : &q->programme->duties[index];
    const char *const pairs[][2] = {
        {"obligation", o->id},
        {"title_zh", duty ? duty->title.zh : ""},
        {"title_en", duty ? duty->title.en : ""},
        {"bearer", o->bearer[0] ? o->bearer : "office"},
        {"group", o->group},
        {"counterpart", o->counterpart[0] ? o->counterpart
                        : o->director     ? "director"
                                          : "office"},
        {"closing", mst_closing_word(o->closing)},
        {"period", o->period},
        {"work", mst_work_word(o->work)},
        {"verdict", mst_verdict_word(o->verdict)},
    };
    int code = 0;
    for (size_t i = 0; !code && i < sizeof pairs / sizeof pairs[0]; i++)
        code = mst_query_pair(q, pairs[i][0], pairs[i][1], err);
    if (!code && o->provisional)
        code = mst_query_pair(q, "provisional", "yes", err);
    return code;
}

int mst_query_explain_one(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    size_t index = mst_programme_duty(q->programme, o->duty);
    const struct mst_duty *duty = index == SIZE_MAX ? NULL : &q->programme->duties[index];
    struct mst_period period;
    struct telling t = {.q = q, .id = o->id, .err = err};
    int days_late;
    int code = put_parties(q, o, err);
    if (!code)
        code = mst_query_explain_rule(q, o, err);
    if (!code && duty && mst_obligation_period(q->programme, o, &period))
        code = put_days(q, duty, o, &period, err);
    if (!code)
        code = mst_reader_rows(q->reader, q->pid, 1, tell_row, &t, err);
    if (!code)
        code = t.code;
    if (!code && o->due_revision > 0)
        code = mst_query_pair(
            q, "original_verdict",
            mst_verdict_word(mst_obligation_original_verdict(q->programme, o, &days_late)), err);
    if (!code)
        code = put_why(q, o, err);
    return code ? code : mst_query_pair(q, "deciding_event", t.decided, err);
}
