/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about pushing: what is stored, what is answered, and in which order. */
#include "tests/unit/driver_world.h"

#define WEEK "2026W06"
#define WEEKLY "weekly/" WEEK "/alpha"

static void receipt_comes_after_the_commit_and_alerts_after_the_receipt(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1);
    struct run r = {0};
    add_report(&r, "alpha", WEEK, "done");
    seal(&p, &r);
    pushed(w, &p, &r);
    assert_string_equal(w->order, "");
    commit(w);
    assert_memory_equal(w->order, "ca", 2); /* the lower-case a: the store had ended the batch */
    assert_string_equal(w->order + strspn(w->order, "ca"), "p"); /* the closing's alert */
    struct mst_msg_receipt got = receipt(w, 0);
    assert_int_equal(got.first, 1);
    assert_int_equal(got.last, 1);
    assert_int_equal(got.refused.count, 0);
    assert_memory_equal(got.head.data, p.head, sizeof p.head);
    assert_int_equal(week(w, WEEKLY)->work, MST_WORK_CLOSED);
    run_done(&r);
}

/* The negative control of the claim above. */
static void answering_before_the_commit_is_noticed(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1);
    struct run r = {0};
    setenv("MUSTER_MUTANT", "ack-before-commit", 1);
    add_report(&r, "alpha", WEEK, "done");
    seal(&p, &r);
    pushed(w, &p, &r);
    assert_string_equal(w->order, "A");
    commit(w);
    run_done(&r);
}

static void repeat_is_answered_with_the_stored_receipt(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1);
    struct run r = {0};
    add_report(&r, "alpha", WEEK, "one");
    add_report(&r, "alpha", "2031W01", "not owed yet");
    seal(&p, &r);
    pushed(w, &p, &r);
    commit(w);
    struct mst_msg_receipt got = receipt(w, 0);
    uint64_t row = got.row, at = got.at, rows = mst_engine_last_row(w->engine);
    struct mst_buf refused = {0};
    assert_int_equal(got.refused.count, 1);
    mst_buf_put(&refused, got.refused.items[0].data, got.refused.items[0].len);
    uint8_t sig[MST_SIGN_BYTES];
    memcpy(sig, got.sig.data, sizeof sig);
    forget_answers(w);
    w->now += 1000;
    pushed(w, &p, &r);
    commit(w);
    got = receipt(w, 0);
    assert_int_equal(got.row, row);
    assert_int_equal(got.at, at);
    assert_int_equal(got.refused.count, 1);
    assert_int_equal(got.refused.items[0].len, refused.len);
    assert_memory_equal(got.refused.items[0].data, refused.data, refused.len);
    assert_memory_equal(got.sig.data, sig, sizeof sig);
    assert_int_equal(mst_engine_last_row(w->engine), rows);
    assert_int_equal(rows_of(w, MST_ROW_REPORT, NULL), 2);
    mst_buf_done(&refused);
    run_done(&r);
}

static void overlap_gets_a_receipt_for_what_is_new(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1), whole;
    struct run first = {0}, both = {0};
    whole = p;
    add_report(&first, "alpha", WEEK, "one");
    seal(&p, &first);
    pushed(w, &p, &first);
    commit(w);
    forget_answers(w);
    add_report(&both, "alpha", WEEK, "one");
    add_report(&both, "alpha", WEEK, "two");
    seal(&whole, &both);
    pushed(w, &whole, &both);
    commit(w);
    assert_int_equal(w->frames_count, 1);
    struct mst_msg_receipt got = receipt(w, 0);
    assert_int_equal(got.first, 2);
    assert_int_equal(got.last, 2);
    assert_int_equal(rows_of(w, MST_ROW_REPORT, NULL), 2);
    run_done(&first);
    run_done(&both);
}

