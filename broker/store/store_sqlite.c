/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite backend's writing half: batches and checkpoints. One connection writes; it also
 * checkpoints. It retries no sync: after one that failed nobody knows what is on disk, and only a
 * new start (store_sqlite_open.c) finds out.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/store/store_sqlite.h"

#define WALK_MS_MAX 1000
/* The length of the file of batches beyond which there is a checkpoint, and it begins anew. */
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

int mst_sqlite_log_grown(void *context, sqlite3 *db, const char *schema, int pages)
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

int mst_sqlite_checkpoint(struct sqlite_store *s, int mode, struct mst_err *err)
{
    int in_log = -1, moved = -1;
    int rc = sqlite3_wal_checkpoint_v2(s->conn.db, "main", mode, &in_log, &moved);
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

int mst_sqlite_publish(struct sqlite_store *s, struct mst_err *err)
{
    if (s->unpublished == 0)
        return 0;
    uint64_t file = s->named.file;
    int64_t end = s->named.end;
    int code = heal(s, err);
    if (!code)
        code = mst_sqlite_put_batch(s, s->batch, s->reports.kept, err);
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
    int code = mst_sqlite_publish(s, err);
    return code ? code
                : mst_sqlite_checkpoint(
                      s, wait ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, err);
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
        code = mst_sqlite_publish(s, err);
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
    int code = mst_sqlite_publish(s, err);
    if (code || s->log_bytes - s->moved_bytes < enough)
        return code;
    code = mst_sqlite_checkpoint(s, SQLITE_CHECKPOINT_PASSIVE, err);
    *ret_more = !code && s->log_bytes - s->moved_bytes >= enough;
    return code;
}

static int sqlite_publish(struct mst_store *base, struct mst_err *err)
{
    return mst_sqlite_publish(of(base), err);
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

/* Of a batch that stands apart, or was to. */
static int end_apart(struct sqlite_store *s, struct mst_err *err)
{
    if (!s->apart)
        return 0;
    s->apart = false;
    return mst_sqlite_sync_commits(s, false, err);
}

/*
 * No file can have this batch in one piece. It goes to the database as one does without files: in a
 * transaction of its own, which the log's sync makes durable. What was answered is published
 * before, and the batch is carried out once more from its record.
 */
static int set_apart(struct sqlite_store *s, struct mst_err *err)
{
    const struct mst_buf *record = &s->redo.record;
    int code = end_transaction(s, err);
    if (!code)
        code = mst_sqlite_publish(s, err);
    s->records_kept = s->records.len;
    if (!code && mst_bulk_has(&s->reports))
        code = mst_bulk_close(&s->reports, err);
    if (code)
        return code;
    uint64_t file = s->named.file;
    int64_t end = s->named.end;
    s->apart = true;
    code = mst_sqlite_sync_commits(s, true, err);
    if (!code)
        code = mst_sqlite_run(&s->conn, MST_SQL_BEGIN, err);
    if (!code)
        code = mst_redo_run(&s->redo, &s->conn, mst_bytes(record->data, record->len), err);
    if (!code)
        code = mst_sqlite_put_batch(s, s->batch, s->reports.end, err);
    if (code) {
        s->named.file = file;
        s->named.end = end;
    }
    return code;
}

static int sqlite_rollback(struct mst_store *base, struct mst_err *err)
{
    struct sqlite_store *s = of(base);
    s->records.len = s->records_kept;
    s->records.failed = false;
    int code = end_transaction(s, err);
    if (!code)
        code = end_apart(s, err);
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
    if (!record->failed &&
        ((int64_t)record->len > s->record_bytes_max || !mst_bulk_fits(seal_of(s), record->len)))
        return set_apart(s, err);
    mst_buf_put(&s->records, record->data, record->len);
    if (record->failed || s->records.failed)
        return mst_fail_on(err, MST_E_NOMEM, "store");
    return mst_bulk_seal(seal_of(s), s->batch + 1, record, err);
}

void mst_sqlite_make_durable(void *context)
{
    struct sqlite_store *s = context;
    struct mst_bulk *seal = seal_of(s);
    s->commit_code = 0;
    if (s->seals && mst_bulk_has(seal))
        s->commit_code = mst_bulk_sync(seal, &s->commit_err);
    if (!s->commit_code && (!s->seals || s->apart))
        s->commit_code = mst_sqlite_run(&s->conn, MST_SQL_COMMIT, &s->commit_err);
}

/* The batch is on disk, or nobody knows. */
static void tell_commit(struct sqlite_store *s)
{
    if (s->commit_code) {
        s->commit_code = fail_commit(s, &s->commit_err);
    } else if (s->apart) {
        mst_bulk_keep(&s->reports);
        s->commit_code = end_apart(s, &s->commit_err);
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
    mst_sqlite_make_durable(s);
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
        dead = mst_sqlite_publish(s, NULL) != 0 ||
               mst_sqlite_checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE, NULL) != 0;
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

const struct mst_store_ops mst_sqlite_ops = {
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
