/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of a command line matched against a program's table. Refuses what it does not know, with
 * the nearest word as a hint, and never guesses: abbreviations are not taken.
 */
#include "agent/link/app.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "config/load/lang.h"
#include "config/load/load.h"

#define WORDS_MAX 128

bool mst_values_are_words(const char *values)
{
    return strchr(values, '|') && strpbrk(values, "ABCDEFGHIJKLMNOPQRSTUVWXYZ:") == NULL;
}

bool mst_arg_is_path(const struct mst_arg_row *arg)
{
    size_t len = strlen(arg->values), less = sizeof "FILE" - 1;
    bool file = len >= less && strcmp(arg->values + len - less, "FILE") == 0; /* OLD-FILE, too */
    return file || strcmp(arg->values, "DIR") == 0 || strcmp(arg->values, "PATH") == 0;
}

bool mst_arg_has_words(const struct mst_arg_row *arg)
{
    /* A period has one word, and is mostly a key; a directory of a column's name has none. */
    return arg->kind == MST_ARG_OPTION && !strchr(arg->values, '|') && !mst_arg_is_path(arg) &&
           strcmp(arg->name, "period") != 0 && mst_word_at(arg->name, 0);
}

/* Language names hold capitals: their list is one of words all the same. */
static bool is_choice(const struct mst_arg_row *arg)
{
    return mst_values_are_words(arg->values) || strcmp(arg->name, "lang") == 0;
}

void mst_values_each(const char *values, void (*fn)(void *context, const char *word), void *context)
{
    while (*values) {
        char word[64];
        size_t len = strcspn(values, "|");
        snprintf(word, sizeof word, "%.*s", (int)len, values);
        fn(context, word);
        values += len + (values[len] == '|');
    }
}

char *mst_arg_text(const struct mst_arg_row *arg, char *buf, size_t size)
{
    if (arg->kind == MST_ARG_FLAG)
        snprintf(buf, size, "--%s", arg->name);
    else if (arg->kind == MST_ARG_OPTION)
        snprintf(buf, size, "--%s %s", arg->name, arg->values);
    else
        snprintf(buf, size, "%s%s", arg->values, arg->need == MST_ARG_MANY ? "…" : "");
    return buf;
}

/* ---- complaints ---- */

static int wrong_word(struct mst_err *err, const char *text, const char *word,
                      const char *const *known, size_t known_count, const char *prefix)
{
    const char *near = mst_nearest(word, known, known_count);
    int rc = mst_fail(err, MST_E_USAGE, text, word);
    if (near)
        mst_hint(err, _("did you mean %s%s?"), prefix, near);
    return rc;
}

static size_t add_names(const struct mst_arg_row *rows, size_t count, const char **names, size_t n)
{
    for (size_t i = 0; i < count && n < WORDS_MAX; i++) {
        if (rows[i].kind != MST_ARG_POSITIONAL)
            names[n++] = rows[i].name;
    }
    return n;
}

static int unknown_option(const struct mst_call *call, const char *name, struct mst_err *err)
{
    const char *names[WORDS_MAX];
    size_t n = add_names(call->app->options, call->app->options_count, names, 0);
    if (call->command)
        n = add_names(call->command->args, call->command->args_count, names, n);
    return wrong_word(err, _("unknown option: --%s"), name, names, n, "--");
}

static int unknown_command(const struct mst_app *app, const char *word, struct mst_err *err)
{
    const char *names[WORDS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < app->commands_count && n < WORDS_MAX; i++)
        names[n++] = app->commands[i].word;
    return wrong_word(err, _("unknown command: %s"), word, names, n, "");
}

struct choice {
    const char *column, *value;
    bool found;
};

/* In the protocol's own form, which it becomes, or in the reader's language. */
static void match_choice(void *context, const char *word)
{
    struct choice *choice = context;
    bool said = !choice->found && strcmp(mst_word(choice->column, word), choice->value) == 0;
    choice->found = choice->found || said || strcmp(choice->value, word) == 0;
    if (said)
        choice->value = mst_word_wire(choice->column, choice->value);
}

/* Likewise. */
static bool is_protocol_word(const char *column, const char *value)
{
    const char *wire = mst_word_wire(column, value), *word;
    for (size_t i = 0; (word = mst_word_at(column, i)); i++) {
        if (strcmp(word, wire) == 0)
            return true;
    }
    return false;
}