static void repeat_across_two_runs_gets_both_receipts(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1), whole = p;
    struct run one = {0}, two = {0}, both = {0};
    add_report(&one, "alpha", WEEK, "one");
    seal(&p, &one);
    pushed(w, &p, &one);
    add_report(&two, "alpha", WEEK, "two");
    seal(&p, &two);
    pushed(w, &p, &two);
    commit(w);
    uint64_t row = receipt(w, 1).row;
    forget_answers(w);
    add_report(&both, "alpha", WEEK, "one");
    add_report(&both, "alpha", WEEK, "two");
    seal(&whole, &both);
    pushed(w, &whole, &both);
    commit(w);
    assert_int_equal(w->frames_count, 2);
    assert_int_equal(receipt(w, 0).last, 1);
    assert_int_equal(receipt(w, 1).row, row);
    run_done(&one);
    run_done(&two);
    run_done(&both);
}

static void gap_is_told_what_is_expected_and_stores_nothing(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1), start_of = p;
    struct run r = {0};
    uint64_t rows = mst_engine_last_row(w->engine);
    p.last = 4;
    add_report(&r, "alpha", WEEK, "five");
    seal(&p, &r);
    pushed(w, &p, &r);
    commit(w);
    struct mst_msg msg = heard(w, 0, MST_MSG_expect);
    assert_int_equal(msg.u.expect.next, 1);
    assert_memory_equal(msg.u.expect.head.data, start_of.head, MST_HASH_BYTES);
    assert_int_equal(mst_engine_last_row(w->engine), rows);
    run_done(&r);
}

/* Push a good run, then `bad` behind or over it; it ends the session and leaves `row`. */
static void refused_push(struct world *w, const struct peer *p, const struct run *bad,
                         enum mst_code code, const char *row)
{
    forget_answers(w);
    size_t reports = rows_of(w, MST_ROW_REPORT, NULL);
    size_t events = rows_of(w, MST_ROW_SECURITY, NULL);
    uint64_t last;
    uint8_t head[MST_HASH_BYTES];
    pushed(w, p, bad);
    commit(w);
    heard_error(w, 0, code);
    assert_int_equal(rows_of(w, MST_ROW_REPORT, NULL), reports);
    assert_int_equal(rows_of(w, MST_ROW_SECURITY, row), events + 1);
    assert_non_null(strstr(w->logged, "address=192.0.2.1"));
    struct mst_err err;
    if (mst_engine_outbox(w->engine, p->outbox, p->unit, &last, head, &err) == 0)
        assert_int_equal(last, reports);
}

static void other_bytes_under_the_same_number_are_a_conflict(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1), forged = p;
    struct run r = {0}, other = {0};
    add_report(&r, "alpha", WEEK, "one");
    seal(&p, &r);
    pushed(w, &p, &r);
    commit(w);
    add_report(&other, "alpha", WEEK, "another");
    seal(&forged, &other);
    refused_push(w, &forged, &other, MST_E_CONFLICT, "sequence-conflict");
    run_done(&r);
    run_done(&other);
}

static void broken_chain_stores_nothing(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1);
    struct run r = {0};
    p.head[0] ^= 1;
    add_report(&r, "alpha", WEEK, "one");
    seal(&p, &r);
    refused_push(w, &p, &r, MST_E_CHAIN, "chain");
    run_done(&r);
}

static void wrong_signature_stores_nothing(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1);
    struct run r = {0};
    add_report(&r, "alpha", WEEK, "one");
    seal(&p, &r);
    r.sig[5] ^= 1;
    refused_push(w, &p, &r, MST_E_SIGNATURE, "signature");
    run_done(&r);
}

