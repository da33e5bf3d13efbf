/* SPDX-License-Identifier: Apache-2.0 */
/* One request on its way, as the files share it that carry out acts: requests.c, which dispatches
 * them, and requests_office.c. */
#ifndef MST_BROKER_IO_ERRAND_H
#define MST_BROKER_IO_ERRAND_H

#include "broker/io/broker.h"

#define MST_TEXT_ARG_MAX MST_ACT_TEXT_MAX

struct mst_errand {
    struct mst_broker *b;
    struct mst_session *s;
    uint64_t id;
    struct mst_slice args;
    const char *verb, *action;
    struct mst_caller caller;
    mst_time now;
};

/* The argument in `buf`; NULL: it was not given. */
const char *mst_errand_arg(const struct mst_errand *e, const char *name,
                           char buf[MST_TEXT_ARG_MAX]);
/* Answers with a refusal, and returns 0. */
int mst_errand_refuse(struct mst_errand *e, enum mst_code code, const char *subject);
/* Likewise of a value that its option cannot take; why: a message id, or a range. */
int mst_errand_refuse_word(struct mst_errand *e, const char *option, const char *value,
                           const char *why);

/* Acts upon no obligation; the core asks who may. 0, or a code with which the broker must end. */
int mst_act_amend(struct mst_errand *e, struct mst_err *err);
int mst_act_grant(struct mst_errand *e, struct mst_err *err);
/* Likewise, of the ledger itself; in security.c. */
int mst_act_contradict(struct mst_errand *e, struct mst_err *err);

#endif
