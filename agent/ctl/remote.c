/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions and acts: one request over the local endpoint, or over the network with a home's key.
 * Decides nothing about rights; the broker does.
 */
#include "agent/ctl/ctl.h"
#include "config/load/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/link/link.h"
#include "config/load/file.h"
#include "proto/pack.h"

#define TIMEOUT_S 30
/* Running a rehearsal on and verifying a ledger are work, not a look. */
#define LONG_TIMEOUT_S 600
#define LOCAL_SOCKET "/run/muster/admin.sock"
/* Below this a counter would only flicker. */
#define PROGRESS_ROWS 500

struct asking {
    const struct mst_ctl_call *call;
    struct mst_table *table;
    size_t rows;
    bool progress; /* standard error is a terminal */
    const char *verb;
    int (*fn)(void *context, struct mst_slice row); /* instead of the table */
    void *fn_context;
    struct mst_buf notes; /* lines to stand under the table */
    bool counted;         /* the broker has told how far it is */
    bool alone;           /* something was printed that no table goes with */
    int out_fd;           /* file of --out, or -1 */
    bool row_failed;      /* row_err says why a row could not be taken */
    struct mst_err row_err;
    struct mst_err *err;
};

static void clear_progress(struct asking *asking)
{
    if (asking->progress && (asking->rows >= PROGRESS_ROWS || asking->counted))
        fputs("\r\033[K", stderr);
}

/* Keep an invitation to where it was wanted: it holds a secret. */
static int write_out(struct asking *asking, struct mst_slice text)
{
    const char *path = mst_ctl_value(asking->call, "out");
    if (!mst_file_put(asking->out_fd, text.data, text.len) || fsync(asking->out_fd) != 0)
        return mst_fail_system(&asking->row_err, path, errno);
    return 0;
}

/* The row with the field `hidden` shown as `name` and `value`. */
static int show_instead(struct asking *asking, struct mst_slice row, const char *hidden,
                        const char *name, const char *value)
{
    struct mst_buf shown = {0};
    struct mst_unpack u;
    struct mst_value map, field;
    struct mst_slice key, kept;
    mst_unpack_init(&u, row.data, row.len);
    if (!mst_unpack_next(&u, &map))
        return mst_fail_on(&asking->row_err, MST_E_PROTOCOL, asking->verb);
    mst_pack_map(&shown, map.count);
    while (mst_unpack_skip(&u, &key) && mst_unpack_skip(&u, &kept)) {
        struct mst_unpack k;
        mst_unpack_init(&k, key.data, key.len);
        if (mst_unpack_next(&k, &field) && mst_slice_is(field.s, hidden)) {
            mst_pack_text(&shown, name);
            mst_pack_text(&shown, value);
            continue;
        }
        mst_buf_put(&shown, key.data, key.len);
        mst_buf_put(&shown, kept.data, kept.len);
    }
    int rc = mst_table_row(asking->table, mst_bytes(shown.data, shown.len), &asking->row_err);
    mst_buf_done(&shown);
    return rc;
}

/* How far a long piece of work is: for the eyes, not part of the answer. */
static void show_progress(struct asking *asking, struct mst_slice row)
{
    asking->counted = true;
    if (!asking->progress)
        return;
    fputs("\r", stderr);
    fprintf(stderr, _("%lld of %lld rows"), (long long)mst_unpack_int(row, "progress", 0),
            (long long)mst_unpack_int(row, "of", 0));
}

static int keep_row(struct asking *asking, struct mst_slice row)
{
    if (mst_unpack_int(row, "progress", -1) >= 0) {
        show_progress(asking, row);
        return 0;
    }
    if (asking->fn) {
        int code = asking->fn(asking->fn_context, row);
        return code ? mst_fail_on(&asking->row_err, (enum mst_code)code, asking->verb) : 0;
    }
    /* Under the table; the other formats have it in the rows' fields. */
    if (mst_put_note(&asking->notes, row))
        return asking->notes.failed ? mst_fail_on(&asking->row_err, MST_E_NOMEM, "note") : 0;
    asking->rows++;
    if (asking->progress && asking->rows % PROGRESS_ROWS == 0) {
        fputs("\r", stderr);
        fprintf(stderr, _("%zu rows"), asking->rows);
    }
    struct mst_slice invitation = mst_unpack_text(row, "invitation");
    if (!invitation.data)
        return mst_table_row(asking->table, row, &asking->row_err);
    if (asking->out_fd >= 0) {
        int rc = write_out(asking, invitation);
        return rc ? rc
                  : show_instead(asking, row, "invitation", "file",
                                 mst_ctl_value(asking->call, "out"));
    }
    if (asking->call->format != MST_FORMAT_TABLE)
        return mst_table_row(asking->table, row, &asking->row_err);
    /* The file's text is what was asked for: it stands alone on standard output. */
    asking->alone = true;
    fwrite(invitation.data, 1, invitation.len, stdout);
    return fflush(stdout) == 0 ? 0 : mst_fail_on(&asking->row_err, MST_E_IO, _("the output"));
}

