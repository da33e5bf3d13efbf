/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enrolment door: whatever a stranger sends is answered, and registers a key only with the
 * token of an invitation. In an input, 16 letters T stand for a token that is good.
 */
#include "tests/fuzz/house.h"

#define TOKEN "TTTTTTTTTTTTTTTT"
#define TOKEN_BYTES (sizeof TOKEN - 1)

static struct fuzz_house house;

static void invite(uint8_t token[TOKEN_BYTES])
{
    struct mst_invitation invitation;
    struct mst_err err;
    struct world *w = house.w;
    struct mst_caller caller = {.session = SESSION,
                                .actor = {.principal = "uid:0", .roles = MST_ROLE_ADMIN},
                                .address = "local"};
    assert_int_equal(mst_driver_invite(w->driver, w->engine, &caller, "unit:alpha", 24, w->now,
                                       mst_clock_wall(), token, &invitation, &err),
                     0);
    commit(w);
    forget_answers(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mst_session *s = house_session(&house, MST_DOOR_ENROL);
    uint8_t token[TOKEN_BYTES];
    uint8_t *frame = malloc(size + 1);
    assert_non_null(frame);
    memcpy(frame, data, size);
    uint8_t *at = memmem(frame, size, TOKEN, TOKEN_BYTES);
    if (at) {
        invite(token);
        memcpy(at, token, TOKEN_BYTES);
    }
    size_t before = rows_of(house.w, MST_ROW_ACT, NULL);
    bool known = mst_driver_key(house.w->driver, s->channel, NULL) != NULL;
    house_hear(&house, s, frame, size);
    bool knows = mst_driver_key(house.w->driver, s->channel, NULL) != NULL;
    assert_true(at || (known == knows && rows_of(house.w, MST_ROW_ACT, NULL) == before));
    free(frame);
    return 0;
}
