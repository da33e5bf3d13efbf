/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/io/clock.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

mst_time mst_clock_wall(void)
{
    return read_ms(CLOCK_REALTIME);
}

int64_t mst_clock_boot(void)
{
    return read_ms(CLOCK_BOOTTIME);
}

void mst_clock_read(struct mst_clock_reading *ret_reading)
{
    static char boot_id[sizeof ret_reading->boot_id];
    if (!boot_id[0]) {
        int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, boot_id, sizeof boot_id - 1);
        if (fd >= 0)
            close(fd);
        boot_id[n < 0 ? 0 : n] = '\0';
        boot_id[strcspn(boot_id, "\n")] = '\0';
    }
    ret_reading->wall_ms = mst_clock_wall();
    ret_reading->boot_ms = mst_clock_boot();
    memcpy(ret_reading->boot_id, boot_id, sizeof boot_id);
}

mst_time mst_clock_now(struct mst_clock *clock)
{
    struct mst_clock_reading reading;
    mst_clock_read(&reading);
    if (clock->rehearsal) {
        clock->mark = (struct mst_clock_mark){
            .reading = reading, .evaluated_ms = clock->virtual_now, .set = true};
        return clock->virtual_now;
    }
    clock->ruling = mst_clock_judge(&clock->mark, &reading, &clock->limits);
    if (clock->ruling.state == MST_CLOCK_OK) {
        clock->mark.reading = reading;
        clock->mark.set = true;
    }
    if (clock->ruling.now_ms > clock->mark.evaluated_ms)
        clock->mark.evaluated_ms = clock->ruling.now_ms;
    return clock->mark.evaluated_ms;
}

void mst_clock_confirm(struct mst_clock *clock)
{
    struct mst_clock after = *clock;
    mst_clock_read(&after.mark.reading);
    after.mark.set = true;
    (void)mst_clock_now(&after);
    clock->confirmed = after.mark;
    clock->confirming = true;
}

const struct mst_clock_mark *mst_clock_kept_mark(const struct mst_clock *clock)
{
    return clock->confirming ? &clock->confirmed : &clock->mark;
}

void mst_clock_settle(struct mst_clock *clock, bool committed)
{
    if (clock->confirming && committed) {
        mst_time evaluated_ms = clock->mark.evaluated_ms;
        clock->mark = clock->confirmed;
        if (clock->mark.evaluated_ms < evaluated_ms)
            clock->mark.evaluated_ms = evaluated_ms;
        (void)mst_clock_now(clock);
    }
    clock->confirming = false;
}

const char *mst_clock_state_word(const struct mst_clock *clock)
{
    if (clock->rehearsal)
        return clock->running ? "rehearsal, running" : "rehearsal, held";
    switch (clock->ruling.state) {
    case MST_CLOCK_FROZEN:
        return "frozen: the wall clock went back";
    case MST_CLOCK_HELD:
        return "held: the wall clock leapt";
    case MST_CLOCK_OK:
        break;
    }
    return "ok";
}

mst_time mst_clock_alarm(const struct mst_clock *clock, mst_time next_due)
{
    if (clock->rehearsal || clock->ruling.state == MST_CLOCK_HELD)
        return MST_NEVER;
    /* Frozen: nothing can fire before the wall clock is back where it was. */
    return next_due > clock->mark.evaluated_ms ? next_due : clock->mark.evaluated_ms;
}

bool mst_clock_fires(const struct mst_clock *clock)
{
    return clock->rehearsal || clock->ruling.state == MST_CLOCK_OK;
}

void mst_clock_run(struct mst_clock *clock, mst_time to)
{
    clock->running = true;
    clock->run_to = to;
    clock->run_from_boot_ms = mst_clock_boot();
    clock->run_from_virtual = clock->virtual_now;
}

void mst_clock_hold(struct mst_clock *clock)
{
    clock->running = false;
    clock->run_to = MST_NEVER;
}

mst_time mst_clock_next_stop(const struct mst_clock *clock, mst_time next_due, int64_t *ret_wait_ms)
{
    *ret_wait_ms = -1;
    if (!clock->rehearsal || !clock->running)
        return MST_NEVER;
    mst_time stop = next_due < clock->run_to ? next_due : clock->run_to;
    if (clock->virtual_end < stop)
        stop = clock->virtual_end;
    if (stop == MST_NEVER)
        return MST_NEVER;
    if (stop < clock->virtual_now)
        stop = clock->virtual_now;
    if (clock->speed > 0) {
        double virtual_ms = (double)(stop - clock->run_from_virtual);
        int64_t allowed_at = clock->run_from_boot_ms + (int64_t)(virtual_ms / clock->speed);
        int64_t wait = allowed_at - mst_clock_boot();
        if (wait > 0) {
            *ret_wait_ms = wait;
            return MST_NEVER;
        }
    }
    return stop;
}
