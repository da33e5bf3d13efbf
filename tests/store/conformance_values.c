/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored is what was put, and walks give it in order, against every backend. */
#include "tests/store/world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* ---- what is stored is what was put ---- */

static int take_alert(void *context, const struct mst_stored_alert *alert)
{
    struct seen *seen = context;
    struct mst_row row = fixture_row(2);
    assert_int_equal(alert->row, 2);
    assert_int_equal(alert->id[5], 7);
    assert_int_equal(alert->row_head[3], 0);
    assert_int_equal(alert->audience.len, 7);
    assert_memory_equal(alert->audience.data, "unit:u1", 7);
    assert_memory_equal(alert->group.data, "g1", 2);
    assert_int_equal(alert->bytes.len, row.bytes.len);
    assert_memory_equal(alert->bytes.data, row.bytes.data, row.bytes.len);
    return world_saw(seen, alert->number);
}

static void alert_reads_the_bytes_of_its_row(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    world_begin(w);
    assert_int_equal(world_put_row(w, w->p, 1), 0);
    assert_int_equal(world_put_row(w, w->p, 2), 0);
    assert_int_equal(world_put_alert(w, w->p, 1, 2, 7), 0);
    assert_int_equal(mst_reader_alerts(w->own, w->p, 0, take_alert, &seen, &w->err), 0);
    world_commit(w);
    assert_int_equal(mst_reader_alerts(w->own, w->p, 0, take_alert, &seen, &w->err), 0);
    assert_int_equal(seen.count, 2);
}

static struct mst_slices reports_of(const struct mst_run *run)
{
    static struct mst_slice items[16];
    for (uint64_t n = 0; n <= run->last - run->first && n < COUNT_OF(items); n++)
        items[n] = fixture_report((run->row_first + n) % 6);
    return (struct mst_slices){items, (size_t)(run->last - run->first + 1)};
}

static int take_run(void *context, const struct mst_run *run)
{
    assert_int_equal(run->outbox, 5);
    assert_int_equal(run->first, run->last - 9);
    assert_int_equal(run->row_first, run->sig[0]);
    assert_int_equal(run->at, 77);
    assert_int_equal(run->prev[31], 1);
    assert_int_equal(run->head[31], 2);
    assert_int_equal(run->sig[63], 3);
    assert_int_equal(run->sign_key[31], 4);
    return world_saw(context, run->last);
}

static int put_run(struct world *w, uint64_t outbox, uint64_t first, uint64_t last)
{
    struct mst_run run = {.outbox = outbox, .first = first, .last = last, .at = 77};
    run.row_first = w->rows + 1;
    memset(run.prev, 1, sizeof run.prev);
    memset(run.head, 2, sizeof run.head);
    memset(run.sig, 3, sizeof run.sig);
    run.sig[0] = (uint8_t)run.row_first; /* so that the reading knows */
    memset(run.sign_key, 4, sizeof run.sign_key);
    int code = mst_store_put_run(w->s, w->p, &run, reports_of(&run), &w->err);
    w->rows += code ? 0 : last - first + 1;
    return code;
}

static void runs_are_found_by_their_numbers(void **state)
{
    struct world *w = *state;
    static const struct {
        uint64_t seq, first_last, count;
    } cases[] = {{0, 10, 3}, {10, 10, 3}, {11, 20, 2}, {30, 30, 1}, {31, 0, 0}, {UINT64_MAX, 0, 0}};
    world_begin(w);
    assert_int_equal(put_run(w, 5, 1, 10), 0);
    assert_int_equal(put_run(w, 5, 21, 30), 0);
    assert_int_equal(put_run(w, 5, 11, 20), 0);
    assert_int_equal(put_run(w, 6, 1, 10), 0);
    assert_int_equal(put_run(w, 5, 11, 20), MST_E_EXISTS);
    assert_int_equal(put_run(w, 5, 0, 3), MST_E_INVALID);
    assert_int_equal(put_run(w, 5, 4, 3), MST_E_INVALID);
    world_commit(w);
    world_begin(w);
    assert_int_equal(put_run(w, 5, 11, 20), MST_E_EXISTS);
    world_commit(w);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct seen seen = {.count = 0};
        assert_int_equal(mst_reader_runs(w->own, w->p, 5, cases[i].seq, take_run, &seen, &w->err),
                         0);
        assert_int_equal(seen.count, cases[i].count);
        if (seen.count)
            assert_int_equal(seen.numbers[0], cases[i].first_last);
    }
}

