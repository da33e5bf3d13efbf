/* SPDX-License-Identifier: Apache-2.0 */
/* Values as text for a table's cells; inside of print_*.c only. */
#ifndef MST_AGENT_LINK_PRINT_CELL_H
#define MST_AGENT_LINK_PRINT_CELL_H

#include "agent/link/print.h"
#include "proto/pack.h"

/* For people, on one line: words translated, instants shortened, controls escaped. */
void mst_cell_put(struct mst_buf *out, const char *column, struct mst_slice raw);
/* For people, over as many lines as it needs, each after the first indented. */
void mst_cell_put_block(struct mst_buf *out, const char *column, struct mst_slice raw, int indent);
/* For programs: text as it is, bytes in hex, containers as JSON. */
void mst_cell_put_raw(struct mst_buf *out, struct mst_slice raw);
/* {name} in the text becomes the place's text, cleaned; the text itself is ours. */
struct mst_place {
    const char *name;
    struct mst_slice text;
};
void mst_fill_places(struct mst_buf *out, const char *text, const struct mst_place *places,
                     size_t count);
/* Reasons as the outlook gives them, in words: an array of maps of reason, n and of. */
void mst_reasons_put(struct mst_buf *out, struct mst_slice raw);
/* The first value in the bytes; NIL when there is none. */
struct mst_value mst_cell_value(struct mst_slice raw);

#endif
