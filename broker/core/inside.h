/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the core share; nobody outside this folder includes it.
 *
 * Work is done in a step: it collects effects in `pending` and remembers every obligation before
 * its first change. An allocation that fails sets `failed` and lets the rest run on harmlessly; the
 * step is then undone as a whole, which is why nothing here returns an error.
 */
#ifndef MST_BROKER_CORE_INSIDE_H
#define MST_BROKER_CORE_INSIDE_H

#include "broker/core/core.h"

#define MST_NONE UINT32_MAX

/* An obligation and what is derived from it; nothing beyond `o` is ever stored. */
struct mst_slot {
    struct mst_obligation o;
    uint32_t index;
    uint32_t same;                             /* next slot of the same duty, period and bearer */
    uint32_t duty, bearer, group, counterpart; /* indices into the programme; MST_NONE: not in it */
    uint32_t heap_at;                          /* position in the heap; MST_NONE: nothing to come */
    uint32_t touched;                          /* position among the step's changes; MST_NONE */
    mst_time next;                             /* the next instant at which something happens */
};

/* Obligations by index, by id, and by duty, period and bearer. */
struct mst_table {
    struct mst_slot **chunks;
    size_t chunks_count;
    uint32_t count;
    uint32_t *by_id, *by_key; /* open addressing: index + 1; 0: empty */
    uint32_t hash_cap;        /* of each; a power of two */
};

/* An item in the register; a pointer to it is good until the step that made it is undone. */
struct mst_item_slot {
    struct mst_item item; /* its data is owned */
    uint32_t touched;     /* position among the step's changes; MST_NONE */
};

struct mst_item_touched {
    struct mst_item_slot *slot;
    bool fresh; /* came about in this step: `before` says nothing */
    struct mst_item before;
};

struct mst_items {
    struct mst_item_slot **all; /* ascending by number */
    uint32_t count;
    struct mst_item_slot **by_key; /* open addressing by kind and id */
    uint32_t hash_cap;             /* a power of two; `all` has room for half of it */
    uint64_t number_last;
    struct mst_item_slot **grants; /* those of that kind, which every reader is measured by */
    uint32_t grants_count, grants_cap;
    struct mst_item_touched *touched;
    uint32_t touched_count, touched_cap;
};

/* A binary heap of slots that have something to come, by (next, number). */
struct mst_heap {
    struct mst_slot **items;
    uint32_t count, cap;
};

/* Unit and duty ids of the programme, hashed, and each unit's group. */
struct mst_names {
    uint32_t *units;
    uint32_t units_cap;
    uint32_t *group_of; /* by unit; MST_NONE */
    uint32_t *contacts; /* by unit: index + 1 of the slot that holds its contacts; 0: none */
};

struct mst_down {
    mst_time from, to;
};
#define MST_DOWNS_MAX 8

/* Rung instants already worked out: all bearers of a duty and period share theirs. */
struct mst_rung_memo {
    const struct mst_rung *rung; /* NULL: empty */
    mst_day day;
    mst_time until;
    uint32_t repeat;
    mst_time at;
};
#define MST_RUNG_MEMOS 256

#define MST_SILENCES_MAX 64
#define MST_QUIETS_MAX 512
#define MST_TOLDS_MAX 256

/*
 * What is known beside obligations and time; stored as a whole when it changes. A quiet agent is
 * listed from the input that found it so until it is heard of again.
 */
struct mst_state {
    struct mst_silence {
        char target[MST_OBLIGATION_ID_MAX]; /* an obligation's id, "unit:UNIT" or "duty:DUTY" */
        mst_time until;
    } silences[MST_SILENCES_MAX];
    uint32_t silences_count;
    struct mst_quiet {
        char unit[MST_ID_MAX];
        mst_time heard;
        bool told; /* false: it fell quiet together with the path */
    } quiets[MST_QUIETS_MAX];
    uint32_t quiets_count;
    struct mst_told { /* of a security event */
        char who[65];
        enum mst_security event;
        mst_time at;
    } tolds[MST_TOLDS_MAX];
    uint32_t tolds_count;
    mst_time path_since; /* nobody was heard of after it; 0: the path is up */
};

