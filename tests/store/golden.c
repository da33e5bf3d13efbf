/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed batches byte by byte. What a power cut leaves of them is read by the version that wrote
 * them, and another refuses it: so their form, the statements' marks and the sum may change only on
 * purpose. Then
 *
 *     RENEW=1 build/dev/tests/test_store_golden
 *
 * writes tests/store/sealed.txt anew, for the same commit, which says why.
 */
#include "broker/store/redo.h"
#include "tests/store/fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN MUSTER_SOURCE_DIR "/tests/store/sealed.txt"
#define TEXT_BYTES_MAX 65536
#define LINE_BYTES 32
/* Of a batch's header, and of it what has a meaning. */
#define HEADER_BYTES 64
#define HEADER_USED 48
/* In place of the number that a store draws by lot. */
#define LOT 1000

static const char *const files[] = {"reports-000001.log", "batches-000001.log"};
#define FILES (sizeof files / sizeof files[0])

struct text {
    size_t len;
    char data[TEXT_BYTES_MAX];
};

/* Where the batches were written, with the store still open; and what that looks like. */
static char written[64];
static struct mst_store *writer;
static struct text rendered;

static void add(struct text *t, const char *piece)
{
    int len = snprintf(t->data + t->len, sizeof t->data - t->len, "%s", piece);
    assert_in_range(len, 0, sizeof t->data - t->len - 1);
    t->len += (size_t)len;
}

static void add_hex(struct text *t, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char hex[3];
        snprintf(hex, sizeof hex, "%02x", data[i]);
        add(t, hex);
    }
}

