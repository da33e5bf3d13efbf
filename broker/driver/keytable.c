/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is known: keys and invitations. The table in memory is fed from the store and is what every
 * handshake and every message is checked against. Keys and tokens live by real time, also in a
 * rehearsal.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/driver/driver_impl.h"
#include "broker/driver/roles.h"
#include "config/load/testing.h"

#define HOUR_MS ((mst_time)3600 * 1000)
/* What is stored of a rotation, and of the key that memory keeps for ever as well. */
#define KEY_BYTES 65536

static size_t key_position(const struct mst_driver *d, const uint8_t channel[32], bool *ret_found)
{
    size_t low = 0, high = d->keys_count;
    *ret_found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = memcmp(d->keys[mid].key.channel, channel, 32);
        if (cmp == 0) {
            *ret_found = true;
            return mid;
        }
        if (cmp < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int keep_key(struct mst_driver *d, struct mst_engine *e, const struct mst_key *key,
                    struct mst_err *err)
{
    bool found;
    size_t at = key_position(d, key->channel, &found);
    if (!found) {
        if (d->keys_count == d->keys_cap) {
            size_t cap = d->keys_cap ? 2 * d->keys_cap : 64;
            struct mst_known_key *grown = realloc(d->keys, cap * sizeof *grown);
            if (!grown)
                return mst_fail_on(err, MST_E_NOMEM, "keys");
            d->keys = grown;
            d->keys_cap = cap;
        }
        memmove(d->keys + at + 1, d->keys + at, (d->keys_count - at) * sizeof *d->keys);
        d->keys_count++;
    }
    d->keys[at].engine = e;
    d->keys[at].key = *key;
    return 0;
}

struct key_load {
    struct mst_driver *d;
    struct mst_engine *e;
    int code;
    struct mst_err *err;
};

static int load_key(void *context, const struct mst_key *key)
{
    struct key_load *l = context;
    l->code = keep_key(l->d, l->e, key, l->err);
    return l->code;
}

int mst_keys_load(struct mst_driver *d, struct mst_engine *e, struct mst_err *err)
{
    struct key_load l = {.d = d, .e = e, .err = err};
    int code = mst_reader_keys(mst_store_own_reader(d->options.store), e->pid, load_key, &l, err);
    return code ? code : l.code;
}

const struct mst_key *mst_driver_key(const struct mst_driver *d, const uint8_t channel[32],
                                     struct mst_engine **ret_engine)
{
    bool found;
    size_t at = key_position(d, channel, &found);
    if (!found)
        return NULL;
    if (ret_engine)
        *ret_engine = d->keys[at].engine;
    return &d->keys[at].key;
}

int mst_key_check(const struct mst_key *key, mst_time wall_ms)
{
    if (key->status != MST_KEY_ACTIVE)
        return MST_E_REVOKED;
    return wall_ms >= key->not_after ? MST_E_EXPIRED : 0;
}

void mst_key_fingerprint(const uint8_t channel[32], char ret_text[17])
{
    uint8_t hash[MST_HASH_BYTES];
    struct mst_slice part = mst_bytes(channel, 32);
    mst_hash(&part, 1, hash);
    sodium_bin2hex(ret_text, 17, hash, 8);
}

/* ---- invitations ---- */

struct role_of_prefix {
    const char *prefix;
    unsigned roles;
};

static const struct role_of_prefix prefixes[] = {
    {"office:", MST_ROLE_OFFICE},
    {"director:", MST_ROLE_OFFICE | MST_ROLE_DIRECTOR},
    {"viewer:", MST_ROLE_VIEWER},
    {"admin:", MST_ROLE_ADMIN},
};

/* Who an invitation is for: a prefix with a name, or a unit of the programme. */
static int resolve_invited(const struct mst_engine *e, const char *who, struct mst_invitation *inv,
                           struct mst_err *err)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t len = strlen(prefixes[i].prefix);
        if (strncmp(who, prefixes[i].prefix, len) != 0)
            continue;
        const char *name = who + len;
        if (!name[0] || name[0] == '-' || strlen(who) >= sizeof inv->principal ||
            strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name))
            return mst_fail_on(err, MST_E_INVALID, who);
        snprintf(inv->principal, sizeof inv->principal, "%s", who);
        inv->roles = prefixes[i].roles;
        return 0;
    }
    const char *id = strncmp(who, "unit:", 5) == 0 ? who + 5 : who;
    size_t unit = mst_programme_unit_by_name(e->programme, id);
    if (unit == SIZE_MAX)
        return mst_fail_on(err, MST_E_UNKNOWN, id);
    snprintf(inv->unit, sizeof inv->unit, "%s", e->programme->units[unit].id);
    snprintf(inv->principal, sizeof inv->principal, "unit:%s", inv->unit);
    inv->roles = MST_ROLE_UNIT;
    return 0;
}

