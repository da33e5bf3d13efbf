/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent tells the broker, after the commit and never before: its subscription and what it
 * has taken of the alerts. Runs of reports are push.c's.
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
    uint8_t head[MST_HASH_BYTES];
    uint64_t cursor = mst_outbox_figure(s->outbox, "cursor", NO_CURSOR);
    s->seen_known = cursor != NO_CURSOR;
    if (s->seen_known) {
        msg.u.subscribe.has = UINT64_C(1) << MST_F_subscribe_from;
        msg.u.subscribe.from = s->seen = cursor;
        if (s->places && mst_inbox_head(s->outbox, cursor, head))
            msg.u.subscribe.head = mst_bytes(head, sizeof head);
    }
    int code = mst_link_send(s->link, &msg, err);
    if (!code) {
        s->subscribe = false;
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

/* A full queue empties by itself; the next round goes on. */
int mst_session_unless_busy(int code, const struct mst_err *why, struct mst_err *err)
{
    if (code == 0 || code == MST_E_BUSY)
        return 0;
    if (err)
        *err = *why;
    return code;
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
    code = mst_session_unless_busy(code, &why, err);
    return code ? code : mst_session_push(s, err);
}
