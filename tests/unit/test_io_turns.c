/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about when a batch ends and when the loop is quiet, on virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/io/turns.h"

#define NOW_MS 1000
#define LONG_MS (MST_GATHER_MS + 1)

static struct mst_turns after(uint64_t answered, int64_t commit_ms)
{
    struct mst_turns t = {0};
    mst_turns_end(&t, answered);
    mst_turns_committed(&t, commit_ms);
    return t;
}

static void batch_ends_by_what_was_answered_last_and_how_long_that_took(void **state)
{
    static const struct {
        uint64_t answered;
        int64_t commit_ms;
        uint64_t letters, last;
        enum mst_turn turn;
    } cases[] = {
        /* At first nothing is known: what is there is committed. */
        {0, 0, 0, 0, MST_TURN_COMMIT},
        {0, 0, 9, 9, MST_TURN_COMMIT},
        /* A short commit: half of what was answered, and none is waited for. */
        {8, MST_GATHER_MS, 3, 3, MST_TURN_LETTERS},
        {8, MST_GATHER_MS, 4, 4, MST_TURN_COMMIT},
        {9, MST_GATHER_MS, 4, 2, MST_TURN_LETTERS},
        {8, MST_GATHER_MS, 3, 1, MST_TURN_COMMIT},
        {8, MST_GATHER_MS, 3, 0, MST_TURN_COMMIT},
        {8, MST_GATHER_MS, 0, 0, MST_TURN_COMMIT},
        /* A long one: as many as come, and as many as were answered are waited for. */
        {8, LONG_MS, 3, 3, MST_TURN_LETTERS},
        {8, LONG_MS, 100, 2, MST_TURN_LETTERS},
        {8, LONG_MS, 7, 1, MST_TURN_WAIT},
        {8, LONG_MS, 7, 0, MST_TURN_WAIT},
        {8, LONG_MS, 8, 1, MST_TURN_COMMIT},
        {8, LONG_MS, 8, 0, MST_TURN_COMMIT},
        {1, LONG_MS, 1, 1, MST_TURN_COMMIT},
        /* A batch without letters waits for none: it is a deadline's. */
        {8, LONG_MS, 0, 0, MST_TURN_COMMIT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mst_turns t = after(cases[i].answered, cases[i].commit_ms);
        enum mst_turn turn = mst_turns_next(&t, cases[i].letters, cases[i].last, NOW_MS);
        if (turn != cases[i].turn)
            fail_msg("case %zu: turn %d, not %d", i, (int)turn, (int)cases[i].turn);
    }
}

/* However many come one by one. */
static void batch_waits_for_a_moment_in_all(void **state)
{
    struct mst_turns t = after(100, LONG_MS);
    (void)state;
    /* While letters come in numbers nobody waits yet. */
    assert_int_equal(mst_turns_next(&t, 10, 10, NOW_MS - 50), MST_TURN_LETTERS);
    assert_int_equal(mst_turns_next(&t, 11, 1, NOW_MS), MST_TURN_WAIT);
    assert_int_equal(mst_turns_next(&t, 12, 1, NOW_MS + MST_GATHER_MS), MST_TURN_WAIT);
    assert_int_equal(mst_turns_next(&t, 13, 1, NOW_MS + MST_GATHER_MS + 1), MST_TURN_COMMIT);
    mst_turns_end(&t, 13);
    /* The next batch has a moment of its own, for as many as these. */
    mst_turns_committed(&t, LONG_MS);
    assert_int_equal(mst_turns_next(&t, 1, 1, NOW_MS + 500), MST_TURN_WAIT);
    assert_int_equal(mst_turns_next(&t, 12, 1, NOW_MS + 500), MST_TURN_WAIT);
    assert_int_equal(mst_turns_next(&t, 13, 1, NOW_MS + 500), MST_TURN_COMMIT);
}

/* A pass of the clock, of a query, of an acknowledgement. */
static void commit_without_letters_changes_no_expectation(void **state)
{
    struct mst_turns t = after(8, LONG_MS);
    (void)state;
    mst_turns_end(&t, 0);
    mst_turns_committed(&t, LONG_MS);
    assert_int_equal(t.answered, 8);
    assert_int_equal(mst_turns_next(&t, 7, 1, NOW_MS), MST_TURN_WAIT);
}

/* ---- senders who wait for their receipt, each of whom sends again when he has it ---- */

#define SENDERS 8
#define TRIP_US 60  /* his receipt's and his letter's */
#define APART_US 25 /* between two of them, who were answered at once */
#define LOOK_US 40  /* takes two of them */
#define BATCHES_MAX 20

struct run {
    struct mst_turns turns;
    int64_t us;             /* virtual time */
    int64_t comes[SENDERS]; /* when a sender's next letter is there */
    bool taken[SENDERS];    /* it is in the batch */
    uint64_t letters;
};

/* What has come by the end of this look. */
static uint64_t look(struct run *r)
{
    uint64_t found = 0;
    r->us += LOOK_US;
    for (size_t i = 0; i < SENDERS; i++) {
        if (r->taken[i] || r->comes[i] > r->us)
            continue;
        r->taken[i] = true;
        found++;
    }
    r->letters += found;
    return found;
}

/* Sleep until one comes, at most so long. */
static bool one_comes(struct run *r, int64_t us_max)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < SENDERS; i++)
        next = !r->taken[i] && r->comes[i] < next ? r->comes[i] : next;
    bool comes = next <= r->us || next - r->us <= us_max;
    if (!comes)
        r->us += us_max;
    else if (next > r->us)
        r->us = next;
    return comes;
}

