/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A programme: who (units, groups, focus areas, offices), what they owe (duties), and the rules of
 * time (calendar, zone, ladder). Filled by config/load from files, never changed afterwards, shared
 * by reference. Nothing here knows any particular programme.
 *
 * Life: config/load builds one inside an arena, the struct itself included, with one reference;
 * mst_programme_unref() by the last holder frees it all. Every pointer inside belongs to the
 * programme. References may be taken and given back in any thread. One without an arena (a table in
 * a program) is never freed.
 */
#ifndef MST_CONFIG_MODEL_PROGRAMME_H
#define MST_CONFIG_MODEL_PROGRAMME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/model/calendar.h"
#include "config/model/date.h"
#include "config/model/form.h"
#include "config/model/label.h"
#include "config/model/period.h"
#include "config/model/zone.h"
#include "proto/msg.h"

/* An id: [a-z0-9][a-z0-9-]*, at most this many bytes with the NUL. */
#define MST_ID_MAX 48

/* The three contacts of a unit; they are the rungs of its escalation ladder. */
enum mst_contact_role {
    MST_CONTACT_CLERK,
    MST_CONTACT_DEPUTY,
    MST_CONTACT_HEAD,
    MST_CONTACT_ROLES
};

struct mst_contact {
    const char *name;    /* NULL: post not filled */
    const char *address; /* e-mail or URL; NULL: none */
    const char *phone;   /* NULL: none */
};

/* A name that a unit bore until the day before `until`. */
struct mst_former_name {
    mst_day until;
    struct mst_label name;
};

struct mst_unit {
    const char *id;
    struct mst_label name;
    const char *const *aliases;
    size_t aliases_count;
    const struct mst_former_name *former; /* ascending */
    size_t former_count;
    /* Where it has ended: from the day `ended` on it owes nothing new, and what it owed is the
     * first successor's. Merged has one, split has several. */
    const size_t *successors;
    size_t successors_count; /* 0: it goes on */
    mst_day ended;
    const char *kind; /* free word for people: department, company, school, county; may be NULL */
    struct mst_contact contacts[MST_CONTACT_ROLES];
    bool outside; /* bears duties without being a member of a group (the county) */
};

struct mst_area { /* a focus area */
    const char *id;
    struct mst_label title;
};

/*
 * Invariants: lead and members are indices into units; a unit is in one group at most; ids of focus
 * areas are unique in the programme, since obligations are named by them.
 */
struct mst_group {
    const char *id;
    struct mst_label name;
    size_t lead;           /* SIZE_MAX: none, which `musterctl check` warns of */
    const size_t *members; /* without the lead */
    size_t members_count;
    const struct mst_area *areas;
    size_t areas_count;
    const char *head;        /* person; NULL: none */
    const char *deputy;      /* person; NULL: none */
    const char *city_leader; /* person, top rung and read-only subscriber; NULL: none */
};

struct mst_office {
    const char *id;
    struct mst_label name;
    size_t host;          /* the unit that houses it; SIZE_MAX: none */
    const char *acts_for; /* id of the office it acts for; NULL: itself */
    struct mst_contact director;
    struct mst_contact *staff;
    size_t staff_count;
};

enum mst_duty_kind {
    MST_DUTY_REPORT,     /* one report per period */
    MST_DUTY_QUOTA,      /* at least n per period */
    MST_DUTY_POST,       /* a post to be filled */
    MST_DUTY_SIGN_FOR,   /* sign for what was issued */
    MST_DUTY_REPLY,      /* answer a difficulty */
    MST_DUTY_ISSUE,      /* the office issues a batch */
    MST_DUTY_ASSESSMENT, /* the office publishes an assessment */
    MST_DUTY_ATTESTED,   /* an exhortation: listed, never ticked by software */
};

enum mst_bearer_kind {
    MST_BEARER_LEADS,
    MST_BEARER_MEMBERS,
    MST_BEARER_UNIT,
    MST_BEARER_OFFICE,
    MST_BEARER_ALL
};
enum mst_scope { MST_SCOPE_ONE, MST_SCOPE_GROUP, MST_SCOPE_AREA, MST_SCOPE_UNIT };
/* Who receives or reviews. */
enum mst_counterpart_kind {
    MST_COUNTERPART_OFFICE,
    MST_COUNTERPART_LEAD,
    MST_COUNTERPART_DIRECTOR
};

