/* SPDX-License-Identifier: Apache-2.0 */
/* What a scenario expects: of the answer, of an obligation, of the alerts. Changes nothing but
 * which alerts have been looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/authz.h"
#include "tests/sim/script.h"

/* ---- alerts ---- */

struct wanted {
    const char *kind, *to, *about, *role, *reason;
    mst_time at, fired; /* -1: any */
    long missed, level, occurrence;
};

static bool matches(const struct mst_alert *a, const struct wanted *wanted)
{
    return (!wanted->kind || strcmp(a->kind, wanted->kind) == 0) &&
           (!wanted->to || strcmp(a->audience, wanted->to) == 0) &&
           (!wanted->about || strcmp(a->obligation, wanted->about) == 0) &&
           (!wanted->role || strcmp(a->role, wanted->role) == 0) &&
           (!wanted->reason || strcmp(a->reason, wanted->reason) == 0) &&
           (wanted->at < 0 || a->instant == wanted->at) &&
           (wanted->fired < 0 || a->fired == wanted->fired) &&
           (wanted->missed < 0 || a->missed == (uint32_t)wanted->missed) &&
           (wanted->level < 0 || a->level == (uint32_t)wanted->level) &&
           (wanted->occurrence < 0 || a->occurrence == (uint32_t)wanted->occurrence);
}

static struct wanted read_wanted(struct script *s)
{
    struct wanted wanted = {.at = -1, .fired = -1, .missed = -1, .level = -1, .occurrence = -1};
    while (s->at < s->count) {
        if (script_accept(s, "to"))
            wanted.to = script_need(s, "an audience");
        else if (script_accept(s, "about"))
            wanted.about = script_need(s, "an obligation");
        else if (script_accept(s, "as"))
            wanted.role = script_need(s, "a role");
        else if (script_accept(s, "reason"))
            wanted.reason = script_need(s, "a reason");
        else if (script_accept(s, "at"))
            wanted.at = script_instant(s);
        else if (script_accept(s, "fired"))
            wanted.fired = script_instant(s);
        else if (script_accept(s, "missed"))
            wanted.missed = script_number(s, "how many were missed");
        else if (script_accept(s, "level"))
            wanted.level = script_number(s, "a level");
        else if (script_accept(s, "occurrence"))
            wanted.occurrence = script_number(s, "an occurrence");
        else if (!wanted.kind)
            wanted.kind = script_word(s);
        else
            script_fail(s, "not understood: %s", script_word(s));
    }
    return wanted;
}

/* Those that have not been expected yet, to be read next to a failure. */
static void show_alerts(const struct script *s, const struct wanted *wanted)
{
    int shown = 0;
    for (size_t i = 0; i < s->world.alerts_count && shown < 12; i++) {
        const struct mst_alert *a = &s->world.alerts[i].alert;
        char at[MST_INSTANT_TEXT_MAX], fired[MST_INSTANT_TEXT_MAX];
        if (s->world.alerts[i].consumed ||
            (wanted->about && strcmp(a->obligation, wanted->about) != 0))
            continue;
        fprintf(stderr, "    there is: %s to %s as %s about %s at %s fired %s level %u missed %u\n",
                a->kind, a->audience, a->role, a->obligation,
                world_instant(&s->world, a->instant, at), world_instant(&s->world, a->fired, fired),
                a->level, a->missed);
        shown++;
    }
}

static void expect_alert(struct script *s)
{
    struct wanted wanted = read_wanted(s);
    for (size_t i = 0; i < s->world.alerts_count; i++) {
        struct logged_alert *logged = &s->world.alerts[i];
        if (!logged->consumed && matches(&logged->alert, &wanted)) {
            logged->consumed = true;
            return;
        }
    }
    script_fail(s, "no such alert");
    show_alerts(s, &wanted);
}

static void expect_no_alert(struct script *s)
{
    struct wanted wanted = read_wanted(s);
    for (size_t i = 0; i < s->world.alerts_count; i++) {
        if (!s->world.alerts[i].consumed && matches(&s->world.alerts[i].alert, &wanted)) {
            script_fail(s, "there is such an alert");
            show_alerts(s, &wanted);
            return;
        }
    }
}

