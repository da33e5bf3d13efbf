/* SPDX-License-Identifier: Apache-2.0 */
/* Task lists and progress in a report's body: reading, checking, and the light of a task. */
#include "config/model/tasks.h"

#include <stdio.h>
#include <string.h>

#include "proto/pack.h"

#define FIGURE_DIGITS_MAX 15 /* with the three behind the point */
#define THOUSAND 1000
#define FAULTS_MAX 50 /* more are not read by anybody, and would cost the broker its time */

/* ---- figures ---- */

bool mst_figure_parse(struct mst_slice text, mst_figure *ret)
{
    mst_figure value = 0;
    int digits = 0, behind = -1; /* digits behind the point; -1: no point yet */
    size_t at = text.len > 0 && text.data[0] == '-' ? 1 : 0;
    bool negative = at == 1;
    for (; at < text.len; at++) {
        unsigned char c = text.data[at];
        if (c == '.' && behind < 0 && digits > 0) {
            behind = 0;
            continue;
        }
        if (c < '0' || c > '9' || behind == 3 || ++digits > FIGURE_DIGITS_MAX)
            return false;
        value = value * 10 + (c - '0');
        behind += behind >= 0;
    }
    if (digits == 0 || behind == 0)
        return false;
    for (int i = behind < 0 ? 0 : behind; i < 3; i++) {
        if (++digits > FIGURE_DIGITS_MAX + 3)
            return false;
        value *= 10;
    }
    *ret = negative ? -value : value;
    return true;
}

char *mst_figure_format(mst_figure figure, char text[MST_FIGURE_TEXT_MAX])
{
    mst_figure positive = figure < 0 ? -figure : figure;
    int n = snprintf(text, MST_FIGURE_TEXT_MAX, "%s%lld.%03lld", figure < 0 ? "-" : "",
                     (long long)(positive / THOUSAND), (long long)(positive % THOUSAND));
    while (n > 0 && text[n - 1] == '0')
        text[--n] = '\0';
    if (n > 0 && text[n - 1] == '.')
        text[--n] = '\0';
    return text;
}

/* ---- lights ---- */

static const char *const light_words[MST_LIGHTS] = {"", "green", "yellow", "red"};

const char *mst_light_word(enum mst_light light)
{
    return light_words[light];
}

bool mst_light_parse(struct mst_slice word, enum mst_light *ret)
{
    for (int i = MST_LIGHT_GREEN; i < MST_LIGHTS; i++) {
        if (mst_slice_is(word, light_words[i])) {
            *ret = (enum mst_light)i;
            return true;
        }
    }
    return false;
}

enum mst_light mst_light_of(const struct mst_task_rules *rules, mst_day from, mst_day due,
                            mst_day today, int percent)
{
    if (percent >= 100 || today < from)
        return MST_LIGHT_GREEN;
    if (today > due)
        return MST_LIGHT_RED;
    /* At the end of the first day a part of it should be done, at the end of the last one all. */
    int64_t expected = 100 * ((int64_t)today + 1 - from) / ((int64_t)due + 1 - from);
    int64_t behind = expected - percent;
    return behind >= rules->red      ? MST_LIGHT_RED
           : behind >= rules->yellow ? MST_LIGHT_YELLOW
                                     : MST_LIGHT_GREEN;
}

/* ---- reading ---- */

