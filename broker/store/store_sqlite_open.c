/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A start of the SQLite backend: lock the directory, settle what a killed process has left, open
 * the database, carry out the sealed batches that it does not have, cut off the rest; all of that
 * before anybody reads. No other process opens the files (the lock sees to that), which also keeps
 * clear of the WAL-reset fault of SQLite before 3.51.3. Every step may be repeated.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "broker/store/files.h"
#include "broker/store/store_sqlite.h"

#define SQLITE_VERSION_MIN 3040000
#define DATABASE_NAME "muster.db"
#define LOCK_NAME "muster.lock"
#define SYNC_COMMITS "PRAGMA synchronous = FULL"
/* Checkpoints are synced none the less, so the database is whole, if behind. */
#define SYNC_NOT "PRAGMA synchronous = NORMAL"
/* The zeros ahead in the file of batches, which begins anew at each checkpoint: of those in the
 * files of reports. */
#define BATCHES_AHEAD_PART 8

int mst_sqlite_sync_commits(struct sqlite_store *s, bool sync, struct mst_err *err)
{
    return mst_sqlite_exec(s->conn.db, sync && !s->unsafe_sync ? SYNC_COMMITS : SYNC_NOT, err);
}

static int lock_directory(struct sqlite_store *s, const char *path, struct mst_err *err)
{
    char lock_path[MST_PATH_BYTES_MAX];
    snprintf(lock_path, sizeof lock_path, "%s/%s", path, LOCK_NAME);
    s->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return mst_files_fail(err, lock_path);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? mst_fail_on(err, MST_E_BUSY, path)
                                : mst_files_fail(err, lock_path);
}

/* A log that a killed process left. Its name too: SQLite syncs the directory for a log that it
 * makes, not for one that it finds. */
static int settle_log(const char *path, const char *db_path, struct mst_err *err)
{
    char log_path[MST_PATH_BYTES_MAX + sizeof "-wal"];
    snprintf(log_path, sizeof log_path, "%s-wal", db_path);
    int code = mst_files_settle(log_path, err);
    return code ? code : mst_files_sync_directory(path, err);
}

static int set_up_log(struct sqlite_store *s, const struct mst_store_options *options,
                      struct mst_err *err)
{
    char sql[128], log_path[MST_PATH_BYTES_MAX + sizeof "-wal"];
    int64_t full = 0;
#ifdef MUSTER_TESTING
    s->unsafe_sync = options->unsafe_sync;
#endif
    snprintf(sql, sizeof sql, "%s; PRAGMA journal_size_limit = %lld",
             s->unsafe_sync ? SYNC_NOT : SYNC_COMMITS, (long long)options->wal_bytes_max);
    int code = mst_sqlite_exec(s->conn.db, "PRAGMA journal_mode = WAL", err);
    /* The pragma answers with the mode in force instead of failing. */
    if (!code)
        code = mst_sqlite_number_of(
            s->conn.db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &full, err);
    if (!code && !full) {
        code = mst_fail(err, MST_E_IO, _("the file system does not allow a write-ahead log"));
        mst_hint(err, "%s", _("keep it on a local file system, not one of the network's"));
    }
    if (!code)
        code = mst_sqlite_exec(s->conn.db, sql, err);
    if (!code)
        code = mst_sqlite_number_of(s->conn.db, "PRAGMA page_size", &s->page_bytes, err);
    if (code)
        return code;
    s->wal_bytes_max = options->wal_bytes_max;
    sqlite3_wal_hook(s->conn.db, mst_sqlite_log_grown, s); /* also ends automatic checkpoints */
    snprintf(log_path, sizeof log_path, "%s-wal", s->db_path);
    s->log_fd = open(log_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC); /* only ever for a hint */
    /*
     * What a killed process left in the log may never have been synced, and would be acknowledged
     * now because it can be read. So it is moved into the database, with its syncs, before anybody
     * reads.
     */
    return mst_sqlite_checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE, err);
}

