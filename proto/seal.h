/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes, chains and signatures: BLAKE2b-256 and Ed25519 (libsodium), each over bytes that begin
 * with a domain-separating label, all multi-byte integers big-endian. PROTOCOL.md gives the same
 * formulas with golden vectors. Deterministic; key generation lives with the programs, not here.
 */
#ifndef MST_PROTO_SEAL_H
#define MST_PROTO_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/msg.h"

#define MST_HASH_BYTES 32
#define MST_SIGN_BYTES 64
#define MST_SIGN_PUBLIC_BYTES 32
#define MST_SIGN_SECRET_BYTES 64
#define MST_OUTBOX_BYTES 16

/* h = BLAKE2b-256(parts, one after the other). */
void mst_hash(const struct mst_slice *parts, size_t count, uint8_t ret_hash[MST_HASH_BYTES]);

/* Chain of an outbox before its first report: H("muster.outbox.1" outbox, programme 00, unit 00).
 */
void mst_chain_genesis(const uint8_t outbox[MST_OUTBOX_BYTES], const char *programme,
                       const char *unit, uint8_t ret_hash[MST_HASH_BYTES]);
/* Next link: H("muster.report.1" prev u64(seq) bytes). */
void mst_chain_next(const uint8_t prev[MST_HASH_BYTES], uint64_t seq, struct mst_slice report,
                    uint8_t ret_hash[MST_HASH_BYTES]);

/* Ledger chain: genesis H("muster.ledger.1" programme 00); row H("muster.row.1" prev u64(row)
 * u64(at) u8(kind) bytes). */
void mst_ledger_genesis(const char *programme, uint8_t ret_hash[MST_HASH_BYTES]);
void mst_ledger_next(const uint8_t prev[MST_HASH_BYTES], uint64_t row, mst_time at, uint8_t kind,
                     struct mst_slice bytes, uint8_t ret_hash[MST_HASH_BYTES]);

/* Run signature over "muster.run.1" outbox u64(last) head. */
void mst_run_sign(const uint8_t secret[MST_SIGN_SECRET_BYTES],
                  const uint8_t outbox[MST_OUTBOX_BYTES], uint64_t last,
                  const uint8_t head[MST_HASH_BYTES], uint8_t ret_sig[MST_SIGN_BYTES]);
MST_MUST_CHECK int mst_run_verify(const uint8_t key[MST_SIGN_PUBLIC_BYTES],
                                  const uint8_t outbox[MST_OUTBOX_BYTES], uint64_t last,
                                  const uint8_t head[MST_HASH_BYTES],
                                  const uint8_t sig[MST_SIGN_BYTES], struct mst_err *err);

/*
 * Receipt signature over "muster.receipt.1" programme 00 outbox u64(first) u64(last) u64(row) head
 * u64(at) u64(epoch) H(encoded refused array). The struct's sig is ignored. In two steps: append
 * the bytes that the signature is over, and sign them, which may be done later and elsewhere.
 */
MST_MUST_CHECK int mst_receipt_text(const char *programme, const struct mst_msg_receipt *receipt,
                                    struct mst_buf *out, struct mst_err *err);
void mst_receipt_sign_text(const uint8_t secret[MST_SIGN_SECRET_BYTES], struct mst_slice text,
                           uint8_t ret_sig[MST_SIGN_BYTES]);
MST_MUST_CHECK int mst_receipt_verify(const uint8_t key[MST_SIGN_PUBLIC_BYTES],
                                      const char *programme, const struct mst_msg_receipt *receipt,
                                      struct mst_err *err);

/*
 * The broker's word on its ledger: which head stands at a row and, for an alert, what the row
 * holds. Signature over "muster.head.1" programme 00 u64(epoch) u64(row) head H(bytes).
 */
struct mst_head {
    const char *programme;
    uint64_t epoch, row;
    const uint8_t *head;    /* MST_HASH_BYTES */
    struct mst_slice bytes; /* of the row; empty: the head is signed alone */
};
void mst_head_sign(const uint8_t secret[MST_SIGN_SECRET_BYTES], const struct mst_head *head,
                   uint8_t ret_sig[MST_SIGN_BYTES]);
MST_MUST_CHECK int mst_head_verify(const uint8_t key[MST_SIGN_PUBLIC_BYTES],
                                   const struct mst_head *head, const uint8_t sig[MST_SIGN_BYTES],
                                   struct mst_err *err);
/* An alert as its ledger row holds it: without its place in a stream and in the ledger, and without
 * the names that are for people. */
MST_MUST_CHECK int mst_alert_row(const struct mst_msg_alert *alert, struct mst_buf *out,
                                 struct mst_err *err);
/* MST_E_SIGNATURE also when the alert bears none. */
MST_MUST_CHECK int mst_alert_verify(const uint8_t key[MST_SIGN_PUBLIC_BYTES],
                                    const struct mst_msg_alert *alert, struct mst_err *err);

/*
 * Fresh keys are registered with signatures by the old and by the new signing key, each over
 * "muster.rotate.1" programme 00 principal 00 old channel key, new channel key, new signing key.
 */
struct mst_rotation {
    const char *programme, *principal;
    const uint8_t *old_channel, *new_channel, *new_sign; /* 32 bytes each */
};
void mst_rotation_sign(const uint8_t secret[MST_SIGN_SECRET_BYTES],
                       const struct mst_rotation *rotation, uint8_t ret_sig[MST_SIGN_BYTES]);
MST_MUST_CHECK int mst_rotation_verify(const uint8_t key[MST_SIGN_PUBLIC_BYTES],
                                       const struct mst_rotation *rotation,
                                       const uint8_t sig[MST_SIGN_BYTES], struct mst_err *err);

/* Alert id: H("muster.alert.1" obligation 00 u64(revision) u64(rung) u64(occurrence) audience 00).
 */
void mst_alert_id(const char *obligation, uint64_t revision, uint64_t rung, uint64_t occurrence,
                  const char *audience, uint8_t ret_id[MST_HASH_BYTES]);

#endif
