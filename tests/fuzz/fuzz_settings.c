/* SPDX-License-Identifier: Apache-2.0 */
/* A settings file, read in each scope: what is taken is within the table's ranges, what is not is
 * told. */
#include <string.h>

#include "config/load/settings.h"
#include "tests/fuzz/fuzz.h"

static void range_INT(int64_t value, int64_t min, int64_t max)
{
    assert(value >= min && value <= max);
}

static void range_TEXT(const char *value, int64_t min, int64_t max)
{
    assert(value);
    range_INT((int64_t)strlen(value), min, max);
}

static void range_TEXTS(struct mst_texts value, int64_t min, int64_t max)
{
    (void)min;
    range_INT((int64_t)value.count, 0, max);
    for (size_t i = 0; i < value.count; i++)
        assert(value.items[i] && value.items[i][0]);
}

static void check_ranges(const struct mst_settings *s)
{
#define SETTING(scope, name, type, fallback, min, max, unit, doc)                                  \
    range_##type(s->scope##_##name, min, max);
#include "config/settings.def"
#undef SETTING
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum mst_setting_scope scopes[] = {MST_SCOPE_BROKER, MST_SCOPE_AGENT,
                                                    MST_SCOPE_WATCH};
    int fd;
    char path[32];
    fuzz_file(data, size, &fd, path);
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        struct mst_settings settings;
        struct mst_diags diags = {0};
        struct mst_err err;
        int code = mst_settings_init(&settings, &err);
        assert(code == 0);
        code = mst_settings_load(&settings, scopes[i], path, &diags, &err);
        fuzz_findings(&diags);
        assert((code != 0) == (diags.errors > 0));
        if (code == 0)
            check_ranges(&settings);
        mst_settings_done(&settings);
        mst_diags_done(&diags);
    }
    close(fd);
    return 0;
}
