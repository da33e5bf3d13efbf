/* SPDX-License-Identifier: Apache-2.0 */
/* The watcher against a broker on a real socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "agent/watch/watch.h"
#include "fake_broker.h"
#include "proto/pack.h"

/* An alert log of `size` alerts, streamed by credit. */
struct log {
    uint64_t size;
    uint64_t sent; /* number of the last one sent on this stream */
    uint64_t credit;
    uint64_t lose;       /* this one is lost on the way, once */
    uint64_t later;      /* so many come once it is followed from beyond its end */
    uint64_t restart_at; /* after this one all connections are lost, once */
    uint8_t seed;        /* of the ledger's heads */
    int rewrite_at;      /* with this question for a head the ledger becomes another; 0: never */
    int asked;           /* for a head */
    int stop_fd;         /* to stop the watch with when it has told the broker */
    char told[160];      /* what it told: row and head */
    atomic_uint_fast64_t cursor;
    atomic_int subscriptions;
    char topics[256];
};

static void send_alert(struct fake_broker *b, uint64_t number, uint64_t prev)
{
    struct log *log = b->context;
    uint8_t head[32] = {(uint8_t)number, log->seed};
    static const uint8_t id[32];
    struct mst_msg msg = {.type = MST_MSG_alert};
    msg.u.alert = (struct mst_msg_alert){
        .number = number,
        .prev = prev,
        .id = mst_bytes(id, sizeof id),
        .programme = mst_text("p"),
        .topic = mst_text("p/office/overdue"),
        .kind = mst_text("overdue"),
        .audience = mst_text("office"),
        .role = mst_text("office"),
        .duty = mst_text("q"),
        .period = mst_text("2023Q3"),
        .bearer = mst_text("u1"),
        .level = 1,
        .instant = 1697040000000,
        .fired = 1697040000000 + number * 86400000,
        .due = 1697040000000,
        .ledger_row = 10 * number,
        .ledger_head = mst_bytes(head, sizeof head),
        .rehearsal = b->rehearsal,
    };
    fake_send(b, &msg);
}

static void pump(struct fake_broker *b)
{
    struct log *log = b->context;
    while (log->credit > 0 && log->sent < log->size) {
        uint64_t next = log->sent + 1;
        if (next == log->lose)
            log->lose = 0;
        else
            send_alert(b, next, log->sent);
        log->sent = next;
        log->credit--;
        if (next == log->restart_at) {
            log->restart_at = 0;
            log->credit = 0;
            b->rebind = true;
        }
    }
}

static void put_pair(struct mst_buf *out, const char *name, const char *value)
{
    mst_pack_map(out, 2);
    mst_pack_text(out, "name");
    mst_pack_text(out, name);
    mst_pack_text(out, "value");
    mst_pack_text(out, value);
}

/* Its answer to `ledger head` is the head that came with the alert of that row. */
static void answer_head(struct fake_broker *b, const struct mst_msg_request *request)
{
    struct log *log = b->context;
    char row[24], head[65] = "";
    mst_slice_copy(mst_unpack_text(request->args, "from"), row, sizeof row);
    if (++log->asked == log->rewrite_at)
        log->seed++;
    memset(head, '0', 64);
    snprintf(head, 5, "%02x%02x", (unsigned)(uint8_t)(atoi(row) / 10), log->seed);
    head[4] = '0';
    struct mst_buf out = {0};
    put_pair(&out, "head", head);
    struct mst_slice rows[] = {mst_bytes(out.data, out.len)};
    struct mst_msg msg = {.type = MST_MSG_reply};
    msg.u.reply.id = request->id;
    msg.u.reply.code = mst_text("ok");
    msg.u.reply.rows = (struct mst_slices){rows, 1};
    fake_send(b, &msg);
    mst_buf_done(&out);
}

static void on_request(struct fake_broker *b, const struct mst_msg_request *request)
{
    struct log *log = b->context;
    uint64_t one = 1;
    if (mst_slice_is(request->verb, "ledger")) {
        answer_head(b, request);
        return;
    }
    if (!mst_slice_is(request->verb, "contradict"))
        return;
    char row[24], head[65];
    mst_slice_copy(mst_unpack_text(request->args, "row"), row, sizeof row);
    mst_slice_copy(mst_unpack_text(request->args, "head"), head, sizeof head);
    snprintf(log->told, sizeof log->told, "%s %s", row, head);
    if (log->stop_fd >= 0 && write(log->stop_fd, &one, sizeof one) < 0)
        abort();
}

