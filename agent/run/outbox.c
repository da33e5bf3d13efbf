/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbox: reports in their order, chained. It sends nothing and reads no clock. What became of
 * them is receipts.c's; what is kept and for how long is retain.c's; alerts are inbox.c's.
 */
#include "agent/run/outbox.h"

#include <stdio.h>
#include <string.h>

#include "agent/run/box.h"
#include "config/load/testing.h"
#include "proto/pack.h"

/* What a push needs besides its reports: names, hash, signature, and each report's own header. */
#define REPORT_FRAME_BYTES 5

const uint8_t *mst_outbox_id(const struct mst_outbox *box)
{
    return box->id;
}

uint64_t mst_outbox_base(const struct mst_outbox *box)
{
    return box->base;
}

uint64_t mst_outbox_last(const struct mst_outbox *box)
{
    return box->last;
}

uint64_t mst_outbox_safe(const struct mst_outbox *box)
{
    return box->safe;
}

uint64_t mst_outbox_acked(const struct mst_outbox *box)
{
    return box->acked;
}

uint64_t mst_outbox_watermark(const struct mst_outbox *box)
{
    return box->watermark;
}

int64_t mst_outbox_bytes(const struct mst_outbox *box)
{
    return box->bytes;
}

const char *mst_entry_state_word(enum mst_entry_state state)
{
    switch (state) {
    case MST_ENTRY_QUEUED:
        return N_("queued");
    case MST_ENTRY_RECEIVED:
        return N_("received");
    case MST_ENTRY_REFUSED:
        return N_("refused");
    }
    return "";
}

static void remember_head(struct mst_outbox *box, uint64_t seq, const uint8_t hash[MST_HASH_BYTES])
{
    size_t at = box->heads_next++ % BOX_HEADS;
    box->heads[at].seq = seq;
    memcpy(box->heads[at].hash, hash, MST_HASH_BYTES);
}

int mst_outbox_hash(struct mst_outbox *box, uint64_t seq, uint8_t ret_hash[MST_HASH_BYTES],
                    struct mst_err *err)
{
    for (size_t i = 0; i < BOX_HEADS; i++) {
        if (seq && box->heads[i].seq == seq) {
            memcpy(ret_hash, box->heads[i].hash, MST_HASH_BYTES);
            return 0;
        }
    }
    if (seq == 0) {
        mst_chain_genesis(box->id, box->programme, box->unit, ret_hash);
        return 0;
    }
    sqlite3_stmt *stmt;
    int code = mst_box_prepare(box, "SELECT hash FROM entries WHERE number = ?", &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)(box->base + seq));
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == MST_HASH_BYTES)
        memcpy(ret_hash, sqlite3_column_blob(stmt, 0), MST_HASH_BYTES);
    else if (rc == SQLITE_DONE)
        code = mst_fail(err, MST_E_UNKNOWN, "%s: %llu", box->path,
                        (unsigned long long)(box->base + seq));
    else
        code = rc == SQLITE_ROW ? mst_box_damaged(box, NULL, err) : mst_box_fail(box, rc, err);
    sqlite3_reset(stmt);
    return code;
}

/* ---- queueing ---- */

static void bind_slice(sqlite3_stmt *stmt, int column, struct mst_slice text)
{
    if (text.data)
        sqlite3_bind_text(stmt, column, (const char *)text.data, (int)text.len, SQLITE_STATIC);
}

static int insert_entry(struct mst_outbox *box, const struct mst_msg_report *report,
                        struct mst_slice bytes, uint8_t ret_hash[MST_HASH_BYTES],
                        struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code =
        mst_box_prepare(box,
                        "INSERT INTO entries(number, queued_at, act, duty, period, obligation,"
                        " size, hash, bytes) VALUES(?,?,?,?,?,?,?,?,?)",
                        &stmt, err);
    if (code)
        return code;
    mst_chain_next(box->head, box->last + 1, bytes, ret_hash);
    sqlite3_bind_int64(stmt, 1, (int64_t)(box->base + box->last + 1));
    sqlite3_bind_int64(stmt, 2, (int64_t)report->at);
    bind_slice(stmt, 3, report->act);
    bind_slice(stmt, 4, report->duty);
    bind_slice(stmt, 5, report->period);
    bind_slice(stmt, 6, report->obligation);
    sqlite3_bind_int64(stmt, 7, (int64_t)bytes.len);
    sqlite3_bind_blob(stmt, 8, ret_hash, MST_HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 9, bytes.data, (int)bytes.len, SQLITE_STATIC);
    return mst_box_run(box, stmt, err);
}

