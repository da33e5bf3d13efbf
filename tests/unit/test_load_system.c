/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about errors of the operating system: each is told with what to do about it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/load/system.h"

static void errno_has_its_own_hint(void **state)
{
    static const int known[] = {EACCES, EPERM,        ENOENT,       ENOTDIR, EISDIR,
                                ELOOP,  ENAMETOOLONG, ENOSPC,       EDQUOT,  EROFS,
                                EMFILE, EADDRINUSE,   EADDRNOTAVAIL};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct mst_err err;
        assert_int_equal(mst_fail_system(&err, "a/b", known[i]), MST_E_IO);
        assert_non_null(strstr(err.text, "a/b: "));
        assert_non_null(strstr(err.text, strerror(known[i])));
        assert_string_not_equal(err.hint, mst_code_hint(MST_E_IO));
        assert_true(err.hint[0]);
    }
}

static void another_keeps_the_hint_that_is_there(void **state)
{
    struct mst_err err;
    (void)state;
    assert_int_equal(mst_fail_system(&err, "a/b", EIO), MST_E_IO);
    assert_string_equal(err.hint, mst_code_hint(MST_E_IO));
    mst_hint(&err, "%s", "its own");
    mst_hint_system(&err, EIO);
    assert_string_equal(err.hint, "its own");
    assert_int_equal(mst_fail_system(NULL, "a/b", EACCES), MST_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errno_has_its_own_hint),
        cmocka_unit_test(another_keeps_the_hint_that_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
