/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts under the outbox. A history of reports, receipts, refusals and pruning, with kills and
 * restarts, and begun from a file of the first layout, is recorded once on the disk in memory; then
 * images are rebuilt for random moments and opened: each holds one step's state, wholly, and never
 * an earlier one than was promised.
 *
 *   test_run_crash [--images N] [--seed N]
 */
#include "tests/unit/outbox_first.h"

#include "agent/run/box.h"
#include "proto/pack.h"
#include "tests/store/images.h"

#define STEPS 60 /* of a history */
#define HISTORIES 6
#define CHECKPOINT_PAGES 24 /* so that the log is copied into the file within a history */

static uint64_t images = 1800;
static uint64_t seed = 20231127;
static char dir[64], path[96];

/* ---- what a step does, and what holds after it ---- */

/* Of a step k: it queues `reports` of them; if it is even, a receipt comes for all that the steps
 * before had queued, which refuses the last of them in every fourth; in every sixth, a backup holds
 * what steps up to k - 4 received, and is pruned. */
struct model {
    uint64_t last, acked, released;
};

static uint64_t reports_of(uint64_t k)
{
    return 1 + k % 3;
}

static struct model model_after(uint64_t k)
{
    struct model m = {0};
    for (uint64_t i = 1; i <= k; i++) {
        if (i % 2 == 0)
            m.acked = m.last;
        m.last += reports_of(i);
        if (i % 6 == 0)
            m.released = i > 4 ? model_after(i - 4).acked : 0;
    }
    return m;
}

static int put_step(struct mst_outbox *box, uint64_t k)
{
    struct model before = model_after(k - 1);
    struct mst_pruned pruned;
    struct mst_buf buf = {0};
    int code = 0;
    if (k % 2 == 0) {
        mst_pack_map(&buf, 2);
        mst_pack_text(&buf, "seq");
        mst_pack_uint(&buf, before.last);
        mst_pack_text(&buf, "code");
        mst_pack_text(&buf, "locked");
        struct mst_slice row = mst_bytes(buf.data, buf.len);
        code = receipt(box, before.acked + 1, before.last, 1000 * k,
                       k > 4 ? 1000 * (k - 4) + 999 : 0, (struct mst_slices){&row, k % 4 == 0});
        mst_buf_done(&buf);
    }
    for (uint64_t i = 0; !code && i < reports_of(k); i++) {
        char words[900];
        memset(words, 'a' + (int)(k % 26), sizeof words);
        words[sizeof words - 1] = '\0';
        code = append(box, words, (mst_time)k) == 0 ? MST_E_IO : 0;
    }
    if (!code && k % 6 == 0)
        code = mst_outbox_prune(box, (mst_time)k, &pruned, NULL);
    return code ? code : mst_outbox_set_figure(box, "step", k, NULL);
}

static int64_t step_in(struct mst_outbox *box)
{
    return (int64_t)mst_outbox_figure(box, "step", 0);
}

/* The step that covers an entry with its receipt; 0: none does. */
static uint64_t receiving_step(uint64_t number, uint64_t steps)
{
    for (uint64_t k = 2; k <= steps; k += 2) {
        if (model_after(k).acked >= number)
            return k;
    }
    return 0;
}

struct checked {
    uint64_t steps, next;
    char *why;
    size_t size;
};

static int check_entry(void *context, const struct mst_entry *e)
{
    struct checked *c = context;
    uint64_t k = receiving_step(e->number, c->steps);
    struct model m = k ? model_after(k) : (struct model){0};
    uint64_t row = k ? 1000 * k + (e->number - (model_after(k - 1).acked + 1)) : 0;
    enum mst_entry_state state = !k                                   ? MST_ENTRY_QUEUED
                                 : k % 4 == 0 && e->number == m.acked ? MST_ENTRY_REFUSED
                                                                      : MST_ENTRY_RECEIVED;
    if (e->number != c->next++ || e->state != state || e->receipt != row ||
        strcmp(e->code, state == MST_ENTRY_REFUSED ? "locked" : "") != 0)
        snprintf(c->why, c->size, "entry %llu is %d with receipt %llu, not %d with %llu",
                 (unsigned long long)e->number, (int)e->state, (unsigned long long)e->receipt,
                 (int)state, (unsigned long long)row);
    return c->why[0] != '\0';
}

