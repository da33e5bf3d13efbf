/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of letters between the loop, which fills it at one end and empties it at the other, and
 * the thread that reads what lies between. Whoever claims a letter works for it, and nobody waits
 * for a lock while he does. Decides nothing about a letter.
 */
#include "broker/io/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Letters are counted, never numbered anew: number n lies at n % room. */
struct mst_ahead {
    struct mst_letter *letters;
    size_t room;
    size_t first, end; /* the loop's: the oldest, and behind the newest */
    pthread_t thread;
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t wake;
    size_t served, given; /* the thread works for what lies between */
    bool asleep, ending;
    atomic_bool awaited; /* the loop sleeps until the oldest is read */
    int fd;
};

static struct mst_letter *at(const struct mst_ahead *a, size_t number)
{
    return &a->letters[number % a->room];
}

struct mst_slice mst_letter_bytes(struct mst_letter *l)
{
    return mst_bytes(zmq_msg_data(&l->payload), zmq_msg_size(&l->payload));
}

void mst_read(struct mst_slice bytes, const uint8_t *sign_key, struct mst_msg_scratch *scratch,
              struct mst_reading *ret)
{
    scratch->used = 0;
    ret->code = mst_msg_decode(bytes.data, bytes.len, MST_UP, scratch, &ret->msg, &ret->why);
    ret->verified = sign_key && !ret->code && ret->msg.type == MST_MSG_push;
    if (ret->verified)
        mst_driver_verify(sign_key, &ret->msg.u.push, &ret->push);
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
        mst_read(mst_letter_bytes(l), l->sign_key, &l->scratch, &l->reading);
    atomic_store(&l->state, MST_LETTER_READ);
    return true;
}

/* ---- the thread ---- */

static void tell(int fd)
{
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof one); /* a counter of 64 bits never fills */
    (void)written;
}

/* Sleep until there is a letter from `number` on; false: it is to end. */
static bool more(struct mst_ahead *a, size_t *number, size_t *ret_end)
{
    pthread_mutex_lock(&a->lock);
    a->asleep = true;
    while (!a->ending && *number >= a->given)
        pthread_cond_wait(&a->wake, &a->lock);
    a->asleep = false;
    if (*number < a->served)
        *number = a->served;
    *ret_end = a->given;
    bool ending = a->ending;
    pthread_mutex_unlock(&a->lock);
    return !ending;
}

static void *work(void *context)
{
    struct mst_ahead *a = context;
    size_t number = 0, end;
    while (more(a, &number, &end)) {
        for (; number < end; number++) {
            if (work_for(at(a, number)) && atomic_exchange(&a->awaited, false))
                tell(a->fd);
        }
    }
    return NULL;
}

int mst_ahead_open(size_t room, struct mst_ahead **ret, struct mst_err *err)
{
    struct mst_ahead *a = calloc(1, sizeof *a);
    if (!a)
        return mst_fail_on(err, MST_E_NOMEM, "letters");
    a->room = room;
    /* Large, and touched only where letters are. */
    a->letters = calloc(room, sizeof *a->letters);
    a->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int code = a->letters ? 0 : mst_fail_on(err, MST_E_NOMEM, "letters");
    if (!code && a->fd < 0)
        code = mst_fail(err, MST_E_IO, "eventfd: %s", strerror(errno));
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->wake, NULL);
    int rc = code ? 0 : pthread_create(&a->thread, NULL, work, a);
    if (rc)
        code = mst_fail(err, MST_E_IO, "pthread_create: %s", strerror(rc));
    if (!code) {
        *ret = a;
        return 0;
    }
    pthread_cond_destroy(&a->wake);
    pthread_mutex_destroy(&a->lock);
    if (a->fd >= 0)
        close(a->fd);
    free(a->letters);
    free(a);
    return code;
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
    pthread_cond_destroy(&a->wake);
    pthread_mutex_destroy(&a->lock);
    while (a->first < a->end)
        zmq_msg_close(&at(a, a->first++)->payload);
    close(a->fd);
    free(a->letters);
    free(a);
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

void mst_ahead_go(struct mst_ahead *a, bool busy)
{
    if (a->end - a->first < (busy ? 1 : 2))
        return;
    pthread_mutex_lock(&a->lock);
    a->served = a->first;
    a->given = a->end;
    if (a->asleep)
        pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

const struct mst_letter *mst_ahead_oldest(const struct mst_ahead *a)
{
    return a->first < a->end ? at(a, a->first) : NULL;
}

struct mst_letter *mst_ahead_next(struct mst_ahead *a, bool help)
{
    if (a->first == a->end)
        return NULL;
    struct mst_letter *l = at(a, a->first);
    if (help || !l->worth)
        (void)work_for(l);
    return atomic_load(&l->state) == MST_LETTER_READ ? l : NULL;
}

void mst_ahead_drop(struct mst_ahead *a)
{
    zmq_msg_close(&at(a, a->first++)->payload);
}

bool mst_ahead_await(struct mst_ahead *a)
{
    if (a->first == a->end || atomic_load(&at(a, a->first)->state) != MST_LETTER_CLAIMED)
        return false;
    atomic_store(&a->awaited, true);
    return atomic_load(&at(a, a->first)->state) == MST_LETTER_CLAIMED;
}

int mst_ahead_fd(const struct mst_ahead *a)
{
    return a->fd;
}

void mst_ahead_heard(struct mst_ahead *a)
{
    uint64_t count;
    ssize_t taken = read(a->fd, &count, sizeof count);
    (void)taken;
}
