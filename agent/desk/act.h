/* SPDX-License-Identifier: Apache-2.0 */
/* Acts on their way into the queue; inside of agent/desk only. */
#ifndef MST_AGENT_DESK_ACT_H
#define MST_AGENT_DESK_ACT_H

#include "agent/desk/desk.h"

struct mst_desk_act {
    const char *word, *duty, *period, *obligation, *reason; /* NULL: absent */
    struct mst_slice body;                                  /* data NULL: none */
};

/* Queue it, say so, and wait for the receipt if that is asked; an exit code. */
int mst_desk_perform(const struct mst_desk *desk, struct mst_local *local,
                     const struct mst_desk_act *act);
/*
 * The same, after the broker was asked: what its rules have against the act now is told with what
 * to do, and not queued; with --json the broker's answer is printed.
 */
int mst_desk_perform_asked(const struct mst_desk *desk, struct mst_local *local,
                           const struct mst_desk_act *act);
/* What to do where a report that was submitted stands in the way, by how it stands now: instead of
 * the hint that is there, where the agent knows. */
void mst_desk_hint_standing(struct mst_local *local, const struct mst_desk_act *act,
                            struct mst_err *err);
/* Two texts of a map; nothing where the value is NULL. */
void mst_desk_pack_pair(struct mst_buf *out, const char *key, const char *value);

#endif
