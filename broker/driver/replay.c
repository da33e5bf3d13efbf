/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replay's walk: which rows are inputs, what each of them is to the core, and what must stand
 * in the rows that follow. Its bookkeeping of expected rows lies in replay_expect.c.
 *
 * A start is replayed as a start: the core is thrown away and filled again from its obligations,
 * with the programme that the row names, just as the broker did then.
 */
#include "broker/driver/replay.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/driver/driver.h"
#include "broker/driver/heard.h"
#include "broker/driver/replay_impl.h"
#include "broker/driver/sources.h"
#include "config/load/testing.h"
#include "proto/pack.h"
#include "proto/validate.h"

#define PROGRESS_ROWS 1000
/* Rows that are added meanwhile are replayed too; so often, then obligations are not compared. */
#define PASSES_MAX 20

/* ---- who sent a run ---- */

static int match_outbox(void *context, const struct mst_outbox *outbox)
{
    struct mst_replay *r = context;
    if (outbox->number != r->outbox)
        return 0;
    memcpy(r->unit, outbox->unit, sizeof r->unit);
    return 1;
}

/* Put the unit of an outbox into r->unit; empty when there is no such outbox. */
static int find_unit(struct mst_replay *r, uint64_t outbox)
{
    if (r->outbox == outbox && r->unit[0])
        return 0;
    r->outbox = outbox;
    r->unit[0] = '\0';
    return mst_reader_outboxes(r->reader, r->pid, match_outbox, r, r->err);
}

/* ---- feeding the core ---- */

static int step(struct mst_replay *r, const struct mst_input *input, enum mst_code *ret_refused,
                char ret_subject[256])
{
    *ret_refused = MST_OK;
    r->result->inputs++;
    mst_effects_clear(&r->effects);
    int code = mst_core_step(r->core, input, &r->effects, r->err);
    for (size_t i = 0; !code && i < r->effects.count; i++) {
        const struct mst_effect *effect = &r->effects.items[i];
        if (effect->kind == MST_EFFECT_TRANSITION)
            code = mst_replay_expect_transition(r, effect->u.transition);
        else if (effect->kind == MST_EFFECT_ALERT)
            code = mst_replay_expect_alert(r, effect->u.alert);
        else if (effect->kind == MST_EFFECT_ITEM_MOVE)
            code = mst_replay_expect_item_move(r, effect->u.item_move);
        if (effect->kind != MST_EFFECT_REFUSED)
            continue;
        *ret_refused = effect->u.refused.code;
        memcpy(ret_subject, effect->u.refused.subject, sizeof effect->u.refused.subject);
    }
    return code;
}

static int feed(struct mst_replay *r, const struct mst_input *input)
{
    enum mst_code refused;
    char subject[256];
    int code = step(r, input, &refused, subject);
    return code || refused == MST_OK ? code : mst_replay_expect_refusal(r, 0, refused, subject);
}

static int feed_act(struct mst_replay *r, const struct mst_row *row)
{
    /* An act that touches no obligation (a confirmed clock) tells no roles. */
    if (mst_unpack_int(row->bytes, "roles", -1) < 0)
        return 0;
    /* Whole, since what is too long was refused: cut to what fits it would be accepted here. */
    char actor[72], act[MST_ID_MAX], obligation[MST_ACT_TEXT_MAX], reason[MST_ACT_TEXT_MAX];
    char number[MST_ACT_TEXT_MAX], successor[MST_ACT_TEXT_MAX];
    struct mst_slice other = mst_unpack_text(row->bytes, "successor");
    struct mst_slice why = mst_unpack_text(row->bytes, "reason");
    struct mst_slice record = mst_unpack_text(row->bytes, "number");
    struct mst_input input = {.kind = MST_INPUT_ACT, .now = row->at};
    input.u.act = (struct mst_input_act){
        .actor = mst_slice_copy(mst_unpack_text(row->bytes, "actor"), actor, sizeof actor),
        .roles = (unsigned)mst_unpack_int(row->bytes, "roles", 0),
        .act = mst_slice_copy(mst_unpack_text(row->bytes, "act"), act, sizeof act),
        .obligation =
            mst_slice_copy(mst_unpack_text(row->bytes, "subject"), obligation, sizeof obligation),
        .reason = why.len ? mst_slice_copy(why, reason, sizeof reason) : NULL,
        .number = record.len ? mst_slice_copy(record, number, sizeof number) : NULL,
        .successor = other.len ? mst_slice_copy(other, successor, sizeof successor) : NULL,
        .body = mst_unpack_bin(row->bytes, "body"),
        .until = mst_unpack_int(row->bytes, "until", 0),
        .override = mst_unpack_bool(row->bytes, "override", false),
    };
    return feed(r, &input);
}

