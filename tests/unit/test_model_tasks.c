/* SPDX-License-Identifier: Apache-2.0 */
/* Figures, lights, and what a body may say of tasks; dates and percentages worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "config/model/tasks.h"
#include "proto/validate.h"

static void figures_are_exact_to_a_thousandth(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mst_figure figure;
        const char *again;
    } right[] = {
        {"0", 0, "0"},
        {"12", 12000, "12"},
        {"12.5", 12500, "12.5"},
        {"0.001", 1, "0.001"},
        {"-3.25", -3250, "-3.25"},
        {"007", 7000, "7"},
        {"12.500", 12500, "12.5"},
        {"999999999999999", INT64_C(999999999999999000), "999999999999999"},
    };
    static const char *const wrong[] = {
        "",   "-",   ".5",    "5.",   "1.2345",          "1e3", "12 ", "1,5",
        "+1", "--1", "1.2.3", "many", "1000000000000000"};
    char text[MST_FIGURE_TEXT_MAX];
    mst_figure figure;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_true(mst_figure_parse(mst_text(right[i].text), &figure));
        assert_int_equal(figure, right[i].figure);
        assert_string_equal(mst_figure_format(figure, text), right[i].again);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        figure = 77;
        if (mst_figure_parse(mst_text(wrong[i]), &figure) || figure != 77)
            fail_msg("\"%s\" is taken for a figure", wrong[i]);
    }
}

static void light_goes_by_the_straight_line(void **state)
{
    (void)state;
    const struct mst_task_rules rules = {.yellow = 10, .red = 30};
    mst_day from = mst_day_of(2023, 1, 1), due = mst_day_of(2023, 4, 10); /* 100 days */
    static const struct {
        int day, percent;
        enum mst_light light;
    } cases[] = {
        {0, 0, MST_LIGHT_GREEN},   /* not begun */
        {9, 0, MST_LIGHT_GREEN},   /* 9 behind */
        {10, 0, MST_LIGHT_YELLOW}, /* 10 behind */
        {29, 0, MST_LIGHT_YELLOW}, /* 29 behind */
        {30, 0, MST_LIGHT_RED},    /* 30 behind */
        {50, 41, MST_LIGHT_GREEN},   {50, 40, MST_LIGHT_YELLOW},
        {50, 20, MST_LIGHT_RED},     {100, 91, MST_LIGHT_GREEN}, /* the last day */
        {101, 99, MST_LIGHT_RED},                                /* overdue */
        {101, 100, MST_LIGHT_GREEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(mst_light_of(&rules, from, due, from + cases[i].day - 1, cases[i].percent),
                         cases[i].light);
    /* A day's task is due on the day on which it begins. */
    assert_int_equal(mst_light_of(&rules, from, from, from, 0), MST_LIGHT_RED);
}

/* ---- bodies that nobody meant well ---- */

static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static const char *area_at(void *context, size_t index)
{
    (void)context;
    return index ? "a2" : "a1";
}

static bool known_unit(void *context, struct mst_slice id)
{
    (void)context;
    return mst_slice_is(id, "u1") || mst_slice_is(id, "u2");
}

static void count_fault(void *context, const struct mst_task_fault *fault)
{
    assert_non_null(fault->field);
    assert_true(fault->text[0] && fault->hint[0]);
    ++*(size_t *)context;
}

static const struct mst_task_scope scope = {.areas = 2,
                                            .area = area_at,
                                            .owner = known_unit,
                                            .helper = known_unit,
                                            .after = 0,
                                            .tasks_max = 20};

static void pack_one(struct mst_buf *out, const char *title, const char *area)
{
    mst_pack_map(out, 6);
    mst_pack_text(out, "title");
    mst_pack_text(out, title);
    mst_pack_text(out, "area");
    mst_pack_text(out, area);
    mst_pack_text(out, "owner");
    mst_pack_text(out, "u1");
    mst_pack_text(out, "helpers");
    mst_pack_array(out, 1);
    mst_pack_text(out, "u2");
    mst_pack_text(out, "target");
    mst_pack_map(out, 2);
    mst_pack_text(out, "value");
    mst_pack_text(out, "12.5");
    mst_pack_text(out, "unit");
    mst_pack_text(out, "km");
    mst_pack_text(out, "due");
    mst_pack_text(out, "2024-12-31");
}

static void pack_list(struct mst_buf *out, size_t count)
{
    mst_pack_map(out, 1);
    mst_pack_text(out, "tasks");
    mst_pack_array(out, count);
    for (size_t i = 0; i < count; i++) {
        char title[32];
        snprintf(title, sizeof title, "T%zu", i);
        pack_one(out, title, area_at(NULL, i % 2));
    }
}

static void right_list_has_no_fault_and_reads_back(void **state)
{
    (void)state;
    struct mst_buf body = {0};
    size_t faults = 0, count = 0;
    pack_list(&body, 4);
    struct mst_slice bytes = mst_bytes(body.data, body.len);
    assert_int_equal(mst_tasks_check(bytes, &scope, count_fault, &faults), 0);
    assert_int_equal(faults, 0);
    struct mst_tasks_cursor cursor = mst_tasks_open(bytes);
    struct mst_task task;
    for (; mst_tasks_next(&cursor, &task); count++) {
        assert_int_equal(task.target, 12500);
        assert_int_equal(task.due, mst_day_of(2024, 12, 31));
        assert_true(mst_slice_is(task.owner, "u1") && mst_slice_is(task.unit, "km"));
    }
    assert_int_equal(count, 4);
    mst_buf_done(&body);
}

/* Bytes of a right list are changed at random; whatever is msgpack still is checked, and whatever
 * has no fault can be read. Never more faults than a person would read. */
static void changed_lists_are_judged_and_never_trusted(void **state)
{
    (void)state;
    uint64_t seed = 1;
    size_t judged = 0, wrong = 0;
    for (int round = 0; round < 20000; round++) {
        struct mst_buf body = {0};
        size_t faults = 0, told = 0;
        pack_list(&body, 1 + next_random(&seed) % 4);
        for (uint64_t n = 1 + next_random(&seed) % 3; n > 0; n--)
            body.data[next_random(&seed) % body.len] = (uint8_t)next_random(&seed);
        struct mst_slice bytes = mst_bytes(body.data, body.len);
        if (mst_validate(bytes.data, bytes.len, NULL) == 0) {
            judged++;
            told = mst_tasks_check(bytes, &scope, count_fault, &faults);
            wrong += told > 0;
            assert_int_equal(told, faults);
            assert_true(told < 100);
            (void)mst_tasks_check_progress(bytes, known_unit, count_fault, &faults);
            struct mst_tasks_cursor cursor = mst_tasks_open(bytes);
            struct mst_task task;
            while (mst_tasks_next(&cursor, &task))
                assert_true(told > 0 || (task.target > 0 && task.due > 0 && task.title.len > 0));
        }
        mst_buf_done(&body);
    }
    print_message("%zu of 20000 were msgpack, %zu of them had faults\n", judged, wrong);
    assert_true(judged > 1000 && wrong > 500 && wrong < judged);
}

static void expect_fault(void *context, const struct mst_task_fault *fault)
{
    char *said = context, what[32] = "";
    if (fault->what.data)
        mst_slice_copy(fault->what, what, sizeof what);
    size_t used = strlen(said);
    snprintf(said + used, 512 - used, "%s %s %s\n", fault->field, fault->text, what);
}

static void helper_named_twice_and_reason_for_no_area_are_faults(void **state)
{
    (void)state;
    struct mst_buf body = {0};
    char said[512] = "";
    mst_pack_map(&body, 2);
    mst_pack_text(&body, "tasks");
    mst_pack_array(&body, 1);
    mst_pack_map(&body, 6);
    const char *const texts[][2] = {
        {"title", "T"}, {"area", area_at(NULL, 0)}, {"owner", "u1"}, {"due", "2024-12-31"}};
    for (size_t i = 0; i < 4; i++) {
        mst_pack_text(&body, texts[i][0]);
        mst_pack_text(&body, texts[i][1]);
    }
    mst_pack_text(&body, "helpers");
    mst_pack_array(&body, 3);
    mst_pack_text(&body, "u2");
    mst_pack_text(&body, "u1");
    mst_pack_text(&body, "u2");
    mst_pack_text(&body, "target");
    mst_pack_map(&body, 2);
    mst_pack_text(&body, "value");
    mst_pack_int(&body, 3);
    mst_pack_text(&body, "unit");
    mst_pack_text(&body, "km");
    mst_pack_text(&body, "uncovered");
    mst_pack_map(&body, 2);
    mst_pack_text(&body, area_at(NULL, 1));
    mst_pack_text(&body, "none is planned");
    mst_pack_text(&body, "a99");
    mst_pack_text(&body, "it was another that was meant");
    assert_int_equal(mst_tasks_check(mst_bytes(body.data, body.len), &scope, expect_fault, said),
                     2);
    assert_string_equal(said, "helpers stands twice u2\n"
                              "uncovered the group has no such focus area a99\n");
    mst_buf_done(&body);
}

static void too_many_are_one_fault(void **state)
{
    (void)state;
    struct mst_buf body = {0};
    size_t faults = 0;
    pack_list(&body, 21);
    assert_int_equal(mst_tasks_check(mst_bytes(body.data, body.len), &scope, count_fault, &faults),
                     1);
    mst_buf_done(&body);
}

/* What costs the broker nothing costs a stranger's flood nothing either: it is given up. */
static void all_wrong_body_is_given_up(void **state)
{
    (void)state;
    struct mst_buf body = {0};
    size_t faults = 0;
    mst_pack_map(&body, 1);
    mst_pack_text(&body, "tasks");
    mst_pack_array(&body, 60000);
    for (int i = 0; i < 60000; i++)
        mst_pack_uint(&body, 1);
    struct mst_slice bytes = mst_bytes(body.data, body.len);
    assert_in_range(mst_tasks_check_progress(bytes, known_unit, count_fault, &faults), 1, 99);
    mst_buf_done(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_exact_to_a_thousandth),
        cmocka_unit_test(light_goes_by_the_straight_line),
        cmocka_unit_test(right_list_has_no_fault_and_reads_back),
        cmocka_unit_test(changed_lists_are_judged_and_never_trusted),
        cmocka_unit_test(helper_named_twice_and_reason_for_no_area_are_faults),
        cmocka_unit_test(too_many_are_one_fault),
        cmocka_unit_test(all_wrong_body_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
