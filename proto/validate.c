/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict gate: one walk over the bytes with a stack of open containers on the C stack. Refuses
 * everything that two readers could understand differently, before anybody acts on it. Allocates
 * nothing, whatever a header claims.
 *
 * Keys of a map must be distinct. Those seen so far are kept, one run per open map, and sorted
 * where they are more than a few, so that a map made to be slow costs n log n comparisons and no
 * more.
 */
#include "proto/validate.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Few enough to be compared with each. */
#define KEYS_UNSORTED 12

struct level {
    size_t left; /* values still to come; in a map, pairs */
    size_t keys_first, keys_count;
    bool is_map;
};

struct walk {
    struct mst_unpack u;
    const uint8_t *start;
    const uint8_t *at; /* where the value begins that was read last, or could not be */
    size_t depth;
    struct mst_slice culprit;               /* the key that a refusal is about */
    struct level levels[1 + MST_DEPTH_MAX]; /* the first one holds the one value that is wanted */
    struct key {
        uint64_t mark;
        uint32_t offset, len;
    } keys[MST_DEPTH_MAX * MST_MAP_PAIRS_MAX];
};

/* ---- text ---- */

#define ONES UINT64_C(0x0101010101010101)

/* Of these eight bytes one is not in 01..7f. */
static bool not_ascii(uint64_t w)
{
    return ((w | (w - ONES)) & (ONES << 7)) != 0;
}

static uint64_t load_8(const uint8_t *s)
{
    uint64_t w;
    memcpy(&w, s, sizeof w);
    return w;
}

/* Sixteen bytes at a time in one register, whatever the machine calls it. */
typedef int8_t lanes __attribute__((vector_size(16)));

/* Of 32 bytes, all in 01..7f: all ones; else not. */
static lanes good_32(const uint8_t *s)
{
    const lanes zero = {0};
    lanes a, b;
    memcpy(&a, s, sizeof a);
    memcpy(&b, s + sizeof a, sizeof b);
    return (a > zero) & (b > zero);
}

/* Every byte is in 01..7f. What is left over at the end is looked at together with what was seen
 * before it. */
static bool is_ascii(const uint8_t *s, size_t len)
{
    if (len <= 8)
        return !not_ascii(mst_text_mark(s, len));
    if (len < 32) {
        bool bad = not_ascii(load_8(s + len - 8));
        for (size_t i = 0; i + 8 < len; i += 8)
            bad |= not_ascii(load_8(s + i));
        return !bad;
    }
    lanes good = good_32(s + len - 32);
    for (size_t i = 0; i + 32 < len; i += 32)
        good &= good_32(s + i);
    uint64_t halves[2];
    memcpy(halves, &good, sizeof halves);
    return (halves[0] & halves[1]) == UINT64_MAX;
}

/* Bytes of the character beyond ASCII that these four begin with; 0: with none. Overlong forms,
 * surrogates and what is beyond U+10FFFF are none. */
static size_t wide_bytes(const uint8_t *s)
{
    uint32_t c = (uint32_t)s[0] << 24 | (uint32_t)s[1] << 16 | (uint32_t)s[2] << 8 | s[3];
    if (c < 0xe0000000)
        return (c & 0xe0c00000) == 0xc0800000 && c >= 0xc2000000 ? 2 : 0;
    bool surrogate = c >= 0xeda00000 && c < 0xee000000;
    if (c < 0xf0000000)
        return (c & 0xf0c0c000) == 0xe0808000 && c >= 0xe0a00000 && !surrogate ? 3 : 0;
    return (c & 0xf8c0c0c0) == 0xf0808080 && c >= 0xf0900000 && c < 0xf4900000 ? 4 : 0;
}

/* Bytes of the text at the front of these eight; 0: it is none. */
static size_t text_bytes(const uint8_t *s)
{
    if (s[0] >= 0x80)
        return wide_bytes(s);
    return not_ascii(load_8(s)) ? s[0] != 0 : 8;
}

