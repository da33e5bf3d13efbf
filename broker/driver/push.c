/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run of reports, from its frame to its receipt. Nothing of a run is put before its chain and
 * signature hold; a run that repeats what is stored gets the stored answer again; a run that leaves
 * a gap gets the number that is expected. A well-signed report that the core refuses consumes its
 * number, or the outbox would stall for ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/driver/driver_impl.h"
#include "config/load/testing.h"

/* What is stored for a report beside its bytes, and for an outbox, which memory keeps as well. */
#define REPORT_BYTES 256
#define OUTBOX_BYTES 65536

/* One push on its way through. */
struct passage {
    struct mst_driver *d;
    struct mst_engine *e;
    const struct mst_caller *caller;
    const struct mst_msg_push *push;
    mst_time now;
    struct mst_outbox *outbox; /* NULL until the first run of a new outbox holds */
    struct mst_outbox known;   /* what is known of it before this run */
    uint64_t last;             /* of the run */
    struct mst_verified found; /* chain and signature up to `last`, by the caller's key */
};

static void log_refusal(const struct passage *p, enum mst_code code, const char *subject)
{
    mst_driver_log(p->d, 4, mst_code_word((int)code), "from=%s address=%s subject=\"%s\"",
                   p->caller->actor.principal, p->caller->address, subject);
}

static int refuse(struct passage *p, enum mst_code code, const char *subject, struct mst_err *err)
{
    log_refusal(p, code, subject);
    return mst_driver_error(p->d, p->caller->session, code, subject, err);
}

/* ---- receipts ---- */

static int pack_refusal(struct mst_buf *out, uint64_t seq, enum mst_code code, const char *subject)
{
    char text[MST_ERR_TEXT_MAX];
    snprintf(text, sizeof text, mst_code_text(code), subject);
    mst_pack_map(out, 4);
    mst_pack_text(out, "seq");
    mst_pack_uint(out, seq);
    mst_pack_text(out, "code");
    mst_pack_text(out, mst_code_word(code));
    mst_pack_text(out, "subject");
    mst_pack_text(out, subject);
    mst_pack_text(out, "text");
    mst_pack_text(out, text);
    return out->failed ? MST_E_NOMEM : 0;
}

/* The refusals of one receipt: packed one after the other, with where each ends. */
struct refusals {
    struct mst_buf bytes;
    size_t *ends;
    size_t count, cap;
};

static int refusals_add(struct refusals *r, uint64_t seq, enum mst_code code, const char *subject,
                        struct mst_err *err)
{
    if (r->count == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 8;
        size_t *grown = realloc(r->ends, cap * sizeof *grown);
        if (!grown)
            return mst_fail_on(err, MST_E_NOMEM, "refusals");
        r->ends = grown;
        r->cap = cap;
    }
    if (pack_refusal(&r->bytes, seq, code, subject))
        return mst_fail_on(err, MST_E_NOMEM, "refusals");
    r->ends[r->count++] = r->bytes.len;
    return 0;
}

static void refusals_done(struct refusals *r)
{
    mst_buf_done(&r->bytes);
    free(r->ends);
}

static int send_receipt(struct passage *p, const struct mst_run *run,
                        const struct refusals *refused, struct mst_err *err)
{
    struct mst_driver *d = p->d;
    struct mst_slice *items = calloc(refused->count + 1, sizeof *items);
    if (!items)
        return mst_fail_on(err, MST_E_NOMEM, "receipt");
    for (size_t i = 0, start = 0; i < refused->count; start = refused->ends[i++])
        items[i] = mst_bytes(refused->bytes.data + start, refused->ends[i] - start);
    static const uint8_t unsigned_yet[MST_SIGN_BYTES];
    struct mst_msg msg = {.type = MST_MSG_receipt};
    msg.u.receipt = (struct mst_msg_receipt){
        .outbox = mst_bytes(p->push->outbox.data, MST_OUTBOX_BYTES),
        .first = run->first,
        .last = run->last,
        .row = run->row_first,
        .head = mst_bytes(run->head, MST_HASH_BYTES),
        .at = (uint64_t)run->at,
        .refused = {items, refused->count},
        .epoch = d->epoch,
        .watermark = d->watermark,
        .now = (uint64_t)p->now,
        .alg = mst_text(MST_ALG_ED25519_BLAKE2B),
        .sig = mst_bytes(unsigned_yet, sizeof unsigned_yet),
    };
    int code = mst_driver_receipt(d, p->caller->session, p->e->id, &msg, err);
    free(items);
    return code;
}

