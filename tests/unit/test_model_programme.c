/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdalign.h>
#include <string.h>

#include "config/model/arena.h"
#include "config/model/programme.h"

static const char *const aliases[] = {"Forest Bureau", "transport"};
static const struct mst_unit units[] = {
    {.id = "forestry",
     .name = {"Forestry", "市林业局（百山祖管理局）"},
     .aliases = aliases,
     .aliases_count = 2},
    {.id = "transport", .name = {"Transport", "市交通运输局"}},
    {.id = "county"},
};
static const size_t members[] = {1};
static const struct mst_group groups[] = {
    {.id = "headless", .lead = SIZE_MAX},
    {.id = "park", .lead = 0, .members = members, .members_count = 1},
};
static const struct mst_duty duties[] = {{.id = "progress"}, {.id = "plan"}};
static const struct mst_programme programme = {.units = units,
                                               .units_count = 3,
                                               .groups = groups,
                                               .groups_count = 2,
                                               .duties = duties,
                                               .duties_count = 2};

static void things_are_found_by_id(void **state)
{
    (void)state;
    assert_int_equal(mst_programme_unit(&programme, "county"), 2);
    assert_true(mst_programme_unit(&programme, "Forestry") == SIZE_MAX);
    assert_int_equal(mst_programme_group(&programme, "park"), 1);
    assert_true(mst_programme_group(&programme, "pa") == SIZE_MAX);
    assert_int_equal(mst_programme_duty(&programme, "plan"), 1);
    assert_true(mst_programme_duty(&programme, "") == SIZE_MAX);
}

static void unit_answers_to_names_and_aliases_but_ids_win(void **state)
{
    (void)state;
    assert_int_equal(mst_programme_unit_by_name(&programme, "市林业局（百山祖管理局）"), 0);
    assert_int_equal(mst_programme_unit_by_name(&programme, "Forest Bureau"), 0);
    assert_int_equal(mst_programme_unit_by_name(&programme, "Transport"), 1);
    assert_int_equal(mst_programme_unit_by_name(&programme, "transport"), 1);
    assert_true(mst_programme_unit_by_name(&programme, "harbour") == SIZE_MAX);
}

static void units_know_their_group(void **state)
{
    (void)state;
    assert_int_equal(mst_programme_group_of(&programme, 0), 1);
    assert_int_equal(mst_programme_group_of(&programme, 1), 1);
    assert_true(mst_programme_group_of(&programme, 2) == SIZE_MAX);
    assert_true(mst_programme_leads(&programme, 0));
    assert_false(mst_programme_leads(&programme, 1));
    assert_false(mst_programme_leads(&programme, 2));
    /* No unit is not the lead of a group without one. */
    assert_true(mst_programme_group_of(&programme, SIZE_MAX) == SIZE_MAX);
    assert_false(mst_programme_leads(&programme, SIZE_MAX));
}

static void enums_have_the_words_of_the_programme_file(void **state)
{
    (void)state;
    assert_string_equal(mst_duty_kind_word(MST_DUTY_SIGN_FOR), "sign-for");
    assert_string_equal(mst_duty_kind_word(MST_DUTY_ATTESTED), "attested");
    assert_string_equal(mst_closing_word(MST_CLOSE_RECORD), "record");
    assert_string_equal(mst_closing_word(MST_CLOSE_NONE), "none");
    assert_string_equal(mst_audience_word(MST_AUDIENCE_CITY_LEADER), "city-leader");
    assert_string_equal(mst_roll_word(MST_ROLL_MODIFIED_PRECEDING), "modified-preceding");
}

static void last_holder_frees_the_programme(void **state)
{
    (void)state;
    struct mst_arena *arena = mst_arena_new();
    struct mst_programme *p = mst_arena_alloc(arena, sizeof *p);
    p->arena = arena;
    p->refs = 1;
    assert_ptr_equal(mst_programme_ref(p), p);
    mst_programme_unref(p);
    assert_int_equal(p->refs, 1);
    mst_programme_unref(p); /* the leak checker sees to the rest */
    mst_programme_unref(NULL);
    struct mst_programme table = {.refs = 1};
    mst_programme_unref(&table);
}

static void arena_gives_zeroed_aligned_memory_of_any_size(void **state)
{
    (void)state;
    static const unsigned char zeros[300000];
    struct mst_arena *arena = mst_arena_new();
    void *last = NULL;
    for (size_t i = 0; i < 2000; i++) {
        size_t size = i % 500 == 499 ? sizeof zeros : i % 97;
        unsigned char *memory = mst_arena_alloc(arena, size);
        assert_non_null(memory);
        assert_ptr_not_equal(memory, last);
        assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
        assert_memory_equal(memory, zeros, size);
        memset(memory, 0xA5, size);
        last = memory;
    }
    assert_null(mst_arena_alloc(arena, SIZE_MAX));
    assert_null(mst_arena_alloc(arena, ((size_t)1 << 30) + 1));
    mst_arena_free(arena);
    mst_arena_free(NULL);
}

static void arena_copies_strings(void **state)
{
    (void)state;
    struct mst_arena *arena = mst_arena_new();
    assert_string_equal(mst_arena_strdup(arena, "景宁"), "景宁");
    assert_string_equal(mst_arena_strdup(arena, ""), "");
    assert_string_equal(mst_arena_strndup(arena, "abcdef", 3), "abc");
    assert_string_equal(mst_arena_strndup(arena, "abc", 100), "abc");
    assert_null(mst_arena_strdup(arena, NULL));
    assert_null(mst_arena_strndup(arena, NULL, 3));
    mst_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(things_are_found_by_id),
        cmocka_unit_test(unit_answers_to_names_and_aliases_but_ids_win),
        cmocka_unit_test(units_know_their_group),
        cmocka_unit_test(enums_have_the_words_of_the_programme_file),
        cmocka_unit_test(last_holder_frees_the_programme),
        cmocka_unit_test(arena_gives_zeroed_aligned_memory_of_any_size),
        cmocka_unit_test(arena_copies_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
