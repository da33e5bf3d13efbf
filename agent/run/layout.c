/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the outbox file, and how a file of the first layout becomes one of today's. In the
 * first, each report's own row bore its state and receipt, so that a receipt rewrote every row of
 * its run. Reports are moved in slices, a transaction each: it needs no second copy of the file's
 * size, and a start that was cut off goes on where it was. A newer layout is refused, never guessed
 * at.
 */
#include "agent/run/box.h"

#include <inttypes.h>
#include <stdio.h>

#include "config/load/testing.h"

enum { LAYOUT_FIRST = 0, LAYOUT_MOVING = 1, LAYOUT = 2 };

/* A receipt covers the entries `first` to `number`, of which `first` has the receipt number `row`.
 * `frame` is the receipt as the broker signed it, NULL when only a part of what it covers holds. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;"
    "CREATE TABLE entries(number INTEGER PRIMARY KEY, queued_at INTEGER NOT NULL,"
    " act TEXT NOT NULL, duty TEXT, period TEXT, obligation TEXT, size INTEGER NOT NULL,"
    " hash BLOB NOT NULL, bytes BLOB) STRICT;"
    "CREATE TABLE receipts(number INTEGER PRIMARY KEY, first INTEGER NOT NULL,"
    " row INTEGER NOT NULL, base INTEGER NOT NULL, frame BLOB) STRICT;"
    "CREATE TABLE refusals(number INTEGER PRIMARY KEY, code TEXT, subject TEXT) STRICT;"
    "CREATE TABLE IF NOT EXISTS inbox(n INTEGER PRIMARY KEY, number INTEGER NOT NULL,"
    " id BLOB NOT NULL, fired INTEGER NOT NULL, read INTEGER NOT NULL DEFAULT 0,"
    " hooked INTEGER NOT NULL DEFAULT 0, bytes BLOB NOT NULL, UNIQUE(number, id)) STRICT;"
    "CREATE INDEX IF NOT EXISTS inbox_unhooked ON inbox(n) WHERE hooked = 0;"
    "CREATE INDEX IF NOT EXISTS inbox_unread ON inbox(n) WHERE read = 0;"
    "CREATE TABLE IF NOT EXISTS brief(n INTEGER PRIMARY KEY, row BLOB NOT NULL) STRICT;";

static int set_layout(struct mst_outbox *box, int layout, struct mst_err *err)
{
    char sql[40];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", layout);
    return mst_box_exec(box, sql, err);
}

static int make_tables(struct mst_outbox *box, struct mst_err *err)
{
    int code = mst_box_begin(box, err);
    if (!code)
        code = mst_box_exec(box, schema, err);
    if (!code)
        code = set_layout(box, LAYOUT, err);
    return code ? code : mst_box_end(box, err);
}

/* ---- from the first layout ---- */

/* Entries whose receipt numbers follow one another, under one kept receipt at most. */
struct span {
    int64_t first, last, row;
};

static int put_span(struct mst_outbox *box, struct span *span, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    if (span->last == 0)
        return 0;
    int code =
        mst_box_prepare(box,
                        "INSERT INTO receipts(number, first, row, base, frame) VALUES(?1, ?2, ?3,"
                        " ifnull((SELECT base FROM receipts_1 WHERE number = ?1), 0),"
                        " (SELECT frame FROM receipts_1 WHERE number = ?1))",
                        &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, span->last);
    sqlite3_bind_int64(stmt, 2, span->first);
    sqlite3_bind_int64(stmt, 3, span->row);
    *span = (struct span){0};
    return mst_box_run(box, stmt, err);
}

static int take_entry(struct mst_outbox *box, struct span *span, int64_t number, int64_t receipt,
                      bool ends, struct mst_err *err)
{
    int code = 0;
    if (number != span->last + 1 || receipt - span->row != number - span->first)
        code = put_span(box, span, err);
    if (span->last == 0)
        *span = (struct span){.first = number, .row = receipt};
    span->last = number;
    return code || !ends ? code : put_span(box, span, err);
}

