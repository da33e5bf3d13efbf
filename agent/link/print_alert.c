/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts in words and as maps. The sentences have named places instead of printf's, so that a
 * translation may put them in any order and can never read past its arguments.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/link/print_cell.h"
#include "config/load/lang.h"
#include "config/model/zone.h"
#include "proto/pack.h"

struct sentence {
    const char *kind, *text;
};

static const struct sentence sentences[] = {
    {"reminder", N_("reminder: {bearer} owes {duty} {period}, due by {due}")},
    {"overdue", N_("overdue: {duty} {period} of {bearer} was due by {due} and is not there")},
    {"escalation",
     N_("escalation, level {level}: {duty} {period} of {bearer} is overdue since {due}")},
    {"nag", N_("still overdue: {duty} {period} of {bearer}, since {due}")},
    {"cleared", N_("cleared: {bearer} has now reported {duty} {period}, which was due by {due}")},
    {"returned", N_("returned: {duty} {period} of {bearer} needs correction")},
    {"closed", N_("closed: {duty} {period} of {bearer}")},
    {"review-overdue", N_("review overdue: {duty} {period} of {bearer} waits since {when}")},
    {"urge", N_("urged: {bearer} is asked for {duty} {period}, due by {due}")},
    {"extended", N_("extended: {duty} {period} of {bearer} is now due by {due}")},
    {"extension-requested", N_("extension requested: {bearer} asks for more time for {duty} "
                               "{period}, due by {due}<, until "
                               "{until}>")},
    {"extension-refused", N_("extension refused: {duty} {period} of {bearer} stays due by {due}")},
    {"waived", N_("waived: {duty} {period} of {bearer} is no longer owed")},
    {"locked", N_("locked: {duty} {period} of {bearer} was due by {due} and counts as missing")},
    {"unlocked", N_("unlocked: {bearer} may still report {duty} {period}")},
    {"reopened", N_("reopened: {duty} {period} of {bearer} is under review again")},
    {"voided", N_("voided: what {bearer} sent as {duty} {period} counts as not submitted")},
    {"behind-pace", N_("behind pace: {bearer} with {duty} {period}")},
    {"vacated", N_("vacated: {duty} {period} of {bearer} is to be filled again, by {due}")},
    {"superseded", N_("superseded: {duty} {period} of {bearer} is now owed by another")},
    {"cancelled", N_("cancelled: {duty} {period} of {bearer}")},
    {"task-amended", N_("task amended: it is {bearer}'s")},
    {"granted", N_("reading granted until a date")},
    {"ungranted", N_("a grant to read was taken back")},
    {"difficulty-raised", N_("difficulty raised by {bearer}")},
    {"difficulty-replied", N_("difficulty of {bearer} answered")},
    {"difficulty-confirmed", N_("difficulty solved, says {bearer}")},
    {"difficulty-old", N_("difficulty of {bearer} still unsolved<, after {days} days>")},
    {"issued", N_("issued: {duty} {period}, {when}")},
    {"agent-silent", N_("agent silent: nothing was heard of {bearer}'s agent since {when}")},
    {"agent-back", N_("agent back: {bearer}'s agent was heard of again, {when}")},
    {"path-down", N_("path down: no agent is heard of, since {when}")},
    {"path-up", N_("path up: agents are heard of again, {when}")},
    {"sequence-conflict",
     N_("SECURITY: another report came under a number that is stored, {when}")},
    {"revoked-key", N_("SECURITY: a revoked key was used, {when}")},
    {"key-expires", N_("a key expires soon; it is to be rotated")},
    {"head-contradicted",
     N_("SECURITY: a witness has another head of the ledger than the broker, {when}")},
    {"quota-reached",
     N_("as much as is stored for one key in a day, and more waits; since {when}")},
    {"moved", N_("due date moved: {duty} {period} of {bearer} is now due by {due}")},
};

static const struct sentence anything = {NULL, N_("{kind}: {duty} {period} of {bearer}, {when}")};

static const struct sentence *sentence_of(struct mst_slice kind)
{
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (mst_slice_is(kind, sentences[i].kind))
            return &sentences[i];
    }
    return &anything;
}

char *mst_when(mst_time at, bool is_deadline, char buf[MST_WHEN_MAX])
{
    time_t seconds = (time_t)(at / 1000);
    struct tm local;
    char date[16] = "", hour[8] = "24:00";
    buf[0] = '\0';
    if (!localtime_r(&seconds, &local))
        return buf;
    long offset_min = local.tm_gmtoff / 60;
    if (!is_deadline || local.tm_hour || local.tm_min || local.tm_sec || at % 1000) {
        strftime(hour, sizeof hour, "%H:%M", &local);
    } else {
        /* Due dates are half-open: the midnight that begins a day is the end of the one before. */
        seconds -= 1;
        if (!localtime_r(&seconds, &local))
            return buf;
    }
    strftime(date, sizeof date, "%Y-%m-%d", &local);
    snprintf(buf, MST_WHEN_MAX, "%s %s %c%02ld:%02ld", date, hour, offset_min < 0 ? '-' : '+',
             labs(offset_min) / 60, labs(offset_min) % 60);
    return buf;
}

