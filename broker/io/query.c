/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The query threads: they take queries from the loop, answer them in chunks, and wake the loop to
 * send them. The loop never blocks on them, and they never block on the loop but to hand a chunk
 * over. There are two, each with its own reader, so that work of minutes keeps nobody waiting.
 */
#include "broker/io/query.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "broker/driver/answers.h"
#include "broker/driver/heard.h"
#include "broker/io/broker.h"
#include "config/load/system.h"

/* A reply carries rows up to this size, and up to half of what a message may be. */
#define CHUNK_BYTES_MAX 24576
/* Replies that may wait for the loop before the thread waits for it. */
#define OUTCOMES_MAX 64
/* A peer that does not read its replies is waited for so long, looked at so often. */
#define UNREAD_MS_MAX 1000
#define UNREAD_LOOK_MS 10
#define CHUNK_ROWS_MAX 512
/* Queries that may wait; beyond it the asker is told to come again. */
#define QUEUE_MAX 256
#define QUEUE_OWN_MAX 32

struct job {
    struct job *next;
    uint64_t session, request;
    mst_query_fn fn;
    struct mst_query query;
    char principal[65], unit[48], action[MST_ID_MAX];
    struct mst_buf args;
    struct mst_contact_seen *seen;
    struct outcome *last; /* made beforehand, so that there is an answer whatever happens */
};

struct outcome {
    struct outcome *next;
    uint64_t session;
    struct mst_buf frame;
    enum mst_code code;
    struct mst_programme *programme; /* to be released by the loop: references are the loop's */
};

enum lane_kind { LOOKS, WORK, LANES };

struct lane {
    struct mst_query_pool *pool;
    pthread_t thread;
    bool started;
    pthread_cond_t wake;
    struct job *jobs, **jobs_end;
    size_t jobs_count;
    size_t jobs_released; /* of them, from the first on, those that may be begun */
    struct mst_reader *reader;
};

struct mst_query_pool {
    pthread_mutex_t lock;
    pthread_cond_t room;
    struct lane lanes[LANES];
    struct outcome *outcomes, **outcomes_end;
    size_t outcomes_count; /* those being sent included */
    int fd;
    bool stopping;
    size_t chunk_bytes_max;
    bool posted; /* the loop's alone, as what follows: there is a job that may not be begun yet */
    /* What it is sending, and how often it has gone through that. */
    struct outcome *sending;
    uint64_t pass;
};

/* What a query's rows flow into. */
struct sink {
    struct mst_query_pool *pool;
    struct job *job;
    struct mst_buf rows;
    size_t starts[CHUNK_ROWS_MAX + 1];
    size_t count;
    bool any; /* there was a row */
};

static const struct {
    const char *word;
    mst_query_fn fn;
    enum lane_kind lane;
} queries[] = {
    {"obligations", mst_query_obligations, LOOKS},
    {"show", mst_query_show, LOOKS},
    {"units", mst_query_units, LOOKS},
    {"brief", mst_query_brief, LOOKS},
    {"reports", mst_query_reports, LOOKS},
    {"report", mst_query_report, LOOKS},
    {"contents", mst_query_contents, LOOKS},
    {"figures", mst_query_figures, WORK},
    {"alerts", mst_query_alerts, LOOKS},
    {"explain", mst_query_explain, LOOKS},
    {"export", mst_query_export, LOOKS},
    {"rights", mst_query_rights, LOOKS},
    {"ledger", mst_query_ledger, WORK},
    {"keys", mst_query_keys, LOOKS},
    {"replay", mst_query_replay, WORK},
    {"calendar", mst_query_calendar, LOOKS},
    {"programme", mst_query_programme, LOOKS},
    {"assess", mst_query_assess, WORK},
    {"tasks", mst_query_tasks, LOOKS},
    {"versions", mst_query_versions, LOOKS},
    {"issued", mst_query_issued, LOOKS},
    {"outlook", mst_query_outlook, WORK},
    {"grants", mst_query_grants, LOOKS},
    {"difficulties", mst_query_difficulties, LOOKS},
    {"projects", mst_query_projects, LOOKS},
    {"try", mst_query_try, LOOKS},
};

