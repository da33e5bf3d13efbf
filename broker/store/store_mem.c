/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory backend: for tests, simulations and measurements of everything but the disk. It keeps
 * the whole contract except that nothing outlives it. A batch lies in maps of its own until it is
 * committed, so that dropping it drops them and other threads never see it.
 *
 * Another thread's walk holds the lock that a commit needs: its callback must not wait for one.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "broker/store/mem_map.h"
#include "broker/store/store_impl.h"

/* Beside a map for each table: what finds outboxes and alerts by id. */
enum { MAP_OUTBOX_ID = MST_TABLE_COUNT, MAP_ALERT_ID, MAP_COUNT };

/* Longest key: programme, principal, name, both with their NUL. */
#define KEY_BYTES_MAX (4 + 2 * (MST_STORE_NAME_BYTES_MAX + 1))

struct key {
    uint8_t bytes[KEY_BYTES_MAX];
    size_t len;
};

/* The fixed parts of values; what varies in length follows them. */
struct row_value {
    mst_time at;
    uint8_t kind;
    uint64_t outbox, last; /* of a report: where its run is */
};
struct head_value {
    mst_time at;
    uint8_t head[MST_HASH_BYTES];
};
struct alert_value {
    uint64_t row;
    uint8_t row_head[MST_HASH_BYTES];
    uint8_t id[MST_HASH_BYTES];
    size_t audience_len, group_len;
};

struct mem_store;
struct mem_reader {
    struct mst_reader base;
    struct mem_store *store;
    bool own; /* sees the open batch and needs no lock: only its thread writes */
};

struct mem_store {
    struct mst_store base;
    struct mem_reader own;
    pthread_rwlock_t lock; /* of `kept`: written by a commit, read by other threads' readers */
    struct mst_mem_map kept[MAP_COUNT];
    struct mst_mem_map batch[MAP_COUNT];
    uint64_t outbox_last, outbox_kept; /* numbers given: in all, and by completed batches */
};

static struct mem_store *of(struct mst_store *s)
{
    return (struct mem_store *)s;
}

/* ---- keys ---- */

static void key_add(struct key *key, const void *data, size_t len)
{
    memcpy(key->bytes + key->len, data, len);
    key->len += len;
}

static void key_add_number(struct key *key, uint64_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        key->bytes[key->len++] = (uint8_t)(number >> (8 * i));
}

static struct key key_of(mst_pid p)
{
    struct key key = {.len = 0};
    key_add_number(&key, p, 4);
    return key;
}

static struct key key_number(mst_pid p, uint64_t number)
{
    struct key key = key_of(p);
    key_add_number(&key, number, 8);
    return key;
}

static struct key key_numbers(mst_pid p, uint64_t outbox, uint64_t number)
{
    struct key key = key_number(p, outbox);
    key_add_number(&key, number, 8);
    return key;
}

static struct key key_bytes(mst_pid p, const void *data, size_t len)
{
    struct key key = key_of(p);
    key_add(&key, data, len);
    return key;
}

static struct key key_texts(mst_pid p, const char *first, const char *second)
{
    struct key key = key_bytes(p, first, strlen(first) + 1);
    key_add(&key, second, strlen(second) + 1);
    return key;
}

static struct mst_slice slice_of(const struct key *key)
{
    return (struct mst_slice){key->bytes, key->len};
}

static uint64_t number_at(struct mst_slice key, size_t at, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | key.data[at + i];
    return number;
}

/* ---- both layers as one ---- */

static const struct mst_mem_entry *find(const struct mem_store *s, int map, const struct key *key)
{
    const struct mst_mem_entry *entry = mst_mem_map_find(&s->batch[map], slice_of(key));
    return entry ? entry : mst_mem_map_find(&s->kept[map], slice_of(key));
}

static int add(struct mem_store *s, int map, const struct key *key, const struct mst_slice *parts,
               size_t count, struct mst_err *err)
{
    return mst_mem_map_put(&s->batch[map], slice_of(key), parts, count)
               ? 0
               : mst_fail_on(err, MST_E_NOMEM, "store");
}

