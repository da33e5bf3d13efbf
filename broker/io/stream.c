/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alert streams: each subscriber follows the programme's log from its own cursor, as far as it may
 * read and as fast as it gives credit. Nothing is kept per subscriber but its place in the log, so
 * a slow one costs nothing. The feed publishes the same alerts to plain SUB sockets of the office.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "broker/io/broker.h"
#include "config/load/testing.h"

/* Rows of the log that one pump looks at before others get their turn. */
#define PUMP_ROWS_MAX 512
/* A longer name is left out rather than cut; the id is there. */
#define ALERT_NAME_BYTES_MAX 255
/* What a cursor takes, under a name that its owner chooses. */
#define CURSOR_BYTES 128
/* How long a peer whose queue is full is left alone. */
#define STALL_MS_MIN 20
#define STALL_MS_MAX 5000

struct place {
    uint64_t number;
    struct mst_slice head;
    bool found;
};

static int compare_place(void *context, const struct mst_stored_alert *stored)
{
    struct place *p = context;
    p->found = stored->number == p->number && p->head.len == sizeof stored->row_head &&
               memcmp(stored->row_head, p->head.data, p->head.len) == 0;
    return 1;
}

/*
 * The log has grown past where this subscriber was, and the alert there is another than the one it
 * has seen: of a database that was put back, whose numbers were dealt out anew. Its stored cursor
 * is of this log, and stands before what it lacks; the client sees it in `prev`.
 */
static int check_place(struct mst_broker *b, const struct mst_session *s,
                       const struct mst_msg_subscribe *subscribe, uint64_t *from,
                       struct mst_err *err)
{
    uint64_t kept, seen = *from;
    struct place place = {.number = seen, .head = subscribe->head};
    if (!subscribe->head.data || seen == 0 || seen > mst_engine_last_alert(s->engine))
        return 0;
    int code = mst_reader_alerts(mst_store_own_reader(b->store), mst_engine_pid(s->engine),
                                 seen - 1, compare_place, &place, err);
    if (!code && !place.found)
        code = mst_engine_cursor(b->driver, s->engine, s->principal, s->name, &kept, err);
    if (code || place.found)
        return code;
    *from = kept < seen ? kept : seen - 1;
    mst_log(&b->log, 4, "cursor-of-another-log",
            "principal=%s name=%s cursor=%llu begins=%llu hint=\"%s\"", s->principal, s->name,
            (unsigned long long)seen, (unsigned long long)*from,
            _("was the broker restored from a backup? see musterd --restored"));
    return 0;
}

void mst_stream_subscribe(struct mst_broker *b, struct mst_session *s,
                          const struct mst_msg_subscribe *subscribe)
{
    struct mst_stream *stream = &s->stream;
    uint64_t from = subscribe->from;
    struct mst_err err;
    bool named = subscribe->has & (1ULL << MST_F_subscribe_from);
    int code = named ? check_place(b, s, subscribe, &from, &err)
                     : mst_engine_cursor(b->driver, s->engine, s->principal, s->name, &from, &err);
    if (code) {
        mst_session_error(b, s, MST_E_IO, "cursor");
        return;
    }
    free(stream->topics);
    memset(stream, 0, sizeof *stream);
    if (subscribe->topics.count > 0) {
        stream->topics = calloc(subscribe->topics.count, sizeof *stream->topics);
        if (!stream->topics) {
            mst_session_error(b, s, MST_E_NOMEM, "topics");
            return;
        }
        stream->topics_count = subscribe->topics.count;
        for (size_t i = 0; i < stream->topics_count; i++)
            mst_slice_copy(subscribe->topics.items[i], stream->topics[i], sizeof stream->topics[i]);
    }
    uint64_t end = mst_engine_last_alert(s->engine);
    stream->sent = stream->told = stream->acked = from < end ? from : end;
    /* The client sees it in `prev`, unless the log has passed its cursor before it comes. */
    if (from > end)
        mst_log(&b->log, 4, "cursor-beyond-log",
                "principal=%s name=%s cursor=%llu end=%llu hint=\"%s\"", s->principal, s->name,
                (unsigned long long)from, (unsigned long long)end,
                _("was the broker restored from a backup? see musterd --restored"));
    stream->credit = subscribe->credit;
    stream->open = true;
}