/* ---- replies ---- */

static void wake_loop(const struct mst_query_pool *pool)
{
    uint64_t one = 1;
    ssize_t written = write(pool->fd, &one, sizeof one);
    (void)written; /* a full counter means the loop is awake already */
}

static void push_outcome(struct mst_query_pool *pool, struct outcome *out)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->outcomes_count >= OUTCOMES_MAX && !pool->stopping)
        pthread_cond_wait(&pool->room, &pool->lock);
    *pool->outcomes_end = out;
    pool->outcomes_end = &out->next;
    pool->outcomes_count++;
    pthread_mutex_unlock(&pool->lock);
    wake_loop(pool);
}

/* Put the sink's rows into a reply, and begin the next. */
static int fill_reply(struct sink *sink, struct mst_answer *answer, struct mst_buf *frame,
                      struct mst_err *err)
{
    struct mst_slice rows[CHUNK_ROWS_MAX];
    for (size_t i = 0; i < sink->count; i++)
        rows[i] =
            mst_bytes(sink->rows.data + sink->starts[i], sink->starts[i + 1] - sink->starts[i]);
    answer->msg.u.reply.rows = (struct mst_slices){rows, sink->count};
    int code = mst_msg_encode(&answer->msg, frame, err);
    answer->msg.u.reply.rows = (struct mst_slices){0};
    mst_buf_clear(&sink->rows);
    sink->count = 0;
    return code;
}

static int send_chunk(struct sink *sink, struct mst_err *err)
{
    struct mst_answer answer;
    struct outcome *out = calloc(1, sizeof *out);
    if (!out)
        return mst_fail_on(err, MST_E_NOMEM, "reply");
    mst_answer_reply(&answer, sink->job->request, MST_OK, "", sink->job->query.now);
    answer.msg.u.reply.more = true;
    out->session = sink->job->session;
    int code = fill_reply(sink, &answer, &out->frame, err);
    if (code) {
        mst_buf_done(&out->frame);
        free(out);
        return code;
    }
    push_outcome(sink->pool, out);
    return 0;
}

/* The last reply: the rows that are left, or why there are no more. */
static void send_last(struct sink *sink, int code, struct mst_err *why)
{
    struct mst_answer answer;
    struct outcome *out = sink->job->last;
    sink->job->last = NULL;
    if (code)
        sink->count = 0;
    mst_answer_reply(&answer, sink->job->request, (enum mst_code)code, code ? why->text : "",
                     sink->job->query.now);
    int failed = fill_reply(sink, &answer, &out->frame, why);
    if (failed) {
        code = failed;
        mst_answer_reply(&answer, sink->job->request, (enum mst_code)code, why->text,
                         sink->job->query.now);
        /* Without memory even for this, the peer's time-out has to do. */
        (void)fill_reply(sink, &answer, &out->frame, NULL);
    }
    out->session = sink->job->session;
    out->code = (enum mst_code)code;
    out->programme = sink->job->query.programme;
    push_outcome(sink->pool, out);
}

int mst_query_flush(struct mst_query *q, struct mst_err *err)
{
    struct sink *sink = q->sink;
    pthread_mutex_lock(&sink->pool->lock);
    bool stopping = sink->pool->stopping;
    pthread_mutex_unlock(&sink->pool->lock);
    return stopping ? mst_fail_on(err, MST_E_BUSY, q->action) : send_chunk(sink, err);
}

struct mst_buf *mst_query_row(struct mst_query *q)
{
    struct sink *sink = q->sink;
    sink->starts[sink->count] = sink->rows.len;
    return &sink->rows;
}

