/* SPDX-License-Identifier: Apache-2.0 */
/* The skip list. An entry, its links, key and value are one allocation. No locks. */
#include "broker/store/mem_map.h"

#include <stdlib.h>
#include <string.h>

int mst_mem_compare(struct mst_slice a, struct mst_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.data, b.data, len) : 0;
    if (order)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

/* The links that lead to the first entry not below the key, one for each level. */
static void links_to(struct mst_mem_map *map, struct mst_slice key,
                     struct mst_mem_entry **links[MST_MEM_LEVELS])
{
    struct mst_mem_entry **nexts = map->first;
    for (int level = MST_MEM_LEVELS - 1; level >= 0; level--) {
        while (nexts[level] && mst_mem_compare(nexts[level]->key, key) < 0)
            nexts = nexts[level]->next;
        links[level] = &nexts[level];
    }
}

static void unlink_at(struct mst_mem_entry **links[MST_MEM_LEVELS], struct mst_mem_entry *entry)
{
    for (int level = 0; level < entry->levels; level++)
        *links[level] = entry->next[level];
    free(entry);
}

/* An entry of one level in two, of two in four, …: xorshift, seeded alike, so runs repeat. */
static int roll_levels(struct mst_mem_map *map)
{
    uint32_t x = map->dice ? map->dice : 2463534242U;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    map->dice = x;
    int levels = 1;
    for (; levels < MST_MEM_LEVELS && (x & 1); x >>= 1)
        levels++;
    return levels;
}

static struct mst_mem_entry *new_entry(int levels, struct mst_slice key,
                                       const struct mst_slice *parts, size_t count)
{
    size_t links_bytes = (size_t)levels * sizeof(struct mst_mem_entry *), value_bytes = 0;
    for (size_t i = 0; i < count; i++)
        value_bytes += parts[i].len;
    struct mst_mem_entry *entry = malloc(sizeof *entry + links_bytes + key.len + value_bytes);
    if (!entry)
        return NULL;
    entry->next = (struct mst_mem_entry **)(entry + 1);
    entry->levels = levels;
    uint8_t *at = (uint8_t *)(entry->next + levels);
    entry->key = (struct mst_slice){at, key.len};
    memcpy(at, key.data, key.len);
    at += key.len;
    entry->value = (struct mst_slice){at, value_bytes};
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len)
            memcpy(at, parts[i].data, parts[i].len);
        at += parts[i].len;
    }
    return entry;
}

static void link_entry(struct mst_mem_map *map, struct mst_mem_entry *entry)
{
    struct mst_mem_entry **links[MST_MEM_LEVELS];
    links_to(map, entry->key, links);
    struct mst_mem_entry *old = *links[0];
    if (old && mst_mem_compare(old->key, entry->key) == 0)
        unlink_at(links, old);
    for (int level = 0; level < entry->levels; level++) {
        entry->next[level] = *links[level];
        *links[level] = entry;
    }
}

bool mst_mem_map_put(struct mst_mem_map *map, struct mst_slice key, const struct mst_slice *parts,
                     size_t count)
{
    struct mst_mem_entry *entry = new_entry(roll_levels(map), key, parts, count);
    if (entry)
        link_entry(map, entry);
    return entry != NULL;
}

bool mst_mem_map_remove(struct mst_mem_map *map, struct mst_slice key)
{
    struct mst_mem_entry **links[MST_MEM_LEVELS];
    links_to(map, key, links);
    struct mst_mem_entry *entry = *links[0];
    if (!entry || mst_mem_compare(entry->key, key) != 0)
        return false;
    unlink_at(links, entry);
    return true;
}

struct mst_mem_entry *mst_mem_map_before(const struct mst_mem_map *map, struct mst_slice key)
{
    struct mst_mem_entry *const *nexts = map->first;
    struct mst_mem_entry *before = NULL;
    for (int level = MST_MEM_LEVELS - 1; level >= 0; level--) {
        while (nexts[level] && mst_mem_compare(nexts[level]->key, key) < 0) {
            before = nexts[level];
            nexts = before->next;
        }
    }
    return before;
}

struct mst_mem_entry *mst_mem_map_seek(const struct mst_mem_map *map, struct mst_slice key)
{
    const struct mst_mem_entry *before = mst_mem_map_before(map, key);
    return before ? before->next[0] : map->first[0];
}

struct mst_mem_entry *mst_mem_map_find(const struct mst_mem_map *map, struct mst_slice key)
{
    struct mst_mem_entry *entry = mst_mem_map_seek(map, key);
    return entry && mst_mem_compare(entry->key, key) == 0 ? entry : NULL;
}

void mst_mem_map_move(struct mst_mem_map *to, struct mst_mem_map *from)
{
    struct mst_mem_entry *entry = from->first[0];
    memset(from->first, 0, sizeof from->first);
    while (entry) {
        struct mst_mem_entry *next = entry->next[0];
        link_entry(to, entry);
        entry = next;
    }
}

void mst_mem_map_done(struct mst_mem_map *map)
{
    struct mst_mem_entry *entry = map->first[0];
    while (entry) {
        struct mst_mem_entry *next = entry->next[0];
        free(entry);
        entry = next;
    }
    memset(map->first, 0, sizeof map->first);
}
