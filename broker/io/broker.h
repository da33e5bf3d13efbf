/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's insides, shared by the files of this folder: sockets, sessions, streams, queries,
 * and the loop that serves them. One thread owns everything here; the query thread has its own
 * reader and sees only what is handed to it.
 */
#ifndef MST_BROKER_IO_BROKER_H
#define MST_BROKER_IO_BROKER_H

#include "broker/io/ahead.h"
#include "broker/io/clock.h"
#include "broker/io/gate.h"
#include "broker/io/log.h"
#include "config/load/settings.h"

/* libzmq calls it a draft option, but 4.3.4 honours it: no ZAP handler, no admission. */
#define MST_ZMQ_ZAP_ENFORCE_DOMAIN 93

/* To the gate the feed is one more door. */
#define MST_GATE_FEED MST_DOORS

/* A stream of alerts to one session. Invariant: acked <= sent. */
struct mst_stream {
    bool open;
    uint64_t sent; /* last alert number sent, or passed over since the session may not read it */
    uint64_t told; /* last number actually sent: the next one's `prev` */
    uint64_t acked;
    uint64_t credit;
    int64_t stalled_until_ms; /* by the boot clock: the peer's queue is full; 0: it is not */
    int64_t stall_ms;         /* how long it is left alone, longer each time */
    bool let_go;              /* a rehearsal waited for it in vain; until its next ack */
    char (*topics)[161];      /* prefixes, owned; none: all that is allowed */
    size_t topics_count;
};

/* The token bucket of one key, shared by all its connections. */
struct mst_bucket {
    uint8_t channel[32];
    double tokens, bytes;
    int64_t boot_ms;
    size_t sessions; /* that hold it */
    struct mst_bucket *next;
};

/* One peer's session: (principal, kind, name). */
struct mst_session {
    uint64_t id; /* never reused; another one from each hello on */
    enum mst_door door;
    uint8_t routing[MST_ROUTING_ID_MAX];
    size_t routing_len;
    int fd; /* of its connection, for mst_tap_is_open() */
    uint32_t connection;
    bool gone;           /* it has ended, and what came before its end may still wait */
    uint8_t channel[32]; /* the key it came with; zero on the admin door */
    struct mst_engine *engine;
    char principal[65], kind[9], name[48], unit[48], address[64];
    unsigned roles;
    bool welcome; /* hello was answered */
    mst_time last_seen_wall;
    struct mst_bucket *bucket; /* of its key; NULL for local users */
    int64_t heard_boot_ms;     /* when it was last heard */
    uint64_t batch, reports;   /* pushed in that batch: they are unacknowledged until it ends */
    int64_t unread_boot_ms;    /* since when it does not read its replies; 0: it does */
    uint64_t unread_pass;      /* of the query pool, in which it did not */
    struct mst_stream stream;
    size_t index; /* in the broker's array */
    struct mst_session *next_by_route, *next_by_id;
};

#define MST_SESSION_BUCKETS 16384

/* Alerts whose signature is remembered. */
#define MST_SEALED_MAX 1024
struct mst_sealed {
    mst_pid pid;
    uint64_t row; /* 0: none yet */
    uint8_t sig[MST_SIGN_BYTES];
};

struct mst_query_pool;

/* A security event that waits for the next batch. */
#define MST_NOTED_MAX 64
/* Files of programmes, as many as the setting takes. */
#define MST_PROGRAMMES_MAX 16
struct mst_noted {
    struct mst_engine *engine;
    enum mst_security event;
    char who[65], address[64];
};

struct mst_broker {
    struct mst_settings settings;
    struct mst_keys keys;
    struct mst_store *store;
    struct mst_driver *driver;
    struct mst_clock clock;
    struct mst_log log;
    char *programme_paths[MST_PROGRAMMES_MAX];
    size_t programmes_count;
    bool rehearsal;

