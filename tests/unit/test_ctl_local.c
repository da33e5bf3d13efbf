/* SPDX-License-Identifier: Apache-2.0 */
/* check, calendar and settings through the whole command line, without a broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ctl/ctl.h"

#define JINGNING "config/jingning/programme.yaml"

/* Runs musterctl with the words and gives what it wrote to the descriptor; the caller frees. */
static char *run(int fd, int *ret_exit, const char *const *argv)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(NULL);
    int kept = dup(fd);
    assert_true(kept >= 0 && dup2(fileno(file), fd) >= 0);
    *ret_exit = mst_ctl_main(argc, (char *const *)(uintptr_t)argv);
    fflush(NULL);
    dup2(kept, fd);
    close(kept);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    rewind(file);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}
#define RUN(fd, ret_exit, ...)                                                                     \
    run(fd, ret_exit, (const char *const[]){"musterctl", "--lang", "en", __VA_ARGS__, NULL})

static json_t *run_json(char *text)
{
    json_error_t error;
    json_t *rows = json_loads(text, 0, &error);
    if (!rows)
        fail_msg("%s in %.200s", error.text, text);
    free(text);
    return rows;
}

static const char *field(const json_t *rows, size_t row, const char *name)
{
    return json_string_value(json_object_get(json_array_get(rows, row), name));
}

static void calendar_gives_every_field_of_an_obligation(void **state)
{
    (void)state;
    int exit_code;
    json_t *rows =
        run_json(RUN(1, &exit_code, "calendar", JINGNING, "--json", "--duty", "quarterly-progress",
                     "--unit", "市经信局", "--from", "2023-10-01", "--to", "2023-10-31"));
    static const struct {
        const char *name, *value;
    } fields[] = {
        {"id", "quarterly-progress/2023Q3/jxj"},
        {"programme", "jingning"},
        {"duty", "quarterly-progress"},
        {"period", "2023Q3"},
        {"bearer", "jxj"},
        {"group", "g1"},
        {"counterpart", "office"},
        {"opens", "2023-07-01T00:00:00+08:00"},
        {"due", "2023-10-12T00:00:00+08:00"},
        {"due_day", "2023-10-11"},
        {"grace_until", "2023-10-12T00:00:00+08:00"},
    };
    assert_int_equal(exit_code, MST_EXIT_OK);
    assert_int_equal(json_array_size(rows), 1);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        assert_string_equal(field(rows, 0, fields[i].name), fields[i].value);
    const json_t *row = json_array_get(rows, 0);
    assert_true(json_is_false(json_object_get(row, "provisional")));
    assert_true(json_is_true(json_object_get(row, "applicable")));
    assert_true(json_is_true(json_object_get(row, "enforced")));
    assert_non_null(strstr(field(rows, 0, "clause"), "每季度"));
    json_decref(rows);
}

static void calendar_is_sorted_by_due_and_ends_where_told(void **state)
{
    (void)state;
    int exit_code;
    json_t *rows = run_json(RUN(1, &exit_code, "calendar", JINGNING, "--json", "--from",
                                "2023-01-01", "--to", "2023-12-31"));
    assert_int_equal(exit_code, MST_EXIT_OK);
    /* 5 task lists, 3 and 4 times 5 leads, 4 times 26 members, 5 plans; 5 and 2 quotas, 3
     * assessments. */
    size_t enforced = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *day = field(rows, i, "due_day");
        assert_true(strcmp(day, "2023-01-01") >= 0 && strcmp(day, "2023-12-31") <= 0);
        assert_true(i == 0 || strcmp(field(rows, i - 1, "due"), field(rows, i, "due")) <= 0);
        enforced += json_is_true(json_object_get(json_array_get(rows, i), "enforced"));
    }
    assert_int_equal(enforced, 5 + 3 * 5 + 4 * 26 + 5 + 5 + 2 + 3);
    json_decref(rows);
}

