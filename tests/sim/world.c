/* SPDX-License-Identifier: Apache-2.0 */
/* Drives the core, one input at a time, and keeps what came of it. Decides nothing about it. */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pack.h"

void *world_grown(void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap ? *cap * 2 : 64;
    items = realloc(items, *cap * size);
    if (!items)
        abort();
    return items;
}

void world_init(struct world *w, struct mst_programme *programme, struct mst_programme *told)
{
    *w = (struct world){.programme = programme, .told = told};
    w->now = mst_zone_midnight(programme->zone, programme->issued);
    w->core = mst_core_new(told, w->now);
    if (!w->core)
        abort();
}

void world_done(struct world *w)
{
    mst_core_free(w->core);
    mst_effects_done(&w->effects);
    mst_programme_unref(w->programme);
    mst_programme_unref(w->told);
    check_done(w);
    free(w->alerts);
    free(w->moves);
    free(w->items);
    free(w->grants);
}

bool world_fault(struct world *w, const char *fmt, ...)
{
    if (w->fault[0])
        return false;
    w->fault_kind = fmt;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->fault, sizeof w->fault, fmt, ap);
    va_end(ap);
    return false;
}

char *world_instant(const struct world *w, mst_time at, char *buf)
{
    if (at == MST_NEVER)
        return strcpy(buf, "never");
    return mst_zone_format(w->programme->zone, at, buf);
}

/* ---- the digest of all effects ---- */

static void mix(struct world *w, const void *data, size_t len)
{
    struct mst_slice parts[] = {mst_bytes(w->digest, sizeof w->digest), mst_bytes(data, len)};
    uint8_t digest[MST_HASH_BYTES];
    mst_hash(parts, 2, digest);
    memcpy(w->digest, digest, sizeof digest);
}

static void digest_effect(struct world *w, const struct mst_effect *e, struct mst_buf *scratch)
{
    mst_buf_clear(scratch);
    switch (e->kind) {
    case MST_EFFECT_OBLIGATION:
        mst_obligation_pack(e->u.obligation, scratch);
        mix(w, scratch->data, scratch->len);
        break;
    case MST_EFFECT_TRANSITION:
        mix(w, e->u.transition, sizeof *e->u.transition);
        break;
    case MST_EFFECT_ITEM:
        mst_item_pack(e->u.item, scratch);
        mix(w, scratch->data, scratch->len);
        break;
    case MST_EFFECT_ITEM_MOVE:
        mix(w, e->u.item_move, sizeof *e->u.item_move);
        break;
    case MST_EFFECT_ALERT:
        mix(w, e->u.alert, sizeof *e->u.alert);
        break;
    case MST_EFFECT_STATE:
        mst_core_state_pack(w->core, scratch);
        mix(w, scratch->data, scratch->len);
        break;
    case MST_EFFECT_ACCEPTED:
        mix(w, "accepted", 8);
        break;
    case MST_EFFECT_REFUSED:
        mix(w, e->u.refused.subject, strlen(e->u.refused.subject));
        break;
    }
}

static void log_effect(struct world *w, const struct mst_effect *e)
{
    if (e->kind == MST_EFFECT_ACCEPTED) {
        w->answer = MST_OK;
        w->subject[0] = '\0';
    } else if (e->kind == MST_EFFECT_REFUSED) {
        w->answer = e->u.refused.code;
        memcpy(w->subject, e->u.refused.subject, sizeof w->subject);
    }
    if (!w->keep_log)
        return;
    if (e->kind == MST_EFFECT_ALERT) {
        w->alerts = world_grown(w->alerts, w->alerts_count, &w->alerts_cap, sizeof *w->alerts);
        w->alerts[w->alerts_count++] = (struct logged_alert){.alert = *e->u.alert};
    } else if (e->kind == MST_EFFECT_TRANSITION) {
        w->moves = world_grown(w->moves, w->moves_count, &w->moves_cap, sizeof *w->moves);
        struct logged_move *m = &w->moves[w->moves_count++];
        memcpy(m->obligation, e->u.transition->obligation, sizeof m->obligation);
        memcpy(m->event, e->u.transition->event, sizeof m->event);
    }
}

