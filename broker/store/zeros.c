/* SPDX-License-Identifier: Apache-2.0 */
/* Zeros ahead of an end that moves. Knows nothing of what is appended. */
#include "broker/store/zeros.h"

#include "broker/store/direct.h"

#define PIECE_BYTES (256 << 10)
/* Zeros are written where the disk has room for so many times as many. */
#define ROOM_PER_ZEROS 8

/* A disk without room leaves fewer zeros, and the append that needs it tells. */
static void write_zeros(void *context)
{
    static _Alignas(MST_DIRECT_ALIGN) uint8_t zeros[PIECE_BYTES]; /* a constant would be stored */
    struct mst_zeros *z = context;
    const sqlite3_io_methods *methods = z->file->pMethods;
    int rc = SQLITE_OK;
    for (int64_t at = z->from; rc == SQLITE_OK && at < z->to; at += PIECE_BYTES) {
        int64_t left = z->to - at;
        rc = methods->xWrite(z->file, zeros, left < PIECE_BYTES ? (int)left : PIECE_BYTES, at);
    }
    /* What the system has to say of other writes is not for this thread. */
    if (rc == SQLITE_OK)
        rc = methods->xSync(z->file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY |
                                         (z->threaded ? MST_DIRECT_APART : 0));
    z->done = rc == SQLITE_OK;
}

void mst_zeros_init(struct mst_zeros *z, int64_t bytes_max, bool threaded)
{
    /* Whole blocks, as the file's. */
    *z = (struct mst_zeros){.bytes_max = bytes_max / MST_DIRECT_ALIGN * MST_DIRECT_ALIGN,
                            .threaded = threaded};
}

static void finish(struct mst_zeros *z)
{
    z->working = false;
    if (z->done)
        z->end = z->to;
}

void mst_zeros_done(struct mst_zeros *z)
{
    mst_zeros_settle(z);
    mst_behind_stop(&z->thread);
}

void mst_zeros_follow(struct mst_zeros *z, sqlite3_file *file, int64_t end)
{
    if (z->working && mst_behind_done(&z->thread))
        finish(z);
    if (z->working || z->end - end > z->bytes_max / 2 || !z->bytes_max)
        return;
    /* The last room is for what somebody sends. */
    if (z->threaded && !mst_direct_has_room(file, ROOM_PER_ZEROS * z->bytes_max))
        return;
    z->file = file;
    z->from = z->end > end ? z->end : end;
    z->to = end + z->bytes_max;
    z->done = false;
    z->working = true;
    if (z->threaded && (z->thread.started || !mst_behind_start(&z->thread, write_zeros, z, NULL))) {
        mst_behind_begin(&z->thread);
    } else {
        write_zeros(z);
        finish(z);
    }
}

bool mst_zeros_reach(struct mst_zeros *z, int64_t end)
{
    if (end > z->end)
        mst_zeros_settle(z);
    return end <= z->end;
}

void mst_zeros_restart(struct mst_zeros *z, int64_t end)
{
    mst_zeros_settle(z);
    z->end = end;
}

void mst_zeros_settle(struct mst_zeros *z)
{
    if (!z->working)
        return;
    mst_behind_wait(&z->thread);
    finish(z);
}
