/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms: what a report of a duty holds, field by field, and whether a body is right by it. The same
 * check is made where the report is written and where it is taken, so that nobody can be told two
 * things. A form belongs to the programme; what the agent has of it came packed.
 *
 * Numbers are exact: a field's values are whole multiples of 10^-decimals, kept as integers.
 */
#ifndef MST_CONFIG_MODEL_FORM_H
#define MST_CONFIG_MODEL_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/model/arena.h"
#include "config/model/label.h"
#include "proto/buf.h"
#include "proto/msg.h"

enum mst_field_type {
#define FIELDTYPE(name, word, words) MST_FIELD_##name,
#include "config/model/fieldtypes.def"
#undef FIELDTYPE
    MST_FIELD_TYPES
};
const char *mst_field_type_word(enum mst_field_type type);
/* What people are asked for; a message id. */
const char *mst_field_type_words(enum mst_field_type type);

/* Bounds of what a form may ask for; they bound what a check costs. */
#define MST_FORM_FIELDS_MAX 64 /* beside each other */
#define MST_FORM_ROWS_MAX 500  /* rows, or units in a list */
#define MST_FORM_DEPTH_MAX 3   /* rows and records inside each other */
#define MST_FORM_DIGITS_MAX 15 /* of a number, decimals included */
#define MST_FORM_DECIMALS_MAX 6
#define MST_FORM_TEXT_MAX 20000  /* characters of a text that has no bound of its own */
#define MST_FORM_BYTES_MAX 16384 /* of a packed form: it travels in one row */
#define MST_FORM_PATH_MAX 288

struct mst_area; /* programme.h */
struct mst_unit;
struct mst_matter_rules;

struct mst_choice {
    const char *id;
    struct mst_label label;
};

/*
 * Invariants: numbers have 0 <= decimals <= MST_FORM_DECIMALS_MAX, and decimals is 0 where the type
 * is INTEGER. min and max are in units of 10^-decimals for numbers; a count for ROWS and UNITS; max
 * alone, in characters, for TEXT and AMOUNT. fields only where the type is ROWS or RECORD, choices
 * only where it is CHOICE.
 */
struct mst_form_field {
    const char *id;
    struct mst_label label;
    struct mst_label measure; /* unit of measure; NULL: none */
    enum mst_field_type type;
    bool required;
    bool figure; /* a number that is summed and compared */
    bool carry;  /* a report to be filled in begins with what the last one said */
    bool unique; /* a column: no two rows have the same */
    bool every;  /* a column of areas: each focus area of the group has a row; unique as well */
    bool others; /* units: other ones than the unit that reports */
    int decimals;
    int64_t min, max;
    const struct mst_choice *choices;
    size_t choices_count;
    const struct mst_form_field *fields;
    size_t fields_count;
};

struct mst_form {
    const char *id;
    const struct mst_form_field *fields;
    size_t fields_count;
    bool open; /* fields that it does not name are no fault */
};

/*
 * What is filed where the programme says nothing more: something in words; a lead's words about
 * each focus area; the minutes of a meeting. `any` asks for the header alone, for who does not know
 * the duty.
 */
extern const struct mst_form mst_form_text, mst_form_areas, mst_form_minutes, mst_form_any;
/* Who filled it in, checked it, signed it off: the first field of every form that does not say
 * otherwise. */
extern const struct mst_form_field mst_form_header;

/* NULL: none of that id. */
const struct mst_form_field *mst_form_field(const struct mst_form_field *fields, size_t count,
                                            struct mst_slice id);

/* ---- checking ---- */

enum mst_form_fault_kind {
#define FORMFAULT(name, word, text, hint) MST_FORM_##name,
#include "config/model/formfaults.def"
#undef FORMFAULT
    MST_FORM_FAULTS
};
const char *mst_form_fault_word(enum mst_form_fault_kind kind);
/* Message ids. */
const char *mst_form_fault_text(enum mst_form_fault_kind kind);
const char *mst_form_fault_hint(enum mst_form_fault_kind kind);

/* Whom and what a body may name. No areas: any is taken. */
struct mst_form_names {
    const struct mst_area *areas; /* of the bearer's group */
    size_t areas_count;
    const struct mst_unit *units;
    size_t units_count;
    const char *bearer; /* id of the unit that reports; NULL: not known */
    /* The body may list difficulties and projects, within these bounds; NULL: it may not. */
    const struct mst_matter_rules *matters;
    bool tasks; /* the body may speak of tasks beside the form: tasks.h checks what it says */
};

struct mst_form_fault {
    enum mst_form_fault_kind kind;
    const struct mst_form_field *field; /* NULL: the body, or a field that there is not */
    const char *path;                   /* "tasks[2].target.value", rows from 0; "": the body */
    struct mst_slice word;              /* what was found, or the area that lacks a row */
    char bound[24];                     /* the limit, where there is one */
    const struct mst_form_field *among; /* of an unknown field: those that it could have been */
    size_t among_count;
};

/* Called for each fault; everything in it is borrowed for the call. false: no more are wanted. */
typedef bool (*mst_form_fault_fn)(void *context, const struct mst_form_fault *fault);

/* Whether the body (validated msgpack) is right by the form. A path that is named exists, or would
 * if what is missing were there. */
bool mst_form_check(const struct mst_form *form, const struct mst_form_names *names,
                    struct mst_slice body, mst_form_fault_fn fn, void *context);
/* Likewise where there is no form, so that any map will do: what it lists of matters has to be
 * right all the same. */
bool mst_form_check_any(const struct mst_form_names *names, struct mst_slice body,
                        mst_form_fault_fn fn, void *context);

/* ---- numbers ---- */

bool mst_field_is_number(const struct mst_form_field *field);
/* "-12.50" with at most that many decimals; MST_FORM_WRONG_TYPE, TOO_FINE, TOO_BIG, or -1: right.
 */
int mst_number_parse(struct mst_slice text, int decimals, int64_t *ret_value);
/* "12.50"; buf holds at least 24 bytes. Returns buf. */
char *mst_number_format(int64_t value, int decimals, char *buf);

/* Each number of a body that a form wants summed, in the body's order; what is not right by the
 * form is passed over. */
typedef void (*mst_figure_fn)(void *context, const struct mst_form_field *field, int64_t value);
void mst_form_figures(const struct mst_form *form, struct mst_slice body, mst_figure_fn fn,
                      void *context);

/* ---- packed, as it travels ---- */

void mst_form_pack(const struct mst_form *form, struct mst_buf *out);
/* In the arena; NULL: not a form as this program knows them, or out of memory. */
const struct mst_form *mst_form_unpack(struct mst_slice bytes, struct mst_arena *arena);

#endif
