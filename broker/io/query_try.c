/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would become of an act of the asking unit, said before it is sent. The engine itself judges
 * it: a core of the query's own, filled from what is stored, takes the report, and is thrown away
 * with all that came of it. Acts that need more than obligations to be judged, tasks and
 * difficulties for some, are not asked about here.
 */
#include <stdio.h>

#include "broker/io/query.h"

static const char *const acts[] = {"progress", "withdraw", "extension", "fill",    "vacate",
                                   "receive",  "review",   "return",    "approve", "urge"};
/* What the body of such an act has; `progress` is judged without one. */
static const char *const body_fields[] = {"until", "post", "name", "phone", "address"};

#define ACTS (sizeof acts / sizeof acts[0])
#define BODY_FIELDS (sizeof body_fields / sizeof body_fields[0])

static bool is_tried(struct mst_slice act)
{
    for (size_t i = 0; i < ACTS; i++) {
        if (mst_slice_is(act, acts[i]))
            return true;
    }
    return false;
}

static int refuse_act(struct mst_slice act, struct mst_err *err)
{
    char shown[MST_ID_MAX], words[256] = "";
    for (size_t i = 0, used = 0; i < ACTS && used < sizeof words; i++)
        used += (size_t)snprintf(words + used, sizeof words - used, "%s%s", i ? "|" : "", acts[i]);
    return mst_fail(err, MST_E_USAGE, "%s: %s", mst_slice_show(act, shown, sizeof shown), words);
}

static void pack_body(const struct mst_query *q, struct mst_buf *body)
{
    size_t given = 0;
    for (size_t i = 0; i < BODY_FIELDS; i++)
        given += mst_unpack_text(q->args, body_fields[i]).data != NULL;
    mst_pack_map(body, given);
    for (size_t i = 0; i < BODY_FIELDS; i++) {
        struct mst_slice value = mst_unpack_text(q->args, body_fields[i]);
        if (!value.data)
            continue;
        mst_pack_text(body, body_fields[i]);
        mst_pack_text_slice(body, value);
    }
}

/* The one answer among the effects; time may have brought others, which answer nothing. */
static enum mst_code answer_in(const struct mst_core *core, const struct mst_effects *effects,
                               char subject[256])
{
    subject[0] = '\0';
    for (size_t i = 0; i < effects->count; i++) {
        const struct mst_effect *e = &effects->items[i];
        if (e->kind != MST_EFFECT_REFUSED)
            continue;
        mst_slice_copy(mst_text(e->u.refused.subject), subject, 256);
        if (e->u.refused.code == MST_R_STATE)
            mst_core_say_state(core, subject);
        return e->u.refused.code;
    }
    return MST_OK;
}

static int put_answer(struct mst_query *q, enum mst_code code, const char *subject,
                      struct mst_err *err)
{
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 2);
    mst_query_pack_text(b, "code", mst_code_word((int)code));
    mst_query_pack_text(b, "subject", subject);
    return mst_query_row_end(q, err);
}

static int judge(struct mst_query *q, struct mst_core *core, const struct mst_msg_report *report,
                 struct mst_err *err)
{
    char subject[256];
    struct mst_effects effects = {0};
    struct mst_input input = {.kind = MST_INPUT_REPORT, .now = q->now};
    input.u.report.unit = q->actor.unit;
    input.u.report.report = report;
    int code = mst_core_step(core, &input, &effects, err);
    if (!code)
        code = put_answer(q, answer_in(core, &effects, subject), subject, err);
    mst_effects_done(&effects);
    return code;
}

int mst_query_try(struct mst_query *q, struct mst_err *err)
{
    if (!mst_query_may(q, q->actor.unit, NULL))
        return mst_fail(err, MST_E_DENIED, "try");
    struct mst_buf body = {0};
    struct mst_core *core = NULL;
    struct mst_msg_report report = {.act = mst_unpack_text(q->args, "act"),
                                    .unit = mst_text(q->actor.unit),
                                    .at = (uint64_t)q->now,
                                    .duty = mst_unpack_text(q->args, "duty"),
                                    .period = mst_unpack_text(q->args, "period"),
                                    .obligation = mst_unpack_text(q->args, "obligation"),
                                    .reason = mst_unpack_text(q->args, "reason")};
    if (!is_tried(report.act))
        return refuse_act(report.act, err);
    pack_body(q, &body);
    report.body = mst_bytes(body.data, body.len);
    int code = body.failed ? mst_fail_on(err, MST_E_NOMEM, "try") : mst_query_core(q, &core, err);
    if (!code)
        code = judge(q, core, &report, err);
    mst_core_free(core);
    mst_buf_done(&body);
    return code;
}
