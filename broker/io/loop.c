/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: wait until something is there or due, take what waits, commit it all at once, answer,
 * publish. It sleeps until the next message or the next due instant and polls nothing.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/io/broker.h"
#include "broker/io/turns.h"

/* Agents that fall silent are looked for once an hour: the limit is in days. */
#define CONTACTS_MS 3600000
/* A rehearsal waits this long for a subscriber that does not acknowledge before it goes on. */
#define IN_FLIGHT_WAIT_MS 5000
/* After a batch did not fit on the disk the broker waits this long before it tries again. */
#define FULL_WAIT_MS 1000
/* As good as never for a timer: the year 2286. */
#define FAR_MS 9999999999999

enum {
    ITEM_ZAP,
    ITEM_MEMBERS,
    ITEM_ADMIN,
    ITEM_ENROL,
    ITEM_TIMER,
    ITEM_SIGNAL,
    ITEM_QUERIES,
    ITEM_STORE,
    ITEMS
};

static const size_t door_items[MST_DOORS] = {[MST_DOOR_MEMBERS] = ITEM_MEMBERS,
                                             [MST_DOOR_ADMIN] = ITEM_ADMIN,
                                             [MST_DOOR_ENROL] = ITEM_ENROL};

struct loop {
    struct mst_broker *b;
    zmq_pollitem_t items[ITEMS];
    struct mst_turns turns;
    bool helps;            /* there may be more to do for the thread ahead during the commit */
    int64_t full_until_ms; /* by the boot clock: the disk was full, nothing is taken until then */
    bool more_streams;     /* a stream has more to send than one pass allows */
    int64_t stalled_until_ms;  /* when the first stalled stream is tried again; 0: none is */
    int64_t mark_boot_ms;      /* when the clock mark was stored last */
    int64_t in_flight_boot_ms; /* since when a rehearsal waits; 0: it does not */
    int64_t contacts_boot_ms;  /* when silent agents were looked for last */
    mst_time armed_ms;         /* what the timer is set to; 0: to nothing */
    int64_t watchdog_ms;       /* systemd wants a sign of life this often; 0: never */
    enum mst_clock_state clock_told;
};

/* ---- time ---- */

static bool is_full(const struct loop *l)
{
    return l->full_until_ms && mst_clock_boot() < l->full_until_ms;
}

static void arm_timer(struct loop *l)
{
    struct mst_broker *b = l->b;
    struct itimerspec spec = {{0, 0}, {0, 0}};
    mst_time due = mst_clock_alarm(&b->clock, mst_driver_next_due(b->driver));
    /* Armed also when nothing is due, so that a clock that is set is looked at at once. */
    if (due > FAR_MS || is_full(l) || mst_driver_busy(b->driver) || mst_ahead_oldest(b->ahead))
        due = FAR_MS;
    if (due == l->armed_ms)
        return;
    l->armed_ms = due;
    spec.it_value.tv_sec = due > 0 ? due / 1000 : 0;
    spec.it_value.tv_nsec = due > 0 ? due % 1000 * 1000000 : 1;
    /* Absolute, and cancelled when the clock is set: a relative wait would sleep through a step. */
    timerfd_settime(b->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL);
}

static bool woken_by(const struct loop *l, size_t item)
{
    return l->items[item].revents != 0;
}

/* What is due is asked of the driver, not of the timer; ECANCELED says that the clock was set,
 * which the clock rules judge in the pass that follows. */
static void read_timer(struct loop *l)
{
    uint64_t expirations;
    ssize_t ticks = read(l->b->timer_fd, &expirations, sizeof expirations);
    (void)ticks;
    l->armed_ms = 0;
}

/* Of two instants of which 0 is none. */
static int64_t earlier_of(int64_t a, int64_t c)
{
    return a == 0 || (c != 0 && c < a) ? c : a;
}

static int64_t earlier(int64_t a, int64_t c)
{
    return a < 0 ? c : c < 0 || a < c ? a : c;
}

/* Downtime is measured from the last mark. A rehearsal has none: its time stands still meanwhile.
 */