/* One report of the run that is complete. */
static int feed_report(struct mst_replay *r, const struct mst_run *run, size_t index)
{
    const struct mst_replay_report *report = &r->reports[index];
    struct mst_slice bytes = mst_bytes(r->report_bytes.data + report->at, report->len);
    uint64_t seq = run->first + index;
    enum mst_code refused;
    char subject[256] = "";
    struct mst_msg_report read;
    struct mst_err why;
    int code = 0;
    if (mst_msg_decode_report(bytes, &read, &why)) {
        refused = MST_R_FORM;
        mst_slice_copy(mst_text(why.text), subject, sizeof subject);
    } else if (!mst_slice_is(read.unit, r->unit)) {
        refused = MST_E_IDENTITY;
        mst_slice_copy(read.unit, subject, sizeof subject);
    } else {
        struct mst_input input = {.kind = MST_INPUT_REPORT, .now = report->received};
        input.u.report.unit = r->unit;
        input.u.report.report = &read;
        input.u.report.row = run->row_first + index;
        code = step(r, &input, &refused, subject);
    }
    return code || refused == MST_OK ? code : mst_replay_expect_refusal(r, seq, refused, subject);
}

/* The broker put all rows of a run before it fed the first: so it is done here. */
static int take_report(struct mst_replay *r, const struct mst_row *row)
{
    const struct mst_run *run = row->run;
    int code = find_unit(r, run->outbox);
    if (code)
        return code;
    if (!r->unit[0])
        return mst_replay_differ(r, row->row, "a report of an outbox that is not there");
    if (r->reports_count == r->reports_cap) {
        size_t cap = r->reports_cap ? 2 * r->reports_cap : 64;
        struct mst_replay_report *grown = realloc(r->reports, cap * sizeof *grown);
        if (!grown)
            return mst_fail_on(r->err, MST_E_NOMEM, "reports");
        r->reports = grown;
        r->reports_cap = cap;
    }
    r->reports[r->reports_count++] = (struct mst_replay_report){
        .received = row->at, .at = r->report_bytes.len, .len = row->bytes.len};
    mst_buf_put(&r->report_bytes, row->bytes.data, row->bytes.len);
    if (r->report_bytes.failed)
        return mst_fail_on(r->err, MST_E_NOMEM, "reports");
    if (row->row < run->row_first + (run->last - run->first))
        return 0;
    for (size_t i = 0; !code && i < r->reports_count; i++)
        code = feed_report(r, run, i);
    r->reports_count = 0;
    mst_buf_clear(&r->report_bytes);
    return code;
}

/* ---- starts and programmes ---- */

static int use_programme(struct mst_replay *r, const uint8_t digest[MST_DIGEST_BYTES])
{
    if (r->programme && memcmp(r->programme->digest, digest, MST_DIGEST_BYTES) == 0)
        return 0;
    struct mst_programme *p = NULL;
    int code = mst_sources_load(r->reader, r->pid, digest, &p, r->err);
    if (code)
        return code;
    r->result->programmes++;
    mst_programme_unref(r->programme);
    r->programme = p;
    return 0;
}

static int take_head_instant(void *context, uint64_t row, mst_time at, const uint8_t *head)
{
    (void)head;
    ((struct mst_replay_head *)context)->row = row;
    ((struct mst_replay_head *)context)->at = at;
    return 1;
}

/* What the core keeps beside its obligations: silences, and which agents are told silent. */
static int carry_state(struct mst_replay *r, const struct mst_core *old, struct mst_core *fresh)
{
    struct mst_buf state = {0};
    mst_core_state_pack(old, &state);
    int code = state.failed
                   ? mst_fail_on(r->err, MST_E_NOMEM, "core")
                   : mst_core_restore_state(fresh, mst_bytes(state.data, state.len), r->err);
    mst_buf_done(&state);
    return code;
}

