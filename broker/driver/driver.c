/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The batch: what is open, what waits for the commit, and carrying it out afterwards. Refuses to
 * hand out an answer or an alert before the store has said that the batch is on disk.
 */
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/driver/answers.h"
#include "broker/driver/driver_impl.h"
#include "config/load/testing.h"

#define META_CLOCK "clock"
#define META_EPOCH "epoch"
#define META_WATERMARK "watermark"

void mst_driver_log(struct mst_driver *d, int level, const char *event, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    d->cb.log(d->cb.context, level, event, text);
}

static int read_counter(struct mst_driver *d, const char *name, uint64_t *ret, struct mst_err *err)
{
    uint8_t bytes[8] = {0};
    size_t len = sizeof bytes;
    int code = mst_reader_meta(mst_store_own_reader(d->options.store), 0, name, bytes, &len, err);
    if (code)
        return code;
    *ret = 0;
    for (size_t i = 0; i < sizeof bytes && len == sizeof bytes; i++)
        *ret = *ret << 8 | bytes[i];
    return 0;
}

static int put_counter(struct mst_driver *d, const char *name, uint64_t value, struct mst_err *err)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(value >> (56 - 8 * i));
    return mst_store_put_meta(d->options.store, 0, name, mst_bytes(bytes, sizeof bytes), err);
}

int mst_driver_new(const struct mst_driver_options *options,
                   const struct mst_driver_callbacks *callbacks, struct mst_driver **ret_driver,
                   struct mst_err *err)
{
    struct mst_driver *d = calloc(1, sizeof *d);
    if (!d)
        return mst_fail_on(err, MST_E_NOMEM, "driver");
    d->options = *options;
    d->cb = *callbacks;
    int code = read_counter(d, META_EPOCH, &d->epoch, err);
    if (!code)
        code = read_counter(d, META_WATERMARK, &d->watermark, err);
    if (code) {
        mst_driver_free(d);
        return code;
    }
    *ret_driver = d;
    return 0;
}

static void drop_outgoing(struct mst_driver *d)
{
    for (size_t i = 0; i < d->outgoing_count; i++) {
        mst_buf_done(&d->outgoing[i].frame);
        mst_buf_done(&d->outgoing[i].text);
    }
    d->outgoing_count = 0;
}

void mst_driver_free(struct mst_driver *d)
{
    if (!d)
        return;
    drop_outgoing(d);
    for (size_t i = 0; i < d->engines_count; i++) {
        mst_engine_unload(d->engines[i]);
        mst_quota_done(&d->engines[i]->quota);
        mst_engine_keep_programme(d->engines[i]);
        mst_programme_unref(d->engines[i]->programme);
        free(d->engines[i]);
    }
    free(d->engines);
    free(d->outgoing);
    free(d->keys);
    mst_effects_done(&d->effects);
    mst_buf_done(&d->scratch);
    free(d);
}

int mst_driver_add(struct mst_driver *d, struct mst_programme *programme, struct mst_err *err)
{
    if (mst_driver_find(d, programme->id))
        return mst_fail_on(err, MST_E_EXISTS, programme->id);
    struct mst_engine **grown = realloc(d->engines, (d->engines_count + 1) * sizeof *grown);
    if (!grown)
        return mst_fail_on(err, MST_E_NOMEM, programme->id);
    d->engines = grown;
    struct mst_engine *e = calloc(1, sizeof *e);
    if (!e)
        return mst_fail_on(err, MST_E_NOMEM, programme->id);
    e->driver = d;
    e->programme = mst_programme_ref(programme);
    snprintf(e->id, sizeof e->id, "%s", programme->id);
    d->engines[d->engines_count++] = e;
    int code = mst_driver_open_batch(d, err);
    if (!code)
        code = mst_store_programme(d->options.store, e->id, &e->pid, err);
    if (!code)
        code = mst_engine_load(e, err);
    if (!code)
        code = mst_keys_load(d, e, err);
    return code;
}

/* ---- start and stop ---- */

