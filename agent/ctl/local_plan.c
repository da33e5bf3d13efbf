/* SPDX-License-Identifier: Apache-2.0 */
/*
 * musterctl plan: what a new programme file would change before it is loaded, against an old file
 * or against what a broker has in force. Says what the rules of a reload do to dates; what has been
 * submitted, extended or waived meanwhile is the broker's to know, and a reload leaves that alone.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/ctl/ctl.h"
#include "config/load/load.h"
#include "config/model/schedule.h"
#include "proto/pack.h"

/* One expected obligation, as far as a change of programme can touch it. */
struct owed {
    char id[MST_OBLIGATION_ID_MAX];
    struct mst_dates dates;
    uint32_t version; /* of its duty */
};

struct side {
    struct mst_programme *p;
    struct owed *owed; /* ascending by id */
    size_t count, cap;
};

struct plan {
    struct mst_table *table;
    struct side old, new;
    mst_time at; /* of the reload */
    struct mst_err *err;
};

static int put(struct plan *plan, const char *change, const char *kind, const char *id,
               const char *was, const char *is)
{
    struct mst_buf row = {0};
    char what[MST_OBLIGATION_ID_MAX + 16];
    snprintf(what, sizeof what, "%s%s%s", kind, kind[0] ? " " : "", id);
    mst_pack_map(&row, 4);
    mst_pack_text(&row, "change");
    mst_pack_text(&row, change);
    mst_pack_text(&row, "what");
    mst_pack_text(&row, what);
    mst_pack_text(&row, "was");
    mst_pack_text(&row, was ? was : "");
    mst_pack_text(&row, "is");
    mst_pack_text(&row, is ? is : "");
    int code = row.failed ? mst_fail_on(plan->err, MST_E_NOMEM, id)
                          : mst_table_row(plan->table, mst_bytes(row.data, row.len), plan->err);
    mst_buf_done(&row);
    return code;
}

static int put_changed(struct plan *plan, const char *kind, const char *id, const char *field,
                       const char *was, const char *is)
{
    char what[MST_ID_MAX + 48];
    if (strcmp(was ? was : "", is ? is : "") == 0)
        return 0;
    snprintf(what, sizeof what, "%s, %s", id, field);
    return put(plan, "changed", kind, what, was, is);
}

/* ---- units and groups ---- */

static const char *group_of(const struct mst_programme *p, size_t unit)
{
    size_t group = mst_programme_group_of(p, unit);
    return group == SIZE_MAX ? "" : p->groups[group].id;
}

static int diff_units(struct plan *plan)
{
    const struct mst_programme *old = plan->old.p, *new = plan->new.p;
    int code = 0;
    for (size_t i = 0; !code && i < old->units_count; i++) {
        const struct mst_unit *unit = &old->units[i];
        size_t other = mst_programme_unit(new, unit->id);
        if (other == SIZE_MAX) {
            code = put(plan, "removed", "unit", unit->id, unit->name.zh, NULL);
            continue;
        }
        code =
            put_changed(plan, "unit", unit->id, "name", unit->name.zh, new->units[other].name.zh);
        if (!code)
            code = put_changed(plan, "unit", unit->id, "group", group_of(old, i),
                               group_of(new, other));
    }
    for (size_t i = 0; !code && i < new->units_count; i++) {
        if (mst_programme_unit(old, new->units[i].id) == SIZE_MAX)
            code = put(plan, "added", "unit", new->units[i].id, NULL, new->units[i].name.zh);
    }
    return code;
}

static const char *lead_of(const struct mst_programme *p, const struct mst_group *group)
{
    return group->lead == SIZE_MAX ? "" : p->units[group->lead].id;
}

