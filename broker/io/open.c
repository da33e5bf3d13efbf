/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening the broker, in the only safe order: directories, lock, keys, store, programmes,
 * authenticator, then the public doors. Closing it in the reverse. Refuses to make new keys where a
 * store of older ones lies: nobody who has joined would ever be let in again.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/io/broker.h"
#include "config/load/system.h"
#include "config/load/testing.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define STORE_FILE "muster.db"
#define KEPT_MAX 32
/* An enrolment and the handshake before it are two of these KiB. */
#define ENROL_UNREAD_BYTES_MAX 65536
/* Whole subscriptions are never taken off the feed, nor is what they leave in memory given back: so
 * much is all that one connection may say. */
#define FEED_UNREAD_BYTES_MAX 1048576
/* Without CURVE an empty part is two bytes on the wire and 64 in memory. */
#define ADMIN_UNREAD_MESSAGES 8

static int make_dir(const char *path, mode_t mode, struct mst_err *err)
{
    struct stat st;
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        return mst_fail_system(err, path, errno);
    if (stat(path, &st) != 0)
        return mst_fail_system(err, path, errno);
    /* Whoever may write there may put another socket or key file in the place of ours. */
    if ((st.st_mode & 022) != 0 || (st.st_uid != geteuid() && st.st_uid != 0)) {
        mst_fail(err, MST_E_DENIED, _("%s: others may write there (mode %04o, user %u)"), path,
                 (unsigned)(st.st_mode & 07777), (unsigned)st.st_uid);
        mst_hint(err, "chmod %o %s", (unsigned)mode, path);
        return MST_E_DENIED;
    }
    return 0;
}

