/* SPDX-License-Identifier: Apache-2.0 */
/* A process that holds secret keys leaves no core, and is not looked into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "config/load/keys.h"

static void prepare(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
}

static void assert_closed(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(limit.rlim_cur, 0);
    assert_int_equal(limit.rlim_max, 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}

/* Before it is known whether there are any. */
static void reading_keys_forbids_cores(void **state)
{
    (void)state;
    struct mst_keys keys;
    struct mst_err err;
    prepare();
    assert_int_equal(mst_keys_read("/nonexistent/keys", &keys, &err), MST_E_UNKNOWN);
    assert_closed();
}

static void making_keys_forbids_cores(void **state)
{
    (void)state;
    struct mst_keys keys;
    struct mst_err err;
    prepare();
    assert_int_equal(mst_keys_make(&keys, &err), 0);
    assert_closed();
    mst_keys_wipe(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_keys_forbids_cores),
        cmocka_unit_test(making_keys_forbids_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
