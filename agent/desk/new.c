/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report file to begin with. What the unit reported last, and what its members sent where it
 * leads, is asked of the broker through the running agent; without a broker the file has the fields
 * alone, and before the broker has ever told what is owed it has no more than a text: both are
 * said.
 */
#include "agent/desk/desk.h"
#include "config/load/system.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/load/lang.h"
#include "config/model/programme.h"
#include "proto/pack.h"

/* ---- what was said before ---- */

#define SAID_MAX 65 /* the unit's own, and a group's members' */

struct known {
    const struct mst_brief *brief;
    const char *duty, *period;
    struct mst_said said[SAID_MAX];
    size_t count;
    bool over; /* the period asked for, or a later one, has come up */
};

static void known_done(struct known *known)
{
    for (size_t i = 0; i < known->count; i++)
        free((void *)(uintptr_t)known->said[i].body.data);
    known->count = 0;
}

static void name_of(const struct mst_brief *brief, const char *id, char *buf, size_t size)
{
    snprintf(buf, size, "%s", id);
    for (size_t i = 0; i < brief->units_count; i++) {
        if (strcmp(brief->units[i].id, id) == 0)
            snprintf(buf, size, "%s", mst_label(&brief->units[i].name));
    }
}

static int keep(struct known *known, size_t at, struct mst_slice row, bool own, struct mst_err *err)
{
    struct mst_slice body;
    char unit[MST_ID_MAX];
    if (!mst_unpack_find(row, "body", &body))
        return 0;
    uint8_t *copy = malloc(body.len);
    if (!copy)
        return mst_fail_on(err, MST_E_NOMEM, "new");
    memcpy(copy, body.data, body.len);
    struct mst_said *said = &known->said[at];
    if (at < known->count)
        free((void *)(uintptr_t)said->body.data);
    else
        known->count++;
    *said = (struct mst_said){.own = own,
                              .receipt = (uint64_t)mst_unpack_int(row, "receipt", 0),
                              .body = mst_bytes(copy, body.len)};
    mst_slice_copy(mst_unpack_text(row, "unit"), unit, sizeof unit);
    name_of(known->brief, unit, said->who, sizeof said->who);
    mst_slice_copy(mst_unpack_text(row, "duty"), said->duty, sizeof said->duty);
    mst_slice_copy(mst_unpack_text(row, "period"), said->period, sizeof said->period);
    return 0;
}

/* Rows come in the order of their periods: the last one before the period that is asked for. */
static int take_own(void *context, struct mst_slice row, struct mst_err *err)
{
    struct known *known = context;
    known->over = known->over || mst_slice_is(mst_unpack_text(row, "period"), known->period);
    return known->over ? 0 : keep(known, 0, row, true, err);
}

static int take_member(void *context, struct mst_slice row, struct mst_err *err)
{
    struct known *known = context;
    if (mst_slice_is(mst_unpack_text(row, "unit"), known->brief->unit) || known->count == SAID_MAX)
        return 0;
    return keep(known, known->count, row, false, err);
}

/* The receipt of this very report, where it was returned and is to be corrected; 0: it was not. */
static uint64_t returned_receipt(const struct known *known)
{
    const struct mst_buf *rows = &known->brief->obligations;
    struct mst_unpack u;
    struct mst_slice row;
    mst_unpack_init(&u, rows->data, rows->len);
    while (mst_unpack_skip(&u, &row)) {
        if (mst_slice_is(mst_unpack_text(row, "duty"), known->duty) &&
            mst_slice_is(mst_unpack_text(row, "period"), known->period) &&
            mst_slice_is(mst_unpack_text(row, "work"), "returned"))
            return (uint64_t)mst_unpack_int(row, "receipt", 0);
    }
    return 0;
}

/* `report` answers with names and values, the body among them. */
static int take_returned(void *context, struct mst_slice pair, struct mst_err *err)
{
    struct known *known = context;
    struct mst_slice value;
    struct mst_buf row = {0};
    if (!mst_slice_is(mst_unpack_text(pair, "name"), "body") ||
        !mst_unpack_find(pair, "value", &value))
        return 0;
    mst_pack_map(&row, 2);
    mst_pack_text(&row, "period");
    mst_pack_text(&row, known->period);
    mst_pack_text(&row, "body");
    mst_buf_put(&row, value.data, value.len);
    int code = row.failed ? mst_fail_on(err, MST_E_NOMEM, "new")
                          : keep(known, 0, mst_bytes(row.data, row.len), true, err);
    mst_buf_done(&row);
    if (!code)
        known->said[0].returned = true;
    return code;
}

static int ask_what_was_returned(struct mst_local *local, struct known *known, struct mst_err *err)
{
    char receipt[24];
    uint64_t number = returned_receipt(known);
    struct mst_desk_list list = {.verb = "ask", .ask = "report", .args = {{"receipt", receipt}}};
    snprintf(receipt, sizeof receipt, "%" PRIu64, number);
    return number ? mst_desk_pages(local, &list, take_returned, known, err) : 0;
}

