/* SPDX-License-Identifier: Apache-2.0 */
/* Homes: joining with an invitation against a small enrolment endpoint, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <czmq.h>
#include <sys/stat.h>

#include "agent/link/home.h"
#include "proto/msg.h"

#define TOKEN "00112233445566778899aabbccddeeff"

enum behaviour { ENROL, REFUSE, KEEP_SILENT, SIGN_WITH_ANOTHER_KEY };

struct fixture {
    char dir[64], home[96], invitation[96], endpoint[64];
    zactor_t *actor;
    zsock_t *router;
    zcert_t *cert;
    enum behaviour behaviour;
    bool keys_were_there; /* on disk when enrol arrived */
    uint8_t channel_key[2][32];
    size_t asked;
};

static void answer(struct fixture *f, zframe_t *peer)
{
    static const uint8_t key[2][32] = {{0xab}, {0xcd}};
    struct mst_msg msg = {.type = MST_MSG_enrolled};
    struct mst_buf buf = {0};
    msg.u.enrolled.programme = mst_text("p");
    msg.u.enrolled.principal = mst_text("unit:u1");
    msg.u.enrolled.sign_key = mst_bytes(key[f->behaviour == SIGN_WITH_ANOTHER_KEY], 32);
    if (f->behaviour == REFUSE) {
        msg = (struct mst_msg){.type = MST_MSG_error};
        msg.u.error.code = mst_text("expired");
        msg.u.error.subject = mst_text("token");
    }
    assert_int_equal(mst_msg_encode(&msg, &buf, NULL), 0);
    zsock_send(f->router, "fb", peer, buf.data, buf.len);
    mst_buf_done(&buf);
}

static void take_enrol(struct fixture *f)
{
    static struct mst_msg_scratch scratch;
    struct mst_msg msg;
    char path[128];
    zframe_t *peer = NULL, *frame = NULL;
    snprintf(path, sizeof path, "%s/keys", f->home);
    if (zsock_recv(f->router, "ff", &peer, &frame) == 0 &&
        mst_msg_decode(zframe_data(frame), zframe_size(frame), MST_UP, &scratch, &msg, NULL) == 0 &&
        msg.type == MST_MSG_enrol) {
        f->keys_were_there = access(path, R_OK) == 0;
        memcpy(f->channel_key[f->asked++ % 2], msg.u.enrol.channel_key.data, 32);
        if (f->behaviour != KEEP_SILENT)
            answer(f, peer);
    }
    zframe_destroy(&peer);
    zframe_destroy(&frame);
}

static void endpoint_main(zsock_t *pipe, void *context)
{
    struct fixture *f = context;
    zpoller_t *poller = zpoller_new(pipe, f->router, NULL);
    zsock_signal(pipe, 0);
    while (zpoller_wait(poller, -1) == f->router)
        take_enrol(f);
    zpoller_destroy(&poller);
}

static void write_invitation(struct fixture *f)
{
    FILE *out = fopen(f->invitation, "w");
    assert_non_null(out);
    fprintf(out,
            "muster-invitation: 1\nprogramme: p\nprincipal: unit:u1\nmembers: tcp://127.0.0.1:1\n"
            "enrol: %s\nfeed: tcp://127.0.0.1:2\nbroker_key: '%s'\nbroker_sign_key: 'ab%062d'\n"
            "token: '" TOKEN "'\nexpires: '2030-01-01T00:00:00Z'\n",
            f->endpoint, zcert_public_txt(f->cert), 0);
    fclose(out);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/muster-home-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->home, sizeof f->home, "%s/home", f->dir);
    snprintf(f->invitation, sizeof f->invitation, "%s/invite", f->dir);
    f->cert = zcert_new();
    f->router = zsock_new(ZMQ_ROUTER);
    zsock_set_curve_server(f->router, 1);
    zcert_apply(f->cert, f->router);
    assert_true(zsock_bind(f->router, "tcp://127.0.0.1:*") > 0);
    snprintf(f->endpoint, sizeof f->endpoint, "%s", zsock_endpoint(f->router));
    write_invitation(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    zsock_destroy(&f->router);
    zcert_destroy(&f->cert);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    int rc = system(command);
    free(f);
    return rc;
}

static int join(struct fixture *f, enum behaviour behaviour, struct mst_err *err)
{
    char principal[65] = "";
    f->behaviour = behaviour;
    f->actor = zactor_new(endpoint_main, f);
    int code = mst_home_join(f->home, f->invitation, behaviour == KEEP_SILENT ? 300 : 10000,
                             principal, err);
    zactor_destroy(&f->actor);
    if (!code)
        assert_string_equal(principal, "unit:u1");
    return code;
}

