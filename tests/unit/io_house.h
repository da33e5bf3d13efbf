/* SPDX-License-Identifier: Apache-2.0 */
/* A broker around a driver's world, with sockets that nobody is connected to. */
#ifndef MST_TESTS_UNIT_IO_HOUSE_H
#define MST_TESTS_UNIT_IO_HOUSE_H

#include "tests/unit/driver_world.h"

#include <zmq.h>

#include "broker/io/broker.h"

struct house {
    struct world *w;
    struct mst_broker *b;
};

static inline int house_up(void **state)
{
    struct house *h = calloc(1, sizeof *h);
    struct mst_err err;
    if (!h || setup((void **)&h->w) || !(h->b = calloc(1, sizeof *h->b)))
        return -1;
    struct mst_broker *b = h->b;
    if (mst_settings_init(&b->settings, &err))
        return -1;
    b->driver = h->w->driver;
    b->store = h->w->store;
    b->keys = h->w->keys;
    b->zmq = zmq_ctx_new();
    for (size_t i = 0; i < MST_DOORS; i++) {
        int mandatory = 1;
        b->doors[i] = zmq_socket(b->zmq, ZMQ_ROUTER);
        if (!b->doors[i] ||
            zmq_setsockopt(b->doors[i], ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory))
            return -1;
    }
    *state = h;
    return 0;
}

static inline int house_down(void **state)
{
    struct house *h = *state;
    while (h->b->sessions_count > 0)
        mst_session_close(h->b, h->b->sessions[0]);
    for (size_t i = 0; i < MST_SESSION_BUCKETS; i++)
        assert_null(h->b->buckets[i]);
    for (size_t i = 0; i < MST_DOORS; i++)
        zmq_close(h->b->doors[i]);
    zmq_ctx_term(h->b->zmq);
    free(h->b->sessions);
    mst_settings_done(&h->b->settings);
    free(h->b);
    void *world = h->w;
    free(h);
    return teardown(&world);
}

#endif
