/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox file: what it promises across reopening, death, restoring and renewal. */
#include "tests/unit/outbox_house.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "proto/pack.h"
#include "proto/validate.h"

static void queued_reports_survive_reopening_in_an_unbroken_chain(void **state)
{
    struct fixture *f = *state;
    uint8_t id[MST_OUTBOX_BYTES];
    memcpy(id, mst_outbox_id(f->box), sizeof id);
    for (uint64_t i = 1; i <= 7; i++) {
        assert_int_equal(append(f->box, "一 words", 1000), i);
        if (i % 2)
            commit(f->box);
    }
    check_chain(f->box);
    reopen(f);
    assert_memory_equal(mst_outbox_id(f->box), id, sizeof id);
    assert_int_equal(mst_outbox_last(f->box), 7);
    assert_int_equal(append(f->box, "eight", 1000), 8);
    check_chain(f->box);
}

static void uncommitted_report_is_not_kept(void **state)
{
    struct fixture *f = *state;
    append(f->box, "kept", 1);
    commit(f->box);
    append(f->box, "dropped", 1);
    assert_true(mst_outbox_dirty(f->box));
    assert_int_equal(mst_outbox_rollback(f->box, NULL), 0);
    assert_int_equal(mst_outbox_last(f->box), 1);
    append(f->box, "dropped too", 1);
    reopen(f);
    assert_int_equal(mst_outbox_last(f->box), 1);
    assert_int_equal(append(f->box, "two", 1), 2);
    check_chain(f->box);
}

static void runs_keep_to_their_limits_and_hold_one_report_at_least(void **state)
{
    struct fixture *f = *state;
    static struct mst_run run;
    for (int i = 0; i < 10; i++)
        append(f->box, "some words that take a little room", 1);
    assert_int_equal(mst_outbox_run(f->box, 2, 10, 4, 100000, &run, NULL), 0);
    assert_int_equal(run.count, 4);
    assert_int_equal(run.last, 5);
    assert_int_equal(mst_outbox_run(f->box, 2, 3, 4, 100000, &run, NULL), 0);
    assert_int_equal(run.last, 3);
    assert_int_equal(mst_outbox_run(f->box, 1, 10, 10, 1, &run, NULL), 0);
    assert_int_equal(run.count, 1);
    assert_int_equal(mst_outbox_run(f->box, 1, 10, 10, 250, &run, NULL), 0);
    assert_in_range(run.count, 2, 4);
    assert_int_equal(mst_validate(run.reports[1].data, run.reports[1].len, NULL), 0);
    mst_buf_done(&run.bytes);
}

static void receipt_numbers_are_dealt_out_and_a_refusal_consumes_its_number(void **state)
{
    struct fixture *f = *state;
    struct mst_buf buf = {0};
    for (int i = 0; i < 4; i++)
        append(f->box, "x", 1);
    mst_pack_map(&buf, 3);
    mst_pack_text(&buf, "seq");
    mst_pack_uint(&buf, 2);
    mst_pack_text(&buf, "code");
    mst_pack_text(&buf, "locked");
    mst_pack_text(&buf, "subject");
    mst_pack_text(&buf, "d/2023Q1/u1");
    struct mst_slice row = mst_bytes(buf.data, buf.len);
    assert_int_equal(receipt(f->box, 1, 3, 70, 0, (struct mst_slices){&row, 1}), 0);
    commit(f->box);
    reopen(f);
    assert_int_equal(mst_outbox_acked(f->box), 3);
    assert_int_equal(look(f->box, 1).entry.receipt, 70);
    assert_int_equal(look(f->box, 1).entry.state, MST_ENTRY_RECEIVED);
    struct seen refused = look(f->box, 2);
    assert_int_equal(refused.entry.state, MST_ENTRY_REFUSED);
    assert_int_equal(refused.entry.receipt, 71);
    assert_string_equal(refused.code, "locked");
    assert_string_equal(refused.subject, "d/2023Q1/u1");
    assert_int_equal(look(f->box, 3).entry.receipt, 72);
    assert_int_equal(look(f->box, 4).entry.state, MST_ENTRY_QUEUED);
    mst_buf_done(&buf);
}

