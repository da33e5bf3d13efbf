/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering a proof and writing its file. Checks nothing; that is proof_verify.c's. */
#include "agent/link/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/link/proof_impl.h"
#include "config/load/file.h"
#include "config/load/system.h"
#include "proto/pack.h"
#include "proto/seal.h"

struct mst_proof {
    json_t *map;
};

int mst_proof_new(const char *kind, struct mst_proof **ret, struct mst_err *err)
{
    struct mst_proof *proof = calloc(1, sizeof *proof);
    if (!proof)
        return mst_fail_on(err, MST_E_NOMEM, kind);
    proof->map = json_pack("{s:i,s:s,s:s}", PROOF_MARK, PROOF_VERSION, "kind", kind, "alg",
                           MST_ALG_ED25519_BLAKE2B);
    if (!proof->map) {
        free(proof);
        return mst_fail_on(err, MST_E_NOMEM, kind);
    }
    *ret = proof;
    return 0;
}

void mst_proof_free(struct mst_proof *proof)
{
    if (!proof)
        return;
    json_decref(proof->map);
    free(proof);
}

static json_t *hex_of(struct mst_slice bytes)
{
    char *hex = malloc(2 * bytes.len + 1);
    json_t *text = NULL;
    if (hex)
        text = json_string(sodium_bin2hex(hex, 2 * bytes.len + 1, bytes.data, bytes.len));
    free(hex);
    return text;
}

static json_t *json_of(const struct mst_value *value)
{
    switch (value->kind) {
    case MST_VALUE_TEXT:
        return json_stringn((const char *)value->s.data, value->s.len);
    case MST_VALUE_BIN:
        return hex_of(value->s);
    case MST_VALUE_INT:
        return json_integer(value->i);
    default:
        return NULL;
    }
}

/* Consumes the value. */
static int put(struct mst_proof *proof, const char *name, json_t *value, struct mst_err *err)
{
    bool many = strcmp(name, "reports") == 0 || strcmp(name, "refused") == 0;
    if (many && !json_object_get(proof->map, name) &&
        json_object_set_new(proof->map, name, json_array()) != 0) {
        json_decref(value);
        return mst_fail_on(err, MST_E_NOMEM, name);
    }
    int failed = many ? json_array_append_new(json_object_get(proof->map, name), value)
                      : json_object_set_new(proof->map, name, value);
    return failed ? mst_fail_on(err, MST_E_PROTOCOL, name) : 0;
}

int mst_proof_take(struct mst_proof *proof, struct mst_slice row, struct mst_err *err)
{
    char name[32];
    struct mst_slice raw, word = mst_unpack_text(row, "name");
    struct mst_value value;
    struct mst_unpack u;
    if (!word.data || word.len >= sizeof name || !mst_unpack_find(row, "value", &raw))
        return mst_fail_on(err, MST_E_PROTOCOL, "export");
    mst_slice_copy(word, name, sizeof name);
    mst_unpack_init(&u, raw.data, raw.len);
    if (!mst_unpack_next(&u, &value))
        return mst_fail_on(err, MST_E_PROTOCOL, name);
    return put(proof, name, json_of(&value), err);
}

int mst_proof_take_alert(struct mst_proof *proof, const struct mst_msg_alert *alert,
                         const char *sign_key_hex, struct mst_err *err)
{
    struct mst_buf row = {0};
    if (!alert->ledger_sig.data)
        return mst_fail_on(err, MST_E_SIGNATURE, _("the ledger's head"));
    int code = mst_alert_row(alert, &row, err);
    if (!code)
        code = put(proof, "programme",
                   json_stringn((const char *)alert->programme.data, alert->programme.len), err);
    if (!code)
        code = put(proof, "epoch", json_integer((json_int_t)alert->ledger_epoch), err);
    if (!code)
        code = put(proof, "row", json_integer((json_int_t)alert->ledger_row), err);
    if (!code)
        code = put(proof, "head", hex_of(alert->ledger_head), err);
    if (!code)
        code = put(proof, "bytes", hex_of(mst_bytes(row.data, row.len)), err);
    if (!code)
        code = put(proof, "sig", hex_of(alert->ledger_sig), err);
    if (!code)
        code = put(proof, "sign_key", json_string(sign_key_hex), err);
    mst_buf_done(&row);
    return code;
}

int mst_proof_write(const struct mst_proof *proof, const char *path, struct mst_err *err)
{
    char *text = json_dumps(proof->map, JSON_INDENT(1));
    if (!text)
        return mst_fail_on(err, MST_E_NOMEM, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        free(text);
        return errno == EEXIST ? mst_fail_on(err, MST_E_EXISTS, path)
                               : mst_fail_system(err, path, errno);
    }
    size_t len = strlen(text);
    bool written = mst_file_put(fd, text, len) && mst_file_put(fd, "\n", 1) && fsync(fd) == 0;
    int failed = errno;
    free(text);
    close(fd);
    if (written)
        return 0;
    unlink(path);
    return mst_fail_system(err, path, failed);
}
