/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate stands before every door, the network's and the local one. Through tap.c it limits how
 * many connections a door takes a second and cuts one that sends on and on without finishing a
 * message; with libzmq's monitors, which a thread of its own listens to, it counts the handshakes
 * that came to nothing, of which the loop never hears. It cuts; whom to admit is zap.c's to say.
 */
#ifndef MST_BROKER_IO_GATE_H
#define MST_BROKER_IO_GATE_H

#include <stddef.h>
#include <stdint.h>

#include "broker/io/tap.h"
#include "proto/err.h"

struct mst_gate;

struct mst_gate_door {
    const char *name; /* for the log; borrowed */
    struct mst_tap_door limits;
    bool local; /* tools try whether somebody listens, and go: no handshake that came to nothing */
};

struct mst_gate_options {
    const struct mst_gate_door *doors; /* copied; at most MST_TAP_DOORS_MAX */
    size_t doors_count;
    int64_t unread_total_max; /* bytes, of all connections */
    int64_t log_lines_per_s;
};

struct mst_gate_counts {
    uint64_t refused; /* connections that ended before their handshake did, or were too many */
    uint64_t cut;
};

/* Refuses when libzmq does not go through the tap. `zmq` is its context, borrowed. */
MST_MUST_CHECK int mst_gate_start(void *zmq, const struct mst_gate_options *options,
                                  struct mst_gate **ret, struct mst_err *err);
/* Stand before this socket as that door, instead of the one before. It is the caller's, not bound
 * yet, and lives until it is replaced or mst_gate_stop() has returned. NULL gate: nothing. */
MST_MUST_CHECK int mst_gate_watch(struct mst_gate *gate, size_t door, void *socket,
                                  struct mst_err *err);
/* Before its sockets are closed. */
void mst_gate_stop(struct mst_gate *gate);
/* After libzmq's context has ended. */
void mst_gate_free(struct mst_gate *gate);
struct mst_gate_counts mst_gate_counts(const struct mst_gate *gate);

#endif