/* Run n of the outbox: two reports, its head n everywhere, and its key n % 2. */
static void put_chained_run(struct world *w, uint64_t outbox, uint8_t n, uint8_t prev)
{
    struct mst_run run = {.outbox = outbox, .first = 2U * n - 1, .last = 2U * n, .at = 77};
    run.row_first = w->rows + 1;
    memset(run.prev, prev, sizeof run.prev);
    memset(run.head, n, sizeof run.head);
    memset(run.sign_key, n % 2, sizeof run.sign_key);
    assert_int_equal(mst_store_put_run(w->s, w->p, &run, reports_of(&run), &w->err), 0);
    w->rows += 2;
}

static int take_chained_run(void *context, const struct mst_run *run)
{
    uint8_t n = (uint8_t)(run->last / 2);
    uint8_t prev = n == 4 ? 99 : (uint8_t)(n - 1);
    assert_int_equal(run->prev[0], prev);
    assert_int_equal(run->prev[31], prev);
    assert_int_equal(run->head[31], n);
    assert_int_equal(run->sign_key[31], n % 2);
    return world_saw(context, run->last);
}

static int take_chained_row(void *context, const struct mst_row *row)
{
    struct seen seen = {.count = 0};
    (void)take_chained_run(&seen, row->run);
    return world_saw(context, row->row);
}

/* Most continue the one before of their outbox, and one does not. */
static void run_tells_what_it_continues_and_who_signed_it(void **state)
{
    struct world *w = *state;
    struct seen runs = {.count = 0}, rows = {.count = 0};
    world_begin(w);
    for (uint8_t n = 1; n <= 5; n++)
        for (uint64_t outbox = 5; outbox <= 6; outbox++)
            put_chained_run(w, outbox, n, n == 4 ? 99 : (uint8_t)(n - 1));
    world_commit(w);
    assert_int_equal(mst_reader_runs(w->own, w->p, 5, 1, take_chained_run, &runs, &w->err), 0);
    assert_int_equal(runs.count, 5);
    assert_int_equal(mst_reader_rows(w->own, w->p, 1, take_chained_row, &rows, &w->err), 0);
    assert_int_equal(rows.count, 20);
}

static void head_of_a_run_stands_at_its_last_report(void **state)
{
    struct world *w = *state;
    uint64_t row;
    mst_time at;
    uint8_t head[MST_HASH_BYTES];
    for (uint64_t n = 0; n < 3; n++) {
        world_begin(w);
        assert_int_equal(put_run(w, 5, 4 * n + 1, 4 * n + 4), 0);
        assert_int_equal(world_put_head(w, w->p, 4 * n + 4), 0);
        world_commit(w);
    }
    assert_int_equal(mst_reader_last_head(w->own, w->p, &row, &at, head, &w->err), 0);
    assert_int_equal(row, 12);
    assert_int_equal(at, 12); /* and not its run's */
    for (uint64_t from = 1; from <= 13; from++) {
        struct seen seen = {.count = 0};
        assert_int_equal(mst_reader_heads(w->own, w->p, from, world_saw_head, &seen, &w->err), 0);
        assert_int_equal(seen.count, (16 - from) / 4);
        if (seen.count)
            assert_int_equal(seen.numbers[0], (from + 3) / 4 * 4);
    }
}

static void reports_are_read_as_rows_from_any_number(void **state)
{
    struct world *w = *state;
    world_begin(w);
    assert_int_equal(world_put_row(w, w->p, 1), 0);
    w->rows = 1;
    assert_int_equal(put_run(w, 5, 1, 1), 0);  /* row 2 */
    assert_int_equal(put_run(w, 5, 2, 13), 0); /* rows 3 to 14 */
    assert_int_equal(world_put_row(w, w->p, 15), 0);
    for (int committed = 0; committed < 2; committed++) {
        for (uint64_t from = 1; from <= 15; from++)
            assert_int_equal(world_rows_seen(w, w->own, w->p, from), 16 - from);
        assert_int_equal(world_rows_seen(w, w->own, w->p, 16), 0);
        if (!committed)
            world_commit(w);
    }
    world_begin(w);
    w->rows = 15;
    assert_int_equal(put_run(w, 5, 14, 14), 0);
    assert_int_equal(world_put_row(w, w->p, 16), MST_E_CORRUPT);
    assert_int_equal(world_put_row(w, w->p, 17), 0);
    world_commit(w);
    assert_int_equal(world_rows_seen(w, w->own, w->p, 8), 10);
}

