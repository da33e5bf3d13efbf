/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/model_workdays.h"

#define HOUR_MS INT64_C(3600000)

/* Rules as the zones had them, transcribed; only the transitions around the tested dates. */
static const struct mst_zone_transition cairo_transitions[] = {
    {INT64_C(1682632800000), 3 * 3600}, /* 2023-04-28 00:00 +02 becomes 01:00 +03 */
    {INT64_C(1698354000000), 2 * 3600}, /* 2023-10-27 00:00 +03 becomes 10-26 23:00 +02 */
};
static const struct mst_zone cairo = {.name = "Africa/Cairo",
                                      .first_offset_s = 2 * 3600,
                                      .transitions = cairo_transitions,
                                      .transitions_count = 2};

static const struct mst_zone_transition havana_transitions[] = {
    {INT64_C(1678597200000), -4 * 3600}, /* 2023-03-12 00:00 -05 becomes 01:00 -04 */
    {INT64_C(1699160400000), -5 * 3600}, /* 2023-11-05 01:00 -04 becomes 00:00 -05 */
};
static const struct mst_zone havana = {.name = "America/Havana",
                                       .first_offset_s = -5 * 3600,
                                       .transitions = havana_transitions,
                                       .transitions_count = 2};

static const struct mst_zone_transition apia_transitions[] = {
    {INT64_C(1325239200000), 14 * 3600}, /* 2011-12-30 was skipped: -10 becomes +14 */
};
static const struct mst_zone apia = {.name = "Pacific/Apia",
                                     .first_offset_s = -10 * 3600,
                                     .transitions = apia_transitions,
                                     .transitions_count = 1};

static mst_time parse(const struct mst_zone *zone, const char *text)
{
    mst_time at = 0;
    struct mst_err err;
    if (mst_zone_parse(zone, text, &at, &err) != 0)
        fail_msg("%s", err.text);
    return at;
}

static void midnight_is_half_open(void **state)
{
    (void)state;
    mst_time midnight = mst_zone_midnight(&shanghai, day_from("2023-10-12"));
    assert_int_equal(midnight, INT64_C(1697040000000));
    assert_day(mst_zone_day(&shanghai, midnight), "2023-10-12");
    assert_day(mst_zone_day(&shanghai, midnight - 1), "2023-10-11");
    assert_instant(&shanghai, midnight, "2023-10-12T00:00:00+08:00");
    assert_instant(&shanghai, midnight - 1, "2023-10-11T23:59:59.999+08:00");
    assert_int_equal(parse(&shanghai, "2023-10-11T23:59:59.999"), midnight - 1);
    assert_int_equal(parse(&shanghai, "2023-10-11T23:59:59.9999999"), midnight - 1);
}

static void midnight_that_does_not_exist_is_the_instant_after_the_gap(void **state)
{
    (void)state;
    mst_time at = mst_zone_midnight(&cairo, day_from("2023-04-28"));
    assert_int_equal(at, cairo_transitions[0].at);
    assert_instant(&cairo, at, "2023-04-28T01:00:00+03:00");
    assert_instant(&cairo, at - 1, "2023-04-27T23:59:59.999+02:00");
    assert_int_equal(mst_zone_instant(&cairo, day_from("2023-04-28"), 1800000), at);
    assert_int_equal(mst_zone_instant(&cairo, day_from("2023-04-28"), 2 * 3600000), at + HOUR_MS);
    assert_int_equal(mst_zone_midnight(&havana, day_from("2023-03-12")), havana_transitions[0].at);
}

static void midnight_that_occurs_twice_is_the_first(void **state)
{
    (void)state;
    mst_time at = mst_zone_midnight(&havana, day_from("2023-11-05"));
    assert_int_equal(at, havana_transitions[1].at - HOUR_MS);
    assert_instant(&havana, at, "2023-11-05T00:00:00-04:00");
    assert_instant(&havana, at + HOUR_MS, "2023-11-05T00:00:00-05:00");
    /* The whole doubled hour is its first occurrence, and what follows it occurs once. */
    assert_int_equal(mst_zone_instant(&havana, day_from("2023-11-05"), 1800000), at + HOUR_MS / 2);
    assert_int_equal(mst_zone_instant(&havana, day_from("2023-11-05"), 3600000), at + 2 * HOUR_MS);
}

static void hour_repeated_before_midnight_delays_the_midnight(void **state)
{
    (void)state;
    mst_time at = mst_zone_midnight(&cairo, day_from("2023-10-27"));
    assert_int_equal(at, cairo_transitions[1].at + HOUR_MS);
    assert_int_equal(mst_zone_instant(&cairo, day_from("2023-10-26"), 23 * 3600000),
                     cairo_transitions[1].at - HOUR_MS);
}

