/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that queue something, and waiting for what the broker says to it. */
#include "agent/desk/desk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/link/link.h"
#include "config/load/file.h"
#include "config/model/arena.h"
#include "config/model/date.h"
#include "config/model/period.h"
#include "proto/pack.h"

#define QUEUE_TIMEOUT_MS 30000
#define WAIT_SECONDS 60
#define TEXT_BYTES_MAX 60000

static void pack_pair(struct mst_buf *out, const char *key, const char *value)
{
    if (!value)
        return;
    mst_pack_text(out, key);
    mst_pack_text(out, value);
}

static void pack_act(const struct mst_desk_act *act, struct mst_buf *out)
{
    mst_pack_map(out, (size_t)(2 + (act->duty != NULL) + (act->period != NULL) +
                               (act->obligation != NULL) + (act->reason != NULL) +
                               (act->body.data != NULL)));
    pack_pair(out, "do", "append");
    pack_pair(out, "act", act->word);
    pack_pair(out, "duty", act->duty);
    pack_pair(out, "period", act->period);
    pack_pair(out, "obligation", act->obligation);
    pack_pair(out, "reason", act->reason);
    if (act->body.data) {
        mst_pack_text(out, "body");
        mst_buf_put(out, act->body.data, act->body.len);
    }
}

int mst_desk_check_period(const char *period, struct mst_err *err)
{
    /* Which keys there are does not depend on the month in which the fiscal year starts. */
    struct mst_period parsed;
    int code = mst_period_parse(period, 1, 0, &parsed, err);
    if (code)
        mst_hint(err, "%s", _("see `muster-agent status` for what is owed"));
    return code;
}

static int queue(struct mst_local *local, const struct mst_desk_act *act, uint64_t *ret_number,
                 struct mst_err *err)
{
    struct mst_buf request = {0};
    const struct mst_msg_reply *reply;
    pack_act(act, &request);
    int code =
        mst_local_call(local, mst_bytes(request.data, request.len), QUEUE_TIMEOUT_MS, &reply, err);
    mst_buf_done(&request);
    if (code)
        return code;
    int64_t number = reply->rows.count == 1 ? mst_unpack_int(reply->rows.items[0], "number", 0) : 0;
    if (number <= 0)
        return mst_fail_on(err, MST_E_PROTOCOL, "number");
    *ret_number = (uint64_t)number;
    return 0;
}

/* ---- the outcome ---- */

static int await_outcome(struct mst_local *local, uint64_t number, int seconds,
                         struct mst_slice *ret_row, struct mst_err *err)
{
    struct mst_buf request = {0};
    const struct mst_msg_reply *reply;
    mst_pack_map(&request, 2);
    pack_pair(&request, "do", "wait");
    mst_pack_text(&request, "number");
    mst_pack_uint(&request, number);
    int code =
        mst_local_call(local, mst_bytes(request.data, request.len), seconds * 1000, &reply, err);
    mst_buf_done(&request);
    if (code == MST_E_TIMEOUT) {
        mst_fail(err, MST_E_TIMEOUT, _("no receipt yet for %" PRIu64), number);
        mst_hint(err, "%s",
                 _("it is queued and will be sent; look later with `muster-agent receipts`"));
    }
    if (!code && reply->rows.count != 1)
        code = mst_fail_on(err, MST_E_PROTOCOL, "wait");
    if (!code)
        *ret_row = reply->rows.items[0];
    return code;
}

static int print_outcome(const struct mst_desk *desk, struct mst_slice row, struct mst_err *err)
{
    struct mst_buf json = {0};
    if (desk->json) {
        int code = mst_json(row, &json, err);
        if (!code)
            printf("%.*s\n", (int)json.len, (const char *)json.data);
        mst_buf_done(&json);
        if (code)
            return mst_desk_complain(err);
    }
    struct mst_slice refusal = mst_unpack_text(row, "code");
    if (refusal.len > 0) {
        (void)mst_link_fault(refusal, mst_unpack_text(row, "subject"), mst_text(""), mst_text(""),
                             err);
        if (err->code == MST_R_STATE && strcmp(desk->call->command->word, "submit") == 0)
            mst_hint(
                err, "%s",
                _("what was submitted is with the receiver: `muster-agent withdraw DUTY PERIOD` "
                  "takes it back before its review; else it has to be returned"));
        (void)mst_desk_complain(err);
        return MST_EXIT_REFUSED;
    }
    if (!desk->json) {
        printf(_("receipt %" PRId64), mst_unpack_int(row, "receipt", 0));
        printf("\n");
    }
    return MST_EXIT_OK;
}