/* The ways to close, never merged: receive (收件), approve (审核), put on record (备案). */
enum mst_closing {
    MST_CLOSE_AUTOMATIC, /* received by the broker itself on submission */
    MST_CLOSE_RECEIVE,   /* received by the counterpart's act */
    MST_CLOSE_APPROVE,
    MST_CLOSE_RECORD,
    MST_CLOSE_FILL, /* a name on record fills a post */
    MST_CLOSE_NONE,
};

enum mst_anchor { MST_ANCHOR_START, MST_ANCHOR_END };
enum mst_offset_unit { MST_OFFSET_WORKING_DAYS, MST_OFFSET_DAYS, MST_OFFSET_MONTHS };

/*
 * A date relative to a period. Either fixed, month and day of (period's year + year_offset), or n
 * units before (n < 0) or after (n > 0) the anchor:
 *   after the end:    the day after the last day counts as the first (working) day
 *   before the end:   the last day is rolled back to a working day (day 0), then n are counted back
 *   after the start:  the first day, if it works, is working day 1
 *   before the start: the day before the first day, if it works, is working day 1
 * Calendar days count in the same way, every day being one; before the end, the last day is day 0.
 * Months: n months before or after the last day, or the day before the one that lies n months from
 * the first. Each is clamped to the month's last day, as a fixed 29 February is.
 * n = 0 is the anchor's own day. The date found is then rolled by `roll`.
 */
struct mst_date_rule {
    bool fixed;
    int month, day, year_offset;
    enum mst_anchor anchor;
    enum mst_offset_unit unit;
    int n;
    enum mst_roll roll;
};

enum mst_grace_kind { MST_GRACE_NONE, MST_GRACE_WORKING_DAYS, MST_GRACE_DAYS, MST_GRACE_THROUGH };
struct mst_grace {
    enum mst_grace_kind kind;
    int n;
    struct mst_date_rule through; /* the last day of grace */
};

/* Whom a rung tells. */
enum mst_audience {
    MST_AUDIENCE_CLERK,
    MST_AUDIENCE_DEPUTY,
    MST_AUDIENCE_HEAD,
    MST_AUDIENCE_LEAD, /* the lead unit of the bearer's group; where the bearer leads, the
                          counterpart */
    MST_AUDIENCE_COUNTERPART,
    MST_AUDIENCE_OFFICE,
    MST_AUDIENCE_DIRECTOR,
    MST_AUDIENCE_GROUP_HEAD,
    MST_AUDIENCE_CITY_LEADER,
    MST_AUDIENCES,
};

/*
 * A rung of the escalation ladder. days < 0: that many working days before the due date; 0: at the
 * end of grace; > 0: that many working days after the end of grace. at_ms is the local time of day.
 */
struct mst_rung {
    int days;
    int32_t at_ms;   /* 0..86399999; ignored where days is 0 */
    int level;       /* 0 reminder, 1 overdue, 2.. escalation level - 1 */
    uint32_t to;     /* bit set of enum mst_audience */
    int repeat_days; /* > 0 on the last rung only: nags every so many working days after it */
};

#define MST_RUNGS_MAX 16
struct mst_ladder {
    const char *id;
    struct mst_rung rungs[MST_RUNGS_MAX]; /* ascending by days */
    size_t rungs_count;
};

struct mst_period_note { /* a period that is treated apart */
    const char *key;
    const char *reason; /* exempt: why it is not applicable */
    mst_day due;        /* transitional: the due date instead; MST_DAY_NONE: exempt */
};

/* Most minutes that a quota may want, and most posts of one duty; they are kept in the obligation.
 */
#define MST_QUOTA_MAX 64
#define MST_POSTS_MAX 3
#define MST_POST_MAX 16       /* bytes of a post's id, with the NUL */
#define MST_POST_NAME_MAX 120 /* bytes of its name in each language; it goes into alerts */

