/* SPDX-License-Identifier: Apache-2.0 */
/* A process that holds secret keys leaves no core, and is not looked into; their file is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/load/keys.h"

static void prepare(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
}

static void assert_closed(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(limit.rlim_cur, 0);
    assert_int_equal(limit.rlim_max, 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}

/* Before it is known whether there are any. */
static void reading_keys_forbids_cores(void **state)
{
    (void)state;
    struct mst_keys keys;
    struct mst_err err;
    prepare();
    assert_int_equal(mst_keys_read("/nonexistent/keys", &keys, &err), MST_E_UNKNOWN);
    assert_closed();
}

static void making_keys_forbids_cores(void **state)
{
    (void)state;
    struct mst_keys keys;
    struct mst_err err;
    prepare();
    assert_int_equal(mst_keys_make(&keys, &err), 0);
    assert_closed();
    mst_keys_wipe(&keys);
}

static void a_key_file_is_whole_or_not_there(void **state)
{
    (void)state;
    char dir[] = "/tmp/muster-keys-XXXXXX", path[64], command[96];
    struct mst_keys keys, again;
    struct mst_err err;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/keys", dir);
    assert_int_equal(mst_keys_make(&keys, &err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("MUSTER_FAILPOINT", "keys.before-name", 1);
        _exit(mst_keys_write(path, &keys, &err));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(mst_keys_read(path, &again, &err), MST_E_UNKNOWN);
    /* What that one left behind, cut short, is in nobody's way. */
    snprintf(command, sizeof command, "truncate -s 40 %s.new", path);
    assert_int_equal(system(command), 0);
    assert_int_equal(mst_keys_write(path, &keys, &err), 0);
    assert_int_equal(mst_keys_read(path, &again, &err), 0);
    assert_memory_equal(&again, &keys, sizeof keys);
    assert_int_equal(mst_keys_write(path, &keys, &err), MST_E_EXISTS);
    snprintf(command, sizeof command, "test \"$(ls %s)\" = keys && rm -r %s", dir, dir);
    assert_int_equal(system(command), 0);
    mst_keys_wipe(&keys);
    mst_keys_wipe(&again);
}

static void a_fifo_is_no_key_file(void **state)
{
    (void)state;
    char dir[] = "/tmp/muster-keys-XXXXXX", path[64], command[96];
    struct mst_keys keys;
    struct mst_err err;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/keys", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(20); /* nobody will ever write there */
    assert_int_equal(mst_keys_read(path, &keys, &err), MST_E_DENIED);
    alarm(0);
    assert_non_null(strstr(err.text, "not a regular file"));
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void a_write_that_was_cut_short_is_told_by_its_reason(void **state)
{
    (void)state;
    char dir[] = "/tmp/muster-keys-XXXXXX", path[64], command[96];
    struct mst_keys keys;
    struct mst_err err;
    const struct rlimit small = {100, 100};
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/keys", dir);
    assert_int_equal(mst_keys_make(&keys, &err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        int code = setrlimit(RLIMIT_FSIZE, &small) ? 0 : mst_keys_write(path, &keys, &err);
        _exit(code == MST_E_IO && strstr(err.text, "File too large") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    snprintf(command, sizeof command, "rmdir %s", dir);
    assert_int_equal(system(command), 0);
    mst_keys_wipe(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_keys_forbids_cores),
        cmocka_unit_test(making_keys_forbids_cores),
        cmocka_unit_test(a_key_file_is_whole_or_not_there),
        cmocka_unit_test(a_fifo_is_no_key_file),
        cmocka_unit_test(a_write_that_was_cut_short_is_told_by_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
