/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the outbox may forget. Never an unacknowledged report; of acknowledged ones the bytes once a
 * backup of the broker holds them, and the rest after keep_days. When room is short before a backup
 * was made, the oldest acknowledged go all the same, and the caller says so.
 *
 * It always goes from the oldest upwards, and remembers how far it came, so that it looks at what
 * it lets go and at nothing else, however long the history.
 */
#include "agent/run/box.h"
#include "agent/run/outbox.h"

#define DAY_MS INT64_C(86400000)
/* Of one report, rounded up. */
#define REPORT_BYTES_MAX 65536

/* Prepare a statement over entries from one number to another. */
static int prepare_range(struct mst_outbox *box, const char *sql, uint64_t from, uint64_t to,
                         sqlite3_stmt **ret, struct mst_err *err)
{
    int code = mst_box_prepare(box, sql, ret, err);
    if (code)
        return code;
    sqlite3_bind_int64(*ret, 1, (int64_t)from);
    sqlite3_bind_int64(*ret, 2, (int64_t)to);
    return 0;
}

static int change_range(struct mst_outbox *box, const char *sql, uint64_t from, uint64_t to,
                        struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = prepare_range(box, sql, from, to, &stmt, err);
    return code ? code : mst_box_run(box, stmt, err);
}

/* Reports up to a number are no longer counted as kept. ret_count grows by how many those were. */
static int discount(struct mst_outbox *box, uint64_t number, uint64_t *ret_count,
                    struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = prepare_range(box,
                             "SELECT count(*), sum(size) FROM entries WHERE number BETWEEN ? AND ?"
                             " AND bytes IS NOT NULL",
                             box->released + 1, number, &stmt, err);
    if (code)
        return code;
    int rc = sqlite3_step(stmt);
    uint64_t count = (uint64_t)sqlite3_column_int64(stmt, 0);
    int64_t bytes = sqlite3_column_int64(stmt, 1);
    sqlite3_reset(stmt);
    if (rc != SQLITE_ROW)
        return mst_box_fail(box, rc, err);
    *ret_count += count;
    box->bytes -= bytes;
    box->released = number;
    return mst_box_keep_sum(box, err);
}

static int release(struct mst_outbox *box, uint64_t number, uint64_t *ret_count,
                   struct mst_err *err)
{
    if (number <= box->released)
        return 0;
    uint64_t from = box->released + 1;
    int code = discount(box, number, ret_count, err);
    return code ? code
                : change_range(box,
                               "UPDATE entries SET bytes = NULL WHERE number BETWEEN ? AND ?"
                               " AND bytes IS NOT NULL",
                               from, number, err);
}

/* How far the receipts' numbers lie within what a backup holds, for one slice's worth. */
static int find_backed(struct mst_outbox *box, uint64_t *ret_number, bool *ret_more,
                       struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = mst_box_prepare(box,
                               "SELECT number, first, row FROM receipts WHERE number > ?"
                               " ORDER BY number",
                               &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)box->released);
    int rc;
    bool whole = true;
    while (whole && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        uint64_t number = (uint64_t)sqlite3_column_int64(stmt, 0);
        uint64_t first = (uint64_t)sqlite3_column_int64(stmt, 1);
        uint64_t row = (uint64_t)sqlite3_column_int64(stmt, 2);
        if (row == 0 || row > box->watermark)
            break;
        whole = number - first <= box->watermark - row;
        *ret_number = whole ? number : first + (box->watermark - row);
        /* Age and want of room may have let go of more of this run than the backup holds. */
        if (*ret_number > box->released + BOX_SLICE) {
            *ret_number = box->released + BOX_SLICE;
            *ret_more = true;
            break;
        }
    }
    code = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : mst_box_fail(box, rc, err);
    sqlite3_reset(stmt);
    return code;
}

/*
 * The newest entry of those that are too old, or were queued by a clock that ran ahead, from the
 * oldest on. The newest acknowledged one stays: its hash is where the next run begins.
 */
