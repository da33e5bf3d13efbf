/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an obligation stands as it does: who owes what to whom by which clause; how its due instant
 * came about, day by day; what moved it since; and the event that decided its verdict. Repeats the
 * reckoning in words; what counts is what the core did, which the ledger's rows show.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/driver/history.h"
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

/* One day of the count, "day 2023-10-07", in a sentence with these fields. Names are unique. */
static int put_day(struct mst_query *q, mst_day day, enum mst_saying saying, int counted,
                   struct mst_err *err)
{
    static const char *const weekdays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    const char *occasion = occasion_of(q->programme->calendar, day);
    char date[16], name[24];
    snprintf(name, sizeof name, "day %s", mst_day_format(day, date));
    struct mst_buf *b = mst_query_say(q, name, saying, 3);
    mst_query_pack_text(b, "weekday", weekdays[mst_weekday(day)]);
    mst_pack_text(b, "n");
    mst_pack_int(b, counted);
    mst_query_pack_text(b, "occasion", occasion);
    return mst_query_row_end(q, err);
}

static enum mst_saying saying_of_day(const struct mst_calendar *cal, mst_day day)
{
    if (mst_calendar_works(cal, day))
        return MST_SAY_DAY_COUNTED;
    return occasion_of(cal, day) ? MST_SAY_DAY_HOLIDAY : MST_SAY_DAY_OFF;
}

/* Count n working days from `day` on, exclusively, in the direction of n. */
static int put_counted(struct mst_query *q, mst_day day, int n, struct mst_err *err)
{
    const struct mst_calendar *cal = q->programme->calendar;
    int step = n < 0 ? -1 : 1, counted = 0, wanted = n < 0 ? -n : n, code = 0;
    for (int shown = 0; !code && counted < wanted && shown < DAYS_SHOWN_MAX; shown++) {
        day += step;
        counted += mst_calendar_works(cal, day);
        code = put_day(q, day, saying_of_day(cal, day), counted, err);
    }
    return code;
}

/* Days passed over while a date is rolled to a working day. */
static int put_rolled(struct mst_query *q, mst_day from, mst_day to, struct mst_err *err)
{
    int step = to < from ? -1 : 1, code = 0;
    for (mst_day day = from; !code && day != to; day += step)
        code = put_day(q, day, MST_SAY_DAY_ROLLED, 0, err);
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
            code = put_day(q, zero, MST_SAY_DAY_ZERO, 0, err);
        return code ? code : put_counted(q, zero, r->n, err);
    }
    /* After the end and before the start the next day counts; after the start the first itself. */
    mst_day from = r->anchor == MST_ANCHOR_END ? period->last
                   : r->n < 0                  ? period->first
                                               : period->first - 1;
    return put_counted(q, from, r->n, err);
}

static mst_day fixed_day(const struct mst_date_rule *r, const struct mst_period *period)
{
    int year = period->year + r->year_offset;
    int days = mst_days_in_month(year, r->month);
    return mst_day_of(year, r->month, r->day < days ? r->day : days);
}

static int put_fixed(struct mst_query *q, const struct mst_date_rule *r,
                     const struct mst_period *period, struct mst_err *err)
{
    mst_day day = fixed_day(r, period);
    mst_day rolled = mst_calendar_roll(q->programme->calendar, day, r->roll);
    int code = put_rolled(q, day, rolled, err);
    return code ? code : put_day(q, rolled, MST_SAY_DAY_RULE, 0, err);
}

static int put_note(struct mst_query *q, enum mst_saying saying, struct mst_err *err)
{
    mst_query_say(q, "note", saying, 0);
    return mst_query_row_end(q, err);
}

static int put_days(struct mst_query *q, const struct mst_duty *duty,
                    const struct mst_obligation *o, const struct mst_period *period,
                    struct mst_err *err)
{
    const struct mst_date_rule *r = &duty->due;
    if (memcmp(o->calendar, q->programme->calendar->digest, MST_DIGEST_BYTES) != 0 ||
        o->rule_version != duty->version)
        return put_note(q, MST_SAY_PINNED, err);
    for (size_t i = 0; i < duty->notes_count; i++) {
        if (strcmp(duty->notes[i].key, o->period) == 0)
            return put_note(q, MST_SAY_DATE_NAMED, err);
    }
    if (r->fixed)
        return put_fixed(q, r, period, err);
    if (r->unit == MST_OFFSET_WORKING_DAYS && r->n != 0)
        return put_working_days(q, r, period, err);
    return 0;
}

