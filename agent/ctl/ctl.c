/* SPDX-License-Identifier: Apache-2.0 */
/* From a command line to the one function that serves it. */
#include "agent/ctl/ctl.h"

#include <string.h>

const char *mst_ctl_value(const struct mst_ctl_call *call, const char *name)
{
    for (size_t i = 0; i < call->command->args_count; i++) {
        if (strcmp(call->command->args[i].name, name) == 0)
            return call->values[i];
    }
    return NULL;
}

static int run_local(const struct mst_ctl_call *call)
{
    static const struct {
        const char *word;
        int (*run)(const struct mst_ctl_call *call);
    } locals[] = {
        {"check", mst_ctl_check},
        {"calendar", mst_ctl_calendar},
        {"settings", mst_ctl_settings},
    };
    for (size_t i = 0; i < sizeof locals / sizeof locals[0]; i++) {
        if (strcmp(locals[i].word, call->command->word) == 0)
            return locals[i].run(call);
    }
    struct mst_err err;
    mst_fail_on(&err, MST_E_INTERNAL, call->command->word);
    return mst_complain(call->line->app->program, &err);
}

int mst_ctl_main(int argc, char *const *argv)
{
    struct mst_call line;
    int rc = mst_app_begin(mst_ctl_app(), argc, argv, &line);
    if (rc >= 0)
        return rc;
    struct mst_ctl_call call = {
        .command = line.command, .many_count = line.many_count, .line = &line};
    memcpy(call.values, line.values, sizeof call.values);
    memcpy(call.many, line.many, sizeof call.many);
    call.format = mst_call_option(&line, "json")  ? MST_FORMAT_JSON
                  : mst_call_option(&line, "csv") ? MST_FORMAT_CSV
                                                  : MST_FORMAT_TABLE;
    return call.command->where == MST_LOCAL ? run_local(&call) : mst_ctl_remote(&call);
}