static int take_lock(struct mst_broker *b, struct mst_err *err)
{
    char path[4200];
    int code = make_dir(b->settings.BROKER_runtime_dir, 0750, err);
    if (code)
        return code;
    snprintf(path, sizeof path, "%s/lock", b->settings.BROKER_runtime_dir);
    b->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (b->lock_fd < 0)
        return mst_fail_system(err, path, errno);
    if (flock(b->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return mst_fail_on(err, MST_E_BUSY, path);
    return 0;
}

static int load_keys(struct mst_broker *b, struct mst_err *err)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/broker.keys", b->settings.BROKER_data_dir);
    int code = mst_keys_read(path, &b->keys, err);
    if (code != MST_E_UNKNOWN)
        return code;
    char store[4200];
    snprintf(store, sizeof store, "%s/" STORE_FILE, b->settings.BROKER_data_dir);
    if (access(store, F_OK) == 0) {
        mst_fail(err, MST_E_CORRUPT, _("the broker's keys are missing: %s"), path);
        mst_hint(err,
                 _("restore this file from the backup; with new keys, no agent of %s could "
                   "come back"),
                 store);
        return MST_E_CORRUPT;
    }
    code = mst_keys_make(&b->keys, err);
    return code ? code : mst_keys_write(path, &b->keys, err);
}

/* ---- what the driver hands out ---- */

static void on_answer(void *context, uint64_t session, const struct mst_buf *frame, bool ends)
{
    struct mst_broker *b = context;
    struct mst_session *s = mst_session_by_id(b, session);
    if (!s)
        return;
    mst_session_send(b, s, frame->data, frame->len);
    if (ends) {
        s->welcome = false;
        s->stream.open = false;
    }
}

static void on_alert(void *context, struct mst_engine *engine, const struct mst_stored_alert *alert)
{
    mst_feed_publish(context, engine, alert);
}

static void on_log(void *context, int level, const char *event, const char *text)
{
    struct mst_broker *b = context;
    mst_log(&b->log, level, event, "%s", text);
}

static void on_sign(void *context)
{
    struct mst_broker *b = context;
    mst_ahead_call(b->ahead);
}

static bool sign(void *context)
{
    struct mst_broker *b = context;
    return mst_driver_sign(b->driver);
}

static int open_store(struct mst_broker *b, struct mst_err *err)
{
    struct mst_store_options options = {.path = b->settings.BROKER_data_dir,
                                        .rehearsal = b->rehearsal,
                                        .bulk_bytes = b->settings.BROKER_bulk_bytes,
                                        .bulk_file_bytes_max =
                                            b->settings.BROKER_bulk_file_bytes_max,
                                        .bulk_ahead_bytes = b->settings.BROKER_bulk_ahead_bytes,
                                        .behind_bytes = b->settings.BROKER_commit_behind,
                                        .page_bytes = (int)b->settings.BROKER_page_bytes,
                                        .wal_bytes_max = b->settings.BROKER_wal_bytes_max};
    int code = mst_store_sqlite_open(&options, &b->store, err);
    if (code)
        return code;
    struct mst_driver_options driver = {.store = b->store,
                                        .keys = &b->keys,
                                        .rehearsal = b->rehearsal,
                                        .growth_bytes_day = b->settings.BROKER_growth_bytes_day,
                                        .key_life_ms = b->settings.BROKER_key_life * 1000,
                                        .key_overlap_ms = b->settings.BROKER_key_overlap * 1000};
    struct mst_driver_callbacks callbacks = {
        .context = b, .answer = on_answer, .alert = on_alert, .sign = on_sign, .log = on_log};
    return mst_driver_new(&driver, &callbacks, &b->driver, err);
}

/* The programmes that the store had before this start. */
struct kept {
    char ids[KEPT_MAX][MST_ID_MAX];
    size_t count;
};

static int keep_id(void *context, mst_pid pid, const char *id)
{
    struct kept *kept = context;
    (void)pid;
    if (kept->count < KEPT_MAX)
        snprintf(kept->ids[kept->count++], MST_ID_MAX, "%s", id);
    return 0;
}

static int read_kept(struct mst_broker *b, struct kept *kept, struct mst_err *err)
{
    struct mst_reader *reader = NULL;
    int code = mst_store_reader_open(b->store, &reader, err);
    if (!code)
        code = mst_reader_programmes(reader, keep_id, kept, err);
    mst_reader_close(reader);
    return code;
}

/* Most likely the data directory of something else: it is served, and said. */
static void tell_strangers(struct mst_broker *b, const struct kept *kept)
{
    for (size_t i = 0; i < kept->count; i++) {
        if (mst_driver_find(b->driver, kept->ids[i]))
            return;
    }
    if (kept->count > 0)
        mst_log(&b->log, 4, "programme", "data_dir=\"%s\" holds=%s hint=\"%s\"",
                b->settings.BROKER_data_dir, kept->ids[0],
                _("it holds another programme only; is this the right directory?"));
}

int mst_broker_tell_past(const struct mst_broker *b, const char *path,
                         const struct mst_programme *programme, size_t *ret_count,
                         struct mst_err *err)
{
    struct mst_diags diags = {0};
    mst_time now = b->rehearsal ? b->clock.virtual_now : mst_clock_wall();
    int code = mst_past_tell(path, programme, now, &diags, ret_count, err);
    mst_diags_print(&diags, stderr);
    mst_diags_done(&diags);
    return code;
}

bool mst_broker_begun(const struct mst_broker *b)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/" STORE_FILE, b->settings.BROKER_data_dir);
    return access(path, F_OK) == 0;
}

static int tell_first(struct mst_broker *b, const struct kept *kept, const char *path,
                      const struct mst_programme *programme, struct mst_err *err)
{
    size_t past = 0;
    for (size_t i = 0; i < kept->count; i++) {
        if (strcmp(kept->ids[i], programme->id) == 0)
            return 0;
    }
    int code = mst_broker_tell_past(b, path, programme, &past, err);
    if (!code && past)
        mst_log(&b->log, 4, "past-due", "programme=%s obligations=%zu hint=\"%s\"", programme->id,
                past,
                _("all of them are told of now; set `first` for each duty before a first start"));
    return code;
}

