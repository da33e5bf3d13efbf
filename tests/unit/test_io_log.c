/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about the log: one line an event, none forged, floods cut short and counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/io/log.h"

struct caught {
    FILE *file;
    int stderr_before;
    char text[65536];
};

static void catch_begin(struct caught *c)
{
    c->file = tmpfile();
    assert_non_null(c->file);
    fflush(stderr);
    c->stderr_before = dup(STDERR_FILENO);
    dup2(fileno(c->file), STDERR_FILENO);
}

static void catch_end(struct caught *c)
{
    fflush(stderr);
    dup2(c->stderr_before, STDERR_FILENO);
    close(c->stderr_before);
    rewind(c->file);
    c->text[fread(c->text, 1, sizeof c->text - 1, c->file)] = '\0';
    fclose(c->file);
}

static size_t lines_in(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

static void what_strangers_say_forges_no_line(void **state)
{
    static struct caught c;
    struct mst_log log = {.lines_per_s = 100};
    (void)state;
    catch_begin(&c);
    mst_log(&log, 4, "refused", "name=\"%s\"", "x\nready members=\x1b[31m\x7f 市");
    catch_end(&c);
    assert_int_equal(lines_in(c.text), 1);
    assert_string_equal(c.text, "refused name=\"x\\x0aready members=\\x1b[31m\\x7f 市\"\n");
}

static void line_of_any_length_ends(void **state)
{
    static struct caught c;
    static char much[5000];
    struct mst_log log = {.lines_per_s = 100};
    (void)state;
    memset(much, '\n', sizeof much - 1);
    catch_begin(&c);
    mst_log(&log, 3, "long", "%s", much);
    catch_end(&c);
    assert_int_equal(lines_in(c.text), 1);
    assert_true(strlen(c.text) > 1000);
}

static void warnings_are_limited_and_counted(void **state)
{
    static struct caught c;
    struct mst_log log = {.lines_per_s = 3};
    (void)state;
    catch_begin(&c);
    for (int i = 0; i < 10; i++)
        mst_log(&log, 4, "refused", "n=%d", i);
    log.second--; /* a second later */
    mst_log(&log, 4, "refused", "n=later");
    catch_end(&c);
    /* If the second ended on the way, more came through: all are told or counted. */
    unsigned counted = 0;
    for (const char *at = c.text; (at = strstr(at, "log-limited lines=")); at++)
        counted += (unsigned)strtoul(at + strlen("log-limited lines="), NULL, 10);
    size_t told = 0;
    for (const char *at = c.text; (at = strstr(at, "refused n=")); at++)
        told++;
    assert_int_equal(told + counted, 11);
    assert_true(counted > 0);
    assert_non_null(strstr(c.text, "n=later"));
}

static void errors_and_news_are_never_left_out(void **state)
{
    static struct caught c;
    struct mst_log log = {.lines_per_s = 1};
    struct mst_err err;
    (void)state;
    mst_fail(&err, MST_E_FULL, "the disk");
    catch_begin(&c);
    for (int i = 0; i < 5; i++) {
        mst_log(&log, 6, "session", "n=%d", i);
        mst_log_err(&log, "full", &err);
    }
    catch_end(&c);
    assert_int_equal(lines_in(c.text), 10);
    assert_non_null(strstr(c.text, "full code=full text=\"the disk\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_strangers_say_forges_no_line),
        cmocka_unit_test(line_of_any_length_ends),
        cmocka_unit_test(warnings_are_limited_and_counted),
        cmocka_unit_test(errors_and_news_are_never_left_out),
    };
    unsetenv("JOURNAL_STREAM");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
