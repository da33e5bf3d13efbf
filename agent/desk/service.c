/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that are not asked of a running agent: to be one, to become one, and to change its
 * keys. */
#include <stdlib.h>

#include "agent/desk/desk.h"
#include "agent/link/home.h"
#include "agent/run/run.h"
#include "proto/pack.h"

#define JOIN_SECONDS 30
#define TELL_TIMEOUT_MS 5000

int mst_desk_run(const struct mst_desk *desk)
{
    struct mst_err err;
    return mst_run(desk->home, &err) ? mst_desk_complain(&err) : MST_EXIT_OK;
}

static int timeout_ms(const struct mst_desk *desk)
{
    const char *timeout = mst_call_value(desk->call, "timeout");
    int seconds = timeout ? atoi(timeout) : JOIN_SECONDS;
    return (seconds > 0 && seconds < 86400 ? seconds : JOIN_SECONDS) * 1000;
}

/* Nobody runs there: then nobody has the old keys in hand. */
static void tell_agent(const struct mst_desk *desk)
{
    struct mst_local *local;
    const struct mst_msg_reply *reply;
    struct mst_buf request = {0};
    if (mst_local_open(desk->home, &local, NULL))
        return;
    mst_pack_map(&request, 1);
    mst_pack_text(&request, "do");
    mst_pack_text(&request, "reconnect");
    /* It would take them up with its next connection anyway. */
    (void)!mst_local_call(local, mst_bytes(request.data, request.len), TELL_TIMEOUT_MS, &reply,
                          NULL);
    mst_buf_done(&request);
    mst_local_close(local);
}

int mst_desk_rotate(const struct mst_desk *desk)
{
    struct mst_err err;
    if (mst_home_rotate(desk->home, timeout_ms(desk), &err))
        return mst_desk_complain(&err);
    tell_agent(desk);
    if (desk->json)
        printf("{\"rotated\":true}\n");
    else
        printf("%s\n", _("the keys are replaced; the old ones expire by themselves"));
    return MST_EXIT_OK;
}

static int renew(const struct mst_desk *desk)
{
    struct mst_err err;
    char principal[65];
    if (mst_home_renew(desk->home, mst_call_value(desk->call, "invitation"), timeout_ms(desk),
                       principal, &err))
        return mst_desk_complain(&err);
    tell_agent(desk);
    if (desk->json) {
        printf("{\"principal\":\"%s\",\"renewed\":true}\n", principal);
    } else {
        printf(_("%s has new keys; what was queued in %s goes on"), principal, desk->home);
        printf("\n");
    }
    return MST_EXIT_OK;
}

int mst_desk_join(const struct mst_desk *desk)
{
    struct mst_err err;
    char principal[65];
    if (mst_call_value(desk->call, "renew"))
        return renew(desk);
    if (mst_home_join(desk->home, mst_call_value(desk->call, "invitation"), timeout_ms(desk),
                      principal, &err))
        return mst_desk_complain(&err);
    if (desk->json) {
        printf("{\"principal\":\"%s\"}\n", principal);
    } else {
        printf(_("joined as %s; the home is %s"), principal, desk->home);
        printf("\n");
    }
    return MST_EXIT_OK;
}
