/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calendar file: lines of "date,kind,occasion", ascending, and comment lines "# YEAR: SOURCE"
 * that name the notice by which a year is covered. Takes what the file says; whether a holiday
 * falls on a Sunday anyway is no concern of ours.
 */
#include <stdlib.h>
#include <string.h>

#include "config/load/loader.h"

/* Saturday and Sunday, where the programme does not say otherwise. */
#define WEEKEND_MASK_DEFAULT 0x60

struct lines {
    const char *path;
    struct mst_diags *diags;
    struct mst_arena *arena;
    int number;
    struct mst_calendar_exception *exceptions;
    size_t exceptions_count;
    int *exception_lines;
    struct mst_calendar_year *years;
    size_t years_count;
    int *year_lines;
    bool no_memory;
};

#define FAULT(l, column, hint, ...)                                                                \
    mst_diag((l)->diags, MST_DIAG_ERROR, (l)->path, (l)->number, column, hint, __VA_ARGS__)

static const char *copy(struct lines *l, const char *text, size_t len)
{
    const char *s = mst_arena_strndup(l->arena, text, len);
    if (!s)
        l->no_memory = true;
    return s ? s : "";
}

/* "# 2023: https://…"; any other comment is only a comment. */
static void take_comment(struct lines *l, const char *line, size_t len)
{
    size_t at = 1;
    while (at < len && line[at] == ' ')
        at++;
    size_t digits = at;
    int year = 0;
    while (digits < len && digits - at < 4 && line[digits] >= '0' && line[digits] <= '9')
        year = 10 * year + (line[digits++] - '0');
    size_t source = digits + 1;
    if (digits - at != 4 || digits >= len || line[digits] != ':')
        return;
    while (source < len && line[source] == ' ')
        source++;
    if (source >= len) {
        FAULT(l, (int)digits + 1, _("name the notice that covers the year"),
              _("the year %d has no source"), year);
        return;
    }
    if (l->years_count && l->years[l->years_count - 1].year >= year) {
        FAULT(l, (int)at + 1, _("each year once, in ascending order"),
              _("the year %d stands after %d, which is on line %d"), year,
              l->years[l->years_count - 1].year, l->year_lines[l->years_count - 1]);
        return;
    }
    l->year_lines[l->years_count] = l->number;
    l->years[l->years_count++] =
        (struct mst_calendar_year){.year = year, .notice = copy(l, line + source, len - source)};
}

static bool take_kind(struct lines *l, const char *word, size_t len, enum mst_day_kind *ret_kind)
{
    static const char *const kinds[] = {"holiday", "workday"}; /* as enum mst_day_kind */
    for (size_t i = 0; i < 2; i++) {
        if (strlen(kinds[i]) == len && memcmp(kinds[i], word, len) == 0) {
            *ret_kind = (enum mst_day_kind)i;
            return true;
        }
    }
    const char *text = copy(l, word, len), *nearest = mst_nearest(text, kinds, 2);
    char hint[MST_ERR_HINT_MAX] = "";
    if (nearest)
        snprintf(hint, sizeof hint, _("did you mean %s?"), nearest);
    FAULT(l, 12, hint, _("%s must be one of %s, not %s"), _("the day's kind"), "holiday, workday",
          text);
    return false;
}

static void take_day(struct lines *l, const char *line, size_t len)
{
    const char *comma = memchr(line, ',', len);
    size_t date_len = comma ? (size_t)(comma - line) : len;
    const char *date = copy(l, line, date_len);
    mst_day day;
    if (mst_day_parse(date, &day, NULL) != 0) {
        FAULT(l, 1, _("write year-month-day as in 2023-10-11; the day must exist"),
              _("%s is not a date"), date);
        return;
    }
    if (!comma) {
        FAULT(l, (int)date_len + 1, _("write date,kind,occasion"), _("the day's kind is missing"));
        return;
    }
    const char *rest = comma + 1;
    size_t rest_len = len - date_len - 1;
    const char *second = memchr(rest, ',', rest_len);
    size_t kind_len = second ? (size_t)(second - rest) : rest_len;
    enum mst_day_kind kind;
    if (!take_kind(l, rest, kind_len, &kind))
        return;
    if (l->exceptions_count && l->exceptions[l->exceptions_count - 1].day >= day) {
        char last[11];
        FAULT(l, 1, _("each day once, in ascending order"),
              _("%s stands after %s, which is on line %d"), date,
              mst_day_format(l->exceptions[l->exceptions_count - 1].day, last),
              l->exception_lines[l->exceptions_count - 1]);
        return;
    }
    l->exception_lines[l->exceptions_count] = l->number;
    l->exceptions[l->exceptions_count++] = (struct mst_calendar_exception){
        .day = day,
        .kind = kind,
        .occasion = second ? copy(l, second + 1, rest_len - kind_len - 1) : ""};
}

static void take_lines(struct lines *l, struct mst_slice bytes)
{
    const char *at = (const char *)bytes.data, *end = at + bytes.len;
    if (bytes.len >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3; /* the mark that spreadsheet programs put in front of UTF-8 */
    while (at < end && !l->no_memory) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline ? newline + 1 : end;
        size_t len = (size_t)((newline ? newline : end) - at);
        if (len && at[len - 1] == '\r')
            len--;
        l->number++;
        if (len && at[0] == '#')
            take_comment(l, at, len);
        else if (len)
            take_day(l, at, len);
        at = next;
    }
}

int mst_calendar_load(const char *path, struct mst_arena *arena, struct mst_diags *diags,
                      struct mst_calendar *ret, struct mst_err *err)
{
    struct mst_slice bytes;
    int code = mst_file_read(path, MST_FILE_BYTES_MAX, arena, &bytes, err);
    return code ? code : mst_calendar_decode(path, bytes, arena, diags, ret, err);
}

int mst_calendar_decode(const char *path, struct mst_slice bytes, struct mst_arena *arena,
                        struct mst_diags *diags, struct mst_calendar *ret, struct mst_err *err)
{
    size_t before = diags->errors;
    if (mst_file_check_utf8(path, bytes, diags)) {
        size_t count = 1;
        for (size_t i = 0; i < bytes.len; i++)
            count += bytes.data[i] == '\n';
        struct lines l = {.path = path, .diags = diags, .arena = arena};
        l.exceptions = mst_arena_alloc(arena, count * sizeof *l.exceptions);
        l.exception_lines = mst_arena_alloc(arena, count * sizeof *l.exception_lines);
        l.years = mst_arena_alloc(arena, count * sizeof *l.years);
        l.year_lines = mst_arena_alloc(arena, count * sizeof *l.year_lines);
        if (!l.exceptions || !l.exception_lines || !l.years || !l.year_lines)
            return mst_no_memory(err, path);
        take_lines(&l, bytes);
        if (l.no_memory)
            return mst_no_memory(err, path);
        *ret = (struct mst_calendar){.weekend_mask = WEEKEND_MASK_DEFAULT,
                                     .exceptions = l.exceptions,
                                     .exceptions_count = l.exceptions_count,
                                     .years = l.years,
                                     .years_count = l.years_count};
        mst_hash(&bytes, 1, ret->digest);
    }
    mst_diags_sort(diags);
    return mst_diags_verdict(diags, before, path, err);
}
