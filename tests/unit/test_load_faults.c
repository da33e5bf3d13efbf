/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong programme files: each tests/yaml/NAME.yaml with the findings that it must give, word by
 * word, in NAME.en.txt and NAME.zh.txt. The Chinese words come from the catalogue's source, so that
 * nothing needs to be built or installed first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "config/load/load.h"

#define CATALOGUE "po/zh_CN.po"
#define FILES_MIN 20

struct message {
    char *id, *text;
};
static struct message *messages;
static size_t messages_count;

/* Append what stands between the first and the last quotation mark of a line. */
static void append_quoted(char **text, const char *line)
{
    const char *from = strchr(line, '"'), *to = strrchr(line, '"');
    size_t used = *text ? strlen(*text) : 0;
    *text = realloc(*text, used + strlen(line) + 1);
    assert_non_null(*text);
    char *out = *text + used;
    for (const char *at = from + 1; at < to; at++) {
        if (*at == '\\' && at + 1 < to) {
            at++;
            *out++ = *at == 'n' ? '\n' : *at;
        } else {
            *out++ = *at;
        }
    }
    *out = '\0';
}

static void keep_message(struct message *message)
{
    if (message->id && message->text && message->text[0]) {
        messages = realloc(messages, (messages_count + 1) * sizeof *messages);
        assert_non_null(messages);
        messages[messages_count++] = *message;
    } else {
        free(message->id);
        free(message->text);
    }
    *message = (struct message){0};
}

static const char *translate(const char *msgid)
{
    for (size_t i = 0; i < messages_count; i++) {
        if (strcmp(messages[i].id, msgid) == 0)
            return messages[i].text;
    }
    return msgid;
}

static int read_catalogue(void **state)
{
    (void)state;
    FILE *file = fopen(CATALOGUE, "r");
    char line[4096];
    struct message message = {0};
    bool in_text = false;
    if (!file)
        return -1;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "msgid ", 6) == 0) {
            keep_message(&message);
            in_text = false;
            append_quoted(&message.id, line);
        } else if (strncmp(line, "msgstr ", 7) == 0) {
            in_text = true;
            append_quoted(&message.text, line);
        } else if (line[0] == '"') {
            append_quoted(in_text ? &message.text : &message.id, line);
        }
    }
    keep_message(&message);
    fclose(file);
    mst_tr_set(translate);
    return 0;
}

static int drop_catalogue(void **state)
{
    (void)state;
    mst_tr_set(NULL);
    for (size_t i = 0; i < messages_count; i++) {
        free(messages[i].id);
        free(messages[i].text);
    }
    free(messages);
    messages = NULL;
    messages_count = 0;
    return 0;
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    if (!file)
        fail_msg("%s is missing", path);
    size_t len = fread(text, 1, (1 << 16) - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

/* Everything that is told about a file, as it is printed. */
static char *findings_of(const char *path)
{
    struct mst_diags diags = {0};
    struct mst_programme *p = NULL;
    char *text = NULL;
    size_t size;
    struct mst_err err;
    int code = mst_programme_load(path, &diags, &p, &err);
    assert_int_equal(code != 0, diags.errors != 0);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    mst_diags_print(&diags, out);
    fclose(out);
    mst_programme_unref(p);
    mst_diags_done(&diags);
    return text;
}

static void compare_all(const char *language)
{
    glob_t found;
    size_t wrong = 0, compared = 0;
    assert_int_equal(glob("tests/yaml/*.yaml", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        char expected_path[256];
        if (strcmp(path, "tests/yaml/valid.yaml") == 0)
            continue;
        snprintf(expected_path, sizeof expected_path, "%.*s.%s.txt", (int)strlen(path) - 5, path,
                 language);
        char *expected = read_text(expected_path), *told = findings_of(path);
        assert_true(told[0]);
        if (strcmp(expected, told) != 0) {
            print_error("%s: expected\n%sbut told\n%s", expected_path, expected, told);
            wrong++;
        }
        compared++;
        free(expected);
        free(told);
    }
    globfree(&found);
    assert_true(compared >= FILES_MIN);
    assert_int_equal(wrong, 0);
}

static void every_wrong_file_is_told_in_english(void **state)
{
    (void)state;
    compare_all("en");
}

static void every_wrong_file_is_told_in_chinese(void **state)
{
    (void)state;
    compare_all("zh");
}

/* Or the others would be wrong for another reason than theirs. */
static void the_file_they_are_copies_of_has_no_findings(void **state)
{
    (void)state;
    char *told = findings_of("tests/yaml/valid.yaml");
    assert_string_equal(told, "");
    free(told);
}

static void warnings_alone_do_not_refuse(void **state)
{
    (void)state;
    struct mst_diags diags = {0};
    struct mst_programme *p = NULL;
    assert_int_equal(mst_programme_load("tests/yaml/warnings.yaml", &diags, &p, NULL), 0);
    assert_int_equal(diags.errors, 0);
    assert_int_equal(diags.count, 3);
    mst_programme_unref(p);
    mst_diags_done(&diags);
}

static void a_file_that_is_not_there_is_no_finding(void **state)
{
    (void)state;
    struct mst_diags diags = {0};
    struct mst_programme *p = NULL;
    struct mst_err err;
    assert_int_equal(mst_programme_load("tests/yaml/none", &diags, &p, &err), MST_E_IO);
    assert_string_equal(err.text, "there is no file tests/yaml/none");
    assert_int_equal(mst_programme_load("tests/yaml", &diags, &p, &err), MST_E_IO);
    assert_int_equal(diags.count, 0);
    mst_diags_done(&diags);
}

static void names_that_act_on_a_terminal_are_escaped(void **state)
{
    (void)state;
    struct mst_diags diags = {0};
    char *told = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&told, &size);
    mst_diag(&diags, MST_DIAG_ERROR, "a\033[31mb\nc.yaml", 1, 2, "\r", "市\xe2\x80\xae");
    mst_diags_print(&diags, out);
    fclose(out);
    assert_string_equal(told, "a\\x1b[31mb\\x0ac.yaml:1:2: error: 市\\u{202e}\n"
                              "  hint: \\x0d\n");
    free(told);
    mst_diags_done(&diags);
}

static void nearest_word_is_suggested_and_a_far_one_is_not(void **state)
{
    (void)state;
    static const char *const words[] = {"jxj", "市经信局", "quarter", "office"};
    assert_string_equal(mst_nearest("quartre", words, 4), "quarter");
    assert_string_equal(mst_nearest("jxk", words, 4), "jxj");
    assert_string_equal(mst_nearest("市经济局", words, 4), "市经信局");
    assert_null(mst_nearest("headquarters-of-everything", words, 4));
    assert_null(mst_nearest("x", words, 4));
    assert_null(mst_nearest("", words, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_file_is_told_in_english),
        cmocka_unit_test_setup_teardown(every_wrong_file_is_told_in_chinese, read_catalogue,
                                        drop_catalogue),
        cmocka_unit_test(the_file_they_are_copies_of_has_no_findings),
        cmocka_unit_test(warnings_alone_do_not_refuse),
        cmocka_unit_test(a_file_that_is_not_there_is_no_finding),
        cmocka_unit_test(names_that_act_on_a_terminal_are_escaped),
        cmocka_unit_test(nearest_word_is_suggested_and_a_far_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