static void print_effect(const struct world *w, const struct mst_effect *e)
{
    char now[MST_INSTANT_TEXT_MAX];
    world_instant(w, w->now, now);
    if (e->kind == MST_EFFECT_TRANSITION)
        printf("%s  %s by %s: %s -> %s %s\n", now, e->u.transition->event, e->u.transition->actor,
               e->u.transition->obligation, mst_work_word(e->u.transition->to),
               mst_verdict_word(e->u.transition->verdict));
    else if (e->kind == MST_EFFECT_ALERT)
        printf("%s    %s to %s as %s: %s rung %u revision %u missed %u\n", now, e->u.alert->kind,
               e->u.alert->audience, e->u.alert->role, e->u.alert->obligation, e->u.alert->rung,
               e->u.alert->revision, e->u.alert->missed);
    else if (e->kind == MST_EFFECT_REFUSED)
        printf("%s  refused: %s: %s\n", now, mst_code_word(e->u.refused.code),
               e->u.refused.subject);
}

/* ---- steps ---- */

/* Sometimes, as a step that runs out of memory at one place after another until it gets through.
 * What it leaves behind is seen in the digest: a step that failed has to have changed nothing, the
 * instant that comes next among it. */
static int step(struct world *w, const struct mst_input *input, struct mst_err *err)
{
    unsigned long allocations = 0;
    mst_time due = mst_core_next_due(w->core);
    bool starves = w->starve && random_below(&w->starve, 5) == 0;
    int r;
    do {
        mst_effects_clear(&w->effects);
        if (starves)
            starve_after(allocations += 1 + (unsigned long)random_below(&w->starve, 9));
        r = mst_core_step(w->core, input, &w->effects, err);
        starve_after(0);
        if (r == MST_E_NOMEM && mst_core_next_due(w->core) != due)
            return mst_fail_on(err, MST_E_INTERNAL, "a failed step has moved what is due");
    } while (starves && r == MST_E_NOMEM && w->effects.count == 0);
    return r;
}

bool world_step(struct world *w, const struct mst_input *input)
{
    struct mst_err err = {0};
    struct mst_buf scratch = {0};
    int r = step(w, input, &err);
    if (r)
        return world_fault(w, "the step failed: %s: %s", mst_code_word(r), err.text);
    w->now = input->now;
    mutant_spoil(w);
    for (size_t i = 0; i < w->effects.count; i++) {
        digest_effect(w, &w->effects.items[i], &scratch);
        log_effect(w, &w->effects.items[i]);
        if (w->trace)
            print_effect(w, &w->effects.items[i]);
    }
    mst_buf_done(&scratch);
    return check_step(w, input);
}

bool world_jump(struct world *w, mst_time to)
{
    struct mst_input tick = {.kind = MST_INPUT_TICK, .now = to};
    return world_step(w, &tick);
}

bool world_advance(struct world *w, mst_time to)
{
    for (;;) {
        mst_time next = mst_core_next_due(w->core);
        if (next > to)
            return world_jump(w, to);
        if (!world_jump(w, next > w->now ? next : w->now))
            return false;
    }
}

bool world_down(struct world *w, mst_time from, mst_time to)
{
    struct mst_input down = {.kind = MST_INPUT_DOWN, .now = to, .u.down_from = from};
    /* As the broker stores them: the latest ones. Since when an agent could have been heard hangs
     * on the very last, so it is the oldest that makes room. */
    if (w->downs_count == DOWNS_KEPT) {
        memmove(w->downs, w->downs + 1, (DOWNS_KEPT - 1) * sizeof w->downs[0]);
        w->downs_count--;
    }
    w->downs[w->downs_count].from = from;
    w->downs[w->downs_count++].to = to;
    return world_step(w, &down);
}

