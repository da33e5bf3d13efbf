/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group's progress, asked of the broker through the running agent: tables of how it stands, or
 * its reports one a line as they arrive. The broker decides what this unit may read.
 */
#include "agent/desk/desk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/model/programme.h"
#include "proto/pack.h"

static const struct {
    const char *word, *columns, *heading;
} lists[] = {
    {"units", "id name role open overdue last_contact", N_("Units")},
    {"obligations", "id due phase work verdict bearer title", N_("Obligations")},
    {"tasks", "id area owner due percent light state title", N_("Tasks")},
    {"reports", "receipt at unit act duty period refused? text", N_("Reports")},
};
#define LISTS (sizeof lists / sizeof lists[0])
#define REPORTS (LISTS - 1)

/* A list is asked for in pieces of so many rows, each from the last row on; without a beginning it
 * is the newest piece. */
#define PIECE "1000"
#define PIECE_ROWS 1000

#define LINE_COLUMNS 7

struct showing {
    const struct mst_desk *desk;
    struct mst_table *table; /* NULL: one line for each report */
    bool follows;
    bool whole;               /* --from named the beginning */
    bool reports;             /* it is they that are listed: obligations have receipts, too */
    uint64_t last;            /* receipt number of the last report; 0: the newest ones are wanted */
    size_t rows;              /* in this piece */
    bool measures;            /* lines are made, and not printed */
    int widths[LINE_COLUMNS]; /* of lines, so far */
};

