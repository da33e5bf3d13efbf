/* SPDX-License-Identifier: Apache-2.0 */
/* The session's side of questions: sending, gathering, giving up, asking again. */
#include "agent/run/ask.h"

#include <stdlib.h>

#include "agent/run/session_impl.h"

struct mst_ask *mst_ask_new(struct mst_slice verb, struct mst_slice args, bool wait)
{
    static const uint8_t no_args[] = {0x80};
    struct mst_ask *ask = calloc(1, sizeof *ask);
    if (!ask || verb.len >= sizeof ask->verb) {
        free(ask);
        return NULL;
    }
    mst_slice_copy(verb, ask->verb, sizeof ask->verb);
    mst_buf_put(&ask->args, args.data ? args.data : no_args, args.data ? args.len : 1);
    ask->wait = wait;
    if (ask->args.failed) {
        mst_ask_free(ask);
        return NULL;
    }
    return ask;
}

void mst_ask_free(struct mst_ask *ask)
{
    if (!ask)
        return;
    mst_buf_done(&ask->args);
    mst_buf_done(&ask->rows);
    free(ask);
}

static int64_t after(int64_t ms)
{
    return mst_session_clock_ms() + ms;
}

/* Not under way any more, and to be sent anew: at once, or after a rest. */
static void put_back(struct mst_session *s, struct mst_ask *ask, bool resting)
{
    const struct mst_settings *settings = &s->home->settings;
    mst_buf_clear(&ask->rows);
    ask->count = 0;
    ask->id = 0;
    ask->resting = resting;
    ask->by_ms = after(resting ? settings->AGENT_follow_interval : settings->AGENT_reply_timeout);
}

void mst_session_ask(struct mst_session *s, struct mst_ask *ask)
{
    put_back(s, ask, false);
    ask->next = s->asks;
    s->asks = ask;
}

void mst_session_unask(struct mst_session *s, struct mst_ask *ask)
{
    struct mst_ask **at = &s->asks;
    while (*at && *at != ask)
        at = &(*at)->next;
    if (*at)
        *at = ask->next;
}

static void end(struct mst_session *s, struct mst_ask *ask, enum mst_code code,
                struct mst_slice subject)
{
    ask->code = code;
    mst_slice_copy(subject, ask->subject, sizeof ask->subject);
    ask->done = true;
    ask->id = 0;
    mst_session_unask(s, ask);
}

void mst_session_asks_drop(struct mst_session *s)
{
    for (struct mst_ask *ask = s->asks; ask; ask = ask->next) {
        if (ask->id)
            put_back(s, ask, false);
    }
}

bool mst_session_asks_take(struct mst_session *s, const struct mst_msg_reply *r)
{
    struct mst_ask *ask = s->asks;
    while (ask && (ask->id == 0 || ask->id != r->id))
        ask = ask->next;
    if (!ask)
        return false;
    if (!mst_slice_is(r->code, mst_code_word(MST_OK))) {
        char word[33];
        mst_slice_copy(r->code, word, sizeof word);
        end(s, ask, mst_code_of_word(word), r->subject);
        return true;
    }
    for (size_t i = 0; i < r->rows.count; i++)
        mst_buf_put(&ask->rows, r->rows.items[i].data, r->rows.items[i].len);
    ask->count += r->rows.count;
    if (ask->rows.failed)
        end(s, ask, MST_E_NOMEM, mst_text(ask->verb));
    else if ((int64_t)ask->rows.len > s->home->settings.AGENT_answer_bytes_max)
        end(s, ask, MST_E_TOO_LARGE, mst_text("answer_bytes_max"));
    else if (r->more)
        ask->by_ms = after(s->home->settings.AGENT_reply_timeout);
    else if (ask->wait && ask->count == 0)
        put_back(s, ask, true);
    else
        end(s, ask, MST_OK, mst_text(""));
    return true;
}

/* One that waits for news outlives every session; any other wants its answer now. */
void mst_session_asks_expire(struct mst_session *s)
{
    int64_t now = mst_session_clock_ms();
    for (struct mst_ask *ask = s->asks, *next; ask; ask = next) {
        next = ask->next;
        if (now < ask->by_ms)
            continue;
        if (ask->wait)
            put_back(s, ask, false);
        else if (ask->id)
            end(s, ask, MST_E_TIMEOUT, mst_text(ask->verb));
        else if (!s->up)
            end(s, ask, MST_E_UNREACHABLE, mst_text(s->home->settings.AGENT_broker));
    }
}

int mst_session_asks_send(struct mst_session *s, struct mst_err *err)
{
    for (struct mst_ask *ask = s->asks; ask; ask = ask->next) {
        if (ask->id || ask->resting)
            continue;
        struct mst_msg msg = {.type = MST_MSG_request};
        msg.u.request.id = ++s->request_id;
        msg.u.request.verb = mst_text(ask->verb);
        msg.u.request.args = mst_bytes(ask->args.data, ask->args.len);
        int code = mst_link_send(s->link, &msg, err);
        if (code)
            return code;
        ask->id = s->request_id;
        ask->by_ms = after(s->home->settings.AGENT_reply_timeout);
    }
    return 0;
}

int64_t mst_session_asks_at(const struct mst_session *s)
{
    int64_t at = INT64_MAX;
    for (const struct mst_ask *ask = s->asks; ask; ask = ask->next)
        at = ask->by_ms < at ? ask->by_ms : at;
    return at;
}
