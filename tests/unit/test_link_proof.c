/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs against the golden ones, which test_vectors.py computes with libraries of its own; each
 * field is needed, and each change of one is found or changes nothing that is said. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/link/proof.h"

static char path[] = "/tmp/muster-proof-XXXXXX";

/* What is said of it is left in `said`. */
static int verdict(const json_t *proof, const char *key, struct mst_buf *said)
{
    struct mst_err err;
    said->len = 0;
    assert_int_equal(json_dump_file(proof, path, 0), 0);
    int code = mst_proof_verify(path, key, said, &err);
    assert_true(code || said->len > 0);
    return code;
}

/* Another last hex digit, or another number. */
static json_t *changed(const json_t *value)
{
    if (json_is_integer(value))
        return json_integer(json_integer_value(value) + 1);
    if (json_is_array(value)) {
        json_t *copy = json_deep_copy(value);
        size_t last = json_array_size(value) - 1;
        json_array_set_new(copy, last, changed(json_array_get(value, last)));
        return copy;
    }
    char *text = strdup(json_string_value(value));
    assert_non_null(text);
    char *last = text + strlen(text) - 1;
    *last = *last == '0' ? '1' : '0';
    json_t *copy = json_string(text);
    free(text);
    return copy;
}

static void check_proof(json_t *proof, const char *fingerprint)
{
    const char *field;
    json_t *value;
    void *next;
    const char *key = json_string_value(json_object_get(proof, "sign_key"));
    const char *kind = json_string_value(json_object_get(proof, "kind"));
    struct mst_buf truth = {0}, said = {0};
    assert_int_equal(verdict(proof, key, &truth), 0);
    assert_int_equal(verdict(proof, fingerprint, &said), 0);
    assert_int_equal(verdict(proof, "0000000000000000", &said), MST_E_SIGNATURE);
    assert_int_equal(verdict(proof, "00", &said), MST_E_USAGE);
    json_object_foreach_safe(proof, next, field, value)
    {
        json_t *bad = json_deep_copy(proof);
        json_object_del(bad, field);
        if (verdict(bad, key, &said) == 0)
            fail_msg("%s without %s is taken", kind, field);
        json_object_set_new(bad, field, changed(value));
        if (verdict(bad, key, &said) == 0 &&
            (said.len != truth.len || memcmp(said.data, truth.data, truth.len) != 0))
            fail_msg("%s with another %s is taken, and repeated", kind, field);
        json_decref(bad);
    }
    mst_buf_done(&truth);
    mst_buf_done(&said);
}

static void golden_proofs_hold_and_no_other(void **state)
{
    (void)state;
    json_error_t where;
    size_t i;
    json_t *entry,
        *root = json_load_file(MUSTER_SOURCE_DIR "/tests/vectors/proofs.json", 0, &where);
    assert_non_null(root);
    assert_int_equal(json_array_size(root), 4);
    json_array_foreach(root, i, entry)
    {
        check_proof(json_object_get(entry, "proof"),
                    json_string_value(json_object_get(entry, "fingerprint")));
    }
    json_decref(root);
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_proofs_hold_and_no_other)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
