/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite backend's writing half: opening, batches, checkpoints. One connection writes; it also
 * checkpoints, and no other process opens the file (a lock file sees to that), which keeps clear of
 * the WAL-reset fault of SQLite before 3.51.3. It retries nothing: after a failed sync nobody knows
 * what is on disk, and only a new start finds out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "broker/store/behind.h"
#include "broker/store/files.h"
#include "broker/store/segment.h"
#include "broker/store/sqlite_db.h"

#define SQLITE_VERSION_MIN 3040000
#define DATABASE_NAME "muster.db"
#define LOCK_NAME "muster.lock"
#define WALK_MS_MAX 1000
/* What an idle pass waits for, or a quarter of the log's limit if that is less: moving a few pages
 * at a time would pay two syncs for each. */
#define PASS_BYTES_MAX (INT64_C(4) << 20)

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
    int64_t moved_bytes;    /* of them, in the database already */
    int64_t tried_bytes;    /* log_bytes at the last forced checkpoint */
    struct mst_buf segment; /* the run that is put, as it is stored: reports, then what is said */
    size_t segment_bytes;   /* of its reports that stay in the row */
    int64_t batch_bytes;    /* of the segments in the open batch */
    int64_t bulk_bytes;     /* from which on they go to a file; 0: never */
    struct mst_bulk bulk;
    int64_t behind_bytes;
    struct mst_behind behind;
    int commit_code; /* of the commit that was carried out last */
    struct mst_err commit_err;
};

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
        s->moved_bytes = s->tried_bytes = 0; /* the log began anew */
    s->log_bytes = bytes;
    return SQLITE_OK;
}

static int checkpoint(struct sqlite_store *s, int mode, struct mst_err *err)
{
    int in_log = 0, moved = 0;
    int rc = sqlite3_wal_checkpoint_v2(s->conn.db, "main", mode, &in_log, &moved);
    /* A reader that stands on older pages holds a checkpoint up; that is no failure. */
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        return mst_sqlite_fail(s->conn.db, rc, err);
    if (moved >= 0)
        s->moved_bytes = moved * s->page_bytes;
    return 0;
}

/*
 * Called after the commit was answered. Beyond the limit whatever can be moved is moved, again
 * after every further eighth of it; beyond twice the limit readers are waited for, each of which
 * lets go after WALK_MS_MAX.
 */
static void bound_log(struct sqlite_store *s)
{
    if (s->log_bytes <= s->wal_bytes_max || s->base.state != MST_STORE_IDLE)
        return;
    if (s->tried_bytes && s->log_bytes - s->tried_bytes < s->wal_bytes_max / 8)
        return;
    s->tried_bytes = s->log_bytes;
    bool wait = s->log_bytes > 2 * s->wal_bytes_max;
    int code = checkpoint(s, wait ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, NULL);
    /* Without room or memory the log keeps everything; if it cannot grow either, a commit says so.
     */
    if (code && code != MST_E_FULL && code != MST_E_NOMEM)
        mst_store_kill(&s->base);
}

static int sqlite_maintain(struct mst_store *base, bool *ret_more, struct mst_err *err)
{
    struct sqlite_store *s = of(base);
    *ret_more = false;
    int64_t quarter = s->wal_bytes_max / 4;
    int64_t enough = quarter < PASS_BYTES_MAX ? quarter : PASS_BYTES_MAX;
    if (s->log_bytes - s->moved_bytes < enough)
        return 0;
    int code = checkpoint(s, SQLITE_CHECKPOINT_PASSIVE, err);
    *ret_more = !code && s->log_bytes - s->moved_bytes >= enough;
    return code;
}

/* ---- writes ---- */

/* Parameters of one statement; the first failure to bind one is kept. */
struct binder {
    sqlite3_stmt *statement;
    int rc;
    int at; /* last parameter bound */
};

static void bind_number(struct binder *b, int64_t value)
{
    int rc = sqlite3_bind_int64(b->statement, ++b->at, value);
    b->rc = b->rc ? b->rc : rc;
}

