/* SPDX-License-Identifier: Apache-2.0 */
/* Report files: every fault at its place, all at once; and what a right one becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/desk/desk.h"
#include "proto/pack.h"
#include "proto/validate.h"

static char path[64];

static int group_setup(void **state)
{
    (void)state;
    strcpy(path, "/tmp/muster-report-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int group_teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static struct mst_brief *brief_of_a_lead(void)
{
    static struct mst_brief brief;
    memset(&brief, 0, sizeof brief);
    brief.known = true;
    strcpy(brief.unit, "u1");
    brief.areas_count = 2;
    strcpy(brief.areas[0].id, "a1");
    strcpy(brief.areas[0].title_zh, "产业");
    strcpy(brief.areas[0].title_en, "Industry");
    strcpy(brief.areas[1].id, "a2");
    strcpy(brief.areas[1].title_zh, "交通");
    strcpy(brief.areas[1].title_en, "Transport");
    brief.duties_count = 3;
    strcpy(brief.duties[0].id, "quarterly");
    brief.duties[0].form = &mst_form_areas;
    strcpy(brief.duties[1].id, "exchange");
    brief.duties[1].form = &mst_form_text;
    strcpy(brief.duties[2].id, "meeting");
    brief.duties[2].form = &mst_form_minutes;
    return &brief;
}

#define HEADER                                                                                     \
    "header:\n  filled_in_by: 张三\n  checked_by: 李四\n  signed_off_by: 王五\n  phone: "    \
    "05781234\n"

/* "LINE:COLUMN text" of each finding, one a line. */
static const char *faults(const char *text)
{
    static char all[4096];
    struct mst_diags diags = {0};
    struct mst_report_file report;
    all[0] = '\0';
    write_file(text);
    int code = mst_report_load(path, brief_of_a_lead(), &diags, &report, NULL);
    for (size_t i = 0; i < diags.count; i++) {
        char line[700];
        assert_true(diags.items[i].hint[0] != '\0');
        snprintf(line, sizeof line, "%d:%d %s\n", diags.items[i].line, diags.items[i].column,
                 diags.items[i].text);
        assert_true(strlen(all) + strlen(line) < sizeof all);
        strcat(all, line);
    }
    assert_int_equal(code != 0, diags.errors > 0);
    if (!code)
        mst_report_done(&report);
    mst_diags_done(&diags);
    return all;
}

static void right_report_becomes_a_body_of_text(void **state)
{
    (void)state;
    struct mst_diags diags = {0};
    struct mst_report_file report;
    struct mst_slice header, areas;
    write_file("duty: quarterly\nperiod: 2023\n" HEADER
               "areas:\n  - id: a1\n    progress: |\n      one\n      two\n"
               "  - {id: a2, progress: 12.50}\nsummary: ''\n");
    assert_int_equal(mst_report_load(path, brief_of_a_lead(), &diags, &report, NULL), 0);
    assert_string_equal(report.duty, "quarterly");
    assert_string_equal(report.period, "2023");
    assert_int_equal(mst_validate(report.body.data, report.body.len, NULL), 0);
    struct mst_slice body = mst_bytes(report.body.data, report.body.len);
    assert_true(mst_unpack_find(body, "header", &header));
    assert_true(mst_slice_is(mst_unpack_text(header, "phone"), "05781234"));
    assert_true(mst_unpack_find(body, "areas", &areas));
    assert_true(mst_unpack_text(body, "summary").data != NULL);
    assert_null(mst_unpack_text(body, "duty").data);
    struct mst_unpack u;
    struct mst_value head;
    struct mst_slice first, second = {0};
    mst_unpack_init(&u, areas.data, areas.len);
    assert_true(mst_unpack_next(&u, &head) && head.count == 2);
    assert_true(mst_unpack_skip(&u, &first) && mst_unpack_skip(&u, &second));
    assert_true(mst_slice_is(mst_unpack_text(first, "progress"), "one\ntwo\n"));
    assert_true(mst_slice_is(mst_unpack_text(second, "progress"), "12.50"));
    mst_report_done(&report);
    mst_diags_done(&diags);
}

