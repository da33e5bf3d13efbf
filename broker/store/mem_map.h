/* SPDX-License-Identifier: Apache-2.0 */
/* An ordered map from bytes to bytes, in memory: a skip list. Keys ascend as memcmp has it. */
#ifndef MST_BROKER_STORE_MEM_MAP_H
#define MST_BROKER_STORE_MEM_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/msg.h"

#define MST_MEM_LEVELS 20

struct mst_mem_entry {
    struct mst_mem_entry **next; /* levels of them; next[0]: the one after this */
    int levels;
    struct mst_slice key, value; /* owned by the entry */
};

struct mst_mem_map {
    struct mst_mem_entry *first[MST_MEM_LEVELS];
    uint32_t dice;
};

void mst_mem_map_done(struct mst_mem_map *map); /* frees the entries; leaves an empty map */
/* Insert or replace; the value is the parts one after the other. False: out of memory, and nothing
 * has changed. */
bool mst_mem_map_put(struct mst_mem_map *map, struct mst_slice key, const struct mst_slice *parts,
                     size_t count);
bool mst_mem_map_remove(struct mst_mem_map *map, struct mst_slice key);
/* First entry whose key is not below this one; NULL: none. */
struct mst_mem_entry *mst_mem_map_seek(const struct mst_mem_map *map, struct mst_slice key);
/* NULL: none. */
struct mst_mem_entry *mst_mem_map_find(const struct mst_mem_map *map, struct mst_slice key);
/* Last entry of the map below this key; NULL: none. */
struct mst_mem_entry *mst_mem_map_before(const struct mst_mem_map *map, struct mst_slice key);
/* Move all entries of `from` into `to`, replacing. Cannot fail. */
void mst_mem_map_move(struct mst_mem_map *to, struct mst_mem_map *from);

/* Below 0, 0, above 0, as memcmp; of a key and its beginning the beginning is smaller. */
int mst_mem_compare(struct mst_slice a, struct mst_slice b);

#endif
