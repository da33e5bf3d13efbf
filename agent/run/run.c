/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's loop: wait, take what has come, commit it all at once, then tell everybody; only
 * what is durable already is pushed before the commit. Receipts that nobody waits for share a
 * commit. It decides nothing about reports or alerts. After an input or output error it ends, since
 * a commit that failed may be on the disk all the same; the next start reads what is there.
 */
#include "agent/run/run.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "agent/link/hook.h"
#include "agent/link/print.h"
#include "agent/run/journal.h"
#include "agent/run/serve.h"
#include "config/load/system.h"

/* While receipts come in one after the other, they share a commit. */
#define RECEIPTS_WAIT_MS 100

struct service {
    struct mst_home home;
    struct mst_outbox *outbox;
    struct mst_session *session;
    struct mst_serve *serve;
    struct mst_hook *hook; /* NULL: none is set */
    uint64_t hooked_n;     /* the alert whose hook runs */
    int signals;
    uint64_t watchdog_us; /* 0: nobody watches */
    int64_t commit_by_ms; /* monotonic: receipts wait for a commit until then; 0: none do */
    bool stop;
};

/* ---- hooks ---- */

static int alert_json(struct mst_slice frame, struct mst_buf *out, struct mst_err *err)
{
    struct mst_msg_scratch *scratch = malloc(sizeof *scratch);
    struct mst_buf map = {0};
    struct mst_msg msg;
    int code = scratch ? mst_msg_decode(frame.data, frame.len, MST_DOWN, scratch, &msg, err)
                       : mst_fail_on(err, MST_E_NOMEM, "hook");
    if (!code) {
        mst_alert_map(&msg.u.alert, &map);
        code = mst_json(mst_bytes(map.data, map.len), out, err);
    }
    mst_buf_done(&map);
    free(scratch);
    return code;
}

/* One that this version cannot read, or whose bytes are damaged, is passed over: the reports must
 * go out all the same. */
static int start_hook(struct service *s, uint64_t n, struct mst_slice frame, struct mst_err *err)
{
    struct mst_buf json = {0};
    struct mst_err why;
    int code = alert_json(frame, &json, &why);
    if (code) {
        mst_journal(MST_LOG_ERROR, "hook-skipped n=%" PRIu64 " code=%s text=\"%s\"", n,
                    mst_code_word(code), why.text);
        code = mst_inbox_hooked(s->outbox, n, err);
    } else {
        code = mst_hook_start(s->hook, json.data, json.len, err);
        s->hooked_n = n;
    }
    mst_buf_done(&json);
    return code;
}

/* Alerts go to the hook one after the other; one that has not been tried is found again after a
 * restart. A hook that fails is told, not repeated: the alert stays in the inbox. */
static int next_hook(struct service *s, struct mst_err *err)
{
    struct mst_buf frame = {0};
    uint64_t n = 1;
    int code = 0;
    while (!code && n && s->hook && !mst_hook_busy(s->hook)) {
        mst_buf_clear(&frame);
        code = mst_inbox_unhooked(s->outbox, &n, &frame, err);
        if (!code && n)
            code = start_hook(s, n, mst_bytes(frame.data, frame.len), err);
    }
    mst_buf_done(&frame);
    return code;
}

static int take_hook_result(struct service *s, struct mst_err *err)
{
    int status;
    if (!s->hook || !mst_hook_busy(s->hook))
        return 0;
    struct mst_err why;
    int code = mst_hook_result(s->hook, &status, &why);
    if (code == MST_E_BUSY)
        return 0;
    if (code) {
        if (err)
            *err = why;
        return code;
    }
    if (status == MST_HOOK_TIMED_OUT)
        mst_journal(MST_LOG_WARNING, "hook-timed-out n=%" PRIu64, s->hooked_n);
    else if (status != 0)
        mst_journal(MST_LOG_WARNING, "hook-failed n=%" PRIu64 " status=%d", s->hooked_n, status);
    return mst_inbox_hooked(s->outbox, s->hooked_n, err);
}

/* ---- one round ---- */

static void read_signals(struct service *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        /* The terminal that it was started from is gone; the unit's reports must go out all the
         * same. */
        if (info.ssi_signo == SIGHUP) {
            mst_journal(MST_LOG_NOTICE, "hangup going-on=yes");
            continue;
        }
        mst_journal(MST_LOG_NOTICE, "stopping signal=%u", info.ssi_signo);
        s->stop = true;
    }
}

/* A full disk refuses what was just asked for and goes on; anything else ends the service. */
static int commit(struct service *s, struct mst_err *err)
{
    struct mst_err why;
    int code = mst_outbox_commit(s->outbox, &why);
    if (!code)
        return 0;
    mst_journal_err(MST_LOG_ERROR, "commit-failed", &why);
    if (code == MST_E_FULL) {
        code = mst_outbox_rollback(s->outbox, err);
        if (code)
            return code;
        mst_serve_refuse(s->serve, &why);
        mst_session_reset(s->session, &why);
        return 0;
    }
    if (err)
        *err = why;
    return code;
}

/* Receipts alone may wait for those that follow: nobody has been promised anything by them. */
static bool may_wait(struct service *s)
{
    if (s->stop || !mst_outbox_dirty(s->outbox) || mst_outbox_urgent(s->outbox) ||
        !mst_session_draining(s->session) || mst_serve_owes(s->serve)) {
        s->commit_by_ms = 0;
        return false;
    }
    if (s->commit_by_ms == 0)
        s->commit_by_ms = mst_session_clock_ms() + RECEIPTS_WAIT_MS;
    if (mst_session_clock_ms() < s->commit_by_ms)
        return true;
    s->commit_by_ms = 0;
    return false;
}

