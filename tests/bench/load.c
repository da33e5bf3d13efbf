/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "proto/pack.h"

#define RUN_HEAD_BYTES 512
#define Z85_KEY_CHARS 40
#define DRAIN_US 30000000
#define JOIN_US 60000000
#define EVENTS_MAX 64
#define RECONNECT_MS 10 /* so that a broker's start is seen when it happens */
/* What is computed ahead, in all: more than a fast broker takes within the measured time. */
#define LINKS_PER_SECOND 600000
#define LINKS_MAX 4000000
#define SIGNATURES_PER_SECOND 20000
#define SIGNATURES_MAX 100000

int64_t load_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- opening ---- */

static const char *endpoint_of(const struct load *load, const struct load_session *s)
{
    return load->options.endpoint ? load->options.endpoint : s->home->settings.AGENT_broker;
}

static int set_socket(struct load *load, struct load_session *s, struct mst_err *err)
{
    int zero = 0, reconnect = RECONNECT_MS;
    const char *key = s->home->settings.AGENT_broker_key;
    s->socket = zmq_socket(load->context, ZMQ_DEALER);
    if (s->socket && strlen(key) == Z85_KEY_CHARS &&
        zmq_setsockopt(s->socket, ZMQ_LINGER, &zero, sizeof zero) == 0 &&
        zmq_setsockopt(s->socket, ZMQ_RECONNECT_IVL, &reconnect, sizeof reconnect) == 0 &&
        zmq_setsockopt(s->socket, ZMQ_CURVE_SERVERKEY, key, Z85_KEY_CHARS) == 0 &&
        zmq_setsockopt(s->socket, ZMQ_CURVE_PUBLICKEY, s->home->keys.channel_public, 32) == 0 &&
        zmq_setsockopt(s->socket, ZMQ_CURVE_SECRETKEY, s->home->keys.channel_secret, 32) == 0 &&
        zmq_connect(s->socket, endpoint_of(load, s)) == 0)
        return 0;
    return mst_fail(err, MST_E_IO, "%s: %s", endpoint_of(load, s), zmq_strerror(zmq_errno()));
}

static int send_message(struct load *load, struct load_session *s, const struct mst_msg *msg,
                        struct mst_err *err)
{
    mst_buf_clear(&load->out);
    int code = mst_msg_encode(msg, &load->out, err);
    if (code)
        return code;
    if (zmq_send(s->socket, load->out.data, load->out.len, ZMQ_DONTWAIT) < 0)
        return mst_fail(err, MST_E_BUSY, "%s: %s", s->home->dir, zmq_strerror(zmq_errno()));
    return 0;
}

static int say_hello(struct load *load, struct load_session *s, struct mst_err *err)
{
    struct mst_msg msg = {.type = MST_MSG_hello};
    msg.u.hello.version = MST_PROTOCOL_VERSION;
    msg.u.hello.programme = mst_text(s->home->settings.AGENT_programme);
    msg.u.hello.kind = mst_text("agent");
    msg.u.hello.name = mst_text(s->name);
    msg.u.hello.outbox = mst_bytes(s->outbox, sizeof s->outbox);
    return send_message(load, s, &msg, err);
}

/* The report that is pushed again and again; the chain makes every one of them another. */
static int encode_report(struct load_session *s, const struct load_options *o, struct mst_err *err)
{
    struct mst_buf body = {0};
    char *text = malloc((size_t)o->body_bytes + 1);
    if (!text)
        return mst_fail_on(err, MST_E_NOMEM, "report");
    for (int i = 0; i < o->body_bytes; i++)
        text[i] = (char)('a' + i % 26);
    text[o->body_bytes] = '\0';
    mst_pack_map(&body, 1);
    mst_pack_text(&body, "progress");
    /* The map around it takes 13 bytes, so that the body as a whole is as long as asked for. */
    mst_pack_text(&body, text + (o->body_bytes > 13 ? 13 : 0));
    struct mst_msg msg = {.type = MST_MSG_report};
    msg.u.report.act = mst_text("progress");
    msg.u.report.unit = mst_text(s->home->settings.AGENT_unit);
    msg.u.report.at = (uint64_t)time(NULL) * 1000;
    msg.u.report.duty = mst_text(o->duty);
    msg.u.report.period = mst_text(o->period);
    msg.u.report.body = mst_bytes(body.data, body.len);
    int code = mst_msg_encode(&msg, &s->report, err);
    mst_buf_done(&body);
    free(text);
    return code;
}

