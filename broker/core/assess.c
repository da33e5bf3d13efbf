/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting how obligations turned out. It looks at what the core holds and changes nothing; scores
 * come from the rubric of the programme in force, and verdicts are taken as they were written.
 */
#include "broker/core/assess.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/inside.h"

/* ---- what is asked for ---- */

struct question {
    const struct mst_programme *p;
    const struct mst_assess_query *query;
    struct mst_period period; /* where query->period is given */
    mst_time due_by, now;
};

/* A period inside the one that is assessed. Weeks cross the ends of months; ISO 8601 gives a week
 * to the year of its Thursday, and so do we. */
static bool inside(const struct question *q, const struct mst_obligation *o)
{
    struct mst_period period;
    if (!q->query->period)
        return true;
    if (strcmp(o->period, q->query->period) == 0)
        return true;
    if (!mst_obligation_period(q->p, o, &period))
        return false;
    if (period.kind == MST_PERIOD_WEEK)
        period.first = period.last = period.first + 3;
    return period.first >= q->period.first && period.last <= q->period.last;
}

static bool is(const char *wanted, const char *has)
{
    return !wanted || strcmp(wanted, has) == 0;
}

static bool asked_for(const struct question *q, const struct mst_obligation *o)
{
    return is(q->query->duty, o->duty) && is(q->query->group, o->group) &&
           is(q->query->bearer, o->bearer) && inside(q, o);
}

/* ---- one obligation ---- */

/* How one view sees it. */
struct seen {
    mst_time due, grace_until;
    enum mst_verdict verdict;
    int days_late;
};

static uint32_t permille(const struct mst_rubric *rubric, const struct mst_tally *t)
{
    uint64_t good = t->on_time + (rubric->grace_counts ? t->in_grace : 0u);
    return t->due ? (uint32_t)((good * 1000 + t->due / 2) / t->due) : 0;
}

/* Adds one to a tally where it is due by the given instant; false: not due. */
static bool tally(const struct question *q, const struct mst_obligation *o, const struct seen *seen,
                  struct mst_tally *t)
{
    const struct mst_rubric *rubric = &q->p->rubric;
    bool none = seen->verdict == MST_VERDICT_NONE;
    /* In grace nothing is decided yet for what has not come. */
    if (seen->due > q->due_by || (none && seen->grace_until > q->due_by))
        return false;
    t->due++;
    t->returns += o->returns;
    t->points += (int64_t)o->returns * rubric->returned;
    switch (seen->verdict) {
    case MST_VERDICT_ON_TIME_ATTESTED:
        t->attested++;
        t->on_time++;
        t->points += rubric->on_time;
        break;
    case MST_VERDICT_ON_TIME:
        t->on_time++;
        t->points += rubric->on_time;
        break;
    case MST_VERDICT_IN_GRACE:
        t->in_grace++;
        t->points += rubric->in_grace;
        break;
    case MST_VERDICT_LATE:
        t->late++;
        t->days_late += seen->days_late;
        t->points += rubric->late;
        break;
    case MST_VERDICT_MISSING:
        t->missing++;
        t->points += rubric->missing;
        break;
    case MST_VERDICT_NONE:
    case MST_VERDICTS:
        t->open++;
        t->points += rubric->missing;
        break;
    }
    t->rate_permille = permille(rubric, t);
    return true;
}

static void count(const struct question *q, const struct mst_obligation *o,
                  struct mst_assess_row *row)
{
    row->all++;
    row->returned += o->returns > 0;
    row->correction_days_late += (uint32_t)o->correction_days_late;
    row->conflicts += o->director;
    switch (o->work) {
    case MST_WORK_WAIVED:
        row->waived++;
        return;
    case MST_WORK_NOT_APPLICABLE:
        row->not_applicable++;
        return;
    case MST_WORK_SUPERSEDED:
    case MST_WORK_CANCELLED:
        row->left++;
        return;
    case MST_WORK_AWAITING:
    case MST_WORK_SUBMITTED:
    case MST_WORK_UNDER_REVIEW:
    case MST_WORK_RETURNED:
    case MST_WORK_CLOSED:
    case MST_WORKS:
        break;
    }
    struct seen effective = {o->due, o->grace_until, o->verdict, o->days_late};
    struct seen original = {.due = o->original_due, .grace_until = o->original_grace_until};
    original.verdict = mst_obligation_original_verdict(q->p, o, &original.days_late);
    tally(q, o, &original, &row->original);
    row->not_due += !tally(q, o, &effective, &row->effective);
}

/* ---- rows ---- */

struct entry {
    const struct mst_obligation *o;
    size_t duty, group; /* the programme's order; SIZE_MAX: not in it */
    mst_day first;      /* of the period */
    unsigned by;
};

static int by_text(unsigned by, unsigned flag, const char *a, const char *b)
{
    return by & flag ? strcmp(a, b) : 0;
}

static int by_size(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    unsigned by = x->by;
    int c = by & MST_ASSESS_BY_DUTY ? by_size(x->duty, y->duty) : 0;
    if (!c)
        c = by_text(by, MST_ASSESS_BY_DUTY, x->o->duty, y->o->duty);
    if (!c && by & MST_ASSESS_BY_PERIOD)
        c = (x->first > y->first) - (x->first < y->first);
    if (!c)
        c = by_text(by, MST_ASSESS_BY_PERIOD, x->o->period, y->o->period);
    if (!c && by & MST_ASSESS_BY_GROUP)
        c = by_size(x->group, y->group);
    if (!c)
        c = by_text(by, MST_ASSESS_BY_GROUP, x->o->group, y->o->group);
    if (!c)
        c = by_text(by, MST_ASSESS_BY_BEARER, x->o->bearer, y->o->bearer);
    return c;
}

