/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of an answer of the local socket; shared by the files that pack them. */
#ifndef MST_AGENT_RUN_SERVE_IMPL_H
#define MST_AGENT_RUN_SERVE_IMPL_H

#include "agent/run/outbox.h"

#define PAGE_ROWS_MAX 200
#define PAGE_BYTES_MAX 49152

struct rows {
    struct mst_buf bytes;
    size_t offsets[PAGE_ROWS_MAX + 1];
    size_t count;
    uint64_t next; /* number of the first that did not fit; 0: none */
};

bool mst_rows_full(const struct rows *rows);
/* The next row is what is packed into rows->bytes from here on. */
void mst_rows_begin(struct rows *rows);

/* Rows {n, name, value} that prove an entry's receipt, those behind `after`. */
MST_MUST_CHECK int mst_rows_proof(struct rows *rows, struct mst_outbox *outbox, uint64_t number,
                                  uint64_t after, const char *programme, const char *unit,
                                  const char *broker_sign_key, struct mst_err *err);

#endif
