/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane.c - what one run has at one site, and how far ahead its domains are
 * resolved.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/shaping.h"
#include "lib/xmalloc.h"
#include "listd/lane.h"
#include "listd/site.h"
#include "listd/source.h"

/* A site's kind: none, or the place of its pool in each run. */
enum { POOL_NONE, POOL_OPEN, POOL_SHUT, POOL_NAMED };

/* ---- counts */

static struct pool *
pool_get(struct run *run, unsigned kind)
{
	if (kind >= run->npools) {
		run->pools = xreallocarray(run->pools, kind + 1,
		    sizeof(*run->pools));
		memset(&run->pools[run->npools], 0,
		    (kind + 1 - run->npools) * sizeof(*run->pools));
		run->npools = kind + 1;
	}
	return &run->pools[kind];
}

/* Count what waits in it for the kind its site is of. */
static void
lane_count(struct lane *l)
{
	size_t n = idlist_count(&l->pending);
	struct pool *p;

	if (n > LANE_SUPPLY_MAX)
		n = LANE_SUPPLY_MAX;
	if (n == l->counted)
		return;
	p = pool_get(l->run, l->site->kind);
	assert(p->domains >= l->counted);
	p->domains += n - l->counted;
	l->counted = n;
}

static void
lane_uncount(struct lane *l)
{
	if (l->counted > 0)
		pool_get(l->run, l->site->kind)->domains -= l->counted;
	l->counted = 0;
}

static void
site_set_kind(struct site *site, unsigned kind)
{
	struct lane *l;

	if (site->kind == kind)
		return;
	TAILQ_FOREACH(l, &site->lanes, of_site)
		lane_uncount(l);
	site->kind = kind;
	TAILQ_FOREACH(l, &site->lanes, of_site)
		lane_count(l);
}

/* Until when (UTC) no path takes campaigns; 0: one does. */
static int64_t
shut_until(struct scheduler *s, struct site *site)
{
	int64_t until = INT64_MAX, at;

	paths_refresh(s, site);
	for (uint16_t i = 0; i < site->npaths; i++) {
		const struct path *p = &site->paths[i];

		if ((s->sources[p->source].streams & SOURCE_CAMPAIGNS) == 0)
			continue;
		if ((at = source_opens_ms(s, p)) == 0)
			return 0;
		if (at < until)
			until = at;
	}
	return until;
}

static unsigned
kind_of(const struct site *site)
{
	if (site->paused)
		return POOL_NONE;
	if (site->provider != SHAPING_DEFAULT)
		return POOL_NAMED + site->provider;
	return site->shut_ms != 0 ? POOL_SHUT : POOL_OPEN;
}

void
site_sort(struct scheduler *s, struct site *site)
{
	site->shut_ms = shut_until(s, site);
	site_set_kind(site, kind_of(site));
}

size_t
lanes_of_kind(const struct scheduler *s, unsigned kind)
{
	const struct run *run;
	size_t n = 0;

	TAILQ_FOREACH(run, &s->runs, link)
		if (kind < run->npools && !run_waits(run))
			n += run->pools[kind].domains +
			    idlist_count(&run->pools[kind].passed);
	return n;
}

size_t
lanes_supply(const struct scheduler *s)
{
	return lanes_of_kind(s, POOL_OPEN);	/* none is passed over */
}

/* ---- lanes */

struct lane *
lane_get(struct site *site, struct run *run)
{
	struct lane *l;

	/* A site has few campaigns, a campaign many sites. */
	TAILQ_FOREACH(l, &site->lanes, of_site)
		if (l->run == run)
			return l;
	l = xcalloc(1, sizeof(*l));
	l->run = run;
	l->site = site;
	TAILQ_INIT(&l->all);
	TAILQ_INIT(&l->ready);
	TAILQ_INIT(&l->hungry);
	TAILQ_INSERT_TAIL(&site->lanes, l, of_site);
	TAILQ_INSERT_HEAD(&run->lanes, l, of_run);
	return l;
}

void
lane_add_domain(struct lane *l, uint32_t domain)
{
	idlist_add(&l->pending, domain);
	l->site->npending++;
	lane_count(l);
}

