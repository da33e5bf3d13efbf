/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/saying.h"

#include <assert.h>

static const struct {
    const char *word, *text;
} sayings[] = {
#define SAYING(name, word, text) {word, text},
#include "proto/sayings.def"
#undef SAYING
};

const char *mst_saying_word(enum mst_saying saying)
{
    assert((unsigned)saying < MST_SAYINGS);
    return sayings[saying].word;
}

const char *mst_saying_text(struct mst_slice word)
{
    for (size_t i = 0; i < MST_SAYINGS; i++) {
        if (mst_slice_is(word, sayings[i].word))
            return sayings[i].text;
    }
    return NULL;
}
