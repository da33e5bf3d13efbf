/* SPDX-License-Identifier: Apache-2.0 */
/* The codec takes what the table allows, in any order, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/msg.h"
#include "proto/pack.h"

static struct mst_msg_scratch scratch;

static struct mst_msg sample_hello(void)
{
    static const struct mst_slice words[] = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"bc", 2}};
    return (struct mst_msg){
        .type = MST_MSG_hello,
        .u.hello = {.version = 1,
                    .programme = mst_text("p1"),
                    .kind = mst_text("agent"),
                    .name = mst_text("main"),
                    .outbox = mst_bytes("0123456789abcdef", 16),
                    .capabilities = {words, 2}},
    };
}

static void fields_come_back_as_they_went_in(void **state)
{
    (void)state;
    struct mst_msg hello = sample_hello(), back;
    struct mst_buf frame = {0};
    assert_int_equal(mst_msg_encode(&hello, &frame, NULL), 0);
    assert_int_equal(mst_msg_decode(frame.data, frame.len, MST_UP, &scratch, &back, NULL), 0);
    assert_int_equal(back.type, MST_MSG_hello);
    assert_int_equal(back.u.hello.version, 1);
    assert_true(mst_slice_is(back.u.hello.programme, "p1"));
    assert_int_equal(back.u.hello.outbox.len, 16);
    assert_int_equal(back.u.hello.capabilities.count, 2);
    assert_true(mst_slice_is(back.u.hello.capabilities.items[1], "bc"));
    assert_null(back.u.hello.software.data);
    assert_true(back.u.hello.has >> MST_F_hello_outbox & 1);
    assert_false(back.u.hello.has >> MST_F_hello_software & 1);
    mst_buf_done(&frame);
}

/* A frame written by hand: pairs of key and raw value bytes. */
static void put_pair(struct mst_buf *b, const char *key, const char *text)
{
    mst_pack_text(b, key);
    mst_pack_text(b, text);
}

static void type_may_stand_anywhere(void **state)
{
    (void)state;
    struct mst_buf b = {0};
    mst_pack_map(&b, 4);
    put_pair(&b, "text", "t");
    put_pair(&b, "hint", "");
    put_pair(&b, "type", "error");
    put_pair(&b, "code", "locked");
    struct mst_msg msg;
    assert_int_equal(mst_msg_decode(b.data, b.len, MST_DOWN, NULL, &msg, NULL), 0);
    assert_int_equal(msg.type, MST_MSG_error);
    assert_true(mst_slice_is(msg.u.error.code, "locked"));
    assert_true(mst_slice_is(msg.u.error.hint, ""));
    assert_null(msg.u.error.subject.data);
    mst_buf_done(&b);
}

static void refused(struct mst_buf *b, enum mst_direction direction, const char *why)
{
    struct mst_err err = {0};
    struct mst_msg msg = {.type = MST_MSG_bye};
    assert_int_equal(mst_msg_decode(b->data, b->len, direction, &scratch, &msg, &err),
                     MST_E_PROTOCOL);
    assert_string_equal(err.text, why);
    assert_int_equal(msg.type, MST_MSG_bye);
    mst_buf_clear(b);
}

static void refusals_name_the_field(void **state)
{
    (void)state;
    struct mst_buf b = {0};
    mst_pack_map(&b, 1);
    put_pair(&b, "type", "error");
    refused(&b, MST_DOWN, "error: \"code\" is missing");

    mst_pack_map(&b, 3);
    put_pair(&b, "type", "error");
    put_pair(&b, "code", "x");
    put_pair(&b, "co\nlour", "red");
    refused(&b, MST_DOWN, "error: \"co?lour\" is not known");

    mst_pack_map(&b, 3);
    put_pair(&b, "type", "error");
    put_pair(&b, "code", "x");
    put_pair(&b, "code", "x");
    refused(&b, MST_DOWN, "byte 19: a map's key stands twice: \"code\"");

    mst_pack_map(&b, 2);
    put_pair(&b, "type", "error");
    put_pair(&b, "code", "");
    refused(&b, MST_DOWN, "error: \"code\" is out of range (1 to 32)");

    mst_pack_map(&b, 2);
    put_pair(&b, "type", "error");
    mst_pack_text(&b, "code");
    mst_pack_uint(&b, 1);
    refused(&b, MST_DOWN, "error: \"code\" is of the wrong kind");

    mst_pack_map(&b, 2);
    put_pair(&b, "type", "error");
    mst_pack_text(&b, "code");
    mst_pack_nil(&b);
    refused(&b, MST_DOWN, "error: \"code\" is of the wrong kind");
    mst_buf_done(&b);
}

