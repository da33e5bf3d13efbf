/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl rotate: fresh keys for the home of an office desk, a viewer or an administrator. */
#include "agent/ctl/ctl.h"

#include <stdlib.h>

#include "agent/link/home.h"

#define ROTATE_SECONDS 30

int mst_ctl_rotate(const struct mst_ctl_call *call)
{
    struct mst_err err;
    const char *dir = mst_call_option(call->line, "home");
    const char *timeout = mst_call_option(call->line, "timeout");
    int seconds = timeout ? atoi(timeout) : ROTATE_SECONDS;
    int code =
        dir ? mst_home_rotate(dir, (seconds > 0 && seconds < 86400 ? seconds : 1) * 1000, &err)
            : mst_fail(&err, MST_E_USAGE, "%s", _("rotate needs --home DIR"));
    if (code)
        return mst_complain(call->line->app->program, &err);
    printf("%s\n", _("the keys are replaced; the old ones expire by themselves"));
    return MST_EXIT_OK;
}
