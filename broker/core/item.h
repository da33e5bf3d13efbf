/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items: what lives beside obligations and outlasts reports, tasks for one. An item has an id
 * within its kind, a state, an owner, contents, and a history. The register (items.c) keeps them,
 * undoes them with a step and gives them their stored form; what they mean is their kind's own
 * file's.
 */
#ifndef MST_BROKER_CORE_ITEM_H
#define MST_BROKER_CORE_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "config/model/programme.h"
#include "proto/buf.h"
#include "proto/err.h"
#include "proto/msg.h"

enum mst_item_kind {
#define ITEM_KIND(NAME, word) MST_ITEM_##NAME,
#define ITEM_STATE(NAME, word)
#include "broker/core/item.def"
#undef ITEM_KIND
#undef ITEM_STATE
    MST_ITEM_KINDS
};

enum mst_item_state {
#define ITEM_KIND(NAME, word)
#define ITEM_STATE(NAME, word) MST_ITEM_##NAME,
#include "broker/core/item.def"
#undef ITEM_KIND
#undef ITEM_STATE
    MST_ITEM_STATES
};

const char *mst_item_kind_word(enum mst_item_kind kind);    /* "task" */
const char *mst_item_state_word(enum mst_item_state state); /* "signed" */

#define MST_ITEM_ID_MAX 64
#define MST_ITEM_HISTORY_MAX                                                                       \
    8 /* kept with it: the first and the latest ones; the ledger has all                           \
       */
#define MST_ITEM_EVENT_MAX 24

struct mst_item_event {
    mst_time at;
    char event[MST_ITEM_EVENT_MAX];
    char actor[72];
};

/*
 * Invariants: kind and id are its key and never change, and neither does number; moves >= 1, since
 * it came about by an event; history holds the first of these and the latest others, in order.
 */
struct mst_item {
    uint64_t number; /* order of coming about, from 1, over all kinds */
    enum mst_item_kind kind;
    char id[MST_ITEM_ID_MAX];
    enum mst_item_state state;
    char owner[MST_ID_MAX]; /* unit id; empty: none */
    char group[MST_ID_MAX]; /* group id; empty: none */
    mst_time opened_at;     /* when it came about */
    mst_time changed_at;
    uint32_t moves; /* events so far */
    struct mst_item_event history[MST_ITEM_HISTORY_MAX];
    struct mst_slice data; /* a msgpack map, as its kind has it; len 0: none */
};

/* Events that `history` holds. */
static inline uint32_t mst_item_history_count(const struct mst_item *item)
{
    return item->moves < MST_ITEM_HISTORY_MAX ? item->moves : MST_ITEM_HISTORY_MAX;
}

/* The stored form: a msgpack map with named fields. Unknown fields are ignored on reading. */
void mst_item_pack(const struct mst_item *item, struct mst_buf *out);
/* ret_item->data points into `bytes`. */
MST_MUST_CHECK int mst_item_unpack(struct mst_slice bytes, struct mst_item *ret_item,
                                   struct mst_err *err);

#endif