int mst_query_row_end(struct mst_query *q, struct mst_err *err)
{
    struct sink *sink = q->sink;
    if (sink->rows.failed)
        return mst_fail_on(err, MST_E_NOMEM, "rows");
    sink->starts[++sink->count] = sink->rows.len;
    sink->any = true;
    size_t last = sink->starts[sink->count - 1];
    if (sink->rows.len > sink->pool->chunk_bytes_max && last > 0) {
        /* Together they are too long for a message: those before go by themselves. */
        struct mst_buf row = {0};
        mst_buf_put(&row, sink->rows.data + last, sink->rows.len - last);
        sink->count--;
        int code = row.failed ? mst_fail_on(err, MST_E_NOMEM, "rows") : send_chunk(sink, err);
        mst_buf_put(&sink->rows, row.data, row.len);
        mst_buf_done(&row);
        sink->starts[++sink->count] = sink->rows.len;
        return code;
    }
    return sink->count < CHUNK_ROWS_MAX ? 0 : send_chunk(sink, err);
}

/* ---- the threads ---- */

static void run_job(struct lane *lane, struct job *job)
{
    struct sink sink = {.pool = lane->pool, .job = job};
    struct mst_err err;
    job->query.reader = lane->reader;
    job->query.sink = &sink;
    int code = job->fn(&job->query, &err);
    if (!code && !sink.any)
        code = mst_query_check_names(&job->query, &err);
    send_last(&sink, code, &err);
    mst_buf_done(&sink.rows);
}

static void free_job(struct job *job)
{
    mst_buf_done(&job->args);
    free(job->last);
    free(job->seen);
    free(job);
}

static void *serve(void *context)
{
    struct lane *lane = context;
    struct mst_query_pool *pool = lane->pool;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        struct job *job = lane->jobs_released > 0 ? lane->jobs : NULL;
        if (!job) {
            pthread_cond_wait(&lane->wake, &pool->lock);
            continue;
        }
        lane->jobs = job->next;
        if (!lane->jobs)
            lane->jobs_end = &lane->jobs;
        lane->jobs_count--;
        lane->jobs_released--;
        pthread_mutex_unlock(&pool->lock);
        run_job(lane, job);
        free_job(job);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static int lane_start(struct mst_store *store, struct lane *lane, struct mst_err *err)
{
    int code = mst_store_reader_open(store, &lane->reader, err);
    if (code)
        return code;
    if (pthread_create(&lane->thread, NULL, serve, lane) != 0)
        return mst_fail_on(err, MST_E_NOMEM, "thread");
    lane->started = true;
    return 0;
}

static void free_outcome(struct outcome *out)
{
    mst_programme_unref(out->programme);
    mst_buf_done(&out->frame);
    free(out);
}

static void drop_outcomes(struct outcome *out)
{
    for (struct outcome *next; out; out = next) {
        next = out->next;
        free_outcome(out);
    }
}

int mst_query_start(struct mst_broker *b, struct mst_err *err)
{
    struct mst_query_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return mst_fail_on(err, MST_E_NOMEM, "queries");
    pool->outcomes_end = &pool->outcomes;
    pool->chunk_bytes_max = (size_t)b->settings.BROKER_message_bytes_max / 2;
    if (pool->chunk_bytes_max > CHUNK_BYTES_MAX)
        pool->chunk_bytes_max = CHUNK_BYTES_MAX;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->room, NULL);
    for (size_t i = 0; i < LANES; i++) {
        pool->lanes[i].pool = pool;
        pool->lanes[i].jobs_end = &pool->lanes[i].jobs;
        pthread_cond_init(&pool->lanes[i].wake, NULL);
    }
    b->queries = pool;
    pool->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int code = pool->fd < 0 ? mst_fail_system(err, "eventfd", errno) : 0;
    for (size_t i = 0; !code && i < LANES; i++)
        code = lane_start(b->store, &pool->lanes[i], err);
    if (code)
        mst_query_stop(b);
    return code;
}

static void lane_stop(struct lane *lane)
{
    if (lane->started)
        pthread_join(lane->thread, NULL);
    for (struct job *job = lane->jobs, *next; job; job = next) {
        next = job->next;
        mst_programme_unref(job->query.programme);
        free_job(job);
    }
    mst_reader_close(lane->reader);
    pthread_cond_destroy(&lane->wake);
}

