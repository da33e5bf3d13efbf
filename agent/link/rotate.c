/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fresh keys for a home. Each step leaves the disk in a state from which the next attempt goes on:
 *
 *   1  keys.next is made, synced             `keys` is what the broker knows
 *   2  the broker registers it               both are good, for the overlap
 *   3  a session is opened with it           it is known to be good
 *   4  keys.next is renamed to `keys`        the old secret is gone
 *
 * An attempt that finds keys.next presents the same keys again, which the broker answers again;
 * when the old ones are no longer taken, it tries whether the new ones are. Nothing is ever without
 * keys.
 */
#include "agent/link/home.h"
#include "config/load/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/link/link.h"
#include "config/load/testing.h"

#define PATH_MAX_BYTES (4096 + 16)

struct rotation {
    struct mst_home home;
    struct mst_keys fresh;
    char path[PATH_MAX_BYTES], next[PATH_MAX_BYTES];
    bool found; /* keys.next is of an earlier attempt */
    int timeout_ms;
};

static int sync_home(const struct rotation *r, struct mst_err *err)
{
    int fd = open(r->home.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    int failed = errno;
    if (fd >= 0)
        close(fd);
    return good ? 0 : mst_fail_system(err, r->home.dir, failed);
}

static int make_next(struct rotation *r, struct mst_err *err)
{
    r->found = access(r->next, F_OK) == 0;
    if (r->found)
        return mst_keys_read(r->next, &r->fresh, err);
    int code = mst_keys_make(&r->fresh, err);
    if (!code)
        code = mst_keys_write(r->next, &r->fresh, err);
    if (!code)
        code = sync_home(r, err);
    MST_FAILPOINT("agent.rotate-made");
    return code;
}

/* ---- the exchange ---- */

static int open_link(const struct rotation *r, const struct mst_keys *keys, struct mst_link **ret,
                     struct mst_err *err)
{
    char name[32];
    snprintf(name, sizeof name, "rotate-%ld", (long)getpid());
    const struct mst_link_options options = {.endpoint = r->home.settings.AGENT_broker,
                                             .home = &r->home,
                                             .keys = keys,
                                             .programme = r->home.settings.AGENT_programme,
                                             .kind = "ctl",
                                             .name = name};
    return mst_link_new(&options, ret, err);
}

static int send_rotate(const struct rotation *r, struct mst_link *link, struct mst_err *err)
{
    uint8_t sig[MST_SIGN_BYTES], new_sig[MST_SIGN_BYTES];
    const struct mst_rotation text = {.programme = r->home.settings.AGENT_programme,
                                      .principal = r->home.settings.AGENT_principal,
                                      .old_channel = r->home.keys.channel_public,
                                      .new_channel = r->fresh.channel_public,
                                      .new_sign = r->fresh.sign_public};
    mst_rotation_sign(r->home.keys.sign_secret, &text, sig);
    mst_rotation_sign(r->fresh.sign_secret, &text, new_sig);
    struct mst_msg msg = {.type = MST_MSG_rotate};
    msg.u.rotate.channel_key = mst_bytes(r->fresh.channel_public, MST_CHANNEL_KEY_BYTES);
    msg.u.rotate.sign_key = mst_bytes(r->fresh.sign_public, MST_SIGN_PUBLIC_BYTES);
    msg.u.rotate.alg = mst_text(MST_ALG_ED25519_BLAKE2B);
    msg.u.rotate.sig = mst_bytes(sig, sizeof sig);
    msg.u.rotate.new_sig = mst_bytes(new_sig, sizeof new_sig);
    return mst_link_send(link, &msg, err);
}

/* With the old keys: say which ones take their place. ret_refused: the broker itself said no. */
static int register_next(struct rotation *r, bool *ret_refused, struct mst_err *err)
{
    struct mst_link *link = NULL;
    *ret_refused = false;
    int code = open_link(r, &r->home.keys, &link, err);
    if (!code)
        code = mst_link_await(link, MST_LINK_UP, r->timeout_ms, ret_refused, err);
    if (!code)
        code = send_rotate(r, link, err);
    if (!code)
        code = mst_link_await(link, MST_LINK_MESSAGE, r->timeout_ms, ret_refused, err);
    mst_link_free(link);
    MST_FAILPOINT("agent.rotate-registered");
    return code;
}

static int try_next(struct rotation *r, struct mst_err *err)
{
    struct mst_link *link = NULL;
    bool refused;
    int code = open_link(r, &r->fresh, &link, err);
    if (!code)
        code = mst_link_await(link, MST_LINK_UP, r->timeout_ms, &refused, err);
    mst_link_free(link);
    return code;
}

static int switch_over(struct rotation *r, struct mst_err *err)
{
    MST_FAILPOINT("agent.rotate-tried");
    if (rename(r->next, r->path) != 0)
        return mst_fail_system(err, r->path, errno);
    return sync_home(r, err);
}

static int rotate(struct rotation *r, struct mst_err *err)
{
    bool refused;
    int code = make_next(r, err);
    if (code)
        return code;
    code = register_next(r, &refused, err);
    /* An earlier attempt may have come further than it knew, and the old keys are over by now. */
    if (code && r->found && try_next(r, NULL) == 0)
        return switch_over(r, err);
    if (code) {
        if (refused && !r->found)
            unlink(r->next);
        return code;
    }
    code = try_next(r, err);
    return code ? code : switch_over(r, err);
}

int mst_home_rotate(const char *dir, int timeout_ms, struct mst_err *err)
{
    struct rotation r = {.timeout_ms = timeout_ms};
    int code = mst_home_load(dir, &r.home, err);
    if (code)
        return code;
    snprintf(r.path, sizeof r.path, "%s/keys", r.home.dir);
    snprintf(r.next, sizeof r.next, "%s/keys.next", r.home.dir);
    code = rotate(&r, err);
    mst_keys_wipe(&r.fresh);
    mst_home_done(&r.home);
    return code;
}
