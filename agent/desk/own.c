/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts on what the unit itself owes: progress, a withdrawal, more time, names for its posts. Each
 * is aimed by an obligation's id or by a duty and its period, and held against the brief before it
 * is queued.
 */
#include <string.h>
#include <time.h>

#include "agent/desk/act.h"
#include "config/load/file.h"
#include "config/model/arena.h"
#include "config/model/date.h"
#include "proto/pack.h"

#define TEXT_BYTES_MAX 60000

struct own {
    const struct mst_desk *desk;
    struct mst_local *local;
    struct mst_brief brief;
    struct mst_desk_aim aim;
};

/* Both give an exit code, and say themselves what went wrong. */
typedef int (*own_fn)(struct own *own);

static int with_aim(const struct mst_desk *desk, own_fn fn)
{
    struct mst_err err;
    struct own own = {.desk = desk};
    if (mst_local_open(desk->home, &own.local, &err))
        return mst_desk_complain(&err);
    int rc = MST_EXIT_REFUSED;
    int code = mst_brief_fetch(own.local, &own.brief, &err);
    if (code) {
        rc = mst_desk_complain(&err);
    } else {
        code = mst_desk_aim(&own.brief, mst_call_value(desk->call, "what"),
                            mst_call_value(desk->call, "period"), &own.aim, &err);
        rc = code ? mst_desk_complain(&err) : fn(&own);
        mst_brief_done(&own.brief);
    }
    mst_local_close(own.local);
    return rc;
}

/* data NULL: no body */
static int perform(const struct own *own, const char *word, const char *reason,
                   struct mst_slice body)
{
    const char *obligation = own->aim.obligation;
    const struct mst_desk_act act = {.word = word,
                                     .duty = own->aim.duty,
                                     .period = own->aim.period,
                                     .obligation = obligation[0] ? obligation : NULL,
                                     .reason = reason,
                                     .body = body};
    return mst_desk_perform_asked(own->desk, own->local, &act);
}

static int perform_with_text(const struct own *own, const char *word, const char *key,
                             struct mst_slice text)
{
    struct mst_buf body = {0};
    mst_pack_map(&body, 1);
    mst_pack_text(&body, key);
    mst_pack_text_slice(&body, text);
    int rc = perform(own, word, mst_call_value(own->desk->call, "reason"),
                     mst_bytes(body.data, body.len));
    mst_buf_done(&body);
    return rc;
}

/* Of a task there is nothing but progress to tell, and only who bears a duty does the rest of it.
 */
static int check_borne(const struct own *own, struct mst_err *err)
{
    if (!own->aim.task[0])
        return mst_desk_check_duty(&own->brief, own->aim.duty, err);
    int code = mst_fail(err, MST_E_USAGE, _("%s is a task"), own->aim.task);
    mst_hint(err,
             _("name an obligation (`muster-agent status`); of a task its progress is told "
               "(`muster-agent progress %s --percent N`), and the office changes its dates"),
             own->aim.task);
    return code;
}

/* What of `keys` the command line gives, as the act's body. */
static void pack_values(const struct mst_desk *desk, const char *const *keys, size_t count,
                        struct mst_buf *body)
{
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++)
        pairs += mst_call_value(desk->call, keys[i]) != NULL;
    mst_pack_map(body, pairs);
    for (size_t i = 0; i < count; i++)
        mst_desk_pack_pair(body, keys[i], mst_call_value(desk->call, keys[i]));
}

/* ---- progress ---- */

static int progress_from_file(const struct own *own, const char *path)
{
    struct mst_err err;
    struct mst_slice text;
    struct mst_diags diags = {0};
    struct mst_arena *arena = mst_arena_new();
    int code = arena ? mst_file_read(path, TEXT_BYTES_MAX, arena, &text, &err)
                     : mst_fail_on(&err, MST_E_NOMEM, path);
    int rc = MST_EXIT_REFUSED;
    if (code)
        rc = mst_desk_complain(&err);
    else if (mst_file_check_utf8(path, text, &diags))
        rc = perform_with_text(own, "progress", "text", text);
    mst_diags_print(&diags, stderr);
    mst_diags_done(&diags);
    mst_arena_free(arena);
    return rc;
}

/* Of one task, as a report's body has it. The reason is the light's. */
static int progress_of_task(const struct own *own, const char *task)
{
    static const char *const keys[] = {"percent", "value", "light", "reason", "text"};
    struct mst_err err;
    struct mst_buf body = {0};
    size_t pairs = 1;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        pairs += mst_call_value(own->desk->call, keys[i]) != NULL;
    mst_pack_map(&body, 1);
    mst_pack_text(&body, "tasks");
    mst_pack_array(&body, 1);
    mst_pack_map(&body, pairs);
    mst_desk_pack_pair(&body, "id", task);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        mst_desk_pack_pair(&body, keys[i], mst_call_value(own->desk->call, keys[i]));
    struct mst_slice bytes = mst_bytes(body.data, body.len);
    int code = mst_desk_check_progress(&own->brief, own->aim.duty, bytes, &err);
    int rc = code ? mst_desk_complain(&err) : perform(own, "progress", NULL, bytes);
    mst_buf_done(&body);
    return rc;
}

