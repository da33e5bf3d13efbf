/* SPDX-License-Identifier: Apache-2.0 */
/* A core of a query's own, filled from what is stored: for pure functions of one, as things are
 * now. */
#include "broker/io/query.h"

struct filling {
    struct mst_core *core;
    struct mst_err *err;
    int code;
};

static int take_obligation(void *context, const char *id, struct mst_slice bytes)
{
    struct filling *f = context;
    struct mst_obligation o;
    (void)id;
    f->code = mst_obligation_unpack(bytes, &o, f->err);
    if (!f->code)
        f->code = mst_core_restore(f->core, &o, f->err);
    return f->code;
}

int mst_query_core(struct mst_query *q, struct mst_core **ret_core, struct mst_err *err)
{
    struct mst_programme *p = q->programme;
    struct filling f = {.core = mst_core_new(p, mst_zone_midnight(p->zone, p->issued)), .err = err};
    if (!f.core)
        return mst_fail_on(err, MST_E_NOMEM, q->action);
    int code = mst_reader_obligations(q->reader, q->pid, take_obligation, &f, err);
    if (!code)
        code = f.code;
    if (code) {
        mst_core_free(f.core);
        return code;
    }
    mst_core_restore_now(f.core, q->now);
    *ret_core = f.core;
    return 0;
}
