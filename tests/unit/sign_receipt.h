/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt signed in one step, as small brokers do. The receipt's own sig is ignored. */
#ifndef MST_TESTS_UNIT_SIGN_RECEIPT_H
#define MST_TESTS_UNIT_SIGN_RECEIPT_H

#include "proto/seal.h"

static void sign_receipt(const uint8_t secret[MST_SIGN_SECRET_BYTES], const char *programme,
                         const struct mst_msg_receipt *receipt, uint8_t ret_sig[MST_SIGN_BYTES])
{
    struct mst_buf text = {0};
    assert_int_equal(mst_receipt_text(programme, receipt, &text, NULL), 0);
    mst_receipt_sign_text(secret, mst_bytes(text.data, text.len), ret_sig);
    mst_buf_done(&text);
}

#endif