static void bind_bytes(struct binder *b, const void *data, size_t len)
{
    /* SQLite takes a NULL pointer for NULL, which is not an empty value. */
    int rc = sqlite3_bind_blob64(b->statement, ++b->at, len ? data : "", len, SQLITE_STATIC);
    b->rc = b->rc ? b->rc : rc;
}

static void bind_text(struct binder *b, const char *text)
{
    int rc = sqlite3_bind_text(b->statement, ++b->at, text, -1, SQLITE_STATIC);
    b->rc = b->rc ? b->rc : rc;
}

static void bind_row(struct binder *b, const struct mst_put *put)
{
    const struct mst_row *row = put->u.row;
    bind_number(b, mst_sqlite_id(put->p, row->row));
    bind_number(b, row->at);
    bind_number(b, row->kind);
    bind_bytes(b, row->bytes.data, row->bytes.len);
}

static void bind_head(struct binder *b, const struct mst_put *put)
{
    bind_number(b, mst_sqlite_id(put->p, put->u.head.row));
    bind_number(b, put->u.head.at);
    bind_bytes(b, put->u.head.head, MST_HASH_BYTES);
}

static void bind_run(struct binder *b, const struct mst_put *put)
{
    const struct mst_run *run = put->u.run.run;
    bind_number(b, put->p);
    bind_number(b, (int64_t)run->outbox);
    bind_number(b, (int64_t)run->last);
    bind_number(b, mst_sqlite_id(put->p, run->row_first));
}

static void bind_outbox(struct binder *b, const struct mst_put *put)
{
    const struct mst_outbox *outbox = put->u.outbox;
    bind_number(b, put->p);
    bind_bytes(b, outbox->id, sizeof outbox->id);
    bind_text(b, outbox->unit);
    bind_number(b, (int64_t)outbox->last);
    bind_bytes(b, outbox->head, sizeof outbox->head);
}

static void bind_refusal(struct binder *b, const struct mst_put *put)
{
    const struct mst_refusal *refusal = put->u.refusal;
    bind_number(b, put->p);
    bind_number(b, (int64_t)refusal->outbox);
    bind_number(b, (int64_t)refusal->seq);
    bind_number(b, refusal->code);
    bind_bytes(b, refusal->subject.data, refusal->subject.len);
}

static void bind_named(struct binder *b, const struct mst_put *put)
{
    bind_number(b, put->p);
    bind_text(b, put->u.named.name);
    bind_bytes(b, put->u.named.bytes.data, put->u.named.bytes.len);
}

static void bind_item(struct binder *b, const struct mst_put *put)
{
    bind_number(b, put->p);
    bind_text(b, put->u.item.kind);
    bind_text(b, put->u.item.id);
    bind_bytes(b, put->u.item.bytes.data, put->u.item.bytes.len);
}

static void bind_alert(struct binder *b, const struct mst_put *put)
{
    const struct mst_stored_alert *alert = put->u.alert;
    bind_number(b, mst_sqlite_id(put->p, alert->number));
    bind_number(b, mst_sqlite_id(put->p, alert->row));
    bind_bytes(b, alert->row_head, sizeof alert->row_head);
    bind_number(b, put->p);
    bind_bytes(b, alert->id, sizeof alert->id);
    bind_bytes(b, alert->audience.data, alert->audience.len);
    bind_bytes(b, alert->group.data, alert->group.len);
}

static void bind_cursor(struct binder *b, const struct mst_put *put)
{
    bind_number(b, put->p);
    bind_text(b, put->u.cursor.principal);
    bind_text(b, put->u.cursor.name);
    bind_number(b, (int64_t)put->u.cursor.cursor);
}

static void bind_key(struct binder *b, const struct mst_put *put)
{
    const struct mst_key *key = put->u.key;
    bind_number(b, put->p);
    bind_bytes(b, key->channel, sizeof key->channel);
    bind_bytes(b, key->sign, sizeof key->sign);
    bind_text(b, key->principal);
    bind_number(b, key->roles);
    bind_text(b, key->unit);
    bind_number(b, key->created);
    bind_number(b, key->not_after);
    bind_number(b, key->revoked);
    bind_number(b, key->status);
}

