/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about letters that wait for the loop: their order, what is found out about them ahead, by
 * whom, and that there is an end to how many are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/io/broker.h"

#define ROOM 8
#define PATIENCE_MS 30000

struct unit {
    uint8_t sign_public[MST_SIGN_PUBLIC_BYTES], sign_secret[MST_SIGN_SECRET_BYTES];
    uint8_t outbox[MST_OUTBOX_BYTES], head[MST_HASH_BYTES];
    uint64_t last;
};

static struct unit unit;
static struct mst_ahead *ahead;

static atomic_int errands;

static bool run_errand(void *context)
{
    assert_ptr_equal(context, &errands);
    return atomic_fetch_sub(&errands, 1) > 1;
}

static int open_ahead(void **state)
{
    (void)state;
    struct mst_err err;
    memset(&unit, 0, sizeof unit);
    crypto_sign_keypair(unit.sign_public, unit.sign_secret);
    return mst_ahead_open(ROOM, run_errand, &errands, &ahead, &err);
}

static int close_ahead(void **state)
{
    (void)state;
    mst_ahead_close(ahead);
    return 0;
}

/* The unit's next push, of one report. */
static void encode_push(struct mst_buf *out)
{
    const struct mst_slice report = mst_bytes("report", 6);
    uint8_t prev[MST_HASH_BYTES], sig[MST_SIGN_BYTES];
    struct mst_err err;
    memcpy(prev, unit.head, sizeof prev);
    mst_chain_next(unit.head, ++unit.last, report, unit.head);
    mst_run_sign(unit.sign_secret, unit.outbox, unit.last, unit.head, sig);
    struct mst_msg msg = {.type = MST_MSG_push};
    msg.u.push = (struct mst_msg_push){.outbox = mst_bytes(unit.outbox, sizeof unit.outbox),
                                       .first = unit.last,
                                       .prev = mst_bytes(prev, sizeof prev),
                                       .reports = {&report, 1},
                                       .alg = mst_text(MST_ALG_ED25519_BLAKE2B),
                                       .sig = mst_bytes(sig, sizeof sig)};
    assert_int_equal(mst_msg_encode(&msg, out, &err), 0);
}

static void post_letter(bool whole, bool worth, const void *data, size_t len)
{
    struct mst_letter *l = mst_ahead_room(ahead);
    assert_non_null(l);
    l->whole = whole;
    l->worth = worth;
    memcpy(l->sign_key, unit.sign_public, sizeof l->sign_key);
    assert_int_equal(zmq_msg_init_size(&l->payload, len), 0);
    memcpy(zmq_msg_data(&l->payload), data, len);
    mst_ahead_post(ahead);
}

/* worth: of a session that may push. */
static void post(const void *data, size_t len, bool worth)
{
    post_letter(true, worth, data, len);
}

static void post_push(void)
{
    struct mst_buf frame = {0};
    encode_push(&frame);
    post(frame.data, frame.len, true);
    mst_buf_done(&frame);
}

static void check_push(const struct mst_letter *l, uint64_t first)
{
    assert_true(l->reading.done);
    assert_int_equal(l->reading.code, 0);
    assert_int_equal(l->reading.msg.u.push.first, first);
    assert_true(l->reading.verified);
    assert_true(l->reading.push.holds);
}

static struct mst_letter *next(void)
{
    struct mst_letter *l = mst_ahead_next(ahead);
    assert_non_null(l);
    return l;
}

static bool is_read(const struct mst_letter *l)
{
    return atomic_load(&l->state) == MST_LETTER_READ;
}

static void letters_come_back_in_their_order_read_and_verified(void **state)
{
    (void)state;
    uint64_t posted = 0, taken = 0;
    for (; taken < 2000; taken++) {
        for (uint64_t more = taken % (ROOM + 1); more > 0 && mst_ahead_room(ahead);
             more--, posted++)
            post_push();
        mst_ahead_go(ahead, taken % 2);
        if (posted == taken) {
            assert_null(mst_ahead_next(ahead));
            taken--;
            post_push();
            posted++;
            continue;
        }
        check_push(next(), taken + 1);
        mst_ahead_drop(ahead);
    }
}

static void the_thread_reads_what_it_is_given(void **state)
{
    (void)state;
    const struct timespec wait = {.tv_nsec = 100000};
    post_push();
    mst_ahead_go(ahead, true);
    for (int turns = 0; !is_read(mst_ahead_oldest(ahead)); turns++) {
        assert_in_range(turns, 0, 10 * PATIENCE_MS);
        nanosleep(&wait, NULL);
    }
    check_push(next(), 1);
}

