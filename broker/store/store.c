/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's dispatch: checks what the contract asks of a caller, then calls the backend. It knows
 * no backend, no SQL and no file; a backend never repeats a check that is made here.
 */
#include "broker/store/store_impl.h"

#include <stdlib.h>
#include <string.h>

#define PID_MAX ((1U << 22) - 1)

const char *mst_table_name(enum mst_table table)
{
    static const char *const names[] = {
#define TABLE(NAME, name) #name,
        MST_TABLES(TABLE)
#undef TABLE
    };
    return names[table];
}

/* ---- what all backends share ---- */

int mst_store_fail_dead(struct mst_err *err)
{
    return mst_fail(err, MST_E_IO, _("the store is closed since a commit or checkpoint failed"));
}

int mst_store_fail_misuse(struct mst_err *err, const char *what)
{
    return mst_fail_on(err, MST_E_INTERNAL, what);
}

static int add_programme(struct mst_store *s, struct mst_err *err)
{
    if (s->count == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 4;
        struct mst_store_programme *grown = realloc(s->programmes, cap * sizeof *grown);
        if (!grown)
            return mst_fail_on(err, MST_E_NOMEM, "store");
        s->programmes = grown;
        s->cap = cap;
    }
    memset(&s->programmes[s->count++], 0, sizeof s->programmes[0]);
    return 0;
}

struct start {
    struct mst_store *s;
    struct mst_err *err;
    int code;
};

static int start_programme(void *context, mst_pid p, const char *id)
{
    struct start *start = context;
    struct mst_store *s = start->s;
    (void)id;
    if (p != s->count + 1) {
        start->code = mst_fail_on(start->err, MST_E_CORRUPT, _("the numbers of the programmes"));
        return 1;
    }
    start->code = add_programme(s, start->err);
    if (start->code)
        return 1;
    struct mst_store_programme *state = &s->programmes[p - 1];
    start->code = s->ops->last(s->own, MST_TABLE_ROW, p, &state->row, start->err);
    if (!start->code)
        start->code = s->ops->last(s->own, MST_TABLE_ALERT, p, &state->alert, start->err);
    state->done_row = state->row;
    state->done_alert = state->alert;
    return start->code;
}

int mst_store_start(struct mst_store *s, struct mst_err *err)
{
    struct start start = {s, err, 0};
    int code = mst_reader_programmes(s->own, start_programme, &start, err);
    if (!code)
        code = start.code;
    s->done_count = s->count;
    return code;
}

void mst_store_stop(struct mst_store *s)
{
    free(s->programmes);
    s->programmes = NULL;
    s->count = s->done_count = s->cap = 0;
}

void mst_store_kill(struct mst_store *s)
{
    s->state = MST_STORE_DEAD;
}

/* Take the batch's numbers back. */
static void forget_batch(struct mst_store *s)
{
    s->count = s->done_count;
    for (size_t i = 0; i < s->count; i++) {
        s->programmes[i].row = s->programmes[i].done_row;
        s->programmes[i].alert = s->programmes[i].done_alert;
        s->programmes[i].head = 0;
    }
}

static void keep_batch(struct mst_store *s)
{
    s->done_count = s->count;
    for (size_t i = 0; i < s->count; i++) {
        s->programmes[i].done_row = s->programmes[i].row;
        s->programmes[i].done_alert = s->programmes[i].alert;
        s->programmes[i].head = 0;
    }
}

/* Every completion ends here: the state is settled first, so that `done` may begin a batch. */
static void tell_done(struct mst_store *s, int code, const struct mst_err *err)
{
    mst_store_done_fn done = s->done;
    s->done = NULL;
    if (done)
        done(s->done_context, code, err);
}

void mst_store_committed(struct mst_store *s, int code, const struct mst_err *err)
{
    if (code) {
        s->state = MST_STORE_DEAD;
    } else {
        s->state = MST_STORE_IDLE;
        keep_batch(s);
    }
    tell_done(s, code, err);
}

/* ---- life and batches ---- */

void mst_store_close(struct mst_store *store)
{
    if (!store)
        return;
    mst_store_rollback(store);
    store->ops->close(store);
}

int mst_store_begin(struct mst_store *s, struct mst_err *err)
{
    if (s->passthrough)
        return s->ops->begin(s, err);
    if (s->state == MST_STORE_DEAD)
        return mst_store_fail_dead(err);
    if (s->state != MST_STORE_IDLE)
        return mst_store_fail_misuse(err, "begin in a batch");
    int code = s->ops->begin(s, err);
    if (!code)
        s->state = MST_STORE_BATCH;
    else if (code != MST_E_FULL && code != MST_E_NOMEM)
        s->state = MST_STORE_DEAD;
    return code;
}

