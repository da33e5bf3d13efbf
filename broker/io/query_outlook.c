/* SPDX-License-Identifier: Apache-2.0 */
/* The outlook of what is owed next: who may well be late, and what speaks for it. Advice only. */
#include "broker/core/outlook.h"

#include <stdlib.h>
#include <string.h>

#include "broker/io/query.h"

#define DAYS_DEFAULT 30
#define DAYS_MAX 3660
#define HOUR_MS ((mst_time)3600 * 1000)
#define DAY_MS (24 * HOUR_MS)

/* The latest that was heard of any of the unit's agents. */
static int away_hours(void *context, const char *unit)
{
    const struct mst_query *q = context;
    mst_time latest = 0;
    for (size_t i = 0; i < q->seen_count; i++) {
        const struct mst_contact_seen *seen = &q->seen[i];
        if (strcmp(seen->unit, unit) != 0)
            continue;
        if (seen->connected)
            return -1;
        latest = seen->wall_ms > latest ? seen->wall_ms : latest;
    }
    return latest && q->wall_ms > latest ? (int)((q->wall_ms - latest) / HOUR_MS) + 1 : 0;
}

/* Where nobody is connected, it is the path or the hour, and says nothing of one unit. */
static bool hears_anybody(const struct mst_query *q)
{
    for (size_t i = 0; i < q->seen_count; i++) {
        if (q->seen[i].connected)
            return true;
    }
    return false;
}

static void pack_reasons(struct mst_buf *b, const struct mst_outlook_row *row)
{
    mst_pack_text(b, "reasons");
    mst_pack_array(b, row->reasons_count);
    for (uint32_t i = 0; i < row->reasons_count; i++) {
        mst_pack_map(b, 3);
        mst_query_pack_text(b, "reason", mst_outlook_reason_word(row->reasons[i].kind));
        mst_pack_text(b, "n");
        mst_pack_uint(b, row->reasons[i].n);
        mst_pack_text(b, "of");
        mst_pack_uint(b, row->reasons[i].of);
    }
}

static int put_row(struct mst_query *q, const struct mst_outlook_row *row, struct mst_err *err)
{
    const struct mst_obligation *o = row->o;
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 8 + 2 * MST_NAMED_PAIRS);
    mst_query_pack_text(b, "id", o->id);
    mst_query_pack_duty(q, b, "duty", o->duty);
    mst_query_pack_text(b, "period", o->period);
    mst_query_pack_unit(q, b, "bearer", o->bearer[0] ? o->bearer : "office");
    mst_query_pack_text(b, "group", o->group);
    mst_query_pack_instant(q, b, "due", row->due);
    mst_pack_text(b, "days_left");
    mst_pack_int(b, row->days_left);
    mst_query_pack_text(b, "likelihood", mst_likelihood_word(row->likelihood));
    pack_reasons(b, row);
    mst_pack_text(b, "advice");
    mst_pack_bool(b, true);
    return mst_query_row_end(q, err);
}

static int put_rows(struct mst_query *q, const struct mst_outlook_row *rows, size_t count,
                    struct mst_err *err)
{
    bool all = mst_unpack_text(q->args, "all").data != NULL;
    int code = 0;
    for (size_t i = 0; !code && i < count; i++) {
        bool told = all || rows[i].likelihood != MST_UNLIKELY;
        if (told && mst_query_may(q, rows[i].o->bearer, rows[i].o->group))
            code = put_row(q, &rows[i], err);
    }
    return code ? code
                : mst_query_note(
                      q, N_("advice from what has happened so far; it enters no assessment"), err);
}

int mst_query_outlook(struct mst_query *q, struct mst_err *err)
{
    char duty[MST_ID_MAX], group[MST_ID_MAX], unit[MST_ID_MAX];
    int64_t days = mst_query_number(q, "days", DAYS_DEFAULT);
    if (days < 1 || days > DAYS_MAX)
        return mst_fail(err, MST_E_USAGE, "--days: %s: 1…%d", N_("it must lie within"), DAYS_MAX);
    struct mst_outlook_query what = {
        .duty = mst_query_arg(q, "duty", duty, sizeof duty),
        .group = mst_query_arg(q, "group", group, sizeof group),
        .bearer = mst_query_arg(q, "unit", unit, sizeof unit),
        .until = q->now + days * DAY_MS,
        .away_hours = hears_anybody(q) ? away_hours : NULL,
        .context = q,
    };
    struct mst_core *core = NULL;
    struct mst_outlook_row *rows = NULL;
    size_t count = 0;
    int code = mst_query_check_names(q, err);
    if (!code)
        code = mst_query_core(q, &core, err);
    if (!code)
        code = mst_outlook(core, &what, &rows, &count, err);
    if (!code)
        code = put_rows(q, rows, count, err);
    free(rows);
    mst_core_free(core);
    return code;
}
