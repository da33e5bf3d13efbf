/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Report files: what a person writes in YAML becomes a report's body, or a list of everything that
 * is wrong with it. Checks form only; whether the report is owed, open or late is the broker's to
 * say. Every value is text, also where YAML would see a number: a telephone number is none.
 */
#include "agent/desk/desk.h"

#include <stdlib.h>
#include <string.h>

#include "config/load/file.h"
#include "config/load/yaml.h"
#include "config/model/date.h"
#include "proto/pack.h"

#define BODY_BYTES_MAX 61440

enum field_kind {
    FIELD_ID,
    FIELD_HEADER,
    FIELD_AREAS,
    FIELD_TASKS,
    FIELD_TEXT,
    FIELD_DATE,
    FIELD_SAID
};
/* In which forms a field stands, as bits. */
enum { REPORT = 1, MINUTES = 2, BOTH = REPORT | MINUTES };

struct field {
    const char *name;
    enum field_kind kind;
    bool required;
    unsigned forms;
    const char *words; /* what a person calls it; NULL: its name */
};

static const struct field fields[] = {
    {"duty", FIELD_ID, true, BOTH, NULL},
    {"period", FIELD_ID, true, BOTH, NULL},
    {"obligation", FIELD_ID, false, BOTH, NULL},
    {"header", FIELD_HEADER, true, BOTH, NULL},
    {"areas", FIELD_AREAS, false, REPORT, NULL},
    {"tasks", FIELD_TASKS, false, REPORT, NULL},
    {"uncovered", FIELD_TASKS, false, REPORT, NULL},
    {"summary", FIELD_TEXT, false, REPORT, NULL},
    {"difficulties", FIELD_TEXT, false, REPORT, NULL},
    {"projects", FIELD_TEXT, false, REPORT, NULL},
    {"date", FIELD_DATE, true, MINUTES, N_("the meeting's date")},
    {"convener", FIELD_SAID, true, MINUTES, N_("convener (召集人)")},
    {"attendees", FIELD_SAID, true, MINUTES, N_("attendees (参会人员)")},
    {"decisions", FIELD_SAID, true, MINUTES, N_("decisions (议定事项)")},
};
#define FIELDS (sizeof fields / sizeof fields[0])

/* What every report carries, and what a person calls it. */
static const struct {
    const char *name, *words;
} header_fields[] = {
    {"filled_in_by", N_("filled in by (填报人)")},
    {"checked_by", N_("checked by (审核人)")},
    {"signed_off_by", N_("signed off by (签发人)")},
    {"phone", N_("telephone")},
};
#define HEADER_FIELDS (sizeof header_fields / sizeof header_fields[0])

static const char *const area_fields[] = {"id", "progress"};

struct check {
    const struct mst_yaml *yaml;
    const struct mst_brief *brief;
    struct mst_diags *diags;
    const struct mst_node *found[FIELDS]; /* NULL: absent, or told already */
};

#define COMPLAIN(c, node, hint, ...)                                                               \
    mst_diag((c)->diags, MST_DIAG_ERROR, (c)->yaml->file, (node)->line, (node)->column, hint,      \
             __VA_ARGS__)

/* ---- checking ---- */

static void unknown_key(struct check *c, const struct mst_node *node, const char *const *known,
                        size_t count)
{
    char hint[128] = "";
    const char *near = mst_nearest(node->key, known, count);
    if (near)
        snprintf(hint, sizeof hint, _("did you mean %s?"), near);
    mst_diag(c->diags, MST_DIAG_ERROR, c->yaml->file, node->key_line, node->key_column,
             near ? hint : _("leave it out"), _("unknown key: %s"), node->key);
}

/* Text that is there and not only blanks. */
static bool check_text(struct check *c, const struct mst_node *node, const char *what)
{
    if (node->bad)
        return false;
    if (node->kind != MST_NODE_SCALAR) {
        COMPLAIN(c, node, _("write text; several lines go after a |"), _("%s must be text"), what);
        return false;
    }
    if (node->text[strspn(node->text, " \t\r\n")] == '\0' ||
        (node->plain && mst_node_scalar(node).kind == MST_SCALAR_NULL)) {
        COMPLAIN(c, node, _("fill it in"), _("%s is empty"), what);
        return false;
    }
    return true;
}

