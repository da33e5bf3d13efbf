/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Duties that have left the programme. What is owed under them stays as it is until the office
 * cancels it, so their last words are kept for those who read of it, and whoever loads such a
 * programme is told. The core knows nothing of this.
 */
#ifndef MST_BROKER_DRIVER_GONE_H
#define MST_BROKER_DRIVER_GONE_H

#include "broker/store/store.h"
#include "config/model/programme.h"

#define MST_GONE_BYTES_MAX 4096

/* The last words of a duty, in `room`; "" where nothing is known. */
struct mst_gone {
    struct mst_label title;
    const char *clause;
    char room[MST_GONE_BYTES_MAX];
};
/* Looks for a duty that the programme has no more; never fails, for it is about words only. */
void mst_gone_read(struct mst_reader *reader, mst_pid pid, const char *duty, struct mst_gone *ret);

#endif
