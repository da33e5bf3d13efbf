/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay: a programme's history once more, in an empty core, from the ledger's inputs alone.
 * Everything that followed from them then (transitions, alerts with their ids and numbers,
 * refusals, and the obligations as they stand) is compared with what follows now. Reads through the
 * reader it is given, changes nothing, and knows neither clock nor socket.
 */
#ifndef MST_BROKER_DRIVER_REPLAY_H
#define MST_BROKER_DRIVER_REPLAY_H

#include "broker/core/core.h"
#include "broker/store/store.h"

struct mst_replay_result {
    uint64_t rows;        /* replayed, of all kinds */
    uint64_t inputs;      /* fed to the core */
    uint64_t transitions; /* compared, as the next three */
    uint64_t moves;       /* of items */
    uint64_t alerts;
    uint64_t refusals;
    uint64_t obligations; /* compared at the end; 0: rows were added faster than replayed */
    uint64_t items;       /* likewise */
    uint64_t starts;
    uint64_t programmes; /* versions loaded */
    uint64_t differences;
    uint64_t first_row; /* of the first difference; 0: it is not in a row */
    char first[512];    /* the first difference in words */
};

/* Called now and then with the rows done and those there are; anything but 0 ends the replay with
 * that code. */
typedef int (*mst_replay_progress_fn)(void *context, uint64_t row, uint64_t rows);

/*
 * Differences are a result, not an error. Fails with MST_E_UNKNOWN where a programme's version was
 * not kept, and with what reading says. A ledger whose instants run backwards or whose rows cannot
 * be read ends the replay there, as a difference.
 */
MST_MUST_CHECK int mst_replay(struct mst_reader *reader, mst_pid pid, const char *programme,
                              mst_replay_progress_fn progress, void *context,
                              struct mst_replay_result *ret_result, struct mst_err *err);

/*
 * The core as it was known just before an instant, lent to `fn`, whose code is returned. Fails with
 * MST_E_DIFFERS where the ledger is not what follows from its inputs, and with MST_E_UNKNOWN where
 * nothing had happened yet.
 */
typedef int (*mst_replay_core_fn)(void *context, const struct mst_core *core, struct mst_err *err);
MST_MUST_CHECK int mst_replay_until(struct mst_reader *reader, mst_pid pid, const char *programme,
                                    mst_time until, mst_replay_core_fn fn, void *context,
                                    struct mst_err *err);

#endif
