/* SPDX-License-Identifier: Apache-2.0 */
/* How large a sealed batch may be, with a limit that a test can reach: what is sealed is found. */
#include "broker/store/bulk.h"
#include "tests/store/fixture.h"

#include <string.h>

#define LIMIT 8192
/* Of a batch: its header, and its record in whole blocks. */
#define HEADER_BYTES 64
#define BLOCK_BYTES 32
#define REPORTS_BYTES_MAX (LIMIT - HEADER_BYTES - BLOCK_BYTES)

static char dir[64];
static struct mst_bulk bulk;

static void open_bulk(int64_t limit)
{
    mst_bulk_init_reports(&bulk, sqlite3_vfs_find(NULL), dir, 1 << 30, 0);
    assert_int_equal(bulk.batch_bytes_max, INT32_MAX);
    bulk.batch_bytes_max = limit;
}

static int set_up(void **state)
{
    (void)state;
    fixture_make_dir(dir, sizeof dir);
    open_bulk(LIMIT);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mst_bulk_done(&bulk, true);
    fixture_remove_dir(dir);
    return 0;
}

static int append(size_t len, struct mst_err *err)
{
    struct mst_bulk_place place;
    struct mst_buf reports = {0};
    uint8_t *at = mst_buf_add(&reports, len);
    assert_non_null(at);
    memset(at, 7, len);
    int code = mst_bulk_append(&bulk, &reports, &place, err);
    mst_buf_done(&reports);
    return code;
}

static int seal(uint64_t batch, struct mst_err *err)
{
    struct mst_buf record = {0};
    mst_buf_put(&record, "record", 6);
    int code = mst_bulk_seal(&bulk, batch, &record, err);
    mst_buf_done(&record);
    if (code)
        return code;
    assert_int_equal(mst_bulk_sync(&bulk, err), 0);
    mst_bulk_keep(&bulk);
    return 0;
}

/* By a start with this limit. */
static bool is_found(uint64_t batch, int64_t limit)
{
    struct mst_buf region = {0};
    struct mst_slice record;
    struct mst_err err;
    mst_bulk_done(&bulk, true);
    open_bulk(limit);
    assert_int_equal(mst_bulk_next(&bulk, batch, &region, &record, &err), 0);
    bool found = record.len == 6 && memcmp(record.data, "record", 6) == 0;
    mst_buf_done(&region);
    return found;
}

static void largest_batch_is_found(void **state)
{
    struct mst_err err;
    (void)state;
    assert_int_equal(append(REPORTS_BYTES_MAX - 1, &err), 0);
    assert_int_equal(seal(1, &err), 0);
    assert_true(is_found(1, LIMIT));
    assert_false(is_found(1, LIMIT - 1));
}

static void batch_that_no_start_would_find_is_refused_before_it_is_sealed(void **state)
{
    struct mst_err err;
    (void)state;
    for (int in_record = 0; in_record < 2; in_record++) {
        /* The reports fit and the record does not, or not even they do. */
        assert_int_equal(append(REPORTS_BYTES_MAX - 1024, &err), 0);
        assert_int_equal(append(in_record ? 1025 : 1057, &err), in_record ? 0 : MST_E_FULL);
        if (in_record)
            assert_int_equal(seal(1, &err), MST_E_FULL);
        assert_non_null(strstr(err.text, "8192"));
        assert_non_null(strstr(err.hint, "batch_bytes_max"));
        /* The batch is dropped, and costs nothing but itself. */
        assert_int_equal(mst_bulk_forget(&bulk, &err), 0);
        assert_false(mst_bulk_has(&bulk));
    }
    assert_int_equal(append(100, &err), 0);
    assert_int_equal(seal(1, &err), 0);
    assert_true(is_found(1, LIMIT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(largest_batch_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            batch_that_no_start_would_find_is_refused_before_it_is_sealed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
