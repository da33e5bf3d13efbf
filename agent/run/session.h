/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's side of a session: compares the outbox with what the broker holds, pushes signed runs
 * within the window, takes receipts, follows the alerts.
 *
 * One round is: mst_session_drain() takes what has arrived into the outbox file, and pushes on into
 * the window that a receipt opens, first of all the run that is ready; mst_session_push() pushes
 * what was queued before; the caller commits; mst_session_flush() tells the broker what may be told
 * only then, and pushes what that commit made durable.
 */
#ifndef MST_AGENT_RUN_SESSION_H
#define MST_AGENT_RUN_SESSION_H

#include "agent/link/home.h"
#include "agent/run/outbox.h"

struct mst_session;

/* home and outbox are borrowed for the session's life. to_hook: alerts are to be handed to a hook.
 */
MST_MUST_CHECK int mst_session_new(const struct mst_home *home, struct mst_outbox *outbox,
                                   bool to_hook, struct mst_session **ret, struct mst_err *err);
void mst_session_free(struct mst_session *session);

int mst_session_fd(const struct mst_session *session);
int mst_session_wait_ms(const struct mst_session *session); /* -1: no need to call before the fd */

/* Fails only when the outbox file does, or the machine: the caller ends or, after MST_E_FULL, rolls
 * back and calls mst_session_reset(). */
MST_MUST_CHECK int mst_session_drain(struct mst_session *session, struct mst_err *err);
MST_MUST_CHECK int mst_session_flush(struct mst_session *session, struct mst_err *err);
/* Between the two, before the commit: push what an earlier commit made durable, so that the broker
 * has work while this machine syncs. */
MST_MUST_CHECK int mst_session_push(struct mst_session *session, struct mst_err *err);
/* What was drained since the last commit is gone: begin a new session and get it again. why, which
 * may be NULL, is what mst_session_fault() says meanwhile. */
void mst_session_reset(struct mst_session *session, const struct mst_err *why);
/* The same, and at once: the keys are new, or somebody knows that the broker is back. */
void mst_session_retry(struct mst_session *session);
/* Say bye, as far as that goes without waiting. */
void mst_session_bye(struct mst_session *session);

/* The monotonic clock, for waiting. */
int64_t mst_session_clock_ms(void);
/* The instant to put on a report: the clock's, or a rehearsing broker's. */
mst_time mst_session_now(const struct mst_session *session);
/* An instant that is past for certain, to forget by: the earlier one of this machine's clock, which
 * may be years ahead, and the broker's; 0 before that is known. */
mst_time mst_session_sure_now(const struct mst_session *session);
bool mst_session_up(const struct mst_session *session);
bool mst_session_draining(const struct mst_session *session); /* it owes receipts for reports */
bool mst_session_rehearsal(const struct mst_session *session);
/* When the key that it came with expires, in real time; MST_NEVER: never, or not known. */
mst_time mst_session_key_not_after(const struct mst_session *session);
/* Why there is no session, in words; "" when there is one, or nothing is known yet. */
const char *mst_session_fault(const struct mst_session *session);
/* Largest report that the broker is known to take. */
size_t mst_session_report_bytes_max(const struct mst_session *session);

/* Ask for a fresh brief with the next flush, if the session is up. The count grows with each brief
 * that has arrived or failed. */
void mst_session_want_brief(struct mst_session *session);
unsigned long mst_session_brief_count(const struct mst_session *session);

#endif