static int check_batch(const struct mst_store *s, struct mst_err *err)
{
    switch (s->state) {
    case MST_STORE_BATCH:
        return 0;
    case MST_STORE_DEAD:
        return mst_store_fail_dead(err);
    case MST_STORE_SPOILED:
        return mst_fail(err, s->spoiled, _("an earlier write of this batch failed"));
    default:
        return mst_store_fail_misuse(err, "write outside a batch");
    }
}

/* Names and ids are keys: never empty, and short enough for any backend's key. */
static bool is_name(const char *name)
{
    return name[0] && strlen(name) <= MST_STORE_NAME_BYTES_MAX;
}

/* What a backend's failed write means for the batch and the store (see struct mst_store_ops). */
static int settle(struct mst_store *s, int code)
{
    switch (code) {
    case 0:
    case MST_E_EXISTS:
    case MST_E_UNKNOWN:
    case MST_E_INVALID:
        break;
    case MST_E_FULL:
    case MST_E_NOMEM:
        s->state = MST_STORE_SPOILED;
        s->spoiled = (enum mst_code)code;
        break;
    default:
        s->state = MST_STORE_DEAD;
    }
    return code;
}

int mst_store_programme(struct mst_store *s, const char *id, mst_pid *ret_pid, struct mst_err *err)
{
    if (s->passthrough)
        return s->ops->programme(s, id, 0, ret_pid, err);
    int code = check_batch(s, err);
    if (code)
        return code;
    if (!is_name(id))
        return mst_fail_on(err, MST_E_INVALID, _("the id of the programme"));
    if (s->count >= PID_MAX)
        return mst_fail_on(err, MST_E_TOO_LARGE, _("the number of programmes"));
    mst_pid p = 0;
    code = settle(s, s->ops->programme(s, id, (mst_pid)s->count + 1, &p, err));
    if (code)
        return code;
    if (p > s->count) {
        code = settle(s, add_programme(s, err));
        if (code)
            return code;
    }
    *ret_pid = p;
    return 0;
}

/* The one way into a backend's put. */
static int put(struct mst_store *s, const struct mst_put *what, struct mst_err *err)
{
    if (s->passthrough)
        return s->ops->put(s, what, err);
    return settle(s, s->ops->put(s, what, err));
}

/* The programme's counters when a write may go on; NULL for the tracing wrapper. */
static int admit(struct mst_store *s, mst_pid p, struct mst_store_programme **ret_state,
                 struct mst_err *err)
{
    *ret_state = NULL;
    if (s->passthrough)
        return 0;
    int code = check_batch(s, err);
    if (code)
        return code;
    if (p == 0 || p > s->count)
        return mst_fail(err, MST_E_UNKNOWN, _("no programme has the number %u"), p);
    *ret_state = &s->programmes[p - 1];
    return 0;
}

static int fail_number(struct mst_err *err, const char *what, uint64_t got, uint64_t wanted)
{
    return mst_fail(err, MST_E_CORRUPT, _("%s %llu does not follow; it should be %llu"), what,
                    (unsigned long long)got, (unsigned long long)wanted);
}

int mst_store_put_row(struct mst_store *s, mst_pid p, const struct mst_row *row,
                      struct mst_err *err)
{
    struct mst_store_programme *state;
    int code = admit(s, p, &state, err);
    if (code)
        return code;
    if (state && row->kind == MST_ROW_REPORT)
        return mst_fail_on(err, MST_E_INVALID, _("a report without its run"));
    if (state && (row->row != state->row + 1 || row->row > MST_STORE_NUMBER_MAX))
        return fail_number(err, _("ledger row"), row->row, state->row + 1);
    code = put(s, &(struct mst_put){.table = MST_TABLE_ROW, .p = p, .u.row = row}, err);
    if (!code && state)
        state->row = row->row;
    return code;
}

int mst_store_put_head(struct mst_store *s, mst_pid p, uint64_t row, mst_time at,
                       const uint8_t head[MST_HASH_BYTES], struct mst_err *err)
{
    struct mst_store_programme *state;
    int code = admit(s, p, &state, err);
    if (code)
        return code;
    if (state && (row != state->row || row == 0))
        return fail_number(err, _("ledger head"), row, state->row);
    struct mst_put what = {.table = MST_TABLE_HEAD, .p = p};
    what.u.head = (struct mst_put_head){row, state ? state->head : 0, at, head};
    code = put(s, &what, err);
    if (!code && state)
        state->head = row;
    return code;
}

