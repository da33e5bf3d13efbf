/* SPDX-License-Identifier: Apache-2.0 */
/* muster-sim: scenarios in plain words, and random years, on the pure core and virtual time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

static int usage(void)
{
    fputs("muster-sim [--trace] SCENARIO…\n"
          "muster-sim [--trace] [--mutant NAME] --seeds N [--seed FIRST] [--keep EVENTS]\n"
          "muster-sim --mutants\n"
          "muster-sim --year OBLIGATIONS\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    unsigned long long seeds = 0, first = 1, year = 0;
    struct kept kept = {0};
    int failed = 0, i = 1;
    bool trace = argc > 1 && strcmp(argv[1], "--trace") == 0;
    i += trace;
    if (i < argc && strcmp(argv[i], "--mutants") == 0) {
        mutants_list();
        return 0;
    }
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (i + 1 >= argc)
            return usage();
        unsigned long long n = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seeds") == 0)
            seeds = n;
        else if (strcmp(argv[i], "--seed") == 0)
            first = n;
        else if (strcmp(argv[i], "--year") == 0)
            year = n;
        else if (strcmp(argv[i], "--mutant") == 0 && mutant_of(argv[i + 1]))
            year_mutant = mutant_of(argv[i + 1]);
        else if (strcmp(argv[i], "--keep") != 0 || kept.on || !kept_parse(argv[i + 1], &kept))
            return usage();
    }
    if (!seeds && !year && i == argc)
        return usage();
    for (; i < argc; i++)
        failed |= script_run(argv[i], trace);
    if (seeds)
        failed |= seeds_run(first, seeds, kept.on ? &kept : NULL, trace);
    if (year)
        failed |= seeds_year((size_t)year);
    free(kept.on);
    return failed ? 1 : 0;
}
