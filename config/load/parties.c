/* SPDX-License-Identifier: Apache-2.0 */
/* Who takes part: units with their contacts, groups with their focus areas, and offices. */
#include <stdlib.h>
#include <string.h>

#include "config/load/loader.h"

static const char *const contact_words[] = {"clerk", "deputy",
                                            "head"}; /* as enum mst_contact_role */

struct mst_contact mst_load_contact(struct mst_loader *l, const struct mst_node *node)
{
    struct mst_contact contact = {0};
    if (node->kind == MST_NODE_SCALAR) {
        contact.name = mst_read_text_of(&l->r, node, MST_NAME_BYTES_MAX);
    } else if (mst_read_is_map(&l->r, node, MST_WORDS("name", "address", "phone"))) {
        contact.name = mst_read_text(&l->r, node, "name", MST_MAY_LACK, MST_NAME_BYTES_MAX);
        contact.address = mst_read_text(&l->r, node, "address", MST_MAY_LACK, MST_NAME_BYTES_MAX);
        contact.phone = mst_read_text(&l->r, node, "phone", MST_MAY_LACK, MST_NAME_BYTES_MAX);
    }
    return contact;
}

size_t mst_load_unit_ref(struct mst_loader *l, const struct mst_node *node)
{
    const char *id = mst_read_text_of(&l->r, node, MST_NAME_BYTES_MAX);
    if (!id)
        return SIZE_MAX;
    size_t unit = mst_programme_unit(l->p, id);
    if (unit != SIZE_MAX)
        return unit;
    char hint[MST_ERR_HINT_MAX];
    size_t named = mst_programme_unit_by_name(l->p, id);
    const char **ids = malloc((l->p->units_count + 1) * sizeof *ids);
    if (!ids) {
        l->r.no_memory = true;
        return SIZE_MAX;
    }
    for (size_t i = 0; i < l->p->units_count; i++)
        ids[i] = l->p->units[i].id;
    if (named != SIZE_MAX)
        snprintf(hint, sizeof hint, _("write its id: %s"), l->p->units[named].id);
    else
        mst_hint_nearest(id, (struct mst_words){ids, l->p->units_count},
                         _("list it under units first"), hint);
    free(ids);
    MST_FAULT(&l->r, node, hint, _("unknown unit %s"), id);
    return SIZE_MAX;
}

static void load_contacts(struct mst_loader *l, const struct mst_node *map, struct mst_unit *unit)
{
    const struct mst_node *node = mst_read_field(&l->r, map, "contacts", MST_MAY_LACK);
    if (!node ||
        !mst_read_is_map(&l->r, node, (struct mst_words){contact_words, MST_CONTACT_ROLES}))
        return;
    for (size_t i = 0; i < MST_CONTACT_ROLES; i++) {
        const struct mst_node *contact =
            mst_read_field(&l->r, node, contact_words[i], MST_MAY_LACK);
        if (contact)
            unit->contacts[i] = mst_load_contact(l, contact);
    }
}

static void load_aliases(struct mst_loader *l, const struct mst_node *map, struct mst_unit *unit)
{
    const struct mst_node *list = mst_read_field(&l->r, map, "aliases", MST_MAY_LACK);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    const char **aliases = mst_read_alloc(&l->r, list->count, sizeof *aliases);
    for (const struct mst_node *node = list->first; node && aliases; node = node->next) {
        const char *alias = mst_read_text_of(&l->r, node, MST_NAME_BYTES_MAX);
        if (alias)
            aliases[unit->aliases_count++] = alias;
    }
    unit->aliases = aliases;
}

/* [{from: DATE, was: label}]: what it was called before that day. */
static void load_former_names(struct mst_loader *l, const struct mst_node *map,
                              struct mst_unit *unit)
{
    const struct mst_node *list = mst_read_field(&l->r, map, "renamed", MST_MAY_LACK);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    struct mst_former_name *former = mst_read_alloc(&l->r, list->count, sizeof *former);
    for (const struct mst_node *node = list->first; node && former; node = node->next) {
        struct mst_former_name *now = &former[unit->former_count];
        if (!mst_read_is_map(&l->r, node, MST_WORDS("from", "was")))
            continue;
        const struct mst_node *from = mst_read_field(&l->r, node, "from", MST_NEEDED);
        now->name = mst_load_label(l, node, "was");
        if (!from || !mst_read_day_of(&l->r, from, &now->until))
            continue;
        if (unit->former_count && now->until <= now[-1].until)
            MST_FAULT(&l->r, node, _("put the earliest first"), _("the dates do not ascend"));
        unit->former_count++;
    }
    unit->former = former;
}

