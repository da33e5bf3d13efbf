/* SPDX-License-Identifier: Apache-2.0 */
/* A report file to be filled in. What must be filled in is left empty, so that an untouched file is
 * refused by submit. */
#include <string.h>

#include "agent/desk/desk.h"
#include "config/load/lang.h"

/* Titles come from the wire: they stay on their line. */
void mst_desk_put_line(FILE *out, const char *indent, const char *text)
{
    fprintf(out, "%s# ", indent);
    for (; *text; text++)
        fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
    fputc('\n', out);
}

static void put_both(FILE *out, const char *indent, const char *zh, const char *en)
{
    char both[2 * MST_DESK_TITLE_MAX + 8];
    const char *first = mst_lang_zh() ? zh : en, *second = mst_lang_zh() ? en : zh;
    if (strcmp(zh, en) == 0)
        snprintf(both, sizeof both, "%s", first);
    else
        snprintf(both, sizeof both, "%s / %s", first, second);
    mst_desk_put_line(out, indent, both);
}

static void put_header(FILE *out)
{
    fprintf(out,
            "header:\n  filled_in_by: \"\"   # %s\n  checked_by: \"\"     # %s\n"
            "  signed_off_by: \"\"  # %s\n  phone: \"\"          # %s\n",
            _("filled in by (填报人)"), _("checked by (审核人)"), _("signed off by (签发人)"),
            _("telephone"));
}

static void put_areas(const struct mst_brief *brief, FILE *out)
{
    fputc('\n', out);
    mst_desk_put_line(
        out, "",
        _("Progress in each focus area. Several lines: write | and indent the text below."));
    fprintf(out, "areas:\n");
    for (size_t i = 0; i < brief->areas_count; i++) {
        put_both(out, "  ", brief->areas[i].title_zh, brief->areas[i].title_en);
        fprintf(out, "  - id: \"%s\"\n    progress: \"\"\n", brief->areas[i].id);
    }
}

static void put_minutes(FILE *out)
{
    fputc('\n', out);
    mst_desk_put_line(out, "", _("One file for each meeting. Its date, as in 2023-03-15."));
    fprintf(out, "date: \"\"\n");
    mst_desk_put_line(out, "", _("Who convened it, and who took part."));
    fprintf(out, "convener: \"\"\nattendees: \"\"\n");
    mst_desk_put_line(out, "",
                      _("What was decided. Several lines: write | and indent the text below."));
    fprintf(out, "decisions: \"\"\n");
}

static void put_text(FILE *out, bool areas)
{
    fputc('\n', out);
    mst_desk_put_line(
        out, "", areas ? _("The whole in short; may stay empty.") : _("What there is to report."));
    fprintf(out, "summary: \"\"\n\n");
    mst_desk_put_line(out, "", _("Difficulties that need others' help; may stay empty."));
    fprintf(out, "difficulties: \"\"\n\n");
    mst_desk_put_line(out, "", _("Projects won; may stay empty."));
    fprintf(out, "projects: \"\"\n");
}

void mst_report_template(const struct mst_brief *brief, const char *duty, const char *period,
                         FILE *out)
{
    const struct mst_desk_duty *known = mst_brief_duty(brief, duty);
    if (known)
        put_both(out, "", known->title_zh, known->title_en);
    if (brief->unit[0])
        put_both(out, "", brief->name_zh, brief->name_en);
    mst_desk_put_line(out, "",
                      _("Fill in what is empty, then: muster-agent submit THIS-FILE --wait"));
    fprintf(out, "duty: \"%s\"\nperiod: \"%s\"\n\n", duty, period);
    put_header(out);
    if (known && known->form == MST_FORM_MINUTES) {
        put_minutes(out);
        return;
    }
    bool areas = known && known->form == MST_FORM_AREAS && brief->areas_count > 0;
    if (areas)
        put_areas(brief, out);
    if (known)
        mst_desk_put_tasks(brief, known->tasks, out);
    put_text(out, areas);
}
