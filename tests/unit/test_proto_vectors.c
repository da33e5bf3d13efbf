/* SPDX-License-Identifier: Apache-2.0 */
/* The golden byte vectors of tests/vectors, which an independent implementation computed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "proto/pack.h"
#include "proto/seal.h"
#include "proto/validate.h"
#include "tests/unit/proto_table.h"
#include "tests/unit/sign_receipt.h"

static struct mst_msg_scratch scratch;

/* Memory of one test case, which decoded slices point into; freed whole. */
#define POOL_BLOCKS 256
static void *pool[POOL_BLOCKS];
static size_t pool_used;

static void *pool_take(size_t size)
{
    assert_true(pool_used < POOL_BLOCKS);
    return pool[pool_used++] = test_malloc(size + 1);
}

static void pool_free(void)
{
    while (pool_used > 0)
        test_free(pool[--pool_used]);
}

static json_t *load(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/vectors/%s", MUSTER_SOURCE_DIR, name);
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return root;
}

static struct mst_slice from_hex(const json_t *hex)
{
    const char *text = json_string_value(hex);
    assert_non_null(text);
    size_t len = strlen(text) / 2;
    uint8_t *bytes = pool_take(len);
    assert_int_equal(sodium_hex2bin(bytes, len, text, 2 * len, NULL, NULL, NULL), 0);
    return mst_bytes(bytes, len);
}

