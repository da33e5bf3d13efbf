/* SPDX-License-Identifier: Apache-2.0 */
/* Who reads beside those whom the groups themselves say: grants, viewers, and the cc list. */
#include <stdlib.h>

#include "config/load/loader.h"

void mst_load_cc(struct mst_loader *l)
{
    const struct mst_node *list = mst_read_field(&l->r, l->root, "cc", MST_MAY_LACK);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    const char **cc = mst_read_alloc(&l->r, list->count, sizeof *cc);
    for (const struct mst_node *node = list->first; node && cc; node = node->next) {
        const char *text = mst_read_text_of(&l->r, node, MST_NAME_BYTES_MAX);
        if (text)
            cc[l->p->cc_count++] = text;
    }
    l->p->cc = cc;
}

/* Index of the group that the node names by id; SIZE_MAX after a finding. */
static size_t group_ref(struct mst_loader *l, const struct mst_node *node)
{
    const char *id = mst_read_text_of(&l->r, node, MST_NAME_BYTES_MAX);
    size_t group = id ? mst_programme_group(l->p, id) : SIZE_MAX;
    if (!id || group != SIZE_MAX)
        return group;
    char hint[MST_ERR_HINT_MAX];
    const char **ids = calloc(l->p->groups_count + 1, sizeof *ids);
    if (!ids) {
        l->r.no_memory = true;
        return SIZE_MAX;
    }
    for (size_t i = 0; i < l->p->groups_count; i++)
        ids[i] = l->p->groups[i].id;
    mst_hint_nearest(id, (struct mst_words){ids, l->p->groups_count}, _("list it under groups"),
                     hint);
    free(ids);
    MST_FAULT(&l->r, node, hint, _("unknown group %s"), id);
    return SIZE_MAX;
}

static bool load_grant(struct mst_loader *l, const struct mst_node *node, struct mst_grant *grant)
{
    *grant = (struct mst_grant){.unit = SIZE_MAX, .group = SIZE_MAX, .reads = SIZE_MAX};
    if (!mst_read_is_map(&l->r, node, MST_WORDS("unit", "group", "reads", "reason")))
        return false;
    const struct mst_node *unit = mst_read_field(&l->r, node, "unit", MST_MAY_LACK);
    const struct mst_node *group = mst_read_field(&l->r, node, "group", MST_MAY_LACK);
    const struct mst_node *reads = mst_read_field(&l->r, node, "reads", MST_NEEDED);
    grant->reason = mst_read_text(&l->r, node, "reason", MST_MAY_LACK, MST_TITLE_BYTES_MAX);
    if (!unit == !group)
        MST_FAULT(&l->r, node, _("write unit: ID, or group: ID for all of its units"),
                  _("a grant is to one unit or to one group"));
    if (reads)
        grant->reads = group_ref(l, reads);
    if (unit)
        grant->unit = mst_load_unit_ref(l, unit);
    else if (group)
        grant->group = group_ref(l, group);
    size_t own = unit ? mst_programme_group_of(l->p, grant->unit) : grant->group;
    if (reads && grant->reads != SIZE_MAX && own == grant->reads)
        MST_FAULT(&l->r, reads, _("leave the grant out"), _("the group %s reads itself anyway"),
                  l->p->groups[grant->reads].id);
    return true;
}

void mst_load_grants(struct mst_loader *l)
{
    const struct mst_node *list = mst_read_field(&l->r, l->root, "grants", MST_MAY_LACK);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    struct mst_grant *grants = mst_read_alloc(&l->r, list->count, sizeof *grants);
    for (const struct mst_node *node = list->first; node && grants; node = node->next)
        l->p->grants_count += load_grant(l, node, &grants[l->p->grants_count]);
    l->p->grants = grants;
}

static bool load_viewer(struct mst_loader *l, const struct mst_node *node,
                        struct mst_viewer *viewer)
{
    static const char *const words[] = {
        [MST_SIGHT_ISSUED] = "issued", [MST_SIGHT_GROUP] = "group", [MST_SIGHT_ALL] = "all"};
    *viewer = (struct mst_viewer){.id = "", .group = SIZE_MAX};
    if (!mst_read_is_map(&l->r, node, MST_WORDS("id", "reads", "group")))
        return false;
    viewer->id = mst_read_id(&l->r, node);
    viewer->sight = (enum mst_sight)mst_read_word(
        &l->r, node, "reads", (struct mst_words){words, sizeof words / sizeof words[0]},
        MST_SIGHT_ISSUED);
    bool whole_group = viewer->sight == MST_SIGHT_GROUP;
    const struct mst_node *group =
        mst_read_field(&l->r, node, "group", whole_group ? MST_NEEDED : MST_MAY_LACK);
    if (group && !whole_group)
        MST_FAULT(&l->r, group, _("write reads: group, or leave group out"),
                  _("the viewer %s reads no group of its own"), viewer->id);
    else if (group)
        viewer->group = group_ref(l, group);
    return true;
}

void mst_load_viewers(struct mst_loader *l)
{
    const struct mst_node *list = mst_read_field(&l->r, l->root, "viewers", MST_MAY_LACK);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    struct mst_viewer *viewers = mst_read_alloc(&l->r, list->count, sizeof *viewers);
    struct mst_name *names = mst_read_alloc(&l->r, list->count, sizeof *names);
    if (!viewers || !names)
        return;
    for (const struct mst_node *node = list->first; node; node = node->next) {
        size_t n = l->p->viewers_count;
        if (!load_viewer(l, node, &viewers[n]))
            continue;
        const struct mst_node *id = mst_node_get(node, "id");
        names[n] = (struct mst_name){viewers[n].id, n, id ? id : node};
        l->p->viewers_count++;
    }
    l->p->viewers = viewers;
    mst_read_distinct(&l->r, names, l->p->viewers_count);
}
