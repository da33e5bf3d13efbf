/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store contract: everything the broker remembers, behind one vtable. No code outside this
 * folder knows SQL. One conformance suite (tests/store) runs against every backend.
 *
 * Invariants every backend keeps:
 *  - A batch is all or nothing, and on disk when its completion says so (sync before completion).
 *  - Ledger rows and alert numbers of a programme are contiguous from 1; the caller numbers them,
 * the store refuses a hole or a repeat with MST_E_CORRUPT.
 *  - An alert id occurs once per programme: a repeat is refused with MST_E_EXISTS.
 *  - After an error of a commit the store is dead: every later call gives MST_E_IO, since the batch
 *    may or may not be on disk. The caller exits and starts again.
 *  - One writer; readers are separate handles for other threads, read-only and short.
 *
 *  - A run's reports are contiguous rows, put at once; only as whole runs do reports come about.
 *
 *  - A refused call (MST_E_CORRUPT for a hole, MST_E_EXISTS, MST_E_UNKNOWN, MST_E_INVALID) changes
 *    nothing and the batch goes on. MST_E_FULL or MST_E_NOMEM from a write loses the batch: roll it
 *    back, or let its commit fail with the same code, and the store is usable. MST_E_IO from any
 *    call is the end, as after a failed commit.
 *
 * Reads through the store's own handle see the batch that is being written; readers see completed
 * batches only. A walk's callback may read, but it must not write through the handle it reads from.
 */
#ifndef MST_BROKER_STORE_STORE_H
#define MST_BROKER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"
#include "proto/msg.h"
#include "proto/seal.h"

/* Ids of programmes and obligations, principals and names; longer or empty: MST_E_INVALID. */
#define MST_STORE_NAME_BYTES_MAX 255

typedef uint32_t mst_pid; /* a programme's number in this store, from 1 */

/* Kinds of ledger rows; numbers are for ever. */
enum mst_row_kind {
    MST_ROW_REPORT = 1, /* a report's bytes, verbatim */
    MST_ROW_ACT = 2,    /* an act: who, from where, what, why */
    MST_ROW_TRANSITION = 3,
    MST_ROW_ALERT = 4,
    MST_ROW_REFUSAL = 5,
    MST_ROW_TICK = 6,  /* time was evaluated up to `at`, and something followed from it */
    MST_ROW_START = 7, /* the broker started: down since when, versions, clock */
    MST_ROW_STOP = 8,
    MST_ROW_PROGRAMME = 9, /* a programme version took effect: its bytes' digest */
    MST_ROW_KEY = 10,      /* enrolment, revocation, rotation */
    MST_ROW_SECURITY = 11, /* a security event */
    MST_ROW_CONTACTS = 12, /* when each agent was heard of last, and something followed from it */
    MST_ROW_ITEM = 13,     /* an item came about or moved */
    MST_ROW_KINDS          /* one more than the last */
};

/* A run of reports: rows row_first .. row_first + (last - first) are its reports, in order. */
struct mst_run {
    uint64_t outbox; /* the store's number of the outbox */
    uint64_t first, last;
    uint64_t row_first;
    mst_time at;
    uint8_t prev[MST_HASH_BYTES];
    uint8_t head[MST_HASH_BYTES];
    uint8_t sig[MST_SIGN_BYTES];
    uint8_t sign_key[MST_SIGN_PUBLIC_BYTES];
};

struct mst_row {
    uint64_t row;
    mst_time at;
    uint8_t kind; /* enum mst_row_kind */
    struct mst_slice bytes;
    const struct mst_run *run; /* of a REPORT, when it is read: what it came with; else NULL */
};

struct mst_outbox {
    uint64_t number; /* given by the store at first sight; 0: not yet */
    uint8_t id[MST_OUTBOX_BYTES];
    char unit[48];
    uint64_t last; /* last accepted sequence number; 0: none */
    uint8_t head[MST_HASH_BYTES];
};

struct mst_refusal {
    uint64_t outbox, seq;
    enum mst_code code;
    struct mst_slice subject;
};

struct mst_stored_alert {
    uint64_t number;
    uint64_t row;                     /* its ledger row */
    uint8_t row_head[MST_HASH_BYTES]; /* ledger chain hash at that row */
    uint8_t id[MST_HASH_BYTES];
    struct mst_slice audience, group; /* for the stream's filter */
    struct mst_slice bytes;           /* the ledger row's bytes */
};

