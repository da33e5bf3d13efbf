/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ledger rows are about one thing: an obligation's transitions, its further versions, the
 * broker's starts, the contacts of agents. Kept beside the ledger, so that who asks about one thing
 * reads its rows and not all others. Says nothing that the ledger does not say; nothing is decided
 * by it.
 */
#ifndef MST_BROKER_DRIVER_HISTORY_H
#define MST_BROKER_DRIVER_HISTORY_H

#include "broker/store/store.h"

/* What else than an obligation's id names a history; ids have a '/', these have none. */
#define MST_HISTORY_STARTS "starts"
#define MST_HISTORY_CONTACTS "contacts"

/* An obligation's id with this behind it: the reports behind the versions that its record holds. */
#define MST_HISTORY_VERSIONS "+versions"

/* The row, which comes after all that were noted of it, is about `what`. Part of the open batch. */
MST_MUST_CHECK int mst_history_note(struct mst_store *store, mst_pid pid, const char *what,
                                    uint64_t row, struct mst_err *err);
/* Its rows, ascending; as with the store's walks, anything but 0 ends it and is no error. */
MST_MUST_CHECK int mst_history_rows(struct mst_reader *reader, mst_pid pid, const char *what,
                                    mst_row_fn fn, void *context, struct mst_err *err);

#endif
