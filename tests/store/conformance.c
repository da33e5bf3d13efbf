/* SPDX-License-Identifier: Apache-2.0 */
/* Every sentence of the store's contract, against every backend that there is. */
#include "tests/store/fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* ---- backends ---- */

static uint64_t traced;

static void on_trace(void *context, const char *line)
{
    (void)context;
    assert_non_null(strstr(line, " -> "));
    __atomic_add_fetch(&traced, 1, __ATOMIC_RELAXED);
}

struct backend {
    const char *name;
    int (*open)(const struct mst_store_options *, struct mst_store **, struct mst_err *);
    bool trace, keeps; /* keeps: what is stored outlives the store */
};

static const struct backend backends[] = {
    {"sqlite", mst_store_sqlite_open, false, true},
    {"mem", mst_store_mem_open, false, false},
    {"trace(sqlite)", mst_store_sqlite_open, true, true},
    {"trace(mem)", mst_store_mem_open, true, false},
};
static const struct backend *backend;

struct world {
    char dir[64];
    struct mst_store_options options;
    struct mst_store *s;
    struct mst_reader *own;
    mst_pid p;
    struct mst_err err;
};

static int open_store(struct world *w)
{
    struct mst_store *inner = NULL;
    int code = backend->open(&w->options, &inner, &w->err);
    if (code)
        return code;
    w->s = inner;
    if (backend->trace)
        code = mst_store_trace_wrap(&inner, on_trace, NULL, &w->s, &w->err);
    w->own = mst_store_own_reader(w->s);
    return code;
}

static void begin(struct world *w)
{
    assert_int_equal(mst_store_begin(w->s, &w->err), 0);
}

static void commit(struct world *w)
{
    assert_int_equal(fixture_commit(w->s), 0);
}

static void reopen(struct world *w)
{
    mst_store_close(w->s);
    w->s = NULL;
    assert_int_equal(open_store(w), 0);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    fixture_make_dir(w->dir, sizeof w->dir);
    w->options = fixture_options(w->dir);
    assert_int_equal(open_store(w), 0);
    begin(w);
    assert_int_equal(mst_store_programme(w->s, "p1", &w->p, &w->err), 0);
    commit(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    mst_store_close(w->s);
    fixture_remove_dir(w->dir);
    free(w);
    return 0;
}

/* ---- small helpers ---- */

static int put_row(struct world *w, mst_pid p, uint64_t n)
{
    struct mst_row row = fixture_row(n);
    return mst_store_put_row(w->s, p, &row, &w->err);
}

static int put_head(struct world *w, mst_pid p, uint64_t n)
{
    uint8_t head[MST_HASH_BYTES];
    memset(head, (int)n, sizeof head);
    return mst_store_put_head(w->s, p, n, (mst_time)n, head, &w->err);
}

static int put_alert(struct world *w, mst_pid p, uint64_t number, uint64_t row, uint8_t id)
{
    struct mst_stored_alert alert = {.number = number, .row = row};
    memset(alert.id, id, sizeof alert.id);
    alert.audience = fixture_text("unit:u1");
    alert.group = fixture_text("g1");
    return mst_store_put_alert(w->s, p, &alert, &w->err);
}

/* What a walk saw: numbers in order, and the last name. */
struct seen {
    uint64_t numbers[64];
    size_t count;
    size_t stop_after; /* 0: never */
    char text[600];
};

static int saw(struct seen *seen, uint64_t number)
{
    assert_true(seen->count < COUNT_OF(seen->numbers));
    seen->numbers[seen->count++] = number;
    return seen->stop_after && seen->count == seen->stop_after;
}

static int saw_row(void *context, const struct mst_row *row)
{
    struct mst_row model = fixture_row(row->row);
    assert_int_equal(row->at, model.at);
    assert_int_equal(row->kind, model.kind);
    assert_int_equal(row->bytes.len, model.bytes.len);
    assert_memory_equal(row->bytes.data, model.bytes.data, model.bytes.len);
    return saw(context, row->row);
}

static int saw_head(void *context, uint64_t row, mst_time at, const uint8_t head[MST_HASH_BYTES])
{
    assert_int_equal(at, row);
    assert_int_equal(head[MST_HASH_BYTES - 1], row & 0xff);
    return saw(context, row);
}

static int saw_alert(void *context, const struct mst_stored_alert *alert)
{
    return saw(context, alert->number);
}

static size_t rows_seen(struct world *w, struct mst_reader *r, mst_pid p, uint64_t from)
{
    struct seen seen = {.count = 0};
    assert_int_equal(mst_reader_rows(r, p, from, saw_row, &seen, &w->err), 0);
    for (size_t i = 0; i < seen.count; i++)
        assert_int_equal(seen.numbers[i], (from ? from : 1) + i);
    return seen.count;
}

static size_t meta_len(struct world *w, struct mst_reader *r, mst_pid p, const char *name)
{
    uint8_t bytes[64];
    size_t len = sizeof bytes;
    assert_int_equal(mst_reader_meta(r, p, name, bytes, &len, &w->err), 0);
    return len;
}

/* ---- batches ---- */

static void rolled_back_batch_leaves_nothing(void **state)
{
    struct world *w = *state;
    char why[256] = "";
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0);
    begin(w);
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
    begin(w);
    assert_int_equal(mst_store_programme(w->s, "p2", &p, &w->err), 0);
    assert_int_equal(p, 2);
    mst_store_rollback(w->s);
    begin(w);
    assert_int_equal(put_row(w, 2, 1), MST_E_UNKNOWN);
    assert_int_equal(mst_store_programme(w->s, "p3", &again, &w->err), 0);
    assert_int_equal(again, 2);
    assert_int_equal(mst_store_programme(w->s, "p1", &again, &w->err), 0);
    assert_int_equal(again, 1);
    commit(w);
}

