/* SPDX-License-Identifier: Apache-2.0 */
/* The dispatch's reading half: each kind of walk by its name, when the store may be read. */
#include "broker/store/store_impl.h"

void mst_reader_close(struct mst_reader *r)
{
    if (r)
        r->ops->reader_close(r);
}

static int check_reader(const struct mst_reader *r, struct mst_err *err)
{
    if (r->owner && r->owner->state == MST_STORE_COMMITTING)
        return mst_store_fail_misuse(err, "read in a commit");
    return r->owner && r->owner->state == MST_STORE_DEAD ? mst_store_fail_dead(err) : 0;
}

int mst_reader_walk(struct mst_reader *r, const struct mst_walk *walk, struct mst_err *err)
{
    int code = check_reader(r, err);
    return code ? code : r->ops->walk(r, walk, err);
}

int mst_reader_last(struct mst_reader *r, enum mst_table table, mst_pid p, uint64_t *ret_number,
                    struct mst_err *err)
{
    int code = check_reader(r, err);
    return code ? code : r->ops->last(r, table, p, ret_number, err);
}

int mst_reader_programmes(struct mst_reader *r, mst_programme_fn fn, void *context,
                          struct mst_err *err)
{
    struct mst_walk what = {.table = MST_TABLE_PROGRAMME, .fn.programme = fn, .context = context};
    return mst_reader_walk(r, &what, err);
}

int mst_reader_rows(struct mst_reader *r, mst_pid p, uint64_t from, mst_row_fn fn, void *context,
                    struct mst_err *err)
{
    struct mst_walk what = {.table = MST_TABLE_ROW, .p = p, .from = from, .context = context};
    what.fn.row = fn;
    return mst_reader_walk(r, &what, err);
}

struct last_head {
    uint64_t row;
    mst_time at;
    uint8_t head[MST_HASH_BYTES];
};

static int copy_head(void *context, uint64_t row, mst_time at, const uint8_t head[MST_HASH_BYTES])
{
    struct last_head *last = context;
    last->row = row;
    last->at = at;
    memcpy(last->head, head, sizeof last->head);
    return 1;
}

int mst_reader_last_head(struct mst_reader *r, mst_pid p, uint64_t *ret_row, mst_time *ret_at,
                         uint8_t ret_head[MST_HASH_BYTES], struct mst_err *err)
{
    struct last_head last = {0};
    uint64_t row = 0;
    int code = mst_reader_last(r, MST_TABLE_HEAD, p, &row, err);
    if (!code && row)
        code = mst_reader_heads(r, p, row, copy_head, &last, err);
    if (code)
        return code;
    *ret_row = last.row;
    *ret_at = last.at;
    memcpy(ret_head, last.head, sizeof last.head);
    return 0;
}

int mst_reader_heads(struct mst_reader *r, mst_pid p, uint64_t from_row, mst_head_fn fn,
                     void *context, struct mst_err *err)
{
    struct mst_walk what = {.table = MST_TABLE_HEAD, .p = p, .from = from_row, .context = context};
    what.fn.head = fn;
    return mst_reader_walk(r, &what, err);
}

int mst_reader_runs(struct mst_reader *r, mst_pid p, uint64_t outbox, uint64_t seq, mst_run_fn fn,
                    void *context, struct mst_err *err)
{
    struct mst_walk what = {.table = MST_TABLE_RUN, .p = p, .outbox = outbox, .from = seq};
    what.to = UINT64_MAX;
    what.fn.run = fn;
    what.context = context;
    return mst_reader_walk(r, &what, err);
}

int mst_reader_outboxes(struct mst_reader *r, mst_pid p, mst_outbox_fn fn, void *context,
                        struct mst_err *err)
{
    struct mst_walk what = {.table = MST_TABLE_OUTBOX, .p = p, .context = context};
    what.fn.outbox = fn;
    return mst_reader_walk(r, &what, err);
}

