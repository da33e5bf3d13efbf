/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the wall clock may be believed. Pure: the caller reads the clocks and persists the mark.
 *
 * Within one boot a leap is the wall clock against the boot clock, beyond a tolerance. Forward
 * leaps hold firing until confirmed; backward ones freeze evaluation at the highest instant that
 * was ever evaluated until the wall clock passes it or is confirmed. Across a reboot, forward time
 * up to downtime_max is downtime and is caught up; more is held.
 */
#ifndef MST_BROKER_CORE_CLOCKRULE_H
#define MST_BROKER_CORE_CLOCKRULE_H

#include <stdbool.h>

#include "proto/err.h"

struct mst_clock_reading {
    mst_time wall_ms; /* CLOCK_REALTIME */
    int64_t boot_ms;  /* CLOCK_BOOTTIME */
    char boot_id[40]; /* of this boot */
};

/* The last reading that was believed, and the highest instant ever evaluated. */
struct mst_clock_mark {
    struct mst_clock_reading reading;
    mst_time evaluated_ms;
    bool set; /* false: the very first start */
};

enum mst_clock_state { MST_CLOCK_OK, MST_CLOCK_FROZEN, MST_CLOCK_HELD };

struct mst_clock_ruling {
    enum mst_clock_state state;
    mst_time now_ms; /* instant to evaluate at; never before mark.evaluated_ms */
    int64_t leap_ms; /* signed size of the leap, 0 when OK */
    bool downtime;   /* the gap is downtime to be caught up */
};

struct mst_clock_limits {
    int64_t leap_tolerance_ms;
    int64_t downtime_max_ms;
};

struct mst_clock_ruling mst_clock_judge(const struct mst_clock_mark *mark,
                                        const struct mst_clock_reading *reading,
                                        const struct mst_clock_limits *limits);

#endif