static bool marks_time(const struct mst_broker *b)
{
    return !b->rehearsal && b->settings.BROKER_alive_mark > 0;
}

static int poll_timeout(struct loop *l)
{
    struct mst_broker *b = l->b;
    int64_t wait, cap;
    if (mst_driver_busy(b->driver))
        return l->helps ? 0 : -1;
    if (l->more_streams || !b->drained)
        return 0;
    if (is_full(l))
        return (int)(l->full_until_ms - mst_clock_boot()) + 1;
    if (b->noted_count > 0 || mst_ahead_oldest(b->ahead))
        return 0;
    wait = earlier(mst_turns_quiet_ms(&l->turns), mst_door_enrol_wait_ms(b));
    if (b->rehearsal && b->clock.running) {
        if (mst_stream_in_flight(b) && l->in_flight_boot_ms)
            wait = earlier(wait, IN_FLIGHT_WAIT_MS);
        else if (mst_clock_next_stop(&b->clock, mst_driver_next_due(b->driver), &cap) != MST_NEVER)
            return 0;
        else
            wait = earlier(wait, cap);
    }
    wait = earlier(wait, mst_query_wait_ms(b));
    if (l->stalled_until_ms) {
        int64_t left = l->stalled_until_ms - mst_clock_boot();
        wait = earlier(wait, left > 0 ? left : 0);
    }
    if (marks_time(b)) {
        int64_t left = l->mark_boot_ms + b->settings.BROKER_alive_mark * 1000 - mst_clock_boot();
        wait = earlier(wait, left > 0 ? left : 0);
    }
    if (l->watchdog_ms > 0)
        wait = earlier(wait, l->watchdog_ms / 2);
    return wait > 3600000 ? 3600000 : (int)wait;
}

/* ---- one pass ---- */

static int commit(struct loop *l, struct mst_err *err)
{
    struct mst_broker *b = l->b;
    if (!mst_driver_pending(b->driver))
        return 0;
    mst_time now = mst_door_now(b);
    l->mark_boot_ms = mst_clock_boot();
    b->batch++;
    int code = mst_driver_commit(b->driver, mst_clock_kept_mark(&b->clock), now, err);
    mst_turns_committed(&l->turns, mst_clock_boot() - l->mark_boot_ms);
    if (!code && !mst_driver_busy(b->driver))
        mst_clock_settle(&b->clock, true);
    l->helps = true;
    return code;
}

/* Is the batch to have more than the letters that it has, of which `last` came last? */
static bool goes_on(struct loop *l, const struct mst_taken *taken, uint64_t last)
{
    if (mst_door_full(l->b, taken))
        return false;
    switch (mst_turns_next(&l->turns, taken->letters, last, mst_clock_boot())) {
    case MST_TURN_LETTERS:
        return true;
    case MST_TURN_WAIT:
        /* A rehearsal waits for nobody. */
        return !l->b->rehearsal && zmq_poll(&l->items[ITEM_MEMBERS], 1, MST_GATHER_MS) > 0;
    case MST_TURN_COMMIT:
        break;
    }
    return false;
}

/* Serve what waits, in its order, until there is no more or the batch is full. */
static int take_messages(struct loop *l, struct mst_err *err)
{
    struct mst_broker *b = l->b;
    struct mst_taken taken = {0};
    uint64_t before;
    int code = 0;
    bool knocked[MST_DOORS];
    for (size_t i = 0; i < MST_DOORS; i++)
        knocked[i] = woken_by(l, door_items[i]);
    do {
        before = taken.letters;
        mst_door_gather(b, before ? NULL : knocked, before > 0);
        code = mst_door_serve(b, &taken, err);
    } while (!code && goes_on(l, &taken, taken.letters - before));
    mst_turns_end(&l->turns, taken.letters);
    /* What has come meanwhile is read while the batch is committed. */
    if (!code && taken.reports > 1)
        mst_door_gather(b, NULL, true);
    /* A rehearsal's clock waits for a pass that found nothing. */
    b->drained = b->rehearsal ? taken.letters == 0 : !mst_door_full(b, &taken);
    return code;
}

