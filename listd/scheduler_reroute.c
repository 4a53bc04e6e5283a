/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_reroute.c - all mail goes another way from now on.
 *
 * Relays were set up, changed or taken away, or nothing may be sent to a site
 * any more (S30): what waits there asks for its route anew, and its connections
 * end with what they have.
 */
#include "config.h"

#include "listd/lane.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"

/* Domains that were begun, or could be. */
static void
lane_reroute(struct lane *l)
{
	struct hash_link *link, *next = NULL;
	uint32_t domain;
	size_t at = 0;

	while (lane_take_domain(l, &domain))
		idlist_add(&l->run->big, domain);
	while (l->dests > 0 &&
	    (link = hash_each(&l->run->dests, &at, &next)) != NULL) {
		struct dest *d = HASH_OF(link, struct dest, by_domain);

		if (d->lane == l && dest_leave_lane(d))
			idlist_add(&l->run->big, d->domain);
	}
}

static void
notices_reroute(struct scheduler *s, struct site *site)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&site->notices)) != NULL) {
		if (d->kind == IPC_KIND_TEST) {
			test_reroute(s, d);
			continue;
		}
		dues_set(s->notices, d->who & ~WHO_NOTICE, sched_now(s));
		delivery_free(s, d);
	}
}

bool
site_is_stale(const struct scheduler *s, const struct site *site)
{
	return site->routes_of != s->routes_serial || !site_sends(s, site);
}

void
site_reroute(struct scheduler *s, struct site *site)
{
	struct session *se;
	struct lane *l;
	uint32_t domain;

	TAILQ_FOREACH(se, &site->sessions, of_site)
		session_close(s, se);
	paths_unstash(s, site);
	notices_reroute(s, site);
	retries_unload(s, site);
	while (idlist_take(&site->retry_domains, &domain))
		dues_earlier(s->retries, domain, sched_now(s));
	TAILQ_FOREACH(l, &site->lanes, of_site)
		lane_reroute(l);
}

void
sites_reroute(struct scheduler *s)
{
	struct hash_link *l, *next = NULL;
	struct run *run;
	size_t at = 0;

	s->routes_serial++;
	TAILQ_FOREACH(run, &s->runs, link)
		run_take_back_all(run);
	while ((l = hash_each(&s->sites, &at, &next)) != NULL)
		site_kick(s, HASH_OF(l, struct site, by_key));
}
