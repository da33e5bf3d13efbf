/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl's command line: what the table says is what is parsed, helped, completed and
 * documented. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ctl/ctl.h"

static struct mst_call call;
static struct mst_err err;

#define PARSE(...) parse((const char *const[]){"musterctl", __VA_ARGS__, NULL})
static int parse(const char *const *argv)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    memset(&err, 0, sizeof err);
    return mst_app_parse(mst_ctl_app(), argc, (char *const *)(uintptr_t)argv, &call, &err);
}

/* Prints into memory; the caller frees. */
static char *printed(void (*print)(const struct mst_app *app, FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    print(mst_ctl_app(), out);
    fclose(out);
    return text;
}

static void words_become_values(void **state)
{
    (void)state;
    assert_int_equal(
        PARSE("--json", "review", "q/2023Q3/u1", "--return", "--reason=too thin", "--lang", "en"),
        0);
    assert_string_equal(call.command->word, "review");
    assert_string_equal(mst_call_value(&call, "obligation"), "q/2023Q3/u1");
    assert_string_equal(mst_call_value(&call, "return"), "yes");
    assert_string_equal(mst_call_value(&call, "reason"), "too thin");
    assert_null(mst_call_value(&call, "approve"));
    assert_string_equal(mst_call_option(&call, "json"), "yes");
    assert_null(mst_call_option(&call, "csv"));
}

static void many_files_are_kept_in_order(void **state)
{
    (void)state;
    assert_int_equal(PARSE("check", "a.yaml", "--", "--odd.yaml", "b.yaml"), 0);
    assert_int_equal(call.many_count, 3);
    assert_string_equal(call.many[1], "--odd.yaml");
}

static void wrong_lines_are_usage_errors(void **state)
{
    (void)state;
    assert_int_equal(PARSE("status", "extra"), MST_E_USAGE);
    assert_int_equal(PARSE("status", "--group", "g"), MST_E_USAGE);
    assert_int_equal(PARSE("units", "--group"), MST_E_USAGE);
    assert_int_equal(PARSE("units", "--group", "a", "--group", "b"), MST_E_USAGE);
    assert_int_equal(PARSE("status", "--json=yes"), MST_E_USAGE);
    assert_int_equal(PARSE("alerts", "--limit", "ten"), MST_E_USAGE);
    assert_int_equal(PARSE("alerts", "--limit", "-1"), MST_E_USAGE);
    assert_int_equal(PARSE("ledger", "burn"), MST_E_USAGE);
    assert_int_equal(PARSE("status", "-x"), MST_E_USAGE);
    assert_int_equal(PARSE("status", "--lang", "fr"), MST_E_USAGE);
    assert_int_equal(mst_exit_of(MST_E_USAGE), 2);
}

static void typos_get_the_nearest_word(void **state)
{
    (void)state;
    assert_int_equal(PARSE("obligatoins"), MST_E_USAGE);
    assert_string_equal(err.text, "unknown command: obligatoins");
    assert_string_equal(err.hint, "did you mean obligations?");
    assert_int_equal(PARSE("review", "x", "--aprove"), MST_E_USAGE);
    assert_string_equal(err.hint, "did you mean --approve?");
    assert_int_equal(PARSE("status", "--jsno"), MST_E_USAGE);
    assert_string_equal(err.hint, "did you mean --json?");
    assert_int_equal(PARSE("obligations", "--phase", "overdeu"), MST_E_USAGE);
    assert_string_equal(err.hint, "did you mean overdue?");
    assert_int_equal(PARSE("zzzzzzzzzzz"), MST_E_USAGE);
    assert_string_equal(err.hint, "see --help");
}

static void help_is_a_word_and_an_option(void **state)
{
    (void)state;
    assert_int_equal(PARSE("help", "show"), 0);
    assert_true(call.help);
    assert_string_equal(call.command->word, "show");
    assert_int_equal(PARSE("show", "--help"), 0);
    assert_true(call.help);
    assert_int_equal(PARSE("-h"), 0);
    assert_true(call.help);
    assert_null(call.command);
}

static void help_of_every_command_is_complete(void **state)
{
    (void)state;
    const struct mst_app *app = mst_ctl_app();
    for (size_t i = 0; i < app->commands_count; i++) {
        const struct mst_command_row *c = &app->commands[i];
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        mst_app_help(app, c, out);
        fclose(out);
        assert_non_null(strstr(text, c->doc));
        assert_non_null(strstr(text, c->example));
        for (size_t k = 0; k < c->args_count; k++) {
            assert_non_null(strstr(text, c->args[k].doc));
            assert_non_null(strstr(text, c->args[k].kind == MST_ARG_POSITIONAL ? c->args[k].values
                                                                               : c->args[k].name));
        }
        free(text);
    }
}

static void print_overview(const struct mst_app *app, FILE *out)
{
    mst_app_help(app, NULL, out);
}

/* A manual writes a hyphen that is typed with a backslash. */
static void roff_word(const char *word, bool roff, char out[64])
{
    size_t at = 0;
    for (; *word && at < 62; word++) {
        if (roff && *word == '-')
            out[at++] = '\\';
        out[at++] = *word;
    }
    out[at] = '\0';
}

static void overview_manual_and_completion_list_every_command(void **state)
{
    (void)state;
    void (*const printers[])(const struct mst_app *app, FILE *out) = {print_overview, mst_app_man,
                                                                      mst_app_bash, mst_app_zsh};
    const char *const shapes[] = {"\n  %s ", "\n.SS \"%s\"",
                                  "\n    '%s') words=", "\n        '%s:"};
    for (size_t p = 0; p < sizeof printers / sizeof printers[0]; p++) {
        char *text = printed(printers[p]);
        for (size_t i = 0; i < mst_ctl_app()->commands_count; i++) {
            char line[128], word[64];
            roff_word(mst_ctl_app()->commands[i].word, printers[p] == mst_app_man, word);
            snprintf(line, sizeof line, shapes[p], word);
            assert_non_null(strstr(text, line));
        }
        free(text);
    }
}

/* Runs a shell on what was printed; skipped where that shell is not there. */
static int run_shell(const char *shell, const char *script, const char *more)
{
    char path[] = "/tmp/muster-completion-XXXXXX", command[512];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    fputs(script, file);
    fputs(more, file);
    fclose(file);
    snprintf(command, sizeof command, "%s %s", shell, path);
    int status = system(command);
    remove(path);
    return status;
}

static void bash_completes_words_and_values(void **state)
{
    (void)state;
    char *script = printed(mst_app_bash);
    assert_int_equal(
        run_shell("bash", script,
                  "expect() { local want=$1; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1));\n"
                  "  COMPREPLY=(); _musterctl; [[ \" ${COMPREPLY[*]} \" == *\" $want \"* ]] ||\n"
                  "  { echo \"$*: no $want in ${COMPREPLY[*]}\" >&2; exit 1; }; }\n"
                  "expect obligations musterctl obl\n"
                  "expect --verdict musterctl obligations --v\n"
                  "expect due-soon musterctl obligations --phase du\n"
                  "expect verify musterctl ledger v\n"
                  "expect zh_CN musterctl --lang z\n"
                  "expect --reason musterctl --home x review y --rea\n"
                  "all() { local want=$1; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1));\n"
                  "  COMPREPLY=(); _musterctl; [[ \"${COMPREPLY[*]}\" == \"$want\" ]] ||\n"
                  "  { echo \"$*: ${COMPREPLY[*]} instead of $want\" >&2; exit 1; }; }\n"
                  "all 'verify list head' musterctl ledger ''\n"
                  "all 'report alert head' musterctl export ''\n"
                  "all '' musterctl check ''\n"
                  "expect --from musterctl ledger --\n"
                  "expect --phase musterctl obligations ''\n"),
        0);
    free(script);
}

static void manual_escapes_what_roff_would_eat(void **state)
{
    (void)state;
    char *text = printed(mst_app_man);
    assert_non_null(strstr(text, ".B \\-\\-json"));
    assert_non_null(strstr(text, "\n.SH \"EXIT STATUS\"\n"));
    for (const char *at = text; (at = strstr(at, "\n'")); at++)
        fail_msg("a line begins with a quote");
    free(text);
}

static void every_row_names_what_it_takes(void **state)
{
    (void)state;
    const struct mst_app *app = mst_ctl_app();
    for (size_t i = 0; i < app->commands_count; i++) {
        for (size_t k = 0; k < app->commands[i].args_count; k++) {
            const struct mst_arg_row *arg = &app->commands[i].args[k];
            assert_true((arg->kind == MST_ARG_FLAG) == (arg->values[0] == '\0'));
            /* A command's option must not hide a common one. */
            for (size_t o = 0; o < app->options_count; o++)
                assert_string_not_equal(arg->name, app->options[o].name);
        }
        for (char columns[256], *rest = NULL, *word = NULL;;) {
            if (!word)
                word = strtok_r(strcpy(columns, app->commands[i].columns), " ?!:", &rest);
            else
                word = strtok_r(NULL, " ?!:", &rest);
            if (!word)
                break;
            /* Every column has a heading of its own. */
            assert_ptr_not_equal(mst_heading(word), word);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_values),
        cmocka_unit_test(many_files_are_kept_in_order),
        cmocka_unit_test(wrong_lines_are_usage_errors),
        cmocka_unit_test(typos_get_the_nearest_word),
        cmocka_unit_test(help_is_a_word_and_an_option),
        cmocka_unit_test(help_of_every_command_is_complete),
        cmocka_unit_test(overview_manual_and_completion_list_every_command),
        cmocka_unit_test(bash_completes_words_and_values),
        cmocka_unit_test(manual_escapes_what_roff_would_eat),
        cmocka_unit_test(every_row_names_what_it_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
