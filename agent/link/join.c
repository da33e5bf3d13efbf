/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining: an invitation becomes a home. The fresh keys are on disk, synced, before they are
 * presented, so that a crash or a lost answer after the broker registered them loses nothing: the
 * next attempt presents the same keys again, and the broker answers them again, also when the
 * invitation's time is over meanwhile. Keys of an earlier attempt that a good invitation cannot
 * get, since they were revoked or are somebody else's, make room for others. agent.yaml is renamed
 * into place only once the broker has said `enrolled`, and a directory without it is no home; a
 * broker that refuses fresh keys leaves nothing behind. Refuses a home that is there already.
 *
 * Renewing puts new keys into a home that is there, whose own are over, revoked or lost: they
 * are made beside the old ones, presented, and only then renamed into their place. All else in the
 * home stays, what is queued above all: an outbox belongs to the unit, and each run is signed when
 * it is sent.
 */
#include "agent/link/home.h"
#include "config/load/system.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "agent/link/invited.h"
#include "agent/link/link.h"
#include "agent/link/print.h"
#include "config/load/testing.h"
#include "proto/msg.h"

#define JOIN_MESSAGE_BYTES_MAX 65536
#define ASK_AGAIN_MS 2000 /* without an answer; to ask twice is to be answered twice */
#define HOME_PATH_MAX 4096
#define RENEWED_KEYS "keys.renewed"
#define RENEWED_PATH_MAX (HOME_PATH_MAX + sizeof "/" RENEWED_KEYS)

/* ---- the directory that becomes the home ---- */

static int sync_dir(const char *dir, struct mst_err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        int code = mst_fail_system(err, dir, errno);
        if (fd >= 0)
            close(fd);
        return code;
    }
    close(fd);
    return 0;
}

static int make_dir(const char *dir, struct mst_err *err)
{
    char parent[HOME_PATH_MAX];
    if (mkdir(dir, 0700) != 0)
        return errno == EEXIST ? 0 : mst_fail_system(err, dir, errno);
    snprintf(parent, sizeof parent, "%s", dir);
    char *slash = strrchr(parent, '/');
    if (!slash)
        return sync_dir(".", err);
    slash[slash == parent ? 1 : 0] = '\0';
    return sync_dir(parent, err);
}

/* Keys of an earlier attempt are taken up again: the broker may know them already. */
static int prepare_keys(const char *dir, const char *name, struct mst_keys *ret_keys,
                        bool *ret_fresh, struct mst_err *err)
{
    char path[HOME_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    *ret_fresh = access(path, F_OK) != 0;
    if (!*ret_fresh)
        return mst_keys_read(path, ret_keys, err);
    int code = mst_keys_make(ret_keys, err);
    if (!code)
        code = mst_keys_write(path, ret_keys, err);
    if (!code)
        code = sync_dir(dir, err);
    return code;
}

static bool forget_keys(const char *dir, const char *name)
{
    char path[HOME_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return unlink(path) == 0;
}

static bool put_settings(FILE *out, const struct mst_invited *inv)
{
    fprintf(out,
            "# Settings of this home; `musterctl settings` lists all of them.\n"
            "programme: \"%s\"\nzone: \"%s\"\nprincipal: \"%s\"\n",
            inv->programme, inv->zone, inv->principal);
    if (strncmp(inv->principal, "unit:", 5) == 0)
        fprintf(out, "unit: \"%s\"\n", inv->principal + 5);
    fprintf(out, "broker: \"%s\"\nbroker_key: '%s'\nbroker_sign_key: \"%s\"\n", inv->members,
            inv->broker_key, inv->broker_sign_key);
    return fflush(out) == 0 && fsync(fileno(out)) == 0;
}

static int write_settings(const char *dir, const struct mst_invited *inv, struct mst_err *err)
{
    char path[HOME_PATH_MAX], made[HOME_PATH_MAX];
    snprintf(path, sizeof path, "%s/agent.yaml", dir);
    snprintf(made, sizeof made, "%s/agent.yaml.new", dir);
    int fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out) {
        int code = mst_fail_system(err, made, errno);
        if (fd >= 0)
            close(fd);
        return code;
    }
    bool written = put_settings(out, inv);
    if (fclose(out) != 0 || !written || rename(made, path) != 0)
        return mst_fail_system(err, path, errno);
    return sync_dir(dir, err);
}

/* ---- the exchange ---- */

static int open_socket(void *ctx, const struct mst_invited *inv, const struct mst_keys *keys,
                       void **ret, struct mst_err *err)
{
    int zero = 0, one = 1;
    int64_t bytes_max = JOIN_MESSAGE_BYTES_MAX;
    void *socket = zmq_socket(ctx, ZMQ_DEALER);
    if (!socket)
        return mst_fail(err, MST_E_IO, _("cannot open a socket: %s"), zmq_strerror(zmq_errno()));
    /* Connecting with the pair that is to be enrolled proves that its secret half is held. */
    bool ok =
        zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero) == 0 &&
        /* What is asked while nobody is there does not pile up for when somebody is. */
        zmq_setsockopt(socket, ZMQ_IMMEDIATE, &one, sizeof one) == 0 &&
        zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max) == 0 &&
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, inv->broker_key, MST_Z85_KEY_CHARS + 1) == 0 &&
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->channel_public, MST_CHANNEL_KEY_BYTES) ==
            0 &&
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->channel_secret, MST_CHANNEL_KEY_BYTES) ==
            0 &&
        zmq_connect(socket, inv->enrol) == 0;
    int fault = zmq_errno();
    if (!ok) {
        zmq_close(socket);
        return mst_fail(err, MST_E_INVALID, "%s: %s", inv->enrol, zmq_strerror(fault));
    }
    *ret = socket;
    return 0;
}

