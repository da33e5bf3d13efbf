/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine allows, measured in the same run as the broker, so that a ratio means something
 * on any machine: raw SQLite inserts, append + fdatasync, a CURVE echo without a broker, and one
 * signature and verification. Of Muster it takes the settings of the store's own connection and
 * nothing else: a yardstick must not change with what it measures, but it must be ruled by the same
 * page size and pragmas. Prints one JSON line; makes its files in the given directory and removes
 * them.
 */
#include <czmq.h>
#include <fcntl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/store/store.h"
#include "config/load/settings.h"

#define PRODUCERS_MAX 64
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "bench_yardstick:%d: %s failed\n", __LINE__, #condition);              \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void result(const char *name, double count, double seconds)
{
    printf("{\"name\":\"%s\",\"per_s\":%.1f,\"us\":%.3f}\n", name, count / seconds,
           seconds / count * 1e6);
}

/* ---- disk ---- */

static void sql(sqlite3 *db, const char *text)
{
    CHECK(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK);
}

/* ---- the store's settings ---- */

/* What SQLite keeps for a connection, as the store has set it. */
static const char *const pragmas[] = {"page_size",       "synchronous", "cache_size",
                                      "cell_size_check", "temp_store",  "journal_size_limit",
                                      "trusted_schema",  "mmap_size"};
#define PRAGMAS (sizeof pragmas / sizeof pragmas[0])

static sqlite3 *store_db; /* the connection that the store has opened last */

static int see_connection(sqlite3 *db, const char **error, const struct sqlite3_api_routines *api)
{
    (void)error;
    (void)api;
    store_db = db;
    return SQLITE_OK;
}

