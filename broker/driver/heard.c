/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/driver/heard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/driver/driver_impl.h"

#define META_HEARD "heard"

void mst_heard_done(struct mst_heard *heard)
{
    free(heard->rows);
    memset(heard, 0, sizeof *heard);
}

int mst_heard_note(struct mst_heard *heard, const char *unit, mst_time at, struct mst_err *err)
{
    for (size_t i = 0; i < heard->count; i++) {
        if (strcmp(heard->rows[i].unit, unit) == 0) {
            heard->rows[i].heard = at;
            return 0;
        }
    }
    if (heard->count == heard->cap) {
        size_t cap = heard->cap ? 2 * heard->cap : 32;
        struct mst_heard_row *grown = realloc(heard->rows, cap * sizeof *grown);
        if (!grown)
            return mst_fail_on(err, MST_E_NOMEM, META_HEARD);
        heard->rows = grown;
        heard->cap = cap;
    }
    struct mst_heard_row *row = &heard->rows[heard->count++];
    snprintf(row->unit, sizeof row->unit, "%s", unit);
    row->heard = at;
    return 0;
}

void mst_heard_pack(const struct mst_heard *heard, struct mst_buf *out)
{
    mst_pack_map(out, heard->count);
    for (size_t i = 0; i < heard->count; i++) {
        mst_pack_text(out, heard->rows[i].unit);
        mst_pack_int(out, heard->rows[i].heard);
    }
}

int mst_heard_unpack(struct mst_heard *heard, struct mst_slice bytes, struct mst_err *err)
{
    struct mst_unpack u;
    struct mst_value head, unit, at;
    mst_unpack_init(&u, bytes.data, bytes.len);
    if (!mst_unpack_next(&u, &head) || head.kind != MST_VALUE_MAP)
        return 0;
    int code = 0;
    for (size_t i = 0; !code && i < head.count; i++) {
        char id[MST_ID_MAX];
        if (!mst_unpack_next(&u, &unit) || unit.kind != MST_VALUE_TEXT ||
            !mst_unpack_next(&u, &at) || at.kind != MST_VALUE_INT)
            return 0;
        code = mst_heard_note(heard, mst_slice_copy(unit.s, id, sizeof id), at.i, err);
    }
    return code;
}

struct mst_input mst_heard_input(const struct mst_heard *heard, struct mst_contact_fact *facts,
                                 mst_time now)
{
    for (size_t i = 0; i < heard->count; i++)
        facts[i] =
            (struct mst_contact_fact){.unit = heard->rows[i].unit, .heard = heard->rows[i].heard};
    struct mst_input input = {.kind = MST_INPUT_CONTACTS, .now = now};
    input.u.contacts.items = facts;
    input.u.contacts.count = heard->count;
    return input;
}

/* ---- the engine's ---- */

int mst_engine_load_heard(struct mst_engine *e, struct mst_err *err)
{
    struct mst_reader *reader = mst_store_own_reader(e->driver->options.store);
    size_t len = 0;
    mst_heard_done(&e->heard);
    int code = mst_reader_meta(reader, e->pid, META_HEARD, NULL, &len, err);
    uint8_t *bytes = len && !code ? malloc(len) : NULL;
    if (code || len == 0)
        return code;
    if (!bytes)
        return mst_fail_on(err, MST_E_NOMEM, META_HEARD);
    code = mst_reader_meta(reader, e->pid, META_HEARD, bytes, &len, err);
    if (!code)
        code = mst_heard_unpack(&e->heard, mst_bytes(bytes, len), err);
    free(bytes);
    return code;
}

const struct mst_heard *mst_engine_heard(const struct mst_engine *e)
{
    return &e->heard;
}

int mst_driver_heard(struct mst_engine *e, const char *unit, mst_time now, struct mst_err *err)
{
    return mst_heard_note(&e->heard, unit, now, err);
}

int mst_driver_contacts(struct mst_driver *d, struct mst_engine *e, mst_time now,
                        struct mst_err *err)
{
    struct mst_contact_fact *facts = calloc(e->heard.count + 1, sizeof *facts);
    if (!facts)
        return mst_fail_on(err, MST_E_NOMEM, META_HEARD);
    struct mst_input input = mst_heard_input(&e->heard, facts, now);
    enum mst_code refused;
    char subject[256];
    int code = mst_driver_open_batch(d, err);
    if (!code)
        code = mst_engine_step(e, &input, &refused, subject, err);
    free(facts);
    struct mst_buf *b = &d->scratch;
    mst_buf_clear(b);
    mst_heard_pack(&e->heard, b);
    if (!code && b->failed)
        code = mst_fail_on(err, MST_E_NOMEM, META_HEARD);
    return code ? code
                : mst_store_put_meta(d->options.store, e->pid, META_HEARD,
                                     mst_bytes(b->data, b->len), err);
}
