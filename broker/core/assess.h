/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assessment: how a period's obligations turned out, counted. A pure function of what a core
 * holds, so that the same question put to another core gives the other answer: "as known on date D"
 * is the question put to a core that the ledger was replayed into up to D, and "as known now" the
 * same put to the running one.
 *
 * Numerator and denominator come from the same set: whatever is counted on time has been counted
 * due. Both views stand side by side: `original` judges by the original due dates, `effective` by
 * those that extensions have moved.
 */
#ifndef MST_BROKER_CORE_ASSESS_H
#define MST_BROKER_CORE_ASSESS_H

#include "broker/core/core.h"

/* What rows are made of: one row for each combination of those that are set; 0: one row for all. */
enum mst_assess_by {
    MST_ASSESS_BY_DUTY = 1 << 0,
    MST_ASSESS_BY_PERIOD = 1 << 1,
    MST_ASSESS_BY_GROUP = 1 << 2,
    MST_ASSESS_BY_BEARER = 1 << 3,
};

struct mst_assess_query {
    const char *period; /* only periods inside this one ("2023Q3", "2023"); NULL: all. A week
                           belongs where its Thursday is; what is owed once, where the issue date
                           is. A period counts where it lies itself, not where it is due. */
    const char *duty, *group, *bearer; /* only these; NULL: all. bearer "": the office's own */
    mst_time
        due_by;  /* only what was due by this instant is in the denominators; MST_NEVER: by now */
    unsigned by; /* set of enum mst_assess_by */
};

/*
 * Invariants: due = on_time + in_grace + late + missing + open; on_time <= due; attested <=
 * on_time.
 */
struct mst_tally {
    uint32_t due;      /* the denominator */
    uint32_t on_time;  /* the attested ones included */
    uint32_t attested; /* queued in time while the broker was down */
    uint32_t in_grace;
    uint32_t late;
    uint32_t missing; /* locked without a submission */
    uint32_t open; /* nothing submitted by the end of grace, and not locked yet: counts against */
    uint32_t returns;  /* returns of those that are due, each one counted */
    int64_t days_late; /* working days, of the late ones together */
    int64_t points;    /* by the rubric, of those that are due together */
    uint32_t
        rate_permille; /* on-time rate by the rubric's rule for grace; 0 where nothing is due */
};

struct mst_assess_row {
    /* Empty where rows are not made by it. */
    char duty[MST_ID_MAX], period[MST_PERIOD_KEY_MAX], group[MST_ID_MAX], bearer[MST_ID_MAX];
    uint32_t all;    /* materialised, whatever became of it */
    uint32_t waived; /* these leave the denominators, as do the next three … */
    uint32_t not_applicable;
    uint32_t left;     /* superseded or cancelled */
    uint32_t not_due;  /* … and what is not due yet, by the effective date */
    uint32_t returned; /* obligations that were returned at least once */
    uint32_t correction_days_late;
    uint32_t conflicts; /* the assessor bears it itself: the director judged */
    struct mst_tally original, effective;
    uint32_t rank; /* from 1, by points per obligation that is due; 0: ranking is off, or nothing is
                      due */
};

struct mst_assessment {
    struct mst_assess_row *rows; /* in the programme's order: duty, then period, group, bearer */
    size_t count;
    mst_time known_at; /* the core's own time */
    mst_time due_by;
    struct mst_rubric rubric; /* by which it was scored */
};

/* MST_E_SYNTAX for a period of no kind, MST_E_UNKNOWN for a duty, group or bearer that nothing is
 * known of, MST_E_NOMEM. */
MST_MUST_CHECK int mst_assess(const struct mst_core *core, const struct mst_assess_query *query,
                              struct mst_assessment *ret_assessment, struct mst_err *err);
void mst_assessment_done(struct mst_assessment *assessment);

#define MST_FORMULA_MAX 320
/* How rate and points came about, in words of the fields above, to be printed with every result.
 * Returns buf. */
char *mst_assess_formula(const struct mst_rubric *rubric, char buf[MST_FORMULA_MAX]);

#endif