static void reports_come_with_their_run_and_in_its_number(void **state)
{
    struct world *w = *state;
    struct mst_row report = {.row = 1, .kind = MST_ROW_REPORT, .bytes = fixture_report(1)};
    struct mst_run run = {.outbox = 5, .first = 1, .last = 3, .row_first = 1};
    struct mst_slices three = reports_of(&run), two = {three.items, 2};
    world_begin(w);
    assert_int_equal(mst_store_put_row(w->s, w->p, &report, &w->err), MST_E_INVALID);
    assert_int_equal(mst_store_put_run(w->s, w->p, &run, two, &w->err), MST_E_INVALID);
    run.row_first = 2;
    assert_int_equal(mst_store_put_run(w->s, w->p, &run, three, &w->err), MST_E_CORRUPT);
    run.row_first = 1;
    assert_int_equal(mst_store_put_run(w->s, w->p, &run, three, &w->err), 0);
    run.first = 4;
    run.last = 6;
    assert_int_equal(mst_store_put_run(w->s, w->p, &run, three, &w->err), MST_E_CORRUPT);
    world_commit(w);
    assert_int_equal(world_rows_seen(w, w->own, w->p, 1), 3);
}

static int take_outbox(void *context, const struct mst_outbox *outbox)
{
    struct seen *seen = context;
    snprintf(seen->text, sizeof seen->text, "%.16s %s %d", (const char *)outbox->id, outbox->unit,
             outbox->head[31]);
    assert_int_equal(world_saw(seen, outbox->number), 0);
    return world_saw(seen, outbox->last);
}

static void outbox_keeps_its_number_and_moves_on(void **state)
{
    struct world *w = *state;
    struct mst_outbox a = {.id = "aaaaaaaaaaaaaaaa", .unit = "u1", .last = 3};
    struct mst_outbox b = {.id = "bbbbbbbbbbbbbbbb", .unit = "u2", .last = 4};
    struct seen seen = {.count = 0};
    world_begin(w);
    assert_int_equal(mst_store_put_outbox(w->s, w->p, &a, &w->err), 0);
    assert_int_equal(mst_store_put_outbox(w->s, w->p, &b, &w->err), 0);
    assert_int_not_equal(a.number, 0);
    assert_int_not_equal(a.number, b.number);
    world_commit(w);
    world_begin(w);
    uint64_t number = a.number;
    memset(a.head, 8, sizeof a.head);
    const uint64_t said[] = {0, number, b.number, number};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        a.number = said[i];
        a.last++;
        assert_int_equal(mst_store_put_outbox(w->s, w->p, &a, &w->err), 0);
        assert_int_equal(a.number, number);
    }
    world_commit(w);
    assert_int_equal(mst_reader_outboxes(w->own, w->p, take_outbox, &seen, &w->err), 0);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.numbers[0], a.number);
    assert_int_equal(seen.numbers[1], 7);
    assert_int_equal(seen.numbers[2], b.number);
    assert_int_equal(seen.numbers[3], 4);
    assert_string_equal(seen.text, "bbbbbbbbbbbbbbbb u2 0");
}

static int take_refusal(void *context, const struct mst_refusal *refusal)
{
    struct seen *seen = context;
    assert_int_equal(refusal->outbox, 5);
    assert_int_equal(refusal->code, MST_R_LOCKED);
    assert_non_null(refusal->subject.data);
    snprintf(seen->text, sizeof seen->text, "%.*s", (int)refusal->subject.len,
             (const char *)refusal->subject.data);
    return world_saw(seen, refusal->seq);
}

