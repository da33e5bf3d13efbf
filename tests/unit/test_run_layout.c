/* SPDX-License-Identifier: Apache-2.0 */
/* An outbox file of the first layout keeps everything; and how little a start looks at. */
#include "tests/unit/outbox_first.h"

#include <sys/wait.h>

#include "agent/run/box.h"
#include "proto/pack.h"

#define REPORTS 9000 /* more than two slices */

/* ---- what is to be kept ---- */

static int tell_entry(void *context, const struct mst_entry *e)
{
    fprintf(context, "%llu %d %lld %llu %s %s %s %lld\n", (unsigned long long)e->number,
            (int)e->state, (long long)e->queued_at, (unsigned long long)e->receipt, e->act, e->code,
            e->subject, (long long)e->bytes);
    return 0;
}

static int tell_receipt(void *context, const struct mst_outbox_proof *proof)
{
    fprintf(context, "proof %llu row %llu\n", (unsigned long long)proof->seq,
            (unsigned long long)proof->receipt->row);
    fwrite(proof->prev, sizeof proof->prev, 1, context);
    fwrite(proof->receipt->sig.data, proof->receipt->sig.len, 1, context);
    return 0;
}

static int tell_report(void *context, struct mst_slice report)
{
    fwrite(report.data, report.len, 1, context);
    return 0;
}

/* Everything that a person or the broker can learn of the outbox. */
static char *all_of(struct mst_outbox *box, bool with_proofs, size_t *ret_len)
{
    static struct mst_run run;
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_len);
    assert_non_null(out);
    fwrite(mst_outbox_id(box), MST_OUTBOX_BYTES, 1, out);
    fprintf(out, "base %llu last %llu acked %llu watermark %llu bytes %lld\n",
            (unsigned long long)mst_outbox_base(box), (unsigned long long)mst_outbox_last(box),
            (unsigned long long)mst_outbox_acked(box),
            (unsigned long long)mst_outbox_watermark(box), (long long)mst_outbox_bytes(box));
    assert_int_equal(mst_outbox_entries(box, 0, SIZE_MAX >> 1, tell_entry, out, NULL), 0);
    for (uint64_t seq = 130; seq <= mst_outbox_last(box); seq = run.last + 1) {
        assert_int_equal(mst_outbox_run(box, seq, mst_outbox_last(box), 128, 65536, &run, NULL), 0);
        fwrite(run.head, sizeof run.head, 1, out);
        fwrite(run.bytes.data, run.bytes.len, 1, out);
    }
    for (uint64_t n = 1; with_proofs && n <= REPORTS; n += 97) {
        int code = mst_outbox_prove(box, n, tell_receipt, tell_report, out, NULL);
        fprintf(out, "%d\n", code);
    }
    fclose(out);
    mst_buf_done(&run.bytes);
    return text;
}

static void take_receipt(struct mst_outbox *box, uint64_t first, uint64_t last, uint64_t row,
                         uint64_t watermark, uint64_t refused_seq)
{
    struct mst_buf buf = {0};
    mst_pack_map(&buf, 3);
    mst_pack_text(&buf, "seq");
    mst_pack_uint(&buf, refused_seq);
    mst_pack_text(&buf, "code");
    mst_pack_text(&buf, "locked");
    mst_pack_text(&buf, "subject");
    mst_pack_text(&buf, "d/2023Q1/u1");
    struct mst_slice row_of = mst_bytes(buf.data, buf.len);
    assert_int_equal(
        receipt(box, first, last, row, watermark, (struct mst_slices){&row_of, refused_seq > 0}),
        0);
    mst_buf_done(&buf);
}

/* Queued, received, refused, released in part, and of two outbox ids. */
static void fill(struct mst_outbox *box)
{
    struct mst_pruned pruned;
    uint64_t count;
    for (int i = 1; i <= REPORTS; i++) {
        char words[32];
        snprintf(words, sizeof words, "report %d", i);
        assert_int_equal(append(box, words, 1000 + i), i);
        if (i == 60) {
            take_receipt(box, 1, 50, 11, 0, 0);
            assert_int_equal(mst_outbox_renew(box, false, &count, NULL), 0);
        }
    }
    take_receipt(box, 1, 50, 100, 0, 20);
    take_receipt(box, 51, 200, 150, 0, 0);
    take_receipt(box, 201, 7000, 1000, 170, 300);
    assert_int_equal(mst_outbox_prune(box, 2000, &pruned, NULL), 0);
    assert_int_equal(pruned.released, 121);
    commit(box);
}

static void check_kept(struct fixture *f, const char *before, size_t before_len, bool with_proofs)
{
    size_t len;
    f->box = open_box(f->path, &roomy);
    char *after = all_of(f->box, with_proofs, &len);
    assert_int_equal(len, before_len);
    assert_memory_equal(after, before, len);
    free(after);
}

/* Make a file of the first layout and tell what was in it. */
static char *make_old(struct fixture *f, bool with_proofs, size_t *ret_len)
{
    fill(f->box);
    reopen(f);
    char *before = all_of(f->box, with_proofs, ret_len);
    mst_outbox_close(f->box);
    f->box = NULL;
    make_first_layout(f->path);
    return before;
}

