/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that says yes. It judges by role and scope alone; what else an act needs (the right
 * state, a reason, the right counterpart) is asked of the core afterwards.
 */
#include "broker/core/authz.h"

#include <string.h>

enum scope { NONE, OWN, GROUP, ANY };

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

static bool named(const char *id)
{
    return id && id[0];
}

static size_t group_of(const struct mst_programme *p, const char *unit)
{
    size_t index = named(unit) ? mst_programme_unit(p, unit) : SIZE_MAX;
    return index == SIZE_MAX ? SIZE_MAX : mst_programme_group_of(p, index);
}

/* Inside the actor's own group. A unit that is in a group speaks for itself; a group that is named
 * decides only for what belongs to no unit or to one outside all groups. Naming neither is no. */
static bool in_group(const struct mst_programme *p, const struct mst_actor *actor,
                     const struct mst_target *target)
{
    size_t own = group_of(p, actor->unit);
    if (own == SIZE_MAX || !target)
        return false;
    size_t of_unit = group_of(p, target->unit);
    size_t by_name = named(target->group) ? mst_programme_group(p, target->group) : SIZE_MAX;
    if (of_unit != SIZE_MAX && of_unit != own)
        return false;
    if (named(target->group) && by_name != own)
        return false;
    return of_unit == own || by_name == own;
}

static bool covers(const struct mst_programme *p, enum scope scope, const struct mst_actor *actor,
                   const struct mst_target *target)
{
    switch (scope) {
    case ANY:
        return true;
    case OWN:
        return named(actor->unit) && target && named(target->unit) &&
               strcmp(actor->unit, target->unit) == 0;
    case GROUP:
        return in_group(p, actor, target);
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
    static const char prefix[] = "unit:";
    struct mst_target target = {0};
    /* Streams of the office, its director, group heads and city leaders have no owner among the
     * units: they take a role that reads everything. */
    if (strncmp(audience, prefix, sizeof prefix - 1) == 0)
        target = (struct mst_target){.unit = audience + sizeof prefix - 1, .group = group};
    return mst_authz(p, actor, "subscribe", &target);
}
