/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes and signatures as seal.h and PROTOCOL.md state them byte by byte. Makes no keys and draws
 * no randomness, so that it works, only slower, when nobody called sodium_init().
 */
#include "proto/seal.h"

#include <string.h>

#include <sodium.h>

#include "proto/pack.h"

_Static_assert(MST_SIGN_BYTES == crypto_sign_BYTES, "Ed25519 signature");
_Static_assert(MST_SIGN_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519 public key");
_Static_assert(MST_SIGN_SECRET_BYTES == crypto_sign_SECRETKEYBYTES, "Ed25519 secret key");

#define U64_BYTES 8

static struct mst_slice put_u64(uint8_t bytes[U64_BYTES], uint64_t value)
{
    for (int i = U64_BYTES - 1; i >= 0; i--) {
        bytes[i] = (uint8_t)value;
        value >>= 8;
    }
    return mst_bytes(bytes, U64_BYTES);
}

/* A string with the NUL that ends it, so that two neighbours cannot be read in two ways. */
static struct mst_slice with_nul(const char *s)
{
    return mst_bytes(s, strlen(s) + 1);
}

static struct mst_slice digest(const uint8_t hash[MST_HASH_BYTES])
{
    return mst_bytes(hash, MST_HASH_BYTES);
}

#define HASH(ret, ...)                                                                             \
    mst_hash((const struct mst_slice[]){__VA_ARGS__},                                              \
             sizeof(const struct mst_slice[]){__VA_ARGS__} / sizeof(struct mst_slice), ret)

void mst_hash(const struct mst_slice *parts, size_t count, uint8_t ret_hash[MST_HASH_BYTES])
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, MST_HASH_BYTES);
    for (size_t i = 0; i < count; i++)
        (void)crypto_generichash_update(&state, parts[i].data, parts[i].len);
    (void)crypto_generichash_final(&state, ret_hash, MST_HASH_BYTES);
}

void mst_chain_genesis(const uint8_t outbox[MST_OUTBOX_BYTES], const char *programme,
                       const char *unit, uint8_t ret_hash[MST_HASH_BYTES])
{
    HASH(ret_hash, mst_text("muster.outbox.1"), mst_bytes(outbox, MST_OUTBOX_BYTES),
         with_nul(programme), with_nul(unit));
}

void mst_chain_next(const uint8_t prev[MST_HASH_BYTES], uint64_t seq, struct mst_slice report,
                    uint8_t ret_hash[MST_HASH_BYTES])
{
    /* In front of each report, so in one piece. */
    static const char label[] = "muster.report.1";
    uint8_t front[sizeof label - 1 + MST_HASH_BYTES + U64_BYTES], *at = front;
    memcpy(at, label, sizeof label - 1);
    at += sizeof label - 1;
    memcpy(at, prev, MST_HASH_BYTES);
    (void)put_u64(at + MST_HASH_BYTES, seq);
    HASH(ret_hash, mst_bytes(front, sizeof front), report);
}

void mst_ledger_genesis(const char *programme, uint8_t ret_hash[MST_HASH_BYTES])
{
    HASH(ret_hash, mst_text("muster.ledger.1"), with_nul(programme));
}

void mst_ledger_next(const uint8_t prev[MST_HASH_BYTES], uint64_t row, mst_time at, uint8_t kind,
                     struct mst_slice bytes, uint8_t ret_hash[MST_HASH_BYTES])
{
    uint8_t row_bytes[U64_BYTES], at_bytes[U64_BYTES];
    HASH(ret_hash, mst_text("muster.row.1"), digest(prev), put_u64(row_bytes, row),
         put_u64(at_bytes, (uint64_t)at), mst_bytes(&kind, 1), bytes);
}

void mst_alert_id(const char *obligation, uint64_t revision, uint64_t rung, uint64_t occurrence,
                  const char *audience, uint8_t ret_id[MST_HASH_BYTES])
{
    uint8_t numbers[3][U64_BYTES];
    HASH(ret_id, mst_text("muster.alert.1"), with_nul(obligation), put_u64(numbers[0], revision),
         put_u64(numbers[1], rung), put_u64(numbers[2], occurrence), with_nul(audience));
}

/* ---- signatures ---- */