static void the_loop_sleeps_while_the_thread_reads(void **state)
{
    (void)state;
    for (uint64_t taken = 1; taken <= 500; taken++) {
        post_push();
        mst_ahead_go(ahead, true);
        while (atomic_load(&mst_ahead_oldest(ahead)->state) == MST_LETTER_WAITS)
            ; /* to come while it reads */
        check_push(next(), taken);
        mst_ahead_drop(ahead);
    }
}

/* Again and again, since a thread that is woken does not run at once. */
static void a_letter_that_comes_alone_is_left_to_the_loop(void **state)
{
    (void)state;
    const struct timespec wait = {.tv_nsec = 1};
    for (uint64_t taken = 1; taken <= 2000; taken++) {
        post_push();
        mst_ahead_go(ahead, false);
        nanosleep(&wait, NULL);
        assert_false(is_read(mst_ahead_oldest(ahead)));
        check_push(next(), taken);
        mst_ahead_drop(ahead);
    }
}

/* As during a commit: in their order, each once, without serving one. */
static void the_loop_reads_what_nobody_has_begun(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        post_push();
    assert_true(mst_ahead_help(ahead));
    assert_true(is_read(mst_ahead_oldest(ahead)));
    assert_true(mst_ahead_help(ahead));
    assert_true(mst_ahead_help(ahead));
    assert_false(mst_ahead_help(ahead));
    for (uint64_t taken = 1; taken <= 3; taken++) {
        assert_true(is_read(mst_ahead_oldest(ahead)));
        check_push(next(), taken);
        mst_ahead_drop(ahead);
    }
    assert_false(mst_ahead_help(ahead));
}

static void no_more_letters_are_taken_than_there_is_room_for(void **state)
{
    (void)state;
    for (int i = 0; i < ROOM; i++)
        post_push();
    assert_null(mst_ahead_room(ahead));
    mst_ahead_go(ahead, false);
    check_push(next(), 1);
    mst_ahead_drop(ahead);
    assert_non_null(mst_ahead_room(ahead));
}

static void nobody_works_for_a_session_that_cannot_push(void **state)
{
    (void)state;
    struct mst_buf frame = {0};
    encode_push(&frame);
    post(frame.data, frame.len, false);
    mst_buf_done(&frame);
    const struct mst_letter *l = next();
    assert_false(l->reading.done);
    assert_false(l->reading.verified);
}

static void what_is_wrong_is_found_out_and_left_to_the_loop(void **state)
{
    (void)state;
    struct mst_buf frame = {0};
    encode_push(&frame);
    frame.data[frame.len - 1] ^= 1; /* in the signature, the last field */
    post(frame.data, frame.len, true);
    post("\xc1", 1, true);
    mst_ahead_go(ahead, false);
    mst_buf_done(&frame);
    const struct mst_letter *l = next();
    assert_true(l->reading.verified);
    assert_false(l->reading.push.holds);
    mst_ahead_drop(ahead);
    l = next();
    assert_int_equal(l->reading.code, MST_E_PROTOCOL);
    assert_false(l->reading.verified);
}

static void an_errand_is_run_until_there_is_no_more_to_do(void **state)
{
    (void)state;
    for (int turn = 0; turn < 100; turn++) {
        const struct timespec wait = {.tv_nsec = 100000};
        atomic_store(&errands, 1 + turn % 7);
        mst_ahead_call(ahead);
        for (int ms = 0; atomic_load(&errands) > 0; ms++) {
            assert_in_range(ms, 0, 10 * PATIENCE_MS);
            nanosleep(&wait, NULL);
        }
    }
}

/* ---- who may have which core, on a machine of this test's own making ---- */

static struct {
    int core;          /* the loop's */
    cpu_set_t allowed; /* to the process */
    int asked, set;    /* how often */
    pthread_t thread;  /* whose cores were set last, and which they are */
    cpu_set_t cores;
} machine;
static atomic_int yields;

int __wrap_sched_getcpu(void);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *ret_cores);
int __wrap_pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *cores);
int __wrap_sched_yield(void);

int __wrap_sched_getcpu(void)
{
    machine.asked++;
    return machine.core;
}

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *ret_cores)
{
    assert_int_equal(pid, 0);
    assert_int_equal(size, sizeof *ret_cores);
    *ret_cores = machine.allowed;
    return 0;
}

int __wrap_pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *cores)
{
    assert_int_equal(size, sizeof *cores);
    machine.set++;
    machine.thread = thread;
    machine.cores = *cores;
    return 0;
}

int __wrap_sched_yield(void)
{
    atomic_fetch_add(&yields, 1);
    return 0;
}

/* The loop stands on this core, and has woken the thread so often since. */
static void wake_from(int core, int times)
{
    machine.core = core;
    machine.asked = machine.set = 0;
    for (int turns = 0; machine.asked < times; turns++) {
        const struct timespec wait = {.tv_nsec = 100000};
        assert_in_range(turns, 0, 10 * PATIENCE_MS);
        mst_ahead_call(ahead); /* asks nothing of a thread that is awake */
        nanosleep(&wait, NULL);
    }
}

