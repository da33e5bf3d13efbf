/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold after every step, whatever the input was. The checker follows the effects alone,
 * as somebody would who only reads the ledger, and compares them with the core's own word.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/assess.h"
#include "tests/sim/world.h"

/* ---- what is known of an obligation ---- */

static uint64_t hash_text(const char *s)
{
    uint64_t h = 14695981039346656037u;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

static void grow_shadows(struct shadows *all)
{
    if ((all->count + 1) * 2 <= all->slots_cap && all->count < all->cap)
        return;
    all->cap = all->cap ? all->cap * 2 : 256;
    all->slots_cap = all->cap * 4;
    all->items = realloc(all->items, all->cap * sizeof *all->items);
    free(all->slots);
    all->slots = calloc(all->slots_cap, sizeof *all->slots);
    if (!all->items || !all->slots)
        abort();
    for (size_t i = 0; i < all->count; i++) {
        size_t at = (size_t)hash_text(all->items[i].id) & (all->slots_cap - 1);
        while (all->slots[at])
            at = (at + 1) & (all->slots_cap - 1);
        all->slots[at] = (uint32_t)i + 1;
    }
}

static struct shadow *shadow_of(struct world *w, const char *id, bool add)
{
    struct shadows *all = &w->shadows;
    grow_shadows(all);
    size_t at = (size_t)hash_text(id) & (all->slots_cap - 1);
    for (; all->slots[at]; at = (at + 1) & (all->slots_cap - 1)) {
        if (strcmp(all->items[all->slots[at] - 1].id, id) == 0)
            return &all->items[all->slots[at] - 1];
    }
    if (!add)
        return NULL;
    struct shadow *s = &all->items[all->count++];
    *s = (struct shadow){0};
    snprintf(s->id, sizeof s->id, "%s", id);
    all->slots[at] = (uint32_t)all->count;
    return s;
}

static bool ball_with_bearer(const struct shadow *s)
{
    return (s->work == MST_WORK_AWAITING || s->work == MST_WORK_RETURNED) && !s->locked;
}

void check_done(struct world *w)
{
    free(w->shadows.items);
    free(w->shadows.slots);
    free(w->alert_ids);
}

/* ---- alerts ---- */

static bool is_phase_kind(const char *kind)
{
    return strcmp(kind, "reminder") == 0 || strcmp(kind, "overdue") == 0 ||
           strcmp(kind, "escalation") == 0 || strcmp(kind, "nag") == 0;
}

static const uint8_t no_id[MST_DIGEST_BYTES];

static size_t id_slot(const struct world *w, const uint8_t *id)
{
    uint64_t h;
    memcpy(&h, id, sizeof h);
    size_t at = (size_t)h & (w->alert_ids_cap - 1);
    while (memcmp(w->alert_ids[at], no_id, sizeof no_id) != 0 &&
           memcmp(w->alert_ids[at], id, sizeof no_id) != 0)
        at = (at + 1) & (w->alert_ids_cap - 1);
    return at;
}

static void grow_ids(struct world *w)
{
    if ((w->alert_ids_count + 1) * 2 <= w->alert_ids_cap)
        return;
    uint8_t(*old)[MST_DIGEST_BYTES] = w->alert_ids;
    size_t old_cap = w->alert_ids_cap;
    w->alert_ids_cap = old_cap ? old_cap * 2 : 1024;
    w->alert_ids = calloc(w->alert_ids_cap, sizeof *w->alert_ids);
    if (!w->alert_ids)
        abort();
    for (size_t i = 0; i < old_cap; i++) {
        if (memcmp(old[i], no_id, sizeof no_id) != 0)
            memcpy(w->alert_ids[id_slot(w, old[i])], old[i], sizeof no_id);
    }
    free(old);
}

/* About an agent or the path, and no obligation. */
static bool is_operational(const struct mst_alert *a)
{
    return a->obligation[0] == '\0';
}

/* Which kind an alert is about that names an item: "task/g1-03"; MST_ITEM_KINDS: an obligation.
 * Fired at once, or at the instant at which a difficulty has become old. */
static enum mst_item_kind item_kind_of(const struct mst_alert *a)
{
    int kind = 0;
    for (; kind < MST_ITEM_KINDS; kind++) {
        const char *word = mst_item_kind_word((enum mst_item_kind)kind);
        size_t len = strlen(word);
        if (strncmp(a->obligation, word, len) == 0 && a->obligation[len] == '/')
            break;
    }
    return (enum mst_item_kind)kind;
}

static bool is_of_item(const struct mst_alert *a)
{
    return item_kind_of(a) != MST_ITEM_KINDS;
}

static bool has_item(const struct world *w, const struct mst_alert *a)
{
    return mst_core_item(w->core, item_kind_of(a), strchr(a->obligation, '/') + 1);
}

static bool check_alert_id(struct world *w, const struct mst_alert *a)
{
    uint8_t id[MST_DIGEST_BYTES];
    char about[MST_OBLIGATION_ID_MAX + MST_ID_MAX];
    snprintf(about, sizeof about, "%s%s", is_operational(a) ? "agent/" : a->obligation,
             is_operational(a) ? a->bearer : "");
    mst_alert_id(about, a->revision, a->rung, a->occurrence, a->audience, id);
    if (memcmp(id, a->id, sizeof id) != 0)
        return world_fault(w, "%s: the id of %s to %s is not that of its fields", a->obligation,
                           a->kind, a->audience);
    grow_ids(w);
    size_t at = id_slot(w, a->id);
    if (memcmp(w->alert_ids[at], a->id, sizeof id) == 0)
        return world_fault(w, "%s: %s to %s was sent twice (rung %u, occurrence %u)", a->obligation,
                           a->kind, a->audience, a->rung, a->occurrence);
    memcpy(w->alert_ids[at], a->id, sizeof id);
    w->alert_ids_count++;
    return true;
}

#define TO(audience) (1u << MST_AUDIENCE_##audience)

static const struct mst_ladder *ladder_of(const struct world *w, const struct mst_obligation *o)
{
    size_t duty = mst_programme_duty(w->programme, o->duty);
    return duty == SIZE_MAX ? NULL : &w->programme->ladders[w->programme->duties[duty].ladder];
}

/* The instant of a rung for the deadline that the bearer runs towards, worked out here anew. */
static mst_time rung_instant(const struct world *w, const struct mst_obligation *o,
                             const struct mst_rung *rung, uint32_t repeat)
{
    bool correcting =
        o->work == MST_WORK_RETURNED ||
        (o->kind == MST_DUTY_POST && o->verdict != MST_VERDICT_NONE && o->correction_due != 0);
    mst_time until = correcting ? o->correction_due : o->grace_until;
    mst_day day = correcting ? mst_zone_day(w->programme->zone, until - 1) : o->due_day;
    mst_time at = mst_schedule_rung(w->programme, rung, day, until, (int)repeat);
    return at < o->opens ? o->opens : at;
}

static bool check_phase_alert(struct world *w, const struct mst_alert *a, struct shadow *s)
{
    const struct mst_obligation *o = mst_core_find(w->core, a->obligation);
    if (mst_core_silenced(w->core, o, w->now) && w->input != MST_INPUT_ACT)
        return world_fault(w, "%s: %s to %s although it is silenced", a->obligation, a->kind,
                           a->audience);
    const struct mst_ladder *ladder = ladder_of(w, o);
    char is[MST_INSTANT_TEXT_MAX], should[MST_INSTANT_TEXT_MAX];
    /* A reload may make a rung and the lock due at once; its transitions come before its alerts. */
    if (!ball_with_bearer(s) && w->input != MST_INPUT_PROGRAMME)
        return world_fault(w, "%s: %s to %s while %s%s", a->obligation, a->kind, a->audience,
                           mst_work_word(s->work), s->locked ? " (locked)" : "");
    if (a->occurrence > 0)
        s->nags = a->occurrence;
    /* An empty rung passes its instant on to the next. */
    uint32_t from = a->rung;
    while (ladder && from > 0 && !a->occurrence && !a->missed && !(s->told & (1u << (from - 1))) &&
           rung_instant(w, o, &ladder->rungs[from], 0) != a->instant)
        from--;
    for (uint32_t r = from - (a->occurrence ? 0 : a->missed); r <= a->rung; r++)
        s->told |= 1u << r;
    /* Its deadline can be worked out again only while its clock is the current one, and by the
     * calendar of then. */
    if (!ladder || w->input == MST_INPUT_PROGRAMME || a->rung >= ladder->rungs_count ||
        o->clock != a->revision || !mst_obligation_ball_with_bearer(o))
        return true;
    mst_time at = rung_instant(w, o, &ladder->rungs[from], a->occurrence);
    if (at != a->instant)
        return world_fault(w, "%s: %s of rung %u is about %s, but should be about %s",
                           a->obligation, a->kind, a->rung, world_instant(w, a->instant, is),
                           world_instant(w, at, should));
    return true;
}

/* As the broker numbers them. */
static bool check_number(struct world *w, uint64_t number)
{
    uint64_t last = w->alert_number;
    w->alert_number = number;
    return number == last + 1 || world_fault(w, "alert %llu comes after alert %llu",
                                             (unsigned long long)number, (unsigned long long)last);
}

static bool check_alert(struct world *w, const struct mst_alert *a)
{
    bool lost = w->mutant == MUTANT_NUMBER_LOST && a->rung == 2;
    if (!check_number(w, w->alert_number + (lost ? 2 : 1)))
        return false;
    if (is_operational(a))
        return check_alert_id(w, a);
    if (is_of_item(a) && (a->fired != w->now || a->instant > a->fired || !has_item(w, a)))
        return world_fault(w, "%s: %s about nothing, or not now", a->obligation, a->kind);
    if (is_of_item(a))
        return check_alert_id(w, a);
    struct shadow *s = shadow_of(w, a->obligation, false);
    if (!s)
        return world_fault(w, "%s: an alert without an obligation", a->obligation);
    if (a->fired != w->now || a->instant > a->fired)
        return world_fault(w, "%s: %s fired before its instant, or not now", a->obligation,
                           a->kind);
    if (!check_alert_id(w, a))
        return false;
    if (a->revision != s->clock) {
        s->clock = a->revision;
        s->clock_start = w->now;
        s->told = 0;
        s->nags = 0;
    }
    return !is_phase_kind(a->kind) || check_phase_alert(w, a, s);
}

/* ---- transitions and snapshots ---- */

/* It stands for another unit's obligation about the same thing, whose reminders are behind it even
 * where it opens at this very instant. */
static bool takes_over(const struct world *w, const struct mst_obligation *o)
{
    for (size_t i = 0; o->subject[0] && i < mst_core_count(w->core); i++) {
        const struct mst_obligation *other = mst_core_at(w->core, i);
        if (other != o && strcmp(other->duty, o->duty) == 0 &&
            strcmp(other->subject, o->subject) == 0)
            return true;
    }
    return false;
}

static bool check_transition(struct world *w, const struct mst_transition *t)
{
    bool is_new = strcmp(t->event, "materialise") == 0;
    if (is_new && shadow_of(w, t->obligation, false))
        return world_fault(w, "%s: materialised twice", t->obligation);
    struct shadow *s = shadow_of(w, t->obligation, is_new);
    if (!s)
        return world_fault(w, "%s: %s of what was never materialised", t->obligation, t->event);
    /* What a successor takes over begins with what comes after. */
    if (is_new) {
        const struct mst_obligation *o = mst_core_find(w->core, t->obligation);
        s->clock_start = t->instant - (o->opens < t->instant || takes_over(w, o) ? 0 : 1);
    }
    if (t->from != s->work)
        return world_fault(w, "%s: %s goes from %s, but it was %s", t->obligation, t->event,
                           mst_work_word(t->from), mst_work_word(s->work));
    if (t->verdict != MST_VERDICT_NONE && s->verdict != MST_VERDICT_NONE)
        return world_fault(w, "%s: %s writes the verdict %s over %s", t->obligation, t->event,
                           mst_verdict_word(t->verdict), mst_verdict_word(s->verdict));
    if (t->instant > w->now)
        return world_fault(w, "%s: %s in the future", t->obligation, t->event);
    if (t->verdict != MST_VERDICT_NONE)
        s->verdict = t->verdict;
    if (strcmp(t->event, "annul") == 0)
        s->verdict = MST_VERDICT_NONE;
    if (strcmp(t->event, "lock") == 0)
        s->locked = true;
    if (strcmp(t->event, "unlock") == 0) {
        s->locked = false;
        s->clock_start = t->instant; /* what passed while it was locked is nobody's concern */
    }
    s->work = t->to;
    return true;
}

/* Down at this instant, and back for no more than an hour. */
static bool was_down(const struct world *w, mst_time instant)
{
    for (size_t i = 0; i < w->downs_count; i++) {
        if (w->downs[i].from <= instant && instant < w->downs[i].to &&
            w->now <= w->downs[i].to + 3600000)
            return true;
    }
    return false;
}

static bool check_verdict(struct world *w, const struct mst_obligation *o)
{
    mst_time at = o->decided_at;
    bool right = true;
    /* Only what was stamped in this step can be worked out again: dates move later on. */
    if (o->versions_count == 0 || at != w->now || o->changed_at != w->now || o->returns > 0)
        return true;
    switch (o->verdict) {
    case MST_VERDICT_ON_TIME:
        right = at < o->due;
        break;
    case MST_VERDICT_ON_TIME_ATTESTED:
        right = at >= o->due && was_down(w, o->due);
        break;
    case MST_VERDICT_IN_GRACE:
        right = at >= o->due && (at < o->grace_until || was_down(w, o->grace_until));
        break;
    case MST_VERDICT_LATE:
        right = at >= o->grace_until && o->days_late >= 1;
        break;
    case MST_VERDICT_NONE:
    case MST_VERDICT_MISSING:
    case MST_VERDICTS:
        break;
    }
    return right || world_fault(w, "%s: submitted now, it cannot be %s", o->id,
                                mst_verdict_word(o->verdict));
}

static bool check_obligation(struct world *w, const struct mst_obligation *o)
{
    if (o->due != mst_zone_midnight(w->programme->zone, o->due_day + 1))
        return world_fault(w, "%s: due at another instant than the midnight that ends the day",
                           o->id);
    if (o->due > o->grace_until || o->grace_until > o->locks)
        return world_fault(w, "%s: due, grace and lock are out of order", o->id);
    if (o->returns > o->versions_count)
        return world_fault(w, "%s: returned more often than submitted", o->id);
    if (mst_core_find(w->core, o->id) != o)
        return world_fault(w, "%s: stored twice, or not to be found", o->id);
    return check_verdict(w, o);
}

/* Whether every rung that has passed since the clock began was told, or stood for by a later one.
 */
static bool check_ladder(struct world *w, const struct mst_obligation *o, const struct shadow *s)
{
    const struct mst_ladder *ladder = ladder_of(w, o);
    char at_text[MST_INSTANT_TEXT_MAX];
    if (!ladder || !ball_with_bearer(s) || s->clock != o->clock)
        return true;
    /* These are always there; a rung for the others alone may have nobody to tell. */
    const uint32_t always = TO(CLERK) | TO(COUNTERPART) | TO(OFFICE) | TO(DIRECTOR);
    for (uint32_t r = 0; r < ladder->rungs_count; r++) {
        if (!(ladder->rungs[r].to & always))
            continue;
        mst_time at = rung_instant(w, o, &ladder->rungs[r], 0);
        if (at > s->clock_start && at <= w->now && at < o->locks && !(s->told & (1u << r)) &&
            o->due_revision == 0)
            return world_fault(w, "%s: nobody was told of rung %u at %s", o->id, r,
                               world_instant(w, at, at_text));
    }
    return true;
}

static bool check_against_shadow(struct world *w, const struct mst_obligation *o)
{
    struct shadow *s = shadow_of(w, o->id, false);
    if (!s)
        return world_fault(w, "%s: a snapshot without a transition", o->id);
    if (s->work != o->work || s->verdict != o->verdict || s->locked != o->locked)
        return world_fault(w, "%s: transitions say %s \"%s\", the snapshot %s \"%s\"", o->id,
                           mst_work_word(s->work), mst_verdict_word(s->verdict),
                           mst_work_word(o->work), mst_verdict_word(o->verdict));
    if (s->clock != o->clock) {
        s->clock = o->clock;
        s->clock_start = w->now;
        s->told = 0;
        s->nags = 0;
    }
    if (mst_core_silenced(w->core, o, w->now))
        s->told |= (1u << o->rung_next) - 1; /* passed, and rightly told to nobody */
    return check_ladder(w, o, s);
}

/* ---- the step ---- */

static bool check_order(struct world *w, const struct mst_input *input)
{
    size_t answers = 0;
    bool snapshots_over = false;
    for (size_t i = 0; i < w->effects.count; i++) {
        enum mst_effect_kind kind = w->effects.items[i].kind;
        bool snapshot = kind == MST_EFFECT_OBLIGATION || kind == MST_EFFECT_ITEM;
        if (snapshot && snapshots_over)
            return world_fault(w, "a snapshot comes after what mentions it");
        snapshots_over |= !snapshot && kind != MST_EFFECT_STATE;
        if (kind == MST_EFFECT_ACCEPTED || kind == MST_EFFECT_REFUSED)
            answers++;
        if (answers && (kind == MST_EFFECT_TRANSITION || kind == MST_EFFECT_ITEM_MOVE))
            return world_fault(w, "a transition comes after the answer that promises it");
    }
    bool asks = input->kind == MST_INPUT_REPORT || input->kind == MST_INPUT_ACT;
    return answers == (asks ? 1u : 0u) || world_fault(w, "%zu answers to one input", answers);
}

/* Another calendar puts rungs elsewhere; those that are behind the bearer stay there. */
static void forgive_passed_rungs(struct world *w)
{
    for (size_t i = 0; i < w->shadows.count; i++) {
        struct shadow *s = &w->shadows.items[i];
        s->told |= (1u << mst_core_find(w->core, s->id)->rung_next) - 1;
    }
}

bool check_step(struct world *w, const struct mst_input *input)
{
    w->input = input->kind;
    bool held = check_order(w, input);
    if (input->kind == MST_INPUT_PROGRAMME)
        forgive_passed_rungs(w);
    for (size_t i = 0; held && i < w->effects.count; i++) {
        const struct mst_effect *e = &w->effects.items[i];
        if (e->kind == MST_EFFECT_OBLIGATION)
            held = check_obligation(w, e->u.obligation);
        else if (e->kind == MST_EFFECT_TRANSITION)
            held = check_transition(w, e->u.transition);
        else if (e->kind == MST_EFFECT_ITEM_MOVE)
            held = check_item_move(w, e->u.item_move);
        else if (e->kind == MST_EFFECT_ALERT)
            held = check_alert(w, e->u.alert);
    }
    for (size_t i = 0; held && i < w->effects.count; i++) {
        if (w->effects.items[i].kind == MST_EFFECT_OBLIGATION)
            held = check_against_shadow(w, w->effects.items[i].u.obligation);
        else if (w->effects.items[i].kind == MST_EFFECT_ITEM)
            held = check_item(w, w->effects.items[i].u.item);
    }
    /* After an act it is looked at when the act has been noted. */
    if (held && input->kind != MST_INPUT_ACT && !check_grants(w))
        return false;
    if (held && mst_core_next_due(w->core) <= w->now)
        return world_fault(w, "something due was left undone");
    return held;
}

static bool adds_up(const struct mst_tally *t)
{
    return t->due == t->on_time + t->in_grace + t->late + t->missing + t->open &&
           t->attested <= t->on_time && t->rate_permille <= 1000;
}

bool check_assessment(struct world *w)
{
    struct mst_assess_query query = {.due_by = MST_NEVER,
                                     .by = MST_ASSESS_BY_DUTY | MST_ASSESS_BY_GROUP};
    struct mst_assessment a;
    struct mst_err err = {0};
    uint32_t all = 0;
    bool held = true;
    if (mst_assess(w->core, &query, &a, &err))
        return world_fault(w, "no assessment: %s", err.text);
    for (size_t i = 0; i < a.count; i++) {
        const struct mst_assess_row *row = &a.rows[i];
        all += row->all;
        if (!adds_up(&row->original) || !adds_up(&row->effective) ||
            row->all !=
                row->waived + row->not_applicable + row->left + row->not_due + row->effective.due)
            held =
                world_fault(w, "the assessment of %s in %s does not add up", row->duty, row->group);
    }
    mst_assessment_done(&a);
    return held && (all == mst_core_count(w->core) ||
                    world_fault(w, "the assessment does not count every obligation once"));
}

bool check_all(struct world *w)
{
    if (!check_assessment(w) || !check_signing(w) || !check_matters(w) || !check_grants(w))
        return false;
    bool held = true;
    size_t count = mst_core_count(w->core);
    if (count != w->shadows.count)
        return world_fault(w, "%zu obligations, but %zu were materialised", count,
                           w->shadows.count);
    for (size_t i = 0; held && i < count; i++) {
        const struct mst_obligation *o = mst_core_at(w->core, i);
        held = check_obligation(w, o) && check_against_shadow(w, o);
    }
    return held;
}
