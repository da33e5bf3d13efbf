/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small programme for the core's tests: group one (lead, member, other), group two (lead2, far),
 * the outside unit county, and the host of the office. Monday to Friday, UTC+8, issued on Monday
 * 2023-01-02. Duties: plan (leads, each quarter, 5 working days after its end, approved), notes
 * (members, to their lead, same).
 */
#ifndef MST_TESTS_UNIT_CORE_FIXTURE_H
#define MST_TESTS_UNIT_CORE_FIXTURE_H

#include "broker/core/core.h"

enum { LEAD, MEMBER, OTHER, LEAD2, FAR, COUNTY, HOST, UNITS };

static const struct mst_zone fixture_zone = {.name = "Asia/Shanghai", .first_offset_s = 28800};
static const struct mst_calendar_year fixture_years[] = {{2022, "n"}, {2023, "n"}, {2024, "n"}};
static const struct mst_calendar fixture_calendar = {
    .weekend_mask = 0x60, .years = fixture_years, .years_count = 3};
static const struct mst_unit fixture_units[UNITS] = {{.id = "lead"},
                                                     {.id = "member"},
                                                     {.id = "other"},
                                                     {.id = "lead2"},
                                                     {.id = "far"},
                                                     {.id = "county", .outside = true},
                                                     {.id = "host", .outside = true}};
static const size_t fixture_members[] = {MEMBER, OTHER}, fixture_members2[] = {FAR};
static const struct mst_group fixture_groups[] = {
    {.id = "one", .lead = LEAD, .members = fixture_members, .members_count = 2, .head = "Hu"},
    {.id = "two", .lead = LEAD2, .members = fixture_members2, .members_count = 1}};
static const struct mst_office fixture_offices[] = {{.id = "office", .host = HOST}};

#define FIXTURE_TO(audience) (1u << MST_AUDIENCE_##audience)
static const struct mst_ladder fixture_ladders[] = {{
    .id = "standard",
    .rungs = {{-5, 32400000, 0, FIXTURE_TO(CLERK), 0},
              {-1, 32400000, 0, FIXTURE_TO(CLERK), 0},
              {0, 0, 1, FIXTURE_TO(CLERK) | FIXTURE_TO(OFFICE), 0},
              {1, 32400000, 2, FIXTURE_TO(DEPUTY), 0},
              {3, 32400000, 3, FIXTURE_TO(GROUP_HEAD), 5}},
    .rungs_count = 5,
}};

#define FIXTURE_DUTY(name, who, whom)                                                              \
    {                                                                                              \
        .id = name, .kind = MST_DUTY_REPORT, .enforced = true, .bearer = who, .counterpart = whom, \
        .closing = MST_CLOSE_APPROVE, .period = MST_PERIOD_QUARTER,                                \
        .opens = {.anchor = MST_ANCHOR_START, .unit = MST_OFFSET_DAYS},                            \
        .due = {.anchor = MST_ANCHOR_END, .unit = MST_OFFSET_WORKING_DAYS, .n = 5},                \
        .review_days = 5, .correction_days = 5, .lock_days = 30, .version = 1                      \
    }
static const struct mst_duty fixture_duties[] = {
    FIXTURE_DUTY("plan", MST_BEARER_LEADS, MST_COUNTERPART_OFFICE),
    FIXTURE_DUTY("notes", MST_BEARER_MEMBERS, MST_COUNTERPART_LEAD)};

static struct mst_programme fixture_programme = {
    .id = "fixture",
    .fiscal_month = 1,
    .zone = &fixture_zone,
    .calendar = &fixture_calendar,
    .units = fixture_units,
    .units_count = UNITS,
    .groups = fixture_groups,
    .groups_count = 2,
    .offices = fixture_offices,
    .offices_count = 1,
    .duties = fixture_duties,
    .duties_count = 2,
    .ladders = fixture_ladders,
    .ladders_count = 1,
    .refs = 1,
};

static inline mst_time fixture_at(int month, int day, int hour, int minute)
{
    fixture_programme.issued = mst_day_of(2023, 1, 2);
    return mst_zone_instant(&fixture_zone, mst_day_of(2023, month, day),
                            (hour * 60 + minute) * 60000);
}

#endif