static void hash_token(const uint8_t token[16], uint8_t ret_hash[MST_HASH_BYTES])
{
    struct mst_slice parts[2] = {mst_text("muster.token.1"), mst_bytes(token, 16)};
    mst_hash(parts, 2, ret_hash);
}

int mst_driver_invite(struct mst_driver *d, struct mst_engine *e, const struct mst_caller *caller,
                      const char *who, int64_t hours, mst_time now, mst_time wall_ms,
                      uint8_t ret_token[16], struct mst_invitation *ret_invitation,
                      struct mst_err *err)
{
    struct mst_invitation inv = {.created = wall_ms, .expires = wall_ms + hours * HOUR_MS};
    int code = resolve_invited(e, who, &inv, err);
    if (code)
        return code;
    uint8_t token[16];
    randombytes_buf(token, sizeof token);
    hash_token(token, inv.token_hash);
    code = mst_driver_note(d, e, MST_ROW_KEY, caller, "enrol", inv.principal, NULL, now, err);
    if (!code)
        code = mst_store_put_invitation(d->options.store, e->pid, &inv, err);
    if (code)
        return code;
    memcpy(ret_token, token, sizeof token);
    sodium_memzero(token, sizeof token);
    *ret_invitation = inv;
    return 0;
}

struct token_search {
    uint8_t hash[MST_HASH_BYTES];
    struct mst_invitation found;
    bool ok;
};

static int match_token(void *context, const struct mst_invitation *invitation)
{
    struct token_search *s = context;
    if (sodium_memcmp(s->hash, invitation->token_hash, MST_HASH_BYTES) != 0)
        return 0;
    s->found = *invitation;
    s->ok = true;
    return 1;
}

static int find_token(struct mst_driver *d, const uint8_t token[16], struct token_search *s,
                      struct mst_engine **ret_engine, struct mst_err *err)
{
    hash_token(token, s->hash);
    for (size_t i = 0; i < d->engines_count && !s->ok; i++) {
        int code = mst_reader_invitations(mst_store_own_reader(d->options.store),
                                          d->engines[i]->pid, match_token, s, err);
        if (code)
            return code;
        *ret_engine = d->engines[i];
    }
    return 0;
}

static int answer_enrolled(struct mst_driver *d, struct mst_engine *e, uint64_t session,
                           const struct mst_key *key, struct mst_err *err)
{
    struct mst_slice roles[8];
    struct mst_msg msg = {.type = MST_MSG_enrolled};
    msg.u.enrolled.programme = mst_text(e->id);
    msg.u.enrolled.principal = mst_text(key->principal);
    msg.u.enrolled.roles = (struct mst_slices){roles, mst_roles_words(key->roles, roles)};
    msg.u.enrolled.sign_key = mst_bytes(d->options.keys->sign_public, MST_SIGN_PUBLIC_BYTES);
    return mst_driver_answer(d, session, &msg, err);
}