bool world_reload(struct world *w, struct mst_programme *programme, struct mst_programme *told)
{
    struct mst_input change = {.kind = MST_INPUT_PROGRAMME, .now = w->now, .u.programme = told};
    struct mst_programme *old = w->programme, *old_told = w->told;
    w->programme = programme;
    w->told = told;
    bool held = world_step(w, &change);
    mst_programme_unref(old);
    mst_programme_unref(old_told);
    return held;
}

static bool copy_over(struct world *w, struct mst_core *fresh, const struct mst_obligation *o)
{
    struct mst_obligation copy;
    struct mst_buf bytes = {0};
    struct mst_err err = {0};
    mst_obligation_pack(o, &bytes);
    int r = mst_obligation_unpack(mst_bytes(bytes.data, bytes.len), &copy, &err);
    if (!r)
        r = mst_core_restore(fresh, &copy, &err);
    mst_buf_done(&bytes);
    return r == 0 || world_fault(w, "cannot restore %s: %s", o->id, err.text);
}

static bool copy_item(struct world *w, struct mst_core *fresh, const struct mst_item *item)
{
    struct mst_item copy;
    struct mst_buf bytes = {0};
    struct mst_err err = {0};
    mst_item_pack(item, &bytes);
    int r = mst_item_unpack(mst_bytes(bytes.data, bytes.len), &copy, &err);
    if (!r)
        r = mst_core_restore_item(fresh, &copy, &err);
    mst_buf_done(&bytes);
    return r == 0 || world_fault(w, "cannot restore %s: %s", item->id, err.text);
}

static bool copy_state(struct world *w, struct mst_core *fresh)
{
    struct mst_buf bytes = {0};
    struct mst_err err = {0};
    mst_core_state_pack(w->core, &bytes);
    int r = mst_core_restore_state(fresh, mst_bytes(bytes.data, bytes.len), &err);
    mst_buf_done(&bytes);
    return r == 0 || world_fault(w, "cannot restore the state: %s", err.text);
}

