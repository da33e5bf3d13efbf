/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transport of the local socket. Addresses go through /proc/self/fd, since a socket's path may have
 * 107 bytes only and a home's path more. Who may connect is decided by the home's mode first and by
 * the peer's uid second.
 */
#include "agent/run/local.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/link/home.h"
#include "agent/link/link.h"
#include "config/load/system.h"

#define SOCKET_NAME "agent.sock"
#define CONNECTIONS_WAITING_MAX 64

/* Before an answer in parts: {parts: …}, with a number of four bytes behind it. */
static const uint8_t parts_head[] = {0x81, 0xa5, 'p', 'a', 'r', 't', 's', 0xce};
#define PARTS_HEAD_BYTES (sizeof parts_head + 4)
#define PART_BYTES 65536

struct mst_local {
    int fd;
    uint8_t *frame; /* what the reply borrows from */
    size_t frame_bytes;
    struct mst_msg reply;
    struct mst_msg_scratch scratch;
};

/* dir: the home, as far as it could be opened; -1: whose it is cannot be told. */
static int refuse_foreign(const char *home, int dir, struct mst_err *err)
{
    struct stat st;
    if (dir < 0 || fstat(dir, &st) != 0) {
        int code = mst_fail(err, MST_E_DENIED, _("no permission to use %s"), home);
        mst_hint(err, "%s", _("run this as the user to whom the home belongs"));
        return code;
    }
    int code = mst_fail(err, MST_E_DENIED, _("no permission to use %s: it belongs to user %u"),
                        home, (unsigned)st.st_uid);
    mst_hint(err, _("run this as that user: sudo -u '#%u' muster-agent …"), (unsigned)st.st_uid);
    return code;
}

static int open_socket(const char *home, struct sockaddr_un *ret_address, int *ret_dir, int *ret_fd,
                       struct mst_err *err)
{
    int dir = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        if (errno == EACCES || errno == EPERM)
            return refuse_foreign(home, -1, err);
        if (errno != ENOENT)
            return mst_fail_system(err, home, errno);
        int code = mst_fail(err, MST_E_UNKNOWN, _("there is no home at %s"), home);
        mst_hint(err, "%s", _("join first: muster-agent join INVITATION"));
        return code;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        close(dir);
        return mst_fail_system(err, "socket", errno);
    }
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret_address->sun_path, sizeof ret_address->sun_path, "/proc/self/fd/%d/" SOCKET_NAME,
             dir);
    *ret_dir = dir;
    *ret_fd = fd;
    return 0;
}

int mst_local_listen(const char *home, int *ret_fd, struct mst_err *err)
{
    struct sockaddr_un address;
    int dir, fd;
    int code = open_socket(home, &address, &dir, &fd, err);
    if (code)
        return code;
    unlinkat(dir, SOCKET_NAME, 0);
    mode_t before = umask(0177);
    bool ok = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
              listen(fd, CONNECTIONS_WAITING_MAX) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
    int saved = errno;
    umask(before);
    close(dir);
    if (!ok) {
        close(fd);
        mst_fail(err, MST_E_IO, "%s/" SOCKET_NAME ": %s", home, strerror(saved));
        mst_hint_system(err, saved);
        return MST_E_IO;
    }
    *ret_fd = fd;
    return 0;
}

int mst_local_accept(int fd, int *ret_connection, struct mst_err *err)
{
    int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
        return mst_fail_on(err, MST_E_BUSY, SOCKET_NAME);
    if (connection < 0)
        return mst_fail(err, MST_E_IO, SOCKET_NAME ": %s", strerror(errno));
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        (peer.uid != geteuid() && peer.uid != 0)) {
        close(connection);
        return mst_fail(err, MST_E_DENIED, "uid %u", (unsigned)peer.uid);
    }
    *ret_connection = connection;
    return 0;
}

void mst_local_unlink(const char *home)
{
    int dir = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return;
    unlinkat(dir, SOCKET_NAME, 0);
    close(dir);
}

/* Where none can run, to start one is no advice. */
static int nobody_runs(const char *dir, struct mst_err *err)
{
    struct mst_home home;
    int code = mst_home_load(dir, &home, err);
    if (code)
        return code;
    code = mst_home_check_unit(&home, err);
    mst_home_done(&home);
    if (code)
        return code;
    code = mst_fail(err, MST_E_UNREACHABLE, _("no agent is running for %s"), dir);
    mst_hint(err, "%s", _("start it: muster-agent run"));
    return code;
}