static int add_fixed(struct mem_store *s, int map, const struct key *key, const void *value,
                     size_t size, struct mst_err *err)
{
    struct mst_slice part = {value, size};
    return add(s, map, key, &part, 1, err);
}

/* ---- writing ---- */

static int fail_exists(const struct mst_put *put, struct mst_err *err)
{
    return mst_fail_on(err, MST_E_EXISTS, mst_table_name(put->table));
}

static int put_row(struct mem_store *s, const struct mst_put *put, struct mst_err *err)
{
    const struct mst_row *row = put->u.row;
    struct key key = key_number(put->p, row->row);
    struct row_value value = {.at = row->at, .kind = row->kind};
    struct mst_slice parts[] = {{(const uint8_t *)&value, sizeof value}, row->bytes};
    return add(s, MST_TABLE_ROW, &key, parts, 2, err);
}

static int put_head(struct mem_store *s, const struct mst_put *put, struct mst_err *err)
{
    struct key key = key_number(put->p, put->u.head.row);
    struct key old = key_number(put->p, put->u.head.replaces);
    struct head_value value = {.at = put->u.head.at};
    memcpy(value.head, put->u.head.head, sizeof value.head);
    int code = add_fixed(s, MST_TABLE_HEAD, &key, &value, sizeof value, err);
    if (!code && put->u.head.replaces && put->u.head.replaces != put->u.head.row)
        (void)mst_mem_map_remove(&s->batch[MST_TABLE_HEAD], slice_of(&old));
    return code;
}

static int put_run(struct mem_store *s, const struct mst_put *put, struct mst_err *err)
{
    const struct mst_run *run = put->u.run.run;
    struct key key = key_numbers(put->p, run->outbox, run->last);
    if (find(s, MST_TABLE_RUN, &key))
        return fail_exists(put, err);
    struct row_value value = {
        .at = run->at, .kind = MST_ROW_REPORT, .outbox = run->outbox, .last = run->last};
    int code = add_fixed(s, MST_TABLE_RUN, &key, run, sizeof *run, err);
    for (size_t i = 0; !code && i < put->u.run.reports.count; i++) {
        struct key row = key_number(put->p, run->row_first + i);
        struct mst_slice parts[] = {{(const uint8_t *)&value, sizeof value},
                                    put->u.run.reports.items[i]};
        code = add(s, MST_TABLE_ROW, &row, parts, 2, err);
    }
    return code;
}

static int put_outbox(struct mem_store *s, const struct mst_put *put, struct mst_err *err)
{
    struct mst_outbox outbox = *put->u.outbox;
    struct key id = key_bytes(put->p, outbox.id, sizeof outbox.id);
    const struct mst_mem_entry *known = find(s, MAP_OUTBOX_ID, &id);
    int code = 0;
    if (known) {
        memcpy(&outbox.number, known->value.data, sizeof outbox.number);
    } else {
        outbox.number = s->outbox_last + 1;
        code = add_fixed(s, MAP_OUTBOX_ID, &id, &outbox.number, sizeof outbox.number, err);
    }
    struct key key = key_number(put->p, outbox.number);
    if (!code)
        code = add_fixed(s, MST_TABLE_OUTBOX, &key, &outbox, sizeof outbox, err);
    if (code)
        return code;
    if (!known)
        s->outbox_last = outbox.number;
    put->u.outbox->number = outbox.number;
    return 0;
}

static int put_refusal(struct mem_store *s, const struct mst_put *put, struct mst_err *err)
{
    const struct mst_refusal *refusal = put->u.refusal;
    struct key key = key_numbers(put->p, refusal->outbox, refusal->seq);
    if (find(s, MST_TABLE_REFUSAL, &key))
        return fail_exists(put, err);
    struct mst_slice parts[] = {{(const uint8_t *)&refusal->code, sizeof refusal->code},
                                refusal->subject};
    return add(s, MST_TABLE_REFUSAL, &key, parts, 2, err);
}

static int put_named(struct mem_store *s, const struct mst_put *put, struct mst_err *err)
{
    struct key key = key_bytes(put->p, put->u.named.name, strlen(put->u.named.name) + 1);
    return add(s, (int)put->table, &key, &put->u.named.bytes, 1, err);
}

