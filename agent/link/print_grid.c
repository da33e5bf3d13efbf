/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table for people. Columns are as wide as what stands in them; on a terminal that is narrower
 * the cells go on in lines of their own (print_fit.c). Where the ids in the first column would be
 * broken, which nobody could copy then, each stands above what else is in its row; where not even
 * that fits, each row is a block of lines, a heading and a value each.
 */
#include "agent/link/print_grid.h"

#include <stdlib.h>
#include <string.h>

/* A cell's line is no longer than a terminal is wide; a longer one stays whole. */
#define LINE_BYTES_MAX 4096

/* By how much a row stands in below its id. */
#define INDENT 2

/* How the columns are to be shown. */
struct layout {
    int widths[MST_COLUMNS_MAX];
    bool right[MST_COLUMNS_MAX];
    size_t from; /* the first column that stands beside others: 1 below ids, else 0 */
};

static void pad(FILE *out, int n)
{
    fprintf(out, "%*s", n > 0 ? n : 0, "");
}

void mst_cell_print(FILE *out, bool colour, const struct mst_cell *cell, int width, bool right,
                    int *ret_owed)
{
    if (cell->width == 0) {
        *ret_owed += width + 2;
        return;
    }
    pad(out, *ret_owed + (right ? width - cell->width : 0));
    bool tinted = colour && cell->tint != MST_TINT_OFF;
    fprintf(out, "%s%s%s", mst_sgr(tinted, cell->tint), cell->text, mst_sgr(tinted, MST_TINT_OFF));
    *ret_owed = (right ? 0 : width - cell->width) + 2;
}

/* What of a cell goes on one line, in `line` where it is not all; *rest begins after it. */
static struct mst_cell next_line(const struct mst_cell *cell, const char **rest, int width,
                                 char line[LINE_BYTES_MAX])
{
    struct mst_cell piece = *cell;
    size_t n = cell->width > width ? mst_break(*rest, width) : strlen(*rest);
    bool whole = (*rest)[n] == '\0' || n >= LINE_BYTES_MAX;
    if (whole)
        n = strlen(*rest);
    piece.text = whole ? (char *)(uintptr_t)*rest : line;
    if (!whole) {
        memcpy(line, *rest, n);
        line[n] = '\0';
    }
    piece.width = mst_width(piece.text);
    *rest += n;
    *rest += strspn(*rest, " ");
    return piece;
}

static void print_row(const struct mst_grid *grid, const struct mst_cell *cells,
                      const struct layout *layout)
{
    const char *rest[MST_COLUMNS_MAX];
    char line[LINE_BYTES_MAX];
    bool colour = mst_colour(grid->out), more = true;
    for (size_t c = 0; c < grid->columns; c++)
        rest[c] = cells[c].text;
    if (layout->from) {
        int owed = 0;
        mst_cell_print(grid->out, colour, &cells[0], 0, false, &owed);
        fputc('\n', grid->out);
    }
    while (more) {
        int owed = layout->from ? INDENT : 0;
        more = false;
        for (size_t c = layout->from; c < grid->columns; c++) {
            struct mst_cell piece = next_line(&cells[c], &rest[c], layout->widths[c], line);
            mst_cell_print(grid->out, colour, &piece, layout->widths[c], layout->right[c], &owed);
            more = more || *rest[c];
        }
        fputc('\n', grid->out);
    }
}

static void after(const struct mst_grid *grid, size_t row)
{
    if (grid->after)
        grid->after(grid->context, row);
}

static void heading_make(const struct mst_grid *grid, size_t column, struct mst_cell *ret)
{
    *ret = (struct mst_cell){.tint = MST_TINT_BOLD};
    ret->text = (char *)(uintptr_t)grid->headings[column];
    ret->width = mst_width(ret->text);
}

static void print_columns(const struct mst_grid *grid, const struct layout *layout)
{
    struct mst_cell headings[MST_COLUMNS_MAX] = {{.width = 0}};
    for (size_t c = 0; c < grid->columns; c++)
        heading_make(grid, c, &headings[c]);
    print_row(grid, headings, layout);
    for (size_t r = 0; r < grid->rows; r++) {
        print_row(grid, &grid->cells[r * grid->columns], layout);
        after(grid, r);
    }
}