static int diff_groups(struct plan *plan)
{
    const struct mst_programme *old = plan->old.p, *new = plan->new.p;
    int code = 0;
    for (size_t i = 0; !code && i < old->groups_count; i++) {
        const struct mst_group *group = &old->groups[i];
        size_t other = mst_programme_group(new, group->id);
        if (other == SIZE_MAX) {
            code = put(plan, "removed", "group", group->id, group->name.zh, NULL);
            continue;
        }
        const struct mst_group *is = &new->groups[other];
        code = put_changed(plan, "group", group->id, "name", group->name.zh, is->name.zh);
        if (!code)
            code = put_changed(plan, "group", group->id, "lead", lead_of(old, group),
                               lead_of(new, is));
        if (!code)
            code = put_changed(plan, "group", group->id, "head", group->head, is->head);
    }
    for (size_t i = 0; !code && i < new->groups_count; i++) {
        if (mst_programme_group(old, new->groups[i].id) == SIZE_MAX)
            code = put(plan, "added", "group", new->groups[i].id, NULL, new->groups[i].name.zh);
    }
    return code;
}

/* ---- duties ---- */

static const char *rule_text(const struct mst_date_rule *r, char *buf, size_t size)
{
    static const char *const units[] = {"working days", "days", "months"};
    int n;
    if (r->fixed)
        n = snprintf(buf, size, "%02d-%02d, year %+d", r->month, r->day, r->year_offset);
    else
        n = snprintf(buf, size, "%d %s %s %s", r->n < 0 ? -r->n : r->n, units[r->unit],
                     r->n < 0 ? "before" : "after", r->anchor == MST_ANCHOR_END ? "end" : "start");
    if (r->roll != MST_ROLL_NONE && n > 0 && (size_t)n < size)
        snprintf(buf + n, size - (size_t)n, ", rolled: %s", mst_roll_word(r->roll));
    return buf;
}

static int diff_duty(struct plan *plan, const struct mst_duty *was, const struct mst_duty *is)
{
    const struct mst_ladder *ladders[2] = {&plan->old.p->ladders[was->ladder],
                                           &plan->new.p->ladders[is->ladder]};
    char rules[4][96], numbers[6][16];
    snprintf(numbers[0], sizeof numbers[0], "%u", was->version);
    snprintf(numbers[1], sizeof numbers[1], "%u", is->version);
    snprintf(numbers[2], sizeof numbers[2], "%d", was->lock_days);
    snprintf(numbers[3], sizeof numbers[3], "%d", is->lock_days);
    snprintf(numbers[4], sizeof numbers[4], "%d", was->correction_days);
    snprintf(numbers[5], sizeof numbers[5], "%d", is->correction_days);
    const char *const fields[][3] = {
        {"title", was->title.zh, is->title.zh},
        {"clause", was->clause, is->clause},
        {"kind", mst_duty_kind_word(was->kind), mst_duty_kind_word(is->kind)},
        {"closing", mst_closing_word(was->closing), mst_closing_word(is->closing)},
        {"reads", was->reads_group ? "group" : "own", is->reads_group ? "group" : "own"},
        {"version", numbers[0], numbers[1]},
        {"enforced", was->enforced ? "yes" : "no", is->enforced ? "yes" : "no"},
        {"opens", rule_text(&was->opens, rules[0], sizeof rules[0]),
         rule_text(&is->opens, rules[1], sizeof rules[1])},
        {"due", rule_text(&was->due, rules[2], sizeof rules[2]),
         rule_text(&is->due, rules[3], sizeof rules[3])},
        {"lock_days", numbers[2], numbers[3]},
        {"correction_days", numbers[4], numbers[5]},
        {"ladder", ladders[0]->id, ladders[1]->id},
    };
    int code = 0;
    for (size_t i = 0; !code && i < sizeof fields / sizeof fields[0]; i++)
        code = put_changed(plan, "duty", was->id, fields[i][0], fields[i][1], fields[i][2]);
    return code;
}

static int diff_duties(struct plan *plan)
{
    const struct mst_programme *old = plan->old.p, *new = plan->new.p;
    int code = 0;
    for (size_t i = 0; !code && i < old->duties_count; i++) {
        size_t other = mst_programme_duty(new, old->duties[i].id);
        code = other == SIZE_MAX
                   ? put(plan, "removed", "duty", old->duties[i].id, old->duties[i].title.zh, NULL)
                   : diff_duty(plan, &old->duties[i], &new->duties[other]);
    }
    for (size_t i = 0; !code && i < new->duties_count; i++) {
        if (mst_programme_duty(old, new->duties[i].id) == SIZE_MAX)
            code = put(plan, "added", "duty", new->duties[i].id, NULL, new->duties[i].title.zh);
    }
    return code;
}

