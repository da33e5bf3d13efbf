/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl against a broker: what it asks, what it prints, how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "agent/ctl/ctl.h"
#include "fake_broker.h"
#include "proto/pack.h"

struct desk {
    char verb[48], args[512];
    atomic_int requests;
};

static void put_pair(struct mst_buf *row, const char *name, const char *value)
{
    mst_pack_map(row, 2);
    mst_pack_text(row, "name");
    mst_pack_text(row, name);
    mst_pack_text(row, "value");
    mst_pack_text(row, value);
}

static void refuse(struct fake_broker *b, uint64_t id, enum mst_code code, const char *subject)
{
    struct mst_msg msg = {.type = MST_MSG_reply};
    msg.u.reply.id = id;
    msg.u.reply.code = mst_text(mst_code_word(code));
    msg.u.reply.subject = mst_text(subject);
    fake_send(b, &msg);
}

static void answer(struct fake_broker *b, uint64_t id, const struct mst_buf *row, bool more)
{
    const struct mst_slice rows[] = {mst_bytes(row->data, row->len)};
    struct mst_msg msg = {.type = MST_MSG_reply};
    msg.u.reply.id = id;
    msg.u.reply.code = mst_text("ok");
    msg.u.reply.rows.items = rows;
    msg.u.reply.rows.count = 1;
    msg.u.reply.more = more;
    fake_send(b, &msg);
}

static void on_request(struct fake_broker *b, const struct mst_msg *msg)
{
    if (msg->type != MST_MSG_request)
        return;
    struct desk *desk = b->context;
    const struct mst_msg_request *q = &msg->u.request;
    struct mst_buf text = {0}, row = {0};
    desk->requests++;
    mst_slice_copy(q->verb, desk->verb, sizeof desk->verb);
    if (mst_json(q->args, &text, NULL) != 0)
        abort();
    mst_slice_copy(mst_bytes(text.data, text.len), desk->args, sizeof desk->args);
    mst_buf_done(&text);
    if (mst_slice_is(q->verb, "urge")) {
        refuse(b, q->id, MST_R_STATE, "q/2023Q3/u1");
    } else if (mst_slice_is(q->verb, "keys")) {
        refuse(b, q->id, MST_E_DENIED, "keys");
    } else if (mst_slice_is(q->verb, "enrol")) {
        mst_pack_map(&row, 3);
        mst_pack_text(&row, "principal");
        mst_pack_text(&row, "unit:u1");
        mst_pack_text(&row, "invitation");
        mst_pack_text(&row, "muster-invitation: 1\ntoken: secret\n");
        mst_pack_text(&row, "expires");
        mst_pack_text(&row, "2026-11-24T08:00:00+08:00");
        answer(b, q->id, &row, false);
    } else {
        put_pair(&row, "rows", "12");
        answer(b, q->id, &row, true);
        mst_buf_clear(&row);
        put_pair(&row, "head", "00ff");
        answer(b, q->id, &row, false);
    }
    mst_buf_done(&row);
}

static struct fake_broker broker;
static struct desk desk;

static int set_up(void **state)
{
    (void)state;
    memset(&desk, 0, sizeof desk);
    broker = (struct fake_broker){.on = on_request, .context = &desk};
    fake_start(&broker);
    setenv("MUSTER_SOCKET", broker.endpoint, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_stop(&broker);
    return 0;
}

/* Runs the program with its standard output and error in files; the caller frees the texts. */
struct outcome {
    int code;
    char out[4096], err[4096];
};

static void read_back(int fd, char *text, size_t size)
{
    ssize_t n = pread(fd, text, size - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
}

#define RUN(...) run((const char *const[]){"musterctl", __VA_ARGS__, NULL})
static struct outcome run(const char *const *argv)
{
    static struct outcome o;
    int argc = 0, fds[2];
    while (argv[argc])
        argc++;
    int saved[2] = {dup(1), dup(2)};
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        char path[] = "/tmp/muster-out-XXXXXX";
        fds[i] = mkstemp(path);
        unlink(path);
        dup2(fds[i], i + 1);
    }
    o.code = mst_ctl_main(argc, (char *const *)(uintptr_t)argv);
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
    }
    read_back(fds[0], o.out, sizeof o.out);
    read_back(fds[1], o.err, sizeof o.err);
    return o;
}

