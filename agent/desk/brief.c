/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the running agent: lists page by page, and the brief, whose rows are read tolerantly,
 * since a newer broker may say more than this program knows. */
#include "agent/desk/desk.h"

#include <stdlib.h>
#include <string.h>

#include "config/model/programme.h"
#include "proto/pack.h"

#define ANSWER_TIMEOUT_MS 30000

static void pack_question(const struct mst_desk_list *list, struct mst_buf *out)
{
    size_t count = 0;
    for (size_t i = 0; i < MST_DESK_ARGS_MAX; i++)
        count += list->args[i].value != NULL;
    mst_pack_text(out, "verb");
    mst_pack_text(out, list->ask);
    mst_pack_text(out, "args");
    mst_pack_map(out, count);
    for (size_t i = 0; i < MST_DESK_ARGS_MAX; i++) {
        if (!list->args[i].value)
            continue;
        mst_pack_text(out, list->args[i].name);
        mst_pack_text(out, list->args[i].value);
    }
}

static void pack_request(const struct mst_desk_list *list, struct mst_buf *out)
{
    size_t flags = 0;
    while (flags < 4 && list->flags[flags])
        flags++;
    mst_pack_map(out,
                 2 + flags + (list->mark ? 1 : 0) + (list->number ? 1 : 0) + (list->ask ? 2 : 0));
    mst_pack_text(out, "do");
    mst_pack_text(out, list->verb);
    mst_pack_text(out, "after");
    mst_pack_uint(out, list->after);
    for (size_t i = 0; i < flags; i++) {
        mst_pack_text(out, list->flags[i]);
        mst_pack_bool(out, true);
    }
    if (list->number) {
        mst_pack_text(out, "number");
        mst_pack_uint(out, list->number);
    }
    if (list->mark) {
        mst_pack_text(out, "mark");
        mst_pack_uint(out, list->mark);
    }
    if (list->ask)
        pack_question(list, out);
}

int mst_desk_page(struct mst_local *local, struct mst_desk_list *list, mst_desk_row_fn fn,
                  void *context, bool *ret_more, struct mst_err *err)
{
    struct mst_buf request = {0};
    const struct mst_msg_reply *reply = NULL;
    bool waits = false;
    for (size_t i = 0; i < 4 && list->flags[i]; i++)
        waits = waits || strcmp(list->flags[i], "wait") == 0;
    pack_request(list, &request);
    int code = mst_local_call(local, mst_bytes(request.data, request.len),
                              waits ? -1 : ANSWER_TIMEOUT_MS, &reply, err);
    mst_buf_done(&request);
    list->mark = 0;
    for (size_t i = 0; !code && i < reply->rows.count; i++) {
        struct mst_slice row = reply->rows.items[i];
        /* Rows without a number of their own are counted. */
        list->after = list->key ? (uint64_t)mst_unpack_int(row, list->key, 0) : list->after + 1;
        code = fn(context, row, err);
    }
    if (!code)
        *ret_more = reply->more;
    return code;
}

int mst_desk_pages(struct mst_local *local, struct mst_desk_list *list, mst_desk_row_fn fn,
                   void *context, struct mst_err *err)
{
    bool more = true;
    int code = 0;
    while (!code && more)
        code = mst_desk_page(local, list, fn, context, &more, err);
    return code;
}

int mst_desk_agent_status(struct mst_local *local, struct mst_slice *ret_row, struct mst_err *err)
{
    struct mst_buf request = {0};
    const struct mst_msg_reply *reply;
    pack_request(&(struct mst_desk_list){.verb = "status"}, &request);
    int code =
        mst_local_call(local, mst_bytes(request.data, request.len), ANSWER_TIMEOUT_MS, &reply, err);
    mst_buf_done(&request);
    if (!code && reply->rows.count != 1)
        code = mst_fail_on(err, MST_E_PROTOCOL, "status");
    if (!code)
        *ret_row = reply->rows.items[0];
    return code;
}

int mst_desk_with_agent(const struct mst_desk *desk,
                        int (*show)(const struct mst_desk *desk, struct mst_local *local,
                                    struct mst_err *err))
{
    struct mst_err err;
    struct mst_local *local;
    if (mst_local_open(desk->home, &local, &err))
        return mst_desk_complain(&err);
    int code = show(desk, local, &err);
    mst_local_close(local);
    return code ? mst_desk_complain(&err) : MST_EXIT_OK;
}

