/* SPDX-License-Identifier: Apache-2.0 */
/* What a transition and an alert look like in the ledger. Decides nothing. */
#include "broker/driver/rows.h"

#include <stdio.h>

#include "proto/pack.h"
#include "proto/seal.h"

int mst_row_pack_transition(const struct mst_transition *t, struct mst_buf *out,
                            struct mst_err *err)
{
    mst_pack_map(out, 9);
    mst_pack_text(out, "obligation");
    mst_pack_text(out, t->obligation);
    mst_pack_text(out, "event");
    mst_pack_text(out, t->event);
    mst_pack_text(out, "from");
    mst_pack_text(out, mst_work_word(t->from));
    mst_pack_text(out, "to");
    mst_pack_text(out, mst_work_word(t->to));
    mst_pack_text(out, "verdict");
    mst_pack_text(out, mst_verdict_word(t->verdict));
    mst_pack_text(out, "days_late");
    mst_pack_int(out, t->days_late);
    mst_pack_text(out, "actor");
    mst_pack_text(out, t->actor);
    mst_pack_text(out, "reason");
    mst_pack_text(out, t->reason);
    mst_pack_text(out, "instant");
    mst_pack_int(out, t->instant);
    return out->failed ? mst_fail_on(err, MST_E_NOMEM, "transition") : 0;
}

static struct mst_slice given(const char *text)
{
    return mst_text(text[0] ? text : NULL);
}

int mst_row_pack_alert(const struct mst_alert *a, const char *programme, uint64_t number,
                       bool rehearsal, struct mst_buf *out, struct mst_err *err)
{
    static const uint8_t no_head[MST_HASH_BYTES];
    char topic[161];
    snprintf(topic, sizeof topic, "%s/%s/%s", programme, a->audience, a->kind);
    struct mst_msg msg = {.type = MST_MSG_alert};
    msg.u.alert = (struct mst_msg_alert){
        .number = number,
        .id = mst_bytes(a->id, sizeof a->id),
        .programme = mst_text(programme),
        .topic = mst_text(topic),
        .kind = mst_text(a->kind),
        .audience = mst_text(a->audience),
        .role = mst_text(a->role),
        .obligation = given(a->obligation),
        .duty = given(a->duty),
        .period = given(a->period),
        .bearer = given(a->bearer),
        .group = given(a->group),
        .rung = a->rung,
        .level = a->level,
        .occurrence = a->occurrence,
        .revision = a->revision,
        .instant = (uint64_t)a->instant,
        .fired = (uint64_t)a->fired,
        .due = (uint64_t)a->due,
        .missed = a->missed,
        .reason = given(a->reason),
        .rehearsal = rehearsal,
        /* The stream fills these in: the row cannot hold its own hash. */
        .ledger_head = mst_bytes(no_head, sizeof no_head),
    };
    return mst_msg_encode(&msg, out, err);
}
