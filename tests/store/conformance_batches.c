/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of batches and numbers, against every backend. */
#include "tests/store/world.h"

#include <string.h>

static int count_row(void *context, const struct mst_row *row)
{
    (void)row;
    ++*(uint64_t *)context;
    return 0;
}

static uint64_t rows_in(struct world *w)
{
    uint64_t count = 0;
    assert_int_equal(mst_reader_rows(w->own, w->p, 1, count_row, &count, &w->err), 0);
    return count;
}

/* ---- batches ---- */

static void rolled_back_batch_leaves_nothing(void **state)
{
    struct world *w = *state;
    char why[256] = "";
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0);
    world_begin(w);
    assert_int_equal(fixture_put_batch(w->s, 2, &w->err), 0);
    mst_store_rollback(w->s);
    assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 1);
    assert_string_equal(why, "");
    /* The numbers are free again. */
    assert_int_equal(fixture_write_batch(w->s, 2, &w->err), 0);
    assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 2);
}

static void rolled_back_programme_gives_its_number_back(void **state)
{
    struct world *w = *state;
    mst_pid p = 0, again = 0;
    world_begin(w);
    assert_int_equal(mst_store_programme(w->s, "p2", &p, &w->err), 0);
    assert_int_equal(p, 2);
    mst_store_rollback(w->s);
    world_begin(w);
    assert_int_equal(world_put_row(w, 2, 1), MST_E_UNKNOWN);
    assert_int_equal(mst_store_programme(w->s, "p3", &again, &w->err), 0);
    assert_int_equal(again, 2);
    assert_int_equal(mst_store_programme(w->s, "p1", &again, &w->err), 0);
    assert_int_equal(again, 1);
    world_commit(w);
}

static void writes_need_a_batch(void **state)
{
    struct world *w = *state;
    struct fixture_done done = {0, -1};
    bool more;
    assert_int_equal(world_put_row(w, w->p, 1), MST_E_INTERNAL);
    mst_store_commit(w->s, fixture_on_done, &done);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.code, MST_E_INTERNAL);
    world_begin(w);
    assert_int_equal(mst_store_begin(w->s, &w->err), MST_E_INTERNAL);
    assert_int_equal(mst_store_maintain(w->s, &more, &w->err), MST_E_INTERNAL);
    assert_int_equal(world_put_row(w, w->p, 1), 0);
    world_commit(w);
    mst_store_rollback(w->s); /* legal without a batch, and undoes nothing */
    assert_int_equal(world_rows_seen(w, w->own, w->p, 1), 1);
    assert_int_equal(mst_store_maintain(w->s, &more, &w->err), 0);
    assert_false(more);
}

static void empty_batch_commits(void **state)
{
    struct world *w = *state;
    world_begin(w);
    world_commit(w);
    /* Whoever waits for a descriptor has one; nothing waits there now. */
    assert_int_equal(mst_store_fd(w->s) >= 0, w->backend->behind);
    mst_store_complete(w->s);
}

static void own_reader_sees_the_batch_and_another_only_after_commit(void **state)
{
    struct world *w = *state;
    struct mst_reader *other;
    uint64_t row, number;
    mst_time at;
    uint8_t head[MST_HASH_BYTES];
    assert_int_equal(mst_store_reader_open(w->s, &other, &w->err), 0);
    world_begin(w);
    assert_int_equal(world_put_row(w, w->p, 1), 0);
    assert_int_equal(world_put_head(w, w->p, 1), 0);
    assert_int_equal(world_put_alert(w, w->p, 1, 1, 1), 0);
    assert_int_equal(mst_store_put_meta(w->s, w->p, "m", fixture_text("x"), &w->err), 0);
    for (int after = 0; after < 2; after++) {
        struct mst_reader *readers[] = {w->own, other};
        for (size_t i = 0; i < 2; i++) {
            size_t there = after || i == 0;
            assert_int_equal(world_rows_seen(w, readers[i], w->p, 1), there);
            assert_int_equal(world_meta_len(w, readers[i], w->p, "m"), there);
            assert_int_equal(mst_reader_last_alert(readers[i], w->p, &number, &w->err), 0);
            assert_int_equal(number, there);
            assert_int_equal(mst_reader_last_head(readers[i], w->p, &row, &at, head, &w->err), 0);
            assert_int_equal(row, there);
        }
        if (!after) {
            world_commit(w);
            assert_int_equal(mst_store_publish(w->s, &w->err), 0);
        }
    }
    mst_reader_close(other);
}

