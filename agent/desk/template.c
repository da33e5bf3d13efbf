/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report file to be filled in: every field of the form with what it wants, what was said last
 * time and what the members sent. What must be filled in is left empty, so that an untouched file
 * is refused by submit; only what the form says carries over begins with the last report's value.
 */
#include <string.h>

#include "agent/desk/desk.h"
#include "config/load/lang.h"
#include "config/model/matters.h"
#include "config/model/programme.h"
#include "proto/pack.h"

#define SHOWN_MAX 400 /* bytes of an earlier text that are shown */

struct template
{
    const struct mst_brief *brief;
    const struct mst_said *said;
    size_t said_count;
    FILE *out;
    const char *prefix; /* of each line: "# " where the whole is an example */
    bool matters;       /* the report may bring up difficulties and projects */
};

/* ---- lines ---- */

static void begin(const struct template *t, int indent)
{
    fprintf(t->out, "%s%*s", t->prefix, indent, "");
}

/* Words come from the wire: they stay on their line. */
void mst_desk_put_clean(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
}

static void put_comment(const struct template *t, int indent, const char *text)
{
    begin(t, indent);
    fputs("# ", t->out);
    mst_desk_put_clean(t->out, text);
    fputc('\n', t->out);
}

static void put_both(const struct template *t, int indent, const char *zh, const char *en)
{
    char both[2 * MST_DESK_TITLE_MAX + 8];
    const char *first = mst_lang_zh() ? zh : en, *second = mst_lang_zh() ? en : zh;
    if (strcmp(zh, en) == 0)
        snprintf(both, sizeof both, "%s", first);
    else
        snprintf(both, sizeof both, "%s / %s", first, second);
    put_comment(t, indent, both);
}

/* ---- values that were said before ---- */

/* A scalar in letters; false: there is none, or it is empty. */
static bool letters_of(struct mst_slice raw, char *buf, size_t size)
{
    struct mst_unpack u;
    struct mst_value v;
    mst_unpack_init(&u, raw.data, raw.len);
    if (!raw.data || !mst_unpack_next(&u, &v))
        return false;
    if (v.kind == MST_VALUE_TEXT)
        mst_slice_copy(v.s, buf, size);
    else if (v.kind == MST_VALUE_INT)
        mst_number_format(v.i, 0, buf);
    else if (v.kind == MST_VALUE_BOOL)
        snprintf(buf, size, "%s", v.boolean ? "true" : "false");
    else
        return false;
    return buf[0] != '\0';
}

void mst_desk_put_quoted(FILE *out, struct mst_slice text)
{
    fputc('"', out);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = text.data[i];
        if (c == '"' || c == '\\')
            fputc('\\', out);
        if (c == '\n')
            fputs("\\n", out);
        else
            fputc(c < 0x20 ? ' ' : c, out);
    }
    fputc('"', out);
}

static struct mst_slice find(struct mst_slice map, const char *key)
{
    struct mst_slice raw = {0};
    return map.data && mst_unpack_find(map, key, &raw) ? raw : (struct mst_slice){0};
}

/* The unit's own last report; data NULL: none is known. */
static const struct mst_said *own_last(const struct template *t)
{
    for (size_t i = 0; i < t->said_count; i++) {
        if (t->said[i].own)
            return &t->said[i];
    }
    return NULL;
}

static void put_last(const struct template *t, int indent, struct mst_slice last)
{
    char text[SHOWN_MAX], line[SHOWN_MAX + 64];
    const struct mst_said *own = own_last(t);
    if (!own || !letters_of(last, text, sizeof text))
        return;
    snprintf(line, sizeof line, _("last said (%s): %s"), own->period, text);
    put_comment(t, indent, line);
}

struct total {
    const struct mst_form_field *field;
    int64_t sum;
    size_t count;
    bool too_big;
};

static void add_figure(void *context, const struct mst_form_field *field, int64_t value)
{
    struct total *total = context;
    (void)field;
    total->too_big = total->too_big || __builtin_add_overflow(total->sum, value, &total->sum);
    total->count++;
}

