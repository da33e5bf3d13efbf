/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose fault it is, from a ledger: which rows and sessions are believed at which instant. The rows
 * of the answer are read back as a client would. mst_query_row() and its end are this test's own.
 */
#include "tests/unit/query_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/driver/history.h"

static const mst_time day_ms = 24 * 60 * 60 * 1000;

struct answer {
    struct mst_buf rows;
    size_t starts[32], count;
};

struct mst_buf *mst_query_row(struct mst_query *q)
{
    struct answer *a = q->sink;
    a->starts[a->count] = a->rows.len;
    return &a->rows;
}

int mst_query_row_end(struct mst_query *q, struct mst_err *err)
{
    struct answer *a = q->sink;
    (void)err;
    a->starts[++a->count] = a->rows.len;
    return 0;
}

struct world {
    struct query_world q;
    uint64_t row;
    mst_time zero; /* days of a case are counted from here */
    struct mst_contact_seen seen[8];
    size_t seen_count;
    struct answer answer;
    bool rehearsal;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    open_world(&w->q);
    w->zero = mst_zone_midnight(w->q.programme->zone, mst_day_of(2026, 3, 2));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    close_world(&w->q);
    mst_buf_done(&w->answer.rows);
    free(w);
    return 0;
}

static void put(struct world *w, enum mst_row_kind kind, const char *history, double day,
                const struct mst_buf *b)
{
    struct mst_row row = {.row = ++w->row,
                          .at = w->zero + (mst_time)(day * (double)day_ms),
                          .kind = (uint8_t)kind,
                          .bytes = mst_bytes(b->data, b->len)};
    assert_int_equal(mst_store_put_row(w->q.store, w->q.pid, &row, NULL), 0);
    assert_int_equal(mst_history_note(w->q.store, w->q.pid, history, row.row, NULL), 0);
}

/* down_from < 0: it was not down. */
static void starts(struct world *w, double down_from, double day)
{
    struct mst_buf b = {0};
    mst_pack_map(&b, 1);
    mst_pack_text(&b, "down_from");
    mst_pack_int(&b, down_from < 0 ? 0 : w->zero + (mst_time)(down_from * (double)day_ms));
    put(w, MST_ROW_START, MST_HISTORY_STARTS, day, &b);
    mst_buf_done(&b);
}

/* The three units, each heard of last on a day. */
static void contacts(struct world *w, double day, double alpha, double beta, double host)
{
    const double days[] = {alpha, beta, host};
    static const char *const units[] = {"alpha", "beta", "host"};
    struct mst_buf b = {0};
    mst_pack_map(&b, 3);
    for (size_t i = 0; i < 3; i++) {
        mst_pack_text(&b, units[i]);
        mst_pack_int(&b, w->zero + (mst_time)(days[i] * (double)day_ms));
    }
    put(w, MST_ROW_CONTACTS, MST_HISTORY_CONTACTS, day, &b);
    mst_buf_done(&b);
}

static void seen(struct world *w, const char *unit, double day)
{
    struct mst_contact_seen *s = &w->seen[w->seen_count++];
    snprintf(s->unit, sizeof s->unit, "%s", unit);
    s->wall_ms = w->zero + (mst_time)(day * (double)day_ms);
}

static struct mst_slice sentence(struct world *w, size_t index)
{
    struct answer *a = &w->answer;
    struct mst_slice value = {0};
    if (index < a->count)
        mst_unpack_find(
            mst_bytes(a->rows.data + a->starts[index], a->starts[index + 1] - a->starts[index]),
            "value", &value);
    return value;
}

/* Of alpha at that day, asked on day 100; late, or queued < 0: nothing came. */
static const char *blame(struct world *w, double day, double queued)
{
    static char word[32];
    struct mst_query q = query_of(&w->q, &w->answer);
    q.now = w->zero + 100 * day_ms;
    q.seen = w->seen;
    q.seen_count = w->seen_count;
    q.rehearsal = w->rehearsal;
    struct mst_late late = {.row = 1,
                            .queued = w->zero + (mst_time)(queued * (double)day_ms),
                            .received = w->zero + 99 * day_ms};
    mst_buf_clear(&w->answer.rows);
    w->answer.count = 0;
    assert_int_equal(mst_query_blame(&q, "blame", "alpha",
                                     w->zero + (mst_time)(day * (double)day_ms),
                                     queued < 0 ? NULL : &late, NULL),
                     0);
    return mst_slice_copy(mst_unpack_text(sentence(w, 0), "say"), word, sizeof word);
}

static bool known(struct world *w, const char *say)
{
    for (size_t i = 1; i < w->answer.count; i++) {
        if (mst_slice_is(mst_unpack_text(sentence(w, i), "say"), say))
            return true;
    }
    return false;
}

/* ---- claims ---- */

static void broker_is_blamed_for_its_own_absence(void **state)
{
    struct world *w = *state;
    starts(w, -1, 0);
    starts(w, 10, 12);
    starts(w, -1, 20);
    seen(w, "alpha", 99);
    assert_string_equal(blame(w, -1, -1), "not-served");
    assert_true(known(w, "known-unborn"));
    assert_string_equal(blame(w, 9.99, -1), "unit-silent");
    assert_true(known(w, "known-up"));
    assert_string_equal(blame(w, 10, -1), "broker-down");
    assert_true(known(w, "known-down"));
    assert_string_equal(blame(w, 11.99, -1), "broker-down");
    assert_string_equal(blame(w, 12, -1), "unit-silent");
    assert_string_equal(blame(w, 20, -1), "unit-silent");
}

