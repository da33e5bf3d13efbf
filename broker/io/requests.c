/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: every verb of admin.def that the broker answers. Queries go to the query thread; acts
 * are authorised here, carried out by the driver, and answered after their commit.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "broker/io/errand.h"
#include "config/load/load.h"
#include "proto/pack.h"

/* An invitation is valid for so long when nothing is said, if it may be. */
#define HOURS_DEFAULT 24
/* Keys that the answer to a revocation lists; all are revoked. */
#define REVOKED_SHOWN_MAX 256

enum where { LOCAL, QUERY, ACT };

typedef int (*act_fn)(struct mst_errand *e, struct mst_err *err);

static int act_plain(struct mst_errand *e, struct mst_err *err);
static int act_review(struct mst_errand *e, struct mst_err *err);
static int act_extend(struct mst_errand *e, struct mst_err *err);
static int act_issue(struct mst_errand *e, struct mst_err *err);
static int act_enrol(struct mst_errand *e, struct mst_err *err);
static int act_revoke(struct mst_errand *e, struct mst_err *err);
static int act_clock(struct mst_errand *e, struct mst_err *err);
static int act_reload(struct mst_errand *e, struct mst_err *err);

struct verb {
    const char *name, *word, *action;
    enum where where;
};

static const struct verb verbs[] = {
#define COMMAND(name, word, where, action, columns, doc, example) {#name, word, action, where},
#define ARG(command, name, kind, need, values, doc)
#define ENDCOMMAND(command)
#include "proto/admin.def"
#undef COMMAND
#undef ARG
#undef ENDCOMMAND
};

enum aim { UPON_OBLIGATION, UPON_BROKER };

static const struct act {
    const char *word;
    enum aim aim; /* UPON_OBLIGATION: the act itself asks who may, once it knows whose it is */
    act_fn fn;
} acts[] = {
    {"review", UPON_OBLIGATION, act_review},
    {"extend", UPON_OBLIGATION, act_extend},
    {"receive", UPON_OBLIGATION, act_plain},
    {"urge", UPON_OBLIGATION, act_plain},
    {"waive", UPON_OBLIGATION, act_plain},
    {"unlock", UPON_OBLIGATION, act_plain},
    {"reopen", UPON_OBLIGATION, act_plain},
    {"void", UPON_OBLIGATION, act_plain},
    {"acknowledge", UPON_OBLIGATION, act_plain},
    {"silence", UPON_OBLIGATION, act_plain},
    {"unsilence", UPON_OBLIGATION, act_plain},
    {"publish", UPON_OBLIGATION, act_plain},
    {"fill", UPON_OBLIGATION, act_plain},
    {"vacate", UPON_OBLIGATION, act_plain},
    {"supersede", UPON_OBLIGATION, act_plain},
    {"cancel", UPON_OBLIGATION, act_plain},
    {"amend-task", UPON_OBLIGATION, mst_act_amend},
    {"grant", UPON_OBLIGATION, mst_act_grant},
    {"ungrant", UPON_OBLIGATION, mst_act_grant},
    {"issue", UPON_OBLIGATION, act_issue},
    {"rebase", UPON_OBLIGATION, act_plain},
    {"enrol", UPON_BROKER, act_enrol},
    {"revoke", UPON_BROKER, act_revoke},
    {"contradict", UPON_BROKER, mst_act_contradict},
    {"clock", UPON_BROKER, act_clock},
    {"reload", UPON_BROKER, act_reload},
};

static const struct {
    const char *verb, *name;
} arguments[] = {
#define COMMAND(name, word, where, action, columns, doc, example)
#define ARG(command, name, kind, need, values, doc) {#command, #name},
#define ENDCOMMAND(command)
#include "proto/admin.def"
#undef COMMAND
#undef ARG
#undef ENDCOMMAND
};

/* ---- arguments ---- */