static void missing(struct check *c, const struct mst_node *parent, const char *what)
{
    COMPLAIN(c, parent, _("fill it in"), _("%s is missing"), what);
}

static void check_header(struct check *c, const struct mst_node *header)
{
    const char *known[HEADER_FIELDS];
    if (header->kind != MST_NODE_MAP) {
        if (!header->bad)
            COMPLAIN(c, header, _("see `muster-agent new`"), _("%s must be a map"), "header");
        return;
    }
    for (size_t i = 0; i < HEADER_FIELDS; i++) {
        known[i] = header_fields[i].name;
        const struct mst_node *node = mst_node_get(header, header_fields[i].name);
        if (node)
            (void)check_text(c, node, _(header_fields[i].words));
        else
            missing(c, header, _(header_fields[i].words));
    }
    for (const struct mst_node *n = header->first; n; n = n->next) {
        bool is_known = false;
        for (size_t i = 0; i < HEADER_FIELDS; i++)
            is_known = is_known || strcmp(known[i], n->key) == 0;
        if (!is_known)
            unknown_key(c, n, known, HEADER_FIELDS);
    }
}

static bool is_area_field(const char *key)
{
    return strcmp(key, area_fields[0]) == 0 || strcmp(key, area_fields[1]) == 0;
}

/* SIZE_MAX: not one of the group's. */
static size_t area_index(const struct mst_brief *brief, const char *id)
{
    for (size_t i = 0; i < brief->areas_count; i++) {
        if (strcmp(brief->areas[i].id, id) == 0)
            return i;
    }
    return SIZE_MAX;
}

static void check_area_id(struct check *c, const struct mst_node *id, bool *covered)
{
    const char *known[MST_DESK_AREAS_MAX];
    char hint[128];
    if (!c->brief || c->brief->areas_count == 0)
        return;
    size_t index = area_index(c->brief, id->text);
    if (index != SIZE_MAX) {
        if (covered[index])
            COMPLAIN(c, id, _("write all about an area in one place"), _("area %s stands twice"),
                     id->text);
        covered[index] = true;
        return;
    }
    for (size_t i = 0; i < c->brief->areas_count; i++)
        known[i] = c->brief->areas[i].id;
    const char *near = mst_nearest(id->text, known, c->brief->areas_count);
    snprintf(hint, sizeof hint, _("did you mean %s?"), near ? near : known[0]);
    COMPLAIN(c, id, hint, _("the group has no focus area %s"), id->text);
}

static void check_area(struct check *c, const struct mst_node *area, bool *covered)
{
    if (area->kind != MST_NODE_MAP) {
        if (!area->bad)
            COMPLAIN(c, area, _("see `muster-agent new`"),
                     _("an area is a map of id and progress"));
        return;
    }
    for (const struct mst_node *n = area->first; n; n = n->next) {
        if (!is_area_field(n->key))
            unknown_key(c, n, area_fields, 2);
    }
    const struct mst_node *id = mst_node_get(area, "id");
    const struct mst_node *progress = mst_node_get(area, "progress");
    if (!id)
        missing(c, area, "id");
    else if (check_text(c, id, "id"))
        check_area_id(c, id, covered);
    char what[64] = "progress";
    if (id && id->kind == MST_NODE_SCALAR && strlen(id->text) < 48)
        snprintf(what, sizeof what, _("progress of %s"), id->text);
    if (!progress)
        missing(c, area, what);
    else
        (void)check_text(c, progress, what);
}

static void check_areas(struct check *c, const struct mst_node *areas, const struct mst_node *root,
                        bool all)
{
    bool covered[MST_DESK_AREAS_MAX] = {false};
    if (areas && areas->kind != MST_NODE_LIST) {
        if (!areas->bad)
            COMPLAIN(c, areas, _("see `muster-agent new`"), _("%s must be a list"), "areas");
        return;
    }
    for (const struct mst_node *n = areas ? areas->first : NULL; n; n = n->next)
        check_area(c, n, covered);
    for (size_t i = 0; all && i < c->brief->areas_count; i++) {
        if (covered[i])
            continue;
        COMPLAIN(c, areas ? areas : root, _("add it: the report covers every focus area"),
                 _("focus area %s (%s) is missing"), c->brief->areas[i].id,
                 c->brief->areas[i].title_zh);
    }
}