static void receipt_that_repeats_overlaps_or_leaps_is_taken_right(void **state)
{
    struct fixture *f = *state;
    const struct mst_slices none = {0};
    for (int i = 0; i < 6; i++)
        append(f->box, "x", 1);
    assert_int_equal(receipt(f->box, 1, 2, 10, 0, none), 0);
    assert_int_equal(receipt(f->box, 1, 2, 10, 0, none), 0);
    assert_int_equal(receipt(f->box, 4, 5, 20, 0, none), MST_E_PROTOCOL);
    assert_int_equal(receipt(f->box, 3, 7, 20, 0, none), MST_E_PROTOCOL);
    assert_int_equal(mst_outbox_acked(f->box), 2);
    assert_int_equal(receipt(f->box, 2, 4, 11, 0, none), 0);
    assert_int_equal(look(f->box, 2).entry.receipt, 11);
    assert_int_equal(look(f->box, 4).entry.receipt, 13);
    uint8_t wrong[MST_HASH_BYTES] = {1};
    struct mst_msg_receipt r = {
        .first = 5, .last = 5, .row = 14, .head = mst_bytes(wrong, sizeof wrong)};
    assert_int_equal(mst_outbox_receipt(f->box, &r, NULL), MST_E_CHAIN);
    assert_int_equal(mst_outbox_acked(f->box), 4);
}

static void receipts_alone_may_wait_for_their_commit(void **state)
{
    struct fixture *f = *state;
    const struct mst_slices none = {0};
    append(f->box, "x", 1);
    append(f->box, "x", 1);
    assert_true(mst_outbox_urgent(f->box));
    assert_int_equal(receipt(f->box, 1, 1, 10, 0, none), 0);
    assert_true(mst_outbox_urgent(f->box));
    commit(f->box);
    assert_false(mst_outbox_dirty(f->box));
    assert_int_equal(receipt(f->box, 2, 2, 11, 5, none), 0);
    assert_true(mst_outbox_dirty(f->box));
    assert_false(mst_outbox_urgent(f->box));
    append(f->box, "x", 1);
    assert_true(mst_outbox_urgent(f->box));
}

static void renewed_outbox_chains_its_unacknowledged_reports_anew(void **state)
{
    struct fixture *f = *state;
    uint8_t old[MST_OUTBOX_BYTES];
    uint64_t count = 0;
    memcpy(old, mst_outbox_id(f->box), sizeof old);
    for (int i = 0; i < 5; i++)
        append(f->box, "x", 1);
    assert_int_equal(receipt(f->box, 1, 3, 10, 0, (struct mst_slices){0}), 0);
    assert_int_equal(mst_outbox_renew(f->box, false, &count, NULL), 0);
    commit(f->box);
    assert_int_equal(count, 2);
    assert_int_equal(mst_outbox_last(f->box), 2);
    assert_int_equal(mst_outbox_acked(f->box), 0);
    assert_memory_not_equal(mst_outbox_id(f->box), old, sizeof old);
    reopen(f);
    check_chain(f->box);
    /* A person goes on seeing the numbers that were promised. */
    assert_int_equal(append(f->box, "six", 1), 6);
    assert_int_equal(mst_outbox_last(f->box), 3);
    assert_int_equal(receipt(f->box, 1, 1, 99, 0, (struct mst_slices){0}), 0);
    assert_int_equal(look(f->box, 4).entry.receipt, 99);
    check_chain(f->box);
}