static void close_drops_an_open_batch(void **state)
{
    struct world *w = *state;
    begin(w);
    assert_int_equal(put_row(w, w->p, 1), 0);
    if (!backend->keeps)
        return;
    reopen(w);
    assert_int_equal(rows_seen(w, w->own, w->p, 0), 0);
}

static void writes_need_a_batch(void **state)
{
    struct world *w = *state;
    struct fixture_done done = {0, -1};
    bool more;
    assert_int_equal(put_row(w, w->p, 1), MST_E_INTERNAL);
    mst_store_commit(w->s, fixture_on_done, &done);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.code, MST_E_INTERNAL);
    begin(w);
    assert_int_equal(mst_store_begin(w->s, &w->err), MST_E_INTERNAL);
    assert_int_equal(mst_store_maintain(w->s, &more, &w->err), MST_E_INTERNAL);
    assert_int_equal(put_row(w, w->p, 1), 0);
    commit(w);
    mst_store_rollback(w->s); /* legal without a batch, and undoes nothing */
    assert_int_equal(rows_seen(w, w->own, w->p, 1), 1);
    assert_int_equal(mst_store_maintain(w->s, &more, &w->err), 0);
    assert_false(more);
}

static void empty_batch_commits(void **state)
{
    struct world *w = *state;
    begin(w);
    commit(w);
    assert_int_equal(mst_store_fd(w->s), -1);
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
    begin(w);
    assert_int_equal(put_row(w, w->p, 1), 0);
    assert_int_equal(put_head(w, w->p, 1), 0);
    assert_int_equal(put_alert(w, w->p, 1, 1, 1), 0);
    assert_int_equal(mst_store_put_meta(w->s, w->p, "m", fixture_text("x"), &w->err), 0);
    for (int after = 0; after < 2; after++) {
        struct mst_reader *readers[] = {w->own, other};
        for (size_t i = 0; i < 2; i++) {
            size_t there = after || i == 0;
            assert_int_equal(rows_seen(w, readers[i], w->p, 1), there);
            assert_int_equal(meta_len(w, readers[i], w->p, "m"), there);
            assert_int_equal(mst_reader_last_alert(readers[i], w->p, &number, &w->err), 0);
            assert_int_equal(number, there);
            assert_int_equal(mst_reader_last_head(readers[i], w->p, &row, &at, head, &w->err), 0);
            assert_int_equal(row, there);
        }
        if (!after)
            commit(w);
    }
    mst_reader_close(other);
}

static int begin_next(struct world *w)
{
    return mst_store_begin(w->s, &w->err);
}

static void begin_in_done(void *context, int code, const struct mst_err *err)
{
    (void)err;
    assert_int_equal(code, 0);
    assert_int_equal(begin_next(context), 0);
}

static void completion_may_begin_the_next_batch(void **state)
{
    struct world *w = *state;
    begin(w);
    assert_int_equal(put_row(w, w->p, 1), 0);
    mst_store_commit(w->s, begin_in_done, w);
    assert_int_equal(put_row(w, w->p, 2), 0);
    commit(w);
    assert_int_equal(rows_seen(w, w->own, w->p, 1), 2);
}

/* ---- numbers ---- */

static void holes_and_repeats_of_rows_are_refused(void **state)
{
    struct world *w = *state;
    begin(w);
    assert_int_equal(put_row(w, w->p, 0), MST_E_CORRUPT);
    assert_int_equal(put_row(w, w->p, 2), MST_E_CORRUPT);
    assert_int_equal(put_row(w, w->p, 1), 0);
    assert_int_equal(put_row(w, w->p, 1), MST_E_CORRUPT);
    assert_int_equal(put_row(w, w->p, 3), MST_E_CORRUPT);
    commit(w);
    begin(w);
    assert_int_equal(put_row(w, w->p, 1), MST_E_CORRUPT);
    assert_int_equal(put_row(w, w->p, 2), 0);
    commit(w);
    assert_int_equal(rows_seen(w, w->own, w->p, 1), 2);
}

