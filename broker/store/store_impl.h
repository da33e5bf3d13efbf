/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the store: the vtable that a backend fills, and what the dispatch keeps for all of them.
 *
 * The dispatch (store.c) owns the contract: batch open or not, dead or not, rows and alert numbers
 * without a hole. A backend is called only for what may happen, so it holds no copy of these rules.
 * The tracing wrapper passes everything through, refusals too, and therefore sets `passthrough`.
 */
#ifndef MST_BROKER_STORE_STORE_IMPL_H
#define MST_BROKER_STORE_STORE_IMPL_H

#include "broker/store/store.h"

/* The kinds of things stored. TABLE(NAME, name): the name is the one in traces. */
#define MST_TABLES(TABLE)                                                                          \
    TABLE(PROGRAMME, programme)                                                                    \
    TABLE(ROW, row)                                                                                \
    TABLE(HEAD, head)                                                                              \
    TABLE(RUN, run)                                                                                \
    TABLE(OUTBOX, outbox)                                                                          \
    TABLE(REFUSAL, refusal)                                                                        \
    TABLE(OBLIGATION, obligation)                                                                  \
    TABLE(ITEM, item)                                                                              \
    TABLE(ALERT, alert)                                                                            \
    TABLE(CURSOR, cursor)                                                                          \
    TABLE(KEY, key)                                                                                \
    TABLE(INVITATION, invitation)                                                                  \
    TABLE(META, meta)

enum mst_table {
#define TABLE(NAME, name) MST_TABLE_##NAME,
    MST_TABLES(TABLE)
#undef TABLE
        MST_TABLE_COUNT
};

struct mst_put_head {
    uint64_t row;
    uint64_t replaces; /* row of the head that this batch has put already; 0: none */
    mst_time at;
    const uint8_t *head;
};
struct mst_put_run {
    const struct mst_run *run;
    struct mst_slices reports;
};
struct mst_put_named {
    const char *name;
    struct mst_slice bytes;
};
struct mst_put_item {
    const char *kind, *id;
    struct mst_slice bytes;
};
struct mst_put_cursor {
    const char *principal, *name;
    uint64_t cursor;
};

/* Rows and alert numbers share a 63-bit key with the programme's number in a backend. */
#define MST_STORE_NUMBER_MAX ((UINT64_C(1) << 40) - 1)

/* One thing to store. Everything is borrowed for the call; only outbox->number is written. */
struct mst_put {
    enum mst_table table;
    mst_pid p;
    union {
        const struct mst_row *row;
        struct mst_put_head head;
        struct mst_put_run run;
        struct mst_outbox *outbox;
        const struct mst_refusal *refusal;
        struct mst_put_named named; /* an obligation by id, a meta value by name */
        struct mst_put_item item;
        const struct mst_stored_alert *alert;
        struct mst_put_cursor cursor;
        const struct mst_key *key;
        const struct mst_invitation *invitation;
    } u;
};

/* An ascending walk over one table of one programme. Fields that a table does not use are 0. */
struct mst_walk {
    enum mst_table table;
    mst_pid p;
    uint64_t outbox;
    uint64_t from, to; /* inclusive bounds of the number: row, last of a run, seq, alert */
    const char *id;    /* OBLIGATION: this one alone; NULL: all */
    union {
        mst_programme_fn programme;
        mst_row_fn row;
        mst_head_fn head;
        mst_run_fn run;
        mst_outbox_fn outbox;
        mst_refusal_fn refusal;
        mst_obligation_fn obligation;
        mst_item_fn item;
        mst_alert_fn alert;
        mst_cursor_fn cursor;
        mst_key_fn key;
        mst_invitation_fn invitation;
    } fn;
    void *context;
};

