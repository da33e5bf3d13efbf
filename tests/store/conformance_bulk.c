/* SPDX-License-Identifier: Apache-2.0 */
/* Files of reports beside the database, against every backend that has them. */
#include "broker/store/redo.h"
#include "tests/store/world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void path_of_reports(const struct world *w, int number, char path[128])
{
    snprintf(path, 128, "%s/reports-%06d.log", w->dir, number);
}

static off_t bytes_of_reports(const struct world *w, int number)
{
    char path[128];
    struct stat st;
    path_of_reports(w, number, path);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

#define HEADER 64 /* of a batch */
#define TAIL 100
/* What a batch is filled up to. */
#define BLOCK 4096

/* Read or overwrite some bytes of the closed store's file. */
static void access_file(const struct world *w, int number, long at, uint8_t *bytes, size_t len,
                        bool writes)
{
    char path[128];
    path_of_reports(w, number, path);
    FILE *f = fopen(path, writes ? "r+" : "r");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    if (writes)
        assert_int_equal(fwrite(bytes, 1, len, f), len);
    else
        assert_int_equal(fread(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void reports_lie_in_files_of_their_owner(void **state)
{
    struct world *w = *state;
    char path[128], why[256] = "";
    struct stat st;
    for (uint64_t k = 1; k <= 40; k++)
        assert_int_equal(fixture_write_batch(w->s, k, &w->err), 0);
    path_of_reports(w, 1, path);
    assert_int_equal(stat(path, &st), w->backend->bulk ? 0 : -1);
    if (!w->backend->bulk)
        return;
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_in_range(st.st_size, w->options.bulk_file_bytes_max, 2 * w->options.bulk_file_bytes_max);
    assert_true(bytes_of_reports(w, 4) > 0); /* some 160 KB in files of 20 */
    world_reopen(w);
    assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 40);
    assert_int_equal(fixture_write_batch(w->s, 41, &w->err), 0);
    assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 41);
}

static void reports_of_small_batches_stay_in_the_database(void **state)
{
    struct world *w = *state;
    char why[256] = "";
    w->options.bulk_bytes = w->backend->bulk ? 1 << 20 : 0;
    world_reopen(w);
    for (uint64_t k = 1; k <= 8; k++)
        assert_int_equal(fixture_write_batch(w->s, k, &w->err), 0);
    assert_int_equal(bytes_of_reports(w, 1), -1);
    /* What is set later holds from then on, and both are read. */
    w->options.bulk_bytes = w->backend->bulk;
    world_reopen(w);
    for (uint64_t k = 9; k <= 16; k++)
        assert_int_equal(fixture_write_batch(w->s, k, &w->err), 0);
    assert_int_equal(bytes_of_reports(w, 1) > 0, w->backend->bulk);
    assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 16);
    assert_string_equal(why, "");
}

/* A batch that is too large to be gathered in memory. */
static void put_large_run(struct world *w)
{
    static uint8_t large[3][400000];
    struct mst_slice items[3];
    for (size_t i = 0; i < COUNT_OF(items); i++) {
        memset(large[i], (int)i + 1, sizeof large[i]);
        items[i] = mst_bytes(large[i], sizeof large[i]);
    }
    struct mst_run run = {.outbox = 5, .first = 1, .last = 3, .row_first = w->rows + 1};
    assert_int_equal(
        mst_store_put_run(w->s, w->p, &run, (struct mst_slices){items, COUNT_OF(items)}, &w->err),
        0);
}

struct large {
    struct world *w;
    size_t seen;
};

static int see_large(void *context, const struct mst_row *row)
{
    struct large *l = context;
    if (row->row <= l->w->rows)
        return 0;
    assert_int_equal(row->bytes.len, 400000);
    for (size_t i = 0; i < row->bytes.len; i++)
        assert_int_equal(row->bytes.data[i], row->row - l->w->rows);
    l->seen++;
    return 0;
}

static void what_no_commit_names_is_cut_off(void **state)
{
    struct world *w = *state;
    char path[128], why[256] = "";
    if (!w->backend->bulk)
        return;
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0);
    w->rows = fixture_batch_rows(1);
    off_t bytes = bytes_of_reports(w, 1);
    world_begin(w);
    put_large_run(w);
    assert_true(bytes_of_reports(w, 1) > bytes);
    path_of_reports(w, 2, path);
    FILE *f = fopen(path, "w"); /* as a batch that began it and was dropped has left it */
    assert_non_null(f);
    assert_int_equal(fputs("left over", f) >= 0, 1);
    fclose(f);
    world_reopen(w);
    assert_int_equal(bytes_of_reports(w, 1), bytes);
    assert_int_equal(bytes_of_reports(w, 2), -1);
    /* What a dropped batch has written is taken away. */
    world_begin(w);
    put_large_run(w);
    assert_true(bytes_of_reports(w, 1) > bytes);
    mst_store_rollback(w->s);
    assert_int_equal(bytes_of_reports(w, 1), bytes);
    assert_int_equal(fixture_write_batch(w->s, 2, &w->err), 0);
    assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 2);
}

