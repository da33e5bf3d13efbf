/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/link/invited.h"

#include <sodium.h>
#include <string.h>
#include <zmq.h>

#include "config/load/load.h"
#include "proto/pack.h"

static int refuse_field(const char *path, const char *field, struct mst_err *err)
{
    int code = mst_fail(err, MST_E_INVALID, _("%s: the invitation's field %s is missing or wrong"),
                        path, field);
    mst_hint(err, "%s", _("use the file as it was given, or ask for a new invitation"));
    return code;
}

/* Nothing that could end the quotes in which agent.yaml is going to hold it: a hook that an
 * invitation smuggles in would be a command that runs. */
static bool is_plain(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7F || *text == '"' || *text == '\\')
            return false;
    }
    return true;
}

static bool take_text(struct mst_slice map, const char *key, char *dst, size_t size)
{
    struct mst_slice value = mst_unpack_text(map, key);
    if (!value.data || value.len == 0 || value.len >= size)
        return false;
    mst_slice_copy(value, dst, size);
    return is_plain(dst);
}

static bool is_hex(const char *hex, uint8_t *bytes, size_t size)
{
    size_t len = 0;
    return sodium_hex2bin(bytes, size, hex, strlen(hex), NULL, &len, NULL) == 0 && len == size;
}

/* libzmq also speaks transports that Muster has no rules for. */
static bool is_tcp(const char *endpoint)
{
    return strncmp(endpoint, "tcp://", 6) == 0;
}

static int read_map(const char *path, struct mst_slice map, struct mst_invited *inv,
                    struct mst_err *err)
{
    char token[2 * sizeof inv->token + 1];
    uint8_t key[32];
    if (mst_unpack_int(map, "muster-invitation", 0) != 1)
        return refuse_field(path, "muster-invitation", err);
    if (!take_text(map, "programme", inv->programme, sizeof inv->programme))
        return refuse_field(path, "programme", err);
    inv->zone[0] = '\0'; /* may be absent: it is only for showing instants */
    if (mst_unpack_text(map, "zone").data && !take_text(map, "zone", inv->zone, sizeof inv->zone))
        return refuse_field(path, "zone", err);
    if (!take_text(map, "principal", inv->principal, sizeof inv->principal))
        return refuse_field(path, "principal", err);
    if (!take_text(map, "members", inv->members, sizeof inv->members) || !is_tcp(inv->members))
        return refuse_field(path, "members", err);
    if (!take_text(map, "enrol", inv->enrol, sizeof inv->enrol) || !is_tcp(inv->enrol))
        return refuse_field(path, "enrol", err);
    if (!take_text(map, "broker_key", inv->broker_key, sizeof inv->broker_key) ||
        strlen(inv->broker_key) != MST_Z85_KEY_CHARS || !zmq_z85_decode(key, inv->broker_key))
        return refuse_field(path, "broker_key", err);
    if (!take_text(map, "broker_sign_key", inv->broker_sign_key, sizeof inv->broker_sign_key) ||
        !is_hex(inv->broker_sign_key, inv->broker_sign_key_bytes, MST_SIGN_PUBLIC_BYTES))
        return refuse_field(path, "broker_sign_key", err);
    if (!take_text(map, "token", token, sizeof token) ||
        !is_hex(token, inv->token, sizeof inv->token))
        return refuse_field(path, "token", err);
    sodium_memzero(token, sizeof token);
    return 0;
}

int mst_invited_read(const char *path, struct mst_invited *ret, struct mst_err *err)
{
    struct mst_diags diags = {0};
    struct mst_yaml *yaml = NULL;
    struct mst_buf buf = {0};
    int code = mst_yaml_open(path, &diags, &yaml, err);
    if (!code)
        code = mst_yaml_pack(yaml, &buf, err);
    if (!code)
        code = read_map(path, mst_bytes(buf.data, buf.len), ret, err);
    if (buf.data)
        sodium_memzero(buf.data, buf.len);
    mst_buf_done(&buf);
    mst_yaml_free(yaml);
    if (code && diags.errors) {
        code = mst_diags_first(&diags, err);
        mst_hint(err, "%s", _("use the file as it was given, or ask for a new invitation"));
    }
    mst_diags_done(&diags);
    return code;
}