struct mst_core {
    struct mst_programme *programme;
    struct mst_names names;
    struct mst_table table;
    struct mst_heap heap;
    struct mst_items items;
    mst_time now;
    mst_time next_opening;
    mst_time next_succession; /* the next day on which a unit ends */
    mst_time next_old;        /* when the age of a difficulty is told of next */
    mst_time next_expiry;     /* when a grant of the office ends next */
    uint64_t number_last;     /* highest number of materialisation given */
    struct mst_down downs[MST_DOWNS_MAX];
    size_t downs_count;
    struct mst_state state, state_before; /* before the step at work, where it touched the state */
    bool state_touched;
    struct mst_rung_memo memos[MST_RUNG_MEMOS];
    struct mst_effects pending; /* of the step at work; empty between steps */
    struct mst_touched *touched;
    size_t touched_count, touched_cap;
};

struct mst_touched {
    uint32_t index;
    bool fresh; /* materialised in this step: `before` says nothing */
    struct mst_obligation before;
};

struct mst_step {
    struct mst_core *core;
    mst_time now;
    bool failed;
};

/* ---- table.c ---- */

/* A zeroed slot for this key; NULL when out of memory. The caller fills in the rest. */
struct mst_slot *mst_table_add(struct mst_table *t, const struct mst_obligation *o);
struct mst_slot *mst_table_at(const struct mst_table *t, uint32_t index);
struct mst_slot *mst_table_by_id(const struct mst_table *t, struct mst_slice id);
/* The first of the key; the others follow by `same`. */
struct mst_slot *mst_table_by_key(const struct mst_table *t, struct mst_slice duty,
                                  struct mst_slice period, const char *bearer);
void mst_table_cut(struct mst_table *t, uint32_t count); /* forget all from index `count` on */
void mst_table_done(struct mst_table *t);

int mst_names_init(struct mst_names *n, const struct mst_programme *p); /* MST_E_NOMEM */
void mst_names_done(struct mst_names *n);
uint32_t mst_names_unit(const struct mst_names *n, const struct mst_programme *p,
                        struct mst_slice id);
uint32_t mst_names_duty(const struct mst_programme *p, struct mst_slice id);

/* ---- items.c ---- */

/* NULL: there is none. */
struct mst_item *mst_items_find(const struct mst_items *items, enum mst_item_kind kind,
                                struct mst_slice id);
/* A new item, touched, which the caller fills and then moves to its first state; NULL: failed. */
struct mst_item *mst_item_add(struct mst_step *s, enum mst_item_kind kind, const char *id);
/* Call before changing an item. false: failed. */
MST_MUST_CHECK bool mst_item_touch(struct mst_step *s, struct mst_item *item);
/* Give it a copy of these contents. */
void mst_item_contain(struct mst_step *s, struct mst_item *item, struct mst_slice data);
/* What happens to it: a row of the ledger, a line of its history, and the state it is in then. */
void mst_item_move(struct mst_step *s, struct mst_item *item, const char *event,
                   enum mst_item_state to, const char *actor, struct mst_slice reason);
/* The step is done: forget what was before. */
void mst_items_keep(struct mst_items *items);
void mst_items_undo(struct mst_items *items);
void mst_items_done(struct mst_items *items);

/* ---- heap.c ---- */

/* Room for so many slots, so that placing never fails. */
int mst_heap_reserve(struct mst_heap *h, uint32_t count);
/* Put the slot where its `next` belongs; MST_NEVER takes it out. */
void mst_heap_place(struct mst_heap *h, struct mst_slot *slot);
struct mst_slot *mst_heap_top(const struct mst_heap *h); /* NULL: empty */
void mst_heap_clear(struct mst_heap *h);
void mst_heap_done(struct mst_heap *h);

/* ---- effects.c ---- */

bool mst_effects_reserve(struct mst_effects *effects, size_t more);
/* Free and forget the effects from `count` on. */
void mst_effects_drop(struct mst_effects *effects, size_t count);
/* A transition of the slot, its work moved to `to`; counted in `moves`. */
void mst_emit_transition(struct mst_step *s, struct mst_slot *slot, const char *event,
                         enum mst_work to, const char *actor, struct mst_slice reason,
                         mst_time instant);
