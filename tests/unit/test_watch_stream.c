/* SPDX-License-Identifier: Apache-2.0 */
/* The watcher's memory and its sense of order, without a broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/watch/watch.h"

static char dir[64];
static struct mst_err err;

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/muster-watch-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static struct mst_msg_alert alert_of(uint64_t number, uint64_t prev, uint8_t head)
{
    static uint8_t heads[256][32];
    memset(heads[head], head, 32);
    return (struct mst_msg_alert){.number = number,
                                  .prev = prev,
                                  .ledger_row = 10 * number,
                                  .ledger_head = mst_bytes(heads[head], 32)};
}

static struct mst_watch_state *opened(void)
{
    struct mst_watch_state *s = NULL;
    assert_int_equal(mst_watch_state_open(dir, "main", &s, &err), 0);
    return s;
}

static struct mst_watch_cursor cursor_at(uint64_t number)
{
    return (struct mst_watch_cursor){.programme = "p", .epoch = 1, .number = number};
}

static enum mst_watch_step step(struct mst_watch_stream *s, uint64_t number, uint64_t prev)
{
    struct mst_msg_alert alert = alert_of(number, prev, 1);
    return mst_watch_stream_step(s, &alert);
}

/* ---- stream ---- */

static void numbers_may_leap_but_must_follow(void **state)
{
    (void)state;
    struct mst_watch_stream s = {.credit = 4};
    mst_watch_stream_begin(&s, true, 7, NULL);
    /* Topics leave numbers out; `prev` says that nothing was lost. */
    assert_int_equal(step(&s, 9, 7), MST_WATCH_TAKE);
    assert_int_equal(step(&s, 30, 9), MST_WATCH_TAKE);
    assert_int_equal(s.last, 30);
    assert_int_equal(s.unacked, 2);
}

static void gap_is_told_once_and_reading_again_closes_it(void **state)
{
    (void)state;
    struct mst_watch_stream s = {.credit = 4};
    mst_watch_stream_begin(&s, true, 0, NULL);
    assert_int_equal(step(&s, 1, 0), MST_WATCH_TAKE);
    assert_int_equal(step(&s, 3, 2), MST_WATCH_GAP);
    assert_int_equal(step(&s, 4, 3), MST_WATCH_PASS);
    assert_int_equal(s.last, 1);
    assert_int_equal(step(&s, 2, 1), MST_WATCH_TAKE);
    assert_int_equal(step(&s, 3, 2), MST_WATCH_TAKE);
    assert_int_equal(step(&s, 3, 2), MST_WATCH_GAP);
}

static void stream_that_never_fits_is_given_up(void **state)
{
    (void)state;
    struct mst_watch_stream s = {.credit = 2};
    mst_watch_stream_begin(&s, true, 1, NULL);
    assert_int_equal(step(&s, 9, 8), MST_WATCH_GAP);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(step(&s, 10 + i, 9 + i), MST_WATCH_PASS);
    assert_int_equal(step(&s, 14, 13), MST_WATCH_HOPELESS);
}

static void stream_that_begins_before_its_start_shows_a_shorter_log(void **state)
{
    (void)state;
    struct mst_watch_stream s = {.credit = 2};
    mst_watch_stream_begin(&s, true, 41, NULL);
    assert_int_equal(step(&s, 31, 30), MST_WATCH_SHORT);
    mst_watch_stream_begin(&s, false, 0, NULL);
    assert_int_equal(step(&s, 27, 26), MST_WATCH_TAKE);
    /* Once it goes on, what was sent before is a gap like any other. */
    assert_int_equal(step(&s, 27, 26), MST_WATCH_GAP);
}

