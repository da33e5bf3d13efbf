/* SPDX-License-Identifier: Apache-2.0 */
/* The authorisation table as the broker goes by it, with the commands that ask for each action. */
#include <stdio.h>
#include <string.h>

#include "broker/io/query.h"

static const struct {
    const char *word, *action;
} verbs[] = {
#define COMMAND(name, word, where, action, columns, doc, example) {word, action},
#define ARG(command, name, kind, need, values, doc)
#define ENDCOMMAND(command)
#include "proto/admin.def"
#undef COMMAND
#undef ARG
#undef ENDCOMMAND
};

static void list_verbs(const char *action, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0] && used < size; i++) {
        if (strcmp(verbs[i].action, action) == 0)
            used +=
                (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", verbs[i].word);
    }
}

int mst_query_rights(struct mst_query *q, struct mst_err *err)
{
    static const char *const roles[MST_AUTHZ_ROLES] = {"unit",     "lead",   "office",
                                                       "director", "viewer", "admin"};
    const char *action, *scopes[MST_AUTHZ_ROLES];
    if (!mst_query_may(q, NULL, NULL))
        return mst_fail(err, MST_E_DENIED, "rights");
    for (size_t i = 0; mst_authz_row(i, &action, scopes); i++) {
        char text[512];
        list_verbs(action, text, sizeof text);
        struct mst_buf *b = mst_query_row(q);
        mst_pack_map(b, 2 + MST_AUTHZ_ROLES);
        mst_query_pack_text(b, "action", action);
        mst_query_pack_text(b, "verbs", text);
        for (size_t role = 0; role < MST_AUTHZ_ROLES; role++)
            mst_query_pack_text(b, roles[role], scopes[role]);
        int code = mst_query_row_end(q, err);
        if (code)
            return code;
    }
    return mst_query_note(
        q,
        N_("any: of everybody; own: of the unit itself; group: of its own group; served: own, and "
           "of groups whose liaison it is; shared: served, its group, and groups that a grant "
           "opens to it; sight: what the programme lets this viewer read"),
        err);
}
