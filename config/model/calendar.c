/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Working days. A cursor walks the exceptions beside the days, so that counting n days costs one
 * search and n steps. Knows no country: what is off is data.
 */
#include "config/model/calendar.h"

#define ADD_MAX 4000
#define GAP_DAYS_MAX (20 * 366)

/* The index of the first exception on or after the day. */
static size_t exceptions_before(const struct mst_calendar *cal, mst_day day)
{
    size_t lo = 0, hi = cal->exceptions_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cal->exceptions[mid].day < day)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool week_works(const struct mst_calendar *cal, mst_day day)
{
    return !(cal->weekend_mask >> mst_weekday(day) & 1);
}

/* Whether the day works, where `next` is the first exception on or after it. */
static bool works_at(const struct mst_calendar *cal, mst_day day, size_t next)
{
    if (next < cal->exceptions_count && cal->exceptions[next].day == day)
        return cal->exceptions[next].kind == MST_DAY_WORKDAY;
    return week_works(cal, day);
}

bool mst_calendar_works(const struct mst_calendar *cal, mst_day day)
{
    return works_at(cal, day, exceptions_before(cal, day));
}

static bool year_covered(const struct mst_calendar *cal, int year)
{
    size_t lo = 0, hi = cal->years_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cal->years[mid].year < year)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < cal->years_count && cal->years[lo].year == year;
}

bool mst_calendar_covers(const struct mst_calendar *cal, mst_day first, mst_day last)
{
    if (first > last)
        return true;
    int end = mst_civil_of(last).year;
    for (int year = mst_civil_of(first).year; year <= end; year++) {
        if (!year_covered(cal, year))
            return false;
    }
    return true;
}

static mst_day add_after(const struct mst_calendar *cal, mst_day day, int n)
{
    size_t next = exceptions_before(cal, day + 1);
    for (int gap = 0; n > 0; gap++) {
        if (gap == GAP_DAYS_MAX || day == MST_DAY_LAST)
            return MST_DAY_NONE;
        day++;
        if (works_at(cal, day, next)) {
            n--;
            gap = 0;
        }
        if (next < cal->exceptions_count && cal->exceptions[next].day == day)
            next++;
    }
    return day;
}

static mst_day add_before(const struct mst_calendar *cal, mst_day day, int n)
{
    size_t next = exceptions_before(cal, day);
    for (int gap = 0; n > 0; gap++) {
        if (gap == GAP_DAYS_MAX || day == MST_DAY_FIRST)
            return MST_DAY_NONE;
        day--;
        if (next > 0 && cal->exceptions[next - 1].day == day)
            next--;
        if (works_at(cal, day, next)) {
            n--;
            gap = 0;
        }
    }
    return day;
}

mst_day mst_calendar_add(const struct mst_calendar *cal, mst_day day, int n)
{
    if (day < MST_DAY_FIRST || day > MST_DAY_LAST || n > ADD_MAX || n < -ADD_MAX)
        return MST_DAY_NONE;
    return n >= 0 ? add_after(cal, day, n) : add_before(cal, day, -n);
}

static bool same_month(mst_day a, mst_day b)
{
    struct mst_civil x = mst_civil_of(a), y = mst_civil_of(b);
    return x.year == y.year && x.month == y.month;
}

mst_day mst_calendar_roll(const struct mst_calendar *cal, mst_day day, enum mst_roll roll)
{
    if (roll == MST_ROLL_NONE || mst_calendar_works(cal, day))
        return day;
    bool forward = roll == MST_ROLL_FOLLOWING || roll == MST_ROLL_MODIFIED_FOLLOWING;
    bool modified = roll == MST_ROLL_MODIFIED_FOLLOWING || roll == MST_ROLL_MODIFIED_PRECEDING;
    mst_day rolled = mst_calendar_add(cal, day, forward ? 1 : -1);
    if (modified && (rolled == MST_DAY_NONE || !same_month(rolled, day)))
        rolled = mst_calendar_add(cal, day, forward ? -1 : 1);
    return rolled;
}

int mst_calendar_count(const struct mst_calendar *cal, mst_day from, mst_day to)
{
    if (to <= from)
        return 0;
    int per_week = 0;
    for (int weekday = 0; weekday < 7; weekday++)
        per_week += !(cal->weekend_mask >> weekday & 1);
    int weeks = (to - from) / 7;
    int count = weeks * per_week;
    for (mst_day day = from + weeks * 7; day < to; day++)
        count += week_works(cal, day);
    for (size_t i = exceptions_before(cal, from);
         i < cal->exceptions_count && cal->exceptions[i].day < to; i++) {
        mst_day day = cal->exceptions[i].day;
        count += (cal->exceptions[i].kind == MST_DAY_WORKDAY) - week_works(cal, day);
    }
    return count;
}
