/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deadline engine of one programme: it decides what is owed, on time, due a reminder, overdue.
 * The caller hands it one input at a time, each carrying the instant at which it happened, and
 * collects effects from a list. It opens nothing, reads no clock and keeps no pointer to what it
 * was given except the programme, so equal inputs in equal order give equal effects. The broker
 * feeds it real time and the simulator virtual time; nothing here can tell them apart.
 *
 * Effects stand in the order in which they must be carried out: a record is stored before the
 * answer that promises it, and both before an alert that mentions it. The caller that cannot carry
 * them out must throw the core away and load it again from what is stored.
 */
#ifndef MST_BROKER_CORE_CORE_H
#define MST_BROKER_CORE_CORE_H

#include "broker/core/item.h"
#include "broker/core/obligation.h"

/* Roles are a set. A lead is a unit whose group's data it may read; derived, not granted. */
enum mst_role {
    MST_ROLE_UNIT = 1 << 0,
    MST_ROLE_OFFICE = 1 << 1,
    MST_ROLE_DIRECTOR = 1 << 2,
    MST_ROLE_VIEWER = 1 << 3,
    MST_ROLE_ADMIN = 1 << 4,
    MST_ROLE_LEAD = 1 << 5,
};

/* ---- inputs ---- */

enum mst_input_kind {
    MST_INPUT_TICK,      /* time has reached `now` */
    MST_INPUT_REPORT,    /* a verified report of a unit */
    MST_INPUT_ACT,       /* an act of the office or the director */
    MST_INPUT_PROGRAMME, /* from now on this programme */
    MST_INPUT_DOWN,      /* the broker was not running in [down_from, now) */
    MST_INPUT_CONTACTS,  /* when each agent was heard of last, as the sessions know it */
    MST_INPUT_SECURITY,  /* something that the office is to be told of */
};

struct mst_input_contacts {
    const struct mst_contact_fact {
        const char *unit;
        mst_time heard; /* 0: never yet, which says nothing */
    } * items;          /* all units whose agents are known, in any order */
    size_t count;
};

enum mst_security {
#define SECURITY(name, word, rung, level, period_h) MST_SECURITY_##name,
#include "broker/core/security.def"
#undef SECURITY
};

struct mst_input_security {
    enum mst_security event;
    const char *who;     /* the principal that it is about, at most 64 bytes */
    const char *address; /* whence it came; "": from nowhere */
};

struct mst_input_report {
    const char *unit; /* the authenticated speaker */
    const struct mst_msg_report *report;
    uint64_t row; /* ledger row it will be stored as */
};

struct mst_input_act {
    const char *actor; /* principal, e.g. "office:main", "uid:0" */
    unsigned roles;    /* set of enum mst_role */
    const char *act; /* a word of lifecycle.def: "review", "return", "approve", "record", "receive",
                        "urge", ... */
    const char *obligation; /* id; of silence and unsilence also "unit:UNIT" or "duty:DUTY"; of
                               amend-task a task's; of grant and ungrant "unit:UNIT" or
                               "group:GROUP", who reads */
    const char *reason;     /* may be NULL */
    const char *number;     /* record number; may be NULL */
    const char *successor;  /* of a supersede: the id of the other obligation; may be NULL */
    struct mst_slice body;  /* of a fill or vacate: a map as a report's; of an amendment what it
                               becomes: owner, helpers (an array), due; of
                               a grant the group that is read: group; data NULL: none */
    mst_time until;         /* of an extension: an instant within the new last day; of a silence:
or a grant: its end; 0: none */
    bool override;          /* of an extension: grant it although it is overdue */
};

struct mst_input {
    enum mst_input_kind kind;
    mst_time now; /* never before an earlier input's; the caller freezes, the core asserts */
    union {
        struct mst_input_report report;
        struct mst_input_act act;
        struct mst_programme *programme; /* referenced by the core */
        mst_time down_from;
        struct mst_input_contacts contacts;
        struct mst_input_security security;
    } u;
};

/* ---- effects ---- */

