/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena: blocks that grow, released together. Frees nothing singly, and is for one thread.
 */
#include "config/model/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES_MIN 4096
#define BLOCK_BYTES_MAX 262144
#define ALLOC_BYTES_MAX ((size_t)1 << 30)

struct block {
    struct block *older;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

struct mst_arena {
    struct block *newest;
    size_t block_size; /* of the next block */
};

struct mst_arena *mst_arena_new(void)
{
    struct mst_arena *arena = calloc(1, sizeof *arena);
    if (arena)
        arena->block_size = BLOCK_BYTES_MIN;
    return arena;
}

void mst_arena_free(struct mst_arena *arena)
{
    if (!arena)
        return;
    for (struct block *block = arena->newest; block;) {
        struct block *older = block->older;
        free(block);
        block = older;
    }
    free(arena);
}

/* Put a block in front that holds at least `size` bytes. */
static struct block *grow(struct mst_arena *arena, size_t size)
{
    size_t block_size = size > arena->block_size ? size : arena->block_size;
    struct block *block = calloc(1, sizeof *block + block_size);
    if (!block)
        return NULL;
    block->size = block_size;
    block->older = arena->newest;
    arena->newest = block;
    if (arena->block_size < BLOCK_BYTES_MAX)
        arena->block_size *= 2;
    return block;
}

void *mst_arena_alloc(struct mst_arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > ALLOC_BYTES_MAX)
        return NULL;
    size_t padded = size ? (size + align - 1) / align * align : align;
    struct block *block = arena->newest;
    if (!block || block->size - block->used < padded)
        block = grow(arena, padded);
    if (!block)
        return NULL;
    void *memory = block->bytes + block->used;
    block->used += padded;
    return memory;
}

char *mst_arena_strndup(struct mst_arena *arena, const char *s, size_t len)
{
    if (!s || len == SIZE_MAX)
        return NULL;
    size_t n = strnlen(s, len);
    char *copy = mst_arena_alloc(arena, n + 1);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}

char *mst_arena_strdup(struct mst_arena *arena, const char *s)
{
    return s ? mst_arena_strndup(arena, s, strlen(s)) : NULL;
}
