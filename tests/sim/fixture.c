/* SPDX-License-Identifier: Apache-2.0 */
/* Programmes made up from a seed: who, what, which calendar and which zone. Equal seeds give equal
 * programmes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/model/arena.h"
#include "tests/sim/world.h"

uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t random_below(uint64_t *state, uint64_t limit)
{
    return limit ? random_next(state) % limit : 0;
}

static void *take(struct mst_arena *arena, size_t size)
{
    void *p = mst_arena_alloc(arena, size);
    if (!p)
        abort();
    return p;
}

static const char *named(struct mst_arena *arena, const char *prefix, size_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%s%zu", prefix, number);
    return mst_arena_strdup(arena, text);
}

/* ---- time ---- */

static const struct mst_zone *fixture_zone(struct mst_arena *arena, uint64_t *random, bool early)
{
    static const struct mst_zone_transition summer_time[] = {
        {INT64_C(1679792400000), 7200},
        {INT64_C(1698541200000), 3600},
        {INT64_C(1711846800000), 7200},
        {INT64_C(1729990800000), 3600},
    };
    struct mst_zone *zone = take(arena, sizeof *zone);
    bool moves = random_below(random, 2) == 0;
    zone->name = moves ? "Europe/Berlin" : "Asia/Shanghai";
    zone->first_offset_s = moves ? 3600 : 28800;
    zone->transitions = summer_time;
    zone->transitions_count = moves ? 4 : 0;
    zone->digest[0] = moves;
    if (early) { /* and without a summer: both are wrong */
        zone->first_offset_s++;
        zone->transitions_count = 0;
    }
    return zone;
}

static const struct mst_calendar *fixture_calendar(struct mst_arena *arena, uint64_t seed,
                                                   uint64_t number)
{
    uint64_t random = seed * 31 + number;
    struct mst_calendar *cal = take(arena, sizeof *cal);
    struct mst_calendar_exception *exceptions = take(arena, 64 * sizeof *exceptions);
    struct mst_calendar_year *years = take(arena, 3 * sizeof *years);
    mst_day day = mst_day_of(2023, 1, 1);
    while (cal->exceptions_count < 64) {
        day += 1 + (mst_day)random_below(&random, 20);
        exceptions[cal->exceptions_count++] = (struct mst_calendar_exception){
            .day = day,
            .kind = random_below(&random, 3) ? MST_DAY_HOLIDAY : MST_DAY_WORKDAY,
            .occasion = "drawn",
        };
    }
    /* Later calendars cover a year more: what was provisional is worked out anew. */
    for (int i = 0; i < 3; i++)
        years[i] = (struct mst_calendar_year){.year = 2022 + i, .notice = "drawn"};
    cal->weekend_mask = 0x60;
    cal->exceptions = exceptions;
    cal->years = years;
    cal->years_count = number ? 3 : 2;
    memcpy(cal->digest, &random, sizeof random);
    return cal;
}

/* ---- who ---- */

/* Two focus areas each: "a0" and "b0" of the first group. */
static void fill_areas(struct mst_programme *p, struct mst_group *group, size_t number)
{
    struct mst_area *areas = take(p->arena, 2 * sizeof *areas);
    areas[0].id = named(p->arena, "a", number);
    areas[1].id = named(p->arena, "b", number);
    group->areas = areas;
    group->areas_count = 2;
}

static void fill_groups(struct mst_programme *p, size_t groups, const size_t *members,
                        uint64_t *random)
{
    struct mst_group *items = take(p->arena, groups * sizeof *items);
    size_t units = 1; /* the first hosts the office, outside all groups */
    for (size_t g = 0; g < groups; g++)
        units += 1 + members[g];
    struct mst_unit *all = take(p->arena, units * sizeof *all);
    for (size_t u = 0; u < units; u++) {
        all[u].id = named(p->arena, "u", u);
        all[u].outside = u == 0;
        all[u].contacts[MST_CONTACT_DEPUTY].name = random_below(random, 2) ? "deputy" : NULL;
        all[u].contacts[MST_CONTACT_HEAD].name = random_below(random, 2) ? "head" : NULL;
    }
    size_t next = 1;
    for (size_t g = 0; g < groups; g++) {
        size_t *indices = take(p->arena, members[g] * sizeof *indices);
        items[g].id = named(p->arena, "g", g);
        items[g].lead = next++;
        for (size_t m = 0; m < members[g]; m++)
            indices[m] = next++;
        items[g].members = indices;
        items[g].members_count = members[g];
        items[g].head = random_below(random, 2) ? "group head" : NULL;
        fill_areas(p, &items[g], g);
    }
    struct mst_office *office = take(p->arena, sizeof *office);
    office->id = "office";
    p->offices = office;
    p->offices_count = 1;
    p->units = all;
    p->units_count = units;
    p->groups = items;
    p->groups_count = groups;
}

