/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose fault it is that nothing came: a pure function of facts, for `explain` and for operational
 * alerts. It decides no verdict. Where several would fit, the one nearest to the broker is named:
 * nobody is blamed for what lay before him.
 */
#ifndef MST_BROKER_CORE_BLAME_H
#define MST_BROKER_CORE_BLAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

enum mst_blame {
    MST_BLAME_UNSERVED,     /* nobody: no broker served the programme yet */
    MST_BLAME_BROKER_DOWN,  /* the broker was not there, by its own record */
    MST_BLAME_PATH_DOWN,    /* the agent had it and could not bring it, or nobody got through */
    MST_BLAME_AGENT_SILENT, /* this agent alone was not heard of */
    MST_BLAME_UNIT_SILENT,  /* the agent was there and had nothing to bring */
    MST_BLAMES
};

struct mst_interval {
    mst_time from, to; /* half-open */
};

struct mst_blame_facts {
    mst_time instant;  /* at which it should have been there: the due instant, or now */
    mst_time heard;    /* the agent's last contact up to then; 0: never */
    int64_t within_ms; /* an agent heard of so shortly before was there */
    mst_time served;   /* from then on a broker served the programme; 0: always */
    const struct mst_interval *downs;
    size_t downs_count;
    mst_time queued;       /* by the agent's clock, of what came later; 0: nothing did */
    uint32_t others;       /* other agents that are known … */
    uint32_t others_heard; /* … and those of them heard of within the same time */
};

enum mst_blame mst_blame(const struct mst_blame_facts *facts);

#endif
