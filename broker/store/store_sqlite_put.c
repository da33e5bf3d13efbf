/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite backend's puts: one table of what is bound to which statement, noted on the way. */
#include <string.h>

#include "broker/store/segment.h"
#include "broker/store/store_sqlite.h"

/* Parameters of one statement; the first failure to bind one is kept. */
struct binder {
    sqlite3_stmt *statement;
    struct mst_redo *redo;
    int rc;
    int at; /* last parameter bound */
};

static void bind_number(struct binder *b, int64_t value)
{
    int rc = sqlite3_bind_int64(b->statement, ++b->at, value);
    b->rc = b->rc ? b->rc : rc;
    mst_redo_number(b->redo, value);
}

static void bind_bytes(struct binder *b, const void *data, size_t len)
{
    /* SQLite takes a NULL pointer for NULL, which is not an empty value. */
    int rc = sqlite3_bind_blob64(b->statement, ++b->at, len ? data : "", len, SQLITE_STATIC);
    b->rc = b->rc ? b->rc : rc;
    mst_redo_bytes(b->redo, data, len);
}

static void bind_text(struct binder *b, const char *text)
{
    int rc = sqlite3_bind_text(b->statement, ++b->at, text, -1, SQLITE_STATIC);
    b->rc = b->rc ? b->rc : rc;
    mst_redo_text(b->redo, text);
}

static void bind_row(struct binder *b, const struct mst_put *put)
{
    const struct mst_row *row = put->u.row;
    bind_number(b, mst_sqlite_id(put->p, row->row));
    bind_number(b, row->at);
    bind_number(b, row->kind);
    bind_bytes(b, row->bytes.data, row->bytes.len);
}

static void bind_head(struct binder *b, const struct mst_put *put)
{
    bind_number(b, mst_sqlite_id(put->p, put->u.head.row));
    bind_number(b, put->u.head.at);
    bind_bytes(b, put->u.head.head, MST_HASH_BYTES);
}

static void bind_run(struct binder *b, const struct mst_put *put)
{
    const struct mst_run *run = put->u.run.run;
    bind_number(b, put->p);
    bind_number(b, (int64_t)run->outbox);
    bind_number(b, (int64_t)run->last);
    bind_number(b, (int64_t)run->row_first);
}

static void bind_outbox(struct binder *b, const struct mst_put *put)
{
    const struct mst_outbox *outbox = put->u.outbox;
    bind_number(b, put->p);
    bind_bytes(b, outbox->id, sizeof outbox->id);
    bind_text(b, outbox->unit);
    bind_number(b, (int64_t)outbox->last);
    bind_bytes(b, outbox->head, sizeof outbox->head);
}

static void bind_refusal(struct binder *b, const struct mst_put *put)
{
    const struct mst_refusal *refusal = put->u.refusal;
    bind_number(b, put->p);
    bind_number(b, (int64_t)refusal->outbox);
    bind_number(b, (int64_t)refusal->seq);
    bind_number(b, refusal->code);
    bind_bytes(b, refusal->subject.data, refusal->subject.len);
}

static void bind_named(struct binder *b, const struct mst_put *put)
{
    bind_number(b, put->p);
    bind_text(b, put->u.named.name);
    bind_bytes(b, put->u.named.bytes.data, put->u.named.bytes.len);
}

static void bind_item(struct binder *b, const struct mst_put *put)
{
    bind_number(b, put->p);
    bind_text(b, put->u.item.kind);
    bind_text(b, put->u.item.id);
    bind_bytes(b, put->u.item.bytes.data, put->u.item.bytes.len);
}

static void bind_alert(struct binder *b, const struct mst_put *put)
{
    const struct mst_stored_alert *alert = put->u.alert;
    bind_number(b, mst_sqlite_id(put->p, alert->number));
    bind_number(b, mst_sqlite_id(put->p, alert->row));
    bind_bytes(b, alert->row_head, sizeof alert->row_head);
    bind_number(b, put->p);
    bind_bytes(b, alert->id, sizeof alert->id);
    bind_bytes(b, alert->audience.data, alert->audience.len);
    bind_bytes(b, alert->group.data, alert->group.len);
}

