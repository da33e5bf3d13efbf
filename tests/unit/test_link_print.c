/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed: aligned, quoted, escaped, translated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/link/print.h"
#include "proto/pack.h"

static struct mst_slice slice_of(const struct mst_buf *buf)
{
    return mst_bytes(buf->data, buf->len);
}

static void pack_row(struct mst_buf *out, const char *id, const char *name, int64_t open)
{
    mst_pack_map(out, 3);
    mst_pack_text(out, "id");
    mst_pack_text(out, id);
    mst_pack_text(out, "name");
    mst_pack_text(out, name);
    mst_pack_text(out, "open");
    mst_pack_int(out, open);
}

struct sample {
    const char *id, *name;
    int64_t open;
};

/* The caller frees. */
static char *printed(enum mst_format format, const char *columns, const struct sample *samples,
                     size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct mst_table *table = mst_table_new(format, columns, out);
    struct mst_err err;
    for (size_t i = 0; i < count; i++) {
        struct mst_buf row = {0};
        pack_row(&row, samples[i].id, samples[i].name, samples[i].open);
        assert_int_equal(mst_table_row(table, slice_of(&row), &err), 0);
        mst_buf_done(&row);
    }
    assert_int_equal(mst_table_end(table, &err), 0);
    fclose(out);
    return text;
}

static void width_counts_terminal_columns(void **state)
{
    (void)state;
    assert_int_equal(mst_width("plain"), 5);
    assert_int_equal(mst_width("中文"), 4);
    assert_int_equal(mst_width("😀"), 2);
    assert_int_equal(mst_width("e\u0301"), 1);
    assert_int_equal(mst_width(""), 0);
}

static void wide_characters_keep_columns_aligned(void **state)
{
    (void)state;
    const struct sample samples[] = {
        {"a", "丽水市林业局", 7}, {"bb", "plain", 120}, {"c", "😀 ok", 0}};
    char *text = printed(MST_FORMAT_TABLE, "name id open", samples, 3);
    assert_string_equal(text, "Name          Id  Open\n"
                              "丽水市林业局  a      7\n"
                              "plain         bb   120\n"
                              "😀 ok         c      0\n");
    free(text);
}

static void table_escapes_what_acts_on_a_terminal(void **state)
{
    (void)state;
    const struct sample samples[] = {{"a", "x\033[2J\u202Ey\xC2\x85\nz", 1}};
    char *text = printed(MST_FORMAT_TABLE, "name", samples, 1);
    assert_string_equal(text, "Name\nx\\x1b[2J\\u{202e}y\\u{85}\\nz\n");
    free(text);
}

static void csv_quotes_by_rfc_4180(void **state)
{
    (void)state;
    const struct sample samples[] = {{"a", "one, \"two\"", 1}, {"b", "two\nlines", -5}};
    char *text = printed(MST_FORMAT_CSV, "id name open absent", samples, 2);
    assert_string_equal(text, "id,name,open,absent\r\n"
                              "a,\"one, \"\"two\"\"\",1,\r\n"
                              "b,\"two\nlines\",-5,\r\n");
    free(text);
}

static void rows_of_another_kind_stay_out_of_a_table(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct mst_table *table = mst_table_new(MST_FORMAT_TABLE, "duty id", out);
    struct mst_buf row = {0};
    mst_pack_map(&row, 1);
    mst_pack_text(&row, "type");
    mst_pack_text(&row, "area");
    assert_int_equal(mst_table_row(table, slice_of(&row), NULL), 0);
    mst_buf_clear(&row);
    pack_row(&row, "a", "b", 1);
    assert_int_equal(mst_table_row(table, slice_of(&row), NULL), 0);
    mst_buf_done(&row);
    assert_int_equal(mst_table_end(table, NULL), 0);
    fclose(out);
    assert_string_equal(text, "Duty  Id\n      a\n");
    free(text);
}

