/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts, rungs, audiences and phases at their edges; tests/sim has whole lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "broker/core/inside.h"
#include "tests/unit/core_fixture.h"

static struct mst_core *core;
static struct mst_effects effects;

static int set_up(void **state)
{
    (void)state;
    core = mst_core_new(&fixture_programme, fixture_at(1, 2, 0, 0));
    return core ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mst_core_free(core);
    mst_effects_done(&effects);
    return 0;
}

static void tick(mst_time now)
{
    struct mst_input input = {.kind = MST_INPUT_TICK, .now = now};
    mst_effects_clear(&effects);
    assert_int_equal(mst_core_step(core, &input, &effects, NULL), 0);
}

static size_t count_of(const char *kind, const char *obligation)
{
    size_t n = 0;
    for (size_t i = 0; i < effects.count; i++) {
        const struct mst_effect *e = &effects.items[i];
        n += e->kind == MST_EFFECT_ALERT && strcmp(e->u.alert->kind, kind) == 0 &&
             strcmp(e->u.alert->obligation, obligation) == 0;
    }
    return n;
}

/* Q1 ends on Friday 31 March; five working days on is 7 April, due at the midnight after it. */
static void bounds_are_half_open(void **state)
{
    (void)state;
    mst_time due = fixture_at(4, 8, 0, 0), grace = fixture_at(4, 11, 0, 0);
    int days;
    assert_int_equal(mst_verdict_of(&fixture_programme, due, grace, due - 1, &days),
                     MST_VERDICT_ON_TIME);
    assert_int_equal(mst_verdict_of(&fixture_programme, due, grace, due, &days),
                     MST_VERDICT_IN_GRACE);
    assert_int_equal(mst_verdict_of(&fixture_programme, due, grace, grace - 1, &days),
                     MST_VERDICT_IN_GRACE);
    assert_int_equal(days, 0);
    assert_int_equal(mst_verdict_of(&fixture_programme, due, grace, grace, &days),
                     MST_VERDICT_LATE);
    assert_int_equal(days, 1);
}

static void a_weekend_adds_no_lateness(void **state)
{
    (void)state;
    mst_time saturday = fixture_at(4, 8, 0, 0);
    int days;
    (void)mst_verdict_of(&fixture_programme, saturday, saturday, saturday, &days);
    assert_int_equal(days, 1);
    (void)mst_verdict_of(&fixture_programme, saturday, saturday, fixture_at(4, 10, 23, 59), &days);
    assert_int_equal(days, 1);
    (void)mst_verdict_of(&fixture_programme, saturday, saturday, fixture_at(4, 11, 0, 0), &days);
    assert_int_equal(days, 2);
}

static void next_due_names_each_rung_in_turn(void **state)
{
    (void)state;
    tick(fixture_at(1, 3, 0, 0));
    assert_int_equal(mst_core_next_due(core), fixture_at(3, 31, 9, 0));
    tick(fixture_at(3, 31, 9, 0));
    assert_int_equal(count_of("reminder", "plan/2023Q1/lead"), 1);
    tick(mst_core_next_due(core)); /* the second quarter opens */
    assert_int_equal(mst_core_now(core), fixture_at(4, 1, 0, 0));
    assert_int_equal(mst_core_next_due(core), fixture_at(4, 6, 9, 0));
    tick(mst_core_next_due(core));
    assert_int_equal(mst_core_next_due(core), fixture_at(4, 8, 0, 0));
    tick(fixture_at(4, 8, 0, 0) - 1);
    assert_int_equal(effects.count, 0);
    tick(fixture_at(4, 8, 0, 0));
    assert_int_equal(count_of("overdue", "plan/2023Q1/lead"), 2);
}

static void phases_follow_time_alone(void **state)
{
    (void)state;
    static const struct {
        int month, day, hour;
        enum mst_phase phase;
        int level;
    } steps[] = {{1, 1, 0, MST_PHASE_UPCOMING, 0},   {3, 31, 8, MST_PHASE_OPEN, 0},
                 {3, 31, 9, MST_PHASE_DUE_SOON, 0},  {4, 7, 23, MST_PHASE_DUE_SOON, 0},
                 {4, 8, 0, MST_PHASE_OVERDUE, 1},    {4, 10, 9, MST_PHASE_ESCALATED, 2},
                 {4, 12, 9, MST_PHASE_ESCALATED, 3}, {6, 1, 0, MST_PHASE_LOCKED, 3}};
    tick(fixture_at(1, 3, 0, 0));
    const struct mst_obligation *o = mst_core_find(core, "plan/2023Q1/lead");
    assert_non_null(o);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int level;
        mst_time at = fixture_at(steps[i].month, steps[i].day, steps[i].hour, 0);
        assert_int_equal(mst_obligation_phase(&fixture_programme, o, at, &level), steps[i].phase);
        assert_int_equal(level, steps[i].level);
    }
}

/* No deputy is on record anywhere; group one has a head and group two has none. */
static void an_empty_rung_falls_through_at_once(void **state)
{
    (void)state;
    tick(fixture_at(4, 10, 8, 59));
    tick(fixture_at(4, 10, 9, 0));
    assert_int_equal(count_of("escalation", "plan/2023Q1/lead"), 1);
    assert_int_equal(count_of("escalation", "plan/2023Q1/lead2"), 0);
    for (size_t i = 0; i < effects.count; i++) {
        if (effects.items[i].kind == MST_EFFECT_ALERT) {
            assert_string_equal(effects.items[i].u.alert->audience, "group-head:one");
            assert_int_equal(effects.items[i].u.alert->rung, 4);
        }
    }
    tick(fixture_at(4, 12, 9, 0));
    assert_int_equal(count_of("escalation", "plan/2023Q1/lead"), 0);
    tick(fixture_at(4, 19, 9, 0));
    assert_int_equal(count_of("nag", "plan/2023Q1/lead"), 1);
}

static void missed_reminders_become_one(void **state)
{
    (void)state;
    tick(fixture_at(1, 3, 0, 0));
    tick(fixture_at(4, 9, 0, 0));
    assert_int_equal(count_of("reminder", "plan/2023Q1/lead"), 1);
    assert_int_equal(count_of("overdue", "plan/2023Q1/lead"), 2);
    for (size_t i = 0; i < effects.count; i++) {
        const struct mst_alert *a =
            effects.items[i].kind == MST_EFFECT_ALERT ? effects.items[i].u.alert : NULL;
        if (a && strcmp(a->kind, "reminder") == 0) {
            assert_int_equal(a->missed, 1);
            assert_int_equal(a->instant, fixture_at(4, 6, 9, 0));
        } else if (a) {
            assert_int_equal(a->missed, 0);
            assert_int_equal(a->instant, fixture_at(4, 8, 0, 0));
        }
        if (a)
            assert_int_equal(a->fired, fixture_at(4, 9, 0, 0));
    }
}

static void a_repeated_id_is_not_restored(void **state)
{
    (void)state;
    struct mst_err err;
    struct mst_obligation copy;
    tick(fixture_at(1, 3, 0, 0));
    memcpy(&copy, mst_core_find(core, "plan/2023Q1/lead"), sizeof copy);
    assert_int_equal(mst_core_restore(core, &copy, &err), MST_E_EXISTS);
    assert_non_null(strstr(err.text, "plan/2023Q1/lead"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_half_open),
        cmocka_unit_test(a_weekend_adds_no_lateness),
        cmocka_unit_test_setup_teardown(next_due_names_each_rung_in_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(phases_follow_time_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_rung_falls_through_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missed_reminders_become_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_repeated_id_is_not_restored, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
