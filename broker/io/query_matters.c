/* SPDX-License-Identifier: Apache-2.0 */
/* Queries about what reports bring up: difficulties, for those whom they concern, and projects. */
#include <string.h>

#include "broker/core/difficulty.h"
#include "broker/io/query.h"

struct walk {
    struct mst_query *q;
    struct mst_err *err;
    int code;
    int (*put)(struct walk *w, const struct mst_item *item);
    enum mst_item_kind kind;
};

static void pack_slice(struct mst_buf *b, const char *key, struct mst_slice value)
{
    mst_pack_text(b, key);
    mst_pack_text_slice(b, value.data ? value : mst_text(""));
}

static void pack_number(struct mst_buf *b, const char *key, int64_t value)
{
    mst_pack_text(b, key);
    mst_pack_int(b, value);
}

static const char *group_of(const struct mst_query *q, const char *unit)
{
    const struct mst_programme *p = q->programme;
    size_t group = mst_programme_group_of(p, mst_programme_unit(p, unit));
    return group == SIZE_MAX ? "" : p->groups[group].id;
}

/* ---- difficulties ---- */

/* For whom one of those concerned is its own unit, or of the group that it leads. */
static bool concerns_asker(const struct mst_query *q, const struct mst_item *item)
{
    char unit[MST_ID_MAX];
    for (size_t i = 0; i < MST_HELPERS_MAX + 2; i++) {
        mst_difficulty_concerned(item, i, unit);
        if (unit[0] && mst_query_may(q, unit, group_of(q, unit)))
            return true;
    }
    /* Whoever reads everything reads those of units that have left, too. */
    return mst_query_may(q, NULL, NULL);
}

/* --unit and --group: of anybody whom it concerns. */
static bool concerns_wanted(const struct mst_query *q, const struct mst_item *item)
{
    char unit[MST_ID_MAX];
    bool of_unit = !mst_unpack_text(q->args, "unit").data;
    bool of_group = !mst_unpack_text(q->args, "group").data;
    for (size_t i = 0; i < MST_HELPERS_MAX + 2; i++) {
        mst_difficulty_concerned(item, i, unit);
        if (!unit[0])
            continue;
        of_unit = of_unit || mst_query_matches(q, "unit", unit);
        of_group = of_group || mst_query_matches(q, "group", group_of(q, unit));
    }
    return of_unit && of_group && mst_query_matches(q, "state", mst_item_state_word(item->state));
}

static bool is_old(const struct mst_difficulty_data *data)
{
    return data->told_old > 0;
}

static void pack_replies(const struct mst_query *q, struct mst_buf *b,
                         const struct mst_difficulty_data *data)
{
    struct mst_unpack u;
    struct mst_value head;
    struct mst_slice reply;
    mst_pack_text(b, "replies");
    mst_pack_array(b, data->replies_count);
    mst_unpack_init(&u, data->replies.data, data->replies.len);
    (void)mst_unpack_next(&u, &head);
    for (size_t i = 0; i < data->replies_count && mst_unpack_skip(&u, &reply); i++) {
        mst_pack_map(b, 3);
        pack_slice(b, "unit", mst_unpack_text(reply, "unit"));
        mst_query_pack_instant(q, b, "at", mst_unpack_int(reply, "at", 0));
        pack_slice(b, "text", mst_unpack_text(reply, "text"));
    }
}

/* The helpers' names for people, as one text. */
static void pack_helpers(const struct mst_query *q, struct mst_buf *b,
                         const struct mst_difficulty *d, bool zh)
{
    struct mst_buf names = {0};
    for (size_t i = 0; i < d->helpers_count; i++) {
        char id[MST_ID_MAX];
        mst_slice_copy(mst_difficulty_helper(d, i), id, sizeof id);
        size_t at = mst_programme_unit(q->programme, id);
        const struct mst_label *name = at == SIZE_MAX ? NULL : &q->programme->units[at].name;
        const char *words = !name ? id : zh ? name->zh : name->en, *between = zh ? "、" : "; ";
        mst_buf_put(&names, between, i ? strlen(between) : 0);
        mst_buf_put(&names, words, strlen(words));
    }
    mst_pack_text(b, zh ? "helpers_zh" : "helpers_en");
    mst_pack_text_slice(b, names.failed ? mst_text("") : mst_bytes(names.data, names.len));
    mst_buf_done(&names);
}

