/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small broker for the agent's session: real sockets, real CURVE, real signatures. It keeps
 * reports by outbox and does as it is told: lose receipts, forget, repeat alerts, lie.
 */
#ifndef MST_TESTS_UNIT_SESSION_BROKER_H
#define MST_TESTS_UNIT_SESSION_BROKER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <czmq.h>

#include "agent/run/session.h"
#include "proto/pack.h"
#include "tests/unit/sign_receipt.h"

#define STORED_MAX 512
#define OUTBOXES_MAX 4

struct stored {
    uint8_t id[MST_OUTBOX_BYTES], head[MST_HASH_BYTES];
    uint8_t heads[STORED_MAX + 1][MST_HASH_BYTES];
    uint64_t rows[STORED_MAX + 1];
    uint64_t last;
};

struct fake {
    pthread_mutex_t lock; /* of everything below but what czmq minds */
    zactor_t *actor;
    zsock_t *router;
    zcert_t *cert;
    char endpoint[64];
    struct mst_keys keys;
    uint8_t unit_key[MST_SIGN_PUBLIC_BYTES];
    struct stored outboxes[OUTBOXES_MAX];
    size_t outboxes_count;
    uint64_t row, epoch, watermark, alerts, acked_alert, window, now;
    uint64_t refuse_seq;     /* answered as refused */
    size_t refuse_rows;      /* in so many rows, as long as they may be; 0: in a short one */
    unsigned lose_receipts;  /* so many are not sent */
    unsigned forge_receipts; /* so many carry a wrong signature */
    unsigned expect_once;    /* so many pushes are answered with `expect` without being stored */
    uint64_t skip_alert;     /* an alert number that is lost on the way, once */
    uint8_t alert_seed;      /* of the alerts' ids */
    unsigned later_alerts;   /* so many come once its log is followed from beyond its end */
    unsigned hellos, pushes, duplicates, bad, subscriptions;
    bool rehearsal, silent;
    bool wide_receipts; /* a repeat's receipt numbers all that is stored behind it */
};

static struct stored *outbox_of(struct fake *f, struct mst_slice id)
{
    for (size_t i = 0; i < f->outboxes_count; i++) {
        if (memcmp(f->outboxes[i].id, id.data, MST_OUTBOX_BYTES) == 0)
            return &f->outboxes[i];
    }
    assert_true(f->outboxes_count < OUTBOXES_MAX);
    struct stored *o = &f->outboxes[f->outboxes_count++];
    memset(o, 0, sizeof *o);
    memcpy(o->id, id.data, MST_OUTBOX_BYTES);
    mst_chain_genesis(o->id, "p", "u1", o->head);
    memcpy(o->heads[0], o->head, sizeof o->head);
    return o;
}

static void reply_with(struct fake *f, zframe_t *peer, const struct mst_msg *msg)
{
    struct mst_buf buf = {0};
    if (mst_msg_encode(msg, &buf, NULL)) {
        f->bad++;
        return;
    }
    zsock_send(f->router, "fb", peer, buf.data, buf.len);
    mst_buf_done(&buf);
}

static void welcome(struct fake *f, zframe_t *peer, const struct mst_msg_hello *h)
{
    static const struct mst_slice role = {(const uint8_t *)"unit", 4};
    struct mst_msg msg = {.type = MST_MSG_welcome};
    struct mst_msg_welcome *w = &msg.u.welcome;
    struct stored *o = outbox_of(f, h->outbox);
    f->hellos++;
    w->version = 1;
    w->programme = mst_text("p");
    w->principal = mst_text("unit:u1");
    w->roles = (struct mst_slices){&role, 1};
    w->unit = mst_text("u1");
    w->now = f->now;
    w->rehearsal = f->rehearsal;
    w->epoch = f->epoch;
    w->watermark = f->watermark;
    w->has = UINT64_C(1) << MST_F_welcome_last;
    w->last = o->last;
    if (o->last)
        w->head = mst_bytes(o->head, sizeof o->head);
    w->window = f->window;
    w->message_bytes_max = 4096;
    w->sign_key = mst_bytes(f->keys.sign_public, sizeof f->keys.sign_public);
    reply_with(f, peer, &msg);
}