int mst_outbox_append(struct mst_outbox *box, const struct mst_msg_report *report,
                      uint64_t *ret_number, struct mst_err *err)
{
    struct mst_msg msg = {.type = MST_MSG_report};
    struct mst_buf buf = {0};
    uint8_t hash[MST_HASH_BYTES];
    msg.u.report = *report;
    int code = mst_msg_encode(&msg, &buf, err);
    if (!code && box->bytes + (int64_t)buf.len > box->limits.bytes_max) {
        code = mst_fail(err, MST_E_FULL, _("the outbox holds %lld bytes of unacknowledged reports"),
                        (long long)box->bytes);
        mst_hint(err, "%s", _("restore the connection to the broker, or raise outbox_bytes_max"));
    }
    if (!code)
        code = mst_box_begin(box, err);
    if (!code) {
        MST_FAILPOINT("agent.before-append");
        code = insert_entry(box, report, mst_bytes(buf.data, buf.len), hash, err);
    }
    if (!code) {
        box->last++;
        box->appended = true;
        box->bytes += (int64_t)buf.len;
        memcpy(box->head, hash, sizeof hash);
        *ret_number = box->base + box->last;
    }
    if (!code && *ret_number - box->sum_to >= BOX_SUM_STEP)
        code = mst_box_keep_sum(box, err);
    mst_buf_done(&buf);
    return code;
}

/* ---- reading ---- */

static const char *column_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    return text ? (const char *)text : "";
}

int mst_outbox_entries(struct mst_outbox *box, uint64_t from, size_t limit, mst_entry_fn fn,
                       void *context, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    int code = mst_box_prepare(box,
                               "SELECT e.number, r.number IS NOT NULL, f.number IS NOT NULL,"
                               " e.queued_at, r.row + e.number - r.first, e.act, e.duty, e.period,"
                               " e.obligation, f.code, f.subject, e.size FROM entries e"
                               " LEFT JOIN receipts r ON r.number = (SELECT min(number) FROM"
                               " receipts WHERE number >= e.number) AND r.first <= e.number"
                               " LEFT JOIN refusals f ON f.number = e.number"
                               " WHERE e.number >= ? ORDER BY e.number LIMIT ?",
                               &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)from);
    sqlite3_bind_int64(stmt, 2, (int64_t)limit);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct mst_entry entry = {.number = (uint64_t)sqlite3_column_int64(stmt, 0),
                                  .state = sqlite3_column_int(stmt, 2)   ? MST_ENTRY_REFUSED
                                           : sqlite3_column_int(stmt, 1) ? MST_ENTRY_RECEIVED
                                                                         : MST_ENTRY_QUEUED,
                                  .queued_at = sqlite3_column_int64(stmt, 3),
                                  .receipt = (uint64_t)sqlite3_column_int64(stmt, 4),
                                  .act = column_text(stmt, 5),
                                  .duty = column_text(stmt, 6),
                                  .period = column_text(stmt, 7),
                                  .obligation = column_text(stmt, 8),
                                  .code = column_text(stmt, 9),
                                  .subject = column_text(stmt, 10),
                                  .bytes = sqlite3_column_int64(stmt, 11)};
        if (fn(context, &entry))
            break;
    }
    code = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : mst_box_fail(box, rc, err);
    sqlite3_reset(stmt);
    return code;
}

/* Put one row's report behind those of the run. False: it does not fit any more. */
static bool add_to_run(struct mst_run *run, sqlite3_stmt *stmt, size_t bytes_max)
{
    size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
    size_t used = run->bytes.len + (run->count + 1) * REPORT_FRAME_BYTES;
    if (run->count > 0 && used + len > bytes_max)
        return false;
    /* Slices are offsets until the buffer has stopped moving. */
    run->reports[run->count].len = len;
    run->count++;
    mst_buf_put(&run->bytes, sqlite3_column_blob(stmt, 0), len);
    memcpy(run->head, sqlite3_column_blob(stmt, 1), MST_HASH_BYTES);
    return true;
}

