/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "broker/core/obligation.h"
#include "proto/pack.h"

/* Every byte of every field differs from zero, and from its neighbours'. */
static struct mst_obligation full(void)
{
    struct mst_obligation o;
    memset(&o, 0, sizeof o);
    strcpy(o.id, "plan/2023Q3/lead");
    strcpy(o.duty, "plan");
    strcpy(o.period, "2023Q3");
    strcpy(o.bearer, "lead");
    strcpy(o.group, "one");
    strcpy(o.counterpart, "县");
    strcpy(o.record_number, "2023Q3-07");
    strcpy(o.successor, "plan/2023Q3/lead2");
    o.number = UINT64_MAX;
    o.director = o.provisional = o.extension_pending = true;
    o.overdue_told = o.review_told = o.locked = true;
    o.closing = MST_CLOSE_RECORD;
    memset(o.calendar, 0xA1, sizeof o.calendar);
    memset(o.zone, 0xB2, sizeof o.zone);
    o.opens = 1;
    o.original_due = 2;
    o.original_grace_until = 3;
    o.due_day = -4;
    o.due = 5;
    o.grace_until = 6;
    o.locks = MST_NEVER;
    o.work = MST_WORK_RETURNED;
    o.verdict = MST_VERDICT_LATE;
    o.days_late = 7;
    o.versions_count = MST_VERSIONS_MAX + 3;
    for (uint64_t i = 0; i < MST_VERSIONS_MAX; i++)
        o.versions[i] = (struct mst_version){.at = (mst_time)(100 + i), .row = 200 + i};
    o.latest = (struct mst_version){.at = -8, .row = UINT64_MAX};
    o.changed_at = 9;
    o.closed_at = 10;
    o.correction_due = 11;
    o.review_due = 12;
    o.correction_days_late = 13;
    o.extension_until = 14;
    o.decided_at = 15;
    o.acknowledged_at = 16;
    o.kind = MST_DUTY_QUOTA;
    o.counted = MST_QUOTA_MAX;
    for (int32_t i = 0; i < MST_QUOTA_MAX; i++)
        o.minutes[i] = 19000 + i;
    o.holders_count = MST_HOLDERS_MAX;
    for (int i = 0; i < MST_HOLDERS_MAX; i++) {
        struct mst_holder *h = &o.holders[i];
        strcpy(h->post, "deputy");
        strcpy(h->name, "朱磊");
        strcpy(h->phone, "+86 578");
        strcpy(h->address, "zl@example.org");
        h->from = 100 + i;
        h->until = 200 + i;
    }
    uint32_t *const counts[] = {&o.rule_version, &o.due_revision, &o.returns,  &o.clock,
                                &o.rung_next,    &o.nags,         &o.urges,    &o.moves,
                                &o.told,         &o.needed,       &o.pace_told};
    for (uint32_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        *counts[i] = UINT32_MAX - i;
    return o;
}

static void record_survives_the_store(void **state)
{
    (void)state;
    struct mst_obligation o = full(), back;
    struct mst_buf bytes = {0};
    struct mst_err err;
    mst_obligation_pack(&o, &bytes);
    assert_false(bytes.failed);
    assert_int_equal(mst_obligation_unpack(mst_bytes(bytes.data, bytes.len), &back, &err), 0);
    assert_memory_equal(&o, &back, sizeof o);
    mst_buf_done(&bytes);
}

static void unknown_fields_are_skipped_and_missing_ones_zero(void **state)
{
    (void)state;
    struct mst_obligation back;
    struct mst_buf bytes = {0};
    struct mst_err err;
    mst_pack_map(&bytes, 3);
    mst_pack_text(&bytes, "from-the-future");
    mst_pack_array(&bytes, 2);
    mst_pack_int(&bytes, 1);
    mst_pack_nil(&bytes);
    mst_pack_text(&bytes, "returns");
    mst_pack_int(&bytes, 4);
    mst_pack_text(&bytes, "id");
    mst_pack_text(&bytes, "x/y/z");
    assert_int_equal(mst_obligation_unpack(mst_bytes(bytes.data, bytes.len), &back, &err), 0);
    assert_string_equal(back.id, "x/y/z");
    assert_int_equal(back.returns, 4);
    assert_int_equal(back.due, 0);
    mst_buf_done(&bytes);
}

/* Each byte of a record changed to each of some values: read or refused, never more than that. */
static void damaged_records_are_refused_or_read(void **state)
{
    (void)state;
    static const uint8_t values[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0xa0, 0xbf, 0xc0,
                                     0xc4, 0xcf, 0xd3, 0xd9, 0xdc, 0xde, 0xff};
    struct mst_obligation o = full(), back;
    struct mst_buf bytes = {0};
    size_t refused = 0;
    mst_obligation_pack(&o, &bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t was = bytes.data[i];
        for (size_t v = 0; v < sizeof values; v++) {
            bytes.data[i] = values[v];
            int r = mst_obligation_unpack(mst_bytes(bytes.data, bytes.len), &back, NULL);
            assert_true(r == 0 || r == MST_E_CORRUPT);
            refused += r != 0;
        }
        bytes.data[i] = was;
    }
    assert_true(refused > bytes.len);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(mst_obligation_unpack(mst_bytes(bytes.data, len), &back, NULL),
                         MST_E_CORRUPT);
    mst_buf_done(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_survives_the_store),
        cmocka_unit_test(unknown_fields_are_skipped_and_missing_ones_zero),
        cmocka_unit_test(damaged_records_are_refused_or_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
