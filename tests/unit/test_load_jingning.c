/* SPDX-License-Identifier: Apache-2.0 */
/* The real programme: what was counted in the plan by hand, and the dates worked by hand. */
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
#include "config/model/schedule.h"

static struct mst_programme *load(const char *path)
{
    struct mst_diags diags = {0};
    struct mst_programme *p = NULL;
    struct mst_err err;
    int code = mst_programme_load(path, &diags, &p, &err);
    mst_diags_print(&diags, stderr);
    assert_int_equal(code, 0);
    assert_int_equal(diags.count, 0);
    mst_diags_done(&diags);
    return p;
}

static int load_jingning(void **state)
{
    *state = load("config/jingning/programme.yaml");
    return 0;
}

static int drop(void **state)
{
    mst_programme_unref(*state);
    return 0;
}

static void counts_are_those_of_the_plan(void **state)
{
    const struct mst_programme *p = *state;
    static const size_t members[] = {6, 4, 6, 5, 5}, areas[] = {5, 1, 4, 1, 3};
    size_t inside = 0, placed = 0, persons = 0, areas_all = 0;
    assert_int_equal(p->groups_count, 5);
    for (size_t i = 0; i < p->groups_count; i++) {
        assert_int_equal(p->groups[i].members_count, members[i]);
        assert_int_equal(p->groups[i].areas_count, areas[i]);
        placed += 1 + p->groups[i].members_count;
        areas_all += p->groups[i].areas_count;
        persons += (p->groups[i].head ? 1U : 0U) + (p->groups[i].deputy ? 1U : 0U);
    }
    for (size_t i = 0; i < p->units_count; i++)
        inside += !p->units[i].outside;
    assert_int_equal(inside, 31);
    assert_int_equal(placed, 31);
    assert_int_equal(areas_all, 14);
    assert_int_equal(p->units_count, 32); /* and the county */
    for (size_t i = 0; i < p->offices_count; i++)
        persons += (p->offices[i].director.name ? 1U : 0U) + p->offices[i].staff_count;
    assert_int_equal(persons, 13);
}

/* The annex, as it is written there. */
static void annex_names_every_unit_once(void **state)
{
    const struct mst_programme *p = *state;
    static const char *const annex[] = {
        "市咨询委",     "市委党校",         "市发改委",         "市经信局",
        "市教育局",     "市科技局",         "市民政局",         "市财政局",
        "市人力社保局", "市自然资源局",     "市生态环境局",     "市交通运输局",
        "市水利局",     "市农业农村局",     "市商务局",         "市文广旅体局",
        "市卫生健康委", "市林业局",         "丽水开发区管委会", "市城投公司",
        "市文旅公司",   "市交投公司",       "市农投公司",       "浙江百山祖公园发展有限公司",
        "丽水学院",     "丽水职业技术学院", "市中心医院",       "市人民医院",
        "市中医院",     "市“双招双引”办",   "市铁委办"};
    bool seen[64] = {false};
    assert_int_equal(sizeof annex / sizeof annex[0], 31);
    for (size_t i = 0; i < 31; i++) {
        size_t unit = mst_programme_unit_by_name(p, annex[i]);
        if (unit == SIZE_MAX)
            fail_msg("%s is not found", annex[i]);
        assert_false(seen[unit]);
        assert_int_not_equal(mst_programme_group_of(p, unit), SIZE_MAX);
        seen[unit] = true;
    }
}

static void one_unit_has_two_names_and_one_wears_three_hats(void **state)
{
    const struct mst_programme *p = *state;
    size_t forestry = mst_programme_unit_by_name(p, "市林业局");
    assert_int_equal(forestry, mst_programme_unit_by_name(p, "市林业局（百山祖管理局）"));
    assert_true(mst_programme_leads(p, forestry));
    size_t commission = mst_programme_unit_by_name(p, "市发改委");
    assert_int_equal(p->offices[0].host, commission);
    assert_false(mst_programme_leads(p, commission));
    assert_int_equal(mst_programme_group_of(p, commission), 1);
    assert_string_equal(p->groups[1].head, "朱磊");
    assert_string_equal(p->offices[0].acts_for, p->offices[1].id);
    assert_string_equal(p->offices[0].director.name, "杜兴林");
}

