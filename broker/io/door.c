/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages from peers, one at a time: who sent it, may he still, is it a message at all, what does
 * it ask. A key is checked on every message, so that a revocation holds from the next one on.
 * Nothing that a payload says about its sender is believed.
 */
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/driver/roles.h"
#include "broker/io/broker.h"
#include "config/load/testing.h"

static bool receive(struct mst_broker *b, enum mst_door from, struct mst_letter *l)
{
    void *door = b->doors[from];
    l->door = from;
    int len = zmq_recv(door, l->routing, sizeof l->routing, ZMQ_DONTWAIT);
    if (len < 0)
        return false;
    l->routing_len = (size_t)len;
    l->whole = l->routing_len <= sizeof l->routing;
    zmq_msg_init(&l->payload);
    size_t frames = 0, bytes = 0;
    int more = 0;
    size_t more_len = sizeof more;
    zmq_getsockopt(door, ZMQ_RCVMORE, &more, &more_len);
    while (more) {
        zmq_msg_close(&l->payload);
        zmq_msg_init(&l->payload);
        if (zmq_msg_recv(&l->payload, door, 0) < 0)
            break;
        frames++;
        bytes += zmq_msg_size(&l->payload);
        more = zmq_msg_more(&l->payload);
    }
    l->whole = l->whole && frames == 1;
    l->fd = zmq_msg_get(&l->payload, ZMQ_SRCFD);
    l->connection = mst_tap_connection(l->fd);
    mst_tap_heard(l->fd, frames, bytes);
    return true;
}

/* ---- roles of local users ---- */

bool mst_door_parse_local(const char *row, unsigned *ret_uid, unsigned *ret_roles)
{
    char *end;
    if (*row < '0' || *row > '9')
        return false;
    unsigned long uid = strtoul(row, &end, 10);
    if (*end != '=' || uid >= UINT_MAX || !mst_roles_parse(end + 1, ret_roles))
        return false;
    *ret_uid = (unsigned)uid;
    return true;
}

static void identify_local(struct mst_broker *b, struct mst_session *s, const char *peer_address)
{
    /* libzmq writes "localhost:uid:gid:pid" there for ipc. */
    unsigned uid = UINT_MAX; /* nobody's */
    const char *colon = strchr(peer_address, ':');
    if (colon && colon[1] >= '0' && colon[1] <= '9')
        uid = (unsigned)strtoul(colon + 1, NULL, 10);
    snprintf(s->principal, sizeof s->principal, "uid:%u", uid);
    snprintf(s->address, sizeof s->address, "local");
    s->roles = uid == geteuid() ? MST_ROLE_ADMIN : 0;
    for (size_t i = 0; i < b->settings.BROKER_local_roles.count; i++) {
        unsigned row_uid, roles;
        if (mst_door_parse_local(b->settings.BROKER_local_roles.items[i], &row_uid, &roles) &&
            row_uid == uid)
            s->roles |= roles;
    }
}

/* The session of a letter, made at its first. NULL: drop the letter. */
static struct mst_session *session_of(struct mst_broker *b, struct mst_letter *l)
{
    enum mst_door door = l->door;
    struct mst_session *s = mst_session_by_route(b, door, l->routing, l->routing_len);
    if (s)
        return s;
    const char *user = zmq_msg_gets(&l->payload, "User-Id");
    const char *address = zmq_msg_gets(&l->payload, "Peer-Address");
    const char *identity = zmq_msg_gets(&l->payload, "Identity");
    if ((door != MST_DOOR_ADMIN && (!user || strlen(user) != 64)) || (identity && identity[0])) {
        b->refused_peers++;
        mst_log(&b->log, 4, "dropped", "address=%s reason=\"%s\"", address ? address : "?",
                identity && identity[0] ? "chosen routing id" : "no identity");
        return NULL;
    }
    struct mst_err err;
    if (mst_session_open(b, door, l->routing, l->routing_len, &s, &err)) {
        mst_log_err(&b->log, "session", &err);
        return NULL;
    }
    s->fd = l->fd;
    s->connection = l->connection;
    if (door == MST_DOOR_ADMIN) {
        identify_local(b, s, address ? address : "");
        return s;
    }
    uint8_t channel[sizeof s->channel];
    snprintf(s->address, sizeof s->address, "%s", address ? address : "?");
    if (sodium_hex2bin(channel, sizeof channel, user, 64, NULL, NULL, NULL) != 0 ||
        mst_session_set_key(b, s, channel, &err)) {
        mst_session_close(b, s);
        return NULL;
    }
    return s;
}

