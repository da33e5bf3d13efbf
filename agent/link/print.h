/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing rows for people and programs: tables whose columns stay aligned with wide characters,
 * JSON and CSV; and alerts in words. Rows are msgpack maps of named values; instants in them are
 * RFC 3339 text already.
 */
#ifndef MST_AGENT_LINK_PRINT_H
#define MST_AGENT_LINK_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/msg.h"

enum mst_format { MST_FORMAT_TABLE, MST_FORMAT_JSON, MST_FORMAT_CSV };

/* Colour is used on a terminal, never with NO_COLOR set or TERM=dumb. */
bool mst_colour(FILE *out);
/* Columns that a UTF-8 string takes on a terminal (libunistring, East Asian wide = 2). */
int mst_width(const char *text);

struct mst_table;
/* columns: space-separated field names; headings are their translations. */
struct mst_table *mst_table_new(enum mst_format format, const char *columns, FILE *out);
/* Adds a row (copied). JSON: an array of the whole objects; TABLE and CSV: the columns. */
MST_MUST_CHECK int mst_table_row(struct mst_table *table, struct mst_slice row,
                                 struct mst_err *err);
/* Prints what was gathered and frees. A TABLE of "name value" prints as aligned pairs. */
MST_MUST_CHECK int mst_table_end(struct mst_table *table, struct mst_err *err);

/* msgpack to JSON text, compact, keys in order, bin as lower-case hex. */
MST_MUST_CHECK int mst_json(struct mst_slice value, struct mst_buf *out, struct mst_err *err);

/* An alert in one sentence in the reader's language, e.g. "overdue: … was due on …". Returns buf.
 */
char *mst_alert_words(const struct mst_msg_alert *alert, char *buf, size_t size);
/* The same alert as a msgpack map with RFC 3339 instants in UTC, for --json and hooks. */
void mst_alert_map(const struct mst_msg_alert *alert, struct mst_buf *out);

/* "muster: text" and "  hint: …" to stderr. Returns the exit code that goes with the error. */
int mst_complain(const char *program, const struct mst_err *err);

/* Exit codes of every program. */
enum mst_exit {
    MST_EXIT_OK = 0,
    MST_EXIT_REFUSED = 1, /* refused or failed */
    MST_EXIT_USAGE = 2,
    MST_EXIT_UNREACHABLE = 3, /* no answer from the broker or the agent */
    MST_EXIT_DENIED = 4,      /* this key or user may not */
};

#endif
