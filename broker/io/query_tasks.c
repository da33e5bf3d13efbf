/* SPDX-License-Identifier: Apache-2.0 */
/* Queries about tasks: which there are and how they stand, and what changed from one version of a
 * list to the next. */
#include "broker/io/query_tasks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/task.h"
#include "broker/driver/history.h"

/* ---- how they stand ---- */

static const char *figure(mst_figure value, char text[MST_FIGURE_TEXT_MAX])
{
    return mst_figure_format(value, text);
}

static void pack_slice(struct mst_buf *b, const char *key, struct mst_slice value)
{
    mst_pack_text(b, key);
    mst_pack_text_slice(b, value.data ? value : mst_text(""));
}

static void pack_day(struct mst_buf *b, const char *key, mst_day day)
{
    char text[16] = "";
    mst_query_pack_text(b, key, day == MST_DAY_NONE ? "" : mst_day_format(day, text));
}

struct walk {
    struct mst_query *q;
    struct mst_err *err;
    int code;
    mst_day today;
    size_t unit, group; /* of the brief */
    size_t shown;
};

static void pack_standing(const struct mst_query *q, struct mst_buf *b, const struct mst_item *item,
                          const struct mst_task_data *d, enum mst_light light)
{
    char value[MST_FIGURE_TEXT_MAX], target[MST_FIGURE_TEXT_MAX];
    mst_query_pack_text(b, "id", item->id);
    pack_slice(b, "title", d->task.title);
    pack_slice(b, "area", d->task.area);
    mst_query_pack_unit(q, b, "owner", item->owner);
    pack_day(b, "due", d->task.due);
    mst_query_pack_text(b, "state", mst_item_state_word(item->state));
    mst_pack_text(b, "percent");
    mst_pack_int(b, d->progress.percent);
    mst_query_pack_text(b, "value", d->progress.has_value ? figure(d->progress.value, value) : "");
    mst_query_pack_text(b, "light", mst_light_word(light));
    pack_slice(b, "text", d->progress.text);
    mst_query_pack_text(b, "target", figure(d->task.target, target));
    pack_slice(b, "unit", d->task.unit);
}
#define STANDING_PAIRS (11 + MST_NAMED_PAIRS)

static int put_task(struct walk *w, const struct mst_item *item, const struct mst_task_data *d,
                    enum mst_light light)
{
    struct mst_query *q = w->q;
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, STANDING_PAIRS + 12);
    pack_standing(q, b, item, d, light);
    mst_query_pack_text(b, "group", item->group);
    mst_pack_text(b, "helpers");
    if (d->task.helpers.data)
        mst_buf_put(b, d->task.helpers.data, d->task.helpers.len);
    else
        mst_pack_array(b, 0);
    mst_pack_text(b, "year");
    mst_pack_int(b, d->year);
    pack_day(b, "from", d->from);
    mst_pack_text(b, "light_given");
    mst_pack_bool(b, d->progress.light.len > 0);
    pack_slice(b, "reason", d->progress.reason);
    mst_query_pack_instant(q, b, "reported", d->reported_at);
    mst_pack_text(b, "signed_for");
    mst_pack_bool(b, d->signed_for);
    mst_pack_text(b, "amended");
    mst_pack_int(b, d->amended);
    pack_slice(b, "source", d->source);
    pack_slice(b, "list", d->list);
    mst_query_pack_instant(q, b, "changed", item->changed_at);
    return mst_query_row_end(q, w->err);
}

static bool wanted(const struct walk *w, const struct mst_item *item, const struct mst_task_data *d,
                   enum mst_light light)
{
    const struct mst_query *q = w->q;
    char area[MST_ID_MAX], year[16];
    mst_slice_copy(d->task.area, area, sizeof area);
    snprintf(year, sizeof year, "%d", d->year);
    /* What was dropped is shown only to those who ask for it. */
    if (item->state == MST_ITEM_DROPPED && !mst_unpack_text(q->args, "state").data)
        return false;
    return mst_query_matches(q, "group", item->group) &&
           mst_query_matches(q, "unit", item->owner) && mst_query_matches(q, "area", area) &&
           mst_query_matches(q, "year", year) &&
           mst_query_matches(q, "light", mst_light_word(light)) &&
           mst_query_matches(q, "state", mst_item_state_word(item->state));
}

static bool may_read(const struct mst_query *q, const struct mst_item *item,
                     const struct mst_task_data *d)
{
    return mst_query_may(q, item->owner, item->group) ||
           (q->actor.unit && mst_task_helped_by(&d->task, q->actor.unit));
}

