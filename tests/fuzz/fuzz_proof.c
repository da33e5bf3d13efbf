/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of evidence, checked against the keys of the golden ones: what is found valid says what
 * one of those says, word for word.
 */
#include <jansson.h>
#include <string.h>

#include "agent/link/proof.h"
#include "tests/fuzz/fuzz.h"

#define GOLDEN_MAX 16

static struct {
    char key[17];
    struct mst_buf rows;
} golden[GOLDEN_MAX];
static size_t golden_count;

static int verify(const uint8_t *data, size_t size, const char *key, struct mst_buf *rows)
{
    struct mst_err err;
    int fd;
    char path[32];
    fuzz_file(data, size, &fd, path);
    int code = mst_proof_verify(path, key, rows, &err);
    close(fd);
    assert(code == 0 || err.text[0]);
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
