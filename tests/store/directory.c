/* SPDX-License-Identifier: Apache-2.0 */
/* The directory's sync, of which no VFS is told: linked with --wrap=fsync. */
#include "tests/store/memvfs.h"

#include <sys/stat.h>

/* In place of fsync() in the store's or outbox's own code, so that the disk in memory hears of it.
 */
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        memvfs_sync_directory();
    return __real_fsync(fd);
}
