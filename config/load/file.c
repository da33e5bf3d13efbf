/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of files. Knows no format. */
#include "config/load/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unistr.h>

#include "config/load/system.h"

int mst_no_memory(struct mst_err *err, const char *path)
{
    return mst_fail_on(err, MST_E_NOMEM, path);
}

static int read_all(int fd, const char *path, size_t bytes_max, struct mst_arena *arena,
                    struct mst_slice *ret_bytes, struct mst_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return mst_fail_system(err, path, errno);
    if (S_ISDIR(st.st_mode)) {
        int code = mst_fail(err, MST_E_IO, _("%s is a directory, not a file"), path);
        mst_hint_system(err, EISDIR);
        return code;
    }
    if (!S_ISREG(st.st_mode)) {
        mst_fail(err, MST_E_IO, _("%s is not a regular file"), path);
        mst_hint(err, "%s", _("save what it holds in a file, and name that"));
        return MST_E_IO;
    }
    if ((uint64_t)st.st_size > bytes_max) {
        mst_fail_on(err, MST_E_TOO_LARGE, path);
        mst_hint(err, _("at most %zu bytes are read"), bytes_max);
        return MST_E_TOO_LARGE;
    }
    size_t size = (size_t)st.st_size, len = 0;
    char *data = mst_arena_alloc(arena, size + 1);
    if (!data)
        return mst_no_memory(err, path);
    while (len < size) {
        ssize_t n = read(fd, data + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return mst_fail_system(err, path, errno);
        if (n == 0)
            break; /* cut short while it was read: what is there is what counts */
        len += (size_t)n;
    }
    *ret_bytes = mst_bytes(data, len);
    return 0;
}

int mst_file_read(const char *path, size_t bytes_max, struct mst_arena *arena,
                  struct mst_slice *ret_bytes, struct mst_err *err)
{
    /* O_NONBLOCK: a fifo in a file's place must not hang the reader before it is refused. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        mst_fail(err, MST_E_IO, _("there is no file %s"), path);
        mst_hint(err, "%s", _("is the path right?"));
        return MST_E_IO;
    }
    if (fd < 0)
        return mst_fail_system(err, path, errno);
    int code = read_all(fd, path, bytes_max, arena, ret_bytes, err);
    close(fd);
    return code;
}

int mst_file_copy(struct mst_slice bytes, struct mst_arena *arena, struct mst_slice *ret_bytes,
                  struct mst_err *err)
{
    char *data = mst_arena_alloc(arena, bytes.len + 1);
    if (!data)
        return mst_fail_on(err, MST_E_NOMEM, "file");
    if (bytes.len)
        memcpy(data, bytes.data, bytes.len);
    *ret_bytes = mst_bytes(data, bytes.len);
    return 0;
}

bool mst_file_check_utf8(const char *path, struct mst_slice bytes, struct mst_diags *diags)
{
    const uint8_t *bad = bytes.len ? u8_check(bytes.data, bytes.len) : NULL;
    const char *text = _("this is not UTF-8"), *hint = _("save the file as UTF-8");
    const uint8_t *nul = bytes.len ? memchr(bytes.data, 0, bytes.len) : NULL;
    if (nul && (!bad || nul < bad)) {
        bad = nul;
        text = _("a NUL byte does not belong in a text file");
        hint = _("is it the right file?");
    }
    if (!bad)
        return true;
    int line = 1, column = 1;
    for (const uint8_t *at = bytes.data; at < bad; at++) {
        if (*at == '\n') {
            line++;
            column = 1;
        } else if ((*at & 0xC0) != 0x80) {
            column++;
        }
    }
    mst_diag(diags, MST_DIAG_ERROR, path, line, column, hint, "%s", text);
    return false;
}

struct place {
    struct mst_diag diag;
    size_t found;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int files = strcmp(x->diag.file, y->diag.file);
    if (files)
        return files;
    if (x->diag.line != y->diag.line)
        return x->diag.line < y->diag.line ? -1 : 1;
    if (x->diag.column != y->diag.column)
        return x->diag.column < y->diag.column ? -1 : 1;
    return x->found < y->found ? -1 : x->found > y->found;
}

void mst_diags_sort(struct mst_diags *diags)
{
    /* qsort is not stable; a number makes it so. Without memory for it the order stays as found. */
    struct place *places = diags->count ? malloc(diags->count * sizeof *places) : NULL;
    if (!places)
        return;
    for (size_t i = 0; i < diags->count; i++)
        places[i] = (struct place){diags->items[i], i};
    qsort(places, diags->count, sizeof *places, by_place);
    for (size_t i = 0; i < diags->count; i++)
        diags->items[i] = places[i].diag;
    free(places);
}

int mst_diags_verdict(const struct mst_diags *diags, size_t before, const char *path,
                      struct mst_err *err)
{
    if (diags->errors == before)
        return 0;
    return mst_fail(err, MST_E_INVALID, _("%s: errors found: %zu"), path, diags->errors - before);
}

bool mst_file_put(int fd, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, bytes + done, len - done);
        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}
