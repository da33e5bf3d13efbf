/* SPDX-License-Identifier: Apache-2.0 */
/* Zeros ahead of an end: on a file that tells who wrote what, and waits when it is told to. */
#include "broker/store/zeros.h"
#include "broker/store/direct.h"

#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "tests/store/fixture.h"

#define AHEAD (4 << 20)

static struct {
    struct mst_direct_file file;
    atomic_llong first, end, bytes;
    atomic_int syncs;
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
    (void)flags;
    atomic_fetch_add(&disk.syncs, 1);
    return SQLITE_OK;
}

static const sqlite3_io_methods disk_methods = {
    .iVersion = 1, .xWrite = disk_write, .xSync = disk_sync};

static int set_up(void **state)
{
    (void)state;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(half_of_them_must_be_used_up_before_more_are_written,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(none_are_written_when_none_are_wanted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_reaches_the_thread_waits_for_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_disk_has_fewer_zeros_and_no_failure, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
