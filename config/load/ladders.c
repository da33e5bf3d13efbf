/* SPDX-License-Identifier: Apache-2.0 */
/* Escalation ladders: who is told how many working days before or after the due date. */
#include <string.h>

#include "config/load/loader.h"

#define RUNG_DAYS_MAX 400
#define LEVEL_MAX 9
#define RUNG_AT_MS_DEFAULT (9 * 3600 * 1000)

/* "09:00" */
static int32_t load_time_of_day(struct mst_loader *l, const struct mst_node *node)
{
    const char *text = mst_read_letters_of(&l->r, node);
    if (!text)
        return RUNG_AT_MS_DEFAULT;
    int digits[5] = {0};
    bool good = strlen(text) == 5 && text[2] == ':';
    for (size_t i = 0; good && i < 5; i++) {
        digits[i] = text[i] - '0';
        good = i == 2 || (digits[i] >= 0 && digits[i] <= 9);
    }
    int hour = 10 * digits[0] + digits[1], minute = 10 * digits[3] + digits[4];
    if (good && hour < 24 && minute < 60)
        return (hour * 60 + minute) * 60 * 1000;
    MST_FAULT(&l->r, node, _("write hours and minutes as in \"09:00\""),
              _("%s is not a time of day"), text);
    return RUNG_AT_MS_DEFAULT;
}

static uint32_t load_audiences(struct mst_loader *l, const struct mst_node *rung)
{
    const struct mst_node *list = mst_read_field(&l->r, rung, "to", MST_NEEDED);
    const char *words[MST_AUDIENCES];
    uint32_t to = 0;
    for (size_t i = 0; i < MST_AUDIENCES; i++)
        words[i] = mst_audience_word((enum mst_audience)i);
    if (!list || !mst_read_is_list(&l->r, list))
        return to;
    if (!list->count)
        MST_FAULT(&l->r, list, _("say who is told"), _("%s must not be empty"), "to");
    for (const struct mst_node *node = list->first; node; node = node->next) {
        size_t who = mst_read_word_of(&l->r, node, (struct mst_words){words, MST_AUDIENCES});
        if (who != SIZE_MAX)
            to |= 1U << who;
    }
    return to;
}

static void load_rung(struct mst_loader *l, const struct mst_node *node, bool last,
                      struct mst_rung *rung)
{
    if (!mst_read_is_map(&l->r, node, MST_WORDS("days", "at", "level", "to", "every")))
        return;
    int64_t days = 0, level = 0;
    const struct mst_node *days_node = mst_read_field(&l->r, node, "days", MST_NEEDED);
    if (days_node && mst_read_int_of(&l->r, days_node, -RUNG_DAYS_MAX, RUNG_DAYS_MAX, &days))
        rung->days = (int)days;
    const struct mst_node *level_node = mst_read_field(&l->r, node, "level", MST_NEEDED);
    if (level_node && mst_read_int_of(&l->r, level_node, 0, LEVEL_MAX, &level)) {
        rung->level = (int)level;
        if (days_node && (days < 0) != (level == 0))
            MST_FAULT(&l->r, level_node,
                      _("level 0 is a reminder before the due date; from day 0 on it is 1 or more"),
                      _("level %d does not go with day %d"), rung->level, rung->days);
    }
    const struct mst_node *at = mst_read_field(&l->r, node, "at", MST_MAY_LACK);
    rung->at_ms = at ? load_time_of_day(l, at) : RUNG_AT_MS_DEFAULT;
    if (at && days_node && days == 0)
        MST_FAULT(&l->r, at, _("remove it"), _("day 0 is the end of grace itself and has no time"));
    rung->to = load_audiences(l, node);
    const struct mst_node *every = mst_read_field(&l->r, node, "every", MST_MAY_LACK);
    rung->repeat_days = mst_read_int(&l->r, node, "every", 1, RUNG_DAYS_MAX, 0);
    if (every && !last)
        MST_FAULT(&l->r, every, _("move it to the last rung"), _("only the last rung repeats"));
    else if (every && days_node && days < 0)
        MST_FAULT(&l->r, every, _("remove it"), _("a reminder before the due date cannot repeat"));
}

static void load_ladder(struct mst_loader *l, const struct mst_node *node,
                        struct mst_ladder *ladder)
{
    if (!mst_read_is_list(&l->r, node))
        return;
    if (!node->count || node->count > MST_RUNGS_MAX) {
        MST_FAULT(&l->r, node, NULL, _("a ladder has 1 to %d rungs, not %zu"), MST_RUNGS_MAX,
                  node->count);
        return;
    }
    for (const struct mst_node *rung = node->first; rung; rung = rung->next) {
        struct mst_rung *now = &ladder->rungs[ladder->rungs_count];
        load_rung(l, rung, !rung->next, now);
        if (ladder->rungs_count && now->days <= now[-1].days)
            MST_FAULT(&l->r, rung, _("order the rungs by days, each day once"),
                      _("day %d stands after day %d"), now->days, now[-1].days);
        if (ladder->rungs_count && now->level < now[-1].level)
            MST_FAULT(&l->r, rung, _("levels rise or stay"), _("level %d stands after level %d"),
                      now->level, now[-1].level);
        ladder->rungs_count++;
    }
}

void mst_load_ladders(struct mst_loader *l)
{
    const struct mst_node *map = mst_read_field(&l->r, l->root, "ladders", MST_NEEDED);
    if (!map || map->bad)
        return;
    if (map->kind != MST_NODE_MAP || !map->count) {
        MST_FAULT(&l->r, map, _("see config/README.md for an example"),
                  _("ladders must be a map from a name to a list of rungs"));
        return;
    }
    struct mst_ladder *ladders = mst_read_alloc(&l->r, map->count, sizeof *ladders);
    for (const struct mst_node *node = map->first; node && ladders; node = node->next) {
        struct mst_ladder *ladder = &ladders[l->p->ladders_count++];
        ladder->id = node->key;
        load_ladder(l, node, ladder);
    }
    l->p->ladders = ladders;
}
