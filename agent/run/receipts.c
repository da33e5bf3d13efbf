/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of reports: one narrow row a receipt, which covers a run of entries, and one a
 * refusal. The entries' own rows are written once and never again for it. The newest row says how
 * far the broker has acknowledged.
 */
#include <stdio.h>
#include <string.h>

#include "agent/run/box.h"
#include "proto/pack.h"

static void bind_word(sqlite3_stmt *stmt, int column, struct mst_slice map, const char *key)
{
    struct mst_slice text = mst_unpack_text(map, key);
    if (text.data)
        sqlite3_bind_text(stmt, column, (const char *)text.data, (int)text.len, SQLITE_STATIC);
}

static int keep_refusal(struct mst_outbox *box, uint64_t seq, struct mst_slice refusal,
                        struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = mst_box_prepare(
        box, "INSERT OR REPLACE INTO refusals(number, code, subject) VALUES(?,?,?)", &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)(box->base + seq));
    bind_word(stmt, 2, refusal, "code");
    bind_word(stmt, 3, refusal, "subject");
    return mst_box_run(box, stmt, err);
}

/* A receipt may number more reports than were asked about. */
static int keep_refusals(struct mst_outbox *box, const struct mst_msg_receipt *receipt,
                         struct mst_err *err)
{
    int code = 0;
    for (size_t i = 0; !code && i < receipt->refused.count; i++) {
        int64_t seq = mst_unpack_int(receipt->refused.items[i], "seq", 0);
        if (seq > 0 && (uint64_t)seq > box->acked && (uint64_t)seq <= receipt->last)
            code = keep_refusal(box, (uint64_t)seq, receipt->refused.items[i], err);
    }
    return code;
}

/* As it came, signature and all. Entries that an earlier one covers stay with that. */
static int keep_receipt(struct mst_outbox *box, const struct mst_msg_receipt *receipt,
                        struct mst_err *err)
{
    struct mst_msg msg = {.type = MST_MSG_receipt, .u.receipt = *receipt};
    struct mst_buf frame = {0};
    sqlite3_stmt *stmt = NULL;
    uint64_t first = box->acked + 1;
    int code = mst_msg_encode(&msg, &frame, err);
    if (!code)
        code = mst_box_prepare(
            box, "INSERT INTO receipts(number, first, row, base, frame) VALUES(?,?,?,?,?)", &stmt,
            err);
    if (!code) {
        sqlite3_bind_int64(stmt, 1, (int64_t)(box->base + receipt->last));
        sqlite3_bind_int64(stmt, 2, (int64_t)(box->base + first));
        sqlite3_bind_int64(stmt, 3, (int64_t)(receipt->row + (first - receipt->first)));
        sqlite3_bind_int64(stmt, 4, (int64_t)box->base);
        sqlite3_bind_blob(stmt, 5, frame.data, (int)frame.len, SQLITE_STATIC);
        code = mst_box_run(box, stmt, err);
        sqlite3_clear_bindings(stmt);
    }
    mst_buf_done(&frame);
    return code;
}

static int check_receipt(struct mst_outbox *box, const struct mst_msg_receipt *receipt,
                         struct mst_err *err)
{
    uint8_t head[MST_HASH_BYTES];
    if (receipt->first > receipt->last || receipt->last > box->last ||
        receipt->first > box->acked + 1)
        return mst_fail(err, MST_E_PROTOCOL, _("a receipt for %llu to %llu, where %llu is next"),
                        (unsigned long long)receipt->first, (unsigned long long)receipt->last,
                        (unsigned long long)box->acked + 1);
    int code = mst_outbox_hash(box, receipt->last, head, err);
    if (code)
        return code;
    if (memcmp(head, receipt->head.data, sizeof head) != 0) {
        char where[32];
        snprintf(where, sizeof where, "%llu", (unsigned long long)receipt->last);
        return mst_fail_on(err, MST_E_CHAIN, where);
    }
    return 0;
}

int mst_outbox_receipt(struct mst_outbox *box, const struct mst_msg_receipt *receipt,
                       struct mst_err *err)
{
    if (receipt->last <= box->acked)
        return 0;
    bool urgent = mst_outbox_urgent(box);
    int code = check_receipt(box, receipt, err);
    if (!code)
        code = mst_box_begin(box, err);
    if (!code)
        code = keep_receipt(box, receipt, err);
    if (!code)
        code = keep_refusals(box, receipt, err);
    if (!code && receipt->watermark != box->watermark)
        code = mst_outbox_set_figure(box, "watermark", receipt->watermark, err);
    if (code)
        return code;
    box->urgent = urgent;
    box->watermark = receipt->watermark;
    box->acked = receipt->last;
    return 0;
}

int mst_box_requeue(struct mst_outbox *box, uint64_t number, struct mst_err *err)
{
    /* A receipt for more than is still received proves nothing any more; its numbers stay. */
    static const char *const statements[] = {
        "DELETE FROM refusals WHERE number > ?", "DELETE FROM receipts WHERE first > ?",
        "UPDATE receipts SET number = ?1, frame = NULL WHERE number > ?1"};
    int code = 0;
    for (size_t i = 0; !code && i < sizeof statements / sizeof statements[0]; i++) {
        sqlite3_stmt *stmt;
        code = mst_box_prepare(box, statements[i], &stmt, err);
        if (code)
            break;
        sqlite3_bind_int64(stmt, 1, (int64_t)number);
        code = mst_box_run(box, stmt, err);
    }
    return code;
}