/* What the members said of a field that their reports have as well. */
static void put_members(const struct template *t, int indent, const struct mst_form_field *field)
{
    struct total total = {.field = field};
    const struct mst_form one = {.id = "", .fields = field, .fields_count = 1};
    char number[24], text[192];
    for (size_t i = 0; field->figure && i < t->said_count; i++) {
        if (!t->said[i].own)
            mst_form_figures(&one, t->said[i].body, add_figure, &total);
    }
    if (!total.count || total.too_big || field->type == MST_FIELD_PERCENT)
        return;
    snprintf(text, sizeof text, _("the members' figures: %s altogether, from %zu of them"),
             mst_number_format(total.sum, field->decimals, number), total.count);
    put_comment(t, indent, text);
}

/* ---- fields ---- */

static void put_fields(const struct template *t, const struct mst_form_field *fields, size_t count,
                       int indent, struct mst_slice last, bool carry);

static void put_wants(const struct template *t, const struct mst_form_field *field, int indent)
{
    char wants[512], line[1024];
    snprintf(line, sizeof line, "%s: %s", mst_label(&field->label),
             mst_form_wants(field, wants, sizeof wants));
    put_comment(t, indent, line);
    for (size_t i = 0; i < field->choices_count; i++) {
        snprintf(line, sizeof line, "  %s: %s", field->choices[i].id,
                 mst_label(&field->choices[i].label));
        put_comment(t, indent, line);
    }
}

static void put_units(const struct template *t, const struct mst_form_field *field, int indent,
                      struct mst_slice last, bool carry)
{
    struct mst_unpack u;
    struct mst_value head = {.kind = MST_VALUE_NIL}, v;
    if (last.data && carry) {
        mst_unpack_init(&u, last.data, last.len);
        (void)mst_unpack_next(&u, &head);
    }
    begin(t, indent);
    fprintf(t->out, "%s: [", field->id);
    for (size_t i = 0; head.kind == MST_VALUE_ARRAY && i < head.count; i++) {
        if (!mst_unpack_next(&u, &v) || v.kind != MST_VALUE_TEXT)
            break;
        fputs(i ? ", " : "", t->out);
        mst_desk_put_quoted(t->out, v.s);
    }
    fputs("]\n", t->out);
}

/* The first column goes behind the dash; what is told of the columns goes before each of them. */
static void put_row(const struct template *t, const struct mst_form_field *field, int indent,
                    struct mst_slice last, bool carry)
{
    begin(t, indent);
    fputs("-\n", t->out);
    put_fields(t, field->fields, field->fields_count, indent + 2, last, carry);
}

static const struct mst_form_field *every_column(const struct mst_form_field *field)
{
    for (size_t i = 0; i < field->fields_count; i++) {
        if (field->fields[i].every)
            return &field->fields[i];
    }
    return NULL;
}

/* The row whose column says so. */
static struct mst_slice row_of(struct mst_slice rows, const char *column, const char *id)
{
    struct mst_unpack u;
    struct mst_value head;
    struct mst_slice row;
    mst_unpack_init(&u, rows.data, rows.len);
    if (!rows.data || !mst_unpack_next(&u, &head) || head.kind != MST_VALUE_ARRAY)
        return (struct mst_slice){0};
    for (size_t i = 0; i < head.count && mst_unpack_skip(&u, &row); i++) {
        if (mst_slice_is(mst_unpack_text(row, column), id))
            return row;
    }
    return (struct mst_slice){0};
}

/* One row for each focus area, with its id; the other columns are to be filled in. */
static void put_areas(const struct template *t, const struct mst_form_field *field, int indent,
                      struct mst_slice last, bool carry)
{
    const struct mst_form_field *column = every_column(field);
    for (size_t i = 0; i < t->brief->areas_count; i++) {
        const struct mst_desk_area *area = &t->brief->areas[i];
        struct mst_slice row = row_of(last, column->id, area->id);
        put_both(t, indent, area->title_zh, area->title_en);
        begin(t, indent);
        fprintf(t->out, "- %s: ", column->id);
        mst_desk_put_quoted(t->out, mst_text(area->id));
        fputc('\n', t->out);
        for (size_t j = 0; j < field->fields_count; j++) {
            if (&field->fields[j] != column)
                put_fields(t, &field->fields[j], 1, indent + 2, row, carry);
        }
    }
}

