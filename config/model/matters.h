/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a report may bring up beside its own contents: difficulties that need others' help, and
 * projects that were won. Reading and checking them, at the clerk's and at the broker alike.
 *
 *   difficulties: [{title, text, owner: UNIT, helpers: [UNIT, …], outside: words}, …]
 *   projects: [{title, amount, unit, level, remark}, …]
 *
 * Text in the place of a list is a remark of the report's, and brings nothing up.
 */
#ifndef MST_CONFIG_MODEL_MATTERS_H
#define MST_CONFIG_MODEL_MATTERS_H

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
/* Whether this pair of a body is such a list. */
bool mst_matters_listed(struct mst_slice key, struct mst_slice raw);

/* The entries of body's difficulties or projects, one by one. */
struct mst_matters_cursor {
    struct mst_unpack u;
    size_t left, index;
};
struct mst_matters_cursor mst_matters_open(struct mst_slice body, const char *key);
/* The next entry's map; false: there are no more. */
bool mst_matters_next(struct mst_matters_cursor *cursor, struct mst_slice *ret_map);

void mst_difficulty_read(struct mst_slice map, struct mst_difficulty *ret);
/* The helper at an index. */
struct mst_slice mst_difficulty_helper(const struct mst_difficulty *d, size_t index);

typedef bool (*mst_unit_known_fn)(void *context, struct mst_slice id);

/*
 * The first fault of one difficulty, in words (untranslated, "helpers: no unit xyz"); false: there
 * is none. raiser: who may not help itself.
 */
bool mst_difficulty_fault(struct mst_slice map, const struct mst_matter_rules *rules,
                          const char *raiser, mst_unit_known_fn known, void *context, char *words,
                          size_t size);
/* Likewise of everything that the body brings up. */
bool mst_matters_fault(struct mst_slice body, const struct mst_matter_rules *rules,
                       const char *raiser, mst_unit_known_fn known, void *context, char *words,
                       size_t size);

#endif
