/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions of the staff that only the broker can answer: passed on over the session as they are,
 * and their rows kept until they are fetched. Nothing of them is stored, and none outlives its
 * asker. The broker alone decides what this unit's key may ask.
 */
#ifndef MST_AGENT_RUN_ASK_H
#define MST_AGENT_RUN_ASK_H

#include "agent/link/link.h"

struct mst_ask {
    char verb[48];
    struct mst_buf args; /* a map */
    bool wait;           /* asked again and again until there is a row */
    bool done;           /* the rows are there, or the reason why there are none */
    enum mst_code code;
    char subject[MST_ERR_TEXT_MAX]; /* of the code */
    struct mst_buf rows;
    size_t count;
    /* The session's own. */
    uint64_t id;   /* of the request that is under way; 0: none is */
    bool resting;  /* there was no row yet: not to be asked before by_ms */
    int64_t by_ms; /* monotonic; else until then an answer, or a session, must come */
    struct mst_ask *next;
};

/* NULL: no memory, or a verb that is too long. */
struct mst_ask *mst_ask_new(struct mst_slice verb, struct mst_slice args, bool wait);
void mst_ask_free(struct mst_ask *ask); /* NULL is legal; it is with no session any more */

struct mst_session;
/* The question is borrowed until it is done or taken back. */
void mst_session_ask(struct mst_session *s, struct mst_ask *ask);
void mst_session_unask(struct mst_session *s, struct mst_ask *ask);

#endif
