/* SPDX-License-Identifier: Apache-2.0 */
/* A run and its reports as bytes. Copies reports once, when they are packed, and never after. */
#include "broker/store/segment.h"

#include <string.h>

#define LENGTH_BYTES 4

#define RUN_BYTES                                                                                  \
    (3 * sizeof(uint64_t) + 2 * MST_HASH_BYTES + MST_SIGN_BYTES + MST_SIGN_PUBLIC_BYTES)
#define PLACE_BYTES (3 * sizeof(uint64_t))

void mst_segment_pack_run(const struct mst_run *run, const struct mst_bulk_place *place,
                          struct mst_buf *out)
{
    mst_buf_put_u64be(out, run->outbox);
    mst_buf_put_u64be(out, run->first);
    mst_buf_put_u64be(out, run->last);
    mst_buf_put(out, run->prev, sizeof run->prev);
    mst_buf_put(out, run->head, sizeof run->head);
    mst_buf_put(out, run->sig, sizeof run->sig);
    mst_buf_put(out, run->sign_key, sizeof run->sign_key);
    if (place->file == 0)
        return;
    mst_buf_put_u64be(out, place->file);
    mst_buf_put_u64be(out, place->offset);
    mst_buf_put_u64be(out, place->bytes);
}

static uint64_t take_number(const uint8_t **at, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | *(*at)++;
    return number;
}

static void take_bytes(const uint8_t **at, void *dst, size_t size)
{
    memcpy(dst, *at, size);
    *at += size;
}

bool mst_segment_unpack_run(struct mst_slice bytes, struct mst_run *ret_run,
                            struct mst_bulk_place *ret_place)
{
    const uint8_t *at = bytes.data;
    *ret_place = (struct mst_bulk_place){0};
    if (bytes.len != RUN_BYTES && bytes.len != RUN_BYTES + PLACE_BYTES)
        return false;
    ret_run->outbox = take_number(&at, sizeof ret_run->outbox);
    ret_run->first = take_number(&at, sizeof ret_run->first);
    ret_run->last = take_number(&at, sizeof ret_run->last);
    take_bytes(&at, ret_run->prev, sizeof ret_run->prev);
    take_bytes(&at, ret_run->head, sizeof ret_run->head);
    take_bytes(&at, ret_run->sig, sizeof ret_run->sig);
    take_bytes(&at, ret_run->sign_key, sizeof ret_run->sign_key);
    if (bytes.len > RUN_BYTES) {
        ret_place->file = take_number(&at, sizeof ret_place->file);
        ret_place->offset = take_number(&at, sizeof ret_place->offset);
        ret_place->bytes = take_number(&at, sizeof ret_place->bytes);
    }
    return ret_run->first > 0 && ret_run->first <= ret_run->last;
}

void mst_segment_pack_reports(struct mst_slices reports, struct mst_buf *out)
{
    for (size_t i = 0; i < reports.count; i++) {
        size_t len = reports.items[i].len;
        const uint8_t length[LENGTH_BYTES] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16),
                                              (uint8_t)(len >> 8), (uint8_t)len};
        mst_buf_put(out, length, sizeof length);
        mst_buf_put(out, reports.items[i].data, len);
    }
}

bool mst_segment_next(struct mst_slice *rest, struct mst_slice *ret_report)
{
    const uint8_t *at = rest->data;
    if (rest->len < LENGTH_BYTES)
        return false;
    size_t len = take_number(&at, LENGTH_BYTES);
    if (len > rest->len - LENGTH_BYTES)
        return false;
    *ret_report = (struct mst_slice){at, len};
    *rest = (struct mst_slice){at + len, rest->len - LENGTH_BYTES - len};
    return true;
}
