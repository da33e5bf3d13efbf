/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the local socket. Each connection has one request at a time and gets one packet for
 * it, so that a slow reader costs nothing: longer lists are asked for in pages.
 */
#include "agent/run/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/run/ask.h"
#include "agent/run/journal.h"
#include "agent/run/local.h"
#include "agent/run/serve_impl.h"
#include "proto/pack.h"
#include "proto/validate.h"

enum waiting { WAIT_NONE, WAIT_ENTRY, WAIT_INBOX, WAIT_BRIEF, WAIT_ASK };

struct connection {
    int fd;
    enum waiting waiting;
    uint64_t number;       /* ENTRY: its number; INBOX: the place after which */
    unsigned long briefs;  /* BRIEF: the count when it was asked for */
    int64_t deadline_ms;   /* BRIEF: when the cached one must do */
    struct mst_ask *ask;   /* the latest question to the broker: its rows go out in pages */
    bool promised;         /* the answer promises what is not committed yet */
    struct mst_buf answer; /* ready, to be sent after the commit */
    size_t sent;           /* of it, which is more than a packet: the rest goes as it is read */
};

struct mst_serve {
    const struct mst_home *home;
    struct mst_outbox *outbox;
    struct mst_session *session;
    int listener;
    struct connection connections[MST_SERVE_CONNECTIONS_MAX];
    size_t count;
    struct rows rows;
    uint8_t packet[MST_LOCAL_BYTES_MAX];
};

/* ---- answers ---- */

static void rows_clear(struct rows *rows)
{
    mst_buf_clear(&rows->bytes);
    rows->count = 0;
    rows->next = 0;
}

bool mst_rows_full(const struct rows *rows)
{
    return rows->count == PAGE_ROWS_MAX || rows->bytes.len > PAGE_BYTES_MAX;
}

void mst_rows_begin(struct rows *rows)
{
    rows->offsets[rows->count++] = rows->bytes.len;
}

static void answer(struct mst_serve *serve, struct connection *c, const struct mst_err *why)
{
    struct mst_msg msg = {.type = MST_MSG_reply};
    struct mst_slice items[PAGE_ROWS_MAX];
    struct mst_msg_reply *reply = &msg.u.reply;
    struct rows *rows = &serve->rows;
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
    c->waiting = WAIT_NONE;
    struct mst_err err;
    if (mst_msg_encode(&msg, &c->answer, &err)) {
        mst_buf_clear(&c->answer);
        mst_journal_err(MST_LOG_ERROR, "no-answer", &err);
    }
    rows_clear(rows);
}

