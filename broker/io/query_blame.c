/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose fault it is that nothing was there at an instant, with what that is known from: the
 * broker's own starts, the rows in which the ledger says when each agent was heard of last, and
 * what the sessions know of now. Gathers facts; blame.h judges them. And what an alert about
 * agents, or the path to them, was known from.
 */
#include <string.h>

#include "broker/core/blame.h"
#include "broker/driver/history.h"
#include "broker/io/query.h"

static const mst_time hour_ms = 60 * 60 * 1000;
/* Where the programme does not watch its agents, one that was there on the same day was there. */
static const int64_t unwatched_hours = 24;

/* When the unit's agent and the others were heard of last, as known at an instant. */
struct contact {
    bool known;
    uint64_t row; /* 0: from the sessions */
    mst_time at, heard;
    uint32_t others, others_heard;
};

struct gathering {
    struct mst_query *q;
    const char *unit;
    mst_time instant, limit_ms;
    uint64_t start_row, down_row; /* 0: none */
    mst_time start_at;            /* the first one */
    struct mst_interval down;     /* that covers the instant */
    struct contact before, after;
};

/* ---- the broker ---- */

static int see_start(void *context, const struct mst_row *row)
{
    struct gathering *g = context;
    mst_time from = mst_unpack_int(row->bytes, "down_from", 0);
    if (!g->start_row) {
        g->start_row = row->row;
        g->start_at = row->at;
        return row->at > g->instant;
    }
    if (from == 0)
        return 0;
    if (from <= g->instant && g->instant < row->at) {
        g->down_row = row->row;
        g->down = (struct mst_interval){from, row->at};
    }
    return row->at > g->instant;
}

/* ---- the agents ---- */

/* Those before the cause lay within the same hour: see contacts.c of the core. */
static void count_other(struct contact *c, mst_time heard)
{
    c->others += heard > 0;
    c->others_heard += heard > c->heard + hour_ms;
}

static int see_contacts(void *context, const struct mst_row *row)
{
    struct gathering *g = context;
    struct contact c = {.known = true, .row = row->row, .at = row->at};
    struct mst_unpack u;
    struct mst_value map, unit, at;
    c.heard = mst_unpack_int(row->bytes, g->unit, 0);
    mst_unpack_init(&u, row->bytes.data, row->bytes.len);
    if (!mst_unpack_next(&u, &map) || map.kind != MST_VALUE_MAP)
        return 0;
    for (size_t i = 0; i < map.count; i++) {
        if (!mst_unpack_next(&u, &unit) || !mst_unpack_next(&u, &at) || at.kind != MST_VALUE_INT)
            return 0;
        if (!mst_slice_is(unit.s, g->unit))
            count_other(&c, at.i);
    }
    if (row->at > g->instant) {
        g->after = c;
        return 1;
    }
    g->before = c;
    return 0;
}

static mst_time seen_of(const struct mst_query *q, const char *unit)
{
    mst_time seen = 0;
    for (size_t i = 0; i < q->seen_count; i++) {
        if (strcmp(q->seen[i].unit, unit) == 0 && q->seen[i].wall_ms > seen)
            seen = q->seen[i].wall_ms;
    }
    return seen;
}

static void see_sessions(struct gathering *g)
{
    const struct mst_query *q = g->q;
    struct contact c = {.known = true, .at = q->now, .heard = seen_of(q, g->unit)};
    for (size_t i = 0; i < q->programme->units_count; i++) {
        if (strcmp(q->programme->units[i].id, g->unit) != 0)
            count_other(&c, seen_of(q, q->programme->units[i].id));
    }
    g->after = c;
}

/*
 * What is known of the agent at the instant: the row that shows when it was heard of last. An agent
 * that had been silent for long would have left a row, so where none shows it, it was there.
 */