static void head_belongs_to_the_last_row_and_one_is_kept(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    begin(w);
    assert_int_equal(put_head(w, w->p, 0), MST_E_CORRUPT);
    for (uint64_t n = 1; n <= 3; n++) {
        assert_int_equal(put_row(w, w->p, n), 0);
        assert_int_equal(put_head(w, w->p, n), 0);
        assert_int_equal(put_head(w, w->p, n), 0);
    }
    assert_int_equal(put_head(w, w->p, 2), MST_E_CORRUPT);
    commit(w);
    begin(w);
    assert_int_equal(put_row(w, w->p, 4), 0);
    assert_int_equal(put_head(w, w->p, 4), 0);
    commit(w);
    assert_int_equal(mst_reader_heads(w->own, w->p, 0, saw_head, &seen, &w->err), 0);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.numbers[0], 3);
    assert_int_equal(seen.numbers[1], 4);
    seen.count = 0;
    assert_int_equal(mst_reader_heads(w->own, w->p, 4, saw_head, &seen, &w->err), 0);
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
    begin(w);
    assert_int_equal(put_alert(w, w->p, 1, 1, 1), MST_E_CORRUPT); /* no such row */
    assert_int_equal(put_row(w, w->p, 1), 0);
    assert_int_equal(put_alert(w, w->p, 2, 1, 1), MST_E_CORRUPT);
    assert_int_equal(put_alert(w, w->p, 1, 1, 1), 0);
    assert_int_equal(put_alert(w, w->p, 1, 1, 2), MST_E_CORRUPT);
    assert_int_equal(put_alert(w, w->p, 2, 1, 1), MST_E_EXISTS);
    commit(w);
    begin(w);
    assert_int_equal(put_alert(w, w->p, 2, 1, 1), MST_E_EXISTS);
    assert_int_equal(put_alert(w, w->p, 2, 1, 2), 0);
    commit(w);
    struct seen seen = {.count = 0};
    assert_int_equal(mst_reader_alerts(w->own, w->p, 0, saw_alert, &seen, &w->err), 0);
    assert_int_equal(seen.count, 2);
}

static void counters_survive(void **state)
{
    struct world *w = *state;
    char why[256] = "";
    if (!backend->keeps)
        return;
    for (uint64_t k = 1; k <= 20; k++)
        assert_int_equal(fixture_write_batch(w->s, k, &w->err), 0);
    for (int i = 0; i < 2; i++) {
        reopen(w);
        assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 20 + i);
        begin(w);
        assert_int_equal(put_row(w, w->p, 1), MST_E_CORRUPT);
        assert_int_equal(put_alert(w, w->p, 1, 1, 77), MST_E_CORRUPT);
        mst_store_rollback(w->s);
        assert_int_equal(fixture_write_batch(w->s, 21 + (uint64_t)i, &w->err), 0);
    }
}

/* ---- what is stored is what was put ---- */

static int take_alert(void *context, const struct mst_stored_alert *alert)
{
    struct seen *seen = context;
    struct mst_row row = fixture_row(2);
    assert_int_equal(alert->row, 2);
    assert_int_equal(alert->id[5], 7);
    assert_int_equal(alert->row_head[3], 0);
    assert_int_equal(alert->audience.len, 7);
    assert_memory_equal(alert->audience.data, "unit:u1", 7);
    assert_memory_equal(alert->group.data, "g1", 2);
    assert_int_equal(alert->bytes.len, row.bytes.len);
    assert_memory_equal(alert->bytes.data, row.bytes.data, row.bytes.len);
    return saw(seen, alert->number);
}

static void alert_reads_the_bytes_of_its_row(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    begin(w);
    assert_int_equal(put_row(w, w->p, 1), 0);
    assert_int_equal(put_row(w, w->p, 2), 0);
    assert_int_equal(put_alert(w, w->p, 1, 2, 7), 0);
    assert_int_equal(mst_reader_alerts(w->own, w->p, 0, take_alert, &seen, &w->err), 0);
    commit(w);
    assert_int_equal(mst_reader_alerts(w->own, w->p, 0, take_alert, &seen, &w->err), 0);
    assert_int_equal(seen.count, 2);
}

static int take_run(void *context, const struct mst_run *run)
{
    assert_int_equal(run->outbox, 5);
    assert_int_equal(run->first, run->last - 9);
    assert_int_equal(run->row_first, 1000 + run->first);
    assert_int_equal(run->at, 77);
    assert_int_equal(run->prev[31], 1);
    assert_int_equal(run->head[31], 2);
    assert_int_equal(run->sig[63], 3);
    assert_int_equal(run->sign_key[31], 4);
    return saw(context, run->last);
}

static int put_run(struct world *w, uint64_t outbox, uint64_t first, uint64_t last)
{
    struct mst_run run = {.outbox = outbox, .first = first, .last = last, .at = 77};
    run.row_first = 1000 + first;
    memset(run.prev, 1, sizeof run.prev);
    memset(run.head, 2, sizeof run.head);
    memset(run.sig, 3, sizeof run.sig);
    memset(run.sign_key, 4, sizeof run.sign_key);
    return mst_store_put_run(w->s, w->p, &run, &w->err);
}

static void runs_are_found_by_their_numbers(void **state)
{
    struct world *w = *state;
    static const struct {
        uint64_t seq, first_last, count;
    } cases[] = {{0, 10, 3}, {10, 10, 3}, {11, 20, 2}, {30, 30, 1}, {31, 0, 0}, {UINT64_MAX, 0, 0}};
    begin(w);
    assert_int_equal(put_run(w, 5, 1, 10), 0);
    assert_int_equal(put_run(w, 5, 21, 30), 0);
    assert_int_equal(put_run(w, 5, 11, 20), 0);
    assert_int_equal(put_run(w, 6, 1, 10), 0);
    assert_int_equal(put_run(w, 5, 11, 20), MST_E_EXISTS);
    assert_int_equal(put_run(w, 5, 0, 3), MST_E_INVALID);
    assert_int_equal(put_run(w, 5, 4, 3), MST_E_INVALID);
    commit(w);
    begin(w);
    assert_int_equal(put_run(w, 5, 11, 20), MST_E_EXISTS);
    commit(w);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct seen seen = {.count = 0};
        assert_int_equal(mst_reader_runs(w->own, w->p, 5, cases[i].seq, take_run, &seen, &w->err),
                         0);
        assert_int_equal(seen.count, cases[i].count);
        if (seen.count)
            assert_int_equal(seen.numbers[0], cases[i].first_last);
    }
}

