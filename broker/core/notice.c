/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom an alert reaches, and how one is made. An address is a stream ("unit:UNIT", "office", …)
 * marked with the role that is meant.
 *
 * A unit always has a stream, and its clerk is whoever minds it, so a clerk is never missing. A
 * deputy or head who is not on record, a lead where there is no group, a group head or city leader
 * without a name: those are nobody, and the rung's other audiences are told without them.
 */
#include <stdio.h>
#include <string.h>

#include "broker/core/authz.h"
#include "broker/core/inside.h"
#include "proto/seal.h"

static bool at_unit(struct mst_address *a, const char *unit, const char *role)
{
    snprintf(a->audience, sizeof a->audience, "unit:%s", unit);
    a->role = role;
    return true;
}

static bool at_desk(struct mst_address *a, const char *desk)
{
    snprintf(a->audience, sizeof a->audience, "%s", desk);
    a->role = desk;
    return true;
}

static bool at_group(struct mst_address *a, const struct mst_group *group, const char *person,
                     const char *role)
{
    if (!group || !person)
        return false;
    snprintf(a->audience, sizeof a->audience, "%s:%s", role, group->id);
    a->role = role;
    return true;
}

/* The office, or its director where the office would be judging itself. What the office owes itself
 * it is told of as the bearer. */
static bool at_office(struct mst_address *a, const struct mst_obligation *o)
{
    return at_desk(a, o->director && o->bearer[0] ? "director" : "office");
}

static bool at_counterpart(struct mst_address *a, const struct mst_obligation *o)
{
    if (o->counterpart[0])
        return at_unit(a, o->counterpart, "counterpart");
    return o->director ? at_desk(a, "director") : at_office(a, o);
}

/*
 * Is there such a contact? Whoever is on record as the post's holder; where nobody has ever been
 * entered there, whom the programme file names.
 */
static bool on_record(const struct mst_core *core, uint32_t unit, enum mst_contact_role contact)
{
    static const char *const posts[] = {"clerk", "deputy", "head"};
    const struct mst_slot *contacts = mst_core_contacts(core, unit);
    for (uint32_t i = 0; contacts && i < contacts->o.holders_count; i++) {
        if (strcmp(contacts->o.holders[i].post, posts[contact]) == 0)
            return mst_obligation_holder(&contacts->o, posts[contact]) != NULL;
    }
    return core->programme->units[unit].contacts[contact].name != NULL;
}

static bool at_contact(struct mst_address *a, const struct mst_core *core,
                       const struct mst_slot *slot, enum mst_contact_role contact, const char *role)
{
    const struct mst_obligation *o = &slot->o;
    if (!o->bearer[0]) /* the office bears it: its staff first, then its director */
        return contact == MST_CONTACT_CLERK ? at_office(a, o) : at_desk(a, "director");
    if (contact != MST_CONTACT_CLERK &&
        (slot->bearer == MST_NONE || !on_record(core, slot->bearer, contact)))
        return false;
    return at_unit(a, o->bearer, role);
}

static bool at_lead(struct mst_address *a, const struct mst_core *core, const struct mst_slot *slot,
                    const struct mst_group *group)
{
    if (!group)
        return false;
    if (group->lead == slot->bearer)
        return at_counterpart(a, &slot->o);
    return at_unit(a, core->programme->units[group->lead].id, "lead");
}

bool mst_audience_resolve(const struct mst_core *core, const struct mst_slot *slot,
                          enum mst_audience audience, struct mst_address *ret_address)
{
    const struct mst_group *group =
        slot->group == MST_NONE ? NULL : &core->programme->groups[slot->group];
    switch (audience) {
    case MST_AUDIENCE_CLERK:
        return at_contact(ret_address, core, slot, MST_CONTACT_CLERK, "clerk");
    case MST_AUDIENCE_DEPUTY:
        return at_contact(ret_address, core, slot, MST_CONTACT_DEPUTY, "deputy");
    case MST_AUDIENCE_HEAD:
        return at_contact(ret_address, core, slot, MST_CONTACT_HEAD, "head");
    case MST_AUDIENCE_LEAD:
        return at_lead(ret_address, core, slot, group);
    case MST_AUDIENCE_COUNTERPART:
        return at_counterpart(ret_address, &slot->o);
    case MST_AUDIENCE_OFFICE:
        return at_office(ret_address, &slot->o);
    case MST_AUDIENCE_DIRECTOR:
        return at_desk(ret_address, "director");
    case MST_AUDIENCE_GROUP_HEAD:
        return at_group(ret_address, group, group ? group->head : NULL, "group-head");
    case MST_AUDIENCE_CITY_LEADER:
        return at_group(ret_address, group, group ? group->city_leader : NULL, "city-leader");
    case MST_AUDIENCES:
        break;
    }
    return false;
}

