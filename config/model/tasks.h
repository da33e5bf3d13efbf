/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a report's body says of tasks, and whether that is right: a list of tasks (`tasks`, and
 * `uncovered` for focus areas that have none), and the progress of tasks that are in force. The
 * same checks are made at the clerk's desk, before anything is sent, and by the broker.
 *
 * A body is a msgpack map. Figures may stand there as numbers or as text, since a clerk's file is
 * all text.
 */
#ifndef MST_CONFIG_MODEL_TASKS_H
#define MST_CONFIG_MODEL_TASKS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/model/programme.h"
#include "proto/msg.h"
#include "proto/pack.h"

#define MST_TASK_TEXT_MAX 240 /* bytes of a title, of a reason, of words about progress */
#define MST_TASK_UNIT_MAX 32  /* bytes of what a target is counted in */
#define MST_TASK_HELPERS_MAX 16

/* A figure in thousandths, so that "12.5" is kept as it is. */
typedef int64_t mst_figure;
#define MST_FIGURE_TEXT_MAX 24
MST_MUST_CHECK bool mst_figure_parse(struct mst_slice text, mst_figure *ret);
char *mst_figure_format(mst_figure figure, char text[MST_FIGURE_TEXT_MAX]);

/* One task of a list. Slices point into the body. */
struct mst_task {
    struct mst_slice title, area, owner;
    struct mst_slice helpers; /* a msgpack array of unit ids; data NULL: none */
    mst_figure target;
    struct mst_slice unit; /* what the target is counted in */
    mst_day due;
};

/* What is told of one task. */
struct mst_task_progress {
    struct mst_slice id;
    int percent;
    bool has_value;
    mst_figure value;
    struct mst_slice light, reason, text; /* data NULL: not said */
};

enum mst_light { MST_LIGHT_NONE, MST_LIGHT_GREEN, MST_LIGHT_YELLOW, MST_LIGHT_RED, MST_LIGHTS };
const char *mst_light_word(enum mst_light light); /* "" for none */
/* false: no light's word. */
bool mst_light_parse(struct mst_slice word, enum mst_light *ret);

/*
 * The light of a task by the programme's rules: how far its percentage lies behind a straight line
 * from the day `from` to the day `due`; red when that day has passed without it being done.
 */
enum mst_light mst_light_of(const struct mst_task_rules *rules, mst_day from, mst_day due,
                            mst_day today, int percent);

/* Whether two tasks of one group are the same one: the same title in the same focus area. */
bool mst_task_same(const struct mst_task *a, const struct mst_task *b);

/* ---- checking ---- */

#define MST_TASK_NONE SIZE_MAX
struct mst_task_fault {
    size_t index;      /* of the task in the list; MST_TASK_NONE: of the list, or of the body */
    const char *field; /* "owner"; "" for the task itself, "tasks" and "uncovered" for the lists */
    const char *text;  /* a message id: "unknown unit" */
    struct mst_slice what; /* what it is about; data NULL: nothing to add */
    const char *hint;      /* a message id; what to do */
};
typedef void (*mst_task_fault_fn)(void *context, const struct mst_task_fault *fault);

/* What a list is measured by; functions are asked with `context`. */
struct mst_task_scope {
    size_t areas;
    const char *(*area)(void *context, size_t index);     /* ids of the group's focus areas */
    bool (*owner)(void *context, struct mst_slice unit);  /* may own a task of the group */
    bool (*helper)(void *context, struct mst_slice unit); /* may help with one */
    void *context;
    mst_day after; /* tasks are due after this day */
    size_t tasks_max;
};

/*
 * A body whose list is checked. Each returns the number of faults, which went to `fn`; a body that
 * is all wrong is given up after some dozens of them.
 */
size_t mst_tasks_check(struct mst_slice body, const struct mst_task_scope *scope,
                       mst_task_fault_fn fn, void *context);
/* `known` says whether there is such a task that the speaker may report on. */
size_t mst_tasks_check_progress(struct mst_slice body,
                                bool (*known)(void *context, struct mst_slice id),
                                mst_task_fault_fn fn, void *context);

/* ---- reading what has been checked ---- */

struct mst_tasks_cursor {
    struct mst_unpack u;
    size_t left;
};
struct mst_tasks_cursor mst_tasks_open(struct mst_slice body);
/* false: the walk is over. */
bool mst_tasks_next(struct mst_tasks_cursor *cursor, struct mst_task *ret);
bool mst_tasks_next_progress(struct mst_tasks_cursor *cursor, struct mst_task_progress *ret);
/* Whether a field of the body is about tasks, and not the form's. */
bool mst_tasks_key(struct mst_slice key);
/* Whether the body speaks of tasks at all. */
bool mst_tasks_said(struct mst_slice body);

#endif
