/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario while it runs: its lines, split into words. README.md lists the sentences.
 */
#ifndef MST_TESTS_SIM_SCRIPT_H
#define MST_TESTS_SIM_SCRIPT_H

#include "tests/sim/world.h"

#define WORDS_MAX 32

struct script {
    const char *path;
    int line;
    bool trace;   /* print effects as they come */
    bool running; /* a programme is loaded */
    struct world world;
    char *words[WORDS_MAX];
    size_t count, at;  /* words of this line; the next one to be read */
    bool refusal_open; /* the latest input was refused and nobody has said that this is right */
    int failures;
};

/* Say what is wrong, with the place. */
void script_fail(struct script *s, const char *fmt, ...) MST_PRINTF(2, 3);
/* The next word; NULL at the end of the line. */
const char *script_word(struct script *s);
/* The next word if it is this one. */
bool script_accept(struct script *s, const char *word);
/* The next word, which must be there; "" and a failure otherwise. */
const char *script_need(struct script *s, const char *what);
/* "2023-10-11", "2023-10-11 09:00", "2023-10-11 23:59:59.999", or RFC 3339. */
mst_time script_instant(struct script *s);
long script_number(struct script *s, const char *what);

/* ---- script_tasks.c ---- */
void script_list(struct script *s);
void script_told(struct script *s, const char *act);
void script_sign(struct script *s);
void script_expect_item(struct script *s);

/* ---- script_matters.c: difficulties and projects ---- */
void script_raise(struct script *s);
void script_reply(struct script *s);
void script_raiser(struct script *s, const char *act);
void script_bring_up(struct script *s);
void script_expect_difficulty(struct script *s);
void script_expect_project(struct script *s);

/* ---- expect.c: what follows the word "expect" ---- */
void script_expect(struct script *s);
void script_forget(struct script *s);

#endif
