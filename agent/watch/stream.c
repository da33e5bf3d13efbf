/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the alert stream. Pure: sees alerts, keeps numbers. */
#include <string.h>

#include "agent/watch/watch.h"

void mst_watch_stream_begin(struct mst_watch_stream *stream, bool known, uint64_t from,
                            const uint8_t *head)
{
    stream->last = from;
    stream->has_head = head;
    if (head)
        memmove(stream->head, head, sizeof stream->head);
    stream->last_known = known;
    stream->fresh = true;
    stream->unacked = 0;
    stream->passed = 0;
}

enum mst_watch_step mst_watch_stream_step(struct mst_watch_stream *stream,
                                          const struct mst_msg_alert *alert)
{
    if (stream->fresh && stream->last_known && alert->prev < stream->last)
        return MST_WATCH_SHORT;
    bool follows = !stream->last_known || alert->prev == stream->last;
    if (follows && alert->number > alert->prev) {
        stream->last = alert->number;
        stream->has_head = alert->ledger_head.len == sizeof stream->head;
        if (stream->has_head)
            memcpy(stream->head, alert->ledger_head.data, sizeof stream->head);
        stream->last_known = true;
        stream->fresh = stream->lost = false;
        stream->passed = 0;
        stream->unacked++;
        return MST_WATCH_TAKE;
    }
    if (!stream->lost) {
        stream->lost = true;
        return MST_WATCH_GAP;
    }
    /* No more than two credits can be on the way: the old subscription's and the new one's. */
    if (++stream->passed > 2 * stream->credit)
        return MST_WATCH_HOPELESS;
    return MST_WATCH_PASS;
}
