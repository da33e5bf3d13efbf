/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grants of the office: a unit, or all of a group, reads another group's progress until a date.
 *
 *   given ──until, or ungrant──► ended ──grant──► given
 *
 * The programme file grants without an end and without a trace of who asked; these have a reason,
 * rows in the ledger, and end by themselves. What either opens is the same: to read progress.
 */
#include <stdio.h>
#include <string.h>

#include "broker/core/authz.h"
#include "broker/core/grant.h"
#include "broker/core/inside.h"
#include "proto/pack.h"

void mst_grant_data_read(const struct mst_item *item, struct mst_grant_data *ret)
{
    *ret = (struct mst_grant_data){.reader = mst_unpack_text(item->data, "reader"),
                                   .reason = mst_unpack_text(item->data, "reason"),
                                   .by = mst_unpack_text(item->data, "by"),
                                   .until = mst_unpack_int(item->data, "until", 0)};
}

/* ---- what stands ---- */

struct mst_group_set mst_core_granted(const struct mst_core *core, const char *unit)
{
    const struct mst_programme *p = core->programme;
    struct mst_group_set set = {{0}};
    uint32_t index = mst_names_unit(&core->names, p, mst_text(unit));
    uint32_t own = index == MST_NONE ? MST_NONE : core->names.group_of[index];
    for (uint32_t i = 0; index != MST_NONE && i < core->items.grants_count; i++) {
        const struct mst_item *item = &core->items.grants[i]->item;
        struct mst_grant_data data;
        char reader[MST_ID_MAX + 8];
        mst_grant_data_read(item, &data);
        mst_slice_copy(data.reader, reader, sizeof reader);
        bool meant = item->owner[0] ? strcmp(item->owner, unit) == 0
                                    : own != MST_NONE &&
                                          strcmp(strchr(reader, ':') + 1, p->groups[own].id) == 0;
        size_t group = mst_programme_group(p, item->group);
        if (item->state == MST_ITEM_GIVEN && meant && group < MST_LIAISON_GROUPS_MAX)
            set.bits[group / 64] |= UINT64_C(1) << group % 64;
    }
    return set;
}

static struct mst_item *find_grant(const struct mst_core *core, const char *reader,
                                   const char *reads)
{
    for (uint32_t i = 0; i < core->items.grants_count; i++) {
        struct mst_item *item = &core->items.grants[i]->item;
        if (strcmp(item->group, reads) == 0 &&
            mst_slice_is(mst_unpack_text(item->data, "reader"), reader))
            return item;
    }
    return NULL;
}

const struct mst_item *mst_core_grant(const struct mst_core *core, const char *reader,
                                      const char *reads)
{
    return find_grant(core, reader, reads);
}

static size_t standing(const struct mst_core *core)
{
    size_t count = 0;
    for (uint32_t i = 0; i < core->items.grants_count; i++)
        count += core->items.grants[i]->item.state == MST_ITEM_GIVEN;
    return count;
}

/* ---- the acts ---- */

/* What the act is about, found in the programme. */
struct asked {
    const char *reader;
    char reads[MST_ID_MAX];
    char unknown[MST_ID_MAX + 8]; /* which group is none, for the refusal */
    uint32_t unit;                /* that reads; MST_NONE: a group does */
    size_t group;                 /* that reads, or that the unit is in; SIZE_MAX: none */
    size_t granted;               /* that is read */
};

static enum mst_code understand(const struct mst_core *core, const struct mst_input_act *act,
                                struct asked *ret, const char **subject)
{
    const struct mst_programme *p = core->programme;
    const char *reader = *subject = ret->reader = act->obligation ? act->obligation : "";
    ret->unit = MST_NONE;
    ret->group = SIZE_MAX;
    if (strncmp(reader, "unit:", 5) == 0) {
        ret->unit = mst_names_unit(&core->names, p, mst_text(reader + 5));
        if (ret->unit != MST_NONE && core->names.group_of[ret->unit] != MST_NONE)
            ret->group = core->names.group_of[ret->unit];
    } else if (strncmp(reader, "group:", 6) == 0) {
        ret->group = mst_programme_group(p, reader + 6);
    }
    if (ret->unit == MST_NONE && ret->group == SIZE_MAX)
        return MST_E_UNKNOWN;
    mst_slice_copy(mst_unpack_text(act->body, "group"), ret->reads, sizeof ret->reads);
    ret->granted = mst_programme_group(p, ret->reads);
    if (ret->granted != SIZE_MAX)
        return MST_OK;
    snprintf(ret->unknown, sizeof ret->unknown, "group: %s", ret->reads);
    *subject = ret->unknown;
    return MST_E_UNKNOWN;
}

/* What is told, to the reader and to the lead of the group that is read. */
static void tell(struct mst_step *s, const struct mst_item *item, const struct asked *asked,
                 enum mst_notice notice, const char *why)
{
    const struct mst_programme *p = s->core->programme;
    const struct mst_group *read = &p->groups[asked->granted];
    struct mst_grant_data data;
    char about[MST_OBLIGATION_ID_MAX], day[16], reason[1024];
    struct mst_address to[2] = {{.role = "reader"}, {.role = "lead"}};
    mst_grant_data_read(item, &data);
    size_t reader = asked->unit != MST_NONE ? asked->unit : p->groups[asked->group].lead;
    snprintf(about, sizeof about, "grant/%s", item->id);
    int used = snprintf(reason, sizeof reason, "%s: %s → %s, %s: ", item->id, asked->reader,
                        asked->reads, mst_day_format(mst_zone_day(p->zone, data.until - 1), day));
    mst_slice_copy(mst_text(why), reason + used, sizeof reason - (size_t)used);
    for (size_t i = 0; i < 2; i++) {
        size_t unit = i == 0 ? reader : read->lead;
        const struct mst_about what = {.id = about, .bearer = item->owner, .group = item->group};
        if (unit == SIZE_MAX || (i == 1 && unit == reader))
            continue;
        snprintf(to[i].audience, sizeof to[i].audience, "unit:%s", p->units[unit].id);
        mst_notice_about(s, &what, notice, item->moves, &to[i], mst_text(reason), s->now);
    }
}

