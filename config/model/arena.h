/* SPDX-License-Identifier: Apache-2.0 */
/* An arena: memory that is released all at once. For models that are built once and then only read.
 */
#ifndef MST_CONFIG_MODEL_ARENA_H
#define MST_CONFIG_MODEL_ARENA_H

#include <stddef.h>

struct mst_arena;

struct mst_arena *mst_arena_new(void); /* NULL: out of memory */
void mst_arena_free(struct mst_arena *arena);
/* Zeroed, aligned for any type; NULL when out of memory or beyond 1 GiB. size 0 gives a unique
 * pointer. */
void *mst_arena_alloc(struct mst_arena *arena, size_t size);
/* A NUL-terminated copy; NULL for NULL or when out of memory. */
char *mst_arena_strdup(struct mst_arena *arena, const char *s);
char *mst_arena_strndup(struct mst_arena *arena, const char *s, size_t len);

#endif