/* A session's share of what is computed ahead: so many a second, at most `max`, of all of them. */
static size_t share(const struct load *load, size_t per_second, size_t max)
{
    size_t all = (size_t)load->options.seconds * per_second;
    return (all < max ? all : max) / load->sessions_count + 1;
}

/* Hashing is the outbox's work, long before a push. */
static void prepare_links(const struct load *load, struct load_session *s)
{
    size_t count = share(load, LINKS_PER_SECOND, LINKS_MAX);
    if (load->options.reports && (size_t)load->options.reports < count)
        count = (size_t)load->options.reports;
    s->links = calloc(count, sizeof *s->links);
    if (!s->links)
        return; /* they are computed when they are needed */
    for (; s->links_count < count; s->links_count++)
        mst_chain_next(s->links_count ? s->links[s->links_count - 1] : s->head, s->links_count + 1,
                       mst_bytes(s->report.data, s->report.len), s->links[s->links_count]);
}

static int open_session(struct load *load, struct load_session *s, struct mst_err *err)
{
    size_t len = 0;
    const char *hex = s->home->settings.AGENT_broker_sign_key;
    s->runs = calloc(LOAD_RUNS_MAX, sizeof *s->runs);
    if (!s->runs)
        return mst_fail_on(err, MST_E_NOMEM, "session");
    if (sodium_hex2bin(s->broker_key, sizeof s->broker_key, hex, strlen(hex), NULL, &len, NULL) ||
        len != sizeof s->broker_key)
        return mst_fail(err, MST_E_INVALID, "%s: broker_sign_key", s->home->dir);
    int code = encode_report(s, &load->options, err);
    if (code)
        return code;
    randombytes_buf(s->outbox, sizeof s->outbox);
    mst_chain_genesis(s->outbox, s->home->settings.AGENT_programme, s->home->settings.AGENT_unit,
                      s->head);
    prepare_links(load, s);
    code = set_socket(load, s, err);
    return code ? code : say_hello(load, s, err);
}

int load_open(struct load *load, const struct mst_home *homes, size_t homes_count,
              struct mst_err *err)
{
    size_t count = load->options.outboxes ? (size_t)load->options.outboxes : homes_count;
    load->sessions = calloc(count, sizeof *load->sessions);
    load->context = zmq_ctx_new();
    if (!load->sessions || !load->context)
        return mst_fail_on(err, MST_E_NOMEM, "load");
    zmq_ctx_set(load->context, ZMQ_MAX_SOCKETS, (int)count + 16);
    /* Two descriptors a socket; where the limit is lower, opening one says so. */
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    load->sessions_count = count;
    for (size_t i = 0; i < count; i++) {
        struct load_session *s = &load->sessions[i];
        s->home = &homes[i % homes_count];
        snprintf(s->name, sizeof s->name, "load-%zu", i / homes_count);
        int code = open_session(load, s, err);
        if (code)
            return code;
    }
    return 0;
}

/* ---- pushing ---- */

/* Reports before run `number` of a session. A window is cut into as few runs as messages can hold,
 * all of nearly one length, so that it is known beforehand where each ends. */
static uint64_t reports_before(const struct load *load, const struct load_session *s,
                               uint64_t number)
{
    uint64_t window = (uint64_t)load->options.outstanding;
    uint64_t runs = (window + s->report_max - 1) / s->report_max;
    return number * window / runs;
}

/* An agent has its next run signed before there is room for it, too; but a report that goes out
 * alone is signed on its way. */