static int take_outbox(void *context, const struct mst_outbox *outbox)
{
    struct seen *seen = context;
    snprintf(seen->text, sizeof seen->text, "%.16s %s %d", (const char *)outbox->id, outbox->unit,
             outbox->head[31]);
    assert_int_equal(saw(seen, outbox->number), 0);
    return saw(seen, outbox->last);
}

static void outbox_keeps_its_number_and_moves_on(void **state)
{
    struct world *w = *state;
    struct mst_outbox a = {.id = "aaaaaaaaaaaaaaaa", .unit = "u1", .last = 3};
    struct mst_outbox b = {.id = "bbbbbbbbbbbbbbbb", .unit = "u2", .last = 4};
    struct seen seen = {.count = 0};
    begin(w);
    assert_int_equal(mst_store_put_outbox(w->s, w->p, &a, &w->err), 0);
    assert_int_equal(mst_store_put_outbox(w->s, w->p, &b, &w->err), 0);
    assert_int_not_equal(a.number, 0);
    assert_int_not_equal(a.number, b.number);
    commit(w);
    begin(w);
    uint64_t number = a.number;
    a.number = 0;
    a.last = 9;
    memset(a.head, 8, sizeof a.head);
    assert_int_equal(mst_store_put_outbox(w->s, w->p, &a, &w->err), 0);
    assert_int_equal(a.number, number);
    assert_int_equal(mst_store_put_outbox(w->s, w->p, &a, &w->err), 0);
    commit(w);
    assert_int_equal(mst_reader_outboxes(w->own, w->p, take_outbox, &seen, &w->err), 0);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.numbers[0], a.number);
    assert_int_equal(seen.numbers[1], 9);
    assert_int_equal(seen.numbers[2], b.number);
    assert_int_equal(seen.numbers[3], 4);
    assert_string_equal(seen.text, "bbbbbbbbbbbbbbbb u2 0");
}

static int take_refusal(void *context, const struct mst_refusal *refusal)
{
    struct seen *seen = context;
    assert_int_equal(refusal->outbox, 5);
    assert_int_equal(refusal->code, MST_R_LOCKED);
    assert_non_null(refusal->subject.data);
    snprintf(seen->text, sizeof seen->text, "%.*s", (int)refusal->subject.len,
             (const char *)refusal->subject.data);
    return saw(seen, refusal->seq);
}

static void refusals_are_found_in_a_range(void **state)
{
    struct world *w = *state;
    struct mst_refusal refusal = {.outbox = 5, .code = MST_R_LOCKED};
    static const uint64_t seqs[] = {7, 3, 1, 9};
    struct seen seen = {.count = 0};
    begin(w);
    for (size_t i = 0; i < COUNT_OF(seqs); i++) {
        refusal.seq = seqs[i];
        refusal.subject = fixture_text(i % 2 ? "subject" : "");
        assert_int_equal(mst_store_put_refusal(w->s, w->p, &refusal, &w->err), 0);
    }
    assert_int_equal(mst_store_put_refusal(w->s, w->p, &refusal, &w->err), MST_E_EXISTS);
    refusal.outbox = 6;
    assert_int_equal(mst_store_put_refusal(w->s, w->p, &refusal, &w->err), 0);
    commit(w);
    assert_int_equal(mst_reader_refusals(w->own, w->p, 5, 2, 7, take_refusal, &seen, &w->err), 0);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.numbers[0], 3);
    assert_int_equal(seen.numbers[1], 7);
    assert_string_equal(seen.text, "");
    seen.count = 0;
    assert_int_equal(
        mst_reader_refusals(w->own, w->p, 5, 0, UINT64_MAX, take_refusal, &seen, &w->err), 0);
    assert_int_equal(seen.count, 4);
}

static int take_obligation(void *context, const char *id, struct mst_slice bytes)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    assert_non_null(bytes.data);
    snprintf(seen->text + len, sizeof seen->text - len, "%s=%.*s;", id, (int)bytes.len,
             (const char *)bytes.data);
    return saw(seen, bytes.len);
}

static void obligations_are_replaced_and_walk_by_id(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    char long_id[MST_STORE_NAME_BYTES_MAX + 2];
    memset(long_id, 'z', sizeof long_id);
    long_id[sizeof long_id - 1] = '\0';
    begin(w);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "b", fixture_text("1"), &w->err), 0);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "县", fixture_text(""), &w->err), 0);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "", fixture_text("1"), &w->err),
                     MST_E_INVALID);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, long_id, fixture_text("1"), &w->err),
                     MST_E_INVALID);
    commit(w);
    begin(w);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "a", fixture_text("2"), &w->err), 0);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "b", fixture_text("3"), &w->err), 0);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "b", fixture_text("44"), &w->err), 0);
    assert_int_equal(mst_reader_obligations(w->own, w->p, take_obligation, &seen, &w->err), 0);
    assert_string_equal(seen.text, "a=2;b=44;县=;");
    commit(w);
    memset(&seen, 0, sizeof seen);
    assert_int_equal(mst_reader_obligations(w->own, w->p, take_obligation, &seen, &w->err), 0);
    assert_string_equal(seen.text, "a=2;b=44;县=;");
}

