/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of items, whatever happens: their moves as a reader of the ledger follows them,
 * tasks and their source, signing for them. */
#include <stdlib.h>
#include <string.h>

#include "broker/core/task.h"
#include "tests/sim/world.h"

bool check_item_move(struct world *w, const struct mst_item_move *m)
{
    const struct mst_item *item = mst_core_item(w->core, m->kind, m->id);
    if (!item)
        return world_fault(w, "%s: %s of an item that is not there", m->id, m->event);
    size_t index = (size_t)item->number - 1;
    if (m->first != (index == w->items_count))
        return world_fault(w, "%s: %s comes about twice, or not in order", m->id, m->event);
    if (m->first) {
        w->items = world_grown(w->items, w->items_count, &w->items_cap, sizeof *w->items);
        w->items[w->items_count++] = (struct item_shadow){.state = m->to, .moves = 1};
        return true;
    }
    struct item_shadow *s = &w->items[index];
    if (s->state != m->from)
        return world_fault(w, "%s: %s goes from %s, but it was %s", m->id, m->event,
                           mst_item_state_word(m->from), mst_item_state_word(s->state));
    s->state = m->to;
    s->moves++;
    return true;
}

bool check_item(struct world *w, const struct mst_item *item)
{
    const struct item_shadow *s = &w->items[item->number - 1];
    struct mst_task_data data;
    if (s->state != item->state || s->moves != item->moves)
        return world_fault(w, "%s: its moves say %s, the snapshot %s", item->id,
                           mst_item_state_word(s->state), mst_item_state_word(item->state));
    if (item->kind != MST_ITEM_TASK)
        return true;
    mst_task_data_read(item, &data);
    if (mst_task_stands(item) != (data.source.len > 0 && data.from != MST_DAY_NONE))
        return world_fault(w, "%s: it is %s, and its source is \"%.*s\"", item->id,
                           mst_item_state_word(item->state), (int)data.source.len,
                           (const char *)data.source.data);
    if (data.progress.percent < 0 || data.progress.percent > 100 ||
        (item->state == MST_ITEM_DONE) != (data.progress.percent == 100) ||
        (item->state == MST_ITEM_SIGNED && !data.signed_for))
        return world_fault(w, "%s: %s with %d percent", item->id, mst_item_state_word(item->state),
                           data.progress.percent);
    return true;
}

/* How often it came to be signed for: the number in an obligation's subject; 0: of another task. */
static int signing_of(const struct mst_obligation *o, const struct mst_item *item)
{
    char id[MST_ITEM_ID_MAX];
    const char *point = strchr(o->subject, '.');
    if (o->kind != MST_DUTY_SIGN_FOR || strcmp(mst_task_of_subject(o->subject, id), item->id) != 0)
        return 0;
    return point ? atoi(point + 1) : 1;
}

/* What stands is to be signed for as it stands now, once, by its owner or by whom it succeeds; what
 * was to be signed for before it was amended is not any more. */
static bool check_task(struct world *w, const struct mst_item *item)
{
    struct mst_task_data data;
    size_t all = 0, open = 0, signed_for = 0;
    mst_task_data_read(item, &data);
    for (size_t k = 0; k < mst_core_count(w->core); k++) {
        const struct mst_obligation *o = mst_core_at(w->core, k);
        int signing = signing_of(o, item);
        if (!signing)
            continue;
        if (signing != data.signing && mst_obligation_ball_with_bearer(o))
            return world_fault(w, "%s: still to be signed for in another way than it stands",
                               o->id);
        if (signing != data.signing)
            continue;
        all++;
        open += o->work != MST_WORK_SUPERSEDED && o->work != MST_WORK_CANCELLED;
        signed_for += o->work == MST_WORK_CLOSED;
    }
    if (open > 1 || (all > 0) != mst_task_stands(item))
        return world_fault(w, "%s: it is %s and has %zu obligations to sign for it", item->id,
                           mst_item_state_word(item->state), open);
    if (signed_for > 0 && !data.signed_for)
        return world_fault(w, "%s: signed for, and does not know it", item->id);
    return true;
}

bool check_signing(struct world *w)
{
    for (size_t i = 0; i < mst_core_items(w->core); i++) {
        const struct mst_item *item = mst_core_item_at(w->core, i);
        if (item->kind == MST_ITEM_TASK && !check_task(w, item))
            return false;
    }
    return true;
}
