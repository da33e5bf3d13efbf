/* SPDX-License-Identifier: Apache-2.0 */
/* Queries about evidence: the ledger and its chain, and the keys. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/driver/driver.h"
#include "broker/driver/ledger.h"
#include "broker/driver/roles.h"
#include "broker/io/clock.h"
#include "broker/io/query.h"

static const char *row_kind_word(uint8_t kind)
{
    static const char *const words[] = {
        "",      "report", "act",       "transition", "alert",    "refusal",  "tick",
        "start", "stop",   "programme", "key",        "security", "contacts", "item"};
    return kind < sizeof words / sizeof words[0] ? words[kind] : "";
}

/* What so many rows of a kind are, in the words that `replay` has for them. */
static const char *row_kind_count(uint8_t kind)
{
    static const char *const words[MST_ROW_KINDS] = {
        "",       "reports", "acts",    "transitions", "alerts",   "refusals", "ticks",
        "starts", "stops",   "reloads", "keys",        "security", "contacts", "moves"};
    return words[kind];
}

struct list {
    struct mst_query *q;
    struct mst_err *err;
    int64_t left;
    int code;
};

/* What a row is about, in a few words. */
static void describe(const struct mst_row *row, char *text, size_t size)
{
    static const char *const keys[] = {"event",      "act",     "kind", "id",   "code",
                                       "obligation", "subject", "unit", "duty", "period"};
    struct mst_slice map = mst_query_map(row);
    /* An obligation's id says of which duty and period it is. */
    const size_t less = mst_unpack_text(map, "obligation").len ? 2 : 0;
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] - less; i++) {
        char value[160];
        struct mst_slice slice = mst_unpack_text(map, keys[i]);
        if (!slice.data || slice.len == 0)
            continue;
        mst_slice_copy(slice, value, sizeof value);
        int n = snprintf(text + used, size - used, "%s%s", used ? " " : "", value);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
    }
}

static int list_one(void *context, const struct mst_row *row)
{
    struct list *l = context;
    char text[512];
    describe(row, text, sizeof text);
    struct mst_buf *b = mst_query_row(l->q);
    mst_pack_map(b, 9);
    mst_pack_text(b, "row");
    mst_pack_uint(b, row->row);
    mst_query_pack_instant(l->q, b, "at", row->at);
    mst_query_pack_text(b, "kind", row_kind_word(row->kind));
    mst_query_pack_text(b, "subject", text);
    static const char *const who[] = {"actor", "address", "key", "reason"};
    for (size_t i = 0; i < sizeof who / sizeof who[0]; i++) {
        mst_slice_copy(mst_unpack_text(mst_query_map(row), who[i]), text, sizeof text);
        mst_query_pack_text(b, who[i], text);
    }
    mst_pack_text(b, "bytes");
    mst_pack_uint(b, row->bytes.len);
    l->code = mst_query_row_end(l->q, l->err);
    return l->code || --l->left <= 0;
}

/* ---- verify: the chain recomputed from the first row, against every head that was kept ---- */

struct verify {
    struct mst_query *q;
    struct mst_err *err;
    struct mst_ledger_walk walk;
    uint64_t rows_of_kind[16];
    uint64_t heads_good, alerts_good;
    uint64_t bad_row; /* 0: none so far */
    uint64_t until;   /* of the walk under way */
    int code;
};

static int take_alert(void *context, const struct mst_stored_alert *alert)
{
    *(struct mst_stored_alert *)context = *alert;
    return 1;
}

/* Each alert is kept with the head at its row: the one that its subscribers have seen. */
static bool alert_holds(struct verify *v, uint64_t row)
{
    struct mst_stored_alert alert = {0};
    v->code =
        mst_reader_alerts(v->q->reader, v->q->pid, v->alerts_good, take_alert, &alert, v->err);
    v->alerts_good++;
    return alert.number == v->alerts_good && alert.row == row &&
           memcmp(alert.row_head, v->walk.head, MST_HASH_BYTES) == 0;
}

static int chain_row(void *context, const struct mst_row *row)
{
    struct verify *v = context;
    if (row->row > v->until)
        return 1;
    if (!mst_ledger_walk_row(&v->walk, row)) {
        v->bad_row = row->row;
        return 1;
    }
    v->rows_of_kind[row->kind & 15]++;
    if (row->kind == MST_ROW_ALERT && !alert_holds(v, row->row))
        v->bad_row = row->row;
    return v->code || v->bad_row;
}

static int chain_until(struct verify *v, uint64_t row)
{
    v->until = row;
    int code = mst_reader_rows(v->q->reader, v->q->pid, v->walk.row + 1, chain_row, v, v->err);
    return code ? code : v->code;
}

