/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims about sessions and what a request may do, in a broker without sockets that anybody is
 * connected to: what is sent is lost, what is stored is not.
 */
#include "broker/driver/roles.h"
#include "tests/unit/io_house.h"

/* A session as after its hello; `n` makes its route. */
static struct mst_session *guest(struct house *h, uint32_t n, const char *principal, unsigned roles,
                                 const char *kind)
{
    struct mst_session *s;
    struct mst_err err;
    uint8_t channel[32] = {0};
    assert_int_equal(
        mst_session_open(h->b, MST_DOOR_MEMBERS, (const uint8_t *)&n, sizeof n, &s, &err), 0);
    memcpy(channel, principal, strlen(principal));
    assert_int_equal(mst_session_set_key(h->b, s, channel, &err), 0);
    snprintf(s->principal, sizeof s->principal, "%s", principal);
    snprintf(s->kind, sizeof s->kind, "%s", kind);
    snprintf(s->name, sizeof s->name, "main");
    snprintf(s->address, sizeof s->address, "192.0.2.9");
    s->roles = roles;
    s->engine = h->w->engine;
    s->welcome = true;
    return s;
}

static struct mst_session *of_route(struct house *h, uint32_t n)
{
    return mst_session_by_route(h->b, MST_DOOR_MEMBERS, (const uint8_t *)&n, sizeof n);
}

/* ---- the table ---- */

static void sessions_are_found_by_route_and_number(void **state)
{
    struct house *h = *state;
    uint64_t ids[200];
    for (uint32_t i = 0; i < 200; i++)
        ids[i] = guest(h, i, "viewer:x", MST_ROLE_VIEWER, "ctl")->id;
    for (uint32_t i = 0; i < 200; i += 2)
        mst_session_close(h->b, of_route(h, i));
    assert_int_equal(h->b->sessions_count, 100);
    for (uint32_t i = 0; i < 200; i++) {
        struct mst_session *s = of_route(h, i);
        assert_int_equal(s != NULL, i % 2);
        assert_ptr_equal(mst_session_by_id(h->b, ids[i]), s);
    }
    uint32_t one = 1;
    assert_null(mst_session_by_route(h->b, MST_DOOR_ADMIN, (uint8_t *)&one, sizeof one));
}

static void later_hello_takes_the_place_of_its_like_only(void **state)
{
    struct house *h = *state;
    guest(h, 1, "unit:alpha", MST_ROLE_UNIT, "agent");
    guest(h, 2, "unit:alpha", MST_ROLE_UNIT, "watch");
    guest(h, 3, "unit:beta", MST_ROLE_UNIT, "agent");
    struct mst_session *later = guest(h, 4, "unit:alpha", MST_ROLE_UNIT, "agent");
    mst_session_supersede(h->b, later);
    assert_null(of_route(h, 1));
    assert_non_null(of_route(h, 2));
    assert_non_null(of_route(h, 3));
    assert_ptr_equal(of_route(h, 4), later);
}

static void what_was_on_its_way_is_not_for_the_next_hello(void **state)
{
    struct house *h = *state;
    struct mst_session *s = guest(h, 1, "unit:alpha", MST_ROLE_UNIT, "agent");
    uint64_t before = s->id;
    mst_session_begin(h->b, s);
    assert_null(mst_session_by_id(h->b, before));
    assert_ptr_equal(mst_session_by_id(h->b, s->id), s);
    assert_ptr_equal(of_route(h, 1), s);
}

static void silent_ones_are_forgotten_before_the_limit_refuses(void **state)
{
    struct house *h = *state;
    struct mst_session *s;
    struct mst_err err;
    h->b->settings.BROKER_connections_max = 16;
    for (uint32_t i = 0; i < 16; i++)
        guest(h, i, "unit:alpha", MST_ROLE_UNIT, i < 8 ? "agent" : "ctl")->heard_boot_ms -= 3600000;
    of_route(h, 0)->welcome = false; /* ended */
    uint32_t route = 100;
    assert_int_equal(
        mst_session_open(h->b, MST_DOOR_MEMBERS, (uint8_t *)&route, sizeof route, &s, &err), 0);
    assert_int_equal(h->b->sessions_count, 15 + 1);
    assert_null(of_route(h, 0));
    route = 101;
    assert_int_equal(
        mst_session_open(h->b, MST_DOOR_MEMBERS, (uint8_t *)&route, sizeof route, &s, &err),
        MST_E_TOO_LARGE);
    uint8_t odd[MST_ROUTING_ID_MAX + 1] = {0};
    assert_int_equal(mst_session_open(h->b, MST_DOOR_MEMBERS, odd, sizeof odd, &s, &err),
                     MST_E_PROTOCOL);
}

