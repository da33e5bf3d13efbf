/* SPDX-License-Identifier: Apache-2.0 */
/* Acts of the office and of administrators: each is a ledger row, with who, from where and why. */
#include <stdio.h>
#include <string.h>

#include "broker/core/grant.h"
#include "broker/core/task.h"
#include "broker/driver/driver_impl.h"

void mst_programme_digest_text(const struct mst_programme *p, char text[MST_PROGRAMME_DIGEST_TEXT])
{
    for (size_t i = 0; i < MST_DIGEST_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", p->digest[i]);
}

/* The rows of an act and of what may follow from it, beside a body. */
#define ACT_BYTES 1024
/* The row of something that was tried. */
#define ATTEMPT_BYTES 512

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

/* With which key somebody spoke: a principal may have several, and one of them may have been
 * stolen.
 */
static void pack_key(struct mst_buf *b, const struct mst_caller *caller)
{
    char fingerprint[17] = "";
    if (caller->channel)
        mst_key_fingerprint(caller->channel, fingerprint);
    mst_pack_text(b, "key");
    mst_pack_text(b, fingerprint);
}

int mst_driver_note(struct mst_driver *d, struct mst_engine *e, enum mst_row_kind kind,
                    const struct mst_caller *caller, const char *act, const char *subject,
                    const char *reason, mst_time now, struct mst_err *err)
{
    int code = mst_driver_open_batch(d, err);
    if (code)
        return code;
    struct mst_buf *b = &d->scratch;
    mst_buf_clear(b);
    mst_pack_map(b, 6);
    pack_key(b, caller);
    mst_pack_text(b, "actor");
    mst_pack_text(b, caller->actor.principal);
    mst_pack_text(b, "address");
    mst_pack_text(b, caller->address);
    mst_pack_text(b, "act");
    mst_pack_text(b, act);
    mst_pack_text(b, "subject");
    mst_pack_text(b, or_empty(subject));
    mst_pack_text(b, "reason");
    mst_pack_text(b, or_empty(reason));
    if (b->failed)
        return mst_fail_on(err, MST_E_NOMEM, act);
    return mst_engine_put_row(e, kind, now, mst_bytes(b->data, b->len), err);
}

int mst_driver_security(struct mst_driver *d, struct mst_engine *e, const struct mst_caller *caller,
                        enum mst_security event, const char *subject, mst_time now,
                        struct mst_err *err)
{
    struct mst_input input = {.kind = MST_INPUT_SECURITY, .now = now};
    enum mst_code refused;
    char refused_subject[256];
    int code = mst_driver_note(d, e, MST_ROW_SECURITY, caller, mst_security_word(event), subject,
                               NULL, now, err);
    input.u.security = (struct mst_input_security){
        .event = event, .who = caller->actor.principal, .address = or_empty(caller->address)};
    return code ? code : mst_engine_step(e, &input, &refused, refused_subject, err);
}

bool mst_driver_take_room(struct mst_driver *d, struct mst_engine *e,
                          const struct mst_caller *caller, size_t bytes, mst_time now)
{
    if (!caller->channel || mst_quota_take(&e->quota, caller->actor.principal, (int64_t)bytes,
                                           d->options.growth_bytes_day, now))
        return true;
    d->refused_quota++;
    return false;
}

uint64_t mst_driver_refused_quota(const struct mst_driver *d)
{
    return d->refused_quota;
}

uint64_t mst_driver_conflicts(const struct mst_driver *d)
{
    return d->conflicts;
}

int mst_driver_note_attempt(struct mst_driver *d, struct mst_engine *e,
                            const struct mst_caller *caller, const char *act, const char *subject,
                            mst_time now, struct mst_err *err)
{
    return mst_driver_take_room(d, e, caller, ATTEMPT_BYTES, now)
               ? mst_driver_note(d, e, MST_ROW_SECURITY, caller, act, subject, NULL, now, err)
               : 0;
}

int mst_driver_security_attempt(struct mst_driver *d, struct mst_engine *e,
                                const struct mst_caller *caller, enum mst_security event,
                                const char *subject, mst_time now, struct mst_err *err)
{
    return mst_core_security_due(e->core, event, caller->actor.principal, now) ||
                   mst_driver_take_room(d, e, caller, ATTEMPT_BYTES, now)
               ? mst_driver_security(d, e, caller, event, subject, now, err)
               : 0;
}

static int put_act_row(struct mst_engine *e, const struct mst_caller *caller,
                       const struct mst_input_act *act, mst_time now, struct mst_err *err)
{
    struct mst_buf *b = &e->driver->scratch;
    mst_buf_clear(b);
    mst_pack_map(b, act->body.data ? 12 : 11);
    pack_key(b, caller);
    mst_pack_text(b, "actor");
    mst_pack_text(b, caller->actor.principal);
    mst_pack_text(b, "roles");
    mst_pack_uint(b, caller->actor.roles);
    mst_pack_text(b, "address");
    mst_pack_text(b, caller->address);
    mst_pack_text(b, "act");
    mst_pack_text(b, act->act);
    mst_pack_text(b, "subject");
    mst_pack_text(b, act->obligation);
    mst_pack_text(b, "reason");
    mst_pack_text(b, or_empty(act->reason));
    mst_pack_text(b, "number");
    mst_pack_text(b, or_empty(act->number));
    mst_pack_text(b, "until");
    mst_pack_int(b, act->until);
    mst_pack_text(b, "override");
    mst_pack_bool(b, act->override);
    mst_pack_text(b, "successor");
    mst_pack_text(b, or_empty(act->successor));
    if (act->body.data) {
        mst_pack_text(b, "body");
        mst_pack_bin(b, act->body.data, act->body.len);
    }
    if (b->failed)
        return mst_fail_on(err, MST_E_NOMEM, act->act);
    return mst_engine_put_row(e, MST_ROW_ACT, now, mst_bytes(b->data, b->len), err);
}

static int put_refused_act(struct mst_engine *e, enum mst_code code, const char *subject,
                           mst_time now, struct mst_err *err)
{
    struct mst_buf *b = &e->driver->scratch;
    mst_buf_clear(b);
    mst_pack_map(b, 2);
    mst_pack_text(b, "code");
    mst_pack_text(b, mst_code_word(code));
    mst_pack_text(b, "subject");
    mst_pack_text(b, subject);
    if (b->failed)
        return mst_fail_on(err, MST_E_NOMEM, "refusal");
    return mst_engine_put_row(e, MST_ROW_REFUSAL, now, mst_bytes(b->data, b->len), err);
}

/* Takes the row. */
static int answer_with_row(struct mst_driver *d, uint64_t session, uint64_t request_id,
                           struct mst_buf *row, mst_time now, struct mst_err *err)
{
    struct mst_slice rows[1] = {mst_bytes(row->data, row->len)};
    struct mst_msg msg = {.type = MST_MSG_reply};
    msg.u.reply.id = request_id;
    msg.u.reply.code = mst_text("ok");
    msg.u.reply.rows = (struct mst_slices){rows, 1};
    msg.u.reply.now = (uint64_t)now;
    int code = row->failed ? mst_fail_on(err, MST_E_NOMEM, "reply")
                           : mst_driver_answer(d, session, &msg, err);
    mst_buf_done(row);
    return code;
}

/* "rsj swj" as the units are called; what is no unit stays. */
static void pack_named(struct mst_buf *out, const struct mst_programme *p, const char *key,
                       const char *ids, bool zh)
{
    char named[16], text[MST_ERR_TEXT_MAX] = "", id[MST_ID_MAX];
    size_t used = 0;
    for (const char *at = ids; *at && used < sizeof text;) {
        size_t len = strcspn(at, " ");
        size_t unit = mst_programme_unit(p, mst_slice_copy(mst_bytes(at, len), id, sizeof id));
        const char *name = unit == SIZE_MAX ? id
                           : zh             ? p->units[unit].name.zh
                                            : p->units[unit].name.en;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s",
                                 at == ids ? ""
                                 : zh      ? "、"
                                           : "; ",
                                 name);
        at += len + (at[len] == ' ');
    }
    snprintf(named, sizeof named, "%s_%s", key, zh ? "zh" : "en");
    mst_pack_text(out, named);
    mst_pack_text_slice(out, mst_text(text));
}

