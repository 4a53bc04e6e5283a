/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gcra.c - at most so many in so much time.
 *
 * A burst of b at the start of a period and then one an interval make
 * b + ceil(period / interval) - 1 in that period; that this is at most n gives
 * the interval.
 */
#include "config.h"

#include "lib/gcra.h"

struct gcra_rate
gcra_rate(uint64_t n, int64_t period_us, uint64_t burst)
{
	struct gcra_rate r;
	uint64_t steps;

	if (n == 0)
		n = 1;
	if (burst == 0)
		burst = 1;
	if (burst > n)
		burst = n;
	if (burst > GCRA_BURST_MAX)
		burst = GCRA_BURST_MAX;
	if (period_us < 1)
		period_us = 1;
	if (period_us > GCRA_PERIOD_MAX)
		period_us = GCRA_PERIOD_MAX;
	steps = n - burst + 1;
	if (steps > (uint64_t)period_us)
		steps = (uint64_t)period_us;
	r.interval_us = (int64_t)(((uint64_t)period_us + steps - 1) / steps);
	r.tolerance_us = (int64_t)(burst - 1) * r.interval_us;
	return r;
}

/*
 * The arrival time as this rate and clock could have left it, not before now.
 * One that is later was left by a slower rate or by a clock that has stepped
 * back since.
 */
static int64_t
believed(const struct gcra *g, const struct gcra_rate *r, int64_t now_us)
{
	int64_t most = now_us + r->tolerance_us + r->interval_us;

	if (g->tat_us < now_us)
		return now_us;
	return g->tat_us > most ? most : g->tat_us;
}

int64_t
gcra_wait(const struct gcra *g, const struct gcra_rate *r, int64_t now_us)
{
	int64_t wait = believed(g, r, now_us) - r->tolerance_us - now_us;

	return wait > 0 ? wait : 0;
}

int64_t
gcra_take(struct gcra *g, const struct gcra_rate *r, int64_t now_us)
{
	int64_t tat = believed(g, r, now_us);
	int64_t wait = tat - r->tolerance_us - now_us;

	/* What was believed is kept: else the wait would never get shorter. */
	g->tat_us = tat;
	if (wait > 0)
		return wait;
	g->tat_us = tat + r->interval_us;
	return 0;
}

void
gcra_give(struct gcra *g, const struct gcra_rate *r)
{
	if (g->tat_us > INT64_MIN + r->interval_us)
		g->tat_us -= r->interval_us;
}

void
gcra_change(struct gcra *g, const struct gcra_rate *from,
    const struct gcra_rate *to, int64_t now_us)
{
	int64_t owed = believed(g, from, now_us) - now_us;

	if (owed == 0)
		return;
	g->tat_us = now_us + (int64_t)((double)owed *
	    (double)to->interval_us / (double)from->interval_us);
}