static int add_programmes(struct mst_broker *b, struct mst_err *err)
{
    struct kept kept = {.count = 0};
    int code = read_kept(b, &kept, err);
    for (size_t i = 0; !code && i < b->programmes_count; i++) {
        struct mst_programme *programme = NULL;
        struct mst_diags diags = {0};
        code = mst_programme_load(b->programme_paths[i], &diags, &programme, err);
        if (code)
            mst_diags_print(&diags, stderr);
        mst_diags_done(&diags);
        if (!code)
            code = tell_first(b, &kept, b->programme_paths[i], programme, err);
        if (!code)
            code = mst_driver_add(b->driver, programme, err);
        mst_programme_unref(programme);
    }
    if (!code)
        tell_strangers(b, &kept);
    return code;
}

/* ---- doors ---- */

static int open_door(struct mst_broker *b, enum mst_door door, const char *endpoint,
                     const char *domain, struct mst_err *err)
{
    int linger = 0, mandatory = 1, handover = 0, backlog = 4096, server = 1, enforce = 1,
        keepalive = 1;
    int hwm = (int)b->settings.BROKER_send_queue_max,
        handshake = (int)b->settings.BROKER_handshake_timeout;
    int64_t bytes_max = door == MST_DOOR_ENROL ? 1024 : b->settings.BROKER_message_bytes_max;
    void *s = zmq_socket(b->zmq, ZMQ_ROUTER);
    b->doors[door] = s;
    bool bad = !s || zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger) ||
               zmq_setsockopt(s, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory) ||
               zmq_setsockopt(s, ZMQ_ROUTER_HANDOVER, &handover, sizeof handover) ||
               zmq_setsockopt(s, ZMQ_SNDHWM, &hwm, sizeof hwm) ||
               zmq_setsockopt(s, ZMQ_RCVHWM, &hwm, sizeof hwm) ||
               zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max) ||
               zmq_setsockopt(s, ZMQ_BACKLOG, &backlog, sizeof backlog) ||
               zmq_setsockopt(s, ZMQ_HANDSHAKE_IVL, &handshake, sizeof handshake) ||
               zmq_setsockopt(s, ZMQ_TCP_KEEPALIVE, &keepalive, sizeof keepalive);
    if (!bad && domain)
        bad = zmq_setsockopt(s, ZMQ_CURVE_SERVER, &server, sizeof server) ||
              zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, b->keys.channel_secret, 32) ||
              zmq_setsockopt(s, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) ||
              zmq_setsockopt(s, MST_ZMQ_ZAP_ENFORCE_DOMAIN, &enforce, sizeof enforce);
    return bad ? mst_fail(err, MST_E_IO, "%s: %s", endpoint, zmq_strerror(errno)) : 0;
}

int mst_bind_failed(const char *endpoint, const char *setting, int error, struct mst_err *err)
{
    int code = mst_fail(err, MST_E_IO, "%s: %s", endpoint, zmq_strerror(error));
    if (error == EADDRINUSE)
        mst_hint(err,
                 _("another process listens there, most likely another broker (`ss -ltnp`): stop "
                   "it, or choose another port with %s"),
                 setting);
    else if (error == EADDRNOTAVAIL || error == ENODEV)
        mst_hint(err, _("no interface of this machine has this address; mend %s"), setting);
    else if (error == EACCES)
        mst_hint(err, _("this user may not listen there; choose another with %s"), setting);
    else
        mst_hint(err, _("an endpoint is tcp://ADDRESS:PORT; mend %s"), setting);
    return code;
}

static int bind_door(struct mst_broker *b, enum mst_door door, const char *endpoint,
                     const char *setting, struct mst_err *err)
{
    if (zmq_bind(b->doors[door], endpoint) != 0)
        return mst_bind_failed(endpoint, setting, errno, err);
    return 0;
}