const char *mst_errand_arg(const struct mst_errand *e, const char *name, char buf[MST_TEXT_ARG_MAX])
{
    struct mst_slice value = mst_unpack_text(e->args, name);
    return value.data ? mst_slice_copy(value, buf, MST_TEXT_ARG_MAX) : NULL;
}

int mst_errand_refuse(struct mst_errand *e, enum mst_code code, const char *subject)
{
    if (code == MST_E_DENIED)
        mst_log(&e->b->log, 4, "denied", "principal=%s address=%s verb=%s", e->s->principal,
                e->s->address, subject);
    mst_session_reply(e->b, e->s, e->id, code, subject, (struct mst_slices){NULL, 0});
    return 0;
}

int mst_errand_refuse_word(struct mst_errand *e, const char *option, const char *value,
                           const char *why)
{
    char words[256], shown[65];
    mst_slice_copy(mst_text(value), shown, sizeof shown);
    snprintf(words, sizeof words, "--%s %s: %s", option, shown, why);
    return mst_errand_refuse(e, MST_E_USAGE, words);
}

static bool is_argument(const struct verb *verb, struct mst_slice name)
{
    for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++) {
        if (strcmp(arguments[i].verb, verb->name) == 0 && mst_slice_is(name, arguments[i].name))
            return true;
    }
    return false;
}

/* What a verb does not take is refused rather than ignored: it was meant to do something. */
static enum mst_code check_arguments(const struct mst_errand *e, const struct verb *verb,
                                     char ret_name[MST_NAME_SHOWN_MAX])
{
    struct mst_unpack u;
    struct mst_value v;
    mst_unpack_init(&u, e->args.data, e->args.len);
    if (!mst_unpack_next(&u, &v))
        return MST_E_PROTOCOL;
    for (size_t left = v.count; left > 0; left--) {
        struct mst_value key, value;
        if (!mst_unpack_next(&u, &key) || !mst_unpack_next(&u, &value))
            return MST_E_PROTOCOL;
        mst_slice_show(key.s, ret_name, MST_NAME_SHOWN_MAX);
        if (!is_argument(verb, key.s) || value.kind != MST_VALUE_TEXT)
            return MST_E_USAGE;
        if (value.s.len >= MST_TEXT_ARG_MAX)
            return MST_E_TOO_LARGE;
    }
    return MST_OK;
}

/* ---- acts upon obligations ---- */

static bool may(const struct mst_errand *e, const struct mst_target *target)
{
    return mst_authz(mst_engine_programme(e->s->engine), &e->caller.actor, e->action, target);
}

/* What a post's holder is told by; data NULL: nothing was. */
static struct mst_slice holder_of(const struct mst_errand *e, struct mst_buf *body)
{
    static const char *const fields[] = {"post", "name", "phone", "address"};
    char text[MST_TEXT_ARG_MAX];
    size_t given = 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        given += mst_errand_arg(e, fields[i], text) != NULL;
    if (given == 0)
        return (struct mst_slice){0};
    mst_pack_map(body, given);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const char *value = mst_errand_arg(e, fields[i], text);
        if (!value)
            continue;
        mst_pack_text(body, fields[i]);
        mst_pack_text(body, value);
    }
    return mst_bytes(body->data, body->len);
}

/* Whose obligation it is decides who may. Units and duties can be silenced, too: "unit:UNIT". */
static enum mst_code find_target(const struct mst_errand *e, const char *act, const char *id)
{
    const struct mst_obligation *o = mst_core_find(mst_engine_core(e->s->engine), id);
    struct mst_target target = {.unit = o ? o->bearer : NULL, .group = o ? o->group : NULL};
    if (!may(e, &target))
        return MST_E_DENIED;
    bool wide = strcmp(act, "silence") == 0 || strcmp(act, "unsilence") == 0;
    return o || (wide && strchr(id, ':')) ? MST_OK : MST_R_NO_SUCH;
}

