/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl export and verify: evidence into a file, and checking such a file without a broker. */
#include "agent/ctl/ctl.h"

#include <string.h>
#include <unistd.h>

#include "agent/link/home.h"
#include "agent/link/proof.h"
#include "proto/pack.h"

struct gathering {
    struct mst_proof *proof;
    struct mst_err *err;
};

static int take_row(void *context, struct mst_slice row)
{
    struct gathering *g = context;
    return mst_proof_take(g->proof, row, g->err);
}

/* Rows of {name, value}, one after the other. */
static int print_rows(const struct mst_ctl_call *call, const struct mst_buf *rows,
                      struct mst_err *err)
{
    struct mst_table *table = mst_table_new(call->format, call->command->columns, stdout);
    struct mst_unpack u;
    struct mst_slice row;
    int code = table ? 0 : mst_fail_on(err, MST_E_NOMEM, call->command->word);
    mst_unpack_init(&u, rows->data, rows->len);
    while (!code && mst_unpack_skip(&u, &row))
        code = mst_table_row(table, row, err);
    int end = table ? mst_table_end(table, code ? NULL : err) : 0;
    return code ? code : end;
}

static int export_to(const struct mst_ctl_call *call, struct mst_err *err)
{
    const char *path = mst_ctl_value(call, "out");
    struct gathering g = {.err = err};
    int code = access(path, F_OK) == 0 ? mst_fail_on(err, MST_E_EXISTS, path)
                                       : mst_proof_new(mst_ctl_value(call, "what"), &g.proof, err);
    if (!code)
        code = mst_ctl_ask(call, "export", take_row, &g, err);
    if (!code)
        code = mst_proof_write(g.proof, path, err);
    mst_proof_free(g.proof);
    return code;
}

int mst_ctl_export(const struct mst_ctl_call *call)
{
    struct mst_err err;
    struct mst_buf rows = {0};
    int code = export_to(call, &err);
    mst_pack_map(&rows, 2);
    mst_pack_text(&rows, "name");
    mst_pack_text(&rows, "file");
    mst_pack_text(&rows, "value");
    mst_pack_text(&rows, mst_ctl_value(call, "out"));
    if (!code)
        code =
            rows.failed ? mst_fail_on(&err, MST_E_NOMEM, "export") : print_rows(call, &rows, &err);
    mst_buf_done(&rows);
    return code ? mst_complain(call->line->app->program, &err) : MST_EXIT_OK;
}

int mst_ctl_verify(const struct mst_ctl_call *call)
{
    struct mst_err err;
    struct mst_buf rows = {0};
    const char *home = mst_call_option(call->line, "home");
    if (home)
        mst_home_adopt_zone(home);
    int code =
        mst_proof_verify(mst_ctl_value(call, "file"), mst_ctl_value(call, "key"), &rows, &err);
    if (!code)
        code = print_rows(call, &rows, &err);
    mst_buf_done(&rows);
    return code ? mst_complain(call->line->app->program, &err) : MST_EXIT_OK;
}
