/* SPDX-License-Identifier: Apache-2.0 */
/* The agent as a service. */
#ifndef MST_AGENT_RUN_RUN_H
#define MST_AGENT_RUN_RUN_H

#include "agent/link/home.h"

/*
 * Run until SIGTERM or SIGINT. Tells a service manager when it is ready, alive and stopping. Call
 * it from a process without threads: it forks the hook's helper first. Fails when the home, the
 * outbox or the machine does; everything that was promised is on disk then.
 */
MST_MUST_CHECK int mst_run(const char *home_dir, struct mst_err *err);

#endif
