/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every role × action × target. The table below is written from what the documents say each role
 * may do, role by role; authz.def is written action by action. Neither is made from the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "broker/core/authz.h"
#include "tests/unit/core_fixture.h"

static const char *const reading = " read-status read-units read-group read-obligation read-report "
                                   "read-alert read-brief read-item subscribe ";
static const char *const judging = " receive review return approve urge ";
static const char *const speaking = " submit withdraw progress extension sign-for ";

/* unit, lead, office, director, viewer, admin */
enum { A_UNIT, A_LEAD, A_OFFICE, A_DIRECTOR, A_VIEWER, A_ADMIN, ACTORS };
static const unsigned actor_roles[ACTORS] = {MST_ROLE_UNIT,     MST_ROLE_UNIT,   MST_ROLE_OFFICE,
                                             MST_ROLE_DIRECTOR, MST_ROLE_VIEWER, MST_ROLE_ADMIN};
static const char *const actor_units[ACTORS] = {"member", "lead"};

static const char *const office_acts =
    " record void extend refuse-extension waive unlock reopen "
    "fill vacate publish issue acknowledge supersede cancel rebase "
    "silence unsilence ";
static const char *const keeping = " enrol revoke clock reload ";

static bool in(const char *words, const char *action)
{
    size_t len = strlen(action);
    for (const char *at = words; (at = strstr(at, action)); at += len) {
        if (at[-1] == ' ' && at[len] == ' ')
            return true;
    }
    return false;
}

/* What the documents say. own: the target is the actor's unit; group: it is in the actor's group.
 */
static bool should(int actor, const char *action, bool own, bool group)
{
    bool reads = in(reading, action);
    switch (actor) {
    case A_UNIT:
        if (in(" read-units read-group read-item ", action))
            return group;
        return in(" read-status ", action) || ((reads || in(speaking, action)) && own);
    case A_LEAD:
        return in(" read-status ", action) || ((reads || in(judging, action)) && group) ||
               (in(speaking, action) && own);
    case A_OFFICE:
    case A_DIRECTOR:
        return reads || in(judging, action) || in(office_acts, action) ||
               in(" read-ledger ", action);
    case A_VIEWER:
        return reads;
    case A_ADMIN:
        return reads || in(keeping, action) || in(" read-ledger read-keys ", action);
    default:
        return false;
    }
}

static const char *const actions[] = {
#define ACTION(word, unit, lead, office, director, viewer, admin) word,
#include "broker/core/authz.def"
#undef ACTION
    "no-such-action"};

static const struct {
    struct mst_target target;
    const char *of; /* the actor's unit that it is own to; NULL: none */
    int group;      /* 1 or 2; 0: none */
} targets[] = {
    {{"member", NULL}, "member", 1},  {{"member", "one"}, "member", 1},
    {{"lead", NULL}, "lead", 1},      {{"other", NULL}, NULL, 1},
    {{"far", NULL}, NULL, 2},         {{"far", "one"}, NULL, 0}, /* a group cannot be claimed */
    {{"member", "two"}, "member", 0}, {{"county", NULL}, NULL, 0},
    {{"county", "one"}, NULL, 1},     {{NULL, "one"}, NULL, 1},
    {{NULL, "two"}, NULL, 2},         {{NULL, NULL}, NULL, 0},
    {{"stranger", NULL}, NULL, 0},    {{NULL, "no-such-group"}, NULL, 0},
};

static void every_cell_is_as_documented(void **state)
{
    (void)state;
    size_t cells = 0;
    for (int a = 0; a < ACTORS; a++) {
        struct mst_actor actor = {"p", actor_roles[a], actor_units[a]};
        for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
            for (size_t t = 0; t < sizeof targets / sizeof targets[0]; t++) {
                bool own = actor.unit && targets[t].of && strcmp(actor.unit, targets[t].of) == 0;
                bool wanted = should(a, actions[i], own, targets[t].group == 1);
                bool is = mst_authz(&fixture_programme, &actor, actions[i], &targets[t].target);
                if (is != wanted)
                    fail_msg("actor %d, %s upon %s of %s: %s", a, actions[i],
                             targets[t].target.unit ? targets[t].target.unit : "-",
                             targets[t].target.group ? targets[t].target.group : "-",
                             is ? "wrongly allowed" : "wrongly denied");
                cells++;
            }
        }
    }
    print_message("%zu cells\n", cells);
}

static void nobody_without_a_role_may_anything(void **state)
{
    (void)state;
    struct mst_actor nobody = {"p", 0, NULL};
    struct mst_actor claims_lead = {"p", MST_ROLE_UNIT | MST_ROLE_LEAD, "member"};
    struct mst_actor gone = {"p", MST_ROLE_UNIT, "left-the-programme"};
    struct mst_target other = {"other", NULL}, itself = {"left-the-programme", NULL};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        assert_false(mst_authz(&fixture_programme, &nobody, actions[i], &other));
    assert_false(mst_authz(&fixture_programme, &claims_lead, "return", &other));
    assert_false(mst_authz(&fixture_programme, &gone, "submit", &itself));
}

static void roles_add_up_and_do_not_leak(void **state)
{
    (void)state;
    struct mst_actor both = {"uid:0", MST_ROLE_OFFICE | MST_ROLE_ADMIN, NULL};
    struct mst_target target = {"far", "two"};
    assert_true(mst_authz(&fixture_programme, &both, "waive", &target));
    assert_true(mst_authz(&fixture_programme, &both, "enrol", &target));
    assert_false(mst_authz(&fixture_programme, &both, "submit", &target));
}

static void streams_are_read_by_their_owner_lead_and_office(void **state)
{
    (void)state;
    struct mst_actor member = {"unit:member", MST_ROLE_UNIT, "member"};
    struct mst_actor lead = {"unit:lead", MST_ROLE_UNIT, "lead"};
    struct mst_actor office = {"office:x", MST_ROLE_OFFICE, NULL};
    const struct mst_programme *p = &fixture_programme;
    assert_true(mst_authz_audience(p, &member, "unit:member", "one"));
    assert_false(mst_authz_audience(p, &member, "unit:other", "one"));
    assert_false(mst_authz_audience(p, &member, "office", "one"));
    assert_true(mst_authz_audience(p, &lead, "unit:other", "one"));
    assert_false(mst_authz_audience(p, &lead, "unit:far", "two"));
    assert_false(mst_authz_audience(p, &lead, "director", "one"));
    assert_true(mst_authz_audience(p, &office, "unit:far", "two"));
    assert_true(mst_authz_audience(p, &office, "group-head:one", "one"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_as_documented),
        cmocka_unit_test(nobody_without_a_role_may_anything),
        cmocka_unit_test(roles_add_up_and_do_not_leak),
        cmocka_unit_test(streams_are_read_by_their_owner_lead_and_office),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