static void json_prints_whole_rows_in_order(void **state)
{
    (void)state;
    const struct sample samples[] = {{"a", "中", 1}, {"b", "q\"\\", 2}};
    char *text = printed(MST_FORMAT_JSON, "id", samples, 2);
    assert_string_equal(text, "[{\"id\":\"a\",\"name\":\"中\",\"open\":1},"
                              "{\"id\":\"b\",\"name\":\"q\\\"\\\\\",\"open\":2}]\n");
    free(text);
    text = printed(MST_FORMAT_JSON, "id", NULL, 0);
    assert_string_equal(text, "[]\n");
    free(text);
}

static void name_comes_in_the_readers_language(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct mst_table *table = mst_table_new(MST_FORMAT_TABLE, "name", out);
    struct mst_buf row = {0};
    mst_pack_map(&row, 2);
    mst_pack_text(&row, "name");
    mst_pack_text(&row, "市林业局");
    mst_pack_text(&row, "name_en");
    mst_pack_text(&row, "Forestry");
    assert_int_equal(mst_table_row(table, slice_of(&row), NULL), 0);
    assert_int_equal(mst_table_end(table, NULL), 0);
    fclose(out);
    assert_string_equal(text, "Name\nForestry\n");
    free(text);
    mst_buf_done(&row);
}

static void pack_pair(struct mst_table *table, const char *name, const struct mst_buf *value)
{
    struct mst_buf row = {0};
    mst_pack_map(&row, 2);
    mst_pack_text(&row, "name");
    mst_pack_text(&row, name);
    mst_pack_text(&row, "value");
    mst_buf_put(&row, value->data, value->len);
    assert_int_equal(mst_table_row(table, slice_of(&row), NULL), 0);
    mst_buf_done(&row);
}

static char *printed_pairs(enum mst_format format, const char *columns)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct mst_table *table = mst_table_new(format, columns, out);
    struct mst_buf value = {0};
    mst_pack_text(&value, "2023-10-12T00:00:00+08:00");
    pack_pair(table, "due", &value);
    mst_buf_clear(&value);
    mst_pack_text(&value, "first\nsecond");
    pack_pair(table, "reason", &value);
    mst_buf_clear(&value);
    mst_pack_map(&value, 2);
    mst_pack_text(&value, "at");
    mst_pack_text(&value, "2023-10-01T09:30:05.250Z");
    mst_pack_text(&value, "units");
    mst_pack_array(&value, 2);
    mst_pack_text(&value, "u1");
    mst_pack_text(&value, "u2");
    pack_pair(table, "history", &value);
    mst_buf_clear(&value);
    mst_pack_map(&value, 1);
    mst_pack_text(&value, "at");
    mst_pack_nil(&value);
    pack_pair(table, "history", &value);
    mst_buf_done(&value);
    assert_int_equal(mst_table_end(table, NULL), 0);
    fclose(out);
    return text;
}

static void pairs_print_as_one_object(void **state)
{
    (void)state;
    char *text = printed_pairs(MST_FORMAT_TABLE, "name value");
    assert_string_equal(text, "Due      2023-10-11 24:00 +08:00\n"
                              "Reason   first\n"
                              "         second\n"
                              "History  At: 2023-10-01 09:30:05.250 UTC\n"
                              "         Units: u1, u2\n"
                              "History  At:\n");
    free(text);
    text = printed_pairs(MST_FORMAT_JSON, "name value");
    assert_string_equal(text,
                        "{\"due\":\"2023-10-12T00:00:00+08:00\",\"reason\":\"first\\nsecond\","
                        "\"history\":[{\"at\":\"2023-10-01T09:30:05.250Z\",\"units\":[\"u1\","
                        "\"u2\"]},{\"at\":null}]}\n");
    free(text);
    /* `ledger verify` answers in pairs though `ledger list` has columns. */
    text = printed_pairs(MST_FORMAT_CSV, "row at kind subject");
    const char *start = "name,value\r\ndue,2023-10-12T00:00:00+08:00\r\n";
    assert_memory_equal(text, start, strlen(start));
    free(text);
}

