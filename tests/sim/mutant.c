/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bugs seeded on purpose, one at a time, between the core and its checker: the core itself stays
 * what it is. Each stands for one that a core could have; a checker that lets it pass is blind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

static const char *const names[MUTANTS] = {
    [MUTANT_NONE] = "",
    [MUTANT_MIDNIGHT] = "midnight-a-second-early",
    [MUTANT_VERDICT_TWICE] = "verdict-written-twice",
    [MUTANT_RUNG_SKIPPED] = "rung-skipped",
    [MUTANT_ALERT_TWICE] = "alert-sent-twice",
    [MUTANT_NUMBER_LOST] = "alert-number-lost",
    [MUTANT_RESTART_FORGETS] = "restart-forgets-silences",
};

enum mutant mutant_of(const char *name)
{
    for (int i = MUTANT_NONE + 1; i < MUTANTS; i++) {
        if (strcmp(names[i], name) == 0)
            return (enum mutant)i;
    }
    return MUTANT_NONE;
}

void mutants_list(void)
{
    for (int i = MUTANT_NONE + 1; i < MUTANTS; i++)
        puts(names[i]);
}

const char *mutant_name(enum mutant mutant)
{
    return names[mutant];
}

/* Effects own their transitions and alerts: what is taken out is freed, what is doubled copied. */
static void take_out(struct mst_effects *effects, size_t at)
{
    free(effects->items[at].u.alert);
    memmove(&effects->items[at], &effects->items[at + 1],
            (--effects->count - at) * sizeof effects->items[0]);
}

static void put_again(struct mst_effects *effects, size_t at)
{
    struct mst_effect e = effects->items[at];
    bool alert = e.kind == MST_EFFECT_ALERT;
    size_t size = alert ? sizeof *e.u.alert : sizeof *e.u.transition;
    void *copy = malloc(size);
    struct mst_effect *items =
        realloc(effects->items, (effects->count + 1) * sizeof effects->items[0]);
    if (!copy || !items)
        abort();
    memcpy(copy, alert ? (const void *)e.u.alert : (const void *)e.u.transition, size);
    memmove(&items[at + 2], &items[at + 1], (effects->count - at - 1) * sizeof items[0]);
    items[at + 1].kind = e.kind;
    if (alert) {
        items[at + 1].u.alert = copy;
    } else {
        items[at + 1].u.transition = copy;
        items[at + 1].u.transition->from = e.u.transition->to;
    }
    effects->items = items;
    effects->cap = ++effects->count;
}

void mutant_spoil(struct world *w)
{
    struct mst_effects *effects = &w->effects;
    for (size_t i = 0; i < effects->count; i++) {
        const struct mst_effect *e = &effects->items[i];
        bool verdict =
            e->kind == MST_EFFECT_TRANSITION && e->u.transition->verdict != MST_VERDICT_NONE;
        bool alert = e->kind == MST_EFFECT_ALERT;
        if ((w->mutant == MUTANT_VERDICT_TWICE && verdict) ||
            (w->mutant == MUTANT_ALERT_TWICE && alert)) {
            put_again(effects, i++);
        } else if (w->mutant == MUTANT_RUNG_SKIPPED && alert && e->u.alert->rung == 1) {
            take_out(effects, i--);
        }
    }
}
