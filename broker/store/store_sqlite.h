/* SPDX-License-Identifier: Apache-2.0 */
/* What the SQLite backend's writing files share. Nobody else includes it. */
#ifndef MST_BROKER_STORE_STORE_SQLITE_H
#define MST_BROKER_STORE_STORE_SQLITE_H

#include "broker/store/behind.h"
#include "broker/store/redo.h"
#include "broker/store/sqlite_db.h"

/* Invariant: log_bytes counts what the log holds since it last began anew, moved or not. */
struct sqlite_store {
    struct mst_store base;
    struct mst_sqlite conn;
    struct mst_sqlite_reader own;
    char *dir, *db_path;
    int lock_fd;
    int64_t page_bytes;
    int64_t wal_bytes_max;
    int64_t log_bytes;
    int64_t moved_bytes; /* of them, in the database already */
    int64_t tried_bytes; /* log_bytes at the last forced checkpoint */
    int64_t ahead_bytes; /* log_bytes when the system was told last to write them */
    int log_fd;
    struct mst_buf segment;                        /* the reports of the run that is put */
    struct mst_buf place;                          /* where they lie */
    uint8_t said[MST_HASH_BYTES + MST_SIGN_BYTES]; /* its head and signature */
    int64_t batch_bytes;                           /* of the segments in the open batch */
    int64_t bulk_bytes;                            /* from which on they go to a file; 0: never */
    bool was_large;                                /* the batch before: the next probably is */
    struct mst_bulk reports, batches;
    struct {
        uint64_t file;
        int64_t end;
    } named;                /* how far the files of reports go by the database or its transaction */
    bool seals;             /* batches are; else the log's sync makes them durable */
    uint64_t batch;         /* the last that is on disk */
    size_t unpublished;     /* such batches in the open transaction */
    struct mst_buf records; /* theirs, and that of a batch that is being committed */
    size_t records_kept;    /* of them, without the latter */
    int64_t tried_end;      /* of the file of batches, at the last forced checkpoint */
    int64_t record_bytes_max; /* a batch with a longer one is not sealed */
    bool apart;               /* the open batch: the log's sync makes it durable */
    bool unsafe_sync;
    struct mst_redo redo;
    int64_t behind_bytes;
    struct mst_behind behind;
    int commit_code; /* of the commit that was carried out last */
    struct mst_err commit_err;
};

/* The vtable. */
extern const struct mst_store_ops mst_sqlite_ops;
/* Of it, in a file of their own. */
MST_MUST_CHECK int mst_sqlite_put(struct mst_store *base, const struct mst_put *put,
                                  struct mst_err *err);
MST_MUST_CHECK int mst_sqlite_programme(struct mst_store *base, const char *id, mst_pid next,
                                        mst_pid *ret_pid, struct mst_err *err);
/* The number of the last batch, and how far the files of reports go, the last of them up to `end`;
 * at least once for each file. No record has them. */
MST_MUST_CHECK int mst_sqlite_put_batch(struct sqlite_store *s, uint64_t batch, int64_t end,
                                        struct mst_err *err);
/*
 * What was answered is in the open transaction: the database takes it, for other readers to see.
 * MST_E_FULL and MST_E_NOMEM do no harm: it is in the files, and in a transaction again.
 */
MST_MUST_CHECK int mst_sqlite_publish(struct sqlite_store *s, struct mst_err *err);
/* Move the log into the database, in one of SQLite's modes. A reader that stands on older pages
 * holds it up, which is no failure. */
MST_MUST_CHECK int mst_sqlite_checkpoint(struct sqlite_store *s, int mode, struct mst_err *err);
/* Whether a commit syncs the database's log. Between transactions only. */
MST_MUST_CHECK int mst_sqlite_sync_commits(struct sqlite_store *s, bool sync, struct mst_err *err);
/* SQLite's hook after each commit. context: the store. */
int mst_sqlite_log_grown(void *context, sqlite3 *db, const char *schema, int pages);
/* The open batch, to the disk. It may be in another thread, which has the files meanwhile and
 * nothing else. context: the store. */
void mst_sqlite_make_durable(void *context);

#endif
