/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slower disk, for programs that know nothing of it: loaded with LD_PRELOAD, it lets every fsync
 * and fdatasync do its work and then take MUSTER_SYNC_EXTRA_US longer. Nothing else changes.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int (*sync_fn)(int fd);

static long extra_us(void)
{
    const char *text = getenv("MUSTER_SYNC_EXTRA_US");
    return text ? atol(text) : 0;
}

static int slowly(const char *name, int fd)
{
    sync_fn real;
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(&real, &found, sizeof real);
    int rc = real(fd);
    long us = extra_us();
    struct timespec left = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&left, &left) != 0) {
    }
    return rc;
}

int fsync(int fd)
{
    return slowly("fsync", fd);
}

int fdatasync(int fd)
{
    return slowly("fdatasync", fd);
}
