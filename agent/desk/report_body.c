/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the tree of a report file to a report's body, and from a path in the body back to its place
 * in the file. What a person writes becomes what the form asks for where it can be read so ("12"
 * with or without quotes is a number in a field of numbers); what cannot stays text, and the check
 * of the body tells of it.
 */
#include "agent/desk/report_impl.h"

#include <string.h>

#include "config/model/matters.h"
#include "config/model/programme.h"
#include "proto/pack.h"

/* ---- values ---- */

static bool pack_number(struct mst_buf *out, const struct mst_form_field *field,
                        const struct mst_node *node)
{
    int64_t value;
    struct mst_scalar scalar = mst_node_scalar(node);
    if (mst_number_parse(mst_text(node->text), 0, &value) < 0)
        mst_pack_int(out, value);
    else if (field->type == MST_FIELD_INTEGER && scalar.kind == MST_SCALAR_INT)
        mst_pack_int(out, scalar.i);
    else if (field->type == MST_FIELD_INTEGER && scalar.kind == MST_SCALAR_UINT)
        mst_pack_uint(out, scalar.u);
    else
        return false;
    return true;
}

static bool pack_boolean(struct mst_buf *out, const char *text)
{
    static const char *const words[][2] = {{"false", "true"}, {"no", "yes"}, {"否", "是"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (int value = 0; value < 2; value++) {
            if (strcmp(text, words[i][value]) == 0) {
                mst_pack_bool(out, value);
                return true;
            }
        }
    }
    return false;
}

static bool is_called(const struct mst_label *label, const char *text)
{
    return strcmp(label->zh, text) == 0 || strcmp(label->en, text) == 0;
}

/* People write names where ids are wanted; a name that means one thing becomes its id. */
static const char *id_of(const struct mst_form_names *names, const struct mst_form_field *field,
                         const char *text)
{
    const char *id = NULL;
    size_t found = 0;
    for (size_t i = 0; i < field->choices_count; i++) {
        if (is_called(&field->choices[i].label, text))
            found++, id = field->choices[i].id;
    }
    bool unit = field->type == MST_FIELD_UNIT || field->type == MST_FIELD_UNITS;
    for (size_t i = 0; unit && i < names->units_count; i++) {
        if (is_called(&names->units[i].name, text))
            found++, id = names->units[i].id;
    }
    for (size_t i = 0; field->type == MST_FIELD_AREA && i < names->areas_count; i++) {
        if (is_called(&names->areas[i].title, text))
            found++, id = names->areas[i].id;
    }
    return found == 1 ? id : text;
}

static void pack_scalar(struct mst_buf *out, const struct mst_form_names *names,
                        const struct mst_form_field *field, const struct mst_node *node)
{
    if (node->plain && mst_node_scalar(node).kind == MST_SCALAR_NULL)
        mst_pack_text(out, "");
    else if (!field)
        mst_pack_text(out, node->text);
    else if (mst_field_is_number(field)         ? !pack_number(out, field, node)
             : field->type == MST_FIELD_BOOLEAN ? !pack_boolean(out, node->text)
                                                : true)
        mst_pack_text(out, id_of(names, field, node->text));
}

static void pack_node(struct mst_buf *out, const struct mst_form_names *names,
                      const struct mst_form_field *field, const struct mst_node *node)
{
    if (node->kind == MST_NODE_SCALAR) {
        pack_scalar(out, names, field, node);
        return;
    }
    if (node->kind == MST_NODE_MAP)
        mst_pack_map(out, node->count);
    else
        mst_pack_array(out, node->count);
    for (const struct mst_node *n = node->first; n; n = n->next) {
        const struct mst_form_field *inside = field; /* a list's items are what the field wants */
        if (node->kind == MST_NODE_MAP) {
            mst_pack_text(out, n->key);
            inside =
                field ? mst_form_field(field->fields, field->fields_count, mst_text(n->key)) : NULL;
        }
        pack_node(out, names, inside, n);
    }
}

void mst_report_pack(struct mst_buf *out, const struct mst_form *form,
                     const struct mst_form_names *names, const struct mst_node *root)
{
    size_t pairs = 0;
    for (const struct mst_node *n = root->first; n; n = n->next)
        pairs += !mst_report_key(n->key);
    mst_pack_map(out, pairs);
    for (const struct mst_node *n = root->first; n; n = n->next) {
        if (mst_report_key(n->key))
            continue;
        struct mst_matter_field matter;
        const struct mst_form_field *field =
            mst_form_field(form->fields, form->fields_count, mst_text(n->key));
        if (n->kind == MST_NODE_LIST && names->matters && (!field || !field->fields_count) &&
            mst_matter_field(mst_text(n->key), names->matters, &matter))
            field = &matter.list;
        mst_pack_text(out, n->key);
        pack_node(out, names, field, n);
    }
}

/* ---- places ---- */

/* The child that the next step of a path names; *path moves behind the step. */
static const struct mst_node *step_into(const struct mst_node *node, const char **path)
{
    char shown[2 * MST_ID_MAX];
    size_t index = 0;
    const char *at = *path;
    if (*at == '[') {
        for (at++; *at >= '0' && *at <= '9'; at++)
            index = 10 * index + (size_t)(*at - '0');
        *path = at + (*at == ']');
        const struct mst_node *n = node->kind == MST_NODE_LIST ? node->first : NULL;
        while (n && index--)
            n = n->next;
        return n;
    }
    at += *at == '.';
    for (const struct mst_node *n = node->kind == MST_NODE_MAP ? node->first : NULL; n;
         n = n->next) {
        size_t len = strlen(mst_slice_show(mst_text(n->key), shown, sizeof shown));
        if (strncmp(at, shown, len) == 0 && (at[len] == '\0' || strchr(".[", at[len]))) {
            *path = at + len;
            return n;
        }
    }
    return NULL;
}

const struct mst_node *mst_report_place(const struct mst_node *root, const char *path)
{
    const struct mst_node *node = root;
    while (*path) {
        const struct mst_node *inside = step_into(node, &path);
        if (!inside)
            break;
        node = inside;
    }
    return node;
}