/* Before the first connection. */
static int start_gate(struct mst_broker *b, struct mst_err *err)
{
    const struct mst_settings *set = &b->settings;
    const struct mst_gate_door doors[] = {
        [MST_DOOR_MEMBERS] = {"members",
                              {set->BROKER_unread_bytes_max, set->BROKER_connect_rate},
                              false},
        [MST_DOOR_ADMIN] = {"admin",
                            {ADMIN_UNREAD_MESSAGES * set->BROKER_message_bytes_max, 0},
                            true},
        [MST_DOOR_ENROL] = {"enrol",
                            {ENROL_UNREAD_BYTES_MAX, set->BROKER_enrol_connect_rate},
                            false},
        [MST_GATE_FEED] = {"feed", {FEED_UNREAD_BYTES_MAX, set->BROKER_connect_rate}, false},
    };
    const struct mst_gate_options options = {.doors = doors,
                                             .doors_count = sizeof doors / sizeof doors[0],
                                             .unread_total_max = set->BROKER_unread_total_max,
                                             .log_lines_per_s = set->BROKER_log_rate};
    int code = mst_gate_start(b->zmq, &options, &b->gate, err);
    for (size_t i = 0; !code && i < MST_DOORS; i++)
        code = mst_gate_watch(b->gate, i, b->doors[i], err);
    return code;
}

static int open_doors(struct mst_broker *b, struct mst_err *err)
{
    char admin[4300];
    unsigned seed;
    /* libzmq draws its routing ids from rand(); a guessable one lets a client abort the process. */
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return mst_fail_on(err, MST_E_INTERNAL, "getrandom");
    if (!MST_MUTANT("routing-ids-guessable"))
        srand(seed);
    int code = 0;
    if (!MST_MUTANT("zap-handler-missing"))
        code = mst_zap_open(b, err);
    if (!code)
        code = open_door(b, MST_DOOR_MEMBERS, b->settings.BROKER_members_endpoint, "members", err);
    if (!code)
        code = open_door(b, MST_DOOR_ENROL, b->settings.BROKER_enrol_endpoint, "enrol", err);
    snprintf(admin, sizeof admin, "ipc://%s/" MST_ADMIN_SOCKET, b->settings.BROKER_runtime_dir);
    if (!code)
        code = open_door(b, MST_DOOR_ADMIN, admin, NULL, err);
    if (!code && !MST_MUTANT("gate-open"))
        code = start_gate(b, err);
    if (!code)
        code = bind_door(b, MST_DOOR_MEMBERS, b->settings.BROKER_members_endpoint,
                         "members_endpoint", err);
    if (!code)
        code =
            bind_door(b, MST_DOOR_ENROL, b->settings.BROKER_enrol_endpoint, "enrol_endpoint", err);
    mode_t old = umask(0117);
    if (!code)
        code = bind_door(b, MST_DOOR_ADMIN, admin, "runtime_dir", err);
    umask(old);
    return code ? code : mst_feed_open(b, err);
}

/* ---- the world around ---- */

static int open_descriptors(struct mst_broker *b, struct mst_err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    /* Before any thread starts, so that all of them leave these signals to the descriptor. */
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return mst_fail_system(err, "sigprocmask", errno);
    b->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    b->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (b->signal_fd < 0 || b->timer_fd < 0)
        return mst_fail_system(err, "descriptors", errno);
    struct rlimit limit;
    rlim_t wanted = (rlim_t)b->settings.BROKER_connections_max + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        /* libzmq spins when it runs out of descriptors. */
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_cur < wanted)
            mst_log(&b->log, 4, "limit", "descriptors=%llu wanted=%llu hint=\"%s\"",
                    (unsigned long long)limit.rlim_cur, (unsigned long long)wanted,
                    _("enough for so many connections at once; for more, raise it (`ulimit -Hn`, "
                      "LimitNOFILE=), else lower connections_max"));
    }
    return 0;
}

/* Where time goes on: from the stored mark, or from the rehearsal's beginning. */
static int start_clock(struct mst_broker *b, struct mst_err *err)
{
    struct mst_clock_mark mark;
    int code = mst_driver_clock_mark(b->driver, &mark, err);
    if (code)
        return code;
    struct mst_clock *clock = &b->clock;
    mst_time down_from = mark.set ? mark.evaluated_ms : 0;
    clock->limits =
        (struct mst_clock_limits){.leap_tolerance_ms = b->settings.BROKER_leap_tolerance,
                                  .downtime_max_ms = b->settings.BROKER_downtime_max * DAY_MS};
    clock->mark = mark;
    if (b->rehearsal && mark.set && mark.evaluated_ms > clock->virtual_now) {
        const struct mst_zone *zone = mst_engine_programme(mst_driver_engine(b->driver, 0))->zone;
        char from[MST_INSTANT_TEXT_MAX], at[MST_INSTANT_TEXT_MAX];
        mst_log(&b->log, 5, "rehearsal", "asked=%s goes_on=%s",
                mst_zone_format(zone, clock->virtual_now, from),
                mst_zone_format(zone, mark.evaluated_ms, at));
        clock->virtual_now = mark.evaluated_ms;
    }
    mst_time now = mst_clock_now(clock);
    return mst_driver_start(b->driver, down_from, now, err);
}