/* ---- dates ---- */

static int take_owed(void *context, const struct mst_expected *e)
{
    struct side *side = context;
    const struct mst_duty *duty = &side->p->duties[e->duty];
    if (!e->dates.applicable || !duty->enforced)
        return 0;
    if (side->count == side->cap) {
        size_t cap = side->cap ? 2 * side->cap : 256;
        struct owed *items = realloc(side->owed, cap * sizeof *items);
        if (!items)
            return MST_E_NOMEM;
        side->owed = items;
        side->cap = cap;
    }
    struct owed *mine = &side->owed[side->count++];
    mst_schedule_id(side->p, e, mine->id);
    mine->dates = e->dates;
    mine->version = duty->version;
    return 0;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct owed *)a)->id, ((const struct owed *)b)->id);
}

/* What opens until a year after the reload. */
static int gather(struct side *side, mst_time at, struct mst_err *err)
{
    const struct mst_programme *p = side->p;
    mst_day last = mst_day_add_months(mst_zone_day(p->zone, at), 12);
    mst_time from = mst_zone_midnight(p->zone, p->issued), to = mst_zone_midnight(p->zone, last);
    for (size_t i = 0; i < p->duties_count; i++) {
        if (!mst_duty_is_scheduled(&p->duties[i]) || to <= from)
            continue;
        int code = mst_schedule_opening(p, i, from, to, take_owed, side, err);
        if (code == MST_E_NOMEM)
            mst_fail_on(err, MST_E_NOMEM, "plan");
        if (code)
            return code;
    }
    if (side->count)
        qsort(side->owed, side->count, sizeof *side->owed, by_id);
    return 0;
}

/* As a reload decides: what has opened keeps its rule; another calendar moves it in the bearer's
 * favour, or freely where its date was provisional. */
static bool moves(const struct plan *plan, const struct owed *was, const struct owed *is)
{
    const struct mst_dates *a = &was->dates, *b = &is->dates;
    if (a->opens > plan->at)
        return true;
    bool same_calendar =
        memcmp(plan->old.p->calendar->digest, plan->new.p->calendar->digest, MST_DIGEST_BYTES) ==
            0 &&
        memcmp(plan->old.p->zone->digest, plan->new.p->zone->digest, MST_DIGEST_BYTES) == 0;
    if (same_calendar || was->version != is->version)
        return false;
    bool favours = b->due >= a->due && b->grace_until >= a->grace_until;
    return a->provisional ? favours || b->due > plan->at : favours;
}

static int diff_both(struct plan *plan, const struct owed *was, const struct owed *is)
{
    char before[11], after[11];
    if (was->dates.due == is->dates.due && was->dates.grace_until == is->dates.grace_until)
        return 0;
    mst_day_format(was->dates.due_day, before);
    mst_day_format(is->dates.due_day, after);
    return moves(plan, was, is) ? put(plan, "moved", "", was->id, before, after)
                                : put(plan, "kept", "", was->id, before, before);
}

static int diff_one(struct plan *plan, const struct owed *owed, bool removed)
{
    char day[11];
    mst_day_format(owed->dates.due_day, day);
    bool opened = owed->dates.opens <= plan->at;
    if (removed)
        return opened ? put(plan, "kept", "", owed->id, day, day)
                      : put(plan, "removed", "", owed->id, day, NULL);
    /* What was due before anybody was told of it is owed by nobody. */
    return owed->dates.due > plan->at ? put(plan, "added", "", owed->id, NULL, day) : 0;
}

static int diff_dates(struct plan *plan)
{
    const struct side *old = &plan->old, *new = &plan->new;
    size_t i = 0, k = 0;
    int code = 0;
    while (!code && (i < old->count || k < new->count)) {
        int order = i == old->count   ? 1
                    : k == new->count ? -1
                                      : strcmp(old->owed[i].id, new->owed[k].id);
        if (order < 0)
            code = diff_one(plan, &old->owed[i++], true);
        else if (order > 0)
            code = diff_one(plan, &new->owed[k++], false);
        else
            code = diff_both(plan, &old->owed[i++], &new->owed[k++]);
    }
    return code;
}

