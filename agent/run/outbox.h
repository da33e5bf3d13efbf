/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent must not forget: the outbox of reports, the inbox of alerts, the cached brief. One
 * SQLite file, one connection, WAL, synchronous=FULL.
 *
 * Two numberings. A person sees an entry's `number`, contiguous from 1 for as long as the file
 * lives. The wire sees `seq`, contiguous from 1 within one outbox id: seq = number - base. Both are
 * the same until the outbox id has to be renewed, since an outbox that was restored from an old
 * copy must never reuse a sequence number that the broker has seen with another body.
 *
 * Changes gather in one transaction until mst_outbox_commit(); nothing may be promised to anybody
 * before it has returned 0. When a change or a commit fails, mst_outbox_rollback() puts the file
 * and the figures here back to the last commit.
 *
 * Invariants: acked <= last; entries base+1 .. base+last are in the file, and those after
 * base+acked with their bytes; each hash is the chain's link over the one before it.
 */
#ifndef MST_AGENT_RUN_OUTBOX_H
#define MST_AGENT_RUN_OUTBOX_H

#include <stdbool.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/msg.h"
#include "proto/seal.h"

struct mst_outbox;

struct mst_outbox_limits {
    int64_t bytes_max; /* of reports kept */
    int64_t keep_days; /* of acknowledged reports */
};

/* ---- life ---- */

/*
 * Opens or makes the file. MST_E_BUSY when another process has it; MST_E_IDENTITY when it belongs
 * to another programme or unit; MST_E_CORRUPT when the chain of its last entries does not fit;
 * MST_E_VERSION when a later version of this program made it. A file of an earlier layout is
 * brought to today's, which takes some seconds for a million reports.
 */
MST_MUST_CHECK int mst_outbox_open(const char *path, const char *programme, const char *unit,
                                   const struct mst_outbox_limits *limits, struct mst_outbox **ret,
                                   struct mst_err *err);
void mst_outbox_close(struct mst_outbox *box); /* drops what is not committed; NULL is legal */

MST_MUST_CHECK int mst_outbox_commit(struct mst_outbox *box, struct mst_err *err);
MST_MUST_CHECK int mst_outbox_rollback(struct mst_outbox *box, struct mst_err *err);

/* ---- the figures; of the last change, committed or not ---- */

const uint8_t *mst_outbox_id(const struct mst_outbox *box);
uint64_t mst_outbox_base(const struct mst_outbox *box);
uint64_t mst_outbox_last(const struct mst_outbox *box);  /* seq; 0: none */
uint64_t mst_outbox_safe(const struct mst_outbox *box);  /* seq; on disk as far as that */
uint64_t mst_outbox_acked(const struct mst_outbox *box); /* seq; 0: none */
/* Receipt number up to which a durable backup of the broker holds reports; 0: none. */
uint64_t mst_outbox_watermark(const struct mst_outbox *box);
int64_t mst_outbox_bytes(const struct mst_outbox *box);
bool mst_outbox_dirty(const struct mst_outbox *box); /* there is something to commit */
/* More than receipts is to be committed. Those may wait: if they are lost, the broker gives them
 * again when it is pushed to again. */
bool mst_outbox_urgent(const struct mst_outbox *box);
/* The file itself failed since the last commit: only a rollback helps. */
bool mst_outbox_failed(const struct mst_outbox *box);

/* Small named figures that outlive the process; fallback when never set. */
uint64_t mst_outbox_figure(struct mst_outbox *box, const char *name, uint64_t fallback);
MST_MUST_CHECK int mst_outbox_set_figure(struct mst_outbox *box, const char *name, uint64_t value,
                                         struct mst_err *err);

/* ---- reports ---- */

enum mst_entry_state { MST_ENTRY_QUEUED, MST_ENTRY_RECEIVED, MST_ENTRY_REFUSED };
const char *mst_entry_state_word(enum mst_entry_state state);

/* Strings and slices are borrowed for the callback. */
struct mst_entry {
    uint64_t number;
    enum mst_entry_state state;
    mst_time queued_at;
    uint64_t receipt; /* 0: none yet */
    const char *act, *duty, *period, *obligation;
    const char *code, *subject; /* of a refusal */
    int64_t bytes;              /* of the report */
};
typedef int (*mst_entry_fn)(void *context, const struct mst_entry *entry);

/*
 * Queue a report: the encoded bytes, chained. ret_number is a promise only after the commit.
 * MST_E_FULL when the outbox has reached its limit with unacknowledged reports.
 */
MST_MUST_CHECK int mst_outbox_append(struct mst_outbox *box, const struct mst_msg_report *report,
                                     uint64_t *ret_number, struct mst_err *err);
/* Ascending from `from`, at most `limit`; stops when fn returns non-zero, which is no error. */
MST_MUST_CHECK int mst_outbox_entries(struct mst_outbox *box, uint64_t from, size_t limit,
                                      mst_entry_fn fn, void *context, struct mst_err *err);

/* Chain hash at seq; seq 0 gives the genesis. MST_E_UNKNOWN when it is not kept. */
MST_MUST_CHECK int mst_outbox_hash(struct mst_outbox *box, uint64_t seq,
                                   uint8_t ret_hash[MST_HASH_BYTES], struct mst_err *err);