/* "(refused: locked)": a line has no headings. */
static void put_refused(struct mst_buf *out, struct mst_slice row)
{
    struct mst_buf why = {0};
    char text[160];
    mst_put_cell(&why, row, "refused");
    int n = snprintf(text, sizeof text, _("(refused: %.*s)"), (int)why.len,
                     why.data ? (const char *)why.data : "");
    mst_buf_put(out, text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    mst_buf_done(&why);
}

/* A column is as wide as its widest cell so far: what is still to come is not known. */
static void put_padded(struct mst_buf *line, const struct mst_buf *cell, int *width)
{
    char text[1024];
    int mine = mst_width(mst_slice_copy(mst_bytes(cell->data, cell->len), text, sizeof text));
    *width = mine > *width ? mine : *width;
    mst_buf_put(line, "  ", 2);
    mst_buf_put(line, cell->data, cell->len);
    for (int pad = *width - mine; pad > 0; pad--)
        mst_buf_put(line, " ", 1);
}

static void print_line(struct showing *s, struct mst_slice row)
{
    static const char *const columns[LINE_COLUMNS] = {"at",   "unit",   "act", "refused",
                                                      "duty", "period", "text"};
    struct mst_buf line = {0};
    for (size_t i = 0; i < LINE_COLUMNS; i++) {
        struct mst_buf cell = {0};
        if (strcmp(columns[i], "refused") != 0)
            mst_put_cell(&cell, row, columns[i]);
        else if (mst_unpack_text(row, "refused").len > 0)
            put_refused(&cell, row);
        if (cell.len > 0 || s->widths[i] > 0)
            put_padded(&line, &cell, &s->widths[i]);
        mst_buf_done(&cell);
    }
    while (line.len > 0 && line.data[line.len - 1] == ' ')
        line.len--;
    if (!s->measures)
        printf("%6" PRId64 "%.*s\n", mst_unpack_int(row, "receipt", 0), (int)line.len,
               line.data ? (const char *)line.data : "");
    mst_buf_done(&line);
}

static int show_row(void *context, struct mst_slice row, struct mst_err *err)
{
    struct showing *s = context;
    int64_t receipt = mst_unpack_int(row, "receipt", 0);
    if (s->reports && receipt > 0)
        s->last = (uint64_t)receipt;
    s->rows++;
    if (s->table)
        return mst_table_row(s->table, row, err);
    if (s->desk->json)
        return mst_desk_json_line(row, err);
    print_line(s, row);
    return 0;
}

/* One answer of the broker, whole. `follow`: it is waited for until there is a report. */
static int ask(struct mst_local *local, struct showing *s, size_t which, const char *group,
               bool follow, struct mst_err *err)
{
    char from[24];
    struct mst_desk_list list = {
        .verb = "ask", .ask = lists[which].word, .args = {{"group", group}}};
    if (which == REPORTS) {
        snprintf(from, sizeof from, "%" PRIu64, s->last + 1);
        list.args[1] = (struct mst_desk_arg){"limit", PIECE};
        if (s->last || s->whole)
            list.args[2] = (struct mst_desk_arg){"from", from};
    }
    if (follow)
        list.flags[0] = "wait";
    s->rows = 0;
    s->reports = which == REPORTS;
    return mst_desk_pages(local, &list, show_row, s, err);
}

static int ask_all(struct mst_local *local, struct showing *s, size_t which, const char *group,
                   struct mst_err *err)
{
    int code = ask(local, s, which, group, false, err);
    /* What was asked for without a beginning ends with the newest. */
    bool more = s->whole || s->follows;
    while (!code && which == REPORTS && more && s->rows == PIECE_ROWS)
        code = ask(local, s, which, group, false, err);
    return code;
}

static int show_list(struct mst_local *local, struct showing *s, size_t which, const char *group,
                     struct mst_err *err)
{
    s->table = mst_table_new(s->desk->format, lists[which].columns, stdout);
    int code = s->table ? ask_all(local, s, which, group, err)
                        : mst_fail_on(err, MST_E_NOMEM, lists[which].word);
    if (code) {
        mst_table_free(s->table);
        return code;
    }
    code = mst_table_end(s->table, err);
    if (!code && which == REPORTS && !s->whole && s->rows == PIECE_ROWS)
        fprintf(stderr, _("only the newest %d are shown; --from begins earlier\n"), PIECE_ROWS);
    return code;
}

/* All of them: tables under headings, or one JSON object that holds them. */
static int show_all(struct mst_local *local, struct showing *s, const char *group,
                    struct mst_err *err)
{
    int code = 0;
    for (size_t i = 0; !code && i < LISTS; i++) {
        if (s->desk->json)
            printf("%s\"%s\":", i ? "," : "{", lists[i].word);
        else
            printf("%s%s\n", i ? "\n" : "", _(lists[i].heading));
        code = show_list(local, s, i, group, err);
    }
    if (!code && s->desk->json)
        printf("}\n");
    return code;
}

static int follow(struct mst_local *local, struct showing *s, const char *group,
                  struct mst_err *err)
{
    const uint64_t last = s->last;
    s->measures = !s->desk->json; /* what is there already stands in even columns */
    int code = s->measures ? ask_all(local, s, REPORTS, group, err) : 0;
    s->measures = false;
    s->last = last;
    if (!code)
        code = ask_all(local, s, REPORTS, group, err);
    while (!code) {
        fflush(stdout);
        code = ask(local, s, REPORTS, group, true, err);
    }
    return code;
}

static int take_group(void *context, struct mst_slice row, struct mst_err *err)
{
    char *group = context;
    (void)err;
    if (mst_slice_is(mst_unpack_text(row, "type"), "unit"))
        mst_slice_copy(mst_unpack_text(row, "group"), group, MST_ID_MAX);
    return 0;
}

/* Which group the unit is in is the broker's to say: the agent may not have heard of it yet. */
static int find_own_group(struct mst_local *local, char group[MST_ID_MAX], struct mst_err *err)
{
    struct mst_desk_list list = {.verb = "ask", .ask = "brief"};
    group[0] = '\0';
    int code = mst_desk_pages(local, &list, take_group, group, err);
    return code || group[0]
               ? code
               : mst_fail(err, MST_R_NOT_APPLICABLE, "%s", _("the unit is in no group"));
}

static int count_unit(void *context, struct mst_slice row, struct mst_err *err)
{
    size_t *count = context;
    (void)row;
    (void)err;
    ++*count;
    return 0;
}

/* A group that may not be read shows no units; empty lists would look like one that does nothing.
 */
static int check_open(struct mst_local *local, const char *group, struct mst_err *err)
{
    struct mst_desk_list list = {.verb = "ask", .ask = "units", .args = {{"group", group}}};
    size_t count = 0;
    int code = mst_desk_pages(local, &list, count_unit, &count, err);
    if (code || count > 0)
        return code;
    mst_fail(err, MST_E_DENIED, _("no group %s is open to this unit"), group);
    mst_hint(err, "%s",
             _("is its id right? The office opens another group with `musterctl grant`; without "
               "--group it is the unit's own"));
    return MST_E_DENIED;
}

static int show_group(const struct mst_desk *desk, struct mst_local *local, struct mst_err *err)
{
    const char *list = mst_call_value(desk->call, "list");
    const char *from = mst_call_value(desk->call, "from");
    const char *group = mst_call_value(desk->call, "group");
    bool follows = mst_call_value(desk->call, "follow") != NULL;
    struct showing s = {.desk = desk, .whole = from != NULL, .follows = follows};
    char own[MST_ID_MAX];
    size_t which = 0;
    while (list && which < LISTS && strcmp(lists[which].word, list) != 0)
        which++;
    if (which == LISTS)
        return mst_fail_on(err, MST_E_USAGE, list);
    if (desk->format == MST_FORMAT_CSV && (follows || !list))
        return mst_fail(err, MST_E_USAGE, "%s", _("--csv is for one list, and not with --follow"));
    if (follows && list && which != REPORTS)
        return mst_fail(err, MST_E_USAGE, "%s", _("--follow is for reports"));
    if (from && (s.last = strtoull(from, NULL, 10)) > 0)
        s.last--;
    int code = group ? check_open(local, group, err) : find_own_group(local, own, err);
    if (!group)
        group = own;
    if (!code && follows)
        code = follow(local, &s, group, err);
    else if (!code)
        code = list ? show_list(local, &s, which, group, err) : show_all(local, &s, group, err);
    return code;
}

int mst_desk_group(const struct mst_desk *desk)
{
    return mst_desk_with_agent(desk, show_group);
}
