/* SPDX-License-Identifier: Apache-2.0 */
/* When each unit's agent was heard of last: a small table, and its stored form (a map of unit to
 * instant). */
#ifndef MST_BROKER_DRIVER_HEARD_H
#define MST_BROKER_DRIVER_HEARD_H

#include "broker/core/core.h"

struct mst_heard_row {
    char unit[MST_ID_MAX];
    mst_time heard;
};
/* Invariant: a unit stands once. */
struct mst_heard {
    struct mst_heard_row *rows;
    size_t count, cap;
};

void mst_heard_done(struct mst_heard *heard);
MST_MUST_CHECK int mst_heard_note(struct mst_heard *heard, const char *unit, mst_time at,
                                  struct mst_err *err);
void mst_heard_pack(const struct mst_heard *heard, struct mst_buf *out);
/* Adds what is stored; bytes that are no such map add nothing. */
MST_MUST_CHECK int mst_heard_unpack(struct mst_heard *heard, struct mst_slice bytes,
                                    struct mst_err *err);
/* The core's input; items come from `facts`, which holds heard->count, and borrow the units. */
struct mst_input mst_heard_input(const struct mst_heard *heard, struct mst_contact_fact *facts,
                                 mst_time now);

#endif
