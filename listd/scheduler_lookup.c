/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_lookup.c - mail routes, asked for ahead of need.
 *
 * In this order: notices that are due, domains with due retries, then the
 * domains of each run in turn while the supply of domains that can be begun is
 * low.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/shaping.h"
#include "lib/sys/log.h"
#include "listd/lane.h"
#include "listd/relay.h"
#include "listd/retry.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"
#include "spool/notice.h"
#include "spool/subscriber.h"

#define SUPPLY_WANTED	4096	/* domains resolved ahead, see lane.h */
#define ASK_TURN	(2 * SCHEDULER_LOOKUPS)	/* in one turn */
#define UNREAD_MS	300000	/* before one that cannot be read */

static uint64_t
wait_id(const struct run *run, uint32_t domain)
{
	return (uint64_t)run->c.id << 32 | domain;
}

/* ---- asking */

/* The name of a domain id: 1, 0 when it is gone, -1 when it is not known. */
static int
name_of(struct scheduler *s, uint32_t domain, char name[static 256])
{
	struct err e = ERR_INIT;
	int rc;

	if (sched_s(s) == NULL)
		return -1;
	if ((rc = domain_name(s->s_txn, domain, name, &e)) == -1)
		log_failure(LEVEL_ERROR, "domain-damaged", &e);
	return rc;
}

static void
ask_fresh(struct scheduler *s, struct run *run, uint32_t domain)
{
	struct query *q;
	struct dest *d;
	char name[256];
	int rc;

	d = dest_find(run, domain);
	if (d != NULL && d->lane != NULL) {
		route_renew(s, d);	/* it is being sent to already */
		return;
	}
	if ((rc = name_of(s, domain, name)) == -1) {
		dues_set(s->waits, wait_id(run, domain),
		    sched_now(s) + UNREAD_MS);
		return;
	}
	if (rc == 0) {
		/* Nobody has an address there any more: walk it empty. */
		domain_settle(s, run, domain, &verdict_no_domain);
		return;
	}
	q = query_new(s, QUERY_FRESH, name);
	q->run = run;
	q->domain = domain;
	run->asking++;
	query_go(s, q);
}

static void
ask_retry(struct scheduler *s, uint32_t domain)
{
	struct query *q;
	char name[256];
	int rc;

	if ((rc = name_of(s, domain, name)) == -1) {
		/* P6: what cannot be read is not "no such domain". */
		dues_earlier(s->retries, domain, sched_now(s) + UNREAD_MS);
		return;
	}
	if (rc == 0) {
		retries_settle(s, domain, &verdict_no_domain);
		return;
	}
	q = query_new(s, QUERY_RETRY, name);
	q->domain = domain;
	query_go(s, q);
}

static void
ask_notice(struct scheduler *s, uint64_t notice)
{
	struct delivery *d = delivery_of(s, NULL, notice | WHO_NOTICE);
	struct query *q;

	if (d != NULL) {	/* it is on its way */
		notice_expires(s, d);
		return;
	}
	if ((d = notice_delivery(s, notice)) == NULL ||
	    notice_expires(s, d) || !notice_has_slot(s, d))
		return;
	q = query_new(s, QUERY_NOTICE, d->domain_name);
	q->notice = notice;
	q->any_tls = d->any_tls;
	delivery_free(s, d);
	query_go(s, q);
}

/* The next run, in turn, that has a domain to be resolved. */
static bool
next_fresh(struct scheduler *s, bool enough, struct run **run_r,
    uint32_t *domain_r)
{
	struct run *run = NULL;

	for (size_t i = 0; i < s->nruns; i++) {
		/* The turn is a place in the list, kept by moving its head. */
		run = TAILQ_FIRST(&s->runs);
		TAILQ_REMOVE(&s->runs, run, link);
		TAILQ_INSERT_TAIL(&s->runs, run, link);
		if (run_waits(run))
			continue;
		run_take_back(s, run);
		if (idlist_take(&run->again, domain_r) || (!enough &&
		    run_take_domain(run, domain_r))) {
			*run_r = run;
			return true;
		}
	}
	return false;
}

