/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_lookup.c - questions to deliver roles: mail routes ahead of need,
 * TXT records, and whether a campaign compiles.
 *
 * Routes are asked for in this order: notices that are due, domains with due
 * retries, then the domains of each run in turn while the supply of domains
 * that can be begun is low.  A question whose role dies is asked of another.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "lib/err.h"
#include "lib/shaping.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
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

static int
any_peer(struct scheduler *s)
{
	for (unsigned i = 0; i < SCHEDULER_PEERS_MAX; i++) {
		unsigned p = (s->next_peer + i) % SCHEDULER_PEERS_MAX;

		if (s->peer[p].ready) {
			s->next_peer = p + 1;
			return (int)p;
		}
	}
	return -1;
}

/*
 * Questions about a name go to the same peer while the same ones are ready: it
 * has the answer, and what it saw of the domain's policy (listd/policy.h).
 */
static int
peer_of_name(struct scheduler *s, const char *name)
{
	unsigned ready = 0, at;

	for (unsigned i = 0; i < SCHEDULER_PEERS_MAX; i++)
		ready += s->peer[i].ready;
	if (ready == 0)
		return -1;
	at = (unsigned)(XXH3_64bits(name, strlen(name)) % ready);
	for (unsigned i = 0; ; i++)
		if (s->peer[i].ready && at-- == 0)
			return (int)i;
}

static bool
query_is_route(const struct query *q)
{
	return q->kind != QUERY_TXT && q->kind != QUERY_PREPARE &&
	    q->kind != QUERY_PROVE;
}

/* The frame that asks. */
static enum ipc_type
query_frame(const struct query *q)
{
	switch (q->kind) {
	case QUERY_TXT:
		return IPC_LOOKUP_TXT;
	case QUERY_PREPARE:
		return IPC_PREPARE;
	case QUERY_PROVE:
		return IPC_PROVE;
	default:
		return IPC_RESOLVE;
	}
}

static void route_answered(struct scheduler *s, struct query *q,
    const struct ipc_route *r);

/* Ask a peer; false when there is none. */
static bool
query_send(struct scheduler *s, struct query *q)
{
	struct strbuf b = STRBUF_INIT(512);
	int peer = q->name[0] != '\0' ? peer_of_name(s, q->name) :
	    any_peer(s);

	if (peer == -1)
		return false;
	q->peer = (unsigned)peer;
	pack_u32(&b, q->id);
	if (q->kind == QUERY_PREPARE)
		pack_u32(&b, q->campaign);
	else
		pack_str(&b, q->name);
	s->p.send(s->p.arg, q->peer, query_frame(q), &b);
	strbuf_free(&b);
	return true;
}

static struct query *
query_new(struct scheduler *s, enum query_kind kind, const char *name)
{
	struct query *q = xcalloc(1, sizeof(*q));

	q->kind = kind;
	q->id = ++s->next_query;
	strcpy(q->name, name);
	hash_add(&s->queries, &q->by_id, q->id);
	if (query_is_route(q))
		s->nlookups++;
	return q;
}

static void
query_free(struct scheduler *s, struct query *q)
{
	hash_del(&s->queries, &q->by_id);
	if (query_is_route(q))
		s->nlookups--;
	if (q->run != NULL)
		q->run->asking--;
	free(q);
}

/* It cannot be asked, now or ever: tell who waits, or let it wait. */
static void
query_fail(struct scheduler *s, struct query *q)
{
	switch (q->kind) {
	case QUERY_FRESH:
		idlist_add(&q->run->small, q->domain);
		break;
	case QUERY_RETRY:
		dues_earlier(s->retries, q->domain, sched_now(s));
		break;
	case QUERY_NOTICE:
		dues_earlier(s->notices, q->notice, sched_now(s));
		break;
	case QUERY_TEST:
		q->test->done(q->test->arg, NULL, "no deliver role is ready");
		free(q->test);
		break;
	case QUERY_TXT:
		q->txt(q->arg, IPC_DNS_TEMPORARY, NULL, 0);
		break;
	case QUERY_PREPARE:
		q->prepared(q->arg, NULL);
		break;
	case QUERY_PROVE:
		q->proven(q->arg, IPC_PROOF_UNSURE,
		    "no deliver role is ready");
		break;
	case QUERY_SITE:
		q->found(q->arg, NULL, "no deliver role is ready");
		break;
	}
	query_free(s, q);
}

/* By relays the way is known. */
static void
query_go(struct scheduler *s, struct query *q)
{
	static struct ipc_route r;	/* 6 KB */

	if (s->nrelays > 0 && query_is_route(q)) {
		relays_route(s, &r);
		route_answered(s, q, &r);
	} else if (!query_send(s, q)) {
		query_fail(s, q);
	}
}

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
	if (d != NULL && d->lane != NULL)
		return;		/* it is being sent to already */
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
	if ((d = notice_delivery(s, notice)) == NULL || notice_expires(s, d))
		return;
	q = query_new(s, QUERY_NOTICE, d->domain_name);
	q->notice = notice;
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
	q->found(q->arg, site, v != NULL ? v->text : r->text[0] != '\0' ?
	    r->text : "the DNS does not answer");
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

static void
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

