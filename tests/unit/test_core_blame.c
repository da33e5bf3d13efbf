/* SPDX-License-Identifier: Apache-2.0 */
/* The split of blame: each cause, and which one hides the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/core/blame.h"

static const int64_t hour_ms = 3600000;

/* A due instant at hour 100; the agent was last heard of at hour 20; two others are known. */
static struct mst_blame_facts facts(void)
{
    return (struct mst_blame_facts){
        .instant = 100 * hour_ms,
        .heard = 20 * hour_ms,
        .within_ms = 72 * hour_ms,
        .others = 2,
        .others_heard = 2,
    };
}

static void an_agent_that_alone_is_away_is_silent(void **state)
{
    (void)state;
    struct mst_blame_facts f = facts();
    assert_int_equal(mst_blame(&f), MST_BLAME_AGENT_SILENT);
    f.heard = 0;
    assert_int_equal(mst_blame(&f), MST_BLAME_AGENT_SILENT);
}

static void an_agent_that_was_there_leaves_the_unit(void **state)
{
    (void)state;
    struct mst_blame_facts f = facts();
    f.heard = 28 * hour_ms;
    assert_int_equal(mst_blame(&f), MST_BLAME_AGENT_SILENT);
    f.heard++;
    assert_int_equal(mst_blame(&f), MST_BLAME_UNIT_SILENT);
}

static void nobody_heard_is_the_path_if_there_are_witnesses(void **state)
{
    (void)state;
    struct mst_blame_facts f = facts();
    f.others_heard = 0;
    assert_int_equal(mst_blame(&f), MST_BLAME_PATH_DOWN);
    f.others = 1;
    assert_int_equal(mst_blame(&f), MST_BLAME_AGENT_SILENT);
}

static void what_was_queued_in_time_is_the_paths_even_if_the_agent_was_heard(void **state)
{
    (void)state;
    struct mst_blame_facts f = facts();
    f.heard = f.instant - 1;
    f.queued = f.instant - 1;
    assert_int_equal(mst_blame(&f), MST_BLAME_PATH_DOWN);
    f.queued = f.instant;
    assert_int_equal(mst_blame(&f), MST_BLAME_UNIT_SILENT);
}

static void before_it_was_served_nobody_is_blamed(void **state)
{
    (void)state;
    struct mst_interval downs[] = {{90 * hour_ms, 101 * hour_ms}};
    struct mst_blame_facts f = facts();
    f.served = f.instant;
    f.downs = downs;
    f.downs_count = 1;
    assert_int_equal(mst_blame(&f), MST_BLAME_BROKER_DOWN);
    f.served++;
    assert_int_equal(mst_blame(&f), MST_BLAME_UNSERVED);
}

static void our_own_absence_hides_everything(void **state)
{
    (void)state;
    struct mst_interval downs[] = {{90 * hour_ms, 100 * hour_ms}};
    struct mst_blame_facts f = facts();
    f.downs = downs;
    f.downs_count = 1;
    assert_int_equal(mst_blame(&f), MST_BLAME_AGENT_SILENT);
    downs[0].to++;
    assert_int_equal(mst_blame(&f), MST_BLAME_BROKER_DOWN);
    f.queued = 1;
    f.heard = f.instant;
    assert_int_equal(mst_blame(&f), MST_BLAME_BROKER_DOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_that_alone_is_away_is_silent),
        cmocka_unit_test(an_agent_that_was_there_leaves_the_unit),
        cmocka_unit_test(nobody_heard_is_the_path_if_there_are_witnesses),
        cmocka_unit_test(what_was_queued_in_time_is_the_paths_even_if_the_agent_was_heard),
        cmocka_unit_test(before_it_was_served_nobody_is_blamed),
        cmocka_unit_test(our_own_absence_hides_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
