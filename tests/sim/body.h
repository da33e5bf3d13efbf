/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MST_TESTS_SIM_BODY_H
#define MST_TESTS_SIM_BODY_H

#include "config/model/programme.h"
#include "proto/buf.h"

struct word_pair {
    const char *key, *value;
};

/* The smallest body that is right by the form. */
void body_right(struct mst_buf *out, const struct mst_form_names *names,
                const struct mst_form *form);
/* The header where the form has one, and what a scenario says. */
void body_said(struct mst_buf *out, const struct mst_form *form, const struct word_pair *pairs,
               size_t count);
void body_pairs(struct mst_buf *out, const struct word_pair *pairs, size_t count);

#endif
