/* SPDX-License-Identifier: Apache-2.0 */
/* Reads scenarios and makes inputs of their sentences. What must come of them is expect.c's. */
#include "tests/sim/script.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/load/load.h"

void script_fail(struct script *s, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "%s:%d: ", s->path, s->line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    s->failures++;
}

/* ---- words ---- */

static void split(struct script *s, char *text)
{
    s->count = s->at = 0;
    for (char *c = text; *c && s->count < WORDS_MAX;) {
        while (isspace((unsigned char)*c))
            c++;
        if (!*c || *c == '#')
            return;
        bool quoted = *c == '"';
        if (quoted)
            c++;
        s->words[s->count++] = c;
        while (*c && (quoted ? *c != '"' : !isspace((unsigned char)*c)))
            c++;
        if (*c)
            *c++ = '\0';
    }
}

const char *script_word(struct script *s)
{
    return s->at < s->count ? s->words[s->at++] : NULL;
}

bool script_accept(struct script *s, const char *word)
{
    if (s->at >= s->count || strcmp(s->words[s->at], word) != 0)
        return false;
    s->at++;
    return true;
}

const char *script_need(struct script *s, const char *what)
{
    const char *word = script_word(s);
    if (!word)
        script_fail(s, "%s is missing", what);
    return word ? word : "";
}

long script_number(struct script *s, const char *what)
{
    const char *word = script_need(s, what);
    char *end;
    long n = strtol(word, &end, 10);
    if (*end)
        script_fail(s, "%s should be a number: %s", what, word);
    return n;
}

mst_time script_instant(struct script *s)
{
    char text[80];
    struct mst_err err;
    mst_time at = 0;
    const char *day = script_need(s, "an instant");
    bool has_time = s->at < s->count && isdigit((unsigned char)s->words[s->at][0]) &&
                    strchr(s->words[s->at], ':');
    snprintf(text, sizeof text, "%s%s%s", day, has_time ? " " : "", has_time ? script_word(s) : "");
    if (mst_zone_parse(s->world.programme->zone, text, &at, &err))
        script_fail(s, "%s", err.text);
    return at;
}

/* ---- time ---- */

static void held(struct script *s, bool ok)
{
    if (!ok)
        script_fail(s, "%s", s->world.fault);
}

static void go_to(struct script *s, mst_time at)
{
    char now[MST_INSTANT_TEXT_MAX];
    if (at < s->world.now)
        script_fail(s, "time does not go back: it is %s",
                    world_instant(&s->world, s->world.now, now));
    else
        held(s, world_advance(&s->world, at));
}

/* "to INSTANT", or "N working-days|days|hours|minutes". */
static void do_advance(struct script *s)
{
    const struct mst_programme *p = s->world.programme;
    mst_time now = s->world.now;
    if (script_accept(s, "to")) {
        go_to(s, script_instant(s));
        return;
    }
    long n = script_number(s, "how far");
    const char *unit = script_need(s, "a unit of time");
    if (strncmp(unit, "working-day", 11) == 0) {
        mst_day day = mst_calendar_add(p->calendar, mst_zone_day(p->zone, now), (int)n);
        mst_time of_day = now - mst_zone_midnight(p->zone, mst_zone_day(p->zone, now));
        go_to(s, mst_zone_midnight(p->zone, day) + of_day);
    } else if (strncmp(unit, "day", 3) == 0) {
        go_to(s, now + n * INT64_C(86400000));
    } else if (strncmp(unit, "hour", 4) == 0) {
        go_to(s, now + n * INT64_C(3600000));
    } else if (strncmp(unit, "minute", 6) == 0) {
        go_to(s, now + n * INT64_C(60000));
    } else {
        script_fail(s, "no unit of time: %s", unit);
    }
}

static void do_jump(struct script *s)
{
    if (!script_accept(s, "to"))
        script_fail(s, "jump to where?");
    held(s, world_jump(&s->world, script_instant(s)));
}

/* "from INSTANT to INSTANT": nothing runs in between. */
static void do_down(struct script *s)
{
    if (!script_accept(s, "from"))
        script_fail(s, "down from when?");
    mst_time from = script_instant(s);
    if (!script_accept(s, "to"))
        script_fail(s, "down until when?");
    mst_time to = script_instant(s);
    go_to(s, from - 1);
    held(s, world_down(&s->world, from, to));
}

