/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random years: a seed draws a programme and everything that happens to it. Each is lived twice,
 * once with restarts from what is stored at random points and with steps that run out of memory,
 * and both must have the same effects to the byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/core/difficulty.h"
#include "broker/core/task.h"
#include "proto/pack.h"
#include "tests/sim/world.h"

static const mst_time hour_ms = 3600000, day_ms = 86400000;

struct year {
    struct world world;
    uint64_t seed;
    uint64_t random; /* what happens in the event at hand */
    size_t events;   /* so many have been, those left out included */
    uint64_t calendar;
    unsigned edits;
    mst_time end;
};

/* ---- what people do ---- */

static const char *const bearer_acts[] = {"submit", "submit",   "submit",    "submit",  "submit",
                                          "submit", "withdraw", "extension", "progress"};
static const char *const judge_acts[] = {
    "receive", "receive", "review",           "return", "approve", "record", "urge",
    "void",    "extend",  "refuse-extension", "waive",  "unlock",  "reopen", "approve",
    "publish", "publish", "acknowledge",      "rebase", "fill",    "vacate", "supersede",
    "cancel"};
#define PICK(year, list) (list)[random_below(&(year)->random, sizeof(list) / sizeof(list)[0])]

/* Mostly one of those that opened lately. The order is that of their effects, not the core's. */
static const struct mst_obligation *any_obligation(struct year *y)
{
    size_t count = y->world.shadows.count;
    if (!count)
        return NULL;
    size_t recent = random_below(&y->random, 10) && count > 40 ? 40 : count;
    size_t index = count - 1 - (size_t)random_below(&y->random, recent);
    return mst_core_find(y->world.core, y->world.shadows.items[index].id);
}

/* What the body says, where the duty asks for something; held in `text`. */
struct said {
    struct word_pair pairs[4];
    size_t count;
    char text[16];
};

static void say_minutes(struct year *y, struct said *said)
{
    mst_day today = mst_zone_day(y->world.programme->zone, y->world.now);
    mst_day_format(today + 1 - (mst_day)random_below(&y->random, 60), said->text);
    said->pairs[0] = (struct word_pair){"date", said->text};
    said->pairs[1] = (struct word_pair){"convener", "somebody"};
    said->pairs[2] = (struct word_pair){"attendees", "all"};
    said->pairs[3] = (struct word_pair){"decisions", random_below(&y->random, 9) ? "some" : ""};
    said->count = 4;
}

static void say_name(struct year *y, struct said *said)
{
    snprintf(said->text, sizeof said->text, "P%d", (int)random_below(&y->random, 99));
    said->pairs[0] = (struct word_pair){"post", random_below(&y->random, 2) ? "deputy" : "head"};
    said->pairs[1] = (struct word_pair){"name", random_below(&y->random, 9) ? said->text : ""};
    said->count = 2;
}

/* Some tasks, mostly as they should be, with titles that come again. */
static void say_list(struct year *y, const struct mst_obligation *o, struct mst_buf *out)
{
    const struct mst_programme *p = y->world.programme;
    size_t count = 1 + (size_t)random_below(&y->random, 4);
    size_t group = mst_programme_group(p, o->group);
    mst_pack_array(out, count);
    for (size_t i = 0; i < count; i++) {
        size_t owner = (size_t)random_below(&y->random, p->units_count);
        bool odd = random_below(&y->random, 16) == 0;
        char title[8], due[16];
        snprintf(title, sizeof title, "T%d", (int)random_below(&y->random, 5));
        mst_day_format(
            mst_zone_day(p->zone, y->world.now) + 1 + (mst_day)random_below(&y->random, 300), due);
        /* Mostly a unit that can own it. */
        if (group != SIZE_MAX && !odd && owner != 0)
            owner =
                random_below(&y->random, 2) ? p->groups[group].lead : p->groups[group].members[0];
        tasks_pack(out, &(struct task_words){.title = title,
                                             .area = group == SIZE_MAX || odd
                                                         ? "nowhere"
                                                         : p->groups[group].areas[i % 2].id,
                                             .owner = p->units[owner].id,
                                             .value = "12.5",
                                             .due = due});
    }
}

