/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timers.c - deadlines of one process, driven by its clock.
 *
 * A binary heap ordered by deadline, then by the order of starting.  One
 * libevent timer waits for the first of them.  It is moved when an earlier
 * deadline comes, and else left to wake for nothing once: so restarting an
 * idle timeout on each command costs a few swaps.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/time.h>

#include <event2/event.h>

#include "lib/clock.h"
#include "lib/sys/timers.h"
#include "lib/xmalloc.h"

#define WAIT_MAX_MS	(60 * 60 * 1000)	/* then look again */

struct timers {
	const struct clock	*clock;
	struct event		*ev;
	struct timer		**heap;
	size_t			 n, cap;
	uint64_t		 order;
	int64_t			 armed_ms;	/* when ev wakes, if armed */
	bool			 armed;
	bool			 jumps;
	bool			 firing;
};

static bool
before(const struct timer *a, const struct timer *b)
{
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms;
	return a->order < b->order;
}

static void
place(struct timers *ts, size_t i, struct timer *t)
{
	ts->heap[i] = t;
	t->slot = i + 1;
}

static void
sift_up(struct timers *ts, size_t i)
{
	struct timer *t = ts->heap[i];

	for (; i > 0 && before(t, ts->heap[(i - 1) / 2]); i = (i - 1) / 2)
		place(ts, i, ts->heap[(i - 1) / 2]);
	place(ts, i, t);
}

static void
sift_down(struct timers *ts, size_t i)
{
	struct timer *t = ts->heap[i];
	size_t child;

	while ((child = 2 * i + 1) < ts->n) {
		if (child + 1 < ts->n &&
		    before(ts->heap[child + 1], ts->heap[child]))
			child++;
		if (!before(ts->heap[child], t))
			break;
		place(ts, i, ts->heap[child]);
		i = child;
	}
	place(ts, i, t);
}

static void
take_out(struct timers *ts, struct timer *t)
{
	size_t i = t->slot - 1;
	struct timer *last = ts->heap[--ts->n];

	assert(i <= ts->n && (last == t || i < ts->n));
	t->slot = 0;
	if (last == t)
		return;
	place(ts, i, last);
	sift_up(ts, i);
	sift_down(ts, last->slot - 1);
}

/* Let the loop wake for the first deadline. */
static void
arm(struct timers *ts)
{
	int64_t now, wait;
	struct timeval tv;

	if (ts->firing)
		return;
	if (ts->n == 0) {
		if (ts->armed)
			event_del(ts->ev);
		ts->armed = false;
		return;
	}
	if (ts->armed && (ts->jumps || ts->armed_ms <= ts->heap[0]->due_ms))
		return;
	now = clock_mono_ms(ts->clock);
	wait = ts->jumps ? TIMERS_TEST_POLL_MS : WAIT_MAX_MS;
	if (ts->heap[0]->due_ms <= now)
		wait = 0;
	else if (ts->heap[0]->due_ms - now < wait)
		wait = ts->heap[0]->due_ms - now;
	tv.tv_sec = wait / 1000;
	tv.tv_usec = wait % 1000 * 1000;
	event_add(ts->ev, &tv);
	ts->armed = true;
	ts->armed_ms = now + wait;
}

static void
fire(evutil_socket_t fd, short what, void *arg)
{
	struct timers *ts = arg;
	int64_t now = clock_mono_ms(ts->clock);
	uint64_t end = ts->order;

	(void)fd;
	(void)what;
	ts->armed = false;
	ts->firing = true;
	/* What callbacks start waits for the next turn, or this never ends. */
	while (ts->n > 0 && ts->heap[0]->due_ms <= now &&
	    ts->heap[0]->order < end) {
		struct timer *t = ts->heap[0];

		take_out(ts, t);
		t->cb(t->arg);
	}
	ts->firing = false;
	arm(ts);
}

struct timers *
timers_new(struct event_base *base, const struct clock *clock, bool jumps)
{
	struct timers *ts = xcalloc(1, sizeof(*ts));

	ts->clock = clock;
	ts->jumps = jumps;
	ts->ev = evtimer_new(base, fire, ts);
	if (ts->ev == NULL)
		abort();	/* no memory, before anything began */
	return ts;
}

void
timers_free(struct timers *ts)
{
	if (ts == NULL)
		return;
	assert(!ts->firing);
	for (size_t i = 0; i < ts->n; i++)
		ts->heap[i]->slot = 0;
	event_free(ts->ev);
	free(ts->heap);
	free(ts);
}

const struct clock *
timers_clock(const struct timers *ts)
{
	return ts->clock;
}

size_t
timers_count(const struct timers *ts)
{
	return ts->n;
}

void
timer_init(struct timer *t, struct timers *ts, void (*cb)(void *arg),
    void *arg)
{
	*t = (struct timer){ .set = ts, .cb = cb, .arg = arg };
}

void
timer_start_at(struct timer *t, int64_t at_ms)
{
	struct timers *ts = t->set;

	t->due_ms = at_ms;
	t->order = ts->order++;
	if (t->slot != 0) {
		sift_up(ts, t->slot - 1);
		sift_down(ts, t->slot - 1);
	} else {
		if (ts->n == ts->cap) {
			ts->cap = ts->cap != 0 ? ts->cap * 2 : 16;
			ts->heap = xreallocarray(ts->heap, ts->cap,
			    sizeof(struct timer *));
		}
		ts->heap[ts->n] = t;
		sift_up(ts, ts->n++);
	}
	arm(ts);
}

void
timer_start(struct timer *t, int64_t wait_ms)
{
	int64_t now = clock_mono_ms(t->set->clock);

	if (wait_ms < 0)
		wait_ms = 0;
	timer_start_at(t, wait_ms > INT64_MAX - now ? INT64_MAX :
	    now + wait_ms);
}

void
timer_cancel(struct timer *t)
{
	if (t->slot == 0)
		return;
	take_out(t->set, t);
	arm(t->set);
}

bool
timer_running(const struct timer *t)
{
	return t->slot != 0;
}
