/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about acts: what is answered when somebody's words are longer than a refusal has room for.
 */
#include "tests/unit/driver_world.h"

/* A unit's name in characters of three bytes: wherever a refusal cuts it, `shift` moves the cut. */
static const char *long_name(char name[1024], size_t shift)
{
    size_t used = (size_t)snprintf(name, 1024, "unit:%.*s", (int)shift, "ab");
    while (used + 3 < 400)
        used += (size_t)snprintf(name + used, 1024 - used, "县");
    return name;
}

static void refused(struct world *w, const char *act, struct mst_slice body, const char *about)
{
    const struct mst_caller caller = {
        .session = SESSION,
        .actor = {.principal = "office:main", .roles = MST_ROLE_OFFICE | MST_ROLE_DIRECTOR},
        .address = "local"};
    struct mst_input_act input = {.actor = caller.actor.principal,
                                  .roles = caller.actor.roles,
                                  .act = act,
                                  .obligation = about,
                                  .reason = "why",
                                  .until = w->now + 1000,
                                  .body = body};
    struct mst_err err;
    assert_int_equal(mst_driver_act(w->driver, w->engine, &caller, 1, &input, w->now, &err), 0);
    commit(w);
    struct mst_msg msg = heard(w, 0, MST_MSG_reply);
    assert_false(mst_slice_is(msg.u.reply.code, "ok"));
    assert_true(msg.u.reply.subject.len > 250);
    assert_memory_equal(msg.u.reply.subject.data, about, msg.u.reply.subject.len);
    forget_answers(w);
}

static void refusal_cuts_long_words_between_characters(void **state)
{
    struct world *w = *state;
    char name[1024];
    static const char *const acts[] = {"silence", "unsilence", "grant", "amend-task", "waive"};
    for (size_t shift = 0; shift < 3; shift++) {
        for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
            refused(w, acts[i], (struct mst_slice){0}, long_name(name, shift));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refusal_cuts_long_words_between_characters, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
