/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of muster-watch. */
#include "agent/watch/watch.h"

static const struct mst_arg_row args[] = {
    {"topics", MST_ARG_OPTION, MST_ARG_OPTIONAL, "PREFIX,…",
     N_("only these topics, AUDIENCE/KIND, e.g. office/overdue; a beginning is enough")},
    {"since", MST_ARG_OPTION, MST_ARG_OPTIONAL, "NUMBER|DATE",
     N_("start after this alert number, or with this date, instead of where it stopped last")},
    {"count", MST_ARG_OPTION, MST_ARG_OPTIONAL, "N", N_("stop after so many alerts")},
    {"timeout", MST_ARG_OPTION, MST_ARG_OPTIONAL, "N",
     N_("stop when nothing came for so many seconds")},
    {"hook", MST_ARG_OPTION, MST_ARG_OPTIONAL, "COMMAND",
     N_("run for each alert, which it gets as JSON on standard input")},
    {"home", MST_ARG_OPTION, MST_ARG_OPTIONAL, "DIR",
     N_("home with the key of an office or a viewer; $MUSTER_HOME or ~/.muster when absent")},
    {"socket", MST_ARG_OPTION, MST_ARG_OPTIONAL, "PATH",
     N_("the broker's local endpoint, instead of a home's key")},
    {"programme", MST_ARG_OPTION, MST_ARG_OPTIONAL, "ID",
     N_("programme; needed where the broker serves several")},
    {"name", MST_ARG_OPTION, MST_ARG_OPTIONAL, "ID",
     N_("name of this watch; each has its own cursor; main when absent")},
    {"state", MST_ARG_OPTION, MST_ARG_OPTIONAL, "DIR",
     N_("where cursor and witness are kept; when absent the home, or with --socket "
        "$XDG_STATE_HOME/muster-watch, else ~/.muster-watch")},
};

static const struct mst_command_row command[] = {
    {"", 0, "",
     N_("Follows the alert stream of a programme: reminders, overdue and escalation alerts, "
        "returns "
        "and urges, as coloured lines or as one JSON object a line. It goes on where it stopped, "
        "finds gaps, and keeps the ledger heads that came with the alerts as witnesses against a "
        "ledger that is rewritten later: it asks for the head at the last of them whenever it "
        "connects and from time to time, tells log, hook and broker when it is another, and ends "
        "with exit status 5 when one was contradicted."),
     "muster-watch --topics office/overdue,office/escalation", args, sizeof args / sizeof args[0]},
};

static const struct mst_arg_row options[] = {MST_APP_OPTIONS};

static const struct mst_app_note environment[] = {
    {"MUSTER_HOME", N_("the home, instead of --home")},
    {"MUSTER_SOCKET", N_("the broker's local endpoint, instead of --socket")},
    {"NO_COLOR", N_("when set, nothing is coloured")},
    {"TZ", N_("time zone in which instants are shown")},
};

static const struct mst_app_note files[] = {
    {"watch.yaml", N_("settings: hook, hook_timeout, witness_interval, credit")},
    {"watch-NAME.cursor", N_("number of the last alert that was dealt with")},
    {"watch-NAME.witness",
     N_("alert number, ledger row, ledger head and restore epoch, a line each")},
    {"watch-NAME.contradicted",
     N_("row, head and restore epoch of what was contradicted; told of at each connection until "
        "the file is removed")},
};

const struct mst_app *mst_watch_app(void)
{
    static const struct mst_app app = {
        .program = "muster-watch",
        .doc = N_("follow the alert stream of a Muster broker"),
        .commands = command,
        .commands_count = 1,
        .options = options,
        .options_count = sizeof options / sizeof options[0],
        .environment = environment,
        .environment_count = sizeof environment / sizeof environment[0],
        .files = files,
        .files_count = sizeof files / sizeof files[0],
    };
    return &app;
}
