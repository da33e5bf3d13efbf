/* SPDX-License-Identifier: Apache-2.0 */
/* Who reads a group's progress, and what a viewer sees, by the programme alone. */
#include <string.h>

#include "config/model/programme.h"

bool mst_programme_reads(const struct mst_programme *p, size_t unit, size_t group)
{
    if (unit == SIZE_MAX || group == SIZE_MAX)
        return false;
    size_t own = mst_programme_group_of(p, unit);
    if (own == group)
        return true;
    for (size_t i = 0; i < p->grants_count; i++) {
        const struct mst_grant *grant = &p->grants[i];
        bool meant = grant->unit == unit || (own != SIZE_MAX && grant->group == own);
        if (meant && grant->reads == group)
            return true;
    }
    return false;
}

enum mst_sight mst_programme_sight(const struct mst_programme *p, const char *principal,
                                   size_t *ret_group)
{
    static const char prefix[] = "viewer:";
    *ret_group = SIZE_MAX;
    if (strncmp(principal, prefix, sizeof prefix - 1) != 0)
        return MST_SIGHT_ISSUED;
    for (size_t i = 0; i < p->viewers_count; i++) {
        if (strcmp(p->viewers[i].id, principal + sizeof prefix - 1) != 0)
            continue;
        *ret_group = p->viewers[i].group;
        return p->viewers[i].sight;
    }
    return MST_SIGHT_ISSUED;
}
