/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Projects that were won: a register of what reports list, shown and never scored. A project is its
 * unit's and known by its title; a later report may say more of it. One that a report listed and
 * its correction does not is dropped.
 */
#include <stdio.h>
#include <string.h>

#include "broker/core/difficulty.h"
#include "broker/core/inside.h"

static bool same_text(struct mst_slice a, struct mst_slice b)
{
    return a.data && b.data && a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static struct mst_item *known_as(const struct mst_core *core, const char *owner,
                                 struct mst_slice title)
{
    for (uint32_t i = 0; i < core->items.count; i++) {
        struct mst_item *item = &core->items.all[i]->item;
        if (item->kind == MST_ITEM_PROJECT && strcmp(item->owner, owner) == 0 &&
            same_text(mst_unpack_text(item->data, "title"), title))
            return item;
    }
    return NULL;
}

/* The entry as it was reported, and by which obligation's report. */
static void contain(struct mst_step *s, struct mst_item *item, struct mst_slice map,
                    const char *source)
{
    static const char *const keys[] = {"title", "amount", "unit", "level", "remark"};
    struct mst_slice raw[5];
    struct mst_buf b = {0};
    size_t count = 1;
    for (size_t i = 0; i < 5; i++) {
        raw[i] = mst_text(NULL);
        count += mst_unpack_find(map, keys[i], &raw[i]);
    }
    mst_pack_map(&b, count);
    mst_pack_text(&b, "source");
    mst_pack_text(&b, source);
    for (size_t i = 0; i < 5; i++) {
        if (!raw[i].data)
            continue;
        mst_pack_text(&b, keys[i]);
        mst_buf_put(&b, raw[i].data, raw[i].len);
    }
    if (b.failed)
        s->failed = true;
    else if (b.len != item->data.len || memcmp(b.data, item->data.data, b.len) != 0)
        mst_item_contain(s, item, mst_bytes(b.data, b.len));
    mst_buf_done(&b);
}

static void take(struct mst_step *s, struct mst_slice map, uint32_t unit, const char *source)
{
    const struct mst_core *core = s->core;
    const struct mst_programme *p = core->programme;
    const char *owner = p->units[unit].id;
    struct mst_item *item = known_as(core, owner, mst_unpack_text(map, "title"));
    uint32_t group = core->names.group_of[unit];
    char id[MST_ITEM_ID_MAX];
    unsigned count = 1;
    bool fresh = !item;
    for (uint32_t i = 0; i < core->items.count; i++)
        count += core->items.all[i]->item.kind == MST_ITEM_PROJECT;
    snprintf(id, sizeof id, "p%u", count);
    if (fresh ? !(item = mst_item_add(s, MST_ITEM_PROJECT, id)) : !mst_item_touch(s, item))
        return;
    const void *before = item->data.data;
    contain(s, item, map, source);
    snprintf(item->owner, sizeof item->owner, "%s", owner);
    snprintf(item->group, sizeof item->group, "%s", group == MST_NONE ? "" : p->groups[group].id);
    if (!s->failed && (fresh || item->state != MST_ITEM_WON || item->data.data != before))
        mst_item_move(s, item, "win", MST_ITEM_WON, owner, mst_text(NULL));
}

static bool is_listed(struct mst_slice body, struct mst_slice title)
{
    struct mst_matters_cursor cursor = mst_matters_open(body, "projects");
    struct mst_slice map;
    while (mst_matters_next(&cursor, &map)) {
        if (same_text(mst_unpack_text(map, "title"), title))
            return true;
    }
    return false;
}

void mst_projects_submitted(struct mst_step *s, struct mst_slice body, uint32_t unit,
                            const char *source)
{
    const struct mst_items *items = &s->core->items;
    struct mst_matters_cursor cursor = mst_matters_open(body, "projects");
    struct mst_slice map;
    for (uint32_t i = 0; i < items->count && !s->failed; i++) {
        struct mst_item *item = &items->all[i]->item;
        if (item->kind == MST_ITEM_PROJECT && item->state == MST_ITEM_WON &&
            mst_slice_is(mst_unpack_text(item->data, "source"), source) &&
            !is_listed(body, mst_unpack_text(item->data, "title")) && mst_item_touch(s, item))
            mst_item_move(s, item, "drop", MST_ITEM_DROPPED, s->core->programme->units[unit].id,
                          mst_text(NULL));
    }
    while (!s->failed && mst_matters_next(&cursor, &map))
        take(s, map, unit, source);
}
