/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programmes: holding, looking up, and the words of their enums. Builds none and changes none; that
 * is config/load's.
 */
#include "config/model/programme.h"

#include <assert.h>
#include <string.h>

#include "config/model/arena.h"

struct mst_programme *mst_programme_ref(struct mst_programme *programme)
{
    /* Atomic, since the broker's query thread holds programmes too. */
    __atomic_add_fetch(&programme->refs, 1, __ATOMIC_RELAXED);
    return programme;
}

void mst_programme_unref(struct mst_programme *programme)
{
    if (!programme)
        return;
    int left = __atomic_sub_fetch(&programme->refs, 1, __ATOMIC_ACQ_REL);
    assert(left >= 0);
    if (left == 0)
        mst_arena_free(programme->arena);
}

size_t mst_programme_unit(const struct mst_programme *p, const char *id)
{
    for (size_t i = 0; i < p->units_count; i++) {
        if (strcmp(p->units[i].id, id) == 0)
            return i;
    }
    return SIZE_MAX;
}

static bool is_word(const char *word, const char *wanted)
{
    return word && strcmp(word, wanted) == 0;
}

static bool has_name(const struct mst_unit *unit, const char *name)
{
    if (is_word(unit->name.en, name) || is_word(unit->name.zh, name))
        return true;
    for (size_t i = 0; i < unit->aliases_count; i++) {
        if (strcmp(unit->aliases[i], name) == 0)
            return true;
    }
    for (size_t i = 0; i < unit->former_count; i++) {
        if (is_word(unit->former[i].name.en, name) || is_word(unit->former[i].name.zh, name))
            return true;
    }
    return false;
}

bool mst_unit_ended(const struct mst_unit *unit, mst_day day)
{
    return unit->successors_count > 0 && unit->ended <= day;
}

size_t mst_programme_unit_by_name(const struct mst_programme *p, const char *id_name_or_alias)
{
    /* An id wins over another unit's name. */
    size_t unit = mst_programme_unit(p, id_name_or_alias);
    if (unit != SIZE_MAX)
        return unit;
    for (size_t i = 0; i < p->units_count; i++) {
        if (has_name(&p->units[i], id_name_or_alias))
            return i;
    }
    return SIZE_MAX;
}

size_t mst_programme_group(const struct mst_programme *p, const char *id)
{
    for (size_t i = 0; i < p->groups_count; i++) {
        if (strcmp(p->groups[i].id, id) == 0)
            return i;
    }
    return SIZE_MAX;
}

const struct mst_post *mst_duty_post(const struct mst_duty *duty, const char *id)
{
    for (size_t i = 0; duty && i < duty->posts_count; i++) {
        if (strcmp(duty->posts[i].id, id) == 0)
            return &duty->posts[i];
    }
    return NULL;
}

const struct mst_post *mst_duty_post_by_name(const struct mst_duty *duty, const char *id_or_name)
{
    const struct mst_post *post = mst_duty_post(duty, id_or_name);
    for (size_t i = 0; !post && duty && i < duty->posts_count; i++) {
        const struct mst_label *name = &duty->posts[i].name;
        if (strcmp(name->zh, id_or_name) == 0 || strcmp(name->en, id_or_name) == 0)
            post = &duty->posts[i];
    }
    return post;
}

size_t mst_programme_duty(const struct mst_programme *p, const char *id)
{
    for (size_t i = 0; i < p->duties_count; i++) {
        if (strcmp(p->duties[i].id, id) == 0)
            return i;
    }
    return SIZE_MAX;
}

size_t mst_programme_group_of(const struct mst_programme *p, size_t unit)
{
    if (unit == SIZE_MAX)
        return SIZE_MAX; /* or it would match a group without a lead */
    for (size_t i = 0; i < p->groups_count; i++) {
        const struct mst_group *group = &p->groups[i];
        if (group->lead == unit)
            return i;
        for (size_t m = 0; m < group->members_count; m++) {
            if (group->members[m] == unit)
                return i;
        }
    }
    return SIZE_MAX;
}

bool mst_programme_leads(const struct mst_programme *p, size_t unit)
{
    size_t group = mst_programme_group_of(p, unit);
    return group != SIZE_MAX && p->groups[group].lead == unit;
}

bool mst_duty_upon_event(const struct mst_duty *duty)
{
    return duty->kind == MST_DUTY_SIGN_FOR || duty->kind == MST_DUTY_REPLY ||
           duty->kind == MST_DUTY_ISSUE;
}

const char *mst_duty_kind_word(enum mst_duty_kind kind)
{
    static const char *const words[] = {
        [MST_DUTY_REPORT] = "report",
        [MST_DUTY_QUOTA] = "quota",
        [MST_DUTY_POST] = "post",
        [MST_DUTY_SIGN_FOR] = "sign-for",
        [MST_DUTY_REPLY] = "reply",
        [MST_DUTY_ISSUE] = "issue",
        [MST_DUTY_ASSESSMENT] = "assessment",
        [MST_DUTY_ATTESTED] = "attested",
    };
    assert((size_t)kind < sizeof words / sizeof words[0]);
    return words[kind];
}

const char *mst_closing_word(enum mst_closing closing)
{
    static const char *const words[] = {
        [MST_CLOSE_AUTOMATIC] = "automatic", [MST_CLOSE_RECEIVE] = "receive",
        [MST_CLOSE_APPROVE] = "approve",     [MST_CLOSE_RECORD] = "record",
        [MST_CLOSE_FILL] = "fill",           [MST_CLOSE_NONE] = "none",
    };
    assert((size_t)closing < sizeof words / sizeof words[0]);
    return words[closing];
}

const char *mst_audience_word(enum mst_audience audience)
{
    static const char *const words[MST_AUDIENCES] = {
        [MST_AUDIENCE_CLERK] = "clerk",
        [MST_AUDIENCE_DEPUTY] = "deputy",
        [MST_AUDIENCE_HEAD] = "head",
        [MST_AUDIENCE_LEAD] = "lead",
        [MST_AUDIENCE_COUNTERPART] = "counterpart",
        [MST_AUDIENCE_OFFICE] = "office",
        [MST_AUDIENCE_DIRECTOR] = "director",
        [MST_AUDIENCE_GROUP_HEAD] = "group-head",
        [MST_AUDIENCE_CITY_LEADER] = "city-leader",
    };
    assert((size_t)audience < MST_AUDIENCES);
    return words[audience];
}

const char *mst_roll_word(enum mst_roll roll)
{
    static const char *const words[] = {
        [MST_ROLL_NONE] = "none",
        [MST_ROLL_FOLLOWING] = "following",
        [MST_ROLL_PRECEDING] = "preceding",
        [MST_ROLL_MODIFIED_FOLLOWING] = "modified-following",
        [MST_ROLL_MODIFIED_PRECEDING] = "modified-preceding",
    };
    assert((size_t)roll < sizeof words / sizeof words[0]);
    return words[roll];
}
