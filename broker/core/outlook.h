/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outlook: which obligations may well come late, and what speaks for it. A pure function of
 * what a core holds and of when agents were last heard of. It is advice for whoever might help in
 * time: nothing is decided by it, nothing is stored, and no assessment knows of it.
 *
 * Every reason has a weight; their sum makes the likelihood. Reasons are told with their numbers,
 * so that a person may judge otherwise.
 */
#ifndef MST_BROKER_CORE_OUTLOOK_H
#define MST_BROKER_CORE_OUTLOOK_H

#include "broker/core/core.h"

enum mst_outlook_reason_kind {
    MST_OUTLOOK_LATE_BEFORE, /* n of its `of` earlier ones came late or never */
    MST_OUTLOOK_SILENT,      /* its agent is away, for n hours; 0: since longer than is known */
    MST_OUTLOOK_RETURNED,    /* a correction is owed, after n returns */
    MST_OUTLOOK_ASKED,       /* the bearer asks for more time */
    MST_OUTLOOK_MISSING,     /* n of `of` meetings or names are still missing, late in the period */
    MST_OUTLOOK_SHORT,       /* nothing is there, and n working days are left */
    MST_OUTLOOK_REASONS
};

enum mst_likelihood { MST_UNLIKELY, MST_POSSIBLE, MST_LIKELY, MST_LIKELIHOODS };

const char *mst_outlook_reason_word(enum mst_outlook_reason_kind kind); /* "late-before" */
const char *mst_likelihood_word(enum mst_likelihood likelihood);        /* "likely" */

struct mst_outlook_reason {
    enum mst_outlook_reason_kind kind;
    uint32_t n, of;
};

struct mst_outlook_row {
    const struct mst_obligation *o; /* the core's own */
    mst_time due;                   /* or the correction's deadline */
    int days_left;                  /* working days after today; 0 in grace */
    enum mst_likelihood likelihood;
    struct mst_outlook_reason reasons[MST_OUTLOOK_REASONS];
    uint32_t reasons_count;
};

struct mst_outlook_query {
    const char *duty, *group, *bearer; /* only these; NULL: all */
    mst_time until;                    /* only what is due by then */
    /* For how many hours the unit's agent is away, 0 when that is not known; -1: it is there. NULL:
     * nothing is known of agents. */
    int (*away_hours)(void *context, const char *unit);
    void *context;
};

/* What its bearer still owes and is not overdue yet: the likeliest first, then by date. The rows
 * are to be freed. */
MST_MUST_CHECK int mst_outlook(const struct mst_core *core, const struct mst_outlook_query *query,
                               struct mst_outlook_row **ret_rows, size_t *ret_count,
                               struct mst_err *err);

#endif
