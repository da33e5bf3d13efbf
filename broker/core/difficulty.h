/* SPDX-License-Identifier: Apache-2.0 */
/* What a difficulty and a project are, as the contents of items of those kinds. */
#ifndef MST_BROKER_CORE_DIFFICULTY_H
#define MST_BROKER_CORE_DIFFICULTY_H

#include "broker/core/item.h"
#include "config/model/matters.h"

/* Slices point into the item's data. Its owner is the item's, who may be another's successor. */
struct mst_difficulty_data {
    struct mst_difficulty d;
    struct mst_slice raiser;  /* unit id */
    struct mst_slice source;  /* obligation whose report brought it up; empty: raised by itself */
    struct mst_slice replies; /* an array of maps of unit, at and text */
    size_t replies_count;
    mst_time raised_at; /* of this round */
    int round;          /* 1, and one more each time that it is raised again */
    int waiting;        /* replies of this round that have not come */
    int told_old;       /* times that its age was told of in this round */
};

void mst_difficulty_data_read(const struct mst_item *item, struct mst_difficulty_data *ret);
/* As it is now: whole days since it was raised, of those of an open one up to `now`. */
int mst_difficulty_days_open(const struct mst_programme *p, const struct mst_item *item,
                             mst_time now);
/* The unit at an index of all whom it concerns: raiser, owner, helpers; "" behind the last. */
const char *mst_difficulty_concerned(const struct mst_item *item, size_t index,
                                     char unit[MST_ID_MAX]);

/* "d7" of what is owed about it, "d7-2" say. */
void mst_difficulty_of_subject(const char *subject, char id[MST_ITEM_ID_MAX]);

#endif