#define RUN_LABEL "muster.run.1"
#define RUN_BYTES (sizeof RUN_LABEL - 1 + MST_OUTBOX_BYTES + U64_BYTES + MST_HASH_BYTES)

static void run_text(const uint8_t outbox[MST_OUTBOX_BYTES], uint64_t last,
                     const uint8_t head[MST_HASH_BYTES], uint8_t ret_text[RUN_BYTES])
{
    uint8_t *at = ret_text;
    memcpy(at, RUN_LABEL, sizeof RUN_LABEL - 1);
    at += sizeof RUN_LABEL - 1;
    memcpy(at, outbox, MST_OUTBOX_BYTES);
    at += MST_OUTBOX_BYTES;
    (void)put_u64(at, last);
    at += U64_BYTES;
    memcpy(at, head, MST_HASH_BYTES);
}

void mst_run_sign(const uint8_t secret[MST_SIGN_SECRET_BYTES],
                  const uint8_t outbox[MST_OUTBOX_BYTES], uint64_t last,
                  const uint8_t head[MST_HASH_BYTES], uint8_t ret_sig[MST_SIGN_BYTES])
{
    uint8_t text[RUN_BYTES];
    run_text(outbox, last, head, text);
    (void)crypto_sign_detached(ret_sig, NULL, text, sizeof text, secret);
}

int mst_run_verify(const uint8_t key[MST_SIGN_PUBLIC_BYTES], const uint8_t outbox[MST_OUTBOX_BYTES],
                   uint64_t last, const uint8_t head[MST_HASH_BYTES],
                   const uint8_t sig[MST_SIGN_BYTES], struct mst_err *err)
{
    uint8_t text[RUN_BYTES];
    run_text(outbox, last, head, text);
    if (crypto_sign_verify_detached(sig, text, sizeof text, key))
        return mst_fail_on(err, MST_E_SIGNATURE, _("the run's head"));
    return 0;
}

int mst_receipt_text(const char *programme, const struct mst_msg_receipt *r, struct mst_buf *out,
                     struct mst_err *err)
{
    if (r->outbox.len != MST_OUTBOX_BYTES || r->head.len != MST_HASH_BYTES)
        return mst_fail_on(err, MST_E_INVALID, _("the receipt"));
    struct mst_buf refused = {0};
    mst_pack_array(&refused, r->refused.count);
    for (size_t i = 0; i < r->refused.count; i++)
        mst_buf_put(&refused, r->refused.items[i].data, r->refused.items[i].len);
    uint8_t refused_hash[MST_HASH_BYTES];
    HASH(refused_hash, mst_bytes(refused.data, refused.len));
    out->failed |= refused.failed;
    mst_buf_done(&refused);

    mst_buf_put(out, "muster.receipt.1", strlen("muster.receipt.1"));
    mst_buf_put(out, programme, strlen(programme) + 1);
    mst_buf_put(out, r->outbox.data, r->outbox.len);
    mst_buf_put_u64be(out, r->first);
    mst_buf_put_u64be(out, r->last);
    mst_buf_put_u64be(out, r->row);
    mst_buf_put(out, r->head.data, r->head.len);
    mst_buf_put_u64be(out, r->at);
    mst_buf_put_u64be(out, r->epoch);
    mst_buf_put(out, refused_hash, sizeof refused_hash);
    return out->failed ? mst_fail_on(err, MST_E_NOMEM, _("the receipt")) : 0;
}

void mst_receipt_sign_text(const uint8_t secret[MST_SIGN_SECRET_BYTES], struct mst_slice text,
                           uint8_t ret_sig[MST_SIGN_BYTES])
{
    (void)crypto_sign_detached(ret_sig, NULL, text.data, text.len, secret);
}

int mst_receipt_verify(const uint8_t key[MST_SIGN_PUBLIC_BYTES], const char *programme,
                       const struct mst_msg_receipt *receipt, struct mst_err *err)
{
    if (receipt->sig.len != MST_SIGN_BYTES)
        return mst_fail_on(err, MST_E_SIGNATURE, _("the receipt"));
    struct mst_buf text = {0};
    int rc = mst_receipt_text(programme, receipt, &text, err);
    if (!rc && crypto_sign_verify_detached(receipt->sig.data, text.data, text.len, key))
        rc = mst_fail_on(err, MST_E_SIGNATURE, _("the receipt"));
    mst_buf_done(&text);
    return rc;
}