int mst_outbox_run(struct mst_outbox *box, uint64_t first, uint64_t last, size_t reports_max,
                   size_t bytes_max, struct mst_run *run, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    mst_buf_clear(&run->bytes);
    run->count = 0;
    run->first = first;
    if (reports_max > MST_RUN_REPORTS_MAX)
        reports_max = MST_RUN_REPORTS_MAX;
    if (last - first >= reports_max)
        last = first + reports_max - 1;
    int code = mst_outbox_hash(box, first - 1, run->prev, err);
    if (!code)
        code =
            mst_box_prepare(box,
                            "SELECT bytes, hash, number FROM entries WHERE number BETWEEN ? AND ?"
                            " ORDER BY number",
                            &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)(box->base + first));
    sqlite3_bind_int64(stmt, 2, (int64_t)(box->base + last));
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (sqlite3_column_type(stmt, 0) != SQLITE_BLOB ||
            sqlite3_column_bytes(stmt, 1) != MST_HASH_BYTES ||
            (uint64_t)sqlite3_column_int64(stmt, 2) != box->base + first + run->count) {
            code = mst_box_damaged(box, NULL, err);
            break;
        }
        if (!add_to_run(run, stmt, bytes_max))
            break;
    }
    if (!code && rc != SQLITE_ROW && rc != SQLITE_DONE)
        code = mst_box_fail(box, rc, err);
    sqlite3_reset(stmt);
    if (!code && (run->count == 0 || run->bytes.failed))
        code = mst_fail_on(err, run->bytes.failed ? MST_E_NOMEM : MST_E_CORRUPT, box->path);
    size_t offset = 0;
    for (size_t i = 0; i < run->count; i++) {
        run->reports[i].data = run->bytes.data + offset;
        offset += run->reports[i].len;
    }
    run->last = first + run->count - 1;
    if (!code)
        remember_head(box, run->last, run->head);
    return code;
}

/* ---- going back ---- */

int mst_outbox_rewind(struct mst_outbox *box, uint64_t last, struct mst_err *err)
{
    if (box->base + last < box->released)
        return mst_fail(err, MST_E_UNKNOWN, _("reports after %llu are no longer kept"),
                        (unsigned long long)(box->base + last));
    int code = mst_box_begin(box, err);
    if (!code)
        code = mst_box_requeue(box, box->base + last, err);
    if (!code)
        box->acked = last;
    return code;
}

static int rechain(struct mst_outbox *box, uint64_t seq, struct mst_err *err)
{
    sqlite3_stmt *stmt;
    uint8_t hash[MST_HASH_BYTES];
    int code = mst_box_prepare(box, "SELECT bytes FROM entries WHERE number = ?", &stmt, err);
    if (code)
        return code;
    sqlite3_bind_int64(stmt, 1, (int64_t)(box->base + seq));
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        sqlite3_reset(stmt);
        return mst_box_damaged(box, NULL, err);
    }
    mst_chain_next(box->head, seq,
                   mst_bytes(sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0)),
                   hash);
    sqlite3_reset(stmt);
    code = mst_box_prepare(box, "UPDATE entries SET hash = ? WHERE number = ?", &stmt, err);
    if (code)
        return code;
    sqlite3_bind_blob(stmt, 1, hash, sizeof hash, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (int64_t)(box->base + seq));
    code = mst_box_run(box, stmt, err);
    if (!code)
        memcpy(box->head, hash, sizeof hash);
    return code;
}

int mst_outbox_renew(struct mst_outbox *box, bool kept, uint64_t *ret_count, struct mst_err *err)
{
    uint64_t newest = box->base + box->last;
    uint64_t base = kept ? box->released : box->base + box->acked;
    int code = mst_box_begin(box, err);
    if (!code)
        code = mst_box_new_id(box, base, err);
    if (!code)
        code = mst_box_requeue(box, base, err);
    if (code)
        return code;
    box->last = newest - base;
    mst_chain_genesis(box->id, box->programme, box->unit, box->head);
    for (uint64_t seq = 1; !code && seq <= box->last; seq++)
        code = rechain(box, seq, err);
    if (!code)
        *ret_count = box->last;
    return code;
}
