/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that look: status, inbox, receipts. They change nothing but the inbox's read marks. */
#include "agent/desk/desk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/load/lang.h"
#include "config/model/programme.h"
#include "config/model/zone.h"
#include "proto/pack.h"

static void pack_name(struct mst_buf *out, const char *name)
{
    mst_pack_map(out, 2);
    mst_pack_text(out, "name");
    mst_pack_text(out, name);
    mst_pack_text(out, "value");
}

/* For people in the home's zone, as the broker's own rows are; for programs in UTC. */
static void pack_instant(struct mst_buf *out, mst_time at, bool people)
{
    char text[MST_INSTANT_TEXT_MAX];
    time_t seconds = (time_t)(at / 1000);
    struct tm local;
    struct mst_zone zone = {.name = "UTC"};
    if (people && localtime_r(&seconds, &local))
        zone.first_offset_s = (int32_t)local.tm_gmtoff;
    mst_pack_text(out, mst_zone_format(&zone, at, text));
}

/* ---- status ---- */

/* One line of the overview: what the agent said, in the reader's words. */
static int add_line(struct mst_table *table, const char *name, struct mst_slice value,
                    struct mst_err *err)
{
    struct mst_buf row = {0};
    pack_name(&row, name);
    mst_buf_put(&row, value.data, value.len);
    int code = row.failed ? mst_fail_on(err, MST_E_NOMEM, "status")
                          : mst_table_row(table, mst_bytes(row.data, row.len), err);
    mst_buf_done(&row);
    return code;
}

/* "Commerce Bureau (swj)": staff know the one, programs and commands want the other. */
static int add_unit(struct mst_table *table, const char *words, const struct mst_brief *brief,
                    struct mst_slice id, struct mst_err *err)
{
    char text[512], unit[MST_ID_MAX];
    const char *name = mst_lang_zh() ? brief->name_zh : brief->name_en;
    struct mst_buf value = {0};
    mst_slice_copy(id, unit, sizeof unit);
    snprintf(text, sizeof text, name[0] ? "%s%s(%s)" : "%s%s%s", name, name[0] ? " " : "", unit);
    mst_pack_text(&value, text);
    int code = value.failed ? mst_fail_on(err, MST_E_NOMEM, "status")
                            : add_line(table, words, mst_bytes(value.data, value.len), err);
    mst_buf_done(&value);
    return code;
}

static int print_overview(struct mst_slice status, const struct mst_brief *brief,
                          struct mst_err *err)
{
    static const struct {
        const char *key, *words;
    } lines[] = {
        {"unit", N_("Unit")},
        {"programme", N_("Programme")},
        {"broker", N_("Broker")},
        {"connected", N_("Connected")},
        {"fault", N_("Why not")},
        {"rehearsal", N_("Rehearsal")},
        {"queued", N_("Waiting to be sent")},
        {"acknowledged", N_("Acknowledged up to")},
        {"unread", N_("Unread in the inbox")},
        {"renewals", N_("Outbox renewed, times")},
    };
    struct mst_table *table = mst_table_new(MST_FORMAT_TABLE, "name value", stdout);
    int code = table ? 0 : mst_fail_on(err, MST_E_NOMEM, "status");
    for (size_t i = 0; !code && i < sizeof lines / sizeof lines[0]; i++) {
        struct mst_slice value, text = mst_unpack_text(status, lines[i].key);
        bool dull = (text.data && text.len == 0) ||
                    (strcmp(lines[i].key, "renewals") == 0 &&
                     mst_unpack_int(status, lines[i].key, 0) == 0) ||
                    (strcmp(lines[i].key, "rehearsal") == 0 &&
                     !mst_unpack_bool(status, lines[i].key, false));
        if (strcmp(lines[i].key, "unit") == 0)
            code = add_unit(table, _(lines[i].words), brief, text, err);
        else if (!dull && mst_unpack_find(status, lines[i].key, &value))
            code = add_line(table, _(lines[i].words), value, err);
    }
    if (code) {
        mst_table_free(table);
        return code;
    }
    return mst_table_end(table, err);
}

static int print_tasks(const struct mst_desk *desk, const struct mst_brief *brief,
                       struct mst_err *err)
{
    struct mst_table *table = mst_table_new(desk->format, desk->call->command->columns, stdout);
    struct mst_slice row;
    size_t at = 0;
    int code = table ? 0 : mst_fail_on(err, MST_E_NOMEM, "tasks");
    while (!code && mst_brief_task(brief, &at, &row)) {
        if (!mst_call_value(desk->call, "own") ||
            mst_slice_is(mst_unpack_text(row, "owner"), brief->unit))
            code = mst_table_row(table, row, err);
    }
    if (code) {
        mst_table_free(table);
        return code;
    }
    return mst_table_end(table, err);
}