static int send_enrol(void *socket, const struct mst_invited *inv, const struct mst_keys *keys,
                      struct mst_err *err)
{
    struct mst_msg msg = {.type = MST_MSG_enrol};
    msg.u.enrol.version = MST_PROTOCOL_VERSION;
    msg.u.enrol.token = mst_bytes(inv->token, sizeof inv->token);
    msg.u.enrol.channel_key = mst_bytes(keys->channel_public, sizeof keys->channel_public);
    msg.u.enrol.sign_key = mst_bytes(keys->sign_public, sizeof keys->sign_public);
    struct mst_buf buf = {0};
    int code = mst_msg_encode(&msg, &buf, err);
    if (!code && zmq_send(socket, buf.data, buf.len, ZMQ_DONTWAIT) < 0)
        code = mst_fail(err, MST_E_UNREACHABLE, "%s: %s", inv->enrol, zmq_strerror(zmq_errno()));
    mst_buf_done(&buf);
    return code;
}

/* "token" is all that the broker says to a stranger. */
static int no_longer_good(const struct mst_invited *inv, enum mst_code code, struct mst_err *err)
{
    mst_fail(err, code,
             code == MST_E_EXPIRED
                 ? _("the invitation for %s was used already, or its time is over")
                 : _("the broker does not know the invitation for %s"),
             inv->principal);
    mst_hint(err, "%s",
             _("each is good for one broker, one use and 24 hours unless said otherwise; ask the "
               "administrator for a new one (`musterctl enrol`)"));
    return (int)code;
}

/* ret_final: the broker has decided against it, so that fresh keys are worth nothing. */
static int take_answer(const struct mst_invited *inv, const struct mst_msg *msg, bool *ret_final,
                       struct mst_err *err)
{
    if (msg->type == MST_MSG_error) {
        char word[33];
        enum mst_code code = mst_code_of_word(mst_slice_copy(msg->u.error.code, word, sizeof word));
        /* Too many attempts at once says nothing about this invitation. */
        *ret_final = code != MST_E_RATE && code != MST_E_BUSY;
        if (code == MST_E_EXPIRED || code == MST_R_NO_INVITATION)
            return no_longer_good(inv, code, err);
        return mst_refusal(err, code, msg->u.error.subject);
    }
    if (msg->type != MST_MSG_enrolled)
        return mst_fail(err, MST_E_PROTOCOL, _("an unexpected answer: %s"),
                        mst_msg_word(msg->type));
    if (memcmp(inv->broker_sign_key_bytes, msg->u.enrolled.sign_key.data,
               sizeof inv->broker_sign_key_bytes) != 0)
        return mst_fail(err, MST_E_SIGNATURE, "%s",
                        _("the broker's signing key is not the one in the invitation"));
    if (!mst_slice_is(msg->u.enrolled.programme, inv->programme) ||
        !mst_slice_is(msg->u.enrolled.principal, inv->principal))
        return mst_fail(err, MST_E_IDENTITY, "%s",
                        _("the broker enrolled somebody else than the invitation names"));
    return 0;
}

