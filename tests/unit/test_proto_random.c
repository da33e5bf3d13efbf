/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of the codec over random structs of every message, made from the table and a seed that
 * each failure names. Frames under test end where their allocation ends, so that the sanitizers see
 * a read beyond.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pack.h"
#include "tests/unit/proto_table.h"

#define ROUNDS 200
#define ROUNDS_BYTEWISE 3 /* for what costs a decode per byte */
#define ARENA_BYTES (1 << 21)

static struct mst_msg_scratch scratch;
static uint8_t arena[ARENA_BYTES];
static size_t arena_used;
static uint64_t seed_of_round, random_state;

static uint64_t random_next(void)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t z = random_state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t random_between(uint64_t min, uint64_t max)
{
    return max - min == UINT64_MAX ? random_next() : min + random_next() % (max - min + 1);
}

static void seed_round(unsigned type, unsigned round)
{
    seed_of_round = random_state = (uint64_t)type << 32 | round;
    arena_used = 0;
}

#define CHECK(truth, what)                                                                         \
    do {                                                                                           \
        if (!(truth)) {                                                                            \
            fail_msg("seed %llx: %s", (unsigned long long)seed_of_round, what);                    \
            abort(); /* never reached; analysers do not know that a failed test jumps away */      \
        }                                                                                          \
    } while (0)

static uint8_t *arena_take(size_t len)
{
    len = (len + 15) & ~(size_t)15;
    CHECK(len <= ARENA_BYTES - arena_used, "the arena is too small");
    arena_used += len;
    return arena + arena_used - len;
}

/* Lengths: the ends of the range, the msgpack forms' ends, and small ones, more often than others.
 */
static size_t random_len(uint64_t min, uint64_t max)
{
    static const uint64_t edges[] = {0, 1, 15, 16, 31, 32, 255, 256};
    if (max > 2048)
        max = min > 2048 ? min : 2048;
    uint64_t n = random_between(0, 9);
    uint64_t len = n == 0   ? min
                   : n == 1 ? max
                   : n < 5  ? edges[random_between(0, 7)]
                            : random_between(min, max < min + 40 ? max : min + 40);
    return (size_t)(len < min ? min : len > max ? max : len);
}

static struct mst_slice random_bin(size_t len)
{
    uint8_t *bytes = arena_take(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)random_next();
    return mst_bytes(bytes, len);
}

static struct mst_slice random_text(size_t len)
{
    static const char *const characters[] = {"a", "\x7f", "é", "县", "\xef\xbf\xbf", "𠀀"};
    uint8_t *bytes = arena_take(len);
    for (size_t at = 0; at < len;) {
        struct mst_slice c = mst_text(characters[random_between(0, 5)]);
        if (c.len > len - at)
            c = mst_text("z");
        memcpy(bytes + at, c.data, c.len);
        at += c.len;
    }
    return mst_bytes(bytes, len);
}

static void random_value(struct mst_buf *buf, int depth);

static void random_pairs(struct mst_buf *buf, int depth)
{
    size_t pairs = random_between(0, 3);
    mst_pack_map(buf, pairs);
    for (size_t i = 0; i < pairs; i++) {
        char key[] = {'k', (char)('0' + i), '\0'}; /* distinct */
        mst_pack_text(buf, key);
        random_value(buf, depth + 1);
    }
}

static void random_value(struct mst_buf *buf, int depth)
{
    switch (random_between(0, depth < 5 ? 8 : 6)) {
    case 0:
        mst_pack_nil(buf);
        break;
    case 1:
        mst_pack_bool(buf, random_next() & 1);
        break;
    case 2:
        mst_pack_int(buf, (int64_t)(random_next() >> random_between(0, 63)));
        break;
    case 3:
        mst_pack_int(buf, -(int64_t)(random_next() >> random_between(1, 63)));
        break;
    case 4:
        mst_pack_double(buf, (double)random_between(0, 1000) / 8);
        break;
    case 5:
        mst_pack_text_slice(buf, random_text(random_len(0, 40)));
        break;
    case 6: {
        struct mst_slice bytes = random_bin(random_len(0, 40));
        mst_pack_bin(buf, bytes.data, bytes.len);
        break;
    }
    case 7:
        mst_pack_array(buf, 2);
        random_value(buf, depth + 1);
        random_value(buf, depth + 1);
        break;
    default:
        random_pairs(buf, depth);
    }
}

static struct mst_slice random_map(void)
{
    struct mst_buf buf = {0};
    random_pairs(&buf, 0);
    uint8_t *bytes = arena_take(buf.len);
    memcpy(bytes, buf.data, buf.len);
    struct mst_slice map = mst_bytes(bytes, buf.len);
    mst_buf_done(&buf);
    return map;
}