static void allow(size_t cores)
{
    CPU_ZERO(&machine.allowed);
    for (size_t core = 0; core < cores; core++)
        CPU_SET(core, &machine.allowed);
}

static void the_thread_is_kept_off_the_core_of_the_loop(void **state)
{
    (void)state;
    allow(4);
    for (int core = 3; core >= 0; core--) {
        wake_from(core, 3);
        /* Once, not at every waking. */
        assert_int_equal(machine.set, 1);
        assert_false(pthread_equal(machine.thread, pthread_self()));
        assert_int_equal(CPU_COUNT(&machine.cores), 3);
        assert_false(CPU_ISSET((size_t)core, &machine.cores));
    }
}

static void where_there_is_one_core_nothing_is_changed(void **state)
{
    (void)state;
    allow(1);
    wake_from(0, 3);
    assert_int_equal(machine.set, 0);
    /* Nor where nobody knows which one it is. */
    allow(4);
    wake_from(-1, 3);
    assert_int_equal(machine.set, 0);
}

/* How often the thread gives its core up while it reads so many letters. */
static int yields_over(int letters)
{
    const struct timespec wait = {.tv_nsec = 100000};
    struct mst_letter *posted[ROOM];
    for (int i = 0; i < letters; i++) {
        posted[i] = mst_ahead_room(ahead);
        post_push();
    }
    atomic_store(&yields, 0);
    mst_ahead_go(ahead, true);
    for (int i = 0, turns = 0; i < letters; turns++) {
        assert_in_range(turns, 0, 10 * PATIENCE_MS);
        if (is_read(posted[i]))
            i++;
        else
            nanosleep(&wait, NULL);
    }
    int found = atomic_load(&yields);
    for (int i = 0; i < letters; i++) {
        assert_ptr_equal(next(), posted[i]);
        mst_ahead_drop(ahead);
    }
    return found;
}

/* He who has three letters before him, and each time until he has fewer. */
static void the_thread_gives_way_while_many_letters_wait(void **state)
{
    (void)state;
    for (int letters = 1; letters <= ROOM; letters++)
        assert_int_equal(yields_over(letters), letters > 3 ? letters - 3 : 0);
}

static struct mst_broker *limited_broker(void)
{
    struct mst_broker *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->settings.BROKER_batch_messages_max = 10;
    b->settings.BROKER_batch_reports_max = 100;
    b->settings.BROKER_batch_bytes_max = 1000;
    return b;
}

static void a_batch_is_full_at_each_limit(void **state)
{
    (void)state;
    struct mst_broker *b = limited_broker();
    assert_false(mst_door_full(b, &(struct mst_taken){9, 99, 999}));
    assert_true(mst_door_full(b, &(struct mst_taken){10, 0, 0}));
    assert_true(mst_door_full(b, &(struct mst_taken){1, 100, 0}));
    assert_true(mst_door_full(b, &(struct mst_taken){1, 0, 1000}));
    free(b);
}

/* Also those that are nobody's. */
static void letters_are_counted_with_their_bytes(void **state)
{
    (void)state;
    struct mst_broker *b = limited_broker();
    struct mst_taken taken = {0};
    struct mst_err err;
    const char bytes[300] = "";
    for (int i = 0; i < ROOM; i++)
        post_letter(false, false, bytes, sizeof bytes);
    b->ahead = ahead;
    assert_int_equal(mst_door_serve(b, &taken, &err), 0);
    assert_int_equal(taken.letters, 4);
    assert_int_equal(taken.bytes, 1200);
    assert_int_equal(b->refused_peers, 4);
    free(b);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_ahead, close_ahead)
    const struct CMUnitTest tests[] = {
        CASE(letters_come_back_in_their_order_read_and_verified),
        CASE(the_thread_reads_what_it_is_given),
        CASE(the_loop_sleeps_while_the_thread_reads),
        CASE(a_letter_that_comes_alone_is_left_to_the_loop),
        CASE(the_loop_reads_what_nobody_has_begun),
        CASE(no_more_letters_are_taken_than_there_is_room_for),
        CASE(nobody_works_for_a_session_that_cannot_push),
        CASE(what_is_wrong_is_found_out_and_left_to_the_loop),
        cmocka_unit_test(a_batch_is_full_at_each_limit),
        CASE(letters_are_counted_with_their_bytes),
        CASE(an_errand_is_run_until_there_is_no_more_to_do),
        CASE(the_thread_is_kept_off_the_core_of_the_loop),
        CASE(where_there_is_one_core_nothing_is_changed),
        CASE(the_thread_gives_way_while_many_letters_wait),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