/* One of several posts of a duty. The name is the id's where the programme gives none. */
struct mst_post {
    const char *id;
    struct mst_label name;
};

/* What a duty's reports have to do with tasks. */
enum mst_duty_tasks {
    MST_TASKS_NONE,
    MST_TASKS_LIST,     /* a list of tasks, which the office issues once it is approved */
    MST_TASKS_PLAN,     /* a list of the period's tasks, which are in force once it is closed */
    MST_TASKS_PROGRESS, /* the progress of every task of the group */
};

/* How lists are checked and lights are lit. Behind: percent points behind the straight line. */
struct mst_task_rules {
    int max;         /* most tasks of one list */
    bool outside;    /* units outside all groups may own tasks */
    int yellow, red; /* behind by so much: yellow, red */
};

struct mst_duty {
    const char *id;
    struct mst_label title;
    const char *clause; /* the source's own words */
    enum mst_duty_kind kind;
    bool enforced; /* false: declared, not enforced */
    enum mst_bearer_kind bearer;
    size_t bearer_unit; /* for MST_BEARER_UNIT */
    enum mst_scope scope;
    enum mst_counterpart_kind counterpart;
    enum mst_closing closing;
    enum mst_period_kind period;
    struct mst_date_rule opens; /* default: the period's first day */
    struct mst_date_rule due;
    struct mst_grace grace;
    const char *first; /* key of the first period; NULL: the one that contains the issue date */
    const struct mst_period_note *notes;
    size_t notes_count;
    int quota; /* for MST_DUTY_QUOTA: at least this many per period */
    bool pace; /* warn where fewer than k came by the end of the k-th of `quota` parts */
    const struct mst_post *posts; /* for MST_DUTY_POST; "clerk", "deputy" and "head" are the
                                     bearer's contacts */
    size_t posts_count;           /* 0: one post without an id */
    enum mst_duty_tasks tasks;
    bool reads_group;    /* whoever fills it, the bearer reads the obligation's group meanwhile */
    int review_days;     /* working days for the review; 0: no limit */
    int correction_days; /* working days for a correction after a return */
    int lock_days;       /* working days after due until locked; 0: never */
    size_t ladder;       /* index into ladders */
    const struct mst_form *form; /* by which submitted bodies are checked; NULL: any map is taken */
    uint32_t version;            /* of the rule; pinned at materialisation */
};

/*
 * How verdicts become points, by the programme file; a version of its own, since results name it.
 * Points are per obligation, a return's are added for each return.
 */
struct mst_rubric {
    uint32_t version;
    int on_time, in_grace, late, missing, returned;
    bool grace_counts; /* what came in grace counts as on time in the rate */
    bool ranking;      /* off unless the programme says otherwise */
};

/* Groups, by index; one beyond it has no liaison. */
#define MST_LIAISON_GROUPS_MAX 256
struct mst_group_set {
    uint64_t bits[MST_LIAISON_GROUPS_MAX / 64];
};

/*
 * Beside its own units, who reads a group's progress: a unit, or all of another group. Exactly one
 * of `unit` and `group` is an index, the other SIZE_MAX.
 */
struct mst_grant {
    size_t unit, group;
    size_t reads;       /* index of the group that is read */
    const char *reason; /* for the file's readers; NULL: none */
};

/* What a viewer sees. Whoever is not listed sees what is issued, and nothing else. */
enum mst_sight {
    MST_SIGHT_ISSUED,
    MST_SIGHT_GROUP, /* one group whole, as its city leader does */
    MST_SIGHT_ALL,
};

struct mst_viewer {
    const char *id; /* of the principal viewer:ID */
    enum mst_sight sight;
    size_t group; /* with MST_SIGHT_GROUP */
};

/* What reports may bring up beside their own contents, and when a difficulty has become old. */
#define MST_HELPERS_MAX 16
struct mst_matter_rules {
    int max;      /* most difficulties, and most projects, of one report */
    int helpers;  /* most units that are asked to help with one */
    int old_days; /* working days after which an open difficulty is told of again; 0: never */
};