static const struct contact *contact_at(const struct gathering *g, bool *ret_there)
{
    const struct contact *before = &g->before, *after = &g->after;
    *ret_there = false;
    if (after->known && after->heard <= g->instant)
        return after;
    if (before->known && before->at - before->heard >= g->limit_ms)
        return before;
    *ret_there = true;
    return after;
}

/* ---- saying it ---- */

static int say_broker(struct gathering *g, struct mst_err *err)
{
    struct mst_query *q = g->q;
    struct mst_buf *b;
    if (g->instant < g->start_at) {
        b = mst_query_say(q, "evidence", MST_SAY_KNOWN_UNBORN, 2);
        mst_query_pack_uint(b, "row", g->start_row);
        mst_query_pack_instant(q, b, "at", g->start_at);
    } else if (g->down_row) {
        b = mst_query_say(q, "evidence", MST_SAY_KNOWN_DOWN, 3);
        mst_query_pack_uint(b, "row", g->down_row);
        mst_query_pack_instant(q, b, "from", g->down.from);
        mst_query_pack_instant(q, b, "to", g->down.to);
    } else {
        b = mst_query_say(q, "evidence", MST_SAY_KNOWN_UP, 1);
        mst_query_pack_instant(q, b, "instant", g->instant);
    }
    return mst_query_row_end(q, err);
}

static int say_late(struct gathering *g, const struct mst_late *late, struct mst_err *err)
{
    if (!late || late->received < g->instant)
        return 0;
    struct mst_buf *b = mst_query_say(g->q, "evidence", MST_SAY_KNOWN_QUEUED, 3);
    mst_query_pack_uint(b, "receipt", late->row);
    mst_query_pack_instant(g->q, b, "queued", late->queued);
    mst_query_pack_instant(g->q, b, "received", late->received);
    return mst_query_row_end(g->q, err);
}

static int say_limit(struct mst_query *q, int64_t hours, struct mst_err *err)
{
    struct mst_buf *b = mst_query_say(q, "evidence", MST_SAY_KNOWN_LIMIT, 1);
    mst_query_pack_uint(b, "hours", (uint64_t)hours);
    return mst_query_row_end(q, err);
}

static int say_agent(struct gathering *g, const struct contact *c, bool there, struct mst_err *err)
{
    struct mst_query *q = g->q;
    enum mst_saying saying = !c->heard ? MST_SAY_KNOWN_NEVER
                             : there   ? MST_SAY_KNOWN_HEARD
                                       : MST_SAY_KNOWN_NOT_HEARD;
    struct mst_buf *b = mst_query_say(q, "evidence", saying, c->row ? 3 : 2);
    if (c->row)
        mst_query_pack_uint(b, "row", c->row);
    mst_query_pack_instant(q, b, "heard", c->heard);
    mst_query_pack_instant(q, b, "until", c->at);
    int code = mst_query_row_end(q, err);
    if (!code && !there && c->others) {
        b = mst_query_say(q, "evidence", MST_SAY_KNOWN_OTHERS, 2);
        mst_query_pack_uint(b, "others", c->others);
        mst_query_pack_uint(b, "others_heard", c->others_heard);
        code = mst_query_row_end(q, err);
    }
    return code ? code : say_limit(q, g->limit_ms / hour_ms, err);
}

static enum mst_saying saying_of(enum mst_blame blame)
{
    static const enum mst_saying sayings[MST_BLAMES] = {
        [MST_BLAME_UNSERVED] = MST_SAY_BLAME_UNSERVED,
        [MST_BLAME_BROKER_DOWN] = MST_SAY_BLAME_BROKER_DOWN,
        [MST_BLAME_PATH_DOWN] = MST_SAY_BLAME_PATH_DOWN,
        [MST_BLAME_AGENT_SILENT] = MST_SAY_BLAME_AGENT_SILENT,
        [MST_BLAME_UNIT_SILENT] = MST_SAY_BLAME_UNIT_SILENT,
    };
    return sayings[blame];
}