bool
lane_take_domain(struct lane *l, uint32_t *domain_r)
{
	if (!idlist_take(&l->pending, domain_r))
		return false;
	l->site->npending--;
	lane_count(l);
	return true;
}

void
lane_release(struct scheduler *s, struct lane *l)
{
	if (l->dests > 0 || idlist_count(&l->pending) > 0)
		return;
	assert(TAILQ_EMPTY(&l->ready) && TAILQ_EMPTY(&l->hungry));
	assert(l->counted == 0);
	if (l->site->turn == l)
		l->site->turn = TAILQ_NEXT(l, of_site);
	TAILQ_REMOVE(&l->site->lanes, l, of_site);
	TAILQ_REMOVE(&l->run->lanes, l, of_run);
	site_kick(s, l->site);
	idlist_free(&l->pending);
	free(l);
}

void
lane_drop(struct scheduler *s, struct lane *l)
{
	lane_uncount(l);
	l->site->npending -= idlist_count(&l->pending);
	idlist_free(&l->pending);
	lane_release(s, l);
}

/* ---- what is passed over */

void
domain_place(struct scheduler *s, struct site *site, struct run *run,
    uint32_t domain)
{
	struct lane *l = lane_get(site, run);
	struct pool *p;

	site_sort(s, site);
	site_kick(s, site);
	p = pool_get(run, site->kind);
	if (site->kind == POOL_NONE || site->kind == POOL_OPEN ||
	    p->domains < POOL_MAX || l->counted >= LANE_SUPPLY_MAX) {
		lane_add_domain(l, domain);
		return;
	}
	if (run->npassed++ == 0)
		run->until_ms = INT64_MAX;
	if (site->kind == POOL_SHUT && site->shut_ms < run->until_ms)
		run->until_ms = site->shut_ms;
	idlist_add(&p->passed, domain);
	lane_release(s, l);
}

static void
pool_take_back(struct run *run, struct pool *p)
{
	uint32_t domain;

	while (idlist_take(&p->passed, &domain)) {
		idlist_add(&run->again, domain);
		run->npassed--;
	}
}

void
run_take_back_all(struct run *run)
{
	for (size_t i = 0; run->npassed > 0 && i < run->npools; i++)
		pool_take_back(run, &run->pools[i]);
}

void
run_take_back(struct scheduler *s, struct run *run)
{
	uint32_t domain;

	if (run->npassed == 0 || idlist_count(&run->again) > 0)
		return;
	if (run->npools > POOL_SHUT && sched_now(s) >= run->until_ms) {
		run->until_ms = INT64_MAX;
		pool_take_back(run, &run->pools[POOL_SHUT]);
	}
	for (size_t i = POOL_SHUT; i < run->npools; i++) {
		struct pool *p = &run->pools[i];

		/* As many as are on their way at once have room, too. */
		for (size_t n = p->domains; n < POOL_MAX / 2 &&
		    idlist_take(&p->passed, &domain); n++) {
			idlist_add(&run->again, domain);
			run->npassed--;
		}
	}
}

int64_t
lanes_wait_ms(const struct scheduler *s)
{
	int64_t now = sched_now(s), best = -1, wait;
	const struct run *run;

	TAILQ_FOREACH(run, &s->runs, link) {
		if (run->npassed == 0 || run->until_ms == INT64_MAX ||
		    idlist_count(&run->again) > 0 || run_waits(run))
			continue;
		wait = run->until_ms > now ? run->until_ms - now : 0;
		if (best == -1 || wait < best)
			best = wait;
	}
	return best;
}

/* ---- new data */

void
lanes_unsort(struct scheduler *s)
{
	struct hash_link *l, *next = NULL;
	struct run *run;
	size_t at = 0;

	while ((l = hash_each(&s->sites, &at, &next)) != NULL)
		site_set_kind(HASH_OF(l, struct site, by_key), POOL_NONE);
	TAILQ_FOREACH(run, &s->runs, link)
		run_take_back_all(run);
}

void
run_free_pools(struct run *run)
{
	for (size_t i = 0; i < run->npools; i++) {
		assert(run->pools[i].domains == 0);
		idlist_free(&run->pools[i].passed);
	}
	free(run->pools);
	idlist_free(&run->again);
}
