/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of reports on their way to the broker, each signed over its head. One is always ready beyond
 * those under way, so that a receipt finds it when it makes room.
 */
#include "agent/run/session_impl.h"

#include "config/load/testing.h"

/* Seq of the last report that is sent or ready. */
static uint64_t made_up_to(const struct mst_session *s)
{
    return s->ready ? s->run.last : s->sent;
}

void mst_session_push_from(struct mst_session *s, uint64_t sent)
{
    s->sent = sent;
    s->ready = false;
}

/*
 * Is another run to be made, and up to where? Not one that the window would cut short: each costs a
 * signature here and one there, however few reports it has, and more room comes with the receipts.
 */
static bool is_due(const struct mst_session *s, uint64_t *ret_last)
{
    uint64_t made = made_up_to(s), acked = mst_outbox_acked(s->outbox);
    uint64_t last = mst_outbox_safe(s->outbox);
    /* What the broker holds already is sent by itself, to get its stored answer. */
    if (made < s->broker_last && s->broker_last < last)
        last = s->broker_last;
    *ret_last = last;
    if (made >= last)
        return false;
    /* A stored receipt may number more than was sent in this session. */
    return last <= acked + s->window || last - made >= s->usual || made <= acked;
}

static int make_ready(struct mst_session *s, uint64_t last, struct mst_err *err)
{
    /* At least two runs to a window, so that one is under way while the other is answered. */
    size_t reports_max = (size_t)s->home->settings.AGENT_run_reports;
    if (reports_max > s->window / 2)
        reports_max = s->window > 1 ? (size_t)(s->window / 2) : 1;
    int code = mst_outbox_run(s->outbox, made_up_to(s) + 1, last, reports_max,
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
    mst_buf_clear(&s->frame);
    code = mst_msg_encode(&msg, &s->frame, err);
    s->ready = !code;
    if (s->run.last < last)
        s->usual = s->run.count;
    return code;
}

int mst_session_push_ready(struct mst_session *s, uint64_t acked, struct mst_err *err)
{
    struct mst_err why;
    if (!s->ready || s->run.last > acked + s->window)
        return 0;
    MST_FAILPOINT("agent.before-push");
    int code = mst_link_send_frame(s->link, mst_bytes(s->frame.data, s->frame.len), &why);
    if (code)
        return mst_session_unless_busy(code, &why, err);
    mst_session_push_from(s, s->run.last);
    if (s->answer_by_ms == 0)
        mst_session_arm(s);
    return 0;
}

int mst_session_push(struct mst_session *s, struct mst_err *err)
{
    /* What the broker holds already is pushed again after its welcome has been taken in. */
    while (s->up && !s->subscribe) {
        uint64_t last;
        int code = mst_session_push_ready(s, mst_outbox_acked(s->outbox), err);
        if (code || s->ready || !is_due(s, &last))
            return code;
        code = make_ready(s, last, err);
        if (code)
            return code;
    }
    return 0;
}