/* As a push is that comes while a commit is under way. */
static void push_verified_before_is_stored_the_same(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1), whole;
    struct run r = {0}, both = {0}, stray = {0};
    w->verifier = caller_of(&p).sign_key;
    whole = p;
    add_report(&r, "alpha", WEEK, "one");
    seal(&p, &r);
    pushed(w, &p, &r);
    add_report(&both, "alpha", WEEK, "one");
    add_report(&both, "alpha", WEEK, "two");
    seal(&whole, &both);
    pushed(w, &whole, &both); /* an overlap */
    commit(w);
    assert_memory_equal(receipt(w, 0).head.data, p.head, sizeof p.head);
    assert_int_equal(receipt(w, 1).first, 2);
    assert_memory_equal(receipt(w, 1).head.data, whole.head, sizeof whole.head);
    whole.head[0] ^= 1; /* which joins nothing */
    add_report(&stray, "alpha", WEEK, "three");
    seal(&whole, &stray);
    refused_push(w, &whole, &stray, MST_E_CHAIN, "chain");
    run_done(&r);
    run_done(&both);
    run_done(&stray);
}

static void signature_verified_by_another_key_is_verified_again(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1), other = peer_of(w, "beta", 2);
    struct run r = {0};
    w->verifier = caller_of(&other).sign_key;
    add_report(&r, "alpha", WEEK, "one");
    seal(&p, &r);
    mst_run_sign(other.sign_secret, p.outbox, p.last, p.head, r.sig);
    refused_push(w, &p, &r, MST_E_SIGNATURE, "signature");
    run_done(&r);
}

static void signature_that_was_found_wrong_is_refused(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1);
    w->verifier = caller_of(&p).sign_key;
    wrong_signature_stores_nothing(state);
}

/* Among them answers that bear no signature, and several batches. */
static void receipts_that_other_threads_sign_hold(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1);
    w->helped = true;
    for (int batch = 0; batch < 8; batch++) {
        forget_answers(w);
        size_t frames = 1 + (size_t)batch * 7 % FRAMES_MAX;
        for (size_t i = 0; i < frames; i++) {
            struct run r = {0};
            struct peer gap = p;
            add_report(&r, "alpha", WEEK, "on");
            seal(i % 3 == 1 ? &gap : &p, &r);
            r.first += i % 3 == 1;
            pushed(w, &p, &r);
            run_done(&r);
        }
        commit(w);
        for (size_t i = 0; i < frames; i++) {
            if (i % 3 == 1)
                heard(w, i, MST_MSG_expect);
            else
                receipt(w, i);
        }
    }
}

static void unchecked_signature_is_noticed(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1);
    struct run r = {0};
    setenv("MUSTER_MUTANT", "signature-not-checked", 1);
    add_report(&r, "alpha", WEEK, "one");
    seal(&p, &r);
    r.sig[5] ^= 1;
    pushed(w, &p, &r);
    commit(w);
    assert_int_equal(receipt(w, 0).last, 1);
    run_done(&r);
}

static void outbox_of_another_unit_is_refused(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1), thief = peer_of(w, "beta", 1);
    struct run r = {0}, stolen = {0};
    add_report(&r, "alpha", WEEK, "one");
    seal(&p, &r);
    pushed(w, &p, &r);
    commit(w);
    add_report(&stolen, "beta", WEEK, "two");
    seal(&thief, &stolen);
    refused_push(w, &thief, &stolen, MST_E_IDENTITY, "identity");
    run_done(&r);
    run_done(&stolen);
}

/* The code under which a report was refused, its number being used up. */
static void refused_report(struct world *w, struct peer *p, struct run *r, const char *code)
{
    forget_answers(w);
    seal(p, r);
    pushed(w, p, r);
    commit(w);
    struct mst_msg_receipt got = receipt(w, 0);
    assert_int_equal(got.last, p->last);
    assert_int_equal(got.refused.count, 1);
    assert_int_equal(mst_unpack_int(got.refused.items[0], "seq", 0), p->last);
    assert_true(mst_slice_is(mst_unpack_text(got.refused.items[0], "code"), code));
    assert_non_null(strstr(w->logged, "address=192.0.2.1"));
    run_done(r);
}