static void bind_invitation(struct binder *b, const struct mst_put *put)
{
    const struct mst_invitation *invitation = put->u.invitation;
    bind_number(b, put->p);
    bind_bytes(b, invitation->token_hash, sizeof invitation->token_hash);
    bind_text(b, invitation->principal);
    bind_number(b, invitation->roles);
    bind_text(b, invitation->unit);
    bind_number(b, invitation->created);
    bind_number(b, invitation->expires);
    bind_number(b, invitation->used);
}

static const struct {
    enum mst_sql sql;
    void (*bind)(struct binder *b, const struct mst_put *put);
} put_rows[MST_TABLE_COUNT] = {
    [MST_TABLE_ROW] = {MST_SQL_PUT_ROW, bind_row},
    [MST_TABLE_HEAD] = {MST_SQL_PUT_HEAD, bind_head},
    [MST_TABLE_RUN] = {MST_SQL_PUT_RUN, bind_run},
    [MST_TABLE_OUTBOX] = {MST_SQL_PUT_OUTBOX, bind_outbox},
    [MST_TABLE_REFUSAL] = {MST_SQL_PUT_REFUSAL, bind_refusal},
    [MST_TABLE_OBLIGATION] = {MST_SQL_PUT_OBLIGATION, bind_named},
    [MST_TABLE_ITEM] = {MST_SQL_PUT_ITEM, bind_item},
    [MST_TABLE_ALERT] = {MST_SQL_PUT_ALERT, bind_alert},
    [MST_TABLE_CURSOR] = {MST_SQL_PUT_CURSOR, bind_cursor},
    [MST_TABLE_KEY] = {MST_SQL_PUT_KEY, bind_key},
    [MST_TABLE_INVITATION] = {MST_SQL_PUT_INVITATION, bind_invitation},
    [MST_TABLE_META] = {MST_SQL_PUT_META, bind_named},
};

/* Step a bound statement to its end and give it back. The first column of its row goes to
 * *ret_number, if there is one. */
static int finish(struct sqlite_store *s, enum mst_sql which, struct binder *b,
                  uint64_t *ret_number, struct mst_err *err)
{
    int rc = b->rc ? b->rc : sqlite3_step(b->statement);
    if (rc == SQLITE_ROW) {
        *ret_number = (uint64_t)sqlite3_column_int64(b->statement, 0);
        rc = sqlite3_step(b->statement);
    }
    int code = rc == SQLITE_DONE ? 0 : mst_sqlite_fail(s->conn.db, rc, err);
    mst_sqlite_give(&s->conn, which, b->statement);
    return code;
}

static int drop_head(struct sqlite_store *s, const struct mst_put *put, struct mst_err *err)
{
    struct binder b = {0};
    uint64_t unused;
    int code = mst_sqlite_take(&s->conn, MST_SQL_DROP_HEAD, &b.statement, err);
    if (code)
        return code;
    bind_number(&b, mst_sqlite_id(put->p, put->u.head.replaces));
    return finish(s, MST_SQL_DROP_HEAD, &b, &unused, err);
}

/* The run's reports to where they belong, and what is said of the run with that place. */
static int pack_segment(struct sqlite_store *s, const struct mst_put *put, struct mst_err *err)
{
    struct mst_buf *b = &s->segment;
    struct mst_bulk_place place = {0};
    mst_buf_clear(b);
    mst_segment_pack_reports(put->u.run.reports, b);
    s->segment_bytes = b->len;
    if (b->failed)
        return mst_fail_on(err, MST_E_NOMEM, "store");
    s->batch_bytes += (int64_t)b->len;
    if (s->bulk_bytes > 0 && s->batch_bytes >= s->bulk_bytes && b->len > 0) {
        int code = mst_bulk_append(&s->bulk, (struct mst_slice){b->data, b->len}, &place, err);
        if (code)
            return code;
        mst_buf_clear(b);
        s->segment_bytes = 0;
    }
    mst_segment_pack_run(put->u.run.run, &place, b);
    return b->failed ? mst_fail_on(err, MST_E_NOMEM, "store") : 0;
}