struct mst_store_ops {
    void (*close)(struct mst_store *s);
    int (*begin)(struct mst_store *s, struct mst_err *err);
    /* Number of a programme; `add` as `next` when it is not there. *ret_pid 0: not there. */
    int (*programme)(struct mst_store *s, const char *id, mst_pid next, mst_pid *ret_pid,
                     struct mst_err *err);
    /*
     * MST_E_EXISTS, MST_E_UNKNOWN, MST_E_INVALID: this call changed nothing, the batch goes on.
     * MST_E_FULL, MST_E_NOMEM: the batch is lost, the store is not. Anything else: it is dead.
     */
    int (*put)(struct mst_store *s, const struct mst_put *put, struct mst_err *err);
    /* Before a commit, what may fail like a put; NULL: nothing. */
    int (*prepare)(struct mst_store *s, struct mst_err *err);
    /* Ends in exactly one mst_store_committed(). */
    void (*commit)(struct mst_store *s);
    int (*rollback)(struct mst_store *s, struct mst_err *err);
    int (*fd)(const struct mst_store *s);                     /* NULL: commits complete at once */
    void (*complete)(struct mst_store *s);                    /* NULL with fd NULL */
    int (*publish)(struct mst_store *s, struct mst_err *err); /* NULL: a commit does */
    int (*maintain)(struct mst_store *s, bool *ret_more, struct mst_err *err);

    int (*reader_open)(struct mst_store *s, struct mst_reader **ret_reader, struct mst_err *err);
    void (*reader_close)(struct mst_reader *r);
    int (*walk)(struct mst_reader *r, const struct mst_walk *walk, struct mst_err *err);
    /* Largest row (ROW, HEAD) or alert number (ALERT); 0: none. */
    int (*last)(struct mst_reader *r, enum mst_table table, mst_pid p, uint64_t *ret_number,
                struct mst_err *err);
    int (*meta)(struct mst_reader *r, mst_pid p, const char *name, void *data, size_t *len,
                struct mst_err *err);
};

struct mst_reader {
    const struct mst_store_ops *ops;
    const struct mst_store *owner; /* of the store's own reader; NULL for another thread's */
};

/* What the dispatch remembers of a programme. `done_`: as of the last completed batch. */
struct mst_store_programme {
    uint64_t row, alert;
    uint64_t done_row, done_alert;
    uint64_t head; /* row of the head put in the open batch; 0: none */
};

enum mst_store_state {
    MST_STORE_IDLE,
    MST_STORE_BATCH,      /* begun */
    MST_STORE_SPOILED,    /* begun, but a write failed: only rollback or a failing commit follow */
    MST_STORE_COMMITTING, /* commit was called, its completion was not */
    MST_STORE_DEAD,
};

/* Invariant: programmes[i] belongs to pid i + 1; those beyond done_count came with this batch. */
struct mst_store {
    const struct mst_store_ops *ops;
    struct mst_reader *own;
    bool passthrough;
    enum mst_store_state state;
    enum mst_code spoiled; /* code of the write that spoiled the batch */
    struct mst_store_programme *programmes;
    size_t count, done_count, cap;
    mst_store_done_fn done;
    void *done_context;
};

/* The dispatch's own refusals: nothing is asked of a dead store, or out of turn. */
int mst_store_fail_dead(struct mst_err *err);
int mst_store_fail_misuse(struct mst_err *err, const char *what);

/* For a backend: fill the counters from what is stored, last step of an open. */
MST_MUST_CHECK int mst_store_start(struct mst_store *s, struct mst_err *err);
/* For a backend: free what mst_store_start and the calls since have allocated. */
void mst_store_stop(struct mst_store *s);
/* For a backend: the commit's end. Code 0 or what failed; then the store is dead. */
void mst_store_committed(struct mst_store *s, int code, const struct mst_err *err);
/* For a backend: nothing more may be written, e.g. after a checkpoint failed. */
void mst_store_kill(struct mst_store *s);

/* What all reading calls come down to; for the tracing wrapper, which passes them on. */
MST_MUST_CHECK int mst_reader_walk(struct mst_reader *r, const struct mst_walk *walk,
                                   struct mst_err *err);
MST_MUST_CHECK int mst_reader_last(struct mst_reader *r, enum mst_table table, mst_pid p,
                                   uint64_t *ret_number, struct mst_err *err);

const char *mst_table_name(enum mst_table table);

/* Bytes that are never NULL, so that stored and empty differs from absent in no backend. */
static inline struct mst_slice mst_slice_stored(const void *data, size_t len)
{
    struct mst_slice slice = {len ? (const uint8_t *)data : (const uint8_t *)"", len};
    return slice;
}

#endif