/* "UNIT …": their agents are there now. */
static void do_heard(struct script *s)
{
    while (s->at < s->count)
        held(s, world_heard(&s->world, script_word(s)));
}

/* ---- people ---- */

static void answered(struct script *s)
{
    s->refusal_open = s->world.answer != MST_OK;
}

#define PAIRS_MAX 8

/* "KEY=VALUE", for the body. */
static bool take_pair(struct script *s, struct word_pair *pairs, size_t *count)
{
    char *equals = s->at < s->count ? strchr(s->words[s->at], '=') : NULL;
    if (!equals || *count == PAIRS_MAX)
        return false;
    *equals = '\0';
    pairs[*count].key = s->words[s->at++];
    pairs[(*count)++].value = equals + 1;
    return true;
}

static void do_report(struct script *s, const char *act, bool of_lead)
{
    struct report_words words = {.act = act, .unit = script_need(s, "a unit")};
    struct word_pair pairs[PAIRS_MAX];
    words.body = pairs;
    if (of_lead) {
        words.act = script_need(s, "an act");
        words.obligation = script_word(s);
    } else {
        words.duty = script_need(s, "a duty");
        words.period = script_need(s, "a period");
    }
    while (s->at < s->count) {
        if (take_pair(s, pairs, &words.body_count))
            continue;
        if (script_accept(s, "reason"))
            words.reason = script_need(s, "a reason");
        else if (script_accept(s, "until"))
            words.until = script_need(s, "a date");
        else if (script_accept(s, "obligation"))
            words.obligation = script_need(s, "an obligation");
        else if (script_accept(s, "queued"))
            words.queued = script_instant(s);
        else if (script_accept(s, "empty"))
            words.empty = true;
        else
            script_fail(s, "not understood: %s", script_word(s));
    }
    held(s, world_report(&s->world, &words));
    answered(s);
}

/* Minutes with everything that they need: "UNIT DUTY PERIOD DATE", held on that date. */
static void do_minutes(struct script *s)
{
    struct report_words words = {.act = "submit", .unit = script_need(s, "a unit")};
    words.duty = script_need(s, "a duty");
    words.period = script_need(s, "a period");
    struct word_pair pairs[PAIRS_MAX] = {{"date", script_need(s, "a date")},
                                         {"convener", "Hu"},
                                         {"attendees", "all"},
                                         {"decisions", "two"}};
    words.body = pairs;
    words.body_count = 4;
    held(s, world_report(&s->world, &words));
    answered(s);
}

static void do_act(struct script *s, const char *actor, unsigned roles)
{
    struct word_pair pairs[PAIRS_MAX];
    struct act_words words = {.actor = actor, .roles = roles, .body = pairs};
    words.act = script_need(s, "an act");
    words.obligation = script_need(s, "an obligation");
    while (s->at < s->count) {
        if (take_pair(s, pairs, &words.body_count))
            continue;
        if (script_accept(s, "reason"))
            words.reason = script_need(s, "a reason");
        else if (script_accept(s, "number"))
            words.number = script_need(s, "a number");
        else if (script_accept(s, "by"))
            words.successor = script_need(s, "the successor");
        else if (script_accept(s, "until"))
            words.until = script_instant(s);
        else if (script_accept(s, "override"))
            words.override = true;
        else
            script_fail(s, "not understood: %s", script_word(s));
    }
    held(s, world_act(&s->world, &words));
    answered(s);
}

/* ---- the programme ---- */

static struct mst_programme *load(struct script *s)
{
    const char *path = script_need(s, "a programme file");
    struct mst_diags diags = {0};
    struct mst_programme *programme = NULL;
    struct mst_err err = {0};
    if (mst_programme_load(path, &diags, &programme, &err)) {
        mst_diags_print(&diags, stderr);
        script_fail(s, "%s", err.text);
    }
    mst_diags_done(&diags);
    return programme;
}

static void do_programme(struct script *s)
{
    struct mst_programme *programme = load(s);
    if (!programme)
        return;
    if (s->running) {
        held(s, world_reload(&s->world, programme, mst_programme_ref(programme)));
        return;
    }
    world_init(&s->world, programme, mst_programme_ref(programme));
    s->world.keep_log = true;
    s->world.trace = s->trace;
    s->running = true;
}

