/* SPDX-License-Identifier: Apache-2.0 */
/* Difficulties at the desk: raising one, replying, saying that it is solved or that it is not, and
 * looking at those that concern the unit. */
#include "agent/desk/desk.h"

#include <ctype.h>
#include <string.h>

#include "config/model/matters.h"
#include "proto/pack.h"

static void pack_pair(struct mst_buf *out, const char *key, const char *value)
{
    mst_pack_text(out, key);
    mst_pack_text(out, value);
}

/* "7" and "d7" are the same. */
static void name_difficulty(const char *word, char id[64])
{
    bool number = isdigit((unsigned char)word[0]) != 0;
    snprintf(id, 64, "%s%s", number ? "d" : "", word);
}

static int usage(const char *text)
{
    struct mst_err err;
    mst_fail(&err, MST_E_USAGE, "%s", text);
    return mst_desk_complain(&err);
}

/* ---- raising ---- */

static void pack_helpers(struct mst_buf *out, const char *helpers)
{
    size_t count = 1;
    for (const char *at = helpers; (at = strchr(at, ',')); at++)
        count++;
    mst_pack_text(out, "helpers");
    mst_pack_array(out, count);
    for (const char *at = helpers; count > 0; count--) {
        size_t len = strcspn(at, ",");
        mst_pack_text_slice(out, mst_bytes(at, len));
        at += len + (at[len] == ',');
    }
}

struct checking {
    const struct mst_form_names *names;
    int rc;
};

static bool tell_fault(void *context, const struct mst_form_fault *fault)
{
    struct checking *c = context;
    struct mst_err err;
    char text[MST_ERR_TEXT_MAX], hint[MST_ERR_HINT_MAX];
    mst_form_say(fault, c->names, text, hint);
    mst_fail(&err, MST_E_INVALID, "%s", text);
    mst_hint(&err, "%s", hint);
    c->rc = mst_desk_complain(&err);
    return true;
}

/* As the broker will check it again; what the agent's brief does not know is left to the broker. */
static int check(const struct mst_desk *desk, struct mst_slice body)
{
    struct mst_err err;
    struct mst_local *local;
    struct mst_brief brief;
    struct mst_area areas[MST_DESK_AREAS_MAX];
    struct mst_matter_field room;
    if (mst_local_open(desk->home, &local, &err))
        return mst_desk_complain(&err);
    int code = mst_brief_fetch(local, &brief, &err);
    mst_local_close(local);
    if (code)
        return mst_desk_complain(&err);
    const struct mst_form_names names = mst_brief_names(&brief, areas);
    const struct mst_form form = mst_difficulty_form(&brief.matters, &room);
    struct checking c = {.names = &names, .rc = MST_EXIT_OK};
    if (brief.known)
        (void)mst_form_check(&form, &names, body, tell_fault, &c);
    mst_brief_done(&brief);
    return c.rc;
}

static int raise(const struct mst_desk *desk)
{
    static const char *const keys[] = {"title", "text", "owner", "outside"};
    const char *helpers = mst_call_value(desk->call, "helpers");
    struct mst_buf body = {0};
    size_t pairs = helpers != NULL;
    if (!mst_call_value(desk->call, "title"))
        return usage(_("--title says what it is about"));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        pairs += mst_call_value(desk->call, keys[i]) != NULL;
    mst_pack_map(&body, pairs);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (mst_call_value(desk->call, keys[i]))
            pack_pair(&body, keys[i], mst_call_value(desk->call, keys[i]));
    }
    if (helpers)
        pack_helpers(&body, helpers);
    int rc = check(desk, mst_bytes(body.data, body.len));
    if (rc == MST_EXIT_OK)
        rc = mst_desk_queue(desk, "raise", NULL, mst_bytes(body.data, body.len));
    mst_buf_done(&body);
    return rc;
}

/* ---- replying ---- */

struct search {
    char id[64];
    char obligation[128]; /* the latest that is owed about it; empty: none */
};