#define MST_RUN_REPORTS_MAX 4096
/* A run of consecutive reports, ready to be pushed. Slices point into bytes. */
struct mst_run {
    uint64_t first, last;
    uint8_t prev[MST_HASH_BYTES], head[MST_HASH_BYTES];
    struct mst_buf bytes;
    struct mst_slice reports[MST_RUN_REPORTS_MAX];
    size_t count;
};
/* The run from seq `first` through `last` at most, within reports_max and bytes_max, but of one
 * report at least. Reuses run's memory. */
MST_MUST_CHECK int mst_outbox_run(struct mst_outbox *box, uint64_t first, uint64_t last,
                                  size_t reports_max, size_t bytes_max, struct mst_run *run,
                                  struct mst_err *err);

/*
 * Mark everything up to the receipt's last as received or refused. The receipt's signature has been
 * checked. MST_E_CHAIN when its head is not ours; MST_E_PROTOCOL when it leaves a gap or goes
 * beyond what is queued: then nothing changed. A receipt for what is marked already changes
 * nothing.
 */
MST_MUST_CHECK int mst_outbox_receipt(struct mst_outbox *box, const struct mst_msg_receipt *receipt,
                                      struct mst_err *err);

/*
 * What proves that an entry was received: the receipt as the broker signed it, the entry's bytes
 * and those behind it that the receipt covers. MST_E_UNKNOWN when there is no receipt yet, or when
 * some of it is no longer kept. Slices and pointers are borrowed for the callbacks; `report` is
 * called for each report, the entry's own first.
 */
struct mst_outbox_proof {
    const struct mst_msg_receipt *receipt;
    uint64_t seq;
    uint8_t prev[MST_HASH_BYTES];
};
typedef int (*mst_proof_report_fn)(void *context, struct mst_slice report);
MST_MUST_CHECK int mst_outbox_prove(struct mst_outbox *box, uint64_t number,
                                    int (*receipt)(void *context,
                                                   const struct mst_outbox_proof *proof),
                                    mst_proof_report_fn report, void *context, struct mst_err *err);

/*
 * The broker holds less than it acknowledged: everything after seq `last` is to be sent again.
 * MST_E_UNKNOWN when some of that is no longer kept.
 */
MST_MUST_CHECK int mst_outbox_rewind(struct mst_outbox *box, uint64_t last, struct mst_err *err);
/*
 * A fresh outbox id. Unacknowledged entries are chained anew and wait to be sent; with `kept`,
 * acknowledged ones whose bytes are still there, too. ret_count: how many.
 */
MST_MUST_CHECK int mst_outbox_renew(struct mst_outbox *box, bool kept, uint64_t *ret_count,
                                    struct mst_err *err);

struct mst_pruned {
    uint64_t released; /* acknowledged reports let go because a backup holds them */
    uint64_t lost;     /* let go for age or room although no backup is known to hold them */
    bool more;         /* there is more to let go of: call again after the commit */
};
/*
 * Let go of acknowledged reports: their bytes once the broker's durable-backup watermark has passed
 * them, or when room is short; the whole entry, and alerts that were read, after keep_days. A call
 * lets go of some thousands at most, so that nobody waits long.
 */
MST_MUST_CHECK int mst_outbox_prune(struct mst_outbox *box, mst_time now, struct mst_pruned *ret,
                                    struct mst_err *err);

/* ---- alerts ---- */

/* Put an alert into the inbox, to be handed to a hook or not; ret_new is false for one that is
 * there already. The figure "cursor" becomes its number. */
MST_MUST_CHECK int mst_inbox_put(struct mst_outbox *box, const struct mst_msg_alert *alert,
                                 bool to_hook, bool *ret_new, struct mst_err *err);
/* The ledger's head that came with the alert of this number, the latest if there were several;
 * false: it is not there any more. */
bool mst_inbox_head(struct mst_outbox *box, uint64_t number, uint8_t ret_head[MST_HASH_BYTES]);
/* n: place in the inbox, ascending in the order of arrival. bytes: the encoded alert message. */
typedef int (*mst_inbox_fn)(void *context, uint64_t n, bool read, struct mst_slice bytes);
MST_MUST_CHECK int mst_inbox_list(struct mst_outbox *box, uint64_t after, bool unread_only,
                                  size_t limit, mst_inbox_fn fn, void *context,
                                  struct mst_err *err);
MST_MUST_CHECK int mst_inbox_mark_read(struct mst_outbox *box, uint64_t up_to, struct mst_err *err);
uint64_t mst_inbox_last(struct mst_outbox *box); /* 0: empty */
uint64_t mst_inbox_unread(struct mst_outbox *box);
/* The first alert whose hook has not run; ret_n 0: none. The alert's bytes are appended to out. */
MST_MUST_CHECK int mst_inbox_unhooked(struct mst_outbox *box, uint64_t *ret_n, struct mst_buf *out,
                                      struct mst_err *err);
MST_MUST_CHECK int mst_inbox_hooked(struct mst_outbox *box, uint64_t n, struct mst_err *err);

/* ---- the brief ---- */

/* Replace the cached rows by these (msgpack maps, one after the other). */
MST_MUST_CHECK int mst_brief_replace(struct mst_outbox *box, struct mst_slice rows,
                                     struct mst_err *err);
/* Appends the cached rows to out; 0 rows when there never was a brief. */
MST_MUST_CHECK int mst_brief_rows(struct mst_outbox *box, struct mst_buf *out, struct mst_err *err);

#endif
