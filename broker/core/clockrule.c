/* SPDX-License-Identifier: Apache-2.0 */
/* Rules on two readings of two clocks. Knows nothing of how a ruling is confirmed or persisted. */
#include "broker/core/clockrule.h"

#include <string.h>

static struct mst_clock_ruling ruling(enum mst_clock_state state, mst_time now_ms, int64_t leap_ms,
                                      bool downtime)
{
    return (struct mst_clock_ruling){
        .state = state,
        .now_ms = now_ms,
        .leap_ms = leap_ms,
        .downtime = downtime,
    };
}

/* Behind what was evaluated already, time stands still there; nothing un-fires. A step back within
 * the tolerance is the ordinary work of a time service and not worth a word. */
static struct mst_clock_ruling believed(const struct mst_clock_mark *mark, mst_time wall_ms,
                                        const struct mst_clock_limits *limits, bool downtime)
{
    if (wall_ms >= mark->evaluated_ms)
        return ruling(MST_CLOCK_OK, wall_ms, 0, downtime);
    int64_t behind = mark->evaluated_ms - wall_ms;
    if (behind <= limits->leap_tolerance_ms)
        return ruling(MST_CLOCK_OK, mark->evaluated_ms, 0, downtime);
    return ruling(MST_CLOCK_FROZEN, mark->evaluated_ms, -behind, false);
}

static struct mst_clock_ruling within_boot(const struct mst_clock_mark *mark,
                                           const struct mst_clock_reading *reading,
                                           const struct mst_clock_limits *limits)
{
    int64_t wall = reading->wall_ms - mark->reading.wall_ms;
    int64_t leap = wall - (reading->boot_ms - mark->reading.boot_ms);
    if (leap > limits->leap_tolerance_ms)
        return ruling(MST_CLOCK_HELD, mark->evaluated_ms, leap, false);
    return believed(mark, reading->wall_ms, limits, false);
}

/* The boot clock says nothing across a reboot; the wall clock alone has to be plausible. */
static struct mst_clock_ruling across_boots(const struct mst_clock_mark *mark,
                                            const struct mst_clock_reading *reading,
                                            const struct mst_clock_limits *limits)
{
    int64_t gap = reading->wall_ms - mark->reading.wall_ms;
    if (gap > limits->downtime_max_ms)
        return ruling(MST_CLOCK_HELD, mark->evaluated_ms, gap, false);
    return believed(mark, reading->wall_ms, limits, true);
}

struct mst_clock_ruling mst_clock_judge(const struct mst_clock_mark *mark,
                                        const struct mst_clock_reading *reading,
                                        const struct mst_clock_limits *limits)
{
    if (!mark->set)
        return ruling(MST_CLOCK_OK, reading->wall_ms, 0, false);
    if (strncmp(mark->reading.boot_id, reading->boot_id, sizeof reading->boot_id) == 0)
        return within_boot(mark, reading, limits);
    return across_boots(mark, reading, limits);
}