/* Part of it is in the file, part is not yet. */
static void large_batch_is_read_before_and_after_its_commit(void **state)
{
    struct world *w = *state;
    struct large l = {w, 0};
    world_begin(w);
    put_large_run(w);
    for (int committed = 0; committed < 2; committed++) {
        l.seen = 0;
        assert_int_equal(mst_reader_rows(w->own, w->p, 1, see_large, &l, &w->err), 0);
        assert_int_equal(l.seen, 3);
        if (!committed)
            world_commit(w);
    }
}

/* They are there while the store is open, and no sync of it has to lengthen the file. */
static void zeros_ahead_go_with_the_store(void **state)
{
    struct world *w = *state;
    struct stat st;
    char path[128], why[256] = "";
    if (!w->backend->bulk)
        return;
    w->options.bulk_ahead_bytes = 100000;
    world_reopen(w);
    path_of_reports(w, 1, path);
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0);
    struct timespec pause = {0, 1000000};
    for (int ms = 0; stat(path, &st) || st.st_size < 90000; ms++) {
        assert_true(ms < 60000);
        nanosleep(&pause, NULL);
    }
    for (uint64_t k = 2; bytes_of_reports(w, 2) < 0; k++)
        assert_int_equal(fixture_write_batch(w->s, k, &w->err), 0);
    /* A file that is left ends where its batches do. */
    assert_in_range(bytes_of_reports(w, 1), w->options.bulk_file_bytes_max,
                    2 * w->options.bulk_file_bytes_max);
    mst_store_close(w->s);
    w->s = NULL;
    assert_in_range(bytes_of_reports(w, 2), 4096, w->options.bulk_file_bytes_max);
    assert_int_equal(world_open(w), 0);
    assert_true(fixture_read_batches(w->s, why, sizeof why) > 1);
}

static void missing_or_short_file_is_refused_and_nothing_touched(void **state)
{
    struct world *w = *state;
    char path[128], moved[140], why[256] = "";
    struct mst_store *other = NULL;
    if (!w->backend->bulk)
        return;
    for (uint64_t k = 1; k <= 20; k++)
        assert_int_equal(fixture_write_batch(w->s, k, &w->err), 0);
    mst_store_close(w->s);
    w->s = NULL;
    for (int number = 1; number <= 2; number++) {
        off_t bytes = bytes_of_reports(w, number);
        uint8_t tail[TAIL] = {0};
        access_file(w, number, (long)bytes - TAIL, tail, TAIL, false);
        path_of_reports(w, number, path);
        snprintf(moved, sizeof moved, "%s.moved", path);
        assert_int_equal(rename(path, moved), 0);
        assert_int_equal(w->backend->open(&w->options, &other, &w->err), MST_E_CORRUPT);
        assert_non_null(strstr(w->err.text, path));
        assert_non_null(strstr(w->err.text, "missing"));
        assert_non_null(strstr(w->err.hint, "backup"));
        assert_int_equal(rename(moved, path), 0);
        assert_int_equal(truncate(path, bytes - TAIL), 0);
        assert_int_equal(w->backend->open(&w->options, &other, &w->err), MST_E_CORRUPT);
        assert_non_null(strstr(w->err.text, path));
        assert_non_null(strstr(w->err.hint, "backup"));
        assert_int_equal(bytes_of_reports(w, number), bytes - TAIL);
        access_file(w, number, (long)bytes - TAIL, tail, TAIL, true);
        assert_int_equal(world_open(w), 0);
        assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 20);
        mst_store_close(w->s);
        w->s = NULL;
    }
}

