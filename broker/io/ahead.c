/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of letters between the loop, which fills it at one end and empties it at the other, and
 * the thread that reads what lies between. Whoever claims a letter works for it, and nobody waits
 * for a lock while he does. Decides nothing about a letter.
 */
#include "broker/io/ahead.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "config/load/system.h"

/* Who has at least so many letters before him lets others have the core after each: a kernel need
 * not interrupt him for a thread that he woke, not even for the commit or the sockets that all wait
 * for. With fewer, as when one sender pushes, he is who is waited for. */
#define CROWD_LETTERS 3

/* Letters are counted, never numbered anew: number n lies at n % room. */
struct mst_ahead {
    struct mst_letter *letters;
    size_t room;
    size_t first, end; /* the loop's: the oldest, and behind the newest */
    size_t begun;      /* the loop's: whoever reads them, all before it are begun */
    pthread_t thread;
    int apart_from;       /* the loop's: the core that the thread is kept off */
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t wake, read;
    size_t served, given; /* the thread works for what lies between */
    bool asleep, called, ending;
    mst_ahead_errand_fn errand;
    void *context;
    atomic_bool awaited; /* the loop sleeps until the oldest is read */
};

static struct mst_letter *at(const struct mst_ahead *a, size_t number)
{
    return &a->letters[number % a->room];
}

struct mst_slice mst_letter_bytes(struct mst_letter *l)
{
    return mst_bytes(zmq_msg_data(&l->payload), zmq_msg_size(&l->payload));
}

void mst_read(struct mst_slice bytes, const uint8_t *sign_key, struct mst_reading_room *room,
              struct mst_reading *ret)
{
    room->scratch.used = 0;
    ret->code = mst_msg_decode(bytes.data, bytes.len, MST_UP, &room->scratch, &ret->msg, &ret->why);
    ret->verified = sign_key && !ret->code && ret->msg.type == MST_MSG_push;
    if (ret->verified)
        mst_driver_verify(sign_key, &ret->msg.u.push, room->reports, MST_REPORTS_AHEAD, &ret->push);
    ret->done = true;
}

/* False: another has claimed it. */
static bool work_for(struct mst_letter *l)
{
    int waits = MST_LETTER_WAITS;
    if (!atomic_compare_exchange_strong(&l->state, &waits, MST_LETTER_CLAIMED))
        return false;
    /* Who will surely be refused is not worked for. */
    if (l->worth)
        mst_read(mst_letter_bytes(l), l->sign_key, &l->room, &l->reading);
    atomic_store(&l->state, MST_LETTER_READ);
    return true;
}

/* ---- the thread ---- */

/* What there is to do from letter `number` on. */
struct work {
    bool errand;
    size_t end;
};

/* Sleep until there is something; false: the thread is to end. */
static bool find_work(struct mst_ahead *a, size_t *number, struct work *ret)
{
    pthread_mutex_lock(&a->lock);
    a->asleep = true;
    while (!a->ending && !a->called && *number >= a->given)
        pthread_cond_wait(&a->wake, &a->lock);
    a->asleep = false;
    if (*number < a->served)
        *number = a->served;
    *ret = (struct work){.errand = a->called, .end = a->given};
    a->called = false;
    bool ending = a->ending;
    pthread_mutex_unlock(&a->lock);
    return !ending;
}

static void forget(struct mst_ahead *a)
{
    pthread_cond_destroy(&a->read);
    pthread_cond_destroy(&a->wake);
    pthread_mutex_destroy(&a->lock);
    free(a->letters);
    free(a);
}

static void tell(struct mst_ahead *a)
{
    pthread_mutex_lock(&a->lock);
    pthread_cond_signal(&a->read);
    pthread_mutex_unlock(&a->lock);
}

static void *work(void *context)
{
    struct mst_ahead *a = context;
    struct work w;
    for (size_t number = 0; find_work(a, &number, &w);) {
        while (w.errand && a->errand(a->context))
            ;
        if (number < w.end && work_for(at(a, number++)) && atomic_load(&a->awaited))
            tell(a);
        if (number + CROWD_LETTERS <= w.end)
            sched_yield();
    }
    return NULL;
}

