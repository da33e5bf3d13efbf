/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks in report files: what a blank file shows of them, and the checks of the broker made at the
 * desk, each fault at its place in the file. What the brief does not know is left to the broker.
 */
#include "agent/desk/desk.h"

#include <string.h>

#include "config/load/lang.h"
#include "config/load/yaml.h"
#include "config/model/tasks.h"
#include "proto/pack.h"

/* ---- rows of the brief ---- */

/* The row of a list of rows that has this id; data NULL: none. */
static struct mst_slice row_of(const struct mst_buf *rows, struct mst_slice id)
{
    struct mst_unpack u;
    struct mst_slice row, its;
    mst_unpack_init(&u, rows->data, rows->len);
    while (mst_unpack_skip(&u, &row)) {
        its = mst_unpack_text(row, "id");
        if (its.len == id.len && (id.len == 0 || memcmp(its.data, id.data, id.len) == 0))
            return row;
    }
    return (struct mst_slice){0};
}

bool mst_brief_task(const struct mst_brief *brief, size_t *cursor, struct mst_slice *ret_row)
{
    struct mst_unpack u;
    if (*cursor >= brief->tasks.len)
        return false;
    mst_unpack_init(&u, brief->tasks.data + *cursor, brief->tasks.len - *cursor);
    if (!mst_unpack_skip(&u, ret_row))
        return false;
    *cursor += ret_row->len;
    return true;
}

/* ---- checking ---- */

struct place {
    const struct mst_brief *brief;
    const char *file;
    const struct mst_node *root;
    struct mst_diags *diags;
};

static const char *scope_area(void *context, size_t index)
{
    return ((const struct place *)context)->brief->areas[index].id;
}

static bool scope_owner(void *context, struct mst_slice unit)
{
    const struct mst_buf *owners = &((const struct place *)context)->brief->owners;
    return owners->len == 0 || row_of(owners, unit).data;
}

/* Any unit of the programme may help. */
static bool scope_helper(void *context, struct mst_slice unit)
{
    const struct mst_brief *brief = ((const struct place *)context)->brief;
    bool found = brief->units_count == 0; /* the broker knows them */
    for (size_t i = 0; !found && i < brief->units_count; i++)
        found = mst_slice_is(unit, brief->units[i].id);
    return found;
}

/* The node that a fault is about, as near as there is one. */
static const struct mst_node *node_of(const struct place *place, const struct mst_task_fault *fault)
{
    char what[64];
    const struct mst_node *list = mst_node_get(place->root, "tasks"), *found = NULL, *inside = NULL;
    mst_slice_copy(fault->what, what, sizeof what);
    if (fault->index == MST_TASK_NONE) {
        found = mst_node_get(place->root, fault->field);
        if (found && found->kind == MST_NODE_MAP)
            inside = mst_node_get(found, what);
        return inside ? inside : found ? found : place->root;
    }
    const struct mst_node *task = list->first;
    for (size_t i = 0; task && i < fault->index; i++)
        task = task->next;
    if (!task)
        return list;
    if (task->kind == MST_NODE_MAP)
        found = mst_node_get(task, fault->field[0] ? fault->field : what);
    return found ? found : task;
}

/* The id of a unit that is written by its name in either language; NULL: it is none. */
static const char *id_of_name(const struct mst_brief *brief, struct mst_slice name)
{
    for (size_t i = 0; i < brief->units_count; i++) {
        const struct mst_unit *unit = &brief->units[i];
        if (mst_slice_is(name, unit->name.zh) || mst_slice_is(name, unit->name.en))
            return unit->id;
    }
    return NULL;
}

static void tell(void *context, const struct mst_task_fault *fault)
{
    const struct place *place = context;
    const struct mst_node *node = node_of(place, fault);
    char what[MST_NAME_SHOWN_MAX] = "", hint[MST_ERR_HINT_MAX];
    if (fault->what.data)
        mst_slice_show(fault->what, what, sizeof what);
    bool of_units = strcmp(fault->field, "owner") == 0 || strcmp(fault->field, "helpers") == 0;
    const char *id = of_units && fault->what.data ? id_of_name(place->brief, fault->what) : NULL;
    snprintf(hint, sizeof hint, id ? _("write its id: %s") : "%s", id ? id : _(fault->hint));
    mst_diag(place->diags, MST_DIAG_ERROR, place->file, node->line, node->column, hint,
             "%s%s%s%s%s", fault->field, fault->field[0] ? ": " : "", _(fault->text),
             what[0] ? ": " : "", what);
}

static bool knows(const struct mst_brief *brief, struct mst_slice id)
{
    return brief->tasks.len == 0 || row_of(&brief->tasks, id).data;
}

static bool may_tell(void *context, struct mst_slice id)
{
    return knows(((const struct place *)context)->brief, id);
}