static void every_fault_is_told_at_its_place(void **state)
{
    (void)state;
    assert_string_equal(faults("duty: quarterly\n"      /* 1 */
                               "header:\n"              /* 2 */
                               "  filled_in_by: 张三\n" /* 3 */
                               "  checked_by: ''\n"     /* 4 */
                               "  signed_of_by: 王五\n" /* 5 */
                               "  phone:\n"             /* 6 */
                               "areas:\n"               /* 7 */
                               "  - id: a1\n"           /* 8 */
                               "    progress: '  '\n"   /* 9 */
                               "  - id: a3\n"           /* 10 */
                               "    progress: fine\n"   /* 11 */
                               "sumary: x\n"),
                        "1:1 period is missing\n"
                        "3:3 signed off by is missing\n"
                        "4:16 checked by is empty\n"
                        "5:3 unknown key: signed_of_by\n"
                        "6:3 telephone is empty\n"
                        "8:3 progress in each focus area: there is no row for a2 (Transport)\n"
                        "9:16 progress is empty\n"
                        "10:9 focus area: the group has none called a3\n"
                        "12:1 unknown key: sumary\n");
}

static void period_that_cannot_be_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"2023-99", "2023Q9", "2023-02-30", "2023W60", "soon"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, "duty: exchange\nperiod: %s\n" HEADER "summary: x\n", wrong[i]);
        assert_memory_equal(faults(text), "2:9 \"", 5);
        assert_int_not_equal(mst_desk_check_period(wrong[i], NULL), 0);
    }
    assert_int_equal(mst_desk_check_period("once", NULL), 0);
    assert_int_equal(mst_desk_check_period("2023Q4", NULL), 0);
}

static void duty_of_another_unit_is_refused(void **state)
{
    (void)state;
    assert_string_equal(faults("duty: quartely\nperiod: 2023Q1\n" HEADER "summary: x\n"),
                        "1:7 the unit has no duty quartely\n");
}

static void area_that_stands_twice_is_refused(void **state)
{
    (void)state;
    assert_string_equal(faults("duty: quarterly\nperiod: 2023Q1\n" HEADER
                               "areas:\n- {id: a1, progress: x}\n- {id: a2, progress: x}\n"
                               "- {id: a1, progress: y}\n"),
                        "11:8 focus area: a1 stands twice\n");
}

static void member_report_needs_no_areas_but_must_say_something(void **state)
{
    (void)state;
    assert_string_equal(faults("duty: exchange\nperiod: 2023Q1\n" HEADER "summary: done\n"), "");
    assert_string_equal(faults("duty: exchange\nperiod: 2023Q1\n" HEADER "summary: ''\n"),
                        "1:1 the report says nothing\n");
}

static void wrong_shapes_are_told(void **state)
{
    (void)state;
    assert_string_equal(faults("duty: quarterly\nperiod: [2023Q1]\nheader: me\nareas: all\n"
                               "summary: {a: b}\n"),
                        "2:9 period must be text\n"
                        "3:9 header must be a map\n"
                        "4:8 progress in each focus area must be a list\n"
                        "5:10 the whole in short must be text\n");
    assert_string_equal(faults("- a\n- b\n"), "1:1 a report is a map of fields\n");
}

static void broken_yaml_and_duplicate_keys_are_refused(void **state)
{
    (void)state;
    assert_non_null(strstr(
        faults("duty: exchange\nduty: exchange\nperiod: 2023Q1\n" HEADER "summary: x\n"), "2:1 "));
    assert_true(strlen(faults("duty: 'unfinished\n")) > 0);
    assert_true(strlen(faults("")) > 0);
}

static void without_a_brief_the_broker_decides(void **state)
{
    (void)state;
    struct mst_diags diags = {0};
    struct mst_report_file report;
    write_file("duty: whatever\nperiod: 2023Q1\n" HEADER "summary: x\n");
    assert_int_equal(mst_report_load(path, &(struct mst_brief){0}, &diags, &report, NULL), 0);
    mst_report_done(&report);
    mst_diags_done(&diags);
}

static void untouched_template_is_refused_and_a_filled_one_is_taken(void **state)
{
    (void)state;
    char *text = NULL, *at;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    mst_report_template(brief_of_a_lead(), "quarterly", "2023Q1", NULL, 0, out);
    fclose(out);
    char untouched[1024];
    snprintf(untouched, sizeof untouched, "%s", faults(text));
    assert_non_null(strstr(untouched, "filled in by is empty"));
    assert_non_null(strstr(untouched, "progress is empty"));
    while ((at = strstr(text, "\"\"")) != NULL)
        memcpy(at, "xx", 2);
    assert_string_equal(faults(text), "");
    free(text);
}

#define MINUTES                                                                                    \
    "duty: meeting\nperiod: 2023\n" HEADER                                                         \
    "date: 2023-03-15\nconvener: 胡\nattendees: 全体\ndecisions: |\n  一\n  二\n"

