/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An act is held against the broker's own rules before it is queued: what they would refuse now is
 * told to who asks, and never queued. Where that cannot be asked, because the broker is away or
 * something is still on its way to it that may change the answer, the act is queued unasked: the
 * broker decides when it arrives.
 */
#include "agent/desk/act.h"

#include <string.h>

#include "agent/link/link.h"
#include "proto/pack.h"

/* What of an act's body the broker is told, as the command line names it. */
static const char *const options[] = {"until", "post", "name", "phone", "address"};

struct answer {
    const struct mst_desk *desk;
    char code[33], subject[257];
};

static int take_answer(void *context, struct mst_slice row, struct mst_err *err)
{
    struct answer *a = context;
    mst_slice_copy(mst_unpack_text(row, "code"), a->code, sizeof a->code);
    mst_slice_copy(mst_unpack_text(row, "subject"), a->subject, sizeof a->subject);
    bool refused = strcmp(a->code, mst_code_word(MST_OK)) != 0;
    return refused && a->desk->json ? mst_desk_json_line(row, err) : 0;
}

/* The broker is there, and has heard all that there is to hear. */
static bool can_be_asked(struct mst_local *local)
{
    struct mst_slice status;
    struct mst_err err;
    return mst_desk_agent_status(local, &status, &err) == 0 &&
           mst_unpack_bool(status, "connected", false) && mst_unpack_int(status, "queued", -1) == 0;
}

static void hint_at(const struct mst_desk *desk, struct mst_local *local,
                    const struct mst_desk_act *act, struct mst_err *err)
{
    bool others = mst_desk_of_lead(desk->call);
    if (others && err->code == MST_E_DENIED)
        mst_hint(err, "%s",
                 _("a lead receives, reviews and returns what is owed to itself, and urges the "
                   "members of its group"));
    else if (others && (err->code == MST_R_STATE || err->code == MST_R_NO_OBLIGATION))
        mst_hint(err, "%s", _("see `muster-agent group --list obligations` for how it stands"));
    else if (err->code == MST_R_STATE)
        mst_hint(err, "%s", _("see `muster-agent status --all` for how it stands"));
    if (strcmp(act->word, "withdraw") == 0 &&
        (err->code == MST_R_STATE || err->code == MST_R_AFTER_DUE))
        mst_desk_hint_standing(local, act, err);
    mst_wrap(err, "%s", _("nothing was queued"));
}

/* 0: nothing is known against it. */
static int ask(const struct mst_desk *desk, struct mst_local *local, const struct mst_desk_act *act,
               struct mst_err *err)
{
    struct answer a = {.desk = desk};
    struct mst_desk_list list = {.verb = "ask",
                                 .ask = "try",
                                 .args = {{"act", act->word},
                                          {"duty", act->duty},
                                          {"period", act->period},
                                          {"obligation", act->obligation},
                                          {"reason", act->reason}}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        list.args[5 + i] =
            (struct mst_desk_arg){options[i], mst_call_value(desk->call, options[i])};
    /* An answer that is none, of a broker that went away or is too old to be asked, forbids
     * nothing. */
    if (!can_be_asked(local) || mst_desk_pages(local, &list, take_answer, &a, err) || !a.code[0] ||
        strcmp(a.code, mst_code_word(MST_OK)) == 0)
        return 0;
    int code =
        mst_link_fault(mst_text(a.code), mst_text(a.subject), mst_text(""), mst_text(""), err);
    hint_at(desk, local, act, err);
    return code;
}

int mst_desk_perform_asked(const struct mst_desk *desk, struct mst_local *local,
                           const struct mst_desk_act *act)
{
    struct mst_err err;
    if (ask(desk, local, act, &err) == 0)
        return mst_desk_perform(desk, local, act);
    (void)mst_desk_complain(&err);
    return MST_EXIT_REFUSED;
}
