/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver over a store, for its suites: one programme, a unit that pushes, and a record of the
 * order in which the store committed and the driver answered and published. The store is a real
 * one whose table of functions was replaced, so that a put can be made to fail and a commit to be
 * seen.
 */
#ifndef MST_TESTS_UNIT_DRIVER_WORLD_H
#define MST_TESTS_UNIT_DRIVER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/driver/driver.h"
#include "broker/store/store_impl.h"
#include "config/load/load.h"
#include "proto/pack.h"

#define SMALL "tests/sim/scenarios/programmes/small.yaml"
#define EXAMPLE "config/example/programme.yaml"
#define SESSION 7
#define FRAMES_MAX 64
#define HELPERS 2
#define KEY_LIFE_MS ((mst_time)1000 * 86400 * 1000)

struct world {
    const uint8_t *verifier; /* the key that pushes are verified by before they are served; NULL:
                                they are not */
    bool helped;             /* other threads sign receipts */
    size_t helpers_count;
    pthread_t helpers[HELPERS];
    struct mst_store *store;
    struct mst_driver *driver;
    struct mst_programme *programme;
    struct mst_engine *engine;
    struct mst_keys keys;
    char dir[64];      /* of a SQLite store; empty: in memory */
    char order[256];   /* c: commit begun, C: it is done, a: answer, p: published */
    char logged[2048]; /* events and texts, one a line */
    struct mst_buf frames[FRAMES_MAX];
    uint64_t sessions[FRAMES_MAX];
    size_t frames_count;
    uint64_t alert_last;
    mst_time now;
    int puts_left;            /* before one fails with MST_E_FULL; -1: none does */
    int64_t growth_bytes_day; /* of the next start; 0: no limit */
    struct mst_msg_scratch scratch;
};

/* One unit's outbox, as an agent keeps it. */
struct peer {
    const char *unit;
    uint8_t outbox[MST_OUTBOX_BYTES];
    uint8_t sign_public[MST_SIGN_PUBLIC_BYTES], sign_secret[MST_SIGN_SECRET_BYTES];
    uint64_t last;
    uint8_t head[MST_HASH_BYTES];
};

/* One run: its reports and what signs it. */
struct run {
    struct mst_buf reports[4];
    struct mst_slice items[4];
    size_t count;
    uint64_t first;
    uint8_t prev[MST_HASH_BYTES], sig[MST_SIGN_BYTES];
};

/* The world that the replaced functions serve: a suite has one at a time. */
static struct world *of_store;
static struct mst_store_ops replaced;
static const struct mst_store_ops *original;

static inline void note(struct world *w, char what)
{
    size_t n = strlen(w->order);
    assert_true(n + 1 < sizeof w->order);
    w->order[n] = what;
    w->order[n + 1] = '\0';
}

static inline int put_or_fail(struct mst_store *s, const struct mst_put *put, struct mst_err *err)
{
    if (of_store->puts_left == 0)
        return mst_fail_on(err, MST_E_FULL, "the disk");
    if (of_store->puts_left > 0)
        of_store->puts_left--;
    return original->put(s, put, err);
}

static inline void noted_commit(struct mst_store *s)
{
    note(of_store, 'c');
    original->commit(s);
}

static inline void on_answer(void *context, uint64_t session, const struct mst_buf *frame,
                             bool ends)
{
    struct world *w = context;
    (void)ends;
    note(w, w->store->state == MST_STORE_IDLE ? 'a' : 'A');
    assert_true(w->frames_count < FRAMES_MAX);
    mst_buf_put(&w->frames[w->frames_count], frame->data, frame->len);
    w->sessions[w->frames_count++] = session;
}

static inline void on_alert(void *context, struct mst_engine *engine,
                            const struct mst_stored_alert *alert)
{
    struct world *w = context;
    (void)engine;
    note(w, 'p');
    assert_int_equal(alert->number, w->alert_last + 1);
    w->alert_last = alert->number;
}

static inline void on_log(void *context, int level, const char *event, const char *text)
{
    struct world *w = context;
    size_t n = strlen(w->logged);
    (void)level;
    snprintf(w->logged + n, sizeof w->logged - n, "%s %s\n", event, text);
}

static inline struct mst_programme *load_programme(const char *path)
{
    char whole[512];
    struct mst_programme *programme = NULL;
    struct mst_diags diags = {0};
    struct mst_err err;
    snprintf(whole, sizeof whole, "%s/%s", MUSTER_SOURCE_DIR, path);
    int code = mst_programme_load(whole, &diags, &programme, &err);
    if (code)
        mst_diags_print(&diags, stderr);
    mst_diags_done(&diags);
    assert_int_equal(code, 0);
    return programme;
}

static inline mst_time instant(const struct world *w, const char *text)
{
    mst_time at;
    struct mst_err err;
    assert_int_equal(mst_zone_parse(w->programme->zone, text, &at, &err), 0);
    return at;
}

