/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load generator that speaks the real protocol: CURVE with the keys of homes that have joined,
 * the hash chain, one signature per run, cumulative receipts. Every home is one producer with an
 * outbox of its own in memory, which it keeps full: whatever a receipt frees is pushed as the next
 * run.
 *
 * It measures acknowledgements, never sends, and stores nothing: the agent's own outbox is not part
 * of what is measured. A refused report, an error or a gap ends it, since a refusal is cheaper than
 * a receipt and would flatter the broker.
 */
#include <getopt.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "agent/link/home.h"
#include "agent/link/print.h"
#include "config/load/lang.h"
#include "proto/msg.h"
#include "proto/pack.h"
#include "proto/seal.h"

#define PRODUCERS_MAX 256
#define RUNS_MAX 1024 /* runs of one producer under way */
#define RUN_HEAD_BYTES 512
#define Z85_KEY_CHARS 40
#define DRAIN_US 10000000
#define JOIN_US 30000000

struct options {
    int seconds, outstanding, run_reports_max, body_bytes;
    const char *duty, *period;
};

struct run {
    uint64_t last;
    size_t reports;
    int64_t sent_us;
};

/* Invariant: the runs from `oldest` on, `runs_count` of them in the ring, hold `outstanding`
 * reports. */
struct producer {
    struct mst_home home;
    void *socket;
    bool open;
    uint8_t outbox[MST_OUTBOX_BYTES], head[MST_HASH_BYTES];
    uint64_t last;
    size_t outstanding, report_max, oldest, runs_count;
    struct run runs[RUNS_MAX];
    struct mst_buf report; /* encoded once: encoding is the outbox's work, long before a push */
};

struct sample {
    int64_t latency_us;
    size_t reports;
};

struct load {
    struct options options;
    struct producer *producers;
    size_t producers_count;
    int64_t stop_us; /* nothing is pushed after it, nor counted */
    uint64_t acknowledged, runs_acknowledged;
    struct sample *samples;
    size_t samples_count, samples_cap;
    struct mst_buf out;
    struct mst_slice slices[4096];
    struct mst_msg_scratch scratch;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- opening ---- */

static int set_socket(struct producer *p, void *context, struct mst_err *err)
{
    int zero = 0;
    const char *key = p->home.settings.AGENT_broker_key;
    p->socket = zmq_socket(context, ZMQ_DEALER);
    if (p->socket && strlen(key) == Z85_KEY_CHARS &&
        zmq_setsockopt(p->socket, ZMQ_LINGER, &zero, sizeof zero) == 0 &&
        zmq_setsockopt(p->socket, ZMQ_CURVE_SERVERKEY, key, Z85_KEY_CHARS) == 0 &&
        zmq_setsockopt(p->socket, ZMQ_CURVE_PUBLICKEY, p->home.keys.channel_public, 32) == 0 &&
        zmq_setsockopt(p->socket, ZMQ_CURVE_SECRETKEY, p->home.keys.channel_secret, 32) == 0 &&
        zmq_connect(p->socket, p->home.settings.AGENT_broker) == 0)
        return 0;
    return mst_fail(err, MST_E_IO, "%s: %s", p->home.settings.AGENT_broker,
                    zmq_strerror(zmq_errno()));
}

static int send_message(struct load *load, struct producer *p, const struct mst_msg *msg,
                        struct mst_err *err)
{
    mst_buf_clear(&load->out);
    int code = mst_msg_encode(msg, &load->out, err);
    if (code)
        return code;
    if (zmq_send(p->socket, load->out.data, load->out.len, ZMQ_DONTWAIT) < 0)
        return mst_fail(err, MST_E_BUSY, "%s: %s", p->home.dir, zmq_strerror(zmq_errno()));
    return 0;
}

static int say_hello(struct load *load, struct producer *p, struct mst_err *err)
{
    struct mst_msg msg = {.type = MST_MSG_hello};
    msg.u.hello.version = MST_PROTOCOL_VERSION;
    msg.u.hello.programme = mst_text(p->home.settings.AGENT_programme);
    msg.u.hello.kind = mst_text("agent");
    msg.u.hello.name = mst_text("load");
    msg.u.hello.outbox = mst_bytes(p->outbox, sizeof p->outbox);
    return send_message(load, p, &msg, err);
}

/* The report that is pushed again and again; the chain makes every one of them another. */
static int encode_report(struct producer *p, const struct options *o, struct mst_err *err)
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
    msg.u.report.unit = mst_text(p->home.settings.AGENT_unit);
    msg.u.report.at = (uint64_t)time(NULL) * 1000;
    msg.u.report.duty = mst_text(o->duty);
    msg.u.report.period = mst_text(o->period);
    msg.u.report.body = mst_bytes(body.data, body.len);
    int code = mst_msg_encode(&msg, &p->report, err);
    mst_buf_done(&body);
    free(text);
    return code;
}