int mst_desk_tasks(const struct mst_desk *desk)
{
    struct mst_err err;
    struct mst_local *local;
    struct mst_brief brief;
    int code = mst_local_open(desk->home, &local, &err);
    if (code)
        return mst_desk_complain(&err);
    code = mst_brief_fetch(local, &brief, &err);
    mst_local_close(local);
    if (!code) {
        code = print_tasks(desk, &brief, &err);
        mst_brief_done(&brief);
    }
    return code ? mst_desk_complain(&err) : MST_EXIT_OK;
}

static bool is_open(struct mst_slice obligation)
{
    static const char *const open_states[] = {"awaiting", "submitted", "under-review", "returned"};
    struct mst_slice work = mst_unpack_text(obligation, "work");
    for (size_t i = 0; i < sizeof open_states / sizeof open_states[0]; i++) {
        if (mst_slice_is(work, open_states[i]))
            return true;
    }
    return false;
}

static int print_owed(const struct mst_desk *desk, const struct mst_brief *brief,
                      struct mst_err *err)
{
    struct mst_table *table = mst_table_new(desk->format, desk->call->command->columns, stdout);
    struct mst_unpack u;
    struct mst_slice row;
    int code = table ? 0 : mst_fail_on(err, MST_E_NOMEM, "status");
    mst_unpack_init(&u, brief->obligations.data, brief->obligations.len);
    while (!code && mst_unpack_skip(&u, &row)) {
        if (mst_call_value(desk->call, "all") || is_open(row))
            code = mst_table_row(table, row, err);
    }
    if (code) {
        mst_table_free(table);
        return code;
    }
    if (desk->format == MST_FORMAT_TABLE)
        printf("\n");
    return mst_table_end(table, err);
}

/* What the agent counts in milliseconds is an instant for programs; 0: there is none. */
static void put_status_pair(struct mst_buf *out, struct mst_slice key, struct mst_slice value)
{
    static const char *const instants[] = {"now", "key_not_after"};
    char name[32];
    struct mst_value v;
    struct mst_unpack u;
    mst_unpack_init(&u, key.data, key.len);
    bool named = mst_unpack_next(&u, &v);
    mst_slice_copy(named ? v.s : mst_text(""), name, sizeof name);
    mst_buf_put(out, key.data, key.len);
    for (size_t i = 0; i < sizeof instants / sizeof instants[0]; i++) {
        mst_unpack_init(&u, value.data, value.len);
        if (strcmp(name, instants[i]) != 0 || !mst_unpack_next(&u, &v))
            continue;
        mst_time at = v.kind == MST_VALUE_INT ? (mst_time)v.i : (mst_time)v.u;
        if (at == 0)
            mst_pack_text(out, "");
        else
            pack_instant(out, at, false);
        return;
    }
    mst_buf_put(out, value.data, value.len);
}

/* The agent's own map with one more pair. */
static int print_status_json(struct mst_slice status, const struct mst_brief *brief,
                             struct mst_err *err)
{
    struct mst_buf whole = {0};
    struct mst_unpack u;
    struct mst_value head;
    struct mst_slice row;
    size_t count = 0;
    mst_unpack_init(&u, brief->obligations.data, brief->obligations.len);
    while (mst_unpack_skip(&u, &row))
        count++;
    mst_unpack_init(&u, status.data, status.len);
    if (!mst_unpack_next(&u, &head) || head.kind != MST_VALUE_MAP)
        return mst_fail_on(err, MST_E_PROTOCOL, "status");
    mst_pack_map(&whole, head.count + 1);
    for (size_t i = 0; i < head.count; i++) {
        struct mst_slice key, value;
        if (!mst_unpack_skip(&u, &key) || !mst_unpack_skip(&u, &value))
            break;
        put_status_pair(&whole, key, value);
    }
    mst_pack_text(&whole, "obligations");
    mst_pack_array(&whole, count);
    mst_buf_put(&whole, brief->obligations.data, brief->obligations.len);
    int code = mst_desk_json_line(mst_bytes(whole.data, whole.len), err);
    mst_buf_done(&whole);
    return code;
}

static int show_status(const struct mst_desk *desk, struct mst_local *local, struct mst_err *err)
{
    struct mst_slice row;
    struct mst_buf status = {0};
    struct mst_brief brief;
    int code = mst_desk_agent_status(local, &row, err);
    if (code)
        return code;
    /* The next call reuses the row's memory. */
    mst_buf_put(&status, row.data, row.len);
    struct mst_slice map = mst_bytes(status.data, status.len);
    code = mst_brief_fetch(local, &brief, err);
    if (!code) {
        if (desk->json)
            code = print_status_json(map, &brief, err);
        else if (desk->format == MST_FORMAT_TABLE)
            code = print_overview(map, &brief, err);
        if (!code && !desk->json)
            code = print_owed(desk, &brief, err);
        mst_brief_done(&brief);
    }
    mst_buf_done(&status);
    return code;
}

