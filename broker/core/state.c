/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core knows beside obligations and time, and its stored form; and silences. A silence
 * holds back what the ladder and the pace would tell, while it lasts, and nothing else: phases go
 * on, verdicts are written, and whoever was told before hears of the end.
 */
#include <stdio.h>
#include <string.h>

#include "broker/core/authz.h"
#include "broker/core/inside.h"
#include "proto/pack.h"
#include "proto/validate.h"

struct mst_state *mst_state_touch(struct mst_core *core)
{
    if (!core->state_touched)
        core->state_before = core->state;
    core->state_touched = true;
    return &core->state;
}

/* ---- the stored form ---- */

/* The longest that each gets. A text takes two bytes more than its own, and no end. */
#define TEXT_BYTES(type, member) (1 + sizeof((struct type *)0)->member)
#define NUMBER_BYTES 9
#define WORD_BYTES 32
#define SILENCE_BYTES (TEXT_BYTES(mst_silence, target) + NUMBER_BYTES)
#define QUIET_BYTES (TEXT_BYTES(mst_quiet, unit) + NUMBER_BYTES + 1)
#define TOLD_BYTES (TEXT_BYTES(mst_told, who) + 1 + WORD_BYTES + NUMBER_BYTES)
#define FRAME_BYTES 64
_Static_assert(FRAME_BYTES + MST_SILENCES_MAX * SILENCE_BYTES + MST_QUIETS_MAX * QUIET_BYTES +
                       MST_TOLDS_MAX * TOLD_BYTES <=
                   MST_CORE_STATE_BYTES_MAX,
               "what is stored is read again");

void mst_core_state_pack(const struct mst_core *core, struct mst_buf *out)
{
    const struct mst_state *state = &core->state;
    mst_pack_map(out, 4);
    mst_pack_text(out, "silences");
    mst_pack_array(out, 2 * (size_t)state->silences_count);
    for (uint32_t i = 0; i < state->silences_count; i++) {
        mst_pack_text(out, state->silences[i].target);
        mst_pack_int(out, state->silences[i].until);
    }
    mst_pack_text(out, "quiets");
    mst_pack_array(out, 3 * (size_t)state->quiets_count);
    for (uint32_t i = 0; i < state->quiets_count; i++) {
        mst_pack_text(out, state->quiets[i].unit);
        mst_pack_int(out, state->quiets[i].heard);
        mst_pack_bool(out, state->quiets[i].told);
    }
    mst_pack_text(out, "tolds");
    mst_pack_array(out, 3 * (size_t)state->tolds_count);
    for (uint32_t i = 0; i < state->tolds_count; i++) {
        mst_pack_text(out, state->tolds[i].who);
        mst_pack_text(out, mst_security_word(state->tolds[i].event));
        mst_pack_int(out, state->tolds[i].at);
    }
    mst_pack_text(out, "path_since");
    mst_pack_int(out, state->path_since);
}

static bool next_text(struct mst_unpack *u, char *text, size_t size)
{
    struct mst_value v;
    if (!mst_unpack_next(u, &v) || v.kind != MST_VALUE_TEXT || v.s.len >= size)
        return false;
    mst_slice_copy(v.s, text, size);
    return true;
}

static bool next_time(struct mst_unpack *u, mst_time *at)
{
    struct mst_value v;
    if (!mst_unpack_next(u, &v) || v.kind != MST_VALUE_INT)
        return false;
    *at = v.i;
    return true;
}

/* The array of a field, of so many values an element; false: none, or too long. */
static bool open_array(struct mst_slice bytes, const char *field, size_t width, size_t elements_max,
                       struct mst_unpack *u, uint32_t *count)
{
    struct mst_slice raw;
    struct mst_value head;
    if (!mst_unpack_find(bytes, field, &raw))
        return false;
    mst_unpack_init(u, raw.data, raw.len);
    if (!mst_unpack_next(u, &head) || head.kind != MST_VALUE_ARRAY || head.count % width != 0 ||
        head.count / width > elements_max)
        return false;
    *count = (uint32_t)(head.count / width);
    return true;
}

/* A state of before there were any has none. */
static bool read_tolds(struct mst_slice bytes, struct mst_state *state)
{
    struct mst_slice raw;
    struct mst_unpack u;
    struct mst_value word;
    if (!mst_unpack_find(bytes, "tolds", &raw))
        return true;
    if (!open_array(bytes, "tolds", 3, MST_TOLDS_MAX, &u, &state->tolds_count))
        return false;
    for (uint32_t i = 0; i < state->tolds_count; i++) {
        struct mst_told *told = &state->tolds[i];
        if (!next_text(&u, told->who, sizeof told->who) || !mst_unpack_next(&u, &word) ||
            word.kind != MST_VALUE_TEXT || !mst_security_of_word(word.s, &told->event) ||
            !next_time(&u, &told->at))
            return false;
    }
    return true;
}

static bool read_state(struct mst_slice bytes, struct mst_state *state)
{
    struct mst_unpack u;
    struct mst_value told;
    if (!open_array(bytes, "silences", 2, MST_SILENCES_MAX, &u, &state->silences_count))
        return false;
    for (uint32_t i = 0; i < state->silences_count; i++) {
        struct mst_silence *silence = &state->silences[i];
        if (!next_text(&u, silence->target, sizeof silence->target) ||
            !next_time(&u, &silence->until))
            return false;
    }
    if (!open_array(bytes, "quiets", 3, MST_QUIETS_MAX, &u, &state->quiets_count))
        return false;
    for (uint32_t i = 0; i < state->quiets_count; i++) {
        struct mst_quiet *quiet = &state->quiets[i];
        if (!next_text(&u, quiet->unit, sizeof quiet->unit) || !next_time(&u, &quiet->heard) ||
            !mst_unpack_next(&u, &told) || told.kind != MST_VALUE_BOOL)
            return false;
        quiet->told = told.boolean;
    }
    state->path_since = mst_unpack_int(bytes, "path_since", 0);
    return read_tolds(bytes, state);
}

