/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The weather around a program that knows nothing of it, made by its suite: loaded with LD_PRELOAD,
 * it lets the wall clock leap, the disk be full and syncs take longer, or wait for a word, as the
 * file that MUSTER_WEATHER names says at that moment (struct weather; harness.py writes it). Where
 * the same is wanted from beginning to end, as by the benchmarks, MUSTER_SYNC_EXTRA_US says how
 * much longer syncs take. Nothing else changes.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct weather {
    _Atomic int64_t leap_ms; /* the wall clock is so far ahead */
    _Atomic int64_t full;    /* not 0: the disk takes nothing more */
    _Atomic int64_t sync_us; /* a sync takes so much longer */
    _Atomic int64_t hold;    /* not 0: a sync that has done its work does not come back */
    _Atomic int64_t held;    /* so many wait for that; written here */
};

static struct weather fair;
static struct weather *now = &fair;

__attribute__((constructor)) static void look(void)
{
    const char *path = getenv("MUSTER_WEATHER"), *slow = getenv("MUSTER_SYNC_EXTRA_US");
    if (slow && !path) {
        fair.sync_us = atol(slow);
        return;
    }
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *now, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        _exit(127); /* a suite that believes in a weather which is none proves nothing */
    close(fd);
    now = map;
}

typedef int (*clock_fn)(clockid_t id, struct timespec *ret);
typedef int (*sync_fn)(int fd);
typedef ssize_t (*write_fn)(int fd, const void *data, size_t len, off_t at);

/* The function of that name behind this library, into ret_fn. */
static void find(const char *name, void *ret_fn)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(ret_fn, &found, sizeof found);
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    static _Atomic(clock_fn) real;
    clock_fn fn = real;
    if (!fn) {
        find("clock_gettime", &fn);
        real = fn;
    }
    int rc = fn(id, ret);
    if (rc == 0 && id == CLOCK_REALTIME)
        ret->tv_sec += now->leap_ms / 1000;
    return rc;
}

static ssize_t write_at(const char *name, int fd, const void *data, size_t len, off_t at)
{
    write_fn real;
    if (now->full) {
        errno = ENOSPC;
        return -1;
    }
    find(name, &real);
    return real(fd, data, len, at);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    return write_at("pwrite", fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at)
{
    return write_at("pwrite64", fd, data, len, at);
}

static int sync_slowly(const char *name, int fd)
{
    static const struct timespec look = {.tv_nsec = 1000000};
    sync_fn real;
    find(name, &real);
    int rc = real(fd);
    int64_t us = now->sync_us;
    struct timespec left = {us / 1000000, us % 1000000 * 1000};
    while (us > 0 && nanosleep(&left, &left) != 0) {
    }
    now->held++;
    while (now->hold)
        nanosleep(&look, NULL);
    now->held--;
    return rc;
}

int fsync(int fd)
{
    return sync_slowly("fsync", fd);
}

int fdatasync(int fd)
{
    return sync_slowly("fdatasync", fd);
}
