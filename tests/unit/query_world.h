/* SPDX-License-Identifier: Apache-2.0 */
/* A store in memory with a small programme in it, for queries to read. */
#ifndef MST_TESTS_UNIT_QUERY_WORLD_H
#define MST_TESTS_UNIT_QUERY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/io/query.h"
#include "config/load/load.h"

#define SMALL "tests/sim/scenarios/programmes/small.yaml"

struct query_world {
    struct mst_store *store; /* its batch is open */
    struct mst_programme *programme;
    mst_pid pid;
};

static void open_world(struct query_world *w)
{
    struct mst_store_options options = {.page_bytes = 4096};
    struct mst_diags diags = {0};
    assert_int_equal(mst_store_mem_open(&options, &w->store, NULL), 0);
    assert_int_equal(mst_programme_load(SMALL, &diags, &w->programme, NULL), 0);
    mst_diags_done(&diags);
    assert_int_equal(mst_store_begin(w->store, NULL), 0);
    assert_int_equal(mst_store_programme(w->store, "small", &w->pid, NULL), 0);
}

static void close_world(struct query_world *w)
{
    mst_store_close(w->store);
    mst_programme_unref(w->programme);
}

/* What every query has; who asks what is the test's to add. */
static struct mst_query query_of(const struct query_world *w, void *sink)
{
    return (struct mst_query){.reader = mst_store_own_reader(w->store),
                              .programme = w->programme,
                              .pid = w->pid,
                              .sink = sink};
}

#endif
