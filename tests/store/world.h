/* SPDX-License-Identifier: Apache-2.0 */
/* What the conformance suites share: the backends, a store in a directory of its own for each test,
 * short calls. */
#ifndef MST_TESTS_STORE_WORLD_H
#define MST_TESTS_STORE_WORLD_H

#include "tests/store/fixture.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

struct backend {
    const char *name;
    int (*open)(const struct mst_store_options *, struct mst_store **, struct mst_err *);
    bool trace, keeps; /* keeps: what is stored outlives the store */
    bool behind;       /* batches with reports are committed by a thread */
    bool bulk;         /* reports lie in files beside the database */
    bool apart;        /* no batch can be sealed */
};

struct world {
    const struct backend *backend;
    char dir[64];
    struct mst_store_options options;
    struct mst_store *s;
    struct mst_reader *own;
    mst_pid p;
    uint64_t rows; /* in the ledger, where a test counts them */
    struct mst_err err;
};

/* What a walk saw: numbers in order, and the last name. */
struct seen {
    uint64_t numbers[64];
    size_t count;
    size_t stop_after; /* 0: never */
    char text[600];
};

/* Lines that the tracing backends have told. */
extern uint64_t world_traced;

/* What the backend's open says; world_reopen() closes first and must succeed. */
int world_open(struct world *w);
void world_reopen(struct world *w);
void world_begin(struct world *w);
void world_commit(struct world *w);

/* The model's row n, a head and an alert of it. */
int world_put_row(struct world *w, mst_pid p, uint64_t n);
int world_put_head(struct world *w, mst_pid p, uint64_t n);
int world_put_alert(struct world *w, mst_pid p, uint64_t number, uint64_t row, uint8_t id);

/* Callbacks of walks, with a struct seen; the row's and the head's check against the model. */
int world_saw(struct seen *seen, uint64_t number);
int world_saw_row(void *context, const struct mst_row *row);
int world_saw_head(void *context, uint64_t row, mst_time at, const uint8_t head[MST_HASH_BYTES]);
int world_saw_alert(void *context, const struct mst_stored_alert *alert);
/* How many rows a walk from here gives; they must be contiguous. */
size_t world_rows_seen(struct world *w, struct mst_reader *r, mst_pid p, uint64_t from);
size_t world_meta_len(struct world *w, struct mst_reader *r, mst_pid p, const char *name);

/* A test with a world of its own: an open store with the programme "p1". */
int world_set_up(void **state);
int world_tear_down(void **state);
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

/* The group of tests for every backend, or for those only that keep what is stored. Returns how
 * many failed. */
#define WORLD_RUN(tests, keeping) world_run(tests, COUNT_OF(tests), keeping)
int world_run(const struct CMUnitTest *tests, size_t count, bool keeping);

#endif