static int ignore_receipt(void *context, const struct mst_outbox_proof *proof)
{
    (void)context;
    (void)proof;
    return 0;
}

static int ignore_report(void *context, struct mst_slice report)
{
    (void)context;
    (void)report;
    return 0;
}

/* The chain over what is kept, and a proof for whatever has a receipt and its bytes. */
static bool check_reports(struct mst_outbox *box, const struct model *m, bool proofs)
{
    static struct mst_run run;
    uint8_t head[MST_HASH_BYTES];
    bool right = true;
    if (mst_outbox_hash(box, m->released, head, NULL))
        return false;
    for (uint64_t seq = m->released + 1; right && seq <= m->last;) {
        right = mst_outbox_run(box, seq, m->last, 3, 65536, &run, NULL) == 0 &&
                memcmp(run.prev, head, sizeof head) == 0;
        for (size_t i = 0; right && i < run.count; i++, seq++)
            mst_chain_next(head, seq, run.reports[i], head);
        right = right && memcmp(run.head, head, sizeof head) == 0;
    }
    for (uint64_t n = m->released + 1; right && proofs && n <= m->acked; n++)
        right = mst_outbox_prove(box, n, ignore_receipt, ignore_report, NULL, NULL) == 0;
    mst_buf_done(&run.bytes);
    return right;
}

/* Is it wholly the state after its step? False, and why. */
static bool check_box(struct mst_outbox *box, char *why, size_t size)
{
    uint64_t k = (uint64_t)step_in(box);
    struct model m = model_after(k);
    struct checked c = {.steps = k, .next = 1, .why = why, .size = size};
    if (mst_outbox_last(box) != m.last || mst_outbox_acked(box) != m.acked ||
        box->released != m.released) {
        snprintf(why, size, "after step %llu: last %llu, acked %llu, released %llu",
                 (unsigned long long)k, (unsigned long long)mst_outbox_last(box),
                 (unsigned long long)mst_outbox_acked(box), (unsigned long long)box->released);
        return false;
    }
    if (mst_outbox_entries(box, 0, 100000, check_entry, &c, NULL))
        snprintf(why, size, "its entries cannot be read");
    if (!why[0] && c.next != m.last + 1)
        snprintf(why, size, "it has %llu entries", (unsigned long long)c.next - 1);
    if (!why[0] && !check_reports(box, &m, true))
        snprintf(why, size, "its chain or a proof is broken");
    return why[0] == '\0';
}

/* ---- the history ---- */

static int try_open(struct mst_outbox **ret, bool unsafe_sync, struct mst_err *err)
{
    int code = mst_outbox_open(path, "p", "u1", &roomy, ret, err);
    if (code)
        return code;
    sqlite3_wal_autocheckpoint((*ret)->db, CHECKPOINT_PAGES);
    return unsafe_sync ? mst_box_exec(*ret, "PRAGMA synchronous = OFF", err) : 0;
}

/* What a start finds may be told to anybody, so it counts as promised. */
static struct mst_outbox *open_for(bool unsafe_sync, uint64_t *ret_step)
{
    struct mst_outbox *box = NULL;
    struct mst_err err = {0};
    char why[256] = "";
    if (try_open(&box, unsafe_sync, &err))
        fail_msg("%s", err.text);
    if (!check_box(box, why, sizeof why))
        fail_msg("%s", why);
    *ret_step = (uint64_t)step_in(box);
    memvfs_note(MEMVFS_ACKNOWLEDGED, *ret_step);
    return box;
}