/* Committed ones that other readers may not see yet. */
static void dropped_batch_takes_no_other_with_it(void **state)
{
    struct world *w = *state;
    char why[256] = "";
    for (uint64_t k = 1; k <= 3; k++)
        assert_int_equal(fixture_write_batch(w->s, k, &w->err), 0);
    for (int times = 0; times < 2; times++) {
        world_begin(w);
        assert_int_equal(fixture_put_batch(w->s, 4, &w->err), 0);
        mst_store_rollback(w->s);
        assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 3);
    }
    assert_int_equal(fixture_write_batch(w->s, 4, &w->err), 0);
    if (!w->backend->keeps)
        return;
    world_reopen(w);
    assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 4);
}

static void nothing_is_asked_of_the_store_during_a_commit(void **state)
{
    struct world *w = *state;
    struct fixture_done done = {0, -1};
    uint64_t row;
    mst_time at;
    uint8_t head[MST_HASH_BYTES];
    world_begin(w);
    assert_int_equal(fixture_put_batch(w->s, 1, &w->err), 0);
    mst_store_commit(w->s, fixture_on_done, &done);
    assert_int_equal(done.calls, !w->backend->behind);
    if (done.calls)
        return;
    assert_int_equal(mst_store_begin(w->s, &w->err), MST_E_INTERNAL);
    assert_int_equal(world_put_row(w, w->p, 9), MST_E_INTERNAL);
    assert_int_equal(mst_reader_last_head(w->own, w->p, &row, &at, head, &w->err), MST_E_INTERNAL);
    /* Closing waits for it, and it is there. */
    world_reopen(w);
    assert_int_equal(rows_in(w), fixture_batch_rows(1));
}

static void begin_in_done(void *context, int code, const struct mst_err *err)
{
    (void)err;
    assert_int_equal(code, 0);
    world_begin(context);
}

static void completion_may_begin_the_next_batch(void **state)
{
    struct world *w = *state;
    world_begin(w);
    assert_int_equal(world_put_row(w, w->p, 1), 0);
    mst_store_commit(w->s, begin_in_done, w);
    assert_int_equal(world_put_row(w, w->p, 2), 0);
    world_commit(w);
    assert_int_equal(world_rows_seen(w, w->own, w->p, 1), 2);
}

/* ---- numbers ---- */

static void holes_and_repeats_of_rows_are_refused(void **state)
{
    struct world *w = *state;
    world_begin(w);
    assert_int_equal(world_put_row(w, w->p, 0), MST_E_CORRUPT);
    assert_int_equal(world_put_row(w, w->p, 2), MST_E_CORRUPT);
    assert_int_equal(world_put_row(w, w->p, 1), 0);
    assert_int_equal(world_put_row(w, w->p, 1), MST_E_CORRUPT);
    assert_int_equal(world_put_row(w, w->p, 3), MST_E_CORRUPT);
    world_commit(w);
    world_begin(w);
    assert_int_equal(world_put_row(w, w->p, 1), MST_E_CORRUPT);
    assert_int_equal(world_put_row(w, w->p, 2), 0);
    world_commit(w);
    assert_int_equal(world_rows_seen(w, w->own, w->p, 1), 2);
}