static int act_upon(struct mst_errand *e, const char *act, const char *obligation,
                    struct mst_err *err)
{
    char reason[MST_TEXT_ARG_MAX], number[MST_TEXT_ARG_MAX], successor[MST_TEXT_ARG_MAX];
    char until[MST_TEXT_ARG_MAX];
    const struct mst_programme *p = mst_engine_programme(e->s->engine);
    struct mst_input_act input = {.actor = e->caller.actor.principal,
                                  .roles = e->caller.actor.roles,
                                  .act = act,
                                  .obligation = obligation,
                                  .reason = mst_errand_arg(e, "reason", reason),
                                  .number = mst_errand_arg(e, "number", number),
                                  .successor = mst_errand_arg(e, "successor", successor),
                                  .override = mst_errand_arg(e, "override", until) != NULL};
    enum mst_code wrong = find_target(e, act, input.obligation);
    if (wrong)
        return mst_errand_refuse(e, wrong, wrong == MST_E_DENIED ? act : input.obligation);
    const char *text = mst_errand_arg(e, "until", until);
    if (text) {
        struct mst_err why;
        mst_day day;
        if (mst_day_parse(text, &day, &why))
            return mst_errand_refuse_word(e, "until", text, N_("it is no date"));
        /* Any instant within the new last day; the core finds the midnight after it. A silence ends
         * at the instant itself, and lasts through the day that is named. */
        input.until = mst_zone_midnight(p->zone, day + (strcmp(act, "silence") == 0));
    }
    struct mst_buf body = {0};
    input.body = holder_of(e, &body);
    int code = body.failed ? mst_fail_on(err, MST_E_NOMEM, act)
                           : mst_driver_act(e->b->driver, e->s->engine, &e->caller, e->id, &input,
                                            e->now, err);
    mst_buf_done(&body);
    return code;
}

static int act_on(struct mst_errand *e, const char *act, struct mst_err *err)
{
    char id[MST_TEXT_ARG_MAX];
    const char *obligation = mst_errand_arg(e, "obligation", id);
    return obligation ? act_upon(e, act, obligation, err)
                      : mst_errand_refuse(e, MST_E_USAGE, "obligation");
}

/* The verb is the act. */
static int act_plain(struct mst_errand *e, struct mst_err *err)
{
    return act_on(e, e->verb, err);
}

static int act_review(struct mst_errand *e, struct mst_err *err)
{
    static const char *const ways[] = {"approve", "record", "return"};
    const char *chosen = "review";
    size_t given = 0;
    char flag[MST_TEXT_ARG_MAX];
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (mst_errand_arg(e, ways[i], flag)) {
            chosen = ways[i];
            given++;
        }
    }
    return given > 1 ? mst_errand_refuse(e, MST_E_USAGE, "--approve | --record | --return")
                     : act_on(e, chosen, err);
}

static int act_extend(struct mst_errand *e, struct mst_err *err)
{
    char text[MST_TEXT_ARG_MAX];
    bool until = mst_errand_arg(e, "until", text) != NULL,
         refused = mst_errand_arg(e, "refuse", text) != NULL;
    if (until == refused)
        return mst_errand_refuse(e, MST_E_USAGE, "--until | --refuse");
    if (!refused)
        return act_on(e, "extend", err);
    e->action = "refuse-extension";
    return act_on(e, "refuse-extension", err);
}

/* The batch that waits to be issued; there is one at a time. NULL: none does. */
static const char *open_issue(const struct mst_core *core)
{
    for (size_t i = 0; i < mst_core_count(core); i++) {
        const struct mst_obligation *o = mst_core_at(core, i);
        if (o->kind == MST_DUTY_ISSUE && mst_obligation_ball_with_bearer(o))
            return o->id;
    }
    return NULL;
}

static int act_issue(struct mst_errand *e, struct mst_err *err)
{
    char id[MST_TEXT_ARG_MAX];
    const char *open = open_issue(mst_engine_core(e->s->engine));
    if (mst_errand_arg(e, "obligation", id))
        return act_on(e, "issue", err);
    if (!may(e, NULL))
        return mst_errand_refuse(e, MST_E_DENIED, "issue");
    if (!open)
        return mst_errand_refuse(e, MST_R_NOTHING_TO_ISSUE, "issue");
    snprintf(id, sizeof id, "%s", open);
    return act_upon(e, "issue", id, err);
}

