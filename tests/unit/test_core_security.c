/* SPDX-License-Identifier: Apache-2.0 */
/* Security events: told once of each principal, and again after the kind's period. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "broker/core/inside.h"
#include "core_fixture.h"
#include "proto/pack.h"

static struct mst_core *fresh(void)
{
    struct mst_core *core = mst_core_new(&fixture_programme, fixture_at(1, 2, 0, 0));
    assert_non_null(core);
    return core;
}

/* How many alerts follow; the last one comes back. */
static size_t told(struct mst_core *core, enum mst_security event, const char *who, mst_time at,
                   struct mst_alert *ret_last)
{
    struct mst_input input = {.kind = MST_INPUT_SECURITY, .now = at};
    struct mst_effects effects = {0};
    struct mst_err err;
    size_t count = 0;
    input.u.security =
        (struct mst_input_security){.event = event, .who = who, .address = "192.0.2.1"};
    bool due = mst_core_security_due(core, event, who, at);
    assert_int_equal(mst_core_step(core, &input, &effects, &err), 0);
    for (size_t i = 0; i < effects.count; i++) {
        if (effects.items[i].kind != MST_EFFECT_ALERT ||
            strcmp(effects.items[i].u.alert->kind, mst_security_word(event)) != 0)
            continue;
        *ret_last = *effects.items[i].u.alert;
        count++;
    }
    assert_int_equal(count > 0, due);
    mst_effects_done(&effects);
    return count;
}

static void each_kind_is_told_again_after_its_period(void **state)
{
    (void)state;
    static const struct {
        enum mst_security event;
        int period_h;
    } kinds[] = {{MST_SECURITY_SEQUENCE_CONFLICT, 24},
                 {MST_SECURITY_REVOKED_KEY, 24},
                 {MST_SECURITY_KEY_EXPIRES, 168},
                 {MST_SECURITY_HEAD_CONTRADICTED, 24},
                 {MST_SECURITY_QUOTA_REACHED, 24}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct mst_core *core = fresh();
        struct mst_alert first, again, other;
        mst_time at = fixture_at(1, 3, 9, 0);
        mst_time period = kinds[i].period_h * INT64_C(3600000);
        assert_int_equal(told(core, kinds[i].event, "unit:member", at, &first), 1);
        assert_int_equal(told(core, kinds[i].event, "unit:member", at + 1, &again), 0);
        assert_int_equal(told(core, kinds[i].event, "office:main", at + 2, &other), 1);
        assert_int_equal(told(core, kinds[i].event, "unit:member", at + period - 1, &again), 0);
        assert_int_equal(told(core, kinds[i].event, "unit:member", at + period, &again), 1);
        assert_string_equal(first.audience, "office");
        assert_string_equal(first.bearer, "member");
        assert_string_equal(first.reason, "unit:member, 192.0.2.1");
        assert_string_equal(other.bearer, "");
        assert_memory_not_equal(first.id, again.id, sizeof first.id);
        assert_memory_not_equal(first.id, other.id, sizeof first.id);
        mst_core_free(core);
    }
}

static void what_was_told_is_remembered_across_a_restart(void **state)
{
    (void)state;
    struct mst_core *core = fresh(), *again = fresh();
    struct mst_alert alert;
    struct mst_buf stored = {0};
    struct mst_err err;
    mst_time at = fixture_at(1, 3, 9, 0);
    assert_int_equal(told(core, MST_SECURITY_REVOKED_KEY, "unit:member", at, &alert), 1);
    mst_core_state_pack(core, &stored);
    assert_int_equal(mst_core_restore_state(again, mst_bytes(stored.data, stored.len), &err), 0);
    assert_int_equal(told(again, MST_SECURITY_REVOKED_KEY, "unit:member", at + 1, &alert), 0);
    assert_int_equal(told(again, MST_SECURITY_SEQUENCE_CONFLICT, "unit:member", at + 1, &alert), 1);
    mst_buf_done(&stored);
    mst_core_free(core);
    mst_core_free(again);
}

static void state_of_before_there_were_any_is_read(void **state)
{
    (void)state;
    struct mst_core *core = fresh();
    struct mst_buf old = {0};
    struct mst_err err;
    mst_pack_map(&old, 3);
    mst_pack_text(&old, "silences");
    mst_pack_array(&old, 0);
    mst_pack_text(&old, "quiets");
    mst_pack_array(&old, 0);
    mst_pack_text(&old, "path_since");
    mst_pack_int(&old, 0);
    assert_int_equal(mst_core_restore_state(core, mst_bytes(old.data, old.len), &err), 0);
    mst_buf_done(&old);
    mst_core_free(core);
}

/* More principals than are remembered: the one that was told longest ago is told again. */
static void oldest_gives_way_in_a_full_list(void **state)
{
    (void)state;
    struct mst_core *core = fresh();
    struct mst_alert alert;
    mst_time at = fixture_at(1, 3, 9, 0);
    char who[32];
    for (int i = 0; i <= MST_TOLDS_MAX; i++) {
        snprintf(who, sizeof who, "office:o%d", i);
        assert_int_equal(told(core, MST_SECURITY_REVOKED_KEY, who, at + i, &alert), 1);
    }
    mst_time later = at + MST_TOLDS_MAX + 1;
    assert_int_equal(told(core, MST_SECURITY_REVOKED_KEY, "office:o1", later, &alert), 0);
    assert_int_equal(told(core, MST_SECURITY_REVOKED_KEY, "office:o0", later, &alert), 1);
    assert_int_equal(told(core, MST_SECURITY_REVOKED_KEY, "office:o1", later, &alert), 1);
    mst_core_free(core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_told_again_after_its_period),
        cmocka_unit_test(what_was_told_is_remembered_across_a_restart),
        cmocka_unit_test(state_of_before_there_were_any_is_read),
        cmocka_unit_test(oldest_gives_way_in_a_full_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
