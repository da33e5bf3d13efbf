/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where obligations lie: in chunks that never move, with two hash tables over their indices. Only
 * ever grows, except when a failed step is undone.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/inside.h"

enum { CHUNK = 256 };

/* FNV-1a; ids come from the programme file, so nobody outside can aim at collisions. */
static uint32_t hash_more(uint32_t h, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        h = (h ^ bytes[i]) * 16777619u;
    return (h ^ '/') * 16777619u;
}

static uint32_t hash_id(struct mst_slice id)
{
    return hash_more(2166136261u, id.data, id.len);
}

static uint32_t hash_key(struct mst_slice duty, struct mst_slice period, struct mst_slice bearer)
{
    uint32_t h = hash_more(2166136261u, duty.data, duty.len);
    h = hash_more(h, period.data, period.len);
    return hash_more(h, bearer.data, bearer.len);
}

/* Text has no NUL in it, so that a shorter b differs before it ends. */
static bool same(struct mst_slice a, const char *b)
{
    return (a.len == 0 || strncmp(b, (const char *)a.data, a.len) == 0) && b[a.len] == '\0';
}

struct mst_slot *mst_table_at(const struct mst_table *t, uint32_t index)
{
    return &t->chunks[index / CHUNK][index % CHUNK];
}

static bool same_key(const struct mst_obligation *o, struct mst_slice duty, struct mst_slice period,
                     struct mst_slice bearer)
{
    return same(duty, o->duty) && same(period, o->period) && same(bearer, o->bearer);
}

static void link_id(struct mst_table *t, const struct mst_slot *slot)
{
    uint32_t mask = t->hash_cap - 1;
    uint32_t i = hash_id(mst_text(slot->o.id)) & mask;
    while (t->by_id[i])
        i = (i + 1) & mask;
    t->by_id[i] = slot->index + 1;
}

static void link_key(struct mst_table *t, struct mst_slot *slot)
{
    const struct mst_obligation *o = &slot->o;
    struct mst_slice duty = mst_text(o->duty), period = mst_text(o->period);
    struct mst_slice bearer = mst_text(o->bearer);
    uint32_t mask = t->hash_cap - 1;
    uint32_t i = hash_key(duty, period, bearer) & mask;
    slot->same = MST_NONE;
    for (; t->by_key[i]; i = (i + 1) & mask) {
        struct mst_slot *other = mst_table_at(t, t->by_key[i] - 1);
        if (!same_key(&other->o, duty, period, bearer))
            continue;
        slot->same = other->same;
        other->same = slot->index;
        return;
    }
    t->by_key[i] = slot->index + 1;
}

static void relink(struct mst_table *t)
{
    memset(t->by_id, 0, t->hash_cap * sizeof *t->by_id);
    memset(t->by_key, 0, t->hash_cap * sizeof *t->by_key);
    for (uint32_t i = 0; i < t->count; i++) {
        link_id(t, mst_table_at(t, i));
        link_key(t, mst_table_at(t, i));
    }
}

static bool grow_hashes(struct mst_table *t)
{
    if ((t->count + 1) * 2 <= t->hash_cap)
        return true;
    uint32_t cap = t->hash_cap ? t->hash_cap * 2 : 1024;
    uint32_t *by_id = calloc(cap, sizeof *by_id);
    uint32_t *by_key = calloc(cap, sizeof *by_key);
    if (!by_id || !by_key) {
        free(by_id);
        free(by_key);
        return false;
    }
    free(t->by_id);
    free(t->by_key);
    t->by_id = by_id;
    t->by_key = by_key;
    t->hash_cap = cap;
    relink(t);
    return true;
}

static bool grow_chunks(struct mst_table *t)
{
    if (t->count < t->chunks_count * CHUNK)
        return true;
    struct mst_slot **chunks = realloc(t->chunks, (t->chunks_count + 1) * sizeof *chunks);
    if (!chunks)
        return false;
    t->chunks = chunks;
    chunks[t->chunks_count] = calloc(CHUNK, sizeof **chunks);
    if (!chunks[t->chunks_count])
        return false;
    t->chunks_count++;
    return true;
}

