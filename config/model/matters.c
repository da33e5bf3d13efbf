/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what reports bring up. Changes nothing, and believes nothing of its form. */
#include "config/model/matters.h"

#include <stdio.h>
#include <string.h>

#define TITLE_BYTES_MAX 240
#define TEXT_BYTES_MAX 4096
#define WORDS_BYTES_MAX 240

bool mst_matters_key(struct mst_slice key)
{
    return mst_slice_is(key, "difficulties") || mst_slice_is(key, "projects");
}

bool mst_matters_listed(struct mst_slice key, struct mst_slice raw)
{
    struct mst_unpack u;
    struct mst_value head;
    mst_unpack_init(&u, raw.data, raw.len);
    return mst_matters_key(key) && mst_unpack_next(&u, &head) && head.kind == MST_VALUE_ARRAY;
}

struct mst_matters_cursor mst_matters_open(struct mst_slice body, const char *key)
{
    struct mst_matters_cursor cursor = {.left = 0};
    struct mst_value head;
    struct mst_slice array;
    if (!body.data || !mst_unpack_find(body, key, &array))
        return cursor;
    mst_unpack_init(&cursor.u, array.data, array.len);
    if (mst_unpack_next(&cursor.u, &head) && head.kind == MST_VALUE_ARRAY)
        cursor.left = head.count;
    return cursor;
}

bool mst_matters_next(struct mst_matters_cursor *cursor, struct mst_slice *ret_map)
{
    if (cursor->left == 0)
        return false;
    cursor->left--;
    cursor->index++;
    return mst_unpack_skip(&cursor->u, ret_map);
}

/* Words instead of a list stay words: they bring nothing up. */
static bool is_text(struct mst_slice raw)
{
    struct mst_unpack u;
    struct mst_value value;
    mst_unpack_init(&u, raw.data, raw.len);
    return mst_unpack_next(&u, &value) && value.kind == MST_VALUE_TEXT;
}

static size_t count_of(struct mst_slice array, bool *ret_is_array)
{
    struct mst_unpack u;
    struct mst_value head;
    mst_unpack_init(&u, array.data, array.len);
    *ret_is_array = mst_unpack_next(&u, &head) && head.kind == MST_VALUE_ARRAY;
    return *ret_is_array ? head.count : 0;
}

void mst_difficulty_read(struct mst_slice map, struct mst_difficulty *ret)
{
    struct mst_slice helpers;
    bool is_array;
    *ret = (struct mst_difficulty){.title = mst_unpack_text(map, "title"),
                                   .text = mst_unpack_text(map, "text"),
                                   .owner = mst_unpack_text(map, "owner"),
                                   .outside = mst_unpack_text(map, "outside")};
    if (mst_unpack_find(map, "helpers", &helpers)) {
        ret->helpers = helpers;
        ret->helpers_count = count_of(helpers, &is_array);
    }
}

struct mst_slice mst_difficulty_helper(const struct mst_difficulty *d, size_t index)
{
    struct mst_unpack u;
    struct mst_value value;
    mst_unpack_init(&u, d->helpers.data, d->helpers.len);
    if (index >= d->helpers_count || !mst_unpack_next(&u, &value))
        return mst_text(NULL);
    for (size_t i = 0; i <= index; i++) {
        struct mst_slice raw;
        struct mst_unpack one;
        if (!mst_unpack_skip(&u, &raw))
            return mst_text(NULL);
        mst_unpack_init(&one, raw.data, raw.len);
        if (i == index && mst_unpack_next(&one, &value) && value.kind == MST_VALUE_TEXT)
            return value.s;
    }
    return mst_text(NULL);
}

/* ---- faults ---- */

struct checking {
    const struct mst_matter_rules *rules;
    const char *raiser;
    mst_unit_known_fn known;
    void *context;
    char *words;
    size_t size;
};

static bool fault(const struct checking *c, const char *field, const char *text)
{
    snprintf(c->words, c->size, "%s %s", field, text);
    return true;
}

static bool fault_unit(const struct checking *c, const char *field, struct mst_slice id)
{
    char shown[MST_ID_MAX];
    mst_slice_copy(id, shown, sizeof shown);
    snprintf(c->words, c->size, "%s: no unit %s", field, shown);
    return true;
}

/* A key that is there and holds something else than text of that length. */
static bool bad_text(const struct checking *c, struct mst_slice map, const char *key,
                     size_t bytes_max, bool needed)
{
    struct mst_slice raw, text = mst_unpack_text(map, key);
    bool there = mst_unpack_find(map, key, &raw);
    if (!there)
        return needed && fault(c, key, "is missing");
    if (!text.data)
        return fault(c, key, "must be text");
    if (needed && text.len == 0)
        return fault(c, key, "is missing");
    return text.len > bytes_max && fault(c, key, "is too long");
}

