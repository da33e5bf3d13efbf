/* SPDX-License-Identifier: Apache-2.0 */
/* Acts of the office upon no obligation: a task in force is amended, a group's progress is opened
 * to others until a date. */
#include <string.h>

#include "broker/io/errand.h"
#include "proto/pack.h"

/* "a,b" as an array; "none" is an empty one. */
static void pack_units(struct mst_buf *out, const char *list)
{
    size_t count = 1;
    for (const char *at = list; (at = strchr(at, ',')); at++)
        count++;
    if (strcmp(list, "none") == 0)
        count = 0;
    mst_pack_array(out, count);
    for (const char *at = list; count > 0; count--) {
        size_t len = strcspn(at, ",");
        mst_pack_text_slice(out, mst_bytes(at, len));
        at += len + (at[len] == ',');
    }
}

static void pack_amendment(const struct mst_errand *e, struct mst_buf *body)
{
    static const char *const fields[] = {"owner", "due", "helpers"};
    char text[MST_TEXT_ARG_MAX];
    size_t given = 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        given += mst_errand_arg(e, fields[i], text) != NULL;
    mst_pack_map(body, given);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!mst_errand_arg(e, fields[i], text))
            continue;
        mst_pack_text(body, fields[i]);
        if (strcmp(fields[i], "helpers") == 0)
            pack_units(body, text);
        else
            mst_pack_text(body, text);
    }
}

static int preview(struct mst_errand *e, const struct mst_input_act *input, struct mst_err *err)
{
    struct mst_amended amended[MST_AMENDED_MAX];
    struct mst_buf bufs[MST_AMENDED_MAX] = {{0}};
    struct mst_slice rows[MST_AMENDED_MAX];
    const char *subject;
    size_t count;
    bool failed = false;
    enum mst_code code = mst_core_amend_preview(mst_engine_core(e->s->engine), input, e->now,
                                                amended, &count, &subject);
    if (code != MST_OK) {
        char said[256];
        mst_slice_copy(mst_text(subject), said, sizeof said);
        if (code == MST_R_STATE)
            mst_core_say_state(mst_engine_core(e->s->engine), said);
        return mst_errand_refuse(e, code, said);
    }
    for (size_t i = 0; i < count; i++) {
        mst_amended_pack(mst_engine_programme(e->s->engine), input->obligation, &amended[i],
                         &bufs[i]);
        failed = failed || bufs[i].failed;
        rows[i] = mst_bytes(bufs[i].data, bufs[i].len);
    }
    if (!failed)
        mst_session_reply(e->b, e->s, e->id, MST_OK, "", (struct mst_slices){rows, count});
    for (size_t i = 0; i < count; i++)
        mst_buf_done(&bufs[i]);
    return failed ? mst_fail_on(err, MST_E_NOMEM, "amend-task") : 0;
}

int mst_act_amend(struct mst_errand *e, struct mst_err *err)
{
    char task[MST_TEXT_ARG_MAX], reason[MST_TEXT_ARG_MAX], flag[MST_TEXT_ARG_MAX];
    struct mst_buf body = {0};
    struct mst_input_act input = {.actor = e->caller.actor.principal,
                                  .roles = e->caller.actor.roles,
                                  .act = "amend-task",
                                  .obligation = mst_errand_arg(e, "task", task),
                                  .reason = mst_errand_arg(e, "reason", reason)};
    if (!input.obligation)
        return mst_errand_refuse(e, MST_E_USAGE, "task");
    pack_amendment(e, &body);
    input.body = mst_bytes(body.data, body.len);
    int code =
        body.failed ? mst_fail_on(err, MST_E_NOMEM, "amend-task")
        : mst_errand_arg(e, "preview", flag)
            ? preview(e, &input, err)
            : mst_driver_act(e->b->driver, e->s->engine, &e->caller, e->id, &input, e->now, err);
    mst_buf_done(&body);
    return code;
}

/* The verb, grant or ungrant, is the act. */
int mst_act_grant(struct mst_errand *e, struct mst_err *err)
{
    char reader[MST_TEXT_ARG_MAX], reason[MST_TEXT_ARG_MAX], text[MST_TEXT_ARG_MAX];
    const struct mst_programme *p = mst_engine_programme(e->s->engine);
    struct mst_buf body = {0};
    struct mst_err why;
    mst_day day;
    struct mst_input_act input = {.actor = e->caller.actor.principal,
                                  .roles = e->caller.actor.roles,
                                  .act = e->verb,
                                  .obligation = mst_errand_arg(e, "reader", reader),
                                  .reason = mst_errand_arg(e, "reason", reason)};
    if (!input.obligation)
        return mst_errand_refuse(e, MST_E_USAGE, "reader");
    if (mst_errand_arg(e, "until", text)) {
        if (mst_day_parse(text, &day, &why))
            return mst_errand_refuse_word(e, "until", text, N_("it is no date"));
        input.until = mst_zone_midnight(p->zone, day + 1);
    }
    mst_pack_map(&body, 1);
    mst_pack_text(&body, "group");
    mst_pack_text(&body, mst_errand_arg(e, "group", text) ? text : "");
    input.body = mst_bytes(body.data, body.len);
    int code = body.failed ? mst_fail_on(err, MST_E_NOMEM, e->verb)
                           : mst_driver_act(e->b->driver, e->s->engine, &e->caller, e->id, &input,
                                            e->now, err);
    mst_buf_done(&body);
    return code;
}