/* What is told of some tasks, and sometimes of one that there is not. */
static void say_told(struct year *y, struct mst_buf *out)
{
    size_t items = mst_core_items(y->world.core);
    size_t count = 1 + (size_t)random_below(&y->random, 2);
    mst_pack_array(out, count);
    for (size_t i = 0; i < count; i++) {
        char percent[8];
        size_t index = (size_t)random_below(&y->random, items + 1);
        snprintf(percent, sizeof percent, "%d", (int)random_below(&y->random, 11) * 10);
        tasks_pack_told(
            out, &(struct told_words){
                     .id = index < items ? mst_core_item_at(y->world.core, index)->id : "g9-99",
                     .percent = percent,
                     .light = random_below(&y->random, 9) ? NULL : "yellow",
                     .reason = "because"});
    }
}

static void say_tasks(struct year *y, const struct mst_obligation *o, struct report_words *words,
                      struct mst_buf *out)
{
    const struct mst_programme *p = y->world.programme;
    enum mst_duty_tasks tasks = p->duties[mst_programme_duty(p, o->duty)].tasks;
    if (tasks == MST_TASKS_NONE || random_below(&y->random, 4) == 0)
        return; /* as it should be */
    if (tasks == MST_TASKS_PROGRESS)
        say_told(y, out);
    else if (strcmp(words->act, "submit") == 0)
        say_list(y, o, out);
    words->tasks = mst_bytes(out->data, out->len);
}

static bool report(struct year *y, const struct mst_obligation *o)
{
    char unit[MST_ID_MAX], duty[MST_ID_MAX], period[MST_PERIOD_KEY_MAX];
    struct report_words words = {.act = PICK(y, bearer_acts), .unit = unit, .duty = duty};
    struct said said = {.count = 0};
    memcpy(unit, o->bearer, sizeof unit);
    memcpy(duty, o->duty, sizeof duty);
    memcpy(period, o->period, sizeof period);
    words.period = period;
    if (o->kind == MST_DUTY_QUOTA) {
        say_minutes(y, &said);
    } else if (o->kind == MST_DUTY_POST) {
        words.act = random_below(&y->random, 4) ? "fill" : "vacate";
        say_name(y, &said);
    }
    struct mst_buf tasks = {0};
    char id[MST_OBLIGATION_ID_MAX];
    memcpy(id, o->id, sizeof id);
    if (o->kind == MST_DUTY_REPLY) {
        words.act = "reply";
        words.obligation = id;
        said.pairs[0] = (struct word_pair){"text", "we come"};
        said.count = 1;
    }
    if (o->kind == MST_DUTY_SIGN_FOR) {
        words.act = "sign-for";
        words.obligation = id;
    }
    say_tasks(y, o, &words, &tasks);
    words.body = said.pairs;
    words.body_count = said.count;
    if (random_below(&y->random, 12) == 0)
        snprintf(unit, sizeof unit, "u%d", (int)random_below(&y->random, 9));
    words.reason = random_below(&y->random, 4) ? "because" : NULL;
    words.empty = random_below(&y->random, 20) == 0;
    words.queued = y->world.now - (mst_time)random_below(&y->random, (uint64_t)(3 * day_ms));
    bool held = world_report(&y->world, &words);
    mst_buf_done(&tasks);
    return held;
}

static const unsigned desk_roles[] = {MST_ROLE_OFFICE, MST_ROLE_OFFICE,
                                      MST_ROLE_OFFICE | MST_ROLE_DIRECTOR, MST_ROLE_ADMIN,
                                      MST_ROLE_VIEWER};

static bool judge(struct year *y, const struct mst_obligation *o)
{
    char id[MST_OBLIGATION_ID_MAX], lead[MST_ID_MAX];
    const char *act = PICK(y, judge_acts);
    const char *reason = random_below(&y->random, 5) ? "because" : NULL;
    memcpy(id, o->id, sizeof id);
    memcpy(lead, o->counterpart, sizeof lead);
    if (lead[0] && random_below(&y->random, 2)) {
        struct report_words words = {.act = act, .unit = lead, .obligation = id, .reason = reason};
        return world_report(&y->world, &words);
    }
    struct said said = {.count = 0};
    say_name(y, &said);
    struct act_words words = {.actor = "office:desk", .act = act, .obligation = id};
    char number[16];
    snprintf(number, sizeof number, "N%d", (int)random_below(&y->random, 30));
    if (o->kind == MST_DUTY_ISSUE) {
        words.act = random_below(&y->random, 3) ? "issue" : act;
        words.number = number;
    }
    words.successor = any_obligation(y)->id;
    words.body = said.pairs;
    words.body_count = said.count;
    words.roles = PICK(y, desk_roles);
    words.reason = reason;
    words.until = o->due + (mst_time)random_below(&y->random, (uint64_t)(20 * day_ms)) - 2 * day_ms;
    words.override = random_below(&y->random, 3) == 0;
    return world_act(&y->world, &words);
}