static void pump_streams(struct loop *l)
{
    struct mst_broker *b = l->b;
    l->more_streams = false;
    l->stalled_until_ms = 0;
    /* Uncommitted rows are nobody's to read. */
    if (mst_driver_busy(b->driver))
        return;
    for (size_t i = 0; i < b->sessions_count; i++) {
        const struct mst_stream *stream = &b->sessions[i]->stream;
        if (!stream->open)
            continue;
        if (!mst_stream_pump(b, b->sessions[i]))
            l->more_streams = true;
        if (stream->open && stream->stalled_until_ms)
            l->stalled_until_ms = earlier_of(l->stalled_until_ms, stream->stalled_until_ms);
    }
}

/* Move the rehearsal's clock to its next stop, if nothing is in flight. */
static int rehearse(struct loop *l, struct mst_err *err)
{
    struct mst_broker *b = l->b;
    int64_t wait;
    if (!b->rehearsal || !b->clock.running || !b->drained || l->more_streams ||
        mst_driver_busy(b->driver) || mst_ahead_oldest(b->ahead))
        return 0;
    if (mst_stream_in_flight(b)) {
        int64_t boot = mst_clock_boot();
        if (!l->in_flight_boot_ms)
            l->in_flight_boot_ms = boot;
        if (boot - l->in_flight_boot_ms < IN_FLIGHT_WAIT_MS)
            return 0;
        mst_stream_let_go(b);
    }
    l->in_flight_boot_ms = 0;
    mst_time next_due = mst_driver_next_due(b->driver);
    mst_time stop = mst_clock_next_stop(&b->clock, next_due, &wait);
    if (stop == MST_NEVER)
        return 0;
    if (stop > b->clock.virtual_now) {
        b->clock.virtual_now = stop;
        mst_session_tell_time(b);
    }
    int code = mst_driver_tick(b->driver, mst_clock_now(&b->clock), err);
    bool arrived = mst_driver_next_due(b->driver) > stop &&
                   (stop >= b->clock.run_to || stop >= b->clock.virtual_end);
    /* Where the clock has stopped is where the next start goes on. */
    return !code && arrived ? mst_driver_touch(b->driver, err) : code;
}

static bool rehearsal_arrived(const struct mst_broker *b)
{
    mst_time now = b->clock.virtual_now;
    return b->rehearsal && b->clock.running && !mst_stream_in_flight(b) &&
           mst_driver_next_due(b->driver) > now &&
           (now >= b->clock.run_to || now >= b->clock.virtual_end);
}

/* A clock that may not be believed is said loudly, and so is its return. */
static void tell_clock(struct loop *l)
{
    struct mst_broker *b = l->b;
    enum mst_clock_state state = b->clock.ruling.state;
    if (state == l->clock_told)
        return;
    l->clock_told = state;
    if (state == MST_CLOCK_OK)
        mst_log(&b->log, 5, "clock", "state=ok");
    else
        mst_log(&b->log, 3, "clock", "state=\"%s\" leap_ms=%lld hint=\"musterctl clock confirm\"",
                mst_clock_state_word(&b->clock), (long long)b->clock.ruling.leap_ms);
}

/* Everything that writes. */
static int take_and_commit(struct loop *l, struct mst_err *err)
{
    struct mst_broker *b = l->b;
    int code = take_messages(l, err);
    mst_time now = mst_door_now(b);
    tell_clock(l);
    if (!code)
        code = mst_security_serve(b, now, err);
    if (!code && mst_clock_fires(&b->clock))
        code = mst_driver_tick(b->driver, now, err);
    if (!code)
        code = commit(l, err);
    if (!code)
        code = rehearse(l, err);
    if (!code)
        code = commit(l, err);
    if (code != MST_E_FULL && code != MST_E_NOMEM)
        return code;
    mst_log_err(&b->log, "full", err);
    l->full_until_ms = mst_clock_boot() + FULL_WAIT_MS;
    mst_clock_settle(&b->clock, false);
    return mst_driver_recover(b->driver, err);
}

/* A commit is under way: nothing is decided, but who waits at the door is let in, and the thread
 * ahead gets help, a piece at a time; between two pieces the commit may have the core. */
