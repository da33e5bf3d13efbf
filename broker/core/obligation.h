/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An obligation: one duty, one bearer, one period. It has three independent axes, never one enum:
 * its phase (a function of time, computed), its work state (moved by events only) and its verdict
 * (written once per due revision).
 */
#ifndef MST_BROKER_CORE_OBLIGATION_H
#define MST_BROKER_CORE_OBLIGATION_H

#include <stdbool.h>
#include <stdint.h>

#include "config/model/programme.h"
#include "config/model/schedule.h"
#include "proto/buf.h"
#include "proto/err.h"
#include "proto/msg.h"

enum mst_work {
    MST_WORK_AWAITING,
    MST_WORK_SUBMITTED,
    MST_WORK_UNDER_REVIEW,
    MST_WORK_RETURNED,
    MST_WORK_CLOSED,
    MST_WORK_WAIVED,
    MST_WORK_SUPERSEDED,
    MST_WORK_CANCELLED,
    MST_WORK_NOT_APPLICABLE,
    MST_WORKS,
};

enum mst_phase {
    MST_PHASE_UPCOMING,
    MST_PHASE_OPEN,
    MST_PHASE_DUE_SOON, /* from the first reminder on */
    MST_PHASE_GRACE,
    MST_PHASE_OVERDUE,
    MST_PHASE_ESCALATED, /* with a level */
    MST_PHASE_LOCKED,
    MST_PHASES,
};

enum mst_verdict {
    MST_VERDICT_NONE,
    MST_VERDICT_ON_TIME,
    MST_VERDICT_ON_TIME_ATTESTED, /* queued in time while the broker was down */
    MST_VERDICT_IN_GRACE,
    MST_VERDICT_LATE,
    MST_VERDICT_MISSING,
    MST_VERDICTS,
};

const char *mst_work_word(enum mst_work work);          /* "under-review" */
const char *mst_phase_word(enum mst_phase phase);       /* "due-soon" */
const char *mst_verdict_word(enum mst_verdict verdict); /* "on-time"; "" for none */

#define MST_VERSIONS_MAX 8 /* kept inline; the ledger has them all */
#define MST_RECORD_NUMBER_MAX 64
#define MST_HOLDERS_MAX 6 /* kept inline: those in office, then as many earlier ones as fit */

#define MST_SUBJECT_MAX 64

/* Who holds a post, or held it. */
struct mst_holder {
    char post[MST_POST_MAX]; /* which of the duty's posts; empty where it has one only */
    char name[64];
    char phone[32];
    char address[64];
    mst_time from, until; /* until 0: in office */
};

/* One submitted version of the report. */
struct mst_version {
    mst_time at;  /* taken off the socket */
    uint64_t row; /* ledger row of the report: its receipt number */
};

/*
 * Invariants: due <= grace_until <= locks; versions_count grows only; verdict, once not NONE,
 * changes only by an annulling event; returns <= versions_count. Where `needed` is not 0, it is
 * closed only with counted >= needed; a holder in office stands for each post that is filled.
 */
struct mst_obligation {
    uint64_t number; /* order of materialisation, from 1; breaks ties between equal instants */
    char id[MST_OBLIGATION_ID_MAX];
    char duty[MST_ID_MAX];
    char period[MST_PERIOD_KEY_MAX];
    char bearer[MST_ID_MAX];      /* unit id; empty: the office */
    char group[MST_ID_MAX];       /* empty: none */
    char counterpart[MST_ID_MAX]; /* unit id; empty: the office */
    bool director;                /* review and alerts go to the office director */
    enum mst_closing closing;
    enum mst_duty_kind kind;
    char subject[MST_SUBJECT_MAX]; /* of what is owed upon an event: what it is about, an item's id
                                      for one; empty otherwise */
    mst_day event_day;             /* with a subject: the day that its dates count from */
    uint32_t rule_version;         /* of the duty, pinned */
    uint8_t calendar[MST_DIGEST_BYTES];
    uint8_t zone[MST_DIGEST_BYTES];
    bool provisional;

    mst_time opens;
    mst_time original_due;
    mst_time original_grace_until;
    mst_day due_day; /* of the effective due instant */
    mst_time due;    /* effective */
    mst_time grace_until;
    mst_time locks;        /* MST_NEVER: never */
    uint32_t due_revision; /* 0 original; +1 per extension */

