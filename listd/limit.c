/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit.c - connections and rates that several sites may share.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "listd/limit.h"

#define MESSAGE_BURST	60	/* a second's worth at once */
#define CONNECT_BURST	10	/* a tenth: a site is opened in one go */
#define OUT_SHARE	10	/* at most a tenth is on its way */
#define SLOW		10	/* a minute: one at a time, and spaced */
#define RESERVE_SHARE	10	/* of the burst */

struct limit *
limit_new(uint64_t key, int64_t start_us)
{
	struct limit *l = xcalloc(1, sizeof(*l));

	TAILQ_INIT(&l->waiting[LIMIT_CONNECT]);
	TAILQ_INIT(&l->waiting[LIMIT_MESSAGE]);
	l->by_key.key = key;
	/* Rates are not known yet; limit_set() makes these times of them. */
	l->messages.tat_us = l->connects.tat_us = start_us;
	l->last_us = start_us;
	return l;
}

void
limit_free(struct limit *l)
{
	assert(l->refs == 0);
	free(l);
}

/* Take over what is owed at another rate; at first, a burst used up. */
static void
rate_set(struct gcra *g, struct gcra_rate *r, uint32_t n, uint32_t share,
    int64_t now_us)
{
	struct gcra_rate was = *r;

	*r = gcra_rate(n, GCRA_MINUTE, n / share);
	if (was.interval_us == 0)
		g->tat_us += r->tolerance_us + r->interval_us;
	else
		gcra_change(g, &was, r, now_us);
}

void
limit_set(struct limit *l, const struct limit_values *v, int64_t now_us)
{
	const struct limit_values was = l->v;
	uint32_t n = v->messages_per_minute;

	l->v = *v;
	if (n != 0 && n != was.messages_per_minute) {
		l->out_max = n < SLOW ? 1 : n / OUT_SHARE;
		n -= n < SLOW ? 0 : l->out_max;
		rate_set(&l->messages, &l->message_rate, n,
		    MESSAGE_BURST, now_us);
		l->reserve_us = l->message_rate.tolerance_us / RESERVE_SHARE;
		if (l->reserve_us < l->message_rate.interval_us)
			l->reserve_us = l->message_rate.tolerance_us <
			    2 * l->message_rate.interval_us ? 0 :
			    l->message_rate.interval_us;
	}
	if (v->messages_per_minute == 0)
		l->out_max = 0;
	n = v->connects_per_minute;
	if (n != 0 && n != was.connects_per_minute)
		rate_set(&l->connects, &l->connect_rate, n,
		    CONNECT_BURST, now_us);
}

int64_t
limit_connect_wait(const struct limit *l, int64_t now_us)
{
	int64_t wait;

	if (l->v.connections != 0 && l->sessions >= l->v.connections)
		return -1;
	if (l->v.connects_per_minute == 0)
		return 0;
	wait = gcra_wait(&l->connects, &l->connect_rate, now_us);
	return l->owed_us - now_us > wait ? l->owed_us - now_us : wait;
}

void
limit_connect(struct limit *l, int64_t now_us)
{
	l->sessions++;
	if (l->v.connects_per_minute != 0)
		gcra_take(&l->connects, &l->connect_rate, now_us);
}

void
limit_connects_made(struct limit *l, unsigned n, int64_t now_us)
{
	struct gcra *g = &l->connects;

	if (n == 0 || l->v.connects_per_minute == 0)
		return;
	/* More than a full bucket, which gcra_wait() would not believe. */
	g->tat_us = (g->tat_us > now_us ? g->tat_us : now_us) +
	    (int64_t)n * l->connect_rate.interval_us;
	l->owed_us = g->tat_us - l->connect_rate.tolerance_us;
}

void
limit_disconnect(struct limit *l)
{
	assert(l->sessions > 0);
	l->sessions--;
}

int64_t
limit_message_wait(const struct limit *l, bool notice, int64_t now_us)
{
	struct gcra_rate r = l->message_rate;
	int64_t wait, spaced;

	if (l->v.messages_per_minute == 0)
		return 0;
	if (l->out >= l->out_max)
		return -1;
	if (!notice)
		r.tolerance_us -= l->reserve_us;
	wait = gcra_wait(&l->messages, &r, now_us);
	if (l->v.messages_per_minute < SLOW) {
		/* Slow ones keep their distance from the end of the last. */
		spaced = l->last_us + l->message_rate.interval_us - now_us;
		if (spaced > wait)
			wait = spaced;
	}
	return wait;
}

void
limit_message(struct limit *l, int64_t now_us)
{
	l->out++;
	if (l->v.messages_per_minute != 0)
		gcra_take(&l->messages, &l->message_rate, now_us);
}

void
limit_message_over(struct limit *l, bool tried, int64_t now_us)
{
	assert(l->out > 0);
	l->out--;
	if (tried)
		l->last_us = now_us;
	else if (l->v.messages_per_minute != 0)
		gcra_give(&l->messages, &l->message_rate);
}

int64_t
limit_clear_us(const struct limit *l)
{
	int64_t at = l->messages.tat_us;

	if (l->connects.tat_us > at)
		at = l->connects.tat_us;
	if (l->v.messages_per_minute != 0 && l->v.messages_per_minute < SLOW &&
	    l->last_us + l->message_rate.interval_us > at)
		at = l->last_us + l->message_rate.interval_us;
	return at;
}
