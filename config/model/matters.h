/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a report may bring up beside its own contents: difficulties that need others' help, and
 * projects that were won.
 *
 *   difficulties: [{title, text, owner: UNIT, helpers: [UNIT, …], outside: words}, …]
 *   projects: [{title, amount, unit, level, remark}, …]
 *
 * Each is a field of every report's form, with the programme's bounds, so that one check (form.h)
 * serves the desk and the broker. Text in the place of a list is a remark of the report's, and
 * brings nothing up.
 */
#ifndef MST_CONFIG_MODEL_MATTERS_H
#define MST_CONFIG_MODEL_MATTERS_H

#include "config/model/form.h"
#include "config/model/programme.h"
#include "proto/pack.h"

struct mst_difficulty {
    struct mst_slice title;
    struct mst_slice text;    /* data NULL: none */
    struct mst_slice owner;   /* unit id; data NULL: not said */
    struct mst_slice helpers; /* an array of unit ids; data NULL: none */
    size_t helpers_count;
    struct mst_slice outside; /* a party outside the programme, in words; data NULL: none */
};

/* Whether a body's key is where such a list stands. */
bool mst_matters_key(struct mst_slice key);

/* ---- as fields of a form ---- */

#define MST_MATTER_COLUMNS 5

/* `list` is the body's field, `columns` what one entry holds; list.fields points to them. */
struct mst_matter_field {
    struct mst_form_field list, columns[MST_MATTER_COLUMNS];
};
/* The field that a body's key is, within a programme's bounds; false: the key is none of them. */
bool mst_matter_field(struct mst_slice key, const struct mst_matter_rules *rules,
                      struct mst_matter_field *ret);
/* A difficulty that is raised by itself: the form of what is said of it. */
struct mst_form mst_difficulty_form(const struct mst_matter_rules *rules,
                                    struct mst_matter_field *room);

/* ---- reading what has been checked ---- */

/* The entries of body's difficulties or projects, one by one. */
struct mst_matters_cursor {
    struct mst_unpack u;
    size_t left;
};
struct mst_matters_cursor mst_matters_open(struct mst_slice body, const char *key);
/* The next entry's map; false: there are no more. */
bool mst_matters_next(struct mst_matters_cursor *cursor, struct mst_slice *ret_map);

void mst_difficulty_read(struct mst_slice map, struct mst_difficulty *ret);
/* The helper at an index. */
struct mst_slice mst_difficulty_helper(const struct mst_difficulty *d, size_t index);

#endif
