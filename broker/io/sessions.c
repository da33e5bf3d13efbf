/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: who is on the line, over which route, with which rights and how much credit. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "broker/driver/answers.h"
#include "broker/io/broker.h"
#include "proto/pack.h"

/* A session that never said hello, or has ended, is forgotten after this long. */
#define SILENT_MS 60000
/* Sessions are looked through for connections that have ended no more often than this. */
#define SWEEP_MS 1000
/* libzmq spins when descriptors run out: said from this share of the limit on. */
#define CROWDED_PERCENT 80

static size_t route_bucket(enum mst_door door, const uint8_t *routing, size_t len)
{
    uint64_t h = 1469598103934665603ULL + (uint64_t)door; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        h = (h ^ routing[i]) * 1099511628211ULL;
    return (size_t)(h % MST_SESSION_BUCKETS);
}

static struct mst_bucket **bucket_chain(struct mst_broker *b, const uint8_t channel[32])
{
    /* A public key is as good as random. */
    size_t hash = channel[0] | (size_t)channel[1] << 8;
    return &b->buckets[hash % MST_SESSION_BUCKETS];
}

/* With the last of its sessions: a key that comes back soon finds a full one, which a hello and the
 * handshake before it are dear enough to pay for. */
static void drop_bucket(struct mst_broker *b, struct mst_bucket *bucket)
{
    if (!bucket || --bucket->sessions > 0)
        return;
    struct mst_bucket **at = bucket_chain(b, bucket->channel);
    while (*at != bucket)
        at = &(*at)->next;
    *at = bucket->next;
    free(bucket);
}

struct mst_session *mst_session_by_route(struct mst_broker *b, enum mst_door door,
                                         const uint8_t *routing, size_t len)
{
    struct mst_session *s = b->by_route[route_bucket(door, routing, len)];
    while (s &&
           !(s->door == door && s->routing_len == len && memcmp(s->routing, routing, len) == 0))
        s = s->next_by_route;
    return s;
}

struct mst_session *mst_session_by_id(struct mst_broker *b, uint64_t id)
{
    struct mst_session *s = b->by_id[id % MST_SESSION_BUCKETS];
    while (s && s->id != id)
        s = s->next_by_id;
    return s;
}

static void enter_by_id(struct mst_broker *b, struct mst_session *s)
{
    s->id = ++b->session_next;
    struct mst_session **at = &b->by_id[s->id % MST_SESSION_BUCKETS];
    s->next_by_id = *at;
    *at = s;
}

static void leave_by_id(struct mst_broker *b, struct mst_session *s)
{
    struct mst_session **at = &b->by_id[s->id % MST_SESSION_BUCKETS];
    while (*at != s)
        at = &(*at)->next_by_id;
    *at = s->next_by_id;
}

static bool is_connected(const struct mst_session *s)
{
    return mst_tap_is_open(s->fd, s->connection);
}

bool mst_session_is_there(const struct mst_session *s)
{
    return s->welcome && is_connected(s);
}

static void forget_silent(struct mst_broker *b)
{
    int64_t boot = mst_clock_boot();
    for (size_t i = b->sessions_count; i-- > 0;) {
        struct mst_session *s = b->sessions[i];
        if ((!s->welcome && boot - s->heard_boot_ms > SILENT_MS) || !is_connected(s))
            mst_session_close(b, s);
    }
}

/* The second time that one is found gone: what it sent before its end has been heard by then, as of
 * one that was there. */
void mst_session_sweep(struct mst_broker *b)
{
    int64_t boot = mst_clock_boot();
    uint64_t ended = mst_tap_ended();
    if ((ended == b->swept_ended && !b->sweeps) || boot - b->swept_boot_ms < SWEEP_MS)
        return;
    b->swept_ended = ended;
    b->swept_boot_ms = boot;
    b->sweeps = false;
    for (size_t i = b->sessions_count; i-- > 0;) {
        struct mst_session *s = b->sessions[i];
        bool before = s->gone;
        s->gone = !is_connected(s);
        if (s->gone && before)
            mst_session_close(b, s);
        else
            b->sweeps |= s->gone;
    }
}

