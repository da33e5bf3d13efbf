/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Report files: what a person writes in YAML becomes a report's body, or a list of everything that
 * is wrong with it. The body is checked by the duty's form, as the broker will check it again;
 * whether the report is owed, open or late is the broker's to say.
 */
#include "agent/desk/desk.h"

#include <stdlib.h>
#include <string.h>

#include "agent/desk/report_impl.h"
#include "config/load/file.h"
#include "config/model/programme.h"

#define BODY_BYTES_MAX 61440

/* What a file is about. */
enum { DUTY, PERIOD, OBLIGATION, UNIT, KEYS };
static const struct {
    const char *word;
    bool required;
    size_t size; /* in a report file's struct */
} keys[KEYS] = {
    {"duty", true, 48}, {"period", true, 16}, {"obligation", false, 128}, {"unit", false, 48}};

bool mst_report_key(const char *key)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].word, key) == 0)
            return true;
    }
    return false;
}

struct check {
    const struct mst_yaml *yaml;
    const struct mst_brief *brief;
    struct mst_diags *diags;
    const struct mst_form *form;
    struct mst_form_names names;
    const char *found[KEYS]; /* NULL: absent, or told already */
};

#define COMPLAIN(c, node, hint, ...)                                                               \
    mst_diag((c)->diags, MST_DIAG_ERROR, (c)->yaml->file, (node)->line, (node)->column, hint,      \
             __VA_ARGS__)

/* ---- what it is about ---- */

/* Text that is there and not only blanks. */
static bool check_text(struct check *c, const struct mst_node *node)
{
    if (node->bad)
        return false;
    if (node->kind != MST_NODE_SCALAR) {
        COMPLAIN(c, node, _("write text; several lines go after a |"), _("%s must be text"),
                 node->key);
        return false;
    }
    if (node->text[strspn(node->text, " \t\r\n")] == '\0' ||
        (node->plain && mst_node_scalar(node).kind == MST_SCALAR_NULL)) {
        COMPLAIN(c, node, _("fill it in"), _("%s is empty"), node->key);
        return false;
    }
    return true;
}

static void check_duty(struct check *c, const struct mst_node *duty)
{
    char hint[MST_ERR_HINT_MAX];
    if (!c->brief || c->brief->duties_count == 0 || mst_brief_duty(c->brief, duty->text))
        return;
    mst_desk_hint_duty(c->brief, duty->text, hint);
    COMPLAIN(c, duty, hint, _("the unit has no duty %s"), duty->text);
}

/* A file that was made for another unit tells of that one. Files from before name none. */
static void check_unit(struct check *c, const struct mst_node *unit)
{
    char hint[MST_ERR_HINT_MAX];
    if (!c->brief || !c->brief->unit[0] || strcmp(c->brief->unit, unit->text) == 0)
        return;
    snprintf(hint, sizeof hint,
             _("this agent reports for %s: submit it from the other unit's, or make a file of its "
               "own with `muster-agent new`"),
             c->brief->unit);
    COMPLAIN(c, unit, hint, _("the file is unit %s's"), unit->text);
}

static void check_key(struct check *c, const struct mst_node *root, size_t index)
{
    const struct mst_node *node = mst_node_get(root, keys[index].word);
    struct mst_err why;
    if (!node && keys[index].required)
        COMPLAIN(c, root, _("fill it in"), _("%s is missing"), keys[index].word);
    if (!node || !check_text(c, node))
        return;
    if (strlen(node->text) >= keys[index].size)
        COMPLAIN(c, node, _("check the spelling"), _("%s is too long"), keys[index].word);
    else if (index == PERIOD && mst_desk_check_period(node->text, &why))
        COMPLAIN(c, node, _("see `muster-agent status` for what is owed"), "%s", why.text);
    else if (index == DUTY)
        check_duty(c, node);
    else if (index == UNIT)
        check_unit(c, node);
    c->found[index] = node->text;
}

/* ---- what it says ---- */