int mst_store_put_run(struct mst_store *s, mst_pid p, const struct mst_run *run,
                      struct mst_slices reports, struct mst_err *err)
{
    struct mst_store_programme *state;
    int code = admit(s, p, &state, err);
    if (code)
        return code;
    if (state && (run->first == 0 || run->first > run->last || run->last > INT64_MAX ||
                  run->last - run->first + 1 != reports.count))
        return mst_fail_on(err, MST_E_INVALID, _("the bounds of the run"));
    if (state &&
        (run->row_first != state->row + 1 || reports.count > MST_STORE_NUMBER_MAX - state->row))
        return fail_number(err, _("ledger row"), run->row_first, state->row + 1);
    struct mst_put what = {.table = MST_TABLE_RUN, .p = p, .u.run = {run, reports}};
    code = put(s, &what, err);
    if (!code && state)
        state->row += reports.count;
    return code;
}

int mst_store_put_outbox(struct mst_store *s, mst_pid p, struct mst_outbox *outbox,
                         struct mst_err *err)
{
    struct mst_store_programme *state;
    int code = admit(s, p, &state, err);
    if (code)
        return code;
    return put(s, &(struct mst_put){.table = MST_TABLE_OUTBOX, .p = p, .u.outbox = outbox}, err);
}

int mst_store_put_refusal(struct mst_store *s, mst_pid p, const struct mst_refusal *refusal,
                          struct mst_err *err)
{
    struct mst_store_programme *state;
    int code = admit(s, p, &state, err);
    if (code)
        return code;
    if (state && refusal->seq > INT64_MAX)
        return mst_fail_on(err, MST_E_INVALID, _("the number of the refused report"));
    struct mst_put what = {.table = MST_TABLE_REFUSAL, .p = p, .u.refusal = refusal};
    return put(s, &what, err);
}

int mst_store_put_obligation(struct mst_store *s, mst_pid p, const char *id, struct mst_slice bytes,
                             struct mst_err *err)
{
    struct mst_store_programme *state;
    int code = admit(s, p, &state, err);
    if (code)
        return code;
    if (state && !is_name(id))
        return mst_fail_on(err, MST_E_INVALID, _("the id of the obligation"));
    struct mst_put what = {.table = MST_TABLE_OBLIGATION, .p = p, .u.named = {id, bytes}};
    return put(s, &what, err);
}

int mst_store_put_item(struct mst_store *s, mst_pid p, const char *kind, const char *id,
                       struct mst_slice bytes, struct mst_err *err)
{
    struct mst_store_programme *state;
    int code = admit(s, p, &state, err);
    if (code)
        return code;
    if (state && (!is_name(kind) || !is_name(id)))
        return mst_fail_on(err, MST_E_INVALID, _("the kind and id of the item"));
    struct mst_put what = {.table = MST_TABLE_ITEM, .p = p, .u.item = {kind, id, bytes}};
    return put(s, &what, err);
}

int mst_store_put_alert(struct mst_store *s, mst_pid p, const struct mst_stored_alert *alert,
                        struct mst_err *err)
{
    struct mst_store_programme *state;
    int code = admit(s, p, &state, err);
    if (code)
        return code;
    if (state && (alert->number != state->alert + 1 || alert->number > MST_STORE_NUMBER_MAX))
        return fail_number(err, _("alert"), alert->number, state->alert + 1);
    /* The alert's bytes are its row's: without the row there would be nothing to read. */
    if (state && (alert->row == 0 || alert->row > state->row))
        return mst_fail(err, MST_E_CORRUPT, _("alert %llu has no ledger row"),
                        (unsigned long long)alert->number);
    code = put(s, &(struct mst_put){.table = MST_TABLE_ALERT, .p = p, .u.alert = alert}, err);
    if (!code && state)
        state->alert = alert->number;
    return code;
}

int mst_store_put_cursor(struct mst_store *s, mst_pid p, const char *principal, const char *name,
                         uint64_t cursor, struct mst_err *err)
{
    struct mst_store_programme *state;
    int code = admit(s, p, &state, err);
    if (code)
        return code;
    if (state && (!is_name(principal) || strlen(name) > MST_STORE_NAME_BYTES_MAX))
        return mst_fail_on(err, MST_E_INVALID, _("the name of the cursor"));
    struct mst_put what = {.table = MST_TABLE_CURSOR, .p = p};
    what.u.cursor = (struct mst_put_cursor){principal, name, cursor};
    return put(s, &what, err);
}

