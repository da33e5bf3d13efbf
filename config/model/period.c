/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Periods and their keys. Each period is worked out afresh from a day inside it, never from its
 * neighbour, so that no error adds up.
 */
#include "config/model/period.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The month that many months after January of year 0, as its first day; cut to the years 1..9999.
 */
static mst_day month_start(int months)
{
    if (months < 12)
        return MST_DAY_FIRST;
    if (months >= 10000 * 12)
        return MST_DAY_LAST + 1;
    return mst_day_of(months / 12, months % 12 + 1, 1);
}

/* A run of `length` months of the fiscal year: years, halves, quarters. */
static struct mst_period run_of_months(enum mst_period_kind kind, int fiscal_month, mst_day day,
                                       int length)
{
    struct mst_civil civil = mst_civil_of(day);
    int months = civil.year * 12 + civil.month - 1;
    int fiscal = months - (fiscal_month - 1);
    int number = fiscal % 12 / length;
    int start = months - fiscal % length;
    struct mst_period period = {
        .kind = kind,
        .year = fiscal / 12,
        .first = month_start(start),
        .last = month_start(start + length) - 1,
    };
    unsigned year = (unsigned)period.year % 10000;
    if (kind == MST_PERIOD_YEAR)
        snprintf(period.key, sizeof period.key, "%04u", year);
    else
        snprintf(period.key, sizeof period.key, "%04u%c%d", year,
                 kind == MST_PERIOD_HALF ? 'H' : 'Q', number + 1);
    return period;
}

static int fiscal_year(struct mst_civil civil, int fiscal_month)
{
    return civil.month >= fiscal_month ? civil.year : civil.year - 1;
}

static struct mst_period month_of(int fiscal_month, mst_day day)
{
    struct mst_civil civil = mst_civil_of(day);
    struct mst_period period = {
        .kind = MST_PERIOD_MONTH,
        .year = fiscal_year(civil, fiscal_month),
        .first = mst_day_of(civil.year, civil.month, 1),
    };
    char date[11];
    period.last = period.first + mst_days_in_month(civil.year, civil.month) - 1;
    snprintf(period.key, sizeof period.key, "%.7s", mst_day_format(day, date));
    return period;
}

/* ISO 8601: a week belongs to the year in which its Thursday lies. */
static struct mst_period week_of(mst_day day)
{
    mst_day monday = day - mst_weekday(day);
    mst_day thursday = monday + 3 < MST_DAY_LAST ? monday + 3 : MST_DAY_LAST;
    struct mst_period period = {
        .kind = MST_PERIOD_WEEK,
        .year = mst_civil_of(thursday).year,
        .first = monday,
        .last = monday + 6 < MST_DAY_LAST ? monday + 6 : MST_DAY_LAST,
    };
    int number = (thursday - mst_day_of(period.year, 1, 1)) / 7 + 1;
    snprintf(period.key, sizeof period.key, "%04uW%02u", (unsigned)period.year % 10000,
             (unsigned)number % 100);
    return period;
}

static struct mst_period day_of(int fiscal_month, mst_day day)
{
    struct mst_period period = {
        .kind = MST_PERIOD_DAY,
        .year = fiscal_year(mst_civil_of(day), fiscal_month),
        .first = day,
        .last = day,
    };
    mst_day_format(day, period.key);
    return period;
}

struct mst_period mst_period_once(mst_day day)
{
    return (struct mst_period){
        .kind = MST_PERIOD_ONCE, .year = 0, .first = day, .last = day, .key = "once"};
}

struct mst_period mst_period_containing(enum mst_period_kind kind, int fiscal_month, mst_day day)
{
    assert(fiscal_month >= 1 && fiscal_month <= 12);
    switch (kind) {
    case MST_PERIOD_YEAR:
        return run_of_months(kind, fiscal_month, day, 12);
    case MST_PERIOD_HALF:
        return run_of_months(kind, fiscal_month, day, 6);
    case MST_PERIOD_QUARTER:
        return run_of_months(kind, fiscal_month, day, 3);
    case MST_PERIOD_MONTH:
        return month_of(fiscal_month, day);
    case MST_PERIOD_WEEK:
        return week_of(day);
    case MST_PERIOD_DAY:
        return day_of(fiscal_month, day);
    case MST_PERIOD_ONCE:
        break;
    }
    return mst_period_once(day);
}

