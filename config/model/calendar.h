/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Working days: a weekly pattern, and dated exceptions from official notices. Keyed by date, not by
 * the year of a notice, since a notice for one year moves days of another.
 */
#ifndef MST_CONFIG_MODEL_CALENDAR_H
#define MST_CONFIG_MODEL_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/model/date.h"
#include "config/model/zone.h"

enum mst_day_kind { MST_DAY_HOLIDAY, MST_DAY_WORKDAY };

struct mst_calendar_exception {
    mst_day day;
    enum mst_day_kind kind;
    const char *occasion;
};

struct mst_calendar_year {
    int year;
    const char *notice; /* the source that covers the year, shown when a date moves */
};

/* Invariant: exceptions ascend by day without repeats; years ascend without repeats. */
struct mst_calendar {
    uint8_t weekend_mask; /* bit n set: weekday n (0 Monday) is off */
    const struct mst_calendar_exception *exceptions;
    size_t exceptions_count;
    const struct mst_calendar_year *years; /* covered years */
    size_t years_count;
    uint8_t digest[MST_DIGEST_BYTES];
};

/* Roll rules, under QuantLib's names. */
enum mst_roll {
    MST_ROLL_NONE,
    MST_ROLL_FOLLOWING,
    MST_ROLL_PRECEDING,
    MST_ROLL_MODIFIED_FOLLOWING,
    MST_ROLL_MODIFIED_PRECEDING,
};

bool mst_calendar_works(const struct mst_calendar *cal, mst_day day);
/* True when every year from first's to last's is covered by a notice. */
bool mst_calendar_covers(const struct mst_calendar *cal, mst_day first, mst_day last);
mst_day mst_calendar_roll(const struct mst_calendar *cal, mst_day day, enum mst_roll roll);
/*
 * The n-th working day strictly after `day` (n > 0) or strictly before it (n < 0); for n = 0 the
 * day itself. |n| at most 4000; gives MST_DAY_NONE when no working day lies within 20 years.
 */
mst_day mst_calendar_add(const struct mst_calendar *cal, mst_day day, int n);
/* Working days in [from, to). Negative ranges count as 0. */
int mst_calendar_count(const struct mst_calendar *cal, mst_day from, mst_day to);

#endif
