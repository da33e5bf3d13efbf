/* SPDX-License-Identifier: Apache-2.0 */
/* How a query's rows become replies of a bearable size. Decides nothing about rows. */
#include "broker/io/query_impl.h"

#include <stdlib.h>

#include "broker/driver/answers.h"

#define CHUNK_ROWS_MAX 512

/* What a query's rows flow into. */
struct sink {
    struct mst_query_pool *pool;
    struct mst_query_job *job;
    struct mst_buf rows;
    size_t starts[CHUNK_ROWS_MAX + 1];
    size_t count;
    bool any; /* there was a row */
};

/* Put the sink's rows into a reply, and begin the next. */
static int fill_reply(struct sink *sink, struct mst_answer *answer, struct mst_buf *frame,
                      struct mst_err *err)
{
    struct mst_slice rows[CHUNK_ROWS_MAX];
    for (size_t i = 0; i < sink->count; i++)
        rows[i] =
            mst_bytes(sink->rows.data + sink->starts[i], sink->starts[i + 1] - sink->starts[i]);
    answer->msg.u.reply.rows = (struct mst_slices){rows, sink->count};
    int code = mst_msg_encode(&answer->msg, frame, err);
    answer->msg.u.reply.rows = (struct mst_slices){0};
    mst_buf_clear(&sink->rows);
    sink->count = 0;
    return code;
}

static int send_chunk(struct sink *sink, struct mst_err *err)
{
    struct mst_answer answer;
    struct mst_query_outcome *out = calloc(1, sizeof *out);
    if (!out)
        return mst_fail_on(err, MST_E_NOMEM, "reply");
    mst_answer_reply(&answer, sink->job->request, MST_OK, "", sink->job->query.now);
    answer.msg.u.reply.more = true;
    out->session = sink->job->session;
    int code = fill_reply(sink, &answer, &out->frame, err);
    if (code) {
        mst_buf_done(&out->frame);
        free(out);
        return code;
    }
    mst_query_hand_over(sink->pool, out);
    return 0;
}

/* The last reply: the rows that are left, or why there are no more. */
static void send_last(struct sink *sink, int code, struct mst_err *why)
{
    struct mst_answer answer;
    struct mst_query_outcome *out = sink->job->last;
    sink->job->last = NULL;
    if (code)
        sink->count = 0;
    mst_answer_reply(&answer, sink->job->request, (enum mst_code)code, code ? why->text : "",
                     sink->job->query.now);
    int failed = fill_reply(sink, &answer, &out->frame, why);
    if (failed) {
        code = failed;
        mst_answer_reply(&answer, sink->job->request, (enum mst_code)code, why->text,
                         sink->job->query.now);
        /* Without memory even for this, the peer's time-out has to do. */
        (void)fill_reply(sink, &answer, &out->frame, NULL);
    }
    out->session = sink->job->session;
    out->code = (enum mst_code)code;
    out->programme = sink->job->query.programme;
    mst_query_hand_over(sink->pool, out);
}

int mst_query_flush(struct mst_query *q, struct mst_err *err)
{
    struct sink *sink = q->sink;
    pthread_mutex_lock(&sink->pool->lock);
    bool stopping = sink->pool->stopping;
    pthread_mutex_unlock(&sink->pool->lock);
    return stopping ? mst_fail_on(err, MST_E_BUSY, q->action) : send_chunk(sink, err);
}

struct mst_buf *mst_query_row(struct mst_query *q)
{
    struct sink *sink = q->sink;
    sink->starts[sink->count] = sink->rows.len;
    return &sink->rows;
}

int mst_query_row_end(struct mst_query *q, struct mst_err *err)
{
    struct sink *sink = q->sink;
    if (sink->rows.failed)
        return mst_fail_on(err, MST_E_NOMEM, "rows");
    sink->starts[++sink->count] = sink->rows.len;
    sink->any = true;
    size_t last = sink->starts[sink->count - 1];
    if (sink->rows.len > sink->pool->chunk_bytes_max && last > 0) {
        /* Together they are too long for a message: those before go by themselves. */
        struct mst_buf row = {0};
        mst_buf_put(&row, sink->rows.data + last, sink->rows.len - last);
        sink->count--;
        int code = row.failed ? mst_fail_on(err, MST_E_NOMEM, "rows") : send_chunk(sink, err);
        mst_buf_put(&sink->rows, row.data, row.len);
        mst_buf_done(&row);
        sink->starts[++sink->count] = sink->rows.len;
        return code;
    }
    return sink->count < CHUNK_ROWS_MAX ? 0 : send_chunk(sink, err);
}

void mst_query_answer(struct mst_query_lane *lane, struct mst_query_job *job)
{
    struct sink sink = {.pool = lane->pool, .job = job};
    struct mst_err err;
    job->query.reader = lane->reader;
    job->query.sink = &sink;
    int code = job->fn(&job->query, &err);
    if (!code && !sink.any)
        code = mst_query_check_names(&job->query, &err);
    send_last(&sink, code, &err);
    mst_buf_done(&sink.rows);
}