static int compare_in_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = compare(a, b);
    return c ? c : (x->o->number > y->o->number) - (x->o->number < y->o->number);
}

static void name_row(const struct entry *e, struct mst_assess_row *row)
{
    if (e->by & MST_ASSESS_BY_DUTY)
        memcpy(row->duty, e->o->duty, sizeof row->duty);
    if (e->by & MST_ASSESS_BY_PERIOD)
        memcpy(row->period, e->o->period, sizeof row->period);
    if (e->by & MST_ASSESS_BY_GROUP)
        memcpy(row->group, e->o->group, sizeof row->group);
    if (e->by & MST_ASSESS_BY_BEARER)
        memcpy(row->bearer, e->o->bearer, sizeof row->bearer);
}

static size_t entries_of(const struct mst_core *core, const struct question *q,
                         struct entry *entries)
{
    size_t n = 0;
    for (size_t i = 0; i < mst_core_count(core); i++) {
        const struct mst_obligation *o = mst_core_at(core, i);
        struct mst_period period = {.first = MST_DAY_FIRST};
        if (!asked_for(q, o))
            continue;
        if (!mst_obligation_period(q->p, o, &period))
            period.first = MST_DAY_FIRST;
        entries[n++] = (struct entry){
            .o = o,
            .duty = mst_programme_duty(q->p, o->duty),
            .group = mst_programme_group(q->p, o->group),
            .first = period.first,
            .by = q->query->by,
        };
    }
    qsort(entries, n, sizeof *entries, compare_in_order);
    return n;
}

/* Equal points per obligation share a rank; the next one is passed over. */
static void rank_rows(struct mst_assessment *a)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct mst_tally *t = &a->rows[i].effective;
        uint32_t better = 0;
        for (size_t j = 0; j < a->count; j++) {
            const struct mst_tally *other = &a->rows[j].effective;
            better += other->due && other->points * t->due > t->points * other->due;
        }
        a->rows[i].rank = t->due ? better + 1 : 0;
    }
}

/* ---- the question ---- */

static int look_up(const struct mst_core *core, struct question *q, struct mst_err *err)
{
    const struct mst_assess_query *query = q->query;
    if (query->period) {
        int r = mst_period_parse(query->period, q->p->fiscal_month, q->p->issued, &q->period, err);
        if (r)
            return r;
    }
    bool duty = !query->duty || mst_programme_duty(q->p, query->duty) != SIZE_MAX;
    bool group = !query->group || mst_programme_group(q->p, query->group) != SIZE_MAX;
    bool bearer =
        !query->bearer || !query->bearer[0] || mst_programme_unit(q->p, query->bearer) != SIZE_MAX;
    /* What has left the programme is still known by what it owed. */
    for (size_t i = 0; i < mst_core_count(core) && !(duty && group && bearer); i++) {
        const struct mst_obligation *o = mst_core_at(core, i);
        duty = duty || is(query->duty, o->duty);
        group = group || is(query->group, o->group);
        bearer = bearer || is(query->bearer, o->bearer);
    }
    if (!duty)
        return mst_fail_on(err, MST_E_UNKNOWN, query->duty);
    if (!group)
        return mst_fail_on(err, MST_E_UNKNOWN, query->group);
    return bearer ? 0 : mst_fail_on(err, MST_E_UNKNOWN, query->bearer);
}

int mst_assess(const struct mst_core *core, const struct mst_assess_query *query,
               struct mst_assessment *ret_assessment, struct mst_err *err)
{
    struct question q = {
        .p = mst_core_programme(core),
        .query = query,
        .now = mst_core_now(core),
        .due_by = query->due_by == MST_NEVER ? mst_core_now(core) : query->due_by,
    };
    int r = look_up(core, &q, err);
    if (r)
        return r;
    struct entry *entries = malloc((mst_core_count(core) + 1) * sizeof *entries);
    size_t n = entries ? entries_of(core, &q, entries) : 0;
    struct mst_assess_row *rows = entries ? calloc(n + 1, sizeof *rows) : NULL;
    if (!rows) {
        free(entries);
        return mst_fail_on(err, MST_E_NOMEM, "assessment");
    }
    struct mst_assessment a = {
        .rows = rows, .known_at = q.now, .due_by = q.due_by, .rubric = q.p->rubric};
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || compare(&entries[i - 1], &entries[i]) != 0)
            name_row(&entries[i], &rows[a.count++]);
        count(&q, entries[i].o, &rows[a.count - 1]);
    }
    free(entries);
    if (q.p->rubric.ranking)
        rank_rows(&a);
    *ret_assessment = a;
    return 0;
}

void mst_assessment_done(struct mst_assessment *assessment)
{
    free(assessment->rows);
    *assessment = (struct mst_assessment){0};
}

char *mst_assess_formula(const struct mst_rubric *rubric, char buf[MST_FORMULA_MAX])
{
    snprintf(buf, MST_FORMULA_MAX,
             "rate = (on_time%s) / due; due = on_time + in_grace + late + missing + open; "
             "points (rubric %u) = %d*on_time + %d*in_grace + %d*late + %d*(missing + open) "
             "%c %d*returns; score = points / due",
             rubric->grace_counts ? " + in_grace" : "", rubric->version, rubric->on_time,
             rubric->in_grace, rubric->late, rubric->missing, rubric->returned < 0 ? '-' : '+',
             rubric->returned < 0 ? -rubric->returned : rubric->returned);
    return buf;
}