static int visit(void *context, const char *kind, const char *id, struct mst_slice bytes)
{
    struct walk *w = context;
    struct mst_item item;
    struct mst_task_data data;
    (void)id;
    if (strcmp(kind, mst_item_kind_word(MST_ITEM_TASK)) != 0)
        return 0;
    w->code = mst_item_unpack(bytes, &item, w->err);
    if (w->code)
        return w->code;
    mst_task_data_read(&item, &data);
    enum mst_light light = mst_task_light(w->q->programme, &data, w->today);
    if (may_read(w->q, &item, &data) && wanted(w, &item, &data, light)) {
        w->shown++;
        w->code = put_task(w, &item, &data, light);
    }
    return w->code;
}

static struct walk walk_of(struct mst_query *q, struct mst_err *err)
{
    return (struct walk){.q = q, .err = err, .today = mst_zone_day(q->programme->zone, q->now)};
}

/* A word that no task can match was meant to be another. */
static int check_words(const struct mst_query *q, struct mst_err *err)
{
    enum mst_light light;
    struct mst_slice word = mst_unpack_text(q->args, "light");
    struct mst_slice state = mst_unpack_text(q->args, "state");
    bool known = !state.data;
    if (word.data && !mst_light_parse(word, &light))
        return mst_fail(err, MST_E_USAGE, "--light: green, yellow, red");
    for (int i = 0; i < MST_ITEM_STATES && !known; i++)
        known = mst_slice_is(state, mst_item_state_word((enum mst_item_state)i));
    if (!known)
        return mst_fail(err, MST_E_USAGE,
                        "--state: proposed, approved, issued, signed, done, dropped");
    return mst_query_number(q, "year", 0) < 0 ? mst_fail(err, MST_E_USAGE, "--year") : 0;
}

int mst_query_tasks(struct mst_query *q, struct mst_err *err)
{
    struct walk w = walk_of(q, err);
    int code = check_words(q, err);
    if (!code)
        code = mst_reader_items(q->reader, q->pid, visit, &w, err);
    if (!code)
        code = w.code;
    return code || w.shown ? code : mst_query_check_names(q, err);
}

/* ---- for the brief ---- */

static int visit_brief(void *context, const char *kind, const char *id, struct mst_slice bytes)
{
    struct walk *w = context;
    const struct mst_programme *p = w->q->programme;
    const char *unit = p->units[w->unit].id;
    struct mst_item item;
    struct mst_task_data data;
    (void)id;
    if (strcmp(kind, mst_item_kind_word(MST_ITEM_TASK)) != 0)
        return 0;
    w->code = mst_item_unpack(bytes, &item, w->err);
    if (w->code || !mst_task_stands(&item))
        return w->code;
    mst_task_data_read(&item, &data);
    bool of_group = w->group != SIZE_MAX && strcmp(item.group, p->groups[w->group].id) == 0;
    if (!of_group && strcmp(item.owner, unit) != 0 && !mst_task_helped_by(&data.task, unit))
        return 0;
    struct mst_buf *b = mst_query_row(w->q);
    mst_pack_map(b, STANDING_PAIRS + 3);
    mst_query_pack_text(b, "type", "task");
    pack_standing(w->q, b, &item, &data, mst_task_light(p, &data, w->today));
    mst_pack_text(b, "of_group");
    mst_pack_bool(b, of_group);
    mst_pack_text(b, "begun");
    mst_pack_bool(b, data.from <= w->today);
    w->code = mst_query_row_end(w->q, w->err);
    return w->code;
}

int mst_query_brief_tasks(struct mst_query *q, size_t unit, size_t group, struct mst_err *err)
{
    struct walk w = walk_of(q, err);
    w.unit = unit;
    w.group = group;
    int code = mst_reader_items(q->reader, q->pid, visit_brief, &w, err);
    return code ? code : w.code;
}

/* ---- versions of a list ---- */

struct version {
    uint32_t number;
    struct mst_version at;
    struct mst_buf body;
};

struct comparison {
    struct mst_query *q;
    struct mst_err *err;
    const struct version *is;
    size_t changes;
};

/* What a task says in one of its fields, as text: with ids for programs, with names for people. */
enum field { OWNER, HELPERS, TARGET, DUE, FIELDS };
static const char *const field_names[FIELDS] = {"owner", "helpers", "target", "due"};
enum voice { IDS, ZH, EN };
#define FIELD_TEXT_MAX 1200

static void say_unit(const struct mst_query *q, struct mst_slice unit, enum voice voice,
                     const char *between, char text[FIELD_TEXT_MAX])
{
    char id[MST_ID_MAX];
    size_t used = strlen(text);
    size_t at = mst_programme_unit(q->programme, mst_slice_copy(unit, id, sizeof id));
    bool named = voice != IDS && at != SIZE_MAX;
    const struct mst_label *name = named ? &q->programme->units[at].name : NULL;
    const char *words = !named ? id : voice == ZH ? name->zh : name->en;
    if (used + strlen(between) + strlen(words) < FIELD_TEXT_MAX)
        snprintf(text + used, FIELD_TEXT_MAX - used, "%s%s", used ? between : "", words);
}

