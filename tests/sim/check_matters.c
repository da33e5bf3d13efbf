/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of difficulties, whatever happens: their state against the replies that are owed.
 */
#include <string.h>

#include "broker/core/difficulty.h"
#include "tests/sim/world.h"

struct owed {
    size_t open, closed;
};

static struct owed owed_about(const struct world *w, const struct mst_item *item)
{
    struct owed owed = {0};
    for (size_t i = 0; i < mst_core_count(w->core); i++) {
        const struct mst_obligation *o = mst_core_at(w->core, i);
        char id[MST_ITEM_ID_MAX];
        mst_difficulty_of_subject(o->subject, id);
        if (o->kind != MST_DUTY_REPLY || strcmp(id, item->id) != 0)
            continue;
        owed.open += mst_obligation_ball_with_bearer(o);
        owed.closed += o->work == MST_WORK_CLOSED;
    }
    return owed;
}

bool check_matters(struct world *w)
{
    for (size_t i = 0; i < mst_core_items(w->core); i++) {
        const struct mst_item *item = mst_core_item_at(w->core, i);
        struct mst_difficulty_data data;
        if (item->kind != MST_ITEM_DIFFICULTY)
            continue;
        mst_difficulty_data_read(item, &data);
        struct owed owed = owed_about(w, item);
        if (item->state == MST_ITEM_SOLVED && (owed.open || data.waiting))
            return world_fault(w, "%s is solved, and %zu replies are owed", item->id, owed.open);
        if (item->state == MST_ITEM_ANSWERED && (owed.open || !data.replies_count))
            return world_fault(w, "%s is answered, and %zu replies are owed", item->id, owed.open);
        if (owed.open > (size_t)data.waiting)
            return world_fault(w, "%s waits for %d replies, and %zu are owed", item->id,
                               data.waiting, owed.open);
        if (owed.closed > data.replies_count)
            return world_fault(w, "%s has %zu replies of %zu that came", item->id,
                               data.replies_count, owed.closed);
    }
    return true;
}
