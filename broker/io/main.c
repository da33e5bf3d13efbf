/* SPDX-License-Identifier: Apache-2.0 */
/* musterd's command line. */
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/io/broker.h"
#include "config/load/lang.h"
#include "config/load/load.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_BAD_USAGE = 2 };

struct command_line {
    const char *config;
    const char *sets[64];
    size_t sets_count;
    const char *programmes[16];
    size_t programmes_count;
    const char *rehearse, *speed;
    bool check, restored;
};

static void print_help(FILE *out)
{
    fprintf(
        out, "%s",
        _("Usage: musterd [OPTION]...\n"
          "The broker of Muster: takes reports, keeps them, enforces deadlines, publishes "
          "alerts.\n\n"
          "  --config FILE         settings (YAML; see `musterctl settings`)\n"
          "  --set NAME=VALUE      one setting, before the file's; may be repeated\n"
          "  --programme FILE      a programme to serve, besides the file's; may be repeated\n"
          "  --check               check settings and programmes, start nothing\n"
          "  --restored            the data directory was put back from a backup: say so to all\n"
          "                        who have seen more than it holds, start nothing\n"
          "  --rehearse FROM[..TO] run on a virtual clock that begins at FROM, in a data "
          "directory\n"
          "                        that is marked as a rehearsal for ever\n"
          "  --speed N(d|h|m)/s    let the rehearsal's clock run by itself, at most that fast\n"
          "  --lang en|zh_CN       language of messages\n"
          "  --help, --version\n\n"
          "Examples:\n"
          "  musterd --config /etc/muster/muster.yaml\n"
          "  musterd --config rehearsal.yaml --programme programme.yaml \\\n"
          "          --rehearse 2023-01-01..2024-01-31 --speed 1d/s\n\n"
          "Exit status: 0 stopped as asked, 1 failed, 2 wrong usage.\n"));
}

static int usage(const char *what)
{
    fprintf(stderr, _("musterd: %s\n  hint: see musterd --help\n"), what);
    return EXIT_BAD_USAGE;
}

static int usage_of(const char *format, const char *word)
{
    char what[256];
    snprintf(what, sizeof what, format, word);
    return usage(what);
}

/* 0: go on; -1: done, exit 0; else the exit code. */
static int parse(int argc, char **argv, struct command_line *line)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"set", required_argument, NULL, 's'},
        {"programme", required_argument, NULL, 'p'},
        {"check", no_argument, NULL, 'k'},
        {"restored", no_argument, NULL, 'R'},
        {"rehearse", required_argument, NULL, 'r'},
        {"speed", required_argument, NULL, 'v'},
        {"lang", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            line->config = optarg;
            break;
        case 's':
            if (line->sets_count == sizeof line->sets / sizeof line->sets[0])
                return usage(_("too many --set"));
            line->sets[line->sets_count++] = optarg;
            break;
        case 'p':
            if (line->programmes_count == sizeof line->programmes / sizeof line->programmes[0])
                return usage(_("too many --programme"));
            line->programmes[line->programmes_count++] = optarg;
            break;
        case 'k':
            line->check = true;
            break;
        case 'R':
            line->restored = true;
            break;
        case 'r':
            line->rehearse = optarg;
            break;
        case 'v':
            line->speed = optarg;
            break;
        case 'l':
            mst_lang_init(optarg);
            break;
        case 'h':
            print_help(stdout);
            return -1;
        case 'V':
            printf("musterd %s\n", MUSTER_VERSION);
            return -1;
        case ':':
            return usage_of(_("this option needs a value: %s"), argv[optind - 1]);
        default:
            return usage_of(_("unknown option: %s"), argv[optind - 1]);
        }
    }
    if (optind < argc)
        return usage(_("no other arguments are taken"));
    if (line->speed && !line->rehearse)
        return usage(_("--speed goes with --rehearse"));
    return 0;
}

static void complain(const struct mst_err *err)
{
    fprintf(stderr, "musterd: %s\n  %s: %s\n", err->text, _("hint"), err->hint);
}

/* What was asked for and could not be printed was not done. */
static int end_output(void)
{
    bool before = ferror(stdout) != 0;
    if (fflush(stdout) == 0 && !before)
        return EXIT_OK;
    struct mst_err err;
    mst_fail_on(&err, MST_E_IO, _("the output"));
    complain(&err);
    return EXIT_FAILED;
}

static int load_settings(struct mst_broker *b, const struct command_line *line, struct mst_err *err)
{
    int code = mst_settings_init(&b->settings, err);
    b->settings.vet = mst_broker_vet;
    if (!code && line->config) {
        struct mst_diags diags = {0};
        code = mst_settings_load(&b->settings, MST_SCOPE_BROKER, line->config, &diags, err);
        mst_diags_print(&diags, stderr);
        mst_diags_done(&diags);
    }
    for (size_t i = 0; !code && i < line->sets_count; i++)
        code = mst_settings_set(&b->settings, MST_SCOPE_BROKER, line->sets[i], err);
    const struct mst_texts *files = &b->settings.BROKER_programmes;
    for (size_t i = 0; !code && i < files->count + line->programmes_count; i++) {
        const char *path = i < files->count ? files->items[i] : line->programmes[i - files->count];
        if (b->programmes_count == sizeof b->programme_paths / sizeof b->programme_paths[0])
            return mst_fail_on(err, MST_E_TOO_LARGE, "programmes");
        b->programme_paths[b->programmes_count++] = strdup(path);
    }
    if (!code && b->programmes_count == 0) {
        code = mst_fail(err, MST_E_USAGE, _("no programme to serve"));
        mst_hint(err, _("name one with --programme FILE or in the settings"));
    }
    return code;
}

