/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model against a second implementation that walks day by day and instant by instant. Random
 * cases are seeded; a failure prints its seed, and MUSTER_SEED=N runs that case first.
 */
#include "tests/unit/model_workdays.h"

#include <stdlib.h>

#include "config/model/schedule.h"

#define SEED_FIRST 20221205
#define CALENDARS 300
#define ZONES 300
#define SCHEDULES 200

static uint64_t seed, random_state;

static void random_start(uint64_t number)
{
    const char *wanted = getenv("MUSTER_SEED");
    seed = SEED_FIRST + number;
    if (wanted && number == 0)
        seed = strtoull(wanted, NULL, 10);
    random_state = seed;
}

/* splitmix64; in from..to, both inside. */
static int64_t random_in(int64_t from, int64_t to)
{
    uint64_t z = random_state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return from + (int64_t)(z % (uint64_t)(to - from + 1));
}

static void same(int64_t got, int64_t want, const char *what, int64_t a, int64_t b)
{
    if (got != want)
        fail_msg("seed %llu: %s(%lld, %lld) is %lld, should be %lld", (unsigned long long)seed,
                 what, (long long)a, (long long)b, (long long)got, (long long)want);
}

/* ---- working days, one day at a time ---- */

static bool naive_works(const struct mst_calendar *cal, mst_day day)
{
    for (size_t i = 0; i < cal->exceptions_count; i++) {
        if (cal->exceptions[i].day == day)
            return cal->exceptions[i].kind == MST_DAY_WORKDAY;
    }
    int weekday = ((day - 4) % 7 + 7) % 7; /* 1970-01-05 was a Monday */
    return (cal->weekend_mask & 1 << weekday) == 0;
}

/* What works around a day, so that the naive loops do not search the exceptions again and again. */
#define WINDOW 1800
static bool window[2 * WINDOW];
static mst_day window_start;

static void open_window(const struct mst_calendar *cal, mst_day middle)
{
    window_start = middle - WINDOW;
    for (int i = 0; i < 2 * WINDOW; i++)
        window[i] = naive_works(cal, window_start + i);
}

static bool in_window(mst_day day)
{
    assert_in_range(day - window_start, 0, 2 * WINDOW - 1);
    return window[day - window_start];
}

static mst_day naive_add(mst_day day, int n)
{
    int step = n < 0 ? -1 : 1;
    while (n != 0) {
        day += step;
        if (in_window(day))
            n -= step;
    }
    return day;
}

static mst_day naive_roll(mst_day day, enum mst_roll roll)
{
    mst_day on = day, back = day;
    while (!in_window(on))
        on++;
    while (!in_window(back))
        back--;
    int month = mst_civil_of(day).month;
    bool on_inside = mst_civil_of(on).month == month && on - day < 31;
    bool back_inside = mst_civil_of(back).month == month && day - back < 31;
    switch (roll) {
    case MST_ROLL_NONE:
        return day;
    case MST_ROLL_FOLLOWING:
        return on;
    case MST_ROLL_PRECEDING:
        return back;
    case MST_ROLL_MODIFIED_FOLLOWING:
        return on_inside ? on : back;
    case MST_ROLL_MODIFIED_PRECEDING:
        return back_inside ? back : on;
    }
    return MST_DAY_NONE;
}

static void every_day_of_five_years_agrees_with_counting(void **state)
{
    (void)state;
    seed = 0;
    mst_day first = day_from("2022-01-01"), last = day_from("2026-12-31");
    open_window(&china, (first + last) / 2);
    for (mst_day day = first; day <= last; day++) {
        same(mst_calendar_works(&china, day), in_window(day), "works", day, 0);
        for (int sign = -1; sign <= 1; sign += 2) {
            mst_day there = day;
            for (int n = 1; n <= 70; n++) {
                there = naive_add(there, sign);
                same(mst_calendar_add(&china, day, sign * n), there, "add", day, sign * n);
            }
        }
        for (int roll = MST_ROLL_NONE; roll <= MST_ROLL_MODIFIED_PRECEDING; roll++)
            same(mst_calendar_roll(&china, day, (enum mst_roll)roll),
                 naive_roll(day, (enum mst_roll)roll), "roll", day, roll);
        int count = 0;
        for (mst_day to = day; to < day + 100; to++) {
            same(mst_calendar_count(&china, day, to), count, "count", day, to);
            count += in_window(to);
        }
    }
}

static bool naive_covers(const struct mst_calendar *cal, mst_day first, mst_day last)
{
    for (mst_day day = first; day <= last; day++) {
        bool found = false;
        int year = mst_civil_of(day).year;
        for (size_t i = 0; i < cal->years_count; i++)
            found |= cal->years[i].year == year;
        if (!found)
            return false;
    }
    return true;
}

/* A calendar around 2020: any week that has a working day, scattered exceptions, years with holes.
 */
