/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names and words of the protocol in the reader's language: one table of headings, one of the
 * words that stand as values. Refuses to touch a column that is not one of words, where an id might
 * happen to look like one.
 */
#include "agent/link/print.h"

#include <string.h>

struct heading {
    const char *column, *text;
};

static const struct heading headings[] = {
    {"acknowledged", N_("Acknowledged")},
    {"act", N_("Act")},
    {"action", N_("Action")},
    {"actor", N_("By")},
    {"admin", N_("Administrator")},
    {"alert", N_("Alert")},
    {"alerts", N_("Alerts")},
    {"area", N_("Focus area")},
    {"areas", N_("Focus areas")},
    {"asked", N_("Extension asked for")},
    {"asked_until", N_("Asked for until")},
    {"at", N_("At")},
    {"audience", N_("Audience")},
    {"bearer", N_("Bearer")},
    {"blame", N_("Whose fault")},
    {"blame_now", N_("Whose fault now")},
    {"body", N_("Contents")},
    {"bytes", N_("Bytes")},
    {"calendar_digest", N_("Calendar")},
    {"chain", N_("Chain")},
    {"change", N_("Change")},
    {"clause", N_("Clause")},
    {"clock", N_("Clock")},
    {"closed", N_("Closed")},
    {"closing", N_("Closed by")},
    {"code", N_("Code")},
    {"conflicts", N_("Judges itself")},
    {"connected", N_("Connected")},
    {"contacts", N_("Contacts of agents")},
    {"correction_due", N_("Correction due")},
    {"count", N_("Values")},
    {"counterpart", N_("Counterpart")},
    {"created", N_("Created")},
    {"day", N_("Day")},
    {"days_late", N_("Days late")},
    {"amount", N_("Amount")},
    {"days_open", N_("Days open")},
    {"helpers", N_("Helpers")},
    {"raiser", N_("Raised by")},
    {"waiting", N_("Replies awaited")},
    {"days_left", N_("Working days left")},
    {"deciding_event", N_("Deciding event")},
    {"default", N_("Default")},
    {"differences", N_("Differences")},
    {"digest", N_("Digest")},
    {"director", N_("Director")},
    {"doc", N_("Meaning")},
    {"due", N_("Due")},
    {"due_day", N_("Due date")},
    {"duty", N_("Duty")},
    {"epoch", N_("Restore epoch")},
    {"event", N_("Event")},
    {"evidence", N_("Evidence")},
    {"expires", N_("Expires")},
    {"field", N_("Field")},
    {"file", N_("File")},
    {"fingerprint", N_("Fingerprint")},
    {"fired", N_("Fired")},
    {"first_difference", N_("First difference")},
    {"first_row", N_("Its row")},
    {"from", N_("From")},
    {"grace_until", N_("Grace until")},
    {"group", N_("Group")},
    {"head", N_("Ledger head")},
    {"heads", N_("Signed heads")},
    {"hint", N_("Hint")},
    {"history", N_("History")},
    {"holder", N_("Holder")},
    {"id", N_("Id")},
    {"inputs", N_("Inputs")},
    {"instant", N_("Instant")},
    {"invitation", N_("Invitation")},
    {"is", N_("Will be")},
    {"issued", N_("Issued")},
    {"item", N_("Items moved")},
    {"items", N_("Items")},
    {"key", N_("Keys")},
    {"kind", N_("Kind")},
    {"label", N_("Label")},
    {"last_contact", N_("Last contact")},
    {"lead", N_("Lead")},
    {"leap", N_("Leap")},
    {"ledger_head", N_("Ledger head")},
    {"ledger_row", N_("Ledger row")},
    {"ledger_rows", N_("Ledger rows")},
    {"level", N_("Level")},
    {"light", N_("Light")},
    {"likelihood", N_("Late?")},
    {"locks", N_("Locks")},
    {"max", N_("Most")},
    {"mean", N_("Mean")},
    {"measure", N_("Measured in")},
    {"min", N_("Least")},
    {"missed", N_("Stands for")},
    {"moves", N_("Moves of items")},
    {"name", N_("Name")},
    {"next", N_("Next deadline")},
    {"not_after", N_("Valid until")},
    {"note", N_("Note")},
    {"now", N_("Now")},
    {"number", N_("Number")},
    {"obligation", N_("Obligation")},
    {"obligations", N_("Obligations")},
    {"office", N_("Office")},
    {"on_time", N_("On time")},
    {"open", N_("Open")},
    {"opens", N_("Opens")},
    {"original_due", N_("Original due")},
    {"original_on_time", N_("Originally on time")},
    {"original_points", N_("Original points")},
    {"original_rate", N_("Original rate")},
    {"original_verdict", N_("Verdict by the original date")},
    {"outbox", N_("Outbox")},
    {"overdue", N_("Overdue")},
    {"owed", N_("Owed")},
    {"owner", N_("Owner")},
    {"percent", N_("Done %")},
    {"period", N_("Period")},
    {"phase", N_("Phase")},
    {"points", N_("Points")},
    {"previous", N_("Period before")},
    {"principal", N_("Principal")},
    {"programme", N_("Programme")},
    {"programmes", N_("Programme versions")},
    {"provisional", N_("Provisional")},
    {"queued", N_("Queued")},
    {"range", N_("Range")},
    {"rate", N_("Rate")},
    {"reason", N_("Reason")},
    {"reasons", N_("What speaks for it")},
    {"reader", N_("Who reads")},
    {"reads", N_("Reads")},
    {"receipt", N_("Receipt")},
    {"received", N_("Received")},
    {"record_number", N_("Record number")},
    {"refusal", N_("Refusals")},
    {"refusals", N_("Refusals")},
    {"refused_peers", N_("Refused peers")},
    {"rehearsal", N_("Rehearsal")},
    {"report", N_("Reports")},
    {"reports", N_("Reports")},
    {"returns", N_("Returns")},
    {"review_due", N_("Review due")},
    {"revoked", N_("Revoked")},
    {"role", N_("Role")},
    {"roles", N_("Roles")},
    {"row", N_("Row")},
    {"rows", N_("Rows")},
    {"rule", N_("Rule")},
    {"rule_version", N_("Rule version")},
    {"run_head", N_("Head of the run")},
    {"scope", N_("Scope")},
    {"seconds", N_("Seconds")},
    {"security", N_("Security events")},
    {"sequence", N_("Sequence")},
    {"sessions", N_("Sessions")},
    {"sign_key", N_("Signing key")},
    {"signature", N_("Signature")},
    {"software", N_("Software")},
    {"start", N_("Starts")},
    {"starts", N_("Starts")},
    {"state", N_("State")},
    {"status", N_("Status")},
    {"stop", N_("Stops")},
    {"subject", N_("Subject")},
    {"source", N_("Source")},
    {"submitted", N_("Submitted")},
    {"sum", N_("Sum")},
    {"task", N_("Task")},
    {"text", N_("Text")},
    {"tick", N_("Clock rows")},
    {"title", N_("Title")},
    {"title_en", N_("Title (en)")},
    {"title_zh", N_("Title (zh)")},
    {"topic", N_("Topic")},
    {"transition", N_("Transitions")},
    {"transitions", N_("Transitions")},
    {"type", N_("Type")},
    {"unit", N_("Unit")},
    {"units", N_("Units")},
    {"until", N_("Until")},
    {"urges", N_("Urged")},
    {"value", N_("Value")},
    {"verbs", N_("Commands")},
    {"verdict", N_("Verdict")},
    {"version", N_("Version")},
    {"viewer", N_("Viewer")},
    {"was", N_("Was")},
    {"what", N_("What")},
    {"why", N_("Why")},
    {"work", N_("State")},
    {"zone", N_("Time zone")},
    {"refused_handshakes", N_("Refused handshakes")},
    {"cut_connections", N_("Connections cut off")},
    {"keys_expiring", N_("Keys that expire soon")},
    {"refused_rate", N_("Refused for their rate")},
    {"refused_quota", N_("Refused for the quota")},
    {"refused_conflicts", N_("Numbers in conflict")},
    {"header", N_("Header")},
    {"filled_in_by", N_("Filled in by")},
    {"checked_by", N_("Checked by")},
    {"signed_off_by", N_("Signed off by")},
    {"phone", N_("Telephone")},
    {"summary", N_("In short")},
    {"difficulties", N_("Difficulties")},
    {"projects", N_("Projects won")},
    {"proof", N_("Proof of")},
    {"result", N_("Result")},
    {"target", N_("Target")},
    {"uncovered", N_("Areas without a task")},
    {"tasks", N_("Tasks")},
    {"outside", N_("Asked outside")},
    {"remark", N_("Remark")},
    {"refused", N_("Refused")},
    {"zone_digest", N_("Zone rules")},
};

