/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session's state machine. It owns the link and reads two clocks: the real one for reports, the
 * monotonic one for lost answers. What each message means for the outbox file is decided here; how
 * the file changes is outbox.c's.
 */
#include "agent/run/session_impl.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/link/link.h"
#include "agent/run/journal.h"
#include "config/model/programme.h"
#include "proto/pack.h"

#define GAPS_MAX 3 /* `expect` answers in a row that are worth another push */

static void set_fault(struct mst_session *s, const char *text)
{
    snprintf(s->fault, sizeof s->fault, "%s", text);
}

/* An answer that makes no sense: tell it, and see whether a new session makes more. */
static void distrust(struct mst_session *s, const struct mst_err *err)
{
    mst_journal_err(MST_LOG_ERROR, "session-ended", err);
    set_fault(s, err->text);
    s->up = false;
    mst_link_restart(s->link);
}

/* After an answer: what is still owed gets its time anew. */
static void rearm(struct mst_session *s)
{
    if (s->sent > mst_outbox_acked(s->outbox) || s->brief_id)
        mst_session_arm(s);
    else
        s->answer_by_ms = 0;
}

/* ---- welcome ---- */

static int check_welcome(struct mst_session *s, const struct mst_msg_welcome *w,
                         struct mst_err *err)
{
    if (s->has_key && memcmp(s->broker_key, w->sign_key.data, sizeof s->broker_key) != 0)
        return mst_fail(err, MST_E_SIGNATURE, "%s",
                        _("the broker's signing key is not the pinned one"));
    if (!mst_slice_is(w->programme, s->home->settings.AGENT_programme) ||
        !mst_slice_is(w->unit, s->home->settings.AGENT_unit))
        return mst_fail(err, MST_E_IDENTITY, "%s",
                        _("the broker takes this key for another unit or programme"));
    if (!s->has_key)
        memcpy(s->broker_key, w->sign_key.data, sizeof s->broker_key);
    return 0;
}

/* Does the broker hold what we would have sent? False: this outbox is an old copy, or another's. */
static bool is_our_prefix(struct mst_session *s, const struct mst_msg_welcome *w)
{
    uint8_t ours[MST_HASH_BYTES];
    if (w->last == 0)
        return true;
    return w->last <= mst_outbox_last(s->outbox) && w->head.data &&
           mst_outbox_hash(s->outbox, w->last, ours, NULL) == 0 &&
           memcmp(ours, w->head.data, sizeof ours) == 0;
}

static int renew(struct mst_session *s, bool kept, const char *why, struct mst_err *err)
{
    uint64_t count = 0;
    int code = mst_outbox_renew(s->outbox, kept, &count, err);
    if (code)
        return code;
    mst_journal(MST_LOG_ERROR, "outbox-renewed reason=%s resend=%" PRIu64, why, count);
    code = mst_outbox_set_figure(s->outbox, "renewals",
                                 mst_outbox_figure(s->outbox, "renewals", 0) + 1, err);
    mst_link_outbox(s->link, mst_outbox_id(s->outbox));
    mst_link_restart(s->link);
    s->up = false;
    return code;
}

/* Bring the outbox into line with what the broker holds of it. */
static int compare(struct mst_session *s, const struct mst_msg_welcome *w, struct mst_err *err)
{
    uint64_t acked = mst_outbox_acked(s->outbox);
    if (w->last >= acked)
        return is_our_prefix(s, w) ? 0 : renew(s, false, "restored-outbox", err);
    /* A broker that was restored from a backup: what it lost is still here, or should be. */
    mst_journal(MST_LOG_WARNING,
                "broker-behind broker_last=%" PRIu64 " acked=%" PRIu64 " epoch=%" PRIu64, w->last,
                acked, w->epoch);
    if (is_our_prefix(s, w)) {
        struct mst_err none;
        int code = mst_outbox_rewind(s->outbox, w->last, &none);
        if (code != MST_E_UNKNOWN) {
            if (code && err)
                *err = none;
            return code;
        }
    }
    return renew(s, true, "restored-broker", err);
}

/* The broker was put back to an earlier state: its alert numbers begin again somewhere before our
 * cursor. Its own cursor for us is of that state, and stands before them. */
static int forget_cursor(struct mst_session *s, struct mst_err *err)
{
    return mst_outbox_set_figure(s->outbox, "cursor", NO_CURSOR, err);
}

