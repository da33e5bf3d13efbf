/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the query threads share: query.c, the threads and their replies' way to the
 * peers; query_post.c, what the loop hands them; query_sink.c, how rows become replies. Nobody else
 * includes it.
 */
#ifndef MST_BROKER_IO_QUERY_IMPL_H
#define MST_BROKER_IO_QUERY_IMPL_H

#include <pthread.h>

#include "broker/io/broker.h"
#include "broker/io/query.h"

struct mst_query_job {
    struct mst_query_job *next;
    uint64_t session, request;
    mst_query_fn fn;
    struct mst_query query;
    char principal[65], unit[48], action[MST_ID_MAX];
    struct mst_buf args;
    struct mst_contact_seen *seen;
    struct mst_query_outcome
        *last; /* made beforehand, so that there is an answer whatever happens */
};

struct mst_query_outcome {
    struct mst_query_outcome *next;
    uint64_t session;
    struct mst_buf frame;
    enum mst_code code;
    struct mst_programme *programme; /* to be released by the loop: references are the loop's */
};

enum mst_query_lane_kind { MST_QUERY_LOOKS, MST_QUERY_WORK, MST_QUERY_LANES };

struct mst_query_lane {
    struct mst_query_pool *pool;
    pthread_t thread;
    bool started;
    pthread_cond_t wake;
    struct mst_query_job *jobs, **jobs_end;
    size_t jobs_count;
    size_t jobs_released; /* of them, from the first on, those that may be begun */
    struct mst_reader *reader;
};

struct mst_query_pool {
    pthread_mutex_t lock;
    pthread_cond_t room;
    struct mst_query_lane lanes[MST_QUERY_LANES];
    struct mst_query_outcome *outcomes, **outcomes_end;
    size_t outcomes_count; /* those being sent included */
    int fd;
    bool stopping;
    size_t chunk_bytes_max;
    bool posted; /* the loop's alone, as what follows: there is a job that may not be begun yet */
    /* What it is sending, and how often it has gone through that. */
    struct mst_query_outcome *sending;
    uint64_t pass;
};

/* ---- query.c ---- */

/* From a query's thread: the loop sends it. Waits while too many do. */
void mst_query_hand_over(struct mst_query_pool *pool, struct mst_query_outcome *out);
void mst_query_free_job(struct mst_query_job *job);

/* ---- query_sink.c ---- */

/* Answer a job, in its lane's thread, up to its last reply. */
void mst_query_answer(struct mst_query_lane *lane, struct mst_query_job *job);

#endif
