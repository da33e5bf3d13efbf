/* SPDX-License-Identifier: Apache-2.0 */
/* From the command line, the home and watch.yaml to one call of mst_watch_follow(). */
#include "agent/watch/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "agent/link/hook.h"
#include "config/load/system.h"
#include "config/model/date.h"

#define PROGRAM "muster-watch"
#define HOOK_POLL_MS 1000 /* the service's watchdog is served while a hook runs */

struct setup {
    struct mst_call call;
    struct mst_settings settings; /* of watch.yaml, and defaults */
    struct mst_home home;
    bool has_settings, has_home;
    char endpoint[4200], state_dir[4200];
    struct mst_hook *hook;
};

/* ---- options ---- */

static bool is_id(const char *text)
{
    return text[0] && text[0] != '-' && strlen(text) < 48 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text);
}

/* A date is the reader's own midnight: the stream does not say the programme's zone. */
static int parse_since(const char *text, struct mst_watch_options *o, struct mst_err *err)
{
    o->since_known = true;
    if (text[0] && strlen(text) < 19 && strspn(text, "0123456789") == strlen(text)) {
        o->since_number = strtoull(text, NULL, 10);
        return 0;
    }
    mst_day day;
    int rc = mst_day_parse(text, &day, err);
    if (rc)
        return mst_wrap(err, "--since");
    struct mst_civil civil = mst_civil_of(day);
    struct tm local = {.tm_year = civil.year - 1900,
                       .tm_mon = civil.month - 1,
                       .tm_mday = civil.day,
                       .tm_isdst = -1};
    o->since_at = (mst_time)mktime(&local) * 1000;
    return 0;
}

static int number_of(const char *text, uint64_t max, const char *name, uint64_t *ret,
                     struct mst_err *err)
{
    *ret = strtoull(text, NULL, 10);
    if (*ret > max)
        return mst_fail(err, MST_E_USAGE, _("--%s is at most %llu"), name, (unsigned long long)max);
    return 0;
}

static int take_limits(const struct setup *s, struct mst_watch_options *o, struct mst_err *err)
{
    const char *since = mst_call_value(&s->call, "since");
    const char *count = mst_call_value(&s->call, "count");
    const char *timeout = mst_call_value(&s->call, "timeout");
    uint64_t seconds = 0;
    int rc = since ? parse_since(since, o, err) : 0;
    if (!rc && count)
        rc = number_of(count, UINT64_MAX, "count", &o->count, err);
    o->timeout_ms = -1;
    if (!rc && timeout)
        rc = number_of(timeout, 1000000, "timeout", &seconds, err);
    if (!rc && timeout)
        o->timeout_ms = (int)(seconds * 1000);
    return rc;
}

/* ---- where: a home, or the local endpoint ---- */

static const char *socket_path(const struct setup *s)
{
    const char *path = mst_call_value(&s->call, "socket");
    if (!path && !mst_call_value(&s->call, "home"))
        path = getenv("MUSTER_SOCKET");
    return path && path[0] ? path : NULL;
}

/* Without a home: systemd's directory for the service, else the user's own. */
static void local_state_dir(struct setup *s)
{
    const char *service = getenv("STATE_DIRECTORY");
    const char *user = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (service && service[0])
        snprintf(s->state_dir, sizeof s->state_dir, "%s", service);
    else if (user && user[0])
        snprintf(s->state_dir, sizeof s->state_dir, "%s/muster-watch", user);
    else
        snprintf(s->state_dir, sizeof s->state_dir, "%s/.muster-watch", home ? home : ".");
}

static int take_place(struct setup *s, struct mst_watch_options *o, struct mst_err *err)
{
    const char *dir = mst_call_value(&s->call, "home");
    const char *state = mst_call_value(&s->call, "state");
    const char *path = socket_path(s);
    if (dir && path)
        return mst_fail(err, MST_E_USAGE, _("either --home or --socket, not both"));
    o->link.programme = mst_call_value(&s->call, "programme");
    if (path) {
        snprintf(s->endpoint, sizeof s->endpoint, "%s%s",
                 strncmp(path, "ipc://", 6) == 0 ? "" : "ipc://", path);
        local_state_dir(s);
    } else {
        int rc = mst_home_load(dir ? dir : mst_home_default(), &s->home, err);
        if (rc)
            return rc;
        s->has_home = true;
        snprintf(s->endpoint, sizeof s->endpoint, "%s", s->home.settings.AGENT_broker);
        snprintf(s->state_dir, sizeof s->state_dir, "%s", s->home.dir);
        o->link.home = &s->home;
        if (!o->link.programme && s->home.settings.AGENT_programme[0])
            o->link.programme = s->home.settings.AGENT_programme;
    }
    if (state)
        snprintf(s->state_dir, sizeof s->state_dir, "%s", state);
    o->link.endpoint = s->endpoint;
    o->state_dir = s->state_dir;
    return 0;
}

static int load_settings(struct setup *s, struct mst_err *err)
{
    char path[4300];
    int rc = mst_settings_init(&s->settings, err);
    if (rc)
        return rc;
    s->has_settings = true;
    snprintf(path, sizeof path, "%s/watch.yaml", s->state_dir);
    if (access(path, F_OK) != 0)
        return 0;
    struct mst_diags diags = {0};
    rc = mst_settings_load(&s->settings, MST_SCOPE_WATCH, path, &diags, err);
    mst_diags_print(&diags, stderr);
    mst_diags_done(&diags);
    return rc;
}

/* ---- the hook ---- */