static void print_queued(const struct mst_desk *desk, uint64_t number)
{
    if (desk->json) {
        printf("{\"number\":%" PRIu64 "}\n", number);
    } else {
        printf(_("queued %" PRIu64), number);
        printf("\n");
    }
    fflush(stdout);
}

static int perform_with(const struct mst_desk *desk, struct mst_local *local,
                        const struct mst_desk_act *act)
{
    struct mst_err err;
    struct mst_slice row;
    uint64_t number = 0;
    const char *seconds = mst_call_value(desk->call, "seconds");
    bool wait = mst_call_value(desk->call, "wait") || seconds;
    if (queue(local, act, &number, &err))
        return mst_desk_complain(&err);
    if (!wait || !desk->json)
        print_queued(desk, number);
    if (!wait)
        return MST_EXIT_OK;
    int limit = seconds ? atoi(seconds) : WAIT_SECONDS;
    if (await_outcome(local, number, limit > 0 && limit <= 86400 ? limit : WAIT_SECONDS, &row,
                      &err))
        return mst_desk_complain(&err);
    return print_outcome(desk, row, &err);
}

static int perform(const struct mst_desk *desk, const struct mst_desk_act *act)
{
    struct mst_err err;
    struct mst_local *local;
    if ((act->period && mst_desk_check_period(act->period, &err)) ||
        mst_local_open(desk->home, &local, &err))
        return mst_desk_complain(&err);
    int rc = MST_EXIT_REFUSED;
    if (mst_desk_try(desk, local, act, &err))
        (void)mst_desk_complain(&err);
    else
        rc = perform_with(desk, local, act);
    mst_local_close(local);
    return rc;
}

/* ---- report files ---- */

static int submit_with(const struct mst_desk *desk, struct mst_local *local)
{
    struct mst_err err;
    struct mst_brief brief;
    struct mst_diags diags = {0};
    struct mst_report_file report;
    if (mst_brief_fetch(local, &brief, &err))
        return mst_desk_complain(&err);
    int code = mst_report_load(mst_call_value(desk->call, "file"), &brief, &diags, &report, &err);
    mst_diags_print(&diags, stderr);
    mst_diags_done(&diags);
    if (!code && !report.obligation[0])
        mst_desk_tell_not_owed(&brief, report.duty, report.period);
    mst_brief_done(&brief);
    if (code)
        return mst_desk_complain(&err);
    const struct mst_desk_act act = {.word = "submit",
                                     .duty = report.duty,
                                     .period = report.period,
                                     .obligation = report.obligation[0] ? report.obligation : NULL,
                                     .body = mst_bytes(report.body.data, report.body.len)};
    int rc = MST_EXIT_OK;
    if (mst_call_value(desk->call, "check"))
        printf("%s\n", _("nothing is wrong with it"));
    else
        rc = perform_with(desk, local, &act);
    mst_report_done(&report);
    return rc;
}

int mst_desk_submit(const struct mst_desk *desk)
{
    struct mst_err err;
    struct mst_local *local;
    if (mst_local_open(desk->home, &local, &err))
        return mst_desk_complain(&err);
    int rc = submit_with(desk, local);
    mst_local_close(local);
    return rc;
}

/* ---- the other acts ---- */

/* An act on one's own duty, or on another unit's obligation, as the command line names it. */
static struct mst_desk_act act_of(const struct mst_desk *desk, const char *word)
{
    return (struct mst_desk_act){.word = word,
                                 .duty = mst_call_value(desk->call, "duty"),
                                 .period = mst_call_value(desk->call, "period"),
                                 .obligation = mst_call_value(desk->call, "obligation"),
                                 .reason = mst_call_value(desk->call, "reason")};
}