static bool same_slice(struct mst_slice a, struct mst_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool mst_task_same(const struct mst_task *a, const struct mst_task *b)
{
    return same_slice(a->title, b->title) && same_slice(a->area, b->area);
}

/* The cursor of a list stands before its next element; *ret_count gets how many there are. */
static bool open_list(struct mst_slice map, const char *key, struct mst_unpack *u,
                      size_t *ret_count)
{
    struct mst_slice raw;
    struct mst_value head;
    *ret_count = 0;
    if (!map.data || !mst_unpack_find(map, key, &raw))
        return false;
    mst_unpack_init(u, raw.data, raw.len);
    if (!mst_unpack_next(u, &head) || head.kind != MST_VALUE_ARRAY)
        return false;
    *ret_count = head.count;
    return true;
}

struct mst_tasks_cursor mst_tasks_open(struct mst_slice body)
{
    struct mst_tasks_cursor cursor = {.left = 0};
    (void)open_list(body, "tasks", &cursor.u, &cursor.left);
    return cursor;
}

static bool next(struct mst_tasks_cursor *cursor, struct mst_slice *ret)
{
    if (cursor->left == 0 || !mst_unpack_skip(&cursor->u, ret))
        return false;
    cursor->left--;
    return true;
}

bool mst_tasks_key(struct mst_slice key)
{
    return mst_slice_is(key, "tasks") || mst_slice_is(key, "uncovered");
}

bool mst_tasks_said(struct mst_slice body)
{
    struct mst_slice raw;
    return body.data && mst_unpack_find(body, "tasks", &raw);
}

static bool read_day(struct mst_slice map, const char *key, mst_day *ret)
{
    char text[16];
    struct mst_slice slice = mst_unpack_text(map, key);
    return slice.data && slice.len < sizeof text &&
           mst_day_parse(mst_slice_copy(slice, text, sizeof text), ret, NULL) == 0;
}

/* A number or its text. */
static bool read_figure(struct mst_slice map, const char *key, mst_figure *ret)
{
    struct mst_slice raw;
    struct mst_unpack u;
    struct mst_value v;
    const int64_t largest = INT64_C(1000000000000);
    if (!mst_unpack_find(map, key, &raw))
        return false;
    mst_unpack_init(&u, raw.data, raw.len);
    if (!mst_unpack_next(&u, &v))
        return false;
    if (v.kind == MST_VALUE_TEXT)
        return mst_figure_parse(v.s, ret);
    if (v.kind != MST_VALUE_INT || v.i < -largest || v.i > largest)
        return false;
    *ret = v.i * THOUSAND;
    return true;
}

static struct mst_slice find(struct mst_slice map, const char *key)
{
    struct mst_slice raw = {0};
    return mst_unpack_find(map, key, &raw) ? raw : (struct mst_slice){0};
}

static void read_task(struct mst_slice map, struct mst_task *ret)
{
    struct mst_slice target = find(map, "target");
    *ret = (struct mst_task){
        .title = mst_unpack_text(map, "title"),
        .area = mst_unpack_text(map, "area"),
        .owner = mst_unpack_text(map, "owner"),
        .helpers = find(map, "helpers"),
        .unit = mst_unpack_text(target, "unit"),
        .due = MST_DAY_NONE,
    };
    (void)read_day(map, "due", &ret->due);
    (void)read_figure(target, "value", &ret->target);
}

bool mst_tasks_next(struct mst_tasks_cursor *cursor, struct mst_task *ret)
{
    struct mst_slice map;
    if (!next(cursor, &map))
        return false;
    read_task(map, ret);
    return true;
}

bool mst_tasks_next_progress(struct mst_tasks_cursor *cursor, struct mst_task_progress *ret)
{
    struct mst_slice map;
    mst_figure percent = 0;
    if (!next(cursor, &map))
        return false;
    *ret = (struct mst_task_progress){
        .id = mst_unpack_text(map, "id"),
        .light = mst_unpack_text(map, "light"),
        .reason = mst_unpack_text(map, "reason"),
        .text = mst_unpack_text(map, "text"),
    };
    if (read_figure(map, "percent", &percent))
        ret->percent = (int)(percent / THOUSAND);
    ret->has_value = read_figure(map, "value", &ret->value);
    return true;
}

/* ---- checking ---- */

struct checking {
    const struct mst_task_scope *scope; /* of a list; NULL for progress */
    bool (*known)(void *context, struct mst_slice id);
    mst_task_fault_fn fn;
    void *context;
    struct mst_slice body;
    size_t index, faults;
};

static void tell(struct checking *c, const char *field, const char *text, struct mst_slice what,
                 const char *hint)
{
    c->faults++;
    c->fn(c->context, &(struct mst_task_fault){c->index, field, text, what, hint});
}

static const struct mst_slice nothing = {0};

/* Text that is there, not empty and not too long. */
static bool check_text(struct checking *c, struct mst_slice map, const char *field, size_t max,
                       bool needed)
{
    struct mst_slice raw = find(map, field), text = mst_unpack_text(map, field);
    if (!needed && (!raw.data || (text.data && text.len == 0)))
        return true;
    if (!raw.data || (text.data && text.len == 0))
        tell(c, field, N_("is missing"), nothing, N_("fill it in"));
    else if (!text.data)
        tell(c, field, N_("must be text"), nothing, N_("write text"));
    else if (text.len > max)
        tell(c, field, N_("is too long"), nothing, N_("shorten it"));
    else
        return true;
    return false;
}

static void check_keys(struct checking *c, struct mst_slice map, const char *const *known)
{
    struct mst_unpack u;
    struct mst_value head, key;
    mst_unpack_init(&u, map.data, map.len);
    if (!mst_unpack_next(&u, &head) || head.kind != MST_VALUE_MAP)
        return;
    for (size_t left = head.count; left > 0; left--) {
        bool found = false;
        if (!mst_unpack_next(&u, &key) || !mst_unpack_skip(&u, NULL))
            return;
        for (size_t i = 0; known[i] && !found; i++)
            found = key.kind == MST_VALUE_TEXT && mst_slice_is(key.s, known[i]);
        if (!found)
            tell(c, "", N_("unknown field"), key.kind == MST_VALUE_TEXT ? key.s : nothing,
                 N_("leave it out"));
    }
}

static bool is_map(struct mst_slice raw)
{
    struct mst_unpack u;
    struct mst_value head;
    if (!raw.data)
        return false;
    mst_unpack_init(&u, raw.data, raw.len);
    return mst_unpack_next(&u, &head) && head.kind == MST_VALUE_MAP;
}

static void check_helpers(struct checking *c, struct mst_slice map)
{
    struct mst_unpack u;
    struct mst_value v;
    size_t count;
    if (!find(map, "helpers").data)
        return;
    if (!open_list(map, "helpers", &u, &count)) {
        tell(c, "helpers", N_("must be a list of units"), nothing, N_("write [UNIT, UNIT]"));
        return;
    }
    if (count > MST_TASK_HELPERS_MAX)
        tell(c, "helpers", N_("are too many"), nothing, N_("name the most important ones"));
    struct mst_slice named[MST_TASK_HELPERS_MAX];
    for (size_t i = 0; i < count && count <= MST_TASK_HELPERS_MAX; i++) {
        bool twice = false;
        if (!mst_unpack_next(&u, &v) || v.kind != MST_VALUE_TEXT) {
            tell(c, "helpers", N_("must be a list of units"), nothing, N_("write [UNIT, UNIT]"));
            return;
        }
        named[i] = v.s;
        for (size_t k = 0; k < i; k++)
            twice = twice || same_slice(named[k], v.s);
        if (twice)
            tell(c, "helpers", N_("stands twice"), v.s, N_("name each once"));
        else if (!c->scope->helper(c->scope->context, v.s))
            tell(c, "helpers", N_("unknown unit"), v.s, N_("check the spelling"));
    }
}

static void check_target(struct checking *c, struct mst_slice map)
{
    static const char *const known[] = {"value", "unit", NULL};
    struct mst_slice target = find(map, "target");
    mst_figure value;
    if (!is_map(target)) {
        tell(c, "target", target.data ? N_("must be a map of value and unit") : N_("is missing"),
             nothing, N_("write {value: 12, unit: km}"));
        return;
    }
    check_keys(c, target, known);
    if (!read_figure(target, "value", &value) || value <= 0)
        tell(c, "target",
             N_("its value must be a figure above 0, with three digits behind the "
                "point at most"),
             nothing, N_("write {value: 12, unit: km}"));
    struct mst_slice unit = mst_unpack_text(target, "unit");
    if (unit.len == 0 || unit.len > MST_TASK_UNIT_MAX)
        tell(c, "target", N_("its unit is missing, or too long"), nothing,
             N_("say what it is counted in"));
}

static bool is_area(const struct mst_task_scope *scope, struct mst_slice area)
{
    for (size_t i = 0; i < scope->areas; i++) {
        if (mst_slice_is(area, scope->area(scope->context, i)))
            return true;
    }
    return false;
}

static void check_due(struct checking *c, struct mst_slice map)
{
    mst_day due;
    struct mst_slice text = mst_unpack_text(map, "due");
    if (!find(map, "due").data)
        tell(c, "due", N_("is missing"), nothing, N_("write year-month-day, e.g. 2023-03-15"));
    else if (!read_day(map, "due", &due))
        tell(c, "due", N_("is no date"), text, N_("write year-month-day, e.g. 2023-03-15"));
    else if (due <= c->scope->after)
        tell(c, "due", N_("must lie ahead"), text, N_("name a later date"));
}

/* A task that stands above in the list, too. */
static bool stands_twice(const struct checking *c, const struct mst_task *task)
{
    struct mst_tasks_cursor cursor = mst_tasks_open(c->body);
    struct mst_slice map;
    for (size_t i = 0; i < c->index && next(&cursor, &map); i++) {
        struct mst_task other = {.title = mst_unpack_text(map, "title"),
                                 .area = mst_unpack_text(map, "area")};
        if (mst_task_same(task, &other))
            return true;
    }
    return false;
}

static void check_task(struct checking *c, struct mst_slice map)
{
    static const char *const known[] = {"title", "area", "owner", "helpers", "target", "due", NULL};
    struct mst_task task;
    if (!is_map(map)) {
        tell(c, "", N_("a task is a map of fields"), nothing, N_("see `muster-agent new`"));
        return;
    }
    read_task(map, &task);
    check_keys(c, map, known);
    if (check_text(c, map, "title", MST_TASK_TEXT_MAX, true) && stands_twice(c, &task))
        tell(c, "title", N_("stands twice in its focus area"), task.title,
             N_("write all about a task in one place"));
    if (c->scope->areas > 0 && check_text(c, map, "area", MST_ID_MAX - 1, true) &&
        !is_area(c->scope, task.area))
        tell(c, "area", N_("the group has no such focus area"), task.area,
             N_("check the spelling"));
    if (check_text(c, map, "owner", MST_ID_MAX - 1, true) &&
        !c->scope->owner(c->scope->context, task.owner))
        tell(c, "owner", N_("no unit that can own a task of this group"), task.owner,
             N_("name a unit of the group"));
    check_helpers(c, map);
    check_target(c, map);
    check_due(c, map);
}

/* A reason that nobody asked for hides that the area which was meant has none. */
static void check_reasons(struct checking *c, struct mst_slice uncovered)
{
    struct mst_unpack u;
    struct mst_value head, area;
    mst_unpack_init(&u, uncovered.data, uncovered.len);
    if (!uncovered.data || c->scope->areas == 0 || !mst_unpack_next(&u, &head))
        return;
    for (size_t left = head.count; left > 0 && c->faults < FAULTS_MAX; left--) {
        if (!mst_unpack_next(&u, &area) || !mst_unpack_skip(&u, NULL))
            return;
        if (area.kind != MST_VALUE_TEXT || !is_area(c->scope, area.s))
            tell(c, "uncovered", N_("the group has no such focus area"),
                 area.kind == MST_VALUE_TEXT ? area.s : nothing, N_("check the spelling"));
    }
}

/* Every focus area has a task, or a reason why it has none. */
static void check_coverage(struct checking *c)
{
    struct mst_slice uncovered = find(c->body, "uncovered");
    struct mst_task task;
    c->index = MST_TASK_NONE;
    if (uncovered.data && !is_map(uncovered)) {
        tell(c, "uncovered", N_("must be a map of focus area and reason"), nothing,
             N_("write AREA: why"));
        return;
    }
    check_reasons(c, uncovered);
    for (size_t i = 0; i < c->scope->areas; i++) {
        const char *area = c->scope->area(c->scope->context, i);
        bool covered = mst_unpack_text(uncovered, area).len > 0;
        struct mst_tasks_cursor cursor = mst_tasks_open(c->body);
        while (!covered && mst_tasks_next(&cursor, &task))
            covered = mst_slice_is(task.area, area);
        if (!covered)
            tell(c, "tasks", N_("nothing for the focus area"), mst_text(area),
                 N_("add a task, or say why there is none under `uncovered`"));
    }
}

/* The list, and where it is none, what is wrong. */
static bool open_tasks(struct checking *c, struct mst_unpack *u, size_t *ret_count)
{
    c->index = MST_TASK_NONE;
    if (open_list(c->body, "tasks", u, ret_count))
        return true;
    tell(c, "tasks", mst_tasks_said(c->body) ? N_("must be a list") : N_("is missing"), nothing,
         N_("see `muster-agent new`"));
    return false;
}

size_t mst_tasks_check(struct mst_slice body, const struct mst_task_scope *scope,
                       mst_task_fault_fn fn, void *context)
{
    struct checking c = {.scope = scope, .fn = fn, .context = context, .body = body};
    struct mst_unpack u;
    struct mst_slice map;
    size_t count;
    if (!open_tasks(&c, &u, &count))
        return c.faults;
    if (count > scope->tasks_max) {
        tell(&c, "tasks", N_("are more than the programme allows"), nothing,
             N_("join some of them, or raise tasks.max in the programme file"));
        return c.faults;
    }
    for (size_t i = 0; i < count && c.faults < FAULTS_MAX && mst_unpack_skip(&u, &map); i++) {
        c.index = i;
        check_task(&c, map);
    }
    check_coverage(&c);
    return c.faults;
}

static void check_progress(struct checking *c, struct mst_slice map)
{
    static const char *const known[] = {"id", "percent", "value", "light", "reason", "text", NULL};
    enum mst_light light;
    mst_figure figure;
    if (!is_map(map)) {
        tell(c, "", N_("a task is a map of fields"), nothing, N_("see `muster-agent new`"));
        return;
    }
    check_keys(c, map, known);
    struct mst_slice id = mst_unpack_text(map, "id"), word = mst_unpack_text(map, "light");
    struct mst_slice reason = mst_unpack_text(map, "reason");
    if (check_text(c, map, "id", MST_ID_MAX + 8, true) && !c->known(c->context, id))
        tell(c, "id", N_("no task in force that this unit reports on"), id,
             N_("see `muster-agent tasks`"));
    if (!read_figure(map, "percent", &figure) || figure < 0 || figure > 100 * THOUSAND ||
        figure % THOUSAND != 0)
        tell(c, "percent", N_("must be a whole number from 0 to 100"), nothing,
             N_("write how much of it is done"));
    if (find(map, "value").data && !read_figure(map, "value", &figure))
        tell(c, "value", N_("is no figure"), nothing, N_("write what has been reached, as 12.5"));
    (void)check_text(c, map, "text", MST_TASK_TEXT_MAX, false);
    (void)check_text(c, map, "reason", MST_TASK_TEXT_MAX, false);
    if (!find(map, "light").data)
        return;
    if (!mst_light_parse(word, &light))
        tell(c, "light", N_("is no light"), word, N_("write green, yellow or red"));
    else if (reason.len == 0)
        tell(c, "light", N_("needs a reason, since it is not the one by the rules"), nothing,
             N_("say why under `reason`, or leave the light out"));
}

/* A task that is reported on above, too. */
static bool told_twice(const struct checking *c, struct mst_slice id)
{
    struct mst_tasks_cursor cursor = mst_tasks_open(c->body);
    struct mst_slice map;
    for (size_t i = 0; i < c->index && next(&cursor, &map); i++) {
        if (same_slice(id, mst_unpack_text(map, "id")))
            return true;
    }
    return false;
}

size_t mst_tasks_check_progress(struct mst_slice body,
                                bool (*known)(void *context, struct mst_slice id),
                                mst_task_fault_fn fn, void *context)
{
    struct checking c = {.known = known, .fn = fn, .context = context, .body = body};
    struct mst_unpack u;
    struct mst_slice map;
    size_t count;
    if (!open_tasks(&c, &u, &count))
        return c.faults;
    for (size_t i = 0; i < count && c.faults < FAULTS_MAX && mst_unpack_skip(&u, &map); i++) {
        struct mst_slice id = mst_unpack_text(map, "id");
        c.index = i;
        check_progress(&c, map);
        if (id.len > 0 && told_twice(&c, id))
            tell(&c, "id", N_("stands twice"), id, N_("write all about a task in one place"));
    }
    return c.faults;
}