int mst_driver_new_epoch(struct mst_driver *d, mst_time wall_ms, struct mst_err *err)
{
    struct mst_clock_mark mark;
    /* Seconds, not the next number: one backup may be put back twice. */
    uint64_t epoch = (uint64_t)(wall_ms / 1000);
    if (epoch <= d->epoch)
        epoch = d->epoch + 1;
    int code = mst_driver_clock_mark(d, &mark, err);
    if (!code && !mark.set)
        code = mst_fail_on(err, MST_E_UNKNOWN, META_CLOCK);
    if (!code)
        code = mst_driver_open_batch(d, err);
    if (!code)
        code = put_counter(d, META_EPOCH, epoch, err);
    if (!code)
        code = mst_driver_commit(d, &mark, mark.evaluated_ms, err);
    if (!code)
        d->epoch = epoch;
    return code;
}

static int put_life_row(struct mst_engine *e, enum mst_row_kind kind, mst_time down_from,
                        mst_time now, struct mst_err *err)
{
    struct mst_buf *b = &e->driver->scratch;
    mst_buf_clear(b);
    mst_pack_map(b, 5);
    mst_pack_text(b, "software");
    mst_pack_text(b, "musterd " MUSTER_VERSION);
    mst_pack_text(b, "epoch");
    mst_pack_uint(b, e->driver->epoch);
    mst_pack_text(b, "down_from");
    mst_pack_int(b, down_from);
    mst_pack_text(b, "rehearsal");
    mst_pack_bool(b, e->driver->options.rehearsal);
    mst_pack_text(b, "programme_digest");
    mst_pack_bin(b, e->programme->digest, MST_DIGEST_BYTES);
    return mst_engine_put_row(e, kind, now, mst_bytes(b->data, b->len), err);
}

/* One engine's start: what it was down for, and whether its programme file changed meanwhile. */
static int start_engine(struct mst_engine *e, mst_time down_from, mst_time now, struct mst_err *err)
{
    enum mst_code refused;
    char subject[256];
    bool changed = false;
    struct mst_input input = {.kind = MST_INPUT_TICK, .now = now};
    /* The core takes it for granted that time does not go back; the ledger says how far it was. */
    if (now < mst_core_now(e->core))
        return mst_fail(err, MST_E_CORRUPT, _("%s: the clock mark is behind the ledger"), e->id);
    int code = put_life_row(e, MST_ROW_START, down_from, now, err);
    if (!code)
        code = mst_history_note(e->driver->options.store, e->pid, MST_HISTORY_STARTS, e->row, err);
    if (!code && down_from != 0) {
        input.kind = MST_INPUT_DOWN;
        input.u.down_from = down_from;
        code = mst_engine_remember_down(e, down_from, now, err);
    }
    if (!code)
        code = mst_engine_step(e, &input, &refused, subject, err);
    if (!code)
        code = mst_engine_keep_sources(e, err);
    if (!code)
        code = mst_engine_pin_programme(e, &changed, err);
    if (!code && changed) {
        input = (struct mst_input){
            .kind = MST_INPUT_PROGRAMME, .now = now, .u.programme = e->programme};
        struct mst_caller broker = {.actor = {.principal = "broker"}, .address = "local"};
        char digest[MST_PROGRAMME_DIGEST_TEXT];
        mst_programme_digest_text(e->programme, digest);
        code = mst_driver_note(e->driver, e, MST_ROW_PROGRAMME, &broker, "start", digest, NULL, now,
                               err);
        if (!code)
            code = mst_engine_step(e, &input, &refused, subject, err);
    }
    char gone[256];
    if (!code)
        mst_engine_tell_gone(e, gone, sizeof gone);
    return code;
}

int mst_driver_start(struct mst_driver *d, mst_time down_from, mst_time now, struct mst_err *err)
{
    int code = mst_driver_open_batch(d, err);
    for (size_t i = 0; !code && i < d->engines_count; i++)
        code = start_engine(d->engines[i], down_from, now, err);
    return code;
}

int mst_driver_stop(struct mst_driver *d, mst_time now, struct mst_err *err)
{
    int code = mst_driver_open_batch(d, err);
    for (size_t i = 0; !code && i < d->engines_count; i++)
        code = put_life_row(d->engines[i], MST_ROW_STOP, 0, now, err);
    return code;
}

/* ---- what waits for the commit ---- */

static struct mst_outgoing *queue(struct mst_driver *d, enum mst_outgoing_kind kind,
                                  struct mst_err *err)
{
    if (d->outgoing_count == d->outgoing_cap) {
        size_t cap = d->outgoing_cap ? 2 * d->outgoing_cap : 64;
        struct mst_outgoing *grown = realloc(d->outgoing, cap * sizeof *grown);
        if (!grown) {
            mst_fail_on(err, MST_E_NOMEM, "answers");
            return NULL;
        }
        d->outgoing = grown;
        d->outgoing_cap = cap;
    }
    struct mst_outgoing *out = &d->outgoing[d->outgoing_count++];
    memset(out, 0, sizeof *out);
    out->kind = kind;
    return out;
}

