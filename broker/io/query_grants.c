/* SPDX-License-Identifier: Apache-2.0 */
/* Who reads another group's progress: by the programme, and by the office's grants. Shown to
 * whoever may read the group, and to the reader. */
#include <stdio.h>
#include <string.h>

#include "broker/driver/driver.h"
#include "broker/io/query.h"

struct walk {
    struct mst_query *q;
    struct mst_err *err;
    int code;
};

static int put(struct mst_query *q, const struct mst_grant_row *row, struct mst_err *err)
{
    mst_grant_row_pack(q->programme->zone, row, mst_query_row(q));
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

static bool shown(struct mst_query *q, const struct mst_grant_row *row)
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
        const struct mst_grant_row row = {.id = "",
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
    (void)id;
    struct walk *w = context;
    struct mst_item item;
    struct mst_grant_row row;
    if (strcmp(kind, mst_item_kind_word(MST_ITEM_GRANT)) != 0)
        return 0;
    w->code = mst_item_unpack(bytes, &item, w->err);
    if (w->code)
        return w->code;
    mst_grant_row_of(&item, w->q->now, &row);
    bool ended = strcmp(row.state, mst_item_state_word(MST_ITEM_ENDED)) == 0;
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
