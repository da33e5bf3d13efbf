/* SPDX-License-Identifier: Apache-2.0 */
/* The programme in force, as the bytes that it was read from: in pieces that fit a message. */
#include "broker/io/query.h"

#define PIECE_BYTES 8192

int mst_query_programme(struct mst_query *q, struct mst_err *err)
{
    static const char *const names[MST_SOURCES] = {"file", "calendar", "zone"};
    if (!mst_query_may(q, NULL, NULL))
        return mst_fail(err, MST_E_DENIED, "programme");
    int code = 0;
    for (size_t i = 0; !code && i < MST_SOURCES; i++) {
        struct mst_slice source = q->programme->sources[i];
        for (size_t at = 0; !code && at < source.len; at += PIECE_BYTES) {
            size_t len = source.len - at < PIECE_BYTES ? source.len - at : PIECE_BYTES;
            struct mst_buf *b = mst_query_row(q);
            mst_pack_map(b, 3);
            mst_query_pack_text(b, "name", names[i]);
            mst_pack_text(b, "bytes");
            mst_pack_uint(b, len);
            mst_pack_text(b, "data");
            mst_pack_bin(b, source.data + at, len);
            code = mst_query_row_end(q, err);
        }
    }
    return code;
}
