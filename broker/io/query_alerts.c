/* SPDX-License-Identifier: Apache-2.0 */
/* Queries about alerts: the log, and why one of them fired. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/io/query.h"

struct alert_walk {
    struct mst_query *q;
    struct mst_err *err;
    int64_t left;
    uint64_t number; /* the one that is wanted */
    bool found;
    int code;
    /* Of the one that was found. */
    uint64_t row;
    uint8_t head[MST_HASH_BYTES];
    char obligation[MST_OBLIGATION_ID_MAX];
};

static bool may_read(const struct mst_query *q, const struct mst_stored_alert *alert)
{
    char audience[65], group[MST_ID_MAX];
    mst_slice_copy(alert->audience, audience, sizeof audience);
    mst_slice_copy(alert->group, group, sizeof group);
    return mst_authz_audience(q->programme, &q->actor, audience, group);
}

static void pack_copy(struct mst_buf *b, struct mst_slice map, const char *key)
{
    struct mst_slice value = mst_unpack_text(map, key);
    mst_pack_text(b, key);
    mst_pack_text_slice(b, value.data ? value : mst_text(""));
}

static bool field_matches(const struct mst_query *q, const char *arg, struct mst_slice map,
                          const char *key)
{
    char value[65] = "";
    struct mst_slice slice = mst_unpack_text(map, key);
    if (slice.data)
        mst_slice_copy(slice, value, sizeof value);
    return mst_query_matches(q, arg, value);
}

static int list_one(void *context, const struct mst_stored_alert *alert)
{
    static const char *const copied[] = {"kind", "topic",  "audience", "role",  "obligation",
                                         "duty", "period", "bearer",   "group", "reason"};
    struct alert_walk *w = context;
    struct mst_query *q = w->q;
    if (!may_read(q, alert) || !field_matches(q, "kind", alert->bytes, "kind") ||
        !field_matches(q, "unit", alert->bytes, "bearer"))
        return 0;
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 8 + sizeof copied / sizeof copied[0]);
    mst_pack_text(b, "number");
    mst_pack_uint(b, alert->number);
    mst_query_pack_instant(q, b, "fired", mst_unpack_int(alert->bytes, "fired", 0));
    mst_query_pack_instant(q, b, "instant", mst_unpack_int(alert->bytes, "instant", 0));
    mst_query_pack_instant(q, b, "due", mst_unpack_int(alert->bytes, "due", 0));
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++)
        pack_copy(b, alert->bytes, copied[i]);
    mst_pack_text(b, "level");
    mst_pack_int(b, mst_unpack_int(alert->bytes, "level", 0));
    mst_pack_text(b, "missed");
    mst_pack_int(b, mst_unpack_int(alert->bytes, "missed", 0));
    mst_pack_text(b, "rehearsal");
    mst_pack_bool(b, mst_unpack_bool(alert->bytes, "rehearsal", false));
    mst_pack_text(b, "ledger_row");
    mst_pack_uint(b, alert->row);
    w->code = mst_query_row_end(q, w->err);
    return w->code || --w->left <= 0;
}

int mst_query_alerts(struct mst_query *q, struct mst_err *err)
{
    struct alert_walk w = {
        .q = q, .err = err, .left = mst_query_number(q, "limit", MST_LIST_ROWS_DEFAULT)};
    int64_t from = mst_query_number(q, "from", 0);
    if (from < 0 || w.left < 1)
        return mst_fail(err, MST_E_USAGE, "from, limit");
    int code = mst_reader_alerts(q->reader, q->pid, (uint64_t)from, list_one, &w, err);
    return code ? code : w.code;
}

/* ---- explain ---- */

static int explain_alert(void *context, const struct mst_stored_alert *alert)
{
    static const char *const texts[] = {"kind", "audience", "role", "obligation"};
    struct alert_walk *w = context;
    struct mst_query *q = w->q;
    if (alert->number != w->number || !may_read(q, alert))
        return 1;
    w->found = true;
    w->row = alert->row;
    memcpy(w->head, alert->row_head, sizeof w->head);
    struct mst_slice obligation = mst_unpack_text(alert->bytes, "obligation");
    if (obligation.data)
        mst_slice_copy(obligation, w->obligation, sizeof w->obligation);
    for (size_t i = 0; !w->code && i < sizeof texts / sizeof texts[0]; i++) {
        char value[MST_OBLIGATION_ID_MAX] = "";
        struct mst_slice slice = mst_unpack_text(alert->bytes, texts[i]);
        if (slice.data)
            mst_slice_copy(slice, value, sizeof value);
        w->code = mst_query_pair(q, texts[i], value, w->err);
    }
    if (!w->code)
        w->code = mst_query_pair_hex(q, "id", alert->id, sizeof alert->id, w->err);
    if (!w->code)
        w->code = mst_query_pair_instant(q, "instant", mst_unpack_int(alert->bytes, "instant", 0),
                                         w->err);
    if (!w->code)
        w->code =
            mst_query_pair_instant(q, "fired", mst_unpack_int(alert->bytes, "fired", 0), w->err);
    return 1;
}

/* How the due date came about, in words: the rule as it stands in the programme file. */
static void describe_rule(const struct mst_duty *duty, const struct mst_period *period, char *text,
                          size_t size)
{
    static const char *const units[] = {"working days", "days", "months"};
    char first[16], last[16];
    mst_day_format(period->first, first);
    mst_day_format(period->last, last);
    const struct mst_date_rule *r = &duty->due;
    if (r->fixed)
        snprintf(text, size, "%02d-%02d of %d, rolled: %s", r->month, r->day,
                 period->year + r->year_offset, mst_roll_word(r->roll));
    else
        snprintf(text, size, "%d %s %s the %s of %s (%s to %s), rolled: %s",
                 r->n < 0 ? -r->n : r->n, units[r->unit], r->n < 0 ? "before" : "after",
                 r->anchor == MST_ANCHOR_END ? "end" : "start", period->key, first, last,
                 mst_roll_word(r->roll));
}

