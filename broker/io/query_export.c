/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence for a file that outlives the broker: what PROTOCOL.md calls a proof, as rows of {name,
 * value}. A report goes with those behind it in its run, since only they join it to what its unit
 * signed; so whoever exports it must be allowed to read them all, which are one unit's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/io/query.h"
#include "proto/seal.h"

static int put_uint(struct mst_query *q, const char *name, uint64_t value, struct mst_err *err)
{
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 2);
    mst_query_pack_text(b, "name", name);
    mst_pack_text(b, "value");
    mst_pack_uint(b, value);
    return mst_query_row_end(q, err);
}

static int put_bytes(struct mst_query *q, const char *name, struct mst_slice bytes,
                     struct mst_err *err)
{
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 2);
    mst_query_pack_text(b, "name", name);
    mst_pack_text(b, "value");
    mst_pack_bin(b, bytes.data, bytes.len);
    return mst_query_row_end(q, err);
}

/* ---- a report ---- */

/* The run's reports in order: those before the wanted one only move the chain on. */
struct walk {
    struct mst_query *q;
    struct mst_err *err;
    const struct mst_run *run;
    uint64_t seq, wanted;
    uint8_t chain[MST_HASH_BYTES];
    int code;
};

static int take_report(void *context, const struct mst_row *row)
{
    struct walk *w = context;
    if (w->seq == w->wanted)
        w->code = put_bytes(w->q, "prev", mst_bytes(w->chain, sizeof w->chain), w->err);
    if (!w->code && w->seq >= w->wanted)
        w->code = put_bytes(w->q, "reports", row->bytes, w->err);
    mst_chain_next(w->chain, w->seq, row->bytes, w->chain);
    return w->code || w->seq++ >= w->run->last;
}

static int put_run(struct mst_query *q, const struct mst_run *run, const struct mst_outbox *outbox,
                   uint64_t seq, struct mst_err *err)
{
    struct walk w = {.q = q, .err = err, .run = run, .seq = run->first, .wanted = seq};
    memcpy(w.chain, run->prev, sizeof w.chain);
    int code = mst_query_pair(q, "programme", q->programme->id, err);
    if (!code)
        code = mst_query_pair(q, "unit", outbox->unit, err);
    if (!code)
        code = put_bytes(q, "outbox", mst_bytes(outbox->id, sizeof outbox->id), err);
    if (!code)
        code = put_uint(q, "sequence", seq, err);
    if (!code)
        code = mst_reader_rows(q->reader, q->pid, run->row_first, take_report, &w, err);
    if (!code)
        code = w.code;
    if (!code)
        code = put_bytes(q, "head", mst_bytes(run->head, sizeof run->head), err);
    if (!code)
        code = put_bytes(q, "sig", mst_bytes(run->sig, sizeof run->sig), err);
    return code ? code
                : put_bytes(q, "sign_key", mst_bytes(run->sign_key, sizeof run->sign_key), err);
}

static int export_report(struct mst_query *q, uint64_t row, struct mst_err *err)
{
    struct mst_run run;
    struct mst_outbox outbox;
    bool found = false;
    int code = mst_query_find_run(q, row, &found, &run, &outbox, err);
    size_t index = found ? mst_programme_unit(q->programme, outbox.unit) : SIZE_MAX;
    size_t group = index == SIZE_MAX ? SIZE_MAX : mst_programme_group_of(q->programme, index);
    /* What one may not read is not told apart from what is not there. */
    if (!code &&
        (!found ||
         !mst_query_may(q, outbox.unit, group == SIZE_MAX ? NULL : q->programme->groups[group].id)))
        return mst_fail(err, MST_E_UNKNOWN, "%" PRIu64, row);
    return code ? code : put_run(q, &run, &outbox, run.first + (row - run.row_first), err);
}

/* ---- what the broker signs ---- */

static int put_head(struct mst_query *q, uint64_t row, const uint8_t head_hash[MST_HASH_BYTES],
                    struct mst_slice bytes, struct mst_err *err)
{
    uint8_t sig[MST_SIGN_BYTES];
    const struct mst_head head = {.programme = q->programme->id,
                                  .epoch = q->epoch,
                                  .row = row,
                                  .head = head_hash,
                                  .bytes = bytes};
    mst_head_sign(q->keys->sign_secret, &head, sig);
    int code = mst_query_pair(q, "programme", head.programme, err);
    if (!code)
        code = put_uint(q, "epoch", q->epoch, err);
    if (!code)
        code = put_uint(q, "row", row, err);
    if (!code)
        code = put_bytes(q, "head", mst_bytes(head_hash, MST_HASH_BYTES), err);
    if (!code && bytes.len)
        code = put_bytes(q, "bytes", bytes, err);
    if (!code)
        code = put_bytes(q, "sig", mst_bytes(sig, sizeof sig), err);
    return code ? code
                : put_bytes(q, "sign_key",
                            mst_bytes(q->keys->sign_public, sizeof q->keys->sign_public), err);
}

struct wanted_alert {
    struct mst_query *q;
    struct mst_err *err;
    uint64_t number;
    bool found;
    int code;
};

static int take_alert(void *context, const struct mst_stored_alert *alert)
{
    struct wanted_alert *w = context;
    char audience[65], group[MST_ID_MAX];
    mst_slice_copy(alert->audience, audience, sizeof audience);
    mst_slice_copy(alert->group, group, sizeof group);
    w->found = alert->number == w->number &&
               mst_authz_audience(w->q->programme, &w->q->actor, audience, group);
    if (w->found)
        w->code = put_head(w->q, alert->row, alert->row_head, alert->bytes, w->err);
    return 1;
}

static int export_alert(struct mst_query *q, uint64_t number, struct mst_err *err)
{
    struct wanted_alert w = {.q = q, .err = err, .number = number};
    int code = mst_reader_alerts(q->reader, q->pid, number - 1, take_alert, &w, err);
    if (!code)
        code = w.code;
    return code || w.found ? code : mst_fail(err, MST_E_UNKNOWN, "%" PRIu64, number);
}

static int export_head(struct mst_query *q, struct mst_err *err)
{
    uint64_t row = 0;
    mst_time at;
    uint8_t head[MST_HASH_BYTES];
    q->action = "read-ledger";
    if (!mst_query_may(q, NULL, NULL))
        return mst_fail(err, MST_E_DENIED, "head");
    int code = mst_reader_last_head(q->reader, q->pid, &row, &at, head, err);
    return code ? code : put_head(q, row, head, (struct mst_slice){0}, err);
}

int mst_query_export(struct mst_query *q, struct mst_err *err)
{
    char what[16];
    int64_t number = mst_query_number(q, "number", 0);
    if (!mst_query_arg(q, "what", what, sizeof what))
        return mst_fail(err, MST_E_USAGE, "what");
    /* It is the newest: somebody who names another must not be handed this one. */
    if (strcmp(what, "head") == 0)
        return number ? mst_fail(err, MST_E_USAGE, "head %" PRId64 ": %s", number,
                                 N_("takes no number, for it is the newest"))
                      : export_head(q, err);
    bool report = strcmp(what, "report") == 0;
    if (!report && strcmp(what, "alert") != 0)
        return mst_fail(err, MST_E_USAGE, "%s", what);
    if (number < 1)
        return mst_fail(err, MST_E_USAGE, "NUMBER: %s", N_("must be a whole number from 1 on"));
    return report ? export_report(q, (uint64_t)number, err)
                  : export_alert(q, (uint64_t)number, err);
}
