/* SPDX-License-Identifier: Apache-2.0 */
/* Values as text. What comes from outside is cleaned before it is appended, except in the raw form,
 * which is for files and pipes. */
#include "agent/link/print_cell.h"

#include <ctype.h>
#include <string.h>

#include "config/load/lang.h"
#include "config/model/date.h"

static void put(struct mst_buf *out, const char *s)
{
    mst_buf_put(out, s, strlen(s));
}

static void put_spaces(struct mst_buf *out, int n)
{
    for (; n > 0; n--)
        put(out, " ");
}

struct mst_value mst_cell_value(struct mst_slice raw)
{
    struct mst_value value = {.kind = MST_VALUE_NIL};
    struct mst_unpack u;
    mst_unpack_init(&u, raw.data, raw.len);
    if (!mst_unpack_next(&u, &value))
        value.kind = MST_VALUE_NIL;
    return value;
}

bool mst_cell_find(struct mst_slice map, const char *name, struct mst_slice *ret_raw)
{
    char mine[64];
    snprintf(mine, sizeof mine, "%s_%s", name, mst_lang_zh() ? "zh" : "en");
    return (mst_unpack_text(map, mine).len > 0 && mst_unpack_find(map, mine, ret_raw)) ||
           mst_unpack_find(map, name, ret_raw);
}

static bool is_container(const struct mst_value *value)
{
    return value->kind == MST_VALUE_ARRAY || value->kind == MST_VALUE_MAP;
}

/* "dddd-dd-ddTdd:dd:dd" at the start, where d is a digit. */
static bool is_instant(struct mst_slice text)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    if (text.len < sizeof shape - 1 || text.len > 35)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        bool digit = isdigit(text.data[i]) != 0;
        if (shape[i] == 'd' ? !digit : text.data[i] != (uint8_t)shape[i])
            return false;
    }
    return true;
}

/* Deadlines are half-open: the midnight that begins a day is, for people, the end of the one
 * before. */
static bool is_deadline(const char *column)
{
    static const char *const deadlines[] = {"due",        "original_due",   "grace_until",
                                            "review_due", "correction_due", "locks",
                                            "asked_until"};
    for (size_t i = 0; i < sizeof deadlines / sizeof deadlines[0]; i++) {
        if (strcmp(deadlines[i], column) == 0)
            return true;
    }
    return false;
}

/* What somebody looks at for its day and hour; where a deadline is kept or missed, each millisecond
 * counts, and is shown. */
static bool is_rough(const char *column)
{
    static const char *const rough[] = {"last_contact", "created", "not_after", "expires"};
    for (size_t i = 0; i < sizeof rough / sizeof rough[0]; i++) {
        if (strcmp(rough[i], column) == 0)
            return true;
    }
    return false;
}

/* "2023-10-12" to "2023-10-11". */
static void put_day_before(struct mst_buf *out, struct mst_slice text)
{
    char date[11];
    mst_day day;
    mst_slice_copy(mst_bytes(text.data, 10), date, sizeof date);
    if (mst_day_parse(date, &day, NULL) == 0)
        mst_day_format(day - 1, date);
    put(out, date);
}

/*
 * "2023-10-12T09:00:00+08:00" becomes "2023-10-12 09:00 +08:00", and a deadline at a midnight
 * "2023-10-11 24:00 +08:00"; seconds stay where there are any.
 */
static void put_instant(struct mst_buf *out, const char *column, struct mst_slice text)
{
    const uint8_t *offset = text.data + 19;
    const uint8_t *end = text.data + text.len;
    while (offset < end && *offset != '+' && *offset != '-' && *offset != 'Z')
        offset++;
    bool whole_minute = memcmp(text.data + 16, ":00", 3) == 0 && offset == text.data + 19;
    if (whole_minute && memcmp(text.data + 11, "00:00", 5) == 0 && is_deadline(column)) {
        put_day_before(out, text);
        put(out, " 24:00");
    } else {
        mst_buf_put(out, text.data, 10);
        put(out, " ");
        mst_buf_put(out, text.data + 11,
                    whole_minute || is_rough(column) ? 5 : (size_t)(offset - text.data) - 11);
    }
    if (offset == end)
        return;
    put(out, " ");
    if (*offset == 'Z')
        put(out, "UTC");
    else
        mst_put_clean(out, mst_bytes(offset, (size_t)(end - offset)));
}

static void put_text(struct mst_buf *out, const char *column, struct mst_slice text)
{
    if (is_instant(text)) {
        put_instant(out, column, text);
        return;
    }
    char word[64];
    if (text.len < sizeof word) {
        mst_slice_copy(text, word, sizeof word);
        const char *translated = mst_word(column, word);
        if (translated != word) {
            put(out, translated);
            return;
        }
    }
    mst_put_clean(out, text);
}

/* Holds containers itself: its entries stand on lines of their own. */
static bool is_deep(struct mst_slice raw)
{
    struct mst_value value = mst_cell_value(raw);
    struct mst_unpack u;
    struct mst_slice item;
    if (value.kind != MST_VALUE_ARRAY)
        return value.kind == MST_VALUE_MAP && value.count > 0;
    mst_unpack_init(&u, raw.data, raw.len);
    struct mst_value head;
    if (!mst_unpack_next(&u, &head))
        return false;
    for (size_t i = 0; i < head.count && mst_unpack_skip(&u, &item); i++) {
        struct mst_value inner = mst_cell_value(item);
        if (is_container(&inner))
            return true;
    }
    return false;
}

