/* SPDX-License-Identifier: Apache-2.0 */
/* A programme file with a sound calendar: it is taken, or refused with at least one finding. */
#include "tests/fuzz/fuzz.h"

/* A sound programme, whose zone and calendar every input gets. Kept for the life of the process. */
static const struct mst_programme *sound(void)
{
    static struct mst_programme *programme;
    struct mst_diags diags = {0};
    struct mst_err err;
    if (programme)
        return programme;
    int code = mst_programme_load(MUSTER_SOURCE_DIR "/tests/sim/scenarios/programmes/small.yaml",
                                  &diags, &programme, &err);
    assert(code == 0);
    mst_diags_done(&diags);
    return programme;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mst_slice sources[MST_SOURCES] = {
        [MST_SOURCE_FILE] = mst_bytes(data, size),
        [MST_SOURCE_CALENDAR] = sound()->sources[MST_SOURCE_CALENDAR],
        [MST_SOURCE_ZONE] = sound()->sources[MST_SOURCE_ZONE],
    };
    struct mst_diags diags = {0};
    struct mst_programme *programme = NULL;
    struct mst_err err;
    int code = mst_programme_load_bytes(sources, "programme.yaml", &diags, &programme, &err);
    fuzz_findings(&diags);
    assert((code == 0) == (programme != NULL));
    assert(code == 0 || code == MST_E_NOMEM || diags.errors > 0);
    mst_programme_unref(programme);
    mst_diags_done(&diags);
    return 0;
}