int mst_stream_ack(struct mst_broker *b, struct mst_session *s, const struct mst_msg_ack *ack,
                   struct mst_err *err)
{
    struct mst_stream *stream = &s->stream;
    if (!stream->open || ack->cursor > stream->sent) {
        mst_session_error(b, s, MST_E_PROTOCOL, "cursor");
        return 0;
    }
    stream->credit += ack->credit;
    stream->stalled_until_ms = stream->stall_ms = 0;
    stream->let_go = false;
    if (ack->cursor <= stream->acked)
        return 0;
    struct mst_caller caller = mst_session_caller(s);
    if (!mst_driver_take_room(b->driver, s->engine, &caller, CURSOR_BYTES,
                              mst_clock_now(&b->clock))) {
        mst_session_error(b, s, MST_E_QUOTA, s->principal);
        return 0;
    }
    stream->acked = ack->cursor;
    return mst_driver_cursor(b->driver, s->engine, s->principal, s->name, ack->cursor, err);
}

struct pump {
    struct mst_broker *b;
    struct mst_session *s;
    struct mst_actor actor;
    size_t rows;
};

static bool wanted(const struct mst_stream *stream, struct mst_slice topic)
{
    if (stream->topics_count == 0)
        return true;
    for (size_t i = 0; i < stream->topics_count; i++) {
        size_t len = strlen(stream->topics[i]);
        if (topic.len >= len && memcmp(topic.data, stream->topics[i], len) == 0)
            return true;
    }
    return false;
}

/* The peer does not read: its place stays before this alert. */
static void stall(struct mst_stream *stream, uint64_t sent)
{
    stream->sent = sent;
    stream->stall_ms = stream->stall_ms == 0                 ? STALL_MS_MIN
                       : stream->stall_ms > STALL_MS_MAX / 2 ? STALL_MS_MAX
                                                             : 2 * stream->stall_ms;
    stream->stalled_until_ms = mst_clock_boot() + stream->stall_ms;
}

static struct mst_slice short_text(const char *s)
{
    return strlen(s) <= ALERT_NAME_BYTES_MAX ? mst_text(s) : mst_text(NULL);
}

/*
 * A stored alert as it goes out: with its place in the ledger, and with the names that people know
 * units and duties by, which the programme may change and the ledger's row therefore lacks.
 */
static int dress_alert(struct mst_broker *b, struct mst_engine *engine,
                       const struct mst_stored_alert *stored, struct mst_msg *msg,
                       struct mst_err *err)
{
    const struct mst_programme *p = mst_engine_programme(engine);
    char id[MST_ID_MAX];
    b->scratch.used = 0;
    int code =
        mst_msg_decode(stored->bytes.data, stored->bytes.len, MST_DOWN, &b->scratch, msg, err);
    if (code)
        return code;
    struct mst_msg_alert *alert = &msg->u.alert;
    alert->ledger_row = stored->row;
    alert->ledger_head = mst_bytes(stored->row_head, sizeof stored->row_head);
    alert->has |= UINT64_C(1) << MST_F_alert_ledger_epoch;
    alert->ledger_epoch = mst_driver_epoch(b->driver);
    alert->ledger_sig = mst_bytes(mst_head_seal(b, engine, stored), MST_SIGN_BYTES);
    size_t unit = alert->bearer.data
                      ? mst_programme_unit(p, mst_slice_copy(alert->bearer, id, sizeof id))
                      : SIZE_MAX;
    if (unit != SIZE_MAX) {
        alert->bearer_en = short_text(p->units[unit].name.en);
        alert->bearer_zh = short_text(p->units[unit].name.zh);
    }
    size_t duty = alert->duty.data
                      ? mst_programme_duty(p, mst_slice_copy(alert->duty, id, sizeof id))
                      : SIZE_MAX;
    if (duty != SIZE_MAX) {
        alert->duty_en = short_text(p->duties[duty].title.en);
        alert->duty_zh = short_text(p->duties[duty].title.zh);
    }
    return 0;
}

