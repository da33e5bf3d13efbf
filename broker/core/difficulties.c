/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Difficulties: raised, answered, confirmed as solved or raised again, and told of when they grow
 * old.
 *
 *   open ──last reply──► answered ──confirm──► solved
 *     ▲ ◄────────────── raise-again ──────────────┘
 *
 * Whoever is asked to help owes a reply, an obligation of the duty of that kind with its own dates,
 * ladder and verdict. Only the raiser can say that it is solved. Everything is checked before
 * anything changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/authz.h"
#include "broker/core/difficulty.h"
#include "broker/core/events.h"

/* Bytes that an alert tells of a difficulty's title and of the reason; cut between characters. */
#define TITLE_SHOWN_MAX 201
#define WHY_SHOWN_MAX 91

static struct mst_slice or_empty(struct mst_slice text)
{
    return text.data ? text : mst_text("");
}

/* ---- contents ---- */

static void pack_text(struct mst_buf *b, const char *key, struct mst_slice text)
{
    mst_pack_text(b, key);
    mst_pack_text_slice(b, or_empty(text));
}

static void pack_int(struct mst_buf *b, const char *key, int64_t value)
{
    mst_pack_text(b, key);
    mst_pack_int(b, value);
}

/* With one more reply, where `unit` is not NULL. */
static void pack_replies(struct mst_buf *b, const struct mst_difficulty_data *data,
                         const char *unit, mst_time at, struct mst_slice text)
{
    struct mst_unpack u;
    struct mst_value head;
    mst_pack_text(b, "replies");
    mst_pack_array(b, data->replies_count + (unit ? 1 : 0));
    if (data->replies_count) {
        mst_unpack_init(&u, data->replies.data, data->replies.len);
        (void)mst_unpack_next(&u, &head);
        mst_buf_put(b, u.at, (size_t)(u.end - u.at));
    }
    if (!unit)
        return;
    mst_pack_map(b, 3);
    pack_text(b, "unit", mst_text(unit));
    pack_int(b, "at", at);
    pack_text(b, "text", text);
}

static void contain(struct mst_step *s, struct mst_item *item,
                    const struct mst_difficulty_data *data, const char *unit, struct mst_slice text)
{
    struct mst_buf b = {0};
    mst_pack_map(&b, 11);
    pack_text(&b, "title", data->d.title);
    pack_text(&b, "text", data->d.text);
    pack_text(&b, "outside", data->d.outside);
    mst_pack_text(&b, "helpers");
    if (data->d.helpers_count)
        mst_buf_put(&b, data->d.helpers.data, data->d.helpers.len);
    else
        mst_pack_array(&b, 0);
    pack_text(&b, "raiser", data->raiser);
    pack_text(&b, "source", data->source);
    pack_replies(&b, data, unit, s->now, text);
    pack_int(&b, "raised_at", data->raised_at);
    pack_int(&b, "round", data->round);
    pack_int(&b, "waiting", data->waiting);
    pack_int(&b, "told_old", data->told_old);
    if (b.failed)
        s->failed = true;
    else
        mst_item_contain(s, item, mst_bytes(b.data, b.len));
    mst_buf_done(&b);
}

/* ---- who is told ---- */

struct told {
    struct mst_address to[2 * (MST_HELPERS_MAX + 2) + 1];
    size_t count;
};

static void add(struct told *told, const char *audience, const char *role)
{
    for (size_t i = 0; i < told->count; i++) {
        if (strcmp(told->to[i].audience, audience) == 0)
            return;
    }
    struct mst_address *to = &told->to[told->count++];
    snprintf(to->audience, sizeof to->audience, "%s", audience);
    to->role = role;
}

static void add_unit(struct told *told, const char *unit, const char *role)
{
    char audience[65];
    if (!unit[0])
        return;
    snprintf(audience, sizeof audience, "unit:%s", unit);
    add(told, audience, role);
}

/* Everybody whom it concerns, then the leads of their groups, then the office. */
static void add_concerned(const struct mst_core *core, struct told *told,
                          const struct mst_item *item, bool leads)
{
    const struct mst_programme *p = core->programme;
    char unit[MST_ID_MAX];
    for (int pass = 0; pass < (leads ? 2 : 1); pass++) {
        for (size_t i = 0; i < MST_HELPERS_MAX + 2; i++) {
            mst_difficulty_concerned(item, i, unit);
            uint32_t index = mst_names_unit(&core->names, p, mst_text(unit));
            uint32_t group = index == MST_NONE ? MST_NONE : core->names.group_of[index];
            if (pass == 0)
                add_unit(told, unit, i == 0 ? "raiser" : i == 1 ? "owner" : "helper");
            else if (group != MST_NONE && p->groups[group].lead != SIZE_MAX)
                add_unit(told, p->units[p->groups[group].lead].id, "lead");
        }
    }
}