static void head_belongs_to_the_last_row_and_one_is_kept(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    world_begin(w);
    assert_int_equal(world_put_head(w, w->p, 0), MST_E_CORRUPT);
    for (uint64_t n = 1; n <= 3; n++) {
        assert_int_equal(world_put_row(w, w->p, n), 0);
        assert_int_equal(world_put_head(w, w->p, n), 0);
        assert_int_equal(world_put_head(w, w->p, n), 0);
    }
    assert_int_equal(world_put_head(w, w->p, 2), MST_E_CORRUPT);
    world_commit(w);
    world_begin(w);
    assert_int_equal(world_put_row(w, w->p, 4), 0);
    assert_int_equal(world_put_head(w, w->p, 4), 0);
    world_commit(w);
    assert_int_equal(mst_reader_heads(w->own, w->p, 0, world_saw_head, &seen, &w->err), 0);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.numbers[0], 3);
    assert_int_equal(seen.numbers[1], 4);
    seen.count = 0;
    assert_int_equal(mst_reader_heads(w->own, w->p, 4, world_saw_head, &seen, &w->err), 0);
    assert_int_equal(seen.count, 1);
}

static void last_head_of_an_empty_ledger_is_row_0(void **state)
{
    struct world *w = *state;
    uint64_t row = 9, number = 9;
    mst_time at = 9;
    uint8_t head[MST_HASH_BYTES];
    assert_int_equal(mst_reader_last_head(w->own, w->p, &row, &at, head, &w->err), 0);
    assert_int_equal(row, 0);
    assert_int_equal(mst_reader_last_alert(w->own, w->p, &number, &w->err), 0);
    assert_int_equal(number, 0);
}

static void alert_numbers_are_contiguous_and_ids_unique(void **state)
{
    struct world *w = *state;
    world_begin(w);
    assert_int_equal(world_put_alert(w, w->p, 1, 1, 1), MST_E_CORRUPT); /* no such row */
    assert_int_equal(world_put_row(w, w->p, 1), 0);
    assert_int_equal(world_put_alert(w, w->p, 2, 1, 1), MST_E_CORRUPT);
    assert_int_equal(world_put_alert(w, w->p, 1, 1, 1), 0);
    assert_int_equal(world_put_alert(w, w->p, 1, 1, 2), MST_E_CORRUPT);
    assert_int_equal(world_put_alert(w, w->p, 2, 1, 1), MST_E_EXISTS);
    world_commit(w);
    world_begin(w);
    assert_int_equal(world_put_alert(w, w->p, 2, 1, 1), MST_E_EXISTS);
    assert_int_equal(world_put_alert(w, w->p, 2, 1, 2), 0);
    world_commit(w);
    struct seen seen = {.count = 0};
    assert_int_equal(mst_reader_alerts(w->own, w->p, 0, world_saw_alert, &seen, &w->err), 0);
    assert_int_equal(seen.count, 2);
}

static void trace_tells_every_call(void **state)
{
    struct world *w = *state;
    uint64_t before = world_traced;
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0);
    assert_int_equal(rows_in(w), fixture_batch_rows(1));
    /* begin, programme, run, row, head, alert, obligation, item, outbox, meta, commit, walk */
    assert_int_equal(world_traced - before, w->backend->trace ? 12 : 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(rolled_back_batch_leaves_nothing),
        WORLD_TEST(rolled_back_programme_gives_its_number_back),
        WORLD_TEST(writes_need_a_batch),
        WORLD_TEST(empty_batch_commits),
        WORLD_TEST(own_reader_sees_the_batch_and_another_only_after_commit),
        WORLD_TEST(dropped_batch_takes_no_other_with_it),
        WORLD_TEST(nothing_is_asked_of_the_store_during_a_commit),
        WORLD_TEST(completion_may_begin_the_next_batch),
        WORLD_TEST(holes_and_repeats_of_rows_are_refused),
        WORLD_TEST(head_belongs_to_the_last_row_and_one_is_kept),
        WORLD_TEST(last_head_of_an_empty_ledger_is_row_0),
        WORLD_TEST(alert_numbers_are_contiguous_and_ids_unique),
        WORLD_TEST(trace_tells_every_call),
    };
    return WORLD_RUN(tests, false);
}