static void refusals_are_found_in_a_range(void **state)
{
    struct world *w = *state;
    struct mst_refusal refusal = {.outbox = 5, .code = MST_R_LOCKED};
    static const uint64_t seqs[] = {7, 3, 1, 9};
    struct seen seen = {.count = 0};
    world_begin(w);
    for (size_t i = 0; i < COUNT_OF(seqs); i++) {
        refusal.seq = seqs[i];
        refusal.subject = fixture_text(i % 2 ? "subject" : "");
        assert_int_equal(mst_store_put_refusal(w->s, w->p, &refusal, &w->err), 0);
    }
    assert_int_equal(mst_store_put_refusal(w->s, w->p, &refusal, &w->err), MST_E_EXISTS);
    refusal.outbox = 6;
    assert_int_equal(mst_store_put_refusal(w->s, w->p, &refusal, &w->err), 0);
    world_commit(w);
    assert_int_equal(mst_reader_refusals(w->own, w->p, 5, 2, 7, take_refusal, &seen, &w->err), 0);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.numbers[0], 3);
    assert_int_equal(seen.numbers[1], 7);
    assert_string_equal(seen.text, "");
    seen.count = 0;
    assert_int_equal(
        mst_reader_refusals(w->own, w->p, 5, 0, UINT64_MAX, take_refusal, &seen, &w->err), 0);
    assert_int_equal(seen.count, 4);
}

static int take_obligation(void *context, const char *id, struct mst_slice bytes)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    assert_non_null(bytes.data);
    snprintf(seen->text + len, sizeof seen->text - len, "%s=%.*s;", id, (int)bytes.len,
             (const char *)bytes.data);
    return world_saw(seen, bytes.len);
}

static void obligations_are_replaced_and_walk_by_id(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    char long_id[MST_STORE_NAME_BYTES_MAX + 2];
    memset(long_id, 'z', sizeof long_id);
    long_id[sizeof long_id - 1] = '\0';
    world_begin(w);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "b", fixture_text("1"), &w->err), 0);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "县", fixture_text(""), &w->err), 0);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "", fixture_text("1"), &w->err),
                     MST_E_INVALID);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, long_id, fixture_text("1"), &w->err),
                     MST_E_INVALID);
    world_commit(w);
    world_begin(w);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "a", fixture_text("2"), &w->err), 0);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "b", fixture_text("3"), &w->err), 0);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "b", fixture_text("44"), &w->err), 0);
    assert_int_equal(mst_reader_obligations(w->own, w->p, take_obligation, &seen, &w->err), 0);
    assert_string_equal(seen.text, "a=2;b=44;县=;");
    world_commit(w);
    memset(&seen, 0, sizeof seen);
    assert_int_equal(mst_reader_obligations(w->own, w->p, take_obligation, &seen, &w->err), 0);
    assert_string_equal(seen.text, "a=2;b=44;县=;");
}

static void one_obligation_is_found_by_its_id(void **state)
{
    static const struct {
        const char *id, *text;
    } cases[] = {{"b", "b=1;"}, {"b/c", "b/c=2;"}, {"县", "县=;"}, {"a", ""}, {"b/", ""}, {"", ""}};
    struct world *w = *state;
    char long_id[MST_STORE_NAME_BYTES_MAX + 2];
    memset(long_id, 'z', sizeof long_id);
    long_id[sizeof long_id - 1] = '\0';
    world_begin(w);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "b", fixture_text("1"), &w->err), 0);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "b/c", fixture_text("2"), &w->err), 0);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "县", fixture_text(""), &w->err), 0);
    world_commit(w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seen seen = {.count = 0};
        assert_int_equal(
            mst_reader_obligation(w->own, w->p, cases[i].id, take_obligation, &seen, &w->err), 0);
        assert_string_equal(seen.text, cases[i].text);
    }
    struct seen seen = {.count = 0};
    assert_int_equal(mst_reader_obligation(w->own, w->p, long_id, take_obligation, &seen, &w->err),
                     0);
    assert_int_equal(mst_reader_obligation(w->own, w->p + 1, "b", take_obligation, &seen, &w->err),
                     0);
    assert_int_equal(seen.count, 0);
}

static int take_item(void *context, const char *kind, const char *id, struct mst_slice bytes)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    assert_non_null(bytes.data);
    snprintf(seen->text + len, sizeof seen->text - len, "%s/%s=%.*s;", kind, id, (int)bytes.len,
             (const char *)bytes.data);
    return world_saw(seen, bytes.len);
}