static long long pragma_of(sqlite3 *db, const char *name)
{
    char text[64];
    sqlite3_stmt *stmt;
    long long value = -1;
    snprintf(text, sizeof text, "PRAGMA %s", name);
    CHECK(sqlite3_prepare_v2(db, text, -1, &stmt, NULL) == SQLITE_OK);
    if (sqlite3_step(stmt) == SQLITE_ROW) /* a pragma that this library lacks has no row */
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

/* Open a store as the broker does by default, and ask its connection instead of keeping a copy of
 * its settings here. */
static void ask_store(const char *dir, char *ret_sql, size_t size, long long *ret_log_pages)
{
    char path[4096], command[sizeof path + 16];
    struct mst_settings settings;
    struct mst_store *store;
    CHECK(mst_settings_init(&settings, NULL) == 0);
    snprintf(path, sizeof path, "%s/yardstick-store", dir);
    const struct mst_store_options options = {.path = path,
                                              .page_bytes = (int)settings.BROKER_page_bytes,
                                              .wal_bytes_max = settings.BROKER_wal_bytes_max};
    CHECK(sqlite3_auto_extension((void (*)(void))see_connection) == SQLITE_OK);
    CHECK(mst_store_sqlite_open(&options, &store, NULL) == 0 && store_db);
    sqlite3_reset_auto_extension();
    size_t used = 0;
    for (size_t i = 0; i < PRAGMAS; i++) {
        long long value = pragma_of(store_db, pragmas[i]);
        if (value >= 0 || strcmp(pragmas[i], "cache_size") == 0)
            used += (size_t)snprintf(ret_sql + used, size - used, "PRAGMA %s = %lld;", pragmas[i],
                                     value);
        CHECK(used < size);
    }
    /* The store asks for less where its own file of reports is what it syncs. */
    used += (size_t)snprintf(ret_sql + used, size - used, "PRAGMA synchronous = FULL;");
    CHECK(used < size);
    *ret_log_pages = settings.BROKER_wal_bytes_max / pragma_of(store_db, "page_size");
    mst_store_close(store);
    mst_settings_done(&settings);
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    CHECK(system(command) == 0);
}

/*
 * Rows of the broker's size, without a UNIQUE index; the log is moved into the database when it has
 * reached the broker's limit, as a busy broker does.
 */
static void yard_sqlite(const char *dir, double seconds, int rows, int row_bytes)
{
    char path[4096], settings[1024], log[96];
    long long log_pages;
    ask_store(dir, settings, sizeof settings, &log_pages);
    snprintf(log, sizeof log, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = %lld",
             log_pages);
    snprintf(path, sizeof path, "%s/yardstick.db", dir);
    unlink(path);
    sqlite3 *db;
    sqlite3_stmt *insert;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    sql(db, settings);
    sql(db, log);
    sql(db,
        "CREATE TABLE ledger(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind INTEGER NOT NULL,"
        " bytes BLOB NOT NULL) STRICT");
    CHECK(sqlite3_prepare_v2(db, "INSERT INTO ledger(at, kind, bytes) VALUES(?, 1, ?)", -1, &insert,
                             NULL) == SQLITE_OK);
    unsigned char *body = malloc((size_t)row_bytes);
    CHECK(body);
    randombytes_buf(body, (size_t)row_bytes);
    double began = now_s(), done = 0;
    while (now_s() - began < seconds) {
        sql(db, "BEGIN");
        for (int i = 0; i < rows; i++) {
            sqlite3_bind_int64(insert, 1, 1700000000000 + i);
            sqlite3_bind_blob(insert, 2, body, row_bytes, SQLITE_STATIC);
            CHECK(sqlite3_step(insert) == SQLITE_DONE);
            sqlite3_reset(insert);
        }
        sql(db, "COMMIT");
        done += rows;
    }
    result("sqlite", done, now_s() - began);
    sqlite3_finalize(insert);
    sqlite3_close(db);
    unlink(path);
    free(body);
}

static void yard_append(const char *dir, double seconds, int row_bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/yardstick.log", dir);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    unsigned char *body = calloc(1, (size_t)row_bytes);
    CHECK(fd >= 0 && body);
    double began = now_s(), done = 0;
    for (; now_s() - began < seconds; done++) {
        CHECK(write(fd, body, (size_t)row_bytes) == row_bytes);
        CHECK(fdatasync(fd) == 0);
    }
    result("append", done, now_s() - began);
    close(fd);
    unlink(path);
    free(body);
}

/* ---- signatures ---- */

static void yard_sign(double seconds, bool verify)
{
    unsigned char public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    unsigned char sig[crypto_sign_BYTES], text[68] = {0};
    crypto_sign_keypair(public, secret);
    crypto_sign_detached(sig, NULL, text, sizeof text, secret);
    double began = now_s(), done = 0;
    for (; now_s() - began < seconds; done++) {
        if (verify) {
            CHECK(crypto_sign_verify_detached(sig, text, sizeof text, public) == 0);
        } else {
            text[0]++;
            crypto_sign_detached(sig, NULL, text, sizeof text, secret);
        }
    }
    result(verify ? "verify" : "sign", done, now_s() - began);
}

/* ---- CURVE echo ---- */

struct echo {
    zsock_t *router;
    zcert_t *server;
    int producers, outstanding, bytes;
    double seconds;
};

/* Sends every frame back to where it came from until it is told to end. The frames are libzmq's
 * own: what is measured is the library, not a wrapping of it. */
static void serve(zsock_t *pipe, void *argument)
{
    struct echo *e = argument;
    void *router = zsock_resolve(e->router);
    zpoller_t *poller = zpoller_new(pipe, e->router, NULL);
    CHECK(poller && zsock_signal(pipe, 0) == 0);
    while (zpoller_wait(poller, -1) == e->router) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        while (zmq_msg_recv(&frame, router, ZMQ_DONTWAIT) >= 0) {
            int more = zmq_msg_more(&frame);
            CHECK(zmq_msg_send(&frame, router, more ? ZMQ_SNDMORE : 0) >= 0);
        }
        zmq_msg_close(&frame);
    }
    zpoller_destroy(&poller);
}

static zsock_t *dealer_new(const struct echo *e)
{
    zcert_t *own = zcert_new();
    zsock_t *dealer = zsock_new(ZMQ_DEALER);
    CHECK(own && dealer);
    zcert_apply(own, dealer);
    zsock_set_curve_serverkey(dealer, zcert_public_txt(e->server));
    CHECK(zsock_connect(dealer, "%s", zsock_endpoint(e->router)) == 0);
    zcert_destroy(&own);
    return dealer;
}