static struct mst_slice member(const json_t *object, const char *key)
{
    return from_hex(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static uint64_t uint_of(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

/* JSON as msgpack; an object of one key "hex" is bytes. */
static void pack_json(struct mst_buf *buf, json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;
    if (json_is_object(value) && json_object_size(value) == 1 && json_object_get(value, "hex")) {
        struct mst_slice bytes = member(value, "hex");
        mst_pack_bin(buf, bytes.data, bytes.len);
    } else if (json_is_object(value)) {
        mst_pack_map(buf, json_object_size(value));
        json_object_foreach(value, key, item)
        {
            mst_pack_text(buf, key);
            pack_json(buf, item);
        }
    } else if (json_is_array(value)) {
        mst_pack_array(buf, json_array_size(value));
        json_array_foreach(value, i, item) pack_json(buf, item);
    } else if (json_is_string(value)) {
        mst_pack_text(buf, json_string_value(value));
    } else if (json_is_integer(value)) {
        mst_pack_int(buf, json_integer_value(value));
    } else if (json_is_real(value)) {
        mst_pack_double(buf, json_real_value(value));
    } else if (json_is_boolean(value)) {
        mst_pack_bool(buf, json_boolean_value(value));
    } else {
        mst_pack_nil(buf);
    }
}

static struct mst_slice slice_of(enum table_kind kind, json_t *value)
{
    if (kind == T_TEXT || kind == T_TEXTS)
        return mst_text(json_string_value(value));
    if (kind == T_BIN || kind == T_BINS)
        return member(value, "hex");
    struct mst_buf buf = {0};
    pack_json(&buf, value);
    uint8_t *bytes = pool_take(buf.len);
    memcpy(bytes, buf.data, buf.len);
    struct mst_slice map = mst_bytes(bytes, buf.len);
    mst_buf_done(&buf);
    return map;
}

static void set_field(struct mst_msg *msg, const struct table_field *f, json_t *value)
{
    void *at = table_at(msg, f);
    *table_has(msg) |= UINT64_C(1) << f->bit;
    if (f->kind == T_UINT) {
        *(uint64_t *)at = (uint64_t)json_integer_value(value);
    } else if (f->kind == T_BOOL) {
        *(bool *)at = json_boolean_value(value);
    } else if (f->kind < T_TEXTS) {
        *(struct mst_slice *)at = slice_of(f->kind, value);
    } else {
        size_t count = json_array_size(value);
        struct mst_slice *items = pool_take(count * sizeof *items);
        for (size_t i = 0; i < count; i++)
            items[i] = slice_of(f->kind, json_array_get(value, i));
        *(struct mst_slices *)at = (struct mst_slices){items, count};
    }
}

/* Fill the struct from the case's fields; every field of the case must be one of the table. */
static void fill(struct mst_msg *msg, const json_t *fields)
{
    size_t known = 0;
    for (size_t i = 0; i < TABLE_FIELDS; i++) {
        json_t *value = json_object_get(fields, table_fields[i].name);
        if (table_fields[i].message != msg->type || !value)
            continue;
        set_field(msg, &table_fields[i], value);
        known++;
    }
    assert_int_equal(known, json_object_size(fields));
}

static enum mst_msg_type type_of(const char *word)
{
    for (int type = 0; type < MST_MSG_TYPES; type++) {
        if (strcmp(mst_msg_word((enum mst_msg_type)type), word) == 0)
            return (enum mst_msg_type)type;
    }
    fail_msg("no message %s", word);
    return MST_MSG_TYPES;
}

static void frames_are_what_others_make_of_the_same_fields(void **state)
{
    (void)state;
    json_t *cases = load("messages.json"), *entry;
    size_t i;
    bool seen[MST_MSG_TYPES] = {false};
    json_array_foreach(cases, i, entry)
    {
        struct mst_msg msg = {.type = type_of(text_of(entry, "type"))}, back;
        fill(&msg, json_object_get(entry, "fields"));
        struct mst_slice frame = member(entry, "frame");
        struct mst_buf out = {0};
        assert_int_equal(mst_msg_encode(&msg, &out, NULL), 0);
        assert_int_equal(out.len, frame.len);
        assert_memory_equal(out.data, frame.data, frame.len);
        assert_int_equal(table_decode(&msg, frame.data, frame.len, &scratch, &back), 0);
        const char *difference = table_difference(&msg, &back);
        if (difference)
            fail_msg("messages.json, case %zu: %s differs", i, difference);
        seen[msg.type] = true;
        mst_buf_done(&out);
        pool_free();
    }
    for (int type = 0; type < MST_MSG_TYPES; type++) {
        if (!seen[type])
            fail_msg("no vector for %s", mst_msg_word((enum mst_msg_type)type));
    }
    json_decref(cases);
}

static void hostile_frames_are_refused(void **state)
{
    (void)state;
    json_t *cases = load("refused.json"), *entry;
    size_t i;
    json_array_foreach(cases, i, entry)
    {
        struct mst_slice frame = member(entry, "frame");
        struct mst_msg msg;
        if (mst_validate(frame.data, frame.len, NULL) != MST_E_PROTOCOL ||
            mst_msg_decode(frame.data, frame.len, MST_UP, &scratch, &msg, NULL) != MST_E_PROTOCOL)
            fail_msg("accepted: %s", text_of(entry, "why"));
        pool_free();
    }
    json_decref(cases);
}

static void make_key(const json_t *entry, uint8_t public[MST_SIGN_PUBLIC_BYTES],
                     uint8_t secret[MST_SIGN_SECRET_BYTES])
{
    struct mst_slice seed = member(entry, "seed"), want = member(entry, "public");
    assert_int_equal(seed.len, crypto_sign_SEEDBYTES);
    assert_int_equal(crypto_sign_seed_keypair(public, secret, seed.data), 0);
    assert_memory_equal(public, want.data, MST_SIGN_PUBLIC_BYTES);
}

static void expect_bytes(const uint8_t *got, size_t len, struct mst_slice want)
{
    assert_int_equal(want.len, len);
    assert_memory_equal(got, want.data, len);
}

static void outbox_chains_and_run_signatures_hold(void **state)
{
    (void)state;
    json_t *root = load("seal.json"), *entry, *report;
    size_t i, k;
    json_array_foreach(json_object_get(root, "outboxes"), i, entry)
    {
        uint8_t public[MST_SIGN_PUBLIC_BYTES], secret[MST_SIGN_SECRET_BYTES];
        uint8_t head[MST_HASH_BYTES], sig[MST_SIGN_BYTES];
        make_key(entry, public, secret);
        struct mst_slice outbox = member(entry, "outbox");
        mst_chain_genesis(outbox.data, text_of(entry, "programme"), text_of(entry, "unit"), head);
        expect_bytes(head, sizeof head, member(entry, "genesis"));
        json_array_foreach(json_object_get(entry, "reports"), k, report)
        {
            mst_chain_next(head, k + 1, member(report, "bytes"), head);
            expect_bytes(head, sizeof head, member(report, "hash"));
            mst_run_sign(secret, outbox.data, k + 1, head, sig);
            expect_bytes(sig, sizeof sig, member(report, "sig"));
            assert_int_equal(mst_run_verify(public, outbox.data, k + 1, head, sig, NULL), 0);
        }
        pool_free();
    }
    json_decref(root);
}

static void receipt_signatures_hold(void **state)
{
    (void)state;
    json_t *root = load("seal.json"), *entry;
    size_t i;
    json_array_foreach(json_object_get(root, "receipts"), i, entry)
    {
        uint8_t public[MST_SIGN_PUBLIC_BYTES], secret[MST_SIGN_SECRET_BYTES], sig[MST_SIGN_BYTES];
        make_key(entry, public, secret);
        struct mst_msg msg = {.type = MST_MSG_receipt};
        fill(&msg, json_object_get(entry, "fields"));
        struct mst_msg_receipt *r = &msg.u.receipt;
        sign_receipt(secret, text_of(entry, "programme"), r, sig);
        expect_bytes(sig, sizeof sig, member(entry, "sig"));
        r->sig = mst_bytes(sig, sizeof sig);
        assert_int_equal(mst_receipt_verify(public, text_of(entry, "programme"), r, NULL), 0);
        pool_free();
    }
    json_decref(root);
}

static void ledger_chains_hold(void **state)
{
    (void)state;
    json_t *root = load("seal.json"), *entry, *row;
    size_t i, k;
    json_array_foreach(json_object_get(root, "ledgers"), i, entry)
    {
        uint8_t head[MST_HASH_BYTES];
        mst_ledger_genesis(text_of(entry, "programme"), head);
        expect_bytes(head, sizeof head, member(entry, "genesis"));
        json_array_foreach(json_object_get(entry, "rows"), k, row)
        {
            mst_ledger_next(head, k + 1, (mst_time)uint_of(row, "at"),
                            (uint8_t)uint_of(row, "kind"), member(row, "bytes"), head);
            expect_bytes(head, sizeof head, member(row, "hash"));
        }
        pool_free();
    }
    json_decref(root);
}

static void alert_ids_hold(void **state)
{
    (void)state;
    json_t *root = load("seal.json"), *entry;
    size_t i;
    json_array_foreach(json_object_get(root, "alert_ids"), i, entry)
    {
        uint8_t id[MST_HASH_BYTES];
        mst_alert_id(text_of(entry, "obligation"), uint_of(entry, "revision"),
                     uint_of(entry, "rung"), uint_of(entry, "occurrence"),
                     text_of(entry, "audience"), id);
        expect_bytes(id, sizeof id, member(entry, "id"));
        pool_free();
    }
    json_decref(root);
}

static void head_signatures_hold(void **state)
{
    (void)state;
    json_t *root = load("seal.json"), *entry;
    size_t i;
    json_array_foreach(json_object_get(root, "heads"), i, entry)
    {
        uint8_t public[32], secret[MST_SIGN_SECRET_BYTES], sig[MST_SIGN_BYTES];
        struct mst_head head = {.programme = text_of(entry, "programme"),
                                .epoch = uint_of(entry, "epoch"),
                                .row = uint_of(entry, "row"),
                                .head = member(entry, "head").data,
                                .bytes = member(entry, "bytes")};
        make_key(entry, public, secret);
        mst_head_sign(secret, &head, sig);
        expect_bytes(sig, sizeof sig, member(entry, "sig"));
        assert_int_equal(mst_head_verify(public, &head, sig, NULL), 0);
        head.epoch++;
        assert_int_equal(mst_head_verify(public, &head, sig, NULL), MST_E_SIGNATURE);
        pool_free();
    }
    json_decref(root);
}

static void rotation_signatures_hold(void **state)
{
    (void)state;
    json_t *root = load("seal.json"), *entry;
    size_t i;
    json_array_foreach(json_object_get(root, "rotations"), i, entry)
    {
        uint8_t public[2][32], secret[2][MST_SIGN_SECRET_BYTES], sig[MST_SIGN_BYTES];
        struct mst_rotation r = {.programme = text_of(entry, "programme"),
                                 .principal = text_of(entry, "principal"),
                                 .old_channel = member(entry, "old_channel").data,
                                 .new_channel = member(entry, "new_channel").data,
                                 .new_sign = public[1]};
        crypto_sign_seed_keypair(public[0], secret[0], member(entry, "seed").data);
        crypto_sign_seed_keypair(public[1], secret[1], member(entry, "new_seed").data);
        mst_rotation_sign(secret[0], &r, sig);
        expect_bytes(sig, sizeof sig, member(entry, "sig"));
        assert_int_equal(mst_rotation_verify(public[0], &r, sig, NULL), 0);
        assert_int_equal(mst_rotation_verify(public[1], &r, sig, NULL), MST_E_SIGNATURE);
        mst_rotation_sign(secret[1], &r, sig);
        expect_bytes(sig, sizeof sig, member(entry, "new_sig"));
        r.principal = "unit:forestr";
        assert_int_equal(mst_rotation_verify(public[1], &r, sig, NULL), MST_E_SIGNATURE);
        pool_free();
    }
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_what_others_make_of_the_same_fields),
        cmocka_unit_test(hostile_frames_are_refused),
        cmocka_unit_test(outbox_chains_and_run_signatures_hold),
        cmocka_unit_test(receipt_signatures_hold),
        cmocka_unit_test(ledger_chains_hold),
        cmocka_unit_test(alert_ids_hold),
        cmocka_unit_test(head_signatures_hold),
        cmocka_unit_test(rotation_signatures_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