void mst_amended_pack(const struct mst_programme *p, const char *task,
                      const struct mst_amended *amended, struct mst_buf *out)
{
    const struct mst_label *label = mst_task_field_label(amended->field);
    const char *const pairs[][2] = {{"task", task},          {"field", amended->field},
                                    {"field_zh", label->zh}, {"field_en", label->en},
                                    {"was", amended->was},   {"is", amended->is}};
    mst_pack_map(out, sizeof pairs / sizeof pairs[0] + 4);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        mst_pack_text(out, pairs[i][0]);
        mst_pack_text(out, pairs[i][1]);
    }
    for (int zh = 0; zh < 2; zh++) {
        pack_named(out, p, "was", amended->was, zh);
        pack_named(out, p, "is", amended->is, zh);
    }
}

/* ---- grants ---- */

void mst_grant_row_of(const struct mst_item *item, mst_time now, struct mst_grant_row *ret)
{
    struct mst_grant_data data;
    mst_grant_data_read(item, &data);
    bool ended = item->state == MST_ITEM_ENDED || data.until <= now;
    *ret = (struct mst_grant_row){.id = item->id,
                                  .reads = item->group,
                                  .state =
                                      mst_item_state_word(ended ? MST_ITEM_ENDED : MST_ITEM_GIVEN),
                                  .source = "office",
                                  .reader = data.reader,
                                  .reason = data.reason,
                                  .by = data.by,
                                  .from = item->opened_at,
                                  .until = data.until};
}

