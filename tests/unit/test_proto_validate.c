/* SPDX-License-Identifier: Apache-2.0 */
/* The gate refuses what two readers could understand differently, and says where and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "proto/pack.h"
#include "proto/validate.h"

#define ACCEPT(bytes) assert_int_equal(mst_validate(bytes, sizeof(bytes) - 1, NULL), 0)
#define REFUSE(bytes, why) refuse(bytes, sizeof(bytes) - 1, why)

static void refuse(const void *bytes, size_t len, const char *why)
{
    struct mst_err err = {0};
    assert_int_equal(mst_validate(bytes, len, &err), MST_E_PROTOCOL);
    assert_string_equal(err.text, why);
}

static void every_allowed_kind_is_accepted(void **state)
{
    (void)state;
    ACCEPT("\xc0");
    ACCEPT("\xc2");
    ACCEPT("\x7f");
    ACCEPT("\xff");
    ACCEPT("\xcc\x01"); /* not the shortest form, and still good */
    ACCEPT("\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    ACCEPT("\xd3\x80\x00\x00\x00\x00\x00\x00\x00");
    ACCEPT("\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00");
    ACCEPT("\xa3"
           "abc");
    ACCEPT("\xda\x00\x01"
           "a");
    ACCEPT("\xc4\x02\x00\xff");
    ACCEPT("\x80");
    ACCEPT("\x90");
    ACCEPT("\x82\xa1"
           "a\x01\xa1"
           "b\x92\xc0\x80");
}

