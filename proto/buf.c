/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer. Asks the allocator and nothing else; never cuts what it was given. */
#include "proto/buf.h"

#include <stdlib.h>
#include <string.h>

#define BUF_BYTES_MIN 256

void mst_buf_done(struct mst_buf *buf)
{
    free(buf->data);
    *buf = (struct mst_buf){0};
}

void mst_buf_clear(struct mst_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

static bool reserve(struct mst_buf *buf, size_t more)
{
    if (more <= buf->cap - buf->len)
        return true;
    if (more > SIZE_MAX / 2 - buf->len)
        return false;
    size_t cap = buf->cap ? buf->cap : BUF_BYTES_MIN;
    while (cap < buf->len + more)
        cap *= 2;
    uint8_t *data = realloc(buf->data, cap);
    if (!data)
        return false;
    buf->data = data;
    buf->cap = cap;
    return true;
}

uint8_t *mst_buf_add(struct mst_buf *buf, size_t len)
{
    /* After one failure nothing more goes in: a hole in the middle would look like contents. */
    if (buf->failed || !reserve(buf, len)) {
        buf->failed = true;
        return NULL;
    }
    buf->len += len;
    return buf->data + buf->len - len;
}

void mst_buf_put(struct mst_buf *buf, const void *data, size_t len)
{
    uint8_t *at = len ? mst_buf_add(buf, len) : NULL;
    if (at)
        memcpy(at, data, len);
}

void mst_buf_put_u64be(struct mst_buf *buf, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 7; i >= 0; i--) {
        bytes[i] = (uint8_t)value;
        value >>= 8;
    }
    mst_buf_put(buf, bytes, sizeof bytes);
}