int mst_desk_json_line(struct mst_slice value, struct mst_err *err)
{
    struct mst_buf json = {0};
    int code = mst_json(value, &json, err);
    if (!code)
        printf("%.*s\n", (int)json.len, (const char *)json.data);
    mst_buf_done(&json);
    return code;
}

/* ---- the brief ---- */

void mst_brief_done(struct mst_brief *brief)
{
    mst_buf_done(&brief->obligations);
    mst_buf_done(&brief->owners);
    mst_buf_done(&brief->tasks);
    free(brief->units);
    mst_arena_free(brief->arena);
    brief->units = NULL;
    brief->arena = NULL;
}

static void take_text(struct mst_slice row, const char *key, char *dst, size_t size)
{
    mst_slice_copy(mst_unpack_text(row, key), dst, size);
}

/* Each title falls back to the other language's, and that to the id. */
static void take_titles(struct mst_slice row, const char *id, char zh[MST_DESK_TITLE_MAX],
                        char en[MST_DESK_TITLE_MAX])
{
    take_text(row, "title_zh", zh, MST_DESK_TITLE_MAX);
    take_text(row, "title_en", en, MST_DESK_TITLE_MAX);
    if (!zh[0])
        snprintf(zh, MST_DESK_TITLE_MAX, "%s", en[0] ? en : id);
    if (!en[0])
        snprintf(en, MST_DESK_TITLE_MAX, "%s", zh);
}

/* A form that a newer broker has and this program cannot read is left to the broker. */
static const struct mst_form *form_of(const struct mst_brief *brief, struct mst_slice row)
{
    static const struct mst_form *const usual[] = {&mst_form_text, &mst_form_areas,
                                                   &mst_form_minutes};
    struct mst_slice id = mst_unpack_text(row, "form");
    for (size_t i = 0; i < brief->forms_count; i++) {
        if (mst_slice_is(id, brief->forms[i]->id))
            return brief->forms[i];
    }
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (mst_slice_is(id, usual[i]->id))
            return usual[i];
    }
    return mst_slice_is(id, "post") ? NULL : &mst_form_any;
}

static void take_form(struct mst_brief *brief, struct mst_slice row)
{
    struct mst_slice packed;
    if (!mst_unpack_find(row, "form", &packed) || brief->forms_count == MST_DESK_FORMS_MAX)
        return;
    const struct mst_form *form = mst_form_unpack(packed, brief->arena);
    if (form)
        brief->forms[brief->forms_count++] = form;
}

static const char *keep_text(struct mst_brief *brief, struct mst_slice row, const char *key)
{
    struct mst_slice text = mst_unpack_text(row, key);
    return text.data ? mst_arena_strndup(brief->arena, (const char *)text.data, text.len) : NULL;
}

static void take_unit(struct mst_brief *brief, struct mst_slice row)
{
    if (brief->units_count == brief->units_cap) {
        size_t cap = brief->units_cap ? 2 * brief->units_cap : 64;
        struct mst_unit *grown = realloc(brief->units, cap * sizeof *grown);
        if (!grown)
            return;
        brief->units = grown;
        brief->units_cap = cap;
    }
    struct mst_unit unit = {.id = keep_text(brief, row, "id")};
    unit.name.zh = keep_text(brief, row, "name_zh");
    unit.name.en = keep_text(brief, row, "name_en");
    if (unit.id && unit.name.zh && unit.name.en)
        brief->units[brief->units_count++] = unit;
}

struct mst_form_names mst_brief_names(const struct mst_brief *brief,
                                      struct mst_area areas[MST_DESK_AREAS_MAX])
{
    for (size_t i = 0; i < brief->areas_count; i++) {
        const struct mst_desk_area *area = &brief->areas[i];
        areas[i] = (struct mst_area){.id = area->id, .title = {area->title_en, area->title_zh}};
    }
    return (struct mst_form_names){.areas = areas,
                                   .areas_count = brief->areas_count,
                                   .units = brief->units,
                                   .units_count = brief->units_count,
                                   .bearer = brief->unit[0] ? brief->unit : NULL};
}

