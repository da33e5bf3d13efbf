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
/* Now, as the broker has it; 0: the agent is not connected, and what it knows may be old. */
MST_MUST_CHECK int mst_desk_now(struct mst_local *local, mst_time *ret_now, struct mst_err *err);
/* Two texts of a map; nothing where the value is NULL. */
void mst_desk_pack_pair(struct mst_buf *out, const char *key, const char *value);

#endif
