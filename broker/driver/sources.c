/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping and finding again the bytes that programmes were read from. */
#include "broker/driver/sources.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/driver/driver_impl.h"
#include "config/load/load.h"
#include "proto/validate.h"

static const char *const source_names[MST_SOURCES] = {"file", "calendar", "zone"};

static void meta_name(const uint8_t digest[MST_DIGEST_BYTES],
                      char ret_name[16 + 2 * MST_DIGEST_BYTES])
{
    char hex[2 * MST_DIGEST_BYTES + 1];
    sodium_bin2hex(hex, sizeof hex, digest, MST_DIGEST_BYTES);
    snprintf(ret_name, 16 + 2 * MST_DIGEST_BYTES, "programme/%s", hex);
}

int mst_engine_keep_sources(struct mst_engine *e, struct mst_err *err)
{
    const struct mst_programme *p = e->programme;
    struct mst_store *store = e->driver->options.store;
    char name[16 + 2 * MST_DIGEST_BYTES];
    size_t len = 0;
    meta_name(p->digest, name);
    int code = mst_reader_meta(mst_store_own_reader(store), e->pid, name, NULL, &len, err);
    /* A programme that is a table in a program has no bytes to keep. */
    if (code || len > 0 || !p->sources[MST_SOURCE_FILE].data)
        return code;
    struct mst_buf b = {0};
    mst_pack_map(&b, MST_SOURCES);
    for (size_t i = 0; i < MST_SOURCES; i++) {
        mst_pack_text(&b, source_names[i]);
        mst_pack_bin(&b, p->sources[i].data, p->sources[i].len);
    }
    code = b.failed ? mst_fail_on(err, MST_E_NOMEM, "programme")
                    : mst_store_put_meta(store, e->pid, name, mst_bytes(b.data, b.len), err);
    mst_buf_done(&b);
    return code;
}

static int read_meta(struct mst_reader *reader, mst_pid pid, const char *name, struct mst_buf *out,
                     struct mst_err *err)
{
    size_t len = 0;
    int code = mst_reader_meta(reader, pid, name, NULL, &len, err);
    if (code)
        return code;
    if (len == 0)
        return mst_fail_on(err, MST_E_UNKNOWN, name);
    uint8_t *data = malloc(len);
    if (!data)
        return mst_fail_on(err, MST_E_NOMEM, name);
    size_t room = len;
    code = mst_reader_meta(reader, pid, name, data, &len, err);
    if (!code && len == room)
        mst_buf_put(out, data, len);
    free(data);
    if (!code && len != room)
        code = mst_fail_on(err, MST_E_CORRUPT, name);
    return !code && out->failed ? mst_fail_on(err, MST_E_NOMEM, name) : code;
}

static bool take_sources(struct mst_slice bytes, struct mst_slice ret_sources[MST_SOURCES])
{
    if (mst_validate(bytes.data, bytes.len, NULL))
        return false;
    for (size_t i = 0; i < MST_SOURCES; i++) {
        ret_sources[i] = mst_unpack_bin(bytes, source_names[i]);
        if (!ret_sources[i].data)
            return false;
    }
    return true;
}

int mst_sources_read(struct mst_reader *reader, mst_pid pid, const uint8_t digest[MST_DIGEST_BYTES],
                     struct mst_buf *ret_bytes, struct mst_slice ret_sources[MST_SOURCES],
                     struct mst_err *err)
{
    char name[16 + 2 * MST_DIGEST_BYTES];
    meta_name(digest, name);
    int code = read_meta(reader, pid, name, ret_bytes, err);
    if (!code && !take_sources(mst_bytes(ret_bytes->data, ret_bytes->len), ret_sources))
        code = mst_fail_on(err, MST_E_CORRUPT, name);
    return code;
}

int mst_sources_load(struct mst_reader *reader, mst_pid pid, const uint8_t digest[MST_DIGEST_BYTES],
                     struct mst_programme **ret, struct mst_err *err)
{
    struct mst_slice sources[MST_SOURCES];
    struct mst_buf bytes = {0};
    struct mst_diags diags = {0};
    struct mst_programme *p = NULL;
    int code = mst_sources_read(reader, pid, digest, &bytes, sources, err);
    if (!code)
        code = mst_programme_load_bytes(sources, "programme.yaml", &diags, &p, err);
    /* Loaded from other bytes than those that the ledger names it would prove nothing. */
    if (!code && memcmp(p->digest, digest, MST_DIGEST_BYTES) != 0)
        code = mst_fail_on(err, MST_E_CORRUPT, "programme");
    mst_diags_done(&diags);
    mst_buf_done(&bytes);
    if (code) {
        mst_programme_unref(p);
        return code;
    }
    *ret = p;
    return 0;
}