static enum mst_duty_tasks tasks_of(struct mst_slice row)
{
    static const char *const words[] = {
        [MST_TASKS_LIST] = "list", [MST_TASKS_PLAN] = "plan", [MST_TASKS_PROGRESS] = "progress"};
    struct mst_slice word = mst_unpack_text(row, "tasks");
    for (int i = MST_TASKS_LIST; i <= MST_TASKS_PROGRESS; i++) {
        if (mst_slice_is(word, words[i]))
            return (enum mst_duty_tasks)i;
    }
    return MST_TASKS_NONE;
}

void mst_brief_take(struct mst_brief *brief, struct mst_slice row)
{
    struct mst_slice type = mst_unpack_text(row, "type");
    if (!brief->arena && !(brief->arena = mst_arena_new()))
        return;
    if (mst_slice_is(type, "unit")) {
        take_text(row, "id", brief->unit, sizeof brief->unit);
        take_text(row, "group", brief->group, sizeof brief->group);
        brief->leads = mst_unpack_bool(row, "leads", false);
        take_text(row, "name_zh", brief->name_zh, sizeof brief->name_zh);
        take_text(row, "name_en", brief->name_en, sizeof brief->name_en);
        take_text(row, "group_name_zh", brief->group_zh, sizeof brief->group_zh);
        take_text(row, "group_name_en", brief->group_en, sizeof brief->group_en);
        take_text(row, "tasks_under", brief->tasks_under, sizeof brief->tasks_under);
        take_text(row, "tasks_period", brief->tasks_period, sizeof brief->tasks_period);
        brief->tasks_max = (size_t)mst_unpack_int(row, "tasks_max", 0);
        brief->matters.max = (int)mst_unpack_int(row, "matters_max", MST_FORM_ROWS_MAX);
        brief->matters.helpers = (int)mst_unpack_int(row, "helpers_max", MST_HELPERS_MAX);
        char today[16];
        take_text(row, "today", today, sizeof today);
        if (mst_day_parse(today, &brief->today, NULL) != 0)
            brief->today = MST_DAY_NONE;
    } else if (mst_slice_is(type, "area") && brief->areas_count < MST_DESK_AREAS_MAX) {
        struct mst_desk_area *area = &brief->areas[brief->areas_count++];
        take_text(row, "id", area->id, sizeof area->id);
        take_titles(row, area->id, area->title_zh, area->title_en);
    } else if (mst_slice_is(type, "duty") && brief->duties_count < MST_DESK_DUTIES_MAX) {
        struct mst_desk_duty *duty = &brief->duties[brief->duties_count++];
        take_text(row, "id", duty->id, sizeof duty->id);
        take_titles(row, duty->id, duty->title_zh, duty->title_en);
        duty->form = form_of(brief, row);
        duty->tasks = tasks_of(row);
        duty->report = mst_slice_is(mst_unpack_text(row, "kind"), "report");
    } else if (mst_slice_is(type, "form")) {
        take_form(brief, row);
    } else if (mst_slice_is(type, "named")) {
        take_unit(brief, row);
    } else if (mst_slice_is(type, "obligation")) {
        mst_buf_put(&brief->obligations, row.data, row.len);
    } else if (mst_slice_is(type, "owner")) {
        mst_buf_put(&brief->owners, row.data, row.len);
    } else if (mst_slice_is(type, "task")) {
        mst_buf_put(&brief->tasks, row.data, row.len);
    } else {
        return;
    }
    brief->known = true;
}

static int take_row(void *context, struct mst_slice row, struct mst_err *err)
{
    struct mst_brief *brief = context;
    mst_brief_take(brief, row);
    return brief->obligations.failed || brief->owners.failed || brief->tasks.failed
               ? mst_fail_on(err, MST_E_NOMEM, "brief")
               : 0;
}

int mst_brief_fetch(struct mst_local *local, struct mst_brief *ret, struct mst_err *err)
{
    struct mst_desk_list list = {.verb = "brief", .flags = {"fresh"}};
    memset(ret, 0, sizeof *ret);
    int code = mst_desk_pages(local, &list, take_row, ret, err);
    if (code)
        mst_brief_done(ret);
    return code;
}

const struct mst_desk_duty *mst_brief_duty(const struct mst_brief *brief, const char *id)
{
    for (size_t i = 0; i < brief->duties_count; i++) {
        if (strcmp(brief->duties[i].id, id) == 0)
            return &brief->duties[i];
    }
    return NULL;
}