struct mst_period mst_period_next(const struct mst_period *period, int fiscal_month)
{
    assert(period->kind != MST_PERIOD_ONCE && period->last < MST_DAY_LAST);
    return mst_period_containing(period->kind, fiscal_month, period->last + 1);
}

/* A number in exactly the digits from `from` up to `to`; 0 where there is something else. */
static int number_in(const char *key, size_t from, size_t to)
{
    int value = 0;
    for (size_t i = from; i < to; i++) {
        if (key[i] < '0' || key[i] > '9')
            return 0;
        value = value * 10 + (key[i] - '0');
    }
    return value;
}

/* Some day inside the period that a key of this length and shape names; MST_DAY_NONE for none. The
 * caller compares keys, so numbers out of range need no check here. */
static mst_day day_inside(const char *key, int fiscal_month, enum mst_period_kind *ret_kind)
{
    size_t length = strlen(key);
    int year = length >= 4 ? number_in(key, 0, 4) : 0;
    mst_day day = MST_DAY_NONE;
    if (year == 0)
        return MST_DAY_NONE;
    if (length == 4) {
        *ret_kind = MST_PERIOD_YEAR;
        day = mst_day_of(year, fiscal_month, 1);
    } else if (length == 6 && (key[4] == 'H' || key[4] == 'Q')) {
        int months = key[4] == 'H' ? 6 : 3;
        *ret_kind = key[4] == 'H' ? MST_PERIOD_HALF : MST_PERIOD_QUARTER;
        day = mst_day_add_months(mst_day_of(year, fiscal_month, 1),
                                 (number_in(key, 5, 6) - 1) * months);
    } else if (length == 7 && key[4] == 'W') {
        *ret_kind = MST_PERIOD_WEEK;
        /* 4 January is always in week 1. */
        day = mst_day_of(year, 1, 4) + (number_in(key, 5, 7) - 1) * 7;
    } else if (length == 7) {
        *ret_kind = MST_PERIOD_MONTH;
        day = mst_day_of(year, number_in(key, 5, 7), 1);
    } else if (length == 10) {
        *ret_kind = MST_PERIOD_DAY;
        day = mst_day_of(year, number_in(key, 5, 7), number_in(key, 8, 10));
    }
    return day >= MST_DAY_FIRST && day <= MST_DAY_LAST ? day : MST_DAY_NONE;
}

int mst_period_parse(const char *key, int fiscal_month, mst_day once_day,
                     struct mst_period *ret_period, struct mst_err *err)
{
    if (strcmp(key, "once") == 0) {
        *ret_period = mst_period_once(once_day);
        return 0;
    }
    enum mst_period_kind kind = MST_PERIOD_DAY;
    mst_day day = day_inside(key, fiscal_month, &kind);
    if (day != MST_DAY_NONE) {
        struct mst_period period = mst_period_containing(kind, fiscal_month, day);
        if (strcmp(period.key, key) == 0) {
            *ret_period = period;
            return 0;
        }
    }
    return mst_fail(err, MST_E_SYNTAX,
                    _("\"%s\" names no period; write 2023, 2023H1, 2023Q3, 2023-07, 2023W05, "
                      "2023-07-14 or once"),
                    key);
}

const char *mst_period_kind_word(enum mst_period_kind kind)
{
    static const char *const words[] = {
        [MST_PERIOD_ONCE] = "once",       [MST_PERIOD_YEAR] = "year",   [MST_PERIOD_HALF] = "half",
        [MST_PERIOD_QUARTER] = "quarter", [MST_PERIOD_MONTH] = "month", [MST_PERIOD_WEEK] = "week",
        [MST_PERIOD_DAY] = "day",
    };
    assert((size_t)kind < sizeof words / sizeof words[0]);
    return words[kind];
}
