/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Posts: names on record. An obligation has one post or several, each with an id; it is closed
 * while all of them are filled. Whoever is entered at a post that is taken follows its holder at
 * once; vacating one opens the obligation again with the clock of a correction, since the first
 * filling's verdict stands. Who held what, from when until when, stays in the record as far as
 * there is room; the ledger has it all.
 */
#include <stdio.h>
#include <string.h>

#include "broker/core/events.h"
#include "proto/pack.h"

/* ---- which post, and who ---- */

/* The duty's post that is named, by its id or by what people call it. False: it has no such post.
 */
static bool find_post(const struct mst_core *core, const struct mst_slot *slot, const char *named,
                      char id[MST_POST_MAX])
{
    const struct mst_duty *duty = mst_slot_duty(core, slot);
    const struct mst_post *post = mst_duty_post_by_name(duty, named);
    snprintf(id, MST_POST_MAX, "%s", post ? post->id : "");
    return duty && duty->posts_count ? post != NULL : !named[0];
}

/* A text of the body; false: longer than there is room for. */
static bool take(struct mst_slice body, const char *field, char *text, size_t size)
{
    struct mst_slice value = mst_unpack_text(body, field);
    if (value.data && value.len >= size)
        return false;
    mst_slice_copy(value, text, size);
    return true;
}

/* "body.post: WHAT: clerk, deputy, head": whoever is to name one has to know them. */
static const char *refuse_post(const struct mst_core *core, const struct mst_slot *slot,
                               const char *what, char field[MST_FIELD_SHOWN_MAX])
{
    const struct mst_duty *duty = mst_slot_duty(core, slot);
    size_t used = (size_t)snprintf(field, MST_FIELD_SHOWN_MAX, "body.post: %s", what);
    for (size_t i = 0; duty && i < duty->posts_count && used < MST_FIELD_SHOWN_MAX; i++)
        used += (size_t)snprintf(field + used, MST_FIELD_SHOWN_MAX - used, "%s%s", i ? ", " : ": ",
                                 duty->posts[i].id);
    return field;
}

static const char *read_holder(const struct mst_core *core, const struct mst_slot *slot,
                               struct mst_slice body, struct mst_holder *h,
                               char field[MST_FIELD_SHOWN_MAX])
{
    char post[MST_POST_NAME_MAX + 1] = "?"; /* what is too long to be one is none */
    if (!body.data)
        return "body: " N_("is missing");
    if (!take(body, "post", post, sizeof post) || !find_post(core, slot, post, h->post))
        return refuse_post(core, slot,
                           post[0] ? N_("is none of the duty's posts")
                                   : N_("which of the duty's posts must be said"),
                           field);
    if (!take(body, "name", h->name, sizeof h->name))
        return "body.name: " N_("is too long");
    if (!take(body, "phone", h->phone, sizeof h->phone))
        return "body.phone: " N_("is too long");
    return take(body, "address", h->address, sizeof h->address)
               ? NULL
               : "body.address: " N_("is too long");
}

static struct mst_holder *in_office(struct mst_obligation *o, const char *post)
{
    for (uint32_t i = 0; i < o->holders_count; i++) {
        if (o->holders[i].until == 0 && strcmp(o->holders[i].post, post) == 0)
            return &o->holders[i];
    }
    return NULL;
}

/* At most MST_POSTS_MAX are in office, so where there is no room somebody's time is over. */
static void enter(struct mst_obligation *o, const struct mst_holder *h)
{
    if (o->holders_count == MST_HOLDERS_MAX) {
        uint32_t oldest = 0;
        while (o->holders[oldest].until == 0)
            oldest++;
        memmove(&o->holders[oldest], &o->holders[oldest + 1],
                (MST_HOLDERS_MAX - oldest - 1) * sizeof *h);
        o->holders_count--;
    }
    o->holders[o->holders_count++] = *h;
}

/* ---- events ---- */

/*
 * Who, and at which post, for the ledger, unless the actor gave words of his own: "ID: WHO", or
 * where the programme names the post "post: CHINESE | ENGLISH: WHO", of which readers are shown
 * theirs.
 */
#define WORDS_MAX (2 * MST_POST_NAME_MAX + sizeof((struct mst_holder *)0)->name + 16)

