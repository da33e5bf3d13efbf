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

static const struct own {
    const char *word;
    int (*run)(const struct mst_ctl_call *call);
} owns[] = {
    {"check", mst_ctl_check},       {"calendar", mst_ctl_calendar}, {"plan", mst_ctl_plan},
    {"settings", mst_ctl_settings}, {"export", mst_ctl_export},     {"verify", mst_ctl_verify},
    {"rotate", mst_ctl_rotate},
};

/* What is more than to ask the broker and print its rows. */
static int run(const struct mst_ctl_call *call)
{
    for (size_t i = 0; i < sizeof owns / sizeof owns[0]; i++) {
        if (strcmp(owns[i].word, call->command->word) == 0)
            return owns[i].run(call);
    }
    return mst_ctl_remote(call);
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
    return mst_app_end(line.app, run(&call));
}