static int check_head(void *context, uint64_t row, mst_time at, const uint8_t head[MST_HASH_BYTES])
{
    struct verify *v = context;
    (void)at;
    v->code = chain_until(v, row);
    if (!v->code && !v->bad_row &&
        (v->walk.row != row || v->walk.within_run ||
         memcmp(head, v->walk.head, MST_HASH_BYTES) != 0))
        v->bad_row = row;
    v->heads_good += !v->bad_row;
    return v->code || v->bad_row;
}

struct last {
    uint64_t row;
};

static int first_behind(void *context, const struct mst_row *row)
{
    ((struct last *)context)->row = row->row;
    return 1;
}

/* Each commit puts a head at its last row: rows behind the last head were put by nobody of ours. */
static int check_end(struct verify *v)
{
    uint64_t row;
    mst_time at;
    uint8_t head[MST_HASH_BYTES];
    struct last behind = {0};
    int code = mst_reader_last_head(v->q->reader, v->q->pid, &row, &at, head, v->err);
    if (!code && row == v->walk.row)
        code = mst_reader_rows(v->q->reader, v->q->pid, row + 1, first_behind, &behind, v->err);
    if (code || !behind.row)
        return code;
    /* Or of a batch that was committed between the two looks: then there is a head by now. */
    code = mst_reader_last_head(v->q->reader, v->q->pid, &row, &at, head, v->err);
    if (!code && row == v->walk.row)
        v->bad_row = behind.row;
    return code;
}

static int verify_ledger(struct mst_query *q, struct mst_err *err)
{
    struct verify v = {.q = q, .err = err};
    char text[96];
    mst_ledger_walk_begin(&v.walk, q->programme->id);
    int code = mst_reader_heads(q->reader, q->pid, 1, check_head, &v, err);
    if (!code)
        code = v.code;
    if (!code && !v.bad_row)
        code = check_end(&v);
    if (!code && v.bad_row)
        return mst_fail(err, MST_E_CORRUPT, "row %" PRIu64, v.bad_row);
    snprintf(text, sizeof text, "%" PRIu64, v.walk.row);
    if (!code)
        code = mst_query_pair(q, "rows", text, err);
    for (uint8_t kind = 1; !code && kind < MST_ROW_KINDS; kind++) {
        snprintf(text, sizeof text, "%" PRIu64, v.rows_of_kind[kind]);
        code = mst_query_pair(q, row_kind_count(kind), text, err);
    }
    snprintf(text, sizeof text, "%" PRIu64, v.heads_good);
    if (!code)
        code = mst_query_pair(q, "heads", text, err);
    snprintf(text, sizeof text, "%" PRIu64, v.alerts_good);
    if (!code)
        code = mst_query_pair(q, "alerts_checked", text, err);
    if (!code)
        code = mst_query_pair_hex(q, "head", v.walk.head, sizeof v.walk.head, err);
    return code ? code : mst_query_pair(q, "chain", "ok", err);
}

/* ---- the head, now or at a row that somebody has witnessed ---- */

/* Heads are kept once a commit: looked for in windows that grow backwards from the row. */
#define HEAD_WINDOW 256

struct head_at {
    uint64_t row;
    struct mst_ledger_walk walk;
};

static int nearest_head(void *context, uint64_t row, mst_time at,
                        const uint8_t head[MST_HASH_BYTES])
{
    struct head_at *h = context;
    if (row > h->row)
        return 1;
    h->walk = (struct mst_ledger_walk){.row = row, .at = at};
    memcpy(h->walk.head, head, MST_HASH_BYTES);
    return 0;
}

static int walk_to(void *context, const struct mst_row *row)
{
    struct head_at *h = context;
    return row->row > h->row || !mst_ledger_walk_row(&h->walk, row);
}

/* Reckoned from the rows behind the nearest head that is kept, not looked up: a row that was
 * altered shows. */
static int find_head(struct mst_query *q, struct head_at *h, struct mst_err *err)
{
    int code = 0;
    mst_ledger_walk_begin(&h->walk, q->programme->id);
    for (uint64_t back = HEAD_WINDOW; !code && h->walk.row == 0; back *= 16) {
        uint64_t from = h->row > back ? h->row - back : 1;
        code = mst_reader_heads(q->reader, q->pid, from, nearest_head, h, err);
        if (from == 1)
            break;
    }
    if (!code && h->walk.row < h->row)
        code = mst_reader_rows(q->reader, q->pid, h->walk.row + 1, walk_to, h, err);
    if (!code && (h->walk.row != h->row || h->walk.within_run))
        code = mst_fail(err, MST_E_UNKNOWN, "%" PRIu64, h->row);
    return code;
}

