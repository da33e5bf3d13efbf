/* SPDX-License-Identifier: Apache-2.0 */
/* Who reads another group's progress: by the programme, and by the office's grants. Shown to
 * whoever may read the group, and to the reader. */
#include <stdio.h>
#include <string.h>

#include "broker/core/grant.h"
#include "broker/io/query.h"

struct walk {
    struct mst_query *q;
    struct mst_err *err;
    int code;
};

struct row {
    const char *id, *reads, *state, *source;
    struct mst_slice reader, reason, by;
    mst_time from, until; /* 0: none */
};

static void pack_slice(struct mst_buf *b, const char *key, struct mst_slice value)
{
    mst_pack_text(b, key);
    mst_pack_text_slice(b, value.data ? value : mst_text(""));
}

/* The last day, since that is what was granted; empty: no end. */
static void pack_until(struct mst_query *q, struct mst_buf *b, mst_time until)
{
    char day[16] = "";
    if (until)
        mst_day_format(mst_zone_day(q->programme->zone, until - 1), day);
    mst_query_pack_text(b, "until", day);
}

static int put(struct mst_query *q, const struct row *row, struct mst_err *err)
{
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 9);
    mst_query_pack_text(b, "id", row->id);
    pack_slice(b, "reader", row->reader);
    mst_query_pack_text(b, "reads", row->reads);
    mst_query_pack_instant(q, b, "from", row->from);
    pack_until(q, b, row->until);
    mst_query_pack_text(b, "state", row->state);
    mst_query_pack_text(b, "source", row->source);
    pack_slice(b, "reason", row->reason);
    pack_slice(b, "by", row->by);
    return mst_query_row_end(q, err);
}

/* The asker is the reader, or of the group that is. */
static bool is_asker(const struct mst_query *q, struct mst_slice reader)
{
    const struct mst_programme *p = q->programme;
    size_t group =
        q->actor.unit ? mst_programme_group_of(p, mst_programme_unit(p, q->actor.unit)) : SIZE_MAX;
    char own[MST_ID_MAX + 8];
    snprintf(own, sizeof own, "unit:%s", q->actor.unit ? q->actor.unit : "");
    if (q->actor.unit && mst_slice_is(reader, own))
        return true;
    snprintf(own, sizeof own, "group:%s", group == SIZE_MAX ? "" : p->groups[group].id);
    return group != SIZE_MAX && mst_slice_is(reader, own);
}

static bool shown(struct mst_query *q, const struct row *row)
{
    return mst_query_matches(q, "group", row->reads) &&
           (mst_query_may(q, NULL, row->reads) || is_asker(q, row->reader));
}

static int put_programmes(struct mst_query *q, struct mst_err *err)
{
    const struct mst_programme *p = q->programme;
    int code = 0;
    for (size_t i = 0; !code && i < p->grants_count; i++) {
        const struct mst_grant *grant = &p->grants[i];
        char reader[MST_ID_MAX + 8];
        if (grant->unit != SIZE_MAX)
            snprintf(reader, sizeof reader, "unit:%s", p->units[grant->unit].id);
        else
            snprintf(reader, sizeof reader, "group:%s", p->groups[grant->group].id);
        const struct row row = {.id = "",
                                .reads = p->groups[grant->reads].id,
                                .state = mst_item_state_word(MST_ITEM_GIVEN),
                                .source = "programme",
                                .reader = mst_text(reader),
                                .reason = mst_text(grant->reason)};
        if (shown(q, &row))
            code = put(q, &row, err);
    }
    return code;
}

static int visit(void *context, const char *kind, const char *id, struct mst_slice bytes)
{
    struct walk *w = context;
    struct mst_item item;
    struct mst_grant_data data;
    if (strcmp(kind, mst_item_kind_word(MST_ITEM_GRANT)) != 0)
        return 0;
    w->code = mst_item_unpack(bytes, &item, w->err);
    if (w->code)
        return w->code;
    mst_grant_data_read(&item, &data);
    /* At its end it is over, though nothing may have moved it yet. */
    bool ended = item.state == MST_ITEM_ENDED || data.until <= w->q->now;
    const struct row row = {.id = id,
                            .reads = item.group,
                            .state = mst_item_state_word(ended ? MST_ITEM_ENDED : MST_ITEM_GIVEN),
                            .source = "office",
                            .reader = data.reader,
                            .reason = data.reason,
                            .by = data.by,
                            .from = item.opened_at,
                            .until = data.until};
    if ((!ended || mst_unpack_text(w->q->args, "all").data) && shown(w->q, &row))
        w->code = put(w->q, &row, w->err);
    return w->code;
}

int mst_query_grants(struct mst_query *q, struct mst_err *err)
{
    struct walk w = {.q = q, .err = err};
    int code = put_programmes(q, err);
    if (!code)
        code = mst_reader_items(q->reader, q->pid, visit, &w, err);
    return code ? code : w.code;
}
