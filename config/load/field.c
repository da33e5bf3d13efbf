/* SPDX-License-Identifier: Apache-2.0 */
/* Typed fields out of YAML maps, with findings in plain words. Knows no particular file. */
#include "config/load/field.h"

#include <stdlib.h>
#include <string.h>

#include "config/model/programme.h"

char *mst_words_join(struct mst_words words, char *buf, size_t size)
{
    size_t used = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < words.count && used < size; i++)
        used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "", words.items[i]);
    return buf;
}

char *mst_hint_nearest(const char *word, struct mst_words words, const char *otherwise, char *buf)
{
    const char *nearest = mst_nearest(word, words.items, words.count);
    if (nearest)
        snprintf(buf, MST_ERR_HINT_MAX, _("did you mean %s?"), nearest);
    else
        snprintf(buf, MST_ERR_HINT_MAX, "%s", otherwise);
    return buf;
}

/* What a node is, for "must be …, not …". */
static const char *kind_words(const struct mst_node *node)
{
    if (node->kind == MST_NODE_MAP)
        return _("a map");
    if (node->kind == MST_NODE_LIST)
        return _("a list");
    switch (mst_node_scalar(node).kind) {
    case MST_SCALAR_NULL:
        return _("empty");
    case MST_SCALAR_BOOL:
        return _("true or false");
    case MST_SCALAR_TEXT:
        return _("text");
    case MST_SCALAR_DOUBLE:
        return _("a fraction");
    default:
        return _("a number");
    }
}

/* The name under which a node is known to the reader. */
static const char *node_name(const struct mst_node *node)
{
    return node->key ? node->key : _("this");
}

static bool wrong_kind(struct mst_reader *r, const struct mst_node *node, const char *wanted,
                       const char *hint)
{
    if (!node->bad)
        MST_FAULT(r, node, hint, _("%s must be %s, not %s"), node_name(node), wanted,
                  kind_words(node));
    return false;
}

bool mst_read_is_map(struct mst_reader *r, const struct mst_node *node, struct mst_words keys)
{
    if (node->kind != MST_NODE_MAP)
        return wrong_kind(r, node, _("a map"), _("write `key: value` lines, indented below it"));
    for (const struct mst_node *child = node->first; child; child = child->next) {
        bool known = false;
        for (size_t i = 0; i < keys.count && !known; i++)
            known = strcmp(child->key, keys.items[i]) == 0;
        if (known || child->bad)
            continue;
        char list[MST_ERR_HINT_MAX], all[MST_ERR_HINT_MAX + 64], hint[MST_ERR_HINT_MAX];
        snprintf(all, sizeof all, _("known here: %s"), mst_words_join(keys, list, sizeof list));
        mst_diag(r->diags, MST_DIAG_ERROR, r->file, child->key_line, child->key_column,
                 mst_hint_nearest(child->key, keys, all, hint), _("unknown key %s"), child->key);
    }
    return true;
}

bool mst_read_is_list(struct mst_reader *r, const struct mst_node *node)
{
    if (node->kind != MST_NODE_LIST)
        return wrong_kind(r, node, _("a list"), _("write each item on a line that begins with -"));
    return true;
}

const struct mst_node *mst_read_field(struct mst_reader *r, const struct mst_node *map,
                                      const char *key, enum mst_need need)
{
    const struct mst_node *node = mst_node_get(map, key);
    if (node && (node->bad || node->kind != MST_NODE_SCALAR ||
                 mst_node_scalar(node).kind != MST_SCALAR_NULL))
        return node;
    if (need == MST_NEEDED) {
        char hint[MST_ERR_HINT_MAX];
        snprintf(hint, sizeof hint, _("add a line `%s: …`"), key);
        MST_FAULT(r, node ? node : map, hint, _("%s is missing"), key);
    }
    return NULL;
}

const char *mst_read_text_of(struct mst_reader *r, const struct mst_node *node, size_t bytes_max)
{
    if (node->bad || node->kind != MST_NODE_SCALAR ||
        mst_node_scalar(node).kind != MST_SCALAR_TEXT) {
        wrong_kind(r, node, _("text"),
                   node->kind == MST_NODE_SCALAR ? _("put it in quotes") : NULL);
        return NULL;
    }
    if (!node->text[0]) {
        MST_FAULT(r, node, _("leave the key out where there is nothing to say"),
                  _("%s must not be empty"), node_name(node));
        return NULL;
    }
    if (strlen(node->text) > bytes_max) {
        MST_FAULT(r, node, _("shorten it"), _("%s is longer than %zu bytes"), node_name(node),
                  bytes_max);
        return NULL;
    }
    return node->text;
}

bool mst_read_int_of(struct mst_reader *r, const struct mst_node *node, int64_t min, int64_t max,
                     int64_t *ret_value)
{
    struct mst_scalar scalar = {.kind = MST_SCALAR_TEXT};
    if (!node->bad && node->kind == MST_NODE_SCALAR)
        scalar = mst_node_scalar(node);
    if (scalar.kind != MST_SCALAR_INT)
        return wrong_kind(r, node, _("a whole number"), NULL);
    if (scalar.i < min || scalar.i > max) {
        MST_FAULT(r, node, NULL, _("%s must be between %lld and %lld, not %lld"), node_name(node),
                  (long long)min, (long long)max, (long long)scalar.i);
        return false;
    }
    *ret_value = scalar.i;
    return true;
}