static int take_cursor(void *context, const char *principal, const char *name, uint64_t cursor)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%s/%s=%llu;", principal, name,
             (unsigned long long)cursor);
    return 0;
}

static void cursors_belong_to_principal_and_name(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    static const struct {
        const char *principal, *name;
        uint64_t cursor;
    } puts_in_order[] = {{"office:b", "watch", 1},
                         {"office:a", "x", 2},
                         {"office:a", "", 3},
                         {"office:b", "watch", UINT64_MAX}};
    begin(w);
    for (size_t i = 0; i < COUNT_OF(puts_in_order); i++)
        assert_int_equal(mst_store_put_cursor(w->s, w->p, puts_in_order[i].principal,
                                              puts_in_order[i].name, puts_in_order[i].cursor,
                                              &w->err),
                         0);
    commit(w);
    assert_int_equal(mst_reader_cursors(w->own, w->p, take_cursor, &seen, &w->err), 0);
    assert_string_equal(seen.text, "office:a/=3;office:a/x=2;office:b/watch=18446744073709551615;");
}

static int take_key(void *context, const struct mst_key *key)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    assert_int_equal(key->sign[31], key->channel[0]);
    assert_int_equal(key->not_after, MST_NEVER);
    assert_int_equal(key->created, 4);
    snprintf(seen->text + len, sizeof seen->text - len, "%d %s %u %s %lld %d;", key->channel[0],
             key->principal, key->roles, key->unit, (long long)key->revoked, (int)key->status);
    return 0;
}

static int put_key(struct world *w, uint8_t id, mst_time revoked)
{
    struct mst_key key = {.principal = "unit:u1", .roles = 5, .created = 4, .not_after = MST_NEVER};
    memset(key.channel, id, sizeof key.channel);
    memset(key.sign, id, sizeof key.sign);
    snprintf(key.unit, sizeof key.unit, "%s", id == 2 ? "" : "u1");
    key.revoked = revoked;
    key.status = revoked ? MST_KEY_REVOKED : MST_KEY_ACTIVE;
    return mst_store_put_key(w->s, w->p, &key, &w->err);
}

static void keys_are_replaced_by_their_channel_key(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    begin(w);
    assert_int_equal(put_key(w, 2, 0), 0);
    assert_int_equal(put_key(w, 1, 0), 0);
    commit(w);
    begin(w);
    assert_int_equal(put_key(w, 1, 99), 0);
    commit(w);
    assert_int_equal(mst_reader_keys(w->own, w->p, take_key, &seen, &w->err), 0);
    assert_string_equal(seen.text, "1 unit:u1 5 u1 99 2;2 unit:u1 5  0 1;");
}

static int take_invitation(void *context, const struct mst_invitation *invitation)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%d %s %u %s %lld %lld %lld;",
             invitation->token_hash[31], invitation->principal, invitation->roles, invitation->unit,
             (long long)invitation->created, (long long)invitation->expires,
             (long long)invitation->used);
    return 0;
}

static void invitations_are_replaced_by_their_token(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    struct mst_invitation invitation = {
        .principal = "unit:u1", .roles = 1, .unit = "u1", .created = 2, .expires = 3};
    begin(w);
    for (int id = 9; id >= 7; id -= 2) {
        memset(invitation.token_hash, id, sizeof invitation.token_hash);
        assert_int_equal(mst_store_put_invitation(w->s, w->p, &invitation, &w->err), 0);
    }
    invitation.used = 5;
    assert_int_equal(mst_store_put_invitation(w->s, w->p, &invitation, &w->err), 0);
    commit(w);
    assert_int_equal(mst_reader_invitations(w->own, w->p, take_invitation, &seen, &w->err), 0);
    assert_string_equal(seen.text, "7 unit:u1 1 u1 2 3 5;9 unit:u1 1 u1 2 3 0;");
}

static void meta_tells_its_size_and_copies_what_fits(void **state)
{
    struct world *w = *state;
    char bytes[4] = "....";
    size_t len = 2;
    begin(w);
    assert_int_equal(mst_store_put_meta(w->s, w->p, "m", fixture_text("old"), &w->err), 0);
    assert_int_equal(mst_store_put_meta(w->s, w->p, "m", fixture_text("abc"), &w->err), 0);
    assert_int_equal(mst_store_put_meta(w->s, 0, "m", fixture_text("broker"), &w->err), 0);
    assert_int_equal(mst_store_put_meta(w->s, 0, "empty", fixture_text(""), &w->err), 0);
    assert_int_equal(mst_store_put_meta(w->s, 0, "", fixture_text("x"), &w->err), MST_E_INVALID);
    assert_int_equal(mst_store_put_meta(w->s, 9, "m", fixture_text("x"), &w->err), MST_E_UNKNOWN);
    commit(w);
    assert_int_equal(mst_reader_meta(w->own, w->p, "m", bytes, &len, &w->err), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "ab..", 4);
    len = 0;
    assert_int_equal(mst_reader_meta(w->own, w->p, "m", NULL, &len, &w->err), 0);
    assert_int_equal(len, 3);
    assert_int_equal(meta_len(w, w->own, 0, "m"), 6);
    assert_int_equal(meta_len(w, w->own, 0, "empty"), 0);
    assert_int_equal(meta_len(w, w->own, w->p, "none"), 0);
}