static void items_are_replaced_and_walk_by_kind_and_id(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    world_begin(w);
    assert_int_equal(mst_store_put_item(w->s, w->p, "task", "b", fixture_text("1"), &w->err), 0);
    assert_int_equal(mst_store_put_item(w->s, w->p, "a", "z", fixture_text(""), &w->err), 0);
    assert_int_equal(mst_store_put_item(w->s, w->p, "", "b", fixture_text("1"), &w->err),
                     MST_E_INVALID);
    assert_int_equal(mst_store_put_item(w->s, w->p, "task", "", fixture_text("1"), &w->err),
                     MST_E_INVALID);
    world_commit(w);
    world_begin(w);
    assert_int_equal(mst_store_put_item(w->s, w->p, "task", "a", fixture_text("2"), &w->err), 0);
    assert_int_equal(mst_store_put_item(w->s, w->p, "task", "b", fixture_text("44"), &w->err), 0);
    assert_int_equal(mst_store_put_item(w->s, w->p, "tas", "kb", fixture_text("5"), &w->err), 0);
    assert_int_equal(mst_reader_items(w->own, w->p, take_item, &seen, &w->err), 0);
    assert_string_equal(seen.text, "a/z=;tas/kb=5;task/a=2;task/b=44;");
    world_commit(w);
    memset(&seen, 0, sizeof seen);
    assert_int_equal(mst_reader_items(w->own, w->p, take_item, &seen, &w->err), 0);
    assert_string_equal(seen.text, "a/z=;tas/kb=5;task/a=2;task/b=44;");
}

static int take_cursor(void *context, const char *principal, const char *name, uint64_t cursor)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%s/%s=%llu;", principal, name,
             (unsigned long long)cursor);
    return 0;
}

static void cursors_belong_to_principal_and_name(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    static const struct {
        const char *principal, *name;
        uint64_t cursor;
    } puts_in_order[] = {{"office:b", "watch", 1},
                         {"office:a", "x", 2},
                         {"office:a", "", 3},
                         {"office:b", "watch", UINT64_MAX}};
    world_begin(w);
    for (size_t i = 0; i < COUNT_OF(puts_in_order); i++)
        assert_int_equal(mst_store_put_cursor(w->s, w->p, puts_in_order[i].principal,
                                              puts_in_order[i].name, puts_in_order[i].cursor,
                                              &w->err),
                         0);
    world_commit(w);
    assert_int_equal(mst_reader_cursors(w->own, w->p, take_cursor, &seen, &w->err), 0);
    assert_string_equal(seen.text, "office:a/=3;office:a/x=2;office:b/watch=18446744073709551615;");
}

static int take_key(void *context, const struct mst_key *key)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    assert_int_equal(key->sign[31], key->channel[0]);
    assert_int_equal(key->not_after, MST_NEVER);
    assert_int_equal(key->created, 4);
    snprintf(seen->text + len, sizeof seen->text - len, "%d %s %u %s %lld %d;", key->channel[0],
             key->principal, key->roles, key->unit, (long long)key->revoked, (int)key->status);
    return 0;
}

static int put_key(struct world *w, uint8_t id, mst_time revoked)
{
    struct mst_key key = {.principal = "unit:u1", .roles = 5, .created = 4, .not_after = MST_NEVER};
    memset(key.channel, id, sizeof key.channel);
    memset(key.sign, id, sizeof key.sign);
    snprintf(key.unit, sizeof key.unit, "%s", id == 2 ? "" : "u1");
    key.revoked = revoked;
    key.status = revoked ? MST_KEY_REVOKED : MST_KEY_ACTIVE;
    return mst_store_put_key(w->s, w->p, &key, &w->err);
}

static void keys_are_replaced_by_their_channel_key(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    world_begin(w);
    assert_int_equal(put_key(w, 2, 0), 0);
    assert_int_equal(put_key(w, 1, 0), 0);
    world_commit(w);
    world_begin(w);
    assert_int_equal(put_key(w, 1, 99), 0);
    world_commit(w);
    assert_int_equal(mst_reader_keys(w->own, w->p, take_key, &seen, &w->err), 0);
    assert_string_equal(seen.text, "1 unit:u1 5 u1 99 2;2 unit:u1 5  0 1;");
}

static int take_invitation(void *context, const struct mst_invitation *invitation)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%d %s %u %s %lld %lld %lld;",
             invitation->token_hash[31], invitation->principal, invitation->roles, invitation->unit,
             (long long)invitation->created, (long long)invitation->expires,
             (long long)invitation->used);
    return 0;
}

