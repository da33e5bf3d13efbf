/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: alerts out of the session, onto the screen and to the hook, then into the cursor, then
 * acknowledged, in this order. Refuses to acknowledge what is not on disk.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "agent/watch/watch.h"
#include "config/load/system.h"
#include "config/load/testing.h"
#include "proto/pack.h"

#define TOPICS_MAX 32
#define TOPIC_BYTES_MAX 160
#define PROGRAM "muster-watch"
#define AUDIENCE_COLUMNS 20 /* of a terminal; a longer one pushes its line on */
#define OWED_MS 100         /* until something that a busy link did not take is tried again */

struct follower {
    const struct mst_watch_options *o;
    struct mst_link *link;
    struct mst_watch_state *state;
    struct mst_watch_stream stream;
    struct mst_watch_cursor here; /* of this session; `number` is what is dealt with */
    bool up, was_up;
    bool places; /* the broker compares where a stream begins */
    bool subscribe_owed, unsaved;
    bool put_back; /* the broker was, to before the cursor: its own decides */
    bool contradicted, asking, has_key;
    uint8_t sign_key[MST_SIGN_PUBLIC_BYTES]; /* the broker's, as it is pinned */
    struct mst_watch_head asked;
    uint64_t request_id;
    int64_t asked_ms;
    bool unread; /* nobody reads the output any more */
    uint64_t shown;
    int64_t last_alert_ms;
};

static void tell(const struct follower *f, const char *text)
{
    struct mst_buf clean = {0};
    mst_put_clean(&clean, mst_text(text));
    fprintf(f->o->log, "%s: %.*s\n", PROGRAM, (int)clean.len, (const char *)clean.data);
    fflush(f->o->log);
    sd_notifyf(0, "STATUS=%.*s", (int)clean.len, (const char *)clean.data);
    mst_buf_done(&clean);
}

/* ---- the witness ---- */

static int send_request(struct follower *f, const char *verb, const char *const (*args)[2],
                        size_t count, struct mst_err *err)
{
    struct mst_buf packed = {0};
    struct mst_msg msg = {.type = MST_MSG_request};
    mst_pack_map(&packed, count);
    for (size_t i = 0; i < count; i++) {
        mst_pack_text(&packed, args[i][0]);
        mst_pack_text(&packed, args[i][1]);
    }
    msg.u.request.id = ++f->request_id;
    msg.u.request.verb = mst_text(verb);
    msg.u.request.args = mst_bytes(packed.data, packed.len);
    int rc =
        packed.failed ? mst_fail_on(err, MST_E_NOMEM, PROGRAM) : mst_link_send(f->link, &msg, err);
    mst_buf_done(&packed);
    return rc == MST_E_BUSY ? 0 : rc;
}

/* The hook hears of it although no alert came: a broker that rewrites its ledger need not send one.
 */
static void deliver_contradiction(struct follower *f, const char *words)
{
    struct mst_buf map = {0}, json = {0};
    struct mst_err why;
    if (!f->o->deliver)
        return;
    mst_pack_map(&map, 3);
    mst_pack_text(&map, "kind");
    mst_pack_text(&map, "head-contradicted");
    mst_pack_text(&map, "programme");
    mst_pack_text(&map, f->here.programme);
    mst_pack_text(&map, "text");
    mst_pack_text(&map, words);
    int rc = map.failed ? mst_fail_on(&why, MST_E_NOMEM, PROGRAM)
                        : mst_json(mst_bytes(map.data, map.len), &json, &why);
    if (!rc)
        rc = f->o->deliver(f->o->deliver_context, mst_bytes(json.data, json.len), &why);
    if (rc)
        tell(f, why.text);
    mst_buf_done(&map);
    mst_buf_done(&json);
}

/* For those who keep the broker and may know nothing of it; a key that may not say so is refused.
 */
static int report_contradiction(struct follower *f, struct mst_err *err)
{
    char row[24];
    const char *const args[][2] = {{"row", row}, {"head", f->asked.head}};
    snprintf(row, sizeof row, "%llu", (unsigned long long)f->asked.row);
    return send_request(f, "contradict", args, 2, err);
}

