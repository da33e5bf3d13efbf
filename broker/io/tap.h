/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tap counts what libzmq takes off each connection, in the very call that takes it, so that a
 * limit holds to the byte: a peer that pours faster than anybody looks gets no further. libzmq's
 * own high-water marks count whole messages, and the parts of one that never ends would fill the
 * memory. And it knows which connections are there, of which libzmq tells nobody exactly.
 *
 * It can do so because libzmq, a shared library, calls accept4(), recv() and close() by name, and a
 * program's own definition of a name comes before the C library's. tap.c defines all three; until
 * mst_tap_open() they are what they are elsewhere. mst_tap_in_place() says whether libzmq does call
 * them, and gate.c refuses to open when it does not.
 *
 * The functions may be called from any thread.
 */
#ifndef MST_BROKER_IO_TAP_H
#define MST_BROKER_IO_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

#define MST_TAP_DOORS_MAX 4

struct mst_tap_door {
    int64_t unread_bytes_max; /* of one connection, which is cut beyond it */
    int64_t connections_rate; /* taken a second, a quarter of it from one address; 0: all. Local
                                 peers are always taken. */
};

enum mst_tap_event { MST_TAP_CUT, MST_TAP_CUT_FOR_ALL, MST_TAP_TOO_MANY };

/* Called in libzmq's thread, while the connection is still open. `unread`: bytes, for the cuts. */
typedef void mst_tap_teller(void *context, enum mst_tap_event event, size_t door, int fd,
                            int64_t unread);

struct mst_tap_options {
    const struct mst_tap_door *doors; /* copied */
    size_t doors_count;
    int64_t unread_total_max; /* bytes; beyond it the connection with most unread is cut */
    mst_tap_teller *tell;
    void *context;
};

/* From now on no listener is accepted from until mst_tap_listens() has named its door. One tap a
 * process; it ends after libzmq's threads have. */
MST_MUST_CHECK int mst_tap_open(const struct mst_tap_options *options, struct mst_err *err);
void mst_tap_close(void);
/* Has libzmq called all three since the process began? */
bool mst_tap_in_place(void);
void mst_tap_listens(size_t door, int fd);
/* A whole message of so many frames and bytes has been taken from this connection's queue. */
void mst_tap_heard(int fd, size_t frames, size_t bytes);
/* The connection that a descriptor stands for now, by a number that no other one of it has; 0:
 * there is no tap. */
uint32_t mst_tap_connection(int fd);
/* Is that connection still there? Where there is no tap, it is taken to be. */
bool mst_tap_is_open(int fd, uint32_t connection);
/* How many have ended since the tap was opened. */
uint64_t mst_tap_ended(void);

#endif
