/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the local socket, one function each, and their answers. An answer is one packet;
 * longer lists are asked for in pages. Some wait for what is to come. Knows no socket.
 */
#include "agent/run/serve_impl.h"

#include <stdio.h>
#include <string.h>

#include "agent/run/journal.h"
#include "proto/pack.h"

/* ---- answers ---- */

static void rows_clear(struct mst_rows *rows)
{
    mst_buf_clear(&rows->bytes);
    rows->count = 0;
    rows->next = 0;
}

bool mst_rows_full(const struct mst_rows *rows)
{
    return rows->count == MST_PAGE_ROWS_MAX || rows->bytes.len > MST_PAGE_BYTES_MAX;
}

void mst_rows_begin(struct mst_rows *rows)
{
    rows->offsets[rows->count++] = rows->bytes.len;
}

static void answer(struct mst_serve *serve, struct mst_serve_connection *c,
                   const struct mst_err *why)
{
    struct mst_msg msg = {.type = MST_MSG_reply};
    struct mst_slice items[MST_PAGE_ROWS_MAX];
    struct mst_msg_reply *reply = &msg.u.reply;
    struct mst_rows *rows = &serve->rows;
    rows->offsets[rows->count] = rows->bytes.len;
    for (size_t i = 0; i < rows->count; i++)
        items[i] =
            mst_bytes(rows->bytes.data + rows->offsets[i], rows->offsets[i + 1] - rows->offsets[i]);
    reply->code = mst_text(mst_code_word(why ? (int)why->code : MST_OK));
    if (why)
        reply->subject = mst_text(why->text);
    else
        reply->rows = (struct mst_slices){items, rows->count};
    reply->more = !why && rows->next != 0;
    reply->now = (uint64_t)mst_session_now(serve->session);
    mst_buf_clear(&c->answer);
    c->sent = 0;
    c->waiting = MST_SERVE_WAIT_NONE;
    struct mst_err err;
    if (mst_msg_encode(&msg, &c->answer, &err)) {
        mst_buf_clear(&c->answer);
        mst_journal_err(MST_LOG_ERROR, "no-answer", &err);
    }
    rows_clear(rows);
}

void mst_serve_deny(struct mst_serve *serve, struct mst_serve_connection *c, enum mst_code code,
                    const char *subject)
{
    struct mst_err why = {.code = code};
    snprintf(why.text, sizeof why.text, "%s", subject);
    rows_clear(&serve->rows);
    answer(serve, c, &why);
}

static void pack_uint(struct mst_buf *out, const char *key, uint64_t value)
{
    mst_pack_text(out, key);
    mst_pack_uint(out, value);
}

static void pack_text(struct mst_buf *out, const char *key, const char *value)
{
    mst_pack_text(out, key);
    mst_pack_text(out, value);
}

/* ---- append ---- */

static int append_with_room(struct mst_serve *serve, const struct mst_msg_report *report,
                            uint64_t *ret_number, struct mst_err *err)
{
    struct mst_pruned pruned;
    int code = mst_outbox_append(serve->outbox, report, ret_number, err);
    if (code != MST_E_FULL || mst_outbox_failed(serve->outbox))
        return code;
    code = mst_outbox_prune(serve->outbox, mst_session_sure_now(serve->session), &pruned, err);
    if (code)
        return code;
    if (pruned.lost)
        mst_journal(MST_LOG_WARNING, "outbox-pruned unbacked=%llu",
                    (unsigned long long)pruned.lost);
    return mst_outbox_append(serve->outbox, report, ret_number, err);
}

/* Queue what one map says. `why` gets what is wrong with it. */
static int append_one(struct mst_serve *serve, struct mst_slice map, uint64_t *ret_number,
                      struct mst_err *why)
{
    struct mst_msg_report report = {.act = mst_unpack_text(map, "act"),
                                    .unit = mst_text(serve->home->settings.AGENT_unit),
                                    .at = (uint64_t)mst_session_now(serve->session),
                                    .duty = mst_unpack_text(map, "duty"),
                                    .period = mst_unpack_text(map, "period"),
                                    .obligation = mst_unpack_text(map, "obligation"),
                                    .reason = mst_unpack_text(map, "reason")};
    (void)mst_unpack_find(map, "body", &report.body);
    if (report.body.len + report.reason.len > mst_session_report_bytes_max(serve->session)) {
        *why = (struct mst_err){.code = MST_E_TOO_LARGE, .text = "body"};
        return MST_E_TOO_LARGE;
    }
    return append_with_room(serve, &report, ret_number, why);
}

