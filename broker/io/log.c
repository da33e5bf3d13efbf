/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/io/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static mst_time seconds_since_boot(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return ts.tv_sec;
}

static void put_line(int level, const char *event, const char *text)
{
    char line[5200]; /* a line is one write: others may write to the same descriptor */
    size_t used = 0;
    /* systemd strips "<N>" and files the line under that priority. */
    if (getenv("JOURNAL_STREAM"))
        used = (size_t)snprintf(line, sizeof line, "<%d>", level);
    used += (size_t)snprintf(line + used, sizeof line - used, "%.64s ", event);
    /* What comes from outside must not be able to forge a line. */
    for (const char *c = text; *c && used < sizeof line - 6; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            used += (size_t)snprintf(line + used, sizeof line - used, "\\x%02x", (unsigned char)*c);
        else
            line[used++] = *c;
    }
    line[used++] = '\n';
    fwrite(line, 1, used, stderr);
}

void mst_log(struct mst_log *log, int level, const char *event, const char *fmt, ...)
{
    char text[1200];
    if (level == 4) {
        mst_time now = seconds_since_boot();
        if (now != log->second) {
            if (log->dropped) {
                snprintf(text, sizeof text, "lines=%llu", (unsigned long long)log->dropped);
                put_line(4, "log-limited", text);
            }
            log->second = now;
            log->lines = 0;
            log->dropped = 0;
        }
        if (log->lines++ >= log->lines_per_s) {
            log->dropped++;
            return;
        }
    }
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put_line(level, event, text);
}

void mst_log_err(struct mst_log *log, const char *event, const struct mst_err *err)
{
    mst_log(log, 3, event, "code=%s text=\"%s\" hint=\"%s\"", mst_code_word((int)err->code),
            err->text, err->hint);
}
