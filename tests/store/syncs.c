/* SPDX-License-Identifier: Apache-2.0 */
/* Syncs on which what follows depends, and one that fails where nobody waits for it: on the disk in
 * memory, which loses what was not synced. */
#include "tests/store/fixture.h"
#include "tests/store/memvfs.h"

#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than is gathered in memory, so that the file has it before the commit. */
#define LARGE_BYTES 3000000

#define IMAGES 16

static char dir[64];
static mst_pid programme;

static struct mst_store *open_store(int64_t behind_bytes)
{
    struct mst_store_options options = fixture_options(dir);
    struct mst_store *s = NULL;
    struct mst_err err = {0};
    options.bulk_bytes = 1;
    options.bulk_file_bytes_max = 1 << 30;
    options.behind_bytes = behind_bytes;
    if (mst_store_sqlite_open(&options, &s, &err))
        fail_msg("%s", err.text);
    return s;
}

/* Begin a batch that leaves much in the file, and not its end. */
static void begin_large_batch(struct mst_store *s)
{
    uint8_t *bytes = calloc(1, LARGE_BYTES);
    struct mst_slice item = mst_bytes(bytes, LARGE_BYTES);
    struct mst_run run = {
        .outbox = 5, .first = 1, .last = 1, .row_first = fixture_batch_rows(1) + 1};
    struct mst_err err;
    assert_non_null(bytes);
    assert_int_equal(mst_store_begin(s, &err), 0);
    assert_int_equal(mst_store_programme(s, "p1", &programme, &err), 0);
    assert_int_equal(mst_store_put_run(s, programme, &run, (struct mst_slices){&item, 1}, &err), 0);
    free(bytes);
}

static int64_t bytes_of_reports(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
    sqlite3_int64 bytes = 0;
    char path[96];
    assert_non_null(file);
    snprintf(path, sizeof path, "%s/reports-000001.log", dir);
    assert_int_equal(
        vfs->xOpen(vfs, path, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_SUPER_JOURNAL, NULL),
        SQLITE_OK);
    assert_int_equal(file->pMethods->xFileSize(file, &bytes), SQLITE_OK);
    assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
    free(file);
    return bytes;
}

/* A batch, which ends there, and a beginning of another behind it. */
static struct mst_store *open_with_half_a_batch(int64_t *ret_end)
{
    struct mst_store *s = open_store(0);
    struct mst_err err;
    assert_int_equal(fixture_write_batch(s, 1, &err), 0);
    *ret_end = bytes_of_reports();
    begin_large_batch(s);
    assert_true(bytes_of_reports() > *ret_end);
    return s;
}

/* What the file has if the power goes now, whatever of what was not synced goes with it: the end of
 * what was written may have reached the disk, and that it was cut off not. */
static void assert_power_cut_leaves(struct mst_store *s, int64_t bytes)
{
    memvfs_fail_at(1, true, MEMVFS_KILLED);
    mst_store_close(s);
    struct memvfs_log *log = memvfs_log_take();
    for (uint64_t seed = 1; seed <= IMAGES; seed++) {
        memvfs_load(log, memvfs_log_len(log), MEMVFS_LOSE_SOME, seed);
        assert_int_equal(bytes_of_reports(), bytes);
    }
    memvfs_log_free(log);
}

/* What came to light behind batches that are written later would be taken for one of them. */
static void cut_of_a_start_is_on_disk(void **state)
{
    int64_t bytes;
    (void)state;
    struct mst_store *s = open_with_half_a_batch(&bytes);
    memvfs_fail_at(1, true, MEMVFS_KILLED);
    mst_store_close(s);
    memvfs_fail_at(0, false, MEMVFS_IO_ERROR);
    assert_true(bytes_of_reports() > bytes);
    assert_power_cut_leaves(open_store(0), bytes);
}

static void what_a_dropped_batch_wrote_is_gone_for_good(void **state)
{
    int64_t bytes;
    (void)state;
    struct mst_store *s = open_with_half_a_batch(&bytes);
    mst_store_rollback(s);
    assert_power_cut_leaves(s, bytes);
}

/* ---- a commit that fails in the store's thread ---- */

struct told {
    int calls, code;
    pthread_t by;
    struct mst_err err;
};

static void on_done(void *context, int code, const struct mst_err *err)
{
    struct told *told = context;
    told->calls++;
    told->code = code;
    told->by = pthread_self();
    told->err = err ? *err : (struct mst_err){0};
}

static void sync_that_fails_behind_is_told_and_ends_the_store(void **state)
{
    struct told told = {0};
    struct mst_err err;
    char why[256] = "";
    (void)state;
    struct mst_store *s = open_store(1);
    assert_int_equal(fixture_write_batch(s, 1, &err), 0);
    assert_int_equal(mst_store_begin(s, &err), 0);
    assert_int_equal(fixture_put_batch(s, 2, &err), 0);
    /* The batch's write, then its sync. */
    memvfs_fail_at(2, false, MEMVFS_IO_ERROR);
    mst_store_commit(s, on_done, &told);
    assert_int_equal(told.calls, 0);
    while (told.calls == 0) {
        struct pollfd item = {.fd = mst_store_fd(s), .events = POLLIN};
        assert_int_equal(poll(&item, 1, 60000), 1);
        mst_store_complete(s);
    }
    assert_true(memvfs_has_failed());
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.code, MST_E_IO);
    assert_true(pthread_equal(told.by, pthread_self()));
    assert_non_null(strstr(told.err.text, "reports-000001.log"));
    assert_non_null(strstr(told.err.text, "1034")); /* SQLITE_IOERR_FSYNC */
    assert_int_equal(mst_store_begin(s, &err), MST_E_IO);
    mst_store_close(s);
    /* A next start knows what is there, and only it does. */
    struct memvfs_log *log = memvfs_log_take();
    memvfs_load(log, memvfs_log_len(log), MEMVFS_LOSE_ALL, 1);
    memvfs_log_free(log);
    s = open_store(1);
    assert_int_equal(fixture_read_batches(s, why, sizeof why), 1);
    assert_int_equal(fixture_write_batch(s, 2, &err), 0);
    mst_store_close(s);
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
    memvfs_reset();
    memvfs_remove();
    fixture_remove_dir(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cut_of_a_start_is_on_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_dropped_batch_wrote_is_gone_for_good, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(sync_that_fails_behind_is_told_and_ends_the_store, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
