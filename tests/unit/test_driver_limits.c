/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about limits: what one principal can make the broker store in a day by trying what is
 * refused, or by changing its keys; how much the core may have to remember. */
#include "tests/unit/driver_world.h"

#define DAY_MS ((mst_time)24 * 3600 * 1000)
/* Of which an attempt takes 512. */
#define GROWTH 16384
#define ATTEMPTS (GROWTH / 512)

static int setup_limited(void **state)
{
    if (setup(state))
        return -1;
    struct world *w = *state;
    stop(w);
    w->growth_bytes_day = GROWTH;
    start(w, 0);
    return 0;
}

/* One push with other bytes than those that were signed. */
static void push_forged(struct world *w, const struct peer *p)
{
    static const uint8_t channel[32] = {1};
    struct peer once = *p;
    struct run r = {0};
    struct mst_err err;
    add_report(&r, p->unit, "2026W06", "done");
    seal(&once, &r);
    r.sig[0] ^= 1;
    struct mst_caller caller = caller_of(p);
    caller.channel = channel;
    struct mst_msg_push m = {.outbox = mst_bytes(p->outbox, sizeof p->outbox),
                             .first = r.first,
                             .prev = mst_bytes(r.prev, sizeof r.prev),
                             .reports = {r.items, r.count},
                             .alg = mst_text(MST_ALG_ED25519_BLAKE2B),
                             .sig = mst_bytes(r.sig, sizeof r.sig)};
    assert_int_equal(mst_driver_push(w->driver, w->engine, &caller, &m, w->now, &err), 0);
    commit(w);
    heard_error(w, 0, MST_E_SIGNATURE);
    forget_answers(w);
    run_done(&r);
}

static void attempts_fill_the_ledger_no_more_than_reports_may(void **state)
{
    struct world *w = *state;
    struct peer p = peer_of(w, "alpha", 1);
    for (int i = 0; i < 3 * ATTEMPTS; i++)
        push_forged(w, &p);
    assert_int_equal(rows_of(w, MST_ROW_SECURITY, "signature"), ATTEMPTS);
    w->now += DAY_MS;
    push_forged(w, &p);
    assert_int_equal(rows_of(w, MST_ROW_SECURITY, "signature"), ATTEMPTS + 1);
}

/* ---- keys ---- */

static void keys_made(struct mst_keys *keys)
{
    struct mst_err err;
    assert_int_equal(mst_keys_make(keys, &err), 0);
}

static struct mst_caller caller_with(const struct mst_keys *keys)
{
    return (struct mst_caller){
        .session = SESSION,
        .actor = {.principal = "unit:alpha", .roles = MST_ROLE_UNIT, .unit = "alpha"},
        .sign_key = keys->sign_public,
        .channel = keys->channel_public,
        .address = "192.0.2.1"};
}

static void join(struct world *w, const struct mst_keys *keys)
{
    const struct mst_caller admin = {.actor = {.principal = "uid:0"}, .address = "local"};
    const struct mst_caller stranger = {
        .session = SESSION, .actor = {.principal = "stranger"}, .address = "192.0.2.1"};
    struct mst_invitation invitation;
    uint8_t token[16];
    struct mst_err err;
    assert_int_equal(mst_driver_invite(w->driver, w->engine, &admin, "alpha", 1, w->now, w->now,
                                       token, &invitation, &err),
                     0);
    const struct mst_msg_enrol enrol = {.token = mst_bytes(token, sizeof token),
                                        .channel_key = mst_bytes(keys->channel_public, 32),
                                        .sign_key = mst_bytes(keys->sign_public, 32)};
    assert_int_equal(mst_driver_enrol(w->driver, &stranger, &enrol, w->now, w->now, &err), 0);
    commit(w);
    (void)heard(w, 0, MST_MSG_enrolled);
    forget_answers(w);
}