/* The core as it was loaded at a start: its obligations, the evaluated instant, past downtimes. */
static int restart_core(struct mst_replay *r, uint64_t row)
{
    struct mst_core *old = r->core;
    struct mst_core *fresh =
        mst_core_new(r->programme, mst_zone_midnight(r->programme->zone, r->programme->issued));
    if (!fresh)
        return mst_fail_on(r->err, MST_E_NOMEM, "core");
    int code = 0;
    for (size_t i = 0; old && !code && i < mst_core_count(old); i++)
        code = mst_core_restore(fresh, mst_core_at(old, i), r->err);
    for (size_t i = 0; old && !code && i < mst_core_items(old); i++)
        code = mst_core_restore_item(fresh, mst_core_item_at(old, i), r->err);
    if (old && !code)
        code = carry_state(r, old, fresh);
    struct mst_replay_head head = {0};
    if (!code && row > 1)
        code = mst_reader_heads(r->reader, r->pid, row - 1, take_head_instant, &head, r->err);
    if (!code && row > 1) {
        mst_core_restore_now(fresh, head.row == row - 1 ? head.at : r->at);
        for (size_t i = 0; i < r->downs_count; i++)
            mst_core_restore_down(fresh, r->downs[i].from, r->downs[i].to);
    }
    mst_core_free(old);
    r->core = fresh;
    return code;
}

static void remember_down(struct mst_replay *r, mst_time from, mst_time to)
{
    if (r->downs_count == MST_REPLAY_DOWNS) {
        memmove(r->downs, r->downs + 1, (MST_REPLAY_DOWNS - 1) * sizeof r->downs[0]);
        r->downs_count--;
    }
    r->downs[r->downs_count++] = (struct mst_replay_down){from, to};
}

static int take_start(struct mst_replay *r, const struct mst_row *row)
{
    struct mst_slice digest = mst_unpack_bin(row->bytes, "programme_digest");
    if (digest.len != MST_DIGEST_BYTES)
        return mst_replay_differ(r, row->row, "a start that names no programme");
    mst_time down_from = mst_unpack_int(row->bytes, "down_from", 0);
    r->result->starts++;
    r->rehearsal = mst_unpack_bool(row->bytes, "rehearsal", false);
    int code = use_programme(r, digest.data);
    if (!code)
        code = restart_core(r, row->row);
    /* Without a downtime time alone was evaluated; what followed has a row of its own. */
    if (code || down_from == 0)
        return code;
    struct mst_input input = {.kind = MST_INPUT_DOWN, .now = row->at, .u.down_from = down_from};
    remember_down(r, down_from, row->at);
    return feed(r, &input);
}

static int take_programme(struct mst_replay *r, const struct mst_row *row)
{
    /* At a start the digest itself; at a reload an act's map that names it. */
    uint8_t digest[MST_DIGEST_BYTES];
    struct mst_slice hex = mst_unpack_text(row->bytes, "subject");
    size_t len = 0;
    if (row->bytes.len == MST_DIGEST_BYTES)
        memcpy(digest, row->bytes.data, sizeof digest);
    else if (!hex.data ||
             sodium_hex2bin(digest, sizeof digest, (const char *)hex.data, hex.len, NULL, &len,
                            NULL) != 0 ||
             len != sizeof digest)
        return mst_replay_differ(r, row->row, "a change of programme that names none");
    int code = use_programme(r, digest);
    struct mst_input input = {
        .kind = MST_INPUT_PROGRAMME, .now = row->at, .u.programme = r->programme};
    return code ? code : feed(r, &input);
}

static int take_contacts(struct mst_replay *r, const struct mst_row *row)
{
    struct mst_heard heard = {0};
    int code = mst_heard_unpack(&heard, row->bytes, r->err);
    struct mst_contact_fact *facts = code ? NULL : calloc(heard.count + 1, sizeof *facts);
    if (!code && !facts)
        code = mst_fail_on(r->err, MST_E_NOMEM, "contacts");
    if (!code) {
        struct mst_input input = mst_heard_input(&heard, facts, row->at);
        code = feed(r, &input);
    }
    free(facts);
    mst_heard_done(&heard);
    return code;
}

static int take_security(struct mst_replay *r, const struct mst_row *row)
{
    char who[72], address[72];
    struct mst_input input = {.kind = MST_INPUT_SECURITY, .now = row->at};
    /* Others are for the ledger alone. */
    if (!mst_security_of_word(mst_unpack_text(row->bytes, "act"), &input.u.security.event))
        return 0;
    input.u.security.who = mst_slice_copy(mst_unpack_text(row->bytes, "actor"), who, sizeof who);
    input.u.security.address =
        mst_slice_copy(mst_unpack_text(row->bytes, "address"), address, sizeof address);
    return feed(r, &input);
}