static int gather(struct gathering *g, struct mst_err *err)
{
    struct mst_query *q = g->q;
    int64_t hours = q->programme->silent_hours ? q->programme->silent_hours : unwatched_hours;
    g->limit_ms = hours * hour_ms;
    int code = mst_history_rows(q->reader, q->pid, MST_HISTORY_STARTS, see_start, g, err);
    if (!code && !q->rehearsal)
        code = mst_history_rows(q->reader, q->pid, MST_HISTORY_CONTACTS, see_contacts, g, err);
    if (!code && !g->after.known)
        see_sessions(g);
    return code;
}

int mst_query_blame(struct mst_query *q, const char *name, const char *unit, mst_time instant,
                    const struct mst_late *late, struct mst_err *err)
{
    struct gathering g = {.q = q, .unit = unit, .instant = instant};
    bool there;
    int code = gather(&g, err);
    if (code)
        return code;
    const struct contact *c = contact_at(&g, &there);
    there = there || q->rehearsal;
    struct mst_blame_facts facts = {
        .instant = instant,
        .heard = there ? instant : c->heard,
        .within_ms = g.limit_ms,
        .served = g.start_at,
        .downs = &g.down,
        .downs_count = g.down_row ? 1 : 0,
        .queued = late && late->received >= instant ? late->queued : 0,
        .others = c->others,
        .others_heard = c->others_heard,
    };
    struct mst_buf *b = mst_query_say(q, name, saying_of(mst_blame(&facts)), 1);
    mst_query_pack_instant(q, b, "instant", instant);
    code = mst_query_row_end(q, err);
    if (!code)
        code = say_broker(&g, err);
    if (!code)
        code = say_late(&g, late, err);
    if (code || !q->rehearsal)
        return code ? code : say_agent(&g, c, there, err);
    mst_query_say(q, "evidence", MST_SAY_KNOWN_REHEARSED, 0);
    return mst_query_row_end(q, err);
}

/* ---- alerts about agents ---- */

/* What the agents' last row before another one says of all of them. */
struct silence {
    uint64_t before, row; /* row 0: there is none */
    mst_time at, last;
    uint32_t agents;
};

static int see_all(void *context, const struct mst_row *row)
{
    struct silence *s = context;
    struct mst_unpack u;
    struct mst_value map, unit, heard;
    if (row->row >= s->before)
        return 1;
    *s = (struct silence){.before = s->before, .row = row->row, .at = row->at};
    mst_unpack_init(&u, row->bytes.data, row->bytes.len);
    if (!mst_unpack_next(&u, &map) || map.kind != MST_VALUE_MAP)
        return 0;
    for (size_t i = 0; i < map.count; i++) {
        if (!mst_unpack_next(&u, &unit) || !mst_unpack_next(&u, &heard) ||
            heard.kind != MST_VALUE_INT)
            return 0;
        s->agents += heard.i > 0;
        s->last = heard.i > s->last ? heard.i : s->last;
    }
    return 0;
}

int mst_query_silence(struct mst_query *q, bool again, mst_time instant, uint64_t before,
                      struct mst_err *err)
{
    struct silence s = {.before = before};
    int code = mst_history_rows(q->reader, q->pid, MST_HISTORY_CONTACTS, see_all, &s, err);
    if (code || !s.row)
        return code;
    struct mst_buf *b = mst_query_say(
        q, "evidence", again ? MST_SAY_KNOWN_AGAIN : MST_SAY_KNOWN_PATH, again ? 2 : 4);
    mst_query_pack_uint(b, "row", s.row);
    mst_query_pack_instant(q, b, "heard", again ? instant : s.last);
    if (again)
        return mst_query_row_end(q, err);
    mst_query_pack_uint(b, "agents", s.agents);
    mst_query_pack_instant(q, b, "until", s.at);
    code = mst_query_row_end(q, err);
    return code ? code : say_limit(q, q->programme->silent_hours, err);
}
