/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings about files, and the guess at what a mistyped word was meant to be. Collects and prints;
 * decides nothing.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "config/load/load.h"

/* A broken file of megabytes must not turn into as many findings; nobody reads more than these. */
#define DIAGS_MAX 1000

/* Longest word, in characters, that is compared; names of units are far shorter. */
#define NEAREST_CHARS_MAX 64

void mst_diags_done(struct mst_diags *diags)
{
    free(diags->items);
    *diags = (struct mst_diags){0};
}

void mst_diag(struct mst_diags *diags, enum mst_severity severity, const char *file, int line,
              int column, const char *hint, const char *fmt, ...)
{
    if (severity == MST_DIAG_ERROR)
        diags->errors++;
    if (diags->count == DIAGS_MAX)
        return;
    if (diags->count == diags->cap) {
        size_t cap = diags->cap ? 2 * diags->cap : 16;
        struct mst_diag *items = realloc(diags->items, cap * sizeof *items);
        if (!items)
            return; /* it is counted as an error above, so the file is refused all the same */
        diags->items = items;
        diags->cap = cap;
    }
    struct mst_diag *diag = &diags->items[diags->count++];
    /* mst_fail() formats and cuts at a character's boundary; its table hint is not wanted here. */
    struct mst_err words;
    char text[MST_ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    mst_fail(&words, MST_E_INVALID, "%s", text);
    mst_hint(&words, "%s", hint ? hint : "");
    *diag = (struct mst_diag){.severity = severity, .line = line, .column = column};
    snprintf(diag->file, sizeof diag->file, "%s", file);
    memcpy(diag->text, words.text, sizeof diag->text);
    memcpy(diag->hint, words.hint, sizeof diag->hint);
}

/* A file's name or words may come from anybody: what would act on a terminal stands as an escape.
 */
static void print_clean(const char *text, FILE *out)
{
    for (const uint8_t *at = (const uint8_t *)text; *at;) {
        ucs4_t c = 0;
        int len = u8_strmbtouc(&c, at);
        bool turns = c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
                     (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
        if (len <= 0) {
            fprintf(out, "\\x%02x", (unsigned)*at);
            len = 1;
        } else if (c < 0x20 || c == 0x7F) {
            fprintf(out, "\\x%02x", (unsigned)c);
        } else if ((c > 0x7F && c < 0xA0) || turns) {
            fprintf(out, "\\u{%x}", (unsigned)c);
        } else {
            fwrite(at, 1, (size_t)len, out);
        }
        at += len;
    }
}

void mst_diags_print(const struct mst_diags *diags, FILE *out)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct mst_diag *diag = &diags->items[i];
        print_clean(diag->file, out);
        fputc(':', out);
        if (diag->line > 0)
            fprintf(out, "%d:%d:", diag->line, diag->column);
        fprintf(out, " %s: ", diag->severity == MST_DIAG_ERROR ? _("error") : _("warning"));
        print_clean(diag->text, out);
        fputc('\n', out);
        if (diag->hint[0]) {
            fprintf(out, "  %s: ", _("hint"));
            print_clean(diag->hint, out);
            fputc('\n', out);
        }
    }
}

static size_t characters(const char *word, ucs4_t chars[NEAREST_CHARS_MAX])
{
    size_t count = 0;
    const uint8_t *at = (const uint8_t *)word;
    while (*at && count < NEAREST_CHARS_MAX) {
        int len = u8_strmbtouc(&chars[count], at);
        if (len <= 0)
            break;
        at += len;
        count++;
    }
    return count;
}

/* Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other.
 */
static size_t edit_distance(const char *a, const char *b)
{
    ucs4_t x[NEAREST_CHARS_MAX], y[NEAREST_CHARS_MAX];
    size_t rows[3][NEAREST_CHARS_MAX + 1];
    size_t m = characters(a, x), n = characters(b, y);
    for (size_t j = 0; j <= n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = last[j - 1] + (x[i - 1] != y[j - 1]);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[m % 3][n];
}

const char *mst_nearest(const char *word, const char *const *words, size_t count)
{
    ucs4_t chars[NEAREST_CHARS_MAX];
    size_t length = characters(word, chars);
    /* A third of the word may be wrong; in a word of two letters one may. */
    size_t best = length / 3 + 2;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, words[i]);
        if (distance < best && distance < length) {
            best = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

int mst_diags_first(const struct mst_diags *diags, struct mst_err *err)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct mst_diag *d = &diags->items[i];
        if (d->severity != MST_DIAG_ERROR)
            continue;
        int code =
            mst_fail(err, MST_E_INVALID, "%s:%d:%d: %s", d->file, d->line, d->column, d->text);
        mst_hint(err, "%s", d->hint);
        return code;
    }
    return err ? (int)err->code : (int)MST_E_INVALID;
}