/* Room for one more, after those are forgotten that are surely gone. */
static int make_room(struct mst_broker *b, struct mst_err *err)
{
    size_t max = (size_t)b->settings.BROKER_connections_max;
    if (b->sessions_count == b->sessions_cap || b->sessions_count >= max)
        forget_silent(b);
    if (b->sessions_count >= max)
        return mst_fail_on(err, MST_E_TOO_LARGE, "connections_max");
    if (b->sessions_count >= max / 100 * CROWDED_PERCENT && max >= 100)
        mst_log(&b->log, 4, "crowded", "sessions=%zu connections_max=%zu", b->sessions_count, max);
    if (b->sessions_count < b->sessions_cap)
        return 0;
    size_t cap = b->sessions_cap ? 2 * b->sessions_cap : 64;
    struct mst_session **grown = realloc(b->sessions, cap * sizeof(struct mst_session *));
    if (!grown)
        return mst_fail_on(err, MST_E_NOMEM, "sessions");
    b->sessions = grown;
    b->sessions_cap = cap;
    return 0;
}

int mst_session_open(struct mst_broker *b, enum mst_door door, const uint8_t *routing, size_t len,
                     struct mst_session **ret, struct mst_err *err)
{
    if (len > MST_ROUTING_ID_MAX)
        return mst_fail_on(err, MST_E_PROTOCOL, "routing id");
    int code = make_room(b, err);
    if (code)
        return code;
    struct mst_session *s = calloc(1, sizeof *s);
    if (!s)
        return mst_fail_on(err, MST_E_NOMEM, "session");
    s->door = door;
    memcpy(s->routing, routing, len);
    s->routing_len = len;
    s->heard_boot_ms = mst_clock_boot();
    s->index = b->sessions_count;
    b->sessions[b->sessions_count++] = s;
    struct mst_session **route = &b->by_route[route_bucket(door, routing, len)];
    s->next_by_route = *route;
    *route = s;
    enter_by_id(b, s);
    *ret = s;
    return 0;
}

void mst_session_begin(struct mst_broker *b, struct mst_session *session)
{
    leave_by_id(b, session);
    enter_by_id(b, session);
}

void mst_session_close(struct mst_broker *b, struct mst_session *session)
{
    struct mst_session **at =
        &b->by_route[route_bucket(session->door, session->routing, session->routing_len)];
    while (*at != session)
        at = &(*at)->next_by_route;
    *at = session->next_by_route;
    leave_by_id(b, session);
    drop_bucket(b, session->bucket);
    struct mst_session *moved = b->sessions[--b->sessions_count];
    b->sessions[session->index] = moved;
    moved->index = session->index;
    free(session->stream.topics);
    free(session);
}

void mst_session_supersede(struct mst_broker *b, const struct mst_session *session)
{
    for (size_t i = b->sessions_count; i-- > 0;) {
        struct mst_session *other = b->sessions[i];
        if (other != session && other->engine == session->engine &&
            strcmp(other->principal, session->principal) == 0 &&
            strcmp(other->kind, session->kind) == 0 && strcmp(other->name, session->name) == 0)
            mst_session_close(b, other);
    }
}

/* ---- limits ---- */

int mst_session_set_key(struct mst_broker *b, struct mst_session *s, const uint8_t channel[32],
                        struct mst_err *err)
{
    struct mst_bucket **chain = bucket_chain(b, channel), *bucket = *chain;
    while (bucket && memcmp(bucket->channel, channel, sizeof bucket->channel) != 0)
        bucket = bucket->next;
    if (!bucket) {
        bucket = calloc(1, sizeof *bucket);
        if (!bucket)
            return mst_fail_on(err, MST_E_NOMEM, "session");
        memcpy(bucket->channel, channel, sizeof bucket->channel);
        bucket->tokens = (double)b->settings.BROKER_rate_burst;
        bucket->bytes = (double)b->settings.BROKER_rate_bytes_burst;
        bucket->boot_ms = mst_clock_boot();
        bucket->next = *chain;
        *chain = bucket;
    }
    memcpy(s->channel, channel, sizeof s->channel);
    bucket->sessions++;
    s->bucket = bucket;
    return 0;
}

