/* SPDX-License-Identifier: Apache-2.0 */
/* The brief: what a unit needs to work offline. Its rows are of several types, each named in
 * `type`; clients pass over those that they do not know. */
#include <string.h>

#include "broker/io/query.h"
#include "broker/io/query_tasks.h"

/* The duty under which progress of tasks is told of, also by those who do not bear it; NULL: none.
 */
static const struct mst_duty *tasks_under(const struct mst_programme *p)
{
    for (size_t i = 0; i < p->duties_count; i++) {
        if (p->duties[i].enforced && p->duties[i].tasks == MST_TASKS_PROGRESS)
            return &p->duties[i];
    }
    return NULL;
}

static int put_brief_unit(struct mst_query *q, size_t unit, size_t group, struct mst_err *err)
{
    const struct mst_programme *p = q->programme;
    struct mst_buf *b = mst_query_row(q);
    char date[16];
    const mst_day today = mst_zone_day(p->zone, q->now);
    const struct mst_duty *under = tasks_under(p);
    const struct mst_period running =
        under ? mst_period_containing(under->period, p->fiscal_month, today)
              : (struct mst_period){0};
    mst_pack_map(b, 14);
    mst_query_pack_text(b, "type", "unit");
    mst_query_pack_text(b, "id", p->units[unit].id);
    mst_query_pack_text(b, "name_zh", p->units[unit].name.zh);
    mst_query_pack_text(b, "name_en", p->units[unit].name.en);
    mst_query_pack_text(b, "group", group == SIZE_MAX ? "" : p->groups[group].id);
    mst_query_pack_text(b, "group_name_zh", group == SIZE_MAX ? "" : p->groups[group].name.zh);
    mst_query_pack_text(b, "group_name_en", group == SIZE_MAX ? "" : p->groups[group].name.en);
    mst_pack_text(b, "leads");
    mst_pack_bool(b, mst_programme_leads(p, unit));
    mst_pack_text(b, "tasks_max");
    mst_pack_int(b, p->tasks.max);
    mst_pack_text(b, "matters_max");
    mst_pack_int(b, p->matters.max);
    mst_pack_text(b, "helpers_max");
    mst_pack_int(b, p->matters.helpers);
    mst_query_pack_text(b, "tasks_under", under ? under->id : "");
    mst_query_pack_text(b, "tasks_period", running.key);
    mst_query_pack_text(b, "today", mst_day_format(today, date));
    return mst_query_row_end(q, err);
}

static int put_brief_area(struct mst_query *q, const struct mst_area *area, struct mst_err *err)
{
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 4);
    mst_query_pack_text(b, "type", "area");
    mst_query_pack_text(b, "id", area->id);
    mst_query_pack_text(b, "title_zh", area->title.zh);
    mst_query_pack_text(b, "title_en", area->title.en);
    return mst_query_row_end(q, err);
}

/* Does the unit bear this duty? */
static bool bears(const struct mst_programme *p, const struct mst_duty *duty, size_t unit)
{
    switch (duty->bearer) {
    case MST_BEARER_LEADS:
        return mst_programme_leads(p, unit);
    case MST_BEARER_MEMBERS:
        return mst_programme_group_of(p, unit) != SIZE_MAX && !mst_programme_leads(p, unit);
    case MST_BEARER_UNIT:
        return duty->bearer_unit == unit;
    case MST_BEARER_ALL:
        return mst_programme_group_of(p, unit) != SIZE_MAX;
    case MST_BEARER_OFFICE:
        return false;
    }
    return false;
}

/* What is filed for it: the id of a form, or "post". */
static const char *form_of(const struct mst_duty *duty)
{
    const struct mst_form *form = mst_duty_form(duty);
    return form ? form->id : "post";
}

/* Each form that the unit fills in, once; it goes before the duties that name it. */
static int put_brief_forms(struct mst_query *q, size_t unit, struct mst_err *err)
{
    const struct mst_programme *p = q->programme;
    int code = 0;
    for (size_t i = 0; !code && i < p->forms_count; i++) {
        bool used = false;
        for (size_t j = 0; j < p->duties_count && !used; j++)
            used = p->duties[j].form == &p->forms[i] && p->duties[j].enforced &&
                   bears(p, &p->duties[j], unit);
        if (!used)
            continue;
        struct mst_buf *b = mst_query_row(q);
        mst_pack_map(b, 2);
        mst_query_pack_text(b, "type", "form");
        mst_pack_text(b, "form");
        mst_form_pack(&p->forms[i], b);
        code = mst_query_row_end(q, err);
    }
    return code;
}

/* Whom a report may name. */
static int put_brief_named(struct mst_query *q, const struct mst_unit *unit, struct mst_err *err)
{
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 4);
    mst_query_pack_text(b, "type", "named");
    mst_query_pack_text(b, "id", unit->id);
    mst_query_pack_text(b, "name_zh", unit->name.zh);
    mst_query_pack_text(b, "name_en", unit->name.en);
    return mst_query_row_end(q, err);
}