static const char *path_of(const char *dir, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* ---- what is written ---- */

static struct mst_store *open_store(const char *dir)
{
    struct mst_store_options options = fixture_options(dir);
    struct mst_store *s = NULL;
    struct mst_err err = {0};
    options.bulk_bytes = 1; /* any reports make a batch a large one */
    options.bulk_file_bytes_max = 1 << 20;
    if (mst_store_sqlite_open(&options, &s, &err))
        fail_msg("%s (%s)", err.text, err.hint);
    return s;
}

static void run_sql(const char *dir, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path_of(dir, "muster.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A new store's directory, closed; its next batch is LOT + 1. */
static void make_store(char dir[64])
{
    char sql[96];
    fixture_make_dir(dir, 64);
    mst_store_close(open_store(dir));
    snprintf(sql, sizeof sql, "UPDATE meta SET bytes = CAST(%d AS BLOB) WHERE pid = -1", LOT);
    run_sql(dir, sql);
}

/* One of everything that a batch may have. */
static void write_large_batch(struct mst_store *s)
{
    struct mst_slice reports[] = {fixture_text("first"), fixture_text("second")};
    struct mst_run run = {.outbox = 1, .first = 1, .last = 2, .row_first = 1, .at = 1700000000000};
    struct mst_row row = {.row = 3, .at = 1700000000001, .kind = 7, .bytes = fixture_text("row")};
    struct mst_outbox outbox = {.id = "outbox-number-1", .unit = "u1", .last = 2};
    struct mst_refusal refusal = {1, 2, MST_E_INVALID, fixture_text("field")};
    struct mst_stored_alert alert = {
        .number = 1, .row = 3, .audience = fixture_text("office"), .group = fixture_text("")};
    struct mst_key key = {.principal = "unit:u1",
                          .roles = 1,
                          .unit = "u1",
                          .created = -5,
                          .not_after = MST_NEVER,
                          .status = MST_KEY_ACTIVE};
    struct mst_invitation invitation = {
        .principal = "unit:u1", .roles = 1, .unit = "u1", .created = 1, .expires = 2};
    uint8_t head[MST_HASH_BYTES] = "head";
    struct mst_err err;
    mst_pid p;
    memset(run.head, 0x11, sizeof run.head);
    memset(run.sig, 0x22, sizeof run.sig);
    memset(run.sign_key, 0x33, sizeof run.sign_key);
    assert_int_equal(mst_store_begin(s, &err), 0);
    assert_int_equal(mst_store_programme(s, "p1", &p, &err), 0);
    assert_int_equal(mst_store_put_run(s, p, &run, (struct mst_slices){reports, 2}, &err), 0);
    assert_int_equal(mst_store_put_head(s, p, 2, 1700000000000, head, &err), 0);
    assert_int_equal(mst_store_put_row(s, p, &row, &err), 0);
    assert_int_equal(mst_store_put_head(s, p, 3, 1700000000001, head, &err), 0);
    assert_int_equal(mst_store_put_alert(s, p, &alert, &err), 0);
    assert_int_equal(mst_store_put_outbox(s, p, &outbox, &err), 0);
    assert_int_equal(mst_store_put_outbox(s, p, &outbox, &err), 0); /* it has a number now */
    assert_int_equal(mst_store_put_refusal(s, p, &refusal, &err), 0);
    assert_int_equal(mst_store_put_obligation(s, p, "duty/2023/u1", fixture_text("o"), &err), 0);
    assert_int_equal(mst_store_put_item(s, p, "task", "g1-01", fixture_text("i"), &err), 0);
    assert_int_equal(mst_store_put_cursor(s, p, "office:a", "watch", 300, &err), 0);
    assert_int_equal(mst_store_put_key(s, p, &key, &err), 0);
    assert_int_equal(mst_store_put_invitation(s, p, &invitation, &err), 0);
    assert_int_equal(mst_store_put_meta(s, p, "mark", fixture_text("large"), &err), 0);
    assert_int_equal(fixture_commit(s), 0);
}

static void write_small_batch(struct mst_store *s)
{
    struct mst_err err;
    assert_int_equal(mst_store_begin(s, &err), 0);
    assert_int_equal(mst_store_put_meta(s, 0, "mark", fixture_text("small"), &err), 0);
    assert_int_equal(fixture_commit(s), 0);
}

/* ---- as text: a line for each mark, and for each 32 bytes that are not all zero ---- */

#define STATEMENT(name, sql) #name,
static const char *const names[MST_SQL_COUNT] = {
#include "broker/store/sqlite_statements.def"
};
#undef STATEMENT

/* Does it stand in records? It writes, and something else than what the store keeps of its own. */
static bool is_recorded(enum mst_sql which)
{
    const char *text = mst_sqlite_text(which);
    return which != MST_SQL_PUT_BULK && which != MST_SQL_PUT_BATCH &&
           (strncmp(text, "INSERT", 6) == 0 || strncmp(text, "UPDATE", 6) == 0 ||
            strncmp(text, "DELETE", 6) == 0);
}

static void render_marks(struct text *t)
{
    static struct mst_redo redo;
    char line[64];
    mst_redo_init(&redo);
    for (int i = 0; i < MST_SQL_COUNT; i++) {
        snprintf(line, sizeof line, "mark %08x %s\n", (unsigned)redo.marks[i], names[i]);
        if (is_recorded((enum mst_sql)i))
            add(t, line);
    }
}

static void render_file(struct text *t, const char *dir, const char *name)
{
    uint8_t line[LINE_BYTES] = {0}, zeros[LINE_BYTES] = {0};
    char start[64];
    FILE *f = fopen(path_of(dir, name), "r");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    snprintf(start, sizeof start, "file %s %ld\n", name, ftell(f));
    add(t, start);
    rewind(f);
    for (unsigned at = 0; fread(line, 1, sizeof line, f) == sizeof line; at += LINE_BYTES) {
        if (memcmp(line, zeros, sizeof line) == 0)
            continue;
        snprintf(start, sizeof start, "%04x ", at);
        add(t, start);
        add_hex(t, line, sizeof line);
        add(t, "\n");
    }
    fclose(f);
}

static void read_golden(struct text *t)
{
    FILE *f = fopen(GOLDEN, "r");
    assert_non_null(f);
    t->len = fread(t->data, 1, sizeof t->data - 1, f);
    t->data[t->len] = '\0';
    fclose(f);
}

/* The files of the text, into a directory. */
static void restore(struct text *t, const char *dir)
{
    char name[64], hex[2 * LINE_BYTES + 1];
    unsigned at, value;
    long bytes;
    FILE *f = NULL;
    for (char *line = strtok(t->data, "\n"); line; line = strtok(NULL, "\n")) {
        if (sscanf(line, "file %63s %ld", name, &bytes) == 2) {
            if (f)
                assert_int_equal(fclose(f), 0);
            f = fopen(path_of(dir, name), "w");
            assert_non_null(f);
            assert_int_equal(fseek(f, bytes - 1, SEEK_SET), 0);
            assert_int_equal(fputc(0, f), 0);
        } else if (f && sscanf(line, "%x %64s", &at, hex) == 2) {
            assert_int_equal(fseek(f, at, SEEK_SET), 0);
            for (size_t i = 0; i < LINE_BYTES; i++) {
                assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
                assert_int_equal(fputc((int)value, f), (int)value);
            }
        }
    }
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
}

/* ---- the database as text: every row of every table ---- */

static void dump_table(struct text *t, sqlite3 *db, const char *name)
{
    sqlite3_stmt *rows = NULL;
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 2", name);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        add(t, name);
        for (int i = 0; i < sqlite3_column_count(rows); i++) {
            const uint8_t *data = sqlite3_column_blob(rows, i);
            add(t, sqlite3_column_type(rows, i) == SQLITE_NULL ? " null" : " ");
            add_hex(t, data, (size_t)sqlite3_column_bytes(rows, i));
        }
        add(t, "\n");
    }
    assert_int_equal(sqlite3_finalize(rows), SQLITE_OK);
}

static void dump_database(struct text *t, const char *dir)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *tables = NULL;
    t->len = 0;
    assert_int_equal(sqlite3_open(path_of(dir, "muster.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT name FROM sqlite_schema WHERE type = 'table'"
                                        " AND name NOT LIKE 'sqlite%' ORDER BY name",
                                        -1, &tables, NULL),
                     SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW)
        dump_table(t, db, (const char *)sqlite3_column_text(tables, 0));
    assert_int_equal(sqlite3_finalize(tables), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- claims ---- */

/* A statement that is new stands in no golden batch until somebody puts it there. */
static void every_statement_of_records_is_in_the_golden_batch(void **state)
{
    static uint8_t bytes[TEXT_BYTES_MAX];
    static struct mst_redo redo;
    (void)state;
    mst_redo_init(&redo);
    FILE *f = fopen(path_of(written, files[0]), "r");
    assert_non_null(f);
    size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (int i = 0; i < MST_SQL_COUNT; i++) {
        uint32_t m = redo.marks[i];
        const uint8_t mark[] = {(uint8_t)(m >> 24), (uint8_t)(m >> 16), (uint8_t)(m >> 8),
                                (uint8_t)m};
        bool there = memmem(bytes, len, mark, sizeof mark) != NULL;
        if (there != is_recorded((enum mst_sql)i))
            fail_msg("%s %s in the batch", names[i], there ? "is" : "is not");
    }
}

static void batches_are_sealed_in_the_golden_form(void **state)
{
    static struct text golden;
    size_t same = 0, line = 0;
    (void)state;
    read_golden(&golden);
    for (; rendered.data[same] && rendered.data[same] == golden.data[same]; same++)
        line = rendered.data[same] == '\n' ? same + 1 : line;
    if (rendered.data[same] != golden.data[same])
        fail_msg("sealed batches have another form than in tests/store/sealed.txt:\n%.*s\n"
                 "instead of\n%.*s\nA store that a power cut leaves is refused across this change, "
                 "or misread. If it is meant: RENEW=1 build/dev/tests/test_store_golden",
                 (int)strcspn(rendered.data + line, "\n"), rendered.data + line,
                 (int)strcspn(golden.data + line, "\n"), golden.data + line);
}

static void golden_batches_are_carried_out(void **state)
{
    static struct text golden, expected, found;
    char dir[64];
    (void)state;
    make_store(dir);
    read_golden(&golden);
    restore(&golden, dir);
    mst_store_close(open_store(dir));
    mst_store_close(writer);
    writer = NULL;
    dump_database(&expected, written);
    dump_database(&found, dir);
    assert_true(found.len > 1000);
    assert_string_equal(found.data, expected.data);
    fixture_remove_dir(dir);
}

/* The batch that the file of reports begins with: its length; 0: there is none. */
static size_t find_batch(const char *dir)
{
    struct mst_buf region = {0};
    struct mst_slice record;
    struct mst_bulk b;
    struct mst_err err;
    mst_bulk_init_reports(&b, sqlite3_vfs_find(NULL), dir, 1 << 20, 0);
    assert_int_equal(mst_bulk_next(&b, LOT + 1, &region, &record, &err), 0);
    size_t bytes = record.len ? region.len : 0;
    mst_bulk_done(&b, true);
    mst_buf_done(&region);
    return bytes;
}

static void flip_bit(FILE *f, size_t at)
{
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    int byte = fgetc(f);
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 0x10, f), byte ^ 0x10);
    assert_int_equal(fflush(f), 0);
}

/* In each word of header, reports and record in its turn. */
static void golden_batch_with_a_flipped_bit_is_none(void **state)
{
    static struct text golden;
    char dir[64];
    (void)state;
    fixture_make_dir(dir, sizeof dir);
    read_golden(&golden);
    restore(&golden, dir);
    FILE *f = fopen(path_of(dir, files[0]), "r+");
    assert_non_null(f);
    size_t bytes = find_batch(dir);
    assert_true(bytes > 1000);
    for (size_t at = 0; at < bytes; at += 8) {
        if (at >= HEADER_USED && at < HEADER_BYTES)
            continue;
        flip_bit(f, at);
        if (find_batch(dir))
            fail_msg("it is one with byte %zu flipped", at);
        flip_bit(f, at);
    }
    assert_int_equal(find_batch(dir), bytes);
    fclose(f);
    fixture_remove_dir(dir);
}

static int set_up(void **state)
{
    (void)state;
    make_store(written);
    writer = open_store(written);
    write_large_batch(writer);
    write_small_batch(writer);
    add(&rendered, "Written by test_store_golden; how and when: tests/store/golden.c\n");
    render_marks(&rendered);
    for (size_t i = 0; i < FILES; i++)
        render_file(&rendered, written, files[i]);
    if (!getenv("RENEW"))
        return 0;
    FILE *f = fopen(GOLDEN, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(rendered.data, 1, rendered.len, f), rendered.len);
    return fclose(f);
}

static int tear_down(void **state)
{
    (void)state;
    mst_store_close(writer);
    fixture_remove_dir(written);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_of_records_is_in_the_golden_batch),
        cmocka_unit_test(batches_are_sealed_in_the_golden_form),
        cmocka_unit_test(golden_batches_are_carried_out),
        cmocka_unit_test(golden_batch_with_a_flipped_bit_is_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
