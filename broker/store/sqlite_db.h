/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SQLite connection with its prepared statements, as the writer and every reader have one.
 * Used by one thread at a time.
 */
#ifndef MST_BROKER_STORE_SQLITE_DB_H
#define MST_BROKER_STORE_SQLITE_DB_H

#include <sqlite3.h>

#include "broker/store/bulk.h"
#include "broker/store/store_impl.h"

enum mst_sql {
#define STATEMENT(name, sql) MST_SQL_##name,
#include "broker/store/sqlite_statements.def"
#undef STATEMENT
    MST_SQL_COUNT
};

struct mst_sqlite {
    sqlite3 *db;
    sqlite3_stmt *statements[MST_SQL_COUNT]; /* prepared at first use; NULL: not yet, or taken */
    struct mst_bulk_handle bulk;             /* to read reports that lie beside the database */
};

/* A reader: a connection, and how long one of its statements may stay open. */
struct mst_sqlite_reader {
    struct mst_reader base;
    struct mst_sqlite *conn;
    int64_t walk_ms_max; /* 0: no limit, for the writer's own */
};

/*
 * Rows, heads and alerts of all programmes lie in one table each, under one integer key, so that
 * appending never touches an index: programme above, number below.
 */
#define MST_NUMBER_BITS 40
static inline int64_t mst_sqlite_id(mst_pid p, uint64_t number)
{
    return (int64_t)p << MST_NUMBER_BITS | (int64_t)number;
}
static inline uint64_t mst_sqlite_number(int64_t id)
{
    return (uint64_t)id & ((UINT64_C(1) << MST_NUMBER_BITS) - 1);
}

/* Open the database of a directory, which is borrowed. `db_path`: of the file, which must exist. */
MST_MUST_CHECK int mst_sqlite_open(struct mst_sqlite *conn, const char *dir, const char *db_path,
                                   bool writer, struct mst_err *err);
void mst_sqlite_done(struct mst_sqlite *conn);
/* Run a text of statements without parameters. */
MST_MUST_CHECK int mst_sqlite_exec(sqlite3 *db, const char *sql, struct mst_err *err);
/* The first column of the first row, as a number. */
MST_MUST_CHECK int mst_sqlite_number_of(sqlite3 *db, const char *sql, int64_t *ret_number,
                                        struct mst_err *err);
/* Turn SQLite's result code into ours, with SQLite's words. */
int mst_sqlite_fail(sqlite3 *db, int rc, struct mst_err *err);

/*
 * Take a statement out of the cache and give it back. A statement that is taken twice at the same
 * time (a walk within a walk) is prepared twice.
 */
MST_MUST_CHECK int mst_sqlite_take(struct mst_sqlite *conn, enum mst_sql which,
                                   sqlite3_stmt **ret_statement, struct mst_err *err);
void mst_sqlite_give(struct mst_sqlite *conn, enum mst_sql which, sqlite3_stmt *statement);
/* Its text. */
const char *mst_sqlite_text(enum mst_sql which);
/* Take, step to the end, give back: for a statement without parameters and rows. */
MST_MUST_CHECK int mst_sqlite_run(struct mst_sqlite *conn, enum mst_sql which, struct mst_err *err);

/* Bring the schema up to this program's version, or refuse the file (migrate.c). */
MST_MUST_CHECK int mst_sqlite_migrate(sqlite3 *db, bool rehearsal, struct mst_err *err);

/* Reading, for the vtable (store_sqlite_read.c). */
MST_MUST_CHECK int mst_sqlite_walk(struct mst_reader *r, const struct mst_walk *walk,
                                   struct mst_err *err);
MST_MUST_CHECK int mst_sqlite_last(struct mst_reader *r, enum mst_table table, mst_pid p,
                                   uint64_t *ret_number, struct mst_err *err);
MST_MUST_CHECK int mst_sqlite_meta(struct mst_reader *r, mst_pid p, const char *name, void *data,
                                   size_t *len, struct mst_err *err);

#endif