/* The nearest is meant, or any of them may be; of many the help tells. */
static int unknown_word(const char *column, const char *value, struct mst_err *err)
{
    const char *words[WORDS_MAX];
    char list[MST_ERR_HINT_MAX] = "";
    size_t n = 0, used = 0;
    while (n < WORDS_MAX && (words[n] = mst_word_at(column, n)))
        n++;
    if (mst_nearest(value, words, n))
        return wrong_word(err, _("there is no such word: %s"), value, words, n, "");
    for (size_t i = 0; i < n && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                 mst_word(column, words[i]));
    int rc = mst_fail(err, MST_E_USAGE, _("there is no such word: %s"), value);
    if (used + strlen(_("choose one of %s")) < sizeof list)
        mst_hint(err, _("choose one of %s"), list);
    return rc;
}

/* Rows of the ledger and receipts are counted; a NUMBER may be one that people gave. */
static bool is_whole_number(const struct mst_arg_row *arg)
{
    static const char *const values[] = {"N", "RECEIPT", "ROW"};
    bool found = false;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        found = found || strcmp(arg->values, values[i]) == 0;
    return found && arg->kind == MST_ARG_OPTION;
}

static int check_value(const struct mst_arg_row *arg, const char **ret_value, struct mst_err *err)
{
    const char *value = *ret_value;
    if (is_choice(arg)) {
        struct choice choice = {.column = arg->name, .value = value};
        mst_values_each(arg->values, match_choice, &choice);
        *ret_value = choice.value;
        if (!choice.found) {
            int rc = mst_fail(err, MST_E_USAGE, _("not one of %s: %s"), arg->values, value);
            mst_hint(err, _("choose one of %s"), arg->values);
            return rc;
        }
        return 0;
    }
    if (mst_arg_has_words(arg) && !is_protocol_word(arg->name, value))
        return unknown_word(arg->name, value, err);
    if (is_whole_number(arg) &&
        (!value[0] || strlen(value) > 18 || strspn(value, "0123456789") != strlen(value)))
        return mst_fail(err, MST_E_USAGE, _("--%s takes a whole number, not %s"), arg->name, value);
    return 0;
}

/* ---- matching ---- */

struct parser {
    struct mst_call *call;
    int argc, at;
    char *const *argv;
};

static ptrdiff_t find_option(const struct mst_arg_row *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind != MST_ARG_POSITIONAL && strcmp(rows[i].name, name) == 0)
            return (ptrdiff_t)i;
    }
    return -1;
}

static int take_option(struct parser *p, struct mst_err *err)
{
    struct mst_call *call = p->call;
    char name[64];
    const char *text = p->argv[p->at] + 2;
    const char *equals = strchr(text, '=');
    snprintf(name, sizeof name, "%.*s", (int)(equals ? equals - text : (ptrdiff_t)strlen(text)),
             text);
    const struct mst_arg_row *rows = call->command ? call->command->args : NULL;
    const char **values = call->values;
    ptrdiff_t i = rows ? find_option(rows, call->command->args_count, name) : -1;
    if (i < 0) {
        rows = call->app->options;
        values = call->options;
        i = find_option(rows, call->app->options_count, name);
    }
    if (i < 0)
        return unknown_option(call, name, err);
    const struct mst_arg_row *arg = &rows[i];
    if (values[i])
        return mst_fail(err, MST_E_USAGE, _("given twice: --%s"), name);
    if (arg->kind == MST_ARG_FLAG) {
        if (equals)
            return mst_fail(err, MST_E_USAGE, _("--%s takes no value"), name);
        values[i] = "yes";
        return 0;
    }
    if (!equals && p->at + 1 >= p->argc)
        return mst_fail(err, MST_E_USAGE, _("a value is missing: --%s %s"), name, arg->values);
    values[i] = equals ? equals + 1 : p->argv[++p->at];
    return check_value(arg, &values[i], err);
}

static int take_positional(struct parser *p, struct mst_err *err)
{
    struct mst_call *call = p->call;
    const char *word = p->argv[p->at];
    for (size_t i = 0; i < call->command->args_count; i++) {
        const struct mst_arg_row *arg = &call->command->args[i];
        if (arg->kind != MST_ARG_POSITIONAL)
            continue;
        if (arg->need == MST_ARG_MANY) {
            if (call->many_count == MST_MANY_MAX)
                return mst_fail(err, MST_E_USAGE, _("more than %d of them: %s"), MST_MANY_MAX,
                                arg->values);
            call->many[call->many_count++] = word;
            call->values[i] = call->values[i] ? call->values[i] : word;
            return 0;
        }
        if (!call->values[i]) {
            call->values[i] = word;
            return check_value(arg, &call->values[i], err);
        }
    }
    return mst_fail(err, MST_E_USAGE, _("one word too many: %s"), word);
}