void script_forget(struct script *s)
{
    for (size_t i = 0; i < s->world.alerts_count; i++)
        s->world.alerts[i].consumed = true;
    s->world.moves_count = 0;
}

/* ---- the answer ---- */

static void expect_refused(struct script *s)
{
    const char *code = script_need(s, "a code");
    const char *subject = script_word(s);
    s->refusal_open = false;
    if (s->world.answer == MST_OK || strcmp(mst_code_word(s->world.answer), code) != 0)
        script_fail(s, "answered %s: %s", mst_code_word(s->world.answer), s->world.subject);
    else if (subject && !strstr(s->world.subject, subject))
        script_fail(s, "refused over %s", s->world.subject);
}

/* ---- an obligation ---- */

static void same_text(struct script *s, const char *is)
{
    const char *wanted = script_need(s, "what is expected");
    if (strcmp(is, wanted) != 0)
        script_fail(s, "it is %s", is[0] ? is : "(none)");
}

static void same_number(struct script *s, long is)
{
    if (script_number(s, "a number") != is)
        script_fail(s, "it is %ld", is);
}

static void same_instant(struct script *s, mst_time is)
{
    char text[MST_INSTANT_TEXT_MAX];
    mst_time wanted = script_accept(s, "never") ? MST_NEVER : script_instant(s);
    if (wanted != is)
        script_fail(s, "it is %s", world_instant(&s->world, is, text));
}

static void expect_verdict(struct script *s, enum mst_verdict verdict, int days_late)
{
    const char *wanted = script_need(s, "a verdict");
    const char *is = verdict == MST_VERDICT_NONE ? "none" : mst_verdict_word(verdict);
    if (strcmp(wanted, is) != 0)
        script_fail(s, "it is %s", is);
    if (s->at < s->count)
        same_number(s, days_late);
}

static void expect_phase(struct script *s, const struct mst_obligation *o)
{
    int level = 0;
    enum mst_phase phase = mst_obligation_phase(s->world.programme, o, s->world.now, &level);
    same_text(s, mst_phase_word(phase));
    if (s->at < s->count)
        same_number(s, level);
}

/* The events that moved it since the last `forget`, in order, and no others. */
static void expect_events(struct script *s, const struct mst_obligation *o)
{
    for (size_t i = 0; i < s->world.moves_count; i++) {
        const struct logged_move *m = &s->world.moves[i];
        if (strcmp(m->obligation, o->id) == 0 && !script_accept(s, m->event)) {
            script_fail(s, "then comes %s", m->event);
            break;
        }
    }
    if (s->at < s->count)
        script_fail(s, "there is no %s", s->words[s->at]);
    s->at = s->count;
}

/* "NAME", or "POST:NAME": who is in office, in order of entering, and "-NAME" for who was. */
static void expect_holders(struct script *s, const struct mst_obligation *o)
{
    for (uint32_t i = 0; i < o->holders_count; i++) {
        const struct mst_holder *h = &o->holders[i];
        char text[96];
        snprintf(text, sizeof text, "%s%s%s%s", h->until ? "-" : "", h->post, h->post[0] ? ":" : "",
                 h->name);
        if (!script_accept(s, text))
            script_fail(s, "then comes %s", text);
    }
    if (s->at < s->count)
        script_fail(s, "there is no %s", s->words[s->at]);
    s->at = s->count;
}

/* "UNIT yes|no": may the unit read it, by its role and what it is liaison of now? */
static void expect_reads(struct script *s, const struct mst_obligation *o)
{
    const char *unit = script_need(s, "a unit");
    struct mst_actor actor = {.principal = unit, .roles = MST_ROLE_UNIT, .unit = unit};
    struct mst_target target = {.unit = o->bearer, .group = o->group};
    actor.liaison = mst_core_liaison(s->world.core, unit);
    same_text(s, mst_authz(s->world.programme, &actor, "read-obligation", &target) ? "yes" : "no");
}