/* The signature is the receipt's last field. */
static void sign(const struct mst_driver *d, struct mst_outgoing *out)
{
    mst_receipt_sign_text(d->options.keys->sign_secret, mst_bytes(out->text.data, out->text.len),
                          out->frame.data + out->frame.len - MST_SIGN_BYTES);
}

/* programme: of a receipt; NULL for any other message. */
static int answer(struct mst_driver *d, uint64_t session, const char *programme,
                  const struct mst_msg *msg, struct mst_err *err)
{
    int code = mst_driver_open_batch(d, err);
    if (code)
        return code;
    struct mst_outgoing *out = queue(d, MST_OUT_ANSWER, err);
    if (!out)
        return MST_E_NOMEM;
    out->session = session;
    out->ends = msg->type == MST_MSG_error;
    code = mst_msg_encode(msg, &out->frame, err);
    if (!code && programme)
        code = mst_receipt_text(programme, &msg->u.receipt, &out->text, err);
    if (!code && MST_MUTANT("ack-before-commit")) {
        if (programme)
            sign(d, out);
        d->cb.answer(d->cb.context, session, &out->frame, out->ends);
        MST_MUTANT_LINGER();
    }
    return code;
}

int mst_driver_answer(struct mst_driver *d, uint64_t session, const struct mst_msg *msg,
                      struct mst_err *err)
{
    return answer(d, session, NULL, msg, err);
}

int mst_driver_receipt(struct mst_driver *d, uint64_t session, const char *programme,
                       const struct mst_msg *receipt, struct mst_err *err)
{
    return answer(d, session, programme, receipt, err);
}

int mst_driver_error(struct mst_driver *d, uint64_t session, enum mst_code code,
                     const char *subject, struct mst_err *err)
{
    struct mst_answer answer;
    mst_answer_error(&answer, code, subject);
    return mst_driver_answer(d, session, &answer.msg, err);
}

int mst_driver_reply(struct mst_driver *d, uint64_t session, uint64_t request_id,
                     enum mst_code code, const char *subject, mst_time now, struct mst_err *err)
{
    struct mst_answer answer;
    mst_answer_reply(&answer, request_id, code, subject, now);
    return mst_driver_answer(d, session, &answer.msg, err);
}

int mst_driver_queue_alert(struct mst_driver *d, struct mst_engine *e,
                           const struct mst_stored_alert *alert, struct mst_err *err)
{
    struct mst_outgoing *out = queue(d, MST_OUT_ALERT, err);
    if (!out)
        return MST_E_NOMEM;
    out->engine = e;
    out->alert = *alert;
    mst_slice_copy(alert->audience, out->audience, sizeof out->audience);
    mst_slice_copy(alert->group, out->group, sizeof out->group);
    mst_buf_put(&out->frame, alert->bytes.data, alert->bytes.len);
    return out->frame.failed ? mst_fail_on(err, MST_E_NOMEM, "alerts") : 0;
}

/* ---- the batch ---- */

int mst_driver_open_batch(struct mst_driver *d, struct mst_err *err)
{
    if (d->state == MST_DRIVER_OPEN)
        return 0;
    if (d->state != MST_DRIVER_IDLE)
        return mst_fail_on(err, d->state == MST_DRIVER_DEAD ? MST_E_IO : MST_E_BUSY, "store");
    int code = mst_store_begin(d->options.store, err);
    if (!code)
        d->state = MST_DRIVER_OPEN;
    return code;
}

int mst_driver_touch(struct mst_driver *d, struct mst_err *err)
{
    return mst_driver_open_batch(d, err);
}

bool mst_driver_pending(const struct mst_driver *d)
{
    return d->state == MST_DRIVER_OPEN;
}

bool mst_driver_busy(const struct mst_driver *d)
{
    return d->state == MST_DRIVER_COMMITTING;
}

int mst_driver_fd(const struct mst_driver *d)
{
    return mst_store_fd(d->options.store);
}

/* ---- signing, in the commit ---- */

#define SIGNING_BEGUN (UINT64_C(1) << 32)