static void load_unit(struct mst_loader *l, const struct mst_node *node, struct mst_unit *unit)
{
    *unit = (struct mst_unit){.id = "", .name = {"", ""}};
    if (!mst_read_is_map(&l->r, node,
                         MST_WORDS("id", "name", "aliases", "kind", "outside", "contacts",
                                   "renamed", "merged_into", "split_into")))
        return;
    unit->id = mst_read_id(&l->r, node);
    unit->name = mst_load_label(l, node, "name");
    unit->kind = mst_read_text(&l->r, node, "kind", MST_MAY_LACK, MST_NAME_BYTES_MAX);
    unit->outside = mst_read_bool(&l->r, node, "outside", false);
    load_aliases(l, node, unit);
    load_former_names(l, node, unit);
    load_contacts(l, node, unit);
}

/* Where in a unit's map a word stands, for the place of a finding. */
static const struct mst_node *place_of(const struct mst_node *map, const char *key)
{
    const struct mst_node *node = mst_node_get(map, key);
    return node ? node : map;
}

/* Ids, names and aliases share one space: people may write any of them to mean a unit. */
static void check_unit_names(struct mst_loader *l)
{
    size_t room = 0, count = 0;
    for (size_t i = 0; i < l->p->units_count; i++)
        room += 3 + l->units[i].aliases_count + 2 * l->units[i].former_count;
    struct mst_name *names = malloc((room + 1) * sizeof *names);
    if (!names) {
        l->r.no_memory = true;
        return;
    }
    for (size_t i = 0; i < l->p->units_count; i++) {
        const struct mst_unit *unit = &l->units[i];
        const struct mst_node *map = l->unit_nodes[i];
        names[count++] = (struct mst_name){unit->id, i, place_of(map, "id")};
        names[count++] = (struct mst_name){unit->name.zh, i, place_of(map, "name")};
        names[count++] = (struct mst_name){unit->name.en, i, place_of(map, "name")};
        for (size_t j = 0; j < unit->aliases_count; j++)
            names[count++] = (struct mst_name){unit->aliases[j], i, place_of(map, "aliases")};
        for (size_t j = 0; j < unit->former_count; j++) {
            const struct mst_node *node = place_of(map, "renamed");
            names[count++] = (struct mst_name){unit->former[j].name.zh, i, node};
            names[count++] = (struct mst_name){unit->former[j].name.en, i, node};
        }
    }
    mst_read_distinct(&l->r, names, count);
    free(names);
}

/* "merged_into: {unit: ID, from: DATE}", "split_into: {units: [ID, …], from: DATE}": after all
 * units are read, since the successor may stand below. */
static void load_successors(struct mst_loader *l, const struct mst_node *map, struct mst_unit *unit)
{
    const struct mst_node *merged = mst_read_field(&l->r, map, "merged_into", MST_MAY_LACK);
    const struct mst_node *split = mst_read_field(&l->r, map, "split_into", MST_MAY_LACK);
    const struct mst_node *end = merged ? merged : split;
    if (merged && split)
        MST_FAULT(&l->r, split, _("keep one of the two"),
                  _("the unit %s has both merged and split"), unit->id);
    if (!end || !mst_read_is_map(&l->r, end,
                                 merged ? MST_WORDS("unit", "from") : MST_WORDS("units", "from")))
        return;
    const struct mst_node *from = mst_read_field(&l->r, end, "from", MST_NEEDED);
    const struct mst_node *who = mst_read_field(&l->r, end, merged ? "unit" : "units", MST_NEEDED);
    if (!from || !who || !mst_read_day_of(&l->r, from, &unit->ended) ||
        (split && !merged && !mst_read_is_list(&l->r, who)))
        return;
    size_t count = merged ? 1 : who->count, found = 0;
    size_t *successors = mst_read_alloc(&l->r, count, sizeof *successors);
    for (const struct mst_node *node = merged ? who : who->first;
         node && successors && found < count; node = merged ? NULL : node->next) {
        size_t successor = mst_load_unit_ref(l, node);
        if (successor == SIZE_MAX)
            continue;
        if (&l->units[successor] == unit)
            MST_FAULT(&l->r, node, _("name another unit"), _("the unit %s succeeds itself"),
                      unit->id);
        else
            successors[found++] = successor;
    }
    unit->successors = successors;
    unit->successors_count = found;
}

/* What passes on must arrive: a successor outlives its predecessor. */
static void check_succession(struct mst_loader *l)
{
    for (size_t i = 0; i < l->p->units_count; i++) {
        const struct mst_unit *unit = &l->units[i];
        for (size_t j = 0; j < unit->successors_count; j++) {
            const struct mst_unit *heir = &l->units[unit->successors[j]];
            if (mst_unit_ended(heir, unit->ended))
                MST_FAULT(
                    &l->r, l->unit_nodes[i], _("name the unit that is there from that day on"),
                    _("the unit %s passes to %s, which has ended by then"), unit->id, heir->id);
        }
    }
}

