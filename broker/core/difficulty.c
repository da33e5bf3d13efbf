/* SPDX-License-Identifier: Apache-2.0 */
/* The contents of a difficulty: reading them, and who is concerned. Decides nothing. */
#include "broker/core/difficulty.h"

#include <stdio.h>
#include <string.h>

void mst_difficulty_data_read(const struct mst_item *item, struct mst_difficulty_data *ret)
{
    struct mst_value head;
    struct mst_unpack u;
    *ret = (struct mst_difficulty_data){.raiser = mst_unpack_text(item->data, "raiser"),
                                        .source = mst_unpack_text(item->data, "source")};
    mst_difficulty_read(item->data, &ret->d);
    if (mst_unpack_find(item->data, "replies", &ret->replies)) {
        mst_unpack_init(&u, ret->replies.data, ret->replies.len);
        if (mst_unpack_next(&u, &head) && head.kind == MST_VALUE_ARRAY)
            ret->replies_count = head.count;
    }
    ret->raised_at = mst_unpack_int(item->data, "raised_at", 0);
    ret->round = (int)mst_unpack_int(item->data, "round", 1);
    ret->waiting = (int)mst_unpack_int(item->data, "waiting", 0);
    ret->told_old = (int)mst_unpack_int(item->data, "told_old", 0);
}

int mst_difficulty_days_open(const struct mst_programme *p, const struct mst_item *item,
                             mst_time now)
{
    mst_time end = item->state == MST_ITEM_SOLVED ? item->changed_at : now;
    return (int)(mst_zone_day(p->zone, end) - mst_zone_day(p->zone, item->opened_at));
}

const char *mst_difficulty_concerned(const struct mst_item *item, size_t index,
                                     char unit[MST_ID_MAX])
{
    struct mst_difficulty_data data;
    mst_difficulty_data_read(item, &data);
    struct mst_slice id = index == 0   ? data.raiser
                          : index == 1 ? mst_text(item->owner)
                                       : mst_difficulty_helper(&data.d, index - 2);
    unit[0] = '\0';
    return id.data ? mst_slice_copy(id, unit, MST_ID_MAX) : unit;
}

void mst_difficulty_of_subject(const char *subject, char id[MST_ITEM_ID_MAX])
{
    snprintf(id, MST_ITEM_ID_MAX, "%.*s", (int)strcspn(subject, "-"), subject);
}