static void begin_signing(struct mst_driver *d)
{
    bool any = false;
    for (size_t i = 0; !any && i < d->outgoing_count; i++)
        any = d->outgoing[i].text.len > 0;
    atomic_store(&d->signed_count, 0);
    atomic_store(&d->signing, any ? d->outgoing_count : 0);
    if (any && d->cb.sign)
        d->cb.sign(d->cb.context);
}

bool mst_driver_sign(struct mst_driver *d)
{
    uint64_t signing = atomic_fetch_add(&d->signing, SIGNING_BEGUN);
    uint64_t index = signing / SIGNING_BEGUN, count = signing % SIGNING_BEGUN;
    if (index >= count)
        return false;
    if (d->outgoing[index].text.len > 0)
        sign(d, &d->outgoing[index]);
    atomic_fetch_add(&d->signed_count, 1);
    return true;
}

/* What nobody has begun is done here; what another has begun is his for some microseconds. */
static void end_signing(struct mst_driver *d)
{
    uint64_t count = atomic_load(&d->signing) % SIGNING_BEGUN;
    while (mst_driver_sign(d))
        ;
    while (atomic_load(&d->signed_count) < count)
        sched_yield();
}

static void deliver(struct mst_driver *d)
{
    for (size_t i = 0; i < d->outgoing_count; i++) {
        struct mst_outgoing *out = &d->outgoing[i];
        if (out->kind == MST_OUT_ANSWER) {
            if (!MST_MUTANT("ack-before-commit"))
                d->cb.answer(d->cb.context, out->session, &out->frame, out->ends);
        }
    }
    MST_FAILPOINT("broker.before-publish");
    for (size_t i = 0; i < d->outgoing_count; i++) {
        struct mst_outgoing *out = &d->outgoing[i];
        if (out->kind == MST_OUT_ALERT) {
            out->alert.audience = mst_text(out->audience);
            out->alert.group = mst_text(out->group);
            out->alert.bytes = mst_bytes(out->frame.data, out->frame.len);
            d->cb.alert(d->cb.context, out->engine, &out->alert);
        }
    }
    drop_outgoing(d);
}

static void committed(void *context, int code, const struct mst_err *err)
{
    struct mst_driver *d = context;
    end_signing(d);
    d->commit_code = code;
    if (code) {
        if (err)
            d->commit_err = *err;
        /* Without room or memory it was not tried: the batch is lost, and can be recovered from. */
        d->state = code == MST_E_FULL || code == MST_E_NOMEM ? MST_DRIVER_OPEN : MST_DRIVER_DEAD;
        return;
    }
    MST_FAILPOINT("broker.after-commit");
    d->state = MST_DRIVER_IDLE;
    for (size_t i = 0; i < d->engines_count; i++)
        mst_engine_keep_programme(d->engines[i]);
    deliver(d);
}

static int commit_result(struct mst_driver *d, struct mst_err *err)
{
    if (d->commit_code && err)
        *err = d->commit_err;
    return d->commit_code;
}

static int put_clock_mark(struct mst_driver *d, const struct mst_clock_mark *mark,
                          struct mst_err *err)
{
    struct mst_buf b = {0};
    mst_pack_map(&b, 4);
    mst_pack_text(&b, "wall");
    mst_pack_int(&b, mark->reading.wall_ms);
    mst_pack_text(&b, "boot");
    mst_pack_int(&b, mark->reading.boot_ms);
    mst_pack_text(&b, "boot_id");
    mst_pack_text(&b, mark->reading.boot_id);
    mst_pack_text(&b, "evaluated");
    mst_pack_int(&b, mark->evaluated_ms);
    int code = b.failed ? mst_fail_on(err, MST_E_NOMEM, "clock mark")
                        : mst_store_put_meta(d->options.store, 0, META_CLOCK,
                                             mst_bytes(b.data, b.len), err);
    mst_buf_done(&b);
    return code;
}