/* A report's body: lists of maps begin on a line of their own, and no line ends in a blank. */
static void nested_values_are_indented_without_trailing_blanks(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct mst_table *table = mst_table_new(MST_FORMAT_TABLE, "name value", out);
    struct mst_buf value = {0};
    mst_pack_map(&value, 2);
    mst_pack_text(&value, "areas");
    mst_pack_array(&value, 1);
    mst_pack_map(&value, 2);
    mst_pack_text(&value, "id");
    mst_pack_text(&value, "a1");
    mst_pack_text(&value, "text");
    mst_pack_text(&value, "one\n\ntwo\n");
    mst_pack_text(&value, "note");
    mst_pack_text(&value, "");
    pack_pair(table, "body", &value);
    mst_buf_clear(&value);
    mst_pack_text(&value, "");
    pack_pair(table, "reason", &value);
    mst_buf_done(&value);
    assert_int_equal(mst_table_end(table, NULL), 0);
    fclose(out);
    assert_string_equal(text, "Contents  Focus areas:\n"
                              "            - Id: a1\n"
                              "              Text: one\n"
                              "\n"
                              "                two\n"
                              "          Note:\n"
                              "Reason\n");
    free(text);
}

static void empty_cells_at_the_end_leave_no_blanks(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct mst_table *table = mst_table_new(MST_FORMAT_TABLE, "id title note", out);
    struct mst_buf row = {0};
    mst_pack_map(&row, 1);
    mst_pack_text(&row, "id");
    mst_pack_text(&row, "u1");
    assert_int_equal(mst_table_row(table, slice_of(&row), NULL), 0);
    mst_buf_clear(&row);
    mst_pack_map(&row, 2);
    mst_pack_text(&row, "id");
    mst_pack_text(&row, "unit-2");
    mst_pack_text(&row, "note");
    mst_pack_text(&row, "x");
    assert_int_equal(mst_table_row(table, slice_of(&row), NULL), 0);
    mst_buf_done(&row);
    assert_int_equal(mst_table_end(table, NULL), 0);
    fclose(out);
    assert_string_equal(text, "Id      Title  Note\nu1\nunit-2         x\n");
    free(text);
}

static char *json_of(const struct mst_buf *value)
{
    struct mst_buf text = {0};
    assert_int_equal(mst_json(slice_of(value), &text, NULL), 0);
    mst_buf_put(&text, "", 1);
    return (char *)text.data;
}

static void json_keeps_numbers_whole(void **state)
{
    (void)state;
    struct mst_buf value = {0};
    mst_pack_array(&value, 9);
    mst_pack_int(&value, INT64_MIN);
    mst_pack_uint(&value, UINT64_MAX);
    mst_pack_uint(&value, 9007199254740993);
    mst_pack_double(&value, 0.1);
    mst_pack_double(&value, 1.0);
    mst_pack_double(&value, 1e300);
    mst_pack_bool(&value, true);
    mst_pack_nil(&value);
    mst_pack_bin(&value, "\x00\xAB\xff", 3);
    char *text = json_of(&value);
    assert_string_equal(text, "[-9223372036854775808,18446744073709551615,9007199254740993,0.1,"
                              "1.0,1e+300,true,null,\"00abff\"]");
    free(text);
    mst_buf_done(&value);
}

static void json_escapes_controls_and_direction_marks(void **state)
{
    (void)state;
    struct mst_buf value = {0};
    mst_pack_text(&value, "\b\f\n\r\t\x01\x7f/\xC2\x9B\u202e\u2028");
    char *text = json_of(&value);
    assert_string_equal(text, "\"\\b\\f\\n\\r\\t\\u0001\\u007f/\\u009b\\u202e\\u2028\"");
    free(text);
    mst_buf_done(&value);
}