static void what_was_due_before_the_issue_is_listed_as_not_applicable(void **state)
{
    (void)state;
    int exit_code;
    json_t *rows = run_json(RUN(1, &exit_code, "calendar", JINGNING, "--json", "--duty",
                                "annual-plan", "--from", "2022-11-01", "--to", "2022-11-30"));
    assert_int_equal(json_array_size(rows), 5);
    assert_true(json_is_false(json_object_get(json_array_get(rows, 0), "applicable")));
    assert_non_null(field(rows, 0, "reason"));
    json_decref(rows);
}

static void unknown_names_and_ranges_are_refused_with_a_hint(void **state)
{
    (void)state;
    int exit_code;
    char *text = RUN(2, &exit_code, "calendar", JINGNING, "--unit", "jxk");
    assert_int_equal(exit_code, MST_EXIT_REFUSED);
    assert_non_null(strstr(text, "did you mean jxj?"));
    free(text);
    text = RUN(2, &exit_code, "calendar", JINGNING, "--from", "2023-02-30");
    assert_int_not_equal(exit_code, MST_EXIT_OK);
    assert_non_null(strstr(text, "--from"));
    free(text);
    text = RUN(2, &exit_code, "calendar", JINGNING, "--from", "2023-02-03", "--to", "2023-02-01");
    assert_int_not_equal(exit_code, MST_EXIT_OK);
    free(text);
}

static void check_counts_and_lists_what_is_not_yet_enforced(void **state)
{
    (void)state;
    int exit_code;
    char *text = RUN(1, &exit_code, "check", JINGNING);
    assert_int_equal(exit_code, MST_EXIT_OK);
    assert_non_null(strstr(text, "units: 32, groups: 5, focus areas: 14"));
    const char *declared = strstr(text, "declared, not enforced");
    assert_non_null(declared);
    assert_non_null(strstr(declared, "attested-attention"));
    assert_null(strstr(declared, "difficulty-reply"));
    assert_null(strstr(declared, "group-meeting"));
    free(text);
}

static void check_goes_on_after_a_wrong_file(void **state)
{
    (void)state;
    int exit_code;
    char *text =
        RUN(2, &exit_code, "check", "tests/yaml/unknown-unit.yaml", "tests/yaml/bad-date.yaml");
    assert_int_equal(exit_code, MST_EXIT_REFUSED);
    assert_non_null(strstr(text, "tests/yaml/unknown-unit.yaml:14:11: error: unknown unit nort-1"));
    assert_non_null(strstr(text, "tests/yaml/bad-date.yaml:4:9: error: 2026-02-30 is not a date"));
    free(text);
    json_t *rows = run_json(RUN(1, &exit_code, "check", "--json", "tests/yaml/warnings.yaml"));
    assert_int_equal(exit_code, MST_EXIT_OK);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "warnings")), 3);
    json_decref(rows);
}

static void settings_are_all_listed(void **state)
{
    (void)state;
    int exit_code;
    size_t settings = 0;
#define SETTING(scope, name, type, fallback, min, max, unit, doc) settings++;
#include "config/settings.def"
#undef SETTING
    json_t *rows = run_json(RUN(1, &exit_code, "settings", "--json"));
    assert_int_equal(exit_code, MST_EXIT_OK);
    assert_int_equal(json_array_size(rows), settings);
    assert_string_equal(field(rows, 0, "scope"), "broker");
    json_decref(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendar_gives_every_field_of_an_obligation),
        cmocka_unit_test(calendar_is_sorted_by_due_and_ends_where_told),
        cmocka_unit_test(what_was_due_before_the_issue_is_listed_as_not_applicable),
        cmocka_unit_test(unknown_names_and_ranges_are_refused_with_a_hint),
        cmocka_unit_test(check_counts_and_lists_what_is_not_yet_enforced),
        cmocka_unit_test(check_goes_on_after_a_wrong_file),
        cmocka_unit_test(settings_are_all_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