int mst_driver_clock_mark(struct mst_driver *d, struct mst_clock_mark *ret_mark,
                          struct mst_err *err)
{
    uint8_t bytes[256];
    size_t len = sizeof bytes;
    int code =
        mst_reader_meta(mst_store_own_reader(d->options.store), 0, META_CLOCK, bytes, &len, err);
    if (code)
        return code;
    memset(ret_mark, 0, sizeof *ret_mark);
    struct mst_slice map = mst_bytes(bytes, len < sizeof bytes ? len : sizeof bytes);
    if (len == 0)
        return 0;
    ret_mark->set = true;
    ret_mark->reading.wall_ms = mst_unpack_int(map, "wall", 0);
    ret_mark->reading.boot_ms = mst_unpack_int(map, "boot", 0);
    ret_mark->evaluated_ms = mst_unpack_int(map, "evaluated", 0);
    mst_slice_copy(mst_unpack_text(map, "boot_id"), ret_mark->reading.boot_id,
                   sizeof ret_mark->reading.boot_id);
    return 0;
}

int mst_driver_commit(struct mst_driver *d, const struct mst_clock_mark *mark, mst_time now,
                      struct mst_err *err)
{
    if (d->state != MST_DRIVER_OPEN)
        return commit_result(d, err);
    int code = put_clock_mark(d, mark, err);
    for (size_t i = 0; !code && i < d->engines_count; i++) {
        struct mst_engine *e = d->engines[i];
        if (e->dirty)
            code = mst_store_put_head(d->options.store, e->pid, e->row, now, e->head, err);
        e->dirty = false;
    }
    if (code)
        return code;
    MST_FAILPOINT("broker.before-commit");
    d->state = MST_DRIVER_COMMITTING;
    begin_signing(d);
    mst_store_commit(d->options.store, committed, d);
    return commit_result(d, err);
}

int mst_driver_complete(struct mst_driver *d, struct mst_err *err)
{
    if (d->state == MST_DRIVER_COMMITTING)
        mst_store_complete(d->options.store);
    return commit_result(d, err);
}

static bool told_before(const struct mst_driver *d, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (d->outgoing[i].kind == MST_OUT_ANSWER &&
            d->outgoing[i].session == d->outgoing[index].session)
            return true;
    }
    return false;
}

/* Whoever waits for an answer of the lost batch is told that there is none to come. */
static int tell_lost(struct mst_driver *d, struct mst_err *err)
{
    struct mst_buf frame = {0};
    struct mst_answer answer;
    mst_answer_error(&answer, MST_E_FULL, "broker");
    int code = mst_msg_encode(&answer.msg, &frame, err);
    for (size_t i = 0; !code && i < d->outgoing_count; i++) {
        if (d->outgoing[i].kind == MST_OUT_ANSWER && !told_before(d, i))
            d->cb.answer(d->cb.context, d->outgoing[i].session, &frame, true);
    }
    mst_buf_done(&frame);
    return code;
}

int mst_driver_recover(struct mst_driver *d, struct mst_err *err)
{
    if (d->state == MST_DRIVER_DEAD)
        return commit_result(d, err);
    mst_store_rollback(d->options.store);
    d->state = MST_DRIVER_IDLE;
    d->commit_code = 0;
    int code = tell_lost(d, err);
    drop_outgoing(d);
    d->keys_count = 0;
    for (size_t i = 0; !code && i < d->engines_count; i++) {
        mst_engine_unload(d->engines[i]);
        mst_engine_take_programme_back(d->engines[i]);
        code = mst_engine_load(d->engines[i], err);
        if (!code)
            code = mst_keys_load(d, d->engines[i], err);
    }
    return code;
}

/* ---- queries ---- */

size_t mst_driver_engines(const struct mst_driver *d)
{
    return d->engines_count;
}

struct mst_engine *mst_driver_engine(const struct mst_driver *d, size_t index)
{
    return d->engines[index];
}

struct mst_engine *mst_driver_find(const struct mst_driver *d, const char *programme)
{
    if (!programme || !programme[0] || strcmp(programme, "*") == 0)
        return d->engines_count == 1 ? d->engines[0] : NULL;
    for (size_t i = 0; i < d->engines_count; i++) {
        if (strcmp(d->engines[i]->id, programme) == 0)
            return d->engines[i];
    }
    return NULL;
}

mst_time mst_driver_next_due(const struct mst_driver *d)
{
    mst_time next = MST_NEVER;
    for (size_t i = 0; i < d->engines_count; i++) {
        mst_time t = mst_core_next_due(d->engines[i]->core);
        if (t < next)
            next = t;
    }
    return next;
}

uint64_t mst_driver_epoch(const struct mst_driver *d)
{
    return d->epoch;
}

uint64_t mst_driver_watermark(const struct mst_driver *d)
{
    return d->watermark;
}
