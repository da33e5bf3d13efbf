/* SPDX-License-Identifier: Apache-2.0 */
/* The words of forms, the forms that serve where a programme names none, and exact numbers. */
#include "config/model/form.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/model/programme.h"
#include "proto/pack.h"

const char *mst_field_type_word(enum mst_field_type type)
{
    static const char *const rows[] = {
#define FIELDTYPE(name, word, words) word,
#include "config/model/fieldtypes.def"
#undef FIELDTYPE
    };
    return rows[type];
}

const char *mst_field_type_words(enum mst_field_type type)
{
    static const char *const rows[] = {
#define FIELDTYPE(name, word, words) words,
#include "config/model/fieldtypes.def"
#undef FIELDTYPE
    };
    return rows[type];
}

static const struct {
    const char *word, *text, *hint;
} faults[] = {
#define FORMFAULT(name, word, text, hint) {word, text, hint},
#include "config/model/formfaults.def"
#undef FORMFAULT
};

const char *mst_form_fault_word(enum mst_form_fault_kind kind)
{
    return faults[kind].word;
}

const char *mst_form_fault_text(enum mst_form_fault_kind kind)
{
    return faults[kind].text;
}

const char *mst_form_fault_hint(enum mst_form_fault_kind kind)
{
    return faults[kind].hint;
}

/* ---- forms that serve where a programme names none ---- */

#define WORDS(name, must, english, chinese)                                                        \
    {                                                                                              \
        .id = name, .label = {english, chinese}, .required = must, .max = MST_FORM_TEXT_MAX        \
    }

static const struct mst_form_field header_fields[] = {
    WORDS("filled_in_by", true, "filled in by", "填报人"),
    WORDS("checked_by", true, "checked by", "审核人"),
    WORDS("signed_off_by", true, "signed off by", "签发人"),
    WORDS("phone", true, "telephone", "联系电话"),
};

#define HEADER                                                                                     \
    {                                                                                              \
        .id = "header", .label = {"header", "表头"}, .type = MST_FIELD_RECORD, .required = true,   \
        .fields = header_fields, .fields_count = sizeof header_fields / sizeof header_fields[0]    \
    }
const struct mst_form_field mst_form_header = HEADER;

static const struct mst_form_field area_fields[] = {
    {.id = "id",
     .label = {"focus area", "重点领域"},
     .type = MST_FIELD_AREA,
     .required = true,
     .every = true},
    WORDS("progress", true, "progress", "工作进展"),
};

#define REST                                                                                       \
    WORDS("summary", false, "the whole in short", "总体情况"),                                     \
        WORDS("difficulties", false, "difficulties that need others' help", "需协调的难点问题"),   \
        WORDS("projects", false, "projects won", "争取项目情况")

static const struct mst_form_field text_fields[] = {HEADER, REST};
static const struct mst_form_field areas_fields[] = {
    HEADER,
    {.id = "areas",
     .label = {"progress in each focus area", "各重点领域工作进展"},
     .type = MST_FIELD_ROWS,
     .max = MST_FORM_ROWS_MAX,
     .fields = area_fields,
     .fields_count = 2},
    REST};
static const struct mst_form_field minutes_fields[] = {
    HEADER,
    {.id = "date",
     .label = {"the meeting's date", "会议日期"},
     .type = MST_FIELD_DATE,
     .required = true},
    WORDS("convener", true, "convener", "召集人"),
    WORDS("attendees", true, "attendees", "参会人员"),
    WORDS("decisions", true, "decisions", "议定事项"),
};

#define FORM(name, word, list, lets)                                                               \
    const struct mst_form mst_form_##name = {                                                      \
        .id = word, .fields = list, .fields_count = sizeof list / sizeof list[0], .open = lets}
FORM(text, "text", text_fields, false);
FORM(areas, "areas", areas_fields, false);
FORM(minutes, "minutes", minutes_fields, false);
const struct mst_form mst_form_any = {
    .id = "any", .fields = &mst_form_header, .fields_count = 1, .open = true};

const struct mst_form *mst_duty_form(const struct mst_duty *duty)
{
    if (duty->form)
        return duty->form;
    if (duty->kind == MST_DUTY_QUOTA)
        return &mst_form_minutes;
    if (duty->kind != MST_DUTY_REPORT)
        return NULL;
    /* A list's tasks cover the focus areas. */
    bool areas = duty->bearer == MST_BEARER_LEADS && duty->tasks != MST_TASKS_LIST;
    return areas ? &mst_form_areas : &mst_form_text;
}

struct mst_form_names mst_programme_names(const struct mst_programme *p, size_t group)
{
    struct mst_form_names names = {.units = p->units, .units_count = p->units_count};
    if (group != SIZE_MAX) {
        names.areas = p->groups[group].areas;
        names.areas_count = p->groups[group].areas_count;
    }
    return names;
}

const struct mst_form_field *mst_form_field(const struct mst_form_field *fields, size_t count,
                                            struct mst_slice id)
{
    for (size_t i = 0; i < count; i++) {
        if (mst_slice_is(id, fields[i].id))
            return &fields[i];
    }
    return NULL;
}

/* ---- numbers ---- */

bool mst_field_is_number(const struct mst_form_field *field)
{
    return field->type == MST_FIELD_INTEGER || field->type == MST_FIELD_DECIMAL ||
           field->type == MST_FIELD_PERCENT;
}

static size_t digits_at(struct mst_slice text, size_t from)
{
    size_t n = 0;
    while (from + n < text.len && text.data[from + n] >= '0' && text.data[from + n] <= '9')
        n++;
    return n;
}

int mst_number_parse(struct mst_slice text, int decimals, int64_t *ret_value)
{
    size_t at = text.len && text.data[0] == '-', whole = digits_at(text, at), fine = 0;
    bool negative = at == 1;
    size_t end = at + whole;
    if (end < text.len && text.data[end] == '.') {
        fine = digits_at(text, end + 1);
        if (!fine)
            return MST_FORM_WRONG_TYPE;
        end += 1 + fine;
    }
    if (!whole || end != text.len)
        return MST_FORM_WRONG_TYPE;
    while (fine > (size_t)decimals && text.data[at + whole + fine] == '0')
        fine--;
    if (fine > (size_t)decimals)
        return MST_FORM_TOO_FINE;
    while (whole > 1 && text.data[at] == '0') {
        at++;
        whole--;
    }
    if (whole + (size_t)decimals > MST_FORM_DIGITS_MAX)
        return MST_FORM_TOO_BIG;
    int64_t value = 0;
    for (size_t i = 0; i < whole; i++)
        value = 10 * value + (text.data[at + i] - '0');
    for (size_t i = 0; i < (size_t)decimals; i++)
        value = 10 * value + (i < fine ? text.data[at + whole + 1 + i] - '0' : 0);
    *ret_value = negative ? -value : value;
    return -1;
}

char *mst_number_format(int64_t value, int decimals, char *buf)
{
    char digits[24];
    uint64_t size = value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value;
    int n = snprintf(digits, sizeof digits, "%0*" PRIu64, decimals + 1, size);
    snprintf(buf, 24, "%s%.*s%s%s", value < 0 ? "-" : "", n - decimals, digits, decimals ? "." : "",
             digits + n - decimals);
    return buf;
}
