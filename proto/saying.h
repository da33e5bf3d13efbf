/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences as data: a word for the wire, a message id for the reader. See sayings.def. */
#ifndef MST_PROTO_SAYING_H
#define MST_PROTO_SAYING_H

#include "proto/err.h"
#include "proto/pack.h"

enum mst_saying {
#define SAYING(name, word, text) MST_SAY_##name,
#include "proto/sayings.def"
#undef SAYING
    MST_SAYINGS
};

const char *mst_saying_word(enum mst_saying saying); /* "why-late" */
/* The message id that goes with a word; NULL: this side does not know it. */
const char *mst_saying_text(struct mst_slice word);

#endif