/* Send one stored alert with its place in this stream and in the ledger. False: it does not read.
 */
static bool send_alert(struct mst_broker *b, struct mst_session *s,
                       const struct mst_stored_alert *stored)
{
    struct mst_msg msg;
    struct mst_err err;
    int code = dress_alert(b, s->engine, stored, &msg, &err);
    if (!code && !wanted(&s->stream, msg.u.alert.topic))
        return true;
    msg.u.alert.prev = s->stream.told;
    struct mst_buf frame = {0};
    if (!code)
        code = mst_msg_encode(&msg, &frame, &err);
    bool taken = true;
    if (code)
        mst_log_err(&b->log, "alert", &err);
    else
        taken = mst_session_offer(b, s, frame.data, frame.len);
    mst_buf_done(&frame);
    if (taken && !code) {
        s->stream.told = stored->number;
        s->stream.credit--;
        s->stream.stall_ms = 0;
    }
    return taken;
}

static int pump_one(void *context, const struct mst_stored_alert *stored)
{
    struct pump *p = context;
    char audience[65], group[MST_ID_MAX];
    mst_slice_copy(stored->audience, audience, sizeof audience);
    mst_slice_copy(stored->group, group, sizeof group);
    uint64_t before = p->s->stream.sent;
    p->s->stream.sent = stored->number;
    if (mst_authz_audience(mst_engine_programme(p->s->engine), &p->actor, audience, group) &&
        !send_alert(p->b, p->s, stored)) {
        stall(&p->s->stream, before);
        return 1;
    }
    p->rows++;
    return p->s->stream.credit == 0 || !p->s->stream.open || p->rows >= PUMP_ROWS_MAX;
}

bool mst_stream_pump(struct mst_broker *b, struct mst_session *s)
{
    struct mst_stream *stream = &s->stream;
    uint64_t end = mst_engine_last_alert(s->engine);
    if (!stream->open || stream->credit == 0 || stream->sent >= end)
        return true;
    if (stream->stalled_until_ms && mst_clock_boot() < stream->stalled_until_ms)
        return true;
    stream->stalled_until_ms = 0;
    /* A key is revoked while its stream is open: the next alert is not for it any more. */
    const struct mst_key *key;
    if (mst_door_admit(b, s, &key))
        return true;
    struct pump p = {.b = b, .s = s, .actor = mst_session_actor(s)};
    struct mst_err err;
    int code = mst_reader_alerts(mst_store_own_reader(b->store), mst_engine_pid(s->engine),
                                 stream->sent, pump_one, &p, &err);
    if (code)
        mst_log_err(&b->log, "stream", &err);
    return code || p.rows < PUMP_ROWS_MAX;
}

static bool is_in_flight(const struct mst_session *s)
{
    const struct mst_stream *stream = &s->stream;
    if (!stream->open || !s->welcome || stream->let_go)
        return false;
    return stream->acked < stream->told ||
           (stream->credit > 0 && stream->sent < mst_engine_last_alert(s->engine));
}

bool mst_stream_in_flight(const struct mst_broker *b)
{
    for (size_t i = 0; i < b->sessions_count; i++) {
        if (is_in_flight(b->sessions[i]))
            return true;
    }
    return false;
}