static void invitations_are_replaced_by_their_token(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    struct mst_invitation invitation = {
        .principal = "unit:u1", .roles = 1, .unit = "u1", .created = 2, .expires = 3};
    world_begin(w);
    for (int id = 9; id >= 7; id -= 2) {
        memset(invitation.token_hash, id, sizeof invitation.token_hash);
        assert_int_equal(mst_store_put_invitation(w->s, w->p, &invitation, &w->err), 0);
    }
    invitation.used = 5;
    assert_int_equal(mst_store_put_invitation(w->s, w->p, &invitation, &w->err), 0);
    world_commit(w);
    assert_int_equal(mst_reader_invitations(w->own, w->p, take_invitation, &seen, &w->err), 0);
    assert_string_equal(seen.text, "7 unit:u1 1 u1 2 3 5;9 unit:u1 1 u1 2 3 0;");
}

static void meta_tells_its_size_and_copies_what_fits(void **state)
{
    struct world *w = *state;
    char bytes[4] = "....";
    size_t len = 2;
    world_begin(w);
    assert_int_equal(mst_store_put_meta(w->s, w->p, "m", fixture_text("old"), &w->err), 0);
    assert_int_equal(mst_store_put_meta(w->s, w->p, "m", fixture_text("abc"), &w->err), 0);
    assert_int_equal(mst_store_put_meta(w->s, 0, "m", fixture_text("broker"), &w->err), 0);
    assert_int_equal(mst_store_put_meta(w->s, 0, "empty", fixture_text(""), &w->err), 0);
    assert_int_equal(mst_store_put_meta(w->s, 0, "", fixture_text("x"), &w->err), MST_E_INVALID);
    assert_int_equal(mst_store_put_meta(w->s, 9, "m", fixture_text("x"), &w->err), MST_E_UNKNOWN);
    world_commit(w);
    assert_int_equal(mst_reader_meta(w->own, w->p, "m", bytes, &len, &w->err), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "ab..", 4);
    len = 0;
    assert_int_equal(mst_reader_meta(w->own, w->p, "m", NULL, &len, &w->err), 0);
    assert_int_equal(len, 3);
    assert_int_equal(world_meta_len(w, w->own, 0, "m"), 6);
    assert_int_equal(world_meta_len(w, w->own, 0, "empty"), 0);
    assert_int_equal(world_meta_len(w, w->own, w->p, "none"), 0);
}

static int take_big(void *context, const struct mst_row *row)
{
    struct seen *seen = context;
    assert_non_null(row->bytes.data);
    if (row->bytes.len) {
        assert_int_equal(row->bytes.data[0], row->row);
        assert_int_equal(row->bytes.data[row->bytes.len - 1], row->row);
    }
    assert_int_equal(row->at, -1);
    return world_saw(seen, row->bytes.len);
}

static void big_and_empty_bytes_come_back_whole(void **state)
{
    struct world *w = *state;
    static uint8_t big[60 * 1024];
    static const size_t lens[] = {sizeof big, 0, 1, 4096, 0};
    struct seen seen = {.count = 0};
    world_begin(w);
    for (uint64_t n = 1; n <= COUNT_OF(lens); n++) {
        memset(big, (int)n, sizeof big);
        struct mst_row row = {
            .row = n, .at = -1, .kind = 2, .bytes = {lens[n - 1] ? big : NULL, lens[n - 1]}};
        assert_int_equal(mst_store_put_row(w->s, w->p, &row, &w->err), 0);
    }
    world_commit(w);
    assert_int_equal(mst_reader_rows(w->own, w->p, 1, take_big, &seen, &w->err), 0);
    assert_int_equal(seen.count, COUNT_OF(lens));
    for (size_t i = 0; i < COUNT_OF(lens); i++)
        assert_int_equal(seen.numbers[i], lens[i]);
}

/* ---- walks ---- */

static void walks_start_and_stop_where_told(void **state)
{
    struct world *w = *state;
    struct seen seen = {.stop_after = 3};
    world_begin(w);
    for (uint64_t n = 1; n <= 9; n++) {
        assert_int_equal(world_put_row(w, w->p, n), 0);
        assert_int_equal(world_put_alert(w, w->p, n, n, (uint8_t)n), 0);
        if (n == 5) {
            /* The second half is in the batch only, for the own reader's sake. */
            world_commit(w);
            world_begin(w);
        }
    }
    assert_int_equal(world_rows_seen(w, w->own, w->p, 4), 6);
    assert_int_equal(world_rows_seen(w, w->own, w->p, 9), 1);
    assert_int_equal(world_rows_seen(w, w->own, w->p, 10), 0);
    assert_int_equal(world_rows_seen(w, w->own, w->p, UINT64_MAX), 0);
    assert_int_equal(mst_reader_rows(w->own, w->p, 4, world_saw_row, &seen, &w->err), 0);
    assert_int_equal(seen.count, 3);
    seen.count = 0;
    assert_int_equal(mst_reader_alerts(w->own, w->p, 4, world_saw_alert, &seen, &w->err), 0);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.numbers[0], 5);
    seen.count = 0;
    assert_int_equal(mst_reader_alerts(w->own, w->p, UINT64_MAX, world_saw_alert, &seen, &w->err),
                     0);
    assert_int_equal(seen.count, 0);
    world_commit(w);
}

