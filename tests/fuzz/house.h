/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker without sockets, for the harnesses of its doors: every input is a frame that one session
 * sends. What is said to the session is lost, which ends it; that is how it shows that it was
 * answered. The broker is made anew now and then, since its ledger grows.
 */
#ifndef MST_TESTS_FUZZ_HOUSE_H
#define MST_TESTS_FUZZ_HOUSE_H

#include <errno.h>
#include <poll.h>

#include "broker/driver/roles.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/driver_world.h"

#include "broker/io/broker.h"

#define HOUSE_INPUTS 1000
#define ANSWER_MS_MAX 20000

struct fuzz_house {
    struct world *w;
    struct mst_broker *b;
    size_t inputs;
};

static inline void house_end(struct fuzz_house *h)
{
    void *world = h->w;
    mst_query_stop(h->b);
    while (h->b->sessions_count > 0)
        mst_session_close(h->b, h->b->sessions[0]);
    free(h->b->sessions);
    mst_settings_done(&h->b->settings);
    free(h->b);
    assert_int_equal(teardown(&world), 0);
    memset(h, 0, sizeof *h);
}

static inline void house_begin(struct fuzz_house *h)
{
    static char path[] = MUSTER_SOURCE_DIR "/" SMALL;
    struct mst_err err;
    assert_int_equal(setup((void **)&h->w), 0);
    struct mst_broker *b = h->b = calloc(1, sizeof *h->b);
    assert_non_null(b);
    assert_int_equal(mst_settings_init(&b->settings, &err), 0);
    b->driver = h->w->driver;
    b->store = h->w->store;
    b->keys = h->w->keys;
    b->log.lines_per_s = 0;
    b->rehearsal = b->clock.rehearsal = true;
    b->clock.virtual_now = h->w->now;
    b->clock.virtual_end = b->clock.run_to = MST_NEVER;
    b->programme_paths[b->programmes_count++] = path;
    assert_int_equal(mst_query_start(b, &err), 0);
}

/* The house, and its one session at a door, as after its hello. */
static inline struct mst_session *house_session(struct fuzz_house *h, enum mst_door door)
{
    struct mst_session *s;
    struct mst_err err;
    if (h->w && ++h->inputs > HOUSE_INPUTS)
        house_end(h);
    if (!h->w)
        house_begin(h);
    s = mst_session_by_route(h->b, door, (const uint8_t *)"r", 1);
    if (!s) {
        const uint8_t channel[32] = {7};
        assert_int_equal(mst_session_open(h->b, door, (const uint8_t *)"r", 1, &s, &err), 0);
        assert_int_equal(mst_session_set_key(h->b, s, channel, &err), 0);
        snprintf(s->principal, sizeof s->principal, "uid:0");
        snprintf(s->kind, sizeof s->kind, "ctl");
        snprintf(s->address, sizeof s->address, "local");
        s->engine = h->w->engine;
    }
    s->welcome = true;
    s->bucket->tokens = 1000;
    return s;
}

/* Take the frame, commit, and wait until all that was asked is answered. */
static inline void house_hear(struct fuzz_house *h, struct mst_session *s, const uint8_t *data,
                              size_t size)
{
    struct mst_err err;
    uint64_t id = s->id;
    int code = mst_door_hear(h->b, s, mst_bytes(data, size), &err);
    assert_int_equal(code, 0);
    commit(h->w);
    code = mst_query_release(h->b, &err);
    assert_int_equal(code, 0);
    if (h->b->run_session)
        mst_request_clock_arrived(h->b);
    while ((s = mst_session_by_id(h->b, id)) && s->welcome && h->w->frames_count == 0) {
        struct pollfd item = {.fd = mst_query_fd(h->b), .events = POLLIN};
        int ready = poll(&item, 1, ANSWER_MS_MAX);
        /* libFuzzer's alarm for slow inputs cuts a wait short. */
        assert_true(ready == 1 || (ready < 0 && errno == EINTR));
        mst_query_drain(h->b);
    }
    forget_answers(h->w);
}

#endif
