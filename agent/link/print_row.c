/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a row of the ledger is about, for people: the broker gives its words and ids one after the
 * other, "materialise task-list/once/u1". Only the words at the beginning are the broker's; what
 * follows is shown as it is.
 */
#include <string.h>

#include "agent/link/print_cell.h"

static void put(struct mst_buf *out, const char *s)
{
    mst_buf_put(out, s, strlen(s));
}

/* The word at the beginning; "": too long to be one of ours. */
static const char *first_word(const char *text, char word[64])
{
    size_t len = strcspn(text, " ");
    return mst_slice_copy(mst_bytes(text, len < 64 ? len : 0), word, 64);
}

/* False: it is none of these columns' words, and nothing was put. */
static bool put_word(struct mst_buf *out, const char *word, const char *const *columns,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = mst_word(columns[i], word);
        if (text != word) {
            put(out, text);
            return true;
        }
    }
    return false;
}

/* "CODE SUBJECT": what was refused, as it was told. */
static bool put_refused(struct mst_buf *out, const char *text, const char *word)
{
    struct mst_err refusal;
    const char *subject = text + strlen(word);
    enum mst_code code = mst_code_of_word(word);
    if (strcmp(mst_code_word((int)code), word) != 0)
        return false;
    (void)mst_refusal(&refusal, code, mst_text(subject + (*subject == ' ')));
    mst_put_clean(out, mst_text(refusal.text));
    return true;
}

void mst_put_row_subject(struct mst_buf *out, struct mst_slice text)
{
    static const char *const doings[] = {"event", "kind", "row_subject"};
    static const char *const things[] = {"row_thing"};
    char whole[MST_ERR_TEXT_MAX] = "", word[64];
    if (text.len < sizeof whole)
        mst_slice_copy(text, whole, sizeof whole);
    const char *rest = whole;
    if (put_word(out, first_word(rest, word), doings, sizeof doings / sizeof doings[0])) {
        rest += strlen(word);
        if (*rest == ' ' && mst_word(things[0], first_word(rest + 1, word)) != word) {
            put(out, " ");
            put_word(out, word, things, 1);
            rest += 1 + strlen(word);
        }
        mst_put_clean(out, mst_text(rest));
    } else if (!put_refused(out, rest, word)) {
        mst_put_clean(out, text);
    }
}