static int contradict(struct follower *f, const char *found, struct mst_err *err)
{
    char text[512];
    const struct mst_watch_head *w = &f->asked;
    snprintf(
        text, sizeof text,
        _("LEDGER CONTRADICTED: row %llu had head %s when it was witnessed; the broker now has %s"),
        (unsigned long long)w->row, w->head, found);
    tell(f, text);
    tell(f, w->epoch == f->here.epoch
                ? _("the ledger was rewritten; keep the witness file as evidence")
                : _("the broker was restored from a backup in between; compare both"));
    f->contradicted = true;
    deliver_contradiction(f, text);
    int rc = mst_watch_state_contradict(f->state, w, err);
    return rc ? rc : report_contradiction(f, err);
}

/* Ask for the head at the last row that was witnessed: the chain there goes over every row before.
 */
static int ask_head(struct follower *f, struct mst_err *err)
{
    char row[24];
    const char *const args[][2] = {{"what", "head"}, {"from", row}};
    f->asked_ms = mst_link_clock_ms();
    f->asking = mst_watch_state_last(f->state, &f->asked);
    if (!f->asking)
        return 0;
    snprintf(row, sizeof row, "%llu", (unsigned long long)f->asked.row);
    return send_request(f, "ledger", args, 2, err);
}

/* When the head is asked for again; -1: not in this session. */
static int64_t ask_again_ms(const struct follower *f)
{
    return f->up && f->o->witness_ms > 0 ? f->asked_ms + f->o->witness_ms : -1;
}

static int on_reply(struct follower *f, const struct mst_msg_reply *reply, struct mst_err *err)
{
    char head[2 * MST_HASH_BYTES + 1] = "";
    if (!f->asking || reply->id != f->request_id)
        return 0;
    f->asking = reply->more;
    if (mst_slice_is(reply->code, mst_code_word(MST_E_UNKNOWN)))
        return contradict(f, _("no such row"), err);
    /* A key that may not ask is told of nothing: it goes on comparing what alerts say. */
    for (size_t i = 0; i < reply->rows.count; i++) {
        struct mst_slice value = mst_unpack_text(reply->rows.items[i], "value");
        if (mst_slice_is(mst_unpack_text(reply->rows.items[i], "name"), "head"))
            mst_slice_copy(value, head, sizeof head);
    }
    bool same = strcmp(head, f->asked.head) == 0 || MST_MUTANT("witness-not-asked");
    return head[0] && !same ? contradict(f, head, err) : 0;
}

/* A broker that bears no signature out is not the one whose key this home has pinned. */
static void check_signature(struct follower *f, const struct mst_msg_alert *alert)
{
    char text[256];
    if (!f->has_key || mst_alert_verify(f->sign_key, alert, NULL) == 0)
        return;
    snprintf(text, sizeof text,
             _("LEDGER CONTRADICTED: alert %llu does not bear the broker's signature"),
             (unsigned long long)alert->number);
    tell(f, text);
    f->contradicted = true;
}

/* ---- subscribing ---- */

/* "office/overdue" means the programme's own; "p/office" is whole already. */
static size_t split_topics(const struct follower *f, char texts[TOPICS_MAX][TOPIC_BYTES_MAX + 1],
                           struct mst_slice *topics)
{
    size_t count = 0, own = strlen(f->here.programme);
    const char *at = f->o->topics ? f->o->topics : "";
    while (*at && count < TOPICS_MAX) {
        size_t len = strcspn(at, ",");
        bool whole = strncmp(at, f->here.programme, own) == 0 && len > own && at[own] == '/';
        if (len > 0) {
            snprintf(texts[count], TOPIC_BYTES_MAX + 1, "%s%s%.*s", whole ? "" : f->here.programme,
                     whole ? "" : "/", (int)len, at);
            topics[count] = mst_text(texts[count]);
            count++;
        }
        at += len + (at[len] == ',');
    }
    return count;
}

