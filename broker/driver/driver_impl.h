/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver's own files share. Nobody else includes it. */
#ifndef MST_BROKER_DRIVER_DRIVER_IMPL_H
#define MST_BROKER_DRIVER_DRIVER_IMPL_H

#include <stdatomic.h>

#include "broker/driver/driver.h"
#include "broker/driver/heard.h"
#include "broker/driver/history.h"
#include "broker/driver/quota.h"
#include "broker/driver/rows.h"
#include "proto/pack.h"

/* Invariant: row and head name the last ledger row that was put, committed or not. */
struct mst_engine {
    struct mst_driver *driver;
    char id[MST_ID_MAX];
    mst_pid pid;
    struct mst_programme *programme;
    struct mst_programme *committed; /* in force before the batch; NULL: the batch changes none */
    struct mst_core *core;
    uint64_t row;
    uint8_t head[MST_HASH_BYTES];
    uint64_t alert_number;
    struct mst_heard heard;
    struct mst_quota quota;
    bool dirty;                   /* rows were put in the open batch */
    struct mst_outbox **outboxes; /* sorted by id */
    size_t outboxes_count, outboxes_cap;
};

struct mst_known_key {
    struct mst_engine *engine;
    struct mst_key key;
};

/* An answer or an alert that waits for the commit. */
enum mst_outgoing_kind { MST_OUT_ANSWER, MST_OUT_ALERT };
struct mst_outgoing {
    enum mst_outgoing_kind kind;
    uint64_t session;
    struct mst_buf frame;      /* ANSWER */
    struct mst_buf text;       /* ANSWER: a receipt's, to be signed before the frame leaves */
    bool ends;                 /* ANSWER: the session ends with it */
    struct mst_engine *engine; /* ALERT, as are the following */
    struct mst_stored_alert alert;
    char audience[65], group[MST_ID_MAX];
};

enum mst_driver_state { MST_DRIVER_IDLE, MST_DRIVER_OPEN, MST_DRIVER_COMMITTING, MST_DRIVER_DEAD };

struct mst_driver {
    struct mst_driver_options options;
    struct mst_driver_callbacks cb;
    struct mst_engine **engines;
    size_t engines_count;
    enum mst_driver_state state;
    struct mst_outgoing *outgoing;
    size_t outgoing_count, outgoing_cap;
    /*
     * Who signs, in the commit: the upper half counts those of `outgoing` that were begun, the
     * lower half says how many there are, so that one store opens a batch to all who help and one
     * that comes late takes nothing of the next by mistake.
     */
    _Atomic uint64_t signing;
    atomic_size_t signed_count; /* of them, done */
    struct mst_effects effects; /* reused by every step */
    struct mst_buf scratch;     /* reused by every packed row */
    struct mst_known_key *keys; /* sorted by channel key */
    size_t keys_count, keys_cap;
    uint64_t epoch, watermark;
    /* Since the start: repeats with other bytes, and what would have grown the database by too
     * much.
     */
    uint64_t conflicts, refused_quota;
    int commit_code; /* of the commit under way */
    struct mst_err commit_err;
};

MST_MUST_CHECK int mst_driver_open_batch(struct mst_driver *d, struct mst_err *err);

/* Append a ledger row and advance the chain. */
MST_MUST_CHECK int mst_engine_put_row(struct mst_engine *e, enum mst_row_kind kind, mst_time at,
                                      struct mst_slice bytes, struct mst_err *err);
/* The same with a run's reports, which are as many rows and one link of the chain. */
MST_MUST_CHECK int mst_engine_put_run(struct mst_engine *e, const struct mst_run *run,
                                      struct mst_slices reports, struct mst_err *err);
/* Step the core and put what follows from it. ret_refused: MST_OK when accepted. The refusal's
 * subject is copied. tick: put a TICK row first when anything follows. */
MST_MUST_CHECK int mst_engine_step(struct mst_engine *e, const struct mst_input *input,
                                   enum mst_code *ret_refused, char ret_subject[256],
                                   struct mst_err *err);