static void pass_busy(struct loop *l)
{
    if (woken_by(l, ITEM_ZAP))
        mst_zap_serve(l->b);
    sched_yield();
    mst_door_gather(l->b, NULL, true);
    l->helps = mst_driver_sign(l->b->driver) || mst_ahead_help(l->b->ahead);
}

/* Between batches. Where one commit follows the other, it is their turn behind each. */
static int serve_readers(struct loop *l, struct mst_err *err)
{
    struct mst_broker *b = l->b;
    bool between = !mst_driver_busy(b->driver) && !mst_driver_pending(b->driver);
    int code = between ? mst_query_release(b, err) : 0;
    if (code)
        return code;
    mst_query_drain(b);
    pump_streams(l);
    return 0;
}

static int pass(struct loop *l, struct mst_err *err)
{
    struct mst_broker *b = l->b;
    if (woken_by(l, ITEM_ZAP))
        mst_zap_serve(b);
    mst_session_warn_keys(b);
    int code = is_full(l) ? 0 : take_and_commit(l, err);
    if (code)
        return code;
    if (b->feed_stale && !mst_driver_busy(b->driver)) {
        b->feed_stale = false;
        code = mst_feed_open(b, err);
        if (code)
            return code;
    }
    code = serve_readers(l, err);
    if (code)
        return code;
    if (!mst_driver_busy(b->driver) && rehearsal_arrived(b))
        mst_request_clock_arrived(b);
    return 0;
}

static int judge_contacts(struct loop *l, struct mst_err *err)
{
    struct mst_broker *b = l->b;
    mst_time now = mst_door_now(b);
    int code = 0;
    l->contacts_boot_ms = mst_clock_boot();
    for (size_t i = 0; !code && i < mst_driver_engines(b->driver); i++)
        code = mst_driver_contacts(b->driver, mst_driver_engine(b->driver, i), now, err);
    return code;
}

static int keep_house(struct loop *l, int events, struct mst_err *err)
{
    struct mst_broker *b = l->b;
    int code = 0;
    mst_session_sweep(b);
    /* A reload that was asked for by a signal has opened a batch. */
    if (mst_turns_quiet(&l->turns, events) && !mst_driver_pending(b->driver) &&
        !mst_ahead_oldest(b->ahead)) {
        code = mst_store_maintain(b->store, &l->turns.unmoved, err);
        if (code == MST_E_FULL || code == MST_E_NOMEM) {
            /* The log keeps what was not moved; the next commit asks for it again. */
            mst_log_err(&b->log, "maintain", err);
            l->turns.unmoved = false;
            code = 0;
        }
    }
    /* An empty batch carries the clock mark: the broker was alive until now. */
    if (!code && marks_time(b) && !is_full(l) &&
        mst_clock_boot() - l->mark_boot_ms >= b->settings.BROKER_alive_mark * 1000)
        code = mst_driver_touch(b->driver, err);
    if (!code && !b->rehearsal && !is_full(l) && mst_clock_fires(&b->clock) &&
        mst_clock_boot() - l->contacts_boot_ms >= CONTACTS_MS)
        code = judge_contacts(l, err);
    if (l->watchdog_ms > 0)
        sd_notify(0, "WATCHDOG=1");
    return code;
}

static int serve_signals(struct mst_broker *b, struct mst_err *err)
{
    struct signalfd_siginfo info;
    int code = 0;
    while (!code && read(b->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            code = mst_request_reload(b, NULL, 0, mst_door_now(b), err);
            continue;
        }
        mst_log(&b->log, 5, "stopping", "signal=%u", info.ssi_signo);
        b->stopping = true;
    }
    return code;
}

static void prepare_items(struct loop *l)
{
    struct mst_broker *b = l->b;
    zmq_pollitem_t items[ITEMS] = {
        [ITEM_ZAP] = {.socket = b->zap},
        [ITEM_MEMBERS] = {.socket = b->doors[MST_DOOR_MEMBERS]},
        [ITEM_ADMIN] = {.socket = b->doors[MST_DOOR_ADMIN]},
        [ITEM_ENROL] = {.socket = b->doors[MST_DOOR_ENROL]},
        [ITEM_TIMER] = {.fd = b->timer_fd},
        [ITEM_SIGNAL] = {.fd = b->signal_fd},
        [ITEM_QUERIES] = {.fd = mst_query_fd(b)},
        [ITEM_STORE] = {.fd = mst_driver_fd(b->driver)},
    };
    for (size_t i = 0; i < ITEMS; i++)
        items[i].events = ZMQ_POLLIN;
    memcpy(l->items, items, sizeof items);
}