static int refuse_token(struct mst_driver *d, const struct mst_caller *caller, enum mst_code code,
                        const char *subject, struct mst_err *err)
{
    mst_driver_log(d, 4, mst_code_word((int)code), "from=stranger address=%s subject=\"%s\"",
                   caller->address, subject);
    return mst_driver_error(d, caller->session, code, subject, err);
}

static mst_time end_of_life(const struct mst_driver *d, mst_time wall_ms)
{
    return d->options.key_life_ms ? wall_ms + d->options.key_life_ms : MST_NEVER;
}

int mst_driver_enrol(struct mst_driver *d, const struct mst_caller *caller,
                     const struct mst_msg_enrol *enrol, mst_time now, mst_time wall_ms,
                     struct mst_err *err)
{
    struct token_search s = {.ok = false};
    struct mst_engine *e = NULL;
    int code = find_token(d, enrol->token.data, &s, &e, err);
    if (code)
        return code;
    if (!s.ok || !e)
        return refuse_token(d, caller, MST_R_NO_INVITATION, "token", err);
    struct mst_key key = {.roles = s.found.roles,
                          .created = wall_ms,
                          .not_after = end_of_life(d, wall_ms),
                          .status = MST_KEY_ACTIVE};
    memcpy(key.channel, enrol->channel_key.data, sizeof key.channel);
    memcpy(key.sign, enrol->sign_key.data, sizeof key.sign);
    snprintf(key.principal, sizeof key.principal, "%s", s.found.principal);
    snprintf(key.unit, sizeof key.unit, "%s", s.found.unit);
    struct mst_engine *of = NULL;
    const struct mst_key *known = mst_driver_key(d, key.channel, &of);
    bool same = known && of == e && memcmp(known->sign, key.sign, sizeof key.sign) == 0 &&
                strcmp(known->principal, key.principal) == 0 && mst_key_check(known, wall_ms) == 0;
    /* The same client that lost the first answer asks again: it gets it again, however late. */
    if (s.found.used && same)
        return answer_enrolled(d, e, caller->session, known, err);
    /* Only who brings a good invitation hears that its keys are in the way: it may make others. */
    if (s.found.used || wall_ms >= s.found.expires)
        return refuse_token(d, caller, MST_E_EXPIRED, "token", err);
    if (known && !same)
        return refuse_token(d, caller, MST_E_EXISTS, "channel_key", err);
    if (same) /* enrolled by an earlier invitation: this one is used up, and lengthens no life */
        key = *known;
    s.found.used = wall_ms;
    char fingerprint[17];
    mst_key_fingerprint(key.channel, fingerprint);
    struct mst_caller as = *caller;
    as.actor.principal = key.principal;
    code = mst_driver_note(d, e, MST_ROW_KEY, &as, "join", fingerprint, NULL, now, err);
    if (!code)
        code = mst_store_put_invitation(d->options.store, e->pid, &s.found, err);
    if (!code)
        code = mst_store_put_key(d->options.store, e->pid, &key, err);
    if (!code)
        code = keep_key(d, e, &key, err);
    if (!code)
        code = answer_enrolled(d, e, caller->session, &key, err);
    if (!code)
        mst_driver_log(d, 6, "joined", "principal=%s fingerprint=%s address=%s", key.principal,
                       fingerprint, caller->address);
    return code;
}

/* ---- rotation ---- */

/* Both keys speak: the old one that these take its place, the new one that it is held. */
static bool rotation_holds(const struct mst_engine *e, const struct mst_key *old,
                           const struct mst_msg_rotate *rotate)
{
    const struct mst_rotation r = {.programme = e->id,
                                   .principal = old->principal,
                                   .old_channel = old->channel,
                                   .new_channel = rotate->channel_key.data,
                                   .new_sign = rotate->sign_key.data};
    return mst_rotation_verify(old->sign, &r, rotate->sig.data, NULL) == 0 &&
           mst_rotation_verify(rotate->sign_key.data, &r, rotate->new_sig.data, NULL) == 0;
}

