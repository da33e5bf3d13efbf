/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver joins core and store: it verifies what units push, steps the core, and performs the
 * effects in their order: commit, then acknowledge, then publish. It knows no socket and reads no
 * clock; the loop in broker/io hands it messages with their instants and carries its answers out.
 *
 * Inputs gather in a batch; mst_driver_commit() makes all of it durable at once (group commit).
 * Only then are answers and alerts handed to the callbacks, in the order in which they came about.
 * A failed commit is not an absent commit: the driver then refuses everything, and the process must
 * end and start again from what is stored.
 */
#ifndef MST_BROKER_DRIVER_DRIVER_H
#define MST_BROKER_DRIVER_DRIVER_H

#include "broker/core/authz.h"
#include "broker/core/clockrule.h"
#include "broker/core/core.h"
#include "broker/store/store.h"
#include "config/load/keys.h"

struct mst_driver;
struct mst_heard;  /* heard.h */
struct mst_engine; /* one programme: its core, ledger head, alert numbers and outboxes */

struct mst_driver_callbacks {
    void *context;
    /* An encoded frame for the session that asked; ends: it is an `error`, after which the session
     * must say hello again. */
    void (*answer)(void *context, uint64_t session, const struct mst_buf *frame, bool ends);
    /* An alert that is on disk; slices live for the call. */
    void (*alert)(void *context, struct mst_engine *engine, const struct mst_stored_alert *alert);
    /* A batch with receipts is about to be committed: whoever has time may call mst_driver_sign().
     * NULL: nobody has. */
    void (*sign)(void *context);
    /* Something for the log, at most one line. level: 3 error, 4 warning, 6 information. */
    void (*log)(void *context, int level, const char *event, const char *text);
};

struct mst_driver_options {
    struct mst_store *store;     /* borrowed */
    const struct mst_keys *keys; /* the broker's own; borrowed */
    bool rehearsal;
    mst_time key_life_ms, key_overlap_ms; /* life 0: for ever */
    int64_t growth_bytes_day;             /* for one principal; 0: no limit */
};

MST_MUST_CHECK int mst_driver_new(const struct mst_driver_options *options,
                                  const struct mst_driver_callbacks *callbacks,
                                  struct mst_driver **ret_driver, struct mst_err *err);
void mst_driver_free(struct mst_driver *driver);

/* Serve a programme: load what is stored of it. Before the first input. */
MST_MUST_CHECK int mst_driver_add(struct mst_driver *driver, struct mst_programme *programme,
                                  struct mst_err *err);
/*
 * The store was put back from a backup: what its clients have seen of it since is of another story.
 * The next start is of a greater epoch than any before, which tells them so (PROTOCOL.md, Receipts
 * and Alerts). Without programmes; commits. MST_E_UNKNOWN: nothing was ever committed to it.
 */
MST_MUST_CHECK int mst_driver_new_epoch(struct mst_driver *driver, mst_time wall_ms,
                                        struct mst_err *err);
/* The broker starts at `now`, having been down since down_from (0: first start). Catches up. */
MST_MUST_CHECK int mst_driver_start(struct mst_driver *driver, mst_time down_from, mst_time now,
                                    struct mst_err *err);
MST_MUST_CHECK int mst_driver_stop(struct mst_driver *driver, mst_time now, struct mst_err *err);

size_t mst_driver_engines(const struct mst_driver *driver);
struct mst_engine *mst_driver_engine(const struct mst_driver *driver, size_t index);
/* By programme id; "*" or empty finds the only one. NULL: none, or not the only one. */
struct mst_engine *mst_driver_find(const struct mst_driver *driver, const char *programme);

/* ---- who asks ---- */

struct mst_caller {
    uint64_t session; /* given back with the answers */
    struct mst_actor actor;
    const uint8_t *sign_key;             /* of the unit's key; NULL where it cannot push */
    const char *address;                 /* for the ledger and the log */
    const struct mst_verified *verified; /* of the push, from mst_driver_verify(); NULL: not yet */
    const uint8_t *channel; /* the key that it came with, 32 bytes; NULL: a local user */
};

/* What may be found out about a push ahead, in another thread: it depends on nothing stored. */
struct mst_verified {
    bool holds; /* the signature, over the chain from the push's own `prev`, by this key */
    uint8_t sign_key[32], head[32];
    const struct mst_msg_report *reports; /* the first of them, read; up to one that is malformed */
    size_t reports_count;
};
/* room: for at most room_count of the reports, which are read into it; it is borrowed. */
void mst_driver_verify(const uint8_t sign_key[32], const struct mst_msg_push *push,
                       struct mst_msg_report *room, size_t room_count, struct mst_verified *ret);

/* ---- inputs; each opens the batch when none is open ---- */

/*
 * A run of reports. Its answer is a receipt, `expect`, or an error that ends the session. Returns
 * non-zero only when the batch is lost (see mst_driver_recover).
 */
