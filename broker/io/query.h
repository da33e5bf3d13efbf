/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the query thread: one query, its arguments, and the rows it gives. A query reads the store
 * through the thread's own reader and the programme it was given; it never sees the core, a socket
 * or the loop's memory, so that reading never waits for writing.
 */
#ifndef MST_BROKER_IO_QUERY_H
#define MST_BROKER_IO_QUERY_H

#include "broker/core/authz.h"
#include "broker/core/core.h"
#include "broker/store/store.h"
#include "config/load/keys.h"
#include "proto/pack.h"
#include "proto/saying.h"

/* When a unit was last heard of; copied from the driver and the sessions when the query is posted.
 * A unit may stand there more than once. */
struct mst_contact_seen {
    char unit[48];
    mst_time wall_ms;
    bool connected;
};

struct mst_query {
    struct mst_reader *reader;
    struct mst_programme *programme;
    mst_pid pid;
    mst_time now;
    struct mst_actor actor;
    const char *action;
    struct mst_slice args;
    const struct mst_keys *keys; /* the broker's own, for what it signs */
    uint64_t epoch;
    const struct mst_contact_seen *seen;
    size_t seen_count;
    mst_time wall_ms; /* real time, also in a rehearsal: that of `seen` */
    bool rehearsal;
    uint64_t list_near_rows; /* the setting */
    void *sink;              /* where rows go; query.c's own */
};

typedef int (*mst_query_fn)(struct mst_query *q, struct mst_err *err);

/* An argument as text, or NULL. */
const char *mst_query_arg(const struct mst_query *q, const char *name, char *buf, size_t size);
/* An argument as a number; fallback when absent, -1 when it is no number. */
int64_t mst_query_number(const struct mst_query *q, const char *name, int64_t fallback);
/* True when the argument is absent or equals the value. */
bool mst_query_matches(const struct mst_query *q, const char *name, const char *value);
bool mst_query_may(const struct mst_query *q, const char *unit, const char *group);
/*
 * Likewise of what is progress of a group's work, which more may read than the rest: reports on a
 * duty and quotas, not who holds a post and not what concerns a few only.
 */
bool mst_query_may_progress(const struct mst_query *q, enum mst_duty_kind kind, const char *unit,
                            const char *group);
/* labels: [id, zh, en] of each field that a report on this duty has, at whatever depth: one pair.
 */
void mst_query_pack_labels(const struct mst_query *q, struct mst_buf *b, const char *duty);
/* The obligation of this id, whoever may read it; where there is none, *ret_found is false and *ret
 * untouched. */
MST_MUST_CHECK int mst_query_obligation(struct mst_query *q, const char *id, bool *ret_found,
                                        struct mst_obligation *ret, struct mst_err *err);
/* Who takes it in: a unit's id, "director" or "office". */
const char *mst_query_counterpart(const struct mst_obligation *o);
/* May the asker read what is issued to all? */
bool mst_query_may_issued(const struct mst_query *q);
/* What in the question names nothing, for an answer that is empty. */
MST_MUST_CHECK int mst_query_check_names(struct mst_query *q, struct mst_err *err);

/* Send the rows so far at once, for what takes long. MST_E_BUSY when the broker is stopping. */
MST_MUST_CHECK int mst_query_flush(struct mst_query *q, struct mst_err *err);
/*
 * The map in a ledger row. Of a report that was well signed and malformed: nothing, since its bytes
 * are whatever its sender liked, and what is told of it must still be read.
 */
struct mst_slice mst_query_map(const struct mst_row *row);
/* Begin a row, pack its map into the returned buffer, end it. */
struct mst_buf *mst_query_row(struct mst_query *q);
MST_MUST_CHECK int mst_query_row_end(struct mst_query *q, struct mst_err *err);
/* A row {name, value}. */
MST_MUST_CHECK int mst_query_pair(struct mst_query *q, const char *name, const char *value,
                                  struct mst_err *err);
/* The same of an id, with its names: value_zh, value_en. pack: mst_query_pack_unit and the like;
 * NULL: the value is none. */
struct mst_query_pair {
    const char *name, *value;
    void (*pack)(const struct mst_query *q, struct mst_buf *b, const char *key, const char *id);
};
MST_MUST_CHECK int mst_query_pairs(struct mst_query *q, const struct mst_query_pair *pairs,
                                   size_t count, struct mst_err *err);
MST_MUST_CHECK int mst_query_pair_instant(struct mst_query *q, const char *name, mst_time at,
                                          struct mst_err *err);
MST_MUST_CHECK int mst_query_pair_hex(struct mst_query *q, const char *name, const uint8_t *data,
                                      size_t len, struct mst_err *err);
/* Words that stand under a table; people read them in their own language, where it has them. */
MST_MUST_CHECK int mst_query_note(struct mst_query *q, const char *text, struct mst_err *err);
/* A core with all obligations as they are stored, at the query's instant; to be freed. */
MST_MUST_CHECK int mst_query_core(struct mst_query *q, struct mst_core **ret_core,
                                  struct mst_err *err);
/* A row {name, value: a sentence}; pack so many fields into the returned buffer, then end the row.
 */
struct mst_buf *mst_query_say(struct mst_query *q, const char *name, enum mst_saying saying,
                              size_t fields);