void mst_load_units(struct mst_loader *l)
{
    const struct mst_node *list = mst_read_field(&l->r, l->root, "units", MST_NEEDED);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    l->units = mst_read_alloc(&l->r, list->count, sizeof *l->units);
    l->unit_nodes = mst_read_alloc(&l->r, list->count, sizeof *l->unit_nodes);
    if (!l->units || !l->unit_nodes)
        return;
    for (const struct mst_node *node = list->first; node; node = node->next) {
        l->unit_nodes[l->p->units_count] = node;
        load_unit(l, node, &l->units[l->p->units_count++]);
    }
    l->p->units = l->units;
    for (size_t i = 0; i < l->p->units_count; i++)
        load_successors(l, l->unit_nodes[i], &l->units[i]);
    check_succession(l);
    check_unit_names(l);
}

/* A unit belongs to one group at most. places[unit]: where it was named first. */
static size_t load_place_in_group(struct mst_loader *l, const struct mst_node *node,
                                  const struct mst_node **places)
{
    size_t unit = mst_load_unit_ref(l, node);
    if (unit == SIZE_MAX)
        return unit;
    if (places[unit]) {
        MST_FAULT(&l->r, node, _("a unit has one place in one group"),
                  _("the unit %s is in a group already, at %d:%d"), l->units[unit].id,
                  places[unit]->line, places[unit]->column);
        return SIZE_MAX;
    }
    places[unit] = node;
    return unit;
}

static void load_members(struct mst_loader *l, const struct mst_node *map, struct mst_group *group,
                         const struct mst_node **places)
{
    const struct mst_node *list = mst_read_field(&l->r, map, "members", MST_MAY_LACK);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    size_t *members = mst_read_alloc(&l->r, list->count, sizeof *members);
    for (const struct mst_node *node = list->first; node && members; node = node->next) {
        size_t unit = load_place_in_group(l, node, places);
        if (unit != SIZE_MAX)
            members[group->members_count++] = unit;
    }
    group->members = members;
}

static void load_areas(struct mst_loader *l, const struct mst_node *map, struct mst_group *group)
{
    const struct mst_node *list = mst_read_field(&l->r, map, "areas", MST_MAY_LACK);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    struct mst_area *areas = mst_read_alloc(&l->r, list->count, sizeof *areas);
    for (const struct mst_node *node = list->first; node && areas; node = node->next) {
        struct mst_area *area = &areas[group->areas_count++];
        *area = (struct mst_area){.id = "", .title = {"", ""}};
        if (!mst_read_is_map(&l->r, node, MST_WORDS("id", "title")))
            continue;
        area->id = mst_read_id(&l->r, node);
        area->title = mst_load_label(l, node, "title");
    }
    group->areas = areas;
}

static void load_group(struct mst_loader *l, const struct mst_node *node, struct mst_group *group,
                       const struct mst_node **places)
{
    *group = (struct mst_group){.id = "", .name = {"", ""}, .lead = SIZE_MAX};
    if (!mst_read_is_map(
            &l->r, node,
            MST_WORDS("id", "name", "lead", "members", "areas", "head", "deputy", "city_leader")))
        return;
    group->id = mst_read_id(&l->r, node);
    group->name = mst_load_label(l, node, "name");
    group->head = mst_read_text(&l->r, node, "head", MST_MAY_LACK, MST_NAME_BYTES_MAX);
    group->deputy = mst_read_text(&l->r, node, "deputy", MST_MAY_LACK, MST_NAME_BYTES_MAX);
    group->city_leader =
        mst_read_text(&l->r, node, "city_leader", MST_MAY_LACK, MST_NAME_BYTES_MAX);
    const struct mst_node *lead = mst_read_field(&l->r, node, "lead", MST_MAY_LACK);
    if (lead)
        group->lead = load_place_in_group(l, lead, places);
    load_members(l, node, group, places);
    load_areas(l, node, group);
}

/* Focus areas are named across groups (an obligation's id ends in one), so their ids are, too. */
static void check_group_ids(struct mst_loader *l, const struct mst_node *list)
{
    struct mst_name *names = malloc((list->count + 1) * sizeof *names);
    size_t areas_count = 0, count = 0;
    for (size_t i = 0; i < l->p->groups_count; i++)
        areas_count += l->groups[i].areas_count;
    struct mst_name *areas = malloc((areas_count + 1) * sizeof *areas);
    if (!names || !areas)
        l->r.no_memory = true;
    for (size_t i = 0; names && areas && i < l->p->groups_count; i++) {
        const struct mst_group *group = &l->groups[i];
        const struct mst_node *map = l->group_nodes[i];
        names[i] = (struct mst_name){group->id, i, place_of(map, "id")};
        const struct mst_node *area = group->areas_count ? place_of(map, "areas")->first : NULL;
        for (size_t j = 0; j < group->areas_count; j++, area = area->next, count++)
            areas[count] = (struct mst_name){group->areas[j].id, count, place_of(area, "id")};
    }
    if (names && areas) {
        mst_read_distinct(&l->r, names, l->p->groups_count);
        mst_read_distinct(&l->r, areas, areas_count);
    }
    free(names);
    free(areas);
}