/* Tasks of the group that a period's report leaves out. */
static void check_missing(const struct place *place, struct mst_slice body)
{
    struct mst_slice row;
    size_t at = 0;
    while (mst_brief_task(place->brief, &at, &row)) {
        struct mst_slice id = mst_unpack_text(row, "id");
        struct mst_tasks_cursor cursor = mst_tasks_open(body);
        struct mst_task_progress told;
        bool found = !mst_unpack_bool(row, "of_group", false) ||
                     !mst_unpack_bool(row, "begun", false) ||
                     mst_slice_is(mst_unpack_text(row, "state"), "done");
        while (!found && mst_tasks_next_progress(&cursor, &told))
            found = told.id.len == id.len && memcmp(told.id.data, id.data, id.len) == 0;
        if (!found)
            tell((void *)place,
                 &(struct mst_task_fault){.index = MST_TASK_NONE,
                                          .field = "tasks",
                                          .text = N_("a task of the group is missing"),
                                          .what = id,
                                          .hint = N_("add it: the report covers every task")});
    }
}

void mst_desk_check_tasks(const struct mst_brief *brief, const struct mst_desk_duty *duty,
                          const char *file, const struct mst_node *root, struct mst_slice body,
                          struct mst_diags *diags)
{
    struct place place = {brief, file, root, diags};
    const struct mst_task_scope scope = {
        .areas = brief->areas_count,
        .area = scope_area,
        .owner = scope_owner,
        .helper = scope_helper,
        .context = &place,
        .after = brief->today,
        .tasks_max = brief->tasks_max ? brief->tasks_max : SIZE_MAX,
    };
    if (duty->tasks == MST_TASKS_LIST || duty->tasks == MST_TASKS_PLAN) {
        (void)mst_tasks_check(body, &scope, tell, &place);
    } else if (duty->tasks == MST_TASKS_PROGRESS) {
        if (mst_tasks_said(body))
            (void)mst_tasks_check_progress(body, may_tell, tell, &place);
        check_missing(&place, body);
    }
}

/* ---- one task, from the command line ---- */

struct options {
    const struct mst_brief *brief;
    struct mst_err *err; /* keeps the first fault */
    size_t faults;
};

static bool may_tell_of(void *context, struct mst_slice id)
{
    return knows(((const struct options *)context)->brief, id);
}

static void tell_option(void *context, const struct mst_task_fault *fault)
{
    struct options *options = context;
    char what[MST_NAME_SHOWN_MAX] = "";
    if (options->faults++)
        return;
    if (fault->what.data)
        mst_slice_show(fault->what, what, sizeof what);
    mst_fail(options->err, MST_E_INVALID, "--%s: %s%s%s",
             strcmp(fault->field, "id") == 0 ? "task" : fault->field, _(fault->text),
             what[0] ? ": " : "", what);
    mst_hint(options->err, "%s", _(fault->hint));
}

int mst_desk_check_progress(const struct mst_brief *brief, const char *duty, struct mst_slice body,
                            struct mst_err *err)
{
    struct options options = {.brief = brief, .err = err};
    if (brief->tasks_under[0] && strcmp(duty, brief->tasks_under) != 0) {
        int code =
            mst_fail(err, MST_E_INVALID, _("%s is not where progress of tasks is told of"), duty);
        mst_hint(err, _("name %s instead, also for a task of a member"), brief->tasks_under);
        return code;
    }
    return mst_tasks_check_progress(body, may_tell_of, tell_option, &options) ? MST_E_INVALID : 0;
}

/* ---- blank files ---- */

/* Words come from the wire: they stay on their line. */
static void put_line(FILE *out, int indent, const char *text)
{
    fprintf(out, "%*s# ", indent, "");
    mst_desk_put_clean(out, text);
    fputc('\n', out);
}

static void put_owners(const struct mst_brief *brief, FILE *out)
{
    struct mst_unpack u;
    struct mst_slice row;
    char id[48], name[256];
    put_line(out, 0, _("Who can own a task:"));
    mst_unpack_init(&u, brief->owners.data, brief->owners.len);
    while (mst_unpack_skip(&u, &row)) {
        char line[320];
        mst_slice_copy(mst_unpack_text(row, "id"), id, sizeof id);
        mst_slice_copy(mst_unpack_text(row, mst_lang_zh() ? "name_zh" : "name_en"), name,
                       sizeof name);
        snprintf(line, sizeof line, "  %s  %s", id, name);
        put_line(out, 0, line);
    }
}

static void put_text(FILE *out, const char *before, struct mst_slice text, const char *after)
{
    fputs(before, out);
    mst_desk_put_quoted(out, text);
    fputs(after, out);
}