/* ---- keys ---- */

static void join_endpoint(char *out, size_t size, const char *bound, const char *host)
{
    /* Bound as tcp://ADDRESS:PORT; an invitation names the advertised host with that port. */
    const char *colon = strrchr(bound, ':');
    snprintf(out, size, "tcp://%s%s", host, colon ? colon : "");
}

static int write_invitation(struct mst_errand *e, const uint8_t token[16],
                            const struct mst_invitation *inv, char *text, size_t size)
{
    const struct mst_settings *set = &e->b->settings;
    char members[512], enrol[512], feed[512], key[41], sign[65], hex[33],
        expires[MST_INSTANT_TEXT_MAX];
    const struct mst_programme *p = mst_engine_programme(e->s->engine);
    join_endpoint(members, sizeof members, set->BROKER_members_endpoint,
                  set->BROKER_advertise_host);
    join_endpoint(enrol, sizeof enrol, set->BROKER_enrol_endpoint, set->BROKER_advertise_host);
    join_endpoint(feed, sizeof feed, set->BROKER_feed_endpoint, set->BROKER_advertise_host);
    zmq_z85_encode(key, e->b->keys.channel_public, 32);
    sodium_bin2hex(sign, sizeof sign, e->b->keys.sign_public, 32);
    sodium_bin2hex(hex, sizeof hex, token, 16);
    return snprintf(
        text, size,
        "muster-invitation: 1\nprogramme: %s\nzone: %s\nprincipal: %s\nmembers: %s\nenrol: %s\n"
        "feed: %s\nbroker_key: '%s'\nbroker_sign_key: '%s'\ntoken: '%s'\nexpires: '%s'\n",
        p->id, p->zone->name, inv->principal, members, enrol, feed, key, sign, hex,
        mst_zone_format(p->zone, inv->expires, expires));
}

static int reply_invitation(struct mst_errand *e, const uint8_t token[16],
                            const struct mst_invitation *inv, struct mst_err *err)
{
    char text[2048], expires[MST_INSTANT_TEXT_MAX];
    write_invitation(e, token, inv, text, sizeof text);
    struct mst_buf buf = {0};
    mst_pack_map(&buf, 3);
    mst_pack_text(&buf, "principal");
    mst_pack_text(&buf, inv->principal);
    mst_pack_text(&buf, "expires");
    mst_pack_text(&buf,
                  mst_zone_format(mst_engine_programme(e->s->engine)->zone, inv->expires, expires));
    mst_pack_text(&buf, "invitation");
    mst_pack_text(&buf, text);
    sodium_memzero(text, sizeof text);
    struct mst_slice row = mst_bytes(buf.data, buf.len);
    struct mst_msg msg = {.type = MST_MSG_reply};
    msg.u.reply.id = e->id;
    msg.u.reply.code = mst_text("ok");
    msg.u.reply.rows = (struct mst_slices){&row, 1};
    msg.u.reply.now = (uint64_t)e->now;
    int code = mst_driver_answer(e->b->driver, e->s->id, &msg, err);
    mst_buf_done(&buf);
    return code;
}

