/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the unit owes, as the broker has told this agent: held against what somebody is about to
 * write or ask for. Refuses only what no broker could take; the rest is told, since the broker may
 * know more by now.
 */
#include "agent/desk/desk.h"

#include <stdio.h>
#include <string.h>

#include "config/load/load.h"
#include "config/model/date.h"
#include "proto/pack.h"

#define PERIODS_SHOWN_MAX 8

/* The next of the unit's obligations; `cursor` begins as 0. */
static bool next_obligation(const struct mst_brief *brief, size_t *cursor, struct mst_slice *ret)
{
    struct mst_unpack u;
    if (*cursor >= brief->obligations.len)
        return false;
    mst_unpack_init(&u, brief->obligations.data + *cursor, brief->obligations.len - *cursor);
    if (!mst_unpack_skip(&u, ret))
        return false;
    *cursor += ret->len;
    return true;
}

static bool find(const struct mst_brief *brief, const char *duty, const char *period,
                 struct mst_slice *ret)
{
    size_t cursor = 0;
    while (next_obligation(brief, &cursor, ret)) {
        if (mst_slice_is(mst_unpack_text(*ret, "duty"), duty) &&
            mst_slice_is(mst_unpack_text(*ret, "period"), period))
            return true;
    }
    return false;
}

/* "2023Q3, 2023Q4": the periods for which something of this duty is still to come. */
static void list_periods(const struct mst_brief *brief, const char *duty, char *text, size_t size)
{
    struct mst_slice row;
    size_t cursor = 0, used = 0, shown = 0;
    text[0] = '\0';
    while (next_obligation(brief, &cursor, &row) && shown < PERIODS_SHOWN_MAX && used < size) {
        struct mst_slice work = mst_unpack_text(row, "work");
        char period[16];
        if (!mst_slice_is(mst_unpack_text(row, "duty"), duty) ||
            !(mst_slice_is(work, "awaiting") || mst_slice_is(work, "returned")))
            continue;
        mst_slice_copy(mst_unpack_text(row, "period"), period, sizeof period);
        used += (size_t)snprintf(text + used, size - used, "%s%s", shown++ ? ", " : "", period);
    }
}

void mst_desk_tell_not_owed(const struct mst_brief *brief, const char *duty, const char *period)
{
    struct mst_slice row;
    char periods[160];
    if (!brief->known || find(brief, duty, period, &row))
        return;
    list_periods(brief, duty, periods, sizeof periods);
    fprintf(stderr, _("as far as the broker has told, nothing is owed under %s for %s"), duty,
            period);
    if (periods[0])
        fprintf(stderr, _("; owed: %s"), periods);
    fputc('\n', stderr);
}

/* The last day on which it is in time; MST_DAY_NONE: not known, or it is a correction that is due.
 */
static mst_day due_day(struct mst_slice row)
{
    static const char midnight[] = "T00:00:00";
    struct mst_slice due = mst_unpack_text(row, "due");
    char date[sizeof "2023-10-11"];
    mst_day day;
    size_t len = sizeof date - 1;
    if (mst_slice_is(mst_unpack_text(row, "work"), "returned") ||
        due.len < len + sizeof midnight - 1 ||
        mst_day_parse(mst_slice_copy(due, date, sizeof date), &day, NULL))
        return MST_DAY_NONE;
    return memcmp(due.data + len, midnight, sizeof midnight - 1) == 0 ? day - 1 : day;
}

int mst_desk_check_later(const struct mst_brief *brief, const char *duty, const char *period,
                         mst_day until, struct mst_err *err)
{
    struct mst_slice row;
    char date[16];
    mst_day due = brief->known && find(brief, duty, period, &row) ? due_day(row) : MST_DAY_NONE;
    if (due == MST_DAY_NONE || until > due)
        return 0;
    mst_fail(err, MST_E_INVALID, _("--until %s is no later than the due date"),
             mst_day_format(until, date));
    mst_hint(err, _("it is due on %s; ask for a later date"), mst_day_format(due, date));
    return MST_E_INVALID;
}

void mst_desk_hint_duty(const struct mst_brief *brief, const char *word,
                        char hint[MST_ERR_HINT_MAX])
{
    const char *ids[MST_DESK_DUTIES_MAX];
    size_t used;
    for (size_t i = 0; i < brief->duties_count; i++)
        ids[i] = brief->duties[i].id;
    const char *near = mst_nearest(word, ids, brief->duties_count);
    if (near) {
        snprintf(hint, MST_ERR_HINT_MAX, _("did you mean %s?"), near);
        return;
    }
    used = (size_t)snprintf(hint, MST_ERR_HINT_MAX, "%s", _("it has: "));
    for (size_t i = 0; i < brief->duties_count && used < MST_ERR_HINT_MAX; i++)
        used +=
            (size_t)snprintf(hint + used, MST_ERR_HINT_MAX - used, "%s%s", i ? ", " : "", ids[i]);
}
