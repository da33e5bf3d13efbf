/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite backend's reading half. Every walk is one statement that can be closed and opened
 * again after the last key it gave: a reader that is slow would otherwise keep the log from being
 * moved into the database. A value of the wrong size is damage and never passed on.
 */
#include <string.h>
#include <time.h>

#include "broker/store/segment.h"
#include "broker/store/sqlite_db.h"

#define KEY_COLUMNS_MAX 2

/* A walk under way. */
struct walking {
    const struct mst_walk *walk;
    sqlite3_stmt *statement;
    int stop;              /* what the callback returned */
    bool more;             /* the row on which the statement stands has more to give */
    uint64_t next;         /* ROW: the next number to give */
    struct mst_run run;    /* ROW: the segment on which the statement stands, if `more` */
    uint64_t segment_next; /* number of the first report in `rest` */
    struct mst_slice rest;
    struct mst_bulk_handle *bulk;
    struct mst_buf read; /* what `rest` lies in if it lay in a file */
    int code;            /* why giving failed, if it is not that the row is damaged */
    struct mst_err *err;
};

/* Where a walk's key starts: what stands for "before the first". */
enum key_kind { KEY_NUMBER, KEY_ID, KEY_TEXT, KEY_TWO_TEXTS, KEY_BYTES };

struct walk_row {
    enum mst_sql sql;
    enum key_kind key;
    bool (*give)(struct walking *w); /* false: the row is damaged */
};

/* ---- columns ---- */

static struct mst_slice column_slice(const struct walking *w, int i)
{
    const void *data = sqlite3_column_blob(w->statement, i);
    return mst_slice_stored(data, (size_t)sqlite3_column_bytes(w->statement, i));
}

static bool column_fixed(const struct walking *w, int i, uint8_t *dst, size_t size)
{
    struct mst_slice slice = column_slice(w, i);
    if (slice.len != size)
        return false;
    memcpy(dst, slice.data, size);
    return true;
}

static bool column_text(const struct walking *w, int i, char *dst, size_t size)
{
    const unsigned char *text = sqlite3_column_text(w->statement, i);
    size_t len = (size_t)sqlite3_column_bytes(w->statement, i);
    if (!text || len >= size)
        return false;
    memcpy(dst, text, len);
    dst[len] = '\0';
    return true;
}

static int64_t column_number(const struct walking *w, int i)
{
    return sqlite3_column_int64(w->statement, i);
}

/* ---- one row of each table ---- */

static bool give_programme(struct walking *w)
{
    const char *id = (const char *)sqlite3_column_text(w->statement, 1);
    if (!id)
        return false;
    w->stop = w->walk->fn.programme(w->walk->context, (mst_pid)column_number(w, 0), id);
    return true;
}

/* What the ledger's row says of a run: the columns of RUN_COLUMNS from `at` on, and its id. */
static bool column_run(const struct walking *w, int at, int id, struct mst_run *ret_run,
                       struct mst_bulk_place *ret_place)
{
    struct mst_slice said = column_slice(w, at + 5);
    int64_t last = column_number(w, at + 2), count = column_number(w, at + 3);
    *ret_run = (struct mst_run){
        .row_first = mst_sqlite_number(column_number(w, id)),
        .at = column_number(w, at),
        .outbox = (uint64_t)column_number(w, at + 1),
        .first = (uint64_t)(last - count + 1),
        .last = (uint64_t)last,
    };
    if (count < 1 || count > last || said.len != MST_HASH_BYTES + MST_SIGN_BYTES ||
        !column_fixed(w, at + 4, ret_run->prev, sizeof ret_run->prev) ||
        !column_fixed(w, at + 6, ret_run->sign_key, sizeof ret_run->sign_key))
        return false;
    memcpy(ret_run->head, said.data, sizeof ret_run->head);
    memcpy(ret_run->sig, said.data + sizeof ret_run->head, sizeof ret_run->sig);
    return mst_segment_unpack_place(column_slice(w, at + 7), ret_place);
}