static void pretty_json_reads_in_lines(void **state)
{
    (void)state;
    struct mst_buf value = {0}, text = {0};
    mst_pack_map(&value, 2);
    mst_pack_text(&value, "a");
    mst_pack_array(&value, 0);
    mst_pack_text(&value, "b");
    mst_pack_array(&value, 1);
    mst_pack_int(&value, 1);
    assert_int_equal(mst_json_pretty(slice_of(&value), &text, NULL), 0);
    mst_buf_put(&text, "", 1);
    assert_string_equal((char *)text.data, "{\n  \"a\": [],\n  \"b\": [\n    1\n  ]\n}");
    mst_buf_done(&value);
    mst_buf_done(&text);
}

static void rows_that_are_no_maps_are_refused(void **state)
{
    (void)state;
    struct mst_err err;
    struct mst_table *table = mst_table_new(MST_FORMAT_TABLE, "a", stdout);
    assert_int_equal(mst_table_row(table, mst_bytes("\x01", 1), &err), MST_E_PROTOCOL);
    assert_int_equal(mst_table_row(table, mst_bytes("\x81", 1), &err), MST_E_PROTOCOL);
    mst_table_free(table);
}

/* ---- words ---- */

static const char *chinese(const char *msgid)
{
    static const char *const pairs[][2] = {
        {"Due", "截止"},
        {"overdue", "逾期"},
        {"under review", "审核中"},
        {"overdue: {duty} {period} of {bearer} was due by {due} and is not there",
         "逾期：{bearer}应于{due}前报送{period} {duty}，至今未报"},
        {": {reason}", "：{reason}"},
        {" (stands for {missed} earlier ones)", "（另有{missed}条已合并）"},
        {"[rehearsal] ", "【演练】"},
        {"calendar {rest}", "日历 {rest}"},
        {"merged into {rest}", "并入 {rest}"},
        {"an extension is asked for and not yet decided", "延期申请尚未答复"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (strcmp(pairs[i][0], msgid) == 0)
            return pairs[i][1];
    }
    return msgid;
}

static void words_are_translated_in_their_columns_only(void **state)
{
    (void)state;
    mst_tr_set(chinese);
    assert_string_equal(mst_heading("due"), "截止");
    assert_string_equal(mst_heading("no_such_column"), "no_such_column");
    assert_string_equal(mst_word("phase", "overdue"), "逾期");
    assert_string_equal(mst_word("unit", "overdue"), "overdue");
    assert_string_equal(mst_word_wire("work", "审核中"), "under-review");
    assert_string_equal(mst_word_wire("work", "under-review"), "under-review");
    assert_string_equal(mst_word_wire("unit", "审核中"), "审核中");
    mst_tr_set(NULL);
}

static struct mst_msg_alert overdue_alert(void)
{
    static const uint8_t zeros[32];
    return (struct mst_msg_alert){
        .number = 42,
        .prev = 41,
        .id = mst_bytes(zeros, sizeof zeros),
        .programme = mst_text("p"),
        .topic = mst_text("p/office/overdue"),
        .kind = mst_text("overdue"),
        .audience = mst_text("office"),
        .role = mst_text("office"),
        .obligation = mst_text("quarterly-progress/2023Q3/u1"),
        .duty = mst_text("quarterly-progress"),
        .period = mst_text("2023Q3"),
        .bearer = mst_text("u1"),
        .level = 1,
        .instant = 1697040000000, /* 2023-10-12 00:00 in Shanghai */
        .fired = 1697040000500,
        .due = 1697040000000,
        .ledger_row = 7,
        .ledger_head = mst_bytes(zeros, sizeof zeros),
    };
}

static void alerts_read_as_sentences_in_both_languages(void **state)
{
    (void)state;
    char words[512];
    struct mst_msg_alert alert = overdue_alert();
    assert_string_equal(mst_alert_words(&alert, words, sizeof words),
                        "overdue: quarterly-progress 2023Q3 of u1 was due by 2023-10-11 24:00 "
                        "+08:00 and is not there");
    mst_tr_set(chinese);
    alert.rehearsal = true;
    alert.missed = 2;
    alert.reason = mst_text("a\033b");
    assert_string_equal(
        mst_alert_words(&alert, words, sizeof words),
        "【演练】逾期：u1应于2023-10-11 24:00 +08:00前报送2023Q3 quarterly-progress，至今未报"
        "（另有2条已合并）：a\\x1bb");
    mst_tr_set(NULL);
    alert = overdue_alert();
    alert.kind = mst_text("escalation");
    alert.level = 3;
    assert_non_null(strstr(mst_alert_words(&alert, words, sizeof words), "escalation, level 2:"));
    alert.kind = mst_text("something-new");
    assert_non_null(strstr(mst_alert_words(&alert, words, sizeof words), "something-new: "));
    /* The age is told as one, where it is there. */
    alert.kind = mst_text("difficulty-old");
    alert.reason = mst_text("d1 phase 2: no water: 28");
    assert_non_null(strstr(mst_alert_words(&alert, words, sizeof words),
                           "still unsolved, after 28 days: d1 phase 2: no water"));
    assert_null(strstr(words, ": 28"));
    alert.reason = mst_text("d1 2028");
    assert_non_null(
        strstr(mst_alert_words(&alert, words, sizeof words), "still unsolved: d1 2028"));
}

/* What the broker gives as a reason is in the reader's language; what people write is theirs. */
static void pack_reason(struct mst_buf *out, const char *reason, int64_t n, int64_t of)
{
    mst_pack_map(out, 3);
    mst_pack_text(out, "reason");
    mst_pack_text(out, reason);
    mst_pack_text(out, "n");
    mst_pack_int(out, n);
    mst_pack_text(out, "of");
    mst_pack_int(out, of);
}

static void one_of_a_thing_is_not_many(void **state)
{
    (void)state;
    struct mst_buf row = {0}, cell = {0};
    static const char wanted[] =
        "returned for correction, once; returned for correction, 2 times; nothing is there, and "
        "one "
        "working day is left; 1 of 3 is still missing; its agent was last heard of an hour ago";
    mst_pack_map(&row, 1);
    mst_pack_text(&row, "reasons");
    mst_pack_array(&row, 5);
    pack_reason(&row, "returned", 1, 0);
    pack_reason(&row, "returned", 2, 0);
    pack_reason(&row, "short-time", 1, 0);
    pack_reason(&row, "missing", 1, 3);
    pack_reason(&row, "agent-away", 1, 0);
    mst_put_cell(&cell, mst_bytes(row.data, row.len), "reasons");
    assert_int_equal(cell.len, strlen(wanted));
    assert_memory_equal(cell.data, wanted, cell.len);
    mst_buf_done(&row);
    mst_buf_done(&cell);
}

static void reasons_of_the_broker_are_translated(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *reason, *ends;
    } cases[] = {
        {"reminder", "an extension is asked for and not yet decided", "：延期申请尚未答复"},
        {"moved", "calendar 0a1b2c3d: a notice", "日历 0a1b2c3d: a notice"},
        {"superseded", "merged: u2", "并入 u2"},
        {"urge", "merged: u2", "：merged: u2"},
        {"urge", "an extension is asked for and not yet decided",
         "：an extension is asked for and not yet decided"},
    };
    char words[512];
    struct mst_msg_alert alert = overdue_alert();
    mst_tr_set(chinese);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        alert.kind = mst_text(cases[i].kind);
        alert.reason = mst_text(cases[i].reason);
        mst_alert_words(&alert, words, sizeof words);
        size_t len = strlen(words), end = strlen(cases[i].ends);
        if (len < end || strcmp(words + len - end, cases[i].ends) != 0)
            fail_msg("%s: %s does not end in %s", cases[i].kind, words, cases[i].ends);
    }
    mst_tr_set(NULL);
}