static bool is_map(struct mst_slice raw)
{
    struct mst_unpack u;
    struct mst_value head;
    mst_unpack_init(&u, raw.data, raw.len);
    return mst_unpack_next(&u, &head) && head.kind == MST_VALUE_MAP;
}

static bool bad_helpers(const struct checking *c, const struct mst_difficulty *d)
{
    bool is_array = true;
    if (d->helpers.data)
        (void)count_of(d->helpers, &is_array);
    if (!is_array)
        return fault(c, "helpers", "must be a list of units");
    if (d->helpers_count > (size_t)c->rules->helpers)
        return fault(c, "helpers", "are more than the programme allows");
    for (size_t i = 0; i < d->helpers_count; i++) {
        struct mst_slice id = mst_difficulty_helper(d, i);
        if (!id.data || !c->known(c->context, id))
            return fault_unit(c, "helpers", id.data ? id : mst_text("?"));
        if (mst_slice_is(id, c->raiser))
            return fault(c, "helpers", "name the unit that raises it");
        for (size_t k = 0; k < i; k++) {
            struct mst_slice other = mst_difficulty_helper(d, k);
            if (other.len == id.len && memcmp(other.data, id.data, id.len) == 0)
                return fault(c, "helpers", "name a unit twice");
        }
    }
    return false;
}

static bool bad_difficulty(const struct checking *c, struct mst_slice map)
{
    struct mst_difficulty d;
    if (!is_map(map))
        return fault(c, "difficulty", "must be a map");
    mst_difficulty_read(map, &d);
    if (bad_text(c, map, "title", TITLE_BYTES_MAX, true) ||
        bad_text(c, map, "text", TEXT_BYTES_MAX, false) ||
        bad_text(c, map, "outside", WORDS_BYTES_MAX, false) ||
        bad_text(c, map, "owner", MST_ID_MAX - 1, false))
        return true;
    if (d.owner.data && !c->known(c->context, d.owner))
        return fault_unit(c, "owner", d.owner);
    return bad_helpers(c, &d);
}

/* An amount is what the unit says it is: a number, or words ("about 12 million"). */
static bool bad_project(const struct checking *c, struct mst_slice map)
{
    struct mst_slice raw;
    if (!is_map(map))
        return fault(c, "project", "must be a map");
    if (bad_text(c, map, "title", TITLE_BYTES_MAX, true) ||
        bad_text(c, map, "unit", WORDS_BYTES_MAX, false) ||
        bad_text(c, map, "level", WORDS_BYTES_MAX, false) ||
        bad_text(c, map, "remark", TEXT_BYTES_MAX, false))
        return true;
    if (!mst_unpack_find(map, "amount", &raw))
        return false;
    struct mst_unpack u;
    struct mst_value value;
    mst_unpack_init(&u, raw.data, raw.len);
    bool sound = mst_unpack_next(&u, &value) &&
                 ((value.kind == MST_VALUE_INT && value.i >= 0) ||
                  (value.kind == MST_VALUE_DOUBLE && value.d >= 0) ||
                  (value.kind == MST_VALUE_TEXT && value.s.len <= WORDS_BYTES_MAX));
    return !sound && fault(c, "amount", "must be a number that is not negative, or words");
}

bool mst_difficulty_fault(struct mst_slice map, const struct mst_matter_rules *rules,
                          const char *raiser, mst_unit_known_fn known, void *context, char *words,
                          size_t size)
{
    const struct checking c = {rules, raiser, known, context, words, size};
    return bad_difficulty(&c, map);
}

static bool bad_list(const struct checking *c, struct mst_slice body, const char *key,
                     bool (*bad)(const struct checking *c, struct mst_slice map))
{
    struct mst_matters_cursor cursor = mst_matters_open(body, key);
    struct mst_slice map, raw;
    char words[160];
    struct checking inner = *c;
    inner.words = words;
    inner.size = sizeof words;
    bool is_array = true;
    if (mst_unpack_find(body, key, &raw) && !is_text(raw))
        (void)count_of(raw, &is_array);
    if (!is_array)
        return fault(c, key, "must be a list, or text");
    if (cursor.left > (size_t)c->rules->max)
        return fault(c, key, "are more than the programme allows");
    while (mst_matters_next(&cursor, &map)) {
        if (!bad(&inner, map))
            continue;
        snprintf(c->words, c->size, "%s %zu: %s", key, cursor.index, words);
        return true;
    }
    return false;
}

bool mst_matters_fault(struct mst_slice body, const struct mst_matter_rules *rules,
                       const char *raiser, mst_unit_known_fn known, void *context, char *words,
                       size_t size)
{
    const struct checking c = {rules, raiser, known, context, words, size};
    return bad_list(&c, body, "difficulties", bad_difficulty) ||
           bad_list(&c, body, "projects", bad_project);
}
