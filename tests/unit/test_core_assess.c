/* SPDX-License-Identifier: Apache-2.0 */
/* The assessment: what is counted in which denominator, both views, scores and ranks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "broker/core/assess.h"
#include "tests/unit/core_fixture.h"

static struct mst_core *core;
static uint64_t number;

static int set_up(void **state)
{
    (void)state;
    fixture_programme.rubric = (struct mst_rubric){.version = 3,
                                                   .on_time = 100,
                                                   .in_grace = 90,
                                                   .late = 50,
                                                   .returned = -10,
                                                   .grace_counts = true};
    core = mst_core_new(&fixture_programme, fixture_at(1, 2, 0, 0));
    mst_core_restore_now(core, fixture_at(8, 1, 0, 0));
    number = 0;
    return core ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mst_core_free(core);
    return 0;
}

/* One of the second quarter, due on 8 July at midnight and in grace for two days. */
static struct mst_obligation sample(const char *duty, const char *bearer, const char *group)
{
    struct mst_obligation o;
    memset(&o, 0, sizeof o);
    o.number = ++number;
    snprintf(o.id, sizeof o.id, "%s/2023Q2/%s", duty, bearer);
    snprintf(o.duty, sizeof o.duty, "%s", duty);
    snprintf(o.bearer, sizeof o.bearer, "%s", bearer);
    snprintf(o.group, sizeof o.group, "%s", group);
    snprintf(o.period, sizeof o.period, "2023Q2");
    o.due = o.original_due = fixture_at(7, 8, 0, 0);
    o.grace_until = o.original_grace_until = fixture_at(7, 10, 0, 0);
    o.locks = MST_NEVER;
    o.work = MST_WORK_CLOSED;
    o.verdict = MST_VERDICT_ON_TIME;
    return o;
}

static void put(const struct mst_obligation *o)
{
    assert_int_equal(mst_core_restore(core, o, NULL), 0);
}

static struct mst_assessment ask(const struct mst_assess_query *query)
{
    struct mst_assessment a;
    assert_int_equal(mst_assess(core, query, &a, NULL), 0);
    return a;
}

static const struct mst_assess_query everything = {.due_by = MST_NEVER};

static void each_verdict_is_counted_once(void **state)
{
    (void)state;
    static const enum mst_verdict verdicts[] = {MST_VERDICT_ON_TIME,  MST_VERDICT_ON_TIME_ATTESTED,
                                                MST_VERDICT_IN_GRACE, MST_VERDICT_LATE,
                                                MST_VERDICT_MISSING,  MST_VERDICT_NONE};
    static const char *const bearers[] = {"lead", "lead2", "a", "b", "c", "d"};
    for (size_t i = 0; i < 6; i++) {
        struct mst_obligation o = sample("plan", bearers[i], "one");
        o.verdict = verdicts[i];
        o.days_late = o.verdict == MST_VERDICT_LATE ? 4 : 0;
        o.returns = o.verdict == MST_VERDICT_LATE ? 2 : 0;
        o.work = o.verdict == MST_VERDICT_NONE ? MST_WORK_AWAITING : MST_WORK_CLOSED;
        put(&o);
    }
    struct mst_assessment a = ask(&everything);
    assert_int_equal(a.count, 1);
    const struct mst_tally *t = &a.rows[0].effective;
    assert_int_equal(t->due, 6);
    assert_int_equal(t->on_time, 2);
    assert_int_equal(t->attested, 1);
    assert_int_equal(t->in_grace, 1);
    assert_int_equal(t->late, 1);
    assert_int_equal(t->days_late, 4);
    assert_int_equal(t->missing, 1);
    assert_int_equal(t->open, 1);
    assert_int_equal(t->rate_permille, 500);
    assert_int_equal(t->points, 100 + 100 + 90 + 50 - 20);
    assert_int_equal(a.rows[0].returned, 1);
    assert_int_equal(a.rows[0].rank, 0);
    mst_assessment_done(&a);
}

static void what_is_waived_or_not_applicable_leaves_the_denominator(void **state)
{
    (void)state;
    struct mst_obligation o = sample("plan", "lead", "one");
    put(&o);
    o = sample("plan", "lead2", "two");
    o.work = MST_WORK_WAIVED;
    put(&o);
    o = sample("notes", "member", "one");
    o.work = MST_WORK_NOT_APPLICABLE;
    put(&o);
    o = sample("notes", "other", "one");
    o.work = MST_WORK_SUPERSEDED;
    put(&o);
    struct mst_assessment a = ask(&everything);
    assert_int_equal(a.rows[0].all, 4);
    assert_int_equal(a.rows[0].waived, 1);
    assert_int_equal(a.rows[0].not_applicable, 1);
    assert_int_equal(a.rows[0].left, 1);
    assert_int_equal(a.rows[0].effective.due, 1);
    assert_int_equal(a.rows[0].effective.rate_permille, 1000);
    mst_assessment_done(&a);
}

