/* SPDX-License-Identifier: Apache-2.0 */
/* Who reads which group by grants of the office: worked out from the acts that were accepted, and
 * compared with what the core says. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/world.h"

static struct grant_shadow *shadow_of(struct world *w, const char *reader, const char *reads)
{
    for (size_t i = 0; i < w->grants_count; i++) {
        if (strcmp(w->grants[i].reader, reader) == 0 && strcmp(w->grants[i].reads, reads) == 0)
            return &w->grants[i];
    }
    w->grants = world_grown(w->grants, w->grants_count, &w->grants_cap, sizeof *w->grants);
    struct grant_shadow *added = &w->grants[w->grants_count++];
    *added = (struct grant_shadow){.until = 0};
    snprintf(added->reader, sizeof added->reader, "%s", reader);
    snprintf(added->reads, sizeof added->reads, "%s", reads);
    return added;
}

void check_grant_act(struct world *w, const struct act_words *words)
{
    bool gives = strcmp(words->act, "grant") == 0;
    if (gives || strcmp(words->act, "ungrant") == 0)
        shadow_of(w, words->obligation, words->body[0].value)->until = gives ? words->until : 0;
}

static bool reads(const struct world *w, size_t unit, const char *group)
{
    const struct mst_programme *p = w->programme;
    size_t own = mst_programme_group_of(p, unit);
    for (size_t i = 0; i < w->grants_count; i++) {
        const struct grant_shadow *grant = &w->grants[i];
        const char *reader = strchr(grant->reader, ':') + 1;
        bool meant = strncmp(grant->reader, "unit:", 5) == 0
                         ? strcmp(reader, p->units[unit].id) == 0
                         : own != SIZE_MAX && strcmp(reader, p->groups[own].id) == 0;
        if (meant && grant->until > w->now && strcmp(grant->reads, group) == 0)
            return true;
    }
    return false;
}

bool check_grants(struct world *w)
{
    const struct mst_programme *p = w->programme;
    for (size_t unit = 0; unit < p->units_count; unit++) {
        struct mst_group_set set = mst_core_granted(w->core, p->units[unit].id);
        for (size_t g = 0; g < p->groups_count; g++) {
            bool is = (set.bits[g / 64] >> g % 64 & 1) != 0;
            if (is != reads(w, unit, p->groups[g].id))
                return world_fault(w, "%s reads %s by a grant: %s", p->units[unit].id,
                                   p->groups[g].id, is ? "wrongly" : "not, though one stands");
        }
    }
    return true;
}