size_t mst_audience_all(const struct mst_core *core, const struct mst_slot *slot, uint32_t to,
                        struct mst_address ret_addresses[MST_AUDIENCES])
{
    size_t count = 0;
    for (int audience = 0; audience < MST_AUDIENCES; audience++) {
        struct mst_address *a = &ret_addresses[count];
        if (!(to & (1u << audience)) ||
            !mst_audience_resolve(core, slot, (enum mst_audience)audience, a))
            continue;
        size_t same = 0;
        while (same < count && strcmp(ret_addresses[same].audience, a->audience) != 0)
            same++;
        /* Among the contacts the later is the more senior; a lead told as counterpart stays lead.
         */
        if (same == count)
            count++;
        else if (audience <= MST_AUDIENCE_HEAD)
            ret_addresses[same].role = a->role;
    }
    return count;
}

void mst_alert_send(struct mst_step *s, const struct mst_slot *slot, const struct mst_address *to,
                    const struct mst_alert_head *head)
{
    const struct mst_obligation *o = &slot->o;
    struct mst_alert *alert = mst_emit_alert(s);
    if (!alert)
        return;
    snprintf(alert->kind, sizeof alert->kind, "%s", head->kind);
    snprintf(alert->audience, sizeof alert->audience, "%s", to->audience);
    snprintf(alert->role, sizeof alert->role, "%s", to->role);
    memcpy(alert->obligation, o->id, sizeof alert->obligation);
    memcpy(alert->duty, o->duty, sizeof alert->duty);
    memcpy(alert->period, o->period, sizeof alert->period);
    memcpy(alert->bearer, o->bearer, sizeof alert->bearer);
    memcpy(alert->group, o->group, sizeof alert->group);
    alert->rung = head->rung;
    alert->level = head->level;
    alert->occurrence = head->occurrence;
    alert->missed = head->missed;
    alert->revision = o->clock;
    alert->instant = head->instant;
    alert->fired = s->now;
    alert->due = mst_obligation_deadline(s->core->programme, o).due;
    mst_slice_copy(head->reason, alert->reason, sizeof alert->reason);
    mst_alert_id(o->id, alert->revision, alert->rung, alert->occurrence, alert->audience,
                 alert->id);
}

static struct mst_alert_head head_of(enum mst_notice notice, uint32_t nth, struct mst_slice reason,
                                     mst_time instant)
{
    static const struct {
        const char *kind;
        uint32_t rung, level;
    } rows[MST_NOTICES] = {
#define NOTICE(name, word, rung_number, level_number)                                              \
    [MST_NOTICE_##name] = {word, rung_number, level_number},
#include "broker/core/notices.def"
#undef NOTICE
    };
    return (struct mst_alert_head){.kind = rows[notice].kind,
                                   .rung = rows[notice].rung,
                                   .level = rows[notice].level,
                                   .occurrence = nth,
                                   .instant = instant,
                                   .reason = reason};
}

void mst_notice_send_nth(struct mst_step *s, const struct mst_slot *slot, enum mst_notice notice,
                         uint32_t to, uint32_t nth, uint32_t missed, struct mst_slice reason,
                         mst_time instant)
{
    struct mst_address addresses[MST_AUDIENCES];
    size_t count = mst_audience_all(s->core, slot, to, addresses);
    struct mst_alert_head head = head_of(notice, nth, reason, instant);
    head.missed = missed;
    for (size_t i = 0; i < count; i++)
        mst_alert_send(s, slot, &addresses[i], &head);
}

void mst_notice_about(struct mst_step *s, const struct mst_about *about, enum mst_notice notice,
                      uint32_t nth, const struct mst_address *to, struct mst_slice reason,
                      mst_time instant)
{
    struct mst_alert_head head = head_of(notice, nth, reason, instant);
    struct mst_alert *alert = mst_emit_alert(s);
    if (!alert)
        return;
    snprintf(alert->kind, sizeof alert->kind, "%s", head.kind);
    snprintf(alert->audience, sizeof alert->audience, "%s", to->audience);
    snprintf(alert->role, sizeof alert->role, "%s", to->role);
    snprintf(alert->obligation, sizeof alert->obligation, "%s", about->id);
    snprintf(alert->bearer, sizeof alert->bearer, "%s", about->bearer);
    snprintf(alert->group, sizeof alert->group, "%s", about->group);
    alert->rung = head.rung;
    alert->level = head.level;
    alert->occurrence = nth;
    alert->instant = instant;
    alert->fired = s->now;
    mst_slice_copy(reason, alert->reason, sizeof alert->reason);
    mst_alert_id(about->id, alert->revision, alert->rung, alert->occurrence, alert->audience,
                 alert->id);
}

void mst_notice_issued(struct mst_step *s, const struct mst_slot *slot, struct mst_slice reason)
{
    struct mst_address cc = {0};
    struct mst_alert_head head = head_of(MST_NOTICE_ISSUED, slot->o.moves, reason, s->now);
    at_desk(&cc, MST_AUDIENCE_CC);
    mst_alert_send(s, slot, &cc, &head);
}

void mst_notice_send(struct mst_step *s, const struct mst_slot *slot, enum mst_notice notice,
                     uint32_t to, struct mst_slice reason, mst_time instant)
{
    mst_notice_send_nth(s, slot, notice, to, slot->o.moves, 0, reason, instant);
}
