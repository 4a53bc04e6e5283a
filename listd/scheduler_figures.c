/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_figures.c - what the scheduler tells of itself.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/shaping.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"

void
scheduler_summary(const struct scheduler *s, struct scheduler_summary *r)
{
	const struct hash_link *l;
	struct hash_link *next = NULL;
	const struct delivery *d;
	const struct run *run;
	size_t at = 0;

	memset(r, 0, sizeof(*r));
	TAILQ_FOREACH(run, &s->runs, link) {
		r->campaigns++;
		r->domains_waiting += run->domains_left - run->nopen;
		r->deferred += (uint64_t)run->deferred;
	}
	while ((l = hash_each(&s->sites, &at, &next)) != NULL) {
		r->sites++;
		r->sites_paused += HASH_OF(l, const struct site,
		    by_key)->paused;
	}
	at = 0;
	while ((l = hash_each(&s->sessions, &at, &next)) != NULL)
		r->sessions_up += HASH_OF(l, const struct session, by_id)->up;
	r->sessions = s->nsessions;
	for (unsigned i = 0; i < SCHEDULER_PEERS_MAX; i++)
		r->peers_ready += s->peer[i].ready;
	r->open = s->deliveries.n + batch_open(s->batcher);
	TAILQ_FOREACH(d, &s->ended, link)
		r->waiting--;
	r->waiting += s->who.n - s->deliveries.n;
	r->domains_deferred = dues_count(s->retries);
	r->lookups = s->nlookups;
	r->handed_out = s->handed_out;
	r->outcomes = s->outcomes;
	r->begun = s->begun;
	r->looks = s->looks;
	r->no_consent = s->no_consent;
	r->duplicates = s->duplicates;
	r->oldest_ms = r->deferred > 0 ? s->oldest_ms : 0;
	r->holding = s->stuck || batch_behind(s->batcher);
}

void
site_describe(const struct scheduler *s, const struct site *site,
    struct scheduler_site *r)
{
	const struct session *se;
	const struct lane *lane;

	memset(r, 0, sizeof(*r));
	memcpy(r->key, site->key, sizeof(r->key));
	memcpy(r->hosts_key, site->hosts_key, sizeof(r->hosts_key));
	r->host = site->host;
	r->reason = site->reason != NULL ? site->reason : "";
	r->provider = s->shaping != NULL ? shaping_name(s->shaping,
	    site->provider) : "";
	r->provider_key = site_provider_key(s, site);
	r->hosts = site->nhosts;
	r->window = site_cap(site);
	r->sessions = site->nsessions;
	r->up = site->up;
	TAILQ_FOREACH(se, &site->sessions, of_site)
		r->out += se->nout;
	r->domains = site->npending;
	TAILQ_FOREACH(lane, &site->lanes, of_site) {
		r->waiting += lane->supply;
		r->domains += lane->domains;
	}
	r->retries = site->nretries + idlist_count(&site->retry_domains);
	r->notices = site->nnotices;
	r->troubles = site->troubles;
	r->until_ms = site->paused ? site->until_ms : 0;
	r->by_hand = site->by_hand;
}

bool
scheduler_site_next(const struct scheduler *s, size_t *at,
    struct scheduler_site *r)
{
	const struct hash_link *l = NULL;
	size_t i = 0;

	/* Few sites and few askers: walk to the *at-th each time. */
	for (size_t b = 0; b < s->sites.size && l == NULL; b++)
		for (l = s->sites.bucket[b]; l != NULL; l = l->next)
			if (i++ == *at)
				break;
	if (l == NULL)
		return false;
	++*at;
	site_describe(s, HASH_OF(l, const struct site, by_key), r);
	return true;
}

bool
scheduler_progress(const struct scheduler *s, uint32_t campaign,
    struct scheduler_progress *r)
{
	const struct run *run = run_find(s, campaign);
	const struct lane *l;

	memset(r, 0, sizeof(*r));
	r->why = "";
	if (run == NULL)
		return false;
	r->why = run->why;
	r->running = run->c.state == CAMPAIGN_RUNNING;
	r->paused = run->c.state == CAMPAIGN_PAUSED;
	r->held = run->held;
	r->held_similar = run->told_similar;
	r->expiring = run->expiring;
	r->listed = run->listed;
	r->domains_left = run->domains_left;
	r->out = run->out;
	r->per_minute = pace_per_minute(&run->shares->pace, s->mono_ms);
	TAILQ_FOREACH(l, &run->lanes, of_run)
		r->waiting += l->supply;
	return true;
}

static void
describe_share(const struct share *v, int64_t now,
    struct scheduler_share *r)
{
	memcpy(r->host, v->host, sizeof(r->host));
	r->left = share_left(v);
	r->delivered = v->attempts[OUTCOME_DELIVERED];
	r->deferred = v->attempts[OUTCOME_DEFERRED];
	r->failed = v->attempts[OUTCOME_FAILED] +
	    v->attempts[OUTCOME_EXPIRED];
	r->per_minute = pace_per_minute(&v->pace, now);
}

static int
most_left_first(const void *a, const void *b)
{
	const struct scheduler_share *x = a, *y = b;

	if (x->left != y->left)
		return x->left < y->left ? 1 : -1;
	return strcmp(x->host, y->host);
}

size_t
scheduler_shares(const struct scheduler *s, uint32_t campaign,
    struct scheduler_share *rows, size_t max)
{
	struct scheduler_share all[SHARES_MAX + 1];
	const struct run *run = run_find(s, campaign);
	int64_t now = clock_mono_ms(s->p.clock);
	size_t n = 0;

	if (run == NULL)
		return 0;
	for (size_t i = 0; i < run->shares->n; i++)
		describe_share(&run->shares->v[i], now, &all[n++]);
	if (run->shares->other.members > 0)
		describe_share(&run->shares->other, now, &all[n++]);
	qsort(all, n, sizeof(all[0]), most_left_first);
	if (n > max)
		n = max;
	memcpy(rows, all, n * sizeof(all[0]));
	return n;
}
