/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's session against a small broker of its own (session_broker.h). */
#include "tests/unit/session_broker.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000

/* ---- the agent ---- */

struct fixture {
    struct fake fake;
    char dir[64], path[96];
    struct mst_home home;
    struct mst_outbox *box;
    struct mst_session *session;
};

static void set(struct fixture *f, const char *name, const char *value)
{
    char assignment[320];
    struct mst_err err;
    snprintf(assignment, sizeof assignment, "%s=%s", name, value);
    if (mst_settings_set(&f->home.settings, MST_SCOPE_AGENT, assignment, &err))
        fail_msg("%s", err.text);
}

static void make_home(struct fixture *f)
{
    char hex[65];
    struct mst_err err;
    if (mst_settings_init(&f->home.settings, &err) || mst_keys_make(&f->home.keys, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", f->fake.keys.sign_public[i]);
    snprintf(f->home.dir, sizeof f->home.dir, "%s", f->dir);
    set(f, "broker", f->fake.endpoint);
    set(f, "broker_key", zcert_public_txt(f->fake.cert));
    set(f, "broker_sign_key", hex);
    set(f, "programme", "p");
    set(f, "unit", "u1");
    set(f, "run_reports", "8");
    set(f, "reconnect_min", "10");
    set(f, "reconnect_max", "100");
    set(f, "reply_timeout", "300");
    memcpy(f->fake.unit_key, f->home.keys.sign_public, sizeof f->fake.unit_key);
}

static void open_agent(struct fixture *f)
{
    static const struct mst_outbox_limits limits = {.bytes_max = 1 << 20, .keep_days = 400};
    struct mst_err err;
    if (mst_outbox_open(f->path, "p", "u1", &limits, &f->box, &err) ||
        mst_session_new(&f->home, f->box, true, &f->session, &err))
        fail_msg("%s", err.text);
}

static void close_agent(struct fixture *f)
{
    mst_session_free(f->session);
    mst_outbox_close(f->box);
    f->session = NULL;
    f->box = NULL;
}

/* Before the agent is there: for tests in which the broker's welcome is to be another. */
static int setup_broker(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/muster-session-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/outbox.db", f->dir);
    pthread_mutex_init(&f->fake.lock, NULL);
    f->fake.window = 64;
    f->fake.epoch = 1;
    f->fake.cert = zcert_new();
    assert_int_equal(mst_keys_make(&f->fake.keys, NULL), 0);
    strcpy(f->fake.endpoint, "tcp://127.0.0.1:*");
    fake_start(&f->fake);
    make_home(f);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    int rc = setup_broker(state);
    open_agent(*state);
    return rc;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    close_agent(f);
    fake_stop(&f->fake);
    zcert_destroy(&f->fake.cert);
    pthread_mutex_destroy(&f->fake.lock);
    mst_settings_done(&f->home.settings);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    int rc = system(command);
    free(f);
    return rc;
}

static void append_uncommitted(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        struct mst_msg_report report = {.act = mst_text("progress"),
                                        .unit = mst_text("u1"),
                                        .at = (uint64_t)time(NULL) * 1000,
                                        .reason = mst_text("words that fill a little room")};
        uint64_t number;
        assert_int_equal(mst_outbox_append(f->box, &report, &number, NULL), 0);
    }
}

static void append(struct fixture *f, int count)
{
    append_uncommitted(f, count);
    assert_int_equal(mst_outbox_commit(f->box, NULL), 0);
}

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void one_round(struct fixture *f)
{
    struct mst_err err = {0};
    if (mst_session_drain(f->session, &err) || mst_session_push(f->session, &err) ||
        mst_outbox_commit(f->box, &err) || mst_session_flush(f->session, &err))
        fail_msg("%s", err.text);
}

typedef bool (*condition)(struct fixture *f);

/* Rounds, as the service makes them, until the condition holds. */
static void until(struct fixture *f, condition holds)
{
    int64_t deadline = now_ms() + PATIENCE_MS;
    for (;;) {
        one_round(f);
        if (holds(f))
            return;
        if (now_ms() > deadline)
            fail_msg("waited in vain; fault: %s", mst_session_fault(f->session));
        int wait = mst_session_wait_ms(f->session);
        struct pollfd fd = {.fd = mst_session_fd(f->session), .events = POLLIN};
        poll(&fd, 1, wait < 0 || wait > 50 ? 50 : wait);
    }
}

static bool is_up(struct fixture *f)
{
    return mst_session_up(f->session);
}

static bool all_acked(struct fixture *f)
{
    return mst_session_up(f->session) && mst_outbox_acked(f->box) == mst_outbox_last(f->box);
}

static bool all_alerts_acked(struct fixture *f)
{
    bool done;
    LOCKED(&f->fake, done = f->fake.acked_alert == f->fake.alerts);
    return done;
}

static bool has_brief(struct fixture *f)
{
    return mst_session_brief_count(f->session) > 0;
}

static bool is_down(struct fixture *f)
{
    return !mst_session_up(f->session) && mst_session_fault(f->session)[0];
}

static int last_entry(void *context, const struct mst_entry *entry)
{
    *(struct mst_entry *)context = *entry;
    return 0;
}

static struct mst_entry entry_of(struct fixture *f, uint64_t number)
{
    struct mst_entry entry = {0};
    assert_int_equal(mst_outbox_entries(f->box, number, 1, last_entry, &entry, NULL), 0);
    return entry;
}

static uint64_t stored_in_all(struct fixture *f)
{
    uint64_t sum = 0;
    LOCKED(&f->fake,
           for (size_t i = 0; i < f->fake.outboxes_count; i++) sum += f->fake.outboxes[i].last);
    return sum;
}

/* ---- claims ---- */

static void queued_reports_arrive_once_in_order_and_signed(void **state)
{
    struct fixture *f = *state;
    append(f, 100);
    until(f, all_acked);
    assert_int_equal(stored_in_all(f), 100);
    LOCKED(&f->fake, {
        assert_int_equal(f->fake.bad, 0);
        assert_int_equal(f->fake.duplicates, 0);
    });
    for (uint64_t n = 1; n <= 100; n++) {
        assert_int_equal(entry_of(f, n).state, MST_ENTRY_RECEIVED);
        assert_int_equal(entry_of(f, n).receipt, n);
    }
    append(f, 3);
    until(f, all_acked);
    assert_int_equal(stored_in_all(f), 103);
}

static void run_is_not_cut_short_by_the_window(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, f->fake.window = 20);
    open_agent(f);
    append(f, 100);
    until(f, all_acked);
    LOCKED(&f->fake, {
        assert_int_equal(f->fake.outboxes[0].last, 100);
        assert_int_equal(f->fake.bad, 0);
        assert_int_equal(f->fake.pushes, 13); /* of 8, and one of the 4 that are left */
    });
}

