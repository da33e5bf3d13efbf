/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that says yes. It judges by role and scope alone; what else an act needs (the right
 * state, a reason, the right counterpart) is asked of the core afterwards.
 */
#include "broker/core/authz.h"

#include <string.h>

#define SCOPES(SCOPE)                                                                              \
    SCOPE(NONE, "none")                                                                            \
    SCOPE(OWN, "own")                                                                              \
    SCOPE(SERVED, "served")                                                                        \
    SCOPE(GROUP, "group")                                                                          \
    SCOPE(SHARED, "shared")                                                                        \
    SCOPE(SIGHT, "sight")                                                                          \
    SCOPE(ANY, "any")

#define SCOPE(name, word) name,
enum scope { SCOPES(SCOPE) };
#undef SCOPE

struct row {
    const char *action;
    enum scope unit, lead, office, director, viewer, admin;
};

static const struct row rows[] = {
#define ACTION(word, unit, lead, office, director, viewer, admin)                                  \
    {word, unit, lead, office, director, viewer, admin},
#include "broker/core/authz.def"
#undef ACTION
};

static const struct row *row_of(const char *action)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].action, action) == 0)
            return &rows[i];
    }
    return NULL;
}

bool mst_authz_row(size_t index, const char **ret_action, const char *ret_scopes[MST_AUTHZ_ROLES])
{
#define SCOPE(name, word) word,
    static const char *const words[] = {SCOPES(SCOPE)};
#undef SCOPE
    if (index >= sizeof rows / sizeof rows[0])
        return false;
    const struct row *row = &rows[index];
    const enum scope scopes[MST_AUTHZ_ROLES] = {row->unit,     row->lead,   row->office,
                                                row->director, row->viewer, row->admin};
    *ret_action = row->action;
    for (size_t i = 0; i < MST_AUTHZ_ROLES; i++)
        ret_scopes[i] = words[scopes[i]];
    return true;
}

static bool named(const char *id)
{
    return id && id[0];
}

static size_t group_of(const struct mst_programme *p, const char *unit)
{
    size_t index = named(unit) ? mst_programme_unit(p, unit) : SIZE_MAX;
    return index == SIZE_MAX ? SIZE_MAX : mst_programme_group_of(p, index);
}

/* Whose group's matter it is. A unit that is in a group speaks for itself; a group that is named
 * decides only for what belongs to no unit or to one outside all groups. Naming neither is none. */
static size_t target_group(const struct mst_programme *p, const struct mst_target *target)
{
    if (!target)
        return SIZE_MAX;
    size_t of_unit = group_of(p, target->unit);
    size_t by_name = named(target->group) ? mst_programme_group(p, target->group) : SIZE_MAX;
    if (of_unit == SIZE_MAX)
        return by_name;
    return named(target->group) && by_name != of_unit ? SIZE_MAX : of_unit;
}

static bool in_sight(const struct mst_programme *p, const struct mst_actor *actor,
                     const struct mst_target *target)
{
    size_t group;
    switch (mst_programme_sight(p, actor->principal, &group)) {
    case MST_SIGHT_ALL:
        return true;
    case MST_SIGHT_GROUP:
        return group != SIZE_MAX && target_group(p, target) == group;
    case MST_SIGHT_ISSUED:
        break;
    }
    return false;
}

static bool owns(const struct mst_actor *actor, const struct mst_target *target)
{
    return named(actor->unit) && target && named(target->unit) &&
           strcmp(actor->unit, target->unit) == 0;
}

static bool has(const struct mst_group_set *set, const struct mst_actor *actor, size_t group)
{
    return named(actor->unit) && group < MST_LIAISON_GROUPS_MAX &&
           (set->bits[group / 64] >> group % 64 & 1) != 0;
}

/* Is the actor liaison of the group whose matter it is? */
static bool serves(const struct mst_programme *p, const struct mst_actor *actor,
                   const struct mst_target *target)
{
    return has(&actor->liaison, actor, target_group(p, target));
}

static bool covers(const struct mst_programme *p, enum scope scope, const struct mst_actor *actor,
                   const struct mst_target *target)
{
    size_t own = group_of(p, actor->unit);
    switch (scope) {
    case ANY:
        return true;
    case OWN:
        return owns(actor, target);
    case SERVED:
        return owns(actor, target) || serves(p, actor, target);
    case GROUP:
        return own != SIZE_MAX && target_group(p, target) == own;
    case SHARED:
        return serves(p, actor, target) || has(&actor->granted, actor, target_group(p, target)) ||
               (named(actor->unit) && mst_programme_reads(p, mst_programme_unit(p, actor->unit),
                                                          target_group(p, target)));
    case SIGHT:
        return in_sight(p, actor, target);
    case NONE:
        break;
    }
    return false;
}

bool mst_authz(const struct mst_programme *p, const struct mst_actor *actor, const char *action,
               const struct mst_target *target)
{
    const struct row *row = row_of(action);
    if (!row)
        return false;
    /* A unit that has left the programme has no say in it, whatever its key says. */
    size_t unit = named(actor->unit) ? mst_programme_unit(p, actor->unit) : SIZE_MAX;
    if ((actor->roles & MST_ROLE_UNIT) && unit != SIZE_MAX) {
        if (covers(p, row->unit, actor, target))
            return true;
        if (mst_programme_leads(p, unit) && (covers(p, row->lead, actor, target)))
            return true;
    }
    return ((actor->roles & MST_ROLE_OFFICE) && covers(p, row->office, actor, target)) ||
           ((actor->roles & MST_ROLE_DIRECTOR) && covers(p, row->director, actor, target)) ||
           ((actor->roles & MST_ROLE_VIEWER) && covers(p, row->viewer, actor, target)) ||
           ((actor->roles & MST_ROLE_ADMIN) && covers(p, row->admin, actor, target));
}

bool mst_authz_audience(const struct mst_programme *p, const struct mst_actor *actor,
                        const char *audience, const char *group)
{
    static const struct {
        const char *prefix, *action;
        bool unit; /* it names a unit, else a group */
    } owned[] = {
        {"unit:", "subscribe", true},
        {"group-head:", "subscribe-leaders", false},
        {"city-leader:", "subscribe-leaders", false},
    };
    struct mst_target target = {0};
    if (strcmp(audience, MST_AUDIENCE_CC) == 0)
        return mst_authz(p, actor, "read-issued", &target);
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) {
        size_t len = strlen(owned[i].prefix);
        if (strncmp(audience, owned[i].prefix, len) != 0)
            continue;
        target = owned[i].unit ? (struct mst_target){.unit = audience + len, .group = group}
                               : (struct mst_target){.group = audience + len};
        return mst_authz(p, actor, owned[i].action, &target);
    }
    /* The streams of the office and its director take a role that reads everything. */
    return mst_authz(p, actor, "subscribe", &target);
}