static int open_database(struct sqlite_store *s, const struct mst_store_options *options,
                         struct mst_err *err)
{
    char sql[64];
    int code = mst_sqlite_open(&s->conn, s->dir, s->db_path, true, err);
    if (code)
        return code;
    snprintf(sql, sizeof sql, "PRAGMA page_size = %d", options->page_bytes);
    code = mst_sqlite_exec(s->conn.db, sql, err);
    if (!code)
        code = mst_sqlite_migrate(s->conn.db, options->rehearsal, err);
    if (!code)
        code = set_up_log(s, options, err);
    return code;
}

static int next_batch(struct sqlite_store *s, struct mst_buf *region, struct mst_slice *ret_record,
                      struct mst_err *err)
{
    int code = mst_bulk_next(&s->reports, s->batch + 1, region, ret_record, err);
    if (!code && !ret_record->len)
        code = mst_bulk_next(&s->batches, s->batch + 1, region, ret_record, err);
    return code;
}

/* Carry out the batches that are sealed and not in the database. */
static int catch_up(struct sqlite_store *s, struct mst_err *err)
{
    struct mst_buf region = {0};
    struct mst_slice record;
    uint64_t first = s->batch;
    int code = next_batch(s, &region, &record, err);
    while (!code && record.len) {
        s->batch++;
        s->unpublished = 1;
        code = mst_sqlite_run(&s->conn, MST_SQL_BEGIN, err);
        if (!code)
            code = mst_redo_run(&s->redo, &s->conn, record, err);
        if (!code)
            code = mst_sqlite_publish(s, err);
        if (!code)
            code = next_batch(s, &region, &record, err);
    }
    mst_buf_done(&region);
    /* As at every start: nothing that is read depends on an unsynced page. */
    if (!code && (s->batch != first || s->batches.number))
        code = mst_sqlite_checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE, err);
    return code;
}

/* The first number, out of so many that nobody guesses it, and small enough to be counted on from
 * for ever. All that is sealed from now on hangs by it. */
static int draw_lot(struct sqlite_store *s, struct mst_err *err)
{
    if (getrandom(&s->batch, sizeof s->batch, 0) != (ssize_t)sizeof s->batch)
        return mst_fail(err, MST_E_IO, "getrandom: %s", strerror(errno));
    s->batch = s->batch >> 2 | 1;
    s->unpublished = 1;
    int code = mst_sqlite_run(&s->conn, MST_SQL_BEGIN, err);
    if (!code)
        code = mst_sqlite_publish(s, err);
    return code ? code : mst_sqlite_checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE, err);
}

/* The number of the last batch that the database has. */
static int find_batch(struct sqlite_store *s, struct mst_err *err)
{
    int64_t number = 0;
    int code = mst_sqlite_number_of(s->conn.db, mst_sqlite_text(MST_SQL_GET_BATCH), &number, err);
    s->batch = (uint64_t)number;
    return code || number ? code : draw_lot(s, err);
}

static int find_files(struct sqlite_store *s, struct mst_err *err)
{
    sqlite3_stmt *files = NULL;
    int code = mst_sqlite_take(&s->conn, MST_SQL_BULK_FILES, &files, err);
    if (code)
        return code;
    int rc = sqlite3_step(files);
    for (; !code && rc == SQLITE_ROW; rc = sqlite3_step(files))
        code = mst_bulk_found(&s->reports, (uint64_t)sqlite3_column_int64(files, 0),
                              sqlite3_column_int64(files, 1), err);
    if (!code && rc != SQLITE_DONE)
        code = mst_sqlite_fail(s->conn.db, rc, err);
    mst_sqlite_give(&s->conn, MST_SQL_BULK_FILES, files);
    s->named.file = s->reports.number;
    s->named.end = s->reports.end;
    return code;
}

