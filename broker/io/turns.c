/* SPDX-License-Identifier: Apache-2.0 */
/* When a batch ends, and when the loop is quiet. Knows neither letters nor the store. */
#include "broker/io/turns.h"

enum mst_turn mst_turns_next(struct mst_turns *t, uint64_t letters, uint64_t last, int64_t now_ms)
{
    if (t->commit_ms <= MST_GATHER_MS)
        return last > 1 && 2 * letters < t->answered ? MST_TURN_LETTERS : MST_TURN_COMMIT;
    if (last > 1)
        return MST_TURN_LETTERS;
    /* After a letter that came alone nothing more is expected, unless others were answered with its
     * sender. */
    if (letters == 0 || letters >= t->answered)
        return MST_TURN_COMMIT;
    if (t->until_ms == 0)
        t->until_ms = now_ms + MST_GATHER_MS;
    return now_ms <= t->until_ms ? MST_TURN_WAIT : MST_TURN_COMMIT;
}

void mst_turns_end(struct mst_turns *t, uint64_t letters)
{
    if (letters > 0)
        t->answered = letters;
    t->until_ms = 0;
}

void mst_turns_committed(struct mst_turns *t, int64_t took_ms)
{
    t->committed = t->unmoved = true;
    t->commit_ms = took_ms;
}

void mst_turns_slept(struct mst_turns *t)
{
    t->committed = false;
}

int64_t mst_turns_quiet_ms(const struct mst_turns *t)
{
    if (t->committed)
        return MST_QUIET_MS;
    return t->unmoved ? MST_MAINTAIN_AFTER_MS : -1;
}

bool mst_turns_quiet(const struct mst_turns *t, int events)
{
    return events == 0 && t->unmoved;
}
