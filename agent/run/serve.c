/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of the local socket. Each has one request at a time and gets one packet for it, so
 * that a slow reader costs nothing.
 */
#include "agent/run/serve_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/run/journal.h"
#include "proto/validate.h"

#define DEAF_MS 1000

/* ---- reading ---- */

static void disconnect(struct mst_serve *serve, size_t index)
{
    mst_serve_drop_ask(serve, &serve->connections[index]);
    close(serve->connections[index].fd);
    mst_buf_done(&serve->connections[index].answer);
    serve->connections[index] = serve->connections[--serve->count];
}

/* False: the connection is over. */
static bool read_one(struct mst_serve *serve, struct mst_serve_connection *c, int *ret_code,
                     struct mst_err *err)
{
    ssize_t n = recv(c->fd, serve->packet, sizeof serve->packet, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    /* A request before the last one was answered breaks the rules. */
    if (n <= 0 || (size_t)n > sizeof serve->packet || c->waiting != MST_SERVE_WAIT_NONE ||
        c->answer.len)
        return false;
    struct mst_err why;
    if (mst_validate(serve->packet, (size_t)n, &why)) {
        mst_serve_deny(serve, c, why.code, why.text);
        return true;
    }
    *ret_code = mst_serve_do(serve, c, mst_bytes(serve->packet, (size_t)n), err);
    return true;
}

static void take_connections(struct mst_serve *serve)
{
    while (serve->count < MST_SERVE_CONNECTIONS_MAX) {
        struct mst_err err;
        int fd;
        int code = mst_local_accept(serve->listener, &fd, &err);
        if (code == MST_E_BUSY)
            return;
        if (code)
            mst_journal_err(MST_LOG_WARNING, "local-refused", &err);
        if (code == MST_E_IO) {
            /* Out of descriptors, say: to try at once again would do nothing else. */
            serve->deaf_until_ms = mst_session_clock_ms() + DEAF_MS;
            return;
        }
        if (code)
            continue;
        serve->connections[serve->count++] = (struct mst_serve_connection){.fd = fd};
    }
}

int mst_serve_read(struct mst_serve *serve, struct mst_err *err)
{
    int code = 0;
    if (mst_session_clock_ms() >= serve->deaf_until_ms) {
        serve->deaf_until_ms = 0;
        take_connections(serve);
    }
    for (size_t i = serve->count; i-- > 0 && !code;) {
        if (!read_one(serve, &serve->connections[i], &code, err))
            disconnect(serve, i);
    }
    return code;
}

/* ---- settling ---- */

void mst_serve_refuse(struct mst_serve *serve, const struct mst_err *why)
{
    for (size_t i = 0; i < serve->count; i++) {
        struct mst_serve_connection *c = &serve->connections[i];
        if (c->promised)
            mst_serve_deny(serve, c, why->code, why->text);
        c->promised = false;
    }
}

bool mst_serve_owes(const struct mst_serve *serve)
{
    for (size_t i = 0; i < serve->count; i++) {
        const struct mst_serve_connection *c = &serve->connections[i];
        bool begins = c->answer.len && c->sent == 0;
        if (begins || (c->waiting == MST_SERVE_WAIT_ENTRY && mst_serve_is_decided(serve, c)))
            return true;
    }
    return false;
}

int mst_serve_settle(struct mst_serve *serve, struct mst_err *err)
{
    for (size_t i = serve->count; i-- > 0;) {
        struct mst_serve_connection *c = &serve->connections[i];
        c->promised = false;
        int code = mst_serve_await(serve, c, err);
        if (code)
            return code;
        if (c->answer.len == 0)
            continue;
        code = mst_local_answer(c->fd, mst_bytes(c->answer.data, c->answer.len), &c->sent);
        if (code == MST_E_BUSY)
            continue;
        mst_buf_clear(&c->answer);
        if (code)
            disconnect(serve, i);
    }
    return 0;
}

/* ---- life ---- */

int mst_serve_new(const struct mst_home *home, struct mst_outbox *outbox,
                  struct mst_session *session, struct mst_serve **ret, struct mst_err *err)
{
    struct mst_serve *serve = calloc(1, sizeof *serve);
    if (!serve)
        return mst_fail_on(err, MST_E_NOMEM, "serve");
    serve->home = home;
    serve->outbox = outbox;
    serve->session = session;
    int code = mst_local_listen(home->dir, &serve->listener, err);
    if (code) {
        free(serve);
        return code;
    }
    *ret = serve;
    return 0;
}

void mst_serve_free(struct mst_serve *serve)
{
    if (!serve)
        return;
    while (serve->count > 0)
        disconnect(serve, serve->count - 1);
    close(serve->listener);
    mst_local_unlink(serve->home->dir);
    mst_buf_done(&serve->rows.bytes);
    free(serve);
}

size_t mst_serve_fds(const struct mst_serve *serve, struct pollfd *fds)
{
    size_t n = 0;
    if (serve->count < MST_SERVE_CONNECTIONS_MAX && !serve->deaf_until_ms)
        fds[n++] = (struct pollfd){.fd = serve->listener, .events = POLLIN};
    for (size_t i = 0; i < serve->count; i++)
        fds[n++] =
            (struct pollfd){.fd = serve->connections[i].fd,
                            .events = serve->connections[i].answer.len ? POLLIN | POLLOUT : POLLIN};
    return n;
}

int mst_serve_wait_ms(const struct mst_serve *serve)
{
    int64_t now = mst_session_clock_ms();
    int64_t nearest = serve->deaf_until_ms ? serve->deaf_until_ms : INT64_MAX;
    for (size_t i = 0; i < serve->count; i++) {
        if (serve->connections[i].waiting == MST_SERVE_WAIT_BRIEF &&
            serve->connections[i].deadline_ms < nearest)
            nearest = serve->connections[i].deadline_ms;
    }
    if (nearest == INT64_MAX)
        return -1;
    return nearest > now ? (int)(nearest - now) : 0;
}
