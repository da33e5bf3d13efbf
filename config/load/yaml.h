/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML document as a tree in which every key and value knows its place. What the format allows
 * and this project does not want is refused while reading: anchors, aliases, merge keys, tags, keys
 * that are not plain words, several documents, duplicate keys, depth and size without limit.
 */
#ifndef MST_CONFIG_LOAD_YAML_H
#define MST_CONFIG_LOAD_YAML_H

#include "config/load/file.h"
#include "proto/validate.h"

/* Keys and values in one file; keeps the tree's memory in proportion. */
#define MST_YAML_NODES_MAX 200000

enum mst_node_kind { MST_NODE_SCALAR, MST_NODE_LIST, MST_NODE_MAP };

struct mst_node {
    enum mst_node_kind kind;
    bool plain; /* a scalar without quotes: may be a number, a boolean or null */
    bool bad;   /* something is wrong with it and has been told: say no more */
    int line, column;
    const char *text; /* of a scalar; never NULL there */
    const char *key;  /* its key where the parent is a map; otherwise NULL */
    int key_line, key_column;
    size_t count;           /* children */
    struct mst_node *first; /* of the children, in the file's order */
    struct mst_node *next;  /* brother */
};

struct mst_yaml {
    struct mst_arena *arena;
    const char *file;
    struct mst_node *root;
    struct mst_slice bytes; /* of the file */
};

/* As mst_yaml_open(), but a file whose only faults leave a
 * tree to look at is returned, so that all its faults can be told at once; the caller compares
 * diags->errors. */
MST_MUST_CHECK int mst_yaml_read(const char *path, struct mst_diags *diags, struct mst_yaml **ret,
                                 struct mst_err *err);
/* The same from bytes, which are copied; no file is read where `given` is not NULL. */
MST_MUST_CHECK int mst_yaml_read_given(const char *path, const struct mst_slice *given,
                                       struct mst_diags *diags, struct mst_yaml **ret,
                                       struct mst_err *err);

/* The child of a map; NULL when there is none. */
struct mst_node *mst_node_get(const struct mst_node *map, const char *key);

enum mst_scalar_kind {
    MST_SCALAR_NULL,
    MST_SCALAR_BOOL,
    MST_SCALAR_INT,
    MST_SCALAR_UINT, /* above INT64_MAX */
    MST_SCALAR_DOUBLE,
    MST_SCALAR_TEXT,
    MST_SCALAR_HUGE, /* a number that no type here holds, or .inf or .nan */
};
struct mst_scalar {
    enum mst_scalar_kind kind;
    bool boolean;
    int64_t i;
    uint64_t u;
    double d;
};
/* What a scalar is by YAML 1.2's core schema. */
struct mst_scalar mst_node_scalar(const struct mst_node *node);

#endif
