/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's hot path, and nothing else, for guard.py to count its instructions: frames of pushes
 * go through the decoder and the driver into a store and come back as receipts, without a socket,
 * a clock or randomness. TOTAL pushes are made, PUSHES of them taken, so that two runs differ by
 * what taking costs.
 *
 *   bench_guard versions            what the numbers depend on, as JSON
 *   bench_guard run effects PUSHES TOTAL       into the memory store: bytes to effects
 *   bench_guard run disk PUSHES TOTAL          into SQLite: bytes to the disk
 */
#include <gnu/libc-version.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/driver/driver.h"
#include "config/load/load.h"
#include "proto/pack.h"

#define REPORTS 64 /* in a push */
#define BODY_BYTES 512
#define PUSHES_A_COMMIT 4
#define PROGRAMME MUSTER_SOURCE_DIR "/tests/sim/scenarios/programmes/small.yaml"
#define UNIT "alpha"
#define NOW "2026-02-02T08:00:00"

/* A broken guard must not look like a fast one. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "bench_guard:%d: %s failed\n", __LINE__, #condition);                  \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct guard {
    struct mst_store *store;
    struct mst_driver *driver;
    struct mst_programme *programme;
    struct mst_keys keys, unit_keys;
    mst_time now;
    char dir[64];
    size_t receipts;
    struct mst_buf *frames;
    struct mst_msg_scratch scratch;
};

/* ---- the unit's side ---- */

static void fixed_keys(struct mst_keys *keys, uint8_t seed)
{
    uint8_t bytes[crypto_sign_SEEDBYTES];
    memset(bytes, seed, sizeof bytes);
    crypto_sign_seed_keypair(keys->sign_public, keys->sign_secret, bytes);
    memset(keys->channel_public, seed, sizeof keys->channel_public);
}

static void make_report(mst_time at, struct mst_buf *out)
{
    char text[BODY_BYTES + 1];
    memset(text, 'x', BODY_BYTES);
    text[BODY_BYTES] = '\0';
    struct mst_buf body = {0};
    mst_pack_map(&body, 1);
    mst_pack_text(&body, "progress");
    mst_pack_text(&body, text);
    struct mst_msg msg = {.type = MST_MSG_report};
    msg.u.report.act = mst_text("progress");
    msg.u.report.unit = mst_text(UNIT);
    msg.u.report.at = (uint64_t)at;
    msg.u.report.duty = mst_text("weekly");
    msg.u.report.period = mst_text("2026W06");
    msg.u.report.body = mst_bytes(body.data, body.len);
    CHECK(mst_msg_encode(&msg, out, NULL) == 0);
    mst_buf_done(&body);
}

static void make_frames(struct guard *g, size_t count)
{
    uint8_t outbox[MST_OUTBOX_BYTES] = {1}, head[MST_HASH_BYTES], prev[MST_HASH_BYTES];
    uint8_t sig[MST_SIGN_BYTES];
    struct mst_buf report = {0};
    struct mst_slice items[REPORTS];
    make_report(g->now, &report);
    mst_chain_genesis(outbox, g->programme->id, UNIT, head);
    g->frames = calloc(count, sizeof *g->frames);
    CHECK(g->frames);
    for (size_t i = 0; i < count; i++) {
        memcpy(prev, head, sizeof prev);
        for (size_t k = 0; k < REPORTS; k++) {
            items[k] = mst_bytes(report.data, report.len);
            mst_chain_next(head, i * REPORTS + k + 1, items[k], head);
        }
        mst_run_sign(g->unit_keys.sign_secret, outbox, (i + 1) * REPORTS, head, sig);
        struct mst_msg msg = {.type = MST_MSG_push};
        msg.u.push.outbox = mst_bytes(outbox, sizeof outbox);
        msg.u.push.first = i * REPORTS + 1;
        msg.u.push.prev = mst_bytes(prev, sizeof prev);
        msg.u.push.reports = (struct mst_slices){items, REPORTS};
        msg.u.push.alg = mst_text(MST_ALG_ED25519_BLAKE2B);
        msg.u.push.sig = mst_bytes(sig, sizeof sig);
        CHECK(mst_msg_encode(&msg, &g->frames[i], NULL) == 0);
    }
    mst_buf_done(&report);
}

/* ---- the broker's side ---- */

static void on_answer(void *context, uint64_t session, const struct mst_buf *frame, bool ends)
{
    struct guard *g = context;
    (void)session;
    (void)frame;
    CHECK(!ends);
    g->receipts++;
}

static void on_alert(void *context, struct mst_engine *engine, const struct mst_stored_alert *alert)
{
    (void)context;
    (void)engine;
    (void)alert;
}

static void on_log(void *context, int level, const char *event, const char *text)
{
    (void)context;
    if (level < 6)
        fprintf(stderr, "bench_guard: %s %s\n", event, text);
}

static void commit(struct guard *g)
{
    const struct mst_clock_mark mark = {.evaluated_ms = g->now, .set = true};
    CHECK(mst_driver_commit(g->driver, &mark, g->now, NULL) == 0);
}