void mst_stream_let_go(struct mst_broker *b)
{
    for (size_t i = 0; i < b->sessions_count; i++) {
        struct mst_session *s = b->sessions[i];
        if (!is_in_flight(s))
            continue;
        mst_log(&b->log, 4, "rehearsal",
                "principal=%s name=%s does not acknowledge: going on without it", s->principal,
                s->name);
        s->stream.let_go = true;
    }
}

/* ---- the feed ---- */

void mst_feed_check(struct mst_broker *b)
{
    if (mst_clock_wall() >= b->feed_until)
        b->feed_stale = true;
}

void mst_feed_keys_changed(struct mst_broker *b)
{
    mst_feed_check(b);
    b->feed_until = mst_driver_next_expiry(b->driver, MST_ROLE_OFFICE, mst_clock_wall());
}

int mst_feed_open(struct mst_broker *b, struct mst_err *err)
{
    b->feed_until = mst_driver_next_expiry(b->driver, MST_ROLE_OFFICE, mst_clock_wall());
    if (b->feed)
        zmq_close(b->feed);
    b->feed = zmq_socket(b->zmq, ZMQ_PUB);
    int linger = 0, server = 1, enforce = 1, hwm = (int)b->settings.BROKER_send_queue_max,
        heard_max = 100, handshake = (int)b->settings.BROKER_handshake_timeout;
    int64_t bytes_max = 1024;
    const char *endpoint = b->settings.BROKER_feed_endpoint;
    if (!b->feed || zmq_setsockopt(b->feed, ZMQ_LINGER, &linger, sizeof linger) ||
        zmq_setsockopt(b->feed, ZMQ_SNDHWM, &hwm, sizeof hwm) ||
        zmq_setsockopt(b->feed, ZMQ_RCVHWM, &heard_max, sizeof heard_max) ||
        zmq_setsockopt(b->feed, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max) ||
        zmq_setsockopt(b->feed, ZMQ_HANDSHAKE_IVL, &handshake, sizeof handshake) ||
        zmq_setsockopt(b->feed, ZMQ_CURVE_SERVER, &server, sizeof server) ||
        zmq_setsockopt(b->feed, ZMQ_CURVE_SECRETKEY, b->keys.channel_secret, 32) ||
        zmq_setsockopt(b->feed, ZMQ_ZAP_DOMAIN, "office", 6) ||
        zmq_setsockopt(b->feed, MST_ZMQ_ZAP_ENFORCE_DOMAIN, &enforce, sizeof enforce))
        return mst_fail(err, MST_E_IO, _("feed: %s"), zmq_strerror(errno));
    int code = mst_gate_watch(b->gate, MST_GATE_FEED, b->feed, err);
    if (code)
        return code;
    /* After a rebind the old listener may need a moment to let go of the port. */
    for (int tries = 0; zmq_bind(b->feed, endpoint) != 0; tries++) {
        if (errno != EADDRINUSE || tries == 100)
            return mst_bind_failed(endpoint, "feed_endpoint", errno, err);
        zmq_poll(NULL, 0, 10);
    }
    return 0;
}

void mst_feed_publish(struct mst_broker *b, struct mst_engine *engine,
                      const struct mst_stored_alert *stored)
{
    struct mst_msg msg;
    struct mst_err err;
    struct mst_buf frame = {0};
    mst_feed_check(b);
    /* Nothing more for whoever listens on a feed that a revocation or an expiry has ended. */
    if (b->feed_stale)
        return;
    int code = dress_alert(b, engine, stored, &msg, &err);
    if (!code) {
        /* The feed carries every alert: the one before is the one numbered before. */
        msg.u.alert.prev = stored->number - 1;
        code = mst_msg_encode(&msg, &frame, &err);
    }
    if (code) {
        mst_log_err(&b->log, "feed", &err);
    } else {
        zmq_send(b->feed, msg.u.alert.topic.data, msg.u.alert.topic.len,
                 ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(b->feed, frame.data, frame.len, ZMQ_DONTWAIT);
    }
    mst_buf_done(&frame);
}
