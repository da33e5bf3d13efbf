/* SPDX-License-Identifier: Apache-2.0 */
/* Zones from TZif files, compared with the C library over two centuries, and calendars. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/load/load.h"
#include "config/load/tzrule.h"

static struct mst_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = mst_arena_new();
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    mst_arena_free(arena);
    return 0;
}

static const struct mst_zone *zone_of(const char *name)
{
    const struct mst_zone *zone = NULL;
    struct mst_err err;
    if (mst_zone_load(name, arena, &zone, &err))
        fail_msg("%s: %s", name, err.text);
    assert_string_equal(zone->name, name);
    for (size_t i = 1; i < zone->transitions_count; i++)
        assert_true(zone->transitions[i - 1].at < zone->transitions[i].at);
    return zone;
}

/* An oracle that shares nothing with the loader: the C library's own reading of the same rules. */
static void offsets_are_those_of_the_c_library(void **state)
{
    (void)state;
    static const char *const names[] = {"Asia/Shanghai",
                                        "Europe/Berlin",
                                        "Africa/Cairo",
                                        "America/New_York",
                                        "America/Sao_Paulo",
                                        "Asia/Kolkata",
                                        "Asia/Gaza",
                                        "Australia/Lord_Howe",
                                        "Pacific/Apia",
                                        "Europe/Dublin",
                                        "America/Nuuk",
                                        "Africa/Casablanca",
                                        "Antarctica/Troll",
                                        "Asia/Tehran",
                                        "Pacific/Chatham",
                                        "Etc/GMT+12",
                                        "UTC",
                                        "EST5EDT",
                                        "America/St_Johns"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct mst_zone *zone = zone_of(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        /* Every 5 hours and a bit, so that no hour of the day is skipped over the years. */
        for (time_t at = -2208988800; at < 7258118400; at += 18061) {
            struct tm tm;
            localtime_r(&at, &tm);
            if (mst_zone_offset_s(zone, (mst_time)at * 1000) != tm.tm_gmtoff)
                fail_msg("%s at %lld", names[i], (long long)at);
        }
    }
    unsetenv("TZ");
    tzset();
}

static void rule_of_the_footer_reaches_2200(void **state)
{
    (void)state;
    const struct mst_zone *zone = zone_of("Europe/Berlin");
    assert_int_equal(mst_zone_offset_s(zone, mst_zone_midnight(zone, mst_day_of(2200, 7, 1))),
                     7200);
    assert_int_equal(mst_zone_offset_s(zone, mst_zone_midnight(zone, mst_day_of(2200, 12, 1))),
                     3600);
}

static void midnight_that_does_not_exist_is_the_first_instant_after(void **state)
{
    (void)state;
    const struct mst_zone *zone = zone_of("Africa/Cairo");
    char text[MST_INSTANT_TEXT_MAX];
    mst_time midnight = mst_zone_midnight(zone, mst_day_of(2023, 4, 28));
    assert_string_equal(mst_zone_format(zone, midnight, text), "2023-04-28T01:00:00+03:00");
}

static void names_that_lead_elsewhere_are_unknown(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",         "/etc/localtime", "../zoneinfo/UTC", "Europe/../UTC",
        "Europe",   "Europe/",        "Europe//Berlin",  "No/Where",
        "zone.tab", "UTC\n",          "tzdata.zi",       "leapseconds"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct mst_zone *zone = NULL;
        int code = mst_zone_load(names[i], arena, &zone, NULL);
        assert_true(code == MST_E_UNKNOWN || code == MST_E_INVALID);
        assert_null(zone);
    }
}

static void environment_does_not_choose_the_files(void **state)
{
    (void)state;
    const struct mst_zone *before = zone_of("Asia/Shanghai");
    setenv("TZDIR", "/nowhere", 1);
    const struct mst_zone *after = zone_of("Asia/Shanghai");
    unsetenv("TZDIR");
    assert_memory_equal(before->digest, after->digest, MST_DIGEST_BYTES);
}

