/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/io/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/io/log.h"

#define EVENTS                                                                                     \
    (ZMQ_EVENT_LISTENING | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |                                  \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
/* How long the probe may take on a machine that is busy. */
#define PROBE_MS 10000

struct door {
    const char *name;
    bool local;
    void *socket;
    void *monitor; /* the thread's */
    void *next;    /* what it is to listen to instead; NULL: no change */
};

struct mst_gate {
    void *zmq;
    pthread_t thread;
    bool started;
    _Atomic bool ending;
    int wake_fd; /* readable: there is a monitor to take, or it is the end */
    struct door doors[MST_TAP_DOORS_MAX];
    size_t doors_count;
    unsigned watched; /* counts the monitors, for their names */
    _Atomic uint64_t refused, cut;
    pthread_mutex_t lock; /* of the doors' `next` and of the log */
    struct mst_log log;   /* its own: the loop's is the loop's alone */
};

struct mst_gate_counts mst_gate_counts(const struct mst_gate *g)
{
    if (!g)
        return (struct mst_gate_counts){0};
    return (struct mst_gate_counts){.refused = g->refused, .cut = g->cut};
}

/* ---- what is told ---- */

static const char *peer_of(int fd, char text[64])
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof peer;
    const void *address = NULL;
    snprintf(text, 64, "?");
    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
        return text;
    if (peer.ss_family == AF_INET)
        address = &((struct sockaddr_in *)&peer)->sin_addr;
    else if (peer.ss_family == AF_INET6)
        address = &((struct sockaddr_in6 *)&peer)->sin6_addr;
    else
        snprintf(text, 64, "local");
    if (address)
        (void)inet_ntop(peer.ss_family, address, text, 64);
    return text;
}

static void tell(void *context, enum mst_tap_event event, size_t door, int fd, int64_t unread)
{
    struct mst_gate *g = context;
    char peer[64];
    pthread_mutex_lock(&g->lock);
    if (event == MST_TAP_TOO_MANY) {
        g->refused++;
        mst_log(&g->log, 4, "connection-refused", "address=%s door=%s reason=\"too many\"",
                peer_of(fd, peer), g->doors[door].name);
    } else {
        g->cut++;
        mst_log(&g->log, 4, "connection-cut", "address=%s door=%s unread_bytes=%lld%s",
                peer_of(fd, peer), g->doors[door].name, (long long)unread,
                event == MST_TAP_CUT ? "" : " reason=unread_total_max");
    }
    pthread_mutex_unlock(&g->lock);
}

static void tell_refused(struct mst_gate *g, const struct door *door, uint16_t event)
{
    pthread_mutex_lock(&g->lock);
    g->refused++;
    mst_log(&g->log, 4, "handshake-refused", "door=%s reason=\"%s\"", door->name,
            event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL ? "not the protocol" : "it ended");
    pthread_mutex_unlock(&g->lock);
}

/* ---- the thread ---- */

/* The next event of a door; false: there is none. */
static bool take_event(struct mst_gate *g, size_t i)
{
    struct {
        uint16_t event;
        uint32_t value;
    } e;
    uint8_t head[6], address[256];
    struct door *door = &g->doors[i];
    if (!door->monitor ||
        zmq_recv(door->monitor, head, sizeof head, ZMQ_DONTWAIT) != (int)sizeof head)
        return false;
    (void)zmq_recv(door->monitor, address, sizeof address, ZMQ_DONTWAIT);
    memcpy(&e.event, head, sizeof e.event);
    memcpy(&e.value, head + sizeof e.event, sizeof e.value);
    if (e.event == ZMQ_EVENT_LISTENING)
        mst_tap_listens(i, (int)e.value);
    else if ((e.event & EVENTS) && !door->local)
        tell_refused(g, door, e.event);
    return true;
}

static void take_monitors(struct mst_gate *g)
{
    for (size_t i = 0; i < g->doors_count; i++) {
        struct door *door = &g->doors[i];
        pthread_mutex_lock(&g->lock);
        void *next = door->next;
        door->next = NULL;
        pthread_mutex_unlock(&g->lock);
        if (!next)
            continue;
        if (door->monitor)
            zmq_close(door->monitor);
        door->monitor = next;
    }
}

static void *serve(void *context)
{
    struct mst_gate *g = context;
    while (!g->ending) {
        zmq_pollitem_t items[MST_TAP_DOORS_MAX + 1] = {{.fd = g->wake_fd, .events = ZMQ_POLLIN}};
        int count = 1;
        uint64_t wakes;
        for (size_t i = 0; i < g->doors_count; i++) {
            if (g->doors[i].monitor)
                items[count++] =
                    (zmq_pollitem_t){.socket = g->doors[i].monitor, .events = ZMQ_POLLIN};
        }
        if (zmq_poll(items, count, -1) < 0 && errno != EINTR)
            break;
        for (size_t i = 0; i < g->doors_count; i++) {
            while (take_event(g, i)) {
            }
        }
        if (read(g->wake_fd, &wakes, sizeof wakes) == (ssize_t)sizeof wakes)
            take_monitors(g);
    }
    return NULL;
}

