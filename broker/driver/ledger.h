/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's chain, recomputed row by row from what is stored. The reports of a run are one link:
 * their own chain leads to the run's head, and the ledger's goes over that. So while a run is under
 * way `chain` moves with each report and `head` stays at the row before the run.
 */
#ifndef MST_BROKER_DRIVER_LEDGER_H
#define MST_BROKER_DRIVER_LEDGER_H

#include "broker/store/store.h"

struct mst_ledger_walk {
    uint64_t row; /* the last row that was taken */
    mst_time at;
    uint8_t head[MST_HASH_BYTES];  /* of the ledger: at `row` or, within a run, before the run */
    uint8_t chain[MST_HASH_BYTES]; /* of the outbox, at the report that was taken last */
    bool within_run;
};

void mst_ledger_walk_begin(struct mst_ledger_walk *w, const char *programme);
/* Take the next row. False when it does not follow: another number, an earlier instant, a report
 * without its run, or a run whose reports do not lead to its head. */
MST_MUST_CHECK bool mst_ledger_walk_row(struct mst_ledger_walk *w, const struct mst_row *row);

#endif
