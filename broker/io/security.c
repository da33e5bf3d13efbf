/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security events that are found where no batch may be opened, at a handshake or while a commit is
 * under way: kept until the next batch. What the office was told of lately is not kept, so that
 * who knocks all day fills neither this list nor the ledger.
 */
#include <stdio.h>
#include <string.h>

#include "broker/io/broker.h"

void mst_security_note(struct mst_broker *b, struct mst_engine *engine, enum mst_security event,
                       const char *who, const char *address)
{
    const struct mst_core *core = mst_engine_core(engine);
    if (!mst_core_security_due(core, event, who, mst_clock_now(&b->clock)))
        return;
    for (size_t i = 0; i < b->noted_count; i++) {
        if (b->noted[i].engine == engine && b->noted[i].event == event &&
            strcmp(b->noted[i].who, who) == 0)
            return;
    }
    /* The others come again: a key that expires tomorrow, a knock at once. */
    if (b->noted_count == MST_NOTED_MAX)
        return;
    struct mst_noted *noted = &b->noted[b->noted_count++];
    *noted = (struct mst_noted){.engine = engine, .event = event};
    snprintf(noted->who, sizeof noted->who, "%s", who);
    snprintf(noted->address, sizeof noted->address, "%s", address);
}

int mst_security_serve(struct mst_broker *b, mst_time now, struct mst_err *err)
{
    int code = 0;
    size_t i = 0;
    for (; !code && i < b->noted_count; i++) {
        const struct mst_noted *noted = &b->noted[i];
        struct mst_caller caller = {.actor = {.principal = noted->who}, .address = noted->address};
        code = mst_driver_security(b->driver, noted->engine, &caller, noted->event, NULL, now, err);
    }
    b->noted_count = 0;
    return code;
}