static int put_item(struct mem_store *s, const struct mst_put *put, struct mst_err *err)
{
    const struct mst_put_item *item = &put->u.item;
    struct key key = key_texts(put->p, item->kind, item->id);
    return add(s, MST_TABLE_ITEM, &key, &item->bytes, 1, err);
}

static int put_alert(struct mem_store *s, const struct mst_put *put, struct mst_err *err)
{
    const struct mst_stored_alert *alert = put->u.alert;
    struct key id = key_bytes(put->p, alert->id, sizeof alert->id);
    struct key key = key_number(put->p, alert->number);
    if (find(s, MAP_ALERT_ID, &id))
        return fail_exists(put, err);
    struct alert_value value = {
        .row = alert->row,
        .audience_len = alert->audience.len,
        .group_len = alert->group.len,
    };
    memcpy(value.row_head, alert->row_head, sizeof value.row_head);
    memcpy(value.id, alert->id, sizeof value.id);
    struct mst_slice parts[] = {
        {(const uint8_t *)&value, sizeof value}, alert->audience, alert->group};
    int code = add(s, MST_TABLE_ALERT, &key, parts, 3, err);
    return code ? code : add_fixed(s, MAP_ALERT_ID, &id, &alert->number, sizeof alert->number, err);
}

static int put_cursor(struct mem_store *s, const struct mst_put *put, struct mst_err *err)
{
    const struct mst_put_cursor *cursor = &put->u.cursor;
    struct key key = key_texts(put->p, cursor->principal, cursor->name);
    return add_fixed(s, MST_TABLE_CURSOR, &key, &cursor->cursor, sizeof cursor->cursor, err);
}

static int put_key(struct mem_store *s, const struct mst_put *put, struct mst_err *err)
{
    struct key key = key_bytes(put->p, put->u.key->channel, sizeof put->u.key->channel);
    return add_fixed(s, MST_TABLE_KEY, &key, put->u.key, sizeof *put->u.key, err);
}

static int put_invitation(struct mem_store *s, const struct mst_put *put, struct mst_err *err)
{
    const struct mst_invitation *invitation = put->u.invitation;
    struct key key = key_bytes(put->p, invitation->token_hash, sizeof invitation->token_hash);
    return add_fixed(s, MST_TABLE_INVITATION, &key, invitation, sizeof *invitation, err);
}

static int (*const put_fns[MST_TABLE_COUNT])(struct mem_store *, const struct mst_put *,
                                             struct mst_err *) = {
    [MST_TABLE_ROW] = put_row,         [MST_TABLE_HEAD] = put_head,
    [MST_TABLE_RUN] = put_run,         [MST_TABLE_OUTBOX] = put_outbox,
    [MST_TABLE_REFUSAL] = put_refusal, [MST_TABLE_OBLIGATION] = put_named,
    [MST_TABLE_ALERT] = put_alert,     [MST_TABLE_CURSOR] = put_cursor,
    [MST_TABLE_KEY] = put_key,         [MST_TABLE_INVITATION] = put_invitation,
    [MST_TABLE_META] = put_named,      [MST_TABLE_ITEM] = put_item,
};

static int mem_put(struct mst_store *s, const struct mst_put *put, struct mst_err *err)
{
    return put_fns[put->table](of(s), put, err);
}

static int mem_programme(struct mst_store *base, const char *id, mst_pid next, mst_pid *ret_pid,
                         struct mst_err *err)
{
    struct mem_store *s = of(base);
    for (mst_pid p = 1; p < next; p++) {
        struct key key = key_of(p);
        const struct mst_mem_entry *entry = find(s, MST_TABLE_PROGRAMME, &key);
        if (entry && strcmp((const char *)entry->value.data, id) == 0) {
            *ret_pid = p;
            return 0;
        }
    }
    struct key key = key_of(next);
    int code = add_fixed(s, MST_TABLE_PROGRAMME, &key, id, strlen(id) + 1, err);
    if (!code)
        *ret_pid = next;
    return code;
}

