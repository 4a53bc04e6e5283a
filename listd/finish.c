/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finish.c - which site has longest to go.
 */
#include "config.h"

#include "listd/finish.h"
#include "listd/lane.h"
#include "listd/site.h"
#include "listd/source.h"

#define COUNT_MAX	1000000000

/*
 * Of domains that are begun the members who are left, as far as the sites of a
 * campaign are told apart (share.h), or those in memory; of the others one.
 */
static uint64_t
members_at(const struct site *site)
{
	uint64_t n = site->npending, left;
	const struct lane *l;

	TAILQ_FOREACH(l, &site->lanes, of_site) {
		left = shares_left(l->run->shares, site->key);
		n += left > l->supply ? left : l->supply;
	}
	return n;
}

static void
least(uint64_t *rate, uint32_t value)
{
	if (value != 0 && value < *rate)
		*rate = value;
}

/* Messages a minute, as far as its window and its limits let it. */
static uint64_t
path_rate(const struct path *p)
{
	uint64_t connections = p->feedback.window, rate;

	for (enum path_limit i = 0; i < PATH_LIMITS; i++)
		if (p->limit[i] != NULL)
			least(&connections, p->limit[i]->v.connections);
	rate = connections * FINISH_CONNECTION;
	for (enum path_limit i = 0; i < PATH_LIMITS; i++)
		if (p->limit[i] != NULL)
			least(&rate, p->limit[i]->v.messages_per_minute);
	return rate;
}

/* The sources add up, and relays, as far as they are open. */
static uint64_t
site_rate(struct scheduler *s, const struct site *site)
{
	uint64_t rate = 0;

	for (uint16_t i = 0; i < site->npaths; i++)
		if (source_opens_ms(s, &site->paths[i]) == 0)
			rate += path_rate(&site->paths[i]);
	return rate > 0 ? rate : 1;
}

/* What all sites of a provider may send together. */
static uint64_t
shared_rate(const struct site *site)
{
	uint64_t sum = 0, rate;

	for (uint16_t i = 0; i < site->npaths; i++) {
		const struct limit *l = site->paths[i].limit[PATH_PROVIDER];

		if (l == NULL || (l->v.connections == 0 &&
		    l->v.messages_per_minute == 0))
			return 0;
		rate = l->v.connections == 0 ? UINT32_MAX :
		    (uint64_t)l->v.connections * FINISH_CONNECTION;
		least(&rate, l->v.messages_per_minute);
		sum += rate;
	}
	return sum;
}

static int64_t
time_ms(uint64_t members, uint64_t rate)
{
	return (int64_t)((members < COUNT_MAX ? members : COUNT_MAX) * 60000 /
	    rate);
}

int64_t
site_finish_ms(struct scheduler *s, const struct site *site)
{
	int64_t own = time_ms(members_at(site), site_rate(s, site)), all = 0;
	uint64_t shared = shared_rate(site);

	if (shared > 0)
		all = time_ms(lanes_of_kind(s, site->kind), shared);
	return own > all ? own : all;
}

void
site_starves(struct scheduler *s, struct site *site)
{
	int64_t at, ahead = site_finish_ms(s, site);

	if (ahead > FINISH_AHEAD_MS)
		ahead = FINISH_AHEAD_MS;
	if (!dues_get(s->starving, (uintptr_t)site, &at))
		site->starves_ms = s->mono_ms;
	dues_set(s->starving, (uintptr_t)site, site->starves_ms - ahead);
}

void
site_kick_starving(struct scheduler *s)
{
	uint64_t id;

	if (dues_pop(s->starving, INT64_MAX, &id))
		site_kick(s, (struct site *)(uintptr_t)id);
}