/* Keep `outstanding` messages under way on every dealer and count what comes back. */
static double exchange(struct echo *e, zmq_pollitem_t *items, char *body, double seconds)
{
    double began = now_s(), done = 0;
    while (now_s() - began < seconds) {
        zmq_poll(items, e->producers, 100);
        for (int i = 0; i < e->producers; i++) {
            while (zmq_recv(items[i].socket, body, (size_t)e->bytes, ZMQ_DONTWAIT) >= 0) {
                CHECK(zmq_send(items[i].socket, body, (size_t)e->bytes, 0) == e->bytes);
                done++;
            }
        }
    }
    return done;
}

static void yard_echo(struct echo *e)
{
    zsock_t *dealers[PRODUCERS_MAX];
    zmq_pollitem_t items[PRODUCERS_MAX] = {{0}};
    char *body = calloc(1, (size_t)e->bytes);
    e->server = zcert_new();
    e->router = zsock_new(ZMQ_ROUTER);
    CHECK(body && e->server && e->router);
    zsock_set_curve_server(e->router, 1);
    zcert_apply(e->server, e->router);
    CHECK(zsock_bind(e->router, "tcp://127.0.0.1:*") > 0);
    zactor_t *server = zactor_new(serve, e);
    CHECK(server);
    for (int i = 0; i < e->producers; i++) {
        dealers[i] = dealer_new(e);
        items[i] = (zmq_pollitem_t){zsock_resolve(dealers[i]), 0, ZMQ_POLLIN, 0};
        for (int k = 0; k < e->outstanding; k++)
            CHECK(zmq_send(items[i].socket, body, (size_t)e->bytes, 0) == e->bytes);
    }
    exchange(e, items, body, 0.3); /* handshakes are not echoes */
    double began = now_s();
    double done = exchange(e, items, body, e->seconds);
    result("echo", done, now_s() - began);
    for (int i = 0; i < e->producers; i++)
        zsock_destroy(&dealers[i]);
    zactor_destroy(&server);
    zsock_destroy(&e->router);
    zcert_destroy(&e->server);
    free(body);
}

static int usage(void)
{
    fputs("usage: bench_yardstick sqlite DIR SECONDS ROWS_PER_TRANSACTION ROW_BYTES\n"
          "       bench_yardstick append DIR SECONDS ROW_BYTES\n"
          "       bench_yardstick echo SECONDS PRODUCERS OUTSTANDING BYTES\n"
          "       bench_yardstick sign SECONDS\n"
          "       bench_yardstick verify SECONDS\n"
          "       bench_yardstick settings DIR\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (sodium_init() < 0)
        return 1;
    if (strcmp(what, "sqlite") == 0 && argc == 6) {
        yard_sqlite(argv[2], atof(argv[3]), atoi(argv[4]), atoi(argv[5]));
    } else if (strcmp(what, "append") == 0 && argc == 5) {
        yard_append(argv[2], atof(argv[3]), atoi(argv[4]));
    } else if (strcmp(what, "echo") == 0 && argc == 6) {
        struct echo e = {.seconds = atof(argv[2]),
                         .producers = atoi(argv[3]),
                         .outstanding = atoi(argv[4]),
                         .bytes = atoi(argv[5])};
        if (e.producers < 1 || e.producers > PRODUCERS_MAX || e.outstanding < 1 || e.bytes < 1)
            return usage();
        yard_echo(&e);
    } else if (strcmp(what, "sign") == 0 && argc == 3) {
        yard_sign(atof(argv[2]), false);
    } else if (strcmp(what, "verify") == 0 && argc == 3) {
        yard_sign(atof(argv[2]), true);
    } else if (strcmp(what, "settings") == 0 && argc == 3) {
        char settings[1024];
        long long log_pages;
        ask_store(argv[2], settings, sizeof settings, &log_pages);
        printf("{\"settings\":\"%s\",\"log_pages\":%lld}\n", settings, log_pages);
    } else {
        return usage();
    }
    return 0;
}