enum mst_effect_kind {
    MST_EFFECT_STATE,      /* store what mst_core_state_pack() writes now */
    MST_EFFECT_OBLIGATION, /* store this snapshot of an obligation */
    MST_EFFECT_ITEM,       /* store this snapshot of an item */
    MST_EFFECT_TRANSITION, /* a ledger row: what moved, from where, why */
    MST_EFFECT_ITEM_MOVE,  /* likewise, of an item */
    MST_EFFECT_ALERT,      /* the next number of the alert log */
    MST_EFFECT_ACCEPTED,   /* the report or act is accepted */
    MST_EFFECT_REFUSED,    /* it is refused: an answer, stored like a receipt */
};

struct mst_transition {
    char obligation[MST_OBLIGATION_ID_MAX];
    char event[MST_ID_MAX]; /* "materialise", "submit", "return", "lock", … */
    enum mst_work from, to;
    enum mst_verdict verdict; /* written by this event; NONE otherwise */
    int days_late;
    char actor[72]; /* unit or principal; "clock" for time itself */
    char reason[1025];
    mst_time instant; /* the deciding instant */
};

struct mst_item_move {
    enum mst_item_kind kind;
    char id[MST_ITEM_ID_MAX];
    char event[MST_ITEM_EVENT_MAX]; /* "propose", "issue", "sign-for", … */
    bool first; /* it came about by this: there is no state that it comes from */
    enum mst_item_state from, to;
    char owner[MST_ID_MAX];
    char group[MST_ID_MAX];
    char actor[72];
    char reason[1025];
    mst_time instant;
};

struct mst_alert {
    uint8_t id[MST_DIGEST_BYTES];
    char kind[33];
    char audience[65]; /* "unit:UNIT", "office", "director", "group-head:GROUP", "city-leader:GROUP"
                        */
    char role[17];
    char obligation[MST_OBLIGATION_ID_MAX];
    char duty[MST_ID_MAX];
    char period[MST_PERIOD_KEY_MAX];
    char bearer[MST_ID_MAX];
    char group[MST_ID_MAX];
    uint32_t rung, level, occurrence;
    uint32_t revision; /* the obligation's `clock` */
    mst_time instant, fired, due;
    uint32_t missed;
    char reason[1025];
};

struct mst_effect {
    enum mst_effect_kind kind;
    union {
        const struct mst_obligation *obligation; /* borrowed from the core until the next step */
        const struct mst_item *item;             /* likewise */
        struct mst_transition *transition;       /* owned by the list */
        struct mst_item_move *item_move;         /* owned by the list */
        struct mst_alert *alert;                 /* owned by the list */
        struct {
            enum mst_code code;
            char subject[256];
        } refused;
    } u;
};

struct mst_effects {
    struct mst_effect *items;
    size_t count, cap;
};
void mst_effects_clear(struct mst_effects *effects); /* frees what the list owns, keeps its room */
void mst_effects_done(struct mst_effects *effects);

/* ---- life ---- */

struct mst_core;

/* References the programme. `from`: instant from which obligations are materialised when nothing is
 * restored (a new programme: its issue date). NULL: out of memory. */
struct mst_core *mst_core_new(struct mst_programme *programme, mst_time from);
void mst_core_free(struct mst_core *core);

/* Put back a stored obligation, before the first step. MST_E_EXISTS for a repeated id. */
MST_MUST_CHECK int mst_core_restore(struct mst_core *core, const struct mst_obligation *o,
                                    struct mst_err *err);
/* Likewise an item, whose data is copied. */
MST_MUST_CHECK int mst_core_restore_item(struct mst_core *core, const struct mst_item *item,
                                         struct mst_err *err);
/* Put back the instant up to which time has been evaluated, before the first step. */
void mst_core_restore_now(struct mst_core *core, mst_time now);

/* Put back what MST_EFFECT_STATE had stored, before the first step. MST_E_CORRUPT. */
MST_MUST_CHECK int mst_core_restore_state(struct mst_core *core, struct mst_slice bytes,
                                          struct mst_err *err);