/* With which the broker can tell whether its alert of this number is the one that was taken. */
static void stream_keeps_the_head_that_came_with_its_last_alert(void **state)
{
    (void)state;
    struct mst_watch_stream s = {.credit = 2};
    struct mst_msg_alert alert = alert_of(7, 0, 9);
    mst_watch_stream_begin(&s, true, 0, NULL);
    assert_false(s.has_head);
    assert_int_equal(mst_watch_stream_step(&s, &alert), MST_WATCH_TAKE);
    assert_true(s.has_head);
    assert_memory_equal(s.head, alert.ledger_head.data, sizeof s.head);
    mst_watch_stream_begin(&s, true, 7, s.head);
    assert_true(s.has_head);
    assert_memory_equal(s.head, alert.ledger_head.data, sizeof s.head);
    /* What is begun elsewhere is not at that alert. */
    mst_watch_stream_begin(&s, true, 5, NULL);
    assert_false(s.has_head);
}

static void first_alert_without_a_cursor_begins_the_stream(void **state)
{
    (void)state;
    struct mst_watch_stream s = {.credit = 2};
    mst_watch_stream_begin(&s, false, 0, NULL);
    assert_int_equal(step(&s, 41, 40), MST_WATCH_TAKE);
    assert_int_equal(step(&s, 43, 42), MST_WATCH_GAP);
    mst_watch_stream_begin(&s, true, 41, NULL);
    s.lost = false;
    assert_int_equal(step(&s, 41, 41), MST_WATCH_GAP);
}

/* ---- state ---- */

static void cursor_survives_and_never_goes_back(void **state)
{
    (void)state;
    struct mst_watch_state *s = opened();
    assert_false(mst_watch_state_cursor(s)->known);
    struct mst_watch_cursor c = cursor_at(41);
    assert_int_equal(mst_watch_state_save(s, &c, &err), 0);
    mst_watch_state_free(s);
    s = opened();
    /* As one that was written by a version without heads. */
    assert_int_equal(mst_watch_state_cursor(s)->number, 41);
    assert_false(mst_watch_state_cursor(s)->has_head);
    c = cursor_at(42);
    c.has_head = true;
    memset(c.head, 0xa5, sizeof c.head);
    assert_int_equal(mst_watch_state_save(s, &c, &err), 0);
    c.number = 7;
    memset(c.head, 0x5a, sizeof c.head);
    assert_int_equal(mst_watch_state_save(s, &c, &err), 0);
    mst_watch_state_free(s);
    s = opened();
    assert_true(mst_watch_state_cursor(s)->known);
    assert_int_equal(mst_watch_state_cursor(s)->number, 42);
    assert_true(mst_watch_state_cursor(s)->has_head);
    assert_int_equal(mst_watch_state_cursor(s)->head[31], 0xa5);
    assert_int_equal(mst_watch_state_cursor(s)->epoch, 1);
    assert_string_equal(mst_watch_state_cursor(s)->programme, "p");
    mst_watch_state_free(s);
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/watch-main.cursor", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void forgotten_cursor_may_begin_anew_before_where_it_was(void **state)
{
    (void)state;
    struct mst_watch_state *s = opened();
    assert_int_equal(mst_watch_state_forget(s, &err), 0);
    struct mst_watch_cursor c = cursor_at(42);
    assert_int_equal(mst_watch_state_save(s, &c, &err), 0);
    assert_int_equal(mst_watch_state_forget(s, &err), 0);
    mst_watch_state_free(s);
    s = opened();
    assert_false(mst_watch_state_cursor(s)->known);
    c.number = 7;
    assert_int_equal(mst_watch_state_save(s, &c, &err), 0);
    assert_int_equal(mst_watch_state_cursor(s)->number, 7);
    mst_watch_state_free(s);
}

static void two_watchers_never_share_a_cursor(void **state)
{
    (void)state;
    struct mst_watch_state *first = opened(), *second = NULL;
    assert_int_equal(mst_watch_state_open(dir, "main", &second, &err), MST_E_BUSY);
    assert_int_equal(mst_watch_state_open(dir, "other", &second, &err), 0);
    mst_watch_state_free(second);
    mst_watch_state_free(first);
}

static void damaged_cursor_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "muster-cursor: 1\nprogramme: p\nrehearsal: false\nepoch: 0\nnumber: ",
        "muster-cursor: 2\nprogramme: p\nrehearsal: false\nepoch: 0\nnumber: 3\n",
        "muster-cursor: 1\nprogramme: p\nrehearsal: false\nepoch: 0\nnumber: 3\nmore\n",
        "muster-cursor: 1\nprogramme: p\nrehearsal: false\nepoch: 0\nnumber: 3\nhead: \n",
        "muster-cursor: 1\nprogramme: p\nrehearsal: false\nepoch: 0\nnumber: 3\nhead: a5a5\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/watch-main.cursor", dir);
        FILE *file = fopen(path, "w");
        fputs(texts[i], file);
        fclose(file);
        struct mst_watch_state *s = NULL;
        assert_int_equal(mst_watch_state_open(dir, "main", &s, &err), MST_E_CORRUPT);
    }
}