static void refuse(struct mst_serve *serve, struct connection *c, enum mst_code code,
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
    code = mst_outbox_prune(serve->outbox, (mst_time)report->at, &pruned, err);
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
static int on_append(struct mst_serve *serve, struct connection *c, struct mst_slice map,
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
        refuse(serve, c, (enum mst_code)code, why.text);
        if (err)
            *err = why;
        return code;
    }
    if (count == 0) {
        refuse(serve, c, (enum mst_code)code, why.text);
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
    struct rows *rows = context;
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

static int on_entries(struct mst_serve *serve, struct connection *c, struct mst_slice map,
                      struct mst_err *err)
{
    int code = mst_outbox_entries(serve->outbox, number_of(map, "after") + 1, PAGE_ROWS_MAX + 1,
                                  add_entry, &serve->rows, err);
    if (!code)
        answer(serve, c, NULL);
    return code;
}

static int add_alert(void *context, uint64_t n, bool read, struct mst_slice bytes)
{
    struct rows *rows = context;
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
static int on_inbox(struct mst_serve *serve, struct connection *c, struct mst_slice map,
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
                              PAGE_ROWS_MAX + 1, add_alert, &serve->rows, err);
    if (code)
        return code;
    if (serve->rows.count == 0 && mst_unpack_bool(map, "wait", false)) {
        c->waiting = WAIT_INBOX;
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
static int on_brief(struct mst_serve *serve, struct connection *c, struct mst_slice map,
                    struct mst_err *err)
{
    uint64_t after = number_of(map, "after");
    if (after == 0 && mst_unpack_bool(map, "fresh", false) && mst_session_up(serve->session)) {
        mst_session_want_brief(serve->session);
        c->waiting = WAIT_BRIEF;
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

static void drop_ask(struct mst_serve *serve, struct connection *c)
{
    if (c->ask)
        mst_session_unask(serve->session, c->ask);
    mst_ask_free(c->ask);
    c->ask = NULL;
}

static void answer_ask(struct mst_serve *serve, struct connection *c, uint64_t after)
{
    add_packed(serve, &c->ask->rows, after);
    answer(serve, c, NULL);
}

/* Further pages are of the rows that are here. */
static void on_ask(struct mst_serve *serve, struct connection *c, struct mst_slice map)
{
    uint64_t after = number_of(map, "after");
    struct mst_slice args = {0};
    if (after > 0 && c->ask) {
        answer_ask(serve, c, after);
        return;
    }
    drop_ask(serve, c);
    (void)mst_unpack_find(map, "args", &args);
    c->ask = mst_ask_new(mst_unpack_text(map, "verb"), args, mst_unpack_bool(map, "wait", false));
    if (!c->ask) {
        refuse(serve, c, MST_E_NOMEM, "verb");
        return;
    }
    c->waiting = WAIT_ASK;
    mst_session_ask(serve->session, c->ask);
}

/* ---- status, wait ---- */

static int on_status(struct mst_serve *serve, struct connection *c)
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

static void on_wait(struct mst_serve *serve, struct connection *c, struct mst_slice map)
{
    uint64_t number = number_of(map, "number");
    if (number == 0 || number > mst_outbox_base(serve->outbox) + mst_outbox_last(serve->outbox)) {
        refuse(serve, c, MST_E_UNKNOWN, "number");
        return;
    }
    c->waiting = WAIT_ENTRY;
    c->number = number;
}

static int on_proof(struct mst_serve *serve, struct connection *c, struct mst_slice map,
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
    refuse(serve, c, (enum mst_code)code, why.text);
    if (!mst_outbox_failed(serve->outbox))
        return 0;
    if (err)
        *err = why;
    return code;
}

/* ---- reading ---- */

static int dispatch(struct mst_serve *serve, struct connection *c, struct mst_slice map,
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
        refuse(serve, c, MST_E_PROTOCOL, "do");
    return 0;
}

static void disconnect(struct mst_serve *serve, size_t index)
{
    drop_ask(serve, &serve->connections[index]);
    close(serve->connections[index].fd);
    mst_buf_done(&serve->connections[index].answer);
    serve->connections[index] = serve->connections[--serve->count];
}

/* False: the connection is over. */
static bool read_one(struct mst_serve *serve, struct connection *c, int *ret_code,
                     struct mst_err *err)
{
    ssize_t n = recv(c->fd, serve->packet, sizeof serve->packet, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    /* A request before the last one was answered breaks the rules. */
    if (n <= 0 || (size_t)n > sizeof serve->packet || c->waiting != WAIT_NONE || c->answer.len)
        return false;
    struct mst_err why;
    if (mst_validate(serve->packet, (size_t)n, &why)) {
        refuse(serve, c, why.code, why.text);
        return true;
    }
    *ret_code = dispatch(serve, c, mst_bytes(serve->packet, (size_t)n), err);
    return true;
}

static void take_connections(struct mst_serve *serve)
{
    while (serve->count < MST_SERVE_CONNECTIONS_MAX) {
        struct mst_err err;
        int fd;
        int code = mst_local_accept(serve->listener, &fd, &err);
        if (code == MST_E_BUSY)
            return;
        if (code) {
            mst_journal_err(MST_LOG_WARNING, "local-refused", &err);
            continue;
        }
        serve->connections[serve->count++] = (struct connection){.fd = fd};
    }
}

int mst_serve_read(struct mst_serve *serve, struct mst_err *err)
{
    int code = 0;
    take_connections(serve);
    for (size_t i = serve->count; i-- > 0 && !code;) {
        if (!read_one(serve, &serve->connections[i], &code, err))
            disconnect(serve, i);
    }
    return code;
}

/* ---- settling ---- */

void mst_serve_refuse(struct mst_serve *serve, const struct mst_err *why)
{
    for (size_t i = 0; i < serve->count; i++) {
        struct connection *c = &serve->connections[i];
        if (c->promised)
            refuse(serve, c, why->code, why->text);
        c->promised = false;
    }
}

static bool is_decided(const struct mst_serve *serve, const struct connection *c)
{
    return c->number <= mst_outbox_base(serve->outbox) + mst_outbox_acked(serve->outbox);
}

bool mst_serve_owes(const struct mst_serve *serve)
{
    for (size_t i = 0; i < serve->count; i++) {
        const struct connection *c = &serve->connections[i];
        bool begins = c->answer.len && c->sent == 0;
        if (begins || (c->waiting == WAIT_ENTRY && is_decided(serve, c)))
            return true;
    }
    return false;
}

static int settle_one(struct mst_serve *serve, struct connection *c, struct mst_err *err)
{
    int code = 0;
    rows_clear(&serve->rows);
    switch (c->waiting) {
    case WAIT_NONE:
        return 0;
    case WAIT_ENTRY:
        if (!is_decided(serve, c))
            return 0;
        code = mst_outbox_entries(serve->outbox, c->number, 1, add_entry, &serve->rows, err);
        break;
    case WAIT_INBOX:
        if (mst_inbox_last(serve->outbox) <= c->number)
            return 0;
        code = mst_inbox_list(serve->outbox, c->number, false, PAGE_ROWS_MAX + 1, add_alert,
                              &serve->rows, err);
        break;
    case WAIT_BRIEF:
        if (mst_session_brief_count(serve->session) == c->briefs &&
            mst_session_up(serve->session) && mst_session_clock_ms() < c->deadline_ms)
            return 0;
        code = add_brief(serve, 0, err);
        break;
    case WAIT_ASK:
        if (!c->ask->done)
            return 0;
        if (c->ask->code)
            refuse(serve, c, c->ask->code, c->ask->subject);
        else
            answer_ask(serve, c, 0);
        return 0;
    }
    if (!code)
        answer(serve, c, NULL);
    return code;
}

int mst_serve_settle(struct mst_serve *serve, struct mst_err *err)
{
    for (size_t i = serve->count; i-- > 0;) {
        struct connection *c = &serve->connections[i];
        c->promised = false;
        int code = settle_one(serve, c, err);
        if (code)
            return code;
        if (c->answer.len == 0)
            continue;
        code = mst_local_answer(c->fd, mst_bytes(c->answer.data, c->answer.len), &c->sent);
        if (code == MST_E_BUSY)
            continue;
        mst_buf_clear(&c->answer);
        if (code)
            disconnect(serve, i);
    }
    return 0;
}

/* ---- life ---- */

int mst_serve_new(const struct mst_home *home, struct mst_outbox *outbox,
                  struct mst_session *session, struct mst_serve **ret, struct mst_err *err)
{
    struct mst_serve *serve = calloc(1, sizeof *serve);
    if (!serve)
        return mst_fail_on(err, MST_E_NOMEM, "serve");
    serve->home = home;
    serve->outbox = outbox;
    serve->session = session;
    int code = mst_local_listen(home->dir, &serve->listener, err);
    if (code) {
        free(serve);
        return code;
    }
    *ret = serve;
    return 0;
}

void mst_serve_free(struct mst_serve *serve)
{
    if (!serve)
        return;
    while (serve->count > 0)
        disconnect(serve, serve->count - 1);
    close(serve->listener);
    mst_local_unlink(serve->home->dir);
    mst_buf_done(&serve->rows.bytes);
    free(serve);
}

size_t mst_serve_fds(const struct mst_serve *serve, struct pollfd *fds)
{
    size_t n = 0;
    if (serve->count < MST_SERVE_CONNECTIONS_MAX)
        fds[n++] = (struct pollfd){.fd = serve->listener, .events = POLLIN};
    for (size_t i = 0; i < serve->count; i++)
        fds[n++] =
            (struct pollfd){.fd = serve->connections[i].fd,
                            .events = serve->connections[i].answer.len ? POLLIN | POLLOUT : POLLIN};
    return n;
}

int mst_serve_wait_ms(const struct mst_serve *serve)
{
    int64_t now = mst_session_clock_ms(), nearest = INT64_MAX;
    for (size_t i = 0; i < serve->count; i++) {
        if (serve->connections[i].waiting == WAIT_BRIEF &&
            serve->connections[i].deadline_ms < nearest)
            nearest = serve->connections[i].deadline_ms;
    }
    if (nearest == INT64_MAX)
        return -1;
    return nearest > now ? (int)(nearest - now) : 0;
}