static void on_message(struct fake_broker *b, const struct mst_msg *msg)
{
    struct log *log = b->context;
    if (msg->type == MST_MSG_request)
        on_request(b, &msg->u.request);
    if (msg->type == MST_MSG_subscribe) {
        const struct mst_msg_subscribe *s = &msg->u.subscribe;
        bool from = s->has & (UINT64_C(1) << MST_F_subscribe_from);
        log->sent = from ? s->from : log->cursor;
        if (log->sent > log->size) {
            log->sent = log->size;
            log->size += log->later;
        }
        log->credit = s->credit;
        log->topics[0] = '\0';
        for (size_t i = 0; i < s->topics.count; i++) {
            size_t n = strlen(log->topics);
            mst_slice_copy(s->topics.items[i], log->topics + n, sizeof log->topics - n);
            strcat(log->topics, ";");
        }
        log->subscriptions++;
    } else if (msg->type == MST_MSG_ack) {
        log->cursor = msg->u.ack.cursor;
        log->credit += msg->u.ack.credit;
    }
    pump(b);
}

static struct fake_broker broker;
static struct log alerts;

static int set_up(void **state)
{
    (void)state;
    memset(&alerts, 0, sizeof alerts);
    alerts.size = 100;
    alerts.stop_fd = -1;
    broker = (struct fake_broker){.on = on_message, .context = &alerts};
    fake_start(&broker);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_stop(&broker);
    return 0;
}

static struct mst_watch_options options_of(uint64_t count)
{
    return (struct mst_watch_options){
        .link = {.endpoint = broker.endpoint, .kind = "watch", .name = "main"},
        .state_dir = broker.dir,
        .count = count,
        .timeout_ms = 5000,
        .credit = 4,
        .json = true,
        .stop_fd = -1,
    };
}

struct outcome {
    int rc;
    struct mst_err err;
    char *out, *log;
};

static struct outcome follow(struct mst_watch_options *o)
{
    struct outcome r = {0};
    size_t sizes[2];
    o->out = open_memstream(&r.out, &sizes[0]);
    o->log = open_memstream(&r.log, &sizes[1]);
    r.rc = mst_watch_follow(o, &r.err);
    fclose(o->out);
    fclose(o->log);
    return r;
}

static void done(struct outcome *r)
{
    free(r->out);
    free(r->log);
}

/* The lines hold exactly the numbers first..last in order. */
static void assert_numbers(const char *lines, uint64_t first, uint64_t last)
{
    for (uint64_t n = first; n <= last; n++) {
        uint64_t number = 0;
        assert_int_equal(sscanf(lines, "{\"number\":%" SCNu64, &number), 1);
        assert_int_equal(number, n);
        lines = strchr(lines, '\n') + 1;
    }
    assert_string_equal(lines, "");
}

static void cursor_survives_a_restart(void **state)
{
    (void)state;
    struct mst_watch_options o = options_of(10);
    struct outcome r = follow(&o);
    assert_int_equal(r.rc, 0);
    assert_numbers(r.out, 1, 10);
    done(&r);
    alerts.cursor = 0; /* the watcher's own cursor counts, not the broker's */
    o = options_of(7);
    r = follow(&o);
    assert_int_equal(r.rc, 0);
    assert_numbers(r.out, 11, 17);
    done(&r);
}

static void gap_is_found_and_read_again(void **state)
{
    (void)state;
    alerts.lose = 6;
    struct mst_watch_options o = options_of(20);
    struct outcome r = follow(&o);
    assert_int_equal(r.rc, 0);
    assert_numbers(r.out, 1, 20);
    assert_non_null(strstr(r.log, "gap in the alert stream: after 5 came 7, which follows 6"));
    assert_int_equal(alerts.subscriptions, 2);
    done(&r);
}

static void lost_connection_loses_and_repeats_nothing(void **state)
{
    (void)state;
    alerts.restart_at = 9;
    struct mst_watch_options o = options_of(30);
    struct outcome r = follow(&o);
    assert_int_equal(r.rc, 0);
    assert_numbers(r.out, 1, 30);
    assert_non_null(strstr(r.log, "connection lost"));
    assert_int_equal(alerts.subscriptions, 2);
    done(&r);
}

static void silence_ends_it_when_asked(void **state)
{
    (void)state;
    alerts.size = 3;
    struct mst_watch_options o = options_of(0);
    o.timeout_ms = 1000;
    struct outcome r = follow(&o);
    assert_int_equal(r.rc, 0);
    assert_numbers(r.out, 1, 3);
    assert_int_equal(alerts.cursor, 3);
    done(&r);
    o = options_of(5);
    o.timeout_ms = 1000;
    r = follow(&o);
    assert_int_equal(r.rc, MST_E_TIMEOUT);
    done(&r);
    o = options_of(0);
    o.timeout_ms = 1000;
    o.link.endpoint = "ipc:///tmp/muster-no-such-endpoint";
    r = follow(&o);
    assert_int_equal(r.rc, MST_E_UNREACHABLE);
    done(&r);
}

