/* SPDX-License-Identifier: Apache-2.0 */
/* The store's own dealings with its directory: what SQLite does not do, or not as it is wanted. */
#ifndef MST_BROKER_STORE_FILES_H
#define MST_BROKER_STORE_FILES_H

#include "proto/err.h"

/* Of the directory and of a file in it, with the zero. */
#define MST_DIR_BYTES_MAX 4096
#define MST_PATH_BYTES_MAX (MST_DIR_BYTES_MAX + 64)

/* What errno says of a path: MST_E_FULL when there is no room, else MST_E_IO. */
int mst_files_fail(struct mst_err *err, const char *path);
MST_MUST_CHECK int mst_files_sync_directory(const char *path, struct mst_err *err);
/* A directory, with its entry in the one above on disk if it is new. */
MST_MUST_CHECK int mst_files_make_directory(const char *path, struct mst_err *err);
/*
 * Make a file unless it is there, of mode 0600: SQLite would give it the umask's. It is closed
 * again before SQLite opens it: closing later would drop SQLite's locks.
 */
MST_MUST_CHECK int mst_files_make(const char *path, struct mst_err *err);
/*
 * What a killed process wrote is first made to be what the disk holds: written out if it can be,
 * and dropped from the system's memory, which goes on showing what a failed sync did not write. A
 * file that is not there is none.
 */
MST_MUST_CHECK int mst_files_settle(const char *path, struct mst_err *err);

#endif
