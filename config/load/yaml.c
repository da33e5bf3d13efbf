/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From libfyaml's events to a tree with places. The library's document builder is not used: it
 * resolves what we refuse, and gives no place for duplicate keys. Nothing here prints; the
 * library's own complaints become findings.
 */
#include "config/load/yaml.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

/* The library's complaints that people meet most; listed here so that they are translated. */
static const char *const library_words[] = {
    N_("invalid multiline plain key"),
    N_("invalid nested block mapping on the same line"),
    N_("flow sequence without a closing bracket"),
    N_("flow mapping without a closing brace"),
    N_("wrongly indented double-quoted scalar"),
    N_("invalid value after mapping"),
    N_("did not find expected key"),
    N_("did not find expected '-' indicator"),
    N_("missing comma in flow sequence"),
    N_("missing comma in flow mapping"),
};

struct frame {
    struct mst_node *node;
    struct mst_node **tail;
    const char *key; /* read, its value is awaited */
    int key_line, key_column;
};

struct builder {
    struct mst_yaml *yaml;
    struct mst_diags *diags;
    struct frame stack[MST_DEPTH_MAX];
    size_t depth;
    size_t nodes;
    int documents;
    int line, column; /* of the last event that had a place: where implicit ones are told */
    bool stop;        /* what follows makes no sense */
    bool ended;       /* the stream came to its end */
    bool no_memory;
};

/* A finding at the event that is being read. */
#define COMPLAIN(b, hint, ...)                                                                     \
    mst_diag((b)->diags, MST_DIAG_ERROR, (b)->yaml->file, (b)->line, (b)->column, hint, __VA_ARGS__)
/* The same, where what follows would make no sense. */
#define STOP(b, hint, ...)                                                                         \
    do {                                                                                           \
        COMPLAIN(b, hint, __VA_ARGS__);                                                            \
        (b)->stop = true;                                                                          \
    } while (0)

static const char *token_text(struct builder *b, struct fy_token *token)
{
    size_t len = 0;
    const char *text = token ? fy_token_get_text(token, &len) : "";
    char *copy = mst_arena_strndup(b->yaml->arena, text ? text : "", len);
    if (!copy) {
        b->no_memory = b->stop = true;
        return "";
    }
    if (strlen(copy) < len)
        COMPLAIN(b, _("leave it out"), _("the text holds a NUL character: %s"), copy);
    return copy;
}

static struct mst_node *node_new(struct builder *b, enum mst_node_kind kind)
{
    struct mst_node *node = mst_arena_alloc(b->yaml->arena, sizeof *node);
    if (!node) {
        b->no_memory = b->stop = true;
        return NULL;
    }
    if (++b->nodes > MST_YAML_NODES_MAX) {
        STOP(b, _("split it"), _("too many values in one file"));
        return NULL;
    }
    *node = (struct mst_node){.kind = kind, .line = b->line, .column = b->column, .text = ""};
    return node;
}

/* Hang a node into the one that is being read. */
static void attach(struct builder *b, struct mst_node *node)
{
    if (b->depth == 0) {
        b->yaml->root = node;
        return;
    }
    struct frame *top = &b->stack[b->depth - 1];
    if (top->node->kind == MST_NODE_MAP) {
        node->key = top->key;
        node->key_line = top->key_line;
        node->key_column = top->key_column;
        if (strcmp(top->key, "<<") == 0) {
            mst_diag(b->diags, MST_DIAG_ERROR, b->yaml->file, top->key_line, top->key_column,
                     _("write the keys out where they are needed"),
                     _("merge keys (<<) are not used here"));
            node->bad = true;
        }
        top->key = NULL;
    }
    *top->tail = node;
    top->tail = &node->next;
    top->node->count++;
}

static bool awaits_key(const struct builder *b)
{
    return b->depth > 0 && b->stack[b->depth - 1].node->kind == MST_NODE_MAP &&
           !b->stack[b->depth - 1].key;
}

/* Anchors and tags; true when there was one. */
static bool refuse_properties(struct builder *b, struct fy_token *anchor, struct fy_token *tag)
{
    if (anchor)
        COMPLAIN(b, _("write the value out where it is needed"),
                 _("anchors are not used here: &%s"), token_text(b, anchor));
    if (tag)
        COMPLAIN(b, _("leave it out; put text that looks like a number in quotes"),
                 _("tags are not used here: %s"), token_text(b, tag));
    return anchor || tag;
}

