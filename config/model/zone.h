/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A time zone as a table of transitions, so that the core needs neither files nor environment.
 * config/load reads it from a TZif file (RFC 8536), expands its footer rule to transitions up to
 * the year 2200, and digests it; the digest is pinned in every obligation.
 */
#ifndef MST_CONFIG_MODEL_ZONE_H
#define MST_CONFIG_MODEL_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "config/model/date.h"
#include "proto/err.h"

#define MST_DIGEST_BYTES 32

struct mst_zone_transition {
    mst_time at;      /* the first instant at which the offset holds */
    int32_t offset_s; /* seconds east of UTC */
};

/* RFC 8536: no offset lies further from UTC than this. */
#define MST_ZONE_OFFSET_S_MAX (26 * 3600)

/*
 * Invariant: transitions are ascending in `at`; before the first, first_offset_s holds; offsets are
 * within MST_ZONE_OFFSET_S_MAX on both sides.
 */
struct mst_zone {
    const char *name; /* IANA name, "Asia/Shanghai" */
    int32_t first_offset_s;
    const struct mst_zone_transition *transitions;
    size_t transitions_count;
    uint8_t digest[MST_DIGEST_BYTES];
};

int32_t mst_zone_offset_s(const struct mst_zone *zone, mst_time at);
/* The local date at an instant; the first or last day there is for one beyond the years 1..9999. */
mst_day mst_zone_day(const struct mst_zone *zone, mst_time at);
/*
 * The instant of a local wall-clock time, ms after midnight in 0..86399999. A time that does not
 * exist is the first instant after the gap; one that occurs twice is the first of the two. In one
 * rule: the first instant at which the local clock shows that time or a later one.
 */
mst_time mst_zone_instant(const struct mst_zone *zone, mst_day day, int32_t ms_of_day);
/* The first instant of a local date. */
mst_time mst_zone_midnight(const struct mst_zone *zone, mst_day day);

/*
 * "2023-10-12T00:00:00+08:00" (RFC 3339; ".999" only when not a whole second). Returns buf. What
 * lies beyond the years 1..9999, and so MST_NEVER, is written as the nearest instant inside. An
 * offset with seconds (local mean time) is cut to minutes, and the wall-clock time with it, so that
 * the text still names the instant.
 */
#define MST_INSTANT_TEXT_MAX 40
char *mst_zone_format(const struct mst_zone *zone, mst_time at, char *buf);
/*
 * RFC 3339 with offset or Z; or, without an offset, local wall-clock time of the zone:
 * "2023-10-11", "2023-10-11 23:59", "2023-10-11T23:59:59.999". MST_E_SYNTAX otherwise. Digits
 * beyond the millisecond are dropped, so that an instant before a deadline stays before it.
 */
MST_MUST_CHECK int mst_zone_parse(const struct mst_zone *zone, const char *text, mst_time *ret_at,
                                  struct mst_err *err);

#endif
