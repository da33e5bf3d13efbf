/* SPDX-License-Identifier: Apache-2.0 */
/* Values as text for a table's cells; inside of print_*.c only. */
#ifndef MST_AGENT_LINK_PRINT_CELL_H
#define MST_AGENT_LINK_PRINT_CELL_H

#include "agent/link/print.h"
#include "proto/pack.h"

/* For people, on one line: words translated, instants shortened, controls escaped. */
void mst_cell_put(struct mst_buf *out, const char *column, struct mst_slice raw);
/* For people, over as many lines as it needs, each after the first indented. labels: what the
 * fields of a report are called, an array of [id, zh, en]; data NULL: as headings are. */
void mst_cell_put_block(struct mst_buf *out, const char *column, struct mst_slice labels,
                        struct mst_slice raw, int indent);
/* For programs: text as it is, bytes in hex, containers as JSON. */
void mst_cell_put_raw(struct mst_buf *out, struct mst_slice raw);
/* Reasons as the outlook gives them, in words: an array of maps of reason, n and of. */
void mst_reasons_put(struct mst_buf *out, struct mst_slice raw);
/* A map's value for the reader: names come in both languages, as NAME_en and NAME_zh or as NAME and
 * one of them. */
bool mst_cell_find(struct mst_slice map, const char *name, struct mst_slice *ret_raw);
/* The first value in the bytes; NIL when there is none. */
struct mst_value mst_cell_value(struct mst_slice raw);

/* ---- as wide as the terminal: print_fit.c ---- */

/* Columns of the terminal that `out` is; 0: it is none, and lines are as long as they are. */
int mst_window(FILE *out);
/* Bytes of the text's beginning that go on one line of so many columns: up to the best place to
 * break, else as many characters as fit, at least one. Blanks that follow belong to no line. */
size_t mst_break(const char *text, int width);
/* Columns of its widest piece that has no place to break. */
int mst_width_least(const char *text);
/* What is to be made narrower. natural: of each cell, row by row. widths: as wide as the widest
 * cell or heading of each column, and afterwards as wide as it is to be shown. least: of which no
 * column goes below. is_id: what is better not broken. Nothing is owned. */
struct mst_fit {
    size_t rows, columns;
    const int *natural, *least;
    const bool *is_id;
    int *widths;
};
/* Until the columns, two blanks between them, fit the window; false: none can give way any more. */
bool mst_fit_widths(struct mst_fit *fit, int window);

/* ---- sentences with places: print_fill.c ---- */

/* Appends what stands in the place of that name; nothing: it is empty. */
typedef void (*mst_fill_fn)(void *context, const char *name, struct mst_buf *out);
/* "{name}" is a place; "<…>" is left out where a place in it is empty. */
void mst_fill(struct mst_buf *out, const char *text, mst_fill_fn put, void *context);
/* A reason, in the reader's language where the broker itself gave it. */
void mst_put_reason(struct mst_buf *out, struct mst_slice reason);
/* What a row of the ledger is about, its words in the reader's language. */
void mst_put_row_subject(struct mst_buf *out, struct mst_slice text);
/* What the broker says of a post that has a name, in the reader's language; false: it is another
 * reason, and nothing was put. */
bool mst_put_post(struct mst_buf *out, struct mst_slice reason);

#endif