static int mem_begin(struct mst_store *s, struct mst_err *err)
{
    (void)s;
    (void)err;
    return 0;
}

static int mem_rollback(struct mst_store *base, struct mst_err *err)
{
    struct mem_store *s = of(base);
    (void)err;
    for (int map = 0; map < MAP_COUNT; map++)
        mst_mem_map_done(&s->batch[map]);
    s->outbox_last = s->outbox_kept;
    return 0;
}

static void mem_commit(struct mst_store *base)
{
    struct mem_store *s = of(base);
    pthread_rwlock_wrlock(&s->lock);
    for (int map = 0; map < MAP_COUNT; map++)
        mst_mem_map_move(&s->kept[map], &s->batch[map]);
    pthread_rwlock_unlock(&s->lock);
    s->outbox_kept = s->outbox_last;
    mst_store_committed(base, 0, NULL);
}

static int mem_maintain(struct mst_store *s, bool *ret_more, struct mst_err *err)
{
    (void)s;
    (void)err;
    *ret_more = false;
    return 0;
}

/* ---- reading ---- */

static void read_lock(struct mem_reader *r)
{
    if (!r->own)
        pthread_rwlock_rdlock(&r->store->lock);
}

static void read_unlock(struct mem_reader *r)
{
    if (!r->own)
        pthread_rwlock_unlock(&r->store->lock);
}

/* What this reader sees under a key. */
static const struct mst_mem_entry *seen_by(const struct mem_reader *r, int map,
                                           const struct key *key)
{
    return r->own ? find(r->store, map, key)
                  : mst_mem_map_find(&r->store->kept[map], slice_of(key));
}

static struct mst_slice tail(struct mst_slice value, size_t from, size_t len)
{
    return mst_slice_stored(value.data + from, len);
}

static int give_alert(struct mem_reader *r, const struct mst_walk *walk, struct mst_slice key,
                      struct mst_slice value)
{
    struct alert_value fixed;
    memcpy(&fixed, value.data, sizeof fixed);
    struct key row_key = key_number(walk->p, fixed.row);
    /* The dispatch saw to it that the row is there. */
    struct mst_slice bytes = seen_by(r, MST_TABLE_ROW, &row_key)->value;
    struct mst_stored_alert alert = {
        .number = number_at(key, 4, 8),
        .row = fixed.row,
        .audience = tail(value, sizeof fixed, fixed.audience_len),
        .group = tail(value, sizeof fixed + fixed.audience_len, fixed.group_len),
        .bytes = tail(bytes, sizeof(struct row_value), bytes.len - sizeof(struct row_value)),
    };
    memcpy(alert.row_head, fixed.row_head, sizeof alert.row_head);
    memcpy(alert.id, fixed.id, sizeof alert.id);
    return walk->fn.alert(walk->context, &alert);
}

static int give_row(struct mem_reader *r, const struct mst_walk *walk, struct mst_slice key,
                    struct mst_slice value)
{
    struct row_value fixed;
    struct mst_run run;
    memcpy(&fixed, value.data, sizeof fixed);
    if (fixed.kind == MST_ROW_REPORT) {
        struct key run_key = key_numbers(walk->p, fixed.outbox, fixed.last);
        memcpy(&run, seen_by(r, MST_TABLE_RUN, &run_key)->value.data, sizeof run);
    }
    struct mst_row row = {
        .row = number_at(key, 4, 8),
        .at = fixed.at,
        .kind = fixed.kind,
        .bytes = tail(value, sizeof fixed, value.len - sizeof fixed),
        .run = fixed.kind == MST_ROW_REPORT ? &run : NULL,
    };
    return walk->fn.row(walk->context, &row);
}

static int give_refusal(const struct mst_walk *walk, struct mst_slice key, struct mst_slice value)
{
    struct mst_refusal refusal = {.outbox = walk->outbox, .seq = number_at(key, 12, 8)};
    memcpy(&refusal.code, value.data, sizeof refusal.code);
    refusal.subject = tail(value, sizeof refusal.code, value.len - sizeof refusal.code);
    return walk->fn.refusal(walk->context, &refusal);
}