static int take_big(void *context, const struct mst_row *row)
{
    struct seen *seen = context;
    assert_non_null(row->bytes.data);
    if (row->bytes.len) {
        assert_int_equal(row->bytes.data[0], row->row);
        assert_int_equal(row->bytes.data[row->bytes.len - 1], row->row);
    }
    assert_int_equal(row->at, -1);
    return saw(seen, row->bytes.len);
}

static void big_and_empty_bytes_come_back_whole(void **state)
{
    struct world *w = *state;
    static uint8_t big[60 * 1024];
    static const size_t lens[] = {sizeof big, 0, 1, 4096, 0};
    struct seen seen = {.count = 0};
    begin(w);
    for (uint64_t n = 1; n <= COUNT_OF(lens); n++) {
        memset(big, (int)n, sizeof big);
        struct mst_row row = {n, -1, 1, {lens[n - 1] ? big : NULL, lens[n - 1]}};
        assert_int_equal(mst_store_put_row(w->s, w->p, &row, &w->err), 0);
    }
    commit(w);
    assert_int_equal(mst_reader_rows(w->own, w->p, 1, take_big, &seen, &w->err), 0);
    assert_int_equal(seen.count, COUNT_OF(lens));
    for (size_t i = 0; i < COUNT_OF(lens); i++)
        assert_int_equal(seen.numbers[i], lens[i]);
}

/* ---- walks ---- */

static void walks_start_and_stop_where_told(void **state)
{
    struct world *w = *state;
    struct seen seen = {.stop_after = 3};
    begin(w);
    for (uint64_t n = 1; n <= 9; n++) {
        assert_int_equal(put_row(w, w->p, n), 0);
        assert_int_equal(put_alert(w, w->p, n, n, (uint8_t)n), 0);
        if (n == 5) {
            /* The second half is in the batch only, for the own reader's sake. */
            commit(w);
            begin(w);
        }
    }
    assert_int_equal(rows_seen(w, w->own, w->p, 4), 6);
    assert_int_equal(rows_seen(w, w->own, w->p, 9), 1);
    assert_int_equal(rows_seen(w, w->own, w->p, 10), 0);
    assert_int_equal(rows_seen(w, w->own, w->p, UINT64_MAX), 0);
    assert_int_equal(mst_reader_rows(w->own, w->p, 4, saw_row, &seen, &w->err), 0);
    assert_int_equal(seen.count, 3);
    seen.count = 0;
    assert_int_equal(mst_reader_alerts(w->own, w->p, 4, saw_alert, &seen, &w->err), 0);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.numbers[0], 5);
    seen.count = 0;
    assert_int_equal(mst_reader_alerts(w->own, w->p, UINT64_MAX, saw_alert, &seen, &w->err), 0);
    assert_int_equal(seen.count, 0);
    commit(w);
}

static int walk_within(void *context, const struct mst_row *row)
{
    struct world *w = context;
    assert_int_equal(rows_seen(w, w->own, w->p, row->row), 6 - row->row);
    return 0;
}

static void walk_within_a_walk_disturbs_neither(void **state)
{
    struct world *w = *state;
    begin(w);
    for (uint64_t n = 1; n <= 5; n++)
        assert_int_equal(put_row(w, w->p, n), 0);
    commit(w);
    assert_int_equal(mst_reader_rows(w->own, w->p, 1, walk_within, w, &w->err), 0);
}

static int take_programme(void *context, mst_pid p, const char *id)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%u=%s;", p, id);
    return saw(seen, p);
}

static size_t walk_everything(struct world *w, mst_pid p)
{
    struct seen seen = {.count = 0};
    struct mst_reader *r = w->own;
    assert_int_equal(mst_reader_rows(r, p, 0, saw_row, &seen, &w->err), 0);
    assert_int_equal(mst_reader_heads(r, p, 0, saw_head, &seen, &w->err), 0);
    assert_int_equal(mst_reader_alerts(r, p, 0, saw_alert, &seen, &w->err), 0);
    assert_int_equal(mst_reader_runs(r, p, 5, 0, take_run, &seen, &w->err), 0);
    assert_int_equal(mst_reader_refusals(r, p, 5, 0, 99, take_refusal, &seen, &w->err), 0);
    assert_int_equal(mst_reader_outboxes(r, p, take_outbox, &seen, &w->err), 0);
    assert_int_equal(mst_reader_obligations(r, p, take_obligation, &seen, &w->err), 0);
    return seen.count + meta_len(w, r, p, "m");
}