static int on_epoch(struct mst_session *s, uint64_t epoch, struct mst_err *err)
{
    uint64_t known = mst_outbox_figure(s->outbox, "epoch", epoch);
    /* A lower one, too: of a copy that is older than the last restore. */
    if (epoch != known) {
        mst_journal(MST_LOG_WARNING, "broker-restored epoch=%" PRIu64 " before=%" PRIu64, epoch,
                    known);
        int code = forget_cursor(s, err);
        if (code)
            return code;
    }
    return mst_outbox_set_figure(s->outbox, "epoch", epoch, err);
}

static void on_time(struct mst_session *s, uint64_t now)
{
    if (s->rehearsal && (mst_time)now > s->broker_now)
        s->broker_now = (mst_time)now;
}

static int prune(struct mst_session *s, struct mst_err *err)
{
    struct mst_pruned pruned = {0};
    int code = mst_outbox_prune(s->outbox, mst_session_now(s), &pruned, err);
    if (!code && pruned.lost)
        mst_journal(MST_LOG_WARNING, "outbox-pruned unbacked=%" PRIu64, pruned.lost);
    s->prune_due = pruned.more;
    return code;
}

/* Whoever minds this unit must hear of it while there is time; `muster-agent rotate` mends it. */
static void on_key_end(struct mst_session *s, const struct mst_msg_welcome *w)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    bool ends = w->has & (UINT64_C(1) << MST_F_welcome_key_not_after);
    s->key_not_after = ends ? (mst_time)w->key_not_after : MST_NEVER;
    int64_t left_s = ends ? (int64_t)w->key_not_after / 1000 - (int64_t)ts.tv_sec : INT64_MAX;
    if (left_s < s->home->settings.AGENT_key_warning)
        mst_journal(MST_LOG_WARNING, "key-expires in_s=%" PRId64 " do=\"muster-agent rotate\"",
                    left_s);
}

static int on_welcome(struct mst_session *s, const struct mst_msg_welcome *w, struct mst_err *err)
{
    struct mst_err why;
    if (check_welcome(s, w, &why)) {
        distrust(s, &why);
        return 0;
    }
    s->rehearsal = w->rehearsal;
    s->broker_now = w->rehearsal ? (mst_time)w->now : 0;
    s->window = w->window;
    s->message_bytes_max = w->message_bytes_max > 2 * MST_PUSH_FRAME_BYTES
                               ? (size_t)w->message_bytes_max
                               : 2 * MST_PUSH_FRAME_BYTES;
    on_key_end(s, w);
    int code = on_epoch(s, w->epoch, err);
    /* Kept, so that an agent that starts while the broker is down queues with the right instant. */
    if (!code)
        code = mst_outbox_set_figure(s->outbox, "rehearsal", (uint64_t)s->broker_now, err);
    if (!code)
        code = mst_outbox_set_figure(s->outbox, "message_bytes_max", s->message_bytes_max, err);
    s->up = true;
    if (!code)
        code = compare(s, w, err);
    if (code || !s->up)
        return code;
    set_fault(s, "");
    mst_session_push_from(s, mst_outbox_acked(s->outbox));
    s->broker_last = w->last;
    s->answer_by_ms = 0;
    s->gaps = 0;
    s->subscribe = s->want_brief = true;
    s->places = mst_slices_have(w->capabilities, MST_CAN_PLACES);
    s->alerts_unacked = 0;
    s->brief_id = 0;
    mst_session_asks_drop(s);
    mst_journal(MST_LOG_NOTICE, "session-open epoch=%" PRIu64 " last=%" PRIu64 " queued=%" PRIu64,
                w->epoch, w->last, mst_outbox_last(s->outbox) - s->sent);
    s->prune_due = true;
    return 0;
}

/* ---- answers to pushes ---- */

static bool is_our_outbox(const struct mst_session *s, struct mst_slice outbox)
{
    return memcmp(outbox.data, mst_outbox_id(s->outbox), MST_OUTBOX_BYTES) == 0;
}

static void tell_refusals(const struct mst_session *s, const struct mst_msg_receipt *r)
{
    for (size_t i = 0; i < r->refused.count; i++) {
        char code[33], subject[129];
        struct mst_slice row = r->refused.items[i];
        mst_journal(MST_LOG_WARNING, "report-refused number=%" PRIu64 " code=%s subject=%s",
                    mst_outbox_base(s->outbox) + (uint64_t)mst_unpack_int(row, "seq", 0),
                    mst_slice_copy(mst_unpack_text(row, "code"), code, sizeof code),
                    mst_slice_copy(mst_unpack_text(row, "subject"), subject, sizeof subject));
    }
}