/* Whatever keeps an answer away, the file is written; that it lacks something is told. */
static void ask_what_was_said(struct mst_local *local, struct known *known)
{
    const struct mst_brief *brief = known->brief;
    struct mst_desk_list own = {.verb = "ask", .ask = "contents"};
    struct mst_desk_list group = own;
    struct mst_err why;
    own.args[0] = (struct mst_desk_arg){"unit", brief->unit};
    own.args[1] = (struct mst_desk_arg){"duty", known->duty};
    group.args[0] = (struct mst_desk_arg){"group", brief->group};
    group.args[1] = (struct mst_desk_arg){"period", known->period};
    int code = brief->unit[0] ? ask_what_was_returned(local, known, &why) : 0;
    if (!code && brief->unit[0] && known->count == 0)
        code = mst_desk_pages(local, &own, take_own, known, &why);
    if (!code && brief->leads && brief->group[0])
        code = mst_desk_pages(local, &group, take_member, known, &why);
    if (code)
        fprintf(stderr, _("the file does not say what was reported before: %s\n"), why.text);
}

/* ---- the file ---- */

/* Ids go into a file's name and into YAML: nothing but what an id may hold. */
static bool is_id(const char *word)
{
    return word[0] && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789-") == strlen(word);
}

/* Before the first brief nothing is known of the duty's form: the file is a guess. */
static void tell_unknown(const struct mst_brief *brief)
{
    if (!brief->known)
        fprintf(
            stderr, "%s\n",
            _("the broker has not yet told this agent what the unit owes: the file does not have "
              "the duty's fields; make it again once `muster-agent status` says connected"));
}

static int tell_file(const char *path, struct mst_err *err)
{
    struct mst_buf row = {0};
    mst_pack_map(&row, 1);
    mst_pack_text(&row, "file");
    mst_pack_text(&row, path);
    int code = mst_desk_json_line(mst_bytes(row.data, row.len), err);
    mst_buf_done(&row);
    return code;
}

static int write_template(const struct mst_desk *desk, const struct mst_brief *brief,
                          const struct known *known)
{
    struct mst_err err;
    char path[4096];
    const char *duty = known->duty, *period = known->period;
    const char *out_path = mst_call_value(desk->call, "out");
    if (out_path && strcmp(out_path, "-") == 0) {
        mst_report_template(brief, duty, period, known->said, known->count, stdout);
        if (fflush(stdout) == 0 && !ferror(stdout))
            return MST_EXIT_OK;
        mst_fail(&err, MST_E_IO, "%s: %s", _("the output"), strerror(errno));
        return mst_desk_complain(&err);
    }
    snprintf(path, sizeof path, "%s-%s.yaml", duty, period);
    if (out_path)
        snprintf(path, sizeof path, "%s", out_path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out) {
        if (errno == EEXIST)
            mst_fail_on(&err, MST_E_EXISTS, path);
        else
            mst_fail_system(&err, path, errno);
        return mst_desk_complain(&err);
    }
    mst_report_template(brief, duty, period, known->said, known->count, out);
    bool written = fflush(out) == 0 && !ferror(out);
    int failed = errno;
    fclose(out);
    if (!written) {
        unlink(path);
        mst_fail_system(&err, path, failed);
        return mst_desk_complain(&err);
    }
    if (desk->json)
        return tell_file(path, &err) ? mst_desk_complain(&err) : MST_EXIT_OK;
    printf(_("wrote %s; fill it in, then: muster-agent submit %s --wait"), path, path);
    printf("\n");
    return MST_EXIT_OK;
}

static int check_names(const struct mst_brief *brief, const struct mst_desk_aim *aim,
                       struct mst_err *err)
{
    if (aim->task[0]) {
        int code = mst_fail(err, MST_E_USAGE, _("%s is a task"), aim->task);
        mst_hint(err, _("`muster-agent progress %s --percent N` tells of it without a file"),
                 aim->task);
        return code;
    }
    if (!is_id(aim->duty))
        return mst_fail_on(err, MST_E_INVALID, "DUTY");
    const struct mst_desk_duty *own = mst_brief_duty(brief, aim->duty);
    if (!own || own->form)
        return mst_desk_check_duty(brief, aim->duty, err);
    int code = mst_fail(err, MST_E_INVALID, _("no report is filed for a post: %s"), aim->duty);
    mst_hint(err, _("put a name on record with `muster-agent fill %s %s --name NAME`"), aim->duty,
             aim->period);
    return code;
}

int mst_desk_new(const struct mst_desk *desk)
{
    struct mst_err err;
    struct mst_local *local;
    struct mst_brief brief;
    struct mst_desk_aim aim;
    struct known known = {.brief = &brief, .duty = aim.duty, .period = aim.period};
    if (mst_local_open(desk->home, &local, &err))
        return mst_desk_complain(&err);
    int code = mst_brief_fetch(local, &brief, &err);
    if (code) {
        mst_local_close(local);
        return mst_desk_complain(&err);
    }
    code = mst_desk_aim(&brief, mst_call_value(desk->call, "what"),
                        mst_call_value(desk->call, "period"), &aim, &err);
    if (!code)
        code = check_names(&brief, &aim, &err);
    if (!code)
        tell_unknown(&brief);
    if (!code && !aim.obligation[0])
        mst_desk_tell_not_owed(&brief, aim.duty, aim.period);
    if (!code && brief.known)
        ask_what_was_said(local, &known);
    mst_local_close(local);
    int rc = code ? mst_desk_complain(&err) : write_template(desk, &brief, &known);
    known_done(&known);
    mst_brief_done(&brief);
    return rc;
}
