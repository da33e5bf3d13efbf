/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences with places: our own words, with what comes from outside put in its places, cleaned.
 * What stands between < and > is left out where one of its places is empty. A sentence that arrives
 * as a map names its words by `say`; one that this side does not know is shown as its fields.
 */
#include <string.h>

#include "agent/link/print_cell.h"
#include "config/load/lang.h"
#include "proto/saying.h"

/* Up to the end of the text, or of the optional part; *ret_empty: a place in it was empty. */
static const char *fill_part(struct mst_buf *out, const char *text, mst_fill_fn put, void *context,
                             bool *ret_empty)
{
    while (*text && *text != '>') {
        size_t plain = strcspn(text, "{<>");
        mst_buf_put(out, text, plain);
        text += plain;
        const char *end = *text == '{' ? strchr(text, '}') : NULL;
        if (end) {
            char name[32];
            mst_slice_copy(mst_bytes(text + 1, (size_t)(end - text - 1)), name, sizeof name);
            size_t before = out->len;
            put(context, name, out);
            *ret_empty = *ret_empty || out->len == before;
            text = end + 1;
        } else if (*text == '<') {
            bool empty = false;
            size_t before = out->len;
            text = fill_part(out, text + 1, put, context, &empty);
            if (empty)
                out->len = before;
            text += *text == '>';
        } else if (*text == '{') {
            mst_buf_put(out, text++, 1);
        }
    }
    return text;
}

void mst_fill(struct mst_buf *out, const char *text, mst_fill_fn put, void *context)
{
    bool empty = false;
    fill_part(out, text, put, context, &empty);
}

/* ---- reasons ---- */

/* What the broker itself gives as a reason begins like this; what people write stays as it is. */
static const struct {
    const char *begin, *text;
} made[] = {
    {"calendar ", N_("calendar {rest}")},
    {"merged: ", N_("merged into {rest}")},
    {"split: ", N_("split; {rest} takes over")},
};

static void put_rest(void *context, const char *name, struct mst_buf *out)
{
    (void)name;
    mst_put_clean(out, *(const struct mst_slice *)context);
}

void mst_put_reason(struct mst_buf *out, struct mst_slice reason)
{
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        size_t len = strlen(made[i].begin);
        if (reason.len <= len || memcmp(reason.data, made[i].begin, len) != 0)
            continue;
        struct mst_slice rest = mst_bytes(reason.data + len, reason.len - len);
        mst_fill(out, _(made[i].text), put_rest, &rest);
        return;
    }
    char whole[128];
    if (reason.len == 0 || reason.len >= sizeof whole) {
        mst_put_clean(out, reason);
        return;
    }
    mst_slice_copy(reason, whole, sizeof whole);
    mst_put_clean(out, mst_text(_(whole)));
}

/* "post: CHINESE | ENGLISH: WHO" */
bool mst_put_post(struct mst_buf *out, struct mst_slice reason)
{
    static const char begin[] = "post: ", between[] = " | ", behind[] = ": ";
    const size_t from = sizeof begin - 1;
    if (reason.len <= from || memcmp(reason.data, begin, from) != 0)
        return false;
    const uint8_t *zh = reason.data + from, *end = reason.data + reason.len;
    const uint8_t *en = memmem(zh, (size_t)(end - zh), between, sizeof between - 1);
    const uint8_t *who = en ? memmem(en, (size_t)(end - en), behind, sizeof behind - 1) : NULL;
    if (!who)
        return false;
    const uint8_t *en_from = en + sizeof between - 1, *who_from = who + sizeof behind - 1;
    mst_put_clean(out, mst_lang_zh() ? mst_bytes(zh, (size_t)(en - zh))
                                     : mst_bytes(en_from, (size_t)(who - en_from)));
    mst_put_clean(out, mst_text(_(": ")));
    mst_put_clean(out, mst_bytes(who_from, (size_t)(end - who_from)));
    return true;
}

/* ---- sayings ---- */

/* By nobody but the clock and the programme: then its reason is the broker's own. */
static bool is_made(struct mst_slice map)
{
    struct mst_slice actor = mst_unpack_text(map, "actor");
    return mst_slice_is(actor, "clock") || mst_slice_is(actor, "programme");
}

static void put_refusal(struct mst_buf *out, struct mst_slice map)
{
    char code[33];
    struct mst_err why;
    mst_slice_copy(mst_unpack_text(map, "code"), code, sizeof code);
    (void)mst_refusal(&why, mst_code_of_word(code), mst_unpack_text(map, "subject"));
    mst_put_clean(out, mst_text(why.text));
}

static void put_field(void *context, const char *name, struct mst_buf *out)
{
    struct mst_slice map = *(const struct mst_slice *)context, raw;
    if (strcmp(name, "refusal") == 0)
        put_refusal(out, map);
    if (!mst_cell_find(map, name, &raw))
        return;
    struct mst_slice text =
        mst_cell_value(raw).kind == MST_VALUE_TEXT ? mst_cell_value(raw).s : (struct mst_slice){0};
    bool reason = strcmp(name, "reason") == 0;
    if (reason && mst_slice_is(mst_unpack_text(map, "event"), "annul"))
        mst_cell_put(out, "verdict", raw);
    else if (reason && is_made(map))
        mst_put_reason(out, text);
    else if (!reason || !mst_put_post(out, text))
        mst_cell_put(out, name, raw);
}

bool mst_put_saying(struct mst_buf *out, struct mst_slice raw)
{
    if (mst_cell_value(raw).kind != MST_VALUE_MAP)
        return false;
    struct mst_slice say = mst_unpack_text(raw, "say");
    const char *text = say.data ? mst_saying_text(say) : NULL;
    if (text)
        mst_fill(out, _(text), put_field, &raw);
    return text != NULL;
}

bool mst_put_note(struct mst_buf *out, struct mst_slice row)
{
    struct mst_slice note = mst_unpack_text(row, "note"), raw;
    char text[512];
    if (mst_cell_value(row).kind != MST_VALUE_MAP || mst_cell_value(row).count != 1)
        return false;
    if (note.data)
        mst_put_clean(out, mst_text(mst_tr(mst_slice_copy(note, text, sizeof text))));
    else if (!mst_unpack_find(row, "note", &raw) || !mst_put_saying(out, raw))
        return false;
    mst_buf_put(out, "\n", 1);
    return true;
}