static int witness(struct mst_watch_state *s, uint64_t number, uint8_t head)
{
    struct mst_msg_alert alert = alert_of(number, 0, head);
    return mst_watch_state_witness(s, &alert, 1, &err);
}

static void witness_finds_a_rewritten_ledger(void **state)
{
    (void)state;
    struct mst_watch_state *s = opened();
    struct mst_watch_cursor c = cursor_at(50);
    for (uint64_t n = 1; n <= 50; n += n % 3 + 1)
        assert_int_equal(witness(s, n, (uint8_t)n), 0);
    assert_int_equal(mst_watch_state_save(s, &c, &err), 0);
    mst_watch_state_free(s);
    s = opened();
    for (uint64_t n = 1; n <= 50; n += n % 3 + 1) {
        assert_int_equal(witness(s, n, (uint8_t)n), 0);
        assert_int_equal(witness(s, n, (uint8_t)(n + 100)), MST_E_CONFLICT);
    }
    struct mst_msg_alert moved = alert_of(1, 0, 1);
    moved.ledger_row++;
    assert_int_equal(mst_watch_state_witness(s, &moved, 1, &err), MST_E_CONFLICT);
    mst_watch_state_free(s);
}

static void torn_witness_line_is_dropped(void **state)
{
    (void)state;
    struct mst_watch_state *s = opened();
    struct mst_watch_cursor c = cursor_at(2);
    assert_int_equal(witness(s, 1, 1), 0);
    assert_int_equal(witness(s, 2, 2), 0);
    assert_int_equal(mst_watch_state_save(s, &c, &err), 0);
    mst_watch_state_free(s);
    char path[128];
    snprintf(path, sizeof path, "%s/watch-main.witness", dir);
    assert_int_equal(truncate(path, 2 * 128 - 5), 0);
    s = opened();
    assert_int_equal(witness(s, 2, 2), 0);
    c = cursor_at(3);
    assert_int_equal(mst_watch_state_save(s, &c, &err), 0);
    mst_watch_state_free(s);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 2 * 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_may_leap_but_must_follow),
        cmocka_unit_test(gap_is_told_once_and_reading_again_closes_it),
        cmocka_unit_test(stream_that_never_fits_is_given_up),
        cmocka_unit_test(stream_that_begins_before_its_start_shows_a_shorter_log),
        cmocka_unit_test(stream_keeps_the_head_that_came_with_its_last_alert),
        cmocka_unit_test(first_alert_without_a_cursor_begins_the_stream),
        cmocka_unit_test_setup_teardown(cursor_survives_and_never_goes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgotten_cursor_may_begin_anew_before_where_it_was, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_watchers_never_share_a_cursor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_cursor_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(witness_finds_a_rewritten_ledger, set_up, tear_down),
        cmocka_unit_test_setup_teardown(torn_witness_line_is_dropped, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