/* The segment on which the statement stands. */
static bool begin_segment(struct walking *w)
{
    struct mst_bulk_place place;
    if (!column_run(w, 1, 0, &w->run, &place))
        return false;
    w->segment_next = w->run.row_first;
    w->rest = column_slice(w, 10);
    if (place.file == 0)
        return true;
    mst_buf_clear(&w->read);
    w->code = mst_bulk_read(w->bulk, &place, &w->read, w->err);
    w->rest = (struct mst_slice){w->read.data, w->read.len};
    return w->code == 0;
}

/* One report of a segment: those before `next` are passed over. */
static bool give_report(struct walking *w)
{
    struct mst_slice bytes;
    if (!w->more && !begin_segment(w))
        return false;
    uint64_t last = w->run.row_first + (w->run.last - w->run.first);
    do {
        w->more = w->segment_next < last;
        if (w->segment_next > last)
            return true;
        if (!mst_segment_next(&w->rest, w->run.last - w->run.first + 1, &bytes) ||
            (!w->more && w->rest.len != 0))
            return false;
    } while (w->segment_next++ < w->next);
    struct mst_row row = {
        .row = w->segment_next - 1,
        .at = w->run.at,
        .kind = MST_ROW_REPORT,
        .bytes = bytes,
        .run = &w->run,
    };
    w->next = w->segment_next;
    w->stop = w->walk->fn.row(w->walk->context, &row);
    return true;
}

static bool give_row(struct walking *w)
{
    struct mst_row row = {
        .row = mst_sqlite_number(column_number(w, 0)),
        .at = column_number(w, 1),
        .kind = (uint8_t)column_number(w, 9),
    };
    if (row.kind == MST_ROW_REPORT)
        return give_report(w);
    if (row.row < w->next)
        return true;
    row.bytes = column_slice(w, 10);
    w->next = row.row + 1;
    w->stop = w->walk->fn.row(w->walk->context, &row);
    return true;
}

/* The last row of what the ledger's row holds: it may be a segment. */
static uint64_t last_row(sqlite3_stmt *statement, int id, int count)
{
    int64_t rows = sqlite3_column_int64(statement, count);
    return mst_sqlite_number(sqlite3_column_int64(statement, id)) +
           (uint64_t)(rows > 1 ? rows - 1 : 0);
}

static bool give_head(struct walking *w)
{
    uint8_t head[MST_HASH_BYTES];
    uint64_t row = last_row(w->statement, 0, 3);
    if (!column_fixed(w, 2, head, sizeof head))
        return false;
    if (row < w->next)
        return true;
    w->next = row + 1;
    w->stop = w->walk->fn.head(w->walk->context, row, column_number(w, 1), head);
    return true;
}

static bool give_run(struct walking *w)
{
    struct mst_run run;
    struct mst_bulk_place place;
    if (!column_run(w, 1, 9, &run, &place) || run.outbox != w->walk->outbox ||
        run.last != (uint64_t)column_number(w, 0))
        return false;
    w->stop = w->walk->fn.run(w->walk->context, &run);
    return true;
}

static bool give_outbox(struct walking *w)
{
    struct mst_outbox outbox = {
        .number = (uint64_t)column_number(w, 0),
        .last = (uint64_t)column_number(w, 3),
    };
    if (!column_fixed(w, 1, outbox.id, sizeof outbox.id) ||
        !column_text(w, 2, outbox.unit, sizeof outbox.unit) ||
        !column_fixed(w, 4, outbox.head, sizeof outbox.head))
        return false;
    w->stop = w->walk->fn.outbox(w->walk->context, &outbox);
    return true;
}

