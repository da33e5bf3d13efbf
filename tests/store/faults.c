/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every write, sync, truncation, creation and deletion of a small history fails in its turn, once
 * and for ever. Whatever happens, what was acknowledged is there after a new start, and after a
 * failed commit the store is dead.
 */
#include "tests/store/fixture.h"
#include "tests/store/memvfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES 8

static char dir[64];
static int64_t record_bytes_max; /* the larger batches cannot be sealed; 0: all can */

static struct mst_store_options small_options(void)
{
    struct mst_store_options options = fixture_options(dir);
    options.wal_bytes_max = 32 * 1024; /* so that checkpoints and new logs are in the history */
    options.bulk_bytes = 2000;
    options.bulk_file_bytes_max = 12000; /* and files that follow each other */
    options.bulk_ahead_bytes = 8192;
    options.record_bytes_max = record_bytes_max;
    return options;
}

struct history {
    uint64_t started, acknowledged;
};

/* Dead means dead: each call says so. */
static void assert_dead(struct mst_store *s)
{
    struct mst_err err;
    struct mst_reader *r;
    bool more;
    mst_pid p;
    uint64_t number;
    assert_int_equal(mst_store_begin(s, &err), MST_E_IO);
    assert_int_equal(mst_store_programme(s, "p1", &p, &err), MST_E_IO);
    assert_int_equal(mst_store_put_meta(s, 0, "m", fixture_text("x"), &err), MST_E_IO);
    assert_int_equal(mst_store_maintain(s, &more, &err), MST_E_IO);
    assert_int_equal(mst_store_reader_open(s, &r, &err), MST_E_IO);
    assert_int_equal(mst_reader_last_alert(mst_store_own_reader(s), 1, &number, &err), MST_E_IO);
    assert_int_equal(fixture_commit(s), MST_E_IO);
    mst_store_rollback(s);
}

/* A commit that was not tried for want of room has lost its batch, and no more. */
static void assert_lost_or_dead(struct mst_store *s, int code)
{
    struct mst_err err;
    if (code != MST_E_FULL) {
        assert_dead(s);
        return;
    }
    assert_int_equal(mst_store_begin(s, &err), 0);
    mst_store_rollback(s);
}

/* Batches until one fails. A fault in a checkpoint after a commit shows at the next call. */
static void write_batches(struct mst_store *s, struct history *h)
{
    struct mst_err err;
    bool more;
    for (uint64_t k = 1; k <= BATCHES; k++) {
        if (mst_store_begin(s, &err)) {
            assert_dead(s);
            return;
        }
        if (fixture_put_batch(s, k, &err)) {
            mst_store_rollback(s);
            return;
        }
        h->started = k;
        int code = fixture_commit(s);
        if (code) {
            assert_lost_or_dead(s, code);
            return;
        }
        h->acknowledged = k;
        code = k % 3 == 0 ? mst_store_maintain(s, &more, &err) : 0;
        if (code && code != MST_E_FULL) {
            assert_dead(s);
            return;
        }
    }
}

static void assert_holds(const struct history *h, const char *when)
{
    struct mst_store_options options = small_options();
    struct mst_store *s = NULL;
    struct mst_err err = {0};
    char why[256] = "";
    if (mst_store_sqlite_open(&options, &s, &err))
        fail_msg("%s: %s", when, err.text);
    int64_t k = fixture_read_batches(s, why, sizeof why);
    if (k < (int64_t)h->acknowledged || k > (int64_t)h->started)
        fail_msg("%s: %llu acknowledged, %llu started, %lld there: %s", when,
                 (unsigned long long)h->acknowledged, (unsigned long long)h->started, (long long)k,
                 why);
    if (k < BATCHES && fixture_write_batch(s, (uint64_t)k + 1, &err))
        fail_msg("%s: %s", when, err.text);
    mst_store_close(s);
}

/* One history with a fault at k. False: the history ended before its turn came. */
static bool run_history(uint64_t k, bool for_ever, enum memvfs_fault fault)
{
    struct mst_store_options options = small_options();
    struct mst_store *s = NULL;
    struct history h = {0, 0};
    struct mst_err err;
    memvfs_reset();
    memvfs_fail_at(k, for_ever, fault);
    if (mst_store_sqlite_open(&options, &s, &err) == 0)
        write_batches(s, &h);
    mst_store_close(s);
    bool failed = memvfs_has_failed();
    if (!failed)
        assert_int_equal(h.acknowledged, BATCHES);
    struct memvfs_log *log = memvfs_log_take();
    for (int loss = 0; loss < MEMVFS_LOSSES; loss++) {
        char when[80];
        snprintf(when, sizeof when, "fault %d at %llu%s, loss %d", (int)fault,
                 (unsigned long long)k, for_ever ? " and ever after" : "", loss);
        memvfs_load(log, memvfs_log_len(log), (enum memvfs_loss)loss, k);
        assert_holds(&h, when);
    }
    memvfs_log_free(log);
    return failed;
}

/* The fewest failures of a history, of those where all batches can be sealed and where not. */
static uint64_t run_all(bool for_ever, enum memvfs_fault fault)
{
    static const int64_t limits[] = {0, 1000, 1};
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        uint64_t k = 1;
        record_bytes_max = limits[i];
        while (run_history(k, for_ever, fault))
            k++;
        least = k - 1 < least ? k - 1 : least;
    }
    record_bytes_max = 0;
    return least;
}