/* Does it speak of what was pushed here and is next, as far as can be told without its signature?
 */
static bool is_next_receipt(struct mst_session *s, const struct mst_msg_receipt *r)
{
    uint8_t ours[MST_HASH_BYTES];
    uint64_t acked = mst_outbox_acked(s->outbox);
    return r->last > acked && r->last <= s->sent && r->first <= acked + 1 &&
           mst_outbox_hash(s->outbox, r->last, ours, NULL) == 0 &&
           memcmp(ours, r->head.data, sizeof ours) == 0;
}

static int on_receipt(struct mst_session *s, const struct mst_msg_receipt *r, struct mst_err *err)
{
    struct mst_err why;
    if (!is_our_outbox(s, r->outbox))
        return 0;
    if (!mst_slice_is(r->alg, MST_ALG_ED25519_BLAKE2B)) {
        mst_fail(&why, MST_E_VERSION, _("the receipt's algorithm is not known"));
        distrust(s, &why);
        return 0;
    }
    /* The broker has made room, whether or not it signed that well: the run that is ready goes out
     * while the signature is verified. Nothing else is believed before. */
    int code = is_next_receipt(s, r) ? mst_session_push_ready(s, r->last, err) : 0;
    if (code)
        return code;
    if (mst_receipt_verify(s->broker_key, s->home->settings.AGENT_programme, r, &why)) {
        distrust(s, &why);
        return 0;
    }
    uint64_t watermark = mst_outbox_watermark(s->outbox);
    bool is_new = r->last > mst_outbox_acked(s->outbox);
    code = mst_outbox_receipt(s->outbox, r, &why);
    if (code == MST_E_PROTOCOL) {
        /* An earlier receipt was lost on the way: ask for it by sending again. */
        mst_journal_err(MST_LOG_WARNING, "receipt-gap", &why);
        mst_session_push_from(s, mst_outbox_acked(s->outbox));
        return 0;
    }
    if (code == MST_E_CHAIN || code == MST_E_UNKNOWN) {
        distrust(s, &why);
        return 0;
    }
    if (code) {
        if (err)
            *err = why;
        return code;
    }
    if (is_new) {
        mst_journal(MST_LOG_INFO, "receipt first=%" PRIu64 " last=%" PRIu64 " row=%" PRIu64,
                    mst_outbox_base(s->outbox) + r->first, mst_outbox_base(s->outbox) + r->last,
                    r->row);
        tell_refusals(s, r);
        s->told_receipt = true;
    }
    s->gaps = 0;
    rearm(s);
    on_time(s, r->now);
    if (r->watermark != watermark)
        s->prune_due = true;
    /* There is room in the window again: the broker must not wait until all that came is taken. */
    return mst_session_push(s, err);
}

static void on_expect(struct mst_session *s, const struct mst_msg_expect *e)
{
    uint8_t ours[MST_HASH_BYTES];
    if (!is_our_outbox(s, e->outbox))
        return;
    uint64_t last = e->next - 1;
    mst_journal(MST_LOG_WARNING, "expect next=%" PRIu64 " sent=%" PRIu64, e->next, s->sent);
    if (++s->gaps <= GAPS_MAX && last >= mst_outbox_acked(s->outbox) &&
        last <= mst_outbox_last(s->outbox) && mst_outbox_hash(s->outbox, last, ours, NULL) == 0 &&
        memcmp(ours, e->head.data, sizeof ours) == 0) {
        mst_session_push_from(s, last);
        mst_session_arm(s);
        return;
    }
    /* The welcome of a new session says where the broker stands. */
    s->up = false;
    mst_link_restart(s->link);
}

/* ---- alerts, replies ---- */