static void
collect_due(struct scheduler *s, int64_t now)
{
	uint64_t id;
	struct run *run;

	while (dues_pop(s->retries, now, &id))
		idlist_add(&s->retry_queue, (uint32_t)id);
	while (dues_pop(s->waits, now, &id))
		if ((run = run_find(s, (uint32_t)(id >> 32))) != NULL)
			idlist_add(&run->big, (uint32_t)id);
	routes_renew(s);
}

static bool
may_ask_more(const struct scheduler *s, unsigned n)
{
	return n < ASK_TURN && s->nlookups < SCHEDULER_LOOKUPS;
}

void
lookups_advance(struct scheduler *s)
{
	int64_t now = sched_now(s);
	bool enough;
	unsigned n = 0;		/* by relays answers cost no look-up */
	uint32_t domain;
	struct run *run;
	uint64_t id;

	collect_due(s, now);
	for (; may_ask_more(s, n) && dues_pop(s->notices, now, &id); n++)
		ask_notice(s, id);
	for (; may_ask_more(s, n) && idlist_take(&s->retry_queue, &domain);
	    n++)
		ask_retry(s, domain);
	enough = lanes_supply(s) >= SUPPLY_WANTED;
	for (; may_ask_more(s, n) && next_fresh(s, enough, &run, &domain);
	    n++)
		ask_fresh(s, run, domain);
	if (n == ASK_TURN)
		s->again = true;
}

/* ---- answers */

static const struct verdict *
verdict_of(enum ipc_dns status)
{
	switch (status) {
	case IPC_DNS_NULL_MX:
		return &verdict_null_mx;
	case IPC_DNS_NXDOMAIN:
	case IPC_DNS_NODATA:
		return &verdict_no_domain;
	case IPC_DNS_SELF:
		return &verdict_self;
	case IPC_DNS_OK:
	case IPC_DNS_TEMPORARY:
		break;
	}
	return NULL;
}

/* How long to wait for the DNS, longer with each failure in a row. */
static int64_t
dns_wait_ms(struct scheduler *s, uint64_t id)
{
	int64_t troubles = 0;

	dues_get(s->dns_troubles, id, &troubles);
	dues_set(s->dns_troubles, id, troubles + 1);
	return retry_wait_ms((unsigned)troubles + 1, sched_chance(s));
}

static void
route_fresh(struct scheduler *s, struct query *q, struct site *site,
    const struct verdict *v)
{
	uint64_t id = wait_id(q->run, q->domain);

	if (q->run->dead)
		return;
	if (q->run->expiring) {
		idlist_add(&q->run->small, q->domain);
		return;
	}
	if (site == NULL && v == NULL) {
		dues_set(s->waits, id, sched_now(s) + dns_wait_ms(s, id));
		return;
	}
	dues_del(s->dns_troubles, id);
	if (v != NULL) {
		if (!domain_settle(s, q->run, q->domain, v) &&
		    q->run->held)	/* damage: keep it */
			idlist_add(&q->run->small, q->domain);
		return;
	}
	domain_place(s, site, q->run, q->domain);
}

static void
route_retry(struct scheduler *s, struct query *q, struct site *site,
    const struct verdict *v)
{
	uint64_t id = q->domain;	/* of no run: below any wait_id() */

	if (site == NULL && v == NULL) {
		dues_earlier(s->retries, q->domain,
		    sched_now(s) + dns_wait_ms(s, id));
		return;
	}
	dues_del(s->dns_troubles, id);
	if (v != NULL) {
		retries_settle(s, q->domain, v);
		return;
	}
	idlist_add(&site->retry_domains, q->domain);
	site_kick(s, site);
}

static void
route_notice(struct scheduler *s, struct query *q, struct site *site,
    const struct verdict *v)
{
	struct delivery *d;

	if (site == NULL && v == NULL) {
		dues_set(s->notices, q->notice,
		    sched_now(s) + retry_wait_ms(1, sched_chance(s)));
		return;
	}
	if (delivery_of(s, NULL, q->notice | WHO_NOTICE) != NULL ||
	    (d = notice_delivery(s, q->notice)) == NULL)
		return;
	if (v != NULL)
		delivery_settle(s, d, v->state, v, 0);
	else
		notice_waits(s, d, site, false);
}

