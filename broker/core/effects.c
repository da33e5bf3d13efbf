/* SPDX-License-Identifier: Apache-2.0 */
/* The list of effects, and the one way in which each kind enters it. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/inside.h"

void mst_effects_drop(struct mst_effects *effects, size_t count)
{
    for (size_t i = count; i < effects->count; i++) {
        struct mst_effect *e = &effects->items[i];
        if (e->kind == MST_EFFECT_TRANSITION)
            free(e->u.transition);
        else if (e->kind == MST_EFFECT_ALERT)
            free(e->u.alert);
        else if (e->kind == MST_EFFECT_ITEM_MOVE)
            free(e->u.item_move);
    }
    effects->count = count;
}

void mst_effects_clear(struct mst_effects *effects)
{
    mst_effects_drop(effects, 0);
}

void mst_effects_done(struct mst_effects *effects)
{
    mst_effects_clear(effects);
    free(effects->items);
    *effects = (struct mst_effects){0};
}

bool mst_effects_reserve(struct mst_effects *effects, size_t more)
{
    if (effects->cap - effects->count >= more)
        return true;
    size_t cap = effects->cap ? effects->cap : 16;
    while (cap - effects->count < more)
        cap *= 2;
    struct mst_effect *items = realloc(effects->items, cap * sizeof *items);
    if (!items)
        return false;
    effects->items = items;
    effects->cap = cap;
    return true;
}

static struct mst_effect *append(struct mst_step *s, enum mst_effect_kind kind)
{
    struct mst_effects *pending = &s->core->pending;
    if (!mst_effects_reserve(pending, 1)) {
        s->failed = true;
        return NULL;
    }
    struct mst_effect *e = &pending->items[pending->count++];
    e->kind = kind;
    return e;
}

/* An effect that owns zeroed memory of this size; NULL: failed. */
static struct mst_effect *append_owner(struct mst_step *s, enum mst_effect_kind kind, size_t size,
                                       void **ret_owned)
{
    *ret_owned = calloc(1, size);
    struct mst_effect *e = *ret_owned ? append(s, kind) : NULL;
    if (!e) {
        free(*ret_owned);
        *ret_owned = NULL;
        s->failed = true;
    }
    return e;
}

void mst_emit_transition(struct mst_step *s, struct mst_slot *slot, const char *event,
                         enum mst_work to, const char *actor, struct mst_slice reason,
                         mst_time instant)
{
    struct mst_obligation *o = &slot->o;
    assert(slot->touched != MST_NONE);
    void *owned;
    struct mst_effect *e = append_owner(s, MST_EFFECT_TRANSITION, sizeof *e->u.transition, &owned);
    if (!e)
        return;
    struct mst_transition *t = e->u.transition = owned;
    memcpy(t->obligation, o->id, sizeof t->obligation);
    snprintf(t->event, sizeof t->event, "%s", event);
    snprintf(t->actor, sizeof t->actor, "%s", actor);
    mst_slice_copy(reason, t->reason, sizeof t->reason);
    t->from = o->work;
    t->to = to;
    t->instant = instant;
    o->work = to;
    o->changed_at = instant;
    o->moves++;
}

void mst_emit_verdict(struct mst_step *s, const struct mst_slot *slot)
{
    struct mst_effects *pending = &s->core->pending;
    if (s->failed)
        return;
    struct mst_effect *e = &pending->items[pending->count - 1];
    assert(e->kind == MST_EFFECT_TRANSITION);
    e->u.transition->verdict = slot->o.verdict;
    e->u.transition->days_late = slot->o.days_late;
}

struct mst_alert *mst_emit_alert(struct mst_step *s)
{
    void *alert;
    struct mst_effect *e = append_owner(s, MST_EFFECT_ALERT, sizeof *e->u.alert, &alert);
    if (e)
        e->u.alert = alert;
    return alert;
}

struct mst_item_move *mst_emit_item_move(struct mst_step *s)
{
    void *move;
    struct mst_effect *e = append_owner(s, MST_EFFECT_ITEM_MOVE, sizeof *e->u.item_move, &move);
    if (e)
        e->u.item_move = move;
    return move;
}

void mst_emit_accepted(struct mst_step *s)
{
    (void)append(s, MST_EFFECT_ACCEPTED);
}

void mst_emit_refused(struct mst_step *s, enum mst_code code, const char *subject)
{
    struct mst_effect *e = append(s, MST_EFFECT_REFUSED);
    if (!e)
        return;
    e->u.refused.code = code;
    mst_slice_copy(mst_text(subject), e->u.refused.subject, sizeof e->u.refused.subject);
}