void mst_query_stop(struct mst_broker *b)
{
    struct mst_query_pool *pool = b->queries;
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    for (size_t i = 0; i < LANES; i++)
        pthread_cond_signal(&pool->lanes[i].wake);
    pthread_cond_broadcast(&pool->room);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < LANES; i++)
        lane_stop(&pool->lanes[i]);
    if (pool->fd >= 0) {
        mst_query_drain(b);
        close(pool->fd);
    }
    drop_outcomes(pool->sending);
    drop_outcomes(pool->outcomes);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->room);
    free(pool);
    b->queries = NULL;
}

int mst_query_fd(const struct mst_broker *b)
{
    return b->queries->fd;
}

/* False: the peer does not read yet what this pass, or this very outcome, would say. */
static bool send_outcome(struct mst_broker *b, struct outcome *out)
{
    uint64_t pass = b->queries->pass;
    struct mst_session *s = mst_session_by_id(b, out->session);
    if (!s || !s->welcome || out->frame.len == 0)
        return true;
    if (s->unread_pass == pass)
        return false; /* in order: what came before waits */
    if (out->code == MST_E_DENIED)
        mst_log(&b->log, 4, "denied", "principal=%s address=%s verb=query", s->principal,
                s->address);
    if (mst_session_offer(b, s, out->frame.data, out->frame.len)) {
        s->unread_boot_ms = 0;
        return true;
    }
    int64_t boot = mst_clock_boot();
    if (!s->unread_boot_ms)
        s->unread_boot_ms = boot;
    if (boot - s->unread_boot_ms < UNREAD_MS_MAX) {
        s->unread_pass = pass;
        return false;
    }
    s->unread_boot_ms = 0;
    mst_session_send(b, s, out->frame.data, out->frame.len);
    return true;
}

/* Those who do not read are passed over: they keep nobody else waiting, however many they are. */
void mst_query_drain(struct mst_broker *b)
{
    struct mst_query_pool *pool = b->queries;
    uint64_t count;
    ssize_t got = read(pool->fd, &count, sizeof count);
    (void)got; /* nothing there is fine: the list says what there is */
    struct outcome **at = &pool->sending;
    while (*at)
        at = &(*at)->next;
    /* What comes while these are sent waits for the next pass: others are served in between. */
    pthread_mutex_lock(&pool->lock);
    *at = pool->outcomes;
    pool->outcomes = NULL;
    pool->outcomes_end = &pool->outcomes;
    pthread_mutex_unlock(&pool->lock);
    pool->pass++;
    size_t sent = 0;
    for (at = &pool->sending; *at;) {
        struct outcome *out = *at;
        if (!send_outcome(b, out)) {
            at = &out->next;
            continue;
        }
        *at = out->next;
        free_outcome(out);
        sent++;
    }
    pthread_mutex_lock(&pool->lock);
    pool->outcomes_count -= sent;
    pthread_cond_broadcast(&pool->room);
    pthread_mutex_unlock(&pool->lock);
}

int64_t mst_query_wait_ms(const struct mst_broker *b)
{
    return b->queries->sending ? UNREAD_LOOK_MS : -1;
}

/* ---- posting, from the loop ---- */

/* Also of those who have not come back since the broker started. */
static int copy_seen(struct mst_broker *b, const struct mst_engine *engine, struct job *job,
                     struct mst_err *err)
{
    const struct mst_heard *heard = mst_engine_heard(engine);
    job->seen = calloc(heard->count + b->sessions_count + 1, sizeof *job->seen);
    if (!job->seen)
        return mst_fail_on(err, MST_E_NOMEM, "query");
    struct mst_contact_seen *next = job->seen;
    for (size_t i = 0; i < heard->count; i++, next++) {
        snprintf(next->unit, sizeof next->unit, "%s", heard->rows[i].unit);
        next->wall_ms = heard->rows[i].heard;
    }
    for (size_t i = 0; i < b->sessions_count; i++) {
        const struct mst_session *s = b->sessions[i];
        if (!s->unit[0] || strcmp(s->kind, "agent") != 0 || s->engine != engine)
            continue;
        snprintf(next->unit, sizeof next->unit, "%s", s->unit);
        next->wall_ms = s->last_seen_wall;
        next++->connected = mst_session_is_there(s);
    }
    job->query.seen = job->seen;
    job->query.seen_count = (size_t)(next - job->seen);
    job->query.wall_ms = mst_clock_wall();
    return 0;
}