static void open_collection(struct builder *b, enum mst_node_kind kind, struct fy_token *anchor,
                            struct fy_token *tag)
{
    if (awaits_key(b)) {
        STOP(b, _("use a plain word as the key"), _("a key must be text"));
        return;
    }
    refuse_properties(b, anchor, tag);
    if (b->depth == MST_DEPTH_MAX) {
        STOP(b, _("is a bracket missing?"), _("nested deeper than %d levels"), MST_DEPTH_MAX);
        return;
    }
    struct mst_node *node = node_new(b, kind);
    if (!node)
        return;
    attach(b, node);
    b->stack[b->depth++] = (struct frame){.node = node, .tail = &node->first};
}

static int by_key(const void *a, const void *b)
{
    const struct mst_node *x = *(struct mst_node *const *)a, *y = *(struct mst_node *const *)b;
    int keys = strcmp(x->key, y->key);
    if (keys)
        return keys;
    if (x->key_line != y->key_line)
        return x->key_line < y->key_line ? -1 : 1;
    return x->key_column < y->key_column ? -1 : x->key_column > y->key_column;
}

/* Sorting keeps this quick for a hostile map of 100,000 keys. */
static void find_duplicates(struct builder *b, const struct mst_node *map)
{
    if (map->count < 2)
        return;
    struct mst_node **nodes = malloc(map->count * sizeof *nodes);
    if (!nodes) {
        b->no_memory = b->stop = true;
        return;
    }
    size_t count = 0;
    for (struct mst_node *node = map->first; node; node = node->next)
        nodes[count++] = node;
    qsort(nodes, count, sizeof *nodes, by_key);
    size_t first = 0;
    for (size_t i = 1; i < count; i++) {
        if (strcmp(nodes[i]->key, nodes[first]->key) != 0) {
            first = i;
            continue;
        }
        nodes[i]->bad = true;
        mst_diag(b->diags, MST_DIAG_ERROR, b->yaml->file, nodes[i]->key_line, nodes[i]->key_column,
                 _("keep one of the two"), _("the key %s stands twice, first at %d:%d"),
                 nodes[i]->key, nodes[first]->key_line, nodes[first]->key_column);
    }
    free(nodes);
}

static void close_collection(struct builder *b)
{
    const struct mst_node *node = b->stack[--b->depth].node;
    if (node->kind == MST_NODE_MAP)
        find_duplicates(b, node);
}

static void take_scalar(struct builder *b, const struct fy_event_scalar_data *scalar)
{
    const char *text = token_text(b, scalar->value);
    bool bad = refuse_properties(b, scalar->anchor, scalar->tag);
    if (awaits_key(b)) {
        struct frame *top = &b->stack[b->depth - 1];
        top->key = text;
        top->key_line = b->line;
        top->key_column = b->column;
        return;
    }
    struct mst_node *node = node_new(b, MST_NODE_SCALAR);
    if (!node)
        return;
    node->text = text;
    node->plain = !scalar->value || fy_token_scalar_style(scalar->value) == FYSS_PLAIN;
    node->bad = bad;
    attach(b, node);
    if (!bad && mst_node_scalar(node).kind == MST_SCALAR_HUGE) {
        node->bad = true;
        COMPLAIN(b, _("put it in quotes if it is text"), _("the number %s cannot be stored"), text);
    }
}

static void take_alias(struct builder *b, struct fy_token *name)
{
    if (awaits_key(b)) {
        STOP(b, _("use a plain word as the key"), _("a key must be text"));
        return;
    }
    COMPLAIN(b, _("write the value out where it is needed"), _("aliases are not used here: *%s"),
             token_text(b, name));
    struct mst_node *node = node_new(b, MST_NODE_SCALAR);
    if (!node)
        return;
    node->plain = node->bad = true;
    attach(b, node);
}

static void take_event(struct builder *b, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark) {
        b->line = mark->line + 1;
        b->column = mark->column + 1;
    }
    switch (event->type) {
    case FYET_DOCUMENT_START:
        if (++b->documents > 1)
            STOP(b, _("keep one document; remove the line ---"),
                 _("a second document begins in this file"));
        break;
    case FYET_MAPPING_START:
        open_collection(b, MST_NODE_MAP, event->mapping_start.anchor, event->mapping_start.tag);
        break;
    case FYET_SEQUENCE_START:
        open_collection(b, MST_NODE_LIST, event->sequence_start.anchor, event->sequence_start.tag);
        break;
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        close_collection(b);
        break;
    case FYET_SCALAR:
        take_scalar(b, &event->scalar);
        break;
    case FYET_ALIAS:
        take_alias(b, event->alias.anchor);
        break;
    case FYET_STREAM_END:
        b->ended = true;
        break;
    default: /* the rest has no content */
        break;
    }
}

static const char *translate_library(const char *words)
{
    for (size_t i = 0; i < sizeof library_words / sizeof library_words[0]; i++) {
        if (strcmp(words, library_words[i]) == 0)
            return _(library_words[i]);
    }
    return words;
}