static int open_producer(struct load *load, struct producer *p, const char *dir, void *context,
                         struct mst_err *err)
{
    int code = mst_home_load(dir, &p->home, err);
    if (!code)
        code = encode_report(p, &load->options, err);
    if (!code)
        code = set_socket(p, context, err);
    if (code)
        return code;
    randombytes_buf(p->outbox, sizeof p->outbox);
    mst_chain_genesis(p->outbox, p->home.settings.AGENT_programme, p->home.settings.AGENT_unit,
                      p->head);
    return say_hello(load, p, err);
}

/* ---- pushing ---- */

static int push_run(struct load *load, struct producer *p, size_t reports, struct mst_err *err)
{
    uint8_t prev[MST_HASH_BYTES], sig[MST_SIGN_BYTES];
    struct mst_slice report = mst_bytes(p->report.data, p->report.len);
    memcpy(prev, p->head, sizeof prev);
    for (size_t i = 0; i < reports; i++) {
        load->slices[i] = report;
        mst_chain_next(p->head, p->last + 1 + i, report, p->head);
    }
    mst_run_sign(p->home.keys.sign_secret, p->outbox, p->last + reports, p->head, sig);
    struct mst_msg msg = {.type = MST_MSG_push};
    msg.u.push.outbox = mst_bytes(p->outbox, sizeof p->outbox);
    msg.u.push.first = p->last + 1;
    msg.u.push.prev = mst_bytes(prev, sizeof prev);
    msg.u.push.reports = (struct mst_slices){load->slices, reports};
    msg.u.push.alg = mst_text(MST_ALG_ED25519_BLAKE2B);
    msg.u.push.sig = mst_bytes(sig, sizeof sig);
    p->last += reports;
    p->outstanding += reports;
    p->runs[(p->oldest + p->runs_count++) % RUNS_MAX] =
        (struct run){.last = p->last, .reports = reports, .sent_us = now_us()};
    return send_message(load, p, &msg, err);
}

static int fill(struct load *load, struct producer *p, struct mst_err *err)
{
    size_t window = (size_t)load->options.outstanding;
    while (p->outstanding < window && p->runs_count < RUNS_MAX && now_us() < load->stop_us) {
        size_t reports = window - p->outstanding;
        if (reports > p->report_max)
            reports = p->report_max;
        int code = push_run(load, p, reports, err);
        if (code)
            return code;
    }
    return 0;
}

/* ---- what comes back ---- */

static int on_welcome(struct load *load, struct producer *p, const struct mst_msg_welcome *welcome,
                      struct mst_err *err)
{
    if (welcome->window < (uint64_t)load->options.outstanding)
        return mst_fail(err, MST_E_INVALID, "%s: the broker's window is %llu reports", p->home.dir,
                        (unsigned long long)welcome->window);
    /* Each report stands in the frame behind a head of 3 bytes. */
    p->report_max = (size_t)(welcome->message_bytes_max - RUN_HEAD_BYTES) / (p->report.len + 3);
    if (p->report_max > (size_t)load->options.run_reports_max)
        p->report_max = (size_t)load->options.run_reports_max;
    p->open = true;
    return p->report_max ? 0 : mst_fail_on(err, MST_E_TOO_LARGE, "report");
}

