/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, closing and what outlives it, against every backend that keeps anything. */
#include "tests/store/world.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- what outlives the store ---- */

static void reopened_store_holds_everything(void **state)
{
    struct world *w = *state;
    char why[256] = "";
    for (uint64_t k = 1; k <= 40; k++)
        assert_int_equal(fixture_write_batch(w->s, k, &w->err), 0);
    world_reopen(w);
    assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 40);
    assert_string_equal(why, "");
}

static void close_drops_an_open_batch(void **state)
{
    struct world *w = *state;
    world_begin(w);
    assert_int_equal(world_put_row(w, w->p, 1), 0);
    world_reopen(w);
    assert_int_equal(world_rows_seen(w, w->own, w->p, 0), 0);
}

static void counters_survive(void **state)
{
    struct world *w = *state;
    char why[256] = "";
    for (uint64_t k = 1; k <= 20; k++)
        assert_int_equal(fixture_write_batch(w->s, k, &w->err), 0);
    for (int i = 0; i < 2; i++) {
        world_reopen(w);
        assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 20 + i);
        world_begin(w);
        assert_int_equal(world_put_row(w, w->p, 1), MST_E_CORRUPT);
        assert_int_equal(world_put_alert(w, w->p, 1, 1, 77), MST_E_CORRUPT);
        mst_store_rollback(w->s);
        assert_int_equal(fixture_write_batch(w->s, 21 + (uint64_t)i, &w->err), 0);
    }
}

static void second_broker_is_kept_out(void **state)
{
    struct world *w = *state;
    struct mst_store *second = NULL;
    assert_int_equal(w->backend->open(&w->options, &second, &w->err), MST_E_BUSY);
    assert_null(second);
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0); /* and does the first no harm */
    world_reopen(w);
}

static void real_and_rehearsed_never_mix(void **state)
{
    struct world *w = *state;
    struct mst_store *other = NULL;
    struct mst_store_options options = w->options;
    char dir[64];
    mst_store_close(w->s);
    w->s = NULL;
    options.rehearsal = true;
    assert_int_equal(w->backend->open(&options, &other, &w->err), MST_E_REHEARSAL);
    fixture_make_dir(dir, sizeof dir);
    options.path = dir;
    assert_int_equal(w->backend->open(&options, &other, &w->err), 0);
    mst_store_close(other);
    options.rehearsal = false;
    assert_int_equal(w->backend->open(&options, &other, &w->err), MST_E_REHEARSAL);
    options.rehearsal = true;
    assert_int_equal(w->backend->open(&options, &other, &w->err), 0);
    mst_store_close(other);
    fixture_remove_dir(dir);
}

static void database_is_for_its_owner_only(void **state)
{
    struct world *w = *state;
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.lock"};
    char path[128];
    struct stat st;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", w->dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void foreign_file_is_refused_and_left_alone(void **state)
{
    struct world *w = *state;
    static const char text[] = "this is somebody's letter, and it is long enough to have a header: "
                               "0123456789 0123456789 0123456789 0123456789";
    char path[128], back[sizeof text] = "";
    struct mst_store *other = NULL;
    mst_store_close(w->s);
    w->s = NULL;
    snprintf(path, sizeof path, "%s/muster.db", w->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, sizeof text, f), sizeof text);
    fclose(f);
    assert_int_equal(w->backend->open(&w->options, &other, &w->err), MST_E_CORRUPT);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fread(back, 1, sizeof back, f), sizeof back);
    fclose(f);
    assert_string_equal(back, text);
}