static size_t common_factor(size_t a, size_t b)
{
    while (b) {
        size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

bool world_restart(struct world *w, uint64_t shuffle)
{
    struct mst_core *fresh = mst_core_new(w->told, w->now);
    size_t count = mst_core_count(w->core);
    bool held = fresh != NULL;
    /* Any order will do; the broker's is by id. A stride that shares no factor visits them all. */
    size_t stride = count > 2 ? (size_t)(shuffle % (count - 1)) + 1 : 1;
    while (common_factor(stride, count) > 1)
        stride++;
    for (size_t i = 0, at = 0; held && i < count; i++, at = (at + stride) % count)
        held = copy_over(w, fresh, mst_core_at(w->core, at));
    for (size_t i = mst_core_items(w->core); held && i > 0; i--)
        held = copy_item(w, fresh, mst_core_item_at(w->core, i - 1));
    mst_core_restore_now(fresh, w->now);
    held = held && (w->mutant == MUTANT_RESTART_FORGETS || copy_state(w, fresh));
    for (size_t i = 0; i < w->downs_count; i++)
        mst_core_restore_down(fresh, w->downs[i].from, w->downs[i].to);
    mst_core_free(w->core);
    w->core = fresh;
    return held;
}

/* ---- inputs in words ---- */

bool world_heard(struct world *w, const char *unit)
{
    size_t at = 0;
    while (at < w->heard_count && strcmp(w->heard[at].unit, unit) != 0)
        at++;
    if (at == HEARD_MAX)
        return true;
    snprintf(w->heard[at].unit, sizeof w->heard[at].unit, "%s", unit);
    w->heard[at].at = w->now;
    w->heard_count = at == w->heard_count ? at + 1 : w->heard_count;
    return true;
}

bool world_contacts(struct world *w)
{
    struct mst_contact_fact facts[HEARD_MAX];
    for (size_t i = 0; i < w->heard_count; i++)
        facts[i] = (struct mst_contact_fact){w->heard[i].unit, w->heard[i].at};
    struct mst_input input = {
        .kind = MST_INPUT_CONTACTS, .now = w->now, .u.contacts = {facts, w->heard_count}};
    return world_step(w, &input);
}

/* By the duty's form, where it has one; else something in words. */
static void pack_body(const struct world *w, const struct report_words *words, struct mst_buf *body)
{
    const struct mst_programme *p = w->programme;
    const struct mst_obligation *o =
        words->obligation ? mst_core_find(w->core, words->obligation) : NULL;
    const char *name = o ? o->duty : words->duty;
    size_t duty = name ? mst_programme_duty(p, name) : SIZE_MAX;
    const struct mst_form *form = duty == SIZE_MAX ? NULL : p->duties[duty].form;
    size_t unit = mst_programme_unit(p, words->unit);
    struct mst_form_names names =
        mst_programme_names(p, unit == SIZE_MAX ? SIZE_MAX : mst_programme_group_of(p, unit));
    if (strcmp(words->act, "submit") == 0 && form && words->body_count) {
        body_said(body, form, words->body, words->body_count);
    } else if (strcmp(words->act, "submit") == 0 && form) {
        body_right(body, &names, form);
    } else if (strcmp(words->act, "raise") == 0) {
        mst_pack_map(body, 0); /* it has a form of its own: what more there is */
    } else {
        mst_pack_map(body, 1 + (words->until ? 1u : 0u) + words->body_count);
        body_pairs(body, &(struct word_pair){"summary", "as planned"}, 1);
        if (words->until)
            body_pairs(body, &(struct word_pair){"until", words->until}, 1);
        body_pairs(body, words->body, words->body_count);
    }
}

/* With the pairs that are packed already. */
static void join_more(const struct report_words *words, struct mst_buf *body)
{
    struct mst_buf whole = {0};
    struct mst_unpack u;
    struct mst_value head;
    mst_unpack_init(&u, body->data, body->len);
    if (!mst_unpack_next(&u, &head))
        abort();
    mst_pack_map(&whole, head.count + words->more_count);
    mst_buf_put(&whole, u.at, (size_t)(u.end - u.at));
    if (words->more.data)
        mst_buf_put(&whole, words->more.data, words->more.len);
    mst_buf_done(body);
    *body = whole;
}

bool world_report(struct world *w, const struct report_words *words)
{
    struct mst_buf body = {0};
    pack_body(w, words, &body);
    tasks_join(w, words, &body);
    join_more(words, &body);
    struct mst_msg_report report = {
        .act = mst_text(words->act),
        .unit = mst_text(words->unit),
        .at = (uint64_t)(words->queued ? words->queued : w->now),
        .duty = mst_text(words->duty),
        .period = mst_text(words->period),
        .obligation = mst_text(words->obligation),
        .reason = mst_text(words->reason),
        .body = words->empty ? mst_text(NULL) : mst_bytes(body.data, body.len),
    };
    struct mst_input input = {
        .kind = MST_INPUT_REPORT,
        .now = w->now,
        .u.report = {.unit = words->unit, .report = &report, .row = ++w->row},
    };
    bool held = world_step(w, &input);
    mst_buf_done(&body);
    return held;
}

bool world_act(struct world *w, const struct act_words *words)
{
    struct mst_buf body = {0};
    mst_pack_map(&body, words->body_count);
    body_pairs(&body, words->body, words->body_count);
    struct mst_input input = {
        .kind = MST_INPUT_ACT,
        .now = w->now,
        .u.act = {.actor = words->actor,
                  .roles = words->roles,
                  .act = words->act,
                  .obligation = words->obligation,
                  .reason = words->reason,
                  .number = words->number,
                  .successor = words->successor,
                  .body = words->body_count ? mst_bytes(body.data, body.len) : mst_text(NULL),
                  .until = words->until,
                  .override = words->override},
    };
    bool held = world_step(w, &input);
    mst_buf_done(&body);
    if (held && w->answer == MST_OK)
        check_grant_act(w, words);
    return held && check_grants(w);
}
