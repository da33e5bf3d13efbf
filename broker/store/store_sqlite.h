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
    struct mst_bulk bulk;
    bool seals; /* the open batch is sealed in the file of reports, or the next one probably is */
    bool unsafe_sync;
    struct mst_redo redo;
    int64_t behind_bytes;
    struct mst_behind behind;
    int commit_code; /* of the commit that was carried out last */
    struct mst_err commit_err;
};

/* For the vtable. */
MST_MUST_CHECK int mst_sqlite_put(struct mst_store *base, const struct mst_put *put,
                                  struct mst_err *err);
MST_MUST_CHECK int mst_sqlite_programme(struct mst_store *base, const char *id, mst_pid next,
                                        mst_pid *ret_pid, struct mst_err *err);
/* How far the files of reports go, in the open transaction; no record has it. */
MST_MUST_CHECK int mst_sqlite_put_bulk(struct sqlite_store *s, struct mst_err *err);

#endif
