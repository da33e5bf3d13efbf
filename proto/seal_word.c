/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker signs of its ledger, and what a principal signs when it changes its keys. Each
 * text begins with a label of its own, so that no signature can be taken for another kind's.
 */
#include <string.h>

#include <sodium.h>

#include "proto/seal.h"

/* Label, programme and principal with their ends, and at most four keys or hashes. */
#define TEXT_BYTES_MAX 512

struct text {
    uint8_t bytes[TEXT_BYTES_MAX];
    size_t len;
};

static void put(struct text *t, const void *data, size_t len)
{
    /* What does not fit was refused long before it came here: ids have their limits. */
    if (len > sizeof t->bytes - t->len)
        len = sizeof t->bytes - t->len;
    memcpy(t->bytes + t->len, data, len);
    t->len += len;
}

static void put_u64(struct text *t, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 7; i >= 0; i--, value >>= 8)
        bytes[i] = (uint8_t)value;
    put(t, bytes, sizeof bytes);
}

static int verify(const uint8_t key[MST_SIGN_PUBLIC_BYTES], const struct text *t,
                  const uint8_t sig[MST_SIGN_BYTES], const char *subject, struct mst_err *err)
{
    return crypto_sign_verify_detached(sig, t->bytes, t->len, key)
               ? mst_fail_on(err, MST_E_SIGNATURE, subject)
               : 0;
}

/* ---- ledger heads ---- */

static void head_text(const struct mst_head *head, struct text *t)
{
    uint8_t hash[MST_HASH_BYTES];
    mst_hash(&head->bytes, 1, hash);
    t->len = 0;
    put(t, "muster.head.1", strlen("muster.head.1"));
    put(t, head->programme, strlen(head->programme) + 1);
    put_u64(t, head->epoch);
    put_u64(t, head->row);
    put(t, head->head, MST_HASH_BYTES);
    put(t, hash, sizeof hash);
}

void mst_head_sign(const uint8_t secret[MST_SIGN_SECRET_BYTES], const struct mst_head *head,
                   uint8_t ret_sig[MST_SIGN_BYTES])
{
    struct text t;
    head_text(head, &t);
    (void)crypto_sign_detached(ret_sig, NULL, t.bytes, t.len, secret);
}

int mst_head_verify(const uint8_t key[MST_SIGN_PUBLIC_BYTES], const struct mst_head *head,
                    const uint8_t sig[MST_SIGN_BYTES], struct mst_err *err)
{
    struct text t;
    head_text(head, &t);
    return verify(key, &t, sig, _("the ledger's head"), err);
}

int mst_alert_row(const struct mst_msg_alert *alert, struct mst_buf *out, struct mst_err *err)
{
    static const uint8_t no_head[MST_HASH_BYTES];
    struct mst_msg msg = {.type = MST_MSG_alert, .u.alert = *alert};
    struct mst_msg_alert *row = &msg.u.alert;
    row->prev = row->ledger_row = 0;
    row->ledger_head = mst_bytes(no_head, sizeof no_head);
    row->has &= ~(UINT64_C(1) << MST_F_alert_ledger_epoch);
    row->ledger_sig = row->bearer_en = row->bearer_zh = row->duty_en = row->duty_zh =
        (struct mst_slice){0};
    return mst_msg_encode(&msg, out, err);
}

int mst_alert_verify(const uint8_t key[MST_SIGN_PUBLIC_BYTES], const struct mst_msg_alert *alert,
                     struct mst_err *err)
{
    char programme[48];
    struct mst_buf row = {0};
    if (!alert->ledger_sig.data || alert->ledger_head.len != MST_HASH_BYTES)
        return mst_fail_on(err, MST_E_SIGNATURE, _("the ledger's head"));
    int code = mst_alert_row(alert, &row, err);
    const struct mst_head head = {
        .programme = mst_slice_copy(alert->programme, programme, sizeof programme),
        .epoch = alert->ledger_epoch,
        .row = alert->ledger_row,
        .head = alert->ledger_head.data,
        .bytes = mst_bytes(row.data, row.len),
    };
    if (!code)
        code = mst_head_verify(key, &head, alert->ledger_sig.data, err);
    mst_buf_done(&row);
    return code;
}

/* ---- fresh keys ---- */

static void rotation_text(const struct mst_rotation *r, struct text *t)
{
    t->len = 0;
    put(t, "muster.rotate.1", strlen("muster.rotate.1"));
    put(t, r->programme, strlen(r->programme) + 1);
    put(t, r->principal, strlen(r->principal) + 1);
    put(t, r->old_channel, 32);
    put(t, r->new_channel, 32);
    put(t, r->new_sign, MST_SIGN_PUBLIC_BYTES);
}

void mst_rotation_sign(const uint8_t secret[MST_SIGN_SECRET_BYTES],
                       const struct mst_rotation *rotation, uint8_t ret_sig[MST_SIGN_BYTES])
{
    struct text t;
    rotation_text(rotation, &t);
    (void)crypto_sign_detached(ret_sig, NULL, t.bytes, t.len, secret);
}

int mst_rotation_verify(const uint8_t key[MST_SIGN_PUBLIC_BYTES],
                        const struct mst_rotation *rotation, const uint8_t sig[MST_SIGN_BYTES],
                        struct mst_err *err)
{
    struct text t;
    rotation_text(rotation, &t);
    return verify(key, &t, sig, _("the new keys"), err);
}
