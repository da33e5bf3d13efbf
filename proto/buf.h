/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer. Writes never fail in place: a failed allocation is remembered in `failed`.
 */
#ifndef MST_PROTO_BUF_H
#define MST_PROTO_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mst_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool failed; /* out of memory once: contents are incomplete */
};

void mst_buf_done(struct mst_buf *buf);  /* frees; leaves an empty, usable buffer */
void mst_buf_clear(struct mst_buf *buf); /* keeps the memory */
void mst_buf_put(struct mst_buf *buf, const void *data, size_t len);
/* Room for `len` bytes more, which the caller fills at once; NULL when there is no memory. */
uint8_t *mst_buf_add(struct mst_buf *buf, size_t len);
void mst_buf_put_u64be(struct mst_buf *buf, uint64_t value);

#endif