static bool give_refusal(struct walking *w)
{
    struct mst_refusal refusal = {
        .outbox = w->walk->outbox,
        .seq = (uint64_t)column_number(w, 0),
        .code = (enum mst_code)column_number(w, 1),
        .subject = column_slice(w, 2),
    };
    w->stop = w->walk->fn.refusal(w->walk->context, &refusal);
    return true;
}

static bool give_obligation(struct walking *w)
{
    const char *id = (const char *)sqlite3_column_text(w->statement, 0);
    if (!id)
        return false;
    w->stop = w->walk->fn.obligation(w->walk->context, id, column_slice(w, 1));
    return true;
}

static bool give_item(struct walking *w)
{
    const char *kind = (const char *)sqlite3_column_text(w->statement, 0);
    const char *id = (const char *)sqlite3_column_text(w->statement, 1);
    if (!kind || !id)
        return false;
    w->stop = w->walk->fn.item(w->walk->context, kind, id, column_slice(w, 2));
    return true;
}

static bool give_alert(struct walking *w)
{
    struct mst_stored_alert alert = {
        .number = mst_sqlite_number(column_number(w, 0)),
        .row = mst_sqlite_number(column_number(w, 1)),
        .audience = column_slice(w, 4),
        .group = column_slice(w, 5),
        .bytes = column_slice(w, 6),
    };
    if (!column_fixed(w, 2, alert.row_head, sizeof alert.row_head) ||
        !column_fixed(w, 3, alert.id, sizeof alert.id) ||
        sqlite3_column_type(w->statement, 6) == SQLITE_NULL) /* its ledger row is gone */
        return false;
    w->stop = w->walk->fn.alert(w->walk->context, &alert);
    return true;
}

static bool give_cursor(struct walking *w)
{
    const char *principal = (const char *)sqlite3_column_text(w->statement, 0);
    const char *name = (const char *)sqlite3_column_text(w->statement, 1);
    if (!principal || !name)
        return false;
    w->stop = w->walk->fn.cursor(w->walk->context, principal, name, (uint64_t)column_number(w, 2));
    return true;
}

static bool give_key(struct walking *w)
{
    struct mst_key key = {
        .roles = (unsigned)column_number(w, 3),
        .created = column_number(w, 5),
        .not_after = column_number(w, 6),
        .revoked = column_number(w, 7),
        .status = (enum mst_key_status)column_number(w, 8),
    };
    if (!column_fixed(w, 0, key.channel, sizeof key.channel) ||
        !column_fixed(w, 1, key.sign, sizeof key.sign) ||
        !column_text(w, 2, key.principal, sizeof key.principal) ||
        !column_text(w, 4, key.unit, sizeof key.unit))
        return false;
    w->stop = w->walk->fn.key(w->walk->context, &key);
    return true;
}

static bool give_invitation(struct walking *w)
{
    struct mst_invitation invitation = {
        .roles = (unsigned)column_number(w, 2),
        .created = column_number(w, 4),
        .expires = column_number(w, 5),
        .used = column_number(w, 6),
    };
    if (!column_fixed(w, 0, invitation.token_hash, sizeof invitation.token_hash) ||
        !column_text(w, 1, invitation.principal, sizeof invitation.principal) ||
        !column_text(w, 3, invitation.unit, sizeof invitation.unit))
        return false;
    w->stop = w->walk->fn.invitation(w->walk->context, &invitation);
    return true;
}