static void tell(struct mst_step *s, const struct mst_item *item, enum mst_notice notice,
                 const struct told *told, struct mst_slice why, mst_time instant)
{
    struct mst_difficulty_data data;
    char about[MST_OBLIGATION_ID_MAX], reason[TITLE_SHOWN_MAX + WHY_SHOWN_MAX + 72];
    char raiser[MST_ID_MAX] = "", title[TITLE_SHOWN_MAX], words[WHY_SHOWN_MAX];
    mst_difficulty_data_read(item, &data);
    mst_slice_copy(or_empty(data.raiser), raiser, sizeof raiser);
    mst_slice_copy(or_empty(data.d.title), title, sizeof title);
    mst_slice_copy(or_empty(why), words, sizeof words);
    snprintf(about, sizeof about, "difficulty/%s", item->id);
    snprintf(reason, sizeof reason, "%s %s%s%s", item->id, title, words[0] ? ": " : "", words);
    for (size_t i = 0; i < told->count; i++) {
        const struct mst_about what = {.id = about, .bearer = raiser, .group = item->group};
        mst_notice_about(s, &what, notice, item->moves, &told->to[i], mst_text(reason), instant);
    }
}

static void tell_all(struct mst_step *s, const struct mst_item *item, enum mst_notice notice,
                     struct mst_slice why, mst_time instant)
{
    struct told told = {.count = 0};
    add_concerned(s->core, &told, item, true);
    add(&told, "office", "office");
    tell(s, item, notice, &told, why, instant);
}

/* ---- replies that are owed ---- */

static uint32_t reply_duty(const struct mst_programme *p)
{
    for (uint32_t i = 0; i < p->duties_count; i++) {
        if (p->duties[i].kind == MST_DUTY_REPLY && p->duties[i].enforced)
            return i;
    }
    return MST_NONE;
}

/* The lead of the unit's group, which may be the unit itself; "": it has none. */
static const char *lead_of(const struct mst_core *core, uint32_t unit)
{
    const struct mst_programme *p = core->programme;
    uint32_t group = unit == MST_NONE ? MST_NONE : core->names.group_of[unit];
    if (group == MST_NONE || p->groups[group].lead == SIZE_MAX)
        return "";
    return p->units[p->groups[group].lead].id;
}

/* One reply, by a helper; its counterpart is the raiser's lead, so that both leads hear of it. */
static bool owe(struct mst_step *s, const struct mst_item *item, const char *unit, int round,
                const char *raiser)
{
    struct mst_core *core = s->core;
    const struct mst_programme *p = core->programme;
    uint32_t duty = reply_duty(p);
    uint32_t bearer = mst_names_unit(&core->names, p, mst_text(unit));
    char subject[MST_SUBJECT_MAX];
    if (duty == MST_NONE || bearer == MST_NONE)
        return false;
    if (round > 1)
        snprintf(subject, sizeof subject, "%.40s-%d", item->id, round);
    else
        snprintf(subject, sizeof subject, "%s", item->id);
    struct mst_slot *slot = mst_step_owe(s, duty, bearer, core->names.group_of[bearer], subject);
    if (!slot || !mst_step_touch(s, slot))
        return false;
    const char *lead = lead_of(core, mst_names_unit(&core->names, p, mst_text(raiser)));
    if (lead[0] && strcmp(lead, unit) != 0) {
        snprintf(slot->o.counterpart, sizeof slot->o.counterpart, "%s", lead);
        mst_slot_resolve(core, slot);
    }
    return true;
}

/* Those who are asked: the helpers; the owner, where nobody else is and it is another's. */
static void owe_all(struct mst_step *s, struct mst_item *item, struct mst_difficulty_data *data)
{
    char raiser[MST_ID_MAX], unit[MST_ID_MAX];
    mst_slice_copy(data->raiser, raiser, sizeof raiser);
    data->waiting = 0;
    for (size_t i = 0; i < data->d.helpers_count; i++) {
        mst_slice_copy(mst_difficulty_helper(&data->d, i), unit, sizeof unit);
        data->waiting += owe(s, item, unit, data->round, raiser);
    }
    if (!data->d.helpers_count && strcmp(item->owner, raiser) != 0)
        data->waiting += owe(s, item, item->owner, data->round, raiser);
}