static void prepare_signatures(const struct load *load, struct load_session *s)
{
    size_t count = share(load, SIGNATURES_PER_SECOND, SIGNATURES_MAX);
    s->signatures = load->options.outstanding > 1 ? calloc(count, sizeof *s->signatures) : NULL;
    if (!s->signatures)
        return; /* they are made when they are needed */
    for (; s->signatures_count < count; s->signatures_count++) {
        uint64_t last = reports_before(load, s, s->signatures_count + 1);
        if (last > s->links_count)
            return;
        mst_run_sign(s->home->keys.sign_secret, s->outbox, last, s->links[last - 1],
                     s->signatures[s->signatures_count]);
    }
}

static void advance(struct load_session *s, size_t reports)
{
    struct mst_slice report = mst_bytes(s->report.data, s->report.len);
    if (s->last + reports <= s->links_count) {
        memcpy(s->head, s->links[s->last + reports - 1], sizeof s->head);
    } else {
        for (size_t i = 0; i < reports; i++)
            mst_chain_next(s->head, s->last + 1 + i, report, s->head);
    }
    s->last += reports;
}

static int push_run(struct load *load, struct load_session *s, size_t reports, struct mst_err *err)
{
    uint8_t prev[MST_HASH_BYTES], sig[MST_SIGN_BYTES];
    memcpy(prev, s->head, sizeof prev);
    for (size_t i = 0; i < reports; i++)
        load->slices[i] = mst_bytes(s->report.data, s->report.len);
    advance(s, reports);
    s->pushed++;
    if (s->pushed <= s->signatures_count && s->last == reports_before(load, s, s->pushed))
        memcpy(sig, s->signatures[s->pushed - 1], sizeof sig);
    else
        mst_run_sign(s->home->keys.sign_secret, s->outbox, s->last, s->head, sig);
    struct mst_msg msg = {.type = MST_MSG_push};
    msg.u.push.outbox = mst_bytes(s->outbox, sizeof s->outbox);
    msg.u.push.first = s->last - reports + 1;
    msg.u.push.prev = mst_bytes(prev, sizeof prev);
    msg.u.push.reports = (struct mst_slices){load->slices, reports};
    msg.u.push.alg = mst_text(MST_ALG_ED25519_BLAKE2B);
    msg.u.push.sig = mst_bytes(sig, sizeof sig);
    load->pushed += reports;
    s->outstanding += reports;
    s->runs[(s->oldest + s->runs_count++) % LOAD_RUNS_MAX] =
        (struct load_run){.last = s->last, .reports = reports, .sent_us = load_now_us()};
    return send_message(load, s, &msg, err);
}

static int fill(struct load *load, struct load_session *s, struct mst_err *err)
{
    size_t window = (size_t)load->options.outstanding;
    uint64_t wanted = load->options.reports ? (uint64_t)load->options.reports : UINT64_MAX;
    while (s->runs_count < LOAD_RUNS_MAX && load->pushed < wanted &&
           load_now_us() < load->stop_us) {
        size_t reports = (size_t)(reports_before(load, s, s->pushed + 1) - s->last);
        if (s->outstanding + reports > window)
            break;
        if (reports > wanted - load->pushed)
            reports = (size_t)(wanted - load->pushed);
        int code = push_run(load, s, reports, err);
        if (code)
            return code;
    }
    return 0;
}

/* ---- what comes back ---- */

static int on_welcome(struct load *load, struct load_session *s,
                      const struct mst_msg_welcome *welcome, struct mst_err *err)
{
    if (welcome->window < (uint64_t)load->options.outstanding)
        return mst_fail(err, MST_E_INVALID, "%s: the broker's window is %llu reports", s->home->dir,
                        (unsigned long long)welcome->window);
    /* Each report stands in the frame behind a head of 3 bytes. */
    s->report_max = (size_t)(welcome->message_bytes_max - RUN_HEAD_BYTES) / (s->report.len + 3);
    if (s->report_max > (size_t)load->options.run_reports_max)
        s->report_max = (size_t)load->options.run_reports_max;
    s->open = true;
    if (!s->report_max)
        return mst_fail_on(err, MST_E_TOO_LARGE, "report");
    prepare_signatures(load, s);
    return 0;
}

