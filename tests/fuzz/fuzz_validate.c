/* SPDX-License-Identifier: Apache-2.0 */
/* What the validator accepts is one value to the cursor, which reads it to its last byte and no
 * further, and finds in a map the pairs that the validator found; what it refuses, the cursor still
 * reads without leaving the bytes. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/pack.h"
#include "proto/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pairs(const struct mst_pairs *pairs, const uint8_t *data, size_t size)
{
    struct mst_unpack u;
    struct mst_value v;
    struct mst_slice raw;
    mst_unpack_init(&u, data, size);
    assert(mst_unpack_next(&u, &v) && pairs->is_map == (v.kind == MST_VALUE_MAP));
    assert(pairs->count == (pairs->is_map ? v.count : 0));
    for (size_t i = 0; i < pairs->count; i++) {
        const struct mst_pair *pair = &pairs->items[i];
        bool read = mst_unpack_next(&u, &v) && mst_unpack_skip(&u, &raw);
        assert(read && pair->key.data == v.s.data && pair->key.len == v.s.len);
        assert(pair->raw.data == raw.data && pair->raw.len == raw.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mst_pairs pairs;
    struct mst_err err;
    struct mst_unpack u;
    struct mst_slice raw;
    int rc = mst_validate(data, size, &err);
    assert(rc == 0 || rc == MST_E_PROTOCOL);
    assert(mst_validate_pairs(data, size, &pairs, &err) == rc);
    if (rc == 0)
        check_pairs(&pairs, data, size);
    mst_unpack_init(&u, data, size);
    bool whole = mst_unpack_skip(&u, &raw);
    assert(u.at <= data + size);
    assert(rc != 0 || (whole && raw.len == size));
    if (mst_unpack_find(mst_bytes(data, size), "type", &raw))
        assert(raw.data > data && raw.data + raw.len <= data + size);
    return 0;
}