static int walk_within(void *context, const struct mst_row *row)
{
    struct world *w = context;
    assert_int_equal(world_rows_seen(w, w->own, w->p, row->row), 6 - row->row);
    return 0;
}

static void walk_within_a_walk_disturbs_neither(void **state)
{
    struct world *w = *state;
    world_begin(w);
    for (uint64_t n = 1; n <= 5; n++)
        assert_int_equal(world_put_row(w, w->p, n), 0);
    world_commit(w);
    assert_int_equal(mst_reader_rows(w->own, w->p, 1, walk_within, w, &w->err), 0);
}

static int take_programme(void *context, mst_pid p, const char *id)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%u=%s;", p, id);
    return world_saw(seen, p);
}

static size_t walk_everything(struct world *w, mst_pid p)
{
    struct seen seen = {.count = 0};
    struct mst_reader *r = w->own;
    assert_int_equal(mst_reader_rows(r, p, 0, world_saw_row, &seen, &w->err), 0);
    assert_int_equal(mst_reader_heads(r, p, 0, world_saw_head, &seen, &w->err), 0);
    assert_int_equal(mst_reader_alerts(r, p, 0, world_saw_alert, &seen, &w->err), 0);
    assert_int_equal(mst_reader_runs(r, p, 5, 0, take_run, &seen, &w->err), 0);
    assert_int_equal(mst_reader_refusals(r, p, 5, 0, 99, take_refusal, &seen, &w->err), 0);
    assert_int_equal(mst_reader_outboxes(r, p, take_outbox, &seen, &w->err), 0);
    assert_int_equal(mst_reader_obligations(r, p, take_obligation, &seen, &w->err), 0);
    assert_int_equal(mst_reader_items(r, p, take_item, &seen, &w->err), 0);
    return seen.count + world_meta_len(w, r, p, "m");
}

static void programmes_in_one_store_do_not_mix(void **state)
{
    struct world *w = *state;
    struct seen seen = {.count = 0};
    struct mst_outbox outbox = {.id = "aaaaaaaaaaaaaaaa", .unit = "u1", .last = 3};
    struct mst_refusal refusal = {.outbox = 5, .seq = 1, .code = MST_R_LOCKED};
    mst_pid q = 0;
    world_begin(w);
    assert_int_equal(mst_store_programme(w->s, "p2", &q, &w->err), 0);
    assert_int_equal(q, 2);
    assert_int_equal(world_put_row(w, w->p, 1), 0);
    assert_int_equal(world_put_row(w, w->p, 2), 0);
    assert_int_equal(world_put_row(w, q, 1), 0);
    assert_int_equal(world_put_head(w, w->p, 2), 0);
    assert_int_equal(world_put_alert(w, w->p, 1, 1, 1), 0);
    assert_int_equal(world_put_alert(w, q, 1, 1, 1), 0); /* the same id in another programme */
    w->rows = 2;
    assert_int_equal(put_run(w, 5, 1, 10), 0);
    assert_int_equal(mst_store_put_refusal(w->s, w->p, &refusal, &w->err), 0);
    assert_int_equal(mst_store_put_outbox(w->s, w->p, &outbox, &w->err), 0);
    uint64_t number = outbox.number;
    assert_int_equal(mst_store_put_outbox(w->s, q, &outbox, &w->err), 0);
    assert_int_not_equal(outbox.number, number);
    assert_int_equal(mst_store_put_obligation(w->s, w->p, "o", fixture_text("1"), &w->err), 0);
    assert_int_equal(mst_store_put_item(w->s, w->p, "task", "i", fixture_text("1"), &w->err), 0);
    assert_int_equal(mst_store_put_meta(w->s, w->p, "m", fixture_text("1"), &w->err), 0);
    assert_int_equal(world_put_row(w, 3, 1), MST_E_UNKNOWN);
    world_commit(w);
    assert_int_equal(walk_everything(w, w->p), 12 + 1 + 1 + 1 + 1 + 2 + 1 + 1 + 1);
    assert_int_equal(walk_everything(w, q), 1 + 0 + 1 + 0 + 0 + 2 + 0 + 0 + 0);
    assert_int_equal(walk_everything(w, 3), 0);
    assert_int_equal(mst_reader_programmes(w->own, take_programme, &seen, &w->err), 0);
    assert_string_equal(seen.text, "1=p1;2=p2;");
}

