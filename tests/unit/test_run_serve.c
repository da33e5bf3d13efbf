/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about the local socket: what is answered to whom, and when. Nobody is at the broker's end.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <zmq.h>

#include "agent/run/local.h"
#include "agent/run/serve.h"
#include "proto/pack.h"

#define PATIENCE_MS 30000
#define REPORTS 300

struct fixture {
    char dir[64];
    struct mst_home home;
    struct mst_outbox *box;
    struct mst_session *session;
    struct mst_serve *serve;
    struct mst_local *client;
    pthread_t thread;
    atomic_bool stop;
    struct mst_buf request;
    struct mst_err err; /* of the last call */
};

/* ---- the service's rounds ---- */

static void *rounds(void *context)
{
    struct fixture *f = context;
    while (!f->stop) {
        struct pollfd fds[MST_SERVE_FDS_MAX];
        size_t count = mst_serve_fds(f->serve, fds);
        poll(fds, (nfds_t)count, 10);
        if (mst_serve_read(f->serve, NULL) || mst_outbox_commit(f->box, NULL) ||
            mst_serve_settle(f->serve, NULL))
            abort();
    }
    return NULL;
}

static void set(struct fixture *f, const char *assignment)
{
    assert_int_equal(mst_settings_set(&f->home.settings, MST_SCOPE_AGENT, assignment, NULL), 0);
}

static void open_world(void **state, int64_t bytes_max)
{
    char path[96], key[64], curve_public[41], curve_secret[41];
    struct fixture *f = calloc(1, sizeof *f);
    const struct mst_outbox_limits limits = {.bytes_max = bytes_max, .keep_days = 400};
    strcpy(f->dir, "/tmp/muster-serve-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(mst_settings_init(&f->home.settings, NULL), 0);
    assert_int_equal(mst_keys_make(&f->home.keys, NULL), 0);
    snprintf(f->home.dir, sizeof f->home.dir, "%s", f->dir);
    assert_int_equal(zmq_curve_keypair(curve_public, curve_secret), 0);
    snprintf(key, sizeof key, "broker_key=%s", curve_public);
    set(f, key);
    set(f, "broker=tcp://127.0.0.1:9");
    set(f, "programme=p");
    set(f, "unit=u1");
    snprintf(path, sizeof path, "%s/outbox.db", f->dir);
    assert_int_equal(mst_outbox_open(path, "p", "u1", &limits, &f->box, NULL), 0);
    assert_int_equal(mst_session_new(&f->home, f->box, false, &f->session, NULL), 0);
    assert_int_equal(mst_serve_new(&f->home, f->box, f->session, &f->serve, NULL), 0);
    assert_int_equal(mst_local_open(f->dir, &f->client, NULL), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, rounds, f), 0);
    *state = f;
}

static int setup(void **state)
{
    open_world(state, 1 << 20);
    return 0;
}

static int setup_small(void **state)
{
    open_world(state, 4000);
    return 0;
}

