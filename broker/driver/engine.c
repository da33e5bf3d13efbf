/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One programme: its core, the head of its ledger, its alert numbers and outboxes; putting what
 * follows from a step into the open batch, in the effects' order.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/driver/driver_impl.h"

int mst_engine_put_row(struct mst_engine *e, enum mst_row_kind kind, mst_time at,
                       struct mst_slice bytes, struct mst_err *err)
{
    struct mst_row row = {.row = e->row + 1, .at = at, .kind = (uint8_t)kind, .bytes = bytes};
    int code = mst_store_put_row(e->driver->options.store, e->pid, &row, err);
    if (code)
        return code;
    mst_ledger_next(e->head, row.row, at, row.kind, bytes, e->head);
    e->row = row.row;
    e->dirty = true;
    return 0;
}

int mst_engine_put_run(struct mst_engine *e, const struct mst_run *run, struct mst_slices reports,
                       struct mst_err *err)
{
    int code = mst_store_put_run(e->driver->options.store, e->pid, run, reports, err);
    if (code)
        return code;
    e->row = run->row_first + (run->last - run->first);
    mst_ledger_next(e->head, e->row, run->at, MST_ROW_REPORT, mst_bytes(run->head, MST_HASH_BYTES),
                    e->head);
    e->dirty = true;
    return 0;
}

/* ---- outboxes ---- */

