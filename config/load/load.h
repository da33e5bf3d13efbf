/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading files into models: programmes, settings, calendars, zones, and report files. Every fault
 * of a file is collected, each with its place and a hint, before any is told; a file with an error
 * is refused whole. Files are UTF-8; unknown and duplicate keys are errors.
 */
#ifndef MST_CONFIG_LOAD_LOAD_H
#define MST_CONFIG_LOAD_LOAD_H

#include <stddef.h>
#include <stdio.h>

#include "config/model/arena.h"
#include "config/model/programme.h"
#include "config/model/schedule.h"
#include "proto/buf.h"
#include "proto/err.h"

enum mst_severity { MST_DIAG_ERROR, MST_DIAG_WARNING };

struct mst_diag {
    enum mst_severity severity;
    char file[256];
    int line, column; /* from 1; 0: the file as a whole */
    char text[MST_ERR_TEXT_MAX];
    char hint[MST_ERR_HINT_MAX];
};

/* A growing list of findings, sorted by place when a load returns. */
struct mst_diags {
    struct mst_diag *items;
    size_t count, cap;
    size_t errors; /* how many are errors */
};

void mst_diags_done(struct mst_diags *diags);
/* Text and hint already translated; fmt's result is the text. */
void mst_diag(struct mst_diags *diags, enum mst_severity severity, const char *file, int line,
              int column, const char *hint, const char *fmt, ...) MST_PRINTF(7, 8);
/* "file:line:column: error: text" and an indented "hint: …" line each. */
void mst_diags_print(const struct mst_diags *diags, FILE *out);
/* For who has room for one thing: the first error as err, MST_E_INVALID with its place and hint;
 * without one, what err says already. */
int mst_diags_first(const struct mst_diags *diags, struct mst_err *err);

/*
 * Load and check a programme. Paths inside (calendar) are relative to the file. On success *ret is
 * one reference. Fails with MST_E_INVALID or MST_E_SYNTAX when there was an error among the
 * findings (err then says how many), MST_E_IO when the file cannot be read. Warnings alone do not
 * fail.
 */
MST_MUST_CHECK int mst_programme_load(const char *path, struct mst_diags *diags,
                                      struct mst_programme **ret, struct mst_err *err);

/*
 * The same from the bytes that an earlier load kept in mst_programme.sources, which are copied: no
 * file is read. `name` stands for the file in findings.
 */
MST_MUST_CHECK int mst_programme_load_bytes(const struct mst_slice sources[MST_SOURCES],
                                            const char *name, struct mst_diags *diags,
                                            struct mst_programme **ret, struct mst_err *err);

/* Whether the calendar alone says when the duty is owed; the others (sign for, reply, issue) are
 * owed so long after something happened, and an exhortation at no time. */
bool mst_duty_is_scheduled(const struct mst_duty *duty);

/*
 * Warns, at each enforced duty's place in the programme's file, of how much of it was due before
 * now, and names the `first` with which it would not count. ret_count: all of it.
 */
MST_MUST_CHECK int mst_past_tell(const char *path, const struct mst_programme *p, mst_time now,
                                 struct mst_diags *diags, size_t *ret_count, struct mst_err *err);

/* An expected obligation as a row, a map of names and values; its words in the reader's language
 * where there is one only. */
void mst_expected_pack(const struct mst_programme *p, const struct mst_expected *e,
                       struct mst_buf *out);

/* The zone of that IANA name from the system's TZif files ($TZDIR is not consulted), in the arena.
 */
MST_MUST_CHECK int mst_zone_load(const char *name, struct mst_arena *arena,
                                 const struct mst_zone **ret, struct mst_err *err);
/* "date,kind,occasion" lines; "# YEAR: SOURCE" comment lines name the notice that covers a year. */
MST_MUST_CHECK int mst_calendar_load(const char *path, struct mst_arena *arena,
                                     struct mst_diags *diags, struct mst_calendar *ret,
                                     struct mst_err *err);

/* A YAML document as one msgpack value (maps with text keys, arrays, scalars by YAML 1.2's core
 * schema; plain scalars only become numbers, booleans or null), with its places kept for findings.
 */
struct mst_yaml;
MST_MUST_CHECK int mst_yaml_open(const char *path, struct mst_diags *diags, struct mst_yaml **ret,
                                 struct mst_err *err);
void mst_yaml_free(struct mst_yaml *yaml);
MST_MUST_CHECK int mst_yaml_pack(const struct mst_yaml *yaml, struct mst_buf *out,
                                 struct mst_err *err);

/* What a fault of a report's body is, in the reader's language, and what to do. */
void mst_form_say(const struct mst_form_fault *fault, const struct mst_form_names *names,
                  char text[MST_ERR_TEXT_MAX], char hint[MST_ERR_HINT_MAX]);
/* What a field wants, in the reader's language: "a number, at least 0, at most 100 (%)". */
char *mst_form_wants(const struct mst_form_field *field, char *buf, size_t size);

/* The nearest of some words to a mistyped one by edit distance; NULL when none is near. */
const char *mst_nearest(const char *word, const char *const *words, size_t count);

#endif
