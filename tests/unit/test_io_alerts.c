/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which alerts a list shows: the newest, as many as are asked for, or those after a number; over
 * more of them than are looked at together. mst_query_row() and its end are this test's own.
 */
#include "tests/unit/query_world.h"

#include <stdlib.h>
#include <string.h>

#define ALERTS 9000 /* more than twice what is looked at together */
#define EVERY 3000  /* so rare are the other kind's */

struct answer {
    struct mst_buf row;
    uint64_t first, last, count;
};

struct mst_buf *mst_query_row(struct mst_query *q)
{
    struct answer *a = q->sink;
    mst_buf_clear(&a->row);
    return &a->row;
}

int mst_query_row_end(struct mst_query *q, struct mst_err *err)
{
    struct answer *a = q->sink;
    (void)err;
    a->last = (uint64_t)mst_unpack_int(mst_bytes(a->row.data, a->row.len), "number", 0);
    a->first = a->count++ ? a->first : a->last;
    return 0;
}

static void put(struct query_world *w, uint64_t number)
{
    struct mst_buf b = {0};
    mst_pack_map(&b, 2);
    mst_query_pack_text(&b, "kind", number % EVERY == 0 ? "urge" : "reminder");
    mst_query_pack_text(&b, "bearer", "alpha");
    struct mst_row row = {.row = number, .kind = MST_ROW_ALERT, .bytes = {b.data, b.len}};
    struct mst_stored_alert alert = {
        .number = number, .row = number, .audience = mst_text("office"), .group = mst_text("")};
    memcpy(alert.id, &number, sizeof number);
    assert_int_equal(mst_store_put_row(w->store, w->pid, &row, NULL), 0);
    assert_int_equal(mst_store_put_alert(w->store, w->pid, &alert, NULL), 0);
    mst_buf_done(&b);
}

static int setup(void **state)
{
    struct query_world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    open_world(w);
    for (uint64_t number = 1; number <= ALERTS; number++)
        put(w, number);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    close_world(*state);
    free(*state);
    return 0;
}

struct wanted {
    const char *kind, *from, *limit;
    uint64_t first, last, count;
};

static void list(struct query_world *w, const struct wanted *wanted)
{
    const char *const args[][2] = {
        {"kind", wanted->kind}, {"from", wanted->from}, {"limit", wanted->limit}};
    struct answer answer = {.count = 0};
    struct mst_buf packed = {0};
    size_t given = 0;
    for (size_t i = 0; i < 3; i++)
        given += args[i][1] != NULL;
    mst_pack_map(&packed, given);
    for (size_t i = 0; i < 3; i++) {
        if (args[i][1])
            mst_query_pack_text(&packed, args[i][0], args[i][1]);
    }
    struct mst_query q = query_of(w, &answer);
    q.actor = (struct mst_actor){.principal = "office:main", .roles = 1u << MST_ROLE_OFFICE};
    q.action = "read-alert";
    q.args = mst_bytes(packed.data, packed.len);
    assert_int_equal(mst_query_alerts(&q, NULL), 0);
    assert_int_equal(answer.count, wanted->count);
    assert_int_equal(answer.first, wanted->first);
    assert_int_equal(answer.last, wanted->last);
    mst_buf_done(&packed);
    mst_buf_done(&answer.row);
}

static void the_newest_alerts_are_shown_unless_it_is_said_where_to_begin(void **state)
{
    static const struct wanted cases[] = {
        {NULL, NULL, NULL, ALERTS - MST_LIST_ROWS_DEFAULT + 1, ALERTS, MST_LIST_ROWS_DEFAULT},
        {NULL, NULL, "5", 8996, 9000, 5},
        {NULL, NULL, "5000", 4001, 9000, 5000},
        {NULL, NULL, "20000", 1, 9000, 9000},
        {NULL, "0", "5", 1, 5, 5},
        {NULL, "8998", "5", 8999, 9000, 2},
        {"urge", NULL, NULL, 3000, 9000, 3},
        {"urge", NULL, "2", 6000, 9000, 2},
        {"urge", NULL, "1", 9000, 9000, 1},
        {"urge", "0", "1", 3000, 3000, 1},
        {"nag", NULL, NULL, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        list(*state, &cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            the_newest_alerts_are_shown_unless_it_is_said_where_to_begin, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