static size_t outbox_position(const struct mst_engine *e, const uint8_t id[MST_OUTBOX_BYTES],
                              bool *ret_found)
{
    size_t low = 0, high = e->outboxes_count;
    *ret_found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = memcmp(e->outboxes[mid]->id, id, MST_OUTBOX_BYTES);
        if (cmp == 0) {
            *ret_found = true;
            return mid;
        }
        if (cmp < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct mst_outbox *mst_engine_find_outbox(const struct mst_engine *e,
                                          const uint8_t id[MST_OUTBOX_BYTES])
{
    bool found;
    size_t at = outbox_position(e, id, &found);
    return found ? e->outboxes[at] : NULL;
}

int mst_engine_add_outbox(struct mst_engine *e, const struct mst_outbox *outbox,
                          struct mst_outbox **ret, struct mst_err *err)
{
    bool found;
    size_t at = outbox_position(e, outbox->id, &found);
    assert(!found);
    if (e->outboxes_count == e->outboxes_cap) {
        size_t cap = e->outboxes_cap ? 2 * e->outboxes_cap : 32;
        struct mst_outbox **grown = realloc(e->outboxes, cap * sizeof(struct mst_outbox *));
        if (!grown)
            return mst_fail_on(err, MST_E_NOMEM, "outboxes");
        e->outboxes = grown;
        e->outboxes_cap = cap;
    }
    struct mst_outbox *copy = malloc(sizeof *copy);
    if (!copy)
        return mst_fail_on(err, MST_E_NOMEM, "outboxes");
    *copy = *outbox;
    memmove(e->outboxes + at + 1, e->outboxes + at,
            (e->outboxes_count - at) * sizeof(struct mst_outbox *));
    e->outboxes[at] = copy;
    e->outboxes_count++;
    *ret = copy;
    return 0;
}

int mst_engine_outbox(const struct mst_engine *e, const uint8_t id[16], const char *unit,
                      uint64_t *ret_last, uint8_t ret_head[32], struct mst_err *err)
{
    const struct mst_outbox *outbox = mst_engine_find_outbox(e, id);
    if (outbox && strcmp(outbox->unit, unit) != 0)
        return mst_fail_on(err, MST_E_IDENTITY, unit);
    *ret_last = outbox ? outbox->last : 0;
    if (outbox)
        memcpy(ret_head, outbox->head, MST_HASH_BYTES);
    else
        mst_chain_genesis(id, e->id, unit, ret_head);
    return 0;
}

/* ---- what outlives a restart beside the obligations ---- */

#define META_DOWN "down"
#define META_PROGRAMME "programme"
#define META_STATE "state" /* the core's own, beside obligations and time */
/* A report that was queued in time is attested for an hour after an interval's end: no more than
 * these many restarts in an hour are remembered. */
#define DOWN_INTERVALS_MAX 8

static int read_down(struct mst_engine *e, mst_time intervals[2 * DOWN_INTERVALS_MAX],
                     size_t *ret_len, struct mst_err *err)
{
    *ret_len = 2 * DOWN_INTERVALS_MAX * sizeof *intervals;
    return mst_reader_meta(mst_store_own_reader(e->driver->options.store), e->pid, META_DOWN,
                           intervals, ret_len, err);
}

static int restore_down(struct mst_engine *e, struct mst_err *err)
{
    mst_time intervals[2 * DOWN_INTERVALS_MAX];
    size_t len;
    int code = read_down(e, intervals, &len, err);
    for (size_t i = 0; !code && (i + 1) * 2 * sizeof *intervals <= len; i++)
        mst_core_restore_down(e->core, intervals[2 * i], intervals[2 * i + 1]);
    return code;
}

static int restore_state(struct mst_engine *e, struct mst_err *err)
{
    size_t len = MST_CORE_STATE_BYTES_MAX;
    uint8_t *bytes = malloc(len);
    if (!bytes)
        return mst_fail_on(err, MST_E_NOMEM, META_STATE);
    int code = mst_reader_meta(mst_store_own_reader(e->driver->options.store), e->pid, META_STATE,
                               bytes, &len, err);
    if (!code && len > 0)
        code = len <= MST_CORE_STATE_BYTES_MAX
                   ? mst_core_restore_state(e->core, mst_bytes(bytes, len), err)
                   : mst_fail_on(err, MST_E_CORRUPT, META_STATE);
    free(bytes);
    return code;
}

int mst_engine_remember_down(struct mst_engine *e, mst_time from, mst_time to, struct mst_err *err)
{
    mst_time intervals[2 * DOWN_INTERVALS_MAX];
    size_t len;
    int code = read_down(e, intervals, &len, err);
    if (code)
        return code;
    size_t count = len / (2 * sizeof *intervals);
    if (count == DOWN_INTERVALS_MAX) {
        memmove(intervals, intervals + 2, (2 * DOWN_INTERVALS_MAX - 2) * sizeof *intervals);
        count--;
    }
    intervals[2 * count] = from;
    intervals[2 * count + 1] = to;
    return mst_store_put_meta(e->driver->options.store, e->pid, META_DOWN,
                              mst_bytes(intervals, (count + 1) * 2 * sizeof *intervals), err);
}

void mst_engine_change_programme(struct mst_engine *e, struct mst_programme *programme)
{
    if (e->committed)
        mst_programme_unref(e->programme);
    else
        e->committed = e->programme;
    e->programme = mst_programme_ref(programme);
}

void mst_engine_keep_programme(struct mst_engine *e)
{
    mst_programme_unref(e->committed);
    e->committed = NULL;
}

void mst_engine_take_programme_back(struct mst_engine *e)
{
    if (!e->committed)
        return;
    mst_programme_unref(e->programme);
    e->programme = e->committed;
    e->committed = NULL;
}

int mst_engine_pin_programme(struct mst_engine *e, bool *ret_changed, struct mst_err *err)
{
    uint8_t digest[MST_DIGEST_BYTES];
    size_t len = sizeof digest;
    struct mst_store *store = e->driver->options.store;
    int code =
        mst_reader_meta(mst_store_own_reader(store), e->pid, META_PROGRAMME, digest, &len, err);
    if (code)
        return code;
    bool same = len == sizeof digest && memcmp(digest, e->programme->digest, sizeof digest) == 0;
    *ret_changed = len != 0 && !same;
    if (*ret_changed && len == sizeof digest)
        code = mst_engine_keep_gone(e, digest, err);
    if (code)
        return code;
    return same ? 0
                : mst_store_put_meta(store, e->pid, META_PROGRAMME,
                                     mst_bytes(e->programme->digest, sizeof digest), err);
}

/* ---- loading ---- */

struct loading {
    struct mst_engine *engine;
    int code;
    struct mst_err *err;
};

static int load_outbox(void *context, const struct mst_outbox *outbox)
{
    struct loading *l = context;
    struct mst_outbox *added;
    l->code = mst_engine_add_outbox(l->engine, outbox, &added, l->err);
    return l->code;
}

static int load_obligation(void *context, const char *id, struct mst_slice bytes)
{
    struct loading *l = context;
    struct mst_obligation o;
    l->code = mst_obligation_unpack(bytes, &o, l->err);
    if (!l->code)
        l->code = mst_core_restore(l->engine->core, &o, l->err);
    if (l->code)
        mst_wrap(l->err, "%s", id);
    return l->code;
}

static int load_item(void *context, const char *kind, const char *id, struct mst_slice bytes)
{
    struct loading *l = context;
    struct mst_item item;
    l->code = mst_item_unpack(bytes, &item, l->err);
    if (!l->code)
        l->code = mst_core_restore_item(l->engine->core, &item, l->err);
    if (l->code)
        mst_wrap(l->err, "%s %s", kind, id);
    return l->code;
}

int mst_engine_load(struct mst_engine *e, struct mst_err *err)
{
    struct mst_reader *r = mst_store_own_reader(e->driver->options.store);
    struct loading l = {.engine = e, .err = err};
    mst_time at = 0;
    int code = mst_reader_last_head(r, e->pid, &e->row, &at, e->head, err);
    if (code)
        return code;
    if (e->row == 0)
        mst_ledger_genesis(e->id, e->head);
    e->core =
        mst_core_new(e->programme, mst_zone_midnight(e->programme->zone, e->programme->issued));
    if (!e->core)
        return mst_fail_on(err, MST_E_NOMEM, e->id);
    code = mst_reader_last_alert(r, e->pid, &e->alert_number, err);
    if (!code)
        code = mst_reader_outboxes(r, e->pid, load_outbox, &l, err);
    if (!code)
        code = l.code;
    if (!code)
        code = mst_reader_obligations(r, e->pid, load_obligation, &l, err);
    if (!code)
        code = l.code;
    if (!code)
        code = mst_reader_items(r, e->pid, load_item, &l, err);
    if (!code)
        code = l.code;
    if (!code && e->row > 0) {
        mst_core_restore_now(e->core, at);
        code = restore_down(e, err);
    }
    if (!code)
        code = restore_state(e, err);
    if (!code)
        code = mst_engine_load_heard(e, err);
    return code;
}

void mst_engine_unload(struct mst_engine *e)
{
    mst_core_free(e->core);
    e->core = NULL;
    for (size_t i = 0; i < e->outboxes_count; i++)
        free(e->outboxes[i]);
    free(e->outboxes);
    mst_heard_done(&e->heard);
    e->outboxes = NULL;
    e->outboxes_count = e->outboxes_cap = 0;
    e->dirty = false;
}

/* ---- effects ---- */

static int put_transition(struct mst_engine *e, const struct mst_transition *t, mst_time now,
                          struct mst_err *err)
{
    struct mst_buf *b = &e->driver->scratch;
    mst_buf_clear(b);
    int code = mst_row_pack_transition(t, b, err);
    if (!code)
        code = mst_engine_put_row(e, MST_ROW_TRANSITION, now, mst_bytes(b->data, b->len), err);
    return code ? code
                : mst_history_note(e->driver->options.store, e->pid, t->obligation, e->row, err);
}

static int put_alert(struct mst_engine *e, const struct mst_alert *a, mst_time now,
                     struct mst_err *err)
{
    struct mst_driver *d = e->driver;
    e->alert_number++;
    mst_buf_clear(&d->scratch);
    int code =
        mst_row_pack_alert(a, e->id, e->alert_number, d->options.rehearsal, &d->scratch, err);
    struct mst_slice bytes = mst_bytes(d->scratch.data, d->scratch.len);
    if (!code)
        code = mst_engine_put_row(e, MST_ROW_ALERT, now, bytes, err);
    if (code)
        return code;
    struct mst_stored_alert stored = {
        .number = e->alert_number,
        .row = e->row,
        .audience = mst_text(a->audience),
        .group = mst_text(a->group),
        .bytes = bytes,
    };
    memcpy(stored.row_head, e->head, sizeof stored.row_head);
    memcpy(stored.id, a->id, sizeof stored.id);
    code = mst_store_put_alert(d->options.store, e->pid, &stored, err);
    return code ? code : mst_driver_queue_alert(d, e, &stored, err);
}

static int put_obligation(struct mst_engine *e, const struct mst_obligation *o, struct mst_err *err)
{
    struct mst_buf *b = &e->driver->scratch;
    mst_buf_clear(b);
    mst_obligation_pack(o, b);
    if (b->failed)
        return mst_fail_on(err, MST_E_NOMEM, o->id);
    return mst_store_put_obligation(e->driver->options.store, e->pid, o->id,
                                    mst_bytes(b->data, b->len), err);
}

static int put_item(struct mst_engine *e, const struct mst_item *item, struct mst_err *err)
{
    struct mst_buf *b = &e->driver->scratch;
    mst_buf_clear(b);
    mst_item_pack(item, b);
    if (b->failed)
        return mst_fail_on(err, MST_E_NOMEM, item->id);
    return mst_store_put_item(e->driver->options.store, e->pid, mst_item_kind_word(item->kind),
                              item->id, mst_bytes(b->data, b->len), err);
}

static int put_item_move(struct mst_engine *e, const struct mst_item_move *m, mst_time now,
                         struct mst_err *err)
{
    struct mst_buf *b = &e->driver->scratch;
    mst_buf_clear(b);
    int code = mst_row_pack_item_move(m, b, err);
    return code ? code : mst_engine_put_row(e, MST_ROW_ITEM, now, mst_bytes(b->data, b->len), err);
}

static int put_state(struct mst_engine *e, struct mst_err *err)
{
    struct mst_buf *b = &e->driver->scratch;
    mst_buf_clear(b);
    mst_core_state_pack(e->core, b);
    if (b->failed)
        return mst_fail_on(err, MST_E_NOMEM, META_STATE);
    return mst_store_put_meta(e->driver->options.store, e->pid, META_STATE,
                              mst_bytes(b->data, b->len), err);
}

static int put_effect(struct mst_engine *e, const struct mst_effect *effect, mst_time now,
                      enum mst_code *ret_refused, char ret_subject[256], struct mst_err *err)
{
    switch (effect->kind) {
    case MST_EFFECT_STATE:
        return put_state(e, err);
    case MST_EFFECT_OBLIGATION:
        return put_obligation(e, effect->u.obligation, err);
    case MST_EFFECT_ITEM:
        return put_item(e, effect->u.item, err);
    case MST_EFFECT_ITEM_MOVE:
        return put_item_move(e, effect->u.item_move, now, err);
    case MST_EFFECT_TRANSITION:
        return put_transition(e, effect->u.transition, now, err);
    case MST_EFFECT_ALERT:
        return put_alert(e, effect->u.alert, now, err);
    case MST_EFFECT_ACCEPTED:
        return 0;
    case MST_EFFECT_REFUSED:
        *ret_refused = effect->u.refused.code;
        memcpy(ret_subject, effect->u.refused.subject, sizeof effect->u.refused.subject);
        return 0;
    }
    return mst_fail_on(err, MST_E_INTERNAL, "effect");
}

/* The inputs that leave a row only when something follows from them. */
static int put_silent_input(struct mst_engine *e, const struct mst_input *input,
                            struct mst_err *err)
{
    if (input->kind == MST_INPUT_TICK)
        return mst_engine_put_row(e, MST_ROW_TICK, input->now, mst_bytes("\xC0", 1), err);
    if (input->kind != MST_INPUT_CONTACTS)
        return 0;
    struct mst_buf *b = &e->driver->scratch;
    mst_buf_clear(b);
    mst_heard_pack(&e->heard, b);
    if (b->failed)
        return mst_fail_on(err, MST_E_NOMEM, "contacts");
    int code = mst_engine_put_row(e, MST_ROW_CONTACTS, input->now, mst_bytes(b->data, b->len), err);
    return code ? code
                : mst_history_note(e->driver->options.store, e->pid, MST_HISTORY_CONTACTS, e->row,
                                   err);
}

/* The record of an obligation holds its first versions and the latest; this one comes between. */
static int note_version(struct mst_engine *e, const struct mst_effect *effect,
                        const struct mst_input *input, struct mst_err *err)
{
    char what[MST_OBLIGATION_ID_MAX + sizeof MST_HISTORY_VERSIONS];
    if (effect->kind != MST_EFFECT_OBLIGATION || input->kind != MST_INPUT_REPORT ||
        effect->u.obligation->versions_count <= MST_VERSIONS_MAX ||
        effect->u.obligation->latest.row != input->u.report.row)
        return 0;
    snprintf(what, sizeof what, "%s%s", effect->u.obligation->id, MST_HISTORY_VERSIONS);
    return mst_history_note(e->driver->options.store, e->pid, what, input->u.report.row, err);
}

int mst_engine_step(struct mst_engine *e, const struct mst_input *input, enum mst_code *ret_refused,
                    char ret_subject[256], struct mst_err *err)
{
    struct mst_effects *effects = &e->driver->effects;
    mst_effects_clear(effects);
    *ret_refused = MST_OK;
    int code = mst_core_step(e->core, input, effects, err);
    if (!code && effects->count > 0)
        code = put_silent_input(e, input, err);
    for (size_t i = 0; !code && i < effects->count; i++) {
        code = put_effect(e, &effects->items[i], input->now, ret_refused, ret_subject, err);
        if (!code)
            code = note_version(e, &effects->items[i], input, err);
    }
    return code;
}

int mst_driver_tick(struct mst_driver *d, mst_time now, struct mst_err *err)
{
    int code = 0;
    for (size_t i = 0; !code && i < d->engines_count; i++) {
        struct mst_engine *e = d->engines[i];
        if (mst_core_next_due(e->core) > now)
            continue;
        struct mst_input input = {.kind = MST_INPUT_TICK, .now = now};
        enum mst_code refused;
        char subject[256];
        code = mst_driver_open_batch(d, err);
        if (!code)
            code = mst_engine_step(e, &input, &refused, subject, err);
    }
    return code;
}

/* ---- queries ---- */

struct mst_programme *mst_engine_programme(const struct mst_engine *e)
{
    return e->programme;
}

const struct mst_core *mst_engine_core(const struct mst_engine *e)
{
    return e->core;
}

mst_pid mst_engine_pid(const struct mst_engine *e)
{
    return e->pid;
}

uint64_t mst_engine_last_alert(const struct mst_engine *e)
{
    return e->alert_number;
}

uint64_t mst_engine_last_row(const struct mst_engine *e)
{
    return e->row;
}

struct cursor_search {
    const char *principal, *name;
    uint64_t cursor;
};

static int match_cursor(void *context, const char *principal, const char *name, uint64_t cursor)
{
    struct cursor_search *s = context;
    if (strcmp(s->principal, principal) != 0 || strcmp(s->name, name) != 0)
        return 0;
    s->cursor = cursor;
    return 1;
}

int mst_engine_cursor(struct mst_driver *d, struct mst_engine *e, const char *principal,
                      const char *name, uint64_t *ret_cursor, struct mst_err *err)
{
    struct cursor_search s = {.principal = principal, .name = name};
    int code =
        mst_reader_cursors(mst_store_own_reader(d->options.store), e->pid, match_cursor, &s, err);
    if (!code)
        *ret_cursor = s.cursor;
    return code;
}

int mst_driver_cursor(struct mst_driver *d, struct mst_engine *e, const char *principal,
                      const char *name, uint64_t cursor, struct mst_err *err)
{
    int code = mst_driver_open_batch(d, err);
    return code ? code
                : mst_store_put_cursor(d->options.store, e->pid, principal, name, cursor, err);
}
