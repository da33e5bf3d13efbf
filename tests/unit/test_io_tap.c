/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about which connections are there, with real sockets, taken as libzmq takes them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/io/tap.h"
#include "tests/unit/io_house.h"

struct line {
    struct house *h;
    int listener;
    struct sockaddr_in address;
};

static void tell(void *context, enum mst_tap_event event, size_t door, int fd, int64_t unread)
{
    (void)context, (void)event, (void)door, (void)fd, (void)unread;
    fail_msg("nobody is cut or refused here");
}

static int line_up(void **state)
{
    struct line *l = calloc(1, sizeof *l);
    socklen_t len = sizeof l->address;
    struct mst_err err;
    static const struct mst_tap_door door = {.unread_bytes_max = 1000};
    const struct mst_tap_options options = {
        .doors = &door, .doors_count = 1, .unread_total_max = 1000, .tell = tell};
    if (!l || house_up((void **)&l->h) || mst_tap_open(&options, &err))
        return -1;
    l->address.sin_family = AF_INET;
    l->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    l->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(l->listener, (struct sockaddr *)&l->address, len) != 0 ||
        getsockname(l->listener, (struct sockaddr *)&l->address, &len) != 0 ||
        listen(l->listener, 16) != 0)
        return -1;
    mst_tap_listens(0, l->listener);
    *state = l;
    return 0;
}

static int line_down(void **state)
{
    struct line *l = *state;
    void *house = l->h;
    close(l->listener);
    mst_tap_close();
    free(l);
    return house_down(&house);
}

/* A peer that connects; the far end of it. */
static int come(struct line *l, int *ret_near)
{
    int near = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(near, (struct sockaddr *)&l->address, sizeof l->address), 0);
    int far = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(far >= 0);
    *ret_near = near;
    return far;
}

static struct mst_session *session_over(struct line *l, uint32_t n, int fd)
{
    struct mst_session *s;
    struct mst_err err;
    assert_int_equal(mst_session_open(l->h->b, MST_DOOR_ADMIN, (uint8_t *)&n, sizeof n, &s, &err),
                     0);
    s->fd = fd;
    s->connection = mst_tap_connection(fd);
    s->welcome = true;
    return s;
}

static void descriptor_that_is_taken_up_again_is_another_connection(void **state)
{
    struct line *l = *state;
    int near;
    int fd = come(l, &near);
    uint32_t first = mst_tap_connection(fd);
    assert_true(mst_tap_is_open(fd, first));
    close(fd);
    assert_false(mst_tap_is_open(fd, first));
    assert_false(mst_tap_is_open(fd, mst_tap_connection(fd)));
    assert_int_equal(mst_tap_ended(), 1);
    close(near);
    assert_int_equal(come(l, &near), fd);
    assert_false(mst_tap_is_open(fd, first));
    assert_true(mst_tap_is_open(fd, mst_tap_connection(fd)));
    close(fd);
    close(near);
}

static void session_ends_with_its_connection_and_no_other_does(void **state)
{
    struct line *l = *state;
    struct mst_broker *b = l->h->b;
    int near[2];
    int stays = come(l, &near[0]), goes = come(l, &near[1]);
    const struct mst_session *one = session_over(l, 1, stays), *other = session_over(l, 2, goes);
    close(goes);
    assert_true(mst_session_is_there(one));
    assert_false(mst_session_is_there(other));
    /* What it has sent may still wait: it is closed the second time. */
    mst_session_sweep(b);
    assert_int_equal(b->sessions_count, 2);
    mst_session_sweep(b);
    assert_int_equal(b->sessions_count, 2); /* no more often than once a second */
    b->swept_boot_ms -= 1000;
    mst_session_sweep(b);
    assert_int_equal(b->sessions_count, 1);
    assert_ptr_equal(b->sessions[0], one);
    b->swept_boot_ms -= 1000;
    mst_session_sweep(b);
    assert_true(mst_session_is_there(one));
    close(stays);
    close(near[0]);
    close(near[1]);
}

static void gone_ones_make_room_at_once(void **state)
{
    struct line *l = *state;
    struct mst_broker *b = l->h->b;
    int near;
    b->settings.BROKER_connections_max = 16;
    for (uint32_t i = 0; i < 48; i++) {
        int fd = come(l, &near);
        session_over(l, i, fd);
        close(fd);
        close(near);
    }
    assert_true(b->sessions_count <= 16);
}

int main(void)
{
#define TEST(claim) cmocka_unit_test_setup_teardown(claim, line_up, line_down)
    const struct CMUnitTest tests[] = {
        TEST(descriptor_that_is_taken_up_again_is_another_connection),
        TEST(session_ends_with_its_connection_and_no_other_does),
        TEST(gone_ones_make_room_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
