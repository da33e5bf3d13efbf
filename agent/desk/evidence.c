/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence that a unit keeps for itself: a receipt, or an alert that it was sent, as a file that
 * can be checked without the broker. */
#include <stdlib.h>
#include <string.h>

#include "agent/desk/desk.h"
#include "agent/link/proof.h"
#include "proto/pack.h"

struct gathering {
    struct mst_proof *proof;
    uint64_t wanted;
    bool found;
    const char *sign_key;
};

static int take_row(void *context, struct mst_slice row, struct mst_err *err)
{
    struct gathering *g = context;
    g->found = true;
    return mst_proof_take(g->proof, row, err);
}

static int take_alert(void *context, struct mst_slice row, struct mst_err *err)
{
    struct gathering *g = context;
    struct mst_slice frame = mst_unpack_bin(row, "alert");
    if ((uint64_t)mst_unpack_int(row, "n", 0) != g->wanted)
        return 0;
    struct mst_msg_scratch *scratch = malloc(sizeof *scratch);
    struct mst_msg msg;
    int code = scratch ? mst_msg_decode(frame.data, frame.len, MST_DOWN, scratch, &msg, err)
                       : mst_fail_on(err, MST_E_NOMEM, "inbox");
    g->found = true;
    if (!code)
        code = mst_proof_take_alert(g->proof, &msg.u.alert, g->sign_key, err);
    free(scratch);
    return code;
}

static int take_key(void *context, struct mst_slice row, struct mst_err *err)
{
    struct mst_slice key = mst_unpack_text(row, "broker_sign_key");
    mst_buf_put(context, key.data, key.len);
    mst_buf_put(context, "", 1);
    return ((struct mst_buf *)context)->failed ? mst_fail_on(err, MST_E_NOMEM, "status") : 0;
}

/* The broker's key as the agent pins it. */
static int fetch_sign_key(struct mst_local *local, struct mst_buf *ret, struct mst_err *err)
{
    struct mst_desk_list list = {.verb = "status"};
    bool more = false;
    int code = mst_desk_page(local, &list, take_key, ret, &more, err);
    if (!code && ret->len <= 1)
        code = mst_fail_on(err, MST_E_UNKNOWN, "broker_sign_key");
    return code;
}

int mst_desk_export(const struct mst_desk *desk, struct mst_local *local, const char *kind,
                    struct mst_err *err)
{
    const char *number = mst_call_value(desk->call, "export");
    const char *path = mst_call_value(desk->call, "out");
    struct gathering g = {.wanted = strtoull(number, NULL, 10)};
    bool receipt = strcmp(kind, "receipt") == 0, more = false;
    if (!path)
        return mst_fail(err, MST_E_USAGE, "%s", _("--export needs --out FILE"));
    if (g.wanted == 0)
        return mst_fail(err, MST_E_USAGE, "--export %s", number);
    struct mst_desk_list list = {.verb = receipt ? "proof" : "inbox", .key = "n"};
    if (receipt)
        list.number = g.wanted;
    else
        list.after = g.wanted - 1;
    struct mst_buf key = {0};
    int code = mst_proof_new(kind, &g.proof, err);
    if (!code)
        code = fetch_sign_key(local, &key, err);
    g.sign_key = (const char *)key.data;
    if (!code)
        code = receipt ? mst_desk_pages(local, &list, take_row, &g, err)
                       : mst_desk_page(local, &list, take_alert, &g, &more, err);
    if (code == MST_E_UNKNOWN || (!code && !g.found)) {
        code = mst_fail(err, MST_E_UNKNOWN, _("nothing is kept that proves %s"), number);
        mst_hint(err, "%s",
                 _("what is still queued has no receipt; what was let go of after "
                   "keep_days the office can export"));
    }
    if (!code)
        code = mst_proof_write(g.proof, path, err);
    if (!code && !desk->json)
        printf("%s\n", path);
    mst_buf_done(&key);
    mst_proof_free(g.proof);
    return code;
}