static void check_duty(struct check *c, const struct mst_node *duty)
{
    const char *known[MST_DESK_DUTIES_MAX];
    char hint[128];
    if (!c->brief || c->brief->duties_count == 0 || mst_brief_duty(c->brief, duty->text))
        return;
    for (size_t i = 0; i < c->brief->duties_count; i++)
        known[i] = c->brief->duties[i].id;
    const char *near = mst_nearest(duty->text, known, c->brief->duties_count);
    snprintf(hint, sizeof hint, _("did you mean %s?"), near ? near : known[0]);
    COMPLAIN(c, duty, hint, _("the unit has no duty %s"), duty->text);
}

static const char *words_of(size_t index)
{
    return fields[index].words ? _(fields[index].words) : fields[index].name;
}

/* That it lies in the period, and is not to come, is the broker's to say. */
static void check_date(struct check *c, const struct mst_node *node, const char *what)
{
    mst_day day;
    if (check_text(c, node, what) && mst_day_parse(node->text, &day, NULL) != 0)
        COMPLAIN(c, node, _("write year-month-day, e.g. 2023-03-15"), _("%s is no date: %s"), what,
                 node->text);
}

static void check_field(struct check *c, size_t index)
{
    const struct mst_node *node = c->found[index];
    struct mst_err why;
    static const size_t sizes[FIELDS] = {48, 16, 128};
    switch (fields[index].kind) {
    case FIELD_ID:
        if (!check_text(c, node, fields[index].name))
            c->found[index] = NULL;
        else if (strcmp(fields[index].name, "period") == 0 &&
                 mst_desk_check_period(node->text, &why))
            COMPLAIN(c, node, _("see `muster-agent status` for what is owed"), "%s", why.text);
        else if (strlen(node->text) >= sizes[index])
            COMPLAIN(c, node, _("check the spelling"), _("%s is too long"), fields[index].name);
        else if (index == 0)
            check_duty(c, node);
        break;
    case FIELD_HEADER:
        check_header(c, node);
        break;
    case FIELD_AREAS:
    case FIELD_TASKS:
        break; /* with the duty, below */
    case FIELD_TEXT:
        if (node->kind != MST_NODE_SCALAR && !node->bad)
            (void)check_text(c, node, fields[index].name);
        break;
    case FIELD_DATE:
        check_date(c, node, words_of(index));
        break;
    case FIELD_SAID:
        (void)check_text(c, node, words_of(index));
        break;
    }
}

static bool says_something(const struct check *c)
{
    for (size_t i = 0; i < FIELDS; i++) {
        const struct mst_node *node = c->found[i];
        if (!node || fields[i].kind == FIELD_ID || fields[i].kind == FIELD_HEADER)
            continue;
        if (node->kind != MST_NODE_SCALAR ? node->count > 0 : node->text[0] != '\0')
            return true;
    }
    return false;
}

/* The duty that the file is about, where the brief knows it. */
static const struct mst_desk_duty *duty_of(const struct check *c, const struct mst_node *root)
{
    const struct mst_node *duty = mst_node_get(root, "duty");
    bool said = c->brief && duty && duty->kind == MST_NODE_SCALAR;
    return said ? mst_brief_duty(c->brief, duty->text) : NULL;
}

/* Without a brief a file may be either, and what it lacks is the broker's to say. */
static unsigned forms_of(const struct mst_desk_duty *duty)
{
    if (!duty)
        return BOTH;
    return duty->form == MST_FORM_MINUTES ? MINUTES : REPORT;
}

static void check_fields(struct check *c, const struct mst_node *root, unsigned forms)
{
    const char *known[FIELDS];
    size_t count = 0;
    for (size_t i = 0; i < FIELDS; i++) {
        if (!(fields[i].forms & forms))
            continue;
        known[count++] = fields[i].name;
        c->found[i] = mst_node_get(root, fields[i].name);
        if (c->found[i])
            check_field(c, i);
        else if (fields[i].required && (fields[i].forms & forms) == forms)
            missing(c, root, words_of(i));
    }
    for (const struct mst_node *n = root->first; n; n = n->next) {
        bool is_known = false;
        for (size_t i = 0; i < count; i++)
            is_known = is_known || strcmp(known[i], n->key) == 0;
        if (!is_known)
            unknown_key(c, n, known, count);
    }
}