static void
route_test(struct scheduler *s, struct query *q, struct site *site,
    const char *text)
{
	struct scheduler_test *t = q->test;
	struct delivery *d;

	if (site == NULL) {
		t->done(t->arg, NULL, text);
		free(t);
		return;
	}
	d = delivery_new(s, IPC_KIND_TEST, 0, t->local, t->domain);
	d->campaign = t->campaign;
	d->list = t->list;
	d->attempt = 1;
	d->queued_ms = sched_now(s);
	d->test = t;
	notice_waits(s, d, site, false);
}

/* Somebody wants to know; nothing is sent. */
static void
route_site(struct scheduler *s, struct query *q, const struct ipc_route *r)
{
	const struct verdict *v = verdict_of(r->status);
	struct site *site = NULL;

	if (r->status == IPC_DNS_OK) {
		site = site_of_route(s, r, q->name);
		site_kick(s, site);	/* it goes when nothing hangs on it */
	}
	q->found(q->arg, site, r->status, v != NULL ? v->text :
	    r->text[0] != '\0' ? r->text : "the DNS does not answer");
}

/* S30: where nothing is to be sent, nothing is even connected to. */
static struct site *
site_to_send_to(struct scheduler *s, const struct ipc_route *r,
    const char *domain, const struct verdict **v)
{
	struct site *site = site_of_route(s, r, domain);

	if (s->shaping == NULL || shaping_get(s->shaping, site->provider,
	    SHAPING_SEND) != 0)
		return site;
	*v = &verdict_do_not_send;
	site_kick(s, site);	/* it goes when nothing hangs on it */
	return NULL;
}

void
route_answered(struct scheduler *s, struct query *q,
    const struct ipc_route *r)
{
	const struct verdict *v = verdict_of(r->status);
	struct site *site = NULL;

	if (r->status == IPC_DNS_OK && q->kind != QUERY_SITE)
		site = site_to_send_to(s, r, q->name, &v);
	switch (q->kind) {
	case QUERY_FRESH:
		route_fresh(s, q, site, v);
		break;
	case QUERY_OPEN:
		route_open(s, q, site, v);
		break;
	case QUERY_RETRY:
		route_retry(s, q, site, v);
		break;
	case QUERY_NOTICE:
		route_notice(s, q, site, v);
		break;
	case QUERY_TEST:
		route_test(s, q, site, r->text[0] != '\0' ? r->text :
		    v != NULL ? v->text : "the DNS does not answer");
		break;
	case QUERY_SITE:
		route_site(s, q, r);
		break;
	case QUERY_TXT:
	case QUERY_PREPARE:
	case QUERY_PROVE:
		break;
	}
	query_free(s, q);
}

int
lookup_route(struct scheduler *s, struct slice payload, struct err *e)
{
	static struct ipc_route r;	/* 6 KB */
	struct unpack u;
	struct query *q;

	unpack_init(&u, payload.p, payload.len);
	ipc_get_route(&u, &r);
	if (!unpack_done(&u) || (r.status == IPC_DNS_OK && r.n == 0)) {
		err_set(e, ERR_INPUT, "a malformed frame: resolved");
		return -1;
	}
	q = HASH_OF(hash_find(&s->queries, r.request), struct query, by_id);
	if (q == NULL || !query_is_route(q))
		return 0;
	if (s->nrelays > 0)	/* asked before there were any */
		relays_route(s, &r);
	route_answered(s, q, &r);
	return 0;
}

/* ---- ends */

void
lookups_forget_run(struct scheduler *s, struct run *run)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0, i = 0;
	int64_t due;

	while (run->asking > 0 &&
	    (l = hash_each(&s->queries, &at, &next)) != NULL) {
		struct query *q = HASH_OF(l, struct query, by_id);

		if (q->run != run)
			continue;
		if (q->kind == QUERY_FRESH)
			idlist_add(&run->small, q->domain);
		query_free(s, q);
	}
	while (i < dues_count(s->waits)) {
		uint64_t id = dues_at(s->waits, i, &due);

		if ((uint32_t)(id >> 32) != run->c.id) {
			i++;
			continue;
		}
		/* What takes its place is looked at next. */
		idlist_add(&run->small, (uint32_t)id);
		dues_del(s->waits, id);
		dues_del(s->dns_troubles, id);
	}
}