static int act_enrol(struct mst_errand *e, struct mst_err *err)
{
    char who[MST_TEXT_ARG_MAX], hours_text[MST_TEXT_ARG_MAX], range[64];
    int64_t hours_max = e->b->settings.BROKER_invitation_hours_max;
    uint8_t token[16];
    struct mst_invitation inv;
    struct mst_err why;
    if (!mst_errand_arg(e, "unit", who))
        return mst_errand_refuse(e, MST_E_USAGE, "unit");
    const char *hours = mst_errand_arg(e, "hours", hours_text);
    char *end = hours_text;
    long valid = hours                       ? strtol(hours, &end, 10)
                 : hours_max < HOURS_DEFAULT ? (long)hours_max
                                             : HOURS_DEFAULT;
    snprintf(range, sizeof range, N_("it must lie within") ": 1…%lld", (long long)hours_max);
    if ((hours && *end) || valid < 1 || valid > hours_max)
        return mst_errand_refuse_word(e, "hours", hours_text, range);
    int code = mst_driver_invite(e->b->driver, e->s->engine, &e->caller, who, valid, e->now,
                                 mst_clock_wall(), token, &inv, &why);
    if (code == MST_E_UNKNOWN || code == MST_E_INVALID)
        return mst_errand_refuse(e, (enum mst_code)code, who);
    if (code) {
        *err = why;
        return code;
    }
    code = reply_invitation(e, token, &inv, err);
    sodium_memzero(token, sizeof token);
    return code;
}

static int act_revoke(struct mst_errand *e, struct mst_err *err)
{
    char who[MST_TEXT_ARG_MAX], reason[MST_TEXT_ARG_MAX];
    struct mst_buf rows = {0};
    size_t count = 0;
    bool office = false;
    struct mst_err why;
    if (!mst_errand_arg(e, "who", who))
        return mst_errand_refuse(e, MST_E_USAGE, "who");
    if (!mst_errand_arg(e, "reason", reason))
        return mst_errand_refuse(e, MST_R_REASON, who);
    int code = mst_driver_revoke(e->b->driver, e->s->engine, &e->caller, who, reason, e->now,
                                 mst_clock_wall(), &rows, &count, &office, &why);
    if (code == MST_E_UNKNOWN) {
        mst_buf_done(&rows);
        return mst_errand_refuse(e, MST_E_UNKNOWN, who);
    }
    if (code) {
        *err = why;
        mst_buf_done(&rows);
        return code;
    }
    struct mst_slice items[REVOKED_SHOWN_MAX];
    struct mst_unpack u;
    mst_unpack_init(&u, rows.data, rows.len);
    size_t n = 0;
    while (n < REVOKED_SHOWN_MAX && n < count && mst_unpack_skip(&u, &items[n]))
        n++;
    struct mst_msg msg = {.type = MST_MSG_reply};
    msg.u.reply.id = e->id;
    msg.u.reply.code = mst_text("ok");
    msg.u.reply.rows = (struct mst_slices){items, n};
    msg.u.reply.now = (uint64_t)e->now;
    code = mst_driver_answer(e->b->driver, e->s->id, &msg, err);
    mst_buf_done(&rows);
    mst_log(&e->b->log, 6, "revoked", "who=\"%s\" keys=%zu by=%s", who, count,
            e->caller.actor.principal);
    /* A SUB goes on receiving after its key is revoked: only a new socket ends that. */
    e->b->feed_stale = e->b->feed_stale || office;
    return code;
}

/* ---- the clock ---- */

static int say_clock(struct mst_errand *e, struct mst_clock *clock, struct mst_err *err)
{
    const struct mst_zone *zone = mst_engine_programme(e->s->engine)->zone;
    char now[MST_INSTANT_TEXT_MAX], next[MST_INSTANT_TEXT_MAX] = "", leap[32];
    mst_time next_due = mst_driver_next_due(e->b->driver);
    mst_zone_format(zone, mst_clock_now(clock), now);
    if (next_due != MST_NEVER)
        mst_zone_format(zone, next_due, next);
    snprintf(leap, sizeof leap, "%" PRId64 " ms", clock->ruling.leap_ms);
    const char *const pairs[][2] = {
        {"now", now}, {"state", mst_clock_state_word(clock)}, {"next", next}, {"leap", leap}};
    return mst_session_reply_pairs(e->b, e->s, e->id, pairs, 4, err);
}

static int reply_clock(struct mst_errand *e, struct mst_err *err)
{
    return say_clock(e, &e->b->clock, err);
}