static void say_helpers(const struct mst_query *q, const struct mst_task *task, enum voice voice,
                        char text[FIELD_TEXT_MAX])
{
    static const char *const between[] = {[IDS] = " ", [ZH] = "、", [EN] = "; "};
    struct mst_unpack u;
    struct mst_value v;
    mst_unpack_init(&u, task->helpers.data, task->helpers.len);
    if (!task->helpers.data || !mst_unpack_next(&u, &v) || v.kind != MST_VALUE_ARRAY)
        return;
    for (size_t left = v.count; left > 0 && mst_unpack_next(&u, &v); left--) {
        if (v.kind == MST_VALUE_TEXT)
            say_unit(q, v.s, voice, between[voice], text);
    }
}

static void say_field(const struct mst_query *q, const struct mst_task *task, enum field field,
                      enum voice voice, char text[FIELD_TEXT_MAX])
{
    char value[MST_FIGURE_TEXT_MAX], unit[MST_TASK_UNIT_MAX + 1], day[16] = "";
    text[0] = '\0';
    if (field == OWNER) {
        say_unit(q, task->owner, voice, "", text);
    } else if (field == HELPERS) {
        say_helpers(q, task, voice, text);
    } else if (field == TARGET) {
        snprintf(text, FIELD_TEXT_MAX, "%s %s", figure(task->target, value),
                 mst_slice_copy(task->unit, unit, sizeof unit));
    } else if (task->due != MST_DAY_NONE) {
        snprintf(text, FIELD_TEXT_MAX, "%s", mst_day_format(task->due, day));
    }
}

/* task NULL: it says nothing. */
static void pack_said(const struct mst_query *q, struct mst_buf *b, const char *key,
                      const struct mst_task *task, enum field field)
{
    static const char *const voices[] = {[IDS] = "", [ZH] = "_zh", [EN] = "_en"};
    for (int voice = IDS; voice <= EN; voice++) {
        char text[FIELD_TEXT_MAX] = "", named[16];
        if (task)
            say_field(q, task, field, (enum voice)voice, text);
        snprintf(named, sizeof named, "%s%s", key, voices[voice]);
        mst_query_pack_text(b, named, text);
    }
}

/* field FIELDS: of the task as a whole, which its owner stands for. */
static int put_change(struct comparison *c, const char *change, enum field field,
                      const struct mst_task *was, const struct mst_task *is)
{
    struct mst_buf *b = mst_query_row(c->q);
    const struct mst_task *task = is ? is : was;
    bool whole = field == FIELDS;
    c->changes++;
    mst_pack_map(b, 6 + 3 * MST_NAMED_PAIRS);
    mst_pack_text(b, "version");
    mst_pack_uint(b, c->is->number);
    mst_query_pack_text(b, "change", change);
    pack_slice(b, "title", task ? task->title : mst_text(""));
    pack_slice(b, "area", task ? task->area : mst_text(""));
    mst_query_pack_text(b, "field", whole ? "" : field_names[field]);
    mst_query_pack_text(b, "field_zh", whole ? "" : mst_task_field_label(field_names[field])->zh);
    mst_query_pack_text(b, "field_en", whole ? "" : mst_task_field_label(field_names[field])->en);
    pack_said(c->q, b, "was", was, whole ? OWNER : field);
    pack_said(c->q, b, "is", is, whole ? OWNER : field);
    mst_query_pack_instant(c->q, b, "at", c->is->at.at);
    mst_pack_text(b, "receipt");
    mst_pack_uint(b, c->is->at.row);
    return mst_query_row_end(c->q, c->err);
}

static bool find_same(struct mst_slice body, const struct mst_task *task, struct mst_task *ret)
{
    struct mst_tasks_cursor cursor = mst_tasks_open(body);
    while (mst_tasks_next(&cursor, ret)) {
        if (mst_task_same(task, ret))
            return true;
    }
    return false;
}

static struct mst_slice body_of(const struct version *version)
{
    return version ? mst_bytes(version->body.data, version->body.len) : (struct mst_slice){0};
}

static int put_fields(struct comparison *c, const struct mst_task *was, const struct mst_task *is)
{
    char before[FIELD_TEXT_MAX], after[FIELD_TEXT_MAX];
    int code = 0;
    for (int i = OWNER; !code && i < FIELDS; i++) {
        say_field(c->q, was, (enum field)i, IDS, before);
        say_field(c->q, is, (enum field)i, IDS, after);
        if (strcmp(before, after) != 0)
            code = put_change(c, "changed", (enum field)i, was, is);
    }
    return code;
}

