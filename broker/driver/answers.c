/* SPDX-License-Identifier: Apache-2.0 */
/* Negative answers. Sends nothing and translates nothing: each side of the wire has the table. */
#include "broker/driver/answers.h"

#include <stdio.h>

static void say(struct mst_answer *a, enum mst_code code, const char *subject)
{
    char whole[2 * MST_ERR_TEXT_MAX];
    mst_slice_copy(mst_text(subject), a->subject, sizeof a->subject);
    snprintf(whole, sizeof whole, mst_code_text((int)code), a->subject);
    mst_slice_copy(mst_text(whole), a->text, sizeof a->text);
}

void mst_answer_error(struct mst_answer *a, enum mst_code code, const char *subject)
{
    say(a, code, subject);
    a->msg = (struct mst_msg){.type = MST_MSG_error};
    a->msg.u.error.code = mst_text(mst_code_word((int)code));
    a->msg.u.error.subject = mst_text(a->subject);
    a->msg.u.error.text = mst_text(a->text);
    a->msg.u.error.hint = mst_text(mst_code_hint((int)code));
}

void mst_answer_reply(struct mst_answer *a, uint64_t request_id, enum mst_code code,
                      const char *subject, mst_time now)
{
    a->msg = (struct mst_msg){.type = MST_MSG_reply};
    a->msg.u.reply.id = request_id;
    a->msg.u.reply.code = mst_text(mst_code_word((int)code));
    a->msg.u.reply.now = (uint64_t)now;
    if (code == MST_OK)
        return;
    say(a, code, subject);
    a->msg.u.reply.subject = mst_text(a->subject);
    a->msg.u.reply.text = mst_text(a->text);
    a->msg.u.reply.hint = mst_text(mst_code_hint((int)code));
}
