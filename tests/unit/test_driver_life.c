/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about the driver's life: start, stop, restart, a full disk, acts, reload, keys. */
#include "tests/unit/driver_world.h"

#define WEEK "2026W06"
#define WEEKLY "weekly/" WEEK "/alpha"
#define HOUSE "house/2026-02/host"
#define HOUR_MS ((mst_time)3600 * 1000)

static struct mst_caller office(void)
{
    return (struct mst_caller){.session = SESSION,
                               .actor = {.principal = "office:main", .roles = MST_ROLE_OFFICE},
                               .address = "192.0.2.2"};
}

static void submit(struct world *w, struct peer *p, const char *text)
{
    struct run r = {0};
    add_report(&r, p->unit, WEEK, text);
    seal(p, &r);
    pushed(w, p, &r);
    run_done(&r);
}

/* ---- start and stop ---- */

static void restart_goes_on_with_rows_alerts_and_outboxes(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    struct peer p = peer_of(w, "alpha", 1);
    submit(w, &p, "one");
    commit(w);
    uint64_t rows = mst_engine_last_row(w->engine), alerts = mst_engine_last_alert(w->engine);
    assert_true(alerts > 0);
    size_t obligations = mst_core_count(mst_engine_core(w->engine));
    assert_int_equal(mst_driver_stop(w->driver, w->now, &err), 0);
    commit(w);
    assert_int_equal(rows_of(w, MST_ROW_START, NULL), 1);
    assert_int_equal(rows_of(w, MST_ROW_STOP, NULL), 1);
    mst_time down_from = w->now;
    stop(w);
    w->now += 60000;
    start(w, down_from);
    assert_int_equal(rows_of(w, MST_ROW_START, NULL), 2);
    assert_int_equal(mst_engine_last_row(w->engine), rows + 2); /* stop and start */
    assert_int_equal(mst_engine_last_alert(w->engine), alerts);
    assert_int_equal(mst_core_count(mst_engine_core(w->engine)), obligations);
    assert_int_equal(week(w, WEEKLY)->work, MST_WORK_CLOSED);
    uint64_t last;
    uint8_t head[MST_HASH_BYTES];
    assert_int_equal(mst_engine_outbox(w->engine, p.outbox, "alpha", &last, head, &err), 0);
    assert_int_equal(last, 1);
    assert_memory_equal(head, p.head, sizeof head);
    submit(w, &p, "two");
    commit(w);
    assert_int_equal(receipt(w, 0).last, 2);
}

static void epoch_after_a_restore_is_greater_than_any_before(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    assert_int_equal(mst_driver_epoch(w->driver), 0);
    assert_int_equal(mst_driver_new_epoch(w->driver, 1700000000999, &err), 0);
    assert_int_equal(mst_driver_epoch(w->driver), 1700000000);
    mst_time down_from = w->now;
    stop(w);
    w->now += 60000;
    start(w, down_from);
    assert_int_equal(mst_driver_epoch(w->driver), 1700000000);
    /* Even where the clock was put back, too. */
    assert_int_equal(mst_driver_new_epoch(w->driver, 5000, &err), 0);
    assert_int_equal(mst_driver_epoch(w->driver), 1700000001);
}

static void deadline_while_down_is_told_once_at_the_start(void **state)
{
    struct world *w = *state;
    mst_time down_from = w->now;
    stop(w);
    w->now = instant(w, "2026-02-10T12:00:00");
    start(w, down_from); /* start() forgets what was published; the log has it */
    uint64_t alerts = mst_engine_last_alert(w->engine);
    assert_true(alerts > 0);
    assert_true(week(w, WEEKLY)->overdue_told);
    stop(w);
    start(w, w->now);
    assert_int_equal(mst_engine_last_alert(w->engine), alerts);
}

