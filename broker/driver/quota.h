/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much the database may grow for one principal: a bucket each that a day fills again, kept in
 * memory. A start empties it, which nobody but the administrator can bring about.
 */
#ifndef MST_BROKER_DRIVER_QUOTA_H
#define MST_BROKER_DRIVER_QUOTA_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/err.h"

struct mst_quota_row {
    char who[65];
    int64_t spent; /* bytes, at `at` */
    mst_time at;
};
/* Invariant: sorted by who. */
struct mst_quota {
    struct mst_quota_row *rows;
    size_t count, cap;
};

void mst_quota_done(struct mst_quota *quota);
/*
 * Take so many bytes of `day_bytes` (0: no limit). False: it has not so many left, or there is no
 * memory to remember it by; nothing was taken then. What is larger than a day's is let through when
 * nothing else is spent.
 */
bool mst_quota_take(struct mst_quota *quota, const char *who, int64_t bytes, int64_t day_bytes,
                    mst_time now);

#endif