static void messages_of_the_other_direction_are_refused(void **state)
{
    (void)state;
    struct mst_buf b = {0};
    mst_pack_map(&b, 2);
    put_pair(&b, "type", "error");
    put_pair(&b, "code", "x");
    refused(&b, MST_UP, "type: \"error\" is not a message to the broker");
    mst_pack_map(&b, 1);
    put_pair(&b, "type", "bye");
    refused(&b, MST_DOWN, "type: \"bye\" is not a message from the broker");
    mst_pack_map(&b, 1);
    put_pair(&b, "type", "report"); /* a part is not a message */
    refused(&b, MST_UP, "type: \"report\" is not a message to the broker");
    mst_pack_map(&b, 1);
    mst_pack_text(&b, "type");
    mst_pack_uint(&b, 1);
    refused(&b, MST_UP, "not a map with a \"type\" that is text");
    mst_pack_array(&b, 0);
    refused(&b, MST_UP, "not a map with a \"type\" that is text");
    mst_buf_done(&b);
}

static void numbers_have_their_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int rc;
    } cases[] = {
        {"\x00", 1, 0},
        {"\xcc\x05", 2, 0},                                          /* longer than needed */
        {"\xd3\x00\x00\x00\x00\x00\x00\x00\x05", 9, 0},              /* signed, but not negative */
        {"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, 0},              /* MAX */
        {"\xcf\x80\x00\x00\x00\x00\x00\x00\x00", 9, MST_E_PROTOCOL}, /* MAX + 1 */
        {"\xff", 1, MST_E_PROTOCOL},                                 /* -1 */
        {"\xcb\x40\x00\x00\x00\x00\x00\x00\x00", 9, MST_E_PROTOCOL}, /* 2.0 */
        {"\xc3", 1, MST_E_PROTOCOL},
    };
    struct mst_buf b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mst_buf_clear(&b);
        mst_pack_map(&b, 2);
        put_pair(&b, "type", "time");
        mst_pack_text(&b, "now");
        mst_buf_put(&b, cases[i].bytes, cases[i].len);
        struct mst_msg msg;
        assert_int_equal(mst_msg_decode(b.data, b.len, MST_DOWN, NULL, &msg, NULL), cases[i].rc);
    }
    mst_buf_done(&b);
}

static void a_struct_out_of_range_is_not_sent(void **state)
{
    (void)state;
    struct mst_buf out = {0};
    mst_buf_put(&out, "before", 6);
    struct mst_err err;
    struct mst_msg msg = sample_hello();
    msg.u.hello.version = 65536;
    assert_int_equal(mst_msg_encode(&msg, &out, &err), MST_E_INVALID);
    assert_string_equal(err.text, "hello: \"version\" is out of range (1 to 65535)");
    msg = sample_hello();
    msg.u.hello.name = mst_text(NULL);
    assert_int_equal(mst_msg_encode(&msg, &out, &err), MST_E_INVALID);
    assert_string_equal(err.text, "hello: \"name\" is missing");
    msg = sample_hello();
    msg.u.hello.name = mst_text("a\xff");
    assert_int_equal(mst_msg_encode(&msg, &out, &err), MST_E_INVALID);
    assert_string_equal(err.text, "hello: \"name\" cannot be sent");
    msg = (struct mst_msg){.type = MST_MSG_request,
                           .u.request = {.verb = mst_text("status"), .args = mst_text("\x90")}};
    assert_int_equal(mst_msg_encode(&msg, &out, &err), MST_E_INVALID);
    assert_string_equal(err.text, "request: \"args\" cannot be sent");
    assert_int_equal(out.len, 6);
    mst_buf_done(&out);
}

