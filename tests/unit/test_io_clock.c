/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about the broker's clock: rehearsals that stop and go, a wall clock that leapt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "broker/io/clock.h"

#define FROM ((mst_time)1675296000000) /* 2023-02-02T00:00:00Z */
#define DAY_MS ((mst_time)86400000)

static struct mst_clock rehearsal(void)
{
    return (struct mst_clock){
        .rehearsal = true, .virtual_now = FROM, .virtual_end = MST_NEVER, .run_to = MST_NEVER};
}

/* In service, having last believed a reading that was `ago_ms` before now, by both clocks. */
static struct mst_clock in_service(int64_t ago_ms)
{
    struct mst_clock clock = {
        .limits = {.leap_tolerance_ms = 2000, .downtime_max_ms = 30 * DAY_MS}};
    mst_clock_read(&clock.mark.reading);
    clock.mark.reading.wall_ms -= ago_ms;
    clock.mark.reading.boot_ms -= ago_ms;
    clock.mark.evaluated_ms = clock.mark.reading.wall_ms;
    clock.mark.set = true;
    return clock;
}

/* ---- rehearsal ---- */

static void held_rehearsal_stands_still_and_wants_no_waking(void **state)
{
    struct mst_clock clock = rehearsal();
    int64_t wait = 0;
    (void)state;
    assert_int_equal(mst_clock_next_stop(&clock, FROM + DAY_MS, &wait), MST_NEVER);
    assert_int_equal(wait, -1);
    assert_int_equal(mst_clock_now(&clock), FROM);
    assert_int_equal(mst_clock_now(&clock), FROM);
    assert_int_equal(clock.mark.evaluated_ms, FROM);
    assert_int_equal(mst_clock_alarm(&clock, FROM), MST_NEVER);
    assert_true(mst_clock_fires(&clock));
    assert_string_equal(mst_clock_state_word(&clock), "rehearsal, held");
}

static void run_stops_at_what_comes_first(void **state)
{
    struct mst_clock clock = rehearsal();
    int64_t wait;
    (void)state;
    mst_clock_run(&clock, FROM + 2 * DAY_MS);
    assert_int_equal(mst_clock_next_stop(&clock, FROM + DAY_MS, &wait), FROM + DAY_MS);
    assert_int_equal(mst_clock_next_stop(&clock, FROM + 3 * DAY_MS, &wait), FROM + 2 * DAY_MS);
    clock.virtual_end = FROM + DAY_MS / 2;
    assert_int_equal(mst_clock_next_stop(&clock, FROM + DAY_MS, &wait), FROM + DAY_MS / 2);
    mst_clock_hold(&clock);
    assert_int_equal(mst_clock_next_stop(&clock, FROM + DAY_MS, &wait), MST_NEVER);
}

static void time_never_goes_back(void **state)
{
    struct mst_clock clock = rehearsal();
    int64_t wait;
    (void)state;
    mst_clock_run(&clock, FROM - DAY_MS);
    assert_int_equal(mst_clock_next_stop(&clock, FROM + DAY_MS, &wait), FROM);
}

static void run_without_an_end_and_nothing_due_waits(void **state)
{
    struct mst_clock clock = rehearsal();
    int64_t wait = 0;
    (void)state;
    mst_clock_run(&clock, MST_NEVER);
    assert_int_equal(mst_clock_next_stop(&clock, MST_NEVER, &wait), MST_NEVER);
    assert_int_equal(wait, -1);
}

static void speed_is_a_cap(void **state)
{
    struct mst_clock clock = rehearsal();
    int64_t wait = 0;
    (void)state;
    clock.speed = 86400.0; /* a day a second */
    mst_clock_run(&clock, MST_NEVER);
    assert_int_equal(mst_clock_next_stop(&clock, FROM + 100 * DAY_MS, &wait), MST_NEVER);
    assert_in_range(wait, 90000, 100000);
    clock.run_from_boot_ms -= 50000;
    assert_int_equal(mst_clock_next_stop(&clock, FROM + 100 * DAY_MS, &wait), MST_NEVER);
    assert_in_range(wait, 40000, 50000);
    clock.run_from_boot_ms -= 50000;
    assert_int_equal(mst_clock_next_stop(&clock, FROM + 100 * DAY_MS, &wait), FROM + 100 * DAY_MS);
}

/* ---- service ---- */

static void time_that_was_down_is_believed(void **state)
{
    struct mst_clock clock = in_service(DAY_MS);
    (void)state;
    mst_time now = mst_clock_now(&clock);
    assert_true(mst_clock_fires(&clock));
    assert_in_range(mst_clock_wall() - now, 0, 1000);
    assert_string_equal(mst_clock_state_word(&clock), "ok");
    assert_int_equal(mst_clock_alarm(&clock, now + 5), now + 5);
}