static void rules_of_all_forms_are_read(void **state)
{
    (void)state;
    struct mst_tzrule rule;
    struct mst_zone_transition changes[2];
    assert_true(mst_tzrule_parse("CET-1CEST,M3.5.0,M10.5.0/3", &rule));
    mst_tzrule_changes(&rule, 2024, changes);
    assert_int_equal(changes[0].at, 1711846800000); /* 2024-03-31T01:00Z */
    assert_int_equal(changes[1].at, 1729990800000); /* 2024-10-27T01:00Z */
    assert_true(mst_tzrule_parse("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", &rule));
    assert_int_equal(rule.standard_s, -7200);
    assert_int_equal(rule.start.time_s, -3600);
    assert_true(mst_tzrule_parse("AAA0BBB,J60/0,59/0", &rule));
    mst_tzrule_changes(&rule, 2024, changes);
    assert_int_equal(changes[0].at, 1709251200000); /* J60 is 1 March in leap years as well */
    assert_int_equal(changes[1].at, 1709164800000 - 3600000); /* the 60th day is 29 February */
    assert_true(mst_tzrule_parse("<+0545>-5:45", &rule));
    assert_int_equal(rule.standard_s, 20700);
}

static void broken_rules_are_refused(void **state)
{
    (void)state;
    static const char *const rules[] = {"",
                                        "CE-1",
                                        "CET",
                                        "CET-1CEST",
                                        "CET-1CEST,M3.5.0",
                                        "CET-25",
                                        "CET-1CEST,M13.5.0,M10.5.0",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "<CET-1",
                                        "CET-1CEST,M3.5.0,M10.5.0/3x",
                                        "CET-1CEST,J0,J1",
                                        "CET-1CEST,M3.5.0/168,M10.5.0"};
    struct mst_tzrule rule;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        assert_false(mst_tzrule_parse(rules[i], &rule));
}

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fputs(text, file);
    fclose(file);
}

static void calendar_is_read_with_its_notices(void **state)
{
    (void)state;
    struct mst_diags diags = {0};
    struct mst_calendar cal;
    assert_int_equal(mst_calendar_load("config/jingning/workdays.csv", arena, &diags, &cal, NULL),
                     0);
    assert_int_equal(diags.count, 0);
    assert_int_equal(cal.years_count, 5);
    assert_int_equal(cal.years[0].year, 2022);
    assert_string_equal(cal.years[1].notice,
                        "http://www.gov.cn/zhengce/zhengceku/2022-12/08/content_5730844.htm");
    assert_false(mst_calendar_works(&cal, mst_day_of(2022, 12, 31)));
    assert_true(mst_calendar_works(&cal, mst_day_of(2023, 10, 8)));
    assert_false(mst_calendar_works(&cal, mst_day_of(2023, 10, 6)));
    assert_false(mst_calendar_works(&cal, mst_day_of(2023, 10, 15)));
}

static void calendar_of_a_spreadsheet_is_read(void **state)
{
    (void)state;
    char path[] = "/tmp/muster-test-XXXXXX";
    struct mst_diags diags = {0};
    struct mst_calendar cal;
    write_file(path,
               "\xef\xbb\xbf# 2026: a notice\r\n2026-01-01,holiday,A, B\r\n2026-01-03,workday");
    assert_int_equal(mst_calendar_load(path, arena, &diags, &cal, NULL), 0);
    assert_int_equal(cal.exceptions_count, 2);
    assert_string_equal(cal.exceptions[0].occasion, "A, B");
    assert_string_equal(cal.exceptions[1].occasion, "");
    assert_string_equal(cal.years[0].notice, "a notice");
    mst_diags_done(&diags);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_those_of_the_c_library),
        cmocka_unit_test(rule_of_the_footer_reaches_2200),
        cmocka_unit_test(midnight_that_does_not_exist_is_the_first_instant_after),
        cmocka_unit_test(names_that_lead_elsewhere_are_unknown),
        cmocka_unit_test(environment_does_not_choose_the_files),
        cmocka_unit_test(rules_of_all_forms_are_read),
        cmocka_unit_test(broken_rules_are_refused),
        cmocka_unit_test(calendar_is_read_with_its_notices),
        cmocka_unit_test(calendar_of_a_spreadsheet_is_read),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
