/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts. A history of batches, checkpoints, kills and restarts is recorded once; then images
 * of the disk are rebuilt for random moments, with what was not synced lost in random ways, and
 * each is opened with the real store: every acknowledged batch is wholly there and none is in part.
 *
 *   test_store_crash [--images N] [--seed N]
 */
#include "tests/store/fixture.h"
#include "tests/store/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES 36  /* of a history */
#define HISTORIES 8 /* the images are shared out among them */
#define RECORD_BYTES_MAX 1000

static char dir[64];

/* What a store leaves out that must not pass. */
enum unsafe { SAFE, UNSAFE_COMMITS, UNSAFE_BULK };

static uint64_t images = 4000;
static uint64_t seed = 20231011;
static int64_t record_bytes_max; /* of the history */

static struct mst_store_options small_options(void)
{
    struct mst_store_options options = fixture_options(dir);
    options.wal_bytes_max = 128 * 1024;
    options.behind_bytes = 1; /* as a busy broker commits */
    /* Some batches lie in the database alone, some in a file as well, and files follow each other.
     */
    options.bulk_bytes = 2000;
    options.bulk_file_bytes_max = 40000;
    options.bulk_ahead_bytes = 16384;
    options.record_bytes_max = record_bytes_max;
    return options;
}

/* What a start finds is told to the agents as stored, so it counts as acknowledged. */
static struct mst_store *open_store(const struct mst_store_options *options, uint64_t *ret_batch)
{
    struct mst_store *s = NULL;
    struct mst_err err = {0};
    char why[256] = "";
    if (mst_store_sqlite_open(options, &s, &err))
        fail_msg("%s", err.text);
    int64_t k = fixture_read_batches(s, why, sizeof why);
    if (k < 0)
        fail_msg("%s", why);
    *ret_batch = (uint64_t)k;
    memvfs_note(MEMVFS_ACKNOWLEDGED, *ret_batch);
    return s;
}

/* One batch and some maintenance, as far as they get. */
static void try_batch(struct mst_store *s, uint64_t k)
{
    struct mst_err err;
    bool more;
    memvfs_note(MEMVFS_STARTED, k);
    if (mst_store_begin(s, &err))
        return;
    if (fixture_put_batch(s, k, &err) == 0 && fixture_commit(s) == 0) {
        memvfs_note(MEMVFS_ACKNOWLEDGED, k);
        /* In between, several batches are in the files alone. */
        if (k % 4 == 0 && mst_store_maintain(s, &more, &err))
            return;
    }
    mst_store_rollback(s);
}

/*
 * Record about BATCHES batches. Every third is cut short by a kill, in turn at any operation and
 * just before a sync: what reached the disk's memory is read back by the next start, synced or not.
 * Every tenth ends in a clean restart.
 */
static struct memvfs_log *record_history(uint64_t dice, enum unsafe unsafe)
{
    struct mst_store_options options = small_options();
    uint64_t k;
    options.unsafe_sync = unsafe == UNSAFE_COMMITS;
    options.unsafe_bulk_sync = unsafe == UNSAFE_BULK;
    memvfs_reset();
    struct mst_store *s = open_store(&options, &k);
    for (int i = 1; i <= BATCHES; i++) {
        bool killed = i % 3 == 0;
        if (i % 6 == 0)
            memvfs_fail_at(1 + memvfs_roll(&dice) % 2, true, MEMVFS_KILLED_AT_SYNC);
        else if (killed)
            memvfs_fail_at(1 + memvfs_roll(&dice) % 32, true, MEMVFS_KILLED);
        try_batch(s, k + 1);
        k++;
        if (!killed && i % 10 != 0)
            continue;
        if (killed && !memvfs_has_failed())
            memvfs_fail_at(1, true, MEMVFS_KILLED);
        mst_store_close(s);
        memvfs_fail_at(0, false, MEMVFS_IO_ERROR);
        s = open_store(&options, &k);
    }
    mst_store_close(s);
    return memvfs_log_take();
}

/* Open the image that is on the disk. False, and why, if it is not what it must be. */
static bool check_image(const struct memvfs_log *log, size_t cut, uint64_t image, char *why,
                        size_t size)
{
    struct mst_store_options options = small_options();
    struct mst_store *s = NULL;
    struct mst_err err = {0};
    int64_t least = (int64_t)memvfs_log_batch(log, cut, MEMVFS_ACKNOWLEDGED);
    int64_t most = (int64_t)memvfs_log_batch(log, cut, MEMVFS_STARTED);
    if (mst_store_sqlite_open(&options, &s, &err)) {
        snprintf(why, size, "it does not open: %.200s", err.text);
        return false;
    }
    int64_t k = fixture_read_batches(s, why, size);
    bool right = k >= least && k <= most;
    if (k >= 0 && !right)
        snprintf(why, size, "it holds %lld batches, not %lld to %lld", (long long)k,
                 (long long)least, (long long)most);
    if (right && image % 8 == 0) {
        right = fixture_write_batch(s, (uint64_t)k + 1, &err) == 0 &&
                fixture_read_batches(s, why, size) == k + 1;
        if (!right && err.text[0])
            snprintf(why, size, "it takes no batch: %.200s", err.text);
    }
    mst_store_close(s);
    return right;
}

/* Images of one history. */
static void check_history(uint64_t history, enum unsafe unsafe, uint64_t count,
                          struct images_verdict *v)
{
    /* In every second one the larger batches cannot be sealed. */
    record_bytes_max = history % 2 ? RECORD_BYTES_MAX : 0;
    struct memvfs_log *log = record_history(history, unsafe);
    images_check(log, history, count, check_image, v);
    memvfs_log_free(log);
}

static void acknowledged_batches_survive_any_power_cut(void **state)
{
    (void)state;
    struct images_verdict v = {0};
    for (uint64_t i = 0; i < HISTORIES; i++)
        check_history(seed + i, SAFE, (images + HISTORIES - 1) / HISTORIES, &v);
    print_message("%llu images, seed %llu: %llu wrong\n", (unsigned long long)v.images,
                  (unsigned long long)seed, (unsigned long long)v.wrong);
    if (v.wrong)
        fail_msg("%s", v.first);
}

/* The negative controls: a store that leaves out a sync must not pass. */
static void must_be_caught(enum unsafe unsafe, const char *what)
{
    struct images_verdict v = {0};
    check_history(seed, unsafe, 400, &v);
    print_message("without syncs of %s %llu of %llu images are wrong; %s\n", what,
                  (unsigned long long)v.wrong, (unsigned long long)v.images, v.first);
    assert_true(v.wrong > 0);
}

static void commits_without_sync_are_caught(void **state)
{
    (void)state;
    must_be_caught(UNSAFE_COMMITS, "commits");
}

static void files_of_reports_without_sync_are_caught(void **state)
{
    (void)state;
    must_be_caught(UNSAFE_BULK, "files of reports");
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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledged_batches_survive_any_power_cut),
        cmocka_unit_test(commits_without_sync_are_caught),
        cmocka_unit_test(files_of_reports_without_sync_are_caught),
    };
    if (!images_options(argc, argv, &images, &seed))
        return 2;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
