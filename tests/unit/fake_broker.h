/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker for tests of clients: a ROUTER on a local endpoint, served by a thread. It greets, and
 * hands every other message to the test's own function. One client at a time.
 */
#ifndef MST_TESTS_UNIT_FAKE_BROKER_H
#define MST_TESTS_UNIT_FAKE_BROKER_H

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "proto/msg.h"

struct fake_broker {
    char dir[64], endpoint[96];
    void *ctx, *socket;
    pthread_t thread;
    atomic_bool stop, rebind; /* rebind: the broker restarts, all connections are lost */
    bool rehearsal;
    uint64_t epoch;
    void (*on)(struct fake_broker *broker, const struct mst_msg *msg);
    void *context;
    uint8_t peer[256];
    size_t peer_len;
};

static void fake_send(struct fake_broker *b, const struct mst_msg *msg)
{
    struct mst_buf out = {0};
    struct mst_err err;
    if (mst_msg_encode(msg, &out, &err) != 0) {
        fprintf(stderr, "fake broker: %s\n", err.text);
        abort();
    }
    zmq_send(b->socket, b->peer, b->peer_len, ZMQ_SNDMORE);
    zmq_send(b->socket, out.data, out.len, 0);
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
    int linger = 0;
    b->socket = zmq_socket(b->ctx, ZMQ_ROUTER);
    zmq_setsockopt(b->socket, ZMQ_LINGER, &linger, sizeof linger);
    if (zmq_bind(b->socket, b->endpoint) != 0) {
        perror(b->endpoint);
        abort();
    }
}

static void fake_receive(struct fake_broker *b)
{
    static _Thread_local struct mst_msg_scratch scratch;
    uint8_t frame[65536];
    int peer_len = zmq_recv(b->socket, b->peer, sizeof b->peer, 0);
    int len = zmq_recv(b->socket, frame, sizeof frame, 0);
    struct mst_msg msg;
    struct mst_err err;
    scratch.used = 0;
    if (peer_len < 0 || len < 0)
        return;
    b->peer_len = (size_t)peer_len;
    if (mst_msg_decode(frame, (size_t)len, MST_UP, &scratch, &msg, &err) != 0) {
        fprintf(stderr, "fake broker: %s\n", err.text);
        abort();
    }
    if (msg.type == MST_MSG_hello)
        fake_greet(b);
    else if (b->on)
        b->on(b, &msg);
}

static void *fake_main(void *context)
{
    struct fake_broker *b = context;
    while (!b->stop) {
        if (atomic_exchange(&b->rebind, false)) {
            zmq_close(b->socket);
            fake_bind(b);
        }
        zmq_pollitem_t item = {.socket = b->socket, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, 10) > 0)
            fake_receive(b);
    }
    return NULL;
}

static void fake_start(struct fake_broker *b)
{
    strcpy(b->dir, "/tmp/muster-test-XXXXXX");
    if (!mkdtemp(b->dir))
        abort();
    snprintf(b->endpoint, sizeof b->endpoint, "ipc://%s/sock", b->dir);
    b->ctx = zmq_ctx_new();
    fake_bind(b);
    b->stop = false;
    pthread_create(&b->thread, NULL, fake_main, b);
}

static void fake_stop(struct fake_broker *b)
{
    b->stop = true;
    pthread_join(b->thread, NULL);
    zmq_close(b->socket);
    zmq_ctx_term(b->ctx);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", b->dir);
    if (system(command) != 0)
        abort();
}

#endif