/* Every third step is cut short by a kill, every tenth ends in a clean restart. */
static struct memvfs_log *record_history(uint64_t dice, bool unsafe_sync)
{
    uint64_t k;
    memvfs_reset();
    struct mst_outbox *box = open_for(unsafe_sync, &k);
    for (int i = 1; i <= STEPS; i++) {
        bool killed = i % 3 == 0;
        if (killed)
            memvfs_fail_at(1 + memvfs_roll(&dice) % (i % 6 ? 2 : 12), true,
                           i % 6 ? MEMVFS_KILLED_AT_SYNC : MEMVFS_KILLED);
        memvfs_note(MEMVFS_STARTED, ++k);
        if (put_step(box, k) == 0 && mst_outbox_commit(box, NULL) == 0)
            memvfs_note(MEMVFS_ACKNOWLEDGED, k);
        if (!killed && i % 10 != 0)
            continue;
        if (killed && !memvfs_has_failed())
            memvfs_fail_at(1, true, MEMVFS_KILLED);
        mst_outbox_close(box);
        memvfs_fail_at(0, false, MEMVFS_IO_ERROR);
        if (i == STEPS / 2)
            make_first_layout(path);
        box = open_for(unsafe_sync, &k);
    }
    mst_outbox_close(box);
    return memvfs_log_take();
}

/* ---- images ---- */

static bool check_image(const struct memvfs_log *log, size_t cut, uint64_t image, char *why,
                        size_t size)
{
    (void)image;
    struct mst_outbox *box = NULL;
    struct mst_err err = {0};
    int64_t least = (int64_t)memvfs_log_batch(log, cut, MEMVFS_ACKNOWLEDGED);
    int64_t most = (int64_t)memvfs_log_batch(log, cut, MEMVFS_STARTED);
    if (try_open(&box, false, &err)) {
        snprintf(why, size, "it does not open: %.200s", err.text);
        mst_outbox_close(box);
        return false;
    }
    int64_t k = step_in(box);
    bool right = check_box(box, why, size);
    if (right && (k < least || k > most)) {
        snprintf(why, size, "it is at step %lld, not %lld to %lld", (long long)k, (long long)least,
                 (long long)most);
        right = false;
    }
    if (right && (put_step(box, (uint64_t)k + 1) || mst_outbox_commit(box, NULL) ||
                  !check_box(box, why, size))) {
        snprintf(why, size, "it does not go on");
        right = false;
    }
    mst_outbox_close(box);
    return right;
}

static void check_history(uint64_t history, bool unsafe_sync, uint64_t count,
                          struct images_verdict *v)
{
    struct memvfs_log *log = record_history(history, unsafe_sync);
    images_check(log, history, count, check_image, v);
    memvfs_log_free(log);
}

static void promised_steps_survive_any_power_cut(void **state)
{
    (void)state;
    struct images_verdict v = {0};
    for (uint64_t i = 0; i < HISTORIES; i++)
        check_history(seed + i, false, (images + HISTORIES - 1) / HISTORIES, &v);
    print_message("%llu images, seed %llu: %llu wrong\n", (unsigned long long)v.images,
                  (unsigned long long)seed, (unsigned long long)v.wrong);
    if (v.wrong)
        fail_msg("%s", v.first);
}

/* The negative control: an outbox that does not sync its commits must not pass. */
static void commits_without_sync_are_caught(void **state)
{
    (void)state;
    struct images_verdict v = {0};
    check_history(seed, true, 200, &v);
    print_message("without sync %llu of %llu images are wrong; %s\n", (unsigned long long)v.wrong,
                  (unsigned long long)v.images, v.first);
    assert_true(v.wrong > 0);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/muster-outbox-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/outbox.db", dir);
    memvfs_install();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    memvfs_remove();
    return unlink(path) || rmdir(dir);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promised_steps_survive_any_power_cut),
        cmocka_unit_test(commits_without_sync_are_caught),
    };
    if (!images_options(argc, argv, &images, &seed))
        return 2;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