static void whatever_is_owed_is_enforced(void **state)
{
    const struct mst_programme *p = *state;
    static const char *const enforced[] = {
        "task-list",     "quarterly-progress", "member-exchange",    "annual-plan",
        "group-meeting", "leaders-meeting",    "assessment-quarter", "assessment-year",
        "county-leader", "county-department",  "county-liaison",     "unit-contacts",
        "issue",         "sign-for",           "difficulty-reply"};
    const size_t wanted = sizeof enforced / sizeof enforced[0];
    size_t count = 0;
    for (size_t i = 0; i < p->duties_count; i++) {
        assert_true(p->duties[i].enforced || !mst_duty_is_scheduled(&p->duties[i]));
        assert_non_null(p->duties[i].clause);
        count += p->duties[i].enforced;
    }
    assert_int_equal(count, wanted);
    for (size_t i = 0; i < wanted; i++)
        assert_true(p->duties[mst_programme_duty(p, enforced[i])].enforced);
}

/* The same programme with one line more after a given one, beside the same calendar. */
static struct mst_programme *load_with(const char *after, const char *more)
{
    char dir[] = "/tmp/muster-jingning-XXXXXX", path[64], link[64], line[4096];
    char *here = realpath("config/jingning/workdays.csv", NULL);
    FILE *in = fopen("config/jingning/programme.yaml", "r");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/programme.yaml", dir);
    snprintf(link, sizeof link, "%s/workdays.csv", dir);
    assert_non_null(here);
    assert_int_equal(symlink(here, link), 0);
    FILE *out = fopen(path, "w");
    assert_true(in && out);
    while (fgets(line, sizeof line, in)) {
        fputs(line, out);
        if (strcmp(line, after) == 0)
            fputs(more, out);
    }
    fclose(in);
    fclose(out);
    struct mst_programme *p = load(path);
    assert_int_equal(unlink(path) || unlink(link) || rmdir(dir), 0);
    free(here);
    return p;
}

static void duty_may_be_declared_before_it_is_enforced(void **state)
{
    (void)state;
    struct mst_programme *p = load_with("  - id: group-meeting\n", "    enforced: false\n");
    assert_false(p->duties[mst_programme_duty(p, "group-meeting")].enforced);
    assert_true(p->duties[mst_programme_duty(p, "leaders-meeting")].enforced);
    mst_programme_unref(p);
}

static struct mst_dates dates_of(const struct mst_programme *p, const char *duty, const char *key)
{
    struct mst_period period;
    struct mst_dates dates = {0};
    size_t index = mst_programme_duty(p, duty);
    assert_int_not_equal(index, SIZE_MAX);
    assert_int_equal(mst_period_parse(key, p->fiscal_month, p->issued, &period, NULL), 0);
    assert_int_equal(mst_schedule_dates(p, &p->duties[index], &period, &dates, NULL), 0);
    return dates;
}

