/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of evidence, checked against the keys of the golden ones: what is found valid says what
 * one of those says, but for what no signature covers (PROTOCOL.md: unit and programme of a
 * report).
 */
#include <jansson.h>
#include <string.h>

#include "agent/link/proof.h"
#include "proto/pack.h"
#include "tests/fuzz/fuzz.h"

#define GOLDEN_MAX 16

static struct {
    char key[17];
    struct mst_buf rows; /* those that a signature covers */
} golden[GOLDEN_MAX];
static size_t golden_count;

static void keep_covered(struct mst_slice all, struct mst_buf *ret)
{
    struct mst_unpack u;
    struct mst_slice row;
    mst_unpack_init(&u, all.data, all.len);
    while (u.at < all.data + all.len) {
        bool whole = mst_unpack_skip(&u, &row);
        assert(whole);
        struct mst_slice name = mst_unpack_text(row, "name");
        assert(name.data && mst_unpack_text(row, "value").data);
        if (!mst_slice_is(name, "unit") && !mst_slice_is(name, "programme") &&
            !mst_slice_is(name, "claims"))
            mst_buf_put(ret, row.data, row.len);
    }
}

static int verify(const uint8_t *data, size_t size, const char *key, struct mst_buf *ret_covered)
{
    struct mst_buf rows = {0};
    struct mst_err err;
    int fd;
    char path[32];
    fuzz_file(data, size, &fd, path);
    int code = mst_proof_verify(path, key, &rows, &err);
    close(fd);
    assert(code == 0 || err.text[0]);
    if (code == 0)
        keep_covered(mst_bytes(rows.data, rows.len), ret_covered);
    mst_buf_done(&rows);
    return code;
}

/* Once, and kept for the life of the process. */
static void read_golden(void)
{
    json_error_t where;
    json_t *cases = json_load_file(MUSTER_SOURCE_DIR "/tests/vectors/proofs.json", 0, &where), *one;
    size_t i;
    assert(cases);
    json_array_foreach(cases, i, one)
    {
        assert(golden_count < GOLDEN_MAX);
        char *text = json_dumps(json_object_get(one, "proof"), 0);
        snprintf(golden[golden_count].key, sizeof golden[0].key, "%s",
                 json_string_value(json_object_get(one, "fingerprint")));
        int code = verify((const uint8_t *)text, strlen(text), golden[golden_count].key,
                          &golden[golden_count].rows);
        assert(code == 0);
        golden_count++;
        free(text);
    }
    json_decref(cases);
}

static bool is_golden(const struct mst_buf *rows)
{
    for (size_t i = 0; i < golden_count; i++) {
        if (golden[i].rows.len == rows->len &&
            memcmp(golden[i].rows.data, rows->data, rows->len) == 0)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (golden_count == 0)
        read_golden();
    for (size_t i = 0; i < golden_count; i++) {
        struct mst_buf rows = {0};
        if (verify(data, size, golden[i].key, &rows) == 0)
            assert(is_golden(&rows));
        mst_buf_done(&rows);
    }
    return 0;
}