static const struct walk_row walk_rows[MST_TABLE_COUNT] = {
    [MST_TABLE_PROGRAMME] = {MST_SQL_WALK_PROGRAMMES, KEY_NUMBER, give_programme},
    [MST_TABLE_ROW] = {MST_SQL_WALK_ROWS, KEY_ID, give_row},
    [MST_TABLE_HEAD] = {MST_SQL_WALK_HEADS, KEY_ID, give_head},
    [MST_TABLE_RUN] = {MST_SQL_WALK_RUNS, KEY_NUMBER, give_run},
    [MST_TABLE_OUTBOX] = {MST_SQL_WALK_OUTBOXES, KEY_NUMBER, give_outbox},
    [MST_TABLE_REFUSAL] = {MST_SQL_WALK_REFUSALS, KEY_NUMBER, give_refusal},
    [MST_TABLE_OBLIGATION] = {MST_SQL_WALK_OBLIGATIONS, KEY_TEXT, give_obligation},
    [MST_TABLE_ITEM] = {MST_SQL_WALK_ITEMS, KEY_TWO_TEXTS, give_item},
    [MST_TABLE_ALERT] = {MST_SQL_WALK_ALERTS, KEY_ID, give_alert},
    [MST_TABLE_CURSOR] = {MST_SQL_WALK_CURSORS, KEY_TWO_TEXTS, give_cursor},
    [MST_TABLE_KEY] = {MST_SQL_WALK_KEYS, KEY_BYTES, give_key},
    [MST_TABLE_INVITATION] = {MST_SQL_WALK_INVITATIONS, KEY_BYTES, give_invitation},
};

static const struct walk_row one_obligation = {MST_SQL_ONE_OBLIGATION, KEY_TEXT, give_obligation};

/* ---- the walk ---- */

static int64_t clamp(uint64_t number, int64_t max)
{
    return number > (uint64_t)max ? max : (int64_t)number;
}

/* Bind what a walk's statement asks for; parameters that it does not have are passed over. */
static int bind_start(sqlite3_stmt *statement, const struct mst_walk *walk, enum key_kind key)
{
    int count = sqlite3_bind_parameter_count(statement);
    int64_t id_first = mst_sqlite_id(walk->p, 0);
    int64_t id_end = mst_sqlite_id(walk->p + 1, 0);
    int rc = SQLITE_OK;
    switch (key) {
    case KEY_NUMBER:
        rc = sqlite3_bind_int64(statement, 1, clamp(walk->from, INT64_MAX) - 1);
        break;
    case KEY_ID:
        rc = sqlite3_bind_int64(statement, 1, id_first + clamp(walk->from, id_end - id_first) - 1);
        if (!rc)
            rc = sqlite3_bind_int64(statement, 2, id_end);
        break;
    case KEY_TWO_TEXTS:
        rc = sqlite3_bind_text(statement, 2, "", 0, SQLITE_STATIC);
        if (rc)
            break;
        /* fall through */
    case KEY_TEXT:
        rc = sqlite3_bind_text(statement, 1, walk->id ? walk->id : "", -1, SQLITE_STATIC);
        break;
    case KEY_BYTES:
        rc = sqlite3_bind_zeroblob(statement, 1, 0);
        break;
    }
    if (!rc && count >= 3)
        rc = sqlite3_bind_int64(statement, 3, walk->p);
    if (!rc && count >= 4)
        rc = sqlite3_bind_int64(statement, 4, clamp(walk->outbox, INT64_MAX));
    if (!rc && count >= 5)
        rc = sqlite3_bind_int64(statement, 5, clamp(walk->to, INT64_MAX));
    return rc;
}

