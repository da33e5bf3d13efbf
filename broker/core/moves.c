/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard in front of every event: is there such an event, may this actor, in this state, with
 * these words? It knows the table and nothing of what the events do.
 */
#include <string.h>

#include "broker/core/authz.h"
#include "broker/core/events.h"

enum by { BEARER, JUDGE, OFFICE, EITHER, DESK };
enum review { NEVER, BEGINS };
enum reason { FREE, NEEDED };

struct row {
    const char *word;
    enum by by;
    unsigned from;
    enum review review;
    enum reason reason;
    mst_event_fn happen;
};

#define IN(work) (1u << MST_WORK_##work)
static const struct row rows[] = {
#define EVENT(name, word, by, from, review, reason)                                                \
    {word, by, from, review, reason, mst_event_##name},
#include "broker/core/lifecycle.def"
#undef EVENT
};

static const struct row *row_of(const char *event)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].word, event) == 0)
            return &rows[i];
    }
    return NULL;
}

bool mst_event_known(const char *event)
{
    return row_of(event) != NULL;
}

bool mst_event_by_bearer(const char *event)
{
    const struct row *row = row_of(event);
    return row && (row->by == BEARER || row->by == EITHER);
}

/* The authorisation table first; then what it cannot know: whose part this very obligation is. */
static enum mst_code may(const struct mst_core *core, const struct mst_slot *slot,
                         const struct row *row, const struct mst_move *move)
{
    const struct mst_obligation *o = &slot->o;
    struct mst_actor actor = {
        .principal = move->actor.name,
        .roles = move->actor.roles,
        .unit = move->actor.unit,
    };
    struct mst_target target = {.unit = o->bearer, .group = o->group};
    bool bears = move->actor.unit && strcmp(move->actor.unit, o->bearer) == 0;
    if (row->by == BEARER)
        return bears ? MST_OK : MST_R_NOT_BEARER;
    if (row->by == EITHER && bears)
        return MST_OK;
    if (row->by == DESK)
        return o->bearer[0]                                             ? MST_R_NOT_BEARER
               : mst_authz(core->programme, &actor, row->word, &target) ? MST_OK
                                                                        : MST_E_DENIED;
    if (bears)
        return MST_R_CONFLICT_OF_INTEREST;
    if (!mst_authz(core->programme, &actor, row->word, &target))
        return MST_E_DENIED;
    /* A lead urges any of its members, but judges only what is owed to itself. */
    if (move->actor.unit && strcmp(row->word, "urge") != 0 &&
        strcmp(move->actor.unit, o->counterpart) != 0)
        return MST_E_DENIED;
    if (o->director && !(move->actor.roles & MST_ROLE_DIRECTOR))
        return MST_R_CONFLICT_OF_INTEREST;
    return MST_OK;
}

/* What a lock does not keep out: what ends it, and names, which the office needs even late. */
static bool of_a_locked(const struct row *row, const struct mst_move *move)
{
    static const char *const words[] = {"unlock", "waive", "supersede", "cancel"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(row->word, words[i]) == 0)
            return true;
    }
    return row->by == EITHER && !move->actor.unit;
}

static enum mst_code possible(const struct mst_slot *slot, const struct row *row,
                              const struct mst_move *move)
{
    const struct mst_obligation *o = &slot->o;
    unsigned from = row->from | (row->review == BEGINS ? IN(SUBMITTED) : 0u);
    if (o->work == MST_WORK_NOT_APPLICABLE)
        return MST_R_NOT_APPLICABLE;
    if (!(from & (1u << o->work)))
        return MST_R_STATE;
    if (o->locked && mst_obligation_ball_with_bearer(o) && !of_a_locked(row, move))
        return MST_R_LOCKED;
    if (row->reason == NEEDED && (!move->reason.data || move->reason.len == 0))
        return MST_R_REASON;
    return MST_OK;
}

enum mst_code mst_move_apply(struct mst_step *s, struct mst_slot *slot, const char *event,
                             struct mst_move *move)
{
    const struct row *row = row_of(event);
    if (!row) {
        move->refused = event;
        return MST_E_UNKNOWN;
    }
    enum mst_code code = may(s->core, slot, row, move);
    if (code == MST_OK)
        code = possible(slot, row, move);
    if (code != MST_OK || !mst_step_touch(s, slot))
        return code;
    /* The event's guards speak before its first change, so the implied review is undone by them. */
    struct mst_obligation before = slot->o;
    size_t effects = s->core->pending.count;
    if (row->review == BEGINS && slot->o.work == MST_WORK_SUBMITTED)
        (void)mst_event_review(s, slot, move);
    code = row->happen(s, slot, move);
    if (code != MST_OK) {
        slot->o = before;
        mst_effects_drop(&s->core->pending, effects);
    } else {
        mst_tasks_follow(s, slot, move->actor.name);
    }
    mst_step_schedule(s, slot);
    return code;
}