/* What goes with a task says nothing without one, and a task says nothing without a percentage. */
static int check_progress_usage(const struct own *own, struct mst_err *err)
{
    static const char *const of_task[] = {"percent", "value", "light", "reason"};
    const struct mst_call *call = own->desk->call;
    const char *text = mst_call_value(call, "text"), *named = own->aim.task;
    bool file = mst_call_value(call, "file") != NULL, option = mst_call_value(call, "task") != NULL;
    bool task = named[0] || option;
    for (size_t i = 0; !task && i < sizeof of_task / sizeof of_task[0]; i++) {
        if (mst_call_value(call, of_task[i]))
            return mst_fail(err, MST_E_USAGE, _("--%s goes with --task"), of_task[i]);
    }
    if (named[0] && option)
        return mst_fail(err, MST_E_USAGE, _("%s is a task already; leave out --task"), named);
    if (named[0] && !own->aim.period[0]) {
        int code = mst_fail(err, MST_E_USAGE, _("%s is a task"), named);
        mst_hint(err, "%s",
                 _("name the duty and the period under which its progress is told, and "
                   "the task with --task"));
        return code;
    }
    if (task && file)
        return mst_fail(err, MST_E_USAGE, "%s", _("--task takes --text, not --file"));
    if (task && !mst_call_value(call, "percent"))
        return mst_fail(err, MST_E_USAGE, "%s", _("--task needs --percent: so much of it is done"));
    return task || !text != !file ? 0
                                  : mst_fail(err, MST_E_USAGE, "%s", _("either --text or --file"));
}

static int tell_progress(struct own *own)
{
    struct mst_err err;
    const struct mst_call *call = own->desk->call;
    const char *text = mst_call_value(call, "text"), *task = mst_call_value(call, "task");
    if (check_progress_usage(own, &err))
        return mst_desk_complain(&err);
    own->aim.obligation[0] = '\0'; /* it closes none, and others than the bearer may tell of it */
    if (own->aim.task[0] || task)
        return progress_of_task(own, task ? task : own->aim.task);
    return text ? perform_with_text(own, "progress", "text", mst_text(text))
                : progress_from_file(own, mst_call_value(call, "file"));
}

int mst_desk_progress(const struct mst_desk *desk)
{
    return with_aim(desk, tell_progress);
}

/* ---- more time ---- */

/* Ahead, and after the due date. */
static int check_until(struct own *own, mst_day until, struct mst_err *err)
{
    struct mst_slice status;
    struct tm now;
    char date[16];
    int code = mst_desk_agent_status(own->local, &status, err);
    time_t seconds = code ? 0 : (time_t)(mst_unpack_int(status, "now", 0) / 1000);
    if (!code && mst_unpack_bool(status, "connected", false) && localtime_r(&seconds, &now)) {
        mst_day today = mst_day_of(now.tm_year + 1900, now.tm_mon + 1, now.tm_mday);
        if (until < today) {
            code = mst_fail(err, MST_E_INVALID, _("%s is past"), mst_day_format(until, date));
            mst_hint(err, _("today is %s"), mst_day_format(today, date));
        }
    }
    return code ? code : mst_desk_check_later(&own->brief, &own->aim, until, err);
}

static int ask_extension(struct own *own)
{
    struct mst_err err;
    mst_day day;
    const char *until = mst_call_value(own->desk->call, "until");
    int code = check_borne(own, &err);
    if (!code)
        code = mst_day_parse(until, &day, &err);
    if (code && err.code == MST_E_SYNTAX) {
        mst_wrap(&err, "--until");
        mst_hint(&err, "%s", _("write year-month-day, e.g. 2023-03-15"));
    }
    if (!code)
        code = check_until(own, day, &err);
    return code ? mst_desk_complain(&err)
                : perform_with_text(own, "extension", "until", mst_text(until));
}

int mst_desk_extension(const struct mst_desk *desk)
{
    return with_aim(desk, ask_extension);
}

/* ---- posts, and a report taken back ---- */

static int perform_with_values(struct own *own, const char *word, const char *const *keys,
                               size_t count)
{
    struct mst_err err;
    struct mst_buf body = {0};
    if (check_borne(own, &err))
        return mst_desk_complain(&err);
    if (count)
        pack_values(own->desk, keys, count, &body);
    int rc = perform(own, word, mst_call_value(own->desk->call, "reason"),
                     mst_bytes(body.data, body.len));
    mst_buf_done(&body);
    return rc;
}

static int fill(struct own *own)
{
    static const char *const keys[] = {"post", "name", "phone", "address"};
    return perform_with_values(own, "fill", keys, sizeof keys / sizeof keys[0]);
}

int mst_desk_fill(const struct mst_desk *desk)
{
    return with_aim(desk, fill);
}

static int vacate(struct own *own)
{
    static const char *const keys[] = {"post"};
    return perform_with_values(own, "vacate", keys, sizeof keys / sizeof keys[0]);
}

int mst_desk_vacate(const struct mst_desk *desk)
{
    return with_aim(desk, vacate);
}

static int withdraw(struct own *own)
{
    return perform_with_values(own, "withdraw", NULL, 0);
}

int mst_desk_withdraw(const struct mst_desk *desk)
{
    return with_aim(desk, withdraw);
}
