/* SPDX-License-Identifier: Apache-2.0 */
/*
 * muster-watch: a durable subscriber of the alert stream. Three parts:
 *
 * - state: what outlives the process: the cursor (last alert dealt with) and the witness (ledger
 *   heads that came with alerts, against which a later telling is held);
 * - stream: the pure order of the stream: which alert is next, which one shows a gap, what credit
 *   to give back;
 * - follow: the loop around both: session, output, hook, signals.
 *
 * An alert counts as dealt with when its line is written out and its hook has run; only then the
 * cursor moves. So a crash repeats alerts and never skips one; their ids tell repetitions.
 */
#ifndef MST_AGENT_WATCH_WATCH_H
#define MST_AGENT_WATCH_WATCH_H

#include <stdbool.h>
#include <stdio.h>

#include "agent/link/app.h"
#include "agent/link/link.h"
#include "proto/err.h"
#include "proto/msg.h"
#include "proto/seal.h"

/* ---- state ---- */

struct mst_watch_cursor {
    bool known; /* false: no cursor yet; the others mean nothing */
    char programme[48];
    bool rehearsal;
    uint64_t epoch; /* the broker's restore epoch when it was written */
    uint64_t number;
    bool has_head;
    uint8_t head[MST_HASH_BYTES]; /* the ledger's, that came with that alert */
};

/* A ledger head that came with an alert. */
struct mst_watch_head {
    uint64_t row, epoch;
    char head[2 * MST_HASH_BYTES + 1];
};

struct mst_watch_state;

/*
 * Opens DIR/watch-NAME.cursor and .witness, made on first use, mode 0600; DIR is made with 0700.
 * MST_E_BUSY when another process has them; MST_E_CORRUPT for a cursor that cannot be read.
 */
MST_MUST_CHECK int mst_watch_state_open(const char *dir, const char *name,
                                        struct mst_watch_state **ret_state, struct mst_err *err);
void mst_watch_state_free(struct mst_watch_state *state);
const struct mst_watch_cursor *mst_watch_state_cursor(const struct mst_watch_state *state);
/*
 * Hold an alert's ledger row and head against what was witnessed under its number and, when it is a
 * new one, remember it for the next save. MST_E_CONFLICT for a contradiction: the broker's ledger
 * was rewritten. The older testimony stays.
 */
MST_MUST_CHECK int mst_watch_state_witness(struct mst_watch_state *state,
                                           const struct mst_msg_alert *alert, uint64_t epoch,
                                           struct mst_err *err);
/* The last ledger row that was witnessed, with its head, or the one that was contradicted; false:
 * none yet. */
bool mst_watch_state_last(const struct mst_watch_state *state, struct mst_watch_head *ret);
/* Keep in watch-NAME.contradicted that this one was, until somebody removes the file. */
MST_MUST_CHECK int mst_watch_state_contradict(struct mst_watch_state *state,
                                              const struct mst_watch_head *head,
                                              struct mst_err *err);
/* The numbers of the alerts begin anew somewhere before the cursor: there is none from now on. */
MST_MUST_CHECK int mst_watch_state_forget(struct mst_watch_state *state, struct mst_err *err);
/* Sync the witness, then replace the cursor atomically. The cursor never goes back within a
 * programme, unless it was forgotten: reading old alerts again (--since) leaves it. */
MST_MUST_CHECK int mst_watch_state_save(struct mst_watch_state *state,
                                        const struct mst_watch_cursor *cursor, struct mst_err *err);

/* ---- stream ---- */

struct mst_watch_stream {
    uint64_t last; /* number of the last alert taken, or what was subscribed from */
    bool has_head;
    uint8_t head[MST_HASH_BYTES]; /* the ledger's, that came with `last` */
    bool last_known;  /* false: the broker's own cursor decides where the stream begins */
    bool fresh;       /* nothing was taken since it began */
    bool lost;        /* a gap was seen: alerts are passed over until one follows `last` */
    unsigned passed;  /* passed over since */
    uint32_t credit;  /* alerts that the broker may send ahead */
    uint32_t unacked; /* taken since the last ack */
};

enum mst_watch_step {
    MST_WATCH_TAKE,
    MST_WATCH_GAP,      /* say so, and subscribe again from `last` */
    MST_WATCH_PASS,     /* still from before the new subscription */
    MST_WATCH_HOPELESS, /* the broker goes on with a stream that does not fit */
    MST_WATCH_SHORT, /* the broker's log ended before `last`: it was put back to an earlier state */
};

/* A new subscription from `from`; head: the ledger's at that alert, or NULL. */
void mst_watch_stream_begin(struct mst_watch_stream *stream, bool known, uint64_t from,
                            const uint8_t *head);
enum mst_watch_step mst_watch_stream_step(struct mst_watch_stream *stream,
                                          const struct mst_msg_alert *alert);

/* ---- follow ---- */

struct mst_watch_options {
    struct mst_link_options link;
    const char *state_dir;
    const char *topics; /* comma-separated prefixes, or NULL; one that does not begin with the
                           programme's id is taken within it */
    bool since_known;   /* start after `since_number`, not at the cursor */
    uint64_t since_number;
    mst_time since_at; /* and show only what was decided at or after this instant; 0: all */
    uint64_t count;    /* stop after so many alerts; 0: never */
    int timeout_ms;    /* stop when nothing arrived for so long; -1: never */
    uint32_t credit;
    int64_t witness_ms; /* how often the head witnessed last is asked for; 0: at connections only */
    bool json;
    FILE *out, *log;
    /* Called with each alert as JSON text, e.g. to run a hook; may be NULL. A failure is told and
     * the alert counts as dealt with. */
    int (*deliver)(void *context, struct mst_slice json, struct mst_err *err);
    void *deliver_context;
    int stop_fd; /* stop when it becomes readable; -1: none */
};

/*
 * Follow until told to stop. 0 when stopped, or when the count or, without a count, the silence was
 * reached. MST_E_TIMEOUT when the count was not reached in time, MST_E_UNREACHABLE when no session
 * came about at all, MST_E_CONFLICT when, on the way, the ledger contradicted a witness.
 */
MST_MUST_CHECK int mst_watch_follow(const struct mst_watch_options *options, struct mst_err *err);

/* The program: its table and its main(). */
const struct mst_app *mst_watch_app(void);
int mst_watch_main(int argc, char *const *argv);

#endif