static void narrow_window_is_no_standstill(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, f->fake.window = 1);
    open_agent(f);
    append(f, 10);
    until(f, all_acked);
    assert_int_equal(stored_in_all(f), 10);
    LOCKED(&f->fake, {
        assert_int_equal(f->fake.pushes, 10);
        assert_int_equal(f->fake.hellos, 1);
    });
}

static void report_is_not_pushed_before_its_commit(void **state)
{
    struct fixture *f = *state;
    until(f, is_up);
    append(f, 1);
    append_uncommitted(f, 1);
    assert_int_equal(mst_session_push(f->session, NULL), 0);
    assert_int_equal(mst_outbox_rollback(f->box, NULL), 0);
    append(f, 1);
    until(f, all_acked);
    /* What was dropped would have been there first, under the same number. */
    LOCKED(&f->fake, {
        assert_int_equal(f->fake.bad, 0);
        assert_int_equal(f->fake.duplicates, 0);
        assert_int_equal(f->fake.pushes, 2);
    });
    assert_int_equal(stored_in_all(f), 2);
}

static void refused_report_consumes_its_number_and_is_remembered(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, f->fake.refuse_seq = 2);
    append(f, 3);
    until(f, all_acked);
    assert_int_equal(entry_of(f, 1).state, MST_ENTRY_RECEIVED);
    assert_int_equal(entry_of(f, 2).state, MST_ENTRY_REFUSED);
    assert_int_equal(entry_of(f, 3).state, MST_ENTRY_RECEIVED);
    assert_int_equal(entry_of(f, 3).receipt, 3);
}

