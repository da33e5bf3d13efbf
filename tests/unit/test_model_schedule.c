/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/model_assistance.h"

/* The due day of the progress duty under another rule. */
#define assert_due(rule, key, text)                                                                \
    do {                                                                                           \
        duties[PROGRESS].due = (rule);                                                             \
        assert_day(dates_of(PROGRESS, (key)).due_day, (text));                                     \
    } while (0)

static void quarterly_progress_is_due_on_the_fifth_working_day(void **state)
{
    (void)state;
    struct mst_dates d = dates_of(PROGRESS, "2023Q3");
    assert_day(d.due_day, "2023-10-11");
    assert_instant(&shanghai, d.opens, "2023-07-01T00:00:00+08:00");
    assert_instant(&shanghai, d.due, "2023-10-12T00:00:00+08:00");
    assert_int_equal(d.grace_until, d.due);
    assert_instant(&shanghai, d.locks, "2023-11-23T00:00:00+08:00");
    assert_true(d.applicable);
    assert_false(d.provisional);
    assert_null(d.reason);
}

static void fourth_quarter_due_in_january_keeps_its_year(void **state)
{
    (void)state;
    struct mst_period period;
    assert_day(dates_of(PROGRESS, "2023Q4").due_day, "2024-01-08");
    assert_int_equal(mst_period_parse("2023Q4", 1, 0, &period, NULL), 0);
    assert_int_equal(period.year, 2023);
}

static void last_millisecond_of_the_due_date_is_on_time(void **state)
{
    (void)state;
    mst_time due = dates_of(PROGRESS, "2023Q3").due;
    assert_int_equal(at("2023-10-11T23:59:59.999"), due - 1);
    assert_int_equal(at("2023-10-12T00:00:00.000"), due);
}

static void exchange_is_due_five_working_days_before_the_quarters_end(void **state)
{
    (void)state;
    assert_day(dates_of(EXCHANGE, "2023Q1").due_day, "2023-03-24");
    assert_day(dates_of(EXCHANGE, "2023Q2").due_day, "2023-06-25");
    assert_day(dates_of(EXCHANGE, "2023Q3").due_day, "2023-09-21");
    assert_day(dates_of(EXCHANGE, "2023Q4").due_day, "2023-12-22");
}

static void annual_plan_is_due_before_december(void **state)
{
    (void)state;
    assert_day(dates_of(PLAN, "2024").due_day, "2023-11-30");
    assert_day(dates_of(PLAN, "2026").due_day, "2025-11-28");
    struct mst_dates d = dates_of(PLAN, "2025");
    assert_day(d.due_day, "2024-11-29");
    assert_instant(&shanghai, d.due, "2024-11-30T00:00:00+08:00");
    assert_instant(&shanghai, d.grace_until, "2024-12-01T00:00:00+08:00");
    assert_false(d.provisional);
    d = dates_of(PLAN, "2024");
    assert_int_equal(d.grace_until, d.due);
}

static void what_was_due_before_the_issue_is_not_applicable(void **state)
{
    (void)state;
    struct mst_dates d = dates_of(PLAN, "2023");
    assert_day(d.due_day, "2022-11-30");
    assert_false(d.applicable);
    assert_string_equal(d.reason, "due before the programme was issued");
    assert_instant(&shanghai, d.opens, "2022-12-05T00:00:00+08:00");
    /* 2022Q4's report was possible; that it is not asked for is a setting. */
    d = dates_of(PROGRESS, "2022Q4");
    assert_day(d.due_day, "2023-01-09");
    assert_true(d.applicable);
    assert_instant(&shanghai, d.opens, "2022-12-05T00:00:00+08:00");
    /* Due on the day before the issue ends at its midnight: too late to do anything. */
    duties[PROGRESS].due = (struct mst_date_rule){.fixed = true, .month = 12, .day = 4};
    assert_false(dates_of(PROGRESS, "2022Q4").applicable);
    duties[PROGRESS].due.day = 5;
    assert_true(dates_of(PROGRESS, "2022Q4").applicable);
}