/* What to do next, where a command knows better than its code does. commands: between spaces. */
static const struct {
    const char *commands;
    enum mst_code codes[2]; /* MST_OK: no second one */
    const char *hint;
} hints[] = {
    {" amend-task ", {MST_E_UNKNOWN}, N_("`musterctl tasks` lists them, with their ids")},
    {" amend-task ",
     {MST_R_STATE},
     N_("only a task in force that is not done can be amended; see `musterctl tasks`")},
    {" grant ", {MST_R_STATE}, N_("a unit reads its own group anyway; name another with --group")},
    {" ungrant ", {MST_R_STATE}, N_("no such grant is in force; see `musterctl grants`")},
    {" explain ",
     {MST_R_NO_SUCH},
     N_("give an alert's number (`musterctl alerts`), or an obligation's id (`musterctl "
        "obligations`)")},
    {" explain ", {MST_E_UNKNOWN}, N_("`musterctl alerts` lists the numbers that there are")},
    {" report ",
     {MST_E_UNKNOWN},
     N_("`musterctl reports` lists the receipt numbers that there are")},
    {" export ",
     {MST_E_UNKNOWN},
     N_("`musterctl reports` and `musterctl alerts` list the numbers that there are")},
    {" enrol ", {MST_E_UNKNOWN}, N_("`musterctl units` lists the units")},
    {" revoke ", {MST_E_UNKNOWN}, N_("`musterctl keys` lists whose keys there are")},
    {" unsilence ", {MST_R_STATE}, N_("it is not silenced")},
    {" silence unsilence ",
     {MST_E_UNKNOWN, MST_R_NO_SUCH},
     N_("give an obligation's id (`musterctl obligations`), unit:UNIT or duty:DUTY")},
    {" review receive ",
     {MST_R_STATE},
     N_("something must have been submitted, and each duty is closed in its own way: `musterctl "
        "explain` says in which")},
    {" acknowledge ", {MST_R_STATE}, N_("only what is overdue, and was told of, is acknowledged")},
    {" void ",
     {MST_R_STATE},
     N_("only what was submitted and is not closed is voided; `musterctl reopen` opens what is")},
    {" reopen ", {MST_R_STATE}, N_("only what is closed is reopened")},
    {" waive ", {MST_R_STATE}, N_("only what is still owed is waived")},
    {" cancel supersede ", {MST_R_STATE}, N_("it has come to its end already")},
    {" publish ",
     {MST_R_STATE},
     N_("only what the office owes itself, and has not published yet, is published")},
    {" unlock ", {MST_R_STATE}, N_("it is not locked")},
    {" extend ",
     {MST_R_STATE},
     N_("only what is still owed is extended, and only what was asked for is refused: `musterctl "
        "obligations --asked`")},
    {" urge ", {MST_R_STATE}, N_("only a bearer who still owes it is urged")},
    {" fill ", {MST_R_STATE}, N_("a name is put on record for a post only")},
    {" vacate ",
     {MST_R_STATE},
     N_("nobody is on record for this post; `musterctl show` tells who is for which")},
    {" rebase ",
     {MST_R_STATE},
     N_("it stands under the rule in force already, or something was submitted for it")},
    {" versions ",
     {MST_R_NOT_APPLICABLE},
     N_("only task lists and annual plans are compared; `musterctl reports` lists what else was "
        "reported")},
};

