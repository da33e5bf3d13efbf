/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receipts as evidence: kept verbatim beside the entries that they cover, so that a unit can show
 * the broker's signed word years later. An outbox that takes a fresh id chains anew only what had
 * no receipt, so that a receipt stays good under the id that it names.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/run/box.h"

/* The receipt that covers an entry. MST_E_UNKNOWN when there is none. */
static int find_receipt(struct mst_outbox *box, uint64_t number, struct mst_buf *frame,
                        uint64_t *ret_base, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = mst_box_prepare(
        box, "SELECT base, frame FROM receipts WHERE number >= ? ORDER BY number LIMIT 1", &stmt,
        err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)number);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && sqlite3_column_type(stmt, 1) == SQLITE_BLOB) {
        *ret_base = (uint64_t)sqlite3_column_int64(stmt, 0);
        mst_buf_put(frame, sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1));
        code = frame->failed ? mst_fail_on(err, MST_E_NOMEM, box->path) : 0;
    } else {
        code = rc == SQLITE_DONE || rc == SQLITE_ROW
                   ? mst_fail(err, MST_E_UNKNOWN, "%" PRIu64, number)
                   : mst_box_fail(box, rc, err);
    }
    sqlite3_reset(stmt);
    return code;
}

/* Hash before an entry, in the outbox that the receipt names. */
static int hash_before(struct mst_outbox *box, const struct mst_msg_receipt *receipt, uint64_t base,
                       uint64_t seq, uint8_t ret_hash[MST_HASH_BYTES], struct mst_err *err)
{
    if (seq == 1) {
        mst_chain_genesis(receipt->outbox.data, box->programme, box->unit, ret_hash);
        return 0;
    }
    sqlite3_stmt *stmt;
    int code = mst_box_prepare(box, "SELECT hash FROM entries WHERE number = ?1", &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)(base + seq - 1));
    if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == MST_HASH_BYTES)
        memcpy(ret_hash, sqlite3_column_blob(stmt, 0), MST_HASH_BYTES);
    else
        code = mst_fail(err, MST_E_UNKNOWN, "%" PRIu64, base + seq - 1);
    sqlite3_reset(stmt);
    return code;
}

static int walk_reports(struct mst_outbox *box, uint64_t from, uint64_t to,
                        mst_proof_report_fn report, void *context, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    uint64_t next = from;
    int code = mst_box_prepare(box,
                               "SELECT number, bytes FROM entries WHERE number BETWEEN ?1 AND ?2"
                               " ORDER BY number",
                               &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)from);
    sqlite3_bind_int64(stmt, 2, (int64_t)to);
    while (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_type(stmt, 1) == SQLITE_BLOB &&
           (uint64_t)sqlite3_column_int64(stmt, 0) == next) {
        next++;
        if (report(context, mst_bytes(sqlite3_column_blob(stmt, 1),
                                      (size_t)sqlite3_column_bytes(stmt, 1)))) {
            sqlite3_reset(stmt);
            return 0;
        }
    }
    sqlite3_reset(stmt);
    return next == to + 1 ? 0 : mst_fail(err, MST_E_UNKNOWN, "%" PRIu64, next);
}

static int prove(struct mst_outbox *box, uint64_t number, uint64_t base,
                 const struct mst_msg_receipt *receipt,
                 int (*told)(void *context, const struct mst_outbox_proof *proof),
                 mst_proof_report_fn report, void *context, struct mst_err *err)
{
    struct mst_outbox_proof proof = {.receipt = receipt, .seq = number - base};
    if (number <= base || proof.seq < receipt->first)
        return mst_fail(err, MST_E_UNKNOWN, "%" PRIu64, number);
    int code = hash_before(box, receipt, base, proof.seq, proof.prev, err);
    if (code || told(context, &proof))
        return code;
    return walk_reports(box, number, base + receipt->last, report, context, err);
}

int mst_outbox_prove(struct mst_outbox *box, uint64_t number,
                     int (*receipt)(void *context, const struct mst_outbox_proof *proof),
                     mst_proof_report_fn report, void *context, struct mst_err *err)
{
    struct mst_buf frame = {0};
    struct mst_msg_scratch *scratch = malloc(sizeof *scratch);
    struct mst_msg msg;
    uint64_t base = 0;
    int code = scratch ? find_receipt(box, number, &frame, &base, err)
                       : mst_fail_on(err, MST_E_NOMEM, box->path);
    if (!code)
        code = mst_msg_decode(frame.data, frame.len, MST_DOWN, scratch, &msg, err);
    if (!code)
        code = prove(box, number, base, &msg.u.receipt, receipt, report, context, err);
    free(scratch);
    mst_buf_done(&frame);
    return code;
}
