/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the reports that count, and reading them: one walk over the obligations, then one row
 * each. */
#include "broker/io/effective.h"

#include <stdlib.h>
#include <string.h>

struct collecting {
    struct mst_query *q;
    struct mst_effectives *all;
    struct mst_err *err;
    int code;
};

static bool stands(const struct mst_obligation *o)
{
    return o->kind == MST_DUTY_REPORT && o->latest.row > 0 &&
           (o->work == MST_WORK_SUBMITTED || o->work == MST_WORK_UNDER_REVIEW ||
            o->work == MST_WORK_CLOSED);
}

static int keep(struct collecting *c, const struct mst_effective *e)
{
    struct mst_effectives *all = c->all;
    if (all->count == all->cap) {
        size_t cap = all->cap ? 2 * all->cap : 64;
        struct mst_effective *grown = realloc(all->items, cap * sizeof *grown);
        if (!grown)
            return mst_fail_on(c->err, MST_E_NOMEM, c->q->action);
        all->items = grown;
        all->cap = cap;
    }
    all->items[all->count++] = *e;
    return 0;
}

static int collect_one(void *context, const char *id, struct mst_slice bytes)
{
    struct collecting *c = context;
    const struct mst_programme *p = c->q->programme;
    struct mst_obligation o;
    (void)id;
    c->code = mst_obligation_unpack(bytes, &o, c->err);
    if (c->code || !stands(&o) || !mst_query_matches(c->q, "duty", o.duty) ||
        !mst_query_matches(c->q, "unit", o.bearer) || !mst_query_matches(c->q, "group", o.group) ||
        !mst_query_may(c->q, o.bearer, o.group))
        return c->code;
    struct mst_effective e = {.duty = mst_programme_duty(p, o.duty),
                              .unit = mst_programme_unit(p, o.bearer),
                              .group = mst_programme_group(p, o.group),
                              .row = o.latest.row};
    /* What the programme no longer knows has no form to read it by. */
    if (e.duty == SIZE_MAX || e.unit == SIZE_MAX ||
        mst_period_parse(o.period, p->fiscal_month, p->issued, &e.period, NULL))
        return 0;
    memcpy(e.obligation, o.id, sizeof e.obligation);
    c->code = keep(c, &e);
    return c->code;
}

int mst_effectives_collect(struct mst_query *q, struct mst_effectives *ret, struct mst_err *err)
{
    *ret = (struct mst_effectives){0};
    struct collecting c = {.q = q, .all = ret, .err = err};
    int code = mst_reader_obligations(q->reader, q->pid, collect_one, &c, err);
    return code ? code : c.code;
}

void mst_effectives_done(struct mst_effectives *all)
{
    free(all->items);
}

struct reading {
    const struct mst_effective *e;
    mst_effective_fn fn;
    void *context;
    int code;
};

static int read_one(void *context, const struct mst_row *row)
{
    struct reading *r = context;
    struct mst_slice body;
    if (row->row == r->e->row && row->kind == MST_ROW_REPORT &&
        mst_unpack_find(mst_query_map(row), "body", &body))
        r->code = r->fn(r->context, r->e, row->at, body);
    return 1;
}

int mst_effective_body(struct mst_query *q, const struct mst_effective *e, mst_effective_fn fn,
                       void *context, struct mst_err *err)
{
    struct reading r = {.e = e, .fn = fn, .context = context};
    int code = mst_reader_rows(q->reader, q->pid, e->row, read_one, &r, err);
    return code ? code : r.code;
}