enum mst_key_status { MST_KEY_ACTIVE = 1, MST_KEY_REVOKED = 2 };
struct mst_key {
    uint8_t channel[32]; /* CURVE public key; primary */
    uint8_t sign[MST_SIGN_PUBLIC_BYTES];
    char principal[65]; /* "unit:UNIT", "office:NAME", … */
    unsigned roles;
    char unit[48];               /* empty: not a unit */
    mst_time created, not_after; /* not_after MST_NEVER: no end */
    mst_time revoked;            /* 0: not */
    enum mst_key_status status;
};

struct mst_invitation {
    uint8_t token_hash[MST_HASH_BYTES];
    char principal[65];
    unsigned roles;
    char unit[48];
    mst_time created, expires;
    mst_time used; /* 0: not */
};

/* ---- life ---- */

struct mst_store;
struct mst_reader;

struct mst_store_options {
    const char *path;      /* directory; ignored by the memory backend */
    bool rehearsal;        /* must match what the directory was made for: MST_E_REHEARSAL */
    int page_bytes;        /* 4096..65536 */
    int64_t wal_bytes_max; /* checkpoint beyond it even when busy */
    int64_t behind_bytes;  /* a batch with so many bytes of reports is committed by a thread of the
                              store's own; 0: none is */
    int64_t bulk_bytes;    /* from so many bytes of reports in a batch on, they go to files beside
                              the database; 0: never */
    int64_t bulk_file_bytes_max; /* beyond it the next batch begins a file */
    int64_t bulk_ahead_bytes;    /* of zeros written ahead of the reports; 0: none */
    /* For the negative controls only: commits, or files of reports, are not synced. Without
     * MUSTER_TESTING they do nothing. */
    bool unsafe_sync, unsafe_bulk_sync;
    /* For the suites only, likewise: a batch with a longer record is not sealed; 0: as long as a
     * start can read in one piece. */
    int64_t record_bytes_max;
};

MST_MUST_CHECK int mst_store_sqlite_open(const struct mst_store_options *options,
                                         struct mst_store **ret_store, struct mst_err *err);
MST_MUST_CHECK int mst_store_mem_open(const struct mst_store_options *options,
                                      struct mst_store **ret_store, struct mst_err *err);
/*
 * Wraps another store, which it consumes, and tells every call and its result, one line each. `fn`
 * is called from the thread of the call, so also from readers' threads.
 */
typedef void (*mst_store_trace_fn)(void *context, const char *line);
MST_MUST_CHECK int mst_store_trace_wrap(struct mst_store **inner, mst_store_trace_fn fn,
                                        void *context, struct mst_store **ret_store,
                                        struct mst_err *err);
void mst_store_close(struct mst_store *store); /* NULL is legal; an open batch is dropped */

/* ---- a batch: begin, put…, commit ---- */

MST_MUST_CHECK int mst_store_begin(struct mst_store *s, struct mst_err *err);
/* The programme's number, given at first sight; numbers are contiguous from 1. */
MST_MUST_CHECK int mst_store_programme(struct mst_store *s, const char *id, mst_pid *ret_pid,
                                       struct mst_err *err);
/* Any row but a REPORT (MST_E_INVALID): those come with their run. */
MST_MUST_CHECK int mst_store_put_row(struct mst_store *s, mst_pid p, const struct mst_row *row,
                                     struct mst_err *err);
/* The ledger's head after the batch, so after its rows: `row` is the last one (MST_E_CORRUPT). One
 * per batch is kept, the last. */
MST_MUST_CHECK int mst_store_put_head(struct mst_store *s, mst_pid p, uint64_t row, mst_time at,
                                      const uint8_t head[MST_HASH_BYTES], struct mst_err *err);
/*
 * A run with its reports, which become the rows from run->row_first on: the next ones, or
 * MST_E_CORRUPT. They are stored as one thing and read as rows. MST_E_EXISTS when the outbox has a
 * run with the same `last`.
 */
MST_MUST_CHECK int mst_store_put_run(struct mst_store *s, mst_pid p, const struct mst_run *run,
                                     struct mst_slices reports, struct mst_err *err);
/* Insert or update by id; fills outbox->number, which ends with the batch if that is dropped. With
 * the number that it has already an update is cheap; a wrong one does no harm. */