static void contain(struct mst_step *s, struct mst_item *item, const struct mst_input_act *act)
{
    struct mst_buf b = {0};
    mst_pack_map(&b, 4);
    mst_pack_text(&b, "reader");
    mst_pack_text(&b, act->obligation);
    mst_pack_text(&b, "until");
    mst_pack_int(&b, act->until);
    mst_pack_text(&b, "reason");
    mst_pack_text(&b, act->reason);
    mst_pack_text(&b, "by");
    mst_pack_text(&b, act->actor);
    if (b.failed)
        s->failed = true;
    else
        mst_item_contain(s, item, mst_bytes(b.data, b.len));
    mst_buf_done(&b);
}

/* Again: until another day, for another reason. */
static enum mst_code give(struct mst_step *s, const struct mst_input_act *act,
                          const struct asked *asked, const char **subject)
{
    struct mst_core *core = s->core;
    struct mst_item *item = find_grant(core, asked->reader, asked->reads);
    char id[MST_ITEM_ID_MAX];
    bool fresh = !item;
    if (act->until <= s->now) {
        *subject = "until: " N_("must lie ahead");
        return MST_R_FORM;
    }
    if (asked->group == asked->granted)
        return MST_R_STATE; /* its own group is open to it anyway */
    if ((fresh || item->state != MST_ITEM_GIVEN) && standing(core) == MST_GRANTS_MAX)
        return MST_E_FULL;
    snprintf(id, sizeof id, "r%u", core->items.grants_count + 1);
    if (fresh ? !(item = mst_item_add(s, MST_ITEM_GRANT, id)) : !mst_item_touch(s, item))
        return MST_OK;
    if (asked->unit != MST_NONE)
        snprintf(item->owner, sizeof item->owner, "%s", core->programme->units[asked->unit].id);
    snprintf(item->group, sizeof item->group, "%s", asked->reads);
    contain(s, item, act);
    if (s->failed)
        return MST_OK;
    mst_item_move(s, item, "grant", MST_ITEM_GIVEN, act->actor, mst_text(act->reason));
    tell(s, item, asked, MST_NOTICE_GRANTED, act->reason);
    return MST_OK;
}

static enum mst_code take_back(struct mst_step *s, const struct mst_input_act *act,
                               const struct asked *asked)
{
    struct mst_item *item = find_grant(s->core, asked->reader, asked->reads);
    if (!item || item->state != MST_ITEM_GIVEN)
        return MST_R_STATE;
    if (!mst_item_touch(s, item))
        return MST_OK;
    mst_item_move(s, item, "ungrant", MST_ITEM_ENDED, act->actor, mst_text(act->reason));
    tell(s, item, asked, MST_NOTICE_UNGRANTED, act->reason);
    return MST_OK;
}

bool mst_grant_apply(struct mst_step *s, const struct mst_input_act *act)
{
    const struct mst_actor actor = {.principal = act->actor, .roles = act->roles};
    bool gives = strcmp(act->act, "grant") == 0;
    const char *subject = act->act;
    struct asked asked;
    if (!gives && strcmp(act->act, "ungrant") != 0)
        return false;
    enum mst_code code = MST_E_DENIED;
    if (mst_authz(s->core->programme, &actor, act->act, NULL))
        code = understand(s->core, act, &asked, &subject);
    if (code == MST_OK && (!act->reason || !act->reason[0]))
        code = MST_R_REASON;
    if (code == MST_OK)
        code = gives ? give(s, act, &asked, &subject) : take_back(s, act, &asked);
    if (code == MST_OK)
        mst_emit_accepted(s);
    else
        mst_emit_refused(s, code, subject);
    mst_grants_reckon(s->core);
    return true;
}

/* ---- their end ---- */

static mst_time end_of(const struct mst_item *item)
{
    return item->state == MST_ITEM_GIVEN ? mst_unpack_int(item->data, "until", MST_NEVER)
                                         : MST_NEVER;
}

void mst_grants_reckon(struct mst_core *core)
{
    core->next_expiry = MST_NEVER;
    for (uint32_t i = 0; i < core->items.grants_count; i++) {
        mst_time at = end_of(&core->items.grants[i]->item);
        if (at < core->next_expiry)
            core->next_expiry = at;
    }
}

void mst_grants_expire(struct mst_step *s, mst_time at)
{
    for (uint32_t i = 0; i < s->core->items.grants_count && !s->failed; i++) {
        struct mst_item *item = &s->core->items.grants[i]->item;
        if (end_of(item) <= at && mst_item_touch(s, item))
            mst_item_move(s, item, "expire", MST_ITEM_ENDED, "clock", mst_text(NULL));
    }
    mst_grants_reckon(s->core);
}
