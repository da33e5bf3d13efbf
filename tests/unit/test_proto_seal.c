/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes and signatures cover every byte that they promise to cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

#include "proto/seal.h"
#include "tests/unit/sign_receipt.h"

static uint8_t secret[MST_SIGN_SECRET_BYTES], public[MST_SIGN_PUBLIC_BYTES];
static const uint8_t outbox[MST_OUTBOX_BYTES] = "0123456789abcde";

static int make_keys(void **state)
{
    (void)state;
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {1};
    return crypto_sign_seed_keypair(public, secret, seed);
}

static void hash_is_plain_blake2b_256(void **state)
{
    (void)state;
    /* BLAKE2b-256 of "abc", as in Python: hashlib.blake2b(b"abc", digest_size=32). */
    static const uint8_t want[] =
        "\xbd\xdd\x81\x3c\x63\x42\x39\x72\x31\x71\xef\x3f\xee\x98\x57\x9b\x94\x96\x4e\x3b\xb1\xcb"
        "\x3e\x42\x72\x62\xc8\xc0\x68\xd5\x23\x19";
    uint8_t hash[MST_HASH_BYTES];
    struct mst_slice parts[] = {mst_text("a"), mst_text(""), mst_text("bc")};
    mst_hash(parts, 3, hash);
    assert_memory_equal(hash, want, sizeof hash);
}

static void neighbours_cannot_be_read_in_two_ways(void **state)
{
    (void)state;
    uint8_t a[MST_HASH_BYTES], b[MST_HASH_BYTES];
    mst_chain_genesis(outbox, "p1", "u1", a);
    mst_chain_genesis(outbox, "p1u", "1", b);
    assert_memory_not_equal(a, b, sizeof a);
    mst_alert_id("o", 1, 2, 3, "office", a);
    mst_alert_id("o", 1, 3, 2, "office", b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void every_link_depends_on_all_before_it(void **state)
{
    (void)state;
    uint8_t prev[MST_HASH_BYTES], a[MST_HASH_BYTES], b[MST_HASH_BYTES];
    mst_chain_genesis(outbox, "p1", "u1", prev);
    mst_chain_next(prev, 1, mst_text("report"), a);
    mst_chain_next(prev, 2, mst_text("report"), b);
    assert_memory_not_equal(a, b, sizeof a);
    prev[31] ^= 1;
    mst_chain_next(prev, 1, mst_text("report"), b);
    assert_memory_not_equal(a, b, sizeof a);
    mst_ledger_next(prev, 1, 5, 1, mst_text("row"), a);
    mst_ledger_next(prev, 1, 5, 2, mst_text("row"), b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void a_run_verifies_as_it_was_signed_and_no_other_way(void **state)
{
    (void)state;
    uint8_t head[MST_HASH_BYTES] = {7}, sig[MST_SIGN_BYTES];
    struct mst_err err;
    mst_run_sign(secret, outbox, 128, head, sig);
    assert_int_equal(mst_run_verify(public, outbox, 128, head, sig, &err), 0);
    assert_int_equal(mst_run_verify(public, outbox, 129, head, sig, &err), MST_E_SIGNATURE);
    head[0] ^= 1;
    assert_int_equal(mst_run_verify(public, outbox, 128, head, sig, &err), MST_E_SIGNATURE);
    head[0] ^= 1;
    sig[0] ^= 1;
    assert_int_equal(mst_run_verify(public, outbox, 128, head, sig, &err), MST_E_SIGNATURE);
}

static void a_receipt_is_signed_field_by_field(void **state)
{
    (void)state;
    static const uint8_t head[MST_HASH_BYTES] = {9};
    static const struct mst_slice refused[] = {{(const uint8_t *)"\x80", 1}};
    const struct mst_msg_receipt receipt = {
        .outbox = mst_bytes(outbox, sizeof outbox),
        .first = 3,
        .last = 9,
        .row = 100,
        .head = mst_bytes(head, sizeof head),
        .at = 5,
        .refused = {refused, 1},
        .epoch = 2,
    };
    uint8_t sig[MST_SIGN_BYTES];
    sign_receipt(secret, "p1", &receipt, sig);
    struct mst_msg_receipt r = receipt;
    r.sig = mst_bytes(sig, sizeof sig);
    r.now = 77; /* not covered: it differs each time the same receipt is sent */
    assert_int_equal(mst_receipt_verify(public, "p1", &r, NULL), 0);
    assert_int_equal(mst_receipt_verify(public, "p2", &r, NULL), MST_E_SIGNATURE);
    uint64_t *const covered[] = {&r.first, &r.last, &r.row, &r.at, &r.epoch};
    for (size_t i = 0; i < sizeof covered / sizeof covered[0]; i++) {
        *covered[i] += 1;
        assert_int_equal(mst_receipt_verify(public, "p1", &r, NULL), MST_E_SIGNATURE);
        *covered[i] -= 1;
    }
    r.refused.count = 0;
    assert_int_equal(mst_receipt_verify(public, "p1", &r, NULL), MST_E_SIGNATURE);
    r.refused.count = 1;
    assert_int_equal(mst_receipt_verify(public, "p1", &r, NULL), 0);
    r.head.len = 31;
    assert_int_equal(mst_receipt_verify(public, "p1", &r, NULL), MST_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_plain_blake2b_256),
        cmocka_unit_test(neighbours_cannot_be_read_in_two_ways),
        cmocka_unit_test(every_link_depends_on_all_before_it),
        cmocka_unit_test(a_run_verifies_as_it_was_signed_and_no_other_way),
        cmocka_unit_test(a_receipt_is_signed_field_by_field),
    };
    return cmocka_run_group_tests(tests, make_keys, NULL);
}
