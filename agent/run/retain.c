/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the outbox may forget. Never an unacknowledged report; of acknowledged ones the bytes once a
 * backup of the broker holds them, and the rest after keep_days. When room is short before a backup
 * was made, the oldest acknowledged go all the same, and the caller says so.
 */
#include "agent/run/box.h"
#include "agent/run/outbox.h"

#define DAY_MS INT64_C(86400000)

static int change_until(struct mst_outbox *box, const char *sql, int64_t first, int64_t second,
                        uint64_t *ret_count, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = mst_box_prepare(box, sql, &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, first);
    sqlite3_bind_int64(stmt, 2, second);
    code = mst_box_run(box, stmt, err);
    if (!code)
        *ret_count += (uint64_t)sqlite3_changes(box->db);
    return code;
}

static int release_backed(struct mst_outbox *box, struct mst_pruned *pruned, struct mst_err *err)
{
    return change_until(box,
                        "UPDATE entries SET bytes = NULL WHERE bytes IS NOT NULL AND number <= ?1"
                        " AND receipt BETWEEN 1 AND ?2 AND state <> 0",
                        (int64_t)(box->base + box->acked),
                        (int64_t)mst_outbox_figure(box, "watermark", 0), &pruned->released, err);
}

/* The newest acknowledged entry stays: its hash is where the next run begins. */
static int forget_old(struct mst_outbox *box, mst_time now, struct mst_pruned *pruned,
                      struct mst_err *err)
{
    mst_time limit = now - box->limits.keep_days * DAY_MS;
    uint64_t forgotten = 0, alerts = 0;
    int code = change_until(box,
                            "UPDATE entries SET bytes = NULL WHERE bytes IS NOT NULL AND"
                            " number < ?1 AND queued_at < ?2 AND state <> 0",
                            (int64_t)(box->base + box->acked), limit, &pruned->lost, err);
    if (!code)
        code = change_until(
            box, "DELETE FROM entries WHERE number < ?1 AND queued_at < ?2 AND state <> 0",
            (int64_t)(box->base + box->acked), limit, &forgotten, err);
    if (!code)
        code =
            change_until(box, "DELETE FROM inbox WHERE read = 1 AND hooked = 1 AND fired < ?1 + ?2",
                         limit, 0, &alerts, err);
    return code;
}

/* Four fifths of the limit leaves room for a while, instead of one report's worth. */
static int make_room(struct mst_outbox *box, struct mst_pruned *pruned, struct mst_err *err)
{
    int64_t over = box->bytes - box->limits.bytes_max / 5 * 4;
    return change_until(
        box,
        "UPDATE entries SET bytes = NULL WHERE number IN (SELECT number FROM (SELECT number,"
        " sum(length(bytes)) OVER (ORDER BY number) - length(bytes) AS before FROM entries"
        " WHERE bytes IS NOT NULL AND number <= ?1 AND state <> 0) WHERE before < ?2)",
        (int64_t)(box->base + box->acked), over, &pruned->lost, err);
}

int mst_outbox_prune(struct mst_outbox *box, mst_time now, struct mst_pruned *ret,
                     struct mst_err *err)
{
    struct mst_pruned pruned = {0};
    int code = mst_box_begin(box, err);
    if (!code)
        code = release_backed(box, &pruned, err);
    if (!code)
        code = forget_old(box, now, &pruned, err);
    if (!code)
        box->bytes = mst_box_integer(
            box, "SELECT sum(length(bytes)) FROM entries WHERE bytes IS NOT NULL", 0);
    if (!code && box->bytes > box->limits.bytes_max / 20 * 19)
        code = make_room(box, &pruned, err);
    if (!code)
        box->bytes = mst_box_integer(
            box, "SELECT sum(length(bytes)) FROM entries WHERE bytes IS NOT NULL", 0);
    if (!code)
        *ret = pruned;
    return code;
}
