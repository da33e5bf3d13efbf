/* SPDX-License-Identifier: Apache-2.0 */
/* Files of reports through a VFS. Knows neither the schema nor what the bytes mean. */
#include "broker/store/bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/store/direct.h"
#include "broker/store/files.h"

/* For the VFS a file of this kind is one that nobody locks. */
#define OPEN_KIND SQLITE_OPEN_SUPER_JOURNAL

/*
 * A batch in a file: a header; what was appended; the record; zeros up to where the disk's next
 * block begins. The pieces are filled up too. So what follows a batch in a file of reports is a
 * header or zeros, and never what somebody has sent; in one that repeats it may be anything, and
 * only the number tells.
 */
#define MAGIC UINT64_C(0x4d73744261746368) /* "MstBatch" */
#define BLOCK_BYTES (8 * MST_BULK_LANES)
#define HEADER_BYTES (2 * BLOCK_BYTES)

struct header {
    uint64_t magic, batch, bytes, record_bytes, sum;
    uint64_t before; /* of a file's first batch: where the file before ends */
};

/* A batch of this size and less is one write. */
#define WINDOW_BYTES (1 << 20)
/* No batch is larger: a start reads it in one piece, with a length that SQLite's VFS can say. */
#define BATCH_BYTES_MAX INT32_MAX

