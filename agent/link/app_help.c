/* SPDX-License-Identifier: Apache-2.0 */
/* Help and the manual page, printed from a program's table. */
#include "agent/link/app.h"

#include <string.h>

#include "config/load/lang.h"

static void heading(FILE *out, const char *text)
{
    bool colour = mst_colour(out);
    fprintf(out, "\n%s%s%s\n", mst_sgr(colour, MST_TINT_BOLD), text, mst_sgr(colour, MST_TINT_OFF));
}

static void entry(FILE *out, const char *left, int width, const char *right)
{
    int pad = width - mst_width(left);
    fprintf(out, "  %s%*s  ", left, pad > 0 ? pad : 0, "");
    mst_print_wrapped(out, right, width + 4);
    fputc('\n', out);
}

static void headline(FILE *out, const char *program, const char *gap, const char *word,
                     const char *doc)
{
    char begin[128];
    snprintf(begin, sizeof begin, "%s%s%s – ", program, gap, word);
    fputs(begin, out);
    mst_print_wrapped(out, doc, mst_width(begin));
    fputc('\n', out);
}

static bool is_program(const struct mst_command_row *command)
{
    return command->word[0] == '\0';
}

/* "review OBLIGATION [--approve] …" */
static void usage_of(const struct mst_command_row *command, char *buf, size_t size)
{
    size_t n = (size_t)snprintf(buf, size, "%s", command->word);
    for (size_t i = 0; i < command->args_count && n < size; i++) {
        char text[128];
        const struct mst_arg_row *arg = &command->args[i];
        bool optional = arg->need == MST_ARG_OPTIONAL;
        n += (size_t)snprintf(buf + n, size - n, optional ? " [%s]" : " %s",
                              mst_arg_text(arg, text, sizeof text));
    }
}

static int args_width(const struct mst_arg_row *rows, size_t count, int width)
{
    char text[128];
    for (size_t i = 0; i < count; i++) {
        int mine = mst_width(mst_arg_text(&rows[i], text, sizeof text));
        width = mine > width ? mine : width;
    }
    return width;
}

struct listing {
    const char *column;
    char *buf;
    size_t size, used;
    bool choice, more;
};

/* "red 红灯": as it is typed, and as it is read where that differs. Of choices, which the usage has
 * already, only those. */
static void list_word(void *context, const char *word)
{
    struct listing *l = context;
    const char *read = mst_word(l->column, word);
    bool differs = mst_lang_zh() && strcmp(read, word) != 0;
    if (l->used >= l->size || (l->choice && !differs))
        return;
    l->used += (size_t)snprintf(l->buf + l->used, l->size - l->used, "%s %s%s%s",
                                l->more ? "," : ":", word, differs ? " " : "", differs ? read : "");
    l->more = true;
}

/* What an option is for and, where its values are words, which ones. */
static const char *doc_of(const struct mst_arg_row *arg, char *buf, size_t size)
{
    const char *word;
    struct listing l = {.column = arg->name, .buf = buf, .size = size};
    l.choice = mst_values_are_words(arg->values);
    l.used = (size_t)snprintf(buf, size, "%s", _(arg->doc));
    if (l.choice)
        mst_values_each(arg->values, list_word, &l);
    else if (mst_arg_has_words(arg))
        for (size_t i = 0; (word = mst_word_at(arg->name, i)); i++)
            list_word(&l, word);
    return buf;
}

static void print_args(FILE *out, const char *title, const struct mst_arg_row *rows, size_t count,
                       bool positional, int width)
{
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        char text[128], doc[1024];
        if ((rows[i].kind == MST_ARG_POSITIONAL) != positional)
            continue;
        if (first)
            heading(out, title);
        first = false;
        entry(out, mst_arg_text(&rows[i], text, sizeof text), width,
              doc_of(&rows[i], doc, sizeof doc));
    }
}

static void print_command(const struct mst_app *app, const struct mst_command_row *command,
                          FILE *out)
{
    char usage[1024];
    const char *gap = is_program(command) ? "" : " ";
    usage_of(command, usage, sizeof usage);
    headline(out, app->program, gap, command->word,
             _(is_program(command) ? app->doc : command->doc));
    heading(out, _("Usage"));
    int column = fprintf(out, "  %s%s", app->program, gap);
    mst_print_wrapped(out, usage, column);
    fputc('\n', out);
    int width = args_width(command->args, command->args_count, 0);
    width = args_width(app->options, app->options_count, width);
    print_args(out, _("Arguments"), command->args, command->args_count, true, width);
    print_args(out, _("Options"), command->args, command->args_count, false, width);
    print_args(out, _("Common options"), app->options, app->options_count, false, width);
    if (command->columns[0]) {
        heading(out, _("Shows"));
        fputs("  ", out);
        for (const char *c = command->columns; *c;) {
            fwrite(c, 1, strcspn(c, "?!: "),
                   out); /* what follows the name is the table's business */
            c += strcspn(c, " ");
            if (*c)
                fputc(*c++, out);
        }
        fputc('\n', out);
    }
    heading(out, _("Example"));
    fprintf(out, "  %s\n", _(command->example));
}

