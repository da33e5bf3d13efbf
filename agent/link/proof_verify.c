/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking a proof with nothing but the file and the signer's key. It neither believes nor repeats
 * what the file says unless a signature bears it out, and takes the key from whoever asks, never
 * from the file alone.
 */
#include "agent/link/proof.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/link/proof_impl.h"
#include "config/load/testing.h"
#include "config/model/zone.h"
#include "proto/pack.h"
#include "proto/seal.h"
#include "proto/validate.h"

#define FINGERPRINT_DIGITS_MIN 16
#define REPORTS_MAX 4096

struct check {
    const char *path;
    json_t *map;
    uint8_t key[MST_SIGN_PUBLIC_BYTES];
    uint8_t sig[MST_SIGN_BYTES];
    uint8_t head[MST_HASH_BYTES];
    struct mst_buf *rows;
};

static int refuse(const struct check *c, const char *field, struct mst_err *err)
{
    int code = mst_fail(err, MST_E_INVALID, _("%s: the proof's field %s is missing or wrong"),
                        c->path, field);
    mst_hint(err, "%s", _("use the file as it was exported"));
    return code;
}

/* The codes' own hints are for whoever sends: nothing is sent here. */
static int tampered(const struct check *c, enum mst_code code, struct mst_err *err)
{
    mst_fail_on(err, code, c->path);
    mst_hint(err, "%s",
             _("it is not what was signed: ask for the file as it was exported, and find out who "
               "changed this one"));
    return (int)code;
}

/* ---- fields ---- */

static bool get_hex(const json_t *value, uint8_t *bytes, size_t size, size_t *ret_len)
{
    const char *hex = json_string_value(value);
    const char *end = NULL;
    return hex && sodium_hex2bin(bytes, size, hex, strlen(hex), NULL, ret_len, &end) == 0 && !*end;
}

static int take_bytes(const struct check *c, const char *field, uint8_t *bytes, size_t size,
                      struct mst_err *err)
{
    size_t len = 0;
    bool good = get_hex(json_object_get(c->map, field), bytes, size, &len) && len == size;
    return good ? 0 : refuse(c, field, err);
}

