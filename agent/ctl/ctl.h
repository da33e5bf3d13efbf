/* SPDX-License-Identifier: Apache-2.0 */
/*
 * musterctl: one command line made from the table admin.def. Commands that need no broker run here;
 * every other one is a request whose verb is the command and whose arguments are the words given.
 */
#ifndef MST_AGENT_CTL_CTL_H
#define MST_AGENT_CTL_CTL_H

#include "agent/link/app.h"
#include "agent/link/print.h"

/* In the order of the overview's sections. */
enum mst_where { MST_LOCAL, MST_QUERY, MST_ACT };

#define MST_CTL_VALUES_MAX MST_MANY_MAX
/* A parsed command line. values[i] belongs to command->args[i]; NULL: not given; flags are "yes".
 */
struct mst_ctl_call {
    const struct mst_command_row *command;
    const char *values[MST_ARGS_MAX];
    const char *many[MST_CTL_VALUES_MAX]; /* of the MANY positional */
    size_t many_count;
    enum mst_format format;
    const struct mst_call *line; /* the whole line, with the common options */
};
const char *mst_ctl_value(const struct mst_ctl_call *call, const char *name);

/* The table admin.def as an application. */
const struct mst_app *mst_ctl_app(void);
/* The whole program; an exit code. */
int mst_ctl_main(int argc, char *const *argv);
/* A QUERY or an ACT: ask the broker, print its rows. An exit code. */
int mst_ctl_remote(const struct mst_ctl_call *call);

/*
 * The same verb or another one, rows to `fn`, as mst_link_request() has it; the arguments are those
 * of the call where the verb is its own, else none.
 */
MST_MUST_CHECK int mst_ctl_ask(const struct mst_ctl_call *call, const char *verb,
                               int (*fn)(void *context, struct mst_slice row), void *context,
                               struct mst_err *err);

/* The commands that print for themselves; each returns an exit code. */
int mst_ctl_check(const struct mst_ctl_call *call);
int mst_ctl_calendar(const struct mst_ctl_call *call);
int mst_ctl_plan(const struct mst_ctl_call *call);
int mst_ctl_settings(const struct mst_ctl_call *call);
int mst_ctl_export(const struct mst_ctl_call *call);
int mst_ctl_verify(const struct mst_ctl_call *call);
int mst_ctl_rotate(const struct mst_ctl_call *call);

#endif