    void *zmq;
    void *doors[MST_DOORS];
    void *zap;
    struct mst_gate *gate;
    void *feed;
    mst_time feed_until; /* when the first key that it admits expires; MST_NEVER: none does */
    mst_time warned;     /* when expiring keys were last told of */
    bool feed_stale;     /* a key that it admitted was revoked: to be closed and bound again */
    int timer_fd, signal_fd, lock_fd;

    struct mst_session **sessions;
    size_t sessions_count, sessions_cap;
    struct mst_session *by_route[MST_SESSION_BUCKETS], *by_id[MST_SESSION_BUCKETS];
    struct mst_bucket *buckets[MST_SESSION_BUCKETS];
    uint64_t session_next;
    uint64_t swept_ended; /* connections that had when sessions were looked through last */
    int64_t swept_boot_ms;
    bool sweeps;    /* some were found gone then, and are to be closed */
    uint64_t batch; /* counts commits */
    bool stopping;
    bool drained; /* the last pass left no message waiting */
    mst_time started_wall;
    uint64_t refused_peers;
    uint64_t refused_rate; /* messages of keys that were too fast */
    double enrol_tokens;   /* of the enrol door's bucket */
    int64_t enrol_boot_ms;
    struct mst_query_pool *queries;
    /* A `clock run` waits for its answer until the clock has arrived. */
    uint64_t run_session, run_request;
    struct mst_msg_scratch scratch; /* of what is sent */
    struct mst_sealed sealed[MST_SEALED_MAX];
    struct mst_noted noted[MST_NOTED_MAX];
    size_t noted_count;
    struct mst_ahead *ahead; /* letters that were taken and wait to be served */
};

/* ---- zap.c: who may open a connection ---- */

MST_MUST_CHECK int mst_zap_open(struct mst_broker *b, struct mst_err *err);
void mst_zap_serve(struct mst_broker *b);

/* ---- security.c: what the office is told of ---- */

/* Found now, told with the next batch, unless it was lately. */
void mst_security_note(struct mst_broker *b, struct mst_engine *engine, enum mst_security event,
                       const char *who, const char *address);
/* Into the batch that is open, or a new one. */
MST_MUST_CHECK int mst_security_serve(struct mst_broker *b, mst_time now, struct mst_err *err);

/* ---- sessions.c ---- */

struct mst_session *mst_session_by_route(struct mst_broker *b, enum mst_door door,
                                         const uint8_t *routing, size_t len);
struct mst_session *mst_session_by_id(struct mst_broker *b, uint64_t id);
MST_MUST_CHECK int mst_session_open(struct mst_broker *b, enum mst_door door,
                                    const uint8_t *routing, size_t len, struct mst_session **ret,
                                    struct mst_err *err);
void mst_session_close(struct mst_broker *b, struct mst_session *session);
/* Is it on the line: hello was answered, and its connection is there? */
bool mst_session_is_there(const struct mst_session *session);
/* Close those whose connection has ended, a moment after it has; cheap when none has. */
void mst_session_sweep(struct mst_broker *b);
/* Close every other session of the same (principal, kind, name). */
void mst_session_supersede(struct mst_broker *b, const struct mst_session *session);
/* Whose key it is: finds the bucket. */
MST_MUST_CHECK int mst_session_set_key(struct mst_broker *b, struct mst_session *session,
                                       const uint8_t channel[32], struct mst_err *err);
/* Take one message of so many bytes off the key's bucket; false: too many, or too much. */
bool mst_session_take(struct mst_broker *b, struct mst_session *session, size_t bytes);
/* Take reports off the window; false: more than may be unacknowledged. */
bool mst_session_take_window(struct mst_broker *b, struct mst_session *session, size_t reports);
/* Offer a frame; false: the peer does not read, and nothing was sent. One that is gone loses its
 * session. */
bool mst_session_offer(struct mst_broker *b, struct mst_session *session, const void *data,
                       size_t len);
/* Send a frame; a peer that is gone or does not read loses its session. */
void mst_session_send(struct mst_broker *b, struct mst_session *session, const void *data,
                      size_t len);
void mst_session_send_msg(struct mst_broker *b, struct mst_session *session,
                          const struct mst_msg *msg);
