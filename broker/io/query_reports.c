/* SPDX-License-Identifier: Apache-2.0 */
/* Queries about reports: what was received, and one of them whole, with its evidence. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/io/query.h"

struct listing {
    struct mst_query *q;
    struct mst_err *err;
    int64_t left;
    int code;
};

static void copy_field(struct mst_slice map, const char *key, char *buf, size_t size)
{
    struct mst_slice value = mst_unpack_text(map, key);
    buf[0] = '\0';
    if (value.data)
        mst_slice_copy(value, buf, size);
}

/* What of a report's map decides who reads it. */
struct heading {
    char unit[MST_ID_MAX], act[33], duty[MST_ID_MAX], period[MST_PERIOD_KEY_MAX];
    const char *group; /* of the unit; "": none */
};

static void read_heading(const struct mst_query *q, struct mst_slice map, struct heading *ret)
{
    copy_field(map, "unit", ret->unit, sizeof ret->unit);
    copy_field(map, "act", ret->act, sizeof ret->act);
    copy_field(map, "duty", ret->duty, sizeof ret->duty);
    copy_field(map, "period", ret->period, sizeof ret->period);
    size_t group =
        mst_programme_group_of(q->programme, mst_programme_unit(q->programme, ret->unit));
    ret->group = group == SIZE_MAX ? "" : q->programme->groups[group].id;
}

/* A report on the group's work is its progress; what asks for something, or judges, is not. */
static bool may_read(const struct mst_query *q, const struct heading *h)
{
    bool tells = strcmp(h->act, "submit") == 0 || strcmp(h->act, "progress") == 0;
    size_t duty = mst_programme_duty(q->programme, h->duty);
    if (!tells || duty == SIZE_MAX)
        return mst_query_may(q, h->unit, h->group);
    return mst_query_may_progress(q, q->programme->duties[duty].kind, h->unit, h->group);
}

/* What a report says in a line: its summary, or its text. */
#define LINE_BYTES_MAX 240

static struct mst_slice line_of(struct mst_slice map)
{
    struct mst_slice body;
    if (!mst_unpack_find(map, "body", &body))
        return mst_text("");
    struct mst_slice line = mst_unpack_text(body, "summary");
    if (!line.data)
        line = mst_unpack_text(body, "text");
    if (line.len > LINE_BYTES_MAX) {
        line.len = LINE_BYTES_MAX;
        while (line.len > 0 && (line.data[line.len] & 0xC0) == 0x80)
            line.len--; /* never within a character */
    }
    return line.data ? line : mst_text("");
}

static int list_one(void *context, const struct mst_row *row)
{
    struct listing *l = context;
    struct mst_query *q = l->q;
    struct heading h;
    if (row->kind != MST_ROW_REPORT)
        return 0;
    struct mst_slice map = mst_query_map(row);
    read_heading(q, map, &h);
    if (!mst_query_matches(q, "unit", h.unit) || !mst_query_matches(q, "group", h.group) ||
        !mst_query_matches(q, "duty", h.duty) || !mst_query_matches(q, "period", h.period) ||
        !may_read(q, &h))
        return 0;
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 10);
    mst_pack_text(b, "receipt");
    mst_pack_uint(b, row->row);
    mst_query_pack_instant(q, b, "at", row->at);
    mst_query_pack_text(b, "unit", h.unit);
    mst_query_pack_text(b, "group", h.group);
    mst_query_pack_text(b, "act", h.act);
    mst_query_pack_text(b, "duty", h.duty);
    mst_query_pack_text(b, "period", h.period);
    mst_pack_text(b, "text");
    mst_pack_text_slice(b, line_of(map));
    mst_query_pack_instant(q, b, "queued", mst_unpack_int(map, "at", 0));
    mst_pack_text(b, "bytes");
    mst_pack_uint(b, row->bytes.len);
    l->code = mst_query_row_end(q, l->err);
    return l->code || --l->left <= 0;
}

