/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/model_workdays.h"

static mst_day last_of_quarter(int year, int quarter)
{
    return mst_day_add_months(mst_day_of(year, 1, 1), 3 * quarter) - 1;
}

static void fifth_working_day_after_a_quarter_counts_make_up_days(void **state)
{
    (void)state;
    /* 2023-10-06 by Monday to Friday alone, 10-13 with the holidays but without 7 and 8 October. */
    assert_day(mst_calendar_add(&china, last_of_quarter(2023, 3), 5), "2023-10-11");
    assert_day(mst_calendar_add(&china, last_of_quarter(2023, 4), 5), "2024-01-08");
    assert_day(mst_calendar_add(&china, last_of_quarter(2022, 4), 5), "2023-01-09");
}

static void counting_back_from_a_quarters_end_starts_at_its_last_working_day(void **state)
{
    (void)state;
    static const char *const due[] = {"2023-03-24", "2023-06-25", "2023-09-21", "2023-12-22"};
    for (int q = 1; q <= 4; q++) {
        mst_day end = mst_calendar_roll(&china, last_of_quarter(2023, q), MST_ROLL_PRECEDING);
        assert_day(mst_calendar_add(&china, end, -5), due[q - 1]);
    }
}

static void annual_plan_rolls_back_to_a_working_day(void **state)
{
    (void)state;
    assert_day(mst_calendar_roll(&china, day_from("2023-11-30"), MST_ROLL_PRECEDING), "2023-11-30");
    assert_day(mst_calendar_roll(&china, day_from("2024-11-30"), MST_ROLL_PRECEDING), "2024-11-29");
    assert_day(mst_calendar_roll(&china, day_from("2025-11-30"), MST_ROLL_PRECEDING), "2025-11-28");
}

static void modified_rolls_stay_in_their_month(void **state)
{
    (void)state;
    mst_day day = day_from("2024-11-30"); /* a Saturday */
    assert_day(mst_calendar_roll(&china, day, MST_ROLL_NONE), "2024-11-30");
    assert_day(mst_calendar_roll(&china, day, MST_ROLL_FOLLOWING), "2024-12-02");
    assert_day(mst_calendar_roll(&china, day, MST_ROLL_MODIFIED_FOLLOWING), "2024-11-29");
    day = day_from("2024-06-01"); /* a Saturday */
    assert_day(mst_calendar_roll(&china, day, MST_ROLL_PRECEDING), "2024-05-31");
    assert_day(mst_calendar_roll(&china, day, MST_ROLL_MODIFIED_PRECEDING), "2024-06-03");
    assert_day(mst_calendar_roll(&china, day_from("2024-06-15"), MST_ROLL_MODIFIED_FOLLOWING),
               "2024-06-17");
}

static void exceptions_beat_the_week(void **state)
{
    (void)state;
    assert_true(mst_calendar_works(&china, day_from("2023-06-25")));  /* make-up Sunday */
    assert_false(mst_calendar_works(&china, day_from("2023-06-22"))); /* a Thursday off */
    assert_true(mst_calendar_works(&china, day_from("2023-06-21")));
    assert_false(mst_calendar_works(&china, day_from("2023-06-18")));
}

static void years_without_a_notice_are_not_covered(void **state)
{
    (void)state;
    assert_true(mst_calendar_covers(&china, day_from("2022-01-01"), day_from("2026-12-31")));
    assert_false(mst_calendar_covers(&china, day_from("2026-12-31"), day_from("2027-01-01")));
    assert_false(mst_calendar_covers(&china, day_from("2021-12-31"), day_from("2022-01-01")));
    assert_false(mst_calendar_covers(&china, day_from("2030-01-01"), day_from("2030-01-01")));
    static const struct mst_calendar_year gap[] = {{2022, ""}, {2024, ""}};
    struct mst_calendar holed = {.years = gap, .years_count = 2};
    assert_false(mst_calendar_covers(&holed, day_from("2022-01-01"), day_from("2024-01-01")));
    assert_true(mst_calendar_covers(&holed, day_from("2024-02-29"), day_from("2024-03-01")));
}

static void counts_are_half_open(void **state)
{
    (void)state;
    mst_day from = day_from("2023-09-28"); /* Thursday, the last before eight days off */
    assert_int_equal(mst_calendar_count(&china, from, from), 0);
    assert_int_equal(mst_calendar_count(&china, from, from + 1), 1);
    assert_int_equal(mst_calendar_count(&china, from, day_from("2023-10-07")), 1);
    assert_int_equal(mst_calendar_count(&china, from, day_from("2023-10-08")), 2);
    assert_int_equal(mst_calendar_count(&china, day_from("2023-10-08"), from), 0);
    /* 365 days less 105 of weekends; the notices move days but that of 2023 also takes some away.
     */
    assert_int_equal(mst_calendar_count(&china, day_from("2023-01-01"), day_from("2024-01-01")),
                     249);
}

static void calendar_without_working_days_gives_none(void **state)
{
    (void)state;
    static const struct mst_calendar never = {.weekend_mask = 0x7F};
    assert_int_equal(mst_calendar_add(&never, 0, 1), MST_DAY_NONE);
    assert_int_equal(mst_calendar_add(&never, 0, -1), MST_DAY_NONE);
    assert_int_equal(mst_calendar_add(&never, 0, 0), 0);
    assert_int_equal(mst_calendar_roll(&never, 0, MST_ROLL_MODIFIED_FOLLOWING), MST_DAY_NONE);
    assert_int_equal(mst_calendar_count(&never, 0, 1000), 0);
}

static void counting_stops_at_the_calendars_ends(void **state)
{
    (void)state;
    assert_int_equal(mst_calendar_add(&china, MST_DAY_LAST, 1), MST_DAY_NONE);
    assert_int_equal(mst_calendar_add(&china, MST_DAY_FIRST, -1), MST_DAY_NONE);
    assert_int_equal(mst_calendar_add(&china, 0, 4001), MST_DAY_NONE);
    assert_int_equal(mst_calendar_add(&china, 0, INT32_MIN), MST_DAY_NONE);
    assert_int_equal(mst_calendar_add(&china, MST_DAY_NONE, 1), MST_DAY_NONE);
    /* One working day a week still reaches the 4000th: the limit of 20 years is per gap. */
    static const struct mst_calendar mondays = {.weekend_mask = 0x7E};
    assert_int_equal(mst_calendar_add(&mondays, 0, 4000), 4 + 3999 * 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifth_working_day_after_a_quarter_counts_make_up_days),
        cmocka_unit_test(counting_back_from_a_quarters_end_starts_at_its_last_working_day),
        cmocka_unit_test(annual_plan_rolls_back_to_a_working_day),
        cmocka_unit_test(modified_rolls_stay_in_their_month),
        cmocka_unit_test(exceptions_beat_the_week),
        cmocka_unit_test(years_without_a_notice_are_not_covered),
        cmocka_unit_test(counts_are_half_open),
        cmocka_unit_test(calendar_without_working_days_gives_none),
        cmocka_unit_test(counting_stops_at_the_calendars_ends),
    };
    return cmocka_run_group_tests(tests, read_china, NULL);
}