static struct mst_slice random_slice(enum table_kind kind, uint64_t min, uint64_t max)
{
    if (kind == T_TEXT || kind == T_TEXTS)
        return random_text(random_len(min, max));
    if (kind == T_BIN || kind == T_BINS)
        return random_bin(random_len(min, max));
    return random_map();
}

static void random_field(struct mst_msg *msg, const struct table_field *f)
{
    void *at = table_at(msg, f);
    if (f->kind == T_UINT) {
        uint64_t n = random_next() >> random_between(0, 63);
        *(uint64_t *)at = n < f->min ? f->min : n > f->max ? f->max : n;
    } else if (f->kind == T_BOOL) {
        *(bool *)at = random_next() & 1;
    } else if (f->kind < T_TEXTS) {
        *(struct mst_slice *)at = random_slice(f->kind, f->min, f->max);
    } else {
        uint64_t few = f->min + random_between(0, 20);
        size_t count = (size_t)(few < f->max ? few : f->max);
        struct mst_slice *items = (void *)arena_take(count * sizeof *items);
        for (size_t i = 0; i < count; i++)
            items[i] = random_slice(f->kind, 0, 60);
        *(struct mst_slices *)at = (struct mst_slices){items, count};
    }
}

static struct mst_msg random_message(enum mst_msg_type type)
{
    struct mst_msg msg = {.type = type};
    for (size_t i = 0; i < TABLE_FIELDS; i++) {
        const struct table_field *f = &table_fields[i];
        if (f->message != type || (!f->required && random_next() % 2))
            continue;
        random_field(&msg, f);
        *table_has(&msg) |= UINT64_C(1) << f->bit;
    }
    return msg;
}

static void for_each(unsigned rounds, void (*property)(struct mst_msg *, struct mst_buf *))
{
    struct mst_buf frame = {0};
    for (unsigned type = 0; type < MST_MSG_TYPES; type++) {
        for (unsigned round = 0; round < rounds; round++) {
            seed_round(type, round);
            struct mst_msg msg = random_message((enum mst_msg_type)type);
            mst_buf_clear(&frame);
            CHECK(mst_msg_encode(&msg, &frame, NULL) == 0, "a valid struct was not encoded");
            property(&msg, &frame);
        }
    }
    mst_buf_done(&frame);
}

static int decode_exact(const struct mst_msg *like, const uint8_t *data, size_t len,
                        uint8_t **ret_copy, struct mst_msg *ret)
{
    *ret_copy = malloc(len ? len : 1);
    CHECK(*ret_copy, "out of memory");
    if (len)
        memcpy(*ret_copy, data, len);
    return table_decode(like, *ret_copy, len, &scratch, ret);
}

static void comes_back(struct mst_msg *msg, struct mst_buf *frame)
{
    struct mst_msg back;
    uint8_t *copy;
    CHECK(decode_exact(msg, frame->data, frame->len, &copy, &back) == 0, "its frame was refused");
    const char *difference = table_difference(msg, &back);
    CHECK(!difference, difference);
    struct mst_buf again = {0};
    CHECK(mst_msg_encode(&back, &again, NULL) == 0, "what was decoded was not encoded");
    CHECK(again.len == frame->len && memcmp(again.data, frame->data, frame->len) == 0,
          "equal structs gave other bytes");
    mst_buf_done(&again);
    free(copy);
}

static void every_message_comes_back_as_it_went(void **state)
{
    (void)state;
    for_each(ROUNDS, comes_back);
}

/* The same pairs, shuffled. */
static void shuffle(const struct mst_buf *frame, struct mst_buf *out)
{
    struct mst_slice pairs[65]; /* `has` holds 64 fields; and the type */
    struct mst_unpack u;
    struct mst_value head;
    mst_unpack_init(&u, frame->data, frame->len);
    CHECK(mst_unpack_next(&u, &head), "no map");
    for (size_t i = 0; i < head.count; i++) {
        struct mst_slice key, value;
        CHECK(mst_unpack_skip(&u, &key) && mst_unpack_skip(&u, &value), "no pair");
        pairs[i] = mst_bytes(key.data, key.len + value.len);
    }
    mst_pack_map(out, head.count);
    for (size_t left = head.count; left > 0; left--) {
        size_t i = random_between(0, left - 1);
        mst_buf_put(out, pairs[i].data, pairs[i].len);
        pairs[i] = pairs[left - 1];
    }
}

