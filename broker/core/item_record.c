/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored form of an item: a msgpack map with named fields. Kinds and states stand there as
 * words; unknown fields are skipped and missing ones stay empty, so that a record outlives the
 * version that wrote it.
 */
#include <string.h>

#include "broker/core/item.h"
#include "proto/pack.h"
#include "proto/validate.h"

static const char *const kind_words[] = {
#define ITEM_KIND(NAME, word) word,
#define ITEM_STATE(NAME, word)
#include "broker/core/item.def"
#undef ITEM_KIND
#undef ITEM_STATE
};

static const char *const state_words[] = {
#define ITEM_KIND(NAME, word)
#define ITEM_STATE(NAME, word) word,
#include "broker/core/item.def"
#undef ITEM_KIND
#undef ITEM_STATE
};

const char *mst_item_kind_word(enum mst_item_kind kind)
{
    return kind_words[kind];
}

const char *mst_item_state_word(enum mst_item_state state)
{
    return state_words[state];
}

static bool word_at(struct mst_slice word, const char *const *words, size_t count, size_t *ret_at)
{
    for (*ret_at = 0; *ret_at < count; (*ret_at)++) {
        if (mst_slice_is(word, words[*ret_at]))
            return true;
    }
    return false;
}

static void pack_history(const struct mst_item *item, struct mst_buf *out)
{
    uint32_t count = mst_item_history_count(item);
    mst_pack_array(out, 3 * (size_t)count);
    for (uint32_t i = 0; i < count; i++) {
        mst_pack_int(out, item->history[i].at);
        mst_pack_text(out, item->history[i].event);
        mst_pack_text(out, item->history[i].actor);
    }
}

void mst_item_pack(const struct mst_item *item, struct mst_buf *out)
{
    mst_pack_map(out, 11);
    mst_pack_text(out, "number");
    mst_pack_uint(out, item->number);
    mst_pack_text(out, "kind");
    mst_pack_text(out, kind_words[item->kind]);
    mst_pack_text(out, "id");
    mst_pack_text(out, item->id);
    mst_pack_text(out, "state");
    mst_pack_text(out, state_words[item->state]);
    mst_pack_text(out, "owner");
    mst_pack_text(out, item->owner);
    mst_pack_text(out, "group");
    mst_pack_text(out, item->group);
    mst_pack_text(out, "opened_at");
    mst_pack_int(out, item->opened_at);
    mst_pack_text(out, "changed_at");
    mst_pack_int(out, item->changed_at);
    mst_pack_text(out, "moves");
    mst_pack_uint(out, item->moves);
    mst_pack_text(out, "history");
    pack_history(item, out);
    mst_pack_text(out, "data");
    mst_pack_bin(out, item->data.data, item->data.len);
}

static bool read_text(struct mst_slice map, const char *key, char *ret, size_t size)
{
    struct mst_slice text = mst_unpack_text(map, key);
    if (!text.data || text.len >= size)
        return false;
    mst_slice_copy(text, ret, size);
    return true;
}

static bool read_event(struct mst_unpack *u, struct mst_item_event *ret)
{
    struct mst_value at, event, actor;
    if (!mst_unpack_next(u, &at) || at.kind != MST_VALUE_INT || !mst_unpack_next(u, &event) ||
        event.kind != MST_VALUE_TEXT || event.s.len >= sizeof ret->event ||
        !mst_unpack_next(u, &actor) || actor.kind != MST_VALUE_TEXT ||
        actor.s.len >= sizeof ret->actor)
        return false;
    ret->at = at.i;
    mst_slice_copy(event.s, ret->event, sizeof ret->event);
    mst_slice_copy(actor.s, ret->actor, sizeof ret->actor);
    return true;
}

static bool read_history(struct mst_slice map, struct mst_item *item)
{
    struct mst_slice raw;
    struct mst_unpack u;
    struct mst_value head;
    if (!mst_unpack_find(map, "history", &raw))
        return false;
    mst_unpack_init(&u, raw.data, raw.len);
    if (!mst_unpack_next(&u, &head) || head.kind != MST_VALUE_ARRAY ||
        head.count != 3 * (size_t)mst_item_history_count(item))
        return false;
    for (uint32_t i = 0; i < mst_item_history_count(item); i++) {
        if (!read_event(&u, &item->history[i]))
            return false;
    }
    return true;
}

static bool read_item(struct mst_slice map, struct mst_item *item)
{
    size_t kind, state;
    int64_t number = mst_unpack_int(map, "number", 0), moves = mst_unpack_int(map, "moves", 0);
    if (number < 1 || moves < 1 || moves > UINT32_MAX ||
        !word_at(mst_unpack_text(map, "kind"), kind_words, MST_ITEM_KINDS, &kind) ||
        !word_at(mst_unpack_text(map, "state"), state_words, MST_ITEM_STATES, &state) ||
        !read_text(map, "id", item->id, sizeof item->id) || !item->id[0] ||
        !read_text(map, "owner", item->owner, sizeof item->owner) ||
        !read_text(map, "group", item->group, sizeof item->group))
        return false;
    item->number = (uint64_t)number;
    item->moves = (uint32_t)moves;
    item->kind = (enum mst_item_kind)kind;
    item->state = (enum mst_item_state)state;
    item->opened_at = mst_unpack_int(map, "opened_at", 0);
    item->changed_at = mst_unpack_int(map, "changed_at", 0);
    item->data = mst_unpack_bin(map, "data");
    /* What is inside is read without looking twice, so it is looked at now. */
    return read_history(map, item) &&
           (item->data.len == 0 || mst_validate(item->data.data, item->data.len, NULL) == 0);
}

int mst_item_unpack(struct mst_slice bytes, struct mst_item *ret_item, struct mst_err *err)
{
    struct mst_item item;
    memset(&item, 0, sizeof item);
    if (mst_validate(bytes.data, bytes.len, NULL) || !read_item(bytes, &item))
        return mst_fail_on(err, MST_E_CORRUPT, "item");
    *ret_item = item;
    return 0;
}