static void put_rows(const struct template *t, const struct mst_form_field *field, int indent,
                     struct mst_slice last, bool carry)
{
    struct mst_unpack u;
    struct mst_value head = {.kind = MST_VALUE_NIL};
    struct mst_slice row;
    begin(t, indent);
    fprintf(t->out, "%s:\n", field->id);
    if (every_column(field) && t->brief->areas_count) {
        put_areas(t, field, indent + 2, last, carry);
        return;
    }
    mst_unpack_init(&u, last.data, last.len);
    if (carry && last.data && mst_unpack_next(&u, &head) && head.kind == MST_VALUE_ARRAY &&
        head.count) {
        for (size_t i = 0; i < head.count && mst_unpack_skip(&u, &row); i++)
            put_row(t, field, indent + 2, row, true);
        return;
    }
    struct template example = *t;
    example.prefix = field->required ? t->prefix : "# ";
    put_row(&example, field, indent + 2, (struct mst_slice){0}, false);
}

static void put_field(const struct template *t, const struct mst_form_field *field, int indent,
                      struct mst_slice last, bool carry)
{
    char value[MST_FORM_TEXT_MAX] = "";
    struct template inside = *t;
    put_wants(t, field, indent);
    switch (field->type) {
    case MST_FIELD_ROWS:
        put_rows(t, field, indent, last, carry);
        return;
    case MST_FIELD_UNITS:
        put_units(t, field, indent, last, carry);
        return;
    case MST_FIELD_RECORD:
        begin(t, indent);
        fprintf(t->out, "%s:\n", field->id);
        inside.prefix = field->required || (carry && last.data) ? t->prefix : "# ";
        put_fields(&inside, field->fields, field->fields_count, indent + 2, last, carry);
        return;
    default:
        break;
    }
    if (!carry)
        put_last(t, indent, last);
    else if (own_last(t) && letters_of(last, value, sizeof value) && !own_last(t)->returned) {
        char line[64];
        snprintf(line, sizeof line, _("carried over from %s"), own_last(t)->period);
        put_comment(t, indent, line);
    }
    put_members(t, indent, field);
    begin(t, indent);
    fprintf(t->out, "%s: ", field->id);
    mst_desk_put_quoted(t->out, mst_text(value));
    fputc('\n', t->out);
}

/* What words may stand for: entries that are registered and followed up. */
static void put_matter(const struct template *t, const struct mst_form_field *field)
{
    struct mst_matter_field matter;
    struct template example = *t;
    example.prefix = "# ";
    if (!t->matters || field->type != MST_FIELD_TEXT ||
        !mst_matter_field(mst_text(field->id), &t->brief->matters, &matter))
        return;
    put_comment(t, 0, _("or, instead of words, a list whose entries are followed up:"));
    put_rows(&example, &matter.list, 0, (struct mst_slice){0}, false);
}

/* What was listed in the words' place, to be corrected; false: nothing was. */
static bool put_listed(const struct template *t, const struct mst_form_field *field,
                       struct mst_slice last)
{
    struct mst_matter_field matter;
    struct mst_unpack u;
    struct mst_value head;
    mst_unpack_init(&u, last.data, last.len);
    if (!last.data || !mst_unpack_next(&u, &head) || head.kind != MST_VALUE_ARRAY || !head.count ||
        field->type != MST_FIELD_TEXT ||
        !mst_matter_field(mst_text(field->id), &t->brief->matters, &matter))
        return false;
    put_rows(t, &matter.list, 0, last, true);
    return true;
}

/* Lists that were brought up beside the form's own fields. */
static void put_beside(const struct template *t, const struct mst_form *form, struct mst_slice last)
{
    static const char *const keys[] = {"difficulties", "projects"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct mst_form_field field = {.id = keys[i], .type = MST_FIELD_TEXT};
        if (mst_form_field(form->fields, form->fields_count, mst_text(keys[i])))
            continue;
        if (find(last, keys[i]).data)
            fputc('\n', t->out);
        (void)put_listed(t, &field, find(last, keys[i]));
    }
}

static void put_fields(const struct template *t, const struct mst_form_field *fields, size_t count,
                       int indent, struct mst_slice last, bool carry)
{
    for (size_t i = 0; i < count; i++) {
        if (indent == 0)
            fputc('\n', t->out);
        struct mst_slice raw = find(last, fields[i].id);
        if (indent == 0 && carry && put_listed(t, &fields[i], raw))
            continue;
        put_field(t, &fields[i], indent, raw, carry || fields[i].carry);
        if (indent == 0)
            put_matter(t, &fields[i]);
    }
}

