/* SPDX-License-Identifier: Apache-2.0 */
/* YAML documents as msgpack, places in them, and settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/load/load.h"
#include "config/load/settings.h"
#include "proto/pack.h"
#include "proto/validate.h"

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

static void write_text(const char *text, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
}

static struct mst_yaml *open_text(const char *text)
{
    struct mst_diags diags = {0};
    struct mst_yaml *yaml = NULL;
    write_text(text, strlen(text));
    int code = mst_yaml_open(path, &diags, &yaml, NULL);
    mst_diags_print(&diags, stderr);
    assert_int_equal(code, 0);
    mst_diags_done(&diags);
    return yaml;
}

static void scalars_follow_the_core_schema(void **state)
{
    (void)state;
    struct mst_yaml *yaml = open_text(
        "int: -12\nhex: 0xff\noctal: 0o17\nfraction: 1.5e3\nyes: true\nno: no\ntime: 12:30\n"
        "none: ~\nempty:\nquoted: \"12\"\nbig: 18446744073709551615\nleast: -9223372036854775808\n"
        "date: 2023-10-11\ndot: .\nlist: [1, two, {three: 3}]\n名: 景宁县\n");
    struct mst_buf buf = {0};
    assert_int_equal(mst_yaml_pack(yaml, &buf, NULL), 0);
    assert_int_equal(mst_validate(buf.data, buf.len, NULL), 0);
    struct mst_slice map = mst_bytes(buf.data, buf.len), raw;
    assert_int_equal(mst_unpack_int(map, "int", 0), -12);
    assert_int_equal(mst_unpack_int(map, "hex", 0), 255);
    assert_int_equal(mst_unpack_int(map, "octal", 0), 15);
    assert_int_equal(mst_unpack_int(map, "least", 0), INT64_MIN);
    assert_true(mst_unpack_bool(map, "yes", false));
    assert_true(mst_slice_is(mst_unpack_text(map, "no"), "no"));
    assert_true(mst_slice_is(mst_unpack_text(map, "time"), "12:30"));
    assert_true(mst_slice_is(mst_unpack_text(map, "quoted"), "12"));
    assert_true(mst_slice_is(mst_unpack_text(map, "date"), "2023-10-11"));
    assert_true(mst_slice_is(mst_unpack_text(map, "dot"), "."));
    assert_true(mst_slice_is(mst_unpack_text(map, "名"), "景宁县"));
    struct mst_unpack u;
    struct mst_value value;
    static const struct {
        const char *key;
        enum mst_value_kind kind;
    } kinds[] = {{"fraction", MST_VALUE_DOUBLE},
                 {"none", MST_VALUE_NIL},
                 {"empty", MST_VALUE_NIL},
                 {"big", MST_VALUE_UINT},
                 {"list", MST_VALUE_ARRAY}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_true(mst_unpack_find(map, kinds[i].key, &raw));
        mst_unpack_init(&u, raw.data, raw.len);
        assert_true(mst_unpack_next(&u, &value));
        assert_int_equal(value.kind, kinds[i].kind);
    }
    mst_buf_done(&buf);
    mst_yaml_free(yaml);
}

static int open_bytes(const char *text, size_t len, struct mst_diags *diags)
{
    struct mst_yaml *yaml = NULL;
    write_text(text, len);
    int code = mst_yaml_open(path, diags, &yaml, NULL);
    assert_true(code == 0 || !yaml);
    mst_yaml_free(yaml);
    return code;
}

static void other_encodings_and_nul_bytes_are_refused_at_their_place(void **state)
{
    (void)state;
    struct mst_diags diags = {0};
    static const char latin[] = "# \xe6\xb3\xa8\nt: \xe6\xb3\xa8M\xfcnchen\n", nul[] = "a: b\0c\n";
    assert_int_equal(open_bytes(latin, sizeof latin - 1, &diags), MST_E_SYNTAX);
    assert_int_equal(open_bytes(nul, sizeof nul - 1, &diags), MST_E_SYNTAX);
    assert_int_equal(diags.count, 2);
    assert_string_equal(diags.items[0].text, "a NUL byte does not belong in a text file");
    assert_int_equal(diags.items[0].line, 1);
    assert_int_equal(diags.items[0].column, 5);
    assert_string_equal(diags.items[1].text, "this is not UTF-8");
    assert_int_equal(diags.items[1].line, 2);
    assert_int_equal(diags.items[1].column, 6);
    mst_diags_done(&diags);
}

/* Limits hold before memory goes: a file of megabytes that is all brackets, keys or lines. */
static void hostile_files_are_refused_in_bounds(void **state)
{
    (void)state;
    size_t len = 4 * 1024 * 1024 + 1;
    char *text = malloc(len);
    assert_non_null(text);
    struct mst_diags diags = {0};
    memset(text, '[', len);
    assert_int_equal(open_bytes(text, len, &diags), MST_E_TOO_LARGE);
    assert_int_equal(diags.count, 0);
    assert_int_equal(open_bytes(text, 256 * 1024, &diags), MST_E_SYNTAX);
    for (size_t i = 0; i + 2 < len; i += 2)
        memcpy(text + i, "-\n", 2);
    assert_int_equal(open_bytes(text, len - 1, &diags), MST_E_SYNTAX);
    for (size_t i = 0; i + 4 < len; i += 4)
        memcpy(text + i, "a:\n\n", 4);
    /* 150,000 times the same key. */
    assert_int_equal(open_bytes(text, 600000, &diags), MST_E_INVALID);
    assert_true(diags.count <= 1000);
    mst_diags_done(&diags);
    free(text);
}