static int replace_key(struct mst_engine *e, const struct mst_caller *caller, struct mst_key *old,
                       const struct mst_key *fresh, mst_time now, mst_time wall_ms,
                       struct mst_err *err)
{
    struct mst_driver *d = e->driver;
    char before[17], after[17], words[64];
    mst_key_fingerprint(old->channel, before);
    mst_key_fingerprint(fresh->channel, after);
    snprintf(words, sizeof words, "replaces %s", before);
    if (old->not_after > wall_ms + d->options.key_overlap_ms)
        old->not_after = wall_ms + d->options.key_overlap_ms;
    int code = mst_driver_note(d, e, MST_ROW_KEY, caller, "rotate", after, words, now, err);
    if (!code)
        code = mst_store_put_key(d->options.store, e->pid, old, err);
    if (!code)
        code = mst_store_put_key(d->options.store, e->pid, fresh, err);
    if (!code)
        code = keep_key(d, e, old, err);
    if (!code)
        code = keep_key(d, e, fresh, err);
    if (!code)
        mst_driver_log(d, 6, "rotated", "principal=%s fingerprint=%s before=%s address=%s",
                       fresh->principal, after, before, caller->address);
    return code;
}

static int refuse_rotation(struct mst_driver *d, const struct mst_caller *caller,
                           enum mst_code code, struct mst_err *err)
{
    mst_driver_log(d, 4, mst_code_word((int)code), "from=%s address=%s subject=\"rotate\"",
                   caller->actor.principal, caller->address);
    return mst_driver_error(d, caller->session, code, "rotate", err);
}

int mst_driver_rotate(struct mst_driver *d, const struct mst_caller *caller,
                      const uint8_t old_channel[32], const struct mst_msg_rotate *rotate,
                      mst_time now, mst_time wall_ms, struct mst_err *err)
{
    struct mst_engine *e = NULL;
    const struct mst_key *asking = mst_driver_key(d, old_channel, &e);
    if (!asking)
        return refuse_rotation(d, caller, MST_E_DENIED, err);
    if (!mst_slice_is(rotate->alg, MST_ALG_ED25519_BLAKE2B))
        return refuse_rotation(d, caller, MST_E_VERSION, err);
    struct mst_key old = *asking, fresh = *asking;
    if (!MST_MUTANT("rotation-not-verified") && !rotation_holds(e, &old, rotate)) {
        int code = mst_driver_note_attempt(d, e, caller, "signature", "rotate", now, err);
        return code ? code : refuse_rotation(d, caller, MST_E_SIGNATURE, err);
    }
    memcpy(fresh.channel, rotate->channel_key.data, sizeof fresh.channel);
    memcpy(fresh.sign, rotate->sign_key.data, sizeof fresh.sign);
    fresh.created = wall_ms;
    fresh.not_after = end_of_life(d, wall_ms);
    const struct mst_key *known = mst_driver_key(d, fresh.channel, NULL);
    if (known &&
        (memcmp(known->sign, fresh.sign, sizeof fresh.sign) != 0 ||
         memcmp(known->channel, old.channel, sizeof old.channel) == 0 ||
         strcmp(known->principal, fresh.principal) != 0 || mst_key_check(known, wall_ms) != 0))
        return refuse_rotation(d, caller, MST_E_EXISTS, err);
    if (!known && !mst_driver_take_room(d, e, caller, KEY_BYTES, now))
        return refuse_rotation(d, caller, MST_E_QUOTA, err);
    int code = known ? 0 : replace_key(e, caller, &old, &fresh, now, wall_ms, err);
    return code ? code : answer_enrolled(d, e, caller->session, &fresh, err);
}

/* ---- expiry ---- */

mst_time mst_driver_next_expiry(const struct mst_driver *d, unsigned roles, mst_time wall_ms)
{
    mst_time next = MST_NEVER;
    for (size_t i = 0; i < d->keys_count; i++) {
        const struct mst_key *key = &d->keys[i].key;
        if ((key->roles & roles) && mst_key_check(key, wall_ms) == 0 && key->not_after < next)
            next = key->not_after;
    }
    return next;
}

