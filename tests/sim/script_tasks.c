/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios' sentences about tasks, and what they expect of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/task.h"
#include "proto/pack.h"
#include "tests/sim/script.h"

#define PARTS_MAX 6

/* "A:B:C" in its parts; how many there are. */
static size_t split(char *word, char *parts[PARTS_MAX])
{
    size_t count = 0;
    while (word && count < PARTS_MAX) {
        char *colon = strchr(word, ':');
        parts[count++] = word;
        if (colon)
            *colon = '\0';
        word = colon ? colon + 1 : NULL;
    }
    return count;
}

static void send(struct script *s, struct report_words *words)
{
    if (!world_report(&s->world, words))
        script_fail(s, "%s", s->world.fault);
    s->refusal_open = s->world.answer != MST_OK;
}

/* The array of what is written as TASK …, each packed by `pack`. */
static void pack_words(struct script *s, struct mst_buf *out,
                       void (*pack)(struct mst_buf *out, char *parts[PARTS_MAX], size_t count),
                       size_t words)
{
    mst_pack_array(out, words);
    for (; words > 0; words--) {
        char *parts[PARTS_MAX] = {NULL};
        size_t count = split(s->words[s->at++], parts);
        pack(out, parts, count);
    }
}

static void pack_task(struct mst_buf *out, char *parts[PARTS_MAX], size_t count)
{
    struct task_words task = {.title = parts[0],
                              .area = count > 1 ? parts[1] : "",
                              .owner = count > 2 ? parts[2] : "",
                              .due = count > 3 ? parts[3] : "2023-12-31",
                              .value = count > 4 ? parts[4] : "10",
                              .helper = count > 5 ? parts[5] : NULL};
    tasks_pack(out, &task);
}

static void pack_told(struct mst_buf *out, char *parts[PARTS_MAX], size_t count)
{
    struct told_words told = {.id = parts[0],
                              .percent = count > 1 ? parts[1] : "",
                              .value = count > 2 && parts[2][0] ? parts[2] : NULL,
                              .light = count > 3 && parts[3][0] ? parts[3] : NULL,
                              .reason = count > 4 ? parts[4] : NULL};
    tasks_pack_told(out, &told);
}

static size_t words_until(const struct script *s, const char *end)
{
    size_t n = 0;
    while (s->at + n < s->count && strcmp(s->words[s->at + n], end) != 0)
        n++;
    return n;
}

void script_list(struct script *s)
{
    struct report_words words = {.act = "submit", .unit = script_need(s, "a unit")};
    struct mst_buf tasks = {0}, uncovered = {0};
    words.duty = script_need(s, "a duty");
    words.period = script_need(s, "a period");
    pack_words(s, &tasks, pack_task, words_until(s, "without"));
    if (script_accept(s, "without")) {
        mst_pack_map(&uncovered, 1);
        mst_pack_text(&uncovered, script_need(s, "a focus area"));
        mst_pack_text(&uncovered, script_need(s, "a reason"));
    }
    words.tasks = mst_bytes(tasks.data, tasks.len);
    words.uncovered = mst_bytes(uncovered.data, uncovered.len);
    send(s, &words);
    mst_buf_done(&tasks);
    mst_buf_done(&uncovered);
}

void script_told(struct script *s, const char *act)
{
    struct report_words words = {.act = act, .unit = script_need(s, "a unit")};
    struct mst_buf tasks = {0};
    words.duty = script_need(s, "a duty");
    words.period = script_need(s, "a period");
    pack_words(s, &tasks, pack_told, s->count - s->at);
    words.tasks = mst_bytes(tasks.data, tasks.len);
    send(s, &words);
    mst_buf_done(&tasks);
}

void script_sign(struct script *s)
{
    struct report_words words = {.act = "sign-for", .unit = script_need(s, "a unit")};
    words.obligation = script_need(s, "an obligation");
    send(s, &words);
}

void script_expect_item(struct script *s)
{
    const char *id = script_need(s, "a task");
    const struct mst_item *item = mst_core_item(s->world.core, MST_ITEM_TASK, id);
    const struct mst_programme *p = s->world.programme;
    struct mst_task_data data;
    char is[128], from[16];
    if (!item) {
        if (!script_accept(s, "nothing"))
            script_fail(s, "there is no task %s", id);
        s->at = s->count;
        return;
    }
    mst_task_data_read(item, &data);
    while (s->at < s->count) {
        const char *what = script_need(s, "what is expected");
        if (strcmp(what, "owner") == 0)
            snprintf(is, sizeof is, "%s", item->owner);
        else if (strcmp(what, "light") == 0)
            snprintf(is, sizeof is, "%s",
                     mst_light_word(mst_task_light(p, &data, mst_zone_day(p->zone, s->world.now))));
        else if (strcmp(what, "percent") == 0)
            snprintf(is, sizeof is, "%d", data.progress.percent);
        else if (strcmp(what, "source") == 0)
            mst_slice_copy(data.source, is, sizeof is);
        else if (strcmp(what, "year") == 0)
            snprintf(is, sizeof is, "%d", data.year);
        else if (strcmp(what, "due") == 0)
            snprintf(is, sizeof is, "%s", mst_day_format(data.task.due, from));
        else if (strcmp(what, "amended") == 0)
            snprintf(is, sizeof is, "%d", data.amended);
        else if (strcmp(what, "from") == 0)
            snprintf(is, sizeof is, "%s", mst_day_format(data.from, from));
        else if (strcmp(what, "state") == 0)
            snprintf(is, sizeof is, "%s", mst_item_state_word(item->state));
        else {
            script_fail(s, "nothing is known of %s", what);
            return;
        }
        const char *wanted = script_need(s, "what is expected");
        if (strcmp(is, wanted) != 0)
            script_fail(s, "its %s is %s", what, is);
    }
}