/* The run's row in the ledger; what finds it by outbox and number is put before. */
static int put_segment(struct sqlite_store *s, const struct mst_put *put, struct mst_err *err)
{
    const struct mst_run *run = put->u.run.run;
    struct binder b = {0};
    uint64_t unused;
    int code = pack_segment(s, put, err);
    if (!code)
        code = mst_sqlite_take(&s->conn, MST_SQL_PUT_SEGMENT, &b.statement, err);
    if (code)
        return code;
    bind_number(&b, mst_sqlite_id(put->p, run->row_first));
    bind_number(&b, run->at);
    bind_number(&b, MST_ROW_REPORT);
    bind_bytes(&b, s->segment.data + s->segment_bytes, s->segment.len - s->segment_bytes);
    bind_bytes(&b, s->segment.data, s->segment_bytes);
    return finish(s, MST_SQL_PUT_SEGMENT, &b, &unused, err);
}

static int sqlite_put(struct mst_store *base, const struct mst_put *put, struct mst_err *err)
{
    struct sqlite_store *s = of(base);
    struct binder b = {0};
    uint64_t number = 0;
    int code = 0;
    if (put->table == MST_TABLE_HEAD && put->u.head.replaces)
        code = drop_head(s, put, err);
    if (!code)
        code = mst_sqlite_take(&s->conn, put_rows[put->table].sql, &b.statement, err);
    if (code)
        return code;
    put_rows[put->table].bind(&b, put);
    code = finish(s, put_rows[put->table].sql, &b, &number, err);
    if (!code && put->table == MST_TABLE_OUTBOX)
        put->u.outbox->number = number;
    if (!code && put->table == MST_TABLE_RUN)
        code = put_segment(s, put, err);
    return code;
}

static int sqlite_programme(struct mst_store *base, const char *id, mst_pid next, mst_pid *ret_pid,
                            struct mst_err *err)
{
    struct sqlite_store *s = of(base);
    struct binder find = {0}, add = {0};
    uint64_t pid = 0, unused;
    int code = mst_sqlite_take(&s->conn, MST_SQL_FIND_PROGRAMME, &find.statement, err);
    if (code)
        return code;
    bind_text(&find, id);
    code = finish(s, MST_SQL_FIND_PROGRAMME, &find, &pid, err);
    if (!code && pid == 0) {
        code = mst_sqlite_take(&s->conn, MST_SQL_PUT_PROGRAMME, &add.statement, err);
        if (code)
            return code;
        bind_number(&add, next);
        bind_text(&add, id);
        code = finish(s, MST_SQL_PUT_PROGRAMME, &add, &unused, err);
        pid = next;
    }
    if (!code)
        *ret_pid = (mst_pid)pid;
    return code;
}

static int sqlite_begin(struct mst_store *base, struct mst_err *err)
{
    of(base)->batch_bytes = 0;
    return mst_sqlite_run(&of(base)->conn, MST_SQL_BEGIN, err);
}

static int sqlite_rollback(struct mst_store *base, struct mst_err *err)
{
    struct sqlite_store *s = of(base);
    mst_bulk_forget(&s->bulk);
    /* A full disk or no memory may have ended the transaction already. */
    return sqlite3_get_autocommit(s->conn.db) ? 0 : mst_sqlite_run(&s->conn, MST_SQL_ROLLBACK, err);
}

/* How far the file of reports goes with this batch. On disk before anything names it. */
static int commit_bulk(struct sqlite_store *s, struct mst_err *err)
{
    struct binder b = {0};
    uint64_t unused;
    int code = mst_bulk_sync(&s->bulk, err);
    if (!code)
        code = mst_sqlite_take(&s->conn, MST_SQL_PUT_BULK, &b.statement, err);
    if (code)
        return code;
    bind_number(&b, (int64_t)s->bulk.number);
    bind_number(&b, s->bulk.end);
    return finish(s, MST_SQL_PUT_BULK, &b, &unused, err);
}