/* Let the latest transition say that it wrote the slot's verdict. */
void mst_emit_verdict(struct mst_step *s, const struct mst_slot *slot);
struct mst_alert *mst_emit_alert(struct mst_step *s);         /* zeroed; NULL: failed */
struct mst_item_move *mst_emit_item_move(struct mst_step *s); /* likewise */
void mst_emit_accepted(struct mst_step *s);
void mst_emit_refused(struct mst_step *s, enum mst_code code, const char *subject);

/* ---- core.c ---- */

/* Call before changing an obligation: remembers it, lists it for its snapshot. false: failed. */
MST_MUST_CHECK bool mst_step_touch(struct mst_step *s, struct mst_slot *slot);
/* Call after: works out when the slot has to be looked at again. */
void mst_step_schedule(struct mst_step *s, struct mst_slot *slot);
void mst_slot_resolve(struct mst_core *core, struct mst_slot *slot);
/* The obligation that holds a unit's contacts; NULL: none does. */
const struct mst_slot *mst_core_contacts(const struct mst_core *core, uint32_t unit);
/* The slot's duty; NULL: no longer in the programme. */
const struct mst_duty *mst_slot_duty(const struct mst_core *core, const struct mst_slot *slot);
/* What opens of an enforced duty in [from, to). */
void mst_walk_openings(const struct mst_core *core, size_t duty, mst_time from, mst_time to,
                       mst_expected_fn fn, void *context);
/* Expected by the programme: add it unless it is there. `instant`: of the materialising event. */
void mst_step_materialise(struct mst_step *s, const struct mst_expected *expected,
                          mst_time instant);

/*
 * Owed upon an event of now, about a subject: one obligation for each duty, bearer (MST_NONE: the
 * office) and subject. NULL: the programme does not have it kept, or the step has failed.
 */
struct mst_slot *mst_step_owe(struct mst_step *s, uint32_t duty, uint32_t bearer, uint32_t group,
                              const char *subject);

/* ---- verdict.c ---- */

/* What a submission at `at` earns against these instants. */
enum mst_verdict mst_verdict_of(const struct mst_programme *p, mst_time due, mst_time grace_until,
                                mst_time at, int *ret_days_late);
/* Stamp the verdict of a first submission. `claimed`: instant of queueing by the agent's clock. */
void mst_verdict_stamp(struct mst_step *s, struct mst_slot *slot, mst_time claimed);
/* The instant after the n-th working day after the day of `from`. */
mst_time mst_workdays_after(const struct mst_programme *p, mst_time from, int n);
/* Move due, grace and lock so that `day` is the last day. */
void mst_dates_extend(const struct mst_core *core, struct mst_slot *slot, mst_day day);

/* ---- ladder.c ---- */

/* The deadline that the bearer's clock runs towards. */
struct mst_deadline {
    mst_day day;    /* last day in time */
    mst_time due;   /* the instant shown to people */
    mst_time until; /* the end of grace */
};
struct mst_deadline mst_obligation_deadline(const struct mst_programme *p,
                                            const struct mst_obligation *o);
/* The next rung or nag; MST_NEVER when there is none. */
mst_time mst_ladder_next(struct mst_core *core, const struct mst_slot *slot);
/* Fire what mst_ladder_next() announced. */
void mst_ladder_fire(struct mst_step *s, struct mst_slot *slot);
/* Pass over the rungs up to an instant; with tell_overdue the overdue one fires still. */
void mst_ladder_skip(struct mst_step *s, struct mst_slot *slot, mst_time until, bool tell_overdue);
/* Give an open obligation other dates, which begin a new clock; whoever was told hears of it. */
void mst_dates_move(struct mst_step *s, struct mst_slot *slot, const struct mst_dates *dates,
                    const char *why);
/* Hand the ball to the bearer with a fresh clock. */
void mst_ladder_restart(struct mst_step *s, struct mst_slot *slot, bool tell_overdue);

/* ---- quota.c ---- */

