/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of ledger rows that follow from the core's effects. One place writes them, so that a
 * replay can compare what it finds with what it would have written.
 */
#ifndef MST_BROKER_DRIVER_ROWS_H
#define MST_BROKER_DRIVER_ROWS_H

#include "broker/core/core.h"

/* Append the row's bytes; MST_E_NOMEM. */
MST_MUST_CHECK int mst_row_pack_transition(const struct mst_transition *t, struct mst_buf *out,
                                           struct mst_err *err);
MST_MUST_CHECK int mst_row_pack_item_move(const struct mst_item_move *m, struct mst_buf *out,
                                          struct mst_err *err);
/* `number`: in the programme's alert log. */
MST_MUST_CHECK int mst_row_pack_alert(const struct mst_alert *a, const char *programme,
                                      uint64_t number, bool rehearsal, struct mst_buf *out,
                                      struct mst_err *err);

#endif
