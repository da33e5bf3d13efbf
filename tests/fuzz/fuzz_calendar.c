/* SPDX-License-Identifier: Apache-2.0 */
/* A calendar file: taken with its exceptions in order, or refused with a finding. */
#include "config/model/calendar.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd;
    char path[32];
    struct mst_diags diags = {0};
    struct mst_calendar calendar;
    struct mst_err err;
    struct mst_arena *arena = mst_arena_new();
    assert(arena);
    fuzz_file(data, size, &fd, path);
    int code = mst_calendar_load(path, arena, &diags, &calendar, &err);
    close(fd);
    fuzz_findings(&diags);
    assert((code == 0) == (diags.errors == 0));
    for (size_t i = 1; code == 0 && i < calendar.exceptions_count; i++)
        assert(calendar.exceptions[i - 1].day < calendar.exceptions[i].day);
    mst_arena_free(arena);
    mst_diags_done(&diags);
    return 0;
}