int mst_core_restore_state(struct mst_core *core, struct mst_slice bytes, struct mst_err *err)
{
    /* Filled in place: it is too large for the stack, and a core that cannot be restored is not
     * used. */
    memset(&core->state, 0, sizeof core->state);
    if (mst_validate(bytes.data, bytes.len, NULL) || !read_state(bytes, &core->state))
        return mst_fail_on(err, MST_E_CORRUPT, "state");
    return 0;
}

/* ---- silences ---- */

static bool covers(const char *target, const struct mst_obligation *o)
{
    if (strncmp(target, "unit:", 5) == 0)
        return strcmp(target + 5, o->bearer) == 0;
    if (strncmp(target, "duty:", 5) == 0)
        return strcmp(target + 5, o->duty) == 0;
    return strcmp(target, o->id) == 0;
}

bool mst_silenced(const struct mst_core *core, const struct mst_obligation *o, mst_time at)
{
    for (uint32_t i = 0; i < core->state.silences_count; i++) {
        if (core->state.silences[i].until > at && covers(core->state.silences[i].target, o))
            return true;
    }
    return false;
}

bool mst_core_silenced(const struct mst_core *core, const struct mst_obligation *o, mst_time at)
{
    return mst_silenced(core, o, at);
}

/* Whether there is such a thing, and whether it is the office's own, which only the director may
 * quiet: an office that silences itself would hide what it owes. */
static bool known(const struct mst_core *core, const char *target, bool *ret_own)
{
    const struct mst_programme *p = core->programme;
    size_t host = p->offices_count ? p->offices[0].host : SIZE_MAX;
    *ret_own = false;
    if (strncmp(target, "unit:", 5) == 0) {
        uint32_t unit = mst_names_unit(&core->names, p, mst_text(target + 5));
        *ret_own = unit != MST_NONE && unit == host;
        return unit != MST_NONE;
    }
    if (strncmp(target, "duty:", 5) == 0) {
        uint32_t duty = mst_names_duty(p, mst_text(target + 5));
        if (duty != MST_NONE)
            *ret_own = p->duties[duty].bearer == MST_BEARER_OFFICE ||
                       p->duties[duty].counterpart == MST_COUNTERPART_DIRECTOR;
        return duty != MST_NONE;
    }
    const struct mst_slot *slot = mst_table_by_id(&core->table, mst_text(target));
    *ret_own = slot && slot->o.director;
    return slot != NULL;
}

static enum mst_code may(const struct mst_step *s, const struct mst_input_act *act)
{
    struct mst_actor actor = {.principal = act->actor, .roles = act->roles};
    bool own;
    if (!mst_authz(s->core->programme, &actor, act->act, NULL))
        return MST_E_DENIED;
    if (!act->obligation || !known(s->core, act->obligation, &own))
        return MST_E_UNKNOWN;
    return own && !(act->roles & MST_ROLE_DIRECTOR) ? MST_R_CONFLICT_OF_INTEREST : MST_OK;
}

/* Take out what is over, and the target's own. true: it had one that was not over. */
static bool take_out(struct mst_state *state, const char *target, mst_time now)
{
    uint32_t kept = 0;
    bool had = false;
    for (uint32_t i = 0; i < state->silences_count; i++) {
        const struct mst_silence *silence = &state->silences[i];
        bool same = strcmp(silence->target, target) == 0;
        had = had || (same && silence->until > now);
        if (!same && silence->until > now)
            state->silences[kept++] = *silence;
    }
    memset(&state->silences[kept], 0, (state->silences_count - kept) * sizeof state->silences[0]);
    state->silences_count = kept;
    return had;
}

static enum mst_code silence(struct mst_step *s, const struct mst_input_act *act,
                             const char **subject)
{
    if (!act->reason || !act->reason[0])
        return MST_R_REASON;
    if (act->until <= s->now || strlen(act->obligation) >= MST_OBLIGATION_ID_MAX) {
        *subject = "until: " N_("must lie ahead");
        return MST_R_FORM;
    }
    struct mst_state *state = mst_state_touch(s->core);
    take_out(state, act->obligation, s->now);
    if (state->silences_count == MST_SILENCES_MAX)
        return MST_E_FULL;
    struct mst_silence *added = &state->silences[state->silences_count++];
    snprintf(added->target, sizeof added->target, "%s", act->obligation);
    added->until = act->until;
    return MST_OK;
}

bool mst_silence_apply(struct mst_step *s, const struct mst_input_act *act)
{
    bool begins = strcmp(act->act, "silence") == 0;
    if (!begins && strcmp(act->act, "unsilence") != 0)
        return false;
    const char *subject = act->obligation ? act->obligation : "";
    enum mst_code code = may(s, act);
    if (code == MST_OK && begins)
        code = silence(s, act, &subject);
    else if (code == MST_OK && !take_out(mst_state_touch(s->core), act->obligation, s->now))
        code = MST_R_STATE;
    if (code == MST_OK)
        mst_emit_accepted(s);
    else
        mst_emit_refused(s, code, subject);
    return true;
}
