/* SPDX-License-Identifier: Apache-2.0 */
/* Weighing what speaks for a late report. See outlook.h for what it is not. */
#include "broker/core/outlook.h"

#include <stdlib.h>
#include <string.h>

#include "broker/core/inside.h"

/* Weights, and from which sum on it is likely. */
#define WEIGHT_STRONG 2
#define WEIGHT_WEAK 1
#define LIKELY_FROM 3
#define DAYS_SHORT 3

const char *mst_outlook_reason_word(enum mst_outlook_reason_kind kind)
{
    static const char *const words[MST_OUTLOOK_REASONS] = {
        [MST_OUTLOOK_LATE_BEFORE] = "late-before", [MST_OUTLOOK_SILENT] = "agent-away",
        [MST_OUTLOOK_RETURNED] = "returned",       [MST_OUTLOOK_ASKED] = "asked-for-time",
        [MST_OUTLOOK_MISSING] = "missing",         [MST_OUTLOOK_SHORT] = "short-time",
    };
    return words[kind];
}

const char *mst_likelihood_word(enum mst_likelihood likelihood)
{
    static const char *const words[MST_LIKELIHOODS] = {"unlikely", "possible", "likely"};
    return words[likelihood];
}

/* What became of a unit's earlier obligations of a duty. */
struct past {
    uint32_t late, all;
};

struct weighing {
    const struct mst_core *core;
    const struct mst_outlook_query *query;
    struct past *pasts; /* by unit, then by duty; behind the duties, of all together */
    size_t stride;
};

static struct past *past_of(const struct weighing *w, const struct mst_slot *slot, bool together)
{
    size_t duties = w->core->programme->duties_count;
    return &w->pasts[slot->bearer * w->stride + (together ? duties : slot->duty)];
}

static bool came_late(const struct mst_obligation *o)
{
    return o->verdict == MST_VERDICT_LATE || o->verdict == MST_VERDICT_MISSING ||
           (o->verdict == MST_VERDICT_NONE && o->overdue_told);
}

static void count_pasts(const struct weighing *w)
{
    for (uint32_t i = 0; i < w->core->table.count; i++) {
        const struct mst_slot *slot = mst_table_at(&w->core->table, i);
        bool decided = slot->o.verdict != MST_VERDICT_NONE || slot->o.overdue_told;
        if (!decided || slot->bearer == MST_NONE || slot->duty == MST_NONE)
            continue;
        for (int together = 0; together < 2; together++) {
            struct past *past = past_of(w, slot, together);
            past->all++;
            past->late += came_late(&slot->o);
        }
    }
}

/* ---- one obligation ---- */

static unsigned add(struct mst_outlook_row *row, enum mst_outlook_reason_kind kind, uint32_t n,
                    uint32_t of, unsigned weight)
{
    row->reasons[row->reasons_count++] = (struct mst_outlook_reason){kind, n, of};
    return weight;
}

/* How the bearer did with this duty; where it is its first, with the others. */
static unsigned weigh_past(const struct weighing *w, const struct mst_slot *slot,
                           struct mst_outlook_row *row)
{
    if (slot->bearer == MST_NONE || slot->duty == MST_NONE)
        return 0;
    const struct past *past = past_of(w, slot, false);
    if (past->all == 0)
        past = past_of(w, slot, true);
    if (past->late == 0)
        return 0;
    bool mostly = 2 * past->late >= past->all;
    return add(row, MST_OUTLOOK_LATE_BEFORE, past->late, past->all,
               mostly ? WEIGHT_STRONG : WEIGHT_WEAK);
}

static unsigned weigh_contact(const struct weighing *w, const struct mst_obligation *o,
                              struct mst_outlook_row *row)
{
    const struct mst_outlook_query *q = w->query;
    int hours = q->away_hours && o->bearer[0] ? q->away_hours(q->context, o->bearer) : -1;
    return hours < 0 ? 0 : add(row, MST_OUTLOOK_SILENT, (uint32_t)hours, 0, WEIGHT_STRONG);
}

