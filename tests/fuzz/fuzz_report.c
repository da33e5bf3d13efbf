/* SPDX-License-Identifier: Apache-2.0 */
/* A report file, read with and without knowing what is owed: what is taken is a body that the
 * broker's validator takes, what is not is told. */
#include <string.h>

#include "agent/desk/desk.h"
#include "proto/validate.h"
#include "tests/fuzz/fuzz.h"

static void check(const char *path, const struct mst_brief *brief)
{
    struct mst_diags diags = {0};
    struct mst_report_file report;
    struct mst_err err;
    int code = mst_report_load(path, brief, &diags, &report, &err);
    fuzz_findings(&diags);
    assert((code == 0) == (diags.errors == 0));
    if (code == 0) {
        code = mst_validate(report.body.data, report.body.len, &err);
        assert(code == 0 && report.duty[0] && report.period[0]);
        mst_report_done(&report);
    }
    mst_diags_done(&diags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mst_brief brief = {
        .known = true,
        .unit = "alpha",
        .areas = {{.id = "roads", .title_zh = "公路"}, {.id = "water", .title_zh = "水利"}},
        .areas_count = 2,
        .duties = {{.id = "weekly", .form = &mst_form_text},
                   {.id = "quarterly", .form = &mst_form_areas},
                   {.id = "meeting", .form = &mst_form_minutes}},
        .duties_count = 3,
    };
    int fd;
    char path[32];
    fuzz_file(data, size, &fd, path);
    check(path, NULL);
    check(path, &brief);
    close(fd);
    return 0;
}
