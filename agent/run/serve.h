/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running agent's answers to the commands of its staff.
 *
 * One round is: mst_serve_read() takes requests and puts what they queue into the outbox; the
 * caller commits; mst_serve_settle() sends every answer that holds by then. An answer that promises
 * something never leaves before the commit.
 */
#ifndef MST_AGENT_RUN_SERVE_H
#define MST_AGENT_RUN_SERVE_H

#include <poll.h>

#include "agent/run/session.h"

#define MST_SERVE_CONNECTIONS_MAX 32
#define MST_SERVE_FDS_MAX (MST_SERVE_CONNECTIONS_MAX + 1)

struct mst_serve;

MST_MUST_CHECK int mst_serve_new(const struct mst_home *home, struct mst_outbox *outbox,
                                 struct mst_session *session, struct mst_serve **ret,
                                 struct mst_err *err);
void mst_serve_free(struct mst_serve *serve);

/* What to poll; returns how many. */
size_t mst_serve_fds(const struct mst_serve *serve, struct pollfd *fds);
int mst_serve_wait_ms(const struct mst_serve *serve); /* -1: no answer is due by itself */
/* Fails only when the outbox file does. */
MST_MUST_CHECK int mst_serve_read(struct mst_serve *serve, struct mst_err *err);
/* Somebody gets an answer with the next mst_serve_settle() that a commit must come before. */
bool mst_serve_owes(const struct mst_serve *serve);
/* The commit failed for lack of room: whoever was to be told of something in it is refused. */
void mst_serve_refuse(struct mst_serve *serve, const struct mst_err *why);
MST_MUST_CHECK int mst_serve_settle(struct mst_serve *serve, struct mst_err *err);

#endif