static int put_difficulty(struct walk *w, const struct mst_item *item)
{
    struct mst_query *q = w->q;
    struct mst_difficulty_data data;
    mst_difficulty_data_read(item, &data);
    bool old_only = mst_unpack_text(q->args, "old").data != NULL;
    if (!concerns_asker(q, item) || !concerns_wanted(q, item) || (old_only && !is_old(&data)))
        return 0;
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 18 + 2 * (MST_NAMED_PAIRS - 1) + 2);
    mst_query_pack_text(b, "id", item->id);
    mst_query_pack_text(b, "state", mst_item_state_word(item->state));
    pack_number(b, "days_open", mst_difficulty_days_open(q->programme, item, q->now));
    char raiser[MST_ID_MAX];
    mst_slice_copy(data.raiser, raiser, sizeof raiser);
    mst_query_pack_unit(q, b, "raiser", raiser);
    mst_query_pack_unit(q, b, "owner", item->owner);
    mst_query_pack_text(b, "group", item->group);
    mst_pack_text(b, "helpers");
    if (data.d.helpers_count)
        mst_buf_put(b, data.d.helpers.data, data.d.helpers.len);
    else
        mst_pack_array(b, 0);
    pack_helpers(q, b, &data.d, true);
    pack_helpers(q, b, &data.d, false);
    pack_slice(b, "outside", data.d.outside);
    pack_slice(b, "title", data.d.title);
    pack_slice(b, "text", data.d.text);
    pack_slice(b, "source", data.source);
    pack_number(b, "waiting", data.waiting);
    pack_number(b, "round", data.round);
    mst_pack_text(b, "old");
    mst_pack_bool(b, is_old(&data));
    mst_query_pack_instant(q, b, "raised", item->opened_at);
    mst_query_pack_instant(q, b, "raised_again", data.round > 1 ? data.raised_at : 0);
    mst_query_pack_instant(q, b, "changed", item->changed_at);
    pack_replies(q, b, &data);
    return mst_query_row_end(q, w->err);
}

/* ---- projects ---- */

static int put_project(struct walk *w, const struct mst_item *item)
{
    static const char *const texts[] = {"title", "unit", "level", "remark", "source"};
    struct mst_query *q = w->q;
    struct mst_slice amount;
    bool listed = item->state == MST_ITEM_WON || mst_unpack_text(q->args, "all").data;
    if (!listed || !mst_query_may(q, item->owner, group_of(q, item->owner)) ||
        !mst_query_matches(q, "unit", item->owner) || !mst_query_matches(q, "group", item->group))
        return 0;
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 5 + MST_NAMED_PAIRS + sizeof texts / sizeof texts[0]);
    mst_query_pack_text(b, "id", item->id);
    mst_query_pack_text(b, "state", mst_item_state_word(item->state));
    mst_query_pack_unit(q, b, "owner", item->owner);
    mst_query_pack_text(b, "group", item->group);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        pack_slice(b, texts[i], mst_unpack_text(item->data, texts[i]));
    mst_pack_text(b, "amount");
    if (mst_unpack_find(item->data, "amount", &amount))
        mst_buf_put(b, amount.data, amount.len);
    else
        mst_pack_text(b, "");
    mst_query_pack_instant(q, b, "changed", item->changed_at);
    return mst_query_row_end(q, w->err);
}

static int visit(void *context, const char *kind, const char *id, struct mst_slice bytes)
{
    struct walk *w = context;
    struct mst_item item;
    (void)id;
    if (strcmp(kind, mst_item_kind_word(w->kind)) != 0)
        return 0;
    w->code = mst_item_unpack(bytes, &item, w->err);
    if (!w->code)
        w->code = w->put(w, &item);
    return w->code;
}

static int list(struct walk *w, struct mst_query *q, struct mst_err *err)
{
    w->q = q;
    w->err = err;
    int code = mst_reader_items(q->reader, q->pid, visit, w, err);
    return code ? code : w->code;
}

int mst_query_difficulties(struct mst_query *q, struct mst_err *err)
{
    struct walk w = {.put = put_difficulty, .kind = MST_ITEM_DIFFICULTY};
    return list(&w, q, err);
}

int mst_query_projects(struct mst_query *q, struct mst_err *err)
{
    struct walk w = {.put = put_project, .kind = MST_ITEM_PROJECT};
    return list(&w, q, err);
}
