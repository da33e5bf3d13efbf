/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watcher's memory on disk. The cursor is a few lines of text, replaced atomically. The witness
 * is lines of one length, ascending by alert number, so that one is found without reading all.
 * Refuses a cursor that it cannot read: starting over in silence would repeat or, worse, skip
 * alerts.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/watch/watch.h"
#include "config/load/file.h"
#include "config/load/system.h"
#include "proto/buf.h"
#include "proto/seal.h"

/* number, ledger row, head, epoch, each followed by a space or the line's end. */
#define WITNESS_LINE 128
#define WITNESS_FORMAT "%020" PRIu64 " %020" PRIu64 " %s %020" PRIu64 "\n"
/* A row, its head, the epoch: what was found to be another. There until somebody removes it. */
#define CONTRADICTED ".contradicted"
#define CONTRADICTED_FORMAT "%" PRIu64 " %s %" PRIu64 "\n"
#define HEAD_CHARS (2 * MST_HASH_BYTES)

struct mst_watch_state {
    char name[48];
    int dir, witness;
    uint64_t witness_lines; /* in the file */
    uint64_t witness_last;  /* highest number in file or buffer; 0 none */
    struct mst_buf fresh;   /* lines for the next save */
    struct mst_watch_cursor cursor;
    struct mst_watch_head last;         /* row 0: none */
    struct mst_watch_head contradicted; /* likewise */
};

struct testimony {
    uint64_t number, row, epoch;
    char head[HEAD_CHARS + 1];
};

static int io_fail(const struct mst_watch_state *state, const char *suffix, struct mst_err *err)
{
    int why = errno;
    mst_fail(err, MST_E_IO, "watch-%s%s: %s", state->name, suffix, strerror(why));
    mst_hint_system(err, why);
    return MST_E_IO;
}

static void file_name(const struct mst_watch_state *state, const char *suffix, char buf[80])
{
    snprintf(buf, 80, "watch-%s%s", state->name, suffix);
}

/* ---- cursor ---- */

static int parse_cursor(const struct mst_watch_state *state, const char *text,
                        struct mst_watch_cursor *ret_cursor, struct mst_err *err)
{
    struct mst_watch_cursor c = {.known = true};
    char rehearsal[6];
    char hex[2 * MST_HASH_BYTES + 1] = "";
    int used = 0, more = 0;
    int fields = sscanf(text,
                        "muster-cursor: 1\nprogramme: %47s\nrehearsal: %5[a-z]\nepoch: %" SCNu64
                        "\nnumber: %" SCNu64 "%n",
                        c.programme, rehearsal, &c.epoch, &c.number, &used);
    if (fields == 4 && sscanf(text + used, "\nhead: %64[0-9a-f]%n", hex, &more) == 1) {
        used += more;
        c.has_head = true;
    }
    if (fields != 4 || strcmp(text + used, "\n") != 0 ||
        (c.has_head &&
         sodium_hex2bin(c.head, sizeof c.head, hex, 2 * MST_HASH_BYTES, NULL, NULL, NULL) != 0)) {
        char name[80];
        file_name(state, ".cursor", name);
        int rc = mst_fail_on(err, MST_E_CORRUPT, name);
        mst_hint(err, _("remove it to start from the broker's own cursor, or start with --since"));
        return rc;
    }
    c.rehearsal = strcmp(rehearsal, "true") == 0;
    *ret_cursor = c;
    return 0;
}