static void rewound_outbox_sends_what_it_keeps_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct mst_pruned pruned;
    uint64_t count = 0;
    for (int i = 0; i < 6; i++)
        append(f->box, "x", 1);
    assert_int_equal(receipt(f->box, 1, 5, 10, 11, (struct mst_slices){0}), 0);
    assert_int_equal(mst_outbox_prune(f->box, 2, &pruned, NULL), 0);
    assert_int_equal(pruned.released, 2);
    assert_int_equal(pruned.lost, 0);
    assert_int_equal(mst_outbox_rewind(f->box, 1, NULL), MST_E_UNKNOWN);
    assert_int_equal(mst_outbox_rewind(f->box, 2, NULL), 0);
    assert_int_equal(mst_outbox_acked(f->box), 2);
    assert_int_equal(look(f->box, 3).entry.state, MST_ENTRY_QUEUED);
    assert_int_equal(receipt(f->box, 3, 6, 12, 0, (struct mst_slices){0}), 0);
    assert_int_equal(mst_outbox_renew(f->box, true, &count, NULL), 0);
    assert_int_equal(count, 4);
    check_chain(f->box);
}

static void old_and_surplus_reports_go_and_the_unacknowledged_never(void **state)
{
    struct fixture *f = *state;
    struct mst_pruned pruned;
    for (int i = 0; i < 4; i++)
        append(f->box, "x", i < 2 ? 0 : 500 * DAY);
    assert_int_equal(receipt(f->box, 1, 3, 10, 0, (struct mst_slices){0}), 0);
    assert_int_equal(mst_outbox_prune(f->box, 600 * DAY, &pruned, NULL), 0);
    assert_int_equal(pruned.lost, 2);
    assert_int_equal(look(f->box, 1).entry.number, 3);
    assert_int_equal(mst_outbox_prune(f->box, 5000 * DAY, &pruned, NULL), 0);
    assert_int_equal(pruned.lost, 0);
    assert_int_equal(look(f->box, 1).entry.number, 3);
    commit(f->box);
    reopen(f);
    /* The run that is still owed can be pushed; one that is gone cannot pass for another. */
    static struct mst_run run;
    assert_int_equal(mst_outbox_run(f->box, 4, 4, 10, 100000, &run, NULL), 0);
    assert_int_equal(mst_outbox_run(f->box, 2, 4, 10, 100000, &run, NULL), MST_E_UNKNOWN);
    assert_int_equal(mst_outbox_run(f->box, 1, 4, 10, 100000, &run, NULL), MST_E_CORRUPT);
    mst_buf_done(&run.bytes);
}

static void full_outbox_refuses_until_acknowledged_reports_make_room(void **state)
{
    struct fixture *f = *state;
    const struct mst_outbox_limits tight = {.bytes_max = 2000, .keep_days = 400};
    struct mst_pruned pruned;
    mst_outbox_close(f->box);
    f->box = open_box(f->path, &tight);
    uint64_t n = 0, number;
    while ((number = append(f->box, "words and words and words and words", 1)) != 0)
        n = number;
    assert_in_range(n, 10, 60);
    assert_in_range(mst_outbox_bytes(f->box), 1900, 2000);
    assert_int_equal(mst_outbox_prune(f->box, 2, &pruned, NULL), 0);
    assert_int_equal(append(f->box, "words and words and words and words", 1), 0);
    assert_int_equal(receipt(f->box, 1, n, 1, 0, (struct mst_slices){0}), 0);
    assert_int_equal(mst_outbox_prune(f->box, 2, &pruned, NULL), 0);
    assert_true(pruned.lost > 0 && pruned.lost < n);
    assert_int_equal(append(f->box, "words and words and words and words", 1), n + 1);
    /* The newest stay longest. */
    assert_int_equal(mst_outbox_rewind(f->box, n - 1, NULL), 0);
}

