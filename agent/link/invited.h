/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an invitation file says (home.h lists its keys). Every field is checked before any is
 * believed: the file came by mail, by hand or from a stranger.
 */
#ifndef MST_AGENT_LINK_INVITED_H
#define MST_AGENT_LINK_INVITED_H

#include <stdint.h>

#include "proto/err.h"
#include "proto/seal.h"

#define MST_Z85_KEY_CHARS 40

struct mst_invited {
    char programme[48], zone[64], principal[65];
    char members[257], enrol[257];
    char broker_key[MST_Z85_KEY_CHARS + 1];
    char broker_sign_key[2 * MST_SIGN_PUBLIC_BYTES + 1];
    uint8_t broker_sign_key_bytes[MST_SIGN_PUBLIC_BYTES];
    uint8_t token[16];
};

/* The token is the caller's to wipe. */
MST_MUST_CHECK int mst_invited_read(const char *path, struct mst_invited *ret, struct mst_err *err);

#endif