/* What a busy link did not take is owed and sent after the next event. */
static int subscribe(struct follower *f, struct mst_err *err)
{
    char texts[TOPICS_MAX][TOPIC_BYTES_MAX + 1];
    struct mst_slice topics[TOPICS_MAX];
    struct mst_msg msg = {.type = MST_MSG_subscribe};
    msg.u.subscribe.topics.count = split_topics(f, texts, topics);
    msg.u.subscribe.topics.items = topics;
    msg.u.subscribe.credit = f->o->credit;
    if (f->stream.last_known) {
        msg.u.subscribe.from = f->stream.last;
        msg.u.subscribe.has |= UINT64_C(1) << MST_F_subscribe_from;
        if (f->places && f->stream.has_head)
            msg.u.subscribe.head = mst_bytes(f->stream.head, sizeof f->stream.head);
    }
    int rc = mst_link_send(f->link, &msg, err);
    f->subscribe_owed = rc == MST_E_BUSY;
    if (!rc)
        f->stream.unacked = 0;
    return rc == MST_E_BUSY ? 0 : rc;
}

/*
 * The broker's log is an earlier one than what was read here. Its own cursor is of that log, too,
 * and stands before what it has dealt out anew.
 */
static int start_over(struct follower *f, struct mst_err *err)
{
    tell(f, _("the broker was restored from a backup since the last alert here; alerts that "
              "came after the backup may be numbered anew"));
    f->put_back = true;
    f->unsaved = f->stream.last_known = false;
    return mst_watch_state_forget(f->state, err);
}

/* Where a stream begins: at what was read before in this run, at --since, at the cursor, or where
 * the broker last had us. */
static void choose_start(struct follower *f)
{
    const struct mst_watch_cursor *c = mst_watch_state_cursor(f->state);
    if (f->was_up && f->stream.last_known)
        mst_watch_stream_begin(&f->stream, true, f->stream.last,
                               f->stream.has_head ? f->stream.head : NULL);
    else if (f->o->since_known && !f->put_back)
        mst_watch_stream_begin(&f->stream, true, f->o->since_number, NULL);
    else
        mst_watch_stream_begin(&f->stream, c->known, c->number, c->has_head ? c->head : NULL);
}

static int check_stream(struct follower *f, const struct mst_msg_welcome *w, struct mst_err *err)
{
    const struct mst_watch_cursor *c = mst_watch_state_cursor(f->state);
    char programme[48], text[256];
    mst_slice_copy(w->programme, programme, sizeof programme);
    if (c->known && (strcmp(c->programme, programme) != 0 || c->rehearsal != w->rehearsal)) {
        snprintf(text, sizeof text, _("the cursor here is of %s%s, the broker's stream of %s%s"),
                 c->programme, c->rehearsal ? _(" (rehearsal)") : "", programme,
                 w->rehearsal ? _(" (rehearsal)") : "");
        int rc = mst_fail(err, w->rehearsal != c->rehearsal ? MST_E_REHEARSAL : MST_E_CONFLICT,
                          "%s", text);
        mst_hint(err, _("give each stream its own --name or --state"));
        return rc;
    }
    if (c->known && c->epoch != w->epoch) {
        int rc = start_over(f, err);
        if (rc)
            return rc;
    }
    snprintf(f->here.programme, sizeof f->here.programme, "%s", programme);
    f->here.rehearsal = w->rehearsal;
    f->here.epoch = w->epoch;
    return 0;
}

static int on_up(struct follower *f, const struct mst_msg_welcome *welcome, struct mst_err *err)
{
    char text[256], principal[65];
    int rc = check_stream(f, welcome, err);
    if (rc)
        return rc;
    mst_slice_copy(welcome->principal, principal, sizeof principal);
    snprintf(text, sizeof text, _("connected to %s as %s, programme %s"), f->o->link.endpoint,
             principal, f->here.programme);
    tell(f, text);
    choose_start(f);
    f->places = mst_slices_have(welcome->capabilities, MST_CAN_PLACES);
    f->stream.lost = false;
    f->up = f->was_up = true;
    f->last_alert_ms = mst_link_clock_ms();
    rc = subscribe(f, err);
    return rc ? rc : ask_head(f, err);
}

