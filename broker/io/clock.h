/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's clock, and the only place that reads one. In service it is the wall clock, judged by
 * the clock rules; in a rehearsal it is virtual and steps from one due instant to the next.
 */
#ifndef MST_BROKER_IO_CLOCK_H
#define MST_BROKER_IO_CLOCK_H

#include <stdbool.h>

#include "broker/core/clockrule.h"

struct mst_clock {
    struct mst_clock_limits limits;
    struct mst_clock_mark mark; /* last believed reading */
    struct mst_clock_ruling ruling;
    bool confirming; /* the open batch confirms the wall clock: then `confirmed` is the mark */
    struct mst_clock_mark confirmed;

    bool rehearsal;
    mst_time virtual_now;
    mst_time virtual_end;     /* the rehearsal stops here; MST_NEVER: never */
    mst_time run_to;          /* MST_NEVER without `running` */
    bool running;             /* stepping on; else held */
    double speed;             /* virtual ms per real ms; 0: as fast as it goes */
    int64_t run_from_boot_ms; /* real anchor of the speed's cap */
    mst_time run_from_virtual;
};

void mst_clock_read(struct mst_clock_reading *ret_reading);
mst_time mst_clock_wall(void);
int64_t mst_clock_boot(void);

/* The instant to evaluate at. Judges the wall clock, or gives the virtual instant. */
mst_time mst_clock_now(struct mst_clock *clock);
/*
 * Believe the present wall clock (musterctl clock confirm), from the commit of the batch that says
 * so on: until mst_clock_settle() nothing is judged otherwise. After a backward leap time still
 * stands until the wall clock has passed what was evaluated: nothing un-fires.
 */
void mst_clock_confirm(struct mst_clock *clock);
/* What the open batch keeps: with a confirmation in it, the mark that follows from it, so that a
 * crash behind the commit takes nothing back. Borrowed. */
const struct mst_clock_mark *mst_clock_kept_mark(const struct mst_clock *clock);
/* The batch is committed, or lost: so is a confirmation in it. */
void mst_clock_settle(struct mst_clock *clock, bool committed);
/* In words, for status and log. */
const char *mst_clock_state_word(const struct mst_clock *clock);
/*
 * In service: when the loop must look at the wall clock again by itself, deadlines being due at
 * next_due; MST_NEVER: not at all. While firing is held, what is due is no reason to wake.
 */
mst_time mst_clock_alarm(const struct mst_clock *clock, mst_time next_due);
/* True while deadlines may fire. */
bool mst_clock_fires(const struct mst_clock *clock);

/* ---- rehearsal ---- */

void mst_clock_run(struct mst_clock *clock, mst_time to);
void mst_clock_hold(struct mst_clock *clock);
/*
 * The next stop: the earlier of next_due, run_to and the end, if the speed's cap allows it already;
 * else ret_wait_ms says how long until it does. MST_NEVER: held or arrived.
 */
mst_time mst_clock_next_stop(const struct mst_clock *clock, mst_time next_due,
                             int64_t *ret_wait_ms);

#endif
