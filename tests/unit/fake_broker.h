/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker for tests of clients: a ROUTER on a local endpoint, served by an actor. It greets, and
 * hands every other message to the test's own function. One client at a time.
 */
#ifndef MST_TESTS_UNIT_FAKE_BROKER_H
#define MST_TESTS_UNIT_FAKE_BROKER_H

#include <czmq.h>

#include "proto/msg.h"

struct fake_broker {
    char dir[64], endpoint[96];
    zactor_t *actor;
    zsock_t *router;
    zframe_t *peer;
    bool rebind; /* for `on` to set: the broker restarts, all connections are lost */
    bool rehearsal;
    uint64_t epoch;
    void (*on)(struct fake_broker *broker, const struct mst_msg *msg);
    void *context;
};

static void fake_send(struct fake_broker *b, const struct mst_msg *msg)
{
    struct mst_buf out = {0};
    struct mst_err err;
    if (mst_msg_encode(msg, &out, &err) != 0) {
        fprintf(stderr, "fake broker: %s\n", err.text);
        abort();
    }
    zsock_send(b->router, "fb", b->peer, out.data, out.len);
    mst_buf_done(&out);
}

static void fake_greet(struct fake_broker *b)
{
    static const uint8_t key[32];
    const struct mst_slice roles[] = {mst_text("office")};
    struct mst_msg msg = {.type = MST_MSG_welcome};
    struct mst_msg_welcome *w = &msg.u.welcome;
    w->version = MST_PROTOCOL_VERSION;
    w->programme = mst_text("p");
    w->principal = mst_text("office:main");
    w->roles.items = roles;
    w->roles.count = 1;
    w->rehearsal = b->rehearsal;
    w->epoch = b->epoch;
    w->window = 1;
    w->message_bytes_max = 65536;
    w->sign_key = mst_bytes(key, sizeof key);
    fake_send(b, &msg);
}

static void fake_bind(struct fake_broker *b)
{
    b->router = zsock_new_router(b->endpoint);
    if (!b->router) {
        perror(b->endpoint);
        abort();
    }
}

static void fake_receive(struct fake_broker *b)
{
    static _Thread_local struct mst_msg_scratch scratch;
    zframe_t *frame = NULL;
    struct mst_msg msg;
    struct mst_err err;
    scratch.used = 0;
    zframe_destroy(&b->peer);
    if (zsock_recv(b->router, "ff", &b->peer, &frame) != 0)
        return;
    if (mst_msg_decode(zframe_data(frame), zframe_size(frame), MST_UP, &scratch, &msg, &err)) {
        fprintf(stderr, "fake broker: %s\n", err.text);
        abort();
    }
    if (msg.type == MST_MSG_hello)
        fake_greet(b);
    else if (b->on)
        b->on(b, &msg);
    zframe_destroy(&frame);
}

static void fake_main(zsock_t *pipe, void *context)
{
    struct fake_broker *b = context;
    zpoller_t *poller = zpoller_new(pipe, b->router, NULL);
    zsock_signal(pipe, 0);
    while (zpoller_wait(poller, -1) == b->router) {
        fake_receive(b);
        if (!b->rebind)
            continue;
        b->rebind = false;
        zpoller_remove(poller, b->router);
        zsock_destroy(&b->router);
        fake_bind(b);
        zpoller_add(poller, b->router);
    }
    zpoller_destroy(&poller);
    zframe_destroy(&b->peer);
    zsock_destroy(&b->router);
}

static void fake_start(struct fake_broker *b)
{
    strcpy(b->dir, "/tmp/muster-test-XXXXXX");
    if (!mkdtemp(b->dir))
        abort();
    snprintf(b->endpoint, sizeof b->endpoint, "ipc://%s/sock", b->dir);
    fake_bind(b);
    b->actor = zactor_new(fake_main, b);
}

static void fake_stop(struct fake_broker *b)
{
    zactor_destroy(&b->actor);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", b->dir);
    if (system(command) != 0)
        abort();
}

#endif
