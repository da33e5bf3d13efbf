/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate watches the connections of the network's doors from a thread of its own. It counts the
 * handshakes that came to nothing, of which the loop never hears, and cuts a connection that sends
 * on and on without ever finishing a message: libzmq's high-water marks count whole messages, so
 * that the parts of one that never ends would fill the memory, at the enrolment door by a
 * stranger's hand. It cuts; whom to admit is zap.c's to say.
 */
#ifndef MST_BROKER_IO_GATE_H
#define MST_BROKER_IO_GATE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

struct mst_gate;

struct mst_gate_door {
    void *socket;
    const char *name;         /* for the log */
    int64_t unread_bytes_max; /* beyond it, without a whole message, a connection is cut */
};

struct mst_gate_counts {
    uint64_t refused; /* connections that ended before their handshake did */
    uint64_t cut;
};

/* The sockets are the caller's, and not bound yet; they are closed after mst_gate_stop(). */
MST_MUST_CHECK int mst_gate_start(void *zmq, const struct mst_gate_door *doors, size_t count,
                                  int64_t log_lines_per_s, struct mst_gate **ret,
                                  struct mst_err *err);
void mst_gate_stop(struct mst_gate *gate);
/* A whole message came from the connection on this descriptor. NULL gate: nothing. */
void mst_gate_heard(struct mst_gate *gate, int fd);
struct mst_gate_counts mst_gate_counts(const struct mst_gate *gate);

#endif
