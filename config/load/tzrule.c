/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX TZ rules with the extensions of RFC 8536 (hours beyond a day). Reads no file. */
#include "config/load/tzrule.h"

#include <string.h>

#define DAY_S 86400

static bool take_number(const char **at, int min, int max, int *ret)
{
    int value = 0, digits = 0;
    while (**at >= '0' && **at <= '9' && digits < 4) {
        value = 10 * value + (*(*at)++ - '0');
        digits++;
    }
    *ret = value;
    return digits > 0 && value >= min && value <= max;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* The abbreviation is only skipped: nothing here shows it. */
static bool take_abbreviation(const char **at)
{
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *quoted = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-";
    bool in_brackets = take_char(at, '<');
    size_t len = strspn(*at, in_brackets ? quoted : letters);
    *at += len;
    return len >= 3 && (!in_brackets || take_char(at, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(const char **at, int hours_max, int32_t *ret_s)
{
    int sign = take_char(at, '-') ? -1 : (take_char(at, '+'), 1);
    int hours, minutes = 0, seconds = 0;
    if (!take_number(at, 0, hours_max, &hours))
        return false;
    if (take_char(at, ':') && !take_number(at, 0, 59, &minutes))
        return false;
    if (minutes >= 0 && take_char(at, ':') && !take_number(at, 0, 59, &seconds))
        return false;
    *ret_s = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool take_date(const char **at, struct mst_tzrule_date *ret)
{
    bool good;
    if (take_char(at, 'M')) {
        ret->kind = MST_TZRULE_MONTH;
        good = take_number(at, 1, 12, &ret->month) && take_char(at, '.') &&
               take_number(at, 1, 5, &ret->week) && take_char(at, '.') &&
               take_number(at, 0, 6, &ret->weekday);
    } else if (take_char(at, 'J')) {
        ret->kind = MST_TZRULE_JULIAN;
        good = take_number(at, 1, 365, &ret->day);
    } else {
        ret->kind = MST_TZRULE_DAY_OF_YEAR;
        good = take_number(at, 0, 365, &ret->day);
    }
    ret->time_s = 2 * 3600;
    return good && (!take_char(at, '/') || take_time(at, 167, &ret->time_s));
}

bool mst_tzrule_parse(const char *text, struct mst_tzrule *ret)
{
    struct mst_tzrule rule = {0};
    const char *at = text;
    int32_t west_s;
    if (!take_abbreviation(&at) || !take_time(&at, 24, &west_s))
        return false;
    rule.standard_s = -west_s; /* POSIX counts westwards */
    if (*at) {
        rule.has_summer = true;
        rule.summer_s = rule.standard_s + 3600;
        if (!take_abbreviation(&at))
            return false;
        if (*at != ',') {
            if (!take_time(&at, 24, &west_s))
                return false;
            rule.summer_s = -west_s;
        }
        if (!take_char(&at, ',') || !take_date(&at, &rule.start) || !take_char(&at, ',') ||
            !take_date(&at, &rule.end) || *at)
            return false;
    }
    *ret = rule;
    return true;
}

static mst_day date_in(const struct mst_tzrule_date *date, int year)
{
    mst_day first = mst_day_of(year, 1, 1);
    if (date->kind == MST_TZRULE_DAY_OF_YEAR)
        return first + date->day;
    if (date->kind == MST_TZRULE_JULIAN)
        return first + date->day - 1 + (mst_leap_year(year) && date->day >= 60);
    mst_day day = mst_day_of(year, date->month, 1);
    int wanted = (date->weekday + 6) % 7; /* Monday first, as mst_weekday() */
    day += (wanted - mst_weekday(day) + 7) % 7 + 7 * (date->week - 1);
    /* Week 5 means the last. */
    while (mst_civil_of(day).month != date->month)
        day -= 7;
    return day;
}

void mst_tzrule_changes(const struct mst_tzrule *rule, int year,
                        struct mst_zone_transition ret_changes[2])
{
    int64_t start_s = (int64_t)date_in(&rule->start, year) * DAY_S + rule->start.time_s;
    int64_t end_s = (int64_t)date_in(&rule->end, year) * DAY_S + rule->end.time_s;
    ret_changes[0] = (struct mst_zone_transition){.at = (start_s - rule->standard_s) * 1000,
                                                  .offset_s = rule->summer_s};
    ret_changes[1] = (struct mst_zone_transition){.at = (end_s - rule->summer_s) * 1000,
                                                  .offset_s = rule->standard_s};
}
