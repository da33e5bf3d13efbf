/* SPDX-License-Identifier: Apache-2.0 */
/* Files of reports through a VFS. Knows neither the schema nor what the bytes mean. */
#include "broker/store/bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/store/files.h"

/* For the VFS a file of this kind is one that nobody locks. */
#define OPEN_KIND SQLITE_OPEN_SUPER_JOURNAL

static void name_file(const char *dir, uint64_t number, char path[MST_PATH_BYTES_MAX])
{
    snprintf(path, MST_PATH_BYTES_MAX, "%s/reports-%06" PRIu64 ".log", dir, number);
}

static int fail_vfs(struct mst_bulk_handle *h, uint64_t number, int rc, struct mst_err *err)
{
    char path[MST_PATH_BYTES_MAX];
    enum mst_code code = MST_E_IO;
    name_file(h->dir, number, path);
    if ((rc & 0xff) == SQLITE_FULL)
        code = MST_E_FULL;
    else if ((rc & 0xff) == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM)
        code = MST_E_NOMEM;
    return mst_fail(err, code, "%s: %s (SQLite %d)", path, sqlite3_errstr(rc), rc);
}

static int fail_damaged(struct mst_bulk_handle *h, uint64_t number, int64_t have, int64_t wanted,
                        struct mst_err *err)
{
    char path[MST_PATH_BYTES_MAX];
    name_file(h->dir, number, path);
    if (have < 0)
        mst_fail(err, MST_E_CORRUPT, _("%s is missing, and the database names %lld bytes of it"),
                 path, (long long)wanted);
    else
        mst_fail(err, MST_E_CORRUPT, _("%s has %lld bytes, and the database names %lld of it"),
                 path, (long long)have, (long long)wanted);
    mst_hint(err, _("restore it from the backup that the database is from: both belong together"));
    return MST_E_CORRUPT;
}

/* ---- one file ---- */

void mst_bulk_handle_init(struct mst_bulk_handle *h, sqlite3_vfs *vfs, const char *dir)
{
    *h = (struct mst_bulk_handle){.vfs = vfs, .dir = dir};
}

void mst_bulk_handle_done(struct mst_bulk_handle *h)
{
    if (h->number)
        (void)h->file->pMethods->xClose(h->file);
    free(h->file);
    h->file = NULL;
    h->number = 0;
}

/* Stand on this file. `flags`: how SQLite is to open it. */
static int stand_on(struct mst_bulk_handle *h, uint64_t number, int flags, struct mst_err *err)
{
    char path[MST_PATH_BYTES_MAX + 1] = ""; /* a name for a VFS may be read beyond its end */
    if (h->number == number)
        return 0;
    mst_bulk_handle_done(h);
    h->file = calloc(1, (size_t)h->vfs->szOsFile);
    if (!h->file)
        return mst_fail_on(err, MST_E_NOMEM, "store");
    name_file(h->dir, number, path);
    int rc = h->vfs->xOpen(h->vfs, path, h->file, flags | OPEN_KIND | SQLITE_OPEN_NOFOLLOW, NULL);
    if (rc == SQLITE_OK) {
        h->number = number;
        return 0;
    }
    if (h->file->pMethods)
        (void)h->file->pMethods->xClose(h->file);
    free(h->file);
    h->file = NULL;
    return fail_vfs(h, number, rc, err);
}

int mst_bulk_read(struct mst_bulk_handle *h, const struct mst_bulk_place *place,
                  struct mst_buf *out, struct mst_err *err)
{
    sqlite3_int64 size = 0;
    int code = stand_on(h, place->file, SQLITE_OPEN_READONLY, err);
    if (code)
        return code;
    int rc = h->file->pMethods->xFileSize(h->file, &size);
    if (rc == SQLITE_OK &&
        (place->bytes == 0 || place->bytes > INT32_MAX || place->offset > (uint64_t)size ||
         place->bytes > (uint64_t)size - place->offset))
        return fail_damaged(h, place->file, size, (int64_t)(place->offset + place->bytes), err);
    uint8_t *at = rc == SQLITE_OK ? mst_buf_add(out, place->bytes) : NULL;
    if (rc == SQLITE_OK && !at)
        return mst_fail_on(err, MST_E_NOMEM, "store");
    if (rc == SQLITE_OK)
        rc = h->file->pMethods->xRead(h->file, at, (int)place->bytes, (int64_t)place->offset);
    return rc == SQLITE_OK ? 0 : fail_vfs(h, place->file, rc, err);
}