/* The end of the next part of the period at which the pace is looked at; MST_NEVER: none. */
mst_time mst_quota_pace_next(const struct mst_core *core, const struct mst_slot *slot);
void mst_quota_pace_tell(struct mst_step *s, struct mst_slot *slot);

/* ---- notice.c ---- */

enum mst_notice {
#define NOTICE(name, word, rung, level) MST_NOTICE_##name,
#include "broker/core/notices.def"
#undef NOTICE
    MST_NOTICES
};

struct mst_address {
    char audience[65];
    const char *role;
};
/* Who is meant by an audience for this obligation; false: nobody is on record. */
bool mst_audience_resolve(const struct mst_core *core, const struct mst_slot *slot,
                          enum mst_audience audience, struct mst_address *ret_address);
/*
 * The addresses of a set of audiences. Two audiences at one address make one: ids are unique by
 * address, and the more senior role is what the mark is for.
 */
size_t mst_audience_all(const struct mst_core *core, const struct mst_slot *slot, uint32_t to,
                        struct mst_address ret_addresses[MST_AUDIENCES]);
struct mst_alert_head {
    const char *kind;
    uint32_t rung, level, occurrence, missed;
    mst_time instant;
    struct mst_slice reason;
};
void mst_alert_send(struct mst_step *s, const struct mst_slot *slot, const struct mst_address *to,
                    const struct mst_alert_head *head);
/* Send a notice to a set of audiences; its occurrence is the number of transitions so far. */
void mst_notice_send(struct mst_step *s, const struct mst_slot *slot, enum mst_notice notice,
                     uint32_t to, struct mst_slice reason, mst_time instant);
/* Likewise, of an occurrence that counts on its own. */
void mst_notice_send_nth(struct mst_step *s, const struct mst_slot *slot, enum mst_notice notice,
                         uint32_t to, uint32_t nth, uint32_t missed, struct mst_slice reason,
                         mst_time instant);
/* An alert about an item, to one stream. id: "difficulty/d7", which stands for the obligation's;
 * nth: its occurrence. */
struct mst_about {
    const char *id, *bearer, *group;
};
void mst_notice_about(struct mst_step *s, const struct mst_about *about, enum mst_notice notice,
                      uint32_t nth, const struct mst_address *to, struct mst_slice reason,
                      mst_time instant);
/* Tell the cc list: what it is about is issued, for everybody to read. */
void mst_notice_issued(struct mst_step *s, const struct mst_slot *slot, struct mst_slice reason);
#define MST_TO(audience) (1u << MST_AUDIENCE_##audience)

/* ---- state.c, contacts.c, security.c ---- */

/* Call before changing the state: it is then undone with the step, or listed to be stored. */
struct mst_state *mst_state_touch(struct mst_core *core);
/* The acts silence and unsilence; false: it is neither. */
bool mst_silence_apply(struct mst_step *s, const struct mst_input_act *act);
bool mst_silenced(const struct mst_core *core, const struct mst_obligation *o, mst_time at);
void mst_contacts_apply(struct mst_step *s, const struct mst_input_contacts *contacts);
void mst_security_apply(struct mst_step *s, const struct mst_input_security *security);

/* ---- events.c, moves.c, reports.c, rebase.c ---- */

/* Time itself: what the slot has been scheduled for happens. */
void mst_event_time(struct mst_step *s, struct mst_slot *slot);
#define MST_FIELD_SHOWN_MAX 160
/* Who moves what, and with which words: an act of the office or a unit's report. */
struct mst_move {
    struct mst_actor_in_core {
        const char *name; /* for the transition */
        unsigned roles;
        const char *unit; /* NULL: the office's side */
    } actor;
    struct mst_slice reason; /* data NULL: none */
    struct mst_slice body;
    const char *number, *successor;
    mst_day until; /* MST_DAY_NONE: none named */
    bool override;
    mst_time claimed;
    uint64_t row;
    const char *refused; /* set with a refusal: its subject, where it is not the obligation */
    char field[MST_FIELD_SHOWN_MAX]; /* room for `refused` where what is wrong in a body is named */
};
/* MST_OK, or the refusal's code; then nothing has changed. */
enum mst_code mst_move_apply(struct mst_step *s, struct mst_slot *slot, const char *event,
                             struct mst_move *move);
