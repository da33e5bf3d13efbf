/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assessment of a period: both views of every row, by the rubric of the programme, as known now
 * or as known at the end of a day. What was known then is asked of a core that the ledger is
 * replayed into, so that no later act or setting rewrites it. Scores nobody by itself: publishing
 * is an act of the office.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/assess.h"
#include "broker/driver/replay.h"
#include "broker/io/query.h"

struct assessing {
    struct mst_query *q;
    struct mst_assess_query what;
};

static void pack_rate(struct mst_buf *b, const char *key, const struct mst_tally *t)
{
    char text[16] = "";
    if (t->due > 0)
        snprintf(text, sizeof text, "%u.%u%%", t->rate_permille / 10, t->rate_permille % 10);
    mst_query_pack_text(b, key, text);
}

static void pack_count(struct mst_buf *b, const char *key, int64_t count)
{
    mst_pack_text(b, key);
    mst_pack_int(b, count);
}

static void pack_tally(struct mst_buf *b, const char *key, const struct mst_tally *t)
{
    mst_pack_text(b, key);
    mst_pack_map(b, 11);
    pack_count(b, "due", t->due);
    pack_count(b, "on_time", t->on_time);
    pack_count(b, "attested", t->attested);
    pack_count(b, "in_grace", t->in_grace);
    pack_count(b, "late", t->late);
    pack_count(b, "missing", t->missing);
    pack_count(b, "open", t->open);
    pack_count(b, "returns", t->returns);
    pack_count(b, "days_late", t->days_late);
    pack_count(b, "points", t->points);
    pack_count(b, "rate_permille", t->rate_permille);
}

static int put_row(struct mst_query *q, const struct mst_assessment *a,
                   const struct mst_assess_row *row, const char *formula, struct mst_err *err)
{
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 24 + 3 * MST_NAMED_PAIRS);
    mst_query_pack_duty(q, b, "duty", row->duty);
    mst_query_pack_text(b, "period", row->period);
    mst_query_pack_group(q, b, "group", row->group);
    mst_query_pack_unit(q, b, "bearer", row->bearer);
    pack_count(b, "owed", row->effective.due);
    pack_count(b, "original_on_time", row->original.on_time);
    pack_count(b, "on_time", row->effective.on_time);
    pack_rate(b, "original_rate", &row->original);
    pack_rate(b, "rate", &row->effective);
    pack_count(b, "original_points", row->original.points);
    pack_count(b, "points", row->effective.points);
    pack_count(b, "all", row->all);
    pack_count(b, "waived", row->waived);
    pack_count(b, "not_applicable", row->not_applicable);
    pack_count(b, "left", row->left);
    pack_count(b, "not_due", row->not_due);
    pack_count(b, "returned", row->returned);
    pack_count(b, "correction_days_late", row->correction_days_late);
    pack_count(b, "conflicts", row->conflicts);
    pack_count(b, "rank", row->rank);
    pack_tally(b, "original", &row->original);
    pack_tally(b, "effective", &row->effective);
    mst_query_pack_instant(q, b, "known_at", a->known_at);
    mst_query_pack_instant(q, b, "due_by", a->due_by);
    pack_count(b, "rubric_version", a->rubric.version);
    mst_query_pack_text(b, "formula", formula);
    mst_pack_text(b, "ranking");
    mst_pack_bool(b, a->rubric.ranking);
    return mst_query_row_end(q, err);
}

/* The formula of `mst_assess_formula()` for people, in their words and under the columns' names. */
static int put_formula(struct mst_query *q, const struct mst_rubric *rubric, struct mst_err *err)
{
    const struct {
        const char *name;
        int points;
    } factors[] = {{"on_time", rubric->on_time},
                   {"in_grace", rubric->in_grace},
                   {"late", rubric->late},
                   {"missing", rubric->missing}};
    char returned[16];
    snprintf(returned, sizeof returned, "%s %d", rubric->returned < 0 ? "−" : "+",
             abs(rubric->returned));
    struct mst_buf *b = mst_query_say_note(q, MST_SAY_ASSESS_RATE, 1);
    mst_query_pack_text(b, "counted", rubric->grace_counts ? "+" : "");
    int code = mst_query_row_end(q, err);
    if (code)
        return code;
    b = mst_query_say_note(q, MST_SAY_ASSESS_POINTS, 2 + sizeof factors / sizeof factors[0]);
    mst_query_pack_uint(b, "rubric", rubric->version);
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        mst_pack_text(b, factors[i].name);
        mst_pack_int(b, factors[i].points);
    }
    mst_query_pack_text(b, "returned", returned);
    return mst_query_row_end(q, err);
}

