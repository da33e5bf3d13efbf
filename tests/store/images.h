/* SPDX-License-Identifier: Apache-2.0 */
/* Images of the disk in memory after power cuts, checked one after the other. */
#ifndef MST_TESTS_STORE_IMAGES_H
#define MST_TESTS_STORE_IMAGES_H

#include "tests/store/memvfs.h"

struct images_verdict {
    uint64_t images, wrong;
    char first[400]; /* the first wrong image, and how to make it again */
};

/* Is what lies on the disk what the first `cut` operations of the log may have left? False, and
 * why. `image` counts from 0. */
typedef bool (*images_check_fn)(const struct memvfs_log *log, size_t cut, uint64_t image, char *why,
                                size_t size);
/* Check so many images at random moments of a history; which ones follows from its seed. */
void images_check(const struct memvfs_log *log, uint64_t history, uint64_t count,
                  images_check_fn check, struct images_verdict *verdict);
/* Read --images N and --seed N. False, and a word on standard error: there is something else. */
bool images_options(int argc, char **argv, uint64_t *images, uint64_t *seed);

#endif
