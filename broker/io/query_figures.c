/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reports that count say: whole, and their figures summed and compared, period with
 * period. Numbers stay exact: they are added as integers and told as text. Percentages are not
 * added up; their mean is compared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/io/effective.h"

#define FIGURES_MAX 256     /* of one form */
#define FIGURE_NAME_MAX 160 /* three ids and their points */
#define MEAN_DECIMALS 2     /* more than the figure itself has */

/* ---- what is summed ---- */

struct figure {
    char name[FIGURE_NAME_MAX]; /* "areas.spent" */
    const struct mst_form_field *field;
};

struct cell {
    size_t count;
    int64_t sum, min, max;
};

enum by { BY_UNIT, BY_GROUP, BY_PERIOD };

struct summing {
    struct mst_query *q;
    struct mst_err *err;
    enum by by;
    struct figure figures[FIGURES_MAX]; /* of the duty that is being summed */
    size_t figures_count;
    struct cell now[FIGURES_MAX], before[FIGURES_MAX];
    size_t reports;
    bool overflow;
    const struct mst_effective *last; /* the run before, for `before`; NULL: none */
};

static void list_figures(struct summing *s, const struct mst_form_field *fields, size_t count,
                         const char *prefix)
{
    for (size_t i = 0; i < count && s->figures_count < FIGURES_MAX; i++) {
        char name[FIGURE_NAME_MAX];
        snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] ? "." : "", fields[i].id);
        if (fields[i].fields_count)
            list_figures(s, fields[i].fields, fields[i].fields_count, name);
        if (!fields[i].figure)
            continue;
        struct figure *figure = &s->figures[s->figures_count++];
        memcpy(figure->name, name, sizeof figure->name);
        figure->field = &fields[i];
    }
}

static void add_value(void *context, const struct mst_form_field *field, int64_t value)
{
    struct summing *s = context;
    size_t i = 0;
    while (i < s->figures_count && s->figures[i].field != field)
        i++;
    if (i == s->figures_count)
        return;
    struct cell *cell = &s->now[i];
    if (!cell->count || value < cell->min)
        cell->min = value;
    if (!cell->count || value > cell->max)
        cell->max = value;
    cell->count++;
    s->overflow = s->overflow || __builtin_add_overflow(cell->sum, value, &cell->sum);
}

static int add_report(void *context, const struct mst_effective *e, mst_time at,
                      struct mst_slice body)
{
    struct summing *s = context;
    (void)at;
    s->reports++;
    mst_form_figures(s->q->programme->duties[e->duty].form, body, add_value, s);
    return 0;
}

/* ---- telling ---- */

/* Half away from zero, with two decimals more. */
static int64_t mean_of(const struct cell *cell)
{
    int64_t n = (int64_t)cell->count, finer = 1;
    for (int i = 0; i < MEAN_DECIMALS; i++)
        finer *= 10;
    int64_t rest = cell->sum % n * finer;
    int64_t half = rest < 0 ? -n / 2 : n / 2;
    return cell->sum / n * finer + (rest + half) / n;
}

static void pack_number(struct mst_buf *b, const char *key, bool there, int64_t value, int decimals)
{
    char text[24];
    mst_query_pack_text(b, key, there ? mst_number_format(value, decimals, text) : "");
}

static const char *key_of(const struct summing *s, const struct mst_effective *e)
{
    const struct mst_programme *p = s->q->programme;
    if (s->by == BY_UNIT)
        return p->units[e->unit].id;
    return s->by == BY_GROUP && e->group != SIZE_MAX ? p->groups[e->group].id : "";
}

