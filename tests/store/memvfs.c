/* SPDX-License-Identifier: Apache-2.0 */
/* The disk in memory. Locks between connections are not played, shared memory is. */
#include "tests/store/memvfs.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR_BYTES 512
#define NAMES_MAX 16
#define NAME_BYTES_MAX 256
#define SHM_REGIONS_MAX 16

/* A file's contents. It outlives its name as long as somebody has it open or the log speaks of it.
 */
struct inode {
    uint64_t number;
    int users;
    uint8_t *data;
    size_t len, cap;
    void *shm[SHM_REGIONS_MAX];
    int shm_users;
    int shm_shared[SQLITE_SHM_NLOCK];
    bool shm_exclusive[SQLITE_SHM_NLOCK];
};

struct name {
    char name[NAME_BYTES_MAX]; /* empty: free */
    struct inode *inode;
};

enum op_kind {
    OP_CREATE,
    OP_DELETE,
    OP_WRITE,
    OP_TRUNCATE,
    OP_SYNC,
    OP_SYNC_FAILED,
    OP_SYNC_DIRECTORY,
    OP_NOTE,
};

struct op {
    enum op_kind kind;
    char name[NAME_BYTES_MAX]; /* CREATE, DELETE */
    uint64_t inode;
    size_t at, len; /* of a write; len: after a truncation */
    uint8_t *data;
    enum memvfs_mark mark;
    uint64_t batch;
};

struct memvfs_log {
    struct op *ops;
    size_t count, cap;
};

/* assert() may be compiled out, and this disk must not go on after a surprise. */
static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct {
    sqlite3_vfs *below; /* what was the default: for time, randomness, sleep */
    struct name names[NAMES_MAX];
    struct memvfs_log log;
    uint64_t inodes; /* numbers given */
    uint64_t fail_at, passed;
    bool for_ever, failed;
    enum memvfs_fault fault;
} disk;

struct file {
    sqlite3_file base;
    struct inode *inode;
    bool has_shm;
    bool new_log; /* a journal or log just made: its first sync also syncs the directory, as on Unix
                   */
    unsigned shm_shared, shm_exclusive; /* slots that this connection holds */
};

