/* SPDX-License-Identifier: Apache-2.0 */
/* Zeros ahead of an end: on a file that tells who wrote what, and waits when it is told to, and on
 * a file system that has as much room as it is told. Linked with --wrap=fstatvfs,fdatasync. */
#include "broker/store/zeros.h"
#include "broker/store/direct.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/store/fixture.h"

#define AHEAD (4 << 20)

static struct {
    struct mst_direct_file file;
    atomic_llong first, end, bytes;
    atomic_int syncs, sync_flags;
    int fails_at_write; /* 0: none fails */
    bool waits;
    sem_t go;
} disk;

static int disk_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    (void)file;
    if (disk.waits && atomic_load(&disk.bytes) == 0)
        sem_wait(&disk.go);
    for (int i = 0; i < len; i++) {
        if (((const char *)data)[i])
            return SQLITE_IOERR_WRITE;
    }
    if (disk.fails_at_write && --disk.fails_at_write == 0)
        return SQLITE_FULL;
    if (atomic_load(&disk.bytes) == 0)
        atomic_store(&disk.first, at);
    atomic_store(&disk.end, at + len);
    atomic_fetch_add(&disk.bytes, len);
    return SQLITE_OK;
}

static int disk_sync(sqlite3_file *file, int flags)
{
    (void)file;
    atomic_store(&disk.sync_flags, flags);
    atomic_fetch_add(&disk.syncs, 1);
    return SQLITE_OK;
}

static const sqlite3_io_methods disk_methods = {
    .iVersion = 1, .xWrite = disk_write, .xSync = disk_sync};

/* ---- the system below ---- */

static struct {
    struct statvfs room; /* f_frsize 0: that of the real one */
    int room_fails, sync_fails;
    int synced; /* the descriptor */
} below;

int __real_fstatvfs(int fd, struct statvfs *ret);
int __wrap_fstatvfs(int fd, struct statvfs *ret);
int __wrap_fstatvfs(int fd, struct statvfs *ret)
{
    if (below.room.f_frsize == 0)
        return __real_fstatvfs(fd, ret);
    *ret = below.room;
    errno = EIO;
    return below.room_fails ? -1 : 0;
}

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    below.synced = fd;
    errno = EIO;
    return below.sync_fails ? -1 : 0;
}

static void set_room(int64_t bytes)
{
    below.room = (struct statvfs){.f_bsize = 1 << 20,
                                  .f_frsize = 4096,
                                  .f_bfree = 1 << 20,
                                  .f_bavail = (fsblkcnt_t)bytes / 4096};
}

static int set_up(void **state)
{
    (void)state;
    memset(&below, 0, sizeof below);
    memset(&disk, 0, sizeof disk);
    disk.file.base.pMethods = &disk_methods;
    disk.file.fd = open(".", O_RDONLY); /* a disk that has room */
    assert_true(disk.file.fd >= 0);
    return sem_init(&disk.go, 0, 0);
}

static int tear_down(void **state)
{
    (void)state;
    close(disk.file.fd);
    return sem_destroy(&disk.go);
}

static void half_of_them_must_be_used_up_before_more_are_written(void **state)
{
    struct mst_zeros z;
    (void)state;
    mst_zeros_init(&z, AHEAD, false);
    mst_zeros_follow(&z, &disk.file.base, 8192);
    assert_int_equal(disk.first, 8192);
    assert_int_equal(disk.bytes, AHEAD);
    assert_int_equal(disk.syncs, 1);
    assert_true(mst_zeros_reach(&z, 8192 + AHEAD));
    assert_false(mst_zeros_reach(&z, 8192 + AHEAD + 1));
    mst_zeros_follow(&z, &disk.file.base, 8191 + AHEAD / 2);
    assert_int_equal(disk.bytes, AHEAD);
    mst_zeros_follow(&z, &disk.file.base, 8192 + AHEAD / 2);
    assert_int_equal(disk.bytes, AHEAD + AHEAD / 2);
    assert_int_equal(disk.end, 8192 + AHEAD / 2 + AHEAD);
    /* Behind them all: never over what was appended. */
    atomic_store(&disk.bytes, 0);
    mst_zeros_follow(&z, &disk.file.base, 10 * AHEAD);
    assert_int_equal(disk.first, 10 * AHEAD);
    mst_zeros_done(&z);
}

static void none_are_written_when_none_are_wanted(void **state)
{
    struct mst_zeros z;
    (void)state;
    mst_zeros_init(&z, 4095, true);
    mst_zeros_follow(&z, &disk.file.base, 0);
    mst_zeros_done(&z);
    assert_int_equal(disk.bytes, 0);
}

static void who_reaches_the_thread_waits_for_it(void **state)
{
    struct mst_zeros z;
    (void)state;
    disk.waits = true;
    mst_zeros_init(&z, AHEAD, true);
    mst_zeros_follow(&z, &disk.file.base, 0);
    assert_int_equal(disk.bytes, 0);
    sem_post(&disk.go);
    assert_true(mst_zeros_reach(&z, 1));
    assert_int_equal(disk.bytes, AHEAD);
    assert_int_equal(disk.syncs, 1);
    mst_zeros_done(&z);
}

