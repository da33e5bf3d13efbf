/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgpack to JSON (RFC 8259): keys in their order, integers whole, bytes as lower-case hex. Escapes
 * every character that a terminal would act on, so that JSON on a screen is as safe as a table.
 */
#include "agent/link/print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "proto/pack.h"
#include "proto/validate.h"

struct writer {
    struct mst_buf *out;
    struct mst_unpack in;
    bool pretty;
};

static void put(struct mst_buf *out, const char *s)
{
    mst_buf_put(out, s, strlen(s));
}

static void put_unit(struct mst_buf *out, unsigned unit)
{
    char escape[8];
    snprintf(escape, sizeof escape, "\\u%04x", unit);
    put(out, escape);
}

static void put_escape(struct mst_buf *out, ucs4_t c)
{
    static const char short_names[][3] = {"\"\"", "\\\\", "\nn", "\tt", "\rr", "\bb", "\ff"};
    for (size_t i = 0; i < sizeof short_names / sizeof short_names[0]; i++) {
        if (c == (ucs4_t)short_names[i][0]) {
            const char escape[3] = {'\\', short_names[i][1], '\0'};
            put(out, escape);
            return;
        }
    }
    put_unit(out, (unsigned)c);
}

static void put_string(struct mst_buf *out, struct mst_slice text)
{
    put(out, "\"");
    for (size_t at = 0; at < text.len;) {
        ucs4_t c = 0;
        int n = u8_mbtoucr(&c, text.data + at, text.len - at);
        if (n <= 0) {
            put_unit(out, 0xFFFD);
            n = 1;
        } else if (c == '"' || c == '\\' || mst_char_acts(c)) {
            put_escape(out, c);
        } else {
            mst_buf_put(out, text.data + at, (size_t)n);
        }
        at += (size_t)n;
    }
    put(out, "\"");
}

static void put_hex(struct mst_buf *out, struct mst_slice bytes)
{
    put(out, "\"");
    for (size_t i = 0; i < bytes.len; i++) {
        char pair[3];
        snprintf(pair, sizeof pair, "%02x", bytes.data[i]);
        put(out, pair);
    }
    put(out, "\"");
}

/* The shortest text that reads back as the same double, and never as an integer. */
static void put_double(struct mst_buf *out, double value)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    if (strpbrk(text, "ni")) {
        put(out, "null"); /* JSON knows neither NaN nor infinity */
        return;
    }
    put(out, text);
    if (!strpbrk(text, ".e"))
        put(out, ".0");
}

static void put_scalar(struct mst_buf *out, const struct mst_value *value)
{
    char text[24];
    switch (value->kind) {
    case MST_VALUE_BOOL:
        put(out, value->boolean ? "true" : "false");
        return;
    case MST_VALUE_INT:
        snprintf(text, sizeof text, "%" PRId64, value->i);
        put(out, text);
        return;
    case MST_VALUE_UINT:
        snprintf(text, sizeof text, "%" PRIu64, value->u);
        put(out, text);
        return;
    case MST_VALUE_DOUBLE:
        put_double(out, value->d);
        return;
    case MST_VALUE_TEXT:
        put_string(out, value->s);
        return;
    case MST_VALUE_BIN:
        put_hex(out, value->s);
        return;
    case MST_VALUE_NIL:
    case MST_VALUE_ARRAY:
    case MST_VALUE_MAP:
        put(out, "null");
        return;
    }
}

static void line(const struct writer *w, int depth)
{
    if (!w->pretty)
        return;
    put(w->out, "\n");
    for (int i = 0; i < depth; i++)
        put(w->out, "  ");
}

/* Depth is bounded by the validator; the check keeps the stack safe should a caller forget it. */
static bool put_value(struct writer *w, int depth)
{
    struct mst_value value;
    if (depth > MST_DEPTH_MAX || !mst_unpack_next(&w->in, &value))
        return false;
    if (value.kind != MST_VALUE_ARRAY && value.kind != MST_VALUE_MAP) {
        put_scalar(w->out, &value);
        return true;
    }
    bool map = value.kind == MST_VALUE_MAP;
    put(w->out, map ? "{" : "[");
    for (size_t i = 0; i < value.count; i++) {
        if (i > 0)
            put(w->out, ",");
        line(w, depth + 1);
        if (map) {
            struct mst_value key;
            if (!mst_unpack_next(&w->in, &key) || key.kind != MST_VALUE_TEXT)
                return false;
            put_string(w->out, key.s);
            put(w->out, w->pretty ? ": " : ":");
        }
        if (!put_value(w, depth + 1))
            return false;
    }
    if (value.count > 0)
        line(w, depth);
    put(w->out, map ? "}" : "]");
    return true;
}

static int json(struct mst_slice value, bool pretty, struct mst_buf *out, struct mst_err *err)
{
    struct writer w = {.out = out, .pretty = pretty};
    mst_unpack_init(&w.in, value.data, value.len);
    if (!put_value(&w, 0))
        return mst_fail_on(err, MST_E_PROTOCOL, _("a value that is not whole"));
    if (out->failed)
        return mst_fail_on(err, MST_E_NOMEM, "JSON");
    return 0;
}

int mst_json(struct mst_slice value, struct mst_buf *out, struct mst_err *err)
{
    return json(value, false, out, err);
}

int mst_json_pretty(struct mst_slice value, struct mst_buf *out, struct mst_err *err)
{
    return json(value, true, out, err);
}