static int keep_sample(struct load *load, struct sample sample, struct mst_err *err)
{
    if (load->samples_count == load->samples_cap) {
        size_t cap = load->samples_cap ? 2 * load->samples_cap : 4096;
        struct sample *grown = realloc(load->samples, cap * sizeof *grown);
        if (!grown)
            return mst_fail_on(err, MST_E_NOMEM, "samples");
        load->samples = grown;
        load->samples_cap = cap;
    }
    load->samples[load->samples_count++] = sample;
    return 0;
}

static int on_receipt(struct load *load, struct producer *p, const struct mst_msg_receipt *receipt,
                      struct mst_err *err)
{
    int64_t now = now_us();
    if (receipt->refused.count)
        return mst_fail(err, MST_E_INVALID, "%s: %zu reports refused", p->home.dir,
                        receipt->refused.count);
    while (p->runs_count && p->runs[p->oldest].last <= receipt->last) {
        struct run run = p->runs[p->oldest];
        p->oldest = (p->oldest + 1) % RUNS_MAX;
        p->runs_count--;
        p->outstanding -= run.reports;
        if (now >= load->stop_us)
            continue;
        load->acknowledged += run.reports;
        load->runs_acknowledged++;
        int code = keep_sample(load, (struct sample){now - run.sent_us, run.reports}, err);
        if (code)
            return code;
    }
    return fill(load, p, err);
}

static int on_message(struct load *load, struct producer *p, zmq_msg_t *frame, struct mst_err *err)
{
    struct mst_msg msg;
    load->scratch.used = 0;
    int code = mst_msg_decode(zmq_msg_data(frame), zmq_msg_size(frame), MST_DOWN, &load->scratch,
                              &msg, err);
    if (code)
        return code;
    if (msg.type == MST_MSG_welcome)
        return on_welcome(load, p, &msg.u.welcome, err);
    if (msg.type == MST_MSG_receipt)
        return on_receipt(load, p, &msg.u.receipt, err);
    if (msg.type == MST_MSG_error) {
        char word[33], subject[128];
        mst_slice_copy(msg.u.error.code, word, sizeof word);
        mst_slice_copy(msg.u.error.subject, subject, sizeof subject);
        return mst_fail(err, mst_code_of_word(word), "%s: %s: %s", p->home.dir, word, subject);
    }
    return mst_fail(err, MST_E_PROTOCOL, "%s: unexpected %s", p->home.dir, mst_msg_word(msg.type));
}

/* Take what has arrived, waiting for it at most a tenth of a second. */
static int take(struct load *load, zmq_pollitem_t *items, struct mst_err *err)
{
    zmq_poll(items, (int)load->producers_count, 100);
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    int code = 0;
    for (size_t i = 0; !code && i < load->producers_count; i++) {
        while (!code && items[i].revents &&
               zmq_msg_recv(&frame, load->producers[i].socket, ZMQ_DONTWAIT) >= 0)
            code = on_message(load, &load->producers[i], &frame, err);
    }
    zmq_msg_close(&frame);
    return code;
}

static bool all_open(const struct load *load)
{
    for (size_t i = 0; i < load->producers_count; i++) {
        if (!load->producers[i].open)
            return false;
    }
    return true;
}

static bool all_idle(const struct load *load)
{
    for (size_t i = 0; i < load->producers_count; i++) {
        if (load->producers[i].outstanding)
            return false;
    }
    return true;
}

/* Sessions first, then the measured seconds, then what is still under way, which is not counted. */
static int measure(struct load *load, struct mst_err *err)
{
    zmq_pollitem_t items[PRODUCERS_MAX] = {{0}};
    int code = 0;
    for (size_t i = 0; i < load->producers_count; i++)
        items[i] = (zmq_pollitem_t){load->producers[i].socket, 0, ZMQ_POLLIN, 0};
    for (int64_t until = now_us() + JOIN_US; !code && !all_open(load);) {
        code = take(load, items, err);
        if (!code && now_us() > until)
            return mst_fail_on(err, MST_E_TIMEOUT, "hello");
    }
    load->stop_us = now_us() + (int64_t)load->options.seconds * 1000000;
    for (size_t i = 0; !code && i < load->producers_count; i++)
        code = fill(load, &load->producers[i], err);
    while (!code && now_us() < load->stop_us + DRAIN_US) {
        code = take(load, items, err);
        if (now_us() >= load->stop_us && all_idle(load))
            return code;
    }
    return code ? code : mst_fail_on(err, MST_E_TIMEOUT, "receipts");
}