static int equip(struct mst_broker *b, const struct mst_engine *engine, struct job *job,
                 struct mst_err *err)
{
    job->last = calloc(1, sizeof *job->last);
    job->query.rehearsal = b->rehearsal;
    job->query.list_near_rows = (uint64_t)b->settings.BROKER_list_near_rows;
    if (!job->last)
        return mst_fail_on(err, MST_E_NOMEM, "query");
    bool wanted =
        job->fn == mst_query_units || job->fn == mst_query_explain || job->fn == mst_query_outlook;
    return wanted ? copy_seen(b, engine, job, err) : 0;
}

/* One key's queries may wait in moderate numbers only, by however many connections they come. */
static bool is_crowded(struct lane *lane, const char *principal)
{
    size_t own = 0;
    pthread_mutex_lock(&lane->pool->lock);
    for (const struct job *job = lane->jobs; job; job = job->next)
        own += strcmp(job->principal, principal) == 0;
    bool crowded = lane->jobs_count >= QUEUE_MAX || own >= QUEUE_OWN_MAX;
    pthread_mutex_unlock(&lane->pool->lock);
    return crowded;
}

static int reply_status(struct mst_broker *b, struct mst_session *s, uint64_t request, mst_time now,
                        struct mst_err *err)
{
    const struct mst_programme *p = mst_engine_programme(s->engine);
    char now_text[MST_INSTANT_TEXT_MAX], next_text[MST_INSTANT_TEXT_MAX] = "", numbers[12][24],
                                         sign[2 * MST_SIGN_PUBLIC_BYTES + 1];
    mst_time next = mst_driver_next_due(b->driver);
    mst_zone_format(p->zone, now, now_text);
    if (next != MST_NEVER)
        mst_zone_format(p->zone, next, next_text);
    size_t sessions = 0;
    for (size_t i = 0; i < b->sessions_count; i++)
        sessions += mst_session_is_there(b->sessions[i]);
    struct mst_gate_counts gate = mst_gate_counts(b->gate);
    const uint64_t counts[] = {sessions,
                               mst_core_count(mst_engine_core(s->engine)),
                               mst_engine_last_row(s->engine),
                               mst_engine_last_alert(s->engine),
                               b->refused_peers,
                               gate.refused,
                               gate.cut,
                               mst_driver_epoch(b->driver),
                               mst_session_expiring_keys(b),
                               b->refused_rate,
                               mst_driver_conflicts(b->driver),
                               mst_driver_refused_quota(b->driver)};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        snprintf(numbers[i], sizeof numbers[i], "%" PRIu64, counts[i]);
    const char *const pairs[][2] = {
        {"software", "musterd " MUSTER_VERSION},
        {"programme", p->id},
        {"now", now_text},
        {"clock", mst_clock_state_word(&b->clock)},
        {"rehearsal", b->rehearsal ? "yes" : "no"},
        {"next", next_text},
        {"sessions", numbers[0]},
        {"obligations", numbers[1]},
        {"ledger_rows", numbers[2]},
        {"alerts", numbers[3]},
        {"refused_peers", numbers[4]},
        {"refused_handshakes", numbers[5]},
        {"cut_connections", numbers[6]},
        {"epoch", numbers[7]},
        {"keys_expiring", numbers[8]},
        {"refused_rate", numbers[9]},
        {"refused_conflicts", numbers[10]},
        {"refused_quota", numbers[11]},
        {"sign_key", sodium_bin2hex(sign, sizeof sign, b->keys.sign_public, MST_SIGN_PUBLIC_BYTES)},
    };
    return mst_session_reply_pairs(b, s, request, pairs, sizeof pairs / sizeof pairs[0], err);
}

