/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Civil dates as day numbers: proleptic Gregorian, days since 1970-01-01. No zone, no clock.
 */
#ifndef MST_CONFIG_MODEL_DATE_H
#define MST_CONFIG_MODEL_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/err.h"

/* Days since 1970-01-01; years 1 to 9999. */
typedef int32_t mst_day;
#define MST_DAY_NONE INT32_MIN
#define MST_DAY_FIRST (-719162) /* 0001-01-01 */
#define MST_DAY_LAST 2932896    /* 9999-12-31 */

struct mst_civil {
    int year;  /* 1..9999 */
    int month; /* 1..12 */
    int day;   /* 1..31 */
};

/* MST_DAY_NONE for a day that does not exist or lies outside the years above. */
mst_day mst_day_of(int year, int month, int day);
struct mst_civil mst_civil_of(mst_day day);
/* 0 Monday .. 6 Sunday (ISO 8601). */
int mst_weekday(mst_day day);
bool mst_leap_year(int year);
int mst_days_in_month(int year, int month);
/* The same day of the month n months on, clamped to the month's last day; MST_DAY_NONE outside the
 * years above. */
mst_day mst_day_add_months(mst_day day, int n);

/* "2023-10-11" exactly; MST_E_SYNTAX otherwise, or for a day that does not exist. */
MST_MUST_CHECK int mst_day_parse(const char *text, mst_day *ret_day, struct mst_err *err);
/* Writes "2023-10-11"; buf holds at least 11 bytes. Returns buf. */
char *mst_day_format(mst_day day, char *buf);

#endif
