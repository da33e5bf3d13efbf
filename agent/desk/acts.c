/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that queue something, and waiting for what the broker says to it. */
#include "agent/desk/act.h"

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

void mst_desk_pack_pair(struct mst_buf *out, const char *key, const char *value)
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
    mst_desk_pack_pair(out, "do", "append");
    mst_desk_pack_pair(out, "act", act->word);
    mst_desk_pack_pair(out, "duty", act->duty);
    mst_desk_pack_pair(out, "period", act->period);
    mst_desk_pack_pair(out, "obligation", act->obligation);
    mst_desk_pack_pair(out, "reason", act->reason);
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
    mst_desk_pack_pair(&request, "do", "wait");
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

void mst_desk_hint_standing(struct mst_local *local, const struct mst_desk_act *act,
                            struct mst_err *err)
{
    struct mst_err why;
    struct mst_brief brief;
    struct mst_desk_aim aim = {.task = ""};
    struct mst_slice status;
    if (mst_brief_fetch(local, &brief, &why))
        return;
    snprintf(aim.duty, sizeof aim.duty, "%s", act->duty);
    snprintf(aim.period, sizeof aim.period, "%s", act->period);
    snprintf(aim.obligation, sizeof aim.obligation, "%s", act->obligation ? act->obligation : "");
    if (mst_desk_agent_status(local, &status, &why) == 0)
        mst_desk_hint_submitted(&brief, &aim, (mst_time)mst_unpack_int(status, "now", 0), err);
    mst_brief_done(&brief);
}

static int print_outcome(const struct mst_desk *desk, struct mst_local *local,
                         const struct mst_desk_act *act, struct mst_slice row, struct mst_err *err)
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
        if (err->code == MST_R_STATE && strcmp(act->word, "submit") == 0)
            mst_desk_hint_standing(local, act, err);
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

int mst_desk_perform(const struct mst_desk *desk, struct mst_local *local,
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
    return print_outcome(desk, local, act, row, &err);
}

static int perform(const struct mst_desk *desk, const struct mst_desk_act *act,
                   int (*how)(const struct mst_desk *, struct mst_local *,
                              const struct mst_desk_act *))
{
    struct mst_err err;
    struct mst_local *local;
    if (mst_local_open(desk->home, &local, &err))
        return mst_desk_complain(&err);
    int rc = how(desk, local, act);
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
        rc = mst_desk_perform(desk, local, &act);
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
        rc = mst_desk_perform(desk, local, &act);
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

/* ---- on what another unit owes ---- */

/* An act on another unit's obligation, as the command line names it. */
static struct mst_desk_act act_of(const struct mst_desk *desk, const char *word)
{
    return (struct mst_desk_act){.word = word,
                                 .obligation = mst_call_value(desk->call, "obligation"),
                                 .reason = mst_call_value(desk->call, "reason")};
}

int mst_desk_receive(const struct mst_desk *desk)
{
    const struct mst_desk_act act = act_of(desk, "receive");
    return perform(desk, &act, mst_desk_perform_asked);
}

int mst_desk_review(const struct mst_desk *desk)
{
    const struct mst_desk_act act =
        act_of(desk, mst_call_value(desk->call, "approve") ? "approve" : "review");
    return perform(desk, &act, mst_desk_perform_asked);
}

int mst_desk_return(const struct mst_desk *desk)
{
    const struct mst_desk_act act = act_of(desk, "return");
    return perform(desk, &act, mst_desk_perform_asked);
}

int mst_desk_urge(const struct mst_desk *desk)
{
    const struct mst_desk_act act = act_of(desk, "urge");
    return perform(desk, &act, mst_desk_perform_asked);
}

/* Of difficulties, which more decides on than the broker is asked about beforehand. */
int mst_desk_queue(const struct mst_desk *desk, const char *word, const char *obligation,
                   struct mst_slice body)
{
    const struct mst_desk_act act = {.word = word,
                                     .obligation = obligation,
                                     .reason = mst_call_value(desk->call, "reason"),
                                     .body = body};
    return perform(desk, &act, mst_desk_perform);
}