static void request_carries_the_words_given(void **state)
{
    (void)state;
    struct outcome o = RUN("obligations", "--phase", "overdue", "--unit", "u1", "--json");
    assert_int_equal(o.code, 0);
    assert_string_equal(desk.verb, "obligations");
    assert_string_equal(desk.args, "{\"unit\":\"u1\",\"phase\":\"overdue\"}");
    o = RUN("review", "q/2023Q3/u1", "--return", "--reason", "thin");
    assert_string_equal(desk.args,
                        "{\"obligation\":\"q/2023Q3/u1\",\"return\":\"yes\",\"reason\":\"thin\"}");
}

static void ledger_verify_prints_counts_and_head(void **state)
{
    (void)state;
    struct outcome o = RUN("ledger", "verify", "--lang", "en");
    assert_string_equal(o.out, "Rows         12\nLedger head  00ff\n");
    o = RUN("ledger", "verify", "--json");
    assert_string_equal(o.out, "{\"rows\":\"12\",\"head\":\"00ff\"}\n");
    o = RUN("ledger", "verify", "--csv");
    assert_string_equal(o.out, "name,value\r\nrows,12\r\nhead,00ff\r\n");
}

static void refusals_become_exit_codes(void **state)
{
    (void)state;
    struct outcome o = RUN("urge", "q/2023Q3/u1", "--lang", "en");
    assert_int_equal(o.code, MST_EXIT_REFUSED);
    assert_string_equal(o.out, "");
    assert_string_equal(o.err, "musterctl: not possible in its present state: q/2023Q3/u1\n"
                               "  hint: only a bearer who still owes it is urged\n");
    assert_int_equal(RUN("keys").code, MST_EXIT_DENIED);
    assert_int_equal(RUN("no-such-command").code, MST_EXIT_USAGE);
    assert_int_equal(RUN("show").code, MST_EXIT_USAGE);
    assert_int_equal(RUN("status", "--socket", "/nonexistent/sock").code, MST_EXIT_UNREACHABLE);
    assert_int_equal(RUN("status", "--socket", "/x", "--home", "/y").code, MST_EXIT_USAGE);
}

static void invitation_is_written_for_its_owner_only(void **state)
{
    (void)state;
    char path[128], text[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/u1.invite", broker.dir);
    struct outcome o = RUN("enrol", "u1", "--out", path, "--json");
    assert_int_equal(o.code, 0);
    assert_string_equal(desk.args, "{\"unit\":\"u1\"}");
    assert_null(strstr(o.out, "secret"));
    assert_non_null(strstr(o.out, "\"file\":\""));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    read_back(open(path, O_RDONLY), text, sizeof text);
    assert_string_equal(text, "muster-invitation: 1\ntoken: secret\n");
    /* Never over a file that is there, and then no invitation is made either. */
    int before = desk.requests;
    assert_int_equal(RUN("enrol", "u1", "--out", path).code, MST_EXIT_REFUSED);
    assert_int_equal(desk.requests, before);
}

static void invitation_stands_alone_on_standard_output(void **state)
{
    (void)state;
    struct outcome o = RUN("enrol", "u1");
    assert_int_equal(o.code, 0);
    assert_string_equal(o.out, "muster-invitation: 1\ntoken: secret\n");
}

static void a_refused_enrolment_leaves_no_file(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/none.invite", broker.dir);
    assert_int_equal(RUN("enrol", "u1", "--out", path, "--socket", "/nonexistent/sock").code,
                     MST_EXIT_UNREACHABLE);
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
    setenv("LANGUAGE", "en", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(request_carries_the_words_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ledger_verify_prints_counts_and_head, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals_become_exit_codes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(invitation_is_written_for_its_owner_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(invitation_stands_alone_on_standard_output, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_refused_enrolment_leaves_no_file, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