/* Or it would be sent again and again, and nothing behind it ever. */
static void longest_receipt_is_taken(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, {
        f->fake.refuse_seq = 1;
        f->fake.refuse_rows = MST_RUN_REPORTS_MAX;
    });
    append(f, 2);
    until(f, all_acked);
    LOCKED(&f->fake, assert_int_equal(f->fake.hellos, 1));
}

static void lost_receipt_is_asked_for_by_sending_again(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, f->fake.lose_receipts = 2);
    append(f, 30);
    until(f, all_acked);
    assert_int_equal(stored_in_all(f), 30);
    LOCKED(&f->fake, {
        assert_true(f->fake.duplicates > 0);
        assert_int_equal(f->fake.bad, 0);
    });
    for (uint64_t n = 1; n <= 30; n++)
        assert_int_equal(entry_of(f, n).receipt, n);
}

static bool has_stored_32(struct fixture *f)
{
    return stored_in_all(f) == 32;
}

static void stored_receipt_may_number_more_than_was_sent(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, {
        f->fake.window = 32;
        f->fake.lose_receipts = 4;
    });
    open_agent(f);
    append(f, 50);
    until(f, has_stored_32);
    close_agent(f);
    LOCKED(&f->fake, f->fake.wide_receipts = true; f->fake.window = 8);
    open_agent(f);
    until(f, all_acked);
    assert_int_equal(stored_in_all(f), 50);
    LOCKED(&f->fake, {
        assert_int_equal(f->fake.bad, 0);
        assert_int_equal(f->fake.hellos, 2);
    });
    assert_int_equal(entry_of(f, 32).receipt, 32);
    assert_int_equal(entry_of(f, 33).receipt, 33);
}

/* Taking alone, without a round's push and commit: receipts that were not committed are got again
 * from the stored answers. */
static void receipts_open_the_window_and_may_be_lost_before_their_commit(void **state)
{
    struct fixture *f = *state;
    struct mst_err err = {0};
    LOCKED(&f->fake, f->fake.window = 8);
    open_agent(f);
    until(f, has_brief);
    append(f, 40);
    assert_int_equal(mst_session_push(f->session, NULL), 0);
    for (int64_t deadline = now_ms() + PATIENCE_MS; mst_outbox_acked(f->box) < 40;) {
        struct pollfd fd = {.fd = mst_session_fd(f->session), .events = POLLIN};
        assert_true(now_ms() < deadline);
        poll(&fd, 1, 10);
        if (mst_session_drain(f->session, &err))
            fail_msg("%s", err.text);
    }
    assert_true(mst_outbox_dirty(f->box));
    assert_false(mst_outbox_urgent(f->box));
    close_agent(f);
    open_agent(f);
    assert_int_equal(mst_outbox_acked(f->box), 0);
    until(f, all_acked);
    LOCKED(&f->fake, {
        assert_int_equal(f->fake.outboxes[0].last, 40);
        assert_int_equal(f->fake.bad, 0);
        assert_true(f->fake.duplicates > 0);
    });
}

static void expect_makes_the_agent_go_back(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, f->fake.expect_once = 2);
    append(f, 20);
    until(f, all_acked);
    assert_int_equal(stored_in_all(f), 20);
    LOCKED(&f->fake, assert_int_equal(f->fake.bad, 0));
}

static void run_made_ready_is_forgotten_when_going_back(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, {
        f->fake.window = 16;
        f->fake.expect_once = 1;
    });
    open_agent(f);
    append(f, 60);
    until(f, all_acked);
    assert_int_equal(stored_in_all(f), 60);
    LOCKED(&f->fake, {
        assert_int_equal(f->fake.bad, 0);
        assert_int_equal(f->fake.hellos, 1);
    });
}

static void forged_receipt_marks_nothing(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, {
        f->fake.window = 16;
        f->fake.forge_receipts = 1;
    });
    open_agent(f);
    append(f, 40);
    until(f, is_down);
    assert_int_equal(mst_outbox_acked(f->box), 0);
    until(f, all_acked);
    assert_int_equal(stored_in_all(f), 40);
    LOCKED(&f->fake, assert_int_equal(f->fake.bad, 0));
    assert_int_equal(entry_of(f, 1).receipt, 1);
}

