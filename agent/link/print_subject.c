/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subject of a refusal in the reader's language. The broker says it in pieces, "WHICH: WHAT:
 * DETAIL; WHICH: WHAT", of which the ones that are its own words are message ids, words of the
 * protocol, or those below. Ids, and what people wrote, stay as they are: a piece that names the
 * thing comes first and is never looked up.
 */
#include <stdio.h>
#include <string.h>

#include "agent/link/print.h"

/* What a form's fault is called on the wire; `muster-agent` itself tells of it at length. */
static const struct {
    const char *word, *text;
} faults[] = {
    {"missing", N_("is missing")},
    {"empty", N_("is empty")},
    {"unknown-field", N_("unknown field")},
    {"wrong-type", N_("is of the wrong type")},
    {"no-date", N_("is no date")},
    {"too-fine", N_("has too many decimals")},
    {"too-big", N_("has too many digits")},
    {"below", N_("is too small")},
    {"above", N_("is too large")},
    {"too-long", N_("is too long")},
    {"no-choice", N_("is none of the choices")},
    {"no-unit", N_("unknown unit")},
    {"itself", N_("is the unit that reports")},
    {"no-area", N_("the group has no such focus area")},
    {"twice", N_("stands twice")},
    {"not-covered", N_("leaves out a focus area")},
    {"too-few", N_("are too few")},
    {"too-many", N_("are too many")},
    {"says-nothing", N_("the report says nothing")},
};

static void put(struct mst_buf *out, const char *s)
{
    mst_buf_put(out, s, strlen(s));
}

/* "task 3, due" */
static bool put_task(struct mst_buf *out, const char *piece)
{
    unsigned index;
    int used = 0;
    char text[48];
    if (sscanf(piece, "task %u%n", &index, &used) != 1 || used == 0)
        return false;
    snprintf(text, sizeof text, _("task %u"), index);
    put(out, text);
    put(out, piece + used);
    return true;
}

static void put_piece(struct mst_buf *out, const char *piece, bool first)
{
    static const char *const columns[] = {"work", "state"};
    if (put_task(out, piece))
        return;
    const char *text = first ? piece : _(piece);
    for (size_t i = 0; !first && i < sizeof faults / sizeof faults[0]; i++) {
        if (strcmp(faults[i].word, piece) == 0)
            text = _(faults[i].text);
    }
    for (size_t i = 0; !first && text == piece && i < sizeof columns / sizeof columns[0]; i++)
        text = mst_word(columns[i], piece);
    put(out, text);
}

/* Where the next piece ends, and what stands behind it: ": " within a sentence, "; " after one. */
static size_t piece_length(const char *text)
{
    size_t n = 0;
    while (text[n] && !((text[n] == ':' || text[n] == ';') && text[n + 1] == ' '))
        n++;
    return n;
}

int mst_refusal(struct mst_err *err, enum mst_code code, struct mst_slice subject)
{
    char whole[MST_ERR_TEXT_MAX], piece[MST_ERR_TEXT_MAX];
    struct mst_buf out = {0};
    const char *at = mst_slice_copy(subject, whole, sizeof whole);
    for (bool first = true; *at; first = false) {
        size_t n = piece_length(at);
        put_piece(&out, mst_slice_copy(mst_bytes(at, n), piece, sizeof piece), first);
        at += n;
        if (*at)
            put(&out, *at == ':' ? _(": ") : _("; "));
        at += *at ? 2 : 0;
    }
    mst_fail_on(err, code, mst_slice_copy(mst_bytes(out.data, out.len), whole, sizeof whole));
    mst_buf_done(&out);
    return (int)code;
}
