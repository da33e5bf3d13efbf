/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a run and its reports lie in a database: what is said of the run, and the reports one after
 * the other, each behind its length, in the same row or in a file beside. A page that tore is seen
 * by lengths that do not add up; that a byte flipped, only by the hashes.
 */
#ifndef MST_BROKER_STORE_SEGMENT_H
#define MST_BROKER_STORE_SEGMENT_H

#include "broker/store/bulk.h"
#include "broker/store/store.h"

/* row_first and at are not in it: the row has them. place->file 0: the reports are in the row, too.
 * Appends; buf->failed says that there was no memory. */
void mst_segment_pack_run(const struct mst_run *run, const struct mst_bulk_place *place,
                          struct mst_buf *out);
MST_MUST_CHECK bool mst_segment_unpack_run(struct mst_slice bytes, struct mst_run *ret_run,
                                           struct mst_bulk_place *ret_place);

void mst_segment_pack_reports(struct mst_slices reports, struct mst_buf *out);
/* Take the next report off the front of `rest`. False: the lengths do not add up. */
MST_MUST_CHECK bool mst_segment_next(struct mst_slice *rest, struct mst_slice *ret_report);

#endif