/* Of several meetings or names, those that are not there when the period is more than half over. */
static unsigned weigh_missing(const struct mst_core *core, const struct mst_obligation *o,
                              struct mst_outlook_row *row)
{
    if (o->needed <= 1 || o->counted >= o->needed ||
        core->now - o->opens <= (row->due - o->opens) / 2)
        return 0;
    return add(row, MST_OUTLOOK_MISSING, o->needed - o->counted, o->needed, WEIGHT_WEAK);
}

static void weigh(const struct weighing *w, const struct mst_slot *slot,
                  struct mst_outlook_row *row)
{
    const struct mst_obligation *o = &slot->o;
    unsigned sum = weigh_past(w, slot, row) + weigh_contact(w, o, row);
    if (o->work == MST_WORK_RETURNED)
        sum += add(row, MST_OUTLOOK_RETURNED, o->returns, 0, WEIGHT_WEAK);
    if (o->extension_pending)
        sum += add(row, MST_OUTLOOK_ASKED, 0, 0, WEIGHT_STRONG);
    sum += weigh_missing(w->core, o, row);
    if (row->days_left <= DAYS_SHORT)
        sum += add(row, MST_OUTLOOK_SHORT, (uint32_t)row->days_left, 0, WEIGHT_WEAK);
    row->likelihood = sum >= LIKELY_FROM ? MST_LIKELY : sum > 0 ? MST_POSSIBLE : MST_UNLIKELY;
}

static bool is(const char *wanted, const char *has)
{
    return !wanted || strcmp(wanted, has) == 0;
}

static bool is_open(const struct weighing *w, const struct mst_obligation *o,
                    const struct mst_deadline *deadline)
{
    const struct mst_outlook_query *q = w->query;
    return mst_obligation_ball_with_bearer(o) && !o->locked && is(q->duty, o->duty) &&
           is(q->group, o->group) && is(q->bearer, o->bearer) && deadline->until > w->core->now &&
           deadline->due <= q->until;
}

static int by_likelihood(const void *a, const void *b)
{
    const struct mst_outlook_row *x = a, *y = b;
    if (x->likelihood != y->likelihood)
        return x->likelihood > y->likelihood ? -1 : 1;
    if (x->due != y->due)
        return x->due < y->due ? -1 : 1;
    return x->o->number < y->o->number ? -1 : 1;
}

static size_t weigh_all(const struct weighing *w, struct mst_outlook_row *rows)
{
    const struct mst_programme *p = w->core->programme;
    mst_day today = mst_zone_day(p->zone, w->core->now);
    size_t count = 0;
    for (uint32_t i = 0; i < w->core->table.count; i++) {
        const struct mst_slot *slot = mst_table_at(&w->core->table, i);
        struct mst_deadline deadline = mst_obligation_deadline(p, &slot->o);
        if (!is_open(w, &slot->o, &deadline))
            continue;
        struct mst_outlook_row *row = &rows[count++];
        *row = (struct mst_outlook_row){.o = &slot->o, .due = deadline.due};
        row->days_left = mst_calendar_count(p->calendar, today + 1, deadline.day + 1);
        weigh(w, slot, row);
    }
    return count;
}

int mst_outlook(const struct mst_core *core, const struct mst_outlook_query *query,
                struct mst_outlook_row **ret_rows, size_t *ret_count, struct mst_err *err)
{
    const struct mst_programme *p = core->programme;
    struct weighing w = {.core = core, .query = query, .stride = p->duties_count + 1};
    w.pasts = calloc(p->units_count * w.stride + 1, sizeof *w.pasts);
    struct mst_outlook_row *rows = calloc((size_t)core->table.count + 1, sizeof *rows);
    if (!w.pasts || !rows) {
        free(w.pasts);
        free(rows);
        return mst_fail_on(err, MST_E_NOMEM, "outlook");
    }
    count_pasts(&w);
    *ret_count = weigh_all(&w, rows);
    free(w.pasts);
    qsort(rows, *ret_count, sizeof *rows, by_likelihood);
    *ret_rows = rows;
    return 0;
}
