/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from each row of lifecycle.def: MST_OK, or a refusal that has changed nothing. */
#ifndef MST_BROKER_CORE_EVENTS_H
#define MST_BROKER_CORE_EVENTS_H

#include "broker/core/inside.h"

typedef enum mst_code (*mst_event_fn)(struct mst_step *s, struct mst_slot *slot,
                                      struct mst_move *move);

#define EVENT(name, word, by, from, review, reason)                                                \
    enum mst_code mst_event_##name(struct mst_step *s, struct mst_slot *slot,                      \
                                   struct mst_move *move);
#include "broker/core/lifecycle.def"
#undef EVENT

#endif