static void length_that_does_not_add_up_in_a_file_is_damage(void **state)
{
    struct world *w = *state;
    char why[256] = "";
    if (!w->backend->bulk)
        return;
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0);
    off_t bytes = bytes_of_reports(w, 1);
    assert_int_equal(fixture_write_batch(w->s, 2, &w->err), 0); /* two reports: with lengths */
    mst_store_close(w->s);
    w->s = NULL;
    access_file(w, 1, (long)bytes + HEADER, &(uint8_t){0x7f}, 1, true);
    assert_int_equal(world_open(w), 0);
    assert_int_equal(fixture_read_batches(w->s, why, sizeof why), -1);
    assert_non_null(strstr(why, "damaged"));
}

/* ---- sealed batches ---- */

/* The first `bytes` of a file of the store, or all, to the same name in another directory. */
static void copy_file(const struct world *w, const char *name, const char *to, off_t bytes)
{
    static uint8_t buffer[1 << 20];
    char path[128];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t len = fread(buffer, 1, sizeof buffer, f);
    fclose(f);
    assert_true(len < sizeof buffer);
    if (bytes >= 0 && (size_t)bytes < len)
        len = (size_t)bytes;
    snprintf(path, sizeof path, "%s/%s", to, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(buffer, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static off_t bytes_of_log(const struct world *w)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/muster.db-wal", w->dir);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

/* What a power cut leaves that takes all of the log that was not synced, and `cut` bytes of the
 * last file of reports. Returns the batch that the store there ends with. */
static int64_t open_after_power_cut(const struct world *w, off_t log_bytes, int files, off_t cut)
{
    struct mst_store_options options = w->options;
    struct mst_store *s = NULL;
    struct mst_err err = {0};
    char dir[64], name[32], why[256] = "";
    fixture_make_dir(dir, sizeof dir);
    copy_file(w, "muster.db", dir, -1);
    copy_file(w, "muster.db-wal", dir, log_bytes);
    for (int i = 1; i <= files; i++) {
        snprintf(name, sizeof name, "reports-%06d.log", i);
        copy_file(w, name, dir, i < files ? -1 : bytes_of_reports(w, i) - cut);
    }
    options.path = dir;
    if (w->backend->open(&options, &s, &err))
        fail_msg("%s", err.text);
    int64_t k = fixture_read_batches(s, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(fixture_write_batch(s, (uint64_t)k + 1, &err), 0);
    assert_int_equal(fixture_read_batches(s, why, sizeof why), k + 1);
    mst_store_close(s);
    fixture_remove_dir(dir);
    return k;
}

static void sealed_batches_are_carried_out_at_a_start(void **state)
{
    struct world *w = *state;
    int files = 0;
    if (!w->backend->bulk || w->backend->apart)
        return;
    w->options.bulk_file_bytes_max = 4096;
    world_reopen(w);
    /* The first after a start is committed with the log's sync; all others have reports. */
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0);
    off_t log_bytes = bytes_of_log(w);
    for (uint64_t k = 2; k <= 5; k++)
        assert_int_equal(fixture_write_batch(w->s, k, &w->err), 0);
    assert_true(bytes_of_log(w) > log_bytes);
    while (bytes_of_reports(w, files + 1) > 0)
        files++;
    assert_true(files > 1);
    assert_int_equal(open_after_power_cut(w, log_bytes, files, 0), 5);
    /* The last of them was not wholly written. */
    assert_int_equal(open_after_power_cut(w, log_bytes, files, BLOCK), 4);
    assert_int_equal(open_after_power_cut(w, bytes_of_log(w), files, 0), 5);
}

/* More in one piece than SQLite writes with one call. */
static void batch_of_any_size_is_sealed_and_carried_out(void **state)
{
    struct world *w = *state;
    static uint8_t large[400000];
    mst_pid p = 0;
    int files = 0;
    if (!w->backend->bulk || w->backend->apart)
        return;
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0);
    off_t log_bytes = bytes_of_log(w);
    world_begin(w);
    assert_int_equal(fixture_put_batch(w->s, 2, &w->err), 0);
    assert_int_equal(mst_store_programme(w->s, "p1", &p, &w->err), 0);
    assert_int_equal(mst_store_put_meta(w->s, p, "large", mst_bytes(large, sizeof large), &w->err),
                     0);
    if (fixture_commit(w->s))
        fail_msg("the commit of a large batch");
    while (bytes_of_reports(w, files + 1) > 0)
        files++;
    assert_int_equal(open_after_power_cut(w, log_bytes, files, 0), 2);
}

/* A disk that has lost what it said it had: batches of before the sealed ones are not there. */
static void sealed_batch_that_follows_nothing_is_refused(void **state)
{
    struct world *w = *state;
    struct mst_store_options options = w->options;
    struct mst_store *other = NULL;
    char dir[64];
    if (!w->backend->bulk)
        return;
    w->options.bulk_file_bytes_max = 4096;
    world_reopen(w);
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0);
    off_t log_bytes = bytes_of_log(w);
    for (uint64_t k = 2; bytes_of_reports(w, 2) < 0; k++)
        assert_int_equal(fixture_write_batch(w->s, k, &w->err), 0);
    fixture_make_dir(dir, sizeof dir);
    copy_file(w, "muster.db", dir, -1);
    copy_file(w, "muster.db-wal", dir, log_bytes);
    copy_file(w, "reports-000001.log", dir, bytes_of_reports(w, 1) - 1);
    copy_file(w, "reports-000002.log", dir, -1);
    options.path = dir;
    assert_int_equal(w->backend->open(&options, &other, &w->err), MST_E_CORRUPT);
    assert_non_null(strstr(w->err.text, "reports-000001.log"));
    fixture_remove_dir(dir);
}

static void record_of_another_version_is_refused(void **state)
{
    struct world *w = *state;
    static struct mst_redo theirs, ours;
    mst_redo_init(&ours);
    mst_redo_init(&theirs);
    theirs.marks[MST_SQL_PUT_META]++;
    mst_redo_reset(&theirs, true);
    mst_redo_begin(&theirs, MST_SQL_PUT_META);
    mst_redo_number(&theirs, -1);
    mst_redo_end(&theirs, true);
    struct mst_slice record = {theirs.record.data, theirs.record.len};
    assert_int_equal(mst_redo_run(&ours, NULL, record, &w->err), MST_E_VERSION);
    assert_non_null(strstr(w->err.hint, "version"));
    mst_redo_done(&theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(reports_lie_in_files_of_their_owner),
        WORLD_TEST(reports_of_small_batches_stay_in_the_database),
        WORLD_TEST(what_no_commit_names_is_cut_off),
        WORLD_TEST(large_batch_is_read_before_and_after_its_commit),
        WORLD_TEST(zeros_ahead_go_with_the_store),
        WORLD_TEST(missing_or_short_file_is_refused_and_nothing_touched),
        WORLD_TEST(length_that_does_not_add_up_in_a_file_is_damage),
        WORLD_TEST(sealed_batches_are_carried_out_at_a_start),
        WORLD_TEST(batch_of_any_size_is_sealed_and_carried_out),
        WORLD_TEST(sealed_batch_that_follows_nothing_is_refused),
        WORLD_TEST(record_of_another_version_is_refused),
    };
    return WORLD_RUN(tests, true);
}