static int perform_with_body(const struct mst_desk *desk, const char *word, const char *key,
                             const char *value, size_t len)
{
    struct mst_buf body = {0};
    struct mst_desk_act act = act_of(desk, word);
    mst_pack_map(&body, 1);
    mst_pack_text(&body, key);
    mst_pack_text_slice(&body, mst_bytes(value, len));
    act.body = mst_bytes(body.data, body.len);
    int rc = perform(desk, &act);
    mst_buf_done(&body);
    return rc;
}

static int progress_from_file(const struct mst_desk *desk, const char *path)
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
        rc = perform_with_body(desk, "progress", "text", (const char *)text.data, text.len);
    mst_diags_print(&diags, stderr);
    mst_diags_done(&diags);
    mst_arena_free(arena);
    return rc;
}

/* Held against the brief before it is queued. */
static int perform_checked(const struct mst_desk *desk, const struct mst_desk_act *act)
{
    struct mst_err err;
    struct mst_local *local;
    struct mst_brief brief;
    if (mst_desk_check_period(act->period, &err) || mst_local_open(desk->home, &local, &err))
        return mst_desk_complain(&err);
    int code = mst_brief_fetch(local, &brief, &err);
    if (!code) {
        code = mst_desk_check_progress(&brief, act->duty, act->body, &err);
        mst_brief_done(&brief);
    }
    int rc = code ? mst_desk_complain(&err) : perform_with(desk, local, act);
    mst_local_close(local);
    return rc;
}

/* Of one task, as a report's body has it. */
static int progress_of_task(const struct mst_desk *desk)
{
    static const char *const keys[] = {"percent", "value", "light", "reason", "text"};
    struct mst_buf body = {0};
    struct mst_desk_act act = act_of(desk, "progress");
    size_t pairs = 1;
    act.reason = NULL; /* it is the light's */
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        pairs += mst_call_value(desk->call, keys[i]) != NULL;
    mst_pack_map(&body, 1);
    mst_pack_text(&body, "tasks");
    mst_pack_array(&body, 1);
    mst_pack_map(&body, pairs);
    pack_pair(&body, "id", mst_call_value(desk->call, "task"));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        pack_pair(&body, keys[i], mst_call_value(desk->call, keys[i]));
    act.body = mst_bytes(body.data, body.len);
    int rc = perform_checked(desk, &act);
    mst_buf_done(&body);
    return rc;
}

/* What goes with a task says nothing without one, and a task says nothing without a percentage. */
static int check_progress_usage(const struct mst_desk *desk, struct mst_err *err)
{
    static const char *const of_task[] = {"percent", "value", "light", "reason"};
    const char *text = mst_call_value(desk->call, "text");
    const char *file = mst_call_value(desk->call, "file");
    bool task = mst_call_value(desk->call, "task") != NULL;
    for (size_t i = 0; !task && i < sizeof of_task / sizeof of_task[0]; i++) {
        if (mst_call_value(desk->call, of_task[i]))
            return mst_fail(err, MST_E_USAGE, _("--%s goes with --task"), of_task[i]);
    }
    if (task && file)
        return mst_fail(err, MST_E_USAGE, "%s", _("--task takes --text, not --file"));
    if (task && !mst_call_value(desk->call, "percent"))
        return mst_fail(err, MST_E_USAGE, "%s", _("--task needs --percent: so much of it is done"));
    return task || !text != !file ? 0
                                  : mst_fail(err, MST_E_USAGE, "%s", _("either --text or --file"));
}

int mst_desk_progress(const struct mst_desk *desk)
{
    struct mst_err err;
    const char *text = mst_call_value(desk->call, "text");
    if (check_progress_usage(desk, &err))
        return mst_desk_complain(&err);
    if (mst_call_value(desk->call, "task"))
        return progress_of_task(desk);
    return text ? perform_with_body(desk, "progress", "text", text, strlen(text))
                : progress_from_file(desk, mst_call_value(desk->call, "file"));
}

/* Ahead, and after the due date. The agent's clock is a rehearsal's once it has met a rehearsing
 * broker; before, it tells nothing that a date could be held against. */
