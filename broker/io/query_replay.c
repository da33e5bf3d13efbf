/* SPDX-License-Identifier: Apache-2.0 */
/* The query that replays the ledger: how far it is, what it compared, and the first difference. */
#include <inttypes.h>
#include <stdio.h>

#include "broker/driver/replay.h"
#include "broker/io/clock.h"
#include "broker/io/query.h"

/* Rows that tell how far it is, so often. */
#define PROGRESS_MS 500

struct replaying {
    struct mst_query *q;
    struct mst_err *err;
    int64_t told_ms;
};

static int tell_progress(void *context, uint64_t row, uint64_t rows)
{
    struct replaying *r = context;
    int64_t now_ms = mst_clock_boot();
    if (now_ms - r->told_ms < PROGRESS_MS)
        return 0;
    r->told_ms = now_ms;
    struct mst_buf *b = mst_query_row(r->q);
    mst_pack_map(b, 2);
    mst_pack_text(b, "progress");
    mst_pack_uint(b, row);
    mst_pack_text(b, "of");
    mst_pack_uint(b, rows);
    int code = mst_query_row_end(r->q, r->err);
    return code ? code : mst_query_flush(r->q, r->err);
}

static int put_count(struct mst_query *q, const char *name, uint64_t count, struct mst_err *err)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, count);
    return mst_query_pair(q, name, text, err);
}

int mst_query_replay(struct mst_query *q, struct mst_err *err)
{
    struct mst_replay_result r;
    int64_t began_ms = mst_clock_boot();
    struct replaying replaying = {.q = q, .err = err, .told_ms = began_ms};
    char seconds[32];
    if (!mst_query_may(q, NULL, NULL))
        return mst_fail(err, MST_E_DENIED, "replay");
    int code = mst_replay(q->reader, q->pid, q->programme->id, tell_progress, &replaying, &r, err);
    if (code)
        return code;
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"rows", r.rows},
        {"inputs", r.inputs},
        {"starts", r.starts},
        {"programmes", r.programmes},
        {"transitions", r.transitions},
        {"moves", r.moves},
        {"alerts", r.alerts},
        {"refusals", r.refusals},
        {"obligations", r.obligations},
        {"items", r.items},
        {"differences", r.differences},
    };
    for (size_t i = 0; !code && i < sizeof counts / sizeof counts[0]; i++)
        code = put_count(q, counts[i].name, counts[i].count, err);
    if (!code && r.differences && r.first_row)
        code = put_count(q, "first_row", r.first_row, err);
    if (!code && r.differences)
        code = mst_query_pair(q, "first_difference", r.first, err);
    int64_t took_ms = mst_clock_boot() - began_ms;
    snprintf(seconds, sizeof seconds, "%" PRId64 ".%03" PRId64, took_ms / 1000, took_ms % 1000);
    if (!code)
        code = mst_query_pair(q, "seconds", seconds, err);
    if (!code && r.differences)
        code = mst_query_flush(q, err);
    if (!code && r.differences && r.first_row)
        code = mst_fail(err, MST_E_DIFFERS, "row %" PRIu64 ": %s", r.first_row, r.first);
    else if (!code && r.differences)
        code = mst_fail(err, MST_E_DIFFERS, "%s", r.first);
    return code;
}
