/* SPDX-License-Identifier: Apache-2.0 */
/* What a task is, as the contents of an item of that kind. */
#ifndef MST_BROKER_CORE_TASK_H
#define MST_BROKER_CORE_TASK_H

#include "broker/core/item.h"
#include "broker/core/obligation.h"
#include "config/model/tasks.h"

/* Slices point into the item's data. */
struct mst_task_data {
    struct mst_task task;    /* its owner is the item's, who may be another's successor */
    struct mst_slice list;   /* id of the obligation whose report listed it */
    struct mst_slice source; /* number under which it was issued, or the plan put on record; empty:
                                neither yet */
    int year;                /* that it belongs to; 0 while it has no source */
    mst_day from;            /* in force from this day on; MST_DAY_NONE while it has no source */
    bool signed_for;
    int signing; /* how often it came to be signed for: 1, and once more whenever that was amended
                  */
    int amended; /* times that the office has amended it while it was in force */
    mst_time reported_at; /* of the progress that stands; 0: none yet */
    struct mst_task_progress progress;
};

void mst_task_data_pack(const struct mst_task_data *data, struct mst_buf *out);
void mst_task_data_read(const struct mst_item *item, struct mst_task_data *ret);
/* In force: issued or in a plan on record, from its first day on, done or not. */
bool mst_task_stands(const struct mst_item *item);
/* The light at a day: by the rules, or the one that was given instead, with a reason. */
enum mst_light mst_task_light(const struct mst_programme *p, const struct mst_task_data *data,
                              mst_day today);
/* What a field of a task is called, of owner, helpers, target and due. */
const struct mst_label *mst_task_field_label(const char *field);
/* Whether the unit is among the helpers. */
bool mst_task_helped_by(const struct mst_task *task, const char *unit);
/* The subject of the obligation to sign for it: its id, from the second time on with the number
 * behind a point ("g1-03.2"); and back. Returns the text. */
char *mst_task_subject(const struct mst_item *item, int signing, char subject[MST_SUBJECT_MAX]);
char *mst_task_of_subject(const char *subject, char id[MST_ITEM_ID_MAX]);

#endif
