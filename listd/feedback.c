/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feedback.c - how many connections a receiver has shown to bear.
 *
 * The shape is that of Postfix's SCHEDULER_README: square root up, linear
 * down, and cohorts to tell a dead site from a full one.
 */
#include "config.h"

#include <string.h>

#include "listd/feedback.h"

/* Sums of 1/n fall short of 1 by rounding. */
#define ALMOST_ONE	0.999999

void
feedback_begin(struct feedback *f, unsigned window, unsigned step)
{
	memset(f, 0, sizeof(*f));
	f->window = window > 0 ? window : 1;
	f->step = step > 0 ? step : 1;
}

/* Newton's way; windows are small and no libm is needed. */
static double
root(double n)
{
	double r = n > 1 ? n / 2 : 1;

	for (int i = 0; i < 12; i++)
		r = (r + n / r) / 2;
	return r;
}

void
feedback_up(struct feedback *f, unsigned cap, int64_t now_ms)
{
	f->cohorts = f->debt = 0;
	f->failures = 0;
	if (f->window > cap && cap > 0)
		f->window = cap;
	if (now_ms < f->calm_ms || f->window >= cap)
		return;
	if (f->step > 0) {
		f->window += f->step;
	} else {
		f->credit += 1 / root(f->window);
		if (f->credit >= ALMOST_ONE) {
			f->credit = 0;
			f->window++;
		}
	}
	if (f->window > cap)
		f->window = cap;
}

bool
feedback_refused(struct feedback *f, unsigned up, unsigned failures,
    int64_t now_ms)
{
	f->step = 0;
	f->credit = 0;
	f->calm_ms = now_ms + FEEDBACK_CALM_MS;
	f->failures++;
	f->cohorts += 1.0 / f->window;
	f->debt += 1.0 / f->window;
	if (up > 0 && up < f->window) {
		f->window = up;		/* it takes some, so: not so many */
		f->debt = 0;
	} else if (f->debt >= ALMOST_ONE && f->window > 1) {
		f->debt = 0;
		f->window--;
	}
	return up == 0 && (f->cohorts >= ALMOST_ONE ||
	    f->failures >= failures);
}
