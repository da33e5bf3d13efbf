/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service tells its operator: one line per event on standard error, `event key=value …`,
 * with the priority in front (<4>) where a journal reads it. For programs, so not translated.
 */
#ifndef MST_AGENT_RUN_JOURNAL_H
#define MST_AGENT_RUN_JOURNAL_H

#include "proto/err.h"
#include "proto/msg.h"

enum mst_priority { MST_LOG_ERROR = 3, MST_LOG_WARNING = 4, MST_LOG_NOTICE = 5, MST_LOG_INFO = 6 };

void mst_journal(enum mst_priority priority, const char *fmt, ...) MST_PRINTF(2, 3);
/* `event code=… text="…"` */
void mst_journal_err(enum mst_priority priority, const char *event, const struct mst_err *err);

#endif