/* Whoever asked for a run is answered when it ends: arrived, held, or another run in its place. */
static void answer_run(struct mst_broker *b)
{
    struct mst_session *s = b->run_session ? mst_session_by_id(b, b->run_session) : NULL;
    b->run_session = 0;
    if (!s || !s->welcome)
        return;
    struct mst_errand e = {.b = b, .s = s, .id = b->run_request};
    struct mst_err err;
    if (reply_clock(&e, &err))
        mst_log_err(&b->log, "clock", &err);
}

/* Let a rehearsal's clock go on; it is answered when it has arrived, if it ever does. */
static int run_clock(struct mst_errand *e, mst_time to, struct mst_err *err)
{
    answer_run(e->b);
    mst_clock_run(&e->b->clock, to);
    if (to == MST_NEVER)
        return reply_clock(e, err);
    e->b->run_session = e->s->id;
    e->b->run_request = e->id;
    return 0;
}

static int confirm_clock(struct mst_errand *e, struct mst_err *err)
{
    struct mst_clock *clock = &e->b->clock;
    if (clock->rehearsal || mst_clock_fires(clock))
        return mst_errand_refuse(e, MST_R_STATE, "clock confirm");
    int code = mst_driver_note(e->b->driver, e->s->engine, MST_ROW_ACT, &e->caller, "clock-confirm",
                               mst_clock_state_word(clock), NULL, e->now, err);
    if (code)
        return code;
    mst_clock_confirm(clock);
    /* The answer waits for the commit, so it says what holds then. */
    struct mst_clock after = *clock;
    mst_clock_settle(&after, true);
    return say_clock(e, &after, err);
}

static int refuse_past(struct mst_errand *e, const char *until, const struct mst_zone *zone)
{
    char now[MST_INSTANT_TEXT_MAX], words[128];
    mst_zone_format(zone, e->b->clock.virtual_now, now);
    snprintf(words, sizeof words, "%s: %s", N_("no clock goes back, and this one stands at"), now);
    return mst_errand_refuse_word(e, "to", until, words);
}

static int rehearse_clock(struct mst_errand *e, const char *what, struct mst_err *err)
{
    char text[MST_TEXT_ARG_MAX];
    struct mst_err why;
    mst_time to = MST_NEVER;
    const char *until = mst_errand_arg(e, "to", text);
    if (strcmp(what, "hold") == 0) {
        mst_clock_hold(&e->b->clock);
        answer_run(e->b);
        return reply_clock(e, err);
    }
    if (strcmp(what, "run") == 0) {
        const struct mst_zone *zone = mst_engine_programme(e->s->engine)->zone;
        if (until && mst_zone_parse(zone, until, &to, &why))
            return mst_errand_refuse_word(e, "to", until, N_("is no instant"));
        const struct mst_clock *clock = &e->b->clock;
        if (to < clock->virtual_now)
            return refuse_past(e, until, zone);
        /* Without a speed and an end it would run on through all years in a moment. */
        if (!until && clock->virtual_end == MST_NEVER && clock->speed <= 0)
            return mst_errand_refuse(e, MST_E_USAGE, "clock run; --to INSTANT");
        return run_clock(e, to, err);
    }
    if (strcmp(what, "step") != 0)
        return mst_errand_refuse(e, MST_E_USAGE, what);
    to = mst_driver_next_due(e->b->driver);
    return to == MST_NEVER ? reply_clock(e, err) : run_clock(e, to, err);
}

static int act_clock(struct mst_errand *e, struct mst_err *err)
{
    char what[MST_TEXT_ARG_MAX];
    if (!mst_errand_arg(e, "what", what))
        return mst_errand_refuse(e, MST_E_USAGE, "what");
    if (strcmp(what, "show") == 0)
        return reply_clock(e, err);
    if (strcmp(what, "confirm") == 0)
        return confirm_clock(e, err);
    return e->b->rehearsal ? rehearse_clock(e, what, err)
                           : mst_errand_refuse(e, MST_R_REAL_CLOCK, what);
}

void mst_request_clock_arrived(struct mst_broker *b)
{
    mst_clock_hold(&b->clock);
    answer_run(b);
}

