/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every program does with a terminal: colour or not, how wide text is, text from outside made
 * harmless, and complaints. Refuses to pass a control character on.
 */
#include "agent/link/print.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unistr.h>
#include <uniwidth.h>

bool mst_colour(FILE *out)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (no_colour && no_colour[0])
        return false;
    if (!term || strcmp(term, "dumb") == 0)
        return false;
    return isatty(fileno(out)) == 1;
}

const char *mst_sgr(bool colour, enum mst_tint tint)
{
    if (!colour)
        return "";
    switch (tint) {
    case MST_TINT_BOLD:
        return "\033[1m";
    case MST_TINT_DIM:
        return "\033[2m";
    case MST_TINT_GREEN:
        return "\033[32m";
    case MST_TINT_CYAN:
        return "\033[36m";
    case MST_TINT_YELLOW:
        return "\033[33m";
    case MST_TINT_RED:
        return "\033[31m";
    case MST_TINT_ALARM:
        return "\033[1;31m";
    case MST_TINT_OFF:
        break;
    }
    return "\033[0m";
}

int mst_width(const char *text)
{
    return u8_strwidth((const uint8_t *)text, "UTF-8");
}

bool mst_char_acts(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || c == 0x200E || c == 0x200F ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

void mst_put_clean(struct mst_buf *out, struct mst_slice text)
{
    size_t at = 0;
    while (at < text.len) {
        ucs4_t c = 0;
        int n = u8_mbtoucr(&c, text.data + at, text.len - at);
        char escape[16];
        if (n <= 0) {
            snprintf(escape, sizeof escape, "\\x%02x", text.data[at]);
            n = 1;
        } else if (!mst_char_acts(c)) {
            mst_buf_put(out, text.data + at, (size_t)n);
            at += (size_t)n;
            continue;
        } else if (c == '\n' || c == '\t' || c == '\r') {
            snprintf(escape, sizeof escape, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        } else if (c < 0x80) {
            snprintf(escape, sizeof escape, "\\x%02x", (unsigned)c);
        } else {
            snprintf(escape, sizeof escape, "\\u{%x}", (unsigned)c);
        }
        mst_buf_put(out, escape, strlen(escape));
        at += (size_t)n;
    }
}

enum mst_exit mst_exit_of(int code)
{
    switch (code) {
    case MST_OK:
        return MST_EXIT_OK;
    case MST_E_USAGE:
    case MST_E_PROGRAMME:
        return MST_EXIT_USAGE;
    case MST_E_UNREACHABLE:
    case MST_E_TIMEOUT:
        return MST_EXIT_UNREACHABLE;
    case MST_E_DENIED:
    case MST_E_REVOKED:
    case MST_E_EXPIRED:
    case MST_E_IDENTITY:
        return MST_EXIT_DENIED;
    default:
        return MST_EXIT_REFUSED;
    }
}

/* Subjects in an error may come from a file or the wire. */
static void say(const char *before, const char *tint, const char *text, const char *off)
{
    struct mst_buf clean = {0};
    mst_put_clean(&clean, mst_text(text));
    mst_buf_put(&clean, "", 1);
    fprintf(stderr, "%s%s", tint, before);
    mst_print_wrapped(stderr, clean.failed ? "" : (const char *)clean.data, mst_width(before));
    fprintf(stderr, "%s\n", off);
    mst_buf_done(&clean);
}

int mst_complain(const char *program, const struct mst_err *err)
{
    bool colour = mst_colour(stderr);
    char before[80];
    snprintf(before, sizeof before, "%s: ", program);
    say(before, mst_sgr(colour, MST_TINT_RED), err->text, mst_sgr(colour, MST_TINT_OFF));
    if (err->hint[0]) {
        snprintf(before, sizeof before, "  %s: ", _("hint"));
        say(before, "", err->hint, "");
    }
    return (int)mst_exit_of((int)err->code);
}
