/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite backend's writing half: opening, batches, checkpoints. One connection writes; it also
 * checkpoints, and no other process opens the file (a lock file sees to that), which keeps clear of
 * the WAL-reset fault of SQLite before 3.51.3. It retries no sync: after one that failed
 * nobody knows what is on disk, and only a new start finds out.
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
#define WALK_MS_MAX 1000
#define SYNC_COMMITS "PRAGMA synchronous = FULL"
/* Checkpoints are synced none the less, so the database is whole, if behind. */
#define SYNC_NOT "PRAGMA synchronous = NORMAL"
/* The zeros ahead in the file of batches, which begins anew at each checkpoint: of those in the
 * files of reports. */
#define BATCHES_AHEAD_PART 8
/* And its length beyond which there is one. */
#define BATCHES_BYTES_MAX (INT64_C(4) << 20)
/* So many batches, and bytes of their records, are taken by the database at once at most. */
#define UNPUBLISHED_MAX 64
#define UNPUBLISHED_BYTES_MAX (INT64_C(256) << 10)
/* What an idle pass waits for, or a quarter of the log's limit if that is less: moving a few pages
 * at a time would pay two syncs for each. */
#define PASS_BYTES_MAX (INT64_C(4) << 20)
/* Where batches are sealed the log is not synced with them, but by the checkpoint, in which
 * everybody waits: so it is kept short, and the system is told to begin writing it in time. */
#define SEALED_LOG_BYTES_MAX (INT64_C(8) << 20)
#define SEALED_AHEAD_BYTES (INT64_C(1) << 20)

static struct sqlite_store *of(struct mst_store *s)
{
    return (struct sqlite_store *)s;
}

/* ---- checkpoints ---- */