static void acknowledged_batches_survive_any_single_failure(void **state)
{
    (void)state;
    assert_true(run_all(false, MEMVFS_IO_ERROR) > 50);
}

static void acknowledged_batches_survive_a_disk_that_fails_for_ever(void **state)
{
    (void)state;
    assert_true(run_all(true, MEMVFS_IO_ERROR) > 50);
}

static void acknowledged_batches_survive_a_full_disk(void **state)
{
    (void)state;
    assert_true(run_all(false, MEMVFS_DISK_FULL) > 40);
    assert_true(run_all(true, MEMVFS_DISK_FULL) > 40);
}

/* More than SQLite's cache holds, so that pages reach the disk before the commit. */
static int put_much(struct mst_store *s, struct mst_err *err)
{
    static uint8_t bytes[60 * 1024];
    mst_pid p;
    int code = mst_store_programme(s, "p1", &p, err);
    for (uint64_t n = 1; !code && n <= 400; n++) {
        struct mst_row row = {.row = n, .kind = 2, .bytes = {bytes, sizeof bytes}};
        code = mst_store_put_row(s, p, &row, err);
    }
    return code;
}

static void full_disk_before_the_commit_loses_the_batch_only(void **state)
{
    (void)state;
    struct mst_store_options options = small_options();
    for (int commit_it = 0; commit_it < 2; commit_it++) {
        struct mst_store *s = NULL;
        struct mst_err err;
        char why[256] = "";
        memvfs_reset();
        assert_int_equal(mst_store_sqlite_open(&options, &s, &err), 0);
        assert_int_equal(mst_store_begin(s, &err), 0);
        memvfs_fail_at(20, true, MEMVFS_DISK_FULL);
        assert_int_equal(put_much(s, &err), MST_E_FULL);
        memvfs_fail_at(0, false, MEMVFS_DISK_FULL);
        /* The batch takes nothing more, and its commit fails without having been tried. */
        assert_int_equal(mst_store_put_meta(s, 0, "m", fixture_text("x"), &err), MST_E_FULL);
        if (commit_it)
            assert_int_equal(fixture_commit(s), MST_E_FULL);
        else
            mst_store_rollback(s);
        assert_int_equal(fixture_read_batches(s, why, sizeof why), 0);
        assert_int_equal(fixture_write_batch(s, 1, &err), 0);
        assert_int_equal(fixture_read_batches(s, why, sizeof why), 1);
        mst_store_close(s);
        assert_holds(&(struct history){1, 1}, "after a full disk");
    }
}

/* Batch 2 of the model, in a record that cannot be sealed and does not fit into SQLite's cache. */
static void put_long_batch(struct mst_store *s)
{
    static uint8_t bytes[60 * 1024];
    struct mst_err err;
    assert_int_equal(fixture_put_batch(s, 2, &err), 0);
    for (int i = 0; i < 160; i++) {
        char name[16];
        snprintf(name, sizeof name, "long %d", i);
        assert_int_equal(mst_store_put_meta(s, 0, name, mst_bytes(bytes, sizeof bytes), &err), 0);
    }
}

/* The disk is full from the k-th operation of its commit on. Returns the commit's code. */
static int commit_long_batch(uint64_t k)
{
    struct mst_store_options options = small_options();
    struct mst_store *s = NULL;
    struct mst_err err;
    char why[256] = "";
    struct history h = {.started = 2, .acknowledged = 1};
    memvfs_reset();
    assert_int_equal(mst_store_sqlite_open(&options, &s, &err), 0);
    assert_int_equal(fixture_write_batch(s, 1, &err), 0);
    assert_int_equal(mst_store_begin(s, &err), 0);
    put_long_batch(s);
    memvfs_fail_at(k, true, MEMVFS_DISK_FULL);
    int code = fixture_commit(s);
    memvfs_fail_at(0, false, MEMVFS_DISK_FULL);
    if (code)
        assert_lost_or_dead(s, code);
    if (code == MST_E_FULL)
        assert_int_equal(fixture_read_batches(s, why, sizeof why), 1);
    h.acknowledged += code == 0;
    mst_store_close(s);
    assert_holds(&h, "after a full disk in a long batch");
    return code;
}

static void full_disk_while_a_batch_is_set_apart_loses_the_batch_only(void **state)
{
    (void)state;
    int lost = 0, code = -1;
    record_bytes_max = 1 << 20;
    for (uint64_t k = 1; code; k += 1 + k / 4) {
        code = commit_long_batch(k);
        lost += code == MST_E_FULL;
    }
    record_bytes_max = 0;
    assert_true(lost > 10);
}

static int set_up(void **state)
{
    (void)state;
    fixture_make_dir(dir, sizeof dir);
    memvfs_install();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    memvfs_remove();
    fixture_remove_dir(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledged_batches_survive_any_single_failure),
        cmocka_unit_test(acknowledged_batches_survive_a_disk_that_fails_for_ever),
        cmocka_unit_test(acknowledged_batches_survive_a_full_disk),
        cmocka_unit_test(full_disk_before_the_commit_loses_the_batch_only),
        cmocka_unit_test(full_disk_while_a_batch_is_set_apart_loses_the_batch_only),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
