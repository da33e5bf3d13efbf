/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the replay share. Nobody else includes it. */
#ifndef MST_BROKER_DRIVER_REPLAY_IMPL_H
#define MST_BROKER_DRIVER_REPLAY_IMPL_H

#include "broker/core/core.h"
#include "broker/driver/replay.h"
#include "proto/msg.h"

/* As many as a core remembers. */
#define MST_REPLAY_DOWNS 8

struct mst_replay_report { /* waits until its run is complete */
    mst_time received;
    size_t at, len;
};

struct mst_replay_row { /* must come next */
    uint8_t kind;
    size_t at, len;
};

struct mst_replay_down {
    mst_time from, to;
};

struct mst_replay_head {
    uint64_t row;
    mst_time at;
};

struct mst_replay {
    struct mst_reader *reader;
    mst_pid pid;
    const char *id;
    mst_replay_progress_fn progress;
    void *progress_context;
    struct mst_replay_result *result;
    struct mst_err *err;
    int code;
    bool broken; /* nothing after it can be compared */

    struct mst_programme *programme;
    struct mst_core *core; /* NULL before the first start */
    bool rehearsal;
    uint64_t alert_number;
    struct mst_replay_down downs[MST_REPLAY_DOWNS];
    size_t downs_count;

    mst_time before;     /* rows from then on are not replayed */
    uint64_t until, row; /* last row to replay, and replayed */
    mst_time at;
    uint64_t stored; /* obligations, then items */

    uint64_t outbox; /* whose unit is known: runs of one mostly follow each other */
    char unit[48];
    struct mst_replay_report *reports;
    size_t reports_count, reports_cap;
    struct mst_buf report_bytes;

    struct mst_replay_row *expected; /* from `expected_next` on */
    size_t expected_count, expected_cap, expected_next;
    struct mst_buf expected_bytes;
    struct mst_effects effects;
};

/* Note a difference; 0. row 0: not in a row. */
MST_MUST_CHECK int mst_replay_differ(struct mst_replay *r, uint64_t row, const char *what);
MST_MUST_CHECK int mst_replay_expect_transition(struct mst_replay *r,
                                                const struct mst_transition *t);
MST_MUST_CHECK int mst_replay_expect_item_move(struct mst_replay *r, const struct mst_item_move *m);
MST_MUST_CHECK int mst_replay_expect_alert(struct mst_replay *r, const struct mst_alert *a);
/* seq 0: of an act. */
MST_MUST_CHECK int mst_replay_expect_refusal(struct mst_replay *r, uint64_t seq, enum mst_code code,
                                             const char *subject);
/* The row against what must come next. */
MST_MUST_CHECK int mst_replay_compare(struct mst_replay *r, const struct mst_row *row);
/* What must still come before this row is missing. */
MST_MUST_CHECK int mst_replay_none_expected(struct mst_replay *r, uint64_t row);

#endif
