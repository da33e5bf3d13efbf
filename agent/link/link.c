/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's connection. libzmq connects, and tries again while nobody answers; once a connection
 * was lost, the socket is thrown away with whatever was queued in it, since a message that belongs
 * to an old session must never reach a broker that has not seen this hello.
 *
 * A lost connection is seen on a socket monitor: a subscriber that only listens would otherwise
 * never learn that the broker was restarted. The monitor reports handshakes and lost connections
 * only, and is drained on every poll; its descriptor and the socket's sit behind one epoll
 * descriptor.
 */
#include "agent/link/link.h"

#include "agent/link/print.h"
#include "config/load/lang.h"
#include "config/load/system.h"
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

/* The longest message that a broker sends is a receipt for a run of which each report is refused,
 * at some 830 bytes at most. */
#define LINK_MESSAGE_BYTES_MAX (4096 * 1024)
#define LINK_SEND_QUEUE_MAX 64
#define HEARTBEAT_TTL_MAX_MS 65500
#define Z85_KEY_CHARS 40
#define SOFTWARE "muster " MUSTER_VERSION
#define LOST_EVENTS                                                                                \
    (ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |                                    \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)

#define WATCHED_EVENTS (LOST_EVENTS | ZMQ_EVENT_HANDSHAKE_SUCCEEDED)

enum link_state {
    LINK_WAITING,  /* no socket until wait_until */
    LINK_GREETING, /* hello is queued or sent */
    LINK_OPEN,
};

struct mst_link {
    void *ctx, *socket, *monitor;
    int epoll;
    enum link_state state;
    int64_t wait_until_ms;    /* WAITING: when to connect; GREETING: when to give up, or 0 */
    int64_t opened_ms;        /* when the session opened */
    unsigned failures;        /* short sessions in a row: the wait grows with them */
    unsigned long connection; /* counts sockets, to name their monitors */
    uint64_t request_id;
    bool turned_away; /* a connection ended before the session opened: is the key still good? */
    bool stirred;     /* sending may have swallowed the descriptor's signal: poll before sleeping */

    char endpoint[257], programme[48], kind[9], name[48];
    uint8_t outbox[MST_OUTBOX_BYTES];
    bool has_outbox, curve;
    char server_key[Z85_KEY_CHARS + 1];
    struct mst_keys keys;
    char keys_path[4096 + 8]; /* where they are read again; empty: they stay */
    int reconnect_min_ms, reconnect_max_ms, heartbeat_ms, reply_timeout_ms;

    zmq_msg_t frame; /* what `msg` borrows from */
    struct mst_buf out;
    struct mst_msg msg;
    struct mst_msg_scratch scratch;
};

int64_t mst_link_clock_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int socket_fail(const struct mst_link *link, struct mst_err *err)
{
    int why = zmq_errno();
    int code = mst_fail(err, MST_E_IO, "%s: %s", link->endpoint, zmq_strerror(why));
    if (why == EINVAL)
        mst_hint(err, _("an endpoint is tcp://ADDRESS:PORT; mend %s"),
                 link->curve ? "agent.yaml, broker" : "--socket");
    else
        mst_hint_system(err, why);
    return code;
}

/* ---- one connection ---- */

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool set_options(struct mst_link *link)
{
    void *s = link->socket;
    int64_t bytes_max = LINK_MESSAGE_BYTES_MAX;
    /*
     * TTL: how long the broker may take us for alive without hearing from us. libzmq 4.3.4 reckons
     * it in 16 bits of milliseconds on the far side, so that 90 s become 24 and end a healthy
     * session.
     */
    int ttl_ms = 2 * link->heartbeat_ms <= HEARTBEAT_TTL_MAX_MS ? 2 * link->heartbeat_ms : 0;
    return set_int(s, ZMQ_LINGER, 0) && set_int(s, ZMQ_SNDHWM, LINK_SEND_QUEUE_MAX) &&
           set_int(s, ZMQ_IMMEDIATE, 0) && set_int(s, ZMQ_IPV6, 1) &&
           set_int(s, ZMQ_RECONNECT_IVL, link->reconnect_min_ms) &&
           set_int(s, ZMQ_RECONNECT_IVL_MAX, link->reconnect_max_ms) &&
           set_int(s, ZMQ_HEARTBEAT_IVL, link->heartbeat_ms) &&
           set_int(s, ZMQ_HEARTBEAT_TIMEOUT, link->heartbeat_ms) &&
           set_int(s, ZMQ_HEARTBEAT_TTL, ttl_ms) &&
           zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max) == 0;
}

