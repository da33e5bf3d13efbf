/* SPDX-License-Identifier: Apache-2.0 */
/* Units that are renamed, merged and split, as the programme file tells of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/load/load.h"

#define FOLDER "tests/sim/scenarios/programmes/"

static struct mst_programme *load(const char *path)
{
    struct mst_diags diags = {0};
    struct mst_programme *p = NULL;
    int code = mst_programme_load(path, &diags, &p, NULL);
    if (code)
        mst_diags_print(&diags, stderr);
    assert_int_equal(code, 0);
    mst_diags_done(&diags);
    return p;
}

static void a_renamed_unit_is_found_by_both_names(void **state)
{
    (void)state;
    struct mst_programme *p = load(FOLDER "changing-renamed.yaml");
    size_t unit = mst_programme_unit_by_name(p, "A three");
    assert_int_not_equal(unit, SIZE_MAX);
    assert_int_equal(unit, mst_programme_unit_by_name(p, "A third"));
    const struct mst_unit *u = &p->units[unit];
    assert_int_equal(u->former_count, 1);
    assert_string_equal(u->former[0].name.en, "A three");
    assert_int_equal(u->former[0].until, mst_day_of(2026, 3, 4));
    assert_string_equal(u->name.en, "A third");
    mst_programme_unref(p);
}

static void a_unit_ends_on_its_day(void **state)
{
    (void)state;
    struct mst_programme *p = load(FOLDER "changing-split.yaml");
    const struct mst_unit *u = &p->units[mst_programme_unit(p, "a3")];
    assert_int_equal(u->successors_count, 2);
    assert_string_equal(p->units[u->successors[0]].id, "b3");
    assert_string_equal(p->units[u->successors[1]].id, "a4");
    assert_false(mst_unit_ended(u, mst_day_of(2026, 3, 11)));
    assert_true(mst_unit_ended(u, mst_day_of(2026, 3, 12)));
    assert_false(mst_unit_ended(&p->units[0], mst_day_of(9999, 1, 1)));
    mst_programme_unref(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_renamed_unit_is_found_by_both_names),
        cmocka_unit_test(a_unit_ends_on_its_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