static int find_owed(void *context, struct mst_slice row, struct mst_err *err)
{
    struct search *s = context;
    char subject[64];
    (void)err;
    if (!mst_slice_is(mst_unpack_text(row, "kind"), "reply") ||
        !mst_slice_is(mst_unpack_text(row, "work"), "awaiting"))
        return 0;
    mst_slice_copy(mst_unpack_text(row, "subject"), subject, sizeof subject);
    subject[strcspn(subject, "-")] = '\0';
    if (strcmp(subject, s->id) == 0)
        mst_slice_copy(mst_unpack_text(row, "id"), s->obligation, sizeof s->obligation);
    return 0;
}

/* The broker says what is owed about it: the agent may not have heard of it yet. */
static int find_obligation(const struct mst_desk *desk, struct search *s, struct mst_err *err)
{
    struct mst_local *local;
    struct mst_desk_list list = {.verb = "ask", .ask = "brief"};
    int code = mst_local_open(desk->home, &local, err);
    if (code)
        return code;
    code = mst_desk_pages(local, &list, find_owed, s, err);
    mst_local_close(local);
    if (!code && !s->obligation[0]) {
        code = mst_fail(err, MST_R_NO_OBLIGATION, _("no reply to %s is owed"), s->id);
        mst_hint(err, "%s", _("see `muster-agent difficulties`"));
    }
    return code;
}

static int reply(const struct mst_desk *desk, const char *id)
{
    struct search s = {.obligation = ""};
    struct mst_buf body = {0};
    struct mst_err err;
    if (!mst_call_value(desk->call, "text"))
        return usage(_("--text says what the reply is"));
    snprintf(s.id, sizeof s.id, "%s", id);
    if (find_obligation(desk, &s, &err))
        return mst_desk_complain(&err);
    mst_pack_map(&body, 1);
    pack_pair(&body, "text", mst_call_value(desk->call, "text"));
    int rc = mst_desk_queue(desk, "reply", s.obligation, mst_bytes(body.data, body.len));
    mst_buf_done(&body);
    return rc;
}

static int speak(const struct mst_desk *desk, const char *word, const char *id)
{
    struct mst_buf body = {0};
    mst_pack_map(&body, 1);
    pack_pair(&body, "difficulty", id);
    int rc = mst_desk_queue(desk, word, NULL, mst_bytes(body.data, body.len));
    mst_buf_done(&body);
    return rc;
}

int mst_desk_difficulty(const struct mst_desk *desk)
{
    const char *what = mst_call_value(desk->call, "what");
    const char *which = mst_call_value(desk->call, "difficulty");
    char id[64];
    if (strcmp(what, "raise") == 0)
        return which ? usage(_("a difficulty gets its number when it is raised")) : raise(desk);
    if (!which)
        return usage(_("which one? see `muster-agent difficulties`"));
    name_difficulty(which, id);
    if (strcmp(what, "reply") == 0)
        return reply(desk, id);
    if (strcmp(what, "confirm") == 0 || strcmp(what, "raise-again") == 0)
        return speak(desk, what, id);
    return usage(what);
}

/* ---- looking ---- */

static int put_row(void *context, struct mst_slice row, struct mst_err *err)
{
    return mst_table_row(context, row, err);
}

static int show(const struct mst_desk *desk, struct mst_local *local, struct mst_err *err)
{
    struct mst_desk_list list = {.verb = "ask",
                                 .ask = "difficulties",
                                 .args = {{"state", mst_call_value(desk->call, "state")}}};
    struct mst_table *table = mst_table_new(desk->format, desk->call->command->columns, stdout);
    int code = table ? mst_desk_pages(local, &list, put_row, table, err)
                     : mst_fail_on(err, MST_E_NOMEM, "difficulties");
    if (code) {
        mst_table_free(table);
        return code;
    }
    return mst_table_end(table, err);
}

int mst_desk_difficulties(const struct mst_desk *desk)
{
    return mst_desk_with_agent(desk, show);
}