static inline void *help(void *context)
{
    struct world *w = context;
    while (mst_driver_sign(w->driver))
        ;
    return NULL;
}

static inline void on_sign(void *context)
{
    struct world *w = context;
    for (; w->helped && w->helpers_count < HELPERS; w->helpers_count++)
        assert_int_equal(pthread_create(&w->helpers[w->helpers_count], NULL, help, w), 0);
}

static inline void commit(struct world *w)
{
    struct mst_err err;
    struct mst_clock_mark mark = {.evaluated_ms = w->now, .set = true};
    assert_int_equal(mst_driver_commit(w->driver, &mark, w->now, &err), 0);
    while (w->helpers_count > 0)
        pthread_join(w->helpers[--w->helpers_count], NULL);
}

static inline void forget_answers(struct world *w)
{
    for (size_t i = 0; i < w->frames_count; i++)
        mst_buf_clear(&w->frames[i]);
    w->frames_count = 0;
    w->order[0] = w->logged[0] = '\0';
}

/* Open the store and start a driver over what is in it. */
static inline void start(struct world *w, mst_time down_from)
{
    struct mst_err err;
    struct mst_store_options options = {
        .path = w->dir, .page_bytes = 4096, .wal_bytes_max = 1 << 20};
    if (!w->store) {
        int code = w->dir[0] ? mst_store_sqlite_open(&options, &w->store, &err)
                             : mst_store_mem_open(&options, &w->store, &err);
        assert_int_equal(code, 0);
        original = w->store->ops;
        replaced = *original;
        replaced.put = put_or_fail;
        replaced.commit = noted_commit;
        w->store->ops = &replaced;
        of_store = w;
        w->puts_left = -1;
    }
    struct mst_driver_options driver = {.store = w->store,
                                        .keys = &w->keys,
                                        .key_life_ms = KEY_LIFE_MS,
                                        .growth_bytes_day = w->growth_bytes_day};
    struct mst_driver_callbacks callbacks = {
        .context = w, .answer = on_answer, .alert = on_alert, .sign = on_sign, .log = on_log};
    assert_int_equal(mst_driver_new(&driver, &callbacks, &w->driver, &err), 0);
    assert_int_equal(mst_driver_add(w->driver, w->programme, &err), 0);
    w->engine = mst_driver_engine(w->driver, 0);
    w->alert_last = mst_engine_last_alert(w->engine);
    assert_int_equal(mst_driver_start(w->driver, down_from, w->now, &err), 0);
    commit(w);
    forget_answers(w);
}

static inline void stop(struct world *w)
{
    mst_driver_free(w->driver);
    w->driver = NULL;
    if (w->dir[0]) {
        mst_store_close(w->store);
        w->store = NULL;
    }
}

static inline int world_up(void **state, bool on_disk)
{
    struct world *w = calloc(1, sizeof *w);
    struct mst_err err;
    if (!w || sodium_init() < 0 || mst_keys_make(&w->keys, &err))
        return -1;
    if (on_disk) {
        snprintf(w->dir, sizeof w->dir, "/tmp/driver-XXXXXX");
        if (!mkdtemp(w->dir))
            return -1;
    }
    w->programme = load_programme(SMALL);
    w->now = instant(w, "2026-02-02T08:00:00");
    start(w, 0);
    *state = w;
    return 0;
}

static inline int setup(void **state)
{
    return world_up(state, false);
}

static inline int setup_on_disk(void **state)
{
    return world_up(state, true);
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    mst_driver_free(w->driver);
    mst_store_close(w->store);
    mst_programme_unref(w->programme);
    for (size_t i = 0; i < FRAMES_MAX; i++)
        mst_buf_done(&w->frames[i]);
    if (w->dir[0]) {
        char line[128];
        snprintf(line, sizeof line, "rm -rf %s", w->dir);
        if (system(line) != 0)
            return -1;
    }
    unsetenv("MUSTER_MUTANT");
    free(w);
    return 0;
}

/* ---- the unit's side ---- */

static inline struct peer peer_of(const struct world *w, const char *unit, uint8_t outbox)
{
    struct peer p = {.unit = unit};
    memset(p.outbox, outbox, sizeof p.outbox);
    crypto_sign_keypair(p.sign_public, p.sign_secret);
    mst_chain_genesis(p.outbox, w->programme->id, unit, p.head);
    return p;
}

static inline struct mst_caller caller_of(const struct peer *p)
{
    static char principal[80];
    snprintf(principal, sizeof principal, "unit:%s", p->unit);
    return (struct mst_caller){
        .session = SESSION,
        .actor = {.principal = principal, .roles = MST_ROLE_UNIT, .unit = p->unit},
        .sign_key = p->sign_public,
        .address = "192.0.2.1"};
}

static inline void add_bytes(struct run *r, const void *data, size_t len)
{
    mst_buf_put(&r->reports[r->count], data, len);
    r->items[r->count] = mst_bytes(r->reports[r->count].data, len);
    r->count++;
}