static int on_alert(struct mst_session *s, const struct mst_msg_alert *a, struct mst_err *err)
{
    bool is_new = false;
    char kind[33], obligation[128];
    if (s->subscribe)
        return 0; /* of a stream that we have given up */
    if (s->seen_known && a->prev != s->seen) {
        mst_journal(MST_LOG_WARNING, "alert-gap seen=%" PRIu64 " prev=%" PRIu64, s->seen, a->prev);
        s->subscribe = true;
        if (a->prev > s->seen)
            return 0;
        /* Its log ends before our cursor. In a new session nothing of this stream is on its way. */
        int code = forget_cursor(s, err);
        mst_session_reset(s);
        return code;
    }
    int code = mst_inbox_put(s->outbox, a, s->to_hook, &is_new, err);
    if (code)
        return code;
    s->seen = a->number;
    s->seen_known = true;
    s->alerts_unacked++;
    if (is_new)
        mst_journal(a->level > 0 ? MST_LOG_WARNING : MST_LOG_NOTICE,
                    "alert number=%" PRIu64 " kind=%s obligation=%s", a->number,
                    mst_slice_copy(a->kind, kind, sizeof kind),
                    mst_slice_copy(a->obligation, obligation, sizeof obligation));
    return 0;
}

static int on_reply(struct mst_session *s, const struct mst_msg_reply *r, struct mst_err *err)
{
    int code = 0;
    on_time(s, r->now);
    if (mst_session_asks_take(s, r) || r->id != s->brief_id || s->brief_id == 0)
        return 0;
    if (!mst_slice_is(r->code, mst_code_word(MST_OK))) {
        struct mst_err why;
        (void)mst_link_fault(r->code, r->subject, r->text, r->hint, &why);
        mst_journal_err(MST_LOG_WARNING, "no-brief", &why);
    } else {
        for (size_t i = 0; i < r->rows.count; i++)
            mst_buf_put(&s->brief, r->rows.items[i].data, r->rows.items[i].len);
        if (r->more) {
            mst_session_arm(s);
            return 0;
        }
        if (!s->brief.failed)
            code = mst_brief_replace(s->outbox, mst_bytes(s->brief.data, s->brief.len), err);
    }
    s->brief_id = 0;
    s->brief_count++;
    rearm(s);
    return code;
}

static int on_message(struct mst_session *s, const struct mst_msg *msg, struct mst_err *err)
{
    if (!s->up)
        return 0;
    switch (msg->type) {
    case MST_MSG_receipt:
        return on_receipt(s, &msg->u.receipt, err);
    case MST_MSG_expect:
        on_expect(s, &msg->u.expect);
        return 0;
    case MST_MSG_alert:
        return on_alert(s, &msg->u.alert, err);
    case MST_MSG_reply:
        return on_reply(s, &msg->u.reply, err);
    case MST_MSG_time:
        on_time(s, msg->u.time.now);
        return 0;
    default:
        return 0;
    }
}

static void on_down(struct mst_session *s, const struct mst_msg *msg)
{
    struct mst_err why;
    if (msg && msg->type == MST_MSG_error)
        (void)mst_link_fault(msg->u.error.code, msg->u.error.subject, msg->u.error.text,
                             msg->u.error.hint, &why);
    else
        mst_fail_on(&why, MST_E_UNREACHABLE, s->home->settings.AGENT_broker);
    if (s->up || (msg && strcmp(s->fault, why.text) != 0))
        mst_journal_err(MST_LOG_WARNING, "session-closed", &why);
    set_fault(s, why.text);
    s->up = false;
    if (s->brief_id)
        s->brief_count++;
    s->brief_id = 0;
    mst_session_asks_drop(s);
}

int mst_session_drain(struct mst_session *s, struct mst_err *err)
{
    int code = s->prune_due ? prune(s, err) : 0;
    if (code)
        return code;
    mst_session_asks_expire(s);
    if (s->up && mst_session_clock_ms() >= s->brief_again_ms)
        s->want_brief = true;
    if (s->up && s->answer_by_ms && mst_session_clock_ms() >= s->answer_by_ms) {
        mst_journal(MST_LOG_WARNING, "no-answer after_ms=%" PRId64,
                    s->home->settings.AGENT_reply_timeout);
        mst_session_reset(s);
    }
    for (;;) {
        struct mst_link_event event;
        code = mst_link_poll(s->link, 0, &event, err);
        if (code || event.kind == MST_LINK_NOTHING)
            return code;
        if (event.kind == MST_LINK_UP)
            code = on_welcome(s, &event.msg->u.welcome, err);
        else if (event.kind == MST_LINK_DOWN)
            on_down(s, event.msg);
        else
            code = on_message(s, event.msg, err);
        if (code)
            return code;
    }
}