struct place {
    const char *name;
    struct mst_slice text;
};

struct places {
    const struct place *items;
    size_t count;
    bool made;    /* the reason may be the broker's own */
    bool amended; /* it says what became of a task */
};

/* Kinds whose reason the broker may have given itself; the others' are people's words. */
static bool is_brokers_own(const char *kind)
{
    static const char *const kinds[] = {"reminder", "overdue",   "escalation", "nag",
                                        "moved",    "cancelled", "superseded"};
    bool found = false;
    for (size_t i = 0; !found && i < sizeof kinds / sizeof kinds[0]; i++)
        found = strcmp(kinds[i], kind) == 0;
    return found;
}

/* "g1-03; owner: rsj → swj: why": which fields, in the reader's words; the rest is as it came. */
static void put_amendment(struct mst_buf *out, struct mst_slice reason)
{
    static const char *const fields[] = {"owner", "helpers", "due"};
    size_t from = 0;
    for (size_t at = 0; at < reason.len; at++) {
        for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
            char begin[16];
            int len = snprintf(begin, sizeof begin, "; %s: ", fields[i]);
            if (reason.len - at < (size_t)len || memcmp(reason.data + at, begin, (size_t)len) != 0)
                continue;
            mst_put_clean(out, mst_bytes(reason.data + from, at - from));
            mst_put_clean(out, mst_text(_("; ")));
            mst_put_clean(out, mst_text(mst_heading(fields[i])));
            mst_put_clean(out, mst_text(_(": ")));
            from = at + (size_t)len;
            at = from - 1;
            break;
        }
    }
    mst_put_clean(out, mst_bytes(reason.data + from, reason.len - from));
}

/* Every value is cleaned as it goes in; the sentence itself is ours. */
static void put_place(void *context, const char *name, struct mst_buf *out)
{
    const struct places *places = context;
    for (size_t i = 0; i < places->count; i++) {
        if (strcmp(places->items[i].name, name) != 0)
            continue;
        bool reason = strcmp(name, "reason") == 0;
        if (reason && places->amended)
            put_amendment(out, places->items[i].text);
        else if (reason && places->made)
            mst_put_reason(out, places->items[i].text);
        else if (!reason || !mst_put_post(out, places->items[i].text))
            mst_put_clean(out, places->items[i].text);
    }
}

/* The name in the reader's language, or the id where there is none. */
static struct mst_slice named(struct mst_slice en, struct mst_slice zh, struct mst_slice id)
{
    struct mst_slice name = mst_lang_zh() ? zh : en;
    return name.len > 0 ? name : id;
}

/* "d1 no water: 28": what is behind the last colon, where it is a number; it leaves the reason. */
static struct mst_slice take_days(struct mst_slice *reason)
{
    size_t at = reason->len;
    while (at > 0 && reason->data[at - 1] >= '0' && reason->data[at - 1] <= '9')
        at--;
    bool counted = at < reason->len && at > 2 && memcmp(reason->data + at - 2, ": ", 2) == 0;
    if (!counted)
        return mst_text("");
    struct mst_slice days = mst_bytes(reason->data + at, reason->len - at);
    reason->len = at - 2;
    return days;
}

/* "until 2023-10-20: the flood": the date leaves the reason; "": it does not begin with one. */
static struct mst_slice take_until(struct mst_slice *reason)
{
    static const char begin[] = "until ", end[] = ": ";
    size_t from = sizeof begin - 1, days = sizeof "2023-10-20" - 1, to = from + days;
    if (reason->len < to + sizeof end - 1 || memcmp(reason->data, begin, from) != 0 ||
        memcmp(reason->data + to, end, sizeof end - 1) != 0)
        return mst_text("");
    struct mst_slice until = mst_bytes(reason->data + from, days);
    *reason = mst_bytes(reason->data + to + sizeof end - 1, reason->len - to - (sizeof end - 1));
    return until;
}

static void put_sentence(const struct mst_msg_alert *alert, struct mst_buf *out)
{
    char due[MST_WHEN_MAX], when[MST_WHEN_MAX], level[24], missed[24], kind[33];
    char period[MST_PERIOD_KEY_MAX];
    snprintf(level, sizeof level, "%" PRIu64, alert->level > 1 ? alert->level - 1 : alert->level);
    snprintf(missed, sizeof missed, "%" PRIu64, alert->missed);
    mst_slice_copy(alert->kind, kind, sizeof kind);
    mst_slice_copy(alert->period, period, sizeof period);
    struct mst_slice reason = alert->reason, days = {0}, until = {0};
    if (mst_slice_is(alert->kind, "difficulty-old"))
        days = take_days(&reason);
    if (mst_slice_is(alert->kind, "extension-requested"))
        until = take_until(&reason);
    const struct place places[] = {
        {"bearer", named(alert->bearer_en, alert->bearer_zh, alert->bearer)},
        {"duty", named(alert->duty_en, alert->duty_zh, alert->duty)},
        {"period", mst_text(mst_word("period", period))},
        {"due", mst_text(mst_when((mst_time)alert->due, true, due))},
        {"when", mst_text(mst_when((mst_time)alert->instant, false, when))},
        {"level", mst_text(level)},
        {"missed", mst_text(missed)},
        {"days", days},
        {"until", until},
        {"reason", reason},
        {"kind", mst_text(mst_word("kind", kind))},
    };
    struct places context = {
        .items = places,
        .count = sizeof places / sizeof places[0],
        .made = is_brokers_own(kind),
        .amended = strcmp(kind, "task-amended") == 0,
    };
    if (alert->rehearsal)
        mst_fill(out, _("[rehearsal] "), put_place, &context);
    mst_fill(out, _(sentence_of(alert->kind)->text), put_place, &context);
    if (alert->missed > 0)
        mst_fill(out, _(" (stands for {missed} earlier ones)"), put_place, &context);
    if (reason.len > 0)
        mst_fill(out, _(": {reason}"), put_place, &context);
}