/* Put back a recorded interval in which the broker was down, before the first step, oldest first.
 * All are of use for an hour after their end (attested reports), and the latest until there is
 * another (nobody was silent before it ended). */
void mst_core_restore_down(struct mst_core *core, mst_time from, mst_time to);

/* ---- operations ---- */

/*
 * Apply one input and append its effects. Everything that fell due up to input->now comes first,
 * oldest first, as if a tick had been given. A refused input is not an error: it appends a refusal.
 * Fails only with MST_E_NOMEM or, for MST_INPUT_PROGRAMME, with what is wrong with the programme;
 * it then changes nothing.
 */
MST_MUST_CHECK int mst_core_step(struct mst_core *core, const struct mst_input *input,
                                 struct mst_effects *effects, struct mst_err *err);

/* ---- queries ---- */

/* Whether reminders and escalations about an obligation are held back at an instant. */
bool mst_core_silenced(const struct mst_core *core, const struct mst_obligation *o, mst_time at);
/* Would a security event of this principal's be told of now, or was it lately? */
bool mst_core_security_due(const struct mst_core *core, enum mst_security event, const char *who,
                           mst_time now);
const char *mst_security_word(enum mst_security event); /* "revoked-key" */
bool mst_security_of_word(struct mst_slice word, enum mst_security *ret_event);
/* What an amendment of a task changes: a field (owner, helpers, due), and what it was and will be.
 */
#define MST_AMENDED_MAX 3
struct mst_amended {
    const char *field;
    char was[800], is[800]; /* ids with blanks between them, or a date; empty: none */
};
/*
 * What the act amend-task would change at that instant, which nothing does yet. MST_OK, or the
 * code with which it would be refused, and its subject, borrowed from the act and the core.
 */
enum mst_code mst_core_amend_preview(const struct mst_core *core, const struct mst_input_act *act,
                                     mst_time now, struct mst_amended ret[MST_AMENDED_MAX],
                                     size_t *ret_count, const char **ret_subject);
/* What the core knows beside obligations and time: silences, and which agents are told silent. */
void mst_core_state_pack(const struct mst_core *core, struct mst_buf *out);
/* Longest that it gets. */
#define MST_CORE_STATE_BYTES_MAX (72 * 1024)

/* The groups that a unit reads as their liaison: it bears a post of theirs that the programme gives
 * this right, and somebody holds it now. */
struct mst_group_set mst_core_liaison(const struct mst_core *core, const char *unit);

/* The groups whose progress a unit reads by a grant of the office that stands now. */
struct mst_group_set mst_core_granted(const struct mst_core *core, const char *unit);
/* The office's grant to a reader (unit:UNIT or group:GROUP) to read a group, in force or ended;
 * NULL: there never was one. Borrowed until the next step. */
const struct mst_item *mst_core_grant(const struct mst_core *core, const char *reader,
                                      const char *reads);

/* Next instant at which a tick would do something; MST_NEVER when never. */
mst_time mst_core_next_due(const struct mst_core *core);
mst_time mst_core_now(const struct mst_core *core);
const struct mst_programme *mst_core_programme(const struct mst_core *core);
/* NULL: no such obligation. Borrowed until the next step. */
const struct mst_obligation *mst_core_find(const struct mst_core *core, const char *id);
size_t mst_core_count(const struct mst_core *core);
const struct mst_obligation *mst_core_at(const struct mst_core *core, size_t index);
/* Items, in order of coming about. Borrowed until the next step. NULL: no such item. */
const struct mst_item *mst_core_item(const struct mst_core *core, enum mst_item_kind kind,
                                     const char *id);
size_t mst_core_items(const struct mst_core *core);
/* Adds to the subject of a refusal with MST_R_STATE how the obligation or task of that id stands:
 * "ID: closed". Nothing, where there is none of that id. */
void mst_core_say_state(const struct mst_core *core, char subject[256]);
const struct mst_item *mst_core_item_at(const struct mst_core *core, size_t index);

#endif
