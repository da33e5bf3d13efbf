/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite connections, statements and error codes. Knows neither the schema nor the contract. */
#include "broker/store/sqlite_db.h"

#include <string.h>

/* A reader meets a lock only while another connection recovers or restarts the log: a moment. */
#define READER_BUSY_MS 5000

/*
 * What is said of a run, from the ledger's row l and its signing key k. What it continues stands in
 * the row only where that is not the end of the run before.
 */
#define RUN_COLUMNS                                                                                \
    "l.at, l.outbox, l.last, l.count, ifnull(l.prev, (SELECT substr(b.run, 1, 32) FROM runs AS p"  \
    " JOIN ledger AS b ON b.id = (l.id >> 40 << 40) + p.segment WHERE p.pid = l.id >> 40"          \
    " AND p.outbox = l.outbox AND p.last = l.last - l.count)), l.run, k.sign, l.place"

static const char *const statement_texts[] = {
#define STATEMENT(name, sql) sql,
#include "broker/store/sqlite_statements.def"
#undef STATEMENT
};

int mst_sqlite_fail(sqlite3 *db, int rc, struct mst_err *err)
{
    enum mst_code code = MST_E_IO;
    switch (rc & 0xff) {
    case SQLITE_FULL:
        code = MST_E_FULL;
        break;
    case SQLITE_NOMEM:
        code = MST_E_NOMEM;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        code = MST_E_CORRUPT;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = MST_E_BUSY;
        break;
    case SQLITE_CONSTRAINT:
        code = MST_E_EXISTS;
        break;
    default:
        if (rc == SQLITE_IOERR_NOMEM)
            code = MST_E_NOMEM;
    }
    const char *words = db && sqlite3_extended_errcode(db) == rc ? sqlite3_errmsg(db) : NULL;
    return mst_fail(err, code, _("database: %s (SQLite %d)"), words ? words : sqlite3_errstr(rc),
                    rc);
}

int mst_sqlite_exec(sqlite3 *db, const char *sql, struct mst_err *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : mst_sqlite_fail(db, rc, err);
}

int mst_sqlite_number_of(sqlite3 *db, const char *sql, int64_t *ret_number, struct mst_err *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW) {
            *ret_number = sqlite3_column_int64(statement, 0);
            rc = SQLITE_OK;
        } else if (rc == SQLITE_DONE) {
            rc = SQLITE_CORRUPT;
        }
    }
    int code = rc == SQLITE_OK ? 0 : mst_sqlite_fail(db, rc, err);
    sqlite3_finalize(statement);
    return code;
}

int mst_sqlite_open(struct mst_sqlite *conn, const char *dir, const char *db_path, bool writer,
                    struct mst_err *err)
{
    sqlite3_vfs *vfs = NULL;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    memset(conn, 0, sizeof *conn);
    int rc = sqlite3_open_v2(db_path, &conn->db, flags, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(conn->db, READER_BUSY_MS);
    if (rc == SQLITE_OK)
        rc = sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
    mst_bulk_handle_init(&conn->bulk, vfs, dir);
    int code = rc == SQLITE_OK ? 0 : mst_sqlite_fail(conn->db, rc, err);
    /* A schema that somebody else wrote runs no code here, and a damaged page is noticed. */
    if (!code)
        code = mst_sqlite_exec(conn->db,
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA mmap_size = 0;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA cache_size = -8192;",
                               err);
    if (code)
        mst_sqlite_done(conn);
    return code;
}

void mst_sqlite_done(struct mst_sqlite *conn)
{
    for (size_t i = 0; i < MST_SQL_COUNT; i++)
        sqlite3_finalize(conn->statements[i]);
    mst_bulk_handle_done(&conn->bulk);
    sqlite3_close_v2(conn->db);
    memset(conn, 0, sizeof *conn);
}

const char *mst_sqlite_text(enum mst_sql which)
{
    return statement_texts[which];
}

int mst_sqlite_take(struct mst_sqlite *conn, enum mst_sql which, sqlite3_stmt **ret_statement,
                    struct mst_err *err)
{
    if (conn->statements[which]) {
        *ret_statement = conn->statements[which];
        conn->statements[which] = NULL;
        return 0;
    }
    int rc = sqlite3_prepare_v3(conn->db, statement_texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                ret_statement, NULL);
    return rc == SQLITE_OK ? 0 : mst_sqlite_fail(conn->db, rc, err);
}

void mst_sqlite_give(struct mst_sqlite *conn, enum mst_sql which, sqlite3_stmt *statement)
{
    /* Reset's result repeats that of the step, which the caller has seen. */
    (void)sqlite3_reset(statement);
    if (conn->statements[which])
        sqlite3_finalize(statement);
    else
        conn->statements[which] = statement;
}

int mst_sqlite_run(struct mst_sqlite *conn, enum mst_sql which, struct mst_err *err)
{
    sqlite3_stmt *statement;
    int code = mst_sqlite_take(conn, which, &statement, err);
    if (code)
        return code;
    int rc = sqlite3_step(statement);
    if (rc != SQLITE_DONE)
        code = mst_sqlite_fail(conn->db, rc, err);
    mst_sqlite_give(conn, which, statement);
    return code;
}