bool mst_read_bool_of(struct mst_reader *r, const struct mst_node *node, bool *ret_value)
{
    struct mst_scalar scalar = {.kind = MST_SCALAR_TEXT};
    if (!node->bad && node->kind == MST_NODE_SCALAR)
        scalar = mst_node_scalar(node);
    if (scalar.kind != MST_SCALAR_BOOL)
        return wrong_kind(r, node, _("true or false"), _("without quotes"));
    *ret_value = scalar.boolean;
    return true;
}

const char *mst_read_letters_of(struct mst_reader *r, const struct mst_node *node)
{
    if (!node->bad && node->kind == MST_NODE_SCALAR && node->text[0])
        return node->text;
    wrong_kind(r, node, _("text"), NULL);
    return NULL;
}

bool mst_read_day_of(struct mst_reader *r, const struct mst_node *node, mst_day *ret_day)
{
    const char *text = mst_read_text_of(r, node, 64);
    if (!text)
        return false;
    if (mst_day_parse(text, ret_day, NULL) == 0)
        return true;
    MST_FAULT(r, node, _("write year-month-day as in 2023-10-11; the day must exist"),
              _("%s is not a date"), text);
    return false;
}

size_t mst_read_word_of(struct mst_reader *r, const struct mst_node *node, struct mst_words words)
{
    const char *text = mst_read_text_of(r, node, MST_ERR_HINT_MAX);
    if (!text)
        return SIZE_MAX;
    for (size_t i = 0; i < words.count; i++) {
        if (strcmp(text, words.items[i]) == 0)
            return i;
    }
    char list[MST_ERR_HINT_MAX], hint[MST_ERR_HINT_MAX];
    MST_FAULT(r, node, mst_hint_nearest(text, words, "", hint), _("%s must be one of %s, not %s"),
              node_name(node), mst_words_join(words, list, sizeof list), text);
    return SIZE_MAX;
}

const char *mst_read_id_of(struct mst_reader *r, const struct mst_node *node)
{
    const char *text = mst_read_text_of(r, node, MST_ID_MAX - 1);
    if (!text)
        return NULL;
    if (text[0] != '-' && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0')
        return text;
    MST_FAULT(r, node,
              _("use lower-case letters, digits and hyphens; names for people go elsewhere"),
              _("%s is not a valid id"), text);
    return NULL;
}

const char *mst_read_text(struct mst_reader *r, const struct mst_node *map, const char *key,
                          enum mst_need need, size_t bytes_max)
{
    const struct mst_node *node = mst_read_field(r, map, key, need);
    return node ? mst_read_text_of(r, node, bytes_max) : NULL;
}

int mst_read_int(struct mst_reader *r, const struct mst_node *map, const char *key, int min,
                 int max, int fallback)
{
    const struct mst_node *node = mst_read_field(r, map, key, MST_MAY_LACK);
    int64_t value = fallback;
    return node && mst_read_int_of(r, node, min, max, &value) ? (int)value : fallback;
}

size_t mst_read_word(struct mst_reader *r, const struct mst_node *map, const char *key,
                     struct mst_words words, size_t fallback)
{
    const struct mst_node *node = mst_read_field(r, map, key, MST_MAY_LACK);
    size_t index = node ? mst_read_word_of(r, node, words) : SIZE_MAX;
    return index == SIZE_MAX ? fallback : index;
}

bool mst_read_bool(struct mst_reader *r, const struct mst_node *map, const char *key, bool fallback)
{
    const struct mst_node *node = mst_read_field(r, map, key, MST_MAY_LACK);
    bool value = fallback;
    return node && mst_read_bool_of(r, node, &value) ? value : fallback;
}

const char *mst_read_id(struct mst_reader *r, const struct mst_node *map)
{
    const struct mst_node *node = mst_read_field(r, map, "id", MST_NEEDED);
    const char *id = node ? mst_read_id_of(r, node) : NULL;
    return id ? id : "";
}

void *mst_read_alloc(struct mst_reader *r, size_t count, size_t size)
{
    /* Counts are numbers of nodes, so that the product cannot overflow. */
    void *array = count ? mst_arena_alloc(r->arena, count * size) : NULL;
    if (count && !array)
        r->no_memory = true;
    return array;
}

static int by_word(const void *a, const void *b)
{
    const struct mst_name *x = a, *y = b;
    int words = strcmp(x->word, y->word);
    if (words)
        return words;
    if (x->node->line != y->node->line)
        return x->node->line < y->node->line ? -1 : 1;
    return x->node->column < y->node->column ? -1 : x->node->column > y->node->column;
}

void mst_read_distinct(struct mst_reader *r, struct mst_name *names, size_t count)
{
    if (count < 2)
        return;
    qsort(names, count, sizeof *names, by_word);
    size_t first = 0;
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i].word, names[first].word) != 0)
            first = i;
        /* One thing that says the word twice, as its name in both languages, is told once. */
        else if (names[i].owner != names[first].owner && names[i].owner != names[i - 1].owner &&
                 names[i].word[0])
            MST_FAULT(r, names[i].node, _("choose another"), _("%s is taken already, at %d:%d"),
                      names[i].word, names[first].node->line, names[first].node->column);
    }
}
