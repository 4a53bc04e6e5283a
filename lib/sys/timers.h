/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timers.h - deadlines of one process, driven by its clock.
 *
 * A heap of monotonic milliseconds over one libevent timer.  A timer that was
 * started is called back exactly once, from the loop and never from inside
 * timer_start(); or it is cancelled and then never called.  With a clock that
 * jumps (lib/sys/realclock.h) the clock is looked at every
 * TIMERS_TEST_POLL_MS, so that jumped time fires what became due.
 */
#ifndef LIB_SYS_TIMERS_H
#define LIB_SYS_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock;
struct event_base;

#define TIMERS_TEST_POLL_MS	10

struct timers;

/*
 * One timer, placed inside the thing it serves.  Its fields are private.  It
 * must be cancelled before its memory goes, and not move while it runs.
 */
struct timer {
	struct timers	*set;
	void		(*cb)(void *arg);
	void		*arg;
	int64_t		 due_ms;
	uint64_t	 order;		/* of starting; ties fire in order */
	size_t		 slot;		/* place in the heap + 1; 0: idle */
};

/*
 * base and clock are borrowed.  jumps says that the clock is a test clock.
 */
struct timers *timers_new(struct event_base *base, const struct clock *clock,
    bool jumps);
/* Timers still running are cancelled.  NULL is fine. */
void timers_free(struct timers *ts);
/* The clock given to timers_new(). */
const struct clock *timers_clock(const struct timers *ts);
/* How many run, for metrics and tests. */
size_t timers_count(const struct timers *ts);

void timer_init(struct timer *t, struct timers *ts, void (*cb)(void *arg),
    void *arg);
/* Call back in wait_ms (below 0 counts as 0); starts afresh if it runs. */
void timer_start(struct timer *t, int64_t wait_ms);
/* Call back at the monotonic time at_ms; starts afresh if it runs. */
void timer_start_at(struct timer *t, int64_t at_ms);
/* Idle timers may be cancelled; so may one that was only zeroed. */
void timer_cancel(struct timer *t);
bool timer_running(const struct timer *t);

#endif
