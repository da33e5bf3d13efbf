/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inbox: alerts in the order of their arrival, each once, and the cached brief. An alert is
 * known by its number and its id together, since a broker that was restored from a backup gives the
 * numbers after it a second time; and by the words of whoever gave any, since those are not in the
 * id, and the same event may have been asked for in others since.
 */
#include <string.h>

#include "agent/run/box.h"
#include "agent/run/outbox.h"

#include "proto/pack.h"

/* One under the same number and id that said something else gives them up. */
static int make_way(struct mst_outbox *box, const struct mst_msg_alert *alert, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code =
        mst_box_prepare(box, "SELECT n, bytes FROM inbox WHERE number = ? AND id = ?", &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)alert->number);
    sqlite3_bind_blob(stmt, 2, alert->id.data, (int)alert->id.len, SQLITE_STATIC);
    int64_t n = 0;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        struct mst_slice before = mst_unpack_text(
            mst_bytes(sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1)),
            "reason");
        if (before.len != alert->reason.len ||
            (before.len > 0 && memcmp(before.data, alert->reason.data, before.len) != 0))
            n = sqlite3_column_int64(stmt, 0);
    }
    code = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : mst_box_fail(box, rc, err);
    sqlite3_reset(stmt);
    if (code || n == 0)
        return code;
    code = mst_box_prepare(box, "UPDATE inbox SET number = -n WHERE n = ?", &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, n);
    return mst_box_run(box, stmt, err);
}

int mst_inbox_put(struct mst_outbox *box, const struct mst_msg_alert *alert, bool to_hook,
                  bool *ret_new, struct mst_err *err)
{
    struct mst_msg msg = {.type = MST_MSG_alert};
    struct mst_buf buf = {0};
    sqlite3_stmt *stmt;
    msg.u.alert = *alert;
    int code = mst_msg_encode(&msg, &buf, err);
    if (!code)
        code = mst_box_begin(box, err);
    if (!code)
        code = make_way(box, alert, err);
    if (!code)
        code = mst_box_prepare(
            box, "INSERT OR IGNORE INTO inbox(number, id, fired, bytes, hooked) VALUES(?,?,?,?,?)",
            &stmt, err);
    if (!code) {
        sqlite3_bind_int64(stmt, 1, (int64_t)alert->number);
        sqlite3_bind_blob(stmt, 2, alert->id.data, (int)alert->id.len, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 3, (int64_t)alert->fired);
        sqlite3_bind_blob(stmt, 4, buf.data, (int)buf.len, SQLITE_STATIC);
        sqlite3_bind_int(stmt, 5, !to_hook);
        code = mst_box_run(box, stmt, err);
    }
    mst_buf_done(&buf);
    if (code)
        return code;
    bool is_new = sqlite3_changes(box->db) > 0;
    code = mst_outbox_set_figure(box, "cursor", alert->number, err);
    if (!code)
        *ret_new = is_new;
    return code;
}

bool mst_inbox_head(struct mst_outbox *box, uint64_t number, uint8_t ret_head[MST_HASH_BYTES])
{
    sqlite3_stmt *stmt;
    if (mst_box_prepare(box, "SELECT bytes FROM inbox WHERE number = ? ORDER BY n DESC LIMIT 1",
                        &stmt, NULL))
        return false;
    sqlite3_bind_int64(stmt, 1, (int64_t)number);
    struct mst_slice head = {NULL, 0};
    if (sqlite3_step(stmt) == SQLITE_ROW)
        head = mst_unpack_bin(
            mst_bytes(sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0)),
            "ledger_head");
    bool found = head.len == MST_HASH_BYTES;
    if (found)
        memcpy(ret_head, head.data, MST_HASH_BYTES);
    sqlite3_reset(stmt);
    return found;
}