/* ---- the two sides ---- */

static int load_file(const char *path, struct mst_programme **ret, struct mst_err *err)
{
    struct mst_diags diags = {0};
    int code = mst_programme_load(path, &diags, ret, err);
    mst_diags_print(&diags, stderr);
    mst_diags_done(&diags);
    return code;
}

static int take_piece(void *context, struct mst_slice row)
{
    static const char *const names[MST_SOURCES] = {"file", "calendar", "zone"};
    struct mst_buf *bufs = context;
    struct mst_slice data = mst_unpack_bin(row, "data"), name = mst_unpack_text(row, "name");
    for (size_t i = 0; i < MST_SOURCES; i++) {
        if (!mst_slice_is(name, names[i]))
            continue;
        mst_buf_put(&bufs[i], data.data, data.len);
        return bufs[i].failed ? MST_E_NOMEM : 0;
    }
    return MST_E_PROTOCOL;
}

static int load_from_broker(const struct mst_ctl_call *call, struct mst_programme **ret,
                            struct mst_err *err)
{
    struct mst_buf bufs[MST_SOURCES] = {{0}};
    struct mst_slice sources[MST_SOURCES];
    struct mst_diags diags = {0};
    int code = mst_ctl_ask(call, "programme", take_piece, bufs, err);
    for (size_t i = 0; i < MST_SOURCES; i++)
        sources[i] = mst_bytes(bufs[i].data, bufs[i].len);
    if (!code)
        code = mst_programme_load_bytes(sources, _("the programme in force"), &diags, ret, err);
    for (size_t i = 0; i < MST_SOURCES; i++)
        mst_buf_done(&bufs[i]);
    mst_diags_done(&diags);
    return code;
}

static int load_sides(const struct mst_ctl_call *call, struct plan *plan, struct mst_err *err)
{
    const char *old = mst_ctl_value(call, "old"), *new = mst_ctl_value(call, "new");
    const char *diff = mst_ctl_value(call, "diff"), *at = mst_ctl_value(call, "at");
    if (diff ? old != NULL : !new)
        return mst_fail(err, MST_E_USAGE, _("two files, or --diff and one"));
    int code = load_file(diff ? diff : new, &plan->new.p, err);
    if (!code)
        code = diff ? load_from_broker(call, &plan->old.p, err) : load_file(old, &plan->old.p, err);
    if (!code && strcmp(plan->old.p->id, plan->new.p->id) != 0)
        code = mst_fail(err, MST_E_INVALID, _("programme %s cannot take the place of %s"),
                        plan->new.p->id, plan->old.p->id);
    if (code)
        return code;
    mst_day day = mst_zone_day(plan->old.p->zone, (mst_time)time(NULL) * 1000);
    if (at && mst_day_parse(at, &day, NULL))
        return mst_fail(err, MST_E_USAGE, _("--%s takes a date, not %s"), "at", at);
    plan->at = mst_zone_midnight(plan->old.p->zone, day);
    return 0;
}

static int compare(const struct mst_ctl_call *call, struct plan *plan, struct mst_err *err)
{
    int code = gather(&plan->old, plan->at, err);
    if (!code)
        code = gather(&plan->new, plan->at, err);
    if (code)
        return code;
    plan->table = mst_table_new(call->format, call->command->columns, stdout);
    if (!plan->table)
        return mst_fail_on(err, MST_E_NOMEM, "plan");
    plan->err = err;
    code = diff_units(plan);
    if (!code)
        code = diff_groups(plan);
    if (!code)
        code = diff_duties(plan);
    if (!code)
        code = diff_dates(plan);
    int end = mst_table_end(plan->table, code ? NULL : err);
    return code ? code : end;
}

int mst_ctl_plan(const struct mst_ctl_call *call)
{
    struct plan plan = {.table = NULL};
    struct mst_err err;
    int code = load_sides(call, &plan, &err);
    if (!code)
        code = compare(call, &plan, &err);
    free(plan.old.owed);
    free(plan.new.owed);
    mst_programme_unref(plan.old.p);
    mst_programme_unref(plan.new.p);
    return code ? mst_complain(call->line->app->program, &err) : MST_EXIT_OK;
}