static double refill(double tokens, int64_t ms, int64_t rate, int64_t burst)
{
    tokens += (double)ms * (double)rate / 1000.0;
    return tokens < (double)burst ? tokens : (double)burst;
}

bool mst_session_take(struct mst_broker *b, struct mst_session *s, size_t bytes)
{
    const struct mst_settings *set = &b->settings;
    struct mst_bucket *bucket = s->bucket;
    int64_t boot = mst_clock_boot(), ms = boot - bucket->boot_ms;
    /* A message that is larger than the bucket passes when the bucket is full. */
    double cost = (double)bytes < (double)set->BROKER_rate_bytes_burst
                      ? (double)bytes
                      : (double)set->BROKER_rate_bytes_burst;
    bucket->tokens = refill(bucket->tokens, ms, set->BROKER_rate_messages, set->BROKER_rate_burst);
    bucket->bytes = refill(bucket->bytes, ms, set->BROKER_rate_bytes, set->BROKER_rate_bytes_burst);
    bucket->boot_ms = boot;
    if (bucket->tokens < 1.0 || bucket->bytes < cost) {
        b->refused_rate++;
        return false;
    }
    bucket->tokens -= 1.0;
    bucket->bytes -= cost;
    return true;
}

bool mst_session_take_window(struct mst_broker *b, struct mst_session *s, size_t reports)
{
    if (s->batch != b->batch)
        s->reports = 0;
    s->batch = b->batch;
    s->reports += reports;
    return s->reports <= (uint64_t)b->settings.BROKER_window_reports;
}

/* ---- what is said to them ---- */

static void lose(struct mst_broker *b, struct mst_session *s, int error)
{
    /* It will say hello again and go on from there. */
    mst_log(&b->log, 4, "session-lost", "principal=%s kind=%s name=%s address=%s reason=\"%s\"",
            s->principal, s->kind, s->name, s->address, zmq_strerror(error));
    s->stream.open = false;
    s->welcome = false;
}

