/* SPDX-License-Identifier: Apache-2.0 */
/* An outbox file in a directory of its own, and what tests of it do again and again. */
#ifndef MST_TESTS_UNIT_OUTBOX_HOUSE_H
#define MST_TESTS_UNIT_OUTBOX_HOUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/run/outbox.h"

static const struct mst_outbox_limits roomy = {.bytes_max = 1 << 20, .keep_days = 400};
#define DAY INT64_C(86400000)

struct fixture {
    char dir[64], path[96];
    struct mst_outbox *box;
};

static inline struct mst_outbox *open_box(const char *path, const struct mst_outbox_limits *limits)
{
    struct mst_outbox *box = NULL;
    struct mst_err err = {0};
    if (mst_outbox_open(path, "p", "u1", limits, &box, &err))
        fail_msg("%s", err.text);
    return box;
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/muster-outbox-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/outbox.db", f->dir);
    f->box = open_box(f->path, &roomy);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    mst_outbox_close(f->box);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    int rc = system(command);
    free(f);
    return rc;
}

static inline void reopen(struct fixture *f)
{
    mst_outbox_close(f->box);
    f->box = open_box(f->path, &roomy);
}

static inline uint64_t append(struct mst_outbox *box, const char *words, mst_time at)
{
    struct mst_msg_report report = {.act = mst_text("progress"),
                                    .unit = mst_text("u1"),
                                    .at = (uint64_t)at,
                                    .reason = mst_text(words)};
    struct mst_err err = {0};
    uint64_t number = 0;
    if (mst_outbox_append(box, &report, &number, &err))
        return 0;
    return number;
}

static inline void commit(struct mst_outbox *box)
{
    struct mst_err err = {0};
    if (mst_outbox_commit(box, &err))
        fail_msg("%s", err.text);
}

/* The chain as an independent reader computes it from the reports that would travel. */
static inline void check_chain(struct mst_outbox *box)
{
    static struct mst_run run;
    uint8_t expected[MST_HASH_BYTES], kept[MST_HASH_BYTES];
    mst_chain_genesis(mst_outbox_id(box), "p", "u1", expected);
    uint64_t seq = 1;
    while (seq <= mst_outbox_last(box)) {
        assert_int_equal(mst_outbox_run(box, seq, mst_outbox_last(box), 3, 100000, &run, NULL), 0);
        assert_memory_equal(run.prev, expected, sizeof expected);
        assert_int_equal(run.first, seq);
        for (size_t i = 0; i < run.count; i++, seq++)
            mst_chain_next(expected, seq, run.reports[i], expected);
        assert_int_equal(run.last, seq - 1);
        assert_memory_equal(run.head, expected, sizeof expected);
        assert_int_equal(mst_outbox_hash(box, run.last, kept, NULL), 0);
        assert_memory_equal(kept, expected, sizeof expected);
    }
    mst_buf_done(&run.bytes);
}

static inline int receipt(struct mst_outbox *box, uint64_t first, uint64_t last, uint64_t row,
                          uint64_t watermark, struct mst_slices refused)
{
    uint8_t head[MST_HASH_BYTES];
    if (mst_outbox_hash(box, last, head, NULL))
        memset(head, 0, sizeof head);
    static const uint8_t sig[MST_SIGN_BYTES] = {7};
    struct mst_msg_receipt r = {.outbox = mst_bytes(mst_outbox_id(box), MST_OUTBOX_BYTES),
                                .alg = mst_text("alg"),
                                .sig = mst_bytes(sig, sizeof sig),
                                .first = first,
                                .last = last,
                                .row = row,
                                .head = mst_bytes(head, sizeof head),
                                .watermark = watermark,
                                .refused = refused};
    return mst_outbox_receipt(box, &r, NULL);
}

struct seen {
    struct mst_entry entry;
    char code[33], subject[64];
    size_t count;
};

static inline int keep_entry(void *context, const struct mst_entry *entry)
{
    struct seen *seen = context;
    seen->entry = *entry;
    snprintf(seen->code, sizeof seen->code, "%s", entry->code);
    snprintf(seen->subject, sizeof seen->subject, "%s", entry->subject);
    seen->count++;
    return 0;
}

static inline struct seen look(struct mst_outbox *box, uint64_t number)
{
    struct seen seen = {0};
    assert_int_equal(mst_outbox_entries(box, number, 1, keep_entry, &seen, NULL), 0);
    return seen;
}

#endif
