/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbox file as such: opening, transactions, statements, named figures. It knows SQL and no
 * report. One connection in exclusive mode: the library's bug of a reset write-ahead log needs a
 * second one.
 */
#include "agent/run/box.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/load/system.h"
#include "config/load/testing.h"

int mst_box_damaged(const struct mst_outbox *box, const char *words, struct mst_err *err)
{
    if (words)
        mst_fail(err, MST_E_CORRUPT, "%s: %s", box->path, words);
    else
        mst_fail_on(err, MST_E_CORRUPT, box->path);
    mst_hint(err, "%s",
             _("move it and the files whose names begin like its own out of the home and start "
               "again: what the broker has a receipt for is safe there, and what was still queued "
               "has to be sent anew"));
    return MST_E_CORRUPT;
}

int mst_box_fail(struct mst_outbox *box, int rc, struct mst_err *err)
{
    const char *words = box->db ? sqlite3_errmsg(box->db) : sqlite3_errstr(rc);
    enum mst_code code = MST_E_IO;
    box->failed = true;
    int system = box->db && (rc & 0xFF) == SQLITE_IOERR ? sqlite3_system_errno(box->db) : 0;
    if (system)
        return mst_fail(err, MST_E_IO, "%s: %s: %s", box->path, words, strerror(system));
    switch (rc & 0xFF) {
    case SQLITE_FULL:
        code = MST_E_FULL;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = MST_E_BUSY;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        code = MST_E_CORRUPT;
        break;
    case SQLITE_NOMEM:
        code = MST_E_NOMEM;
        break;
    default:
        break;
    }
    if (code == MST_E_CORRUPT)
        mst_box_damaged(box, words, err);
    else
        mst_fail(err, code, "%s: %s", box->path, words);
    return code;
}

int mst_box_prepare(struct mst_outbox *box, const char *sql, sqlite3_stmt **ret,
                    struct mst_err *err)
{
    for (size_t i = 0; i < BOX_STATEMENTS_MAX; i++) {
        if (!box->cache[i].sql) {
            int rc = sqlite3_prepare_v2(box->db, sql, -1, &box->cache[i].stmt, NULL);
            if (rc != SQLITE_OK)
                return mst_box_fail(box, rc, err);
            box->cache[i].sql = sql;
        }
        if (box->cache[i].sql != sql)
            continue;
        sqlite3_reset(box->cache[i].stmt);
        sqlite3_clear_bindings(box->cache[i].stmt);
        *ret = box->cache[i].stmt;
        return 0;
    }
    return mst_fail_on(err, MST_E_INTERNAL, "statements");
}

int mst_box_run(struct mst_outbox *box, sqlite3_stmt *stmt, struct mst_err *err)
{
    int rc = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? 0 : mst_box_fail(box, rc, err);
}

int mst_box_exec(struct mst_outbox *box, const char *sql, struct mst_err *err)
{
    int rc = sqlite3_exec(box->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : mst_box_fail(box, rc, err);
}

int mst_box_begin(struct mst_outbox *box, struct mst_err *err)
{
    box->urgent = true;
    if (box->open)
        return 0;
    int code = mst_box_exec(box, "BEGIN IMMEDIATE", err);
    if (!code)
        box->open = true;
    return code;
}

int mst_box_end(struct mst_outbox *box, struct mst_err *err)
{
    int code = mst_box_exec(box, "COMMIT", err);
    if (!code)
        box->open = box->urgent = false;
    return code;
}

int mst_box_read(struct mst_outbox *box, const char *sql, uint64_t *ret, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = mst_box_prepare(box, sql, &stmt, err);
    if (code)
        return code;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *ret = (uint64_t)sqlite3_column_int64(stmt, 0);
    else
        code = mst_box_fail(box, rc, err);
    sqlite3_reset(stmt);
    return code;
}

/* ---- named values ---- */

static int get_meta(struct mst_outbox *box, const char *name, void *ret, size_t size,
                    bool *ret_found, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = mst_box_prepare(box, "SELECT value FROM meta WHERE name = ?", &stmt, err);
    if (code)
        return code;
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    int rc = sqlite3_step(stmt);
    *ret_found = rc == SQLITE_ROW;
    code = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : mst_box_fail(box, rc, err);
    if (*ret_found) {
        if ((size_t)sqlite3_column_bytes(stmt, 0) == size)
            memcpy(ret, sqlite3_column_blob(stmt, 0), size);
        else
            code = mst_box_damaged(box, name, err);
    }
    sqlite3_reset(stmt);
    return code;
}

static int set_meta(struct mst_outbox *box, const char *name, const void *data, size_t size,
                    struct mst_err *err)
{
    int code = mst_box_begin(box, err);
    if (code)
        return code;
    sqlite3_stmt *stmt = NULL;
    code = mst_box_prepare(box, "INSERT OR REPLACE INTO meta VALUES(?, ?)", &stmt, err);
    if (code)
        return code;
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 2, data, (int)size, SQLITE_STATIC);
    return mst_box_run(box, stmt, err);
}

