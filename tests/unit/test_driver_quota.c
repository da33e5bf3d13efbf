/* SPDX-License-Identifier: Apache-2.0 */
/* How much is stored for one principal in a day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "broker/driver/quota.h"

static const mst_time hour_ms = 3600 * 1000;
static const mst_time start = INT64_C(1700000000000);

static void a_day_gives_back_what_a_day_may_take(void **state)
{
    (void)state;
    struct mst_quota q = {0};
    assert_true(mst_quota_take(&q, "unit:a", 900, 1000, start));
    assert_false(mst_quota_take(&q, "unit:a", 101, 1000, start));
    assert_true(mst_quota_take(&q, "unit:a", 100, 1000, start));
    assert_false(mst_quota_take(&q, "unit:a", 501, 1000, start + 12 * hour_ms));
    assert_true(mst_quota_take(&q, "unit:a", 500, 1000, start + 12 * hour_ms));
    assert_false(mst_quota_take(&q, "unit:a", 1, 1000, start + 12 * hour_ms));
    assert_true(mst_quota_take(&q, "unit:a", 1000, 1000, start + 36 * hour_ms));
    mst_quota_done(&q);
}

/* Asked every millisecond, of which each gives back less than a byte. */
static void asking_often_does_not_stop_the_refill(void **state)
{
    (void)state;
    struct mst_quota q = {0};
    size_t taken = 0;
    assert_true(mst_quota_take(&q, "unit:a", 86400, 86400, start));
    for (mst_time ms = 0; ms <= 10000; ms++)
        taken += mst_quota_take(&q, "unit:a", 1, 86400, start + ms);
    assert_in_range(taken, 9, 10);
    mst_quota_done(&q);
}

static void each_has_its_own(void **state)
{
    (void)state;
    struct mst_quota q = {0};
    char who[32];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 500; i++) {
            snprintf(who, sizeof who, "unit:u%03d", i * 7919 % 500);
            assert_int_equal(mst_quota_take(&q, who, 1000, 1000, start), round == 0);
        }
    }
    mst_quota_done(&q);
}

/* Or what is larger than a day's would never come in. */
static void what_is_larger_than_a_day_passes_alone(void **state)
{
    (void)state;
    struct mst_quota q = {0};
    assert_true(mst_quota_take(&q, "unit:a", 3000, 1000, start));
    assert_false(mst_quota_take(&q, "unit:a", 1, 1000, start + 48 * hour_ms));
    assert_true(mst_quota_take(&q, "unit:a", 3000, 1000, start + 72 * hour_ms));
    assert_true(mst_quota_take(&q, "unit:b", INT64_MAX, 0, start));
    assert_true(mst_quota_take(&q, "unit:b", INT64_MAX, 0, start));
    mst_quota_done(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_gives_back_what_a_day_may_take),
        cmocka_unit_test(asking_often_does_not_stop_the_refill),
        cmocka_unit_test(each_has_its_own),
        cmocka_unit_test(what_is_larger_than_a_day_passes_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