/* Tell of keys that are about to expire, once a day. */
void mst_session_warn_keys(struct mst_broker *b);
size_t mst_session_expiring_keys(const struct mst_broker *b);
/* Send at once; while a batch is open behind its commit, after the answers that wait there. */
void mst_session_answer(struct mst_broker *b, struct mst_session *session,
                        const struct mst_msg *msg);
/* A hello begins a session anew: what is still to come for the one before is not for this one. */
void mst_session_begin(struct mst_broker *b, struct mst_session *session);
void mst_session_error(struct mst_broker *b, struct mst_session *session, enum mst_code code,
                       const char *subject);
void mst_session_reply(struct mst_broker *b, struct mst_session *session, uint64_t request_id,
                       enum mst_code code, const char *subject, struct mst_slices rows);
#define MST_PAIRS_MAX 32
/* A reply of {name, value} rows, at most MST_PAIRS_MAX. */
MST_MUST_CHECK int mst_session_reply_pairs(struct mst_broker *b, struct mst_session *session,
                                           uint64_t request_id, const char *const (*pairs)[2],
                                           size_t count, struct mst_err *err);
/* Announce a step of the rehearsal's clock. */
void mst_session_tell_time(struct mst_broker *b);
struct mst_actor mst_session_actor(const struct mst_session *session);
/* Who asks, for the driver; without a key to push with. */
struct mst_caller mst_session_caller(const struct mst_session *session);

/* ---- open.c ---- */

/* Before the first start with a programme: tells on stderr what of it was due in the past, of which
 * that start tells all at once. ret_count: how much. */
MST_MUST_CHECK int mst_broker_tell_past(const struct mst_broker *b, const char *path,
                                        const struct mst_programme *programme, size_t *ret_count,
                                        struct mst_err *err);
/* Whether a broker ever began in the data directory. */
bool mst_broker_begun(const struct mst_broker *b);

/* ---- vet.c: settings ---- */

#define MST_ADMIN_SOCKET "admin.sock"

/* A value's form, beside its type and range (mst_setting_vet). MST_E_INVALID, MST_E_TOO_LARGE. */
MST_MUST_CHECK int mst_broker_vet(const char *name, const char *text, struct mst_err *err);

/* ---- door.c: messages from peers ---- */

/* "UID=ROLE+ROLE", a row of the setting local_roles. */
bool mst_door_parse_local(const char *row, unsigned *ret_uid, unsigned *ret_roles);

/*
 * Take letters that wait at the doors, as far as there is room for them, at the enrol door up to
 * its rate. knocked: for each door whether to look there; NULL: at all. busy: something else is to
 * be done before they are served.
 */
void mst_door_gather(struct mst_broker *b, const bool *knocked, bool busy);
/* What a batch has of the doors. */
struct mst_taken {
    uint64_t letters, reports, bytes;
};
/* As much as a batch may have? */
bool mst_door_full(const struct mst_broker *b, const struct mst_taken *taken);
/* Serve letters in the order in which they came, each with the instant at which it was taken, until
 * there are no more or the batch is full. Returns non-zero when the batch is lost. */
MST_MUST_CHECK int mst_door_serve(struct mst_broker *b, struct mst_taken *taken,
                                  struct mst_err *err);
/* The instant to evaluate at: not later than that of a letter which is still to be served. */
mst_time mst_door_now(struct mst_broker *b);

/* One message of a session, whoever it is and whatever it holds. Returns non-zero as above. */
MST_MUST_CHECK int mst_door_hear(struct mst_broker *b, struct mst_session *session,
                                 struct mst_slice bytes, struct mst_err *err);

/* Until the next attempt to enrol may be taken; -1: at once. */
int64_t mst_door_enrol_wait_ms(const struct mst_broker *b);

/*
 * May this session still speak and be spoken to? Takes from the key table who it speaks for. When
 * not, it is told, its session ends, and the reason comes back. Enrolment and local sessions have
 * no key.
 */
MST_MUST_CHECK int mst_door_admit(struct mst_broker *b, struct mst_session *session,
                                  const struct mst_key **ret_key);