/* ---- limits ---- */

static void one_key_has_one_rate_however_many_connections(void **state)
{
    struct house *h = *state;
    h->b->settings.BROKER_rate_burst = 10;
    h->b->settings.BROKER_rate_bytes = h->b->settings.BROKER_rate_bytes_burst = 100000;
    h->b->settings.BROKER_rate_messages = 1;
    struct mst_session *a = guest(h, 1, "unit:alpha", MST_ROLE_UNIT, "agent");
    struct mst_session *b = guest(h, 2, "unit:alpha", MST_ROLE_UNIT, "watch");
    struct mst_session *other = guest(h, 3, "unit:beta", MST_ROLE_UNIT, "agent");
    int taken = 0;
    for (int i = 0; i < 40; i++)
        taken += mst_session_take(h->b, i % 2 ? a : b, 100);
    assert_in_range(taken, 10, 11); /* one more if a second ended on the way */
    assert_true(mst_session_take(h->b, other, 100));
    a->bucket->boot_ms -= 5000;
    assert_true(mst_session_take(h->b, b, 100));
}

static void window_bounds_what_is_unacknowledged(void **state)
{
    struct house *h = *state;
    struct mst_session *s = guest(h, 1, "unit:alpha", MST_ROLE_UNIT, "agent");
    h->b->settings.BROKER_window_reports = 100;
    assert_true(mst_session_take_window(h->b, s, 60));
    assert_true(mst_session_take_window(h->b, s, 40));
    assert_false(mst_session_take_window(h->b, s, 1));
    h->b->batch++; /* committed, and answered */
    assert_true(mst_session_take_window(h->b, s, 100));
    assert_false(mst_session_take_window(h->b, s, 4096));
}

/* ---- requests ---- */

static void ask(struct house *h, struct mst_session *s, const char *verb, size_t count,
                const char *const (*args)[2])
{
    struct mst_buf b = {0};
    struct mst_err err;
    mst_pack_map(&b, count);
    for (size_t i = 0; i < count; i++) {
        mst_pack_text(&b, args[i][0]);
        mst_pack_text(&b, args[i][1]);
    }
    struct mst_msg_request request = {
        .id = 1, .verb = mst_text(verb), .args = mst_bytes(b.data, b.len)};
    s->welcome = true; /* what it is told is lost, and ends it */
    assert_int_equal(mst_request_serve(h->b, s, &request, h->w->now, &err), 0);
    mst_buf_done(&b);
}

static void act_upon_the_broker_is_asked_for_whatever_its_arguments(void **state)
{
    struct house *h = *state;
    static const char *const enrol[][2] = {{"unit", "admin:evil"}, {"obligation", "x"}};
    static const char *const revoke[][2] = {{"who", "alpha"}, {"reason", "r"}, {"obligation", "x"}};
    struct mst_session *s = guest(h, 1, "unit:alpha", MST_ROLE_UNIT, "ctl");
    snprintf(s->unit, sizeof s->unit, "alpha");
    for (size_t with = 1; with <= 2; with++)
        ask(h, s, "enrol", with, enrol);
    for (size_t with = 2; with <= 3; with++)
        ask(h, s, "revoke", with, revoke);
    ask(h, s, "reload", 0, NULL);
    assert_false(mst_driver_pending(h->w->driver));
    assert_int_equal(rows_of(h->w, MST_ROW_KEY, NULL), 0);
    /* The administrator may, but not with what the verb does not take. */
    s->roles = MST_ROLE_ADMIN;
    ask(h, s, "enrol", 2, enrol);
    assert_false(mst_driver_pending(h->w->driver));
    ask(h, s, "enrol", 1, enrol);
    commit(h->w);
    assert_int_equal(rows_of(h->w, MST_ROW_KEY, "enrol"), 1);
}