static int read_cursor(struct mst_watch_state *state, struct mst_err *err)
{
    char name[80], text[512];
    file_name(state, ".cursor", name);
    int fd = openat(state->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : io_fail(state, ".cursor", err);
    ssize_t n = read(fd, text, sizeof text - 1);
    int rc = n < 0 ? io_fail(state, ".cursor", err) : 0;
    close(fd);
    if (rc)
        return rc;
    text[n] = '\0';
    return parse_cursor(state, text, &state->cursor, err);
}

/* Whole or not at all. */
static int replace_file(const struct mst_watch_state *state, const char *suffix, const char *text,
                        struct mst_err *err)
{
    char name[80], fresh[84];
    size_t len = strlen(text);
    file_name(state, suffix, name);
    snprintf(fresh, sizeof fresh, "%s.new", name);
    int fd = openat(state->dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_fail(state, suffix, err);
    bool good = mst_file_put(fd, text, len) && fsync(fd) == 0;
    int failed = errno;
    close(fd);
    errno = failed;
    if (!good || renameat(state->dir, fresh, state->dir, name) != 0 || fsync(state->dir) != 0)
        return io_fail(state, suffix, err);
    return 0;
}

static int write_cursor(struct mst_watch_state *state, const struct mst_watch_cursor *c,
                        struct mst_err *err)
{
    char text[512], hex[2 * MST_HASH_BYTES + 1];
    sodium_bin2hex(hex, sizeof hex, c->head, sizeof c->head);
    snprintf(text, sizeof text,
             "muster-cursor: 1\nprogramme: %s\nrehearsal: %s\nepoch: %" PRIu64 "\nnumber: %" PRIu64
             "%s%s\n",
             c->programme, c->rehearsal ? "true" : "false", c->epoch, c->number,
             c->has_head ? "\nhead: " : "", c->has_head ? hex : "");
    int rc = replace_file(state, ".cursor", text, err);
    if (rc)
        return rc;
    state->cursor = *c;
    return 0;
}

int mst_watch_state_forget(struct mst_watch_state *state, struct mst_err *err)
{
    char name[80];
    file_name(state, ".cursor", name);
    if ((unlinkat(state->dir, name, 0) != 0 && errno != ENOENT) || fsync(state->dir) != 0)
        return io_fail(state, ".cursor", err);
    state->cursor.known = false;
    return 0;
}

/* ---- witness ---- */

bool mst_watch_state_last(const struct mst_watch_state *state, struct mst_watch_head *ret)
{
    *ret = state->contradicted.row ? state->contradicted : state->last;
    return ret->row != 0;
}

/* The alert that tells of a contradiction comes with a head, too, of the ledger that is
 * contradicted: so what is asked for from now on is kept apart. */
int mst_watch_state_contradict(struct mst_watch_state *state, const struct mst_watch_head *head,
                               struct mst_err *err)
{
    char text[WITNESS_LINE];
    if (state->contradicted.row)
        return 0;
    state->contradicted = *head;
    snprintf(text, sizeof text, CONTRADICTED_FORMAT, head->row, head->head, head->epoch);
    return replace_file(state, CONTRADICTED, text, err);
}

static int read_contradicted(struct mst_watch_state *state, struct mst_err *err)
{
    char name[80], text[WITNESS_LINE + 1] = "";
    struct mst_watch_head head = {0};
    file_name(state, CONTRADICTED, name);
    int fd = openat(state->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : io_fail(state, CONTRADICTED, err);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n < 0 ||
        sscanf(text, "%" SCNu64 " %64[0-9a-f] %" SCNu64, &head.row, head.head, &head.epoch) != 3)
        return mst_fail_on(err, MST_E_CORRUPT, name);
    state->contradicted = head;
    return 0;
}

/* The chain goes over all before it, so that the highest row stands for every other. */
static void remember_last(struct mst_watch_state *state, uint64_t row, uint64_t epoch,
                          const char *head)
{
    if (row <= state->last.row && epoch <= state->last.epoch)
        return;
    state->last = (struct mst_watch_head){.row = row, .epoch = epoch};
    snprintf(state->last.head, sizeof state->last.head, "%s", head);
}

static bool parse_line(const char line[WITNESS_LINE + 1], struct testimony *ret)
{
    return sscanf(line, "%" SCNu64 " %" SCNu64 " %64[0-9a-f] %" SCNu64, &ret->number, &ret->row,
                  ret->head, &ret->epoch) == 4 &&
           line[WITNESS_LINE - 1] == '\n';
}

static int read_line(const struct mst_watch_state *state, uint64_t index, struct testimony *ret,
                     struct mst_err *err)
{
    char line[WITNESS_LINE + 1] = "";
    if (pread(state->witness, line, WITNESS_LINE, (off_t)(index * WITNESS_LINE)) != WITNESS_LINE)
        return io_fail(state, ".witness", err);
    if (parse_line(line, ret))
        return 0;
    char name[80];
    file_name(state, ".witness", name);
    return mst_fail_on(err, MST_E_CORRUPT, name);
}

/* A crash can leave part of a line at the end; what was not synced was never relied upon. */
static int open_witness(struct mst_watch_state *state, struct mst_err *err)
{
    char name[80];
    struct stat st;
    file_name(state, ".witness", name);
    state->witness = openat(state->dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (state->witness < 0)
        return io_fail(state, ".witness", err);
    if (flock(state->witness, LOCK_EX | LOCK_NB) != 0) {
        int rc = mst_fail_on(err, MST_E_BUSY, name);
        mst_hint(err, _("another muster-watch follows under this name; give this one its own with "
                        "--name"));
        return rc;
    }
    if (fstat(state->witness, &st) != 0)
        return io_fail(state, ".witness", err);
    state->witness_lines = (uint64_t)st.st_size / WITNESS_LINE;
    if (ftruncate(state->witness, (off_t)(state->witness_lines * WITNESS_LINE)) != 0)
        return io_fail(state, ".witness", err);
    if (state->witness_lines == 0)
        return 0;
    struct testimony last;
    int rc = read_line(state, state->witness_lines - 1, &last, err);
    if (rc)
        return rc;
    state->witness_last = last.number;
    remember_last(state, last.row, last.epoch, last.head);
    return 0;
}

/* Binary search in the file. 0 with ret->number 0 when there is none. */
static int find(const struct mst_watch_state *state, uint64_t number, struct testimony *ret,
                struct mst_err *err)
{
    uint64_t low = 0, high = state->witness_lines;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int rc = read_line(state, middle, ret, err);
        if (rc)
            return rc;
        if (ret->number == number)
            return 0;
        if (ret->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    ret->number = 0;
    return 0;
}

static void head_text(struct mst_slice head, char text[HEAD_CHARS + 1])
{
    text[0] = '\0';
    for (size_t i = 0; i < head.len && i < MST_HASH_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", head.data[i]);
}

int mst_watch_state_witness(struct mst_watch_state *state, const struct mst_msg_alert *alert,
                            uint64_t epoch, struct mst_err *err)
{
    char head[HEAD_CHARS + 1];
    head_text(alert->ledger_head, head);
    if (alert->number > state->witness_last) {
        char line[WITNESS_LINE + 1];
        snprintf(line, sizeof line, WITNESS_FORMAT, alert->number, alert->ledger_row, head, epoch);
        mst_buf_put(&state->fresh, line, WITNESS_LINE);
        if (state->fresh.failed)
            return mst_fail_on(err, MST_E_NOMEM, "witness");
        state->witness_last = alert->number;
        remember_last(state, alert->ledger_row, epoch, head);
        return 0;
    }
    struct testimony known;
    int rc = find(state, alert->number, &known, err);
    if (rc || known.number == 0)
        return rc;
    if (known.row == alert->ledger_row && strcmp(known.head, head) == 0)
        return 0;
    rc = mst_fail(
        err, MST_E_CONFLICT,
        _("the broker's ledger contradicts what was witnessed at alert %llu: row %llu with "
          "head %s then, row %llu with head %s now"),
        (unsigned long long)alert->number, (unsigned long long)known.row, known.head,
        (unsigned long long)alert->ledger_row, head);
    mst_hint(err, known.epoch == epoch
                      ? _("the ledger was rewritten; keep the witness file as evidence")
                      : _("the broker was restored from a backup in between; compare both"));
    return rc;
}

static int append_fresh(struct mst_watch_state *state, struct mst_err *err)
{
    off_t end = (off_t)(state->witness_lines * WITNESS_LINE);
    if (state->fresh.len == 0)
        return 0;
    if (pwrite(state->witness, state->fresh.data, state->fresh.len, end) !=
            (ssize_t)state->fresh.len ||
        fdatasync(state->witness) != 0)
        return io_fail(state, ".witness", err);
    state->witness_lines += state->fresh.len / WITNESS_LINE;
    mst_buf_clear(&state->fresh);
    return 0;
}

/* ---- life ---- */

int mst_watch_state_save(struct mst_watch_state *state, const struct mst_watch_cursor *cursor,
                         struct mst_err *err)
{
    int rc = append_fresh(state, err);
    if (rc)
        return rc;
    const struct mst_watch_cursor *c = &state->cursor;
    bool same = c->known && strcmp(c->programme, cursor->programme) == 0 &&
                c->rehearsal == cursor->rehearsal;
    if (same && c->epoch == cursor->epoch && c->number >= cursor->number)
        return 0;
    struct mst_watch_cursor next = *cursor;
    next.known = true;
    if (same && next.number < c->number) {
        next.number = c->number;
        next.has_head = c->has_head;
        memcpy(next.head, c->head, sizeof next.head);
    }
    return write_cursor(state, &next, err);
}

int mst_watch_state_open(const char *dir, const char *name, struct mst_watch_state **ret_state,
                         struct mst_err *err)
{
    struct mst_watch_state *state = calloc(1, sizeof *state);
    if (!state)
        return mst_fail_on(err, MST_E_NOMEM, name);
    snprintf(state->name, sizeof state->name, "%s", name);
    state->witness = -1;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        mst_fail_system(err, dir, errno);
        free(state);
        return MST_E_IO;
    }
    state->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = state->dir < 0 ? mst_fail_system(err, dir, errno) : 0;
    if (!rc)
        rc = open_witness(state, err);
    if (!rc)
        rc = read_cursor(state, err);
    if (!rc)
        rc = read_contradicted(state, err);
    if (rc) {
        mst_watch_state_free(state);
        return rc;
    }
    *ret_state = state;
    return 0;
}

void mst_watch_state_free(struct mst_watch_state *state)
{
    if (!state)
        return;
    if (state->witness >= 0)
        close(state->witness);
    if (state->dir >= 0)
        close(state->dir);
    mst_buf_done(&state->fresh);
    free(state);
}

const struct mst_watch_cursor *mst_watch_state_cursor(const struct mst_watch_state *state)
{
    return &state->cursor;
}