int mst_door_admit(struct mst_broker *b, struct mst_session *s, const struct mst_key **ret_key)
{
    *ret_key = NULL;
    if (s->door != MST_DOOR_MEMBERS)
        return 0;
    struct mst_engine *engine = NULL;
    const struct mst_key *key = mst_driver_key(b->driver, s->channel, &engine);
    int code = key ? 0 : MST_E_DENIED;
    if (key) {
        *ret_key = key;
        snprintf(s->principal, sizeof s->principal, "%s", key->principal);
        snprintf(s->unit, sizeof s->unit, "%s", key->unit);
        s->roles = key->roles;
        s->engine = engine;
        if (!MST_MUTANT("revocation-at-handshake-only"))
            code = mst_key_check(key, mst_clock_wall());
        if (code == MST_E_REVOKED)
            mst_security_note(b, engine, MST_SECURITY_REVOKED_KEY, key->principal, s->address);
    }
    if (code)
        mst_session_error(b, s, (enum mst_code)code, s->principal);
    return code;
}

/* ---- hello ---- */

static bool known_kind(struct mst_slice kind)
{
    return mst_slice_is(kind, "agent") || mst_slice_is(kind, "watch") ||
           mst_slice_is(kind, "web") || mst_slice_is(kind, "ctl");
}

static bool is_id(struct mst_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool plain = (text.data[i] >= 'a' && text.data[i] <= 'z') ||
                     (text.data[i] >= '0' && text.data[i] <= '9');
        if (!plain && (text.data[i] != '-' || i == 0))
            return false;
    }
    return text.len > 0;
}

static void welcome(struct mst_broker *b, struct mst_session *s, const struct mst_msg_hello *hello,
                    mst_time now)
{
    static const struct mst_slice capabilities[] = {{(const uint8_t *)"runs", 4},
                                                    {(const uint8_t *)"credit", 6},
                                                    {(const uint8_t *)MST_CAN_PLACES, 6}};
    struct mst_slice roles[8];
    uint64_t last = 0;
    uint8_t head[MST_HASH_BYTES];
    struct mst_err err;
    struct mst_msg msg = {.type = MST_MSG_welcome};
    struct mst_msg_welcome *w = &msg.u.welcome;
    if (hello->outbox.data) {
        int code = s->unit[0] ? mst_engine_outbox(s->engine, hello->outbox.data, s->unit, &last,
                                                  head, &err)
                              : MST_E_DENIED;
        if (code) {
            mst_session_error(b, s, (enum mst_code)code, "outbox");
            return;
        }
        w->head = mst_bytes(head, sizeof head);
        w->last = last;
        w->has |= 1ULL << MST_F_welcome_last;
    }
    w->version = MST_PROTOCOL_VERSION;
    w->programme = mst_text(mst_engine_programme(s->engine)->id);
    w->principal = mst_text(s->principal);
    w->roles = (struct mst_slices){roles, mst_roles_words(s->roles, roles)};
    w->unit = mst_text(s->unit[0] ? s->unit : NULL);
    w->zone = mst_text(mst_engine_programme(s->engine)->zone->name);
    w->now = (uint64_t)now;
    w->rehearsal = b->rehearsal;
    w->epoch = mst_driver_epoch(b->driver);
    w->watermark = mst_driver_watermark(b->driver);
    w->window = (uint64_t)b->settings.BROKER_window_reports;
    w->message_bytes_max = (uint64_t)b->settings.BROKER_message_bytes_max;
    w->capabilities =
        (struct mst_slices){capabilities, sizeof capabilities / sizeof capabilities[0]};
    w->sign_key = mst_bytes(b->keys.sign_public, MST_SIGN_PUBLIC_BYTES);
    const struct mst_key *key = mst_driver_key(b->driver, s->channel, NULL);
    if (s->door == MST_DOOR_MEMBERS && key && key->not_after != MST_NEVER) {
        w->has |= UINT64_C(1) << MST_F_welcome_key_not_after;
        w->key_not_after = (uint64_t)key->not_after;
    }
    w->software = mst_text("musterd " MUSTER_VERSION);
    s->welcome = true;
    mst_session_supersede(b, s);
    /* Not before its commit: what `last` says may be in the batch that is open. */
    mst_session_answer(b, s, &msg);
    mst_log(&b->log, 6, "session", "principal=%s kind=%s name=%s address=%s", s->principal, s->kind,
            s->name, s->address);
}