/* ---- writing ---- */

int mst_bulk_found(struct mst_bulk *b, uint64_t number, int64_t bytes, struct mst_err *err)
{
    struct mst_bulk_handle *h = &b->handle;
    char path[MST_PATH_BYTES_MAX + 1] = "";
    sqlite3_int64 size = 0;
    int there = 0;
    name_file(h->dir, number, path);
    int rc = h->vfs->xAccess(h->vfs, path, SQLITE_ACCESS_EXISTS, &there);
    if (rc == SQLITE_OK && !there)
        return fail_damaged(h, number, -1, bytes, err);
    int code = rc ? fail_vfs(h, number, rc, err) : stand_on(h, number, SQLITE_OPEN_READWRITE, err);
    if (code)
        return code;
    rc = h->file->pMethods->xFileSize(h->file, &size);
    if (rc)
        return fail_vfs(h, number, rc, err);
    if (size < bytes)
        return fail_damaged(h, number, size, bytes, err);
    b->number = number;
    b->end = b->kept = bytes;
    return 0;
}

int mst_bulk_cut(struct mst_bulk *b, struct mst_err *err)
{
    struct mst_bulk_handle *h = &b->handle;
    char path[MST_PATH_BYTES_MAX + 1] = "";
    sqlite3_int64 size = 0;
    int there = 0, rc = SQLITE_OK;
    if (b->number) {
        rc = h->file->pMethods->xFileSize(h->file, &size);
        if (rc == SQLITE_OK && size > b->end)
            rc = h->file->pMethods->xTruncate(h->file, b->end);
        if (rc)
            return fail_vfs(h, b->number, rc, err);
    }
    /* A file that was begun by a batch which was never committed. */
    name_file(h->dir, b->number + 1, path);
    rc = h->vfs->xAccess(h->vfs, path, SQLITE_ACCESS_EXISTS, &there);
    if (rc == SQLITE_OK && there)
        rc = h->vfs->xDelete(h->vfs, path, 0);
    return rc ? fail_vfs(h, b->number + 1, rc, err) : 0;
}

static int begin_file(struct mst_bulk *b, struct mst_err *err)
{
    char path[MST_PATH_BYTES_MAX];
    name_file(b->handle.dir, b->number + 1, path);
    int code = mst_files_make(path, err);
    if (!code)
        code = stand_on(&b->handle, b->number + 1, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (!code)
        code = mst_files_sync_directory(b->handle.dir, err);
    if (code)
        return code;
    b->number++;
    b->end = b->kept = 0;
    return 0;
}

int mst_bulk_append(struct mst_bulk *b, struct mst_slice bytes, struct mst_bulk_place *ret_place,
                    struct mst_err *err)
{
    bool begins = b->end == b->kept;
    int code = 0;
    if (b->number == 0 || (begins && b->end >= b->file_bytes_max))
        code = begin_file(b, err);
    else
        code = stand_on(&b->handle, b->number, SQLITE_OPEN_READWRITE, err);
    if (code)
        return code;
    sqlite3_file *file = b->handle.file;
    int rc = file->pMethods->xWrite(file, bytes.data, (int)bytes.len, b->end);
    if (rc)
        return fail_vfs(&b->handle, b->number, rc, err);
    *ret_place = (struct mst_bulk_place){b->number, (uint64_t)b->end, bytes.len};
    b->end += (int64_t)bytes.len;
    return 0;
}

bool mst_bulk_has(const struct mst_bulk *b)
{
    return b->end != b->kept;
}

int mst_bulk_sync(struct mst_bulk *b, struct mst_err *err)
{
    sqlite3_file *file = b->handle.file;
#ifdef MUSTER_TESTING
    if (b->unsafe_sync)
        return 0;
#endif
    int rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    return rc ? fail_vfs(&b->handle, b->number, rc, err) : 0;
}

void mst_bulk_keep(struct mst_bulk *b)
{
    b->kept = b->end;
}

void mst_bulk_forget(struct mst_bulk *b)
{
    b->end = b->kept;
}
