/* SPDX-License-Identifier: Apache-2.0 */
/* What the validator accepts is one value to the cursor, which reads it to its last byte and no
 * further; what it refuses, the cursor still reads without leaving the bytes. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/pack.h"
#include "proto/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mst_err err;
    struct mst_unpack u;
    struct mst_slice raw;
    int rc = mst_validate(data, size, &err);
    assert(rc == 0 || rc == MST_E_PROTOCOL);
    mst_unpack_init(&u, data, size);
    bool whole = mst_unpack_skip(&u, &raw);
    assert(u.at <= data + size);
    assert(rc != 0 || (whole && raw.len == size));
    if (mst_unpack_find(mst_bytes(data, size), "type", &raw))
        assert(raw.data > data && raw.data + raw.len <= data + size);
    return 0;
}