static bool is_about(const struct mst_obligation *o, const struct mst_item *item)
{
    char id[MST_ITEM_ID_MAX];
    mst_difficulty_of_subject(o->subject, id);
    return o->kind == MST_DUTY_REPLY && strcmp(id, item->id) == 0;
}

/* What is still owed about it has lost its ground. */
static void cancel_replies(struct mst_step *s, const struct mst_item *item, const char *actor)
{
    uint32_t count = s->core->table.count;
    struct mst_slot **slots = mst_slots_in_order(s);
    for (uint32_t i = 0; slots && i < count && !s->failed; i++) {
        struct mst_move move = {.actor = {.name = actor}, .reason = mst_text(item->id)};
        if (!is_about(&slots[i]->o, item) || !mst_obligation_ball_with_bearer(&slots[i]->o) ||
            !mst_step_touch(s, slots[i]))
            continue;
        (void)mst_event_cancel(s, slots[i], &move);
        mst_step_schedule(s, slots[i]);
    }
    free(slots);
}

/* ---- raising ---- */

/* Its owner: who is named, else the lead of the raiser's group, else the raiser. */
static void find_owner(const struct mst_core *core, const struct mst_difficulty *d, uint32_t raiser,
                       char owner[MST_ID_MAX])
{
    const char *lead = lead_of(core, raiser);
    if (d->owner.data && d->owner.len)
        mst_slice_copy(d->owner, owner, MST_ID_MAX);
    else
        snprintf(owner, MST_ID_MAX, "%s", lead[0] ? lead : core->programme->units[raiser].id);
}

static void raise_one(struct mst_step *s, struct mst_slice map, uint32_t unit,
                      struct mst_slice source)
{
    const struct mst_core *core = s->core;
    const struct mst_programme *p = core->programme;
    uint32_t group = core->names.group_of[unit];
    struct mst_difficulty_data data = {.raiser = mst_text(p->units[unit].id),
                                       .source = or_empty(source),
                                       .raised_at = s->now,
                                       .round = 1};
    char id[MST_ITEM_ID_MAX];
    unsigned count = 1;
    mst_difficulty_read(map, &data.d);
    for (uint32_t i = 0; i < core->items.count; i++)
        count += core->items.all[i]->item.kind == MST_ITEM_DIFFICULTY;
    snprintf(id, sizeof id, "d%u", count);
    struct mst_item *item = mst_item_add(s, MST_ITEM_DIFFICULTY, id);
    if (!item)
        return;
    find_owner(core, &data.d, unit, item->owner);
    snprintf(item->group, sizeof item->group, "%s", group == MST_NONE ? "" : p->groups[group].id);
    owe_all(s, item, &data);
    contain(s, item, &data, NULL, mst_text(NULL));
    if (s->failed)
        return;
    mst_item_move(s, item, "raise", MST_ITEM_OPEN, p->units[unit].id, mst_text(NULL));
    tell_all(s, item, MST_NOTICE_DIFFICULTY_RAISED, mst_text(NULL), s->now);
}

/* The same unit's, under the same title, and not solved yet. */
static bool stands(const struct mst_core *core, struct mst_slice map, const char *raiser)
{
    struct mst_slice title = mst_unpack_text(map, "title");
    for (uint32_t i = 0; i < core->items.count; i++) {
        const struct mst_item *item = &core->items.all[i]->item;
        struct mst_slice other = mst_unpack_text(item->data, "title");
        if (item->kind == MST_ITEM_DIFFICULTY && item->state != MST_ITEM_SOLVED &&
            mst_slice_is(mst_unpack_text(item->data, "raiser"), raiser) && other.len == title.len &&
            memcmp(other.data, title.data, title.len) == 0)
            return true;
    }
    return false;
}