static int check_programmes(const struct mst_broker *b, struct mst_err *err)
{
    char ids[MST_PROGRAMMES_MAX][MST_ID_MAX];
    size_t count = 0;
    int first = 0;
    for (size_t i = 0; i < b->programmes_count; i++) {
        struct mst_programme *p = NULL;
        struct mst_diags diags = {0};
        int code = mst_programme_load(b->programme_paths[i], &diags, &p, err);
        mst_diags_print(&diags, stderr);
        mst_diags_done(&diags);
        for (size_t k = 0; !code && k < count; k++) {
            if (strcmp(ids[k], p->id) == 0)
                code = mst_fail(err, MST_E_EXISTS, _("%s: programme %s is named twice"),
                                b->programme_paths[i], p->id);
        }
        if (!code)
            snprintf(ids[count++], MST_ID_MAX, "%s", p->id);
        size_t past;
        if (!code && !mst_broker_begun(b))
            code = mst_broker_tell_past(b, b->programme_paths[i], p, &past, err);
        mst_programme_unref(p);
        first = first ? first : code;
    }
    return first;
}

/* "2d/s", "6h/s", "30m/s" as virtual ms per real ms; 0 when it is none of these. */
static double parse_speed(const char *text)
{
    char *end;
    double n = strtod(text, &end);
    double unit = *end == 'd' ? 86400.0 : *end == 'h' ? 3600.0 : *end == 'm' ? 60.0 : 0.0;
    return n > 0 && unit > 0 && strcmp(end + 1, "/s") == 0 ? n * unit : 0.0;
}

static int set_rehearsal(struct mst_broker *b, const struct command_line *line, struct mst_err *err)
{
    char from[64];
    struct mst_programme *p = NULL;
    struct mst_diags diags = {0};
    if (!line->rehearse)
        return 0;
    const char *dots = strstr(line->rehearse, "..");
    size_t len = dots ? (size_t)(dots - line->rehearse) : strlen(line->rehearse);
    if (len >= sizeof from)
        return mst_fail_on(err, MST_E_SYNTAX, line->rehearse);
    memcpy(from, line->rehearse, len);
    from[len] = '\0';
    int code = mst_programme_load(b->programme_paths[0], &diags, &p, err);
    if (code)
        mst_diags_print(&diags, stderr);
    mst_diags_done(&diags);
    if (code)
        return code;
    b->rehearsal = b->clock.rehearsal = true;
    b->clock.run_to = b->clock.virtual_end = MST_NEVER;
    code = mst_zone_parse(p->zone, from, &b->clock.virtual_now, err);
    if (!code && dots)
        code = mst_zone_parse(p->zone, dots + 2, &b->clock.virtual_end, err);
    if (!code && b->clock.virtual_end < b->clock.virtual_now)
        code = mst_fail(err, MST_E_INVALID, _("%s ends before it begins"), line->rehearse);
    mst_programme_unref(p);
    if (!code && line->speed) {
        b->clock.speed = parse_speed(line->speed);
        if (b->clock.speed <= 0)
            return mst_fail_on(err, MST_E_SYNTAX, line->speed);
        mst_clock_run(&b->clock, MST_NEVER);
    }
    return code;
}

static int begin_epoch(struct mst_broker *b, struct mst_err *err)
{
    int code = mst_broker_restored(b, err);
    if (!code)
        printf(_("epoch %llu begins with the next start\n"),
               (unsigned long long)mst_driver_epoch(b->driver));
    mst_broker_close(b);
    return code;
}

static int run(struct mst_broker *b, struct mst_err *err)
{
    int code = mst_broker_open(b, err);
    if (!code)
        code = mst_broker_serve(b, err);
    mst_broker_close(b);
    return code;
}

int main(int argc, char **argv)
{
    struct command_line line = {0};
    struct mst_err err;
    mst_lang_init(NULL);
    int status = parse(argc, argv, &line);
    if (status)
        return status < 0 ? end_output() : status;
    if (sodium_init() < 0)
        return EXIT_FAILED;
    struct mst_broker *b = calloc(1, sizeof *b);
    if (!b)
        return EXIT_FAILED;
    int code = load_settings(b, &line, &err);
    if (!code && line.check) {
        code = set_rehearsal(b, &line, &err);
        if (!code)
            code = check_programmes(b, &err);
        if (!code)
            printf("%s\n", _("settings and programmes are in order"));
    } else if (!code) {
        code = set_rehearsal(b, &line, &err);
        if (!code)
            code = line.restored ? begin_epoch(b, &err) : run(b, &err);
    }
    for (size_t i = 0; i < b->programmes_count; i++)
        free(b->programme_paths[i]);
    mst_settings_done(&b->settings);
    free(b);
    if (code)
        complain(&err);
    return code == 0 ? end_output() : code == MST_E_USAGE ? EXIT_BAD_USAGE : EXIT_FAILED;
}
