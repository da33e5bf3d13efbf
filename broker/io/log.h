/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's log: one line an event on stderr, `event key=value …`, with systemd's priority
 * prefix when it reads them. Warnings about what strangers do are limited in rate; what is left out
 * is counted and said.
 */
#ifndef MST_BROKER_IO_LOG_H
#define MST_BROKER_IO_LOG_H

#include "proto/err.h"

struct mst_log {
    int64_t lines_per_s;
    mst_time second; /* the second that is being counted, ms since boot / 1000 */
    int64_t lines;   /* warnings in it */
    uint64_t dropped;
};

/* level: 3 error, 4 warning (limited), 5 notice, 6 information, as syslog's. */
void mst_log(struct mst_log *log, int level, const char *event, const char *fmt, ...)
    MST_PRINTF(4, 5);
void mst_log_err(struct mst_log *log, const char *event, const struct mst_err *err);

#endif