/* What contacts alone lead to an hour later: the hour's deadlines are told first. */
static uint64_t told_of_contacts_after(struct world *w, mst_time wait_ms)
{
    struct mst_err err;
    w->now += wait_ms;
    assert_int_equal(mst_driver_tick(w->driver, w->now, &err), 0);
    uint64_t before = mst_engine_last_alert(w->engine);
    assert_int_equal(mst_driver_contacts(w->driver, w->engine, w->now, &err), 0);
    commit(w);
    return mst_engine_last_alert(w->engine) - before;
}

static void silent_agent_is_told_once_also_after_a_restart(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    const mst_time hour_ms = 3600000;
    mst_time limit_ms = w->programme->silent_hours * hour_ms;
    assert_int_equal(mst_driver_heard(w->engine, "alpha", w->now, &err), 0);
    assert_int_equal(mst_driver_heard(w->engine, "beta", w->now + limit_ms - hour_ms, &err), 0);
    assert_int_equal(told_of_contacts_after(w, hour_ms), 0);
    assert_int_equal(rows_of(w, MST_ROW_CONTACTS, NULL), 0);
    /* To the office and to the unit's own stream; beta was heard of in time. */
    assert_int_equal(told_of_contacts_after(w, limit_ms), 2);
    assert_int_equal(rows_of(w, MST_ROW_CONTACTS, NULL), 1);
    assert_int_equal(told_of_contacts_after(w, hour_ms), 0);
    stop(w);
    mst_time down_from = w->now;
    w->now += 60000;
    start(w, down_from);
    assert_int_equal(told_of_contacts_after(w, hour_ms), 0);
    assert_int_equal(mst_driver_heard(w->engine, "alpha", w->now, &err), 0);
    assert_int_equal(told_of_contacts_after(w, hour_ms), 2);
}

static void start_before_the_ledger_s_end_is_refused(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    struct mst_driver_options options = {.store = w->store, .keys = &w->keys};
    struct mst_driver_callbacks callbacks = {
        .context = w, .answer = on_answer, .alert = on_alert, .log = on_log};
    stop(w);
    assert_int_equal(mst_driver_new(&options, &callbacks, &w->driver, &err), 0);
    assert_int_equal(mst_driver_add(w->driver, w->programme, &err), 0);
    assert_int_equal(mst_driver_start(w->driver, w->now - 1, w->now - 1, &err), MST_E_CORRUPT);
}

static void tick_before_anything_is_due_stores_nothing(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    uint64_t rows = mst_engine_last_row(w->engine);
    mst_time due = mst_driver_next_due(w->driver);
    w->now = due - 1;
    assert_int_equal(mst_driver_tick(w->driver, w->now, &err), 0);
    assert_false(mst_driver_pending(w->driver));
    w->now = due;
    assert_int_equal(mst_driver_tick(w->driver, w->now, &err), 0);
    commit(w);
    assert_true(mst_engine_last_row(w->engine) > rows);
    assert_true(mst_driver_next_due(w->driver) > due);
}

static void clock_mark_is_stored_with_the_batch(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    struct mst_clock_mark mark = {.reading = {.wall_ms = 5, .boot_ms = 6, .boot_id = "b"},
                                  .evaluated_ms = w->now + 9,
                                  .set = true},
                          got;
    assert_int_equal(mst_driver_touch(w->driver, &err), 0);
    assert_int_equal(mst_driver_commit(w->driver, &mark, w->now, &err), 0);
    assert_int_equal(mst_driver_clock_mark(w->driver, &got, &err), 0);
    assert_true(got.set);
    assert_int_equal(got.reading.wall_ms, 5);
    assert_int_equal(got.reading.boot_ms, 6);
    assert_string_equal(got.reading.boot_id, "b");
    assert_int_equal(got.evaluated_ms, w->now + 9);
}

/* ---- a full disk ---- */

/* At whichever write the disk is full, nothing of the batch stays, and the same push is taken
 * after. */