    enum mst_work work;
    enum mst_verdict verdict;
    int days_late;                                 /* working days, with MST_VERDICT_LATE */
    struct mst_version versions[MST_VERSIONS_MAX]; /* the first ones; the last stays in `latest` */
    uint32_t versions_count;
    struct mst_version latest;
    mst_time decided_at; /* of the submission that earned the verdict; 0: none did */
    mst_time changed_at; /* of the latest transition */
    mst_time closed_at;  /* 0: not closed */
    char record_number[MST_RECORD_NUMBER_MAX];

    uint32_t returns;        /* times returned */
    mst_time correction_due; /* 0: no correction pending */
    mst_time review_due;     /* 0: no review pending, or no limit */
    int correction_days_late;

    bool extension_pending;
    mst_time extension_until; /* asked for; 0: none named */

    uint32_t needed;                /* minutes of a quota, names of a post; 0: one report */
    uint32_t counted;               /* so many have come; may exceed a quota */
    mst_day minutes[MST_QUOTA_MAX]; /* dates of the meetings counted, in order of filing */
    uint32_t pace_told;             /* parts of the period whose pace has been looked at */
    struct mst_holder holders[MST_HOLDERS_MAX]; /* in order of entering */
    uint32_t holders_count;

    char successor[MST_OBLIGATION_ID_MAX]; /* by which it was superseded; empty: none */
    mst_time acknowledged_at; /* the office has seen what was told in this clock; 0: not yet */

    uint32_t clock; /* restarts of the bearer's clock: extensions, returns, and whatever else hands
                       the ball back; published as an alert's `revision`, so part of its id */
    uint32_t rung_next; /* next rung of the ladder to fire in this clock */
    uint32_t nags;      /* repetitions of the last rung so far */
    uint32_t urges;
    uint32_t moves;    /* transitions so far; numbers the alerts that no rung makes */
    uint32_t told;     /* set of enum mst_audience told of being overdue, and not yet of its end */
    bool overdue_told; /* an overdue alert stands in this clock */
    bool review_told;  /* the stalled review was told */
    bool locked;       /* the lock was reached and recorded */
};

/*
 * Phase at an instant; ret_level (may be NULL) gets the highest rung level that has been reached.
 * The clock stops while the ball is not with the bearer: what was submitted keeps the phase it had
 * then. While returned, the correction's deadline stands for the due instant.
 */
enum mst_phase mst_obligation_phase(const struct mst_programme *p, const struct mst_obligation *o,
                                    mst_time now, int *ret_level);
/*
 * Whether the phase says anything of it: nothing once it has come to an end, and from the first
 * reminder to escalation only while its bearer still has something to do.
 */
bool mst_obligation_phase_tells(enum mst_phase phase, const struct mst_obligation *o);
/* Its phase's word; "" where that says nothing. */
const char *mst_obligation_phase_word(const struct mst_programme *p, const struct mst_obligation *o,
                                      mst_time now);
/*
 * The verdict against the original due date, where an extension has moved it: both are reported.
 * Equals `verdict` where nothing was extended; NONE before the first submission.
 */
enum mst_verdict mst_obligation_original_verdict(const struct mst_programme *p,
                                                 const struct mst_obligation *o,
                                                 int *ret_days_late);
/* Its period, which is the event's day for what is owed upon one; false: none of the programme's.
 */
bool mst_obligation_period(const struct mst_programme *p, const struct mst_obligation *o,
                           struct mst_period *ret_period);
/* True while a submission is owed by the bearer: awaiting or returned. */
bool mst_obligation_ball_with_bearer(const struct mst_obligation *o);

/* True while the correction's deadline stands for the due instant: returned, or a post vacated. */
bool mst_obligation_correcting(const struct mst_obligation *o);
/* Who is in office at a post ("" for the only one); NULL: nobody. */
const struct mst_holder *mst_obligation_holder(const struct mst_obligation *o, const char *post);

/* The stored form: a msgpack map with named fields. Unknown fields are ignored on reading. */
void mst_obligation_pack(const struct mst_obligation *o, struct mst_buf *out);
MST_MUST_CHECK int mst_obligation_unpack(struct mst_slice bytes, struct mst_obligation *ret_o,
                                         struct mst_err *err);

#endif