uint64_t mst_outbox_figure(struct mst_outbox *box, const char *name, uint64_t fallback)
{
    uint64_t value = fallback;
    bool found = false;
    if (get_meta(box, name, &value, sizeof value, &found, NULL) != 0 || !found)
        return fallback;
    return value;
}

int mst_outbox_set_figure(struct mst_outbox *box, const char *name, uint64_t value,
                          struct mst_err *err)
{
    return set_meta(box, name, &value, sizeof value, err);
}

/* ---- life ---- */

int mst_box_new_id(struct mst_outbox *box, uint64_t base, struct mst_err *err)
{
    uint8_t id[MST_OUTBOX_BYTES];
    randombytes_buf(id, sizeof id);
    int code = set_meta(box, "outbox", id, sizeof id, err);
    if (!code)
        code = mst_outbox_set_figure(box, "base", base, err);
    if (code)
        return code;
    memcpy(box->id, id, sizeof id);
    memset(box->heads, 0, sizeof box->heads);
    box->base = base;
    box->acked = box->safe = 0;
    return 0;
}

/* The file belongs to one unit and one programme for ever. */
static int check_owner(struct mst_outbox *box, struct mst_err *err)
{
    uint8_t owner[MST_HASH_BYTES], stored[MST_HASH_BYTES];
    const struct mst_slice parts[] = {mst_bytes(box->programme, strlen(box->programme) + 1),
                                      mst_bytes(box->unit, strlen(box->unit) + 1)};
    bool found = false;
    mst_hash(parts, 2, owner);
    int code = get_meta(box, "owner", stored, sizeof stored, &found, err);
    if (code)
        return code;
    if (!found)
        return set_meta(box, "owner", owner, sizeof owner, err);
    if (memcmp(owner, stored, sizeof owner) == 0)
        return 0;
    code = mst_fail(err, MST_E_IDENTITY, _("%s belongs to another unit or programme"), box->path);
    mst_hint(err, "%s", _("a home serves one unit of one programme; join again in another home"));
    return code;
}

int mst_box_keep_sum(struct mst_outbox *box, struct mst_err *err)
{
    uint64_t newest = box->base + box->last;
    int code = mst_outbox_set_figure(box, "released", box->released, err);
    if (!code)
        code = mst_outbox_set_figure(box, "sum", (uint64_t)box->bytes, err);
    if (!code)
        code = mst_outbox_set_figure(box, "sum_to", newest, err);
    if (!code)
        box->sum_to = newest;
    return code;
}

/* The bytes kept: as far as they were summed up, and what was queued since. */
static int load_sum(struct mst_outbox *box, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    box->released = mst_outbox_figure(box, "released", 0);
    box->sum_to = mst_outbox_figure(box, "sum_to", 0);
    box->bytes = (int64_t)mst_outbox_figure(box, "sum", 0);
    int code = mst_box_prepare(box, "SELECT sum(size) FROM entries WHERE number > ?", &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)box->sum_to);
    int rc = sqlite3_step(stmt);
    box->bytes += sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW ? 0 : mst_box_fail(box, rc, err);
}

/* Nothing here may look at more of the file than a bounded part: the history grows for years. */
static int load_figures(struct mst_outbox *box, struct mst_err *err)
{
    bool found = false;
    int code = get_meta(box, "outbox", box->id, sizeof box->id, &found, err);
    if (!code && !found)
        code = mst_box_new_id(box, 0, err);
    if (!code)
        code = load_sum(box, err);
    if (code)
        return code;
    uint64_t newest = 0, acked = 0;
    code = mst_box_read(box, "SELECT max(number) FROM entries", &newest, err);
    if (!code)
        code = mst_box_read(box, "SELECT max(number) FROM receipts", &acked, err);
    if (code)
        return code;
    memset(box->heads, 0, sizeof box->heads);
    box->base = mst_outbox_figure(box, "base", 0);
    box->watermark = mst_outbox_figure(box, "watermark", 0);
    box->last = newest > box->base ? newest - box->base : 0;
    box->acked = acked > box->base ? acked - box->base : 0;
    if (box->acked > box->last)
        return mst_box_damaged(box, _("entries are missing"), err);
    return mst_outbox_hash(box, box->last, box->head, err);
}

