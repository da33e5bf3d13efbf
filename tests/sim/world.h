/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core on virtual time, and everything that came out of it. After each step the invariants of
 * check.c are looked at; the first one that does not hold is kept in `fault`.
 */
#ifndef MST_TESTS_SIM_WORLD_H
#define MST_TESTS_SIM_WORLD_H

#include "broker/core/core.h"
#include "proto/seal.h"
#include "tests/sim/body.h"

/* What the checker knows of an obligation from effects alone. */
struct shadow {
    char id[MST_OBLIGATION_ID_MAX];
    enum mst_work work;
    enum mst_verdict verdict;
    bool locked;
    uint32_t clock;
    mst_time clock_start; /* rungs after it have to be told */
    uint32_t told;        /* rungs of this clock that were told, or passed over as missed */
    uint32_t nags;        /* told or passed over in this clock */
    size_t snapshots;
};

/* Likewise of an item; index: its number - 1. */
struct item_shadow {
    enum mst_item_state state;
    uint32_t moves;
};

/* A grant of the office, as the acts that were accepted have it; until 0: taken back. */
struct grant_shadow {
    char reader[MST_ID_MAX + 8], reads[MST_ID_MAX];
    mst_time until;
};

struct shadows {
    struct shadow *items;
    size_t count, cap;
    uint32_t *slots;
    size_t slots_cap;
};

struct logged_alert {
    struct mst_alert alert;
    bool consumed; /* matched by an expectation */
};

struct logged_move {
    char obligation[MST_OBLIGATION_ID_MAX];
    char event[MST_ID_MAX];
};

/* Bugs seeded on purpose: mutant.c. */
enum mutant {
    MUTANT_NONE,
    MUTANT_MIDNIGHT,        /* the core's zone is a second off: so is every due instant */
    MUTANT_VERDICT_TWICE,   /* each verdict is written again */
    MUTANT_RUNG_SKIPPED,    /* nobody is told of the second rung */
    MUTANT_ALERT_TWICE,     /* each alert comes again */
    MUTANT_NUMBER_LOST,     /* an alert's number is given to none */
    MUTANT_RESTART_FORGETS, /* a restart loads no state */
    MUTANTS
};

#define HEARD_MAX 32
#define DOWNS_KEPT 8 /* as many as the broker stores */

struct world {
    struct mst_programme *programme; /* as the checker knows it */
    struct mst_programme *told;      /* as the core was told it: the same, but for a mutant */
    struct mst_core *core;
    enum mutant mutant;
    mst_time now;
    uint64_t row;
    struct mst_effects effects;
    struct logged_alert *alerts;
    size_t alerts_count, alerts_cap;
    struct logged_move *moves;
    size_t moves_count, moves_cap;
    uint64_t starve;           /* when steps run out of memory; 0: never */
    enum mst_input_kind input; /* of the latest step */
    bool trace;                /* print effects as they come */
    bool keep_log;             /* alerts and moves are kept whole; else only their digest */
    enum mst_code answer;
    char subject[256];
    struct shadows shadows;
    struct item_shadow *items;
    size_t items_count, items_cap;
    struct grant_shadow *grants;
    size_t grants_count, grants_cap;
    uint8_t (*alert_ids)[MST_DIGEST_BYTES]; /* open addressing; all zero: empty */
    size_t alert_ids_count, alert_ids_cap;
    uint64_t alert_number; /* the last one given */
    struct {
        mst_time from, to;
    } downs[DOWNS_KEPT]; /* what the broker has stored of them */
    size_t downs_count;
    struct {
        char unit[MST_ID_MAX];
        mst_time at;
    } heard[HEARD_MAX]; /* when each agent was heard of last */
    size_t heard_count;
    uint8_t digest[MST_HASH_BYTES]; /* over all effects so far */
    char fault[600];                /* empty: all is well */
    const char *fault_kind;         /* its sentence before anything was put into it */
};

/* Consumes a reference to each. */
void world_init(struct world *w, struct mst_programme *programme, struct mst_programme *told);
void world_done(struct world *w);

/* One step; false when something does not hold. */
bool world_step(struct world *w, const struct mst_input *input);
/* Tick at every instant at which something happens, up to and including `to`. */
bool world_advance(struct world *w, mst_time to);
/* One tick straight there. */
bool world_jump(struct world *w, mst_time to);
bool world_down(struct world *w, mst_time from, mst_time to);
/* Give the core up and load another from what would have been stored, in another order. */
bool world_restart(struct world *w, uint64_t shuffle);
/* Consumes a reference to each. */
bool world_reload(struct world *w, struct mst_programme *programme, struct mst_programme *told);

/* The unit's agent is heard of now; the core learns of it with world_contacts(). */
bool world_heard(struct world *w, const char *unit);
bool world_contacts(struct world *w);

