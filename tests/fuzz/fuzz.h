/* SPDX-License-Identifier: Apache-2.0 */
/* What the harnesses share. */
#ifndef MST_TESTS_FUZZ_FUZZ_H
#define MST_TESTS_FUZZ_FUZZ_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/load/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory that holds the input, for loaders that take a path. Close *ret_fd. */
static inline void fuzz_file(const uint8_t *data, size_t size, int *ret_fd, char path[32])
{
    *ret_fd = memfd_create("input", MFD_CLOEXEC);
    assert(*ret_fd >= 0);
    ssize_t written = write(*ret_fd, data, size);
    assert(written == (ssize_t)size);
    snprintf(path, 32, "/proc/self/fd/%d", *ret_fd);
}

/* Every finding is whole: it has words, and a place if it is about one. */
static inline void fuzz_findings(const struct mst_diags *diags)
{
    size_t errors = 0;
    for (size_t i = 0; i < diags->count; i++) {
        const struct mst_diag *diag = &diags->items[i];
        errors += diag->severity == MST_DIAG_ERROR;
        assert(diag->text[0] && diag->line >= 0 && diag->column >= 0);
    }
    assert(errors == diags->errors);
}

#endif
