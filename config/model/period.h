/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Periods and their keys: 2023, 2023H1, 2023Q3, 2023-07, 2023W05, 2023-07-14, once. A key names the
 * period itself and is never derived from a due date. With a fiscal year that starts in month m,
 * the year 2023 begins in month m of 2023; quarters and halves follow it. Weeks are ISO 8601.
 */
#ifndef MST_CONFIG_MODEL_PERIOD_H
#define MST_CONFIG_MODEL_PERIOD_H

#include "config/model/date.h"
#include "proto/err.h"

enum mst_period_kind {
    MST_PERIOD_ONCE,
    MST_PERIOD_YEAR,
    MST_PERIOD_HALF,
    MST_PERIOD_QUARTER,
    MST_PERIOD_MONTH,
    MST_PERIOD_WEEK,
    MST_PERIOD_DAY,
};

#define MST_PERIOD_KEY_MAX 16

struct mst_period {
    enum mst_period_kind kind;
    int year;      /* fiscal year, or ISO year for weeks; 0 for once */
    mst_day first; /* first and last calendar day, both inside */
    mst_day last;
    char key[MST_PERIOD_KEY_MAX]; /* NUL-terminated */
};

/*
 * fiscal_month: 1..12, the month in which the fiscal year starts. A period that juts out of the
 * years 1..9999 is cut to them. `once` has no next period, nor has one that ends with year 9999.
 */
struct mst_period mst_period_containing(enum mst_period_kind kind, int fiscal_month, mst_day day);
struct mst_period mst_period_next(const struct mst_period *period, int fiscal_month);
/* A `once` period is the single given day; its key is "once". */
struct mst_period mst_period_once(mst_day day);
/* MST_E_SYNTAX for a key of no kind; once_day is what "once" stands for. */
MST_MUST_CHECK int mst_period_parse(const char *key, int fiscal_month, mst_day once_day,
                                    struct mst_period *ret_period, struct mst_err *err);
const char *mst_period_kind_word(enum mst_period_kind kind); /* "quarter" */

#endif
