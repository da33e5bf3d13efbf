/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ZAP handler (ZeroMQ RFC 27): decides each CURVE handshake from the key table in memory. It is
 * bound before any public socket, since without a handler everybody may come in.
 *
 * An unknown key on the members door is answered 300, not 400: it may yet be enrolled, and a client
 * that is refused with 400 never connects again.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <zmq.h>

#include "broker/io/broker.h"
#include "config/load/testing.h"

#define ZAP_FRAMES 7
#define ZAP_FRAME_BYTES_MAX 256

struct zap_request {
    char version[ZAP_FRAME_BYTES_MAX], id[ZAP_FRAME_BYTES_MAX], domain[ZAP_FRAME_BYTES_MAX],
        address[ZAP_FRAME_BYTES_MAX], identity[ZAP_FRAME_BYTES_MAX], mechanism[ZAP_FRAME_BYTES_MAX],
        key[ZAP_FRAME_BYTES_MAX];
    size_t identity_len, key_len;
};

int mst_zap_open(struct mst_broker *b, struct mst_err *err)
{
    int linger = 0;
    b->zap = zmq_socket(b->zmq, ZMQ_REP);
    if (!b->zap || zmq_setsockopt(b->zap, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_bind(b->zap, "inproc://zeromq.zap.01") != 0)
        return mst_fail(err, MST_E_IO, _("authenticator: %s"), zmq_strerror(errno));
    return 0;
}

/* False when there is none waiting. A request with the wrong number of frames comes back empty. */
static bool receive(void *socket, struct zap_request *ret)
{
    char *fields[ZAP_FRAMES] = {ret->version,  ret->id,        ret->domain, ret->address,
                                ret->identity, ret->mechanism, ret->key};
    size_t count = 0;
    int more = 1;
    memset(ret, 0, sizeof *ret);
    while (more) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&frame);
            return false;
        }
        size_t len = zmq_msg_size(&frame);
        if (count < ZAP_FRAMES && len < ZAP_FRAME_BYTES_MAX) {
            memcpy(fields[count], zmq_msg_data(&frame), len);
            if (count == 4)
                ret->identity_len = len;
            if (count == 6)
                ret->key_len = len;
        }
        count++;
        more = zmq_msg_more(&frame);
        zmq_msg_close(&frame);
    }
    if (count != ZAP_FRAMES)
        ret->version[0] = '\0';
    return true;
}

static const char *judge(struct mst_broker *b, const struct zap_request *r, const char **ret_why)
{
    *ret_why = "not a CURVE handshake";
    if (strcmp(r->version, "1.0") != 0 || strcmp(r->mechanism, "CURVE") != 0 || r->key_len != 32)
        return "400";
    /* libzmq makes routing ids itself; one that a client chooses could collide with the next. */
    *ret_why = "chosen routing id";
    if (r->identity_len > 0)
        return "400";
    *ret_why = "";
    if (strcmp(r->domain, "enrol") == 0)
        return "200";
    struct mst_engine *engine = NULL;
    const struct mst_key *key = mst_driver_key(b->driver, (const uint8_t *)r->key, &engine);
    *ret_why = "unknown key";
    if (!key)
        return strcmp(r->domain, "members") == 0 ? "300" : "400";
    int code = mst_key_check(key, mst_clock_wall());
    *ret_why = mst_code_word(code);
    if (code == MST_E_REVOKED)
        mst_security_note(b, engine, MST_SECURITY_REVOKED_KEY, key->principal, r->address);
    if (code)
        return "400";
    *ret_why = "not an office key";
    if (strcmp(r->domain, "office") == 0 && !(key->roles & MST_ROLE_OFFICE))
        return "400";
    return "200";
}

void mst_zap_serve(struct mst_broker *b)
{
    struct zap_request r;
    while (receive(b->zap, &r)) {
        const char *why;
        const char *status = judge(b, &r, &why);
        char user[65] = "";
        if (status[0] == '2') {
            sodium_bin2hex(user, sizeof user, (const uint8_t *)r.key, 32);
        } else {
            b->refused_peers++;
            mst_log(&b->log, 4, "peer-refused", "address=%s domain=%s reason=\"%s\"", r.address,
                    r.domain, why);
        }
        zmq_send(b->zap, "1.0", 3, ZMQ_SNDMORE);
        zmq_send(b->zap, r.id, strlen(r.id), ZMQ_SNDMORE);
        zmq_send(b->zap, status, 3, ZMQ_SNDMORE);
        zmq_send(b->zap, why, strlen(why), ZMQ_SNDMORE);
        zmq_send(b->zap, user, strlen(user), ZMQ_SNDMORE);
        zmq_send(b->zap, "", 0, 0);
    }
}
