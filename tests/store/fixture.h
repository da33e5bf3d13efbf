/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store's suites share: a temporary directory, a batch whose every value follows from its
 * number, and a check that a store holds exactly the batches 1..k.
 */
#ifndef MST_TESTS_STORE_FIXTURE_H
#define MST_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/store/store.h"

struct mst_store_options fixture_options(const char *path);

/* A fresh directory in /dev/shm or /tmp. */
void fixture_make_dir(char *path, size_t size);
void fixture_remove_dir(const char *path);

struct mst_slice fixture_text(const char *text);

/* Remembers a commit's completion. */
struct fixture_done {
    int calls;
    int code;
};
void fixture_on_done(void *context, int code, const struct mst_err *err);
/* Commit, and the code of its completion; fails the test unless there is exactly one. */
int fixture_commit(struct mst_store *s);

/* The row n of the model: kind, instant and bytes follow from the number. It is no report. */
struct mst_row fixture_row(uint64_t n);
/* The same as a report, long enough that a run of them needs overflow pages. */
struct mst_slice fixture_report(uint64_t n);

/*
 * Put batch k (from 1) of the model into the open batch: fixture_batch_rows(k) rows, of which all
 * but the last are reports of one run, and a head, an alert, an obligation that is replaced every
 * time, an outbox, meta "batch" = k. Returns the first failure.
 */
uint64_t fixture_batch_rows(uint64_t k);
int fixture_put_batch(struct mst_store *s, uint64_t k, struct mst_err *err);
/* begin, put, commit. */
int fixture_write_batch(struct mst_store *s, uint64_t k, struct mst_err *err);

/* Which batch the store ends with, after a check of everything in it; on damage -1 and why. */
int64_t fixture_read_batches(struct mst_store *s, char *why, size_t size);

#endif