static void once_counts_from_the_issue_date(void **state)
{
    (void)state;
    assert_day(dates_of(TASKS, "once").due_day, "2023-01-03");
    assert_day(dates_of(POSTS, "once").due_day, "2022-12-19");
    assert_instant(&shanghai, dates_of(TASKS, "once").opens, "2022-12-05T00:00:00+08:00");
    duties[TASKS].due = (struct mst_date_rule){.fixed = true, .month = 12, .day = 20};
    assert_day(dates_of(TASKS, "once").due_day, "2022-12-20");
}

static void notes_exempt_a_period_or_move_it(void **state)
{
    (void)state;
    static struct mst_period_note notes[] = {
        {.key = "2022", .reason = "before our time", .due = MST_DAY_NONE},
        {.key = "2023", .due = 0},
    };
    notes[1].due = day_from("2023-01-14"); /* a Saturday, left as it is */
    duties[PLAN].notes = notes;
    duties[PLAN].notes_count = 2;
    struct mst_dates d = dates_of(PLAN, "2023");
    assert_true(d.applicable);
    assert_day(d.due_day, "2023-01-14");
    assert_int_equal(d.grace_until, d.due);
    d = dates_of(PLAN, "2022");
    assert_false(d.applicable);
    assert_string_equal(d.reason, "before our time");
    notes[1].due = day_from("2022-12-01");
    assert_int_equal(dates_rc(PLAN, "2023", NULL), MST_E_INVALID);
}

static void uncovered_year_makes_due_dates_provisional(void **state)
{
    (void)state;
    assert_false(dates_of(PROGRESS, "2026Q3").provisional);
    assert_day(dates_of(PROGRESS, "2026Q3").due_day, "2026-10-13");
    struct mst_dates d = dates_of(PROGRESS, "2026Q4");
    assert_day(d.due_day, "2027-01-07");
    assert_true(d.provisional);
    assert_false(dates_of(EXCHANGE, "2026Q4").provisional);
    assert_true(dates_of(EXCHANGE, "2027Q1").provisional);
    assert_false(dates_of(PLAN, "2027").provisional);
    assert_true(dates_of(PLAN, "2028").provisional);
    /* A fixed date that nothing rolls needs no notice. */
    duties[PLAN].due.roll = MST_ROLL_NONE;
    assert_false(dates_of(PLAN, "2028").provisional);
    duties[PLAN].grace = (struct mst_grace){.kind = MST_GRACE_WORKING_DAYS, .n = 1};
    assert_true(dates_of(PLAN, "2028").provisional);
    /* Nor do calendar days, or the period's own last day. */
    duties[PROGRESS].due = (struct mst_date_rule){
        .anchor = MST_ANCHOR_END, .unit = MST_OFFSET_DAYS, .n = 10, .roll = MST_ROLL_NONE};
    assert_false(dates_of(PROGRESS, "2027Q1").provisional);
    duties[PROGRESS].due.n = 0;
    assert_false(dates_of(PROGRESS, "2027Q1").provisional);
}

