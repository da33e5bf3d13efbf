/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The query threads: they take queries from the loop, answer them in chunks, and wake the loop to
 * send them. The loop never blocks on them, and they never block on the loop but to hand a chunk
 * over. There are two, each with its own reader, so that work of minutes keeps nobody waiting.
 */
#include "broker/io/query_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "config/load/system.h"

/* A reply carries rows up to this size, and up to half of what a message may be. */
#define CHUNK_BYTES_MAX 24576
/* Replies that may wait for the loop before the thread waits for it. */
#define OUTCOMES_MAX 64
/* A peer that does not read its replies is waited for so long, looked at so often. */
#define UNREAD_MS_MAX 1000
#define UNREAD_LOOK_MS 10

/* ---- replies, from the threads ---- */

static void wake_loop(const struct mst_query_pool *pool)
{
    uint64_t one = 1;
    ssize_t written = write(pool->fd, &one, sizeof one);
    (void)written; /* a full counter means the loop is awake already */
}

void mst_query_hand_over(struct mst_query_pool *pool, struct mst_query_outcome *out)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->outcomes_count >= OUTCOMES_MAX && !pool->stopping)
        pthread_cond_wait(&pool->room, &pool->lock);
    *pool->outcomes_end = out;
    pool->outcomes_end = &out->next;
    pool->outcomes_count++;
    pthread_mutex_unlock(&pool->lock);
    wake_loop(pool);
}

/* ---- the threads ---- */

void mst_query_free_job(struct mst_query_job *job)
{
    mst_buf_done(&job->args);
    free(job->last);
    free(job->seen);
    free(job);
}

static void *serve(void *context)
{
    struct mst_query_lane *lane = context;
    struct mst_query_pool *pool = lane->pool;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        struct mst_query_job *job = lane->jobs_released > 0 ? lane->jobs : NULL;
        if (!job) {
            pthread_cond_wait(&lane->wake, &pool->lock);
            continue;
        }
        lane->jobs = job->next;
        if (!lane->jobs)
            lane->jobs_end = &lane->jobs;
        lane->jobs_count--;
        lane->jobs_released--;
        pthread_mutex_unlock(&pool->lock);
        mst_query_answer(lane, job);
        mst_query_free_job(job);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static int lane_start(struct mst_store *store, struct mst_query_lane *lane, struct mst_err *err)
{
    int code = mst_store_reader_open(store, &lane->reader, err);
    if (code)
        return code;
    if (pthread_create(&lane->thread, NULL, serve, lane) != 0)
        return mst_fail_on(err, MST_E_NOMEM, "thread");
    lane->started = true;
    return 0;
}

static void free_outcome(struct mst_query_outcome *out)
{
    mst_programme_unref(out->programme);
    mst_buf_done(&out->frame);
    free(out);
}

static void drop_outcomes(struct mst_query_outcome *out)
{
    for (struct mst_query_outcome *next; out; out = next) {
        next = out->next;
        free_outcome(out);
    }
}

int mst_query_start(struct mst_broker *b, struct mst_err *err)
{
    struct mst_query_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return mst_fail_on(err, MST_E_NOMEM, "queries");
    pool->outcomes_end = &pool->outcomes;
    pool->chunk_bytes_max = (size_t)b->settings.BROKER_message_bytes_max / 2;
    if (pool->chunk_bytes_max > CHUNK_BYTES_MAX)
        pool->chunk_bytes_max = CHUNK_BYTES_MAX;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->room, NULL);
    for (size_t i = 0; i < MST_QUERY_LANES; i++) {
        pool->lanes[i].pool = pool;
        pool->lanes[i].jobs_end = &pool->lanes[i].jobs;
        pthread_cond_init(&pool->lanes[i].wake, NULL);
    }
    b->queries = pool;
    pool->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int code = pool->fd < 0 ? mst_fail_system(err, "eventfd", errno) : 0;
    for (size_t i = 0; !code && i < MST_QUERY_LANES; i++)
        code = lane_start(b->store, &pool->lanes[i], err);
    if (code)
        mst_query_stop(b);
    return code;
}

static void lane_stop(struct mst_query_lane *lane)
{
    if (lane->started)
        pthread_join(lane->thread, NULL);
    for (struct mst_query_job *job = lane->jobs, *next; job; job = next) {
        next = job->next;
        mst_programme_unref(job->query.programme);
        mst_query_free_job(job);
    }
    mst_reader_close(lane->reader);
    pthread_cond_destroy(&lane->wake);
}

void mst_query_stop(struct mst_broker *b)
{
    struct mst_query_pool *pool = b->queries;
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    for (size_t i = 0; i < MST_QUERY_LANES; i++)
        pthread_cond_signal(&pool->lanes[i].wake);
    pthread_cond_broadcast(&pool->room);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < MST_QUERY_LANES; i++)
        lane_stop(&pool->lanes[i]);
    if (pool->fd >= 0) {
        mst_query_drain(b);
        close(pool->fd);
    }
    drop_outcomes(pool->sending);
    drop_outcomes(pool->outcomes);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->room);
    free(pool);
    b->queries = NULL;
}

int mst_query_fd(const struct mst_broker *b)
{
    return b->queries->fd;
}

/* False: the peer does not read yet what this pass, or this very outcome, would say. */
static bool send_outcome(struct mst_broker *b, struct mst_query_outcome *out)
{
    uint64_t pass = b->queries->pass;
    struct mst_session *s = mst_session_by_id(b, out->session);
    if (!s || !s->welcome || out->frame.len == 0)
        return true;
    if (s->unread_pass == pass)
        return false; /* in order: what came before waits */
    if (out->code == MST_E_DENIED)
        mst_log(&b->log, 4, "denied", "principal=%s address=%s verb=query", s->principal,
                s->address);
    if (mst_session_offer(b, s, out->frame.data, out->frame.len)) {
        s->unread_boot_ms = 0;
        return true;
    }
    int64_t boot = mst_clock_boot();
    if (!s->unread_boot_ms)
        s->unread_boot_ms = boot;
    if (boot - s->unread_boot_ms < UNREAD_MS_MAX) {
        s->unread_pass = pass;
        return false;
    }
    s->unread_boot_ms = 0;
    mst_session_send(b, s, out->frame.data, out->frame.len);
    return true;
}

/* Those who do not read are passed over: they keep nobody else waiting, however many they are. */
void mst_query_drain(struct mst_broker *b)
{
    struct mst_query_pool *pool = b->queries;
    uint64_t count;
    ssize_t got = read(pool->fd, &count, sizeof count);
    (void)got; /* nothing there is fine: the list says what there is */
    struct mst_query_outcome **at = &pool->sending;
    while (*at)
        at = &(*at)->next;
    /* What comes while these are sent waits for the next pass: others are served in between. */
    pthread_mutex_lock(&pool->lock);
    *at = pool->outcomes;
    pool->outcomes = NULL;
    pool->outcomes_end = &pool->outcomes;
    pthread_mutex_unlock(&pool->lock);
    pool->pass++;
    size_t sent = 0;
    for (at = &pool->sending; *at;) {
        struct mst_query_outcome *out = *at;
        if (!send_outcome(b, out)) {
            at = &out->next;
            continue;
        }
        *at = out->next;
        free_outcome(out);
        sent++;
    }
    pthread_mutex_lock(&pool->lock);
    pool->outcomes_count -= sent;
    pthread_cond_broadcast(&pool->room);
    pthread_mutex_unlock(&pool->lock);
}

int64_t mst_query_wait_ms(const struct mst_broker *b)
{
    return b->queries->sending ? UNREAD_LOOK_MS : -1;
}
