/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A failing year made small: events are left out as long as it fails in the same way, first in
 * large pieces, then one by one. What happens in an event hangs on the seed and its number alone,
 * so leaving others out does not change what it would do, only what it finds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

static bool fails_alike(uint64_t seed, const struct kept *kept, const char *kind,
                        struct year_result *ret_result)
{
    year_run(seed, kept, false, ret_result);
    return !ret_result->held && ret_result->kind == kind;
}

static size_t without(uint64_t seed, struct kept *kept, size_t from, size_t count, const char *kind)
{
    struct year_result result;
    size_t gone = 0;
    bool *before = malloc(kept->count);
    if (!before)
        abort();
    memcpy(before, kept->on, kept->count);
    for (size_t i = from; i < from + count && i < kept->count; i++) {
        gone += kept->on[i];
        kept->on[i] = false;
    }
    if (gone && !fails_alike(seed, kept, kind, &result)) {
        memcpy(kept->on, before, kept->count);
        gone = 0;
    }
    free(before);
    return gone;
}

static void print_kept(const struct kept *kept)
{
    bool any = false;
    for (size_t i = 0; i < kept->count; i++) {
        if (!kept->on[i])
            continue;
        size_t last = i;
        while (last + 1 < kept->count && kept->on[last + 1])
            last++;
        fprintf(stderr, last > i ? "%s%zu-%zu" : "%s%zu", any ? "," : "", i, last);
        any = true;
        i = last;
    }
}

void shrink(uint64_t seed, const struct year_result *failed)
{
    struct kept kept = {.count = failed->events, .on = malloc(failed->events + 1)};
    struct year_result result;
    if (!kept.on)
        abort();
    memset(kept.on, true, kept.count);
    size_t gone, left = 0;
    for (size_t piece = (kept.count + 1) / 2; piece > 0;
         piece = gone && piece == 1 ? 1 : piece / 2) {
        gone = 0;
        /* From the end: what came last found the most. */
        for (size_t from = (kept.count + piece - 1) / piece; from-- > 0;)
            gone += without(seed, &kept, from * piece, piece, failed->kind);
    }
    for (size_t i = 0; i < kept.count; i++)
        left += kept.on[i];
    fprintf(stderr, "smallest: %zu of %zu events; what happens in it:\n", left, kept.count);
    year_run(seed, &kept, true, &result);
    fprintf(stderr, "%s\nagain with: muster-sim", result.fault);
    if (year_mutant)
        fprintf(stderr, " --mutant %s", mutant_name(year_mutant));
    fprintf(stderr, " --seeds 1 --seed %llu --keep ", (unsigned long long)seed);
    if (left)
        print_kept(&kept);
    else
        fprintf(stderr, "none");
    fputc('\n', stderr);
    free(kept.on);
}

bool kept_parse(const char *text, struct kept *ret_kept)
{
    *ret_kept = (struct kept){.on = calloc(KEPT_MAX, 1)};
    if (!ret_kept->on)
        abort();
    if (strcmp(text, "none") == 0)
        return true;
    for (char *end; *text; text = *end == ',' ? end + 1 : end) {
        unsigned long long first = strtoull(text, &end, 10), last = first;
        if (*end == '-')
            last = strtoull(end + 1, &end, 10);
        if (end == text || (*end && *end != ',') || last < first || last >= KEPT_MAX)
            return false;
        memset(ret_kept->on + first, true, (size_t)(last - first + 1));
        if (last >= ret_kept->count)
            ret_kept->count = (size_t)last + 1;
    }
    return true;
}
