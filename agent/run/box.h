/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the outbox file, shared by the files of the outbox only. */
#ifndef MST_AGENT_RUN_BOX_H
#define MST_AGENT_RUN_BOX_H

#include <sqlite3.h>

#include "agent/run/outbox.h"

#define BOX_STATEMENTS_MAX 48
#define BOX_HEADS 64      /* heads of runs that are remembered */
#define BOX_SLICE 4096    /* reports that one transaction moves or lets go of */
#define BOX_SUM_STEP 1024 /* reports queued until the sum of their bytes is written down */

struct mst_outbox {
    sqlite3 *db;
    char path[4096], programme[48], unit[48];
    struct mst_outbox_limits limits;
    uint8_t id[MST_OUTBOX_BYTES];
    uint8_t head[MST_HASH_BYTES];
    uint64_t base, last, acked;
    uint64_t safe; /* `last` at the last commit */
    uint64_t watermark;
    uint64_t released; /* number; the bytes of entries up to it are gone, or the entries */
    uint64_t sum_to;   /* number; as far as the file has the sum of what is kept */
    int64_t bytes;     /* of the reports behind `released` */
    struct {
        uint64_t seq; /* 0: free */
        uint8_t hash[MST_HASH_BYTES];
    } heads[BOX_HEADS]; /* ends of runs: the next run begins there, and the receipt names them */
    size_t heads_next;
    bool open;     /* a transaction is */
    bool appended; /* within it */
    bool urgent;   /* something else than receipts is in it */
    bool failed;   /* SQLite has refused a change within it */
    struct {
        const char *sql; /* the literal itself is the key */
        sqlite3_stmt *stmt;
    } cache[BOX_STATEMENTS_MAX];
};

/* The error that SQLite's last result amounts to: MST_E_FULL, MST_E_BUSY, MST_E_CORRUPT or
 * MST_E_IO. */
int mst_box_fail(struct mst_outbox *box, int rc, struct mst_err *err);
/* MST_E_CORRUPT, with what to do; words may be NULL. */
int mst_box_damaged(const struct mst_outbox *box, const char *words, struct mst_err *err);
/* A prepared statement, reset, from the cache, which keeps it; sql must be a literal. */
MST_MUST_CHECK int mst_box_prepare(struct mst_outbox *box, const char *sql, sqlite3_stmt **ret,
                                   struct mst_err *err);
/* Run to the end a statement that gives no rows. */
MST_MUST_CHECK int mst_box_run(struct mst_outbox *box, sqlite3_stmt *stmt, struct mst_err *err);
/* Run plain statements without parameters. */
MST_MUST_CHECK int mst_box_exec(struct mst_outbox *box, const char *sql, struct mst_err *err);
/* Open the transaction if none is; commit the one that is. */
MST_MUST_CHECK int mst_box_begin(struct mst_outbox *box, struct mst_err *err);
MST_MUST_CHECK int mst_box_end(struct mst_outbox *box, struct mst_err *err);
/* A fresh outbox id whose first entry will be base + 1. */
MST_MUST_CHECK int mst_box_new_id(struct mst_outbox *box, uint64_t base, struct mst_err *err);
/* Entries behind a number are as if nothing had become of them. */
MST_MUST_CHECK int mst_box_requeue(struct mst_outbox *box, uint64_t number, struct mst_err *err);
/* Write down `released`, and `bytes` as the sum of what is kept up to the newest entry. */
MST_MUST_CHECK int mst_box_keep_sum(struct mst_outbox *box, struct mst_err *err);
/* Make the tables, or bring those of an earlier layout to today's. MST_E_VERSION: a later one. */
MST_MUST_CHECK int mst_box_layout(struct mst_outbox *box, struct mst_err *err);
/* The one integer that a statement gives; 0 for NULL. */
MST_MUST_CHECK int mst_box_read(struct mst_outbox *box, const char *sql, uint64_t *ret,
                                struct mst_err *err);

#endif