/* What an agent that was killed had written but not synced is read like anything else, so it must
 * be on the disk before anybody hears of it. On a full disk the log is synced, and stays. */
static int settle_log(struct mst_outbox *box, struct mst_err *err)
{
    int rc = sqlite3_wal_checkpoint_v2(box->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return rc == SQLITE_OK || (rc & 0xFF) == SQLITE_FULL ? 0 : mst_box_fail(box, rc, err);
}

static int open_db(struct mst_outbox *box, struct mst_err *err)
{
    /* Made by us with the right mode; SQLite gives its side files the same one. */
    int fd = open(box->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return mst_fail_system(err, box->path, errno);
    close(fd);
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(box->path, &box->db, flags, NULL);
    if (rc != SQLITE_OK)
        return mst_box_fail(box, rc, err);
    int code =
        mst_box_exec(box,
                     "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
                     "PRAGMA synchronous=FULL; PRAGMA cache_size=-512; PRAGMA temp_store=MEMORY;"
                     "PRAGMA journal_size_limit=4194304; PRAGMA wal_autocheckpoint=512;",
                     err);
    if (!code)
        code = mst_box_layout(box, err);
    return code ? code : settle_log(box, err);
}

/* The names of the files must be as durable as their contents. */
static int sync_folder(const struct mst_outbox *box, struct mst_err *err)
{
    char folder[sizeof box->path];
    snprintf(folder, sizeof folder, "%s", box->path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder ? 1 : 0] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int saved = errno;
    if (fd >= 0)
        close(fd);
    return synced ? 0 : mst_fail_system(err, folder, saved);
}

int mst_outbox_open(const char *path, const char *programme, const char *unit,
                    const struct mst_outbox_limits *limits, struct mst_outbox **ret,
                    struct mst_err *err)
{
    struct mst_outbox *box = calloc(1, sizeof *box);
    if (!box)
        return mst_fail_on(err, MST_E_NOMEM, path);
    snprintf(box->path, sizeof box->path, "%s", path);
    snprintf(box->programme, sizeof box->programme, "%s", programme);
    snprintf(box->unit, sizeof box->unit, "%s", unit);
    box->limits = *limits;
    int code = open_db(box, err);
    if (code == MST_E_BUSY)
        code = mst_fail(err, MST_E_BUSY, _("another agent has %s"), path);
    if (!code)
        code = check_owner(box, err);
    if (!code)
        code = load_figures(box, err);
    if (!code)
        code = mst_outbox_commit(box, err);
    if (!code)
        code = sync_folder(box, err);
    if (code) {
        mst_outbox_close(box);
        return code;
    }
    *ret = box;
    return 0;
}

void mst_outbox_close(struct mst_outbox *box)
{
    if (!box)
        return;
    for (size_t i = 0; i < BOX_STATEMENTS_MAX; i++)
        sqlite3_finalize(box->cache[i].stmt);
    sqlite3_close(box->db);
    free(box);
}

int mst_outbox_commit(struct mst_outbox *box, struct mst_err *err)
{
    if (!box->open) {
        box->safe = box->last;
        return 0;
    }
    MST_FAILPOINT("agent.before-commit");
    int code = mst_box_end(box, err);
    if (code)
        return code;
    box->safe = box->last;
    if (box->appended)
        MST_FAILPOINT("agent.after-append");
    box->appended = false;
    return 0;
}

int mst_outbox_rollback(struct mst_outbox *box, struct mst_err *err)
{
    /* After a full disk SQLite may have rolled back by itself. */
    int code = sqlite3_get_autocommit(box->db) ? 0 : mst_box_exec(box, "ROLLBACK", err);
    box->open = box->appended = box->urgent = box->failed = false;
    if (!code)
        code = load_figures(box, err);
    if (!code)
        box->safe = box->last;
    return code;
}

bool mst_outbox_failed(const struct mst_outbox *box)
{
    return box->failed;
}

bool mst_outbox_dirty(const struct mst_outbox *box)
{
    return box->open;
}

bool mst_outbox_urgent(const struct mst_outbox *box)
{
    return box->open && box->urgent;
}