static int give_item(const struct mst_walk *walk, struct mst_slice key, struct mst_slice value)
{
    const char *kind = (const char *)key.data + 4;
    return walk->fn.item(walk->context, kind, kind + strlen(kind) + 1, tail(value, 0, value.len));
}

static int give_cursor(const struct mst_walk *walk, struct mst_slice key, struct mst_slice value)
{
    const char *principal = (const char *)key.data + 4;
    uint64_t cursor;
    memcpy(&cursor, value.data, sizeof cursor);
    return walk->fn.cursor(walk->context, principal, principal + strlen(principal) + 1, cursor);
}

/* Hand one entry to the callback. The copies are for alignment. */
static int give(struct mem_reader *r, const struct mst_walk *walk, struct mst_slice key,
                struct mst_slice value)
{
    union {
        struct head_value head;
        struct mst_run run;
        struct mst_outbox outbox;
        struct mst_key key;
        struct mst_invitation invitation;
    } fixed;
    memcpy(&fixed, value.data, value.len < sizeof fixed ? value.len : sizeof fixed);
    switch (walk->table) {
    case MST_TABLE_PROGRAMME:
        return walk->fn.programme(walk->context, (mst_pid)number_at(key, 0, 4),
                                  (const char *)value.data);
    case MST_TABLE_ROW:
        return give_row(r, walk, key, value);
    case MST_TABLE_HEAD:
        return walk->fn.head(walk->context, number_at(key, 4, 8), fixed.head.at, fixed.head.head);
    case MST_TABLE_RUN:
        return walk->fn.run(walk->context, &fixed.run);
    case MST_TABLE_OUTBOX:
        return walk->fn.outbox(walk->context, &fixed.outbox);
    case MST_TABLE_REFUSAL:
        return give_refusal(walk, key, value);
    case MST_TABLE_OBLIGATION:
        return walk->fn.obligation(walk->context, (const char *)key.data + 4,
                                   tail(value, 0, value.len));
    case MST_TABLE_ITEM:
        return give_item(walk, key, value);
    case MST_TABLE_ALERT:
        return give_alert(r, walk, key, value);
    case MST_TABLE_CURSOR:
        return give_cursor(walk, key, value);
    case MST_TABLE_KEY:
        return walk->fn.key(walk->context, &fixed.key);
    default:
        return walk->fn.invitation(walk->context, &fixed.invitation);
    }
}

/* Keys at which a walk begins and before which it ends. */
static void walk_bounds(const struct mst_walk *walk, struct key *first, struct key *end)
{
    *first = key_of(walk->p);
    *end = key_of(walk->p + 1);
    switch (walk->table) {
    case MST_TABLE_PROGRAMME:
        *end = key_of(UINT32_MAX);
        break;
    case MST_TABLE_ROW:
    case MST_TABLE_HEAD:
    case MST_TABLE_ALERT:
        *first = key_number(walk->p, walk->from);
        break;
    case MST_TABLE_RUN:
    case MST_TABLE_REFUSAL:
        *first = key_numbers(walk->p, walk->outbox, walk->from);
        *end = key_numbers(walk->p, walk->outbox, walk->to);
        key_add_number(end, 0, 1); /* just after `to` */
        break;
    case MST_TABLE_OBLIGATION:
        if (!walk->id)
            break;
        *first = key_bytes(walk->p, walk->id, strlen(walk->id) + 1);
        *end = *first;
        key_add_number(end, 0, 1); /* just after it */
        break;
    default:
        break;
    }
}

static int mem_walk(struct mst_reader *base, const struct mst_walk *walk, struct mst_err *err)
{
    struct mem_reader *r = (struct mem_reader *)base;
    struct key first, end;
    (void)err;
    walk_bounds(walk, &first, &end);
    read_lock(r);
    const struct mst_mem_entry *kept =
        mst_mem_map_seek(&r->store->kept[walk->table], slice_of(&first));
    const struct mst_mem_entry *batch =
        r->own ? mst_mem_map_seek(&r->store->batch[walk->table], slice_of(&first)) : NULL;
    int stop = 0;
    while (!stop && (kept || batch)) {
        int order = !kept ? 1 : !batch ? -1 : mst_mem_compare(kept->key, batch->key);
        const struct mst_mem_entry *entry = order < 0 ? kept : batch;
        if (mst_mem_compare(entry->key, slice_of(&end)) >= 0)
            break;
        stop = give(r, walk, entry->key, entry->value);
        if (order <= 0)
            kept = kept->next[0];
        if (order >= 0)
            batch = batch->next[0];
    }
    read_unlock(r);
    return 0;
}

