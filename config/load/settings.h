/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: one struct per scope, generated from settings.def, with defaults, ranges and places. */
#ifndef MST_CONFIG_LOAD_SETTINGS_H
#define MST_CONFIG_LOAD_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/load/load.h"

enum mst_setting_scope { MST_SCOPE_BROKER, MST_SCOPE_AGENT, MST_SCOPE_WATCH };
enum mst_setting_type { MST_SETTING_INT, MST_SETTING_TEXT, MST_SETTING_TEXTS, MST_SETTING_BOOL };

struct mst_texts {
    const char *const *items;
    size_t count;
};

#define MST_SETTING_C_INT int64_t
#define MST_SETTING_C_TEXT const char *
#define MST_SETTING_C_TEXTS struct mst_texts
#define MST_SETTING_C_BOOL bool

/*
 * What the owner of a scope knows of a value's form beyond its type and range: 0, or a code with
 * text and hint. Asked for each TEXT, each item of TEXTS and each INT, as it is written.
 */
typedef int mst_setting_vet(const char *name, const char *text, struct mst_err *err);

/* All scopes in one struct, so that one table suffices: settings->broker_data_dir is written
 * settings->BROKER_data_dir. Strings belong to the struct's arena. */
struct mst_settings {
#define SETTING(scope, name, type, fallback, min, max, unit, doc)                                  \
    MST_SETTING_C_##type scope##_##name;
#include "config/settings.def"
#undef SETTING
    struct mst_arena *arena;
    mst_setting_vet *vet; /* NULL: type and range are all; set after mst_settings_init() */
};

/* Defaults. */
MST_MUST_CHECK int mst_settings_init(struct mst_settings *settings, struct mst_err *err);
void mst_settings_done(struct mst_settings *settings);
/* Read a YAML map of `name: value` into the settings of one scope. */
MST_MUST_CHECK int mst_settings_load(struct mst_settings *settings, enum mst_setting_scope scope,
                                     const char *path, struct mst_diags *diags,
                                     struct mst_err *err);
/* Set one from a command line's NAME=VALUE. */
MST_MUST_CHECK int mst_settings_set(struct mst_settings *settings, enum mst_setting_scope scope,
                                    const char *assignment, struct mst_err *err);

struct mst_setting_row {
    enum mst_setting_scope scope;
    enum mst_setting_type type;
    const char *name, *fallback_text, *unit, *doc; /* unit and doc are message ids */
    int64_t min, max;
};
const struct mst_setting_row *mst_settings_table(size_t *ret_count);

#endif
