/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is: letters that may still join the batch, its commit, or, once the loop is quiet,
 * the database, which takes what was answered. A policy of counts and instants: it reads no clock
 * and asks no socket, so that every case of it is a test (test_io_turns).
 *
 * Who was just answered may send again at once. Where a commit takes longer than that, a batch
 * waits a moment for as many letters as the last one had, so that they share it. Where it does not,
 * a batch has half as many: two take turns, of which one is committed while the other is sent.
 */
#ifndef MST_BROKER_IO_TURNS_H
#define MST_BROKER_IO_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So long a batch waits for letters, counted from when it has waited first. A commit that takes
 * longer is a long one. */
#define MST_GATHER_MS 1
/* So long after a commit the loop is quiet if nothing has come: then the database takes what was
 * answered. */
#define MST_QUIET_MS 1
/* A quiet loop waits this long before it looks again whether more of the log can be moved. */
#define MST_MAINTAIN_AFTER_MS 50

/* All zero, but for `unmoved`: nothing was committed yet. */
struct mst_turns {
    uint64_t answered; /* letters of the last batch that had any */
    int64_t commit_ms; /* how long the last commit took */
    int64_t until_ms;  /* the open batch waits up to here; 0: it has not waited yet */
    bool committed;    /* since the loop slept last */
    bool unmoved;      /* the store holds something to publish, or to move into the database */
};

enum mst_turn {
    MST_TURN_COMMIT,  /* the batch ends */
    MST_TURN_LETTERS, /* look at once whether there are more letters */
    MST_TURN_WAIT     /* wait MST_GATHER_MS for one at most, and commit if none comes */
};

/* After each look. `letters`: of the batch so far; `last`: of them, those that this look found;
 * `now_ms`: by any clock that only goes forward, not 0. */
enum mst_turn mst_turns_next(struct mst_turns *t, uint64_t letters, uint64_t last, int64_t now_ms);
/* The batch takes no more letters than these. */
void mst_turns_end(struct mst_turns *t, uint64_t letters);
/* A commit was begun, or has come to its end, so long after it was begun. */
void mst_turns_committed(struct mst_turns *t, int64_t took_ms);
/* The loop has slept, and no commit came to its end meanwhile. */
void mst_turns_slept(struct mst_turns *t);
/* So long it may sleep before it looks whether it is quiet; -1: for ever. */
int64_t mst_turns_quiet_ms(const struct mst_turns *t);
/* Is it the database's turn? `events`: how many have woken the loop. Nothing must be in the making.
 */
bool mst_turns_quiet(const struct mst_turns *t, int events);

#endif