int mst_inbox_list(struct mst_outbox *box, uint64_t after, bool unread_only, size_t limit,
                   mst_inbox_fn fn, void *context, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = unread_only
                   ? mst_box_prepare(box,
                                     "SELECT n, read, bytes FROM inbox WHERE read = 0 AND n > ?"
                                     " ORDER BY n LIMIT ?",
                                     &stmt, err)
                   : mst_box_prepare(
                         box, "SELECT n, read, bytes FROM inbox WHERE n > ? ORDER BY n LIMIT ?",
                         &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)after);
    sqlite3_bind_int64(stmt, 2, (int64_t)limit);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct mst_slice bytes =
            mst_bytes(sqlite3_column_blob(stmt, 2), (size_t)sqlite3_column_bytes(stmt, 2));
        if (fn(context, (uint64_t)sqlite3_column_int64(stmt, 0), sqlite3_column_int(stmt, 1) != 0,
               bytes))
            break;
    }
    code = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : mst_box_fail(box, rc, err);
    sqlite3_reset(stmt);
    return code;
}

static int set_flag(struct mst_outbox *box, const char *sql, uint64_t n, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = mst_box_begin(box, err);
    if (!code)
        code = mst_box_prepare(box, sql, &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)n);
    return mst_box_run(box, stmt, err);
}

int mst_inbox_mark_read(struct mst_outbox *box, uint64_t up_to, struct mst_err *err)
{
    return set_flag(box, "UPDATE inbox SET read = 1 WHERE read = 0 AND n <= ?", up_to, err);
}

int mst_inbox_hooked(struct mst_outbox *box, uint64_t n, struct mst_err *err)
{
    return set_flag(box, "UPDATE inbox SET hooked = 1 WHERE n = ?", n, err);
}

uint64_t mst_inbox_last(struct mst_outbox *box)
{
    uint64_t n = 0;
    return mst_box_read(box, "SELECT max(n) FROM inbox", &n, NULL) ? 0 : n;
}

uint64_t mst_inbox_unread(struct mst_outbox *box)
{
    uint64_t count = 0;
    return mst_box_read(box, "SELECT count(*) FROM inbox WHERE read = 0", &count, NULL) ? 0 : count;
}

int mst_inbox_unhooked(struct mst_outbox *box, uint64_t *ret_n, struct mst_buf *out,
                       struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = mst_box_prepare(
        box, "SELECT n, bytes FROM inbox WHERE hooked = 0 ORDER BY n LIMIT 1", &stmt, err);
    if (code)
        return code;
    int rc = sqlite3_step(stmt);
    uint64_t n = 0;
    if (rc == SQLITE_ROW) {
        n = (uint64_t)sqlite3_column_int64(stmt, 0);
        mst_buf_put(out, sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1));
    }
    code = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : mst_box_fail(box, rc, err);
    sqlite3_reset(stmt);
    if (!code)
        *ret_n = n;
    return code;
}

/* ---- the brief ---- */

int mst_brief_replace(struct mst_outbox *box, struct mst_slice rows, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    struct mst_unpack u;
    struct mst_slice row;
    int code = mst_box_begin(box, err);
    if (!code)
        code = mst_box_prepare(box, "DELETE FROM brief", &stmt, err);
    if (!code)
        code = mst_box_run(box, stmt, err);
    mst_unpack_init(&u, rows.data, rows.len);
    while (!code && mst_unpack_skip(&u, &row)) {
        code = mst_box_prepare(box, "INSERT INTO brief(row) VALUES(?)", &stmt, err);
        if (code)
            break;
        sqlite3_bind_blob(stmt, 1, row.data, (int)row.len, SQLITE_STATIC);
        code = mst_box_run(box, stmt, err);
    }
    return code;
}

int mst_brief_rows(struct mst_outbox *box, struct mst_buf *out, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = mst_box_prepare(box, "SELECT row FROM brief ORDER BY n", &stmt, err);
    if (code)
        return code;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        mst_buf_put(out, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0));
    code = rc == SQLITE_DONE ? 0 : mst_box_fail(box, rc, err);
    sqlite3_reset(stmt);
    return code;
}
