/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs: one piece of evidence in one JSON file that can be checked with nothing else at hand but
 * the signer's public key, as PROTOCOL.md describes it. Whoever exports one gathers rows of
 * {name, value}; whoever checks one needs neither broker nor home.
 */
#ifndef MST_AGENT_LINK_PROOF_H
#define MST_AGENT_LINK_PROOF_H

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/msg.h"

struct mst_proof;

/* kind: report, receipt, alert or head. */
MST_MUST_CHECK int mst_proof_new(const char *kind, struct mst_proof **ret, struct mst_err *err);
void mst_proof_free(struct mst_proof *proof);
/* Take a row {name, value}: text and numbers as they are, bytes as hex; rows that are called
 * `reports` or `refused` gather in an array. */
MST_MUST_CHECK int mst_proof_take(struct mst_proof *proof, struct mst_slice row,
                                  struct mst_err *err);
/* An alert as it came, with its place in the ledger and the broker's signature. */
MST_MUST_CHECK int mst_proof_take_alert(struct mst_proof *proof, const struct mst_msg_alert *alert,
                                        const char *sign_key_hex, struct mst_err *err);
/* Make the file, mode 0600; MST_E_EXISTS when there is one. */
MST_MUST_CHECK int mst_proof_write(const struct mst_proof *proof, const char *path,
                                   struct mst_err *err);

/*
 * Check a file against a key: the signer's Ed25519 public key (64 hex digits) or its fingerprint
 * (at least the first 16 hex digits of the key's hash). What the file proves is appended to `rows`
 * as maps {name, value}, one after the other, instants in the zone of the environment.
 * MST_E_SIGNATURE: another key, or another text was signed; MST_E_CHAIN: the reports do not lead to
 * what was signed; MST_E_INVALID: not a proof.
 */
MST_MUST_CHECK int mst_proof_verify(const char *path, const char *key, struct mst_buf *rows,
                                    struct mst_err *err);

#endif