int mst_reader_refusals(struct mst_reader *r, mst_pid p, uint64_t outbox, uint64_t first,
                        uint64_t last, mst_refusal_fn fn, void *context, struct mst_err *err)
{
    struct mst_walk what = {.table = MST_TABLE_REFUSAL, .p = p, .outbox = outbox, .from = first};
    what.to = last;
    what.fn.refusal = fn;
    what.context = context;
    return mst_reader_walk(r, &what, err);
}

int mst_reader_obligations(struct mst_reader *r, mst_pid p, mst_obligation_fn fn, void *context,
                           struct mst_err *err)
{
    struct mst_walk what = {.table = MST_TABLE_OBLIGATION, .p = p, .context = context};
    what.fn.obligation = fn;
    return mst_reader_walk(r, &what, err);
}

/* What a callback that wants one alone is wrapped in. */
struct only {
    mst_obligation_fn fn;
    void *context;
};

static int take_only(void *context, const char *id, struct mst_slice bytes)
{
    const struct only *only = context;
    (void)only->fn(only->context, id, bytes);
    return 1;
}

int mst_reader_obligation(struct mst_reader *r, mst_pid p, const char *id, mst_obligation_fn fn,
                          void *context, struct mst_err *err)
{
    struct only only = {fn, context};
    struct mst_walk what = {.table = MST_TABLE_OBLIGATION, .p = p, .id = id, .context = &only};
    what.fn.obligation = take_only;
    /* No stored id is as long: there is none of this name. */
    return strlen(id) > MST_STORE_NAME_BYTES_MAX ? 0 : mst_reader_walk(r, &what, err);
}

int mst_reader_items(struct mst_reader *r, mst_pid p, mst_item_fn fn, void *context,
                     struct mst_err *err)
{
    struct mst_walk what = {.table = MST_TABLE_ITEM, .p = p, .context = context};
    what.fn.item = fn;
    return mst_reader_walk(r, &what, err);
}

int mst_reader_alerts(struct mst_reader *r, mst_pid p, uint64_t after, mst_alert_fn fn,
                      void *context, struct mst_err *err)
{
    struct mst_walk what = {.table = MST_TABLE_ALERT, .p = p, .context = context};
    what.from = after < MST_STORE_NUMBER_MAX ? after + 1 : MST_STORE_NUMBER_MAX + 1;
    what.fn.alert = fn;
    return mst_reader_walk(r, &what, err);
}

int mst_reader_last_alert(struct mst_reader *r, mst_pid p, uint64_t *ret_number,
                          struct mst_err *err)
{
    return mst_reader_last(r, MST_TABLE_ALERT, p, ret_number, err);
}

int mst_reader_cursors(struct mst_reader *r, mst_pid p, mst_cursor_fn fn, void *context,
                       struct mst_err *err)
{
    struct mst_walk what = {.table = MST_TABLE_CURSOR, .p = p, .context = context};
    what.fn.cursor = fn;
    return mst_reader_walk(r, &what, err);
}

int mst_reader_keys(struct mst_reader *r, mst_pid p, mst_key_fn fn, void *context,
                    struct mst_err *err)
{
    struct mst_walk what = {.table = MST_TABLE_KEY, .p = p, .context = context};
    what.fn.key = fn;
    return mst_reader_walk(r, &what, err);
}

int mst_reader_invitations(struct mst_reader *r, mst_pid p, mst_invitation_fn fn, void *context,
                           struct mst_err *err)
{
    struct mst_walk what = {.table = MST_TABLE_INVITATION, .p = p, .context = context};
    what.fn.invitation = fn;
    return mst_reader_walk(r, &what, err);
}

int mst_reader_meta(struct mst_reader *r, mst_pid p, const char *name, void *data, size_t *len,
                    struct mst_err *err)
{
    int code = check_reader(r, err);
    return code ? code : r->ops->meta(r, p, name, data, len, err);
}