/* ---- stream.c ---- */

void mst_stream_subscribe(struct mst_broker *b, struct mst_session *session,
                          const struct mst_msg_subscribe *subscribe);
MST_MUST_CHECK int mst_stream_ack(struct mst_broker *b, struct mst_session *session,
                                  const struct mst_msg_ack *ack, struct mst_err *err);
/* Send what credit allows; false: more waits, call again. A full queue is tried again only after
 * stream.stalled_until_ms. */
bool mst_stream_pump(struct mst_broker *b, struct mst_session *session);
/* True while an open stream has something that was sent and not acknowledged, or could be sent. */
bool mst_stream_in_flight(const struct mst_broker *b);
/* From now on nothing is in flight on the streams that are so now, until they acknowledge. */
void mst_stream_let_go(struct mst_broker *b);
/* Publish on the feed. */
void mst_feed_publish(struct mst_broker *b, struct mst_engine *engine,
                      const struct mst_stored_alert *alert);
/* Has a key expired that the feed admitted? Then it is closed and bound again before it says more.
 */
void mst_feed_check(struct mst_broker *b);
/* Keys were added or shortened: reckon anew when the feed has to look. */
void mst_feed_keys_changed(struct mst_broker *b);
MST_MUST_CHECK int mst_feed_open(struct mst_broker *b, struct mst_err *err);

/* ---- heads.c ---- */

/* The broker's signature over an alert's ledger row and the head there; borrowed until the next
 * call. */
const uint8_t *mst_head_seal(struct mst_broker *b, struct mst_engine *engine,
                             const struct mst_stored_alert *stored);

/* ---- requests.c ---- */

MST_MUST_CHECK int mst_request_serve(struct mst_broker *b, struct mst_session *session,
                                     const struct mst_msg_request *request, mst_time now,
                                     struct mst_err *err);
/* Answer a finished `clock run`. */
void mst_request_clock_arrived(struct mst_broker *b);
/* Load the programme files again: for SIGHUP and `musterctl reload`. session NULL: SIGHUP. */
MST_MUST_CHECK int mst_request_reload(struct mst_broker *b, struct mst_session *session,
                                      uint64_t request_id, mst_time now, struct mst_err *err);

/* ---- query.c, query_post.c: the query threads ---- */

MST_MUST_CHECK int mst_query_start(struct mst_broker *b, struct mst_err *err);
void mst_query_stop(struct mst_broker *b);
int mst_query_fd(const struct mst_broker *b);
/* Hand a query over. It is begun by mst_query_release(), and its replies come through
 * mst_query_drain(). */
MST_MUST_CHECK int mst_query_post(struct mst_broker *b, const struct mst_session *session,
                                  const struct mst_msg_request *request, mst_time now,
                                  struct mst_err *err);
/* Between batches: let what is committed be seen, and begin what was handed over. So whoever had a
 * receipt finds what it is for. */
MST_MUST_CHECK int mst_query_release(struct mst_broker *b, struct mst_err *err);
void mst_query_drain(struct mst_broker *b);
/* Until drain should be called again, a peer not having read what came before; -1: no need. */
int64_t mst_query_wait_ms(const struct mst_broker *b);

/* ---- open.c, loop.c ---- */

/* What was opened is closed by mst_broker_close(), whatever these return. */
MST_MUST_CHECK int mst_broker_open(struct mst_broker *b, struct mst_err *err);
/* Instead of opening: the data directory was put back from a backup, so the next start is of a new
 * epoch. MST_E_UNKNOWN: there is no database in it. */
MST_MUST_CHECK int mst_broker_restored(struct mst_broker *b, struct mst_err *err);
MST_MUST_CHECK int mst_broker_serve(struct mst_broker *b, struct mst_err *err);
void mst_broker_close(struct mst_broker *b);
/* An endpoint could not be bound: why, and what to do with the setting that names it. Returns the
 * code. */
int mst_bind_failed(const char *endpoint, const char *setting, int error, struct mst_err *err);

#endif