static int put_figure(struct summing *s, const struct mst_effective *e, size_t i, bool compared)
{
    const struct mst_form_field *field = s->figures[i].field;
    const struct cell *now = &s->now[i], *before = &s->before[i];
    const char *group = e->group == SIZE_MAX ? "" : s->q->programme->groups[e->group].id;
    bool percent = field->type == MST_FIELD_PERCENT;
    int decimals = field->decimals, fine = decimals + MEAN_DECIMALS;
    compared = compared && before->count && now->count;
    struct mst_buf *b = mst_query_row(s->q);
    mst_pack_map(b, 15 + 3 * MST_NAMED_PAIRS);
    mst_query_pack_duty(s->q, b, "duty", s->q->programme->duties[e->duty].id);
    mst_query_pack_text(b, "period", e->period.key);
    mst_query_pack_group(s->q, b, "group", s->by == BY_PERIOD ? "" : group);
    mst_query_pack_unit(s->q, b, "unit", s->by == BY_UNIT ? key_of(s, e) : "");
    mst_query_pack_text(b, "field", s->figures[i].name);
    mst_query_pack_text(b, "label", field->label.zh);
    mst_query_pack_text(b, "label_en", field->label.en);
    mst_query_pack_text(b, "measure", percent ? "%" : field->measure.zh ? field->measure.zh : "");
    mst_query_pack_text(b, "measure_en",
                        percent             ? "%"
                        : field->measure.en ? field->measure.en
                                            : "");
    mst_pack_text(b, "reports");
    mst_pack_uint(b, s->reports);
    mst_pack_text(b, "count");
    mst_pack_uint(b, now->count);
    pack_number(b, "sum", !percent && now->count, now->sum, decimals);
    pack_number(b, "mean", now->count, now->count ? mean_of(now) : 0, fine);
    pack_number(b, "min", now->count, now->min, decimals);
    pack_number(b, "max", now->count, now->max, decimals);
    mst_query_pack_text(b, "previous", s->last ? s->last->period.key : "");
    if (percent) {
        pack_number(b, "was", compared, compared ? mean_of(before) : 0, fine);
        pack_number(b, "change", compared, compared ? mean_of(now) - mean_of(before) : 0, fine);
    } else {
        int64_t change = 0;
        s->overflow =
            s->overflow || (compared && __builtin_sub_overflow(now->sum, before->sum, &change));
        pack_number(b, "was", compared, before->sum, decimals);
        pack_number(b, "change", compared, change, decimals);
    }
    return mst_query_row_end(s->q, s->err);
}

/* Whether the one period is the next after the other. */
static bool follows(const struct mst_programme *p, const struct mst_effective *e,
                    const struct mst_effective *last)
{
    if (e->period.kind == MST_PERIOD_ONCE)
        return false;
    struct mst_period next = mst_period_next(&last->period, p->fiscal_month);
    return strcmp(next.key, e->period.key) == 0;
}

/* The reports of one duty, key and period. */
static int sum_run(struct summing *s, const struct mst_effective *run, size_t count)
{
    int code = 0;
    memset(s->now, 0, sizeof s->now);
    s->reports = 0;
    for (size_t i = 0; !code && i < count; i++)
        code = mst_effective_body(s->q, &run[i], add_report, s, s->err);
    bool same =
        s->last && s->last->duty == run->duty && strcmp(key_of(s, s->last), key_of(s, run)) == 0;
    if (!same || !follows(s->q->programme, run, s->last))
        s->last = NULL;
    for (size_t i = 0; !code && i < s->figures_count; i++) {
        if (mst_query_matches(s->q, "period", run->period.key) &&
            mst_query_matches(s->q, "field", s->figures[i].name))
            code = put_figure(s, run, i, s->last != NULL);
    }
    memcpy(s->before, s->now, sizeof s->before);
    s->last = run;
    return code || !s->overflow ? code : mst_fail_on(s->err, MST_E_TOO_LARGE, "sum");
}

static int in_order(const void *a, const void *b)
{
    const struct mst_effective *x = a, *y = b;
    if (x->duty != y->duty)
        return x->duty < y->duty ? -1 : 1;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->period.first != y->period.first)
        return x->period.first < y->period.first ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int sum_all(struct summing *s, struct mst_effectives *all)
{
    const struct mst_programme *p = s->q->programme;
    int code = 0;
    for (size_t i = 0; i < all->count; i++) {
        struct mst_effective *e = &all->items[i];
        e->key = s->by == BY_UNIT ? e->unit : s->by == BY_GROUP ? e->group : 0;
    }
    if (all->count)
        qsort(all->items, all->count, sizeof *all->items, in_order);
    for (size_t i = 0, n; !code && i < all->count; i += n) {
        const struct mst_effective *run = &all->items[i];
        for (n = 1; i + n < all->count && run[n].duty == run->duty && run[n].key == run->key &&
                    run[n].period.first == run->period.first;)
            n++;
        const struct mst_form *form = p->duties[run->duty].form;
        if (!s->last || s->last->duty != run->duty) {
            s->figures_count = 0;
            list_figures(s, form ? form->fields : NULL, form ? form->fields_count : 0, "");
        }
        if (s->figures_count)
            code = sum_run(s, run, n);
        else
            s->last = run;
    }
    return code;
}

