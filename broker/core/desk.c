/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts of the office that are no review: what it owes itself, and what ends an obligation or quiets
 * it. None of them touches a verdict that stands.
 */
#include <stdio.h>
#include <string.h>

#include "broker/core/events.h"

/* The number of what was published goes on record; there may be none. */
enum mst_code mst_event_publish(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    if (o->kind == MST_DUTY_QUOTA || o->kind == MST_DUTY_POST || o->kind == MST_DUTY_ISSUE)
        return MST_R_STATE;
    if (move->number && strlen(move->number) >= sizeof o->record_number) {
        move->refused = "number: " N_("is too long");
        return MST_R_FORM;
    }
    if (move->number)
        snprintf(o->record_number, sizeof o->record_number, "%s", move->number);
    mst_happen_settle(s, slot, move, "publish", MST_WORK_CLOSED);
    mst_happen_closed(s, slot, move->reason);
    mst_notice_issued(s, slot, move->reason);
    return MST_OK;
}

enum mst_code mst_event_acknowledge(struct mst_step *s, struct mst_slot *slot,
                                    struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    if (!o->overdue_told)
        return MST_R_STATE;
    o->acknowledged_at = s->now;
    mst_emit_transition(s, slot, "acknowledge", o->work, move->actor.name, move->reason, s->now);
    return MST_OK;
}

static void end(struct mst_step *s, struct mst_slot *slot, const struct mst_move *move,
                const char *event, enum mst_work to, enum mst_notice notice)
{
    struct mst_obligation *o = &slot->o;
    uint32_t told = o->told | MST_TO(CLERK);
    o->extension_pending = false;
    o->extension_until = 0;
    o->review_due = 0;
    o->overdue_told = false;
    o->told = 0;
    mst_emit_transition(s, slot, event, to, move->actor.name, move->reason, s->now);
    mst_notice_send(s, slot, notice, told, move->reason, s->now);
}

void mst_happen_supersede(struct mst_step *s, struct mst_slot *slot, const struct mst_move *move)
{
    snprintf(slot->o.successor, sizeof slot->o.successor, "%s", move->successor);
    end(s, slot, move, "supersede", MST_WORK_SUPERSEDED, MST_NOTICE_SUPERSEDED);
}

bool mst_superseded_by(const struct mst_core *core, const struct mst_slot *slot,
                       const struct mst_slot *other)
{
    while (slot && slot != other && slot->o.successor[0])
        slot = mst_table_by_id(&core->table, mst_text(slot->o.successor));
    return slot == other;
}

enum mst_code mst_event_supersede(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    const struct mst_slot *other =
        move->successor ? mst_table_by_id(&s->core->table, mst_text(move->successor)) : NULL;
    if (!other || other == slot) {
        move->refused = "successor: " N_("must be another obligation");
        return MST_R_FORM;
    }
    if (mst_superseded_by(s->core, other, slot)) {
        move->refused = "successor: " N_("its own place is taken by this one");
        return MST_R_FORM;
    }
    mst_happen_supersede(s, slot, move);
    return MST_OK;
}

enum mst_code mst_event_cancel(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    end(s, slot, move, "cancel", MST_WORK_CANCELLED, MST_NOTICE_CANCELLED);
    return MST_OK;
}
