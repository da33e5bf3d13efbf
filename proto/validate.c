/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict gate: one walk over the bytes with a stack of open containers on the C stack. Refuses
 * everything that two readers could understand differently, before anybody acts on it. Allocates
 * nothing, whatever a header claims.
 *
 * Keys of a map must be distinct. The offsets of the keys seen so far are kept sorted, one run per
 * open map, so that a map made to be slow costs n log n comparisons and no more.
 */
#include "proto/validate.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proto/pack.h"

struct level {
    size_t left; /* values still to come; in a map, keys and values count singly */
    size_t keys_first, keys_count;
    bool is_map;
};

struct walk {
    struct mst_unpack u;
    const uint8_t *start;
    size_t depth;
    struct mst_slice culprit; /* the key that a refusal is about */
    struct level levels[MST_DEPTH_MAX];
    struct key {
        uint32_t offset, len;
    } keys[MST_DEPTH_MAX * MST_MAP_PAIRS_MAX];
};

/* Most text is ASCII or has long runs of it: 32 or 8 bytes at a time, each in 01..7f. */
static uint64_t not_ascii(const uint8_t *s)
{
    uint64_t w;
    memcpy(&w, s, sizeof w);
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    return (w | (w - ones)) & tops;
}

bool mst_utf8_check(const void *data, size_t len)
{
    const uint8_t *s = data;
    size_t i = 0;
    while (i < len) {
        while (len - i >= 32 && (not_ascii(s + i) | not_ascii(s + i + 8) | not_ascii(s + i + 16) |
                                 not_ascii(s + i + 24)) == 0)
            i += 32;
        if (len - i >= 8 && not_ascii(s + i) == 0) {
            i += 8;
            continue;
        }
        if (i == len)
            break;
        uint8_t c = s[i];
        if (c - 1U < 0x7fU) { /* 01..7f */
            i++;
            continue;
        }
        size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || len - i <= more)
            return false;
        /* The second byte's range is what shuts out overlong forms, surrogates and > U+10FFFF. */
        uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (s[i + 1] < low || s[i + 1] > high)
            return false;
        for (size_t k = 2; k <= more; k++) {
            if ((s[i + k] & 0xc0) != 0x80)
                return false;
        }
        i += more + 1;
    }
    return true;
}

static int refuse(const struct walk *w, const uint8_t *at, const char *why, struct mst_err *err)
{
    size_t offset = (size_t)(at - w->start);
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

static int compare_keys(const uint8_t *start, const struct key *a, const struct key *b)
{
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return memcmp(start + a->offset, start + b->offset, a->len);
}

/* Put the key into the sorted run of its map. NULL, or why not. */
static const char *add_key(struct walk *w, struct level *level, const struct mst_value *v)
{
    if (v->kind != MST_VALUE_TEXT)
        return N_("a map's key must be text");
    struct key key = {(uint32_t)(v->s.data - w->start), (uint32_t)v->s.len};
    struct key *run = w->keys + level->keys_first;
    size_t low = 0, high = level->keys_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_keys(w->start, &run[middle], &key);
        if (order == 0) {
            w->culprit = v->s;
            return N_("a map's key stands twice");
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(run + low + 1, run + low, (level->keys_count - low) * sizeof *run);
    run[low] = key;
    level->keys_count++;
    return NULL;
}

/* Open an array or a map. NULL, or why not. An empty one is complete at once. */
static const char *open_level(struct walk *w, const struct mst_value *v)
{
    bool is_map = v->kind == MST_VALUE_MAP;
    size_t bytes_left = (size_t)(w->u.end - w->u.at);
    if (w->depth == MST_DEPTH_MAX)
        return N_("nested too deeply");
    if (v->count > bytes_left / (is_map ? 2 : 1))
        return N_("it claims more elements than there are bytes");
    if (is_map && v->count > MST_MAP_PAIRS_MAX)
        return N_("the map has too many keys");
    if (v->count == 0)
        return NULL;
    const struct level *parent = w->depth ? &w->levels[w->depth - 1] : NULL;
    w->levels[w->depth++] = (struct level){
        .left = is_map ? 2 * v->count : v->count,
        .keys_first = parent ? parent->keys_first + parent->keys_count : 0,
        .is_map = is_map,
    };
    return NULL;
}

/* A value is complete: so may be the containers around it. */
static void close_levels(struct walk *w)
{
    while (w->depth > 0 && --w->levels[w->depth - 1].left == 0)
        w->depth--;
}

static const char *check_value(struct walk *w, const struct mst_value *v)
{
    struct level *level = w->depth ? &w->levels[w->depth - 1] : NULL;
    if (level && level->is_map && level->left % 2 == 0) {
        const char *why = add_key(w, level, v);
        if (why)
            return why;
    }
    if (v->kind == MST_VALUE_ARRAY || v->kind == MST_VALUE_MAP) {
        const char *why = open_level(w, v);
        if (!why && v->count == 0)
            close_levels(w);
        return why;
    }
    if (v->kind == MST_VALUE_TEXT && !mst_utf8_check(v->s.data, v->s.len))
        return N_("text is not UTF-8, or has a NUL in it");
    if (v->kind == MST_VALUE_DOUBLE && !isfinite(v->d))
        return N_("the number is not finite");
    close_levels(w);
    return NULL;
}

int mst_validate(const void *data, size_t len, struct mst_err *err)
{
    struct walk w; /* large and left unset: only what is open is ever read */
    mst_unpack_init(&w.u, data, len);
    w.start = w.u.at;
    w.depth = 0;
    w.culprit = (struct mst_slice){0};
    if (len > UINT32_MAX)
        return refuse(&w, w.start, N_("the message is too long"), err);
    do {
        const uint8_t *at = w.u.at;
        struct mst_value v;
        if (!mst_unpack_next(&w.u, &v))
            return refuse(&w, at, explain(&w.u), err);
        const char *why = check_value(&w, &v);
        if (why)
            return refuse(&w, at, why, err);
    } while (w.depth > 0);
    if (w.u.at != w.u.end)
        return refuse(&w, w.u.at, N_("bytes follow the message"), err);
    return 0;
}