static void backup_that_ends_within_a_run_lets_go_of_no_more_than_it_holds(void **state)
{
    struct fixture *f = *state;
    struct mst_pruned pruned;
    for (int i = 0; i < 8; i++)
        append(f->box, "x", i < 4 ? 0 : 500 * DAY);
    /* Of six reports in one run the backup has two, four are too old, and two more are owed. */
    assert_int_equal(receipt(f->box, 1, 6, 10, 11, (struct mst_slices){0}), 0);
    assert_int_equal(mst_outbox_prune(f->box, 600 * DAY, &pruned, NULL), 0);
    assert_int_equal(pruned.released, 2);
    assert_int_equal(pruned.lost, 2);
    assert_int_equal(mst_outbox_prune(f->box, 600 * DAY, &pruned, NULL), 0);
    assert_int_equal(pruned.released, 0);
    assert_int_equal(pruned.lost, 0);
    assert_false(pruned.more);
    static struct mst_run run;
    assert_int_equal(mst_outbox_run(f->box, 7, 8, 10, 100000, &run, NULL), 0);
    assert_int_equal(run.count, 2);
    mst_buf_done(&run.bytes);
    /* What it got a receipt for and no backup holds can still be sent again. */
    assert_int_equal(mst_outbox_rewind(f->box, 4, NULL), 0);
}

