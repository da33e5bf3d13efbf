/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: what every fallible function returns and how it is told to people.
 *
 * A fallible function returns 0 or a positive MST_E_* or MST_R_* code (table: codes.def) and takes
 * a struct mst_err as its last parameter. The caller of a failed function finds there a text (what
 * failed, on which thing) and a hint (what to do next); on success the struct is untouched. Passing
 * NULL is legal and drops the words. Library code never prints.
 *
 * Words are message ids. mst_tr() turns one into the reader's language; without a translator, which
 * only a program's main() installs, it is the identity, so that pure code stays pure.
 */
#ifndef MST_PROTO_ERR_H
#define MST_PROTO_ERR_H

#include <stddef.h>
#include <stdint.h>

#define MST_MUST_CHECK __attribute__((warn_unused_result))
#define MST_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Marks a message id in a table, where mst_tr() cannot stand. */
#define N_(s) s
#define _(s) mst_tr(s)

/* Milliseconds since 1970-01-01T00:00:00Z, without leap seconds. INT64_MAX means never. */
typedef int64_t mst_time;
#define MST_NEVER INT64_MAX

enum mst_code {
#define CODE(name, number, word, text, hint) MST_##name = number,
#include "proto/codes.def"
#undef CODE
};

#define MST_ERR_TEXT_MAX 512
#define MST_ERR_HINT_MAX 256

struct mst_err {
    enum mst_code code;
    char text[MST_ERR_TEXT_MAX];
    char hint[MST_ERR_HINT_MAX];
};

/* Translator for message ids; must return a string that outlives the program, or msgid itself. */
typedef const char *(*mst_tr_fn)(const char *msgid);
void mst_tr_set(mst_tr_fn fn);
const char *mst_tr(const char *msgid) __attribute__((format_arg(1)));

/* Fill *err with the code, a formatted text and the table's hint. Returns the code. */
int mst_fail(struct mst_err *err, enum mst_code code, const char *fmt, ...) MST_PRINTF(3, 4);

/* Fill *err from the table's own text with its subject. Returns the code. */
int mst_fail_on(struct mst_err *err, enum mst_code code, const char *subject);

/* Replace the hint. */
void mst_hint(struct mst_err *err, const char *fmt, ...) MST_PRINTF(2, 3);

/* Put "context: " before the text of an error that is passed on. Returns its code. */
int mst_wrap(struct mst_err *err, const char *fmt, ...) MST_PRINTF(2, 3);

/* The word that travels on the wire ("locked"); "internal" for a number outside the table. */
const char *mst_code_word(int code);
/* The code of a word; MST_E_INTERNAL for an unknown word. */
enum mst_code mst_code_of_word(const char *word);
/* Untranslated message ids from the table; the text takes one %s. */
const char *mst_code_text(int code);
const char *mst_code_hint(int code);

#endif