/* A unit, a duty or one obligation is silenced for some days, or no longer. */
static bool silence(struct year *y)
{
    const struct mst_programme *p = y->world.programme;
    const struct mst_obligation *o = any_obligation(y);
    char target[MST_OBLIGATION_ID_MAX + 8];
    uint64_t what = random_below(&y->random, 3);
    if (what == 0)
        snprintf(target, sizeof target, "unit:%s",
                 p->units[random_below(&y->random, p->units_count)].id);
    else if (what == 1)
        snprintf(target, sizeof target, "duty:%s",
                 p->duties[random_below(&y->random, p->duties_count)].id);
    else
        snprintf(target, sizeof target, "%s", o ? o->id : "nothing");
    struct act_words words = {.actor = "office:desk", .obligation = target, .reason = "because"};
    words.act = random_below(&y->random, 4) ? "silence" : "unsilence";
    words.roles = PICK(y, desk_roles);
    words.until = y->world.now + (mst_time)random_below(&y->random, (uint64_t)(20 * day_ms));
    return world_act(&y->world, &words);
}

/* Some agents are heard of, all of them, or none. */
static bool contacts(struct year *y)
{
    const struct mst_programme *p = y->world.programme;
    uint64_t share = random_below(&y->random, 4);
    for (size_t i = 0; i < p->units_count; i++) {
        if (random_below(&y->random, 3) < share)
            world_heard(&y->world, p->units[i].id);
    }
    return world_contacts(&y->world);
}

static bool concerns_tasks(const struct world *w, const struct mst_obligation *o)
{
    size_t duty = mst_programme_duty(w->programme, o->duty);
    return o->kind == MST_DUTY_ISSUE || o->kind == MST_DUTY_SIGN_FOR ||
           (duty != SIZE_MAX && (w->programme->duties[duty].tasks == MST_TASKS_LIST ||
                                 w->programme->duties[duty].tasks == MST_TASKS_PLAN));
}

/* The office does its next act upon it, or its bearer the next one. */
static bool go_on(struct year *y, const struct mst_obligation *o)
{
    char id[MST_OBLIGATION_ID_MAX], number[16];
    memcpy(id, o->id, sizeof id);
    snprintf(number, sizeof number, "N%d", (int)random_below(&y->random, 1000));
    if (o->bearer[0] && mst_obligation_ball_with_bearer(o))
        return report(y, o);
    struct act_words words = {.actor = "office:desk", .obligation = id, .reason = "because"};
    words.act = !o->bearer[0]                      ? "issue"
                : o->closing == MST_CLOSE_RECORD   ? "record"
                : random_below(&y->random, 4) == 0 ? "return"
                                                   : "approve";
    words.number = o->bearer[0] ? NULL : number;
    words.roles = MST_ROLE_OFFICE | MST_ROLE_DIRECTOR;
    return world_act(&y->world, &words);
}

/* The office opens a group to a unit or another group for some days, or closes it again. */
static bool grant(struct year *y)
{
    const struct mst_programme *p = y->world.programme;
    char reader[MST_ID_MAX + 8];
    if (random_below(&y->random, 3))
        snprintf(reader, sizeof reader, "unit:%s",
                 p->units[random_below(&y->random, p->units_count)].id);
    else
        snprintf(reader, sizeof reader, "group:%s",
                 p->groups[random_below(&y->random, p->groups_count)].id);
    struct word_pair group = {"group", random_below(&y->random, 9)
                                           ? p->groups[random_below(&y->random, p->groups_count)].id
                                           : "nowhere"};
    struct act_words words = {.actor = "office:desk",
                              .act = random_below(&y->random, 4) ? "grant" : "ungrant",
                              .obligation = reader,
                              .reason = random_below(&y->random, 8) ? "because" : NULL,
                              .roles = PICK(y, desk_roles),
                              .body = &group,
                              .body_count = 1};
    words.until =
        y->world.now - day_ms + (mst_time)random_below(&y->random, (uint64_t)(60 * day_ms));
    return world_act(&y->world, &words);
}