static bool is_utf8(const uint8_t *s, size_t len)
{
    size_t at = 0, bytes;
    for (; len - at >= 8; at += bytes) {
        bytes = text_bytes(s + at);
        if (bytes == 0)
            return false;
    }
    /* What is left, and then what no character goes on with. */
    uint8_t rest[16] = "xxxxxxxxxxxxxxx";
    size_t left = len - at;
    memcpy(rest, s + at, left);
    for (size_t i = 0; i < left; i += bytes) {
        bytes = text_bytes(rest + i);
        if (bytes == 0)
            return false;
    }
    return true;
}

/* Most text is ASCII. */
bool mst_utf8_check(const void *data, size_t len)
{
    return is_ascii(data, len) || is_utf8(data, len);
}

/* ---- refusals ---- */

static int refuse(const struct walk *w, const char *why, struct mst_err *err)
{
    size_t offset = (size_t)(w->at - w->start);
    if (!w->culprit.data)
        return mst_fail(err, MST_E_PROTOCOL, _("byte %zu: %s"), offset, mst_tr(why));
    char name[MST_NAME_SHOWN_MAX];
    return mst_fail(err, MST_E_PROTOCOL, _("byte %zu: %s: \"%s\""), offset, mst_tr(why),
                    mst_slice_show(w->culprit, name, sizeof name));
}

/* Why mst_unpack_next() would not read the value that begins here. */
static const char *explain(const struct mst_unpack *u)
{
    if (u->at == u->end)
        return N_("the message ends too early");
    uint8_t type = *u->at;
    if (type == 0xca)
        return N_("float32 is not used here");
    if ((type >= 0xc7 && type <= 0xc9) || (type >= 0xd4 && type <= 0xd8))
        return N_("ext types are not used here");
    if (type == 0xc1)
        return N_("c1 is not msgpack");
    return N_("the value is longer than the message");
}

/* ---- values ---- */

/* Any order will do. */
static int compare_keys(const uint8_t *start, const struct key *a, const struct key *b)
{
    if (a->mark != b->mark)
        return a->mark < b->mark ? -1 : 1;
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return a->len <= 8 ? 0 : memcmp(start + a->offset, start + b->offset, a->len);
}

/* Put the key among `count` that are sorted; false: it stands there. */
static bool insert_key(const uint8_t *start, struct key *run, size_t count, struct key key)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_keys(start, &run[middle], &key);
        if (order == 0)
            return false;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(run + low + 1, run + low, (count - low) * sizeof *run);
    run[low] = key;
    return true;
}

/* Add to the keys of a map. false: it is there. */
static inline bool add_key(const struct walk *w, struct key *run, size_t count, struct key key)
{
    if (count > KEYS_UNSORTED)
        return insert_key(w->start, run, count, key);
    for (size_t i = 0; i < count; i++) {
        if (run[i].mark == key.mark && compare_keys(w->start, &run[i], &key) == 0)
            return false;
    }
    run[count] = key;
    if (count == KEYS_UNSORTED) {
        for (size_t i = 1; i <= count; i++)
            (void)insert_key(w->start, run, i, run[i]);
    }
    return true;
}

static inline const char *take(struct walk *w, struct mst_value *ret)
{
    w->at = w->u.at;
    return mst_unpack_next(&w->u, ret) ? NULL : explain(&w->u);
}

static inline const char *check_text(struct mst_slice s, uint64_t mark)
{
    if ((s.len <= 8 && !not_ascii(mark)) || mst_utf8_check(s.data, s.len))
        return NULL;
    return N_("text is not UTF-8, or has a NUL in it");
}

/* The head is the value's, and till that comes it holds the key. */
static inline const char *take_key(struct walk *w, struct level *level, struct mst_pair *ret)
{
    const char *why = take(w, &ret->head);
    if (why)
        return why;
    if (ret->head.kind != MST_VALUE_TEXT)
        return N_("a map's key must be text");
    const struct mst_slice text = ret->key = ret->head.s;
    ret->mark = mst_text_mark(text.data, text.len);
    struct key key = {ret->mark, (uint32_t)(text.data - w->start), (uint32_t)text.len};
    if (!add_key(w, w->keys + level->keys_first, level->keys_count, key)) {
        w->culprit = text;
        return N_("a map's key stands twice");
    }
    level->keys_count++;
    return check_text(text, ret->mark);
}