static size_t blocks_of(uint64_t bytes)
{
    return (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
}

/* Where the batch after one that ends there begins. */
static int64_t aligned(int64_t end)
{
    return (end + MST_DIRECT_ALIGN - 1) / MST_DIRECT_ALIGN * MST_DIRECT_ALIGN;
}

static void name_file(const struct mst_bulk_handle *h, uint64_t number,
                      char path[MST_PATH_BYTES_MAX])
{
    snprintf(path, MST_PATH_BYTES_MAX, "%s/%s-%06" PRIu64 ".log", h->dir, h->kind, number);
}

static int fail_vfs(struct mst_bulk_handle *h, uint64_t number, int rc, struct mst_err *err)
{
    char path[MST_PATH_BYTES_MAX];
    enum mst_code code = MST_E_IO;
    name_file(h, number, path);
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
    name_file(h, number, path);
    if (have < 0)
        mst_fail(err, MST_E_CORRUPT, _("%s is missing, and the database names %lld bytes of it"),
                 path, (long long)wanted);
    else
        mst_fail(err, MST_E_CORRUPT, _("%s has %lld bytes, and the database names %lld of it"),
                 path, (long long)have, (long long)wanted);
    mst_hint(err, _("restore it from the backup that the database is from: both belong together"));
    return MST_E_CORRUPT;
}

/* ---- sums: what a power cut tore is seen by them, not what somebody forges ---- */

#define PRIME_1 UINT64_C(0x9e3779b185ebca87)
#define PRIME_2 UINT64_C(0xc2b2ae3d27d4eb4f)

static uint64_t turn(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

/* A batch that lies elsewhere has another sum. */
static void sum_begin(uint64_t sum[MST_BULK_LANES], uint64_t number, int64_t offset)
{
    for (uint64_t i = 0; i < MST_BULK_LANES; i++)
        sum[i] = (number + i) * PRIME_1 ^ (uint64_t)offset * PRIME_2;
}

static uint64_t sum_word(uint64_t sum, const uint8_t *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof word);
    return turn(sum + word * PRIME_2, 31) * PRIME_1;
}

/* Each lane in a register of its own, which a loop over them would not be. */
static void sum_add(uint64_t sum[MST_BULK_LANES], const uint8_t *data, size_t len)
{
    uint64_t a = sum[0], b = sum[1], c = sum[2], d = sum[3];
    _Static_assert(MST_BULK_LANES == 4, "lanes");
    for (size_t at = 0; at < len; at += BLOCK_BYTES) {
        a = sum_word(a, data + at);
        b = sum_word(b, data + at + 8);
        c = sum_word(c, data + at + 16);
        d = sum_word(d, data + at + 24);
    }
    const uint64_t all[MST_BULK_LANES] = {a, b, c, d};
    memcpy(sum, all, sizeof all);
}

static uint64_t sum_end(const uint64_t sum[MST_BULK_LANES], const struct header *header)
{
    uint64_t all = (header->batch * PRIME_1 ^ header->bytes) * PRIME_1 ^ header->record_bytes;
    all = all * PRIME_1 ^ header->before;
    for (size_t i = 0; i < MST_BULK_LANES; i++)
        all = (turn(all, 27) ^ sum[i]) * PRIME_2;
    return all ^ all >> 29;
}

/* ---- one file ---- */

void mst_bulk_handle_init(struct mst_bulk_handle *h, sqlite3_vfs *vfs, const char *dir)
{
    *h = (struct mst_bulk_handle){.vfs = vfs, .dir = dir, .kind = "reports"};
}

void mst_bulk_handle_done(struct mst_bulk_handle *h)
{
    if (h->number)
        (void)h->file->pMethods->xClose(h->file);
    free(h->file);
    h->file = NULL;
    h->number = 0;
}

/* A disk of the tests has files of its own. */
static bool is_system(const sqlite3_vfs *vfs)
{
    return strcmp(vfs->zName, "unix") == 0;
}

/* SQLite's own callers write a page at a time: its unix VFS takes at most 0x1ffff bytes with one
 * call, and says of what is more that the disk is full. */
#define PIECE_BYTES_MAX 65536

static int open_file(struct mst_bulk_handle *h, const char *path, int flags)
{
    bool direct = is_system(h->vfs) && flags & SQLITE_OPEN_READWRITE;
    h->piece_bytes_max = direct ? WINDOW_BYTES : PIECE_BYTES_MAX;
    if (direct)
        return mst_direct_open(path, flags, h->file);
    return h->vfs->xOpen(h->vfs, path, h->file, flags | OPEN_KIND | SQLITE_OPEN_NOFOLLOW, NULL);
}

/* Stand on this file. `flags`: how SQLite is to open it. */
static int stand_on(struct mst_bulk_handle *h, uint64_t number, int flags, struct mst_err *err)
{
    if (h->number == number)
        return 0;
    mst_bulk_handle_done(h);
    size_t bytes = (size_t)h->vfs->szOsFile;
    if (bytes < sizeof(struct mst_direct_file))
        bytes = sizeof(struct mst_direct_file);
    /* The VFS reads the name for as long as the file is open, and perhaps a zero beyond its end. */
    h->file = calloc(1, bytes + MST_PATH_BYTES_MAX + 1);
    if (!h->file)
        return mst_fail_on(err, MST_E_NOMEM, "store");
    char *path = (char *)h->file + bytes;
    name_file(h, number, path);
    int rc = open_file(h, path, flags);
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

/* How many bytes of a place are not in its file yet. */
static uint64_t unwritten_of(const struct mst_bulk *writer, const struct mst_bulk_place *place)
{
    uint64_t end = place->offset + place->bytes;
    if (!writer || place->file != writer->number || place->bytes > INT32_MAX ||
        end > (uint64_t)writer->end || end <= (uint64_t)writer->written)
        return 0;
    uint64_t unwritten = end - (uint64_t)writer->written;
    return unwritten < place->bytes ? unwritten : place->bytes;
}

static int read_file(struct mst_bulk_handle *h, const struct mst_bulk_place *place,
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

int mst_bulk_read(struct mst_bulk_handle *h, const struct mst_bulk_place *place,
                  struct mst_buf *out, struct mst_err *err)
{
    uint64_t rest = unwritten_of(h->writer, place);
    struct mst_bulk_place written = {place->file, place->offset, place->bytes - rest};
    int code = rest && !written.bytes ? 0 : read_file(h, &written, out, err);
    if (code || !rest)
        return code;
    uint64_t first = written.offset + written.bytes - (uint64_t)h->writer->written;
    mst_buf_put(out, h->writer->window + first, rest);
    return out->failed ? mst_fail_on(err, MST_E_NOMEM, "store") : 0;
}

/* ---- writing ---- */

int mst_bulk_found(struct mst_bulk *b, uint64_t number, int64_t bytes, struct mst_err *err)
{
    struct mst_bulk_handle *h = &b->handle;
    char path[MST_PATH_BYTES_MAX + 1] = "";
    sqlite3_int64 size = 0;
    int there = 0;
    name_file(h, number, path);
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
    b->end = b->written = b->kept = bytes;
    return 0;
}

/* A sealed batch at this place of the file that is stood on, in `region`; 0: there is none. */
static int read_batch(struct mst_bulk *b, uint64_t number, int64_t at, struct mst_buf *region,
                      struct header *ret_header, struct mst_err *err)
{
    struct mst_bulk_handle *h = &b->handle;
    struct header header;
    uint64_t sum[MST_BULK_LANES];
    sqlite3_int64 size = 0;
    ret_header->batch = 0;
    int rc = h->file->pMethods->xFileSize(h->file, &size);
    if (rc || size - at < HEADER_BYTES)
        return rc ? fail_vfs(h, number, rc, err) : 0;
    rc = h->file->pMethods->xRead(h->file, &header, sizeof header, at);
    if (rc)
        return fail_vfs(h, number, rc, err);
    if (header.magic != MAGIC || header.bytes > (uint64_t)(size - at - HEADER_BYTES) ||
        header.bytes > (uint64_t)b->batch_bytes_max - HEADER_BYTES ||
        header.bytes % BLOCK_BYTES != 0 || header.record_bytes == 0 ||
        header.record_bytes > header.bytes)
        return 0;
    struct mst_bulk_place whole = {number, (uint64_t)at, HEADER_BYTES + header.bytes};
    mst_buf_clear(region);
    int code = mst_bulk_read(h, &whole, region, err);
    if (code)
        return code;
    sum_begin(sum, number, at);
    sum_add(sum, region->data + HEADER_BYTES, header.bytes);
    if (sum_end(sum, &header) == header.sum)
        *ret_header = header;
    return 0;
}

static struct mst_slice record_of(const struct mst_buf *region, const struct header *header)
{
    const uint8_t *content = region->data + HEADER_BYTES;
    return (struct mst_slice){content + header->bytes - blocks_of(header->record_bytes),
                              header->record_bytes};
}

static int write_at(struct mst_bulk_handle *h, const uint8_t *data, size_t len, int64_t at)
{
    int rc = SQLITE_OK;
    for (size_t done = 0; rc == SQLITE_OK && done < len; done += h->piece_bytes_max) {
        size_t left = len - done;
        int part = (int)(left < h->piece_bytes_max ? left : h->piece_bytes_max);
        rc = h->file->pMethods->xWrite(h->file, data + done, part, at + (int64_t)done);
    }
    return rc;
}

/*
 * What was read may be in the system's memory only, after a sync that failed: Linux writes such a
 * page no more. So it is written once more before it counts, its file's name too.
 */
static int secure(struct mst_bulk *b, const struct mst_buf *region, bool is_new,
                  struct mst_err *err)
{
    sqlite3_file *file = b->handle.file;
    int rc = write_at(&b->handle, region->data, region->len, b->kept);
    if (rc == SQLITE_OK)
        rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    if (rc)
        return fail_vfs(&b->handle, b->number, rc, err);
    b->end = b->written = b->kept = aligned(b->kept + (int64_t)region->len);
    return is_new ? mst_files_sync_directory(b->handle.dir, err) : 0;
}

static int is_there(struct mst_bulk *b, uint64_t number, bool *ret_there, struct mst_err *err)
{
    char path[MST_PATH_BYTES_MAX + 1] = "";
    int there = 0;
    name_file(&b->handle, number, path);
    int rc = b->handle.vfs->xAccess(b->handle.vfs, path, SQLITE_ACCESS_EXISTS, &there);
    *ret_there = there;
    return rc ? fail_vfs(&b->handle, number, rc, err) : 0;
}

static void go_on_in_next(struct mst_bulk *b)
{
    b->number++;
    b->before = b->kept;
    b->end = b->written = b->kept = 0;
}

/* The batch of this number in the file that is gone on with, if it is the next there. */
static int look_here(struct mst_bulk *b, uint64_t batch, struct mst_buf *region,
                     struct header *ret_header, struct mst_err *err)
{
    int code = stand_on(&b->handle, b->number, SQLITE_OPEN_READWRITE, err);
    if (!code)
        code = read_batch(b, b->number, b->kept, region, ret_header, err);
    /* Where a file began anew, batches that the database has may come first. */
    while (!code && b->repeats && ret_header->batch && ret_header->batch < batch) {
        b->end = b->written = b->kept = aligned(b->kept + (int64_t)region->len);
        code = read_batch(b, b->number, b->kept, region, ret_header, err);
    }
    return code;
}

int mst_bulk_next(struct mst_bulk *b, uint64_t batch, struct mst_buf *region,
                  struct mst_slice *ret_record, struct mst_err *err)
{
    struct header header = {.batch = 0};
    bool there = false, is_new = false;
    *ret_record = (struct mst_slice){NULL, 0};
    /* No database names the file that repeats. */
    int code = b->repeats && !b->number ? is_there(b, 1, &there, err) : 0;
    b->number += there;
    there = false;
    if (!code && b->number)
        code = look_here(b, batch, region, &header, err);
    if (!code && header.batch != batch)
        code = is_there(b, b->number + 1, &there, err);
    if (!code && there) {
        is_new = true;
        code = stand_on(&b->handle, b->number + 1, SQLITE_OPEN_READWRITE, err);
        if (!code)
            code = read_batch(b, b->number + 1, 0, region, &header, err);
    }
    if (code || header.batch != batch)
        return code;
    if (is_new && header.before != (uint64_t)b->kept)
        return fail_damaged(&b->handle, b->number, b->kept, (int64_t)header.before, err);
    if (is_new)
        go_on_in_next(b);
    *ret_record = record_of(region, &header);
    return secure(b, region, is_new, err);
}

/* Take away what lies behind the last batch. */
static int trim(struct mst_bulk *b, bool *ret_trimmed, struct mst_err *err)
{
    sqlite3_int64 size = 0;
    *ret_trimmed = false;
    mst_zeros_settle(&b->zeros);
    int code = stand_on(&b->handle, b->number, SQLITE_OPEN_READWRITE, err);
    if (code)
        return code;
    sqlite3_file *file = b->handle.file;
    int rc = file->pMethods->xFileSize(file, &size);
    *ret_trimmed = size > b->kept;
    if (rc == SQLITE_OK && *ret_trimmed)
        rc = file->pMethods->xTruncate(file, b->kept);
    mst_zeros_restart(&b->zeros, b->kept);
    return rc ? fail_vfs(&b->handle, b->number, rc, err) : 0;
}

/* Surely: what came to light behind other batches later would be taken for one of them. */
int mst_bulk_cut(struct mst_bulk *b, struct mst_err *err)
{
    struct mst_bulk_handle *h = &b->handle;
    char path[MST_PATH_BYTES_MAX + 1] = "";
    bool there, trimmed = false;
    int code = b->number ? trim(b, &trimmed, err) : 0;
    if (!code && trimmed)
        code = mst_bulk_sync(b, err);
    if (!code)
        code = is_there(b, b->number + 1, &there, err);
    if (code || !there)
        return code;
    name_file(h, b->number + 1, path);
    if (h->number == b->number + 1)
        mst_bulk_handle_done(h);
    int rc = h->vfs->xDelete(h->vfs, path, 1);
    return rc ? fail_vfs(h, b->number + 1, rc, err) : 0;
}

static int take_zeros_away(struct mst_bulk *b, struct mst_err *err)
{
    bool trimmed;
    mst_zeros_settle(&b->zeros);
    return b->zeros.end > b->kept ? trim(b, &trimmed, err) : 0;
}

static int begin_file(struct mst_bulk *b, struct mst_err *err)
{
    char path[MST_PATH_BYTES_MAX];
    name_file(&b->handle, b->number + 1, path);
    int code = take_zeros_away(b, err);
    mst_zeros_restart(&b->zeros, 0);
    if (!code)
        code = mst_files_make(path, err);
    if (!code)
        code = stand_on(&b->handle, b->number + 1, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (!code)
        code = mst_files_sync_directory(b->handle.dir, err);
    if (!code)
        go_on_in_next(b);
    return code;
}

/* What the window has; it is full, or ends as a batch does. */
static int write_window(struct mst_bulk *b, struct mst_err *err)
{
    size_t len = (size_t)(b->end - b->written);
    b->touched = true;
    (void)mst_zeros_reach(&b->zeros, b->end);
    int rc = write_at(&b->handle, b->window, len, b->written);
    if (rc)
        return fail_vfs(&b->handle, b->number, rc, err);
    /* The batch's first block is written once more when its header is known. */
    if (b->written == b->kept)
        memcpy(b->window + WINDOW_BYTES, b->window, MST_DIRECT_ALIGN);
    b->written = b->end;
    return 0;
}

/* Append at the batch's end. NULL: zeros. */
static int append(struct mst_bulk *b, const uint8_t *data, size_t len, struct mst_err *err)
{
    int code = 0;
    for (size_t done = 0; !code && done < len;) {
        size_t used = (size_t)(b->end - b->written), part = len - done;
        if (part > WINDOW_BYTES - used)
            part = WINDOW_BYTES - used;
        if (data)
            memcpy(b->window + used, data + done, part);
        else
            memset(b->window + used, 0, part);
        b->end += (int64_t)part;
        done += part;
        if (used + part == WINDOW_BYTES)
            code = write_window(b, err);
    }
    return code;
}

static int fill_up(struct mst_buf *bytes, struct mst_err *err)
{
    static const uint8_t zeros[BLOCK_BYTES];
    mst_buf_put(bytes, zeros, blocks_of(bytes->len) - bytes->len);
    return bytes->failed ? mst_fail_on(err, MST_E_NOMEM, "store") : 0;
}

/* Room for the header of a batch that has appended nothing yet. */
static int begin_batch(struct mst_bulk *b, struct mst_err *err)
{
    bool new_file = b->number == 0 || b->end >= b->file_bytes_max;
    int code =
        new_file ? begin_file(b, err) : stand_on(&b->handle, b->number, SQLITE_OPEN_READWRITE, err);
    if (!code && !b->window)
        b->window = aligned_alloc(MST_DIRECT_ALIGN, WINDOW_BYTES + MST_DIRECT_ALIGN);
    if (!code && !b->window)
        code = mst_fail_on(err, MST_E_NOMEM, "store");
    if (code)
        return code;
    sum_begin(b->sum, b->number, b->kept);
    return append(b, NULL, HEADER_BYTES, err);
}

bool mst_bulk_fits(const struct mst_bulk *b, size_t record_bytes)
{
    uint64_t used = mst_bulk_has(b) ? (uint64_t)(b->end - b->kept) : HEADER_BYTES;
    uint64_t max = (uint64_t)b->batch_bytes_max;
    return record_bytes <= max && blocks_of(record_bytes) <= max - used;
}

/* What no start would find must not be answered. */
static int check_size(const struct mst_bulk *b, size_t more, struct mst_err *err)
{
    if (mst_bulk_fits(b, more))
        return 0;
    mst_fail(err, MST_E_FULL,
             _("the batch would have more than %lld bytes, and no start would find it"),
             (long long)b->batch_bytes_max);
    mst_hint(err, _("lower batch_bytes_max and batch_reports_max"));
    return MST_E_FULL;
}

int mst_bulk_append(struct mst_bulk *b, struct mst_buf *bytes, struct mst_bulk_place *ret_place,
                    struct mst_err *err)
{
    uint64_t len = bytes->len;
    int code = mst_bulk_has(b) ? 0 : begin_batch(b, err);
    if (!code)
        code = fill_up(bytes, err);
    if (!code)
        code = check_size(b, bytes->len, err);
    *ret_place = (struct mst_bulk_place){b->number, (uint64_t)b->end, len};
    if (code)
        return code;
    sum_add(b->sum, bytes->data, bytes->len);
    return append(b, bytes->data, bytes->len, err);
}

/* The header of what is appended, to where it was left out. */
static int put_header(struct mst_bulk *b, uint64_t batch, uint64_t record_bytes,
                      struct mst_err *err)
{
    struct header header = {.magic = MAGIC, .batch = batch, .record_bytes = record_bytes};
    header.bytes = (uint64_t)(b->end - b->kept) - HEADER_BYTES;
    header.before = (uint64_t)b->before; /* the batch may have begun its file just now */
    header.sum = sum_end(b->sum, &header);
    if (b->written == b->kept) {
        memcpy(b->window, &header, sizeof header);
        return 0;
    }
    memcpy(b->window + WINDOW_BYTES, &header, sizeof header);
    int rc = write_at(&b->handle, b->window + WINDOW_BYTES, MST_DIRECT_ALIGN, b->kept);
    return rc ? fail_vfs(&b->handle, b->number, rc, err) : 0;
}

int mst_bulk_seal(struct mst_bulk *b, uint64_t batch, struct mst_buf *record, struct mst_err *err)
{
    struct mst_bulk_place place;
    int code = mst_bulk_append(b, record, &place, err);
    if (!code)
        code = put_header(b, batch, place.bytes, err);
    return code ? code : mst_bulk_close(b, err);
}

int mst_bulk_close(struct mst_bulk *b, struct mst_err *err)
{
    int code = append(b, NULL, (size_t)(aligned(b->end) - b->end), err);
    /* Where there are zeros, there is room: then it can wait for the sync. */
    if (!code && b->end > b->written && !mst_zeros_reach(&b->zeros, b->end))
        code = write_window(b, err);
    return code;
}

bool mst_bulk_has(const struct mst_bulk *b)
{
    return b->end != b->kept;
}

int mst_bulk_sync(struct mst_bulk *b, struct mst_err *err)
{
    sqlite3_file *file = b->handle.file;
    int code = b->end > b->written ? write_window(b, err) : 0;
    if (code)
        return code;
#ifdef MUSTER_TESTING
    if (b->unsafe_sync)
        return 0;
#endif
    int rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    return rc ? fail_vfs(&b->handle, b->number, rc, err) : 0;
}

void mst_bulk_keep(struct mst_bulk *b)
{
    if (mst_bulk_has(b))
        mst_zeros_follow(&b->zeros, b->handle.file, b->end);
    b->kept = b->end;
    b->touched = false;
}

void mst_bulk_rewind(struct mst_bulk *b)
{
    b->end = b->written = b->kept = 0;
}

int mst_bulk_forget(struct mst_bulk *b, struct mst_err *err)
{
    bool trimmed = false;
    int code = b->touched ? trim(b, &trimmed, err) : 0;
    b->end = b->written = b->kept;
    b->touched = false;
    return !code && trimmed ? mst_bulk_sync(b, err) : code;
}

/* ---- a writer's life ---- */

static void init(struct mst_bulk *b, sqlite3_vfs *vfs, const char *dir, int64_t ahead_bytes)
{
    *b = (struct mst_bulk){.file_bytes_max = INT64_MAX, .batch_bytes_max = BATCH_BYTES_MAX};
    mst_bulk_handle_init(&b->handle, vfs, dir);
    mst_zeros_init(&b->zeros, ahead_bytes, is_system(vfs));
}

void mst_bulk_init_reports(struct mst_bulk *b, sqlite3_vfs *vfs, const char *dir,
                           int64_t file_bytes_max, int64_t ahead_bytes)
{
    init(b, vfs, dir, ahead_bytes);
    b->file_bytes_max = file_bytes_max;
}

void mst_bulk_init_batches(struct mst_bulk *b, sqlite3_vfs *vfs, const char *dir,
                           int64_t ahead_bytes)
{
    init(b, vfs, dir, ahead_bytes);
    b->handle.kind = "batches";
    b->repeats = true;
}

void mst_bulk_done(struct mst_bulk *b, bool as_they_are)
{
    /* What is not taken away now is cut off by the next start. */
    if (!as_they_are)
        (void)take_zeros_away(b, NULL);
    mst_zeros_done(&b->zeros);
    mst_bulk_handle_done(&b->handle);
    free(b->window);
}
