/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in memory under the real store: an SQLite VFS that records every write, truncation, sync,
 * creation and deletion, fails on demand, and rebuilds what a power cut at any moment may leave.
 *
 * The disk it plays is as bad as the contract with SQLite allows: what was not synced may be there
 * or not, each 512-byte sector for itself, in any order across and within files. What was synced
 * stays. A sync that fails leaves what it should have written in doubt for ever, later successful
 * syncs notwithstanding (as Linux does). Connections of one thread at a time.
 */
#ifndef MST_TESTS_STORE_MEMVFS_H
#define MST_TESTS_STORE_MEMVFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memvfs_log;

/* Make it SQLite's default, with an empty disk; back to what was before. */
void memvfs_install(void);
void memvfs_remove(void);

/* Empty the disk and the log. No file may be open. */
void memvfs_reset(void);

/* ---- recording ---- */

enum memvfs_mark { MEMVFS_STARTED, MEMVFS_ACKNOWLEDGED };
/* Note in the log that this batch is now started or acknowledged. */
void memvfs_note(enum memvfs_mark mark, uint64_t batch);
/* The store syncs its directory by itself, not through SQLite: note that it did. */
void memvfs_sync_directory(void);
/* Take the log; the disk's goes on empty. */
struct memvfs_log *memvfs_log_take(void);
void memvfs_log_free(struct memvfs_log *log);
size_t memvfs_log_len(const struct memvfs_log *log);
/* The largest batch of this mark among the first `cut` operations; 0: none. */
uint64_t memvfs_log_batch(const struct memvfs_log *log, size_t cut, enum memvfs_mark mark);

/* What becomes of operations that were not synced when the power went. */
enum memvfs_loss {
    MEMVFS_LOSE_NOTHING, /* only the process died */
    MEMVFS_LOSE_ALL,
    MEMVFS_LOSE_LATER, /* a beginning of them is there */
    MEMVFS_LOSE_SOME,  /* each for itself */
    MEMVFS_LOSE_SECTORS,
    MEMVFS_LOSSES
};
/* Put on the disk what the first `cut` operations may have left. Equal seeds give equal disks. */
void memvfs_load(const struct memvfs_log *log, size_t cut, enum memvfs_loss loss, uint64_t seed);

/* ---- failing ---- */

enum memvfs_fault {
    MEMVFS_IO_ERROR,
    MEMVFS_DISK_FULL,      /* writes fail, nothing else */
    MEMVFS_KILLED,         /* the process is gone: it asks nothing of the disk any more */
    MEMVFS_KILLED_AT_SYNC, /* the same, counting syncs only: all is written, nothing is safe */
};
/* Fail the k-th (from 1) write, sync, truncation, creation or deletion from now on; `for_ever`: and
 * all after it. k 0: fail nothing. */
void memvfs_fail_at(uint64_t k, bool for_ever, enum memvfs_fault fault);
/* Has the operation to fail come by? */
bool memvfs_has_failed(void);

/* Next number of a seeded sequence (splitmix64). */
uint64_t memvfs_roll(uint64_t *seed);

#endif