void mst_session_reset(struct mst_session *s)
{
    s->up = false;
    s->answer_by_ms = 0;
    if (s->brief_id)
        s->brief_count++;
    s->brief_id = 0;
    mst_session_asks_drop(s);
    /* A fresh id may have gone with the changes that were taken back. */
    mst_link_outbox(s->link, mst_outbox_id(s->outbox));
    mst_link_restart(s->link);
}

void mst_session_retry(struct mst_session *s)
{
    mst_session_reset(s);
    mst_link_retry(s->link);
}

void mst_session_bye(struct mst_session *s)
{
    struct mst_msg msg = {.type = MST_MSG_bye};
    if (s->up && mst_link_send(s->link, &msg, NULL))
        return;
}

/* ---- life, queries ---- */

static int take_pinned_key(struct mst_session *s, struct mst_err *err)
{
    const char *hex = s->home->settings.AGENT_broker_sign_key;
    size_t len = 0;
    if (!hex[0])
        return 0;
    if (sodium_hex2bin(s->broker_key, sizeof s->broker_key, hex, strlen(hex), NULL, &len, NULL) ||
        len != sizeof s->broker_key)
        return mst_fail(err, MST_E_INVALID, _("%s/agent.yaml: broker_sign_key is not a key"),
                        s->home->dir);
    s->has_key = true;
    return 0;
}

int mst_session_new(const struct mst_home *home, struct mst_outbox *outbox, bool to_hook,
                    struct mst_session **ret, struct mst_err *err)
{
    struct mst_session *s = calloc(1, sizeof *s);
    if (!s)
        return mst_fail_on(err, MST_E_NOMEM, "session");
    s->home = home;
    s->outbox = outbox;
    s->to_hook = to_hook;
    s->key_not_after = MST_NEVER;
    s->broker_now = (mst_time)mst_outbox_figure(outbox, "rehearsal", 0);
    s->rehearsal = s->broker_now > 0;
    s->message_bytes_max = (size_t)mst_outbox_figure(outbox, "message_bytes_max", 65536);
    int code = take_pinned_key(s, err);
    const struct mst_link_options options = {.endpoint = home->settings.AGENT_broker,
                                             .home = home,
                                             .programme = home->settings.AGENT_programme,
                                             .kind = "agent",
                                             .name = "main",
                                             .outbox = mst_outbox_id(outbox)};
    if (!code)
        code = mst_link_new(&options, &s->link, err);
    if (code) {
        mst_session_free(s);
        return code;
    }
    *ret = s;
    return 0;
}

void mst_session_free(struct mst_session *s)
{
    if (!s)
        return;
    mst_link_free(s->link);
    mst_buf_done(&s->brief);
    mst_buf_done(&s->run.bytes);
    mst_buf_done(&s->frame);
    free(s);
}

int mst_session_fd(const struct mst_session *s)
{
    return mst_link_fd(s->link);
}

int mst_session_wait_ms(const struct mst_session *s)
{
    int wait = s->prune_due ? 0 : mst_link_wait_ms(s->link);
    int64_t at = mst_session_asks_at(s);
    if (!s->up && at == INT64_MAX)
        return wait;
    int64_t session_at = s->answer_by_ms ? s->answer_by_ms : s->brief_again_ms;
    if (s->up && session_at < at)
        at = session_at;
    int64_t left = at - mst_session_clock_ms();
    if (left < 0)
        left = 0;
    return wait >= 0 && wait < left ? wait : (int)left;
}

mst_time mst_session_now(const struct mst_session *s)
{
    struct timespec ts;
    if (s->rehearsal)
        return s->broker_now;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (mst_time)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

mst_time mst_session_key_not_after(const struct mst_session *s)
{
    return s->key_not_after;
}

bool mst_session_up(const struct mst_session *s)
{
    return s->up;
}

bool mst_session_draining(const struct mst_session *s)
{
    return s->up && s->sent > mst_outbox_acked(s->outbox);
}

bool mst_session_rehearsal(const struct mst_session *s)
{
    return s->rehearsal;
}

const char *mst_session_fault(const struct mst_session *s)
{
    return s->fault;
}

size_t mst_session_report_bytes_max(const struct mst_session *s)
{
    return s->message_bytes_max - MST_PUSH_FRAME_BYTES;
}

void mst_session_want_brief(struct mst_session *s)
{
    s->want_brief = s->up;
}

unsigned long mst_session_brief_count(const struct mst_session *s)
{
    return s->brief_count;
}
