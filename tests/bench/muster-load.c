/* SPDX-License-Identifier: Apache-2.0 */
/*
 * muster-load: how many reports a second a broker acknowledges, and how long each waits for it. It
 * speaks the real protocol with the keys of units that have joined, or joins them first; load.h
 * says what it measures. Prints one JSON line. Meant for developers and for who sizes a machine, so
 * it is not translated.
 */
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/link/print.h"
#include "config/load/lang.h"
#include "load.h"

#define JOIN_MS 30000
#define OUTBOXES_MAX 20000
/* Memory that was freed is kept for the next messages: to give it back and to fault it in again
 * took 3 % of two cores. */
#define KEEP_BYTES (64 << 20)
#define MAP_BYTES (32 << 20)

static const char help[] =
    "usage: muster-load [OPTIONS] --duty DUTY --period PERIOD HOME…\n"
    "       muster-load [OPTIONS] --duty DUTY --period PERIOD --join DIR INVITATION…\n"
    "\n"
    "Pushes progress reports as so many units as there are homes, keeps a window of them\n"
    "unacknowledged for each, and prints what the broker acknowledged as one line of JSON.\n"
    "The reports are real: measure a broker that may be thrown away.\n"
    "\n"
    "  --duty DUTY          the duty that the units bear\n"
    "  --period PERIOD      its period, e.g. 2023Q3\n"
    "  --join DIR           enrol with invitations; each home becomes DIR/NAME of NAME.invite\n"
    "  --endpoint ENDPOINT  the broker's members endpoint, if not the one that a home names\n"
    "  --seconds S          measure so long (5)\n"
    "  --reports N          … or until so many reports are acknowledged\n"
    "  --outstanding W      unacknowledged reports for each outbox (64)\n"
    "  --outboxes N         outboxes in all, spread over the homes (one a home)\n"
    "  --run N              reports in a push at most (4096)\n"
    "  --body BYTES         size of a report's body (512)\n"
    "\n"
    "Joining 2 units and measuring them, then for 10 seconds, then one report at a time:\n"
    "\n"
    "  muster-load --duty progress --period 2023 --join homes jxj.invite wjw.invite\n"
    "  muster-load --duty progress --period 2023 --seconds 10 homes/jxj homes/wjw\n"
    "  muster-load --duty progress --period 2023 --outstanding 1 homes/jxj\n"
    "\n"
    "A broker holds a fast key back: set rate_messages and rate_burst high where you measure.\n";

enum { OPTION_HELP = 1 };

