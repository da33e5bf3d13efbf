/* SPDX-License-Identifier: Apache-2.0 */
/* What speaks for a late report, in words. A reason that a newer broker knows is shown as its word.
 */
#include <inttypes.h>
#include <string.h>

#include "agent/link/print_cell.h"

static const struct {
    const char *reason, *text;
    const char *of_one; /* where n is 1; NULL: the same */
} sentences[] = {
    {"late-before", N_("{n} of {of} earlier ones came late or never"), NULL},
    {"agent-away", N_("its agent was last heard of {n} hours ago"),
     N_("its agent was last heard of an hour ago")},
    {"returned", N_("returned for correction, {n} times"), N_("returned for correction, once")},
    {"asked-for-time", N_("asks for more time"), NULL},
    {"missing", N_("{n} of {of} are still missing"), N_("{n} of {of} is still missing")},
    {"short-time", N_("nothing is there, and {n} working days are left"),
     N_("nothing is there, and one working day is left")},
};

static const char *sentence_of(const char *reason, int64_t n)
{
    if (strcmp(reason, "agent-away") == 0 && n == 0)
        return N_("nothing is known of its agent");
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (strcmp(sentences[i].reason, reason) == 0)
            return n == 1 && sentences[i].of_one ? sentences[i].of_one : sentences[i].text;
    }
    return "{reason}";
}

static void put_place(void *context, const char *name, struct mst_buf *out)
{
    const struct mst_slice *map = context;
    struct mst_slice word = mst_unpack_text(*map, name);
    char number[24];
    if (word.data) {
        mst_put_clean(out, word);
        return;
    }
    snprintf(number, sizeof number, "%" PRId64, mst_unpack_int(*map, name, 0));
    mst_buf_put(out, number, strlen(number));
}

static void put_reason(struct mst_buf *out, struct mst_slice map)
{
    char reason[33] = "";
    struct mst_slice word = mst_unpack_text(map, "reason");
    if (word.data)
        mst_slice_copy(word, reason, sizeof reason);
    mst_fill(out, mst_tr(sentence_of(reason, mst_unpack_int(map, "n", 0))), put_place, &map);
}

void mst_reasons_put(struct mst_buf *out, struct mst_slice raw)
{
    struct mst_unpack u;
    struct mst_value head;
    struct mst_slice item;
    mst_unpack_init(&u, raw.data, raw.len);
    if (!mst_unpack_next(&u, &head) || head.kind != MST_VALUE_ARRAY)
        return;
    for (size_t i = 0; i < head.count && mst_unpack_skip(&u, &item); i++) {
        const char *between = i > 0 ? _("; ") : "";
        mst_buf_put(out, between, strlen(between));
        put_reason(out, item);
    }
}