MST_MUST_CHECK int mst_store_put_outbox(struct mst_store *s, mst_pid p, struct mst_outbox *outbox,
                                        struct mst_err *err);
/* MST_E_EXISTS when the outbox has a refusal of the same number. */
MST_MUST_CHECK int mst_store_put_refusal(struct mst_store *s, mst_pid p,
                                         const struct mst_refusal *refusal, struct mst_err *err);
/* Insert or replace by id, which is not empty. bytes: mst_obligation_pack's. */
MST_MUST_CHECK int mst_store_put_obligation(struct mst_store *s, mst_pid p, const char *id,
                                            struct mst_slice bytes, struct mst_err *err);
/* Likewise of an item (a task, say) by its kind and id; bytes: mst_item_pack's. */
MST_MUST_CHECK int mst_store_put_item(struct mst_store *s, mst_pid p, const char *kind,
                                      const char *id, struct mst_slice bytes, struct mst_err *err);
/* After its ledger row, which gives its bytes; alert->bytes is not read here. */
MST_MUST_CHECK int mst_store_put_alert(struct mst_store *s, mst_pid p,
                                       const struct mst_stored_alert *alert, struct mst_err *err);
MST_MUST_CHECK int mst_store_put_cursor(struct mst_store *s, mst_pid p, const char *principal,
                                        const char *name, uint64_t cursor, struct mst_err *err);
MST_MUST_CHECK int mst_store_put_key(struct mst_store *s, mst_pid p, const struct mst_key *key,
                                     struct mst_err *err);
MST_MUST_CHECK int mst_store_put_invitation(struct mst_store *s, mst_pid p,
                                            const struct mst_invitation *invitation,
                                            struct mst_err *err);
/* Small named values: clock mark, evaluated instant, epoch, watermark. p 0: of the broker itself.
 */
MST_MUST_CHECK int mst_store_put_meta(struct mst_store *s, mst_pid p, const char *name,
                                      struct mst_slice bytes, struct mst_err *err);

/*
 * Commit the batch. `done` is called exactly once, from this call (SQLite, memory) or from
 * mst_store_complete() (a network backend, or one that commits behind): code 0 when the batch is on
 * disk. Until then nothing else may be asked of the store or of its own reader.
 */
typedef void (*mst_store_done_fn)(void *context, int code, const struct mst_err *err);
void mst_store_commit(struct mst_store *s, mst_store_done_fn done, void *context);
/* Descriptor that becomes readable when a completion waits; -1: commits complete at once. */
int mst_store_fd(const struct mst_store *s);
void mst_store_complete(struct mst_store *s);
/* Let other readers see what is committed; one that is opened sees it at once. Legal between
 * batches only. A store may do so unasked. */
MST_MUST_CHECK int mst_store_publish(struct mst_store *s, struct mst_err *err);
/* Drop the batch; nothing of it is stored. */
void mst_store_rollback(struct mst_store *s);
/* When idle: publish, and move a part of the log into the database. ret_more: call again later.
 * MST_E_FULL and MST_E_NOMEM do no harm, as the log keeps what was not moved. */
MST_MUST_CHECK int mst_store_maintain(struct mst_store *s, bool *ret_more, struct mst_err *err);

/* ---- reading: through a reader, or the store's own ---- */

/* A reader for another thread. It holds no transaction between calls. Close it before the store. */
MST_MUST_CHECK int mst_store_reader_open(struct mst_store *s, struct mst_reader **ret_reader,
                                         struct mst_err *err);
void mst_reader_close(struct mst_reader *r);
/* The store's own reader, for the thread that owns the store. Borrowed. */
struct mst_reader *mst_store_own_reader(struct mst_store *s);

/*
 * Return 0 to go on, anything else to stop the walk, which then succeeds. Slices live for the call;
 * a stored empty one comes back with len 0 and data that is not NULL. A reader's walk that lasts
 * longer than a second goes on in a newer snapshot, so it may end with rows of later batches.
 */