char *mst_alert_words(const struct mst_msg_alert *alert, char *buf, size_t size)
{
    struct mst_buf out = {0};
    put_sentence(alert, &out);
    struct mst_slice whole = {out.data, out.len};
    if (whole.len >= size) {
        /* Cut at a character's boundary. */
        whole.len = size - 1;
        while (whole.len > 0 && (out.data[whole.len] & 0xC0) == 0x80)
            whole.len--;
    }
    mst_slice_copy(whole, buf, size);
    mst_buf_done(&out);
    return buf;
}

enum mst_tint mst_alert_tint(const struct mst_msg_alert *alert)
{
    static const enum mst_tint by_level[] = {MST_TINT_CYAN, MST_TINT_BOLD, MST_TINT_YELLOW,
                                             MST_TINT_RED, MST_TINT_ALARM};
    if (mst_slice_is(alert->kind, "cleared") || mst_slice_is(alert->kind, "closed"))
        return MST_TINT_GREEN;
    size_t last = sizeof by_level / sizeof by_level[0] - 1;
    return by_level[alert->level < last ? alert->level : last];
}

static void pack_instant(struct mst_buf *out, const char *key, uint64_t at)
{
    static const struct mst_zone utc = {.name = "UTC"};
    char text[MST_INSTANT_TEXT_MAX];
    mst_pack_text(out, key);
    mst_pack_text(out, at ? mst_zone_format(&utc, (mst_time)at, text) : NULL);
}

static void pack_text(struct mst_buf *out, const char *key, struct mst_slice text)
{
    mst_pack_text(out, key);
    if (text.data)
        mst_pack_text_slice(out, text);
    else
        mst_pack_nil(out);
}

static void pack_uint(struct mst_buf *out, const char *key, uint64_t value)
{
    mst_pack_text(out, key);
    mst_pack_uint(out, value);
}

static void pack_bin(struct mst_buf *out, const char *key, struct mst_slice bytes)
{
    mst_pack_text(out, key);
    mst_pack_bin(out, bytes.data, bytes.len);
}

void mst_alert_map(const struct mst_msg_alert *alert, struct mst_buf *out)
{
    char words[2048];
    mst_pack_map(out, 32);
    pack_uint(out, "number", alert->number);
    pack_uint(out, "prev", alert->prev);
    pack_bin(out, "id", alert->id);
    pack_text(out, "programme", alert->programme);
    pack_text(out, "topic", alert->topic);
    pack_text(out, "kind", alert->kind);
    pack_text(out, "audience", alert->audience);
    pack_text(out, "role", alert->role);
    pack_text(out, "bearer_en", alert->bearer_en);
    pack_text(out, "bearer_zh", alert->bearer_zh);
    pack_text(out, "duty_en", alert->duty_en);
    pack_text(out, "duty_zh", alert->duty_zh);
    pack_text(out, "obligation", alert->obligation);
    pack_text(out, "duty", alert->duty);
    pack_text(out, "period", alert->period);
    pack_text(out, "bearer", alert->bearer);
    pack_text(out, "group", alert->group);
    pack_uint(out, "rung", alert->rung);
    pack_uint(out, "level", alert->level);
    pack_uint(out, "occurrence", alert->occurrence);
    pack_uint(out, "revision", alert->revision);
    pack_instant(out, "instant", alert->instant);
    pack_instant(out, "fired", alert->fired);
    pack_instant(out, "due", alert->due);
    pack_uint(out, "missed", alert->missed);
    pack_text(out, "reason", alert->reason);
    mst_pack_text(out, "rehearsal");
    mst_pack_bool(out, alert->rehearsal);
    pack_uint(out, "ledger_row", alert->ledger_row);
    pack_bin(out, "ledger_head", alert->ledger_head);
    pack_uint(out, "ledger_epoch", alert->ledger_epoch);
    pack_bin(out, "ledger_sig", alert->ledger_sig);
    mst_pack_text(out, "text");
    mst_pack_text(out, mst_alert_words(alert, words, sizeof words));
}
