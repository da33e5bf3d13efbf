/* SPDX-License-Identifier: Apache-2.0 */
/* What reports bring up: the fields that it stands in, and reading it. */
#include "config/model/matters.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define TITLE_MAX 240 /* characters */
#define TEXT_MAX 4000
#define WORDS_MAX 240

/* ---- as fields of a form ---- */

static const struct mst_form_field difficulty_columns[MST_MATTER_COLUMNS] = {
    {.id = "title",
     .label = {"the difficulty's title", "难点题目"},
     .required = true,
     .unique = true,
     .max = TITLE_MAX},
    {.id = "text", .label = {"what it is about", "具体情况"}, .max = TEXT_MAX},
    {.id = "owner", .label = {"who sees to it", "牵头单位"}, .type = MST_FIELD_UNIT},
    {.id = "helpers",
     .label = {"helpers", "协助单位"},
     .type = MST_FIELD_UNITS,
     .others = true,
     .max = MST_HELPERS_MAX},
    {.id = "outside", .label = {"asked outside", "外部单位"}, .max = WORDS_MAX},
};

static const struct mst_form_field project_columns[MST_MATTER_COLUMNS] = {
    {.id = "title",
     .label = {"the project's title", "项目名称"},
     .required = true,
     .unique = true,
     .max = TITLE_MAX},
    {.id = "amount", .label = {"amount", "金额"}, .type = MST_FIELD_AMOUNT, .max = WORDS_MAX},
    {.id = "unit", .label = {"unit of measure", "计量单位"}, .max = WORDS_MAX},
    {.id = "level", .label = {"level", "级别"}, .max = WORDS_MAX},
    {.id = "remark", .label = {"remark", "备注"}, .max = TEXT_MAX},
};

enum { DIFFICULTIES, PROJECTS };
static const struct {
    const char *key;
    struct mst_label label;
    const struct mst_form_field *columns;
} matters[] = {
    [DIFFICULTIES] = {"difficulties", {"difficulties", "难点问题"}, difficulty_columns},
    [PROJECTS] = {"projects", {"projects", "争取项目"}, project_columns},
};

bool mst_matters_key(struct mst_slice key)
{
    bool found = false;
    for (size_t i = 0; !found && i < sizeof matters / sizeof matters[0]; i++)
        found = mst_slice_is(key, matters[i].key);
    return found;
}

static void build(size_t which, const struct mst_matter_rules *rules, struct mst_matter_field *ret)
{
    memcpy(ret->columns, matters[which].columns, sizeof ret->columns);
    for (size_t i = 0; i < MST_MATTER_COLUMNS; i++) {
        if (ret->columns[i].type == MST_FIELD_UNITS)
            ret->columns[i].max = rules->helpers;
    }
    ret->list = (struct mst_form_field){.id = matters[which].key,
                                        .label = matters[which].label,
                                        .type = MST_FIELD_ROWS,
                                        .max = rules->max,
                                        .fields = ret->columns,
                                        .fields_count = MST_MATTER_COLUMNS};
    assert(ret->list.max <= MST_FORM_ROWS_MAX);
}

bool mst_matter_field(struct mst_slice key, const struct mst_matter_rules *rules,
                      struct mst_matter_field *ret)
{
    for (size_t i = 0; i < sizeof matters / sizeof matters[0]; i++) {
        if (mst_slice_is(key, matters[i].key)) {
            build(i, rules, ret);
            return true;
        }
    }
    return false;
}

struct mst_form mst_difficulty_form(const struct mst_matter_rules *rules,
                                    struct mst_matter_field *room)
{
    build(DIFFICULTIES, rules, room);
    return (struct mst_form){
        .id = "difficulty", .fields = room->columns, .fields_count = MST_MATTER_COLUMNS};
}

/* ---- reading ---- */

struct mst_matters_cursor mst_matters_open(struct mst_slice body, const char *key)
{
    struct mst_matters_cursor cursor = {.left = 0};
    struct mst_value head;
    struct mst_slice array;
    if (!body.data || !mst_unpack_find(body, key, &array))
        return cursor;
    mst_unpack_init(&cursor.u, array.data, array.len);
    if (mst_unpack_next(&cursor.u, &head) && head.kind == MST_VALUE_ARRAY)
        cursor.left = head.count;
    return cursor;
}

bool mst_matters_next(struct mst_matters_cursor *cursor, struct mst_slice *ret_map)
{
    if (cursor->left == 0)
        return false;
    cursor->left--;
    return mst_unpack_skip(&cursor->u, ret_map);
}

static size_t count_of(struct mst_slice array)
{
    struct mst_unpack u;
    struct mst_value head;
    mst_unpack_init(&u, array.data, array.len);
    return mst_unpack_next(&u, &head) && head.kind == MST_VALUE_ARRAY ? head.count : 0;
}

void mst_difficulty_read(struct mst_slice map, struct mst_difficulty *ret)
{
    struct mst_slice helpers;
    *ret = (struct mst_difficulty){.title = mst_unpack_text(map, "title"),
                                   .text = mst_unpack_text(map, "text"),
                                   .owner = mst_unpack_text(map, "owner"),
                                   .outside = mst_unpack_text(map, "outside")};
    if (mst_unpack_find(map, "helpers", &helpers)) {
        ret->helpers = helpers;
        ret->helpers_count = count_of(helpers);
    }
}

struct mst_slice mst_difficulty_helper(const struct mst_difficulty *d, size_t index)
{
    struct mst_unpack u;
    struct mst_value value;
    mst_unpack_init(&u, d->helpers.data, d->helpers.len);
    if (index >= d->helpers_count || !mst_unpack_next(&u, &value))
        return mst_text(NULL);
    for (size_t i = 0; i <= index; i++) {
        struct mst_slice raw;
        struct mst_unpack one;
        if (!mst_unpack_skip(&u, &raw))
            return mst_text(NULL);
        mst_unpack_init(&one, raw.data, raw.len);
        if (i == index && mst_unpack_next(&one, &value) && value.kind == MST_VALUE_TEXT)
            return value.s;
    }
    return mst_text(NULL);
}