void mst_grant_row_pack(const struct mst_zone *zone, const struct mst_grant_row *row,
                        struct mst_buf *out)
{
    char from[MST_INSTANT_TEXT_MAX] = "", until[16] = "";
    if (row->from)
        mst_zone_format(zone, row->from, from);
    /* The last day, since that is what was granted; empty: no end. */
    if (row->until)
        mst_day_format(mst_zone_day(zone, row->until - 1), until);
    const struct {
        const char *key;
        struct mst_slice value;
    } fields[] = {
        {"id", mst_text(row->id)},
        {"reader", row->reader},
        {"reads", mst_text(row->reads)},
        {"from", mst_text(from)},
        {"until", mst_text(until)},
        {"state", mst_text(row->state)},
        {"source", mst_text(row->source)},
        {"reason", row->reason},
        {"by", row->by},
    };
    mst_pack_map(out, sizeof fields / sizeof fields[0]);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        mst_pack_text(out, fields[i].key);
        mst_pack_text_slice(out, fields[i].value.data ? fields[i].value : mst_text(""));
    }
}

/* The grant that was given or taken back; NULL: the act was about none. */
static const struct mst_item *granted_by(const struct mst_engine *e,
                                         const struct mst_input_act *act)
{
    char reads[MST_ID_MAX];
    if (strcmp(act->act, "grant") != 0 && strcmp(act->act, "ungrant") != 0)
        return NULL;
    mst_slice_copy(mst_unpack_text(act->body, "group"), reads, sizeof reads);
    return mst_core_grant(e->core, act->obligation, reads);
}

static int answer_with_grant(struct mst_engine *e, uint64_t session, uint64_t request_id,
                             const struct mst_item *item, mst_time now, struct mst_err *err)
{
    struct mst_buf packed = {0};
    struct mst_grant_row row;
    mst_grant_row_of(item, now, &row);
    mst_grant_row_pack(e->programme->zone, &row, &packed);
    return answer_with_row(e->driver, session, request_id, &packed, now, err);
}

/* ---- how it stands then ---- */

static void pack_pair(struct mst_buf *out, const char *key, const char *value)
{
    mst_pack_text(out, key);
    mst_pack_text(out, value);
}

static void pack_state(struct mst_buf *out, const struct mst_programme *p,
                       const struct mst_obligation *o, mst_time now)
{
    char due[MST_INSTANT_TEXT_MAX], seen[MST_INSTANT_TEXT_MAX] = "";
    if (o->acknowledged_at)
        mst_zone_format(p->zone, o->acknowledged_at, seen);
    pack_pair(out, "work", mst_work_word(o->work));
    pack_pair(out, "phase", mst_obligation_phase_word(p, o, now));
    pack_pair(out, "verdict", mst_verdict_word(o->verdict));
    pack_pair(out, "due", mst_zone_format(p->zone, o->due, due));
    pack_pair(out, "record_number", o->record_number);
    pack_pair(out, "acknowledged", seen);
    mst_pack_text(out, "urges");
    mst_pack_uint(out, o->urges);
}

