/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a whole file into memory, and checks on its bytes, for the loaders of this folder; and
 * writing one. */
#ifndef MST_CONFIG_LOAD_FILE_H
#define MST_CONFIG_LOAD_FILE_H

#include "config/load/load.h"
#include "proto/seal.h"

/* Largest file that people write: programmes, settings, reports, calendars. */
#define MST_FILE_BYTES_MAX (4 * 1024 * 1024)

/*
 * The bytes of a regular file, in the arena, with a NUL after them. MST_E_IO when it cannot be
 * read, MST_E_TOO_LARGE beyond bytes_max.
 */
MST_MUST_CHECK int mst_file_read(const char *path, size_t bytes_max, struct mst_arena *arena,
                                 struct mst_slice *ret_bytes, struct mst_err *err);
/* A copy in the arena, with a NUL after it. */
MST_MUST_CHECK int mst_file_copy(struct mst_slice bytes, struct mst_arena *arena,
                                 struct mst_slice *ret_bytes, struct mst_err *err);
/* A finding, and false, where the bytes are not UTF-8 or hold a NUL. */
bool mst_file_check_utf8(const char *path, struct mst_slice bytes, struct mst_diags *diags);
/* Sort by file's place; equal places keep the order in which they were found. */
void mst_diags_sort(struct mst_diags *diags);
/* The code to return after a load: 0, or MST_E_INVALID with the number of errors since `before`. */
int mst_diags_verdict(const struct mst_diags *diags, size_t before, const char *path,
                      struct mst_err *err);
int mst_no_memory(struct mst_err *err, const char *path);
/* Write all of it. False: errno says why not; a disk that took a part is full. */
MST_MUST_CHECK bool mst_file_put(int fd, const void *data, size_t len);

#endif
