/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command line made from a table: parsing, help, completion and the manual page of a program all
 * come from the same rows, so that none can say what another does not do.
 *
 * A program either has commands (musterctl COMMAND …) or is one: then its table has a single row
 * whose word is empty.
 */
#ifndef MST_AGENT_LINK_APP_H
#define MST_AGENT_LINK_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "agent/link/print.h"
#include "proto/err.h"

enum mst_arg_kind { MST_ARG_POSITIONAL, MST_ARG_OPTION, MST_ARG_FLAG };
enum mst_arg_need { MST_ARG_REQUIRED, MST_ARG_OPTIONAL, MST_ARG_MANY };

struct mst_arg_row {
    const char *name;
    enum mst_arg_kind kind;
    enum mst_arg_need need;
    const char *values, *doc; /* values: "ID", "DATE", "a|b|c"; doc is a message id */
};

struct mst_command_row {
    const char *word;
    int where;                 /* index into the program's sections */
    const char *columns;       /* what a table shows; "" nothing */
    const char *doc, *example; /* message ids */
    const struct mst_arg_row *args;
    size_t args_count;
};

struct mst_app_note {
    const char *name, *doc; /* an environment variable, a file */
};

struct mst_app {
    const char *program;
    const char *doc;             /* one line, a message id */
    const char *const *sections; /* headings of groups of commands, message ids */
    size_t sections_count;
    const struct mst_command_row *commands;
    size_t commands_count;
    const struct mst_arg_row *options; /* of every command; begins with MST_APP_OPTIONS */
    size_t options_count;
    const struct mst_app_note *environment, *files;
    size_t environment_count, files_count;
};

/* What every program has. */
#define MST_APP_OPTIONS                                                                            \
    {"json", MST_ARG_FLAG, MST_ARG_OPTIONAL, "", N_("print JSON")},                                \
        {"lang", MST_ARG_OPTION, MST_ARG_OPTIONAL, "en|zh_CN",                                     \
         N_("language, instead of the environment's")},                                            \
        {"help", MST_ARG_FLAG, MST_ARG_OPTIONAL, "", N_("say how it is used, and stop")},          \
        {"man", MST_ARG_FLAG, MST_ARG_OPTIONAL, "",                                                \
         N_("print the manual page in man's own form, and stop")},                                 \
        {"completion", MST_ARG_OPTION, MST_ARG_OPTIONAL, "bash|zsh",                               \
         N_("print the shell's completion script, and stop")},                                     \
    {                                                                                              \
        "version", MST_ARG_FLAG, MST_ARG_OPTIONAL, "", N_("print the version, and stop")           \
    }

#define MST_ARGS_MAX 24
#define MST_MANY_MAX 64

/* A parsed command line; every text is borrowed from argv. Flags that stand are "yes". */
struct mst_call {
    const struct mst_app *app;
    const struct mst_command_row *command; /* NULL: none was named */
    bool help;                             /* asked for by word or option */
    const char *values[MST_ARGS_MAX]; /* values[i] belongs to command->args[i]; NULL: not given */
    const char *many[MST_MANY_MAX];   /* of the MANY positional */
    size_t many_count;
    const char *options[MST_ARGS_MAX]; /* options[i] belongs to app->options[i] */
};

/* MST_E_USAGE with the word that is wrong, and the nearest right one as the hint. */
MST_MUST_CHECK int mst_app_parse(const struct mst_app *app, int argc, char *const *argv,
                                 struct mst_call *ret_call, struct mst_err *err);
/* NULL when absent. */
const char *mst_call_value(const struct mst_call *call, const char *name);
const char *mst_call_option(const struct mst_call *call, const char *name);

/*
 * All that a main() does before its own work: language, parsing, complaints, --help, --version,
 * --man, --completion. Returns an exit code, or -1 to go on with *ret_call.
 */
int mst_app_begin(const struct mst_app *app, int argc, char *const *argv,
                  struct mst_call *ret_call);

/*
 * The last thing a main() does: what was printed must have gone out, or the program failed although
 * its work did not. Returns rc, or complains and returns the exit code for that. Nobody reading any
 * more is no fault.
 */
int mst_app_end(const struct mst_app *app, int rc);

/* command NULL: the overview. */
void mst_app_help(const struct mst_app *app, const struct mst_command_row *command, FILE *out);
/* roff for man(1). */
void mst_app_man(const struct mst_app *app, FILE *out);
void mst_app_bash(const struct mst_app *app, FILE *out);
void mst_app_zsh(const struct mst_app *app, FILE *out);

/* True when `values` lists the words themselves ("a|b|c") instead of naming what they are. */
bool mst_values_are_words(const char *values);
/* Its value is the name of a file or a directory. */
bool mst_arg_is_path(const struct mst_arg_row *arg);
/* Its values are the protocol's words of a column, and no others. */
bool mst_arg_has_words(const struct mst_arg_row *arg);
/* Calls fn for each word of "a|b|c". */
void mst_values_each(const char *values, void (*fn)(void *context, const char *word),
                     void *context);
/* "--until DATE", "OBLIGATION", "FILE…"; how an argument is written. */
char *mst_arg_text(const struct mst_arg_row *arg, char *buf, size_t size);

#endif