/* Queue every map of an array, or what is before the first that cannot be. */
static int append_many(struct mst_serve *serve, struct mst_slice array, uint64_t *ret_first,
                       uint64_t *ret_count, struct mst_err *why)
{
    struct mst_unpack u;
    struct mst_value head;
    struct mst_slice map;
    int code = 0;
    mst_unpack_init(&u, array.data, array.len);
    if (!mst_unpack_next(&u, &head) || head.kind != MST_VALUE_ARRAY || head.count == 0) {
        *why = (struct mst_err){.code = MST_E_PROTOCOL, .text = "reports"};
        return MST_E_PROTOCOL;
    }
    for (size_t i = 0; !code && i < head.count && mst_unpack_skip(&u, &map); i++) {
        uint64_t number = 0;
        code = append_one(serve, map, &number, why);
        if (!code && (*ret_count)++ == 0)
            *ret_first = number;
    }
    return code;
}

/* With `reports`, many at once: the numbers of those that were queued follow the first's. */
static int on_append(struct mst_serve *serve, struct mst_serve_connection *c, struct mst_slice map,
                     struct mst_err *err)
{
    struct mst_slice reports;
    uint64_t first = 0, count = 0;
    struct mst_err why;
    int code;
    if (mst_unpack_find(map, "reports", &reports)) {
        code = append_many(serve, reports, &first, &count, &why);
    } else {
        code = append_one(serve, map, &first, &why);
        count = code ? 0 : 1;
    }
    if (code && mst_outbox_failed(serve->outbox)) {
        mst_serve_deny(serve, c, (enum mst_code)code, why.text);
        if (err)
            *err = why;
        return code;
    }
    if (count == 0) {
        mst_serve_deny(serve, c, (enum mst_code)code, why.text);
        return 0;
    }
    mst_rows_begin(&serve->rows);
    mst_pack_map(&serve->rows.bytes, 2);
    pack_uint(&serve->rows.bytes, "number", first);
    pack_uint(&serve->rows.bytes, "count", count);
    answer(serve, c, NULL);
    c->promised = true;
    return 0;
}

/* ---- lists ---- */

static int add_entry(void *context, const struct mst_entry *e)
{
    struct mst_rows *rows = context;
    if (mst_rows_full(rows)) {
        rows->next = e->number;
        return 1;
    }
    mst_rows_begin(rows);
    struct mst_buf *out = &rows->bytes;
    mst_pack_map(out, 11);
    pack_uint(out, "number", e->number);
    pack_uint(out, "at", (uint64_t)e->queued_at);
    pack_text(out, "act", e->act);
    pack_text(out, "duty", e->duty);
    pack_text(out, "period", e->period);
    pack_text(out, "obligation", e->obligation);
    pack_text(out, "state", mst_entry_state_word(e->state));
    pack_uint(out, "receipt", e->receipt);
    pack_text(out, "code", e->code);
    pack_text(out, "subject", e->subject);
    pack_uint(out, "bytes", (uint64_t)e->bytes);
    return 0;
}

static uint64_t number_of(struct mst_slice map, const char *key)
{
    int64_t value = mst_unpack_int(map, key, 0);
    return value > 0 ? (uint64_t)value : 0;
}

static int on_entries(struct mst_serve *serve, struct mst_serve_connection *c, struct mst_slice map,
                      struct mst_err *err)
{
    int code = mst_outbox_entries(serve->outbox, number_of(map, "after") + 1, MST_PAGE_ROWS_MAX + 1,
                                  add_entry, &serve->rows, err);
    if (!code)
        answer(serve, c, NULL);
    return code;
}

static int add_alert(void *context, uint64_t n, bool read, struct mst_slice bytes)
{
    struct mst_rows *rows = context;
    if (mst_rows_full(rows)) {
        rows->next = n;
        return 1;
    }
    mst_rows_begin(rows);
    mst_pack_map(&rows->bytes, 3);
    pack_uint(&rows->bytes, "n", n);
    mst_pack_text(&rows->bytes, "read");
    mst_pack_bool(&rows->bytes, read);
    mst_pack_text(&rows->bytes, "alert");
    mst_pack_bin(&rows->bytes, bytes.data, bytes.len);
    return 0;
}

/* With `wait`, the answer is held back until there is something to tell. */
static int on_inbox(struct mst_serve *serve, struct mst_serve_connection *c, struct mst_slice map,
                    struct mst_err *err)
{
    uint64_t after = number_of(map, "after");
    uint64_t read_up_to = number_of(map, "mark");
    int code = 0;
    if (read_up_to)
        code = mst_inbox_mark_read(serve->outbox, read_up_to, err);
    c->promised = read_up_to != 0;
    if (!code)
        code = mst_inbox_list(serve->outbox, after, mst_unpack_bool(map, "unread", false),
                              MST_PAGE_ROWS_MAX + 1, add_alert, &serve->rows, err);
    if (code)
        return code;
    if (serve->rows.count == 0 && mst_unpack_bool(map, "wait", false)) {
        c->waiting = MST_SERVE_WAIT_INBOX;
        c->number = after;
        return 0;
    }
    answer(serve, c, NULL);
    return 0;
}