static void minutes_say_when_who_and_what(void **state)
{
    (void)state;
    struct mst_diags diags = {0};
    struct mst_report_file report;
    write_file(MINUTES);
    assert_int_equal(mst_report_load(path, brief_of_a_lead(), &diags, &report, NULL), 0);
    struct mst_slice body = mst_bytes(report.body.data, report.body.len);
    assert_true(mst_slice_is(mst_unpack_text(body, "date"), "2023-03-15"));
    assert_true(mst_slice_is(mst_unpack_text(body, "convener"), "胡"));
    assert_true(mst_slice_is(mst_unpack_text(body, "attendees"), "全体"));
    assert_true(mst_slice_is(mst_unpack_text(body, "decisions"), "一\n二\n"));
    mst_report_done(&report);
    mst_diags_done(&diags);
    assert_string_equal(faults("duty: meeting\nperiod: 2023\n" HEADER
                               "date: 15 March\nconvener: ''\nsummary: x\nattendees: [a, b]\n"),
                        "1:1 decisions is missing\n"
                        "8:7 the meeting's date is no date: 15 March\n"
                        "9:12 convener is empty\n"
                        "10:1 unknown key: summary\n"
                        "11:12 attendees must be text\n");
}

static void reports_are_no_minutes(void **state)
{
    (void)state;
    assert_string_equal(
        faults("duty: exchange\nperiod: 2023Q1\n" HEADER "summary: x\ndate: 2023-03-15\n"),
        "9:1 unknown key: date\n");
}

static void minutes_template_asks_for_what_is_needed(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    mst_report_template(brief_of_a_lead(), "meeting", "2023", NULL, 0, out);
    fclose(out);
    assert_null(strstr(text, "summary:"));
    const char *untouched = faults(text);
    assert_non_null(strstr(untouched, "the meeting's date is empty"));
    assert_non_null(strstr(untouched, "decisions is empty"));
    free(text);
}

static void form_of_a_duty_is_the_brokers_word(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        const struct mst_form *form;
    } cases[] = {{"text", &mst_form_text},
                 {"areas", &mst_form_areas},
                 {"minutes", &mst_form_minutes},
                 {"post", NULL},
                 {"poem", &mst_form_any}};
    static struct mst_brief brief;
    memset(&brief, 0, sizeof brief);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mst_buf row = {0};
        mst_pack_map(&row, 3);
        mst_pack_text(&row, "type");
        mst_pack_text(&row, "duty");
        mst_pack_text(&row, "id");
        mst_pack_text(&row, cases[i].word);
        mst_pack_text(&row, "form");
        mst_pack_text(&row, cases[i].word);
        mst_brief_take(&brief, mst_bytes(row.data, row.len));
        assert_ptr_equal(brief.duties[i].form, cases[i].form);
        mst_buf_done(&row);
    }
    mst_brief_done(&brief);
}

static void rows_of_a_newer_broker_are_passed_over(void **state)
{
    (void)state;
    static struct mst_brief brief;
    struct mst_buf row = {0};
    mst_pack_map(&row, 2);
    mst_pack_text(&row, "type");
    mst_pack_text(&row, "weather");
    mst_pack_text(&row, "id");
    mst_pack_uint(&row, 3);
    mst_brief_take(&brief, mst_bytes(row.data, row.len));
    assert_false(brief.known);
    mst_buf_clear(&row);
    mst_pack_map(&row, 3);
    mst_pack_text(&row, "type");
    mst_pack_text(&row, "area");
    mst_pack_text(&row, "id");
    mst_pack_text(&row, "a9");
    mst_pack_text(&row, "colour");
    mst_pack_text(&row, "blue");
    mst_brief_take(&brief, mst_bytes(row.data, row.len));
    assert_int_equal(brief.areas_count, 1);
    assert_string_equal(brief.areas[0].title_en, "a9");
    mst_buf_done(&row);
    mst_brief_done(&brief);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_report_becomes_a_body_of_text),
        cmocka_unit_test(every_fault_is_told_at_its_place),
        cmocka_unit_test(period_that_cannot_be_is_refused),
        cmocka_unit_test(duty_of_another_unit_is_refused),
        cmocka_unit_test(area_that_stands_twice_is_refused),
        cmocka_unit_test(member_report_needs_no_areas_but_must_say_something),
        cmocka_unit_test(wrong_shapes_are_told),
        cmocka_unit_test(broken_yaml_and_duplicate_keys_are_refused),
        cmocka_unit_test(without_a_brief_the_broker_decides),
        cmocka_unit_test(untouched_template_is_refused_and_a_filled_one_is_taken),
        cmocka_unit_test(minutes_say_when_who_and_what),
        cmocka_unit_test(reports_are_no_minutes),
        cmocka_unit_test(minutes_template_asks_for_what_is_needed),
        cmocka_unit_test(form_of_a_duty_is_the_brokers_word),
        cmocka_unit_test(rows_of_a_newer_broker_are_passed_over),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
