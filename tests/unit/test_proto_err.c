/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/err.h"

static void failure_carries_code_text_and_hint(void **state)
{
    (void)state;
    struct mst_err err;
    assert_int_equal(mst_fail_on(&err, MST_R_LOCKED, "report/2023Q3/u1"), MST_R_LOCKED);
    assert_string_equal(err.text, "locked: report/2023Q3/u1");
    assert_string_equal(err.hint, "ask the office to unlock it");
    assert_int_equal(mst_wrap(&err, "unit %s", "u1"), MST_R_LOCKED);
    assert_string_equal(err.text, "unit u1: locked: report/2023Q3/u1");
}

static void every_word_leads_back_to_its_code(void **state)
{
    (void)state;
#define CODE(name, number, word, text, hint)                                                       \
    assert_int_equal(mst_code_of_word(word), number);                                              \
    assert_string_equal(mst_code_word(number), word);                                              \
    assert_non_null(strstr(text, "%s"));
#include "proto/codes.def"
#undef CODE
    assert_int_equal(mst_code_of_word("no such word"), MST_E_INTERNAL);
}

static void truncation_never_splits_a_character(void **state)
{
    (void)state;
    struct mst_err err;
    char long_text[2 * MST_ERR_TEXT_MAX] = "x";
    for (size_t at = 1; at + 4 < sizeof long_text; at += 3)
        memcpy(long_text + at, "县", 4);
    mst_fail(&err, MST_E_INVALID, "%s", long_text);
    size_t n = strlen(err.text);
    assert_int_equal((n - 1) % 3, 0);
    assert_memory_equal(err.text + n - 3, "县", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failure_carries_code_text_and_hint),
        cmocka_unit_test(every_word_leads_back_to_its_code),
        cmocka_unit_test(truncation_never_splits_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
