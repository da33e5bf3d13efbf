/* SPDX-License-Identifier: Apache-2.0 */
/* The agenda: a binary heap over (next instant, order of materialisation), with positions kept in
 * the slots so that one that moves is found. Equal instants have one order, or runs would differ.
 */
#include <assert.h>
#include <stdlib.h>

#include "broker/core/inside.h"

static bool before(const struct mst_slot *a, const struct mst_slot *b)
{
    return a->next != b->next ? a->next < b->next : a->o.number < b->o.number;
}

static void put(struct mst_heap *h, uint32_t at, struct mst_slot *slot)
{
    h->items[at] = slot;
    slot->heap_at = at;
}

static uint32_t rise(struct mst_heap *h, uint32_t at, const struct mst_slot *slot)
{
    while (at > 0 && before(slot, h->items[(at - 1) / 2])) {
        put(h, at, h->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    return at;
}

static uint32_t sink(struct mst_heap *h, uint32_t at, const struct mst_slot *slot)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= h->count)
            return at;
        if (child + 1 < h->count && before(h->items[child + 1], h->items[child]))
            child++;
        if (!before(h->items[child], slot))
            return at;
        put(h, at, h->items[child]);
        at = child;
    }
}

int mst_heap_reserve(struct mst_heap *h, uint32_t count)
{
    if (count <= h->cap)
        return 0;
    uint32_t cap = h->cap ? h->cap : 256;
    while (cap < count)
        cap *= 2;
    struct mst_slot **items = realloc(h->items, cap * sizeof(struct mst_slot *));
    if (!items)
        return MST_E_NOMEM;
    h->items = items;
    h->cap = cap;
    return 0;
}

void mst_heap_place(struct mst_heap *h, struct mst_slot *slot)
{
    if (slot->next != MST_NEVER && slot->heap_at == MST_NONE) {
        assert(h->count < h->cap);
        uint32_t at = h->count++;
        put(h, rise(h, at, slot), slot);
        return;
    }
    if (slot->heap_at == MST_NONE)
        return;
    uint32_t at = slot->heap_at;
    struct mst_slot *moved = slot;
    if (slot->next == MST_NEVER) {
        slot->heap_at = MST_NONE;
        moved = h->items[--h->count];
        if (moved == slot)
            return;
    }
    put(h, sink(h, rise(h, at, moved), moved), moved);
}

struct mst_slot *mst_heap_top(const struct mst_heap *h)
{
    return h->count ? h->items[0] : NULL;
}

void mst_heap_clear(struct mst_heap *h)
{
    for (uint32_t i = 0; i < h->count; i++)
        h->items[i]->heap_at = MST_NONE;
    h->count = 0;
}

void mst_heap_done(struct mst_heap *h)
{
    free(h->items);
    *h = (struct mst_heap){0};
}