/* The office amends a task in some way, which may be none. */
static bool amend(struct year *y)
{
    const struct mst_programme *p = y->world.programme;
    size_t items = mst_core_items(y->world.core);
    size_t any = (size_t)random_below(&y->random, items + 1), fields = 0;
    char id[MST_ITEM_ID_MAX] = "g9-99", due[16], helpers[2 * MST_ID_MAX + 2];
    struct word_pair pairs[3];
    size_t group = 0;
    for (size_t i = 0; i < items; i++) {
        const struct mst_item *item = mst_core_item_at(y->world.core, (any + i) % items);
        if (item->kind != MST_ITEM_TASK || !mst_task_stands(item))
            continue;
        memcpy(id, item->id, sizeof id);
        group = mst_programme_group(p, item->group);
        break;
    }
    size_t owner = (size_t)random_below(&y->random, p->units_count);
    if (group != SIZE_MAX && random_below(&y->random, 4))
        owner = random_below(&y->random, 2) ? p->groups[group].lead : p->groups[group].members[0];
    mst_day_format(mst_zone_day(p->zone, y->world.now) + (mst_day)random_below(&y->random, 200),
                   due);
    size_t helper = (size_t)random_below(&y->random, p->units_count);
    size_t other = (helper + (size_t)random_below(&y->random, 3)) % p->units_count;
    snprintf(helpers, sizeof helpers, "%s,%s", p->units[helper].id, p->units[other].id);
    if (random_below(&y->random, 2))
        pairs[fields++] = (struct word_pair){"owner", p->units[owner].id};
    if (random_below(&y->random, 2))
        pairs[fields++] = (struct word_pair){"due", due};
    if (random_below(&y->random, 3) == 0)
        pairs[fields++] =
            (struct word_pair){"helpers", random_below(&y->random, 4) ? helpers : "none"};
    struct act_words words = {.actor = "office:desk",
                              .act = "amend-task",
                              .obligation = id,
                              .reason = random_below(&y->random, 8) ? "because" : NULL,
                              .roles = PICK(y, desk_roles),
                              .body = pairs,
                              .body_count = fields};
    return world_act(&y->world, &words);
}

/* Lists come to be issued and signed for, as chance alone would hardly have it. */
static bool tasks_go_on(struct year *y)
{
    size_t count = y->world.shadows.count, from = (size_t)random_below(&y->random, count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *id = y->world.shadows.items[(from + i) % count].id;
        const struct mst_obligation *o = mst_core_find(y->world.core, id);
        if (concerns_tasks(&y->world, o) && o->work != MST_WORK_CLOSED && !o->locked)
            return go_on(y, o);
    }
    return world_advance(&y->world, y->world.now + day_ms);
}

/* Somebody raises a difficulty and asks others, mostly as it should be. */
static bool raise(struct year *y)
{
    const struct mst_programme *p = y->world.programme;
    struct mst_buf more = {0};
    char title[8];
    size_t unit = (size_t)random_below(&y->random, p->units_count);
    size_t helpers = (size_t)random_below(&y->random, 4);
    snprintf(title, sizeof title, "D%d", (int)random_below(&y->random, 5));
    mst_pack_text(&more, "title");
    mst_pack_text(&more, title);
    mst_pack_text(&more, "helpers");
    mst_pack_array(&more, helpers);
    /* Neighbours differ from each other, and seldom wrap around to the raiser. */
    for (size_t i = 0; i < helpers; i++)
        mst_pack_text(&more, p->units[(unit + 1 + i) % p->units_count].id);
    struct report_words words = {.act = "raise",
                                 .unit = p->units[unit].id,
                                 .more = mst_bytes(more.data, more.len),
                                 .more_count = 2};
    bool held = world_report(&y->world, &words);
    mst_buf_done(&more);
    return held;
}