/* How it was reckoned goes with every result, also where it is only looked at as a table. */
static int put_notes(struct mst_query *q, const struct mst_assessment *a, struct mst_err *err)
{
    uint32_t conflicts = 0;
    for (size_t i = 0; i < a->count; i++)
        conflicts += a->rows[i].conflicts;
    int code = put_formula(q, &a->rubric, err);
    if (!code && !a->count)
        code = mst_query_note(q, N_("nothing of what was asked for was owed by then"), err);
    if (code)
        return code;
    struct mst_buf *b = mst_query_say_note(q, MST_SAY_ASSESS_DUE, 1);
    mst_query_pack_instant(q, b, "due", a->due_by);
    code = mst_query_row_end(q, err);
    if (code || !conflicts)
        return code;
    b = mst_query_say_note(q, MST_SAY_ASSESS_CONFLICTS, 1);
    mst_query_pack_uint(b, "conflicts", conflicts);
    return mst_query_row_end(q, err);
}

static int assess(void *context, const struct mst_core *core, struct mst_err *err)
{
    struct assessing *s = context;
    struct mst_assessment a = {0};
    char formula[MST_FORMULA_MAX];
    int code = mst_assess(core, &s->what, &a, err);
    if (code)
        return code;
    mst_assess_formula(&a.rubric, formula);
    for (size_t i = 0; !code && i < a.count; i++)
        code = put_row(s->q, &a, &a.rows[i], formula, err);
    if (!code)
        code = put_notes(s->q, &a, err);
    mst_assessment_done(&a);
    return code;
}

static int assess_now(struct assessing *s, struct mst_err *err)
{
    struct mst_core *core = NULL;
    int code = mst_query_core(s->q, &core, err);
    s->what.due_by = s->q->now;
    if (!code)
        code = assess(s, core, err);
    mst_core_free(core);
    return code;
}

/* ---- the question ---- */

static bool take_by(const char *text, unsigned *ret_by)
{
    static const struct {
        const char *word;
        enum mst_assess_by by;
    } words[] = {{"duty", MST_ASSESS_BY_DUTY},
                 {"period", MST_ASSESS_BY_PERIOD},
                 {"group", MST_ASSESS_BY_GROUP},
                 {"unit", MST_ASSESS_BY_BEARER}};
    *ret_by = 0;
    while (*text) {
        size_t len = strcspn(text, ","), i = 0;
        while (i < 4 && (strlen(words[i].word) != len || memcmp(words[i].word, text, len) != 0))
            i++;
        if (i == 4)
            return false;
        *ret_by |= words[i].by;
        text += len + (text[len] == ',');
    }
    return true;
}

/* For whom the rest is not open: as it was published, whatever has happened since. */
static int assess_published(struct assessing *s, struct mst_err *err)
{
    mst_time at = 0;
    int code = s->what.period && mst_query_may_issued(s->q)
                   ? mst_query_published(s->q, s->what.period, &at, err)
                   : 0;
    if (!code && !at)
        return mst_fail(err, MST_E_DENIED, "assess");
    s->what.due_by = at;
    return code
               ? code
               : mst_replay_until(s->q->reader, s->q->pid, s->q->programme->id, at, assess, s, err);
}

int mst_query_assess(struct mst_query *q, struct mst_err *err)
{
    char period[MST_PERIOD_KEY_MAX], duty[MST_ID_MAX], group[MST_ID_MAX], unit[MST_ID_MAX];
    char by[64], known[32];
    struct assessing s = {.q = q};
    s.what = (struct mst_assess_query){
        .period = mst_query_arg(q, "period", period, sizeof period),
        .duty = mst_query_arg(q, "duty", duty, sizeof duty),
        .group = mst_query_arg(q, "group", group, sizeof group),
        .bearer = mst_query_arg(q, "unit", unit, sizeof unit),
        .by = MST_ASSESS_BY_DUTY | MST_ASSESS_BY_GROUP,
    };
    if (mst_query_arg(q, "by", by, sizeof by) && !take_by(by, &s.what.by))
        return mst_fail(err, MST_E_USAGE, "--by %s (duty, period, group, unit)", by);
    if (!mst_query_may(q, s.what.bearer, s.what.group))
        return assess_published(&s, err);
    const char *date = mst_query_arg(q, "as-known", known, sizeof known);
    if (!date || strcmp(date, "now") == 0)
        return assess_now(&s, err);
    mst_day day;
    if (mst_day_parse(date, &day, err))
        return mst_fail(err, MST_E_USAGE, "--as-known %s: %s", date, N_("it is no date"));
    s.what.due_by = mst_zone_midnight(q->programme->zone, day + 1);
    if (s.what.due_by > q->now)
        return assess_now(&s, err);
    return mst_replay_until(q->reader, q->pid, q->programme->id, s.what.due_by, assess, &s, err);
}