/* What a unit says about its own obligation, which duty and period then name. */
bool mst_event_by_bearer(const char *event);
bool mst_event_known(const char *event);
void mst_act_apply(struct mst_step *s, const struct mst_input_act *act);
void mst_report_apply(struct mst_step *s, const struct mst_input_report *input);
void mst_rebase_apply(struct mst_step *s);
/* May this unit ever bear the duty? */
bool mst_unit_bears(const struct mst_core *core, const struct mst_duty *duty, uint32_t unit);

/* ---- tasks.c ---- */

/* Whether what a report says of tasks is right for its duty; a refusal is in move->field. */
enum mst_code mst_tasks_check_submission(struct mst_step *s, const struct mst_slot *slot,
                                         struct mst_move *move);
/* After the submission that was checked so. */
void mst_tasks_submitted(struct mst_step *s, struct mst_slot *slot, const struct mst_move *move);
/* After every move: what a list's obligation has become decides what its tasks are. */
void mst_tasks_follow(struct mst_step *s, const struct mst_slot *slot, const char *actor);
/* What a progress message says of tasks; a refusal's words go to `words`. */
enum mst_code mst_tasks_progress(struct mst_step *s, struct mst_slice body, uint32_t unit,
                                 char *words, size_t size);

struct mst_task_data;
/* The item's contents become these, where they differ; it was touched before. */
void mst_task_contain(struct mst_step *s, struct mst_item *item, const struct mst_task_data *data);
/* Whether the unit may own a task of the group ("": of none): it is of it, or of no group where the
 * programme allows that. */
bool mst_task_may_own(const struct mst_core *core, const char *group, struct mst_slice unit);
/* Whether it was about signing for a task as it stood before it was amended. */
bool mst_task_amended_since(const struct mst_core *core, const struct mst_obligation *o);
/* Its owner is to sign for it. */
void mst_task_owe_signing(struct mst_step *s, const struct mst_item *item);

/* ---- amend.c ---- */

/* The act amend-task; false: it is another. */
bool mst_amend_apply(struct mst_step *s, const struct mst_input_act *act);

/* ---- grants.c ---- */

#define MST_GRANTS_MAX 256 /* that stand at one time */
/* The acts grant and ungrant; false: it is neither. */
bool mst_grant_apply(struct mst_step *s, const struct mst_input_act *act);
/* When the next one ends: core->next_expiry. */
void mst_grants_reckon(struct mst_core *core);
void mst_grants_expire(struct mst_step *s, mst_time at);

/* ---- difficulties.c, projects.c ---- */

/* After a submission whose body is right by the form. source: id of its obligation. */
void mst_difficulties_submitted(struct mst_step *s, struct mst_slice body, uint32_t unit,
                                const char *source);
void mst_projects_submitted(struct mst_step *s, struct mst_slice body, uint32_t unit,
                            const char *source);
/* A report about a difficulty, and of no obligation: raise, confirm, raise-again. */
bool mst_difficulty_act(struct mst_slice act);
enum mst_code mst_difficulty_report(struct mst_step *s, const struct mst_msg_report *r,
                                    uint32_t unit, char *words, size_t size);
/* When the age of a difficulty is told of next: core->next_old, of all items or with one more. */
void mst_difficulties_reckon(struct mst_core *core);
void mst_difficulties_reckon_with(struct mst_core *core, const struct mst_item *item);
void mst_difficulties_age(struct mst_step *s, mst_time at);

/* ---- succession.c ---- */

/* The first instant after `after` at which a unit ends; MST_NEVER: none. */
mst_time mst_succession_next(const struct mst_programme *p, mst_time after);
/* What is open of the units that end in (after, until] passes to their successors. */
void mst_succession_apply(struct mst_step *s, mst_time after, mst_time until);
/* What is open follows its bearer to another group, or the group to another lead. */
void mst_regroup(struct mst_step *s, struct mst_slot *slot);
/* All slots in order of materialisation, to be freed; NULL: the step has failed. */
struct mst_slot **mst_slots_in_order(struct mst_step *s);

#endif
