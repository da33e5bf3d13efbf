/* SPDX-License-Identifier: Apache-2.0 */
/* Batches that were answered and that the database has not taken yet, when something goes wrong. */
#include "tests/store/fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than a page, so that reading it takes memory. */
#define ROW_BYTES 60000

static char dir[64];
static mst_pid programme;
static uint8_t bytes[ROW_BYTES];

static struct mst_store_options options(void)
{
    struct mst_store_options o = fixture_options(dir);
    o.bulk_bytes = 1 << 20;
    o.bulk_file_bytes_max = 1 << 30;
    return o;
}

static struct mst_store *open_store(const struct mst_store_options *o)
{
    struct mst_store *s = NULL;
    struct mst_err err = {0};
    if (mst_store_sqlite_open(o, &s, &err))
        fail_msg("%s", err.text);
    return s;
}

static struct mst_store *new_store(void)
{
    struct mst_store_options o = options();
    struct mst_store *s = open_store(&o);
    struct mst_err err;
    bool more;
    assert_int_equal(mst_store_begin(s, &err), 0);
    assert_int_equal(mst_store_programme(s, "p1", &programme, &err), 0);
    assert_int_equal(fixture_commit(s), 0);
    assert_int_equal(mst_store_maintain(s, &more, &err), 0);
    return s;
}

/* In one batch. */
static void write_rows(struct mst_store *s, uint64_t first, uint64_t count)
{
    struct mst_row row = {.kind = 7, .bytes = {bytes, sizeof bytes}};
    struct mst_err err;
    assert_int_equal(mst_store_begin(s, &err), 0);
    for (row.row = first; row.row < first + count; row.row++) {
        row.at = (mst_time)row.row;
        assert_int_equal(mst_store_put_row(s, programme, &row, &err), 0);
    }
    assert_int_equal(fixture_commit(s), 0);
}

static void write_row(struct mst_store *s, uint64_t n)
{
    write_rows(s, n, 1);
}

static int count_row(void *context, const struct mst_row *row)
{
    (void)row;
    (*(uint64_t *)context)++;
    return 0;
}

static uint64_t rows_of(struct mst_store *s)
{
    uint64_t rows = 0;
    struct mst_err err;
    assert_int_equal(mst_reader_rows(mst_store_own_reader(s), programme, 1, count_row, &rows, &err),
                     0);
    return rows;
}

static void assert_reopened_has(uint64_t rows)
{
    struct mst_store_options o = options();
    struct mst_store *s = open_store(&o);
    assert_int_equal(rows_of(s), rows);
    write_row(s, rows + 1);
    assert_int_equal(rows_of(s), rows + 1);
    mst_store_close(s);
}

/* SQLite ends its transaction with it. */
static void fail_to_read(struct mst_store *s)
{
    uint64_t rows = 0;
    struct mst_err err;
    assert_int_equal(rows_of(s), 2);
    sqlite3_hard_heap_limit64(sqlite3_memory_used() + 1000);
    int code = mst_reader_rows(mst_store_own_reader(s), programme, 1, count_row, &rows, &err);
    sqlite3_hard_heap_limit64(0);
    assert_int_equal(code, MST_E_NOMEM);
}

static void failed_read_takes_no_answered_batch_with_it(void **state)
{
    (void)state;
    for (int goes_on = 0; goes_on < 2; goes_on++) {
        fixture_make_dir(dir, sizeof dir);
        struct mst_store *s = new_store();
        write_row(s, 1);
        write_row(s, 2);
        fail_to_read(s);
        if (goes_on)
            write_row(s, 3);
        mst_store_close(s);
        assert_reopened_has(goes_on ? 3 : 2);
        fixture_remove_dir(dir);
    }
}

/* It spoils the batch, and nothing else. */
static void failed_read_in_a_batch_costs_the_batch_only(void **state)
{
    struct mst_row row = {.row = 3, .at = 3, .kind = 7, .bytes = {bytes, 10}};
    struct mst_err err;
    (void)state;
    fixture_make_dir(dir, sizeof dir);
    struct mst_store *s = new_store();
    write_row(s, 1);
    write_row(s, 2);
    assert_int_equal(mst_store_begin(s, &err), 0);
    fail_to_read(s);
    assert_int_equal(mst_store_put_row(s, programme, &row, &err), MST_E_NOMEM);
    mst_store_rollback(s);
    assert_int_equal(rows_of(s), 2);
    write_row(s, 3);
    mst_store_close(s);
    assert_reopened_has(3);
    fixture_remove_dir(dir);
}

static void told(void *context, int code, const struct mst_err *err)
{
    (void)err;
    *(int *)context = code;
}

static void close_in_a_commit_leaves_it_to_the_next_start(void **state)
{
    (void)state;
    for (int large = 0; large < 2; large++) {
        struct mst_slice item = mst_bytes(bytes, 50000);
        struct mst_run run = {.outbox = 5, .first = 1, .last = 1, .row_first = 2};
        struct mst_err err;
        int code = -1;
        fixture_make_dir(dir, sizeof dir);
        mst_store_close(new_store());
        struct mst_store_options o = options();
        o.behind_bytes = 1;
        o.bulk_bytes = large ? 1000 : 1 << 20;
        struct mst_store *s = open_store(&o);
        write_row(s, 1);
        assert_int_equal(mst_store_begin(s, &err), 0);
        assert_int_equal(mst_store_put_run(s, programme, &run, (struct mst_slices){&item, 1}, &err),
                         0);
        mst_store_commit(s, told, &code);
        assert_int_equal(code, -1);
        mst_store_close(s);
        assert_reopened_has(2); /* nobody was told, but it was sealed */
        fixture_remove_dir(dir);
    }
}

/* To its end, and that it was content. */
static void await(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* A batch without anything in it is none, and not the end of those that follow. */
static void empty_batch_breaks_no_chain(void **state)
{
    (void)state;
    fixture_make_dir(dir, sizeof dir);
    mst_store_close(new_store());
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct mst_store_options o = options();
        struct mst_store *s = open_store(&o);
        struct mst_err err;
        write_row(s, 1);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(mst_store_begin(s, &err), 0);
            assert_int_equal(fixture_commit(s), 0);
        }
        write_row(s, 2);
        _exit(0); /* with what the database has not taken */
    }
    await(child);
    assert_reopened_has(2);
    fixture_remove_dir(dir);
}

/* Such a batch is refused for ever if it must be sealed, since it comes back as it was: what time
 * brings about is not smaller the next time. */
static void batch_that_is_too_long_to_be_sealed_is_kept_none_the_less(void **state)
{
    (void)state;
    for (int killed = 0; killed < 2; killed++) {
        fixture_make_dir(dir, sizeof dir);
        mst_store_close(new_store());
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct mst_store_options o = options();
            o.record_bytes_max = 2 * ROW_BYTES;
            struct mst_store *s = open_store(&o);
            write_row(s, 1); /* answered, and in the files alone */
            write_rows(s, 2, 4);
            write_row(s, 6);
            assert_int_equal(rows_of(s), 6);
            if (!killed)
                mst_store_close(s);
            _exit(0);
        }
        await(child);
        assert_reopened_has(6);
        fixture_remove_dir(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failed_read_takes_no_answered_batch_with_it),
        cmocka_unit_test(failed_read_in_a_batch_costs_the_batch_only),
        cmocka_unit_test(close_in_a_commit_leaves_it_to_the_next_start),
        cmocka_unit_test(empty_batch_breaks_no_chain),
        cmocka_unit_test(batch_that_is_too_long_to_be_sealed_is_kept_none_the_less),
    };
    memset(bytes, 7, sizeof bytes);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