static void bind_cursor(struct binder *b, const struct mst_put *put)
{
    bind_number(b, put->p);
    bind_text(b, put->u.cursor.principal);
    bind_text(b, put->u.cursor.name);
    bind_number(b, (int64_t)put->u.cursor.cursor);
}

static void bind_key(struct binder *b, const struct mst_put *put)
{
    const struct mst_key *key = put->u.key;
    bind_number(b, put->p);
    bind_bytes(b, key->channel, sizeof key->channel);
    bind_bytes(b, key->sign, sizeof key->sign);
    bind_text(b, key->principal);
    bind_number(b, key->roles);
    bind_text(b, key->unit);
    bind_number(b, key->created);
    bind_number(b, key->not_after);
    bind_number(b, key->revoked);
    bind_number(b, key->status);
}

static void bind_invitation(struct binder *b, const struct mst_put *put)
{
    const struct mst_invitation *invitation = put->u.invitation;
    bind_number(b, put->p);
    bind_bytes(b, invitation->token_hash, sizeof invitation->token_hash);
    bind_text(b, invitation->principal);
    bind_number(b, invitation->roles);
    bind_text(b, invitation->unit);
    bind_number(b, invitation->created);
    bind_number(b, invitation->expires);
    bind_number(b, invitation->used);
}

static const struct {
    enum mst_sql sql;
    void (*bind)(struct binder *b, const struct mst_put *put);
} put_rows[MST_TABLE_COUNT] = {
    [MST_TABLE_ROW] = {MST_SQL_PUT_ROW, bind_row},
    [MST_TABLE_HEAD] = {MST_SQL_PUT_HEAD, bind_head},
    [MST_TABLE_RUN] = {MST_SQL_PUT_RUN, bind_run},
    [MST_TABLE_OUTBOX] = {MST_SQL_PUT_OUTBOX, bind_outbox},
    [MST_TABLE_REFUSAL] = {MST_SQL_PUT_REFUSAL, bind_refusal},
    [MST_TABLE_OBLIGATION] = {MST_SQL_PUT_OBLIGATION, bind_named},
    [MST_TABLE_ITEM] = {MST_SQL_PUT_ITEM, bind_item},
    [MST_TABLE_ALERT] = {MST_SQL_PUT_ALERT, bind_alert},
    [MST_TABLE_CURSOR] = {MST_SQL_PUT_CURSOR, bind_cursor},
    [MST_TABLE_KEY] = {MST_SQL_PUT_KEY, bind_key},
    [MST_TABLE_INVITATION] = {MST_SQL_PUT_INVITATION, bind_invitation},
    [MST_TABLE_META] = {MST_SQL_PUT_META, bind_named},
};

static int begin(struct sqlite_store *s, enum mst_sql which, struct binder *ret_binder,
                 struct mst_err *err)
{
    *ret_binder = (struct binder){.redo = &s->redo};
    /* A statement that failed, be it one that reads, may have ended the transaction. */
    if (sqlite3_get_autocommit(s->conn.db))
        return mst_fail_on(err, MST_E_NOMEM, "store");
    int code = mst_sqlite_take(&s->conn, which, &ret_binder->statement, err);
    if (!code)
        mst_redo_begin(&s->redo, which);
    return code;
}

/* Step a bound statement to its end and give it back. The first column of its row goes to
 * *ret_number, if there is one. */
static int finish(struct sqlite_store *s, enum mst_sql which, struct binder *b,
                  uint64_t *ret_number, struct mst_err *err)
{
    int rc = b->rc ? b->rc : sqlite3_step(b->statement);
    if (rc == SQLITE_ROW) {
        *ret_number = (uint64_t)sqlite3_column_int64(b->statement, 0);
        rc = sqlite3_step(b->statement);
    }
    int code = rc == SQLITE_DONE ? 0 : mst_sqlite_fail(s->conn.db, rc, err);
    mst_redo_end(&s->redo, code == 0 && !sqlite3_stmt_readonly(b->statement));
    mst_sqlite_give(&s->conn, which, b->statement);
    return code;
}

