/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/io/tap.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/io/clock.h"
#include "config/load/testing.h"

/* Connections on higher descriptors are not taken. */
#define DESCRIPTORS_MAX 1048576
/* What a frame costs on the wire beside its bytes is less (ZMTP and CURVE: 42). */
#define FRAME_OVERHEAD 64
/* Forgiven with each message: heartbeats and the handshake, which never become one. */
#define MESSAGE_FORGIVEN 1024
/* A bucket holds what comes in so many seconds at its rate: all units after a power cut, at once.
 */
#define BURST_S 5
/* Addresses share this many buckets by a keyed hash; one of them gets this share of the door's. */
#define ADDRESS_SLOTS 256
#define ADDRESS_SHARE 4

/* By descriptor. */
struct connection {
    _Atomic int64_t unread;  /* bytes that are in no message that was heard */
    _Atomic uint32_t number; /* of the connection, even once it has ended */
    _Atomic uint8_t door;    /* from 1; 0: none of ours */
    _Atomic bool cut;
};

struct bucket {
    double spent;
    int64_t boot_ms;
};

struct door {
    struct mst_tap_door limits;
    _Atomic int listener;
    struct bucket all, by_address[ADDRESS_SLOTS];
};

struct tap {
    struct mst_tap_options options;
    struct door doors[MST_TAP_DOORS_MAX];
    struct connection *connections;
    size_t connections_max;
    _Atomic int64_t unread; /* of all connections */
    _Atomic uint64_t ended;
    pthread_mutex_t lock; /* of the buckets */
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
};

static struct tap *_Atomic the_tap;
static _Atomic bool seen_accept, seen_recv, seen_close;
static _Atomic int accepted = -1; /* last, while there was no tap */

/* These are the definitions that libzmq finds. */
int mst_tap_accept4(int listener, struct sockaddr *address, socklen_t *len,
                    int flags) __asm__("accept4");
ssize_t mst_tap_recv(int fd, void *buffer, size_t len, int flags) __asm__("recv");
int mst_tap_close_fd(int fd) __asm__("close");

static struct connection *connection_of(struct tap *t, int fd)
{
    return t && fd >= 0 && (size_t)fd < t->connections_max ? &t->connections[fd] : NULL;
}

/* ---- what is unread ---- */

static void forget(struct tap *t, struct connection *c)
{
    atomic_fetch_sub(&t->unread, atomic_exchange(&c->unread, 0));
}

static void cut(struct tap *t, int fd, enum mst_tap_event event)
{
    struct connection *c = &t->connections[fd];
    uint8_t door = c->door;
    /* Another's may end meanwhile. */
    if (!door)
        return;
    t->options.tell(t->options.context, event, door - 1U, fd, c->unread);
    c->cut = true;
    forget(t, c);
    /* Wakes libzmq, which then finds its end. Nobody but the thread that is here closes it. */
    shutdown(fd, SHUT_RDWR);
}

static int most_unread(const struct tap *t)
{
    size_t most = 0;
    for (size_t fd = 1; fd < t->connections_max; fd++) {
        if (t->connections[fd].unread > t->connections[most].unread)
            most = fd;
    }
    return (int)most;
}

ssize_t mst_tap_recv(int fd, void *buffer, size_t len, int flags)
{
    struct tap *t = the_tap;
    struct connection *c = connection_of(t, fd);
    seen_recv = true;
    if (!c || !c->door)
        return recvfrom(fd, buffer, len, flags, NULL, NULL);
    if (c->cut)
        return 0;
    ssize_t got = recvfrom(fd, buffer, len, flags, NULL, NULL);
    if (got <= 0)
        return got;
    int64_t unread = atomic_fetch_add(&c->unread, got) + got;
    int64_t total = atomic_fetch_add(&t->unread, got) + got;
    if (unread > t->doors[c->door - 1].limits.unread_bytes_max)
        cut(t, fd, MST_TAP_CUT);
    else if (total > t->options.unread_total_max && !MST_MUTANT("no-limit-for-all"))
        cut(t, most_unread(t), MST_TAP_CUT_FOR_ALL);
    return c->cut ? 0 : got;
}

void mst_tap_heard(int fd, size_t frames, size_t bytes)
{
    struct tap *t = the_tap;
    struct connection *c = connection_of(t, fd);
    if (!c)
        return;
    int64_t done = (int64_t)(bytes + frames * FRAME_OVERHEAD + MESSAGE_FORGIVEN);
    int64_t before = c->unread, taken;
    do
        taken = before < done ? before : done;
    while (!atomic_compare_exchange_weak(&c->unread, &before, before - taken));
    atomic_fetch_sub(&t->unread, taken);
}

/* ---- which are there ---- */

/* Before the descriptor can be another's. */
int mst_tap_close_fd(int fd)
{
    struct tap *t = the_tap;
    struct connection *c = connection_of(t, fd);
    if (c && c->door) {
        forget(t, c);
        c->door = 0;
        c->number++;
        t->ended++;
    }
    if (fd == accepted)
        seen_close = true;
    return (int)syscall(SYS_close, fd);
}

