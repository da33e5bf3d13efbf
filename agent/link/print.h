/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing rows for people and programs: tables whose columns stay aligned with wide characters,
 * JSON and CSV; and alerts in words. Rows are msgpack maps of named values; instants in them are
 * RFC 3339 text already.
 *
 * What a person reads is in the reader's language: headings, and the words of the protocol that
 * stand in columns of words (phase, work, verdict, kind, …). What a program reads keeps the wire's
 * names. Text from outside never reaches a terminal with its control characters.
 */
#ifndef MST_AGENT_LINK_PRINT_H
#define MST_AGENT_LINK_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/msg.h"

enum mst_format { MST_FORMAT_TABLE, MST_FORMAT_JSON, MST_FORMAT_CSV };

/* ---- terminals ---- */

/* Colour is used on a terminal, never with NO_COLOR set or TERM=dumb. */
bool mst_colour(FILE *out);

enum mst_tint {
    MST_TINT_OFF, /* back to plain */
    MST_TINT_BOLD,
    MST_TINT_DIM,
    MST_TINT_GREEN,
    MST_TINT_CYAN,
    MST_TINT_YELLOW,
    MST_TINT_RED,
    MST_TINT_ALARM, /* bold red */
};
/* The escape sequence; "" without colour. */
const char *mst_sgr(bool colour, enum mst_tint tint);

/* Columns that a UTF-8 string takes on a terminal (libunistring, East Asian wide = 2). */
int mst_width(const char *text);
/* True for a character that acts on a terminal instead of standing on it: controls, marks that turn
 * a line's direction (a name could show itself as another), line separators. */
bool mst_char_acts(uint32_t c);
/*
 * Append text from outside, harmless on a terminal: such characters, and bytes that are not UTF-8,
 * stand as \n, \xNN or \u{N}.
 */
void mst_put_clean(struct mst_buf *out, struct mst_slice text);

/* Text of one or more lines whose first begins at column `indent`, and whose others have it in
 * front already: on a terminal those that are wider go on below themselves. */
void mst_print_wrapped(FILE *out, const char *text, int indent);

/* ---- words ---- */

/* The heading of a column or field in the reader's language; a name outside the table is its own.
 */
const char *mst_heading(const char *column);
/* A word of the protocol in the reader's language, where the column is one of words; else itself.
 */
const char *mst_word(const char *column, const char *word);
/* The other way, for what a person types: the protocol's word, or the text itself. */
const char *mst_word_wire(const char *column, const char *text);
/* Walks the protocol's words that a column can hold; NULL at the end. */
const char *mst_word_at(const char *column, size_t index);
enum mst_tint mst_word_tint(const char *column, const char *word);

/* A map that is a sentence of sayings.def, in the reader's language; false: it is none, and nothing
 * was put. */
bool mst_put_saying(struct mst_buf *out, struct mst_slice raw);

/*
 * A row that is nothing but a `note` is words that stand under a table: appends them as a line in
 * the reader's language. False: it is a row like any other, and nothing was put.
 */
bool mst_put_note(struct mst_buf *out, struct mst_slice row);

/* ---- tables ---- */

struct mst_table;
/* columns: space-separated field names; headings are their translations. One that ends in '?' is
 * not shown in a TABLE where no row has anything in it; rows without one that ends in '!' are not
 * shown. NAME:WORDS has the heading and the words of the column WORDS. NULL: out of memory. */
struct mst_table *mst_table_new(enum mst_format format, const char *columns, FILE *out);
/* Appends what a table for people shows of a row's column: names instead of ids, words translated;
 * nothing where the row does not have it. */
void mst_put_cell(struct mst_buf *out, struct mst_slice row, const char *column);
/* Adds a row (copied). JSON: an array of the whole objects; TABLE and CSV: the columns, of the rows
 * that have any of them. */
MST_MUST_CHECK int mst_table_row(struct mst_table *table, struct mst_slice row,
                                 struct mst_err *err);
/*
 * Prints what was gathered and frees. Rows that consist of `name` and `value` only, or have beside
 * them what an id is called (`value_zh`, `value_en`, for people), are one object in pieces: a TABLE
 * prints them as aligned pairs, JSON as that one object (a name that comes again holds the array of
 * its values).
 */
MST_MUST_CHECK int mst_table_end(struct mst_table *table, struct mst_err *err);
void mst_table_free(struct mst_table *table); /* without printing; NULL is legal */

/* ---- JSON ---- */

/* msgpack to JSON text, compact, keys in order, bin as lower-case hex. */
MST_MUST_CHECK int mst_json(struct mst_slice value, struct mst_buf *out, struct mst_err *err);
/* The same over several lines, indented by two. */
MST_MUST_CHECK int mst_json_pretty(struct mst_slice value, struct mst_buf *out,
                                   struct mst_err *err);

/* ---- alerts ---- */

/* An alert in one sentence in the reader's language, e.g. "overdue: … was due by …". Instants are
 * in the zone of the reader's machine. Returns buf. */
char *mst_alert_words(const struct mst_msg_alert *alert, char *buf, size_t size);
/* The same alert as a msgpack map with RFC 3339 instants in UTC (nil: none) and, as `text`, the
 * sentence; for --json and hooks. */
void mst_alert_map(const struct mst_msg_alert *alert, struct mst_buf *out);
enum mst_tint mst_alert_tint(const struct mst_msg_alert *alert);
/* An instant for people, as tables show it: "2023-10-11 16:30 +08:00"; a deadline at local midnight
 * is "2023-10-11 24:00 +08:00". */
#define MST_WHEN_MAX 64
char *mst_when(mst_time at, bool is_deadline, char buf[MST_WHEN_MAX]);

/* ---- complaints ---- */

/* Fills err with a refusal as its reader has it: the code's text on what the broker says of it, in
 * the reader's language. Returns code. */
int mst_refusal(struct mst_err *err, enum mst_code code, struct mst_slice subject);

/* "program: text" and "  hint: …" to stderr. Returns the exit code that goes with the error. */
int mst_complain(const char *program, const struct mst_err *err);

/* Exit codes of every program. */
enum mst_exit {
    MST_EXIT_OK = 0,
    MST_EXIT_REFUSED = 1, /* refused or failed */
    MST_EXIT_USAGE = 2,
    MST_EXIT_UNREACHABLE = 3,  /* no answer from the broker or the agent */
    MST_EXIT_DENIED = 4,       /* this key or user may not */
    MST_EXIT_CONTRADICTED = 5, /* muster-watch: the ledger is not the one that was witnessed */
};
/* The exit code that goes with a code. */
enum mst_exit mst_exit_of(int code);

#endif