static void print_blocks(const struct mst_grid *grid)
{
    int width = 0;
    bool colour = mst_colour(grid->out);
    for (size_t c = 0; c < grid->columns; c++)
        width = mst_width(grid->headings[c]) > width ? mst_width(grid->headings[c]) : width;
    for (size_t i = 0; i < grid->rows * grid->columns; i++) {
        size_t c = i % grid->columns;
        struct mst_cell heading;
        int owed = 0;
        if (i > 0 && c == 0)
            fputc('\n', grid->out);
        heading_make(grid, c, &heading);
        if (grid->cells[i].width > 0) {
            mst_cell_print(grid->out, colour, &heading, width, false, &owed);
            pad(grid->out, owed);
            mst_print_wrapped(grid->out, grid->cells[i].text, width + 2);
            fputc('\n', grid->out);
        }
        if (c + 1 == grid->columns)
            after(grid, i / grid->columns);
    }
}

/* Words have blanks or wide characters in them; ids have neither. */
static bool is_id(const struct mst_grid *grid, size_t column)
{
    bool id = true;
    for (size_t r = 0; id && r < grid->rows; r++) {
        const struct mst_cell *cell = &grid->cells[r * grid->columns + column];
        id = !strchr(cell->text, ' ') && (size_t)cell->width == strlen(cell->text);
    }
    return id;
}

/* Makes the columns from layout->from on fit so many columns of a terminal. *ret_fits: no row is
 * wider. False: out of memory. */
static bool fit_columns(const struct mst_grid *grid, int window, struct layout *layout,
                        bool *ret_fits)
{
    int least[MST_COLUMNS_MAX];
    bool ids[MST_COLUMNS_MAX];
    const size_t from = layout->from, columns = grid->columns - from;
    int *natural = calloc(grid->rows * columns + 1, sizeof *natural);
    if (!natural)
        return false;
    for (size_t c = 0; c < columns; c++) {
        least[c] = mst_width_least(grid->headings[from + c]);
        ids[c] = is_id(grid, from + c);
    }
    for (size_t i = 0; i < grid->rows * columns; i++) {
        const size_t c = i % columns;
        const struct mst_cell *cell = &grid->cells[i / columns * grid->columns + from + c];
        int mine = mst_width_least(cell->text);
        natural[i] = cell->width;
        least[c] = mine > least[c] ? mine : least[c];
    }
    struct mst_fit fit = {grid->rows, columns, natural, least, ids, layout->widths + from};
    *ret_fits = mst_fit_widths(&fit, window);
    free(natural);
    return true;
}

/* *ret_fits: no row is wider than the terminal, where it is one. False: out of memory. */
static bool fit_window(const struct mst_grid *grid, struct layout *layout, bool *ret_fits)
{
    const int window = mst_window(grid->out);
    struct layout below = *layout;
    bool fits_below;
    *ret_fits = true;
    if (window == 0)
        return true;
    if (!fit_columns(grid, window, layout, ret_fits))
        return false;
    bool whole = *ret_fits && layout->widths[0] == below.widths[0];
    if (whole || grid->columns < 3 || below.widths[0] > window || !is_id(grid, 0))
        return true;
    below.from = 1;
    if (!fit_columns(grid, window - INDENT, &below, &fits_below))
        return false;
    if (fits_below) {
        *layout = below;
        *ret_fits = true;
    }
    return true;
}

bool mst_grid_print(const struct mst_grid *grid)
{
    struct layout layout = {.from = 0};
    bool fits;
    for (size_t c = 0; c < grid->columns; c++) {
        layout.widths[c] = mst_width(grid->headings[c]);
        layout.right[c] = grid->rows > 0;
        for (size_t r = 0; r < grid->rows; r++) {
            const struct mst_cell *cell = &grid->cells[r * grid->columns + c];
            layout.widths[c] = cell->width > layout.widths[c] ? cell->width : layout.widths[c];
            layout.right[c] = layout.right[c] && (cell->number || cell->width == 0);
        }
    }
    if (!fit_window(grid, &layout, &fits))
        return false;
    if (fits || grid->rows == 0)
        print_columns(grid, &layout);
    else
        print_blocks(grid);
    return true;
}