/* ---- another thread ---- */

struct racer {
    struct mst_reader *r;
    mst_pid p;
    atomic_bool stop;
    atomic_uint_fast64_t reads;
    const char *wrong; /* read after the thread is joined */
    uint64_t rows;
};

static int race_row(void *context, const struct mst_row *row)
{
    struct racer *racer = context;
    racer->rows = row->row;
    return 0;
}

/* Heads are always of whole batches of 7; so is the ledger that a walk from a head finds. */
static void *race(void *context)
{
    struct racer *racer = context;
    struct mst_err err;
    while (!atomic_load(&racer->stop) && !racer->wrong) {
        uint64_t row;
        mst_time at;
        uint8_t head[MST_HASH_BYTES];
        if (mst_reader_last_head(racer->r, racer->p, &row, &at, head, &err))
            racer->wrong = "last_head failed";
        else if (row % 7 != 0)
            racer->wrong = "a head within a batch";
        racer->rows = row;
        if (!racer->wrong && mst_reader_rows(racer->r, racer->p, row, race_row, racer, &err))
            racer->wrong = "rows failed";
        if (!racer->wrong && racer->rows % 7 != 0)
            racer->wrong = "a walk saw a part of a batch";
        atomic_fetch_add(&racer->reads, 1);
    }
    return NULL;
}

static void reader_in_another_thread_sees_whole_batches_only(void **state)
{
    struct world *w = *state;
    struct racer racer = {.p = w->p};
    pthread_t thread;
    uint64_t n = 0;
    bool more;
    assert_int_equal(mst_store_reader_open(w->s, &racer.r, &w->err), 0);
    assert_int_equal(pthread_create(&thread, NULL, race, &racer), 0);
    while (n < 7 * 200 || atomic_load(&racer.reads) < 50) {
        world_begin(w);
        for (int i = 0; i < 7; i++)
            assert_int_equal(world_put_row(w, w->p, ++n), 0);
        assert_int_equal(world_put_head(w, w->p, n), 0);
        world_commit(w);
        assert_int_equal(mst_store_maintain(w->s, &more, &w->err), 0);
    }
    atomic_store(&racer.stop, true);
    pthread_join(thread, NULL);
    mst_reader_close(racer.r);
    assert_string_equal(racer.wrong ? racer.wrong : "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(alert_reads_the_bytes_of_its_row),
        WORLD_TEST(runs_are_found_by_their_numbers),
        WORLD_TEST(run_tells_what_it_continues_and_who_signed_it),
        WORLD_TEST(head_of_a_run_stands_at_its_last_report),
        WORLD_TEST(reports_are_read_as_rows_from_any_number),
        WORLD_TEST(reports_come_with_their_run_and_in_its_number),
        WORLD_TEST(outbox_keeps_its_number_and_moves_on),
        WORLD_TEST(refusals_are_found_in_a_range),
        WORLD_TEST(obligations_are_replaced_and_walk_by_id),
        WORLD_TEST(one_obligation_is_found_by_its_id),
        WORLD_TEST(items_are_replaced_and_walk_by_kind_and_id),
        WORLD_TEST(cursors_belong_to_principal_and_name),
        WORLD_TEST(keys_are_replaced_by_their_channel_key),
        WORLD_TEST(invitations_are_replaced_by_their_token),
        WORLD_TEST(meta_tells_its_size_and_copies_what_fits),
        WORLD_TEST(big_and_empty_bytes_come_back_whole),
        WORLD_TEST(walks_start_and_stop_where_told),
        WORLD_TEST(walk_within_a_walk_disturbs_neither),
        WORLD_TEST(programmes_in_one_store_do_not_mix),
        WORLD_TEST(reader_in_another_thread_sees_whole_batches_only),
    };
    return WORLD_RUN(tests, false);
}
