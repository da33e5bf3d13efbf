/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The administrators' protocol: every request is answered, whatever its verb and its arguments
 * hold. An input that begins like msgpack is a frame; any other is a verb and lines of NAME=VALUE,
 * which become the frame of a request.
 */
#include "tests/fuzz/house.h"

#include "proto/pack.h"

#define ARGS_MAX 32

static struct fuzz_house house;

static void pack_line(struct mst_buf *args, const uint8_t *line, size_t len)
{
    const uint8_t *equals = len ? memchr(line, '=', len) : NULL;
    size_t name = equals ? (size_t)(equals - line) : len;
    mst_pack_text_slice(args, mst_bytes(line, name));
    mst_pack_text_slice(args, equals ? mst_bytes(equals + 1, len - name - 1) : mst_text("yes"));
}

static bool write_request(const uint8_t *text, size_t size, struct mst_buf *frame)
{
    struct mst_buf args = {0}, lines = {0};
    struct mst_msg msg = {.type = MST_MSG_request};
    size_t count = 0;
    const uint8_t *end = text + size, *stop = size ? memchr(text, '\n', size) : NULL;
    msg.u.request.id = 1;
    msg.u.request.verb = mst_bytes(text, (size_t)((stop ? stop : end) - text));
    for (const uint8_t *line = stop ? stop + 1 : end; line < end && count < ARGS_MAX; count++) {
        stop = memchr(line, '\n', (size_t)(end - line));
        pack_line(&lines, line, (size_t)((stop ? stop : end) - line));
        line = stop ? stop + 1 : end;
    }
    mst_pack_map(&args, count);
    mst_buf_put(&args, lines.data, lines.len);
    msg.u.request.args = mst_bytes(args.data, args.len);
    bool written = mst_msg_encode(&msg, frame, NULL) == 0;
    mst_buf_done(&args);
    mst_buf_done(&lines);
    return written;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mst_session *s = house_session(&house, MST_DOOR_ADMIN);
    struct mst_buf frame = {0};
    s->roles = size % 3 == 0 ? MST_ROLE_OFFICE : MST_ROLE_ADMIN | MST_ROLE_OFFICE;
    if (size > 0 && data[0] >= 0x80)
        mst_buf_put(&frame, data, size);
    else if (!write_request(data, size, &frame))
        mst_buf_clear(&frame);
    house_hear(&house, s, frame.data, frame.len);
    mst_buf_done(&frame);
    return 0;
}
