/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that must come next, and how a row differs from them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/driver/replay_impl.h"
#include "broker/driver/rows.h"
#include "proto/pack.h"

int mst_replay_differ(struct mst_replay *r, uint64_t row, const char *what)
{
    if (r->result->differences++ == 0) {
        r->result->first_row = row;
        snprintf(r->result->first, sizeof r->result->first, "%s", what);
    }
    return 0;
}

static int expect(struct mst_replay *r, enum mst_row_kind kind, size_t at)
{
    if (r->expected_bytes.failed)
        return mst_fail_on(r->err, MST_E_NOMEM, "rows");
    if (r->expected_count == r->expected_cap) {
        size_t cap = r->expected_cap ? 2 * r->expected_cap : 64;
        struct mst_replay_row *grown = realloc(r->expected, cap * sizeof *grown);
        if (!grown)
            return mst_fail_on(r->err, MST_E_NOMEM, "rows");
        r->expected = grown;
        r->expected_cap = cap;
    }
    r->expected[r->expected_count++] =
        (struct mst_replay_row){.kind = (uint8_t)kind, .at = at, .len = r->expected_bytes.len - at};
    return 0;
}

int mst_replay_expect_transition(struct mst_replay *r, const struct mst_transition *t)
{
    size_t at = r->expected_bytes.len;
    int code = mst_row_pack_transition(t, &r->expected_bytes, r->err);
    return code ? code : expect(r, MST_ROW_TRANSITION, at);
}

int mst_replay_expect_item_move(struct mst_replay *r, const struct mst_item_move *m)
{
    size_t at = r->expected_bytes.len;
    int code = mst_row_pack_item_move(m, &r->expected_bytes, r->err);
    return code ? code : expect(r, MST_ROW_ITEM, at);
}

int mst_replay_expect_alert(struct mst_replay *r, const struct mst_alert *a)
{
    size_t at = r->expected_bytes.len;
    int code =
        mst_row_pack_alert(a, r->id, ++r->alert_number, r->rehearsal, &r->expected_bytes, r->err);
    return code ? code : expect(r, MST_ROW_ALERT, at);
}

int mst_replay_expect_refusal(struct mst_replay *r, uint64_t seq, enum mst_code code,
                              const char *subject)
{
    struct mst_buf *b = &r->expected_bytes;
    size_t at = b->len;
    mst_pack_map(b, 3);
    mst_pack_text(b, "seq");
    mst_pack_uint(b, seq);
    mst_pack_text(b, "code");
    mst_pack_text(b, mst_code_word(code));
    mst_pack_text(b, "subject");
    mst_pack_text(b, subject);
    return expect(r, MST_ROW_REFUSAL, at);
}

/* ---- comparing ---- */

/* A row in a few words. */
static void describe(uint8_t kind, struct mst_slice bytes, char *text, size_t size)
{
    static const char *const keys[] = {"obligation", "kind", "id",      "event",
                                       "from",       "to",   "verdict", "audience",
                                       "role",       "code", "subject", "actor"};
    size_t used = 0;
    int n = snprintf(text, size, "%s",
                     kind == MST_ROW_ALERT     ? "alert"
                     : kind == MST_ROW_REFUSAL ? "refusal"
                     : kind == MST_ROW_ITEM    ? "item"
                                               : "transition");
    used = n > 0 ? (size_t)n : 0;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char value[MST_OBLIGATION_ID_MAX];
        struct mst_slice slice = mst_unpack_text(bytes, keys[i]);
        if (!slice.data || slice.len == 0)
            continue;
        mst_slice_copy(slice, value, sizeof value);
        n = snprintf(text + used, size - used, " %s=%s", keys[i], value);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
    }
    int64_t instant = mst_unpack_int(bytes, "instant", -1);
    if (instant >= 0)
        snprintf(text + used, size - used, " instant=%" PRId64, instant);
}

static bool same_text(struct mst_slice a, struct mst_slice b, const char *key)
{
    struct mst_slice x = mst_unpack_text(a, key), y = mst_unpack_text(b, key);
    return x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0);
}

/* A refusal's words are in the language of the broker that wrote them; what it decided is not. */
static bool same(uint8_t kind, struct mst_slice a, struct mst_slice b)
{
    if (kind != MST_ROW_REFUSAL)
        return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
    /* The subject of a malformed form is words, too. */
    bool form = mst_slice_is(mst_unpack_text(a, "code"), mst_code_word(MST_R_FORM));
    return same_text(a, b, "code") && (form || same_text(a, b, "subject")) &&
           mst_unpack_int(a, "seq", 0) == mst_unpack_int(b, "seq", 0);
}

static void count(struct mst_replay *r, uint8_t kind)
{
    if (kind == MST_ROW_TRANSITION)
        r->result->transitions++;
    else if (kind == MST_ROW_ITEM)
        r->result->moves++;
    else if (kind == MST_ROW_ALERT)
        r->result->alerts++;
    else
        r->result->refusals++;
}

int mst_replay_compare(struct mst_replay *r, const struct mst_row *row)
{
    char found[224], wanted[224], text[512];
    count(r, row->kind);
    describe(row->kind, row->bytes, found, sizeof found);
    if (r->expected_next == r->expected_count) {
        snprintf(text, sizeof text, "found %s; nothing should be there", found);
        return mst_replay_differ(r, row->row, text);
    }
    const struct mst_replay_row *next = &r->expected[r->expected_next++];
    struct mst_slice mine = mst_bytes(r->expected_bytes.data + next->at, next->len);
    if (next->kind == row->kind && same(row->kind, row->bytes, mine))
        return 0;
    describe(next->kind, mine, wanted, sizeof wanted);
    snprintf(text, sizeof text, "found %s; should be %s", found, wanted);
    return mst_replay_differ(r, row->row, text);
}

int mst_replay_none_expected(struct mst_replay *r, uint64_t row)
{
    int code = 0;
    for (; !code && r->expected_next < r->expected_count; r->expected_next++) {
        const struct mst_replay_row *next = &r->expected[r->expected_next];
        char wanted[224], text[512];
        describe(next->kind, mst_bytes(r->expected_bytes.data + next->at, next->len), wanted,
                 sizeof wanted);
        snprintf(text, sizeof text, "missing before it: %s", wanted);
        code = mst_replay_differ(r, row, text);
    }
    r->expected_count = r->expected_next = 0;
    mst_buf_clear(&r->expected_bytes);
    return code;
}
