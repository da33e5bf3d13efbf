/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl settings: the settings table as it is compiled in. Reads no file. */
#include "agent/ctl/ctl.h"
#include "config/load/settings.h"
#include "proto/pack.h"

/* Each as its enum. */
static const char *const scope_words[] = {"broker", "agent", "watch"};
static const char *const type_words[] = {"int", "text", "texts", "bool"};

/* In a table the unit is for people; a column `unit` holds ids elsewhere, so it is not one of
 * words. */
static void pack_row(struct mst_buf *out, const struct mst_setting_row *row, bool for_people)
{
    char range[64];
    snprintf(range, sizeof range, "%lld..%lld", (long long)row->min, (long long)row->max);
    mst_pack_map(out, 7);
    mst_pack_text(out, "scope");
    mst_pack_text(out, scope_words[row->scope]);
    mst_pack_text(out, "name");
    mst_pack_text(out, row->name);
    mst_pack_text(out, "type");
    mst_pack_text(out, type_words[row->type]);
    mst_pack_text(out, "range");
    mst_pack_text(out, range);
    mst_pack_text(out, "unit");
    mst_pack_text(out, for_people ? _(row->unit) : row->unit);
    mst_pack_text(out, "default");
    mst_pack_text(out, row->fallback_text);
    mst_pack_text(out, "doc");
    mst_pack_text(out, _(row->doc));
}

int mst_ctl_settings(const struct mst_ctl_call *call)
{
    char columns[128];
    snprintf(columns, sizeof columns, "scope %s", call->command->columns);
    struct mst_table *table = mst_table_new(call->format, columns, stdout);
    struct mst_err err;
    size_t count;
    const struct mst_setting_row *rows = mst_settings_table(&count);
    int code = table ? 0 : mst_fail_on(&err, MST_E_NOMEM, "settings");
    struct mst_buf row = {0};
    for (size_t i = 0; !code && i < count; i++) {
        mst_buf_clear(&row);
        pack_row(&row, &rows[i], call->format == MST_FORMAT_TABLE);
        code = mst_table_row(table, mst_bytes(row.data, row.len), &err);
    }
    mst_buf_done(&row);
    int end = table ? mst_table_end(table, code ? NULL : &err) : 0;
    return code || end ? mst_complain(call->line->app->program, &err) : MST_EXIT_OK;
}