/* ---- what ---- */

#define TO(audience) (1u << MST_AUDIENCE_##audience)
static const struct mst_ladder fixture_ladder = {
    .id = "standard",
    .rungs = {{-10, 32400000, 0, TO(CLERK), 0},
              {-5, 32400000, 0, TO(CLERK), 0},
              {-1, 32400000, 0, TO(CLERK), 0},
              {0, 0, 1, TO(CLERK) | TO(OFFICE), 0},
              {1, 32400000, 2, TO(DEPUTY) | TO(LEAD) | TO(OFFICE), 0},
              {3, 32400000, 3, TO(HEAD) | TO(GROUP_HEAD) | TO(OFFICE), 0},
              {10, 32400000, 4, TO(DIRECTOR) | TO(CITY_LEADER), 5}},
    .rungs_count = 7,
};

static struct mst_duty duty(const char *id, enum mst_bearer_kind bearer, enum mst_closing closing,
                            enum mst_period_kind period, int due)
{
    return (struct mst_duty){
        .id = id,
        .kind = MST_DUTY_REPORT,
        .enforced = true,
        .bearer = bearer,
        .closing = closing,
        .period = period,
        .opens = {.anchor = MST_ANCHOR_START, .unit = MST_OFFSET_DAYS},
        .due = {.anchor = MST_ANCHOR_END, .unit = MST_OFFSET_WORKING_DAYS, .n = due},
        .review_days = 5,
        .correction_days = 5,
        .lock_days = 30,
        .version = 1,
    };
}

static void fill_duties(struct mst_programme *p, unsigned edits)
{
    static const struct mst_post posts[] = {{"deputy", {"deputy", "deputy"}},
                                            {"head", {"Head", "主要领导"}}};
    struct mst_duty *d = take(p->arena, 13 * sizeof *d);
    d[0] = duty("progress", MST_BEARER_LEADS, MST_CLOSE_AUTOMATIC, MST_PERIOD_QUARTER, 5);
    d[1] = duty("exchange", MST_BEARER_MEMBERS, MST_CLOSE_RECEIVE, MST_PERIOD_MONTH, -3);
    d[1].counterpart = MST_COUNTERPART_LEAD;
    d[2] = duty("plan", MST_BEARER_LEADS, MST_CLOSE_RECORD, MST_PERIOD_HALF, 10);
    d[2].grace = (struct mst_grace){.kind = MST_GRACE_WORKING_DAYS, .n = 2};
    d[3] = duty("list", MST_BEARER_ALL, MST_CLOSE_APPROVE, MST_PERIOD_ONCE, 20);
    d[4] = duty("own", MST_BEARER_UNIT, MST_CLOSE_APPROVE, MST_PERIOD_QUARTER, 5);
    d[4].counterpart = MST_COUNTERPART_DIRECTOR;
    d[5] = duty("short", MST_BEARER_ALL, MST_CLOSE_RECEIVE, MST_PERIOD_QUARTER, 1);
    d[5].lock_days = 4;
    d[5].grace = (struct mst_grace){.kind = MST_GRACE_DAYS, .n = 1};
    d[6] = duty("meeting", MST_BEARER_LEADS, MST_CLOSE_NONE, MST_PERIOD_QUARTER, 0);
    d[6].kind = MST_DUTY_QUOTA;
    d[6].quota = 3;
    d[6].pace = true;
    d[7] = duty("contacts", MST_BEARER_ALL, MST_CLOSE_FILL, MST_PERIOD_ONCE, 10);
    d[7].kind = MST_DUTY_POST;
    d[7].posts = posts;
    d[7].posts_count = 2;
    d[8] = duty("review", MST_BEARER_OFFICE, MST_CLOSE_NONE, MST_PERIOD_MONTH, 5);
    d[8].kind = MST_DUTY_ASSESSMENT;
    d[8].counterpart = MST_COUNTERPART_DIRECTOR;
    d[9] = duty("tasks", MST_BEARER_LEADS, MST_CLOSE_APPROVE, MST_PERIOD_ONCE, 20);
    d[9].tasks = MST_TASKS_LIST;
    d[9].lock_days = 0; /* lists are returned and corrected all year */
    d[10] = duty("sign", MST_BEARER_ALL, MST_CLOSE_NONE, MST_PERIOD_ONCE, 5);
    d[10].kind = MST_DUTY_SIGN_FOR;
    d[11] = duty("issue", MST_BEARER_OFFICE, MST_CLOSE_NONE, MST_PERIOD_ONCE, 5);
    d[11].kind = MST_DUTY_ISSUE;
    d[11].counterpart = MST_COUNTERPART_DIRECTOR;
    d[12] = duty("reply", MST_BEARER_ALL, MST_CLOSE_NONE, MST_PERIOD_ONCE, 10);
    d[12].kind = MST_DUTY_REPLY;
    d[0].tasks = MST_TASKS_PROGRESS;
    d[2].tasks = MST_TASKS_PLAN;
    if (edits & EDIT_RULES) {
        d[0].due.n = 3;
        d[1].due.n = -5;
        d[6].quota = 2;
        d[0].version = d[1].version = d[6].version = 2;
    }
    p->duties = d;
    p->duties_count = 13;
    p->ladders = &fixture_ladder;
    p->ladders_count = 1;
}