static void full_disk_loses_the_batch_and_nothing_else(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    struct peer p = peer_of(w, "alpha", 1);
    struct run r = {0};
    submit(w, &p, "one");
    commit(w);
    uint64_t rows = mst_engine_last_row(w->engine), alerts = mst_engine_last_alert(w->engine);
    struct peer before = p;
    add_report(&r, "alpha", WEEK, "two");
    add_report(&r, "alpha", "2031W01", "three");
    seal(&p, &r);
    int failures = 0;
    for (int puts = 0;; puts++) {
        struct mst_clock_mark mark = {.evaluated_ms = w->now, .set = true};
        forget_answers(w);
        w->puts_left = puts;
        int code = push(w, &p, &r, &err);
        if (!code)
            code = mst_driver_commit(w->driver, &mark, w->now, &err);
        w->puts_left = -1;
        if (!code)
            break;
        failures++;
        assert_int_equal(code, MST_E_FULL);
        assert_int_equal(mst_driver_recover(w->driver, &err), 0);
        /* Whoever had an answer coming is told, once; nobody has a receipt. */
        assert_true(w->frames_count <= 1);
        if (w->frames_count == 1)
            heard_error(w, 0, MST_E_FULL);
        assert_int_equal(mst_engine_last_row(w->engine), rows);
        assert_int_equal(mst_engine_last_alert(w->engine), alerts);
        uint64_t last;
        uint8_t head[MST_HASH_BYTES];
        assert_int_equal(mst_engine_outbox(w->engine, p.outbox, "alpha", &last, head, &err), 0);
        assert_int_equal(last, 1);
        assert_memory_equal(head, before.head, sizeof head);
    }
    assert_true(failures >= 6); /* two reports, outbox, run, refusals, mark, head */
    assert_int_equal(receipt(w, 0).last, 3);
    run_done(&r);
}

static void each_session_of_a_lost_batch_is_told_once(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    for (uint64_t session = 1; session <= 3; session++) {
        for (int i = 0; i < 2; i++) {
            struct mst_msg msg = {.type = MST_MSG_time};
            assert_int_equal(mst_driver_answer(w->driver, session, &msg, &err), 0);
        }
    }
    assert_int_equal(mst_driver_recover(w->driver, &err), 0);
    assert_int_equal(w->frames_count, 3);
    for (uint64_t session = 1; session <= 3; session++) {
        assert_int_equal(w->sessions[session - 1], session);
        heard_error(w, session - 1, MST_E_FULL);
    }
    assert_false(mst_driver_pending(w->driver));
}

static void failed_commit_is_the_end(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    struct peer p = peer_of(w, "alpha", 1);
    struct mst_clock_mark mark = {.set = true};
    submit(w, &p, "one");
    w->store->state = MST_STORE_DEAD; /* as after a sync that failed */
    assert_int_not_equal(mst_driver_commit(w->driver, &mark, w->now, &err), 0);
    assert_int_equal(w->frames_count, 0);
    assert_int_not_equal(mst_driver_recover(w->driver, &err), 0);
    assert_int_not_equal(mst_driver_touch(w->driver, &err), 0);
    w->store->state = MST_STORE_IDLE;
}

/* ---- acts ---- */

static void act_is_a_row_and_is_answered_after_its_commit(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    struct mst_caller caller = office();
    struct mst_input_act act = {.actor = caller.actor.principal,
                                .roles = caller.actor.roles,
                                .act = "urge",
                                .obligation = WEEKLY,
                                .reason = "soon"};
    assert_int_equal(mst_driver_act(w->driver, w->engine, &caller, 42, &act, w->now, &err), 0);
    assert_int_equal(w->frames_count, 0);
    commit(w);
    struct mst_msg msg = heard(w, 0, MST_MSG_reply);
    assert_int_equal(msg.u.reply.id, 42);
    assert_true(mst_slice_is(msg.u.reply.code, "ok"));
    assert_int_equal(rows_of(w, MST_ROW_ACT, "urge"), 1);
    assert_int_equal(rows_of(w, MST_ROW_REFUSAL, NULL), 0);
    assert_int_equal(week(w, WEEKLY)->urges, 1);
}

