/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posts.c - what was mailed lately, and what of it is substantively the same.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "listd/posts.h"
#include "spool/campaign.h"

#define WINDOW_MS	(INT64_C(24) * 3600 * 1000 * POSTS_DAYS)
#define HUNDREDTH	10000	/* millionths, in which roots are taken */

struct posts {
	struct post	*v;		/* by time of release, then number */
	size_t		 n, cap;
	uint64_t	 serial;
};

struct posts *
posts_new(void)
{
	return xcalloc(1, sizeof(struct posts));
}

void
posts_free(struct posts *p)
{
	if (p == NULL)
		return;
	free(p->v);
	free(p);
}

uint64_t
posts_serial(const struct posts *p)
{
	return p->serial;
}

static size_t
place_of(const struct posts *p, uint32_t campaign)
{
	size_t i = 0;

	while (i < p->n && p->v[i].campaign != campaign)
		i++;
	return i;
}

const struct post *
posts_find(const struct posts *p, uint32_t campaign)
{
	size_t i = place_of(p, campaign);

	return i < p->n ? &p->v[i] : NULL;
}

static void
drop(struct posts *p, size_t i)
{
	memmove(&p->v[i], &p->v[i + 1], (--p->n - i) * sizeof(*p->v));
}

void
posts_forget(struct posts *p, uint32_t campaign)
{
	size_t i = place_of(p, campaign);

	if (i == p->n)
		return;
	drop(p, i);
	p->serial++;
}

static bool
is_over(const struct post *x, int64_t now)
{
	return x->ended_ms != 0 && x->released_ms + WINDOW_MS <= now &&
	    x->ended_ms + WINDOW_MS <= now;
}

static void
insert(struct posts *p, const struct post *x)
{
	size_t i = p->n;

	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 16 : 2 * p->cap;
		p->v = xreallocarray(p->v, p->cap, sizeof(*p->v));
	}
	while (i > 0 && (p->v[i - 1].released_ms > x->released_ms ||
	    (p->v[i - 1].released_ms == x->released_ms &&
	    p->v[i - 1].campaign > x->campaign)))
		i--;
	memmove(&p->v[i + 1], &p->v[i], (p->n++ - i) * sizeof(*p->v));
	p->v[i] = *x;
}

void
posts_end(struct posts *p, uint32_t campaign, int64_t ended_ms)
{
	size_t i = place_of(p, campaign);

	if (i == p->n)
		return;
	p->v[i].ended_ms = ended_ms;
	p->serial++;
}

void
posts_expect(struct posts *p, const struct post *x)
{
	if (x->print.n == 0)
		return;
	posts_forget(p, x->campaign);
	insert(p, x);
	p->v[place_of(p, x->campaign)].pending = true;
	p->serial++;
}

void
posts_set(struct posts *p, const struct campaign *c, int64_t now)
{
	struct post x = { .campaign = c->id, .org = c->org, .list = c->list,
		.resend = c->failed_of != 0, .as_of = c->as_of,
		.count = c->count, .released_ms = c->released_ms,
		.ended_ms = c->ended_ms };

	posts_forget(p, c->id);
	similar_unpack(c->fingerprint, &x.print);
	if (c->released_ms == 0 || x.print.n == 0 || is_over(&x, now))
		return;
	for (size_t i = p->n; i-- > 0;)
		if (is_over(&p->v[i], now))
			drop(p, i);
	insert(p, &x);
	p->serial++;
}

/* ---- judging */

/* Counts with x: released before it, and in the window. */
static bool
counts(const struct post *y, const struct post *x)
{
	if (y->pending && y->released_ms + POSTS_PENDING_MS < x->released_ms)
		return false;
	return y->campaign != x->campaign && y->org == x->org && !y->resend &&
	    y->released_ms <= x->released_ms &&
	    y->released_ms + WINDOW_MS > x->released_ms &&
	    similar_is(&y->print, &x->print);
}