/* The unit ends on some day of the year; the first of the successors inherits. */
static void end_unit(struct mst_programme *p, struct mst_unit *unit, size_t first, size_t second,
                     uint64_t *random)
{
    size_t *successors = take(p->arena, 2 * sizeof *successors);
    successors[0] = first;
    successors[1] = second;
    unit->successors = successors;
    unit->successors_count = first == second ? 1 : 2;
    unit->ended = mst_day_of(2023, 1, 2) + (mst_day)random_below(random, 390);
}

/* Members only, so that every group keeps its lead; the first group's go, the last one's stay. */
static void change_units(struct mst_programme *p, unsigned edits, uint64_t *random)
{
    struct mst_group *groups = (struct mst_group *)p->groups;
    struct mst_unit *units = (struct mst_unit *)p->units;
    struct mst_group *from = &groups[0], *to = &groups[p->groups_count - 1];
    size_t last = from->members[from->members_count - 1];
    if (edits & EDIT_MERGE)
        end_unit(p, &units[from->members[0]], from->lead, from->lead, random);
    if (edits & EDIT_SPLIT && from->members_count > 1)
        end_unit(p, &units[from->members[1]], to->members[to->members_count - 1], to->lead, random);
    if (edits & EDIT_MOVE && from != to && from->members_count > 2) {
        size_t *members = take(p->arena, (to->members_count + 1) * sizeof *members);
        memcpy(members, to->members, to->members_count * sizeof *members);
        members[to->members_count++] = last;
        to->members = members;
        from->members_count--;
    }
}

static struct mst_programme *blank(void)
{
    struct mst_arena *arena = mst_arena_new();
    if (!arena)
        abort();
    struct mst_programme *p = take(arena, sizeof *p);
    p->arena = arena;
    p->refs = 1;
    p->id = "drawn";
    p->issued = mst_day_of(2023, 1, 1);
    p->fiscal_month = 1;
    p->version = 1;
    p->silent_hours = 72;
    p->notice_days = 3;
    p->matters = (struct mst_matter_rules){.max = 4, .helpers = 3, .old_days = 15};
    p->tasks = (struct mst_task_rules){.max = 6, .outside = true, .yellow = 10, .red = 30};
    return p;
}

struct mst_programme *fixture_programme(uint64_t seed, uint64_t calendar, unsigned edits)
{
    uint64_t random = seed;
    struct mst_programme *p = blank();
    size_t groups = 1 + (size_t)random_below(&random, 2);
    size_t members[2];
    for (size_t g = 0; g < groups; g++)
        members[g] = 1 + (size_t)random_below(&random, 3);
    p->zone = fixture_zone(p->arena, &random, edits & EDIT_ZONE);
    p->calendar = fixture_calendar(p->arena, seed, calendar);
    fill_groups(p, groups, members, &random);
    fill_duties(p, edits);
    change_units(p, edits, &random);
    return p;
}

struct mst_programme *fixture_large(size_t groups, size_t members)
{
    uint64_t random = 1;
    struct mst_programme *p = blank();
    size_t *sizes = take(p->arena, groups * sizeof *sizes);
    for (size_t g = 0; g < groups; g++)
        sizes[g] = members;
    p->zone = fixture_zone(p->arena, &random, false);
    p->calendar = fixture_calendar(p->arena, 1, 0);
    fill_groups(p, groups, sizes, &random);
    struct mst_duty *monthly = take(p->arena, sizeof *monthly);
    *monthly = duty("monthly", MST_BEARER_ALL, MST_CLOSE_RECEIVE, MST_PERIOD_MONTH, 5);
    p->duties = monthly;
    p->duties_count = 1;
    p->ladders = &fixture_ladder;
    p->ladders_count = 1;
    return p;
}
