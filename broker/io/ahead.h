/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Letters that were taken off the sockets and are not served yet, in the order in which they came,
 * and a thread that works ahead of the loop: it reads them strictly, hashes the reports of a push
 * and verifies its signature. All that depends on nothing that is stored, so nothing of the store
 * or the core is shared. Whether the sender may push at all, and whether his key still holds, the
 * loop asks when it serves the letter.
 *
 * The loop reads as well while it waits for a letter, so that one which comes alone wakes no
 * thread. The thread is kept off the loop's core, and gives its own up between letters where many
 * wait: what a kernel that switches seldom would not do by itself. There is room for a fixed number
 * of letters; when it is taken, the rest stays in the sockets, which hold their senders back.
 */
#ifndef MST_BROKER_IO_AHEAD_H
#define MST_BROKER_IO_AHEAD_H

#include <stdatomic.h>
#include <zmq.h>

#include "broker/driver/driver.h"

#define MST_ROUTING_ID_MAX 64

enum mst_door { MST_DOOR_MEMBERS, MST_DOOR_ADMIN, MST_DOOR_ENROL, MST_DOORS };

/* Reports of a push that are read ahead; the loop reads what is beyond them. */
#define MST_REPORTS_AHEAD 256

/* Room for what is read. */
struct mst_reading_room {
    struct mst_msg_scratch scratch;
    struct mst_msg_report reports[MST_REPORTS_AHEAD];
};

/* What a message says, as far as its bytes tell. Borrows from them and from its room. */
struct mst_reading {
    bool done;
    int code; /* 0: `msg` holds; else `why` does */
    struct mst_err why;
    struct mst_msg msg;
    bool verified; /* it is a push, and `push` was found out about it */
    struct mst_verified push;
};

/* sign_key: verify a push by it; NULL: only read. */
void mst_read(struct mst_slice bytes, const uint8_t *sign_key, struct mst_reading_room *room,
              struct mst_reading *ret);

enum mst_letter_state { MST_LETTER_WAITS, MST_LETTER_CLAIMED, MST_LETTER_READ };

/* What a peer sent, and what libzmq and the authenticator say about him. */
struct mst_letter {
    enum mst_door door;
    uint8_t routing[MST_ROUTING_ID_MAX];
    size_t routing_len;
    zmq_msg_t payload;
    int fd;               /* of its connection, for mst_tap_is_open() */
    uint32_t connection;  /* on that descriptor */
    bool whole;           /* exactly two frames, the first not too long */
    mst_time now;         /* when it was taken */
    bool worth;           /* to be verified by sign_key */
    uint8_t sign_key[32]; /* of the session, when it was taken */
    _Atomic int state;    /* enum mst_letter_state; who has claimed it may write what follows */
    struct mst_reading reading;
    struct mst_reading_room room;
};

struct mst_slice mst_letter_bytes(struct mst_letter *letter);

struct mst_ahead;

/* Something else that the thread does, when it is called for: again and again, until it says that
 * there is no more to do. */
typedef bool (*mst_ahead_errand_fn)(void *context);

/* room: letters, at least 1. */
MST_MUST_CHECK int mst_ahead_open(size_t room, mst_ahead_errand_fn errand, void *context,
                                  struct mst_ahead **ret, struct mst_err *err);
/* Run the errand, before the next letter. */
void mst_ahead_call(struct mst_ahead *ahead);
/* Ends the letters that wait. NULL is legal. */
void mst_ahead_close(struct mst_ahead *ahead);

/* Room for one more, to be filled up to sign_key; NULL: there is none. It waits after post(). */
struct mst_letter *mst_ahead_room(struct mst_ahead *ahead);
void mst_ahead_post(struct mst_ahead *ahead);
/* Let the thread work for what was posted. A single letter is left to the loop, unless it is busy.
 */
void mst_ahead_go(struct mst_ahead *ahead, bool busy);
/* The oldest letter; NULL: none waits. */
const struct mst_letter *mst_ahead_oldest(const struct mst_ahead *ahead);
/* The oldest letter, read; while it is not, this thread reads others, and sleeps when there is none
 * that nobody has begun. NULL: none waits. It stays until mst_ahead_drop(). */
struct mst_letter *mst_ahead_next(struct mst_ahead *ahead);
/* Read one letter that nobody has begun; false: there is none. */
bool mst_ahead_help(struct mst_ahead *ahead);
/* The oldest letter is served: it ends. */
void mst_ahead_drop(struct mst_ahead *ahead);

#endif
