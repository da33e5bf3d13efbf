/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a programme says was due before now: whoever begins to serve it today tells of all of that
 * at once. Said at each duty's place, with the period at which it could begin instead.
 */
#include <string.h>

#include "config/load/field.h"

#define AHEAD_MS (INT64_C(3) * 366 * 24 * 3600 * 1000)

struct past {
    mst_time now;
    size_t count;
    char next[MST_PERIOD_KEY_MAX]; /* the first period that is not over; "" none is near */
};

static int see(void *context, const struct mst_expected *e)
{
    struct past *past = context;
    if (!e->dates.applicable)
        return 0;
    if (e->dates.grace_until <= past->now)
        past->count++;
    else if (!past->next[0])
        memcpy(past->next, e->period.key, sizeof past->next);
    return past->next[0] && e->dates.opens > past->now;
}

static const struct mst_node *node_of(const struct mst_yaml *yaml, const char *duty)
{
    const struct mst_node *list = mst_node_get(yaml->root, "duties");
    for (const struct mst_node *node = list ? list->first : NULL; node; node = node->next) {
        const struct mst_node *id = node->kind == MST_NODE_MAP ? mst_node_get(node, "id") : NULL;
        if (id && id->text && strcmp(id->text, duty) == 0)
            return node;
    }
    return yaml->root;
}

static void tell(struct mst_reader *r, const struct mst_node *node, const struct mst_duty *duty,
                 const struct past *past)
{
    char hint[MST_ERR_HINT_MAX];
    if (duty->period == MST_PERIOD_ONCE)
        snprintf(hint, sizeof hint, "%s",
                 _("it is owed once and has no `first`: leave it out, or waive what is done"));
    else
        snprintf(hint, sizeof hint, _("set `first: %s`, unless all of it is to be told of at once"),
                 past->next[0] ? past->next : "…");
    MST_WARN(r, node, hint, _("duty %s: %zu obligations are due in the past"), duty->id,
             past->count);
}

int mst_past_tell(const char *path, const struct mst_programme *p, mst_time now,
                  struct mst_diags *diags, size_t *ret_count, struct mst_err *err)
{
    struct mst_yaml *yaml = NULL;
    int code = mst_yaml_read(path, diags, &yaml, err);
    if (code)
        return code;
    struct mst_reader r = {.file = yaml->file, .diags = diags, .arena = yaml->arena};
    mst_time from = mst_zone_midnight(p->zone, p->issued);
    *ret_count = 0;
    for (size_t i = 0; i < p->duties_count; i++) {
        const struct mst_duty *duty = &p->duties[i];
        struct past past = {.now = now};
        if (!duty->enforced || !mst_duty_is_scheduled(duty))
            continue;
        /* From a period without dates on nobody owes it; the loader has told of that. */
        int ended = mst_schedule_opening(p, i, from, now + AHEAD_MS, see, &past, NULL);
        *ret_count += past.count;
        if (past.count && ended != MST_E_NOMEM)
            tell(&r, node_of(yaml, duty->id), duty, &past);
    }
    mst_diags_sort(diags);
    mst_yaml_free(yaml);
    return 0;
}