/* How the due date comes about: the rule as it stands in the programme file. */
static int put_rule(struct mst_query *q, const struct mst_date_rule *r,
                    const struct mst_period *period, struct mst_err *err)
{
    static const char *const units[] = {"working-days", "days", "months"};
    char first[16], last[16];
    struct mst_buf *b = mst_query_say(
        q, "rule", r->fixed ? MST_SAY_RULE_FIXED : MST_SAY_RULE_OFFSET, r->fixed ? 2 : 8);
    mst_query_pack_text(b, "roll", mst_roll_word(r->roll));
    if (r->fixed) {
        mst_query_pack_text(b, "date", mst_day_format(fixed_day(r, period), first));
        return mst_query_row_end(q, err);
    }
    mst_pack_text(b, "n");
    mst_pack_int(b, r->n < 0 ? -r->n : r->n);
    mst_query_pack_text(b, "offset", units[r->unit]);
    mst_query_pack_text(b, "side", r->n < 0 ? "before" : "after");
    mst_query_pack_text(b, "anchor", r->anchor == MST_ANCHOR_END ? "end" : "start");
    mst_query_pack_text(b, "period", period->key);
    mst_query_pack_text(b, "first", mst_day_format(period->first, first));
    mst_query_pack_text(b, "last", mst_day_format(period->last, last));
    return mst_query_row_end(q, err);
}

/* The duty and the period of an obligation, as far as the programme still knows them. */
static const struct mst_duty *duty_of(const struct mst_query *q, const struct mst_obligation *o,
                                      struct mst_period *ret_period)
{
    size_t index = mst_programme_duty(q->programme, o->duty);
    if (index == SIZE_MAX || !mst_obligation_period(q->programme, o, ret_period))
        return NULL;
    return &q->programme->duties[index];
}

int mst_query_explain_rule(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    struct mst_period period;
    const struct mst_duty *duty = duty_of(q, o, &period);
    char version[16];
    snprintf(version, sizeof version, "%u", o->rule_version);
    struct mst_gone words;
    int code = mst_query_pair(q, "clause", mst_query_duty_words(q, o->duty, &words)->clause, err);
    if (!code && duty)
        code = put_rule(q, &duty->due, &period, err);
    if (!code)
        code = mst_query_pair(q, "rule_version", version, err);
    if (!code)
        code = mst_query_pair_hex(q, "calendar_digest", o->calendar, sizeof o->calendar, err);
    if (!code)
        code = mst_query_pair(q, "zone", q->programme->zone->name, err);
    if (!code)
        code = mst_query_pair_hex(q, "zone_digest", o->zone, sizeof o->zone, err);
    if (!code)
        code = mst_query_pair_instant(q, "original_due", o->original_due, err);
    if (!code)
        code = mst_query_pair_instant(q, "due", o->due, err);
    return code ? code : mst_query_pair_instant(q, "grace_until", o->grace_until, err);
}

/* ---- what happened ---- */

struct telling {
    struct mst_query *q;
    uint64_t before, last; /* rows before that are looked at; the one that decided */
    bool verdicts;         /* only what wrote a verdict decides */
    struct mst_err *err;
    int code;
};

/* Finds the row that decided, and tells of those that moved the date. */
static int tell_row(void *context, const struct mst_row *row)
{
    static const char *const moving[] = {
        "extend", "extension", "refuse-extension", "recompute", "rebase", "waive", "unlock"};
    struct telling *t = context;
    if (row->row >= t->before)
        return 1;
    if (!t->verdicts) {
        t->last = row->row;
        return 0;
    }
    if (mst_unpack_text(row->bytes, "verdict").len > 0)
        t->last = row->row;
    char name[32];
    struct mst_slice event = mst_unpack_text(row->bytes, "event");
    snprintf(name, sizeof name, "row %" PRIu64, row->row);
    for (size_t i = 0; !t->code && i < sizeof moving / sizeof moving[0]; i++) {
        if (mst_slice_is(event, moving[i]))
            t->code = mst_query_say_transition(t->q, name, MST_SAY_MOVED, row, t->err);
    }
    return t->code;
}

static int put_decided(void *context, const struct mst_row *row)
{
    struct telling *t = context;
    if (row->row == t->last)
        t->code = mst_query_say_transition(t->q, "deciding_event", MST_SAY_EVENT, row, t->err);
    return 1;
}

static int tell(struct telling *t, const char *id)
{
    const struct mst_query *q = t->q;
    int code = mst_history_rows(q->reader, q->pid, id, tell_row, t, t->err);
    return code ? code : t->code;
}

static int decide(struct telling *t)
{
    const struct mst_query *q = t->q;
    if (!t->last)
        return 0;
    int code = mst_reader_rows(q->reader, q->pid, t->last, put_decided, t, t->err);
    return code ? code : t->code;
}

int mst_query_explain_decided(struct mst_query *q, const char *id, uint64_t before,
                              struct mst_err *err)
{
    struct telling t = {.q = q, .before = before, .err = err};
    int code = tell(&t, id);
    return code ? code : decide(&t);
}

