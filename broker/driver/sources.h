/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programmes as they were: the store keeps the bytes of every version that was in force, under the
 * digest that the ledger's rows name.
 */
#ifndef MST_BROKER_DRIVER_SOURCES_H
#define MST_BROKER_DRIVER_SOURCES_H

#include "broker/store/store.h"
#include "config/model/programme.h"

/*
 * The kept sources of a version; they lie in *ret_bytes, which the caller frees with
 * mst_buf_done(). MST_E_UNKNOWN when that version was never kept.
 */
MST_MUST_CHECK int mst_sources_read(struct mst_reader *reader, mst_pid pid,
                                    const uint8_t digest[MST_DIGEST_BYTES],
                                    struct mst_buf *ret_bytes,
                                    struct mst_slice ret_sources[MST_SOURCES], struct mst_err *err);
/* That version, loaded again. */
MST_MUST_CHECK int mst_sources_load(struct mst_reader *reader, mst_pid pid,
                                    const uint8_t digest[MST_DIGEST_BYTES],
                                    struct mst_programme **ret, struct mst_err *err);

#endif
