/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people read of a row and what programs do: names and ids, notes, bodies under their rows,
 * and that everything that happens has its words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/link/print.h"
#include "proto/pack.h"

static struct mst_slice slice_of(const struct mst_buf *buf)
{
    return mst_bytes(buf->data, buf->len);
}

static void pack_texts(struct mst_buf *row, size_t count, const char *const pairs[][2])
{
    mst_buf_clear(row);
    mst_pack_map(row, count);
    for (size_t i = 0; i < count; i++) {
        mst_pack_text(row, pairs[i][0]);
        mst_pack_text(row, pairs[i][1]);
    }
}

static char *printed_row(enum mst_format format, const char *columns, struct mst_slice row)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct mst_table *table = mst_table_new(format, columns, out);
    assert_int_equal(mst_table_row(table, row, NULL), 0);
    assert_int_equal(mst_table_end(table, NULL), 0);
    fclose(out);
    return text;
}

static void people_read_names_and_programs_ids(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"id", "a/1/u1"},        {"phase", ""},           {"work", "closed"}, {"bearer", "u1"},
        {"bearer_en", "Unit 1"}, {"bearer_zh", "甲单位"}, {"title_en", "A"},  {"title_zh", "甲"}};
    const char *const columns = "id phase bearer title";
    struct mst_buf row = {0};
    pack_texts(&row, 8, pairs);
    char *text = printed_row(MST_FORMAT_TABLE, columns, slice_of(&row));
    assert_string_equal(text, "Id      Phase  Bearer  Title\na/1/u1  -      Unit 1  A\n");
    free(text);
    /* A name that has no id of its own is the reader's here, too. */
    text = printed_row(MST_FORMAT_CSV, columns, slice_of(&row));
    assert_string_equal(text, "id,phase,bearer,title\r\na/1/u1,,u1,A\r\n");
    free(text);
    /* Without names the id stands, and a word is translated. */
    pack_texts(&row, 4,
               (const char *const[][2]){
                   {"id", "b"}, {"bearer", "office"}, {"bearer_en", ""}, {"bearer_zh", ""}});
    text = printed_row(MST_FORMAT_TABLE, columns, slice_of(&row));
    assert_string_equal(text, "Id  Phase  Bearer  Title\nb          office\n");
    free(text);
    pack_texts(
        &row, 4,
        (const char *const[][2]){
            {"name", "bearer"}, {"value", "u1"}, {"value_en", "Unit 1"}, {"value_zh", "甲单位"}});
    text = printed_row(MST_FORMAT_TABLE, "name value", slice_of(&row));
    assert_string_equal(text, "Bearer  Unit 1\n");
    free(text);
    text = printed_row(MST_FORMAT_JSON, "name value", slice_of(&row));
    assert_string_equal(text, "{\"bearer\":\"u1\"}\n");
    free(text);
    mst_buf_done(&row);
}

static void only_a_row_that_is_nothing_else_is_a_note(void **state)
{
    (void)state;
    struct mst_buf row = {0}, notes = {0};
    pack_texts(&row, 1, (const char *const[][2]){{"note", "two\nlines"}});
    assert_true(mst_put_note(&notes, slice_of(&row)));
    assert_int_equal(notes.len, strlen("two\\nlines\n"));
    assert_memory_equal(notes.data, "two\\nlines\n", notes.len);
    /* Beside other fields it is one of them. */
    pack_texts(&row, 2, (const char *const[][2]){{"id", "u1"}, {"note", "x"}});
    assert_false(mst_put_note(&notes, slice_of(&row)));
    pack_texts(&row, 1, (const char *const[][2]){{"id", "u1"}});
    assert_false(mst_put_note(&notes, slice_of(&row)));
    assert_int_equal(notes.len, strlen("two\\nlines\n"));
    mst_buf_done(&row);
    mst_buf_done(&notes);
}

static void bodies_stand_under_their_rows(void **state)
{
    (void)state;
    struct mst_buf row = {0};
    mst_pack_map(&row, 3);
    mst_pack_text(&row, "id");
    mst_pack_text(&row, "a");
    mst_pack_text(&row, "labels");
    mst_pack_array(&row, 1);
    mst_pack_array(&row, 3);
    mst_pack_text(&row, "funds");
    mst_pack_text(&row, "资金");
    mst_pack_text(&row, "money that arrived");
    mst_pack_text(&row, "body");
    mst_pack_map(&row, 3);
    mst_pack_text(&row, "funds");
    mst_pack_text(&row, "1.5");
    mst_pack_text(&row, "summary");
    mst_pack_text(&row, "one\ntwo");
    mst_pack_text(&row, "areas");
    mst_pack_array(&row, 1);
    mst_pack_map(&row, 1);
    mst_pack_text(&row, "id");
    mst_pack_text(&row, "g1-1");
    char *text = printed_row(MST_FORMAT_TABLE, "id body", slice_of(&row));
    assert_string_equal(text, "Id\na\n    money that arrived: 1.5\n    In short: one\n      two\n  "
                              "  Focus areas:\n      - Id: g1-1\n");
    free(text);
    text = printed_row(MST_FORMAT_CSV, "id body", slice_of(&row));
    assert_string_equal(text, "id,body\r\na,\"{\"\"funds\"\":\"\"1.5\"\",\"\"summary\"\":"
                              "\"\"one\\ntwo\"\",\"\"areas\"\":[{"
                              "\"\"id\"\":\"\"g1-1\"\"}]}\"\r\n");
    free(text);
    mst_buf_done(&row);
}

static bool has_word(const char *column, const char *wanted)
{
    const char *word;
    for (size_t i = 0; (word = mst_word_at(column, i)); i++) {
        if (strcmp(word, wanted) == 0)
            return true;
    }
    return false;
}

static void every_event_has_its_words(void **state)
{
    (void)state;
    static const char *const events[] = {
#define EVENT(name, word, by, from, review, reason) word,
#include "broker/core/lifecycle.def"
#undef EVENT
    };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (!has_word("event", events[i]) || !has_word("act", events[i]))
            fail_msg("no words for %s", events[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_read_names_and_programs_ids),
        cmocka_unit_test(only_a_row_that_is_nothing_else_is_a_note),
        cmocka_unit_test(bodies_stand_under_their_rows),
        cmocka_unit_test(every_event_has_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