/* ---- programme files ---- */

static const struct mst_diag *first_error(const struct mst_diags *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        if (diags->items[i].severity == MST_DIAG_ERROR)
            return &diags->items[i];
    }
    return NULL;
}

/* Engines stand in the order of the programme files. */
static int reload_one(struct mst_broker *b, size_t index, const struct mst_caller *caller,
                      struct mst_session *session, uint64_t request_id, mst_time now,
                      struct mst_err *err)
{
    struct mst_programme *programme = NULL;
    struct mst_diags diags = {0};
    struct mst_err why;
    int code = mst_programme_load(b->programme_paths[index], &diags, &programme, &why);
    if (code) {
        /* The old one stays in force, whole. */
        mst_diags_print(&diags, stderr);
        mst_log_err(&b->log, "reload", &why);
        const struct mst_diag *fault = first_error(&diags);
        if (fault)
            mst_fail(&why, MST_R_PROGRAMME, "%s:%d:%d: %s (1/%zu)", fault->file, fault->line,
                     fault->column, fault->text, diags.errors);
        if (session)
            mst_session_reply(b, session, request_id, (enum mst_code)why.code, why.text,
                              (struct mst_slices){NULL, 0});
        code = 0;
    } else {
        code = mst_driver_reload(b->driver, mst_driver_engine(b->driver, index), caller, request_id,
                                 programme, now, err);
    }
    mst_diags_done(&diags);
    mst_programme_unref(programme);
    return code;
}

int mst_request_reload(struct mst_broker *b, struct mst_session *session, uint64_t request_id,
                       mst_time now, struct mst_err *err)
{
    struct mst_caller caller = {.actor = {.principal = "signal"}, .address = "local"};
    int code = 0;
    if (session)
        caller = mst_session_caller(session);
    for (size_t i = 0; !code && i < b->programmes_count; i++) {
        if (!session || session->engine == mst_driver_engine(b->driver, i))
            code = reload_one(b, i, &caller, session, request_id, now, err);
    }
    return code;
}

static int act_reload(struct mst_errand *e, struct mst_err *err)
{
    return mst_request_reload(e->b, e->s, e->id, e->now, err);
}

/* ---- dispatch ---- */

static const struct verb *find_verb(const char *word)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].word, word) == 0 && verbs[i].where != LOCAL)
            return &verbs[i];
    }
    return NULL;
}

int mst_request_serve(struct mst_broker *b, struct mst_session *s,
                      const struct mst_msg_request *request, mst_time now, struct mst_err *err)
{
    char word[MST_ID_MAX];
    struct mst_errand e = {.b = b, .s = s, .id = request->id, .args = request->args, .now = now};
    mst_slice_copy(request->verb, word, sizeof word);
    e.caller = mst_session_caller(s);
    const struct verb *verb = find_verb(word);
    if (!verb)
        return mst_errand_refuse(&e, MST_E_UNKNOWN, word);
    e.verb = verb->word;
    e.action = verb->action;
    char subject[MST_NAME_SHOWN_MAX] = "";
    enum mst_code wrong = check_arguments(&e, verb, subject);
    if (wrong)
        return mst_errand_refuse(&e, wrong, subject);
    if (request->programme.len > 0 &&
        !mst_slice_is(request->programme, mst_engine_programme(s->engine)->id))
        return mst_errand_refuse(&e, MST_E_UNKNOWN,
                                 mst_slice_show(request->programme, subject, sizeof subject));
    if (verb->where == QUERY)
        return mst_query_post(b, s, request, now, err);
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        struct mst_target none = {NULL, NULL};
        if (strcmp(acts[i].word, word) != 0)
            continue;
        if (acts[i].aim == UPON_BROKER && !may(&e, &none))
            return mst_errand_refuse(&e, MST_E_DENIED, word);
        return acts[i].fn(&e, err);
    }
    return mst_errand_refuse(&e, MST_E_UNKNOWN, word);
}
