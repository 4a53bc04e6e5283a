/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feedback.h - how many connections a receiver has shown to bear.
 *
 * A window of connections, fed only by what concerns the site as a whole: a
 * connection came up, or was refused at connect, banner, EHLO or by a 421.
 *
 *	until the first refusal	one more for each that comes up
 *	then			1/sqrt(window) for each that comes up
 *	a refusal		no more than are up; beyond that 1/window
 *	calm			FEEDBACK_CALM_MS without growth after one
 *	dead			a whole window refused, and none came up
 *
 * So one refusal never closes a site that works, and a site that takes four
 * connections is not asked for a fifth again and again.
 */
#ifndef LISTD_FEEDBACK_H
#define LISTD_FEEDBACK_H

#include <stdbool.h>
#include <stdint.h>

#define FEEDBACK_FIRST		2	/* connections of a new site */
#define FEEDBACK_CALM_MS	60000

struct feedback {
	unsigned	window;		/* at least 1 */
	unsigned	step;		/* more for each, until a refusal */
	double		credit;		/* towards one more */
	double		debt;		/* towards one less */
	double		cohorts;	/* windows refused in a row */
	unsigned	failures;	/* refusals in a row */
	int64_t		calm_ms;	/* no growth until then */
};

/* Begin with window connections; step is at least 1. */
void feedback_begin(struct feedback *f, unsigned window, unsigned step);
/* A connection came up; the window never passes cap. */
void feedback_up(struct feedback *f, unsigned cap, int64_t now_ms);
/*
 * One was refused.
 *
 * up		connections that are up now
 * failures	refusals in a row that are enough whatever the window
 *
 * Returns true when the site is dead for us.
 */
bool feedback_refused(struct feedback *f, unsigned up, unsigned failures,
    int64_t now_ms);

#endif