/* An extension granted after the due date: late by the one, on time by the other. */
static void both_views_stand_side_by_side(void **state)
{
    (void)state;
    struct mst_obligation o = sample("plan", "lead", "one");
    o.due_revision = 1;
    o.due = o.grace_until = fixture_at(7, 20, 0, 0);
    o.versions_count = 1;
    o.decided_at = o.versions[0].at = o.latest.at = fixture_at(7, 19, 12, 0);
    put(&o);
    struct mst_assessment a = ask(&everything);
    assert_int_equal(a.rows[0].effective.on_time, 1);
    assert_int_equal(a.rows[0].original.late, 1);
    assert_int_equal(a.rows[0].original.rate_permille, 0);
    assert_true(a.rows[0].original.days_late > 0);
    mst_assessment_done(&a);
    struct mst_assess_query before = {.due_by = fixture_at(7, 12, 0, 0)};
    a = ask(&before);
    assert_int_equal(a.rows[0].effective.due, 0);
    assert_int_equal(a.rows[0].original.due, 1);
    assert_int_equal(a.rows[0].not_due, 1);
    mst_assessment_done(&a);
}

static void what_is_in_grace_and_has_not_come_is_not_counted_yet(void **state)
{
    (void)state;
    struct mst_obligation o = sample("plan", "lead", "one");
    o.work = MST_WORK_AWAITING;
    o.verdict = MST_VERDICT_NONE;
    put(&o);
    struct mst_assess_query query = {.due_by = fixture_at(7, 10, 0, 0) - 1};
    struct mst_assessment a = ask(&query);
    assert_int_equal(a.rows[0].effective.due, 0);
    mst_assessment_done(&a);
    query.due_by++;
    a = ask(&query);
    assert_int_equal(a.rows[0].effective.open, 1);
    mst_assessment_done(&a);
}

static void rows_follow_the_programme_and_ranks_their_points(void **state)
{
    (void)state;
    fixture_programme.rubric.ranking = true;
    struct mst_obligation o = sample("notes", "far", "two");
    o.verdict = MST_VERDICT_LATE;
    put(&o);
    o = sample("notes", "member", "one");
    put(&o);
    o = sample("plan", "lead", "one");
    put(&o);
    struct mst_assess_query query = {.due_by = MST_NEVER,
                                     .by = MST_ASSESS_BY_DUTY | MST_ASSESS_BY_GROUP};
    struct mst_assessment a = ask(&query);
    assert_int_equal(a.count, 3);
    assert_string_equal(a.rows[0].duty, "plan");
    assert_string_equal(a.rows[1].group, "one");
    assert_string_equal(a.rows[2].group, "two");
    assert_string_equal(a.rows[2].bearer, "");
    assert_int_equal(a.rows[0].rank, 1);
    assert_int_equal(a.rows[1].rank, 1);
    assert_int_equal(a.rows[2].rank, 3);
    mst_assessment_done(&a);
}

static void a_year_holds_its_quarters_wherever_they_are_due(void **state)
{
    (void)state;
    struct mst_obligation o = sample("plan", "lead", "one");
    snprintf(o.id, sizeof o.id, "plan/2023Q4/lead");
    snprintf(o.period, sizeof o.period, "2023Q4");
    o.due = o.original_due = o.grace_until = o.original_grace_until =
        fixture_at(7, 8, 0, 0) + INT64_C(190) * 86400000; /* in January */
    put(&o);
    o = sample("plan", "lead2", "two");
    snprintf(o.period, sizeof o.period, "2022Q4");
    put(&o);
    mst_core_restore_now(core, fixture_at(7, 8, 0, 0) + INT64_C(300) * 86400000);
    struct mst_assess_query query = {.period = "2023", .due_by = MST_NEVER};
    struct mst_assessment a = ask(&query);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.rows[0].effective.due, 1);
    mst_assessment_done(&a);
    query.period = "2023Q9";
    struct mst_err err;
    assert_int_not_equal(mst_assess(core, &query, &a, &err), 0);
    query = (struct mst_assess_query){.group = "three", .due_by = MST_NEVER};
    assert_int_equal(mst_assess(core, &query, &a, &err), MST_E_UNKNOWN);
}

static void the_formula_names_the_rubric(void **state)
{
    (void)state;
    char text[MST_FORMULA_MAX];
    mst_assess_formula(&fixture_programme.rubric, text);
    assert_non_null(strstr(text, "rubric 3"));
    assert_non_null(strstr(text, "on_time + in_grace) / due"));
    assert_non_null(strstr(text, "- 10*returns"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_verdict_is_counted_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_waived_or_not_applicable_leaves_the_denominator,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_views_stand_side_by_side, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_in_grace_and_has_not_come_is_not_counted_yet,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_follow_the_programme_and_ranks_their_points, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_year_holds_its_quarters_wherever_they_are_due, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_formula_names_the_rubric, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