/* Every file of reports that the database names is there, and nothing that it does not name. */
static int open_bulk(struct sqlite_store *s, const struct mst_store_options *options,
                     struct mst_err *err)
{
    sqlite3_vfs *vfs = s->conn.bulk.vfs;
    s->bulk_bytes = options->bulk_bytes;
    s->record_bytes_max = INT64_MAX;
#ifdef MUSTER_TESTING
    if (options->record_bytes_max > 0)
        s->record_bytes_max = options->record_bytes_max;
#endif
    mst_bulk_init_reports(&s->reports, vfs, s->dir, options->bulk_file_bytes_max,
                          options->bulk_ahead_bytes);
    mst_bulk_init_batches(&s->batches, vfs, s->dir, options->bulk_ahead_bytes / BATCHES_AHEAD_PART);
    s->reports.unsafe_sync = options->unsafe_bulk_sync || options->unsafe_sync;
    s->batches.unsafe_sync = s->reports.unsafe_sync;
    s->conn.bulk.writer = &s->reports;
    int code = find_batch(s, err);
    if (!code)
        code = find_files(s, err);
    /* What is carried out once more is still where it was found. */
    if (!code)
        code = mst_sqlite_sync_commits(s, false, err);
    if (!code)
        code = catch_up(s, err);
    if (!code)
        code = mst_bulk_cut(&s->reports, err);
    if (!code)
        code = mst_bulk_cut(&s->batches, err);
    s->seals = s->bulk_bytes > 0;
    if (!code && !s->seals)
        code = mst_sqlite_sync_commits(s, true, err);
    return code;
}

static int check_options(const struct mst_store_options *options, struct mst_err *err)
{
    int page = options->page_bytes;
    if (sqlite3_libversion_number() < SQLITE_VERSION_MIN)
        return mst_fail(err, MST_E_VERSION, _("SQLite %s is too old, 3.40 is needed"),
                        sqlite3_libversion());
    if (sqlite3_threadsafe() == 0)
        return mst_fail(err, MST_E_VERSION, _("this SQLite is built without threads"));
    if (page < 4096 || page > 65536 || (page & (page - 1)) != 0)
        return mst_fail_on(err, MST_E_INVALID, "page_bytes");
    if (options->wal_bytes_max < page)
        return mst_fail_on(err, MST_E_INVALID, "wal_bytes_max");
    if (!options->path || !options->path[0] || strlen(options->path) >= MST_DIR_BYTES_MAX)
        return mst_fail_on(err, MST_E_INVALID, "path");
    return 0;
}

int mst_store_sqlite_open(const struct mst_store_options *options, struct mst_store **ret_store,
                          struct mst_err *err)
{
    int code = check_options(options, err);
    if (code)
        return code;
    size_t path_bytes = strlen(options->path) + sizeof "/" DATABASE_NAME;
    struct sqlite_store *s = calloc(1, sizeof *s);
    if (!s)
        return mst_fail_on(err, MST_E_NOMEM, "store");
    s->base.ops = &mst_sqlite_ops;
    s->base.own = &s->own.base;
    s->own = (struct mst_sqlite_reader){.base = {&mst_sqlite_ops, &s->base}, .conn = &s->conn};
    s->lock_fd = s->log_fd = -1;
    mst_redo_init(&s->redo);
    s->dir = strdup(options->path);
    s->db_path = malloc(path_bytes);
    if (s->dir && s->db_path)
        snprintf(s->db_path, path_bytes, "%s/%s", options->path, DATABASE_NAME);
    else
        code = mst_fail_on(err, MST_E_NOMEM, "store");
    if (!code)
        code = mst_files_make_directory(options->path, err);
    if (!code)
        code = lock_directory(s, options->path, err);
    if (!code)
        code = mst_files_make(s->db_path, err);
    if (!code)
        code = settle_log(options->path, s->db_path, err);
    if (!code)
        code = open_database(s, options, err);
    if (!code)
        code = open_bulk(s, options, err);
    if (!code)
        code = mst_store_start(&s->base, err);
    s->behind_bytes = options->behind_bytes;
    if (!code && s->behind_bytes > 0)
        code = mst_behind_start(&s->behind, mst_sqlite_make_durable, s, err);
    if (code) {
        if (code != MST_E_REHEARSAL && code != MST_E_BUSY && code != MST_E_VERSION)
            mst_wrap(err, "%s", options->path);
        mst_store_kill(&s->base);
        mst_sqlite_ops.close(&s->base);
        return code;
    }
    *ret_store = &s->base;
    return 0;
}