/* ---- inbox ---- */

struct inbox {
    const struct mst_desk *desk;
    bool lines; /* JSON, one object a line */
    bool colour;
    uint64_t shown;
    struct mst_table *objects; /* JSON as one array, or CSV */
    struct mst_msg_scratch scratch;
};

static int put_alert_json(struct inbox *inbox, struct mst_slice row,
                          const struct mst_msg_alert *alert, struct mst_err *err)
{
    struct mst_buf map = {0}, whole = {0};
    struct mst_unpack u;
    struct mst_value head;
    mst_alert_map(alert, &map);
    mst_unpack_init(&u, map.data, map.len);
    if (!mst_unpack_next(&u, &head)) {
        mst_buf_done(&map);
        return mst_fail_on(err, MST_E_NOMEM, "inbox");
    }
    mst_pack_map(&whole, head.count + 2);
    mst_pack_text(&whole, "n");
    mst_pack_int(&whole, mst_unpack_int(row, "n", 0));
    mst_pack_text(&whole, "read");
    mst_pack_bool(&whole, mst_unpack_bool(row, "read", false));
    mst_buf_put(&whole, u.at, (size_t)(u.end - u.at));
    struct mst_slice value = mst_bytes(whole.data, whole.len);
    int code =
        inbox->lines ? mst_desk_json_line(value, err) : mst_table_row(inbox->objects, value, err);
    mst_buf_done(&map);
    mst_buf_done(&whole);
    return code;
}

static void put_alert_line(const struct inbox *inbox, struct mst_slice row,
                           const struct mst_msg_alert *alert)
{
    char words[2048], when[MST_WHEN_MAX], number[24];
    int width = snprintf(number, sizeof number, "%4" PRId64, mst_unpack_int(row, "n", 0));
    mst_when((mst_time)alert->fired, false, when);
    printf(
        "%s%s%s  %s  %s",
        mst_sgr(inbox->colour, mst_unpack_bool(row, "read", false) ? MST_TINT_DIM : MST_TINT_BOLD),
        number, mst_sgr(inbox->colour, MST_TINT_OFF), when,
        mst_sgr(inbox->colour, mst_alert_tint(alert)));
    mst_print_wrapped(stdout, mst_alert_words(alert, words, sizeof words),
                      width + mst_width(when) + 4);
    printf("%s\n", mst_sgr(inbox->colour, MST_TINT_OFF));
}

static int put_alert(void *context, struct mst_slice row, struct mst_err *err)
{
    struct inbox *inbox = context;
    struct mst_slice frame = mst_unpack_bin(row, "alert");
    struct mst_msg msg;
    int code = mst_msg_decode(frame.data, frame.len, MST_DOWN, &inbox->scratch, &msg, err);
    if (code)
        return code;
    if (msg.type != MST_MSG_alert)
        return mst_fail_on(err, MST_E_PROTOCOL, "inbox");
    inbox->shown = (uint64_t)mst_unpack_int(row, "n", 0);
    if (inbox->desk->format != MST_FORMAT_TABLE)
        return put_alert_json(inbox, row, &msg.u.alert, err);
    put_alert_line(inbox, row, &msg.u.alert);
    return 0;
}

static int mark_read(struct mst_local *local, struct inbox *inbox, struct mst_err *err)
{
    struct mst_desk_list list = {
        .verb = "inbox", .key = "n", .after = UINT32_MAX, .mark = inbox->shown};
    bool more;
    if (!inbox->shown || !mst_call_value(inbox->desk->call, "mark-read"))
        return 0;
    return mst_desk_page(local, &list, put_alert, inbox, &more, err);
}

static int follow(struct mst_local *local, struct mst_desk_list *list, struct inbox *inbox,
                  struct mst_err *err)
{
    bool more = false;
    int code = 0;
    list->flags[0] = "wait";
    while (!code) {
        fflush(stdout);
        code = mst_desk_page(local, list, put_alert, inbox, &more, err);
        if (!code)
            code = mark_read(local, inbox, err);
    }
    return code;
}

static int show_inbox_with(struct mst_local *local, struct inbox *inbox, struct mst_err *err)
{
    const struct mst_call *call = inbox->desk->call;
    bool follows = mst_call_value(call, "follow") != NULL;
    struct mst_desk_list list = {.verb = "inbox", .key = "n"};
    if (!mst_call_value(call, "all"))
        list.flags[0] = "unread";
    inbox->lines = follows;
    inbox->colour = mst_colour(stdout);
    if (follows && inbox->desk->format == MST_FORMAT_CSV)
        return mst_fail(err, MST_E_USAGE, "%s", _("either --csv or --follow"));
    inbox->objects = mst_table_new(inbox->desk->format, call->command->columns, stdout);
    if (!inbox->objects)
        return mst_fail_on(err, MST_E_NOMEM, "inbox");
    int code = mst_desk_pages(local, &list, put_alert, inbox, err);
    if (!code && inbox->desk->format != MST_FORMAT_TABLE && !follows) {
        code = mst_table_end(inbox->objects, err);
        inbox->objects = NULL;
    }
    mst_table_free(inbox->objects);
    inbox->objects = NULL;
    if (!code)
        code = mark_read(local, inbox, err);
    return !code && follows ? follow(local, &list, inbox, err) : code;
}

