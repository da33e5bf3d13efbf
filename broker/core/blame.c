/* SPDX-License-Identifier: Apache-2.0 */
/* The split of blame, in the order in which one cause hides the next. */
#include "broker/core/blame.h"

/* Fewer other agents than this prove nothing about the path. */
static const uint32_t witnesses_min = 2;

static bool broker_down(const struct mst_blame_facts *f)
{
    for (size_t i = 0; i < f->downs_count; i++) {
        if (f->downs[i].from <= f->instant && f->instant < f->downs[i].to)
            return true;
    }
    return false;
}

enum mst_blame mst_blame(const struct mst_blame_facts *f)
{
    if (f->instant < f->served)
        return MST_BLAME_UNSERVED;
    if (broker_down(f))
        return MST_BLAME_BROKER_DOWN;
    if (f->queued && f->queued < f->instant)
        return MST_BLAME_PATH_DOWN;
    if (f->heard && f->instant - f->heard < f->within_ms)
        return MST_BLAME_UNIT_SILENT;
    if (f->others >= witnesses_min && f->others_heard == 0)
        return MST_BLAME_PATH_DOWN;
    return MST_BLAME_AGENT_SILENT;
}
