/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper reads one packet per hook from a socket pair and answers with one integer. It knows no
 * retry: what to do about a failed hook is its caller's to decide.
 */
#include "agent/link/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/link/link.h"
#include "config/load/system.h"

struct mst_hook {
    int fd;
    bool busy;
};

/* ---- in the helper ---- */

/* The terminal's and the service manager's signals are for the service, whose end the helper
 * notices; the command has them as ever, or what it starts could not be ended by them. */
static void on_signals(void (*what)(int))
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    sigset_t none;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], what);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static pid_t start_command(const char *command, int *ret_input)
{
    int input[2];
    if (pipe2(input, O_CLOEXEC) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        dup2(input[0], STDIN_FILENO);
        on_signals(SIG_DFL);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(input[0]);
    if (pid < 0) {
        close(input[1]);
        return -1;
    }
    setpgid(pid, pid);
    fcntl(input[1], F_SETFL, O_NONBLOCK);
    *ret_input = input[1];
    return pid;
}

/* Feed the command and wait for its end, whichever comes; -1 when its time is up. SIGCHLD is
 * blocked but in ppoll(), so that an end which comes before it is not slept over. */
static int attend(pid_t pid, int input, const char *data, size_t len, int64_t deadline_ms)
{
    size_t written = 0;
    sigset_t none;
    sigemptyset(&none);
    int status = 0;
    bool ended;
    while (!(ended = waitpid(pid, &status, WNOHANG) == pid)) {
        int64_t left = deadline_ms - mst_link_clock_ms();
        if (left <= 0)
            break;
        struct timespec wait = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
        struct pollfd fd = {.fd = input, .events = POLLOUT};
        if (ppoll(&fd, 1, &wait, &none) <= 0)
            continue;
        ssize_t n = write(input, data + written, len - written);
        written += n > 0 ? (size_t)n : 0;
        /* A command need not read what it does not want. */
        if ((n < 0 && errno != EAGAIN) || written == len) {
            close(input);
            input = -1;
        }
    }
    if (input >= 0)
        close(input);
    return ended ? status : -1;
}

static int run_command(const char *command, const char *data, size_t len, int timeout_s)
{
    int input = -1;
    pid_t pid = start_command(command, &input);
    if (pid < 0)
        return MST_HOOK_KILLED;
    int status = attend(pid, input, data, len, mst_link_clock_ms() + timeout_s * (int64_t)1000);
    /* What it left running in its group ends with it. */
    kill(-pid, SIGKILL);
    if (status < 0) {
        waitpid(pid, &status, 0);
        return MST_HOOK_TIMED_OUT;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : MST_HOOK_KILLED;
}

static void serve(int fd, const char *command, int timeout_s)
{
    static char data[MST_HOOK_INPUT_BYTES_MAX];
    for (;;) {
        ssize_t n = recv(fd, data, sizeof data, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(0);
        int status = run_command(command, data, (size_t)n, timeout_s);
        if (send(fd, &status, sizeof status, MSG_NOSIGNAL) < 0)
            _exit(0);
    }
}

static void wake_up(int number)
{
    (void)number;
}

static void become_helper(int fd, const char *command, int timeout_s)
{
    const struct sigaction wakes = {.sa_handler = wake_up};
    sigset_t ends;
    on_signals(SIG_IGN);
    sigemptyset(&ends);
    sigaddset(&ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    sigaction(SIGCHLD, &wakes, NULL);
    prctl(PR_SET_NAME, "muster-hook");
    serve(fd, command, timeout_s);
}

/* ---- in the caller ---- */

int mst_hook_new(const char *command, int timeout_s, struct mst_hook **ret, struct mst_err *err)
{
    int pair[2];
    struct mst_hook *hook = calloc(1, sizeof *hook);
    if (!hook)
        return mst_fail_on(err, MST_E_NOMEM, "hook");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        free(hook);
        return mst_fail_system(err, "socketpair", errno);
    }
    /* Twice, so that the helper is nobody's child to be waited for. */
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        if (fork() == 0)
            become_helper(pair[1], command, timeout_s);
        _exit(0);
    }
    close(pair[1]);
    int saved = errno;
    /* Whoever started us may have children that end ignored: then there is none to wait for. */
    if (pid < 0 || (waitpid(pid, NULL, 0) != pid && (saved = errno) != ECHILD)) {
        close(pair[0]);
        free(hook);
        return mst_fail_system(err, "fork", saved);
    }
    hook->fd = pair[0];
    *ret = hook;
    return 0;
}

void mst_hook_free(struct mst_hook *hook)
{
    if (!hook)
        return;
    close(hook->fd);
    free(hook);
}

int mst_hook_fd(const struct mst_hook *hook)
{
    return hook->fd;
}

bool mst_hook_busy(const struct mst_hook *hook)
{
    return hook->busy;
}

int mst_hook_start(struct mst_hook *hook, const void *input, size_t len, struct mst_err *err)
{
    if (hook->busy)
        return mst_fail_on(err, MST_E_BUSY, "hook");
    if (len == 0 || len > MST_HOOK_INPUT_BYTES_MAX)
        return mst_fail_on(err, MST_E_TOO_LARGE, "hook");
    if (send(hook->fd, input, len, MSG_NOSIGNAL) < 0)
        return mst_fail(err, MST_E_IO, _("the hook's helper process: %s"), strerror(errno));
    hook->busy = true;
    return 0;
}

int mst_hook_result(struct mst_hook *hook, int *ret_status, struct mst_err *err)
{
    int status;
    ssize_t n = recv(hook->fd, &status, sizeof status, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return mst_fail_on(err, MST_E_BUSY, "hook");
    if (n != (ssize_t)sizeof status)
        return mst_fail(err, MST_E_IO, _("the hook's helper process: %s"),
                        n < 0 ? strerror(errno) : _("it has ended"));
    hook->busy = false;
    *ret_status = status;
    return 0;
}
