/* SPDX-License-Identifier: Apache-2.0 */
/* muster-watch's command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/watch/watch.h"

static void state_is_a_directory_and_not_the_word_of_a_column(void **state)
{
    (void)state;
    char words[3][32] = {"muster-watch", "--state", "/var/lib/somewhere"};
    char *const argv[] = {words[0], words[1], words[2], NULL};
    struct mst_call call;
    struct mst_err err;
    if (mst_app_parse(mst_watch_app(), 3, argv, &call, &err))
        fail_msg("%s", err.text);
    assert_string_equal(mst_call_value(&call, "state"), "/var/lib/somewhere");
}

static void print_help(const struct mst_app *app, FILE *out)
{
    mst_app_help(app, &app->commands[0], out);
}

static void nothing_that_is_printed_offers_such_words(void **state)
{
    (void)state;
    void (*const printers[])(const struct mst_app *app, FILE *out) = {print_help, mst_app_man,
                                                                      mst_app_bash, mst_app_zsh};
    for (size_t i = 0; i < sizeof printers / sizeof printers[0]; i++) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        printers[i](mst_watch_app(), out);
        fclose(out);
        assert_non_null(strstr(text, "state"));
        assert_null(strstr(text, "answered"));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_is_a_directory_and_not_the_word_of_a_column),
        cmocka_unit_test(nothing_that_is_printed_offers_such_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