static void hint_for(const char *command, struct mst_err *err)
{
    char word[48];
    snprintf(word, sizeof word, " %s ", command);
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        bool meant = hints[i].codes[0] == err->code || hints[i].codes[1] == err->code;
        if (meant && strstr(hints[i].commands, word))
            mst_hint(err, "%s", _(hints[i].hint));
    }
    if (err->code == MST_E_UNREACHABLE)
        mst_hint(err, "%s",
                 _("is it running, and is the address right? --socket or MUSTER_SOCKET names "
                   "another local endpoint, --home a key for the network"));
}

/* The link only passes the code on; the words are kept here. */
static int take_row(void *context, struct mst_slice row)
{
    struct asking *asking = context;
    int rc = keep_row(asking, row);
    asking->row_failed = rc != 0;
    return rc;
}

/* Words of people (a phase in their language) become the protocol's. */
static void pack_args(const struct mst_ctl_call *call, struct mst_buf *out)
{
    size_t count = 0;
    for (size_t i = 0; i < call->command->args_count; i++) {
        const struct mst_arg_row *arg = &call->command->args[i];
        count += call->values[i] && strcmp(arg->name, "out") != 0;
    }
    mst_pack_map(out, count);
    for (size_t i = 0; i < call->command->args_count; i++) {
        const struct mst_arg_row *arg = &call->command->args[i];
        /* Where this side writes its answer is no business of the broker's. */
        if (!call->values[i] || strcmp(arg->name, "out") == 0)
            continue;
        mst_pack_text(out, arg->name);
        mst_pack_text(out, mst_word_wire(arg->name, call->values[i]));
    }
}

static const char *local_endpoint(const struct mst_call *line, char *buf, size_t size)
{
    const char *path = mst_call_option(line, "socket");
    if (!path)
        path = getenv("MUSTER_SOCKET");
    if (!path || !path[0])
        path = LOCAL_SOCKET;
    snprintf(buf, size, "%s%s", strncmp(path, "ipc://", 6) == 0 ? "" : "ipc://", path);
    return buf;
}

/* libzmq waits for an endpoint that is not there; a person at a terminal wants to hear it at once.
 */
static int probe(const char *endpoint, struct mst_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = endpoint + strlen("ipc://");
    if (strlen(path) >= sizeof address.sun_path)
        return mst_fail_on(err, MST_E_TOO_LARGE, endpoint);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return mst_fail_system(err, endpoint, errno);
    int failed = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    int rc = 0;
    if (failed == EACCES) {
        rc = mst_fail_on(err, MST_E_DENIED, endpoint);
        mst_hint(err, _("the local endpoint is for the broker's group; join it, or use --home"));
    } else if (failed == ENOENT || failed == ECONNREFUSED) {
        rc = mst_fail_on(err, MST_E_UNREACHABLE, endpoint);
    }
    close(fd);
    return rc;
}

static int ask(struct asking *asking, struct mst_link *link)
{
    const char *seconds = mst_call_option(asking->call->line, "timeout");
    const char *word = asking->verb;
    bool is_long = strcmp(word, "clock") == 0 || strcmp(word, "ledger") == 0 ||
                   strcmp(word, "replay") == 0 || strcmp(word, "assess") == 0 ||
                   strcmp(word, "outlook") == 0;
    long timeout_s = seconds ? strtol(seconds, NULL, 10) : is_long ? LONG_TIMEOUT_S : TIMEOUT_S;
    if (timeout_s < 1 || timeout_s > 86400)
        return mst_fail(asking->err, MST_E_USAGE, _("--timeout is 1 to 86400 seconds, not %s"),
                        seconds);
    struct mst_buf args = {0};
    if (strcmp(word, asking->call->command->word) == 0)
        pack_args(asking->call, &args);
    else
        mst_pack_map(&args, 0);
    int rc = args.failed ? mst_fail_on(asking->err, MST_E_NOMEM, word)
                         : mst_link_request(link, word, mst_bytes(args.data, args.len),
                                            (int)timeout_s * 1000, take_row, asking, asking->err);
    mst_buf_done(&args);
    if (asking->row_failed)
        *asking->err = asking->row_err;
    clear_progress(asking);
    return rc;
}