static void programmes_in_one_store_do_not_mix(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    struct mst_outbox outbox = {.id = "aaaaaaaaaaaaaaaa", .unit = "u1", .last = 3};
    struct mst_refusal refusal = {.outbox = 5, .seq = 1, .code = MST_R_LOCKED};
    mst_pid q = 0;
    begin(w);
    assert_int_equal(mst_store_programme(w->s, "p2", &q, &w->err), 0);
    assert_int_equal(q, 2);
    assert_int_equal(put_row(w, w->p, 1), 0);
    assert_int_equal(put_row(w, w->p, 2), 0);
    assert_int_equal(put_row(w, q, 1), 0);
    assert_int_equal(put_head(w, w->p, 2), 0);
    assert_int_equal(put_alert(w, w->p, 1, 1, 1), 0);
    assert_int_equal(put_alert(w, q, 1, 1, 1), 0); /* the same id in another programme */
    assert_int_equal(put_run(w, 5, 1, 10), 0);
    assert_int_equal(mst_store_put_refusal(w->s, w->p, &refusal, &w->err), 0);
    assert_int_equal(mst_store_put_outbox(w->s, w->p, &outbox, &w->err), 0);
    uint64_t number = outbox.number;
    assert_int_equal(mst_store_put_outbox(w->s, q, &outbox, &w->err), 0);
    assert_int_not_equal(outbox.number, number);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "o", fixture_text("1"), &w->err), 0);
    assert_int_equal(mst_store_put_meta(w->s, w->p, "m", fixture_text("1"), &w->err), 0);
    assert_int_equal(put_row(w, 3, 1), MST_E_UNKNOWN);
    commit(w);
    assert_int_equal(walk_everything(w, w->p), 2 + 1 + 1 + 1 + 1 + 2 + 1 + 1);
    assert_int_equal(walk_everything(w, q), 1 + 0 + 1 + 0 + 0 + 2 + 0 + 0);
    assert_int_equal(walk_everything(w, 3), 0);
    assert_int_equal(mst_reader_programmes(w->own, take_programme, &seen, &w->err), 0);
    assert_string_equal(seen.text, "1=p1;2=p2;");
}

/* ---- another thread ---- */

struct racer {
    struct mst_reader *r;
    mst_pid p;
    atomic_bool stop;
    atomic_uint_fast64_t reads;
    const char *wrong; /* read after the thread is joined */
    uint64_t rows;
};

static int race_row(void *context, const struct mst_row *row)
{
    struct racer *racer = context;
    racer->rows = row->row;
    return 0;
}

/* Heads are always of whole batches of 7; so is the ledger that a walk from a head finds. */
static void *race(void *context)
{
    struct racer *racer = context;
    struct mst_err err;
    while (!atomic_load(&racer->stop) && !racer->wrong) {
        uint64_t row;
        mst_time at;
        uint8_t head[MST_HASH_BYTES];
        if (mst_reader_last_head(racer->r, racer->p, &row, &at, head, &err))
            racer->wrong = "last_head failed";
        else if (row % 7 != 0)
            racer->wrong = "a head within a batch";
        racer->rows = row;
        if (!racer->wrong && mst_reader_rows(racer->r, racer->p, row, race_row, racer, &err))
            racer->wrong = "rows failed";
        if (!racer->wrong && racer->rows % 7 != 0)
            racer->wrong = "a walk saw a part of a batch";
        atomic_fetch_add(&racer->reads, 1);
    }
    return NULL;
}

static void reader_in_another_thread_sees_whole_batches_only(void **state)
{
    struct world *w = *state;
    struct racer racer = {.p = w->p};
    pthread_t thread;
    uint64_t n = 0;
    bool more;
    assert_int_equal(mst_store_reader_open(w->s, &racer.r, &w->err), 0);
    assert_int_equal(pthread_create(&thread, NULL, race, &racer), 0);
    while (n < 7 * 200 || atomic_load(&racer.reads) < 50) {
        begin(w);
        for (int i = 0; i < 7; i++)
            assert_int_equal(put_row(w, w->p, ++n), 0);
        assert_int_equal(put_head(w, w->p, n), 0);
        commit(w);
        assert_int_equal(mst_store_maintain(w->s, &more, &w->err), 0);
    }
    atomic_store(&racer.stop, true);
    pthread_join(thread, NULL);
    mst_reader_close(racer.r);
    assert_string_equal(racer.wrong ? racer.wrong : "", "");
}

/* ---- what outlives the store ---- */

static void reopened_store_holds_everything(void **state)
{
    struct world *w = *state;
    char why[256] = "";
    if (!backend->keeps)
        return;
    for (uint64_t k = 1; k <= 40; k++)
        assert_int_equal(fixture_write_batch(w->s, k, &w->err), 0);
    reopen(w);
    assert_int_equal(fixture_read_batches(w->s, why, sizeof why), 40);
    assert_string_equal(why, "");
}

static void second_broker_is_kept_out(void **state)
{
    struct world *w = *state;
    struct mst_store *second = NULL;
    if (!backend->keeps)
        return;
    assert_int_equal(backend->open(&w->options, &second, &w->err), MST_E_BUSY);
    assert_null(second);
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0); /* and does the first no harm */
    reopen(w);
}