static void serve_hello(struct mst_broker *b, struct mst_session *s,
                        const struct mst_msg_hello *hello, mst_time now)
{
    char programme[MST_ID_MAX];
    mst_slice_copy(hello->programme, programme, sizeof programme);
    struct mst_engine *wanted = mst_driver_find(b->driver, programme);
    /* A key belongs to one programme; a local user may choose. */
    if (s->door == MST_DOOR_MEMBERS && (strcmp(programme, "*") == 0 || wanted == s->engine))
        wanted = s->engine;
    else if (s->door == MST_DOOR_MEMBERS)
        wanted = NULL;
    mst_session_begin(b, s);
    s->stream.open = false;
    if (hello->version != MST_PROTOCOL_VERSION)
        mst_session_error(b, s, MST_E_VERSION, "protocol");
    else if (!known_kind(hello->kind))
        mst_session_error(b, s, MST_E_PROTOCOL, "kind");
    else if (!is_id(hello->name))
        mst_session_error(b, s, MST_E_PROTOCOL, "name");
    else if (!wanted)
        mst_session_error(b, s, MST_E_UNKNOWN, programme);
    else {
        s->engine = wanted;
        mst_slice_copy(hello->kind, s->kind, sizeof s->kind);
        mst_slice_copy(hello->name, s->name, sizeof s->name);
        welcome(b, s, hello, now);
    }
}

/* ---- keys ---- */

static int enrol(struct mst_broker *b, const struct mst_caller *caller,
                 const struct mst_msg_enrol *enrol, mst_time now, struct mst_err *err)
{
    int code = mst_driver_enrol(b->driver, caller, enrol, now, mst_clock_wall(), err);
    mst_feed_keys_changed(b);
    return code;
}

static int rotate(struct mst_broker *b, const struct mst_session *s,
                  const struct mst_caller *caller, const struct mst_msg_rotate *rotate,
                  mst_time now, struct mst_err *err)
{
    int code = mst_driver_rotate(b->driver, caller, s->channel, rotate, now, mst_clock_wall(), err);
    mst_feed_keys_changed(b);
    return code;
}

/* ---- dispatch ---- */

