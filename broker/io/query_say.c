/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences of sayings.def as values of a pair, and the rows of an obligation's history as such. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/io/query.h"

struct mst_buf *mst_query_say(struct mst_query *q, const char *name, enum mst_saying saying,
                              size_t fields)
{
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 2);
    mst_query_pack_text(b, "name", name);
    mst_pack_text(b, "value");
    mst_pack_map(b, 1 + fields);
    mst_query_pack_text(b, "say", mst_saying_word(saying));
    return b;
}

struct mst_buf *mst_query_say_note(struct mst_query *q, enum mst_saying saying, size_t fields)
{
    struct mst_buf *b = mst_query_row(q);
    mst_pack_map(b, 1);
    mst_pack_text(b, "note");
    mst_pack_map(b, 1 + fields);
    mst_query_pack_text(b, "say", mst_saying_word(saying));
    return b;
}

void mst_query_pack_uint(struct mst_buf *b, const char *key, uint64_t value)
{
    mst_pack_text(b, key);
    mst_pack_uint(b, value);
}

static void copy_text(struct mst_buf *b, const char *name, struct mst_slice map, const char *key)
{
    struct mst_slice value = mst_unpack_text(map, key);
    mst_pack_text(b, name);
    mst_pack_text_slice(b, value.data ? value : mst_text(""));
}

int mst_query_say_transition(struct mst_query *q, const char *name, enum mst_saying saying,
                             const struct mst_row *row, struct mst_err *err)
{
    static const char *const texts[][2] = {{"event", "event"}, {"before", "from"},
                                           {"after", "to"},    {"verdict", "verdict"},
                                           {"actor", "actor"}, {"reason", "reason"}};
    size_t count = sizeof texts / sizeof texts[0];
    struct mst_buf *b = mst_query_say(q, name, saying, 2 + count);
    mst_query_pack_uint(b, "row", row->row);
    mst_query_pack_instant(q, b, "at", mst_unpack_int(row->bytes, "instant", row->at));
    for (size_t i = 0; i < count; i++)
        copy_text(b, texts[i][0], row->bytes, texts[i][1]);
    return mst_query_row_end(q, err);
}
