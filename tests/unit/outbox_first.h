/* SPDX-License-Identifier: Apache-2.0 */
/* Puts a closed outbox file back into its first layout, as the first programs wrote it. */
#ifndef MST_TESTS_UNIT_OUTBOX_FIRST_H
#define MST_TESTS_UNIT_OUTBOX_FIRST_H

#include "tests/unit/outbox_house.h"

#include <sqlite3.h>

static const char to_first_layout[] =
    "BEGIN; ALTER TABLE entries RENAME TO e; ALTER TABLE receipts RENAME TO r;"
    "CREATE TABLE entries(number INTEGER PRIMARY KEY, state INTEGER NOT NULL,"
    " queued_at INTEGER NOT NULL, receipt INTEGER NOT NULL DEFAULT 0, act TEXT NOT NULL,"
    " duty TEXT, period TEXT, obligation TEXT, code TEXT, subject TEXT, size INTEGER NOT NULL,"
    " hash BLOB NOT NULL, bytes BLOB) STRICT;"
    "CREATE TABLE receipts(number INTEGER PRIMARY KEY, base INTEGER NOT NULL,"
    " frame BLOB NOT NULL) STRICT;"
    "INSERT INTO entries SELECT e.number, iif(f.number, 2, r.number IS NOT NULL), queued_at,"
    " ifnull(r.row + e.number - r.first, 0), act, duty, period, obligation, code, subject, size,"
    " hash, bytes FROM e LEFT JOIN r ON r.number = (SELECT min(number) FROM r WHERE number >="
    " e.number) AND r.first <= e.number LEFT JOIN refusals f ON f.number = e.number;"
    "INSERT INTO receipts SELECT number, base, frame FROM r;"
    "DELETE FROM meta WHERE name IN ('released', 'sum', 'sum_to');"
    "DROP TABLE e; DROP TABLE r; DROP TABLE refusals; PRAGMA user_version = 0; COMMIT";

static inline void make_first_layout(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, to_first_layout, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#endif