static int keep_sample(struct load *load, struct load_sample sample, struct mst_err *err)
{
    if (load->samples_count == load->samples_cap) {
        size_t cap = load->samples_cap ? 2 * load->samples_cap : 4096;
        struct load_sample *grown = realloc(load->samples, cap * sizeof *grown);
        if (!grown)
            return mst_fail_on(err, MST_E_NOMEM, "samples");
        load->samples = grown;
        load->samples_cap = cap;
    }
    load->samples[load->samples_count++] = sample;
    return 0;
}

static int keep_receipt(struct load *load, const struct load_session *s, zmq_msg_t *frame,
                        struct mst_err *err)
{
    const uint64_t head[] = {(uint64_t)(s - load->sessions), zmq_msg_size(frame)};
    mst_buf_put(&load->receipts, head, sizeof head);
    mst_buf_put(&load->receipts, zmq_msg_data(frame), zmq_msg_size(frame));
    load->receipts_count++;
    return load->receipts.failed ? mst_fail_on(err, MST_E_NOMEM, "receipts") : 0;
}

static int on_receipt(struct load *load, struct load_session *s,
                      const struct mst_msg_receipt *receipt, struct mst_err *err)
{
    int64_t now = load_now_us();
    if (receipt->refused.count) {
        char word[33], subject[128];
        mst_slice_copy(mst_unpack_text(receipt->refused.items[0], "code"), word, sizeof word);
        mst_slice_copy(mst_unpack_text(receipt->refused.items[0], "subject"), subject,
                       sizeof subject);
        return mst_fail(err, mst_code_of_word(word), "%s: %zu reports refused: %s: %s",
                        s->home->dir, receipt->refused.count, word, subject);
    }
    if (load->first_us == 0)
        load->first_us = now;
    while (s->runs_count && s->runs[s->oldest].last <= receipt->last) {
        struct load_run run = s->runs[s->oldest];
        s->oldest = (s->oldest + 1) % LOAD_RUNS_MAX;
        s->runs_count--;
        s->outstanding -= run.reports;
        if (now >= load->stop_us)
            continue;
        load->last_us = now;
        load->acknowledged += run.reports;
        load->runs_acknowledged++;
        int code = keep_sample(load, (struct load_sample){now - run.sent_us, run.reports}, err);
        if (code)
            return code;
    }
    return fill(load, s, err);
}

static int on_message(struct load *load, struct load_session *s, zmq_msg_t *frame,
                      struct mst_err *err)
{
    struct mst_msg msg;
    load->scratch.used = 0;
    int code = mst_msg_decode(zmq_msg_data(frame), zmq_msg_size(frame), MST_DOWN, &load->scratch,
                              &msg, err);
    if (code)
        return code;
    if (msg.type == MST_MSG_welcome)
        return on_welcome(load, s, &msg.u.welcome, err);
    if (msg.type == MST_MSG_receipt) {
        code = keep_receipt(load, s, frame, err);
        return code ? code : on_receipt(load, s, &msg.u.receipt, err);
    }
    if (msg.type == MST_MSG_error) {
        char word[33], subject[128];
        mst_slice_copy(msg.u.error.code, word, sizeof word);
        mst_slice_copy(msg.u.error.subject, subject, sizeof subject);
        return mst_fail(err, mst_code_of_word(word), "%s: %s: %s", s->home->dir, word, subject);
    }
    return mst_fail(err, MST_E_PROTOCOL, "%s: unexpected %s", s->home->dir, mst_msg_word(msg.type));
}

/* Until there is no more: then libzmq has also taken back what made its descriptor readable. */
static int drain(struct load *load, struct load_session *s, struct mst_err *err)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    int code = 0;
    while (!code && zmq_msg_recv(&frame, s->socket, ZMQ_DONTWAIT) >= 0)
        code = on_message(load, s, &frame, err);
    zmq_msg_close(&frame);
    return code;
}

/* Take what has arrived, waiting for it at most a tenth of a second. zmq_poll() would ask every
 * socket each time, which with a thousand of them takes longer than all the rest. */
