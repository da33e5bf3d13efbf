/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "broker/core/clockrule.h"

static const struct mst_clock_limits limits = {
    .leap_tolerance_ms = 2000,
    .downtime_max_ms = 30 * INT64_C(86400000),
};

static struct mst_clock_reading reading(const char *boot, mst_time wall_ms, int64_t boot_ms)
{
    struct mst_clock_reading r = {.wall_ms = wall_ms, .boot_ms = boot_ms};
    snprintf(r.boot_id, sizeof r.boot_id, "%s", boot);
    return r;
}

/* Last believed at wall 1,000,000 and boot clock 5,000, evaluated up to there. */
static struct mst_clock_mark mark(void)
{
    return (struct mst_clock_mark){
        .reading = reading("a", 1000000, 5000), .evaluated_ms = 1000000, .set = true};
}

static struct mst_clock_ruling judge(const char *boot, mst_time wall_ms, int64_t boot_ms)
{
    struct mst_clock_mark m = mark();
    struct mst_clock_reading r = reading(boot, wall_ms, boot_ms);
    return mst_clock_judge(&m, &r, &limits);
}

static void first_start_believes_the_wall(void **state)
{
    (void)state;
    struct mst_clock_mark none = {0};
    struct mst_clock_reading r = reading("a", 77, 1);
    struct mst_clock_ruling ruling = mst_clock_judge(&none, &r, &limits);
    assert_int_equal(ruling.state, MST_CLOCK_OK);
    assert_int_equal(ruling.now_ms, 77);
    assert_false(ruling.downtime);
}

static void equal_passage_is_believed(void **state)
{
    (void)state;
    struct mst_clock_ruling ruling = judge("a", 1000000 + 3600000, 5000 + 3600000);
    assert_int_equal(ruling.state, MST_CLOCK_OK);
    assert_int_equal(ruling.now_ms, 4600000);
    assert_int_equal(ruling.leap_ms, 0);
}

static void forward_leap_is_held_beyond_the_tolerance_only(void **state)
{
    (void)state;
    assert_int_equal(judge("a", 1000000 + 2000, 5000).state, MST_CLOCK_OK);
    struct mst_clock_ruling ruling = judge("a", 1000000 + 2001, 5000);
    assert_int_equal(ruling.state, MST_CLOCK_HELD);
    assert_int_equal(ruling.leap_ms, 2001);
    assert_int_equal(ruling.now_ms, 1000000);
}

static void backward_leap_freezes_until_passed(void **state)
{
    (void)state;
    struct mst_clock_ruling ruling = judge("a", 1000000 - 60000, 5000 + 10);
    assert_int_equal(ruling.state, MST_CLOCK_FROZEN);
    assert_int_equal(ruling.now_ms, 1000000);
    assert_int_equal(ruling.leap_ms, -60000);
    assert_int_equal(judge("a", 1000000, 5000 + 60000).state, MST_CLOCK_OK);
}

static void step_back_within_tolerance_never_goes_back(void **state)
{
    (void)state;
    struct mst_clock_ruling ruling = judge("a", 1000000 - 1500, 5000 + 10);
    assert_int_equal(ruling.state, MST_CLOCK_OK);
    assert_int_equal(ruling.now_ms, 1000000);
}

static void reboot_is_downtime_up_to_its_limit(void **state)
{
    (void)state;
    struct mst_clock_ruling ruling = judge("b", 1000000 + limits.downtime_max_ms, 10);
    assert_int_equal(ruling.state, MST_CLOCK_OK);
    assert_true(ruling.downtime);
    ruling = judge("b", 1000000 + limits.downtime_max_ms + 1, 10);
    assert_int_equal(ruling.state, MST_CLOCK_HELD);
    assert_int_equal(ruling.now_ms, 1000000);
    assert_int_equal(ruling.leap_ms, limits.downtime_max_ms + 1);
}

static void reboot_into_the_past_freezes(void **state)
{
    (void)state;
    struct mst_clock_ruling ruling = judge("b", 1000, 10);
    assert_int_equal(ruling.state, MST_CLOCK_FROZEN);
    assert_int_equal(ruling.now_ms, 1000000);
    assert_false(ruling.downtime);
}

/* Every pair of readings around the mark: the instant evaluated never goes back. */
static void evaluation_is_monotone(void **state)
{
    (void)state;
    for (mst_time wall = 0; wall < 2000000; wall += 997) {
        for (int64_t boot = 0; boot < 1000000; boot += 49999) {
            assert_true(judge("a", wall, boot).now_ms >= 1000000);
            assert_true(judge("b", wall, boot).now_ms >= 1000000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_start_believes_the_wall),
        cmocka_unit_test(equal_passage_is_believed),
        cmocka_unit_test(forward_leap_is_held_beyond_the_tolerance_only),
        cmocka_unit_test(backward_leap_freezes_until_passed),
        cmocka_unit_test(step_back_within_tolerance_never_goes_back),
        cmocka_unit_test(reboot_is_downtime_up_to_its_limit),
        cmocka_unit_test(reboot_into_the_past_freezes),
        cmocka_unit_test(evaluation_is_monotone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
