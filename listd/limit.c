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
#include "listd/scheduler.h"

#define MESSAGE_BURST	60	/* a second's worth at once */
#define CONNECT_BURST	10	/* a tenth: a site is opened in one go */
#define OUT_SHARE	10	/* at most a tenth is on its way */
#define OUT_MIN		(2 * SCHEDULER_DEPTH)	/* two full sessions */
#define SLOW		10	/* a minute: one at a time, and spaced */
#define RESERVE_SHARE	10	/* of the burst */

struct limit *
limit_new(uint64_t key, int64_t start_us)
{
	struct limit *l = xcalloc(1, sizeof(*l));

	TAILQ_INIT(&l->waiting[LIMIT_CONNECT]);
	TAILQ_INIT(&l->waiting[LIMIT_MESSAGE]);
	TAILQ_INIT(&l->uses);
	l->by_key.key = key;
	l->messages.tat_us = l->connects.tat_us = start_us;
	l->used_us = l->last_us = start_us;
	return l;
}

void
limit_free(struct limit *l)
{
	assert(l->refs == 0);
	free(l);
}

/* The burst was used up at that time; it may have been later still. */
static void
use_up(struct gcra *g, const struct gcra_rate *r, int64_t used_us)
{
	int64_t tat = used_us + r->tolerance_us + r->interval_us;

	if (tat > g->tat_us)
		g->tat_us = tat;
}

/* From was to n: what is owed is taken over; where nothing counted, all is. */
static void
rate_set(struct gcra *g, struct gcra_rate *r, uint32_t was, uint32_t n,
    uint32_t share, int64_t used_us, int64_t now_us)
{
	struct gcra_rate from = *r;

	*r = gcra_rate(n, GCRA_MINUTE, n / share);
	if (was != 0)
		gcra_change(g, &from, r, now_us);
	else
		use_up(g, r, used_us);
}

/* What is kept back of the rate: no more than can be on its way at once. */
static unsigned
out_max_of(const struct limit_values *v)
{
	uint32_t n = v->messages_per_minute, max = n / OUT_SHARE;
	uint64_t held = (uint64_t)v->connections * SCHEDULER_DEPTH;

	if (n == 0)
		return 0;
	if (n < SLOW)
		return 1;
	if (held == 0)
		return max;
	if (held < OUT_MIN)
		held = OUT_MIN;
	/* One more: when all are full it is the connections that bind. */
	return held + 1 < max ? (unsigned)held + 1 : max;
}

static void
set_message_rate(struct limit *l, uint32_t was, int64_t now_us)
{
	uint32_t n = l->v.messages_per_minute;
	unsigned out_max = out_max_of(&l->v);

	/* What more connections had is on its way still. */
	if (n == was && out_max <= l->out_max)
		return;
	l->out_max = out_max;
	if (n == 0)
		return;
	rate_set(&l->messages, &l->message_rate, was,
	    n < SLOW ? n : n - out_max, MESSAGE_BURST, l->used_us, now_us);
	l->reserve_us = l->message_rate.tolerance_us / RESERVE_SHARE;
	if (l->reserve_us < l->message_rate.interval_us)
		l->reserve_us = l->message_rate.tolerance_us <
		    2 * l->message_rate.interval_us ? 0 :
		    l->message_rate.interval_us;
}

void
limit_set(struct limit *l, const struct limit_values *v, int64_t now_us)
{
	const struct limit_values was = l->v;
	uint32_t n = v->connects_per_minute;

	l->v = *v;
	set_message_rate(l, was.messages_per_minute, now_us);
	if (n != 0 && n != was.connects_per_minute)
		rate_set(&l->connects, &l->connect_rate,
		    was.connects_per_minute, n, CONNECT_BURST, l->used_us,
		    now_us);
}

void
limit_used(struct limit *l, int64_t used_us)
{
	if (used_us <= l->used_us)
		return;
	l->used_us = used_us;
	if (l->last_us < used_us)
		l->last_us = used_us;
	if (l->v.messages_per_minute != 0)
		use_up(&l->messages, &l->message_rate, used_us);
	if (l->v.connects_per_minute != 0)
		use_up(&l->connects, &l->connect_rate, used_us);
}

/* ---- who shares it */

/* The lower of two values of which 0 is none. */
static void
lower(uint32_t *v, uint32_t other)
{
	if (*v == 0 || (other != 0 && other < *v))
		*v = other;
}

static void
lower_all(struct limit_values *v, const struct limit_values *other)
{
	lower(&v->connections, other->connections);
	lower(&v->messages_per_minute, other->messages_per_minute);
	lower(&v->connects_per_minute, other->connects_per_minute);
}

void
limit_uses_changed(struct limit *l, int64_t now_us)
{
	struct limit_values least = { 0, 0, 0 };
	const struct limit_use *u;

	TAILQ_FOREACH(u, &l->uses, link)
		lower_all(&least, &u->v);
	limit_set(l, &least, now_us);
}

void
limit_use(struct limit *l, struct limit_use *u, const struct limit_values *v,
    int64_t now_us)
{
	struct limit_values least = *v;

	if (!TAILQ_EMPTY(&l->uses))
		lower_all(&least, &l->v);
	TAILQ_INSERT_TAIL(&l->uses, u, link);
	u->v = *v;
	limit_set(l, &least, now_us);
}

void
limit_use_end(struct limit *l, struct limit_use *u, int64_t now_us)
{
	TAILQ_REMOVE(&l->uses, u, link);
	/* What the last one asked for stays until somebody comes. */
	if (!TAILQ_EMPTY(&l->uses))
		limit_uses_changed(l, now_us);
}

/* ---- what it allows */

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
	l->used_us = now_us;
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
	l->used_us = now_us;
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
	if (l->used_us > at)
		at = l->used_us;
	if (l->v.messages_per_minute != 0 && l->v.messages_per_minute < SLOW &&
	    l->last_us + l->message_rate.interval_us > at)
		at = l->last_us + l->message_rate.interval_us;
	return at;
}
