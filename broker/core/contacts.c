/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agents that fall silent: operational alerts, of kinds of their own, since a silent agent is not
 * an overdue unit. The caller tells from time to time when each was heard of; what follows is
 * decided here, at that input and at no other time, so that the same facts give the same alerts.
 * The time in which the broker itself was away is nobody's silence.
 */
#include <stdio.h>
#include <string.h>

#include "broker/core/blame.h"
#include "broker/core/inside.h"
#include "proto/seal.h"

static const mst_time hour_ms = 60 * 60 * 1000;

enum kind { AGENT_SILENT, AGENT_BACK, PATH_DOWN, PATH_UP };

static const struct {
    const char *word;
    uint32_t rung, level; /* pseudo rungs after those of notices.def; for ever */
} kinds[] = {
    [AGENT_SILENT] = {"agent-silent", 200, 1},
    [AGENT_BACK] = {"agent-back", 201, 0},
    [PATH_DOWN] = {"path-down", 202, 1},
    [PATH_UP] = {"path-up", 203, 0},
};

/* About no obligation. Its id is made of the agent, or the path, and of when it was heard of last:
 * each silence is told once. */
static void send(struct mst_step *s, enum kind kind, const char *unit, mst_time heard,
                 mst_time instant, const char *audience)
{
    struct mst_alert *alert = mst_emit_alert(s);
    char about[MST_OBLIGATION_ID_MAX];
    if (!alert)
        return;
    snprintf(alert->kind, sizeof alert->kind, "%s", kinds[kind].word);
    snprintf(alert->audience, sizeof alert->audience, "%s", audience);
    snprintf(alert->role, sizeof alert->role, "%s",
             unit[0] && audience[0] == 'u' ? "clerk" : "office");
    snprintf(alert->bearer, sizeof alert->bearer, "%s", unit);
    alert->rung = kinds[kind].rung;
    alert->level = kinds[kind].level;
    alert->occurrence = (uint32_t)(heard / 1000);
    alert->instant = instant;
    alert->fired = s->now;
    snprintf(about, sizeof about, "agent/%s", unit);
    mst_alert_id(about, alert->revision, alert->rung, alert->occurrence, audience, alert->id);
}

static void send_about_agent(struct mst_step *s, enum kind kind, const char *unit, mst_time heard,
                             mst_time instant)
{
    char stream[65];
    snprintf(stream, sizeof stream, "unit:%s", unit);
    send(s, kind, unit, heard, instant, "office");
    send(s, kind, unit, heard, instant, stream);
}

/* ---- the list of the quiet ---- */

static uint32_t find(const struct mst_state *state, const char *unit)
{
    for (uint32_t i = 0; i < state->quiets_count; i++) {
        if (strcmp(state->quiets[i].unit, unit) == 0)
            return i;
    }
    return MST_NONE;
}

static void take_out(struct mst_state *state, uint32_t index)
{
    state->quiets_count--;
    memmove(&state->quiets[index], &state->quiets[index + 1],
            (state->quiets_count - index) * sizeof state->quiets[0]);
    memset(&state->quiets[state->quiets_count], 0, sizeof state->quiets[0]);
}

static void put_in(struct mst_state *state, const char *unit, mst_time heard, bool told)
{
    struct mst_quiet *quiet = &state->quiets[state->quiets_count++];
    snprintf(quiet->unit, sizeof quiet->unit, "%s", unit);
    quiet->heard = heard;
    quiet->told = told;
}

/* ---- what is decided ---- */

/* From when on an agent could have been heard: not while the broker was away. */
static mst_time listening_since(const struct mst_core *core, mst_time heard)
{
    for (size_t i = 0; i < core->downs_count; i++) {
        if (core->downs[i].to > heard)
            heard = core->downs[i].to;
    }
    return heard;
}

static enum mst_blame judge(const struct mst_step *s, const struct mst_input_contacts *contacts,
                            size_t index)
{
    mst_time heard = contacts->items[index].heard;
    struct mst_blame_facts facts = {.instant = s->now, .heard = heard};
    for (size_t i = 0; i < contacts->count; i++) {
        const struct mst_contact_fact *other = &contacts->items[i];
        facts.others += i != index && other->heard > 0;
        /* The last ones before it broke come within the same hour. */
        facts.others_heard += i != index && other->heard > heard + hour_ms;
    }
    return mst_blame(&facts);
}

static void falls_silent(struct mst_step *s, const struct mst_input_contacts *contacts,
                         size_t index, mst_time instant)
{
    const struct mst_contact_fact *fact = &contacts->items[index];
    struct mst_state *state = mst_state_touch(s->core);
    bool path = state->path_since || judge(s, contacts, index) == MST_BLAME_PATH_DOWN;
    if (state->quiets_count == MST_QUIETS_MAX)
        return; /* so many at once are told by the path */
    put_in(state, fact->unit, fact->heard, !path);
    if (!path) {
        send_about_agent(s, AGENT_SILENT, fact->unit, fact->heard, instant);
    } else if (!state->path_since) {
        state->path_since = fact->heard;
        send(s, PATH_DOWN, "", fact->heard, instant, "office");
    }
}

static void is_back(struct mst_step *s, uint32_t index, const struct mst_contact_fact *fact)
{
    struct mst_state *state = mst_state_touch(s->core);
    struct mst_quiet quiet = state->quiets[index];
    take_out(state, index);
    if (state->path_since)
        send(s, PATH_UP, "", state->path_since, fact->heard, "office");
    state->path_since = 0;
    if (quiet.told)
        send_about_agent(s, AGENT_BACK, quiet.unit, quiet.heard, fact->heard);
}

/* The path is up again, so whoever is still quiet is so on his own account. */
static void tell_the_rest(struct mst_step *s)
{
    struct mst_state *state = &s->core->state;
    mst_time limit_ms = s->core->programme->silent_hours * hour_ms;
    for (uint32_t i = 0; i < state->quiets_count; i++) {
        struct mst_quiet *quiet = &state->quiets[i];
        if (quiet->told)
            continue;
        quiet->told = true;
        send_about_agent(s, AGENT_SILENT, quiet->unit, quiet->heard, quiet->heard + limit_ms);
    }
}

void mst_contacts_apply(struct mst_step *s, const struct mst_input_contacts *contacts)
{
    struct mst_core *core = s->core;
    mst_time limit_ms = core->programme->silent_hours * hour_ms;
    bool was_down = core->state.path_since != 0;
    if (limit_ms == 0)
        return;
    for (size_t i = 0; i < contacts->count; i++) {
        const struct mst_contact_fact *fact = &contacts->items[i];
        uint32_t index = find(&core->state, fact->unit);
        if (index != MST_NONE && fact->heard > core->state.quiets[index].heard)
            is_back(s, index, fact);
    }
    for (size_t i = 0; i < contacts->count; i++) {
        const struct mst_contact_fact *fact = &contacts->items[i];
        mst_time since = listening_since(core, fact->heard);
        if (fact->heard > 0 && s->now - since >= limit_ms &&
            find(&core->state, fact->unit) == MST_NONE &&
            mst_names_unit(&core->names, core->programme, mst_text(fact->unit)) != MST_NONE)
            falls_silent(s, contacts, i, since + limit_ms);
    }
    if (was_down && !core->state.path_since)
        tell_the_rest(s);
}
