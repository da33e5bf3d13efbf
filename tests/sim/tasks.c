/* SPDX-License-Identifier: Apache-2.0 */
/* Task lists and progress in reports' bodies, as scenarios write them and as random years draw
 * them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/task.h"
#include "proto/pack.h"
#include "tests/sim/world.h"

void tasks_pack(struct mst_buf *out, const struct task_words *task)
{
    bool helped = task->helper && task->helper[0];
    mst_pack_map(out, helped ? 6 : 5);
    mst_pack_text(out, "title");
    mst_pack_text(out, task->title);
    mst_pack_text(out, "area");
    mst_pack_text(out, task->area);
    mst_pack_text(out, "owner");
    mst_pack_text(out, task->owner);
    mst_pack_text(out, "target");
    mst_pack_map(out, 2);
    mst_pack_text(out, "value");
    mst_pack_text(out, task->value);
    mst_pack_text(out, "unit");
    mst_pack_text(out, "km");
    mst_pack_text(out, "due");
    mst_pack_text(out, task->due);
    if (!helped)
        return;
    mst_pack_text(out, "helpers");
    mst_pack_array(out, 1);
    mst_pack_text(out, task->helper);
}

void tasks_pack_told(struct mst_buf *out, const struct told_words *told)
{
    mst_pack_map(out, 2u + (told->value ? 1u : 0u) + (told->light ? 2u : 0u));
    mst_pack_text(out, "id");
    mst_pack_text(out, told->id);
    mst_pack_text(out, "percent");
    mst_pack_text(out, told->percent);
    if (told->value) {
        mst_pack_text(out, "value");
        mst_pack_text(out, told->value);
    }
    if (!told->light)
        return;
    mst_pack_text(out, "light");
    mst_pack_text(out, told->light);
    mst_pack_text(out, "reason");
    mst_pack_text(out, told->reason ? told->reason : "");
}

/* A list as it should be: a task in each focus area, owned by the lead. */
static void pack_list(const struct world *w, const char *unit, struct mst_buf *out)
{
    const struct mst_programme *p = w->programme;
    size_t index = mst_programme_unit(p, unit);
    size_t group = index == SIZE_MAX ? SIZE_MAX : mst_programme_group_of(p, index);
    size_t areas = group == SIZE_MAX ? 0 : p->groups[group].areas_count;
    char due[16];
    mst_day_format(mst_zone_day(p->zone, w->now) + 365, due);
    mst_pack_array(out, areas);
    for (size_t i = 0; i < areas; i++)
        tasks_pack(out, &(struct task_words){.title = "what the area needs",
                                             .area = p->groups[group].areas[i].id,
                                             .owner = unit,
                                             .value = "10",
                                             .due = due});
}

/* Half of everything that stands is done. */
static void pack_all_told(const struct world *w, const char *unit, struct mst_buf *out)
{
    const struct mst_programme *p = w->programme;
    size_t index = mst_programme_unit(p, unit), count = 0;
    size_t group = index == SIZE_MAX ? SIZE_MAX : mst_programme_group_of(p, index);
    for (int pass = 0; pass < 2; pass++) {
        if (pass)
            mst_pack_array(out, count);
        for (size_t i = 0; group != SIZE_MAX && i < mst_core_items(w->core); i++) {
            const struct mst_item *item = mst_core_item_at(w->core, i);
            if (!mst_task_stands(item) || strcmp(item->group, p->groups[group].id) != 0)
                continue;
            count++;
            if (pass)
                tasks_pack_told(out, &(struct told_words){.id = item->id, .percent = "50"});
        }
    }
}

/* The array that such a report should have; false: its duty has nothing to do with tasks. */
static bool pack_usual(const struct world *w, const struct report_words *words, struct mst_buf *out)
{
    const struct mst_programme *p = w->programme;
    size_t duty = words->duty ? mst_programme_duty(p, words->duty) : SIZE_MAX;
    if (duty == SIZE_MAX || p->duties[duty].tasks == MST_TASKS_NONE ||
        strcmp(words->act, "submit") != 0)
        return false;
    if (p->duties[duty].tasks == MST_TASKS_PROGRESS)
        pack_all_told(w, words->unit, out);
    else
        pack_list(w, words->unit, out);
    return true;
}

void tasks_join(const struct world *w, const struct report_words *words, struct mst_buf *body)
{
    struct mst_buf tasks = {0}, whole = {0};
    struct mst_unpack u;
    struct mst_value head;
    if (words->tasks.data)
        mst_buf_put(&tasks, words->tasks.data, words->tasks.len);
    bool tells = words->tasks.data || pack_usual(w, words, &tasks);
    mst_unpack_init(&u, body->data, body->len);
    if (!mst_unpack_next(&u, &head))
        abort();
    mst_pack_map(&whole, head.count + (tells ? 1u : 0u) + (words->uncovered.data ? 1u : 0u));
    mst_buf_put(&whole, u.at, (size_t)(u.end - u.at));
    if (tells) {
        mst_pack_text(&whole, "tasks");
        mst_buf_put(&whole, tasks.data, tasks.len);
    }
    if (words->uncovered.data) {
        mst_pack_text(&whole, "uncovered");
        mst_buf_put(&whole, words->uncovered.data, words->uncovered.len);
    }
    mst_buf_done(&tasks);
    mst_buf_done(body);
    *body = whole;
}