/* ---- sentences ---- */

static void sentence(struct script *s);

static void do_at(struct script *s)
{
    go_to(s, script_instant(s));
    sentence(s);
}

static void people(struct script *s, const char *verb)
{
    if (strcmp(verb, "report") == 0)
        do_report(s, "submit", false);
    else if (strcmp(verb, "withdraw") == 0 || strcmp(verb, "progress") == 0 ||
             strcmp(verb, "extension") == 0 || strcmp(verb, "fill") == 0 ||
             strcmp(verb, "vacate") == 0)
        do_report(s, verb, false);
    else if (strcmp(verb, "minutes") == 0)
        do_minutes(s);
    else if (strcmp(verb, "list") == 0)
        script_list(s);
    else if (strcmp(verb, "tell") == 0)
        script_told(s, "progress");
    else if (strcmp(verb, "tell-all") == 0)
        script_told(s, "submit");
    else if (strcmp(verb, "sign-for") == 0)
        script_sign(s);
    else if (strcmp(verb, "raise") == 0)
        script_raise(s);
    else if (strcmp(verb, "reply") == 0)
        script_reply(s);
    else if (strcmp(verb, "confirm") == 0 || strcmp(verb, "raise-again") == 0)
        script_raiser(s, verb);
    else if (strcmp(verb, "bring-up") == 0)
        script_bring_up(s);
    else if (strcmp(verb, "lead") == 0)
        do_report(s, NULL, true);
    else if (strcmp(verb, "office") == 0)
        do_act(s, "office:main", MST_ROLE_OFFICE);
    else if (strcmp(verb, "director") == 0)
        do_act(s, "office:director", MST_ROLE_OFFICE | MST_ROLE_DIRECTOR);
    else if (strcmp(verb, "admin") == 0)
        do_act(s, "admin:main", MST_ROLE_ADMIN);
    else if (strcmp(verb, "viewer") == 0)
        do_act(s, "viewer:main", MST_ROLE_VIEWER);
    else
        script_fail(s, "not understood: %s", verb);
}

static void sentence(struct script *s)
{
    const char *verb = script_word(s);
    if (!verb)
        return;
    if (strcmp(verb, "expect") == 0) {
        script_expect(s);
        return;
    }
    if (s->refusal_open)
        script_fail(s, "the input before this line was refused: %s: %s",
                    mst_code_word(s->world.answer), s->world.subject);
    s->refusal_open = false;
    if (strcmp(verb, "programme") == 0)
        do_programme(s);
    else if (!s->running)
        script_fail(s, "a scenario begins with its programme");
    else if (strcmp(verb, "at") == 0)
        do_at(s);
    else if (strcmp(verb, "advance") == 0)
        do_advance(s);
    else if (strcmp(verb, "jump") == 0)
        do_jump(s);
    else if (strcmp(verb, "down") == 0)
        do_down(s);
    else if (strcmp(verb, "restart") == 0)
        held(s, world_restart(&s->world, (uint64_t)s->line));
    else if (strcmp(verb, "heard") == 0)
        do_heard(s);
    else if (strcmp(verb, "contacts") == 0)
        held(s, world_contacts(&s->world));
    else if (strcmp(verb, "forget") == 0)
        script_forget(s);
    else
        people(s, verb);
}

int script_run(const char *path, bool trace)
{
    struct script s = {.path = path, .trace = trace};
    char line[1024];
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    while (fgets(line, sizeof line, file) && !s.world.fault[0]) {
        s.line++;
        split(&s, line);
        sentence(&s);
        if (s.at < s.count && !s.failures)
            script_fail(&s, "not understood: %s", s.words[s.at]);
    }
    fclose(file);
    if (s.refusal_open)
        script_fail(&s, "the last input was refused: %s", mst_code_word(s.world.answer));
    if (s.running && !s.world.fault[0] && !check_all(&s.world))
        script_fail(&s, "%s", s.world.fault);
    if (s.running)
        world_done(&s.world);
    printf("%s: %s, %d lines\n", path, s.failures ? "FAILED" : "held", s.line);
    return s.failures ? 1 : 0;
}
