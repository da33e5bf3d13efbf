/* SPDX-License-Identifier: Apache-2.0 */
/* Cells under headings, for people; inside of print_*.c only. */
#ifndef MST_AGENT_LINK_PRINT_GRID_H
#define MST_AGENT_LINK_PRINT_GRID_H

#include "agent/link/print_cell.h"

#define MST_COLUMNS_MAX 32

struct mst_cell {
    char *text;
    int width;
    enum mst_tint tint;
    bool number;
};

/* cells: rows × columns, row by row. headings: as the columns. Nothing is owned. */
struct mst_grid {
    FILE *out;
    size_t rows, columns;
    const char *const *headings;
    const struct mst_cell *cells;
    void (*after)(void *context, size_t row); /* NULL, or prints what stands under a row */
    void *context;
};
/* Aligned columns, numbers at the right. On a terminal that is narrower, cells go on in lines of
 * their own, below an id that would not be whole beside them; where not even that fits, each row is
 * a block of headings and values. False: out of memory. */
bool mst_grid_print(const struct mst_grid *grid);
/* One cell in `width` columns. ret_owed: blanks that wait until something stands behind them, so
 * that no line ends in them. */
void mst_cell_print(FILE *out, bool colour, const struct mst_cell *cell, int width, bool right,
                    int *ret_owed);

#endif