static int receive_answer(void *socket, const struct mst_invited *inv, bool *ret_final,
                          struct mst_err *err)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&frame);
        return mst_fail_on(err, MST_E_UNREACHABLE, inv->enrol);
    }
    struct mst_msg_scratch *scratch = malloc(sizeof *scratch);
    struct mst_msg msg;
    int code = scratch ? mst_msg_decode(zmq_msg_data(&frame), zmq_msg_size(&frame), MST_DOWN,
                                        scratch, &msg, err)
                       : mst_fail_on(err, MST_E_NOMEM, "join");
    if (!code)
        code = take_answer(inv, &msg, ret_final, err);
    free(scratch);
    zmq_msg_close(&frame);
    return code;
}

static int no_answer(const struct mst_invited *inv, bool asked, struct mst_err *err)
{
    int code = mst_fail_on(err, MST_E_UNREACHABLE, inv->enrol);
    if (asked)
        mst_hint(err, "%s",
                 _("the broker may have enrolled the keys, which are kept: the same command again "
                   "brings its answer, even when the invitation's time is over meanwhile"));
    return code;
}

/* A connection that breaks takes the answer with it: ask again, on the one that follows. */
static int ask(void *socket, const struct mst_invited *inv, const struct mst_keys *keys,
               int timeout_ms, bool *ret_final, struct mst_err *err)
{
    int64_t now = mst_link_clock_ms(), end = now + timeout_ms, next = now;
    bool asked = false;
    for (; now < end; now = mst_link_clock_ms()) {
        bool due = now >= next;
        zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN | (due ? ZMQ_POLLOUT : 0)};
        if (zmq_poll(&item, 1, (long)((due || next > end ? end : next) - now)) < 0 &&
            zmq_errno() != EINTR)
            return mst_fail(err, MST_E_IO, "%s: %s", inv->enrol, zmq_strerror(zmq_errno()));
        if (item.revents & ZMQ_POLLIN)
            return receive_answer(socket, inv, ret_final, err);
        if (!(item.revents & ZMQ_POLLOUT))
            continue;
        int code = send_enrol(socket, inv, keys, err);
        if (code)
            return code;
        asked = true;
        next = mst_link_clock_ms() + ASK_AGAIN_MS;
    }
    return no_answer(inv, asked, err);
}

static int present(const struct mst_invited *inv, const struct mst_keys *keys, int timeout_ms,
                   bool *ret_final, struct mst_err *err)
{
    void *ctx = zmq_ctx_new();
    void *socket = NULL;
    int code =
        ctx ? open_socket(ctx, inv, keys, &socket, err) : mst_fail_on(err, MST_E_NOMEM, "join");
    if (!code)
        code = ask(socket, inv, keys, timeout_ms, ret_final, err);
    if (socket)
        zmq_close(socket);
    if (ctx)
        zmq_ctx_term(ctx);
    return code;
}

/* The keys of the file dir/name are the principal's when this returns 0. */
static int enrol_keys(const char *dir, const char *name, const struct mst_invited *inv,
                      int timeout_ms, struct mst_err *err)
{
    struct mst_keys keys;
    bool fresh, final, forgotten;
    int code;
    do {
        code = prepare_keys(dir, name, &keys, &fresh, err);
        if (code)
            return code;
        final = false;
        code = present(inv, &keys, timeout_ms, &final, err);
        mst_keys_wipe(&keys);
        /* Any other refusal is of the invitation: keys of an earlier one are for that to get. */
        forgotten = final && (fresh || code == MST_E_EXISTS) && forget_keys(dir, name);
    } while (forgotten && !fresh);
    return code;
}

