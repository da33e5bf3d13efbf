/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a session, shared only by session.c (what arrives), tell.c and push.c (what is sent)
 * and ask.c (questions). */
#ifndef MST_AGENT_RUN_SESSION_IMPL_H
#define MST_AGENT_RUN_SESSION_IMPL_H

#include "agent/link/link.h"
#include "agent/run/ask.h"
#include "agent/run/session.h"

#define MST_PUSH_FRAME_BYTES 512 /* a push without its reports, rounded up */
#define NO_CURSOR UINT64_MAX     /* the figure "cursor": the broker's own decides */

struct mst_session {
    const struct mst_home *home;
    struct mst_outbox *outbox;
    struct mst_link *link;
    bool up, to_hook, rehearsal, has_key;
    uint8_t broker_key[MST_SIGN_PUBLIC_BYTES];
    mst_time broker_now; /* of a rehearsal */
    char fault[MST_ERR_TEXT_MAX];
    mst_time key_not_after; /* real time; MST_NEVER: no end is known */

    uint64_t sent;        /* seq pushed in this session */
    uint64_t broker_last; /* seq the broker held when the session began */
    uint64_t window;
    size_t message_bytes_max;
    int64_t
        answer_by_ms; /* monotonic; a push or request without an answer by then is lost; 0: none */
    unsigned gaps;
    bool prune_due;    /* a slice of what need not be kept is to go with the next round */
    bool told_receipt; /* a receipt was taken since the last flush */

    bool subscribe;
    bool places; /* the broker compares where a stream begins */
    bool seen_known;
    uint64_t seen; /* number of the last alert on this stream */
    unsigned alerts_unacked;

    bool want_brief;
    int64_t brief_again_ms; /* monotonic: the broker hears of a quiet agent at least so often */
    uint64_t request_id, brief_id; /* brief_id 0: none is awaited */
    struct mst_buf brief;
    unsigned long brief_count;

    struct mst_ask *asks; /* the staff's, borrowed */

    struct mst_run run;
    bool ready; /* `run` is, signed and encoded in `frame`, and waits for room */
    struct mst_buf frame;
    uint64_t usual; /* reports in the latest run that left some for the next */
};

/* From now on the broker owes an answer. */
void mst_session_arm(struct mst_session *s);

/* 0 when the send queue was full: it empties by itself, and the next round goes on. */
MST_MUST_CHECK int mst_session_unless_busy(int code, const struct mst_err *why,
                                           struct mst_err *err);

/* In push.c. Reports behind `sent` go out next; the run that was ready is forgotten. */
void mst_session_push_from(struct mst_session *s, uint64_t sent);
/* Send the run that is ready, if there is room for it once everything up to `acked` is
 * acknowledged. */
MST_MUST_CHECK int mst_session_push_ready(struct mst_session *s, uint64_t acked,
                                          struct mst_err *err);

/* In ask.c. The session ended: what was under way is sent again. */
void mst_session_asks_drop(struct mst_session *s);
/* False: the reply is to none of them. */
bool mst_session_asks_take(struct mst_session *s, const struct mst_msg_reply *r);
/* Whatever has waited for too long. Afterwards mst_session_asks_at() lies ahead. */
void mst_session_asks_expire(struct mst_session *s);
int64_t mst_session_asks_at(const struct mst_session *s); /* monotonic; INT64_MAX: none */
MST_MUST_CHECK int mst_session_asks_send(struct mst_session *s, struct mst_err *err);

#endif