static void broker_with_another_signing_key_gets_nothing(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, f->fake.keys.sign_public[0] ^= 1);
    open_agent(f);
    append(f, 1);
    until(f, is_down);
    LOCKED(&f->fake, assert_int_equal(f->fake.pushes, 0));
    assert_non_null(strstr(mst_session_fault(f->session), "signing key"));
}

static void silent_broker_is_left_and_found_again(void **state)
{
    struct fixture *f = *state;
    until(f, is_up);
    LOCKED(&f->fake, f->fake.silent = true);
    append(f, 2);
    until(f, is_down);
    LOCKED(&f->fake, f->fake.silent = false);
    until(f, all_acked);
    assert_int_equal(stored_in_all(f), 2);
}

static void restarted_broker_is_greeted_again_by_an_idle_agent(void **state)
{
    struct fixture *f = *state;
    until(f, is_up);
    until(f, has_brief);
    unsigned before;
    LOCKED(&f->fake, before = f->fake.hellos);
    fake_stop(&f->fake);
    until(f, is_down);
    fake_start(&f->fake);
    until(f, is_up);
    LOCKED(&f->fake, assert_true(f->fake.hellos > before));
}

static void restored_outbox_takes_a_fresh_id_and_resends(void **state)
{
    struct fixture *f = *state;
    uint8_t old[MST_OUTBOX_BYTES];
    char command[512];
    append(f, 4);
    until(f, all_acked);
    /* A copy is made with two reports waiting, then time goes on. */
    append(f, 2);
    close_agent(f);
    snprintf(command, sizeof command, "cp %s %s.copy", f->path, f->path);
    assert_int_equal(system(command), 0);
    open_agent(f);
    append(f, 3);
    until(f, all_acked);
    memcpy(old, mst_outbox_id(f->box), sizeof old);
    close_agent(f);
    snprintf(command, sizeof command, "mv %s.copy %s && rm -f %s-wal", f->path, f->path, f->path);
    assert_int_equal(system(command), 0);
    open_agent(f);
    append(f, 1);
    until(f, all_acked);
    assert_memory_not_equal(mst_outbox_id(f->box), old, sizeof old);
    LOCKED(&f->fake, {
        assert_int_equal(f->fake.outboxes_count, 2);
        assert_int_equal(f->fake.outboxes[0].last, 9);
        assert_int_equal(f->fake.outboxes[1].last, 3);
        assert_int_equal(f->fake.bad, 0);
    });
    assert_int_equal(mst_outbox_figure(f->box, "renewals", 0), 1);
    assert_int_equal(entry_of(f, 7).state, MST_ENTRY_RECEIVED);
}

static void fresh_id_that_could_not_be_committed_is_named_to_nobody(void **state)
{
    struct fixture *f = *state;
    char command[512];
    append(f, 4);
    until(f, all_acked);
    close_agent(f);
    snprintf(command, sizeof command, "cp %s %s.copy", f->path, f->path);
    assert_int_equal(system(command), 0);
    open_agent(f);
    append(f, 3);
    until(f, all_acked);
    close_agent(f);
    snprintf(command, sizeof command, "mv %s.copy %s && rm -f %s-wal", f->path, f->path, f->path);
    assert_int_equal(system(command), 0);
    open_agent(f);
    append(f, 1);
    /* The old copy is noticed, and the disk has no room for the new id. */
    int64_t deadline = now_ms() + PATIENCE_MS;
    while (mst_outbox_figure(f->box, "renewals", 0) == 0) {
        assert_true(now_ms() < deadline);
        assert_int_equal(mst_session_drain(f->session, NULL), 0);
    }
    assert_int_equal(mst_outbox_rollback(f->box, NULL), 0);
    mst_session_reset(f->session);
    until(f, all_acked);
    assert_int_equal(mst_outbox_figure(f->box, "renewals", 0), 1);
    LOCKED(&f->fake, {
        assert_int_equal(f->fake.outboxes_count, 2);
        assert_int_equal(f->fake.outboxes[1].last, 1);
        assert_int_equal(f->fake.duplicates, 0);
        assert_int_equal(f->fake.bad, 0);
    });
}