static void dates_worked_by_hand_come_out(void **state)
{
    const struct mst_programme *p = *state;
    static const struct {
        const char *duty, *period, *day;
    } cases[] = {
        {"quarterly-progress", "2023Q3", "2023-10-11"},
        {"quarterly-progress", "2023Q4", "2024-01-08"},
        {"annual-plan", "2024", "2023-11-30"},
        {"annual-plan", "2025", "2024-11-29"},
        {"annual-plan", "2026", "2025-11-28"},
        {"member-exchange", "2023Q1", "2023-03-24"},
        {"member-exchange", "2023Q2", "2023-06-25"},
        {"member-exchange", "2023Q3", "2023-09-21"},
        {"member-exchange", "2023Q4", "2023-12-22"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mst_dates dates = dates_of(p, cases[i].duty, cases[i].period);
        char day[11];
        assert_string_equal(mst_day_format(dates.due_day, day), cases[i].day);
        assert_int_equal(dates.due, mst_zone_midnight(p->zone, dates.due_day + 1));
        assert_true(dates.applicable);
        assert_false(dates.provisional);
    }
    struct mst_dates plan = dates_of(p, "annual-plan", "2025");
    char text[MST_INSTANT_TEXT_MAX];
    assert_string_equal(mst_zone_format(p->zone, plan.grace_until, text),
                        "2024-12-01T00:00:00+08:00");
}

static void what_was_impossible_from_the_start_is_not_applicable(void **state)
{
    assert_false(dates_of(*state, "annual-plan", "2023").applicable);
    assert_false(dates_of(*state, "group-meeting", "2022").applicable);
    assert_true(dates_of(*state, "group-meeting", "2023").applicable);
}

static void a_year_without_its_notice_is_provisional(void **state)
{
    assert_true(dates_of(*state, "quarterly-progress", "2026Q4").provisional);
    assert_false(dates_of(*state, "quarterly-progress", "2026Q3").provisional);
}

struct tally {
    const struct mst_programme *p;
    size_t to_office, to_lead, all;
};

static int count_expected(void *context, const struct mst_expected *e)
{
    struct tally *tally = context;
    tally->all++;
    tally->to_office += e->counterpart == SIZE_MAX;
    tally->to_lead += e->counterpart != SIZE_MAX;
    if (e->counterpart != SIZE_MAX)
        assert_int_equal(e->counterpart, tally->p->groups[e->group].lead);
    return 0;
}

static struct tally tally_of(const struct mst_programme *p, const char *duty, int year, int month)
{
    struct tally tally = {.p = p};
    mst_time from = mst_zone_midnight(p->zone, mst_day_of(year, month, 1));
    mst_time to = mst_zone_midnight(p->zone, mst_day_of(year, month + 1, 1));
    assert_int_equal(mst_schedule_opening(p, mst_programme_duty(p, duty), from, to, count_expected,
                                          &tally, NULL),
                     0);
    return tally;
}

static void five_report_to_the_office_and_26_to_their_leads(void **state)
{
    struct tally leads = tally_of(*state, "quarterly-progress", 2023, 7);
    assert_int_equal(leads.all, 5);
    assert_int_equal(leads.to_office, 5);
    struct tally members = tally_of(*state, "member-exchange", 2023, 7);
    assert_int_equal(members.all, 26);
    assert_int_equal(members.to_lead, 26);
    assert_int_equal(tally_of(*state, "county-department", 2022, 11).all, 0);
}

static void posts_are_as_many_as_the_plan_wants(void **state)
{
    struct mst_programme *p = *state;
    struct tally tally = {.p = p};
    static const struct {
        const char *duty;
        size_t wanted;
    } cases[] = {{"county-leader", 1}, {"county-department", 14}, {"county-liaison", 5}};
    for (size_t i = 0; i < 3; i++) {
        tally.all = 0;
        assert_int_equal(mst_schedule_opening(p, mst_programme_duty(p, cases[i].duty), 0,
                                              mst_zone_midnight(p->zone, p->issued + 1),
                                              count_expected, &tally, NULL),
                         0);
        assert_int_equal(tally.all, cases[i].wanted);
    }
}

static void example_company_loads_in_another_zone(void **state)
{
    (void)state;
    struct mst_programme *p = load("config/example/programme.yaml");
    assert_string_equal(p->zone->name, "Europe/Berlin");
    struct mst_dates dates = dates_of(p, "monthly-safety", "2026-03");
    char day[11], text[MST_INSTANT_TEXT_MAX];
    /* Good Friday and Easter Monday 2026 are 3 and 6 April. */
    assert_string_equal(mst_day_format(dates.due_day, day), "2026-04-07");
    assert_string_equal(mst_zone_format(p->zone, dates.due, text), "2026-04-08T00:00:00+02:00");
    assert_string_equal(mst_day_format(dates_of(p, "energy-plan", "2026").due_day, day),
                        "2026-07-31");
    mst_programme_unref(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_of_the_plan),
        cmocka_unit_test(annex_names_every_unit_once),
        cmocka_unit_test(one_unit_has_two_names_and_one_wears_three_hats),
        cmocka_unit_test(whatever_is_owed_is_enforced),
        cmocka_unit_test(duty_may_be_declared_before_it_is_enforced),
        cmocka_unit_test(dates_worked_by_hand_come_out),
        cmocka_unit_test(what_was_impossible_from_the_start_is_not_applicable),
        cmocka_unit_test(a_year_without_its_notice_is_provisional),
        cmocka_unit_test(five_report_to_the_office_and_26_to_their_leads),
        cmocka_unit_test(posts_are_as_many_as_the_plan_wants),
        cmocka_unit_test(example_company_loads_in_another_zone),
    };
    return cmocka_run_group_tests(tests, load_jingning, drop);
}