uint32_t mst_tap_connection(int fd)
{
    const struct connection *c = connection_of(the_tap, fd);
    return c ? c->number : 0;
}

bool mst_tap_is_open(int fd, uint32_t connection)
{
    const struct connection *c = connection_of(the_tap, fd);
    return !c || (connection % 2 == 1 && c->number == connection);
}

uint64_t mst_tap_ended(void)
{
    struct tap *t = the_tap;
    return t ? t->ended : 0;
}

/* ---- how many are taken ---- */

static size_t address_slot(const struct tap *t, const struct sockaddr_storage *peer)
{
    uint8_t hash[crypto_shorthash_BYTES], prefix[8] = {0};
    /* Whoever has one address of IPv6 has a network of them. */
    if (peer->ss_family == AF_INET6)
        memcpy(prefix, &((const struct sockaddr_in6 *)peer)->sin6_addr, sizeof prefix);
    else
        memcpy(prefix, &((const struct sockaddr_in *)peer)->sin_addr, sizeof(struct in_addr));
    crypto_shorthash(hash, prefix, sizeof prefix, t->hash_key);
    return hash[0] % ADDRESS_SLOTS;
}

static bool has_room(struct bucket *b, double rate, int64_t boot_ms)
{
    b->spent -= (double)(boot_ms - b->boot_ms) * rate / 1000.0;
    b->boot_ms = boot_ms;
    if (b->spent < 0)
        b->spent = 0;
    return b->spent + 1.0 <= rate * BURST_S;
}

static bool may_come(struct tap *t, struct door *door, int fd)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof peer;
    double rate = (double)door->limits.connections_rate;
    if (rate <= 0 || getpeername(fd, (struct sockaddr *)&peer, &len) != 0 ||
        (peer.ss_family != AF_INET && peer.ss_family != AF_INET6))
        return true;
    struct bucket *one = &door->by_address[address_slot(t, &peer)];
    int64_t boot_ms = mst_clock_boot();
    pthread_mutex_lock(&t->lock);
    bool yes = has_room(one, rate / ADDRESS_SHARE, boot_ms) && has_room(&door->all, rate, boot_ms);
    if (yes) {
        one->spent += 1.0;
        door->all.spent += 1.0;
    }
    pthread_mutex_unlock(&t->lock);
    return yes;
}

int mst_tap_accept4(int listener, struct sockaddr *address, socklen_t *len, int flags)
{
    struct tap *t = the_tap;
    size_t i = 0;
    seen_accept = true;
    while (t && i < t->options.doors_count && t->doors[i].listener != listener)
        i++;
    if (t && i == t->options.doors_count) {
        errno = EAGAIN; /* it is asked again until the door is known */
        return -1;
    }
    int fd = (int)syscall(SYS_accept4, listener, address, len, flags);
    if (!t)
        accepted = fd;
    if (!t || fd < 0)
        return fd;
    struct connection *c = connection_of(t, fd);
    bool yes = c && may_come(t, &t->doors[i], fd);
    if (!yes) {
        t->options.tell(t->options.context, MST_TAP_TOO_MANY, i, fd, 0);
        close(fd);
        errno = ECONNABORTED;
        return -1;
    }
    c->cut = false;
    c->number++;
    c->door = (uint8_t)(i + 1);
    return fd;
}

/* ---- its life ---- */

bool mst_tap_in_place(void)
{
    return seen_accept && seen_recv && seen_close;
}

void mst_tap_listens(size_t door, int fd)
{
    struct tap *t = the_tap;
    if (t && door < t->options.doors_count)
        t->doors[door].listener = fd;
}

static size_t descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > DESCRIPTORS_MAX)
        return DESCRIPTORS_MAX;
    return (size_t)limit.rlim_cur;
}

int mst_tap_open(const struct mst_tap_options *options, struct mst_err *err)
{
    if (the_tap || options->doors_count > MST_TAP_DOORS_MAX)
        return mst_fail_on(err, MST_E_INTERNAL, "tap");
    struct tap *t = calloc(1, sizeof *t);
    if (!t)
        return mst_fail_on(err, MST_E_NOMEM, "tap");
    t->connections_max = descriptors();
    t->connections = calloc(t->connections_max, sizeof *t->connections);
    if (!t->connections || pthread_mutex_init(&t->lock, NULL) != 0) {
        free(t->connections);
        free(t);
        return mst_fail_on(err, MST_E_NOMEM, "tap");
    }
    t->options = *options;
    t->options.doors = NULL;
    for (size_t i = 0; i < options->doors_count; i++) {
        t->doors[i].limits = options->doors[i];
        t->doors[i].listener = -1;
    }
    randombytes_buf(t->hash_key, sizeof t->hash_key);
    the_tap = t;
    return 0;
}

void mst_tap_close(void)
{
    struct tap *t = atomic_exchange(&the_tap, NULL);
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    free(t->connections);
    free(t);
}
