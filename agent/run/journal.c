/* SPDX-License-Identifier: Apache-2.0 */
/* Journal lines: one write each, control characters replaced, so that no text from outside can
 * forge a line. */
#include "agent/run/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void mst_journal(enum mst_priority priority, const char *fmt, ...)
{
    char line[1200];
    size_t n = 0;
    if (getenv("JOURNAL_STREAM"))
        n = (size_t)snprintf(line, sizeof line, "<%d>", (int)priority);
    va_list ap;
    va_start(ap, fmt);
    int more = vsnprintf(line + n, sizeof line - n - 1, fmt, ap);
    va_end(ap);
    if (more < 0)
        return;
    n += (size_t)more < sizeof line - n - 2 ? (size_t)more : sizeof line - n - 2;
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
            line[i] = ' ';
    }
    line[n++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, n);
    (void)written; /* there is nowhere left to tell it */
}

void mst_journal_err(enum mst_priority priority, const char *event, const struct mst_err *err)
{
    mst_journal(priority, "%s code=%s text=\"%s\"", event, mst_code_word((int)err->code),
                err->text);
}