static int connect_and_ask(struct asking *asking)
{
    const struct mst_call *line = asking->call->line;
    const char *dir = mst_call_option(line, "home");
    char local[4200];
    struct mst_home home;
    struct mst_link *link = NULL;
    if (dir && mst_call_option(line, "socket"))
        return mst_fail(asking->err, MST_E_USAGE, _("either --home or --socket, not both"));
    if (dir) {
        int rc = mst_home_load(dir, &home, asking->err);
        if (rc)
            return rc;
    }
    /* Of one name the latest session wins, and one user may ask several things at a time. */
    char name[32];
    snprintf(name, sizeof name, "ctl-%ld", (long)getpid());
    struct mst_link_options options = {
        .endpoint = dir ? home.settings.AGENT_broker : local_endpoint(line, local, sizeof local),
        .home = dir ? &home : NULL,
        .programme = mst_call_option(line, "programme"),
        .kind = "ctl",
        .name = name,
    };
    if (dir && !options.programme && home.settings.AGENT_programme[0])
        options.programme = home.settings.AGENT_programme;
    int rc = dir ? 0 : probe(options.endpoint, asking->err);
    if (!rc)
        rc = mst_link_new(&options, &link, asking->err);
    if (!rc)
        rc = ask(asking, link);
    mst_link_free(link);
    if (dir)
        mst_home_done(&home);
    return rc;
}

/* Before the broker is asked: an act whose answer cannot be kept must not happen. */
static int open_out(struct asking *asking)
{
    const char *path = mst_ctl_value(asking->call, "out");
    if (!path)
        return 0;
    asking->out_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (asking->out_fd >= 0)
        return 0;
    if (errno == EEXIST)
        return mst_fail_on(asking->err, MST_E_EXISTS, path);
    return mst_fail_system(asking->err, path, errno);
}

static void close_out(struct asking *asking, bool keep)
{
    if (asking->out_fd < 0)
        return;
    close(asking->out_fd);
    if (!keep)
        unlink(mst_ctl_value(asking->call, "out"));
}

/* A list that ends where the broker's own limit is must not look like the whole. */
static void tell_limit(const struct asking *asking)
{
    const struct mst_command_row *command = asking->call->command;
    for (size_t i = 0; i < command->args_count; i++) {
        if (strcmp(command->args[i].name, "limit") != 0 || asking->call->values[i] ||
            asking->rows != MST_LIST_ROWS_DEFAULT)
            continue;
        bool newest = strcmp(command->word, "ledger") != 0 && !mst_ctl_value(asking->call, "from");
        fprintf(stderr,
                newest ? _("only the newest %d are shown; --limit N shows more, --from begins "
                           "earlier\n")
                       : _("only the first %d are shown; --limit N shows more, --from goes on\n"),
                MST_LIST_ROWS_DEFAULT);
    }
}

static int answer(struct asking *asking)
{
    int rc = open_out(asking);
    if (rc)
        return rc;
    rc = connect_and_ask(asking);
    close_out(asking, rc == 0);
    /* What a replay compared is worth seeing most of all when something differs. */
    if ((rc && rc != MST_E_DIFFERS) || asking->alone)
        return rc;
    struct mst_table *table = asking->table;
    asking->table = NULL;
    int ended = mst_table_end(table, rc ? NULL : asking->err);
    tell_limit(asking);
    if (asking->call->format == MST_FORMAT_TABLE && asking->notes.len > 0) {
        mst_buf_put(&asking->notes, "", 1);
        mst_print_wrapped(stdout, asking->notes.failed ? "" : (const char *)asking->notes.data, 0);
    }
    return rc ? rc : ended;
}

int mst_ctl_remote(const struct mst_ctl_call *call)
{
    const char *program = call->line->app->program;
    struct mst_err err;
    struct asking asking = {.call = call, .verb = call->command->word, .err = &err, .out_fd = -1};
    asking.progress = isatty(STDERR_FILENO) == 1;
    asking.table = mst_table_new(call->format, call->command->columns, stdout);
    int rc = asking.table ? answer(&asking) : mst_fail_on(&err, MST_E_NOMEM, program);
    mst_table_free(asking.table);
    mst_buf_done(&asking.notes);
    if (rc)
        hint_for(call->command->word, &err);
    return rc ? mst_complain(program, &err) : MST_EXIT_OK;
}

int mst_ctl_ask(const struct mst_ctl_call *call, const char *verb,
                int (*fn)(void *context, struct mst_slice row), void *context, struct mst_err *err)
{
    struct asking asking = {
        .call = call, .verb = verb, .fn = fn, .fn_context = context, .err = err, .out_fd = -1};
    return connect_and_ask(&asking);
}