/* ---- what the members sent ---- */

static void put_said(const struct template *t, const char *label, struct mst_slice raw, int indent)
{
    struct mst_unpack u;
    struct mst_value head, key;
    char text[SHOWN_MAX], line[SHOWN_MAX + 128];
    /* An entry of a list has a dash for a label. */
    const char *colon = strcmp(label, "-") == 0 ? "" : ":";
    mst_unpack_init(&u, raw.data, raw.len);
    if (letters_of(raw, text, sizeof text)) {
        snprintf(line, sizeof line, "%*s%.100s%s %s", indent, "", label, colon, text);
        put_comment(t, 0, line);
        return;
    }
    if (!mst_unpack_next(&u, &head) ||
        (head.kind != MST_VALUE_MAP && head.kind != MST_VALUE_ARRAY) || !head.count)
        return;
    snprintf(line, sizeof line, "%*s%.100s%s", indent, "", label, colon);
    put_comment(t, 0, line);
    for (size_t i = 0; i < head.count; i++) {
        struct mst_slice inside;
        char name[64] = "-";
        if (head.kind == MST_VALUE_MAP) {
            if (!mst_unpack_next(&u, &key))
                return;
            mst_slice_show(key.s, name, sizeof name);
        }
        if (!mst_unpack_skip(&u, &inside))
            return;
        put_said(t, name, inside, indent + 2);
    }
}

static void put_all_members(const struct template *t)
{
    bool any = false;
    char line[512];
    for (size_t i = 0; i < t->said_count; i++) {
        const struct mst_said *said = &t->said[i];
        if (said->own)
            continue;
        if (!any) {
            fputc('\n', t->out);
            put_comment(t, 0, _("What the members sent; none of it is part of this report:"));
        }
        any = true;
        snprintf(line, sizeof line, _("%s said, in %s of %s (receipt %llu):"), said->who,
                 said->duty, said->period, (unsigned long long)said->receipt);
        put_comment(t, 0, line);
        struct mst_unpack u;
        struct mst_value head, key;
        mst_unpack_init(&u, said->body.data, said->body.len);
        if (!mst_unpack_next(&u, &head) || head.kind != MST_VALUE_MAP)
            continue;
        for (size_t j = 0; j < head.count; j++) {
            struct mst_slice raw;
            char name[64];
            if (!mst_unpack_next(&u, &key) || !mst_unpack_skip(&u, &raw))
                break;
            mst_slice_show(key.s, name, sizeof name);
            if (strcmp(name, mst_form_header.id) != 0)
                put_said(t, name, raw, 2);
        }
    }
}

void mst_report_template(const struct mst_brief *brief, const char *duty, const char *period,
                         const struct mst_said *said, size_t said_count, FILE *out)
{
    const struct mst_desk_duty *known = mst_brief_duty(brief, duty);
    struct template t = {.brief = brief,
                         .said = said,
                         .said_count = said_count,
                         .out = out,
                         .prefix = "",
                         .matters = known && known->report};
    const struct mst_form *form = known && known->form ? known->form : &mst_form_text;
    const struct mst_said *own = own_last(&t);
    if (known)
        put_both(&t, 0, known->title_zh, known->title_en);
    if (brief->unit[0])
        put_both(&t, 0, brief->name_zh, brief->name_en);
    if (own && own->returned)
        put_comment(
            &t, 0,
            _("Returned: what was reported stands here. Correct it; `muster-agent inbox` says "
              "why."));
    put_comment(&t, 0, _("Fill in what is empty, then: muster-agent submit THIS-FILE --wait"));
    put_comment(&t, 0, _("Several lines of text: write | and indent the text below."));
    put_all_members(&t);
    fputc('\n', out);
    if (brief->unit[0])
        fprintf(out, "unit: \"%s\"\n", brief->unit);
    fprintf(out, "duty: \"%s\"\nperiod: \"%s\"\n", duty, period);
    bool returned = own && own->returned;
    struct mst_slice last = own ? own->body : (struct mst_slice){0};
    if (known)
        mst_desk_put_tasks(brief, known->tasks, returned ? last : (struct mst_slice){0}, out);
    put_fields(&t, form->fields, form->fields_count, 0, last, returned);
    if (returned)
        put_beside(&t, form, last);
}
