/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a run's reports lie in a database: one after the other, each behind its length, or one alone
 * without, in a row or in a file beside. A page that tore is seen by lengths that do not add up;
 * that a byte flipped, only by the hashes.
 */
#ifndef MST_BROKER_STORE_SEGMENT_H
#define MST_BROKER_STORE_SEGMENT_H

#include "broker/store/bulk.h"
#include "broker/store/store.h"

#define MST_SEGMENT_PLACE_BYTES (3 * sizeof(uint64_t))

/* Both append; buf->failed says that there was no memory. */
void mst_segment_pack_reports(struct mst_slices reports, struct mst_buf *out);
void mst_segment_pack_place(const struct mst_bulk_place *place, struct mst_buf *out);
/* An empty one is no place; false for any other length. */
MST_MUST_CHECK bool mst_segment_unpack_place(struct mst_slice bytes,
                                             struct mst_bulk_place *ret_place);
/* Take the next of `count` reports off the front of `rest`. False: the lengths do not add up. */
MST_MUST_CHECK bool mst_segment_next(struct mst_slice *rest, uint64_t count,
                                     struct mst_slice *ret_report);

#endif
