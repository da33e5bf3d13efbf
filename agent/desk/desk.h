/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of a unit's staff. All but run and join talk to the running agent through its local
 * socket, and none of them opens the outbox, the keys or the network.
 */
#ifndef MST_AGENT_DESK_DESK_H
#define MST_AGENT_DESK_DESK_H

#include "agent/link/app.h"
#include "agent/run/local.h"
#include "config/load/load.h"
#include "config/model/form.h"
#include "config/model/programme.h"

int mst_desk_main(int argc, char *const *argv);
const struct mst_app *mst_desk_app(void);

struct mst_desk {
    const struct mst_call *call;
    char home[4096];
    bool json;
    enum mst_format format; /* of a list */
};

/* One function per row of desk.def; each returns an exit code. */
typedef int (*mst_desk_fn)(const struct mst_desk *desk);
#define COMMAND(name, word, section, columns, doc, example)                                        \
    int mst_desk_##name(const struct mst_desk *desk);
#define ARG(command, name, kind, need, values, doc)
#define ENDCOMMAND(command)
#include "agent/desk/desk.def"
#undef COMMAND
#undef ARG
#undef ENDCOMMAND

int mst_desk_complain(const struct mst_err *err);
/* Runs it with the agent's local socket, and tells what went wrong. */
int mst_desk_with_agent(const struct mst_desk *desk,
                        int (*show)(const struct mst_desk *desk, struct mst_local *local,
                                    struct mst_err *err));
/* Whether it is a command for the lead of a group. */
bool mst_desk_of_lead(const struct mst_call *call);
/* The agent's status, a map; borrowed until the next call. */
MST_MUST_CHECK int mst_desk_agent_status(struct mst_local *local, struct mst_slice *ret_row,
                                         struct mst_err *err);
/* Queue an act with this body and the call's --reason, and wait if that is asked; an exit code. */
int mst_desk_queue(const struct mst_desk *desk, const char *word, const char *obligation,
                   struct mst_slice body);
/* One JSON object, or whatever the value is, on a line. */
MST_MUST_CHECK int mst_desk_json_line(struct mst_slice value, struct mst_err *err);
/* MST_E_SYNTAX for a key that names no period in any year. */
MST_MUST_CHECK int mst_desk_check_period(const char *period, struct mst_err *err);
/* Rows of a list, fetched page by page. `verb` and further arguments are packed by `put` (pairs of
 * them); `key` names the field of a row that says where the next page begins. */
#define MST_DESK_ARGS_MAX 10
typedef int (*mst_desk_row_fn)(void *context, struct mst_slice row, struct mst_err *err);
struct mst_desk_list {
    const char *verb, *key;
    const char *flags[4]; /* set to true in the request; NULL-terminated */
    uint64_t number;      /* what the list is about; sent when not 0 */
    uint64_t after;       /* moves on with each row */
    uint64_t mark;        /* sent once when not 0 */
    /* With the verb "ask": what the broker is asked; arguments without a value are left out. */
    const char *ask;
    struct mst_desk_arg {
        const char *name, *value;
    } args[MST_DESK_ARGS_MAX];
};
/* One page; ret_more: there are further ones. */
MST_MUST_CHECK int mst_desk_page(struct mst_local *local, struct mst_desk_list *list,
                                 mst_desk_row_fn fn, void *context, bool *ret_more,
                                 struct mst_err *err);
MST_MUST_CHECK int mst_desk_pages(struct mst_local *local, struct mst_desk_list *list,
                                  mst_desk_row_fn fn, void *context, struct mst_err *err);

/* Write what --export names to the file of --out; kind: receipt, or alert by its place in the
 * inbox.
 */
MST_MUST_CHECK int mst_desk_export(const struct mst_desk *desk, struct mst_local *local,
                                   const char *kind, struct mst_err *err);

/* ---- the brief, as the agent keeps it ---- */

#define MST_DESK_TITLE_MAX 1024

struct mst_desk_area {
    char id[48], title_zh[MST_DESK_TITLE_MAX], title_en[MST_DESK_TITLE_MAX];
};
struct mst_desk_duty {
    char id[48], title_zh[MST_DESK_TITLE_MAX], title_en[MST_DESK_TITLE_MAX];
    const struct mst_form *form; /* NULL: no file, a name is put on record */
    enum mst_duty_tasks tasks;
    bool report; /* it may bring up difficulties and projects */
};

#define MST_DESK_AREAS_MAX 64
#define MST_DESK_DUTIES_MAX 64
#define MST_DESK_FORMS_MAX 64

struct mst_brief {
    bool known; /* there is one at all */
    bool leads; /* its group */
    char unit[48], group[48], name_zh[256], name_en[256], group_zh[256], group_en[256];
    struct mst_desk_area areas[MST_DESK_AREAS_MAX];
    size_t areas_count;
    struct mst_desk_duty duties[MST_DESK_DUTIES_MAX];
    size_t duties_count;
    const struct mst_form *forms[MST_DESK_FORMS_MAX];
    size_t forms_count;
    struct mst_unit *units; /* that a report may name: id and name alone */
    size_t units_count, units_cap;
    struct mst_arena *arena;         /* of forms and names */
    struct mst_buf obligations;      /* the rows of that type, one after the other */
    struct mst_buf owners;           /* likewise: units that can own a task of the group */
    struct mst_buf tasks;            /* likewise: tasks in force that concern the unit */
    size_t tasks_max;                /* most tasks of one list; 0: not known */
    struct mst_matter_rules matters; /* what a report may bring up; the widest where not known */
    char tasks_under[48];            /* the duty of tasks' progress; "": none, or not known */
    char tasks_period[16];           /* its period that runs, as the broker saw it; likewise */
    mst_day today;                   /* as the broker saw it; MST_DAY_NONE: not known */
};
void mst_brief_done(struct mst_brief *brief);
/* What of a row is known is kept; rows of other types are passed over. */
void mst_brief_take(struct mst_brief *brief, struct mst_slice row);
MST_MUST_CHECK int mst_brief_fetch(struct mst_local *local, struct mst_brief *ret,
                                   struct mst_err *err);