static uint64_t last_in(const struct mst_mem_map *map, mst_pid p)
{
    struct key first = key_of(p), end = key_of(p + 1);
    const struct mst_mem_entry *entry = mst_mem_map_before(map, slice_of(&end));
    return entry && mst_mem_compare(entry->key, slice_of(&first)) > 0 ? number_at(entry->key, 4, 8)
                                                                      : 0;
}

static int mem_last(struct mst_reader *base, enum mst_table table, mst_pid p, uint64_t *ret_number,
                    struct mst_err *err)
{
    struct mem_reader *r = (struct mem_reader *)base;
    (void)err;
    read_lock(r);
    uint64_t kept = last_in(&r->store->kept[table], p);
    uint64_t batch = r->own ? last_in(&r->store->batch[table], p) : 0;
    read_unlock(r);
    *ret_number = batch > kept ? batch : kept;
    return 0;
}

static int mem_meta(struct mst_reader *base, mst_pid p, const char *name, void *data, size_t *len,
                    struct mst_err *err)
{
    struct mem_reader *r = (struct mem_reader *)base;
    size_t name_bytes = strlen(name);
    struct mst_slice value = {NULL, 0};
    (void)err;
    read_lock(r);
    if (name_bytes <= MST_STORE_NAME_BYTES_MAX) {
        struct key key = key_bytes(p, name, name_bytes + 1);
        const struct mst_mem_entry *entry = seen_by(r, MST_TABLE_META, &key);
        if (entry)
            value = entry->value;
    }
    size_t copied = value.len < *len ? value.len : *len;
    if (copied)
        memcpy(data, value.data, copied);
    *len = value.len;
    read_unlock(r);
    return 0;
}

/* ---- life ---- */

static void mem_close(struct mst_store *base)
{
    struct mem_store *s = of(base);
    (void)mem_rollback(base, NULL);
    for (int map = 0; map < MAP_COUNT; map++)
        mst_mem_map_done(&s->kept[map]);
    pthread_rwlock_destroy(&s->lock);
    mst_store_stop(base);
    free(s);
}

static int mem_reader_open(struct mst_store *base, struct mst_reader **ret_reader,
                           struct mst_err *err)
{
    struct mem_reader *r = calloc(1, sizeof *r);
    if (!r)
        return mst_fail_on(err, MST_E_NOMEM, "store");
    r->base.ops = base->ops;
    r->store = of(base);
    *ret_reader = &r->base;
    return 0;
}

static void mem_reader_close(struct mst_reader *r)
{
    free(r);
}

static const struct mst_store_ops mem_ops = {
    .close = mem_close,
    .begin = mem_begin,
    .programme = mem_programme,
    .put = mem_put,
    .commit = mem_commit,
    .rollback = mem_rollback,
    .maintain = mem_maintain,
    .reader_open = mem_reader_open,
    .reader_close = mem_reader_close,
    .walk = mem_walk,
    .last = mem_last,
    .meta = mem_meta,
};

int mst_store_mem_open(const struct mst_store_options *options, struct mst_store **ret_store,
                       struct mst_err *err)
{
    (void)options; /* nothing outlives the process, so nothing can be mixed */
    struct mem_store *s = calloc(1, sizeof *s);
    if (!s || pthread_rwlock_init(&s->lock, NULL) != 0) {
        free(s);
        return mst_fail_on(err, MST_E_NOMEM, "store");
    }
    s->base.ops = &mem_ops;
    s->base.own = &s->own.base;
    s->own = (struct mem_reader){.base = {&mem_ops, &s->base}, .store = s, .own = true};
    *ret_store = &s->base;
    return 0;
}