static void stop_rounds(struct fixture *f)
{
    f->stop = true;
    pthread_join(f->thread, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    mst_local_close(f->client);
    if (!f->stop)
        stop_rounds(f);
    mst_serve_free(f->serve);
    mst_session_free(f->session);
    mst_outbox_close(f->box);
    mst_settings_done(&f->home.settings);
    mst_buf_done(&f->request);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    int rc = system(command);
    free(f);
    return rc;
}

/* ---- requests ---- */

static void pack_report(struct mst_buf *out, const char *act, const char *reason)
{
    mst_pack_text(out, "act");
    mst_pack_text(out, act);
    mst_pack_text(out, "reason");
    mst_pack_text(out, reason);
}

/* An append of so many; the one with index `odd` has no act. */
static int append_many(struct fixture *f, size_t count, size_t odd, uint64_t *ret_first,
                       uint64_t *ret_count)
{
    const struct mst_msg_reply *reply;
    mst_buf_clear(&f->request);
    mst_pack_map(&f->request, 2);
    mst_pack_text(&f->request, "do");
    mst_pack_text(&f->request, "append");
    mst_pack_text(&f->request, "reports");
    mst_pack_array(&f->request, count);
    for (size_t i = 0; i < count; i++) {
        mst_pack_map(&f->request, 2);
        pack_report(&f->request, i == odd ? "" : "progress", "words that take a little room");
    }
    int code = mst_local_call(f->client, mst_bytes(f->request.data, f->request.len), PATIENCE_MS,
                              &reply, &f->err);
    if (code)
        return code;
    assert_int_equal(reply->rows.count, 1);
    *ret_first = (uint64_t)mst_unpack_int(reply->rows.items[0], "number", 0);
    *ret_count = (uint64_t)mst_unpack_int(reply->rows.items[0], "count", 0);
    return 0;
}

/* A connection whose answers are looked at between the rounds that the test makes itself. */
static int connect_apart(struct fixture *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/agent.sock", f->dir);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* {do: verb, name: value} */
static void ask_apart(struct fixture *f, int fd, const char *verb, const char *name, uint64_t value)
{
    mst_buf_clear(&f->request);
    mst_pack_map(&f->request, 2);
    mst_pack_text(&f->request, "do");
    mst_pack_text(&f->request, verb);
    mst_pack_text(&f->request, name);
    mst_pack_uint(&f->request, value);
    assert_int_equal(send(fd, f->request.data, f->request.len, 0), f->request.len);
}

/* ---- claims ---- */

static void one_report_is_answered_with_its_number(void **state)
{
    struct fixture *f = *state;
    const struct mst_msg_reply *reply;
    for (int64_t n = 1; n <= 3; n++) {
        mst_buf_clear(&f->request);
        mst_pack_map(&f->request, 3);
        mst_pack_text(&f->request, "do");
        mst_pack_text(&f->request, "append");
        pack_report(&f->request, "progress", "one");
        assert_int_equal(mst_local_call(f->client, mst_bytes(f->request.data, f->request.len),
                                        PATIENCE_MS, &reply, &f->err),
                         0);
        assert_int_equal(mst_unpack_int(reply->rows.items[0], "number", 0), n);
        assert_int_equal(mst_unpack_int(reply->rows.items[0], "count", 0), 1);
    }
}

static void batch_is_queued_whole_and_on_disk_when_it_is_answered(void **state)
{
    struct fixture *f = *state;
    uint64_t first = 0, count = 0;
    assert_int_equal(append_many(f, REPORTS, SIZE_MAX, &first, &count), 0);
    assert_int_equal(first, 1);
    assert_int_equal(count, REPORTS);
    assert_int_equal(append_many(f, 2, SIZE_MAX, &first, &count), 0);
    assert_int_equal(first, REPORTS + 1);
    stop_rounds(f);
    /* Whatever was not committed would be gone. */
    assert_int_equal(mst_outbox_rollback(f->box, NULL), 0);
    assert_int_equal(mst_outbox_last(f->box), REPORTS + 2);
}

static void batch_ends_before_the_first_that_cannot_be_queued(void **state)
{
    struct fixture *f = *state;
    uint64_t first = 0, count = 0;
    assert_int_equal(append_many(f, 9, 4, &first, &count), 0);
    assert_int_equal(first, 1);
    assert_int_equal(count, 4);
    assert_int_not_equal(append_many(f, 9, 0, &first, &count), 0);
    assert_int_not_equal(append_many(f, 0, SIZE_MAX, &first, &count), 0);
    assert_int_equal(f->err.code, MST_E_PROTOCOL);
    stop_rounds(f);
    assert_int_equal(mst_outbox_last(f->box), 4);
}

static void full_outbox_takes_what_has_room(void **state)
{
    struct fixture *f = *state;
    uint64_t first = 0, count = 0;
    assert_int_equal(append_many(f, REPORTS, SIZE_MAX, &first, &count), 0);
    assert_in_range(count, 1, REPORTS - 1);
    assert_int_equal(append_many(f, 1, SIZE_MAX, &first, &count), MST_E_FULL);
}

/* A round that only brought receipts may leave them uncommitted, unless this says otherwise. */
static void whoever_waits_for_a_receipt_asks_for_its_commit(void **state)
{
    struct fixture *f = *state;
    uint64_t first = 0, count = 0;
    uint8_t head[MST_HASH_BYTES], answer[4096];
    static const uint8_t sig[MST_SIGN_BYTES] = {7};
    assert_int_equal(append_many(f, 2, SIZE_MAX, &first, &count), 0);
    stop_rounds(f);
    int fd = connect_apart(f);
    ask_apart(f, fd, "wait", "number", 2);
    for (uint64_t last = 1; last <= 2; last++) {
        assert_int_equal(mst_serve_read(f->serve, NULL), 0);
        assert_false(mst_serve_owes(f->serve));
        assert_int_equal(mst_serve_settle(f->serve, NULL), 0);
        assert_int_equal(recv(fd, answer, sizeof answer, MSG_DONTWAIT), -1);
        assert_int_equal(mst_outbox_hash(f->box, last, head, NULL), 0);
        struct mst_msg_receipt r = {.outbox = mst_bytes(mst_outbox_id(f->box), MST_OUTBOX_BYTES),
                                    .alg = mst_text("alg"),
                                    .sig = mst_bytes(sig, sizeof sig),
                                    .first = last,
                                    .last = last,
                                    .row = last,
                                    .head = mst_bytes(head, sizeof head)};
        assert_int_equal(mst_outbox_receipt(f->box, &r, NULL), 0);
    }
    assert_true(mst_serve_owes(f->serve));
    assert_int_equal(mst_outbox_commit(f->box, NULL), 0);
    assert_int_equal(mst_serve_settle(f->serve, NULL), 0);
    assert_true(recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0);
    assert_false(mst_serve_owes(f->serve));
    close(fd);
}

static struct mst_slice code_of_answer(int fd, uint8_t *answer, size_t size)
{
    ssize_t n = recv(fd, answer, size, MSG_DONTWAIT);
    assert_true(n > 0);
    return mst_unpack_text(mst_bytes(answer, (size_t)n), "code");
}

/* A round whose commit had no room. */
static void what_was_marked_in_a_lost_commit_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct mst_err why = {.code = MST_E_FULL, .text = "the disk"};
    uint8_t answer[4096];
    stop_rounds(f);
    int fd = connect_apart(f);
    for (int lost = 1; lost >= 0; lost--) {
        ask_apart(f, fd, "inbox", "mark", 7);
        assert_int_equal(mst_serve_read(f->serve, NULL), 0);
        assert_true(mst_outbox_urgent(f->box));
        assert_int_equal(lost ? mst_outbox_rollback(f->box, NULL) : mst_outbox_commit(f->box, NULL),
                         0);
        if (lost)
            mst_serve_refuse(f->serve, &why);
        assert_int_equal(mst_serve_settle(f->serve, NULL), 0);
        assert_true(mst_slice_is(code_of_answer(fd, answer, sizeof answer), lost ? "full" : "ok"));
    }
    close(fd);
}

/* ---- answers that no packet holds ---- */

/* The largest is what the broker may send at most in one row. */
static const size_t row_bytes[] = {10, 100000, 200000, 40000, 1048000, 20};
#define ROWS (sizeof row_bytes / sizeof row_bytes[0])

/* Rows {n, text}; every byte of the text says which row it is of. */
static void keep_large_rows(struct fixture *f)
{
    struct mst_buf rows = {0};
    for (size_t i = 0; i < ROWS; i++) {
        char *text = malloc(row_bytes[i]);
        memset(text, 'a' + (int)i, row_bytes[i]);
        mst_pack_map(&rows, 2);
        mst_pack_text(&rows, "n");
        mst_pack_uint(&rows, i);
        mst_pack_text(&rows, "text");
        mst_pack_text_slice(&rows, mst_bytes(text, row_bytes[i]));
        free(text);
    }
    stop_rounds(f);
    assert_int_equal(mst_brief_replace(f->box, mst_bytes(rows.data, rows.len), NULL), 0);
    assert_int_equal(mst_outbox_commit(f->box, NULL), 0);
    mst_buf_done(&rows);
}

static void go_on(struct fixture *f)
{
    f->stop = false;
    assert_int_equal(pthread_create(&f->thread, NULL, rounds, f), 0);
}

static void check_row(struct mst_slice row, size_t n)
{
    struct mst_slice text = mst_unpack_text(row, "text");
    assert_int_equal(mst_unpack_int(row, "n", -1), n);
    assert_int_equal(text.len, row_bytes[n]);
    for (size_t i = 0; i < text.len; i++)
        assert_int_equal(text.data[i], 'a' + (int)n);
}

static void call(struct fixture *f, const char *verb, uint64_t after,
                 const struct mst_msg_reply **ret)
{
    mst_buf_clear(&f->request);
    mst_pack_map(&f->request, 2);
    mst_pack_text(&f->request, "do");
    mst_pack_text(&f->request, verb);
    mst_pack_text(&f->request, "after");
    mst_pack_uint(&f->request, after);
    if (mst_local_call(f->client, mst_bytes(f->request.data, f->request.len), PATIENCE_MS, ret,
                       &f->err))
        fail_msg("%s: %s", verb, f->err.text);
}

static void row_that_no_packet_holds_arrives_whole(void **state)
{
    struct fixture *f = *state;
    keep_large_rows(f);
    go_on(f);
    const struct mst_msg_reply *reply;
    size_t n = 0;
    bool more = true;
    while (more) {
        call(f, "brief", n, &reply);
        assert_true(reply->rows.count > 0);
        for (size_t i = 0; i < reply->rows.count; i++)
            check_row(reply->rows.items[i], n++);
        more = reply->more;
    }
    assert_int_equal(n, ROWS);
}

/* Connections that the service wants to know of when they may be written to. */
static size_t wait_to_send(struct fixture *f)
{
    struct pollfd fds[MST_SERVE_FDS_MAX];
    size_t count = mst_serve_fds(f->serve, fds), waiting = 0;
    for (size_t i = 0; i < count; i++)
        waiting += (fds[i].events & POLLOUT) != 0;
    return waiting;
}

/* Whoever does not read keeps nobody waiting, and still gets all of it when it reads. */
static void parts_wait_for_whoever_reads_slowly(void **state)
{
    struct fixture *f = *state;
    const struct mst_msg_reply *reply;
    static uint8_t answer[MST_LOCAL_ANSWER_BYTES_MAX];
    static struct mst_msg_scratch scratch;
    struct mst_msg msg;
    keep_large_rows(f);
    int gone = connect_apart(f), slow = connect_apart(f);
    ask_apart(f, gone, "brief", "after", 4);
    ask_apart(f, slow, "brief", "after", 4);
    assert_int_equal(mst_serve_read(f->serve, NULL), 0);
    assert_true(mst_serve_owes(f->serve));
    assert_int_equal(mst_serve_settle(f->serve, NULL), 0);
    /* The rest waits for them, and no commit for it. */
    assert_int_equal(wait_to_send(f), 2);
    assert_false(mst_serve_owes(f->serve));
    go_on(f);
    call(f, "status", 0, &reply);
    assert_true(recv(gone, answer, sizeof answer, 0) > 0);
    close(gone);
    call(f, "status", 0, &reply);
    size_t head = 12, bytes = 0, have;
    ssize_t len = recv(slow, answer, sizeof answer, 0);
    assert_true(len > (ssize_t)head && memcmp(answer, "\x81\xa5parts\xce", 8) == 0);
    for (size_t i = 8; i < head; i++)
        bytes = bytes << 8 | answer[i];
    assert_true(bytes > 1048000);
    memmove(answer, answer + head, have = (size_t)len - head);
    for (; have < bytes; have += (size_t)len) {
        len = recv(slow, answer + have, sizeof answer - have, 0);
        assert_true(len > 0);
    }
    assert_int_equal(have, bytes);
    assert_int_equal(mst_msg_decode(answer, bytes, MST_DOWN, &scratch, &msg, NULL), 0);
    assert_int_equal(msg.u.reply.rows.count, 1); /* the page is full after it */
    check_row(msg.u.reply.rows.items[0], 4);
    /* The next request is taken like any other. */
    ask_apart(f, slow, "brief", "after", 5);
    assert_true(recv(slow, answer, sizeof answer, 0) > 0);
    close(slow);
}

#define CASE(fn, setup) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_report_is_answered_with_its_number, setup),
        CASE(batch_is_queued_whole_and_on_disk_when_it_is_answered, setup),
        CASE(batch_ends_before_the_first_that_cannot_be_queued, setup),
        CASE(full_outbox_takes_what_has_room, setup_small),
        CASE(whoever_waits_for_a_receipt_asks_for_its_commit, setup),
        CASE(what_was_marked_in_a_lost_commit_is_refused, setup),
        CASE(row_that_no_packet_holds_arrives_whole, setup),
        CASE(parts_wait_for_whoever_reads_slowly, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