static void restored_broker_gets_back_what_it_lost(void **state)
{
    struct fixture *f = *state;
    append(f, 10);
    until(f, all_acked);
    fake_stop(&f->fake);
    struct stored *o = &f->fake.outboxes[0];
    LOCKED(&f->fake, {
        o->last = 4;
        memcpy(o->head, o->heads[4], sizeof o->head);
        f->fake.row = 4;
        f->fake.epoch = 2;
    });
    until(f, is_down);
    fake_start(&f->fake);
    until(f, all_acked);
    LOCKED(&f->fake, {
        assert_int_equal(o->last, 10);
        assert_int_equal(f->fake.outboxes_count, 1);
        assert_int_equal(f->fake.bad, 0);
    });
    assert_int_equal(entry_of(f, 10).receipt, 10);
}

static void what_a_backup_holds_goes_with_the_next_round(void **state)
{
    struct fixture *f = *state;
    append(f, 10);
    until(f, all_acked);
    int64_t each = mst_outbox_bytes(f->box) / 10;
    LOCKED(&f->fake, f->fake.watermark = 6);
    append(f, 1);
    until(f, all_acked);
    assert_int_equal(mst_outbox_bytes(f->box), 11 * each);
    assert_int_equal(mst_session_wait_ms(f->session), 0);
    one_round(f);
    assert_int_equal(mst_outbox_bytes(f->box), 5 * each);
    assert_int_not_equal(mst_session_wait_ms(f->session), 0);
}

static void restored_broker_gets_what_is_kept_under_a_fresh_id(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, f->fake.watermark = 6);
    append(f, 10);
    until(f, all_acked);
    append(f, 1);
    until(f, all_acked);
    struct mst_pruned pruned;
    assert_int_equal(mst_outbox_prune(f->box, (mst_time)time(NULL) * 1000, &pruned, NULL), 0);
    fake_stop(&f->fake);
    /* Older than the backup that it had told of: something is gone for good. */
    struct stored *o = &f->fake.outboxes[0];
    LOCKED(&f->fake, {
        o->last = 4;
        memcpy(o->head, o->heads[4], sizeof o->head);
        f->fake.epoch = 2;
    });
    until(f, is_down);
    fake_start(&f->fake);
    until(f, all_acked);
    LOCKED(&f->fake, {
        assert_int_equal(f->fake.outboxes_count, 2);
        assert_int_equal(f->fake.outboxes[1].last, 5);
        assert_int_equal(f->fake.bad, 0);
    });
}

static void alerts_enter_the_inbox_once_and_are_acknowledged(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, f->fake.alerts = 5);
    until(f, all_alerts_acked);
    assert_int_equal(mst_inbox_last(f->box), 5);
    /* An agent that died before its ack gets them again, and keeps one of each. */
    close_agent(f);
    LOCKED(&f->fake, f->fake.acked_alert = 2; f->fake.alerts = 6);
    open_agent(f);
    until(f, all_alerts_acked);
    assert_int_equal(mst_inbox_unread(f->box), 6);
}

static void gap_in_the_alert_stream_is_filled(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, {
        f->fake.alerts = 6;
        f->fake.skip_alert = 3;
    });
    until(f, all_alerts_acked);
    assert_int_equal(mst_inbox_last(f->box), 6);
    LOCKED(&f->fake, assert_true(f->fake.subscriptions >= 2));
}

static void restored_broker_repeats_alert_numbers_without_loss(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, f->fake.alerts = 6);
    until(f, all_alerts_acked);
    close_agent(f);
    /* Its log ends at 4 now, and 5 and 6 are dealt out anew. */
    LOCKED(&f->fake, f->fake.epoch = 2; f->fake.acked_alert = 4);
    open_agent(f);
    until(f, all_alerts_acked);
    assert_int_equal(mst_inbox_last(f->box), 8);
    close_agent(f);
    /* And once more from a copy that is older than that, without being told so. */
    LOCKED(&f->fake, f->fake.epoch = 0; f->fake.acked_alert = 4);
    open_agent(f);
    until(f, all_alerts_acked);
    assert_int_equal(mst_inbox_last(f->box), 10);
}

static bool is_following(struct fixture *f)
{
    bool done;
    LOCKED(&f->fake, done = f->fake.subscriptions > 0);
    return done;
}

