/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that does one job, again and again, each time it is told to, and says by a descriptor
 * that it is done. What the job works on belongs to the thread from mst_behind_begin() until
 * mst_behind_done() has said true, and to the caller otherwise: nothing is shared, so nothing else
 * is locked.
 */
#ifndef MST_BROKER_STORE_BEHIND_H
#define MST_BROKER_STORE_BEHIND_H

#include <pthread.h>
#include <stdbool.h>

#include "proto/err.h"

typedef void (*mst_behind_fn)(void *context);

struct mst_behind {
    mst_behind_fn job;
    void *context;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool started, wanted, ending;
    int fd; /* readable when the job is done */
};

MST_MUST_CHECK int mst_behind_start(struct mst_behind *b, mst_behind_fn job, void *context,
                                    struct mst_err *err);
void mst_behind_begin(struct mst_behind *b);
/* True once for each job that is done. */
bool mst_behind_done(struct mst_behind *b);
/* Until the job under way is done; there must be one that mst_behind_done() has not told of. */
void mst_behind_wait(struct mst_behind *b);
/* After the job under way, if any. Legal when it was not started. */
void mst_behind_stop(struct mst_behind *b);

#endif