static void since_reads_old_alerts_and_leaves_the_cursor(void **state)
{
    (void)state;
    struct mst_watch_options o = options_of(20);
    struct outcome r = follow(&o);
    done(&r);
    o = options_of(5);
    o.since_known = true;
    o.since_number = 2;
    r = follow(&o);
    assert_numbers(r.out, 3, 7);
    done(&r);
    o = options_of(2);
    o.since_known = true;
    o.since_at = 1697040000000 + 4 * INT64_C(86400000);
    r = follow(&o);
    assert_numbers(r.out, 4, 5);
    done(&r);
    o = options_of(1);
    r = follow(&o);
    assert_numbers(r.out, 21, 21);
    done(&r);
}

static void rewritten_ledger_is_told_and_alerts_still_come(void **state)
{
    (void)state;
    struct mst_watch_options o = options_of(8);
    struct outcome r = follow(&o);
    done(&r);
    alerts.seed = 1;
    o = options_of(10);
    o.since_known = true;
    r = follow(&o);
    assert_int_equal(r.rc, MST_E_DIFFERS);
    assert_numbers(r.out, 1, 10);
    assert_non_null(strstr(r.log, "contradicts what was witnessed at alert 8"));
    assert_null(strstr(r.log, "alert 9:"));
    done(&r);
}

static int told_hook(void *context, struct mst_slice json, struct mst_err *err)
{
    (void)err;
    if (memmem(json.data, json.len, "\"kind\":\"head-contradicted\"", 26))
        ++*(int *)context;
    return 0;
}

/* In one session, in which no alert comes that would show it. */
static void ledger_rewritten_in_mid_session_is_found_and_told(void **state)
{
    (void)state;
    int hooked = 0;
    struct mst_watch_options o = options_of(0);
    alerts.size = 8;
    alerts.rewrite_at = 3;
    alerts.stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    o.timeout_ms = 60000;
    o.witness_ms = 20;
    o.stop_fd = alerts.stop_fd;
    o.deliver = told_hook;
    o.deliver_context = &hooked;
    struct outcome r = follow(&o);
    assert_int_equal(r.rc, MST_E_DIFFERS);
    assert_int_equal(alerts.subscriptions, 1);
    assert_non_null(strstr(r.log, "LEDGER CONTRADICTED: row 80 had head 0800"));
    assert_string_equal(alerts.told,
                        "80 0800000000000000000000000000000000000000000000000000000000000000");
    assert_true(hooked >= 1); /* once more for each answer that came before the stop */
    done(&r);
    close(alerts.stop_fd);
}

/* Later alerts are of the ledger that was contradicted, and take nothing back. */
static void contradiction_is_told_until_somebody_has_looked_into_it(void **state)
{
    (void)state;
    char path[128];
    struct mst_watch_options o = options_of(8);
    struct outcome r = follow(&o);
    assert_int_equal(r.rc, 0);
    done(&r);
    alerts.seed = 1;
    alerts.size = 12;
    for (int i = 0; i < 2; i++) {
        o = options_of(0);
        o.timeout_ms = 60000;
        o.stop_fd = alerts.stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        r = follow(&o);
        assert_int_equal(r.rc, MST_E_DIFFERS);
        assert_non_null(strstr(r.log, "LEDGER CONTRADICTED: row 80"));
        done(&r);
        close(alerts.stop_fd);
    }
    snprintf(path, sizeof path, "%s/watch-main.contradicted", broker.dir);
    assert_int_equal(unlink(path), 0);
    o = options_of(0);
    o.timeout_ms = 300;
    r = follow(&o);
    assert_int_equal(r.rc, 0);
    done(&r);
}

static void rehearsal_and_real_streams_never_mix(void **state)
{
    (void)state;
    struct mst_watch_options o = options_of(2);
    struct outcome r = follow(&o);
    done(&r);
    broker.rehearsal = true;
    o = options_of(2);
    r = follow(&o);
    assert_int_equal(r.rc, MST_E_REHEARSAL);
    assert_string_equal(r.out, "");
    done(&r);
}

static void restored_broker_is_told(void **state)
{
    (void)state;
    struct mst_watch_options o = options_of(2);
    struct outcome r = follow(&o);
    assert_null(strstr(r.log, "restored"));
    done(&r);
    broker.epoch = 1;
    o = options_of(1);
    r = follow(&o);
    assert_int_equal(r.rc, 0);
    assert_non_null(strstr(r.log, "restored from a backup"));
    done(&r);
}