static void skipped_date_begins_with_the_next_one(void **state)
{
    (void)state;
    mst_time at = mst_zone_midnight(&apia, day_from("2011-12-30"));
    assert_int_equal(at, apia_transitions[0].at);
    assert_int_equal(at, mst_zone_midnight(&apia, day_from("2011-12-31")));
    assert_instant(&apia, at, "2011-12-31T00:00:00+14:00");
    assert_instant(&apia, at - 1, "2011-12-29T23:59:59.999-10:00");
}

static void offsets_change_exactly_at_the_transition(void **state)
{
    (void)state;
    assert_int_equal(mst_zone_offset_s(&cairo, INT64_MIN), 7200);
    assert_int_equal(mst_zone_offset_s(&cairo, cairo_transitions[0].at - 1), 7200);
    assert_int_equal(mst_zone_offset_s(&cairo, cairo_transitions[0].at), 10800);
    assert_int_equal(mst_zone_offset_s(&cairo, MST_NEVER), 7200);
}

static void instants_are_read_with_offset_or_as_local_time(void **state)
{
    (void)state;
    mst_time at = parse(&shanghai, "2023-10-11");
    assert_int_equal(at, INT64_C(1696953600000));
    assert_int_equal(parse(&shanghai, "2023-10-11 23:59"), at + 24 * HOUR_MS - 60000);
    assert_int_equal(parse(&shanghai, "2023-10-11T23:59:59.9"), at + 24 * HOUR_MS - 100);
    assert_int_equal(parse(&shanghai, "2023-10-10T16:00:00Z"), at);
    assert_int_equal(parse(&shanghai, "2023-10-10t11:00:00-05:00"), at);
    assert_int_equal(parse(&havana, "2023-10-11T00:00:00+08:00"), at);
    assert_int_equal(parse(&havana, "2023-11-05"), havana_transitions[1].at - HOUR_MS);
}

static void what_is_no_instant_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "now",
        "2023-10",
        "2023-10-11T",
        "2023-10-11 ",
        "2023-10-11x",
        "2023-10-11T24:00",
        "2023-10-11T12",
        "2023-10-11T12:",
        "2023-10-11T12:60",
        "2023-10-11T12:00:60",
        "2023-10-11T12:00:",
        "2023-10-11T12:00:00.",
        "2023-10-11T12:00:00.x",
        "2023-10-11T12:00:00+",
        "2023-10-11T12:00:00+0800",
        "2023-10-11T12:00:00+08:00x",
        "2023-10-11T12:00:00ZZ",
        "2023-10-11Z",
        "2023-02-29T12:00:00Z",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        mst_time at = 77;
        struct mst_err err = {0};
        if (mst_zone_parse(&shanghai, wrong[i], &at, &err) != MST_E_SYNTAX)
            fail_msg("\"%s\" was read as an instant", wrong[i]);
        assert_int_equal(at, 77);
        assert_int_equal(err.code, MST_E_SYNTAX);
    }
}

static void written_instants_are_read_back(void **state)
{
    (void)state;
    static const struct mst_zone lmt = {.name = "LMT", .first_offset_s = -(3600 + 15 * 60 + 43)};
    const struct mst_zone *const zones[] = {&shanghai, &cairo, &havana, &apia, &lmt};
    char buf[MST_INSTANT_TEXT_MAX];
    for (size_t z = 0; z < sizeof zones / sizeof zones[0]; z++) {
        for (mst_time at = -INT64_C(99999999999); at < INT64_C(1900000000000);
             at += INT64_C(7777777777))
            assert_int_equal(parse(zones[z], mst_zone_format(zones[z], at, buf)), at);
    }
    assert_instant(&lmt, 0, "1969-12-31T22:45:00-01:15");
}

static void instants_beyond_the_calendar_are_its_ends(void **state)
{
    (void)state;
    assert_instant(&shanghai, MST_NEVER, "9999-12-31T23:59:59.999+08:00");
    assert_instant(&havana, INT64_MIN, "0001-01-01T00:00:00-05:00");
    assert_int_equal(mst_zone_day(&shanghai, MST_NEVER), MST_DAY_LAST);
    assert_int_equal(mst_zone_day(&havana, INT64_MIN), MST_DAY_FIRST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(midnight_is_half_open),
        cmocka_unit_test(midnight_that_does_not_exist_is_the_instant_after_the_gap),
        cmocka_unit_test(midnight_that_occurs_twice_is_the_first),
        cmocka_unit_test(hour_repeated_before_midnight_delays_the_midnight),
        cmocka_unit_test(skipped_date_begins_with_the_next_one),
        cmocka_unit_test(offsets_change_exactly_at_the_transition),
        cmocka_unit_test(instants_are_read_with_offset_or_as_local_time),
        cmocka_unit_test(what_is_no_instant_is_refused),
        cmocka_unit_test(written_instants_are_read_back),
        cmocka_unit_test(instants_beyond_the_calendar_are_its_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