/* was NULL: the first version, all of which is new. */
static int compare(struct mst_query *q, const struct version *was, const struct version *is,
                   struct mst_err *err)
{
    struct comparison c = {.q = q, .err = err, .is = is};
    struct mst_tasks_cursor cursor = mst_tasks_open(body_of(is));
    struct mst_task task, other;
    int code = 0;
    while (!code && mst_tasks_next(&cursor, &task)) {
        code = find_same(body_of(was), &task, &other)
                   ? put_fields(&c, &other, &task)
                   : put_change(&c, "added", FIELDS, NULL, &task);
    }
    cursor = mst_tasks_open(body_of(was));
    while (!code && mst_tasks_next(&cursor, &task)) {
        if (!find_same(body_of(is), &task, &other))
            code = put_change(&c, "dropped", FIELDS, &task, NULL);
    }
    return code || c.changes ? code : put_change(&c, "same", FIELDS, NULL, NULL);
}

/* The walk over an obligation's versions, each compared with the one before. */
struct versions {
    struct mst_query *q;
    struct mst_err *err;
    uint64_t only;   /* 0: all of them */
    uint64_t wanted; /* the row that is looked for */
    struct version was, is;
    int code;
};

static void next_version(struct versions *v, uint64_t number, mst_time at, uint64_t row)
{
    struct mst_buf room = v->was.body;
    v->was = v->is;
    mst_buf_clear(&room);
    v->is =
        (struct version){.number = (uint32_t)number, .at = {.at = at, .row = row}, .body = room};
}

/* `row` is a version's report, with which the walk goes on. */
static int see_version(void *context, const struct mst_row *row)
{
    struct versions *v = context;
    struct mst_slice body;
    next_version(v, v->is.number + 1, row->at, row->row);
    if (mst_unpack_find(mst_query_map(row), "body", &body))
        mst_buf_put(&v->is.body, body.data, body.len);
    v->code = v->is.body.failed ? mst_fail_on(v->err, MST_E_NOMEM, "versions") : 0;
    if (!v->code && (v->only == 0 || v->is.number == v->only))
        v->code = compare(v->q, v->was.number ? &v->was : NULL, &v->is, v->err);
    return v->code;
}

static int see_one(void *context, const struct mst_row *row)
{
    struct versions *v = context;
    if (row->row == v->wanted)
        (void)see_version(v, row);
    return 1;
}

/* The first ones are kept with the obligation, the others are named beside it. */
static int compare_all(struct mst_query *q, const struct mst_obligation *o, int64_t only,
                       struct mst_err *err)
{
    struct versions v = {.q = q, .err = err, .only = (uint64_t)only};
    char what[MST_OBLIGATION_ID_MAX + sizeof MST_HISTORY_VERSIONS];
    int code = 0;
    for (uint32_t i = 0; !code && i < o->versions_count && i < MST_VERSIONS_MAX; i++) {
        v.wanted = o->versions[i].row;
        code = mst_reader_rows(q->reader, q->pid, v.wanted, see_one, &v, err);
        code = code ? code : v.code;
    }
    snprintf(what, sizeof what, "%s%s", o->id, MST_HISTORY_VERSIONS);
    if (!code && o->versions_count > MST_VERSIONS_MAX)
        code = mst_history_rows(q->reader, q->pid, what, see_version, &v, err);
    mst_buf_done(&v.was.body);
    mst_buf_done(&v.is.body);
    return code ? code : v.code;
}

static bool lists_tasks(const struct mst_programme *p, const char *duty_id)
{
    size_t duty = mst_programme_duty(p, duty_id);
    enum mst_duty_tasks tasks = duty == SIZE_MAX ? MST_TASKS_NONE : p->duties[duty].tasks;
    return tasks == MST_TASKS_LIST || tasks == MST_TASKS_PLAN;
}

int mst_query_versions(struct mst_query *q, struct mst_err *err)
{
    char id[MST_OBLIGATION_ID_MAX];
    int64_t only = mst_query_number(q, "only", 0);
    struct mst_obligation o;
    bool found;
    if (!mst_query_arg(q, "obligation", id, sizeof id))
        return mst_fail(err, MST_E_USAGE, "obligation");
    if (only < 0)
        return mst_fail(err, MST_E_USAGE, "--only: %s", N_("must be a whole number from 1 on"));
    int code = mst_query_obligation(q, id, &found, &o, err);
    if (code)
        return code;
    /* What may not be read is not told apart from what is not there. */
    if (!found || !mst_query_may(q, o.bearer, o.group))
        return mst_fail(err, MST_R_NO_SUCH, "%s", id);
    if (!lists_tasks(q->programme, o.duty))
        return mst_fail(err, MST_R_NOT_APPLICABLE, "%s: %s", id, N_("it lists no tasks"));
    return compare_all(q, &o, only, err);
}