typedef int (*mst_row_fn)(void *context, const struct mst_row *row);
typedef int (*mst_run_fn)(void *context, const struct mst_run *run);
typedef int (*mst_outbox_fn)(void *context, const struct mst_outbox *outbox);
typedef int (*mst_refusal_fn)(void *context, const struct mst_refusal *refusal);
typedef int (*mst_obligation_fn)(void *context, const char *id, struct mst_slice bytes);
typedef int (*mst_item_fn)(void *context, const char *kind, const char *id, struct mst_slice bytes);
typedef int (*mst_alert_fn)(void *context, const struct mst_stored_alert *alert);
typedef int (*mst_key_fn)(void *context, const struct mst_key *key);
typedef int (*mst_head_fn)(void *context, uint64_t row, mst_time at,
                           const uint8_t head[MST_HASH_BYTES]);
typedef int (*mst_programme_fn)(void *context, mst_pid p, const char *id);
typedef int (*mst_cursor_fn)(void *context, const char *principal, const char *name,
                             uint64_t cursor);
typedef int (*mst_invitation_fn)(void *context, const struct mst_invitation *invitation);

MST_MUST_CHECK int mst_reader_programmes(struct mst_reader *r, mst_programme_fn fn, void *context,
                                         struct mst_err *err);
/* Ascending from row `from` (inclusive). */
MST_MUST_CHECK int mst_reader_rows(struct mst_reader *r, mst_pid p, uint64_t from, mst_row_fn fn,
                                   void *context, struct mst_err *err);
/* The last row's number and the head kept with it; row 0 when the ledger is empty. */
MST_MUST_CHECK int mst_reader_last_head(struct mst_reader *r, mst_pid p, uint64_t *ret_row,
                                        mst_time *ret_at, uint8_t ret_head[MST_HASH_BYTES],
                                        struct mst_err *err);
MST_MUST_CHECK int mst_reader_heads(struct mst_reader *r, mst_pid p, uint64_t from_row,
                                    mst_head_fn fn, void *context, struct mst_err *err);
/* Runs of an outbox whose last >= seq, ascending. */
MST_MUST_CHECK int mst_reader_runs(struct mst_reader *r, mst_pid p, uint64_t outbox, uint64_t seq,
                                   mst_run_fn fn, void *context, struct mst_err *err);
MST_MUST_CHECK int mst_reader_outboxes(struct mst_reader *r, mst_pid p, mst_outbox_fn fn,
                                       void *context, struct mst_err *err);
/* Refusals of an outbox in [first, last], ascending. */
MST_MUST_CHECK int mst_reader_refusals(struct mst_reader *r, mst_pid p, uint64_t outbox,
                                       uint64_t first, uint64_t last, mst_refusal_fn fn,
                                       void *context, struct mst_err *err);
/* By id, ascending. */
MST_MUST_CHECK int mst_reader_obligations(struct mst_reader *r, mst_pid p, mst_obligation_fn fn,
                                          void *context, struct mst_err *err);
/* The one of this id, found by its key; fn is not called where there is none, and what it returns
 * is passed over. */
MST_MUST_CHECK int mst_reader_obligation(struct mst_reader *r, mst_pid p, const char *id,
                                         mst_obligation_fn fn, void *context, struct mst_err *err);
/* By kind and id, ascending. */
MST_MUST_CHECK int mst_reader_items(struct mst_reader *r, mst_pid p, mst_item_fn fn, void *context,
                                    struct mst_err *err);
/* Alerts with number > after, ascending. */
MST_MUST_CHECK int mst_reader_alerts(struct mst_reader *r, mst_pid p, uint64_t after,
                                     mst_alert_fn fn, void *context, struct mst_err *err);
MST_MUST_CHECK int mst_reader_last_alert(struct mst_reader *r, mst_pid p, uint64_t *ret_number,
                                         struct mst_err *err);
/* Cursors of all (principal, name). */
MST_MUST_CHECK int mst_reader_cursors(struct mst_reader *r, mst_pid p, mst_cursor_fn fn,
                                      void *context, struct mst_err *err);
MST_MUST_CHECK int mst_reader_keys(struct mst_reader *r, mst_pid p, mst_key_fn fn, void *context,
                                   struct mst_err *err);
MST_MUST_CHECK int mst_reader_invitations(struct mst_reader *r, mst_pid p, mst_invitation_fn fn,
                                          void *context, struct mst_err *err);
/* Copies at most *len bytes into data and sets *len to the stored size; *len 0: no such name, or
 * an empty value. */
MST_MUST_CHECK int mst_reader_meta(struct mst_reader *r, mst_pid p, const char *name, void *data,
                                   size_t *len, struct mst_err *err);

#endif