/* A task of a list, and what is told of one; NULL: not said. */
struct task_words {
    const char *title, *area, *owner, *value, *due, *helper;
};
struct told_words {
    const char *id, *percent, *value, *light, *reason;
};
struct report_words {
    const char *unit, *act, *duty, *period, *obligation, *reason, *until;
    const struct word_pair *body; /* put into the body, besides what is always there */
    size_t body_count;
    struct mst_slice tasks;     /* msgpack; data NULL: as they should be for such a report */
    struct mst_slice uncovered; /* likewise; data NULL: none */
    struct mst_slice more;      /* further pairs, packed; data NULL: none */
    size_t more_count;
    mst_time queued; /* 0: now */
    bool empty;      /* without a body */
};
bool world_report(struct world *w, const struct report_words *words);
struct act_words {
    const char *actor, *act, *obligation, *reason, *number, *successor;
    unsigned roles;
    const struct word_pair *body;
    size_t body_count;
    mst_time until;
    bool override;
};
bool world_act(struct world *w, const struct act_words *words);

/* Room for one more. */
void *world_grown(void *items, size_t count, size_t *cap, size_t size);
bool world_fault(struct world *w, const char *fmt, ...) MST_PRINTF(2, 3); /* false */
char *world_instant(const struct world *w, mst_time at, char *buf);

/* ---- check.c ---- */

bool check_step(struct world *w, const struct mst_input *input);
/* Everything at once; slow. */
bool check_all(struct world *w);
/* check_items.c: an item's move, its snapshot, and who has to sign for what. */
bool check_item_move(struct world *w, const struct mst_item_move *m);
bool check_item(struct world *w, const struct mst_item *item);
bool check_signing(struct world *w);
/* check_matters.c: a difficulty's state against the replies that are owed about it. */
bool check_matters(struct world *w);
/* check_grants.c: an act of the office that was accepted, and what each unit reads by such acts. */
void check_grant_act(struct world *w, const struct act_words *words);
bool check_grants(struct world *w);
/* Whether an assessment adds up: no numerator larger than its denominator. */
bool check_assessment(struct world *w);
void check_done(struct world *w);

/* ---- starve.c ---- */

/* Let that allocation from now fail, once; 0: none. */
void starve_after(unsigned long allocations);

/* ---- tasks.c ---- */

void tasks_pack(struct mst_buf *out, const struct task_words *task);
void tasks_pack_told(struct mst_buf *out, const struct told_words *told);
/* Put into the body what the words say of tasks, or else what such a report should say. */
void tasks_join(const struct world *w, const struct report_words *words, struct mst_buf *body);

/* ---- fixture.c ---- */

uint64_t random_next(uint64_t *state);
uint64_t random_below(uint64_t *state, uint64_t limit);
/* A programme drawn from a seed; `calendar` draws another calendar for it, `edits` is a set of
 * changes to it. */
enum fixture_edit {
    EDIT_RULES = 1 << 0, /* other due dates, by a new version of the rules */
    EDIT_MOVE = 1 << 1,  /* a member goes to another group */
    EDIT_MERGE = 1 << 2, /* a member merges into its lead on some day */
    EDIT_SPLIT = 1 << 3, /* a member splits into two others on some day */
    EDITS = 4,
    EDIT_ZONE = 1 << 4, /* a clock that is a second off: for a mutant */
};
struct mst_programme *fixture_programme(uint64_t seed, uint64_t calendar, unsigned edits);
struct mst_programme *fixture_large(size_t groups, size_t members);

/* ---- mutant.c ---- */

enum mutant mutant_of(const char *name); /* MUTANT_NONE: no such */
const char *mutant_name(enum mutant mutant);
void mutants_list(void);
/* What the world's mutant makes of the effects of a step. */
void mutant_spoil(struct world *w);

/* ---- script.c, seeds.c, shrink.c ---- */

/* Events of a year that happen, the others do not. */
struct kept {
    bool *on;
    size_t count;
};
#define KEPT_MAX 100000
bool kept_parse(const char *text, struct kept *ret_kept); /* "3,17,40-42", or "none" */

struct year_result {
    bool held;
    char fault[600];
    const char *kind; /* of the fault; equal pointers: the same */
    size_t events, alerts, obligations;
    size_t items, issued, signed_for; /* tasks */
};
/* A seed's year, lived twice; kept NULL: whole. tell: print what happens in the life that fails. */
void year_run(uint64_t seed, const struct kept *kept, bool tell, struct year_result *ret_result);
extern enum mutant year_mutant; /* of all years */
/* Print the smallest list of events that fails in the same way, and the command for it. */
void shrink(uint64_t seed, const struct year_result *failed);

int script_run(const char *path, bool trace); /* 0: all held */
/* 0: all held */
int seeds_run(uint64_t first, uint64_t count, const struct kept *kept, bool trace);
int seeds_year(size_t obligations); /* 0: done; says how long it took */

#endif