struct deciding {
    const char *obligation;
    uint64_t before;
    uint64_t row;
    char text[512];
    const struct mst_query *q;
};

static int keep_latest(void *context, const struct mst_row *row)
{
    struct deciding *d = context;
    if (row->row >= d->before)
        return 1;
    if (row->kind != MST_ROW_TRANSITION ||
        !mst_slice_is(mst_unpack_text(row->bytes, "obligation"), d->obligation))
        return 0;
    char event[48] = "", actor[72] = "", at[MST_INSTANT_TEXT_MAX];
    mst_slice_copy(mst_unpack_text(row->bytes, "event"), event, sizeof event);
    mst_slice_copy(mst_unpack_text(row->bytes, "actor"), actor, sizeof actor);
    mst_zone_format(d->q->programme->zone, mst_unpack_int(row->bytes, "instant", row->at), at);
    d->row = row->row;
    snprintf(d->text, sizeof d->text, "row %" PRIu64 ": %s by %s, %s", row->row, event, actor, at);
    return 0;
}

struct one_obligation {
    const char *id;
    struct mst_obligation o;
    bool found;
    int code;
    struct mst_err *err;
};

static int find_obligation(void *context, const char *id, struct mst_slice bytes)
{
    struct one_obligation *one = context;
    if (strcmp(id, one->id) != 0)
        return 0;
    one->code = mst_obligation_unpack(bytes, &one->o, one->err);
    one->found = !one->code;
    return 1;
}

int mst_query_explain_rule(struct mst_query *q, const struct mst_obligation *o, struct mst_err *err)
{
    size_t index = mst_programme_duty(q->programme, o->duty);
    const struct mst_duty *duty = index == SIZE_MAX ? NULL : &q->programme->duties[index];
    struct mst_period period;
    char rule[256] = "", version[16];
    snprintf(version, sizeof version, "%u", o->rule_version);
    if (duty && mst_obligation_period(q->programme, o, &period))
        describe_rule(duty, &period, rule, sizeof rule);
    int code = mst_query_pair(q, "clause", duty ? duty->clause : "", err);
    if (!code)
        code = mst_query_pair(q, "rule", rule, err);
    if (!code)
        code = mst_query_pair(q, "rule_version", version, err);
    if (!code)
        code = mst_query_pair_hex(q, "calendar_digest", o->calendar, sizeof o->calendar, err);
    if (!code)
        code = mst_query_pair(q, "zone", q->programme->zone->name, err);
    if (!code)
        code = mst_query_pair_hex(q, "zone_digest", o->zone, sizeof o->zone, err);
    if (!code)
        code = mst_query_pair_instant(q, "original_due", o->original_due, err);
    if (!code)
        code = mst_query_pair_instant(q, "due", o->due, err);
    return code ? code : mst_query_pair_instant(q, "grace_until", o->grace_until, err);
}

static int explain_by_id(struct mst_query *q, const char *id, struct mst_err *err)
{
    struct one_obligation one = {.id = id, .err = err};
    int code = mst_reader_obligations(q->reader, q->pid, find_obligation, &one, err);
    if (!code)
        code = one.code;
    if (!code && !one.found)
        return mst_fail(err, MST_R_NO_SUCH, "%s", id);
    if (!code && !mst_query_may(q, one.o.bearer, one.o.group))
        return mst_fail(err, MST_E_DENIED, "%s", id);
    return code ? code : mst_query_explain_one(q, &one.o, err);
}

int mst_query_explain(struct mst_query *q, struct mst_err *err)
{
    char text[MST_OBLIGATION_ID_MAX], row[24];
    struct alert_walk w = {.q = q, .err = err};
    if (!mst_query_arg(q, "alert", text, sizeof text))
        return mst_fail(err, MST_E_USAGE, "alert");
    if (strchr(text, '/'))
        return explain_by_id(q, text, err);
    int64_t number = mst_query_number(q, "alert", 0);
    if (number < 1)
        return mst_fail(err, MST_E_USAGE, "alert");
    w.number = (uint64_t)number;
    int code = mst_reader_alerts(q->reader, q->pid, w.number - 1, explain_alert, &w, err);
    if (!code)
        code = w.code;
    if (!code && !w.found)
        return mst_fail(err, MST_E_UNKNOWN, "%s", text);
    struct one_obligation one = {.id = w.obligation, .err = err};
    if (!code)
        code = mst_reader_obligations(q->reader, q->pid, find_obligation, &one, err);
    if (!code)
        code = one.code;
    if (!code && one.found)
        code = mst_query_explain_rule(q, &one.o, err);
    struct deciding d = {.obligation = w.obligation, .before = w.row, .q = q};
    if (!code)
        code = mst_reader_rows(q->reader, q->pid, 1, keep_latest, &d, err);
    if (!code)
        code = mst_query_pair(q, "deciding_event", d.text, err);
    snprintf(row, sizeof row, "%" PRIu64, w.row);
    if (!code)
        code = mst_query_pair(q, "ledger_row", row, err);
    return code ? code : mst_query_pair_hex(q, "ledger_head", w.head, sizeof w.head, err);
}
