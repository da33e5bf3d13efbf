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

static const char *const reading =
    " read-status read-issued read-units read-progress "
    "read-obligation read-report read-difficulty read-alert read-brief subscribe ";
static const char *const judging = " receive review return approve urge ";
static const char *const speaking =
    " submit withdraw progress extension raise reply confirm raise-again sign-for try ";
static const char *const open_to_all = " read-status read-issued ";
static const char *const of_groups = " read-units read-progress ";

/* unit, lead, liaison of group one, office, director, three viewers, admin */
enum {
    A_UNIT,
    A_LEAD,
    A_LIAISON,
    A_OFFICE,
    A_DIRECTOR,
    A_VIEWER,
    A_LEADER,
    A_MAYOR,
    A_ADMIN,
    ACTORS
};
static const struct {
    const char *principal;
    unsigned roles;
    const char *unit;
} actors[ACTORS] = {
    [A_UNIT] = {"unit:member", MST_ROLE_UNIT, "member"},
    [A_LEAD] = {"unit:lead", MST_ROLE_UNIT, "lead"},
    [A_LIAISON] = {"unit:county", MST_ROLE_UNIT, "county"},
    [A_OFFICE] = {"office:one", MST_ROLE_OFFICE, NULL},
    [A_DIRECTOR] = {"director:one", MST_ROLE_DIRECTOR, NULL},
    [A_VIEWER] = {"viewer:cc", MST_ROLE_VIEWER, NULL}, /* whom the programme does not list */
    [A_LEADER] = {"viewer:leader", MST_ROLE_VIEWER, NULL},
    [A_MAYOR] = {"viewer:mayor", MST_ROLE_VIEWER, NULL},
    [A_ADMIN] = {"admin:one", MST_ROLE_ADMIN, NULL},
};
static const struct mst_viewer viewers[] = {
    {.id = "leader", .sight = MST_SIGHT_GROUP, .group = 0},
    {.id = "mayor", .sight = MST_SIGHT_ALL, .group = SIZE_MAX},
    {.id = "press", .sight = MST_SIGHT_ISSUED, .group = SIZE_MAX},
};
/* What each programme of the matrix grants: nothing; group two to one unit; to all of group one; to
 * another unit, and the other way round, which opens nothing to group one. */
static const struct mst_grant grants[][2] = {
    {{.unit = SIZE_MAX, .group = SIZE_MAX, .reads = SIZE_MAX}},
    {{.unit = MEMBER, .group = SIZE_MAX, .reads = 1}},
    {{.unit = SIZE_MAX, .group = 0, .reads = 1}},
    {{.unit = OTHER, .group = SIZE_MAX, .reads = 1}, {.unit = SIZE_MAX, .group = 1, .reads = 0}},
};
/* The last two programmes grant nothing, and the office does: group two to one unit, to another. */
enum { NO_GRANT, TO_MEMBER, TO_GROUP, TO_OTHERS, OFFICE_TO_MEMBER, OFFICE_TO_FAR, PROGRAMMES };

static const char *const office_acts =
    " record void extend refuse-extension waive unlock reopen "
    "fill vacate publish issue acknowledge supersede cancel rebase "
    "silence unsilence amend-task grant ungrant ";
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

static bool granted(int actor, int programme)
{
    return programme == TO_GROUP ||
           ((programme == TO_MEMBER || programme == OFFICE_TO_MEMBER) && actor == A_UNIT);
}

/* What the documents say. own: the target is the actor's unit; group: of that group it is, or 0. */
static bool should(int actor, int programme, const char *action, bool own, int group)
{
    bool reads = in(reading, action);
    bool shared =
        in(of_groups, action) && (group == 1 || (group == 2 && granted(actor, programme)));
    switch (actor) {
    case A_UNIT:
        if (in(of_groups, action))
            return shared;
        return in(open_to_all, action) || ((reads || in(speaking, action)) && own);
    case A_LEAD:
        if (in(of_groups, action))
            return shared;
        return in(open_to_all, action) || ((reads || in(judging, action)) && group == 1) ||
               (in(speaking, action) && own);
    case A_LIAISON:
        if (in(of_groups, action))
            return group == 1;
        /* A difficulty is for those whom it concerns: whoever only watches the group is not. */
        if (in(" read-difficulty ", action))
            return own;
        return in(open_to_all, action) || (reads && (own || group == 1)) ||
               (in(speaking, action) && own);
    case A_OFFICE:
    case A_DIRECTOR:
        return reads || in(judging, action) || in(office_acts, action) ||
               in(" read-ledger subscribe-leaders witness ", action);
    case A_VIEWER:
        return in(open_to_all, action);
    case A_LEADER:
        return in(open_to_all, action) ||
               ((reads || in(" subscribe-leaders ", action)) && group == 1);
    case A_MAYOR:
        return reads || in(" subscribe-leaders ", action);
    case A_ADMIN:
        return reads || in(keeping, action) ||
               in(" read-ledger read-keys subscribe-leaders witness ", action);
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
    {{"member", "two"}, "member", 0}, {{"county", NULL}, "county", 0},
    {{"county", "one"}, "county", 1}, {{NULL, "one"}, NULL, 1},
    {{NULL, "two"}, NULL, 2},         {{NULL, NULL}, NULL, 0},
    {{"stranger", NULL}, NULL, 0},    {{NULL, "no-such-group"}, NULL, 0},
};

static size_t check_programme(int number)
{
    struct mst_programme p = fixture_programme;
    size_t cells = 0;
    p.viewers = viewers;
    p.viewers_count = sizeof viewers / sizeof viewers[0];
    bool of_office = number == OFFICE_TO_MEMBER || number == OFFICE_TO_FAR;
    p.grants = of_office ? NULL : grants[number];
    p.grants_count = number == NO_GRANT || of_office ? 0 : number == TO_OTHERS ? 2 : 1;
    for (int a = 0; a < ACTORS; a++) {
        struct mst_actor actor = {.principal = actors[a].principal,
                                  .roles = actors[a].roles,
                                  .unit = actors[a].unit,
                                  {{0}},
                                  {{0}}};
        actor.liaison.bits[0] = a == A_LIAISON;
        actor.granted.bits[0] = number == OFFICE_TO_MEMBER && a == A_UNIT ? 2 : 0;
        /* Who is no unit has no use of a grant, whatever stands there. */
        if (number == OFFICE_TO_FAR && !actor.unit)
            actor.granted.bits[0] = 3;
        for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
            for (size_t t = 0; t < sizeof targets / sizeof targets[0]; t++) {
                bool own = actor.unit && targets[t].of && strcmp(actor.unit, targets[t].of) == 0;
                bool wanted = should(a, number, actions[i], own, targets[t].group);
                bool is = mst_authz(&p, &actor, actions[i], &targets[t].target);
                if (is != wanted)
                    fail_msg("programme %d, %s, %s upon %s of %s: %s", number, actor.principal,
                             actions[i], targets[t].target.unit ? targets[t].target.unit : "-",
                             targets[t].target.group ? targets[t].target.group : "-",
                             is ? "wrongly allowed" : "wrongly denied");
                cells++;
            }
        }
    }
    return cells;
}

