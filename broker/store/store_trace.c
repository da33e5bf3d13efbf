/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracing store: passes every call on to another store and tells it, with its result, in one
 * line. It changes no argument and no result. It never tells contents, only sizes, names and
 * numbers, so that a trace may be shown to anybody.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/store/store_impl.h"

#define LINE_BYTES_MAX 512

struct trace_reader {
    struct mst_reader base;
    struct trace_store *store;
    struct mst_reader *inner;
};

struct trace_store {
    struct mst_store base;
    struct mst_store *inner;
    struct trace_reader own;
    mst_store_trace_fn fn;
    void *context;
};

static struct trace_store *of(struct mst_store *s)
{
    return (struct trace_store *)s;
}

static void tell(const struct trace_store *t, int code, const char *fmt, ...) MST_PRINTF(3, 4);
static void tell(const struct trace_store *t, int code, const char *fmt, ...)
{
    char what[LINE_BYTES_MAX - 32], line[LINE_BYTES_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    snprintf(line, sizeof line, "%s -> %s", what, mst_code_word(code));
    t->fn(t->context, line);
}

/* ---- writing ---- */

static void trace_close(struct mst_store *s)
{
    struct trace_store *t = of(s);
    mst_store_close(t->inner);
    tell(t, 0, "close");
    free(t);
}

static int trace_begin(struct mst_store *s, struct mst_err *err)
{
    int code = mst_store_begin(of(s)->inner, err);
    tell(of(s), code, "begin");
    return code;
}

static int trace_programme(struct mst_store *s, const char *id, mst_pid next, mst_pid *ret_pid,
                           struct mst_err *err)
{
    (void)next; /* numbers are given by the inner store */
    int code = mst_store_programme(of(s)->inner, id, ret_pid, err);
    tell(of(s), code, "programme %s p=%u", id, code ? 0 : *ret_pid);
    return code;
}

/* Call the inner store's own function for a put, so that it makes its own checks. */
static int pass_put(struct mst_store *s, const struct mst_put *put, struct mst_err *err)
{
    switch (put->table) {
    case MST_TABLE_ROW:
        return mst_store_put_row(s, put->p, put->u.row, err);
    case MST_TABLE_HEAD:
        return mst_store_put_head(s, put->p, put->u.head.row, put->u.head.at, put->u.head.head,
                                  err);
    case MST_TABLE_RUN:
        return mst_store_put_run(s, put->p, put->u.run.run, put->u.run.reports, err);
    case MST_TABLE_OUTBOX:
        return mst_store_put_outbox(s, put->p, put->u.outbox, err);
    case MST_TABLE_REFUSAL:
        return mst_store_put_refusal(s, put->p, put->u.refusal, err);
    case MST_TABLE_OBLIGATION:
        return mst_store_put_obligation(s, put->p, put->u.named.name, put->u.named.bytes, err);
    case MST_TABLE_ITEM:
        return mst_store_put_item(s, put->p, put->u.item.kind, put->u.item.id, put->u.item.bytes,
                                  err);
    case MST_TABLE_ALERT:
        return mst_store_put_alert(s, put->p, put->u.alert, err);
    case MST_TABLE_CURSOR:
        return mst_store_put_cursor(s, put->p, put->u.cursor.principal, put->u.cursor.name,
                                    put->u.cursor.cursor, err);
    case MST_TABLE_KEY:
        return mst_store_put_key(s, put->p, put->u.key, err);
    case MST_TABLE_INVITATION:
        return mst_store_put_invitation(s, put->p, put->u.invitation, err);
    case MST_TABLE_META:
        return mst_store_put_meta(s, put->p, put->u.named.name, put->u.named.bytes, err);
    default:
        return mst_fail_on(err, MST_E_INTERNAL, "put");
    }
}

/* What identifies the thing that is put. */
static void describe_put(const struct mst_put *put, char *text, size_t size)
{
    switch (put->table) {
    case MST_TABLE_ROW:
        snprintf(text, size, "row=%llu kind=%u at=%lld bytes=%zu",
                 (unsigned long long)put->u.row->row, put->u.row->kind, (long long)put->u.row->at,
                 put->u.row->bytes.len);
        break;
    case MST_TABLE_HEAD:
        snprintf(text, size, "row=%llu at=%lld", (unsigned long long)put->u.head.row,
                 (long long)put->u.head.at);
        break;
    case MST_TABLE_RUN:
        snprintf(text, size, "outbox=%llu seq=%llu..%llu row=%llu",
                 (unsigned long long)put->u.run.run->outbox,
                 (unsigned long long)put->u.run.run->first,
                 (unsigned long long)put->u.run.run->last,
                 (unsigned long long)put->u.run.run->row_first);
        break;
    case MST_TABLE_OUTBOX:
        snprintf(text, size, "unit=%s last=%llu", put->u.outbox->unit,
                 (unsigned long long)put->u.outbox->last);
        break;
    case MST_TABLE_REFUSAL:
        snprintf(text, size, "outbox=%llu seq=%llu code=%s",
                 (unsigned long long)put->u.refusal->outbox,
                 (unsigned long long)put->u.refusal->seq, mst_code_word((int)put->u.refusal->code));
        break;
    case MST_TABLE_ITEM:
        snprintf(text, size, "%s/%s bytes=%zu", put->u.item.kind, put->u.item.id,
                 put->u.item.bytes.len);
        break;
    case MST_TABLE_ALERT:
        snprintf(text, size, "number=%llu row=%llu", (unsigned long long)put->u.alert->number,
                 (unsigned long long)put->u.alert->row);
        break;
    case MST_TABLE_CURSOR:
        snprintf(text, size, "%s/%s=%llu", put->u.cursor.principal, put->u.cursor.name,
                 (unsigned long long)put->u.cursor.cursor);
        break;
    case MST_TABLE_KEY:
        snprintf(text, size, "%s", put->u.key->principal);
        break;
    case MST_TABLE_INVITATION:
        snprintf(text, size, "%s", put->u.invitation->principal);
        break;
    default:
        snprintf(text, size, "%s bytes=%zu", put->u.named.name, put->u.named.bytes.len);
    }
}

static int trace_put(struct mst_store *s, const struct mst_put *put, struct mst_err *err)
{
    char text[256];
    int code = pass_put(of(s)->inner, put, err);
    describe_put(put, text, sizeof text);
    tell(of(s), code, "put %s p=%u %s", mst_table_name(put->table), put->p, text);
    return code;
}

static void trace_done(void *context, int code, const struct mst_err *err)
{
    struct trace_store *t = context;
    tell(t, code, "commit");
    mst_store_committed(&t->base, code, err);
}

static void trace_commit(struct mst_store *s)
{
    mst_store_commit(of(s)->inner, trace_done, of(s));
}

static int trace_rollback(struct mst_store *s, struct mst_err *err)
{
    (void)err;
    mst_store_rollback(of(s)->inner);
    tell(of(s), 0, "rollback");
    return 0;
}

static int trace_fd(const struct mst_store *s)
{
    return mst_store_fd(((const struct trace_store *)s)->inner);
}

static void trace_complete(struct mst_store *s)
{
    mst_store_complete(of(s)->inner);
}

static int trace_publish(struct mst_store *s, struct mst_err *err)
{
    int code = mst_store_publish(of(s)->inner, err);
    tell(of(s), code, "publish");
    return code;
}

static int trace_maintain(struct mst_store *s, bool *ret_more, struct mst_err *err)
{
    int code = mst_store_maintain(of(s)->inner, ret_more, err);
    tell(of(s), code, "maintain more=%d", !code && *ret_more);
    return code;
}

/* ---- reading ---- */

static const struct mst_store_ops trace_ops;

static int trace_reader_open(struct mst_store *s, struct mst_reader **ret_reader,
                             struct mst_err *err)
{
    struct trace_reader *r = calloc(1, sizeof *r);
    int code = r ? mst_store_reader_open(of(s)->inner, &r->inner, err)
                 : mst_fail_on(err, MST_E_NOMEM, "store");
    tell(of(s), code, "reader-open");
    if (code) {
        free(r);
        return code;
    }
    r->base.ops = &trace_ops;
    r->store = of(s);
    *ret_reader = &r->base;
    return 0;
}

static void trace_reader_close(struct mst_reader *base)
{
    struct trace_reader *r = (struct trace_reader *)base;
    mst_reader_close(r->inner);
    tell(r->store, 0, "reader-close");
    free(r);
}

static int trace_walk(struct mst_reader *base, const struct mst_walk *walk, struct mst_err *err)
{
    struct trace_reader *r = (struct trace_reader *)base;
    int code = mst_reader_walk(r->inner, walk, err);
    tell(r->store, code, "walk %s p=%u from=%llu", mst_table_name(walk->table), walk->p,
         (unsigned long long)walk->from);
    return code;
}

static int trace_last(struct mst_reader *base, enum mst_table table, mst_pid p,
                      uint64_t *ret_number, struct mst_err *err)
{
    struct trace_reader *r = (struct trace_reader *)base;
    int code = mst_reader_last(r->inner, table, p, ret_number, err);
    tell(r->store, code, "last %s p=%u number=%llu", mst_table_name(table), p,
         code ? 0 : (unsigned long long)*ret_number);
    return code;
}

static int trace_meta(struct mst_reader *base, mst_pid p, const char *name, void *data, size_t *len,
                      struct mst_err *err)
{
    struct trace_reader *r = (struct trace_reader *)base;
    int code = mst_reader_meta(r->inner, p, name, data, len, err);
    tell(r->store, code, "meta p=%u %s bytes=%zu", p, name, code ? 0 : *len);
    return code;
}

static const struct mst_store_ops trace_ops = {
    .close = trace_close,
    .begin = trace_begin,
    .programme = trace_programme,
    .put = trace_put,
    .commit = trace_commit,
    .rollback = trace_rollback,
    .fd = trace_fd,
    .complete = trace_complete,
    .publish = trace_publish,
    .maintain = trace_maintain,
    .reader_open = trace_reader_open,
    .reader_close = trace_reader_close,
    .walk = trace_walk,
    .last = trace_last,
    .meta = trace_meta,
};

int mst_store_trace_wrap(struct mst_store **inner, mst_store_trace_fn fn, void *context,
                         struct mst_store **ret_store, struct mst_err *err)
{
    struct trace_store *t = calloc(1, sizeof *t);
    if (!t)
        return mst_fail_on(err, MST_E_NOMEM, "store");
    t->base.ops = &trace_ops;
    t->base.passthrough = true;
    t->base.own = &t->own.base;
    t->inner = *inner;
    t->own.base.ops = &trace_ops;
    t->own.store = t;
    t->own.inner = mst_store_own_reader(*inner);
    t->fn = fn;
    t->context = context;
    *inner = NULL;
    *ret_store = &t->base;
    return 0;
}
