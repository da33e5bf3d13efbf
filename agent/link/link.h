/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's session with the broker: one DEALER socket, hello on every connection, reconnecting
 * with a growing wait. Speaks CURVE with a home's keys to a tcp endpoint, or plainly to the
 * broker's local ipc endpoint, where the kernel names the caller's uid. All sends are non-blocking:
 * a send is never progress, only an answer is.
 */
#ifndef MST_AGENT_LINK_LINK_H
#define MST_AGENT_LINK_LINK_H

#include "agent/link/home.h"
#include "proto/msg.h"

struct mst_link;

struct mst_link_options {
    const char *endpoint;        /* tcp:// or ipc:// ; others are refused */
    const struct mst_home *home; /* NULL for ipc */
    const char *programme;       /* NULL: ask the broker for its only one (programme "*") */
    const char *kind;            /* agent, watch, web, ctl */
    const char *name;            /* session name */
    const uint8_t *outbox;       /* 16 bytes, or NULL */
    const struct mst_keys *keys; /* use these, whatever the home's become; NULL: the home's */
};

enum mst_link_event_kind {
    MST_LINK_NOTHING, /* the timeout passed */
    MST_LINK_UP,      /* welcome arrived: session open */
    MST_LINK_DOWN,    /* the session ended; it will try again by itself */
    MST_LINK_MESSAGE, /* any other message */
};

struct mst_link_event {
    enum mst_link_event_kind kind;
    const struct mst_msg
        *msg; /* UP: the welcome; DOWN: the error, or NULL; borrowed until the next poll */
};

MST_MUST_CHECK int mst_link_new(const struct mst_link_options *options, struct mst_link **ret_link,
                                struct mst_err *err);
void mst_link_free(struct mst_link *link);

/* Milliseconds of a clock that only goes forward; for time-outs, never for what is told. */
int64_t mst_link_clock_ms(void);

/* Descriptor for poll(2), edge-like as libzmq's are: call mst_link_poll(…, 0) until NOTHING, and do
 * so again after sending, before sleeping; mst_link_wait_ms() is 0 until then. */
int mst_link_fd(const struct mst_link *link);
/* Milliseconds until the link itself wants to be polled (reconnect, lost reply); -1: never. */
int mst_link_wait_ms(const struct mst_link *link);
MST_MUST_CHECK int mst_link_poll(struct mst_link *link, int timeout_ms,
                                 struct mst_link_event *ret_event, struct mst_err *err);
/* MST_E_BUSY when the queue is full or the session is not up: try again after the next event. */
MST_MUST_CHECK int mst_link_send(struct mst_link *link, const struct mst_msg *msg,
                                 struct mst_err *err);
/* The same with a message that is encoded already; frame is copied. */
MST_MUST_CHECK int mst_link_send_frame(struct mst_link *link, struct mst_slice frame,
                                       struct mst_err *err);

/* The secret half of the signing key that goes with the connection's: a home's keys are read again
 * for every connection, so that a service takes up rotated ones by itself. */
const uint8_t *mst_link_sign_secret(const struct mst_link *link);
/* The outbox id that the next hello names; NULL: none. */
void mst_link_outbox(struct mst_link *link, const uint8_t *outbox);
/* End the session and try again after the usual wait: an answer is overdue, or makes no sense. No
 * DOWN event tells of it. */
void mst_link_restart(struct mst_link *link);
/* Somebody says that it is worth while now: end the session, and connect without the wait that
 * earlier failures have earned. */
void mst_link_retry(struct mst_link *link);
/* The error that a reply or an error message carries, in the reader's words. Returns its code. */
int mst_link_fault(struct mst_slice code_word, struct mst_slice subject, struct mst_slice text,
                   struct mst_slice hint, struct mst_err *err);

/*
 * Wait until the session is up (UP) or until it brings `enrolled` (MESSAGE); meant for tools. Other
 * messages are dropped. ret_refused: the broker answered, and the answer was no.
 */
MST_MUST_CHECK int mst_link_await(struct mst_link *link, enum mst_link_event_kind kind,
                                  int timeout_ms, bool *ret_refused, struct mst_err *err);
/*
 * Wait for the session, send a request, and walk its reply rows. Other messages that arrive
 * meanwhile are dropped; meant for tools. A reply whose code is not ok becomes the error, in the
 * reader's words.
 */
typedef int (*mst_reply_row_fn)(void *context, struct mst_slice row);
MST_MUST_CHECK int mst_link_request(struct mst_link *link, const char *verb, struct mst_slice args,
                                    int timeout_ms, mst_reply_row_fn fn, void *context,
                                    struct mst_err *err);

#endif