static bool parse(int argc, char **argv, struct load_options *o, const char **ret_join,
                  bool *ret_help)
{
    static const struct option longs[] = {
        {"seconds", required_argument, NULL, 's'},  {"outstanding", required_argument, NULL, 'w'},
        {"run", required_argument, NULL, 'r'},      {"body", required_argument, NULL, 'b'},
        {"duty", required_argument, NULL, 'd'},     {"period", required_argument, NULL, 'p'},
        {"reports", required_argument, NULL, 'n'},  {"outboxes", required_argument, NULL, 'o'},
        {"endpoint", required_argument, NULL, 'e'}, {"join", required_argument, NULL, 'j'},
        {"help", no_argument, NULL, OPTION_HELP},   {NULL, 0, NULL, 0}};
    *o = (struct load_options){.seconds = 5,
                               .outstanding = 64,
                               .run_reports_max = LOAD_RUN_REPORTS_MAX,
                               .body_bytes = 512};
    for (int option; (option = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        long long number = optarg ? atoll(optarg) : 0;
        int *const numbers[UCHAR_MAX] = {['s'] = &o->seconds,
                                         ['w'] = &o->outstanding,
                                         ['r'] = &o->run_reports_max,
                                         ['b'] = &o->body_bytes,
                                         ['o'] = &o->outboxes};
        const char **const texts[UCHAR_MAX] = {
            ['d'] = &o->duty, ['p'] = &o->period, ['e'] = &o->endpoint, ['j'] = ret_join};
        if (option == OPTION_HELP)
            *ret_help = true;
        else if (option == 'n')
            o->reports = number;
        else if (numbers[option] && number > 0 && number <= 1000000)
            *numbers[option] = (int)number;
        else if (texts[option])
            *texts[option] = optarg;
        else
            return false;
    }
    return *ret_help ||
           (o->run_reports_max <= LOAD_RUN_REPORTS_MAX && o->outboxes <= OUTBOXES_MAX &&
            o->body_bytes < 61000 && o->reports >= 0 && o->duty && o->period && optind < argc);
}

/* The home that an invitation makes: DIR/NAME for …/NAME.invite. */
static int join(const char *dir, const char *invitation, char *ret_home, size_t size,
                struct mst_err *err)
{
    char principal[65];
    const char *name = strrchr(invitation, '/');
    name = name ? name + 1 : invitation;
    const char *dot = strrchr(name, '.');
    (void)mkdir(dir, 0700);
    int length = dot && dot > name ? (int)(dot - name) : (int)strlen(name);
    snprintf(ret_home, size, "%s/%.*s", dir, length, name);
    return mst_home_join(ret_home, invitation, JOIN_MS, principal, err);
}

static int load_homes(char **words, size_t count, const char *join_dir, struct mst_home *homes,
                      struct mst_err *err)
{
    char path[4096];
    int code = 0;
    for (size_t i = 0; !code && i < count; i++) {
        const char *dir = words[i];
        if (join_dir) {
            code = join(join_dir, words[i], path, sizeof path, err);
            dir = path;
        }
        if (!code)
            code = mst_home_load(dir, &homes[i], err);
    }
    return code;
}

static void tell(const struct load *load)
{
    /* With --reports the last receipt ends the measurement, else the clock does. */
    int64_t end = load->options.reports ? load->last_us : load->stop_us;
    double seconds = end > load->begin_us ? (double)(end - load->begin_us) / 1e6 : 0;
    double runs = load->runs_acknowledged ? (double)load->runs_acknowledged : 1;
    printf("{\"outboxes\":%zu,\"outstanding\":%d,\"seconds\":%.3f,\"acknowledged\":%llu,"
           "\"per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"reports_per_run\":%.1f,"
           "\"report_bytes\":%zu,\"receipts_verified\":%zu,\"first_receipt_at\":%.6f,"
           "\"own_cpu_us_per_report\":%.3f}\n",
           load->sessions_count, load->options.outstanding, seconds,
           (unsigned long long)load->acknowledged,
           seconds > 0 ? (double)load->acknowledged / seconds : 0.0, load_quantile_ms(load, 0.5),
           load_quantile_ms(load, 0.99), (double)load->acknowledged / runs,
           load->sessions[0].report.len, load->receipts_count, (double)load->first_us / 1e6,
           load->acknowledged ? load->cpu_s * 1e6 / (double)load->acknowledged : 0.0);
}

int main(int argc, char **argv)
{
    struct mst_err err;
    struct load *load = calloc(1, sizeof *load);
    const char *join_dir = NULL;
    bool wants_help = false;
    mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
    mallopt(M_MMAP_THRESHOLD, MAP_BYTES);
    mst_lang_init("en");
    if (!load || !parse(argc, argv, &load->options, &join_dir, &wants_help)) {
        free(load);
        fputs(help, stderr);
        return MST_EXIT_USAGE;
    }
    if (wants_help) {
        free(load);
        fputs(help, stdout);
        return MST_EXIT_OK;
    }
    size_t count = (size_t)(argc - optind);
    struct mst_home *homes = calloc(count, sizeof *homes);
    int code = homes && sodium_init() >= 0 ? 0 : mst_fail_on(&err, MST_E_NOMEM, "load");
    if (!code)
        code = load_homes(argv + optind, count, join_dir, homes, &err);
    if (!code)
        code = load_open(load, homes, count, &err);
    if (!code)
        code = load_measure(load, &err);
    if (!code)
        tell(load);
    /* A measurement ends with its process; sockets with LINGER 0 are closed by the kernel. */
    return code ? mst_complain("muster-load", &err) : MST_EXIT_OK;
}
