/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/model_workdays.h"

#include "config/model/date.h"

static void every_day_of_ten_thousand_years_comes_back(void **state)
{
    (void)state;
    int year = 1, month = 1, day = 1;
    for (mst_day d = MST_DAY_FIRST; d <= MST_DAY_LAST; d++) {
        struct mst_civil civil = mst_civil_of(d);
        if (civil.year != year || civil.month != month || civil.day != day ||
            mst_day_of(year, month, day) != d)
            fail_msg("day %d is not %d-%d-%d", d, year, month, day);
        if (++day > mst_days_in_month(year, month)) {
            day = 1;
            if (++month > 12) {
                month = 1;
                year++;
            }
        }
    }
    assert_int_equal(year, 10000);
}

static void known_days_have_their_numbers_and_weekdays(void **state)
{
    (void)state;
    assert_int_equal(mst_day_of(1970, 1, 1), 0);
    assert_int_equal(mst_weekday(0), 3);
    assert_int_equal(mst_weekday(day_from("0001-01-01")), 0);
    assert_int_equal(mst_weekday(day_from("2024-11-30")), 5);
    assert_int_equal(mst_weekday(day_from("2023-06-25")), 6);
    assert_int_equal(mst_weekday(day_from("1969-12-28")), 6);
    for (mst_day d = -20; d < 20; d++)
        assert_int_equal(mst_weekday(d + 1), (mst_weekday(d) + 1) % 7);
}

static void leap_years_follow_gregory(void **state)
{
    (void)state;
    assert_true(mst_leap_year(2024) && mst_leap_year(2000));
    assert_false(mst_leap_year(2023) || mst_leap_year(1900) || mst_leap_year(2100));
    assert_int_equal(mst_days_in_month(2024, 2), 29);
    assert_int_equal(mst_days_in_month(2100, 2), 28);
}

static void months_are_added_and_clamped_at_the_end(void **state)
{
    (void)state;
    assert_day(mst_day_add_months(day_from("2024-01-31"), 1), "2024-02-29");
    assert_day(mst_day_add_months(day_from("2023-01-31"), 1), "2023-02-28");
    assert_day(mst_day_add_months(day_from("2024-02-29"), 12), "2025-02-28");
    assert_day(mst_day_add_months(day_from("2024-02-29"), -48), "2020-02-29");
    assert_day(mst_day_add_months(day_from("2023-12-31"), -1), "2023-11-30");
    assert_day(mst_day_add_months(day_from("2023-01-15"), -1), "2022-12-15");
    assert_int_equal(mst_day_add_months(day_from("9999-12-01"), 1), MST_DAY_NONE);
    assert_int_equal(mst_day_add_months(day_from("0001-01-01"), -1), MST_DAY_NONE);
    assert_int_equal(mst_day_add_months(0, INT32_MAX), MST_DAY_NONE);
    assert_int_equal(mst_day_add_months(0, INT32_MIN), MST_DAY_NONE);
    assert_int_equal(mst_day_add_months(MST_DAY_NONE, 1), MST_DAY_NONE);
}

static void days_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",           "2023-02-29",  "2023-13-01", "2023-00-01",
                                        "2023-01-00", "2023-04-31",  "0000-01-01", "2023-1-01",
                                        "2023/01/01", "2023-01-011", " 2023-01-0", "2023-01-1x",
                                        "-023-01-01", "20230101",    "+023-01-01", "2023-01-01 "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct mst_err err = {0};
        mst_day day = 77;
        if (mst_day_parse(wrong[i], &day, &err) != MST_E_SYNTAX)
            fail_msg("\"%s\" was read as a date", wrong[i]);
        assert_int_equal(day, 77);
        assert_int_equal(err.code, MST_E_SYNTAX);
        assert_non_null(strstr(err.text, wrong[i]));
    }
    assert_int_equal(mst_day_of(10000, 1, 1), MST_DAY_NONE);
    assert_int_equal(mst_day_of(2023, 2, 29), MST_DAY_NONE);
}

static void leap_days_are_read_and_written(void **state)
{
    (void)state;
    assert_day(day_from("2024-02-29"), "2024-02-29");
    assert_day(day_from("0001-01-01"), "0001-01-01");
    assert_day(day_from("9999-12-31"), "9999-12-31");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_of_ten_thousand_years_comes_back),
        cmocka_unit_test(known_days_have_their_numbers_and_weekdays),
        cmocka_unit_test(leap_years_follow_gregory),
        cmocka_unit_test(months_are_added_and_clamped_at_the_end),
        cmocka_unit_test(days_that_do_not_exist_are_refused),
        cmocka_unit_test(leap_days_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