static void file_of_another_unit_is_refused(void **state)
{
    struct fixture *f = *state;
    struct mst_outbox *other = NULL;
    struct mst_err err = {0};
    assert_int_equal(mst_outbox_open(f->path, "p", "u1", &roomy, &other, &err), MST_E_BUSY);
    mst_outbox_close(f->box);
    f->box = NULL;
    assert_int_equal(mst_outbox_open(f->path, "p", "u2", &roomy, &other, &err), MST_E_IDENTITY);
    assert_int_equal(mst_outbox_open(f->path, "q", "u1", &roomy, &other, &err), MST_E_IDENTITY);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* ---- death ---- */

/* Appends until it is killed, telling each number once it is promised. MUSTER_MUTANT is the
 * negative control: it tells before the commit. */
static void appender(const char *path, int tell)
{
    struct mst_outbox *box = NULL;
    if (mst_outbox_open(path, "p", "u1", &roomy, &box, NULL))
        _exit(2);
    for (int i = 0; i < 100; i++) {
        uint64_t first = append(box, "a", 1), last = append(box, "b", 1);
        bool early = getenv("MUSTER_MUTANT") != NULL;
        if (early && write(tell, &last, sizeof last) < 0)
            _exit(2);
        if (first + 1 != last || mst_outbox_commit(box, NULL))
            _exit(3);
        if (!early && write(tell, &last, sizeof last) < 0)
            _exit(2);
    }
    _exit(0);
}

static uint64_t promised_before_death(const char *path, const char *failpoint)
{
    int tell[2];
    uint64_t number, last = 0;
    assert_int_equal(pipe(tell), 0);
    pid_t child = fork();
    if (child == 0) {
        setenv("MUSTER_FAILPOINT", failpoint, 1);
        appender(path, tell[1]);
    }
    close(tell[1]);
    while (read(tell[0], &number, sizeof number) == (ssize_t)sizeof number)
        last = number;
    close(tell[0]);
    int status = 0;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return last;
}

static void no_promised_report_is_lost_when_the_agent_is_killed(void **state)
{
    struct fixture *f = *state;
    static const char *const points[] = {"agent.before-append", "agent.before-commit",
                                         "agent.after-append"};
    mst_outbox_close(f->box);
    for (int i = 0; i < 24; i++) {
        char failpoint[64];
        snprintf(failpoint, sizeof failpoint, "%s:%d", points[i % 3], 1 + i * 2);
        uint64_t promised = promised_before_death(f->path, failpoint);
        f->box = open_box(f->path, &roomy);
        assert_true(mst_outbox_last(f->box) >= promised);
        check_chain(f->box);
        mst_outbox_close(f->box);
    }
    f->box = NULL;
}

/* ---- alerts ---- */

static int count_alert(void *context, uint64_t n, bool read, struct mst_slice bytes)
{
    (void)n;
    (void)read;
    (void)bytes;
    ++*(size_t *)context;
    return 0;
}

static bool put_said(struct mst_outbox *box, uint64_t number, uint8_t mark, const char *reason)
{
    uint8_t id[32] = {mark}, head[32] = {0};
    struct mst_msg_alert alert = {.number = number,
                                  .id = mst_bytes(id, sizeof id),
                                  .programme = mst_text("p"),
                                  .topic = mst_text("p/unit:u1/reminder"),
                                  .kind = mst_text("reminder"),
                                  .audience = mst_text("unit:u1"),
                                  .role = mst_text("clerk"),
                                  .fired = 5,
                                  .reason = mst_text(reason),
                                  .ledger_head = mst_bytes(head, sizeof head)};
    bool is_new = false;
    assert_int_equal(mst_inbox_put(box, &alert, true, &is_new, NULL), 0);
    return is_new;
}

static bool put_alert(struct mst_outbox *box, uint64_t number, uint8_t mark)
{
    return put_said(box, number, mark, NULL);
}

static void alert_in_other_words_is_another_one(void **state)
{
    struct fixture *f = *state;
    size_t seen = 0;
    assert_true(put_said(f->box, 2, 1, "by Friday"));
    assert_false(put_said(f->box, 2, 1, "by Friday"));
    /* The broker was put back; the same unit is urged under the same number, for another reason. */
    assert_true(put_said(f->box, 2, 1, "by Monday"));
    assert_false(put_said(f->box, 2, 1, "by Monday"));
    assert_true(put_said(f->box, 2, 1, NULL));
    assert_int_equal(mst_inbox_list(f->box, 0, false, 10, count_alert, &seen, NULL), 0);
    assert_int_equal(seen, 3);
}

static void alert_enters_the_inbox_once_and_waits_for_its_hook(void **state)
{
    struct fixture *f = *state;
    struct mst_buf buf = {0};
    size_t count = 0;
    uint64_t n = 0;
    assert_true(put_alert(f->box, 4, 1));
    assert_false(put_alert(f->box, 4, 1));
    /* A restored broker gives the number a second time, to another alert. */
    assert_true(put_alert(f->box, 4, 2));
    commit(f->box);
    reopen(f);
    assert_int_equal(mst_outbox_figure(f->box, "cursor", 0), 4);
    assert_int_equal(mst_inbox_unread(f->box), 2);
    assert_int_equal(mst_inbox_unhooked(f->box, &n, &buf, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(mst_inbox_hooked(f->box, 1, NULL), 0);
    assert_int_equal(mst_inbox_unhooked(f->box, &n, &buf, NULL), 0);
    assert_int_equal(n, 2);
    assert_int_equal(mst_inbox_mark_read(f->box, 1, NULL), 0);
    assert_int_equal(mst_inbox_list(f->box, 0, true, 10, count_alert, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(mst_inbox_list(f->box, 0, false, 10, count_alert, &count, NULL), 0);
    assert_int_equal(count, 3);
    mst_buf_done(&buf);
}

static int take_place(void *context, uint64_t n, bool read, struct mst_slice bytes)
{
    (void)read;
    (void)bytes;
    *(uint64_t *)context = n;
    return 0;
}

/* Whoever follows the inbox asks for what comes behind the place that was shown last. */
static void place_in_the_inbox_is_given_once(void **state)
{
    struct fixture *f = *state;
    struct mst_pruned pruned;
    uint64_t n = 0;
    assert_true(put_alert(f->box, 1, 1));
    assert_true(put_alert(f->box, 2, 2));
    assert_int_equal(mst_inbox_mark_read(f->box, 2, NULL), 0);
    assert_int_equal(mst_inbox_hooked(f->box, 1, NULL), 0);
    assert_int_equal(mst_inbox_hooked(f->box, 2, NULL), 0);
    assert_int_equal(mst_outbox_prune(f->box, 600 * DAY, &pruned, NULL), 0);
    assert_true(put_alert(f->box, 3, 3));
    assert_int_equal(mst_inbox_list(f->box, 2, false, 10, take_place, &n, NULL), 0);
    assert_int_equal(n, 3);
    n = 0;
    assert_int_equal(mst_inbox_list(f->box, 0, false, 1, take_place, &n, NULL), 0);
    assert_int_equal(n, 2);
}

static void brief_is_replaced_whole(void **state)
{
    struct fixture *f = *state;
    struct mst_buf rows = {0}, out = {0};
    for (int i = 0; i < 3; i++) {
        mst_pack_map(&rows, 1);
        mst_pack_text(&rows, "id");
        mst_pack_int(&rows, i);
    }
    assert_int_equal(mst_brief_replace(f->box, mst_bytes(rows.data, rows.len), NULL), 0);
    assert_int_equal(mst_brief_replace(f->box, mst_bytes(rows.data, rows.len), NULL), 0);
    commit(f->box);
    reopen(f);
    assert_int_equal(mst_brief_rows(f->box, &out, NULL), 0);
    assert_int_equal(out.len, rows.len);
    assert_memory_equal(out.data, rows.data, rows.len);
    mst_buf_done(&rows);
    mst_buf_done(&out);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* In the smallest outbox that may be set, a twentieth of which is less than a report can be. */
static void room_is_made_for_the_largest_report(void **state)
{
    struct fixture *f = *state;
    char words[1000], text[61000];
    struct mst_buf body = {0};
    struct mst_pruned pruned;
    uint64_t number;
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    while (mst_outbox_bytes(f->box) < roomy.bytes_max - 60000)
        assert_true(append(f->box, words, 1) > 0);
    commit(f->box);
    assert_int_equal(
        receipt(f->box, 1, mst_outbox_last(f->box), 1, 0, (struct mst_slices){NULL, 0}), 0);
    mst_pack_map(&body, 1);
    mst_pack_text(&body, "text");
    mst_pack_text(&body, text);
    const struct mst_msg_report report = {
        .act = mst_text("submit"), .unit = mst_text("u1"), .body = mst_bytes(body.data, body.len)};
    assert_int_equal(mst_outbox_append(f->box, &report, &number, NULL), MST_E_FULL);
    assert_int_equal(mst_outbox_prune(f->box, 2, &pruned, NULL), 0);
    assert_true(pruned.lost > 0);
    assert_int_equal(mst_outbox_append(f->box, &report, &number, NULL), 0);
    mst_buf_done(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(queued_reports_survive_reopening_in_an_unbroken_chain),
        CASE(uncommitted_report_is_not_kept),
        CASE(runs_keep_to_their_limits_and_hold_one_report_at_least),
        CASE(receipt_numbers_are_dealt_out_and_a_refusal_consumes_its_number),
        CASE(receipt_that_repeats_overlaps_or_leaps_is_taken_right),
        CASE(receipts_alone_may_wait_for_their_commit),
        CASE(renewed_outbox_chains_its_unacknowledged_reports_anew),
        CASE(rewound_outbox_sends_what_it_keeps_and_no_more),
        CASE(old_and_surplus_reports_go_and_the_unacknowledged_never),
        CASE(full_outbox_refuses_until_acknowledged_reports_make_room),
        CASE(room_is_made_for_the_largest_report),
        CASE(backup_that_ends_within_a_run_lets_go_of_no_more_than_it_holds),
        CASE(file_of_another_unit_is_refused),
        CASE(no_promised_report_is_lost_when_the_agent_is_killed),
        CASE(alert_enters_the_inbox_once_and_waits_for_its_hook),
        CASE(alert_in_other_words_is_another_one),
        CASE(place_in_the_inbox_is_given_once),
        CASE(brief_is_replaced_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
