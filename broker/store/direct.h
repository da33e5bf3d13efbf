/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of this system's, for SQLite's file methods, whose whole blocks are written past the
 * system's page cache: they are copied once less, and a sync finds nothing but its flush left to do
 * (measured in docs/performance.md). What is not whole blocks, and every block where the file
 * system takes none so, goes through the cache. It has no locks and no shared memory.
 *
 * Writes of two threads at a time to places of their own are legal.
 */
#ifndef MST_BROKER_STORE_DIRECT_H
#define MST_BROKER_STORE_DIRECT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* Of address, length and offset of what is written past the cache: no disk has larger blocks. */
#define MST_DIRECT_ALIGN 4096

/* In a sync's flags: the system tells of a write that failed once for each time that a file was
 * opened. With it, what it tells is not taken from a sync without it. */
#define MST_DIRECT_APART 0x1000

struct mst_direct_file {
    sqlite3_file base;
    int fd, other; /* of the same file, opened twice */
    bool past;     /* `other` writes past the cache */
};

/* SQLITE_OPEN_CREATE in `flags` makes it. SQLite's codes; after a failure nothing is open. */
int mst_direct_open(const char *path, int flags, sqlite3_file *ret_file);
/* Has its file system room for so many bytes more? */
bool mst_direct_has_room(sqlite3_file *file, int64_t bytes);

#endif