static void carry_out_commit(void *context)
{
    struct sqlite_store *s = context;
    s->commit_code = mst_bulk_has(&s->bulk) ? commit_bulk(s, &s->commit_err) : 0;
    if (!s->commit_code)
        s->commit_code = mst_sqlite_run(&s->conn, MST_SQL_COMMIT, &s->commit_err);
    if (!s->commit_code)
        mst_bulk_keep(&s->bulk);
    if (s->commit_code) {
        /* Whatever it was, a full disk too: the log may hold the batch, whole or not. */
        s->commit_err.code = MST_E_IO;
        s->commit_code = MST_E_IO;
        (void)sqlite_rollback(&s->base, NULL);
    }
}

static void tell_commit(struct sqlite_store *s)
{
    mst_store_committed(&s->base, s->commit_code, s->commit_code ? &s->commit_err : NULL);
    if (!s->commit_code)
        bound_log(s);
}

static void sqlite_commit(struct mst_store *base)
{
    struct sqlite_store *s = of(base);
    if (s->behind.started && s->batch_bytes >= s->behind_bytes) {
        mst_behind_begin(&s->behind);
        return;
    }
    carry_out_commit(s);
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
    mst_behind_stop(&s->behind);
    mst_bulk_handle_done(&s->bulk.handle);
    /* After a failure nothing more is written: the next start recovers from what is there. */
    if (s->base.state == MST_STORE_DEAD && s->conn.db)
        sqlite3_db_config(s->conn.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    mst_sqlite_done(&s->conn);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    mst_store_stop(base);
    mst_buf_done(&s->segment);
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

static const struct mst_store_ops sqlite_ops = {
    .close = sqlite_close,
    .begin = sqlite_begin,
    .programme = sqlite_programme,
    .put = sqlite_put,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .fd = sqlite_fd,
    .complete = sqlite_complete,
    .maintain = sqlite_maintain,
    .reader_open = sqlite_reader_open,
    .reader_close = sqlite_reader_close,
    .walk = mst_sqlite_walk,
    .last = mst_sqlite_last,
    .meta = mst_sqlite_meta,
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
    char sql[128];
    int64_t full = 0;
#ifdef MUSTER_TESTING
    const char *sync = options->unsafe_sync ? "NORMAL" : "FULL";
#else
    const char *sync = "FULL";
#endif
    snprintf(sql, sizeof sql, "PRAGMA synchronous = %s; PRAGMA journal_size_limit = %lld", sync,
             (long long)options->wal_bytes_max);
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

/* Every file of reports that the database names is there, and nothing that it does not name. */
static int open_bulk(struct sqlite_store *s, const struct mst_store_options *options,
                     struct mst_err *err)
{
    sqlite3_stmt *files = NULL;
    mst_bulk_handle_init(&s->bulk.handle, s->conn.bulk.vfs, s->conn.bulk.dir);
    s->bulk.file_bytes_max = options->bulk_file_bytes_max;
    s->bulk.unsafe_sync = options->unsafe_bulk_sync;
    s->bulk_bytes = options->bulk_bytes;
    int code = mst_sqlite_take(&s->conn, MST_SQL_BULK_FILES, &files, err);
    if (code)
        return code;
    int rc = sqlite3_step(files);
    for (; !code && rc == SQLITE_ROW; rc = sqlite3_step(files))
        code = mst_bulk_found(&s->bulk, (uint64_t)sqlite3_column_int64(files, 0),
                              sqlite3_column_int64(files, 1), err);
    if (!code && rc != SQLITE_DONE)
        code = mst_sqlite_fail(s->conn.db, rc, err);
    mst_sqlite_give(&s->conn, MST_SQL_BULK_FILES, files);
    return code ? code : mst_bulk_cut(&s->bulk, err);
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
    s->lock_fd = -1;
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
        code = mst_behind_start(&s->behind, carry_out_commit, s, err);
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
