/* SPDX-License-Identifier: Apache-2.0 */
/* desk.def as a table of commands, and the way from a command line to the function that serves it.
 */
#include "agent/desk/desk.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/link/home.h"

enum section { SECTION_OWN, SECTION_LOOK, SECTION_LEAD, SECTION_SERVICE };

static const char *const sections[] = {
    [SECTION_OWN] = N_("One's own duties"),
    [SECTION_LOOK] = N_("Questions"),
    [SECTION_LEAD] = N_("For the lead of a group"),
    [SECTION_SERVICE] = N_("The service"),
};

#define COMMAND(name, word, section, columns, doc, example)                                        \
    static const struct mst_arg_row name##_args[] = {
#define ARG(command, name, kind, need, values, doc)                                                \
    {name, MST_ARG_##kind, MST_ARG_##need, values, doc},
#define ENDCOMMAND(command)                                                                        \
    {                                                                                              \
        NULL, MST_ARG_FLAG, MST_ARG_OPTIONAL, "", ""                                               \
    }                                                                                              \
    }                                                                                              \
    ;
#include "agent/desk/desk.def"
#undef COMMAND
#undef ARG
#undef ENDCOMMAND

#define ARG(command, name, kind, need, values, doc)
#define ENDCOMMAND(command)

static const struct mst_command_row commands[] = {
#define COMMAND(name, word, section, columns, doc, example)                                        \
    {word,                                                                                         \
     SECTION_##section,                                                                            \
     columns,                                                                                      \
     doc,                                                                                          \
     example,                                                                                      \
     name##_args,                                                                                  \
     sizeof name##_args / sizeof name##_args[0] - 1},
#include "agent/desk/desk.def"
#undef COMMAND
};

static const mst_desk_fn functions[] = {
#define COMMAND(name, word, section, columns, doc, example) mst_desk_##name,
#include "agent/desk/desk.def"
#undef COMMAND
};

static const struct mst_arg_row options[] = {
    MST_APP_OPTIONS,
    {"home", MST_ARG_OPTION, MST_ARG_OPTIONAL, "DIR",
     N_("the unit's home; else $MUSTER_HOME, else ~/.muster")},
};

static const struct mst_app_note environment[] = {
    {"MUSTER_HOME", N_("the unit's home, instead of --home")},
    {"NO_COLOR", N_("when set, nothing is coloured")},
    {"LANGUAGE, LC_ALL, LC_MESSAGES, LANG", N_("language of what is printed: English or Chinese")},
};

static const struct mst_app_note files[] = {
    {"agent.yaml", N_("in the home: settings, written by join")},
    {"keys", N_("in the home: the unit's secret keys, mode 0600; never to be copied")},
    {"outbox.db", N_("in the home: what was queued and received")},
    {"agent.sock", N_("in the home: where the running agent is asked")},
};

const struct mst_app *mst_desk_app(void)
{
    static const struct mst_app app = {
        .program = "muster-agent",
        .doc = N_("a unit's agent: reports what is due, receives reminders"),
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

int mst_desk_complain(const struct mst_err *err)
{
    return mst_complain(mst_desk_app()->program, err);
}

bool mst_desk_of_lead(const struct mst_call *call)
{
    return call->command->where == SECTION_LEAD;
}

static bool is_number(const char *word)
{
    size_t n = 0;
    while (isdigit((unsigned char)word[n]))
        n++;
    return n > 0 && word[n] == '\0';
}

/* `--wait 20` is what people type; the table knows `--wait --seconds 20`. NULL: out of memory. */
static char **spell_out(int argc, char *const *argv, int *ret_argc)
{
    static char seconds[] = "--seconds";
    char **words = calloc(2 * (size_t)argc + 1, sizeof *words);
    int n = 0;
    for (int i = 0; words && i < argc; i++) {
        words[n++] = argv[i];
        if (strcmp(argv[i], "--wait") == 0 && i + 1 < argc && is_number(argv[i + 1]))
            words[n++] = seconds;
    }
    *ret_argc = n;
    return words;
}

static int serve(int argc, char *const *argv)
{
    struct mst_call call;
    int rc = mst_app_begin(mst_desk_app(), argc, argv, &call);
    if (rc >= 0)
        return rc;
    struct mst_desk desk = {.call = &call, .json = mst_call_option(&call, "json") != NULL};
    desk.format = desk.json                      ? MST_FORMAT_JSON
                  : mst_call_value(&call, "csv") ? MST_FORMAT_CSV
                                                 : MST_FORMAT_TABLE;
    const char *home = mst_call_option(&call, "home");
    snprintf(desk.home, sizeof desk.home, "%s", home ? home : mst_home_default());
    mst_home_adopt_zone(desk.home);
    return mst_app_end(call.app, functions[call.command - commands](&desk));
}

int mst_desk_main(int argc, char *const *argv)
{
    int count = 0;
    char **words = spell_out(argc, argv, &count);
    if (!words)
        return MST_EXIT_REFUSED;
    int rc = serve(count, words);
    free(words);
    return rc;
}
