/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a batch asked of the database, statement by statement with what was bound, so that it can be
 * asked once more. A statement is known by a mark of its text: a record of a program whose
 * statements are others is refused, never guessed at.
 */
#ifndef MST_BROKER_STORE_REDO_H
#define MST_BROKER_STORE_REDO_H

#include "broker/store/sqlite_db.h"

struct mst_redo {
    uint32_t marks[MST_SQL_COUNT];
    struct mst_buf record; /* of the open batch; failed: it is incomplete */
    size_t whole;          /* of it, up to the last statement that was carried out */
    bool on;               /* nothing is noted unless it is */
};

void mst_redo_init(struct mst_redo *r);
void mst_redo_done(struct mst_redo *r);
/* Empty a buffer of records, without keeping much room. */
void mst_redo_clear(struct mst_buf *records);
/* An empty record; `on`: what follows is noted. */
void mst_redo_reset(struct mst_redo *r, bool on);

/* A statement, its parameters in order, and whether it did anything. */
void mst_redo_begin(struct mst_redo *r, enum mst_sql which);
void mst_redo_number(struct mst_redo *r, int64_t value);
void mst_redo_bytes(struct mst_redo *r, const void *data, size_t len);
void mst_redo_text(struct mst_redo *r, const char *text);
void mst_redo_end(struct mst_redo *r, bool done);

/* Carry out a record, in the caller's transaction. MST_E_VERSION: another program has made it. */
MST_MUST_CHECK int mst_redo_run(const struct mst_redo *r, struct mst_sqlite *conn,
                                struct mst_slice record, struct mst_err *err);

#endif
