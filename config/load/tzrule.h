/* SPDX-License-Identifier: Apache-2.0 */
/* The POSIX TZ rule in a TZif file's footer (RFC 8536, 3.3), e.g. "CET-1CEST,M3.5.0,M10.5.0/3". */
#ifndef MST_CONFIG_LOAD_TZRULE_H
#define MST_CONFIG_LOAD_TZRULE_H

#include <stdbool.h>

#include "config/model/zone.h"

enum mst_tzrule_kind {
    MST_TZRULE_MONTH,      /* Mm.w.d */
    MST_TZRULE_JULIAN,     /* Jn: 1..365, 29 February is never counted */
    MST_TZRULE_DAY_OF_YEAR /* n: 0..365 */
};

struct mst_tzrule_date {
    enum mst_tzrule_kind kind;
    int month, week, weekday; /* weekday: 0 Sunday, as POSIX has it */
    int day;
    int32_t time_s; /* local time before the change; -167 h .. 167 h */
};

struct mst_tzrule {
    int32_t standard_s; /* east of UTC */
    bool has_summer;
    int32_t summer_s;
    struct mst_tzrule_date start, end;
};

/* false when the text is no such rule. */
bool mst_tzrule_parse(const char *text, struct mst_tzrule *ret);
/* The two changes of a year, in the order of the rule: to summer time, and back. */
void mst_tzrule_changes(const struct mst_tzrule *rule, int year,
                        struct mst_zone_transition ret_changes[2]);

#endif
