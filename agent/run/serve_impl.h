/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the local socket's server, shared by serve.c (connections), serve_do.c (requests) and
 * serve_proof.c (the rows of a proof).
 */
#ifndef MST_AGENT_RUN_SERVE_IMPL_H
#define MST_AGENT_RUN_SERVE_IMPL_H

#include "agent/run/ask.h"
#include "agent/run/local.h"
#include "agent/run/outbox.h"
#include "agent/run/serve.h"

#define MST_PAGE_ROWS_MAX 200
#define MST_PAGE_BYTES_MAX 49152

struct mst_rows {
    struct mst_buf bytes;
    size_t offsets[MST_PAGE_ROWS_MAX + 1];
    size_t count;
    uint64_t next; /* number of the first that did not fit; 0: none */
};

enum mst_serve_waiting {
    MST_SERVE_WAIT_NONE,
    MST_SERVE_WAIT_ENTRY,
    MST_SERVE_WAIT_INBOX,
    MST_SERVE_WAIT_BRIEF,
    MST_SERVE_WAIT_ASK
};

struct mst_serve_connection {
    int fd;
    enum mst_serve_waiting waiting;
    uint64_t number;       /* ENTRY: its number; INBOX: the place after which */
    unsigned long briefs;  /* BRIEF: the count when it was asked for */
    int64_t deadline_ms;   /* BRIEF: when the cached one must do */
    struct mst_ask *ask;   /* the latest question to the broker: its rows go out in pages */
    bool promised;         /* the answer promises what is not committed yet */
    struct mst_buf answer; /* ready, to be sent after the commit */
    size_t sent;           /* of it, which is more than a packet: the rest goes as it is read */
};

struct mst_serve {
    const struct mst_home *home;
    struct mst_outbox *outbox;
    struct mst_session *session;
    int listener;
    int64_t deaf_until_ms; /* connections that wait cannot be taken; 0: they can */
    struct mst_serve_connection connections[MST_SERVE_CONNECTIONS_MAX];
    size_t count;
    struct mst_rows rows;
    uint8_t packet[MST_LOCAL_BYTES_MAX];
};

/* ---- serve_do.c ---- */

/* Do what a request asks. Fails only when the outbox file does. */
MST_MUST_CHECK int mst_serve_do(struct mst_serve *serve, struct mst_serve_connection *c,
                                struct mst_slice map, struct mst_err *err);
/* Answer what waits, if what it waits for has come. */
MST_MUST_CHECK int mst_serve_await(struct mst_serve *serve, struct mst_serve_connection *c,
                                   struct mst_err *err);
/* Of a connection that waits for an entry: the broker has answered it. */
bool mst_serve_is_decided(const struct mst_serve *serve, const struct mst_serve_connection *c);
void mst_serve_deny(struct mst_serve *serve, struct mst_serve_connection *c, enum mst_code code,
                    const char *subject);
void mst_serve_drop_ask(struct mst_serve *serve, struct mst_serve_connection *c);

/* ---- rows ---- */

bool mst_rows_full(const struct mst_rows *rows);
/* The next row is what is packed into rows->bytes from here on. */
void mst_rows_begin(struct mst_rows *rows);

/* Rows {n, name, value} that prove an entry's receipt, those behind `after`. */
MST_MUST_CHECK int mst_rows_proof(struct mst_rows *rows, struct mst_outbox *outbox, uint64_t number,
                                  uint64_t after, const char *programme, const char *unit,
                                  const char *broker_sign_key, struct mst_err *err);

#endif