/* Why the verdict is what it is: the instants side by side. */
static int put_why(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    static const enum mst_saying sayings[MST_VERDICTS] = {
        [MST_VERDICT_NONE] = MST_SAY_WHY_NONE,
        [MST_VERDICT_ON_TIME] = MST_SAY_WHY_ON_TIME,
        [MST_VERDICT_ON_TIME_ATTESTED] = MST_SAY_WHY_ATTESTED,
        [MST_VERDICT_IN_GRACE] = MST_SAY_WHY_IN_GRACE,
        [MST_VERDICT_LATE] = MST_SAY_WHY_LATE,
        [MST_VERDICT_MISSING] = MST_SAY_WHY_MISSING,
    };
    struct mst_buf *b = mst_query_say(q, "why", sayings[o->verdict], 4);
    mst_query_pack_instant(q, b, "received",
                           o->decided_at       ? o->decided_at
                           : o->versions_count ? o->versions[0].at
                                               : 0);
    mst_query_pack_instant(q, b, "due", o->due);
    mst_query_pack_instant(q, b, "grace_until", o->grace_until);
    mst_pack_text(b, "days_late");
    mst_pack_int(b, o->days_late);
    return mst_query_row_end(q, err);
}

/* ---- whose fault ---- */

static int read_queued(void *context, const struct mst_row *row)
{
    struct mst_late *late = context;
    if (row->row == late->row && row->kind == MST_ROW_REPORT)
        late->queued = mst_unpack_int(mst_query_map(row), "at", 0);
    return 1;
}

/* The report that decided, where it came at all. */
static int find_late(struct mst_query *q, const struct mst_obligation *o, struct mst_late *ret_late,
                     struct mst_err *err)
{
    bool latest = o->latest.at == o->decided_at;
    *ret_late = (struct mst_late){.row = latest ? o->latest.row : o->versions[0].row,
                                  .received = o->decided_at};
    return mst_reader_rows(q->reader, q->pid, ret_late->row, read_queued, ret_late, err);
}

/* Where the deadline passed and nothing was there, whose fault that is: then, and now. */
static int put_blame(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    bool correcting = mst_obligation_correcting(o);
    mst_time until = correcting ? o->correction_due : o->grace_until;
    bool owed = mst_obligation_ball_with_bearer(o) && q->now >= until;
    struct mst_late late = {0};
    if (!o->bearer[0])
        return 0;
    if (owed) {
        int code = mst_query_blame(q, "blame", o->bearer, until, NULL, err);
        return code || o->locked || q->now == until
                   ? code
                   : mst_query_blame(q, "blame_now", o->bearer, q->now, NULL, err);
    }
    mst_time missed = o->verdict == MST_VERDICT_ON_TIME_ATTESTED ? o->due : o->grace_until;
    if (!o->versions_count || o->decided_at < missed)
        return 0;
    int code = find_late(q, o, &late, err);
    return code ? code : mst_query_blame(q, "blame", o->bearer, missed, &late, err);
}

static int put_parties(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    struct mst_gone words;
    const struct mst_gone *duty = mst_query_duty_words(q, o->duty, &words);
    const struct mst_query_pair pairs[] = {
        {"obligation", o->id, NULL},
        {"title_zh", duty->title.zh, NULL},
        {"title_en", duty->title.en, NULL},
        {"bearer", o->bearer[0] ? o->bearer : "office", mst_query_pack_unit},
        {"group", o->group, mst_query_pack_group},
        {"counterpart", mst_query_counterpart(o), mst_query_pack_unit},
        {"closing", mst_closing_word(o->closing), NULL},
        {"period", o->period, NULL},
        {"work", mst_work_word(o->work), NULL},
        {"verdict", mst_verdict_word(o->verdict), NULL},
    };
    int code = mst_query_pairs(q, pairs, sizeof pairs / sizeof pairs[0], err);
    if (!code && o->provisional)
        code = mst_query_pair(q, "provisional", "yes", err);
    return code;
}

int mst_query_explain_one(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    struct mst_period period;
    const struct mst_duty *duty = duty_of(q, o, &period);
    struct telling t = {.q = q, .before = UINT64_MAX, .verdicts = true, .err = err};
    int days_late;
    int code = put_parties(q, o, err);
    if (!code)
        code = mst_query_explain_rule(q, o, err);
    if (!code && duty)
        code = put_days(q, duty, o, &period, err);
    if (!code)
        code = tell(&t, o->id);
    if (!code && o->due_revision > 0)
        code = mst_query_pair(
            q, "original_verdict",
            mst_verdict_word(mst_obligation_original_verdict(q->programme, o, &days_late)), err);
    if (!code)
        code = put_why(q, o, err);
    if (!code)
        code = decide(&t);
    return code ? code : put_blame(q, o, err);
}
