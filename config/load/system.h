/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the operating system that failed, told with what to do about that very errno. */
#ifndef MST_CONFIG_LOAD_SYSTEM_H
#define MST_CONFIG_LOAD_SYSTEM_H

#include "proto/err.h"

/* "what: No such file or directory", with its hint. Returns MST_E_IO. `error`: an errno. */
int mst_fail_system(struct mst_err *err, const char *what, int error);
/* The hint alone, for an error that is told otherwise; one that has no own keeps what is there. */
void mst_hint_system(struct mst_err *err, int error);

#endif
