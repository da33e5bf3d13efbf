/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading typed fields out of a YAML map. Each reader tells what is wrong at the place where it is
 * wrong and gives a harmless value, so that the caller goes on and finds the next fault as well.
 * A key without a value counts as absent.
 */
#ifndef MST_CONFIG_LOAD_FIELD_H
#define MST_CONFIG_LOAD_FIELD_H

#include "config/load/yaml.h"
#include "config/model/date.h"

struct mst_reader {
    const char *file;
    struct mst_diags *diags;
    struct mst_arena *arena;
    bool no_memory; /* once: the result is not to be used */
};

/* Tell an error, or a warning, at a node. */
#define MST_FAULT(reader, node, hint, ...)                                                         \
    mst_diag((reader)->diags, MST_DIAG_ERROR, (reader)->file, (node)->line, (node)->column, hint,  \
             __VA_ARGS__)
#define MST_WARN(reader, node, hint, ...)                                                          \
    mst_diag((reader)->diags, MST_DIAG_WARNING, (reader)->file, (node)->line, (node)->column,      \
             hint, __VA_ARGS__)

enum mst_need { MST_NEEDED, MST_MAY_LACK };

/* Words of a language, e.g. of an enum or the keys of a map. */
struct mst_words {
    const char *const *items;
    size_t count;
};
#define MST_WORDS(...)                                                                             \
    ((struct mst_words){(const char *const[]){__VA_ARGS__},                                        \
                        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)})

/* "did you mean %s?", or else `otherwise`. buf holds MST_ERR_HINT_MAX bytes. Returns buf. */
char *mst_hint_nearest(const char *word, struct mst_words words, const char *otherwise, char *buf);
/* The words, separated by commas, cut at size. Returns buf. */
char *mst_words_join(struct mst_words words, char *buf, size_t size);

/* false, and said, when the node is no map or list. A map's keys must be among `keys`. */
bool mst_read_is_map(struct mst_reader *r, const struct mst_node *node, struct mst_words keys);
bool mst_read_is_list(struct mst_reader *r, const struct mst_node *node);

/* The field when it is there and has a value; NULL otherwise, which is said when it is needed. */
const struct mst_node *mst_read_field(struct mst_reader *r, const struct mst_node *map,
                                      const char *key, enum mst_need need);

/* Of a node itself; NULL, after a finding, when it is not text or too long. */
const char *mst_read_text_of(struct mst_reader *r, const struct mst_node *node, size_t bytes_max);
bool mst_read_int_of(struct mst_reader *r, const struct mst_node *node, int64_t min, int64_t max,
                     int64_t *ret_value);
bool mst_read_bool_of(struct mst_reader *r, const struct mst_node *node, bool *ret_value);
/* The scalar's letters whatever its type, for period keys: 2023 and 2023Q3 alike. */
const char *mst_read_letters_of(struct mst_reader *r, const struct mst_node *node);
bool mst_read_day_of(struct mst_reader *r, const struct mst_node *node, mst_day *ret_day);
/* Index of one of the words; SIZE_MAX after a finding. */
size_t mst_read_word_of(struct mst_reader *r, const struct mst_node *node, struct mst_words words);
/* NULL after a finding. */
const char *mst_read_id_of(struct mst_reader *r, const struct mst_node *node);

/* Of a map's field. An absent one that may lack gives NULL or the fallback. */
const char *mst_read_text(struct mst_reader *r, const struct mst_node *map, const char *key,
                          enum mst_need need, size_t bytes_max);
int mst_read_int(struct mst_reader *r, const struct mst_node *map, const char *key, int min,
                 int max, int fallback);
size_t mst_read_word(struct mst_reader *r, const struct mst_node *map, const char *key,
                     struct mst_words words, size_t fallback);
bool mst_read_bool(struct mst_reader *r, const struct mst_node *map, const char *key,
                   bool fallback);
/* Never NULL: "" after a finding. */
const char *mst_read_id(struct mst_reader *r, const struct mst_node *map);
/* An array of count elements in the arena; NULL when count is 0 or memory is out. */
void *mst_read_alloc(struct mst_reader *r, size_t count, size_t size);

/* A word that must not stand for two things. */
struct mst_name {
    const char *word;
    size_t owner; /* the thing it stands for */
    const struct mst_node *node;
};
/* Sorts the names and tells words that have two owners. */
void mst_read_distinct(struct mst_reader *r, struct mst_name *names, size_t count);

#endif