static void full_disk_has_fewer_zeros_and_no_failure(void **state)
{
    struct mst_zeros z;
    (void)state;
    disk.fails_at_write = 3;
    mst_zeros_init(&z, AHEAD, true);
    mst_zeros_follow(&z, &disk.file.base, 0);
    mst_zeros_settle(&z);
    assert_int_equal(disk.syncs, 0);
    assert_false(mst_zeros_reach(&z, 1));
    /* Once there is room again, they are written from where they are needed. */
    atomic_store(&disk.bytes, 0);
    mst_zeros_follow(&z, &disk.file.base, 4096);
    assert_true(mst_zeros_reach(&z, 4096 + AHEAD));
    assert_int_equal(disk.first, 4096);
    mst_zeros_restart(&z, 0);
    assert_false(mst_zeros_reach(&z, 1));
    mst_zeros_done(&z);
}

/* The last room is for what somebody sends, and all that is there is told by the append. */
static void nearly_full_disk_gets_no_zeros(void **state)
{
    struct mst_zeros z;
    (void)state;
    set_room(8 * AHEAD);
    mst_zeros_init(&z, AHEAD, true);
    mst_zeros_follow(&z, &disk.file.base, 4096);
    mst_zeros_settle(&z);
    assert_int_equal(disk.bytes, 0);
    assert_int_equal(disk.syncs, 0);
    assert_false(mst_zeros_reach(&z, 4097));
    /* Somebody has made room. */
    set_room(8 * AHEAD + 4096);
    mst_zeros_follow(&z, &disk.file.base, 4096);
    assert_true(mst_zeros_reach(&z, 4096 + AHEAD));
    assert_int_equal(disk.bytes, AHEAD);
    /* It is gone again: those that are there are used up, and no more are written. */
    set_room(4096);
    mst_zeros_follow(&z, &disk.file.base, 4096 + AHEAD);
    assert_false(mst_zeros_reach(&z, 4096 + AHEAD + 1));
    assert_int_equal(disk.bytes, AHEAD);
    mst_zeros_done(&z);
}

/* Not what only the superuser has, nor in blocks of another size. */
static void room_is_what_this_process_may_use(void **state)
{
    (void)state;
    set_room(40960);
    assert_true(mst_direct_has_room(&disk.file.base, 40959));
    assert_false(mst_direct_has_room(&disk.file.base, 40960));
    below.room_fails = 1;
    assert_false(mst_direct_has_room(&disk.file.base, 1));
}

/* ---- what the system has to say of a write that failed is told to one sync of a descriptor ----
 */

static void threads_sync_takes_no_word_from_a_batchs(void **state)
{
    struct mst_zeros z;
    (void)state;
    for (int threaded = 0; threaded < 2; threaded++) {
        mst_zeros_init(&z, AHEAD, threaded);
        mst_zeros_follow(&z, &disk.file.base, 0);
        mst_zeros_done(&z);
        assert_int_equal(disk.sync_flags, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY |
                                              (threaded ? MST_DIRECT_APART : 0));
    }
    assert_int_equal(disk.syncs, 2);
}

static void each_sync_has_its_descriptor_and_tells_its_error(void **state)
{
    struct mst_direct_file f;
    char dir[64], path[80];
    (void)state;
    fixture_make_dir(dir, sizeof dir);
    snprintf(path, sizeof path, "%s/file", dir);
    assert_int_equal(mst_direct_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &f.base),
                     SQLITE_OK);
    assert_int_not_equal(f.fd, f.other);
    for (int fails = 0; fails < 2; fails++) {
        below.sync_fails = fails;
        int rc = fails ? SQLITE_IOERR_FSYNC : SQLITE_OK;
        assert_int_equal(f.base.pMethods->xSync(&f.base, SQLITE_SYNC_DATAONLY), rc);
        assert_int_equal(below.synced, f.fd);
        assert_int_equal(f.base.pMethods->xSync(&f.base, SQLITE_SYNC_DATAONLY | MST_DIRECT_APART),
                         rc);
        assert_int_equal(below.synced, f.other);
    }
    assert_int_equal(f.base.pMethods->xClose(&f.base), SQLITE_OK);
    fixture_remove_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(half_of_them_must_be_used_up_before_more_are_written,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(none_are_written_when_none_are_wanted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_reaches_the_thread_waits_for_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_disk_has_fewer_zeros_and_no_failure, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nearly_full_disk_gets_no_zeros, set_up, tear_down),
        cmocka_unit_test_setup_teardown(room_is_what_this_process_may_use, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_sync_takes_no_word_from_a_batchs, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(each_sync_has_its_descriptor_and_tells_its_error, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