static void restored_broker_with_nothing_to_tell_yet_is_not_forgotten(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, f->fake.alerts = 6);
    until(f, all_alerts_acked);
    close_agent(f);
    LOCKED(&f->fake, f->fake.epoch = 2; f->fake.alerts = f->fake.acked_alert = 4;
           f->fake.subscriptions = 0);
    open_agent(f);
    until(f, is_following);
    close_agent(f);
    /* While the agent was away, 5 and 6 were dealt out anew. */
    LOCKED(&f->fake, f->fake.alerts = 6);
    open_agent(f);
    until(f, all_alerts_acked);
    assert_int_equal(mst_inbox_last(f->box), 8);
}

static void broker_whose_log_ends_before_the_cursor_is_followed_from_its_own(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, f->fake.alerts = 6);
    until(f, all_alerts_acked);
    close_agent(f);
    /* Put back, and nobody has told it so: 4 was acknowledged, 5 came since, 6 comes now. */
    LOCKED(&f->fake, f->fake.alerts = 5; f->fake.acked_alert = 4; f->fake.later_alerts = 1;
           f->fake.alert_seed = 9);
    open_agent(f);
    until(f, all_alerts_acked);
    LOCKED(&f->fake, assert_int_equal(f->fake.acked_alert, 6));
    assert_int_equal(mst_inbox_last(f->box), 8);
}

static void brief_in_parts_is_cached_whole(void **state)
{
    struct fixture *f = *state;
    struct mst_buf rows = {0};
    until(f, has_brief);
    close_agent(f);
    open_agent(f);
    assert_int_equal(mst_brief_rows(f->box, &rows, NULL), 0);
    struct mst_unpack u;
    struct mst_slice row;
    int count = 0;
    mst_unpack_init(&u, rows.data, rows.len);
    while (mst_unpack_skip(&u, &row))
        count++;
    assert_int_equal(count, 2);
    mst_buf_done(&rows);
}

static void rehearsal_gives_its_own_time_across_restarts(void **state)
{
    struct fixture *f = *state;
    LOCKED(&f->fake, f->fake.rehearsal = true; f->fake.now = 1000);
    open_agent(f);
    until(f, is_up);
    assert_int_equal(mst_session_now(f->session), 1000);
    LOCKED(&f->fake, f->fake.now = 2000);
    append(f, 1);
    until(f, all_acked);
    assert_int_equal(mst_session_now(f->session), 2000);
    fake_stop(&f->fake);
    close_agent(f);
    open_agent(f);
    assert_int_equal(mst_session_now(f->session), 1000);
    fake_start(&f->fake);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define LATE(fn) cmocka_unit_test_setup_teardown(fn, setup_broker, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(queued_reports_arrive_once_in_order_and_signed),
        LATE(run_is_not_cut_short_by_the_window),
        LATE(narrow_window_is_no_standstill),
        CASE(report_is_not_pushed_before_its_commit),
        CASE(refused_report_consumes_its_number_and_is_remembered),
        CASE(longest_receipt_is_taken),
        CASE(lost_receipt_is_asked_for_by_sending_again),
        LATE(stored_receipt_may_number_more_than_was_sent),
        LATE(receipts_open_the_window_and_may_be_lost_before_their_commit),
        CASE(expect_makes_the_agent_go_back),
        LATE(run_made_ready_is_forgotten_when_going_back),
        LATE(forged_receipt_marks_nothing),
        LATE(broker_with_another_signing_key_gets_nothing),
        CASE(silent_broker_is_left_and_found_again),
        CASE(restarted_broker_is_greeted_again_by_an_idle_agent),
        CASE(restored_outbox_takes_a_fresh_id_and_resends),
        CASE(fresh_id_that_could_not_be_committed_is_named_to_nobody),
        CASE(restored_broker_gets_back_what_it_lost),
        CASE(what_a_backup_holds_goes_with_the_next_round),
        CASE(restored_broker_gets_what_is_kept_under_a_fresh_id),
        CASE(alerts_enter_the_inbox_once_and_are_acknowledged),
        CASE(gap_in_the_alert_stream_is_filled),
        CASE(restored_broker_repeats_alert_numbers_without_loss),
        CASE(restored_broker_with_nothing_to_tell_yet_is_not_forgotten),
        CASE(broker_whose_log_ends_before_the_cursor_is_followed_from_its_own),
        CASE(brief_in_parts_is_cached_whole),
        LATE(rehearsal_gives_its_own_time_across_restarts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
