/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an answer is empty: a unit, group, duty or period that is none. Asked only after a query has
 * found nothing, since what the programme has dropped may still be in its records. Tells nothing to
 * whom the programme is not open as a whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/io/query.h"
#include "config/load/load.h"
#include "config/model/period.h"

typedef const char *(*id_fn)(const struct mst_programme *p, size_t index);

static const char *unit_id(const struct mst_programme *p, size_t index)
{
    return p->units[index].id;
}

static const char *group_id(const struct mst_programme *p, size_t index)
{
    return p->groups[index].id;
}

static const char *duty_id(const struct mst_programme *p, size_t index)
{
    return p->duties[index].id;
}

/* "--unit jxx", and behind it the one that may have been meant: " (jxj?)". */
static int check_id(struct mst_query *q, const char *option, size_t count, id_fn id_at,
                    struct mst_err *err)
{
    char word[MST_ID_MAX];
    if (!mst_query_arg(q, option, word, sizeof word))
        return 0;
    const char **ids = calloc(count + 1, sizeof *ids);
    if (!ids)
        return mst_fail_on(err, MST_E_NOMEM, option);
    bool known = false;
    for (size_t i = 0; i < count; i++) {
        ids[i] = id_at(q->programme, i);
        known = known || strcmp(ids[i], word) == 0;
    }
    const char *near = known ? NULL : mst_nearest(word, ids, count);
    free(ids);
    if (known)
        return 0;
    return near ? mst_fail(err, MST_E_UNKNOWN, "--%s %s (%s?)", option, word, near)
                : mst_fail(err, MST_E_UNKNOWN, "--%s %s", option, word);
}

static int check_area(struct mst_query *q, struct mst_err *err)
{
    const struct mst_programme *p = q->programme;
    char word[MST_ID_MAX];
    bool known = !mst_query_arg(q, "area", word, sizeof word);
    for (size_t g = 0; g < p->groups_count; g++) {
        for (size_t i = 0; !known && i < p->groups[g].areas_count; i++)
            known = strcmp(p->groups[g].areas[i].id, word) == 0;
    }
    return known ? 0 : mst_fail(err, MST_E_UNKNOWN, "--area %s", word);
}

static int check_period(struct mst_query *q, struct mst_err *err)
{
    char word[2 * MST_PERIOD_KEY_MAX];
    struct mst_period period;
    if (!mst_query_arg(q, "period", word, sizeof word) ||
        mst_period_parse(word, q->programme->fiscal_month, q->programme->issued, &period, NULL) ==
            0)
        return 0;
    return mst_fail(err, MST_E_USAGE,
                    "--period %s (2023, 2023H1, 2023Q3, 2023-07, 2023W05, 2023-07-14, once)", word);
}

int mst_query_check_names(struct mst_query *q, struct mst_err *err)
{
    const struct mst_programme *p = q->programme;
    if (!mst_query_may(q, NULL, NULL))
        return 0;
    int code = check_id(q, "unit", p->units_count, unit_id, err);
    if (!code)
        code = check_id(q, "group", p->groups_count, group_id, err);
    if (!code)
        code = check_id(q, "duty", p->duties_count, duty_id, err);
    if (!code)
        code = check_area(q, err);
    return code ? code : check_period(q, err);
}