static void forward_leap_holds_and_wakes_nobody_until_confirmed(void **state)
{
    struct mst_clock clock = in_service(0);
    (void)state;
    clock.mark.reading.wall_ms -= DAY_MS; /* so the wall clock has leapt a day */
    mst_time before = clock.mark.evaluated_ms = clock.mark.reading.wall_ms;
    assert_int_equal(mst_clock_now(&clock), before);
    assert_false(mst_clock_fires(&clock));
    assert_in_range(clock.ruling.leap_ms, DAY_MS - 1000, DAY_MS + 1000);
    assert_non_null(strstr(mst_clock_state_word(&clock), "held"));
    /* What the wall clock has passed is no reason to wake: that would be for ever. */
    assert_int_equal(mst_clock_alarm(&clock, before + 1), MST_NEVER);
    assert_int_equal(mst_clock_now(&clock), before);
    mst_clock_confirm(&clock);
    /* Until its batch is committed nothing is believed, but this batch keeps it. */
    assert_int_equal(mst_clock_now(&clock), before);
    assert_false(mst_clock_fires(&clock));
    assert_in_range(mst_clock_wall() - mst_clock_kept_mark(&clock)->reading.wall_ms, 0, 1000);
    mst_clock_settle(&clock, true);
    assert_true(mst_clock_fires(&clock));
    assert_in_range(mst_clock_wall() - mst_clock_now(&clock), 0, 1000);
    assert_true(mst_clock_fires(&clock));
    assert_ptr_equal(mst_clock_kept_mark(&clock), &clock.mark);
}

static void confirmation_of_a_lost_batch_is_none(void **state)
{
    struct mst_clock clock = in_service(0);
    (void)state;
    clock.mark.reading.wall_ms -= DAY_MS;
    mst_time before = clock.mark.evaluated_ms = clock.mark.reading.wall_ms;
    (void)mst_clock_now(&clock);
    mst_clock_confirm(&clock);
    mst_clock_settle(&clock, false);
    /* Nor is it one of the next batch. */
    assert_ptr_equal(mst_clock_kept_mark(&clock), &clock.mark);
    mst_clock_settle(&clock, true);
    assert_int_equal(mst_clock_now(&clock), before);
    assert_false(mst_clock_fires(&clock));
}

static void backward_leap_freezes_where_time_was(void **state)
{
    struct mst_clock clock = in_service(0);
    (void)state;
    mst_time before = clock.mark.evaluated_ms += DAY_MS;
    clock.mark.reading.wall_ms += DAY_MS;
    assert_int_equal(mst_clock_now(&clock), before);
    assert_false(mst_clock_fires(&clock));
    assert_non_null(strstr(mst_clock_state_word(&clock), "frozen"));
    /* Nothing can fire before the wall clock is back there. */
    assert_int_equal(mst_clock_alarm(&clock, before - 5), before);
    mst_clock_confirm(&clock);
    mst_clock_settle(&clock, true);
    assert_int_equal(mst_clock_now(&clock), before);
}

static void old_mark_after_a_reboot_is_held(void **state)
{
    struct mst_clock clock = in_service(31 * DAY_MS), shorter = in_service(29 * DAY_MS);
    (void)state;
    strcpy(clock.mark.reading.boot_id, "another boot");
    strcpy(shorter.mark.reading.boot_id, "another boot");
    mst_time before = clock.mark.evaluated_ms;
    assert_int_equal(mst_clock_now(&clock), before);
    assert_false(mst_clock_fires(&clock));
    mst_clock_confirm(&clock);
    mst_clock_settle(&clock, true);
    assert_true(mst_clock_fires(&clock));
    assert_true(mst_clock_now(&shorter) > before);
    assert_true(mst_clock_fires(&shorter));
    assert_true(shorter.ruling.downtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_rehearsal_stands_still_and_wants_no_waking),
        cmocka_unit_test(run_stops_at_what_comes_first),
        cmocka_unit_test(time_never_goes_back),
        cmocka_unit_test(run_without_an_end_and_nothing_due_waits),
        cmocka_unit_test(speed_is_a_cap),
        cmocka_unit_test(time_that_was_down_is_believed),
        cmocka_unit_test(forward_leap_holds_and_wakes_nobody_until_confirmed),
        cmocka_unit_test(confirmation_of_a_lost_batch_is_none),
        cmocka_unit_test(backward_leap_freezes_where_time_was),
        cmocka_unit_test(old_mark_after_a_reboot_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
