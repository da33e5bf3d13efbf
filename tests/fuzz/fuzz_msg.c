/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is decoded encodes, no longer than it was, and its encoding is a fixed point. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mst_msg_scratch first_scratch, second_scratch;

static int decode(enum mst_direction direction, const uint8_t *data, size_t size,
                  struct mst_msg_scratch *scratch, struct mst_msg *ret)
{
    struct mst_err err;
    if (direction != MST_PART)
        return mst_msg_decode(data, size, direction, scratch, ret, &err);
    ret->type = MST_MSG_report;
    return mst_msg_decode_report(mst_bytes(data, size), &ret->u.report, &err);
}

static void check(enum mst_direction direction, const uint8_t *data, size_t size)
{
    struct mst_msg msg, again;
    struct mst_buf one = {0}, two = {0};
    int rc = decode(direction, data, size, &first_scratch, &msg);
    assert(rc == 0 || rc == MST_E_PROTOCOL);
    if (rc == 0) {
        rc = mst_msg_encode(&msg, &one, NULL);
        assert(rc == 0 && one.len <= size);
        rc = decode(direction, one.data, one.len, &second_scratch, &again);
        assert(rc == 0 && again.type == msg.type);
        rc = mst_msg_encode(&again, &two, NULL);
        assert(rc == 0 && two.len == one.len && memcmp(one.data, two.data, one.len) == 0);
    }
    mst_buf_done(&one);
    mst_buf_done(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(MST_UP, data, size);
    check(MST_DOWN, data, size);
    check(MST_PART, data, size);
    return 0;
}