/* Its raiser says that it is solved, or that it is not; sometimes somebody else does. */
static bool raiser_speaks(struct year *y, const struct mst_item *item)
{
    const struct mst_programme *p = y->world.programme;
    char unit[MST_ID_MAX], id[MST_ITEM_ID_MAX];
    memcpy(id, item->id, sizeof id);
    mst_difficulty_concerned(item, random_below(&y->random, 8) ? 0 : 1, unit);
    struct word_pair which = {"difficulty", id};
    struct report_words words = {.act = random_below(&y->random, 2) ? "confirm" : "raise-again",
                                 .unit = unit[0] ? unit : p->units[0].id,
                                 .reason = random_below(&y->random, 4) ? "because" : NULL,
                                 .body = &which,
                                 .body_count = 1};
    return world_report(&y->world, &words);
}

static bool matters_go_on(struct year *y)
{
    size_t count = y->world.shadows.count, from = (size_t)random_below(&y->random, count + 1);
    size_t items = mst_core_items(y->world.core);
    size_t any = (size_t)random_below(&y->random, items + 1);
    uint64_t what = random_below(&y->random, 3);
    for (size_t i = 0; what == 0 && i < items; i++) {
        const struct mst_item *item = mst_core_item_at(y->world.core, (any + i) % items);
        if (item->kind == MST_ITEM_DIFFICULTY)
            return raiser_speaks(y, item);
    }
    for (size_t i = 0; what == 1 && i < count; i++) {
        const struct mst_obligation *o =
            mst_core_find(y->world.core, y->world.shadows.items[(from + i) % count].id);
        if (o->kind == MST_DUTY_REPLY && mst_obligation_ball_with_bearer(o))
            return report(y, o);
    }
    return raise(y);
}

/* Around the deadline to the millisecond, sometimes; within hours, mostly. */
static bool somebody_acts(struct year *y)
{
    const struct mst_obligation *o = any_obligation(y);
    if (!o)
        return world_advance(&y->world, y->world.now + day_ms);
    char id[MST_OBLIGATION_ID_MAX];
    mst_time at = y->world.now + (mst_time)random_below(&y->random, (uint64_t)(9 * hour_ms));
    mst_time edge = o->grace_until - 1 + (mst_time)random_below(&y->random, 2);
    if (edge >= y->world.now && edge < y->world.now + 10 * day_ms &&
        random_below(&y->random, 3) == 0)
        at = edge;
    memcpy(id, o->id, sizeof id);
    if (!world_advance(&y->world, at))
        return false;
    o = mst_core_find(y->world.core, id);
    bool awaited = mst_obligation_ball_with_bearer(o);
    bool by_bearer = random_below(&y->random, 10) < (awaited ? 7u : 2u);
    return by_bearer ? report(y, o) : judge(y, o);
}

/* ---- what befalls the broker ---- */

static bool goes_down(struct year *y)
{
    mst_time from = y->world.now + (mst_time)random_below(&y->random, (uint64_t)(2 * day_ms));
    mst_time to = from + 1 + (mst_time)random_below(&y->random, (uint64_t)(6 * day_ms));
    return world_advance(&y->world, from) && world_down(&y->world, from, to);
}

enum mutant year_mutant;

static unsigned clock_edit(void)
{
    return year_mutant == MUTANT_MIDNIGHT ? EDIT_ZONE : 0;
}

static struct mst_programme *programme_of(const struct year *y, unsigned edits)
{
    return fixture_programme(y->seed, y->calendar % 4, y->edits | edits);
}

static bool something_happens(struct year *y)
{
    struct world *w = &y->world;
    uint64_t what = random_below(&y->random, 100);
    mst_time next = mst_core_next_due(w->core);
    if (what < 40 && next < y->end)
        return world_jump(w, next);
    if (what < 48)
        return world_jump(w, w->now + (mst_time)random_below(&y->random, (uint64_t)(3 * day_ms)));
    if (what < 50)
        return goes_down(y);
    if (what < 51) {
        y->edits |= 1u << random_below(&y->random, EDITS);
        y->calendar++;
        return world_reload(w, programme_of(y, 0), programme_of(y, clock_edit()));
    }
    if (what < 52)
        return random_below(&y->random, 2) ? silence(y) : grant(y);
    if (what < 54)
        return contacts(y);
    if (what < 60)
        return random_below(&y->random, 6) ? tasks_go_on(y) : amend(y);
    if (what < 63)
        return matters_go_on(y);
    return somebody_acts(y);
}

