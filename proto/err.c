/* SPDX-License-Identifier: Apache-2.0 */
/* Errors and their words. Pure: formats into the caller's struct and touches nothing else. */
#include "proto/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct code_row {
    int number;
    const char *word;
    const char *text;
    const char *hint;
};

static const struct code_row code_rows[] = {
#define CODE(name, number, word, text, hint) {number, word, text, hint},
#include "proto/codes.def"
#undef CODE
};

#define CODE_ROWS (sizeof code_rows / sizeof code_rows[0])

static mst_tr_fn translate;

void mst_tr_set(mst_tr_fn fn)
{
    translate = fn;
}

const char *mst_tr(const char *msgid)
{
    /* The empty message id is gettext's header, never a text. */
    return translate && msgid[0] ? translate(msgid) : msgid;
}

static const struct code_row *row_of(int code)
{
    static const struct code_row unknown = {MST_E_INTERNAL, "internal",
                                            N_("a fault in Muster itself: %s"),
                                            N_("report it with the log")};
    for (size_t i = 0; i < CODE_ROWS; i++) {
        if (code_rows[i].number == code)
            return &code_rows[i];
    }
    return &unknown;
}

const char *mst_code_word(int code)
{
    return row_of(code)->word;
}

const char *mst_code_text(int code)
{
    return row_of(code)->text;
}

const char *mst_code_hint(int code)
{
    return row_of(code)->hint;
}

enum mst_code mst_code_of_word(const char *word)
{
    for (size_t i = 0; i < CODE_ROWS; i++) {
        if (strcmp(code_rows[i].word, word) == 0)
            return (enum mst_code)code_rows[i].number;
    }
    return MST_E_INTERNAL;
}

/* Cut a UTF-8 string that vsnprintf truncated between characters, so that text stays text. */
static void cut_utf8(char *s, size_t size)
{
    size_t n = strnlen(s, size);
    if (n + 1 < size)
        return;
    size_t start = n;
    while (start > 0 && ((unsigned char)s[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)s[start - 1];
    size_t want = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (n - (start - 1) < want)
        s[start - 1] = '\0';
}

static void set_hint(struct mst_err *err, const char *hint)
{
    snprintf(err->hint, sizeof err->hint, "%s", mst_tr(hint));
    cut_utf8(err->hint, sizeof err->hint);
}

int mst_fail(struct mst_err *err, enum mst_code code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        err->code = code;
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
        cut_utf8(err->text, sizeof err->text);
        set_hint(err, mst_code_hint((int)code));
    }
    return (int)code;
}

int mst_fail_on(struct mst_err *err, enum mst_code code, const char *subject)
{
    return mst_fail(err, code, mst_tr(mst_code_text((int)code)), subject);
}

void mst_hint(struct mst_err *err, const char *fmt, ...)
{
    if (!err)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->hint, sizeof err->hint, fmt, ap);
    va_end(ap);
    cut_utf8(err->hint, sizeof err->hint);
}

int mst_wrap(struct mst_err *err, const char *fmt, ...)
{
    if (!err)
        return MST_E_INTERNAL;
    char context[MST_ERR_TEXT_MAX];
    char joined[2 * MST_ERR_TEXT_MAX + 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(context, sizeof context, fmt, ap);
    va_end(ap);
    snprintf(joined, sizeof joined, "%s: %s", context, err->text);
    memcpy(err->text, joined, sizeof err->text - 1);
    err->text[sizeof err->text - 1] = '\0';
    cut_utf8(err->text, sizeof err->text);
    return (int)err->code;
}