struct spread {
	int64_t		 first_ms;	/* of the day it began */
	uint32_t	 list;		/* of the first of all */
	bool		 crosses;	/* another list had it too */
	const struct post **v;		/* of that day, by list */
	size_t		 n;
	uint64_t	 index;		/* millionths */
};

/* The square root of n in millionths, rounded down. */
static uint64_t
root_of(uint64_t n)
{
	uint64_t v = n * 1000000 * 1000000, root = 0, bit;

	for (bit = UINT64_C(1) << 62; bit != 0; bit >>= 2) {
		if (v >= root + bit) {
			v -= root + bit;
			root = (root >> 1) + bit;
		} else {
			root >>= 1;
		}
	}
	return root;
}

static int
list_order(const void *a, const void *b)
{
	const struct post *x = *(const struct post *const *)a;
	const struct post *y = *(const struct post *const *)b;

	return (x->list > y->list) - (x->list < y->list);
}

/*
 * The k-th time that a list has it belongs to the k-th post of the day: so
 * many lists as have it k times are the lists of that post.
 */
static void
end_day(struct spread *s)
{
	size_t *lists = xcalloc(s->n + 1, sizeof(*lists)), run = 0;

	if (s->n > 0)
		qsort(s->v, s->n, sizeof(*s->v), list_order);
	for (size_t i = 0; i < s->n; i++) {
		run = i > 0 && s->v[i]->list == s->v[i - 1]->list ? run + 1 :
		    0;
		lists[run]++;
	}
	for (size_t k = 0; k < s->n && lists[k] > 0; k++)
		s->index += root_of(lists[k]);
	s->n = 0;
	free(lists);
}

static void
add_post(struct spread *s, const struct post *y)
{
	if (s->n > 0 && y->released_ms - s->first_ms >= POSTS_SPREAD_MS)
		end_day(s);
	if (s->n == 0)
		s->first_ms = y->released_ms;
	if (s->n == 0 && s->index == 0)
		s->list = y->list;
	s->crosses = s->crosses || y->list != s->list;
	s->v[s->n++] = y;
}

void
posts_judge(const struct posts *p, const struct post *x, uint64_t *similar_r,
    uint32_t *excess_r)
{
	struct spread s = { .v = xcalloc(p->n + 1, sizeof(*s.v)) };

	*similar_r = x->count;
	*excess_r = 0;
	if (x->resend || x->print.n == 0) {
		free(s.v);
		return;
	}
	for (size_t i = 0; i < p->n; i++) {
		if (!counts(&p->v[i], x))
			continue;
		*similar_r += p->v[i].count;
		add_post(&s, &p->v[i]);
	}
	add_post(&s, x);
	end_day(&s);
	if (!s.crosses)
		s.index = root_of(1);	/* of x: a series is no cross-post */
	*excess_r = (uint32_t)((s.index + HUNDREDTH - 1) / HUNDREDTH);
	free(s.v);
}

static bool
is_recent(const struct post *p, int64_t ended_ms)
{
	return !p->pending && (p->ended_ms == 0 || p->ended_ms > ended_ms);
}

bool
posts_similar(const struct posts *p, uint32_t a, uint32_t b)
{
	const struct post *x = posts_find(p, a), *y = posts_find(p, b);

	return x != NULL && y != NULL && similar_is(&x->print, &y->print);
}

const struct post *
posts_next(const struct posts *p, size_t *at, int64_t ended_ms)
{
	while (*at < p->n)
		if (is_recent(&p->v[(*at)++], ended_ms))
			return &p->v[*at - 1];
	return NULL;
}

size_t
posts_near(const struct posts *p, uint32_t campaign, int64_t ended_ms,
    const struct post **near, size_t max)
{
	const struct post *x = posts_find(p, campaign);
	size_t n = 0;

	for (size_t i = 0; x != NULL && i < p->n; i++) {
		const struct post *y = &p->v[i];

		if (y == x || !is_recent(y, ended_ms) ||
		    !similar_is(&x->print, &y->print))
			continue;
		if (n < max)
			near[n] = y;
		n++;
	}
	return n;
}