static void maps_are_handed_on_as_bytes(void **state)
{
    (void)state;
    static const uint8_t args[] = "\x81\xcc\x00"; /* no text key: refused with the frame */
    static const uint8_t good[] = {0x81, 0xd9, 0x01, 'a', 0x92, 0x80, 0xc0};
    struct mst_buf b = {0};
    for (int round = 0; round < 2; round++) {
        mst_buf_clear(&b);
        mst_pack_map(&b, 4);
        put_pair(&b, "type", "request");
        mst_pack_text(&b, "id");
        mst_pack_uint(&b, 9);
        mst_pack_text(&b, "args");
        mst_buf_put(&b, round ? good : args, round ? sizeof good : 3);
        put_pair(&b, "verb", "status");
        struct mst_msg msg;
        int rc = mst_msg_decode(b.data, b.len, MST_UP, NULL, &msg, NULL);
        assert_int_equal(rc, round ? 0 : MST_E_PROTOCOL);
        if (round) {
            assert_int_equal(msg.u.request.args.len, sizeof good);
            assert_memory_equal(msg.u.request.args.data, good, sizeof good);
        }
    }
    mst_buf_done(&b);
}

static void a_report_has_no_type(void **state)
{
    (void)state;
    struct mst_msg report = {.type = MST_MSG_report,
                             .u.report = {.act = mst_text("submit"),
                                          .unit = mst_text("u1"),
                                          .at = 5,
                                          .body = mst_bytes("\x80", 1)}};
    struct mst_buf part = {0}, frame = {0};
    assert_int_equal(mst_msg_encode(&report, &part, NULL), 0);
    assert_int_equal(part.data[0], 0x84);
    struct mst_slice reports[3];
    for (int i = 0; i < 3; i++)
        reports[i] = mst_bytes(part.data, part.len);
    static const uint8_t zeros[64];
    struct mst_msg push = {.type = MST_MSG_push,
                           .u.push = {.outbox = mst_bytes(zeros, 16),
                                      .first = 7,
                                      .prev = mst_bytes(zeros, 32),
                                      .reports = {reports, 3},
                                      .alg = mst_text(MST_ALG_ED25519_BLAKE2B),
                                      .sig = mst_bytes(zeros, 64)}};
    assert_int_equal(mst_msg_encode(&push, &frame, NULL), 0);
    struct mst_msg msg;
    struct mst_msg_report inner;
    scratch.used = SIZE_MAX; /* a frame begins at the start, whatever stands here */
    assert_int_equal(mst_msg_decode(frame.data, frame.len, MST_UP, &scratch, &msg, NULL), 0);
    assert_int_equal(scratch.used, 3);
    assert_int_equal(msg.u.push.reports.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mst_msg_decode_report(msg.u.push.reports.items[i], &inner, NULL), 0);
        assert_true(mst_slice_is(inner.unit, "u1"));
    }
    struct mst_err err;
    mst_buf_clear(&part);
    mst_pack_map(&part, 1);
    put_pair(&part, "type", "report");
    assert_int_equal(mst_msg_decode_report(mst_bytes(part.data, part.len), &inner, &err),
                     MST_E_PROTOCOL);
    assert_string_equal(err.text, "report: \"type\" is not known");
    mst_buf_done(&part);
    mst_buf_done(&frame);
}

static void arrays_need_room(void **state)
{
    (void)state;
    struct mst_msg hello = sample_hello(), back;
    struct mst_buf frame = {0};
    assert_int_equal(mst_msg_encode(&hello, &frame, NULL), 0);
    struct mst_err err;
    assert_int_equal(mst_msg_decode(frame.data, frame.len, MST_UP, NULL, &back, &err),
                     MST_E_PROTOCOL);
    assert_string_equal(err.text, "hello: \"capabilities\" has too many elements");
    mst_buf_done(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_back_as_they_went_in),
        cmocka_unit_test(type_may_stand_anywhere),
        cmocka_unit_test(refusals_name_the_field),
        cmocka_unit_test(messages_of_the_other_direction_are_refused),
        cmocka_unit_test(numbers_have_their_ranges),
        cmocka_unit_test(a_struct_out_of_range_is_not_sent),
        cmocka_unit_test(maps_are_handed_on_as_bytes),
        cmocka_unit_test(a_report_has_no_type),
        cmocka_unit_test(arrays_need_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
