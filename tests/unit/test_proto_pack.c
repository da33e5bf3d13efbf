/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, shortest forms, and a cursor that never leaves its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/pack.h"
#include "proto/validate.h"

static void buffer_grows_and_keeps_what_it_was_given(void **state)
{
    (void)state;
    struct mst_buf buf = {0};
    for (uint32_t i = 0; i < 10000; i++)
        mst_buf_put_u64be(&buf, i);
    assert_int_equal(buf.len, 80000);
    assert_int_equal(buf.data[79998], 9999 >> 8);
    assert_int_equal(buf.data[79999], 9999 & 0xff);
    size_t cap = buf.cap;
    mst_buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf.cap, cap);
    mst_buf_done(&buf);
    assert_null(buf.data);
    mst_buf_put(&buf, "x", 1);
    assert_int_equal(buf.len, 1);
    mst_buf_done(&buf);
}

static void buffer_remembers_a_failed_allocation(void **state)
{
    (void)state;
    struct mst_buf buf = {0};
    mst_buf_put(&buf, "ab", 2);
    mst_buf_put(&buf, "", SIZE_MAX - 1); /* refused before a byte of it is read */
    assert_true(buf.failed);
    mst_buf_put(&buf, "c", 1);
    assert_int_equal(buf.len, 2);
    mst_buf_clear(&buf);
    assert_false(buf.failed);
    mst_buf_done(&buf);
}

static void integers_take_their_shortest_form(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        size_t bytes;
    } unsigned_cases[] = {{0, 1},          {127, 1},       {128, 2},   {255, 2},
                          {256, 3},        {65535, 3},     {65536, 5}, {UINT32_MAX, 5},
                          {1ULL << 32, 9}, {UINT64_MAX, 9}};
    struct mst_buf buf = {0};
    for (size_t i = 0; i < sizeof unsigned_cases / sizeof unsigned_cases[0]; i++) {
        mst_buf_clear(&buf);
        mst_pack_uint(&buf, unsigned_cases[i].value);
        assert_int_equal(buf.len, unsigned_cases[i].bytes);
        struct mst_unpack u;
        mst_unpack_init(&u, buf.data, buf.len);
        struct mst_value v;
        assert_true(mst_unpack_next(&u, &v));
        assert_true(unsigned_cases[i].value > INT64_MAX
                        ? v.kind == MST_VALUE_UINT && v.u == unsigned_cases[i].value
                        : v.kind == MST_VALUE_INT && v.i == (int64_t)unsigned_cases[i].value);
    }
    static const struct {
        int64_t value;
        size_t bytes;
    } signed_cases[] = {
        {-1, 1},     {-32, 1},    {-33, 2},       {-128, 2},          {-129, 3},
        {-32768, 3}, {-32769, 5}, {INT32_MIN, 5}, {-2147483649LL, 9}, {INT64_MIN, 9}};
    for (size_t i = 0; i < sizeof signed_cases / sizeof signed_cases[0]; i++) {
        mst_buf_clear(&buf);
        mst_pack_int(&buf, signed_cases[i].value);
        assert_int_equal(buf.len, signed_cases[i].bytes);
        struct mst_unpack u;
        mst_unpack_init(&u, buf.data, buf.len);
        struct mst_value v;
        assert_true(mst_unpack_next(&u, &v));
        assert_int_equal(v.kind, MST_VALUE_INT);
        assert_true(v.i == signed_cases[i].value);
    }
    mst_buf_done(&buf);
}

static void map_of_everything(struct mst_buf *buf)
{
    static char long_text[70000];
    memset(long_text, 'a', sizeof long_text - 1);
    mst_pack_map(buf, 10);
    mst_pack_text(buf, "nil");
    mst_pack_text(buf, NULL);
    mst_pack_text(buf, "yes");
    mst_pack_bool(buf, true);
    mst_pack_text(buf, "no");
    mst_pack_bool(buf, false);
    mst_pack_text(buf, "n");
    mst_pack_int(buf, -40000);
    mst_pack_text(buf, "d");
    mst_pack_double(buf, 0.5);
    mst_pack_text(buf, "text");
    mst_pack_text(buf, "景宁县");
    mst_pack_text(buf, "bin");
    mst_pack_bin(buf, "\0\1\2", 3);
    mst_pack_text(buf, "list");
    mst_pack_array(buf, 2);
    mst_pack_map(buf, 1);
    mst_pack_text(buf, "n");
    mst_pack_uint(buf, 1);
    mst_pack_array(buf, 0);
    mst_pack_text(buf, "long");
    mst_pack_text(buf, long_text);
    mst_pack_text(buf, "last");
    mst_pack_text(buf, "");
}