static void short_buffers_cut_between_characters(void **state)
{
    (void)state;
    char words[12];
    struct mst_msg_alert alert = overdue_alert();
    alert.kind = mst_text("urge");
    alert.bearer = mst_text("市林业局");
    mst_alert_words(&alert, words, sizeof words); /* "urged: 市" takes ten bytes */
    assert_string_equal(words, "urged: 市");
}

static void alert_maps_name_instants_in_utc(void **state)
{
    (void)state;
    struct mst_buf map = {0};
    struct mst_msg_alert alert = overdue_alert();
    mst_alert_map(&alert, &map);
    char *text = json_of(&map);
    assert_non_null(strstr(text, "\"number\":42,\"prev\":41,"));
    assert_non_null(strstr(text, "\"due\":\"2023-10-11T16:00:00+00:00\""));
    assert_non_null(strstr(text, "\"fired\":\"2023-10-11T16:00:00.500+00:00\""));
    assert_non_null(strstr(text, "\"group\":null"));
    assert_non_null(strstr(text, "\"text\":\"overdue: "));
    free(text);
    alert.due = 0;
    mst_buf_clear(&map);
    mst_alert_map(&alert, &map);
    text = json_of(&map);
    assert_non_null(strstr(text, "\"due\":null"));
    free(text);
    mst_buf_done(&map);
}

