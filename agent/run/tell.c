/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent tells the broker, after the commit and never before: its subscription, what it has
 * taken of the alerts, and runs of reports, each signed over its head.
 */
#include "agent/run/session_impl.h"

#include <time.h>

#include "config/load/testing.h"

#define ALERT_CREDIT 100

int64_t mst_session_clock_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void mst_session_arm(struct mst_session *s)
{
    s->answer_by_ms = mst_session_clock_ms() + s->home->settings.AGENT_reply_timeout;
}

static int send_subscribe(struct mst_session *s, struct mst_err *err)
{
    struct mst_msg msg = {.type = MST_MSG_subscribe};
    msg.u.subscribe.credit = ALERT_CREDIT;
    /* The inbox holds what is addressed to the unit; a lead may read more than that. */
    char prefix[2 * MST_ID_MAX + 8];
    snprintf(prefix, sizeof prefix, "%s/unit:%s/", s->home->settings.AGENT_programme,
             s->home->settings.AGENT_unit);
    struct mst_slice topics[1] = {mst_text(prefix)};
    msg.u.subscribe.topics = (struct mst_slices){topics, 1};
    uint64_t cursor = mst_outbox_figure(s->outbox, "cursor", UINT64_MAX);
    s->seen_known = !s->from_stored && cursor != UINT64_MAX;
    if (s->seen_known) {
        msg.u.subscribe.has = UINT64_C(1) << MST_F_subscribe_from;
        msg.u.subscribe.from = s->seen = cursor;
    }
    int code = mst_link_send(s->link, &msg, err);
    if (!code) {
        s->subscribe = s->from_stored = false;
        s->alerts_unacked = 0;
    }
    return code;
}

static int send_ack(struct mst_session *s, struct mst_err *err)
{
    struct mst_msg msg = {.type = MST_MSG_ack};
    msg.u.ack.cursor = s->seen;
    msg.u.ack.credit = s->alerts_unacked;
    int code = mst_link_send(s->link, &msg, err);
    if (!code)
        s->alerts_unacked = 0;
    return code;
}

static int send_brief_request(struct mst_session *s, struct mst_err *err)
{
    struct mst_msg msg = {.type = MST_MSG_request};
    static const uint8_t no_args[] = {0x80};
    msg.u.request.id = ++s->request_id;
    msg.u.request.verb = mst_text("brief");
    msg.u.request.args = mst_bytes(no_args, sizeof no_args);
    int code = mst_link_send(s->link, &msg, err);
    if (code)
        return code;
    mst_buf_clear(&s->brief);
    s->brief.failed = false;
    s->brief_id = s->request_id;
    s->want_brief = false;
    s->brief_again_ms = mst_session_clock_ms() + s->home->settings.AGENT_refresh * 1000;
    mst_session_arm(s);
    return 0;
}

static int send_run(struct mst_session *s, uint64_t last, struct mst_err *err)
{
    int code =
        mst_outbox_run(s->outbox, s->sent + 1, last, (size_t)s->home->settings.AGENT_run_reports,
                       s->message_bytes_max - MST_PUSH_FRAME_BYTES, &s->run, err);
    if (code)
        return code;
    uint8_t sig[MST_SIGN_BYTES];
    mst_run_sign(mst_link_sign_secret(s->link), mst_outbox_id(s->outbox), s->run.last, s->run.head,
                 sig);
    struct mst_msg msg = {.type = MST_MSG_push};
    msg.u.push.outbox = mst_bytes(mst_outbox_id(s->outbox), MST_OUTBOX_BYTES);
    msg.u.push.first = s->run.first;
    msg.u.push.prev = mst_bytes(s->run.prev, sizeof s->run.prev);
    msg.u.push.reports = (struct mst_slices){s->run.reports, s->run.count};
    msg.u.push.alg = mst_text(MST_ALG_ED25519_BLAKE2B);
    msg.u.push.sig = mst_bytes(sig, sizeof sig);
    MST_FAILPOINT("agent.before-push");
    code = mst_link_send(s->link, &msg, err);
    if (code)
        return code;
    s->sent = s->run.last;
    if (s->answer_by_ms == 0)
        mst_session_arm(s);
    return 0;
}

static int push(struct mst_session *s, struct mst_err *err)
{
    for (;;) {
        uint64_t last = mst_outbox_safe(s->outbox);
        uint64_t acked = mst_outbox_acked(s->outbox);
        if (last - acked > s->window)
            last = acked + s->window;
        /* What the broker holds already is sent by itself, to get its stored answer. */
        if (s->sent < s->broker_last && s->broker_last < last)
            last = s->broker_last;
        if (s->sent >= last)
            return 0;
        int code = send_run(s, last, err);
        if (code)
            return code;
    }
}

/* A full queue empties by itself; the next round goes on. */
static int unless_busy(int code, const struct mst_err *why, struct mst_err *err)
{
    if (code == 0 || code == MST_E_BUSY)
        return 0;
    if (err)
        *err = *why;
    return code;
}

int mst_session_push(struct mst_session *s, struct mst_err *err)
{
    struct mst_err why;
    /* What the broker holds already is pushed again after its welcome has been taken in. */
    if (!s->up || s->subscribe)
        return 0;
    return unless_busy(push(s, &why), &why, err);
}

int mst_session_flush(struct mst_session *s, struct mst_err *err)
{
    struct mst_err why;
    int code = 0;
    if (s->told_receipt && !mst_outbox_dirty(s->outbox)) {
        MST_FAILPOINT("agent.after-receipt");
        s->told_receipt = false;
    }
    if (!s->up)
        return 0;
    if (s->subscribe)
        code = send_subscribe(s, &why);
    else if (s->alerts_unacked)
        code = send_ack(s, &why);
    if (!code && s->want_brief && !s->brief_id)
        code = send_brief_request(s, &why);
    if (!code)
        code = mst_session_asks_send(s, &why);
    if (!code)
        code = push(s, &why);
    return unless_busy(code, &why, err);
}
