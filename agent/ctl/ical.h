/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a calendar as an iCalendar feed (RFC 5545), for the calendars that people look at. */
#ifndef MST_AGENT_CTL_ICAL_H
#define MST_AGENT_CTL_ICAL_H

#include <stdio.h>

#include "proto/err.h"
#include "proto/msg.h"

struct mst_ical;

/* NULL: out of memory. */
struct mst_ical *mst_ical_new(void);
void mst_ical_free(struct mst_ical *ical);
/* An all-day event on the row's due date; what is not applicable is left out. `stamp_s`: now. */
MST_MUST_CHECK int mst_ical_row(struct mst_ical *ical, struct mst_slice row, int64_t stamp_s,
                                struct mst_err *err);
MST_MUST_CHECK int mst_ical_write(struct mst_ical *ical, FILE *out, struct mst_err *err);

#endif
