/* SPDX-License-Identifier: Apache-2.0 */
/* The register of items by itself: what a step changes, undoes and keeps, and its stored form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "broker/core/inside.h"
#include "core_fixture.h"

static struct mst_core *fresh(struct mst_step *s)
{
    struct mst_core *core = mst_core_new(&fixture_programme, fixture_at(1, 2, 0, 0));
    assert_non_null(core);
    *s = (struct mst_step){.core = core, .now = fixture_at(1, 3, 9, 0)};
    return core;
}

static struct mst_slice map_saying(uint8_t number)
{
    static uint8_t bytes[3] = {0x81, 0xA0, 0};
    bytes[2] = number;
    return mst_bytes(bytes, sizeof bytes);
}

static struct mst_item *add(struct mst_step *s, const char *id, uint8_t says)
{
    struct mst_item *item = mst_item_add(s, MST_ITEM_TASK, id);
    assert_non_null(item);
    strcpy(item->owner, "member");
    strcpy(item->group, "one");
    mst_item_contain(s, item, map_saying(says));
    mst_item_move(s, item, "propose", MST_ITEM_PROPOSED, "lead", mst_text(NULL));
    return item;
}

static void undone_step_leaves_the_register_as_it_was(void **state)
{
    (void)state;
    struct mst_step s;
    struct mst_core *core = fresh(&s);
    add(&s, "one-01", 1);
    mst_items_keep(&core->items);
    struct mst_buf before = {0}, after = {0};
    mst_item_pack(mst_core_item_at(core, 0), &before);
    for (int i = 0; i < 100; i++) { /* more than the tables begin with */
        char id[16];
        snprintf(id, sizeof id, "two-%02d", i);
        add(&s, id, 2);
    }
    struct mst_item *item = mst_items_find(&core->items, MST_ITEM_TASK, mst_text("one-01"));
    assert_true(mst_item_touch(&s, item));
    mst_item_contain(&s, item, map_saying(7));
    mst_item_contain(&s, item, map_saying(8));
    mst_item_move(&s, item, "approve", MST_ITEM_APPROVED, "office:main", mst_text("because"));
    assert_int_equal(mst_core_items(core), 101);
    mst_items_undo(&core->items);
    assert_int_equal(mst_core_items(core), 1);
    assert_null(mst_core_item(core, MST_ITEM_TASK, "two-50"));
    mst_item_pack(mst_core_item(core, MST_ITEM_TASK, "one-01"), &after);
    assert_int_equal(after.len, before.len);
    assert_memory_equal(after.data, before.data, after.len);
    assert_int_equal(add(&s, "two-00", 3)->number, 2); /* numbers are given again */
    mst_buf_done(&before);
    mst_buf_done(&after);
    mst_core_free(core);
}

static void restored_items_lie_in_order_of_their_number(void **state)
{
    (void)state;
    struct mst_step s;
    struct mst_core *core = fresh(&s), *again = fresh(&s);
    s.core = core;
    add(&s, "b", 1);
    add(&s, "c", 2);
    add(&s, "a", 3);
    mst_items_keep(&core->items);
    static const char *const by_id[] = {"a", "b", "c"}, *const by_number[] = {"b", "c", "a"};
    for (size_t i = 0; i < 3; i++) {
        struct mst_buf bytes = {0};
        struct mst_item item;
        mst_item_pack(mst_core_item(core, MST_ITEM_TASK, by_id[i]), &bytes);
        assert_int_equal(mst_item_unpack(mst_bytes(bytes.data, bytes.len), &item, NULL), 0);
        assert_int_equal(mst_core_restore_item(again, &item, NULL), 0);
        assert_int_equal(mst_core_restore_item(again, &item, NULL), MST_E_EXISTS);
        mst_buf_done(&bytes);
    }
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(mst_core_item_at(again, i)->id, by_number[i]);
    mst_core_free(core);
    mst_core_free(again);
}

static void history_keeps_the_first_and_the_latest(void **state)
{
    (void)state;
    struct mst_step s;
    struct mst_core *core = fresh(&s);
    struct mst_item *item = add(&s, "one-01", 1);
    for (int i = 1; i <= 20; i++) {
        char event[MST_ITEM_EVENT_MAX];
        snprintf(event, sizeof event, "e%d", i);
        s.now++;
        mst_item_move(&s, item, event, MST_ITEM_PROPOSED, "lead", mst_text(NULL));
    }
    mst_items_keep(&core->items);
    struct mst_buf bytes = {0};
    struct mst_item back;
    mst_item_pack(item, &bytes);
    assert_int_equal(mst_item_unpack(mst_bytes(bytes.data, bytes.len), &back, NULL), 0);
    assert_int_equal(back.moves, 21);
    assert_int_equal(mst_item_history_count(&back), MST_ITEM_HISTORY_MAX);
    assert_string_equal(back.history[0].event, "propose");
    assert_string_equal(back.history[1].event, "e14");
    assert_string_equal(back.history[MST_ITEM_HISTORY_MAX - 1].event, "e20");
    assert_int_equal(back.data.len, 3);
    mst_buf_done(&bytes);
    mst_core_free(core);
}

static void damaged_record_is_refused(void **state)
{
    (void)state;
    struct mst_step s;
    struct mst_core *core = fresh(&s);
    struct mst_item *item = add(&s, "one-01", 1), back;
    struct mst_buf bytes = {0};
    mst_item_pack(item, &bytes);
    size_t refused = 0;
    for (size_t len = 0; len < bytes.len; len++)
        refused += mst_item_unpack(mst_bytes(bytes.data, len), &back, NULL) == MST_E_CORRUPT;
    assert_int_equal(refused, bytes.len);
    uint8_t *word = memmem(bytes.data, bytes.len, "proposed", 8);
    assert_non_null(word);
    word[0] = 'q'; /* a state that nobody knows */
    assert_int_equal(mst_item_unpack(mst_bytes(bytes.data, bytes.len), &back, NULL), MST_E_CORRUPT);
    mst_buf_done(&bytes);
    mst_core_free(core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undone_step_leaves_the_register_as_it_was),
        cmocka_unit_test(restored_items_lie_in_order_of_their_number),
        cmocka_unit_test(history_keeps_the_first_and_the_latest),
        cmocka_unit_test(damaged_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
