/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local socket of a running agent: HOME/agent.sock, SOCK_SEQPACKET, one packet per message.
 * Requests are maps with `do`; answers are the wire's `reply` message. README.md lists them.
 *
 * An answer that no packet holds, since one row of it is that long, comes in parts: the first
 * packet begins with the map {parts: bytes of the answer}, its number in four bytes, and what
 * follows there and in the next packets is the answer.
 */
#ifndef MST_AGENT_RUN_LOCAL_H
#define MST_AGENT_RUN_LOCAL_H

#include <stdbool.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/msg.h"

#define MST_LOCAL_BYTES_MAX 131072 /* a packet */
/* The largest row is a message of the broker's, and others may stand on its page. */
#define MST_LOCAL_ANSWER_BYTES_MAX (2 * 1048576)

/* ---- the agent's end ---- */

/* The listening descriptor. The caller holds the outbox file, so that a socket that is there
 * already belongs to a dead agent. */
MST_MUST_CHECK int mst_local_listen(const char *home, int *ret_fd, struct mst_err *err);
/* A connection of this user or root; MST_E_BUSY when none waits, MST_E_DENIED for anybody else. */
MST_MUST_CHECK int mst_local_accept(int fd, int *ret_connection, struct mst_err *err);
void mst_local_unlink(const char *home);
/*
 * Send as much of an answer as the peer takes now; *sent, 0 at first, is how much of it is gone.
 * MST_E_BUSY: the rest when it is writable again; MST_E_UNREACHABLE: the peer is gone;
 * MST_E_TOO_LARGE.
 */
MST_MUST_CHECK int mst_local_answer(int connection, struct mst_slice answer, size_t *sent);

/* ---- a command's end ---- */

struct mst_local;

/* MST_E_UNREACHABLE when no agent runs there. */
MST_MUST_CHECK int mst_local_open(const char *home, struct mst_local **ret, struct mst_err *err);
void mst_local_close(struct mst_local *local); /* NULL is legal */
/*
 * Send a request and await its answer; timeout_ms -1: for as long as it takes. An answer that is
 * not ok becomes the error. *ret_reply is borrowed until the next call.
 */
MST_MUST_CHECK int mst_local_call(struct mst_local *local, struct mst_slice request, int timeout_ms,
                                  const struct mst_msg_reply **ret_reply, struct mst_err *err);

#endif