/* ---- telling ---- */

static int by_latency(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    return (x->latency_us > y->latency_us) - (x->latency_us < y->latency_us);
}

/* Latency below which the given share of the reports was acknowledged. Samples are sorted. */
static double quantile_ms(const struct load *load, double share)
{
    double seen = 0;
    for (size_t i = 0; i < load->samples_count; i++) {
        seen += (double)load->samples[i].reports;
        if (seen >= share * (double)load->acknowledged)
            return (double)load->samples[i].latency_us / 1000;
    }
    return 0;
}

static void tell(struct load *load)
{
    if (load->samples_count)
        qsort(load->samples, load->samples_count, sizeof *load->samples, by_latency);
    printf("{\"producers\":%zu,\"outstanding\":%d,\"seconds\":%d,\"acknowledged\":%llu,"
           "\"per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"reports_per_run\":%.1f,"
           "\"report_bytes\":%zu}\n",
           load->producers_count, load->options.outstanding, load->options.seconds,
           (unsigned long long)load->acknowledged,
           (double)load->acknowledged / load->options.seconds, quantile_ms(load, 0.5),
           quantile_ms(load, 0.99),
           load->runs_acknowledged ? (double)load->acknowledged / (double)load->runs_acknowledged
                                   : 0.0,
           load->producers[0].report.len);
}

static int usage(void)
{
    fputs("usage: muster-load [--seconds S] [--outstanding W] [--run REPORTS] [--body BYTES]\n"
          "                   --duty DUTY --period PERIOD HOME…\n",
          stderr);
    return MST_EXIT_USAGE;
}

static bool parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {{"seconds", required_argument, NULL, 's'},
                                          {"outstanding", required_argument, NULL, 'w'},
                                          {"run", required_argument, NULL, 'r'},
                                          {"body", required_argument, NULL, 'b'},
                                          {"duty", required_argument, NULL, 'd'},
                                          {"period", required_argument, NULL, 'p'},
                                          {NULL, 0, NULL, 0}};
    *o = (struct options){
        .seconds = 5, .outstanding = 64, .run_reports_max = 4096, .body_bytes = 512};
    for (int option; (option = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        int number = optarg ? atoi(optarg) : 0;
        if (option == 's')
            o->seconds = number;
        else if (option == 'w')
            o->outstanding = number;
        else if (option == 'r')
            o->run_reports_max = number;
        else if (option == 'b')
            o->body_bytes = number;
        else if (option == 'd')
            o->duty = optarg;
        else if (option == 'p')
            o->period = optarg;
        else
            return false;
    }
    return o->seconds > 0 && o->outstanding > 0 && o->run_reports_max > 0 &&
           o->run_reports_max <= 4096 && o->body_bytes > 0 && o->body_bytes < 61000 && o->duty &&
           o->period && optind < argc && argc - optind <= PRODUCERS_MAX;
}

int main(int argc, char **argv)
{
    struct mst_err err;
    struct load *load = calloc(1, sizeof *load);
    mst_lang_init("en");
    if (!load || !parse(argc, argv, &load->options)) {
        free(load);
        return usage();
    }
    size_t count = (size_t)(argc - optind);
    load->producers = calloc(count, sizeof *load->producers);
    void *context = zmq_ctx_new();
    int code = load->producers && context && sodium_init() >= 0
                   ? 0
                   : mst_fail_on(&err, MST_E_NOMEM, "load");
    for (; !code && load->producers_count < count; load->producers_count++)
        code = open_producer(load, &load->producers[load->producers_count],
                             argv[(size_t)optind + load->producers_count], context, &err);
    if (!code)
        code = measure(load, &err);
    if (!code)
        tell(load);
    /* A measurement ends with its process; sockets with LINGER 0 are closed by the kernel. */
    return code ? mst_complain("muster-load", &err) : MST_EXIT_OK;
}
