/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl check: programme files without a broker. Findings go to stderr, the summary to stdout.
 */
#include "agent/ctl/ctl.h"
#include "config/load/lang.h"
#include "config/load/load.h"
#include "proto/pack.h"

static size_t areas_of(const struct mst_programme *p)
{
    size_t areas = 0;
    for (size_t i = 0; i < p->groups_count; i++)
        areas += p->groups[i].areas_count;
    return areas;
}

static size_t duties_of(const struct mst_programme *p, bool enforced)
{
    size_t count = 0;
    for (size_t i = 0; i < p->duties_count; i++)
        count += p->duties[i].enforced == enforced;
    return count;
}

static void print_duties(const struct mst_programme *p, bool enforced, const char *heading)
{
    if (!duties_of(p, enforced))
        return;
    printf("  %s:\n", heading);
    for (size_t i = 0; i < p->duties_count; i++) {
        if (p->duties[i].enforced == enforced)
            printf("    %s  %s\n", p->duties[i].id, mst_label(&p->duties[i].title));
    }
}

static void print_summary(const char *file, const struct mst_programme *p)
{
    printf(_("%s: %s, units: %zu, groups: %zu, focus areas: %zu, duties: %zu"), file, p->id,
           p->units_count, p->groups_count, areas_of(p), p->duties_count);
    printf("\n");
    print_duties(p, true, _("enforced"));
    print_duties(p, false, _("declared, not enforced"));
}

static void pack_duties(struct mst_buf *out, const struct mst_programme *p, bool enforced)
{
    mst_pack_array(out, p ? duties_of(p, enforced) : 0);
    for (size_t i = 0; p && i < p->duties_count; i++) {
        if (p->duties[i].enforced == enforced)
            mst_pack_text(out, p->duties[i].id);
    }
}

/* The same as a row for programs; p is NULL for a file that was refused. */
static void pack_row(struct mst_buf *out, const char *file, const struct mst_programme *p,
                     const struct mst_diags *diags)
{
    mst_pack_map(out, 9);
    mst_pack_text(out, "file");
    mst_pack_text(out, file);
    mst_pack_text(out, "programme");
    mst_pack_text(out, p ? p->id : NULL);
    mst_pack_text(out, "units");
    mst_pack_uint(out, p ? p->units_count : 0);
    mst_pack_text(out, "groups");
    mst_pack_uint(out, p ? p->groups_count : 0);
    mst_pack_text(out, "areas");
    mst_pack_uint(out, p ? areas_of(p) : 0);
    mst_pack_text(out, "enforced");
    pack_duties(out, p, true);
    mst_pack_text(out, "declared");
    pack_duties(out, p, false);
    mst_pack_text(out, "errors");
    mst_pack_uint(out, diags->errors);
    mst_pack_text(out, "warnings");
    mst_pack_uint(out, diags->count > diags->errors ? diags->count - diags->errors : 0);
}

/* Check one file; adds its row where there is a table, prints its summary otherwise. */
static int check_file(const char *program, const char *file, struct mst_table *table)
{
    struct mst_diags diags = {0};
    struct mst_programme *p = NULL;
    struct mst_buf row = {0};
    struct mst_err err;
    int exit_code = MST_EXIT_OK;
    int code = mst_programme_load(file, &diags, &p, &err);
    mst_diags_print(&diags, stderr);
    if (code && diags.errors)
        exit_code = MST_EXIT_REFUSED; /* all is said */
    else if (code)
        exit_code = mst_complain(program, &err);
    if (table) {
        pack_row(&row, file, p, &diags);
        code = mst_table_row(table, mst_bytes(row.data, row.len), &err);
        if (code)
            exit_code = mst_complain(program, &err);
    } else if (p) {
        print_summary(file, p);
    }
    mst_buf_done(&row);
    mst_programme_unref(p);
    mst_diags_done(&diags);
    return exit_code;
}

int mst_ctl_check(const struct mst_ctl_call *call)
{
    const char *program = call->line->app->program;
    struct mst_table *table = NULL;
    struct mst_err err;
    if (call->format != MST_FORMAT_TABLE) {
        table = mst_table_new(call->format,
                              "file programme units groups areas enforced declared errors warnings",
                              stdout);
        if (!table) {
            mst_fail_on(&err, MST_E_NOMEM, "check");
            return mst_complain(program, &err);
        }
    }
    int exit_code = MST_EXIT_OK;
    for (size_t i = 0; i < call->many_count; i++) {
        int one = check_file(program, call->many[i], table);
        exit_code = one ? one : exit_code;
    }
    if (table && mst_table_end(table, &err))
        exit_code = mst_complain(program, &err);
    return exit_code ? MST_EXIT_REFUSED : MST_EXIT_OK;
}