static void forbidden_kinds_are_refused(void **state)
{
    (void)state;
    REFUSE("\xca\x3f\x00\x00\x00", "byte 0: float32 is not used here");
    REFUSE("\xd4\x01\x00", "byte 0: ext types are not used here");
    REFUSE("\xc7\x01\x01\x00", "byte 0: ext types are not used here");
    REFUSE("\xd6\xff\x00\x00\x00\x00", "byte 0: ext types are not used here");
    REFUSE("\x91\xc1", "byte 1: c1 is not msgpack");
    REFUSE("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "byte 0: the number is not finite");
    REFUSE("\xcb\xff\xf0\x00\x00\x00\x00\x00\x00", "byte 0: the number is not finite");
}

static void truncated_and_trailing_bytes_are_refused(void **state)
{
    (void)state;
    REFUSE("", "byte 0: the message ends too early");
    REFUSE("\x92\x01", "byte 0: it claims more elements than there are bytes");
    REFUSE("\xa3"
           "ab",
           "byte 0: the value is longer than the message");
    REFUSE("\xcd\x01", "byte 0: the value is longer than the message");
    REFUSE("\x92\xa1", "byte 0: it claims more elements than there are bytes");
    REFUSE("\x92\xa1"
           "a",
           "byte 3: the message ends too early");
    REFUSE("\x01\x02", "byte 1: bytes follow the message");
}

static void bombs_cost_nothing(void **state)
{
    (void)state;
    REFUSE("\xdd\xff\xff\xff\xff", "byte 0: it claims more elements than there are bytes");
    REFUSE("\xdf\xff\xff\xff\xff", "byte 0: it claims more elements than there are bytes");
    REFUSE("\xdf\x80\x00\x00\x00", "byte 0: it claims more elements than there are bytes");
    REFUSE("\xc6\xff\xff\xff\xff", "byte 0: the value is longer than the message");
    REFUSE("\xdb\xff\xff\xff\xff", "byte 0: the value is longer than the message");
    static uint8_t nested[65536]; /* an array in an array in an array ... */
    memset(nested, 0x91, sizeof nested);
    refuse(nested, sizeof nested, "byte 16: nested too deeply");
}

static void sixteen_levels_are_the_limit(void **state)
{
    (void)state;
    uint8_t nested[18];
    memset(nested, 0x91, sizeof nested);
    nested[16] = 0xc0;
    assert_int_equal(mst_validate(nested, 17, NULL), 0);
    nested[16] = 0x91;
    nested[17] = 0xc0;
    refuse(nested, 18, "byte 16: nested too deeply");
    nested[16] = 0x80; /* an empty map is a level too */
    refuse(nested, 17, "byte 16: nested too deeply");
}

static void keys_are_distinct_text(void **state)
{
    (void)state;
    REFUSE("\x81\x01\x02", "byte 1: a map's key must be text");
    REFUSE("\x81\xc4\x01"
           "a\x02",
           "byte 1: a map's key must be text");
    REFUSE("\x82\xa1"
           "a\x01\xa1"
           "a\x02",
           "byte 4: a map's key stands twice: \"a\"");
    REFUSE("\x82\xa1"
           "a\x01\xd9\x01"
           "a\x02",
           "byte 4: a map's key stands twice: \"a\""); /* in a longer form */
    REFUSE("\x82\xa0\x01\xa0\x02", "byte 3: a map's key stands twice: \"\"");
    ACCEPT("\x82\xa1"
           "a\x81\xa1"
           "a\x01\xa1"
           "b\x81\xa1"
           "a\x01"); /* the same key in other maps */
    REFUSE("\x83\xa1"
           "a\x81\xa1"
           "z\x01\xa1"
           "b\x81\xa1"
           "z\x01\xa1"
           "a\x01",
           "byte 13: a map's key stands twice: \"a\""); /* inner maps do not hide outer keys */
    REFUSE("\x81\x80\x01", "byte 1: a map's key must be text");
}

static void a_repeated_key_is_found_wherever_it_stands(void **state)
{
    (void)state;
    struct mst_buf buf = {0};
    for (unsigned twin = 0; twin < MST_MAP_PAIRS_MAX - 1; twin++) {
        mst_buf_clear(&buf);
        mst_pack_map(&buf, MST_MAP_PAIRS_MAX);
        for (unsigned i = 0; i < MST_MAP_PAIRS_MAX; i++) {
            char key[16];
            /* A fixed shuffle (7 and 512 have no common divisor); the last key repeats one. */
            unsigned n = i + 1 == MST_MAP_PAIRS_MAX ? twin * 7 % MST_MAP_PAIRS_MAX
                                                    : i * 7 % MST_MAP_PAIRS_MAX;
            snprintf(key, sizeof key, "k%u", n);
            mst_pack_text(&buf, key);
            mst_pack_nil(&buf);
        }
        assert_int_equal(mst_validate(buf.data, buf.len, NULL), MST_E_PROTOCOL);
    }
    mst_buf_done(&buf);
}

/* So many keys, which begin and end alike; the last one is the twin-th once more, or its own. */
static int validate_keys(unsigned count, unsigned twin)
{
    struct mst_buf buf = {0};
    mst_pack_map(&buf, count);
    for (unsigned i = 0; i < count; i++) {
        char key[16];
        snprintf(key, sizeof key, "key %02u long", i + 1 == count ? twin : i * 7 % 50);
        mst_pack_text(&buf, key);
        mst_pack_nil(&buf);
    }
    int rc = mst_validate(buf.data, buf.len, NULL);
    mst_buf_done(&buf);
    return rc;
}

static void keys_that_differ_in_the_middle_are_distinct(void **state)
{
    (void)state;
    for (unsigned count = 1; count <= 50; count++) {
        assert_int_equal(validate_keys(count, 99), 0);
        for (unsigned i = 0; i + 1 < count; i++)
            assert_int_equal(validate_keys(count, i * 7 % 50), MST_E_PROTOCOL);
    }
}

static void a_map_has_a_limit_of_keys(void **state)
{
    (void)state;
    struct mst_buf buf = {0};
    for (unsigned pairs = MST_MAP_PAIRS_MAX; pairs <= MST_MAP_PAIRS_MAX + 1; pairs++) {
        mst_buf_clear(&buf);
        mst_pack_map(&buf, pairs);
        for (unsigned i = 0; i < pairs; i++) {
            char key[16];
            snprintf(key, sizeof key, "k%u", i);
            mst_pack_text(&buf, key);
            mst_pack_nil(&buf);
        }
        assert_int_equal(mst_validate(buf.data, buf.len, NULL),
                         pairs > MST_MAP_PAIRS_MAX ? MST_E_PROTOCOL : 0);
    }
    mst_buf_done(&buf);
}

static void only_shortest_utf8_is_text(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "a", "\x7f", "é", "县", "\xed\x9f\xbf", "\xee\x80\x80", "𠀀", "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(mst_utf8_check(good[i], strlen(good[i])));
    static const char *const bad[] = {
        "\x80",             /* continuation alone */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xe5\x8e", /* cut */
        "a\xf0\x9f\x98",
        "\xc3",
        "\xe5\x41\x80",
        "\xe5\x8e\x41",
        "\xf0\x9f\x41\x80",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(mst_utf8_check(bad[i], strlen(bad[i])));
    assert_false(mst_utf8_check("a\0b", 3));
    REFUSE("\xa2\xc0\x80", "byte 0: text is not UTF-8, or has a NUL in it");
    REFUSE("\xa1\x00", "byte 0: text is not UTF-8, or has a NUL in it");
    REFUSE("\x81\xa1\xff\x01", "byte 1: text is not UTF-8, or has a NUL in it");
}

/* Neighbours and length decide over how many bytes are looked at together. */
static void a_bad_byte_is_found_wherever_it_stands(void **state)
{
    (void)state;
    char run[100];
    for (size_t len = 1; len <= sizeof run; len++) {
        for (size_t at = 0; at < len; at++) {
            memset(run, 'a', len);
            assert_true(mst_utf8_check(run, len));
            run[at] = '\0';
            assert_false(mst_utf8_check(run, len));
            run[at] = '\x80';
            assert_false(mst_utf8_check(run, len));
            run[at] = '\x7f';
            assert_true(mst_utf8_check(run, len));
        }
    }
}

static void a_character_is_whole_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const characters[] = {"é", "县", "𠀀"};
    char run[100];
    for (size_t i = 0; i < 3; i++) {
        size_t bytes = strlen(characters[i]), whole = sizeof run / bytes * bytes;
        for (size_t front = 0; front < bytes; front++) { /* ASCII before them */
            memset(run, 'a', front);
            for (size_t at = front; at + bytes <= whole; at += bytes)
                memcpy(run + at, characters[i], bytes);
            for (size_t len = front; len + bytes <= whole; len++)
                assert_int_equal(mst_utf8_check(run, len), (len - front) % bytes == 0);
        }
    }
}

static void pairs_are_what_the_cursor_reads(void **state)
{
    (void)state;
    static const char map[] = "\x86\xa1"
                              "a\x01\xa0\xc4\x02zz\xa1"
                              "b\x81\xa1"
                              "a\x92\xc0\x80\xa1"
                              "c\x90\xab"
                              "a long name\xa3"
                              "abc\xa1"
                              "d\x93\x01\x02\xc3";
    struct mst_pairs pairs;
    struct mst_unpack u;
    struct mst_value v;
    assert_int_equal(mst_validate_pairs(map, sizeof map - 1, &pairs, NULL), 0);
    assert_true(pairs.is_map);
    mst_unpack_init(&u, map, sizeof map - 1);
    assert_true(mst_unpack_next(&u, &v));
    assert_int_equal(pairs.count, v.count);
    for (size_t i = 0; i < pairs.count; i++) {
        const struct mst_pair *pair = &pairs.items[i];
        struct mst_slice raw;
        assert_true(mst_unpack_next(&u, &v));
        assert_ptr_equal(pair->key.data, v.s.data);
        assert_int_equal(pair->key.len, v.s.len);
        struct mst_unpack head = u;
        assert_true(mst_unpack_next(&head, &v) && mst_unpack_skip(&u, &raw));
        assert_int_equal(pair->head.kind, v.kind);
        assert_ptr_equal(pair->raw.data, raw.data);
        assert_int_equal(pair->raw.len, raw.len);
    }
    assert_int_equal(mst_validate_pairs("\x91\x81\xa1z\x01", 5, &pairs, NULL), 0);
    assert_false(pairs.is_map);
    assert_int_equal(pairs.count, 0);
    assert_int_equal(mst_validate_pairs("\x80", 1, &pairs, NULL), 0);
    assert_true(pairs.is_map);
    assert_int_equal(pairs.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allowed_kind_is_accepted),
        cmocka_unit_test(forbidden_kinds_are_refused),
        cmocka_unit_test(truncated_and_trailing_bytes_are_refused),
        cmocka_unit_test(bombs_cost_nothing),
        cmocka_unit_test(sixteen_levels_are_the_limit),
        cmocka_unit_test(keys_are_distinct_text),
        cmocka_unit_test(a_repeated_key_is_found_wherever_it_stands),
        cmocka_unit_test(keys_that_differ_in_the_middle_are_distinct),
        cmocka_unit_test(a_map_has_a_limit_of_keys),
        cmocka_unit_test(only_shortest_utf8_is_text),
        cmocka_unit_test(a_bad_byte_is_found_wherever_it_stands),
        cmocka_unit_test(a_character_is_whole_wherever_it_stands),
        cmocka_unit_test(pairs_are_what_the_cursor_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
