/* SPDX-License-Identifier: Apache-2.0 */
/* Queries about alerts: the log, and why one of them fired. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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
    char blamed[MST_ID_MAX]; /* whose report was not there; empty: it tells of nothing missing */
    mst_time instant;        /* at which it was not */
    bool security;
    enum mst_security event;
    bool of_path, again; /* about the path; that somebody is back */
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

static const char *text_of(struct mst_slice map, const char *key, char id[MST_ID_MAX])
{
    return mst_slice_copy(mst_unpack_text(map, key), id, MST_ID_MAX);
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

static bool is_wanted(const struct mst_query *q, const struct mst_stored_alert *alert)
{
    return may_read(q, alert) && field_matches(q, "kind", alert->bytes, "kind") &&
           field_matches(q, "unit", alert->bytes, "bearer");
}

static int list_one(void *context, const struct mst_stored_alert *alert)
{
    static const char *const copied[] = {"kind",   "topic", "role",  "obligation",
                                         "period", "group", "reason"};
    struct alert_walk *w = context;
    struct mst_query *q = w->q;
    char id[MST_ID_MAX], audience[65];
    if (!is_wanted(q, alert))
        return 0;
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 8 + 3 * MST_NAMED_PAIRS + sizeof copied / sizeof copied[0]);
    mst_pack_text(b, "number");
    mst_pack_uint(b, alert->number);
    mst_query_pack_instant(q, b, "fired", mst_unpack_int(alert->bytes, "fired", 0));
    mst_query_pack_instant(q, b, "instant", mst_unpack_int(alert->bytes, "instant", 0));
    mst_query_pack_instant(q, b, "due", mst_unpack_int(alert->bytes, "due", 0));
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++)
        pack_copy(b, alert->bytes, copied[i]);
    mst_query_pack_audience(q, b, "audience",
                            mst_slice_copy(alert->audience, audience, sizeof audience));
    mst_query_pack_duty(q, b, "duty", text_of(alert->bytes, "duty", id));
    mst_query_pack_unit(q, b, "bearer", text_of(alert->bytes, "bearer", id));
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

/* ---- the newest ---- */

/* Alerts that are looked at together, from the newest backwards. */
#define SPAN_ALERTS 4096

struct span {
    const struct mst_query *q;
    uint64_t last; /* nothing behind it */
    uint64_t numbers[SPAN_ALERTS];
    size_t count;
};

static int note_wanted(void *context, const struct mst_stored_alert *alert)
{
    struct span *span = context;
    if (alert->number > span->last)
        return 1;
    if (is_wanted(span->q, alert))
        span->numbers[span->count++] = alert->number;
    return 0;
}

/* The number behind which there are as many wanted ones as are to be shown: 0 where there are not
 * more. */
static int find_newest(const struct mst_query *q, int64_t limit, uint64_t *ret_after,
                       struct mst_err *err)
{
    uint64_t last = 0;
    int code = mst_reader_last_alert(q->reader, q->pid, &last, err);
    struct span *span = code ? NULL : malloc(sizeof *span);
    if (!code && !span)
        return mst_fail_on(err, MST_E_NOMEM, "alerts");
    *ret_after = 0;
    while (!code && last > 0) {
        uint64_t after = last > SPAN_ALERTS ? last - SPAN_ALERTS : 0;
        span->q = q;
        span->last = last;
        span->count = 0;
        code = mst_reader_alerts(q->reader, q->pid, after, note_wanted, span, err);
        if (!code && (int64_t)span->count >= limit) {
            *ret_after = span->numbers[span->count - (size_t)limit] - 1;
            break;
        }
        limit -= (int64_t)span->count;
        last = after;
    }
    free(span);
    return code;
}

int mst_query_alerts(struct mst_query *q, struct mst_err *err)
{
    struct alert_walk w = {
        .q = q, .err = err, .left = mst_query_number(q, "limit", MST_LIST_ROWS_DEFAULT)};
    int64_t from = mst_query_number(q, "from", 0);
    if (from < 0 || w.left < 1)
        return mst_fail(err, MST_E_USAGE, "%s: %s", w.left < 1 ? "--limit" : "--from",
                        N_("must be a whole number from 1 on"));
    uint64_t after = (uint64_t)from;
    int code = 0;
    if (!mst_unpack_text(q->args, "from").data)
        code = find_newest(q, w.left, &after, err);
    if (!code)
        code = mst_reader_alerts(q->reader, q->pid, after, list_one, &w, err);
    return code ? code : w.code;
}

/* ---- explain ---- */