static int tell_head(struct mst_query *q, struct mst_err *err)
{
    struct head_at h = {0};
    mst_time at;
    char text[24];
    int64_t wanted = mst_query_number(q, "from", 0);
    if (wanted < 0)
        return mst_fail(err, MST_E_USAGE, "--from: %s", N_("must be a whole number from 1 on"));
    h.row = (uint64_t)wanted;
    int code = wanted ? find_head(q, &h, err)
                      : mst_reader_last_head(q->reader, q->pid, &h.walk.row, &at, h.walk.head, err);
    snprintf(text, sizeof text, "%" PRIu64, code ? 0 : h.walk.row);
    if (!code)
        code = mst_query_pair(q, "row", text, err);
    return code ? code : mst_query_pair_hex(q, "head", h.walk.head, sizeof h.walk.head, err);
}

int mst_query_ledger(struct mst_query *q, struct mst_err *err)
{
    char what[16];
    if (!mst_query_may(q, NULL, NULL))
        return mst_fail(err, MST_E_DENIED, "ledger");
    if (!mst_query_arg(q, "what", what, sizeof what))
        return mst_fail(err, MST_E_USAGE, "what");
    if (strcmp(what, "verify") == 0)
        return verify_ledger(q, err);
    if (strcmp(what, "head") == 0)
        return tell_head(q, err);
    if (strcmp(what, "list") != 0)
        return mst_fail(err, MST_E_USAGE, "%s", what);
    struct list l = {
        .q = q, .err = err, .left = mst_query_number(q, "limit", MST_LIST_ROWS_DEFAULT)};
    int64_t from = mst_query_number(q, "from", 1);
    if (from < 1 || l.left < 1)
        return mst_fail(err, MST_E_USAGE, "%s: %s", l.left < 1 ? "--limit" : "--from",
                        N_("must be a whole number from 1 on"));
    int code = mst_reader_rows(q->reader, q->pid, (uint64_t)from, list_one, &l, err);
    return code ? code : l.code;
}

/* ---- keys ---- */

static const char *key_status(const struct mst_key *key)
{
    switch (mst_key_check(key, mst_clock_wall())) {
    case 0:
        return "active";
    case MST_E_EXPIRED:
        return "expired";
    default:
        return "revoked";
    }
}

/* The keys, and each one's unit by its place in the programme: SIZE_MAX where it has none. */
struct ranked {
    size_t rank;
    struct mst_key key;
};

struct keys {
    struct mst_query *q;
    struct mst_err *err;
    struct ranked *items;
    size_t count, cap;
    int code;
};

static int take_key(void *context, const struct mst_key *key)
{
    struct keys *keys = context;
    if (keys->count == keys->cap) {
        size_t cap = keys->cap ? 2 * keys->cap : 64;
        struct ranked *items = realloc(keys->items, cap * sizeof *items);
        if (!items)
            return keys->code = mst_fail_on(keys->err, MST_E_NOMEM, "keys");
        keys->items = items;
        keys->cap = cap;
    }
    keys->items[keys->count++] =
        (struct ranked){mst_programme_unit(keys->q->programme, key->unit), *key};
    return 0;
}

/* The programme's units in its order, then whoever is none of them by name; of one the oldest. */
static int compare_keys(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    int order = strcmp(a->key.principal, b->key.principal);
    if (order == 0 && a->key.created != b->key.created)
        order = a->key.created < b->key.created ? -1 : 1;
    return order ? order : memcmp(a->key.channel, b->key.channel, sizeof a->key.channel);
}

static int put_key(struct mst_query *q, const struct mst_key *key, struct mst_err *err)
{
    char fingerprint[17], roles[64], sign[2 * MST_SIGN_PUBLIC_BYTES + 1];
    mst_key_fingerprint(key->channel, fingerprint);
    mst_roles_format(key->roles, roles, sizeof roles);
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 9);
    mst_query_pack_text(b, "principal", key->principal);
    mst_query_pack_text(b, "roles", roles);
    mst_query_pack_text(b, "unit", key->unit);
    mst_query_pack_text(b, "status", key_status(key));
    mst_query_pack_instant(q, b, "created", key->created);
    mst_query_pack_instant(q, b, "not_after", key->not_after);
    mst_query_pack_instant(q, b, "revoked", key->revoked);
    mst_query_pack_text(b, "fingerprint", fingerprint);
    mst_query_pack_text(b, "sign_key",
                        sodium_bin2hex(sign, sizeof sign, key->sign, sizeof key->sign));
    return mst_query_row_end(q, err);
}

int mst_query_keys(struct mst_query *q, struct mst_err *err)
{
    struct keys keys = {.q = q, .err = err};
    if (!mst_query_may(q, NULL, NULL))
        return mst_fail(err, MST_E_DENIED, "keys");
    int code = mst_reader_keys(q->reader, q->pid, take_key, &keys, err);
    if (!code)
        code = keys.code;
    if (keys.count)
        qsort(keys.items, keys.count, sizeof *keys.items, compare_keys);
    for (size_t i = 0; !code && i < keys.count; i++)
        code = put_key(q, &keys.items[i].key, err);
    free(keys.items);
    return code;
}