static int take_word(struct parser *p, struct mst_err *err)
{
    struct mst_call *call = p->call;
    const struct mst_app *app = call->app;
    const char *word = p->argv[p->at];
    if (call->command)
        return take_positional(p, err);
    if (strcmp(word, "help") == 0 && !call->help) {
        call->help = true;
        return 0;
    }
    for (size_t i = 0; i < app->commands_count; i++) {
        if (strcmp(app->commands[i].word, word) == 0) {
            call->command = &app->commands[i];
            assert(call->command->args_count <= MST_ARGS_MAX);
            return 0;
        }
    }
    return unknown_command(app, word, err);
}

/* Options may stand before the command that they belong to only when they are the program's. */
int mst_app_parse(const struct mst_app *app, int argc, char *const *argv, struct mst_call *ret_call,
                  struct mst_err *err)
{
    assert(app->options_count <= MST_ARGS_MAX);
    *ret_call = (struct mst_call){.app = app};
    if (app->commands_count == 1 && app->commands[0].word[0] == '\0')
        ret_call->command = &app->commands[0];
    struct parser p = {.call = ret_call, .argc = argc, .argv = argv};
    bool words_only = false;
    for (p.at = 1; p.at < argc; p.at++) {
        const char *word = argv[p.at];
        int rc;
        if (words_only || word[0] != '-' || word[1] == '\0')
            rc = take_word(&p, err);
        else if (strcmp(word, "--") == 0)
            words_only = true, rc = 0;
        else if (strcmp(word, "-h") == 0)
            ret_call->help = true, rc = 0;
        else if (word[1] == '-')
            rc = take_option(&p, err);
        else
            rc = mst_fail(err, MST_E_USAGE, _("unknown option: %s"), word);
        if (rc)
            return rc;
    }
    if (mst_call_option(ret_call, "help"))
        ret_call->help = true;
    return 0;
}

static const char *value_of(const struct mst_arg_row *rows, size_t count, const char *const *values,
                            const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return values[i];
    }
    return NULL;
}

const char *mst_call_value(const struct mst_call *call, const char *name)
{
    return value_of(call->command->args, call->command->args_count, call->values, name);
}

const char *mst_call_option(const struct mst_call *call, const char *name)
{
    return value_of(call->app->options, call->app->options_count, call->options, name);
}

static int check_required(const struct mst_call *call, struct mst_err *err)
{
    char text[128];
    for (size_t i = 0; i < call->command->args_count; i++) {
        const struct mst_arg_row *arg = &call->command->args[i];
        bool needed = arg->need == MST_ARG_REQUIRED || arg->need == MST_ARG_MANY;
        if (!needed || call->values[i])
            continue;
        int rc = mst_fail(err, MST_E_USAGE, _("missing: %s, %s"),
                          mst_arg_text(arg, text, sizeof text), _(arg->doc));
        mst_hint(err, _("for example: %s"), _(call->command->example));
        return rc;
    }
    return 0;
}

/* Complaints about the command line itself must already be in the language it asks for. */
static const char *wanted_language(int argc, char *const *argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--lang=", 7) == 0)
            return argv[i] + 7;
        if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc)
            return argv[i + 1];
    }
    return NULL;
}

int mst_app_begin(const struct mst_app *app, int argc, char *const *argv, struct mst_call *ret_call)
{
    struct mst_err err;
    mst_lang_init(wanted_language(argc, argv));
    int rc = mst_app_parse(app, argc, argv, ret_call, &err);
    if (rc)
        return mst_complain(app->program, &err);
    const char *shell = mst_call_option(ret_call, "completion");
    if (mst_call_option(ret_call, "version"))
        printf("%s %s\n", app->program, MUSTER_VERSION);
    else if (mst_call_option(ret_call, "man"))
        mst_app_man(app, stdout);
    else if (shell)
        (strcmp(shell, "zsh") == 0 ? mst_app_zsh : mst_app_bash)(app, stdout);
    else if (ret_call->help)
        mst_app_help(app, ret_call->command, stdout);
    else if (!ret_call->command) {
        mst_app_help(app, NULL, stderr);
        return MST_EXIT_USAGE;
    } else {
        rc = check_required(ret_call, &err);
        return rc ? mst_complain(app->program, &err) : -1;
    }
    return mst_app_end(app, MST_EXIT_OK);
}

int mst_app_end(const struct mst_app *app, int rc)
{
    struct mst_err err;
    bool before = ferror(stdout) != 0;
    bool now = fflush(stdout) != 0;
    if (rc != MST_EXIT_OK || (!before && !now) || (now && errno == EPIPE))
        return rc;
    mst_fail(&err, MST_E_IO, "%s: %s", _("the output"),
             now ? strerror(errno) : _("it was not written whole"));
    return mst_complain(app->program, &err);
}