static void real_and_rehearsed_never_mix(void **state)
{
    struct world *w = *state;
    struct mst_store *other = NULL;
    struct mst_store_options options = w->options;
    char dir[64];
    if (!backend->keeps)
        return;
    mst_store_close(w->s);
    w->s = NULL;
    options.rehearsal = true;
    assert_int_equal(backend->open(&options, &other, &w->err), MST_E_REHEARSAL);
    fixture_make_dir(dir, sizeof dir);
    options.path = dir;
    assert_int_equal(backend->open(&options, &other, &w->err), 0);
    mst_store_close(other);
    options.rehearsal = false;
    assert_int_equal(backend->open(&options, &other, &w->err), MST_E_REHEARSAL);
    options.rehearsal = true;
    assert_int_equal(backend->open(&options, &other, &w->err), 0);
    mst_store_close(other);
    fixture_remove_dir(dir);
}

static void database_is_for_its_owner_only(void **state)
{
    struct world *w = *state;
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.lock"};
    char path[128];
    struct stat st;
    if (!backend->keeps)
        return;
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
    if (!backend->keeps)
        return;
    mst_store_close(w->s);
    w->s = NULL;
    snprintf(path, sizeof path, "%s/muster.db", w->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, sizeof text, f), sizeof text);
    fclose(f);
    assert_int_equal(backend->open(&w->options, &other, &w->err), MST_E_CORRUPT);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fread(back, 1, sizeof back, f), sizeof back);
    fclose(f);
    assert_string_equal(back, text);
}

static void log_is_bounded_though_never_idle(void **state)
{
    struct world *w = *state;
    char path[128];
    struct stat st;
    uint64_t n = 0;
    static uint8_t bytes[4000];
    if (!backend->keeps)
        return;
    for (int batch = 0; batch < 200; batch++) {
        begin(w);
        for (int i = 0; i < 20; i++) {
            struct mst_row row = {++n, 0, 1, {bytes, sizeof bytes}};
            assert_int_equal(mst_store_put_row(w->s, w->p, &row, &w->err), 0);
        }
        commit(w);
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
    begin(slow->w);
    assert_int_equal(put_row(slow->w, slow->w->p, 3), 0);
    commit(slow->w);
    return 0;
}

static void slow_walk_lets_go_after_a_second(void **state)
{
    struct world *w = *state;
    struct slow slow = {w, 0};
    struct mst_reader *r;
    if (!backend->keeps)
        return;
    begin(w);
    assert_int_equal(put_row(w, w->p, 1), 0);
    assert_int_equal(put_row(w, w->p, 2), 0);
    commit(w);
    assert_int_equal(mst_store_reader_open(w->s, &r, &w->err), 0);
    assert_int_equal(mst_reader_rows(r, w->p, 1, slow_row, &slow, &w->err), 0);
    mst_reader_close(r);
    assert_int_equal(slow.rows, 3); /* the newer snapshot's */
}

static void trace_tells_every_call(void **state)
{
    struct world *w = *state;
    uint64_t before = traced;
    assert_int_equal(fixture_write_batch(w->s, 1, &w->err), 0);
    assert_int_equal(rows_seen(w, w->own, w->p, 1), fixture_batch_rows(1));
    /* begin, programme, rows, head, alert, obligation, outbox, run, meta, commit, walk */
    assert_int_equal(traced - before, backend->trace ? 10 + fixture_batch_rows(1) : 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rolled_back_batch_leaves_nothing),
        TEST(rolled_back_programme_gives_its_number_back),
        TEST(close_drops_an_open_batch),
        TEST(writes_need_a_batch),
        TEST(empty_batch_commits),
        TEST(own_reader_sees_the_batch_and_another_only_after_commit),
        TEST(completion_may_begin_the_next_batch),
        TEST(holes_and_repeats_of_rows_are_refused),
        TEST(head_belongs_to_the_last_row_and_one_is_kept),
        TEST(last_head_of_an_empty_ledger_is_row_0),
        TEST(alert_numbers_are_contiguous_and_ids_unique),
        TEST(counters_survive),
        TEST(alert_reads_the_bytes_of_its_row),
        TEST(runs_are_found_by_their_numbers),
        TEST(outbox_keeps_its_number_and_moves_on),
        TEST(refusals_are_found_in_a_range),
        TEST(obligations_are_replaced_and_walk_by_id),
        TEST(cursors_belong_to_principal_and_name),
        TEST(keys_are_replaced_by_their_channel_key),
        TEST(invitations_are_replaced_by_their_token),
        TEST(meta_tells_its_size_and_copies_what_fits),
        TEST(big_and_empty_bytes_come_back_whole),
        TEST(walks_start_and_stop_where_told),
        TEST(walk_within_a_walk_disturbs_neither),
        TEST(programmes_in_one_store_do_not_mix),
        TEST(reader_in_another_thread_sees_whole_batches_only),
        TEST(reopened_store_holds_everything),
        TEST(second_broker_is_kept_out),
        TEST(real_and_rehearsed_never_mix),
        TEST(database_is_for_its_owner_only),
        TEST(foreign_file_is_refused_and_left_alone),
        TEST(log_is_bounded_though_never_idle),
        TEST(slow_walk_lets_go_after_a_second),
        TEST(trace_tells_every_call),
    };
    int failed = 0;
    for (size_t i = 0; i < COUNT_OF(backends); i++) {
        backend = &backends[i];
        failed += cmocka_run_group_tests_name(backend->name, tests, NULL, NULL);
    }
    return failed;
}
