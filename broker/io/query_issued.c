/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is issued: published by the office for everybody to read. All that those on the cc list see;
 * nothing that is still being worked on.
 */
#include <string.h>

#include "broker/io/query.h"

struct issued {
    struct mst_query *q;
    struct mst_err *err;
    const char *period; /* of the assessment that is looked for; NULL: list them all */
    mst_time at;        /* when it was published */
    int code;
};

/* What the office bears itself is closed by its publication alone. */
static bool is_issued(const struct mst_obligation *o)
{
    return !o->bearer[0] && o->work == MST_WORK_CLOSED && o->closed_at != 0;
}

static int put_issued(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    size_t index = mst_programme_duty(q->programme, o->duty);
    const struct mst_duty *duty = index == SIZE_MAX ? NULL : &q->programme->duties[index];
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 8);
    mst_query_pack_text(b, "id", o->id);
    mst_query_pack_text(b, "duty", o->duty);
    mst_query_pack_text(b, "title", duty ? duty->title.zh : "");
    mst_query_pack_text(b, "title_en", duty ? duty->title.en : "");
    mst_query_pack_text(b, "period", o->period);
    mst_query_pack_text(b, "kind", mst_duty_kind_word(o->kind));
    mst_query_pack_text(b, "record_number", o->record_number);
    mst_query_pack_instant(q, b, "issued", o->closed_at);
    return mst_query_row_end(q, err);
}

static int visit(void *context, const char *id, struct mst_slice bytes)
{
    struct issued *w = context;
    struct mst_obligation o;
    (void)id;
    w->code = mst_obligation_unpack(bytes, &o, w->err);
    if (w->code || !is_issued(&o))
        return w->code;
    if (w->period) {
        if (o.kind == MST_DUTY_ASSESSMENT && strcmp(o.period, w->period) == 0)
            w->at = o.closed_at;
        return w->at != 0;
    }
    if (mst_query_matches(w->q, "duty", o.duty) && mst_query_matches(w->q, "period", o.period))
        w->code = put_issued(w->q, &o, w->err);
    return w->code;
}

int mst_query_issued(struct mst_query *q, struct mst_err *err)
{
    struct issued w = {.q = q, .err = err};
    if (!mst_query_may_issued(q))
        return mst_fail(err, MST_E_DENIED, "issued");
    int code = mst_reader_obligations(q->reader, q->pid, visit, &w, err);
    return code ? code : w.code;
}

int mst_query_published(struct mst_query *q, const char *period, mst_time *ret_at,
                        struct mst_err *err)
{
    struct issued w = {.q = q, .err = err, .period = period};
    int code = mst_reader_obligations(q->reader, q->pid, visit, &w, err);
    *ret_at = w.at;
    return code ? code : w.code;
}