int mst_query_reports(struct mst_query *q, struct mst_err *err)
{
    struct listing l = {
        .q = q, .err = err, .left = mst_query_number(q, "limit", MST_LIST_ROWS_DEFAULT)};
    int64_t from = mst_query_number(q, "from", 1);
    if (from < 1 || l.left < 1)
        return mst_fail(err, MST_E_USAGE, "from, limit");
    int code = mst_reader_rows(q->reader, q->pid, (uint64_t)from, list_one, &l, err);
    return code ? code : l.code;
}

/* ---- one report ---- */

struct evidence {
    struct mst_query *q;
    struct mst_err *err;
    uint64_t row;
    bool report_found, outbox_found;
    struct mst_run run;
    struct mst_outbox outbox;
    int code;
};

static int match_outbox(void *context, const struct mst_outbox *outbox)
{
    struct evidence *e = context;
    if (outbox->number != e->run.outbox)
        return 0;
    e->outbox = *outbox;
    e->outbox_found = true;
    return 1;
}

static int put_report(void *context, const struct mst_row *row)
{
    struct evidence *e = context;
    struct mst_query *q = e->q;
    struct heading h;
    char number[24];
    if (row->row != e->row || row->kind != MST_ROW_REPORT)
        return 1;
    struct mst_slice map = mst_query_map(row);
    read_heading(q, map, &h);
    if (!may_read(q, &h))
        return 1;
    e->report_found = true;
    e->run = *row->run;
    snprintf(number, sizeof number, "%" PRIu64, row->row);
    const char *const pairs[][2] = {{"receipt", number},
                                    {"unit", h.unit},
                                    {"act", h.act},
                                    {"duty", h.duty},
                                    {"period", h.period}};
    for (size_t i = 0; !e->code && i < sizeof pairs / sizeof pairs[0]; i++)
        e->code = mst_query_pair(q, pairs[i][0], pairs[i][1], e->err);
    if (!e->code)
        e->code = mst_query_pair_instant(q, "received", row->at, e->err);
    if (!e->code)
        e->code = mst_query_pair_instant(q, "queued", mst_unpack_int(map, "at", 0), e->err);
    struct mst_slice body;
    if (!e->code && mst_unpack_find(map, "body", &body)) {
        struct mst_buf *b = mst_query_row(q);
        mst_pack_map(b, 2);
        mst_query_pack_text(b, "name", "body");
        mst_pack_text(b, "value");
        mst_buf_put(b, body.data, body.len);
        e->code = mst_query_row_end(q, e->err);
    }
    return 1;
}

static int put_evidence(struct evidence *e)
{
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, e->run.first + (e->row - e->run.row_first));
    int code = mst_query_pair_hex(e->q, "outbox", e->outbox.id, sizeof e->outbox.id, e->err);
    if (!code)
        code = mst_query_pair(e->q, "sequence", number, e->err);
    if (!code)
        code = mst_query_pair_hex(e->q, "run_head", e->run.head, sizeof e->run.head, e->err);
    if (!code)
        code = mst_query_pair_hex(e->q, "signature", e->run.sig, sizeof e->run.sig, e->err);
    if (!code)
        code =
            mst_query_pair_hex(e->q, "sign_key", e->run.sign_key, sizeof e->run.sign_key, e->err);
    return code;
}

int mst_query_report(struct mst_query *q, struct mst_err *err)
{
    char text[24];
    struct evidence e = {.q = q, .err = err};
    int64_t receipt = mst_query_number(q, "receipt", 0);
    if (!mst_query_arg(q, "receipt", text, sizeof text) || receipt < 1)
        return mst_fail(err, MST_E_USAGE, "receipt");
    e.row = (uint64_t)receipt;
    int code = mst_reader_rows(q->reader, q->pid, e.row, put_report, &e, err);
    if (!code)
        code = e.code;
    if (!code && !e.report_found)
        return mst_fail(err, MST_E_UNKNOWN, "%s", text);
    if (!code)
        code = mst_reader_outboxes(q->reader, q->pid, match_outbox, &e, err);
    if (!code && !e.outbox_found)
        return mst_fail_on(err, MST_E_CORRUPT, "outbox");
    return code ? code : put_evidence(&e);
}
