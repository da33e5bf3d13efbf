/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two key pairs of a principal, and the file that keeps their secret halves: CURVE for the
 * channel, Ed25519 for signatures, made together and rotated together.
 *
 * The file is text, four `name: hex` lines, mode 0600. Reading refuses a symbolic link, another
 * owner, and any bit for group or others. A process that makes or reads keys leaves no core file
 * from then on, and cannot be looked into by others of its user.
 */
#ifndef MST_CONFIG_LOAD_KEYS_H
#define MST_CONFIG_LOAD_KEYS_H

#include "proto/err.h"
#include "proto/seal.h"

#define MST_CHANNEL_KEY_BYTES 32

struct mst_keys {
    uint8_t channel_public[MST_CHANNEL_KEY_BYTES], channel_secret[MST_CHANNEL_KEY_BYTES];
    uint8_t sign_public[MST_SIGN_PUBLIC_BYTES], sign_secret[MST_SIGN_SECRET_BYTES];
};

/* Fresh key pairs from the system's randomness. */
MST_MUST_CHECK int mst_keys_make(struct mst_keys *ret_keys, struct mst_err *err);
/* MST_E_UNKNOWN when there is no such file; MST_E_DENIED, with the command that mends it, when its
 * owner or mode is wrong; MST_E_CORRUPT when it is not a key file. */
MST_MUST_CHECK int mst_keys_read(const char *path, struct mst_keys *ret_keys, struct mst_err *err);
/* Creates the file, whole and synced, or not at all; MST_E_EXISTS when it is there already. Its
 * name is durable once the caller has synced the directory. */
MST_MUST_CHECK int mst_keys_write(const char *path, const struct mst_keys *keys,
                                  struct mst_err *err);
void mst_keys_wipe(struct mst_keys *keys);

#endif
