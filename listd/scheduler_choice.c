/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_choice.c - of all that waits at a site, what goes out next.
 *
 * Notices first.  Then, while fresh mail waits too, one retry in RETRY_SHARE.
 * Then campaigns: all take turns, each the same share, but every SLOT_SHARE-th
 * place goes to the smallest of them.  So a list of two hundred is done while
 * ten million wait, and no campaign takes more than a fourth longer for it.
 */
#include "config.h"

#include "listd/scheduler_private.h"
#include "listd/site.h"
#include "listd/source.h"

#define RETRY_SHARE	4	/* every fourth, while fresh mail waits */
#define SLOT_SHARE	5	/* every fifth, of what campaigns get */

/* True when the lane has something that may go out now. */
static bool
lane_has(const struct lane *l)
{
	return !TAILQ_EMPTY(&l->ready) && !run_waits(l->run);
}

static bool
site_has_fresh(const struct scheduler *s, const struct site *site)
{
	const struct lane *l;

	if (s->no_room)
		return false;
	TAILQ_FOREACH(l, &site->lanes, of_site)
		if (lane_has(l))
			return true;
	return false;
}

/* The lane whose turn it is; NULL when none has anything. */
static struct lane *
lane_in_turn(struct site *site)
{
	struct lane *l = site->turn, *first;

	if (l == NULL && (l = TAILQ_FIRST(&site->lanes)) == NULL)
		return NULL;
	first = l;
	while (!lane_has(l)) {
		if ((l = TAILQ_NEXT(l, of_site)) == NULL)
			l = TAILQ_FIRST(&site->lanes);
		if (l == first)
			return NULL;
	}
	site->turn = TAILQ_NEXT(l, of_site);
	return l;
}

static struct lane *
lane_smallest(const struct site *site)
{
	struct lane *l, *best = NULL;

	TAILQ_FOREACH(l, &site->lanes, of_site)
		if (lane_has(l) && (best == NULL ||
		    l->run->c.count < best->run->c.count))
			best = l;
	return best;
}

static uint64_t
suspected_since(const struct site *site, const struct delivery *d)
{
	return suspects_since(site->suspects, d->who);
}

/*
 * Who drew a refusal waits until the others have had their turn; of several
 * the one who has waited longest goes.
 */
static struct delivery *
take_from(struct dest *dest, const struct site *site)
{
	struct delivery *passed[SUSPECTS_MAX], *d, *best = NULL;
	size_t n = 0;

	while (n < SUSPECTS_MAX && (d = window_take(dest->window)) != NULL) {
		passed[n++] = d;
		if (best == NULL || suspected_since(site, d) <
		    suspected_since(site, best))
			best = d;
		if (suspected_since(site, d) == 0)
			break;
	}
	while (n > 0)
		if (passed[--n] != best)
			window_back(dest->window, passed[n]->number);
	return best;
}

static struct delivery *
next_fresh(const struct scheduler *s, struct site *site)
{
	struct lane *l = NULL;
	struct delivery *d;
	struct dest *dest;

	if (s->no_room)
		return NULL;
	if (TAILQ_FIRST(&site->lanes) != TAILQ_LAST(&site->lanes, lane_list) &&
	    ++site->slots % SLOT_SHARE == 0)
		l = lane_smallest(site);
	if (l == NULL && (l = lane_in_turn(site)) == NULL)
		return NULL;
	dest = TAILQ_FIRST(&l->ready);
	d = take_from(dest, site);
	l->supply--;
	d->site = site;
	d->state = DELIVERY_LOOSE;
	dest_sort(dest);
	return d;
}

/* The same for retries: the one whose turn it is comes to the front. */
static void
retries_in_turn(struct site *site)
{
	struct delivery *d, *best = TAILQ_FIRST(&site->retries);

	TAILQ_FOREACH(d, &site->retries, link) {
		if (suspected_since(site, d) < suspected_since(site, best))
			best = d;
		if (suspected_since(site, best) == 0)
			break;
	}
	if (best == NULL)
		return;
	TAILQ_REMOVE(&site->retries, best, link);
	TAILQ_INSERT_HEAD(&site->retries, best, link);
}

