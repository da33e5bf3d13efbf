/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as a table, as JSON or as CSV (RFC 4180). Everything is gathered first, since widths are
 * only known at the end. Refuses to guess: a field that a row does not have is an empty cell.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/link/print_grid.h"
#include "config/load/lang.h"
#include "proto/validate.h"

struct mst_table {
    enum mst_format format;
    FILE *out;
    char *columns_text; /* names and words point into it */
    struct column {
        const char *name;  /* the rows' field */
        const char *words; /* whose heading and words it has: its own, or another column's */
        bool optional;     /* not shown to people where no row has anything in it */
        bool needed;       /* a row without it is not shown */
    } columns[MST_COLUMNS_MAX];
    size_t columns_count;
    bool bodies;            /* a report's body stands under its row, not in a cell */
    struct mst_slice *rows; /* owned copies */
    size_t rows_count, rows_cap;
};

struct mst_table *mst_table_new(enum mst_format format, const char *columns, FILE *out)
{
    struct mst_table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->format = format;
    table->out = out;
    table->columns_text = strdup(columns);
    if (!table->columns_text) {
        free(table);
        return NULL;
    }
    char *rest = NULL;
    for (char *word = strtok_r(table->columns_text, " ", &rest);
         word && table->columns_count < MST_COLUMNS_MAX; word = strtok_r(NULL, " ", &rest)) {
        struct column *column = &table->columns[table->columns_count++];
        size_t len = strcspn(word, ":?!");
        *column = (struct column){.name = word, .words = word};
        if (word[len] == ':')
            column->words = word + len + 1;
        column->optional = word[len] == '?';
        column->needed = word[len] == '!';
        word[len] = '\0';
    }
    return table;
}

void mst_table_free(struct mst_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->rows_count; i++)
        free((void *)(uintptr_t)table->rows[i].data);
    free(table->rows);
    free(table->columns_text);
    free(table);
}

int mst_table_row(struct mst_table *table, struct mst_slice row, struct mst_err *err)
{
    int rc = mst_validate(row.data, row.len, err);
    if (rc)
        return rc;
    if (mst_cell_value(row).kind != MST_VALUE_MAP)
        return mst_fail_on(err, MST_E_PROTOCOL, _("a row that is not a map"));
    if (table->rows_count == table->rows_cap) {
        size_t cap = table->rows_cap ? 2 * table->rows_cap : 64;
        struct mst_slice *rows = realloc(table->rows, cap * sizeof *rows);
        if (!rows)
            return mst_fail_on(err, MST_E_NOMEM, _("a table"));
        table->rows = rows;
        table->rows_cap = cap;
    }
    uint8_t *copy = malloc(row.len);
    if (!copy)
        return mst_fail_on(err, MST_E_NOMEM, _("a table"));
    memcpy(copy, row.data, row.len);
    /* The table owns it now. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    table->rows[table->rows_count++] = mst_bytes(copy, row.len);
    return 0;
}

/* A name and a value; an id may have its names beside it (value_zh, value_en), a body its labels.
 */
static bool is_pair(struct mst_slice row)
{
    struct mst_slice raw;
    size_t named = mst_unpack_find(row, "value_zh", &raw) && mst_unpack_find(row, "value_en", &raw);
    size_t labelled = mst_unpack_find(row, "labels", &raw);
    return mst_cell_value(row).count == 2 + 2 * named + labelled &&
           mst_unpack_find(row, "value", &raw) && mst_unpack_text(row, "name").data;
}

/* True when the rows are one object in pieces. */
static bool is_pairs(const struct mst_table *table)
{
    if (table->rows_count == 0)
        return table->columns_count == 2 && strcmp(table->columns[0].name, "name") == 0 &&
               strcmp(table->columns[1].name, "value") == 0;
    for (size_t i = 0; i < table->rows_count; i++) {
        if (!is_pair(table->rows[i]))
            return false;
    }
    return true;
}

/* Some answers mix rows of several kinds; a grid shows those that have any of its columns, and all
 * that are needed. */
static void drop_foreign_rows(struct mst_table *table)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->rows_count; i++) {
        bool any = false, all = true;
        struct mst_slice raw;
        for (size_t c = 0; c < table->columns_count; c++) {
            bool has = mst_unpack_find(table->rows[i], table->columns[c].name, &raw);
            any = any || has;
            all = all && (has || !table->columns[c].needed);
        }
        if (any && all)
            table->rows[kept++] = table->rows[i];
        else
            free((void *)(uintptr_t)table->rows[i].data);
    }
    table->rows_count = kept;
}