static int show_inbox(const struct mst_desk *desk, struct mst_local *local, struct mst_err *err)
{
    if (mst_call_value(desk->call, "export"))
        return mst_desk_export(desk, local, "alert", err);
    struct inbox *inbox = calloc(1, sizeof *inbox);
    if (!inbox)
        return mst_fail_on(err, MST_E_NOMEM, "inbox");
    inbox->desk = desk;
    int code = show_inbox_with(local, inbox, err);
    free(inbox);
    return code;
}

/* ---- receipts ---- */

struct receipts {
    const struct mst_desk *desk;
    const struct mst_brief *brief; /* what duties are called */
    struct mst_table *table;
};

/* The agent's row with its instant as text, and for people the state and the refusal in words. */
static int put_receipt(void *context, struct mst_slice row, struct mst_err *err)
{
    static const char *const copied[] = {"number",     "act",     "duty",  "period",
                                         "obligation", "receipt", "bytes", "code"};
    struct receipts *receipts = context;
    struct mst_buf out = {0};
    struct mst_slice raw, subject = mst_unpack_text(row, "subject");
    char state[32], word[33];
    bool people = receipts->desk->format == MST_FORMAT_TABLE;
    struct mst_err why;
    char id[MST_ID_MAX];
    mst_slice_copy(mst_unpack_text(row, "duty"), id, sizeof id);
    const struct mst_desk_duty *duty = people ? mst_brief_duty(receipts->brief, id) : NULL;
    mst_pack_map(&out, 11 + (duty ? 2 : 0));
    if (duty) {
        mst_pack_text(&out, "duty_zh");
        mst_pack_text(&out, duty->title_zh);
        mst_pack_text(&out, "duty_en");
        mst_pack_text(&out, duty->title_en);
    }
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
        mst_pack_text(&out, copied[i]);
        if (mst_unpack_find(row, copied[i], &raw))
            mst_buf_put(&out, raw.data, raw.len);
        else
            mst_pack_nil(&out);
    }
    mst_pack_text(&out, "at");
    pack_instant(&out, mst_unpack_int(row, "at", 0), people);
    mst_slice_copy(mst_unpack_text(row, "state"), state, sizeof state);
    mst_pack_text(&out, "state");
    mst_pack_text(&out, people ? _(state) : state);
    mst_pack_text(&out, "subject");
    mst_slice_copy(mst_unpack_text(row, "code"), word, sizeof word);
    if (people && word[0]) {
        (void)mst_refusal(&why, mst_code_of_word(word), subject);
        mst_pack_text(&out, why.text);
    } else {
        mst_pack_text_slice(&out, subject);
    }
    int code = mst_table_row(receipts->table, mst_bytes(out.data, out.len), err);
    mst_buf_done(&out);
    return code;
}

static int show_receipts(const struct mst_desk *desk, struct mst_local *local, struct mst_err *err)
{
    if (mst_call_value(desk->call, "export"))
        return mst_desk_export(desk, local, "receipt", err);
    const char *from = mst_call_value(desk->call, "from");
    unsigned long long first = from ? strtoull(from, NULL, 10) : 1;
    struct mst_desk_list list = {
        .verb = "entries", .key = "number", .after = first > 0 ? first - 1 : 0};
    struct mst_brief brief;
    int code = mst_brief_fetch(local, &brief, err);
    if (code)
        return code;
    struct receipts receipts = {
        .desk = desk,
        .brief = &brief,
        .table = mst_table_new(desk->format, desk->call->command->columns, stdout)};
    code = receipts.table ? mst_desk_pages(local, &list, put_receipt, &receipts, err)
                          : mst_fail_on(err, MST_E_NOMEM, "receipts");
    mst_brief_done(&brief);
    if (code) {
        mst_table_free(receipts.table);
        return code;
    }
    return mst_table_end(receipts.table, err);
}

/* ---- commands ---- */

int mst_desk_status(const struct mst_desk *desk)
{
    return mst_desk_with_agent(desk, show_status);
}

int mst_desk_inbox(const struct mst_desk *desk)
{
    return mst_desk_with_agent(desk, show_inbox);
}

int mst_desk_receipts(const struct mst_desk *desk)
{
    return mst_desk_with_agent(desk, show_receipts);
}