const char *mst_heading(const char *column)
{
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) {
        if (strcmp(headings[i].column, column) == 0)
            return _(headings[i].text);
    }
    return column;
}

/* columns: the ones that can hold the word, between spaces. */
struct word {
    const char *columns, *word, *text;
    enum mst_tint tint;
};

static const struct word words[] = {
    {" phase ", "upcoming", N_("upcoming"), MST_TINT_DIM},
    {" phase ", "open", N_("open"), MST_TINT_OFF},
    {" phase ", "due-soon", N_("due soon"), MST_TINT_YELLOW},
    {" phase ", "grace", N_("grace"), MST_TINT_YELLOW},
    {" phase kind ", "overdue", N_("overdue"), MST_TINT_RED},
    {" phase ", "escalated", N_("escalated"), MST_TINT_ALARM},
    {" phase kind ", "locked", N_("locked"), MST_TINT_RED},

    {" work before after ", "awaiting", N_("awaiting"), MST_TINT_OFF},
    {" work before after ", "submitted", N_("submitted"), MST_TINT_CYAN},
    {" work before after ", "under-review", N_("under review"), MST_TINT_CYAN},
    {" work kind before after ", "returned", N_("returned"), MST_TINT_YELLOW},
    {" work kind before after ", "closed", N_("closed"), MST_TINT_GREEN},
    {" work kind before after ", "waived", N_("waived"), MST_TINT_DIM},
    {" work before after ", "superseded", N_("superseded"), MST_TINT_DIM},
    {" work before after ", "cancelled", N_("cancelled"), MST_TINT_DIM},
    {" work before after ", "not-applicable", N_("not applicable"), MST_TINT_DIM},

    {" verdict original_verdict ", "on-time", N_("on time"), MST_TINT_GREEN},
    {" verdict original_verdict ", "on-time-attested", N_("on time (attested)"), MST_TINT_GREEN},
    {" verdict original_verdict ", "in-grace", N_("in grace"), MST_TINT_GREEN},
    {" verdict original_verdict ", "late", N_("late"), MST_TINT_RED},
    {" verdict original_verdict ", "missing", N_("missing"), MST_TINT_ALARM},

    {" kind ", "reminder", N_("reminder"), MST_TINT_CYAN},
    {" kind ", "escalation", N_("escalation"), MST_TINT_RED},
    {" kind ", "nag", N_("still overdue"), MST_TINT_RED},
    {" kind ", "cleared", N_("cleared"), MST_TINT_GREEN},
    {" kind ", "review-overdue", N_("review overdue"), MST_TINT_YELLOW},
    {" kind ", "urge", N_("urged"), MST_TINT_YELLOW},
    {" kind ", "extended", N_("extended"), MST_TINT_CYAN},
    {" kind ", "extension-requested", N_("extension requested"), MST_TINT_CYAN},
    {" kind ", "extension-refused", N_("extension refused"), MST_TINT_YELLOW},
    {" kind ", "unlocked", N_("unlocked"), MST_TINT_CYAN},
    {" kind ", "reopened", N_("reopened"), MST_TINT_YELLOW},
    {" kind ", "voided", N_("voided"), MST_TINT_YELLOW},
    {" kind ", "moved", N_("due date moved"), MST_TINT_CYAN},
    {" kind ", "behind-pace", N_("behind pace"), MST_TINT_YELLOW},
    {" kind ", "vacated", N_("vacated"), MST_TINT_YELLOW},
    {" likelihood ", "likely", N_("likely"), MST_TINT_RED},
    {" likelihood ", "possible", N_("possible"), MST_TINT_YELLOW},
    {" likelihood ", "unlikely", N_("unlikely"), MST_TINT_OFF},
    {" kind ", "task-amended", N_("task amended"), MST_TINT_CYAN},
    {" kind ", "granted", N_("reading granted"), MST_TINT_CYAN},
    {" kind ", "ungranted", N_("grant taken back"), MST_TINT_YELLOW},
    {" kind ", "difficulty-raised", N_("difficulty raised"), MST_TINT_YELLOW},
    {" kind ", "difficulty-replied", N_("difficulty answered"), MST_TINT_CYAN},
    {" kind ", "difficulty-confirmed", N_("difficulty solved"), MST_TINT_GREEN},
    {" kind ", "difficulty-old", N_("difficulty grown old"), MST_TINT_RED},
    {" kind ", "issued", N_("issued"), MST_TINT_CYAN},
    {" kind ", "agent-silent", N_("agent silent"), MST_TINT_YELLOW},
    {" kind ", "agent-back", N_("agent back"), MST_TINT_GREEN},
    {" kind ", "path-down", N_("path down"), MST_TINT_RED},
    {" kind ", "path-up", N_("path up"), MST_TINT_GREEN},
    {" kind ", "sequence-conflict", N_("conflict of numbers"), MST_TINT_RED},
    {" kind ", "revoked-key", N_("revoked key used"), MST_TINT_RED},
    {" kind ", "key-expires", N_("key expires"), MST_TINT_YELLOW},
    {" kind ", "quota-reached", N_("quota reached"), MST_TINT_YELLOW},
    {" kind ", "head-contradicted", N_("ledger contradicted"), MST_TINT_RED},

    {" role ", "clerk", N_("clerk"), MST_TINT_OFF},
    {" role ", "deputy", N_("deputy in charge"), MST_TINT_OFF},
    {" role ", "head", N_("head of the unit"), MST_TINT_OFF},
    {" role roles ", "lead", N_("lead unit"), MST_TINT_OFF},
    {" role ", "raiser", N_("who raised it"), MST_TINT_OFF},
    {" role ", "owner", N_("who sees to it"), MST_TINT_OFF},
    {" role ", "helper", N_("helper"), MST_TINT_OFF},
    {" role ", "counterpart", N_("counterpart"), MST_TINT_OFF},
    {" role ", "member", N_("member unit"), MST_TINT_OFF},
    {" role ", "outside", N_("outside the groups"), MST_TINT_OFF},
    {" role roles ", "unit", N_("unit"), MST_TINT_OFF},
    {" role roles bearer counterpart audience ", "office", N_("office"), MST_TINT_OFF},
    {" role roles counterpart audience ", "director", N_("office director"), MST_TINT_OFF},
    {" role roles ", "viewer", N_("viewer"), MST_TINT_OFF},
    {" role roles ", "admin", N_("administrator"), MST_TINT_OFF},
    {" role ", "group-head", N_("group head"), MST_TINT_OFF},
    {" role ", "city-leader", N_("city leader"), MST_TINT_OFF},

    {" event act ", "materialise", N_("becomes owed"), MST_TINT_OFF},
    {" event act ", "submit", N_("submit"), MST_TINT_OFF},
    {" event act ", "withdraw", N_("withdraw"), MST_TINT_OFF},
    {" event act ", "extension", N_("ask for an extension"), MST_TINT_OFF},
    {" event act ", "receive", N_("receive"), MST_TINT_OFF},
    {" event act ", "review", N_("begin the review"), MST_TINT_OFF},
    {" event act ", "return", N_("return"), MST_TINT_OFF},
    {" event act ", "approve", N_("approve"), MST_TINT_OFF},
    {" event act ", "record", N_("put on record"), MST_TINT_OFF},
    {" event act ", "void", N_("void as no submission"), MST_TINT_OFF},
    {" event act ", "urge", N_("urge"), MST_TINT_OFF},
    {" event act ", "extend", N_("extend"), MST_TINT_OFF},
    {" event act ", "refuse-extension", N_("refuse an extension"), MST_TINT_OFF},
    {" event act ", "waive", N_("waive"), MST_TINT_OFF},
    {" event act ", "unlock", N_("unlock"), MST_TINT_OFF},
    {" event act ", "reopen", N_("reopen"), MST_TINT_OFF},
    {" event act ", "fill", N_("fill"), MST_TINT_OFF},
    {" event act ", "vacate", N_("vacate"), MST_TINT_OFF},
    {" event act ", "publish", N_("publish"), MST_TINT_OFF},
    {" event act ", "rebase", N_("rebase"), MST_TINT_OFF},
    {" event act ", "acknowledge", N_("acknowledge"), MST_TINT_OFF},
    {" event act ", "supersede", N_("supersede"), MST_TINT_OFF},
    {" event act ", "cancel", N_("cancel"), MST_TINT_OFF},
    {" event act ", "progress", N_("report progress"), MST_TINT_OFF},
    {" event act ", "issue", N_("issue"), MST_TINT_OFF},
    {" event act ", "sign-for", N_("sign for"), MST_TINT_OFF},
    {" event act ", "raise", N_("raise a difficulty"), MST_TINT_OFF},
    {" event act ", "reply", N_("reply"), MST_TINT_OFF},
    {" event act ", "confirm", N_("confirm as solved"), MST_TINT_OFF},
    {" event act ", "raise-again", N_("raise again"), MST_TINT_OFF},
    {" event act ", "lock", N_("lock"), MST_TINT_OFF},
    {" event act ", "annul", N_("annul the verdict"), MST_TINT_OFF},
    {" event act ", "recompute", N_("work out the dates anew"), MST_TINT_OFF},
    {" event act ", "regroup", N_("regroup"), MST_TINT_OFF},

    {" actor ", "automatic", N_("by itself"), MST_TINT_DIM},
    {" actor ", "clock", N_("the clock"), MST_TINT_DIM},
    {" actor ", "programme", N_("the programme"), MST_TINT_DIM},

    {" period ", "once", N_("once"), MST_TINT_OFF},
    {" rehearsal provisional ", "yes", N_("yes"), MST_TINT_OFF},
    {" rehearsal provisional ", "no", N_("no"), MST_TINT_OFF},
    {" clock state chain ", "ok", N_("ok"), MST_TINT_OFF},
    {" clock state ", "rehearsal, running", N_("rehearsal, running"), MST_TINT_OFF},
    {" clock state ", "rehearsal, held", N_("rehearsal, held"), MST_TINT_OFF},
    {" clock state ", "frozen: the wall clock went back", N_("frozen: the wall clock went back"),
     MST_TINT_RED},
    {" clock state ", "held: the wall clock leapt", N_("held: the wall clock leapt"), MST_TINT_RED},

    {" weekday ", "mon", N_("Mon"), MST_TINT_OFF},
    {" weekday ", "tue", N_("Tue"), MST_TINT_OFF},
    {" weekday ", "wed", N_("Wed"), MST_TINT_OFF},
    {" weekday ", "thu", N_("Thu"), MST_TINT_OFF},
    {" weekday ", "fri", N_("Fri"), MST_TINT_OFF},
    {" weekday ", "sat", N_("Sat"), MST_TINT_OFF},
    {" weekday ", "sun", N_("Sun"), MST_TINT_OFF},

    {" offset ", "working-days", N_("working days"), MST_TINT_OFF},
    {" offset ", "days", N_("days"), MST_TINT_OFF},
    {" offset ", "months", N_("months"), MST_TINT_OFF},
    {" side ", "before", N_("before"), MST_TINT_OFF},
    {" side ", "after", N_("after"), MST_TINT_OFF},
    {" anchor ", "start", N_("start"), MST_TINT_OFF},
    {" anchor ", "end", N_("end"), MST_TINT_OFF},
    {" roll ", "none", N_("none"), MST_TINT_OFF},
    {" roll ", "following", N_("following working day"), MST_TINT_OFF},
    {" roll ", "preceding", N_("preceding working day"), MST_TINT_OFF},
    {" roll ", "modified-following", N_("following working day within the month"), MST_TINT_OFF},
    {" roll ", "modified-preceding", N_("preceding working day within the month"), MST_TINT_OFF},
    {" closing ", "automatic", N_("receipt, by itself"), MST_TINT_OFF},
    {" closing ", "receive", N_("receiving"), MST_TINT_OFF},
    {" closing ", "approve", N_("approval"), MST_TINT_OFF},
    {" closing ", "record", N_("putting on record"), MST_TINT_OFF},
    {" closing ", "fill", N_("filling the post"), MST_TINT_OFF},

    {" change ", "added", N_("added"), MST_TINT_GREEN},
    {" change ", "removed", N_("removed"), MST_TINT_RED},
    {" change ", "changed", N_("changed"), MST_TINT_YELLOW},
    {" change ", "moved", N_("moves"), MST_TINT_YELLOW},
    {" change ", "kept", N_("stays: opened already"), MST_TINT_DIM},

    {" change ", "dropped", N_("dropped"), MST_TINT_RED},
    {" change ", "same", N_("the same"), MST_TINT_DIM},

    {" state ", "open", N_("unsolved"), MST_TINT_YELLOW},
    {" state ", "answered", N_("answered"), MST_TINT_CYAN},
    {" state ", "solved", N_("solved"), MST_TINT_GREEN},
    {" state ", "won", N_("won"), MST_TINT_GREEN},
    {" state ", "given", N_("given"), MST_TINT_GREEN},
    {" state ", "ended", N_("ended"), MST_TINT_DIM},
    {" source ", "programme", N_("programme file"), MST_TINT_OFF},
    {" source ", "office", N_("office"), MST_TINT_OFF},
    {" state ", "proposed", N_("proposed"), MST_TINT_DIM},
    {" state ", "approved", N_("approved"), MST_TINT_CYAN},
    {" state ", "issued", N_("issued"), MST_TINT_YELLOW},
    {" state ", "signed", N_("signed for"), MST_TINT_OFF},
    {" state ", "done", N_("done"), MST_TINT_GREEN},
    {" state ", "dropped", N_("dropped"), MST_TINT_DIM},
    {" light ", "green", N_("green"), MST_TINT_GREEN},
    {" light ", "yellow", N_("yellow"), MST_TINT_YELLOW},
    {" light ", "red", N_("red"), MST_TINT_RED},

    {" state ", "in force", N_("in force"), MST_TINT_GREEN},
    {" state ", "no change", N_("no change"), MST_TINT_DIM},
    {" proof ", "report", N_("a report"), MST_TINT_OFF},
    {" proof ", "receipt", N_("a receipt"), MST_TINT_OFF},
    {" proof ", "alert", N_("an alert"), MST_TINT_OFF},
    {" proof ", "head", N_("the ledger's head"), MST_TINT_OFF},
    {" result ", "valid", N_("valid"), MST_TINT_GREEN},

    {" status ", "active", N_("active"), MST_TINT_GREEN},
    {" status ", "revoked", N_("revoked"), MST_TINT_RED},
    {" status ", "expired", N_("expired"), MST_TINT_YELLOW},
};

