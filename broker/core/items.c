/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The register of items: where they lie, how a step changes them and how that is undone. They lie
 * in order of their number, whatever the order in which they were restored, so that a walk over
 * them is the same after a restart. It knows nothing of what an item means.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/inside.h"

/* ---- where they lie ---- */

/* FNV-1a over kind and id. */
static uint32_t hash_key(enum mst_item_kind kind, struct mst_slice id)
{
    uint32_t h = (2166136261u ^ (uint32_t)kind) * 16777619u;
    for (size_t i = 0; i < id.len; i++)
        h = (h ^ id.data[i]) * 16777619u;
    return h;
}

static void link_item(struct mst_items *items, struct mst_item_slot *slot)
{
    uint32_t mask = items->hash_cap - 1;
    uint32_t i = hash_key(slot->item.kind, mst_text(slot->item.id)) & mask;
    while (items->by_key[i])
        i = (i + 1) & mask;
    items->by_key[i] = slot;
}

static void relink(struct mst_items *items)
{
    if (items->hash_cap)
        memset(items->by_key, 0, items->hash_cap * sizeof(struct mst_item_slot *));
    for (uint32_t i = 0; i < items->count; i++)
        link_item(items, items->all[i]);
}

static bool grow(struct mst_items *items)
{
    if ((items->count + 1) * 2 <= items->hash_cap)
        return true;
    uint32_t cap = items->hash_cap ? items->hash_cap * 2 : 64;
    struct mst_item_slot **all = realloc(items->all, cap / 2 * sizeof(struct mst_item_slot *));
    if (!all)
        return false;
    items->all = all;
    struct mst_item_slot **by_key = calloc(cap, sizeof(struct mst_item_slot *));
    if (!by_key)
        return false;
    free(items->by_key);
    items->by_key = by_key;
    items->hash_cap = cap;
    relink(items);
    return true;
}

struct mst_item *mst_items_find(const struct mst_items *items, enum mst_item_kind kind,
                                struct mst_slice id)
{
    if (!items->hash_cap || !id.data)
        return NULL;
    uint32_t mask = items->hash_cap - 1;
    for (uint32_t i = hash_key(kind, id) & mask; items->by_key[i]; i = (i + 1) & mask) {
        struct mst_item *item = &items->by_key[i]->item;
        if (item->kind == kind && mst_slice_is(id, item->id))
            return item;
    }
    return NULL;
}

/* Room for one more among the grants, where it is one. */
static bool grow_grants(struct mst_items *items, const struct mst_item *item)
{
    if (item->kind != MST_ITEM_GRANT || items->grants_count < items->grants_cap)
        return true;
    uint32_t cap = items->grants_cap ? items->grants_cap * 2 : 8;
    struct mst_item_slot **grown = realloc(items->grants, cap * sizeof(struct mst_item_slot *));
    if (!grown)
        return false;
    items->grants = grown;
    items->grants_cap = cap;
    return true;
}

/* A slot for a copy of the item, in its place by number; NULL: out of memory. */
static struct mst_item_slot *put(struct mst_items *items, const struct mst_item *item)
{
    bool room = grow(items) && grow_grants(items, item);
    struct mst_item_slot *slot = room ? calloc(1, sizeof *slot) : NULL;
    uint8_t *data = slot && item->data.len ? malloc(item->data.len) : NULL;
    if (!slot || (item->data.len && !data)) {
        free(slot);
        return NULL;
    }
    if (data)
        memcpy(data, item->data.data, item->data.len);
    slot->item = *item;
    slot->item.data = (struct mst_slice){data, item->data.len};
    slot->touched = MST_NONE;
    uint32_t at = items->count;
    while (at > 0 && items->all[at - 1]->item.number > item->number)
        at--;
    memmove(items->all + at + 1, items->all + at,
            (items->count - at) * sizeof(struct mst_item_slot *));
    items->all[at] = slot;
    items->count++;
    if (item->number > items->number_last)
        items->number_last = item->number;
    link_item(items, slot);
    if (item->kind == MST_ITEM_GRANT)
        items->grants[items->grants_count++] = slot;
    return slot;
}

static void free_data(struct mst_slice data)
{
    free((void *)data.data);
}

static void free_slot(struct mst_item_slot *slot)
{
    free_data(slot->item.data);
    free(slot);
}

void mst_items_done(struct mst_items *items)
{
    for (uint32_t i = 0; i < items->count; i++)
        free_slot(items->all[i]);
    free(items->all);
    free(items->by_key);
    free(items->grants);
    free(items->touched);
    *items = (struct mst_items){0};
}

/* ---- what a step changes ---- */

static struct mst_item_slot *slot_of(struct mst_item *item)
{
    return (struct mst_item_slot *)((char *)item - offsetof(struct mst_item_slot, item));
}

static bool touch(struct mst_step *s, struct mst_item_slot *slot, bool fresh)
{
    struct mst_items *items = &s->core->items;
    if (slot->touched != MST_NONE)
        return true;
    if (items->touched_count == items->touched_cap) {
        uint32_t cap = items->touched_cap ? items->touched_cap * 2 : 16;
        struct mst_item_touched *grown = realloc(items->touched, cap * sizeof *grown);
        if (!grown) {
            s->failed = true;
            return false;
        }
        items->touched = grown;
        items->touched_cap = cap;
    }
    slot->touched = items->touched_count++;
    items->touched[slot->touched] =
        (struct mst_item_touched){.slot = slot, .fresh = fresh, .before = slot->item};
    return true;
}

