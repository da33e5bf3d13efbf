/* SPDX-License-Identifier: Apache-2.0 */
/* The model of the store's suites. Deterministic: reads no clock and rolls no dice. */
#include "tests/store/fixture.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROW_BYTES_MAX 700
#define REPORT_BYTES_MAX 3000
#define BATCHES_MAX 1000

struct mst_store_options fixture_options(const char *path)
{
    return (struct mst_store_options){.path = path, .page_bytes = 4096, .wal_bytes_max = 1 << 20};
}

void fixture_make_dir(char *path, size_t size)
{
    struct stat st;
    const char *root =
        stat("/dev/shm", &st) == 0 && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, size, "%s/muster-store-XXXXXX", root);
    assert_non_null(mkdtemp(path));
}

void fixture_remove_dir(const char *path)
{
    char name[4096];
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(name);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

void fixture_on_done(void *context, int code, const struct mst_err *err)
{
    struct fixture_done *done = context;
    (void)err;
    done->calls++;
    done->code = code;
}

int fixture_commit(struct mst_store *s)
{
    struct fixture_done done = {0, -1};
    mst_store_commit(s, fixture_on_done, &done);
    while (done.calls == 0 && mst_store_fd(s) >= 0) {
        struct pollfd item = {.fd = mst_store_fd(s), .events = POLLIN};
        assert_int_equal(poll(&item, 1, 60000), 1);
        mst_store_complete(s);
    }
    assert_int_equal(done.calls, 1);
    return done.code;
}

struct mst_slice fixture_text(const char *text)
{
    return (struct mst_slice){(const uint8_t *)text, strlen(text)};
}

/* ---- the model ---- */

struct mst_row fixture_row(uint64_t n)
{
    static uint8_t bytes[ROW_BYTES_MAX];
    size_t len = (size_t)(n * 37 % ROW_BYTES_MAX);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(n * 131 + i * 7 + (n >> 8));
    return (struct mst_row){
        .row = n, .at = (mst_time)(1000 * n), .kind = (uint8_t)(2 + n % 10), .bytes = {bytes, len}};
}

struct mst_slice fixture_report(uint64_t n)
{
    /* As many as a batch has, so that a whole run of them can be put. */
    static uint8_t bytes[6][REPORT_BYTES_MAX];
    uint8_t *mine = bytes[n % 6];
    size_t len = (size_t)(n * 613 % REPORT_BYTES_MAX);
    for (size_t i = 0; i < len; i++)
        mine[i] = (uint8_t)(n * 37 + i * 11 + (i >> 8));
    return (struct mst_slice){mine, len};
}

uint64_t fixture_batch_rows(uint64_t k)
{
    return 1 + k * 7 % 6;
}

static uint64_t rows_up_to(uint64_t k)
{
    /* The numbers of rows repeat after six batches, which have 21 in all. */
    uint64_t rows = k / 6 * 21;
    for (uint64_t i = k / 6 * 6 + 1; i <= k; i++)
        rows += fixture_batch_rows(i);
    return rows;
}

/* Row n of batch k as it is read: all but the batch's last are reports. */
static struct mst_row row_of(uint64_t k, uint64_t n)
{
    struct mst_row row = fixture_row(n);
    if (n < rows_up_to(k))
        row = (struct mst_row){
            .row = n, .at = (mst_time)k, .kind = MST_ROW_REPORT, .bytes = fixture_report(n)};
    return row;
}

/* A head that depends on all rows so far, as the ledger's chain does. */
static void chain(uint8_t head[MST_HASH_BYTES], const struct mst_row *row)
{
    uint64_t sum = 14695981039346656037U;
    for (size_t i = 0; i < MST_HASH_BYTES; i++)
        sum = (sum ^ head[i]) * 1099511628211U;
    for (size_t i = 0; i < row->bytes.len; i++)
        sum = (sum ^ row->bytes.data[i]) * 1099511628211U;
    sum = (sum ^ row->row ^ (uint64_t)row->at ^ row->kind) * 1099511628211U;
    for (size_t i = 0; i < MST_HASH_BYTES; i++)
        head[i] = (uint8_t)((sum >> (8 * (i % 8))) + i);
}

/* The head after batch k. Chained once and remembered: the suites ask for it all the time. */
static void head_of(uint64_t k, uint8_t head[MST_HASH_BYTES])
{
    static uint8_t heads[BATCHES_MAX + 1][MST_HASH_BYTES];
    static uint64_t known;
    assert_true(k <= BATCHES_MAX);
    for (; known < k; known++) {
        memcpy(heads[known + 1], heads[known], MST_HASH_BYTES);
        for (uint64_t n = rows_up_to(known) + 1; n <= rows_up_to(known + 1); n++) {
            struct mst_row row = row_of(known + 1, n);
            chain(heads[known + 1], &row);
        }
    }
    memcpy(head, heads[k], MST_HASH_BYTES);
}

static struct mst_stored_alert alert_of(uint64_t k)
{
    struct mst_stored_alert alert = {.number = k, .row = rows_up_to(k)};
    memcpy(alert.id, &k, sizeof k);
    memset(alert.row_head, (int)(k % 251), sizeof alert.row_head);
    alert.audience = fixture_text("office");
    alert.group = fixture_text("");
    return alert;
}

/* Long enough to need overflow pages now and then. */
static struct mst_slice obligation_of(uint64_t k)
{
    static uint8_t bytes[6000];
    size_t len = k % 5 == 0 ? sizeof bytes : (size_t)(k * 53 % 900);
    memset(bytes, (int)(k % 256), len);
    return (struct mst_slice){bytes, len};
}

static uint64_t run_reports(uint64_t k)
{
    return fixture_batch_rows(k) - 1;
}

/* Every sixth batch has no reports. */
static uint64_t runs_up_to(uint64_t k)
{
    return k - k / 6;
}

static struct mst_run run_of(uint64_t k)
{
    struct mst_run run = {.outbox = 1, .first = rows_up_to(k - 1) + 1, .last = rows_up_to(k) - 1};
    run.row_first = run.first;
    /* Numbers of reports have no gap where those of rows have one. */
    run.first -= k - 1;
    run.last -= k - 1;
    run.at = (mst_time)k;
    memset(run.prev, (int)(k % 256), sizeof run.prev);
    head_of(k, run.head);
    memset(run.sig, (int)(k * 3 % 256), sizeof run.sig);
    return run;
}

static int put_rows(struct mst_store *s, mst_pid p, uint64_t k, struct mst_err *err)
{
    uint8_t head[MST_HASH_BYTES];
    struct mst_slice reports[6];
    struct mst_run run = run_of(k);
    struct mst_row last = fixture_row(rows_up_to(k));
    int code = 0;
    for (uint64_t i = 0; i < run_reports(k); i++)
        reports[i] = fixture_report(run.row_first + i);
    if (run_reports(k))
        code = mst_store_put_run(s, p, &run, (struct mst_slices){reports, run_reports(k)}, err);
    if (!code)
        code = mst_store_put_row(s, p, &last, err);
    head_of(k, head);
    return code ? code : mst_store_put_head(s, p, rows_up_to(k), (mst_time)k, head, err);
}

int fixture_put_batch(struct mst_store *s, uint64_t k, struct mst_err *err)
{
    mst_pid p = 0;
    struct mst_outbox outbox = {.id = "outbox-number-1", .unit = "u1", .last = rows_up_to(k)};
    struct mst_stored_alert alert = alert_of(k);
    struct mst_slice number = {(const uint8_t *)&k, sizeof k};
    int code = mst_store_programme(s, "p1", &p, err);
    if (!code)
        code = put_rows(s, p, k, err);
    if (!code)
        code = mst_store_put_alert(s, p, &alert, err);
    if (!code)
        code = mst_store_put_obligation(s, p, "duty/2023/u1", obligation_of(k), err);
    if (!code)
        code = mst_store_put_item(s, p, "task", "g1-01", obligation_of(k), err);
    if (!code)
        code = mst_store_put_outbox(s, p, &outbox, err);
    return code ? code : mst_store_put_meta(s, p, "batch", number, err);
}

int fixture_write_batch(struct mst_store *s, uint64_t k, struct mst_err *err)
{
    int code = mst_store_begin(s, err);
    if (code)
        return code;
    code = fixture_put_batch(s, k, err);
    int done = fixture_commit(s);
    return code ? code : done;
}

/* ---- reading it back ---- */

struct reading {
    uint64_t k;     /* the batch that meta tells */
    uint64_t count; /* things seen in this walk */
    uint64_t batch; /* of the row or run that was seen last */
    uint8_t head[MST_HASH_BYTES];
    const char *wrong; /* NULL: all right so far */
};

static int expect(struct reading *r, bool right, const char *what)
{
    if (!right)
        r->wrong = what;
    r->count++;
    return !right;
}

static bool same_run(const struct mst_run *run, const struct mst_run *model)
{
    return run->outbox == model->outbox && run->first == model->first && run->last == model->last &&
           run->row_first == model->row_first && run->at == model->at &&
           memcmp(run->prev, model->prev, sizeof model->prev) == 0 &&
           memcmp(run->head, model->head, sizeof model->head) == 0 &&
           memcmp(run->sig, model->sig, sizeof model->sig) == 0 &&
           memcmp(run->sign_key, model->sign_key, sizeof model->sign_key) == 0;
}

static int check_row(void *context, const struct mst_row *row)
{
    struct reading *r = context;
    r->batch += r->count >= rows_up_to(r->batch);
    struct mst_row model = row_of(r->batch, r->count + 1);
    struct mst_run run = run_of(r->batch);
    bool right = (!row->run) == (model.kind != MST_ROW_REPORT) && row->row == model.row &&
                 row->at == model.at && row->kind == model.kind &&
                 row->bytes.len == model.bytes.len &&
                 memcmp(row->bytes.data, model.bytes.data, model.bytes.len) == 0 &&
                 (!row->run || same_run(row->run, &run));
    chain(r->head, row);
    return expect(r, right, "row");
}

static int check_head(void *context, uint64_t row, mst_time at, const uint8_t head[MST_HASH_BYTES])
{
    struct reading *r = context;
    uint8_t model[MST_HASH_BYTES];
    uint64_t k = r->count + 1;
    head_of(k, model);
    bool right =
        row == rows_up_to(k) && at == (mst_time)k && memcmp(head, model, sizeof model) == 0;
    return expect(r, right, "head");
}

static int check_alert(void *context, const struct mst_stored_alert *alert)
{
    struct reading *r = context;
    struct mst_stored_alert model = alert_of(r->count + 1);
    struct mst_row row = fixture_row(model.row);
    bool right = alert->number == model.number && alert->row == model.row &&
                 memcmp(alert->id, model.id, sizeof model.id) == 0 &&
                 memcmp(alert->row_head, model.row_head, sizeof model.row_head) == 0 &&
                 alert->audience.len == model.audience.len && alert->group.len == 0 &&
                 alert->bytes.len == row.bytes.len &&
                 memcmp(alert->bytes.data, row.bytes.data, row.bytes.len) == 0;
    return expect(r, right, "alert");
}

static int check_obligation(void *context, const char *id, struct mst_slice bytes)
{
    struct reading *r = context;
    struct mst_slice model = obligation_of(r->k);
    bool right = strcmp(id, "duty/2023/u1") == 0 && bytes.len == model.len &&
                 memcmp(bytes.data, model.data, model.len) == 0;
    return expect(r, right, "obligation");
}

static int check_item(void *context, const char *kind, const char *id, struct mst_slice bytes)
{
    struct reading *r = context;
    struct mst_slice model = obligation_of(r->k);
    bool right = strcmp(kind, "task") == 0 && strcmp(id, "g1-01") == 0 && bytes.len == model.len &&
                 memcmp(bytes.data, model.data, model.len) == 0;
    return expect(r, right, "item");
}

static int check_outbox(void *context, const struct mst_outbox *outbox)
{
    struct reading *r = context;
    return expect(r, outbox->number == 1 && outbox->last == rows_up_to(r->k), "outbox");
}

static int check_run(void *context, const struct mst_run *run)
{
    struct reading *r = context;
    r->batch++;
    if (run_reports(r->batch) == 0)
        r->batch++; /* never two of them */
    struct mst_run model = run_of(r->batch);
    return expect(r, same_run(run, &model), "run");
}

static int count_programme(void *context, mst_pid p, const char *id)
{
    struct reading *r = context;
    return expect(r, p == 1 && strcmp(id, "p1") == 0, "programme");
}

static void must_count(struct reading *r, uint64_t wanted, const char *what)
{
    if (!r->wrong && r->count != wanted)
        r->wrong = what;
    r->count = r->batch = 0;
}

/* Every walk over a store that should hold the batches 1..r->k. */
static int read_all(struct mst_reader *reader, struct reading *r, struct mst_err *err)
{
    uint64_t some = r->k > 0;
    uint8_t head[MST_HASH_BYTES], zero[MST_HASH_BYTES] = {0};
    int code = mst_reader_rows(reader, 1, 1, check_row, r, err);
    must_count(r, rows_up_to(r->k), "number of rows");
    head_of(r->k, head);
    if (!r->wrong && memcmp(some ? r->head : zero, head, sizeof head) != 0)
        r->wrong = "chain";
    if (!code)
        code = mst_reader_heads(reader, 1, 1, check_head, r, err);
    must_count(r, r->k, "number of heads");
    if (!code)
        code = mst_reader_alerts(reader, 1, 0, check_alert, r, err);
    must_count(r, r->k, "number of alerts");
    if (!code)
        code = mst_reader_runs(reader, 1, 1, 0, check_run, r, err);
    must_count(r, runs_up_to(r->k), "number of runs");
    if (!code)
        code = mst_reader_obligations(reader, 1, check_obligation, r, err);
    must_count(r, some, "number of obligations");
    if (!code)
        code = mst_reader_items(reader, 1, check_item, r, err);
    must_count(r, some, "number of items");
    if (!code)
        code = mst_reader_outboxes(reader, 1, check_outbox, r, err);
    must_count(r, some, "number of outboxes");
    return code;
}

int64_t fixture_read_batches(struct mst_store *s, char *why, size_t size)
{
    struct mst_reader *reader = mst_store_own_reader(s);
    struct mst_err err = {0};
    struct reading r = {0};
    size_t len = sizeof r.k;
    int code = mst_reader_programmes(reader, count_programme, &r, &err);
    uint64_t programmes = r.count;
    if (!code)
        code = mst_reader_meta(reader, 1, "batch", &r.k, &len, &err);
    must_count(&r, r.k > 0, "number of programmes");
    if (!code && programmes)
        code = read_all(reader, &r, &err);
    if (code || r.wrong) {
        snprintf(why, size, "%s", code ? err.text : r.wrong);
        return -1;
    }
    return (int64_t)r.k;
}