static struct mst_slice words_for(const struct mst_step *s, const struct mst_slot *slot,
                                  const struct mst_move *move, const struct mst_holder *h,
                                  char text[WORDS_MAX])
{
    const struct mst_post *post = mst_duty_post(mst_slot_duty(s->core, slot), h->post);
    if (move->reason.data)
        return move->reason;
    if (post && (strcmp(post->name.zh, post->id) != 0 || strcmp(post->name.en, post->id) != 0))
        snprintf(text, WORDS_MAX, "post: %s | %s: %s", post->name.zh, post->name.en, h->name);
    else
        snprintf(text, WORDS_MAX, "%s%s%s", h->post, h->post[0] ? ": " : "", h->name);
    return mst_text(text);
}

enum mst_code mst_event_fill(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    struct mst_holder h;
    char text[WORDS_MAX];
    memset(&h, 0, sizeof h);
    if (o->kind != MST_DUTY_POST)
        return MST_R_STATE;
    move->refused = read_holder(s->core, slot, move->body, &h, move->field);
    if (!move->refused && !h.name[0])
        move->refused = "body.name: " N_("is missing");
    if (move->refused)
        return MST_R_FORM;
    struct mst_holder *before = in_office(o, h.post);
    if (before)
        before->until = s->now;
    else
        o->counted++;
    h.from = s->now;
    enter(o, &h);
    struct mst_move worded = *move;
    worded.reason = words_for(s, slot, move, &h, text);
    if (o->work == MST_WORK_CLOSED || o->counted < o->needed) {
        mst_happen_version(s, o, move->row);
        mst_emit_transition(s, slot, "fill", o->work, move->actor.name, worded.reason, s->now);
        return MST_OK;
    }
    if (o->locked) {
        /* The office came to it after all; the verdict stays missing. */
        o->locked = false;
        mst_emit_transition(s, slot, "unlock", o->work, move->actor.name, worded.reason, s->now);
    }
    mst_happen_settle(s, slot, &worded, "fill", MST_WORK_CLOSED);
    mst_happen_closed(s, slot, worded.reason);
    return MST_OK;
}

enum mst_code mst_event_vacate(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    struct mst_holder h;
    char text[WORDS_MAX];
    memset(&h, 0, sizeof h);
    if (o->kind != MST_DUTY_POST)
        return MST_R_STATE;
    /* Where there is one post only, nothing needs to be said. */
    if (move->body.data || mst_slot_duty(s->core, slot) == NULL)
        move->refused = read_holder(s->core, slot, move->body, &h, move->field);
    if (move->refused)
        return MST_R_FORM;
    struct mst_holder *holder = in_office(o, h.post);
    if (!holder)
        return MST_R_STATE;
    struct mst_slice words = words_for(s, slot, move, holder, text);
    bool reopens = o->work == MST_WORK_CLOSED;
    holder->until = s->now;
    o->counted--;
    o->closed_at = 0;
    mst_emit_transition(s, slot, "vacate", MST_WORK_AWAITING, move->actor.name, words, s->now);
    if (reopens) {
        mst_happen_correction(s, slot);
        mst_ladder_restart(s, slot, false);
    }
    mst_notice_send(s, slot, MST_NOTICE_VACATED, MST_TO(CLERK) | MST_TO(LEAD) | MST_TO(OFFICE),
                    words, s->now);
    return MST_OK;
}

/* ---- what a post gives a right to ---- */

static bool is_held(const struct mst_obligation *o)
{
    for (uint32_t i = 0; i < o->holders_count; i++) {
        if (o->holders[i].until == 0)
            return true;
    }
    return false;
}

struct mst_group_set mst_core_liaison(const struct mst_core *core, const char *unit)
{
    const struct mst_programme *p = core->programme;
    struct mst_group_set set = {{0}};
    for (size_t d = 0; d < p->duties_count; d++) {
        if (!p->duties[d].reads_group)
            continue;
        const struct mst_slot *slot =
            mst_table_by_key(&core->table, mst_text(p->duties[d].id), mst_text("once"), unit);
        while (slot) {
            if (slot->group < MST_LIAISON_GROUPS_MAX && slot->o.work != MST_WORK_SUPERSEDED &&
                slot->o.work != MST_WORK_CANCELLED && is_held(&slot->o))
                set.bits[slot->group / 64] |= UINT64_C(1) << slot->group % 64;
            slot = slot->same == MST_NONE ? NULL : mst_table_at(&core->table, slot->same);
        }
    }
    return set;
}
