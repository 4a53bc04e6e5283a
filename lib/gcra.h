/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gcra.h - at most so many in so much time: the generic cell rate algorithm
 * (ITU-T I.371 annex A, the virtual scheduling form).
 *
 * A limiter is one moment, the theoretical arrival time: when the next unit
 * would be due if all came evenly.  It needs no timer and no queue, and costs
 * 8 octets a path.
 *
 * The promise is the one a receiver counts by: no span of one period, however
 * it is laid, holds more than n units.  So a burst is paid for by the pace
 * after it: burst units at once, then n - burst + 1 a period.  With burst 1
 * that is n a period, evenly.
 *
 * Times are microseconds of any one clock, of less than 2^62.  When it steps
 * back, or the rate becomes a faster one, nobody waits longer than one
 * interval for the next unit.
 */
#ifndef LIB_GCRA_H
#define LIB_GCRA_H

#include <stdint.h>

#define GCRA_PERIOD_MAX	INT64_C(86400000000)	/* a day */
#define GCRA_BURST_MAX	1000000
#define GCRA_SECOND	INT64_C(1000000)
#define GCRA_MINUTE	(60 * GCRA_SECOND)

struct gcra_rate {
	int64_t	interval_us;	/* between units at an even pace */
	int64_t	tolerance_us;	/* how much earlier than that one may be */
};

/* All zeros: nothing was taken yet. */
struct gcra {
	int64_t	tat_us;
};

/*
 * n units a period with bursts of burst units.
 *
 * n		0 is taken as 1.  The interval is rounded up to 1 us, so that
 *		a rate above one a microsecond is that one.
 * period_us	1 to GCRA_PERIOD_MAX; what is outside is moved there
 * burst	1 to n and GCRA_BURST_MAX; what is outside is moved there
 */
struct gcra_rate gcra_rate(uint64_t n, int64_t period_us, uint64_t burst);

/* How long until a unit may be taken; 0: now. */
int64_t gcra_wait(const struct gcra *g, const struct gcra_rate *r,
    int64_t now_us);
/* Take a unit and return 0, or take none and return how long to wait. */
int64_t gcra_take(struct gcra *g, const struct gcra_rate *r, int64_t now_us);
/* Give the last unit taken back: it was not used. */
void gcra_give(struct gcra *g, const struct gcra_rate *r);
/*
 * The rate changes: what was taken and is not yet paid for stays as many
 * units, at the new pace.
 */
void gcra_change(struct gcra *g, const struct gcra_rate *from,
    const struct gcra_rate *to, int64_t now_us);

#endif
