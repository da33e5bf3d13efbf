/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/model_assistance.h"

/* What a walk came across, a line each. */
struct seen {
    char text[8192];
    size_t count;
};

static int see(void *context, const struct mst_expected *e)
{
    static const char *const kinds[] = {"office", "lead", "director"};
    struct seen *seen = context;
    char id[MST_OBLIGATION_ID_MAX], due[11];
    mst_schedule_id(&programme, e, id);
    size_t used = strlen(seen->text);
    snprintf(seen->text + used, sizeof seen->text - used, "%s %s %s%s%s%s\n", id,
             mst_day_format(e->dates.due_day, due), kinds[e->counterpart_kind],
             e->counterpart == SIZE_MAX ? "" : ":",
             e->counterpart == SIZE_MAX ? "" : units[e->counterpart].id,
             e->dates.applicable ? "" : " not-applicable");
    seen->count++;
    return 0;
}

static void assert_walk(size_t duty, const char *from, const char *to, const char *text)
{
    struct seen seen = {.text = ""};
    struct mst_err err;
    if (mst_schedule_opening(&programme, duty, at(from), at(to), see, &seen, &err) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(seen.text, text);
}

static void period_keeps_its_year_in_the_obligations_name(void **state)
{
    (void)state;
    assert_walk(PROGRESS, "2023-10-01", "2023-10-02",
                "quarterly-progress/2023Q4/forestry 2024-01-08 office\n"
                "quarterly-progress/2023Q4/transport 2024-01-08 office\n");
}

static void walk_passes_on_what_is_wrong_with_a_duty(void **state)
{
    (void)state;
    static const struct mst_calendar never = {.weekend_mask = 0x7F};
    struct seen seen = {.text = ""};
    struct mst_err err;
    programme.calendar = &never;
    assert_int_equal(mst_schedule_opening(&programme, PROGRESS, at("2023-01-01"), at("2024-01-01"),
                                          see, &seen, &err),
                     MST_E_INVALID);
    assert_int_equal(seen.count, 0);
    assert_non_null(strstr(err.text, "2023Q1"));
}

static void first_period_of_another_kind_is_refused(void **state)
{
    (void)state;
    struct seen seen = {.text = ""};
    struct mst_err err;
    duties[PROGRESS].first = "2023";
    assert_int_equal(mst_schedule_opening(&programme, PROGRESS, 0, MST_NEVER, see, &seen, &err),
                     MST_E_INVALID);
    assert_string_equal(err.text,
                        "duty \"quarterly-progress\": its first period \"2023\" is no quarter");
}

static void members_answer_to_their_lead(void **state)
{
    (void)state;
    assert_walk(EXCHANGE, "2023-01-01", "2023-01-02",
                "member-exchange/2023Q1/college 2023-03-24 lead:forestry\n"
                "member-exchange/2023Q1/bank 2023-03-24 lead:forestry\n"
                "member-exchange/2023Q1/reform 2023-03-24 lead:transport\n");
}

static void one_unit_bears_a_duty_per_area_or_group(void **state)
{
    (void)state;
    assert_walk(POSTS, "2022-12-05", "2022-12-06",
                "posts/once/county/tea 2022-12-19 lead:forestry\n"
                "posts/once/county/water 2022-12-19 lead:forestry\n"
                "posts/once/county/roads 2022-12-19 lead:transport\n");
    assert_walk(LIAISONS, "2022-01-01", "2030-01-01",
                "liaisons/once/county/east 2022-12-19 office\n"
                "liaisons/once/county/west 2022-12-19 office\n");
}

static void nobody_judges_himself(void **state)
{
    (void)state;
    assert_walk(MEETING, "2023-01-01", "2023-12-31",
                "leaders-meeting/2023H1/reform 2023-06-30 director\n"
                "leaders-meeting/2023H2/reform 2023-12-31 director\n");
    assert_walk(ASSESSMENT, "2023-01-01", "2023-01-02",
                "assessment/2023Q1/office/east 2023-06-13 director\n"
                "assessment/2023Q1/office/west 2023-06-13 director\n");
    duties[MEETING].counterpart = MST_COUNTERPART_LEAD; /* a lead is another, the host a member */
    assert_walk(MEETING, "2023-01-01", "2023-01-02",
                "leaders-meeting/2023H1/reform 2023-06-30 lead:transport\n");
}

static void all_means_every_unit_in_a_group(void **state)
{
    (void)state;
    assert_walk(CONTACTS, "2022-12-05", "2022-12-06",
                "contacts/once/forestry 2022-12-19 office\n"
                "contacts/once/college 2022-12-19 lead:forestry\n"
                "contacts/once/bank 2022-12-19 lead:forestry\n"
                "contacts/once/transport 2022-12-19 office\n"
                "contacts/once/reform 2022-12-19 lead:transport\n");
}

static void group_without_a_lead_answers_to_the_office(void **state)
{
    (void)state;
    struct mst_group headless[] = {groups[0], groups[1]};
    headless[0].lead = SIZE_MAX;
    programme.groups = headless;
    assert_walk(PROGRESS, "2023-01-01", "2023-01-02",
                "quarterly-progress/2023Q1/transport 2023-04-10 office\n");
    assert_walk(EXCHANGE, "2023-01-01", "2023-01-02",
                "member-exchange/2023Q1/college 2023-03-24 office\n"
                "member-exchange/2023Q1/bank 2023-03-24 office\n"
                "member-exchange/2023Q1/reform 2023-03-24 lead:transport\n");
}

static void walk_is_half_open_and_starts_at_the_issue(void **state)
{
    (void)state;
    assert_walk(PROGRESS, "2023-01-01T00:00:00.001", "2023-04-01", "");
    assert_walk(PLAN, "0001-01-01", "2023-09-01",
                "annual-plan/2022/forestry 2021-11-30 office not-applicable\n"
                "annual-plan/2022/transport 2021-11-30 office not-applicable\n"
                "annual-plan/2023/forestry 2022-11-30 office not-applicable\n"
                "annual-plan/2023/transport 2022-11-30 office not-applicable\n");
    assert_walk(PLAN, "2022-12-05T00:00:00.001", "2023-09-01", "");
    assert_walk(PLAN, "2023-09-01", "2023-09-01T00:00:00.001",
                "annual-plan/2024/forestry 2023-11-30 office\n"
                "annual-plan/2024/transport 2023-11-30 office\n");
}

static int stop_at_second(void *context, const struct mst_expected *e)
{
    (void)e;
    return ++*(int *)context == 2 ? 4711 : 0;
}

static void walk_stops_when_told(void **state)
{
    (void)state;
    int count = 0;
    assert_int_equal(mst_schedule_opening(&programme, EXCHANGE, at("2023-01-01"), at("2024-01-01"),
                                          stop_at_second, &count, NULL),
                     4711);
    assert_int_equal(count, 2);
}

static void next_opening_is_the_first_of_enforced_duties(void **state)
{
    (void)state;
    assert_int_equal(mst_schedule_next_opening(&programme, INT64_MIN), at("2022-12-05"));
    assert_int_equal(mst_schedule_next_opening(&programme, at("2022-12-05") + 1), at("2023-01-01"));
    assert_int_equal(mst_schedule_next_opening(&programme, at("2023-07-01") + 1), at("2023-09-01"));
    assert_int_equal(mst_schedule_next_opening(&programme, at("2800-09-01") + 1), at("2800-10-01"));
    for (size_t i = 0; i < DUTIES; i++)
        duties[i].enforced = i == TASKS;
    assert_int_equal(mst_schedule_next_opening(&programme, at("2022-12-05")), at("2022-12-05"));
    assert_int_equal(mst_schedule_next_opening(&programme, at("2022-12-05") + 1), MST_NEVER);
    duties[TASKS].enforced = false;
    assert_int_equal(mst_schedule_next_opening(&programme, 0), MST_NEVER);
}

static void names_too_long_for_an_obligation_are_refused(void **state)
{
    (void)state;
    static const char long_id[] = "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrs";
    struct mst_unit long_units[] = {{.id = long_id}};
    struct mst_area area = {.id = long_id};
    struct mst_group group = {.id = "g", .lead = 0, .areas = &area, .areas_count = 1};
    struct seen seen = {.text = ""};
    struct mst_err err;
    programme.units = long_units;
    programme.groups = &group;
    programme.groups_count = 1;
    duties[POSTS].id = long_id;
    duties[POSTS].bearer_unit = 0;
    assert_int_equal(mst_schedule_opening(&programme, POSTS, 0, MST_NEVER, see, &seen, &err),
                     MST_E_INVALID);
    assert_int_equal(seen.count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(period_keeps_its_year_in_the_obligations_name),
        TEST(walk_passes_on_what_is_wrong_with_a_duty),
        TEST(first_period_of_another_kind_is_refused),
        TEST(members_answer_to_their_lead),
        TEST(one_unit_bears_a_duty_per_area_or_group),
        TEST(nobody_judges_himself),
        TEST(all_means_every_unit_in_a_group),
        TEST(group_without_a_lead_answers_to_the_office),
        TEST(walk_is_half_open_and_starts_at_the_issue),
        TEST(walk_stops_when_told),
        TEST(next_opening_is_the_first_of_enforced_duties),
        TEST(names_too_long_for_an_obligation_are_refused),
    };
    return cmocka_run_group_tests(tests, read_china, NULL);
}