int mst_store_put_key(struct mst_store *s, mst_pid p, const struct mst_key *key,
                      struct mst_err *err)
{
    struct mst_store_programme *state;
    int code = admit(s, p, &state, err);
    if (code)
        return code;
    return put(s, &(struct mst_put){.table = MST_TABLE_KEY, .p = p, .u.key = key}, err);
}

int mst_store_put_invitation(struct mst_store *s, mst_pid p,
                             const struct mst_invitation *invitation, struct mst_err *err)
{
    struct mst_store_programme *state;
    int code = admit(s, p, &state, err);
    if (code)
        return code;
    struct mst_put what = {.table = MST_TABLE_INVITATION, .p = p, .u.invitation = invitation};
    return put(s, &what, err);
}

int mst_store_put_meta(struct mst_store *s, mst_pid p, const char *name, struct mst_slice bytes,
                       struct mst_err *err)
{
    struct mst_store_programme *state;
    int code = p == 0 && !s->passthrough ? check_batch(s, err) : admit(s, p, &state, err);
    if (code)
        return code;
    if (!s->passthrough && !is_name(name))
        return mst_fail_on(err, MST_E_INVALID, _("the name of the value"));
    struct mst_put what = {.table = MST_TABLE_META, .p = p, .u.named = {name, bytes}};
    return put(s, &what, err);
}

/* Drop the batch in the backend; a rollback that fails leaves nothing to rely on. */
static void drop_batch(struct mst_store *s)
{
    forget_batch(s);
    s->state = s->ops->rollback(s, NULL) ? MST_STORE_DEAD : MST_STORE_IDLE;
}

void mst_store_commit(struct mst_store *s, mst_store_done_fn done, void *context)
{
    struct mst_err err = {0};
    s->done = done;
    s->done_context = context;
    int code = s->passthrough ? 0 : check_batch(s, &err);
    if (!code && s->ops->prepare)
        code = settle(s, s->ops->prepare(s, &err));
    if (code) {
        /* Nothing was tried, so nothing is in doubt: the store lives on, without the batch. */
        if (s->state == MST_STORE_SPOILED)
            drop_batch(s);
        tell_done(s, code, &err);
        return;
    }
    if (!s->passthrough)
        s->state = MST_STORE_COMMITTING;
    s->ops->commit(s);
}

int mst_store_fd(const struct mst_store *s)
{
    return s->ops->fd ? s->ops->fd(s) : -1;
}

void mst_store_complete(struct mst_store *s)
{
    if (s->ops->complete)
        s->ops->complete(s);
}

void mst_store_rollback(struct mst_store *s)
{
    if (s->passthrough)
        (void)s->ops->rollback(s, NULL);
    else if (s->state == MST_STORE_BATCH || s->state == MST_STORE_SPOILED)
        drop_batch(s);
}

/* Between batches. What fails there has left nothing in doubt, or else the store is dead. */
static int settle_idle(struct mst_store *s, int code)
{
    if (code && code != MST_E_NOMEM && code != MST_E_FULL)
        s->state = MST_STORE_DEAD;
    return code;
}

static int check_idle(const struct mst_store *s, const char *what, struct mst_err *err)
{
    if (s->state == MST_STORE_DEAD)
        return mst_store_fail_dead(err);
    return s->state == MST_STORE_IDLE ? 0 : mst_store_fail_misuse(err, what);
}

int mst_store_publish(struct mst_store *s, struct mst_err *err)
{
    if (s->passthrough)
        return s->ops->publish(s, err);
    int code = check_idle(s, "publish in a batch", err);
    if (code || !s->ops->publish)
        return code;
    return settle_idle(s, s->ops->publish(s, err));
}

int mst_store_maintain(struct mst_store *s, bool *ret_more, struct mst_err *err)
{
    if (s->passthrough)
        return s->ops->maintain(s, ret_more, err);
    int code = check_idle(s, "maintenance in a batch", err);
    return code ? code : settle_idle(s, s->ops->maintain(s, ret_more, err));
}

/* ---- readers ---- */

int mst_store_reader_open(struct mst_store *s, struct mst_reader **ret_reader, struct mst_err *err)
{
    if (!s->passthrough && s->state == MST_STORE_DEAD)
        return mst_store_fail_dead(err);
    return s->ops->reader_open(s, ret_reader, err);
}

struct mst_reader *mst_store_own_reader(struct mst_store *s)
{
    return s->own;
}