static void print_overview(const struct mst_app *app, FILE *out)
{
    int width = 0;
    for (size_t i = 0; i < app->commands_count; i++) {
        int mine = mst_width(app->commands[i].word);
        width = mine > width ? mine : width;
    }
    headline(out, app->program, " ", MUSTER_VERSION, _(app->doc));
    heading(out, _("Usage"));
    fprintf(out, "  %s %s\n", app->program, _("[OPTION…] COMMAND [ARGUMENT…]"));
    for (size_t s = 0; s < app->sections_count; s++) {
        heading(out, _(app->sections[s]));
        for (size_t i = 0; i < app->commands_count; i++) {
            if (app->commands[i].where == (int)s)
                entry(out, app->commands[i].word, width, _(app->commands[i].doc));
        }
    }
    width = args_width(app->options, app->options_count, 0);
    print_args(out, _("Common options"), app->options, app->options_count, false, width);
    fputc('\n', out);
    fprintf(out, _("`%s help COMMAND` tells more of each."), app->program);
    fputc('\n', out);
}

void mst_app_help(const struct mst_app *app, const struct mst_command_row *command, FILE *out)
{
    if (command)
        print_command(app, command, out);
    else
        print_overview(app, out);
}

/* ---- roff ---- */

/* A backslash, a hyphen, and a dot or quote that begins a line mean something to roff. */
static void roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
    }
}

static void roff_section(FILE *out, const char *macro, const char *title)
{
    fprintf(out, ".%s \"", macro);
    roff(out, title);
    fputs("\"\n", out);
}

static void roff_entry(FILE *out, const char *left, const char *right)
{
    fputs(".TP\n.B ", out);
    roff(out, left);
    fputc('\n', out);
    roff(out, right);
    fputc('\n', out);
}

static void roff_args(FILE *out, const struct mst_arg_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[128], doc[1024];
        roff_entry(out, mst_arg_text(&rows[i], text, sizeof text),
                   doc_of(&rows[i], doc, sizeof doc));
    }
}

static void roff_command(const struct mst_app *app, const struct mst_command_row *command,
                         FILE *out)
{
    char usage[1024];
    usage_of(command, usage, sizeof usage);
    if (!is_program(command)) {
        roff_section(out, "SS", command->word);
        roff(out, _(command->doc));
        fputs("\n.PP\n.B ", out);
        roff(out, app->program);
        fputc(' ', out);
        roff(out, usage);
        fputc('\n', out);
    }
    roff_args(out, command->args, command->args_count);
    fputs(".PP\n", out);
    roff(out, _("Example"));
    fputs(":\n.PP\n.RS\n.nf\n", out);
    roff(out, _(command->example));
    fputs("\n.fi\n.RE\n", out);
}

static void roff_notes(FILE *out, const char *title, const struct mst_app_note *notes, size_t count)
{
    if (count == 0)
        return;
    roff_section(out, "SH", title);
    for (size_t i = 0; i < count; i++)
        roff_entry(out, notes[i].name, _(notes[i].doc));
}

static void roff_exits(FILE *out)
{
    static const struct mst_app_note exits[] = {
        {"0", N_("done")},
        {"1", N_("refused, or failed; standard error says why and what to do next")},
        {"2", N_("the command line was not understood")},
        {"3", N_("no answer from the broker or the agent")},
        {"4", N_("this key or user may not do that")},
        {"5", N_("the broker's ledger contradicts what muster-watch has witnessed")},
    };
    roff_notes(out, _("EXIT STATUS"), exits, sizeof exits / sizeof exits[0]);
}

void mst_app_man(const struct mst_app *app, FILE *out)
{
    fprintf(out, ".TH %s 1 \"\" \"Muster %s\" \"Muster\"\n", app->program, MUSTER_VERSION);
    /* Words are not to be broken: half an option cannot be copied. */
    fputs(".nh\n.ad l\n", out);
    roff_section(out, "SH", _("NAME"));
    roff(out, app->program);
    fputs(" \\- ", out);
    roff(out, _(app->doc));
    fputc('\n', out);
    roff_section(out, "SH", _("SYNOPSIS"));
    fputs(".B ", out);
    roff(out, app->program);
    fputc(' ', out);
    if (app->commands_count == 1 && is_program(app->commands)) {
        char usage[1024];
        usage_of(app->commands, usage, sizeof usage);
        roff(out, usage);
        fputc('\n', out);
        roff_section(out, "SH", _("DESCRIPTION"));
        roff(out, _(app->commands->doc));
        fputc('\n', out);
        roff_command(app, app->commands, out);
    } else {
        roff(out, _("[OPTION…] COMMAND [ARGUMENT…]"));
        fputc('\n', out);
    }
    for (size_t s = 0; s < app->sections_count; s++) {
        roff_section(out, "SH", _(app->sections[s]));
        for (size_t i = 0; i < app->commands_count; i++) {
            if (app->commands[i].where == (int)s)
                roff_command(app, &app->commands[i], out);
        }
    }
    roff_section(out, "SH", _("COMMON OPTIONS"));
    roff_args(out, app->options, app->options_count);
    roff_notes(out, _("ENVIRONMENT"), app->environment, app->environment_count);
    roff_notes(out, _("FILES"), app->files, app->files_count);
    roff_exits(out);
}