static int on_log_grown(void *context, sqlite3 *db, const char *schema, int pages)
{
    struct sqlite_store *s = context;
    (void)db;
    (void)schema;
    int64_t bytes = pages * s->page_bytes;
    if (bytes < s->log_bytes)
        s->moved_bytes = s->tried_bytes = s->ahead_bytes = 0; /* the log began anew */
    s->log_bytes = bytes;
    if (s->seals && s->log_fd >= 0 && bytes - s->ahead_bytes >= SEALED_AHEAD_BYTES) {
        s->ahead_bytes = bytes;
        (void)sync_file_range(s->log_fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
    return SQLITE_OK;
}

static int checkpoint(struct sqlite_store *s, int mode, struct mst_err *err)
{
    int in_log = -1, moved = -1;
    int rc = sqlite3_wal_checkpoint_v2(s->conn.db, "main", mode, &in_log, &moved);
    /* A reader that stands on older pages holds a checkpoint up; that is no failure. */
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        return mst_sqlite_fail(s->conn.db, rc, err);
    if (moved >= 0)
        s->moved_bytes = moved * s->page_bytes;
    /* With its last page SQLite has synced the database. */
    if (rc == SQLITE_OK && moved == in_log) {
        mst_bulk_rewind(&s->batches);
        s->tried_end = 0;
    }
    return 0;
}

static int end_transaction(struct sqlite_store *s, struct mst_err *err)
{
    /* A full disk or no memory may have ended it already. */
    return sqlite3_get_autocommit(s->conn.db) ? 0 : mst_sqlite_run(&s->conn, MST_SQL_ROLLBACK, err);
}

/* Whatever it was, a full disk too: what is on disk may hold the batch, whole or not. */
static int fail_commit(struct sqlite_store *s, struct mst_err *err)
{
    if (err)
        err->code = MST_E_IO;
    (void)end_transaction(s, NULL);
    return MST_E_IO;
}

/* Is the code of a batch, or of a moment, that was lost, and of nothing else? */
static bool may_go_on(int code)
{
    return code == MST_E_FULL || code == MST_E_NOMEM;
}

/* A transaction with what was answered, from its records. */
static int restore_answered(struct sqlite_store *s, struct mst_err *err)
{
    int code = mst_sqlite_run(&s->conn, MST_SQL_BEGIN, err);
    if (!code)
        code = mst_redo_run(&s->redo, &s->conn, mst_bytes(s->records.data, s->records.len), err);
    if (code)
        (void)end_transaction(s, NULL);
    return code;
}

/* SQLite may end a transaction with any statement that fails, be it one that reads: then what was
 * answered is carried out once more, before anything is read or written. */
static int heal(struct sqlite_store *s, struct mst_err *err)
{
    return s->unpublished && sqlite3_get_autocommit(s->conn.db) ? restore_answered(s, err) : 0;
}

/*
 * What was answered is in the open transaction: the database takes it, for other readers to see.
 * MST_E_FULL and MST_E_NOMEM do no harm: it is in the files, and in a transaction again.
 */
static int publish(struct sqlite_store *s, struct mst_err *err)
{
    if (s->unpublished == 0)
        return 0;
    uint64_t file = s->named.file;
    int64_t end = s->named.end;
    int code = heal(s, err);
    if (!code)
        code = mst_sqlite_put_batch(s, s->batch, err);
    if (!code)
        code = mst_sqlite_run(&s->conn, MST_SQL_COMMIT, err);
    if (code) {
        s->named.file = file;
        s->named.end = end;
        if (!may_go_on(code))
            return fail_commit(s, err);
        if (!end_transaction(s, NULL))
            (void)restore_answered(s, NULL);
        return code;
    }
    s->unpublished = 0;
    mst_redo_clear(&s->records);
    return 0;
}

/* Beyond a limit whatever can be moved out of the log is moved, again after every further eighth of
 * it; beyond twice the limit readers are waited for, each of which lets go after WALK_MS_MAX. */
static int bound_files(struct sqlite_store *s, struct mst_err *err)
{
    int64_t limit = s->seals && SEALED_LOG_BYTES_MAX < s->wal_bytes_max ? SEALED_LOG_BYTES_MAX
                                                                        : s->wal_bytes_max;
    bool much = s->log_bytes > limit && s->log_bytes - s->tried_bytes >= limit / 8;
    bool long_file = s->batches.end - s->tried_end >= BATCHES_BYTES_MAX;
    if (!much && !long_file)
        return 0;
    s->tried_bytes = s->log_bytes;
    s->tried_end = s->batches.end;
    bool wait = s->log_bytes > 2 * s->wal_bytes_max;
    int code = publish(s, err);
    return code ? code
                : checkpoint(s, wait ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, err);
}

/*
 * Called after a commit was answered, and before the next batch if that has begun in its answer.
 * Without room or memory the log, and the files, keep everything; if they cannot grow either, a
 * commit says so.
 */
static int relieve(struct sqlite_store *s, struct mst_err *err)
{
    int code = 0;
    if (s->unpublished >= UNPUBLISHED_MAX || s->records.len >= UNPUBLISHED_BYTES_MAX ||
        (s->unpublished && s->reports.number != s->named.file))
        code = publish(s, err);
    if (!code)
        code = bound_files(s, err);
    return may_go_on(code) ? 0 : code;
}

static int sqlite_maintain(struct mst_store *base, bool *ret_more, struct mst_err *err)
{
    struct sqlite_store *s = of(base);
    *ret_more = false;
    int64_t quarter = s->wal_bytes_max / 4;
    int64_t enough = quarter < PASS_BYTES_MAX ? quarter : PASS_BYTES_MAX;
    int code = publish(s, err);
    if (code || s->log_bytes - s->moved_bytes < enough)
        return code;
    code = checkpoint(s, SQLITE_CHECKPOINT_PASSIVE, err);
    *ret_more = !code && s->log_bytes - s->moved_bytes >= enough;
    return code;
}

static int sqlite_publish(struct mst_store *base, struct mst_err *err)
{
    return publish(of(base), err);
}

/* ---- batches ---- */

/*
 * A batch is sealed in a file: its sync makes it durable, and the database, which must not be
 * synced as well, catches up. A large one lies beside its reports. Without files of reports the
 * sync of the database's log does.
 */
static int sqlite_begin(struct mst_store *base, struct mst_err *err)
{
    struct sqlite_store *s = of(base);
    int code = relieve(s, err);
    if (!code)
        code = heal(s, err);
    if (code)
        return code;
    s->was_large = s->bulk_bytes > 0 && s->batch_bytes >= s->bulk_bytes;
    s->batch_bytes = 0;
    s->records_kept = s->records.len;
    mst_redo_reset(&s->redo, s->seals);
    return s->unpublished ? 0 : mst_sqlite_run(&s->conn, MST_SQL_BEGIN, err);
}

static int sqlite_rollback(struct mst_store *base, struct mst_err *err)
{
    struct sqlite_store *s = of(base);
    s->records.len = s->records_kept;
    s->records.failed = false;
    int code = end_transaction(s, err);
    if (!code)
        code = mst_bulk_forget(&s->reports, err);
    if (!code)
        code = mst_bulk_forget(&s->batches, err);
    /* The transaction had answered batches, too. */
    return code ? code : heal(s, err);
}

/* Where the open batch is sealed. */
static struct mst_bulk *seal_of(struct sqlite_store *s)
{
    return mst_bulk_has(&s->reports) ? &s->reports : &s->batches;
}

/* The last of the batch that may still fail without harm. */
static int sqlite_prepare(struct mst_store *base, struct mst_err *err)
{
    struct sqlite_store *s = of(base);
    if (!s->seals)
        return 0;
    struct mst_buf *record = &s->redo.record;
    if (record->len == 0 && !record->failed)
        return 0; /* nothing was put */
    mst_buf_put(&s->records, record->data, record->len);
    if (record->failed || s->records.failed)
        return mst_fail_on(err, MST_E_NOMEM, "store");
    return mst_bulk_seal(seal_of(s), s->batch + 1, record, err);
}

/* It may be in another thread, which has the files meanwhile and nothing else. */
static void make_durable(void *context)
{
    struct sqlite_store *s = context;
    struct mst_bulk *seal = seal_of(s);
    s->commit_code = 0;
    if (!s->seals)
        s->commit_code = mst_sqlite_run(&s->conn, MST_SQL_COMMIT, &s->commit_err);
    else if (mst_bulk_has(seal))
        s->commit_code = mst_bulk_sync(seal, &s->commit_err);
}

/* The batch is on disk, or nobody knows. */
static void tell_commit(struct sqlite_store *s)
{
    if (s->commit_code) {
        s->commit_code = fail_commit(s, &s->commit_err);
    } else if (s->seals) {
        s->batch += mst_bulk_has(seal_of(s));
        mst_bulk_keep(&s->reports);
        mst_bulk_keep(&s->batches);
        s->unpublished++;
    }
    mst_store_committed(&s->base, s->commit_code, s->commit_code ? &s->commit_err : NULL);
    if (!s->commit_code && s->base.state == MST_STORE_IDLE && relieve(s, NULL))
        mst_store_kill(&s->base);
}

static void sqlite_commit(struct mst_store *base)
{
    struct sqlite_store *s = of(base);
    if (s->behind.started && s->batch_bytes >= s->behind_bytes) {
        mst_behind_begin(&s->behind);
        return;
    }
    make_durable(s);
    tell_commit(s);
}

static int sqlite_fd(const struct mst_store *base)
{
    const struct sqlite_store *s = (const struct sqlite_store *)base;
    return s->behind.started ? s->behind.fd : -1;
}

static void sqlite_complete(struct mst_store *base)
{
    struct sqlite_store *s = of(base);
    if (s->behind.started && mst_behind_done(&s->behind))
        tell_commit(s);
}

/* ---- life ---- */

static void sqlite_close(struct mst_store *base)
{
    struct sqlite_store *s = of(base);
    /* Nobody was told of a commit that is under way. */
    bool dead = s->base.state == MST_STORE_DEAD || s->base.state == MST_STORE_COMMITTING;
    mst_behind_stop(&s->behind);
    if (!dead && s->seals)
        dead = publish(s, NULL) != 0 || checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE, NULL) != 0;
    mst_bulk_done(&s->reports, dead);
    mst_bulk_done(&s->batches, dead);
    /* After a failure nothing more is written: the next start recovers from what is there. */
    if (dead && s->conn.db)
        sqlite3_db_config(s->conn.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    mst_sqlite_done(&s->conn);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    if (s->log_fd >= 0)
        close(s->log_fd);
    mst_store_stop(base);
    mst_redo_done(&s->redo);
    mst_buf_done(&s->segment);
    mst_buf_done(&s->place);
    mst_buf_done(&s->records);
    free(s->dir);
    free(s->db_path);
    free(s);
}

static void sqlite_reader_close(struct mst_reader *base)
{
    struct mst_sqlite_reader *r = (struct mst_sqlite_reader *)base;
    mst_sqlite_done(r->conn);
    free(r->conn);
    free(r);
}

static int sqlite_reader_open(struct mst_store *base, struct mst_reader **ret_reader,
                              struct mst_err *err)
{
    /* What was committed before it is opened is seen by it. */
    int published = base->state == MST_STORE_IDLE ? sqlite_publish(base, err) : 0;
    if (published) {
        if (!may_go_on(published))
            mst_store_kill(base);
        return published;
    }
    struct mst_sqlite_reader *r = calloc(1, sizeof *r);
    struct mst_sqlite *conn = calloc(1, sizeof *conn);
    int code = r && conn ? mst_sqlite_open(conn, of(base)->dir, of(base)->db_path, false, err)
                         : mst_fail_on(err, MST_E_NOMEM, "store");
    if (code) {
        free(conn);
        free(r);
        return code;
    }
    r->base.ops = base->ops;
    r->conn = conn;
    r->walk_ms_max = WALK_MS_MAX;
    *ret_reader = &r->base;
    return 0;
}

/* The store's own reader shares the connection that writes. */
static int heal_own(struct mst_reader *base, struct mst_err *err)
{
    struct sqlite_store *s = of((struct mst_store *)base->owner);
    return s && s->base.state == MST_STORE_IDLE ? heal(s, err) : 0;
}

static int sqlite_walk(struct mst_reader *r, const struct mst_walk *walk, struct mst_err *err)
{
    int code = heal_own(r, err);
    return code ? code : mst_sqlite_walk(r, walk, err);
}

static int sqlite_last(struct mst_reader *r, enum mst_table table, mst_pid p, uint64_t *ret_number,
                       struct mst_err *err)
{
    int code = heal_own(r, err);
    return code ? code : mst_sqlite_last(r, table, p, ret_number, err);
}

static int sqlite_meta(struct mst_reader *r, mst_pid p, const char *name, void *data, size_t *len,
                       struct mst_err *err)
{
    int code = heal_own(r, err);
    return code ? code : mst_sqlite_meta(r, p, name, data, len, err);
}

static const struct mst_store_ops sqlite_ops = {
    .close = sqlite_close,
    .begin = sqlite_begin,
    .programme = mst_sqlite_programme,
    .put = mst_sqlite_put,
    .prepare = sqlite_prepare,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .fd = sqlite_fd,
    .complete = sqlite_complete,
    .publish = sqlite_publish,
    .maintain = sqlite_maintain,
    .reader_open = sqlite_reader_open,
    .reader_close = sqlite_reader_close,
    .walk = sqlite_walk,
    .last = sqlite_last,
    .meta = sqlite_meta,
};

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
    if (!code && !full)
        code = mst_fail(err, MST_E_IO, _("the file system does not allow a write-ahead log"));
    if (!code)
        code = mst_sqlite_exec(s->conn.db, sql, err);
    if (!code)
        code = mst_sqlite_number_of(s->conn.db, "PRAGMA page_size", &s->page_bytes, err);
    if (code)
        return code;
    s->wal_bytes_max = options->wal_bytes_max;
    sqlite3_wal_hook(s->conn.db, on_log_grown, s); /* also ends automatic checkpoints */
    snprintf(log_path, sizeof log_path, "%s-wal", s->db_path);
    s->log_fd = open(log_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC); /* only ever for a hint */
    /*
     * What a killed process left in the log may never have been synced, and would be acknowledged
     * now because it can be read. So it is moved into the database, with its syncs, before anybody
     * reads.
     */
    return checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE, err);
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
            code = publish(s, err);
        if (!code)
            code = next_batch(s, &region, &record, err);
    }
    mst_buf_done(&region);
    /* As at every start: nothing that is read depends on an unsynced page. */
    if (!code && (s->batch != first || s->batches.number))
        code = checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE, err);
    return code;
}