bool mst_item_touch(struct mst_step *s, struct mst_item *item)
{
    return !s->failed && touch(s, slot_of(item), false);
}

/* Those that were added behind the last number are none. */
static void forget_grants(struct mst_items *items)
{
    while (items->grants_count &&
           items->grants[items->grants_count - 1]->item.number > items->number_last)
        items->grants_count--;
}

struct mst_item *mst_item_add(struct mst_step *s, enum mst_item_kind kind, const char *id)
{
    struct mst_items *items = &s->core->items;
    if (s->failed)
        return NULL;
    assert(!mst_items_find(items, kind, mst_text(id)) && strlen(id) < MST_ITEM_ID_MAX);
    struct mst_item item = {.number = items->number_last + 1, .kind = kind};
    snprintf(item.id, sizeof item.id, "%s", id);
    item.opened_at = item.changed_at = s->now;
    struct mst_item_slot *slot = put(items, &item);
    if (!slot) {
        s->failed = true;
        return NULL;
    }
    /* One that cannot be noted is not the step's to undo: it goes at once. */
    if (!touch(s, slot, true)) {
        items->count--;
        items->number_last--;
        forget_grants(items);
        relink(items);
        free_slot(slot);
        return NULL;
    }
    return &slot->item;
}

void mst_item_contain(struct mst_step *s, struct mst_item *item, struct mst_slice data)
{
    struct mst_item_slot *slot = slot_of(item);
    assert(slot->touched != MST_NONE);
    uint8_t *copy = s->failed ? NULL : malloc(data.len ? data.len : 1);
    if (!copy) {
        s->failed = true;
        return;
    }
    if (data.len)
        memcpy(copy, data.data, data.len);
    if (item->data.data != s->core->items.touched[slot->touched].before.data.data)
        free_data(item->data);
    item->data = (struct mst_slice){copy, data.len};
}

static void remember(struct mst_item *item, const struct mst_item_event *event)
{
    if (item->moves >= MST_ITEM_HISTORY_MAX)
        memmove(item->history + 1, item->history + 2,
                (MST_ITEM_HISTORY_MAX - 2) * sizeof item->history[0]);
    item->history[item->moves < MST_ITEM_HISTORY_MAX ? item->moves : MST_ITEM_HISTORY_MAX - 1] =
        *event;
    item->moves++;
}

void mst_item_move(struct mst_step *s, struct mst_item *item, const char *event,
                   enum mst_item_state to, const char *actor, struct mst_slice reason)
{
    assert(slot_of(item)->touched != MST_NONE);
    struct mst_item_move *move = mst_emit_item_move(s);
    struct mst_item_event happened = {.at = s->now};
    if (!move)
        return;
    snprintf(happened.event, sizeof happened.event, "%s", event);
    snprintf(happened.actor, sizeof happened.actor, "%s", actor);
    move->kind = item->kind;
    memcpy(move->id, item->id, sizeof move->id);
    memcpy(move->event, happened.event, sizeof move->event);
    memcpy(move->actor, happened.actor, sizeof move->actor);
    mst_slice_copy(reason, move->reason, sizeof move->reason);
    move->first = item->moves == 0;
    move->from = item->state;
    move->to = to;
    memcpy(move->owner, item->owner, sizeof move->owner);
    memcpy(move->group, item->group, sizeof move->group);
    move->instant = s->now;
    remember(item, &happened);
    item->state = to;
    item->changed_at = s->now;
}

static void forget(struct mst_items *items)
{
    for (uint32_t i = 0; i < items->touched_count; i++)
        items->touched[i].slot->touched = MST_NONE;
    items->touched_count = 0;
}

void mst_items_keep(struct mst_items *items)
{
    for (uint32_t i = 0; i < items->touched_count; i++) {
        const struct mst_item_touched *touched = &items->touched[i];
        if (!touched->fresh && touched->before.data.data != touched->slot->item.data.data)
            free_data(touched->before.data);
    }
    forget(items);
}

void mst_items_undo(struct mst_items *items)
{
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < items->touched_count; i++) {
        const struct mst_item_touched *touched = &items->touched[i];
        struct mst_item *item = &touched->slot->item;
        fresh += touched->fresh;
        if (touched->fresh)
            continue;
        if (touched->before.data.data != item->data.data)
            free_data(item->data);
        *item = touched->before;
    }
    forget(items);
    /* Those of the step have the highest numbers, so they lie last. */
    items->number_last -= fresh;
    forget_grants(items);
    for (; fresh > 0; fresh--) {
        items->count--;
        free_slot(items->all[items->count]);
    }
    relink(items);
}

/* ---- outside a step ---- */

int mst_core_restore_item(struct mst_core *core, const struct mst_item *item, struct mst_err *err)
{
    if (mst_items_find(&core->items, item->kind, mst_text(item->id)))
        return mst_fail_on(err, MST_E_EXISTS, item->id);
    if (!put(&core->items, item))
        return mst_fail_on(err, MST_E_NOMEM, item->id);
    mst_difficulties_reckon_with(core, item);
    if (item->kind == MST_ITEM_GRANT)
        mst_grants_reckon(core);
    return 0;
}

const struct mst_item *mst_core_item(const struct mst_core *core, enum mst_item_kind kind,
                                     const char *id)
{
    return mst_items_find(&core->items, kind, mst_text(id));
}

size_t mst_core_items(const struct mst_core *core)
{
    return core->items.count;
}

const struct mst_item *mst_core_item_at(const struct mst_core *core, size_t index)
{
    assert(index < core->items.count);
    return &core->items.all[index]->item;
}
