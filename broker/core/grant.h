/* SPDX-License-Identifier: Apache-2.0 */
/* What a grant of the office is, as the contents of an item of that kind. */
#ifndef MST_BROKER_CORE_GRANT_H
#define MST_BROKER_CORE_GRANT_H

#include "broker/core/item.h"

/* Slices point into the item's data. The item's group is the one that is read, its owner the unit
 * that reads it, empty where a group does. */
struct mst_grant_data {
    struct mst_slice reader; /* "unit:UNIT" or "group:GROUP" */
    struct mst_slice reason, by;
    mst_time until; /* it ends at this instant by itself */
};

void mst_grant_data_read(const struct mst_item *item, struct mst_grant_data *ret);

#endif