static void send_receipt(struct fake *f, zframe_t *peer, struct stored *o, uint64_t first,
                         uint64_t last)
{
    struct mst_msg msg = {.type = MST_MSG_receipt};
    struct mst_msg_receipt *r = &msg.u.receipt;
    struct mst_buf refused = {0};
    static struct mst_slice rows[4096];
    size_t count = 0;
    uint8_t sig[MST_SIGN_BYTES];
    if (f->lose_receipts) {
        f->lose_receipts--;
        return;
    }
    if (f->refuse_seq >= first && f->refuse_seq <= last) {
        char text[MST_ERR_TEXT_MAX] = "";
        memset(text, 'x', f->refuse_rows ? sizeof text - 1 : 1);
        mst_pack_map(&refused, 4);
        mst_pack_text(&refused, "seq");
        mst_pack_uint(&refused, f->refuse_seq);
        mst_pack_text(&refused, "code");
        mst_pack_text(&refused, "locked");
        mst_pack_text(&refused, "subject");
        mst_pack_text(&refused, f->refuse_rows ? text + 256 : "d/p/u1");
        mst_pack_text(&refused, "text");
        mst_pack_text(&refused, text);
        do
            rows[count++] = mst_bytes(refused.data, refused.len);
        while (count < f->refuse_rows);
    }
    r->outbox = mst_bytes(o->id, sizeof o->id);
    r->first = first;
    r->last = last;
    r->row = o->rows[first];
    r->head = mst_bytes(o->heads[last], MST_HASH_BYTES);
    r->refused = (struct mst_slices){rows, count};
    r->epoch = f->epoch;
    r->watermark = f->watermark;
    r->now = f->now;
    r->alg = mst_text(MST_ALG_ED25519_BLAKE2B);
    sign_receipt(f->keys.sign_secret, "p", r, sig);
    if (f->forge_receipts) {
        f->forge_receipts--;
        sig[0] ^= 1;
    }
    r->sig = mst_bytes(sig, sizeof sig);
    reply_with(f, peer, &msg);
    mst_buf_done(&refused);
}

static void send_expect(struct fake *f, zframe_t *peer, struct stored *o)
{
    struct mst_msg msg = {.type = MST_MSG_expect};
    msg.u.expect.outbox = mst_bytes(o->id, sizeof o->id);
    msg.u.expect.next = o->last + 1;
    msg.u.expect.head = mst_bytes(o->head, sizeof o->head);
    reply_with(f, peer, &msg);
}

static void take_push(struct fake *f, zframe_t *peer, const struct mst_msg_push *p)
{
    struct stored *o = outbox_of(f, p->outbox);
    uint8_t head[MST_HASH_BYTES];
    uint64_t last = p->first + p->reports.count - 1;
    f->pushes++;
    if (f->expect_once || p->first > o->last + 1) {
        f->expect_once -= f->expect_once ? 1 : 0;
        send_expect(f, peer, o);
        return;
    }
    if (memcmp(p->prev.data, o->heads[p->first - 1], MST_HASH_BYTES) != 0)
        f->bad++;
    memcpy(head, p->prev.data, sizeof head);
    for (size_t i = 0; i < p->reports.count; i++)
        mst_chain_next(head, p->first + i, p->reports.items[i], head);
    if (mst_run_verify(f->unit_key, o->id, last, head, p->sig.data, NULL))
        f->bad++;
    if (p->first <= o->last) {
        /* A repeat gets the stored answer; a run that straddles would be half of one. */
        if (last > o->last)
            f->bad++;
        f->duplicates += (unsigned)p->reports.count;
        if (f->wide_receipts)
            last = o->last;
    } else {
        memcpy(head, p->prev.data, sizeof head);
        for (size_t i = 0; i < p->reports.count; i++) {
            mst_chain_next(head, p->first + i, p->reports.items[i], head);
            o->last++;
            o->rows[o->last] = ++f->row;
            memcpy(o->heads[o->last], head, sizeof head);
        }
        memcpy(o->head, head, sizeof head);
    }
    send_receipt(f, peer, o, p->first, last);
}

