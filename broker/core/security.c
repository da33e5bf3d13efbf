/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security events: told to the office's stream, which administrators read, too. Each kind is told
 * of a principal once, and again when it still goes on after the kind's period. What is told when
 * is decided here alone, by the row that the event leaves, so that a replay tells the same.
 */
#include <stdio.h>
#include <string.h>

#include "broker/core/inside.h"
#include "proto/seal.h"

static const mst_time hour_ms = 60 * 60 * 1000;

static const struct {
    const char *word;
    uint32_t rung, level, period_h;
} kinds[] = {
#define SECURITY(name, word, rung, level, period_h)                                                \
    [MST_SECURITY_##name] = {word, rung, level, period_h},
#include "broker/core/security.def"
#undef SECURITY
};

const char *mst_security_word(enum mst_security event)
{
    return kinds[event].word;
}

bool mst_security_of_word(struct mst_slice word, enum mst_security *ret_event)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (mst_slice_is(word, kinds[i].word)) {
            *ret_event = (enum mst_security)i;
            return true;
        }
    }
    return false;
}

static uint32_t find(const struct mst_state *state, enum mst_security event, const char *who)
{
    for (uint32_t i = 0; i < state->tolds_count; i++) {
        if (state->tolds[i].event == event && strcmp(state->tolds[i].who, who) == 0)
            return i;
    }
    return MST_NONE;
}

bool mst_core_security_due(const struct mst_core *core, enum mst_security event, const char *who,
                           mst_time now)
{
    uint32_t index = find(&core->state, event, who);
    return index == MST_NONE ||
           now - core->state.tolds[index].at >= kinds[event].period_h * hour_ms;
}

static uint32_t oldest(const struct mst_state *state)
{
    uint32_t index = 0;
    for (uint32_t i = 1; i < state->tolds_count; i++) {
        if (state->tolds[i].at < state->tolds[index].at)
            index = i;
    }
    return index;
}

/* Its place in the list; where that is full, the one that was told longest ago gives way. */
static void remember(struct mst_state *state, enum mst_security event, const char *who, mst_time at)
{
    uint32_t index = find(state, event, who);
    if (index == MST_NONE && state->tolds_count < MST_TOLDS_MAX)
        index = state->tolds_count++;
    if (index == MST_NONE)
        index = oldest(state);
    struct mst_told *told = &state->tolds[index];
    memset(told, 0, sizeof *told);
    snprintf(told->who, sizeof told->who, "%s", who);
    told->event = event;
    told->at = at;
}

static void send(struct mst_step *s, const struct mst_input_security *in)
{
    struct mst_alert *alert = mst_emit_alert(s);
    char about[MST_OBLIGATION_ID_MAX];
    if (!alert)
        return;
    snprintf(alert->kind, sizeof alert->kind, "%s", kinds[in->event].word);
    snprintf(alert->audience, sizeof alert->audience, "office");
    snprintf(alert->role, sizeof alert->role, "office");
    if (strncmp(in->who, "unit:", 5) == 0)
        snprintf(alert->bearer, sizeof alert->bearer, "%s", in->who + 5);
    snprintf(alert->reason, sizeof alert->reason, "%s%s%s", in->who, in->address[0] ? ", " : "",
             in->address);
    alert->rung = kinds[in->event].rung;
    alert->level = kinds[in->event].level;
    alert->occurrence = (uint32_t)(s->now / 1000);
    alert->instant = s->now;
    alert->fired = s->now;
    snprintf(about, sizeof about, "security/%s", in->who);
    mst_alert_id(about, alert->revision, alert->rung, alert->occurrence, alert->audience,
                 alert->id);
}

void mst_security_apply(struct mst_step *s, const struct mst_input_security *in)
{
    if (!mst_core_security_due(s->core, in->event, in->who, s->now))
        return;
    remember(mst_state_touch(s->core), in->event, in->who, s->now);
    send(s, in);
}
