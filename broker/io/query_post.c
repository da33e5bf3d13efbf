/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries on their way from the loop to the threads: which there are, who may ask for how many at a
 * time, and what of the loop's own is copied for them. The status alone is answered here, since it
 * is only counts of the loop's.
 */
#include "broker/io/query_impl.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/driver/heard.h"

/* Queries that may wait; beyond it the asker is told to come again. */
#define QUEUE_MAX 256
#define QUEUE_OWN_MAX 32

static const struct {
    const char *word;
    mst_query_fn fn;
    enum mst_query_lane_kind lane;
} queries[] = {
    {"obligations", mst_query_obligations, MST_QUERY_LOOKS},
    {"show", mst_query_show, MST_QUERY_LOOKS},
    {"units", mst_query_units, MST_QUERY_LOOKS},
    {"brief", mst_query_brief, MST_QUERY_LOOKS},
    {"reports", mst_query_reports, MST_QUERY_LOOKS},
    {"report", mst_query_report, MST_QUERY_LOOKS},
    {"contents", mst_query_contents, MST_QUERY_LOOKS},
    {"figures", mst_query_figures, MST_QUERY_WORK},
    {"alerts", mst_query_alerts, MST_QUERY_LOOKS},
    {"explain", mst_query_explain, MST_QUERY_LOOKS},
    {"export", mst_query_export, MST_QUERY_LOOKS},
    {"rights", mst_query_rights, MST_QUERY_LOOKS},
    {"ledger", mst_query_ledger, MST_QUERY_WORK},
    {"keys", mst_query_keys, MST_QUERY_LOOKS},
    {"replay", mst_query_replay, MST_QUERY_WORK},
    {"calendar", mst_query_calendar, MST_QUERY_LOOKS},
    {"programme", mst_query_programme, MST_QUERY_LOOKS},
    {"assess", mst_query_assess, MST_QUERY_WORK},
    {"tasks", mst_query_tasks, MST_QUERY_LOOKS},
    {"versions", mst_query_versions, MST_QUERY_LOOKS},
    {"issued", mst_query_issued, MST_QUERY_LOOKS},
    {"outlook", mst_query_outlook, MST_QUERY_WORK},
    {"grants", mst_query_grants, MST_QUERY_LOOKS},
    {"difficulties", mst_query_difficulties, MST_QUERY_LOOKS},
    {"projects", mst_query_projects, MST_QUERY_LOOKS},
    {"try", mst_query_try, MST_QUERY_LOOKS},
};

/* ---- what a query is given ---- */

/* Also of those who have not come back since the broker started. */
static int copy_seen(struct mst_broker *b, const struct mst_engine *engine,
                     struct mst_query_job *job, struct mst_err *err)
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

static int equip(struct mst_broker *b, const struct mst_engine *engine, struct mst_query_job *job,
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
static bool is_crowded(struct mst_query_lane *lane, const char *principal)
{
    size_t own = 0;
    pthread_mutex_lock(&lane->pool->lock);
    for (const struct mst_query_job *job = lane->jobs; job; job = job->next)
        own += strcmp(job->principal, principal) == 0;
    bool crowded = lane->jobs_count >= QUEUE_MAX || own >= QUEUE_OWN_MAX;
    pthread_mutex_unlock(&lane->pool->lock);
    return crowded;
}

/* ---- the status ---- */

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

/* ---- posting ---- */

static mst_query_fn find_query(const char *word, const char **ret_action,
                               enum mst_query_lane_kind *ret_lane)
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
    enum mst_query_lane_kind kind = MST_QUERY_LOOKS;
    mst_query_fn fn = find_query(word, &action, &kind);
    struct mst_query_lane *lane = &b->queries->lanes[kind];
    struct mst_actor actor = mst_session_actor(s);
    struct mst_target none = {NULL, NULL};
    if (strcmp(word, "status") == 0) {
        if (mst_authz(mst_engine_programme(s->engine), &actor, action, &none))
            return reply_status(b, s, request->id, now, err);
        mst_session_reply(b, s, request->id, MST_E_DENIED, word, (struct mst_slices){NULL, 0});
        return 0;
    }
    struct mst_query_job *job = fn ? calloc(1, sizeof *job) : NULL;
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
        mst_query_free_job(job);
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
    for (size_t i = 0; i < MST_QUERY_LANES; i++) {
        struct mst_query_lane *lane = &pool->lanes[i];
        if (lane->jobs_released < lane->jobs_count)
            pthread_cond_signal(&lane->wake);
        lane->jobs_released = lane->jobs_count;
    }
    pthread_mutex_unlock(&pool->lock);
    return 0;
}