static int refuse_present_home(const char *dir, struct mst_err *err)
{
    char path[HOME_PATH_MAX];
    snprintf(path, sizeof path, "%s/agent.yaml", dir);
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : mst_fail_system(err, path, errno);
    int code = mst_fail_on(err, MST_E_EXISTS, dir);
    mst_hint(err, "%s", _("choose another --home, or give it new keys with --renew"));
    return code;
}

int mst_home_join(const char *dir, const char *invitation_path, int timeout_ms,
                  char ret_principal[65], struct mst_err *err)
{
    struct mst_invited inv = {0};
    if (strlen(dir) + sizeof "/agent.yaml.new" > HOME_PATH_MAX)
        return mst_fail_on(err, MST_E_TOO_LARGE, dir);
    int code = refuse_present_home(dir, err);
    if (!code)
        code = mst_invited_read(invitation_path, &inv, err);
    if (!code)
        code = make_dir(dir, err);
    if (code)
        return code;
    code = enrol_keys(dir, "keys", &inv, timeout_ms, err);
    sodium_memzero(inv.token, sizeof inv.token);
    if (code) {
        rmdir(dir); /* unless there are keys in it, for the next attempt */
        return code;
    }
    MST_FAILPOINT("agent.join-enrolled");
    code = write_settings(dir, &inv, err);
    if (!code)
        snprintf(ret_principal, 65, "%s", inv.principal);
    return code;
}

/* ---- new keys for a home that is there ---- */

/* The home's outbox is of one principal, and its receipts are of one broker. */
static int check_same(const struct mst_home *home, const struct mst_invited *inv,
                      struct mst_err *err)
{
    const struct mst_settings *set = &home->settings;
    if (strcmp(set->AGENT_programme, inv->programme) != 0 ||
        strcmp(set->AGENT_principal, inv->principal) != 0) {
        mst_fail(err, MST_E_IDENTITY, _("the invitation is for %s of %s, the home is of %s of %s"),
                 inv->principal, inv->programme, set->AGENT_principal, set->AGENT_programme);
        mst_hint(err, "%s", _("choose another --home for it"));
        return MST_E_IDENTITY;
    }
    if (strcmp(set->AGENT_broker_key, inv->broker_key) == 0 &&
        strcmp(set->AGENT_broker_sign_key, inv->broker_sign_key) == 0)
        return 0;
    mst_fail(err, MST_E_SIGNATURE, "%s",
             _("the invitation is of another broker than the one whose keys this home has pinned"));
    mst_hint(err, "%s", _("ask the administrator; a new broker wants a new --home"));
    return MST_E_SIGNATURE;
}

static int put_keys(const char *dir, struct mst_err *err)
{
    char from[RENEWED_PATH_MAX], to[RENEWED_PATH_MAX];
    snprintf(from, sizeof from, "%s/" RENEWED_KEYS, dir);
    snprintf(to, sizeof to, "%s/keys", dir);
    MST_FAILPOINT("agent.renew-enrolled");
    if (rename(from, to) != 0)
        return mst_fail_system(err, to, errno);
    return sync_dir(dir, err);
}

static int renew(const struct mst_home *home, const struct mst_invited *inv, int timeout_ms,
                 struct mst_err *err)
{
    int code = check_same(home, inv, err);
    if (!code)
        code = enrol_keys(home->dir, RENEWED_KEYS, inv, timeout_ms, err);
    return code ? code : put_keys(home->dir, err);
}

int mst_home_renew(const char *dir, const char *invitation_path, int timeout_ms,
                   char ret_principal[65], struct mst_err *err)
{
    struct mst_invited inv = {0};
    struct mst_home home;
    if (strlen(dir) + sizeof "/" RENEWED_KEYS > HOME_PATH_MAX)
        return mst_fail_on(err, MST_E_TOO_LARGE, dir);
    int code = mst_home_load_keyless(dir, &home, err);
    if (code)
        return code;
    code = mst_invited_read(invitation_path, &inv, err);
    if (!code)
        code = renew(&home, &inv, timeout_ms, err);
    sodium_memzero(inv.token, sizeof inv.token);
    mst_home_done(&home);
    if (!code)
        snprintf(ret_principal, 65, "%s", inv.principal);
    return code;
}