MST_MUST_CHECK int mst_driver_push(struct mst_driver *driver, struct mst_engine *engine,
                                   const struct mst_caller *caller, const struct mst_msg_push *push,
                                   mst_time now, struct mst_err *err);
/* Each text of an act, with its end. */
#define MST_ACT_TEXT_MAX 1025
/* An act of the office upon an obligation, a task or a grant, answered by a reply to request_id:
 * how it stands then, or what was amended. */
MST_MUST_CHECK int mst_driver_act(struct mst_driver *driver, struct mst_engine *engine,
                                  const struct mst_caller *caller, uint64_t request_id,
                                  struct mst_input_act *act, mst_time now, struct mst_err *err);
/* One row of what amend-task changed, or would change. */
void mst_amended_pack(const struct mst_programme *programme, const char *task,
                      const struct mst_amended *amended, struct mst_buf *out);
/* One row that tells of a grant, of the programme's or of the office's. */
struct mst_grant_row {
    const char *id;                     /* empty: the programme's */
    const char *reads, *state, *source; /* a group's id; words of the protocol */
    struct mst_slice reader, reason, by;
    mst_time from, until; /* 0: none; it ends at the instant `until` */
};
/* The office's; it has ended by `now`, though nothing may have moved it yet. Slices are the item's.
 */
void mst_grant_row_of(const struct mst_item *item, mst_time now, struct mst_grant_row *ret);
void mst_grant_row_pack(const struct mst_zone *zone, const struct mst_grant_row *row,
                        struct mst_buf *out);
MST_MUST_CHECK int mst_driver_tick(struct mst_driver *driver, mst_time now, struct mst_err *err);
/* A new version of the programme; answered like an act. Takes a reference. */
MST_MUST_CHECK int mst_driver_reload(struct mst_driver *driver, struct mst_engine *engine,
                                     const struct mst_caller *caller, uint64_t request_id,
                                     struct mst_programme *programme, mst_time now,
                                     struct mst_err *err);
/* An administrator's act that touches no obligation (clock, …), for the ledger. */
MST_MUST_CHECK int mst_driver_note(struct mst_driver *driver, struct mst_engine *engine,
                                   enum mst_row_kind kind, const struct mst_caller *caller,
                                   const char *act, const char *subject, const char *reason,
                                   mst_time now, struct mst_err *err);
/* A security event of the caller's, for the ledger and, when it is due, for the office. The subject
 * is what it is about; NULL: nothing more. */
MST_MUST_CHECK int mst_driver_security(struct mst_driver *driver, struct mst_engine *engine,
                                       const struct mst_caller *caller, enum mst_security event,
                                       const char *subject, mst_time now, struct mst_err *err);
/* Repeats with other bytes that were refused since the start. */
uint64_t mst_driver_conflicts(const struct mst_driver *driver);
/* Take so many bytes off what may be stored for the caller in a day; false: refuse it. Local users
 * have no limit. */
bool mst_driver_take_room(struct mst_driver *driver, struct mst_engine *engine,
                          const struct mst_caller *caller, size_t bytes, mst_time now);
/* How often that was so since the start. */
uint64_t mst_driver_refused_quota(const struct mst_driver *driver);
MST_MUST_CHECK int mst_driver_cursor(struct mst_driver *driver, struct mst_engine *engine,
                                     const char *principal, const char *name, uint64_t cursor,
                                     struct mst_err *err);
/* Queue an answer of the caller's making behind the batch's commit. */
MST_MUST_CHECK int mst_driver_answer(struct mst_driver *driver, uint64_t session,
                                     const struct mst_msg *msg, struct mst_err *err);

/* The agent of a unit was heard of; kept in memory until the next mst_driver_contacts(). */
MST_MUST_CHECK int mst_driver_heard(struct mst_engine *engine, const char *unit, mst_time now,
                                    struct mst_err *err);
/* Let the core judge who has fallen silent, and keep what is known for a restart. */
MST_MUST_CHECK int mst_driver_contacts(struct mst_driver *driver, struct mst_engine *engine,
                                       mst_time now, struct mst_err *err);

/* ---- keys; wall_ms is real time also in a rehearsal ---- */

/* NULL: not known. Borrowed until the next change of keys. */
const struct mst_key *mst_driver_key(const struct mst_driver *driver, const uint8_t channel[32],
                                     struct mst_engine **ret_engine);
/* MST_E_REVOKED, MST_E_EXPIRED, or 0. */
int mst_key_check(const struct mst_key *key, mst_time wall_ms);
MST_MUST_CHECK int mst_driver_invite(struct mst_driver *driver, struct mst_engine *engine,
                                     const struct mst_caller *caller, const char *who,
                                     int64_t hours, mst_time now, mst_time wall_ms,
                                     uint8_t ret_token[16], struct mst_invitation *ret_invitation,
                                     struct mst_err *err);