/* End the statement's read transaction and make it start again after the row it stands on. */
static int reopen(sqlite3_stmt *statement, enum key_kind kind)
{
    int columns = kind == KEY_TWO_TEXTS ? 2 : 1;
    sqlite3_value *keys[KEY_COLUMNS_MAX] = {NULL, NULL};
    int rc = SQLITE_OK;
    for (int i = 0; i < columns; i++) {
        keys[i] = sqlite3_value_dup(sqlite3_column_value(statement, i));
        if (!keys[i])
            rc = SQLITE_NOMEM;
    }
    (void)sqlite3_reset(statement);
    for (int i = 0; i < columns; i++) {
        if (rc == SQLITE_OK)
            rc = sqlite3_bind_value(statement, i + 1, keys[i]);
        sqlite3_value_free(keys[i]);
    }
    return rc;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int fail_damaged(enum mst_table table, struct mst_err *err)
{
    return mst_fail(err, MST_E_CORRUPT, _("a stored value of the kind \"%s\" is damaged"),
                    mst_table_name(table));
}

int mst_sqlite_walk(struct mst_reader *base, const struct mst_walk *walk, struct mst_err *err)
{
    struct mst_sqlite_reader *r = (struct mst_sqlite_reader *)base;
    const struct walk_row *how = walk->id ? &one_obligation : &walk_rows[walk->table];
    struct walking w = {.walk = walk, .next = walk->from, .bulk = &r->conn->bulk, .err = err};
    int code = mst_sqlite_take(r->conn, how->sql, &w.statement, err);
    if (code)
        return code;
    int64_t until = r->walk_ms_max ? now_ms() + r->walk_ms_max : INT64_MAX;
    int rc = bind_start(w.statement, walk, how->key);
    while (rc == SQLITE_OK) {
        if (!w.more)
            rc = sqlite3_step(w.statement);
        if (!w.more && rc != SQLITE_ROW)
            break;
        rc = SQLITE_OK;
        if (!how->give(&w)) {
            code = w.code ? w.code : fail_damaged(walk->table, err);
            break;
        }
        if (w.stop)
            break;
        if (r->walk_ms_max && now_ms() >= until) {
            rc = reopen(w.statement, how->key);
            w.more = false;
            until = now_ms() + r->walk_ms_max;
        }
    }
    if (!code && rc != SQLITE_OK && rc != SQLITE_DONE)
        code = mst_sqlite_fail(r->conn->db, rc, err);
    mst_sqlite_give(r->conn, how->sql, w.statement);
    mst_buf_done(&w.read);
    return code;
}

/* ---- single values ---- */

int mst_sqlite_last(struct mst_reader *base, enum mst_table table, mst_pid p, uint64_t *ret_number,
                    struct mst_err *err)
{
    struct mst_sqlite_reader *r = (struct mst_sqlite_reader *)base;
    enum mst_sql sql = table == MST_TABLE_ROW    ? MST_SQL_LAST_ROW
                       : table == MST_TABLE_HEAD ? MST_SQL_LAST_HEAD
                                                 : MST_SQL_LAST_ALERT;
    sqlite3_stmt *statement;
    int code = mst_sqlite_take(r->conn, sql, &statement, err);
    if (code)
        return code;
    int rc = sqlite3_bind_int64(statement, 1, mst_sqlite_id(p, 0));
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(statement, 2, mst_sqlite_id(p + 1, 0));
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *ret_number = table == MST_TABLE_ALERT
                          ? mst_sqlite_number(sqlite3_column_int64(statement, 0))
                          : last_row(statement, 0, 1);
    else if (rc == SQLITE_DONE)
        *ret_number = 0;
    else
        code = mst_sqlite_fail(r->conn->db, rc, err);
    mst_sqlite_give(r->conn, sql, statement);
    return code;
}

int mst_sqlite_meta(struct mst_reader *base, mst_pid p, const char *name, void *data, size_t *len,
                    struct mst_err *err)
{
    struct mst_sqlite_reader *r = (struct mst_sqlite_reader *)base;
    sqlite3_stmt *statement;
    int code = mst_sqlite_take(r->conn, MST_SQL_GET_META, &statement, err);
    if (code)
        return code;
    int rc = sqlite3_bind_int64(statement, 1, p);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(statement, 0);
        size_t stored = (size_t)sqlite3_column_bytes(statement, 0);
        size_t copied = stored < *len ? stored : *len;
        if (copied)
            memcpy(data, bytes, copied);
        *len = stored;
    } else if (rc == SQLITE_DONE) {
        *len = 0;
    } else {
        code = mst_sqlite_fail(r->conn->db, rc, err);
    }
    mst_sqlite_give(r->conn, MST_SQL_GET_META, statement);
    return code;
}