int mst_local_answer(int connection, struct mst_slice answer, size_t *sent)
{
    uint8_t head[PARTS_HEAD_BYTES];
    if (answer.len > MST_LOCAL_ANSWER_BYTES_MAX)
        return MST_E_TOO_LARGE;
    bool whole = answer.len <= MST_LOCAL_BYTES_MAX;
    memcpy(head, parts_head, sizeof parts_head);
    for (size_t i = 0; i < 4; i++)
        head[sizeof parts_head + i] = (uint8_t)(answer.len >> (24 - 8 * i));
    while (*sent < answer.len) {
        size_t left = answer.len - *sent, part = whole || left < PART_BYTES ? left : PART_BYTES;
        struct iovec pieces[] = {
            {.iov_base = head, .iov_len = whole || *sent > 0 ? 0 : sizeof head},
            {.iov_base = (uint8_t *)(uintptr_t)answer.data + *sent, .iov_len = part}};
        const struct msghdr packet = {.msg_iov = pieces, .msg_iovlen = 2};
        if (sendmsg(connection, &packet, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            return errno == EAGAIN || errno == EINTR ? MST_E_BUSY : MST_E_UNREACHABLE;
        *sent += part;
    }
    return 0;
}

int mst_local_open(const char *home, struct mst_local **ret, struct mst_err *err)
{
    struct sockaddr_un address;
    int dir, fd;
    int code = open_socket(home, &address, &dir, &fd, err);
    if (code)
        return code;
    bool connected = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    int saved = errno;
    if (!connected && (saved == EACCES || saved == EPERM)) {
        code = refuse_foreign(home, dir, err);
        close(dir);
        close(fd);
        return code;
    }
    close(dir);
    struct mst_local *local = connected ? calloc(1, sizeof *local) : NULL;
    if (local) {
        local->frame_bytes = MST_LOCAL_BYTES_MAX;
        local->frame = malloc(local->frame_bytes);
    }
    if (!local || !local->frame) {
        close(fd);
        free(local);
        if (connected)
            return mst_fail_on(err, MST_E_NOMEM, home);
        return nobody_runs(home, err);
    }
    local->fd = fd;
    *ret = local;
    return 0;
}

void mst_local_close(struct mst_local *local)
{
    if (!local)
        return;
    close(local->fd);
    free(local->frame);
    free(local);
}

/* The next packet, to local->frame from `at` on. */
static int await_packet(struct mst_local *local, size_t at, int timeout_ms, size_t *ret_len,
                        struct mst_err *err)
{
    struct pollfd ready = {.fd = local->fd, .events = POLLIN};
    int n = poll(&ready, 1, timeout_ms);
    if (n == 0)
        return mst_fail(err, MST_E_TIMEOUT, _("the agent does not answer"));
    ssize_t len =
        n < 0 ? -1 : recv(local->fd, local->frame + at, local->frame_bytes - at, MSG_TRUNC);
    if (len <= 0) {
        int code = mst_fail(err, MST_E_UNREACHABLE, _("the agent has ended"));
        mst_hint(err, "%s", _("start it again; what was queued is kept"));
        return code;
    }
    if ((size_t)len > local->frame_bytes - at)
        return mst_fail_on(err, MST_E_PROTOCOL, SOCKET_NAME);
    *ret_len = (size_t)len;
    return 0;
}

/* How long the answer is that begins with these bytes; 0: it came whole. */
static size_t bytes_of_parts(const uint8_t *frame, size_t len)
{
    size_t bytes = 0;
    if (len < PARTS_HEAD_BYTES || memcmp(frame, parts_head, sizeof parts_head) != 0)
        return 0;
    for (size_t i = sizeof parts_head; i < PARTS_HEAD_BYTES; i++)
        bytes = bytes << 8 | frame[i];
    return bytes;
}

static int gather_parts(struct mst_local *local, size_t bytes, int timeout_ms, size_t *len,
                        struct mst_err *err)
{
    size_t have = *len - PARTS_HEAD_BYTES, more;
    if (bytes < have || bytes > MST_LOCAL_ANSWER_BYTES_MAX)
        return mst_fail_on(err, MST_E_PROTOCOL, SOCKET_NAME);
    if (bytes > local->frame_bytes) {
        uint8_t *grown = realloc(local->frame, bytes);
        if (!grown)
            return mst_fail_on(err, MST_E_NOMEM, SOCKET_NAME);
        local->frame = grown;
        local->frame_bytes = bytes;
    }
    memmove(local->frame, local->frame + PARTS_HEAD_BYTES, have);
    for (; have < bytes; have += more) {
        int code = await_packet(local, have, timeout_ms, &more, err);
        if (code)
            return code;
    }
    if (have != bytes)
        return mst_fail_on(err, MST_E_PROTOCOL, SOCKET_NAME);
    *len = bytes;
    return 0;
}

static int await_answer(struct mst_local *local, int timeout_ms, size_t *ret_len,
                        struct mst_err *err)
{
    int code = await_packet(local, 0, timeout_ms, ret_len, err);
    size_t bytes = code ? 0 : bytes_of_parts(local->frame, *ret_len);
    return bytes ? gather_parts(local, bytes, timeout_ms, ret_len, err) : code;
}

int mst_local_call(struct mst_local *local, struct mst_slice request, int timeout_ms,
                   const struct mst_msg_reply **ret_reply, struct mst_err *err)
{
    size_t len = 0;
    if (request.len > MST_LOCAL_BYTES_MAX)
        return mst_fail(err, MST_E_TOO_LARGE, _("the request"));
    if (send(local->fd, request.data, request.len, MSG_NOSIGNAL) < 0)
        return mst_fail(err, MST_E_UNREACHABLE, _("the agent has ended"));
    int code = await_answer(local, timeout_ms, &len, err);
    if (!code)
        code = mst_msg_decode(local->frame, len, MST_DOWN, &local->scratch, &local->reply, err);
    if (code)
        return code;
    if (local->reply.type != MST_MSG_reply)
        return mst_fail(err, MST_E_PROTOCOL, _("an unexpected answer: %s"),
                        mst_msg_word(local->reply.type));
    const struct mst_msg_reply *reply = &local->reply.u.reply;
    if (!mst_slice_is(reply->code, mst_code_word(MST_OK)))
        return mst_link_fault(reply->code, reply->subject, reply->text, reply->hint, err);
    *ret_reply = reply;
    return 0;
}