/* The entries of a list of texts, or the pairs of a map of them. */
static void put_texts(FILE *out, struct mst_slice raw, const char *between)
{
    struct mst_unpack u;
    struct mst_value head, text;
    mst_unpack_init(&u, raw.data, raw.len);
    if (!raw.data || !mst_unpack_next(&u, &head))
        return;
    for (size_t i = 0; i < head.count && mst_unpack_next(&u, &text); i++) {
        put_text(out, i ? between : "", text.s, "");
        if (head.kind == MST_VALUE_MAP && mst_unpack_next(&u, &text))
            put_text(out, ": ", text.s, "");
    }
}

/* The list as it was submitted, to be corrected. */
static void put_returned(struct mst_slice body, FILE *out)
{
    struct mst_tasks_cursor cursor = mst_tasks_open(body);
    struct mst_task task;
    struct mst_slice uncovered;
    char target[MST_FIGURE_TEXT_MAX], day[16];
    fprintf(out, "tasks:\n");
    while (mst_tasks_next(&cursor, &task)) {
        put_text(out, "  - title: ", task.title, "\n");
        put_text(out, "    area: ", task.area, "\n");
        put_text(out, "    owner: ", task.owner, "\n");
        fprintf(out, "    helpers: [");
        put_texts(out, task.helpers, ", ");
        fprintf(out, "]\n    target: {value: \"%s\", ", mst_figure_format(task.target, target));
        put_text(out, "unit: ", task.unit, "}\n");
        fprintf(out, "    due: \"%s\"\n", mst_day_format(task.due, day));
    }
    if (!mst_unpack_find(body, "uncovered", &uncovered))
        return;
    fprintf(out, "uncovered: {");
    put_texts(out, uncovered, ", ");
    fprintf(out, "}\n");
}

static void put_list(const struct mst_brief *brief, struct mst_slice returned, FILE *out)
{
    fputc('\n', out);
    put_line(out, 0,
             _("A block for each task, at least one in each focus area. Helpers are "
               "further units: [ID, ID]."));
    put_line(out, 0, _("Where an area has none, say why instead: `uncovered: {AREA: reason}`."));
    put_owners(brief, out);
    if (mst_tasks_said(returned)) {
        put_returned(returned, out);
        return;
    }
    fprintf(out, "tasks:\n");
    for (size_t i = 0; i < brief->areas_count; i++) {
        const struct mst_desk_area *area = &brief->areas[i];
        put_line(out, 2, mst_lang_zh() ? area->title_zh : area->title_en);
        fprintf(out,
                "  - title: \"\"\n    area: \"%s\"\n    owner: \"\"\n    helpers: []\n"
                "    target: {value: \"\", unit: \"\"}\n    due: \"\"\n",
                area->id);
    }
}

/* The last state of each task that the report has to cover, to be brought up to date. */
static void put_progress(const struct mst_brief *brief, FILE *out)
{
    struct mst_slice row;
    size_t at = 0;
    bool any = false;
    while (mst_brief_task(brief, &at, &row)) {
        if (!mst_unpack_bool(row, "of_group", false) || !mst_unpack_bool(row, "begun", false))
            continue;
        char title[MST_TASK_TEXT_MAX + 1], due[16], owner[256], light[16], value[48], unit[48],
            line[1024];
        mst_slice_copy(mst_unpack_text(row, "title"), title, sizeof title);
        mst_slice_copy(mst_unpack_text(row, "due"), due, sizeof due);
        struct mst_slice name = mst_unpack_text(row, mst_lang_zh() ? "owner_zh" : "owner_en");
        mst_slice_copy(name.len ? name : mst_unpack_text(row, "owner"), owner, sizeof owner);
        mst_slice_copy(mst_unpack_text(row, "light"), light, sizeof light);
        mst_slice_copy(mst_unpack_text(row, "target"), value, sizeof value);
        mst_slice_copy(mst_unpack_text(row, "unit"), unit, sizeof unit);
        if (!any) {
            fputc('\n', out);
            put_line(out, 0,
                     _("Every task of the group, as it was told of last. A light may be "
                       "given with a reason."));
            fprintf(out, "tasks:\n");
        }
        any = true;
        snprintf(line, sizeof line, _("%s (%s, target %s %s by %s, %s)"), title, owner, value, unit,
                 due, mst_word("light", light));
        put_line(out, 2, line);
        fprintf(out, "  - id: \"%.*s\"\n", (int)mst_unpack_text(row, "id").len,
                (const char *)mst_unpack_text(row, "id").data);
        fprintf(out, "    percent: \"%d\"\n", (int)mst_unpack_int(row, "percent", 0));
        if (mst_unpack_text(row, "value").len)
            put_text(out, "    value: ", mst_unpack_text(row, "value"), "\n");
        put_text(out, "    text: ", mst_unpack_text(row, "text"), "\n");
    }
}

void mst_desk_put_tasks(const struct mst_brief *brief, enum mst_duty_tasks tasks,
                        struct mst_slice returned, FILE *out)
{
    if (tasks == MST_TASKS_PROGRESS)
        put_progress(brief, out);
    else if (tasks != MST_TASKS_NONE)
        put_list(brief, returned, out);
}
