/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/io/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
/* glibc's tcp.h has not the counters of bytes. */
#include <linux/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/io/clock.h"
#include "broker/io/log.h"

#define DOORS_MAX 4
/* How often connections are looked at that something comes from: what a flood may bring in between
 * is memory. On a quiet loopback 500 ms let 257 MB in. */
#define LOOK_MS 100
#define WAKES_MAX 64
/* Connections on higher descriptors are not watched. */
#define DESCRIPTORS_MAX 1048576
#define EVENTS                                                                                     \
    (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |          \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)

/* By descriptor. `heard` is the loop's to count; the rest is the thread's. */
struct connection {
    _Atomic uint32_t heard;
    uint32_t heard_before;
    uint64_t bytes_before; /* received when it was heard last */
    uint64_t bytes_seen;   /* received at the last look */
    uint8_t door;          /* from 1; 0: there is none */
    bool stirring;         /* something came since it was found at rest: to be looked at */
};

struct mst_gate {
    pthread_t thread;
    bool started;
    int stop_fd; /* readable: end */
    int wake_fd; /* readable: something comes from a connection that was at rest */
    int64_t looked_boot_ms;
    struct mst_gate_door doors[DOORS_MAX];
    void *monitors[DOORS_MAX];
    size_t doors_count;
    struct connection *connections;
    size_t connections_max, top, stirring; /* top: beyond the highest descriptor in use */
    _Atomic uint64_t refused, cut;
    struct mst_log log; /* its own: the loop's is the loop's alone */
};

void mst_gate_heard(struct mst_gate *g, int fd)
{
    if (g && fd >= 0 && (size_t)fd < g->connections_max)
        atomic_fetch_add_explicit(&g->connections[fd].heard, 1, memory_order_relaxed);
}

struct mst_gate_counts mst_gate_counts(const struct mst_gate *g)
{
    if (!g)
        return (struct mst_gate_counts){0};
    return (struct mst_gate_counts){.refused = g->refused, .cut = g->cut};
}

/* ---- what came in and went ---- */

static void stir(struct mst_gate *g, size_t fd)
{
    struct connection *c = &g->connections[fd];
    g->stirring += !c->stirring;
    c->stirring = true;
}

static void rest(struct mst_gate *g, size_t fd)
{
    struct connection *c = &g->connections[fd];
    g->stirring -= c->stirring;
    c->stirring = false;
}

/* Be woken by what comes next from it, once. What is closed meanwhile wakes nobody. */
static void arm(struct mst_gate *g, size_t fd, int how)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = fd};
    if (epoll_ctl(g->wake_fd, how, (int)fd, &event) != 0 && errno == EEXIST)
        (void)epoll_ctl(g->wake_fd, EPOLL_CTL_MOD, (int)fd, &event);
}

static void enter(struct mst_gate *g, size_t door, size_t fd)
{
    if (fd >= g->connections_max)
        return;
    struct connection *c = &g->connections[fd];
    c->door = (uint8_t)(door + 1);
    c->heard_before = c->heard;
    c->bytes_before = c->bytes_seen = 0;
    if (fd >= g->top)
        g->top = fd + 1;
    rest(g, fd);
    arm(g, fd, EPOLL_CTL_ADD);
}

static void leave(struct mst_gate *g, size_t fd)
{
    if (fd >= g->connections_max || g->connections[fd].door == 0)
        return;
    g->connections[fd].door = 0;
    rest(g, fd);
    while (g->top > 0 && g->connections[g->top - 1].door == 0)
        g->top--;
}

static void take_wakes(struct mst_gate *g)
{
    struct epoll_event woken[WAKES_MAX];
    int count;
    do {
        count = epoll_wait(g->wake_fd, woken, WAKES_MAX, 0);
        for (int i = 0; i < count; i++) {
            if (g->connections[woken[i].data.u64].door)
                stir(g, woken[i].data.u64);
        }
    } while (count == WAKES_MAX);
}

/* The next event of a door; false: there is none. */
static bool take_event(struct mst_gate *g, size_t door)
{
    struct {
        uint16_t event;
        uint32_t value;
    } e;
    uint8_t head[6], address[256];
    if (zmq_recv(g->monitors[door], head, sizeof head, ZMQ_DONTWAIT) != (int)sizeof head)
        return false;
    (void)zmq_recv(g->monitors[door], address, sizeof address, ZMQ_DONTWAIT);
    memcpy(&e.event, head, sizeof e.event);
    memcpy(&e.value, head + sizeof e.event, sizeof e.value);
    switch (e.event) {
    case ZMQ_EVENT_ACCEPTED:
        enter(g, door, e.value);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        leave(g, e.value);
        break;
    default:
        g->refused++;
        mst_log(&g->log, 4, "handshake-refused", "door=%s reason=\"%s\"", g->doors[door].name,
                e.event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL ? "not the protocol" : "it ended");
        break;
    }
    return true;
}

/* ---- cutting ---- */

static const char *peer_of(int fd, char text[64])
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    const void *address = NULL;
    snprintf(text, 64, "?");
    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
        return text;
    if (peer.ss_family == AF_INET)
        address = &((struct sockaddr_in *)&peer)->sin_addr;
    else if (peer.ss_family == AF_INET6)
        address = &((struct sockaddr_in6 *)&peer)->sin6_addr;
    if (address)
        (void)inet_ntop(peer.ss_family, address, text, 64);
    return text;
}