static bool is_blank(const struct mst_table *table, const char *column)
{
    struct mst_slice raw;
    bool blank = true;
    for (size_t i = 0; blank && i < table->rows_count; i++)
        blank = !mst_unpack_find(table->rows[i], column, &raw) ||
                (mst_cell_value(raw).kind == MST_VALUE_TEXT && mst_cell_value(raw).s.len == 0);
    return blank;
}

static void drop_blank_columns(struct mst_table *table)
{
    size_t kept = 0;
    for (size_t c = 0; c < table->columns_count; c++) {
        if (!table->columns[c].optional || !is_blank(table, table->columns[c].name))
            table->columns[kept++] = table->columns[c];
    }
    table->columns_count = kept;
}

/* A body of many fields is no cell: people get it under the row. */
static void take_bodies(struct mst_table *table)
{
    size_t kept = 0;
    for (size_t c = 0; c < table->columns_count; c++) {
        bool body = strcmp(table->columns[c].name, "body") == 0;
        table->bodies = table->bodies || body;
        if (!body)
            table->columns[kept++] = table->columns[c];
    }
    table->columns_count = kept;
}

/* ---- for people ---- */

static char *text_of(struct mst_buf *buf)
{
    mst_buf_put(buf, "", 1);
    if (!buf->failed)
        return (char *)buf->data;
    mst_buf_done(buf);
    return NULL;
}

/* A phase that says nothing of its obligation is there, and empty. */
static bool says_nothing(const char *column, struct mst_slice raw)
{
    struct mst_value value = mst_cell_value(raw);
    return strcmp(column, "phase") == 0 && value.kind == MST_VALUE_TEXT && value.s.len == 0;
}

static void put_column(struct mst_buf *out, struct mst_slice row, const struct column *column)
{
    struct mst_slice raw;
    if (!mst_cell_find(row, column->name, &raw))
        return;
    if (says_nothing(column->name, raw))
        mst_buf_put(out, "-", 1);
    else
        mst_cell_put(out, column->words, raw);
}

void mst_put_cell(struct mst_buf *out, struct mst_slice row, const char *column)
{
    put_column(out, row, &(const struct column){.name = column, .words = column});
}

static bool cell_make(const struct mst_table *table, size_t row, const struct column *column,
                      struct mst_cell *ret_cell)
{
    struct mst_slice raw = {0};
    struct mst_buf text = {0};
    *ret_cell = (struct mst_cell){0};
    put_column(&text, table->rows[row], column);
    struct mst_value value = {.kind = MST_VALUE_NIL};
    char word[64];
    if (mst_cell_find(table->rows[row], column->name, &raw))
        value = mst_cell_value(raw);
    bool shown = text.len != 1 || text.data[0] != '-';
    if (shown && value.kind == MST_VALUE_TEXT && value.s.len < sizeof word)
        ret_cell->tint = mst_word_tint(column->words, mst_slice_copy(value.s, word, sizeof word));
    ret_cell->number = value.kind == MST_VALUE_INT || value.kind == MST_VALUE_UINT;
    ret_cell->text = text_of(&text);
    if (!ret_cell->text)
        return false;
    ret_cell->width = mst_width(ret_cell->text);
    return true;
}

static void print_body(void *context, size_t row)
{
    static const int indent = 4;
    const struct mst_table *table = context;
    struct mst_slice raw, labels = {0};
    struct mst_buf block = {0};
    if (!mst_unpack_find(table->rows[row], "body", &raw))
        return;
    (void)mst_unpack_find(table->rows[row], "labels", &labels);
    mst_cell_put_block(&block, "body", labels, raw, indent);
    char *text = text_of(&block);
    fprintf(table->out, "%*s", indent, "");
    mst_print_wrapped(table->out, text ? text : "", indent);
    fputc('\n', table->out);
    free(text);
}