/* ---- repeats ---- */

struct repeat {
    struct passage *p;
    struct refusals refused;
    struct mst_run run;
    bool found, same;
    uint64_t seq;   /* of the row that is compared */
    uint64_t until; /* of the last one to compare */
    int code;
    struct mst_err *err;
};

static int take_run(void *context, const struct mst_run *run)
{
    struct repeat *r = context;
    r->run = *run;
    r->found = true;
    return 1;
}

static int compare_row(void *context, const struct mst_row *row)
{
    struct repeat *r = context;
    const struct mst_slice *mine = &r->p->push->reports.items[r->seq - r->p->push->first];
    if (row->bytes.len != mine->len || memcmp(row->bytes.data, mine->data, mine->len) != 0)
        r->same = false;
    r->seq++;
    return !r->same || r->seq > r->until;
}

static int take_refusal(void *context, const struct mst_refusal *refusal)
{
    struct repeat *r = context;
    char subject[256];
    mst_slice_copy(refusal->subject, subject, sizeof subject);
    r->code = refusals_add(&r->refused, refusal->seq, refusal->code, subject, r->err);
    return r->code;
}

/* Answer a push that is stored already, in the runs in which it was stored. */
static int answer_repeat(struct passage *p, struct mst_err *err)
{
    uint64_t until = p->last;
    struct mst_reader *reader = mst_store_own_reader(p->d->options.store);
    int code = 0;
    for (uint64_t seq = p->push->first; !code && seq <= until;) {
        struct repeat r = {.p = p, .same = true, .seq = seq, .err = err};
        code = mst_reader_runs(reader, p->e->pid, p->outbox->number, seq, take_run, &r, err);
        if (!code && !r.found)
            return mst_fail_on(err, MST_E_CORRUPT, "runs");
        uint64_t last = r.run.last < until ? r.run.last : until;
        r.until = last;
        if (!code)
            code = mst_reader_rows(reader, p->e->pid, r.run.row_first + (seq - r.run.first),
                                   compare_row, &r, err);
        if (!code && r.same && r.seq != last + 1)
            code = mst_fail_on(err, MST_E_CORRUPT, "runs");
        if (!code && !r.same) {
            p->d->conflicts++;
            code = mst_driver_security_attempt(
                p->d, p->e, p->caller, MST_SECURITY_SEQUENCE_CONFLICT, "outbox", p->now, err);
            refusals_done(&r.refused);
            return code ? code : refuse(p, MST_E_CONFLICT, "outbox", err);
        }
        if (!code)
            code = mst_reader_refusals(reader, p->e->pid, p->outbox->number, r.run.first,
                                       r.run.last, take_refusal, &r, err);
        if (!code)
            code = r.code;
        /* The whole stored run is numbered, so that row and head belong together. */
        if (!code)
            code = send_receipt(p, &r.run, &r.refused, err);
        refusals_done(&r.refused);
        seq = last + 1;
    }
    return code;
}

/* ---- new runs ---- */

static int send_expect(struct passage *p, struct mst_err *err)
{
    struct mst_msg msg = {.type = MST_MSG_expect};
    msg.u.expect.outbox = p->push->outbox;
    msg.u.expect.next = p->known.last + 1;
    msg.u.expect.head = mst_bytes(p->known.head, MST_HASH_BYTES);
    return mst_driver_answer(p->d, p->caller->session, &msg, err);
}

/*
 * Does the run join the chain of what is known? A hash of the chain stands for everything before
 * it, so that equality at the seam proves that an overlap is a repeat.
 */
static bool joins(const struct passage *p)
{
    uint8_t head[MST_HASH_BYTES];
    memcpy(head, p->push->prev.data, MST_HASH_BYTES);
    for (uint64_t seq = p->push->first; seq <= p->known.last; seq++)
        mst_chain_next(head, seq, p->push->reports.items[seq - p->push->first], head);
    return memcmp(head, p->known.head, MST_HASH_BYTES) == 0;
}

/* What was found out ahead counts only by the key that is the sender's now. */
static struct mst_verified verified(const struct passage *p)
{
    struct mst_verified found;
    const struct mst_verified *ahead = p->caller->verified;
    if (ahead && memcmp(ahead->sign_key, p->caller->sign_key, sizeof ahead->sign_key) == 0)
        return *ahead;
    mst_driver_verify(p->caller->sign_key, p->push, NULL, 0, &found);
    return found;
}