static void check_root(struct check *c, const struct mst_node *root)
{
    const struct mst_desk_duty *duty = duty_of(c, root);
    unsigned forms = forms_of(duty);
    check_fields(c, root, forms);
    if (forms == MINUTES)
        return;
    bool all = duty && duty->form == MST_FORM_AREAS;
    check_areas(c, c->found[4], root, all);
    if (duty)
        mst_desk_check_tasks(c->brief, duty, c->yaml->file, root, c->diags);
    if (!all && !says_something(c))
        COMPLAIN(c, root, _("write a summary, or areas, difficulties, projects"),
                 _("the report says nothing"));
}

/* ---- packing ---- */

void mst_report_pack_node(struct mst_buf *out, const struct mst_node *node)
{
    if (node->kind == MST_NODE_SCALAR) {
        mst_pack_text(out, node->text);
        return;
    }
    if (node->kind == MST_NODE_MAP)
        mst_pack_map(out, node->count);
    else
        mst_pack_array(out, node->count);
    for (const struct mst_node *n = node->first; n; n = n->next) {
        if (node->kind == MST_NODE_MAP)
            mst_pack_text(out, n->key);
        mst_report_pack_node(out, n);
    }
}

static void pack_report(const struct check *c, struct mst_report_file *ret)
{
    size_t pairs = 0;
    /* A report without duty or period was refused before. NOLINTNEXTLINE(clang-analyzer-core.*) */
    snprintf(ret->duty, sizeof ret->duty, "%s", c->found[0]->text);
    snprintf(ret->period, sizeof ret->period, "%s", c->found[1]->text);
    snprintf(ret->obligation, sizeof ret->obligation, "%s", c->found[2] ? c->found[2]->text : "");
    for (size_t i = 0; i < FIELDS; i++)
        pairs += fields[i].kind != FIELD_ID && c->found[i];
    mst_pack_map(&ret->body, pairs);
    for (size_t i = 0; i < FIELDS; i++) {
        if (fields[i].kind == FIELD_ID || !c->found[i])
            continue;
        mst_pack_text(&ret->body, fields[i].name);
        mst_report_pack_node(&ret->body, c->found[i]);
    }
}

static int check_and_pack(struct check *c, size_t before, const char *path,
                          struct mst_report_file *ret, struct mst_err *err)
{
    const struct mst_node *root = c->yaml->root;
    if (!root || root->kind != MST_NODE_MAP)
        mst_diag(c->diags, MST_DIAG_ERROR, path, root ? root->line : 0, root ? root->column : 0,
                 _("see `muster-agent new`"), _("a report is a map of fields"));
    else
        check_root(c, root);
    if (c->diags->errors == before) {
        pack_report(c, ret);
        if (ret->body.len > BODY_BYTES_MAX)
            mst_diag(c->diags, MST_DIAG_ERROR, path, 0, 0, _("shorten it"),
                     _("the report has %zu bytes; at most %d are taken"), ret->body.len,
                     BODY_BYTES_MAX);
    }
    mst_diags_sort(c->diags);
    if (ret->body.failed)
        return mst_no_memory(err, path);
    int code = mst_diags_verdict(c->diags, before, path, err);
    if (code)
        mst_hint(err, "%s", _("nothing was queued; mend the places above and submit again"));
    return code;
}

int mst_report_load(const char *path, const struct mst_brief *brief, struct mst_diags *diags,
                    struct mst_report_file *ret, struct mst_err *err)
{
    struct mst_yaml *yaml = NULL;
    size_t before = diags->errors;
    memset(ret, 0, sizeof *ret);
    int code = mst_yaml_read(path, diags, &yaml, err);
    if (code)
        return code;
    struct check c = {.yaml = yaml, .brief = brief && brief->known ? brief : NULL, .diags = diags};
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
