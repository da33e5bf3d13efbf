/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's settings are refused where they are read, each row of them, with place and remedy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/io/broker.h"

static char path[] = "/tmp/muster-test-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 || close(fd) ? -1 : 0;
}

static int remove_file(void **state)
{
    (void)state;
    return remove(path);
}

static int load(struct mst_settings *settings, const char *text, struct mst_diags *diags)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(mst_settings_init(settings, NULL), 0);
    settings->vet = mst_broker_vet;
    return mst_settings_load(settings, MST_SCOPE_BROKER, path, diags, NULL);
}

static void every_wrong_row_has_its_place_and_the_words_that_are_taken(void **state)
{
    (void)state;
    struct mst_settings settings;
    struct mst_diags diags = {0};
    const char *text = "local_roles: [\"0=office+king\", \"7=viewer\", \"foo=office\"]\n"
                       "page_bytes: 5000\n"
                       "members_endpoint: pgm://0.0.0.0:5570\n"
                       "feed_endpoint: tcp://0.0.0.0:65536\n"
                       "enrol_endpoint: tcp://5572\n";
    static const struct {
        int line, column;
        const char *text, *hint;
    } wanted[] = {
        {1, 16, "local_roles: cannot read 0=office+king", "office, director, viewer, admin"},
        {1, 45, "local_roles: cannot read foo=office", "UID=ROLE+ROLE"},
        {2, 13, "page_bytes must be a power of two, not 5000", ""},
        {3, 19, "pgm://0.0.0.0:5570: only tcp:// and ipc://", ""},
        {4, 16, "tcp://0.0.0.0:65536: an address and a port", "tcp://0.0.0.0:5570"},
        {5, 17, "tcp://5572: an address and a port", "tcp://0.0.0.0:5570"},
    };
    assert_int_equal(load(&settings, text, &diags), MST_E_INVALID);
    assert_int_equal(diags.count, sizeof wanted / sizeof wanted[0]);
    for (size_t i = 0; i < diags.count; i++) {
        assert_int_equal(diags.items[i].line, wanted[i].line);
        assert_int_equal(diags.items[i].column, wanted[i].column);
        assert_non_null(strstr(diags.items[i].text, wanted[i].text));
        assert_non_null(strstr(diags.items[i].hint, wanted[i].hint));
    }
    mst_settings_done(&settings);
    mst_diags_done(&diags);
}

static void right_rows_are_taken(void **state)
{
    (void)state;
    struct mst_settings settings;
    struct mst_diags diags = {0};
    const char *text = "local_roles: [\"0=office+admin\", \"7=viewer\"]\n"
                       "page_bytes: 4096\n"
                       "members_endpoint: tcp://[::]:5570\n"
                       "feed_endpoint: ipc:///run/muster/feed.sock\n"
                       "enrol_endpoint: tcp://*:65535\n";
    assert_int_equal(load(&settings, text, &diags), 0);
    assert_int_equal(diags.count, 0);
    assert_int_equal(settings.BROKER_page_bytes, 4096);
    mst_settings_done(&settings);
    mst_diags_done(&diags);
}

static void a_command_line_is_vetted_as_a_file_is(void **state)
{
    (void)state;
    struct mst_settings settings;
    struct mst_err err;
    char long_dir[160] = "runtime_dir=/";
    memset(long_dir + strlen(long_dir), 'd', 120);
    const char *const wrong[] = {"local_roles=0=admin,1=lead", "page_bytes=4097",
                                 "feed_endpoint=inproc://x", long_dir};
    assert_int_equal(mst_settings_init(&settings, NULL), 0);
    settings.vet = mst_broker_vet;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(mst_settings_set(&settings, MST_SCOPE_BROKER, wrong[i], &err),
                         MST_E_INVALID);
    assert_non_null(strstr(err.text, "at most"));
    assert_string_equal(settings.BROKER_runtime_dir, "/run/muster");
    assert_int_equal(mst_settings_set(&settings, MST_SCOPE_BROKER, "runtime_dir=r/run", &err), 0);
    mst_settings_done(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_row_has_its_place_and_the_words_that_are_taken),
        cmocka_unit_test(right_rows_are_taken),
        cmocka_unit_test(a_command_line_is_vetted_as_a_file_is),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
