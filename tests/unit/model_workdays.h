/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of config/model: mainland China's working days, read from the programme's own file
 * by a reader of its own, so that the loader is not what is tested; and its zone.
 */
#ifndef MST_TESTS_MODEL_WORKDAYS_H
#define MST_TESTS_MODEL_WORKDAYS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "config/model/calendar.h"
#include "config/model/zone.h"

#define WEEKEND 0x60 /* Saturday and Sunday */

static struct mst_calendar_exception china_exceptions[512];

static const struct mst_calendar_year china_years[] = {
    {2022, "n22"}, {2023, "n23"}, {2024, "n24"}, {2025, "n25"}, {2026, "n26"}};

static struct mst_calendar china = {
    .weekend_mask = WEEKEND,
    .exceptions = china_exceptions,
    .years = china_years,
    .years_count = 5,
};

/* China has kept UTC+8 since 1991, and Shanghai's summer time before it is no matter here. */
static const struct mst_zone shanghai = {.name = "Asia/Shanghai", .first_offset_s = 8 * 3600};

static inline int read_china(void **state)
{
    (void)state;
    FILE *file = fopen(MUSTER_SOURCE_DIR "/config/jingning/workdays.csv", "r");
    char line[256];
    assert_non_null(file);
    china.exceptions_count = 0;
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#' || strlen(line) < 12)
            continue;
        line[10] = '\0';
        struct mst_calendar_exception *e = &china_exceptions[china.exceptions_count++];
        assert_int_equal(mst_day_parse(line, &e->day, NULL), 0);
        e->kind = line[11] == 'w' ? MST_DAY_WORKDAY : MST_DAY_HOLIDAY;
        e->occasion = "";
    }
    fclose(file);
    assert_true(china.exceptions_count > 150);
    return 0;
}

static inline mst_day day_from(const char *text)
{
    mst_day day = MST_DAY_NONE;
    assert_int_equal(mst_day_parse(text, &day, NULL), 0);
    return day;
}

#define assert_day(day, text)                                                                      \
    do {                                                                                           \
        char assert_day_buf[11];                                                                   \
        assert_string_equal(mst_day_format((day), assert_day_buf), (text));                        \
    } while (0)

#define assert_instant(zone, at, text)                                                             \
    do {                                                                                           \
        char assert_instant_buf[MST_INSTANT_TEXT_MAX];                                             \
        assert_string_equal(mst_zone_format((zone), (at), assert_instant_buf), (text));            \
    } while (0)

#endif
