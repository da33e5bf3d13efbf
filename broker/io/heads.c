/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's signature on what its ledger holds at an alert's row. It is made when the alert
 * first goes out, after the commit, so that ingest never pays for it; kept a while, since many
 * subscribers get the same alert; and the same again whenever it is made, so that none need be
 * stored.
 */
#include <string.h>

#include "broker/io/broker.h"

const uint8_t *mst_head_seal(struct mst_broker *b, struct mst_engine *engine,
                             const struct mst_stored_alert *stored)
{
    mst_pid pid = mst_engine_pid(engine);
    struct mst_sealed *s = &b->sealed[stored->row % MST_SEALED_MAX];
    if (s->row == stored->row && s->pid == pid)
        return s->sig;
    const struct mst_head head = {
        .programme = mst_engine_programme(engine)->id,
        .epoch = mst_driver_epoch(b->driver),
        .row = stored->row,
        .head = stored->row_head,
        .bytes = stored->bytes,
    };
    mst_head_sign(b->keys.sign_secret, &head, s->sig);
    s->row = stored->row;
    s->pid = pid;
    return s->sig;
}