/*
 * The number of the last batch that the database has. The first is drawn by lot, out of so many
 * that nobody guesses it, and small enough to be counted on from for ever.
 */
static int find_batch(struct sqlite_store *s, struct mst_err *err)
{
    sqlite3_stmt *statement = NULL;
    int code = mst_sqlite_take(&s->conn, MST_SQL_GET_BATCH, &statement, err);
    if (code)
        return code;
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        s->batch = (uint64_t)sqlite3_column_int64(statement, 0);
    else if (rc != SQLITE_DONE)
        code = mst_sqlite_fail(s->conn.db, rc, err);
    mst_sqlite_give(&s->conn, MST_SQL_GET_BATCH, statement);
    if (code || s->batch)
        return code;
    if (getrandom(&s->batch, sizeof s->batch, 0) != (ssize_t)sizeof s->batch)
        return mst_fail(err, MST_E_IO, "getrandom: %s", strerror(errno));
    s->batch = s->batch >> 2 | 1;
    s->unpublished = 1;
    code = mst_sqlite_run(&s->conn, MST_SQL_BEGIN, err);
    if (!code)
        code = publish(s, err);
    /* All that is sealed from now on hangs by this number. */
    return code ? code : checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE, err);
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
        code = mst_sqlite_exec(s->conn.db, SYNC_NOT, err);
    if (!code)
        code = catch_up(s, err);
    if (!code)
        code = mst_bulk_cut(&s->reports, err);
    if (!code)
        code = mst_bulk_cut(&s->batches, err);
    s->seals = s->bulk_bytes > 0;
    if (!code && !s->seals && !s->unsafe_sync)
        code = mst_sqlite_exec(s->conn.db, SYNC_COMMITS, err);
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
    s->base.ops = &sqlite_ops;
    s->base.own = &s->own.base;
    s->own = (struct mst_sqlite_reader){.base = {&sqlite_ops, &s->base}, .conn = &s->conn};
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
        code = mst_behind_start(&s->behind, make_durable, s, err);
    if (code) {
        if (code != MST_E_REHEARSAL && code != MST_E_BUSY && code != MST_E_VERSION)
            mst_wrap(err, "%s", options->path);
        mst_store_kill(&s->base);
        sqlite_close(&s->base);
        return code;
    }
    *ret_store = &s->base;
    return 0;
}