static void offsets_count_from_both_ends_of_the_period(void **state)
{
    (void)state;
    duties[PROGRESS].opens = (struct mst_date_rule){.anchor = MST_ANCHOR_START, .n = -90};
#define RULE(anchor_, unit_, n_)                                                                   \
    (struct mst_date_rule){.anchor = MST_ANCHOR_##anchor_, .unit = unit_, .n = n_}
#define WORKING MST_OFFSET_WORKING_DAYS
    assert_due(RULE(START, WORKING, 1), "2024Q1", "2024-01-02");
    assert_due(RULE(START, WORKING, 1), "2023Q3", "2023-07-03"); /* 1 July is a Saturday */
    assert_due(RULE(START, WORKING, 1), "2024Q3", "2024-07-01");
    assert_due(RULE(START, WORKING, 5), "2023Q4", "2023-10-11");
    assert_due(RULE(START, WORKING, -1), "2023Q4", "2023-09-28");
    assert_due(RULE(START, WORKING, -1), "2024Q3", "2024-06-28");
    assert_due(RULE(START, WORKING, 0), "2023Q3", "2023-07-01");
    assert_due(RULE(END, WORKING, 0), "2023Q3", "2023-09-30");
    assert_due(RULE(END, WORKING, 1), "2024Q2", "2024-07-01");
    assert_due(RULE(END, WORKING, -1), "2023Q3", "2023-09-27"); /* 28 September is day 0 */
    assert_due(RULE(END, WORKING, -1), "2024Q3", "2024-09-29"); /* 30 September works */
    assert_due(RULE(START, MST_OFFSET_DAYS, 1), "2023Q3", "2023-07-01");
    assert_due(RULE(START, MST_OFFSET_DAYS, -1), "2023Q3", "2023-06-30");
    assert_due(RULE(END, MST_OFFSET_DAYS, 1), "2023Q3", "2023-10-01");
    assert_due(RULE(END, MST_OFFSET_DAYS, -1), "2023Q3", "2023-09-29");
    assert_due(RULE(END, MST_OFFSET_DAYS, 60), "2023Q4", "2024-02-29");
    assert_due(RULE(START, MST_OFFSET_MONTHS, -1), "2024Q1", "2023-11-30");
    assert_due(RULE(START, MST_OFFSET_MONTHS, 2), "2024Q1", "2024-02-29");
    assert_due(RULE(END, MST_OFFSET_MONTHS, 2), "2023Q4", "2024-02-29");
    assert_due(RULE(END, MST_OFFSET_MONTHS, 2), "2022Q4", "2023-02-28");
    assert_due(RULE(END, MST_OFFSET_MONTHS, -1), "2024Q1", "2024-02-29");
#undef RULE
#undef WORKING
}

static void offsets_are_rolled_after_they_are_found(void **state)
{
    (void)state;
    duties[PROGRESS].due = (struct mst_date_rule){
        .anchor = MST_ANCHOR_END, .unit = MST_OFFSET_DAYS, .n = 1, .roll = MST_ROLL_FOLLOWING};
    assert_day(dates_of(PROGRESS, "2023Q3").due_day, "2023-10-07");
    duties[PROGRESS].due.roll = MST_ROLL_PRECEDING;
    assert_day(dates_of(PROGRESS, "2023Q3").due_day, "2023-09-28");
    duties[PROGRESS].due.roll = MST_ROLL_MODIFIED_PRECEDING;
    assert_day(dates_of(PROGRESS, "2023Q3").due_day, "2023-10-07");
}

static void leap_day_is_clamped_and_comes_back(void **state)
{
    (void)state;
    duties[PLAN].opens = (struct mst_date_rule){0};
    duties[PLAN].due = (struct mst_date_rule){.fixed = true, .month = 2, .day = 29};
    duties[PLAN].grace = (struct mst_grace){0};
    assert_day(dates_of(PLAN, "2023").due_day, "2023-02-28");
    assert_day(dates_of(PLAN, "2024").due_day, "2024-02-29");
    assert_day(dates_of(PLAN, "2028").due_day, "2028-02-29");
}

static void fiscal_years_move_their_quarters(void **state)
{
    (void)state;
    programme.fiscal_month = 4;
    struct mst_dates d = dates_of(PROGRESS, "2023Q4"); /* January to March 2024 */
    assert_instant(&shanghai, d.opens, "2024-01-01T00:00:00+08:00");
    assert_day(d.due_day, "2024-04-08"); /* 4 to 6 April off, Sunday 7 April worked */
    duties[PROGRESS].due =
        (struct mst_date_rule){.fixed = true, .month = 4, .day = 30, .year_offset = 1};
    assert_day(dates_of(PROGRESS, "2023Q4").due_day, "2024-04-30");
}

static void grace_has_four_kinds(void **state)
{
    (void)state;
    struct mst_grace *grace = &duties[PROGRESS].grace;
    *grace = (struct mst_grace){.kind = MST_GRACE_WORKING_DAYS, .n = 3};
    assert_instant(&shanghai, dates_of(PROGRESS, "2023Q3").grace_until,
                   "2023-10-17T00:00:00+08:00");
    *grace = (struct mst_grace){.kind = MST_GRACE_DAYS, .n = 3};
    assert_instant(&shanghai, dates_of(PROGRESS, "2023Q3").grace_until,
                   "2023-10-15T00:00:00+08:00");
    *grace = (struct mst_grace){.kind = MST_GRACE_THROUGH,
                                .through = {.fixed = true, .month = 10, .day = 31}};
    assert_instant(&shanghai, dates_of(PROGRESS, "2023Q3").grace_until,
                   "2023-11-01T00:00:00+08:00");
    grace->through.day = 1; /* never before due */
    struct mst_dates d = dates_of(PROGRESS, "2023Q3");
    assert_int_equal(d.grace_until, d.due);
}

static void lock_never_comes_before_the_end_of_grace(void **state)
{
    (void)state;
    duties[PROGRESS].grace = (struct mst_grace){.kind = MST_GRACE_DAYS, .n = 100};
    duties[PROGRESS].lock_days = 1;
    struct mst_dates d = dates_of(PROGRESS, "2023Q3");
    assert_int_equal(d.locks, d.grace_until);
    duties[PROGRESS].lock_days = 0;
    assert_int_equal(dates_of(PROGRESS, "2023Q3").locks, MST_NEVER);
}

static void rules_that_lead_nowhere_are_refused(void **state)
{
    (void)state;
    struct mst_err err;
    duties[PROGRESS].opens = (struct mst_date_rule){.anchor = MST_ANCHOR_END, .n = 7};
    assert_int_equal(dates_rc(PROGRESS, "2023Q3", &err), MST_E_INVALID);
    assert_string_equal(err.text,
                        "duty \"quarterly-progress\", period 2023Q3: opens after it is due");
    set_up(NULL);
    duties[PROGRESS].due = (struct mst_date_rule){.fixed = true, .month = 13, .day = 1};
    assert_int_equal(dates_rc(PROGRESS, "2023Q3", &err), MST_E_INVALID);
    assert_non_null(strstr(err.text, "\"due\""));
    duties[PROGRESS].due = (struct mst_date_rule){
        .anchor = MST_ANCHOR_START, .unit = MST_OFFSET_MONTHS, .n = INT32_MAX};
    assert_int_equal(dates_rc(PROGRESS, "2023Q3", &err), MST_E_INVALID);
    duties[PROGRESS].due.unit = MST_OFFSET_DAYS;
    assert_int_equal(dates_rc(PROGRESS, "2023Q3", &err), MST_E_INVALID);
    duties[PROGRESS].due.unit = MST_OFFSET_WORKING_DAYS;
    assert_int_equal(dates_rc(PROGRESS, "2023Q3", &err), MST_E_INVALID);
    set_up(NULL);
    static const struct mst_calendar never = {.weekend_mask = 0x7F};
    programme.calendar = &never;
    assert_int_equal(dates_rc(PROGRESS, "2023Q3", &err), MST_E_INVALID);
}

static void rungs_fire_at_their_hour_on_working_days(void **state)
{
    (void)state;
    struct mst_dates d = dates_of(PROGRESS, "2023Q3"); /* due 2023-10-11 */
    struct mst_rung rung = {.days = -1, .at_ms = 9 * 3600000};
    mst_time grace = d.grace_until;
#define RUNG(repeat) mst_schedule_rung(&programme, &rung, d.due_day, grace, repeat)
    assert_instant(&shanghai, RUNG(0), "2023-10-10T09:00:00+08:00");
    rung.days = -5;
    assert_instant(&shanghai, RUNG(0), "2023-09-28T09:00:00+08:00");
    rung.days = -10;
    assert_instant(&shanghai, RUNG(0), "2023-09-21T09:00:00+08:00");
    rung.days = 0;
    assert_int_equal(RUNG(0), grace);
    rung.days = 1;
    assert_instant(&shanghai, RUNG(0), "2023-10-12T09:00:00+08:00");
    rung.days = 3;
    assert_instant(&shanghai, RUNG(0), "2023-10-16T09:00:00+08:00");
    rung.days = 10;
    rung.repeat_days = 5;
    assert_instant(&shanghai, RUNG(0), "2023-10-25T09:00:00+08:00");
    assert_instant(&shanghai, RUNG(1), "2023-11-01T09:00:00+08:00");
    assert_instant(&shanghai, RUNG(2), "2023-11-08T09:00:00+08:00");
    /* Decades later a nag still has its instant, later than the one before it. */
    assert_true(RUNG(4000) > RUNG(3999) && RUNG(4000) != MST_NEVER);
    rung.days = 0;
    rung.repeat_days = 1;
    assert_instant(&shanghai, RUNG(1), "2023-10-12T09:00:00+08:00");
    /* An extension until the afternoon: the first escalation is not before it. */
    grace = at("2023-10-12 15:00");
    rung.days = 1;
    assert_int_equal(RUNG(0), grace);
#undef RUNG
}

static void rung_without_working_days_counts_calendar_days(void **state)
{
    (void)state;
    static const struct mst_calendar never = {.weekend_mask = 0x7F};
    programme.calendar = &never;
    struct mst_rung rung = {.days = -3};
    mst_day due = day_from("2023-10-11");
    mst_time grace = at("2023-10-12");
    assert_int_equal(mst_schedule_rung(&programme, &rung, due, grace, 0), at("2023-10-08"));
    rung.days = 3;
    assert_int_equal(mst_schedule_rung(&programme, &rung, due, grace, 0), at("2023-10-14"));
}

static void lateness_counts_working_days_begun(void **state)
{
    (void)state;
    mst_time grace = at("2023-10-12"); /* a Thursday */
#define LATE(text) mst_schedule_days_late(&programme, grace, at(text))
    assert_int_equal(LATE("2023-10-12T00:00:00.000"), 1);
    assert_int_equal(LATE("2023-10-12T23:59:59.999"), 1);
    assert_int_equal(LATE("2023-10-13T00:00:00.000"), 2);
    assert_int_equal(LATE("2023-10-15T12:00"), 2); /* the weekend begins no working day */
    assert_int_equal(LATE("2023-10-16T00:00"), 3);
    grace = at("2024-11-30"); /* a Saturday */
    assert_int_equal(LATE("2024-11-30 10:00"), 1);
    assert_int_equal(LATE("2024-12-02 00:00"), 1);
    assert_int_equal(LATE("2024-12-03 00:00"), 2);
#undef LATE
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(quarterly_progress_is_due_on_the_fifth_working_day),
        TEST(fourth_quarter_due_in_january_keeps_its_year),
        TEST(last_millisecond_of_the_due_date_is_on_time),
        TEST(exchange_is_due_five_working_days_before_the_quarters_end),
        TEST(annual_plan_is_due_before_december),
        TEST(what_was_due_before_the_issue_is_not_applicable),
        TEST(once_counts_from_the_issue_date),
        TEST(notes_exempt_a_period_or_move_it),
        TEST(uncovered_year_makes_due_dates_provisional),
        TEST(offsets_count_from_both_ends_of_the_period),
        TEST(offsets_are_rolled_after_they_are_found),
        TEST(leap_day_is_clamped_and_comes_back),
        TEST(fiscal_years_move_their_quarters),
        TEST(grace_has_four_kinds),
        TEST(lock_never_comes_before_the_end_of_grace),
        TEST(rules_that_lead_nowhere_are_refused),
        TEST(rungs_fire_at_their_hour_on_working_days),
        TEST(rung_without_working_days_counts_calendar_days),
        TEST(lateness_counts_working_days_begun),
    };
    return cmocka_run_group_tests(tests, read_china, NULL);
}