static int by_of(struct mst_query *q, enum by *ret, struct mst_err *err)
{
    static const char *const words[] = {"unit", "group", "period"};
    char text[16] = "period";
    (void)mst_query_arg(q, "by", text, sizeof text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret = (enum by)i;
            return 0;
        }
    }
    return mst_fail(err, MST_E_USAGE, "--by %s (unit, group, period)", text);
}

/* A figure that no form of the programme has was meant to be another. */
static int check_field(struct summing *s)
{
    const struct mst_programme *p = s->q->programme;
    char word[FIGURE_NAME_MAX];
    const char *asked = mst_query_arg(s->q, "field", word, sizeof word);
    bool known = !asked;
    for (size_t i = 0; !known && i < p->forms_count; i++) {
        s->figures_count = 0;
        list_figures(s, p->forms[i].fields, p->forms[i].fields_count, "");
        for (size_t k = 0; !known && k < s->figures_count; k++)
            known = strcmp(s->figures[k].name, word) == 0;
    }
    s->figures_count = 0;
    return known ? 0 : mst_fail(s->err, MST_E_UNKNOWN, "--field %s", word);
}

int mst_query_figures(struct mst_query *q, struct mst_err *err)
{
    struct mst_effectives all = {0};
    struct summing *s = calloc(1, sizeof *s);
    if (!s)
        return mst_fail_on(err, MST_E_NOMEM, "figures");
    s->q = q;
    s->err = err;
    int code = by_of(q, &s->by, err);
    if (!code)
        code = check_field(s);
    if (!code)
        code = mst_effectives_collect(q, &all, err);
    if (!code)
        code = sum_all(s, &all);
    mst_effectives_done(&all);
    free(s);
    return code;
}

/* ---- whole ---- */

struct telling {
    struct mst_query *q;
    struct mst_err *err;
};

static int put_contents(void *context, const struct mst_effective *e, mst_time at,
                        struct mst_slice body)
{
    const struct telling *t = context;
    const struct mst_programme *p = t->q->programme;
    struct mst_buf *b = mst_query_row(t->q);
    mst_pack_map(b, 8 + MST_NAMED_PAIRS);
    mst_pack_text(b, "receipt");
    mst_pack_uint(b, e->row);
    mst_query_pack_instant(t->q, b, "at", at);
    mst_query_pack_text(b, "obligation", e->obligation);
    mst_query_pack_text(b, "duty", p->duties[e->duty].id);
    mst_query_pack_text(b, "period", e->period.key);
    mst_query_pack_unit(t->q, b, "unit", p->units[e->unit].id);
    mst_query_pack_text(b, "group", e->group == SIZE_MAX ? "" : p->groups[e->group].id);
    mst_pack_text(b, "body");
    mst_buf_put(b, body.data, body.len);
    mst_query_pack_labels(t->q, b, p->duties[e->duty].id);
    return mst_query_row_end(t->q, t->err);
}

int mst_query_contents(struct mst_query *q, struct mst_err *err)
{
    struct mst_effectives all;
    struct telling t = {q, err};
    int code = mst_effectives_collect(q, &all, err);
    if (all.count)
        qsort(all.items, all.count, sizeof *all.items, in_order);
    for (size_t i = 0; !code && i < all.count; i++) {
        if (mst_query_matches(q, "period", all.items[i].period.key))
            code = mst_effective_body(q, &all.items[i], put_contents, &t, err);
    }
    mst_effectives_done(&all);
    return code;
}