static bool tell_fault(void *context, const struct mst_form_fault *fault)
{
    struct check *c = context;
    const struct mst_node *node = mst_report_place(c->yaml->root, fault->path);
    char text[MST_ERR_TEXT_MAX], hint[MST_ERR_HINT_MAX];
    bool key = fault->kind == MST_FORM_UNKNOWN_FIELD && node->key;
    if (node->bad)
        return true;
    mst_form_say(fault, &c->names, text, hint);
    mst_diag(c->diags, MST_DIAG_ERROR, c->yaml->file, key ? node->key_line : node->line,
             key ? node->key_column : node->column, hint, "%s", text);
    return true;
}

/* The duty that the file is about, where the brief knows it. */
static const struct mst_desk_duty *duty_of(const struct check *c)
{
    return c->brief && c->found[DUTY] ? mst_brief_duty(c->brief, c->found[DUTY]) : NULL;
}

/* Without a brief the broker has to know. */
static const struct mst_form *form_of(const struct mst_desk_duty *duty)
{
    return duty && duty->form ? duty->form : &mst_form_any;
}

static void check_root(struct check *c, const struct mst_node *root, struct mst_buf *body)
{
    for (size_t i = 0; i < KEYS; i++)
        check_key(c, root, i);
    const struct mst_desk_duty *duty = duty_of(c);
    c->form = form_of(duty);
    c->names.tasks = !duty || duty->tasks != MST_TASKS_NONE;
    c->names.matters = duty && duty->report ? &c->brief->matters : NULL;
    mst_report_pack(body, c->form, &c->names, root);
    if (!body->failed)
        (void)mst_form_check(c->form, &c->names, mst_bytes(body->data, body->len), tell_fault, c);
    if (!body->failed && duty)
        mst_desk_check_tasks(c->brief, duty, c->yaml->file, root, mst_bytes(body->data, body->len),
                             c->diags);
    if (body->len > BODY_BYTES_MAX)
        COMPLAIN(c, root, _("shorten it"), _("the report has %zu bytes; at most %d are taken"),
                 body->len, BODY_BYTES_MAX);
}

static int check_and_pack(struct check *c, size_t before, const char *path,
                          struct mst_report_file *ret, struct mst_err *err)
{
    const struct mst_node *root = c->yaml->root;
    if (!root || root->kind != MST_NODE_MAP)
        mst_diag(c->diags, MST_DIAG_ERROR, path, root ? root->line : 0, root ? root->column : 0,
                 _("see `muster-agent new`"), _("a report is a map of fields"));
    else
        check_root(c, root, &ret->body);
    mst_diags_sort(c->diags);
    if (ret->body.failed)
        return mst_no_memory(err, path);
    int code = mst_diags_verdict(c->diags, before, path, err);
    if (code) {
        mst_hint(err, "%s", _("nothing was queued; mend the places above and submit again"));
        return code;
    }
    snprintf(ret->duty, sizeof ret->duty, "%s", c->found[DUTY]);
    snprintf(ret->period, sizeof ret->period, "%s", c->found[PERIOD]);
    snprintf(ret->obligation, sizeof ret->obligation, "%s",
             c->found[OBLIGATION] ? c->found[OBLIGATION] : "");
    return 0;
}

int mst_report_load(const char *path, const struct mst_brief *brief, struct mst_diags *diags,
                    struct mst_report_file *ret, struct mst_err *err)
{
    struct mst_yaml *yaml = NULL;
    struct mst_area areas[MST_DESK_AREAS_MAX];
    size_t before = diags->errors;
    memset(ret, 0, sizeof *ret);
    int code = mst_yaml_read(path, diags, &yaml, err);
    if (code)
        return code;
    struct check c = {.yaml = yaml, .brief = brief && brief->known ? brief : NULL, .diags = diags};
    if (c.brief)
        c.names = mst_brief_names(brief, areas);
    code = check_and_pack(&c, before, path, ret, err);
    mst_yaml_free(yaml);
    if (code)
        mst_report_done(ret);
    return code;
}

void mst_report_done(struct mst_report_file *report)
{
    mst_buf_done(&report->body);
}