/* What asking again does not mend ends the watch: a stream that the caller has yet to choose. */
static int on_down(struct follower *f, const struct mst_msg *msg, struct mst_err *err)
{
    char text[640] = "";
    bool was_up = f->up;
    f->up = f->subscribe_owed = false;
    if (msg && msg->type == MST_MSG_error) {
        char word[33], subject[513];
        int code = mst_code_of_word(mst_slice_copy(msg->u.error.code, word, sizeof word));
        mst_slice_copy(msg->u.error.subject, subject, sizeof subject);
        if (code == MST_E_PROGRAMME)
            return mst_fail_on(err, MST_E_PROGRAMME, subject);
        struct mst_err why;
        mst_fail_on(&why, (enum mst_code)code, subject);
        snprintf(text, sizeof text, _("the broker ended the session: %s"), why.text);
    } else if (was_up) {
        snprintf(text, sizeof text, "%s", _("connection lost; trying again"));
    }
    if (text[0])
        tell(f, text);
    return 0;
}

/* ---- one alert ---- */

/* Whoever read may have seen enough, as `head` does: that ends the watch and is no fault. */
static int output_failed(struct follower *f, struct mst_err *err)
{
    f->unread = errno == EPIPE;
    return mst_fail_system(err, _("the output"), errno);
}

static int print_json(struct follower *f, struct mst_slice json, struct mst_err *err)
{
    if (fwrite(json.data, 1, json.len, f->o->out) != json.len || fputc('\n', f->o->out) == EOF)
        return output_failed(f, err);
    return 0;
}

static int print_line(struct follower *f, const struct mst_msg_alert *alert, struct mst_err *err)
{
    char words[2048], fired[32] = "", id[4 * 65];
    struct mst_buf clean = {0};
    bool colour = mst_colour(f->o->out);
    time_t seconds = (time_t)(alert->fired / 1000);
    struct tm local;
    if (localtime_r(&seconds, &local))
        strftime(fired, sizeof fired, "%Y-%m-%d %H:%M", &local);
    mst_put_clean(&clean, alert->audience);
    mst_slice_copy(mst_bytes(clean.data, clean.len), id, sizeof id);
    mst_buf_done(&clean);
    const char *audience = mst_word("audience", id);
    int blanks = AUDIENCE_COLUMNS - mst_width(audience);
    int n =
        fprintf(f->o->out, "%s%6" PRIu64 "  %s  %s%*s%s  %s%s%s\n", mst_sgr(colour, MST_TINT_DIM),
                alert->number, fired, audience, blanks > 0 ? blanks : 0, "",
                mst_sgr(colour, MST_TINT_OFF), mst_sgr(colour, mst_alert_tint(alert)),
                mst_alert_words(alert, words, sizeof words), mst_sgr(colour, MST_TINT_OFF));
    return n < 0 ? output_failed(f, err) : 0;
}

static int show(struct follower *f, const struct mst_msg_alert *alert, struct mst_err *err)
{
    struct mst_buf map = {0}, json = {0};
    mst_alert_map(alert, &map);
    int rc = map.failed ? mst_fail_on(err, MST_E_NOMEM, PROGRAM)
                        : mst_json(mst_bytes(map.data, map.len), &json, err);
    struct mst_slice text = mst_bytes(json.data, json.len);
    if (!rc)
        rc = f->o->json ? print_json(f, text, err) : print_line(f, alert, err);
    if (!rc && f->o->deliver) {
        struct mst_err why;
        if (f->o->deliver(f->o->deliver_context, text, &why)) {
            mst_wrap(&why, _("alert %llu"), (unsigned long long)alert->number);
            tell(f, why.text);
        }
    }
    mst_buf_done(&map);
    mst_buf_done(&json);
    return rc;
}

static int take(struct follower *f, const struct mst_msg_alert *alert, struct mst_err *err)
{
    check_signature(f, alert);
    int rc = mst_watch_state_witness(f->state, alert, f->here.epoch, err);
    if (rc == MST_E_CONFLICT) {
        /* Whoever watches must hear of it, and of every alert that still comes. */
        tell(f, err->text);
        tell(f, err->hint);
        f->contradicted = true;
        rc = ask_head(f, err);
        if (rc)
            return rc;
    } else if (rc) {
        return rc;
    }
    f->last_alert_ms = mst_link_clock_ms();
    f->unsaved = true;
    f->here.number = alert->number;
    f->here.has_head = f->stream.has_head;
    memcpy(f->here.head, f->stream.head, sizeof f->here.head);
    if ((mst_time)alert->fired < f->o->since_at)
        return 0;
    f->shown++;
    return show(f, alert, err);
}

