/* SPDX-License-Identifier: Apache-2.0 */
/* One job at a time in a thread of its own. Knows nothing of what the job does. */
#include "broker/store/behind.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void tell(int fd)
{
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof one); /* a counter of 64 bits never fills */
    (void)written;
}

static void *work(void *context)
{
    struct mst_behind *b = context;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        while (!b->wanted && !b->ending)
            pthread_cond_wait(&b->wake, &b->lock);
        if (!b->wanted)
            break;
        pthread_mutex_unlock(&b->lock);
        b->job(b->context);
        pthread_mutex_lock(&b->lock);
        b->wanted = false;
        tell(b->fd);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

int mst_behind_start(struct mst_behind *b, mst_behind_fn job, void *context, struct mst_err *err)
{
    *b = (struct mst_behind){.job = job, .context = context};
    b->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (b->fd < 0)
        return mst_fail(err, MST_E_IO, "eventfd: %s", strerror(errno));
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->wake, NULL);
    int rc = pthread_create(&b->thread, NULL, work, b);
    if (rc == 0) {
        b->started = true;
        return 0;
    }
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
    close(b->fd);
    return mst_fail(err, MST_E_IO, "pthread_create: %s", strerror(rc));
}

void mst_behind_begin(struct mst_behind *b)
{
    pthread_mutex_lock(&b->lock);
    b->wanted = true;
    pthread_mutex_unlock(&b->lock);
    pthread_cond_signal(&b->wake);
}

bool mst_behind_done(struct mst_behind *b)
{
    uint64_t count;
    if (read(b->fd, &count, sizeof count) != (ssize_t)sizeof count)
        return false;
    /* What the job wrote is seen by whoever has had the lock after it. */
    pthread_mutex_lock(&b->lock);
    pthread_mutex_unlock(&b->lock);
    return true;
}

void mst_behind_wait(struct mst_behind *b)
{
    struct pollfd done = {.fd = b->fd, .events = POLLIN};
    while (!mst_behind_done(b))
        (void)poll(&done, 1, -1);
}

void mst_behind_stop(struct mst_behind *b)
{
    if (!b->started)
        return;
    pthread_mutex_lock(&b->lock);
    b->ending = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
    close(b->fd);
    b->started = false;
}