static void wake(struct mst_gate *g)
{
    uint64_t one = 1;
    ssize_t written = write(g->wake_fd, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
}

/* ---- its life ---- */

int mst_gate_watch(struct mst_gate *g, size_t i, void *socket, struct mst_err *err)
{
    char endpoint[64];
    if (!g)
        return 0;
    struct door *door = &g->doors[i];
    void *monitor = zmq_socket(g->zmq, ZMQ_PAIR);
    snprintf(endpoint, sizeof endpoint, "inproc://gate-%s-%u", door->name, ++g->watched);
    if (!monitor || zmq_socket_monitor(socket, endpoint, EVENTS) != 0 ||
        zmq_connect(monitor, endpoint) != 0) {
        int code = mst_fail(err, MST_E_IO, "%s: %s", endpoint, zmq_strerror(errno));
        if (monitor)
            zmq_close(monitor);
        return code;
    }
    door->socket = socket;
    pthread_mutex_lock(&g->lock);
    void *skipped = door->next;
    door->next = monitor;
    pthread_mutex_unlock(&g->lock);
    if (skipped)
        zmq_close(skipped);
    wake(g);
    return 0;
}

/* A gate that nobody goes through is worse than none: send one message through libzmq and see. */
static int probe(struct mst_err *err)
{
    char endpoint[64], byte;
    int wait = PROBE_MS, linger = 0;
    void *zmq = zmq_ctx_new();
    void *to = zmq ? zmq_socket(zmq, ZMQ_PULL) : NULL,
         *from = zmq ? zmq_socket(zmq, ZMQ_PUSH) : NULL;
    snprintf(endpoint, sizeof endpoint, "ipc://@muster-gate-%ld", (long)getpid());
    bool came = to && from && zmq_setsockopt(to, ZMQ_RCVTIMEO, &wait, sizeof wait) == 0 &&
                zmq_setsockopt(from, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
                zmq_bind(to, endpoint) == 0 && zmq_connect(from, endpoint) == 0 &&
                zmq_send(from, "x", 1, ZMQ_DONTWAIT) == 1 && zmq_recv(to, &byte, 1, 0) == 1;
    int why = errno;
    if (to)
        zmq_close(to);
    if (from)
        zmq_close(from);
    if (zmq)
        zmq_ctx_term(zmq);
    if (!came)
        return mst_fail(err, MST_E_IO, "%s: %s", endpoint, zmq_strerror(why));
    if (mst_tap_in_place())
        return 0;
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    mst_fail(err, MST_E_INTERNAL,
             _("libzmq %d.%d.%d does not go through accept4(), recv() and close()"), major, minor,
             patch);
    mst_hint(err, _("what a peer sends could not be limited; use the distribution's libzmq"));
    return MST_E_INTERNAL;
}

int mst_gate_start(void *zmq, const struct mst_gate_options *options, struct mst_gate **ret,
                   struct mst_err *err)
{
    struct mst_tap_door limits[MST_TAP_DOORS_MAX];
    struct mst_gate *g = options->doors_count <= MST_TAP_DOORS_MAX ? calloc(1, sizeof *g) : NULL;
    if (!g || pthread_mutex_init(&g->lock, NULL) != 0) {
        free(g);
        return mst_fail_on(err, MST_E_NOMEM, "gate");
    }
    g->zmq = zmq;
    g->log.lines_per_s = options->log_lines_per_s;
    g->doors_count = options->doors_count;
    for (size_t i = 0; i < g->doors_count; i++) {
        g->doors[i].name = options->doors[i].name;
        g->doors[i].local = options->doors[i].local;
        limits[i] = options->doors[i].limits;
    }
    g->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int code = g->wake_fd < 0 ? mst_fail_on(err, MST_E_NOMEM, "gate") : probe(err);
    const struct mst_tap_options tap = {.doors = limits,
                                        .doors_count = g->doors_count,
                                        .unread_total_max = options->unread_total_max,
                                        .tell = tell,
                                        .context = g};
    if (!code)
        code = mst_tap_open(&tap, err);
    if (!code && pthread_create(&g->thread, NULL, serve, g) != 0)
        code = mst_fail_on(err, MST_E_NOMEM, "gate");
    g->started = !code;
    if (code) {
        mst_gate_free(g);
        return code;
    }
    *ret = g;
    return 0;
}

void mst_gate_stop(struct mst_gate *g)
{
    if (!g || !g->started)
        return;
    g->ending = true;
    wake(g);
    pthread_join(g->thread, NULL);
    g->started = false;
    take_monitors(g);
    for (size_t i = 0; i < g->doors_count; i++) {
        if (g->doors[i].socket)
            zmq_socket_monitor(g->doors[i].socket, NULL, 0);
        if (g->doors[i].monitor)
            zmq_close(g->doors[i].monitor);
    }
}

void mst_gate_free(struct mst_gate *g)
{
    if (!g)
        return;
    mst_tap_close();
    if (g->wake_fd >= 0)
        close(g->wake_fd);
    pthread_mutex_destroy(&g->lock);
    free(g);
}