static struct mst_calendar random_calendar(void)
{
    static struct mst_calendar_exception exceptions[250];
    static struct mst_calendar_year years[20];
    struct mst_calendar cal = {
        .weekend_mask = (uint8_t)random_in(0, 0x7E), .exceptions = exceptions, .years = years};
    int64_t gap = random_in(1, 30);
    mst_day day = day_from("2018-01-01");
    size_t count = (size_t)random_in(0, 250);
    while (cal.exceptions_count < count && day < 19700) {
        struct mst_calendar_exception *e = &exceptions[cal.exceptions_count++];
        day += (mst_day)random_in(1, gap);
        *e = (struct mst_calendar_exception){
            day, random_in(0, 1) ? MST_DAY_WORKDAY : MST_DAY_HOLIDAY, ""};
    }
    for (int year = 2012; year < 2030; year++) {
        if (random_in(0, 3) > 0)
            years[cal.years_count++] = (struct mst_calendar_year){year, ""};
    }
    return cal;
}

static void random_calendars_agree_with_counting(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < CALENDARS; i++) {
        random_start(i);
        struct mst_calendar cal = random_calendar();
        mst_day middle = day_from("2020-01-01");
        open_window(&cal, middle);
        for (int k = 0; k < 60; k++) {
            mst_day day = middle + (mst_day)random_in(-800, 800);
            int n = (int)random_in(-60, 60);
            enum mst_roll roll = (enum mst_roll)random_in(0, 4);
            mst_day to = day + (mst_day)random_in(-20, 800);
            int count = 0;
            for (mst_day d = day; d < to; d++)
                count += in_window(d);
            same(mst_calendar_add(&cal, day, n), naive_add(day, n), "add", day, n);
            same(mst_calendar_roll(&cal, day, roll), naive_roll(day, roll), "roll", day, roll);
            same(mst_calendar_count(&cal, day, to), count, "count", day, to);
            same(mst_calendar_covers(&cal, day, to), naive_covers(&cal, day, to), "covers", day,
                 to);
        }
    }
}

/* ---- zones, a quarter of an hour at a time ---- */

#define QUARTER_MS INT64_C(900000)
#define DAY_MS INT64_C(86400000)

static int64_t naive_local(const struct mst_zone *zone, mst_time at)
{
    int32_t offset = zone->first_offset_s;
    for (size_t i = 0; i < zone->transitions_count; i++) {
        if (zone->transitions[i].at <= at)
            offset = zone->transitions[i].offset_s;
    }
    return at + offset * INT64_C(1000);
}

/* Transitions and offsets in whole quarters of an hour, so that those are all that can be found. */
static struct mst_zone random_zone(void)
{
    static struct mst_zone_transition transitions[40];
    struct mst_zone zone = {.name = "Random",
                            .first_offset_s = 900 * (int32_t)random_in(-56, 56),
                            .transitions = transitions,
                            .transitions_count = (size_t)random_in(0, 40)};
    mst_time at = -2000 * QUARTER_MS;
    int64_t gap = random_in(1, 400);
    int64_t leap = random_in(0, 3) ? 8 : 56; /* summer time, or a move across the date line */
    int64_t offset = zone.first_offset_s / 900;
    for (size_t i = 0; i < zone.transitions_count; i++) {
        offset += random_in(-leap, leap);
        offset = offset > 104 ? 104 : offset < -104 ? -104 : offset;
        at += random_in(1, gap) * QUARTER_MS;
        transitions[i] = (struct mst_zone_transition){at, (int32_t)offset * 900};
    }
    return zone;
}

static void random_zones_agree_with_walking(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < ZONES; i++) {
        random_start(i);
        struct mst_zone zone = random_zone();
        for (int k = 0; k < 25; k++) {
            int64_t wanted = random_in(-3000, 6000) * QUARTER_MS;
            if (k % 2)
                wanted -= wanted % DAY_MS; /* midnights */
            mst_day day = (mst_day)((wanted + 1000 * DAY_MS) / DAY_MS - 1000);
            mst_time at = wanted - MST_ZONE_OFFSET_S_MAX * INT64_C(1000);
            while (naive_local(&zone, at) < wanted)
                at += QUARTER_MS;
            same(mst_zone_instant(&zone, day, (int32_t)(wanted - day * DAY_MS)), at, "instant", day,
                 wanted - day * DAY_MS);
            mst_time any = wanted + random_in(0, DAY_MS);
            int64_t local = naive_local(&zone, any);
            same(mst_zone_offset_s(&zone, any) * INT64_C(1000), local - any, "offset", any, 0);
            same(mst_zone_day(&zone, any), (local + 1000 * DAY_MS) / DAY_MS - 1000, "day", any, 0);
        }
    }
}

/* ---- openings, one period at a time ---- */

