/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios' sentences about difficulties and projects, and what they expect of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/difficulty.h"
#include "tests/sim/script.h"

static void send(struct script *s, struct report_words *words)
{
    if (!world_report(&s->world, words))
        script_fail(s, "%s", s->world.fault);
    s->refusal_open = s->world.answer != MST_OK;
}

static void pack_pair(struct mst_buf *out, const char *key, const char *value)
{
    mst_pack_text(out, key);
    mst_pack_text(out, value);
}

/* "A,B" as an array. */
static void pack_units(struct mst_buf *out, char *units)
{
    size_t count = 1;
    for (const char *at = units; (at = strchr(at, ',')); at++)
        count++;
    mst_pack_text(out, "helpers");
    mst_pack_array(out, count);
    for (char *unit = strtok(units, ","); unit; unit = strtok(NULL, ","))
        mst_pack_text(out, unit);
}

/* TITLE [owner UNIT] [help UNIT,UNIT] [outside WORDS]: so many pairs. */
static size_t pack_difficulty(struct script *s, struct mst_buf *out)
{
    size_t pairs = 1;
    pack_pair(out, "title", script_need(s, "a title"));
    for (; s->at < s->count; pairs++) {
        if (script_accept(s, "owner"))
            pack_pair(out, "owner", script_need(s, "a unit"));
        else if (script_accept(s, "outside"))
            pack_pair(out, "outside", script_need(s, "words"));
        else if (script_accept(s, "help") && s->at < s->count)
            pack_units(out, s->words[s->at++]);
        else
            break;
    }
    return pairs;
}

void script_raise(struct script *s)
{
    struct mst_buf pairs = {0};
    struct report_words words = {.act = "raise", .unit = script_need(s, "a unit")};
    words.more_count = pack_difficulty(s, &pairs);
    words.more = mst_bytes(pairs.data, pairs.len);
    send(s, &words);
    mst_buf_done(&pairs);
}

void script_reply(struct script *s)
{
    static const struct word_pair text = {"text", "we come on Monday"};
    struct report_words words = {.act = "reply", .unit = script_need(s, "a unit"), .body = &text};
    words.obligation = script_need(s, "an obligation");
    words.body_count = script_accept(s, "silent") ? 0 : 1;
    send(s, &words);
}

void script_raiser(struct script *s, const char *act)
{
    struct word_pair which = {.key = "difficulty"};
    struct report_words words = {.act = act, .unit = script_need(s, "a unit"), .body = &which};
    which.value = script_need(s, "a difficulty");
    words.body_count = 1;
    if (script_accept(s, "reason"))
        words.reason = script_need(s, "a reason");
    send(s, &words);
}

/* UNIT DUTY PERIOD difficulty …|project TITLE AMOUNT: in a report, one of a kind. */
void script_bring_up(struct script *s)
{
    struct mst_buf more = {0}, entry = {0};
    struct report_words words = {.act = "submit", .unit = script_need(s, "a unit")};
    words.duty = script_need(s, "a duty");
    words.period = script_need(s, "a period");
    bool difficulty = script_accept(s, "difficulty");
    size_t pairs = 2;
    if (difficulty) {
        pairs = pack_difficulty(s, &entry);
    } else {
        (void)script_accept(s, "project");
        pack_pair(&entry, "title", script_need(s, "a title"));
        pack_pair(&entry, "amount", script_need(s, "an amount"));
    }
    mst_pack_text(&more, difficulty ? "difficulties" : "projects");
    mst_pack_array(&more, 1);
    mst_pack_map(&more, pairs);
    mst_buf_put(&more, entry.data, entry.len);
    words.more = mst_bytes(more.data, more.len);
    words.more_count = 1;
    send(s, &words);
    mst_buf_done(&more);
    mst_buf_done(&entry);
}

static const struct mst_item *item_of(struct script *s, enum mst_item_kind kind)
{
    const char *id = script_need(s, "an id");
    const struct mst_item *item = mst_core_item(s->world.core, kind, id);
    if (!item && !script_accept(s, "nothing"))
        script_fail(s, "there is no %s %s", mst_item_kind_word(kind), id);
    if (!item)
        s->at = s->count;
    return item;
}

static void expect_text(struct script *s, const char *what, const char *is)
{
    const char *wanted = script_need(s, "what is expected");
    if (strcmp(is, wanted) != 0)
        script_fail(s, "its %s is %s", what, is);
}

void script_expect_difficulty(struct script *s)
{
    const struct mst_item *item = item_of(s, MST_ITEM_DIFFICULTY);
    struct mst_difficulty_data data;
    if (!item)
        return;
    mst_difficulty_data_read(item, &data);
    while (s->at < s->count) {
        const char *what = script_need(s, "what is expected");
        char number[16] = "";
        if (strcmp(what, "waiting") == 0)
            snprintf(number, sizeof number, "%d", data.waiting);
        else if (strcmp(what, "replies") == 0)
            snprintf(number, sizeof number, "%zu", data.replies_count);
        else if (strcmp(what, "days") == 0)
            snprintf(number, sizeof number, "%d",
                     mst_difficulty_days_open(s->world.programme, item, s->world.now));
        if (number[0])
            expect_text(s, what, number);
        else
            expect_text(s, what,
                        strcmp(what, "owner") == 0 ? item->owner
                                                   : mst_item_state_word(item->state));
    }
}

void script_expect_project(struct script *s)
{
    const struct mst_item *item = item_of(s, MST_ITEM_PROJECT);
    while (item && s->at < s->count) {
        const char *what = script_need(s, "what is expected");
        char amount[64] = "";
        struct mst_slice text = mst_unpack_text(item->data, "amount");
        if (text.data)
            mst_slice_copy(text, amount, sizeof amount);
        expect_text(s, what,
                    strcmp(what, "owner") == 0    ? item->owner
                    : strcmp(what, "amount") == 0 ? amount
                                                  : mst_item_state_word(item->state));
    }
}