/* What tells of something missing asks whose fault that was. */
static void note_missing(struct alert_walk *w, struct mst_slice bytes)
{
    static const char *const kinds[] = {"overdue", "escalation", "nag", "locked"};
    struct mst_slice kind = mst_unpack_text(bytes, "kind");
    bool silent = mst_slice_is(kind, "agent-silent");
    bool missing = silent;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        missing = missing || mst_slice_is(kind, kinds[i]);
    struct mst_slice bearer = mst_unpack_text(bytes, "bearer");
    if (missing && bearer.data)
        mst_slice_copy(bearer, w->blamed, sizeof w->blamed);
    w->again = mst_slice_is(kind, "path-up") || mst_slice_is(kind, "agent-back");
    w->of_path = w->again || mst_slice_is(kind, "path-down");
    w->instant = mst_unpack_int(bytes, silent ? "fired" : "instant", 0);
}

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
    note_missing(w, alert->bytes);
    w->security = mst_security_of_word(mst_unpack_text(alert->bytes, "kind"), &w->event);
    struct mst_slice obligation = mst_unpack_text(alert->bytes, "obligation");
    if (obligation.data)
        mst_slice_copy(obligation, w->obligation, sizeof w->obligation);
    for (size_t i = 0; !w->code && i < sizeof texts / sizeof texts[0]; i++) {
        char value[MST_OBLIGATION_ID_MAX] = "";
        struct mst_slice slice = mst_unpack_text(alert->bytes, texts[i]);
        if (slice.data)
            mst_slice_copy(slice, value, sizeof value);
        const struct mst_query_pair pair = {
            texts[i], value, strcmp(texts[i], "audience") == 0 ? mst_query_pack_audience : NULL};
        w->code = mst_query_pairs(q, &pair, 1, w->err);
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

/* ---- security events ---- */

/* Rows that may lie between a security row and its alert: what time itself brought about. */
#define SECURITY_ROWS_BACK 4096

struct security_search {
    enum mst_security event;
    uint64_t before, row;
    char who[72], address[72], subject[128];
};

static int find_security(void *context, const struct mst_row *row)
{
    struct security_search *s = context;
    if (row->row >= s->before)
        return 1;
    if (row->kind != MST_ROW_SECURITY ||
        !mst_slice_is(mst_unpack_text(row->bytes, "act"), mst_security_word(s->event)))
        return 0;
    s->row = row->row;
    mst_slice_copy(mst_unpack_text(row->bytes, "actor"), s->who, sizeof s->who);
    mst_slice_copy(mst_unpack_text(row->bytes, "address"), s->address, sizeof s->address);
    mst_slice_copy(mst_unpack_text(row->bytes, "subject"), s->subject, sizeof s->subject);
    return 0;
}

/* The row that it follows from, in words. */
static int explain_security(struct mst_query *q, enum mst_security event, uint64_t before,
                            struct mst_err *err)
{
    static const enum mst_saying sayings[] = {
#define SECURITY(name, word, rung, level, period_h) MST_SAY_##name,
#include "broker/core/security.def"
#undef SECURITY
    };
    struct security_search s = {.event = event, .before = before};
    uint64_t from = before > SECURITY_ROWS_BACK ? before - SECURITY_ROWS_BACK : 1;
    int code = mst_reader_rows(q->reader, q->pid, from, find_security, &s, err);
    if (code || !s.row)
        return code;
    struct mst_buf *b = mst_query_say(q, "why", sayings[event], 4);
    mst_pack_text(b, "row");
    mst_pack_uint(b, s.row);
    mst_query_pack_text(b, "actor", s.who);
    mst_query_pack_text(b, "address", s.address);
    mst_query_pack_text(b, "subject", s.subject);
    return mst_query_row_end(q, err);
}

static int explain_by_id(struct mst_query *q, const char *id, struct mst_err *err)
{
    struct mst_obligation o;
    bool found;
    int code = mst_query_obligation(q, id, &found, &o, err);
    bool may = !code && found && mst_query_may(q, o.bearer, o.group);
    /* What is seen as progress is no secret, and neither what is not there nor what may not be seen
     * is told apart. */
    if (!code && !may)
        return found && mst_query_may_progress(q, o.kind, o.bearer, o.group)
                   ? mst_fail(err, MST_E_DENIED, "%s", id)
                   : mst_fail(err, MST_R_NO_SUCH, "%s", id);
    return code ? code : mst_query_explain_one(q, &o, err);
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
        return mst_fail(err, MST_R_NO_SUCH, "%s", text);
    w.number = (uint64_t)number;
    int code = mst_reader_alerts(q->reader, q->pid, w.number - 1, explain_alert, &w, err);
    if (!code)
        code = w.code;
    if (!code && !w.found)
        return mst_fail(err, MST_E_UNKNOWN, "%s", text);
    struct mst_obligation o;
    bool found = false;
    if (!code)
        code = mst_query_obligation(q, w.obligation, &found, &o, err);
    if (!code && found)
        code = mst_query_explain_rule(q, &o, err);
    if (!code && w.obligation[0])
        code = mst_query_explain_decided(q, w.obligation, w.row, err);
    if (!code && w.blamed[0])
        code = mst_query_blame(q, "blame", w.blamed, w.instant, NULL, err);
    if (!code && w.security)
        code = explain_security(q, w.event, w.row, err);
    if (!code && w.of_path)
        code = mst_query_silence(q, w.again, w.instant, w.row, err);
    snprintf(row, sizeof row, "%" PRIu64, w.row);
    if (!code)
        code = mst_query_pair(q, "ledger_row", row, err);
    return code ? code : mst_query_pair_hex(q, "ledger_head", w.head, sizeof w.head, err);
}