static int on_alert(struct follower *f, const struct mst_msg_alert *alert, struct mst_err *err)
{
    char text[256];
    uint64_t last = f->stream.last;
    switch (mst_watch_stream_step(&f->stream, alert)) {
    case MST_WATCH_TAKE:
        return take(f, alert, err);
    case MST_WATCH_PASS:
        return 0;
    case MST_WATCH_GAP:
        snprintf(text, sizeof text,
                 _("gap in the alert stream: after %llu came %llu, which follows %llu; reading "
                   "again from %llu"),
                 (unsigned long long)last, (unsigned long long)alert->number,
                 (unsigned long long)alert->prev, (unsigned long long)last);
        tell(f, text);
        return subscribe(f, err);
    case MST_WATCH_SHORT:
        /* In a new session nothing of this stream is on its way any more. */
        f->up = false;
        mst_link_restart(f->link);
        return start_over(f, err);
    case MST_WATCH_HOPELESS:
        break;
    }
    return mst_fail(err, MST_E_CORRUPT,
                    _("the alert stream keeps a gap after %llu: reading again did not close it"),
                    (unsigned long long)last);
}

/* ---- dealing with a batch ---- */

/* Written out, on disk, acknowledged: in this order. */
static int settle(struct follower *f, struct mst_err *err)
{
    if (f->unsaved) {
        if (fflush(f->o->out) != 0)
            return output_failed(f, err);
        int rc = mst_watch_state_save(f->state, &f->here, err);
        if (rc)
            return rc;
        f->unsaved = false;
    }
    if (!f->up || f->stream.unacked == 0 || f->stream.lost)
        return 0;
    struct mst_msg msg = {.type = MST_MSG_ack};
    msg.u.ack.cursor = f->stream.last;
    msg.u.ack.credit = f->stream.unacked;
    int rc = mst_link_send(f->link, &msg, err);
    if (!rc)
        f->stream.unacked = 0;
    return rc == MST_E_BUSY ? 0 : rc;
}