static int drop_head(struct sqlite_store *s, const struct mst_put *put, struct mst_err *err)
{
    struct binder b;
    uint64_t unused;
    int code = begin(s, MST_SQL_DROP_HEAD, &b, err);
    if (code)
        return code;
    bind_number(&b, mst_sqlite_id(put->p, put->u.head.replaces));
    return finish(s, MST_SQL_DROP_HEAD, &b, &unused, err);
}

/* The row that has its number already, a quarter of the work; false: none has, which is no error.
 */
static int move_outbox(struct sqlite_store *s, const struct mst_put *put, bool *ret_moved,
                       struct mst_err *err)
{
    struct binder b;
    uint64_t unused;
    *ret_moved = false;
    if (put->u.outbox->number == 0)
        return 0;
    int code = begin(s, MST_SQL_MOVE_OUTBOX, &b, err);
    if (code)
        return code;
    bind_number(&b, (int64_t)put->u.outbox->number);
    bind_outbox(&b, put);
    code = finish(s, MST_SQL_MOVE_OUTBOX, &b, &unused, err);
    *ret_moved = !code && sqlite3_changes(s->conn.db) == 1;
    return code;
}

/* The run's reports to where they belong: a place in a file, or the row itself. */
static int place_reports(struct sqlite_store *s, const struct mst_put *put,
                         struct mst_bulk_place *ret_place, struct mst_err *err)
{
    struct mst_buf *b = &s->segment;
    *ret_place = (struct mst_bulk_place){0};
    mst_buf_clear(b);
    mst_segment_pack_reports(put->u.run.reports, b);
    if (b->failed)
        return mst_fail_on(err, MST_E_NOMEM, "store");
    s->batch_bytes += (int64_t)b->len;
    bool large = s->was_large || (s->bulk_bytes > 0 && s->batch_bytes >= s->bulk_bytes);
    return b->len > 0 && large ? mst_bulk_append(&s->reports, b, ret_place, err) : 0;
}

/* The number under which rows name a signing key; given at first sight. */
static int number_key(struct sqlite_store *s, const struct mst_run *run, uint64_t *ret_number,
                      struct mst_err *err)
{
    struct binder b;
    *ret_number = 0;
    int code = begin(s, MST_SQL_FIND_SIGN, &b, err);
    if (code)
        return code;
    bind_bytes(&b, run->sign_key, sizeof run->sign_key);
    code = finish(s, MST_SQL_FIND_SIGN, &b, ret_number, err);
    if (code || *ret_number)
        return code;
    code = begin(s, MST_SQL_PUT_SIGN, &b, err);
    if (code)
        return code;
    bind_bytes(&b, run->sign_key, sizeof run->sign_key);
    return finish(s, MST_SQL_PUT_SIGN, &b, ret_number, err);
}

static void bind_segment(struct sqlite_store *s, struct binder *b, const struct mst_put *put,
                         uint64_t key, const struct mst_bulk_place *place)
{
    const struct mst_run *run = put->u.run.run;
    bind_number(b, mst_sqlite_id(put->p, run->row_first));
    bind_number(b, run->at);
    bind_number(b, MST_ROW_REPORT);
    bind_number(b, (int64_t)run->outbox);
    bind_number(b, (int64_t)run->last);
    bind_number(b, (int64_t)put->u.run.reports.count);
    bind_number(b, (int64_t)key);
    bind_bytes(b, run->prev, sizeof run->prev);
    bind_bytes(b, s->said, sizeof s->said);
    bind_bytes(b, s->place.data, s->place.len);
    bind_bytes(b, s->segment.data, place->file ? 0 : s->segment.len);
}