/* A page of rows that stand one after the other and have no number: `after` counts them. */
static void add_packed(struct mst_serve *serve, const struct mst_buf *all, uint64_t after)
{
    struct mst_unpack u;
    struct mst_slice row;
    uint64_t n = 0;
    mst_unpack_init(&u, all->data, all->len);
    while (mst_unpack_skip(&u, &row)) {
        if (n++ < after)
            continue;
        if (mst_rows_full(&serve->rows)) {
            serve->rows.next = n;
            break;
        }
        mst_rows_begin(&serve->rows);
        mst_buf_put(&serve->rows.bytes, row.data, row.len);
    }
}

static int add_brief(struct mst_serve *serve, uint64_t after, struct mst_err *err)
{
    struct mst_buf all = {0};
    int code = mst_brief_rows(serve->outbox, &all, err);
    if (!code)
        add_packed(serve, &all, after);
    mst_buf_done(&all);
    return code;
}

/* Only the first page may wait for a fresh one; the others continue it. */
static int on_brief(struct mst_serve *serve, struct mst_serve_connection *c, struct mst_slice map,
                    struct mst_err *err)
{
    uint64_t after = number_of(map, "after");
    if (after == 0 && mst_unpack_bool(map, "fresh", false) && mst_session_up(serve->session)) {
        mst_session_want_brief(serve->session);
        c->waiting = MST_SERVE_WAIT_BRIEF;
        c->briefs = mst_session_brief_count(serve->session);
        c->deadline_ms = mst_session_clock_ms() + serve->home->settings.AGENT_reply_timeout;
        return 0;
    }
    int code = add_brief(serve, after, err);
    if (!code)
        answer(serve, c, NULL);
    return code;
}

/* ---- questions to the broker ---- */

void mst_serve_drop_ask(struct mst_serve *serve, struct mst_serve_connection *c)
{
    if (c->ask)
        mst_session_unask(serve->session, c->ask);
    mst_ask_free(c->ask);
    c->ask = NULL;
}

static void answer_ask(struct mst_serve *serve, struct mst_serve_connection *c, uint64_t after)
{
    add_packed(serve, &c->ask->rows, after);
    answer(serve, c, NULL);
}

/* Further pages are of the rows that are here. */
static void on_ask(struct mst_serve *serve, struct mst_serve_connection *c, struct mst_slice map)
{
    uint64_t after = number_of(map, "after");
    struct mst_slice args = {0};
    if (after > 0 && c->ask) {
        answer_ask(serve, c, after);
        return;
    }
    mst_serve_drop_ask(serve, c);
    (void)mst_unpack_find(map, "args", &args);
    c->ask = mst_ask_new(mst_unpack_text(map, "verb"), args, mst_unpack_bool(map, "wait", false));
    if (!c->ask) {
        mst_serve_deny(serve, c, MST_E_NOMEM, "verb");
        return;
    }
    c->waiting = MST_SERVE_WAIT_ASK;
    mst_session_ask(serve->session, c->ask);
}

/* ---- status, wait ---- */

static int on_status(struct mst_serve *serve, struct mst_serve_connection *c)
{
    struct mst_outbox *box = serve->outbox;
    const struct mst_settings *s = &serve->home->settings;
    uint64_t acked = mst_outbox_acked(box), last = mst_outbox_last(box);
    mst_rows_begin(&serve->rows);
    struct mst_buf *out = &serve->rows.bytes;
    mst_time key_end = mst_session_key_not_after(serve->session);
    mst_pack_map(out, 16);
    mst_pack_text(out, "key_not_after");
    mst_pack_int(out, key_end == MST_NEVER ? 0 : key_end);
    pack_text(out, "broker_sign_key", s->AGENT_broker_sign_key);
    pack_text(out, "programme", s->AGENT_programme);
    pack_text(out, "unit", s->AGENT_unit);
    pack_text(out, "broker", s->AGENT_broker);
    mst_pack_text(out, "connected");
    mst_pack_bool(out, mst_session_up(serve->session));
    pack_text(out, "fault", mst_session_fault(serve->session));
    mst_pack_text(out, "rehearsal");
    mst_pack_bool(out, mst_session_rehearsal(serve->session));
    pack_uint(out, "now", (uint64_t)mst_session_now(serve->session));
    pack_uint(out, "queued", last - acked);
    pack_uint(out, "last", mst_outbox_base(box) + last);
    pack_uint(out, "acknowledged", mst_outbox_base(box) + acked);
    pack_uint(out, "bytes", (uint64_t)mst_outbox_bytes(box));
    pack_uint(out, "unread", mst_inbox_unread(box));
    pack_uint(out, "renewals", mst_outbox_figure(box, "renewals", 0));
    mst_pack_text(out, "outbox");
    mst_pack_bin(out, mst_outbox_id(box), MST_OUTBOX_BYTES);
    answer(serve, c, NULL);
    return 0;
}

