/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl: one command line made from the table admin.def. */
#ifndef MST_AGENT_CTL_CTL_H
#define MST_AGENT_CTL_CTL_H

#include "agent/link/print.h"

enum mst_where { MST_LOCAL, MST_QUERY, MST_ACT };
enum mst_arg_kind { MST_ARG_POSITIONAL, MST_ARG_OPTION, MST_ARG_FLAG };
enum mst_arg_need { MST_ARG_REQUIRED, MST_ARG_OPTIONAL, MST_ARG_MANY };

struct mst_arg_row {
    const char *name;
    enum mst_arg_kind kind;
    enum mst_arg_need need;
    const char *values, *doc;
};
struct mst_command_row {
    const char *word;
    enum mst_where where;
    const char *columns, *doc, *example;
    const struct mst_arg_row *args;
    size_t args_count;
};

#define MST_CTL_VALUES_MAX 64
/* A parsed command line. values[i] belongs to command->args[i]; NULL: not given; flags are "yes".
 */
struct mst_ctl_call {
    const struct mst_command_row *command;
    const char *values[16];
    const char *many[MST_CTL_VALUES_MAX]; /* of the MANY positional */
    size_t many_count;
    enum mst_format format;
};
const char *mst_ctl_value(const struct mst_ctl_call *call, const char *name);

/* The LOCAL commands; each returns an exit code. */
int mst_ctl_check(const struct mst_ctl_call *call);
int mst_ctl_calendar(const struct mst_ctl_call *call);
int mst_ctl_settings(const struct mst_ctl_call *call);

#endif