/* "UNIT GROUP yes|no": may the unit read the group's progress now, as of it or by a grant? */
static void expect_progress(struct script *s)
{
    const char *unit = script_need(s, "a unit");
    struct mst_actor actor = {.principal = unit, .roles = MST_ROLE_UNIT, .unit = unit};
    struct mst_target target = {.group = script_need(s, "a group")};
    actor.granted = mst_core_granted(s->world.core, unit);
    same_text(s, mst_authz(s->world.programme, &actor, "read-progress", &target) ? "yes" : "no");
}

static void expect_of(struct script *s, const char *what, const struct mst_obligation *o)
{
    int days = 0;
    if (strcmp(what, "verdict") == 0)
        expect_verdict(s, o->verdict, o->days_late);
    else if (strcmp(what, "original-verdict") == 0) {
        enum mst_verdict verdict = mst_obligation_original_verdict(s->world.programme, o, &days);
        expect_verdict(s, verdict, days);
    } else if (strcmp(what, "phase") == 0)
        expect_phase(s, o);
    else if (strcmp(what, "work") == 0)
        same_text(s, mst_work_word(o->work));
    else if (strcmp(what, "opens") == 0)
        same_instant(s, o->opens);
    else if (strcmp(what, "due") == 0)
        same_instant(s, o->due);
    else if (strcmp(what, "original-due") == 0)
        same_instant(s, o->original_due);
    else if (strcmp(what, "grace-until") == 0)
        same_instant(s, o->grace_until);
    else if (strcmp(what, "locks") == 0)
        same_instant(s, o->locks);
    else if (strcmp(what, "correction-due") == 0)
        same_instant(s, o->correction_due);
    else if (strcmp(what, "correction-late") == 0)
        same_number(s, o->correction_days_late);
    else if (strcmp(what, "returns") == 0)
        same_number(s, o->returns);
    else if (strcmp(what, "versions") == 0)
        same_number(s, o->versions_count);
    else if (strcmp(what, "revision") == 0)
        same_number(s, o->due_revision);
    else if (strcmp(what, "record") == 0)
        same_text(s, o->record_number);
    else if (strcmp(what, "counterpart") == 0)
        same_text(s, o->counterpart[0] ? o->counterpart : o->director ? "director" : "office");
    else if (strcmp(what, "provisional") == 0)
        same_text(s, o->provisional ? "yes" : "no");
    else if (strcmp(what, "counted") == 0)
        same_number(s, o->counted);
    else if (strcmp(what, "successor") == 0)
        same_text(s, o->successor);
    else if (strcmp(what, "group") == 0)
        same_text(s, o->group);
    else if (strcmp(what, "holders") == 0)
        expect_holders(s, o);
    else if (strcmp(what, "acknowledged") == 0)
        same_text(s, o->acknowledged_at ? "yes" : "no");
    else if (strcmp(what, "reads") == 0)
        expect_reads(s, o);
    else if (strcmp(what, "events") == 0)
        expect_events(s, o);
    else
        script_fail(s, "nothing is known of %s", what);
}

void script_expect(struct script *s)
{
    if (script_accept(s, "alert")) {
        expect_alert(s);
    } else if (script_accept(s, "no")) {
        if (!script_accept(s, "alert"))
            script_fail(s, "no what?");
        expect_no_alert(s);
    } else if (script_accept(s, "refused")) {
        expect_refused(s);
    } else if (script_accept(s, "progress")) {
        expect_progress(s);
    } else if (script_accept(s, "difficulty")) {
        script_expect_difficulty(s);
    } else if (script_accept(s, "project")) {
        script_expect_project(s);
    } else if (script_accept(s, "task")) {
        script_expect_item(s);
    } else {
        const char *what = script_need(s, "what is expected");
        const char *id = script_need(s, "an obligation");
        const struct mst_obligation *o = mst_core_find(s->world.core, id);
        if (strcmp(what, "nothing") == 0) {
            if (o)
                script_fail(s, "it is owed");
        } else if (!o) {
            script_fail(s, "there is no obligation %s", id);
        } else {
            expect_of(s, what, o);
        }
    }
}