static void refused_act_leaves_both_rows_and_a_line(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    struct mst_caller caller = office();
    struct mst_input_act act = {.actor = caller.actor.principal,
                                .roles = caller.actor.roles,
                                .act = "waive",
                                .obligation = WEEKLY};
    assert_int_equal(mst_driver_act(w->driver, w->engine, &caller, 43, &act, w->now, &err), 0);
    commit(w);
    struct mst_msg msg = heard(w, 0, MST_MSG_reply);
    assert_true(mst_slice_is(msg.u.reply.code, "reason-missing"));
    assert_int_equal(rows_of(w, MST_ROW_ACT, "waive"), 1);
    assert_int_equal(rows_of(w, MST_ROW_REFUSAL, NULL), 1);
    assert_non_null(strstr(w->logged, "reason-missing from=office:main address=192.0.2.2"));
    assert_int_equal(week(w, WEEKLY)->work, MST_WORK_AWAITING);
}

static void reload_takes_the_new_programme_and_refuses_another(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    struct mst_caller caller = office();
    struct mst_programme *other = load_programme(EXAMPLE), *again = load_programme(SMALL);
    assert_int_equal(mst_driver_reload(w->driver, w->engine, &caller, 1, other, w->now, &err), 0);
    commit(w);
    assert_true(mst_slice_is(heard(w, 0, MST_MSG_reply).u.reply.code, "conflict"));
    assert_ptr_equal(mst_engine_programme(w->engine), w->programme);
    assert_int_equal(rows_of(w, MST_ROW_PROGRAMME, NULL), 0);
    forget_answers(w);
    assert_int_equal(mst_driver_reload(w->driver, w->engine, &caller, 2, again, w->now, &err), 0);
    commit(w);
    assert_true(mst_slice_is(heard(w, 0, MST_MSG_reply).u.reply.code, "ok"));
    assert_ptr_equal(mst_engine_programme(w->engine), again);
    assert_int_equal(rows_of(w, MST_ROW_PROGRAMME, "reload"), 1);
    mst_programme_unref(other);
    mst_programme_unref(again);
}

static void lost_batch_takes_its_programme_back(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    struct mst_caller caller = office();
    struct mst_clock_mark mark = {.evaluated_ms = w->now, .set = true};
    struct mst_programme *fresh = load_programme("tests/sim/scenarios/programmes/small-gamma.yaml");
    uint8_t before[MST_DIGEST_BYTES];
    memcpy(before, w->programme->digest, sizeof before);
    assert_memory_not_equal(fresh->digest, before, sizeof before);
    commit(w);
    assert_int_equal(mst_driver_reload(w->driver, w->engine, &caller, 1, fresh, w->now, &err), 0);
    w->puts_left = 0;
    assert_int_equal(mst_driver_commit(w->driver, &mark, w->now, &err), MST_E_FULL);
    w->puts_left = -1;
    assert_int_equal(mst_driver_recover(w->driver, &err), 0);
    assert_memory_equal(mst_engine_programme(w->engine)->digest, before, sizeof before);
    assert_int_equal(rows_of(w, MST_ROW_PROGRAMME, NULL), 0);
    assert_int_equal(mst_driver_reload(w->driver, w->engine, &caller, 2, fresh, w->now, &err), 0);
    commit(w);
    assert_ptr_equal(mst_engine_programme(w->engine), fresh);
    assert_int_equal(rows_of(w, MST_ROW_PROGRAMME, "reload"), 1);
    mst_programme_unref(fresh);
}

/* ---- keys ---- */

struct newcomer {
    uint8_t token[16], channel[32], sign[32];
};

static struct newcomer invited(struct world *w, const char *who, int64_t hours)
{
    struct newcomer n;
    struct mst_invitation inv;
    struct mst_err err;
    struct mst_caller caller = office();
    randombytes_buf(n.channel, sizeof n.channel);
    randombytes_buf(n.sign, sizeof n.sign);
    assert_int_equal(mst_driver_invite(w->driver, w->engine, &caller, who, hours, w->now, w->now,
                                       n.token, &inv, &err),
                     0);
    commit(w);
    return n;
}