static void look_at(struct mst_gate *g, int fd)
{
    struct connection *c = &g->connections[fd];
    const struct mst_gate_door *door = &g->doors[c->door - 1];
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    char peer[64];
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) {
        rest(g, (size_t)fd); /* gone, or of another kind */
        return;
    }
    uint32_t heard = atomic_load_explicit(&c->heard, memory_order_relaxed);
    uint64_t bytes = info.tcpi_bytes_received;
    if (heard != c->heard_before || bytes < c->bytes_before) {
        c->heard_before = heard;
        c->bytes_before = bytes;
    } else if (bytes - c->bytes_before > (uint64_t)door->unread_bytes_max) {
        g->cut++;
        mst_log(&g->log, 4, "connection-cut", "address=%s door=%s unread_bytes=%llu",
                peer_of(fd, peer), door->name, (unsigned long long)(bytes - c->bytes_before));
        /* libzmq reads the end and closes it. Were the descriptor another's by now, that one would
         * connect again. */
        shutdown(fd, SHUT_RDWR);
        c->bytes_before = bytes;
    }
    if (bytes == c->bytes_seen) {
        rest(g, (size_t)fd);
        arm(g, (size_t)fd, EPOLL_CTL_MOD);
    }
    c->bytes_seen = bytes;
}

static void look_at_all(struct mst_gate *g)
{
    int64_t boot = mst_clock_boot();
    if (g->stirring == 0 || boot - g->looked_boot_ms < LOOK_MS)
        return;
    g->looked_boot_ms = boot;
    for (size_t fd = 0; fd < g->top; fd++) {
        if (g->connections[fd].stirring)
            look_at(g, (int)fd);
    }
}

static void *serve(void *context)
{
    struct mst_gate *g = context;
    zmq_pollitem_t items[DOORS_MAX + 2];
    for (size_t i = 0; i < g->doors_count; i++)
        items[i] = (zmq_pollitem_t){.socket = g->monitors[i], .events = ZMQ_POLLIN};
    zmq_pollitem_t *stop = &items[g->doors_count];
    *stop = (zmq_pollitem_t){.fd = g->stop_fd, .events = ZMQ_POLLIN};
    zmq_pollitem_t *wake = &items[g->doors_count + 1];
    *wake = (zmq_pollitem_t){.fd = g->wake_fd, .events = ZMQ_POLLIN};
    while (!(stop->revents & ZMQ_POLLIN)) {
        /* While nobody sends, nothing wakes it. */
        if (zmq_poll(items, (int)g->doors_count + 2, g->stirring ? LOOK_MS : -1) < 0 &&
            errno != EINTR)
            break;
        for (size_t i = 0; i < g->doors_count; i++) {
            while (take_event(g, i)) {
            }
        }
        if (wake->revents & ZMQ_POLLIN)
            take_wakes(g);
        look_at_all(g);
    }
    return NULL;
}

/* ---- its life ---- */

static int watch_door(void *zmq, struct mst_gate *g, const struct mst_gate_door *door,
                      struct mst_err *err)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://gate-%s", door->name);
    size_t i = g->doors_count;
    g->doors[i] = *door;
    g->monitors[i] = zmq_socket(zmq, ZMQ_PAIR);
    g->doors_count++;
    if (!g->monitors[i] || zmq_socket_monitor(door->socket, endpoint, EVENTS) != 0 ||
        zmq_connect(g->monitors[i], endpoint) != 0)
        return mst_fail(err, MST_E_IO, "%s: %s", endpoint, zmq_strerror(errno));
    return 0;
}

static size_t descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > DESCRIPTORS_MAX)
        return DESCRIPTORS_MAX;
    return (size_t)limit.rlim_cur;
}

int mst_gate_start(void *zmq, const struct mst_gate_door *doors, size_t count,
                   int64_t log_lines_per_s, struct mst_gate **ret, struct mst_err *err)
{
    struct mst_gate *g = calloc(1, sizeof *g);
    int code = 0;
    if (!g || count > DOORS_MAX) {
        free(g);
        return mst_fail_on(err, MST_E_NOMEM, "gate");
    }
    g->log.lines_per_s = log_lines_per_s;
    g->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    g->wake_fd = epoll_create1(EPOLL_CLOEXEC);
    g->connections_max = descriptors();
    g->connections = calloc(g->connections_max, sizeof *g->connections);
    if (!g->connections || g->stop_fd < 0 || g->wake_fd < 0)
        code = mst_fail_on(err, MST_E_NOMEM, "gate");
    for (size_t i = 0; !code && i < count; i++)
        code = watch_door(zmq, g, &doors[i], err);
    if (!code && pthread_create(&g->thread, NULL, serve, g) != 0)
        code = mst_fail_on(err, MST_E_NOMEM, "gate");
    g->started = !code;
    if (code) {
        mst_gate_stop(g);
        return code;
    }
    *ret = g;
    return 0;
}

void mst_gate_stop(struct mst_gate *g)
{
    if (!g)
        return;
    uint64_t one = 1;
    if (g->started && write(g->stop_fd, &one, sizeof one) == (ssize_t)sizeof one)
        pthread_join(g->thread, NULL);
    if (g->stop_fd >= 0)
        close(g->stop_fd);
    if (g->wake_fd >= 0)
        close(g->wake_fd);
    for (size_t i = 0; i < g->doors_count; i++) {
        zmq_socket_monitor(g->doors[i].socket, NULL, 0);
        if (g->monitors[i])
            zmq_close(g->monitors[i]);
    }
    free(g->connections);
    free(g);
}