static void agent_is_blamed_while_it_alone_is_away(void **state)
{
    struct world *w = *state;
    starts(w, -1, 0);
    contacts(w, 13, 10, 12.9, 12.9);   /* alpha fell silent: heard of last on day 10 */
    contacts(w, 30, 29.9, 29.9, 29.9); /* and came back */
    seen(w, "alpha", 99);
    seen(w, "beta", 99);
    seen(w, "host", 99);
    assert_string_equal(blame(w, 9, -1), "unit-silent");
    assert_string_equal(blame(w, 11, -1), "unit-silent"); /* there until the day before */
    assert_true(known(w, "known-not-heard"));
    assert_string_equal(blame(w, 13.5, -1), "agent-silent");
    assert_true(known(w, "known-not-heard") && known(w, "known-others"));
    assert_string_equal(blame(w, 29, -1), "agent-silent");
    assert_string_equal(blame(w, 30, -1), "unit-silent");
    assert_true(known(w, "known-heard"));
    /* It had the report and could not bring it: nobody's silence. */
    assert_string_equal(blame(w, 13.5, 13), "path-down");
    assert_true(known(w, "known-queued"));
    assert_string_equal(blame(w, 13.5, 14), "agent-silent");
}

static void path_is_blamed_when_all_are_away(void **state)
{
    struct world *w = *state;
    starts(w, -1, 0);
    contacts(w, 13, 10, 10.01, 10.02);
    seen(w, "alpha", 99);
    seen(w, "beta", 99);
    seen(w, "host", 99);
    assert_string_equal(blame(w, 14, -1), "path-down");
}

static uint64_t said(struct world *w, size_t index, const char *field)
{
    return (uint64_t)mst_unpack_int(sentence(w, index), field, 0);
}

static void alerts_about_the_path_name_their_row(void **state)
{
    struct world *w = *state;
    struct mst_query q = query_of(&w->q, &w->answer);
    starts(w, -1, 0);
    contacts(w, 13, 10, 10.01, 10.02);
    contacts(w, 14, 13.5, 10.01, 10.02);
    char heard[64];
    mst_zone_format(w->q.programme->zone, w->zero + (mst_time)(10.02 * (double)day_ms), heard);
    assert_int_equal(mst_query_silence(&q, false, w->zero + 13 * day_ms, 3, NULL), 0);
    assert_int_equal(w->answer.count, 2);
    assert_true(mst_slice_is(mst_unpack_text(sentence(w, 0), "say"), "known-path"));
    assert_int_equal(said(w, 0, "row"), 2);
    assert_int_equal(said(w, 0, "agents"), 3);
    assert_true(mst_slice_is(mst_unpack_text(sentence(w, 0), "heard"), heard));
    assert_true(known(w, "known-limit"));
    w->answer.count = 0;
    mst_buf_clear(&w->answer.rows);
    assert_int_equal(
        mst_query_silence(&q, true, w->zero + (mst_time)(13.5 * (double)day_ms), 9, NULL), 0);
    assert_int_equal(w->answer.count, 1);
    assert_true(mst_slice_is(mst_unpack_text(sentence(w, 0), "say"), "known-again"));
    assert_int_equal(said(w, 0, "row"), 3);
    w->answer.count = 0;
    assert_int_equal(mst_query_silence(&q, false, 0, 1, NULL), 0); /* nothing is known */
    assert_int_equal(w->answer.count, 0);
}

static void agent_never_heard_of_is_silent(void **state)
{
    struct world *w = *state;
    starts(w, -1, 0);
    seen(w, "beta", 99);
    seen(w, "host", 99);
    assert_string_equal(blame(w, 50, -1), "agent-silent");
    assert_true(known(w, "known-never"));
}

static void rehearsal_blames_no_agent(void **state)
{
    struct world *w = *state;
    starts(w, -1, 0);
    starts(w, 10, 12);
    w->rehearsal = true;
    assert_string_equal(blame(w, 50, -1), "unit-silent");
    assert_true(known(w, "known-rehearsed"));
    assert_string_equal(blame(w, 11, -1), "broker-down");
}

static int count_row(void *context, const struct mst_row *row)
{
    uint64_t *next = context;
    assert_int_equal(row->row, (*next)++);
    return 0;
}

static void history_holds_every_row_over_pages(void **state)
{
    struct world *w = *state;
    struct mst_buf b = {0};
    mst_pack_nil(&b);
    uint64_t next = 1;
    for (uint64_t n = 1; n <= 200; n++) {
        put(w, MST_ROW_TICK, "a/b", 1, &b);
        next = 1;
        assert_int_equal(mst_history_rows(mst_store_own_reader(w->q.store), w->q.pid, "a/b",
                                          count_row, &next, NULL),
                         0);
        assert_int_equal(next, n + 1);
    }
    next = 1;
    assert_int_equal(
        mst_history_rows(mst_store_own_reader(w->q.store), w->q.pid, "a", count_row, &next, NULL),
        0);
    assert_int_equal(next, 1);
    mst_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(broker_is_blamed_for_its_own_absence, setup, teardown),
        cmocka_unit_test_setup_teardown(agent_is_blamed_while_it_alone_is_away, setup, teardown),
        cmocka_unit_test_setup_teardown(path_is_blamed_when_all_are_away, setup, teardown),
        cmocka_unit_test_setup_teardown(alerts_about_the_path_name_their_row, setup, teardown),
        cmocka_unit_test_setup_teardown(agent_never_heard_of_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(rehearsal_blames_no_agent, setup, teardown),
        cmocka_unit_test_setup_teardown(history_holds_every_row_over_pages, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