static int check_until(const struct mst_desk *desk, mst_day until, struct mst_err *err)
{
    struct mst_local *local;
    struct mst_slice status;
    struct tm now;
    char date[16];
    int code = mst_local_open(desk->home, &local, err);
    if (code)
        return code;
    code = mst_desk_agent_status(local, &status, err);
    time_t seconds = code ? 0 : (time_t)(mst_unpack_int(status, "now", 0) / 1000);
    if (!code && mst_unpack_bool(status, "connected", false) && localtime_r(&seconds, &now)) {
        mst_day today = mst_day_of(now.tm_year + 1900, now.tm_mon + 1, now.tm_mday);
        if (until < today) {
            code = mst_fail(err, MST_E_INVALID, _("%s is past"), mst_day_format(until, date));
            mst_hint(err, _("today is %s"), mst_day_format(today, date));
        }
    }
    struct mst_brief brief;
    if (!code)
        code = mst_brief_fetch(local, &brief, err);
    if (!code) {
        code = mst_desk_check_later(&brief, mst_call_value(desk->call, "duty"),
                                    mst_call_value(desk->call, "period"), until, err);
        mst_brief_done(&brief);
    }
    mst_local_close(local);
    return code;
}

int mst_desk_extension(const struct mst_desk *desk)
{
    struct mst_err err;
    mst_day day;
    const char *until = mst_call_value(desk->call, "until");
    int code = mst_day_parse(until, &day, &err);
    if (code) {
        mst_wrap(&err, "--until");
        mst_hint(&err, "%s", _("write year-month-day, e.g. 2023-03-15"));
    } else {
        code = check_until(desk, day, &err);
    }
    if (code)
        return mst_desk_complain(&err);
    return perform_with_body(desk, "extension", "until", until, strlen(until));
}

/* ---- posts ---- */

/* What of `keys` the command line gives, as the act's body. */
static void pack_values(const struct mst_desk *desk, const char *const *keys, size_t count,
                        struct mst_buf *body)
{
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++)
        pairs += mst_call_value(desk->call, keys[i]) != NULL;
    mst_pack_map(body, pairs);
    for (size_t i = 0; i < count; i++)
        pack_pair(body, keys[i], mst_call_value(desk->call, keys[i]));
}

/* A post is named by its obligation's id, which has slashes, or by duty and period. */
static int perform_on_post(const struct mst_desk *desk, const char *word, const char *const *keys,
                           size_t count)
{
    struct mst_err err;
    struct mst_buf body = {0};
    const char *what = mst_call_value(desk->call, "what"),
               *period = mst_call_value(desk->call, "period");
    bool is_obligation = strchr(what, '/') != NULL;
    if (is_obligation == (period != NULL)) {
        mst_fail(&err, MST_E_USAGE, "%s", _("either an obligation's id, or a duty and its period"));
        return mst_desk_complain(&err);
    }
    pack_values(desk, keys, count, &body);
    const struct mst_desk_act act = {.word = word,
                                     .duty = is_obligation ? NULL : what,
                                     .period = period,
                                     .obligation = is_obligation ? what : NULL,
                                     .reason = mst_call_value(desk->call, "reason"),
                                     .body = mst_bytes(body.data, body.len)};
    int rc = perform(desk, &act);
    mst_buf_done(&body);
    return rc;
}

int mst_desk_fill(const struct mst_desk *desk)
{
    static const char *const keys[] = {"post", "name", "phone", "address"};
    return perform_on_post(desk, "fill", keys, sizeof keys / sizeof keys[0]);
}

int mst_desk_vacate(const struct mst_desk *desk)
{
    static const char *const keys[] = {"post"};
    return perform_on_post(desk, "vacate", keys, sizeof keys / sizeof keys[0]);
}

/* ---- signing for tasks ---- */

/* An amended task is signed for again, under its id with a number behind a point. */
static bool is_signing(struct mst_slice row, const char *task)
{
    char subject[128];
    mst_slice_copy(mst_unpack_text(row, "subject"), subject, sizeof subject);
    subject[strcspn(subject, ".")] = '\0';
    return strcmp(subject, task) == 0;
}