/* ---- the walk ---- */

static int take_input(struct mst_replay *r, const struct mst_row *row)
{
    if (row->kind == MST_ROW_START)
        return take_start(r, row);
    if (!r->core)
        return mst_replay_differ(r, row->row, "a row before the first start");
    switch ((enum mst_row_kind)row->kind) {
    case MST_ROW_REPORT:
        return take_report(r, row);
    case MST_ROW_ACT:
        return feed_act(r, row);
    case MST_ROW_TICK:
        return feed(r, &(struct mst_input){.kind = MST_INPUT_TICK, .now = row->at});
    case MST_ROW_CONTACTS:
        return take_contacts(r, row);
    case MST_ROW_PROGRAMME:
        return take_programme(r, row);
    case MST_ROW_SECURITY:
        return take_security(r, row);
    default:
        return 0;
    }
}

static bool follows(const struct mst_row *row)
{
    return row->kind == MST_ROW_TRANSITION || row->kind == MST_ROW_ITEM ||
           row->kind == MST_ROW_ALERT || row->kind == MST_ROW_REFUSAL;
}

static int replay_row(void *context, const struct mst_row *row)
{
    struct mst_replay *r = context;
    if (row->row > r->until || row->at >= r->before)
        return 1;
    r->row = row->row;
    r->result->rows++;
    struct mst_row shown = *row;
    if (MST_MUTANT("replay-a-millisecond-late"))
        shown.at++;
    if (shown.at < r->at) {
        r->code =
            mst_replay_differ(r, row->row, "its instant lies before that of the row before it");
        r->broken = true;
        return 1;
    }
    r->at = shown.at;
    if (follows(row))
        r->code = mst_replay_compare(r, row);
    else if (row->kind != MST_ROW_REPORT && row->bytes.len != MST_DIGEST_BYTES &&
             mst_validate(row->bytes.data, row->bytes.len, NULL))
        r->code = mst_replay_differ(r, row->row, "its bytes cannot be read");
    else
        r->code = mst_replay_none_expected(r, row->row);
    if (!r->code && !follows(row))
        r->code = take_input(r, &shown);
    if (!r->code && r->progress && row->row % PROGRESS_ROWS == 0)
        r->code = r->progress(r->progress_context, row->row, r->until);
    return r->code;
}

/* ---- the obligations and items at the end ---- */

/* What is stored against what the rows lead to, both packed afresh, so that a record of an older
 * version compares by what it says. `mine` failed: out of memory; empty: there is none. */
static int compare_record(struct mst_replay *r, const char *what, const char *id,
                          const struct mst_buf *was, const struct mst_buf *mine)
{
    char text[MST_OBLIGATION_ID_MAX + 64];
    r->stored++;
    if (was->failed || mine->failed)
        return mst_fail_on(r->err, MST_E_NOMEM, id);
    if (mine->len && mine->len == was->len && memcmp(was->data, mine->data, was->len) == 0)
        return 0;
    snprintf(text, sizeof text,
             mine->len ? "the %s %s ends otherwise" : "the %s %s does not come about", what, id);
    return mst_replay_differ(r, 0, text);
}

static int compare_obligation(void *context, const char *id, struct mst_slice bytes)
{
    struct mst_replay *r = context;
    struct mst_obligation o;
    r->code = mst_obligation_unpack(bytes, &o, r->err);
    if (r->code)
        return r->code;
    const struct mst_obligation *mine = mst_core_find(r->core, id);
    struct mst_buf was = {0}, is = {0};
    mst_obligation_pack(&o, &was);
    if (mine)
        mst_obligation_pack(mine, &is);
    r->code = compare_record(r, "obligation", id, &was, &is);
    mst_buf_done(&was);
    mst_buf_done(&is);
    return r->code;
}

static int compare_item(void *context, const char *kind, const char *id, struct mst_slice bytes)
{
    struct mst_replay *r = context;
    struct mst_item item;
    r->code = mst_item_unpack(bytes, &item, r->err);
    if (r->code)
        return r->code;
    const struct mst_item *mine = mst_core_item(r->core, item.kind, id);
    struct mst_buf was = {0}, is = {0};
    mst_item_pack(&item, &was);
    if (mine)
        mst_item_pack(mine, &is);
    r->code = compare_record(r, kind, id, &was, &is);
    mst_buf_done(&was);
    mst_buf_done(&is);
    return r->code;
}

