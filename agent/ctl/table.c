/* SPDX-License-Identifier: Apache-2.0 */
/* admin.def as a table of commands, with what musterctl adds to all of them. */
#include "agent/ctl/ctl.h"

/* Each command's arguments become one array; the empty last row lets a command have none. */
#define COMMAND(name, word, where, action, columns, doc, example)                                  \
    static const struct mst_arg_row name##_args[] = {
#define ARG(command, name, kind, need, values, doc)                                                \
    {#name, MST_ARG_##kind, MST_ARG_##need, values, doc},
#define ENDCOMMAND(command)                                                                        \
    {                                                                                              \
        NULL, MST_ARG_FLAG, MST_ARG_OPTIONAL, "", ""                                               \
    }                                                                                              \
    }                                                                                              \
    ;
#include "proto/admin.def"
#undef COMMAND
#undef ARG
#undef ENDCOMMAND

static const struct mst_command_row commands[] = {
#define COMMAND(name, word, where, action, columns, doc, example)                                  \
    {word,                                                                                         \
     MST_##where,                                                                                  \
     columns,                                                                                      \
     doc,                                                                                          \
     example,                                                                                      \
     name##_args,                                                                                  \
     sizeof name##_args / sizeof name##_args[0] - 1},
#define ARG(command, name, kind, need, values, doc)
#define ENDCOMMAND(command)
#include "proto/admin.def"
#undef COMMAND
#undef ARG
#undef ENDCOMMAND
};

static const char *const sections[] = {
    [MST_LOCAL] = N_("Without a broker"),
    [MST_QUERY] = N_("Questions"),
    [MST_ACT] = N_("Acts, each kept in the ledger"),
};

static const struct mst_arg_row options[] = {
    MST_APP_OPTIONS,
    {"csv", MST_ARG_FLAG, MST_ARG_OPTIONAL, "", N_("print CSV (RFC 4180)")},
    {"socket", MST_ARG_OPTION, MST_ARG_OPTIONAL, "PATH",
     N_("the broker's local endpoint; /run/muster/admin.sock when absent")},
    {"home", MST_ARG_OPTION, MST_ARG_OPTIONAL, "DIR",
     N_("ask over the network, with the key in this home")},
    {"programme", MST_ARG_OPTION, MST_ARG_OPTIONAL, "ID",
     N_("programme; needed where the broker serves several")},
    {"timeout", MST_ARG_OPTION, MST_ARG_OPTIONAL, "N",
     N_("wait so many seconds for an answer; 30 when absent, 600 for clock, ledger and replay")},
};

static const struct mst_app_note environment[] = {
    {"MUSTER_SOCKET", N_("the broker's local endpoint, instead of --socket")},
    {"TZ", N_("time zone in which `verify` shows instants, before that of --home; all other "
              "commands show "
              "the programme's")},
    {"NO_COLOR", N_("when set, nothing is coloured")},
    {"LANGUAGE, LC_ALL, LC_MESSAGES, LANG", N_("language of what is printed: English or Chinese")},
};

static const struct mst_app_note files[] = {
    {"/run/muster/admin.sock",
     N_("the broker's local endpoint; what a local user may do is a setting of the broker")},
};

const struct mst_app *mst_ctl_app(void)
{
    static const struct mst_app app = {
        .program = "musterctl",
        .doc = N_("question and steer a Muster broker"),
        .sections = sections,
        .sections_count = sizeof sections / sizeof sections[0],
        .commands = commands,
        .commands_count = sizeof commands / sizeof commands[0],
        .options = options,
        .options_count = sizeof options / sizeof options[0],
        .environment = environment,
        .environment_count = sizeof environment / sizeof environment[0],
        .files = files,
        .files_count = sizeof files / sizeof files[0],
    };
    return &app;
}