static void enrol(struct world *w, const struct newcomer *n)
{
    struct mst_err err;
    struct mst_caller caller = {
        .session = SESSION, .actor = {.principal = "stranger"}, .address = "192.0.2.3"};
    struct mst_msg_enrol m = {.version = MST_PROTOCOL_VERSION,
                              .token = mst_bytes(n->token, 16),
                              .channel_key = mst_bytes(n->channel, 32),
                              .sign_key = mst_bytes(n->sign, 32)};
    forget_answers(w);
    assert_int_equal(mst_driver_enrol(w->driver, &caller, &m, w->now, w->now, &err), 0);
    commit(w);
}

static void enrol_refused(struct world *w, const struct newcomer *n, enum mst_code code)
{
    enrol(w, n);
    heard_error(w, 0, code);
    assert_non_null(strstr(w->logged, "address=192.0.2.3"));
}

static void invitation_is_good_once_but_its_answer_may_be_asked_for_again(void **state)
{
    struct world *w = *state;
    struct newcomer n = invited(w, "alpha", 24), other = n;
    enrol(w, &n);
    assert_true(mst_slice_is(heard(w, 0, MST_MSG_enrolled).u.enrolled.principal, "unit:alpha"));
    size_t rows = rows_of(w, MST_ROW_KEY, "join");
    enrol(w, &n); /* the answer was lost */
    heard(w, 0, MST_MSG_enrolled);
    assert_int_equal(rows_of(w, MST_ROW_KEY, "join"), rows);
    other.channel[0] ^= 1;
    enrol_refused(w, &other, MST_E_EXPIRED);
    assert_null(mst_driver_key(w->driver, other.channel, NULL));
    /* The key is in the store, not only in memory. */
    stop(w);
    start(w, w->now);
    struct mst_engine *e = NULL;
    const struct mst_key *key = mst_driver_key(w->driver, n.channel, &e);
    assert_non_null(key);
    assert_ptr_equal(e, w->engine);
    assert_int_equal(mst_key_check(key, w->now), 0);
    assert_int_equal(key->roles, MST_ROLE_UNIT);
}

static void expired_and_unknown_tokens_are_refused(void **state)
{
    struct world *w = *state;
    struct newcomer n = invited(w, "office:main", 1), stranger;
    w->now += HOUR_MS;
    enrol_refused(w, &n, MST_E_EXPIRED);
    randombytes_buf(&stranger, sizeof stranger);
    enrol_refused(w, &stranger, MST_R_NO_INVITATION);
    assert_null(mst_driver_key(w->driver, n.channel, NULL));
    assert_null(strstr(w->logged, "token="));
}

static void lost_answer_is_given_again_long_after_the_invitation_has_ended(void **state)
{
    struct world *w = *state;
    struct newcomer n = invited(w, "alpha", 24), other, signs;
    enrol(w, &n);
    w->now += 2 * HOUR_MS * 24;
    for (int restarted = 0; restarted < 2; restarted++) {
        enrol(w, &n);
        assert_true(mst_slice_is(heard(w, 0, MST_MSG_enrolled).u.enrolled.principal, "unit:alpha"));
        other = signs = n;
        other.channel[0] ^= 1;
        signs.sign[0] ^= 1;
        enrol_refused(w, &other, MST_E_EXPIRED);
        assert_null(mst_driver_key(w->driver, other.channel, NULL));
        enrol_refused(w, &signs, MST_E_EXPIRED);
        assert_memory_equal(mst_driver_key(w->driver, n.channel, NULL)->sign, n.sign,
                            sizeof n.sign);
        stop(w);
        start(w, w->now);
    }
}