static void settings_have_defaults_from_the_table(void **state)
{
    (void)state;
    struct mst_settings settings;
    size_t count;
    assert_int_equal(mst_settings_init(&settings, NULL), 0);
    assert_string_equal(settings.BROKER_data_dir, "/var/lib/muster");
    assert_int_equal(settings.BROKER_window_reports, 1024);
    assert_int_equal(settings.BROKER_programmes.count, 0);
    assert_int_equal(settings.BROKER_local_roles.count, 1);
    assert_string_equal(settings.BROKER_local_roles.items[0], "0=office+admin");
    const struct mst_setting_row *rows = mst_settings_table(&count);
    assert_string_equal(rows[0].name, "data_dir");
    assert_string_equal(rows[0].fallback_text, "/var/lib/muster");
    for (size_t i = 0; i < count; i++)
        assert_true(rows[i].min <= rows[i].max);
    mst_settings_done(&settings);
}

static void settings_are_read_from_a_file_and_a_command_line(void **state)
{
    (void)state;
    struct mst_settings settings;
    struct mst_diags diags = {0};
    const char *text = "window_reports: 5\nprogrammes: [a.yaml, b.yaml]\ndata_dir: /srv/x\n";
    write_text(text, strlen(text));
    assert_int_equal(mst_settings_init(&settings, NULL), 0);
    assert_int_equal(mst_settings_load(&settings, MST_SCOPE_BROKER, path, &diags, NULL), 0);
    assert_int_equal(settings.BROKER_window_reports, 5);
    assert_int_equal(settings.BROKER_programmes.count, 2);
    assert_string_equal(settings.BROKER_programmes.items[1], "b.yaml");
    assert_string_equal(settings.BROKER_data_dir, "/srv/x");
    assert_int_equal(
        mst_settings_set(&settings, MST_SCOPE_BROKER, "programmes=c.yaml,d.yaml,e.yaml", NULL), 0);
    assert_int_equal(settings.BROKER_programmes.count, 3);
    assert_int_equal(mst_settings_set(&settings, MST_SCOPE_AGENT, "hook=", NULL), 0);
    assert_string_equal(settings.AGENT_hook, "");
    mst_settings_done(&settings);
    mst_diags_done(&diags);
}

static void wrong_settings_are_refused_with_their_places(void **state)
{
    (void)state;
    struct mst_settings settings;
    struct mst_diags diags = {0};
    const char *text = "window_report: 5\nsend_queue_max: 1\ndata_dir: 7\nhook: x\n"
                       "programmes: [a, 2]\nrate_burst: many\n";
    write_text(text, strlen(text));
    assert_int_equal(mst_settings_init(&settings, NULL), 0);
    assert_int_equal(mst_settings_load(&settings, MST_SCOPE_BROKER, path, &diags, NULL),
                     MST_E_INVALID);
    assert_int_equal(diags.count, 6);
    assert_string_equal(diags.items[0].text, "unknown key window_report");
    assert_string_equal(diags.items[0].hint, "did you mean window_reports?");
    assert_string_equal(diags.items[1].text, "send_queue_max must be between 10 and 100000, not 1");
    assert_int_equal(diags.items[1].line, 2);
    assert_int_equal(diags.items[1].column, 17);
    assert_string_equal(diags.items[5].text, "rate_burst must be a whole number, not text");
    struct mst_err err;
    assert_int_equal(mst_settings_set(&settings, MST_SCOPE_BROKER, "send_queue_max=1", &err),
                     MST_E_INVALID);
    assert_int_equal(settings.BROKER_send_queue_max, 1000);
    assert_int_equal(mst_settings_set(&settings, MST_SCOPE_BROKER, "dat_dir=/x", &err),
                     MST_E_UNKNOWN);
    assert_string_equal(err.hint, "did you mean data_dir?");
    assert_int_equal(mst_settings_set(&settings, MST_SCOPE_WATCH, "data_dir=/x", &err),
                     MST_E_UNKNOWN);
    assert_int_equal(mst_settings_set(&settings, MST_SCOPE_BROKER, "data_dir", &err), MST_E_USAGE);
    mst_settings_done(&settings);
    mst_diags_done(&diags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_follow_the_core_schema),
        cmocka_unit_test(other_encodings_and_nul_bytes_are_refused_at_their_place),
        cmocka_unit_test(hostile_files_are_refused_in_bounds),
        cmocka_unit_test(settings_have_defaults_from_the_table),
        cmocka_unit_test(settings_are_read_from_a_file_and_a_command_line),
        cmocka_unit_test(wrong_settings_are_refused_with_their_places),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