static void what_was_packed_is_found_again(void **state)
{
    (void)state;
    struct mst_buf buf = {0};
    map_of_everything(&buf);
    assert_int_equal(mst_validate(buf.data, buf.len, NULL), 0);
    struct mst_slice map = mst_bytes(buf.data, buf.len), raw;
    assert_true(mst_slice_is(mst_unpack_text(map, "text"), "景宁县"));
    assert_int_equal(mst_unpack_bin(map, "bin").len, 3);
    assert_int_equal(mst_unpack_int(map, "n", 7), -40000);
    assert_true(mst_unpack_bool(map, "yes", false));
    assert_false(mst_unpack_bool(map, "no", true));
    assert_int_equal(mst_unpack_text(map, "long").len, 69999);
    assert_true(mst_slice_is(mst_unpack_text(map, "last"), ""));
    assert_true(mst_unpack_find(map, "list", &raw));
    assert_memory_equal(raw.data, "\x92\x81\xa1n\x01\x90", 6);
    assert_int_equal(raw.len, 6);
    mst_buf_done(&buf);
}

static void absent_keys_and_other_kinds_give_the_fallback(void **state)
{
    (void)state;
    struct mst_buf buf = {0};
    map_of_everything(&buf);
    struct mst_slice map = mst_bytes(buf.data, buf.len), raw;
    assert_false(mst_unpack_find(map, "tex", &raw));
    assert_null(mst_unpack_text(map, "n").data);
    assert_null(mst_unpack_text(map, "bin").data);
    assert_null(mst_unpack_bin(map, "text").data);
    assert_int_equal(mst_unpack_int(map, "text", 7), 7);
    assert_true(mst_unpack_bool(map, "nil", true));
    assert_false(mst_unpack_find(mst_bytes("\x91\xa1n", 3), "n", &raw));
    assert_false(mst_unpack_find((struct mst_slice){0}, "n", &raw));
    mst_buf_done(&buf);
}

/* The bytes are copied to the end of an exact allocation, so that the sanitizers see a step beyond.
 */
static void cursor_stays_inside_bytes_that_nobody_validated(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (size_t len = 1; len <= 10; len++) {
            uint8_t *bytes = test_malloc(len);
            memset(bytes, 0xff, len);
            bytes[0] = (uint8_t)first;
            struct mst_unpack u;
            mst_unpack_init(&u, bytes, len);
            struct mst_value v;
            struct mst_slice raw;
            (void)mst_unpack_next(&u, &v);
            assert_true(u.at >= bytes && u.at <= bytes + len);
            mst_unpack_init(&u, bytes, len);
            (void)mst_unpack_skip(&u, &raw);
            assert_true(u.at >= bytes && u.at <= bytes + len);
            (void)mst_unpack_find(mst_bytes(bytes, len), "key", &raw);
            test_free(bytes);
        }
    }
}

static void copies_are_cut_between_characters(void **state)
{
    (void)state;
    char dst[6];
    assert_string_equal(mst_slice_copy(mst_text("县县"), dst, sizeof dst), "县");
    assert_string_equal(mst_slice_copy(mst_text("abcde"), dst, sizeof dst), "abcde");
    assert_string_equal(mst_slice_copy(mst_text("abcdef"), dst, sizeof dst), "abcde");
    assert_string_equal(mst_slice_copy((struct mst_slice){0}, dst, sizeof dst), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_grows_and_keeps_what_it_was_given),
        cmocka_unit_test(buffer_remembers_a_failed_allocation),
        cmocka_unit_test(integers_take_their_shortest_form),
        cmocka_unit_test(what_was_packed_is_found_again),
        cmocka_unit_test(absent_keys_and_other_kinds_give_the_fallback),
        cmocka_unit_test(cursor_stays_inside_bytes_that_nobody_validated),
        cmocka_unit_test(copies_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