int
lookup_txt(struct scheduler *s, struct slice payload, struct err *e)
{
	struct slice text[64];
	struct unpack u;
	struct query *q;
	uint32_t id;
	uint8_t status;
	uint16_t n;

	unpack_init(&u, payload.p, payload.len);
	id = unpack_u32(&u);
	status = unpack_u8(&u);
	n = unpack_u16(&u);
	if (n > 64)
		u.bad = true;
	for (uint16_t i = 0; i < n && !u.bad; i++)
		text[i] = unpack_bytes(&u);
	if (!unpack_done(&u) || status > IPC_DNS_SELF) {
		err_set(e, ERR_INPUT, "a malformed frame: txt");
		return -1;
	}
	q = HASH_OF(hash_find(&s->queries, id), struct query, by_id);
	if (q != NULL && q->kind == QUERY_TXT) {
		q->txt(q->arg, (enum ipc_dns)status, text, n);
		query_free(s, q);
	}
	return 0;
}

int
lookup_proven(struct scheduler *s, struct slice payload, struct err *e)
{
	char text[IPC_TEXT_MAX + 1];
	struct unpack u;
	struct query *q;
	uint32_t id;
	uint8_t found;

	unpack_init(&u, payload.p, payload.len);
	id = unpack_u32(&u);
	found = unpack_u8(&u);
	unpack_str(&u, text, sizeof(text));
	if (!unpack_done(&u) || found > IPC_PROOF_UNSURE) {
		err_set(e, ERR_INPUT, "a malformed frame: proven");
		return -1;
	}
	q = HASH_OF(hash_find(&s->queries, id), struct query, by_id);
	if (q != NULL && q->kind == QUERY_PROVE) {
		q->proven(q->arg, (enum ipc_proof)found, text);
		query_free(s, q);
	}
	return 0;
}

int
lookup_prepared(struct scheduler *s, struct slice payload, struct err *e)
{
	struct ipc_prepared p;
	struct unpack u;
	struct query *q;

	unpack_init(&u, payload.p, payload.len);
	ipc_get_prepared(&u, &p);
	if (!unpack_done(&u)) {
		err_set(e, ERR_INPUT, "a malformed frame: prepared");
		return -1;
	}
	q = HASH_OF(hash_find(&s->queries, p.request), struct query, by_id);
	if (q != NULL && q->kind == QUERY_PREPARE) {
		q->prepared(q->arg, &p);
		query_free(s, q);
	}
	return 0;
}

/* ---- ends */

void
lookups_peer_down(struct scheduler *s, unsigned peer)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->queries, &at, &next)) != NULL) {
		struct query *q = HASH_OF(l, struct query, by_id);

		if (q->peer == peer)
			query_go(s, q);
	}
}

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

void
lookups_free(struct scheduler *s)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->queries, &at, &next)) != NULL) {
		struct query *q = HASH_OF(l, struct query, by_id);

		if (query_is_route(q) && q->kind != QUERY_TEST &&
		    q->kind != QUERY_SITE)
			query_free(s, q);
		else
			query_fail(s, q);
	}
}

/* ---- for others */

void
scheduler_prepare(struct scheduler *s, uint32_t campaign,
    void (*done)(void *, const struct ipc_prepared *), void *arg)
{
	struct query *q = query_new(s, QUERY_PREPARE, "");

	q->campaign = campaign;
	q->prepared = done;
	q->arg = arg;
	query_go(s, q);
}

void
scheduler_lookup_txt(struct scheduler *s, const char *name,
    void (*done)(void *, enum ipc_dns, const struct slice *, size_t),
    void *arg)
{
	struct query *q;

	if (strlen(name) >= sizeof(q->name)) {
		done(arg, IPC_DNS_NXDOMAIN, NULL, 0);
		return;
	}
	q = query_new(s, QUERY_TXT, name);
	q->txt = done;
	q->arg = arg;
	query_go(s, q);
}

void
scheduler_prove(struct scheduler *s, const char *domain,
    void (*done)(void *, enum ipc_proof, const char *), void *arg)
{
	struct query *q;

	if (strlen(domain) >= sizeof(q->name)) {
		done(arg, IPC_PROOF_NONE, "no such domain");
		return;
	}
	q = query_new(s, QUERY_PROVE, domain);
	q->proven = done;
	q->arg = arg;
	query_go(s, q);
}

void
lookup_site(struct scheduler *s, const char *domain,
    void (*found)(void *, struct site *, const char *), void *arg)
{
	struct query *q;

	if (strlen(domain) >= sizeof(q->name)) {
		found(arg, NULL, "no such domain");
		return;
	}
	q = query_new(s, QUERY_SITE, domain);
	q->found = found;
	q->arg = arg;
	query_go(s, q);
}

void
scheduler_test(struct scheduler *s, const struct scheduler_test *t)
{
	size_t llen = strlen(t->local) + 1, dlen = strlen(t->domain) + 1;
	struct scheduler_test *copy;
	struct query *q;
	char *text;

	if (llen > 256 || dlen > sizeof(q->name)) {
		t->done(t->arg, NULL, "the address is too long");
		return;
	}
	copy = xcalloc(1, sizeof(*copy) + llen + dlen);
	*copy = *t;
	text = (char *)(copy + 1);
	memcpy(text, t->local, llen);
	memcpy(text + llen, t->domain, dlen);
	copy->local = text;
	copy->domain = text + llen;
	q = query_new(s, QUERY_TEST, copy->domain);
	q->test = copy;
	query_go(s, q);
}

void
test_reroute(struct scheduler *s, struct delivery *d)
{
	struct query *q = query_new(s, QUERY_TEST, d->domain_name);

	q->test = d->test;
	d->test = NULL;
	delivery_free(s, d);
	query_go(s, q);
}
