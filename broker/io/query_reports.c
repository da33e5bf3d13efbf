/* SPDX-License-Identifier: Apache-2.0 */
/* Queries about reports: what was received, and one of them whole, with its evidence. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/io/query.h"
#include "config/model/tasks.h"

/* Rows that are looked at together; no run holds more reports than this. */
#define SPAN_ROWS 4096

/* Where reports may stand, ascending and apart from each other. */
struct span {
    uint64_t first, last;
};

struct spans {
    struct span *items;
    size_t count, cap;
    bool failed;
};

struct listing {
    struct mst_query *q;
    struct mst_err *err;
    struct spans spans;
    const char *unit;     /* whose; NULL: everybody's */
    const char *group;    /* likewise, of whose units; NULL: of any */
    uint64_t first, last; /* between which outboxes are looked at */
    uint64_t from, until;
    int64_t left;
    uint64_t rows[SPAN_ROWS]; /* that were found in the span at hand */
    uint64_t found;
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

/* What a report says in a line: its summary, title or text, what it says of its first task, or what
 * it is about. */
#define LINE_BYTES_MAX 240

static struct mst_slice line_of(struct mst_slice map)
{
    static const char *const places[] = {"summary", "title", "text"};
    struct mst_slice body = {0}, line = {0};
    struct mst_task_progress task;
    bool found = mst_unpack_find(map, "body", &body);
    for (size_t i = 0; found && line.len == 0 && i < sizeof places / sizeof places[0]; i++)
        line = mst_unpack_text(body, places[i]);
    struct mst_tasks_cursor tasks = mst_tasks_open(body);
    if (line.len == 0 && mst_tasks_next_progress(&tasks, &task))
        line = task.text.len ? task.text : task.id;
    if (line.len == 0)
        line = mst_unpack_text(map, "obligation");
    if (line.len > LINE_BYTES_MAX) {
        line.len = LINE_BYTES_MAX;
        while (line.len > 0 && (line.data[line.len] & 0xC0) == 0x80)
            line.len--; /* never within a character */
    }
    return line.data ? line : mst_text("");
}

static bool is_wanted(const struct mst_query *q, const struct mst_row *row, struct heading *h)
{
    if (row->kind != MST_ROW_REPORT)
        return false;
    read_heading(q, mst_query_map(row), h);
    return mst_query_matches(q, "unit", h->unit) && mst_query_matches(q, "group", h->group) &&
           mst_query_matches(q, "duty", h->duty) && mst_query_matches(q, "period", h->period) &&
           may_read(q, h);
}

static uint64_t sequence_of(const struct mst_row *report)
{
    return report->run->first + (report->row - report->run->row_first);
}

static int note_refusal(void *context, const struct mst_refusal *refusal)
{
    const char **word = context;
    *word = mst_code_word((int)refusal->code);
    return 1;
}

static int list_one(void *context, const struct mst_row *row)
{
    struct listing *l = context;
    struct mst_query *q = l->q;
    struct heading h;
    if (row->row > l->until)
        return 1;
    if (!is_wanted(q, row, &h))
        return 0;
    struct mst_slice map = mst_query_map(row);
    struct mst_buf *b = mst_query_row(q);
    const char *refused = "";
    l->code = mst_reader_refusals(q->reader, q->pid, row->run->outbox, sequence_of(row),
                                  sequence_of(row), note_refusal, &refused, l->err);
    if (l->code)
        return 1;
    mst_pack_map(b, 9 + 2 * MST_NAMED_PAIRS);
    mst_pack_text(b, "receipt");
    mst_pack_uint(b, row->row);
    mst_query_pack_instant(q, b, "at", row->at);
    mst_query_pack_unit(q, b, "unit", h.unit);
    mst_query_pack_text(b, "group", h.group);
    mst_query_pack_text(b, "act", h.act);
    mst_query_pack_duty(q, b, "duty", h.duty);
    mst_query_pack_text(b, "period", h.period);
    mst_query_pack_text(b, "refused", refused);
    mst_pack_text(b, "text");
    mst_pack_text_slice(b, line_of(map));
    mst_query_pack_instant(q, b, "queued", mst_unpack_int(map, "at", 0));
    mst_pack_text(b, "bytes");
    mst_pack_uint(b, row->bytes.len);
    l->code = mst_query_row_end(q, l->err);
    return l->code || --l->left <= 0;
}

/* ---- where to look ---- */

static void add_span(struct spans *spans, uint64_t first, uint64_t last)
{
    if (spans->count == spans->cap) {
        size_t cap = spans->cap ? 2 * spans->cap : 64;
        struct span *grown = realloc(spans->items, cap * sizeof *grown);
        spans->failed = spans->failed || !grown;
        if (!grown)
            return;
        spans->items = grown;
        spans->cap = cap;
    }
    spans->items[spans->count++] = (struct span){first, last};
}

static int add_run(void *context, const struct mst_run *run)
{
    struct listing *l = context;
    uint64_t first = run->row_first, last = run->row_first + (run->last - run->first);
    if (last >= l->first && first <= l->last)
        add_span(&l->spans, first > l->first ? first : l->first, last < l->last ? last : l->last);
    return 0;
}

static bool is_of(const struct listing *l, const char *unit)
{
    const struct mst_programme *p = l->q->programme;
    if (l->unit)
        return strcmp(unit, l->unit) == 0;
    size_t group = mst_programme_group_of(p, mst_programme_unit(p, unit));
    return group != SIZE_MAX && strcmp(p->groups[group].id, l->group) == 0;
}

static int add_outbox(void *context, const struct mst_outbox *outbox)
{
    struct listing *l = context;
    if (is_of(l, outbox->unit))
        l->code = mst_reader_runs(l->q->reader, l->q->pid, outbox->number, 1, add_run, l, l->err);
    return l->code;
}

static int by_row(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Neighbours become one where that costs less than to look for each: what stands in between is
 * passed over as it is read. */
#define GAP_ROWS 32
static void join_spans(struct spans *spans)
{
    size_t kept = 0;
    for (size_t i = 0; i < spans->count; i++) {
        struct span *last = kept ? &spans->items[kept - 1] : NULL;
        if (last && spans->items[i].first <= last->last + GAP_ROWS &&
            spans->items[i].last - last->first < SPAN_ROWS)
            last->last = spans->items[i].last;
        else
            spans->items[kept++] = spans->items[i];
    }
    spans->count = kept;
}

static int spans_verdict(struct listing *l, int code)
{
    return !code && l->spans.failed ? mst_fail_on(l->err, MST_E_NOMEM, "reports") : code;
}

/* Everything between two rows: what is looked for may stand anywhere. */
static int add_all(struct listing *l, uint64_t first, uint64_t last)
{
    for (uint64_t row = first; row <= last; row += SPAN_ROWS)
        add_span(&l->spans, row, row + SPAN_ROWS - 1 < last ? row + SPAN_ROWS - 1 : last);
    return spans_verdict(l, 0);
}

/* Between two rows, what the outboxes of the unit or of the group's units brought. */
static int add_own(struct listing *l, uint64_t first, uint64_t last)
{
    l->first = first;
    l->last = last;
    int code = mst_reader_outboxes(l->q->reader, l->q->pid, add_outbox, l, l->err);
    code = code ? code : l->code;
    if (!code && l->spans.count)
        qsort(l->spans.items, l->spans.count, sizeof l->spans.items[0], by_row);
    join_spans(&l->spans);
    return spans_verdict(l, code);
}

static int walk_span(struct listing *l, size_t index, mst_row_fn fn)
{
    l->until = l->spans.items[index].last;
    uint64_t first = l->spans.items[index].first;
    int code =
        mst_reader_rows(l->q->reader, l->q->pid, first > l->from ? first : l->from, fn, l, l->err);
    return code ? code : l->code;
}

static int note_one(void *context, const struct mst_row *row)
{
    struct listing *l = context;
    struct heading h;
    if (row->row > l->until)
        return 1;
    if (is_wanted(l->q, row, &h) && l->found < SPAN_ROWS)
        l->rows[l->found++] = row->row;
    return 0;
}

/* The newest ones: from the end on, as far back as it takes; ret_index: the span to begin with.
 * ret_enough: there are as many as are wanted. */
static int find_newest(struct listing *l, size_t *ret_index, bool *ret_enough)
{
    uint64_t wanted = (uint64_t)l->left, before = 0;
    int code = 0;
    *ret_index = l->spans.count;
    while (!code && *ret_index > 0 && before < wanted) {
        l->found = 0;
        code = walk_span(l, --*ret_index, note_one);
        if (before + l->found >= wanted)
            l->from = l->rows[l->found - (wanted - before)];
        before += l->found;
    }
    *ret_enough = before >= wanted;
    return code;
}

static int walk_from(struct listing *l, size_t index)
{
    int code = 0;
    for (; !code && l->left > 0 && index < l->spans.count; index++)
        code = walk_span(l, index, list_one);
    return code;
}

/* ---- lists ---- */

/*
 * A group's reports are looked for near where the list begins or ends first, row by row: there they
 * are, mostly. What its units' outboxes brought farther away costs a look at all that they ever
 * brought, and spares one at all that others did.
 */
static int list_newest(struct listing *l, uint64_t last)
{
    uint64_t rows = l->q->list_near_rows, near = l->group && last > rows ? last - rows + 1 : 1;
    size_t index = 0;
    bool enough;
    int code = l->unit ? add_own(l, 1, last) : add_all(l, near, last);
    if (!code)
        code = find_newest(l, &index, &enough);
    if (!code && !enough && !l->unit && near > 1) {
        l->spans.count = 0;
        code = add_own(l, 1, near - 1);
        code = code ? code : add_all(l, near, last);
        code = code ? code : find_newest(l, &index, &enough);
    }
    return code ? code : walk_from(l, index);
}

static int list_onwards(struct listing *l, uint64_t last)
{
    uint64_t rows = l->q->list_near_rows;
    bool far = l->group && !l->unit && last - l->from >= rows;
    uint64_t near = far ? l->from + rows - 1 : last;
    int code = l->unit ? add_own(l, l->from, last) : add_all(l, l->from, near);
    code = code ? code : walk_from(l, 0);
    if (code || !far || l->left <= 0)
        return code;
    l->spans.count = 0;
    code = add_own(l, near + 1, last);
    return code ? code : walk_from(l, 0);
}

int mst_query_reports(struct mst_query *q, struct mst_err *err)
{
    char unit[MST_ID_MAX], group[MST_ID_MAX];
    uint8_t head[MST_HASH_BYTES];
    uint64_t last = 0;
    mst_time at;
    struct listing l = {
        .q = q, .err = err, .left = mst_query_number(q, "limit", MST_LIST_ROWS_DEFAULT)};
    int64_t from = mst_query_number(q, "from", 0);
    if (from < 0 || l.left < 1)
        return mst_fail(err, MST_E_USAGE, "%s: %s", l.left < 1 ? "--limit" : "--from",
                        N_("must be a whole number from 1 on"));
    l.from = from ? (uint64_t)from : 1;
    l.unit = mst_query_arg(q, "unit", unit, sizeof unit);
    l.group = mst_query_arg(q, "group", group, sizeof group);
    int code = mst_reader_last_head(q->reader, q->pid, &last, &at, head, err);
    if (!code && l.from <= last)
        code = from ? list_onwards(&l, last) : list_newest(&l, last);
    free(l.spans.items);
    return code;
}

/* ---- one report ---- */

struct run_search {
    uint64_t row;
    bool found;
    struct mst_run run;
    struct mst_outbox outbox;
};

static int match_row(void *context, const struct mst_row *row)
{
    struct run_search *s = context;
    s->found = row->row == s->row && row->kind == MST_ROW_REPORT;
    if (s->found)
        s->run = *row->run;
    return 1;
}

static int match_outbox(void *context, const struct mst_outbox *outbox)
{
    struct run_search *s = context;
    if (outbox->number != s->run.outbox)
        return 0;
    s->outbox = *outbox;
    return 1;
}

int mst_query_find_run(struct mst_query *q, uint64_t row, bool *ret_found, struct mst_run *ret_run,
                       struct mst_outbox *ret_outbox, struct mst_err *err)
{
    struct run_search s = {.row = row};
    int code = mst_reader_rows(q->reader, q->pid, row, match_row, &s, err);
    if (!code && s.found)
        code = mst_reader_outboxes(q->reader, q->pid, match_outbox, &s, err);
    if (!code && s.found && !s.outbox.number)
        return mst_fail_on(err, MST_E_CORRUPT, "outbox");
    *ret_found = !code && s.found;
    *ret_run = s.run;
    *ret_outbox = s.outbox;
    return code;
}

struct evidence {
    struct mst_query *q;
    struct mst_err *err;
    uint64_t row;
    bool report_found;
    struct mst_run run;
    struct mst_outbox outbox;
    int code;
};

/* What of a report concerns a few only, and is no progress of the group's. */
#define CONFIDENTIAL "difficulties"

/* The body, for whom the whole report is open or only what is progress. */
static void pack_body(const struct mst_query *q, const struct heading *h, struct mst_buf *b,
                      struct mst_slice body)
{
    struct mst_unpack u;
    struct mst_value head;
    struct mst_slice raw, key, value;
    mst_unpack_init(&u, body.data, body.len);
    if (mst_query_may(q, h->unit, h->group) || !mst_unpack_find(body, CONFIDENTIAL, &raw) ||
        !mst_unpack_next(&u, &head)) {
        mst_buf_put(b, body.data, body.len);
        return;
    }
    mst_pack_map(b, head.count - 1);
    while (mst_unpack_skip(&u, &key) && mst_unpack_skip(&u, &value)) {
        struct mst_unpack k;
        struct mst_value name;
        mst_unpack_init(&k, key.data, key.len);
        if (mst_unpack_next(&k, &name) && mst_slice_is(name.s, CONFIDENTIAL))
            continue;
        mst_buf_put(b, key.data, key.len);
        mst_buf_put(b, value.data, value.len);
    }
}

static int put_report(void *context, const struct mst_row *row)
{
    struct evidence *e = context;
    struct mst_query *q = e->q;
    struct heading h;
    char number[24], reason[1025];
    if (row->row != e->row || row->kind != MST_ROW_REPORT)
        return 1;
    struct mst_slice map = mst_query_map(row);
    read_heading(q, map, &h);
    if (!may_read(q, &h))
        return 1;
    e->report_found = true;
    snprintf(number, sizeof number, "%" PRIu64, row->row);
    const struct mst_query_pair pairs[] = {{"receipt", number, NULL},
                                           {"unit", h.unit, mst_query_pack_unit},
                                           {"act", h.act, NULL},
                                           {"duty", h.duty, mst_query_pack_duty},
                                           {"period", h.period, NULL}};
    e->code = mst_query_pairs(q, pairs, sizeof pairs / sizeof pairs[0], e->err);
    if (!e->code)
        e->code = mst_query_pair_instant(q, "received", row->at, e->err);
    if (!e->code)
        e->code = mst_query_pair_instant(q, "queued", mst_unpack_int(map, "at", 0), e->err);
    if (!e->code && mst_slice_copy(mst_unpack_text(map, "reason"), reason, sizeof reason)[0])
        e->code = mst_query_pair(q, "reason", reason, e->err);
    struct mst_slice body;
    if (!e->code && mst_unpack_find(map, "body", &body)) {
        struct mst_buf *b = mst_query_row(q);
        mst_pack_map(b, 3);
        mst_query_pack_text(b, "name", "body");
        mst_pack_text(b, "value");
        pack_body(q, &h, b, body);
        mst_query_pack_labels(q, b, h.duty);
        e->code = mst_query_row_end(q, e->err);
    }
    return 1;
}

static int put_refusal(void *context, const struct mst_refusal *refusal)
{
    struct evidence *e = context;
    struct mst_buf *b = mst_query_say(e->q, "refused", MST_SAY_REFUSED, 2);
    mst_query_pack_text(b, "code", mst_code_word(refusal->code));
    mst_pack_text(b, "subject");
    mst_pack_text_slice(b, refusal->subject);
    e->code = mst_query_row_end(e->q, e->err);
    return 1;
}

static int put_evidence(struct evidence *e)
{
    char number[24];
    uint64_t sequence = e->run.first + (e->row - e->run.row_first);
    snprintf(number, sizeof number, "%" PRIu64, sequence);
    /* What was refused is evidence like the rest, and counts for nothing. */
    int code = mst_reader_refusals(e->q->reader, e->q->pid, e->outbox.number, sequence, sequence,
                                   put_refusal, e, e->err);
    if (!code)
        code = e->code;
    if (!code)
        code = mst_query_pair_hex(e->q, "outbox", e->outbox.id, sizeof e->outbox.id, e->err);
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
        return mst_fail(err, MST_E_USAGE, "%s: %s", receipt ? text : "receipt",
                        N_("must be a whole number from 1 on"));
    e.row = (uint64_t)receipt;
    int code = mst_reader_rows(q->reader, q->pid, e.row, put_report, &e, err);
    if (!code)
        code = e.code;
    if (!code && !e.report_found)
        return mst_fail(err, MST_E_UNKNOWN, "%s", text);
    bool run_found = false;
    if (!code)
        code = mst_query_find_run(q, e.row, &run_found, &e.run, &e.outbox, err);
    return code || !run_found ? code : put_evidence(&e);
}
