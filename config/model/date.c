/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Civil dates: the proleptic Gregorian calendar as arithmetic. Refuses days that do not exist;
 * knows no zone and no clock.
 */
#include "config/model/date.h"

#include <assert.h>
#include <string.h>

/* Years are counted from March, so that the leap day is the last one of its year. */
#define DAYS_PER_ERA 146097  /* 400 years */
#define DAYS_TO_EPOCH 719468 /* from 0000-03-01 to 1970-01-01 */

bool mst_leap_year(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int mst_days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    assert(month >= 1 && month <= 12);
    return month == 2 && mst_leap_year(year) ? 29 : days[month - 1];
}

mst_day mst_day_of(int year, int month, int day)
{
    if (year < 1 || year > 9999 || month < 1 || month > 12)
        return MST_DAY_NONE;
    if (day < 1 || day > mst_days_in_month(year, month))
        return MST_DAY_NONE;
    int y = month > 2 ? year : year - 1;
    int era = y / 400;
    int year_of_era = y % 400;
    int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

struct mst_civil mst_civil_of(mst_day day)
{
    assert(day >= MST_DAY_FIRST && day <= MST_DAY_LAST);
    int z = day + DAYS_TO_EPOCH;
    int era = z / DAYS_PER_ERA;
    int day_of_era = z % DAYS_PER_ERA;
    int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (5 * day_of_year + 2) / 153;
    struct mst_civil civil;
    civil.day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    civil.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    civil.year = era * 400 + year_of_era + (civil.month <= 2);
    return civil;
}

int mst_weekday(mst_day day)
{
    int weekday = (day % 7 + 3) % 7; /* 1970-01-01 was a Thursday */
    return weekday < 0 ? weekday + 7 : weekday;
}

mst_day mst_day_add_months(mst_day day, int n)
{
    if (day == MST_DAY_NONE)
        return MST_DAY_NONE;
    struct mst_civil civil = mst_civil_of(day);
    int64_t months = (int64_t)civil.year * 12 + civil.month - 1 + n;
    if (months < 12 || months >= INT64_C(10000) * 12)
        return MST_DAY_NONE;
    int year = (int)(months / 12);
    int month = (int)(months % 12) + 1;
    int last = mst_days_in_month(year, month);
    return mst_day_of(year, month, civil.day < last ? civil.day : last);
}

/* The number in exactly `count` digits; -1 where one of them is none. */
static int digits(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

int mst_day_parse(const char *text, mst_day *ret_day, struct mst_err *err)
{
    mst_day day = MST_DAY_NONE;
    if (strlen(text) == 10 && text[4] == '-' && text[7] == '-')
        day = mst_day_of(digits(text, 4), digits(text + 5, 2), digits(text + 8, 2));
    if (day == MST_DAY_NONE)
        return mst_fail(err, MST_E_SYNTAX, _("\"%s\" is not a date; write it as 2023-10-11"), text);
    *ret_day = day;
    return 0;
}

static void put_digits(char *at, int value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

char *mst_day_format(mst_day day, char *buf)
{
    struct mst_civil civil = mst_civil_of(day);
    put_digits(buf, civil.year, 4);
    buf[4] = '-';
    put_digits(buf + 5, civil.month, 2);
    buf[7] = '-';
    put_digits(buf + 8, civil.day, 2);
    buf[10] = '\0';
    return buf;
}
