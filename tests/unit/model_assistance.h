/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of the schedule: a small programme after the pattern of the first real one. Two
 * groups, a county outside them, and an office that is housed by a mere member.
 */
#ifndef MST_TESTS_MODEL_ASSISTANCE_H
#define MST_TESTS_MODEL_ASSISTANCE_H

#include "tests/unit/model_workdays.h"

#include "config/model/schedule.h"

enum { FORESTRY, COLLEGE, BANK, TRANSPORT, REFORM, COUNTY };

static const struct mst_unit units[] = {
    {.id = "forestry"},  {.id = "college"}, {.id = "bank"},
    {.id = "transport"}, {.id = "reform"},  {.id = "county", .outside = true},
};
static const size_t east_members[] = {COLLEGE, BANK};
static const size_t west_members[] = {REFORM};
static const struct mst_area east_areas[] = {{.id = "tea"}, {.id = "water"}};
static const struct mst_area west_areas[] = {{.id = "roads"}};
static const struct mst_group groups[] = {
    {.id = "east",
     .lead = FORESTRY,
     .members = east_members,
     .members_count = 2,
     .areas = east_areas,
     .areas_count = 2},
    {.id = "west",
     .lead = TRANSPORT,
     .members = west_members,
     .members_count = 1,
     .areas = west_areas,
     .areas_count = 1},
};
static const struct mst_office offices[] = {{.id = "leading-office", .host = REFORM}};

#define AFTER_END(count)                                                                           \
    {                                                                                              \
        .anchor = MST_ANCHOR_END, .n = (count)                                                     \
    }

enum { PROGRESS, EXCHANGE, PLAN, TASKS, POSTS, LIAISONS, MEETING, ASSESSMENT, CONTACTS };

static const struct mst_duty default_duties[] = {
    [PROGRESS] = {.id = "quarterly-progress",
                  .enforced = true,
                  .bearer = MST_BEARER_LEADS,
                  .scope = MST_SCOPE_GROUP,
                  .counterpart = MST_COUNTERPART_OFFICE,
                  .period = MST_PERIOD_QUARTER,
                  .due = AFTER_END(5),
                  .first = "2023Q1",
                  .lock_days = 30},
    [EXCHANGE] = {.id = "member-exchange",
                  .enforced = true,
                  .bearer = MST_BEARER_MEMBERS,
                  .scope = MST_SCOPE_UNIT,
                  .counterpart = MST_COUNTERPART_LEAD,
                  .period = MST_PERIOD_QUARTER,
                  .due = AFTER_END(-5),
                  .first = "2023Q1"},
    [PLAN] = {.id = "annual-plan",
              .enforced = true,
              .bearer = MST_BEARER_LEADS,
              .scope = MST_SCOPE_GROUP,
              .counterpart = MST_COUNTERPART_OFFICE,
              .period = MST_PERIOD_YEAR,
              .opens = {.fixed = true, .month = 9, .day = 1, .year_offset = -1},
              .due = {.fixed = true,
                      .month = 11,
                      .day = 30,
                      .year_offset = -1,
                      .roll = MST_ROLL_PRECEDING},
              .grace = {.kind = MST_GRACE_THROUGH,
                        .through = {.fixed = true, .month = 11, .day = 30, .year_offset = -1}},
              .lock_days = 60},
    [TASKS] = {.id = "task-list",
               .enforced = true,
               .bearer = MST_BEARER_LEADS,
               .scope = MST_SCOPE_GROUP,
               .period = MST_PERIOD_ONCE,
               .due = AFTER_END(20)},
    [POSTS] = {.id = "posts",
               .bearer = MST_BEARER_UNIT,
               .bearer_unit = COUNTY,
               .scope = MST_SCOPE_AREA,
               .counterpart = MST_COUNTERPART_LEAD,
               .period = MST_PERIOD_ONCE,
               .due = AFTER_END(10)},
    [LIAISONS] = {.id = "liaisons",
                  .bearer = MST_BEARER_UNIT,
                  .bearer_unit = COUNTY,
                  .scope = MST_SCOPE_GROUP,
                  .period = MST_PERIOD_ONCE,
                  .due = AFTER_END(10)},
    [MEETING] = {.id = "leaders-meeting",
                 .bearer = MST_BEARER_UNIT,
                 .bearer_unit = REFORM,
                 .scope = MST_SCOPE_ONE,
                 .period = MST_PERIOD_HALF,
                 .due = AFTER_END(0)},
    [ASSESSMENT] = {.id = "assessment",
                    .bearer = MST_BEARER_OFFICE,
                    .scope = MST_SCOPE_GROUP,
                    .period = MST_PERIOD_QUARTER,
                    .due = AFTER_END(50)},
    [CONTACTS] = {.id = "contacts",
                  .bearer = MST_BEARER_ALL,
                  .scope = MST_SCOPE_UNIT,
                  .counterpart = MST_COUNTERPART_LEAD,
                  .period = MST_PERIOD_ONCE,
                  .due = AFTER_END(10)},
};

#define DUTIES (sizeof default_duties / sizeof default_duties[0])

static struct mst_duty duties[DUTIES];
static struct mst_programme programme;

static inline int set_up(void **state)
{
    (void)state;
    memcpy(duties, default_duties, sizeof duties);
    programme = (struct mst_programme){
        .id = "assistance",
        .issued = day_from("2022-12-05"),
        .fiscal_month = 1,
        .zone = &shanghai,
        .calendar = &china,
        .units = units,
        .units_count = sizeof units / sizeof units[0],
        .groups = groups,
        .groups_count = 2,
        .offices = offices,
        .offices_count = 1,
        .duties = duties,
        .duties_count = DUTIES,
    };
    return 0;
}

static inline struct mst_dates dates_of(size_t duty, const char *key)
{
    struct mst_period period;
    struct mst_dates dates = {0};
    struct mst_err err;
    if (mst_period_parse(key, programme.fiscal_month, programme.issued, &period, &err) != 0 ||
        mst_schedule_dates(&programme, &duties[duty], &period, &dates, &err) != 0)
        fail_msg("%s", err.text);
    return dates;
}

static inline int dates_rc(size_t duty, const char *key, struct mst_err *err)
{
    struct mst_period period;
    struct mst_dates dates;
    assert_int_equal(mst_period_parse(key, programme.fiscal_month, 0, &period, NULL), 0);
    return mst_schedule_dates(&programme, &duties[duty], &period, &dates, err);
}

static inline mst_time at(const char *text)
{
    mst_time instant = 0;
    assert_int_equal(mst_zone_parse(programme.zone, text, &instant, NULL), 0);
    return instant;
}

#endif
