/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_renew.c - routes of domains that are being sent to, asked again.
 *
 * A large domain is open for as long as its campaign takes, and its site may be
 * down for days: its MX can move meanwhile.  So each open domain's route is
 * believed for its time, and no longer than until its site is probed.  Then it
 * is asked for as that of any domain is, the run's turn and the number on their
 * way included.  While there is no answer the domain stays where it is, and
 * what is out when it moves ends where it is out.
 */
#include "config.h"

#include "listd/lane.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"

static uint64_t
route_id(const struct run *run, uint32_t domain)
{
	return (uint64_t)run->c.id << 32 | domain;
}

void
route_renewed(struct scheduler *s, const struct run *run, uint32_t domain,
    const struct site *site)
{
	int64_t left = site->route_ms - s->mono_ms;

	dues_set(s->routes, route_id(run, domain), sched_now(s) +
	    (left > 0 ? left : 0));
}

void
route_forget(struct scheduler *s, const struct dest *d)
{
	dues_del(s->routes, route_id(d->run, d->domain));
}

void
routes_renew(struct scheduler *s)
{
	int64_t now = sched_now(s);
	struct run *run;
	uint64_t id;

	while (dues_pop(s->routes, now, &id))
		if ((run = run_find(s, (uint32_t)(id >> 32))) != NULL)
			idlist_add(&run->again, (uint32_t)id);
}

void
site_renew(struct scheduler *s, struct site *site)
{
	struct dest *d;
	struct lane *l;
	int64_t due;

	TAILQ_FOREACH(l, &site->lanes, of_site)
		TAILQ_FOREACH(d, &l->all, of_lane) {
			uint64_t id = route_id(d->run, d->domain);

			/* Without a time it is to be asked for already. */
			if (dues_get(s->routes, id, &due))
				dues_earlier(s->routes, id, sched_now(s));
		}
}

void
route_renew(struct scheduler *s, const struct dest *d)
{
	uint64_t id = route_id(d->run, d->domain);
	struct query *q;
	int64_t due;

	if (dues_get(s->routes, id, &due))
		return;
	/* Whatever becomes of the question, there is a next one. */
	dues_set(s->routes, id, sched_now(s) + SITE_ROUTE_MIN_MS);
	q = query_new(s, QUERY_OPEN, d->name);
	q->run = d->run;
	q->domain = d->domain;
	q->run->asking++;
	query_go(s, q);
}

/* All parts leave together. */
static void
domain_move(struct scheduler *s, struct run *run, uint32_t domain,
    struct site *site)
{
	struct dest *d;

	for (d = dest_find(run, domain); d != NULL; d = dest_next(d)) {
		if (d->lane == NULL)
			continue;
		paths_unstash(s, d->lane->site);
		site_kick(s, d->lane->site);
		if (dest_leave_lane(d)) {
			domain_place(s, site, run, domain);
			return;
		}
	}
}

void
route_open(struct scheduler *s, const struct query *q, struct site *site,
    const struct verdict *v)
{
	struct dest *d = dest_find(q->run, q->domain);

	while (d != NULL && d->lane == NULL)
		d = dest_next(d);
	if (d == NULL || q->run->dead || q->run->expiring)
		return;		/* it is settled, or asked for already */
	if (site == NULL) {
		/*
		 * Its servers are known, and mail may go there now: that a
		 * domain cannot be found for a while does not end all of it.
		 */
		if (v != NULL && v != &verdict_no_domain)
			domain_settle(s, q->run, q->domain, v);
		return;
	}
	if (d->lane->site == site)
		route_renewed(s, q->run, q->domain, site);
	else
		domain_move(s, q->run, q->domain, site);
}
