/* SPDX-License-Identifier: Apache-2.0 */
/* Completion scripts for bash and zsh, printed from a program's table. */
#include "agent/link/app.h"

#include <ctype.h>
#include <string.h>

/* The words that a value can be: from the row's own list, or those of a column of the same name. */
static bool has_words(const struct mst_arg_row *arg)
{
    return mst_values_are_words(arg->values) || strcmp(arg->name, "lang") == 0 ||
           mst_arg_has_words(arg);
}

struct printer {
    FILE *out;
    const char *before, *between;
    bool more;
};

static void print_word(void *context, const char *word)
{
    struct printer *p = context;
    fprintf(p->out, "%s%s%s", p->more ? p->between : "", p->before, word);
    p->more = true;
}

static void print_words(const struct mst_arg_row *arg, struct printer *p)
{
    if (strchr(arg->values, '|')) {
        mst_values_each(arg->values, print_word, p);
        return;
    }
    const char *word;
    for (size_t i = 0; (word = mst_word_at(arg->name, i)); i++)
        print_word(p, word);
}

static bool is_program(const struct mst_app *app)
{
    return app->commands_count == 1 && app->commands[0].word[0] == '\0';
}

/* A shell function's name: no hyphens. */
static void function_name(const struct mst_app *app, char *buf, size_t size)
{
    snprintf(buf, size, "_%s", app->program);
    for (char *at = buf; *at; at++)
        *at = isalnum((unsigned char)*at) ? *at : '_';
}

/* ---- bash ---- */

static void bash_names(const struct mst_arg_row *rows, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind != MST_ARG_POSITIONAL)
            fprintf(out, " --%s", rows[i].name);
    }
}

static void bash_values(const char *command, const struct mst_arg_row *rows, size_t count,
                        FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind != MST_ARG_OPTION)
            continue;
        fprintf(out, "    %s:--%s)\n", command, rows[i].name);
        if (has_words(&rows[i])) {
            struct printer p = {out, "", " ", false};
            fputs("        COMPREPLY=($(compgen -W \"", out);
            print_words(&rows[i], &p);
            fputs("\" -- \"$cur\")); return ;;\n", out);
        } else {
            fputs(mst_arg_is_path(&rows[i])
                      ? "        COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
                      : "        COMPREPLY=(); return ;;\n",
                  out);
        }
    }
}

/* Words first, and options behind a hyphen; who has neither words nor files to offer has options.
 */
static void bash_command(const struct mst_command_row *command, FILE *out)
{
    bool offers = false;
    fprintf(out, "    '%s') words=\"", command->word);
    for (size_t i = 0; i < command->args_count; i++) {
        const struct mst_arg_row *arg = &command->args[i];
        struct printer p = {out, offers ? " " : "", " ", false};
        if (arg->kind != MST_ARG_POSITIONAL)
            continue;
        if (has_words(arg))
            print_words(arg, &p);
        offers = offers || has_words(arg) || mst_arg_is_path(arg);
    }
    fputs("\" options=\"", out);
    bash_names(command->args, command->args_count, out);
    fprintf(out, " $common\"%s ;;\n", offers ? "" : " words=$options");
}