/* Whom the act has put on record, or for which post nobody is any more. */
static void pack_holder(struct mst_buf *out, const struct mst_programme *p,
                        const struct mst_obligation *o, struct mst_slice body)
{
    char named[MST_POST_NAME_MAX + 1];
    size_t at = mst_programme_duty(p, o->duty);
    mst_slice_copy(mst_unpack_text(body, "post"), named, sizeof named);
    const struct mst_post *post =
        mst_duty_post_by_name(at == SIZE_MAX ? NULL : &p->duties[at], named);
    pack_pair(out, "post", post ? post->id : "");
    pack_pair(out, "post_zh", post ? post->name.zh : "");
    pack_pair(out, "post_en", post ? post->name.en : "");
    mst_pack_text(out, "holder");
    mst_pack_text_slice(out, mst_unpack_text(body, "name").data ? mst_unpack_text(body, "name")
                                                                : mst_text(""));
}

/* The obligation as it stands after the act. */
static int answer_with_obligation(struct mst_engine *e, uint64_t session, uint64_t request_id,
                                  const struct mst_input_act *act, mst_time now,
                                  struct mst_err *err)
{
    const char *id = act->obligation;
    const struct mst_obligation *o = mst_core_find(e->core, id);
    bool silences = strcmp(act->act, "silence") == 0 || strcmp(act->act, "unsilence") == 0;
    struct mst_buf row = {0};
    if (!o && !silences) /* it was about no obligation */
        return mst_driver_reply(e->driver, session, request_id, MST_OK, id, now, err);
    const bool silenced = silences && act->until;
    const bool post = o && o->kind == MST_DUTY_POST && act->body.data;
    mst_pack_map(&row, 1U + silenced + (o ? 7U : 0U) + (post ? 4U : 0U));
    pack_pair(&row, "id", id);
    if (silenced) {
        char until[16]; /* through this day */
        mst_day day = mst_zone_day(e->programme->zone, act->until - 1);
        pack_pair(&row, "until", mst_day_format(day, until));
    }
    if (o)
        pack_state(&row, e->programme, o, now);
    if (post)
        pack_holder(&row, e->programme, o, act->body);
    return answer_with_row(e->driver, session, request_id, &row, now, err);
}

/* What an amendment is about to change, since afterwards nobody knows what was. */
struct amendment {
    struct mst_amended rows[MST_AMENDED_MAX];
    size_t count;
};

static void preview(const struct mst_engine *e, const struct mst_input_act *act, mst_time now,
                    struct amendment *ret)
{
    const char *subject;
    if (strcmp(act->act, "amend-task") == 0)
        (void)mst_core_amend_preview(e->core, act, now, ret->rows, &ret->count, &subject);
}

static int answer_amended(struct mst_engine *e, uint64_t session, uint64_t request_id,
                          const char *task, const struct amendment *amended, mst_time now,
                          struct mst_err *err)
{
    struct mst_buf bufs[MST_AMENDED_MAX] = {{0}};
    struct mst_slice rows[MST_AMENDED_MAX];
    struct mst_msg msg = {.type = MST_MSG_reply};
    bool failed = false;
    for (size_t i = 0; i < amended->count; i++) {
        mst_amended_pack(e->programme, task, &amended->rows[i], &bufs[i]);
        failed = failed || bufs[i].failed;
        rows[i] = mst_bytes(bufs[i].data, bufs[i].len);
    }
    msg.u.reply.id = request_id;
    msg.u.reply.code = mst_text("ok");
    msg.u.reply.rows = (struct mst_slices){rows, amended->count};
    msg.u.reply.now = (uint64_t)now;
    int code = failed ? mst_fail_on(err, MST_E_NOMEM, "reply")
                      : mst_driver_answer(e->driver, session, &msg, err);
    for (size_t i = 0; i < amended->count; i++)
        mst_buf_done(&bufs[i]);
    return code;
}