static int compare_obligations(struct mst_replay *r)
{
    r->stored = 0;
    int code = mst_reader_obligations(r->reader, r->pid, compare_obligation, r, r->err);
    if (!code)
        code = r->code;
    if (!code && r->core && r->stored != mst_core_count(r->core))
        code = mst_replay_differ(r, 0, "obligations come about that are not stored");
    r->result->obligations = r->stored;
    return code;
}

static int compare_items(struct mst_replay *r)
{
    r->stored = 0;
    int code = mst_reader_items(r->reader, r->pid, compare_item, r, r->err);
    if (!code)
        code = r->code;
    if (!code && r->core && r->stored != mst_core_items(r->core))
        code = mst_replay_differ(r, 0, "items come about that are not stored");
    r->result->items = r->stored;
    return code;
}

static int last_row(struct mst_replay *r, uint64_t *ret_row)
{
    mst_time at;
    uint8_t head[MST_HASH_BYTES];
    return mst_reader_last_head(r->reader, r->pid, ret_row, &at, head, r->err);
}

/*
 * The broker goes on meanwhile, and the reader's snapshots with it: the obligations are those of
 * the rows replayed only if no row was added while they were read.
 */
static int replay_all(struct mst_replay *r)
{
    int code = last_row(r, &r->until);
    for (int pass = 0; !code && pass < PASSES_MAX; pass++) {
        struct mst_replay_result before;
        uint64_t now = r->until;
        code = mst_reader_rows(r->reader, r->pid, r->row + 1, replay_row, r, r->err);
        if (!code)
            code = r->code;
        if (code || r->broken)
            return code;
        before = *r->result;
        code = compare_obligations(r);
        if (!code)
            code = compare_items(r);
        if (!code)
            code = last_row(r, &now);
        if (code || now == r->until)
            return code ? code : mst_replay_none_expected(r, now + 1);
        *r->result = before;
        r->until = now;
    }
    return code;
}

static struct mst_replay *replay_new(struct mst_reader *reader, mst_pid pid, const char *programme,
                                     struct mst_replay_result *result, struct mst_err *err)
{
    struct mst_replay *r = calloc(1, sizeof *r);
    if (!r) {
        mst_fail_on(err, MST_E_NOMEM, "replay");
        return NULL;
    }
    memset(result, 0, sizeof *result);
    r->reader = reader;
    r->pid = pid;
    r->id = programme;
    r->before = MST_NEVER;
    r->result = result;
    r->err = err;
    return r;
}

static void replay_free(struct mst_replay *r)
{
    mst_core_free(r->core);
    mst_programme_unref(r->programme);
    mst_effects_done(&r->effects);
    mst_buf_done(&r->report_bytes);
    mst_buf_done(&r->expected_bytes);
    free(r->expected);
    free(r->reports);
    free(r);
}

int mst_replay(struct mst_reader *reader, mst_pid pid, const char *programme,
               mst_replay_progress_fn progress, void *context, struct mst_replay_result *ret_result,
               struct mst_err *err)
{
    struct mst_replay *r = replay_new(reader, pid, programme, ret_result, err);
    if (!r)
        return MST_E_NOMEM;
    r->progress = progress;
    r->progress_context = context;
    int code = replay_all(r);
    replay_free(r);
    return code;
}

static int replay_before(struct mst_replay *r)
{
    int code = last_row(r, &r->until);
    if (!code)
        code = mst_reader_rows(r->reader, r->pid, 1, replay_row, r, r->err);
    if (!code)
        code = r->code;
    if (!code)
        code = mst_replay_none_expected(r, r->row + 1);
    if (!code && r->result->differences)
        return mst_fail(r->err, MST_E_DIFFERS, "row %" PRIu64 ": %s", r->result->first_row,
                        r->result->first);
    return code || r->core ? code : mst_fail_on(r->err, MST_E_UNKNOWN, r->id);
}

int mst_replay_until(struct mst_reader *reader, mst_pid pid, const char *programme, mst_time until,
                     mst_replay_core_fn fn, void *context, struct mst_err *err)
{
    struct mst_replay_result result;
    struct mst_replay *r = replay_new(reader, pid, programme, &result, err);
    if (!r)
        return MST_E_NOMEM;
    r->before = until;
    int code = replay_before(r);
    if (!code)
        code = fn(context, r->core, err);
    replay_free(r);
    return code;
}