/* One scalar of a column of words, or a run of them: "unit, lead". False for deeper structure. */
static bool put_flat(struct mst_buf *out, const char *column, struct mst_slice raw)
{
    struct mst_value value = mst_cell_value(raw);
    if (value.kind == MST_VALUE_MAP || is_deep(raw))
        return false;
    if (value.kind != MST_VALUE_ARRAY) {
        mst_cell_put(out, column, raw);
        return true;
    }
    struct mst_unpack u;
    mst_unpack_init(&u, raw.data, raw.len);
    struct mst_value head;
    struct mst_slice item;
    if (!mst_unpack_next(&u, &head))
        return false;
    for (size_t i = 0; i < head.count && mst_unpack_skip(&u, &item); i++) {
        put(out, i > 0 ? ", " : "");
        mst_cell_put(out, column, item);
    }
    return true;
}

void mst_cell_put_raw(struct mst_buf *out, struct mst_slice raw)
{
    struct mst_value value = mst_cell_value(raw);
    if (value.kind == MST_VALUE_TEXT) {
        mst_buf_put(out, value.s.data, value.s.len);
        return;
    }
    if (value.kind == MST_VALUE_NIL)
        return;
    struct mst_buf json = {0};
    if (mst_json(raw, &json, NULL) == 0) {
        /* Bytes are a JSON string; a cell takes the hex without its quotes. */
        bool quoted = value.kind == MST_VALUE_BIN && json.len >= 2;
        mst_buf_put(out, json.data + (quoted ? 1 : 0), json.len - (quoted ? 2 : 0));
    }
    mst_buf_done(&json);
}

void mst_cell_put(struct mst_buf *out, const char *column, struct mst_slice raw)
{
    struct mst_value value = mst_cell_value(raw);
    if (strcmp(column, "reasons") == 0)
        mst_reasons_put(out, raw);
    else if (strcmp(column, "row_subject") == 0 && value.kind == MST_VALUE_TEXT)
        mst_put_row_subject(out, value.s);
    else if (value.kind == MST_VALUE_TEXT)
        put_text(out, column, value.s);
    else if (value.kind == MST_VALUE_BOOL)
        put(out, value.boolean ? _("yes") : _("no"));
    else if (mst_put_saying(out, raw))
        return;
    else if (value.kind != MST_VALUE_ARRAY || !put_flat(out, column, raw))
        mst_cell_put_raw(out, raw);
}

/* A text of several lines keeps them: people's reports have paragraphs. */
static void put_lines(struct mst_buf *out, const char *column, struct mst_slice text, int indent)
{
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    for (;;) {
        const uint8_t *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
        size_t len = end ? (size_t)(end - text.data) : text.len;
        put_text(out, column, mst_bytes(text.data, len));
        if (!end)
            return;
        put(out, "\n");
        text.data += len + 1;
        text.len -= len + 1;
        if (text.data[0] != '\n')
            put_spaces(out, indent);
    }
}

static bool is_empty(struct mst_slice raw)
{
    struct mst_value value = mst_cell_value(raw);
    bool holds_none =
        (value.kind == MST_VALUE_MAP || value.kind == MST_VALUE_ARRAY) && !value.count;
    return value.kind == MST_VALUE_NIL || holds_none ||
           (value.kind == MST_VALUE_TEXT && value.s.len == 0);
}

static void put_entry(struct mst_buf *out, const char *column, struct mst_slice labels,
                      struct mst_slice item, int indent)
{
    if (is_deep(item)) {
        put(out, "\n");
        put_spaces(out, indent);
    } else if (!is_empty(item)) {
        put(out, " ");
    }
    mst_cell_put_block(out, column, labels, item, indent);
}

/* What a field is called; false: no label names it. */
static bool put_label(struct mst_buf *out, struct mst_slice labels, const char *key)
{
    struct mst_unpack u;
    struct mst_value all, label, id, zh, en;
    mst_unpack_init(&u, labels.data, labels.len);
    if (!labels.data || !mst_unpack_next(&u, &all) || all.kind != MST_VALUE_ARRAY)
        return false;
    for (size_t i = 0; i < all.count; i++) {
        if (!mst_unpack_next(&u, &label) || label.kind != MST_VALUE_ARRAY || label.count != 3 ||
            !mst_unpack_next(&u, &id) || !mst_unpack_next(&u, &zh) || !mst_unpack_next(&u, &en))
            return false;
        if (!mst_slice_is(id.s, key))
            continue;
        mst_put_clean(out, mst_lang_zh() ? zh.s : en.s);
        return true;
    }
    return false;
}

void mst_cell_put_block(struct mst_buf *out, const char *column, struct mst_slice labels,
                        struct mst_slice raw, int indent)
{
    struct mst_value value = mst_cell_value(raw);
    if (value.kind == MST_VALUE_TEXT) {
        put_lines(out, column, value.s, indent);
        return;
    }
    if (mst_put_saying(out, raw) || put_flat(out, column, raw))
        return;
    struct mst_unpack u;
    mst_unpack_init(&u, raw.data, raw.len);
    struct mst_slice item, name;
    if (!mst_unpack_next(&u, &value))
        return;
    for (size_t i = 0; i < value.count; i++) {
        if (i > 0) {
            put(out, "\n");
            put_spaces(out, indent);
        }
        if (value.kind == MST_VALUE_ARRAY) {
            if (!mst_unpack_skip(&u, &item))
                return;
            put(out, "- ");
            mst_cell_put_block(out, column, labels, item, indent + 2);
            continue;
        }
        if (!mst_unpack_skip(&u, &name) || !mst_unpack_skip(&u, &item))
            return;
        char key[64];
        mst_slice_copy(mst_cell_value(name).s, key, sizeof key);
        if (!put_label(out, labels, key))
            mst_put_clean(out, mst_text(mst_heading(key)));
        put(out, ":");
        put_entry(out, key, labels, item, indent + 2);
    }
}