int mst_driver_act(struct mst_driver *d, struct mst_engine *e, const struct mst_caller *caller,
                   uint64_t request_id, struct mst_input_act *act, mst_time now,
                   struct mst_err *err)
{
    /* The row cannot tell an empty text from none, so neither may the core. */
    if (act->reason && !act->reason[0])
        act->reason = NULL;
    if (act->number && !act->number[0])
        act->number = NULL;
    if (act->successor && !act->successor[0])
        act->successor = NULL;
    int code = mst_driver_open_batch(d, err);
    if (!code && !mst_driver_take_room(d, e, caller, ACT_BYTES + act->body.len, now))
        return mst_driver_reply(d, caller->session, request_id, MST_E_QUOTA,
                                caller->actor.principal, now, err);
    if (!code)
        code = put_act_row(e, caller, act, now, err);
    if (code)
        return code;
    struct mst_input input = {.kind = MST_INPUT_ACT, .now = now, .u.act = *act};
    struct amendment amended = {.count = 0};
    enum mst_code refused;
    char subject[256];
    preview(e, act, now, &amended);
    code = mst_engine_step(e, &input, &refused, subject, err);
    if (code)
        return code;
    if (refused == MST_OK && amended.count)
        return answer_amended(e, caller->session, request_id, act->obligation, &amended, now, err);
    const struct mst_item *grant = refused == MST_OK ? granted_by(e, act) : NULL;
    if (grant)
        return answer_with_grant(e, caller->session, request_id, grant, now, err);
    if (refused == MST_OK)
        return answer_with_obligation(e, caller->session, request_id, act, now, err);
    mst_driver_log(d, 4, mst_code_word((int)refused), "from=%s address=%s act=%s subject=\"%s\"",
                   caller->actor.principal, caller->address, act->act, subject);
    code = put_refused_act(e, refused, subject, now, err);
    /* The ledger keeps the core's word; the office is told what it can do about it. */
    if (refused == MST_R_AFTER_DUE && strcmp(act->act, "extend") == 0 && !act->override)
        refused = MST_R_AFTER_OVERDUE;
    if (refused == MST_R_STATE)
        mst_core_say_state(e->core, subject);
    return code ? code
                : mst_driver_reply(d, caller->session, request_id, refused, subject, now, err);
}

int mst_driver_reload(struct mst_driver *d, struct mst_engine *e, const struct mst_caller *caller,
                      uint64_t request_id, struct mst_programme *programme, mst_time now,
                      struct mst_err *err)
{
    if (strcmp(programme->id, e->id) != 0)
        return mst_driver_reply(d, caller->session, request_id, MST_E_CONFLICT, programme->id, now,
                                err);
    char digest[MST_PROGRAMME_DIGEST_TEXT];
    bool same = memcmp(programme->digest, e->programme->digest, MST_DIGEST_BYTES) == 0;
    mst_programme_digest_text(programme, digest);
    int code = mst_driver_note(d, e, MST_ROW_PROGRAMME, caller, "reload", digest, NULL, now, err);
    struct mst_input input = {.kind = MST_INPUT_PROGRAMME, .now = now, .u.programme = programme};
    enum mst_code refused;
    char subject[256];
    if (!code)
        code = mst_engine_step(e, &input, &refused, subject, err);
    if (code)
        return code;
    mst_engine_change_programme(e, programme);
    bool changed;
    code = mst_engine_keep_sources(e, err);
    if (!code)
        code = mst_engine_pin_programme(e, &changed, err);
    if (code)
        return code;
    mst_driver_log(d, 6, "reloaded", "programme=%s digest=%s by=%s", e->id, digest,
                   caller->actor.principal);
    struct mst_buf row = {0};
    mst_pack_map(&row, 3);
    mst_pack_text(&row, "programme");
    mst_pack_text(&row, e->id);
    mst_pack_text(&row, "state");
    mst_pack_text(&row, same ? "no change" : "in force");
    mst_pack_text(&row, "digest");
    mst_pack_text(&row, digest);
    return answer_with_row(d, caller->session, request_id, &row, now, err);
}
