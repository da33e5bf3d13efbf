/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Negative answers, built in one place: the code's word, its subject, its text and hint in English.
 * Subjects may be a stranger's; what is too long for the wire is cut between characters.
 */
#ifndef MST_BROKER_DRIVER_ANSWERS_H
#define MST_BROKER_DRIVER_ANSWERS_H

#include "proto/msg.h"

/* The message borrows from its own texts: do not copy it by value. */
struct mst_answer {
    struct mst_msg msg;
    char subject[MST_ERR_TEXT_MAX], text[MST_ERR_TEXT_MAX];
};

void mst_answer_error(struct mst_answer *answer, enum mst_code code, const char *subject);
/* A reply without rows; MST_OK has neither subject nor text. */
void mst_answer_reply(struct mst_answer *answer, uint64_t request_id, enum mst_code code,
                      const char *subject, mst_time now);

#endif