static struct mst_date_rule random_opening(void)
{
    return (struct mst_date_rule){
        .fixed = random_in(0, 3) == 0,
        .month = (int)random_in(1, 12),
        .day = (int)random_in(1, 31),
        .year_offset = (int)random_in(-2, 2),
        .anchor = (enum mst_anchor)random_in(0, 1),
        .unit = (enum mst_offset_unit)random_in(0, 2),
        .n = (int)random_in(-15, 15),
        .roll = (enum mst_roll)random_in(0, 4),
    };
}

static struct mst_duty random_duty(void)
{
    static const char *const firsts[] = {
        [MST_PERIOD_YEAR] = "2019",      [MST_PERIOD_HALF] = "2021H2",
        [MST_PERIOD_QUARTER] = "2020Q4", [MST_PERIOD_MONTH] = "2020-02",
        [MST_PERIOD_WEEK] = "2020W53",   [MST_PERIOD_DAY] = "2020-02-29"};
    struct mst_duty duty = {
        .id = "duty",
        .enforced = random_in(0, 4) > 0,
        .bearer = MST_BEARER_OFFICE,
        .period = (enum mst_period_kind)random_in(MST_PERIOD_ONCE, MST_PERIOD_DAY),
        .opens = random_opening(),
        /* Far behind any opening, since it is openings that are tested. */
        .due = {.anchor = MST_ANCHOR_END, .unit = MST_OFFSET_MONTHS, .n = 60},
    };
    if (duty.period != MST_PERIOD_ONCE && random_in(0, 1))
        duty.first = firsts[duty.period];
    return duty;
}

struct openings {
    mst_time at[4000];
    size_t count;
};

static int collect(void *context, const struct mst_expected *e)
{
    struct openings *o = context;
    assert_in_range(o->count, 0, 3999);
    o->at[o->count++] = e->dates.opens;
    return 0;
}

/* All openings before an instant, by stepping from the first period. */
static void naive_openings(const struct mst_programme *p, const struct mst_duty *duty, mst_time to,
                           struct openings *o)
{
    struct mst_period period = mst_period_containing(duty->period, p->fiscal_month, p->issued);
    if (duty->first)
        assert_int_equal(mst_period_parse(duty->first, p->fiscal_month, 0, &period, NULL), 0);
    o->count = 0;
    for (;;) {
        struct mst_dates dates;
        if (mst_schedule_dates(p, duty, &period, &dates, NULL) != 0 || dates.opens >= to)
            return;
        if (o->count > 0)
            assert_true(o->at[o->count - 1] <= dates.opens);
        o->at[o->count++] = dates.opens;
        if (duty->period == MST_PERIOD_ONCE)
            return;
        period = mst_period_next(&period, p->fiscal_month);
    }
}

static void openings_agree_with_stepping_through_periods(void **state)
{
    (void)state;
    static struct openings all, got;
    for (uint64_t i = 0; i < SCHEDULES; i++) {
        random_start(i);
        struct mst_calendar cal = random_calendar();
        struct mst_duty duties[3] = {random_duty(), random_duty(), random_duty()};
        struct mst_programme p = {.issued = day_from("2020-03-05") + (mst_day)random_in(0, 400),
                                  .fiscal_month = (int)random_in(1, 12),
                                  .zone = &shanghai,
                                  .calendar = random_in(0, 1) ? &cal : &china,
                                  .duties = duties,
                                  .duties_count = 3};
        mst_time from = mst_zone_midnight(&shanghai, day_from("2020-01-01")) +
                        random_in(0, 1200) * DAY_MS + random_in(-1, 1);
        mst_time to = from + random_in(0, 600) * DAY_MS;
        mst_time next = MST_NEVER;
        for (size_t d = 0; d < 3; d++) {
            size_t first = 0;
            got.count = 0;
            naive_openings(&p, &duties[d], to + 1200 * DAY_MS, &all);
            same(mst_schedule_opening(&p, d, from, to, collect, &got, NULL), 0, "opening", from,
                 to);
            while (first < all.count && all.at[first] < from)
                first++;
            for (size_t k = 0; k < got.count; k++)
                same(got.at[k], first + k < all.count ? all.at[first + k] : -1, "opening", from,
                     (int64_t)k);
            if (first + got.count < all.count && all.at[first + got.count] < to)
                fail_msg("seed %llu: an opening was left out", (unsigned long long)seed);
            if (duties[d].enforced && first < all.count && all.at[first] < next)
                next = all.at[first];
        }
        same(mst_schedule_next_opening(&p, from), next, "next_opening", from, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_of_five_years_agrees_with_counting),
        cmocka_unit_test(random_calendars_agree_with_counting),
        cmocka_unit_test(random_zones_agree_with_walking),
        cmocka_unit_test(openings_agree_with_stepping_through_periods),
    };
    return cmocka_run_group_tests(tests, read_china, NULL);
}