void mst_app_bash(const struct mst_app *app, FILE *out)
{
    char function[64];
    function_name(app, function, sizeof function);
    fprintf(out,
            "# bash completion for %s, printed by `%s --completion bash`\n"
            "%s()\n{\n"
            "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
            "    local command= words= options= common=\"",
            app->program, app->program, function);
    bash_names(app->options, app->options_count, out);
    fputs("\" i\n", out);
    if (!is_program(app)) {
        fputs("    for ((i = 1; i < COMP_CWORD; i++)); do\n"
              "        case ${COMP_WORDS[i]} in\n"
              "        help)",
              out);
        for (size_t i = 0; i < app->options_count; i++) {
            if (app->options[i].kind == MST_ARG_OPTION)
                fprintf(out, " ;;\n        --%s) ((i++))", app->options[i].name);
        }
        fputs(" ;;\n        -*) ;;\n"
              "        *) command=${COMP_WORDS[i]}; break ;;\n"
              "        esac\n    done\n",
              out);
    }
    fputs("    case \"$command:$prev\" in\n", out);
    for (size_t i = 0; i < app->commands_count; i++)
        bash_values(app->commands[i].word, app->commands[i].args, app->commands[i].args_count, out);
    bash_values("*", app->options, app->options_count, out);
    fputs("    esac\n    case \"$command\" in\n", out);
    if (!is_program(app)) {
        fputs("    '') words=\"help", out);
        for (size_t i = 0; i < app->commands_count; i++)
            fprintf(out, " %s", app->commands[i].word);
        fputs("\" options=$common ;;\n", out);
    }
    for (size_t i = 0; i < app->commands_count; i++)
        bash_command(&app->commands[i], out);
    fprintf(out,
            "    esac\n    [[ $cur == -* ]] && words=$options\n    COMPREPLY=($(compgen -W "
            "\"$words\" -- \"$cur\"))\n}\n"
            "complete -o default -F %s %s\n",
            function, app->program);
}

/* ---- zsh ---- */

/* Inside '…' in an _arguments or _describe specification. */
static void zsh_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr("[]:\\", *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void zsh_action(const struct mst_arg_row *arg, FILE *out)
{
    fputc(':', out);
    zsh_text(out, arg->values);
    fputc(':', out);
    if (has_words(arg)) {
        struct printer p = {out, "", " ", false};
        fputc('(', out);
        print_words(arg, &p);
        fputc(')', out);
    } else if (mst_arg_is_path(arg)) {
        fputs("_files", out);
    }
}

static void zsh_args(const struct mst_arg_row *rows, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        fputs(" \\\n        '", out);
        if (rows[i].kind == MST_ARG_POSITIONAL) {
            fputs(rows[i].need == MST_ARG_MANY ? "*" : "", out);
            zsh_action(&rows[i], out);
        } else {
            fprintf(out, "--%s[", rows[i].name);
            zsh_text(out, _(rows[i].doc));
            fputc(']', out);
            if (rows[i].kind == MST_ARG_OPTION)
                zsh_action(&rows[i], out);
        }
        fputc('\'', out);
    }
}

void mst_app_zsh(const struct mst_app *app, FILE *out)
{
    char function[64];
    function_name(app, function, sizeof function);
    fprintf(out,
            "#compdef %s\n# zsh completion for %s, printed by `%s --completion zsh`\n"
            "%s()\n{\n    local -a commands\n",
            app->program, app->program, app->program, function);
    if (is_program(app)) {
        fputs("    _arguments", out);
        zsh_args(app->commands[0].args, app->commands[0].args_count, out);
        zsh_args(app->options, app->options_count, out);
        fprintf(out, "\n}\n%s \"$@\"\n", function);
        return;
    }
    fputs("    commands=(\n", out);
    for (size_t i = 0; i < app->commands_count; i++) {
        fprintf(out, "        '%s:", app->commands[i].word);
        zsh_text(out, _(app->commands[i].doc));
        fputs("'\n", out);
    }
    fputs("    )\n    _arguments -C", out);
    zsh_args(app->options, app->options_count, out);
    fputs(" \\\n        '1:command:->command' '*::argument:->argument'\n"
          "    case $state in\n"
          "    command) _describe command commands ;;\n"
          "    argument)\n        case $words[1] in\n",
          out);
    for (size_t i = 0; i < app->commands_count; i++) {
        fprintf(out, "        %s) _arguments", app->commands[i].word);
        zsh_args(app->commands[i].args, app->commands[i].args_count, out);
        fputs(" ;;\n", out);
    }
    fprintf(out, "        esac ;;\n    esac\n}\n%s \"$@\"\n", function);
}