/* What a programme was read from: enough to read it again, years later, without a file. */
enum mst_source { MST_SOURCE_FILE, MST_SOURCE_CALENDAR, MST_SOURCE_ZONE, MST_SOURCES };

struct mst_programme {
    const char *id;
    struct mst_label title;
    const char *source; /* document number */
    mst_day issued;     /* nothing is owed before it */
    int fiscal_month;   /* 1..12 */
    uint32_t version;
    const struct mst_zone *zone;
    const struct mst_calendar *calendar;
    const struct mst_unit *units;
    size_t units_count;
    const struct mst_group *groups;
    size_t groups_count;
    const struct mst_office *offices; /* the first is the one that acts */
    size_t offices_count;
    const struct mst_form *forms;
    size_t forms_count;
    const struct mst_duty *duties;
    size_t duties_count;
    const struct mst_ladder *ladders;
    size_t ladders_count;
    struct mst_rubric rubric;
    struct mst_task_rules tasks;
    struct mst_matter_rules matters;
    int silent_hours; /* an agent not heard of for so long is told of; 0: never */
    bool unattested;  /* arrival alone counts, even where the broker was down */
    int notice_days;  /* working days between a rebase and the earliest due date it may bring */
    const char *const *cc; /* read-only subscribers of what is issued */
    size_t cc_count;
    const struct mst_grant *grants;
    size_t grants_count;
    const struct mst_viewer *viewers;
    size_t viewers_count;
    uint8_t digest[MST_DIGEST_BYTES];      /* of all its sources */
    struct mst_slice sources[MST_SOURCES]; /* their bytes; data NULL: not read from files */
    struct mst_arena *arena;
    int refs;
};

struct mst_programme *mst_programme_ref(struct mst_programme *programme);
void mst_programme_unref(struct mst_programme *programme); /* NULL is legal */

/* SIZE_MAX when there is none. Names and aliases match too where said. */
size_t mst_programme_unit(const struct mst_programme *p, const char *id);
size_t mst_programme_unit_by_name(const struct mst_programme *p, const char *id_name_or_alias);
size_t mst_programme_group(const struct mst_programme *p, const char *id);
size_t mst_programme_duty(const struct mst_programme *p, const char *id);
/* One of the duty's several posts; NULL: it has none of this id. duty NULL is legal. */
const struct mst_post *mst_duty_post(const struct mst_duty *duty, const char *id);
/* The same by its id, or by its name in either language. */
const struct mst_post *mst_duty_post_by_name(const struct mst_duty *duty, const char *id_or_name);
/* Whether it had ended by that day. */
bool mst_unit_ended(const struct mst_unit *unit, mst_day day);
/* The group that the unit leads or is a member of; SIZE_MAX: none. */
size_t mst_programme_group_of(const struct mst_programme *p, size_t unit);
bool mst_programme_leads(const struct mst_programme *p, size_t unit);
/* May the unit read the group's progress: as one of its own, or by a grant? */
bool mst_programme_reads(const struct mst_programme *p, size_t unit, size_t group);
/* What a principal with the role viewer sees; ret_group gets the group, or SIZE_MAX. */
enum mst_sight mst_programme_sight(const struct mst_programme *p, const char *principal,
                                   size_t *ret_group);

/* What is filled in for the duty: its own form, or the one that serves where it has none. NULL: no
 * report is filed for it. */
const struct mst_form *mst_duty_form(const struct mst_duty *duty);
/* What a report of a unit of that group may name. SIZE_MAX: of none. */
struct mst_form_names mst_programme_names(const struct mst_programme *p, size_t group);

/* Owed when something happens, not when a period opens: sign-for, reply, issue. */
bool mst_duty_upon_event(const struct mst_duty *duty);

/* Words of enums as they stand in the programme file ("working-days", "preceding", "record"). */
const char *mst_duty_kind_word(enum mst_duty_kind kind);
const char *mst_closing_word(enum mst_closing closing);
const char *mst_audience_word(enum mst_audience audience);
const char *mst_roll_word(enum mst_roll roll);

#endif