static int find_old(struct mst_outbox *box, mst_time now, uint64_t *ret_number, bool *ret_more,
                    struct mst_err *err)
{
    sqlite3_stmt *stmt;
    size_t old = 0;
    mst_time limit = now - box->limits.keep_days * DAY_MS;
    if (limit < 0) /* it is not known what time it is */
        return 0;
    int code = mst_box_prepare(
        box, "SELECT number, queued_at FROM entries WHERE number < ? ORDER BY number", &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)(box->base + box->acked));
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        mst_time queued_at = sqlite3_column_int64(stmt, 1);
        if (queued_at < limit && ++old > BOX_SLICE) {
            *ret_more = true;
            break;
        }
        if (queued_at < limit)
            *ret_number = (uint64_t)sqlite3_column_int64(stmt, 0);
        else if (queued_at <= now)
            break;
    }
    code = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : mst_box_fail(box, rc, err);
    sqlite3_reset(stmt);
    return code;
}

static int forget_old(struct mst_outbox *box, mst_time now, struct mst_pruned *pruned,
                      struct mst_err *err)
{
    uint64_t number = 0;
    int code = find_old(box, now, &number, &pruned->more, err);
    if (!code && number > box->released)
        code = discount(box, number, &pruned->lost, err);
    if (!code && number) {
        code =
            change_range(box, "DELETE FROM entries WHERE number BETWEEN ? AND ?", 0, number, err);
        if (!code)
            code = change_range(box, "DELETE FROM refusals WHERE number BETWEEN ? AND ?", 0, number,
                                err);
        if (!code)
            code = change_range(box, "DELETE FROM receipts WHERE number BETWEEN ? AND ?", 0, number,
                                err);
    }
    if (code)
        return code;
    sqlite3_stmt *stmt;
    /* The newest stays, since its place would be given to the next one: whoever follows the inbox
     * asks for what comes behind it. */
    code = mst_box_prepare(box,
                           "DELETE FROM inbox WHERE read = 1 AND hooked = 1 AND fired < ?"
                           " AND n < (SELECT max(n) FROM inbox)",
                           &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, now - box->limits.keep_days * DAY_MS);
    return mst_box_run(box, stmt, err);
}

/* Four fifths of the limit leaves room for a while, instead of one report's worth. */
static int make_room(struct mst_outbox *box, struct mst_pruned *pruned, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int64_t over = box->bytes - box->limits.bytes_max / 5 * 4;
    uint64_t number = 0;
    int code = prepare_range(box,
                             "SELECT number, size FROM entries WHERE number BETWEEN ? AND ?"
                             " ORDER BY number",
                             box->released + 1, box->base + box->acked, &stmt, err);
    if (code)
        return code;
    int rc = SQLITE_DONE;
    while (over > 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        number = (uint64_t)sqlite3_column_int64(stmt, 0);
        over -= sqlite3_column_int64(stmt, 1);
    }
    sqlite3_reset(stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return mst_box_fail(box, rc, err);
    return release(box, number, &pruned->lost, err);
}

/* Is there less room than a twentieth of the limit, or than the next report may want? */
static bool is_short_of_room(const struct mst_outbox *box)
{
    int64_t wanted = box->limits.bytes_max / 20;
    if (wanted < REPORT_BYTES_MAX)
        wanted = REPORT_BYTES_MAX;
    return box->bytes > box->limits.bytes_max - wanted;
}

int mst_outbox_prune(struct mst_outbox *box, mst_time now, struct mst_pruned *ret,
                     struct mst_err *err)
{
    struct mst_pruned pruned = {0};
    uint64_t backed = 0;
    int code = mst_box_begin(box, err);
    if (!code)
        code = find_backed(box, &backed, &pruned.more, err);
    if (!code)
        code = release(box, backed, &pruned.released, err);
    if (!code)
        code = forget_old(box, now, &pruned, err);
    if (!code && is_short_of_room(box))
        code = make_room(box, &pruned, err);
    if (!code)
        *ret = pruned;
    return code;
}