static int put_brief_duty(struct mst_query *q, const struct mst_duty *duty, struct mst_err *err)
{
    static const char *const tasks[] = {"", "list", "plan", "progress"};
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 9);
    mst_query_pack_text(b, "type", "duty");
    mst_query_pack_text(b, "kind", mst_duty_kind_word(duty->kind));
    mst_query_pack_text(b, "id", duty->id);
    mst_query_pack_text(b, "title_zh", duty->title.zh);
    mst_query_pack_text(b, "title_en", duty->title.en);
    mst_query_pack_text(b, "clause", duty->clause);
    mst_query_pack_text(b, "closing", mst_closing_word(duty->closing));
    mst_query_pack_text(b, "form", form_of(duty));
    mst_query_pack_text(b, "tasks", tasks[duty->tasks]);
    return mst_query_row_end(q, err);
}

/* Units of the group, and those outside all groups where the programme lets them own tasks. */
static int put_brief_owners(struct mst_query *q, size_t group, struct mst_err *err)
{
    const struct mst_programme *p = q->programme;
    int code = 0;
    for (size_t i = 0; !code && i < p->units_count; i++) {
        size_t its = mst_programme_group_of(p, i);
        if (its != group && !(its == SIZE_MAX && p->tasks.outside))
            continue;
        struct mst_buf *b = mst_query_row(q);
        mst_pack_map(b, 4);
        mst_query_pack_text(b, "type", "owner");
        mst_query_pack_text(b, "id", p->units[i].id);
        mst_query_pack_text(b, "name_zh", p->units[i].name.zh);
        mst_query_pack_text(b, "name_en", p->units[i].name.en);
        code = mst_query_row_end(q, err);
    }
    return code;
}

struct brief {
    struct mst_query *q;
    const char *unit;
    int code;
    struct mst_err *err;
};

static int put_brief_obligation(void *context, const char *id, struct mst_slice bytes)
{
    struct brief *brief = context;
    struct mst_obligation o;
    (void)id;
    brief->code = mst_obligation_unpack(bytes, &o, brief->err);
    if (brief->code || strcmp(o.bearer, brief->unit) != 0)
        return brief->code;
    struct mst_query *q = brief->q;
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 10 + MST_NAMED_PAIRS);
    mst_query_pack_text(b, "type", "obligation");
    mst_query_pack_text(b, "kind", mst_duty_kind_word(o.kind));
    mst_query_pack_text(b, "id", o.id);
    mst_query_pack_duty(q, b, "duty", o.duty);
    mst_query_pack_text(b, "period", o.period);
    mst_query_pack_instant(q, b, "due", o.due);
    mst_query_pack_text(b, "phase", mst_obligation_phase_word(q->programme, &o, q->now));
    mst_query_pack_text(b, "work", mst_work_word(o.work));
    mst_query_pack_text(b, "verdict", mst_verdict_word(o.verdict));
    mst_query_pack_text(b, "subject", o.subject);
    mst_query_pack_uint(b, "receipt", o.versions_count ? o.latest.row : 0);
    brief->code = mst_query_row_end(q, brief->err);
    return brief->code;
}

int mst_query_brief(struct mst_query *q, struct mst_err *err)
{
    const struct mst_programme *p = q->programme;
    char wanted_unit[MST_ID_MAX];
    const char *id = mst_query_arg(q, "unit", wanted_unit, sizeof wanted_unit);
    if (!id)
        id = q->actor.unit;
    size_t unit = id ? mst_programme_unit(p, id) : SIZE_MAX;
    if (unit == SIZE_MAX)
        return mst_fail(err, MST_E_UNKNOWN, "%s", id ? id : "unit");
    size_t group = mst_programme_group_of(p, unit);
    if (!mst_query_may(q, id, group == SIZE_MAX ? NULL : p->groups[group].id))
        return mst_fail(err, MST_E_DENIED, "%s", id);
    int code = put_brief_unit(q, unit, group, err);
    for (size_t i = 0; !code && group != SIZE_MAX && i < p->groups[group].areas_count; i++)
        code = put_brief_area(q, &p->groups[group].areas[i], err);
    for (size_t i = 0; !code && i < p->units_count; i++)
        code = put_brief_named(q, &p->units[i], err);
    if (!code)
        code = put_brief_forms(q, unit, err);
    for (size_t i = 0; !code && i < p->duties_count; i++) {
        if (p->duties[i].enforced && bears(p, &p->duties[i], unit))
            code = put_brief_duty(q, &p->duties[i], err);
    }
    struct brief brief = {.q = q, .unit = p->units[unit].id, .err = err};
    if (!code)
        code = mst_reader_obligations(q->reader, q->pid, put_brief_obligation, &brief, err);
    if (!code)
        code = brief.code;
    if (!code && group != SIZE_MAX && mst_programme_leads(p, unit))
        code = put_brief_owners(q, group, err);
    return code ? code : mst_query_brief_tasks(q, unit, group, err);
}
