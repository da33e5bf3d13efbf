/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security events that are found where no batch may be opened, at a handshake or while a commit is
 * under way: kept until the next batch. What the office was told of lately is not kept, so that
 * who knocks all day fills neither this list nor the ledger.
 */
#include <stdio.h>
#include <string.h>

#include "broker/io/errand.h"

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

/* ---- witnesses ---- */

static bool is_number(const char *text)
{
    return text[0] && strlen(text) < 20 && strspn(text, "0123456789") == strlen(text);
}

static bool is_head(const char *text)
{
    return strlen(text) == 2 * (size_t)MST_HASH_BYTES &&
           strspn(text, "0123456789abcdef") == strlen(text);
}

/* Somebody has a head of the ledger that is not the one that stands there now. */
int mst_act_contradict(struct mst_errand *e, struct mst_err *err)
{
    char row[MST_TEXT_ARG_MAX], head[MST_TEXT_ARG_MAX], subject[128];
    struct mst_engine *engine = e->s->engine;
    if (!mst_errand_arg(e, "row", row) || !is_number(row))
        return mst_errand_refuse(e, MST_E_USAGE, "ROW: " N_("must be a whole number from 1 on"));
    if (!mst_errand_arg(e, "head", head) || !is_head(head))
        return mst_errand_refuse(e, MST_E_USAGE, "--head: " N_("must be 64 hexadecimal digits"));
    snprintf(subject, sizeof subject, "%.20s %.64s", row, head);
    mst_log(&e->b->log, 3, "head-contradicted", "by=%s address=%s row=%s head=%s",
            e->caller.actor.principal, e->caller.address, row, head);
    int code = 0;
    if (mst_core_security_due(mst_engine_core(engine), MST_SECURITY_HEAD_CONTRADICTED,
                              e->caller.actor.principal, e->now))
        code = mst_driver_security(e->b->driver, engine, &e->caller, MST_SECURITY_HEAD_CONTRADICTED,
                                   subject, e->now, err);
    const char *const pairs[][2] = {{"row", row}, {"head", head}};
    return code ? code : mst_session_reply_pairs(e->b, e->s, e->id, pairs, 2, err);
}