static bool set_curve(struct mst_link *link)
{
    return zmq_setsockopt(link->socket, ZMQ_CURVE_SERVERKEY, link->server_key, Z85_KEY_CHARS + 1) ==
               0 &&
           zmq_setsockopt(link->socket, ZMQ_CURVE_PUBLICKEY, link->keys.channel_public,
                          sizeof link->keys.channel_public) == 0 &&
           zmq_setsockopt(link->socket, ZMQ_CURVE_SECRETKEY, link->keys.channel_secret,
                          sizeof link->keys.channel_secret) == 0;
}

static bool watch_fd(struct mst_link *link, void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    struct epoll_event event = {.events = EPOLLIN};
    return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0 &&
           epoll_ctl(link->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool open_monitor(struct mst_link *link)
{
    char address[64];
    snprintf(address, sizeof address, "inproc://monitor-%lu", ++link->connection);
    if (zmq_socket_monitor(link->socket, address, WATCHED_EVENTS) != 0)
        return false;
    link->monitor = zmq_socket(link->ctx, ZMQ_PAIR);
    /* Without a high-water mark, so that libzmq's thread never waits for a busy caller. */
    return link->monitor && set_int(link->monitor, ZMQ_LINGER, 0) &&
           set_int(link->monitor, ZMQ_RCVHWM, 0) && zmq_connect(link->monitor, address) == 0 &&
           watch_fd(link, link->monitor);
}

static void close_sockets(struct mst_link *link)
{
    /* Closing takes the descriptors out of the epoll set. */
    if (link->monitor) {
        zmq_socket_monitor(link->socket, NULL, 0);
        zmq_close(link->monitor);
    }
    if (link->socket)
        zmq_close(link->socket);
    link->monitor = link->socket = NULL;
}

static int send_frame(struct mst_link *link, struct mst_slice frame, struct mst_err *err)
{
    link->stirred = true;
    if (zmq_send(link->socket, frame.data, frame.len, ZMQ_DONTWAIT) >= 0)
        return 0;
    return zmq_errno() == EAGAIN ? mst_fail_on(err, MST_E_BUSY, link->endpoint)
                                 : socket_fail(link, err);
}

static int send_now(struct mst_link *link, const struct mst_msg *msg, struct mst_err *err)
{
    mst_buf_clear(&link->out);
    int code = mst_msg_encode(msg, &link->out, err);
    return code ? code : send_frame(link, mst_bytes(link->out.data, link->out.len), err);
}

static int send_hello(struct mst_link *link, struct mst_err *err)
{
    struct mst_msg msg = {.type = MST_MSG_hello};
    msg.u.hello.version = MST_PROTOCOL_VERSION;
    msg.u.hello.programme = mst_text(link->programme);
    msg.u.hello.kind = mst_text(link->kind);
    msg.u.hello.name = mst_text(link->name);
    if (link->has_outbox)
        msg.u.hello.outbox = mst_bytes(link->outbox, sizeof link->outbox);
    msg.u.hello.software = mst_text(SOFTWARE);
    return send_now(link, &msg, err);
}

/* What cannot be read is left as it was: the broker will say whether it still holds. */
static void read_keys(struct mst_link *link)
{
    struct mst_keys fresh;
    if (link->keys_path[0] && mst_keys_read(link->keys_path, &fresh, NULL) == 0) {
        link->keys = fresh;
        mst_keys_wipe(&fresh);
    }
}

static int open_connection(struct mst_link *link, struct mst_err *err)
{
    read_keys(link);
    link->socket = zmq_socket(link->ctx, ZMQ_DEALER);
    if (!link->socket || !set_options(link) || (link->curve && !set_curve(link)) ||
        !open_monitor(link) || !watch_fd(link, link->socket) ||
        zmq_connect(link->socket, link->endpoint) != 0) {
        int code = socket_fail(link, err);
        close_sockets(link);
        return code;
    }
    link->state = LINK_GREETING;
    link->wait_until_ms = 0;
    return send_hello(link, err);
}

/* The wait before the next connection doubles with every short session, with jitter, so that a
 * thousand agents do not come back in one instant. */
static void drop(struct mst_link *link, bool slowly)
{
    int64_t now = mst_link_clock_ms();
    if (link->state == LINK_OPEN && now - link->opened_ms > link->reconnect_max_ms)
        link->failures = 0;
    int64_t wait = link->reconnect_max_ms;
    if (!slowly && link->failures < 16) {
        wait = (int64_t)link->reconnect_min_ms << link->failures;
        if (wait > link->reconnect_max_ms)
            wait = link->reconnect_max_ms;
    }
    link->failures++;
    close_sockets(link);
    link->state = LINK_WAITING;
    wait = wait / 2 + (int64_t)randombytes_uniform((uint32_t)(wait / 2 + 1));
    link->wait_until_ms = now + wait;
}

/* ---- life ---- */

static int take_options(struct mst_link *link, const struct mst_link_options *o,
                        struct mst_err *err)
{
    bool tcp = strncmp(o->endpoint, "tcp://", 6) == 0;
    if (!tcp && strncmp(o->endpoint, "ipc://", 6) != 0)
        return mst_fail(err, MST_E_INVALID, _("endpoint %s is neither tcp:// nor ipc://"),
                        o->endpoint);
    if (strlen(o->endpoint) >= sizeof link->endpoint)
        return mst_fail_on(err, MST_E_TOO_LARGE, o->endpoint);
    if (tcp && !o->home)
        return mst_fail(err, MST_E_INVALID, _("%s needs the keys of a home"), o->endpoint);
    snprintf(link->endpoint, sizeof link->endpoint, "%s", o->endpoint);
    snprintf(link->programme, sizeof link->programme, "%s", o->programme ? o->programme : "*");
    snprintf(link->kind, sizeof link->kind, "%s", o->kind);
    snprintf(link->name, sizeof link->name, "%s", o->name);
    link->curve = tcp;
    mst_link_outbox(link, o->outbox);
    return 0;
}

static int take_home(struct mst_link *link, const struct mst_home *home,
                     const struct mst_keys *keys, struct mst_err *err)
{
    uint8_t key[MST_CHANNEL_KEY_BYTES];
    const char *server_key = home->settings.AGENT_broker_key;
    if (strlen(server_key) != Z85_KEY_CHARS || !zmq_z85_decode(key, server_key))
        return mst_fail(err, MST_E_INVALID, _("%s/agent.yaml: broker_key is not a key"), home->dir);
    snprintf(link->server_key, sizeof link->server_key, "%s", server_key);
    link->keys = keys ? *keys : home->keys;
    if (!keys)
        snprintf(link->keys_path, sizeof link->keys_path, "%s/keys", home->dir);
    return 0;
}

static int take_settings(struct mst_link *link, const struct mst_home *home, struct mst_err *err)
{
    struct mst_settings defaults;
    int code = mst_settings_init(&defaults, err);
    if (code)
        return code;
    const struct mst_settings *s = home ? &home->settings : &defaults;
    link->reconnect_min_ms = (int)s->AGENT_reconnect_min;
    link->reconnect_max_ms = (int)s->AGENT_reconnect_max;
    if (link->reconnect_max_ms < link->reconnect_min_ms)
        link->reconnect_max_ms = link->reconnect_min_ms;
    link->heartbeat_ms = (int)s->AGENT_heartbeat;
    link->reply_timeout_ms = (int)s->AGENT_reply_timeout;
    mst_settings_done(&defaults);
    return 0;
}

int mst_link_new(const struct mst_link_options *options, struct mst_link **ret_link,
                 struct mst_err *err)
{
    struct mst_link *link = calloc(1, sizeof *link);
    if (!link)
        return mst_fail_on(err, MST_E_NOMEM, options->endpoint);
    link->epoll = -1;
    zmq_msg_init(&link->frame);
    int code = take_options(link, options, err);
    if (!code && link->curve)
        code = take_home(link, options->home, options->keys, err);
    if (!code)
        code = take_settings(link, options->home, err);
    if (!code) {
        link->ctx = zmq_ctx_new();
        link->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (!link->ctx || link->epoll < 0)
            code = mst_fail_system(err, link->endpoint, errno);
    }
    if (!code)
        code = open_connection(link, err);
    if (code) {
        mst_link_free(link);
        return code;
    }
    *ret_link = link;
    return 0;
}

void mst_link_free(struct mst_link *link)
{
    if (!link)
        return;
    zmq_msg_close(&link->frame);
    close_sockets(link);
    if (link->ctx)
        zmq_ctx_term(link->ctx);
    if (link->epoll >= 0)
        close(link->epoll);
    mst_buf_done(&link->out);
    mst_keys_wipe(&link->keys);
    free(link);
}

const uint8_t *mst_link_sign_secret(const struct mst_link *link)
{
    return link->keys.sign_secret;
}

void mst_link_outbox(struct mst_link *link, const uint8_t *outbox)
{
    link->has_outbox = outbox != NULL;
    if (outbox)
        memcpy(link->outbox, outbox, sizeof link->outbox);
}

void mst_link_restart(struct mst_link *link)
{
    if (link->state != LINK_WAITING)
        drop(link, false);
}

void mst_link_retry(struct mst_link *link)
{
    link->failures = 0;
    if (link->state != LINK_WAITING)
        drop(link, false);
    link->wait_until_ms = mst_link_clock_ms();
}

int mst_link_fd(const struct mst_link *link)
{
    return link->epoll;
}

int mst_link_wait_ms(const struct mst_link *link)
{
    if (link->stirred)
        return 0;
    if (link->wait_until_ms == 0)
        return -1;
    int64_t left = link->wait_until_ms - mst_link_clock_ms();
    return left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

/* ---- events ---- */

struct news {
    bool lost, refused; /* refused: the broker does not want this key */
};

static void read_monitor(struct mst_link *link, struct news *news)
{
    uint8_t head[6];
    char address[256];
    int n;
    while ((n = zmq_recv(link->monitor, head, sizeof head, ZMQ_DONTWAIT)) >= 0) {
        uint16_t event;
        if (zmq_recv(link->monitor, address, sizeof address, ZMQ_DONTWAIT) < 0 ||
            n < (int)sizeof event)
            continue;
        memcpy(&event, head, sizeof event);
        if (event & LOST_EVENTS)
            news->lost = true;
        if (event & (LOST_EVENTS & ~ZMQ_EVENT_DISCONNECTED))
            news->refused = true;
        /* From here on somebody is there who owes us a welcome. */
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED && link->state == LINK_GREETING)
            link->wait_until_ms = mst_link_clock_ms() + link->reply_timeout_ms;
    }
}

static bool is_multipart(void *socket)
{
    int more = 0;
    size_t size = sizeof more;
    return zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more;
}

/* An error that the same hello would only meet again. */
static bool is_lasting(const struct mst_msg_error *error)
{
    char word[33];
    switch (mst_code_of_word(mst_slice_copy(error->code, word, sizeof word))) {
    case MST_E_DENIED:
    case MST_E_REVOKED:
    case MST_E_EXPIRED:
    case MST_E_VERSION:
    case MST_E_IDENTITY:
    case MST_E_PROGRAMME:
        return true;
    default:
        return false;
    }
}

static void on_message(struct mst_link *link, struct mst_link_event *event)
{
    event->msg = &link->msg;
    event->kind = MST_LINK_MESSAGE;
    if (link->msg.type == MST_MSG_error) {
        event->kind = MST_LINK_DOWN;
        drop(link, is_lasting(&link->msg.u.error));
    } else if (link->msg.type == MST_MSG_welcome && link->state == LINK_GREETING) {
        char zone[64] = "";
        if (link->msg.u.welcome.zone.data)
            mst_lang_zone(mst_slice_copy(link->msg.u.welcome.zone, zone, sizeof zone));
        event->kind = MST_LINK_UP;
        link->state = LINK_OPEN;
        link->wait_until_ms = 0;
        link->opened_ms = mst_link_clock_ms();
    }
}

/* Take one frame. False: none waits. A frame that breaks the protocol ends the session. */
static bool receive(struct mst_link *link, struct mst_link_event *event)
{
    zmq_msg_close(&link->frame);
    zmq_msg_init(&link->frame);
    if (zmq_msg_recv(&link->frame, link->socket, ZMQ_DONTWAIT) < 0)
        return false;
    if (is_multipart(link->socket) ||
        mst_msg_decode(zmq_msg_data(&link->frame), zmq_msg_size(&link->frame), MST_DOWN,
                       &link->scratch, &link->msg, NULL) != 0) {
        event->kind = MST_LINK_DOWN;
        drop(link, true);
        return true;
    }
    on_message(link, event);
    return true;
}

static int step(struct mst_link *link, struct mst_link_event *event, struct mst_err *err)
{
    event->kind = MST_LINK_NOTHING;
    event->msg = NULL;
    if (link->state == LINK_WAITING)
        return mst_link_clock_ms() >= link->wait_until_ms ? open_connection(link, err) : 0;
    if (receive(link, event))
        return 0;
    struct news news = {0};
    read_monitor(link, &news);
    bool silent = link->wait_until_ms != 0 && mst_link_clock_ms() >= link->wait_until_ms;
    if (news.lost || silent) {
        link->turned_away = news.lost && link->state == LINK_GREETING;
        drop(link, news.refused);
        event->kind = MST_LINK_DOWN;
    }
    return 0;
}

static int poll_until(struct mst_link *link, int64_t deadline_ms, struct mst_link_event *ret_event,
                      struct mst_err *err)
{
    for (;;) {
        link->stirred = false;
        int code = step(link, ret_event, err);
        if (code || ret_event->kind != MST_LINK_NOTHING)
            return code;
        int64_t left = deadline_ms - mst_link_clock_ms();
        if (left <= 0)
            return 0;
        int own = mst_link_wait_ms(link);
        if (own >= 0 && own < left)
            left = own;
        struct epoll_event ready;
        if (epoll_wait(link->epoll, &ready, 1, left > 3600000 ? 3600000 : (int)left) < 0 &&
            errno != EINTR)
            return mst_fail_system(err, "epoll", errno);
    }
}

int mst_link_poll(struct mst_link *link, int timeout_ms, struct mst_link_event *ret_event,
                  struct mst_err *err)
{
    int64_t deadline = timeout_ms < 0 ? INT64_MAX / 2 : mst_link_clock_ms() + timeout_ms;
    struct mst_link_event event;
    int code = poll_until(link, deadline, &event, err);
    if (!code)
        *ret_event = event;
    return code;
}

int mst_link_send(struct mst_link *link, const struct mst_msg *msg, struct mst_err *err)
{
    if (link->state != LINK_OPEN)
        return mst_fail_on(err, MST_E_BUSY, link->endpoint);
    return send_now(link, msg, err);
}

int mst_link_send_frame(struct mst_link *link, struct mst_slice frame, struct mst_err *err)
{
    if (link->state != LINK_OPEN)
        return mst_fail_on(err, MST_E_BUSY, link->endpoint);
    return send_frame(link, frame, err);
}

/* ---- requests ---- */

/* The code's own words in the reader's language; the sender's only for a code that is not known. */
int mst_link_fault(struct mst_slice code_word, struct mst_slice subject, struct mst_slice text,
                   struct mst_slice hint, struct mst_err *err)
{
    char word[33], said[513];
    mst_slice_copy(code_word, word, sizeof word);
    enum mst_code code = mst_code_of_word(word);
    if (code != MST_E_INTERNAL || strcmp(word, mst_code_word(MST_E_INTERNAL)) == 0)
        return mst_refusal(err, code, subject);
    mst_fail(err, code, "%s: %s", word, mst_slice_copy(text, said, sizeof said));
    mst_hint(err, "%s", mst_slice_copy(hint, said, sizeof said));
    return code;
}

static int no_session(const struct mst_link *link, struct mst_err *err)
{
    if (!link->turned_away)
        return mst_fail_on(err, MST_E_UNREACHABLE, link->endpoint);
    int code = mst_fail(err, MST_E_DENIED,
                        _("%s closed the connection: it does not admit this key"), link->endpoint);
    mst_hint(err, "%s", _("is the key revoked or expired? ask the administrator"));
    return code;
}

static int await_open(struct mst_link *link, int64_t deadline_ms, struct mst_err *err)
{
    while (link->state != LINK_OPEN) {
        struct mst_link_event event;
        int code = poll_until(link, deadline_ms, &event, err);
        if (code)
            return code;
        if (event.kind == MST_LINK_DOWN && event.msg)
            return mst_link_fault(event.msg->u.error.code, event.msg->u.error.subject,
                                  event.msg->u.error.text, event.msg->u.error.hint, err);
        if (event.kind == MST_LINK_NOTHING)
            return no_session(link, err);
    }
    return 0;
}

static int await_enrolled(struct mst_link *link, int64_t deadline_ms, bool *ret_refused,
                          struct mst_err *err)
{
    for (;;) {
        struct mst_link_event event;
        int code = poll_until(link, deadline_ms, &event, err);
        if (code)
            return code;
        if (event.kind == MST_LINK_MESSAGE && event.msg->type == MST_MSG_enrolled)
            return 0;
        if (event.kind == MST_LINK_NOTHING)
            return mst_fail_on(err, MST_E_TIMEOUT, link->endpoint);
        if (event.kind != MST_LINK_DOWN)
            continue;
        *ret_refused = event.msg != NULL;
        return event.msg ? mst_link_fault(event.msg->u.error.code, event.msg->u.error.subject,
                                          event.msg->u.error.text, event.msg->u.error.hint, err)
                         : mst_fail_on(err, MST_E_UNREACHABLE, link->endpoint);
    }
}

int mst_link_await(struct mst_link *link, enum mst_link_event_kind kind, int timeout_ms,
                   bool *ret_refused, struct mst_err *err)
{
    int64_t deadline = mst_link_clock_ms() + timeout_ms;
    *ret_refused = false;
    return kind == MST_LINK_UP ? await_open(link, deadline, err)
                               : await_enrolled(link, deadline, ret_refused, err);
}

static int take_reply(const struct mst_msg_reply *reply, mst_reply_row_fn fn, void *context,
                      struct mst_err *err)
{
    if (!mst_slice_is(reply->code, mst_code_word(MST_OK)))
        return mst_link_fault(reply->code, reply->subject, reply->text, reply->hint, err);
    for (size_t i = 0; fn && i < reply->rows.count; i++) {
        int code = fn(context, reply->rows.items[i]);
        if (code)
            return mst_fail_on(err, (enum mst_code)code, mst_code_word(code));
    }
    return 0;
}

static int await_reply(struct mst_link *link, const char *verb, int64_t deadline_ms,
                       mst_reply_row_fn fn, void *context, struct mst_err *err)
{
    for (;;) {
        struct mst_link_event event;
        int code = poll_until(link, deadline_ms, &event, err);
        if (code)
            return code;
        if (event.kind == MST_LINK_NOTHING)
            return mst_fail_on(err, MST_E_TIMEOUT, verb);
        if (event.kind == MST_LINK_DOWN && event.msg)
            return mst_link_fault(event.msg->u.error.code, event.msg->u.error.subject,
                                  event.msg->u.error.text, event.msg->u.error.hint, err);
        if (event.kind == MST_LINK_DOWN)
            return mst_fail(err, MST_E_UNREACHABLE, _("the connection was lost while waiting: %s"),
                            verb);
        if (event.kind != MST_LINK_MESSAGE || event.msg->type != MST_MSG_reply ||
            event.msg->u.reply.id != link->request_id)
            continue;
        code = take_reply(&event.msg->u.reply, fn, context, err);
        if (code || !event.msg->u.reply.more)
            return code;
    }
}

int mst_link_request(struct mst_link *link, const char *verb, struct mst_slice args, int timeout_ms,
                     mst_reply_row_fn fn, void *context, struct mst_err *err)
{
    int64_t deadline = timeout_ms < 0 ? INT64_MAX / 2 : mst_link_clock_ms() + timeout_ms;
    int code = await_open(link, deadline, err);
    if (code)
        return code;
    struct mst_msg msg = {.type = MST_MSG_request};
    msg.u.request.id = ++link->request_id;
    msg.u.request.verb = mst_text(verb);
    msg.u.request.args = args;
    code = mst_link_send(link, &msg, err);
    if (code)
        return code;
    return await_reply(link, verb, deadline, fn, context, err);
}