/* The same as a line that stands under the table. */
struct mst_buf *mst_query_say_note(struct mst_query *q, enum mst_saying saying, size_t fields);
/* A ledger row of a transition as such a sentence. */
MST_MUST_CHECK int mst_query_say_transition(struct mst_query *q, const char *name,
                                            enum mst_saying saying, const struct mst_row *row,
                                            struct mst_err *err);
void mst_query_pack_uint(struct mst_buf *b, const char *key, uint64_t value);
/* key: instant, in the programme's zone; "" for 0 and never. */
void mst_query_pack_instant(const struct mst_query *q, struct mst_buf *b, const char *key,
                            mst_time at);
void mst_query_pack_text(struct mst_buf *b, const char *key, const char *value);
/*
 * An id and its names, three pairs: key, and key_zh and key_en for whoever reads it ("" where the
 * programme knows no such thing: any more, or at all).
 */
#define MST_NAMED_PAIRS 3
void mst_query_pack_unit(const struct mst_query *q, struct mst_buf *b, const char *key,
                         const char *id);
void mst_query_pack_group(const struct mst_query *q, struct mst_buf *b, const char *key,
                          const char *id);
/* unit:UNIT as its unit, group-head:GROUP and the like as their group; others have no name. */
void mst_query_pack_audience(const struct mst_query *q, struct mst_buf *b, const char *key,
                             const char *audience);
void mst_query_pack_duty(const struct mst_query *q, struct mst_buf *b, const char *key,
                         const char *id);

/* The stored run that holds a ledger row, and the outbox it came from; false: no report's row. */
MST_MUST_CHECK int mst_query_find_run(struct mst_query *q, uint64_t row, bool *ret_found,
                                      struct mst_run *ret_run, struct mst_outbox *ret_outbox,
                                      struct mst_err *err);

/* Clause, rule, digests and instants of an obligation; the rest of its explanation. */
MST_MUST_CHECK int mst_query_explain_rule(struct mst_query *q, const struct mst_obligation *o,
                                          struct mst_err *err);
/* The obligation's latest transition before that row. */
MST_MUST_CHECK int mst_query_explain_decided(struct mst_query *q, const char *id, uint64_t before,
                                             struct mst_err *err);
MST_MUST_CHECK int mst_query_explain_one(struct mst_query *q, const struct mst_obligation *o,
                                         struct mst_err *err);

/* What came after all. */
struct mst_late {
    uint64_t row;
    mst_time queued, received;
};
/* Whose fault it is that nothing of the unit was there at the instant, and how that is known. late:
 * NULL where nothing has come. */
MST_MUST_CHECK int mst_query_blame(struct mst_query *q, const char *name, const char *unit,
                                   mst_time instant, const struct mst_late *late,
                                   struct mst_err *err);
/*
 * What an alert about the path, or of an agent that is back, is known from: the row before `before`
 * in which the ledger says when each agent was heard of last. again: one was, at the instant.
 */
MST_MUST_CHECK int mst_query_silence(struct mst_query *q, bool again, mst_time instant,
                                     uint64_t before, struct mst_err *err);

/* When the assessment of a period was published; 0: it is not. */
MST_MUST_CHECK int mst_query_published(struct mst_query *q, const char *period, mst_time *ret_at,
                                       struct mst_err *err);

/* The queries of admin.def. */
int mst_query_obligations(struct mst_query *q, struct mst_err *err);
int mst_query_show(struct mst_query *q, struct mst_err *err);
int mst_query_units(struct mst_query *q, struct mst_err *err);
int mst_query_brief(struct mst_query *q, struct mst_err *err);
int mst_query_reports(struct mst_query *q, struct mst_err *err);
int mst_query_report(struct mst_query *q, struct mst_err *err);
int mst_query_contents(struct mst_query *q, struct mst_err *err);
int mst_query_figures(struct mst_query *q, struct mst_err *err);
int mst_query_export(struct mst_query *q, struct mst_err *err);
int mst_query_alerts(struct mst_query *q, struct mst_err *err);
int mst_query_explain(struct mst_query *q, struct mst_err *err);
int mst_query_ledger(struct mst_query *q, struct mst_err *err);
int mst_query_rights(struct mst_query *q, struct mst_err *err);
int mst_query_keys(struct mst_query *q, struct mst_err *err);
int mst_query_calendar(struct mst_query *q, struct mst_err *err);
int mst_query_programme(struct mst_query *q, struct mst_err *err);
int mst_query_assess(struct mst_query *q, struct mst_err *err);
int mst_query_tasks(struct mst_query *q, struct mst_err *err);
int mst_query_versions(struct mst_query *q, struct mst_err *err);
int mst_query_replay(struct mst_query *q, struct mst_err *err);
int mst_query_difficulties(struct mst_query *q, struct mst_err *err);
int mst_query_grants(struct mst_query *q, struct mst_err *err);
int mst_query_projects(struct mst_query *q, struct mst_err *err);
int mst_query_outlook(struct mst_query *q, struct mst_err *err);
int mst_query_issued(struct mst_query *q, struct mst_err *err);
int mst_query_try(struct mst_query *q, struct mst_err *err);

#endif