static bool is_replaced(const struct mst_driver *d, const struct mst_known_key *known,
                        mst_time wall_ms)
{
    for (size_t i = 0; i < d->keys_count; i++) {
        const struct mst_known_key *other = &d->keys[i];
        if (other->engine == known->engine && other->key.not_after > known->key.not_after &&
            mst_key_check(&other->key, wall_ms) == 0 &&
            strcmp(other->key.principal, known->key.principal) == 0)
            return true;
    }
    return false;
}

size_t mst_driver_expiring(const struct mst_driver *d, mst_time wall_ms, mst_time before_ms,
                           void (*fn)(void *context, const struct mst_key *key), void *context)
{
    size_t count = 0;
    for (size_t i = 0; i < d->keys_count; i++) {
        const struct mst_known_key *known = &d->keys[i];
        if (mst_key_check(&known->key, wall_ms) != 0 || known->key.not_after >= before_ms ||
            is_replaced(d, known, wall_ms))
            continue;
        count++;
        if (fn)
            fn(context, &known->key);
    }
    return count;
}

/* ---- revocation ---- */

static int pack_key_row(struct mst_buf *rows, const struct mst_key *key, const char *fingerprint)
{
    mst_pack_map(rows, 3);
    mst_pack_text(rows, "principal");
    mst_pack_text(rows, key->principal);
    mst_pack_text(rows, "fingerprint");
    mst_pack_text(rows, fingerprint);
    mst_pack_text(rows, "status");
    mst_pack_text(rows, "revoked");
    return rows->failed ? MST_E_NOMEM : 0;
}

/* How an invitation names a unit, a key may be named, too. Returns "" for what is no unit. */
static const char *unit_named(const struct mst_engine *e, const char *who)
{
    const char *name = strncmp(who, "unit:", 5) == 0 ? who + 5 : who;
    size_t unit = mst_programme_unit_by_name(e->programme, name);
    return unit == SIZE_MAX ? "" : e->programme->units[unit].id;
}

int mst_driver_revoke(struct mst_driver *d, struct mst_engine *e, const struct mst_caller *caller,
                      const char *who, const char *reason, mst_time now, mst_time wall_ms,
                      struct mst_buf *rows, size_t *ret_count, bool *ret_office,
                      struct mst_err *err)
{
    int code = mst_driver_open_batch(d, err);
    const char *unit = unit_named(e, who);
    bool known = unit[0];
    *ret_count = 0;
    *ret_office = false;
    for (size_t i = 0; !code && i < d->keys_count; i++) {
        struct mst_key *key = &d->keys[i].key;
        char fingerprint[17];
        mst_key_fingerprint(key->channel, fingerprint);
        bool meant =
            strcmp(who, key->principal) == 0 || strcmp(who, fingerprint) == 0 ||
            (key->unit[0] && (strcmp(who, key->unit) == 0 || strcmp(unit, key->unit) == 0));
        if (d->keys[i].engine != e || !meant)
            continue;
        known = true;
        if (key->status == MST_KEY_REVOKED)
            continue;
        code = mst_driver_note(d, e, MST_ROW_KEY, caller, "revoke", fingerprint, reason, now, err);
        key->status = MST_KEY_REVOKED;
        key->revoked = wall_ms;
        if (!code)
            code = mst_store_put_key(d->options.store, e->pid, key, err);
        if (!code && pack_key_row(rows, key, fingerprint))
            code = mst_fail_on(err, MST_E_NOMEM, "keys");
        *ret_office = *ret_office || (key->roles & MST_ROLE_OFFICE);
        (*ret_count)++;
    }
    if (!code && *ret_count == 0)
        code = mst_fail_on(err, known ? MST_R_NO_KEY : MST_E_UNKNOWN, who);
    return code;
}