const struct mst_desk_duty *mst_brief_duty(const struct mst_brief *brief, const char *id);

/* What a report may name, and the areas as the brief has them, which `areas` is room for. */
struct mst_form_names mst_brief_names(const struct mst_brief *brief,
                                      struct mst_area areas[MST_DESK_AREAS_MAX]);

/* What to write instead of a duty that the unit does not have: the nearest, or all of them. */
void mst_desk_hint_duty(const struct mst_brief *brief, const char *word,
                        char hint[MST_ERR_HINT_MAX]);
/* What an act on one's own duty is aimed at. */
struct mst_desk_aim {
    char duty[48], period[16];
    char obligation[128]; /* "": named by duty and period alone */
    char task[48];        /* the task that was named instead of them; "": none was */
};
/*
 * From what the command line has in `what`, an obligation's id or a task's or a duty's, and in
 * `period`, which goes with a duty's; NULL: absent. An id that the brief does not have is taken by
 * its words. MST_E_USAGE: a period is missing or too much; MST_E_UNKNOWN: there is no such thing;
 * both with a hint of what there is.
 */
MST_MUST_CHECK int mst_desk_aim(const struct mst_brief *brief, const char *what, const char *period,
                                struct mst_desk_aim *ret, struct mst_err *err);
/* MST_E_UNKNOWN, with a hint, for a duty that the unit does not have as far as the broker has told.
 */
MST_MUST_CHECK int mst_desk_check_duty(const struct mst_brief *brief, const char *duty,
                                       struct mst_err *err);
/* Says on stderr that nothing is owed there, and for which periods something is; only what the
 * broker has told counts, so that without a brief nothing is said. */
void mst_desk_tell_not_owed(const struct mst_brief *brief, const char *duty, const char *period);
/* MST_E_INVALID when `until` is not after the due date that the brief has; 0 where it has none. */
MST_MUST_CHECK int mst_desk_check_later(const struct mst_brief *brief,
                                        const struct mst_desk_aim *aim, mst_day until,
                                        struct mst_err *err);

/* What to do about a report that was submitted already, by how it stands in the brief; no other
 * hint than the one that is there where that is not known. */
void mst_desk_hint_submitted(const struct mst_brief *brief, const struct mst_desk_aim *aim,
                             mst_time now, struct mst_err *err);

/*
 * Progress of one task as the command line gives it, checked as the broker will: each fault is told
 * by its option. MST_E_INVALID when there were any.
 */
MST_MUST_CHECK int mst_desk_check_progress(const struct mst_brief *brief, const char *duty,
                                           struct mst_slice body, struct mst_err *err);

/* ---- report files ---- */

struct mst_report_file {
    char duty[48], period[16], obligation[128];
    struct mst_buf body; /* a msgpack map: the fields but those above */
};
/*
 * Read and check a report file; every fault is collected before any is told. Without a brief, what
 * depends on it is left to the broker. MST_E_INVALID when there were errors.
 */
MST_MUST_CHECK int mst_report_load(const char *path, const struct mst_brief *brief,
                                   struct mst_diags *diags, struct mst_report_file *ret,
                                   struct mst_err *err);
void mst_report_done(struct mst_report_file *report);
/* What was reported before: by the unit itself, or by a member to its lead. */
struct mst_said {
    bool own;
    bool returned; /* this very report, to be corrected: all of it stands in the file */
    char who[512]; /* a name, for people */
    char duty[48], period[16];
    uint64_t receipt;
    struct mst_slice body; /* borrowed */
};
/* A report file to be filled in, in the reader's language. At most one of `said` is the unit's own.
 */
void mst_report_template(const struct mst_brief *brief, const char *duty, const char *period,
                         const struct mst_said *said, size_t said_count, FILE *out);

/* Text from the wire, on one line. */
void mst_desk_put_clean(FILE *out, const char *text);

/* In double quotes, as YAML reads it back. */
void mst_desk_put_quoted(FILE *out, struct mst_slice text);

/* ---- tasks ---- */

struct mst_node;

/* The next of the brief's tasks; `cursor` begins as 0. */
bool mst_brief_task(const struct mst_brief *brief, size_t *cursor, struct mst_slice *ret_row);
/* What a report file says of tasks, for a duty that is about them. */
void mst_desk_check_tasks(const struct mst_brief *brief, const struct mst_desk_duty *duty,
                          const char *file, const struct mst_node *root, struct mst_slice body,
                          struct mst_diags *diags);
/* returned: a list that is to be corrected; data NULL: none. */
void mst_desk_put_tasks(const struct mst_brief *brief, enum mst_duty_tasks tasks,
                        struct mst_slice returned, FILE *out);

#endif