/* A submission of unit's, for a week of the programme "small". */
static inline void add_report(struct run *r, const char *unit, const char *period, const char *text)
{
    struct mst_buf b = {0};
    mst_pack_map(&b, 6);
    mst_pack_text(&b, "act");
    mst_pack_text(&b, "submit");
    mst_pack_text(&b, "unit");
    mst_pack_text(&b, unit);
    mst_pack_text(&b, "at");
    mst_pack_uint(&b, 1);
    mst_pack_text(&b, "duty");
    mst_pack_text(&b, "weekly");
    mst_pack_text(&b, "period");
    mst_pack_text(&b, period);
    mst_pack_text(&b, "body");
    mst_pack_map(&b, 1);
    mst_pack_text(&b, "text");
    mst_pack_text(&b, text);
    add_bytes(r, b.data, b.len);
    mst_buf_done(&b);
}

/* Chain and sign the run behind what the peer has; the peer's own place moves on. */
static inline void seal(struct peer *p, struct run *r)
{
    r->first = p->last + 1;
    memcpy(r->prev, p->head, sizeof r->prev);
    for (size_t i = 0; i < r->count; i++)
        mst_chain_next(p->head, ++p->last, r->items[i], p->head);
    mst_run_sign(p->sign_secret, p->outbox, p->last, p->head, r->sig);
}

static inline int push(struct world *w, const struct peer *p, const struct run *r,
                       struct mst_err *err)
{
    struct mst_caller caller = caller_of(p);
    struct mst_msg_push m = {.outbox = mst_bytes(p->outbox, sizeof p->outbox),
                             .first = r->first,
                             .prev = mst_bytes(r->prev, sizeof r->prev),
                             .reports = {r->items, r->count},
                             .alg = mst_text(MST_ALG_ED25519_BLAKE2B),
                             .sig = mst_bytes(r->sig, sizeof r->sig)};
    struct mst_msg_report room[2]; /* fewer than a run may have */
    struct mst_verified verified;
    if (w->verifier) {
        mst_driver_verify(w->verifier, &m, room, 2, &verified);
        caller.verified = &verified;
    }
    return mst_driver_push(w->driver, w->engine, &caller, &m, w->now, err);
}

static inline void pushed(struct world *w, const struct peer *p, const struct run *r)
{
    struct mst_err err;
    assert_int_equal(push(w, p, r, &err), 0);
}

static inline void run_done(struct run *r)
{
    for (size_t i = 0; i < 4; i++)
        mst_buf_done(&r->reports[i]);
}

/* ---- what came of it ---- */

static inline struct mst_msg heard(struct world *w, size_t index, enum mst_msg_type type)
{
    struct mst_msg msg;
    struct mst_err err;
    assert_true(index < w->frames_count);
    w->scratch.used = 0;
    assert_int_equal(mst_msg_decode(w->frames[index].data, w->frames[index].len, MST_DOWN,
                                    &w->scratch, &msg, &err),
                     0);
    assert_string_equal(mst_msg_word(msg.type), mst_msg_word(type));
    return msg;
}

/* The receipt, which the broker's key has signed. */
static inline struct mst_msg_receipt receipt(struct world *w, size_t index)
{
    struct mst_msg msg = heard(w, index, MST_MSG_receipt);
    struct mst_err err;
    assert_int_equal(
        mst_receipt_verify(w->keys.sign_public, w->programme->id, &msg.u.receipt, &err), 0);
    return msg.u.receipt;
}

static inline void heard_error(struct world *w, size_t index, enum mst_code code)
{
    struct mst_msg msg = heard(w, index, MST_MSG_error);
    assert_true(mst_slice_is(msg.u.error.code, mst_code_word((int)code)));
}

struct row_count {
    uint8_t kind;
    size_t count;
    struct mst_buf last; /* bytes of the last one */
};

static inline int count_row(void *context, const struct mst_row *row)
{
    struct row_count *c = context;
    if (row->kind == c->kind) {
        c->count++;
        mst_buf_clear(&c->last);
        mst_buf_put(&c->last, row->bytes.data, row->bytes.len);
    }
    return 0;
}

/* How many rows of a kind the ledger has; the last one's act must be `act`, if one is given. */
static inline size_t rows_of(struct world *w, enum mst_row_kind kind, const char *act)
{
    struct row_count c = {.kind = (uint8_t)kind};
    struct mst_err err;
    assert_int_equal(mst_reader_rows(mst_store_own_reader(w->store), mst_engine_pid(w->engine), 1,
                                     count_row, &c, &err),
                     0);
    if (act)
        assert_true(mst_slice_is(mst_unpack_text(mst_bytes(c.last.data, c.last.len), "act"), act));
    mst_buf_done(&c.last);
    return c.count;
}

static inline const struct mst_obligation *week(const struct world *w, const char *id)
{
    const struct mst_obligation *o = mst_core_find(mst_engine_core(w->engine), id);
    assert_non_null(o);
    return o;
}

#endif