uint64_t memvfs_roll(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- inodes and names ---- */

static struct inode *inode_new(void)
{
    struct inode *inode = calloc(1, sizeof *inode);
    must(inode);
    inode->number = ++disk.inodes;
    return inode;
}

static void inode_release(struct inode *inode)
{
    if (--inode->users > 0)
        return;
    for (int i = 0; i < SHM_REGIONS_MAX; i++)
        free(inode->shm[i]);
    free(inode->data);
    free(inode);
}

static void inode_resize(struct inode *inode, size_t len)
{
    if (len > inode->cap) {
        inode->cap = len < 2 * inode->cap ? 2 * inode->cap : len;
        inode->data = realloc(inode->data, inode->cap);
        must(inode->data);
    }
    if (len > inode->len)
        memset(inode->data + inode->len, 0, len - inode->len);
    inode->len = len;
}

static void inode_write(struct inode *inode, size_t at, const uint8_t *data, size_t len)
{
    if (at + len > inode->len)
        inode_resize(inode, at + len);
    memcpy(inode->data + at, data, len);
}

static struct name *name_find(const char *name)
{
    for (int i = 0; i < NAMES_MAX; i++) {
        if (disk.names[i].inode && strcmp(disk.names[i].name, name) == 0)
            return &disk.names[i];
    }
    return NULL;
}

static struct name *name_add(const char *name, struct inode *inode)
{
    for (int i = 0; i < NAMES_MAX; i++) {
        if (disk.names[i].inode)
            continue;
        must(strlen(name) < NAME_BYTES_MAX);
        strcpy(disk.names[i].name, name);
        disk.names[i].inode = inode;
        inode->users++;
        return &disk.names[i];
    }
    abort();
}

static void name_remove(struct name *name)
{
    inode_release(name->inode);
    name->inode = NULL;
}

/* ---- the log ---- */

static struct op *record(enum op_kind kind, const struct inode *inode)
{
    struct memvfs_log *log = &disk.log;
    if (log->count == log->cap) {
        log->cap = log->cap ? 2 * log->cap : 256;
        log->ops = realloc(log->ops, log->cap * sizeof *log->ops);
        must(log->ops);
    }
    struct op *op = &log->ops[log->count++];
    memset(op, 0, sizeof *op);
    op->kind = kind;
    op->inode = inode ? inode->number : 0;
    return op;
}

void memvfs_note(enum memvfs_mark mark, uint64_t batch)
{
    struct op *op = record(OP_NOTE, NULL);
    op->mark = mark;
    op->batch = batch;
}

void memvfs_sync_directory(void)
{
    record(OP_SYNC_DIRECTORY, NULL);
}

static void log_clear(struct memvfs_log *log)
{
    for (size_t i = 0; i < log->count; i++)
        free(log->ops[i].data);
    free(log->ops);
    memset(log, 0, sizeof *log);
}

struct memvfs_log *memvfs_log_take(void)
{
    struct memvfs_log *log = malloc(sizeof *log);
    must(log);
    *log = disk.log;
    memset(&disk.log, 0, sizeof disk.log);
    return log;
}

void memvfs_log_free(struct memvfs_log *log)
{
    log_clear(log);
    free(log);
}

size_t memvfs_log_len(const struct memvfs_log *log)
{
    return log->count;
}

uint64_t memvfs_log_batch(const struct memvfs_log *log, size_t cut, enum memvfs_mark mark)
{
    uint64_t batch = 0;
    for (size_t i = 0; i < cut; i++) {
        const struct op *op = &log->ops[i];
        if (op->kind == OP_NOTE && op->mark == mark && op->batch > batch)
            batch = op->batch;
    }
    return batch;
}

/* ---- power cuts ---- */

/* A rebuild under way. Inode numbers of the log lead to the inodes of the new disk. */
struct rebuild {
    const struct memvfs_log *log;
    size_t cut;
    enum memvfs_loss loss;
    uint64_t seed;
    size_t keep_below; /* LOSE_LATER: unsynced operations before this one are there */
    struct inode *inodes[256];
};

/* Names are settled by a sync of the directory, contents by the next sync of their file: after one
 * that failed, no later one can help. */
static bool settled_by_sync(const struct rebuild *b, size_t i)
{
    const struct op *op = &b->log->ops[i];
    bool is_name = op->kind == OP_CREATE || op->kind == OP_DELETE;
    for (size_t j = i + 1; j < b->cut; j++) {
        const struct op *later = &b->log->ops[j];
        if (is_name && later->kind == OP_SYNC_DIRECTORY)
            return true;
        if (is_name || later->inode != op->inode)
            continue;
        if (later->kind == OP_SYNC)
            return true;
        if (later->kind == OP_SYNC_FAILED)
            return false;
    }
    return false;
}

static bool is_kept(struct rebuild *b, size_t i)
{
    if (settled_by_sync(b, i))
        return true;
    switch (b->loss) {
    case MEMVFS_LOSE_NOTHING:
        return true;
    case MEMVFS_LOSE_ALL:
        return false;
    case MEMVFS_LOSE_LATER:
        return i < b->keep_below;
    default:
        return memvfs_roll(&b->seed) & 1;
    }
}

static void write_sectors(struct rebuild *b, struct inode *inode, const struct op *op)
{
    size_t done = 0;
    while (done < op->len) {
        size_t piece = SECTOR_BYTES - (op->at + done) % SECTOR_BYTES;
        if (piece > op->len - done)
            piece = op->len - done;
        if (memvfs_roll(&b->seed) & 1)
            inode_write(inode, op->at + done, op->data + done, piece);
        done += piece;
    }
}

static struct inode *inode_in(struct rebuild *b, uint64_t number)
{
    must(number < sizeof b->inodes / sizeof b->inodes[0]);
    if (!b->inodes[number]) {
        b->inodes[number] = inode_new();
        b->inodes[number]->users = 1; /* the rebuild's */
    }
    return b->inodes[number];
}

static void replay(struct rebuild *b, size_t i)
{
    const struct op *op = &b->log->ops[i];
    struct name *name = name_find(op->name);
    switch (op->kind) {
    case OP_CREATE:
        if (is_kept(b, i)) {
            if (name)
                name_remove(name);
            name_add(op->name, inode_in(b, op->inode));
        }
        break;
    case OP_DELETE:
        if (is_kept(b, i) && name)
            name_remove(name);
        break;
    case OP_WRITE:
        if (b->loss == MEMVFS_LOSE_SECTORS && !settled_by_sync(b, i))
            write_sectors(b, inode_in(b, op->inode), op);
        else if (is_kept(b, i))
            inode_write(inode_in(b, op->inode), op->at, op->data, op->len);
        break;
    case OP_TRUNCATE:
        if (is_kept(b, i))
            inode_resize(inode_in(b, op->inode), op->len);
        break;
    default:
        break;
    }
}

static void empty_disk(void)
{
    for (int i = 0; i < NAMES_MAX; i++) {
        if (disk.names[i].inode)
            name_remove(&disk.names[i]);
    }
    log_clear(&disk.log);
    disk.inodes = 0;
}

void memvfs_reset(void)
{
    empty_disk();
    memvfs_fail_at(0, false, MEMVFS_IO_ERROR);
}

void memvfs_load(const struct memvfs_log *log, size_t cut, enum memvfs_loss loss, uint64_t seed)
{
    struct rebuild b = {.log = log, .cut = cut, .loss = loss, .seed = seed};
    memvfs_reset();
    b.keep_below = cut ? cut - (size_t)(memvfs_roll(&b.seed) % (cut < 40 ? cut : 40)) : 0;
    for (size_t i = 0; i < cut; i++)
        replay(&b, i);
    for (size_t i = 0; i < sizeof b.inodes / sizeof b.inodes[0]; i++) {
        if (b.inodes[i])
            inode_release(b.inodes[i]);
    }
}

/* ---- failing ---- */

void memvfs_fail_at(uint64_t k, bool for_ever, enum memvfs_fault fault)
{
    disk.fail_at = k;
    disk.passed = 0;
    disk.for_ever = for_ever;
    disk.failed = false;
    disk.fault = fault;
}

bool memvfs_has_failed(void)
{
    return disk.failed;
}

/* Is it this operation's turn to fail? */
static bool fails(enum op_kind kind)
{
    if (disk.fail_at == 0 || (disk.fault == MEMVFS_DISK_FULL && kind != OP_WRITE))
        return false;
    if (disk.fault == MEMVFS_KILLED_AT_SYNC && kind != OP_SYNC && !disk.failed)
        return false;
    disk.passed++;
    bool now = disk.passed == disk.fail_at || (disk.for_ever && disk.passed > disk.fail_at);
    disk.failed = disk.failed || now;
    return now;
}

/* ---- file methods ---- */

static struct file *of(sqlite3_file *f)
{
    return (struct file *)f;
}

static int mem_shm_unmap(sqlite3_file *f, int delete_it)
{
    struct inode *inode = of(f)->inode;
    (void)delete_it;
    if (of(f)->has_shm && --inode->shm_users == 0) {
        for (int i = 0; i < SHM_REGIONS_MAX; i++) {
            free(inode->shm[i]);
            inode->shm[i] = NULL;
        }
    }
    of(f)->has_shm = false;
    return SQLITE_OK;
}

static int mem_close(sqlite3_file *f)
{
    mem_shm_unmap(f, 0);
    inode_release(of(f)->inode);
    return SQLITE_OK;
}

static int mem_read(sqlite3_file *f, void *data, int len, sqlite3_int64 at)
{
    const struct inode *inode = of(f)->inode;
    size_t have = (size_t)at < inode->len ? inode->len - (size_t)at : 0;
    size_t copied = have < (size_t)len ? have : (size_t)len;
    if (copied)
        memcpy(data, inode->data + at, copied);
    memset((uint8_t *)data + copied, 0, (size_t)len - copied);
    return copied == (size_t)len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int mem_write(sqlite3_file *f, const void *data, int len, sqlite3_int64 at)
{
    struct inode *inode = of(f)->inode;
    if (fails(OP_WRITE))
        return disk.fault == MEMVFS_DISK_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    inode_write(inode, (size_t)at, data, (size_t)len);
    struct op *op = record(OP_WRITE, inode);
    op->at = (size_t)at;
    op->len = (size_t)len;
    op->data = malloc(op->len);
    must(op->data);
    memcpy(op->data, data, op->len);
    return SQLITE_OK;
}

static int mem_truncate(sqlite3_file *f, sqlite3_int64 len)
{
    if (fails(OP_TRUNCATE))
        return SQLITE_IOERR_TRUNCATE;
    inode_resize(of(f)->inode, (size_t)len);
    record(OP_TRUNCATE, of(f)->inode)->len = (size_t)len;
    return SQLITE_OK;
}

static int mem_sync(sqlite3_file *f, int flags)
{
    (void)flags;
    bool failed = fails(OP_SYNC);
    bool killed = disk.fault == MEMVFS_KILLED || disk.fault == MEMVFS_KILLED_AT_SYNC;
    if (!failed || !killed)
        record(failed ? OP_SYNC_FAILED : OP_SYNC, of(f)->inode);
    if (!failed && of(f)->new_log) {
        of(f)->new_log = false;
        record(OP_SYNC_DIRECTORY, NULL);
    }
    return failed ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int mem_file_size(sqlite3_file *f, sqlite3_int64 *ret_len)
{
    *ret_len = (sqlite3_int64)of(f)->inode->len;
    return SQLITE_OK;
}

static int mem_lock(sqlite3_file *f, int level)
{
    (void)f;
    (void)level;
    return SQLITE_OK;
}

static int mem_check_reserved(sqlite3_file *f, int *ret_reserved)
{
    (void)f;
    *ret_reserved = 0;
    return SQLITE_OK;
}

static int mem_file_control(sqlite3_file *f, int op, void *arg)
{
    (void)f;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int mem_sector_size(sqlite3_file *f)
{
    (void)f;
    return 4096; /* as SQLite assumes on Unix */
}

static int mem_characteristics(sqlite3_file *f)
{
    (void)f;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int mem_shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **ret_map)
{
    struct inode *inode = of(f)->inode;
    must(region < SHM_REGIONS_MAX);
    if (!of(f)->has_shm) {
        of(f)->has_shm = true;
        inode->shm_users++;
    }
    if (!inode->shm[region] && extend) {
        inode->shm[region] = calloc(1, (size_t)size);
        must(inode->shm[region]);
    }
    *ret_map = inode->shm[region];
    return SQLITE_OK;
}

static int mem_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
    struct file *f = of(base);
    struct inode *inode = f->inode;
    bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    for (int i = offset; i < offset + n && (flags & SQLITE_SHM_LOCK); i++) {
        bool mine = f->shm_shared >> i & 1;
        if (inode->shm_exclusive[i] && !(f->shm_exclusive >> i & 1))
            return SQLITE_BUSY;
        if (exclusive && inode->shm_shared[i] > mine)
            return SQLITE_BUSY;
    }
    for (int i = offset; i < offset + n; i++) {
        unsigned bit = 1U << i;
        unsigned *held = exclusive ? &f->shm_exclusive : &f->shm_shared;
        bool take = (flags & SQLITE_SHM_LOCK) != 0;
        if (take == ((*held & bit) != 0))
            continue;
        *held ^= bit;
        if (exclusive)
            inode->shm_exclusive[i] = take;
        else
            inode->shm_shared[i] += take ? 1 : -1;
    }
    return SQLITE_OK;
}

static void mem_shm_barrier(sqlite3_file *f)
{
    (void)f;
}

static const sqlite3_io_methods mem_methods = {
    .iVersion = 2,
    .xClose = mem_close,
    .xRead = mem_read,
    .xWrite = mem_write,
    .xTruncate = mem_truncate,
    .xSync = mem_sync,
    .xFileSize = mem_file_size,
    .xLock = mem_lock,
    .xUnlock = mem_lock,
    .xCheckReservedLock = mem_check_reserved,
    .xFileControl = mem_file_control,
    .xSectorSize = mem_sector_size,
    .xDeviceCharacteristics = mem_characteristics,
    .xShmMap = mem_shm_map,
    .xShmLock = mem_shm_lock,
    .xShmBarrier = mem_shm_barrier,
    .xShmUnmap = mem_shm_unmap,
};

/* ---- VFS methods ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    struct file *f = of(base);
    struct name *name = path ? name_find(path) : NULL;
    (void)vfs;
    memset(f, 0, sizeof *f);
    if (name) {
        f->inode = name->inode;
    } else {
        if (fails(OP_CREATE))
            return SQLITE_CANTOPEN;
        f->inode = inode_new();
        if (path) {
            name_add(path, f->inode);
            strcpy(record(OP_CREATE, f->inode)->name, path);
            f->new_log = (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
        }
    }
    f->inode->users++;
    f->base.pMethods = &mem_methods;
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    struct name *name = name_find(path);
    (void)vfs;
    if (!name)
        return SQLITE_IOERR_DELETE_NOENT;
    if (fails(OP_DELETE))
        return SQLITE_IOERR_DELETE;
    strcpy(record(OP_DELETE, name->inode)->name, path);
    name_remove(name);
    if (sync_directory)
        record(OP_SYNC_DIRECTORY, NULL);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_there)
{
    const struct name *name = name_find(path);
    (void)vfs;
    /* As on Unix, an empty file does not exist for SQLite. */
    *ret_there = name && (flags != SQLITE_ACCESS_EXISTS || name->inode->len > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *ret_path)
{
    (void)vfs;
    must((int)strlen(path) < size);
    strcpy(ret_path, path);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int len, char *data)
{
    (void)vfs;
    return disk.below->xRandomness(disk.below, len, data);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds; /* nobody else could change anything meanwhile */
}

static int vfs_current_time(sqlite3_vfs *vfs, double *ret_days)
{
    (void)vfs;
    return disk.below->xCurrentTime(disk.below, ret_days);
}

static sqlite3_vfs mem_vfs = {
    .iVersion = 1,
    .szOsFile = sizeof(struct file),
    .mxPathname = NAME_BYTES_MAX - 16,
    .zName = "muster-test-memory",
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_path,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_current_time,
};

void memvfs_install(void)
{
    disk.below = sqlite3_vfs_find(NULL);
    must(disk.below && sqlite3_vfs_register(&mem_vfs, 1) == SQLITE_OK);
    memvfs_reset();
}

void memvfs_remove(void)
{
    memvfs_reset();
    sqlite3_vfs_unregister(&mem_vfs);
    sqlite3_vfs_register(disk.below, 1);
}
