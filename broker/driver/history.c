/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Row numbers in pages under names of their own: the page being filled under the bare name, with
 * the number of full ones before it, so that noting a row costs the same however long the history.
 */
#include "broker/driver/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/pack.h"

#define PAGE_ROWS 64
/* On disk: the number of full pages before it, then the rows, eight bytes each, high byte first. */
#define PAGE_BYTES (8 * (1 + PAGE_ROWS))

struct page {
    uint64_t before;
    uint64_t rows[PAGE_ROWS];
    size_t count;
};

/* number 0: the page being filled. */
static const char *name_of(const char *what, uint64_t number,
                           char name[MST_STORE_NAME_BYTES_MAX + 1])
{
    if (number)
        snprintf(name, MST_STORE_NAME_BYTES_MAX + 1, "history/%s#%" PRIu64, what, number);
    else
        snprintf(name, MST_STORE_NAME_BYTES_MAX + 1, "history/%s", what);
    return name;
}

static uint64_t get_number(const uint8_t *at)
{
    uint64_t n = 0;
    for (int i = 0; i < 8; i++)
        n = n << 8 | at[i];
    return n;
}

static void put_number(uint8_t *at, uint64_t n)
{
    for (int i = 7; i >= 0; i--, n >>= 8)
        at[i] = (uint8_t)n;
}

static int read_page(struct mst_reader *reader, mst_pid pid, const char *what, uint64_t number,
                     struct page *ret_page, struct mst_err *err)
{
    char name[MST_STORE_NAME_BYTES_MAX + 1];
    uint8_t bytes[PAGE_BYTES];
    size_t len = sizeof bytes;
    int code = mst_reader_meta(reader, pid, name_of(what, number, name), bytes, &len, err);
    memset(ret_page, 0, sizeof *ret_page);
    if (code || len == 0)
        return code;
    if (len % 8 != 0 || len > sizeof bytes)
        return mst_fail_on(err, MST_E_CORRUPT, name);
    ret_page->before = get_number(bytes);
    ret_page->count = len / 8 - 1;
    for (size_t i = 0; i < ret_page->count; i++)
        ret_page->rows[i] = get_number(bytes + 8 * (i + 1));
    return 0;
}

static int write_page(struct mst_store *store, mst_pid pid, const char *what, uint64_t number,
                      const struct page *page, struct mst_err *err)
{
    char name[MST_STORE_NAME_BYTES_MAX + 1];
    uint8_t bytes[PAGE_BYTES];
    put_number(bytes, page->before);
    for (size_t i = 0; i < page->count; i++)
        put_number(bytes + 8 * (i + 1), page->rows[i]);
    return mst_store_put_meta(store, pid, name_of(what, number, name),
                              mst_bytes(bytes, 8 * (1 + page->count)), err);
}

int mst_history_note(struct mst_store *store, mst_pid pid, const char *what, uint64_t row,
                     struct mst_err *err)
{
    struct page page;
    int code = read_page(mst_store_own_reader(store), pid, what, 0, &page, err);
    if (!code && page.count == PAGE_ROWS) {
        page.before++;
        code = write_page(store, pid, what, page.before, &page, err);
        page.count = 0;
    }
    page.rows[page.count++] = row;
    return code ? code : write_page(store, pid, what, 0, &page, err);
}

/* ---- reading ---- */

struct visit {
    mst_row_fn fn;
    void *context;
    uint64_t row;
    bool found;
    int stop;
};

static int visit_one(void *context, const struct mst_row *row)
{
    struct visit *v = context;
    v->found = row->row == v->row;
    v->stop = v->found ? v->fn(v->context, row) : 0;
    return 1;
}

static int visit_page(struct mst_reader *reader, mst_pid pid, const struct page *page,
                      struct visit *v, struct mst_err *err)
{
    int code = 0;
    for (size_t i = 0; !code && !v->stop && i < page->count; i++) {
        v->row = page->rows[i];
        v->found = false;
        code = mst_reader_rows(reader, pid, v->row, visit_one, v, err);
        if (!code && !v->found)
            code = mst_fail_on(err, MST_E_CORRUPT, "history");
    }
    return code;
}

int mst_history_rows(struct mst_reader *reader, mst_pid pid, const char *what, mst_row_fn fn,
                     void *context, struct mst_err *err)
{
    struct visit v = {.fn = fn, .context = context};
    struct page last, page;
    int code = read_page(reader, pid, what, 0, &last, err);
    for (uint64_t number = 1; !code && !v.stop && number <= last.before; number++) {
        code = read_page(reader, pid, what, number, &page, err);
        if (!code)
            code = visit_page(reader, pid, &page, &v, err);
    }
    return code || v.stop ? code : visit_page(reader, pid, &last, &v, err);
}
