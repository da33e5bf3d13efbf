/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about recomputing the ledger's chain: what does not belong there is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/driver/ledger.h"

#define REPORTS 3
#define ROWS (REPORTS + 2) /* a start, the run, a stop */

struct rows {
    struct mst_row rows[ROWS];
    struct mst_run run;
    uint8_t bytes[ROWS][8];
    uint8_t head[MST_HASH_BYTES]; /* of the ledger, at the end */
};

static void fill(struct rows *r)
{
    memset(r, 0, sizeof *r);
    r->run = (struct mst_run){.outbox = 1, .first = 7, .last = 7 + REPORTS - 1, .row_first = 2};
    memset(r->run.prev, 9, sizeof r->run.prev);
    memcpy(r->run.head, r->run.prev, sizeof r->run.head);
    mst_ledger_genesis("p", r->head);
    for (size_t i = 0; i < ROWS; i++) {
        bool report = i > 0 && i <= REPORTS;
        memset(r->bytes[i], (int)(i + 1), sizeof r->bytes[i]);
        r->rows[i] = (struct mst_row){.row = i + 1, .at = 5, .kind = MST_ROW_START};
        r->rows[i].bytes = mst_bytes(r->bytes[i], sizeof r->bytes[i]);
        if (report) {
            r->rows[i].kind = MST_ROW_REPORT;
            r->rows[i].run = &r->run;
            mst_chain_next(r->run.head, r->run.first + (i - 1), r->rows[i].bytes, r->run.head);
        }
    }
    mst_ledger_next(r->head, 1, 5, MST_ROW_START, r->rows[0].bytes, r->head);
    /* The formula of PROTOCOL.md: a run is one link, with the number of its last row. */
    mst_ledger_next(r->head, 1 + REPORTS, 5, MST_ROW_REPORT,
                    mst_bytes(r->run.head, sizeof r->run.head), r->head);
    mst_ledger_next(r->head, ROWS, 5, MST_ROW_START, r->rows[ROWS - 1].bytes, r->head);
}

/* How many rows are taken before one does not follow. */
static size_t walk(const struct rows *r, struct mst_ledger_walk *w)
{
    mst_ledger_walk_begin(w, "p");
    for (size_t i = 0; i < ROWS; i++) {
        if (!mst_ledger_walk_row(w, &r->rows[i]))
            return i;
    }
    return ROWS;
}

static void chain_goes_over_the_heads_of_runs(void **state)
{
    (void)state;
    struct rows r;
    struct mst_ledger_walk w;
    fill(&r);
    assert_int_equal(walk(&r, &w), ROWS);
    assert_memory_equal(w.head, r.head, sizeof w.head);
    assert_memory_equal(w.chain, r.run.head, sizeof w.chain);
    assert_false(w.within_run);
}

static void changed_report_is_noticed_at_the_end_of_its_run(void **state)
{
    (void)state;
    for (size_t i = 1; i <= REPORTS; i++) {
        struct rows r;
        struct mst_ledger_walk w;
        fill(&r);
        r.bytes[i][3] ^= 1;
        assert_int_equal(walk(&r, &w), REPORTS);
    }
}

static void changed_beginning_or_head_of_a_run_is_noticed(void **state)
{
    (void)state;
    struct rows r;
    struct mst_ledger_walk w;
    fill(&r);
    r.run.prev[0] ^= 1;
    assert_int_equal(walk(&r, &w), REPORTS);
    fill(&r);
    r.run.head[31] ^= 1;
    assert_int_equal(walk(&r, &w), REPORTS);
    fill(&r);
    r.run.first++;
    r.run.last++;
    assert_int_equal(walk(&r, &w), REPORTS);
}

static void rows_that_do_not_follow_are_noticed(void **state)
{
    (void)state;
    struct rows r;
    struct mst_ledger_walk w;
    fill(&r);
    r.rows[2].at = 4;
    assert_int_equal(walk(&r, &w), 2);
    fill(&r);
    r.rows[2].row = 9;
    assert_int_equal(walk(&r, &w), 2);
    fill(&r);
    r.rows[2].run = NULL;
    assert_int_equal(walk(&r, &w), 2);
    fill(&r);
    r.rows[2].kind = MST_ROW_START; /* in the middle of a run */
    assert_int_equal(walk(&r, &w), 2);
    fill(&r);
    r.run.last--; /* the run ends before its reports do */
    assert_int_equal(walk(&r, &w), 2);
    fill(&r);
    r.rows[1].kind = MST_ROW_START; /* a run without its first report */
    assert_int_equal(walk(&r, &w), 2);
}

static void changed_row_changes_the_head(void **state)
{
    (void)state;
    struct rows r;
    struct mst_ledger_walk w;
    fill(&r);
    r.bytes[0][0] ^= 1;
    assert_int_equal(walk(&r, &w), ROWS);
    assert_memory_not_equal(w.head, r.head, sizeof w.head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_goes_over_the_heads_of_runs),
        cmocka_unit_test(changed_report_is_noticed_at_the_end_of_its_run),
        cmocka_unit_test(changed_beginning_or_head_of_a_run_is_noticed),
        cmocka_unit_test(rows_that_do_not_follow_are_noticed),
        cmocka_unit_test(changed_row_changes_the_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
