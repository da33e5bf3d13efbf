/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/store/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void images_check(const struct memvfs_log *log, uint64_t history, uint64_t count,
                  images_check_fn check, struct images_verdict *verdict)
{
    uint64_t dice = history;
    for (uint64_t i = 0; i < count; i++) {
        char why[256] = "";
        size_t cut = (size_t)(memvfs_roll(&dice) % (memvfs_log_len(log) + 1));
        enum memvfs_loss loss = (enum memvfs_loss)(memvfs_roll(&dice) % MEMVFS_LOSSES);
        memvfs_load(log, cut, loss, memvfs_roll(&dice));
        verdict->images++;
        if (check(log, cut, i, why, sizeof why))
            continue;
        if (verdict->wrong++ == 0)
            snprintf(verdict->first, sizeof verdict->first,
                     "--seed %llu, image %llu, cut %zu, loss %d: %s", (unsigned long long)history,
                     (unsigned long long)i, cut, (int)loss, why);
    }
}

bool images_options(int argc, char **argv, uint64_t *images, uint64_t *seed)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t *value = strcmp(argv[i], "--images") == 0 ? images
                          : strcmp(argv[i], "--seed") == 0 ? seed
                                                           : NULL;
        if (!value) {
            fprintf(stderr, "usage: %s [--images N] [--seed N]\n", argv[0]);
            return false;
        }
        *value = strtoull(argv[i + 1], NULL, 10);
    }
    return true;
}