static int take_number(const struct check *c, const char *field, uint64_t *ret, struct mst_err *err)
{
    const json_t *value = json_object_get(c->map, field);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return refuse(c, field, err);
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

static int take_text(const struct check *c, const char *field, size_t max, const char **ret,
                     struct mst_err *err)
{
    const char *text = json_string_value(json_object_get(c->map, field));
    if (!text || !text[0] || strlen(text) > max)
        return refuse(c, field, err);
    *ret = text;
    return 0;
}

/* Hex of any length; the caller frees. */
static int take_long(const struct check *c, const json_t *value, const char *field,
                     struct mst_slice *ret, struct mst_err *err)
{
    size_t size = json_string_length(value) / 2, len = 0;
    uint8_t *bytes = malloc(size + 1);
    if (!bytes)
        return mst_fail_on(err, MST_E_NOMEM, field);
    if (!get_hex(value, bytes, size, &len) || len != size || len == 0) {
        free(bytes);
        return refuse(c, field, err);
    }
    *ret = mst_bytes(bytes, len);
    return 0;
}

struct slices {
    struct mst_slice items[REPORTS_MAX];
    size_t count;
};

static void free_slices(struct slices *s)
{
    for (size_t i = 0; s && i < s->count; i++)
        free((void *)(uintptr_t)s->items[i].data);
    free(s);
}

static int take_slices(const struct check *c, const char *field, struct slices **ret,
                       struct mst_err *err)
{
    const json_t *array = json_object_get(c->map, field);
    struct slices *s = calloc(1, sizeof *s);
    if (!s)
        return mst_fail_on(err, MST_E_NOMEM, field);
    int code = (array && !json_is_array(array)) || json_array_size(array) > REPORTS_MAX
                   ? refuse(c, field, err)
                   : 0;
    for (size_t i = 0; !code && i < json_array_size(array); i++) {
        code = take_long(c, json_array_get(array, i), field, &s->items[i], err);
        s->count += !code;
    }
    if (code)
        free_slices(s);
    else
        *ret = s;
    return code;
}

/* ---- what a proof says ---- */

static void say(struct check *c, const char *name, const char *value)
{
    mst_pack_map(c->rows, 2);
    mst_pack_text(c->rows, "name");
    mst_pack_text(c->rows, name);
    mst_pack_text(c->rows, "value");
    mst_pack_text(c->rows, value);
}

static void say_slice(struct check *c, const char *name, struct mst_slice text)
{
    char copy[512];
    if (text.data && text.len > 0)
        say(c, name, mst_slice_copy(text, copy, sizeof copy));
}

static void say_number(struct check *c, const char *name, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    say(c, name, text);
}

/* In the reader's own zone, as alerts are: no signature covers what a file says of a zone. */
static void say_instant(struct check *c, const char *name, uint64_t at)
{
    char text[MST_INSTANT_TEXT_MAX];
    time_t seconds = (time_t)(at / 1000);
    struct tm local;
    if (at > INT64_MAX || !localtime_r(&seconds, &local))
        return;
    const struct mst_zone own = {.name = "", .first_offset_s = (int32_t)local.tm_gmtoff};
    say(c, name, mst_zone_format(&own, (mst_time)at, text));
}

/* ---- the key ---- */

/* The file names the key that it was signed with; whoever checks says which one he trusts. */
static int check_key(struct check *c, const char *wanted, struct mst_err *err)
{
    char hex[2 * MST_HASH_BYTES + 1];
    uint8_t hash[MST_HASH_BYTES];
    size_t len = strlen(wanted);
    int code = take_bytes(c, "sign_key", c->key, sizeof c->key, err);
    if (code)
        return code;
    if (len < FINGERPRINT_DIGITS_MIN || len > 2 * MST_HASH_BYTES ||
        strspn(wanted, "0123456789abcdef") != len)
        return mst_fail(err, MST_E_USAGE,
                        _("--key %s is neither a signing key nor its fingerprint"), wanted);
    sodium_bin2hex(hex, sizeof hex, c->key, sizeof c->key);
    if (strcmp(hex, wanted) == 0)
        return 0;
    struct mst_slice part = mst_bytes(c->key, sizeof c->key);
    mst_hash(&part, 1, hash);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    if (strncmp(hex, wanted, len) == 0)
        return 0;
    hex[FINGERPRINT_DIGITS_MIN] = '\0';
    code = mst_fail(err, MST_E_SIGNATURE,
                    _("%s is signed with another key, whose fingerprint is %s"), c->path, hex);
    mst_hint(err, "%s",
             _("a report is signed by its unit (`musterctl keys --json`, with earlier keys), all "
               "else by the broker (`musterctl status`)"));
    return code;
}

/* ---- the kinds ---- */

/* The chain from before the first report to the head that is signed. */
static int check_chain(struct check *c, const char *programme, const char *unit, uint64_t seq,
                       const struct slices *reports, uint64_t *ret_last, struct mst_err *err)
{
    uint8_t chain[MST_HASH_BYTES], genesis[MST_HASH_BYTES], outbox[MST_OUTBOX_BYTES];
    int code = take_bytes(c, "outbox", outbox, sizeof outbox, err);
    if (!code)
        code = take_bytes(c, "prev", chain, sizeof chain, err);
    if (code)
        return code;
    if (seq < 1 || reports->count < 1)
        return refuse(c, reports->count ? "sequence" : "reports", err);
    mst_chain_genesis(outbox, programme, unit, genesis);
    bool joined = seq > 1 || memcmp(genesis, chain, sizeof chain) == 0;
    for (size_t i = 0; i < reports->count; i++)
        mst_chain_next(chain, seq + i, reports->items[i], chain);
    *ret_last = seq + reports->count - 1;
    if (MST_MUTANT("verify-skips-chain") || (joined && memcmp(chain, c->head, sizeof chain) == 0))
        return 0;
    return tampered(c, MST_E_CHAIN, err);
}

/* Of the report that the proof is about; the others only join it to what is signed. The unit is the
 * report's own word for it, which is signed; the envelope's is the exporter's. */
static void say_report(struct check *c, struct mst_slice bytes)
{
    struct mst_msg_report r;
    /* One that was well signed and is no report was refused, and may be proved all the same. */
    if (mst_msg_decode_report(bytes, &r, NULL))
        return;
    say_slice(c, "unit", r.unit);
    say_slice(c, "act", r.act);
    say_slice(c, "duty", r.duty);
    say_slice(c, "period", r.period);
    say_slice(c, "obligation", r.obligation);
    say_slice(c, "reason", r.reason);
    say_instant(c, "queued", r.at);
}

static int check_sig(const struct check *c, int code, struct mst_err *err)
{
    if (!code || MST_MUTANT("verify-skips-signature"))
        return 0;
    return tampered(c, MST_E_SIGNATURE, err);
}

static int verify_run(struct check *c, uint64_t last, struct mst_err *err)
{
    uint8_t outbox[MST_OUTBOX_BYTES];
    int code = take_bytes(c, "outbox", outbox, sizeof outbox, err);
    return code ? code
                : check_sig(c, mst_run_verify(c->key, outbox, last, c->head, c->sig, NULL), err);
}

static int verify_receipt(struct check *c, const char *programme, uint64_t seq, uint64_t last,
                          struct mst_err *err)
{
    uint8_t outbox[MST_OUTBOX_BYTES];
    struct mst_msg_receipt receipt = {.last = last};
    struct slices *refused = NULL;
    int code = take_bytes(c, "outbox", outbox, sizeof outbox, err);
    if (!code)
        code = take_number(c, "first", &receipt.first, err);
    if (!code)
        code = take_number(c, "row", &receipt.row, err);
    if (!code)
        code = take_number(c, "at", &receipt.at, err);
    if (!code)
        code = take_number(c, "epoch", &receipt.epoch, err);
    if (!code && (receipt.first > seq || receipt.first < 1))
        code = refuse(c, "first", err);
    if (!code)
        code = take_slices(c, "refused", &refused, err);
    if (code)
        return code;
    receipt.outbox = mst_bytes(outbox, sizeof outbox);
    receipt.head = mst_bytes(c->head, sizeof c->head);
    receipt.sig = mst_bytes(c->sig, sizeof c->sig);
    receipt.refused = (struct mst_slices){refused->items, refused->count};
    code = check_sig(c, mst_receipt_verify(c->key, programme, &receipt, NULL), err);
    if (!code) {
        say_number(c, "receipt", receipt.row + (seq - receipt.first));
        say_instant(c, "received", receipt.at);
        for (size_t i = 0; i < refused->count; i++) {
            if (mst_validate(refused->items[i].data, refused->items[i].len, NULL))
                continue;
            int64_t of = mst_unpack_int(refused->items[i], "seq", 0);
            if (of > 0 && (uint64_t)of == seq)
                say_slice(c, "refused", mst_unpack_text(refused->items[i], "code"));
        }
    }
    free_slices(refused);
    return code;
}

static int check_reports(struct check *c, bool receipt, const char *programme, struct mst_err *err)
{
    const char *unit = NULL;
    uint64_t seq = 0, last = 0;
    struct slices *reports = NULL;
    int code = take_text(c, "unit", 47, &unit, err);
    if (!code)
        code = take_number(c, "sequence", &seq, err);
    if (!code)
        code = take_slices(c, "reports", &reports, err);
    if (code)
        return code;
    code = check_chain(c, programme, unit, seq, reports, &last, err);
    if (!code) {
        /* An outbox's beginning is made of its programme, and a receipt is signed with it. */
        if (receipt || seq == 1)
            say(c, "programme", programme);
        say_number(c, "sequence", seq);
        code = receipt ? verify_receipt(c, programme, seq, last, err) : verify_run(c, last, err);
    }
    if (!code)
        say_report(c, reports->items[0]);
    free_slices(reports);
    return code;
}

static void say_alert(struct check *c, struct mst_slice row)
{
    static const char *const fields[] = {"kind", "audience", "obligation", "reason"};
    say_number(c, "number", (uint64_t)mst_unpack_int(row, "number", 0));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        say_slice(c, fields[i], mst_unpack_text(row, fields[i]));
    say_instant(c, "fired", (uint64_t)mst_unpack_int(row, "fired", 0));
}

static int check_head(struct check *c, bool alert, const char *programme, struct mst_err *err)
{
    struct mst_head head = {.programme = programme, .head = c->head};
    int code = take_number(c, "epoch", &head.epoch, err);
    if (!code)
        code = take_number(c, "row", &head.row, err);
    if (!code && alert)
        code = take_long(c, json_object_get(c->map, "bytes"), "bytes", &head.bytes, err);
    if (!code)
        code = check_sig(c, mst_head_verify(c->key, &head, c->sig, NULL), err);
    if (!code) {
        say(c, "programme", programme);
        say_number(c, "row", head.row);
        if (alert && mst_validate(head.bytes.data, head.bytes.len, NULL) == 0)
            say_alert(c, head.bytes);
    }
    free((void *)(uintptr_t)head.bytes.data);
    return code;
}

static int check_all(struct check *c, const char *key, struct mst_err *err)
{
    const char *kind = NULL, *programme = NULL, *alg = NULL;
    if (json_integer_value(json_object_get(c->map, PROOF_MARK)) != PROOF_VERSION)
        return refuse(c, PROOF_MARK, err);
    int code = take_text(c, "kind", 16, &kind, err);
    if (!code)
        code = take_text(c, "alg", 32, &alg, err);
    if (!code)
        code = take_text(c, "programme", 47, &programme, err);
    if (!code)
        code = take_bytes(c, "head", c->head, sizeof c->head, err);
    if (!code)
        code = take_bytes(c, "sig", c->sig, sizeof c->sig, err);
    if (!code && strcmp(alg, MST_ALG_ED25519_BLAKE2B) != 0)
        code = mst_fail_on(err, MST_E_VERSION, alg);
    if (!code)
        code = check_key(c, key, err);
    if (code)
        return code;
    say(c, "proof", kind);
    if (strcmp(kind, "report") == 0 || strcmp(kind, "receipt") == 0)
        return check_reports(c, strcmp(kind, "receipt") == 0, programme, err);
    if (strcmp(kind, "alert") == 0 || strcmp(kind, "head") == 0)
        return check_head(c, strcmp(kind, "alert") == 0, programme, err);
    return refuse(c, "kind", err);
}

int mst_proof_verify(const char *path, const char *key, struct mst_buf *rows, struct mst_err *err)
{
    struct check c = {.path = path, .rows = rows};
    json_error_t where;
    FILE *in = fopen(path, "re");
    if (!in) {
        mst_fail(err, MST_E_UNKNOWN, "%s: %s", path, strerror(errno));
        mst_hint(err, "%s", _("is the path right?"));
        return MST_E_UNKNOWN;
    }
    c.map = json_loadf(in, JSON_REJECT_DUPLICATES, &where);
    fclose(in);
    if (!c.map) {
        mst_fail(err, MST_E_SYNTAX,
                 json_error_code(&where) == json_error_duplicate_key
                     ? _("%s:%d:%d: a field stands twice")
                     : _("%s:%d:%d: this is no JSON, so no proof"),
                 path, where.line, where.column);
        mst_hint(err, "%s", _("use the file as it was exported"));
        return MST_E_SYNTAX;
    }
    int code = check_all(&c, key, err);
    if (!code)
        say(&c, "result", "valid");
    if (!code && rows->failed)
        code = mst_fail_on(err, MST_E_NOMEM, path);
    json_decref(c.map);
    return code;
}
