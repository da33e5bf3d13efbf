/* SPDX-License-Identifier: Apache-2.0 */
/* Plain calls of the system behind SQLite's file methods. Knows nothing of what is written. */
#include "broker/store/direct.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct mst_direct_file *of(sqlite3_file *file)
{
    return (struct mst_direct_file *)file;
}

static int direct_close(sqlite3_file *file)
{
    close(of(file)->other);
    return close(of(file)->fd) == 0 ? SQLITE_OK : SQLITE_IOERR_CLOSE;
}

static int direct_read(sqlite3_file *file, void *data, int len, sqlite3_int64 at)
{
    size_t done = 0, wanted = (size_t)len;
    while (done < wanted) {
        ssize_t got = pread(of(file)->fd, (uint8_t *)data + done, wanted - done, at + (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return SQLITE_IOERR_READ;
        if (got == 0) {
            memset((uint8_t *)data + done, 0, wanted - done);
            return SQLITE_IOERR_SHORT_READ;
        }
        done += (size_t)got;
    }
    return SQLITE_OK;
}

static int direct_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    const uint8_t *bytes = data;
    size_t done = 0, wanted = (size_t)len;
    bool past = of(file)->past && ((uintptr_t)data | wanted | (uint64_t)at) % MST_DIRECT_ALIGN == 0;
    while (done < wanted) {
        ssize_t got = pwrite(past ? of(file)->other : of(file)->fd, bytes + done, wanted - done,
                             at + (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EINVAL && past) {
            past = false; /* larger blocks than any disk is known to have */
            continue;
        }
        if (got < 0)
            return errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL : SQLITE_IOERR_WRITE;
        done += (size_t)got;
        past = past && done % MST_DIRECT_ALIGN == 0;
    }
    return SQLITE_OK;
}

static int direct_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return ftruncate(of(file)->fd, size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int direct_sync(sqlite3_file *file, int flags)
{
    int fd = flags & MST_DIRECT_APART ? of(file)->other : of(file)->fd;
    int rc = flags & SQLITE_SYNC_DATAONLY ? fdatasync(fd) : fsync(fd);
    return rc == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int direct_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    struct stat st;
    if (fstat(of(file)->fd, &st) != 0)
        return SQLITE_IOERR_FSTAT;
    *ret_size = st.st_size;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = direct_close,
    .xRead = direct_read,
    .xWrite = direct_write,
    .xTruncate = direct_truncate,
    .xSync = direct_sync,
    .xFileSize = direct_size,
};

int mst_direct_open(const char *path, int flags, sqlite3_file *ret_file)
{
    struct mst_direct_file *f = of(ret_file);
    int how = O_RDWR | O_NOFOLLOW | O_CLOEXEC;
    *f = (struct mst_direct_file){.past = true};
    f->fd = open(path, how | (flags & SQLITE_OPEN_CREATE ? O_CREAT : 0), 0600);
    if (f->fd < 0)
        return SQLITE_CANTOPEN;
    f->other = open(path, how | O_DIRECT);
    if (f->other < 0 && errno == EINVAL) {
        f->past = false;
        f->other = open(path, how);
    }
    if (f->other < 0) {
        close(f->fd);
        return SQLITE_CANTOPEN;
    }
    f->base.pMethods = &methods;
    return SQLITE_OK;
}

bool mst_direct_has_room(sqlite3_file *file, int64_t bytes)
{
    struct statvfs fs;
    return fstatvfs(of(file)->fd, &fs) == 0 &&
           (uint64_t)fs.f_bavail * fs.f_frsize > (uint64_t)bytes;
}
