/* SPDX-License-Identifier: Apache-2.0 */
/* Recomputes the ledger's chain. Reads nothing itself and checks no signature. */
#include "broker/driver/ledger.h"

#include <string.h>

void mst_ledger_walk_begin(struct mst_ledger_walk *w, const char *programme)
{
    memset(w, 0, sizeof *w);
    mst_ledger_genesis(programme, w->head);
}

static bool take_report(struct mst_ledger_walk *w, const struct mst_row *row)
{
    const struct mst_run *run = row->run;
    if (!run || row->row < run->row_first)
        return false;
    uint64_t index = row->row - run->row_first, count = run->last - run->first + 1;
    if (index >= count || (index > 0) != w->within_run)
        return false;
    mst_chain_next(index ? w->chain : run->prev, run->first + index, row->bytes, w->chain);
    w->within_run = index + 1 < count;
    if (w->within_run)
        return true;
    mst_ledger_next(w->head, row->row, row->at, MST_ROW_REPORT, mst_bytes(w->chain, MST_HASH_BYTES),
                    w->head);
    return memcmp(w->chain, run->head, MST_HASH_BYTES) == 0;
}

bool mst_ledger_walk_row(struct mst_ledger_walk *w, const struct mst_row *row)
{
    if (row->row != w->row + 1 || row->at < w->at)
        return false;
    w->row = row->row;
    w->at = row->at;
    if (row->kind == MST_ROW_REPORT)
        return take_report(w, row);
    if (w->within_run)
        return false;
    mst_ledger_next(w->head, row->row, row->at, row->kind, row->bytes, w->head);
    return true;
}
