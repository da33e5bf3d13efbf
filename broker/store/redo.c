/* SPDX-License-Identifier: Apache-2.0 */
/* A batch's statements as bytes, and back. Knows no table. */
#include "broker/store/redo.h"

#include <string.h>

#define MARK_BYTES 4
/* A batch of records beyond all measure leaves no more behind in memory. */
#define ROOM_BYTES_KEPT (1U << 20)

enum tag { TAG_END, TAG_NUMBER, TAG_BYTES, TAG_TEXT };

static uint32_t mark_of(const char *text)
{
    uint32_t mark = 2166136261U; /* FNV-1a */
    for (; *text; text++)
        mark = (mark ^ (uint8_t)*text) * 16777619U;
    return mark;
}

void mst_redo_init(struct mst_redo *r)
{
    for (int i = 0; i < MST_SQL_COUNT; i++)
        r->marks[i] = mark_of(mst_sqlite_text((enum mst_sql)i));
}

void mst_redo_done(struct mst_redo *r)
{
    mst_buf_done(&r->record);
}

void mst_redo_clear(struct mst_buf *records)
{
    if (records->cap > ROOM_BYTES_KEPT)
        mst_buf_done(records);
    mst_buf_clear(records);
}

void mst_redo_reset(struct mst_redo *r, bool on)
{
    mst_redo_clear(&r->record);
    r->whole = 0;
    r->on = on;
}

/* ---- noting ---- */

static void put_byte(struct mst_redo *r, uint8_t byte)
{
    mst_buf_put(&r->record, &byte, 1);
}

/* Seven bits a byte, the lowest first. */
static void put_varint(struct mst_redo *r, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put_byte(r, (uint8_t)(value | 0x80));
    put_byte(r, (uint8_t)value);
}

void mst_redo_begin(struct mst_redo *r, enum mst_sql which)
{
    uint32_t mark = r->marks[which];
    const uint8_t bytes[MARK_BYTES] = {(uint8_t)(mark >> 24), (uint8_t)(mark >> 16),
                                       (uint8_t)(mark >> 8), (uint8_t)mark};
    if (r->on)
        mst_buf_put(&r->record, bytes, sizeof bytes);
}

void mst_redo_number(struct mst_redo *r, int64_t value)
{
    if (!r->on)
        return;
    put_byte(r, TAG_NUMBER);
    put_varint(r, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static void put_piece(struct mst_redo *r, enum tag tag, const void *data, size_t len)
{
    if (!r->on)
        return;
    put_byte(r, (uint8_t)tag);
    put_varint(r, len);
    mst_buf_put(&r->record, data, len);
}

void mst_redo_bytes(struct mst_redo *r, const void *data, size_t len)
{
    put_piece(r, TAG_BYTES, data, len);
}

void mst_redo_text(struct mst_redo *r, const char *text)
{
    put_piece(r, TAG_TEXT, text, strlen(text));
}

void mst_redo_end(struct mst_redo *r, bool done)
{
    if (!r->on)
        return;
    if (done)
        put_byte(r, TAG_END);
    else if (!r->record.failed)
        r->record.len = r->whole;
    r->whole = r->record.len;
}

/* ---- carrying out ---- */

static bool take_varint(struct mst_slice *rest, uint64_t *ret_value)
{
    *ret_value = 0;
    for (unsigned shift = 0; rest->len && shift < 64; shift += 7) {
        uint8_t byte = *rest->data;
        *rest = (struct mst_slice){rest->data + 1, rest->len - 1};
        *ret_value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Bind the next parameter. False: there is none, since the statement ends or the bytes do. */
static bool bind_next(struct mst_slice *rest, sqlite3_stmt *statement, int at, int *ret_rc)
{
    uint64_t value;
    uint8_t tag = rest->len ? *rest->data : TAG_END;
    *ret_rc = rest->len ? SQLITE_OK : SQLITE_CORRUPT;
    if (rest->len)
        *rest = (struct mst_slice){rest->data + 1, rest->len - 1};
    if (tag == TAG_END)
        return false;
    bool piece = tag == TAG_BYTES || tag == TAG_TEXT;
    if ((!piece && tag != TAG_NUMBER) || !take_varint(rest, &value) ||
        (piece && value > rest->len)) {
        *ret_rc = SQLITE_CORRUPT;
        return false;
    }
    if (!piece) {
        *ret_rc =
            sqlite3_bind_int64(statement, at, (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0)));
        return true;
    }
    const char *data = value ? (const char *)rest->data : "";
    *ret_rc = tag == TAG_TEXT
                  ? sqlite3_bind_text64(statement, at, data, value, SQLITE_STATIC, SQLITE_UTF8)
                  : sqlite3_bind_blob64(statement, at, data, value, SQLITE_STATIC);
    *rest = (struct mst_slice){rest->data + value, rest->len - (size_t)value};
    return true;
}

static int run_statement(struct mst_sqlite *conn, enum mst_sql which, struct mst_slice *rest,
                         struct mst_err *err)
{
    sqlite3_stmt *statement;
    int code = mst_sqlite_take(conn, which, &statement, err);
    if (code)
        return code;
    int rc = SQLITE_OK;
    for (int at = 1; rc == SQLITE_OK && bind_next(rest, statement, at, &rc); at++)
        ;
    if (rc == SQLITE_OK)
        do
            rc = sqlite3_step(statement);
        while (rc == SQLITE_ROW);
    if (rc != SQLITE_DONE)
        code = mst_sqlite_fail(conn->db, rc, err);
    mst_sqlite_give(conn, which, statement);
    return code;
}

int mst_redo_run(const struct mst_redo *r, struct mst_sqlite *conn, struct mst_slice record,
                 struct mst_err *err)
{
    struct mst_slice rest = record;
    int code = 0;
    while (!code && rest.len >= MARK_BYTES) {
        uint32_t mark = (uint32_t)rest.data[0] << 24 | (uint32_t)rest.data[1] << 16 |
                        (uint32_t)rest.data[2] << 8 | rest.data[3];
        int which = 0;
        while (which < MST_SQL_COUNT && r->marks[which] != mark)
            which++;
        rest = (struct mst_slice){rest.data + MARK_BYTES, rest.len - MARK_BYTES};
        if (which == MST_SQL_COUNT) {
            mst_fail(err, MST_E_VERSION,
                     _("batches that another version has written are not in the database yet"));
            mst_hint(err, _("start that version once more and stop it: then this one can go on"));
            return MST_E_VERSION;
        }
        code = run_statement(conn, (enum mst_sql)which, &rest, err);
    }
    if (!code && rest.len)
        code = mst_fail_on(err, MST_E_CORRUPT, _("the record of a batch"));
    return code;
}