void mst_load_groups(struct mst_loader *l)
{
    const struct mst_node *list = mst_read_field(&l->r, l->root, "groups", MST_NEEDED);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    l->groups = mst_read_alloc(&l->r, list->count, sizeof *l->groups);
    l->group_nodes = mst_read_alloc(&l->r, list->count, sizeof *l->group_nodes);
    const struct mst_node **places = mst_read_alloc(&l->r, l->p->units_count + 1, sizeof *places);
    if (!l->groups || !l->group_nodes || !places)
        return;
    for (const struct mst_node *node = list->first; node; node = node->next) {
        l->group_nodes[l->p->groups_count] = node;
        load_group(l, node, &l->groups[l->p->groups_count++], places);
    }
    l->p->groups = l->groups;
    check_group_ids(l, list);
}

static void load_staff(struct mst_loader *l, const struct mst_node *map, struct mst_office *office)
{
    const struct mst_node *list = mst_read_field(&l->r, map, "staff", MST_MAY_LACK);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    office->staff = mst_read_alloc(&l->r, list->count, sizeof *office->staff);
    for (const struct mst_node *node = list->first; node && office->staff; node = node->next)
        office->staff[office->staff_count++] = mst_load_contact(l, node);
}

static void load_office(struct mst_loader *l, const struct mst_node *node,
                        struct mst_office *office)
{
    *office = (struct mst_office){.id = "", .name = {"", ""}, .host = SIZE_MAX};
    if (!mst_read_is_map(&l->r, node,
                         MST_WORDS("id", "name", "host", "acts_for", "director", "staff")))
        return;
    office->id = mst_read_id(&l->r, node);
    office->name = mst_load_label(l, node, "name");
    const struct mst_node *host = mst_read_field(&l->r, node, "host", MST_MAY_LACK);
    if (host)
        office->host = mst_load_unit_ref(l, host);
    const struct mst_node *director = mst_read_field(&l->r, node, "director", MST_MAY_LACK);
    if (director)
        office->director = mst_load_contact(l, director);
    load_staff(l, node, office);
}

/* After all are read: the one that is acted for may stand below. */
static void load_acts_for(struct mst_loader *l, const struct mst_node *node,
                          struct mst_office *offices, size_t index)
{
    const struct mst_node *other = mst_read_field(&l->r, node, "acts_for", MST_MAY_LACK);
    const char *id = other ? mst_read_text_of(&l->r, other, MST_ID_MAX - 1) : NULL;
    if (!id)
        return;
    size_t found = 0;
    while (found < l->p->offices_count && strcmp(offices[found].id, id) != 0)
        found++;
    if (found == l->p->offices_count)
        MST_FAULT(&l->r, other, _("write the id of another office"), _("unknown office %s"), id);
    else if (found == index)
        MST_FAULT(&l->r, other, _("leave the key out"), _("the office %s acts for itself"), id);
    else if (found == 0)
        MST_FAULT(&l->r, other, _("put the office that acts first"),
                  _("the office %s is acted for but stands first"), id);
    else
        offices[index].acts_for = id;
}

void mst_load_offices(struct mst_loader *l)
{
    const struct mst_node *list = mst_read_field(&l->r, l->root, "offices", MST_NEEDED);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    if (!list->count)
        MST_FAULT(&l->r, list, _("somebody must receive the reports"), _("%s must not be empty"),
                  "offices");
    struct mst_office *offices = mst_read_alloc(&l->r, list->count, sizeof *offices);
    struct mst_name *names = mst_read_alloc(&l->r, list->count, sizeof *names);
    if (!offices || !names)
        return;
    size_t count = 0;
    for (const struct mst_node *node = list->first; node; node = node->next, count++) {
        load_office(l, node, &offices[count]);
        names[count] = (struct mst_name){offices[count].id, count, place_of(node, "id")};
    }
    l->p->offices = offices;
    l->p->offices_count = count;
    size_t index = 0;
    for (const struct mst_node *node = list->first; node; node = node->next, index++)
        load_acts_for(l, node, offices, index);
    mst_read_distinct(&l->r, names, count);
}