static int run_hook(void *context, struct mst_slice json, struct mst_err *err)
{
    struct mst_hook *hook = context;
    int status = 0;
    int rc = mst_hook_start(hook, json.data, json.len, err);
    if (rc)
        return rc;
    while ((rc = mst_hook_result(hook, &status, err)) == MST_E_BUSY) {
        struct pollfd fd = {.fd = mst_hook_fd(hook), .events = POLLIN};
        if (poll(&fd, 1, HOOK_POLL_MS) < 0 && errno != EINTR)
            return mst_fail_system(err, "poll", errno);
        sd_notify(0, "WATCHDOG=1");
    }
    if (rc)
        return rc;
    if (status == MST_HOOK_TIMED_OUT)
        return mst_fail_on(err, MST_E_TIMEOUT, _("the hook"));
    if (!status)
        return 0;
    if (status == MST_HOOK_KILLED)
        mst_fail(err, MST_E_IO, _("the hook was ended by a signal"));
    else
        mst_fail(err, MST_E_IO, _("the hook ended with status %d"), status);
    mst_hint(err, "%s", _("look at what it printed; the alert comes again with the next start"));
    return MST_E_IO;
}

static int start_hook(struct setup *s, struct mst_watch_options *o, struct mst_err *err)
{
    const char *command = mst_call_value(&s->call, "hook");
    if (!command)
        command = s->settings.WATCH_hook;
    if (!command[0])
        return 0;
    int rc = mst_hook_new(command, (int)s->settings.WATCH_hook_timeout, &s->hook, err);
    o->deliver = run_hook;
    o->deliver_context = s->hook;
    return rc;
}

/* ---- the program ---- */

/* Blocked before libzmq starts its threads, so that they inherit it and the descriptor gets them.
 */
static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Does either begin with the other? */
static bool goes_with(const char *text, size_t len, const char *word)
{
    size_t word_len = strlen(word), n = len < word_len ? len : word_len;
    return memcmp(text, word, n) == 0;
}

/* A topic may be cut anywhere: "office/overdue", "off", "unit:". */
static bool is_topic(const char *text, size_t len)
{
    static const char *const audiences[] = {"office", "director",    "cc",
                                            "unit:",  "group-head:", "city-leader:"};
    const char *slash = memchr(text, '/', len);
    size_t audience = slash ? (size_t)(slash - text) : len, kind = slash ? len - audience - 1 : 0;
    bool known = false, fits = kind == 0;
    for (size_t i = 0; !known && i < sizeof audiences / sizeof audiences[0]; i++)
        known = goes_with(text, audience, audiences[i]);
    const char *word;
    for (size_t i = 0; !fits && (word = mst_word_at("kind", i)); i++)
        fits = kind <= strlen(word) && memcmp(slash + 1, word, kind) == 0;
    return known && fits;
}

/* A broker that is newer may know more of them; what is misspelt would wait for ever and say
 * nothing. The programme may stand in front. */
static void tell_unknown_topics(const char *topics)
{
    for (const char *at = topics ? topics : ""; *at;) {
        size_t len = strcspn(at, ",");
        const char *slash = memchr(at, '/', len);
        size_t front = slash ? (size_t)(slash - at) + 1 : 0;
        if (len > 0 && !is_topic(at, len) && !(front && is_topic(at + front, len - front)))
            fprintf(stderr,
                    _("muster-watch: no topic is known that begins with %.*s; they are "
                      "AUDIENCE/KIND, as office/overdue, unit:UNIT/reminder, cc/issued\n"),
                    (int)len, at);
        at += len + (at[len] == ',');
    }
}

static int run(struct setup *s, struct mst_err *err)
{
    const char *name = mst_call_value(&s->call, "name");
    struct mst_watch_options o = {.out = stdout, .log = stderr};
    o.link.kind = "watch";
    o.link.name = name ? name : "main";
    o.topics = mst_call_value(&s->call, "topics");
    o.json = mst_call_option(&s->call, "json") != NULL;
    if (!is_id(o.link.name))
        return mst_fail(err, MST_E_USAGE, _("not a name: %s; small letters, digits and hyphens"),
                        o.link.name);
    int rc = take_limits(s, &o, err);
    if (!rc)
        rc = take_place(s, &o, err);
    if (!rc)
        rc = load_settings(s, err);
    if (rc)
        return rc;
    o.credit = (uint32_t)s->settings.WATCH_credit;
    o.witness_ms = s->settings.WATCH_witness_interval * 1000;
    tell_unknown_topics(o.topics);
    /* Before the signals are blocked: the hook's command is not to inherit that. */
    rc = start_hook(s, &o, err);
    if (rc)
        return rc;
    o.stop_fd = open_signals();
    if (o.stop_fd < 0)
        return mst_fail_system(err, "signalfd", errno);
    rc = mst_watch_follow(&o, err);
    close(o.stop_fd);
    return rc;
}

int mst_watch_main(int argc, char *const *argv)
{
    struct setup s = {0};
    struct mst_err err;
    int rc = mst_app_begin(mst_watch_app(), argc, argv, &s.call);
    if (rc >= 0)
        return rc;
    rc = run(&s, &err);
    mst_hook_free(s.hook);
    if (s.has_home)
        mst_home_done(&s.home);
    if (s.has_settings)
        mst_settings_done(&s.settings);
    if (!rc)
        return MST_EXIT_OK;
    int exit_code = mst_complain(PROGRAM, &err);
    return rc == MST_E_DIFFERS ? MST_EXIT_CONTRADICTED : exit_code;
}