static mode_t mode_of(const struct fixture *f, const char *name)
{
    char path[160];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", f->home, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void joining_makes_a_home_that_loads(void **state)
{
    struct fixture *f = *state;
    struct mst_err err = {0};
    struct mst_home home;
    if (join(f, ENROL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(mode_of(f, "."), 0700);
    assert_int_equal(mode_of(f, "keys"), 0600);
    assert_int_equal(mode_of(f, "agent.yaml"), 0600);
    if (mst_home_load(f->home, &home, &err))
        fail_msg("%s", err.text);
    assert_string_equal(home.settings.AGENT_unit, "u1");
    assert_string_equal(home.settings.AGENT_broker, "tcp://127.0.0.1:1");
    assert_string_equal(home.settings.AGENT_broker_key, zcert_public_txt(f->cert));
    assert_memory_equal(home.keys.channel_public, f->channel_key[0], 32);
    mst_home_done(&home);
}

static void keys_are_on_disk_before_they_are_presented(void **state)
{
    struct fixture *f = *state;
    struct mst_err err = {0};
    assert_int_equal(join(f, ENROL, &err), 0);
    assert_true(f->keys_were_there);
}

static void home_that_is_there_is_refused(void **state)
{
    struct fixture *f = *state;
    struct mst_err err = {0};
    char principal[65];
    assert_int_equal(join(f, ENROL, &err), 0);
    assert_int_equal(mst_home_join(f->home, f->invitation, 100, principal, &err), MST_E_EXISTS);
}

static void refusal_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    struct mst_err err = {0};
    assert_int_equal(join(f, REFUSE, &err), MST_E_EXPIRED);
    assert_non_null(strstr(err.text, "was used already"));
    assert_int_not_equal(access(f->home, F_OK), 0);
}

static void silence_keeps_the_keys_for_the_next_attempt(void **state)
{
    struct fixture *f = *state;
    struct mst_err err = {0};
    assert_int_equal(join(f, KEEP_SILENT, &err), MST_E_UNREACHABLE);
    assert_int_equal(mst_home_load(f->home, &(struct mst_home){0}, &err), MST_E_UNKNOWN);
    assert_int_equal(join(f, ENROL, &err), 0);
    assert_memory_equal(f->channel_key[0], f->channel_key[1], 32);
}

static void broker_with_another_signing_key_is_not_believed(void **state)
{
    struct fixture *f = *state;
    struct mst_err err = {0};
    assert_int_equal(join(f, SIGN_WITH_ANOTHER_KEY, &err), MST_E_SIGNATURE);
    assert_int_equal(mst_home_load(f->home, &(struct mst_home){0}, &err), MST_E_UNKNOWN);
}

static void spoilt_invitation_names_its_field(void **state)
{
    struct fixture *f = *state;
    struct mst_err err = {0};
    char principal[65];
    snprintf(f->endpoint, sizeof f->endpoint, "ipc:///tmp/elsewhere");
    write_invitation(f);
    assert_int_equal(mst_home_join(f->home, f->invitation, 100, principal, &err), MST_E_INVALID);
    assert_non_null(strstr(err.text, "enrol"));
    assert_int_not_equal(access(f->home, F_OK), 0);
}

/* A joined home with one thing wrong. */
static void expect_denied(struct fixture *f, const char *spoil, const char *hint)
{
    char command[512];
    struct mst_home home;
    struct mst_err err = {0};
    snprintf(command, sizeof command, "cd %s && %s", f->home, spoil);
    assert_int_equal(system(command), 0);
    assert_int_equal(mst_home_load(f->home, &home, &err), MST_E_DENIED);
    assert_non_null(strstr(err.hint, hint));
}

static void readable_secret_keys_are_refused_with_the_remedy(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(join(f, ENROL, NULL), 0);
    expect_denied(f, "chmod 640 keys", "chmod 600");
    expect_denied(f, "chmod 604 keys", "chmod 600");
}

static void linked_secret_keys_are_refused(void **state)
{
    struct fixture *f = *state;
    struct mst_home home;
    char command[256];
    assert_int_equal(join(f, ENROL, NULL), 0);
    snprintf(command, sizeof command, "cd %s && mv keys real && ln -s real keys", f->home);
    assert_int_equal(system(command), 0);
    assert_int_equal(mst_home_load(f->home, &home, NULL), MST_E_DENIED);
}

static void home_that_others_may_write_to_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(join(f, ENROL, NULL), 0);
    expect_denied(f, "chmod 770 .", "chmod 700");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(joining_makes_a_home_that_loads),
        CASE(keys_are_on_disk_before_they_are_presented),
        CASE(home_that_is_there_is_refused),
        CASE(refusal_leaves_nothing_behind),
        CASE(silence_keeps_the_keys_for_the_next_attempt),
        CASE(broker_with_another_signing_key_is_not_believed),
        CASE(spoilt_invitation_names_its_field),
        CASE(readable_secret_keys_are_refused_with_the_remedy),
        CASE(linked_secret_keys_are_refused),
        CASE(home_that_others_may_write_to_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
