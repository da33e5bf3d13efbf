/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load generator's engine: sessions that keep a window of reports under way against any broker,
 * and what came of it. It measures acknowledgements, never sends, and stores nothing: the agent's
 * own outbox is not part of what is measured. A refused report, an error, a gap or a receipt whose
 * signature does not hold ends it, since a refusal is cheaper than a receipt and would flatter the
 * broker.
 *
 * So that it costs little beside what it measures: a report is encoded once, the first links of
 * each chain and the signatures of its runs are computed before the clock starts, and receipts are
 * verified after it has stopped.
 */
#ifndef MST_TESTS_BENCH_LOAD_H
#define MST_TESTS_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/link/home.h"
#include "proto/msg.h"
#include "proto/seal.h"

#define LOAD_RUN_REPORTS_MAX 4096
#define LOAD_RUNS_MAX 1024 /* runs of one session under way */

struct load_options {
    int seconds, outstanding, outboxes, run_reports_max, body_bytes;
    long long reports;    /* stop after so many; 0: only the clock stops it */
    const char *endpoint; /* NULL: the one that each home names */
    const char *duty, *period;
};

struct load_run {
    uint64_t last;
    size_t reports;
    int64_t sent_us;
};

/* Invariant: the runs from `oldest` on, `runs_count` of them in the ring, hold `outstanding`
 * reports; links[i] is the chain's link number i + 1, signatures[i] is that of run number i. */
struct load_session {
    const struct mst_home *home;
    void *socket;
    bool open;
    char name[32];
    uint8_t outbox[MST_OUTBOX_BYTES], head[MST_HASH_BYTES], broker_key[MST_SIGN_PUBLIC_BYTES];
    uint64_t last, pushed; /* reports and runs, all that went out */
    size_t outstanding, report_max, oldest, runs_count;
    struct load_run *runs;
    uint8_t (*links)[MST_HASH_BYTES];
    uint8_t (*signatures)[MST_SIGN_BYTES];
    size_t links_count, signatures_count;
    struct mst_buf report;
};

struct load_sample {
    int64_t latency_us;
    size_t reports;
};

struct load {
    struct load_options options;
    void *context;
    int epoll_fd; /* sessions with something to take */
    struct load_session *sessions;
    size_t sessions_count;
    int64_t begin_us, stop_us; /* nothing is pushed after stop_us, nor counted */
    int64_t first_us;          /* when the first receipt came; 0: none yet */
    int64_t last_us;           /* when the last counted one did */
    double cpu_s;              /* of this process, within the measured time */
    uint64_t pushed, acknowledged, runs_acknowledged;
    struct load_sample *samples;
    size_t samples_count, samples_cap;
    struct mst_buf out, receipts; /* receipts: u64 session, u64 length, frame; of all of them */
    size_t receipts_count;
    struct mst_slice slices[LOAD_RUN_REPORTS_MAX];
    struct mst_msg_scratch scratch;
};

int64_t load_now_us(void);
/* One session for each outbox of each home, which must outlive the load. */
MST_MUST_CHECK int load_open(struct load *load, const struct mst_home *homes, size_t homes_count,
                             struct mst_err *err);
/* Sessions first, then the measured time, then what is still under way, which is not counted; then
 * the signature of every receipt. */
MST_MUST_CHECK int load_measure(struct load *load, struct mst_err *err);
/* Latency in ms below which the given share of the reports was acknowledged; after load_measure. */
double load_quantile_ms(const struct load *load, double share);

#endif