static struct delivery *
next_of_list(struct delivery_list *list, size_t *count)
{
	struct delivery *d = TAILQ_FIRST(list);

	if (d == NULL)
		return NULL;
	TAILQ_REMOVE(list, d, link);
	--*count;
	d->state = DELIVERY_LOOSE;
	return d;
}

/* Retries of a run that may send; one that was held meanwhile is looked at
 * again when it no longer is. */
static struct delivery *
next_retry(struct scheduler *s, struct site *site)
{
	struct delivery *d;

	if (site->suspects != NULL)
		retries_in_turn(site);
	while ((d = next_of_list(&site->retries, &site->nretries)) != NULL &&
	    run_waits(d->run))
		delivery_free(s, d);
	return d;
}

/* The next at this site that a source of these streams may carry. */
static struct delivery *
next_of_site(struct scheduler *s, struct site *site, unsigned streams)
{
	struct delivery *d;

	if ((streams & SOURCE_NOTICES) != 0 && (d = next_of_list(
	    &site->notices, &site->nnotices)) != NULL)
		return d;
	if ((streams & SOURCE_CAMPAIGNS) == 0)
		return NULL;
	if (site->nretries > 0 && (++site->served % RETRY_SHARE == 0 ||
	    !site_has_fresh(s, site)) && (d = next_retry(s, site)) != NULL)
		return d;
	d = next_fresh(s, site);
	return d != NULL ? d : next_retry(s, site);
}

/* What is kept for this path; what was held meanwhile goes back. */
static struct delivery *
next_stashed(struct scheduler *s, struct path *p)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&p->stash)) != NULL) {
		if (d->run == NULL || !run_waits(d->run)) {
			TAILQ_REMOVE(&p->stash, d, link);
			p->nstash--;
			d->state = DELIVERY_LOOSE;
			return d;
		}
		delivery_back(s, d);
	}
	return NULL;
}

static void
stash(struct scheduler *s, struct path *p, struct delivery *d)
{
	d->state = DELIVERY_STASH;
	d->path = p;
	TAILQ_INSERT_TAIL(&p->stash, d, link);
	p->nstash++;
	site_kick(s, p->site);
}

struct delivery *
choose_delivery(struct scheduler *s, struct path *p, bool reserved)
{
	unsigned streams = reserved ? SOURCE_NOTICES :
	    s->sources[p->source].streams;
	struct path *other;
	struct delivery *d;
	uint16_t source;

	if (s->nsources == 1)
		return next_of_site(s, p->site, streams);
	if (!reserved && (d = next_stashed(s, p)) != NULL)
		return d;
	while ((d = next_of_site(s, p->site, streams)) != NULL) {
		source = source_choose(s, p, d);
		if (source == p->source)
			return d;
		other = path_by(p, source);
		if (other->nstash >= PATH_STASH_MAX &&
		    d->attempt == 1) {
			delivery_back(s, d);	/* let that one go on first */
			return NULL;
		}
		stash(s, other, d);
	}
	return NULL;
}

bool
choose_is_notice(const struct scheduler *s, const struct path *p)
{
	return p->site->nnotices > 0 &&
	    (s->sources[p->source].streams & SOURCE_NOTICES) != 0;
}

/* With several sources one is taken out to see whose it is. */
bool
choose_has(struct scheduler *s, struct path *p)
{
	struct site *site = p->site;
	unsigned streams = s->sources[p->source].streams;
	struct delivery *d;

	if (choose_is_notice(s, p))
		return true;
	if (s->nsources == 1)
		return site->nretries > 0 || site_has_fresh(s, site);
	if ((streams & SOURCE_CAMPAIGNS) == 0)
		return p->nstash > 0;
	if (p->nstash > 0)
		return true;
	if ((d = choose_delivery(s, p, false)) == NULL)
		return false;
	d->state = DELIVERY_STASH;
	d->path = p;
	TAILQ_INSERT_HEAD(&p->stash, d, link);
	p->nstash++;
	return true;
}