static void codes_become_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(mst_exit_of(MST_OK), MST_EXIT_OK);
    assert_int_equal(mst_exit_of(MST_E_USAGE), MST_EXIT_USAGE);
    assert_int_equal(mst_exit_of(MST_E_UNREACHABLE), MST_EXIT_UNREACHABLE);
    assert_int_equal(mst_exit_of(MST_E_REVOKED), MST_EXIT_DENIED);
    assert_int_equal(mst_exit_of(MST_R_LOCKED), MST_EXIT_REFUSED);
}

static void colour_only_on_terminals(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_false(mst_colour(out));
    fclose(out);
    free(text);
    assert_string_equal(mst_sgr(false, MST_TINT_RED), "");
    assert_string_equal(mst_sgr(true, MST_TINT_OFF), "\033[0m");
}

int main(void)
{
    setenv("TZ", "Asia/Shanghai", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(width_counts_terminal_columns),
        cmocka_unit_test(wide_characters_keep_columns_aligned),
        cmocka_unit_test(table_escapes_what_acts_on_a_terminal),
        cmocka_unit_test(csv_quotes_by_rfc_4180),
        cmocka_unit_test(rows_of_another_kind_stay_out_of_a_table),
        cmocka_unit_test(json_prints_whole_rows_in_order),
        cmocka_unit_test(name_comes_in_the_readers_language),
        cmocka_unit_test(pairs_print_as_one_object),
        cmocka_unit_test(nested_values_are_indented_without_trailing_blanks),
        cmocka_unit_test(empty_cells_at_the_end_leave_no_blanks),
        cmocka_unit_test(json_keeps_numbers_whole),
        cmocka_unit_test(json_escapes_controls_and_direction_marks),
        cmocka_unit_test(pretty_json_reads_in_lines),
        cmocka_unit_test(rows_that_are_no_maps_are_refused),
        cmocka_unit_test(words_are_translated_in_their_columns_only),
        cmocka_unit_test(alerts_read_as_sentences_in_both_languages),
        cmocka_unit_test(one_of_a_thing_is_not_many),
        cmocka_unit_test(reasons_of_the_broker_are_translated),
        cmocka_unit_test(short_buffers_cut_between_characters),
        cmocka_unit_test(alert_maps_name_instants_in_utc),
        cmocka_unit_test(codes_become_exit_codes),
        cmocka_unit_test(colour_only_on_terminals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