static void another_programme_than_the_session_s_is_refused(void **state)
{
    struct house *h = *state;
    struct mst_err err;
    struct mst_session *s = guest(h, 1, "admin:a", MST_ROLE_ADMIN, "ctl");
    struct mst_msg_request request = {.id = 1,
                                      .verb = mst_text("reload"),
                                      .programme = mst_text("other"),
                                      .args = mst_bytes("\x80", 1)};
    assert_int_equal(mst_request_serve(h->b, s, &request, h->w->now, &err), 0);
    assert_false(mst_driver_pending(h->w->driver));
}

/* ---- where a stream begins ---- */

static int copy_head(void *context, const struct mst_stored_alert *alert)
{
    memcpy(context, alert->row_head, MST_HASH_BYTES);
    return 1;
}

/* Where the stream of who has seen alert 2 begins. */
static uint64_t begins(struct house *h, struct mst_session *s, const uint8_t *head)
{
    struct mst_msg_subscribe subscribe = {.has = UINT64_C(1) << MST_F_subscribe_from,
                                          .from = 2,
                                          .head = mst_bytes(head, head ? MST_HASH_BYTES : 0)};
    mst_stream_subscribe(h->b, s, &subscribe);
    assert_true(s->stream.open);
    assert_int_equal(s->stream.sent, s->stream.told);
    return s->stream.sent;
}

static void who_saw_another_alert_under_its_number_begins_at_the_stored_cursor(void **state)
{
    struct house *h = *state;
    struct mst_err err;
    uint8_t seen[MST_HASH_BYTES], other[MST_HASH_BYTES] = {1};
    struct mst_session *s = guest(h, 1, "unit:alpha", MST_ROLE_UNIT, "agent");
    h->w->now += INT64_C(40) * 86400000;
    assert_int_equal(mst_driver_tick(h->w->driver, h->w->now, &err), 0);
    commit(h->w);
    assert_true(mst_engine_last_alert(h->w->engine) > 3);
    assert_int_equal(mst_reader_alerts(mst_store_own_reader(h->w->store),
                                       mst_engine_pid(h->w->engine), 1, copy_head, seen, &err),
                     0);
    assert_int_equal(begins(h, s, NULL), 2);
    assert_int_equal(begins(h, s, seen), 2);
    static const uint64_t cursors[] = {0, 1, 2, 3}, wanted[] = {0, 1, 1, 1};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            mst_driver_cursor(h->w->driver, h->w->engine, s->principal, s->name, cursors[i], &err),
            0);
        commit(h->w);
        assert_int_equal(begins(h, s, other), wanted[i]);
        assert_int_equal(begins(h, s, seen), 2);
        assert_int_equal(begins(h, s, NULL), 2);
    }
}

/* ---- roles ---- */

static void roles_are_words_and_nothing_else(void **state)
{
    unsigned roles = 0, uid = 0;
    char text[64];
    (void)state;
    assert_true(mst_roles_parse("office+admin", &roles));
    assert_int_equal(roles, MST_ROLE_OFFICE | MST_ROLE_ADMIN);
    assert_string_equal(mst_roles_format(roles, text, sizeof text), "office+admin");
    static const char *const wrong[] = {"",     "ofice", "office+", "+office", "office admin",
                                        "unit", "lead"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(mst_roles_parse(wrong[i], &roles));
    assert_true(mst_door_parse_local("1000=viewer", &uid, &roles));
    assert_int_equal(uid, 1000);
    assert_int_equal(roles, MST_ROLE_VIEWER);
    static const char *const rows[] = {"=office", "x=office",         "-1=office", "1000",
                                       "1000=",   "4294967295=admin", " 0=admin"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_false(mst_door_parse_local(rows[i], &uid, &roles));
}

int main(void)
{
#define TEST(claim) cmocka_unit_test_setup_teardown(claim, house_up, house_down)
    const struct CMUnitTest tests[] = {
        TEST(sessions_are_found_by_route_and_number),
        TEST(later_hello_takes_the_place_of_its_like_only),
        TEST(what_was_on_its_way_is_not_for_the_next_hello),
        TEST(silent_ones_are_forgotten_before_the_limit_refuses),
        TEST(one_key_has_one_rate_however_many_connections),
        TEST(window_bounds_what_is_unacknowledged),
        TEST(act_upon_the_broker_is_asked_for_whatever_its_arguments),
        TEST(another_programme_than_the_session_s_is_refused),
        TEST(who_saw_another_alert_under_its_number_begins_at_the_stored_cursor),
        cmocka_unit_test(roles_are_words_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