#define WORDS (sizeof words / sizeof words[0])

static bool holds(const struct word *w, const char *column)
{
    size_t len = strlen(column);
    for (const char *at = strstr(w->columns, column); at; at = strstr(at + 1, column)) {
        if (at > w->columns && at[-1] == ' ' && at[len] == ' ')
            return true;
    }
    return false;
}

static const struct word *find(const char *column, const char *text, bool translated)
{
    for (size_t i = 0; i < WORDS; i++) {
        const char *mine = translated ? _(words[i].text) : words[i].word;
        if (strcmp(mine, text) == 0 && holds(&words[i], column))
            return &words[i];
    }
    return NULL;
}

const char *mst_word(const char *column, const char *word)
{
    const struct word *w = find(column, word, false);
    return w ? _(w->text) : word;
}

const char *mst_word_wire(const char *column, const char *text)
{
    const struct word *w = find(column, text, true);
    return w ? w->word : text;
}

const char *mst_word_at(const char *column, size_t index)
{
    for (size_t i = 0; i < WORDS; i++) {
        if (holds(&words[i], column) && index-- == 0)
            return words[i].word;
    }
    return NULL;
}

enum mst_tint mst_word_tint(const char *column, const char *word)
{
    const struct word *w = find(column, word, false);
    return w ? w->tint : MST_TINT_OFF;
}