static int print_table(struct mst_table *table, struct mst_err *err)
{
    size_t count = table->rows_count * table->columns_count;
    struct mst_cell *cells = calloc(count + 1, sizeof *cells);
    const char *headings[MST_COLUMNS_MAX];
    bool ok = cells != NULL;
    for (size_t c = 0; c < table->columns_count; c++)
        headings[c] = mst_heading(table->columns[c].words);
    for (size_t i = 0; ok && i < count; i++)
        ok = cell_make(table, i / table->columns_count, &table->columns[i % table->columns_count],
                       &cells[i]);
    const struct mst_grid grid = {.out = table->out,
                                  .rows = table->rows_count,
                                  .columns = table->columns_count,
                                  .headings = headings,
                                  .cells = cells,
                                  .after = table->bodies ? print_body : NULL,
                                  .context = table};
    ok = ok && mst_grid_print(&grid);
    for (size_t i = 0; cells && i < count; i++)
        free(cells[i].text);
    free(cells);
    return ok ? 0 : mst_fail_on(err, MST_E_NOMEM, _("a table"));
}

/* "row 42" is the heading of "row", and which one. */
static void put_label(struct mst_buf *out, const char *name)
{
    size_t len = strcspn(name, " ");
    char first[64];
    mst_slice_copy(mst_bytes(name, len), first, sizeof first);
    mst_put_clean(out, mst_text(mst_heading(first)));
    mst_put_clean(out, mst_text(name + len));
}

static int print_pairs(const struct mst_table *table, struct mst_err *err)
{
    bool colour = mst_colour(table->out);
    int width = 0;
    char name[64];
    for (size_t i = 0; i < table->rows_count; i++) {
        mst_slice_copy(mst_unpack_text(table->rows[i], "name"), name, sizeof name);
        struct mst_buf label = {0};
        put_label(&label, name);
        char *text = text_of(&label);
        int mine = text ? mst_width(text) : 0;
        free(text);
        width = mine > width ? mine : width;
    }
    for (size_t i = 0; i < table->rows_count; i++) {
        struct mst_buf label = {0}, value = {0};
        struct mst_slice raw = {0}, labels = {0};
        mst_slice_copy(mst_unpack_text(table->rows[i], "name"), name, sizeof name);
        put_label(&label, name);
        mst_cell_find(table->rows[i], "value", &raw);
        (void)mst_unpack_find(table->rows[i], "labels", &labels);
        if (says_nothing(name, raw))
            mst_buf_put(&value, "-", 1);
        else
            mst_cell_put_block(&value, name, labels, raw, width + 2);
        char *label_text = text_of(&label), *value_text = text_of(&value);
        if (label_text && value_text) {
            struct mst_cell cell = {.text = label_text, .width = mst_width(label_text)};
            cell.tint = MST_TINT_BOLD;
            int owed = 0;
            mst_cell_print(table->out, colour, &cell, width, false, &owed);
            fprintf(table->out, "%*s", value_text[0] ? owed : 0, "");
            mst_print_wrapped(table->out, value_text, width + 2);
            fputc('\n', table->out);
        }
        bool failed = !label_text || !value_text;
        free(label_text);
        free(value_text);
        if (failed)
            return mst_fail_on(err, MST_E_NOMEM, _("a table"));
    }
    return 0;
}

/* ---- for programs ---- */

static size_t name_count(const struct mst_table *table, struct mst_slice name, size_t *ret_first)
{
    size_t count = 0;
    for (size_t i = 0; i < table->rows_count; i++) {
        struct mst_slice other = mst_unpack_text(table->rows[i], "name");
        if (other.len == name.len && memcmp(other.data, name.data, name.len) == 0 && count++ == 0)
            *ret_first = i;
    }
    return count;
}

static void put_value(const struct mst_table *table, size_t row, struct mst_buf *out)
{
    struct mst_slice raw = {0};
    if (mst_unpack_find(table->rows[row], "value", &raw))
        mst_buf_put(out, raw.data, raw.len);
}

/* The rows of one object joined to that object, as msgpack. */
static void join_pairs(const struct mst_table *table, struct mst_buf *out)
{
    size_t names = 0, first = 0;
    for (size_t i = 0; i < table->rows_count; i++) {
        name_count(table, mst_unpack_text(table->rows[i], "name"), &first);
        names += first == i;
    }
    mst_pack_map(out, names);
    for (size_t i = 0; i < table->rows_count; i++) {
        struct mst_slice name = mst_unpack_text(table->rows[i], "name");
        size_t count = name_count(table, name, &first);
        if (first != i)
            continue;
        mst_pack_text_slice(out, name);
        if (count > 1)
            mst_pack_array(out, count);
        for (size_t k = i; k < table->rows_count; k++) {
            struct mst_slice other = mst_unpack_text(table->rows[k], "name");
            if (other.len == name.len && memcmp(other.data, name.data, name.len) == 0)
                put_value(table, k, out);
        }
    }
}