/* The run's row in the ledger; what finds it by outbox and number is put before. */
static int put_segment(struct sqlite_store *s, const struct mst_put *put, struct mst_err *err)
{
    const struct mst_run *run = put->u.run.run;
    struct mst_bulk_place place;
    struct binder b;
    uint64_t unused, key;
    int code = place_reports(s, put, &place, err);
    if (!code)
        code = number_key(s, run, &key, err);
    if (!code)
        code = begin(s, MST_SQL_PUT_SEGMENT, &b, err);
    if (code)
        return code;
    memcpy(s->said, run->head, sizeof run->head);
    memcpy(s->said + sizeof run->head, run->sig, sizeof run->sig);
    mst_buf_clear(&s->place);
    if (place.file)
        mst_segment_pack_place(&place, &s->place);
    bind_segment(s, &b, put, key, &place);
    return finish(s, MST_SQL_PUT_SEGMENT, &b, &unused, err);
}

int mst_sqlite_put(struct mst_store *base, const struct mst_put *put, struct mst_err *err)
{
    struct sqlite_store *s = (struct sqlite_store *)base;
    struct binder b;
    uint64_t number = 0;
    bool moved = false;
    int code = 0;
    if (put->table == MST_TABLE_HEAD && put->u.head.replaces)
        code = drop_head(s, put, err);
    if (put->table == MST_TABLE_OUTBOX)
        code = move_outbox(s, put, &moved, err);
    if (moved)
        return 0;
    if (!code)
        code = begin(s, put_rows[put->table].sql, &b, err);
    if (code)
        return code;
    put_rows[put->table].bind(&b, put);
    code = finish(s, put_rows[put->table].sql, &b, &number, err);
    if (!code && put->table == MST_TABLE_OUTBOX)
        put->u.outbox->number = number;
    if (!code && put->table == MST_TABLE_RUN)
        code = put_segment(s, put, err);
    return code;
}

int mst_sqlite_programme(struct mst_store *base, const char *id, mst_pid next, mst_pid *ret_pid,
                         struct mst_err *err)
{
    struct sqlite_store *s = (struct sqlite_store *)base;
    struct binder find, add;
    uint64_t pid = 0, unused;
    int code = begin(s, MST_SQL_FIND_PROGRAMME, &find, err);
    if (code)
        return code;
    bind_text(&find, id);
    code = finish(s, MST_SQL_FIND_PROGRAMME, &find, &pid, err);
    if (!code && pid == 0) {
        code = begin(s, MST_SQL_PUT_PROGRAMME, &add, err);
        if (code)
            return code;
        bind_number(&add, next);
        bind_text(&add, id);
        code = finish(s, MST_SQL_PUT_PROGRAMME, &add, &unused, err);
        pid = next;
    }
    if (!code)
        *ret_pid = (mst_pid)pid;
    return code;
}

static int put_end(struct sqlite_store *s, uint64_t file, int64_t end, struct mst_err *err)
{
    struct binder b;
    uint64_t unused;
    /* A file whose first batch was dropped need not be there. */
    if (end == 0)
        return 0;
    int code = begin(s, MST_SQL_PUT_BULK, &b, err);
    if (code)
        return code;
    bind_number(&b, (int64_t)file);
    bind_number(&b, end);
    return finish(s, MST_SQL_PUT_BULK, &b, &unused, err);
}

int mst_sqlite_put_batch(struct sqlite_store *s, uint64_t batch, int64_t end, struct mst_err *err)
{
    struct binder b;
    uint64_t unused;
    const struct mst_bulk *reports = &s->reports;
    s->redo.on = false;
    int code = begin(s, MST_SQL_PUT_BATCH, &b, err);
    if (code)
        return code;
    bind_number(&b, (int64_t)batch);
    code = finish(s, MST_SQL_PUT_BATCH, &b, &unused, err);
    if (!code && s->named.file != reports->number)
        code = put_end(s, reports->number - 1, reports->before, err);
    if (!code && (s->named.file != reports->number || s->named.end != end))
        code = put_end(s, reports->number, end, err);
    s->named.file = reports->number;
    s->named.end = end;
    return code;
}
