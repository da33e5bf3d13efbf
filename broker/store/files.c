/* SPDX-License-Identifier: Apache-2.0 */
/* Directories and files by their paths. Knows no file's name and no contents. */
#include "broker/store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int mst_files_fail(struct mst_err *err, const char *path)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    return mst_fail(err, full ? MST_E_FULL : MST_E_IO, "%s: %s", path, strerror(errno));
}

int mst_files_sync_directory(const char *path, struct mst_err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = fd >= 0 && fsync(fd) == 0 ? 0 : mst_files_fail(err, path);
    if (fd >= 0)
        close(fd);
    return code;
}

int mst_files_make_directory(const char *path, struct mst_err *err)
{
    if (mkdir(path, 0700) != 0)
        return errno == EEXIST ? 0 : mst_files_fail(err, path);
    char above[MST_PATH_BYTES_MAX];
    snprintf(above, sizeof above, "%s/..", path);
    return mst_files_sync_directory(above, err);
}

int mst_files_make(const char *path, struct mst_err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return mst_files_fail(err, path);
    int code = fchmod(fd, 0600) == 0 ? 0 : mst_files_fail(err, path);
    close(fd);
    return code;
}

int mst_files_settle(const char *path, struct mst_err *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : mst_files_fail(err, path);
    int code = fsync(fd) == 0 ? 0 : mst_files_fail(err, path);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    return code;
}