static void on_wait(struct mst_serve *serve, struct mst_serve_connection *c, struct mst_slice map)
{
    uint64_t number = number_of(map, "number");
    if (number == 0 || number > mst_outbox_base(serve->outbox) + mst_outbox_last(serve->outbox)) {
        mst_serve_deny(serve, c, MST_E_UNKNOWN, "number");
        return;
    }
    c->waiting = MST_SERVE_WAIT_ENTRY;
    c->number = number;
}

static int on_proof(struct mst_serve *serve, struct mst_serve_connection *c, struct mst_slice map,
                    struct mst_err *err)
{
    const struct mst_settings *s = &serve->home->settings;
    struct mst_err why;
    int code = mst_rows_proof(&serve->rows, serve->outbox, number_of(map, "number"),
                              number_of(map, "after"), s->AGENT_programme, s->AGENT_unit,
                              s->AGENT_broker_sign_key, &why);
    if (!code) {
        answer(serve, c, NULL);
        return 0;
    }
    /* What stands there and cannot be read is nobody's proof, and no reason to end. */
    mst_serve_deny(serve, c, (enum mst_code)code, why.text);
    if (!mst_outbox_failed(serve->outbox))
        return 0;
    if (err)
        *err = why;
    return code;
}

int mst_serve_do(struct mst_serve *serve, struct mst_serve_connection *c, struct mst_slice map,
                 struct mst_err *err)
{
    struct mst_slice verb = mst_unpack_text(map, "do");
    rows_clear(&serve->rows);
    if (mst_slice_is(verb, "append"))
        return on_append(serve, c, map, err);
    if (mst_slice_is(verb, "entries"))
        return on_entries(serve, c, map, err);
    if (mst_slice_is(verb, "inbox"))
        return on_inbox(serve, c, map, err);
    if (mst_slice_is(verb, "brief"))
        return on_brief(serve, c, map, err);
    if (mst_slice_is(verb, "proof"))
        return on_proof(serve, c, map, err);
    if (mst_slice_is(verb, "status"))
        return on_status(serve, c);
    if (mst_slice_is(verb, "reconnect")) {
        mst_session_retry(serve->session);
        answer(serve, c, NULL);
    } else if (mst_slice_is(verb, "ask"))
        on_ask(serve, c, map);
    else if (mst_slice_is(verb, "wait"))
        on_wait(serve, c, map);
    else
        mst_serve_deny(serve, c, MST_E_PROTOCOL, "do");
    return 0;
}

/* ---- what waits ---- */

bool mst_serve_is_decided(const struct mst_serve *serve, const struct mst_serve_connection *c)
{
    return c->number <= mst_outbox_base(serve->outbox) + mst_outbox_acked(serve->outbox);
}

int mst_serve_await(struct mst_serve *serve, struct mst_serve_connection *c, struct mst_err *err)
{
    int code = 0;
    rows_clear(&serve->rows);
    switch (c->waiting) {
    case MST_SERVE_WAIT_NONE:
        return 0;
    case MST_SERVE_WAIT_ENTRY:
        if (!mst_serve_is_decided(serve, c))
            return 0;
        code = mst_outbox_entries(serve->outbox, c->number, 1, add_entry, &serve->rows, err);
        break;
    case MST_SERVE_WAIT_INBOX:
        if (mst_inbox_last(serve->outbox) <= c->number)
            return 0;
        code = mst_inbox_list(serve->outbox, c->number, false, MST_PAGE_ROWS_MAX + 1, add_alert,
                              &serve->rows, err);
        break;
    case MST_SERVE_WAIT_BRIEF:
        if (mst_session_brief_count(serve->session) == c->briefs &&
            mst_session_up(serve->session) && mst_session_clock_ms() < c->deadline_ms)
            return 0;
        code = add_brief(serve, 0, err);
        break;
    case MST_SERVE_WAIT_ASK:
        if (!c->ask->done)
            return 0;
        if (c->ask->code)
            mst_serve_deny(serve, c, c->ask->code, c->ask->subject);
        else
            answer_ask(serve, c, 0);
        return 0;
    }
    if (!code)
        answer(serve, c, NULL);
    return code;
}