bool mst_session_offer(struct mst_broker *b, struct mst_session *s, const void *data, size_t len)
{
    void *door = b->doors[s->door];
    if (zmq_send(door, s->routing, s->routing_len, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
        zmq_send(door, data, len, ZMQ_DONTWAIT) >= 0)
        return true;
    /* With MANDATORY set, it is the route's frame that fails: EAGAIN when its queue is full. */
    if (errno == EAGAIN)
        return false;
    lose(b, s, errno);
    return true;
}

void mst_session_send(struct mst_broker *b, struct mst_session *s, const void *data, size_t len)
{
    if (!mst_session_offer(b, s, data, len))
        lose(b, s, EAGAIN);
}

void mst_session_send_msg(struct mst_broker *b, struct mst_session *s, const struct mst_msg *msg)
{
    struct mst_buf frame = {0};
    struct mst_err err;
    if (mst_msg_encode(msg, &frame, &err) == 0)
        mst_session_send(b, s, frame.data, frame.len);
    else
        mst_log_err(&b->log, "encode", &err);
    mst_buf_done(&frame);
}

void mst_session_answer(struct mst_broker *b, struct mst_session *s, const struct mst_msg *msg)
{
    struct mst_err err;
    if (!mst_driver_pending(b->driver))
        mst_session_send_msg(b, s, msg);
    else if (mst_driver_answer(b->driver, s->id, msg, &err))
        mst_log_err(&b->log, "answer", &err);
}

void mst_session_error(struct mst_broker *b, struct mst_session *s, enum mst_code code,
                       const char *subject)
{
    struct mst_answer answer;
    mst_answer_error(&answer, code, subject);
    b->refused_peers++;
    mst_log(&b->log, 4, "refused", "principal=%s address=%s reason=%s subject=\"%s\"",
            s->principal[0] ? s->principal : "-", s->address, mst_code_word((int)code),
            answer.subject);
    mst_session_answer(b, s, &answer.msg);
    s->welcome = false;
    s->stream.open = false;
}

void mst_session_reply(struct mst_broker *b, struct mst_session *s, uint64_t request_id,
                       enum mst_code code, const char *subject, struct mst_slices rows)
{
    struct mst_answer answer;
    mst_answer_reply(&answer, request_id, code, subject, mst_clock_now(&b->clock));
    answer.msg.u.reply.rows = rows;
    mst_session_answer(b, s, &answer.msg);
}

int mst_session_reply_pairs(struct mst_broker *b, struct mst_session *s, uint64_t request_id,
                            const char *const (*pairs)[2], size_t count, struct mst_err *err)
{
    struct mst_buf buf = {0};
    struct mst_slice rows[MST_PAIRS_MAX];
    size_t ends[MST_PAIRS_MAX];
    assert(count <= MST_PAIRS_MAX);
    for (size_t i = 0; i < count; i++) {
        mst_pack_map(&buf, 2);
        mst_pack_text(&buf, "name");
        mst_pack_text(&buf, pairs[i][0]);
        mst_pack_text(&buf, "value");
        mst_pack_text(&buf, pairs[i][1]);
        ends[i] = buf.len;
    }
    for (size_t i = 0, start = 0; i < count; start = ends[i++])
        rows[i] = mst_bytes(buf.data + start, ends[i] - start);
    int code = buf.failed ? mst_fail_on(err, MST_E_NOMEM, "reply") : 0;
    if (!code)
        mst_session_reply(b, s, request_id, MST_OK, "", (struct mst_slices){rows, count});
    mst_buf_done(&buf);
    return code;
}

#define WARN_KEYS_MS ((mst_time)86400000)

static void warn_key(void *context, const struct mst_key *key)
{
    struct mst_broker *b = context;
    struct mst_engine *engine = NULL;
    char fingerprint[17];
    if (mst_driver_key(b->driver, key->channel, &engine))
        mst_security_note(b, engine, MST_SECURITY_KEY_EXPIRES, key->principal, "");
    mst_key_fingerprint(key->channel, fingerprint);
    mst_log(&b->log, 5, "key-expires", "principal=%s fingerprint=%s in_s=%lld", key->principal,
            fingerprint, (long long)((key->not_after - mst_clock_wall()) / 1000));
}

size_t mst_session_expiring_keys(const struct mst_broker *b)
{
    mst_time wall = mst_clock_wall();
    return mst_driver_expiring(b->driver, wall, wall + b->settings.BROKER_key_warning * 1000, NULL,
                               NULL);
}

void mst_session_warn_keys(struct mst_broker *b)
{
    mst_time wall = mst_clock_wall();
    if (b->warned && wall >= b->warned && wall < b->warned + WARN_KEYS_MS)
        return;
    b->warned = wall;
    mst_driver_expiring(b->driver, wall, wall + b->settings.BROKER_key_warning * 1000, warn_key, b);
}

void mst_session_tell_time(struct mst_broker *b)
{
    struct mst_msg msg = {.type = MST_MSG_time};
    msg.u.time.now = (uint64_t)b->clock.virtual_now;
    for (size_t i = 0; i < b->sessions_count; i++) {
        /* Tools ask one thing and go. */
        if (b->sessions[i]->welcome && strcmp(b->sessions[i]->kind, "ctl") != 0)
            mst_session_send_msg(b, b->sessions[i], &msg);
    }
}

struct mst_actor mst_session_actor(const struct mst_session *s)
{
    struct mst_actor actor = {
        .principal = s->principal, .roles = s->roles, .unit = s->unit[0] ? s->unit : NULL};
    if (actor.unit && s->engine) {
        actor.liaison = mst_core_liaison(mst_engine_core(s->engine), actor.unit);
        actor.granted = mst_core_granted(mst_engine_core(s->engine), actor.unit);
    }
    return actor;
}

struct mst_caller mst_session_caller(const struct mst_session *s)
{
    return (struct mst_caller){.session = s->id,
                               .actor = mst_session_actor(s),
                               .address = s->address,
                               .channel = s->door == MST_DOOR_ADMIN ? NULL : s->channel};
}