/* A report may go on listing what stands: it is raised once. */
void mst_difficulties_submitted(struct mst_step *s, struct mst_slice body, uint32_t unit,
                                const char *source)
{
    struct mst_matters_cursor cursor = mst_matters_open(body, "difficulties");
    const char *raiser = s->core->programme->units[unit].id;
    struct mst_slice map;
    bool any = cursor.left > 0;
    while (!s->failed && mst_matters_next(&cursor, &map)) {
        if (!stands(s->core, map, raiser))
            raise_one(s, map, unit, mst_text(source));
    }
    if (any)
        mst_difficulties_reckon(s->core);
}

/* ---- the raiser's further words ---- */

/* Whether the unit speaks for the raiser: it is it, or its successor. */
static bool speaks_for(const struct mst_core *core, struct mst_slice raiser, uint32_t unit)
{
    const struct mst_programme *p = core->programme;
    uint32_t at = mst_names_unit(&core->names, p, raiser);
    mst_day today = mst_zone_day(p->zone, core->now);
    for (size_t steps = 0; at != MST_NONE && steps <= p->units_count; steps++) {
        if (at == unit)
            return true;
        if (!mst_unit_ended(&p->units[at], today))
            return false;
        at = (uint32_t)p->units[at].successors[0];
    }
    return false;
}

static enum mst_code confirm(struct mst_step *s, struct mst_item *item, const char *unit,
                             struct mst_slice reason)
{
    struct mst_difficulty_data data;
    if (item->state == MST_ITEM_SOLVED)
        return MST_R_STATE;
    if (!mst_item_touch(s, item))
        return MST_OK;
    mst_difficulty_data_read(item, &data);
    data.waiting = 0;
    contain(s, item, &data, NULL, mst_text(NULL));
    if (s->failed)
        return MST_OK;
    mst_item_move(s, item, "confirm", MST_ITEM_SOLVED, unit, reason);
    cancel_replies(s, item, unit);
    tell_all(s, item, MST_NOTICE_DIFFICULTY_CONFIRMED, reason, s->now);
    return MST_OK;
}

static enum mst_code raise_again(struct mst_step *s, struct mst_item *item, const char *unit,
                                 struct mst_slice reason)
{
    struct mst_difficulty_data data;
    if (item->state == MST_ITEM_OPEN)
        return MST_R_STATE;
    if (!reason.data || !reason.len)
        return MST_R_REASON;
    if (!mst_item_touch(s, item))
        return MST_OK;
    mst_difficulty_data_read(item, &data);
    data.round++;
    data.told_old = 0;
    data.raised_at = s->now;
    owe_all(s, item, &data);
    contain(s, item, &data, NULL, mst_text(NULL));
    if (s->failed)
        return MST_OK;
    mst_item_move(s, item, "raise-again", MST_ITEM_OPEN, unit, reason);
    tell_all(s, item, MST_NOTICE_DIFFICULTY_RAISED, reason, s->now);
    return MST_OK;
}

static const char *const acts[] = {"raise", "confirm", "raise-again"};

bool mst_difficulty_act(struct mst_slice act)
{
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (mst_slice_is(act, acts[i]))
            return true;
    }
    return false;
}

struct refusal {
    char *words;
    size_t size;
};

static bool name_fault(void *context, const struct mst_form_fault *fault)
{
    const struct refusal *refusal = context;
    mst_fault_name(fault, refusal->words, refusal->size);
    return false;
}

enum mst_code mst_difficulty_report(struct mst_step *s, const struct mst_msg_report *r,
                                    uint32_t unit, char *words, size_t size)
{
    const struct mst_core *core = s->core;
    const char *id = core->programme->units[unit].id;
    enum mst_code code = MST_OK;
    char act[33];
    struct mst_actor actor = {.principal = id, .roles = MST_ROLE_UNIT, .unit = id};
    struct mst_target own = {.unit = id};
    snprintf(words, size, "body");
    if (!mst_authz(core->programme, &actor, mst_slice_copy(r->act, act, sizeof act), &own))
        return MST_E_DENIED;
    if (!r->body.data)
        return MST_R_FORM;
    if (mst_slice_is(r->act, "raise")) {
        struct refusal refusal = {words, size};
        struct mst_matter_field room;
        const struct mst_form form = mst_difficulty_form(&core->programme->matters, &room);
        struct mst_form_names names = mst_programme_names(core->programme, SIZE_MAX);
        names.bearer = id;
        if (!mst_form_check(&form, &names, r->body, name_fault, &refusal))
            return MST_R_FORM;
        raise_one(s, r->body, unit, mst_text(NULL));
    } else {
        struct mst_slice which = mst_unpack_text(r->body, "difficulty");
        struct mst_item *item = mst_items_find(&core->items, MST_ITEM_DIFFICULTY, which);
        mst_slice_copy(which.data ? which : mst_text("difficulty"), words, size);
        if (!item)
            return MST_E_UNKNOWN;
        if (!speaks_for(core, mst_unpack_text(item->data, "raiser"), unit))
            return MST_E_DENIED;
        code = mst_slice_is(r->act, "confirm") ? confirm(s, item, id, r->reason)
                                               : raise_again(s, item, id, r->reason);
    }
    mst_difficulties_reckon(s->core);
    return code;
}