struct mst_slot *mst_table_add(struct mst_table *t, const struct mst_obligation *o)
{
    if (!grow_hashes(t) || !grow_chunks(t))
        return NULL;
    struct mst_slot *slot = mst_table_at(t, t->count);
    *slot = (struct mst_slot){
        .o = *o,
        .index = t->count,
        .heap_at = MST_NONE,
        .touched = MST_NONE,
        .next = MST_NEVER,
    };
    t->count++;
    link_id(t, slot);
    link_key(t, slot);
    return slot;
}

struct mst_slot *mst_table_by_id(const struct mst_table *t, struct mst_slice id)
{
    if (!t->hash_cap)
        return NULL;
    uint32_t mask = t->hash_cap - 1;
    for (uint32_t i = hash_id(id) & mask; t->by_id[i]; i = (i + 1) & mask) {
        struct mst_slot *slot = mst_table_at(t, t->by_id[i] - 1);
        if (same(id, slot->o.id))
            return slot;
    }
    return NULL;
}

struct mst_slot *mst_table_by_key(const struct mst_table *t, struct mst_slice duty,
                                  struct mst_slice period, const char *bearer)
{
    if (!t->hash_cap)
        return NULL;
    struct mst_slice unit = mst_text(bearer);
    uint32_t mask = t->hash_cap - 1;
    for (uint32_t i = hash_key(duty, period, unit) & mask; t->by_key[i]; i = (i + 1) & mask) {
        struct mst_slot *slot = mst_table_at(t, t->by_key[i] - 1);
        if (same_key(&slot->o, duty, period, unit))
            return slot;
    }
    return NULL;
}

void mst_table_cut(struct mst_table *t, uint32_t count)
{
    assert(count <= t->count);
    if (count == t->count)
        return;
    t->count = count;
    relink(t);
}

void mst_table_done(struct mst_table *t)
{
    for (size_t i = 0; i < t->chunks_count; i++)
        free(t->chunks[i]);
    free(t->chunks);
    free(t->by_id);
    free(t->by_key);
    *t = (struct mst_table){0};
}

int mst_names_init(struct mst_names *n, const struct mst_programme *p)
{
    uint32_t cap = 16;
    while (cap < p->units_count * 2)
        cap *= 2;
    *n = (struct mst_names){
        .units = calloc(cap, sizeof *n->units),
        .units_cap = cap,
        .group_of = malloc((p->units_count + 1) * sizeof *n->group_of),
        .contacts = calloc(p->units_count + 1, sizeof *n->contacts),
    };
    if (!n->units || !n->group_of || !n->contacts) {
        mst_names_done(n);
        return MST_E_NOMEM;
    }
    for (uint32_t u = 0; u < p->units_count; u++) {
        uint32_t i = hash_id(mst_text(p->units[u].id)) & (cap - 1);
        while (n->units[i])
            i = (i + 1) & (cap - 1);
        n->units[i] = u + 1;
        n->group_of[u] = MST_NONE;
    }
    for (uint32_t g = 0; g < p->groups_count; g++) {
        if (p->groups[g].lead != SIZE_MAX)
            n->group_of[p->groups[g].lead] = g;
        for (size_t m = 0; m < p->groups[g].members_count; m++)
            n->group_of[p->groups[g].members[m]] = g;
    }
    return 0;
}

void mst_names_done(struct mst_names *n)
{
    free(n->units);
    free(n->group_of);
    free(n->contacts);
    *n = (struct mst_names){0};
}

uint32_t mst_names_unit(const struct mst_names *n, const struct mst_programme *p,
                        struct mst_slice id)
{
    if (!id.data || !id.len)
        return MST_NONE;
    uint32_t mask = n->units_cap - 1;
    for (uint32_t i = hash_id(id) & mask; n->units[i]; i = (i + 1) & mask) {
        if (same(id, p->units[n->units[i] - 1].id))
            return n->units[i] - 1;
    }
    return MST_NONE;
}

uint32_t mst_names_duty(const struct mst_programme *p, struct mst_slice id)
{
    /* A programme has a dozen duties: a walk is as quick as a hash. */
    for (uint32_t d = 0; id.data && d < p->duties_count; d++) {
        if (same(id, p->duties[d].id))
            return d;
    }
    return MST_NONE;
}