/* What is not to be taken now must not wake the loop either. */
static void set_events(struct loop *l)
{
    bool busy = mst_driver_busy(l->b->driver);
    short rest = busy ? 0 : ZMQ_POLLIN;
    short doors = is_full(l) || !mst_ahead_room(l->b->ahead) ? 0 : ZMQ_POLLIN;
    l->items[ITEM_MEMBERS].events = doors;
    l->items[ITEM_ADMIN].events = doors;
    l->items[ITEM_ENROL].events = mst_door_enrol_wait_ms(l->b) < 0 ? doors : 0;
    l->items[ITEM_SIGNAL].events = rest;
    l->items[ITEM_QUERIES].events = rest;
}

/* Wait for the commit that is under way. */
static int settle(struct mst_broker *b, struct mst_err *err)
{
    int code = 0;
    while (!code && mst_driver_busy(b->driver)) {
        zmq_pollitem_t item = {.fd = mst_driver_fd(b->driver), .events = ZMQ_POLLIN};
        (void)zmq_poll(&item, 1, -1);
        code = mst_driver_complete(b->driver, err);
    }
    if (!code)
        mst_clock_settle(&b->clock, true);
    return code;
}

int mst_broker_serve(struct mst_broker *b, struct mst_err *err)
{
    struct loop l = {.b = b,
                     .mark_boot_ms = mst_clock_boot(),
                     .contacts_boot_ms = mst_clock_boot(),
                     .turns = {.unmoved = true}};
    uint64_t watchdog_us = 0;
    if (sd_watchdog_enabled(0, &watchdog_us) > 0)
        l.watchdog_ms = (int64_t)(watchdog_us / 1000);
    prepare_items(&l);
    /* A store whose commits complete at once has no descriptor to wait for. */
    int items = mst_driver_fd(b->driver) < 0 ? ITEMS - 1 : ITEMS;
    b->drained = true;
    int code = commit(&l, err);
    sd_notify(0, "READY=1");
    while (!code && !b->stopping) {
        arm_timer(&l);
        set_events(&l);
        int events = zmq_poll(l.items, items, poll_timeout(&l));
        if (events < 0 && errno != EINTR)
            return mst_fail(err, MST_E_IO, "poll: %s", zmq_strerror(errno));
        for (size_t i = 0; events < 0 && i < ITEMS; i++)
            l.items[i].revents = 0;
        if (woken_by(&l, ITEM_TIMER))
            read_timer(&l);
        bool busy = mst_driver_busy(b->driver);
        code = mst_driver_complete(b->driver, err);
        if (!code && mst_driver_busy(b->driver)) {
            pass_busy(&l);
            continue;
        }
        if (busy)
            mst_turns_committed(&l.turns, mst_clock_boot() - l.mark_boot_ms);
        else
            mst_turns_slept(&l.turns);
        if (busy && !code) {
            mst_clock_settle(&b->clock, true);
            code = serve_readers(&l, err);
        }
        if (!code && woken_by(&l, ITEM_SIGNAL))
            code = serve_signals(b, err);
        if (!code)
            code = keep_house(&l, events, err);
        if (!code)
            code = pass(&l, err);
    }
    sd_notify(0, "STOPPING=1");
    if (!code)
        code = settle(b, err);
    if (!code)
        code = mst_driver_stop(b->driver, mst_clock_now(&b->clock), err);
    if (!code)
        code = commit(&l, err);
    if (!code)
        code = settle(b, err);
    if (!code)
        mst_log(&b->log, 5, "stopped", "after_s=%lld",
                (long long)((mst_clock_wall() - b->started_wall) / 1000));
    return code;
}