static void start(struct guard *g, bool on_disk)
{
    struct mst_diags diags = {0};
    struct mst_store_options options = {.path = g->dir,
                                        .page_bytes = 8192,
                                        .wal_bytes_max = 64 << 20,
                                        .bulk_bytes = 32 << 10,
                                        .bulk_file_bytes_max = 1 << 30};
    CHECK(mst_programme_load(PROGRAMME, &diags, &g->programme, NULL) == 0);
    mst_diags_done(&diags);
    CHECK(mst_zone_parse(g->programme->zone, NOW, &g->now, NULL) == 0);
    fixed_keys(&g->keys, 1);
    fixed_keys(&g->unit_keys, 2);
    strcpy(g->dir, "/tmp/bench-guard-XXXXXX");
    CHECK(mkdtemp(g->dir));
    CHECK((on_disk ? mst_store_sqlite_open(&options, &g->store, NULL)
                   : mst_store_mem_open(&options, &g->store, NULL)) == 0);
    const struct mst_driver_options driver = {.store = g->store, .keys = &g->keys};
    const struct mst_driver_callbacks callbacks = {
        .context = g, .answer = on_answer, .alert = on_alert, .log = on_log};
    CHECK(mst_driver_new(&driver, &callbacks, &g->driver, NULL) == 0);
    CHECK(mst_driver_add(g->driver, g->programme, NULL) == 0);
    CHECK(mst_driver_start(g->driver, 0, g->now, NULL) == 0);
    commit(g);
}

static void stop(struct guard *g, size_t frames)
{
    char command[sizeof g->dir + 16];
    mst_driver_free(g->driver);
    mst_store_close(g->store);
    mst_programme_unref(g->programme);
    for (size_t i = 0; i < frames; i++)
        mst_buf_done(&g->frames[i]);
    free(g->frames);
    snprintf(command, sizeof command, "rm -rf %s", g->dir);
    CHECK(system(command) == 0);
}

/* What is counted. */
static void take(struct guard *g, const struct mst_buf *frame)
{
    struct mst_msg msg;
    const struct mst_caller caller = {
        .session = 1,
        .actor = {.principal = "unit:" UNIT, .roles = MST_ROLE_UNIT, .unit = UNIT},
        .sign_key = g->unit_keys.sign_public,
        .address = "192.0.2.1"};
    g->scratch.used = 0;
    CHECK(mst_msg_decode(frame->data, frame->len, MST_UP, &g->scratch, &msg, NULL) == 0);
    CHECK(msg.type == MST_MSG_push);
    CHECK(mst_driver_push(g->driver, mst_driver_engine(g->driver, 0), &caller, &msg.u.push, g->now,
                          NULL) == 0);
}

static void run(bool on_disk, size_t pushes, size_t total)
{
    struct guard *g = calloc(1, sizeof *g);
    CHECK(g && pushes <= total);
    start(g, on_disk);
    make_frames(g, total);
    for (size_t i = 0; i < pushes; i++) {
        take(g, &g->frames[i]);
        if ((i + 1) % PUSHES_A_COMMIT == 0 || i + 1 == pushes)
            commit(g);
    }
    CHECK(g->receipts == pushes);
    stop(g, total);
    free(g);
    printf("{\"reports\":%zu}\n", pushes * REPORTS);
}

/* ---- what the numbers depend on ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED "yes"
#else
#define SANITIZED "no"
#endif
#ifdef __OPTIMIZE__
#define OPTIMISED "yes"
#else
#define OPTIMISED "no"
#endif
#ifdef MUSTER_TESTING
#define TESTING "yes"
#else
#define TESTING "no"
#endif

static void versions(void)
{
    printf("{\"compiler\":\"%s\",\"optimised\":\"" OPTIMISED "\",\"sanitized\":\"" SANITIZED
           "\",\"testing\":\"" TESTING "\",\"libc\":\"%s\",\"libsodium\":\"%s\",\"sqlite\":\"%s\","
           "\"avx2\":\"%s\"}\n",
           __VERSION__, gnu_get_libc_version(), sodium_version_string(), sqlite3_libversion(),
           __builtin_cpu_supports("avx2") ? "yes" : "no");
}

int main(int argc, char **argv)
{
    CHECK(sodium_init() >= 0);
    if (argc == 2 && strcmp(argv[1], "versions") == 0) {
        versions();
        return 0;
    }
    bool on_disk = argc == 5 && strcmp(argv[2], "disk") == 0;
    if (argc != 5 || strcmp(argv[1], "run") != 0 || (!on_disk && strcmp(argv[2], "effects") != 0)) {
        fputs("usage: bench_guard versions\n"
              "       bench_guard run effects|disk PUSHES TOTAL\n",
              stderr);
        return 2;
    }
    run(on_disk, (size_t)atoi(argv[3]), (size_t)atoi(argv[4]));
    return 0;
}
