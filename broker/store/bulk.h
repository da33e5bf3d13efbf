/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bulk: the reports of large batches, in files beside the database (reports-000001.log, …). Bytes
 * are appended, synced, and only then named by a commit of the database, which keeps how far each
 * file goes. So they pass through no page cache, no log and no checkpoint. A batch is gathered in
 * memory and written in one piece, in whole blocks (direct.h), over zeros that were written ahead
 * of it (zeros.h).
 *
 * A batch that is sealed with a record of all that it stores is on disk with the file's sync alone:
 * a start that finds it behind what the database has carries the record out. What lies behind the
 * last byte that is named or sealed belongs to nobody and is cut off then.
 *
 * Sealed batches are numbered. The first number of a store is drawn by lot, so that nobody can send
 * bytes that look like a batch to come. A small batch, whose reports the database takes, is sealed
 * in a file of the other kind (batches-000001.log), which begins anew when the database is synced.
 *
 * Everything goes through the database's own VFS, or past it where that is SQLite's. A writer and
 * each reader have handles of their own and are used by one thread at a time.
 */
#ifndef MST_BROKER_STORE_BULK_H
#define MST_BROKER_STORE_BULK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/store/zeros.h"
#include "proto/buf.h"
#include "proto/err.h"
#include "proto/msg.h"

/* Where bytes lie. file 0: nowhere. */
struct mst_bulk_place {
    uint64_t file, offset, bytes;
};

/* A file that is open; number 0: none is. */
struct mst_bulk_handle {
    sqlite3_vfs *vfs;
    const char *dir, *kind;        /* borrowed; what the files' names begin with */
    const struct mst_bulk *writer; /* whose open batch is read, too; NULL: nobody's */
    sqlite3_file *file;
    size_t piece_bytes_max; /* of one write */
    uint64_t number;
};

#define MST_BULK_LANES 4

/* Invariant: kept <= written <= end; what lies from `kept` on is the open batch's, and what lies
 * from `written` on is in `window`. */
struct mst_bulk {
    struct mst_bulk_handle handle;
    uint64_t number; /* of the last file; 0: there is none */
    bool repeats;    /* it begins anew now and then, over what it had */
    int64_t end, written, kept;
    uint8_t *window; /* NULL: nothing was appended yet */
    struct mst_zeros zeros;
    int64_t before;               /* how far the file before goes */
    uint64_t sum[MST_BULK_LANES]; /* of what the open batch has appended */
    bool touched;                 /* the file may have something of the open batch */
    int64_t file_bytes_max;       /* a batch that begins beyond it begins a file */
    int64_t batch_bytes_max;      /* with its header */
    bool unsafe_sync;             /* for a negative control only */
};

/* To read files of reports. */
void mst_bulk_handle_init(struct mst_bulk_handle *h, sqlite3_vfs *vfs, const char *dir);
void mst_bulk_handle_done(struct mst_bulk_handle *h);

/* A writer's beginning and end; `ahead_bytes`: zeros ahead of what is appended. The end takes them
 * away, unless the files are to stay as they are. */
void mst_bulk_init_reports(struct mst_bulk *b, sqlite3_vfs *vfs, const char *dir,
                           int64_t file_bytes_max, int64_t ahead_bytes);
void mst_bulk_init_batches(struct mst_bulk *b, sqlite3_vfs *vfs, const char *dir,
                           int64_t ahead_bytes);
void mst_bulk_done(struct mst_bulk *b, bool as_they_are);

/* Append to the result what lies there. MST_E_CORRUPT: the file is not, or is too short. */
MST_MUST_CHECK int mst_bulk_read(struct mst_bulk_handle *h, const struct mst_bulk_place *place,
                                 struct mst_buf *out, struct mst_err *err);

/*
 * At a start, once for each file that the database names, ascending: it must be there with so many
 * bytes (MST_E_CORRUPT); the last one named is the one that is gone on with.
 */
MST_MUST_CHECK int mst_bulk_found(struct mst_bulk *b, uint64_t number, int64_t bytes,
                                  struct mst_err *err);
/*
 * Then, until nothing is found: the sealed batch of this number, which is kept from now on and
 * surely on disk, and its record, which lies in `region`. len 0: it is not here.
 */
MST_MUST_CHECK int mst_bulk_next(struct mst_bulk *b, uint64_t batch, struct mst_buf *region,
                                 struct mst_slice *ret_record, struct mst_err *err);
/* After the last of them: drop the rest. */
MST_MUST_CHECK int mst_bulk_cut(struct mst_bulk *b, struct mst_err *err);

/* Append what is not empty, and is filled up to whole blocks. MST_E_FULL: drop the batch; there is
 * no room on the disk, or the batch is larger than one that a start would find. */
MST_MUST_CHECK int mst_bulk_append(struct mst_bulk *b, struct mst_buf *bytes,
                                   struct mst_bulk_place *ret_place, struct mst_err *err);
/* Would a start find the batch, sealed with a record of so many bytes? */
bool mst_bulk_fits(const struct mst_bulk *b, size_t record_bytes);
/* Append the batch's record, likewise, and make it count as the one of this number. */
MST_MUST_CHECK int mst_bulk_seal(struct mst_bulk *b, uint64_t batch, struct mst_buf *record,
                                 struct mst_err *err);
/* Without a record: what was appended counts when a commit of the database names it. */
MST_MUST_CHECK int mst_bulk_close(struct mst_bulk *b, struct mst_err *err);
/* Has the open batch appended anything? Then it must be synced before the commit that names it. */
bool mst_bulk_has(const struct mst_bulk *b);
MST_MUST_CHECK int mst_bulk_sync(struct mst_bulk *b, struct mst_err *err);
/* The batch is committed. */
void mst_bulk_keep(struct mst_bulk *b);
/* The database is synced and has all batches: begin anew with the file that repeats. */
void mst_bulk_rewind(struct mst_bulk *b);
/* The batch is dropped, before its commit was tried: what it has appended is taken away. */
MST_MUST_CHECK int mst_bulk_forget(struct mst_bulk *b, struct mst_err *err);

#endif