static mst_query_fn find_query(const char *word, const char **ret_action, enum lane_kind *ret_lane)
{
    static const struct {
        const char *word, *action;
    } actions[] = {
#define COMMAND(name, word, where, action, columns, doc, example) {word, action},
#define ARG(command, name, kind, need, values, doc)
#define ENDCOMMAND(command)
#include "proto/admin.def"
#undef COMMAND
#undef ARG
#undef ENDCOMMAND
    };
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].word, word) == 0)
            *ret_action = actions[i].action;
    }
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        if (strcmp(queries[i].word, word) != 0)
            continue;
        *ret_lane = queries[i].lane;
        return queries[i].fn;
    }
    return NULL;
}

int mst_query_post(struct mst_broker *b, const struct mst_session *session,
                   const struct mst_msg_request *request, mst_time now, struct mst_err *err)
{
    struct mst_session *s = mst_session_by_id(b, session->id);
    char word[MST_ID_MAX];
    const char *action = "";
    mst_slice_copy(request->verb, word, sizeof word);
    enum lane_kind kind = LOOKS;
    mst_query_fn fn = find_query(word, &action, &kind);
    struct lane *lane = &b->queries->lanes[kind];
    struct mst_actor actor = mst_session_actor(s);
    struct mst_target none = {NULL, NULL};
    if (strcmp(word, "status") == 0) {
        if (mst_authz(mst_engine_programme(s->engine), &actor, action, &none))
            return reply_status(b, s, request->id, now, err);
        mst_session_reply(b, s, request->id, MST_E_DENIED, word, (struct mst_slices){NULL, 0});
        return 0;
    }
    struct job *job = fn ? calloc(1, sizeof *job) : NULL;
    if (!fn) {
        mst_session_reply(b, s, request->id, MST_E_UNKNOWN, word, (struct mst_slices){NULL, 0});
        return 0;
    }
    if (!job || is_crowded(lane, s->principal)) {
        free(job);
        mst_session_reply(b, s, request->id, MST_E_BUSY, "queries", (struct mst_slices){NULL, 0});
        return 0;
    }
    job->session = s->id;
    job->request = request->id;
    job->fn = fn;
    snprintf(job->principal, sizeof job->principal, "%s", s->principal);
    snprintf(job->unit, sizeof job->unit, "%s", s->unit);
    snprintf(job->action, sizeof job->action, "%s", action);
    mst_buf_put(&job->args, request->args.data, request->args.len);
    int code =
        job->args.failed ? mst_fail_on(err, MST_E_NOMEM, "query") : equip(b, s->engine, job, err);
    if (code) {
        free_job(job);
        return code;
    }
    job->query.programme = mst_programme_ref(mst_engine_programme(s->engine));
    job->query.pid = mst_engine_pid(s->engine);
    job->query.now = now;
    job->query.actor = actor;
    job->query.actor.principal = job->principal;
    job->query.actor.unit = job->unit[0] ? job->unit : NULL;
    job->query.action = job->action;
    job->query.keys = &b->keys;
    job->query.epoch = mst_driver_epoch(b->driver);
    job->query.args = mst_bytes(job->args.data, job->args.len);
    pthread_mutex_lock(&b->queries->lock);
    *lane->jobs_end = job;
    lane->jobs_end = &job->next;
    lane->jobs_count++;
    pthread_mutex_unlock(&b->queries->lock);
    b->queries->posted = true;
    return 0;
}

int mst_query_release(struct mst_broker *b, struct mst_err *err)
{
    struct mst_query_pool *pool = b->queries;
    if (!pool->posted)
        return 0;
    int code = mst_store_publish(b->store, err);
    if (code) /* without room or memory they wait for the next pass */
        return code == MST_E_FULL || code == MST_E_NOMEM ? 0 : code;
    pool->posted = false;
    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < LANES; i++) {
        struct lane *lane = &pool->lanes[i];
        if (lane->jobs_released < lane->jobs_count)
            pthread_cond_signal(&lane->wake);
        lane->jobs_released = lane->jobs_count;
    }
    pthread_mutex_unlock(&pool->lock);
    return 0;
}
