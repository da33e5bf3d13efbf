/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zeros that are written into a file ahead of what is appended to it. Then an append overwrites
 * bytes that are there, and its sync has neither a length nor an extent to write down (0.14 ms
 * instead of 0.24 for 128 KiB, docs/performance.md). A thread writes them; who appends never waits
 * for it unless he has reached it.
 *
 * All functions are the appending thread's.
 */
#ifndef MST_BROKER_STORE_ZEROS_H
#define MST_BROKER_STORE_ZEROS_H

#include <sqlite3.h>
#include <stdint.h>

#include "broker/store/behind.h"

/* Invariant: what lies between the bytes that were appended and `end` is zeros. */
struct mst_zeros {
    int64_t bytes_max; /* so far ahead; 0: none are written */
    int64_t end;       /* up to here they are written */
    sqlite3_file *file;
    int64_t from, to; /* the thread's while it works: what it writes */
    bool done;        /* its: it did */
    bool working;
    bool threaded;
    struct mst_behind thread; /* not started: they are written at once */
};

/* threaded: the files are those of direct.h, which two threads may write; the thread is started
 * when it is needed first. */
void mst_zeros_init(struct mst_zeros *z, int64_t bytes_max, bool threaded);
void mst_zeros_done(struct mst_zeros *z);

/* Bytes were appended up to `end`: write more zeros into the file, if fewer than half are left. */
void mst_zeros_follow(struct mst_zeros *z, sqlite3_file *file, int64_t end);
/* Up to here the caller may write: wait for the thread if it is at work there. True: into zeros. */
bool mst_zeros_reach(struct mst_zeros *z, int64_t end);
/* The file ends here now, or is another, with nothing behind: `end`. The caller has reached it. */
void mst_zeros_restart(struct mst_zeros *z, int64_t end);
/* Wait until the thread does not use the file. */
void mst_zeros_settle(struct mst_zeros *z);

#endif