static int take(struct load *load, struct mst_err *err)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(load->epoll_fd, events, EVENTS_MAX, 100), code = 0;
    if (count < 0 && errno != EINTR)
        return mst_fail(err, MST_E_IO, "epoll_wait: %s", strerror(errno));
    for (int i = 0; !code && i < count; i++)
        code = drain(load, events[i].data.ptr, err);
    return code;
}

static int watch(struct load *load, struct load_session *s, struct mst_err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = s}};
    int fd = -1;
    size_t len = sizeof fd;
    if (zmq_getsockopt(s->socket, ZMQ_FD, &fd, &len) != 0 ||
        epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return mst_fail(err, MST_E_IO, "%s: epoll_ctl: %s", s->home->dir, strerror(errno));
    return drain(load, s, err);
}

/* ---- measuring ---- */

static bool all_open(const struct load *load)
{
    for (size_t i = 0; i < load->sessions_count; i++) {
        if (!load->sessions[i].open)
            return false;
    }
    return true;
}

static bool all_idle(const struct load *load)
{
    for (size_t i = 0; i < load->sessions_count; i++) {
        if (load->sessions[i].outstanding)
            return false;
    }
    return true;
}

static int by_latency(const void *a, const void *b)
{
    const struct load_sample *x = a, *y = b;
    return (x->latency_us > y->latency_us) - (x->latency_us < y->latency_us);
}

static int verify_receipts(struct load *load, struct mst_err *err)
{
    const uint8_t *at = load->receipts.data;
    for (size_t i = 0; i < load->receipts_count; i++) {
        uint64_t head[2];
        struct mst_msg msg;
        memcpy(head, at, sizeof head);
        const struct load_session *s = &load->sessions[head[0]];
        int code =
            mst_msg_decode(at + sizeof head, (size_t)head[1], MST_DOWN, &load->scratch, &msg, err);
        if (!code)
            code = mst_receipt_verify(s->broker_key, s->home->settings.AGENT_programme,
                                      &msg.u.receipt, err);
        if (code)
            return code;
        at += sizeof head + head[1];
    }
    return 0;
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int exchange(struct load *load, struct mst_err *err)
{
    int code = 0;
    for (size_t i = 0; !code && i < load->sessions_count; i++)
        code = watch(load, &load->sessions[i], err);
    for (int64_t until = load_now_us() + JOIN_US; !code && !all_open(load);) {
        code = take(load, err);
        if (!code && load_now_us() > until)
            return mst_fail_on(err, MST_E_TIMEOUT, "hello");
    }
    load->cpu_s = -cpu_s();
    load->begin_us = load_now_us();
    load->stop_us = load->begin_us + (int64_t)load->options.seconds * 1000000;
    for (size_t i = 0; !code && i < load->sessions_count; i++) {
        code = fill(load, &load->sessions[i], err);
        /* To send takes what made the descriptor readable back, too. */
        if (!code)
            code = drain(load, &load->sessions[i], err);
    }
    uint64_t wanted = (uint64_t)load->options.reports;
    while (!code && load_now_us() < load->stop_us + DRAIN_US) {
        code = take(load, err);
        bool over = load_now_us() >= load->stop_us || (wanted && load->pushed >= wanted);
        if (!code && over && all_idle(load))
            return 0;
    }
    return code ? code : mst_fail_on(err, MST_E_TIMEOUT, "receipts");
}

int load_measure(struct load *load, struct mst_err *err)
{
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (load->epoll_fd < 0)
        return mst_fail(err, MST_E_IO, "epoll_create1: %s", strerror(errno));
    int code = exchange(load, err);
    load->cpu_s += cpu_s();
    close(load->epoll_fd);
    if (!code)
        code = verify_receipts(load, err);
    if (!code && load->samples_count)
        qsort(load->samples, load->samples_count, sizeof *load->samples, by_latency);
    return code;
}

double load_quantile_ms(const struct load *load, double share)
{
    double seen = 0;
    for (size_t i = 0; i < load->samples_count; i++) {
        seen += (double)load->samples[i].reports;
        if (seen >= share * (double)load->acknowledged)
            return (double)load->samples[i].latency_us / 1000;
    }
    return 0;
}
