/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can only be seen with the whole programme in hand: gaps among the parties, years that no
 * notice covers, and dates that cannot be worked out or contradict each other.
 */
#include <stdlib.h>
#include <string.h>

#include "config/load/loader.h"
#include "config/model/schedule.h"

/* A programme is expected to run so many years after it was issued. */
#define YEARS_AHEAD 4
/* Periods of each duty whose dates are tried. */
#define PERIODS_TRIED 8

static void check_groupless(struct mst_loader *l)
{
    if (l->r.diags->errors != l->errors_before)
        return; /* it may be in the group whose members could not be read */
    bool *placed = mst_read_alloc(&l->r, l->p->units_count, sizeof *placed);
    if (!placed)
        return;
    for (size_t i = 0; i < l->p->groups_count; i++) {
        const struct mst_group *group = &l->p->groups[i];
        if (group->lead != SIZE_MAX)
            placed[group->lead] = true;
        for (size_t j = 0; j < group->members_count; j++)
            placed[group->members[j]] = true;
    }
    for (size_t i = 0; i < l->p->units_count; i++) {
        if (!placed[i] && !l->units[i].outside && l->units[i].id[0] &&
            !l->units[i].successors_count)
            MST_WARN(&l->r, l->unit_nodes[i],
                     _("put it into a group, or say `outside: true` if that is meant"),
                     _("the unit %s is in no group"), l->units[i].id);
    }
}

/* The first duty that cannot do without the leads of groups; NULL: none. */
static const struct mst_duty *needs_leads(const struct mst_programme *p)
{
    for (size_t i = 0; i < p->duties_count; i++) {
        const struct mst_duty *duty = &p->duties[i];
        if (duty->bearer == MST_BEARER_LEADS || duty->bearer == MST_BEARER_MEMBERS ||
            duty->counterpart == MST_COUNTERPART_LEAD)
            return duty;
        const struct mst_ladder *ladder =
            duty->ladder < p->ladders_count ? &p->ladders[duty->ladder] : NULL;
        for (size_t j = 0; ladder && duty->enforced && j < ladder->rungs_count; j++) {
            if (ladder->rungs[j].to & 1U << MST_AUDIENCE_LEAD)
                return duty;
        }
    }
    return NULL;
}

static void check_leads(struct mst_loader *l)
{
    const struct mst_duty *duty = needs_leads(l->p);
    for (size_t i = 0; i < l->p->groups_count; i++) {
        const struct mst_group *group = &l->p->groups[i];
        if (group->lead != SIZE_MAX || mst_node_get(l->group_nodes[i], "lead"))
            continue; /* a lead that is named wrongly has been told already */
        if (duty)
            MST_FAULT(&l->r, l->group_nodes[i], _("name its lead unit under `lead`"),
                      _("the group %s has no lead, and the duty %s needs one"), group->id,
                      duty->id);
        else
            MST_WARN(&l->r, l->group_nodes[i], _("name its lead unit under `lead`"),
                     _("the group %s has no lead"), group->id);
    }
}

static bool covers(const struct mst_calendar *calendar, int year)
{
    for (size_t i = 0; i < calendar->years_count; i++) {
        if (calendar->years[i].year == year)
            return true;
    }
    return false;
}

static void check_years(struct mst_loader *l)
{
    const struct mst_node *node = mst_node_get(l->root, "calendar");
    if (!node || l->p->issued == MST_DAY_NONE || !l->calendar_read)
        return;
    int issued = mst_civil_of(l->p->issued).year;
    char years[YEARS_AHEAD * 8 + 8] = "";
    for (int year = issued; year <= issued + YEARS_AHEAD; year++) {
        size_t used = strlen(years);
        if (!covers(l->p->calendar, year))
            snprintf(years + used, sizeof years - used, "%s%d", used ? ", " : "", year);
    }
    if (years[0])
        MST_WARN(&l->r, node,
                 _("dates there are provisional until the calendar gains their notice"),
                 _("the calendar has no notice for %s"), years);
}

void mst_load_check_parties(struct mst_loader *l)
{
    check_groupless(l);
    check_leads(l);
    check_years(l);
}

static void check_duty_dates(struct mst_loader *l, const struct mst_duty *duty,
                             const struct mst_node *node)
{
    int fiscal = l->p->fiscal_month;
    struct mst_period period;
    struct mst_err err = {0};
    if (duty->period == MST_PERIOD_ONCE)
        period = mst_period_once(l->p->issued);
    else if (!duty->first)
        period = mst_period_containing(duty->period, fiscal, l->p->issued);
    else if (mst_period_parse(duty->first, fiscal, l->p->issued, &period, NULL))
        return; /* told while it was read */
    const struct mst_node *due = mst_node_get(node, "due");
    for (int i = 0; i < PERIODS_TRIED; i++) {
        struct mst_dates dates;
        if (mst_schedule_dates(l->p, duty, &period, &dates, &err)) {
            MST_FAULT(&l->r, due ? due : node, err.hint, "%s", err.text);
            return;
        }
        if (duty->period == MST_PERIOD_ONCE)
            return;
        period = mst_period_next(&period, fiscal);
    }
}

void mst_load_check_dates(struct mst_loader *l)
{
    for (size_t i = 0; i < l->p->duties_count; i++)
        check_duty_dates(l, &l->p->duties[i], l->duty_nodes[i]);
}