static void begin_open(struct mst_broker *b)
{
    b->log.lines_per_s = b->settings.BROKER_log_rate;
    b->started_wall = mst_clock_wall();
    b->signal_fd = b->timer_fd = b->lock_fd = -1;
}

int mst_broker_restored(struct mst_broker *b, struct mst_err *err)
{
    char path[4200];
    begin_open(b);
    snprintf(path, sizeof path, "%s/" STORE_FILE, b->settings.BROKER_data_dir);
    int code = access(path, F_OK) == 0
                   ? take_lock(b, err)
                   : mst_fail(err, MST_E_UNKNOWN, "%s: %s", path, strerror(errno));
    if (!code)
        code = load_keys(b, err);
    if (!code)
        code = open_store(b, err);
    if (!code)
        code = mst_driver_new_epoch(b->driver, b->started_wall, err);
    if (code == MST_E_UNKNOWN)
        mst_hint(err, "%s", _("put the backup in its place first"));
    while (!code && mst_driver_busy(b->driver)) {
        struct pollfd done = {.fd = mst_driver_fd(b->driver), .events = POLLIN};
        if (poll(&done, 1, -1) < 0 && errno != EINTR)
            return mst_fail_system(err, "poll", errno);
        code = mst_driver_complete(b->driver, err);
    }
    return code;
}

int mst_broker_open(struct mst_broker *b, struct mst_err *err)
{
    begin_open(b);
    int code = open_descriptors(b, err);
    /* The runtime directory may lie within. */
    if (!code)
        code = make_dir(b->settings.BROKER_data_dir, 0700, err);
    if (!code)
        code = take_lock(b, err);
    if (!code)
        code = load_keys(b, err);
    if (!code)
        code = open_store(b, err);
    if (!code)
        code = add_programmes(b, err);
    if (!code)
        code = start_clock(b, err);
    b->zmq = zmq_ctx_new();
    if (!code && !b->zmq)
        code = mst_fail_on(err, MST_E_NOMEM, "libzmq");
    if (!code)
        code = open_doors(b, err);
    if (!code)
        code = mst_query_start(b, err);
    if (!code)
        code = mst_ahead_open((size_t)b->settings.BROKER_letters_ahead, sign, b, &b->ahead, err);
    if (!code)
        mst_log(&b->log, 6, "ready", "members=%s feed=%s enrol=%s rehearsal=%s",
                b->settings.BROKER_members_endpoint, b->settings.BROKER_feed_endpoint,
                b->settings.BROKER_enrol_endpoint, b->rehearsal ? "yes" : "no");
    return code;
}

void mst_broker_close(struct mst_broker *b)
{
    mst_query_stop(b);
    while (b->sessions_count > 0)
        mst_session_close(b, b->sessions[0]);
    free(b->sessions);
    mst_ahead_close(b->ahead);
    mst_gate_stop(b->gate);
    for (size_t i = 0; i < MST_DOORS; i++) {
        if (b->doors[i])
            zmq_close(b->doors[i]);
    }
    if (b->feed)
        zmq_close(b->feed);
    if (b->zap)
        zmq_close(b->zap);
    if (b->zmq)
        zmq_ctx_term(b->zmq);
    mst_gate_free(b->gate);
    mst_driver_free(b->driver);
    mst_store_close(b->store);
    mst_keys_wipe(&b->keys);
    if (b->signal_fd >= 0)
        close(b->signal_fd);
    if (b->timer_fd >= 0)
        close(b->timer_fd);
    if (b->lock_fd >= 0)
        close(b->lock_fd);
}
