/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: one function over one table (authz.def: action × role → scope), denied by
 * default. Every door asks here: pushes, requests, subscriptions, alert topics.
 */
#ifndef MST_BROKER_CORE_AUTHZ_H
#define MST_BROKER_CORE_AUTHZ_H

#include <stdbool.h>

#include "broker/core/core.h"

struct mst_actor {
    const char *principal;        /* "unit:UNIT", "office:NAME", "uid:0" */
    unsigned roles;               /* set of enum mst_role, without LEAD, which is derived */
    const char *unit;             /* NULL: not a unit */
    struct mst_group_set liaison; /* groups that it reads for a post it has filled just now */
    struct mst_group_set granted; /* groups whose progress the office lets it read just now */
};

/* What an action is aimed at; NULL members are not concerned. */
struct mst_target {
    const char *unit; /* whose data or duty */
    const char *group;
};

/* The stream of what is issued: the cc list's, and open to every key. */
#define MST_AUDIENCE_CC "cc"

/* The table as it is compiled in: row `index`, with a scope's word (none, own, …, any) for each of
 * unit, lead, office, director, viewer, admin. False: there are no more. */
#define MST_AUTHZ_ROLES 6
bool mst_authz_row(size_t index, const char **ret_action, const char *ret_scopes[MST_AUTHZ_ROLES]);
/* action: a word of authz.def ("read-obligation", "submit", "return", "enrol", …). */
bool mst_authz(const struct mst_programme *p, const struct mst_actor *actor, const char *action,
               const struct mst_target *target);
/* May the actor read alerts addressed to this audience ("unit:UNIT", "office", "cc", …)? */
bool mst_authz_audience(const struct mst_programme *p, const struct mst_actor *actor,
                        const char *audience, const char *group);

#endif