/* Its answer was lost, and the administrator gave another one. */
static void further_invitation_takes_keys_that_an_earlier_one_enrolled(void **state)
{
    struct world *w = *state;
    struct newcomer n = invited(w, "alpha", 24), further = invited(w, "alpha", 48), other;
    enrol(w, &n);
    mst_time ends = mst_driver_key(w->driver, n.channel, NULL)->not_after;
    w->now += 25 * HOUR_MS;
    memcpy(further.channel, n.channel, sizeof n.channel);
    memcpy(further.sign, n.sign, sizeof n.sign);
    enrol(w, &further);
    heard(w, 0, MST_MSG_enrolled);
    assert_int_equal(mst_driver_key(w->driver, n.channel, NULL)->not_after, ends);
    other = further;
    other.channel[0] ^= 1;
    enrol_refused(w, &other, MST_E_EXPIRED);
    assert_null(mst_driver_key(w->driver, other.channel, NULL));
}

static void keys_that_are_known_otherwise_are_not_enrolled_twice(void **state)
{
    struct world *w = *state;
    struct newcomer n = invited(w, "alpha", 24), boss = invited(w, "office:main", 24),
                    again = invited(w, "alpha", 24), past = invited(w, "alpha", 1);
    enrol(w, &n);
    memcpy(boss.channel, n.channel, sizeof n.channel);
    memcpy(boss.sign, n.sign, sizeof n.sign);
    enrol_refused(w, &boss, MST_E_EXISTS);
    memcpy(again.channel, n.channel, sizeof n.channel);
    enrol_refused(w, &again, MST_E_EXISTS); /* another signing key */
    assert_memory_equal(mst_driver_key(w->driver, n.channel, NULL)->sign, n.sign, sizeof n.sign);
    assert_string_equal(mst_driver_key(w->driver, n.channel, NULL)->principal, "unit:alpha");
    /* Nobody makes other keys for an invitation that takes none. */
    w->now += 2 * HOUR_MS;
    memcpy(past.channel, n.channel, sizeof n.channel);
    memcpy(past.sign, n.sign, sizeof n.sign);
    enrol_refused(w, &past, MST_E_EXPIRED);
}

static void invitation_names_somebody_who_may_be(void **state)
{
    static const char *const nobody[] = {"gamma", "office:", "office:-x", "office:A", "unit:"};
    struct world *w = *state;
    struct mst_caller caller = office();
    struct mst_invitation inv;
    struct mst_err err;
    uint8_t token[16];
    for (size_t i = 0; i < sizeof nobody / sizeof nobody[0]; i++) {
        int code = mst_driver_invite(w->driver, w->engine, &caller, nobody[i], 24, w->now, w->now,
                                     token, &inv, &err);
        assert_true(code == MST_E_UNKNOWN || code == MST_E_INVALID);
    }
    assert_int_equal(rows_of(w, MST_ROW_KEY, NULL), 0);
}

static void revoked_key_is_out_also_after_a_restart(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    struct mst_caller caller = office();
    struct mst_buf rows = {0};
    size_t count;
    bool of_office;
    struct newcomer a = invited(w, "office:main", 24), b = invited(w, "office:main", 24),
                    c = invited(w, "alpha", 24);
    enrol(w, &a);
    enrol(w, &b);
    enrol(w, &c);
    assert_int_equal(mst_driver_revoke(w->driver, w->engine, &caller, "office:other", "r", w->now,
                                       w->now, &rows, &count, &of_office, &err),
                     MST_E_UNKNOWN);
    assert_int_equal(mst_driver_revoke(w->driver, w->engine, &caller, "office:main", "r", w->now,
                                       w->now, &rows, &count, &of_office, &err),
                     0);
    commit(w);
    assert_int_equal(count, 2);
    assert_true(of_office);
    assert_int_equal(rows_of(w, MST_ROW_KEY, "revoke"), 8); /* three invited, three joined */
    for (int restarted = 0; restarted < 2; restarted++) {
        assert_int_equal(mst_key_check(mst_driver_key(w->driver, a.channel, NULL), w->now),
                         MST_E_REVOKED);
        assert_int_equal(mst_key_check(mst_driver_key(w->driver, b.channel, NULL), w->now),
                         MST_E_REVOKED);
        assert_int_equal(mst_key_check(mst_driver_key(w->driver, c.channel, NULL), w->now), 0);
        stop(w);
        start(w, w->now);
    }
    enrol_refused(w, &a, MST_E_EXPIRED); /* the token does not bring it back */
    mst_buf_done(&rows);
}