static void send_alert(struct fake *f, zframe_t *peer, uint64_t number)
{
    static const uint8_t head[32] = {7};
    uint8_t id[32] = {(uint8_t)number, (uint8_t)f->epoch, f->alert_seed};
    struct mst_msg msg = {.type = MST_MSG_alert};
    struct mst_msg_alert *a = &msg.u.alert;
    if (f->skip_alert == number) {
        f->skip_alert = 0;
        return;
    }
    a->number = number;
    a->prev = number - 1;
    a->id = mst_bytes(id, sizeof id);
    a->programme = mst_text("p");
    a->topic = mst_text("p/unit:u1/reminder");
    a->kind = mst_text("reminder");
    a->audience = mst_text("unit:u1");
    a->role = mst_text("clerk");
    a->fired = 5;
    a->ledger_head = mst_bytes(head, sizeof head);
    reply_with(f, peer, &msg);
}

static void take_subscribe(struct fake *f, zframe_t *peer, const struct mst_msg_subscribe *s)
{
    uint64_t from = s->has & (UINT64_C(1) << MST_F_subscribe_from) ? s->from : f->acked_alert;
    f->subscriptions++;
    if (from > f->alerts) {
        from = f->alerts;
        f->alerts += f->later_alerts;
        f->later_alerts = 0;
    }
    for (uint64_t n = from + 1; n <= f->alerts; n++)
        send_alert(f, peer, n);
}

static void take_request(struct fake *f, zframe_t *peer, const struct mst_msg_request *r)
{
    struct mst_buf row = {0};
    struct mst_slice item;
    struct mst_msg msg = {.type = MST_MSG_reply};
    mst_pack_map(&row, 2);
    mst_pack_text(&row, "type");
    mst_pack_text(&row, "unit");
    mst_pack_text(&row, "id");
    mst_pack_text(&row, "u1");
    item = mst_bytes(row.data, row.len);
    msg.u.reply.id = r->id;
    msg.u.reply.code = mst_text("ok");
    msg.u.reply.rows = (struct mst_slices){&item, 1};
    msg.u.reply.now = f->now;
    /* In two parts, as longer ones come. */
    msg.u.reply.more = true;
    reply_with(f, peer, &msg);
    msg.u.reply.more = false;
    reply_with(f, peer, &msg);
    mst_buf_done(&row);
}

static void serve_frame(struct fake *f, zframe_t *peer, zframe_t *frame)
{
    static struct mst_msg_scratch scratch;
    struct mst_msg msg;
    if (mst_msg_decode(zframe_data(frame), zframe_size(frame), MST_UP, &scratch, &msg, NULL)) {
        f->bad++;
        return;
    }
    if (f->silent)
        return;
    if (msg.type == MST_MSG_hello)
        welcome(f, peer, &msg.u.hello);
    else if (msg.type == MST_MSG_push)
        take_push(f, peer, &msg.u.push);
    else if (msg.type == MST_MSG_subscribe)
        take_subscribe(f, peer, &msg.u.subscribe);
    else if (msg.type == MST_MSG_ack && msg.u.ack.cursor > f->acked_alert)
        f->acked_alert = msg.u.ack.cursor;
    else if (msg.type == MST_MSG_request)
        take_request(f, peer, &msg.u.request);
}

static void fake_main(zsock_t *pipe, void *context)
{
    struct fake *f = context;
    zpoller_t *poller = zpoller_new(pipe, f->router, NULL);
    zsock_signal(pipe, 0);
    while (zpoller_wait(poller, -1) == f->router) {
        zframe_t *peer = NULL, *frame = NULL;
        if (zsock_recv(f->router, "ff", &peer, &frame) == 0) {
            pthread_mutex_lock(&f->lock);
            serve_frame(f, peer, frame);
            pthread_mutex_unlock(&f->lock);
        }
        zframe_destroy(&peer);
        zframe_destroy(&frame);
    }
    zpoller_destroy(&poller);
    zsock_destroy(&f->router);
}

static void fake_start(struct fake *f)
{
    f->router = zsock_new(ZMQ_ROUTER);
    zsock_set_curve_server(f->router, 1);
    zcert_apply(f->cert, f->router);
    assert_true(zsock_bind(f->router, "%s", f->endpoint) > 0);
    snprintf(f->endpoint, sizeof f->endpoint, "%s", zsock_endpoint(f->router));
    f->actor = zactor_new(fake_main, f);
}

static void fake_stop(struct fake *f)
{
    zactor_destroy(&f->actor);
}

#define LOCKED(f, statement)                                                                       \
    do {                                                                                           \
        pthread_mutex_lock(&(f)->lock);                                                            \
        statement;                                                                                 \
        pthread_mutex_unlock(&(f)->lock);                                                          \
    } while (0)

#endif