static bool is_stopped(const struct follower *f)
{
    struct pollfd fd = {.fd = f->o->stop_fd, .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

/* Looked at after every alert: with a slow hook, a backlog can take hours. */
static bool is_done(const struct follower *f)
{
    return (f->o->count > 0 && f->shown >= f->o->count) || is_stopped(f);
}

static int on_event(struct follower *f, const struct mst_link_event *event, struct mst_err *err)
{
    if (event->kind == MST_LINK_UP)
        return on_up(f, &event->msg->u.welcome, err);
    if (event->kind == MST_LINK_DOWN)
        return on_down(f, event->msg, err);
    if (event->kind == MST_LINK_MESSAGE && event->msg->type == MST_MSG_alert && f->up)
        return on_alert(f, &event->msg->u.alert, err);
    if (event->kind == MST_LINK_MESSAGE && event->msg->type == MST_MSG_reply)
        return on_reply(f, &event->msg->u.reply, err);
    return 0;
}

/* Takes all that is there, settling whenever half the credit is used, so that the broker never has
 * to pause. */
static int drain(struct follower *f, struct mst_err *err)
{
    for (;;) {
        struct mst_link_event event;
        int rc = mst_link_poll(f->link, 0, &event, err);
        if (!rc && event.kind != MST_LINK_NOTHING)
            rc = on_event(f, &event, err);
        bool done = is_done(f);
        if (!rc &&
            (event.kind == MST_LINK_NOTHING || done || f->stream.unacked * 2 >= f->o->credit))
            rc = settle(f, err);
        if (!rc && f->subscribe_owed && f->up)
            rc = subscribe(f, err);
        if (rc || event.kind == MST_LINK_NOTHING || done)
            return rc;
    }
}

/* A busy link took no subscription or acknowledgement. */
static bool is_owing(const struct follower *f)
{
    return f->up && (f->subscribe_owed || (f->stream.unacked > 0 && !f->stream.lost));
}

/* Milliseconds until the loop must look again; -1 never. */
static int wait_ms(const struct follower *f, int64_t idle_until_ms, int64_t watchdog_ms)
{
    int64_t wait = mst_link_wait_ms(f->link);
    int64_t now = mst_link_clock_ms();
    if (idle_until_ms >= 0) {
        int64_t left = idle_until_ms > now ? idle_until_ms - now : 0;
        wait = wait < 0 || left < wait ? left : wait;
    }
    if (ask_again_ms(f) >= 0) {
        int64_t left = ask_again_ms(f) > now ? ask_again_ms(f) - now : 0;
        wait = wait < 0 || left < wait ? left : wait;
    }
    if (watchdog_ms > 0 && (wait < 0 || watchdog_ms < wait))
        wait = watchdog_ms;
    if (is_owing(f) && (wait < 0 || wait > OWED_MS))
        wait = OWED_MS;
    return wait > 3600000 ? 3600000 : (int)wait;
}

static int silence(const struct follower *f, struct mst_err *err)
{
    if (!f->was_up)
        return mst_fail_on(err, MST_E_UNREACHABLE, f->o->link.endpoint);
    if (f->o->count > 0)
        return mst_fail(err, MST_E_TIMEOUT, _("%llu of %llu alerts came in time"),
                        (unsigned long long)f->shown, (unsigned long long)f->o->count);
    return 0;
}

static int loop(struct follower *f, struct mst_err *err)
{
    uint64_t watchdog_us = 0;
    if (sd_watchdog_enabled(0, &watchdog_us) <= 0)
        watchdog_us = 0;
    f->last_alert_ms = mst_link_clock_ms();
    for (;;) {
        int rc = drain(f, err);
        if (rc || is_done(f))
            return rc;
        if (ask_again_ms(f) >= 0 && mst_link_clock_ms() >= ask_again_ms(f)) {
            rc = ask_head(f, err);
            if (rc)
                return rc;
        }
        int64_t idle_until = f->o->timeout_ms >= 0 ? f->last_alert_ms + f->o->timeout_ms : -1;
        if (idle_until >= 0 && mst_link_clock_ms() >= idle_until)
            return silence(f, err);
        struct pollfd fds[2] = {{.fd = mst_link_fd(f->link), .events = POLLIN},
                                {.fd = f->o->stop_fd, .events = POLLIN}};
        if (poll(fds, 2, wait_ms(f, idle_until, (int64_t)(watchdog_us / 2000))) < 0 &&
            errno != EINTR)
            return mst_fail_system(err, "poll", errno);
        if (watchdog_us > 0)
            sd_notify(0, "WATCHDOG=1");
    }
}

static void say_bye(struct follower *f)
{
    struct mst_msg msg = {.type = MST_MSG_bye};
    /* A courtesy: the broker notices without it. */
    if (f->up && mst_link_send(f->link, &msg, NULL) != 0)
        f->up = false;
}

int mst_watch_follow(const struct mst_watch_options *options, struct mst_err *err)
{
    struct follower f = {.o = options, .stream = {.credit = options->credit}};
    const struct mst_home *home = options->link.home;
    size_t len = 0;
    f.has_key =
        home &&
        sodium_hex2bin(f.sign_key, sizeof f.sign_key, home->settings.AGENT_broker_sign_key,
                       strlen(home->settings.AGENT_broker_sign_key), NULL, &len, NULL) == 0 &&
        len == sizeof f.sign_key;
    int rc = mst_watch_state_open(options->state_dir, options->link.name, &f.state, err);
    if (!rc)
        rc = mst_link_new(&options->link, &f.link, err);
    if (!rc) {
        sd_notify(0, "READY=1");
        rc = loop(&f, err);
        sd_notify(0, "STOPPING=1");
        /* What was shown since the last save is dealt with, whatever ended the loop. */
        if (rc == MST_E_IO && f.unread) {
            rc = 0;
        } else if (f.unsaved && rc != MST_E_IO) {
            int saved = settle(&f, rc ? NULL : err);
            rc = rc ? rc : saved;
        }
        say_bye(&f);
    }
    if (!rc && f.contradicted)
        rc = mst_fail(err, MST_E_DIFFERS, "%s",
                      _("the broker's ledger contradicted what was witnessed; see above"));
    mst_link_free(f.link);
    mst_watch_state_free(f.state);
    return rc;
}