static int dispatch(struct mst_broker *b, struct mst_session *s, const struct mst_key *key,
                    const struct mst_reading *read, mst_time now, struct mst_err *err)
{
    const struct mst_msg *msg = &read->msg;
    struct mst_caller caller = mst_session_caller(s);
    caller.sign_key = key && s->unit[0] ? key->sign : NULL;
    caller.verified = read->verified ? &read->push : NULL;
    if (s->door == MST_DOOR_ENROL) {
        caller.actor.principal = "stranger";
        if (msg->type != MST_MSG_enrol)
            mst_session_error(b, s, MST_E_PROTOCOL, mst_msg_word(msg->type));
        else if (msg->u.enrol.version != MST_PROTOCOL_VERSION)
            mst_session_error(b, s, MST_E_VERSION, "protocol");
        else if (memcmp(s->channel, msg->u.enrol.channel_key.data, sizeof s->channel) != 0)
            /* Who enrols a key must hold it: the connection is made with it. */
            mst_session_error(b, s, MST_E_IDENTITY, "channel_key");
        else
            return enrol(b, &caller, &msg->u.enrol, now, err);
        return 0;
    }
    if (msg->type == MST_MSG_hello) {
        serve_hello(b, s, &msg->u.hello, now);
        return 0;
    }
    if (!s->welcome) {
        mst_session_error(b, s, MST_E_PROTOCOL, "hello first");
        return 0;
    }
    switch (msg->type) {
    case MST_MSG_push:
        if (!mst_session_take_window(b, s, msg->u.push.reports.count)) {
            mst_session_error(b, s, MST_E_RATE, "window");
            return 0;
        }
        return mst_driver_push(b->driver, s->engine, &caller, &msg->u.push, now, err);
    case MST_MSG_request:
        return mst_request_serve(b, s, &msg->u.request, now, err);
    case MST_MSG_subscribe:
        mst_stream_subscribe(b, s, &msg->u.subscribe);
        return 0;
    case MST_MSG_ack:
        return mst_stream_ack(b, s, &msg->u.ack, err);
    case MST_MSG_rotate:
        /* A local user has no key to replace. */
        if (s->door != MST_DOOR_MEMBERS) {
            mst_session_error(b, s, MST_E_DENIED, mst_msg_word(msg->type));
            return 0;
        }
        return rotate(b, s, &caller, &msg->u.rotate, now, err);
    case MST_MSG_bye:
        mst_session_close(b, s);
        return 0;
    default:
        mst_session_error(b, s, MST_E_PROTOCOL, mst_msg_word(msg->type));
        return 0;
    }
}

static int hear(struct mst_broker *b, struct mst_session *s, struct mst_slice bytes,
                struct mst_reading_room *room, struct mst_reading *read, mst_time now,
                struct mst_err *err)
{
    const struct mst_key *key;
    if (mst_door_admit(b, s, &key))
        return 0;
    if (s->door != MST_DOOR_ADMIN && !mst_session_take(b, s, bytes.len)) {
        mst_session_error(b, s, MST_E_RATE, s->principal);
        return 0;
    }
    if (!read->done)
        mst_read(bytes, NULL, room, read);
    if (read->code) {
        mst_session_error(b, s, MST_E_PROTOCOL, read->why.text);
        return 0;
    }
    s->last_seen_wall = mst_clock_wall();
    /* A rehearsal's time leaps, and says nothing of who is there. */
    if (!b->rehearsal && s->unit[0] && strcmp(s->kind, "agent") == 0 && s->engine) {
        int failed = mst_driver_heard(s->engine, s->unit, now, err);
        if (failed)
            return failed;
    }
    s->heard_boot_ms = mst_clock_boot();
    uint64_t id = s->id;
    int failed = dispatch(b, s, key, read, now, err);
    /* Its answer goes down with the batch; whoever recovers tells those who wait for one. */
    s = failed ? mst_session_by_id(b, id) : NULL;
    if (s)
        mst_session_error(b, s, (enum mst_code)failed, "broker");
    return failed;
}

int mst_door_hear(struct mst_broker *b, struct mst_session *s, struct mst_slice bytes,
                  struct mst_err *err)
{
    struct mst_reading read = {.done = false};
    struct mst_reading_room *room = malloc(sizeof *room);
    int code = room ? hear(b, s, bytes, room, &read, mst_clock_now(&b->clock), err)
                    : mst_fail_on(err, MST_E_NOMEM, "message");
    free(room);
    return code;
}

static int serve_letter(struct mst_broker *b, struct mst_letter *l, struct mst_err *err)
{
    struct mst_session *s = l->whole ? session_of(b, l) : NULL;
    if (!l->whole) {
        b->refused_peers++;
        mst_log(&b->log, 4, "dropped", "reason=\"a message is exactly one frame\"");
    }
    return s ? hear(b, s, mst_letter_bytes(l), &l->room, &l->reading, l->now, err) : 0;
}

