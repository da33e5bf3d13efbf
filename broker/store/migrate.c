/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema and its history. Each step takes the database from one version to the next; all steps
 * that are missing run in one transaction, so a crash leaves the old version or the new one. Steps
 * are for ever: a change of the schema is a new step. A newer version is refused, never guessed at.
 * So is one from before the first step, when nothing was released yet.
 */
#include "broker/store/sqlite_db.h"

#include <stdio.h>

#define APPLICATION_ID 0x4d757374 /* "Must" */
#define FIRST_VERSION 6           /* what the first step makes; those before kept more of a run */

static const char *const steps[] = {
    /* 0 to 6. Why each table looks as it does: README.md. */
    "CREATE TABLE marker (one INTEGER PRIMARY KEY CHECK (one = 1), rehearsal INTEGER NOT NULL) "
    "STRICT;"
    "CREATE TABLE programmes (pid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE ledger (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " outbox INTEGER, last INTEGER, count INTEGER, key INTEGER, prev BLOB, run BLOB, place BLOB,"
    " head BLOB, head_after INTEGER, bytes BLOB NOT NULL) STRICT;"
    "CREATE TABLE sign_keys (number INTEGER PRIMARY KEY, sign BLOB NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE runs (pid INTEGER NOT NULL, outbox INTEGER NOT NULL, last INTEGER NOT NULL,"
    " segment INTEGER NOT NULL, PRIMARY KEY (pid, outbox, last)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE outboxes (number INTEGER PRIMARY KEY, pid INTEGER NOT NULL, id BLOB NOT NULL,"
    " unit TEXT NOT NULL, last INTEGER NOT NULL, head BLOB NOT NULL, UNIQUE (pid, id)) STRICT;"
    "CREATE TABLE refusals (pid INTEGER NOT NULL, outbox INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " code INTEGER NOT NULL, subject BLOB NOT NULL,"
    " PRIMARY KEY (pid, outbox, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE obligations (pid INTEGER NOT NULL, id TEXT NOT NULL, bytes BLOB NOT NULL,"
    " PRIMARY KEY (pid, id)) STRICT;"
    "CREATE TABLE alerts (id INTEGER PRIMARY KEY, ledger INTEGER NOT NULL, row_head BLOB NOT NULL,"
    " pid INTEGER NOT NULL, alert_id BLOB NOT NULL, audience BLOB NOT NULL,"
    " unit_group BLOB NOT NULL, UNIQUE (pid, alert_id)) STRICT;"
    "CREATE TABLE cursors (pid INTEGER NOT NULL, principal TEXT NOT NULL, name TEXT NOT NULL,"
    " cursor INTEGER NOT NULL, PRIMARY KEY (pid, principal, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE keys (pid INTEGER NOT NULL, channel BLOB NOT NULL, sign BLOB NOT NULL,"
    " principal TEXT NOT NULL, roles INTEGER NOT NULL, unit TEXT NOT NULL,"
    " created INTEGER NOT NULL, not_after INTEGER NOT NULL, revoked INTEGER NOT NULL,"
    " status INTEGER NOT NULL, PRIMARY KEY (pid, channel)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE invitations (pid INTEGER NOT NULL, token_hash BLOB NOT NULL,"
    " principal TEXT NOT NULL, roles INTEGER NOT NULL, unit TEXT NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER NOT NULL, used INTEGER NOT NULL,"
    " PRIMARY KEY (pid, token_hash)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE meta (pid INTEGER NOT NULL, name TEXT NOT NULL, bytes BLOB NOT NULL,"
    " PRIMARY KEY (pid, name)) STRICT, WITHOUT ROWID;",
    /* 6 to 7: what lives beside obligations. */
    "CREATE TABLE items (pid INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,"
    " bytes BLOB NOT NULL, PRIMARY KEY (pid, kind, id)) STRICT;",
};
#define VERSION ((int64_t)(FIRST_VERSION - 1 + sizeof steps / sizeof steps[0]))

/* Steps from `version` on, in the caller's transaction. */
static int run_steps(sqlite3 *db, int64_t version, bool rehearsal, struct mst_err *err)
{
    char sql[160];
    int code = 0;
    int64_t made = version ? version : FIRST_VERSION - 1;
    for (; !code && made < VERSION; made++)
        code = mst_sqlite_exec(db, steps[made - (FIRST_VERSION - 1)], err);
    if (!code && version == 0) {
        snprintf(sql, sizeof sql, "INSERT INTO marker VALUES (1, %d); PRAGMA application_id = %d",
                 rehearsal, APPLICATION_ID);
        code = mst_sqlite_exec(db, sql, err);
    }
    if (!code) {
        snprintf(sql, sizeof sql, "PRAGMA user_version = %lld", (long long)VERSION);
        code = mst_sqlite_exec(db, sql, err);
    }
    return code;
}

static int upgrade(sqlite3 *db, int64_t version, bool rehearsal, struct mst_err *err)
{
    int code = mst_sqlite_exec(db, "BEGIN EXCLUSIVE", err);
    if (code)
        return code;
    code = run_steps(db, version, rehearsal, err);
    if (!code)
        code = mst_sqlite_exec(db, "COMMIT", err);
    if (code && !sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

/* Whose file is it? Only an empty one or one of ours is touched. */
static int check_owner(sqlite3 *db, int64_t *ret_version, struct mst_err *err)
{
    int64_t application = 0, version = 0, objects = 0;
    int code = mst_sqlite_number_of(db, "PRAGMA application_id", &application, err);
    if (!code)
        code = mst_sqlite_number_of(db, "PRAGMA user_version", &version, err);
    if (!code)
        code = mst_sqlite_number_of(db, "SELECT count(*) FROM sqlite_schema", &objects, err);
    if (code)
        return code;
    bool fresh = application == 0 && version == 0 && objects == 0;
    if (!fresh && (application != APPLICATION_ID || version < 1))
        return mst_fail(err, MST_E_CORRUPT, _("this is not a database of Muster"));
    if (version > VERSION || (!fresh && version < FIRST_VERSION))
        return mst_fail(err, MST_E_VERSION,
                        _("the database has version %lld and this program knows %lld"),
                        (long long)version, (long long)VERSION);
    *ret_version = version;
    return 0;
}

int mst_sqlite_migrate(sqlite3 *db, bool rehearsal, struct mst_err *err)
{
    int64_t version = 0, marker = 0;
    int code = check_owner(db, &version, err);
    if (!code && version > 0)
        code = mst_sqlite_number_of(db, "SELECT rehearsal FROM marker", &marker, err);
    if (code)
        return code;
    if (version > 0 && (marker != 0) != rehearsal)
        return mst_fail_on(err, MST_E_REHEARSAL,
                           marker ? _("the database was made by a rehearsal")
                                  : _("the database is a real one"));
    return version < VERSION ? upgrade(db, version, rehearsal, err) : 0;
}
