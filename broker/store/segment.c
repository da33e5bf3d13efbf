/* SPDX-License-Identifier: Apache-2.0 */
/* A run's reports as bytes. Copies reports once, when they are packed, and never after. */
#include "broker/store/segment.h"

#include <string.h>

#define LENGTH_BYTES 4

static uint64_t take_number(const uint8_t **at, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | *(*at)++;
    return number;
}

void mst_segment_pack_reports(struct mst_slices reports, struct mst_buf *out)
{
    const size_t length_bytes = reports.count > 1 ? LENGTH_BYTES : 0;
    for (size_t i = 0; i < reports.count; i++) {
        size_t len = reports.items[i].len;
        uint8_t *at = mst_buf_add(out, length_bytes + len);
        if (!at)
            return;
        for (size_t k = length_bytes; k > 0; k--)
            *at++ = (uint8_t)(len >> (8 * (k - 1)));
        memcpy(at, reports.items[i].data, len);
    }
}

void mst_segment_pack_place(const struct mst_bulk_place *place, struct mst_buf *out)
{
    mst_buf_put_u64be(out, place->file);
    mst_buf_put_u64be(out, place->offset);
    mst_buf_put_u64be(out, place->bytes);
}

bool mst_segment_unpack_place(struct mst_slice bytes, struct mst_bulk_place *ret_place)
{
    const uint8_t *at = bytes.data;
    *ret_place = (struct mst_bulk_place){0};
    if (bytes.len != MST_SEGMENT_PLACE_BYTES)
        return bytes.len == 0;
    ret_place->file = take_number(&at, sizeof ret_place->file);
    ret_place->offset = take_number(&at, sizeof ret_place->offset);
    ret_place->bytes = take_number(&at, sizeof ret_place->bytes);
    return ret_place->file > 0;
}

bool mst_segment_next(struct mst_slice *rest, uint64_t count, struct mst_slice *ret_report)
{
    const uint8_t *at = rest->data;
    size_t len = rest->len;
    if (count > 1) {
        if (rest->len < LENGTH_BYTES)
            return false;
        len = take_number(&at, LENGTH_BYTES);
        if (len > rest->len - LENGTH_BYTES)
            return false;
    }
    *ret_report = (struct mst_slice){at, len};
    *rest = (struct mst_slice){at + len, rest->len - len - (size_t)(at - rest->data)};
    return true;
}