static void rotate(struct world *w, const struct mst_keys *from, const struct mst_keys *to)
{
    const struct mst_rotation text = {.programme = w->programme->id,
                                      .principal = "unit:alpha",
                                      .old_channel = from->channel_public,
                                      .new_channel = to->channel_public,
                                      .new_sign = to->sign_public};
    uint8_t sig[MST_SIGN_BYTES], new_sig[MST_SIGN_BYTES];
    mst_rotation_sign(from->sign_secret, &text, sig);
    mst_rotation_sign(to->sign_secret, &text, new_sig);
    const struct mst_msg_rotate m = {.channel_key = mst_bytes(to->channel_public, 32),
                                     .sign_key = mst_bytes(to->sign_public, 32),
                                     .alg = mst_text(MST_ALG_ED25519_BLAKE2B),
                                     .sig = mst_bytes(sig, sizeof sig),
                                     .new_sig = mst_bytes(new_sig, sizeof new_sig)};
    struct mst_caller caller = caller_with(from);
    struct mst_err err;
    assert_int_equal(
        mst_driver_rotate(w->driver, &caller, from->channel_public, &m, w->now, w->now, &err), 0);
    commit(w);
}

static void keys_are_changed_as_often_as_there_is_room_for_them(void **state)
{
    struct world *w = *state;
    struct mst_keys first, second, third;
    keys_made(&first);
    keys_made(&second);
    keys_made(&third);
    join(w, &first);
    rotate(w, &first, &second); /* larger than a day's, and alone */
    (void)heard(w, 0, MST_MSG_enrolled);
    forget_answers(w);
    rotate(w, &first, &second); /* a repeat stores nothing */
    (void)heard(w, 0, MST_MSG_enrolled);
    forget_answers(w);
    rotate(w, &second, &third);
    heard_error(w, 0, MST_E_QUOTA);
    forget_answers(w);
    assert_null(mst_driver_key(w->driver, third.channel_public, NULL));
    w->now += 4 * DAY_MS;
    rotate(w, &second, &third);
    (void)heard(w, 0, MST_MSG_enrolled);
    assert_non_null(mst_driver_key(w->driver, third.channel_public, NULL));
}

/* ---- what the core remembers ---- */

static void pack_name(struct mst_buf *b, size_t len, int number)
{
    char name[160];
    snprintf(name, sizeof name, "unit:%0*d", (int)len - 5, number);
    mst_pack_text(b, name);
}

/* As many silences, quiet agents and told principals as there can be, all with the longest names.
 */
static void pack_full_state(struct mst_buf *b)
{
    mst_pack_map(b, 4);
    mst_pack_text(b, "silences");
    mst_pack_array(b, 2 * 64);
    for (int i = 0; i < 64; i++) {
        pack_name(b, 127, i);
        mst_pack_int(b, INT64_MAX);
    }
    mst_pack_text(b, "quiets");
    mst_pack_array(b, 3 * 512);
    for (int i = 0; i < 512; i++) {
        pack_name(b, 47, i);
        mst_pack_int(b, INT64_C(1) << 40);
        mst_pack_bool(b, true);
    }
    mst_pack_text(b, "tolds");
    mst_pack_array(b, 3 * 256);
    for (int i = 0; i < 256; i++) {
        pack_name(b, 64, i);
        mst_pack_text(b, mst_security_word(MST_SECURITY_HEAD_CONTRADICTED));
        mst_pack_int(b, INT64_C(1) << 40);
    }
    mst_pack_text(b, "path_since");
    mst_pack_int(b, 0);
}

static void all_that_the_core_may_remember_is_read_again(void **state)
{
    struct world *w = *state;
    struct mst_buf full = {0}, again = {0};
    struct mst_err err;
    mst_pid pid = mst_engine_pid(w->engine);
    pack_full_state(&full);
    stop(w);
    assert_int_equal(mst_store_begin(w->store, &err), 0);
    assert_int_equal(
        mst_store_put_meta(w->store, pid, "state", mst_bytes(full.data, full.len), &err), 0);
    mst_store_commit(w->store, NULL, NULL);
    start(w, 0);
    mst_core_state_pack(mst_engine_core(w->engine), &again);
    assert_int_equal(again.len, full.len);
    assert_memory_equal(again.data, full.data, full.len);
    mst_buf_done(&full);
    mst_buf_done(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(attempts_fill_the_ledger_no_more_than_reports_may,
                                        setup_limited, teardown),
        cmocka_unit_test_setup_teardown(keys_are_changed_as_often_as_there_is_room_for_them,
                                        setup_limited, teardown),
        cmocka_unit_test_setup_teardown(all_that_the_core_may_remember_is_read_again, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