static int gather_receipts(struct mst_outbox *box, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    struct span span = {0};
    int rc = SQLITE_DONE;
    int code = mst_box_prepare(box,
                               "SELECT e.number, e.receipt, r.number IS NOT NULL FROM entries_1 e"
                               " LEFT JOIN receipts_1 r ON r.number = e.number"
                               " WHERE e.state <> 0 ORDER BY e.number",
                               &stmt, err);
    if (code)
        return code;
    while (!code && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        code = take_entry(box, &span, sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                          sqlite3_column_int(stmt, 2) != 0, err);
    if (!code && rc != SQLITE_DONE)
        code = mst_box_fail(box, rc, err);
    sqlite3_reset(stmt);
    return code ? code : put_span(box, &span, err);
}

static int begin_move(struct mst_outbox *box, struct mst_err *err)
{
    int code = mst_box_begin(box, err);
    if (!code)
        code = mst_box_exec(box,
                            "CREATE TABLE IF NOT EXISTS receipts(number INTEGER PRIMARY KEY,"
                            " base INTEGER NOT NULL, frame BLOB NOT NULL) STRICT;"
                            "ALTER TABLE entries RENAME TO entries_1;"
                            "ALTER TABLE receipts RENAME TO receipts_1;",
                            err);
    if (!code)
        code = mst_box_exec(box, schema, err);
    if (!code)
        code = mst_box_exec(
            box, "INSERT INTO refusals SELECT number, code, subject FROM entries_1 WHERE state = 2",
            err);
    if (!code)
        code = gather_receipts(box, err);
    if (!code)
        code = set_layout(box, LAYOUT_MOVING, err);
    return code ? code : mst_box_end(box, err);
}

static int move_slice(struct mst_outbox *box, uint64_t first, struct mst_err *err)
{
    char sql[320];
    uint64_t last = first + BOX_SLICE - 1;
    snprintf(sql, sizeof sql,
             "INSERT INTO entries SELECT number, queued_at, act, duty, period, obligation, size,"
             " hash, bytes FROM entries_1 WHERE number <= %" PRIu64 " ORDER BY number;"
             "DELETE FROM entries_1 WHERE number <= %" PRIu64,
             last, last);
    int code = mst_box_begin(box, err);
    if (!code)
        code = mst_box_exec(box, sql, err);
    MST_FAILPOINT("agent.before-slice");
    return code ? code : mst_box_end(box, err);
}

static int end_move(struct mst_outbox *box, struct mst_err *err)
{
    uint64_t bytes = 0;
    int code = mst_box_read(box,
                            "SELECT ifnull((SELECT max(number) FROM entries WHERE bytes IS NULL),"
                            " (SELECT min(number) FROM entries) - 1)",
                            &box->released, err);
    if (!code)
        code = mst_box_read(box, "SELECT max(number) FROM entries", &box->last, err);
    if (!code)
        code = mst_box_read(box,
                            "SELECT sum(size) FROM entries WHERE number > ifnull((SELECT"
                            " max(number) FROM entries WHERE bytes IS NULL), 0)",
                            &bytes, err);
    box->bytes = (int64_t)bytes;
    if (!code)
        code = mst_box_begin(box, err);
    if (!code)
        code = mst_box_keep_sum(box, err);
    if (!code)
        code = mst_box_exec(box,
                            "DROP TABLE entries_1; DROP TABLE receipts_1;"
                            "DELETE FROM meta WHERE name = 'acked'",
                            err);
    if (!code)
        code = set_layout(box, LAYOUT, err);
    return code ? code : mst_box_end(box, err);
}

static int move(struct mst_outbox *box, bool begun, struct mst_err *err)
{
    uint64_t first = 0;
    int code = begun ? 0 : begin_move(box, err);
    while (!code) {
        code = mst_box_read(box, "SELECT ifnull(min(number), 0) FROM entries_1", &first, err);
        if (!code && first == 0)
            return end_move(box, err);
        if (!code)
            code = move_slice(box, first, err);
    }
    return code;
}

int mst_box_layout(struct mst_outbox *box, struct mst_err *err)
{
    uint64_t layout = 0, is_old = 0;
    int code = mst_box_read(box, "PRAGMA user_version", &layout, err);
    if (code || layout == LAYOUT)
        return code;
    if (layout > LAYOUT) {
        code = mst_fail(err, MST_E_VERSION, _("%s was made by a newer version"), box->path);
        mst_hint(err, "%s", _("install that version again; what is queued is kept"));
        return code;
    }
    code = mst_box_read(box, "SELECT count(*) FROM sqlite_schema WHERE name = 'entries'", &is_old,
                        err);
    if (code)
        return code;
    return is_old ? move(box, layout == LAYOUT_MOVING, err) : make_tables(box, err);
}