int mst_door_serve(struct mst_broker *b, struct mst_taken *taken, struct mst_err *err)
{
    int code = 0;
    struct mst_letter *l;
    while (!code && !mst_door_full(b, taken) && (l = mst_ahead_next(b->ahead))) {
        taken->letters++;
        taken->bytes += mst_letter_bytes(l).len;
        code = serve_letter(b, l, err);
        if (l->reading.done && !l->reading.code && l->reading.msg.type == MST_MSG_push)
            taken->reports += l->reading.msg.u.push.reports.count;
        mst_ahead_drop(b->ahead);
    }
    return code;
}

bool mst_door_full(const struct mst_broker *b, const struct mst_taken *taken)
{
    return taken->letters >= (uint64_t)b->settings.BROKER_batch_messages_max ||
           taken->reports >= (uint64_t)b->settings.BROKER_batch_reports_max ||
           taken->bytes >= (uint64_t)b->settings.BROKER_batch_bytes_max;
}

mst_time mst_door_now(struct mst_broker *b)
{
    mst_time now = mst_clock_now(&b->clock);
    const struct mst_letter *oldest = mst_ahead_oldest(b->ahead);
    return oldest && oldest->now < now ? oldest->now : now;
}

/* ---- how many strangers are heard ---- */

static double enrol_tokens(const struct mst_broker *b)
{
    double rate = (double)b->settings.BROKER_enrol_rate;
    double tokens = b->enrol_tokens + (double)(mst_clock_boot() - b->enrol_boot_ms) * rate / 1000.0;
    return tokens < rate ? tokens : rate;
}

int64_t mst_door_enrol_wait_ms(const struct mst_broker *b)
{
    double missing = 1.0 - enrol_tokens(b);
    if (missing <= 0)
        return -1;
    return (int64_t)(missing * 1000.0 / (double)b->settings.BROKER_enrol_rate) + 1;
}

static void take_enrol_token(struct mst_broker *b)
{
    b->enrol_tokens = enrol_tokens(b) - 1.0;
    b->enrol_boot_ms = mst_clock_boot();
}

/* ---- taking letters ---- */

/* Whom a push of this session would have to be signed by, if one may be expected of it. */
static bool find_signer(struct mst_broker *b, struct mst_letter *l)
{
    struct mst_engine *engine;
    const struct mst_session *s =
        l->whole ? mst_session_by_route(b, l->door, l->routing, l->routing_len) : NULL;
    if (!s || !s->welcome || !s->bucket || s->bucket->tokens < 1.0)
        return false;
    const struct mst_key *key = mst_driver_key(b->driver, s->channel, &engine);
    if (key)
        memcpy(l->sign_key, key->sign, sizeof l->sign_key);
    return key && key->unit[0];
}

static bool take(struct mst_broker *b, enum mst_door door)
{
    struct mst_letter *l = mst_ahead_room(b->ahead);
    if (!l || (door == MST_DOOR_ENROL && mst_door_enrol_wait_ms(b) >= 0) || !receive(b, door, l))
        return false;
    if (door == MST_DOOR_ENROL)
        take_enrol_token(b);
    l->now = mst_clock_now(&b->clock);
    l->worth = door == MST_DOOR_MEMBERS && find_signer(b, l);
    mst_ahead_post(b->ahead);
    return true;
}

void mst_door_gather(struct mst_broker *b, const bool *knocked, bool busy)
{
    /* In turn, so that none can keep the others out by filling the room. */
    static const struct {
        enum mst_door door;
        int letters;
    } turns[] = {{MST_DOOR_ADMIN, 1}, {MST_DOOR_MEMBERS, 16}, {MST_DOOR_ENROL, 1}};
    bool empty[MST_DOORS];
    bool taken = true;
    for (size_t i = 0; i < MST_DOORS; i++)
        empty[i] = knocked && !knocked[i];
    while (taken) {
        taken = false;
        for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
            enum mst_door door = turns[i].door;
            for (int n = 0; n < turns[i].letters && !empty[door]; n++) {
                empty[door] = !take(b, door);
                taken |= !empty[door];
            }
        }
    }
    mst_ahead_go(b->ahead, busy);
}