void mst_driver_verify(const uint8_t sign_key[32], const struct mst_msg_push *push,
                       struct mst_msg_report *room, size_t room_count, struct mst_verified *ret)
{
    size_t read = 0;
    while (read < room_count && read < push->reports.count &&
           mst_msg_decode_report(push->reports.items[read], &room[read], NULL) == 0)
        read++;
    ret->reports = room;
    ret->reports_count = read;
    memcpy(ret->sign_key, sign_key, sizeof ret->sign_key);
    memcpy(ret->head, push->prev.data, sizeof ret->head);
    for (size_t i = 0; i < push->reports.count; i++)
        mst_chain_next(ret->head, push->first + i, push->reports.items[i], ret->head);
    ret->holds = mst_slice_is(push->alg, MST_ALG_ED25519_BLAKE2B) &&
                 mst_run_verify(sign_key, push->outbox.data, push->first + push->reports.count - 1,
                                ret->head, push->sig.data, NULL) == 0;
}

static int put_outbox_and_run(struct passage *p, const struct mst_run *run, struct mst_err *err)
{
    struct mst_outbox updated = p->known;
    updated.last = run->last;
    memcpy(updated.head, run->head, MST_HASH_BYTES);
    int code = mst_store_put_outbox(p->d->options.store, p->e->pid, &updated, err);
    if (!code && !p->outbox)
        code = mst_engine_add_outbox(p->e, &updated, &p->outbox, err);
    if (code)
        return code;
    *p->outbox = updated;
    struct mst_run numbered = *run;
    numbered.outbox = updated.number;
    size_t stored = (size_t)(run->first - p->push->first); /* of an overlap */
    struct mst_slices fresh = {p->push->reports.items + stored, p->push->reports.count - stored};
    return mst_engine_put_run(p->e, &numbered, fresh, err);
}

static int put_refusal(struct passage *p, struct refusals *refused, uint64_t seq,
                       enum mst_code code, const char *subject, struct mst_err *err)
{
    log_refusal(p, code, subject);
    struct mst_refusal stored = {
        .outbox = p->outbox->number, .seq = seq, .code = code, .subject = mst_text(subject)};
    int failed = mst_store_put_refusal(p->d->options.store, p->e->pid, &stored, err);
    if (failed)
        return failed;
    struct mst_buf *b = &p->d->scratch;
    mst_buf_clear(b);
    if (pack_refusal(b, seq, code, subject))
        return mst_fail_on(err, MST_E_NOMEM, "refusal");
    failed = mst_engine_put_row(p->e, MST_ROW_REFUSAL, p->now, mst_bytes(b->data, b->len), err);
    return failed ? failed : refusals_add(refused, seq, code, subject, err);
}

/* Well signed, and in another unit's name. */
static int note_forgery(struct passage *p, const char *subject, struct mst_err *err)
{
    return mst_driver_note(p->d, p->e, MST_ROW_SECURITY, p->caller, mst_code_word(MST_E_IDENTITY),
                           subject, NULL, p->now, err);
}

/* NULL: it is malformed. */
static const struct mst_msg_report *read_report(const struct passage *p, size_t index,
                                                struct mst_msg_report *room, struct mst_err *why)
{
    if (index < p->found.reports_count)
        return &p->found.reports[index];
    return mst_msg_decode_report(p->push->reports.items[index], room, why) ? NULL : room;
}

/* Step the core with one report of the run. */
static int step_report(struct passage *p, uint64_t seq, uint64_t row, struct refusals *refused,
                       struct mst_err *err)
{
    struct mst_msg_report room;
    struct mst_err why;
    enum mst_code code = MST_OK;
    char subject[256];
    subject[0] = '\0';
    const struct mst_msg_report *report = read_report(p, seq - p->push->first, &room, &why);
    if (!report) {
        code = MST_R_FORM;
        mst_slice_copy(mst_text(why.text), subject, sizeof subject);
    } else if (!mst_slice_is(report->unit, p->caller->actor.unit)) {
        code = MST_E_IDENTITY;
        mst_slice_copy(report->unit, subject, sizeof subject);
    } else {
        struct mst_input input = {.kind = MST_INPUT_REPORT, .now = p->now};
        input.u.report.unit = p->caller->actor.unit;
        input.u.report.report = report;
        input.u.report.row = row;
        int failed = mst_engine_step(p->e, &input, &code, subject, err);
        if (failed)
            return failed;
    }
    if (code == MST_E_IDENTITY) {
        int failed = note_forgery(p, subject, err);
        if (failed)
            return failed;
    }
    return code == MST_OK ? 0 : put_refusal(p, refused, seq, code, subject, err);
}