static void lost_batch_takes_its_revocation_back(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    struct mst_caller caller = office();
    struct mst_buf rows = {0};
    size_t count;
    bool of_office;
    struct newcomer n = invited(w, "alpha", 24);
    enrol(w, &n);
    w->puts_left = 1; /* the ledger row fits, the key does not */
    assert_int_equal(mst_driver_revoke(w->driver, w->engine, &caller, "unit:alpha", "r", w->now,
                                       w->now, &rows, &count, &of_office, &err),
                     MST_E_FULL);
    w->puts_left = -1;
    assert_int_equal(mst_driver_recover(w->driver, &err), 0);
    assert_int_equal(mst_key_check(mst_driver_key(w->driver, n.channel, NULL), w->now), 0);
    mst_buf_done(&rows);
}

static void cursor_outlives_a_restart(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    uint64_t cursor = 1;
    assert_int_equal(mst_engine_cursor(w->driver, w->engine, "unit:alpha", "main", &cursor, &err),
                     0);
    assert_int_equal(cursor, 0);
    assert_int_equal(mst_driver_cursor(w->driver, w->engine, "unit:alpha", "main", 5, &err), 0);
    commit(w);
    stop(w);
    start(w, w->now);
    assert_int_equal(mst_engine_cursor(w->driver, w->engine, "unit:alpha", "main", &cursor, &err),
                     0);
    assert_int_equal(cursor, 5);
}

int main(void)
{
#define TEST(claim) cmocka_unit_test_setup_teardown(claim, setup, teardown)
#define ON_DISK(claim) cmocka_unit_test_setup_teardown(claim, setup_on_disk, teardown)
    const struct CMUnitTest tests[] = {
        TEST(restart_goes_on_with_rows_alerts_and_outboxes),
        ON_DISK(restart_goes_on_with_rows_alerts_and_outboxes),
        ON_DISK(epoch_after_a_restore_is_greater_than_any_before),
        ON_DISK(deadline_while_down_is_told_once_at_the_start),
        TEST(silent_agent_is_told_once_also_after_a_restart),
        TEST(start_before_the_ledger_s_end_is_refused),
        TEST(tick_before_anything_is_due_stores_nothing),
        ON_DISK(clock_mark_is_stored_with_the_batch),
        TEST(full_disk_loses_the_batch_and_nothing_else),
        ON_DISK(full_disk_loses_the_batch_and_nothing_else),
        TEST(each_session_of_a_lost_batch_is_told_once),
        TEST(failed_commit_is_the_end),
        TEST(act_is_a_row_and_is_answered_after_its_commit),
        TEST(refused_act_leaves_both_rows_and_a_line),
        TEST(reload_takes_the_new_programme_and_refuses_another),
        TEST(lost_batch_takes_its_programme_back),
        ON_DISK(lost_batch_takes_its_programme_back),
        TEST(invitation_is_good_once_but_its_answer_may_be_asked_for_again),
        ON_DISK(invitation_is_good_once_but_its_answer_may_be_asked_for_again),
        TEST(expired_and_unknown_tokens_are_refused),
        ON_DISK(lost_answer_is_given_again_long_after_the_invitation_has_ended),
        TEST(further_invitation_takes_keys_that_an_earlier_one_enrolled),
        TEST(keys_that_are_known_otherwise_are_not_enrolled_twice),
        TEST(invitation_names_somebody_who_may_be),
        ON_DISK(revoked_key_is_out_also_after_a_restart),
        TEST(lost_batch_takes_its_revocation_back),
        ON_DISK(cursor_outlives_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