static void order_is_free(struct mst_msg *msg, struct mst_buf *frame)
{
    struct mst_buf mixed = {0};
    shuffle(frame, &mixed);
    struct mst_msg back;
    uint8_t *copy;
    CHECK(decode_exact(msg, mixed.data, mixed.len, &copy, &back) == 0, "another order was refused");
    const char *difference = table_difference(msg, &back);
    CHECK(!difference, difference);
    mst_buf_done(&mixed);
    free(copy);
}

static void fields_may_stand_in_any_order(void **state)
{
    (void)state;
    for_each(ROUNDS, order_is_free);
}

static void no_prefix_passes(struct mst_msg *msg, struct mst_buf *frame)
{
    struct mst_msg back;
    for (size_t len = 0; len < frame->len; len++) {
        uint8_t *copy;
        CHECK(decode_exact(msg, frame->data, len, &copy, &back) == MST_E_PROTOCOL,
              "a cut frame was accepted");
        free(copy);
    }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for_each(ROUNDS_BYTEWISE, no_prefix_passes);
}

/*
 * A changed frame may be refused. If it is accepted, what it says encodes to a frame that is no
 * longer and decodes to the same again. One that is as long is the same: no single bit turns a
 * shortest form into another form of the same length (a whole byte may: d1 for cd).
 */
static void check_changed(struct mst_msg *like, const uint8_t *data, size_t len, bool one_bit)
{
    struct mst_msg one, two;
    struct mst_buf first = {0};
    uint8_t *copy;
    if (decode_exact(like, data, len, &copy, &one) == 0) {
        CHECK(mst_msg_encode(&one, &first, NULL) == 0, "what was accepted was not encoded");
        CHECK(first.len <= len, "the canonical form is longer");
        CHECK(!one_bit || first.len < len || memcmp(first.data, data, len) == 0,
              "a canonical frame encoded to other bytes");
        static struct mst_msg_scratch second;
        int rc = table_decode(&one, first.data, first.len, &second, &two);
        CHECK(rc == 0, "its canonical form was refused");
        const char *difference = table_difference(&one, &two);
        CHECK(!difference, difference);
    }
    mst_buf_done(&first);
    free(copy);
}

static void change_each_byte(struct mst_msg *msg, struct mst_buf *frame)
{
    for (size_t at = 0; at < frame->len; at++) {
        uint8_t was = frame->data[at];
        for (int bit = 0; bit < 8; bit++) {
            frame->data[at] = (uint8_t)(was ^ 1 << bit);
            check_changed(msg, frame->data, frame->len, true);
        }
        frame->data[at] = (uint8_t)random_next();
        check_changed(msg, frame->data, frame->len, false);
        frame->data[at] = was;
    }
}

static void single_byte_changes_do_no_harm(void **state)
{
    (void)state;
    for_each(ROUNDS_BYTEWISE, change_each_byte);
}

/* Which fields a message cannot do without, and what lies just outside of each range. */
static void leave_out_and_overstep(struct mst_msg *msg, struct mst_buf *frame)
{
    (void)frame;
    struct mst_buf out = {0};
    for (size_t i = 0; i < TABLE_FIELDS; i++) {
        const struct table_field *f = &table_fields[i];
        if (f->message != msg->type || f->kind == T_BOOL)
            continue;
        struct mst_msg changed = *msg;
        *table_has(&changed) |= UINT64_C(1) << f->bit;
        if (f->kind == T_UINT) {
            *(uint64_t *)table_at(&changed, f) = f->max + 1;
        } else if (f->kind == T_TEXT || f->kind == T_BIN) {
            *(struct mst_slice *)table_at(&changed, f) = random_text((size_t)f->max + 1);
        } else if (f->kind == T_MAP) {
            *(struct mst_slice *)table_at(&changed, f) = random_text(f->required ? 2 : 0);
        } else {
            *(struct mst_slices *)table_at(&changed, f) =
                (struct mst_slices){scratch.items, (size_t)f->max + 1};
        }
        CHECK(mst_msg_encode(&changed, &out, NULL) == MST_E_INVALID, f->name);
        CHECK(out.len == 0, "a refused struct left bytes behind");
    }
    mst_buf_done(&out);
}

static void what_is_out_of_range_is_never_sent(void **state)
{
    (void)state;
    for_each(ROUNDS_BYTEWISE, leave_out_and_overstep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back_as_it_went),
        cmocka_unit_test(fields_may_stand_in_any_order),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(single_byte_changes_do_no_harm),
        cmocka_unit_test(what_is_out_of_range_is_never_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
