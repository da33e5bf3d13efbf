/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalars by YAML 1.2's core schema (chapter 10.3.2), and a document as msgpack. `no`, `on` and
 * 12:30 are text here, as in YAML 1.2; quoted scalars are always text.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/load/yaml.h"
#include "proto/pack.h"

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}
#define ONE_OF(text, ...)                                                                          \
    is_one_of(text, (const char *const[]){__VA_ARGS__},                                            \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static const char *skip_digits(const char *at)
{
    return at + strspn(at, "0123456789");
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool looks_double(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    const char *whole = at;
    at = skip_digits(at);
    bool digits = at > whole;
    if (*at == '.') {
        const char *fraction = at + 1;
        at = skip_digits(fraction);
        digits = digits || at > fraction;
    }
    if (!digits)
        return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '-' || *at == '+';
        const char *exponent = at;
        at = skip_digits(at);
        if (at == exponent)
            return false;
    }
    return *at == '\0';
}

/* The base of an integer, 0 when it is none; ret_digits is where its digits begin. */
static int integer_base(const char *text, const char **ret_digits)
{
    const char *at = text;
    int base = 10;
    const char *digits = "0123456789";
    if (text[0] == '0' && text[1] == 'o') {
        base = 8;
        digits = "01234567";
        at += 2;
    } else if (text[0] == '0' && text[1] == 'x') {
        base = 16;
        digits = "0123456789abcdefABCDEF";
        at += 2;
    } else if (text[0] == '-' || text[0] == '+') {
        at++;
    }
    *ret_digits = at;
    return *at && at[strspn(at, digits)] == '\0' ? base : 0;
}

static struct mst_scalar read_integer(bool negative, const char *digits, int base)
{
    errno = 0;
    unsigned long long value = strtoull(digits, NULL, base);
    if (errno == ERANGE || (negative && value > (uint64_t)INT64_MAX + 1))
        return (struct mst_scalar){.kind = MST_SCALAR_HUGE};
    if (!negative && value > INT64_MAX)
        return (struct mst_scalar){.kind = MST_SCALAR_UINT, .u = value};
    int64_t i = negative ? (value ? -(int64_t)(value - 1) - 1 : 0) : (int64_t)value;
    return (struct mst_scalar){.kind = MST_SCALAR_INT, .i = i};
}

struct mst_scalar mst_node_scalar(const struct mst_node *node)
{
    struct mst_scalar scalar = {.kind = MST_SCALAR_TEXT};
    const char *text = node->text, *digits;
    if (!node->plain)
        return scalar;
    if (ONE_OF(text, "", "~", "null", "Null", "NULL")) {
        scalar.kind = MST_SCALAR_NULL;
    } else if (ONE_OF(text, "true", "True", "TRUE", "false", "False", "FALSE")) {
        scalar.kind = MST_SCALAR_BOOL;
        scalar.boolean = text[0] == 't' || text[0] == 'T';
    } else if (integer_base(text, &digits)) {
        scalar = read_integer(text[0] == '-', digits, integer_base(text, &digits));
    } else if (looks_double(text)) {
        scalar.kind = MST_SCALAR_DOUBLE;
        scalar.d = strtod(text, NULL);
        if (!isfinite(scalar.d))
            scalar.kind = MST_SCALAR_HUGE;
    } else if (ONE_OF(text, ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf",
                      "-.INF", ".nan", ".NaN", ".NAN")) {
        scalar.kind = MST_SCALAR_HUGE;
    }
    return scalar;
}

static void pack_scalar(const struct mst_node *node, struct mst_buf *out)
{
    struct mst_scalar scalar = mst_node_scalar(node);
    switch (scalar.kind) {
    case MST_SCALAR_NULL:
    case MST_SCALAR_HUGE: /* refused while reading */
        mst_pack_nil(out);
        break;
    case MST_SCALAR_BOOL:
        mst_pack_bool(out, scalar.boolean);
        break;
    case MST_SCALAR_INT:
        mst_pack_int(out, scalar.i);
        break;
    case MST_SCALAR_UINT:
        mst_pack_uint(out, scalar.u);
        break;
    case MST_SCALAR_DOUBLE:
        mst_pack_double(out, scalar.d);
        break;
    case MST_SCALAR_TEXT:
        mst_pack_text(out, node->text);
        break;
    }
}

/* As deep as the tree, which is MST_DEPTH_MAX at most. */
static void pack_node(const struct mst_node *node, struct mst_buf *out)
{
    if (node->kind == MST_NODE_SCALAR) {
        pack_scalar(node, out);
        return;
    }
    if (node->kind == MST_NODE_MAP)
        mst_pack_map(out, node->count);
    else
        mst_pack_array(out, node->count);
    for (const struct mst_node *child = node->first; child; child = child->next) {
        if (node->kind == MST_NODE_MAP)
            mst_pack_text(out, child->key);
        pack_node(child, out);
    }
}

int mst_yaml_pack(const struct mst_yaml *yaml, struct mst_buf *out, struct mst_err *err)
{
    pack_node(yaml->root, out);
    return out->failed ? mst_no_memory(err, yaml->file) : 0;
}
