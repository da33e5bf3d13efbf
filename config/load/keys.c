/* SPDX-License-Identifier: Apache-2.0 */
/* Key files. Never logs a secret, never leaves one in freed memory. */
#include "config/load/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/load/file.h"
#include "config/load/system.h"
#include "config/load/testing.h"

#define KEY_FILE_BYTES_MAX 1024
#define KEY_PATH_MAX 4352

struct key_line {
    const char *name;
    size_t offset, bytes;
};

static const struct key_line key_lines[] = {
    {"channel-public", offsetof(struct mst_keys, channel_public), MST_CHANNEL_KEY_BYTES},
    {"channel-secret", offsetof(struct mst_keys, channel_secret), MST_CHANNEL_KEY_BYTES},
    {"sign-public", offsetof(struct mst_keys, sign_public), MST_SIGN_PUBLIC_BYTES},
    {"sign-secret", offsetof(struct mst_keys, sign_secret), MST_SIGN_SECRET_BYTES},
};
#define KEY_LINES (sizeof key_lines / sizeof key_lines[0])

/*
 * Whoever holds a secret leaves no core file. The limit alone does not hold where the kernel hands
 * cores to a program (core_pattern with a pipe, as systemd-coredump has it); not being dumpable
 * does, and keeps other processes of the user from reading the memory.
 */
static void leave_no_core(void)
{
    const struct rlimit none = {0, 0};
    if (MST_MUTANT("cores-are-left"))
        return;
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int mst_keys_make(struct mst_keys *ret_keys, struct mst_err *err)
{
    leave_no_core();
    if (sodium_init() < 0)
        return mst_fail_on(err, MST_E_INTERNAL, "libsodium");
    /* libzmq's CURVE keys are Curve25519 keys, as crypto_box's are. */
    crypto_box_keypair(ret_keys->channel_public, ret_keys->channel_secret);
    crypto_sign_keypair(ret_keys->sign_public, ret_keys->sign_secret);
    return 0;
}

void mst_keys_wipe(struct mst_keys *keys)
{
    sodium_memzero(keys, sizeof *keys);
}

static int check_file(int fd, const char *path, struct mst_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return mst_fail_system(err, path, errno);
    if (!S_ISREG(st.st_mode))
        return mst_fail(err, MST_E_DENIED, _("%s: not a regular file"), path);
    if (st.st_uid != geteuid()) {
        int code = mst_fail(err, MST_E_DENIED, _("%s: belongs to user %u, not to %u"), path,
                            (unsigned)st.st_uid, (unsigned)geteuid());
        mst_hint(err, "chown %u %s", (unsigned)geteuid(), path);
        return code;
    }
    if (st.st_mode & 077) {
        int code = mst_fail(err, MST_E_DENIED, _("%s: others may read or write it (mode %04o)"),
                            path, (unsigned)(st.st_mode & 07777));
        mst_hint(err, "chmod 600 %s", path);
        return code;
    }
    return 0;
}

static int parse_keys(char *text, const char *path, struct mst_keys *keys, struct mst_err *err)
{
    unsigned seen = 0;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *colon = strchr(line, ':');
        if (line[0] == '#' || !colon)
            continue;
        *colon = '\0';
        const char *hex = colon + 1 + strspn(colon + 1, " ");
        for (size_t i = 0; i < KEY_LINES; i++) {
            if (strcmp(line, key_lines[i].name) != 0)
                continue;
            size_t len = 0;
            if (sodium_hex2bin((uint8_t *)keys + key_lines[i].offset, key_lines[i].bytes, hex,
                               strlen(hex), NULL, &len, NULL) == 0 &&
                len == key_lines[i].bytes)
                seen |= 1U << i;
        }
    }
    if (seen != (1U << KEY_LINES) - 1)
        return mst_fail(err, MST_E_CORRUPT, _("%s: not a complete key file"), path);
    return 0;
}

int mst_keys_read(const char *path, struct mst_keys *ret_keys, struct mst_err *err)
{
    leave_no_core();
    /* O_NONBLOCK: a fifo in the file's place must not hang the reader before it is refused. */
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return mst_fail(err, MST_E_UNKNOWN, "%s: %s", path, strerror(errno));
    if (fd < 0) {
        int why = errno;
        mst_fail(err, why == ELOOP ? MST_E_DENIED : MST_E_IO, "%s: %s", path, strerror(why));
        mst_hint_system(err, why);
        return why == ELOOP ? MST_E_DENIED : MST_E_IO;
    }
    int code = check_file(fd, path, err);
    char text[KEY_FILE_BYTES_MAX];
    struct mst_keys keys;
    if (!code) {
        ssize_t n = read(fd, text, sizeof text - 1);
        if (n < 0) {
            code = mst_fail_system(err, path, errno);
        } else {
            text[n] = '\0';
            code = parse_keys(text, path, &keys, err);
        }
    }
    if (!code)
        *ret_keys = keys;
    sodium_memzero(text, sizeof text);
    sodium_memzero(&keys, sizeof keys);
    close(fd);
    return code;
}

static bool put_file(const char *path, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool written = fd >= 0 && mst_file_put(fd, text, len) && fsync(fd) == 0;
    int failed = errno;
    if (fd >= 0)
        close(fd);
    errno = failed;
    return written;
}

/* Under another name first, so that whatever ends the process or the power, a file of the name that
 * is read is whole. What an attempt that was cut off has left is no use to anybody. */
int mst_keys_write(const char *path, const struct mst_keys *keys, struct mst_err *err)
{
    char text[KEY_FILE_BYTES_MAX], made[KEY_PATH_MAX];
    if ((size_t)snprintf(made, sizeof made, "%s.new", path) >= sizeof made)
        return mst_fail_on(err, MST_E_TOO_LARGE, path);
    size_t len = (size_t)snprintf(text, sizeof text,
                                  "# Secret keys of Muster. They never leave this host.\n");
    for (size_t i = 0; i < KEY_LINES; i++) {
        char hex[2 * MST_SIGN_SECRET_BYTES + 1];
        sodium_bin2hex(hex, sizeof hex, (const uint8_t *)keys + key_lines[i].offset,
                       key_lines[i].bytes);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s: %s\n", key_lines[i].name, hex);
        sodium_memzero(hex, sizeof hex);
    }
    unlink(made);
    bool written = put_file(made, text, len);
    sodium_memzero(text, sizeof text);
    MST_FAILPOINT("keys.before-name");
    /* Unlike rename(2), it takes no other file's place. */
    written = written && link(made, path) == 0;
    int failed = errno;
    unlink(made);
    if (written)
        return 0;
    return failed == EEXIST ? mst_fail_on(err, MST_E_EXISTS, path)
                            : mst_fail_system(err, path, failed);
}
