/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a receipt's proof, numbered, so that a long one comes in pages. */
#include <string.h>

#include "agent/run/serve_impl.h"
#include "proto/pack.h"

struct proving {
    struct mst_rows *rows;
    uint64_t after, n;
    const char *programme, *unit, *broker_sign_key;
};

/* Begin a row; false: it was on an earlier page, or is for the next one. */
static bool begin(struct proving *p, const char *name)
{
    struct mst_rows *rows = p->rows;
    if (++p->n <= p->after || rows->next)
        return false;
    if (mst_rows_full(rows)) {
        rows->next = p->n;
        return false;
    }
    mst_rows_begin(rows);
    mst_pack_map(&rows->bytes, 3);
    mst_pack_text(&rows->bytes, "n");
    mst_pack_uint(&rows->bytes, p->n);
    mst_pack_text(&rows->bytes, "name");
    mst_pack_text(&rows->bytes, name);
    mst_pack_text(&rows->bytes, "value");
    return true;
}

static void put_text(struct proving *p, const char *name, const char *value)
{
    if (begin(p, name))
        mst_pack_text(&p->rows->bytes, value);
}

static void put_uint(struct proving *p, const char *name, uint64_t value)
{
    if (begin(p, name))
        mst_pack_uint(&p->rows->bytes, value);
}

static void put_bytes(struct proving *p, const char *name, struct mst_slice bytes)
{
    if (begin(p, name))
        mst_pack_bin(&p->rows->bytes, bytes.data, bytes.len);
}

static int put_receipt(void *context, const struct mst_outbox_proof *proof)
{
    struct proving *p = context;
    const struct mst_msg_receipt *r = proof->receipt;
    put_text(p, "programme", p->programme);
    put_text(p, "unit", p->unit);
    put_bytes(p, "outbox", r->outbox);
    put_uint(p, "sequence", proof->seq);
    put_bytes(p, "prev", mst_bytes(proof->prev, sizeof proof->prev));
    put_bytes(p, "head", r->head);
    put_uint(p, "first", r->first);
    put_uint(p, "row", r->row);
    put_uint(p, "at", r->at);
    put_uint(p, "epoch", r->epoch);
    for (size_t i = 0; i < r->refused.count; i++)
        put_bytes(p, "refused", r->refused.items[i]);
    put_bytes(p, "sig", r->sig);
    put_text(p, "sign_key", p->broker_sign_key);
    return 0;
}

static int put_report(void *context, struct mst_slice report)
{
    put_bytes(context, "reports", report);
    return 0;
}

int mst_rows_proof(struct mst_rows *rows, struct mst_outbox *outbox, uint64_t number,
                   uint64_t after, const char *programme, const char *unit,
                   const char *broker_sign_key, struct mst_err *err)
{
    struct proving p = {.rows = rows,
                        .after = after,
                        .programme = programme,
                        .unit = unit,
                        .broker_sign_key = broker_sign_key};
    return mst_outbox_prove(outbox, number, put_receipt, put_report, &p, err);
}