static void file_of_the_first_layout_keeps_everything_and_goes_on(void **state)
{
    struct fixture *f = *state;
    size_t len;
    char *before = make_old(f, true, &len);
    check_kept(f, before, len, true);
    reopen(f);
    uint64_t last = mst_outbox_last(f->box);
    assert_int_equal(append(f->box, "one more", 9), REPORTS + 1);
    take_receipt(f->box, 7001, last + 1, 9000, 0, 0);
    commit(f->box);
    reopen(f);
    assert_int_equal(mst_outbox_acked(f->box), last + 1);
    assert_int_equal(look(f->box, REPORTS + 1).entry.receipt, 9000 + (last + 1 - 7001));
    assert_int_equal(mst_outbox_rewind(f->box, 121, NULL), 0);
    assert_int_equal(mst_outbox_rewind(f->box, 70, NULL), MST_E_UNKNOWN);
    free(before);
}

/* The very first programs kept no receipts: numbers and states are in the entries' rows. */
static void file_without_receipts_keeps_their_numbers(void **state)
{
    struct fixture *f = *state;
    size_t len;
    sqlite3 *db;
    char *before = make_old(f, false, &len);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE receipts", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    check_kept(f, before, len, false);
    assert_int_equal(mst_outbox_prove(f->box, 500, tell_receipt, tell_report, stderr, NULL),
                     MST_E_UNKNOWN);
    free(before);
}

static void moving_goes_on_after_the_agent_was_killed(void **state)
{
    struct fixture *f = *state;
    size_t len;
    char *before = make_old(f, true, &len);
    for (int slice = 1; slice <= 3; slice++) {
        pid_t child = fork();
        if (child == 0) {
            struct mst_outbox *box;
            setenv("MUSTER_FAILPOINT", slice == 1 ? "agent.before-slice" : "agent.before-slice:2",
                   1);
            _exit(mst_outbox_open(f->path, "p", "u1", &roomy, &box, NULL) ? 2 : 0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    check_kept(f, before, len, true);
    free(before);
}

static void file_of_a_later_layout_is_refused(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db;
    struct mst_err err = {0};
    mst_outbox_close(f->box);
    f->box = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 3", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(mst_outbox_open(f->path, "p", "u1", &roomy, &f->box, &err), MST_E_VERSION);
    assert_non_null(strstr(err.text, f->path));
}

/* ---- starting ---- */

/* How many pages of the file opening and pruning read. */
static int pages_read(struct fixture *f)
{
    struct mst_pruned pruned;
    int pages, high;
    reopen(f);
    assert_int_equal(mst_outbox_prune(f->box, 2000, &pruned, NULL), 0);
    assert_int_equal(sqlite3_db_status(f->box->db, SQLITE_DBSTATUS_CACHE_MISS, &pages, &high, 0),
                     SQLITE_OK);
    return pages;
}

static void start_looks_at_no_more_of_a_longer_history(void **state)
{
    struct fixture *f = *state;
    int few = 0;
    for (uint64_t i = 1; i <= 8000; i++) {
        append(f->box, "some words", 1000);
        if (i % 100 == 0)
            take_receipt(f->box, i - 99, i, i, 0, 0);
        if (i == 2000) {
            commit(f->box);
            few = pages_read(f);
        }
    }
    commit(f->box);
    int64_t bytes = mst_outbox_bytes(f->box);
    assert_in_range(pages_read(f), 1, few + 10);
    assert_int_equal(mst_outbox_bytes(f->box), bytes);
    assert_int_equal(bytes, 8000 * look(f->box, 1).entry.bytes);
}

/* A backup or a long absence may let go of a whole history; nobody shall wait for all of it. */
static void history_is_let_go_of_in_slices(void **state)
{
    struct fixture *f = *state;
    struct mst_pruned pruned;
    for (int i = 1; i <= 2 * BOX_SLICE + 10; i++)
        append(f->box, "x", i <= BOX_SLICE + 5 ? 0 : 500 * DAY);
    take_receipt(f->box, 1, 2 * BOX_SLICE + 9, 1, 2 * BOX_SLICE + 7, 0);
    assert_int_equal(mst_outbox_prune(f->box, 1, &pruned, NULL), 0);
    assert_int_equal(pruned.released, BOX_SLICE);
    assert_true(pruned.more);
    commit(f->box);
    reopen(f);
    assert_int_equal(mst_outbox_prune(f->box, 1, &pruned, NULL), 0);
    assert_int_equal(pruned.released, BOX_SLICE);
    assert_true(pruned.more);
    assert_int_equal(mst_outbox_prune(f->box, 1, &pruned, NULL), 0);
    assert_int_equal(pruned.released, 7);
    assert_false(pruned.more);
    assert_int_equal(mst_outbox_bytes(f->box), 3 * look(f->box, 2 * BOX_SLICE + 8).entry.bytes);
    assert_int_equal(mst_outbox_prune(f->box, 600 * DAY, &pruned, NULL), 0);
    assert_int_equal(look(f->box, 1).entry.number, BOX_SLICE + 1);
    assert_true(pruned.more);
    assert_int_equal(mst_outbox_prune(f->box, 600 * DAY, &pruned, NULL), 0);
    assert_int_equal(look(f->box, 1).entry.number, BOX_SLICE + 6);
    assert_false(pruned.more);
    assert_int_equal(pruned.lost, 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(file_of_the_first_layout_keeps_everything_and_goes_on),
        CASE(file_without_receipts_keeps_their_numbers),
        CASE(moving_goes_on_after_the_agent_was_killed),
        CASE(file_of_a_later_layout_is_refused),
        CASE(history_is_let_go_of_in_slices),
        CASE(start_looks_at_no_more_of_a_longer_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