static void every_cell_is_as_documented(void **state)
{
    (void)state;
    size_t cells = 0;
    for (int number = 0; number < PROGRAMMES; number++)
        cells += check_programme(number);
    print_message("%zu cells\n", cells);
}

static void nobody_without_a_role_may_anything(void **state)
{
    (void)state;
    struct mst_actor nobody = {"p", 0, NULL, {{0}}, {{0}}};
    struct mst_actor claims_lead = {"p", MST_ROLE_UNIT | MST_ROLE_LEAD, "member", {{0}}, {{0}}};
    struct mst_actor gone = {"p", MST_ROLE_UNIT, "left-the-programme", {{0}}, {{0}}};
    struct mst_target other = {"other", NULL}, itself = {"left-the-programme", NULL};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        assert_false(mst_authz(&fixture_programme, &nobody, actions[i], &other));
    assert_false(mst_authz(&fixture_programme, &claims_lead, "return", &other));
    assert_false(mst_authz(&fixture_programme, &gone, "submit", &itself));
}

static void roles_add_up_and_do_not_leak(void **state)
{
    (void)state;
    struct mst_actor both = {"uid:0", MST_ROLE_OFFICE | MST_ROLE_ADMIN, NULL, {{0}}, {{0}}};
    struct mst_target target = {"far", "two"};
    assert_true(mst_authz(&fixture_programme, &both, "waive", &target));
    assert_true(mst_authz(&fixture_programme, &both, "enrol", &target));
    assert_false(mst_authz(&fixture_programme, &both, "submit", &target));
}

static void streams_are_read_by_their_owner_lead_and_office(void **state)
{
    (void)state;
    struct mst_actor member = {"unit:member", MST_ROLE_UNIT, "member", {{0}}, {{0}}};
    struct mst_actor lead = {"unit:lead", MST_ROLE_UNIT, "lead", {{0}}, {{0}}};
    struct mst_actor office = {"office:x", MST_ROLE_OFFICE, NULL, {{0}}, {{0}}};
    const struct mst_programme *p = &fixture_programme;
    assert_true(mst_authz_audience(p, &member, "unit:member", "one"));
    assert_false(mst_authz_audience(p, &member, "unit:other", "one"));
    assert_false(mst_authz_audience(p, &member, "office", "one"));
    assert_true(mst_authz_audience(p, &lead, "unit:other", "one"));
    assert_false(mst_authz_audience(p, &lead, "unit:far", "two"));
    assert_false(mst_authz_audience(p, &lead, "director", "one"));
    assert_true(mst_authz_audience(p, &office, "unit:far", "two"));
    assert_true(mst_authz_audience(p, &office, "group-head:one", "one"));
    assert_false(mst_authz_audience(p, &lead, "group-head:one", "one"));
}

static void viewers_hear_what_they_may_see(void **state)
{
    (void)state;
    static const struct {
        const char *audience, *group;
        bool cc, leader, mayor;
    } rows[] = {
        {"cc", "", true, true, true},
        {"office", "one", false, false, true},
        {"director", "", false, false, true},
        {"unit:member", "one", false, true, true},
        {"unit:far", "two", false, false, true},
        {"city-leader:one", "one", false, true, true},
        {"city-leader:two", "two", false, false, true},
        {"group-head:two", "one", false, false, true},
    };
    struct mst_programme p = fixture_programme;
    p.viewers = viewers;
    p.viewers_count = sizeof viewers / sizeof viewers[0];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const bool wanted[] = {rows[i].cc, rows[i].leader, rows[i].mayor};
        for (int a = A_VIEWER; a <= A_MAYOR; a++) {
            struct mst_actor viewer = {actors[a].principal, actors[a].roles, NULL, {{0}}, {{0}}};
            assert_int_equal(mst_authz_audience(&p, &viewer, rows[i].audience, rows[i].group),
                             wanted[a - A_VIEWER]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_as_documented),
        cmocka_unit_test(nobody_without_a_role_may_anything),
        cmocka_unit_test(roles_add_up_and_do_not_leak),
        cmocka_unit_test(viewers_hear_what_they_may_see),
        cmocka_unit_test(streams_are_read_by_their_owner_lead_and_office),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
