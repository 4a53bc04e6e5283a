/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_reshape.c - what waits or is out when new shaping data come.
 *
 * They may say of a receiver that nothing is to be sent there (S30), or know a
 * domain by its name that was sent to as one of many at its hosts.  So all
 * that is not begun is asked again where it goes, and what may not go at all
 * is called back.
 */
#include "config.h"

#include "lib/shaping.h"
#include "listd/lane.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"

static bool
may_send(const struct scheduler *s, uint16_t provider)
{
	return s->shaping == NULL ||
	    shaping_get(s->shaping, provider, SHAPING_SEND) != 0;
}

bool
site_sends(const struct scheduler *s, const struct site *site)
{
	return may_send(s, site->provider);
}

/* Whose a domain is that goes to this site; not as it was: *moves_r. */
static uint16_t
provider_now(const struct scheduler *s, const struct site *site,
    const char *domain, bool *moves_r)
{
	uint16_t by_name = s->shaping == NULL ? SHAPING_DEFAULT :
	    shaping_site(s->shaping, NULL, 0, domain);

	*moves_r = by_name != SHAPING_DEFAULT && by_name != site->provider;
	return *moves_r ? by_name : site->provider;
}

/* Not there any longer, or not at all. */
static bool
goes_elsewhere(const struct scheduler *s, const struct site *site,
    const char *domain)
{
	bool moves;

	return !may_send(s, provider_now(s, site, domain, &moves)) || moves;
}

static void
retry_again(struct scheduler *s, uint32_t domain)
{
	dues_earlier(s->retries, domain, sched_now(s));
}

/* Where nothing may go it is done as at all that is stale. */
static void
site_reask(struct scheduler *s, struct site *site)
{
	struct delivery *d, *next;
	struct lane *l;
	uint32_t domain;

	TAILQ_FOREACH(l, &site->lanes, of_site)
		while (lane_take_domain(l, &domain))
			idlist_add(&l->run->again, domain);
	paths_unstash(s, site);
	while ((d = TAILQ_FIRST(&site->retries)) != NULL) {
		retry_again(s, d->domain);
		delivery_free(s, d);
	}
	while (idlist_take(&site->retry_domains, &domain))
		retry_again(s, domain);
	for (d = TAILQ_FIRST(&site->notices); d != NULL; d = next) {
		next = TAILQ_NEXT(d, link);
		if (goes_elsewhere(s, site, d->domain_name))
			notice_rests(s, d);
	}
}

static void
run_reask(struct scheduler *s, struct run *run)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&run->dests, &at, &next)) != NULL) {
		struct dest *d = HASH_OF(l, struct dest, by_domain);

		if (d->lane != NULL &&
		    goes_elsewhere(s, d->lane->site, d->name) &&
		    dest_leave_lane(d))
			idlist_add(&run->again, d->domain);
	}
}

void
routes_reshape(struct scheduler *s)
{
	struct hash_link *l, *next = NULL;
	const struct delivery *d;
	struct run *run;
	size_t at = 0;
	bool moves;

	while ((l = hash_each(&s->sites, &at, &next)) != NULL)
		site_reask(s, HASH_OF(l, struct site, by_key));
	TAILQ_FOREACH(run, &s->runs, link)
		run_reask(s, run);
	at = 0;
	while ((l = hash_each(&s->deliveries, &at, &next)) != NULL) {
		d = HASH_OF(l, const struct delivery, by_id);
		if (!may_send(s, provider_now(s, d->site, d->domain_name,
		    &moves)))
			delivery_call_back(s, d);
	}
}