/* Bytes by which the database grows, at least: what is not stored yet, and what each report and
 * outbox takes beside its own bytes. */
static size_t growth_of(const struct passage *p)
{
    size_t bytes = p->outbox ? 0 : OUTBOX_BYTES;
    for (size_t i = (size_t)(p->known.last + 1 - p->push->first); i < p->push->reports.count; i++)
        bytes += p->push->reports.items[i].len + REPORT_BYTES;
    return bytes;
}

/* It waits in the outbox; whoever answers for it is told that it does. */
static int refuse_growth(struct passage *p, struct mst_err *err)
{
    const char *who = p->caller->actor.principal;
    int code = 0;
    if (mst_core_security_due(p->e->core, MST_SECURITY_QUOTA_REACHED, who, p->now))
        code = mst_driver_security(p->d, p->e, p->caller, MST_SECURITY_QUOTA_REACHED, "outbox",
                                   p->now, err);
    return code ? code : refuse(p, MST_E_QUOTA, who, err);
}

static int accept_run(struct passage *p, struct mst_err *err)
{
    uint64_t first = p->known.last + 1;
    struct mst_run run = {
        .first = first, .last = p->last, .row_first = p->e->row + 1, .at = p->now};
    memcpy(run.prev, p->known.head, MST_HASH_BYTES);
    memcpy(run.head, p->found.head, MST_HASH_BYTES);
    memcpy(run.sig, p->push->sig.data, MST_SIGN_BYTES);
    memcpy(run.sign_key, p->caller->sign_key, MST_SIGN_PUBLIC_BYTES);
    /* The run's rows stand together, so that a number finds its row without an index. */
    int code = put_outbox_and_run(p, &run, err);
    struct refusals refused = {0};
    for (uint64_t seq = first; !code && seq <= p->last; seq++)
        code = step_report(p, seq, run.row_first + (seq - first), &refused, err);
    if (!code)
        code = send_receipt(p, &run, &refused, err);
    refusals_done(&refused);
    return code;
}

int mst_driver_push(struct mst_driver *d, struct mst_engine *e, const struct mst_caller *caller,
                    const struct mst_msg_push *push, mst_time now, struct mst_err *err)
{
    struct passage p = {.d = d, .e = e, .caller = caller, .push = push, .now = now};
    int code = mst_driver_open_batch(d, err);
    if (code)
        return code;
    if (!caller->actor.unit || !caller->sign_key)
        return refuse(&p, MST_E_DENIED, "push", err);
    if (!mst_slice_is(push->alg, MST_ALG_ED25519_BLAKE2B))
        return refuse(&p, MST_E_VERSION, "alg", err);
    p.last = push->first + push->reports.count - 1;
    p.outbox = mst_engine_find_outbox(e, push->outbox.data);
    if (p.outbox) {
        p.known = *p.outbox;
        if (strcmp(p.known.unit, caller->actor.unit) != 0) {
            code = mst_driver_note_attempt(d, e, caller, "identity", p.known.unit, now, err);
            return code ? code : refuse(&p, MST_E_IDENTITY, p.known.unit, err);
        }
    } else {
        memcpy(p.known.id, push->outbox.data, MST_OUTBOX_BYTES);
        snprintf(p.known.unit, sizeof p.known.unit, "%s", caller->actor.unit);
        mst_chain_genesis(p.known.id, e->id, p.known.unit, p.known.head);
    }
    if (push->first > p.known.last + 1)
        return send_expect(&p, err);
    if (p.last <= p.known.last)
        return answer_repeat(&p, err);
    if (!joins(&p)) {
        code = mst_driver_note_attempt(d, e, caller, "chain", "outbox", now, err);
        return code ? code : refuse(&p, MST_E_CHAIN, "outbox", err);
    }
    p.found = verified(&p);
    if (!MST_MUTANT("signature-not-checked") && !p.found.holds) {
        code = mst_driver_note_attempt(d, e, caller, "signature", "outbox", now, err);
        return code ? code : refuse(&p, MST_E_SIGNATURE, "outbox", err);
    }
    if (!mst_driver_take_room(d, e, caller, growth_of(&p), now))
        return refuse_growth(&p, err);
    return accept_run(&p, err);
}