/* Change the closed database behind the store's back. */
static void meddle(struct world *w, const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    mst_store_close(w->s);
    w->s = NULL;
    snprintf(path, sizeof path, "%s/muster.db", w->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void torn_segment_is_damage_and_never_given(void **state)
{
    struct world *w = *state;
    if (w->backend->bulk)
        return; /* its reports lie elsewhere */
    /* The end is gone; a length is another; bytes are too many; the run's part is cut. */
    static const char *const damages[] = {
        "UPDATE ledger SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE count > 1",
        "UPDATE ledger SET bytes = CAST(x'7f' || substr(bytes, 2) AS BLOB) WHERE count > 1",
        "UPDATE ledger SET bytes = CAST(bytes || x'00' AS BLOB) WHERE count > 1",
        "UPDATE ledger SET run = substr(run, 2) WHERE run NOT NULL",
        "UPDATE ledger SET key = 99 WHERE run NOT NULL",
    };
    for (size_t i = 0; i < COUNT_OF(damages); i++) {
        char why[256] = "";
        uint64_t k = (uint64_t)i + 2;
        assert_int_equal(fixture_write_batch(w->s, i ? k : 1, &w->err), 0);
        if (i == 0)
            assert_int_equal(fixture_write_batch(w->s, 2, &w->err), 0);
        assert_int_equal(fixture_read_batches(w->s, why, sizeof why), k);
        meddle(w, "CREATE TABLE spare AS SELECT * FROM ledger");
        assert_int_equal(world_open(w), 0);
        meddle(w, damages[i]);
        assert_int_equal(world_open(w), 0);
        assert_int_equal(fixture_read_batches(w->s, why, sizeof why), -1);
        assert_non_null(strstr(why, "damaged"));
        meddle(w, "DELETE FROM ledger; INSERT INTO ledger SELECT * FROM spare; DROP TABLE spare");
        assert_int_equal(world_open(w), 0);
    }
}

static void older_layout_is_refused_and_left_alone(void **state)
{
    struct world *w = *state;
    struct mst_store *other = NULL;
    meddle(w, "PRAGMA user_version = 5");
    assert_int_equal(w->backend->open(&w->options, &other, &w->err), MST_E_VERSION);
    assert_non_null(strstr(w->err.text, "5"));
    meddle(w, "SELECT 1");
    assert_int_equal(w->backend->open(&w->options, &other, &w->err), MST_E_VERSION);
}

static void database_of_the_first_version_is_brought_up(void **state)
{
    struct world *w = *state;
    char why[256] = "";
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0);
    /* As it left it: without what the later ones have added. */
    meddle(w, "DROP TABLE items; PRAGMA user_version = 6");
    assert_int_equal(world_open(w), 0);
    assert_int_equal(fixture_write_batch(w->s, 2, &w->err), 0);
    world_reopen(w);
    assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 2);
    assert_string_equal(why, "");
}

static void log_is_bounded_though_never_idle(void **state)
{
    struct world *w = *state;
    char path[128];
    struct stat st;
    uint64_t n = 0;
    static uint8_t bytes[4000];
    for (int batch = 0; batch < 200; batch++) {
        world_begin(w);
        for (int i = 0; i < 20; i++) {
            struct mst_row row = {.row = ++n, .kind = 2, .bytes = {bytes, sizeof bytes}};
            assert_int_equal(mst_store_put_row(w->s, w->p, &row, &w->err), 0);
        }
        world_commit(w);
    }
    snprintf(path, sizeof path, "%s/muster.db-wal", w->dir);
    assert_int_equal(stat(path, &st), 0);
    /* 16 MB were written with a limit of one. */
    assert_true(st.st_size < 2 * w->options.wal_bytes_max);
}

struct slow {
    struct world *w;
    uint64_t rows;
};

/* A reader that takes 1.1 s over its first row, while the store goes on. */
static int slow_row(void *context, const struct mst_row *row)
{
    struct slow *slow = context;
    struct timespec t0, t;
    slow->rows = row->row;
    if (row->row > 1)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    do
        clock_gettime(CLOCK_MONOTONIC, &t);
    while ((t.tv_sec - t0.tv_sec) * 1000 + (t.tv_nsec - t0.tv_nsec) / 1000000 < 1100);
    world_begin(slow->w);
    assert_int_equal(world_put_row(slow->w, slow->w->p, 3), 0);
    world_commit(slow->w);
    assert_int_equal(mst_store_publish(slow->w->s, &slow->w->err), 0);
    return 0;
}

static void slow_walk_lets_go_after_a_second(void **state)
{
    struct world *w = *state;
    struct slow slow = {w, 0};
    struct mst_reader *r;
    world_begin(w);
    assert_int_equal(world_put_row(w, w->p, 1), 0);
    assert_int_equal(world_put_row(w, w->p, 2), 0);
    world_commit(w);
    assert_int_equal(mst_store_reader_open(w->s, &r, &w->err), 0);
    assert_int_equal(mst_reader_rows(r, w->p, 1, slow_row, &slow, &w->err), 0);
    mst_reader_close(r);
    assert_int_equal(slow.rows, 3); /* the newer snapshot's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(reopened_store_holds_everything),
        WORLD_TEST(close_drops_an_open_batch),
        WORLD_TEST(counters_survive),
        WORLD_TEST(second_broker_is_kept_out),
        WORLD_TEST(real_and_rehearsed_never_mix),
        WORLD_TEST(database_is_for_its_owner_only),
        WORLD_TEST(foreign_file_is_refused_and_left_alone),
        WORLD_TEST(torn_segment_is_damage_and_never_given),
        WORLD_TEST(older_layout_is_refused_and_left_alone),
        WORLD_TEST(database_of_the_first_version_is_brought_up),
        WORLD_TEST(log_is_bounded_though_never_idle),
        WORLD_TEST(slow_walk_lets_go_after_a_second),
    };
    return WORLD_RUN(tests, true);
}
