/* SPDX-License-Identifier: Apache-2.0 */
/* The outlook: what is in it, what speaks for a late report and how much, and its order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/outlook.h"
#include "tests/unit/core_fixture.h"

static struct mst_core *core;
static uint64_t number;
static struct mst_outlook_row *rows;
static size_t count;

static int set_up(void **state)
{
    (void)state;
    core = mst_core_new(&fixture_programme, fixture_at(1, 2, 0, 0));
    mst_core_restore_now(core, fixture_at(7, 3, 12, 0)); /* a Monday */
    number = 0;
    rows = NULL;
    return core ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(rows);
    mst_core_free(core);
    return 0;
}

/* Of the second quarter, due when Friday the 14th ends: nine working days from now. */
static struct mst_obligation sample(const char *duty, const char *period, const char *bearer)
{
    struct mst_obligation o;
    memset(&o, 0, sizeof o);
    o.number = ++number;
    snprintf(o.id, sizeof o.id, "%s/%s/%s", duty, period, bearer);
    snprintf(o.duty, sizeof o.duty, "%s", duty);
    snprintf(o.bearer, sizeof o.bearer, "%s", bearer);
    snprintf(o.period, sizeof o.period, "%s", period);
    o.opens = fixture_at(4, 1, 0, 0);
    o.due = o.original_due = o.grace_until = o.original_grace_until = fixture_at(7, 15, 0, 0);
    o.due_day = mst_day_of(2023, 7, 14);
    o.locks = MST_NEVER;
    return o;
}

static void put(const struct mst_obligation *o)
{
    struct mst_err err;
    assert_int_equal(mst_core_restore(core, o, &err), 0);
}

static void past(const char *duty, const char *period, const char *bearer, enum mst_verdict verdict)
{
    struct mst_obligation o = sample(duty, period, bearer);
    o.work = MST_WORK_CLOSED;
    o.verdict = verdict;
    put(&o);
}

static int away_for_five_hours(void *context, const char *unit)
{
    return strcmp(unit, context) == 0 ? 5 : -1;
}

static const struct mst_outlook_row *ask(struct mst_outlook_query query)
{
    struct mst_err err;
    free(rows);
    if (!query.until)
        query.until = MST_NEVER;
    assert_int_equal(mst_outlook(core, &query, &rows, &count, &err), 0);
    return rows;
}

static void expect_reasons(const struct mst_outlook_row *row, const char *wanted)
{
    char text[256] = "";
    for (uint32_t i = 0; i < row->reasons_count; i++) {
        const struct mst_outlook_reason *r = &row->reasons[i];
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s %u/%u", i ? ", " : "",
                 mst_outlook_reason_word(r->kind), r->n, r->of);
    }
    assert_string_equal(text, wanted);
}

static void nothing_speaks_against_whoever_was_on_time(void **state)
{
    (void)state;
    past("notes", "2023Q1", "member", MST_VERDICT_ON_TIME);
    past("notes", "2022Q4", "member", MST_VERDICT_IN_GRACE);
    struct mst_obligation o = sample("notes", "2023Q2", "member");
    put(&o);
    const struct mst_outlook_row *row = ask((struct mst_outlook_query){0});
    assert_int_equal(count, 1);
    assert_int_equal(row->likelihood, MST_UNLIKELY);
    assert_int_equal(row->days_left, 9);
    expect_reasons(row, "");
}

static void own_history_of_the_duty_weighs_and_that_of_others_does_not(void **state)
{
    (void)state;
    past("notes", "2023Q1", "member", MST_VERDICT_LATE);
    past("notes", "2022Q4", "member", MST_VERDICT_ON_TIME);
    past("notes", "2022Q3", "member", MST_VERDICT_ON_TIME);
    past("notes", "2022Q4", "other", MST_VERDICT_MISSING);
    struct mst_obligation o = sample("notes", "2023Q2", "member");
    put(&o);
    const struct mst_outlook_row *row = ask((struct mst_outlook_query){0});
    assert_int_equal(row->likelihood, MST_POSSIBLE);
    expect_reasons(row, "late-before 1/3");
    /* Where the duty is its first, what it did with others. */
    o = sample("plan", "2023Q2", "other");
    put(&o);
    expect_reasons(ask((struct mst_outlook_query){.bearer = "other"}), "late-before 1/1");
    assert_int_equal(count, 1);
}

static void reasons_add_up_to_likely(void **state)
{
    (void)state;
    past("notes", "2023Q1", "member", MST_VERDICT_MISSING);
    struct mst_obligation o = sample("notes", "2023Q2", "member");
    o.work = MST_WORK_RETURNED;
    o.returns = 2;
    o.correction_due = fixture_at(7, 6, 0, 0);
    o.extension_pending = true;
    put(&o);
    struct mst_obligation calm = sample("notes", "2023Q2", "other");
    put(&calm);
    char away[] = "member";
    const struct mst_outlook_row *row =
        ask((struct mst_outlook_query){.away_hours = away_for_five_hours, .context = away});
    assert_int_equal(count, 2);
    assert_string_equal(row[0].o->bearer, "member");
    assert_int_equal(row[0].likelihood, MST_LIKELY);
    assert_true(row[0].due == o.correction_due);
    expect_reasons(&row[0], "late-before 1/1, agent-away 5/0, returned 2/0, asked-for-time 0/0, "
                            "short-time 2/0");
    expect_reasons(&row[1], "");
}

static void missing_minutes_speak_in_the_second_half_of_the_period(void **state)
{
    (void)state;
    struct mst_obligation o = sample("notes", "2023Q2", "member");
    o.needed = 4;
    o.counted = 1;
    put(&o);
    expect_reasons(ask((struct mst_outlook_query){0}), "missing 3/4");
    o = sample("notes", "2023Q2", "other");
    o.opens = fixture_at(7, 1, 0, 0);
    o.needed = 4;
    put(&o);
    expect_reasons(ask((struct mst_outlook_query){.bearer = "other"}), "");
}

/* What is with the judge, overdue already, beyond the horizon or not asked about. */
static void only_what_may_still_come_in_time_is_looked_at(void **state)
{
    (void)state;
    struct mst_obligation o = sample("notes", "2023Q2", "member");
    o.work = MST_WORK_SUBMITTED;
    put(&o);
    o = sample("plan", "2023Q1", "lead");
    o.due = o.grace_until = fixture_at(7, 3, 12, 0);
    put(&o);
    o = sample("plan", "2023Q2", "lead");
    put(&o);
    ask((struct mst_outlook_query){0});
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].o->id, "plan/2023Q2/lead");
    ask((struct mst_outlook_query){.until = fixture_at(7, 14, 0, 0)});
    assert_int_equal(count, 0);
    ask((struct mst_outlook_query){.duty = "notes"});
    assert_int_equal(count, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(nothing_speaks_against_whoever_was_on_time),
        CASE(own_history_of_the_duty_weighs_and_that_of_others_does_not),
        CASE(reasons_add_up_to_likely),
        CASE(missing_minutes_speak_in_the_second_half_of_the_period),
        CASE(only_what_may_still_come_in_time_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