MST_MUST_CHECK int mst_engine_load(struct mst_engine *e, struct mst_err *err);
void mst_engine_unload(struct mst_engine *e);
MST_MUST_CHECK int mst_engine_load_heard(struct mst_engine *e, struct mst_err *err);
/* Keep the intervals in which the broker was down for the core's next restart. */
MST_MUST_CHECK int mst_engine_remember_down(struct mst_engine *e, mst_time from, mst_time to,
                                            struct mst_err *err);
/* Put another one in force, from its batch's commit on: mst_engine_keep_programme() once that is
 * done, mst_engine_take_programme_back() when it is lost. */
void mst_engine_change_programme(struct mst_engine *e, struct mst_programme *programme);
void mst_engine_keep_programme(struct mst_engine *e);
void mst_engine_take_programme_back(struct mst_engine *e);
/* Store the digest of the programme in force; ret_changed: another one was stored before. */
MST_MUST_CHECK int mst_engine_pin_programme(struct mst_engine *e, bool *ret_changed,
                                            struct mst_err *err);
/* Keep the words of the duties that the version of this digest had and the one in force has not. */
MST_MUST_CHECK int mst_engine_keep_gone(struct mst_engine *e,
                                        const uint8_t before[MST_DIGEST_BYTES],
                                        struct mst_err *err);
#define MST_GONE_HINT                                                                              \
    N_("they stay owed: put the duty back under its id and reload, or end each with `musterctl "   \
       "cancel`")
/* "DUTY (3), DUTY (1)": what is still owed under duties that are gone, which is logged, too; "" */
void mst_engine_tell_gone(const struct mst_engine *e, char *text, size_t size);
/* Keep the sources of the programme in force, once, so that a replay can load it again. */
MST_MUST_CHECK int mst_engine_keep_sources(struct mst_engine *e, struct mst_err *err);
/* The outbox of that id, or NULL. */
struct mst_outbox *mst_engine_find_outbox(const struct mst_engine *e,
                                          const uint8_t id[MST_OUTBOX_BYTES]);
MST_MUST_CHECK int mst_engine_add_outbox(struct mst_engine *e, const struct mst_outbox *outbox,
                                         struct mst_outbox **ret, struct mst_err *err);

/* A receipt, signed while the batch is committed. */
MST_MUST_CHECK int mst_driver_receipt(struct mst_driver *d, uint64_t session, const char *programme,
                                      const struct mst_msg *receipt, struct mst_err *err);
MST_MUST_CHECK int mst_driver_queue_alert(struct mst_driver *d, struct mst_engine *e,
                                          const struct mst_stored_alert *alert,
                                          struct mst_err *err);
/* An `error`, or a `reply` without rows, built from code and subject. */
MST_MUST_CHECK int mst_driver_error(struct mst_driver *d, uint64_t session, enum mst_code code,
                                    const char *subject, struct mst_err *err);
MST_MUST_CHECK int mst_driver_reply(struct mst_driver *d, uint64_t session, uint64_t request_id,
                                    enum mst_code code, const char *subject, mst_time now,
                                    struct mst_err *err);
/* What a caller tried and is refused, into the ledger: as long as there is room for what it stores
 * in a day, since trying costs it nothing. The other one tells of a security event, and is always
 * noted when that is due. */
MST_MUST_CHECK int mst_driver_note_attempt(struct mst_driver *d, struct mst_engine *e,
                                           const struct mst_caller *caller, const char *act,
                                           const char *subject, mst_time now, struct mst_err *err);
MST_MUST_CHECK int mst_driver_security_attempt(struct mst_driver *d, struct mst_engine *e,
                                               const struct mst_caller *caller,
                                               enum mst_security event, const char *subject,
                                               mst_time now, struct mst_err *err);
MST_MUST_CHECK int mst_keys_load(struct mst_driver *d, struct mst_engine *e, struct mst_err *err);
#define MST_PROGRAMME_DIGEST_TEXT (2 * MST_DIGEST_BYTES + 1)
void mst_programme_digest_text(const struct mst_programme *p, char text[MST_PROGRAMME_DIGEST_TEXT]);
void mst_driver_log(struct mst_driver *d, int level, const char *event, const char *fmt, ...)
    MST_PRINTF(4, 5);

#endif