/*
 * Consume a token and register the keys, in one transaction; answered by `enrolled` or `error`. A
 * client that lost the answer is answered again: the keys that it holds, and that are good for the
 * same principal, are proof enough, with the used token also after its time, and with a further
 * good one, which is then consumed. Other keys with a used token are refused (MST_E_EXPIRED), and
 * so are, with a good token, keys that are registered otherwise (MST_E_EXISTS).
 */
MST_MUST_CHECK int mst_driver_enrol(struct mst_driver *driver, const struct mst_caller *caller,
                                    const struct mst_msg_enrol *enrol, mst_time now,
                                    mst_time wall_ms, struct mst_err *err);
/*
 * Register fresh keys for the principal of an old one, in the name and by the signatures of both;
 * the old ones then expire after the overlap, and their verifying key is kept for ever. Answered by
 * `enrolled` or `error`; asked again with the same keys, it is answered again.
 */
MST_MUST_CHECK int mst_driver_rotate(struct mst_driver *driver, const struct mst_caller *caller,
                                     const uint8_t old_channel[32],
                                     const struct mst_msg_rotate *rotate, mst_time now,
                                     mst_time wall_ms, struct mst_err *err);
/* The next instant at which an active key of any of these roles expires; MST_NEVER: none. */
mst_time mst_driver_next_expiry(const struct mst_driver *driver, unsigned roles, mst_time wall_ms);
/* Walk the active keys that end before an instant and that no longer-lived key of the same
 * principal replaces. */
size_t mst_driver_expiring(const struct mst_driver *driver, mst_time wall_ms, mst_time before_ms,
                           void (*fn)(void *context, const struct mst_key *key), void *context);
/* Revoke all keys of a principal, or the one of a fingerprint. Rows for the reply go to `rows`. */
MST_MUST_CHECK int mst_driver_revoke(struct mst_driver *driver, struct mst_engine *engine,
                                     const struct mst_caller *caller, const char *who,
                                     const char *reason, mst_time now, mst_time wall_ms,
                                     struct mst_buf *rows, size_t *ret_count, bool *ret_office,
                                     struct mst_err *err);
/* The first 16 hex digits of H(channel key): what people compare. */
void mst_key_fingerprint(const uint8_t channel[32], char ret_text[17]);

/* ---- the batch ---- */

/* Open a batch though nothing is in it: its commit stores the clock mark. */
MST_MUST_CHECK int mst_driver_touch(struct mst_driver *driver, struct mst_err *err);
bool mst_driver_pending(const struct mst_driver *driver); /* a batch is open */
bool mst_driver_busy(const struct mst_driver *driver);    /* a commit is under way: take nothing */
/* Descriptor to poll while busy; -1: commits complete at once. */
int mst_driver_fd(const struct mst_driver *driver);
/* Commit the batch, if any. mark is stored with it. */
MST_MUST_CHECK int mst_driver_commit(struct mst_driver *driver, const struct mst_clock_mark *mark,
                                     mst_time now, struct mst_err *err);
MST_MUST_CHECK int mst_driver_complete(struct mst_driver *driver, struct mst_err *err);
/* Sign a receipt of the batch that is being committed; false: there is none left. The only call
 * that other threads may make; what they leave is signed before the batch is answered. */
bool mst_driver_sign(struct mst_driver *driver);
/*
 * After MST_E_FULL or MST_E_NOMEM from an input or from mst_driver_commit() before it reached the
 * disk: drop the batch, tell its sessions, and load every programme again from what is stored. A
 * commit that failed on its way to the disk is another matter: its error is given back.
 */
MST_MUST_CHECK int mst_driver_recover(struct mst_driver *driver, struct mst_err *err);

/* ---- queries ---- */

mst_time mst_driver_next_due(const struct mst_driver *driver);
MST_MUST_CHECK int mst_driver_clock_mark(struct mst_driver *driver, struct mst_clock_mark *ret_mark,
                                         struct mst_err *err);
uint64_t mst_driver_epoch(const struct mst_driver *driver);
uint64_t mst_driver_watermark(const struct mst_driver *driver);

struct mst_programme *mst_engine_programme(const struct mst_engine *engine);
/* When each agent was heard of last; a rehearsal keeps none. Borrowed. */
const struct mst_heard *mst_engine_heard(const struct mst_engine *e);
const struct mst_core *mst_engine_core(const struct mst_engine *engine);
mst_pid mst_engine_pid(const struct mst_engine *engine);
uint64_t mst_engine_last_alert(const struct mst_engine *engine);
uint64_t mst_engine_last_row(const struct mst_engine *engine);
/* Last accepted number and chain head of an outbox; for one that is not known, 0 and its genesis.
 */
MST_MUST_CHECK int mst_engine_outbox(const struct mst_engine *engine, const uint8_t id[16],
                                     const char *unit, uint64_t *ret_last, uint8_t ret_head[32],
                                     struct mst_err *err);
/* Stored cursor; 0: none. */
MST_MUST_CHECK int mst_engine_cursor(struct mst_driver *driver, struct mst_engine *engine,
                                     const char *principal, const char *name, uint64_t *ret_cursor,
                                     struct mst_err *err);

#endif