/* Open an array or a map. NULL, or why not. */
static const char *open_level(struct walk *w, const struct mst_value *v)
{
    bool is_map = v->kind == MST_VALUE_MAP;
    size_t bytes_left = (size_t)(w->u.end - w->u.at);
    if (w->depth == MST_DEPTH_MAX)
        return N_("nested too deeply");
    if (v->count > (is_map ? bytes_left / 2 : bytes_left))
        return N_("it claims more elements than there are bytes");
    if (is_map && v->count > MST_MAP_PAIRS_MAX)
        return N_("the map has too many keys");
    const struct level *parent = &w->levels[w->depth++];
    w->levels[w->depth] = (struct level){
        .left = v->count,
        .keys_first = parent->keys_first + parent->keys_count,
        .is_map = is_map,
    };
    return NULL;
}

/* A value; of an array or a map the head, and what it holds is to come. */
static inline const char *take_value(struct walk *w, struct mst_value *ret)
{
    const char *why = take(w, ret);
    if (why)
        return why;
    switch (ret->kind) {
    case MST_VALUE_TEXT:
        return check_text(ret->s, mst_text_mark(ret->s.data, ret->s.len));
    case MST_VALUE_ARRAY:
    case MST_VALUE_MAP:
        return open_level(w, ret);
    case MST_VALUE_DOUBLE:
        return isfinite(ret->d) ? NULL : N_("the number is not finite");
    case MST_VALUE_NIL:
    case MST_VALUE_BOOL:
    case MST_VALUE_INT:
    case MST_VALUE_UINT:
    case MST_VALUE_BIN:
        break;
    }
    return NULL;
}

/* The value of the last pair ends here, with all that it holds. */
static void end_pair(struct mst_pairs *pairs, const uint8_t *at)
{
    if (pairs->count == 0)
        return;
    struct mst_slice *raw = &pairs->items[pairs->count - 1].raw;
    raw->len = (size_t)(at - raw->data);
}

/* One value and all that it holds. NULL, or why not. */
static const char *take_all(struct walk *w, struct mst_pairs *ret_pairs)
{
    struct mst_pair inner = {0}; /* of maps within, and where nobody wants the outermost one's */
    const char *why = NULL;
    for (;;) {
        struct level *level = &w->levels[w->depth];
        bool wanted = ret_pairs && w->depth == 1 && level->is_map;
        if (wanted)
            end_pair(ret_pairs, w->u.at);
        if (level->left == 0) {
            if (w->depth == 0)
                return NULL;
            w->depth--;
            continue;
        }
        struct mst_pair *pair = wanted ? &ret_pairs->items[ret_pairs->count++] : &inner;
        level->left--;
        if (level->is_map)
            why = take_key(w, level, pair);
        pair->raw.data = w->u.at;
        if (!why)
            why = take_value(w, &pair->head);
        if (why)
            return why;
    }
}

static int validate(const void *data, size_t len, struct mst_pairs *ret_pairs, struct mst_err *err)
{
    struct walk w; /* large and mostly left unset: only what is open is ever read */
    mst_unpack_init(&w.u, data, len);
    w.start = w.at = w.u.at;
    w.depth = 0;
    w.culprit = (struct mst_slice){0};
    w.levels[0] = (struct level){.left = 1};
    w.levels[1].is_map = false;
    if (ret_pairs)
        ret_pairs->count = 0;
    const char *why = len > UINT32_MAX ? N_("the message is too long") : take_all(&w, ret_pairs);
    if (!why && w.u.at != w.u.end) {
        w.at = w.u.at;
        why = N_("bytes follow the message");
    }
    if (ret_pairs)
        ret_pairs->is_map = w.levels[1].is_map;
    return why ? refuse(&w, why, err) : 0;
}

int mst_validate(const void *data, size_t len, struct mst_err *err)
{
    return validate(data, len, NULL, err);
}

int mst_validate_pairs(const void *data, size_t len, struct mst_pairs *ret_pairs,
                       struct mst_err *err)
{
    return validate(data, len, ret_pairs, err);
}