/* The library tells most of its errors, and gives up on some without a word. */
static void take_complaints(struct builder *b, struct fy_diag *diag)
{
    void *iterator = NULL;
    const struct fy_diag_error *error;
    const char *hint = _("look at the indentation, the colons and the quotes around this place");
    size_t before = b->diags->errors;
    while ((error = fy_diag_errors_iterate(diag, &iterator)))
        mst_diag(b->diags, MST_DIAG_ERROR, b->yaml->file, error->line, error->column, hint,
                 _("not valid YAML: %s"), translate_library(error->msg));
    if (b->diags->errors == before && !b->ended)
        COMPLAIN(b, hint, _("not valid YAML after this place"));
    b->stop = b->diags->errors != before;
}

/* libfyaml calls this for what it would print. */
static void drop_output(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)len;
}

static int parse(struct builder *b, struct mst_slice bytes, struct mst_err *err)
{
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = drop_output;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    if (!diag)
        return mst_no_memory(err, b->yaml->file);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {
        .search_path = "", .flags = FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&cfg);
    int code = 0;
    if (!parser || fy_parser_set_string(parser, (const char *)bytes.data, bytes.len) != 0) {
        code = mst_no_memory(err, b->yaml->file);
    } else {
        struct fy_event *event;
        while (!b->stop && (event = fy_parser_parse(parser))) {
            take_event(b, event);
            fy_parser_event_free(parser, event);
        }
        if (!b->stop)
            take_complaints(b, diag);
    }
    if (parser)
        fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    if (!code && b->no_memory)
        code = mst_no_memory(err, b->yaml->file);
    return code;
}

static int build(struct mst_yaml *yaml, const struct mst_slice *given, struct mst_diags *diags,
                 struct mst_err *err)
{
    int code = given
                   ? mst_file_copy(*given, yaml->arena, &yaml->bytes, err)
                   : mst_file_read(yaml->file, MST_FILE_BYTES_MAX, yaml->arena, &yaml->bytes, err);
    if (code)
        return code;
    struct mst_slice bytes = yaml->bytes;
    struct builder b = {.yaml = yaml, .diags = diags, .line = 1, .column = 1};
    size_t before = diags->errors;
    if (!mst_file_check_utf8(yaml->file, bytes, diags)) {
        b.stop = true;
    } else {
        code = parse(&b, bytes, err);
        if (code)
            return code;
        if (!b.stop && !yaml->root)
            STOP(&b, _("is it the right file?"), _("there is nothing in this file"));
    }
    if (!b.stop)
        return 0;
    mst_diags_verdict(diags, before, yaml->file, err);
    if (err)
        err->code = MST_E_SYNTAX;
    return MST_E_SYNTAX;
}

int mst_yaml_read_given(const char *path, const struct mst_slice *given, struct mst_diags *diags,
                        struct mst_yaml **ret, struct mst_err *err)
{
    struct mst_arena *arena = mst_arena_new();
    struct mst_yaml *yaml = arena ? mst_arena_alloc(arena, sizeof *yaml) : NULL;
    if (yaml)
        *yaml = (struct mst_yaml){.arena = arena, .file = mst_arena_strdup(arena, path)};
    if (!yaml || !yaml->file) {
        mst_arena_free(arena);
        return mst_no_memory(err, path);
    }
    int code = build(yaml, given, diags, err);
    if (code) {
        mst_diags_sort(diags);
        mst_arena_free(arena);
        return code;
    }
    *ret = yaml;
    return 0;
}

int mst_yaml_read(const char *path, struct mst_diags *diags, struct mst_yaml **ret,
                  struct mst_err *err)
{
    return mst_yaml_read_given(path, NULL, diags, ret, err);
}

int mst_yaml_open(const char *path, struct mst_diags *diags, struct mst_yaml **ret,
                  struct mst_err *err)
{
    size_t before = diags->errors;
    struct mst_yaml *yaml = NULL;
    int code = mst_yaml_read(path, diags, &yaml, err);
    if (code)
        return code;
    mst_diags_sort(diags);
    code = mst_diags_verdict(diags, before, path, err);
    if (code) {
        mst_yaml_free(yaml);
        return code;
    }
    *ret = yaml;
    return 0;
}

void mst_yaml_free(struct mst_yaml *yaml)
{
    /* It lies in its own arena. */
    if (yaml)
        mst_arena_free(yaml->arena);
}

struct mst_node *mst_node_get(const struct mst_node *map, const char *key)
{
    if (map->kind != MST_NODE_MAP)
        return NULL;
    for (struct mst_node *node = map->first; node; node = node->next) {
        if (strcmp(node->key, key) == 0)
            return node;
    }
    return NULL;
}