static void commit(struct run *r, int64_t commit_us)
{
    int64_t after_us = TRIP_US;
    mst_turns_end(&r->turns, r->letters);
    r->us += commit_us;
    mst_turns_committed(&r->turns, commit_us / 1000);
    for (size_t i = 0; i < SENDERS; i++) {
        if (!r->taken[i])
            continue;
        r->comes[i] = r->us + after_us;
        after_us += APART_US;
        r->taken[i] = false;
    }
    r->letters = 0;
}

/* How many letters each batch has, where a commit takes so long. */
static void run_senders(int64_t commit_us, uint64_t batches[BATCHES_MAX])
{
    struct run r = {.us = NOW_MS * 1000};
    for (size_t i = 0; i < BATCHES_MAX; i++) {
        uint64_t found;
        enum mst_turn turn;
        assert_true(one_comes(&r, INT64_MAX / 2));
        do {
            found = look(&r);
            turn = mst_turns_next(&r.turns, r.letters, found, r.us / 1000);
        } while (turn == MST_TURN_LETTERS ||
                 (turn == MST_TURN_WAIT && one_comes(&r, MST_GATHER_MS * 1000)));
        batches[i] = r.letters;
        commit(&r, commit_us);
    }
}

static void all_who_were_answered_share_a_long_commit(void **state)
{
    uint64_t batches[BATCHES_MAX];
    (void)state;
    run_senders(3000, batches);
    for (size_t i = 1; i < BATCHES_MAX; i++)
        assert_int_equal(batches[i], SENDERS);
}

static void two_batches_take_turns_where_commits_are_short(void **state)
{
    uint64_t batches[BATCHES_MAX];
    (void)state;
    run_senders(150, batches);
    for (size_t i = 1; i < BATCHES_MAX; i++)
        assert_int_equal(batches[i], SENDERS / 2);
}

/* ---- what was answered is published ---- */

static void answers_are_published_a_moment_after_the_last_of_them(void **state)
{
    struct mst_turns t = {0};
    (void)state;
    assert_int_equal(mst_turns_quiet_ms(&t), -1);
    assert_false(mst_turns_quiet(&t, 0));
    mst_turns_committed(&t, 0);
    assert_int_equal(mst_turns_quiet_ms(&t), MST_QUIET_MS);
    /* Something has come in that moment, and was committed: the moment begins anew. */
    mst_turns_slept(&t);
    assert_false(mst_turns_quiet(&t, 1));
    mst_turns_committed(&t, 0);
    assert_int_equal(mst_turns_quiet_ms(&t), MST_QUIET_MS);
    /* Something that asked for no commit: its turn comes later, and does come. */
    mst_turns_slept(&t);
    assert_false(mst_turns_quiet(&t, 2));
    assert_int_equal(mst_turns_quiet_ms(&t), MST_MAINTAIN_AFTER_MS);
    mst_turns_slept(&t);
    assert_true(mst_turns_quiet(&t, 0));
    /* The store has more than it could move: it is asked again; then no more. */
    assert_int_equal(mst_turns_quiet_ms(&t), MST_MAINTAIN_AFTER_MS);
    t.unmoved = false;
    assert_int_equal(mst_turns_quiet_ms(&t), -1);
    assert_false(mst_turns_quiet(&t, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_ends_by_what_was_answered_last_and_how_long_that_took),
        cmocka_unit_test(batch_waits_for_a_moment_in_all),
        cmocka_unit_test(commit_without_letters_changes_no_expectation),
        cmocka_unit_test(all_who_were_answered_share_a_long_commit),
        cmocka_unit_test(two_batches_take_turns_where_commits_are_short),
        cmocka_unit_test(answers_are_published_a_moment_after_the_last_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
