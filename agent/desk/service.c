/* SPDX-License-Identifier: Apache-2.0 */
/* The two commands that are not asked of a running agent: to be one, and to become one. */
#include <stdlib.h>
#include <sys/resource.h>

#include "agent/desk/desk.h"
#include "agent/link/home.h"
#include "agent/run/run.h"

#define JOIN_SECONDS 30

/* Secret keys must not end up in a core file. */
static void no_core_dumps(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
}

int mst_desk_run(const struct mst_desk *desk)
{
    struct mst_err err;
    no_core_dumps();
    return mst_run(desk->home, &err) ? mst_desk_complain(&err) : MST_EXIT_OK;
}

int mst_desk_join(const struct mst_desk *desk)
{
    struct mst_err err;
    char principal[65];
    const char *timeout = mst_call_value(desk->call, "timeout");
    int seconds = timeout ? atoi(timeout) : JOIN_SECONDS;
    no_core_dumps();
    if (mst_home_join(desk->home, mst_call_value(desk->call, "invitation"),
                      (seconds > 0 && seconds < 86400 ? seconds : JOIN_SECONDS) * 1000, principal,
                      &err))
        return mst_desk_complain(&err);
    if (desk->json) {
        printf("{\"principal\":\"%s\"}\n", principal);
    } else {
        printf(_("joined as %s; the home is %s"), principal, desk->home);
        printf("\n");
    }
    return MST_EXIT_OK;
}
