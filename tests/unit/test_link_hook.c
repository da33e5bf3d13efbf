/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks: input, result, time limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/link/hook.h"

static char folder[64];

static int group_setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/muster-hook-XXXXXX");
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int group_teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

static int run(const char *command, int timeout_s, const char *input)
{
    struct mst_hook *hook;
    struct mst_err err = {0};
    int status = -1;
    if (mst_hook_new(command, timeout_s, &hook, &err) ||
        mst_hook_start(hook, input, strlen(input), &err))
        fail_msg("%s", err.text);
    assert_true(mst_hook_busy(hook));
    assert_int_equal(mst_hook_start(hook, "x", 1, NULL), MST_E_BUSY);
    struct pollfd fd = {.fd = mst_hook_fd(hook), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 20000), 1);
    assert_int_equal(mst_hook_result(hook, &status, &err), 0);
    assert_false(mst_hook_busy(hook));
    mst_hook_free(hook);
    return status;
}

static void hook_gets_its_input_and_gives_its_status(void **state)
{
    char text[64] = "";
    (void)state;
    assert_int_equal(run("cat > got; exit 3", 10, "{\"a\":\"催办\"}"), 3);
    FILE *in = fopen("got", "r");
    assert_non_null(in);
    assert_non_null(fgets(text, sizeof text, in));
    fclose(in);
    assert_string_equal(text, "{\"a\":\"催办\"}");
}

static void hook_need_not_read(void **state)
{
    (void)state;
    char *large = calloc(1, 60001);
    memset(large, 'x', 60000);
    assert_int_equal(run("exit 0", 10, large), 0);
    free(large);
}

/* Gone, or killed and not yet waited for by whoever adopted it. */
static bool is_dead(int pid)
{
    char path[64], state_word = 'Z', name[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *in = fopen(path, "r");
    if (in) {
        assert_int_equal(fscanf(in, "%*d %63s %c", name, &state_word), 2);
        fclose(in);
    }
    return state_word == 'Z' || state_word == 'X';
}

static void hook_that_takes_too_long_ends_with_its_children(void **state)
{
    (void)state;
    int pid = 0;
    assert_int_equal(run("sleep 30 >/dev/null 2>&1 & echo $! > child; wait", 1, "{}"),
                     MST_HOOK_TIMED_OUT);
    FILE *in = fopen("child", "r");
    assert_non_null(in);
    assert_int_equal(fscanf(in, "%d", &pid), 1);
    fclose(in);
    /* The signal is sent; a busy machine takes its time to carry it out. */
    bool dead = is_dead(pid);
    for (int looks = 0; !dead && looks < 500; looks++) {
        poll(NULL, 0, 10);
        dead = is_dead(pid);
    }
    assert_true(dead);
}

static void hook_killed_by_a_signal_is_told_apart(void **state)
{
    (void)state;
    assert_int_equal(run("kill -KILL $$", 10, "{}"), MST_HOOK_KILLED);
}

/* All of its time, and no more of it: one that ends within it is not cut short. */
static void hook_has_all_of_its_time(void **state)
{
    (void)state;
    assert_int_equal(run("cat >/dev/null; sleep 0.3; exit 5", 20, "{}"), 5);
}

/* Signals that were blocked or ignored when the service was started are neither the command's nor
 * in the helper's way. */
static void hook_ends_whatever_its_starter_did_with_signals(void **state)
{
    sigset_t all, before;
    (void)state;
    sigfillset(&all);
    assert_int_equal(sigprocmask(SIG_BLOCK, &all, &before), 0);
    signal(SIGCHLD, SIG_IGN);
    int status = run("sh -c 'kill -TERM $$; exit 0' || exit 6", 10, "{}");
    signal(SIGCHLD, SIG_DFL);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    assert_int_equal(status, 6);
}

static void input_beyond_the_limit_is_refused(void **state)
{
    struct mst_hook *hook;
    static char large[MST_HOOK_INPUT_BYTES_MAX + 1];
    (void)state;
    assert_int_equal(mst_hook_new("true", 1, &hook, NULL), 0);
    assert_int_equal(mst_hook_start(hook, large, sizeof large, NULL), MST_E_TOO_LARGE);
    mst_hook_free(hook);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hook_gets_its_input_and_gives_its_status),
        cmocka_unit_test(hook_need_not_read),
        cmocka_unit_test(hook_that_takes_too_long_ends_with_its_children),
        cmocka_unit_test(hook_killed_by_a_signal_is_told_apart),
        cmocka_unit_test(hook_has_all_of_its_time),
        cmocka_unit_test(hook_ends_whatever_its_starter_did_with_signals),
        cmocka_unit_test(input_beyond_the_limit_is_refused),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