enum mst_code mst_event_reply(struct mst_step *s, struct mst_slot *slot, struct mst_move *move)
{
    struct mst_obligation *o = &slot->o;
    struct told told = {.count = 0};
    struct mst_difficulty_data data;
    char id[MST_ITEM_ID_MAX];
    struct mst_slice text = mst_unpack_text(move->body, "text");
    mst_difficulty_of_subject(o->subject, id);
    struct mst_item *item = mst_items_find(&s->core->items, MST_ITEM_DIFFICULTY, mst_text(id));
    if (o->kind != MST_DUTY_REPLY || !item)
        return MST_R_STATE;
    if (!text.data || !text.len) {
        move->refused = "text";
        return MST_R_FORM;
    }
    mst_happen_settle(s, slot, move, "reply", MST_WORK_CLOSED);
    mst_happen_closed(s, slot, move->reason);
    if (s->failed || !mst_item_touch(s, item))
        return MST_OK;
    mst_difficulty_data_read(item, &data);
    data.waiting -= data.waiting > 0;
    bool last = data.waiting == 0 && item->state == MST_ITEM_OPEN;
    contain(s, item, &data, move->actor.name, text);
    if (s->failed)
        return MST_OK;
    mst_item_move(s, item, "reply", last ? MST_ITEM_ANSWERED : item->state, move->actor.name,
                  mst_text(NULL));
    add_concerned(s->core, &told, item, false);
    tell(s, item, MST_NOTICE_DIFFICULTY_REPLIED, &told, mst_text(move->actor.name), s->now);
    return MST_OK;
}

/* ---- age ---- */

/* When its age is to be told of next. */
static mst_time old_at(const struct mst_core *core, const struct mst_item *item)
{
    const struct mst_programme *p = core->programme;
    struct mst_difficulty_data data;
    if (item->kind != MST_ITEM_DIFFICULTY || item->state == MST_ITEM_SOLVED ||
        p->matters.old_days == 0)
        return MST_NEVER;
    mst_difficulty_data_read(item, &data);
    mst_day day = mst_zone_day(p->zone, data.raised_at);
    for (int i = 0; i <= data.told_old && day != MST_DAY_NONE; i++)
        day = mst_calendar_add(p->calendar, day, p->matters.old_days);
    return day == MST_DAY_NONE ? MST_NEVER : mst_zone_midnight(p->zone, day + 1);
}

void mst_difficulties_reckon(struct mst_core *core)
{
    core->next_old = MST_NEVER;
    for (uint32_t i = 0; i < core->items.count; i++)
        mst_difficulties_reckon_with(core, &core->items.all[i]->item);
}

void mst_difficulties_reckon_with(struct mst_core *core, const struct mst_item *item)
{
    mst_time at = old_at(core, item);
    if (at < core->next_old)
        core->next_old = at;
}

void mst_difficulties_age(struct mst_step *s, mst_time at)
{
    struct mst_core *core = s->core;
    for (uint32_t i = 0; i < core->items.count && !s->failed; i++) {
        struct mst_item *item = &core->items.all[i]->item;
        struct mst_difficulty_data data;
        char days[16];
        if (old_at(core, item) > at || !mst_item_touch(s, item))
            continue;
        mst_difficulty_data_read(item, &data);
        data.told_old++;
        contain(s, item, &data, NULL, mst_text(NULL));
        if (s->failed)
            return;
        snprintf(days, sizeof days, "%d", mst_difficulty_days_open(core->programme, item, at));
        mst_item_move(s, item, "grow-old", item->state, "clock", mst_text(days));
        tell_all(s, item, MST_NOTICE_DIFFICULTY_OLD, mst_text(days), at);
    }
    mst_difficulties_reckon(core);
}