int mst_ahead_open(size_t room, mst_ahead_errand_fn errand, void *context, struct mst_ahead **ret,
                   struct mst_err *err)
{
    struct mst_ahead *a = calloc(1, sizeof *a);
    /* Large, and touched only where letters are. */
    struct mst_letter *letters = calloc(room, sizeof *letters);
    if (!a || !letters) {
        free(a);
        free(letters);
        return mst_fail_on(err, MST_E_NOMEM, "letters");
    }
    *a = (struct mst_ahead){
        .letters = letters, .room = room, .errand = errand, .context = context, .apart_from = -1};
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->wake, NULL);
    pthread_cond_init(&a->read, NULL);
    int rc = pthread_create(&a->thread, NULL, work, a);
    if (rc == 0) {
        *ret = a;
        return 0;
    }
    forget(a);
    return mst_fail_system(err, "pthread_create", rc);
}

void mst_ahead_close(struct mst_ahead *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->ending = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    while (a->first < a->end)
        zmq_msg_close(&at(a, a->first++)->payload);
    forget(a);
}

/* ---- the loop's ends of the ring ---- */

struct mst_letter *mst_ahead_room(struct mst_ahead *a)
{
    return a->end - a->first < a->room ? at(a, a->end) : NULL;
}

void mst_ahead_post(struct mst_ahead *a)
{
    struct mst_letter *l = at(a, a->end++);
    l->reading.done = l->reading.verified = false;
    atomic_store(&l->state, MST_LETTER_WAITS);
}

/* A kernel with few cores may wake a thread where it slept, behind its waker, while another core is
 * idle: so the loop's core is taken from those that the thread may use, if there are others. */
static void keep_apart(struct mst_ahead *a)
{
    cpu_set_t cores;
    int core = sched_getcpu();
    if (core < 0 || core == a->apart_from || sched_getaffinity(0, sizeof cores, &cores) != 0)
        return;
    a->apart_from = core;
    CPU_CLR((size_t)core, &cores);
    if (CPU_COUNT(&cores) > 0)
        (void)pthread_setaffinity_np(a->thread, sizeof cores, &cores);
}

/* Signalled without the lock, which the thread would only wait for. */
static void wake(struct mst_ahead *a)
{
    bool asleep = a->asleep;
    pthread_mutex_unlock(&a->lock);
    if (!asleep)
        return;
    keep_apart(a);
    pthread_cond_signal(&a->wake);
}

void mst_ahead_go(struct mst_ahead *a, bool busy)
{
    if (a->end - a->first < (busy ? 1 : 2))
        return;
    pthread_mutex_lock(&a->lock);
    a->served = a->first;
    a->given = a->end;
    wake(a);
}

void mst_ahead_call(struct mst_ahead *a)
{
    pthread_mutex_lock(&a->lock);
    a->called = true;
    wake(a);
}

const struct mst_letter *mst_ahead_oldest(const struct mst_ahead *a)
{
    return a->first < a->end ? at(a, a->first) : NULL;
}

bool mst_ahead_help(struct mst_ahead *a)
{
    if (a->begun < a->first)
        a->begun = a->first;
    while (a->begun < a->end) {
        if (work_for(at(a, a->begun++)))
            return true;
    }
    return false;
}

static bool is_read(const struct mst_letter *l)
{
    return atomic_load(&l->state) == MST_LETTER_READ;
}

struct mst_letter *mst_ahead_next(struct mst_ahead *a)
{
    if (a->first == a->end)
        return NULL;
    struct mst_letter *l = at(a, a->first);
    while (!is_read(l) && mst_ahead_help(a))
        ;
    if (is_read(l))
        return l;
    pthread_mutex_lock(&a->lock);
    atomic_store(&a->awaited, true);
    while (!is_read(l))
        pthread_cond_wait(&a->read, &a->lock);
    atomic_store(&a->awaited, false);
    pthread_mutex_unlock(&a->lock);
    return l;
}

void mst_ahead_drop(struct mst_ahead *a)
{
    zmq_msg_close(&at(a, a->first++)->payload);
}
