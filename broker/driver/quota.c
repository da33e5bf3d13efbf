/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/driver/quota.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double day_ms = 24.0 * 60 * 60 * 1000;

void mst_quota_done(struct mst_quota *quota)
{
    free(quota->rows);
    memset(quota, 0, sizeof *quota);
}

/* The row of a principal, made where there is none; NULL: no memory. */
static struct mst_quota_row *row_of(struct mst_quota *q, const char *who, mst_time now)
{
    size_t low = 0, high = q->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = strcmp(q->rows[mid].who, who);
        if (cmp == 0)
            return &q->rows[mid];
        if (cmp < 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (q->count == q->cap) {
        size_t cap = q->cap ? 2 * q->cap : 32;
        struct mst_quota_row *grown = realloc(q->rows, cap * sizeof *grown);
        if (!grown)
            return NULL;
        q->rows = grown;
        q->cap = cap;
    }
    memmove(q->rows + low + 1, q->rows + low, (q->count - low) * sizeof *q->rows);
    q->count++;
    q->rows[low] = (struct mst_quota_row){.at = now};
    snprintf(q->rows[low].who, sizeof q->rows[low].who, "%s", who);
    return &q->rows[low];
}

bool mst_quota_take(struct mst_quota *quota, const char *who, int64_t bytes, int64_t day_bytes,
                    mst_time now)
{
    if (day_bytes == 0)
        return true;
    struct mst_quota_row *row = row_of(quota, who, now);
    if (!row)
        return false;
    double back = (double)day_bytes * (double)(now - row->at) / day_ms;
    int64_t spent = back >= (double)row->spent ? 0 : row->spent - (int64_t)back;
    /* Less than a byte may have come back: it is waited for together with what follows. */
    if (spent != row->spent || spent == 0) {
        row->spent = spent;
        row->at = now;
    }
    if (spent > 0 && bytes > day_bytes - spent)
        return false;
    row->spent = spent + bytes;
    return true;
}
