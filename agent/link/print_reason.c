/* SPDX-License-Identifier: Apache-2.0 */
/* What speaks for a late report, in words. A reason that a newer broker knows is shown as its word.
 */
#include <inttypes.h>
#include <string.h>

#include "agent/link/print_cell.h"

static const struct {
    const char *reason, *text;
} sentences[] = {
    {"late-before", N_("{n} of {of} earlier ones came late or never")},
    {"agent-away", N_("its agent was last heard of {n} hours ago")},
    {"returned", N_("returned for correction, {n} times")},
    {"asked-for-time", N_("asks for more time")},
    {"missing", N_("{n} of {of} are still missing")},
    {"short-time", N_("nothing is there, and {n} working days are left")},
};

static const char *sentence_of(const char *reason, int64_t n)
{
    if (strcmp(reason, "agent-away") == 0 && n == 0)
        return N_("nothing is known of its agent");
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (strcmp(sentences[i].reason, reason) == 0)
            return sentences[i].text;
    }
    return "{reason}";
}

static void put_reason(struct mst_buf *out, struct mst_slice map)
{
    char reason[33] = "", n[24], of[24];
    int64_t number = mst_unpack_int(map, "n", 0);
    struct mst_slice word = mst_unpack_text(map, "reason");
    if (word.data)
        mst_slice_copy(word, reason, sizeof reason);
    snprintf(n, sizeof n, "%" PRId64, number);
    snprintf(of, sizeof of, "%" PRId64, mst_unpack_int(map, "of", 0));
    const struct mst_place places[] = {
        {"n", mst_text(n)}, {"of", mst_text(of)}, {"reason", mst_text(reason)}};
    mst_fill_places(out, mst_tr(sentence_of(reason, number)), places,
                    sizeof places / sizeof places[0]);
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