static void broker_whose_log_ends_before_the_cursor_is_followed_from_its_own(void **state)
{
    (void)state;
    struct mst_watch_options o = options_of(8);
    struct outcome r = follow(&o);
    assert_int_equal(r.rc, 0);
    done(&r);
    /* Its last word may still be on the way, and must not count for what follows. */
    const struct timespec wait = {.tv_nsec = 1000000};
    for (int ms = 0; alerts.cursor != 8; ms++) {
        assert_in_range(ms, 0, 30000);
        nanosleep(&wait, NULL);
    }
    /* Put back, and nobody has told it so: 3 was acknowledged, 4 came since, 5 and 6 come now. */
    alerts.size = 4;
    alerts.cursor = 3;
    alerts.later = 2;
    o = options_of(3);
    r = follow(&o);
    assert_int_equal(r.rc, 0);
    assert_non_null(strstr(r.log, "restored from a backup"));
    for (const char *const *at =
             (const char *const[]){"\"number\":4,", "\"number\":5,", "\"number\":6,", NULL};
         *at; at++)
        assert_non_null(strstr(r.out, *at));
    done(&r);
    /* And from there it goes on. */
    alerts.size = 100;
    o = options_of(1);
    r = follow(&o);
    assert_int_equal(r.rc, 0);
    assert_non_null(strstr(r.out, "\"number\":7,"));
    done(&r);
}

static void topics_are_taken_within_the_programme(void **state)
{
    (void)state;
    struct mst_watch_options o = options_of(1);
    o.topics = "office/overdue,p/unit:u1";
    struct outcome r = follow(&o);
    assert_string_equal(alerts.topics, "p/office/overdue;p/unit:u1;");
    done(&r);
}

static int deliver(void *context, struct mst_slice json, struct mst_err *err)
{
    int *calls = context;
    if (json.data[0] != '{' || ++*calls == 2)
        return mst_fail_on(err, MST_E_TIMEOUT, "the hook");
    return 0;
}

static void failing_hook_is_told_and_does_not_stop_the_stream(void **state)
{
    (void)state;
    int calls = 0;
    struct mst_watch_options o = options_of(4);
    o.deliver = deliver;
    o.deliver_context = &calls;
    struct outcome r = follow(&o);
    assert_int_equal(r.rc, 0);
    assert_int_equal(calls, 4);
    assert_numbers(r.out, 1, 4);
    assert_non_null(strstr(r.log, "alert 2: took too long: the hook"));
    done(&r);
}

static void lines_for_people_name_number_and_audience(void **state)
{
    (void)state;
    struct mst_watch_options o = options_of(1);
    o.json = false;
    struct outcome r = follow(&o);
    assert_string_equal(r.out,
                        "     1  2023-10-13 00:00  office                overdue: q 2023Q3 of u1 "
                        "was due by 2023-10-11 24:00 +08:00 and is not there\n");
    done(&r);
}

static void stop_ends_it_in_order(void **state)
{
    (void)state;
    struct mst_watch_options o = options_of(0);
    o.timeout_ms = -1;
    o.stop_fd = eventfd(1, EFD_CLOEXEC);
    struct outcome r = follow(&o);
    assert_int_equal(r.rc, 0);
    done(&r);
    close(o.stop_fd);
}

static void unwritable_output_keeps_the_cursor(void **state)
{
    (void)state;
    struct mst_watch_options o = options_of(3);
    o.out = fopen("/dev/full", "w");
    o.log = tmpfile();
    struct mst_err err;
    assert_int_equal(mst_watch_follow(&o, &err), MST_E_IO);
    fclose(o.out);
    fclose(o.log);
    o = options_of(3);
    struct outcome r = follow(&o);
    assert_numbers(r.out, 1, 3);
    done(&r);
}

#define WITH_BROKER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    setenv("TZ", "Asia/Shanghai", 1);
    const struct CMUnitTest tests[] = {
        WITH_BROKER(cursor_survives_a_restart),
        WITH_BROKER(gap_is_found_and_read_again),
        WITH_BROKER(lost_connection_loses_and_repeats_nothing),
        WITH_BROKER(silence_ends_it_when_asked),
        WITH_BROKER(since_reads_old_alerts_and_leaves_the_cursor),
        WITH_BROKER(rewritten_ledger_is_told_and_alerts_still_come),
        WITH_BROKER(ledger_rewritten_in_mid_session_is_found_and_told),
        WITH_BROKER(contradiction_is_told_until_somebody_has_looked_into_it),
        WITH_BROKER(rehearsal_and_real_streams_never_mix),
        WITH_BROKER(restored_broker_is_told),
        WITH_BROKER(broker_whose_log_ends_before_the_cursor_is_followed_from_its_own),
        WITH_BROKER(topics_are_taken_within_the_programme),
        WITH_BROKER(failing_hook_is_told_and_does_not_stop_the_stream),
        WITH_BROKER(lines_for_people_name_number_and_audience),
        WITH_BROKER(stop_ends_it_in_order),
        WITH_BROKER(unwritable_output_keeps_the_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