static void refused_report_consumes_its_number(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1);
    struct run early = {0}, malformed = {0}, in_another_name = {0}, good = {0};
    add_report(&early, "alpha", "2031W01", "not owed yet");
    refused_report(w, &p, &early, "not-open");
    add_bytes(&malformed,
              "\x81\xA3"
              "act\xFF",
              6);
    refused_report(w, &p, &malformed, "form");
    add_report(&in_another_name, "beta", WEEK, "who am I");
    refused_report(w, &p, &in_another_name, "identity");
    assert_int_equal(rows_of(w, MST_ROW_REFUSAL, NULL), 3);
    assert_int_equal(rows_of(w, MST_ROW_SECURITY, "identity"), 1);
    forget_answers(w);
    add_report(&good, "alpha", WEEK, "four");
    seal(&p, &good);
    pushed(w, &p, &good);
    commit(w);
    assert_int_equal(receipt(w, 0).refused.count, 0);
    assert_int_equal(receipt(w, 0).last, 4);
    assert_int_equal(week(w, WEEKLY)->latest.row, receipt(w, 0).row);
    run_done(&good);
}

static void two_programmes_do_not_mix(void **state)
{
    struct world *w = *state;
    struct mst_err err;
    struct mst_programme *other = load_programme(EXAMPLE);
    assert_int_equal(mst_driver_add(w->driver, other, &err), 0);
    commit(w);
    struct mst_engine *e = mst_driver_engine(w->driver, 1);
    struct peer p = peer_of(w, "alpha", 1);
    struct run r = {0};
    add_report(&r, "alpha", WEEK, "one");
    seal(&p, &r);
    pushed(w, &p, &r);
    commit(w);
    uint64_t last;
    uint8_t head[MST_HASH_BYTES];
    assert_int_equal(mst_engine_outbox(w->engine, p.outbox, "alpha", &last, head, &err), 0);
    assert_int_equal(last, 1);
    assert_int_equal(mst_engine_outbox(e, p.outbox, "alpha", &last, head, &err), 0);
    assert_int_equal(last, 0);
    assert_int_not_equal(mst_engine_pid(e), mst_engine_pid(w->engine));
    assert_int_equal(mst_engine_last_row(e), 0);
    assert_ptr_equal(mst_driver_find(w->driver, other->id), e);
    assert_null(mst_driver_find(w->driver, "*")); /* not the only one */
    mst_programme_unref(other);
    run_done(&r);
}

int main(void)
{
#define TEST(claim) cmocka_unit_test_setup_teardown(claim, setup, teardown)
#define ON_DISK(claim) cmocka_unit_test_setup_teardown(claim, setup_on_disk, teardown)
    const struct CMUnitTest tests[] = {
        TEST(receipt_comes_after_the_commit_and_alerts_after_the_receipt),
        ON_DISK(receipt_comes_after_the_commit_and_alerts_after_the_receipt),
        TEST(answering_before_the_commit_is_noticed),
        TEST(repeat_is_answered_with_the_stored_receipt),
        ON_DISK(repeat_is_answered_with_the_stored_receipt),
        TEST(overlap_gets_a_receipt_for_what_is_new),
        TEST(repeat_across_two_runs_gets_both_receipts),
        TEST(gap_is_told_what_is_expected_and_stores_nothing),
        TEST(other_bytes_under_the_same_number_are_a_conflict),
        ON_DISK(other_bytes_under_the_same_number_are_a_conflict),
        TEST(broken_chain_stores_nothing),
        TEST(wrong_signature_stores_nothing),
        TEST(push_verified_before_is_stored_the_same),
        ON_DISK(push_verified_before_is_stored_the_same),
        TEST(signature_verified_by_another_key_is_verified_again),
        TEST(signature_that_was_found_wrong_is_refused),
        TEST(receipts_that_other_threads_sign_hold),
        TEST(unchecked_signature_is_noticed),
        TEST(outbox_of_another_unit_is_refused),
        TEST(refused_report_consumes_its_number),
        TEST(two_programmes_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