static int take(struct service *s, struct mst_err *err)
{
    int code = take_hook_result(s, err);
    if (!code)
        code = mst_session_drain(s->session, err);
    if (!code)
        code = mst_serve_read(s->serve, err);
    return code;
}

/* Telling may change figures again; they ride on the next commit. */
static int tell(struct service *s, struct mst_err *err)
{
    int code = mst_serve_settle(s->serve, err);
    if (!code)
        code = mst_session_flush(s->session, err);
    if (!code)
        code = next_hook(s, err);
    return code;
}

static int round_of(struct service *s, struct mst_err *err)
{
    struct mst_err why;
    int code = take(s, &why);
    if (code == MST_E_FULL) {
        /* The write-ahead log had no room within the transaction. */
        mst_journal_err(MST_LOG_ERROR, "no-room", &why);
        code = mst_outbox_rollback(s->outbox, &why);
        mst_serve_refuse(s->serve, &why);
        mst_session_reset(s->session, &why);
    }
    if (code) {
        if (err)
            *err = why;
        return code;
    }
    code = mst_session_push(s->session, err);
    if (!code && !may_wait(s))
        code = commit(s, err);
    return code ? code : tell(s, err);
}

static int nearer(int a, int b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static int wait_for_news(struct service *s, struct mst_err *err)
{
    struct pollfd fds[3 + MST_SERVE_FDS_MAX] = {
        {.fd = s->signals, .events = POLLIN},
        {.fd = mst_session_fd(s->session), .events = POLLIN},
        {.fd = s->hook ? mst_hook_fd(s->hook) : -1, .events = POLLIN},
    };
    size_t count = 3 + mst_serve_fds(s->serve, fds + 3);
    int wait = nearer(mst_session_wait_ms(s->session), mst_serve_wait_ms(s->serve));
    if (s->watchdog_us)
        wait = nearer(wait, (int)(s->watchdog_us / 2000));
    if (s->commit_by_ms) {
        int64_t left = s->commit_by_ms - mst_session_clock_ms();
        wait = nearer(wait, left > 0 ? (int)left : 0);
    }
    if (poll(fds, (nfds_t)count, wait) < 0 && errno != EINTR)
        return mst_fail_system(err, "poll", errno);
    if (fds[0].revents)
        read_signals(s);
    if (s->watchdog_us)
        sd_notify(0, "WATCHDOG=1");
    return 0;
}

static int loop(struct service *s, struct mst_err *err)
{
    sd_notify(0, "READY=1");
    mst_journal(MST_LOG_NOTICE, "ready unit=%s programme=%s queued=%" PRIu64,
                s->home.settings.AGENT_unit, s->home.settings.AGENT_programme,
                mst_outbox_last(s->outbox) - mst_outbox_acked(s->outbox));
    int code = 0;
    while (!code && !s->stop) {
        code = round_of(s, err);
        if (!code)
            code = wait_for_news(s, err);
    }
    sd_notify(0, "STOPPING=1");
    if (code)
        return code;
    /* A last round: whoever was promised an answer gets it. */
    code = round_of(s, err);
    mst_session_bye(s->session);
    return code;
}

/* ---- starting ---- */

static int start(struct service *s, struct mst_err *err)
{
    sigset_t set;
    char path[sizeof s->home.dir + 16];
    const struct mst_settings *settings = &s->home.settings;
    const struct mst_outbox_limits limits = {.bytes_max = settings->AGENT_outbox_bytes_max,
                                             .keep_days = settings->AGENT_keep_days};
    int code = mst_home_check_unit(&s->home, err);
    if (!code && settings->AGENT_hook[0])
        code = mst_hook_new(settings->AGENT_hook, (int)settings->AGENT_hook_timeout, &s->hook, err);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (!code && s->signals < 0)
        code = mst_fail_system(err, "signalfd", errno);
    snprintf(path, sizeof path, "%s/outbox.db", s->home.dir);
    if (!code)
        code = mst_outbox_open(path, settings->AGENT_programme, settings->AGENT_unit, &limits,
                               &s->outbox, err);
    if (!code)
        code = mst_session_new(&s->home, s->outbox, s->hook != NULL, &s->session, err);
    if (!code)
        code = mst_serve_new(&s->home, s->outbox, s->session, &s->serve, err);
    if (sd_watchdog_enabled(0, &s->watchdog_us) <= 0)
        s->watchdog_us = 0;
    return code;
}

int mst_run(const char *home_dir, struct mst_err *err)
{
    struct service *s = calloc(1, sizeof *s);
    if (!s)
        return mst_fail_on(err, MST_E_NOMEM, home_dir);
    s->signals = -1;
    int code = mst_home_load(home_dir, &s->home, err);
    if (code) {
        free(s);
        return code;
    }
    code = start(s, err);
    if (!code)
        code = loop(s, err);
    mst_serve_free(s->serve);
    mst_session_free(s->session);
    mst_outbox_close(s->outbox);
    mst_hook_free(s->hook);
    if (s->signals >= 0)
        close(s->signals);
    mst_home_done(&s->home);
    free(s);
    return code;
}
