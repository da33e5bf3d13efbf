/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owes what, when: duties times bearers times periods, with every instant worked out. Pure: a
 * function of the programme. The core materialises from it, `musterctl calendar` prints it.
 */
#ifndef MST_CONFIG_MODEL_SCHEDULE_H
#define MST_CONFIG_MODEL_SCHEDULE_H

#include "config/model/programme.h"

/*
 * The instants of one duty in one period.
 * Invariants: due <= grace_until <= locks; opens <= due where it is applicable.
 */
struct mst_dates {
    mst_time opens;       /* first instant of the opening day, never before the issue date's */
    mst_day due_day;      /* the last day on which it is on time */
    mst_time due;         /* half-open: the local midnight after due_day */
    mst_time grace_until; /* half-open; equals due where there is no grace */
    mst_time locks;       /* MST_NEVER: never */
    bool provisional;     /* the calendar does not cover every day that due or grace counted */
    bool applicable;      /* false: owed by nobody */
    const char
        *reason; /* why not applicable (a message id or the programme's words); NULL otherwise */
};

/* One expected obligation. Indices into the programme; SIZE_MAX where there is none. */
struct mst_expected {
    size_t duty;
    struct mst_period period;
    size_t bearer; /* unit; SIZE_MAX: the office itself */
    size_t group;
    size_t area; /* within the group, for duties scoped by focus area */
    enum mst_counterpart_kind counterpart_kind;
    size_t counterpart;  /* unit; SIZE_MAX: the office */
    const char *subject; /* of what is owed upon an event: what it is about; NULL otherwise */
    struct mst_dates dates;
};

/* Longest id of an obligation, with the NUL. */
#define MST_OBLIGATION_ID_MAX 128

/*
 * MST_E_INVALID when a date falls outside years 1..9999, no working day can be found, or it would
 * open after it is due. A period's note decides before everything else; without one, what was due
 * by the issue date's midnight is not applicable.
 */
MST_MUST_CHECK int mst_schedule_dates(const struct mst_programme *p, const struct mst_duty *duty,
                                      const struct mst_period *period, struct mst_dates *ret_dates,
                                      struct mst_err *err);

/*
 * "quarterly-progress/2023Q3/UNIT", unique on duty, period and bearer; scoped by group where one
 * unit may bear the duty for several groups ("…/UNIT/GROUP"), by focus area where it is
 * ("…/UNIT/AREA"), and by its subject where it is owed upon an event.
 */
void mst_schedule_id(const struct mst_programme *p, const struct mst_expected *expected,
                     char id[MST_OBLIGATION_ID_MAX]);

/*
 * What is owed about ret_expected->subject upon an event of this day, which stands for the period:
 * duty, bearer, group and subject are set, the rest is filled in. MST_E_INVALID as above.
 */
MST_MUST_CHECK int mst_schedule_event(const struct mst_programme *p, mst_day day,
                                      struct mst_expected *expected, struct mst_err *err);

/* Return 0 to go on; any other value stops the walk and is returned by it. */
typedef int (*mst_expected_fn)(void *context, const struct mst_expected *expected);

/* Set counterpart and its kind for the duty, bearer and group that are set. Nobody judges himself:
 * where it would come to that, the director does. */
void mst_schedule_counterpart(const struct mst_programme *p, struct mst_expected *expected);

/*
 * Walk the expected obligations of a duty whose period opens in [from, to), in order of opening,
 * then of bearer as the programme lists them, group by group. Not-applicable ones are included,
 * units that have ended by the opening are not.
 * MST_E_INVALID as above, for a first period that is no period of the duty, and for ids that
 * together exceed MST_OBLIGATION_ID_MAX.
 */
MST_MUST_CHECK int mst_schedule_opening(const struct mst_programme *p, size_t duty, mst_time from,
                                        mst_time to, mst_expected_fn fn, void *context,
                                        struct mst_err *err);
/* The first opening of any enforced duty at or after an instant; MST_NEVER when there is none. */
mst_time mst_schedule_next_opening(const struct mst_programme *p, mst_time from);

/*
 * The instant of a rung for given dates, and for nags the repeat-th repetition (0: the rung
 * itself). Never MST_NEVER for a valid rung: where no working day can be found, calendar days
 * count. A rung after the end of grace never comes before it.
 */
mst_time mst_schedule_rung(const struct mst_programme *p, const struct mst_rung *rung,
                           mst_day due_day, mst_time grace_until, int repeat);

/* Working days begun since the end of grace, at least 1: how late a submission at `at` is. */
int mst_schedule_days_late(const struct mst_programme *p, mst_time grace_until, mst_time at);

#endif
