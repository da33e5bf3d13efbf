/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a table as narrow as the terminal that it is shown on: cells go on in lines of their own,
 * broken where a reader expects it, and the columns that give way are those where it costs the
 * fewest lines. What goes to a file or a pipe stays one line a row.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unictype.h>
#include <unistd.h>
#include <unistr.h>
#include <uniwidth.h>

#include "agent/link/print_cell.h"

/* Below the first a column of words is hard to read, below the second it is none any more. */
static const int narrow[] = {8, 4};
/* How many lines of words one broken id is worth: ids are copied, whole. */
#define ID_COST 4

int mst_window(FILE *out)
{
    struct winsize size;
    bool known = isatty(fileno(out)) == 1 && ioctl(fileno(out), TIOCGWINSZ, &size) == 0;
    return known ? size.ws_col : 0;
}

static bool is_among(ucs4_t c, const char *set)
{
    return u8_strchr((const uint8_t *)set, c) != NULL;
}

enum place { NOWHERE, WITHIN_ID, BETWEEN_WORDS };

/* How well a line ends before `c`, after the two characters before it. */
static enum place place_of(ucs4_t first, ucs4_t before, ucs4_t c)
{
    /* Where a line may end after a blank it may end before it, and no line ends in one. */
    if (before == ' ')
        return NOWHERE;
    if (c == ' ')
        return BETWEEN_WORDS;
    if (before == '/')
        return WITHIN_ID;
    if (before == ':' || before == '-')
        return uc_is_alpha(c) && uc_is_alnum(first) ? WITHIN_ID : NOWHERE;
    if (is_among(c, "，。、；：？！）》”」』】%") || is_among(before, "（《“「『【"))
        return NOWHERE;
    bool wide = uc_width(before, "UTF-8") == 2 || uc_width(c, "UTF-8") == 2;
    return wide ? BETWEEN_WORDS : NOWHERE;
}

/* A walk over the characters of a text. */
struct walk {
    const uint8_t *text;
    size_t left, at;
    ucs4_t first, before; /* the two that were passed last; 0: none */
    int width;            /* of the one passed last */
    enum place place;     /* before it */
};

static bool pass(struct walk *w)
{
    ucs4_t c;
    if (w->at >= w->left)
        return false;
    int n = u8_mbtouc(&c, w->text + w->at, w->left - w->at);
    int width = uc_width(c, "UTF-8");
    w->place = w->at > 0 ? place_of(w->first, w->before, c) : NOWHERE;
    w->width = width > 0 ? width : 0;
    w->first = w->before;
    w->before = c;
    w->at += (size_t)n;
    return true;
}

size_t mst_break(const char *text, int width)
{
    struct walk w = {.text = (const uint8_t *)text, .left = strlen(text)};
    size_t start = 0, places[] = {[WITHIN_ID] = 0, [BETWEEN_WORDS] = 0};
    for (int used = 0; pass(&w); start = w.at) {
        if (w.place != NOWHERE)
            places[w.place] = start;
        used += w.width;
        if (used > width && start > 0)
            return places[BETWEEN_WORDS] ? places[BETWEEN_WORDS]
                   : places[WITHIN_ID]   ? places[WITHIN_ID]
                                         : start;
    }
    return w.left;
}

int mst_width_least(const char *text)
{
    struct walk w = {.text = (const uint8_t *)text, .left = strlen(text)};
    int least = 0;
    for (int width = 0; pass(&w);) {
        width = w.place == NOWHERE ? width : 0;
        width += w.before == ' ' ? 0 : w.width;
        least = width > least ? width : least;
    }
    return least;
}

/* What the cells of a column cost in lines beyond their first, were it so wide. */
static long cost_of(const struct mst_fit *fit, size_t column, int width)
{
    long lines = 0;
    for (size_t row = 0; row < fit->rows; row++) {
        int whole = fit->natural[row * fit->columns + column];
        lines += whole > width ? (whole - 1) / width : 0;
    }
    return lines * (fit->is_id[column] ? ID_COST : 1);
}

static int least_of(const struct mst_fit *fit, size_t column, int readable)
{
    int least = fit->widths[column] < readable ? fit->widths[column] : readable;
    return fit->least[column] > least ? fit->least[column] : least;
}

/* The column where the next step costs least; of equals the widest. */
static size_t cheapest(const struct mst_fit *fit, int readable)
{
    size_t best = fit->columns;
    long best_cost = 0;
    for (size_t c = 0; c < fit->columns; c++) {
        int width = fit->widths[c];
        if (width <= least_of(fit, c, readable))
            continue;
        long cost = cost_of(fit, c, width - 1) - cost_of(fit, c, width);
        bool better = best == fit->columns || cost < best_cost ||
                      (cost == best_cost && width > fit->widths[best]);
        if (better) {
            best = c;
            best_cost = cost;
        }
    }
    return best;
}

bool mst_fit_widths(struct mst_fit *fit, int window)
{
    int total = fit->columns ? 2 * (int)(fit->columns - 1) : 0;
    for (size_t c = 0; c < fit->columns; c++)
        total += fit->widths[c];
    for (size_t i = 0; i < sizeof narrow / sizeof narrow[0]; i++) {
        while (total > window) {
            size_t c = cheapest(fit, narrow[i]);
            if (c == fit->columns)
                break;
            fit->widths[c]--;
            total--;
        }
    }
    return total <= window;
}

/* A line without its end, of which `blanks` stand at the left already; it goes on below itself. */
static void print_line(FILE *out, const char *text, size_t len, int window, int blanks)
{
    char piece[4096];
    while (len > 0) {
        size_t n = len < sizeof piece ? len : sizeof piece - 1;
        memcpy(piece, text, n);
        piece[n] = '\0';
        /* A key that has no place to break is copied whole; the terminal breaks it. */
        if (mst_width_least(piece) <= window - blanks)
            n = mst_break(piece, window - blanks);
        fwrite(text, 1, n, out);
        for (text += n, len -= n; len > 0 && *text == ' '; len--)
            text++;
        if (len > 0)
            fprintf(out, "\n%*s", blanks, "");
    }
}

void mst_print_wrapped(FILE *out, const char *text, int indent)
{
    int window = mst_window(out);
    bool first = true;
    if (window == 0) {
        fputs(text, out);
        return;
    }
    while (*text) {
        size_t blanks = first ? 0 : strspn(text, " "), len = strcspn(text, "\n");
        fwrite(text, 1, blanks, out);
        print_line(out, text + blanks, len - blanks, window, first ? indent : (int)blanks);
        text += len;
        if (*text == '\n')
            fputc(*text++, out);
        first = false;
    }
}
