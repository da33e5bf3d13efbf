/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance suites' common part. A backend that is added here is held to the whole contract.
 */
#include "tests/store/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- backends ---- */

uint64_t world_traced;

static void on_trace(void *context, const char *line)
{
    (void)context;
    assert_non_null(strstr(line, " -> "));
    __atomic_add_fetch(&world_traced, 1, __ATOMIC_RELAXED);
}

static const struct backend backends[] = {
    {"sqlite", mst_store_sqlite_open, .keeps = true},
    {"sqlite, behind", mst_store_sqlite_open, .keeps = true, .behind = true},
    {"sqlite, bulk", mst_store_sqlite_open, .keeps = true, .bulk = true},
    {"sqlite, bulk, apart", mst_store_sqlite_open, .keeps = true, .bulk = true, .apart = true},
    {"mem", mst_store_mem_open, .trace = false},
    {"trace(sqlite, behind, bulk)", mst_store_sqlite_open, .trace = true, .keeps = true,
     .behind = true, .bulk = true},
    {"trace(mem)", mst_store_mem_open, .trace = true},
};
static const struct backend *backend;

int world_open(struct world *w)
{
    struct mst_store *inner = NULL;
    int code = w->backend->open(&w->options, &inner, &w->err);
    if (code)
        return code;
    w->s = inner;
    if (w->backend->trace)
        code = mst_store_trace_wrap(&inner, on_trace, NULL, &w->s, &w->err);
    w->own = mst_store_own_reader(w->s);
    return code;
}

void world_begin(struct world *w)
{
    assert_int_equal(mst_store_begin(w->s, &w->err), 0);
}

void world_commit(struct world *w)
{
    assert_int_equal(fixture_commit(w->s), 0);
}

void world_reopen(struct world *w)
{
    mst_store_close(w->s);
    w->s = NULL;
    assert_int_equal(world_open(w), 0);
}

int world_set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->backend = backend;
    fixture_make_dir(w->dir, sizeof w->dir);
    w->options = fixture_options(w->dir);
    w->options.behind_bytes = backend->behind;
    w->options.bulk_bytes = backend->bulk;
    w->options.record_bytes_max = backend->apart;
    w->options.bulk_file_bytes_max = 20000; /* a few batches of the model */
    assert_int_equal(world_open(w), 0);
    world_begin(w);
    assert_int_equal(mst_store_programme(w->s, "p1", &w->p, &w->err), 0);
    world_commit(w);
    *state = w;
    return 0;
}

int world_tear_down(void **state)
{
    struct world *w = *state;
    mst_store_close(w->s);
    fixture_remove_dir(w->dir);
    free(w);
    return 0;
}

/* ---- small helpers ---- */

int world_put_row(struct world *w, mst_pid p, uint64_t n)
{
    struct mst_row row = fixture_row(n);
    return mst_store_put_row(w->s, p, &row, &w->err);
}

int world_put_head(struct world *w, mst_pid p, uint64_t n)
{
    uint8_t head[MST_HASH_BYTES];
    memset(head, (int)n, sizeof head);
    return mst_store_put_head(w->s, p, n, (mst_time)n, head, &w->err);
}

int world_put_alert(struct world *w, mst_pid p, uint64_t number, uint64_t row, uint8_t id)
{
    struct mst_stored_alert alert = {.number = number, .row = row};
    memset(alert.id, id, sizeof alert.id);
    alert.audience = fixture_text("unit:u1");
    alert.group = fixture_text("g1");
    return mst_store_put_alert(w->s, p, &alert, &w->err);
}

int world_saw(struct seen *seen, uint64_t number)
{
    assert_true(seen->count < COUNT_OF(seen->numbers));
    seen->numbers[seen->count++] = number;
    return seen->stop_after && seen->count == seen->stop_after;
}

int world_saw_row(void *context, const struct mst_row *row)
{
    struct mst_row model = fixture_row(row->row);
    if (row->run) {
        model.kind = MST_ROW_REPORT;
        model.at = row->run->at;
        model.bytes = fixture_report(row->row % 6);
        assert_in_range(row->row - row->run->row_first, 0, row->run->last - row->run->first);
    }
    assert_int_equal(row->at, model.at);
    assert_int_equal(row->kind, model.kind);
    assert_int_equal(row->bytes.len, model.bytes.len);
    assert_memory_equal(row->bytes.data, model.bytes.data, model.bytes.len);
    return world_saw(context, row->row);
}

int world_saw_head(void *context, uint64_t row, mst_time at, const uint8_t head[MST_HASH_BYTES])
{
    assert_int_equal(at, row);
    assert_int_equal(head[MST_HASH_BYTES - 1], row & 0xff);
    return world_saw(context, row);
}

int world_saw_alert(void *context, const struct mst_stored_alert *alert)
{
    return world_saw(context, alert->number);
}

size_t world_rows_seen(struct world *w, struct mst_reader *r, mst_pid p, uint64_t from)
{
    struct seen seen = {.count = 0};
    assert_int_equal(mst_reader_rows(r, p, from, world_saw_row, &seen, &w->err), 0);
    for (size_t i = 0; i < seen.count; i++)
        assert_int_equal(seen.numbers[i], (from ? from : 1) + i);
    return seen.count;
}

size_t world_meta_len(struct world *w, struct mst_reader *r, mst_pid p, const char *name)
{
    uint8_t bytes[64];
    size_t len = sizeof bytes;
    assert_int_equal(mst_reader_meta(r, p, name, bytes, &len, &w->err), 0);
    return len;
}

/* ---- all backends ---- */

int world_run(const struct CMUnitTest *tests, size_t count, bool keeping)
{
    int failed = 0;
    for (size_t i = 0; i < COUNT_OF(backends); i++) {
        backend = &backends[i];
        if (!keeping || backend->keeps)
            failed += _cmocka_run_group_tests(backend->name, tests, count, NULL, NULL);
    }
    return failed;
}
