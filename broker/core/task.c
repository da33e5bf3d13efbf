/* SPDX-License-Identifier: Apache-2.0 */
/* A task's stored form inside its item, and its light. */
#include "broker/core/task.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "proto/pack.h"

static void pack_slice(struct mst_buf *out, const char *key, struct mst_slice value)
{
    if (!value.data)
        return;
    mst_pack_text(out, key);
    mst_pack_text_slice(out, value);
}

static void pack_number(struct mst_buf *out, const char *key, int64_t value)
{
    mst_pack_text(out, key);
    mst_pack_int(out, value);
}

void mst_task_data_pack(const struct mst_task_data *d, struct mst_buf *out)
{
    const struct mst_task *t = &d->task;
    const struct mst_slice slices[] = {
        t->title, t->area,   t->owner,          t->helpers,         t->unit,
        d->list,  d->source, d->progress.light, d->progress.reason, d->progress.text};
    size_t pairs = 9 + d->progress.has_value; /* the numbers below */
    for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++)
        pairs += slices[i].data != NULL;
    mst_pack_map(out, pairs);
    pack_slice(out, "title", t->title);
    pack_slice(out, "area", t->area);
    pack_slice(out, "owner", t->owner);
    if (t->helpers.data) {
        mst_pack_text(out, "helpers");
        mst_buf_put(out, t->helpers.data, t->helpers.len);
    }
    pack_number(out, "target", t->target);
    pack_slice(out, "unit", t->unit);
    pack_number(out, "due", t->due);
    pack_slice(out, "list", d->list);
    pack_slice(out, "source", d->source);
    pack_number(out, "year", d->year);
    pack_number(out, "from", d->from);
    mst_pack_text(out, "signed_for");
    mst_pack_bool(out, d->signed_for);
    pack_number(out, "signing", d->signing);
    pack_number(out, "amended", d->amended);
    pack_number(out, "reported_at", d->reported_at);
    pack_number(out, "percent", d->progress.percent);
    if (d->progress.has_value)
        pack_number(out, "value", d->progress.value);
    pack_slice(out, "light", d->progress.light);
    pack_slice(out, "reason", d->progress.reason);
    pack_slice(out, "text", d->progress.text);
}

void mst_task_data_read(const struct mst_item *item, struct mst_task_data *ret)
{
    struct mst_slice map = item->data, raw = {0};
    *ret = (struct mst_task_data){
        .task =
            {
                .title = mst_unpack_text(map, "title"),
                .area = mst_unpack_text(map, "area"),
                .owner = mst_unpack_text(map, "owner"),
                .target = mst_unpack_int(map, "target", 0),
                .unit = mst_unpack_text(map, "unit"),
                .due = (mst_day)mst_unpack_int(map, "due", MST_DAY_NONE),
            },
        .list = mst_unpack_text(map, "list"),
        .source = mst_unpack_text(map, "source"),
        .year = (int)mst_unpack_int(map, "year", 0),
        .from = (mst_day)mst_unpack_int(map, "from", MST_DAY_NONE),
        .signed_for = mst_unpack_bool(map, "signed_for", false),
        .signing = (int)mst_unpack_int(map, "signing", 1),
        .amended = (int)mst_unpack_int(map, "amended", 0),
        .reported_at = mst_unpack_int(map, "reported_at", 0),
        .progress =
            {
                .percent = (int)mst_unpack_int(map, "percent", 0),
                .light = mst_unpack_text(map, "light"),
                .reason = mst_unpack_text(map, "reason"),
                .text = mst_unpack_text(map, "text"),
            },
    };
    if (mst_unpack_find(map, "helpers", &raw))
        ret->task.helpers = raw;
    ret->progress.has_value = mst_unpack_find(map, "value", &raw);
    ret->progress.value = mst_unpack_int(map, "value", 0);
}

bool mst_task_stands(const struct mst_item *item)
{
    return item->kind == MST_ITEM_TASK &&
           (item->state == MST_ITEM_ISSUED || item->state == MST_ITEM_SIGNED ||
            item->state == MST_ITEM_DONE);
}

enum mst_light mst_task_light(const struct mst_programme *p, const struct mst_task_data *d,
                              mst_day today)
{
    enum mst_light given;
    if (d->from == MST_DAY_NONE)
        return MST_LIGHT_NONE;
    /* What was given holds until the next report, but nothing is green once it is overdue. */
    bool overdue = today > d->task.due && d->progress.percent < 100;
    if (!overdue && mst_light_parse(d->progress.light, &given))
        return given;
    return mst_light_of(&p->tasks, d->from, d->task.due, today, d->progress.percent);
}

bool mst_task_helped_by(const struct mst_task *task, const char *unit)
{
    struct mst_unpack u;
    struct mst_value v;
    if (!task->helpers.data)
        return false;
    mst_unpack_init(&u, task->helpers.data, task->helpers.len);
    if (!mst_unpack_next(&u, &v) || v.kind != MST_VALUE_ARRAY)
        return false;
    for (size_t left = v.count; left > 0 && mst_unpack_next(&u, &v); left--) {
        if (v.kind == MST_VALUE_TEXT && mst_slice_is(v.s, unit))
            return true;
    }
    return false;
}

char *mst_task_subject(const struct mst_item *item, int signing, char subject[MST_SUBJECT_MAX])
{
    if (signing > 1)
        snprintf(subject, MST_SUBJECT_MAX, "%.52s.%d", item->id, signing);
    else
        snprintf(subject, MST_SUBJECT_MAX, "%s", item->id);
    return subject;
}

char *mst_task_of_subject(const char *subject, char id[MST_ITEM_ID_MAX])
{
    snprintf(id, MST_ITEM_ID_MAX, "%.*s", (int)strcspn(subject, "."), subject);
    return id;
}

const struct mst_label *mst_task_field_label(const char *field)
{
    static const struct {
        const char *field;
        struct mst_label label;
    } labels[] = {{"owner", {"owner", "责任单位"}},
                  {"helpers", {"helpers", "协助单位"}},
                  {"target", {"target", "目标"}},
                  {"due", {"due", "截止"}}};
    size_t i = 0, count = sizeof labels / sizeof labels[0];
    while (i < count && strcmp(labels[i].field, field) != 0)
        i++;
    assert(i < count);
    return &labels[i].label;
}