static int print_json(const struct mst_table *table, struct mst_err *err)
{
    struct mst_buf value = {0}, text = {0};
    if (is_pairs(table)) {
        join_pairs(table, &value);
    } else {
        mst_pack_array(&value, table->rows_count);
        for (size_t i = 0; i < table->rows_count; i++)
            mst_buf_put(&value, table->rows[i].data, table->rows[i].len);
    }
    int rc = value.failed ? mst_fail_on(err, MST_E_NOMEM, "JSON") : 0;
    struct mst_slice whole = mst_bytes(value.data, value.len);
    if (!rc)
        rc = isatty(fileno(table->out)) == 1 ? mst_json_pretty(whole, &text, err)
                                             : mst_json(whole, &text, err);
    if (!rc) {
        fwrite(text.data, 1, text.len, table->out);
        fputc('\n', table->out);
    }
    mst_buf_done(&value);
    mst_buf_done(&text);
    return rc;
}

static void print_csv_field(FILE *out, const struct mst_buf *field, bool last)
{
    bool quote = false;
    for (size_t i = 0; i < field->len; i++)
        quote = quote || strchr("\",\r\n", field->data[i]);
    if (quote)
        fputc('"', out);
    for (size_t i = 0; i < field->len; i++) {
        if (field->data[i] == '"')
            fputc('"', out);
        fputc(field->data[i], out);
    }
    if (quote)
        fputc('"', out);
    fputs(last ? "\r\n" : ",", out);
}

static int print_csv(const struct mst_table *table, struct mst_err *err)
{
    static const char *const pair_columns[] = {"name", "value"};
    bool pairs = is_pairs(table);
    bool screen = isatty(fileno(table->out)) == 1;
    size_t columns = pairs ? 2 : table->columns_count;
    const char *names[MST_COLUMNS_MAX];
    for (size_t c = 0; c < columns; c++)
        names[c] = pairs ? pair_columns[c] : table->columns[c].name;
    struct mst_buf field = {0}, clean = {0};
    for (size_t i = 0; i < (table->rows_count + 1) * columns; i++) {
        struct mst_slice raw;
        mst_buf_clear(&field);
        mst_buf_clear(&clean);
        if (i < columns)
            mst_buf_put(&field, names[i], strlen(names[i]));
        /* Without columns the loop has no turn. NOLINTNEXTLINE(clang-analyzer-core.DivideZero) */
        else if (mst_unpack_find(table->rows[i / columns - 1], names[i % columns], &raw) ||
                 mst_cell_find(table->rows[i / columns - 1], names[i % columns], &raw))
            mst_cell_put_raw(&field, raw);
        if (screen)
            mst_put_clean(&clean, mst_bytes(field.data, field.len));
        print_csv_field(table->out, screen ? &clean : &field, i % columns + 1 == columns);
    }
    bool failed = field.failed || clean.failed;
    mst_buf_done(&field);
    mst_buf_done(&clean);
    return failed ? mst_fail_on(err, MST_E_NOMEM, "CSV") : 0;
}

int mst_table_end(struct mst_table *table, struct mst_err *err)
{
    int rc;
    if (table->format != MST_FORMAT_JSON && !is_pairs(table))
        drop_foreign_rows(table);
    if (table->format == MST_FORMAT_TABLE && !is_pairs(table)) {
        drop_blank_columns(table);
        take_bodies(table);
    }
    if (table->format == MST_FORMAT_JSON)
        rc = print_json(table, err);
    else if (table->format == MST_FORMAT_CSV)
        rc = print_csv(table, err);
    else
        rc = is_pairs(table) ? print_pairs(table, err) : print_table(table, err);
    if (!rc && fflush(table->out) != 0)
        rc = mst_fail_on(err, MST_E_IO, _("the output"));
    mst_table_free(table);
    return rc;
}
