/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a hook: a command that gets JSON on its standard input and a limited time, with the
 * signals as every program has them, whatever was done with them where the service was started. A
 * helper process runs it, since neither libzmq nor SQLite survives a fork: make the helper before
 * the first socket or database is opened. The command is one string for /bin/sh -c, as written in
 * the settings; nothing that came from the wire ever becomes part of it. One hook runs at a time.
 */
#ifndef MST_AGENT_LINK_HOOK_H
#define MST_AGENT_LINK_HOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/err.h"

struct mst_hook;

#define MST_HOOK_INPUT_BYTES_MAX 65536
/* Results that are no exit status: 0..255 are those of the command. */
#define MST_HOOK_KILLED 256    /* ended by a signal */
#define MST_HOOK_TIMED_OUT 257 /* killed, with its whole process group, when its time was up */

/* Forks the helper. */
MST_MUST_CHECK int mst_hook_new(const char *command, int timeout_s, struct mst_hook **ret,
                                struct mst_err *err);
/* The helper ends by itself, after the hook that may be running. NULL is legal. */
void mst_hook_free(struct mst_hook *hook);

/* Readable when a result waits. */
int mst_hook_fd(const struct mst_hook *hook);
bool mst_hook_busy(const struct mst_hook *hook);
/* MST_E_BUSY while one runs; MST_E_TOO_LARGE; MST_E_IO when the helper is gone. */
MST_MUST_CHECK int mst_hook_start(struct mst_hook *hook, const void *input, size_t len,
                                  struct mst_err *err);
/* MST_E_BUSY when there is no result yet; MST_E_IO when the helper is gone. */
MST_MUST_CHECK int mst_hook_result(struct mst_hook *hook, int *ret_status, struct mst_err *err);

#endif
