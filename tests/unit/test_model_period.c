/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/model_workdays.h"

#include "config/model/period.h"

struct expected {
    enum mst_period_kind kind;
    int fiscal_month;
    const char *day, *key;
    int year;
    const char *first, *last;
};

static const struct expected expected[] = {
    {MST_PERIOD_YEAR, 1, "2024-02-29", "2024", 2024, "2024-01-01", "2024-12-31"},
    {MST_PERIOD_HALF, 1, "2023-06-30", "2023H1", 2023, "2023-01-01", "2023-06-30"},
    {MST_PERIOD_HALF, 1, "2023-07-01", "2023H2", 2023, "2023-07-01", "2023-12-31"},
    {MST_PERIOD_QUARTER, 1, "2023-10-01", "2023Q4", 2023, "2023-10-01", "2023-12-31"},
    {MST_PERIOD_QUARTER, 1, "2024-01-08", "2024Q1", 2024, "2024-01-01", "2024-03-31"},
    {MST_PERIOD_MONTH, 1, "2024-02-29", "2024-02", 2024, "2024-02-01", "2024-02-29"},
    {MST_PERIOD_MONTH, 1, "2023-02-01", "2023-02", 2023, "2023-02-01", "2023-02-28"},
    {MST_PERIOD_DAY, 1, "2023-07-14", "2023-07-14", 2023, "2023-07-14", "2023-07-14"},
    {MST_PERIOD_ONCE, 1, "2022-12-05", "once", 0, "2022-12-05", "2022-12-05"},
    /* A fiscal year is named for the civil year in which it begins. */
    {MST_PERIOD_YEAR, 4, "2024-03-31", "2023", 2023, "2023-04-01", "2024-03-31"},
    {MST_PERIOD_YEAR, 4, "2024-04-01", "2024", 2024, "2024-04-01", "2025-03-31"},
    {MST_PERIOD_HALF, 10, "2024-04-01", "2023H2", 2023, "2024-04-01", "2024-09-30"},
    {MST_PERIOD_QUARTER, 4, "2024-02-29", "2023Q4", 2023, "2024-01-01", "2024-03-31"},
    {MST_PERIOD_QUARTER, 2, "2024-01-31", "2023Q4", 2023, "2023-11-01", "2024-01-31"},
    {MST_PERIOD_QUARTER, 12, "2023-12-01", "2023Q1", 2023, "2023-12-01", "2024-02-29"},
    {MST_PERIOD_MONTH, 4, "2024-02-29", "2024-02", 2023, "2024-02-01", "2024-02-29"},
    /* ISO weeks across years. */
    {MST_PERIOD_WEEK, 1, "2023-01-01", "2022W52", 2022, "2022-12-26", "2023-01-01"},
    {MST_PERIOD_WEEK, 1, "2021-01-03", "2020W53", 2020, "2020-12-28", "2021-01-03"},
    {MST_PERIOD_WEEK, 1, "2024-12-30", "2025W01", 2025, "2024-12-30", "2025-01-05"},
    {MST_PERIOD_WEEK, 7, "2023-02-01", "2023W05", 2023, "2023-01-30", "2023-02-05"},
    {MST_PERIOD_WEEK, 1, "9999-12-31", "9999W52", 9999, "9999-12-27", "9999-12-31"},
    /* Cut to the years there are. */
    {MST_PERIOD_YEAR, 4, "0001-01-01", "0000", 0, "0001-01-01", "0001-03-31"},
    {MST_PERIOD_YEAR, 4, "9999-12-31", "9999", 9999, "9999-04-01", "9999-12-31"},
};

static void periods_contain_their_days(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct expected *e = &expected[i];
        struct mst_period p = mst_period_containing(e->kind, e->fiscal_month, day_from(e->day));
        assert_string_equal(p.key, e->key);
        assert_int_equal(p.kind, e->kind);
        assert_int_equal(p.year, e->year);
        assert_day(p.first, e->first);
        assert_day(p.last, e->last);
    }
}

static void periods_tile_time_and_their_keys_lead_back(void **state)
{
    (void)state;
    for (int kind = MST_PERIOD_YEAR; kind <= MST_PERIOD_DAY; kind++) {
        for (int month = 1; month <= 12; month++) {
            struct mst_period p =
                mst_period_containing((enum mst_period_kind)kind, month, day_from("2015-05-05"));
            for (int i = 0; i < 800 && p.year < 2030; i++) {
                struct mst_period parsed;
                assert_int_equal(mst_period_parse(p.key, month, 0, &parsed, NULL), 0);
                assert_memory_equal(&parsed, &p, sizeof p);
                struct mst_period next = mst_period_next(&p, month);
                assert_int_equal(next.first, p.last + 1);
                assert_true(next.last >= next.first);
                p = next;
            }
        }
    }
}

static void once_is_the_day_that_is_given(void **state)
{
    (void)state;
    struct mst_period p;
    assert_int_equal(mst_period_parse("once", 1, day_from("2022-12-05"), &p, NULL), 0);
    assert_string_equal(p.key, "once");
    assert_int_equal(p.year, 0);
    assert_day(p.first, "2022-12-05");
    assert_day(p.last, "2022-12-05");
}

static void keys_of_no_period_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",        "23",      "0000",       "2023Q0",     "2023Q5",  "2023H0",  "2023H3",
        "2023W00", "2023W53", "2023W99",    "2023-13",    "2023-00", "2023-7",  "2023q3",
        "2023Q03", "2023 Q3", "2023-02-29", "2023-0x-01", "20230",   "9999W53", "2023Q3 ",
        "Once",    "2023W-1", "2023/07",    "2023-07/14", "12345678"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct mst_period p = {.year = 77};
        struct mst_err err = {0};
        if (mst_period_parse(wrong[i], 1, 0, &p, &err) != MST_E_SYNTAX)
            fail_msg("\"%s\" was read as a period", wrong[i]);
        assert_int_equal(p.year, 77);
        assert_int_equal(err.code, MST_E_SYNTAX);
    }
}

static void kinds_have_the_words_of_the_programme_file(void **state)
{
    (void)state;
    assert_string_equal(mst_period_kind_word(MST_PERIOD_ONCE), "once");
    assert_string_equal(mst_period_kind_word(MST_PERIOD_QUARTER), "quarter");
    assert_string_equal(mst_period_kind_word(MST_PERIOD_DAY), "day");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(periods_contain_their_days),
        cmocka_unit_test(periods_tile_time_and_their_keys_lead_back),
        cmocka_unit_test(once_is_the_day_that_is_given),
        cmocka_unit_test(keys_of_no_period_are_refused),
        cmocka_unit_test(kinds_have_the_words_of_the_programme_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
