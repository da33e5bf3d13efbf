/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reports that count: of each obligation the version that was submitted last, as long as it
 * stands. What was returned, withdrawn or voided does not, until it is submitted again. Minutes are
 * many to an obligation, and are not among them.
 */
#ifndef MST_BROKER_IO_EFFECTIVE_H
#define MST_BROKER_IO_EFFECTIVE_H

#include "broker/io/query.h"

struct mst_effective {
    size_t duty, unit, group; /* indices into the programme; SIZE_MAX: none */
    struct mst_period period;
    char obligation[MST_OBLIGATION_ID_MAX];
    uint64_t row;
    size_t key; /* the caller's own, to put them in order */
};

struct mst_effectives {
    struct mst_effective *items;
    size_t count, cap;
};

/* Those that the question's arguments (duty, unit, group) mean and that the asker may read; of any
 * period. To be freed with mst_effectives_done(), whatever is returned. */
MST_MUST_CHECK int mst_effectives_collect(struct mst_query *q, struct mst_effectives *ret,
                                          struct mst_err *err);
void mst_effectives_done(struct mst_effectives *all);

/* Give the body and the instant of one; no call where the row holds none. */
typedef int (*mst_effective_fn)(void *context, const struct mst_effective *e, mst_time at,
                                struct mst_slice body);
MST_MUST_CHECK int mst_effective_body(struct mst_query *q, const struct mst_effective *e,
                                      mst_effective_fn fn, void *context, struct mst_err *err);

#endif