/* Queue signing for what waits and matches; *ret_count grows by how many. */
static int sign_waiting(const struct mst_desk *desk, struct mst_local *local,
                        const struct mst_brief *brief, size_t *ret_count)
{
    const char *task = mst_call_value(desk->call, "task");
    struct mst_unpack u;
    struct mst_slice row;
    int rc = MST_EXIT_OK;
    mst_unpack_init(&u, brief->obligations.data, brief->obligations.len);
    while (rc == MST_EXIT_OK && mst_unpack_skip(&u, &row)) {
        char id[128];
        mst_slice_copy(mst_unpack_text(row, "id"), id, sizeof id);
        if (!mst_slice_is(mst_unpack_text(row, "kind"), "sign-for") ||
            !mst_slice_is(mst_unpack_text(row, "work"), "awaiting") ||
            (task && !is_signing(row, task) && strcmp(id, task) != 0))
            continue;
        struct mst_desk_act act = {
            .word = "sign-for", .obligation = id, .reason = mst_call_value(desk->call, "reason")};
        rc = perform_with(desk, local, &act);
        (*ret_count)++;
    }
    return rc;
}

static int sign_with(const struct mst_desk *desk, struct mst_local *local)
{
    struct mst_err err;
    struct mst_brief brief;
    size_t count = 0;
    const char *task = mst_call_value(desk->call, "task");
    if (mst_brief_fetch(local, &brief, &err))
        return mst_desk_complain(&err);
    int rc = sign_waiting(desk, local, &brief, &count);
    mst_brief_done(&brief);
    if (rc != MST_EXIT_OK || count > 0)
        return rc;
    if (!task) {
        printf("%s\n", _("nothing waits to be signed for"));
        return MST_EXIT_OK;
    }
    mst_fail(&err, MST_E_UNKNOWN, _("no task %s waits to be signed for"), task);
    mst_hint(&err, "%s", _("see `muster-agent tasks`"));
    return mst_desk_complain(&err);
}

int mst_desk_sign_for(const struct mst_desk *desk)
{
    struct mst_err err;
    struct mst_local *local;
    if (!mst_call_value(desk->call, "task") == !mst_call_value(desk->call, "all")) {
        mst_fail(&err, MST_E_USAGE, "%s", _("either a task's id, or --all"));
        return mst_desk_complain(&err);
    }
    if (mst_local_open(desk->home, &local, &err))
        return mst_desk_complain(&err);
    int rc = sign_with(desk, local);
    mst_local_close(local);
    return rc;
}

/* ---- acts without a body ---- */

int mst_desk_withdraw(const struct mst_desk *desk)
{
    const struct mst_desk_act act = act_of(desk, "withdraw");
    return perform(desk, &act);
}

int mst_desk_receive(const struct mst_desk *desk)
{
    const struct mst_desk_act act = act_of(desk, "receive");
    return perform(desk, &act);
}

int mst_desk_review(const struct mst_desk *desk)
{
    const struct mst_desk_act act =
        act_of(desk, mst_call_value(desk->call, "approve") ? "approve" : "review");
    return perform(desk, &act);
}

int mst_desk_return(const struct mst_desk *desk)
{
    const struct mst_desk_act act = act_of(desk, "return");
    return perform(desk, &act);
}

int mst_desk_urge(const struct mst_desk *desk)
{
    const struct mst_desk_act act = act_of(desk, "urge");
    return perform(desk, &act);
}

/* Of difficulties, which more decides on than the broker is asked about beforehand. */
int mst_desk_queue(const struct mst_desk *desk, const char *word, const char *obligation,
                   struct mst_slice body)
{
    struct mst_err err;
    struct mst_local *local;
    const struct mst_desk_act act = {.word = word,
                                     .obligation = obligation,
                                     .reason = mst_call_value(desk->call, "reason"),
                                     .body = body};
    if (mst_local_open(desk->home, &local, &err))
        return mst_desk_complain(&err);
    int rc = perform_with(desk, local, &act);
    mst_local_close(local);
    return rc;
}
