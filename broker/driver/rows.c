/* SPDX-License-Identifier: Apache-2.0 */
/* What a transition, a move of an item and an alert look like in the ledger. Decides nothing. */
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

int mst_row_pack_item_move(const struct mst_item_move *m, struct mst_buf *out, struct mst_err *err)
{
    mst_pack_map(out, 10);
    mst_pack_text(out, "kind");
    mst_pack_text(out, mst_item_kind_word(m->kind));
    mst_pack_text(out, "id");
    mst_pack_text(out, m->id);
    mst_pack_text(out, "event");
    mst_pack_text(out, m->event);
    mst_pack_text(out, "from");
    mst_pack_text(out, m->first ? "" : mst_item_state_word(m->from));
    mst_pack_text(out, "to");
    mst_pack_text(out, mst_item_state_word(m->to));
    mst_pack_text(out, "owner");
    mst_pack_text(out, m->owner);
    mst_pack_text(out, "group");
    mst_pack_text(out, m->group);
    mst_pack_text(out, "actor");
    mst_pack_text(out, m->actor);
    mst_pack_text(out, "reason");
    mst_pack_text(out, m->reason);
    mst_pack_text(out, "instant");
    mst_pack_int(out, m->instant);
    return out->failed ? mst_fail_on(err, MST_E_NOMEM, "item") : 0;
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