/* ---- a year ---- */

/* Each event's luck is its own, whatever became of the others. */
static uint64_t luck(uint64_t seed, uint64_t event)
{
    uint64_t state = seed * 0x9E3779B97F4A7C15u + event;
    return random_next(&state);
}

static bool one_event(struct year *y, uint64_t event, bool with_restarts)
{
    y->random = luck(y->seed ^ 0xA5A5A5A5u, event);
    uint64_t assessments = luck(y->seed, event), restarts = luck(y->seed * 7 + 1, event);
    y->world.starve = with_restarts ? luck(y->seed * 13 + 1, event) : 0;
    return something_happens(y) &&
           (random_below(&assessments, 60) != 0 || check_assessment(&y->world)) &&
           (!with_restarts || random_below(&restarts, 50) != 0 ||
            world_restart(&y->world, random_next(&restarts)));
}

static bool live(struct year *y, uint64_t seed, const struct kept *kept, bool trace,
                 bool with_restarts)
{
    y->seed = seed;
    world_init(&y->world, programme_of(y, 0), programme_of(y, clock_edit()));
    y->world.mutant = year_mutant;
    y->world.trace = trace;
    y->end = y->world.now + 400 * day_ms;
    bool held = true;
    for (; held && y->world.now < y->end && (!kept || y->events < kept->count); y->events++) {
        if (kept && !kept->on[y->events])
            continue;
        if (trace)
            printf("event %zu\n", y->events);
        held = one_event(y, y->events, with_restarts);
    }
    return held && check_all(&y->world);
}

static void count_items(const struct world *w, struct year_result *ret_result)
{
    for (size_t i = 0; i < mst_core_items(w->core); i++) {
        const struct mst_item *item = mst_core_item_at(w->core, i);
        struct mst_task_data data;
        mst_task_data_read(item, &data);
        ret_result->items++;
        ret_result->issued += mst_task_stands(item);
        ret_result->signed_for += data.signed_for;
    }
}

static void tell_fault(const struct year *y, struct year_result *ret_result)
{
    memcpy(ret_result->fault, y->world.fault, sizeof ret_result->fault);
    ret_result->kind = y->world.fault_kind;
    ret_result->events = y->events;
}

void year_run(uint64_t seed, const struct kept *kept, bool tell, struct year_result *ret_result)
{
    static const char *const changed = "a restart, or want of memory, changes what happens";
    struct year once = {0}, again = {0};
    *ret_result = (struct year_result){.held = live(&once, seed, kept, tell, false)};
    if (!ret_result->held) {
        tell_fault(&once, ret_result);
    } else if (!live(&again, seed, kept, false, true)) {
        ret_result->held = false;
        tell_fault(&again, ret_result);
    } else if (memcmp(once.world.digest, again.world.digest, sizeof once.world.digest) != 0) {
        *ret_result = (struct year_result){.kind = changed, .events = once.events};
        snprintf(ret_result->fault, sizeof ret_result->fault, "%s", changed);
    }
    ret_result->alerts = once.world.alert_ids_count;
    ret_result->obligations = once.world.shadows.count;
    count_items(&once.world, ret_result);
    world_done(&once.world);
    if (again.world.core)
        world_done(&again.world);
}

int seeds_run(uint64_t first, uint64_t count, const struct kept *kept, bool trace)
{
    struct year_result totals = {0};
    clock_t start = clock();
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct year_result result;
        year_run(seed, kept, trace, &result);
        totals.alerts += result.alerts;
        totals.obligations += result.obligations;
        totals.items += result.items;
        totals.issued += result.issued;
        totals.signed_for += result.signed_for;
        if (result.held)
            continue;
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, result.fault);
        if (!kept)
            shrink(seed, &result);
        return 1;
    }
    printf(
        "%llu random years, %zu obligations, %zu alerts, %zu tasks (%zu issued, %zu signed for): "
        "all invariants held; %.1f s\n",
        (unsigned long long)count, totals.obligations, totals.alerts, totals.items, totals.issued,
        totals.signed_for, (double)(clock() - start) / (double)CLOCKS_PER_SEC);
    return 0;
}

