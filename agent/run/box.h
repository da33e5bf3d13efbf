/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the outbox file, shared by outbox.c, retain.c and inbox.c only. */
#ifndef MST_AGENT_RUN_BOX_H
#define MST_AGENT_RUN_BOX_H

#include <sqlite3.h>

#include "agent/run/outbox.h"

#define BOX_STATEMENTS_MAX 48

struct mst_outbox {
    sqlite3 *db;
    char path[4096], programme[48], unit[48];
    struct mst_outbox_limits limits;
    uint8_t id[MST_OUTBOX_BYTES];
    uint8_t head[MST_HASH_BYTES];
    uint64_t base, last, acked;
    uint64_t safe; /* `last` at the last commit */
    int64_t bytes;
    bool open;     /* a transaction is */
    bool appended; /* within it */
    bool failed;   /* SQLite has refused a change within it */
    struct {
        const char *sql; /* the literal itself is the key */
        sqlite3_stmt *stmt;
    } cache[BOX_STATEMENTS_MAX];
};

/* The error that SQLite's last result amounts to: MST_E_FULL, MST_E_BUSY, MST_E_CORRUPT or
 * MST_E_IO. */
int mst_box_fail(struct mst_outbox *box, int rc, struct mst_err *err);
/* A prepared statement, reset, from the cache, which keeps it; sql must be a literal. */
MST_MUST_CHECK int mst_box_prepare(struct mst_outbox *box, const char *sql, sqlite3_stmt **ret,
                                   struct mst_err *err);
/* Run to the end a statement that gives no rows. */
MST_MUST_CHECK int mst_box_run(struct mst_outbox *box, sqlite3_stmt *stmt, struct mst_err *err);
/* Open the transaction if none is. */
MST_MUST_CHECK int mst_box_begin(struct mst_outbox *box, struct mst_err *err);
/* A fresh outbox id whose first entry will be base + 1. */
MST_MUST_CHECK int mst_box_new_id(struct mst_outbox *box, uint64_t base, struct mst_err *err);
/* Keep a receipt as it came, signature and all; drop those that go beyond a number. */
MST_MUST_CHECK int mst_box_keep_receipt(struct mst_outbox *box,
                                        const struct mst_msg_receipt *receipt, struct mst_err *err);
MST_MUST_CHECK int mst_box_drop_receipts(struct mst_outbox *box, uint64_t after,
                                         struct mst_err *err);
/* The one integer that a statement gives; fallback when it gives none or fails. */
int64_t mst_box_integer(struct mst_outbox *box, const char *sql, int64_t fallback);

#endif