/* ---- a large year, for its time ---- */

struct submission {
    mst_time at;
    char id[MST_OBLIGATION_ID_MAX];
};

struct plan {
    struct submission *items;
    size_t count, next, cap;
    uint64_t random;
};

static int by_time(const void *a, const void *b)
{
    const struct submission *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* Four of five report at some time between opening and two weeks after the due date. */
static void plan_for(struct plan *plan, const struct mst_obligation *o)
{
    if (random_below(&plan->random, 5) == 0)
        return;
    if (plan->count == plan->cap) {
        plan->cap = plan->cap ? plan->cap * 2 : 1024;
        plan->items = realloc(plan->items, plan->cap * sizeof *plan->items);
        if (!plan->items)
            abort();
    }
    struct submission *s = &plan->items[plan->count++];
    mst_time span = o->due + 14 * day_ms - o->opens;
    s->at = o->opens + (mst_time)random_below(&plan->random, (uint64_t)span);
    memcpy(s->id, o->id, sizeof s->id);
}

static bool large_step(struct mst_core *core, const struct mst_input *input,
                       struct mst_effects *effects, struct plan *plan, size_t *alerts)
{
    size_t before = mst_core_count(core);
    mst_effects_clear(effects);
    if (mst_core_step(core, input, effects, NULL))
        return false;
    for (size_t i = 0; i < effects->count; i++)
        *alerts += effects->items[i].kind == MST_EFFECT_ALERT;
    if (mst_core_count(core) == before)
        return true;
    for (size_t i = before; i < mst_core_count(core); i++)
        plan_for(plan, mst_core_at(core, i));
    qsort(plan->items + plan->next, plan->count - plan->next, sizeof *plan->items, by_time);
    return true;
}

static bool submit_next(struct mst_core *core, struct mst_effects *effects, struct plan *plan,
                        size_t *alerts)
{
    static const uint8_t body[] = {0x80};
    struct submission s = plan->items[plan->next++];
    const struct mst_obligation *o = mst_core_find(core, s.id);
    char unit[MST_ID_MAX];
    memcpy(unit, o->bearer, sizeof unit);
    struct mst_msg_report report = {
        .act = mst_text("submit"),
        .unit = mst_text(unit),
        .at = (uint64_t)s.at,
        .obligation = mst_text(s.id),
        .body = mst_bytes(body, sizeof body),
    };
    struct mst_input input = {
        .kind = MST_INPUT_REPORT,
        .now = s.at > mst_core_now(core) ? s.at : mst_core_now(core),
        .u.report = {.unit = unit, .report = &report, .row = plan->next},
    };
    return large_step(core, &input, effects, plan, alerts);
}

int seeds_year(size_t obligations)
{
    const size_t members = 9;
    struct mst_programme *p = fixture_large((obligations + 119) / 120, members);
    mst_time start = mst_zone_midnight(p->zone, p->issued);
    struct mst_core *core = mst_core_new(p, start);
    struct mst_effects effects = {0};
    struct plan plan = {.random = 1};
    size_t alerts = 0;
    bool held = core != NULL;
    clock_t begun = clock();
    while (held && mst_core_now(core) < start + 364 * day_ms) {
        mst_time due = mst_core_next_due(core);
        if (plan.next < plan.count && plan.items[plan.next].at < due) {
            held = submit_next(core, &effects, &plan, &alerts);
            continue;
        }
        struct mst_input tick = {.kind = MST_INPUT_TICK, .now = due};
        held = large_step(core, &tick, &effects, &plan, &alerts);
    }
    double seconds = (double)(clock() - begun) / (double)CLOCKS_PER_SEC;
    printf("a year of %zu obligations, %zu submissions, %zu alerts: %.2f s\n",
           held ? mst_core_count(core) : 0, plan.next, alerts, seconds);
    free(plan.items);
    mst_effects_done(&effects);
    mst_core_free(core);
    mst_programme_unref(p);
    return held ? 0 : 1;
}
